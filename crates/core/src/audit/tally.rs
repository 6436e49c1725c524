//! What an audit has found so far, in memory that does not grow with the estate: exact counts,
//! and the worst of everything up to a limit.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::application::ApplicationName;
use crate::audit::assessment::Assessment;
use crate::audit::findings::{Code, Exemption, Finding};
use crate::audit::{Rules, Vault};
use crate::deadline::Deadline;
use crate::severity::Severity;
use crate::text::elide_end;

/// How much of each kind is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Findings, and as many muted ones.
    pub findings: usize,
    /// Applications with their deadlines, the nearest first.
    pub applications: usize,
    /// Ended exemptions, notes, and things not seen, of each.
    pub mentions: usize,
}

impl Limits {
    /// For a function: what fits into a message, a response, and the state that one
    /// invocation hands to the next.
    pub const FUNCTION: Self = Self {
        findings: 120,
        applications: 25,
        mentions: 25,
    };

    /// For a report at a desk: everything.
    pub const NONE: Self = Self {
        findings: usize::MAX,
        applications: usize::MAX,
        mentions: usize::MAX,
    };
}

/// What an audit has found so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Client secrets seen, each of which makes an application.
    pub applications: u64,
    /// Credentials seen, of every role.
    pub credentials: u64,
    /// Calendar days to the nearest deadline that is not muted.
    pub nearest_days: Option<i64>,
    /// Findings that are not muted, by severity, mildest first.
    pub by_severity: [u64; 3],
    /// Findings that are not muted, by code.
    pub by_code: BTreeMap<Code, u64>,
    /// Findings that send a digest on any day.
    pub alarming: u64,
    /// Findings that are not muted, the worst first.
    pub findings: Top<Finding>,
    /// Muted findings, the worst first.
    pub exempt: Top<Finding>,
    /// Applications by their deadlines, the nearest first.
    pub deadlines: Top<ApplicationDeadline>,
    /// Applications whose deadline people are reminded of today.
    pub reminders: Top<ApplicationDeadline>,
    /// Exemptions that ended yesterday.
    pub ended_exemptions: Top<EndedExemption>,
    /// What could not be looked at.
    pub not_seen: Top<NotSeen>,
    /// Tags that could not be used, one sentence each.
    pub notes: Top<String>,
}

/// One application with its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationDeadline {
    /// The application.
    pub application: ApplicationName,
    /// Where its client secret lives.
    pub vault: Vault,
    /// The parameter's or the secret's name.
    pub credential: String,
    /// Who is responsible.
    pub owner: Option<String>,
    /// When its client secret stops working; none where nothing tells.
    pub deadline: Option<Deadline>,
    /// Calendar days to the deadline.
    pub days_left: Option<i64>,
    /// The worst of its client secret's findings that are not muted.
    pub severity: Option<Severity>,
    /// The exemption that holds today.
    pub exemption: Option<Exemption>,
}

/// An exemption that ended yesterday while there was still something to mute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedExemption {
    /// The credential it was on.
    pub credential: String,
    /// Who is responsible.
    pub owner: Option<String>,
    /// The exemption.
    pub exemption: Exemption,
}

/// Something that the audit could not look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSeen {
    /// What it is: `the tags of /my-erp/lwa/clientsecret`.
    pub what: String,
    /// Why, and in whose words.
    pub why: String,
}

impl Tally {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            applications: 0,
            credentials: 0,
            nearest_days: None,
            by_severity: [0; 3],
            by_code: BTreeMap::new(),
            alarming: 0,
            findings: Top::new(limits.findings, worst_first),
            exempt: Top::new(limits.findings, worst_first),
            deadlines: Top::new(limits.applications, nearest_first),
            // Nobody is left out: what one message cannot list goes into further ones.
            reminders: Top::new(usize::MAX, nearest_first),
            ended_exemptions: Top::new(limits.mentions, |a, b| a.credential.cmp(&b.credential)),
            not_seen: Top::new(limits.mentions, |a, b| {
                (&a.what, &a.why).cmp(&(&b.what, &b.why))
            }),
            notes: Top::new(limits.mentions, Ord::cmp),
        }
    }

    /// Counts a client secret.
    pub fn add(&mut self, assessment: Assessment, rules: &Rules) {
        self.applications += 1;
        let live = assessment
            .findings
            .iter()
            .filter(|finding| finding.exemption.is_none());
        let row = ApplicationDeadline {
            severity: live.map(|finding| finding.severity).max(),
            application: assessment.application,
            vault: assessment.vault,
            credential: assessment.credential,
            owner: assessment.owner,
            deadline: assessment.deadline,
            days_left: assessment.days_left,
            exemption: assessment.exemption,
        };
        if row.exemption.is_none() {
            self.nearest_days = self.nearest_days.into_iter().chain(row.days_left).min();
        }
        if assessment.reminder_due {
            self.reminders.push(row.clone());
        }
        if let Some(exemption) = assessment.ended_exemption {
            self.ended_exemptions.push(EndedExemption {
                credential: row.credential.clone(),
                owner: row.owner.clone(),
                exemption,
            });
        }
        for note in assessment.notes {
            self.notes.push(note);
        }
        self.deadlines.push(row);
        for finding in assessment.findings {
            self.add_finding(finding, rules);
        }
    }

    /// Counts a finding.
    pub fn add_finding(&mut self, finding: Finding, rules: &Rules) {
        if finding.exemption.is_some() {
            self.exempt.push(finding);
            return;
        }
        self.by_severity[finding.severity as usize] += 1;
        *self.by_code.entry(finding.code).or_default() += 1;
        if finding.severity >= rules.digest_severity && !finding.code.follows_reminder_days() {
            self.alarming += 1;
        }
        self.findings.push(finding);
    }

    /// Notes what could not be looked at.
    pub fn miss(&mut self, what: impl Into<String>, why: &str) {
        self.not_seen.push(NotSeen {
            what: what.into(),
            // Services explain themselves at length.
            why: elide_end(why, 300),
        });
    }

    /// How many findings of a severity are not muted.
    pub const fn count(&self, severity: Severity) -> u64 {
        self.by_severity[severity as usize]
    }

    /// The worst severity among findings that are not muted.
    pub fn worst(&self) -> Option<Severity> {
        Severity::ALL
            .into_iter()
            .rev()
            .find(|severity| self.count(*severity) > 0)
    }

    /// Whether part of the estate was not seen.
    pub const fn is_partial(&self) -> bool {
        self.not_seen.total() > 0
    }

    /// Puts everything in order. What was beyond the limits is gone, and counted.
    pub fn sort(&mut self) {
        self.findings.settle();
        self.exempt.settle();
        self.deadlines.settle();
        self.reminders.settle();
        self.ended_exemptions.settle();
        self.not_seen.settle();
        self.notes.settle();
    }
}

/// The first of a stream by some order, up to a limit, and how many there were in all.
#[derive(Debug, Clone)]
pub struct Top<T> {
    items: Vec<T>,
    total: u64,
    limit: usize,
    order: fn(&T, &T) -> Ordering,
}

impl<T: PartialEq> PartialEq for Top<T> {
    fn eq(&self, other: &Self) -> bool {
        self.total == other.total && self.items == other.items
    }
}

impl<T: Eq> Eq for Top<T> {}

impl<T> Top<T> {
    /// Empty.
    pub const fn new(limit: usize, order: fn(&T, &T) -> Ordering) -> Self {
        Self {
            items: Vec::new(),
            total: 0,
            limit,
            order,
        }
    }

    /// Adds one.
    pub fn push(&mut self, item: T) {
        self.total += 1;
        self.items.push(item);
        // Sorting once per as many as are kept costs the same per item, however many come.
        if self.items.len() >= self.limit.saturating_mul(2).max(16) {
            self.settle();
        }
    }

    /// Puts back what an earlier part of the audit had kept, out of `total`.
    pub fn restore(&mut self, items: impl IntoIterator<Item = T>, total: u64) {
        self.items = items.into_iter().collect();
        self.total = total.max(self.items.len() as u64);
        self.settle();
    }

    /// Sorts, and drops what is beyond the limit.
    pub fn settle(&mut self) {
        self.items.sort_by(self.order);
        self.items.truncate(self.limit);
    }

    /// Takes away what is beyond so many, to be told elsewhere; the total stays.
    pub fn split_off(&mut self, at: usize) -> Vec<T> {
        self.settle();
        self.items.split_off(at.min(self.items.len()))
    }

    /// Keeps at most so many from here on.
    pub fn tighten(&mut self, limit: usize) {
        self.limit = limit.min(self.limit);
        self.settle();
    }

    /// What was kept, in order after [`Self::settle`].
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

/// By severity, then by what is due first; the rest makes the order independent of the pages'.
fn worst_first(a: &Finding, b: &Finding) -> Ordering {
    let days = |finding: &Finding| finding.days_left.unwrap_or(i64::MAX);
    b.severity
        .cmp(&a.severity)
        .then_with(|| {
            a.code
                .follows_reminder_days()
                .cmp(&b.code.follows_reminder_days())
                .reverse()
        })
        .then_with(|| days(a).cmp(&days(b)))
        .then_with(|| a.code.cmp(&b.code))
        .then_with(|| a.credential.cmp(&b.credential))
        .then_with(|| a.vault.cmp(&b.vault))
}

/// By deadline, unknown ones last.
fn nearest_first(a: &ApplicationDeadline, b: &ApplicationDeadline) -> Ordering {
    let at = |row: &ApplicationDeadline| row.deadline.map(|deadline| deadline.at);
    at(a)
        .is_none()
        .cmp(&at(b).is_none())
        .then_with(|| at(a).cmp(&at(b)))
        .then_with(|| a.application.cmp(&b.application))
        .then_with(|| a.vault.cmp(&b.vault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_and_all_are_counted_whatever_the_order_they_come_in() {
        let mut up = Top::new(3, u32::cmp);
        let mut down = Top::new(3, u32::cmp);
        for number in 0..1000 {
            up.push(number);
            down.push(999 - number);
            assert!(down.items().len() <= 16);
        }
        up.settle();
        down.settle();
        assert_eq!(up.items(), [0, 1, 2]);
        assert_eq!(up, down);
        assert_eq!(up.omitted(), 997);
    }
}
