//! When a client secret stops working, and how we know.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::vault::SecretVersion;

/// How long a client secret lives unless configured otherwise, in days,
/// <https://developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials>.
pub const SECRET_LIFETIME_DAYS: u32 = 180;

/// How long the previous secret still works once a new one exists, in days, same source.
pub const OVERLAP_DAYS: u32 = 7;

/// How far apart our clock, Amazon's and the vault's may be.
pub const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(5);

/// A span of whole days of 24 hours.
pub const fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count.saturating_mul(24))
}

/// The tags that carry what Amazon does not let anybody read back.
pub mod tag {
    /// When Amazon issued the stored secret, RFC 3339 in UTC.
    pub const SECRET_ISSUED_AT: &str = "lwa:secret-issued-at";
    /// The reported deadline, RFC 3339 in UTC.
    pub const SECRET_EXPIRES_AT: &str = "lwa:secret-expires-at";
    /// When a rotation was last asked for and not yet answered, RFC 3339 in UTC.
    pub const ROTATION_REQUESTED_AT: &str = "lwa:rotation-requested-at";
    /// Which version of the secret was looked at last, since when its value is stored, and which
    /// of the dates above is its own, as [`Provenance`](crate::provenance::Provenance) writes it.
    pub const SECRET_VERSION: &str = "lwa:secret-version";
    /// Who is responsible; shown, and groups the digest.
    pub const OWNER: &str = "owner";
    /// Until which date findings are muted.
    pub const EXEMPT_UNTIL: &str = "lwa:exempt-until";
    /// Why findings are muted.
    pub const EXEMPT_REASON: &str = "lwa:exempt-reason";
}

/// Where a deadline comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Amazon, or an operator, gave the date.
    Reported,
    /// Derived from when the secret was issued, first stored or last written.
    Estimated,
    /// Reported, but perhaps for another secret than the stored one. As little to be relied on as
    /// an estimate.
    Doubtful,
}

impl Basis {
    /// Whether the date may be wrong.
    pub const fn is_estimate(self) -> bool {
        !matches!(self, Self::Reported)
    }
}

/// The instant after which a client secret stops working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// The instant.
    pub at: Timestamp,
    /// How it is known.
    pub basis: Basis,
}

impl Deadline {
    /// The deadline of the secret that `stored` tells of: the reported one; else the time of
    /// issue plus the lifetime; else the first or the last write plus the lifetime; else unknown.
    ///
    /// The last write comes last because rewriting the same value, or editing a description,
    /// moves it and renews nothing. For the same reason a reported deadline stays when something
    /// is written; but as an estimate, until somebody has compared what was written with what was
    /// there before.
    pub fn of(tags: &SecretTags, stored: &Stored<'_>, lifetime_days: u32) -> Option<Self> {
        if let Some(at) = tags.expires_at {
            let is_doubtful = tags
                .provenance
                .as_ref()
                .is_some_and(|known| !known.vouches_for(at, stored.version));
            let basis = if is_doubtful {
                Basis::Doubtful
            } else {
                Basis::Reported
            };
            return Some(Self { at, basis });
        }
        let from = tags
            .issued_at
            .or(tags.first_stored())
            .or(stored.written_at)?;
        let at = from
            .checked_add(SignedDuration::from_hours(24 * i64::from(lifetime_days)))
            .ok()?;
        Some(Self {
            at,
            basis: Basis::Estimated,
        })
    }

    /// Days from the UTC date of `now` to the UTC date of the deadline; 0 on its day, negative
    /// after it.
    ///
    /// Dates rather than 24-hour spans, because then a daily run that starts a few seconds
    /// early or late still sees every number exactly once.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        i64::from((day(self.at) - day(now)).get_days())
    }

    /// Whether the secret has stopped working.
    pub fn has_passed(&self, now: Timestamp) -> bool {
        now >= self.at
    }
}

/// What metadata tell of the stored version of a client secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stored<'a> {
    /// Which one it is; none where that is not known.
    pub version: Option<&'a SecretVersion>,
    /// When it was written.
    pub written_at: Option<Timestamp>,
}

/// What the tags of a client secret say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretTags {
    /// [`tag::SECRET_ISSUED_AT`].
    pub issued_at: Option<Timestamp>,
    /// [`tag::SECRET_EXPIRES_AT`].
    pub expires_at: Option<Timestamp>,
    /// [`tag::ROTATION_REQUESTED_AT`].
    pub rotation_requested_at: Option<Timestamp>,
    /// [`tag::SECRET_VERSION`]; none where it cannot be read, which is as if nobody had looked.
    pub provenance: Option<Provenance>,
    /// [`tag::OWNER`].
    pub owner: Option<String>,
    /// The names of tags whose value is no RFC 3339 instant; each is treated as absent.
    pub unreadable: Vec<&'static str>,
}

impl SecretTags {
    /// Reads the tags that matter out of all tags of a parameter or secret.
    pub fn from_map(tags: &BTreeMap<String, String>) -> Self {
        let mut unreadable = Vec::new();
        let mut instant = |name: &'static str| {
            let text = tags.get(name)?;
            let instant = text.trim().parse().ok();
            if instant.is_none() {
                unreadable.push(name);
            }
            instant
        };
        Self {
            issued_at: instant(tag::SECRET_ISSUED_AT),
            expires_at: instant(tag::SECRET_EXPIRES_AT),
            rotation_requested_at: instant(tag::ROTATION_REQUESTED_AT),
            provenance: tags
                .get(tag::SECRET_VERSION)
                .and_then(|text| Provenance::parse(text)),
            owner: tags
                .get(tag::OWNER)
                .filter(|owner| !owner.trim().is_empty())
                .cloned(),
            unreadable,
        }
    }

    /// When the value was first stored that was looked at last.
    pub fn first_stored(&self) -> Option<Timestamp> {
        self.provenance.as_ref()?.since
    }

    /// The date that the deadline rests on: the reported deadline, or else the time of issue.
    pub fn date(&self) -> Option<Timestamp> {
        self.expires_at.or(self.issued_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn written(text: &str) -> Stored<'static> {
        Stored {
            version: None,
            written_at: Some(at(text)),
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> SecretTags {
        let map = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        SecretTags::from_map(&map)
    }

    #[test]
    fn a_reported_deadline_wins_over_any_estimate() {
        let tags = tags(&[
            (tag::SECRET_EXPIRES_AT, "2026-06-30T00:00:00Z"),
            (tag::SECRET_ISSUED_AT, "2026-01-01T00:00:00Z"),
        ]);
        let deadline = Deadline::of(&tags, &written("2026-05-01T00:00:00Z"), 180).unwrap();
        assert_eq!(
            deadline,
            Deadline {
                at: at("2026-06-30T00:00:00Z"),
                basis: Basis::Reported
            }
        );
    }

    #[test]
    fn rewriting_the_same_value_does_not_move_the_estimate_when_the_issue_date_is_known() {
        let tags = tags(&[(tag::SECRET_ISSUED_AT, "2026-01-01T00:00:00Z")]);
        let deadline = Deadline::of(&tags, &written("2026-05-01T00:00:00Z"), 180).unwrap();
        assert_eq!(deadline.at, at("2026-06-30T00:00:00Z"));
        assert_eq!(deadline.basis, Basis::Estimated);
    }

    #[test]
    fn a_date_is_doubtful_while_nobody_knows_whose_it_is() {
        let (version, another) = (SecretVersion::new("7"), SecretVersion::new("8"));
        let date = "2026-06-30T00:00:00Z";
        let basis = |known: &str, version| {
            let tags = tags(&[(tag::SECRET_EXPIRES_AT, date), (tag::SECRET_VERSION, known)]);
            let stored = Stored {
                version,
                written_at: None,
            };
            let deadline = Deadline::of(&tags, &stored, 180).unwrap();
            assert_eq!(deadline.at, at(date), "{known}");
            deadline.basis
        };
        let known = "7 2026-01-01T00:00:00Z 2026-06-30T00:00:00Z";
        assert_eq!(basis(known, Some(&version)), Basis::Reported);
        assert_eq!(basis(known, Some(&another)), Basis::Doubtful);
        assert_eq!(basis(known, None), Basis::Reported);
        let doubtful = format!("{known} doubtful");
        assert_eq!(basis(&doubtful, Some(&version)), Basis::Doubtful);
        assert_eq!(basis(&doubtful, None), Basis::Doubtful);
        // Somebody has set the date since, or nobody has ever looked.
        let before = "7 2025-07-01T00:00:00Z 2025-12-30T00:00:00Z";
        assert_eq!(basis(before, Some(&another)), Basis::Reported);
        assert_eq!(basis("7 -", Some(&another)), Basis::Reported);
        assert_eq!(basis("no such thing", Some(&another)), Basis::Reported);
    }

    #[test]
    fn without_a_date_the_first_write_of_a_value_counts_and_not_the_last() {
        let tags = tags(&[(tag::SECRET_VERSION, "7 2026-01-01T00:00:00Z")]);
        let deadline = Deadline::of(&tags, &written("2026-05-01T00:00:00Z"), 180).unwrap();
        assert_eq!(deadline.at, at("2026-06-30T00:00:00Z"));
        assert_eq!(deadline.basis, Basis::Estimated);
    }

    #[test]
    fn without_any_date_there_is_no_deadline() {
        assert_eq!(
            Deadline::of(&SecretTags::default(), &Stored::default(), 180),
            None
        );
    }

    #[test]
    fn a_tag_that_is_no_instant_is_named_and_ignored() {
        let tags = tags(&[(tag::SECRET_EXPIRES_AT, "next summer")]);
        assert_eq!(tags.expires_at, None);
        assert_eq!(tags.unreadable, [tag::SECRET_EXPIRES_AT]);
    }

    #[test]
    fn a_run_that_drifts_by_seconds_sees_every_day_once() {
        let deadline = Deadline {
            at: at("2026-06-30T06:00:05Z"),
            basis: Basis::Reported,
        };
        assert_eq!(deadline.days_left(at("2026-06-28T06:00:00Z")), 2);
        assert_eq!(deadline.days_left(at("2026-06-29T06:00:10Z")), 1);
        assert_eq!(deadline.days_left(at("2026-06-30T06:00:04Z")), 0);
        assert!(!deadline.has_passed(at("2026-06-30T06:00:04Z")));
        assert!(deadline.has_passed(at("2026-06-30T06:00:05Z")));
        assert_eq!(deadline.days_left(at("2026-07-01T05:00:00Z")), -1);
    }

    #[test]
    fn a_lifetime_beyond_the_calendar_is_unknown_rather_than_a_panic() {
        let late = Stored {
            written_at: Some(Timestamp::MAX),
            version: None,
        };
        assert_eq!(Deadline::of(&SecretTags::default(), &late, 180), None);
    }
}
