//! Sentences that several messages share, so that people read the same words everywhere.

use std::fmt::Display;

use jiff::Timestamp;

use crate::application::ApplicationName;
use crate::deadline::{Basis, Deadline, OVERLAP_DAYS, SECRET_LIFETIME_DAYS};
use crate::link;
use crate::notice::{Notice, Step};

/// A date: `2026-06-30`.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// A minute: `2026-06-30 12:00 UTC`.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A number of days: `1 day`, `30 days`.
pub fn days(number: i64) -> String {
    count(number, "day")
}

/// A number of things: `1 finding`, `2 findings`.
pub fn count<N: Copy + Display + PartialEq + From<bool>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(true) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The first lines of a list, and how many of `total` are left out.
pub fn first(lines: impl Iterator<Item = String>, limit: usize, total: u64) -> Vec<String> {
    let mut lines: Vec<_> = lines.take(limit).collect();
    match total.saturating_sub(lines.len() as u64) {
        0 => {}
        rest => lines.push(format!("and {rest} more")),
    }
    lines
}

/// Applications in a sentence: `my-erp, my-erp/eu`.
pub fn names(applications: &[ApplicationName]) -> String {
    if applications.is_empty() {
        return "an unknown application".to_owned();
    }
    let names: Vec<_> = applications.iter().map(ApplicationName::as_str).collect();
    names.join(", ")
}

/// How far away the deadline is: `30 days left`, `ends today`, `passed 3 days ago`.
pub fn remaining(deadline: &Deadline, now: Timestamp) -> String {
    match (deadline.has_passed(now), deadline.days_left(now)) {
        (true, 0) => "passed today".to_owned(),
        (true, left) => format!("passed {} ago", days(-left)),
        (false, 0) => "ends today".to_owned(),
        (false, left) => format!("{} left", days(left)),
    }
}

/// The deadline's day and how far away it is: `2026-06-30, 30 days left`.
pub fn day(deadline: &Deadline, now: Timestamp) -> String {
    format!("{}, {}", date(deadline.at), remaining(deadline, now))
}

/// The deadline in a sentence about the secret: `stops working on 2026-06-30: 30 days left`,
/// `stopped working on 2026-06-30, 3 days ago`.
pub fn stops_working(deadline: &Deadline, now: Timestamp) -> String {
    let day = date(deadline.at);
    match (deadline.has_passed(now), deadline.days_left(now)) {
        (true, 0) => format!("stopped working today, {day}"),
        (true, left) => format!("stopped working on {day}, {} ago", days(-left)),
        (false, _) => format!("stops working on {day}: {}", remaining(deadline, now)),
    }
}

/// The deadline as a fact: instant, distance, and how it is known.
pub fn deadline(deadline: &Deadline, now: Timestamp, lifetime_days: u32) -> String {
    let basis = match deadline.basis {
        Basis::Reported => "reported by Amazon or an operator".to_owned(),
        Basis::Estimated => {
            format!("an estimate: {lifetime_days} days after it was issued or stored")
        }
        Basis::Doubtful => {
            "an estimate: reported, but another value may be stored since".to_owned()
        }
    };
    format!(
        "{}, {} ({basis})",
        minute(deadline.at),
        remaining(deadline, now)
    )
}

impl Notice {
    /// Adds what a deadline means, for a person who does not know LWA.
    pub(crate) fn consequence(
        self,
        application: &str,
        deadline: Option<&Deadline>,
        now: Timestamp,
    ) -> Self {
        let title = match deadline {
            Some(deadline) if deadline.has_passed(now) => "What that means".to_owned(),
            Some(deadline) => format!("What happens on {}", date(deadline.at)),
            None => format!("What happens {SECRET_LIFETIME_DAYS} days after its issue"),
        };
        let text = format!(
            "Amazon refuses the old secret, and every Selling Partner API call of {application} \
             fails until a new one is stored. The two secrets overlap for {OVERLAP_DAYS} days, so \
             rotating before the deadline interrupts nothing."
        );
        self.paragraph(title, text)
    }
}

/// The first thing to do about a client secret that ends, short enough for a text message. A dead
/// one cannot ask for another.
pub const fn rotate(is_dead: bool) -> &'static str {
    if is_dead {
        "Rotate it in the SP-API developer console."
    } else {
        "Rotate it with lwa rotate."
    }
}

/// How a person rotates the client secret that applications share; `page` is where an
/// application's is stored. A dead one cannot ask for another.
pub fn steps_to_rotate(
    applications: &[ApplicationName],
    page: impl Fn(&ApplicationName) -> String,
    is_dead: bool,
    runbook_url: Option<&str>,
) -> Vec<Step> {
    let first = applications.first().filter(|_| !is_dead);
    let request = first.map(|name| {
        Step::new(format!(
            "Ask for a new one: lwa rotate --application {name}"
        ))
    });
    let otherwise = if is_dead {
        "As"
    } else {
        "If Amazon refuses that: as"
    };
    let rotate = format!(
        "{otherwise} the account's primary user, open the developer console, find {}, view its \
         LWA credentials and rotate the secret:",
        names(applications)
    );
    let store = applications.iter().map(|name| {
        let text = format!(
            "If secret-receiver does not store the new secret within minutes, store it with lwa \
             store --application {name}, or here, and set its tag lwa:secret-expires-at to the \
             new date:"
        );
        Step::at(text, page(name))
    });
    let check = applications.iter().take(1).map(|name| {
        Step::new(format!(
            "Check that Amazon accepts it: lwa token --application {name}"
        ))
    });
    request
        .into_iter()
        .chain([Step::at(rotate, link::DEVELOPER_CONSOLE)])
        .chain(store)
        .chain(check)
        .chain(runbook_step(runbook_url))
        .collect()
}

/// The step that leads to the team's own page.
pub fn runbook_step(runbook_url: Option<&str>) -> Option<Step> {
    runbook_url.map(|url| Step::at("Your team's runbook:", url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_to_a_deadline_is_said_as_a_person_would() {
        let deadline = Deadline {
            at: "2026-06-30T12:00:00Z".parse().unwrap(),
            basis: Basis::Reported,
        };
        let at = |text: &str| remaining(&deadline, text.parse().unwrap());
        assert_eq!(at("2026-05-31T12:00:00Z"), "30 days left");
        assert_eq!(at("2026-06-29T23:00:00Z"), "1 day left");
        assert_eq!(at("2026-06-30T11:00:00Z"), "ends today");
        assert_eq!(at("2026-06-30T13:00:00Z"), "passed today");
        assert_eq!(at("2026-07-01T00:00:00Z"), "passed 1 day ago");
        assert_eq!(at("2026-07-02T00:00:00Z"), "passed 2 days ago");
    }
}
