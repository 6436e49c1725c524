//! Reports of an audit for people: a table for the terminal, CSV for a spreadsheet, and one
//! HTML file that needs nothing else.
//!
//! This is a crate of its own to keep the template engine out of the Lambda functions. Owners and
//! reasons are free text from tags: the HTML template escapes them, and CSV cells cannot become
//! formulas.

pub mod csv;
pub mod html;
pub mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::audit::findings::{Exemption, Finding};
use lwa_core::audit::tally::{ApplicationDeadline, Tally};
use lwa_core::vault::VaultKind;
use lwa_core::{ApplicationName, Deadline, Severity, wording};

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

/// One application with its findings: the line that every form of the report shows in its own way.
#[derive(Debug, Clone)]
pub(crate) struct Row<'a> {
    application: &'a ApplicationName,
    vault: VaultKind,
    now: Timestamp,
    /// The application's client secret; none if it has none.
    secret: Option<&'a ApplicationDeadline>,
    /// The worst first, exempt findings last.
    findings: Vec<&'a Finding>,
}

impl<'a> Row<'a> {
    fn deadline(&self) -> Option<Deadline> {
        self.secret?.deadline
    }

    fn days_left(&self) -> Option<i64> {
        self.secret?.days_left
    }

    fn owner(&self) -> Option<&'a str> {
        match self.secret {
            Some(secret) => secret.owner.as_deref(),
            None => self.findings.first()?.owner.as_deref(),
        }
    }

    /// The exemption that is in force today.
    fn exemption(&self) -> Option<&'a Exemption> {
        self.secret?.exemption.as_ref()
    }

    /// The worst severity of the findings that are not exempt.
    fn severity(&self) -> Option<Severity> {
        let live = self.findings.iter().filter(|f| f.exemption.is_none());
        live.map(|finding| finding.severity).max()
    }

    /// The severity, `exempt` or `ok`.
    fn status(&self) -> &'static str {
        match (self.severity(), self.exemption()) {
            (Some(severity), _) => severity.as_str(),
            (None, Some(_)) => "exempt",
            (None, None) => "ok",
        }
    }

    /// The day of the deadline; empty if it is unknown.
    fn date(&self) -> String {
        let deadline = self.deadline();
        deadline.map_or_else(String::new, |deadline| wording::date(deadline.at))
    }

    fn is_estimated(&self) -> bool {
        self.deadline().is_some_and(|d| d.basis.is_estimate())
    }
}

impl<'a> Report<'a> {
    /// Every application, by days left; those without a deadline come last.
    pub(crate) fn rows(&self) -> Vec<Row<'a>> {
        let mut rows: BTreeMap<_, Row<'a>> = BTreeMap::new();
        let secrets = self.tally.deadlines.items().iter();
        let secrets = secrets.map(|secret| (&secret.application, secret.vault, Some(secret), None));
        let findings = self
            .findings()
            .map(|finding| (&finding.application, finding.vault, None, Some(finding)));
        for (application, vault, secret, finding) in secrets.chain(findings) {
            let row = rows.entry((application, vault)).or_insert_with(|| Row {
                application,
                vault,
                now: self.now,
                secret,
                findings: Vec::new(),
            });
            row.findings.extend(finding);
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by_key(|row| {
            let at = row.deadline().map(|deadline| deadline.at);
            (at.is_none(), at)
        });
        rows
    }

    /// Every finding, exempt ones last.
    fn findings(&self) -> impl Iterator<Item = &'a Finding> {
        let live = self.tally.findings.items().iter();
        live.chain(self.tally.exempt.items())
    }

    /// How much was seen, and how many findings of each severity.
    pub fn summary(&self) -> String {
        let mut parts = vec![
            format!("{} critical", self.tally.count(Severity::Critical)),
            wording::count(self.tally.count(Severity::Warning), "warning"),
            format!("{} info", self.tally.count(Severity::Info)),
        ];
        if self.tally.exempt.total() > 0 {
            parts.push(format!("{} exempt", self.tally.exempt.total()));
        }
        format!(
            "{}, {}: {}",
            wording::count(self.tally.applications, "application"),
            wording::count(self.tally.credentials, "credential"),
            parts.join(", ")
        )
    }

    /// What the audit did not see, and which tags it could not use, one sentence each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let missed = self.tally.not_seen.items().iter();
        let missed = missed.map(|missed| format!("Not seen: {}: {}", missed.what, missed.why));
        let notes = self.tally.notes.items().iter();
        missed
            .chain(notes.map(|note| format!("Note: {note}")))
            .collect()
    }
}
