//! The adapters for parameters' metadata and for messages, through real SDK clients.
//!
//! Neither emulator enforces IAM, throttles or is slow by itself, so denied, throttled and
//! timed-out calls are unit tests of `lwa-aws`.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{ParameterTier, ParameterType, Tag};
use lwa_aws::notifier::SnsTopic;
use lwa_aws::parameter_directory::SsmDirectory;
use lwa_core::Severity;
use lwa_core::message::{Attributes, Message};
use lwa_core::ports::{CallFailure, Notifier, ParameterDirectory};
use lwa_tests::emulator::{self, Emulator};
use serde_json::{Value, json};

#[tokio::test]
async fn a_parameter_is_described_and_its_tags_are_listed() {
    for emulator in emulator::both() {
        let name = format!("{}/lwa/clientsecret", emulator.prefix);
        let ssm = emulator.aws().ssm();
        let put = || {
            let put = ssm.put_parameter().name(&name).value("planted-value");
            put.r#type(ParameterType::SecureString)
                .tier(ParameterTier::Advanced)
        };
        let owner = Tag::builder().key("owner").value("erp team").build();
        let issued = Tag::builder()
            .key("lwa:secret-issued-at")
            .value("2026-01-01T00:00:00Z")
            .build();
        let tagged = put().tags(owner.unwrap()).tags(issued.unwrap());
        tagged.send().await.unwrap();
        put().overwrite(true).send().await.unwrap();
        // A name that begins alike must not be taken for it.
        let longer = ssm.put_parameter().name(format!("{name}2")).value("x");
        longer.r#type(ParameterType::String).send().await.unwrap();

        let directory = SsmDirectory::new(ssm);
        for spelling in [&*name, &name[1..]] {
            let found = directory.describe(spelling).await.unwrap().unwrap();
            assert_eq!(found.name, name, "{emulator:?}");
            assert_eq!(found.parameter_type, "SecureString", "{emulator:?}");
            assert_eq!(found.version, Some(2), "{emulator:?}");
            assert_eq!(found.tier.as_deref(), Some("Advanced"), "{emulator:?}");
            assert!(found.last_modified.is_some(), "{emulator:?}");
            assert!(found.policies.is_empty(), "{emulator:?}");
            let tags = directory.tags(spelling).await.unwrap();
            let expected = [
                ("lwa:secret-issued-at", "2026-01-01T00:00:00Z"),
                ("owner", "erp team"),
            ];
            let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(tags, BTreeMap::from(expected), "{emulator:?}");
        }
    }
}

#[tokio::test]
async fn a_parameter_that_does_not_exist_is_no_error() {
    for emulator in emulator::both() {
        let directory = SsmDirectory::new(emulator.aws().ssm());
        let name = format!("{}/lwa/clientsecret", emulator.prefix);
        assert_eq!(directory.describe(&name).await, Ok(None), "{emulator:?}");
        let tags = directory.tags(&name).await;
        assert_eq!(tags, Ok(BTreeMap::new()), "{emulator:?}");
    }
}

/// Only moto: ministack's answer cannot be parsed once a parameter has a policy.
#[tokio::test]
async fn the_policies_of_a_parameter_are_described() {
    let emulator = emulator::moto();
    let name = format!("{}/lwa/clientsecret", emulator.prefix);
    let policy = |days: &str| {
        json!({
            "Type": "NoChangeNotification",
            "Version": "1.0",
            "Attributes": {"After": days, "Unit": "Days"},
        })
    };
    let ssm = emulator.aws().ssm();
    let put = ssm.put_parameter().name(&name).value("planted-value");
    put.r#type(ParameterType::SecureString)
        .tier(ParameterTier::Advanced)
        .policies(json!([policy("90"), policy("150")]).to_string())
        .send()
        .await
        .unwrap();
    let found = SsmDirectory::new(ssm).describe(&name).await.unwrap();
    let policies = found.unwrap().policies;
    assert_eq!(policies.len(), 2);
    for (policy, days) in policies.iter().zip(["'90'", "'150'"]) {
        // moto gives the whole policy in Python's writing for its text and for its type, so
        // the type is left to the unit tests.
        assert!(policy.text.contains(days), "{}", policy.text);
        assert_eq!(policy.status, "Finished");
    }
}

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
