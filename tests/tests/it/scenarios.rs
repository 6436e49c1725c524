//! Every sample event through its function, in memory: what comes out, what people receive, and
//! that no secret gets out on the way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use lwa_cli::replay::{self, Function, Input, Options, Outcome, Verdict};
use lwa_core::message::Message;
use lwa_local::log::Log;
use lwa_tests::leak;
use serde_json::Value;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

pub(crate) fn samples() -> Vec<Input> {
    let inputs = replay::find(&[root().join("events")]).unwrap();
    assert!(
        inputs.len() > 70,
        "sample events were overlooked: {}",
        inputs.len()
    );
    inputs
}

/// `parameter-store/change-delete`.
pub(crate) fn name(input: &Input) -> String {
    let events = root().join("events");
    let path = Path::new(&input.name).strip_prefix(events).unwrap();
    path.display().to_string()
}

/// The outcome, and everything that was logged on the way.
fn replay_logged(input: &Input, options: &Options) -> (Outcome, String) {
    let log = Log::new();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(replay::replay(input, options, |_| None))
    });
    (outcome, log.text())
}

#[test]
fn every_sample_event_comes_out_as_expected() {
    let wrong: Vec<String> = samples()
        .iter()
        .filter_map(|input| {
            let (outcome, _) = replay_logged(input, &Options::default());
            (outcome.verdict != Verdict::AsExpected)
                .then(|| format!("{}: {:?} {:?}", input.name, outcome.verdict, outcome.result))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_people_receive_is_what_was_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/tests/it/snapshots/scenarios"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    let mut changed = Vec::new();
    for input in samples() {
        let (outcome, _) = replay_logged(&input, &Options::default());
        if outcome.notifications.is_empty() {
            continue;
        }
        let text: Vec<String> = outcome.notifications.iter().map(as_received).collect();
        let text = text.join("\n\n");
        let name = name(&input).replace('/', "__");
        // All that changed, not only the first, is written down for review.
        let same = catch_unwind(AssertUnwindSafe(|| {
            insta::assert_snapshot!(name.clone(), text);
        }));
        if same.is_err() {
            changed.push(name);
        }
    }
    assert!(changed.is_empty(), "changed: {}", changed.join(", "));
}

fn as_received(message: &Message) -> String {
    let chat: Value = serde_json::from_str(&message.https).unwrap();
    format!(
        "Subject: {}\n\n--- SMS\n{}\n\n--- E-mail\n{}\n--- Chat\n{chat:#}",
        message.subject, message.sms, message.email
    )
}

#[test]
fn no_planted_secret_is_in_a_log_a_message_an_answer_or_an_error() {
    let (mut searched, mut logged) = (0, 0);
    for input in samples() {
        let planted = planted(&input);
        let named: Vec<(&str, &str)> = planted
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        searched += named.len();
        // Every function gets every event: a secret may come to one that did not expect it.
        let functions = Function::ALL.into_iter().map(Some);
        for function in functions.chain([None]) {
            let options = Options {
                function,
                ..Options::default()
            };
            let (outcome, log) = replay_logged(&input, &options);
            logged += log.len();
            let text = format!("{}\n{outcome:?}\n{log}", outcome.to_json());
            leak::assert_none(&text, &named);
        }
    }
    assert!(searched > 100, "only {searched} secrets are planted");
    assert!(logged > 0, "nothing was logged, so nothing was searched");
}

/// Everything in a scenario that looks like a client secret or a refresh token.
fn planted(input: &Input) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in [&input.event, &input.world].into_iter().flatten() {
        if let Ok(value) = serde_json::from_slice(&std::fs::read(path).unwrap()) {
            collect(&value, &mut found);
        }
    }
    found.sort();
    found.dedup();
    found
        .into_iter()
        .map(|value| (input.name.clone(), value))
        .collect()
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("amzn1.oa2-cs.") || text.starts_with("Atzr|") => {
            found.push(text.clone());
        }
        Value::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str(text) {
                collect(&inner, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        _ => {}
    }
}

#[test]
fn every_function_answers_or_refuses_every_hostile_event_without_a_panic() {
    for input in samples() {
        for function in Function::ALL {
            let options = Options {
                function: Some(function),
                ..Options::default()
            };
            let (outcome, _) = replay_logged(&input, &options);
            if let Err(failed) = outcome.result {
                let stable = failed
                    .error_type
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '.');
                assert!(stable, "{}: {failed:?}", input.name);
                assert!(!failed.message.contains("panicked"), "{failed:?}");
                assert!(failed.message.len() < 1_000, "{failed:?}");
            }
        }
    }
}
