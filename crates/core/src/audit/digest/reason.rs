//! Whether people hear of an audit.

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::Rules;
use crate::audit::tally::Tally;
use crate::deadline::utc_date;

/// Why a digest goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// People are reminded of at least one application's deadline.
    ReminderDay,
    /// A finding at or above the configured severity.
    Finding,
    /// An exemption ended yesterday.
    ExemptionEnded,
    /// Part of the estate was not seen.
    Partial,
    /// The weekly sign of life.
    Heartbeat,
}

/// Why a digest goes out today; nothing when it does not.
pub fn reasons(tally: &Tally, rules: &Rules, now: Timestamp) -> Vec<Reason> {
    let heartbeat = rules.heartbeat == Some(utc_date(now).weekday());
    [
        (tally.reminders.total() > 0, Reason::ReminderDay),
        (tally.alarming > 0, Reason::Finding),
        (tally.ended_exemptions.total() > 0, Reason::ExemptionEnded),
        (tally.is_partial(), Reason::Partial),
        (heartbeat, Reason::Heartbeat),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}
