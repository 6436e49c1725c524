//! When a client secret stops working, and the spans that Amazon sets for its rotation.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a client secret lives unless configured otherwise, in days,
/// <https://developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials>.
pub const SECRET_LIFETIME_DAYS: u32 = 180;

/// How long the previous secret still works once a new one exists, in days, same source.
pub const OVERLAP_DAYS: u32 = 7;

/// How long no second rotation is requested after the first. The request is not idempotent, and
/// the answer to one that seemed to fail may still be on its way,
/// <https://developer-docs.amazon.com/sp-api/docs/rotate-your-application-client-secret>.
pub const QUIET_AFTER_REQUEST: SignedDuration = SignedDuration::from_hours(24);

/// How long before a secret ends another rotation is requested automatically, although one was
/// within the overlap. What a second one does to the two secrets that work then is not documented.
/// But the new secret has not come by then, and a dead one cannot ask for another.
///
/// Three daily runs fit in, whenever on its day each begins.
pub const LAST_CHANCE: SignedDuration = SignedDuration::from_hours(3 * 24 + 12);

/// How far apart our clock, Amazon's and the vault's may be.
pub const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(5);

/// How far apart a date may be from the span that it follows from: people and services round.
pub const DATES_DIFFER_BY: SignedDuration = days(1);

/// A span of whole days of 24 hours.
pub const fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count.saturating_mul(24))
}

/// The UTC date of an instant. Days are calendar days everywhere, so that a daily run which starts
/// some seconds early or late still sees each of them exactly once.
pub fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// When a secret whose successor was issued at `issued_at` stops working.
pub fn end_of_overlap(issued_at: Timestamp) -> Timestamp {
    issued_at
        .saturating_add(days(i64::from(OVERLAP_DAYS)))
        .unwrap_or(Timestamp::MAX)
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
    /// An estimate: the whole lifetime, counted from an instant. None beyond the calendar.
    pub fn estimated(from: Timestamp, lifetime_days: u32) -> Option<Self> {
        let at = from.checked_add(days(i64::from(lifetime_days))).ok()?;
        let basis = Basis::Estimated;
        Some(Self { at, basis })
    }

    /// Days from the UTC date of `now` to the UTC date of the deadline; 0 on its day, negative
    /// after it.
    ///
    /// Dates rather than 24-hour spans, because then a daily run that starts a few seconds
    /// early or late still sees every number exactly once.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        i64::from((utc_date(self.at) - utc_date(now)).get_days())
    }

    /// Whether the secret has stopped working.
    pub fn has_passed(&self, now: Timestamp) -> bool {
        now >= self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_drifts_by_seconds_sees_every_day_once() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
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
}
