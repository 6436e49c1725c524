//! What the auditor answers, as JSON.

use jiff::Timestamp;
use lwa_core::audit::digest::Reason;
use lwa_core::audit::findings::{Exemption, Finding};
use lwa_core::audit::tally::{ApplicationDeadline, Tally};
use lwa_core::{Basis, Severity};
use serde::Serialize;
use serde_json::Value;

use crate::continuation::{Continuation, write_role};
use crate::scan::State;

/// Most bytes of JSON for the listed findings. Lambda answers with at most 6 MB, but Step
/// Functions passes on only 256 KiB,
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
const MAX_FINDING_BYTES: usize = 120_000;

/// What one invocation answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Response {
    /// Whether the whole estate has been gone through. If not, invoke the function again with
    /// the continuation, unchanged: `{"continuation": …}`.
    pub complete: bool,
    /// Where to go on; only while there is something left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<Continuation>,
    /// Whether something could not be seen; [`Self::not_seen`] tells what.
    pub partial: bool,
    /// When the audit began, in its first invocation.
    pub started_at: Timestamp,
    /// How much was seen.
    pub summary: Summary,
    /// Findings by severity; muted ones count only as exempt.
    pub counts: Counts,
    /// The worst findings; muted ones are marked and come last. None before the end.
    pub findings: Vec<Value>,
    /// How many more there are.
    pub findings_omitted: u64,
    /// The applications whose client secrets stop working first. None before the end.
    pub next_deadlines: Vec<Value>,
    /// What could not be seen, and why.
    pub not_seen: Vec<Missed>,
    /// How much more there is of that.
    pub not_seen_omitted: u64,
    /// Tags that could not be used.
    pub notes: Vec<String>,
    /// What became of the digest. None before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestOutcome>,
}

/// How much was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Client secrets.
    pub applications: u64,
    /// Credentials of every role.
    pub credentials: u64,
    /// Invocations that the audit has taken.
    pub invocations: u32,
    /// Milliseconds that they took.
    pub duration_ms: u64,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Act today.
    pub critical: u64,
    /// Act within days.
    pub warning: u64,
    /// Nothing to do.
    pub info: u64,
    /// Muted ones, of any severity.
    pub exempt: u64,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What became of the digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DigestOutcome {
    /// Whether one was published.
    pub sent: bool,
    /// Whether it was not because this environment had published the same one today.
    pub duplicate: bool,
    /// Why: `reminder-day`, `finding`, `exemption-ended`, `partial`, `heartbeat`. Empty on a
    /// day without anything to say.
    pub reasons: Vec<&'static str>,
    /// Its subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How urgent it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<&'static str>,
    /// The id that SNS gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

impl DigestOutcome {
    /// Nothing was sent, because there was nothing to say.
    pub(crate) fn silence() -> Self {
        Self {
            sent: false,
            duplicate: false,
            reasons: Vec::new(),
            subject: None,
            severity: None,
            message_id: None,
        }
    }

    pub(crate) fn words(reasons: &[Reason]) -> Vec<&'static str> {
        reasons.iter().map(|reason| reason.as_str()).collect()
    }
}

impl Response {
    /// The answer at the end of an audit.
    pub fn finished(state: &State, digest: DigestOutcome) -> Self {
        let mut response = Self::ended(state, MAX_FINDING_BYTES);
        response.digest = Some(digest);
        response
    }

    /// A whole audit for a person, with every finding and every deadline.
    pub fn report(state: &State) -> Self {
        Self::ended(state, usize::MAX)
    }

    fn ended(state: &State, max_finding_bytes: usize) -> Self {
        let mut response = Self::so_far(state);
        let tally = &state.tally;
        response.complete = true;
        response.findings = listed(tally, max_finding_bytes);
        let shown = response.findings.len() as u64;
        response.findings_omitted =
            (tally.findings.total() + tally.exempt.total()).saturating_sub(shown);
        response.next_deadlines = tally
            .deadlines
            .items()
            .iter()
            .filter(|row| row.deadline.is_some())
            .map(deadline)
            .collect();
        response
    }

    /// The answer of an invocation that leaves something to the next.
    pub fn to_be_continued(state: State) -> Self {
        let mut response = Self::so_far(&state);
        response.not_seen = Vec::new();
        response.not_seen_omitted = state.tally.not_seen.total();
        response.notes = Vec::new();
        response.continuation = Continuation::of(state);
        response
    }

    fn so_far(state: &State) -> Self {
        let tally = &state.tally;
        Self {
            complete: false,
            continuation: None,
            partial: tally.is_partial(),
            started_at: state.started_at,
            summary: Summary {
                applications: tally.applications,
                credentials: tally.credentials,
                invocations: state.invocations,
                duration_ms: state.elapsed_ms,
            },
            counts: Counts {
                critical: tally.count(Severity::Critical),
                warning: tally.count(Severity::Warning),
                info: tally.count(Severity::Info),
                exempt: tally.exempt.total(),
            },
            findings: Vec::new(),
            findings_omitted: 0,
            next_deadlines: Vec::new(),
            not_seen: tally
                .not_seen
                .items()
                .iter()
                .map(|missed| Missed {
                    what: missed.what.clone(),
                    why: missed.why.clone(),
                })
                .collect(),
            not_seen_omitted: tally.not_seen.omitted(),
            notes: tally.notes.items().to_vec(),
            digest: None,
        }
    }
}

/// The worst findings that fit, and the muted ones after them.
fn listed(tally: &Tally, max_bytes: usize) -> Vec<Value> {
    let mut bytes = 0;
    tally
        .findings
        .items()
        .iter()
        .chain(tally.exempt.items())
        .map(finding)
        .take_while(|finding| {
            bytes += finding.to_string().len();
            bytes <= max_bytes
        })
        .collect()
}

/// A finding as JSON, with the words that explain it.
pub fn finding(finding: &Finding) -> Value {
    serde_json::json!({
        "code": finding.code.as_str(),
        "title": finding.code.explanation().title,
        "severity": finding.severity.as_str(),
        "application": finding.application.as_str(),
        "vault": finding.vault.as_str(),
        "credential": finding.credential,
        "role": finding.role.as_ref().map(write_role),
        "owner": finding.owner,
        "detail": finding.detail,
        "remedy": finding.code.explanation().remedy,
        "days_left": finding.days_left,
        "exempt": finding.exemption.as_ref().map(exemption),
    })
}

/// An application with its deadline as JSON.
pub fn deadline(row: &ApplicationDeadline) -> Value {
    serde_json::json!({
        "application": row.application.as_str(),
        "vault": row.vault.as_str(),
        "credential": row.credential,
        "owner": row.owner,
        "deadline": row.deadline.map(|deadline| deadline.at),
        "basis": row.deadline.map(|deadline| match deadline.basis {
            Basis::Reported => "reported",
            Basis::Estimated | Basis::Doubtful => "estimated",
        }),
        "days_left": row.days_left,
        "severity": row.severity.map(Severity::as_str),
        "exempt": row.exemption.as_ref().map(exemption),
    })
}

fn exemption(exemption: &Exemption) -> Value {
    serde_json::json!({
        "until": exemption.until.to_string(),
        "reason": exemption.reason,
    })
}
