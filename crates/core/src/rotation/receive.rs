//! What to do with a new client secret.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::notification::NewSecret;
use crate::application::ApplicationName;
use crate::deadline::{CLOCKS_DIFFER_BY, DATES_DIFFER_BY, days, end_of_overlap};
use crate::lwa::{LwaError, LwaFailure};
use crate::secret::SecretRecord;
use crate::tags::{self, NewSecretPending, Provenance, SecretTags};
use crate::vault::ports::NewTag;
use crate::vault::{SecretVersion, is_same_secret};

/// When the old secret has less than this left, the new one is stored whether LWA knows it
/// yet or not: with the old one everything would stop for certain.
pub const STORE_UNVERIFIED_BEFORE_END: SignedDuration = SignedDuration::from_hours(24);

/// How long LWA may take to know a new secret. Amazon gives no figure; people have waited for
/// hours, <https://github.com/amzn/selling-partner-api-models/issues/4489>.
const SPREADS_WITHIN: SignedDuration = days(3);

/// How often people hear that a new secret still waits.
const NOTIFY_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How far apart the clocks of Amazon's own services may be.
const AMAZONS_CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(5);

/// How long after Amazon made a secret it may be stored with the dates that came with it: as
/// long as its queue keeps the message.
const STORED_WITHIN: SignedDuration = days(8);

/// A message with a new secret.
#[derive(Debug)]
pub struct Delivery {
    /// The secret.
    pub new: NewSecret,
    /// Amazon's id of the notification, or else the queue's of the message.
    pub id: String,
    /// When Amazon made the new secret, as far as is known.
    pub made_at: Timestamp,
    /// When the secret before the new one stops working.
    pub old_ends: Timestamp,
    /// Whether a date of the message cannot be true, so that the deadline is an estimate.
    pub is_doubtful: bool,
}

impl Delivery {
    /// The new secret of a message with an id, which was sent at an instant. The old one ends when
    /// Amazon says, or else with the overlap.
    ///
    /// Dates are a hint: a secret cannot have been made after its message was sent, lives no
    /// longer than its lifetime after it was made, and the one before it no longer than the
    /// overlap. What goes beyond that is cut off, and the deadline is then in doubt.
    pub fn new(
        mut new: NewSecret,
        message_id: &str,
        sent_at: Option<Timestamp>,
        lifetime_days: u32,
        now: Timestamp,
    ) -> Self {
        let sent_at = sent_at.unwrap_or(now);
        let event_time = new.event_time;
        let is_possible = |at: &Timestamp| at.duration_since(sent_at) <= CLOCKS_DIFFER_BY;
        new.event_time = event_time.filter(is_possible);
        let made_at = new.event_time.unwrap_or(sent_at);
        let latest = made_at
            .saturating_add(days(i64::from(lifetime_days)))
            .unwrap_or(Timestamp::MAX);
        let is_within = |at: Timestamp, end: Timestamp| at.duration_since(end) <= DATES_DIFFER_BY;
        let is_doubtful = new.event_time != event_time || !is_within(new.expires_at, latest);
        if !is_within(new.expires_at, latest) {
            new.expires_at = latest;
        }
        let overlap_ends = end_of_overlap(made_at);
        let old_ends = new
            .old_expires_at
            .filter(|&at| is_within(at, overlap_ends) && at > made_at);
        Self {
            id: new
                .notification_id
                .clone()
                .unwrap_or_else(|| message_id.to_owned()),
            made_at,
            old_ends: old_ends.unwrap_or(overlap_ends),
            is_doubtful,
            new,
        }
    }

    /// Whether the secret before the new one ends so soon that the new one is stored even where
    /// LWA does not know it, unless what is stored works.
    pub fn is_dying(&self, now: Timestamp) -> bool {
        self.old_ends.duration_since(now) < STORE_UNVERIFIED_BEFORE_END
    }

    /// The tags that say which version the new secret is, and since when that is stored, to be
    /// written once it is.
    pub fn dates(
        &self,
        version: &SecretVersion,
        since: Timestamp,
        notified_at: Timestamp,
    ) -> Vec<NewTag> {
        let expires_at = self.new.expires_at;
        let mut provenance = Provenance::new(version, Some(since), Some(expires_at));
        provenance.is_doubtful = self.is_doubtful;
        let mut written = vec![
            tags::instant(tags::SECRET_EXPIRES_AT, expires_at),
            (tags::SECRET_VERSION, provenance.to_text()),
            NewSecretPending::new(notified_at, &self.id, None).to_tag(),
        ];
        if let Some(issued_at) = self.new.event_time {
            written.insert(0, tags::instant(tags::SECRET_ISSUED_AT, issued_at));
        }
        written
    }

    /// Whether the new secret was made clearly after something was stored.
    fn is_made_after(&self, stored_at: Option<Timestamp>) -> bool {
        stored_at.is_some_and(|at| self.made_at.duration_since(at) > CLOCKS_DIFFER_BY)
    }

    /// Whether the tags tell of this very message.
    fn is_pending(&self, tags: &SecretTags) -> bool {
        let pending = tags.new_secret_pending.as_ref();
        pending.is_some_and(|pending| pending.is_of(&self.id))
    }
}

/// One place that a new secret belongs to: its record, and beside it the value, which only the
/// receiver reads, and what follows from both.
#[derive(Debug)]
pub struct Destination {
    /// What is stored there.
    pub record: SecretRecord,
    /// Its value; none where nothing is stored.
    pub value: Option<SecretString>,
    /// Since when that value is stored, however often it was rewritten; none where that is not
    /// known.
    pub since: Option<Timestamp>,
    /// What to do there.
    pub judgement: Judgement,
}

impl Destination {
    /// Judges one place. What is stored decides first and dates second: the same value written
    /// by hand, or by an invocation that died before it dated it, is not older than itself.
    pub fn judged(
        delivery: &Delivery,
        record: SecretRecord,
        value: Option<SecretString>,
        since: Option<Timestamp>,
        earlier: Earlier,
        lifetime_days: u32,
        now: Timestamp,
    ) -> Self {
        let later = record
            .reported_deadline(lifetime_days, now)
            .filter(|stored| delivery.new.expires_at.as_second() < stored.as_second());
        let is_stored = value
            .as_ref()
            .is_some_and(|value| is_same_secret(value, &delivery.new.secret));
        let judgement = match later {
            // A newer one had been stored, and an operator has put this one back.
            Some(stored) if is_stored && record.is_doubtful(stored) => Judgement::Stale { stored },
            // It was there before it was made, so the message is false.
            _ if is_stored && delivery.is_made_after(since.or(record.written_at)) => {
                Judgement::Done
            }
            _ if is_stored => {
                if is_of_date(&delivery.new, &record.tags) && !delivery.is_pending(&record.tags) {
                    Judgement::Done
                } else {
                    Judgement::Finish
                }
            }
            Some(stored) => Judgement::Stale { stored },
            // The same of one that was replaced since. LWA may go on accepting it after its end,
            // and nothing that the message says of it is true.
            None if earlier.is_before(delivery) => Judgement::Done,
            None if earlier != Earlier::Never => Judgement::Contested,
            None if is_stored_since(&delivery.new, since)
                && !is_dated(&delivery.new, &record.tags, since, lifetime_days) =>
            {
                Judgement::Contested
            }
            None => Judgement::Store,
        };
        Self {
            record,
            value,
            since,
            judgement,
        }
    }

    /// Whether the stored value may be a new one that LWA does not know yet.
    pub fn may_be_spreading(&self, now: Timestamp) -> bool {
        let stored_at = self.since.or(self.record.written_at);
        stored_at.is_some_and(|at| now.duration_since(at).abs() < SPREADS_WITHIN)
    }

    /// The applications of several places.
    pub fn names(places: &[Self]) -> Vec<ApplicationName> {
        let names = places.iter().map(|place| &place.record.application);
        names.cloned().collect()
    }

    /// Whether the new secret is to be stored there, or is and needs its dates.
    pub const fn is_open(&self) -> bool {
        matches!(self.judgement, Judgement::Store | Judgement::Finish)
    }

    /// When the tags of a stored secret were first written: by an earlier try, or now.
    pub fn begun_at(&self, delivery: &Delivery, now: Timestamp) -> Timestamp {
        let tags = &self.record.tags;
        match &tags.new_secret_pending {
            Some(pending) if self.judgement == Judgement::Finish && delivery.is_pending(tags) => {
                pending.notified_at
            }
            _ => now,
        }
    }

    /// The tags to remove once a new secret is stored and people know. Where it does not answer
    /// the request that the tags tell of, what was requested is still to come.
    pub fn finished(&self, new: &NewSecret) -> &'static [&'static str] {
        if is_answer(new, &self.record.tags) {
            &[tags::ROTATION_REQUESTED_AT, tags::NEW_SECRET_PENDING]
        } else {
            &[tags::NEW_SECRET_PENDING]
        }
    }

    /// Whether people should hear now that a new secret waits: when it begins to, daily, and when
    /// the one before it is about to end.
    pub fn should_notify_waiting(&self, delivery: &Delivery, now: Timestamp) -> bool {
        let pending = self.record.tags.new_secret_pending.as_ref();
        pending.is_none_or(|it| {
            now.duration_since(it.notified_at).abs() >= NOTIFY_EVERY
                || (delivery.is_dying(now) && !delivery.is_dying(it.notified_at))
        })
    }

    /// Whether the tag of a secret that waits is that of this message.
    pub fn is_pending(&self, delivery: &Delivery) -> bool {
        delivery.is_pending(&self.record.tags)
    }
}

/// Whether the new secret was stored before the present one, and replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// As far as the versions tell, it was not.
    Never,
    /// It was, for the first time at an instant, if that is known.
    Stored(Option<Timestamp>),
}

impl Earlier {
    /// Whether that was before it was made, as the message has it.
    fn is_before(self, delivery: &Delivery) -> bool {
        matches!(self, Self::Stored(at) if delivery.is_made_after(at))
    }
}

/// What to do in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The secret is stored and dated, and people know: the message is a duplicate. Or it was
    /// stored before it was made, and the dates of the message are false.
    Done,
    /// The secret is stored; what comes after that remains to be done.
    Finish,
    /// A newer secret is stored, or was until an operator put this one back.
    Stale {
        /// The stored deadline, later than the new secret's.
        stored: Timestamp,
    },
    /// Either may be the older one: a value was stored by hand after Amazon had made the new
    /// secret, without dates; or the new secret was stored before, and another one replaced it.
    Contested,
    /// The secret is new.
    Store,
}

/// Whether the reported deadline is that of the new secret. Dates are compared to the second,
/// because that is how exactly people copy them. A secret of the very date that is stored is not
/// stale, because a notice of expiry may have brought the date before the secret.
fn is_of_date(new: &NewSecret, tags: &SecretTags) -> bool {
    tags.expires_at
        .is_some_and(|at| at.as_second() == new.expires_at.as_second())
}

/// Whether something was stored or written after Amazon had made the new secret. Both instants
/// are of clocks that Amazon keeps, so minutes apart are minutes apart: an operator may well
/// rotate in the console a minute after this system did.
pub fn is_stored_since(new: &NewSecret, at: Option<Timestamp>) -> bool {
    new.event_time
        .zip(at)
        .is_some_and(|(made_at, at)| at.duration_since(made_at) > AMAZONS_CLOCKS_DIFFER_BY)
}

/// Whether the dates in the tags can be those of the value that is stored since an instant. A
/// value that is stored by hand keeps the tags of the one before it, which are months older, or
/// even those of the secret that is new to us.
fn is_dated(
    new: &NewSecret,
    tags: &SecretTags,
    since: Option<Timestamp>,
    lifetime_days: u32,
) -> bool {
    !is_of_date(new, tags)
        && tags
            .made_at(lifetime_days)
            .zip(since)
            .is_some_and(|(made_at, since)| since.duration_since(made_at) < STORED_WITHIN)
}

/// Whether to keep a value that was stored since, without dates, after LWA was asked about it: as
/// long as it works. One that is refused before the older of two dies is a new one that has to
/// spread, and is kept, too; services still have the one before it.
pub fn keep_stored(tried: &Result<(), LwaError>, older_ends: Timestamp, now: Timestamp) -> bool {
    tried.is_ok() || now < older_ends
}

/// Whether a new secret answers the request that the tags tell of. One that Amazon made before
/// the request does not: what was requested is still to come, and the stored secret dies seven
/// days after the request, even where its date is later.
fn is_answer(new: &NewSecret, tags: &SecretTags) -> bool {
    new.event_time
        .zip(tags.rotation_requested_at)
        .is_none_or(|(made_at, requested_at)| {
            requested_at.duration_since(made_at) <= CLOCKS_DIFFER_BY
        })
}

/// Whether a secret that LWA does not accept has simply not spread yet, as far as is known.
pub const fn is_spreading(failure: LwaFailure) -> bool {
    matches!(failure, LwaFailure::ClientRefused)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tags::{
        NEW_SECRET_PENDING, ROTATION_REQUESTED_AT, SECRET_EXPIRES_AT, SECRET_ISSUED_AT,
        SECRET_VERSION,
    };

    const NOW: &str = "2026-01-10T02:20:00Z";
    const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn new() -> NewSecret {
        NewSecret {
            client_id: "id".into(),
            secret: "new".into(),
            expires_at: at("2026-07-09T02:15:10.045Z"),
            old_expires_at: Some(at("2026-01-17T02:15:10.045Z")),
            event_time: Some(at("2026-01-10T02:15:10.045Z")),
            notification_id: Some(ID.into()),
        }
    }

    fn delivery(new: NewSecret) -> Delivery {
        Delivery::new(new, "m-1", None, 180, at(NOW))
    }

    fn judged(
        tags: &[(&str, &str)],
        version: Option<&str>,
        value: &str,
        since: Option<&str>,
        now: &str,
    ) -> Judgement {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let record = SecretRecord {
            application: ApplicationName::parse("my-erp").unwrap(),
            version: version.map(SecretVersion::new),
            written_at: None,
            tags: SecretTags::from_map(&tags),
        };
        let (value, since) = (Some(value.into()), since.map(at));
        let (never, now) = (Earlier::Never, at(now));
        Destination::judged(&delivery(new()), record, value, since, never, 180, now).judgement
    }

    fn check(tags: &[(&str, &str)], holds_the_new_one: bool, expected: Judgement) {
        let value = if holds_the_new_one { "new" } else { "old" };
        let found = judged(tags, Some("8"), value, None, NOW);
        assert_eq!(found, expected, "{tags:?}");
    }

    #[test]
    fn only_what_is_older_than_the_stored_date_is_stale() {
        let expires = |text| [(SECRET_EXPIRES_AT, text)];
        check(&[], false, Judgement::Store);
        check(&expires("2026-02-01T00:00:00Z"), false, Judgement::Store);
        check(&expires("2026-07-09T02:15:10Z"), false, Judgement::Store);
        let stored = at("2026-07-09T02:15:11Z");
        check(
            &expires("2026-07-09T02:15:11Z"),
            false,
            Judgement::Stale { stored },
        );
        // A mistyped year keeps nothing out.
        check(&expires("2062-07-09T00:00:00Z"), false, Judgement::Store);
    }

    #[test]
    fn what_is_stored_already_is_finished_or_done_and_never_stale() {
        let done = [(SECRET_EXPIRES_AT, "2026-07-09T02:15:10.045Z")];
        check(&done, true, Judgement::Done);
        check(&[], true, Judgement::Finish);
        check(
            &[(SECRET_EXPIRES_AT, "2026-01-20T00:00:00Z")],
            true,
            Judgement::Finish,
        );
        check(
            &[(SECRET_EXPIRES_AT, "2026-12-20T00:00:00Z")],
            true,
            Judgement::Finish,
        );
        let untold = format!("2026-01-10T02:16:00Z {ID}");
        check(
            &[done[0], (NEW_SECRET_PENDING, &untold)],
            true,
            Judgement::Finish,
        );
        let other = "2026-01-10T02:16:00Z another";
        check(
            &[done[0], (NEW_SECRET_PENDING, other)],
            true,
            Judgement::Done,
        );
    }

    #[test]
    fn what_was_put_back_does_not_get_its_own_date_again() {
        // The next one was made an hour later, and stored as version 7.
        let later = (SECRET_EXPIRES_AT, "2026-07-09T03:15:10Z");
        let known = |version: &str| format!("{version} 2026-01-10T02:18:00Z {}", later.1);
        let stored = at(later.1);
        let put_back = [later, (SECRET_VERSION, &known("7"))];
        check(&put_back, true, Judgement::Stale { stored });
        // A date that was set for what is stored, if a little late, is corrected.
        check(&[later], true, Judgement::Finish);
        let looked_at = [later, (SECRET_VERSION, &known("8"))];
        check(&looked_at, true, Judgement::Finish);
    }

    #[test]
    fn what_was_stored_since_without_dates_is_not_replaced_unseen() {
        let check = |since: &str, tags: &[(&str, &str)], expected| {
            let found = judged(tags, None, "old", Some(since), "2026-01-11T00:00:00Z");
            assert_eq!(found, expected, "{since} {tags:?}");
        };
        // Made 2026-01-10T02:15:10.
        let (before, after) = ("2026-01-10T02:10:00Z", "2026-01-10T03:00:00Z");
        check(before, &[], Judgement::Store);
        check(after, &[], Judgement::Contested);
        let of_another = (SECRET_ISSUED_AT, "2025-07-20T00:00:00Z");
        check(after, &[of_another], Judgement::Contested);
        let ends_soon = (SECRET_EXPIRES_AT, "2026-01-20T00:00:00Z");
        check(after, &[ends_soon], Judgement::Contested);
        // Stored with its own dates: the secret of the rotation before this one, which was late.
        let of_its_own = (SECRET_ISSUED_AT, "2026-01-08T00:00:00Z");
        check(after, &[of_its_own], Judgement::Store);
        // The new secret was stored and dated already, and another one after it.
        let of_the_new_one = (SECRET_EXPIRES_AT, "2026-07-09T02:15:10Z");
        check(after, &[of_its_own, of_the_new_one], Judgement::Contested);
        let newer = (SECRET_EXPIRES_AT, "2026-07-09T03:00:00Z");
        let stored = at(newer.1);
        check(after, &[newer], Judgement::Stale { stored });
    }

    #[test]
    fn the_old_secret_is_dying_for_its_last_24_hours_and_ever_after() {
        let is_dying = |now: &str| delivery(new()).is_dying(at(now));
        assert!(!is_dying("2026-01-16T02:15:10.045Z"));
        assert!(is_dying("2026-01-16T02:15:10.046Z"));
        assert!(is_dying("2026-02-16T00:00:00Z"));
    }

    #[test]
    fn dates_that_cannot_be_true_are_cut_off_and_in_doubt() {
        let sent = at("2026-01-10T02:15:12Z");
        let read = |new: NewSecret| {
            let delivery = Delivery::new(new, "m-1", Some(sent), 180, at(NOW));
            let expires_at = delivery.new.expires_at;
            (delivery.old_ends, expires_at, delivery.is_doubtful)
        };
        let old_ends = at("2026-01-17T02:15:10.045Z");
        let expires = at("2026-07-09T02:15:10.045Z");
        assert_eq!(read(new()), (old_ends, expires, false));
        // People and services round to days.
        let rounded = at("2026-07-10T00:00:00Z");
        let to_the_day = NewSecret {
            expires_at: rounded,
            ..new()
        };
        assert_eq!(read(to_the_day), (old_ends, rounded, false));
        let forever = NewSecret {
            expires_at: at("2036-01-01T00:00:00Z"),
            old_expires_at: Some(at("2036-01-01T00:00:00Z")),
            ..new()
        };
        assert_eq!(read(forever), (old_ends, expires, true));
        let already_over = NewSecret {
            old_expires_at: Some(at("2026-01-01T00:00:00Z")),
            ..new()
        };
        assert_eq!(read(already_over), (old_ends, expires, false));
        // Made after its own message was sent.
        let tomorrow = NewSecret {
            event_time: Some(at("2026-01-11T02:15:10Z")),
            expires_at: at("2026-07-10T02:15:10Z"),
            old_expires_at: None,
            ..new()
        };
        let (old_ends, expires, is_doubtful) = read(tomorrow);
        assert_eq!(old_ends, at("2026-01-17T02:15:12Z"));
        assert_eq!(expires, at("2026-07-10T02:15:10Z"));
        assert!(is_doubtful);
    }

    #[test]
    fn a_stored_secret_gets_no_younger_by_a_message_that_says_it_was_just_made() {
        let judged = |written_at: &str, since: Option<&str>| {
            let record = SecretRecord {
                application: ApplicationName::parse("my-erp").unwrap(),
                version: Some(SecretVersion::new("8")),
                written_at: Some(at(written_at)),
                tags: SecretTags::default(),
            };
            let (value, since) = (Some("new".into()), since.map(at));
            let (delivery, never) = (delivery(new()), Earlier::Never);
            Destination::judged(&delivery, record, value, since, never, 180, at(NOW)).judgement
        };
        assert_eq!(judged("2026-01-10T02:16:00Z", None), Judgement::Finish);
        assert_eq!(judged("2025-10-01T00:00:00Z", None), Judgement::Done);
        let since = Some("2025-10-01T00:00:00Z");
        assert_eq!(judged("2026-01-10T02:16:00Z", since), Judgement::Done);
    }

    #[test]
    fn a_secret_that_was_stored_before_another_one_is_contested_unless_its_message_is_false() {
        let judged = |first_stored: Option<&str>| {
            let record = SecretRecord {
                application: ApplicationName::parse("my-erp").unwrap(),
                version: Some(SecretVersion::new("8")),
                written_at: None,
                tags: SecretTags::default(),
            };
            let (value, earlier) = (Some("stored".into()), Earlier::Stored(first_stored.map(at)));
            let delivery = delivery(new());
            Destination::judged(&delivery, record, value, None, earlier, 180, at(NOW)).judgement
        };
        assert_eq!(judged(None), Judgement::Contested);
        assert_eq!(judged(Some("2026-01-10T02:16:00Z")), Judgement::Contested);
        // It was stored before it was made.
        assert_eq!(judged(Some("2026-01-10T02:10:00Z")), Judgement::Done);
    }

    #[test]
    fn what_was_stored_since_is_kept_while_it_works_or_may_still_spread() {
        let refused = Err(LwaError::without_answer(LwaFailure::ClientRefused, "no"));
        let ends = at("2026-01-17T02:15:10Z");
        for (now, expected) in [
            ("2026-01-10T03:00:00Z", true),
            ("2026-01-17T02:15:09Z", true),
            ("2026-01-17T02:15:10Z", false),
            ("2026-01-18T00:00:00Z", false),
        ] {
            assert_eq!(keep_stored(&refused, ends, at(now)), expected, "{now}");
            assert!(keep_stored(&Ok(()), ends, at(now)));
        }
    }

    #[test]
    fn a_secret_from_before_the_request_does_not_answer_it() {
        let check = |requested: &str, expected| {
            let map = BTreeMap::from([(ROTATION_REQUESTED_AT.into(), requested.into())]);
            let tags = SecretTags::from_map(&map);
            assert_eq!(is_answer(&new(), &tags), expected, "{requested}");
        };
        check("2026-01-10T02:15:00Z", true);
        check("2026-01-10T02:17:00Z", true);
        check("2026-01-11T02:15:00Z", false);
        assert!(is_answer(&new(), &SecretTags::default()));
    }

    #[test]
    fn without_a_date_for_the_old_secret_it_lives_for_the_overlap() {
        let mut new = new();
        new.old_expires_at = None;
        let ends = |new: &NewSecret, sent: Option<&str>| {
            Delivery::new(new.clone(), "m-1", sent.map(at), 180, at(NOW)).old_ends
        };
        assert_eq!(ends(&new, None), at("2026-01-17T02:15:10.045Z"));
        new.event_time = None;
        assert_eq!(
            ends(&new, Some("2026-01-10T02:16:00Z")),
            at("2026-01-17T02:16:00Z")
        );
        assert_eq!(ends(&new, None), at("2026-01-17T02:20:00Z"));
    }
}
