//! What came out of replaying one event.

use std::error::Error;

use lwa_core::Timestamp;
use lwa_core::config::ConfigError;
use lwa_core::error::chain;
use lwa_core::message::Message;
use serde::Serialize;
use serde_json::{Value, json};

use super::arrival::Arrival;
use crate::event_rule::Mismatch;
use crate::function::Function;

/// What came out of replaying one event.
#[derive(Debug)]
pub struct Outcome {
    /// The path it was given as.
    pub name: String,
    /// The sentence in its expectation.
    pub description: Option<String>,
    /// How it reaches the functions; none when its shape is unknown.
    pub arrival: Option<Arrival>,
    /// The function it was handed to.
    pub function: Option<Function>,
    /// Whether `--function` chose it.
    pub overridden: bool,
    /// The time it was for the function; none when nothing was run.
    pub now: Option<Timestamp>,
    /// The names of the rules that match it.
    pub rules: Vec<String>,
    /// Why no rule matches an event that travels over EventBridge.
    pub unmatched: Option<Mismatch>,
    /// What the function answered, or how it failed.
    pub result: Result<Value, Failed>,
    /// What people receive.
    pub notifications: Vec<Message>,
    /// What changed in the vault, at Amazon and in the queue, one line each; none against a real
    /// account, where nothing is changed.
    pub changes: Vec<String>,
    /// Whether that is as it should be.
    pub verdict: Verdict,
}

/// How an invocation failed, in the words of a function's error response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Stable; what alarms and programs look at.
    #[serde(rename = "errorType")]
    pub error_type: &'static str,
    /// For people.
    #[serde(rename = "errorMessage")]
    pub message: String,
}

impl Failed {
    /// A failure of a stable type.
    pub(super) const fn new(error_type: &'static str, message: String) -> Self {
        Self {
            error_type,
            message,
        }
    }

    /// A failure for a reason, told with its causes.
    pub(super) fn of(error_type: &'static str, error: &(dyn Error + 'static)) -> Self {
        Self::new(error_type, chain(error))
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::of("InvalidConfiguration", &error)
    }
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Self::of("InvalidResponse", &error)
    }
}

/// Whether an outcome is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is what `expected.json` says.
    AsExpected,
    /// It differs from `expected.json`, one sentence for each difference.
    Unexpected(Vec<String>),
    /// There is no expectation, and nothing is wrong.
    Good,
    /// There is no expectation, and this is wrong.
    Wrong(&'static str),
}

impl Verdict {
    /// Whether it is.
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::AsExpected | Self::Good)
    }
}

impl Outcome {
    /// The error type; none for a success.
    pub fn error_type(&self) -> Option<&'static str> {
        self.result.as_ref().err().map(|failed| failed.error_type)
    }

    /// The outcome as programs read it.
    pub fn to_json(&self) -> Value {
        json!({
            "event": self.name,
            "function": self.function.map(Function::as_str),
            "rules": self.rules,
            "response": self.result.as_ref().ok(),
            "error": self.result.as_ref().err(),
            "notifications": self.notifications,
        })
    }
}
