//! A year of operation: the handlers of all five functions under a virtual clock.
//!
//! The handlers are the deployed ones. Around them is a model of Amazon and AWS over
//! [`lwa_local::World`]: secrets that expire, overlap and take time to propagate; notices and
//! policy events that arrive late, twice or never; queues that deliver at least once and out of
//! order; schedules; services that throttle, deny, fail and are down; and people.
//!
//! [`simulate`] runs the days of some [`Settings`] and checks every [`invariant::Invariant`] after
//! every step. It runs on one thread and reads no clock and no entropy: the same settings give
//! the same story, byte for byte. [`shrink::shrink`] makes a run that fails shorter, and
//! [`simulate_with_story`] records its story.

mod amazon;
pub mod breakage;
pub mod command;
mod counts;
mod drive;
mod fault_model;
mod faulty_ports;
pub mod invariant;
mod leak_detector;
mod outcome;
pub mod picture;
mod platform;
pub mod report;
mod run;
pub mod settings;
pub mod shrink;
pub mod story;
mod time;
mod vault_fixture;
mod year;

pub use breakage::Breakage;
pub use counts::Counts;
pub use invariant::{Invariant, Violation};
pub use outcome::Outcome;
pub use run::{simulate, simulate_many, simulate_with_story};
pub use settings::{FaultKind, Faults, Settings};
pub use story::Story;
