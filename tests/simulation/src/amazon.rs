//! Notifications, events and queues of Amazon and AWS, in the shapes that these have.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Days before the deadline on which Amazon has been seen to send a notice,
/// <https://github.com/amzn/selling-partner-api-samples/issues/116>.
pub(crate) const NOTICE_DAYS: [i64; 6] = [90, 60, 30, 15, 7, 1];

/// Days without a change after which the policies of a well-kept secret send an event.
pub(crate) const POLICY_DAYS: [i64; 4] = [90, 150, 165, 173];

/// A notice of expiry, as the body of a queue's message.
pub(crate) fn secret_expiry(client_id: &str, expires_at: Timestamp, now: Timestamp) -> String {
    let payload = json!({"applicationOAuthClientSecretExpiry": {
        "clientId": client_id,
        "clientSecretExpiryTime": instant(expires_at),
        "clientSecretExpiryReason": "PERIODIC_ROTATION",
    }});
    envelope(
        "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
        &payload,
        now,
        &format!("expiry-{client_id}-{}", now.as_second()),
    )
}

/// A new secret, as the body of a queue's message.
pub(crate) fn new_secret(
    client_id: &str,
    secret: &str,
    expires_at: Timestamp,
    old_expires_at: Timestamp,
    now: Timestamp,
    id: &str,
) -> String {
    let payload = json!({"applicationOAuthClientNewSecret": {
        "clientId": client_id,
        "newClientSecret": secret,
        "newClientSecretExpiryTime": instant(expires_at),
        "oldClientSecretExpiryTime": instant(old_expires_at),
    }});
    envelope("APPLICATION_OAUTH_CLIENT_NEW_SECRET", &payload, now, id)
}

fn envelope(notification_type: &str, payload: &Value, now: Timestamp, id: &str) -> String {
    json!({
        "notificationVersion": "1.0",
        "notificationType": notification_type,
        "payloadVersion": "2023-11-30",
        "eventTime": instant(now),
        "payload": payload,
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.local",
            "subscriptionId": "local",
            "publishTime": instant(now),
            "notificationId": id,
        },
    })
    .to_string()
}

/// RFC 3339 to the millisecond, as Amazon writes it.
fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A policy action, as EventBridge delivers it.
pub(crate) fn policy_action(parameter: &str, days: i64, id: &str, now: Timestamp) -> Value {
    event(
        "Parameter Store Policy Action",
        parameter,
        id,
        now,
        &json!({
            "policy-type": "NoChangeNotification",
            "parameter-name": parameter,
            "parameter-type": "SecureString",
            "action-status": "SUCCESS",
            "policy-content": format!(
                r#"{{"Type":"NoChangeNotification","Version":"1.0","Attributes":{{"After":"{days}","Unit":"Days"}}}}"#
            ),
            "action-reason": format!("The parameter has not been changed for {days} days."),
        }),
    )
}

/// A change, as EventBridge delivers it.
pub(crate) fn parameter_update(parameter: &str, id: &str, now: Timestamp) -> Value {
    let detail = json!({"operation": "Update", "name": parameter, "type": "SecureString"});
    event("Parameter Store Change", parameter, id, now, &detail)
}

fn event(detail_type: &str, parameter: &str, id: &str, now: Timestamp, detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": "aws.ssm",
        "account": "111122223333",
        "time": format!("{now:.0}"),
        "region": "eu-west-1",
        "resources": [format!("arn:aws:ssm:eu-west-1:111122223333:parameter{parameter}")],
        "detail": detail,
    })
}

/// A queue, as its event source hands it to a function.
pub(crate) struct Queue {
    pub(crate) name: &'static str,
    /// The visibility timeout, in milliseconds.
    pub(crate) visibility: i64,
    /// How often a message is received before it becomes a dead letter.
    pub(crate) max_receives: u32,
    /// How long a message is kept, in milliseconds.
    pub(crate) retention: i64,
    pub(crate) messages: Vec<QueuedMessage>,
    /// When each dead letter arrived.
    pub(crate) dead: Vec<i64>,
    pub(crate) alarmed: bool,
}

/// A message in a queue.
#[derive(Clone)]
pub(crate) struct QueuedMessage {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) about: About,
    pub(crate) sent_at: i64,
    pub(crate) visible_at: i64,
    pub(crate) receives: u32,
}

/// What a message is about, as the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A secret of an application, by their numbers.
    NewSecret(usize, usize),
    /// The deadline of an application's secret.
    Expiry(usize),
    /// Nothing that can be processed.
    Poison,
    /// What an insider made up.
    Forged,
}

impl Queue {
    pub(crate) const fn new(
        name: &'static str,
        visibility: i64,
        max_receives: u32,
        retention: i64,
    ) -> Self {
        Self {
            name,
            visibility,
            max_receives,
            retention,
            messages: Vec::new(),
            dead: Vec::new(),
            alarmed: false,
        }
    }

    /// The event of a batch.
    pub(crate) fn batch(&self, ids: &[String]) -> String {
        let records: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.messages.iter().find(|message| message.id == *id))
            .map(|message| {
                json!({
                    "messageId": message.id,
                    "receiptHandle": message.id,
                    "body": message.body,
                    "attributes": {
                        "ApproximateReceiveCount": message.receives.to_string(),
                        "SentTimestamp": message.sent_at.to_string(),
                        "SenderId": "437568002678",
                    },
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN":
                        format!("arn:aws:sqs:eu-west-1:111122223333:{}", self.name),
                    "awsRegion": "eu-west-1",
                })
            })
            .collect();
        json!({ "Records": records }).to_string()
    }
}
