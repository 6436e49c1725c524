//! Everything that the doctor recognises, by name.

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Mark {
    /// The mark as `--json` spells it; stable.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Bad => "bad",
            Self::Skipped => "skipped",
        }
    }
}

macro_rules! faults {
    ($($check:literal: $($(#[doc = $doc:literal])* $fault:ident $name:literal $mark:ident),+;)+) => {
        /// A fault that `lwa doctor` recognises. Tests produce every one of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = concat!("`", $name, "`.")] $(#[doc = ""] #[doc = $doc])* $fault,)+)+
        }

        impl Fault {
            /// Every fault there is, in the order of the checks.
            pub const ALL: &[Self] = &[$($(Self::$fault,)+)+];

            /// The name that `--json` has for it; stable.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$fault => $name,)+)+
                }
            }

            /// The check that finds it.
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
        IdentityUnknown "identity-unknown" Bad;
    "function":
        NothingDeployed "nothing-deployed" Bad,
        FunctionMissing "function-missing" Bad,
        FunctionFailed "function-failed" Bad,
        /// It is pending, or inactive because it was not invoked for long.
        FunctionNotActive "function-not-active" Attention,
        /// The function runs what was deployed before.
        FunctionUpdateFailed "function-update-failed" Bad,
        FunctionNotChecked "function-not-checked" Skipped;
    "settings":
        /// Functions look for credentials in different places.
        SettingsDiffer "settings-differ" Bad,
        /// A variable has a value that stops the functions at their start.
        SettingsUnusable "settings-unusable" Bad;
    "errors":
        /// A function logged errors within the last day.
        ErrorsLogged "errors-logged" Attention,
        ErrorsNotChecked "errors-not-checked" Skipped;
    "source":
        /// No queue feeds a function that needs one.
        SourceMissing "source-missing" Bad,
        /// The event source mapping does not run.
        SourceNotEnabled "source-not-enabled" Bad,
        SourceNotChecked "source-not-checked" Skipped;
    "credential":
        DeadlineUnknown "deadline-unknown" Attention,
        CriticalFinding "critical-finding" Bad,
        /// A finding of the audit that is not critical.
        Finding "finding" Attention,
        CredentialNotChecked "credential-not-checked" Skipped,
        /// There is no client secret at all.
        ClientSecretMissing "client-secret-missing" Bad;
    "key":
        KeyMissing "key-missing" Bad,
        KeyAliasMissing "key-alias-missing" Bad,
        /// A key is disabled, or is going to be deleted.
        KeyUnusable "key-unusable" Bad,
        KeyNotChecked "key-not-checked" Skipped;
    "rule":
        RuleMissing "rule-missing" Bad,
        RuleDisabled "rule-disabled" Bad,
        /// A rule does not invoke the function that it is meant for.
        RuleWithoutTarget "rule-without-target" Bad,
        /// A rule does not match the events that it is meant for.
        RuleMatchesNothing "rule-matches-nothing" Bad,
        /// Only EventBridge itself can evaluate the rule's pattern.
        RuleNotEvaluated "rule-not-evaluated" Attention,
        RuleNotChecked "rule-not-checked" Skipped;
    "schedule":
        ScheduleMissing "schedule-missing" Bad,
        ScheduleDisabled "schedule-disabled" Bad,
        /// No canary tests an application's credentials daily.
        CanaryMissing "canary-missing" Attention,
        ScheduleNotChecked "schedule-not-checked" Skipped;
    "topic":
        TopicMissing "topic-missing" Bad,
        /// No subscription is confirmed.
        TopicWithoutSubscription "topic-without-subscription" Bad,
        SubscriptionPending "subscription-pending" Attention,
        /// The topic has a key with which alarms cannot publish.
        TopicKeyManaged "topic-key-managed" Bad,
        TopicNotChecked "topic-not-checked" Skipped;
    "queue":
        QueueMissing "queue-missing" Bad,
        DeadLetters "dead-letters" Bad,
        /// Amazon may not send to the queue.
        QueueClosed "queue-closed" Bad,
        QueueWithoutDeadLetters "queue-without-dead-letters" Bad,
        MessagesWaiting "messages-waiting" Attention,
        QueueNotChecked "queue-not-checked" Skipped;
    "lwa":
        /// A credential is missing, or is not one.
        CredentialsIncomplete "credentials-incomplete" Bad,
        /// The vault has the credentials and does not hand them out.
        CredentialsUnreadable "credentials-unreadable" Bad,
        /// The vault did not answer, or denied the caller.
        CredentialsNotRead "credentials-not-read" Skipped,
        LwaRefuses "lwa-refuses" Bad,
        LwaNotReached "lwa-not-reached" Skipped;
    "sp-api":
        SpApiRefuses "sp-api-refuses" Bad,
        SpApiNotReached "sp-api-not-reached" Skipped,
        /// There was no token to call SP-API with.
        SpApiNotAsked "sp-api-not-asked" Skipped;
}
