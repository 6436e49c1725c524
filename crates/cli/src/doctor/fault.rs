//! Everything that the doctor recognises, by name.

use super::line::Mark;

macro_rules! faults {
    ($($check:literal: $($(#[doc = $doc:literal])+ $fault:ident $name:literal $mark:ident),+;)+) => {
        /// Something that `lwa doctor` recognises. Tests produce every one of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($($(#[doc = $doc])+ $fault,)+)+
        }

        impl Fault {
            /// Every fault there is, in the order in which things are looked at.
            pub const ALL: &[Self] = &[$($(Self::$fault,)+)+];

            /// The name that `--json` has for it; stable.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$fault => $name,)+)+
                }
            }

            /// What is looked at when it is found.
            pub(super) const fn check(self) -> &'static str {
                match self {
                    $($(Self::$fault => $check,)+)+
                }
            }

            /// How bad it is.
            pub(super) const fn mark(self) -> Mark {
                match self {
                    $($(Self::$fault => Mark::$mark,)+)+
                }
            }
        }
    };
}

faults! {
    "identity":
        /// AWS does not say who asks.
        IdentityUnknown "identity-unknown" Bad;
    "function":
        /// No function of the stack exists.
        NothingDeployed "nothing-deployed" Bad,
        /// A function does not exist.
        FunctionMissing "function-missing" Bad,
        /// A function is in the state `Failed`.
        FunctionFailed "function-failed" Bad,
        /// A function is in another state than `Active`, such as `Inactive`.
        FunctionNotActive "function-not-active" Attention,
        /// The last update of a function failed, so that it runs what was deployed before.
        FunctionUpdateFailed "function-update-failed" Bad,
        /// A function could not be looked at.
        FunctionNotChecked "function-not-checked" Skipped;
    "settings":
        /// Functions look for credentials in different places.
        SettingsDiffer "settings-differ" Bad,
        /// A variable has a value that stops the functions at their start.
        SettingsUnusable "settings-unusable" Bad;
    "errors":
        /// A function logged errors within the last day.
        ErrorsLogged "errors-logged" Attention,
        /// A log could not be looked at.
        ErrorsNotChecked "errors-not-checked" Skipped;
    "source":
        /// No queue feeds a function that lives on one.
        SourceMissing "source-missing" Bad,
        /// A queue is there, and its event source mapping does not run.
        SourceNotEnabled "source-not-enabled" Bad,
        /// Event source mappings could not be looked at.
        SourceNotChecked "source-not-checked" Skipped;
    "credential":
        /// Nothing tells when a client secret ends.
        DeadlineUnknown "deadline-unknown" Attention,
        /// The audit has a critical finding.
        CriticalFinding "critical-finding" Bad,
        /// The audit has another finding.
        Finding "finding" Attention,
        /// The audit could not look at something.
        CredentialNotChecked "credential-not-checked" Skipped,
        /// There is no client secret at all.
        ClientSecretMissing "client-secret-missing" Bad;
    "key":
        /// A key does not exist.
        KeyMissing "key-missing" Bad,
        /// The alias of a key does not exist.
        KeyAliasMissing "key-alias-missing" Bad,
        /// A key is disabled, or is going to be deleted.
        KeyUnusable "key-unusable" Bad,
        /// A key could not be looked at.
        KeyNotChecked "key-not-checked" Skipped;
    "rule":
        /// An EventBridge rule does not exist.
        RuleMissing "rule-missing" Bad,
        /// A rule is disabled.
        RuleDisabled "rule-disabled" Bad,
        /// A rule does not invoke the function that it is there for.
        RuleWithoutTarget "rule-without-target" Bad,
        /// A rule does not match the events that it is there for.
        RuleMatchesNothing "rule-matches-nothing" Bad,
        /// A rule's pattern has something in it that only EventBridge can evaluate.
        RuleNotEvaluated "rule-not-evaluated" Attention,
        /// A rule could not be looked at.
        RuleNotChecked "rule-not-checked" Skipped;
    "schedule":
        /// A schedule does not exist.
        ScheduleMissing "schedule-missing" Bad,
        /// A schedule is disabled.
        ScheduleDisabled "schedule-disabled" Bad,
        /// Nothing tries an application's credentials every day.
        CanaryMissing "canary-missing" Attention,
        /// A schedule could not be looked at.
        ScheduleNotChecked "schedule-not-checked" Skipped;
    "topic":
        /// The topic does not exist.
        TopicMissing "topic-missing" Bad,
        /// Nobody who has confirmed is subscribed.
        TopicWithoutSubscription "topic-without-subscription" Bad,
        /// Somebody was subscribed and has not confirmed.
        SubscriptionPending "subscription-pending" Attention,
        /// The topic has a key with which alarms cannot publish.
        TopicKeyManaged "topic-key-managed" Bad,
        /// The topic could not be looked at.
        TopicNotChecked "topic-not-checked" Skipped;
    "queue":
        /// A queue does not exist.
        QueueMissing "queue-missing" Bad,
        /// Something is in a dead-letter queue.
        DeadLetters "dead-letters" Bad,
        /// Amazon may not send to a queue.
        QueueClosed "queue-closed" Bad,
        /// A queue has no dead-letter queue.
        QueueWithoutDeadLetters "queue-without-dead-letters" Bad,
        /// Messages are being tried.
        MessagesWaiting "messages-waiting" Attention,
        /// A queue could not be looked at.
        QueueNotChecked "queue-not-checked" Skipped;
    "lwa":
        /// A credential is missing, or what is stored is none.
        CredentialsIncomplete "credentials-incomplete" Bad,
        /// The vault has the credentials and does not give them.
        CredentialsUnreadable "credentials-unreadable" Bad,
        /// The credentials could not be read this time, or not by whoever asks.
        CredentialsNotRead "credentials-not-read" Skipped,
        /// LWA gives no token.
        LwaRefuses "lwa-refuses" Bad,
        /// LWA did not answer.
        LwaNotReached "lwa-not-reached" Skipped;
    "sp-api":
        /// SP-API does not take the token.
        SpApiRefuses "sp-api-refuses" Bad,
        /// SP-API did not answer.
        SpApiNotReached "sp-api-not-reached" Skipped,
        /// SP-API was not asked, because there was no token.
        SpApiNotAsked "sp-api-not-asked" Skipped;
}
