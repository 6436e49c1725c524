//! The first of a stream by some order, in bounded memory.

use serde::{Deserialize, Serialize};

/// What a [`Top`] puts in order.
pub trait Ranked {
    /// What the order is by, the smallest first.
    fn key(&self) -> impl Ord;
}

impl Ranked for String {
    fn key(&self) -> impl Ord {
        self
    }
}

/// The first of a stream, up to a limit, and how many there were in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Top<T> {
    items: Vec<T>,
    total: u64,
    #[serde(skip, default = "no_limit")]
    limit: usize,
}

const fn no_limit() -> usize {
    usize::MAX
}

impl<T> Default for Top<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            total: 0,
            limit: no_limit(),
        }
    }
}

impl<T: Ranked> Top<T> {
    /// Adds one.
    pub fn push(&mut self, item: T) {
        self.total += 1;
        self.items.push(item);
        // Sorting once per as many as are kept costs the same per item, however many come.
        if self.items.len() >= self.limit.saturating_mul(2).max(16) {
            self.limit(self.limit);
        }
    }

    /// Sorts, and keeps at most so many from here on; a limit that was set before still holds.
    pub fn limit(&mut self, limit: usize) {
        self.limit = limit.min(self.limit);
        // What comes from outside may claim less than it has.
        self.total = self.total.max(self.items.len() as u64);
        self.items.sort_by(|a, b| a.key().cmp(&b.key()));
        self.items.truncate(self.limit);
    }

    /// Takes away what is beyond so many, to be told elsewhere; the total stays.
    pub fn split_off(&mut self, at: usize) -> Vec<T> {
        self.limit(self.limit);
        self.items.split_off(at.min(self.items.len()))
    }

    /// What was kept, in order after [`Self::limit`].
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many there were.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many were not kept.
    pub const fn omitted(&self) -> u64 {
        self.total.saturating_sub(self.items.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_and_all_are_counted_in_any_order() {
        let mut up = Top::default();
        let mut down = Top::default();
        up.limit(3);
        down.limit(3);
        for number in 0..1000 {
            up.push(format!("{number:03}"));
            down.push(format!("{:03}", 999 - number));
            assert!(down.items().len() <= 16);
        }
        up.limit(5);
        down.limit(3);
        assert_eq!(up.items(), ["000", "001", "002"]);
        assert_eq!(up, down);
        assert_eq!(up.omitted(), 997);
    }
}
