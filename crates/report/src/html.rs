//! The report as one HTML file: no script, style, font or picture from elsewhere.

use std::collections::BTreeSet;

use askama::Template;
use lwa_core::audit::findings::{EXPLANATIONS, Exemption, Explanation};
use lwa_core::audit::tally::Tally;
use lwa_core::text::{elide_middle, printable};
use lwa_core::urgency::deadline_severity;
use lwa_core::{Severity, wording};

use crate::{Report, Row};

/// The template failed, which only a bug in it can cause.
pub type HtmlError = askama::Error;

/// The report as a whole HTML document.
pub fn render(report: &Report<'_>) -> Result<String, HtmlError> {
    let rows = report.rows();
    let codes: BTreeSet<_> = report.findings().map(|finding| finding.code).collect();
    Page {
        begun: wording::minute(report.now),
        region: report.region,
        scope: report.scope,
        verdict: verdict(report.tally),
        cards: cards(report.tally),
        gaps: report.gaps(),
        timeline: timeline(report, &rows),
        rows: &rows,
        explanations: EXPLANATIONS
            .iter()
            .filter(|e| codes.contains(&e.code))
            .collect(),
    }
    .render()
}

/// Most applications in the picture, as many as a screen can show. The table has them all.
const LANES: usize = 40;

/// The range of the picture, in days into the past and the future. Deadlines beyond are drawn at
/// the edge, with their dates as text.
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
    /// Its class and text.
    verdict: (&'static str, String),
    cards: [Card; 6],
    gaps: Vec<String>,
    timeline: Option<Timeline>,
    rows: &'a [Row<'a>],
    explanations: Vec<&'static Explanation>,
}

/// A class, a number and what it counts.
type Card = (&'static str, u64, &'static str);

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
    class: &'static str,
    name: String,
    when: String,
    date: String,
    y: usize,
    bar_x: String,
    bar_width: String,
    dot_x: String,
    estimated: bool,
}

fn verdict(tally: &Tally) -> (&'static str, String) {
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
    (class, format!("{text} {incomplete}").trim().to_owned())
}

fn cards(tally: &Tally) -> [Card; 6] {
    let shown = |class, value| if value > 0 { class } else { "none" };
    let critical = tally.count(Severity::Critical);
    let warning = tally.count(Severity::Warning);
    [
        ("plain", tally.applications, "applications"),
        ("plain", tally.credentials, "credentials"),
        (shown("critical", critical), critical, "critical"),
        (shown("warning", warning), warning, "warnings"),
        ("plain", tally.count(Severity::Info), "info"),
        ("plain", tally.exempt.total(), "exempt"),
    ]
}

fn timeline(report: &Report<'_>, rows: &[Row<'_>]) -> Option<Timeline> {
    let dated: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.deadline()?, row.days_left()?)))
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
                class: row.urgency(),
                name: elide_middle(row.application.as_str(), NAME),
                when: wording::remaining(deadline, report.now),
                date: row.date(),
                y,
                bar_x: x(days.min(0)),
                bar_width: percent(days.abs(), to - from),
                dot_x: x(days),
                estimated: row.is_estimated(),
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

/// What the template shows of a row.
impl<'a> Row<'a> {
    /// The name at whose slashes a line may break.
    fn segments(&self) -> impl Iterator<Item = &'a str> {
        self.application.as_str().split('/')
    }

    fn days(&self) -> String {
        let days = self.days_left();
        days.map_or_else(|| "unknown".to_owned(), |days| days.to_string())
    }

    /// What the column sorts by; an unknown number comes last.
    fn days_key(&self) -> i64 {
        self.days_left().unwrap_or(i64::MAX)
    }

    /// What the column sorts by; the worst comes first.
    fn severity_key(&self) -> u8 {
        match self.severity() {
            Some(Severity::Critical) => 0,
            Some(Severity::Warning) => 1,
            Some(Severity::Info) => 2,
            None => 3,
        }
    }

    fn owner_text(&self) -> String {
        printable(self.owner().unwrap_or_default())
    }

    fn exemption_text(&self) -> Option<String> {
        let Exemption { until, reason } = self.exemption()?;
        Some(format!("exempt until {until}: {}", printable(reason)))
    }

    /// The class that colours the deadline by how near it is.
    fn urgency(&self) -> &'static str {
        match self.deadline() {
            _ if self.exemption().is_some() => "exempt",
            None => "unknown",
            Some(deadline) => match deadline_severity(&deadline, self.now) {
                Severity::Info => "ok",
                severity => severity.as_str(),
            },
        }
    }
}
