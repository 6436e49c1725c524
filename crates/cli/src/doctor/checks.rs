//! From facts to verdicts. Nothing here makes a call.

use std::collections::BTreeMap;

use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::audit::findings::Finding;
use lwa_core::audit::tally::{ApplicationDeadline, NotSeen};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::rules::EventRule;
use lwa_core::{Severity, Timestamp, wording};
use serde_json::{Value, json};
use token_exchanger::{CheckResponse, ErrorKind, ExchangerError, Verdict};

use super::line::{Line, Mark};
use crate::replay::RuleSet;

/// The AWS account from which Amazon sends application notifications,
/// <https://developer-docs.amazon.com/sp-api/docs/set-up-credential-rotation-notifications>.
const AMAZON_NOTIFICATIONS_ACCOUNT: &str = "437568002678";

const DEPLOY: &str = "Deploy, or name the deployed stack with --stack.";
const DEPLOY_AGAIN: &str = "Somebody changed it by hand: deploy again.";

/// Who asks, and where.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) arn: String,
    pub(super) account: String,
}

impl Identity {
    /// `aws`, `aws-cn` or another.
    pub(super) fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }
}

pub(super) fn identity(found: &Result<Identity, CallError>, region: &str) -> Line {
    match found {
        Ok(Identity { arn, account }) => Line::good(
            "identity",
            format!("{arn}, account {account}, region {region}"),
        ),
        Err(error) => Line::bad(
            "identity",
            format!("region {region}: {error}"),
            "Sign in, set AWS_PROFILE or give --profile. Nothing else in AWS can be looked at.",
        ),
    }
}

/// A Lambda function as it is configured.
#[derive(Debug, Clone, Default)]
pub(super) struct Function {
    pub(super) state: String,
    pub(super) state_reason: String,
    pub(super) last_update: String,
    pub(super) environment: BTreeMap<String, String>,
}

pub(super) fn function(name: &str, found: &Result<Function, CallError>) -> Line {
    let check = "function";
    match found {
        Ok(function) if function.last_update == "Failed" => Line::bad(
            check,
            format!("{name}: its last update failed. {}", function.state_reason),
            "Deploy again.",
        ),
        // An older emulator, or an older API, leaves the state out.
        Ok(function) if !matches!(function.state.as_str(), "" | "Active") => Line::attention(
            check,
            format!(
                "{name} is {}. {}",
                function.state.to_lowercase(),
                function.state_reason
            ),
            "An inactive function wakes with its next event; a failed one has to be deployed again.",
        ),
        Ok(_) => Line::good(check, format!("{name} is there")),
        Err(error) if error.failure == CallFailure::NotFound => {
            Line::bad(check, format!("{name} does not exist"), DEPLOY)
        }
        Err(error) => Line::skipped(check, name, error, "lambda:GetFunctionConfiguration"),
    }
}

/// What a function logged about failures.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    pub(super) count: usize,
    /// Whether there may be more.
    pub(super) more: bool,
    pub(super) last: Option<(Timestamp, String)>,
}

pub(super) fn failures(name: &str, found: &Result<Failures, CallError>) -> Option<Line> {
    let check = "errors";
    match found {
        Ok(Failures {
            last: Some((at, text)),
            count,
            more,
        }) => {
            let times = match (count, more) {
                (1, false) => "an error".to_owned(),
                (count, false) => format!("{count} errors"),
                (count, true) => format!("{count} errors or more"),
            };
            Some(Line::attention(
                check,
                format!(
                    "{name}: {times} within 24 hours, the last at {}: {text}",
                    wording::minute(*at)
                ),
                format!("Its log group is /aws/lambda/{name}."),
            ))
        }
        Ok(_) => Some(Line::good(check, format!("{name}: none within 24 hours"))),
        // It was never invoked, or does not exist, which another line says.
        Err(error) if error.failure == CallFailure::NotFound => None,
        Err(error) => Some(Line::skipped(
            check,
            &format!("log of {name}"),
            error,
            "logs:FilterLogEvents",
        )),
    }
}

pub(super) fn same_settings(functions: &[(String, Function)]) -> Option<Line> {
    let shared = ["LWA_PARAMETER_PREFIX", "LWA_CLIENT_SECRET_LEAF"];
    for name in shared {
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
            return Some(Line::bad(
                "settings",
                format!("{name} is {}", each.join(" and ")),
                DEPLOY_AGAIN,
            ));
        }
    }
    let (_, first) = functions.first()?;
    let prefix = first.environment.get("LWA_PARAMETER_PREFIX")?;
    Some(Line::good(
        "settings",
        format!("all functions look below {prefix}"),
    ))
}

/// An event source mapping's state.
pub(super) fn source(name: &str, found: &Result<Vec<String>, CallError>) -> Line {
    let check = "source";
    match found {
        Ok(states) if states.is_empty() => Line::bad(
            check,
            format!("no queue feeds {name}, so that nobody takes Amazon's notifications"),
            "Deploy again.",
        ),
        Ok(states) => match states.iter().find(|state| *state != "Enabled") {
            Some(state) => Line::bad(
                check,
                format!("the queue that feeds {name} is {}", state.to_lowercase()),
                "Enable its event source mapping, or deploy again.",
            ),
            None => Line::good(check, format!("a queue feeds {name}")),
        },
        Err(error) if error.failure == CallFailure::NotFound => {
            Line::bad(check, format!("no queue feeds {name}"), DEPLOY)
        }
        Err(error) => Line::skipped(check, name, error, "lambda:ListEventSourceMappings"),
    }
}

/// A rule as it is deployed.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) state: String,
    pub(super) pattern: String,
    pub(super) targets: Vec<String>,
}

/// Whether a deployed rule matches, for every application, the events that it is there for.
/// `wanted` is the rule as it should be for these settings.
pub(super) fn rule(
    name: &str,
    wanted: &EventRule,
    found: &Result<Rule, CallError>,
    layout: &Layout,
    applications: &[ApplicationName],
) -> Line {
    let check = "rule";
    let rule = match found {
        Ok(rule) => rule,
        Err(error) if error.failure == CallFailure::NotFound => {
            return Line::bad(check, format!("{name} does not exist"), DEPLOY);
        }
        Err(error) => {
            return Line::skipped(
                check,
                name,
                error,
                "events:DescribeRule and events:ListTargetsByRule",
            );
        }
    };
    if rule.state != "ENABLED" {
        return Line::bad(
            check,
            format!("{name} is {}", rule.state.to_lowercase()),
            format!("Enable it: aws events enable-rule --name {name}"),
        );
    }
    let function = format!("-{}", wanted.function);
    if !rule.targets.iter().any(|arn| arn.ends_with(&function)) {
        return Line::bad(
            check,
            format!("{name} does not invoke {}", wanted.function),
            DEPLOY_AGAIN,
        );
    }
    let matcher = |pattern: Value| {
        RuleSet::new(vec![EventRule {
            pattern,
            ..wanted.clone()
        }])
    };
    let pattern: Value = serde_json::from_str(&rule.pattern).unwrap_or_default();
    let (Ok(ideal), deployed) = (matcher(wanted.pattern.clone()), matcher(pattern)) else {
        return Line::bad(check, format!("{name} is unknown"), DEPLOY_AGAIN);
    };
    let deployed = match deployed {
        Ok(deployed) => deployed,
        Err(error) => {
            return Line::attention(
                check,
                format!("{name}: {error}"),
                "It cannot be evaluated here: try it with aws events test-event-pattern.",
            );
        }
    };
    for application in applications {
        for event in samples(layout, application) {
            if ideal.matching(&event).is_empty() || !deployed.matching(&event).is_empty() {
                continue;
            }
            let why = deployed
                .closest(&event)
                .and_then(|mismatch| mismatch.fields.first().map(ToString::to_string))
                .unwrap_or_default();
            return Line::bad(
                check,
                format!("{name} does not match the events of {application}: {why}"),
                DEPLOY_AGAIN,
            );
        }
    }
    let all: Vec<&str> = applications.iter().map(ApplicationName::as_str).collect();
    Line::good(
        check,
        format!("{name} matches events of {}", all.join(", ")),
    )
}

/// One event of each kind that is watched, about the client secret of an application.
fn samples(layout: &Layout, application: &ApplicationName) -> [Value; 3] {
    let parameter = layout.parameter(application, &Role::ClientSecret);
    let secret =
        format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{application}-Ab1Cd2");
    [
        json!({
            "source": "aws.ssm",
            "detail-type": "Parameter Store Policy Action",
            "detail": {"parameter-name": parameter, "policy-type": "NoChangeNotification"},
        }),
        json!({
            "source": "aws.ssm",
            "detail-type": "Parameter Store Change",
            "detail": {"name": parameter, "operation": "Update"},
        }),
        json!({
            "source": "aws.secretsmanager",
            "detail-type": "AWS Service Event via CloudTrail",
            "detail": {
                "eventSource": "secretsmanager.amazonaws.com",
                "eventName": "RotationSucceeded",
                "additionalEventData": {"SecretId": secret},
            },
        }),
    ]
}

pub(super) fn schedule(name: &str, what: &str, found: &Result<String, CallError>) -> Line {
    let check = "schedule";
    match found {
        Ok(state) if state == "ENABLED" => Line::good(check, format!("{name} is enabled")),
        Ok(state) => Line::bad(
            check,
            format!("{name} is {}: {what}", state.to_lowercase()),
            "Enable it in the console of EventBridge Scheduler, or deploy again.",
        ),
        Err(error) if error.failure == CallFailure::NotFound => {
            Line::bad(check, format!("{name} does not exist: {what}"), DEPLOY)
        }
        Err(error) => Line::skipped(check, name, error, "scheduler:GetSchedule"),
    }
}

/// The canary of an application, which the settings may leave out.
pub(super) fn canary(
    name: &str,
    application: &ApplicationName,
    found: &Result<String, CallError>,
) -> Line {
    match found {
        Err(error) if error.failure == CallFailure::NotFound => Line::attention(
            "schedule",
            format!("{name} does not exist: nothing tries {application} every day"),
            "Name it in canaryApplications of the settings.",
        ),
        found => schedule(name, "nothing tries the credentials every day", found),
    }
}

/// A topic with its subscriptions.
#[derive(Debug, Clone, Default)]
pub(super) struct Topic {
    pub(super) key: Option<String>,
    pub(super) subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) protocol: String,
    pub(super) endpoint: String,
    pub(super) is_pending: bool,
}

pub(super) fn topic(arn: &str, found: &Result<Topic, CallError>) -> Vec<Line> {
    let check = "topic";
    let topic = match found {
        Ok(topic) => topic,
        Err(error) if error.failure == CallFailure::NotFound => {
            return vec![Line::bad(
                check,
                format!("{arn} does not exist: nobody is told anything"),
                DEPLOY,
            )];
        }
        Err(error) => {
            return vec![Line::skipped(
                check,
                arn,
                error,
                "sns:GetTopicAttributes and sns:ListSubscriptionsByTopic",
            )];
        }
    };
    let mut lines = Vec::new();
    let confirmed = topic
        .subscriptions
        .iter()
        .filter(|subscription| !subscription.is_pending)
        .count();
    if confirmed == 0 {
        lines.push(Line::bad(
            check,
            format!("{arn} has no confirmed subscription: nobody is told anything"),
            "Subscribe somebody, in alerts of the settings, and have them confirm.",
        ));
    } else {
        let s = if confirmed == 1 { "" } else { "s" };
        lines.push(Line::good(
            check,
            format!("{arn} has {confirmed} confirmed subscription{s}"),
        ));
    }
    for pending in topic.subscriptions.iter().filter(|s| s.is_pending) {
        lines.push(Line::attention(
            check,
            format!(
                "{} {} has not confirmed and gets nothing",
                pending.protocol, pending.endpoint
            ),
            "Follow the link in the message from AWS Notifications; deploying again sends a new one \
             once the old one is three days old.",
        ));
    }
    if topic
        .key
        .as_deref()
        .is_some_and(|key| key.ends_with("alias/aws/sns"))
    {
        lines.push(Line::bad(
            check,
            "its key is the AWS-managed one, with which no alarm can publish",
            DEPLOY_AGAIN,
        ));
    }
    lines
}

/// What a queue is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueRole {
    /// Amazon sends to it.
    Notifications,
    /// Nothing should ever be in it.
    DeadLetters,
}

/// A queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    pub(super) visible: u64,
    pub(super) in_flight: u64,
    pub(super) policy: String,
    pub(super) redrives: bool,
}

pub(super) fn queue(name: &str, role: QueueRole, found: &Result<Queue, CallError>) -> Line {
    let check = "queue";
    let queue = match found {
        Ok(queue) => queue,
        Err(error) if error.failure == CallFailure::NotFound => {
            return Line::bad(check, format!("{name} does not exist"), DEPLOY);
        }
        Err(error) => {
            return Line::skipped(
                check,
                name,
                error,
                "sqs:GetQueueUrl and sqs:GetQueueAttributes",
            );
        }
    };
    let count = queue.visible + queue.in_flight;
    let messages = if count == 1 {
        "1 message".to_owned()
    } else {
        format!("{count} messages")
    };
    match role {
        QueueRole::DeadLetters if count > 0 => Line::bad(
            check,
            format!("{name} holds {messages} that nobody could handle"),
            "Mend the cause, which the function's log names, and bring them back as \
             docs/operations.md shows under Redrive.",
        ),
        QueueRole::DeadLetters => Line::good(check, format!("{name} is empty")),
        QueueRole::Notifications if !queue.policy.contains(AMAZON_NOTIFICATIONS_ACCOUNT) => {
            Line::bad(
                check,
                format!("{name} does not let Amazon's account {AMAZON_NOTIFICATIONS_ACCOUNT} send"),
                DEPLOY_AGAIN,
            )
        }
        QueueRole::Notifications if !queue.redrives => Line::bad(
            check,
            format!("{name} has no dead-letter queue, so that a message can get lost"),
            DEPLOY_AGAIN,
        ),
        QueueRole::Notifications if count > 0 => Line::attention(
            check,
            format!("{name} holds {messages} that are being tried"),
            "If they stay, the log of the function that it feeds says why.",
        ),
        QueueRole::Notifications => {
            Line::good(check, format!("{name} lets Amazon in, and is empty"))
        }
    }
}

pub(super) fn key(id: &str, found: &Result<String, CallError>) -> Line {
    let check = "key";
    match found {
        Ok(state) if matches!(state.as_str(), "Enabled" | "Updating") => {
            Line::good(check, format!("{id} is enabled"))
        }
        Ok(state) => Line::bad(
            check,
            format!("{id} is {state}: what it encrypts cannot be read"),
            "Cancel its deletion, or enable it.",
        ),
        Err(error) if error.failure == CallFailure::NotFound => Line::bad(
            check,
            format!("{id} does not exist: what it encrypted is lost"),
            "Store the credentials again with lwa store.",
        ),
        Err(error) => Line::skipped(check, id, error, "kms:DescribeKey"),
    }
}

/// An application's deadline.
pub(super) fn deadline(found: &ApplicationDeadline, lifetime_days: u32, now: Timestamp) -> Line {
    let check = "credential";
    let name = &found.credential;
    match &found.deadline {
        Some(deadline) => Line::good(
            check,
            format!(
                "{name} ends on {}",
                wording::deadline(deadline, now, lifetime_days)
            ),
        ),
        None => Line::attention(
            check,
            format!("{name}: nothing tells when it ends"),
            "Set its tag lwa:secret-expires-at.",
        ),
    }
}

pub(super) fn finding(finding: &Finding) -> Line {
    let found = format!(
        "{} {}: {}",
        finding.code, finding.credential, finding.detail
    );
    let advice = finding.code.explanation().remedy;
    match finding.severity {
        Severity::Critical => Line::bad("credential", found, advice),
        Severity::Warning | Severity::Info => Line::attention("credential", found, advice),
    }
}

/// What the audit could not look at. Its words are all there is of the error.
pub(super) fn not_seen(not_seen: &NotSeen) -> Line {
    let is_denied = not_seen.why.contains("was denied");
    let permission = "ssm:DescribeParameters and ssm:ListTagsForResource, or \
                      secretsmanager:ListSecrets and secretsmanager:ListSecretVersionIds";
    let advice = if is_denied {
        format!("Not checked. It takes the permissions {permission}.")
    } else {
        "Not checked. Try again.".to_owned()
    };
    Line {
        mark: Mark::Skipped,
        permission: is_denied.then_some(permission),
        ..Line::attention(
            "credential",
            format!("{}: {}", not_seen.what, not_seen.why),
            advice,
        )
    }
}

/// What an exchange and one call of SP-API came to, for an application.
pub(super) fn exchange(
    application: &ApplicationName,
    found: &Result<CheckResponse, ExchangerError>,
) -> Vec<Line> {
    let (lwa, sp_api) = ("lwa", "sp-api");
    let check = match found {
        Ok(check) => check,
        Err(error) => {
            let what = format!("{application}: {error}");
            let line = match error.kind {
                ErrorKind::LwaUnavailable => Line {
                    mark: Mark::Skipped,
                    ..Line::attention(lwa, what, "Not checked. Try again.")
                },
                ErrorKind::SpApiUnavailable => Line {
                    mark: Mark::Skipped,
                    ..Line::attention(sp_api, what, "Not checked. Try again.")
                },
                ErrorKind::VaultUnavailable => {
                    let permission =
                        "ssm:GetParameters or secretsmanager:GetSecretValue, and kms:Decrypt";
                    Line {
                        mark: Mark::Skipped,
                        permission: Some(permission),
                        ..Line::attention(lwa, what, format!("Not checked. It takes {permission}."))
                    }
                }
                ErrorKind::InvalidRequest
                | ErrorKind::CredentialMissing
                | ErrorKind::CredentialRejected
                | ErrorKind::AuthorizationRevoked => Line {
                    // The error says what to do.
                    advice: None,
                    ..Line::bad(lwa, what, "")
                },
            };
            return vec![line];
        }
    };
    let advice = if check.detail.is_empty() {
        "lwa token --check says more.".to_owned()
    } else {
        check.detail.clone()
    };
    [
        (lwa, "LWA gives a token", "LWA refuses", check.lwa),
        (sp_api, "SP-API takes it", "SP-API refuses", check.sp_api),
    ]
    .into_iter()
    .map(|(name, good, bad, verdict)| match verdict {
        Verdict::Ok => Line::good(name, format!("{application}: {good}")),
        Verdict::NotChecked => Line {
            mark: Mark::Skipped,
            ..Line::attention(
                name,
                format!("{application}: not asked"),
                "It needs a token first.",
            )
        },
        verdict => Line::bad(
            name,
            format!("{application}: {bad} ({})", verdict.as_str()),
            advice.clone(),
        ),
    })
    .collect()
}
