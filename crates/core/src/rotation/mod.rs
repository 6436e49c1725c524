//! Rotation by itself: Amazon's two notifications, and what is decided about them.
//!
//! `rotation-requester` hears of a deadline ([`notification::SecretExpiry`], [`expiry`]), keeps it in the
//! tags of the client secret and asks for a new one ([`request`]); `secret-receiver` gets the
//! new secret ([`notification::NewSecret`]), tries it and stores it ([`receive`]). What both
//! remember between invocations is in the secret's [tags](crate::tags) and nowhere else, so that
//! either may be killed between any two calls: the next invocation reads the tags and goes on
//! from there.
//!
//! Everything here is a decision over data, but for what both do alike around their decisions
//! ([`handling`]). The notices that people get are in [`notices`].

pub mod client_ids;
pub mod expiry;
pub mod handling;
pub mod membership;
pub mod notices;
pub mod notification;
pub mod policy;
pub mod ports;
pub mod queue;
pub mod receive;
mod rejections;
pub mod report;
pub mod request;
