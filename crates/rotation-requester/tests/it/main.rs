//! The requester as a whole, over both vaults in memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod dates;
mod handler;
mod insiders;
mod stage;
