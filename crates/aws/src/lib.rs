//! Everything that touches the outside: AWS services, plain HTTPS, the environment, the clock
//! and the log.

pub mod call_error;
pub mod clients;
pub mod clock;
pub mod credential_store;
pub mod environment;
pub mod http;
pub mod init_error;
#[cfg(feature = "inspection")]
pub mod inspection;
pub mod logging;
pub mod lwa_client;
pub mod message_queue;
pub mod metrics;
pub mod notifier;
pub mod parameter_directory;
pub mod parameter_store_estate;
pub mod parameter_store_rotation;
pub mod parameter_store_store;
pub mod parameter_store_vault;
pub mod rotation_vault;
pub mod secrets_manager_estate;
pub mod secrets_manager_rotation;
pub mod secrets_manager_store;
pub mod secrets_manager_vault;
pub mod sp_api_client;
pub mod vault;

#[cfg(test)]
mod canned;
#[cfg(feature = "inspection")]
mod signed_call;
