//! Everything that touches the outside: AWS services, plain HTTPS, the environment, the clock
//! and the log.

pub mod account;
pub mod call_error;
pub mod clients;
pub mod clock;
pub mod environment;
#[cfg(feature = "inspection")]
pub mod event_bus;
pub mod http;
#[cfg(feature = "inspection")]
pub mod inspection;
pub mod logging;
pub mod lwa_client;
pub mod message_queue;
pub mod metrics;
pub mod notifier;
pub mod sp_api_client;

#[cfg(test)]
mod canned;
#[cfg(feature = "inspection")]
mod signed_call;
mod wiping;
