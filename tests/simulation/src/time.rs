//! Instants and durations of the virtual clock, in milliseconds.

use jiff::Timestamp;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The first instant, 2026-01-01T00:00:00Z: a Thursday.
pub(crate) const START: i64 = 1_767_225_600_000;

/// The first instant, as an instant.
pub(crate) fn start() -> Timestamp {
    instant(START)
}

pub(crate) fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

pub(crate) fn date(milliseconds: i64) -> String {
    lwa_core::wording::date(instant(milliseconds))
}

pub(crate) fn minute(milliseconds: i64) -> String {
    lwa_core::wording::minute(instant(milliseconds))
}

pub(crate) fn span(later: Timestamp, earlier: Timestamp) -> String {
    let minutes = later.duration_since(earlier).as_mins();
    format!("{} hours {} minutes", minutes / 60, minutes % 60)
}
