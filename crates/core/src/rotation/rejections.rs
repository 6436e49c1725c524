//! Messages that can never be handled, told to people once an hour for each kind.
//!
//! Whoever may send to a queue decides how many there are, and people stop reading what comes by
//! the hundred. The dead-letter queue and the metrics count every one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::notice::Notice;

/// How often people hear of one kind.
const TELL_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How long a message is remembered. It reaches the dead-letter queue within minutes; one that an
/// operator brings back from there is judged again.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What one execution environment has rejected.
#[derive(Debug, Default)]
pub(super) struct Rejections(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When each message was last rejected. A message comes back many times on its way to the
    /// dead-letter queue, and counts once.
    seen: HashMap<String, Timestamp>,
    kinds: HashMap<String, Kind>,
}

/// What people were told of one kind, and what they were not.
#[derive(Debug, Default)]
struct Kind {
    told_at: Option<Timestamp>,
    untold: usize,
    example: Option<Notice>,
}

/// Rejections of one kind that people are to hear of now.
pub(super) struct Due {
    key: String,
    count: usize,
    example: Notice,
}

impl Due {
    /// The notice: the first message, and how many were like it.
    pub(super) fn notice(&self) -> Notice {
        let others = (self.count > 1).then(|| {
            format!(
                "{} messages; this is the first. There is at most one notification an hour.",
                self.count
            )
        });
        self.example.clone().fact("How many", others)
    }
}

impl Rejections {
    /// Takes a message into account, which `notice` tells of.
    pub(super) fn note(&self, id: &str, notice: Notice, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_remembered = |at: Timestamp| now.duration_since(at).abs() < REMEMBERED_FOR;
        state.seen.retain(|_, at| is_remembered(*at));
        if state.seen.insert(id.to_owned(), now).is_some() {
            return;
        }
        let kind = state.kinds.entry(notice.opening()).or_default();
        kind.untold += 1;
        kind.example.get_or_insert(notice);
    }

    /// Whether a message was rejected so recently that it need not be judged again.
    pub(super) fn remembers(&self, id: &str, now: Timestamp) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = state.seen.get(id);
        seen.is_some_and(|at| now.duration_since(*at).abs() < REMEMBERED_FOR)
    }

    /// What people have not heard of, of kinds of which they have not heard for an hour.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Due> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |kind: &Kind| {
            kind.told_at
                .is_none_or(|at| now.duration_since(at) >= TELL_EVERY)
        };
        let due = state.kinds.iter().filter(|(_, kind)| is_due(kind));
        due.filter_map(|(key, kind)| {
            Some(Due {
                key: key.clone(),
                count: kind.untold,
                example: kind.example.clone()?,
            })
        })
        .collect()
    }

    /// Notes that people have heard of them.
    pub(super) fn is_told(&self, told: &Due, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = state.kinds.entry(told.key.clone()).or_default();
        *kind = Kind {
            told_at: Some(now),
            untold: kind.untold.saturating_sub(told.count),
            example: None,
        };
    }
}
