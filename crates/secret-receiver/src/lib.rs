//! secret-receiver: verifies the new client secret that Amazon sends, and stores it.
//!
//! Amazon sends a new secret once, in a message of a queue. Until it is stored the queue is the
//! only place that has it, so a message is acknowledged only after that. What to do with it is
//! decided in [`lwa_core::rotation::receive`]; what is read, tried, stored and published is here.
//!
//! # The order of things
//!
//! For one message: find the places with its client id; keep those that are proven to share its
//! secret ([`lwa_core::rotation::membership`]); read tags and value of each; try the secret with
//! LWA; store it; write the tags with its dates and `lwa:new-secret-pending`; publish a
//! notification; remove that tag and `lwa:rotation-requested-at`; acknowledge. A place where one
//! of these fails holds up only itself. An invocation
//! that dies between any two of them is followed by one that finds the secret stored, and goes on
//! with the first thing that is not done. People hear twice only if it died after it published
//! and before it removed the tag.
//!
//! # Messages that wait, and messages that cannot be processed
//!
//! LWA may not know a new secret for a while, and any service may be down. Such a message goes
//! back to the queue: sooner than the queue's visibility timeout at first
//! ([`retry_after`](lwa_core::rotation::queue::retry_after)), and from then on with it. The
//! queue's visibility timeout times its `maxReceiveCount` is therefore how long a message is
//! tried, even when this function cannot start at all: with 15 minutes and 700 it is a little
//! over seven days, as long as the old secret lives. When less than a day of that is left, a
//! secret that LWA does not know is stored as soon as LWA refuses the stored one.
//!
//! A message that no try can ever handle would go round for a week, too. SQS moves a message to
//! the dead-letter queue when it has been received `maxReceiveCount` times, however quickly, so
//! such a message is made visible again at once (`ChangeMessageVisibility` with 0) and reported
//! as failed: it has been received 700 times, and is in the dead-letter queue, within minutes.
//! SQS itself moves it, whole and with its history; no copy is made that could be lost or
//! doubled, the function needs no permission on the dead-letter queue, and
//! `start-message-move-task` knows where it came from. All but the first of those receptions
//! cost nothing: the execution environment remembers the message and does not look at it again.

mod delivery;
mod receiver;
mod report;
mod returned;
mod waiting;

pub use crate::receiver::{Ports, SecretReceiver, Settings};
pub use crate::report::{MessageReport, Outcome, ReceiverError, Report};
