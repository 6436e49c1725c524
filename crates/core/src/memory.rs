//! What one execution environment remembers of what it has told people.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many ids are remembered. If more are live at a time, people read some messages twice.
const CAPACITY: usize = 512;

/// How long a message that cannot be processed is remembered. It reaches the dead-letter queue
/// within minutes; one that an operator brings back from there is judged again.
pub const HOPELESS_FOR: SignedDuration = SignedDuration::from_mins(30);

/// Ids of messages and events, or other keys, oldest first. It saves work and repetition;
/// nothing depends on it.
#[derive(Debug)]
pub struct Memory {
    kept_for: SignedDuration,
    ids: Mutex<VecDeque<(String, Timestamp)>>,
}

impl Memory {
    /// An empty memory that keeps each id for a time.
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
        assert!(memory.contains(&CAPACITY.to_string(), at(1_799)));
        assert!(!memory.contains("1", at(1_800)));
    }
}
