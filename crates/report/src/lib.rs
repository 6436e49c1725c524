//! Reports of an audit for people: a table for the terminal, CSV for a spreadsheet, and one
//! HTML file that needs nothing else.
//!
//! It is a crate of its own because a template engine must not get into a Lambda function. All
//! three are made from the same [`Row`]s. Owners and reasons are free text from tags: the HTML
//! template escapes everything, and CSV cells cannot become formulas.

pub mod csv;
pub mod html;
pub mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::audit::findings::{Exemption, Finding};
use lwa_core::audit::tally::Tally;
use lwa_core::outlook::Outlook;
use lwa_core::text::printable;
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
    /// What happens next with its client secret.
    pub outlook: Option<Outlook>,
    /// The exemption that holds today.
    pub exemption: Option<&'a Exemption>,
    /// What is wrong, the worst first, muted findings last.
    pub findings: Vec<&'a Finding>,
}

impl Row<'_> {
    /// The worst of what is not muted.
    pub fn severity(&self) -> Option<Severity> {
        let live = self.findings.iter().filter(|f| f.exemption.is_none());
        live.map(|finding| finding.severity).max()
    }

    /// The severity in a word, also where there is none.
    pub fn verdict(&self) -> &'static str {
        match (self.severity(), self.exemption) {
            (Some(severity), _) => severity.as_str(),
            (None, Some(_)) => "exempt",
            (None, None) => "ok",
        }
    }

    /// The owner, fit to be shown.
    pub fn owner(&self) -> String {
        printable(self.owner.unwrap_or_default())
    }

    /// The date of the deadline, if it is known.
    pub fn date(&self) -> Option<String> {
        self.deadline.map(|deadline| wording::date(deadline.at))
    }

    /// Whether the deadline is an estimate.
    pub fn is_estimated(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline.basis.is_estimate())
    }
}

impl<'a> Report<'a> {
    /// Every application, by days left; those without a deadline come last.
    pub fn rows(&self) -> Vec<Row<'a>> {
        let tally = self.tally;
        let mut rows: BTreeMap<(&ApplicationName, VaultKind), Row<'a>> = BTreeMap::new();
        for found in tally.deadlines.items() {
            let row = Row {
                credential: Some(&found.credential),
                deadline: found.deadline,
                days_left: found.days_left,
                outlook: found.outlook,
                exemption: found.exemption.as_ref(),
                ..empty(&found.application, found.vault, found.owner.as_deref())
            };
            rows.insert((row.application, row.vault), row);
        }
        for finding in tally.findings.items().iter().chain(tally.exempt.items()) {
            let (application, vault) = (&finding.application, finding.vault);
            let row = rows.entry((application, vault));
            let row = row.or_insert_with(|| empty(application, vault, finding.owner.as_deref()));
            row.findings.push(finding);
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        let at = |row: &Row<'_>| row.deadline.map(|deadline| deadline.at);
        rows.sort_by_key(|row| (row.deadline.is_none(), at(row)));
        rows
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

    /// What was not seen, and what about the tags could not be used, one sentence each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let missed = self.tally.not_seen.items().iter();
        let missed = missed.map(|missed| format!("Not seen: {}: {}", missed.what, missed.why));
        let notes = self.tally.notes.items().iter();
        missed
            .chain(notes.map(|note| format!("Note: {note}")))
            .collect()
    }
}

/// The severity of a finding in a word, also where it is muted.
fn verdict(finding: &Finding) -> &'static str {
    match finding.exemption {
        Some(_) => "exempt",
        None => finding.severity.as_str(),
    }
}

/// An application of which nothing is known.
const fn empty<'a>(
    application: &'a ApplicationName,
    vault: VaultKind,
    owner: Option<&'a str>,
) -> Row<'a> {
    Row {
        application,
        vault,
        credential: None,
        owner,
        deadline: None,
        days_left: None,
        outlook: None,
        exemption: None,
        findings: Vec::new(),
    }
}
