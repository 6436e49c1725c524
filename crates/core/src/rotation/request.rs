//! Whether to ask Amazon for a new client secret.

use jiff::{SignedDuration, Timestamp};

use super::notification::SecretExpiry;
use super::tags::{RotationTags, end_of_overlap, instant};
use crate::application::ApplicationName;
use crate::config::{AUTO_ROTATE, ConfigError, Lookup, ROTATE_WITHIN_DAYS};
use crate::deadline::{Basis, CLOCKS_DIFFER_BY, Deadline, Stored, days, tag};
use crate::sp_api::{Refusal, SpApiError, SpApiFailure};
use crate::vault::SecretVersion;

/// How long nothing more is asked for once a rotation was. The request is not idempotent, and
/// the answer to one that seemed to fail may still be on its way,
/// <https://developer-docs.amazon.com/sp-api/docs/rotate-your-application-client-secret>.
pub const QUIET_AFTER_REQUEST: SignedDuration = SignedDuration::from_hours(24);

/// When rotations are requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long before the deadline, in days, from 1 to 180.
    pub rotate_within_days: u32,
    /// Whether they are requested, or people only reminded.
    pub auto_rotate: bool,
    /// How long a client secret lives, in days.
    pub secret_lifetime_days: u32,
}

impl Policy {
    /// Reads the policy for secrets that live for `secret_lifetime_days`.
    pub fn from_lookup<F>(
        lookup: &Lookup<F>,
        secret_lifetime_days: u32,
    ) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        Ok(Self {
            rotate_within_days: lookup.number(ROTATE_WITHIN_DAYS, 1..=180)?,
            auto_rotate: lookup.flag(AUTO_ROTATE)?,
            secret_lifetime_days,
        })
    }
}

/// One place where the client secret of an Amazon application is stored. Usually there is one;
/// roots that share a client id share the secret, and are asked for together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The application whose place it is.
    pub application: ApplicationName,
    /// The tags of its client secret.
    pub tags: RotationTags,
    /// Which version of it is stored; none where that is not known.
    pub version: Option<SecretVersion>,
    /// When that was written.
    pub written_at: Option<Timestamp>,
}

impl Member {
    /// What is known of the stored version.
    const fn stored(&self) -> Stored<'_> {
        Stored {
            version: self.version.as_ref(),
            written_at: self.written_at,
        }
    }

    /// Since when the value is there, as far as anything tells: when Amazon made it, when it was
    /// first stored, or when it was last written.
    fn known_since(&self) -> Option<Timestamp> {
        let tags = &self.tags.secret;
        tags.issued_at.or(tags.first_stored()).or(self.written_at)
    }
}

/// What to do about one Amazon application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: no date is known at all.
    NoDeadline,
    /// Nothing: there is time.
    NotDue(Deadline),
    /// Nothing: a rotation was requested less than 24 hours ago, or Amazon has made a secret since
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
    /// Tell people, because rotating is left to them.
    Remind(Deadline),
    /// Ask Amazon.
    Request {
        /// The deadline; none when people ask for a rotation whatever the date.
        deadline: Option<Deadline>,
        /// When a rotation was requested before that nothing came of.
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

/// The deadline of places that hold the same secret: the earliest.
pub fn deadline(members: &[Member], lifetime_days: u32, now: Timestamp) -> Option<Deadline> {
    members
        .iter()
        .flat_map(|member| {
            let mut tags = member.tags.secret.clone();
            tags.expires_at = member.tags.reported_deadline(lifetime_days, now);
            let known = Deadline::of(&tags, &member.stored(), lifetime_days);
            let contested = member.tags.contested_until(now).map(|at| Deadline {
                at,
                basis: Basis::Estimated,
            });
            [known, end_if_replaced(member, now), contested]
                .into_iter()
                .flatten()
        })
        .min_by_key(|deadline| deadline.at)
}

/// When the stored secret stops working if a request that came to nothing so far did make
/// another one, whose message was lost or has not arrived: whatever date is stored was true only
/// before that request.
fn end_if_replaced(member: &Member, now: Timestamp) -> Option<Deadline> {
    let tags = &member.tags.secret;
    let requested_at = tags.rotation_requested_at?;
    let is_unanswered = now.duration_since(requested_at) >= QUIET_AFTER_REQUEST;
    let is_stored_since = member
        .known_since()
        .is_some_and(|since| since >= requested_at);
    (is_unanswered && !is_stored_since).then(|| Deadline {
        at: end_of_overlap(requested_at),
        basis: Basis::Estimated,
    })
}

/// Decides from what is stored, whoever asks: a notice whose deadline has been stored, or the
/// daily schedule.
pub fn decide(members: &[Member], policy: &Policy, now: Timestamp) -> Decision {
    let deadline = deadline(members, policy.secret_lifetime_days, now);
    let Some(known) = deadline else {
        return Decision::NoDeadline;
    };
    let within = days(i64::from(policy.rotate_within_days));
    if known.at.duration_since(now) > within {
        return Decision::NotDue(known);
    }
    match (decide_now(members, deadline, now), made_today(members, now)) {
        (Decision::Request { .. }, _) if !policy.auto_rotate => Decision::Remind(known),
        // It may be the answer to a request of today, and another one due all the same: somebody
        // has put the secret before it back.
        (Decision::Request { .. }, Some(at)) => Decision::AlreadyRequested { deadline, at },
        (decision, _) => decision,
    }
}

/// When Amazon made the secret that the tags tell of, if that is less than a day ago.
fn made_today(members: &[Member], now: Timestamp) -> Option<Timestamp> {
    members
        .iter()
        .filter_map(|member| member.tags.secret.issued_at)
        .filter(|&at| now.duration_since(at).abs() < QUIET_AFTER_REQUEST)
        .max()
}

/// Decides for somebody who wants a rotation whatever the date: only a rotation that is under
/// way already stands against it.
pub fn decide_now(members: &[Member], deadline: Option<Deadline>, now: Timestamp) -> Decision {
    let tags = || members.iter().map(|member| &member.tags);
    if tags().any(|tags| tags.waiting(now).is_some()) {
        return Decision::NewSecretWaits { deadline };
    }
    if let Some(at) = tags()
        .filter_map(|tags| tags.requested_within(QUIET_AFTER_REQUEST, now))
        .max()
    {
        return Decision::AlreadyRequested { deadline, at };
    }
    let unanswered = tags()
        .filter_map(|tags| tags.secret.rotation_requested_at)
        .max();
    Decision::Request {
        deadline,
        unanswered,
    }
}

/// What a notice's deadline is to a place whose secret has tags already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// To be stored.
    New,
    /// Stored already.
    Known,
    /// About a secret that has been replaced since, or older than what is stored.
    Outdated,
}

/// Compares a notice with what is stored.
///
/// A deadline moves forward freely, and back only on a notice that Amazon wrote after the
/// stored secret was issued, or after it was written where the issue is not known: then Amazon
/// has shortened it, or the stored date was mistyped. A date within the overlap that began with
/// the stored secret's issue is that of the secret before it. In doubt the earlier date is
/// believed: rotating early costs nothing, and rotating late an outage.
pub fn reported(
    notice: &SecretExpiry,
    member: &Member,
    policy: &Policy,
    now: Timestamp,
) -> Reported {
    let tags = &member.tags;
    let stored = tags.reported_deadline(policy.secret_lifetime_days, now);
    if stored.is_some_and(|stored| stored.as_second() == notice.expires_at.as_second()) {
        return Reported::Known;
    }
    if let Some(issued_at) = tags.secret.issued_at
        && notice.expires_at <= end_of_overlap(issued_at)
    {
        return Reported::Outdated;
    }
    // The first notice about a secret comes months after that was stored.
    if is_written_before(notice, tags.secret.first_stored()) {
        return Reported::Outdated;
    }
    match stored {
        Some(stored) if notice.expires_at < stored => {
            let is_newer = match (notice.event_time, member.known_since()) {
                (Some(event_time), Some(known_since)) => event_time > known_since,
                (_, None) => true,
                (None, Some(_)) => false,
            };
            if is_newer {
                Reported::New
            } else {
                Reported::Outdated
            }
        }
        _ => Reported::New,
    }
}

/// Takes a notice's date into the tags of a member, and returns those to write. Where the date belongs to a version that somebody
/// has looked at, they say so: to the stored one, or, where Amazon wrote the notice before
/// something else was written, to the one before. Where the stored value is in doubt, it stays
/// so. Otherwise the date is a word for what is stored.
pub fn take(notice: &SecretExpiry, member: &mut Member) -> Vec<(&'static str, String)> {
    let mut tags = vec![(tag::SECRET_EXPIRES_AT, instant(notice.expires_at))];
    let is_older = is_written_before(notice, member.written_at);
    let secret = &mut member.tags.secret;
    secret.expires_at = Some(notice.expires_at);
    if let Some(known) = &mut secret.provenance
        && (is_older
            || known.is_doubtful()
            || member.version.as_ref().is_some_and(|it| known.is_of(it)))
    {
        known.set_date(notice.expires_at);
        tags.push((tag::SECRET_VERSION, known.to_text()));
    }
    tags
}

/// Whether Amazon wrote a notice before something was stored.
fn is_written_before(notice: &SecretExpiry, stored_at: Option<Timestamp>) -> bool {
    notice
        .event_time
        .zip(stored_at)
        .is_some_and(|(event_time, at)| event_time.duration_since(at) < CLOCKS_DIFFER_BY)
}

/// On how many days before the deadline people are reminded when rotating is left to them and
/// only the schedule asks: weekly, and daily in the last week. A notice reminds only of a date
/// that was not known before.
pub fn is_scheduled_reminder_day(deadline: &Deadline, policy: &Policy, now: Timestamp) -> bool {
    let left = deadline.days_left(now);
    left <= 7 || (i64::from(policy.rotate_within_days) - left) % 7 == 0
}

/// How a request went, as far as anybody would do something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Amazon will send a new secret.
    Accepted,
    /// Amazon refused: nothing was done, and asking again is no use before somebody acts.
    Refused(RefusalCause),
    /// Nothing was done, and asking again later may succeed.
    NotDone,
    /// It may have been done: nobody may ask again for 24 hours.
    Unclear,
}

/// Why Amazon refused a rotation, by what somebody must do.
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

/// Whether a deadline is known from Amazon or an operator rather than worked out.
pub const fn is_reported(deadline: &Deadline) -> bool {
    matches!(deadline.basis, Basis::Reported)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rotation::tags::NEW_SECRET_PENDING;

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

    fn member(tags: &[(&str, &str)], written_at: Option<&str>) -> Member {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Member {
            application: ApplicationName::parse("my-erp").unwrap(),
            tags: RotationTags::from_map(&tags),
            version: None,
            written_at: written_at.map(at),
        }
    }

    fn decision(members: &[Member], policy: &Policy) -> &'static str {
        decide(members, policy, at(NOW)).as_str()
    }

    #[test]
    fn a_rotation_is_due_from_the_configured_day_on_by_whichever_date_is_known() {
        let check = |tags: &[(&str, &str)], written_at, expected| {
            assert_eq!(
                decision(&[member(tags, written_at)], &policy()),
                expected,
                "{tags:?} {written_at:?}"
            );
        };
        check(&[], None, "no-deadline");
        check(&[], Some("2026-01-01T00:00:00Z"), "request");
        check(&[], Some("2026-05-01T00:00:00Z"), "not-due");
        check(
            &[(tag::SECRET_EXPIRES_AT, "2026-07-01T05:00:00Z")],
            None,
            "request",
        );
        check(
            &[(tag::SECRET_EXPIRES_AT, "2026-07-01T05:00:01Z")],
            None,
            "not-due",
        );
        check(
            &[(tag::SECRET_EXPIRES_AT, "2026-05-01T00:00:00Z")],
            None,
            "request",
        );
        check(
            &[(tag::SECRET_EXPIRES_AT, "2062-07-01T00:00:00Z")],
            Some("2026-01-01T00:00:00Z"),
            "request",
        );
    }

    #[test]
    fn a_day_passes_between_two_requests_and_none_is_made_while_a_secret_waits() {
        let due = (tag::SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z");
        let check = |more: (&str, &str), expected| {
            assert_eq!(
                decision(&[member(&[due, more], None)], &policy()),
                expected,
                "{more:?}"
            );
        };
        check(
            (tag::ROTATION_REQUESTED_AT, "2026-05-31T05:00:01Z"),
            "already-requested",
        );
        check(
            (tag::ROTATION_REQUESTED_AT, "2026-05-31T05:00:00Z"),
            "request",
        );
        check(
            (NEW_SECRET_PENDING, "2026-05-31T05:00:00Z n-1"),
            "new-secret-waits",
        );
        check((NEW_SECRET_PENDING, "2026-05-30T05:00:00Z n-1"), "request");
        let before = member(
            &[due, (tag::ROTATION_REQUESTED_AT, "2026-05-20T00:00:00Z")],
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
    fn a_request_that_nothing_came_of_may_have_begun_the_overlap() {
        let expires = (tag::SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
        let requested = (tag::ROTATION_REQUESTED_AT, "2026-05-30T05:00:00Z");
        let check = |issued: &str, now: &str, expected| {
            let member = member(&[expires, requested, (tag::SECRET_ISSUED_AT, issued)], None);
            let found = decide(&[member], &policy(), at(now));
            assert_eq!(found.as_str(), expected, "{issued} {now}");
            found.deadline().map(|deadline| deadline.at)
        };
        // The stored secret was made before the request: another may be on its way.
        let before = "2026-05-29T00:00:00Z";
        check(before, "2026-05-31T04:00:00Z", "not-due");
        let ends = check(before, "2026-05-31T05:00:00Z", "request");
        assert_eq!(ends, Some(at("2026-06-06T05:00:00Z")));
        // It was made upon the request, and the tag was left behind.
        check("2026-05-30T05:00:01Z", "2026-05-31T05:00:00Z", "not-due");
    }

    #[test]
    fn a_stored_secret_that_may_be_older_than_one_that_waits_is_replaced() {
        let expires = (tag::SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
        let contested = "2026-06-01T00:00:00Z n-1 2026-06-06T00:00:00Z";
        let pending = (NEW_SECRET_PENDING, contested);
        let found = decide(&[member(&[expires, pending], None)], &policy(), at(NOW));
        assert_eq!(found.as_str(), "request");
        assert_eq!(found.deadline().unwrap().at, at("2026-06-06T00:00:00Z"));
        // One that was made today may have been requested today.
        let today = (tag::SECRET_ISSUED_AT, "2026-05-31T06:00:00Z");
        let today = member(&[expires, today, pending], None);
        let found = decide(&[today], &policy(), at(NOW));
        assert_eq!(found.as_str(), "already-requested");
    }

    #[test]
    fn roots_that_share_a_secret_are_one() {
        let due = member(&[(tag::SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z")], None);
        let later = member(&[(tag::SECRET_EXPIRES_AT, "2026-09-20T00:00:00Z")], None);
        let asked = member(
            &[(tag::ROTATION_REQUESTED_AT, "2026-06-01T04:00:00Z")],
            None,
        );
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
    fn without_leave_to_rotate_people_are_reminded_weekly_and_then_daily() {
        let manual = Policy {
            auto_rotate: false,
            ..policy()
        };
        let due = member(&[(tag::SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z")], None);
        assert_eq!(decision(&[due], &manual), "remind");
        let deadline = Deadline {
            at: at("2026-07-01T00:00:00Z"),
            basis: Basis::Reported,
        };
        let days: Vec<i64> = (-1..=30)
            .rev()
            .filter(|left| {
                let now = deadline.at.checked_sub(days(*left)).unwrap();
                is_scheduled_reminder_day(&deadline, &manual, now)
            })
            .collect();
        assert_eq!(days, [30, 23, 16, 9, 7, 6, 5, 4, 3, 2, 1, 0, -1]);
    }

    #[test]
    fn a_deadline_moves_back_only_on_newer_word() {
        let check = |tags: &[(&str, &str)], written: Option<&str>, expires, event, expected| {
            let notice = SecretExpiry {
                client_id: "id".into(),
                expires_at: at(expires),
                reason: None,
                event_time: Some(at(event)),
            };
            let found = reported(&notice, &member(tags, written), &policy(), at(NOW));
            assert_eq!(found, expected, "{tags:?} {written:?} {expires} {event}");
        };
        let stored = (tag::SECRET_EXPIRES_AT, "2026-09-01T00:00:00Z");
        let issued = (tag::SECRET_ISSUED_AT, "2026-03-05T00:00:00Z");
        // Nothing stored, the same, and later.
        check(
            &[],
            None,
            "2026-07-01T00:00:00Z",
            "2026-05-01T00:00:00Z",
            Reported::New,
        );
        check(
            &[stored],
            None,
            "2026-09-01T00:00:00.7Z",
            "2026-05-01T00:00:00Z",
            Reported::Known,
        );
        check(
            &[stored],
            None,
            "2026-10-01T00:00:00Z",
            "2026-05-01T00:00:00Z",
            Reported::New,
        );
        // A late notice about the secret before the stored one.
        check(
            &[stored, issued],
            None,
            "2026-03-10T00:00:00Z",
            "2026-02-01T00:00:00Z",
            Reported::Outdated,
        );
        check(
            &[issued],
            None,
            "2026-03-12T00:00:00Z",
            "2026-03-06T00:00:00Z",
            Reported::Outdated,
        );
        // Amazon has shortened the life of the stored one.
        check(
            &[stored, issued],
            None,
            "2026-06-15T00:00:00Z",
            "2026-05-30T00:00:00Z",
            Reported::New,
        );
        // An earlier date, out of order.
        check(
            &[stored, issued],
            None,
            "2026-06-15T00:00:00Z",
            "2026-03-01T00:00:00Z",
            Reported::Outdated,
        );
        check(
            &[stored],
            Some("2026-05-01T00:00:00Z"),
            "2026-06-15T00:00:00Z",
            "2026-04-01T00:00:00Z",
            Reported::Outdated,
        );
        // A stored date that no secret can have.
        check(
            &[(tag::SECRET_EXPIRES_AT, "2062-09-01T00:00:00Z")],
            Some("2026-05-01T00:00:00Z"),
            "2026-06-15T00:00:00Z",
            "2026-04-01T00:00:00Z",
            Reported::New,
        );
    }

    #[test]
    fn a_notice_is_about_whatever_was_stored_when_amazon_wrote_it() {
        let known = "7 2026-05-20T00:00:00Z";
        let notice = |event_time: &str| SecretExpiry {
            client_id: "id".into(),
            expires_at: at("2026-06-15T00:00:00Z"),
            reason: None,
            event_time: Some(at(event_time)),
        };
        let stored = |version: &str, written_at| Member {
            version: Some(SecretVersion::new(version)),
            ..member(&[(tag::SECRET_VERSION, known)], Some(written_at))
        };
        let taken = |event_time, mut member: Member| {
            let notice = notice(event_time);
            let found = reported(&notice, &member, &policy(), at(NOW));
            let tags = take(&notice, &mut member);
            (found, tags.into_iter().nth(1).map(|(_, text)| text))
        };
        let of_seven = Some(format!("{known} 2026-06-15T00:00:00Z"));
        // Of the value that was looked at, or of one before it.
        let first = stored("7", "2026-05-20T00:00:00Z");
        let (found, tag) = taken("2026-05-30T00:00:00Z", first.clone());
        assert_eq!((found, tag), (Reported::New, of_seven.clone()));
        assert_eq!(taken("2026-05-19T00:00:00Z", first).0, Reported::Outdated);
        // Something was written since: what was there when the notice was written has the date.
        let second = stored("8", "2026-05-30T12:00:00Z");
        let (found, tag) = taken("2026-05-30T00:00:00Z", second.clone());
        assert_eq!((found, tag), (Reported::New, of_seven));
        // Written or not: a value in doubt is no more certain for it.
        let doubtful = format!("{known} 2026-06-03T00:00:00Z doubtful");
        let in_doubt = Member {
            version: Some(SecretVersion::new("8")),
            ..member(
                &[(tag::SECRET_VERSION, &doubtful)],
                Some("2026-05-30T12:00:00Z"),
            )
        };
        let (_, tag) = taken("2026-05-31T00:00:00Z", in_doubt);
        assert_eq!(tag, Some(format!("{known} 2026-06-15T00:00:00Z doubtful")));
        // A notice that came after that is a word for what is stored.
        let (found, tag) = taken("2026-05-31T00:00:00Z", second);
        assert_eq!((found, tag), (Reported::New, None));
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
