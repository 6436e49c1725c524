//! SP-API's two notifications about client secrets, as the body of a queue's message.
//!
//! The shapes are those of Amazon's sample,
//! <https://github.com/amzn/selling-partner-api-samples/tree/main/use-cases/lwa-rotation>; the
//! types are not among the published notification schemas. Unknown fields and versions are
//! ignored. No error quotes the body, because it may hold a live secret.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::deadline::CLOCKS_DIFFER_BY;
use crate::lwa::safe_words;
use crate::text::quotable;

/// The `notificationType` of [`SecretExpiry`].
pub const SECRET_EXPIRY: &str = "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY";

/// The `notificationType` of [`NewSecret`].
pub const NEW_SECRET: &str = "APPLICATION_OAUTH_CLIENT_NEW_SECRET";

/// One notification.
#[derive(Debug, Clone)]
pub enum Notification {
    /// A client secret will expire.
    SecretExpiry(SecretExpiry),
    /// A new client secret was made.
    NewSecret(NewSecret),
}

/// When a client secret expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretExpiry {
    /// Whose secret it is.
    pub client_id: String,
    /// The instant after which it stops working.
    pub expires_at: Timestamp,
    /// Why, an open set; `PERIODIC_ROTATION` is the only value seen.
    pub reason: Option<String>,
    /// When Amazon noticed.
    pub event_time: Option<Timestamp>,
}

/// A new client secret. `Debug` redacts it.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// Whose secret it is.
    pub client_id: String,
    /// The secret.
    pub secret: SecretString,
    /// The instant after which it stops working.
    pub expires_at: Timestamp,
    /// The instant after which the one before it stops working.
    pub old_expires_at: Option<Timestamp>,
    /// When it was issued.
    pub event_time: Option<Timestamp>,
    /// Amazon's id of the notification, the same for every delivery.
    pub notification_id: Option<String>,
}

/// A message that no delivery will ever make usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not JSON, or JSON of another shape.
    #[error(
        "the message is not a notification: it is not JSON of the expected shape from line {line}, column {column} on"
    )]
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A notification of a type that no function handles.
    #[error(
        "the notification has the type `{0}`; only {SECRET_EXPIRY} and {NEW_SECRET} are handled"
    )]
    Type(String),
    /// A field is missing or empty.
    #[error("the notification lacks the field {0}")]
    Missing(&'static str),
    /// A field that should be an instant is none.
    #[error("the notification's field {0} is not an RFC 3339 instant")]
    NotAnInstant(&'static str),
}

impl SecretExpiry {
    /// The notice without a time of the event that lies after its message was sent.
    #[must_use]
    pub fn sent_at(mut self, sent_at: Option<Timestamp>) -> Self {
        let latest = sent_at.unwrap_or(Timestamp::MAX);
        let is_possible = |at: &Timestamp| at.duration_since(latest) <= CLOCKS_DIFFER_BY;
        self.event_time = self.event_time.filter(is_possible);
        self
    }
}

impl Notification {
    /// Reads the body of a message.
    pub fn parse(body: &SecretString) -> Result<Self, Unusable> {
        let envelope: Envelope =
            serde_json::from_str(body.expose_secret()).map_err(|error| Unusable::Shape {
                line: error.line(),
                column: error.column(),
            })?;
        let event_time = envelope.event_time.and_then(|text| text.parse().ok());
        let payload = envelope.payload.unwrap_or_default();
        match envelope.notification_type.as_deref() {
            Some(SECRET_EXPIRY) => {
                const FIELD: &str = "payload.applicationOAuthClientSecretExpiry";
                let found = payload.secret_expiry.ok_or(Unusable::Missing(FIELD))?;
                Ok(Self::SecretExpiry(SecretExpiry {
                    client_id: text(found.client_id, "clientId")?,
                    expires_at: instant(found.expires_at, "clientSecretExpiryTime")?,
                    reason: found.reason,
                    event_time,
                }))
            }
            Some(NEW_SECRET) => {
                const FIELD: &str = "payload.applicationOAuthClientNewSecret";
                let found = payload.new_secret.ok_or(Unusable::Missing(FIELD))?;
                let secret = found.new_client_secret;
                let secret = secret.filter(|secret| !secret.expose_secret().trim().is_empty());
                let secret = secret.ok_or(Unusable::Missing("newClientSecret"))?;
                let expires_at = found.new_client_secret_expiry_time;
                let old = found.old_client_secret_expiry_time;
                let old = old.map(|text| instant(Some(text), "oldClientSecretExpiryTime"));
                let id = envelope
                    .notification_metadata
                    .and_then(|it| it.notification_id);
                Ok(Self::NewSecret(NewSecret {
                    old_expires_at: old.transpose()?,
                    client_id: text(found.client_id, "clientId")?,
                    secret,
                    expires_at: instant(expires_at, "newClientSecretExpiryTime")?,
                    event_time,
                    notification_id: id.filter(|id| !id.trim().is_empty()),
                }))
            }
            Some(other) => Err(Unusable::Type(safe_words(&quotable(other)))),
            None => Err(Unusable::Missing("notificationType")),
        }
    }
}

fn text(found: Option<String>, field: &'static str) -> Result<String, Unusable> {
    let found = found.map(|text| text.trim().to_owned());
    let found = found.filter(|text| !text.is_empty());
    found.ok_or(Unusable::Missing(field))
}

fn instant(found: Option<String>, field: &'static str) -> Result<Timestamp, Unusable> {
    let parsed = text(found, field)?.parse();
    parsed.map_err(|_| Unusable::NotAnInstant(field))
}

// The wire. None of these has a `Debug` form.

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    notification_type: Option<String>,
    event_time: Option<String>,
    payload: Option<Payload>,
    notification_metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
struct Payload {
    #[serde(rename = "applicationOAuthClientSecretExpiry")]
    secret_expiry: Option<SecretExpiryWire>,
    #[serde(rename = "applicationOAuthClientNewSecret")]
    new_secret: Option<NewSecretWire>,
}

#[derive(Deserialize)]
struct SecretExpiryWire {
    #[serde(rename = "clientId")]
    client_id: Option<String>,
    #[serde(rename = "clientSecretExpiryTime")]
    expires_at: Option<String>,
    #[serde(rename = "clientSecretExpiryReason")]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSecretWire {
    client_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    new_client_secret: Option<SecretString>,
    new_client_secret_expiry_time: Option<String>,
    old_client_secret_expiry_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    notification_id: Option<String>,
}

/// A string, as a secret from the moment it is read.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PLANTED: &str = "amzn1.oa2-cs.v1.planted\"\\\u{1f511}{{x}}";

    fn envelope(kind: &str, key: &str, payload: &Value) -> Value {
        json!({
            "notificationVersion": "1.0",
            "notificationType": kind,
            "payloadVersion": "2023-11-30",
            "eventTime": "2026-01-10T02:15:10.045Z",
            "payload": {key: payload},
            "notificationMetadata": {
                "applicationId": "amzn1.sp.solution.0",
                "subscriptionId": "7d1a1f3e-0b7a-4f6e-9f2c-5a3b2c1d0e9f",
                "publishTime": "2026-01-10T02:15:11.295Z",
                "notificationId": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            },
        })
    }

    fn new_secret() -> Value {
        envelope(
            NEW_SECRET,
            "applicationOAuthClientNewSecret",
            &json!({
                "clientId": "amzn1.application-oa2-client.0",
                "newClientSecret": PLANTED,
                "newClientSecretExpiryTime": "2026-07-09T02:15:10.045Z",
                "oldClientSecretExpiryTime": "2026-01-17T02:15:10.045Z",
            }),
        )
    }

    fn parse(body: &Value) -> Result<Notification, Unusable> {
        Notification::parse(&body.to_string().into())
    }

    #[test]
    fn a_new_secret_is_read_byte_for_byte() {
        let Ok(Notification::NewSecret(new)) = parse(&new_secret()) else {
            panic!("it should be a new secret")
        };
        assert_eq!(new.secret.expose_secret(), PLANTED);
        assert_eq!(new.client_id, "amzn1.application-oa2-client.0");
        assert_eq!(new.expires_at, "2026-07-09T02:15:10.045Z".parse().unwrap());
        assert_eq!(new.old_expires_at, "2026-01-17T02:15:10.045Z".parse().ok());
        assert_eq!(new.event_time, "2026-01-10T02:15:10.045Z".parse().ok());
        assert_eq!(
            new.notification_id.as_deref(),
            Some("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
        );
    }

    #[test]
    fn an_expiry_is_read_whatever_its_reason_and_version() {
        let payload = json!({
            "clientId": "amzn1.application-oa2-client.0",
            "clientSecretExpiryTime": "2026-03-04T00:00:00Z",
            "clientSecretExpiryReason": "SOMETHING_NEW",
            "futureField": {"a": 1},
        });
        let mut body = envelope(
            SECRET_EXPIRY,
            "applicationOAuthClientSecretExpiry",
            &payload,
        );
        body["payloadVersion"] = "1.0".into();
        let Ok(Notification::SecretExpiry(expiry)) = parse(&body) else {
            panic!("it should be an expiry")
        };
        assert_eq!(expiry.expires_at, "2026-03-04T00:00:00Z".parse().unwrap());
        assert_eq!(expiry.reason.as_deref(), Some("SOMETHING_NEW"));
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_of_the_body_is_quoted() {
        let key = "applicationOAuthClientNewSecret";
        let without = |field: &str| {
            let mut body = new_secret();
            body["payload"][key].as_object_mut().unwrap().remove(field);
            body
        };
        let with = |pointer: &str, value: Value| {
            let mut body = new_secret();
            *body.pointer_mut(pointer).unwrap() = value;
            body
        };
        let cases = [
            (without("clientId"), "lacks the field clientId"),
            (
                without("newClientSecret"),
                "lacks the field newClientSecret",
            ),
            (
                without("newClientSecretExpiryTime"),
                "lacks the field newClientSecretExpiryTime",
            ),
            (
                with(
                    "/payload/applicationOAuthClientNewSecret/newClientSecret",
                    " ".into(),
                ),
                "lacks the field newClientSecret",
            ),
            (
                with(
                    "/payload/applicationOAuthClientNewSecret/newClientSecretExpiryTime",
                    PLANTED.into(),
                ),
                "newClientSecretExpiryTime is not an RFC 3339 instant",
            ),
            (
                with("/payload", json!({})),
                "lacks the field payload.applicationOAuthClientNewSecret",
            ),
            (
                with("/payload", PLANTED.into()),
                "not JSON of the expected shape",
            ),
            (
                with(
                    "/payload/applicationOAuthClientNewSecret/clientId",
                    json!({"a": PLANTED}),
                ),
                "not JSON of the expected shape",
            ),
            (
                with("/notificationType", Value::Null),
                "lacks the field notificationType",
            ),
            (
                with("/notificationType", PLANTED.into()),
                "has the type `[redacted]",
            ),
        ];
        for (body, expected) in cases {
            let error = parse(&body).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("planted"), "{error}");
        }
        for body in ["", "planted", "[]", "\"planted\"", "{\"a\":", "null"] {
            let error = Notification::parse(&body.into()).unwrap_err().to_string();
            assert!(!error.contains("planted"), "{error}");
        }
    }

    #[test]
    fn no_debug_form_shows_the_secret() {
        let parsed = parse(&new_secret()).unwrap();
        assert!(!format!("{parsed:?}").contains("planted"));
    }
}
