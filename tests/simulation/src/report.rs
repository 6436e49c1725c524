//! The result of a simulation, for people and for programs.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::outcome::Outcome;

/// How much happened, one number a line.
pub fn summary(outcome: &Outcome) -> String {
    let counts = &outcome.counts;
    let applications = outcome.settings.applications;
    let mut text = format!(
        "{applications} applications, {} days simulated, seed {}\n",
        counts.application_days / applications.max(1) as u64,
        outcome.settings.seed
    );
    for (number, what) in [
        (counts.rotations, "secrets made for the system"),
        (counts.console_rotations, "secrets made for people"),
        (counts.tokens, "tokens requested by services"),
        (counts.reminders, "reminders that were due and sent"),
        (counts.messages, "messages to people"),
        (counts.invocations, "invocations"),
        (counts.deaths, "of them died or failed"),
        (counts.calls, "calls"),
        (counts.faults, "of them failed"),
        (counts.dead_letters, "dead letters"),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{number:>10}  {what}");
    }
    for (kind, by_severity) in &outcome.heard {
        let all: u64 = by_severity.iter().sum();
        let urgent = all - by_severity[0];
        let _ = writeln!(
            text,
            "{all:>10}  {kind} to everyone, {urgent} of them urgent"
        );
    }
    text
}

/// The outcome without its story.
pub fn to_json(outcome: &Outcome) -> Value {
    let counts = &outcome.counts;
    json!({
        "seed": outcome.settings.seed,
        "settings": outcome.settings.to_string(),
        "application_days": counts.application_days,
        "rotations": counts.rotations,
        "console_rotations": counts.console_rotations,
        "tokens": counts.tokens,
        "reminders": counts.reminders,
        "messages": counts.messages,
        "messages_by_kind": outcome.heard.iter().map(|(kind, [info, warning, critical])| {
            ((*kind).to_owned(), json!({"info": info, "warning": warning, "critical": critical}))
        }).collect::<Map<_, _>>(),
        "invocations": counts.invocations,
        "deaths": counts.deaths,
        "calls": counts.calls,
        "faults": counts.faults,
        "dead_letters": counts.dead_letters,
        "violation": outcome.violation.as_ref().map(|violation| json!({
            "invariant": violation.invariant.as_str(),
            "at": violation.at.to_string(),
            "application": violation.application,
            "detail": violation.detail,
        })),
    })
}
