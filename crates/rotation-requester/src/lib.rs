//! rotation-requester: asks Amazon for a new client secret before the old one dies.
//!
//! It is woken by Amazon's notices of expiry, and daily by a schedule. A notice's deadline goes
//! into the tags of the client secret, and what is due is then decided from the tags alone, so
//! that a notice that is lost, early, late or doubled changes nothing. What to do is decided in
//! [`lwa_core::rotation::request`]; what is read, requested and published is here.
//!
//! The request is not idempotent. `lwa:rotation-requested-at` is therefore written before it,
//! removed when Amazon clearly refuses, and left when the outcome is unknown: no other request is
//! made in the four days after it: Amazon lets the old secret work for seven. Tags have no compare-and-set, so two invocations at the very same
//! time could still both ask; the deployed function runs one at a time.
//!
//! Before the schedule decides, it makes sure of the dates that it decides by: where a version is
//! stored that was not looked at, its value is compared with the one before, and dates of another
//! secret are removed ([`lwa_core::provenance`]).
//!
//! A message goes back to its queue only when its deadline could not be stored, or no notice could
//! be published. From then on the schedule sees to the rest. A message that can never be handled
//! goes back every time, until the queue moves it to its dead-letter queue; people hear of each
//! kind of them once an hour, with their number.

mod by_hand;
mod dates;
mod look_alikes;
mod messages;
mod report;
mod request;
mod requester;
mod schedule;

pub use crate::by_hand::{Plan, Progress};
pub use crate::report::{
    ApplicationReport, MessageReport, Outcome, Report, RequesterError, ScheduleReport,
};
pub use crate::requester::{Ports, RotationRequester, Settings};
