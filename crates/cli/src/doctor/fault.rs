//! Everything that the doctor recognises, by name and in words.

use serde::Serialize;

/// How a check came out; `--json` has these words, which are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mark {
    /// It is as it should be.
    Good,
    /// It works, and a person should look at it.
    Attention,
    /// It does not work.
    Bad,
    /// It could not be looked at.
    Skipped,
}

/// What is fixed about a fault. In its texts, `{subject}` stands for what was checked, and
/// `{detail}` for anything else there is to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The name that `--json` has for it; stable.
    pub(super) name: &'static str,
    /// The check that finds it, in one word; stable.
    pub(super) check: &'static str,
    /// How bad it is.
    pub(super) mark: Mark,
    /// What was found.
    pub(super) found: &'static str,
    /// What to do about it; empty where the check itself tells.
    pub(super) advice: &'static str,
}

macro_rules! faults {
    ($($check:literal $good:literal: $($fault:ident $name:literal $mark:ident $found:literal $advice:expr),+;)+) => {
        /// A fault that `lwa doctor` recognises. Tests produce every one of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = concat!("`", $name, "`: ", $found)] $fault,)+)+
        }

        impl Fault {
            /// Every fault there is, in the order of the checks.
            pub const ALL: &[Self] = &[$($(Self::$fault,)+)+];

            pub(super) const fn entry(self) -> Entry {
                match self {
                    $($(Self::$fault => Entry {
                        name: $name,
                        check: $check,
                        mark: Mark::$mark,
                        found: $found,
                        advice: $advice,
                    },)+)+
                }
            }
        }

        /// What a check that found no fault says.
        pub(super) fn good(check: &str) -> &'static str {
            match check {
                $($check => $good,)+
                _ => "{subject}",
            }
        }
    };
}

impl Fault {
    /// The name that `--json` has for it; stable.
    pub const fn as_str(self) -> &'static str {
        self.entry().name
    }
}

const DEPLOY: &str = "Deploy, or name the deployed stack with --stack.";
const DEPLOY_AGAIN: &str = "It was changed by hand: deploy again.";

faults! {
    "identity" "{subject}, region {detail}":
        IdentityUnknown "identity-unknown" Bad "region {subject}: {detail}"
            "Sign in, set AWS_PROFILE, or give --profile. Nothing else in AWS can be checked.";
    "function" "{subject} is deployed":
        NothingDeployed "nothing-deployed" Bad
            "no function of the stack {subject} is deployed in this account and region"
            "Deploy it as docs/deployment.md shows, or name it with --stack, and its place with \
             --profile and --region. Its other parts are not checked.",
        FunctionMissing "function-missing" Bad "{subject} does not exist" DEPLOY,
        FunctionFailed "function-failed" Bad "{subject} has failed and does not run. {detail}"
            "Deploy again.",
        FunctionNotActive "function-not-active" Attention "{subject} is {detail}"
            "Look again in a minute: a pending function is about to run, and an inactive one \
             wakes with its next event.",
        FunctionUpdateFailed "function-update-failed" Bad
            "{subject} runs its previous version, because its last update failed. {detail}"
            "Deploy again.",
        FunctionNotChecked "function-not-checked" Skipped "{subject}: {detail}" "";
    "settings" "all functions look below {subject}":
        SettingsDiffer "settings-differ" Bad "{subject} is {detail}" DEPLOY_AGAIN,
        SettingsUnusable "settings-unusable" Bad "{subject}"
            "A function with this value stops at its start: correct the settings and deploy \
             again. A variable of this shell overrides theirs.";
    "errors" "{subject}: none within 24 hours":
        ErrorsLogged "errors-logged" Attention "{subject}: {detail}"
            "Its log group is /aws/lambda/{subject}.",
        ErrorsNotChecked "errors-not-checked" Skipped "log of {subject}: {detail}" "";
    "source" "a queue feeds {subject}":
        SourceMissing "source-missing" Bad
            "no queue feeds {subject}, so Amazon's notifications are not processed"
            "Deploy again.",
        SourceNotEnabled "source-not-enabled" Bad
            "the event source mapping that feeds {subject} is {detail}"
            "Enable it in the function's triggers, or deploy again.",
        SourceNotChecked "source-not-checked" Skipped "{subject}: {detail}" "";
    "credential" "{subject} expires on {detail}":
        DeadlineUnknown "deadline-unknown" Attention "{subject}: its deadline is unknown"
            "Set its tag lwa:secret-expires-at.",
        CriticalFinding "critical-finding" Bad "{subject}: {detail}" "",
        Finding "finding" Attention "{subject}: {detail}" "",
        CredentialNotChecked "credential-not-checked" Skipped "{subject}: {detail}"
            "Not checked. Try again.",
        ClientSecretMissing "client-secret-missing" Bad "there is no client secret in {subject}"
            "Store one with lwa store, or set LWA_PARAMETER_PREFIX, LWA_VAULT or --region.";
    "key" "{subject} is enabled":
        KeyMissing "key-missing" Bad "{subject} does not exist: what it encrypted is lost"
            "Store the credentials again under another key with lwa store --key.",
        // An alias is only a name for a key, and what the key encrypted can be read without it.
        KeyAliasMissing "key-alias-missing" Bad
            "{subject} does not exist: nothing new can be encrypted with it"
            "Give its key this alias again, or name another key with lwa store --keep --key.",
        KeyUnusable "key-unusable" Bad "{subject} is {detail}: what it encrypts cannot be read"
            "Cancel its deletion, or enable it.",
        KeyNotChecked "key-not-checked" Skipped "{subject}: {detail}" "";
    "rule" "{subject} matches events of {detail}":
        RuleMissing "rule-missing" Bad "{subject} does not exist" DEPLOY,
        RuleDisabled "rule-disabled" Bad "{subject} is disabled"
            "Enable it: aws events enable-rule --name {subject}",
        RuleWithoutTarget "rule-without-target" Bad "{subject} does not invoke {detail}"
            DEPLOY_AGAIN,
        RuleMatchesNothing "rule-matches-nothing" Bad
            "{subject} does not match the events of {detail}" DEPLOY_AGAIN,
        RuleNotEvaluated "rule-not-evaluated" Attention "{subject}: {detail}"
            "It cannot be evaluated here: try it with aws events test-event-pattern.",
        RuleNotChecked "rule-not-checked" Skipped "{subject}: {detail}" "";
    "schedule" "{subject} is enabled":
        ScheduleMissing "schedule-missing" Bad "{subject} does not exist: {detail}" DEPLOY,
        ScheduleDisabled "schedule-disabled" Bad "{subject} is disabled: {detail}"
            "Enable it in the console of EventBridge Scheduler, or deploy again.",
        CanaryMissing "canary-missing" Attention
            "{subject} does not exist: the credentials of {detail} are not tested daily"
            "Name it in canaryApplications of the settings.",
        ScheduleNotChecked "schedule-not-checked" Skipped "{subject}: {detail}" "";
    "topic" "{subject} has {detail}":
        TopicMissing "topic-missing" Bad
            "{subject} does not exist: no notification reaches anyone" DEPLOY,
        TopicWithoutSubscription "topic-without-subscription" Bad
            "{subject} has no confirmed subscription: no notification reaches anyone"
            "Add a subscriber to alerts in the settings, and have them confirm.",
        SubscriptionPending "subscription-pending" Attention
            "{subject} has not confirmed and receives no notifications"
            "Follow the link in the message from AWS Notifications; deploying again sends a new \
             one once the old one is three days old.",
        TopicKeyManaged "topic-key-managed" Bad
            "{subject} uses the AWS-managed key, with which no alarm can publish" DEPLOY_AGAIN,
        TopicNotChecked "topic-not-checked" Skipped "{subject}: {detail}" "";
    "queue" "{subject} {detail}":
        QueueMissing "queue-missing" Bad "{subject} does not exist" DEPLOY,
        DeadLetters "dead-letters" Bad "{subject} holds {detail} could not be processed"
            "Fix the cause, which the function's log names, and bring them back as \
             docs/operations.md shows under Redrive.",
        QueueClosed "queue-closed" Bad "{subject} does not let Amazon's account {detail} send"
            DEPLOY_AGAIN,
        QueueWithoutDeadLetters "queue-without-dead-letters" Bad
            "{subject} has no dead-letter queue, so a message can get lost" DEPLOY_AGAIN,
        MessagesWaiting "messages-waiting" Attention "{subject} holds {detail} being processed"
            "If they stay, the log of the function that the queue feeds says why.",
        QueueNotChecked "queue-not-checked" Skipped "{subject}: {detail}" "";
    "lwa" "{subject}: LWA issues a token":
        CredentialsIncomplete "credentials-incomplete" Bad "{subject}" "",
        CredentialsUnreadable "credentials-unreadable" Bad "{subject}"
            "Services cannot read them either. If their key is disabled, enable it.",
        CredentialsNotRead "credentials-not-read" Skipped "{subject}" "Not checked. Try again.",
        LwaRefuses "lwa-refuses" Bad "{subject}: LWA refuses the credentials ({detail})" "",
        LwaNotReached "lwa-not-reached" Skipped "{subject}" "Not checked. Try again.";
    "sp-api" "{subject}: SP-API accepts the token":
        SpApiRefuses "sp-api-refuses" Bad "{subject}: SP-API refuses the token ({detail})" "",
        SpApiNotReached "sp-api-not-reached" Skipped "{subject}" "Not checked. Try again.",
        SpApiNotAsked "sp-api-not-asked" Skipped "{subject}: SP-API was not called"
            "It needs a token first.";
    "test" "sent as event {detail}: the subject begins with \"{subject}\"":
        TestNotSent "test-not-sent" Bad "no test message was sent: {detail}" "Try again.";
}
