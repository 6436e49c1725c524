//! Judging what is deployed: facts in, verdicts out. Nothing here makes a call.

use std::collections::BTreeMap;

use lwa_aws::inspection::{EventSource, Function, LogLine, Rule, Topic};
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::event::test_event;
use lwa_core::lwa::safe_words;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::rules::EventRule;
use lwa_core::wording;
use serde_json::{Value, json};

use super::fault::Fault;
use super::verdict::{Failures, Verdict, failed, judge};
use crate::event_rule::RuleSet;

/// The AWS account from which Amazon sends application notifications,
/// <https://developer-docs.amazon.com/sp-api/docs/set-up-credential-rotation-notifications>.
const AMAZON_NOTIFICATIONS_ACCOUNT: &str = "437568002678";

const FUNCTION: Failures = ("lambda", Fault::FunctionMissing, Fault::FunctionNotChecked);
const SOURCE: Failures = ("lambda", Fault::SourceMissing, Fault::SourceNotChecked);
const RULE: Failures = ("events", Fault::RuleMissing, Fault::RuleNotChecked);
const SCHEDULE: Failures = (
    "scheduler",
    Fault::ScheduleMissing,
    Fault::ScheduleNotChecked,
);
const TOPIC: Failures = ("sns", Fault::TopicMissing, Fault::TopicNotChecked);
const QUEUE: Failures = ("sqs", Fault::QueueMissing, Fault::QueueNotChecked);

/// Who calls, and where.
pub(super) fn identity(found: &Result<String, CallError>, region: &str) -> Verdict {
    match found {
        Ok(arn) => Verdict::good("identity", arn, region),
        Err(error) => Verdict::fault(Fault::IdentityUnknown, region, error.to_string()),
    }
}

/// A Lambda function as it is configured.
pub(super) fn function(name: &str, found: &Result<Function, CallError>) -> Verdict {
    judge(FUNCTION, name, found, |function| {
        let reason = function.reason.as_str();
        match (function.state.as_str(), function.last_update.as_str()) {
            ("Failed", _) => Verdict::fault(Fault::FunctionFailed, name, reason),
            (_, "Failed") => Verdict::fault(Fault::FunctionUpdateFailed, name, reason),
            // An older emulator, or an older API, leaves the state out.
            ("" | "Active", _) => Verdict::good("function", name, ""),
            (state, _) => {
                let detail = format!("{}. {reason}", state.to_lowercase());
                Verdict::fault(Fault::FunctionNotActive, name, detail)
            }
        }
    })
}

/// The lines of a function's log that a failure may have written, and whether there may be more.
pub(super) fn errors(
    name: &str,
    found: &Result<(Vec<LogLine>, bool), CallError>,
) -> Option<Verdict> {
    let (lines, has_more) = match found {
        Ok(found) => found,
        // The function was never invoked.
        Err(error) if error.failure == CallFailure::NotFound => return None,
        Err(error) => {
            let failures = ("logs", Fault::FunctionMissing, Fault::ErrorsNotChecked);
            return Some(failed(failures, name, error));
        }
    };
    let failures: Vec<LogLine> = lines
        .iter()
        .filter_map(|(at, line)| Some((*at, failure(line)?)))
        .collect();
    let Some((at, text)) = failures.iter().max_by_key(|(at, _)| *at) else {
        return Some(Verdict::good("errors", name, ""));
    };
    let errors = match (failures.len(), has_more) {
        (1, false) => "an error".to_owned(),
        (count, false) => format!("{count} errors"),
        (count, true) => format!("{count} errors or more"),
    };
    let detail = format!(
        "{errors} within 24 hours, the last at {}: {text}",
        wording::minute(*at)
    );
    Some(Verdict::fault(Fault::ErrorsLogged, name, detail))
}

/// What a line of a log says about a failure; none where it merely contains the words.
fn failure(line: &str) -> Option<String> {
    let text = match serde_json::from_str::<Value>(line) {
        Ok(object) if object["level"] == "ERROR" => match object.get("message")? {
            Value::String(message) => message.clone(),
            other => other.to_string(),
        },
        Err(_) if line.contains("Status: timeout") || line.contains("Status: error") => {
            line.trim().to_owned()
        }
        _ => return None,
    };
    // Our own lines hold no credential; those of another program might.
    Some(safe_words(&text))
}

/// Whether the functions agree on where the credentials are.
pub(super) fn same_settings(functions: &[(String, Function)]) -> Option<Verdict> {
    for name in ["LWA_PARAMETER_PREFIX", "LWA_CLIENT_SECRET_LEAF"] {
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (function, found) in functions {
            let value = found.environment.get(name).map_or("", String::as_str);
            values.entry(value).or_default().push(function);
        }
        if values.len() > 1 {
            let each: Vec<String> = values
                .iter()
                .map(|(value, functions)| format!("`{value}` for {}", functions.join(", ")))
                .collect();
            let detail = each.join(" and ");
            return Some(Verdict::fault(Fault::SettingsDiffer, name, detail));
        }
    }
    let (_, first) = functions.first()?;
    let prefix = first.environment.get("LWA_PARAMETER_PREFIX")?;
    Some(Verdict::good("settings", prefix, ""))
}

/// A function's event source mappings.
pub(super) fn source(name: &str, found: &Result<Vec<EventSource>, CallError>) -> Verdict {
    judge(SOURCE, name, found, |sources| {
        match sources.iter().find(|source| source.state != "Enabled") {
            _ if sources.is_empty() => Verdict::fault(Fault::SourceMissing, name, ""),
            Some(EventSource { state, .. }) => {
                Verdict::fault(Fault::SourceNotEnabled, name, state.to_lowercase())
            }
            None => Verdict::good("source", name, ""),
        }
    })
}

/// Whether a deployed rule matches, for every application, the events that it is meant for.
/// `wanted` is the rule as it should be for these settings.
pub(super) fn rule(
    name: &str,
    wanted: &EventRule,
    found: &Result<Rule, CallError>,
    layout: &Layout,
    applications: &[ApplicationName],
) -> Verdict {
    judge(RULE, name, found, |rule| {
        // There is more than one way to be enabled, for example
        // `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
        if rule.state == "DISABLED" {
            return Verdict::fault(Fault::RuleDisabled, name, "");
        }
        let function = format!("-{}", wanted.function);
        if !rule.targets.iter().any(|arn| arn.ends_with(&function)) {
            return Verdict::fault(Fault::RuleWithoutTarget, name, &wanted.function);
        }
        let deployed = EventRule {
            pattern: serde_json::from_str(&rule.pattern).unwrap_or_default(),
            ..wanted.clone()
        };
        let both = [wanted.clone(), deployed].map(|rule| RuleSet::new(vec![rule]));
        let (ideal, deployed) = match both {
            [Ok(ideal), Ok(deployed)] => (ideal, deployed),
            [Err(error), _] | [_, Err(error)] => {
                return Verdict::fault(Fault::RuleNotEvaluated, name, error.to_string());
            }
        };
        for application in applications {
            for event in samples(layout, application) {
                if ideal.matching(&event).is_empty() || !deployed.matching(&event).is_empty() {
                    continue;
                }
                let mismatch = deployed.closest(&event);
                let why = mismatch.and_then(|found| found.fields.into_iter().next());
                let detail = format!("{application}: {}", why.unwrap_or_default());
                return Verdict::fault(Fault::RuleMatchesNothing, name, detail);
            }
        }
        let all: Vec<&str> = applications.iter().map(ApplicationName::as_str).collect();
        Verdict::good("rule", name, all.join(", "))
    })
}

/// The events that are watched: a policy's about the client secret of an application, a change of
/// each credential, a rotation, and a test.
fn samples(layout: &Layout, application: &ApplicationName) -> Vec<Value> {
    let event = |detail_type: &str, parameter: &str, detail: Value| {
        json!({
            "source": "aws.ssm",
            "detail-type": detail_type,
            "resources": [format!("arn:aws:ssm:us-east-1:111122223333:parameter{parameter}")],
            "detail": detail,
        })
    };
    let change = |role: Role| {
        let parameter = layout.parameter(application, &role);
        let detail = json!({"name": parameter, "operation": "Update"});
        event("Parameter Store Change", &parameter, detail)
    };
    let secret =
        format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{application}-Ab1Cd2");
    let parameter = layout.parameter(application, &Role::ClientSecret);
    let detail = json!({"parameter-name": parameter, "policy-type": "NoChangeNotification"});
    vec![
        event("Parameter Store Policy Action", &parameter, detail),
        change(Role::ClientSecret),
        change(Role::ClientId),
        change(Role::RefreshToken { seller: None }),
        json!({
            "source": "aws.secretsmanager",
            "detail-type": "AWS Service Event via CloudTrail",
            "detail": {
                "eventSource": "secretsmanager.amazonaws.com",
                "eventName": "RotationSucceeded",
                "additionalEventData": {"SecretId": secret},
            },
        }),
        test_event(Some(&parameter)),
    ]
}

/// The state of a schedule. `without` is what does not happen unless it is enabled.
pub(super) fn schedule(name: &str, without: &str, found: &Result<String, CallError>) -> Verdict {
    match found {
        Ok(state) if state == "ENABLED" => Verdict::good("schedule", name, ""),
        Ok(_) => Verdict::fault(Fault::ScheduleDisabled, name, without),
        Err(error) if error.failure == CallFailure::NotFound => {
            Verdict::fault(Fault::ScheduleMissing, name, without)
        }
        Err(error) => failed(SCHEDULE, name, error),
    }
}

/// The canary of an application, which the settings may leave out.
pub(super) fn canary(
    name: &str,
    application: &ApplicationName,
    found: &Result<String, CallError>,
) -> Verdict {
    match found {
        Err(error) if error.failure == CallFailure::NotFound => {
            Verdict::fault(Fault::CanaryMissing, name, application.as_str())
        }
        found => schedule(name, "the credentials are not tested daily", found),
    }
}

/// A topic and who gets its messages.
pub(super) fn topic(arn: &str, found: &Result<Topic, CallError>) -> Vec<Verdict> {
    let topic = match found {
        Ok(topic) => topic,
        Err(error) => return vec![failed(TOPIC, arn, error)],
    };
    let mut verdicts = vec![match topic.confirmed {
        0 => Verdict::fault(Fault::TopicWithoutSubscription, arn, ""),
        some => Verdict::good("topic", arn, wording::count(some, "confirmed subscription")),
    }];
    let pending = topic.pending.iter();
    verdicts.extend(pending.map(|whom| Verdict::fault(Fault::SubscriptionPending, whom, "")));
    let is_managed = |key: &String| key.ends_with("alias/aws/sns");
    if topic.key.as_ref().is_some_and(is_managed) {
        verdicts.push(Verdict::fault(Fault::TopicKeyManaged, arn, ""));
    }
    verdicts
}

/// What a queue is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueRole {
    /// Amazon sends to it.
    Notifications,
    /// It should always be empty.
    DeadLetters,
}

/// The attributes of a queue.
pub(super) fn queue(
    name: &str,
    role: QueueRole,
    found: &Result<BTreeMap<String, String>, CallError>,
) -> Verdict {
    judge(QUEUE, name, found, |attributes| {
        let get = |attribute: &str| attributes.get(attribute).map_or("", String::as_str);
        let number = |attribute| get(attribute).parse::<u64>().unwrap_or(0);
        let count =
            number("ApproximateNumberOfMessages") + number("ApproximateNumberOfMessagesNotVisible");
        let messages = format!("{} that", wording::count(count, "message"));
        match role {
            QueueRole::DeadLetters if count > 0 => {
                Verdict::fault(Fault::DeadLetters, name, messages)
            }
            QueueRole::DeadLetters => Verdict::good("queue", name, "is empty"),
            QueueRole::Notifications if !get("Policy").contains(AMAZON_NOTIFICATIONS_ACCOUNT) => {
                Verdict::fault(Fault::QueueClosed, name, AMAZON_NOTIFICATIONS_ACCOUNT)
            }
            QueueRole::Notifications if get("RedrivePolicy").is_empty() => {
                Verdict::fault(Fault::QueueWithoutDeadLetters, name, "")
            }
            QueueRole::Notifications if count > 0 => {
                let are = if count == 1 { "is" } else { "are" };
                Verdict::fault(Fault::MessagesWaiting, name, format!("{messages} {are}"))
            }
            QueueRole::Notifications => {
                Verdict::good("queue", name, "lets Amazon in, and is empty")
            }
        }
    })
}

/// The state of a key.
pub(super) fn key(id: &str, found: &Result<String, CallError>) -> Verdict {
    let missing = if id.contains("alias/") {
        Fault::KeyAliasMissing
    } else {
        Fault::KeyMissing
    };
    let failures = ("kms", missing, Fault::KeyNotChecked);
    judge(failures, id, found, |state| match state.as_str() {
        "Enabled" | "Updating" => Verdict::good("key", id, ""),
        state => Verdict::fault(Fault::KeyUnusable, id, state),
    })
}

/// A test message that was asked for: the id of its event, or why there is none.
pub(super) fn test_message(
    stack: &str,
    subject: &str,
    sent: &Result<String, CallError>,
) -> Verdict {
    match sent {
        Ok(event_id) => Verdict::good("test", subject, event_id).advise(&format!(
            "Every subscriber should have it within a minute. If it does not come within five, \
             correct what is marked above, and look for the event's id in the log group \
             /aws/lambda/{stack}-policy-formatter: if the notification was published, look into \
             the spam folder and the subscription's filter, and for SMS at the sandbox and the \
             spending limit; if the id is not there, look into the queue {stack}-undelivered. Of \
             several tests within a minute, only the first is sent."
        )),
        Err(error) => {
            let not_sent = Verdict::fault(Fault::TestNotSent, subject, error.to_string());
            if error.failure != CallFailure::Denied {
                return not_sent;
            }
            let permission = "events:PutEvents";
            let advice = format!("Missing permission: {permission}.");
            not_sent.denied(permission.to_owned()).advise(&advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_about_failures_count() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(failure(line).as_deref(), expected, "{line}");
        };
        check(
            r#"{"level":"ERROR","message":"the vault was denied"}"#,
            Some("the vault was denied"),
        );
        check(r#"{"level":"INFO","message":"no ERROR here"}"#, None);
        check(
            "2026-01-01 6f Status: timeout",
            Some("2026-01-01 6f Status: timeout"),
        );
        check("an ERROR of unknown meaning", None);
        check(
            r#"{"level":"ERROR","message":"it said amzn1.oa2-cs.v1.0123456789abcdef"}"#,
            Some("it said [redacted]"),
        );
    }
}
