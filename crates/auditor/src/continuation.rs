//! What one invocation hands to the next, as JSON: where to continue, and what the one digest at
//! the end needs. It holds names, dates and counts, and never a value of a credential.
//!
//! Step Functions, which carries it, takes at most 256 KiB of state,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use lwa_core::ApplicationName;
use lwa_core::audit::absence::Below;
use lwa_core::audit::roster::{Parts, Roster};
use lwa_core::audit::tally::{Limits, Tally};
use lwa_core::lwa::safe_words;
use lwa_core::wording::minute;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Settings;
use crate::state::{Position, State};

/// Largest continuation, in bytes of JSON; the rest of the 256 KiB is for the response
/// around it.
pub const MAX_BYTES: usize = 200_000;

/// Most completed applications that are carried along, in eleven bytes each. A refresh token
/// of a forgotten one makes it pending again, which costs a share of a look-up.
const MAX_SETTLED: usize = 8_000;

/// Most reminders that are carried along, for the first lines of the digest. The others have to
/// be told before: none may be dropped.
pub const MAX_REMINDERS: usize = 10;

/// The form of what follows, which is that of the types in it; an invocation refuses any other.
/// A change of one of those types is a new version.
const VERSION: u64 = 3;

/// How old a continuation may be, in hours: Parameter Store's page tokens expire, and tomorrow
/// has an audit of its own.
const MAX_AGE_HOURS: i64 = 24;

/// An audit that is not finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continuation {
    version: u64,
    started_at: Timestamp,
    invocations: u32,
    elapsed_ms: u64,
    position: Position,
    tally: Tally,
    pending: BTreeMap<ApplicationName, Parts>,
    /// Eight bytes for each settled application, in Base64.
    settled: String,
    below: BTreeMap<String, Below>,
}

/// Why a continuation cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the continuation {0}; pass it on unchanged, or start a new audit with {{}}")]
pub struct InvalidContinuation(String);

impl Continuation {
    /// What the next invocation needs of a state that is not at its end. The lists are
    /// shortened until it fits; the counts stay exact.
    pub fn of(state: State) -> Option<Self> {
        let settled = state.roster.settled.into_iter().take(MAX_SETTLED);
        let settled: Vec<u8> = settled.flat_map(u64::to_be_bytes).collect();
        let mut continuation = Self {
            version: VERSION,
            started_at: state.started_at,
            invocations: state.invocations,
            elapsed_ms: state.elapsed_ms,
            position: state.position?,
            tally: state.tally,
            pending: state.roster.pending,
            settled: STANDARD_NO_PAD.encode(settled),
            below: state.below,
        };
        let mut limit = Limits::FUNCTION.findings;
        while limit > 0 && !continuation.fits() {
            limit /= 2;
            continuation.tally.limit(Limits::each(limit));
        }
        Some(continuation)
    }

    fn fits(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|json| json.len() <= MAX_BYTES)
    }

    /// The state to go on from, within what a function keeps.
    pub fn resume(
        value: Value,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<State, InvalidContinuation> {
        let invalid = |problem: String| Err(InvalidContinuation(problem));
        let version = value.get("version").and_then(Value::as_u64);
        if let Some(other) = version.filter(|version| *version != VERSION) {
            return invalid(format!(
                "has version {other}, and this function reads {VERSION}"
            ));
        }
        let found: Self = serde_json::from_value(value).map_err(|error| {
            // What serde says of a misfit quotes parts of what a caller sent.
            let problem = safe_words(&error.to_string());
            InvalidContinuation(format!("cannot be read: {problem}"))
        })?;
        let Ok(settled) = STANDARD_NO_PAD.decode(&found.settled) else {
            return invalid("has a `settled` that is not Base64".to_owned());
        };
        let age = now.duration_since(found.started_at);
        if age.as_hours() >= MAX_AGE_HOURS || age.is_negative() {
            return invalid(format!(
                "is of an audit that began at {}, not within the last {MAX_AGE_HOURS} hours",
                minute(found.started_at)
            ));
        }
        if found.position.target(settings).is_none() {
            return invalid("is at a vault or prefix that is not configured".to_owned());
        }
        let mut tally = found.tally;
        tally.limit(Limits::FUNCTION);
        let settled = settled.as_chunks().0.iter();
        Ok(State {
            started_at: found.started_at,
            invocations: found.invocations,
            elapsed_ms: found.elapsed_ms,
            position: Some(found.position),
            tally,
            roster: Roster {
                pending: found.pending,
                settled: settled.map(|bytes| u64::from_be_bytes(*bytes)).collect(),
            },
            below: found.below,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use lwa_core::application::SellerId;
    use lwa_core::audit::findings::{Code, Exemption, Finding};
    use lwa_core::audit::tally::ApplicationDeadline;
    use lwa_core::config::Lookup;
    use lwa_core::vault::VaultKind;
    use lwa_core::{Basis, Deadline, Role, Severity};

    use super::*;
    use crate::state::Stage;

    const NOW: &str = "2026-06-02T06:10:00Z";

    fn resume(continuation: &Continuation) -> Result<State, InvalidContinuation> {
        let settings = Settings::from_lookup(&Lookup::new(|_| None)).unwrap();
        let value = serde_json::to_value(continuation).unwrap();
        Continuation::resume(value, &settings, NOW.parse().unwrap())
    }

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
                vault: VaultKind::ParameterStore,
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
                vault: VaultKind::SecretsManager,
                credential: name(number),
                owner: None,
                deadline: Some(Deadline {
                    at: "2026-10-28T06:00:00Z".parse().unwrap(),
                    basis: Basis::Estimated,
                }),
                days_left: Some(7),
                severity: Some(Severity::Critical),
                outlook: None,
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
                vault: VaultKind::ParameterStore,
                prefix: "/my-erp".into(),
                stage: Stage::Page(Some("token".into())),
            }),
            tally,
            roster: Roster {
                pending: pending.collect(),
                settled: (0..50_000).collect(),
            },
            below: BTreeMap::new(),
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
        // What is read is written the same again.
        assert!(serde_json::to_string(&read).unwrap() == json);
        let state = resume(&read).unwrap();
        assert_eq!(state.tally.reminders.items().len(), MAX_REMINDERS);
        assert_eq!(state.tally.findings.total(), 1_000);
        assert_eq!(state.tally.exempt.total(), 1_000);
        assert_eq!(state.tally.not_seen.total(), 1_000);
        assert_eq!(state.roster.pending.len(), 40);
        assert_eq!(state.roster.settled.len(), MAX_SETTLED);
    }

    #[test]
    fn an_audit_of_yesterday_or_tomorrow_is_not_resumed() {
        for (started_at, is_taken) in [
            ("2026-06-01T06:10:01Z", true),
            ("2026-06-01T06:10:00Z", false),
            (NOW, true),
            ("2026-06-02T06:10:01Z", false),
        ] {
            let mut state = heaviest();
            state.started_at = started_at.parse().unwrap();
            let resumed = resume(&Continuation::of(state).unwrap());
            assert_eq!(resumed.is_ok(), is_taken, "{started_at}");
        }
    }

    #[test]
    fn a_light_audit_comes_back_as_it_was() {
        let mut state = heaviest();
        state.tally = Tally::new(Limits::FUNCTION);
        state.tally.credentials = 7;
        state.tally.nearest_days = Some(-3);
        state.roster.pending.clear();
        state.roster.settled = HashSet::from([1, u64::MAX]);
        let stages = [
            Stage::Page(None),
            Stage::Page(Some("x".into())),
            Stage::Settle,
        ];
        for stage in stages {
            state.position.as_mut().unwrap().stage = stage;
            let continuation = Continuation::of(state.clone()).unwrap();
            assert_eq!(resume(&continuation).unwrap(), state);
        }
    }

    #[test]
    fn an_audit_at_its_end_has_no_continuation() {
        let mut state = heaviest();
        state.position = None;
        assert_eq!(Continuation::of(state), None);
    }
}
