//! The story as a picture: the year of one application and of the estate, in a self-contained
//! page.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use crate::outcome::Outcome;
use crate::story::{Entry, Kind};

const WIDTH: f64 = 1180.0;
const LEFT: f64 = 96.0;
const ROW: f64 = 13.0;
const TALL: f64 = 250.0;

/// How each kind is drawn: its colour, its shape, and its text in the legend.
const MARKS: [(Kind, &str, &str, &str); 8] = [
    (Kind::Notice, "#8a6d00", "square", "Amazon's notice"),
    (Kind::Reminder, "#c05a00", "circle", "reminder to people"),
    (Kind::Requested, "#0b62c4", "triangle", "rotation requested"),
    (Kind::Stored, "#14803c", "diamond", "new secret stored"),
    (Kind::Person, "#7a3fb0", "square", "done by hand"),
    (Kind::ServiceFailed, "#d01f2e", "cross", "a service fails"),
    (Kind::DeadLetter, "#d01f2e", "square", "dead letter"),
    (Kind::Violation, "#d01f2e", "diamond", "violation"),
];

/// The page for an outcome whose story was recorded.
pub fn page(outcome: &Outcome) -> String {
    let scale = Scale::new(outcome);
    let chosen = most_eventful(outcome);
    let mut html = String::new();
    html.push_str(HEAD);
    let verdict = match &outcome.violation {
        None => "<p class=\"good\">Every invariant held.</p>".to_owned(),
        Some(violation) => format!("<p class=\"bad\">{}</p>", escape(&violation.to_string())),
    };
    let counts = &outcome.counts;
    let _ = write!(
        html,
        "<h1>{} applications, {} days</h1>{verdict}\
         <p class=\"facts\">{} rotations by the system, {} by hand · {} reminders · {} messages · \
         {} tokens · {} calls, of which {} failed · {} dead letters</p>",
        outcome.settings.applications,
        outcome.settings.days,
        counts.rotations,
        counts.console_rotations,
        counts.reminders,
        counts.messages,
        counts.tokens,
        counts.calls,
        counts.faults,
        counts.dead_letters,
    );
    legend(&mut html);
    if let Some(number) = chosen {
        let _ = write!(html, "<h2>One application: app-{number:02}</h2>");
        html.push_str(
            "<p>The line is the time that is left to the stored secret: it falls day by day, \
             rises where a new secret is stored, and drops where a person puts the previous one \
             back. It must not reach the bottom.</p>",
        );
        one(&mut html, outcome, &scale, number);
    }
    html.push_str(
        "<h2>The estate</h2><p>One row for each application. The bar is green while its secret \
         has more than 30 days, amber from there on, and red once it has none. Grey columns are \
         outages.</p>",
    );
    estate(&mut html, outcome, &scale);
    let _ = writeln!(
        html,
        "<p class=\"facts\">lwa simulate {}</p></body></html>",
        escape(&outcome.settings.to_string())
    );
    html
}

struct Scale {
    start: Timestamp,
    end: Timestamp,
    days: f64,
}

impl Scale {
    fn new(outcome: &Outcome) -> Self {
        let start = crate::time::start();
        let days = outcome.settings.days.max(1);
        let end = start
            .checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX);
        Self {
            start,
            end,
            days: f64::from(days),
        }
    }

    fn x(&self, at: Timestamp) -> f64 {
        let day = at.duration_since(self.start).as_secs_f64() / 86_400.0;
        LEFT + (WIDTH - LEFT - 12.0) * (day / self.days).clamp(0.0, 1.0)
    }

    /// The first days of months, with their names.
    fn months(&self) -> Vec<(Timestamp, String)> {
        let first = self.start.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut months = Vec::new();
        let mut date = first.first_of_month();
        while let Ok(zoned) = date.to_zoned(jiff::tz::TimeZone::UTC)
            && zoned.timestamp() < self.end
        {
            months.push((zoned.timestamp(), date.strftime("%b").to_string()));
            let Ok(next) = date.checked_add(jiff::Span::new().months(1)) else {
                break;
            };
            date = next;
        }
        months
    }
}

/// A secret in the vault, from when to when, and when it expires.
struct Life {
    from: Timestamp,
    to: Timestamp,
    expires: Timestamp,
}

fn of(outcome: &Outcome, number: usize) -> impl Iterator<Item = &Entry> {
    let entries = outcome.story.entries.iter();
    entries.filter(move |entry| entry.application == Some(number))
}

fn lives(outcome: &Outcome, scale: &Scale, number: usize) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let end = outcome
        .violation
        .as_ref()
        .map_or(scale.end, |violation| violation.at);
    for entry in of(outcome, number).filter(|entry| entry.kind == Kind::Stored) {
        if let Some(last) = lives.last_mut() {
            last.to = entry.at;
        }
        lives.push(Life {
            from: entry.at,
            to: end,
            expires: entry.until.unwrap_or(entry.at),
        });
    }
    lives
}

/// The application with the most entries.
fn most_eventful(outcome: &Outcome) -> Option<usize> {
    if let Some(violation) = &outcome.violation
        && violation.application.is_some()
    {
        return violation.application;
    }
    let interesting = |entry: &&Entry| MARKS.iter().any(|(kind, ..)| *kind == entry.kind);
    (0..outcome.settings.applications).max_by_key(|&number| {
        let count = of(outcome, number).filter(interesting).count();
        (count, std::cmp::Reverse(number))
    })
}

fn one(html: &mut String, outcome: &Outcome, scale: &Scale, number: usize) {
    let (top, bottom) = (14.0, TALL - 46.0);
    let y = |days: f64| bottom - (bottom - top) * (days / 185.0).clamp(0.0, 1.0);
    let _ = write!(
        html,
        "<svg viewBox=\"0 0 {WIDTH} {TALL}\" role=\"img\" aria-label=\"The year of one application\">"
    );
    columns(html, outcome, scale, top, bottom);
    for (days, label) in [(180.0, "180 days"), (90.0, "90"), (30.0, "30"), (0.0, "0")] {
        let _ = write!(
            html,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - 12.0,
            y(days),
            y(days),
            LEFT - 8.0,
            y(days) + 4.0
        );
    }
    months(html, scale, bottom + 34.0);
    let left =
        |life: &Life, at: Timestamp| life.expires.duration_since(at).as_secs_f64() / 86_400.0;
    let mut path = String::new();
    let mut before = None;
    for life in lives(outcome, scale, number) {
        let (x1, y1) = (scale.x(life.from), y(left(&life, life.from)));
        let (x2, y2) = (scale.x(life.to), y(left(&life, life.to)));
        let command = if before.is_some() { 'L' } else { 'M' };
        let _ = write!(path, "{command}{x1:.1} {y1:.1}L{x2:.1} {y2:.1}");
        before = Some(());
    }
    let _ = write!(html, "<path class=\"left\" d=\"{path}\"/>");
    for entry in of(outcome, number) {
        if let Some((_, colour, shape, _)) = mark_of(entry.kind) {
            let life = lives(outcome, scale, number)
                .into_iter()
                .rfind(|life| life.from <= entry.at);
            let at = life.map_or(bottom, |life| y(left(&life, entry.at)));
            let row = match entry.kind {
                Kind::Notice => bottom + 10.0,
                Kind::Person => top + 2.0,
                _ => at,
            };
            mark(html, scale.x(entry.at), row, 4.5, colour, shape, entry);
        }
    }
    html.push_str("</svg>");
}

fn estate(html: &mut String, outcome: &Outcome, scale: &Scale) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are fewer than 2^52 applications"
    )]
    let rows = outcome.settings.applications as f64;
    let (top, bottom) = (6.0, 6.0 + rows * ROW);
    let _ = write!(
        html,
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"The year of the estate\">",
        bottom + 26.0
    );
    columns(html, outcome, scale, top, bottom);
    months(html, scale, bottom + 18.0);
    for number in 0..outcome.settings.applications {
        #[expect(
            clippy::cast_precision_loss,
            reason = "there are fewer than 2^52 applications"
        )]
        let y = top + number as f64 * ROW;
        let _ = write!(
            html,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">app-{number:02}</text>",
            LEFT - 8.0,
            y + ROW - 3.0
        );
        for life in lives(outcome, scale, number) {
            let amber = life
                .expires
                .checked_sub(SignedDuration::from_hours(30 * 24))
                .unwrap_or(life.from);
            for (class, from, to) in [
                ("green", life.from, life.to.min(amber)),
                ("amber", life.from.max(amber), life.to.min(life.expires)),
                ("red", life.from.max(life.expires), life.to),
            ] {
                if from < to {
                    let _ = write!(
                        html,
                        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                        scale.x(from),
                        y + 2.0,
                        (scale.x(to) - scale.x(from)).max(0.5),
                        ROW - 4.0
                    );
                }
            }
        }
        for entry in of(outcome, number) {
            let is_loud = matches!(
                entry.kind,
                Kind::Requested
                    | Kind::Stored
                    | Kind::Person
                    | Kind::ServiceFailed
                    | Kind::DeadLetter
                    | Kind::Violation
            );
            if is_loud && let Some((_, colour, shape, _)) = mark_of(entry.kind) {
                mark(
                    html,
                    scale.x(entry.at),
                    y + ROW / 2.0,
                    3.0,
                    colour,
                    shape,
                    entry,
                );
            }
        }
    }
    html.push_str("</svg>");
}

fn columns(html: &mut String, outcome: &Outcome, scale: &Scale, top: f64, bottom: f64) {
    for entry in &outcome.story.entries {
        if let (Kind::Outage, Some(until)) = (entry.kind, entry.until) {
            let (x1, x2) = (scale.x(entry.at), scale.x(until));
            let _ = write!(
                html,
                "<rect class=\"outage\" x=\"{x1:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{}</title></rect>",
                (x2 - x1).max(1.0),
                bottom - top,
                escape(&entry.text)
            );
        }
    }
}

fn months(html: &mut String, scale: &Scale, y: f64) {
    for (at, name) in scale.months() {
        let x = scale.x(at);
        let _ = write!(
            html,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{name}</text>",
            y - 12.0,
            x + 3.0
        );
    }
}

fn mark_of(kind: Kind) -> Option<(Kind, &'static str, &'static str, &'static str)> {
    MARKS.into_iter().find(|(of, ..)| *of == kind)
}

fn mark(html: &mut String, x: f64, y: f64, r: f64, colour: &str, shape: &str, entry: &Entry) {
    let title = format!("{:.0} {}", entry.at, escape(&entry.text));
    let shape = match shape {
        "circle" => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\" fill=\"{colour}\">"),
        "square" => format!(
            "<path d=\"M{:.1} {:.1}h{d}v{d}h-{d}z\" fill=\"{colour}\">",
            x - r * 0.85,
            y - r * 0.85,
            d = r * 1.7
        ),
        "diamond" => format!(
            "<path d=\"M{x:.1} {:.1}l{r} {r}l-{r} {r}l-{r} -{r}z\" fill=\"{colour}\">",
            y - r
        ),
        "triangle" => format!(
            "<path d=\"M{x:.1} {:.1}l{r} {h}h-{w}z\" fill=\"{colour}\">",
            y - r,
            h = r * 1.8,
            w = r * 2.0
        ),
        _ => format!(
            "<path d=\"M{:.1} {:.1}l{d} {d}m0 -{d}l-{d} {d}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\">",
            x - r,
            y - r,
            d = r * 2.0
        ),
    };
    let tag = if shape.starts_with("<circle") {
        "circle"
    } else {
        "path"
    };
    let _ = write!(html, "{shape}<title>{title}</title></{tag}>");
}

fn legend(html: &mut String) {
    html.push_str("<p class=\"legend\">");
    for (kind, colour, shape, words) in MARKS {
        let entry = Entry {
            at: Timestamp::UNIX_EPOCH,
            application: None,
            kind,
            text: words.to_owned(),
            until: None,
        };
        html.push_str("<span><svg class=\"key\" viewBox=\"0 0 14 14\">");
        mark(html, 7.0, 7.0, 4.5, colour, shape, &entry);
        let _ = write!(html, "</svg>{words}</span>");
    }
    html.push_str("</p>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>A year of operation</title><style>\
body{font:15px/1.45 system-ui,sans-serif;color:#1d2530;background:#fff;max-width:1200px;margin:24px auto;padding:0 16px}\
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:28px 0 4px}p{margin:4px 0 10px}\
svg{width:100%;height:auto;display:block}svg text{font-size:10.5px;fill:#4a5563}\
.facts{color:#4a5563;font-size:13px}.good{color:#14803c;font-weight:600}.bad{color:#d01f2e;font-weight:600}\
.legend span{display:inline-flex;align-items:center;margin-right:16px;font-size:13px}\
.key{width:14px;height:14px;margin-right:5px}\
.grid{stroke:#e3e7ec}.left{fill:none;stroke:#14803c;stroke-width:1.8}\
.outage{fill:#9aa4b1;fill-opacity:.45}.green{fill:#bfe3cb}.amber{fill:#f6cf7a}.red{fill:#e5707a}\
</style></head><body>";

#[cfg(test)]
mod tests {
    use crate::{Settings, simulate_with_story};

    #[test]
    fn the_page_stands_by_itself() {
        let outcome = simulate_with_story(&Settings {
            applications: 2,
            days: 60,
            ..Settings::default()
        });
        let page = super::page(&outcome);
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
        assert!(!page.contains("http") && !page.contains("<script"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
