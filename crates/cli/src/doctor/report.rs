//! The doctor's report: a line as soon as each check is done, or one object at the end.

use std::io::{self, Write};

use lwa_core::text::{self, printable};
use serde::Serialize;
use serde_json::{Value, json};

use super::fault::{Fault, Mark};
use super::verdict::Verdict;
use crate::terminal::{BAD, BOLD, COLUMNS, GOOD, Progress, WARNING, write_json};

/// What was found so far.
pub(super) struct Report {
    is_json: bool,
    progress: Progress,
    verdicts: Vec<Verdict>,
    /// The test message that was sent.
    pub(super) test_message: Option<TestMessage>,
}

/// A test message, as `--json` has it.
#[derive(Debug, Serialize)]
pub(super) struct TestMessage {
    /// What EventBridge calls its event; the message's last line has it.
    pub(super) event_id: String,
    /// How its subject begins.
    pub(super) subject: String,
    /// The client secret whose deadline it shows.
    pub(super) parameter: Option<String>,
}

impl Report {
    /// Nothing was checked yet.
    pub(super) fn new(is_json: bool) -> Self {
        Self {
            is_json,
            progress: Progress::new(),
            verdicts: Vec::new(),
            test_message: None,
        }
    }

    /// Waits, and says for what if it takes long.
    pub(super) async fn over<T>(&mut self, what: &str, work: impl Future<Output = T>) -> T {
        let waiting = format!("Looking at {what}");
        self.progress.over(&waiting, work).await
    }

    /// Adds verdicts, and shows them to a person.
    pub(super) fn show(&mut self, verdicts: impl IntoIterator<Item = Verdict>) -> io::Result<()> {
        for verdict in verdicts {
            if !self.is_json {
                write_line(&mut anstream::stdout(), &verdict)?;
            }
            self.verdicts.push(verdict);
        }
        Ok(())
    }

    /// Whether nothing is broken.
    pub(super) fn finish(self) -> io::Result<bool> {
        let count = |mark| self.verdicts.iter().filter(|v| v.mark() == mark).count();
        let [good, attention, bad, skipped] =
            [Mark::Good, Mark::Attention, Mark::Bad, Mark::Skipped].map(count);
        if self.is_json {
            write_json(&json!({
                "checks": self.verdicts.iter().map(to_json).collect::<Vec<_>>(),
                "counts": {
                    "good": good,
                    "attention": attention,
                    "bad": bad,
                    "skipped": skipped,
                },
                "test_message": self.test_message,
            }))?;
            return Ok(bad == 0);
        }
        let style = match (bad, attention + skipped) {
            (0, 0) => GOOD,
            (0, _) => WARNING,
            _ => BAD,
        };
        let mut out = anstream::stdout();
        writeln!(
            out,
            "\n{style}{bad} broken, {attention} to look at, {skipped} not checked, \
             {good} good.{style:#}"
        )?;
        if bad > 0 {
            writeln!(out, "{BOLD}docs/operations.md says what is urgent.{BOLD:#}")?;
        }
        Ok(bad == 0)
    }
}

fn to_json(verdict: &Verdict) -> Value {
    json!({
        "check": verdict.check,
        "mark": verdict.mark(),
        "fault": verdict.fault.map(Fault::as_str),
        "found": verdict.found(),
        "advice": verdict.advice(),
        "permission": verdict.permission,
    })
}

/// One line for a person, with what to do.
fn write_line(out: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    let (style, sign) = match verdict.mark() {
        Mark::Good => (GOOD, '✓'),
        Mark::Attention | Mark::Skipped => (WARNING, '!'),
        Mark::Bad => (BAD, '✗'),
    };
    let mut text = verdict.found();
    if let Some(advice) = verdict.advice() {
        let end = if text.ends_with('.') { "" } else { "." };
        text = format!("{text}{end} {advice}");
    }
    let first = format!("{style}{sign}{style:#} {:11} ", verdict.check);
    for line in text::wrap(&printable(&text), COLUMNS, &first, &" ".repeat(14)) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
