//! The fuzz targets: what must hold for every parser of input from outside, as functions over any
//! bytes.
//!
//! A target panics when something does not hold: a message exceeds a limit, an error quotes a
//! secret, a document comes back changed. `cargo xtask fuzz` searches for bytes that make one
//! panic. The tests of this crate run every target on the seeds, and on the inputs that were found
//! before, on any toolchain.
//!
//! The bytes are what the sender sends, not an encoding of it, so that the sample events are
//! seeds.

#![expect(
    clippy::expect_used,
    reason = "a target panics when something does not hold"
)]

mod account;
mod answers;
mod assertions;
mod functions;
pub mod seeds;
mod text;
mod vault;

/// A parser, or a function with the parsers that it begins with.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, as `cargo xtask fuzz` takes it.
    pub name: &'static str,
    /// Runs it on these bytes.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    // An EventBridge event, to the message that people receive.
    Target::new("event", functions::event),
    // A service's request to the token exchanger.
    Target::new("token-request", functions::token_request),
    // What starts the auditor, with the continuation of an audit in it.
    Target::new("audit-request", functions::audit_request),
    // A batch of an SQS queue, to both functions that have one.
    Target::new("queue", functions::queue),
    // The body of one message of a queue, to both functions that have one.
    Target::new("notification", functions::notification),
    // An answer of LWA, or of something in its place.
    Target::new("lwa-answer", answers::lwa),
    // An answer of SP-API, or of something in its place.
    Target::new("sp-api-answer", answers::sp_api),
    // The document of a secret in Secrets Manager.
    Target::new("document", vault::document),
    // What is typed or piped into `lwa store`.
    Target::new("store-input", vault::store_input),
    // The text of a parameter's policy.
    Target::new("policies", vault::policies),
    // The tags of a parameter or secret.
    Target::new("tags", vault::tags),
    // The name of a parameter or secret.
    Target::new("parameter-name", vault::parameter_name),
    // Text from outside, on its way into a log, a message or an error.
    Target::new("text", text::text),
];

impl Target {
    const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self { name, run }
    }
}
