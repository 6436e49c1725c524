//! What is stored of one client secret, without its value.

use jiff::{SignedDuration, Timestamp};

use crate::application::ApplicationName;
use crate::deadline::{Basis, Deadline, QUIET_AFTER_REQUEST, days, end_of_overlap};
use crate::tags::{NewSecretPending, SecretTags};
use crate::vault::ports::Tags;
use crate::vault::{SecretVersion, StoredApplication};

/// How long a waiting secret keeps another one from being requested. The function that handles it
/// renews the tag every day; a tag that is older was left behind.
const PENDING_BLOCKS_FOR: SignedDuration = SignedDuration::from_hours(48);

/// What is stored of the client secret of one application, without its value: what every decision
/// about a secret reads.
///
/// Beside it there are only what a listing gives before any tags are read ([`StoredApplication`]),
/// the value of a version ([`StoredSecret`](crate::vault::StoredSecret)), what a function found
/// out about one record ([`Destination`](crate::rotation::receive::Destination)), and what
/// `lwa store` keeps of a whole parameter or secret to write it again
/// ([`FoundParameter`](crate::store::FoundParameter), [`FoundSecret`](crate::store::FoundSecret)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// The application.
    pub application: ApplicationName,
    /// Which version is stored; none where nothing is, or where that is not known.
    pub version: Option<SecretVersion>,
    /// When that version was written. Writing the same value again counts too.
    pub written_at: Option<Timestamp>,
    /// What its tags say.
    pub tags: SecretTags,
}

impl SecretRecord {
    /// The record of an application that was listed, with all tags of its client secret.
    pub fn new(stored: &StoredApplication, tags: &Tags) -> Self {
        Self {
            application: stored.name.clone(),
            version: stored.version.clone(),
            written_at: stored.written_at,
            tags: SecretTags::from_map(tags),
        }
    }

    /// The deadline: the reported one; else the lifetime, counted from the time of issue, from
    /// the first write of the value, or from its last; else unknown.
    ///
    /// The last write comes last because rewriting the same value, or editing a description,
    /// moves it and renews nothing. For the same reason a reported deadline stays when something
    /// is written; but as an estimate, until what was written has been compared with what was
    /// there before.
    pub fn deadline(&self, lifetime_days: u32) -> Option<Deadline> {
        self.resting_on(self.tags.expires_at, lifetime_days)
    }

    /// The deadlines that may be true of the secret: [`Self::deadline`], unless it was mistyped;
    /// that of a secret which an unanswered request has replaced; and that of one which may be
    /// older than a secret that waits.
    pub fn possible_deadlines(
        &self,
        lifetime_days: u32,
        now: Timestamp,
    ) -> impl Iterator<Item = Deadline> {
        let reported = self.reported_deadline(lifetime_days, now);
        let known = self.resting_on(reported, lifetime_days);
        let estimated = |at| Deadline {
            at,
            basis: Basis::Estimated,
        };
        let others = [self.end_if_replaced(now), self.contested_until(now)];
        known
            .into_iter()
            .chain(others.into_iter().flatten().map(estimated))
    }

    fn resting_on(&self, expires_at: Option<Timestamp>, lifetime_days: u32) -> Option<Deadline> {
        let Some(at) = expires_at else {
            return Deadline::estimated(self.known_since()?, lifetime_days);
        };
        let basis = if self.is_doubtful(at) {
            Basis::Doubtful
        } else {
            Basis::Reported
        };
        Some(Deadline { at, basis })
    }

    /// Whether a date may be that of another secret than the stored one. A date that was set
    /// after the last look is taken as a statement about the stored value; so is any date where
    /// no version is known.
    pub fn is_doubtful(&self, date: Timestamp) -> bool {
        self.tags.provenance.as_ref().is_some_and(|known| {
            let is_stored = self.version.as_ref().is_none_or(|it| known.is_of(it));
            known.date == Some(date) && (!is_stored || known.is_doubtful)
        })
    }

    /// Since when the value is there, as far as is known: when Amazon made it, when it was first
    /// stored, or when it was last written.
    pub fn known_since(&self) -> Option<Timestamp> {
        let tags = &self.tags;
        tags.issued_at.or(tags.first_stored()).or(self.written_at)
    }

    /// The reported deadline, unless it lies further ahead than a secret can live: then it was
    /// mistyped, and must neither keep a new secret out nor a rotation off.
    pub fn reported_deadline(&self, lifetime_days: u32, now: Timestamp) -> Option<Timestamp> {
        let furthest = now
            .saturating_add(days(i64::from(lifetime_days) + 1))
            .unwrap_or(Timestamp::MAX);
        self.tags.expires_at.filter(|&at| at <= furthest)
    }

    /// When a rotation was requested, if that is so recent that no other may be. A time in the
    /// future counts as long as it is no further away: clocks differ.
    pub fn requested_recently(&self, now: Timestamp) -> Option<Timestamp> {
        self.tags
            .rotation_requested_at
            .filter(|&at| now.duration_since(at).abs() < QUIET_AFTER_REQUEST)
    }

    /// A new secret that waits to be stored, unless its tag was left behind.
    pub fn waiting(&self, now: Timestamp) -> Option<&NewSecretPending> {
        self.fresh_pending(now)
            .filter(|pending| pending.older_ends.is_none())
    }

    /// When the stored secret stops working if it is older than one that waits, where that is not
    /// known. Another rotation settles it, so it keeps none off.
    pub fn contested_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.fresh_pending(now)?.older_ends
    }

    fn fresh_pending(&self, now: Timestamp) -> Option<&NewSecretPending> {
        self.tags
            .new_secret_pending
            .as_ref()
            .filter(|pending| now.duration_since(pending.notified_at).abs() < PENDING_BLOCKS_FOR)
    }

    /// When the stored secret stops working if a request that seems to have failed did make
    /// another one, whose message was lost or has not arrived: the stored date was true
    /// only before that request.
    fn end_if_replaced(&self, now: Timestamp) -> Option<Timestamp> {
        let requested_at = self.tags.rotation_requested_at?;
        let is_unanswered = now.duration_since(requested_at) >= QUIET_AFTER_REQUEST;
        let is_stored_since = self
            .known_since()
            .is_some_and(|since| since >= requested_at);
        (is_unanswered && !is_stored_since).then(|| end_of_overlap(requested_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record(written_at: Option<&str>, pairs: &[(&str, &str)]) -> SecretRecord {
        let tags = pairs
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

    const WRITTEN: Option<&str> = Some("2026-05-01T00:00:00Z");

    #[test]
    fn a_reported_deadline_wins_over_any_estimate() {
        let dates = [
            (tags::SECRET_EXPIRES_AT, "2026-06-30T00:00:00Z"),
            (tags::SECRET_ISSUED_AT, "2026-01-01T00:00:00Z"),
        ];
        let deadline = Deadline {
            at: at("2026-06-30T00:00:00Z"),
            basis: Basis::Reported,
        };
        assert_eq!(record(WRITTEN, &dates).deadline(180), Some(deadline));
    }

    #[test]
    fn rewriting_the_same_value_does_not_move_the_estimate_when_the_issue_date_is_known() {
        let issued = [(tags::SECRET_ISSUED_AT, "2026-01-01T00:00:00Z")];
        let deadline = record(WRITTEN, &issued).deadline(180).unwrap();
        assert_eq!(deadline.at, at("2026-06-30T00:00:00Z"));
        assert_eq!(deadline.basis, Basis::Estimated);
    }

    #[test]
    fn a_date_is_doubtful_while_it_is_unknown_whose_it_is() {
        let date = "2026-06-30T00:00:00Z";
        let basis = |known: &str, version: Option<&str>| {
            let dates = [
                (tags::SECRET_EXPIRES_AT, date),
                (tags::SECRET_VERSION, known),
            ];
            let record = SecretRecord {
                version: version.map(SecretVersion::new),
                ..record(None, &dates)
            };
            let deadline = record.deadline(180).unwrap();
            assert_eq!(deadline.at, at(date), "{known}");
            deadline.basis
        };
        let known = "7 2026-01-01T00:00:00Z 2026-06-30T00:00:00Z";
        assert_eq!(basis(known, Some("7")), Basis::Reported);
        assert_eq!(basis(known, Some("8")), Basis::Doubtful);
        assert_eq!(basis(known, None), Basis::Reported);
        let doubtful = format!("{known} doubtful");
        assert_eq!(basis(&doubtful, Some("7")), Basis::Doubtful);
        assert_eq!(basis(&doubtful, None), Basis::Doubtful);
        // The date was set since the last look, or no look was ever taken.
        let before = "7 2025-07-01T00:00:00Z 2025-12-30T00:00:00Z";
        assert_eq!(basis(before, Some("8")), Basis::Reported);
        assert_eq!(basis("7 -", Some("8")), Basis::Reported);
        assert_eq!(basis("no such thing", Some("8")), Basis::Reported);
    }

    #[test]
    fn without_a_date_the_first_write_of_a_value_counts_and_not_the_last() {
        let known = [(tags::SECRET_VERSION, "7 2026-01-01T00:00:00Z")];
        let deadline = record(WRITTEN, &known).deadline(180).unwrap();
        assert_eq!(deadline.at, at("2026-06-30T00:00:00Z"));
        assert_eq!(deadline.basis, Basis::Estimated);
    }

    #[test]
    fn without_any_date_there_is_no_deadline() {
        assert_eq!(record(None, &[]).deadline(180), None);
    }

    #[test]
    fn a_lifetime_beyond_the_calendar_is_unknown_rather_than_a_panic() {
        let late = SecretRecord {
            written_at: Some(Timestamp::MAX),
            ..record(None, &[])
        };
        assert_eq!(late.deadline(180), None);
    }

    #[test]
    fn a_deadline_beyond_any_lifetime_is_a_typing_error() {
        let now = at("2026-01-10T00:00:00Z");
        let reported = |text| {
            let expires = [(tags::SECRET_EXPIRES_AT, text)];
            record(None, &expires).reported_deadline(180, now)
        };
        assert!(reported("2026-07-09T00:00:00Z").is_some());
        assert!(reported("2062-07-09T00:00:00Z").is_none());
        assert!(reported("2025-12-31T00:00:00Z").is_some());
        assert!(reported("soon").is_none());
    }

    #[test]
    fn a_request_counts_for_a_day_and_a_waiting_secret_for_two() {
        let record = record(
            None,
            &[
                (tags::ROTATION_REQUESTED_AT, "2026-01-10T00:00:00Z"),
                (tags::NEW_SECRET_PENDING, "2026-01-10T00:00:00Z n-1"),
            ],
        );
        let requested = |now| record.requested_recently(at(now)).is_some();
        assert!(requested("2026-01-10T23:59:59Z"));
        assert!(!requested("2026-01-11T00:00:00Z"));
        assert!(requested("2026-01-09T23:59:00Z"));
        assert!(record.waiting(at("2026-01-11T23:59:59Z")).is_some());
        assert!(record.waiting(at("2026-01-12T00:00:00Z")).is_none());
        assert!(record.contested_until(at("2026-01-10T00:00:00Z")).is_none());
    }

    #[test]
    fn a_contested_secret_keeps_no_rotation_off_and_says_when_the_older_one_ends() {
        let (notified_at, ends) = (at("2026-01-10T00:00:00Z"), at("2026-01-16T00:00:00Z"));
        let (name, pending) = NewSecretPending::new(notified_at, "n-1", Some(ends)).to_tag();
        let record = record(None, &[(name, &pending)]);
        let pending = record.tags.new_secret_pending.as_ref();
        assert!(pending.unwrap().is_of("n-1"));
        assert!(record.waiting(notified_at).is_none());
        assert_eq!(
            record.contested_until(at("2026-01-11T23:59:59Z")),
            Some(ends)
        );
        assert!(record.contested_until(at("2026-01-12T00:00:00Z")).is_none());
    }
}
