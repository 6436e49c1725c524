//! Reports of an audit for people: a table for the terminal, CSV for a spreadsheet, and one
//! HTML file that needs nothing else.
//!
//! A crate of its own because a template engine must not get into a Lambda function. The HTML
//! comes from a template that escapes whatever it is given, and CSV cells cannot become
//! formulas: owners and reasons are free text out of tags.

pub mod csv;
pub mod html;
pub mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::audit::findings::{Exemption, Finding};
use lwa_core::audit::tally::Tally;
use lwa_core::vault::VaultKind;
use lwa_core::{ApplicationName, Deadline, Severity};

/// An audit to report on. Its tally should have been kept without limits, so that every
/// application is there.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// What was found.
    pub tally: &'a Tally,
    /// When the audit began.
    pub now: Timestamp,
    /// The region that was audited.
    pub region: &'a str,
    /// The scope of the audit: `Parameter Store below /my-erp`.
    pub scope: &'a str,
}

/// One application with everything found about it.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The application.
    pub application: &'a ApplicationName,
    /// Where it lives.
    pub vault: VaultKind,
    /// Its client secret; none where there is no such thing.
    pub credential: Option<&'a str>,
    /// Who is responsible.
    pub owner: Option<&'a str>,
    /// When its client secret stops working.
    pub deadline: Option<Deadline>,
    /// Calendar days to the deadline.
    pub days_left: Option<i64>,
    /// The exemption that holds today.
    pub exemption: Option<&'a Exemption>,
    /// What is wrong, the worst first, muted findings last.
    pub findings: Vec<&'a Finding>,
}

impl Row<'_> {
    /// The worst of what is not muted.
    pub fn severity(&self) -> Option<Severity> {
        let live = self
            .findings
            .iter()
            .filter(|finding| finding.exemption.is_none());
        live.map(|finding| finding.severity).max()
    }
}

impl<'a> Report<'a> {
    /// Every application, by days left; those without a deadline come last.
    pub fn rows(&self) -> Vec<Row<'a>> {
        let mut rows: BTreeMap<(&ApplicationName, VaultKind), Row<'a>> = BTreeMap::new();
        for deadline in self.tally.deadlines.items() {
            let row = Row {
                application: &deadline.application,
                vault: deadline.vault,
                credential: Some(&deadline.credential),
                owner: deadline.owner.as_deref(),
                deadline: deadline.deadline,
                days_left: deadline.days_left,
                exemption: deadline.exemption.as_ref(),
                findings: Vec::new(),
            };
            rows.insert((row.application, row.vault), row);
        }
        for finding in self
            .tally
            .findings
            .items()
            .iter()
            .chain(self.tally.exempt.items())
        {
            let key = (&finding.application, finding.vault);
            let row = rows.entry(key).or_insert_with(|| Row {
                application: &finding.application,
                vault: finding.vault,
                credential: None,
                owner: finding.owner.as_deref(),
                deadline: None,
                days_left: None,
                exemption: None,
                findings: Vec::new(),
            });
            row.findings.push(finding);
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by_key(|row| {
            (
                row.deadline.is_none(),
                row.deadline.map(|deadline| deadline.at),
            )
        });
        rows
    }

    /// How much was seen, and how many findings of each severity.
    pub fn summary(&self) -> String {
        let mut parts = vec![
            format!("{} critical", self.tally.count(Severity::Critical)),
            count(self.tally.count(Severity::Warning), "warning"),
            format!("{} info", self.tally.count(Severity::Info)),
        ];
        if self.tally.exempt.total() > 0 {
            parts.push(format!("{} exempt", self.tally.exempt.total()));
        }
        format!(
            "{}, {}: {}",
            count(self.tally.applications, "application"),
            count(self.tally.credentials, "credential"),
            parts.join(", ")
        )
    }

    /// What was not seen, and what about the tags could not be used, one sentence each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let missed = self.tally.not_seen.items().iter();
        let missed = missed.map(|missed| format!("Not seen: {}: {}", missed.what, missed.why));
        let notes = self
            .tally
            .notes
            .items()
            .iter()
            .map(|note| format!("Note: {note}"));
        missed.chain(notes).collect()
    }
}

/// `1 application`, `2 applications`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
