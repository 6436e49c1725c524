//! The report for a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use lwa_core::Severity;
use lwa_core::text::{elide_end, elide_middle, printable, when, wrap};
use textwrap::core::display_width;

use crate::{Report, Row, verdict};

/// The narrowest table that still says something.
const NARROWEST: usize = 60;

/// Widest owner; the rest of a line belongs to the application.
const OWNER: usize = 14;

const DAYS: usize = 5;
const SEVERITY: usize = 8;
const DATE: usize = 11;

/// What happens next, where a terminal is wide enough for it.
const NEXT: usize = 20;
const WIDE: usize = 100;
const GAP: &str = "  ";

/// The report as coloured lines for a terminal of this width: applications by days left, then
/// every finding with its detail, then what was not seen, then the counts.
pub fn render(report: &Report<'_>, width: usize) -> String {
    let width = width.max(NARROWEST);
    let rows = report.rows();
    let mut out = String::new();
    if !rows.is_empty() {
        applications(&mut out, &rows, width);
    }
    findings(&mut out, report, width);
    let gaps = report.gaps();
    if !gaps.is_empty() {
        out.push('\n');
    }
    for gap in gaps {
        let mark = paint(Some(Severity::Warning), "!");
        wrapped(&mut out, &gap, width, &format!("{mark} "), "  ");
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

fn applications(out: &mut String, rows: &[Row<'_>], width: usize) {
    let owner_width = match rows.iter().map(|row| display_width(&row.owner())).max() {
        None | Some(0) => 0,
        Some(longest) => longest.clamp("OWNER".len(), OWNER),
    };
    let owner_gap = when(owner_width > 0, GAP);
    let (next_width, next_gap) = if width < WIDE { (0, "") } else { (NEXT, GAP) };
    let fixed = DAYS
        + SEVERITY
        + DATE
        + next_gap.len()
        + next_width
        + GAP.len() * 4
        + owner_gap.len()
        + owner_width;
    let longest = rows.iter().map(|row| row.application.as_str().len()).max();
    // Findings take what they need, up to two codes; the application the rest.
    let room = width.saturating_sub(fixed + "LWA001 LWA002".len());
    let least = "APPLICATION".len();
    let name_width = longest.unwrap_or(0).clamp(least, room.max(least));
    let codes_width = width.saturating_sub(fixed + name_width);
    let line = |[days, verdict, name, date, next, owner, codes]: [&str; 7]| {
        let (name, date) = (pad(name, name_width), pad(date, DATE));
        let next = pad(&fit(next, next_width), next_width);
        let owner = pad(&fit(owner, owner_width), owner_width);
        format!(
            "{days:>DAYS$}{GAP}{verdict}{GAP}{name}{GAP}{date}{next_gap}{next}{owner_gap}{owner}{GAP}{codes}"
        )
    };
    let bold = Style::new().bold();
    let severity = pad("SEVERITY", SEVERITY);
    let heading = [
        "DAYS",
        &severity,
        "APPLICATION",
        "DEADLINE",
        "NEXT",
        "OWNER",
        "FINDINGS",
    ];
    let _ = writeln!(out, "{bold}{}{bold:#}", line(heading));
    for row in rows {
        let days = row.days_left.map(|days| days.to_string());
        let verdict = paint(row.severity(), &pad(row.verdict(), SEVERITY));
        let date = row
            .date()
            .map(|date| if row.is_estimated() { date + "~" } else { date });
        let next = row.outlook.map(|outlook| outlook.brief());
        let text = line([
            days.as_deref().unwrap_or("?"),
            &verdict,
            &elide_middle(row.application.as_str(), name_width),
            date.as_deref().unwrap_or("unknown"),
            next.as_deref().unwrap_or_default(),
            &row.owner(),
            &code_list(row, codes_width),
        ]);
        let _ = writeln!(out, "{}", text.trim_end());
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
    let shown = codes.iter().map(|(code, count)| match count {
        1 => (*code).to_owned(),
        count => format!("{code}\u{d7}{count}"),
    });
    let shown: Vec<String> = shown.collect();
    let list = |kept: usize| {
        let rest = shown.len() - kept;
        let rest = (rest > 0).then(|| format!("+{rest}"));
        let words: Vec<_> = shown[..kept].iter().cloned().chain(rest).collect();
        words.join(" ")
    };
    let mut lists = (0..=shown.len()).rev().map(list);
    lists
        .find(|text| display_width(text) <= width)
        .unwrap_or_default()
}

fn findings(out: &mut String, report: &Report<'_>, width: usize) {
    let live = report.tally.findings.items().iter();
    for finding in live.chain(report.tally.exempt.items()) {
        let severity = finding.severity;
        let severity = finding.exemption.is_none().then_some(severity);
        let head = paint(severity, &pad(verdict(finding), SEVERITY));
        let credential = printable(&finding.credential);
        let _ = writeln!(out, "\n{head}  {}  {credential}", finding.code);
        let mut text = finding.detail.clone();
        if let Some(exemption) = &finding.exemption {
            let _ = write!(
                text,
                " Exempt until {}: {}",
                exemption.until, exemption.reason
            );
        }
        wrapped(out, &text, width, "          ", "          ");
    }
}

fn wrapped(out: &mut String, text: &str, width: usize, first: &str, rest: &str) {
    for line in wrap(&printable(text), width, first, rest) {
        let _ = writeln!(out, "{line}");
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
    let cut = |characters| elide_end(text, characters);
    let mut cuts = (0..=text.chars().count()).rev().map(cut);
    cuts.find(|cut| display_width(cut) <= width)
        .unwrap_or_default()
}

fn paint(severity: Option<Severity>, text: &str) -> String {
    let style = match severity {
        Some(Severity::Critical) => AnsiColor::Red.on_default().bold(),
        Some(Severity::Warning) => AnsiColor::Yellow.on_default(),
        Some(Severity::Info) => AnsiColor::Cyan.on_default(),
        None => AnsiColor::Green.on_default(),
    };
    format!("{style}{text}{style:#}")
}
