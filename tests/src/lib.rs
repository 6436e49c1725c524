//! What the tests of this package stand on: AWS emulators, the Lambda Runtime API for the real
//! function binaries, an HTTP server that follows a script, and a search for leaked secrets.
//!
//! A harness reports by failing the test, so its functions panic where another library would
//! return an error.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness reports by failing the test"
)]

pub mod aws_call;
pub mod binary;
pub mod emulator;
pub mod http_stub;
pub mod leak;
pub mod recorder;
pub mod runtime_api;
mod server;
pub mod terminal;
