//! The time, where `--now` sets it.

use std::time::Duration;

use jiff::SignedDuration;
use lwa_aws::clock::SystemClock;
use lwa_core::Timestamp;
use lwa_core::ports::Clock;

/// Reads the value of `--now`.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "write an instant like 2026-06-24T08:00:00Z".to_owned())
}

/// The system's clock, set forward or back.
pub(crate) struct ShiftedClock(SignedDuration);

impl ShiftedClock {
    /// A clock that shows `now` at this moment, or the system's time where none is given.
    pub(crate) fn showing(now: Option<Timestamp>) -> Self {
        Self(now.map_or(SignedDuration::ZERO, |now| {
            now.duration_since(SystemClock.now())
        }))
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        now.checked_add(self.0).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}
