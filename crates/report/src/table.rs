//! The report for a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use lwa_core::Severity;
use lwa_core::audit::findings::Exemption;
use lwa_core::text::{elide_end, elide_middle, printable};
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

/// The narrowest table that is still readable.
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
    let mut summary = report.summary() + ".";
    if report.tally.is_partial() {
        summary += " The audit is incomplete.";
    }
    wrapped(&mut out, &summary, width, "", "");
    out
}

fn applications(out: &mut String, rows: &[Row<'_>], width: usize, look: Look) {
    let owner_of = |row: &Row<'_>| printable(row.owner().unwrap_or_default());
    let widest = |width: &dyn Fn(&Row<'_>) -> usize| rows.iter().map(width).max().unwrap_or(0);
    // Without any owner there is no column for them.
    let owner = match widest(&|row| display_width(&owner_of(row))) {
        0 => 0,
        widest => widest.clamp("OWNER".len(), OWNER),
    };
    let gaps = GAP.len() * if owner == 0 { 4 } else { 5 };
    let fixed = DAYS + SEVERITY + DATE + owner + gaps;
    // Findings take what they need, up to two codes; the application the rest.
    let room = width.saturating_sub(fixed + "LWA001 LWA002".len());
    let name = widest(&|row| row.application.as_str().len())
        .clamp("APPLICATION".len(), room.max("APPLICATION".len()));
    let codes = width.saturating_sub(fixed + name);
    let mut line = |style: Style, cells: [String; 6]| {
        let [days, severity, application, date, by, found] = cells;
        let mut line = [
            format!("{days:>DAYS$}"),
            severity,
            pad(&application, name),
            pad(&date, DATE),
        ]
        .join(GAP);
        if owner > 0 {
            line = [line, pad(&by, owner)].join(GAP);
        }
        line = [line, found].join(GAP);
        let _ = writeln!(out, "{style}{}{style:#}", line.trim_end());
    };
    let bold = if look.color {
        Style::new().bold()
    } else {
        Style::new()
    };
    let heading = [
        "DAYS",
        "SEVERITY",
        "APPLICATION",
        "DEADLINE",
        "OWNER",
        "FINDINGS",
    ];
    line(bold, heading.map(str::to_owned));
    for row in rows {
        let days = row.days_left().map(|days| days.to_string());
        let date = match row.date() {
            date if date.is_empty() => "unknown".to_owned(),
            date if row.is_estimated() => date + "~",
            date => date,
        };
        let cells = [
            days.unwrap_or_else(|| "?".to_owned()),
            paint(look, row.severity(), &pad(row.status(), SEVERITY)),
            elide_middle(row.application.as_str(), name),
            date,
            fit(&owner_of(row), owner),
            code_list(row, codes),
        ];
        line(Style::new(), cells);
    }
    if rows.iter().any(Row::is_estimated) {
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
    for finding in report.findings() {
        let severity = finding.exemption.is_none().then_some(finding.severity);
        let word = severity.map_or("exempt", Severity::as_str);
        let head = paint(look, severity, &pad(word, SEVERITY));
        let credential = printable(&finding.credential);
        let _ = writeln!(out, "\n{head}  {}  {credential}", finding.code);
        let mut text = finding.detail.clone();
        if let Some(Exemption { until, reason }) = &finding.exemption {
            let _ = write!(text, " Exempt until {until}: {reason}");
        }
        wrapped(out, &text, width, "          ", "          ");
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
