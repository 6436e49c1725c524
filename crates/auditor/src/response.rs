//! What the auditor answers, as JSON.

use jiff::Timestamp;
use lwa_core::audit::digest::Reason;
use lwa_core::audit::findings::Finding;
use lwa_core::audit::tally::{ApplicationDeadline, NotSeen, Tally};
use lwa_core::tags::whole_seconds;
use lwa_core::{Deadline, Role, Severity};
use serde::Serialize;
use serde_json::{Value, json};

use crate::continuation::Continuation;
use crate::state::State;

/// Most bytes of JSON for the listed findings. Lambda answers with at most 6 MB, but Step
/// Functions passes on only 256 KiB,
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
const MAX_FINDING_BYTES: usize = 120_000;

/// What one invocation answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Response {
    /// Whether the whole estate has been audited. If not, invoke the function again with
    /// the continuation, unchanged: `{"continuation": …}`.
    pub complete: bool,
    /// Where to continue; only while something is left.
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
    pub not_seen: Vec<NotSeen>,
    /// How much more was not seen.
    pub not_seen_omitted: u64,
    /// Tags that could not be used.
    pub notes: Vec<String>,
    /// What happened to the digest. None before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestOutcome>,
}

/// How much was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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

/// What happened to the digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DigestOutcome {
    /// Whether one was published.
    pub sent: bool,
    /// Whether it was left out because this environment has published the same one today.
    pub duplicate: bool,
    /// Why; empty when there is nothing to say.
    pub reasons: Vec<Reason>,
    /// Its subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How urgent it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The id that SNS gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

impl Response {
    /// The answer at the end of an audit.
    pub fn finished(state: &State, digest: DigestOutcome) -> Self {
        Self {
            digest: Some(digest),
            ..Self::ended(state, MAX_FINDING_BYTES)
        }
    }

    /// A whole audit for a person, with every finding and every deadline.
    pub fn report(state: &State) -> Self {
        Self::ended(state, usize::MAX)
    }

    fn ended(state: &State, max_finding_bytes: usize) -> Self {
        let tally = &state.tally;
        let findings = listed(tally, max_finding_bytes);
        let all = tally.findings.total() + tally.exempt.total();
        let deadlines = tally.deadlines.items().iter();
        let dated = deadlines.filter(|row| row.deadline.is_some());
        Self {
            complete: true,
            findings_omitted: all.saturating_sub(findings.len() as u64),
            findings,
            next_deadlines: dated.map(|row| deadline(row, state.started_at)).collect(),
            not_seen: tally.not_seen.items().to_vec(),
            not_seen_omitted: tally.not_seen.omitted(),
            notes: tally.notes.items().to_vec(),
            ..Self::so_far(state)
        }
    }

    /// The answer of an invocation that leaves something to the next.
    pub fn to_be_continued(state: State) -> Self {
        let so_far = Self::so_far(&state);
        Self {
            continuation: Continuation::of(state),
            ..so_far
        }
    }

    fn so_far(state: &State) -> Self {
        let tally = &state.tally;
        Self {
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
            not_seen_omitted: tally.not_seen.total(),
            ..Self::default()
        }
    }
}

/// The worst findings that fit, and the muted ones after them.
fn listed(tally: &Tally, max_bytes: usize) -> Vec<Value> {
    let mut bytes = 0;
    let worst_first = tally.findings.items().iter().chain(tally.exempt.items());
    let fits = |finding: &Value| {
        bytes += finding.to_string().len();
        bytes <= max_bytes
    };
    worst_first.map(finding).take_while(fits).collect()
}

/// A finding as JSON, with the words that explain it.
fn finding(finding: &Finding) -> Value {
    let role = |role: &Role| match role {
        Role::RefreshToken {
            seller: Some(seller),
        } => format!("refresh-token of {seller}"),
        role => role.as_str().replace(' ', "-"),
    };
    json!({
        "code": finding.code.as_str(),
        "title": finding.code.explanation().title,
        "severity": finding.severity.as_str(),
        "application": finding.application.as_str(),
        "vault": finding.vault.as_str(),
        "credential": finding.credential,
        "role": finding.role.as_ref().map(role),
        "owner": finding.owner,
        "detail": finding.detail,
        "remedy": finding.code.explanation().remedy,
        "days_left": finding.days_left,
        "exempt": finding.exemption,
    })
}

/// An application with its deadline as JSON.
fn deadline(row: &ApplicationDeadline, now: Timestamp) -> Value {
    let basis = |deadline: Deadline| {
        if deadline.basis.is_estimate() {
            "estimated"
        } else {
            "reported"
        }
    };
    json!({
        "application": row.application.as_str(),
        "vault": row.vault.as_str(),
        "credential": row.credential,
        "owner": row.owner,
        "deadline": row.deadline.map(|deadline| whole_seconds(deadline.at)),
        "basis": row.deadline.map(basis),
        "days_left": row.days_left,
        "severity": row.severity.map(Severity::as_str),
        "next": row.outlook.map(|outlook| outlook.next.as_str()),
        "next_at": row.outlook.and_then(|outlook| outlook.next.at()).map(whole_seconds),
        "next_step": row.outlook.map(|outlook| outlook.phrase(now)),
        "exempt": row.exemption,
    })
}
