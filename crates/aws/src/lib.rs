//! Everything that touches the outside: AWS services, plain HTTPS, the environment, the clock
//! and the log.

pub mod call_error;
pub mod clients;
pub mod clock;
pub mod environment;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod notifier;
pub mod parameter_directory;

#[cfg(test)]
mod canned;
