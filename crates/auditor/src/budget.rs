//! How long an audit may work.

use std::time::Duration;

use jiff::Timestamp;

/// Until when an audit may work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// From here on no further page is begun.
    pub(crate) pause_at: Timestamp,
    /// Here the calls under way are given up.
    pub(crate) stop_at: Timestamp,
}

impl Budget {
    /// As long as it takes, for a person who can interrupt it.
    pub(crate) const UNLIMITED: Self = Self {
        pause_at: Timestamp::MAX,
        stop_at: Timestamp::MAX,
    };

    /// The budget of an invocation that is ended by force after `remaining`: the last third, a
    /// minute at most, is for the page under way, and half of that for handing over.
    pub(crate) fn of(now: Timestamp, remaining: Duration) -> Self {
        let reserve = (remaining / 3).min(Duration::from_mins(1));
        let after = |duration| now.checked_add(duration).unwrap_or(Timestamp::MAX);
        Self {
            pause_at: after(remaining.saturating_sub(reserve)),
            stop_at: after(remaining.saturating_sub(reserve / 2)),
        }
    }
}
