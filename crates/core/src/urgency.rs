//! How urgent a deadline is, the same in reminders, audits and reports.

use jiff::Timestamp;

use crate::deadline::Deadline;
use crate::severity::Severity;

/// Days before the deadline from which a reminder is critical.
const CRITICAL_DAYS: i64 = 7;

/// Days before the deadline from which a reminder is a warning.
const WARNING_DAYS: i64 = 30;

/// How urgent the distance to a deadline makes it.
pub fn deadline_severity(deadline: &Deadline, now: Timestamp) -> Severity {
    let left = deadline.days_left(now);
    if deadline.has_passed(now) || left <= CRITICAL_DAYS {
        Severity::Critical
    } else if left <= WARNING_DAYS {
        Severity::Warning
    } else {
        Severity::Info
    }
}
