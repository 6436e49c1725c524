//! What to simulate.

use std::fmt;

use lwa_core::vault::VaultKind;

use crate::breakage::Breakage;

/// One simulation. The same settings always give the same story, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many days are simulated.
    pub days: u32,
    /// How many applications there are.
    pub applications: usize,
    /// How many sellers each of them serves, besides its own account.
    pub sellers: usize,
    /// Random seed.
    pub seed: u64,
    /// Where the credentials live.
    pub vault: VaultKind,
    /// What may go wrong.
    pub faults: Faults,
    /// Whether the system rotates automatically; otherwise people do, sooner or later.
    pub auto_rotate: bool,
    /// A handler that is broken on purpose, to test the simulation itself.
    pub breakage: Option<Breakage>,
}

impl Default for Settings {
    /// 50 applications of 3 sellers, for 400 days with all kinds of faults.
    fn default() -> Self {
        Self {
            days: 400,
            applications: 50,
            sellers: 3,
            seed: 7,
            vault: VaultKind::ParameterStore,
            faults: Faults::ALL,
            auto_rotate: true,
            breakage: None,
        }
    }
}

impl fmt::Display for Settings {
    /// As arguments of `lwa simulate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--days {} --applications {} --sellers {} --seed {} --vault {} --faults {} \
             --auto-rotate {}",
            self.days,
            self.applications,
            self.sellers,
            self.seed,
            match self.vault {
                VaultKind::ParameterStore => "parameter-store",
                VaultKind::SecretsManager => "secrets-manager",
            },
            self.faults,
            if self.auto_rotate { "on" } else { "off" }
        )?;
        match self.breakage {
            Some(breakage) => write!(f, " (broken on purpose: {})", breakage.as_str()),
            None => Ok(()),
        }
    }
}

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A service answers a call with its throttling error.
    Throttling,
    /// A call times out or fails, before or after it took effect.
    Timeouts,
    /// A service is down for up to twelve hours.
    Outages,
    /// A role lacks a permission for up to twenty hours.
    Denials,
    /// An invocation dies between any two calls.
    Crashes,
    /// Policy events, notices of expiry and new secrets never arrive.
    LostEvents,
    /// Events and messages are delivered twice.
    DuplicatedEvents,
    /// Events and messages arrive days late, or out of order.
    LateEvents,
    /// A new secret takes up to two days to propagate through LWA, and for a while only some of
    /// its hosts know it.
    SlowPropagation,
    /// The functions' clocks are wrong by up to two minutes.
    ClockSkew,
    /// People rotate in the console, edit descriptions, write values again, and forget to store.
    People,
    /// Messages that cannot be processed reach the queues.
    PoisonMessages,
    /// An insider copies client ids and tags to places of their own, and sends forged messages.
    Insiders,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Throttling,
        Self::Timeouts,
        Self::Outages,
        Self::Denials,
        Self::Crashes,
        Self::LostEvents,
        Self::DuplicatedEvents,
        Self::LateEvents,
        Self::SlowPropagation,
        Self::ClockSkew,
        Self::People,
        Self::PoisonMessages,
        Self::Insiders,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttling => "throttling",
            Self::Timeouts => "timeouts",
            Self::Outages => "outages",
            Self::Denials => "denials",
            Self::Crashes => "crashes",
            Self::LostEvents => "lost-events",
            Self::DuplicatedEvents => "duplicated-events",
            Self::LateEvents => "late-events",
            Self::SlowPropagation => "slow-propagation",
            Self::ClockSkew => "clock-skew",
            Self::People => "people",
            Self::PoisonMessages => "poison-messages",
            Self::Insiders => "insiders",
        }
    }
}

/// A set of [`FaultKind`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults(u16);

impl Faults {
    /// No faults.
    pub const NONE: Self = Self(0);
    /// All kinds.
    pub const ALL: Self = Self((1 << FaultKind::ALL.len()) - 1);

    /// Reads `all`, `none`, or a comma-separated list of kinds.
    pub fn parse(text: &str) -> Result<Self, UnknownFault> {
        match text.trim() {
            "all" => return Ok(Self::ALL),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        text.split(',').try_fold(Self::NONE, |faults, word| {
            let word = word.trim();
            FaultKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == word)
                .map(|kind| faults.with(kind))
                .ok_or_else(|| UnknownFault {
                    found: lwa_core::text::quotable(word),
                })
        })
    }

    /// Whether a kind is in the set.
    pub const fn contains(self, kind: FaultKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// The set with a kind.
    #[must_use]
    pub const fn with(self, kind: FaultKind) -> Self {
        Self(self.0 | (1 << kind as u16))
    }

    /// The set without a kind.
    #[must_use]
    pub const fn without(self, kind: FaultKind) -> Self {
        Self(self.0 & !(1 << kind as u16))
    }

    /// The kinds in it.
    pub fn kinds(self) -> impl Iterator<Item = FaultKind> {
        FaultKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALL => f.write_str("all"),
            Self::NONE => f.write_str("none"),
            _ => {
                let words: Vec<_> = self.kinds().map(FaultKind::as_str).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

/// A word that is not a kind of fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not a kind of fault; allowed are all, none, or a comma-separated list of {}",
    FaultKind::ALL.map(FaultKind::as_str).join(", ")
)]
pub struct UnknownFault {
    found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_they_are_read() {
        for text in ["all", "none", "crashes", "lost-events,people"] {
            assert_eq!(Faults::parse(text).unwrap().to_string(), text);
        }
        let every = FaultKind::ALL.map(FaultKind::as_str).join(", ");
        assert_eq!(Faults::parse(&every).unwrap(), Faults::ALL);
        let error = Faults::parse("crashes,rain").unwrap_err().to_string();
        assert!(
            error.starts_with("`rain` is not a kind of fault; allowed are all, none"),
            "{error}"
        );
    }
}
