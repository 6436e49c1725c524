//! What happens next with one application's client secret: what the system does by itself, what it
//! waits for, or what people have to do.
//!
//! Everything that people read about a deadline says the same, because it says this.

mod reminding;
mod wording;

pub use self::reminding::{Need, last_reminded};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::deadline::{Deadline, LAST_CHANCE, QUIET_AFTER_REQUEST, days};
use crate::rotation::policy::Policy;
use crate::rotation::request::{Decision, deadline, decide};
use crate::secret::SecretRecord;
use crate::severity::Severity::{self, Critical, Info, Warning};
use crate::urgency::deadline_severity;

/// How late the system may be against its own plan before people hear of it: a daily run or two
/// may fail, and each asks again what the last could not.
const LATE_AFTER: SignedDuration = days(3);

/// What happens next with one client secret, and how much that needs people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlook {
    /// What happens next.
    pub next: Next,
    /// When the stored secret stops working, if that is known.
    pub deadline: Option<Deadline>,
    /// How urgently people have to act; info where the system sees to it.
    pub severity: Severity,
}

/// What happens next with one client secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action", deny_unknown_fields)]
pub enum Next {
    /// The system rotates it by itself.
    Rotates {
        /// When it is due, or now where it is.
        on: Timestamp,
    },
    /// The system waits for the new secret that it has asked Amazon for.
    AwaitsSecret {
        /// Since when.
        since: Timestamp,
    },
    /// A new secret has arrived, and waits until LWA accepts it.
    AwaitsAcceptance {
        /// When people heard of it last.
        since: Timestamp,
    },
    /// People rotate it, because they chose to, or because it is dead: the system cannot ask for
    /// a new one with it.
    Rotate {
        /// Before when.
        by: Timestamp,
    },
    /// The system was to rotate it and has not.
    RotateLate {
        /// When it was due.
        due: Timestamp,
        /// Before when people have to.
        by: Timestamp,
    },
    /// Amazon was asked for a new secret, and none has come: people find out why.
    FindSecret {
        /// When Amazon was asked.
        requested: Timestamp,
        /// When the stored one may end: with the overlap, if a new one was made.
        by: Timestamp,
    },
    /// Its tags could not be read, so whether a rotation is under way is not known.
    Unknown,
    /// No date is known, so people have to enter it.
    SetDeadline,
    /// The place has the client id of an application and not its secret: people decide what it is.
    Identify {
        /// Since when that is known.
        since: Timestamp,
    },
}

impl Outlook {
    /// What happens next with a secret, by what is stored of it in all its places.
    pub fn new(records: &[SecretRecord], policy: &Policy, now: Timestamp) -> Self {
        let deadline = deadline(records, policy.secret_lifetime_days, now);
        let (next, severity) = judge(records, deadline, policy, now);
        Self {
            next,
            deadline,
            severity,
        }
    }

    /// What can be said of a secret whose tags could not be read.
    pub fn unknown(deadline: Option<Deadline>, now: Timestamp) -> Self {
        Self {
            next: Next::Unknown,
            deadline,
            severity: deadline.map_or(Warning, |known| deadline_severity(&known, now)),
        }
    }

    /// Whether the next step is that of people.
    pub const fn needs_people(&self) -> bool {
        !matches!(
            self.next,
            Next::Rotates { .. } | Next::AwaitsSecret { .. } | Next::AwaitsAcceptance { .. }
        )
    }
}

impl Next {
    /// A stable word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Rotates { .. } => "rotates",
            Self::AwaitsSecret { .. } => "awaits-secret",
            Self::AwaitsAcceptance { .. } => "awaits-acceptance",
            Self::Rotate { .. } => "rotate",
            Self::RotateLate { .. } => "rotate-late",
            Self::FindSecret { .. } => "find-secret",
            Self::Unknown => "unknown",
            Self::SetDeadline => "set-deadline",
            Self::Identify { .. } => "identify",
        }
    }

    /// Its date: on which the system acts, since when it waits, or before which people act.
    pub const fn at(&self) -> Option<Timestamp> {
        match *self {
            Self::Rotates { on: at }
            | Self::AwaitsSecret { since: at }
            | Self::AwaitsAcceptance { since: at }
            | Self::Rotate { by: at }
            | Self::RotateLate { by: at, .. }
            | Self::FindSecret { by: at, .. }
            | Self::Identify { since: at } => Some(at),
            Self::Unknown | Self::SetDeadline => None,
        }
    }
}

fn judge(
    records: &[SecretRecord],
    deadline: Option<Deadline>,
    policy: &Policy,
    now: Timestamp,
) -> (Next, Severity) {
    let unproven = records.iter().filter_map(|it| it.tags.unproven_since);
    if let Some(since) = unproven.min() {
        return (Next::Identify { since }, Warning);
    }
    let Some(known) = deadline else {
        return (Next::SetDeadline, Warning);
    };
    let (by, severity) = (known.at, deadline_severity(&known, now));
    // What the system waits for worries nobody before the last week.
    let lifetime_days = policy.secret_lifetime_days;
    let stored = records.iter().filter_map(|it| it.deadline(lifetime_days));
    let stored = stored.min_by_key(|it| it.at).unwrap_or(known);
    let is_last_week = deadline_severity(&stored, now) == Critical;
    let calm = if is_last_week { Critical } else { Info };
    let asked = records
        .iter()
        .filter_map(|it| it.tags.rotation_requested_at);
    let asked = asked.max();
    match (decide(records, policy, now), asked) {
        (Decision::NewSecretWaits { .. }, _) => {
            let waiting = records.iter().filter_map(|it| it.waiting(now));
            let since = waiting.map(|it| it.notified_at).max().unwrap_or(now);
            (Next::AwaitsAcceptance { since }, calm)
        }
        (_, Some(since)) if now.duration_since(since) <= QUIET_AFTER_REQUEST => {
            (Next::AwaitsSecret { since }, calm)
        }
        _ if known.has_passed(now) => (Next::Rotate { by }, Critical),
        (_, Some(requested)) => {
            // The end of the overlap is among the possible deadlines: it is near in any case.
            let is_last_chance = by.duration_since(now) <= LAST_CHANCE;
            let severity = if is_last_chance {
                Critical
            } else {
                calm.max(Warning)
            };
            (Next::FindSecret { requested, by }, severity)
        }
        _ if !policy.auto_rotate => (Next::Rotate { by }, severity),
        // A secret that was made within the overlap is rotated again before that ends at the
        // earliest.
        (Decision::AlreadyRequested { .. }, None) => {
            let last_chance = by.saturating_sub(LAST_CHANCE).unwrap_or(now);
            let on = last_chance.max(now);
            (Next::Rotates { on }, Info)
        }
        _ if policy.overdue_for(&stored, now) > LATE_AFTER => {
            let due = policy.due(&stored);
            (Next::RotateLate { due, by }, severity.max(Warning))
        }
        _ => {
            let on = policy.due(&known).max(now);
            (Next::Rotates { on }, Info)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ApplicationName;
    use crate::tags::{
        NEW_SECRET_PENDING, REMINDED, ROTATION_REQUESTED_AT, SECRET_EXPIRES_AT, SECRET_ISSUED_AT,
        SecretTags, UNPROVEN_SINCE,
    };
    use crate::vault::ports::Tags;

    const NOW: &str = "2026-06-01T06:00:00Z";
    const AUTO: Policy = Policy {
        rotate_within_days: 60,
        auto_rotate: true,
        secret_lifetime_days: 180,
    };
    const MANUAL: Policy = Policy {
        auto_rotate: false,
        ..AUTO
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A secret that ends in so many days, with more tags.
    fn record(days_left: i64, more: &[(&str, &str)]) -> SecretRecord {
        let expires_at = at(NOW).checked_add(days(days_left)).unwrap();
        let mut tags = Tags::from([(SECRET_EXPIRES_AT.to_owned(), expires_at.to_string())]);
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        tags.extend(more);
        SecretRecord {
            application: ApplicationName::parse("my-erp").unwrap(),
            version: None,
            written_at: None,
            tags: SecretTags::from_map(&tags),
        }
    }

    fn outlook(record: &SecretRecord, policy: &Policy) -> Outlook {
        Outlook::new(std::slice::from_ref(record), policy, at(NOW))
    }

    fn check(policy: &Policy, days_left: i64, more: &[(&str, &str)], expected: (&str, Severity)) {
        let found = outlook(&record(days_left, more), policy);
        let found = (found.next.as_str(), found.severity);
        assert_eq!(found, expected, "{days_left} {more:?}");
    }

    #[test]
    fn the_system_rotates_by_itself_and_people_act_only_when_it_is_late() {
        check(&AUTO, 180, &[], ("rotates", Info));
        check(&AUTO, 60, &[], ("rotates", Info));
        check(&AUTO, 57, &[], ("rotates", Info));
        check(&AUTO, 56, &[], ("rotate-late", Warning));
        check(&AUTO, 7, &[], ("rotate-late", Critical));
        // A dead secret cannot ask for another.
        check(&AUTO, 0, &[], ("rotate", Critical));
        let late = Policy {
            rotate_within_days: 20,
            ..AUTO
        };
        check(&late, 20, &[], ("rotates", Info));
        check(&late, 16, &[], ("rotate-late", Warning));
    }

    #[test]
    fn people_who_rotate_themselves_are_warned_by_the_days_that_are_left() {
        check(&MANUAL, 60, &[], ("rotate", Info));
        check(&MANUAL, 30, &[], ("rotate", Warning));
        check(&MANUAL, 7, &[], ("rotate", Critical));
    }

    #[test]
    fn while_a_rotation_is_under_way_nobody_rotates() {
        for policy in [AUTO, MANUAL] {
            let asked = (ROTATION_REQUESTED_AT, "2026-05-31T06:00:01Z");
            check(&policy, 40, &[asked], ("awaits-secret", Info));
            check(&policy, 6, &[asked], ("awaits-secret", Critical));
            check(&policy, -1, &[asked], ("awaits-secret", Critical));
            let waits = (NEW_SECRET_PENDING, "2026-06-01T00:00:00Z n-1");
            check(&policy, 40, &[asked, waits], ("awaits-acceptance", Info));
        }
        let unanswered = (ROTATION_REQUESTED_AT, "2026-05-31T05:59:59Z");
        check(&AUTO, 40, &[unanswered], ("find-secret", Warning));
        // The stored one may end with the overlap.
        let nearly_over = (ROTATION_REQUESTED_AT, "2026-05-28T18:00:00Z");
        check(&AUTO, 40, &[nearly_over], ("find-secret", Critical));
    }

    #[test]
    fn a_secret_of_this_week_that_is_contested_is_rotated_again_when_the_overlap_is_nearly_over() {
        let made = (SECRET_ISSUED_AT, "2026-05-30T06:00:00Z");
        let contested = (
            NEW_SECRET_PENDING,
            "2026-06-01T00:00:00Z n-1 2026-06-06T06:00:00Z",
        );
        let found = outlook(&record(178, &[made, contested]), &AUTO);
        let on = at("2026-06-02T18:00:00Z");
        assert_eq!((found.next, found.severity), (Next::Rotates { on }, Info));
    }

    #[test]
    fn what_is_not_the_applications_own_is_for_people() {
        let unproven = (UNPROVEN_SINCE, "2026-05-01T06:00:00Z");
        check(&AUTO, 40, &[unproven], ("identify", Warning));
        let mut unknown = record(40, &[]);
        unknown.tags = SecretTags::default();
        assert_eq!(outlook(&unknown, &AUTO).next, Next::SetDeadline);
    }

    /// Whether people are reminded, after they were reminded of something else before.
    fn is_told(policy: &Policy, days_left: i64, reminded: Option<&str>) -> bool {
        let more = reminded.map(|text| (REMINDED, text));
        let record = record(days_left, more.as_slice());
        let need = outlook(&record, policy).need();
        let reminded = record.tags.reminded.as_ref();
        need.is_some_and(|need| need.is_due(reminded, &[90, 60, 30, 14, 7, 3, 1], at(NOW)))
    }

    #[test]
    fn one_deadline_is_one_reminder_a_day_and_more_only_when_it_has_become_graver() {
        assert!(!is_told(&AUTO, 60, None));
        assert!(is_told(&MANUAL, 60, None));
        assert!(!is_told(&MANUAL, 59, None));
        // Every day in the last week, on the day itself, and after it.
        for left in [7, 6, 5, 4, 2, 0, -3] {
            assert!(is_told(&MANUAL, left, None), "{left}");
        }
        let warned = "2026-06-01T05:00:00Z warning rotate 2026-06-21T06:00:00Z";
        assert!(!is_told(&MANUAL, 30, Some(warned)));
        assert!(is_told(&MANUAL, 6, Some(warned)), "graver");
        // A warning that is new is told at once, and then on reminder days.
        assert!(is_told(&MANUAL, 20, None));
        let yesterday = "2026-05-31T05:00:00Z warning rotate 2026-06-21T06:00:00Z";
        assert!(!is_told(&MANUAL, 20, Some(yesterday)));
        let earlier_one = "2026-05-31T05:00:00Z warning rotate 2025-12-21T06:00:00Z";
        assert!(is_told(&MANUAL, 20, Some(earlier_one)));
        let something_else = "2026-05-31T05:00:00Z warning find-secret 2026-06-21T06:00:00Z";
        assert!(is_told(&MANUAL, 20, Some(something_else)));
        assert!(is_told(&MANUAL, 20, Some("nonsense")));
    }
}
