//! The log: JSON lines in Lambda, plain text at a terminal.
//!
//! Only this project's crates may speak below `WARN`. The SDK, hyper and rustls write requests
//! and answers into their debug and trace lines, and those hold secrets and tokens.

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use lwa_core::text::quotable_input;

/// The beginnings of our own targets, which are the names of our crates.
const OURS: [&str; 6] = [
    "lwa",
    "auditor",
    "policy_formatter",
    "rotation_requester",
    "secret_receiver",
    "token_exchanger",
];

/// Opens the span with the request id that every line of an invocation carries, and logs
/// nothing.
const REQUEST_SPAN: &str = "lambda_runtime::layers::trace";

/// The variables that set the level. The first that is set wins, and Lambda's logging
/// configuration sets that one.
const VARIABLES: [&str; 3] = ["AWS_LAMBDA_LOG_LEVEL", "LOG_LEVEL", "RUST_LOG"];

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line, with the keys that CloudWatch and Lambda know.
    Json,
    /// For people.
    Text,
}

/// Sends the log of this process to a sink: standard output in a Lambda function, standard
/// error at a terminal. The level is looked up with `get`; after an invalid value there is a
/// warning, and the level is `INFO`. A second call changes nothing.
pub fn init<W>(get: impl Fn(&str) -> Option<String>, format: Format, sink: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (level, complaint) = level(get);
    if subscriber(level, format, sink).try_init().is_ok()
        && let Some(complaint) = complaint
    {
        tracing::warn!("{complaint}");
    }
}

/// What [`init`] installs, for tests that listen to one thread.
pub fn subscriber<W>(level: LevelFilter, format: Format, sink: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = match format {
        Format::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(sink)
            .boxed(),
        Format::Text => fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(sink)
            .boxed(),
    };
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(REQUEST_SPAN, LevelFilter::INFO)
        .with_targets(OURS.map(|target| (target, level)));
    Registry::default().with(layer.with_filter(targets))
}

/// The level, and what is wrong with the variable that should have set it.
fn level(get: impl Fn(&str) -> Option<String>) -> (LevelFilter, Option<String>) {
    let set = VARIABLES.into_iter().find_map(|name| {
        let value = get(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| (name, value.to_owned()))
    });
    let Some((name, value)) = set else {
        return (LevelFilter::INFO, None);
    };
    let level = match value.to_ascii_lowercase().as_str() {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warn" => LevelFilter::WARN,
        // Lambda knows a level above errors; we have none.
        "error" | "fatal" => LevelFilter::ERROR,
        _ => {
            let complaint = format!(
                "{name} is `{}`; allowed: trace, debug, info, warn, error; the level is info",
                quotable_input(&value)
            );
            return (LevelFilter::INFO, Some(complaint));
        }
    };
    (level, None)
}

#[cfg(test)]
mod tests {
    use lwa_local::log::Log;

    use super::*;

    fn log(level: LevelFilter, format: Format, speak: impl FnOnce()) -> String {
        let log = Log::new();
        let writer = log.clone();
        let subscriber = subscriber(level, format, move || writer.clone());
        tracing::subscriber::with_default(subscriber, speak);
        log.text()
    }

    fn speak() {
        tracing::trace!(target: "lwa_core::x", "ours, trace");
        tracing::info!(target: "policy_formatter", "ours, info");
        tracing::error!(target: "auditor", "ours, error");
        tracing::trace!(target: "hyper_util::client", "theirs, trace");
        tracing::debug!(target: "aws_smithy_runtime::client", "theirs, debug");
        tracing::info!(target: "rustls", "theirs, info");
        tracing::warn!(target: "aws_sdk_ssm", "theirs, warn");
    }

    fn said(level: LevelFilter) -> Vec<String> {
        log(level, Format::Json, speak)
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["message"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn the_level_is_ours_and_nobody_else_goes_below_warnings() {
        assert_eq!(
            said(LevelFilter::TRACE),
            ["ours, trace", "ours, info", "ours, error", "theirs, warn"]
        );
        assert_eq!(
            said(LevelFilter::INFO),
            ["ours, info", "ours, error", "theirs, warn"]
        );
        assert_eq!(said(LevelFilter::ERROR), ["ours, error"]);
    }

    #[test]
    fn a_line_carries_the_request_id_of_its_invocation() {
        let line = log(LevelFilter::ERROR, Format::Json, || {
            let span = tracing::info_span!(
                target: "lambda_runtime::layers::trace",
                "Lambda runtime invoke",
                requestId = "r-1"
            );
            span.in_scope(
                || tracing::error!(target: "auditor", { parameter.name = "/my-erp/x" }, "it failed"),
            );
        });
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["message"], "it failed");
        assert_eq!(line["parameter.name"], "/my-erp/x");
        assert_eq!(line["span"]["requestId"], "r-1");
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn at_a_terminal_a_line_is_text_without_colour() {
        let text = log(LevelFilter::INFO, Format::Text, || {
            tracing::info!(target: "lwa", "hello");
        });
        assert_eq!(text, " INFO hello\n");
    }

    #[test]
    fn a_text_that_is_no_level_is_named_and_does_not_silence_anything() {
        let level = |pairs: &[(&str, &str)]| {
            level(|name| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(level(&[]), (LevelFilter::INFO, None));
        assert_eq!(
            level(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("RUST_LOG", "error")]),
            (LevelFilter::DEBUG, None)
        );
        assert_eq!(
            level(&[("AWS_LAMBDA_LOG_LEVEL", ""), ("LOG_LEVEL", "fatal")]),
            (LevelFilter::ERROR, None)
        );
        let (level, complaint) = level(&[("RUST_LOG", "hyper=trace")]);
        assert_eq!(level, LevelFilter::INFO);
        assert_eq!(
            complaint.unwrap(),
            "RUST_LOG is `hyper=trace`; allowed: trace, debug, info, warn, error; the level is info"
        );
    }
}
