//! What must hold for every parser of what others send, as functions over any bytes.
//!
//! Each target panics when something does not hold: a message that breaks a limit, an error
//! that quotes a secret, a document that comes back changed. `cargo xtask fuzz` looks for bytes
//! that make one panic; the tests of this crate give every target the seeds, and what was found
//! before, on any toolchain.
//!
//! The bytes are what the sender would send, not an encoding of it, so that sample events are
//! seeds as they are.

#![expect(
    clippy::expect_used,
    reason = "a target panics when what must hold does not: that is what it is for"
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
    /// Gives it these bytes.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    EVENT,
    TOKEN_REQUEST,
    AUDIT_REQUEST,
    QUEUE,
    NOTIFICATION,
    LWA_ANSWER,
    SP_API_ANSWER,
    DOCUMENT,
    STORE_INPUT,
    POLICIES,
    TAGS,
    PARAMETER_NAME,
    TEXT,
];

/// An EventBridge event, to the message that people receive.
pub const EVENT: Target = Target {
    name: "event",
    run: functions::event,
};

/// What a service asks the token exchanger.
pub const TOKEN_REQUEST: Target = Target {
    name: "token-request",
    run: functions::token_request,
};

/// What wakes the auditor, with the continuation of an audit in it.
pub const AUDIT_REQUEST: Target = Target {
    name: "audit-request",
    run: functions::audit_request,
};

/// A batch of an SQS queue, to both functions that have one.
pub const QUEUE: Target = Target {
    name: "queue",
    run: functions::queue,
};

/// The body of one message of a queue, to both functions that have one.
pub const NOTIFICATION: Target = Target {
    name: "notification",
    run: functions::notification,
};

/// What LWA, or something in its place, answers.
pub const LWA_ANSWER: Target = Target {
    name: "lwa-answer",
    run: answers::lwa,
};

/// What SP-API, or something in its place, answers.
pub const SP_API_ANSWER: Target = Target {
    name: "sp-api-answer",
    run: answers::sp_api,
};

/// The document of a secret in Secrets Manager.
pub const DOCUMENT: Target = Target {
    name: "document",
    run: vault::document,
};

/// What is typed or piped into `lwa store`.
pub const STORE_INPUT: Target = Target {
    name: "store-input",
    run: vault::store_input,
};

/// The text of a parameter's policy.
pub const POLICIES: Target = Target {
    name: "policies",
    run: vault::policies,
};

/// The tags of a parameter or secret.
pub const TAGS: Target = Target {
    name: "tags",
    run: vault::tags,
};

/// The name of a parameter or secret.
pub const PARAMETER_NAME: Target = Target {
    name: "parameter-name",
    run: vault::parameter_name,
};

/// Text from outside, on its way into a log, a message or an error.
pub const TEXT: Target = Target {
    name: "text",
    run: text::text,
};
