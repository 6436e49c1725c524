//! The report for a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use lwa_core::audit::findings::Finding;
use lwa_core::text::{elide_end, elide_middle, printable};
use lwa_core::{Severity, wording};
use textwrap::core::display_width;

use crate::{Report, Row};

/// How a table looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The columns of the terminal; 80 where there is none.
    pub width: usize,
    /// Whether the terminal shows colours.
    pub color: bool,
}

/// The narrowest table that still says something.
const NARROWEST: usize = 60;

/// Widest owner; the rest of a line belongs to the application.
const OWNER: usize = 14;

const DAYS: usize = 5;
const SEVERITY: usize = 8;
const DATE: usize = 11;
const GAP: &str = "  ";

/// The report as lines: applications by days left, then every finding with its detail, then
/// what was not seen, then the counts.
pub fn render(report: &Report<'_>, look: Look) -> String {
    let width = look.width.max(NARROWEST);
    let rows = report.rows();
    let mut out = String::new();
    if !rows.is_empty() {
        applications(&mut out, &rows, width, look);
    }
    findings(&mut out, report, width, look);
    let gaps = report.gaps();
    if !gaps.is_empty() {
        out.push('\n');
    }
    for gap in gaps {
        let text = paint(look, Some(Severity::Warning), "!");
        wrapped(&mut out, &gap, width, &format!("{text} "), "  ");
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let summary = format!(
        "{}.{}",
        report.summary(),
        if report.tally.is_partial() {
            " The audit is incomplete."
        } else {
            ""
        },
    );
    wrapped(&mut out, &summary, width, "", "");
    out
}

fn applications(out: &mut String, rows: &[Row<'_>], width: usize, look: Look) {
    let owner = rows
        .iter()
        .map(|row| display_width(&printable(row.owner.unwrap_or_default())))
        .max()
        .unwrap_or(0);
    let owner = if owner == 0 {
        0
    } else {
        owner.clamp("OWNER".len(), OWNER)
    };
    let fixed = DAYS + SEVERITY + DATE + GAP.len() * 4 + if owner == 0 { 0 } else { owner + 2 };
    let longest = rows
        .iter()
        .map(|row| row.application.as_str().len())
        .max()
        .unwrap_or(0);
    // Findings take what they need, up to two codes; the application the rest.
    let room = width.saturating_sub(fixed + "LWA001 LWA002".len());
    let name = longest.clamp("APPLICATION".len(), room.max("APPLICATION".len()));
    let codes = width.saturating_sub(fixed + name);
    let heading = |text: &str, width: usize| pad(text, width);
    let mut line = format!("{:>DAYS$}{GAP}", "DAYS");
    line += &heading("SEVERITY", SEVERITY);
    line += GAP;
    line += &heading("APPLICATION", name);
    line += GAP;
    line += &heading("DEADLINE", DATE);
    if owner > 0 {
        line += GAP;
        line += &heading("OWNER", owner);
    }
    line += GAP;
    line += "FINDINGS";
    let bold = if look.color {
        Style::new().bold()
    } else {
        Style::new()
    };
    let _ = writeln!(out, "{bold}{line}{bold:#}");
    for row in rows {
        let days = row
            .days_left
            .map_or_else(|| "?".to_owned(), |days| days.to_string());
        let (severity, word) = match (row.severity(), row.exemption) {
            (Some(severity), _) => (Some(severity), severity.as_str()),
            (None, Some(_)) => (None, "exempt"),
            (None, None) => (None, "ok"),
        };
        let date = match row.deadline {
            None => "unknown".to_owned(),
            Some(deadline) => {
                let mark = if deadline.basis.is_estimate() {
                    "~"
                } else {
                    ""
                };
                format!("{}{mark}", wording::date(deadline.at))
            }
        };
        let mut line = format!("{days:>DAYS$}{GAP}");
        line += &paint(look, severity, &pad(word, SEVERITY));
        line += GAP;
        line += &pad(&elide_middle(row.application.as_str(), name), name);
        line += GAP;
        line += &pad(&date, DATE);
        if owner > 0 {
            line += GAP;
            let text = printable(row.owner.unwrap_or_default());
            line += &pad(&fit(&text, owner), owner);
        }
        line += GAP;
        line += &code_list(row, codes);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if rows
        .iter()
        .any(|row| row.deadline.is_some_and(|d| d.basis.is_estimate()))
    {
        let _ = writeln!(out, "~ estimated");
    }
}

/// The codes of a row, each once, the worst first: `LWA004×18` where there are several, and
/// `+2` for those that the width has no room for.
fn code_list(row: &Row<'_>, width: usize) -> String {
    let mut codes: Vec<(&str, usize)> = Vec::new();
    for finding in &row.findings {
        let code = finding.code.as_str();
        match codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => codes.push((code, 1)),
        }
    }
    let shown: Vec<String> = codes
        .into_iter()
        .map(|(code, count)| match count {
            1 => code.to_owned(),
            count => format!("{code}\u{d7}{count}"),
        })
        .collect();
    let list = |kept: usize| {
        let mut words = shown[..kept].to_vec();
        if kept < shown.len() {
            words.push(format!("+{}", shown.len() - kept));
        }
        words.join(" ")
    };
    (0..=shown.len())
        .rev()
        .map(list)
        .find(|text| display_width(text) <= width)
        .unwrap_or_default()
}

fn findings(out: &mut String, report: &Report<'_>, width: usize, look: Look) {
    let live = report.tally.findings.items().iter();
    for finding in live.chain(report.tally.exempt.items()) {
        let severity = finding.exemption.is_none().then_some(finding.severity);
        let word = if severity.is_some() {
            finding.severity.as_str()
        } else {
            "exempt"
        };
        let head = paint(look, severity, &pad(word, SEVERITY));
        let _ = writeln!(
            out,
            "\n{head}  {}  {}",
            finding.code,
            printable(&finding.credential)
        );
        wrapped(out, &sentence(finding), width, "          ", "          ");
    }
}

fn sentence(finding: &Finding) -> String {
    match &finding.exemption {
        None => finding.detail.clone(),
        Some(exemption) => {
            format!(
                "{} Exempt until {}: {}",
                finding.detail, exemption.until, exemption.reason
            )
        }
    }
}

fn wrapped(out: &mut String, text: &str, width: usize, first: &str, rest: &str) {
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(&printable(text), options) {
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// The text, filled up with spaces to a width on the screen.
fn pad(text: &str, width: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(width.saturating_sub(display_width(text)))
    )
}

/// The text, cut to a width on the screen.
fn fit(text: &str, width: usize) -> String {
    let mut characters = text.chars().count();
    let mut cut = text.to_owned();
    while display_width(&cut) > width && characters > 0 {
        characters -= 1;
        cut = elide_end(text, characters);
    }
    cut
}

fn paint(look: Look, severity: Option<Severity>, text: &str) -> String {
    if !look.color {
        return text.to_owned();
    }
    let style = match severity {
        Some(Severity::Critical) => AnsiColor::Red.on_default().bold(),
        Some(Severity::Warning) => AnsiColor::Yellow.on_default(),
        Some(Severity::Info) => AnsiColor::Cyan.on_default(),
        None => AnsiColor::Green.on_default(),
    };
    format!("{style}{text}{style:#}")
}
