//! From facts to verdicts. Nothing here makes a call.

use std::collections::BTreeMap;

use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::audit::findings::Finding;
use lwa_core::audit::tally::{ApplicationDeadline, NotSeen};
use lwa_core::config::ConfigError;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::rules::EventRule;
use lwa_core::vault::VaultKind;
use lwa_core::{Severity, Timestamp, wording};
use serde_json::{Value, json};
use token_exchanger::{CheckResponse, ErrorKind, ExchangerError, Verdict};

use super::fault::Fault;
use super::line::Line;
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
        Err(error) => Line::fault(
            Fault::IdentityUnknown,
            format!("region {region}: {error}"),
            "Sign in, set AWS_PROFILE or give --profile. Nothing else in AWS can be looked at.",
        ),
    }
}

/// A Lambda function as it is configured.
#[derive(Debug, Clone, Default)]
pub(super) struct Function {
    pub(super) state: String,
    pub(super) last_update: String,
    /// Why one of the two is not as it should be.
    pub(super) reason: String,
    pub(super) environment: BTreeMap<String, String>,
}

/// None of the functions is there.
pub(super) fn nothing_deployed(stack: &str) -> Line {
    Line::fault(
        Fault::NothingDeployed,
        format!("nothing of the stack {stack} is deployed in this account and region"),
        "Deploy it as docs/deployment.md shows, or name it with --stack, and its place with \
         --profile and --region. Its other parts are not looked at.",
    )
}

pub(super) fn function(name: &str, found: &Result<Function, CallError>) -> Line {
    let function = match found {
        Ok(function) => function,
        Err(error) if error.failure == CallFailure::NotFound => {
            let what = format!("{name} does not exist");
            return Line::fault(Fault::FunctionMissing, what, DEPLOY);
        }
        Err(error) => {
            return Line::not_checked(Fault::FunctionNotChecked, name, error, "lambda");
        }
    };
    let because = |what: &str| {
        let what = format!("{name} {what}. {}", function.reason);
        what.trim_end().to_owned()
    };
    match (function.state.as_str(), function.last_update.as_str()) {
        ("Failed", _) => Line::fault(
            Fault::FunctionFailed,
            because("has failed and does not run"),
            "Deploy again.",
        ),
        (_, "Failed") => Line::fault(
            Fault::FunctionUpdateFailed,
            because("runs as before, because its last update failed"),
            "Deploy again.",
        ),
        // An older emulator, or an older API, leaves the state out.
        ("" | "Active", _) => Line::good("function", format!("{name} is there")),
        (state, _) => Line::fault(
            Fault::FunctionNotActive,
            because(&format!("is {}", state.to_lowercase())),
            "Look again in a minute: a pending function is about to run, and an inactive one wakes \
             with its next event.",
        ),
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
            Some(Line::fault(
                Fault::ErrorsLogged,
                format!(
                    "{name}: {times} within 24 hours, the last at {}: {text}",
                    wording::minute(*at)
                ),
                format!("Its log group is /aws/lambda/{name}."),
            ))
        }
        Ok(_) => Some(Line::good(
            "errors",
            format!("{name}: none within 24 hours"),
        )),
        // It was never invoked, or does not exist, which another line says.
        Err(error) if error.failure == CallFailure::NotFound => None,
        Err(error) => Some(Line::not_checked(
            Fault::ErrorsNotChecked,
            &format!("log of {name}"),
            error,
            "logs",
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
            return Some(Line::fault(
                Fault::SettingsDiffer,
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

/// A variable that the functions, or this shell, have a wrong value for.
pub(super) fn unusable(error: &ConfigError) -> Line {
    Line::fault(
        Fault::SettingsUnusable,
        error.to_string(),
        "A function with this value stops at its start: correct the settings and deploy again. A \
         variable of this shell comes before theirs.",
    )
}

/// The states of a function's event source mappings.
pub(super) fn source(name: &str, found: &Result<Vec<String>, CallError>) -> Line {
    let states = match found {
        Ok(states) => states.as_slice(),
        Err(error) if error.failure == CallFailure::NotFound => &[],
        Err(error) => {
            return Line::not_checked(Fault::SourceNotChecked, name, error, "lambda");
        }
    };
    if states.is_empty() {
        return Line::fault(
            Fault::SourceMissing,
            format!("no queue feeds {name}, so that nobody takes Amazon's notifications"),
            "Deploy again.",
        );
    }
    match states.iter().find(|state| *state != "Enabled") {
        Some(state) => Line::fault(
            Fault::SourceNotEnabled,
            format!(
                "the event source mapping that feeds {name} is {}",
                state.to_lowercase()
            ),
            "Enable it in the function's triggers, or deploy again.",
        ),
        None => Line::good("source", format!("a queue feeds {name}")),
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
    let rule = match found {
        Ok(rule) => rule,
        Err(error) if error.failure == CallFailure::NotFound => {
            let what = format!("{name} does not exist");
            return Line::fault(Fault::RuleMissing, what, DEPLOY);
        }
        Err(error) => return Line::not_checked(Fault::RuleNotChecked, name, error, "events"),
    };
    // There is more than one way to be enabled, `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`
    // being the other.
    if rule.state == "DISABLED" {
        return Line::fault(
            Fault::RuleDisabled,
            format!("{name} is disabled"),
            format!("Enable it: aws events enable-rule --name {name}"),
        );
    }
    let function = format!("-{}", wanted.function);
    if !rule.targets.iter().any(|arn| arn.ends_with(&function)) {
        return Line::fault(
            Fault::RuleWithoutTarget,
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
    let both = matcher(wanted.pattern.clone())
        .and_then(|ideal| matcher(pattern).map(|deployed| (ideal, deployed)));
    let (ideal, deployed) = match both {
        Ok(both) => both,
        Err(error) => {
            return Line::fault(
                Fault::RuleNotEvaluated,
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
            return Line::fault(
                Fault::RuleMatchesNothing,
                format!("{name} does not match the events of {application}: {why}"),
                DEPLOY_AGAIN,
            );
        }
    }
    let all: Vec<&str> = applications.iter().map(ApplicationName::as_str).collect();
    Line::good(
        "rule",
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
    match found {
        Ok(state) if state == "ENABLED" => Line::good("schedule", format!("{name} is enabled")),
        Ok(state) => Line::fault(
            Fault::ScheduleDisabled,
            format!("{name} is {}: {what}", state.to_lowercase()),
            "Enable it in the console of EventBridge Scheduler, or deploy again.",
        ),
        Err(error) if error.failure == CallFailure::NotFound => Line::fault(
            Fault::ScheduleMissing,
            format!("{name} does not exist: {what}"),
            DEPLOY,
        ),
        Err(error) => Line::not_checked(Fault::ScheduleNotChecked, name, error, "scheduler"),
    }
}

/// The canary of an application, which the settings may leave out.
pub(super) fn canary(
    name: &str,
    application: &ApplicationName,
    found: &Result<String, CallError>,
) -> Line {
    match found {
        Err(error) if error.failure == CallFailure::NotFound => Line::fault(
            Fault::CanaryMissing,
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
    let topic = match found {
        Ok(topic) => topic,
        Err(error) if error.failure == CallFailure::NotFound => {
            return vec![Line::fault(
                Fault::TopicMissing,
                format!("{arn} does not exist: nobody is told anything"),
                DEPLOY,
            )];
        }
        Err(error) => {
            return vec![Line::not_checked(Fault::TopicNotChecked, arn, error, "sns")];
        }
    };
    let mut lines = Vec::new();
    let confirmed = topic
        .subscriptions
        .iter()
        .filter(|subscription| !subscription.is_pending)
        .count();
    if confirmed == 0 {
        lines.push(Line::fault(
            Fault::TopicWithoutSubscription,
            format!("{arn} has no confirmed subscription: nobody is told anything"),
            "Subscribe somebody, in alerts of the settings, and have them confirm.",
        ));
    } else {
        let s = if confirmed == 1 { "" } else { "s" };
        lines.push(Line::good(
            "topic",
            format!("{arn} has {confirmed} confirmed subscription{s}"),
        ));
    }
    for pending in topic.subscriptions.iter().filter(|s| s.is_pending) {
        lines.push(Line::fault(
            Fault::SubscriptionPending,
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
        lines.push(Line::fault(
            Fault::TopicKeyManaged,
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
    let queue = match found {
        Ok(queue) => queue,
        Err(error) if error.failure == CallFailure::NotFound => {
            let what = format!("{name} does not exist");
            return Line::fault(Fault::QueueMissing, what, DEPLOY);
        }
        Err(error) => return Line::not_checked(Fault::QueueNotChecked, name, error, "sqs"),
    };
    let count = queue.visible + queue.in_flight;
    let (messages, are) = match count {
        1 => ("1 message".to_owned(), "is"),
        _ => (format!("{count} messages"), "are"),
    };
    match role {
        QueueRole::DeadLetters if count > 0 => Line::fault(
            Fault::DeadLetters,
            format!("{name} holds {messages} that nobody could handle"),
            "Mend the cause, which the function's log names, and bring them back as \
             docs/operations.md shows under Redrive.",
        ),
        QueueRole::DeadLetters => Line::good("queue", format!("{name} is empty")),
        QueueRole::Notifications if !queue.policy.contains(AMAZON_NOTIFICATIONS_ACCOUNT) => {
            Line::fault(
                Fault::QueueClosed,
                format!("{name} does not let Amazon's account {AMAZON_NOTIFICATIONS_ACCOUNT} send"),
                DEPLOY_AGAIN,
            )
        }
        QueueRole::Notifications if !queue.redrives => Line::fault(
            Fault::QueueWithoutDeadLetters,
            format!("{name} has no dead-letter queue, so that a message can get lost"),
            DEPLOY_AGAIN,
        ),
        QueueRole::Notifications if count > 0 => Line::fault(
            Fault::MessagesWaiting,
            format!("{name} holds {messages} that {are} being tried"),
            "If they stay, the log of the function that it feeds says why.",
        ),
        QueueRole::Notifications => {
            Line::good("queue", format!("{name} lets Amazon in, and is empty"))
        }
    }
}

pub(super) fn key(id: &str, found: &Result<String, CallError>) -> Line {
    match found {
        Ok(state) if matches!(state.as_str(), "Enabled" | "Updating") => {
            Line::good("key", format!("{id} is enabled"))
        }
        Ok(state) => Line::fault(
            Fault::KeyUnusable,
            format!("{id} is {state}: what it encrypts cannot be read"),
            "Cancel its deletion, or enable it.",
        ),
        // An alias is only a name for a key, and what the key encrypted can be read without it.
        Err(error) if error.failure == CallFailure::NotFound && id.contains("alias/") => {
            Line::fault(
                Fault::KeyAliasMissing,
                format!("{id} does not exist: nothing new can be encrypted with it"),
                "Give its key this alias again, or name another key with lwa store --keep --key.",
            )
        }
        Err(error) if error.failure == CallFailure::NotFound => Line::fault(
            Fault::KeyMissing,
            format!("{id} does not exist: what it encrypted is lost"),
            "Store the credentials again under another key with lwa store --key.",
        ),
        Err(error) => Line::not_checked(Fault::KeyNotChecked, id, error, "kms"),
    }
}

/// An application's deadline.
pub(super) fn deadline(found: &ApplicationDeadline, lifetime_days: u32, now: Timestamp) -> Line {
    let name = &found.credential;
    match &found.deadline {
        Some(deadline) => Line::good(
            "credential",
            format!(
                "{name} ends on {}",
                wording::deadline(deadline, now, lifetime_days)
            ),
        ),
        None => Line::fault(
            Fault::DeadlineUnknown,
            format!("{name}: nothing tells when it ends"),
            "Set its tag lwa:secret-expires-at.",
        ),
    }
}

pub(super) fn finding(finding: &Finding) -> Line {
    let fault = match finding.severity {
        Severity::Critical => Fault::CriticalFinding,
        Severity::Warning | Severity::Info => Fault::Finding,
    };
    let found = format!(
        "{} {}: {}",
        finding.code, finding.credential, finding.detail
    );
    Line::fault(fault, found, finding.code.explanation().remedy)
}

/// There is no application.
pub(super) fn no_client_secret(scope: &str) -> Line {
    Line::fault(
        Fault::ClientSecretMissing,
        format!("there is no client secret in {scope}"),
        "Store one with lwa store, or set LWA_PARAMETER_PREFIX, LWA_VAULT or --region.",
    )
}

/// What the audit could not look at. Its words are all there is of the error; they begin with
/// the operation.
pub(super) fn not_seen(not_seen: &NotSeen) -> Line {
    let (fault, found) = (
        Fault::CredentialNotChecked,
        format!("{}: {}", not_seen.what, not_seen.why),
    );
    let denied = format!(" {}: ", CallFailure::Denied);
    match not_seen.why.split_once(&denied) {
        Some((operation, _)) => {
            let prefix = if operation.contains("Secret") {
                "secretsmanager"
            } else {
                "ssm"
            };
            Line::denied(fault, found, format!("{prefix}:{operation}"))
        }
        None => Line::fault(fault, found, "Not checked. Try again."),
    }
}

/// What an exchange and one call of SP-API came to, for an application.
pub(super) fn exchange(
    application: &ApplicationName,
    vault: VaultKind,
    found: &Result<CheckResponse, ExchangerError>,
) -> Vec<Line> {
    match found {
        Ok(check) => {
            let lwa = verdict(
                application,
                check.lwa,
                Line::good("lwa", format!("{application}: LWA gives a token")),
                (Fault::LwaRefuses, "LWA refuses", &check.detail),
            );
            let sp_api = verdict(
                application,
                check.sp_api,
                Line::good("sp-api", format!("{application}: SP-API takes it")),
                (Fault::SpApiRefuses, "SP-API refuses", &check.detail),
            );
            vec![lwa, sp_api]
        }
        Err(error) => vec![no_exchange(vault, error)],
    }
}

fn verdict(
    application: &ApplicationName,
    verdict: Verdict,
    good: Line,
    (fault, bad, detail): (Fault, &str, &str),
) -> Line {
    match verdict {
        Verdict::Ok => good,
        Verdict::NotChecked => Line::fault(
            Fault::SpApiNotAsked,
            format!("{application}: SP-API was not asked"),
            "It needs a token first.",
        ),
        verdict => Line::fault(
            fault,
            format!("{application}: {bad} ({})", verdict.as_str()),
            detail,
        ),
    }
}

/// Why nothing was exchanged. Errors of the exchanger name the application and say what to do.
fn no_exchange(vault: VaultKind, error: &ExchangerError) -> Line {
    let found = error.to_string();
    let again = "Not checked. Try again.";
    match error.kind {
        ErrorKind::CredentialMissing => Line::fault(Fault::CredentialsIncomplete, found, ""),
        ErrorKind::VaultUnavailable if found.contains(&CallFailure::Denied.to_string()) => {
            let permission = match vault {
                VaultKind::ParameterStore => "ssm:GetParameters",
                VaultKind::SecretsManager => "secretsmanager:GetSecretValue",
            };
            Line::denied(
                Fault::CredentialsNotRead,
                found,
                format!("{permission} and kms:Decrypt"),
            )
        }
        ErrorKind::VaultUnavailable if error.is_transient => {
            Line::fault(Fault::CredentialsNotRead, found, again)
        }
        ErrorKind::VaultUnavailable => Line::fault(
            Fault::CredentialsUnreadable,
            found,
            "Services cannot read them either. If their key is disabled, enable it.",
        ),
        ErrorKind::LwaUnavailable => Line::fault(Fault::LwaNotReached, found, again),
        ErrorKind::SpApiUnavailable => Line::fault(Fault::SpApiNotReached, found, again),
        ErrorKind::InvalidRequest
        | ErrorKind::CredentialRejected
        | ErrorKind::AuthorizationRevoked => Line::fault(Fault::LwaRefuses, found, ""),
    }
}
