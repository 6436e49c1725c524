//! The sentences and lines of a digest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::reason::Reason;
use crate::audit::Vault;
use crate::audit::findings::{Code, Finding};
use crate::audit::tally::{ApplicationDeadline, NotSeen, Tally, Top};
use crate::link;
use crate::notice::{Headline, Step};
use crate::severity::Severity;
use crate::wording::{count, date, days, remaining};

/// The title of the list of reminders.
pub(super) const TO_ROTATE: &str = "Client secrets to rotate";

/// The most urgent thing.
pub(super) fn headline(tally: &Tally, now: Timestamp) -> Headline {
    let missed = tally.not_seen.items().first();
    let missed = missed.map(|missed| missed.what.clone()).unwrap_or_default();
    if tally.is_partial() && tally.credentials == 0 {
        return Headline::new("Audit saw nothing: ", missed, "");
    }
    let partial = if tally.is_partial() {
        "Audit incomplete; "
    } else {
        ""
    };
    if let Some(row) = tally.reminders.items().first()
        && let Some(deadline) = row.deadline
    {
        let others = match tally.reminders.total() - 1 {
            0 => String::new(),
            others => format!(", and {others} more to rotate"),
        };
        let verb = match (deadline.has_passed(now), deadline.days_left(now)) {
            (true, _) => "deadline ",
            (false, 0) => "",
            (false, _) => "has ",
        };
        let after = format!(
            ": client secret {verb}{}{others}",
            remaining(&deadline, now)
        );
        return Headline::new(partial, row.application.as_str(), after);
    }
    if tally.worst() > Some(Severity::Info) {
        let after = format!(" in {}", count(tally.applications, "application"));
        return Headline::new(partial, counts(tally), after);
    }
    if tally.ended_exemptions.total() > 0 {
        let ended = count(tally.ended_exemptions.total(), "exemption");
        return Headline::new(partial, ended, " ended yesterday");
    }
    if tally.is_partial() {
        return Headline::new("Audit incomplete: ", missed, " was not seen");
    }
    let well = match tally.applications {
        0 => return Headline::new("The audit found no application", "", ""),
        1 => "The one application is well".to_owned(),
        applications => format!("All {applications} applications are well"),
    };
    let rows = tally.deadlines.items().iter();
    let mut ahead = rows.filter_map(|row| Some((row, row.days_left.filter(|left| *left >= 0)?)));
    match ahead.next() {
        Some((row, left)) => Headline::new(
            format!("{well}; next deadline: "),
            row.application.as_str(),
            format!(" in {}", days(left)),
        ),
        None => Headline::new(well, "", ""),
    }
}

/// What follows the headline.
pub(super) fn lead(tally: &Tally, reasons: &[Reason]) -> Vec<String> {
    let is_well = tally.worst() <= Some(Severity::Info);
    if reasons == [Reason::Heartbeat] && is_well {
        let lead = if tally.applications == 0 {
            [
                "Check LWA_PARAMETER_PREFIX and LWA_VAULT.",
                "The audit runs and reaches you.",
            ]
        } else {
            [
                "There is nothing to do.",
                "This message comes once a week, so that you notice when the audit stops.",
            ]
        };
        return lead.map(str::to_owned).to_vec();
    }
    let because = reasons.iter().map(|reason| match reason {
        Reason::ReminderDay => match tally.reminders.total() {
            1 => "one client secret is due for a reminder".to_owned(),
            rows => format!("{rows} client secrets are due for a reminder"),
        },
        Reason::Finding => format!("{} to look into", count(tally.alarming, "finding")),
        Reason::ExemptionEnded => {
            format!(
                "{} ended yesterday",
                count(tally.ended_exemptions.total(), "exemption")
            )
        }
        Reason::Partial => "part of the estate was not seen".to_owned(),
        Reason::Heartbeat => "the weekly sign of life is due".to_owned(),
    });
    let because = because.collect::<Vec<_>>().join("; ");
    let findings = (tally.reminders.total() > 0 && !is_well).then(|| {
        let applications = count(tally.applications, "application");
        format!("Findings: {} in {applications}.", counts(tally))
    });
    let reports =
        format!("The daily audit of your Selling Partner API credentials reports: {because}.");
    findings.into_iter().chain([reports]).collect()
}

/// `1 critical, 2 warnings`.
fn counts(tally: &Tally) -> String {
    let warnings = count(tally.count(Severity::Warning), "warning");
    match [Severity::Critical, Severity::Warning].map(|severity| tally.count(severity)) {
        [0, 0] => "none critical, no warnings".to_owned(),
        [0, _] => warnings,
        [critical, 0] => format!("{critical} critical"),
        [critical, _] => format!("{critical} critical, {warnings}"),
    }
}

/// `1 critical, 2 warnings, 3 info`.
pub(super) fn all_counts(tally: &Tally) -> String {
    match tally.count(Severity::Info) {
        0 => counts(tally),
        info => format!("{}, {info} info", counts(tally)),
    }
}

pub(super) fn exempt_count(tally: &Tally) -> Option<String> {
    let exempt = tally.exempt.total();
    (exempt > 0).then(|| count(exempt, "finding"))
}

pub(super) fn reminders(tally: &Tally, limit: usize, now: Timestamp) -> Vec<String> {
    let line = |row: &_| deadline_line(row, now, true);
    lines(&tally.reminders, limit, ", in messages of their own", line)
}

pub(super) fn ended_exemptions(tally: &Tally, limit: usize) -> Vec<String> {
    lines(&tally.ended_exemptions, limit, "", |ended| {
        let exemption = &ended.exemption;
        format!(
            "{}: until {} ({})",
            ended.credential, exemption.until, exemption.reason
        )
    })
}

/// The findings under their owners, in the order of their worst finding; those without an owner
/// come last.
pub(super) fn by_owner(listed: &[&Finding]) -> Vec<(String, Vec<String>)> {
    let mut owners: Vec<Option<&str>> = Vec::new();
    for finding in listed {
        let owner = finding.owner.as_deref();
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    owners.sort_by_key(Option::is_none);
    let section = |owner: &Option<&str>| {
        let title = match owner {
            Some(owner) => format!("Findings for {owner}"),
            None if owners.len() == 1 => "Findings".to_owned(),
            None => "Findings without an owner".to_owned(),
        };
        let theirs = listed
            .iter()
            .filter(|finding| finding.owner.as_deref() == *owner);
        (title, theirs.map(|finding| finding_line(finding)).collect())
    };
    owners.iter().map(section).collect()
}

fn finding_line(finding: &Finding) -> String {
    let vault = match finding.vault {
        Vault::ParameterStore => "",
        Vault::SecretsManager => " (Secrets Manager)",
    };
    let (severity, code) = (finding.severity.label(), finding.code);
    format!(
        "{severity} {code} {}{vault}: {}",
        finding.credential, finding.detail
    )
}

/// What the lists leave out, by code.
pub(super) fn remainder(tally: &Tally, listed: &[&Finding]) -> Vec<String> {
    let mut left: BTreeMap<Code, u64> = tally.by_code.clone();
    for finding in listed {
        if let Some(count) = left.get_mut(&finding.code) {
            *count = count.saturating_sub(1);
        }
    }
    left.into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(code, count)| format!("{code} {}: {count}", code.explanation().title))
        .collect()
}

pub(super) fn exempt(tally: &Tally, limit: usize) -> Vec<String> {
    lines(&tally.exempt, limit, "", |finding| {
        let until = finding
            .exemption
            .as_ref()
            .map(|exemption| format!(": until {} ({})", exemption.until, exemption.reason));
        format!(
            "{} {}{}",
            finding.code,
            finding.credential,
            until.unwrap_or_default()
        )
    })
}

pub(super) fn next_deadlines(tally: &Tally, limit: usize, now: Timestamp) -> Vec<String> {
    let is_ahead = |row: &&ApplicationDeadline| row.deadline.is_some_and(|d| !d.has_passed(now));
    let rows = tally.deadlines.items().iter().filter(is_ahead).take(limit);
    rows.map(|row| deadline_line(row, now, false)).collect()
}

/// `my-erp: 2026-10-28, 7 days left, owner team-b`.
pub(super) fn deadline_line(row: &ApplicationDeadline, now: Timestamp, with_owner: bool) -> String {
    let Some(deadline) = row.deadline else {
        return format!("{}: unknown", row.application);
    };
    let (day, left) = (date(deadline.at), remaining(&deadline, now));
    let estimated = if deadline.basis.is_estimate() {
        " (estimated)"
    } else {
        ""
    };
    let exempt = if row.exemption.is_some() {
        " (exempt)"
    } else {
        ""
    };
    let owner = row.owner.as_ref().filter(|_| with_owner);
    let owner = owner
        .map(|owner| format!(", owner {owner}"))
        .unwrap_or_default();
    format!(
        "{}: {day}, {left}{estimated}{exempt}{owner}",
        row.application
    )
}

pub(super) fn remedy(code: Code) -> Step {
    let remedy = code.explanation().remedy;
    match code {
        Code::Lwa002 => Step::at(format!("Deadlines: {remedy}"), link::DEVELOPER_CONSOLE),
        code => Step::new(format!("{code}: {remedy}")),
    }
}

/// What was not seen, and tags that could not be used.
pub(super) fn missing(tally: &Tally) -> Vec<String> {
    let not_seen = |missed: &NotSeen| format!("{}: {}", missed.what, missed.why);
    let mut missing = lines(&tally.not_seen, usize::MAX, "", not_seen);
    missing.extend(lines(&tally.notes, usize::MAX, "", Clone::clone));
    missing
}

/// The first lines, and how many are left out.
fn lines<T>(top: &Top<T>, limit: usize, place: &str, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<_> = top.items().iter().take(limit).map(line).collect();
    let rest = top.total().saturating_sub(lines.len() as u64);
    if rest > 0 {
        lines.push(format!("and {rest} more{place}"));
    }
    lines
}
