//! What an audit has found so far, in memory that does not grow with the estate: exact counts,
//! and the worst of everything up to a limit.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::Rules;
use crate::audit::assessment::Assessment;
use crate::audit::findings::{Code, Exemption, Finding};
use crate::severity::Severity;
use crate::text::elide_end;

pub use crate::audit::assessment::ApplicationDeadline;
pub use crate::audit::top::{Ranked, Top};

/// How much of each kind is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Findings, and as many muted ones.
    pub findings: usize,
    /// Nearest deadlines, ended exemptions, notes, and things not seen, of each.
    pub others: usize,
}

impl Limits {
    /// For a function: what fits into a message, a response, and the state that one
    /// invocation hands to the next.
    pub const FUNCTION: Self = Self {
        findings: 120,
        others: 25,
    };

    /// For a report at a desk: everything.
    pub const NONE: Self = Self::each(usize::MAX);

    /// The same for each kind.
    pub const fn each(limit: usize) -> Self {
        Self {
            findings: limit,
            others: limit,
        }
    }
}

/// What an audit has found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Applications whose deadline people are reminded of today. They have no limit: what one
    /// message cannot list goes into further ones.
    pub reminders: Top<ApplicationDeadline>,
    /// Exemptions that ended yesterday.
    pub ended_exemptions: Top<EndedExemption>,
    /// What could not be looked at.
    pub not_seen: Top<NotSeen>,
    /// Tags that could not be used, one sentence each.
    pub notes: Top<String>,
}

/// An exemption that ended yesterday while there was still something to mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedExemption {
    /// The credential it was on.
    pub credential: String,
    /// The exemption.
    pub exemption: Exemption,
}

/// Something that the audit could not look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotSeen {
    /// What it is: `the tags of /my-erp/lwa/clientsecret`.
    pub what: String,
    /// Why, and in whose words.
    pub why: String,
}

impl Tally {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        let mut tally = Self::default();
        tally.limit(limits);
        tally
    }

    /// Puts everything in order, and keeps at most so much from here on; limits that were set
    /// before still hold. What is beyond them is gone, and counted.
    pub fn limit(&mut self, limits: Limits) {
        self.findings.limit(limits.findings);
        self.exempt.limit(limits.findings);
        self.deadlines.limit(limits.others);
        self.reminders.limit(usize::MAX);
        self.ended_exemptions.limit(limits.others);
        self.not_seen.limit(limits.others);
        self.notes.limit(limits.others);
    }

    /// Puts everything in order.
    pub fn sort(&mut self) {
        self.limit(Limits::NONE);
    }

    /// Counts a client secret.
    pub fn add(&mut self, assessment: Assessment, rules: &Rules) {
        let row = assessment.application;
        self.applications += 1;
        if row.exemption.is_none() {
            self.nearest_days = self.nearest_days.into_iter().chain(row.days_left).min();
        }
        if assessment.reminder_due {
            self.reminders.push(row.clone());
        }
        if let Some(exemption) = assessment.ended_exemption {
            self.ended_exemptions.push(EndedExemption {
                credential: row.credential.clone(),
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
        let mut all = Severity::ALL.into_iter();
        all.rfind(|severity| self.count(*severity) > 0)
    }

    /// Whether part of the estate was not seen.
    pub const fn is_partial(&self) -> bool {
        self.not_seen.total() > 0
    }
}

/// By severity, then by what is due first; the rest makes the order independent of the pages'.
impl Ranked for Finding {
    fn key(&self) -> impl Ord {
        (
            Reverse(self.severity),
            !self.code.follows_reminder_days(),
            self.days_left.unwrap_or(i64::MAX),
            self.code,
            &self.credential,
            self.vault,
        )
    }
}

/// By deadline, unknown ones last.
impl Ranked for ApplicationDeadline {
    fn key(&self) -> impl Ord {
        let at = self.deadline.map(|deadline| deadline.at);
        (at.is_none(), at, &self.application, self.vault)
    }
}

impl Ranked for EndedExemption {
    fn key(&self) -> impl Ord {
        &self.credential
    }
}

impl Ranked for NotSeen {
    fn key(&self) -> impl Ord {
        (&self.what, &self.why)
    }
}
