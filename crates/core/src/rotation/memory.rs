//! What one execution environment remembers of the messages it has seen.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many messages are remembered. A queue that holds more hopeless ones at a time tells
/// people twice about some.
const CAPACITY: usize = 256;

/// How long a hopeless message is remembered. It is on its way to the dead-letter queue within
/// minutes; one that is brought back from there deserves to be looked at again.
pub const HOPELESS_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What people have been told about, oldest first: ids of messages, or whatever else names it.
/// It only saves work and repetition: nothing depends on it.
#[derive(Debug)]
pub struct Memory {
    kept_for: SignedDuration,
    ids: Mutex<VecDeque<(String, Timestamp)>>,
}

impl Memory {
    /// An empty one, which forgets after some time.
    pub const fn new(kept_for: SignedDuration) -> Self {
        Self {
            kept_for,
            ids: Mutex::new(VecDeque::new()),
        }
    }

    /// Whether an id is still remembered.
    pub fn contains(&self, id: &str, now: Timestamp) -> bool {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter()
            .any(|(known, at)| known == id && now.duration_since(*at).abs() < self.kept_for)
    }

    /// Remembers an id.
    pub fn insert(&self, id: String, now: Timestamp) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() == CAPACITY {
            ids.pop_front();
        }
        ids.push_back((id, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_short_and_does_not_grow() {
        let memory = Memory::new(HOPELESS_FOR);
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for number in 0..=CAPACITY {
            memory.insert(number.to_string(), at(0));
        }
        assert!(!memory.contains("0", at(1)));
        assert!(memory.contains("1", at(1_799)));
        assert!(!memory.contains("1", at(1_800)));
    }
}
