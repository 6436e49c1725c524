//! The test kit: AWS emulators, the Lambda Runtime API and a process for the real binary of a
//! function, an HTTP server that follows a script, and a search for leaked secrets. The tests of
//! this package and the benchmark use it.
//!
//! A harness reports by failing the test, so its functions panic where another library would
//! return an error.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness reports by failing the test"
)]

#[cfg(feature = "emulators")]
pub mod aws_call;
pub mod binary;
pub mod clock;
#[cfg(feature = "emulators")]
pub mod emulator;
pub mod http_stub;
pub mod leak;
pub mod memory;
pub mod process;
#[cfg(feature = "emulators")]
pub mod recorder;
pub mod runtime_api;
pub mod server;
pub mod terminal;
