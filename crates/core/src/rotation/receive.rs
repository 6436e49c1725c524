//! What to do with a new client secret.

use jiff::{SignedDuration, Timestamp};

use super::notification::NewSecret;
use super::tags::{RotationTags, end_of_overlap, notification_key};
use crate::deadline::{CLOCKS_DIFFER_BY, days};
use crate::lwa::{LwaError, LwaFailure};
use crate::vault::SecretVersion;

/// When the old secret has less than this left, the new one is stored whether LWA knows it
/// yet or not: with the old one everything would stop for certain.
pub const STORE_UNVERIFIED_BEFORE_END: SignedDuration = SignedDuration::from_hours(24);

/// How often people are told that a new secret still waits.
const TELL_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How far apart the clocks of Amazon's own services may be.
const AMAZONS_CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(5);

/// How long after Amazon made a secret it may be stored with the dates that came with it: as
/// long as its queue keeps the message.
const STORED_WITHIN: SignedDuration = days(8);

/// What stands in one place that the new secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The tags of the secret that is stored there.
    pub tags: RotationTags,
    /// Its version; none where nothing is stored.
    pub version: Option<SecretVersion>,
    /// Whether that secret is the new one.
    pub holds_the_new_one: bool,
    /// Since when that secret is stored there, however often it was rewritten; none where that is
    /// not known.
    pub since: Option<Timestamp>,
}

/// What to do in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The secret is stored, dated and told about: the message is a duplicate.
    Done,
    /// The secret is stored; what comes after that remains to be done.
    Finish,
    /// A newer secret is stored, or was until somebody put this one back.
    Stale {
        /// The stored deadline, later than the new secret's.
        stored: Timestamp,
    },
    /// Somebody stored a value after Amazon had made the new secret, and left no dates: either
    /// may be the older one.
    Contested,
    /// The secret is new.
    Store,
}

/// Judges one place. What is stored decides first and dates second: the same value written by
/// hand, or by an invocation that died before it dated it, is not older than itself.
///
/// Dates are compared to the second, because that is how exactly people copy them. A secret of
/// the very date that is stored is not stale, because a notice of expiry may have brought the
/// date before the secret.
pub fn judge(
    new: &NewSecret,
    id: &str,
    place: &Place,
    lifetime_days: u32,
    now: Timestamp,
) -> Judgement {
    let tags = &place.tags;
    let later = tags
        .reported_deadline(lifetime_days, now)
        .filter(|stored| new.expires_at.as_second() < stored.as_second());
    // A newer one had been stored, and somebody has put this one back.
    let known = tags.secret.provenance.as_ref();
    if place.holds_the_new_one
        && let (Some(stored), Some(known)) = (later, known)
        && !known.vouches_for(stored, place.version.as_ref())
    {
        return Judgement::Stale { stored };
    }
    if place.holds_the_new_one {
        let is_dated = tags
            .secret
            .expires_at
            .is_some_and(|at| at.as_second() == new.expires_at.as_second());
        let is_told = tags
            .pending
            .as_ref()
            .is_none_or(|pending| pending.notification != notification_key(id));
        return if is_dated && is_told {
            Judgement::Done
        } else {
            Judgement::Finish
        };
    }
    match later {
        Some(stored) => Judgement::Stale { stored },
        _ if is_stored_since(new, place.since) && !is_dated(new, place, lifetime_days) => {
            Judgement::Contested
        }
        _ => Judgement::Store,
    }
}

/// Whether something was stored or written after Amazon had made the new secret. Both instants
/// are of clocks that Amazon keeps, so minutes apart are minutes apart: somebody may well rotate
/// in the console a minute after this system did.
pub fn is_stored_since(new: &NewSecret, at: Option<Timestamp>) -> bool {
    new.event_time
        .zip(at)
        .is_some_and(|(made_at, at)| at.duration_since(made_at) > AMAZONS_CLOCKS_DIFFER_BY)
}

/// Whether the dates in the tags can be those of the stored value. A value that somebody stores
/// by hand keeps the tags of the one before it, which are months older, or even those of the
/// secret that is new to us.
fn is_dated(new: &NewSecret, place: &Place, lifetime_days: u32) -> bool {
    let tags = &place.tags.secret;
    if tags
        .expires_at
        .is_some_and(|at| at.as_second() == new.expires_at.as_second())
    {
        return false;
    }
    let made_at = tags.issued_at.or_else(|| {
        let expires_at = tags.expires_at?;
        expires_at.checked_sub(days(i64::from(lifetime_days))).ok()
    });
    made_at
        .zip(place.since)
        .is_some_and(|(made_at, since)| since.duration_since(made_at) < STORED_WITHIN)
}

/// When the secret before the new one stops working, as Amazon says or as it always is.
pub fn old_secret_ends(new: &NewSecret, sent_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    new.old_expires_at
        .unwrap_or_else(|| end_of_overlap(new.event_time.or(sent_at).unwrap_or(now)))
}

/// What follows from trying a new secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// LWA knows it: store it.
    Verified,
    /// Nobody knows, and the old one is dying: store it, and say so.
    StoreUnverified,
    /// Try again later.
    Wait,
}

/// Decides after an exchange with the new secret. `is_replaced` says that what is stored was
/// written after the new secret was issued.
///
/// A message that comes back after the old secret has died, out of a dead-letter queue for
/// example, may hold a secret that has been replaced by hand since. One that LWA refuses must
/// not push out whatever works now.
pub fn verdict(
    tried: &Result<(), LwaError>,
    old_ends: Timestamp,
    is_replaced: bool,
    now: Timestamp,
) -> Verdict {
    let is_dying = old_ends.duration_since(now) < STORE_UNVERIFIED_BEFORE_END;
    match tried {
        Ok(()) => Verdict::Verified,
        Err(_) if is_dying && !(is_replaced && now >= old_ends) => Verdict::StoreUnverified,
        Err(_) => Verdict::Wait,
    }
}

/// Whether a value that somebody stored since, without dates, stays after LWA was asked about it:
/// as long as it works. One that is refused before the older of two dies is a new one that has to
/// spread, and stays, too; services still have the one before it.
pub fn stays(tried: &Result<(), LwaError>, older_ends: Timestamp, now: Timestamp) -> bool {
    tried.is_ok() || now < older_ends
}

/// Whether people should hear now that a new secret waits: when it begins to, and daily.
pub fn is_waiting_told(tags: &RotationTags, now: Timestamp) -> bool {
    tags.pending
        .as_ref()
        .is_none_or(|pending| now.duration_since(pending.told_at).abs() >= TELL_EVERY)
}

/// Whether a new secret answers the request that the tags tell of. One that Amazon made before
/// the request does not: what was asked for is still to come, and the stored secret dies seven
/// days after the request, whatever its date says.
pub fn is_answer(new: &NewSecret, tags: &RotationTags) -> bool {
    new.event_time
        .zip(tags.secret.rotation_requested_at)
        .is_none_or(|(made_at, requested_at)| {
            requested_at.duration_since(made_at) <= CLOCKS_DIFFER_BY
        })
}

/// Whether a secret that LWA does not accept has simply not spread yet, as far as can be told.
pub const fn is_spreading(failure: LwaFailure) -> bool {
    matches!(failure, LwaFailure::ClientRefused)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::deadline::tag;
    use crate::rotation::tags::NEW_SECRET_PENDING;

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

    fn check(tags: &[(&str, &str)], holds_the_new_one: bool, expected: Judgement) {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let place = Place {
            tags: RotationTags::from_map(&tags),
            version: Some(SecretVersion::new("8")),
            holds_the_new_one,
            since: None,
        };
        assert_eq!(
            judge(&new(), ID, &place, 180, at(NOW)),
            expected,
            "{tags:?}"
        );
    }

    #[test]
    fn only_what_is_older_than_the_stored_date_is_stale() {
        let expires = |text| [(tag::SECRET_EXPIRES_AT, text)];
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
        let done = [(tag::SECRET_EXPIRES_AT, "2026-07-09T02:15:10.045Z")];
        check(&done, true, Judgement::Done);
        check(&[], true, Judgement::Finish);
        check(
            &[(tag::SECRET_EXPIRES_AT, "2026-01-20T00:00:00Z")],
            true,
            Judgement::Finish,
        );
        check(
            &[(tag::SECRET_EXPIRES_AT, "2026-12-20T00:00:00Z")],
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
    fn what_somebody_put_back_does_not_get_its_own_date_again() {
        // The next one was made an hour later, and stored as version 7.
        let later = (tag::SECRET_EXPIRES_AT, "2026-07-09T03:15:10Z");
        let known = |version: &str| format!("{version} 2026-01-10T02:18:00Z {}", later.1);
        let stored = at(later.1);
        let put_back = [later, (tag::SECRET_VERSION, &known("7"))];
        check(&put_back, true, Judgement::Stale { stored });
        // A date that somebody has set for what is stored, if a little late, is corrected.
        check(&[later], true, Judgement::Finish);
        let looked_at = [later, (tag::SECRET_VERSION, &known("8"))];
        check(&looked_at, true, Judgement::Finish);
    }

    #[test]
    fn what_somebody_stored_since_without_dates_is_not_replaced_unseen() {
        let check = |since: &str, tags: &[(&str, &str)], expected| {
            let tags: BTreeMap<String, String> = tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            let place = Place {
                tags: RotationTags::from_map(&tags),
                version: None,
                holds_the_new_one: false,
                since: Some(at(since)),
            };
            let found = judge(&new(), ID, &place, 180, at("2026-01-11T00:00:00Z"));
            assert_eq!(found, expected, "{since} {tags:?}");
        };
        // Made 2026-01-10T02:15:10.
        let (before, after) = ("2026-01-10T02:10:00Z", "2026-01-10T03:00:00Z");
        check(before, &[], Judgement::Store);
        check(after, &[], Judgement::Contested);
        let of_another = (tag::SECRET_ISSUED_AT, "2025-07-20T00:00:00Z");
        check(after, &[of_another], Judgement::Contested);
        let ends_soon = (tag::SECRET_EXPIRES_AT, "2026-01-20T00:00:00Z");
        check(after, &[ends_soon], Judgement::Contested);
        // Stored by whoever dated it: the secret of the rotation before this one, which was late.
        let of_its_own = (tag::SECRET_ISSUED_AT, "2026-01-08T00:00:00Z");
        check(after, &[of_its_own], Judgement::Store);
        // Whoever dated the new secret, which was stored already, stored another one after it.
        let of_the_new_one = (tag::SECRET_EXPIRES_AT, "2026-07-09T02:15:10Z");
        check(after, &[of_its_own, of_the_new_one], Judgement::Contested);
        let newer = (tag::SECRET_EXPIRES_AT, "2026-07-09T03:00:00Z");
        let stored = at(newer.1);
        check(after, &[newer], Judgement::Stale { stored });
    }

    #[test]
    fn an_unverified_secret_is_stored_when_the_old_one_has_less_than_a_day() {
        let refused = Err(LwaError::without_answer(LwaFailure::ClientRefused, "no"));
        let ends = old_secret_ends(&new(), None, at(NOW));
        let check = |tried: &Result<(), LwaError>, now, expected| {
            assert_eq!(verdict(tried, ends, false, at(now)), expected, "{now}");
        };
        check(&Ok(()), "2026-01-10T02:20:00Z", Verdict::Verified);
        check(&refused, "2026-01-16T02:15:10.045Z", Verdict::Wait);
        check(
            &refused,
            "2026-01-16T02:15:10.046Z",
            Verdict::StoreUnverified,
        );
        check(&refused, "2026-02-16T00:00:00Z", Verdict::StoreUnverified);
        check(&Ok(()), "2026-02-16T00:00:00Z", Verdict::Verified);
        let replaced = |now| verdict(&refused, ends, true, at(now));
        assert_eq!(replaced("2026-01-17T02:15:10Z"), Verdict::StoreUnverified);
        assert_eq!(replaced("2026-01-17T02:15:10.045Z"), Verdict::Wait);
    }

    #[test]
    fn what_somebody_stored_stays_while_it_works_or_may_still_spread() {
        let refused = Err(LwaError::without_answer(LwaFailure::ClientRefused, "no"));
        let ends = at("2026-01-17T02:15:10Z");
        for (now, expected) in [
            ("2026-01-10T03:00:00Z", true),
            ("2026-01-17T02:15:09Z", true),
            ("2026-01-17T02:15:10Z", false),
            ("2026-01-18T00:00:00Z", false),
        ] {
            assert_eq!(stays(&refused, ends, at(now)), expected, "{now}");
            assert!(stays(&Ok(()), ends, at(now)));
        }
    }

    #[test]
    fn a_secret_from_before_the_request_does_not_answer_it() {
        let check = |requested: &str, expected| {
            let map = BTreeMap::from([(tag::ROTATION_REQUESTED_AT.into(), requested.into())]);
            let tags = RotationTags::from_map(&map);
            assert_eq!(is_answer(&new(), &tags), expected, "{requested}");
        };
        check("2026-01-10T02:15:00Z", true);
        check("2026-01-10T02:17:00Z", true);
        check("2026-01-11T02:15:00Z", false);
        assert!(is_answer(&new(), &RotationTags::default()));
    }

    #[test]
    fn without_a_date_for_the_old_secret_it_lives_for_the_overlap() {
        let mut new = new();
        new.old_expires_at = None;
        let ends =
            |new: &NewSecret, sent: Option<&str>| old_secret_ends(new, sent.map(at), at(NOW));
        assert_eq!(ends(&new, None), at("2026-01-17T02:15:10.045Z"));
        new.event_time = None;
        assert_eq!(
            ends(&new, Some("2026-01-10T02:16:00Z")),
            at("2026-01-17T02:16:00Z")
        );
        assert_eq!(ends(&new, None), at("2026-01-17T02:20:00Z"));
    }
}
