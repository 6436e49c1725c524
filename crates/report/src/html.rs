//! The report as one HTML file: no script, style, font or picture from elsewhere.

use std::collections::BTreeSet;

use askama::Template;
use lwa_core::audit::findings::{EXPLANATIONS, Explanation, Finding};
use lwa_core::text::{elide_middle, printable};
use lwa_core::{Severity, wording};

use crate::{Report, Row};

/// The report could not be written; a bug in the template, because memory takes any text.
pub type HtmlError = askama::Error;

/// The report as a whole HTML document.
pub fn render(report: &Report<'_>) -> Result<String, HtmlError> {
    let rows = report.rows();
    let codes: BTreeSet<_> = rows
        .iter()
        .flat_map(|row| &row.findings)
        .map(|finding| finding.code)
        .collect();
    Page {
        begun: wording::minute(report.now),
        region: report.region,
        scope: report.scope,
        verdict: verdict(report),
        cards: cards(report),
        gaps: report.gaps(),
        timeline: timeline(report, &rows),
        lines: rows.iter().map(|row| line(report, row)).collect(),
        explanations: EXPLANATIONS
            .iter()
            .filter(|e| codes.contains(&e.code))
            .collect(),
    }
    .render()
}

/// Most applications in the picture. More lines than fit a screen show nothing at a glance;
/// the table has them all.
const LANES: usize = 40;

/// The furthest that the picture reaches, in days into the past and the future. What lies
/// beyond is drawn at the edge and told in words.
const PAST: i64 = -60;
const FUTURE: i64 = 400;

/// Pixels.
const HEAD: usize = 28;
const LANE: usize = 42;

/// Longest name in the picture, so that name and date fit beside each other on a telephone.
const NAME: usize = 26;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    begun: String,
    region: &'a str,
    scope: &'a str,
    verdict: Verdict,
    cards: Vec<Card>,
    gaps: Vec<String>,
    timeline: Option<Timeline>,
    lines: Vec<Line<'a>>,
    explanations: Vec<&'static Explanation>,
}

struct Verdict {
    class: &'static str,
    text: String,
}

struct Card {
    class: &'static str,
    value: u64,
    label: &'static str,
}

/// The picture; everything across in percent, so that it fits any screen without shrinking
/// its letters.
struct Timeline {
    height: usize,
    foot: usize,
    today: String,
    ticks: Vec<Tick>,
    lanes: Vec<Lane>,
    more: usize,
    summary: String,
}

struct Tick {
    x: String,
    label: String,
    /// Whether it gives way where there is little room.
    minor: bool,
    anchor: &'static str,
}

struct Lane {
    class: &'static str,
    name: String,
    when: String,
    date: String,
    text_y: usize,
    bar_y: usize,
    dot_y: usize,
    bar_x: String,
    bar_width: String,
    dot_x: String,
    estimated: bool,
}

struct Line<'a> {
    application: &'a str,
    /// The name at whose slashes a line may break.
    segments: Vec<&'a str>,
    vault: &'static str,
    owner: String,
    /// What the column sorts by, because empty cells and words have no number.
    days_key: i64,
    days: String,
    class: &'static str,
    date: String,
    estimated: bool,
    /// The same for severities.
    severity_key: u8,
    severity: &'static str,
    exemption: Option<String>,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    class: &'static str,
    severity: &'static str,
    code: &'static str,
    title: &'static str,
    credential: &'a str,
    detail: &'a str,
    exempt: bool,
}

fn verdict(report: &Report<'_>) -> Verdict {
    let tally = report.tally;
    let (class, text) = match tally.worst() {
        Some(Severity::Critical) => ("critical", "Act today."),
        Some(Severity::Warning) => ("warning", "Act within days."),
        _ if tally.is_partial() => ("warning", ""),
        _ if tally.applications == 0 => ("warning", "No application was found."),
        _ => ("ok", "All is well."),
    };
    let incomplete = if tally.is_partial() {
        "The audit is incomplete: see below."
    } else {
        ""
    };
    let text = format!("{text} {incomplete}").trim().to_owned();
    Verdict { class, text }
}

fn cards(report: &Report<'_>) -> Vec<Card> {
    let tally = report.tally;
    let card = |class, value, label| Card {
        class,
        value,
        label,
    };
    let shown = |class, value| if value > 0 { class } else { "none" };
    let (critical, warning) = (
        tally.count(Severity::Critical),
        tally.count(Severity::Warning),
    );
    vec![
        card("plain", tally.applications, "applications"),
        card("plain", tally.credentials, "credentials"),
        card(shown("critical", critical), critical, "critical"),
        card(shown("warning", warning), warning, "warnings"),
        card("plain", tally.count(Severity::Info), "info"),
        card("plain", tally.exempt.total(), "exempt"),
    ]
}

fn timeline(report: &Report<'_>, rows: &[Row<'_>]) -> Option<Timeline> {
    let dated: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.deadline?, row.days_left?)))
        .collect();
    let shown = &dated[..dated.len().min(LANES)];
    let first = shown.iter().map(|(_, _, days)| *days).min()?;
    let last = shown.iter().map(|(_, _, days)| *days).max()?;
    // A margin on both sides, so that no dot is cut in half.
    let from = first.clamp(PAST, 0) - 4;
    let to = last.clamp(30, FUTURE) + 6;
    let x = |days: i64| percent(days.clamp(from, to) - from, to - from);
    let lanes = shown
        .iter()
        .enumerate()
        .map(|(index, (row, deadline, days))| {
            let y = HEAD + index * LANE;
            let days = (*days).clamp(from + 1, to - 1);
            Lane {
                class: urgency(report, row),
                name: elide_middle(row.application.as_str(), NAME),
                when: wording::remaining(deadline, report.now),
                date: wording::date(deadline.at),
                text_y: y + 14,
                bar_y: y + 22,
                dot_y: y + 26,
                bar_x: x(days.min(0)),
                bar_width: percent(days.abs(), to - from),
                dot_x: x(days),
                estimated: deadline.basis.is_estimate(),
            }
        })
        .collect();
    let height = HEAD + shown.len() * LANE + 4;
    let mut ticks: Vec<Tick> = Vec::new();
    let mut last_tick = from;
    for days in [0, 30, 90, 180, 365] {
        // Labels closer than an eighth of the width would run into each other.
        let is_first = ticks.is_empty();
        if days < to && (is_first || (days - last_tick) * 8 >= to - from) {
            ticks.push(Tick {
                x: x(days),
                minor: !is_first && (days - last_tick) * 4 < to - from,
                label: if is_first {
                    "today".to_owned()
                } else {
                    format!("{days} days")
                },
                anchor: if is_first && from > -20 {
                    "start"
                } else {
                    "middle"
                },
            });
            last_tick = days;
        }
    }
    if let Some(tick) = ticks.last_mut()
        && (to - last_tick) * 12 < to - from
    {
        tick.anchor = "end";
    }
    let late = dated
        .iter()
        .filter(|(_, deadline, _)| deadline.has_passed(report.now))
        .count();
    let next = dated
        .iter()
        .find(|(_, deadline, _)| !deadline.has_passed(report.now));
    let next = next.map_or_else(String::new, |(row, deadline, _)| {
        let remaining = wording::remaining(deadline, report.now);
        format!(" Next: {}, {remaining}.", row.application)
    });
    let late = match late {
        0 => "No deadline has passed.".to_owned(),
        1 => "1 deadline has passed.".to_owned(),
        late => format!("{late} deadlines have passed."),
    };
    Some(Timeline {
        height,
        foot: height - 4,
        today: x(0),
        ticks,
        lanes,
        more: dated.len() - shown.len(),
        summary: format!("{late}{next}"),
    })
}

fn percent(part: i64, whole: i64) -> String {
    // Tenths of a percent are finer than a pixel.
    let thousandths = part.max(0) * 1000 / whole.max(1);
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

fn line<'a>(report: &Report<'_>, row: &Row<'a>) -> Line<'a> {
    let severity = row.severity();
    let exempt = |exemption: &lwa_core::audit::findings::Exemption| {
        format!(
            "exempt until {}: {}",
            exemption.until,
            printable(&exemption.reason)
        )
    };
    let entry = |finding: &&'a Finding| Entry {
        class: match finding.exemption {
            Some(_) => "exempt",
            None => class(Some(finding.severity)),
        },
        severity: finding.severity.as_str(),
        code: finding.code.as_str(),
        title: finding.code.explanation().title,
        credential: &finding.credential,
        detail: &finding.detail,
        exempt: finding.exemption.is_some(),
    };
    Line {
        application: row.application.as_str(),
        segments: row.application.as_str().split('/').collect(),
        vault: row.vault.name(),
        owner: printable(row.owner.unwrap_or_default()),
        days_key: row.days_left.unwrap_or(i64::MAX),
        days: row
            .days_left
            .map_or_else(|| "unknown".to_owned(), |days| days.to_string()),
        class: urgency(report, row),
        date: row
            .deadline
            .map(|deadline| wording::date(deadline.at))
            .unwrap_or_default(),
        estimated: row
            .deadline
            .is_some_and(|deadline| deadline.basis.is_estimate()),
        severity_key: match severity {
            Some(Severity::Critical) => 0,
            Some(Severity::Warning) => 1,
            Some(Severity::Info) => 2,
            None => 3,
        },
        severity: match (severity, row.exemption) {
            (Some(severity), _) => severity.as_str(),
            (None, Some(_)) => "exempt",
            (None, None) => "ok",
        },
        exemption: row.exemption.map(exempt),
        entries: row.findings.iter().map(entry).collect(),
    }
}

/// How near the deadline is, for colours.
fn urgency(report: &Report<'_>, row: &Row<'_>) -> &'static str {
    match row.deadline {
        _ if row.exemption.is_some() => "exempt",
        None => "unknown",
        Some(deadline) => match lwa_core::urgency::deadline_severity(&deadline, report.now) {
            Severity::Info => "ok",
            severity => class(Some(severity)),
        },
    }
}

const fn class(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(severity) => severity.as_str(),
        None => "ok",
    }
}
