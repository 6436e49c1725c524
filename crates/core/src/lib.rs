//! The words, deadlines, messages and decisions of the system that keeps
//! Selling Partner API (SP-API) integrations alive.
//!
//! This crate is pure: it performs no I/O, reads no clock and no environment, and depends on
//! no AWS crate. What it needs from outside arrives as data or through the traits in
//! [`ports`]; every decision takes `now` as a parameter.

pub mod address;
pub mod application;
pub mod audit;
pub mod config;
pub mod consumers;
pub mod deadline;
pub mod error;
pub mod event;
pub mod exchange;
pub mod link;
pub mod lwa;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod notice;
mod object;
pub mod outlook;
pub mod payload;
pub mod policy_notice;
pub mod ports;
pub mod principal;
pub mod provenance;
pub mod redaction;
pub mod rotation;
pub mod rules;
pub mod secret;
pub mod severity;
mod shape;
pub mod sp_api;
pub mod store;
pub mod tags;
pub mod text;
pub mod urgency;
pub mod vault;
pub mod wipe;
pub mod wording;

pub use application::{ApplicationName, Layout, Place, Role};
pub use deadline::{Basis, Deadline};
pub use jiff::Timestamp;
pub use secrecy::{ExposeSecret, SecretString};
pub use severity::Severity;
