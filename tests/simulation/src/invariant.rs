//! What must hold after every step.

use std::fmt;

use jiff::Timestamp;

/// Something that must always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    /// No call of a service fails for a credential reason while the system rotates by itself.
    ServicesWork,
    /// A new secret is in the vault, in its queue, or older than what is in the vault.
    NoSecretIsLost,
    /// A newer secret in the vault is never replaced by an older one.
    NoOlderSecretIsStored,
    /// A secret is stored once LWA accepts it, or when its predecessor has expired: no working
    /// secret is replaced by one that LWA refuses.
    StoredSecretsWork,
    /// No secret reaches a place that did not hold one of its predecessors.
    NoSecretIsGivenAway,
    /// No second rotation is requested within 24 hours, before one is due, or without permission.
    RotationsAreRequestedOnce,
    /// Every reminder is sent on its day.
    EveryReminderIsSent,
    /// Of one deadline people hear once a day, and more only when it has become graver.
    NoReminderIsRepeated,
    /// Nobody is asked to rotate what the system rotates in time, or has asked Amazon for.
    NobodyIsAskedInVain,
    /// One event leads to one message.
    NoMessageIsRepeated,
    /// An audit covers every application, reports what it could not see, or raises an alarm.
    EveryApplicationIsAudited,
    /// A deadline that the system reports is right, or is marked as an estimate.
    DeadlinesAreRight,
    /// No message, answer, error or log line contains a secret.
    NoSecretIsExposed,
    /// A dead letter raises an alarm within a quarter of an hour.
    DeadLettersRaiseAlarms,
    /// A message that cannot be processed becomes a dead letter within an hour.
    UnprocessableMessagesEnd,
}

impl Invariant {
    /// The name that a violation is reported under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServicesWork => "services work",
            Self::NoSecretIsLost => "no secret is lost",
            Self::NoOlderSecretIsStored => "no older secret is stored",
            Self::StoredSecretsWork => "stored secrets work",
            Self::NoSecretIsGivenAway => "no secret is given away",
            Self::RotationsAreRequestedOnce => "rotations are requested once",
            Self::EveryReminderIsSent => "every reminder is sent",
            Self::NoReminderIsRepeated => "no reminder is repeated",
            Self::NobodyIsAskedInVain => "nobody is asked to do what the system does",
            Self::NoMessageIsRepeated => "no message is repeated",
            Self::EveryApplicationIsAudited => "every application is audited",
            Self::DeadlinesAreRight => "deadlines are right",
            Self::NoSecretIsExposed => "no secret is exposed",
            Self::DeadLettersRaiseAlarms => "dead letters raise alarms",
            Self::UnprocessableMessagesEnd => "unprocessable messages become dead letters",
        }
    }
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// When the violation was noticed.
    pub at: Timestamp,
    /// The number of the application it is about; none when it is about several or none.
    pub application: Option<usize>,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" does not hold at {:.0}: {}",
            self.invariant.as_str(),
            self.at,
            self.detail
        )
    }
}
