//! The audit of a whole estate: what is looked at, what can be wrong, and what people are told.
//!
//! Everything here is a decision over data. The auditor streams metadata past
//! [`assessment`], which judges one credential at a time; [`roster`] knows which applications
//! are complete; [`tally`] keeps counts and the worst of everything, in bounded memory;
//! [`digest`] decides whether people hear about it and what they read.

pub mod assessment;
pub mod digest;
pub mod findings;
pub mod roster;
pub mod tally;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::severity::Severity;

/// Where a credential lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vault {
    /// SSM Parameter Store.
    ParameterStore,
    /// AWS Secrets Manager.
    SecretsManager,
}

impl Vault {
    /// Both, in the order in which they are scanned.
    pub const ALL: [Self; 2] = [Self::ParameterStore, Self::SecretsManager];

    /// The vault as `LWA_VAULT` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParameterStore => "parameter-store",
            Self::SecretsManager => "secrets-manager",
        }
    }

    /// The vault's name as people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ParameterStore => "Parameter Store",
            Self::SecretsManager => "Secrets Manager",
        }
    }

    /// The vault that [`Self::as_str`] spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vault| vault.as_str() == text)
    }
}

impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an audit measures by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long a client secret lives, in days.
    pub secret_lifetime_days: u32,
    /// Days before the deadline on which people are reminded.
    pub reminder_days: Vec<u32>,
    /// The weekday, in UTC, on which a digest goes out even when all is well.
    pub heartbeat: Option<Weekday>,
    /// The principal that is expected to write credentials; switches LWA012 on.
    pub expected_writer: Option<String>,
    /// From which severity on a finding sends a digest.
    pub digest_severity: Severity,
}

/// The UTC date of an instant. Days are calendar days everywhere in the audit, so that a daily
/// run which starts some seconds early or late still sees each of them exactly once.
pub fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
