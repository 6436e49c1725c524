//! What wakes the two functions: messages of a queue, or a schedule.
//!
//! A message's body may hold a live secret, so an invocation's payload is a secret from the
//! moment it is read, and none of the types it passes through has a `Debug` form that shows it.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::notification::{Notification, Unusable, secret};
use crate::event::is_schedule;
use crate::lwa::safe_words;
use crate::object::Object;
pub use crate::payload::Payload;

/// What an invocation asks for.
#[derive(Debug)]
pub enum Trigger {
    /// Messages of a queue.
    Messages(Vec<QueueMessage>),
    /// The schedule, or a person by hand.
    Schedule {
        /// Whether to decide and report, and do nothing.
        dry_run: bool,
    },
}

/// One message of a queue,
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueMessage {
    /// The id that a failure is reported with.
    pub message_id: String,
    /// What names this delivery when its visibility is changed.
    pub receipt_handle: Option<String>,
    /// The body.
    #[serde(default, deserialize_with = "secret")]
    pub body: Option<SecretString>,
    /// What the queue knows about the message.
    #[serde(default)]
    pub attributes: Attributes,
    /// The queue's ARN.
    #[serde(rename = "eventSourceARN")]
    pub queue_arn: Option<String>,
    /// The service that it comes from; not given by everybody who sends a message by hand.
    event_source: Option<String>,
}

/// What a queue knows about a message; numbers come as text.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attributes {
    approximate_receive_count: Option<String>,
    sent_timestamp: Option<String>,
}

impl QueueMessage {
    /// How often the message was received, this time included; 1 where it is not known.
    pub fn receive_count(&self) -> u32 {
        let count = self.attributes.approximate_receive_count.as_deref();
        count.and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
    }

    /// What Amazon says in it.
    pub fn notification(&self) -> Result<Notification, Unusable> {
        Notification::parse(self.body.as_ref().ok_or(Unusable::Missing("body"))?)
    }

    /// When the message was sent.
    pub fn sent_at(&self) -> Option<Timestamp> {
        let milliseconds = self.attributes.sent_timestamp.as_deref()?.parse().ok()?;
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

/// An invocation that asks for nothing that can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// Neither messages nor a schedule.
    #[error(
        "the event is refused: {0}; allowed are a batch of an SQS queue and, for \
         rotation-requester, a schedule's event, `{{}}`, `{{\"dry_run\": true}}` and \
         `{{\"dry_run\": false}}`"
    )]
    Shape(String),
    /// Records that are not messages of a queue.
    #[error(
        "the event's Records are not those of an SQS queue: each needs a messageId and a body of \
         text (line {line}, column {column})"
    )]
    Records {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

impl Payload {
    /// Reads what one of the two functions is invoked with. Whatever is not understood is refused:
    /// it may be a misspelt rehearsal, and a rotation cannot be taken back.
    pub fn parse(&self) -> Result<Trigger, InvalidPayload> {
        let shape = |problem: &str| InvalidPayload::Shape(problem.to_owned());
        let text = self.text().ok_or_else(|| shape("it is not JSON"))?.trim();
        if ["", "null"].contains(&text) {
            return Ok(Trigger::Schedule { dry_run: false });
        }
        if !text.starts_with('{') {
            return Err(shape("it is not a JSON object"));
        }
        let fields: Object<IgnoredAny> = serde_json::from_str(text)
            .map_err(|_| shape("it is not a JSON object with each field once"))?;
        let names: Vec<&str> = fields.0.keys().map(String::as_str).collect();
        match names.as_slice() {
            [] => Ok(Trigger::Schedule { dry_run: false }),
            ["Records"] => batch(text),
            ["dry_run"] => match serde_json::from_str(text) {
                Ok(DryRun { dry_run }) => Ok(Trigger::Schedule { dry_run }),
                Err(_) => Err(shape("`dry_run` is neither true nor false")),
            },
            names
                if ["source", "detail-type"]
                    .iter()
                    .all(|name| names.contains(name)) =>
            {
                let envelope: Envelope = serde_json::from_str(text).unwrap_or_default();
                if is_schedule(envelope.source.as_deref(), envelope.detail_type.as_deref()) {
                    Ok(Trigger::Schedule { dry_run: false })
                } else {
                    Err(shape(
                        "it is an EventBridge event, and not that of a schedule",
                    ))
                }
            }
            names => {
                let known = ["Records", "dry_run"];
                let unknown = names.iter().find(|name| !known.contains(name));
                Err(InvalidPayload::Shape(match unknown {
                    Some(name) => format!("it has the field `{}`", safe_words(name)),
                    None => "it has both `Records` and `dry_run`".to_owned(),
                }))
            }
        }
    }
}

fn batch(text: &str) -> Result<Trigger, InvalidPayload> {
    let Batch { records } =
        serde_json::from_str(text).map_err(|error| InvalidPayload::Records {
            line: error.line(),
            column: error.column(),
        })?;
    let is_of_sqs = |message: &QueueMessage| {
        let source = message.event_source.as_deref();
        source.is_none_or(|source| source == "aws:sqs")
    };
    if records.iter().all(is_of_sqs) {
        Ok(Trigger::Messages(records))
    } else {
        let problem = "its Records do not come from an SQS queue";
        Err(InvalidPayload::Shape(problem.to_owned()))
    }
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<QueueMessage>,
}

#[derive(Deserialize)]
struct DryRun {
    dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope {
    source: Option<String>,
    detail_type: Option<String>,
}

/// How many tries come sooner than the queue's own visibility timeout makes them.
const SOONER_TRIES: u32 = 4;

/// How soon a message that was received `receive_count` times and not handled is to be tried
/// again: after 1, 2, 4 and 8 minutes. Then the queue's own visibility timeout holds, which
/// must be at least 15 minutes; nothing here ever makes a wait longer than that, so that
/// `maxReceiveCount` times the visibility timeout is how long a message is tried, whether or
/// not the function can start at all.
pub fn retry_after(receive_count: u32) -> Option<Duration> {
    let is_sooner = (1..=SOONER_TRIES).contains(&receive_count);
    is_sooner.then(|| Duration::from_secs(60 << (receive_count - 1)))
}

/// How often a message is received on one day of waiting, at 15 minutes a time.
const TRIES_A_DAY: u32 = 96;

/// Whether people should hear of a failure that is not the message's fault: at once if waiting
/// cannot mend it, otherwise after the quick tries, and then once a day.
pub fn should_notify_failure(receive_count: u32, may_mend_itself: bool) -> bool {
    (receive_count == 1 && !may_mend_itself)
        || receive_count == SOONER_TRIES + 2
        || receive_count.is_multiple_of(TRIES_A_DAY)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    fn trigger(event: &Value) -> Result<Trigger, InvalidPayload> {
        // As the runtime reads it.
        serde_json::from_slice::<Payload>(&serde_json::to_vec(event).unwrap())
            .unwrap()
            .parse()
    }

    #[test]
    fn a_batch_is_read_with_its_counts_and_its_bodies_stay_hidden() {
        let event = json!({"Records": [{
            "messageId": "m-1",
            "receiptHandle": "r-1",
            "body": "planted",
            "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1767225600500",
                           "SenderId": "437568002678"},
            "messageAttributes": {},
            "md5OfBody": "0",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:lwa-new-secret",
            "awsRegion": "eu-west-1",
        }, {"messageId": "m-2"}]});
        let trigger = trigger(&event).unwrap();
        assert!(!format!("{trigger:?}").contains("planted"));
        let Trigger::Messages(messages) = trigger else {
            panic!("it should be a batch")
        };
        assert_eq!(messages[0].receive_count(), 3);
        assert_eq!(messages[0].sent_at(), "2026-01-01T00:00:00.5Z".parse().ok());
        assert_eq!(
            messages[0].body.as_ref().unwrap().expose_secret(),
            "planted"
        );
        assert_eq!(messages[1].receive_count(), 1);
        assert!(messages[1].body.is_none() && messages[1].queue_arn.is_none());
    }

    #[test]
    fn a_schedule_is_an_empty_event_or_the_envelope_of_one() {
        for event in [
            json!({}),
            json!(null),
            json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}),
            json!({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event",
                   "resources": ["arn"], "detail": {}}),
            json!({"dry_run": false}),
        ] {
            let trigger = trigger(&event).unwrap();
            assert!(
                matches!(trigger, Trigger::Schedule { dry_run: false }),
                "{event}"
            );
        }
        let trigger = trigger(&json!({"dry_run": true})).unwrap();
        assert!(matches!(trigger, Trigger::Schedule { dry_run: true }));
        let nothing = Payload::new("").parse().unwrap();
        assert!(matches!(nothing, Trigger::Schedule { dry_run: false }));
    }

    #[test]
    fn an_event_that_is_not_understood_is_never_taken_for_a_schedule() {
        for event in [
            json!({"key1": "value1", "key2": "value2", "key3": "value3"}),
            json!({"DRY_RUN": true}),
            json!({"Dry_Run": true}),
            json!({"dry-run": true}),
            json!({"dryRun": true}),
            json!({"dry_run": "true"}),
            json!({"dry_run": 1}),
            json!({"dry_run": null}),
            json!({"dry_run": true, "x": 1}),
            json!({"Payload": {"dry_run": true}}),
            json!({"body": "{\"dry_run\": true}"}),
            json!({"Records": [], "dry_run": true}),
            json!({"Records": null}),
            json!({"Records": [{"messageId": "m", "eventSource": "aws:sns"}]}),
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "x"}}]}),
            json!({"source": "aws.events", "detail": {}}),
            json!({"source": "aws.ssm", "detail-type": "Parameter Store Change", "detail": {}}),
            json!({"source": 7, "detail-type": "Scheduled Event"}),
            json!({"anything": [1, 2]}),
            json!([[], true]),
        ] {
            let error = trigger(&event).unwrap_err().to_string();
            assert!(error.contains("SQS queue"), "{event} gave: {error}");
        }
        let twice = Payload::new(r#"{"dry_run":true,"dry_run":false}"#);
        assert!(twice.parse().is_err());
        for text in [r#"{"dry_run":true"#, r#"{"\ud800":1}"#, "{} x", "dry_run"] {
            assert!(Payload::new(text).parse().is_err(), "{text}");
        }
    }

    #[test]
    fn what_asks_for_nothing_is_refused_without_being_quoted() {
        for event in [
            json!([]),
            json!("planted"),
            json!(7),
            json!({"dry_run": "planted"}),
            json!({"Atzr|planted": 1}),
            json!({"Records": "planted"}),
            json!({"Records": [{"body": "planted"}]}),
            json!({"Records": [{"messageId": "m", "body": {"a": "planted"}}]}),
        ] {
            let error = trigger(&event).unwrap_err().to_string();
            assert!(!error.contains("planted"), "{error}");
        }
    }

    #[test]
    fn tries_come_sooner_at_first_and_never_later_than_the_queue_makes_them() {
        let minutes: Vec<_> = (0..=6)
            .map(|count| retry_after(count).map(|wait| wait.as_secs() / 60))
            .collect();
        assert_eq!(
            minutes,
            [None, Some(1), Some(2), Some(4), Some(8), None, None]
        );
    }

    #[test]
    fn people_hear_of_a_failure_at_once_or_after_the_quick_tries_and_then_daily() {
        let heard = |mends| -> Vec<u32> {
            (1..300)
                .filter(|&count| should_notify_failure(count, mends))
                .collect()
        };
        assert_eq!(heard(false), [1, 6, 96, 192, 288]);
        assert_eq!(heard(true), [6, 96, 192, 288]);
    }
}
