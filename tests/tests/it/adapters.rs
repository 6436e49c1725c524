//! The adapter for messages, through real SDK clients.
//!
//! Neither emulator enforces IAM, throttles or is slow by itself, so denied, throttled and
//! timed-out calls are unit tests of `lwa-aws`.

use lwa_aws::notifier::SnsTopic;
use lwa_core::Severity;
use lwa_core::message::{Attributes, Message};
use lwa_core::ports::{CallFailure, Notifier};
use lwa_tests::emulator::{self, Emulator};
use serde_json::{Value, json};

fn message(severity: Severity) -> Message {
    let text = "WARNING: the client secret stops working in 30 days.\n\nDo it \u{2013} now.\n";
    Message {
        subject: "[WARNING] my-erp: 30 days left".into(),
        default: text.into(),
        email: text.into(),
        sms: "LWA WARNING: my-erp stops in 30 days.".into(),
        https: json!({"version": "1.0", "source": "custom"}).to_string(),
        attributes: Attributes {
            severity,
            application: Some("my-erp".into()),
            kind: "secret-unchanged",
        },
    }
}

/// A topic with a queue that subscribes to it.
struct Subscribed {
    sqs: aws_sdk_sqs::Client,
    queue: String,
    topic: SnsTopic,
}

impl Subscribed {
    async fn new(emulator: &Emulator, filter_policy: Option<Value>) -> Self {
        let aws = emulator.aws();
        let name = &emulator.prefix[1..];
        let sns = aws.sns();
        let topic = sns.create_topic().name(name).send().await.unwrap();
        let topic = topic.topic_arn().unwrap();
        let sqs = aws_sdk_sqs::Client::new(aws.sdk_config());
        let queue = sqs.create_queue().queue_name(name).send().await.unwrap();
        let queue = queue.queue_url().unwrap();
        let queue_arn = format!(
            "arn:aws:sqs:{}:{}:{name}",
            emulator::REGION,
            emulator.account
        );
        let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
        let subscribe = subscribe.endpoint(queue_arn);
        let subscribe = match filter_policy {
            Some(policy) => subscribe.attributes("FilterPolicy", policy.to_string()),
            None => subscribe,
        };
        subscribe.send().await.unwrap();
        Self {
            sqs,
            queue: queue.to_owned(),
            topic: SnsTopic::new(sns, topic),
        }
    }

    /// What the queue receives, as JSON, within two seconds.
    async fn received(&self) -> Vec<Value> {
        let receive = self.sqs.receive_message().queue_url(&self.queue);
        let received = receive
            .wait_time_seconds(2)
            .max_number_of_messages(10)
            .send()
            .await
            .unwrap();
        received
            .messages()
            .iter()
            .map(|message| serde_json::from_str(message.body().unwrap()).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn a_message_arrives_with_its_subject_its_default_text_and_its_attributes() {
    for emulator in emulator::both() {
        let subscribed = Subscribed::new(&emulator, None).await;
        let message = message(Severity::Warning);
        let id = subscribed.topic.publish(&message).await.unwrap();
        let received = subscribed.received().await;
        assert_eq!(received.len(), 1, "{emulator:?}");
        let received = &received[0];
        assert_eq!(received["MessageId"], id, "{emulator:?}");
        assert_eq!(received["Subject"], message.subject, "{emulator:?}");
        assert_eq!(received["Message"], message.default, "{emulator:?}");
        let attributes = &received["MessageAttributes"];
        for (name, value) in [
            ("severity", "warning"),
            ("application", "my-erp"),
            ("kind", "secret-unchanged"),
        ] {
            let expected = json!({"Type": "String", "Value": value});
            assert_eq!(attributes[name], expected, "{emulator:?}");
        }
    }
}

#[tokio::test]
async fn a_subscriber_gets_only_the_severities_it_filters_for() {
    for emulator in emulator::both() {
        let subscribed = Subscribed::new(&emulator, Some(json!({"severity": ["critical"]}))).await;
        for severity in Severity::ALL {
            subscribed.topic.publish(&message(severity)).await.unwrap();
        }
        let received = subscribed.received().await;
        let severities: Vec<_> = received
            .iter()
            .map(|message| &message["MessageAttributes"]["severity"]["Value"])
            .collect();
        assert_eq!(severities, ["critical"], "{emulator:?}");
    }
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_said_to_be_missing() {
    for emulator in emulator::both() {
        let arn = format!(
            "arn:aws:sns:{}:{}:{}-gone",
            emulator::REGION,
            emulator.account,
            &emulator.prefix[1..]
        );
        let topic = SnsTopic::new(emulator.aws().sns(), arn);
        let error = topic.publish(&message(Severity::Info)).await.unwrap_err();
        assert_eq!(error.failure, CallFailure::NotFound, "{emulator:?} {error}");
        assert_eq!(error.operation, "Publish");
    }
}
