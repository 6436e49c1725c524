//! The events of the year, in the order of their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lwa_core::lwa::AccessToken;
use serde_json::Value;

use crate::amazon::QueuedMessage;
use crate::fault_model::Service;

/// Something that happens at a planned time.
pub(super) enum Event {
    Schedule(Scheduled),
    Invoke(Scheduled, u32),
    Services,
    Use(usize, AccessToken),
    Poll(QueueName),
    Arrive(QueueName, Box<QueuedMessage>),
    Notice(usize, usize, i64),
    Policy(usize, i64, i64),
    Format(Box<Value>, u32),
    ManualRotation(usize, usize),
    ManualChange(usize),
    StoreLate(usize),
    PutBack(usize, usize, usize),
    Down(Service),
    Up(Service),
    Deny(&'static str),
    Allow(&'static str),
    Alarm(QueueName),
    CheckAlarm(QueueName),
    Purge(QueueName),
    Poison,
    /// An insider does something.
    Insider,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheduled {
    Audit,
    Canary,
    Rotation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueName {
    Expiry,
    NewSecret,
}

/// Everything that is planned, the earliest first; events at the same instant in the order in
/// which they were planned.
#[derive(Default)]
pub(super) struct EventQueue {
    planned: BinaryHeap<Reverse<Planned>>,
    count: u64,
}

impl EventQueue {
    pub(super) fn plan(&mut self, at: i64, event: Event) {
        self.count += 1;
        let number = self.count;
        self.planned.push(Reverse(Planned { at, number, event }));
    }

    pub(super) fn next(&mut self) -> Option<(i64, Event)> {
        let Reverse(next) = self.planned.pop()?;
        Some((next.at, next.event))
    }
}

struct Planned {
    at: i64,
    number: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
