//! The receiver in a world in memory, with a queue that behaves as SQS does.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod insiders;
mod messages;
mod stage;
mod steps;
