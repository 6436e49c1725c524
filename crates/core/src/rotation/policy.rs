//! When a client secret is rotated, and by whom.

use jiff::{SignedDuration, Timestamp};

use crate::deadline::{Deadline, SECRET_LIFETIME_DAYS, days};

/// When client secrets are rotated, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long before the deadline, in days, from 1 to 180.
    pub rotate_within_days: u32,
    /// Whether rotations are requested, or people only reminded.
    pub auto_rotate: bool,
    /// How long a client secret lives, in days.
    pub secret_lifetime_days: u32,
}

impl Default for Policy {
    /// What holds where nothing is configured: two thirds of the lifetime.
    fn default() -> Self {
        Self {
            rotate_within_days: 60,
            auto_rotate: true,
            secret_lifetime_days: SECRET_LIFETIME_DAYS,
        }
    }
}

impl Policy {
    /// When a rotation is due.
    pub fn due(&self, deadline: &Deadline) -> Timestamp {
        let within = days(i64::from(self.rotate_within_days));
        deadline.at.saturating_sub(within).unwrap_or(Timestamp::MIN)
    }

    /// How long a rotation has been due; negative where there is time.
    pub fn overdue_for(&self, deadline: &Deadline, now: Timestamp) -> SignedDuration {
        now.duration_since(self.due(deadline))
    }
}
