//! Outcomes as a person reads them.

use std::io::{self, Write};

use anstyle::Style;
use lwa_core::message::{Message, SMS_LIMIT};
use lwa_core::text::{after, printable};
use lwa_core::{Severity, wording};

use super::arrival::Arrival;
use super::outcome::{Outcome, Verdict};
use crate::terminal::{BAD, BOLD, COLUMNS, DIM, GOOD, WARNING, paragraph, wrap};

/// How far everything about one event is indented below its path.
const INDENT: &str = "  ";

/// How wide a frame is.
const FRAME_COLUMNS: usize = COLUMNS - INDENT.len();

/// One event with everything that came of it.
pub(super) fn event(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#}", printable(&outcome.name))?;
    if let Some(description) = &outcome.description {
        paragraph(out, Style::new(), INDENT, description)?;
    }
    paragraph(out, DIM, INDENT, &arrival(outcome))?;
    if let Some(now) = outcome.now {
        paragraph(out, DIM, INDENT, &format!("Clock {now:.0}"))?;
    }
    if let Some(mismatch) = &outcome.unmatched {
        let warning = "NO RULE MATCHES: on AWS no function would receive this event.";
        paragraph(out, WARNING, INDENT, warning)?;
        let closest = format!("The closest rule is {}, but:", mismatch.rule);
        paragraph(out, Style::new(), INDENT, &closest)?;
        for field in &mismatch.fields {
            paragraph(out, Style::new(), "  - ", field)?;
        }
    }
    let mut frame = Frame::new(out);
    for message in &outcome.notifications {
        shown_to_people(&mut frame, message)?;
    }
    if !outcome.changes.is_empty() {
        frame.section("Changed")?;
        for change in &outcome.changes {
            frame.wrapped(Style::new(), "", change)?;
        }
    }
    answer(&mut frame, outcome)?;
    frame.close()?;
    verdict(out, outcome)?;
    writeln!(out)
}

/// One event in one line, and what is wrong with it in more.
pub(super) fn line(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let (style, word) = mark(&outcome.verdict);
    writeln!(out, "{style}{word:6}{style:#} {}", printable(&outcome.name))?;
    if !outcome.verdict.is_good() {
        if let Err(failed) = &outcome.result {
            let text = format!("{}: {}", failed.error_type, failed.message);
            paragraph(out, Style::new(), "       ", &text)?;
        }
        verdict(out, outcome)?;
    }
    Ok(())
}

/// How many came out as they should.
pub(super) fn summary(out: &mut impl Write, verdicts: &[Verdict]) -> io::Result<()> {
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|v| wanted(v)).count();
    let good = count(|v| *v == Verdict::Good);
    let unexpected = count(|v| matches!(v, Verdict::Unexpected(_)));
    let wrong = count(|v| matches!(v, Verdict::Wrong(_)));
    let events = wording::count(verdicts.len(), "event");
    write!(out, "{BOLD}{events}:{BOLD:#}")?;
    let mut comma = "";
    for (count, style, what) in [
        (count(|v| *v == Verdict::AsExpected), GOOD, "as expected"),
        (good, GOOD, "good (nothing expected of them)"),
        (unexpected, BAD, "not as expected"),
        (wrong, BAD, "failed or unmatched"),
    ] {
        if count > 0 {
            write!(out, "{comma} {style}{count} {what}{style:#}")?;
            comma = ",";
        }
    }
    writeln!(out)
}

/// With `--json` what is wrong goes to standard error, because the objects do not say it.
pub(super) fn verdict_of_json(outcome: &Outcome) {
    if !outcome.verdict.is_good() {
        let mut err = anstream::stderr();
        // There is no other place to report that standard error is closed.
        let _ = line(&mut err, outcome);
    }
}

fn arrival(outcome: &Outcome) -> String {
    let function = match outcome.function {
        Some(function) if outcome.overridden => format!("{function} (by --function)"),
        Some(function) => function.to_string(),
        None => "no function".to_owned(),
    };
    let from = match &outcome.arrival {
        None => "Unknown shape".to_owned(),
        Some(Arrival::EventBus) if outcome.rules.is_empty() => "EventBridge, no rule".to_owned(),
        Some(Arrival::EventBus) => format!("EventBridge rule {}", outcome.rules.join(" and ")),
        Some(Arrival::Queue { queue, messages }) => {
            let queue = queue.as_deref().unwrap_or("of several names");
            let messages = wording::count(*messages, "message");
            format!("SQS queue {queue}, {messages}; no rule needed")
        }
        Some(Arrival::Schedule) => "Schedule; no rule needed".to_owned(),
        Some(Arrival::Invocation) => "Direct invocation; no rule needed".to_owned(),
    };
    format!("{from} -> {function}")
}

/// The e-mail and the text message exactly as people see them, and what subscriptions filter by.
fn shown_to_people(frame: &mut Frame<'_, impl Write>, message: &Message) -> io::Result<()> {
    let style = match message.attributes.severity {
        Severity::Info => GOOD,
        Severity::Warning => WARNING,
        Severity::Critical => BAD,
    };
    frame.section("E-mail")?;
    frame.wrapped(style, "Subject: ", &message.subject)?;
    frame.line(Style::new(), "")?;
    for line in message.email.lines() {
        frame.line(Style::new(), line)?;
    }
    let length = message.sms.chars().count();
    frame.section(&format!("SMS, {length} of {SMS_LIMIT} characters"))?;
    frame.wrapped(Style::new(), "", &message.sms)?;
    frame.section("Attributes")?;
    let attributes = &message.attributes;
    let application = after(" application=", attributes.application.as_ref());
    let text = format!(
        "severity={} kind={}{application}",
        attributes.severity, attributes.kind
    );
    frame.wrapped(Style::new(), "", &text)
}

fn answer(frame: &mut Frame<'_, impl Write>, outcome: &Outcome) -> io::Result<()> {
    match &outcome.result {
        Ok(response) => {
            frame.section("Response")?;
            for line in format!("{response:#}").lines() {
                let text = line.trim_start();
                let indent = &line[..line.len() - text.len()];
                frame.wrapped(Style::new(), indent, text)?;
            }
            Ok(())
        }
        Err(failed) => {
            frame.section(&format!("Error {}", failed.error_type))?;
            frame.wrapped(Style::new(), "", &failed.message)
        }
    }
}

/// Titled sections below each other. The frame is open to the right, because a link may be
/// longer than a line and must not be broken.
struct Frame<'a, W> {
    out: &'a mut W,
    is_open: bool,
}

impl<'a, W: Write> Frame<'a, W> {
    const fn new(out: &'a mut W) -> Self {
        Self {
            out,
            is_open: false,
        }
    }

    fn section(&mut self, title: &str) -> io::Result<()> {
        let corner = if self.is_open { '├' } else { '┌' };
        self.is_open = true;
        self.border(corner, &format!(" {title} "))
    }

    fn close(mut self) -> io::Result<()> {
        self.border('└', "")
    }

    fn border(&mut self, corner: char, title: &str) -> io::Result<()> {
        let fill = "─".repeat(FRAME_COLUMNS - 2 - title.chars().count());
        writeln!(
            self.out,
            "{INDENT}{DIM}{corner}─{DIM:#}{title}{DIM}{fill}{DIM:#}"
        )
    }

    fn line(&mut self, style: Style, line: &str) -> io::Result<()> {
        if line.is_empty() {
            writeln!(self.out, "{INDENT}{DIM}│{DIM:#}")
        } else {
            let line = printable(line);
            writeln!(self.out, "{INDENT}{DIM}│{DIM:#} {style}{line}{style:#}")
        }
    }

    fn wrapped(&mut self, style: Style, opening: &str, text: &str) -> io::Result<()> {
        for line in wrap(&printable(text), opening, FRAME_COLUMNS - 2) {
            self.line(style, &line)?;
        }
        Ok(())
    }
}

fn verdict(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let (style, _) = mark(&outcome.verdict);
    match &outcome.verdict {
        Verdict::AsExpected => writeln!(out, "{INDENT}{style}As expected{style:#}"),
        Verdict::Good => Ok(()),
        Verdict::Wrong(what) => writeln!(out, "{INDENT}{style}Not good: {what}{style:#}"),
        Verdict::Unexpected(differences) => {
            writeln!(out, "{INDENT}{style}Not as expected:{style:#}")?;
            for difference in differences {
                paragraph(out, Style::new(), "  - ", difference)?;
            }
            Ok(())
        }
    }
}

const fn mark(verdict: &Verdict) -> (Style, &'static str) {
    if verdict.is_good() {
        (GOOD, "ok")
    } else {
        (BAD, "FAILED")
    }
}
