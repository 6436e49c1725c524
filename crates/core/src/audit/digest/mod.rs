//! What people read about an audit: which parts of it, and how urgent it is.
//!
//! `reason` decides whether they hear of it at all; `wording` has the sentences.

mod reason;
mod wording;

use std::slice;

use jiff::Timestamp;

pub use self::reason::{Reason, reasons};
pub use self::wording::LISTED;
use crate::audit::findings::{Code, Finding};
use crate::audit::tally::{ApplicationDeadline, Tally};
use crate::deadline::utc_date;
use crate::link;
use crate::notice::{Headline, Notice, Step};
use crate::outlook::Next;
use crate::severity::Severity;
use crate::vault::VaultKind;
use crate::wording::{count, minute, runbook_step, steps_to_rotate};

/// What a digest says besides what was found.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the audit began.
    pub now: Timestamp,
    /// The region that was audited.
    pub region: &'a str,
    /// What was audited: `Parameter Store below /my-erp`.
    pub scope: &'a str,
    /// The team's own page.
    pub runbook_url: Option<&'a str>,
}

/// Most bytes of lines in one message of further reminders. E-mail and default carry them both,
/// and SNS takes 256 KiB in all, <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const FURTHER_BYTES: usize = 100_000;

/// Most kinds of findings whose remedy a digest tells.
const REMEDIES: usize = 5;

/// The digest of a finished audit.
pub fn notice(tally: &Tally, reasons: &[Reason], context: Context<'_>) -> Notice {
    let kind = match reasons {
        [Reason::Heartbeat] => "audit-heartbeat",
        _ => "audit-digest",
    };
    let findings = tally.findings.items().iter();
    let needs_action = findings.filter(|finding| finding.severity > Severity::Info);
    let listed: Vec<&Finding> = needs_action.take(LISTED).collect();
    let severity = severity(tally);
    let headline = wording::headline(tally, context.now);
    let exempt = tally.exempt.total();
    let notice = audit_notice(severity, kind, headline, context)
        .about(only_application(tally, &listed))
        .say(wording::lead(tally, reasons))
        .fact("Applications", tally.applications.to_string())
        .fact("Credentials", tally.credentials.to_string())
        .fact("Findings", wording::all_counts(tally))
        .fact("Exempt", (exempt > 0).then(|| count(exempt, "finding")))
        .steps(steps(tally, &listed, context));
    Notice {
        missing: wording::missing(tally),
        ..wording::with_lists(notice, tally, &listed, context.now)
    }
}

/// The reminders that a digest has no room for, in as many messages as it takes.
pub fn further_reminders(rows: &[ApplicationDeadline], context: Context<'_>) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut rows = rows.iter().peekable();
    while rows.peek().is_some() {
        let (mut lines, mut bytes, mut gravest) = (Vec::new(), 0, Severity::Info);
        while bytes <= FURTHER_BYTES
            && let Some(row) = rows.next()
        {
            let line = wording::short_line(row, context.now);
            bytes += line.len();
            lines.push(line);
            gravest = gravest.max(urgency(row).unwrap_or(Severity::Info));
        }
        notices.push(further(lines, gravest, context));
    }
    notices
}

fn further(lines: Vec<String>, severity: Severity, context: Context<'_>) -> Notice {
    let some = count(lines.len() as u64, "further client secret");
    let headline = Headline::new("", some, " to see to");
    let remedy = Code::Lwa002.explanation().remedy;
    audit_notice(severity, "audit-reminders", headline, context)
        .say(["The digest of the daily audit has no room for them."])
        .list(wording::TO_ROTATE, lines)
        .steps([Step::at(remedy, link::DEVELOPER_CONSOLE)])
        .steps(runbook_step(context.runbook_url))
}

fn audit_notice(
    severity: Severity,
    kind: &'static str,
    headline: Headline,
    context: Context<'_>,
) -> Notice {
    let origin = format!(
        "Audit of {} in {}: {}. It reads metadata only, never a value.",
        minute(context.now),
        context.region,
        context.scope
    );
    let id = format!("lwa-audit-{}", utc_date(context.now));
    Notice::new(severity, kind, headline, origin).id(Some(id))
}

/// The gravest of what the digest tells. An audit that saw nothing is the gravest of all.
fn severity(tally: &Tally) -> Severity {
    let rows = tally.reminders.items().iter();
    let partial = match (tally.is_partial(), tally.credentials) {
        (false, _) => Severity::Info,
        (true, 0) => Severity::Critical,
        (true, _) => Severity::Warning,
    };
    let reminders = rows.filter_map(urgency);
    // Of a deadline that is no reminder today people have heard, or need not hear.
    let findings = tally.findings.items().iter();
    let others = findings.filter(|finding| !finding.code.follows_reminder_days());
    let others = others.map(|finding| finding.severity);
    reminders.chain(others).fold(partial, Severity::max)
}

fn urgency(row: &ApplicationDeadline) -> Option<Severity> {
    row.outlook.map(|outlook| outlook.severity)
}

/// The finding whose remedy people need for what happens next.
const fn to_do(next: Next) -> Option<Code> {
    match next {
        Next::Rotate { .. } | Next::RotateLate { .. } => Some(Code::Lwa002),
        Next::FindSecret { .. } => Some(Code::Lwa009),
        _ => None,
    }
}

fn steps(tally: &Tally, listed: &[&Finding], context: Context<'_>) -> Vec<Step> {
    let is_about_deadlines = |finding: &&Finding| finding.code.follows_reminder_days();
    // One application to rotate: every step with its link.
    if let [row] = tally.reminders.items()
        && tally.reminders.total() == 1
        && row.vault == VaultKind::ParameterStore
        && let Some(outlook) = row.outlook
        && to_do(outlook.next) == Some(Code::Lwa002)
        && listed.iter().all(is_about_deadlines)
    {
        let page = |_: &_| link::parameter(context.region, &row.credential);
        let applications = slice::from_ref(&row.application);
        let is_dead = outlook
            .deadline
            .is_some_and(|it| it.has_passed(context.now));
        return steps_to_rotate(applications, page, is_dead, context.runbook_url);
    }
    let mut codes: Vec<Code> = Vec::new();
    let reminders = tally.reminders.items().iter();
    let reminders = reminders.filter_map(|row| to_do(row.outlook?.next));
    let found = listed.iter().map(|finding| match finding.code {
        // One remedy serves both codes of the deadline.
        Code::Lwa001 => Code::Lwa002,
        code => code,
    });
    for code in reminders.into_iter().chain(found) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let remedies = codes.into_iter().take(REMEDIES).map(wording::remedy);
    let mut steps: Vec<Step> = remedies.collect();
    if tally.is_partial() {
        steps.push(Step::new(
            "Look into the auditor's log for what was not seen, and mend its permissions or run \
             it again.",
        ));
    }
    if !steps.is_empty() {
        steps.extend(runbook_step(context.runbook_url));
    }
    steps
}

/// The one application that a message is about, if it is about one.
fn only_application(tally: &Tally, listed: &[&Finding]) -> Option<String> {
    if tally.reminders.omitted() > 0 || tally.is_partial() {
        return None;
    }
    let due = tally.reminders.items().iter().map(|row| &row.application);
    let mut all = due.chain(listed.iter().map(|finding| &finding.application));
    let first = all.next()?;
    all.all(|other| other == first).then(|| first.to_string())
}
