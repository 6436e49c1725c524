//! The real time: a harness measures it, and the programs under test compare what they are told
//! with it.

use std::time::Instant;

use jiff::Timestamp;

/// Now, for durations.
#[expect(clippy::disallowed_methods, reason = "a harness measures time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Now, for events that lie in the future or the past.
#[expect(
    clippy::disallowed_methods,
    reason = "the functions compare what they are told with the real time"
)]
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// Now, in milliseconds since 1970.
pub fn unix_time_ms() -> u128 {
    timestamp().as_duration().unsigned_abs().as_millis()
}
