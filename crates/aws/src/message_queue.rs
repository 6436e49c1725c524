//! The queue that messages come from.

use std::time::Duration;

use lwa_core::ports::{CallError, CallFailure};
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::QueueMessage;

use crate::call_error::call_error;
use crate::clients::{Aws, Lazy, lazy};

/// Changes the visibility timeout of messages.
#[derive(Debug, Clone)]
pub struct SqsQueue(Lazy<aws_sdk_sqs::Client>);

impl SqsQueue {
    /// Works through a client.
    pub fn new(client: aws_sdk_sqs::Client) -> Self {
        Self(lazy(|| client))
    }

    /// Works through a client that is made when a message has to come back, which few do.
    pub fn from_aws(aws: &Aws) -> Self {
        let aws = aws.clone();
        Self(lazy(move || aws.sqs()))
    }
}

impl MessageQueue for SqsQueue {
    async fn set_visibility(
        &self,
        message: &QueueMessage,
        timeout: Duration,
    ) -> Result<(), CallError> {
        let operation = "ChangeMessageVisibility";
        let unknown = |what: &str| CallError {
            operation,
            failure: CallFailure::Refused,
            code: None,
            detail: format!("the message came without {what}"),
        };
        let url = message
            .queue_arn
            .as_deref()
            .and_then(queue_url)
            .ok_or_else(|| unknown("the ARN of its queue"))?;
        let handle = message
            .receipt_handle
            .as_deref()
            .ok_or_else(|| unknown("a receipt handle"))?;
        let request = self
            .0
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(handle)
            .visibility_timeout(i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX));
        // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
        Box::pin(request.send())
            .await
            .map_err(|error| call_error(operation, &error))?;
        Ok(())
    }
}

/// The URL of a queue, which SQS wants and an event does not bring along. It only names the
/// queue: requests go to the client's endpoint,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>.
fn queue_url(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sqs", region, account, name] = parts[..] else {
        return None;
    };
    let domain = if partition == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    Some(format!("https://sqs.{region}.{domain}/{account}/{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    const ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:lwa-new-secret";

    fn message(more: &Value) -> QueueMessage {
        let mut message = json!({"messageId": "m-1", "body": ""});
        message
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        serde_json::from_value(message).unwrap()
    }

    #[tokio::test]
    async fn a_message_is_told_when_to_come_back() {
        let canned = Canned::answers([(200, "{}")]);
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(
            &sdk_config(canned.clone()).build(),
        ));
        let message = message(&json!({"eventSourceARN": ARN, "receiptHandle": "r-1"}));
        queue
            .set_visibility(&message, Duration::from_mins(2))
            .await
            .unwrap();
        let request: Value = serde_json::from_str(&canned.bodies()[0]).unwrap();
        assert_eq!(
            request,
            json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/lwa-new-secret",
                   "ReceiptHandle": "r-1", "VisibilityTimeout": 120})
        );
    }

    #[tokio::test]
    async fn a_message_from_nowhere_is_an_error() {
        let canned = Canned::answers([]);
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&sdk_config(canned).build()));
        for odd in [
            json!({}),
            json!({"eventSourceARN": ARN}),
            json!({"eventSourceARN": "arn:aws:sns:eu-west-1:1:x", "receiptHandle": "r"}),
        ] {
            let error = queue.set_visibility(&message(&odd), Duration::ZERO).await;
            assert_eq!(error.unwrap_err().failure, CallFailure::Refused);
        }
        assert_eq!(
            queue_url("arn:aws-cn:sqs:cn-north-1:1:q").as_deref(),
            Some("https://sqs.cn-north-1.amazonaws.com.cn/1/q")
        );
    }
}
