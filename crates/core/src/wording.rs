//! Sentences that several messages share, so that people read the same words everywhere.

use jiff::Timestamp;

use crate::deadline::{Basis, Deadline, OVERLAP_DAYS};
use crate::link;
use crate::message::Step;

/// A date: `2026-06-30`.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// A minute: `2026-06-30 12:00 UTC`.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A number of days: `1 day`, `30 days`.
pub fn days(count: i64) -> String {
    if count == 1 {
        "1 day".to_owned()
    } else {
        format!("{count} days")
    }
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

/// What the deadline means, for a person who does not know LWA.
pub fn what_happens(application: &str) -> String {
    format!(
        "Amazon refuses the old secret, and every Selling Partner API call of {application} fails \
         until a new one is stored. The two secrets overlap for {OVERLAP_DAYS} days, so rotating \
         before the deadline interrupts nothing."
    )
}

/// How a person rotates a client secret that Parameter Store holds.
pub fn rotation_steps(
    application: &str,
    parameter_name: &str,
    region: &str,
    runbook_url: Option<&str>,
) -> Vec<Step> {
    let mut steps = vec![
        Step::at(
            format!(
                "As the account's primary user, open the developer console, find {application}, \
                 view its LWA credentials and rotate the secret:"
            ),
            link::DEVELOPER_CONSOLE,
        ),
        Step::at(
            "Store the new secret as a new version of the parameter, and set its tag \
             lwa:secret-expires-at to the new date:",
            link::parameter(region, parameter_name),
        ),
        Step::new(format!(
            "Check that Amazon accepts it: lwa token --application {application}"
        )),
    ];
    steps.extend(runbook_step(runbook_url));
    steps
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
