//! The ids of the events that this execution environment has published.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many ids are kept. Duplicates come within minutes; an estate of thousands of
/// parameters sends fewer events than this in that time.
const CAPACITY: usize = 512;

/// The most recent ids, oldest first.
#[derive(Default)]
pub(crate) struct RecentIds(Mutex<VecDeque<String>>);

impl RecentIds {
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|known| known == id)
    }

    pub(crate) fn insert(&self, id: String) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() == CAPACITY {
            ids.pop_front();
        }
        ids.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_does_not_grow_with_the_number_of_events() {
        let ids = RecentIds::default();
        for number in 0..=CAPACITY {
            ids.insert(number.to_string());
        }
        assert!(!ids.contains("0"));
        assert!(ids.contains("1") && ids.contains(&CAPACITY.to_string()));
    }
}
