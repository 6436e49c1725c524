//! Messages to people, through an SNS topic.

use std::collections::HashMap;

use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use lwa_core::message::Message;
use lwa_core::ports::{CallError, CallFailure, Notifier};
use lwa_core::text::{elide_end, printable};
use serde_json::{Map, Value};

use crate::call_error::call_error;
use crate::clients::{Aws, Lazy, lazy};

/// Longest message with its attributes, in bytes,
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const MAX_BYTES: usize = 262_144;

/// Longest value of an attribute that we send, in characters; a filter needs no more.
const MAX_ATTRIBUTE: usize = 256;

/// Publishes to one topic.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    client: Lazy<aws_sdk_sns::Client>,
    arn: String,
}

impl SnsTopic {
    /// Publishes to the topic with this ARN.
    pub fn new(client: aws_sdk_sns::Client, arn: impl Into<String>) -> Self {
        Self {
            client: lazy(|| client),
            arn: arn.into(),
        }
    }

    /// The same with a client that is made for the first message: most invocations of most
    /// functions have none to send.
    pub fn from_aws(aws: &Aws, arn: impl Into<String>) -> Self {
        let aws = aws.clone();
        Self {
            client: lazy(move || aws.sns()),
            arn: arn.into(),
        }
    }
}

impl Notifier for SnsTopic {
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        let operation = "Publish";
        let attributes = attributes(message);
        let others = message.subject.len()
            + attributes
                .iter()
                .map(|(name, value)| name.len() + value.len() + DATA_TYPE.len())
                .sum::<usize>();
        let values = attributes.into_iter().map(|(name, text)| {
            let value = MessageAttributeValue::builder().data_type(DATA_TYPE);
            Ok((name.to_owned(), value.string_value(text).build()?))
        });
        let values = values
            .collect::<Result<HashMap<_, _>, BuildError>>()
            .map_err(|error| CallError {
                operation,
                failure: CallFailure::Refused,
                code: None,
                detail: error.to_string(),
            })?;
        let request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .set_subject(Some(message.subject.clone()).filter(|subject| !subject.is_empty()))
            .message_structure("json")
            .message(body(message, MAX_BYTES - others))
            .set_message_attributes(Some(values));
        // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error(operation, &error))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

const DATA_TYPE: &str = "String";

/// What subscribers filter by, and the delivery class of text messages. SNS refuses empty values,
/// so they are left out.
fn attributes(message: &Message) -> Vec<(&'static str, String)> {
    let attributes = &message.attributes;
    let application = attributes.application.as_deref().unwrap_or_default();
    let pairs = [
        ("severity", attributes.severity.as_str()),
        ("application", application),
        ("kind", attributes.kind),
        ("AWS.SNS.SMS.SMSType", "Transactional"),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name, elide_end(&printable(value), MAX_ATTRIBUTE)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// One text per protocol as JSON of at most `limit` bytes. A message that is too long still
/// goes out: first without the e-mail's text where `default` says the same, then without the
/// chat's, and then with the longest text cut.
fn body(message: &Message, limit: usize) -> String {
    let render = |keys: &[(&str, &str)]| {
        let texts: Map<String, Value> = keys
            .iter()
            .map(|(protocol, text)| ((*protocol).to_owned(), Value::from(*text)))
            .collect();
        Value::Object(texts).to_string()
    };
    let default = ("default", message.default.as_str());
    let email = ("email", message.email.as_str());
    let sms = ("sms", message.sms.as_str());
    let https = ("https", message.https.as_str());
    let mut body = render(&[default, email, sms, https]);
    if body.len() > limit && message.email == message.default {
        body = render(&[default, sms, https]);
    }
    if body.len() > limit {
        body = render(&[("default", message.email.as_str()), sms]);
    }
    if body.len() > limit {
        // A character takes at most six bytes of JSON.
        let room = limit.saturating_sub(1_000 + 6 * message.sms.len()) / 6;
        body = render(&[("default", &elide_end(&message.email, room)), sms]);
    }
    body
}

#[cfg(test)]
mod tests {
    use lwa_core::Severity;
    use lwa_core::message::Attributes;

    use super::*;
    use crate::canned::{Canned, sdk_config};

    const ACCEPTED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
        <PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"#;

    fn message(text: &str) -> Message {
        Message {
            subject: "[WARNING] my-erp: 30 days left".into(),
            default: text.to_owned(),
            email: text.to_owned(),
            sms: "LWA WARNING: my-erp".into(),
            https: r#"{"version":"1.0"}"#.into(),
            attributes: Attributes {
                severity: Severity::Warning,
                application: Some("my-erp".into()),
                kind: "secret-unchanged",
            },
        }
    }

    async fn publish(canned: &Canned, message: &Message) -> Result<String, CallError> {
        let client = aws_sdk_sns::Client::new(&sdk_config(canned.clone()).build());
        let arn = "arn:aws:sns:eu-west-1:111122223333:lwa";
        SnsTopic::new(client, arn).publish(message).await
    }

    /// The fields of the form that was posted.
    fn form(canned: &Canned) -> HashMap<String, String> {
        let decode = |text: &str| {
            let mut bytes = Vec::new();
            let mut rest = text.bytes();
            while let Some(byte) = rest.next() {
                bytes.push(match byte {
                    b'%' => {
                        let digits = [rest.next().unwrap(), rest.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    b'+' => b' ',
                    byte => byte,
                });
            }
            String::from_utf8(bytes).unwrap()
        };
        canned.bodies()[0]
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(key, value)| (decode(key), decode(value)))
            .collect()
    }

    #[tokio::test]
    async fn one_publish_carries_every_rendering_the_subject_and_the_attributes() {
        let canned = Canned::answers([(200, ACCEPTED)]);
        let id = publish(&canned, &message("Hello & good-bye\n")).await;
        assert_eq!(id.as_deref(), Ok("m-1"));
        let form = form(&canned);
        assert_eq!(form["MessageStructure"], "json");
        assert_eq!(form["Subject"], "[WARNING] my-erp: 30 days left");
        let body: Value = serde_json::from_str(&form["Message"]).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "default": "Hello & good-bye\n",
                "email": "Hello & good-bye\n",
                "sms": "LWA WARNING: my-erp",
                "https": "{\"version\":\"1.0\"}",
            })
        );
        let attributes: HashMap<_, _> = (1..=4)
            .map(|n| {
                let entry = format!("MessageAttributes.entry.{n}.");
                assert_eq!(form[&format!("{entry}Value.DataType")], "String");
                (
                    form[&format!("{entry}Name")].as_str(),
                    form[&format!("{entry}Value.StringValue")].as_str(),
                )
            })
            .collect();
        assert_eq!(
            attributes,
            HashMap::from([
                ("severity", "warning"),
                ("application", "my-erp"),
                ("kind", "secret-unchanged"),
                ("AWS.SNS.SMS.SMSType", "Transactional"),
            ])
        );
    }

    #[test]
    fn an_attribute_without_a_value_is_left_out_and_a_hostile_one_made_fit() {
        let mut message = message("x");
        message.attributes.application = None;
        assert_eq!(attributes(&message).len(), 3);
        message.attributes.application = Some(String::new());
        assert_eq!(attributes(&message).len(), 3);
        message.attributes.application = Some("a\n".repeat(5_000));
        let (_, value) = &attributes(&message)[1];
        assert_eq!(value.len(), MAX_ATTRIBUTE);
        assert!(value.starts_with("a?a?"));
    }

    #[test]
    fn a_message_of_any_size_fits_and_keeps_what_matters_most() {
        let keys = |body: &str| -> Vec<String> {
            let body: Map<String, Value> = serde_json::from_str(body).unwrap();
            body.keys().cloned().collect()
        };
        for (size, expected) in [
            (1_000, vec!["default", "email", "https", "sms"]),
            (200_000, vec!["default", "https", "sms"]),
            (262_000, vec!["default", "sms"]),
            (2_000_000, vec!["default", "sms"]),
        ] {
            let mut message = message(&"x".repeat(size));
            message.https = "y".repeat(1_000);
            let body = body(&message, MAX_BYTES - 100);
            assert!(body.len() <= MAX_BYTES - 100, "{}", body.len());
            assert_eq!(keys(&body), expected, "{size}");
        }
        // Each of these is one character and six bytes of JSON.
        let hostile = body(&message(&"\u{1}".repeat(300_000)), MAX_BYTES);
        assert!(hostile.len() <= MAX_BYTES);
        assert!(hostile.len() > MAX_BYTES / 2);
        assert!(hostile.contains("..."));
    }

    #[tokio::test]
    async fn a_refusal_says_which() {
        let answer = r"<ErrorResponse><Error><Type>Sender</Type>
            <Code>KMSAccessDenied</Code><Message>The key is not for you</Message></Error>
            <RequestId>r-7</RequestId></ErrorResponse>";
        let error = publish(&Canned::answers([(400, answer)]), &message("x"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, CallFailure::Denied);
        assert!(
            error
                .to_string()
                .starts_with("Publish was denied: KMSAccessDenied: The key is not for you"),
            "{error}"
        );
    }
}
