//! What is measured: programs with their settings and events.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use lwa_tests::clock;
use serde_json::{Value, json};

use crate::services::CLIENT_ID;

/// One program under one set of circumstances.
pub(crate) struct Case {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// What is started.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// The file whose size counts; none for a script.
    pub(crate) binary: Option<PathBuf>,
    /// Its settings, on top of those that Lambda makes.
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    /// Whether the services are reached over TLS.
    pub(crate) over_tls: bool,
    /// How many warm invocations there are, in percent of those of the others.
    pub(crate) warm_percent: usize,
    /// How long LWA takes to answer while the throughput is measured.
    pub(crate) lwa_delay: Duration,
    /// How many days the client secret has left.
    pub(crate) days_left: i64,
    event: fn(u64) -> Result<Value>,
}

/// Pollers of the concurrent mode.
pub(crate) const POLLERS: u32 = 8;

/// The do-nothing function.
pub(crate) const FLOOR: &str = "floor";
/// The function that hands out tokens.
pub(crate) const TOKEN_EXCHANGER: &str = "token-exchanger";
/// The same with another seller's token each time, so that every invocation waits for LWA.
pub(crate) const EXCHANGES: &str = "token-exchanger, exchanges";
/// The same over TLS.
pub(crate) const OVER_TLS: &str = "token-exchanger over TLS";
/// The function that scans the estate.
pub(crate) const AUDITOR: &str = "auditor";
/// The function that asks for rotations, on a day without one: almost every day.
pub(crate) const DAILY_CHECK: &str = "rotation-requester, daily check";
/// The function that most people would write first.
pub(crate) const PYTHON: &str = "python-sample";

const TOPIC: (&str, &str) = ("TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:alerts");

impl Case {
    /// Event number `number`. No two are duplicates of each other.
    pub(crate) fn event(&self, number: u64) -> Result<Vec<u8>> {
        Ok((self.event)(number)?.to_string().into_bytes())
    }

    fn function(
        folder: &Path,
        name: &'static str,
        variables: &[(&'static str, &'static str)],
        event: fn(u64) -> Result<Value>,
    ) -> Self {
        let program = folder.join(name).join("bootstrap");
        Self {
            name,
            binary: Some(program.clone()),
            program,
            arguments: Vec::new(),
            variables: variables.to_vec(),
            over_tls: false,
            warm_percent: 100,
            lwa_delay: Duration::ZERO,
            days_left: 20,
            event,
        }
    }
}

/// All cases. The functions are at `functions/NAME/bootstrap`.
pub(crate) fn all(functions: &Path, floor: &Path, python: Option<(&Path, &Path)>) -> Vec<Case> {
    let mut cases = vec![
        Case {
            program: floor.to_owned(),
            binary: Some(floor.to_owned()),
            ..Case::function(functions, FLOOR, &[], nothing)
        },
        Case::function(functions, TOKEN_EXCHANGER, &[], nothing),
        Case {
            name: OVER_TLS,
            over_tls: true,
            ..Case::function(functions, TOKEN_EXCHANGER, &[], nothing)
        },
        Case::function(functions, "policy-formatter", &[TOPIC], policy_event),
        // A heartbeat would make the measurement another one on Mondays.
        Case::function(
            functions,
            AUDITOR,
            &[TOPIC, ("HEARTBEAT_DAY", "off")],
            nothing,
        ),
        Case::function(functions, "rotation-requester", &[TOPIC], expiry_notice),
        Case {
            name: DAILY_CHECK,
            days_left: 100,
            ..Case::function(functions, "rotation-requester", &[TOPIC], schedule)
        },
        Case::function(functions, "secret-receiver", &[TOPIC], new_secret),
    ];
    if let Some((python, script)) = python {
        cases.push(Case {
            program: python.to_owned(),
            arguments: vec!["-IB".to_owned(), script.to_string_lossy().into_owned()],
            binary: None,
            warm_percent: 20,
            ..Case::function(functions, PYTHON, &[], nothing)
        });
    }
    cases
}

/// Those whose throughput is measured: what takes several events at once.
pub(crate) fn concurrent(functions: &Path, floor: &Path) -> Vec<Case> {
    vec![
        Case {
            program: floor.to_owned(),
            ..Case::function(functions, FLOOR, &[], nothing)
        },
        Case::function(functions, TOKEN_EXCHANGER, &[], nothing),
        Case {
            name: EXCHANGES,
            lwa_delay: Duration::from_millis(20),
            ..Case::function(functions, TOKEN_EXCHANGER, &[], another_seller)
        },
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "other events are read from files")]
fn nothing(_: u64) -> Result<Value> {
    Ok(json!({}))
}

#[expect(clippy::unnecessary_wraps, reason = "other events are read from files")]
fn another_seller(number: u64) -> Result<Value> {
    Ok(json!({"seller": format!("A{number:012}")}))
}

#[expect(clippy::unnecessary_wraps, reason = "other events are read from files")]
fn schedule(_: u64) -> Result<Value> {
    Ok(json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}))
}

fn policy_event(number: u64) -> Result<Value> {
    let mut event: Value = serde_json::from_str(include_str!(
        "../../../events/parameter-store/client-secret-unchanged-150-days/event.json"
    ))?;
    event["id"] = unique(number).into();
    Ok(event)
}

fn expiry_notice(number: u64) -> Result<Value> {
    let text = include_str!("../../../events/sp-api/client-secret-expiry/event.json");
    notice(
        text,
        "applicationOAuthClientSecretExpiry",
        number,
        &[("clientSecretExpiryTime", 20)],
    )
}

fn new_secret(number: u64) -> Result<Value> {
    let text = include_str!("../../../events/sp-api/client-new-secret/event.json");
    let times = [
        ("newClientSecretExpiryTime", 180),
        ("oldClientSecretExpiryTime", 7),
    ];
    notice(text, "applicationOAuthClientNewSecret", number, &times)
}

/// An event of one of Amazon's notices, with times so many days from now.
fn notice(text: &str, payload: &str, number: u64, times: &[(&str, i64)]) -> Result<Value> {
    let mut event: Value = serde_json::from_str(text)?;
    let record = &mut event["Records"][0];
    let mut body: Value = serde_json::from_str(record["body"].as_str().context("no body")?)?;
    let now = clock::timestamp();
    body["payload"][payload]["clientId"] = CLIENT_ID.into();
    for (name, days) in times {
        let at = now.checked_add(jiff::SignedDuration::from_hours(24 * days))?;
        body["payload"][payload][*name] = at.to_string().into();
    }
    body["eventTime"] = now.to_string().into();
    body["notificationMetadata"]["publishTime"] = now.to_string().into();
    body["notificationMetadata"]["notificationId"] = unique(number).into();
    record["messageId"] = unique(number).into();
    record["body"] = body.to_string().into();
    record["attributes"]["SentTimestamp"] = now.as_millisecond().to_string().into();
    record["attributes"]["ApproximateFirstReceiveTimestamp"] =
        now.as_millisecond().to_string().into();
    Ok(event)
}

fn unique(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}
