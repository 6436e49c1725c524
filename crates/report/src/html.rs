//! The report as one HTML file: no script, style, font or picture from elsewhere.

use std::collections::BTreeSet;

use askama::Template;
use lwa_core::audit::findings::{EXPLANATIONS, Explanation};
use lwa_core::text::{elide_middle, printable, when};
use lwa_core::{Severity, wording};

use crate::{Report, Row};

/// The report could not be written; a bug in the template, because memory takes any text.
pub type HtmlError = askama::Error;

/// The report as a whole HTML document.
pub fn render(report: &Report<'_>) -> Result<String, HtmlError> {
    let rows = report.rows();
    let findings = rows.iter().flat_map(|row| &row.findings);
    let codes: BTreeSet<_> = findings.map(|finding| finding.code).collect();
    Page {
        report,
        begun: wording::minute(report.now),
        verdict: verdict(report),
        cards: cards(report),
        timeline: timeline(report, &rows),
        rows: &rows,
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
    report: &'a Report<'a>,
    begun: String,
    /// Class and text.
    verdict: (&'static str, String),
    /// Class, number and label.
    cards: [(&'static str, u64, &'static str); 6],
    timeline: Option<Timeline>,
    rows: &'a [Row<'a>],
    explanations: Vec<&'static Explanation>,
}

/// The picture; everything across in percent, so that it fits any screen without shrinking
/// its letters.
struct Timeline {
    height: usize,
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
    y: usize,
    class: &'static str,
    name: String,
    when: String,
    date: String,
    bar_x: String,
    bar_width: String,
    dot_x: String,
    estimated: bool,
}

fn verdict(report: &Report<'_>) -> (&'static str, String) {
    let tally = report.tally;
    let (class, text) = match tally.worst() {
        Some(Severity::Critical) => ("critical", "Act today."),
        Some(Severity::Warning) => ("warning", "Act within days."),
        _ if tally.is_partial() => ("warning", ""),
        _ if tally.applications == 0 => ("warning", "No application was found."),
        _ => ("ok", "All is well."),
    };
    let incomplete = when(tally.is_partial(), "The audit is incomplete: see below.");
    (class, format!("{text} {incomplete}").trim().to_owned())
}

fn cards(report: &Report<'_>) -> [(&'static str, u64, &'static str); 6] {
    let tally = report.tally;
    let cards = [
        ("plain", tally.applications, "applications"),
        ("plain", tally.credentials, "credentials"),
        ("critical", tally.count(Severity::Critical), "critical"),
        ("warning", tally.count(Severity::Warning), "warnings"),
        ("plain", tally.count(Severity::Info), "info"),
        ("plain", tally.exempt.total(), "exempt"),
    ];
    cards.map(|(class, value, label)| match (class, value) {
        ("critical" | "warning", 0) => ("none", 0, label),
        _ => (class, value, label),
    })
}

fn timeline(report: &Report<'_>, rows: &[Row<'_>]) -> Option<Timeline> {
    let now = report.now;
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
            let days = (*days).clamp(from + 1, to - 1);
            Lane {
                y: HEAD + index * LANE,
                class: urgency(row),
                name: elide_middle(row.application.as_str(), NAME),
                when: wording::remaining(deadline, now),
                date: wording::date(deadline.at),
                bar_x: x(days.min(0)),
                bar_width: percent(days.abs(), to - from),
                dot_x: x(days),
                estimated: deadline.basis.is_estimate(),
            }
        })
        .collect();
    let mut ticks = vec![Tick {
        x: x(0),
        minor: false,
        label: "today".to_owned(),
        anchor: if from > -20 { "start" } else { "middle" },
    }];
    let mut last_tick = 0;
    for days in [30, 90, 180, 365] {
        // Labels closer than an eighth of the width would run into each other.
        if days < to && (days - last_tick) * 8 >= to - from {
            ticks.push(Tick {
                x: x(days),
                minor: (days - last_tick) * 4 < to - from,
                label: format!("{days} days"),
                anchor: "middle",
            });
            last_tick = days;
        }
    }
    if let Some(tick) = ticks.last_mut()
        && (to - last_tick) * 12 < to - from
    {
        tick.anchor = "end";
    }
    // They are in the order of their deadlines.
    let late = dated.partition_point(|(_, deadline, _)| deadline.has_passed(now));
    let next = dated.get(late).map(|(row, deadline, _)| {
        let remaining = wording::remaining(deadline, now);
        format!(" Next: {}, {remaining}.", row.application)
    });
    let late = match late {
        0 => "No deadline has passed.".to_owned(),
        1 => "1 deadline has passed.".to_owned(),
        late => format!("{late} deadlines have passed."),
    };
    Some(Timeline {
        height: HEAD + shown.len() * LANE + 4,
        today: x(0),
        ticks,
        lanes,
        more: dated.len() - shown.len(),
        summary: late + &next.unwrap_or_default(),
    })
}

fn percent(part: i64, whole: i64) -> String {
    // Tenths of a percent are finer than a pixel.
    let thousandths = part.max(0) * 1000 / whole.max(1);
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// What a row of the page's table shows.
impl Row<'_> {
    /// What the column of days sorts by, because words and empty cells have no number.
    fn days_key(&self) -> i64 {
        self.days_left.unwrap_or(i64::MAX)
    }

    /// The same for severities.
    /// When something happens next, sortable.
    fn next_key(&self) -> String {
        let at = self.outlook.and_then(|outlook| outlook.next.at());
        at.map(|at| at.to_string()).unwrap_or_default()
    }

    fn severity_key(&self) -> usize {
        let badness = self.severity().map_or(0, |severity| 1 + severity as usize);
        Severity::ALL.len() - badness
    }

    fn exemption_text(&self) -> Option<String> {
        let exemption = self.exemption?;
        let (until, reason) = (exemption.until, printable(&exemption.reason));
        Some(format!("exempt until {until}: {reason}"))
    }
}

/// How much the deadline needs people, for colours.
fn urgency(row: &Row<'_>) -> &'static str {
    match row.outlook {
        _ if row.exemption.is_some() => "exempt",
        None => "unknown",
        Some(outlook) if outlook.deadline.is_none() => "unknown",
        Some(outlook) => match outlook.severity {
            Severity::Info => "ok",
            severity => severity.as_str(),
        },
    }
}
