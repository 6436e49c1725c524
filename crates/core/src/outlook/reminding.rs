//! When people hear of what they have to do.
//!
//! Several functions may speak of one client secret: the audit, the requester, and the formatter
//! upon an event. Each notes in a tag what it said ([`Reminded`]), so that the others do not
//! repeat it. Where the tag cannot be written or read, people hear twice.

use jiff::Timestamp;

use super::{Next, Outlook};
use crate::deadline::{DATES_DIFFER_BY, Deadline, utc_date};
use crate::secret::SecretRecord;
use crate::severity::Severity;
use crate::tags::Reminded;

/// Something about one client secret that people have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// A stable word for it.
    pub what: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// The deadline that it is about.
    pub deadline: Option<Deadline>,
}

impl Outlook {
    /// What people have to do, if they have to. A missing deadline and a look-alike are findings,
    /// and no reminder.
    pub const fn need(&self) -> Option<Need> {
        let is_calm = matches!(self.severity, Severity::Info);
        match self.next {
            Next::SetDeadline | Next::Identify { .. } => None,
            Next::Rotates { .. }
            | Next::AwaitsSecret { .. }
            | Next::AwaitsAcceptance { .. }
            | Next::Unknown
                if is_calm =>
            {
                None
            }
            next => Some(Need {
                what: next.as_str(),
                severity: self.severity,
                deadline: self.deadline,
            }),
        }
    }
}

impl Need {
    /// Whether people hear of it in a daily run: every day from critical on; before that on
    /// reminder days, and when it is new and a warning.
    pub fn is_due(
        &self,
        reminded: Option<&Reminded>,
        reminder_days: &[u32],
        now: Timestamp,
    ) -> bool {
        let days_left = self.deadline.map(|deadline| deadline.days_left(now));
        let is_reminder_day = days_left
            .and_then(|left| u32::try_from(left).ok())
            .is_some_and(|left| reminder_days.contains(&left));
        let is_due = match self.severity {
            Severity::Critical => true,
            Severity::Warning => is_reminder_day || !reminded.is_some_and(|it| self.was(it)),
            Severity::Info => is_reminder_day,
        };
        is_due && !self.is_told_today(reminded, now)
    }

    /// Whether people heard of something as urgent today.
    pub fn is_told_today(&self, reminded: Option<&Reminded>, now: Timestamp) -> bool {
        reminded.is_some_and(|reminded| {
            utc_date(reminded.at) == utc_date(now) && reminded.severity >= self.severity
        })
    }

    /// The note that people have heard of it.
    pub fn noted(&self, now: Timestamp) -> Reminded {
        Reminded {
            at: now,
            severity: self.severity,
            what: self.what.to_owned(),
            deadline: self.deadline.map(|deadline| deadline.at),
        }
    }

    /// Whether people heard of this very thing before.
    fn was(&self, reminded: &Reminded) -> bool {
        let deadlines = self.deadline.map(|it| it.at).zip(reminded.deadline);
        reminded.what == self.what
            && reminded.severity >= self.severity
            && deadlines.is_some_and(|(now, then)| now.duration_since(then).abs() < DATES_DIFFER_BY)
    }
}

/// What people were reminded of last, of one secret in all its places.
pub fn last_reminded(records: &[SecretRecord]) -> Option<&Reminded> {
    let all = records.iter().filter_map(|it| it.tags.reminded.as_ref());
    all.max_by_key(|reminded| reminded.at)
}
