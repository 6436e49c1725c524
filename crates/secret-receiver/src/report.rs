//! What the function did, for its answer, its metrics and callers of the library.

use lwa_core::application::ApplicationName;
use lwa_core::error::FunctionError;
use lwa_core::metrics::MetricSet;
use lwa_core::rotation::queue::{InvalidPayload, QueueMessage};
use lwa_core::rotation::report::batch_response;
use serde_json::Value;

/// What was done with the messages of one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they were handled: the newest secret first.
    pub messages: Vec<MessageReport>,
}

/// What was done with one message.
pub type MessageReport = lwa_core::rotation::report::MessageReport<Outcome>;

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The secret works and is stored.
    Stored,
    /// The secret is stored although LWA does not accept it, because the old one is dying.
    StoredUnverified,
    /// The secret had been stored before.
    Duplicate,
    /// A newer secret is stored.
    Stale,
    /// LWA does not accept the secret yet.
    Waits,
    /// Something outside does not work.
    Failed,
    /// The message can never be handled.
    Rejected,
    /// There was no time for it.
    OutOfTime,
}

impl Outcome {
    /// A stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::StoredUnverified => "stored-unverified",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Waits => "waits",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::OutOfTime => "out-of-time",
        }
    }

    /// Whether the message stays in the queue.
    pub const fn is_returned(self) -> bool {
        matches!(
            self,
            Self::Waits | Self::Failed | Self::Rejected | Self::OutOfTime
        )
    }
}

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiverError {
    /// The event is no batch of messages.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidPayload),
    /// The event has no messages.
    #[error("the event holds no messages: this function is invoked by an SQS queue only")]
    NoMessages,
}

impl FunctionError for ReceiverError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::NoMessages => "InvalidRequest",
        }
    }
}

/// What was done with a message; its outcome tells whether it stays in the queue.
pub(crate) fn report(
    message: &QueueMessage,
    applications: &[ApplicationName],
    outcome: Outcome,
    detail: Option<String>,
) -> MessageReport {
    MessageReport::new(
        message,
        applications,
        outcome,
        detail,
        outcome.is_returned(),
    )
}

impl Report {
    /// The function's answer.
    pub fn to_json(&self) -> Value {
        batch_response(&self.messages)
    }

    /// How often each thing was done; none when nothing was.
    pub(crate) fn metrics(&self, namespace: &str) -> Option<MetricSet> {
        const NAMES: [(Outcome, &str); 6] = [
            (Outcome::Stored, "SecretsStored"),
            (Outcome::StoredUnverified, "SecretsStoredUnverified"),
            (Outcome::Stale, "SecretsStale"),
            (Outcome::Waits, "SecretsWaiting"),
            (Outcome::Failed, "SecretsNotStored"),
            (Outcome::Rejected, "SecretMessagesRejected"),
        ];
        let outcomes: Vec<_> = self.messages.iter().map(|it| it.outcome).collect();
        MetricSet::of_outcomes(namespace, &NAMES, &outcomes)
    }
}
