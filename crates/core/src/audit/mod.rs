//! The audit of a whole estate: what can be wrong, what is, and what people are told.
//!
//! Everything here is a decision over data. The auditor streams metadata past [`assessment`],
//! which judges one credential at a time, check by check; [`roster`] knows which
//! applications are complete; [`tally`] keeps counts and the worst of everything, in bounded
//! memory; [`digest`] decides whether a message goes out and what it says.
//!
//! An audit may take several invocations. What it keeps from one to the next derives serde's
//! traits; the auditor gives that form a version. Programs and people read other forms.

pub mod absence;
pub mod assessment;
mod catalogue;
mod checks;
pub mod digest;
mod exemption;
pub mod findings;
mod policy_times;
pub mod roster;
mod sentences;
pub mod tally;
mod top;

use jiff::civil::Weekday;

use crate::rotation::policy::Policy;
use crate::severity::Severity;

/// What an audit measures by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When client secrets are rotated, and by whom.
    pub policy: Policy,
    /// Days before the deadline on which people are reminded.
    pub reminder_days: Vec<u32>,
    /// The weekday, in UTC, on which a digest goes out even when all is well.
    pub heartbeat: Option<Weekday>,
    /// The principal that is expected to write credentials; switches LWA012 on.
    pub expected_writer: Option<String>,
    /// From which severity on a finding sends a digest.
    pub digest_severity: Severity,
}
