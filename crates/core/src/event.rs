//! EventBridge events as domain types.
//!
//! Parsing cannot fail: an unknown event keeps its content in [`Event::detail`] and gets the kind
//! [`EventKind::Other`], because a reminder of a new shape must go out, too.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The source of [`test_event`]. No service of AWS has it, so everyone with `events:PutEvents`
/// may send such an event.
const TEST_SOURCE: &str = "lwa";

/// What [`test_event`] is called.
const TEST_DETAIL_TYPE: &str = "LWA Test Message";

/// One event, <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique id; the same for every delivery of one event.
    pub id: Option<String>,
    /// What the source calls this kind of event.
    pub detail_type: Option<String>,
    /// The service it came from.
    pub source: Option<String>,
    /// The account it happened in.
    pub account: Option<String>,
    /// The region it happened in.
    pub region: Option<String>,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// ARNs of what it is about.
    pub resources: Vec<String>,
    /// What it says.
    pub kind: EventKind,
    /// The `detail` field as it came; the whole event when it has none.
    pub detail: Value,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// A parameter policy acted, or failed to.
    PolicyAction(PolicyAction),
    /// A parameter was created, written, labelled or deleted:
    /// `Parameter Store Change`, same source as [`PolicyAction`].
    ParameterChange {
        /// The parameter's name, as it came.
        parameter_name: String,
        /// What was done; the word as it came, or empty.
        operation: String,
        /// The parameter's description.
        description: Option<String>,
    },
    /// Secrets Manager finished a rotation, or failed to.
    SecretRotation(SecretRotation),
    /// Somebody asks for a test message: a [`test_event`].
    Test {
        /// The client secret whose deadline the message shows, as it came.
        parameter_name: Option<String>,
    },
    /// Anything else.
    Other,
}

/// `Parameter Store Policy Action`,
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyAction {
    /// The parameter's name, as it came.
    pub parameter_name: String,
    /// Which policy acted; empty where the event does not tell. The service may add types, so
    /// the word stays as it came.
    pub policy_type: String,
    /// How that ended; empty where the event does not tell.
    pub status: String,
    /// The service's own explanation; shown, never interpreted.
    pub reason: Option<String>,
    /// The span of the policy, from whichever shape its content came in.
    pub span: Option<PolicySpan>,
    /// The instant of an `Expiration` policy.
    pub expires_at: Option<Timestamp>,
}

impl PolicyAction {
    /// Whether it succeeded. Published samples disagree on the letter case.
    pub fn has_succeeded(&self) -> bool {
        self.status.eq_ignore_ascii_case("success")
    }

    /// Whether it failed.
    pub fn has_failed(&self) -> bool {
        let words = ["failure", "failed"];
        words.iter().any(|it| self.status.eq_ignore_ascii_case(it))
    }
}

/// The span of a notification policy: `150 Days`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySpan {
    /// How many units.
    pub amount: String,
    /// `Days` or `Hours`.
    pub unit: String,
}

/// The result of a rotation, as CloudTrail reports it,
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRotation {
    /// The secret's ARN.
    pub secret_arn: String,
    /// How it ended.
    pub outcome: RotationOutcome,
    /// The service's own explanation of a failure.
    pub error: Option<String>,
}

impl SecretRotation {
    /// The secret's name: its ARN without the six random characters at the end.
    pub fn secret_name(&self) -> &str {
        let arn = &*self.secret_arn;
        let name = arn.split_once(":secret:").map_or(arn, |(_, name)| name);
        match name.rsplit_once('-') {
            Some((before, suffix)) if suffix.len() == 6 => before,
            _ => name,
        }
    }
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationOutcome {
    /// A new version is current.
    Succeeded,
    /// A step failed.
    Failed,
    /// Another writer stored a version meanwhile.
    Abandoned,
}

/// Whether an event with this source and detail type is that of a schedule: of an EventBridge
/// rule, or of EventBridge Scheduler without an input of its own.
pub fn is_schedule(source: Option<&str>, detail_type: Option<&str>) -> bool {
    matches!(source, Some("aws.events" | "aws.scheduler")) && detail_type == Some("Scheduled Event")
}

/// The event that asks for a test message. The message shows the deadline of the client secret in
/// Parameter Store that is named.
pub fn test_event(parameter_name: Option<&str>) -> Value {
    let detail = match parameter_name {
        Some(name) => json!({ "parameter-name": name }),
        None => json!({}),
    };
    json!({"source": TEST_SOURCE, "detail-type": TEST_DETAIL_TYPE, "detail": detail})
}

impl Event {
    /// Reads any JSON value.
    pub fn parse(event: &Value) -> Self {
        let detail = event.get("detail").unwrap_or(event);
        let resources = event["resources"].as_array().into_iter().flatten();
        let resources: Vec<String> = resources
            .filter_map(|arn| Some(arn.as_str()?.to_owned()))
            .collect();
        let source = text(event, "source");
        let detail_type = text(event, "detail-type");
        let kind = match (source.as_deref(), detail_type.as_deref()) {
            (Some("aws.ssm"), Some("Parameter Store Policy Action")) => {
                policy_action(detail, &resources).map(EventKind::PolicyAction)
            }
            (Some("aws.ssm"), Some("Parameter Store Change")) => {
                parameter_change(detail, &resources)
            }
            // The documentation of their detail-type is not clear, so any will do.
            (Some("aws.secretsmanager"), _) => {
                secret_rotation(detail, &resources).map(EventKind::SecretRotation)
            }
            (Some(TEST_SOURCE), Some(TEST_DETAIL_TYPE)) => Some(EventKind::Test {
                parameter_name: text(detail, "parameter-name"),
            }),
            _ => None,
        };
        Self {
            id: text(event, "id"),
            detail_type,
            source,
            account: text(event, "account"),
            region: text(event, "region"),
            time: text(event, "time").and_then(|time| time.parse().ok()),
            resources,
            kind: kind.unwrap_or(EventKind::Other),
            detail: detail.clone(),
        }
    }
}

fn policy_action(detail: &Value, resources: &[String]) -> Option<PolicyAction> {
    // The policy comes as an object, or as a string that holds one.
    let content = match &detail["policy-content"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let attributes = &content["Attributes"];
    let amount = ["After", "Before"]
        .into_iter()
        .find_map(|key| number_text(&attributes[key]));
    let policy_type = text(detail, "policy-type").or_else(|| text(&content, "Type"));
    Some(PolicyAction {
        parameter_name: text(detail, "parameter-name").or_else(|| name_from_arn(resources))?,
        policy_type: policy_type.unwrap_or_default(),
        status: text(detail, "action-status").unwrap_or_default(),
        reason: text(detail, "action-reason"),
        span: amount.map(|amount| PolicySpan {
            amount,
            unit: text(attributes, "Unit").unwrap_or_else(|| "Days".to_owned()),
        }),
        expires_at: text(attributes, "Timestamp").and_then(|at| at.parse().ok()),
    })
}

fn parameter_change(detail: &Value, resources: &[String]) -> Option<EventKind> {
    Some(EventKind::ParameterChange {
        parameter_name: text(detail, "name").or_else(|| name_from_arn(resources))?,
        operation: text(detail, "operation").unwrap_or_default(),
        description: text(detail, "description"),
    })
}

fn secret_rotation(detail: &Value, resources: &[String]) -> Option<SecretRotation> {
    let outcome = match text(detail, "eventName")?.as_str() {
        "RotationSucceeded" => RotationOutcome::Succeeded,
        "RotationFailed" => RotationOutcome::Failed,
        "RotationAbandoned" => RotationOutcome::Abandoned,
        _ => return None,
    };
    let additional = &detail["additionalEventData"];
    let mut arns = resources.iter();
    let secret_arn = text(additional, "SecretId")
        .or_else(|| arns.find(|arn| arn.contains(":secretsmanager:")).cloned())?;
    Some(SecretRotation {
        secret_arn,
        outcome,
        error: text(detail, "errorMessage").or_else(|| text(additional, "errorMessage")),
    })
}

/// A string field that is not empty.
fn text(object: &Value, key: &str) -> Option<String> {
    let text = object[key].as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A number that comes as a string, or as a number.
fn number_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The name in a parameter's ARN, where a single slash separates it from `parameter`.
fn name_from_arn(resources: &[String]) -> Option<String> {
    resources
        .iter()
        .filter(|arn| arn.contains(":ssm:"))
        .find_map(|arn| arn.split_once(":parameter/"))
        .map(|(_, name)| format!("/{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy_event(detail: &Value) -> PolicyAction {
        let event = Event::parse(&json!({
            "source": "aws.ssm",
            "detail-type": "Parameter Store Policy Action",
            "resources": ["arn:aws-cn:ssm:cn-north-1:111122223333:parameter/my-erp/lwa/clientsecret"],
            "detail": detail,
        }));
        match event.kind {
            EventKind::PolicyAction(action) => action,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_shapes_of_policy_content_say_the_same() {
        let policy = json!({"Type": "NoChangeNotification", "Version": "1.0",
                            "Attributes": {"After": "150", "Unit": "Days"}});
        let object = policy_event(&json!({"policy-content": policy}));
        let string = policy_event(&json!({"policy-content": policy.to_string()}));
        assert_eq!(object, string);
        assert_eq!(object.policy_type, "NoChangeNotification");
        assert_eq!(
            object.span,
            Some(PolicySpan {
                amount: "150".into(),
                unit: "Days".into()
            })
        );
    }

    #[test]
    fn the_status_is_read_in_any_letter_case() {
        for status in ["SUCCESS", "Success", "success"] {
            let action = policy_event(&json!({"action-status": status}));
            assert!(action.has_succeeded() && !action.has_failed());
        }
        for status in ["FAILURE", "Failed"] {
            let action = policy_event(&json!({"action-status": status}));
            assert!(action.has_failed() && !action.has_succeeded());
        }
    }

    #[test]
    fn a_missing_name_is_taken_from_the_arn() {
        assert_eq!(
            policy_event(&json!({})).parameter_name,
            "/my-erp/lwa/clientsecret"
        );
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let action = policy_event(&json!({"policy-type": "Tomorrow", "action-status": "MAYBE"}));
        assert_eq!(action.policy_type, "Tomorrow");
        assert_eq!(action.status, "MAYBE");
        assert!(!action.has_succeeded() && !action.has_failed());
        let event =
            Event::parse(&json!({"source": "aws.ssm", "detail-type": "New", "detail": {"a": 1}}));
        assert_eq!(event.kind, EventKind::Other);
        assert_eq!(event.detail, json!({"a": 1}));
    }

    #[test]
    fn a_request_for_a_test_message_is_read_as_it_was_written() {
        for name in [Some("/my-erp/lwa/clientsecret"), None] {
            let event = Event::parse(&test_event(name));
            let parameter_name = name.map(str::to_owned);
            assert_eq!(event.kind, EventKind::Test { parameter_name });
        }
    }

    #[test]
    fn a_secret_is_named_without_its_random_suffix() {
        let rotation = |arn: &str| SecretRotation {
            secret_arn: arn.into(),
            outcome: RotationOutcome::Failed,
            error: None,
        };
        let arn = "arn:aws:secretsmanager:us-east-2:111122223333:secret:my-erp/eu-AbCdEf";
        assert_eq!(rotation(arn).secret_name(), "my-erp/eu");
        assert_eq!(rotation("my-erp").secret_name(), "my-erp");
    }
}
