//! What rotation remembers, as tags of the client secret.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::notification::NewSecret;
use crate::deadline::{OVERLAP_DAYS, SecretTags, days, tag};
use crate::provenance::Provenance;
use crate::text::tag_word;
use crate::vault::SecretVersion;

/// A new secret has arrived whose handling is not finished: when people were last told of it,
/// RFC 3339 in UTC, a space, and the id of Amazon's notification.
///
/// It does three things that no other tag can: people are told once a day, not at every try,
/// that a secret waits; no further secret is asked for while one waits; and a secret that was
/// stored by an invocation that died before telling anybody is told about by the next one.
///
/// A third word is there when something else waits with it: somebody stored a value that may be
/// older or newer, and the word is the instant at which the older of the two dies.
pub const NEW_SECRET_PENDING: &str = "lwa:new-secret-pending";

/// Longest value of a tag that we write, in characters; Parameter Store and Secrets Manager
/// take 256, <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Tag.html>.
const MAX_TAG_VALUE: usize = 256;

/// How long a waiting secret keeps another one from being asked for. Whoever handles it renews
/// the tag every day; a tag that is older was left behind.
const PENDING_BLOCKS_FOR: SignedDuration = SignedDuration::from_hours(48);

/// What the tags of a client secret say about its rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationTags {
    /// The tags that every function knows.
    pub secret: SecretTags,
    /// [`NEW_SECRET_PENDING`].
    pub pending: Option<Pending>,
}

/// A new secret that is being handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// When people were last told of it.
    pub told_at: Timestamp,
    /// The id of Amazon's notification, as [`notification_key`] writes it.
    pub notification: String,
    /// Where nobody can tell whether what is stored is older: when it dies if it is.
    pub older_ends: Option<Timestamp>,
}

impl RotationTags {
    /// Reads the tags that matter out of all tags of a parameter or secret.
    pub fn from_map(tags: &BTreeMap<String, String>) -> Self {
        let pending = tags.get(NEW_SECRET_PENDING).and_then(|text| {
            let mut words = text.split_whitespace();
            Some(Pending {
                told_at: words.next()?.parse().ok()?,
                notification: words.next()?.to_owned(),
                older_ends: words.next().and_then(|word| word.parse().ok()),
            })
        });
        Self {
            secret: SecretTags::from_map(tags),
            pending,
        }
    }

    /// The reported deadline, unless it lies further ahead than a secret can live: then it was
    /// mistyped, and must neither keep a new secret out nor a rotation off.
    pub fn reported_deadline(&self, lifetime_days: u32, now: Timestamp) -> Option<Timestamp> {
        let furthest = now
            .saturating_add(days(i64::from(lifetime_days) + 1))
            .unwrap_or(Timestamp::MAX);
        self.secret.expires_at.filter(|&at| at <= furthest)
    }

    /// When a rotation was asked for, if that is less than `within` ago. A time in the future
    /// counts as long as it is no further away: clocks differ.
    pub fn requested_within(&self, within: SignedDuration, now: Timestamp) -> Option<Timestamp> {
        self.secret
            .rotation_requested_at
            .filter(|&at| now.duration_since(at).abs() < within)
    }

    /// A new secret that waits to be stored, if the word on it is not stale.
    pub fn waiting(&self, now: Timestamp) -> Option<&Pending> {
        self.fresh_pending(now)
            .filter(|pending| pending.older_ends.is_none())
    }

    /// When the stored secret dies if it is older than one that waits, where nobody can tell.
    /// Another rotation settles that, so it keeps none off.
    pub fn contested_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.fresh_pending(now)?.older_ends
    }

    fn fresh_pending(&self, now: Timestamp) -> Option<&Pending> {
        self.pending
            .as_ref()
            .filter(|pending| now.duration_since(pending.told_at).abs() < PENDING_BLOCKS_FOR)
    }
}

/// When a secret whose successor was issued at `issued_at` stops working.
pub fn end_of_overlap(issued_at: Timestamp) -> Timestamp {
    issued_at
        .saturating_add(days(i64::from(OVERLAP_DAYS)))
        .unwrap_or(Timestamp::MAX)
}

/// An instant as a tag's value.
pub fn instant(at: Timestamp) -> String {
    at.to_string()
}

/// The value of [`NEW_SECRET_PENDING`].
pub fn pending(told_at: Timestamp, notification: &str) -> String {
    format!("{told_at} {}", notification_key(notification))
}

/// The value of [`NEW_SECRET_PENDING`] while something else is stored that may be older.
pub fn contested(told_at: Timestamp, notification: &str, older_ends: Timestamp) -> String {
    format!("{} {older_ends}", pending(told_at, notification))
}

/// The id of a notification, fit to stand in a tag: other characters than letters, digits and
/// `_.:/=+-@` become `-`, and what would be too long is cut.
pub fn notification_key(id: &str) -> String {
    // Two instants of up to 31 characters, and the spaces.
    const TIMESTAMP_ROOM: usize = 72;
    tag_word(id, MAX_TAG_VALUE - TIMESTAMP_ROOM)
}

/// The tags that say which secret is stored as which version since when, to be written once it
/// is.
pub fn stored(
    new: &NewSecret,
    version: &SecretVersion,
    since: Timestamp,
    told_at: Timestamp,
    notification: &str,
) -> Vec<(&'static str, String)> {
    let (issued_at, expires_at) = (new.event_time, new.expires_at);
    let provenance = Provenance::new(version, Some(since), Some(expires_at));
    let mut tags = vec![
        (tag::SECRET_EXPIRES_AT, instant(expires_at)),
        (tag::SECRET_VERSION, provenance.to_text()),
        (NEW_SECRET_PENDING, pending(told_at, notification)),
    ];
    if let Some(issued_at) = issued_at {
        tags.insert(0, (tag::SECRET_ISSUED_AT, instant(issued_at)));
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tags(pairs: &[(&str, &str)]) -> RotationTags {
        let map = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        RotationTags::from_map(&map)
    }

    #[test]
    fn a_pending_tag_is_read_as_it_was_written_whatever_the_id() {
        let now = at("2026-01-10T02:15:10.045Z");
        for (id, expected) in [
            ("0f1e2d3c-4b5a", "0f1e2d3c-4b5a"),
            ("an id\nwith ünfit", "an-id-with--nfit"),
            ("", ""),
        ] {
            let tags = tags(&[(NEW_SECRET_PENDING, &format!("{} ", pending(now, id)))]);
            let expected = (!expected.is_empty()).then(|| Pending {
                told_at: now,
                notification: expected.to_owned(),
                older_ends: None,
            });
            assert_eq!(tags.pending, expected, "{id:?}");
        }
        let long = contested(Timestamp::MIN, &"x".repeat(1_000), Timestamp::MIN);
        assert!(long.len() <= MAX_TAG_VALUE, "{}", long.len());
    }

    #[test]
    fn a_deadline_beyond_any_lifetime_is_a_typing_error() {
        let now = at("2026-01-10T00:00:00Z");
        let reported = |text| tags(&[(tag::SECRET_EXPIRES_AT, text)]).reported_deadline(180, now);
        assert!(reported("2026-07-09T00:00:00Z").is_some());
        assert!(reported("2062-07-09T00:00:00Z").is_none());
        assert!(reported("2025-12-31T00:00:00Z").is_some());
        assert!(reported("soon").is_none());
    }

    #[test]
    fn a_request_counts_for_a_day_and_a_waiting_secret_for_two() {
        let tags = tags(&[
            (tag::ROTATION_REQUESTED_AT, "2026-01-10T00:00:00Z"),
            (NEW_SECRET_PENDING, "2026-01-10T00:00:00Z n-1"),
        ]);
        let day = SignedDuration::from_hours(24);
        let requested = |now| tags.requested_within(day, at(now)).is_some();
        assert!(requested("2026-01-10T23:59:59Z"));
        assert!(!requested("2026-01-11T00:00:00Z"));
        assert!(requested("2026-01-09T23:59:00Z"));
        assert!(tags.waiting(at("2026-01-11T23:59:59Z")).is_some());
        assert!(tags.waiting(at("2026-01-12T00:00:00Z")).is_none());
        assert!(tags.contested_until(at("2026-01-10T00:00:00Z")).is_none());
    }

    #[test]
    fn a_contested_secret_keeps_no_rotation_off_and_says_when_the_older_one_ends() {
        let (told_at, ends) = (at("2026-01-10T00:00:00Z"), at("2026-01-16T00:00:00Z"));
        let tags = tags(&[(NEW_SECRET_PENDING, &contested(told_at, "n-1", ends))]);
        assert_eq!(tags.pending.as_ref().unwrap().notification, "n-1");
        assert!(tags.waiting(told_at).is_none());
        assert_eq!(tags.contested_until(at("2026-01-11T23:59:59Z")), Some(ends));
        assert!(tags.contested_until(at("2026-01-12T00:00:00Z")).is_none());
    }
}
