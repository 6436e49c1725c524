//! The outside world in memory: what replay and tests run the real handlers on.
//!
//! A [`World`] holds parameters, secrets, faults and the time. It implements the ports of
//! `lwa-core`, one AWS call for each method and by AWS's rules, records every call, and keeps
//! every published message.

mod account;
mod amazon;
mod fault;
mod json;
pub mod listing;
pub mod log;
pub mod lwa;
pub mod parameter_store;
mod refusal;
pub mod secrets_manager;
pub mod sp_api;
pub mod world;
pub mod world_file;

pub use fault::{Fault, FaultInjector, ScriptedFault};
pub use parameter_store::{Parameter, ParameterVersion};
pub use secrets_manager::{Secret, SecretVersion};
pub use world::World;
