//! Whether people hear of an audit, and what they read.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::audit::findings::{Code, Finding};
use crate::audit::tally::{ApplicationDeadline, Tally, Top};
use crate::audit::{Rules, utc_date};
use crate::link;
use crate::message::{Fact, Line, Notice, Section, Step};
use crate::policy_notice::deadline_severity;
use crate::severity::Severity;
use crate::vault::VaultKind;
use crate::wording;

/// Why a digest goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A reminder day of at least one application, or its deadline has passed.
    ReminderDay,
    /// A finding at or above the configured severity.
    Finding,
    /// An exemption ended yesterday.
    ExemptionEnded,
    /// Part of the estate was not seen.
    Partial,
    /// The weekly sign of life.
    Heartbeat,
}

impl Reason {
    /// A stable word for the response.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReminderDay => "reminder-day",
            Self::Finding => "finding",
            Self::ExemptionEnded => "exemption-ended",
            Self::Partial => "partial",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// What a digest says besides what was found.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What the audit measures by.
    pub rules: &'a Rules,
    /// When the audit began.
    pub now: Timestamp,
    /// The region that was audited.
    pub region: &'a str,
    /// The scope of the audit: `Parameter Store below /my-erp`.
    pub scope: &'a str,
    /// The team's own page.
    pub runbook_url: Option<&'a str>,
}

/// Most findings that a digest lists; whoever has more reads the report. Of client secrets to
/// rotate it lists as many, and [`further_reminders`] the others.
pub const LISTED: usize = 40;

/// Most bytes of lines in one message of further reminders. E-mail and default carry them both,
/// and SNS takes 256 KiB in all, <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const FURTHER_BYTES: usize = 60_000;

/// The title of the list of reminders.
const TO_ROTATE: &str = "Client secrets to rotate";

/// Most applications that a digest lists with their deadlines.
const NEXT: usize = 10;

/// Most kinds of findings whose remedy a digest tells.
const REMEDIES: usize = 5;

/// Why a digest goes out today; nothing when it does not.
pub fn reasons(tally: &Tally, rules: &Rules, now: Timestamp) -> Vec<Reason> {
    let heartbeat = rules.heartbeat == Some(utc_date(now).weekday());
    [
        (tally.reminders.total() > 0, Reason::ReminderDay),
        (tally.alarming > 0, Reason::Finding),
        (tally.ended_exemptions.total() > 0, Reason::ExemptionEnded),
        (tally.is_partial(), Reason::Partial),
        (heartbeat, Reason::Heartbeat),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}

/// The digest of a finished audit.
pub fn notice(tally: &Tally, reasons: &[Reason], context: Context<'_>) -> Notice {
    let is_heartbeat = reasons == [Reason::Heartbeat];
    let listed = listed(tally);
    let mut sections = Vec::new();
    sections.extend(reminders(tally, context.now));
    sections.extend(ended_exemptions(tally));
    sections.extend(by_owner(&listed));
    sections.extend(remainder(tally, &listed));
    sections.extend(exempt(tally));
    sections.extend(next_deadlines(tally, context.now));
    Notice {
        severity: severity(tally, context.now),
        kind: if is_heartbeat {
            "audit-heartbeat"
        } else {
            "audit-digest"
        },
        application: only_application(tally, &listed),
        subject: opening(tally, context.now),
        sms: sentence(opening(tally, context.now)),
        sms_more: sms_more(tally, is_heartbeat),
        headline: headline(tally, reasons),
        facts: facts(tally),
        sections,
        steps: steps(tally, &listed, context),
        missing: missing(tally),
        origin: origin(context),
        id: Some(format!("lwa-audit-{}", utc_date(context.now))),
    }
}

/// The reminders that a digest has no room for, in as many messages as it takes.
pub fn further_reminders(rows: &[ApplicationDeadline], context: Context<'_>) -> Vec<Notice> {
    let mut notices = Vec::new();
    let (mut lines, mut bytes, mut gravest) = (Vec::new(), 0, Severity::Info);
    let mut rows = rows.iter().peekable();
    while let Some(row) = rows.next() {
        let line = deadline_line(row, context.now, true);
        bytes += line.len();
        lines.push(line);
        let severity = row
            .deadline
            .map(|deadline| deadline_severity(&deadline, context.now));
        gravest = gravest.max(severity.unwrap_or(gravest));
        if rows.peek().is_none() || bytes > FURTHER_BYTES {
            notices.push(further(std::mem::take(&mut lines), gravest, context));
            (bytes, gravest) = (0, Severity::Info);
        }
    }
    notices
}

fn further(lines: Vec<String>, severity: Severity, context: Context<'_>) -> Notice {
    let some = count(lines.len() as u64, "further client secret");
    let remedy = Code::Lwa002.explanation().remedy;
    let steps = std::iter::once(Step::at(remedy, link::DEVELOPER_CONSOLE));
    Notice {
        severity,
        kind: "audit-reminders",
        application: None,
        subject: Line::new("", &some, " to rotate"),
        sms: Line::new("", &some, " to rotate."),
        sms_more: vec!["See the e-mail for which.".to_owned()],
        headline: format!(
            "The daily audit of your Selling Partner API credentials reports {some} to rotate, \
             which its digest has no room for."
        ),
        facts: Vec::new(),
        sections: list(TO_ROTATE, lines).into_iter().collect(),
        steps: steps
            .chain(wording::runbook_step(context.runbook_url))
            .collect(),
        missing: Vec::new(),
        origin: origin(context),
        id: Some(format!("lwa-audit-{}", utc_date(context.now))),
    }
}

fn origin(context: Context<'_>) -> String {
    format!(
        "Audit of {} in {}: {}. It reads metadata only, never a value.",
        wording::minute(context.now),
        context.region,
        context.scope
    )
}

/// The gravest of what the digest tells. Not having seen anything is the gravest of all.
fn severity(tally: &Tally, now: Timestamp) -> Severity {
    let reminder = tally
        .reminders
        .items()
        .iter()
        .filter_map(|row| row.deadline)
        .map(|deadline| deadline_severity(&deadline, now))
        .max();
    let partial = tally.is_partial().then_some(if tally.credentials == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    });
    tally
        .worst()
        .max(reminder)
        .max(partial)
        .unwrap_or(Severity::Info)
}

/// One line that says the most urgent thing.
fn opening(tally: &Tally, now: Timestamp) -> Line {
    let partial = if tally.is_partial() {
        "audit incomplete; "
    } else {
        ""
    };
    if tally.is_partial() && tally.credentials == 0 {
        return Line::new("audit saw nothing: ", first_miss(tally), "");
    }
    if let Some(row) = tally.reminders.items().first()
        && let Some(deadline) = row.deadline
    {
        let others = match tally.reminders.total() - 1 {
            0 => String::new(),
            others => format!(", and {others} more to rotate"),
        };
        let left = wording::remaining(&deadline, now);
        let verb = match (deadline.has_passed(now), deadline.days_left(now)) {
            (true, _) => "deadline ",
            (false, 0) => "",
            (false, _) => "has ",
        };
        let name = row.application.as_str();
        return Line::new(
            partial,
            name,
            format!(": client secret {verb}{left}{others}"),
        );
    }
    let worst = tally.worst().unwrap_or(Severity::Info);
    if worst > Severity::Info {
        let applications = count(tally.applications, "application");
        return Line::new(partial, counts(tally), format!(" in {applications}"));
    }
    if tally.ended_exemptions.total() > 0 {
        let ended = count(tally.ended_exemptions.total(), "exemption");
        return Line::new(partial, ended, " ended yesterday");
    }
    if tally.is_partial() {
        return Line::new("audit incomplete: ", first_miss(tally), " was not seen");
    }
    match (tally.applications, next(tally)) {
        (0, _) => Line::new("the audit found no application", "", ""),
        (applications, Some((row, days))) => Line::new(
            format!("{} well; next deadline: ", are(applications)),
            row.application.as_str(),
            format!(" in {}", wording::days(days)),
        ),
        (applications, None) => Line::new(format!("{} well", are(applications)), "", ""),
    }
}

fn sentence(mut line: Line) -> Line {
    line.after.push('.');
    line
}

fn sms_more(tally: &Tally, is_heartbeat: bool) -> Vec<String> {
    let mut more = Vec::new();
    if is_heartbeat {
        return more;
    }
    if tally.reminders.total() > 0 && tally.worst() > Some(Severity::Info) {
        let applications = count(tally.applications, "application");
        more.push(format!("{} in {applications}.", counts(tally)));
    }
    more.push("See the e-mail for what to do.".to_owned());
    more
}

fn headline(tally: &Tally, reasons: &[Reason]) -> String {
    let because: Vec<_> = reasons
        .iter()
        .map(|reason| match reason {
            Reason::ReminderDay => {
                let rows = tally.reminders.total();
                if rows == 1 {
                    "one client secret is due for a reminder".to_owned()
                } else {
                    format!("{rows} client secrets are due for a reminder")
                }
            }
            Reason::Finding => {
                format!("{} to look into", count(tally.alarming, "finding"))
            }
            Reason::ExemptionEnded => {
                format!(
                    "{} ended yesterday",
                    count(tally.ended_exemptions.total(), "exemption")
                )
            }
            Reason::Partial => "part of the estate was not seen".to_owned(),
            Reason::Heartbeat => "the weekly sign of life is due".to_owned(),
        })
        .collect();
    let because = because.join("; ");
    if reasons == [Reason::Heartbeat] && tally.worst() <= Some(Severity::Info) {
        return match tally.applications {
            0 => "The audit runs and reaches you, but it found no application. Check \
                  LWA_PARAMETER_PREFIX and LWA_VAULT."
                .to_owned(),
            _ => "The audit runs and reaches you, and there is nothing to do. This message \
                  comes once a week, so that you notice when it stops."
                .to_owned(),
        };
    }
    format!("The daily audit of your Selling Partner API credentials reports: {because}.")
}

fn facts(tally: &Tally) -> Vec<Fact> {
    let info = match tally.count(Severity::Info) {
        0 => String::new(),
        info => format!(", {info} info"),
    };
    let findings = format!("{}{info}", counts(tally));
    let mut facts = vec![
        Fact {
            label: "Applications",
            value: tally.applications.to_string(),
        },
        Fact {
            label: "Credentials",
            value: tally.credentials.to_string(),
        },
        Fact {
            label: "Findings",
            value: findings,
        },
    ];
    if tally.exempt.total() > 0 {
        facts.push(Fact {
            label: "Exempt",
            value: count(tally.exempt.total(), "finding"),
        });
    }
    facts
}

fn reminders(tally: &Tally, now: Timestamp) -> Option<Section> {
    let rows = &tally.reminders;
    let mut lines: Vec<_> = rows
        .items()
        .iter()
        .take(LISTED)
        .map(|row| deadline_line(row, now, true))
        .collect();
    let rest = rows.total().saturating_sub(lines.len() as u64);
    if rest > 0 {
        lines.push(format!("and {rest} more, in messages of their own"));
    }
    list(TO_ROTATE, lines)
}

fn ended_exemptions(tally: &Tally) -> Option<Section> {
    let ended = &tally.ended_exemptions;
    let mut lines: Vec<_> = ended
        .items()
        .iter()
        .take(LISTED)
        .map(|ended| {
            let reason = &ended.exemption.reason;
            format!(
                "{}: until {} ({reason})",
                ended.credential, ended.exemption.until
            )
        })
        .collect();
    push_rest(&mut lines, ended.total());
    list("Exemptions that ended yesterday", lines)
}

/// The findings that are listed: those that somebody has to act on.
fn listed(tally: &Tally) -> Vec<&Finding> {
    tally
        .findings
        .items()
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .take(LISTED)
        .collect()
}

fn by_owner(listed: &[&Finding]) -> Vec<Section> {
    // Owners in the order of their worst finding; who has none comes last.
    let mut order: Vec<Option<&str>> = Vec::new();
    let mut lines: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for finding in listed {
        let owner = finding.owner.as_deref();
        if !order.contains(&owner) {
            order.push(owner);
        }
        lines.entry(owner).or_default().push(finding_line(finding));
    }
    order.sort_by_key(Option::is_none);
    let only_unowned = order == [None];
    order
        .into_iter()
        .filter_map(|owner| {
            let title = match owner {
                Some(owner) => format!("Findings for {owner}"),
                None if only_unowned => "Findings".to_owned(),
                None => "Findings without an owner".to_owned(),
            };
            list(title, lines.remove(&owner)?)
        })
        .collect()
}

fn finding_line(finding: &Finding) -> String {
    let vault = match finding.vault {
        VaultKind::ParameterStore => "",
        VaultKind::SecretsManager => " (Secrets Manager)",
    };
    format!(
        "{} {} {}{vault}: {}",
        finding.severity.label(),
        finding.code,
        finding.credential,
        finding.detail
    )
}

/// What the lists leave out, by code.
fn remainder(tally: &Tally, listed: &[&Finding]) -> Option<Section> {
    let mut left: BTreeMap<Code, u64> = tally.by_code.clone();
    for finding in listed {
        if let Some(count) = left.get_mut(&finding.code) {
            *count = count.saturating_sub(1);
        }
    }
    let lines = left
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(code, count)| format!("{code} {}: {count}", code.explanation().title))
        .collect();
    let title = if listed.is_empty() {
        "Worth knowing"
    } else {
        "Not listed here"
    };
    list(title, lines)
}

fn exempt(tally: &Tally) -> Option<Section> {
    let mut lines: Vec<_> = tally
        .exempt
        .items()
        .iter()
        .take(NEXT)
        .filter_map(|finding| {
            let exemption = finding.exemption.as_ref()?;
            Some(format!(
                "{} {}: until {} ({})",
                finding.code, finding.credential, exemption.until, exemption.reason
            ))
        })
        .collect();
    push_rest(&mut lines, tally.exempt.total());
    list("Exempt", lines)
}

fn next_deadlines(tally: &Tally, now: Timestamp) -> Option<Section> {
    let rows: Vec<_> = tally
        .deadlines
        .items()
        .iter()
        .filter(|row| {
            row.deadline
                .is_some_and(|deadline| !deadline.has_passed(now))
        })
        .take(NEXT)
        .map(|row| deadline_line(row, now, false))
        .collect();
    list("Next deadlines", rows)
}

fn deadline_line(row: &ApplicationDeadline, now: Timestamp, with_owner: bool) -> String {
    let Some(deadline) = row.deadline else {
        return format!("{}: unknown", row.application);
    };
    let mut line = format!(
        "{}: {}, {}",
        row.application,
        wording::date(deadline.at),
        wording::remaining(&deadline, now)
    );
    if deadline.basis.is_estimate() {
        line.push_str(" (estimated)");
    }
    if row.exemption.is_some() {
        line.push_str(" (exempt)");
    }
    if with_owner && let Some(owner) = &row.owner {
        line.push_str(", owner ");
        line.push_str(owner);
    }
    line
}

fn steps(tally: &Tally, listed: &[&Finding], context: Context<'_>) -> Vec<Step> {
    // One application to rotate: every step with its link.
    if let [row] = tally.reminders.items()
        && tally.reminders.total() == 1
        && row.vault == VaultKind::ParameterStore
        && listed
            .iter()
            .all(|finding| finding.code.follows_reminder_days())
    {
        return wording::rotation_steps(
            row.application.as_str(),
            &row.credential,
            context.region,
            context.runbook_url,
        );
    }
    let mut codes: Vec<Code> = Vec::new();
    if tally.reminders.total() > 0 {
        codes.push(Code::Lwa002);
    }
    for finding in listed {
        // One remedy serves both codes of the deadline.
        let code = match finding.code {
            Code::Lwa001 => Code::Lwa002,
            code => code,
        };
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let mut steps: Vec<Step> = codes
        .into_iter()
        .take(REMEDIES)
        .map(|code| match code {
            Code::Lwa002 => Step::at(
                format!("Deadlines: {}", code.explanation().remedy),
                link::DEVELOPER_CONSOLE,
            ),
            code => Step::new(format!("{code}: {}", code.explanation().remedy)),
        })
        .collect();
    if tally.is_partial() {
        steps.push(Step::new(
            "Look into the auditor's log for what was not seen, and mend its permissions or run \
             it again.",
        ));
    }
    if !steps.is_empty() {
        steps.extend(wording::runbook_step(context.runbook_url));
    }
    steps
}

fn missing(tally: &Tally) -> Vec<String> {
    let mut lines: Vec<_> = tally
        .not_seen
        .items()
        .iter()
        .map(|missed| format!("{}: {}", missed.what, missed.why))
        .collect();
    push_rest(&mut lines, tally.not_seen.total());
    let mut notes: Vec<_> = tally.notes.items().to_vec();
    push_rest(&mut notes, tally.notes.total());
    lines.extend(notes);
    lines
}

fn first_miss(tally: &Tally) -> String {
    tally
        .not_seen
        .items()
        .first()
        .map(|missed| missed.what.clone())
        .unwrap_or_default()
}

/// The nearest deadline that has not passed.
fn next(tally: &Tally) -> Option<(&ApplicationDeadline, i64)> {
    tally
        .deadlines
        .items()
        .iter()
        .find_map(|row| Some((row, row.days_left.filter(|days| *days >= 0)?)))
}

/// The one application that a message is about, if it is about one.
fn only_application(tally: &Tally, listed: &[&Finding]) -> Option<String> {
    let complete = |top: &Top<ApplicationDeadline>| top.omitted() == 0;
    if !complete(&tally.reminders) || tally.is_partial() {
        return None;
    }
    let due = tally.reminders.items().iter().map(|row| &row.application);
    let mut all = due.chain(listed.iter().map(|finding| &finding.application));
    let first = all.next()?;
    all.all(|other| other == first).then(|| first.to_string())
}

fn list(title: impl Into<String>, lines: Vec<String>) -> Option<Section> {
    (!lines.is_empty()).then(|| Section {
        title: title.into(),
        lines,
        list: true,
    })
}

/// Says how many of `total` the lines leave out.
fn push_rest(lines: &mut Vec<String>, total: u64) {
    match total.saturating_sub(lines.len() as u64) {
        0 => {}
        rest => lines.push(format!("and {rest} more")),
    }
}

/// `1 critical, 2 warnings`.
fn counts(tally: &Tally) -> String {
    let warnings = count(tally.count(Severity::Warning), "warning");
    match (
        tally.count(Severity::Critical),
        tally.count(Severity::Warning),
    ) {
        (0, 0) => "none critical, no warnings".to_owned(),
        (0, _) => warnings,
        (critical, 0) => format!("{critical} critical"),
        (critical, _) => format!("{critical} critical, {warnings}"),
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

fn are(applications: u64) -> String {
    match applications {
        1 => "the one application is".to_owned(),
        applications => format!("all {applications} applications are"),
    }
}
