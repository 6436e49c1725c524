//! Verdicts in words: what was found, and what to do about it.

use super::checks::AMAZON_NOTIFICATIONS_ACCOUNT;
use super::fault::Fault;
use super::verdict::Verdict;

const DEPLOY: &str = "Deploy, or name the deployed stack with --stack.";
const DEPLOY_AGAIN: &str = "It was changed by hand: deploy again.";

/// What was found.
pub(super) fn found(verdict: &Verdict) -> String {
    let (subject, detail) = (verdict.subject.as_str(), verdict.detail.as_str());
    let Some(fault) = verdict.fault else {
        return good(verdict.check, subject, detail);
    };
    let text = match fault {
        Fault::IdentityUnknown => format!("region {subject}: {detail}"),
        Fault::NothingDeployed => {
            format!("no function of the stack {subject} is deployed in this account and region")
        }
        Fault::FunctionMissing | Fault::RuleMissing | Fault::QueueMissing => {
            format!("{subject} does not exist")
        }
        Fault::FunctionFailed => format!("{subject} has failed and does not run. {detail}"),
        Fault::FunctionUpdateFailed => {
            format!("{subject} runs its previous version, because its last update failed. {detail}")
        }
        Fault::FunctionNotActive | Fault::SettingsDiffer => format!("{subject} is {detail}"),
        Fault::SourceMissing => {
            format!("no queue feeds {subject}, so Amazon's notifications are not processed")
        }
        Fault::SourceNotEnabled => {
            format!("the event source mapping that feeds {subject} is {detail}")
        }
        Fault::DeadlineUnknown => format!("{subject}: its deadline is unknown"),
        Fault::ClientSecretMissing => format!("there is no client secret in {subject}"),
        Fault::KeyMissing => format!("{subject} does not exist: what it encrypted is lost"),
        Fault::KeyAliasMissing => {
            format!("{subject} does not exist: nothing new can be encrypted with it")
        }
        Fault::KeyUnusable => format!("{subject} is {detail}: what it encrypts cannot be read"),
        Fault::RuleDisabled => format!("{subject} is disabled"),
        Fault::RuleWithoutTarget => format!("{subject} does not invoke {detail}"),
        Fault::RuleMatchesNothing => format!("{subject} does not match the events of {detail}"),
        Fault::ScheduleMissing => format!("{subject} does not exist: {detail}"),
        Fault::ScheduleDisabled => format!("{subject} is disabled: {detail}"),
        Fault::CanaryMissing => {
            format!("{subject} does not exist: the credentials of {detail} are not tested daily")
        }
        Fault::TopicMissing => format!("{subject} does not exist: no notification reaches anyone"),
        Fault::TopicWithoutSubscription => {
            format!("{subject} has no confirmed subscription: no notification reaches anyone")
        }
        Fault::SubscriptionPending => {
            format!("{subject} has not confirmed and receives no notifications")
        }
        Fault::TopicKeyManaged => {
            format!("{subject} uses the AWS-managed key, with which no alarm can publish")
        }
        Fault::DeadLetters => format!("{subject} holds {detail} could not be processed"),
        Fault::QueueClosed => {
            format!("{subject} does not let Amazon's account {AMAZON_NOTIFICATIONS_ACCOUNT} send")
        }
        Fault::QueueWithoutDeadLetters => {
            format!("{subject} has no dead-letter queue, so a message can get lost")
        }
        Fault::MessagesWaiting => format!("{subject} holds {detail} being processed"),
        Fault::LwaRefuses if !detail.is_empty() => {
            format!("{subject}: LWA refuses the credentials ({detail})")
        }
        Fault::SpApiRefuses => format!("{subject}: SP-API refuses the token ({detail})"),
        Fault::SpApiNotAsked => format!("{subject}: SP-API was not called"),
        _ if detail.is_empty() => subject.to_owned(),
        _ => format!("{subject}: {detail}"),
    };
    text.trim_end().to_owned()
}

fn good(check: &str, subject: &str, detail: &str) -> String {
    match check {
        "identity" => format!("{subject}, region {detail}"),
        "function" => format!("{subject} is deployed"),
        "settings" => format!("all functions look below {subject}"),
        "errors" => format!("{subject}: none within 24 hours"),
        "source" => format!("a queue feeds {subject}"),
        "credential" => format!("{subject} expires on {detail}"),
        "rule" => format!("{subject} matches events of {detail}"),
        "topic" => format!("{subject} has {detail}"),
        "queue" => format!("{subject} {detail}"),
        "lwa" => format!("{subject}: LWA issues a token"),
        "sp-api" => format!("{subject}: SP-API accepts the token"),
        _ => format!("{subject} is enabled"),
    }
}

/// What to do about it; none where nothing is wrong, or the error has said it.
pub(super) fn advice(verdict: &Verdict) -> Option<String> {
    let fault = verdict.fault?;
    if verdict.advice.is_some() {
        return verdict.advice.clone();
    }
    let subject = &verdict.subject;
    let advice = match fault {
        Fault::IdentityUnknown => {
            "Sign in, set AWS_PROFILE, or give --profile. Nothing else in AWS can be checked."
        }
        Fault::NothingDeployed => {
            "Deploy it as docs/deployment.md shows, or name it with --stack, and its place with \
             --profile and --region. Its other parts are not checked."
        }
        Fault::FunctionMissing
        | Fault::RuleMissing
        | Fault::ScheduleMissing
        | Fault::TopicMissing
        | Fault::QueueMissing => DEPLOY,
        Fault::FunctionFailed | Fault::FunctionUpdateFailed | Fault::SourceMissing => {
            "Deploy again."
        }
        Fault::FunctionNotActive => {
            "Look again in a minute: a pending function is about to run, and an inactive one wakes \
             with its next event."
        }
        Fault::SettingsUnusable => {
            "A function with this value stops at its start: correct the settings and deploy again. \
             A variable of this shell overrides theirs."
        }
        Fault::ErrorsLogged => return Some(format!("Its log group is /aws/lambda/{subject}.")),
        Fault::SourceNotEnabled => "Enable it in the function's triggers, or deploy again.",
        Fault::DeadlineUnknown => "Set its tag lwa:secret-expires-at.",
        Fault::ClientSecretMissing => {
            "Store one with lwa store, or set LWA_PARAMETER_PREFIX, LWA_VAULT or --region."
        }
        Fault::KeyMissing => "Store the credentials again under another key with lwa store --key.",
        Fault::KeyAliasMissing => {
            "Give its key this alias again, or name another key with lwa store --keep --key."
        }
        Fault::KeyUnusable => "Cancel its deletion, or enable it.",
        Fault::RuleDisabled => {
            return Some(format!(
                "Enable it: aws events enable-rule --name {subject}"
            ));
        }
        Fault::RuleNotEvaluated => {
            "It cannot be evaluated here: try it with aws events test-event-pattern."
        }
        Fault::SettingsDiffer
        | Fault::RuleWithoutTarget
        | Fault::RuleMatchesNothing
        | Fault::TopicKeyManaged
        | Fault::QueueClosed
        | Fault::QueueWithoutDeadLetters => DEPLOY_AGAIN,
        Fault::ScheduleDisabled => {
            "Enable it in the console of EventBridge Scheduler, or deploy again."
        }
        Fault::CanaryMissing => "Name it in canaryApplications of the settings.",
        Fault::TopicWithoutSubscription => {
            "Add a subscriber to alerts in the settings, and have them confirm."
        }
        Fault::SubscriptionPending => {
            "Follow the link in the message from AWS Notifications; deploying again sends a new \
             one once the old one is three days old."
        }
        Fault::DeadLetters => {
            "Fix the cause, which the function's log names, and bring them back as \
             docs/operations.md shows under Redrive."
        }
        Fault::MessagesWaiting => {
            "If they stay, the log of the function that the queue feeds says why."
        }
        Fault::CredentialsUnreadable => {
            "Services cannot read them either. If their key is disabled, enable it."
        }
        Fault::SpApiNotAsked => "It needs a token first.",
        _ => return None,
    };
    Some(advice.to_owned())
}
