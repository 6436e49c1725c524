//! Whether to ask Amazon for a new client secret.

use jiff::{SignedDuration, Timestamp};

use crate::deadline::{Deadline, LAST_CHANCE, OVERLAP_DAYS, days};
use crate::rotation::policy::Policy;
use crate::secret::SecretRecord;
use crate::sp_api::{Refusal, SpApiError, SpApiFailure};

/// What to do about one Amazon application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: no date is known at all.
    NoDeadline,
    /// Nothing: there is time.
    NotDue(Deadline),
    /// Nothing: a rotation was requested within the overlap, or Amazon has made a secret since
    /// then, upon a request perhaps.
    AlreadyRequested {
        /// The deadline.
        deadline: Option<Deadline>,
        /// When it was requested, or the secret made.
        at: Timestamp,
    },
    /// Nothing: a new secret has arrived and waits to be stored.
    NewSecretWaits {
        /// The deadline.
        deadline: Option<Deadline>,
    },
    /// Remind people, because rotating is left to them.
    Remind(Deadline),
    /// Ask Amazon.
    Request {
        /// The deadline; none when a person asks for a rotation at any date.
        deadline: Option<Deadline>,
        /// When a rotation was requested before that no new secret has followed.
        unanswered: Option<Timestamp>,
    },
}

impl Decision {
    /// A stable word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoDeadline => "no-deadline",
            Self::NotDue(_) => "not-due",
            Self::AlreadyRequested { .. } => "already-requested",
            Self::NewSecretWaits { .. } => "new-secret-waits",
            Self::Remind(_) => "remind",
            Self::Request { .. } => "request",
        }
    }

    /// The deadline it is about.
    pub const fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::NoDeadline => None,
            Self::NotDue(deadline) | Self::Remind(deadline) => Some(*deadline),
            Self::AlreadyRequested { deadline, .. }
            | Self::NewSecretWaits { deadline }
            | Self::Request { deadline, .. } => *deadline,
        }
    }
}

/// The deadline of one secret that is stored in several places: the earliest of those that may be
/// true.
pub fn deadline(records: &[SecretRecord], lifetime_days: u32, now: Timestamp) -> Option<Deadline> {
    records
        .iter()
        .flat_map(|record| record.possible_deadlines(lifetime_days, now))
        .min_by_key(|deadline| deadline.at)
}

/// Decides from what is stored, for a notice whose deadline has been stored, and for the daily
/// schedule.
pub fn decide(records: &[SecretRecord], policy: &Policy, now: Timestamp) -> Decision {
    let deadline = deadline(records, policy.secret_lifetime_days, now);
    let Some(known) = deadline else {
        return Decision::NoDeadline;
    };
    if policy.overdue_for(&known, now) < SignedDuration::ZERO {
        return Decision::NotDue(known);
    }
    let is_last_chance = known.at.duration_since(now) <= LAST_CHANCE;
    let is_open = records
        .iter()
        .any(|record| record.tags.rotation_requested_at.is_some());
    let decision = match decide_now(records, deadline, now) {
        // What waits and was not asked for may be no secret of Amazon's at all.
        Decision::NewSecretWaits { .. } if is_last_chance && !is_open => {
            request(records, deadline, now)
        }
        decision => decision,
    };
    match (decision, rotated_lately(records, now)) {
        (Decision::Request { .. }, _) if !policy.auto_rotate => Decision::Remind(known),
        (Decision::Request { .. }, Some(at)) if !is_last_chance => {
            Decision::AlreadyRequested { deadline, at }
        }
        (decision, _) => decision,
    }
}

/// When a rotation was requested last, or the secret made that the tags tell of, if that is within
/// the overlap, in which none is requested automatically before the [last chance](LAST_CHANCE).
/// A person may request one after a day.
fn rotated_lately(records: &[SecretRecord], now: Timestamp) -> Option<Timestamp> {
    let tags = records.iter().map(|record| &record.tags);
    let instants = tags.flat_map(|tags| [tags.issued_at, tags.rotation_requested_at]);
    instants
        .flatten()
        .filter(|&at| now.duration_since(at).abs() < days(i64::from(OVERLAP_DAYS)))
        .max()
}

/// Decides for a person who wants a rotation at any date: only a rotation that is under way
/// already stands against it.
pub fn decide_now(
    records: &[SecretRecord],
    deadline: Option<Deadline>,
    now: Timestamp,
) -> Decision {
    if records.iter().any(|record| record.waiting(now).is_some()) {
        return Decision::NewSecretWaits { deadline };
    }
    request(records, deadline, now)
}

/// A request, unless one was made within a day.
fn request(records: &[SecretRecord], deadline: Option<Deadline>, now: Timestamp) -> Decision {
    let requests = records
        .iter()
        .filter_map(|record| record.requested_recently(now));
    if let Some(at) = requests.max() {
        return Decision::AlreadyRequested { deadline, at };
    }
    let unanswered = records
        .iter()
        .filter_map(|record| record.tags.rotation_requested_at)
        .max();
    Decision::Request {
        deadline,
        unanswered,
    }
}

/// How a request went, as far as it makes a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Amazon will send a new secret.
    Accepted,
    /// Amazon refused: nothing was done, and asking again is no use before an operator acts.
    Refused(RefusalCause),
    /// Nothing was done, and asking again later may succeed.
    NotDone,
    /// It may have been done: nothing is requested automatically for four days.
    Unclear,
}

/// Why Amazon refused a rotation, by what an operator must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCause {
    /// No queue is registered for the new secret (400).
    NoQueueRegistered,
    /// The secret in use has expired.
    SecretExpired,
    /// The application may not, or anything else.
    Other,
}

impl Answer {
    /// What SP-API's answer means.
    pub fn of(answer: &Result<(), SpApiError>) -> Self {
        let error = match answer {
            Ok(()) => return Self::Accepted,
            Err(error) => error,
        };
        match error.failure {
            SpApiFailure::Refused => Self::Refused(match (error.refusal(), error.status) {
                (Some(Refusal::SecretExpired), _) => RefusalCause::SecretExpired,
                (_, Some(400)) => RefusalCause::NoQueueRegistered,
                _ => RefusalCause::Other,
            }),
            SpApiFailure::Throttled | SpApiFailure::Unreachable => Self::NotDone,
            SpApiFailure::TimedOut | SpApiFailure::Unavailable => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::application::ApplicationName;
    use crate::tags::{
        NEW_SECRET_PENDING, ROTATION_REQUESTED_AT, SECRET_EXPIRES_AT, SECRET_ISSUED_AT, SecretTags,
    };

    const NOW: &str = "2026-06-01T05:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn policy() -> Policy {
        Policy {
            rotate_within_days: 30,
            auto_rotate: true,
            secret_lifetime_days: 180,
        }
    }

    fn record(tags: &[(&str, &str)], written_at: Option<&str>) -> SecretRecord {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        SecretRecord {
            application: ApplicationName::parse("my-erp").unwrap(),
            version: None,
            written_at: written_at.map(at),
            tags: SecretTags::from_map(&tags),
        }
    }

    fn decision(records: &[SecretRecord], policy: &Policy) -> &'static str {
        decide(records, policy, at(NOW)).as_str()
    }

    #[test]
    fn a_rotation_is_due_from_the_configured_day_on_by_whichever_date_is_known() {
        let check = |tags: &[(&str, &str)], written_at, expected| {
            assert_eq!(
                decision(&[record(tags, written_at)], &policy()),
                expected,
                "{tags:?} {written_at:?}"
            );
        };
        check(&[], None, "no-deadline");
        check(&[], Some("2026-01-01T00:00:00Z"), "request");
        check(&[], Some("2026-05-01T00:00:00Z"), "not-due");
        check(
            &[(SECRET_EXPIRES_AT, "2026-07-01T05:00:00Z")],
            None,
            "request",
        );
        check(
            &[(SECRET_EXPIRES_AT, "2026-07-01T05:00:01Z")],
            None,
            "not-due",
        );
        check(
            &[(SECRET_EXPIRES_AT, "2026-05-01T00:00:00Z")],
            None,
            "request",
        );
        check(
            &[(SECRET_EXPIRES_AT, "2062-07-01T00:00:00Z")],
            Some("2026-01-01T00:00:00Z"),
            "request",
        );
    }

    #[test]
    fn another_is_requested_when_the_overlap_is_nearly_over_and_none_while_a_secret_waits() {
        let due = (SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z");
        let check = |more: (&str, &str), expected| {
            assert_eq!(
                decision(&[record(&[due, more], None)], &policy()),
                expected,
                "{more:?}"
            );
        };
        check(
            (ROTATION_REQUESTED_AT, "2026-05-31T05:00:01Z"),
            "already-requested",
        );
        check(
            (ROTATION_REQUESTED_AT, "2026-05-28T17:00:01Z"),
            "already-requested",
        );
        check((ROTATION_REQUESTED_AT, "2026-05-28T17:00:00Z"), "request");
        check(
            (SECRET_ISSUED_AT, "2026-05-28T17:00:01Z"),
            "already-requested",
        );
        // A person may ask again after a day.
        let asked = (ROTATION_REQUESTED_AT, "2026-05-31T05:00:00Z");
        let by_hand = decide_now(&[record(&[due, asked], None)], None, at(NOW));
        assert_eq!(by_hand.as_str(), "request");
        check(
            (NEW_SECRET_PENDING, "2026-05-31T05:00:00Z n-1"),
            "new-secret-waits",
        );
        check((NEW_SECRET_PENDING, "2026-05-30T05:00:00Z n-1"), "request");
        // One that waits may be forged, and keeps the last chance from nobody.
        let ending = (SECRET_EXPIRES_AT, "2026-06-04T17:00:00Z");
        let waits = (NEW_SECRET_PENDING, "2026-05-31T05:00:00Z n-1");
        assert_eq!(
            decision(&[record(&[ending, waits], None)], &policy()),
            "request"
        );
        let before = record(
            &[due, (ROTATION_REQUESTED_AT, "2026-05-20T00:00:00Z")],
            None,
        );
        assert!(matches!(
            decide(&[before], &policy(), at(NOW)),
            Decision::Request {
                unanswered: Some(_),
                ..
            }
        ));
    }

    #[test]
    fn a_request_that_no_secret_followed_may_have_begun_the_overlap() {
        let expires = (SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
        let requested = (ROTATION_REQUESTED_AT, "2026-05-30T05:00:00Z");
        let check = |issued: &str, now: &str, expected| {
            let record = record(&[expires, requested, (SECRET_ISSUED_AT, issued)], None);
            let found = decide(&[record], &policy(), at(now));
            assert_eq!(found.as_str(), expected, "{issued} {now}");
            found.deadline().map(|deadline| deadline.at)
        };
        // The stored secret was made before the request: another may be on its way.
        let before = "2026-05-29T00:00:00Z";
        check(before, "2026-05-31T04:00:00Z", "not-due");
        let ends = check(before, "2026-05-31T05:00:00Z", "already-requested");
        assert_eq!(ends, Some(at("2026-06-06T05:00:00Z")));
        // It was made upon the request, and the tag was left behind.
        check("2026-05-30T05:00:01Z", "2026-05-31T05:00:00Z", "not-due");
    }

    #[test]
    fn a_stored_secret_that_may_be_older_than_one_that_waits_is_replaced() {
        let expires = (SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
        let contested = "2026-06-01T00:00:00Z n-1 2026-06-06T00:00:00Z";
        let pending = (NEW_SECRET_PENDING, contested);
        let found = decide(&[record(&[expires, pending], None)], &policy(), at(NOW));
        assert_eq!(found.as_str(), "request");
        assert_eq!(found.deadline().unwrap().at, at("2026-06-06T00:00:00Z"));
        // One that was made today may have been requested today.
        let today = (SECRET_ISSUED_AT, "2026-05-31T06:00:00Z");
        let today = record(&[expires, today, pending], None);
        let found = decide(&[today], &policy(), at(NOW));
        assert_eq!(found.as_str(), "already-requested");
    }

    #[test]
    fn roots_that_share_a_secret_are_one() {
        let due = record(&[(SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z")], None);
        let later = record(&[(SECRET_EXPIRES_AT, "2026-09-20T00:00:00Z")], None);
        let asked = record(&[(ROTATION_REQUESTED_AT, "2026-06-01T04:00:00Z")], None);
        assert_eq!(
            decision(&[later.clone(), due.clone()], &policy()),
            "request"
        );
        assert_eq!(
            decision(&[later, due, asked], &policy()),
            "already-requested"
        );
    }

    #[test]
    fn without_leave_to_rotate_people_are_reminded() {
        let manual = Policy {
            auto_rotate: false,
            ..policy()
        };
        let due = record(&[(SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z")], None);
        assert_eq!(decision(&[due], &manual), "remind");
    }

    #[test]
    fn what_an_answer_means_is_told_by_whether_anything_was_done() {
        let check = |failure, status, details: &str, expected| {
            let error = SpApiError {
                status,
                details: Some(details.into()),
                ..SpApiError::without_answer("rotateApplicationClientSecret", failure, "")
            };
            assert_eq!(Answer::of(&Err(error)), expected);
        };
        let refused = |cause| Answer::Refused(cause);
        check(
            SpApiFailure::Refused,
            Some(400),
            "",
            refused(RefusalCause::NoQueueRegistered),
        );
        check(
            SpApiFailure::Refused,
            Some(403),
            "",
            refused(RefusalCause::Other),
        );
        check(
            SpApiFailure::Refused,
            Some(403),
            "The LWA secret token you provided has expired.",
            refused(RefusalCause::SecretExpired),
        );
        check(SpApiFailure::Throttled, Some(429), "", Answer::NotDone);
        check(SpApiFailure::Unreachable, None, "", Answer::NotDone);
        check(SpApiFailure::TimedOut, None, "", Answer::Unclear);
        check(SpApiFailure::Unavailable, Some(503), "", Answer::Unclear);
        assert_eq!(Answer::of(&Ok(())), Answer::Accepted);
    }
}
