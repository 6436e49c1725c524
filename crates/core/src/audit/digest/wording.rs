//! The sentences and lines of a digest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::reason::Reason;
use crate::audit::findings::{Code, Exemption, Finding};
use crate::audit::tally::{ApplicationDeadline, NotSeen, Tally, Top};
use crate::audit::top::Ranked;
use crate::link;
use crate::notice::{Headline, Notice, Step};
use crate::outlook::Outlook;
use crate::severity::Severity;
use crate::text::{after, when};
use crate::vault::VaultKind;
use crate::wording::{count, day, days, first, remaining};

/// Most findings that a digest lists; the report has all. Of client secrets to rotate it lists as
/// many, and [`further_reminders`](super::further_reminders) the others.
pub const LISTED: usize = 40;

/// Most applications that a digest lists with their deadlines, and most exempt findings.
const NEXT: usize = 10;

/// The title of the list of reminders.
pub(super) const TO_ROTATE: &str = "Client secrets that need you";

/// The most urgent thing.
pub(super) fn headline(tally: &Tally, now: Timestamp) -> Headline {
    let missed = tally.not_seen.items().first();
    let missed = missed.map_or("", |missed| &missed.what);
    if tally.is_partial() && tally.credentials == 0 {
        return Headline::new("Audit saw nothing: ", missed, "");
    }
    let partial = when(tally.is_partial(), "Audit incomplete; ");
    if let Some(row) = tally.reminders.items().first()
        && let Some(deadline) = row.deadline
    {
        let others = match tally.reminders.total() - 1 {
            0 => String::new(),
            others => format!(", and {others} more that need you"),
        };
        let verb = match deadline.days_left(now) {
            _ if deadline.has_passed(now) => "deadline ",
            0 => "",
            _ => "has ",
        };
        let left = remaining(&deadline, now);
        let after = format!(": client secret {verb}{left}{others}");
        return Headline::new(partial, row.application.as_str(), after);
    }
    if tally.applications == 0 && !tally.is_partial() {
        return Headline::new("The audit found no application", "", "");
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
        return Headline::new("Audit incomplete; not seen: ", missed, "");
    }
    let well = match tally.applications {
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
        let (action, why) = match tally.applications {
            0 => (
                "Check LWA_PARAMETER_PREFIX and LWA_VAULT.",
                "The audit runs and reaches you.",
            ),
            _ => (
                "There is nothing to do.",
                "This message comes once a week, so that you notice when the audit stops.",
            ),
        };
        return vec![action.to_owned(), why.to_owned()];
    }
    let (reminders, ended) = (tally.reminders.total(), tally.ended_exemptions.total());
    let because = reasons.iter().map(|reason| match reason {
        Reason::ReminderDay => format!("{} due for a reminder", count(reminders, "client secret")),
        Reason::Finding => format!("{} to look into", count(tally.alarming, "finding")),
        Reason::ExemptionEnded => format!("{} ended yesterday", count(ended, "exemption")),
        Reason::Partial => "part of the estate was not seen".to_owned(),
        Reason::Heartbeat => "the weekly sign of life is due".to_owned(),
    });
    let because = because.collect::<Vec<_>>().join("; ");
    let findings = (reminders > 0 && !is_well).then(|| {
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

/// The notice with the lists of a digest.
pub(super) fn with_lists(
    notice: Notice,
    tally: &Tally,
    listed: &[&Finding],
    now: Timestamp,
) -> Notice {
    let due = |row: &_| deadline_line(row, now, true);
    let mut reminders = lines(&tally.reminders, LISTED, due);
    if tally.reminders.total() > LISTED as u64
        && let Some(rest) = reminders.last_mut()
    {
        rest.push_str(", in messages of their own");
    }
    let ended = lines(&tally.ended_exemptions, LISTED, |ended| {
        format!("{}: {}", ended.credential, until(&ended.exemption))
    });
    let exempt = lines(&tally.exempt, NEXT, |finding| {
        let until = after(": ", finding.exemption.as_ref().map(until));
        format!("{} {}{until}", finding.code, finding.credential)
    });
    let is_ahead = |row: &&ApplicationDeadline| row.deadline.is_some_and(|d| !d.has_passed(now));
    let is_told = |row: &&ApplicationDeadline| is_reminded_of(tally, row.vault, &row.credential);
    let next = tally.deadlines.items().iter().filter(is_ahead);
    let next = next.filter(|row| !is_told(row)).take(NEXT);
    let next = next.map(|row| deadline_line(row, now, false)).collect();
    let rest = match listed {
        [] => "Worth knowing",
        _ => "Not listed here",
    };
    let notice = notice
        .list(TO_ROTATE, reminders)
        .list("Exemptions that ended yesterday", ended);
    // What is said among the reminders is not said again.
    let others = listed.iter().copied().filter(|finding| {
        let is_told = is_reminded_of(tally, finding.vault, &finding.credential);
        !(finding.code.follows_reminder_days() && is_told)
    });
    by_owner(notice, &others.collect::<Vec<_>>())
        .list(rest, remainder(tally, listed))
        .list("Exempt", exempt)
        .list("Next deadlines", next)
}

/// Whether a credential is among the reminders.
fn is_reminded_of(tally: &Tally, vault: VaultKind, credential: &str) -> bool {
    let mut reminders = tally.reminders.items().iter();
    reminders.any(|row| row.vault == vault && row.credential == credential)
}

/// `until 2026-12-31 (moves to another account)`.
fn until(exemption: &Exemption) -> String {
    format!("until {} ({})", exemption.until, exemption.reason)
}

/// The findings under their owners, in the order of their worst finding; those without an owner
/// come last.
fn by_owner(mut notice: Notice, listed: &[&Finding]) -> Notice {
    let mut owners: Vec<Option<&str>> = Vec::new();
    for finding in listed {
        let owner = finding.owner.as_deref();
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    owners.sort_by_key(Option::is_none);
    for owner in &owners {
        let title = match owner {
            Some(owner) => format!("Findings for {owner}"),
            None if owners.len() == 1 => "Findings".to_owned(),
            None => "Findings without an owner".to_owned(),
        };
        let theirs = listed.iter().filter(|it| it.owner.as_deref() == *owner);
        notice = notice.list(title, theirs.map(|it| finding_line(it)).collect());
    }
    notice
}

fn finding_line(finding: &Finding) -> String {
    let is_secret = finding.vault == VaultKind::SecretsManager;
    let vault = when(is_secret, " (Secrets Manager)");
    let (severity, code) = (finding.severity.label(), finding.code);
    let (credential, detail) = (&finding.credential, &finding.detail);
    format!("{severity} {code} {credential}{vault}: {detail}")
}

/// What the lists leave out, by code.
fn remainder(tally: &Tally, listed: &[&Finding]) -> Vec<String> {
    let mut left: BTreeMap<Code, u64> = tally.by_code.clone();
    for finding in listed {
        if let Some(count) = left.get_mut(&finding.code) {
            *count = count.saturating_sub(1);
        }
    }
    let line = |(code, count): (Code, u64)| format!("{code} {}: {count}", code.explanation().title);
    let left = left.into_iter().filter(|(_, count)| *count > 0);
    left.map(line).collect()
}

/// `my-erp: 2026-10-28, 70 days left; rotates by itself on 2026-08-29, owner team-b`.
fn deadline_line(row: &ApplicationDeadline, now: Timestamp, with_owner: bool) -> String {
    line(row, now, with_owner, |outlook| outlook.phrase(now))
}

/// The same where there are thousands: `my-erp: 2026-10-28, 70 days left; rotates 2026-08-29`.
pub(super) fn short_line(row: &ApplicationDeadline, now: Timestamp) -> String {
    line(row, now, true, Outlook::brief)
}

fn line(
    row: &ApplicationDeadline,
    now: Timestamp,
    with_owner: bool,
    next: impl Fn(&Outlook) -> String,
) -> String {
    let day = row.deadline.map(|deadline| day(&deadline, now));
    let day = day.unwrap_or_else(|| "unknown".to_owned());
    let estimated = row.deadline.is_some_and(|it| it.basis.is_estimate());
    let estimated = when(estimated, " (estimated)");
    let next = after("; ", row.outlook.as_ref().map(next));
    let exempt = when(row.exemption.is_some(), " (exempt)");
    let owner = after(", owner ", row.owner.as_ref().filter(|_| with_owner));
    let name = &row.application;
    format!("{name}: {day}{estimated}{next}{exempt}{owner}")
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
    let mut missing = lines(&tally.not_seen, usize::MAX, not_seen);
    missing.extend(lines(&tally.notes, usize::MAX, Clone::clone));
    missing
}

/// A line for each of the first, and how many are left out.
fn lines<T: Ranked>(top: &Top<T>, limit: usize, line: impl Fn(&T) -> String) -> Vec<String> {
    first(top.items().iter().map(line), limit, top.total())
}
