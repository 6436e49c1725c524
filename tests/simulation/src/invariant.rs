//! What must hold at every step.

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
    NothingOlderIsStored,
    /// A secret is stored once LWA accepts it, or when the one before it is dying.
    StoredSecretsWork,
    /// Nobody requests a second rotation within 24 hours, before one is due, or without leave.
    RotationsAreRequestedOnce,
    /// Every reminder reaches people on its day.
    EveryReminderComes,
    /// No reminder comes twice on one day.
    NoReminderComesTwice,
    /// One event makes one message.
    NoMessageComesTwice,
    /// An audit sees every application, says what it did not see, or raises an alarm.
    EveryApplicationIsSeen,
    /// What the system believes about a deadline is so, or is marked as an estimate.
    BeliefsAreTrue,
    /// Nothing secret is in any message, answer, error or log line.
    NothingSecretIsSaid,
    /// A dead letter raises an alarm within a quarter of an hour.
    DeadLettersAlarm,
    /// A message that nobody can handle is a dead letter within an hour.
    HopelessMessagesEnd,
}

impl Invariant {
    /// The name that a violation is reported under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServicesWork => "services work",
            Self::NoSecretIsLost => "no secret is lost",
            Self::NothingOlderIsStored => "nothing older is stored",
            Self::StoredSecretsWork => "stored secrets work",
            Self::RotationsAreRequestedOnce => "rotations are requested once",
            Self::EveryReminderComes => "every reminder comes",
            Self::NoReminderComesTwice => "no reminder comes twice",
            Self::NoMessageComesTwice => "no message comes twice",
            Self::EveryApplicationIsSeen => "every application is seen",
            Self::BeliefsAreTrue => "beliefs are true",
            Self::NothingSecretIsSaid => "nothing secret is said",
            Self::DeadLettersAlarm => "dead letters alarm",
            Self::HopelessMessagesEnd => "hopeless messages end",
        }
    }
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// When that was noticed.
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
