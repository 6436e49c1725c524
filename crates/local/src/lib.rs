//! The outside world in memory: what replay and tests run the real handlers on.
//!
//! A [`World`] holds parameters, secrets, faults and the time. It implements the ports of
//! `lwa-core`, records every call, and keeps every published message.

mod estate;
pub mod log;
pub mod lwa;
mod parameter_directory;
pub mod rotation;
pub mod sp_api;
pub mod store;
pub mod vault;
pub mod world;
pub mod world_file;

pub use world::{Blow, Fate, Fault, FaultMode, Parameter, ParameterVersion, Secret, World};
