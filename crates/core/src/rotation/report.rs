//! What became of the messages of a queue, for a function's answer and its log.

use serde_json::{Value, json};

use super::queue::QueueMessage;
use crate::application::ApplicationName;

/// What was done with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageReport<O> {
    /// Its id.
    pub message_id: String,
    /// The applications it is about; none where no application matches.
    pub applications: Vec<String>,
    /// What came of it.
    pub outcome: O,
    /// Why, where the outcome does not say it.
    pub detail: Option<String>,
    /// Whether it stays in the queue.
    pub returned: bool,
}

impl<O> MessageReport<O> {
    /// A message that was handled, or stays in the queue.
    pub fn new(
        message: &QueueMessage,
        applications: &[ApplicationName],
        outcome: O,
        detail: Option<String>,
        returned: bool,
    ) -> Self {
        Self {
            message_id: message.message_id.clone(),
            applications: applications.iter().map(ToString::to_string).collect(),
            outcome,
            detail,
            returned,
        }
    }

    /// Logs it; `outcome` is the stable word for what came of it.
    pub fn log(&self, message: &QueueMessage, outcome: &str) {
        let applications = match self.applications.as_slice() {
            [] => "application unknown".to_owned(),
            names => names.join(", "),
        };
        tracing::info!(
            message.id = self.message_id,
            message.returned = self.returned,
            message.receive_count = message.receive_count(),
            outcome,
            detail = self.detail,
            "message handled: {applications}"
        );
    }
}

/// The answer for a batch: the messages that stay in the queue,
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
pub fn batch_response<O>(reports: &[MessageReport<O>]) -> Value {
    let returned = reports.iter().filter(|report| report.returned);
    let failures: Vec<_> = returned
        .map(|report| json!({"itemIdentifier": report.message_id}))
        .collect();
    json!({"batchItemFailures": failures})
}
