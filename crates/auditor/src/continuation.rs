//! What one invocation hands to the next, as JSON: where to go on, and what the one digest at
//! the end needs. It holds names, dates and counts, and never a value of a credential.
//!
//! Step Functions, which carries it, takes at most 256 KiB of state,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use jiff::civil::Date;
use lwa_core::application::SellerId;
use lwa_core::audit::Vault;
use lwa_core::audit::findings::{Code, Exemption, Finding};
use lwa_core::audit::roster::{Parts, Roster};
use lwa_core::audit::tally::{ApplicationDeadline, EndedExemption, Limits, NotSeen, Tally, Top};
use lwa_core::{ApplicationName, Basis, Deadline, Role, Severity};
use serde::{Deserialize, Serialize};

use crate::scan::{Position, Stage, State};

/// Largest continuation, in bytes of JSON; the rest of the 256 KiB is for the response
/// around it.
pub const MAX_BYTES: usize = 200_000;

/// Most completed applications that are carried along, in eleven bytes each. A refresh token
/// of a forgotten one costs a share of a look-up, and nothing else.
const MAX_SETTLED: usize = 8_000;

/// Most reminders that are carried along, for the first lines of the digest. The others have to
/// be told before: none may be dropped.
pub const MAX_REMINDERS: usize = 10;

/// The form of this file; an invocation refuses any other.
const VERSION: u32 = 1;

/// An audit that is not finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continuation {
    version: u32,
    started_at: Timestamp,
    invocations: u32,
    elapsed_ms: u64,
    vault: String,
    prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Whether all pages of the prefix have been seen.
    listed: bool,
    tally: TallyFile,
    pending: Vec<PendingFile>,
    settled: String,
}

/// Why a continuation cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the continuation {0}; pass it on unchanged, or start a new audit with {{}}")]
pub struct InvalidContinuation(pub(crate) String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TallyFile {
    applications: u64,
    credentials: u64,
    nearest_days: Option<i64>,
    by_severity: [u64; 3],
    by_code: BTreeMap<String, u64>,
    alarming: u64,
    findings: TopFile<FindingFile>,
    exempt: TopFile<FindingFile>,
    deadlines: TopFile<DeadlineFile>,
    reminders: TopFile<DeadlineFile>,
    ended_exemptions: TopFile<EndedFile>,
    not_seen: TopFile<NotSeenFile>,
    notes: TopFile<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopFile<T> {
    total: u64,
    items: Vec<T>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingFile {
    code: String,
    severity: String,
    application: String,
    vault: String,
    credential: String,
    role: Option<String>,
    owner: Option<String>,
    detail: String,
    days_left: Option<i64>,
    exemption: Option<ExemptionFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExemptionFile {
    until: Date,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadlineFile {
    application: String,
    vault: String,
    credential: String,
    owner: Option<String>,
    at: Option<Timestamp>,
    estimated: bool,
    days_left: Option<i64>,
    severity: Option<String>,
    exemption: Option<ExemptionFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndedFile {
    credential: String,
    owner: Option<String>,
    exemption: ExemptionFile,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotSeenFile {
    what: String,
    why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingFile {
    application: String,
    client_id: bool,
    client_secret: bool,
    refresh_token: bool,
    owner: Option<String>,
    exemption: Option<ExemptionFile>,
}

impl Continuation {
    /// What the next invocation needs of a state that is not at its end. The lists are
    /// shortened until it fits; the counts stay exact.
    pub fn of(mut state: State) -> Option<Self> {
        state.roster.forget_settled_beyond(MAX_SETTLED);
        let mut limit = Limits::FUNCTION.findings;
        loop {
            let continuation = Self::whole(&state)?;
            let fits = serde_json::to_vec(&continuation).is_ok_and(|json| json.len() <= MAX_BYTES);
            if fits || limit == 0 {
                return Some(continuation);
            }
            limit /= 2;
            tighten(&mut state.tally, limit);
        }
    }

    fn whole(state: &State) -> Option<Self> {
        let position = state.position.as_ref()?;
        let (token, listed) = match &position.stage {
            Stage::Page(token) => (token.clone(), false),
            Stage::Settle => (None, true),
        };
        let settled: Vec<u8> = state.roster.settled().flat_map(u64::to_be_bytes).collect();
        Some(Self {
            version: VERSION,
            started_at: state.started_at,
            invocations: state.invocations,
            elapsed_ms: state.elapsed_ms,
            vault: position.vault.as_str().to_owned(),
            prefix: position.prefix.clone(),
            token,
            listed,
            tally: TallyFile::of(&state.tally),
            pending: state
                .roster
                .pending()
                .map(|(name, parts)| PendingFile::of(name, parts))
                .collect(),
            settled: STANDARD_NO_PAD.encode(settled),
        })
    }

    /// The state to go on from.
    pub fn into_state(self, limits: Limits) -> Result<State, InvalidContinuation> {
        if self.version != VERSION {
            return Err(InvalidContinuation(format!(
                "has version {}, and this function writes {VERSION}",
                self.version
            )));
        }
        let settled = STANDARD_NO_PAD
            .decode(&self.settled)
            .map_err(|_| InvalidContinuation("has a `settled` that is no Base64".to_owned()))?;
        let pending: Result<Vec<_>, _> = self.pending.into_iter().map(PendingFile::read).collect();
        let stage = if self.listed {
            Stage::Settle
        } else {
            Stage::Page(self.token)
        };
        Ok(State {
            started_at: self.started_at,
            invocations: self.invocations,
            elapsed_ms: self.elapsed_ms,
            position: Some(Position {
                vault: vault(&self.vault)?,
                prefix: self.prefix,
                stage,
            }),
            tally: self.tally.read(limits)?,
            roster: Roster::resume(
                pending?,
                settled
                    .as_chunks()
                    .0
                    .iter()
                    .map(|bytes| u64::from_be_bytes(*bytes)),
            ),
        })
    }
}

fn tighten(tally: &mut Tally, limit: usize) {
    tally.findings.tighten(limit);
    tally.exempt.tighten(limit);
    tally.deadlines.tighten(limit);
    tally.ended_exemptions.tighten(limit);
    tally.not_seen.tighten(limit);
    tally.notes.tighten(limit);
}

impl TallyFile {
    fn of(tally: &Tally) -> Self {
        Self {
            applications: tally.applications,
            credentials: tally.credentials,
            nearest_days: tally.nearest_days,
            by_severity: tally.by_severity,
            by_code: tally
                .by_code
                .iter()
                .map(|(code, count)| (code.as_str().to_owned(), *count))
                .collect(),
            alarming: tally.alarming,
            findings: TopFile::of(&tally.findings, FindingFile::of),
            exempt: TopFile::of(&tally.exempt, FindingFile::of),
            deadlines: TopFile::of(&tally.deadlines, DeadlineFile::of),
            reminders: TopFile::of(&tally.reminders, DeadlineFile::of),
            ended_exemptions: TopFile::of(&tally.ended_exemptions, |ended| EndedFile {
                credential: ended.credential.clone(),
                owner: ended.owner.clone(),
                exemption: ExemptionFile::of(&ended.exemption),
            }),
            not_seen: TopFile::of(&tally.not_seen, |missed| NotSeenFile {
                what: missed.what.clone(),
                why: missed.why.clone(),
            }),
            notes: TopFile::of(&tally.notes, Clone::clone),
        }
    }

    fn read(self, limits: Limits) -> Result<Tally, InvalidContinuation> {
        let mut tally = Tally::new(limits);
        tally.applications = self.applications;
        tally.credentials = self.credentials;
        tally.nearest_days = self.nearest_days;
        tally.by_severity = self.by_severity;
        for (code, count) in self.by_code {
            tally.by_code.insert(code_of(&code)?, count);
        }
        tally.alarming = self.alarming;
        self.findings.read(&mut tally.findings, FindingFile::read)?;
        self.exempt.read(&mut tally.exempt, FindingFile::read)?;
        self.deadlines
            .read(&mut tally.deadlines, DeadlineFile::read)?;
        self.reminders
            .read(&mut tally.reminders, DeadlineFile::read)?;
        self.ended_exemptions
            .read(&mut tally.ended_exemptions, |ended| {
                Ok(EndedExemption {
                    credential: ended.credential,
                    owner: ended.owner,
                    exemption: ended.exemption.read(),
                })
            })?;
        self.not_seen.read(&mut tally.not_seen, |missed| {
            Ok(NotSeen {
                what: missed.what,
                why: missed.why,
            })
        })?;
        self.notes.read(&mut tally.notes, Ok)?;
        Ok(tally)
    }
}

impl<T> TopFile<T> {
    fn of<U>(top: &Top<U>, convert: impl Fn(&U) -> T) -> Self {
        Self {
            total: top.total(),
            items: top.items().iter().map(convert).collect(),
        }
    }

    fn read<U>(
        self,
        top: &mut Top<U>,
        convert: impl Fn(T) -> Result<U, InvalidContinuation>,
    ) -> Result<(), InvalidContinuation> {
        let items: Result<Vec<U>, _> = self.items.into_iter().map(convert).collect();
        top.restore(items?, self.total);
        Ok(())
    }
}

impl FindingFile {
    fn of(finding: &Finding) -> Self {
        Self {
            code: finding.code.as_str().to_owned(),
            severity: finding.severity.as_str().to_owned(),
            application: finding.application.to_string(),
            vault: finding.vault.as_str().to_owned(),
            credential: finding.credential.clone(),
            role: finding.role.as_ref().map(write_role),
            owner: finding.owner.clone(),
            detail: finding.detail.clone(),
            days_left: finding.days_left,
            exemption: finding.exemption.as_ref().map(ExemptionFile::of),
        }
    }

    fn read(self) -> Result<Finding, InvalidContinuation> {
        Ok(Finding {
            code: code_of(&self.code)?,
            severity: severity(&self.severity)?,
            application: application(&self.application)?,
            vault: vault(&self.vault)?,
            credential: self.credential,
            role: self.role.as_deref().map(read_role).transpose()?,
            owner: self.owner,
            detail: self.detail,
            days_left: self.days_left,
            exemption: self.exemption.map(ExemptionFile::read),
        })
    }
}

impl ExemptionFile {
    fn of(exemption: &Exemption) -> Self {
        Self {
            until: exemption.until,
            reason: exemption.reason.clone(),
        }
    }

    fn read(self) -> Exemption {
        Exemption {
            until: self.until,
            reason: self.reason,
        }
    }
}

impl DeadlineFile {
    fn of(row: &ApplicationDeadline) -> Self {
        Self {
            application: row.application.to_string(),
            vault: row.vault.as_str().to_owned(),
            credential: row.credential.clone(),
            owner: row.owner.clone(),
            at: row.deadline.map(|deadline| deadline.at),
            estimated: row
                .deadline
                .is_some_and(|deadline| deadline.basis.is_estimate()),
            days_left: row.days_left,
            severity: row.severity.map(|severity| severity.as_str().to_owned()),
            exemption: row.exemption.as_ref().map(ExemptionFile::of),
        }
    }

    fn read(self) -> Result<ApplicationDeadline, InvalidContinuation> {
        let basis = if self.estimated {
            Basis::Estimated
        } else {
            Basis::Reported
        };
        Ok(ApplicationDeadline {
            application: application(&self.application)?,
            vault: vault(&self.vault)?,
            credential: self.credential,
            owner: self.owner,
            deadline: self.at.map(|at| Deadline { at, basis }),
            days_left: self.days_left,
            severity: self.severity.as_deref().map(severity).transpose()?,
            exemption: self.exemption.map(ExemptionFile::read),
        })
    }
}

impl PendingFile {
    fn of(application: &ApplicationName, parts: &Parts) -> Self {
        Self {
            application: application.to_string(),
            client_id: parts.client_id,
            client_secret: parts.client_secret,
            refresh_token: parts.refresh_token,
            owner: parts.owner.clone(),
            exemption: parts.exemption.as_ref().map(ExemptionFile::of),
        }
    }

    fn read(self) -> Result<(ApplicationName, Parts), InvalidContinuation> {
        let parts = Parts {
            client_id: self.client_id,
            client_secret: self.client_secret,
            refresh_token: self.refresh_token,
            owner: self.owner,
            exemption: self.exemption.map(ExemptionFile::read),
        };
        Ok((application(&self.application)?, parts))
    }
}

/// A role in one word; a seller's refresh token is `refresh-token of SELLER`.
pub(crate) fn write_role(role: &Role) -> String {
    match role {
        Role::ClientId => "client-id".to_owned(),
        Role::ClientSecret => "client-secret".to_owned(),
        Role::RefreshToken { seller: None } => "refresh-token".to_owned(),
        Role::RefreshToken {
            seller: Some(seller),
        } => format!("refresh-token of {seller}"),
    }
}

fn read_role(text: &str) -> Result<Role, InvalidContinuation> {
    match text {
        "client-id" => Ok(Role::ClientId),
        "client-secret" => Ok(Role::ClientSecret),
        "refresh-token" => Ok(Role::RefreshToken { seller: None }),
        other => other
            .strip_prefix("refresh-token of ")
            .and_then(|seller| SellerId::parse(seller).ok())
            .map(|seller| Role::RefreshToken {
                seller: Some(seller),
            })
            .ok_or_else(|| InvalidContinuation("names a role that there is not".to_owned())),
    }
}

fn application(text: &str) -> Result<ApplicationName, InvalidContinuation> {
    ApplicationName::parse(text).map_err(|error| InvalidContinuation(format!("is wrong: {error}")))
}

fn vault(text: &str) -> Result<Vault, InvalidContinuation> {
    Vault::parse(text)
        .ok_or_else(|| InvalidContinuation("names a vault that there is not".to_owned()))
}

fn severity(text: &str) -> Result<Severity, InvalidContinuation> {
    text.parse::<Severity>()
        .map_err(|error| InvalidContinuation(format!("is wrong: {error}")))
}

fn code_of(text: &str) -> Result<Code, InvalidContinuation> {
    text.parse::<Code>()
        .map_err(|error| InvalidContinuation(format!("is wrong: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heaviest() -> State {
        let mut tally = Tally::new(Limits::FUNCTION);
        let name = |number: usize| format!("{}{number:05}", "n".repeat(900));
        let exemption = Exemption {
            until: "2026-12-31".parse().unwrap(),
            reason: "\u{1f980}".repeat(256),
        };
        tally.by_code.insert(Code::Lwa004, 1_000);
        for number in 0..1_000 {
            let application = ApplicationName::parse(&name(number)).unwrap();
            let finding = Finding {
                code: Code::Lwa004,
                severity: Severity::Warning,
                application: application.clone(),
                vault: Vault::ParameterStore,
                credential: format!("/{}/lwa/clientsecret", name(number)),
                role: Some(Role::RefreshToken {
                    seller: Some(SellerId::parse("A1").unwrap()),
                }),
                owner: Some("o".repeat(256)),
                detail: "d".repeat(300),
                days_left: Some(7),
                exemption: None,
            };
            tally.exempt.push(Finding {
                exemption: Some(exemption.clone()),
                ..finding.clone()
            });
            tally.findings.push(finding);
            tally.reminders.push(ApplicationDeadline {
                application,
                vault: Vault::SecretsManager,
                credential: name(number),
                owner: None,
                deadline: Some(Deadline {
                    at: "2026-10-28T06:00:00Z".parse().unwrap(),
                    basis: Basis::Estimated,
                }),
                days_left: Some(7),
                severity: Some(Severity::Critical),
                exemption: Some(exemption.clone()),
            });
            tally.miss(format!("the tags of {}", name(number)), &"w".repeat(400));
        }
        let pending = (0..40).map(|number| {
            let application = ApplicationName::parse(&name(number)).unwrap();
            let parts = Parts {
                client_id: true,
                ..Parts::default()
            };
            (application, parts)
        });
        State {
            started_at: "2026-06-02T06:00:00Z".parse().unwrap(),
            invocations: 3,
            elapsed_ms: 4,
            position: Some(Position {
                vault: Vault::ParameterStore,
                prefix: "/my-erp".into(),
                stage: Stage::Page(Some("token".into())),
            }),
            tally,
            roster: Roster::resume(pending, 0..50_000),
        }
    }

    #[test]
    fn the_heaviest_audit_fits_and_keeps_exact_counts() {
        let mut state = heaviest();
        state.tally.reminders.split_off(MAX_REMINDERS);
        let continuation = Continuation::of(state).unwrap();
        let json = serde_json::to_string(&continuation).unwrap();
        assert!(json.len() <= MAX_BYTES, "{}", json.len());
        let read: Continuation = serde_json::from_str(&json).unwrap();
        assert_eq!(read, continuation);
        let state = read.into_state(Limits::FUNCTION).unwrap();
        assert_eq!(state.tally.reminders.items().len(), MAX_REMINDERS);
        assert_eq!(state.tally.findings.total(), 1_000);
        assert_eq!(state.tally.exempt.total(), 1_000);
        assert_eq!(state.tally.not_seen.total(), 1_000);
        assert_eq!(state.roster.pending().len(), 40);
        assert_eq!(state.roster.settled().len(), MAX_SETTLED);
    }

    #[test]
    fn a_light_audit_comes_back_as_it_was() {
        let mut state = heaviest();
        state.tally = Tally::new(Limits::FUNCTION);
        state.tally.credentials = 7;
        state.tally.nearest_days = Some(-3);
        state.roster = Roster::resume([], [1, u64::MAX]);
        let stages = [
            Stage::Page(None),
            Stage::Page(Some("x".into())),
            Stage::Settle,
        ];
        for stage in stages {
            state.position.as_mut().unwrap().stage = stage;
            let continuation = Continuation::of(state.clone()).unwrap();
            assert_eq!(continuation.into_state(Limits::FUNCTION).unwrap(), state);
        }
    }

    #[test]
    fn an_audit_at_its_end_has_no_continuation() {
        let mut state = heaviest();
        state.position = None;
        assert_eq!(Continuation::of(state), None);
    }
}
