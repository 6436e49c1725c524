//! A year in the life: the handlers of all five functions, under a virtual clock.
//!
//! The handlers are the deployed ones. Around them is a model of Amazon and AWS over
//! [`lwa_local::World`]: secrets that expire, overlap and take time to spread; notices and policy
//! events that come late, twice or never; queues that deliver at least once and out of order;
//! schedules; services that throttle, deny, fail and die; and people.
//!
//! [`simulate`] lives through the days of some [`Settings`] and checks every
//! [`invariant::Invariant`] at every step. It runs on one thread and reads no clock and no
//! entropy: the same settings give the same story, byte for byte. A run that fails is made
//! shorter by [`shrink::shrink`], and told by [`simulate_and_tell`].

mod amazon;
pub mod breakage;
mod counts;
mod drive;
mod fault_model;
mod faulty_ports;
pub mod invariant;
mod leak_detector;
pub mod picture;
mod platform;
pub mod settings;
pub mod shrink;
pub mod story;
mod time;
mod vault_fixture;
mod year;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub use breakage::Breakage;
pub use counts::Counts;
pub use invariant::{Invariant, Violation};
pub use settings::{FaultKind, Faults, Settings};
pub use story::Story;

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was simulated.
    pub settings: Settings,
    /// How much happened.
    pub counts: Counts,
    /// The first invariant that did not hold; the simulation ends there.
    pub violation: Option<Violation>,
    /// What happened; empty unless it was to be told.
    pub story: Story,
}

/// Lives through the days without telling, which is quicker.
pub fn simulate(settings: &Settings) -> Outcome {
    year::live(settings, false)
}

/// Lives through the same days, and tells what happens.
pub fn simulate_and_tell(settings: &Settings) -> Outcome {
    year::live(settings, true)
}

/// Lives through many simulations on all processors. Stops at the first that fails, by its place
/// in the list, and gives its outcome; otherwise, how much happened in all of them.
pub fn simulate_many(all: &[Settings]) -> Result<Counts, Box<Outcome>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Counts::default(), None::<(usize, Outcome)>));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(all.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(settings) = all.get(index) else {
                        break;
                    };
                    let outcome = simulate(settings);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.0 += outcome.counts;
                    if outcome.violation.is_some() {
                        // Nobody begins another; those under way end.
                        next.store(all.len(), Ordering::Relaxed);
                        if results.1.as_ref().is_none_or(|(first, _)| index < *first) {
                            results.1 = Some((index, outcome));
                        }
                    }
                }
            });
        }
    });
    let (counts, failure) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    match failure {
        None => Ok(counts),
        Some((_, outcome)) => Err(Box::new(outcome)),
    }
}
