//! The checks of one credential, each of which finds what is wrong or nothing.

use jiff::{SignedDuration, Timestamp};

use crate::application::Role;
use crate::audit::findings::Code;
use crate::audit::{Rules, policy_times, sentences};
use crate::deadline::{Basis, Deadline, OVERLAP_DAYS, days};
use crate::outlook::{Next, Outlook};
use crate::principal;
use crate::secret::SecretRecord;
use crate::severity::Severity::{self, Critical, Info, Warning};
use crate::text::quotable;
use crate::urgency::deadline_severity;
use crate::vault::ports::{InlinePolicy, ParameterMetadata, SecretVersionEntry, has_stage, stage};

/// How long a pending version may wait to become current: a rotation takes minutes.
const STAGING_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// How long before the deadline the first reminder of a policy must fire: the overlap, and the
/// time from which a deadline is critical.
const LATEST_REMINDER: SignedDuration = days(OVERLAP_DAYS as i64);

/// What is wrong, how much it matters, and what was found.
pub(super) type Problem = (Code, Severity, String);

/// What is known of a client secret.
pub(super) struct Known {
    pub(super) record: SecretRecord,
    pub(super) deadline: Option<Deadline>,
    pub(super) outlook: Outlook,
    /// Whether all could be read that tells of its deadline; if not, nothing is claimed about
    /// what is missing.
    pub(super) is_complete: bool,
}

impl Known {
    pub(super) fn new(
        record: SecretRecord,
        are_tags_known: bool,
        is_complete: bool,
        rules: &Rules,
        now: Timestamp,
    ) -> Self {
        let deadline = record.deadline(rules.policy.secret_lifetime_days);
        Self {
            deadline,
            outlook: if are_tags_known {
                Outlook::new(std::slice::from_ref(&record), &rules.policy, now)
            } else {
                Outlook::unknown(deadline, now)
            },
            record,
            is_complete,
        }
    }
}

/// What a parameter's metadata show; `deadline` is that of a client secret.
pub(super) fn parameter(
    role: &Role,
    metadata: &ParameterMetadata,
    deadline: Option<Deadline>,
    rules: &Rules,
    now: Timestamp,
) -> Vec<Problem> {
    let is_reminded_of = *role == Role::ClientSecret;
    let encryption = encryption(role, metadata).into_iter();
    let reminders = is_reminded_of.then(|| reminders(metadata, deadline, now));
    let problems = encryption.chain(reminders.flatten());
    let problems = problems.chain(policies(&metadata.policies, now));
    problems.chain(writer(metadata, rules)).collect()
}

/// The deadline, a rotation that was to move it, and whether the secret is the application's.
pub(super) fn deadline(known: &Known, rules: &Rules, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(since) = known.record.tags.unproven_since {
        problems.push((Code::Lwa016, Warning, sentences::unproven(since)));
    }
    let Some(deadline) = known.deadline else {
        if known.is_complete {
            let detail = sentences::UNKNOWN_DEADLINE.to_owned();
            problems.push((Code::Lwa010, Warning, detail));
        }
        return problems;
    };
    let lifetime = rules.policy.secret_lifetime_days;
    let written = written_since_issue(known, deadline, lifetime);
    let basis = match deadline.basis {
        Basis::Reported => sentences::reported(written),
        Basis::Doubtful => sentences::doubtful(),
        Basis::Estimated => sentences::counted(lifetime, &known.record.tags, known.is_complete),
    };
    let outlook = &known.outlook;
    let severity = outlook.severity;
    if deadline.has_passed(now) {
        let detail = sentences::passed(&deadline, &basis, now);
        problems.push((Code::Lwa001, severity, detail));
    } else if let Next::FindSecret { requested, .. } = outlook.next {
        problems.push((Code::Lwa009, severity, sentences::unanswered(requested)));
        if deadline_severity(&deadline, now) == Critical {
            let detail = sentences::near(&deadline, &basis, outlook, now);
            problems.push((Code::Lwa002, Critical, detail));
        }
    } else if severity > Info && !matches!(outlook.next, Next::Identify { .. }) {
        let detail = sentences::near(&deadline, &basis, outlook, now);
        problems.push((Code::Lwa002, severity, detail));
    }
    if deadline.basis.is_estimate() && known.is_complete {
        let detail = sentences::estimated(&deadline, &basis);
        problems.push((Code::Lwa010, Info, detail));
    }
    problems
}

/// When something was written clearly after the secret with this reported deadline was issued.
/// It may have been a rotation, a rewrite of the same value or an edit, unless the tags say
/// which version they are about.
fn written_since_issue(known: &Known, deadline: Deadline, lifetime: u32) -> Option<Timestamp> {
    if let (Some(seen), Some(version)) = (&known.record.tags.provenance, &known.record.version)
        && seen.is_of(version)
    {
        return None;
    }
    let issued = deadline.at.checked_sub(days(lifetime.into())).ok()?;
    let written = known.record.written_at?;
    (written.duration_since(issued) > days(OVERLAP_DAYS.into())).then_some(written)
}

/// The encryption of a parameter; a client id is no secret.
fn encryption(role: &Role, metadata: &ParameterMetadata) -> Option<Problem> {
    let (plain, managed) = match role {
        Role::ClientId => (Info, Info),
        _ => (Critical, Warning),
    };
    if metadata.parameter_type == "SecureString" {
        return key(metadata.key_id.as_deref(), "alias/aws/ssm", managed);
    }
    let detail = sentences::plain_text(&metadata.parameter_type);
    Some((Code::Lwa003, plain, detail))
}

/// The key of a secret in Secrets Manager.
pub(super) fn secret_key(key_id: Option<&str>) -> Option<Problem> {
    key(key_id, "alias/aws/secretsmanager", Warning)
}

/// Finds the AWS-managed key of a service, which is named by its alias, or by none at all.
fn key(key_id: Option<&str>, alias: &str, severity: Severity) -> Option<Problem> {
    let resource = key_id.map(|key| key.rsplit(':').next().unwrap_or(key));
    let is_managed = resource.is_none_or(|resource| resource == alias);
    is_managed.then(|| (Code::Lwa004, severity, sentences::aws_managed(alias)))
}

/// Reminders that are missing or late.
fn reminders(
    metadata: &ParameterMetadata,
    deadline: Option<Deadline>,
    now: Timestamp,
) -> Option<Problem> {
    if !metadata.policies.iter().any(policy_times::is_reminder) {
        return Some((Code::Lwa005, Info, sentences::NO_REMINDER.to_owned()));
    }
    let deadline = deadline.filter(|deadline| !deadline.has_passed(now))?.at;
    let first = policy_times::first_reminder(&metadata.policies, metadata.last_modified?)?;
    let is_late = deadline.duration_since(first) < LATEST_REMINDER;
    let detail = sentences::late_reminder(first, deadline);
    is_late.then_some((Code::Lwa005, Warning, detail))
}

/// Failed and deleting policies, which are wrong on every credential.
fn policies(policies: &[InlinePolicy], now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let failed = policies.iter().filter(|policy| policy.status == "Failed");
    let failed: Vec<_> = failed.map(|policy| quotable(&policy.policy_type)).collect();
    if !failed.is_empty() {
        let detail = sentences::failed_policies(&failed);
        problems.push((Code::Lwa006, Warning, detail));
    }
    if let Some(policy) = policies.iter().find(|policy| policy_times::deletes(policy)) {
        let at = policy_times::deletion(policy);
        let basis = Basis::Reported;
        let severity = at.map(|at| deadline_severity(&Deadline { at, basis }, now));
        let severity = severity.unwrap_or(Warning).max(Warning);
        problems.push((Code::Lwa008, severity, sentences::deletion(at)));
    }
    problems
}

/// Another writer than the expected one. Emulators, and parameters older than the field, name
/// none.
fn writer(metadata: &ParameterMetadata, rules: &Rules) -> Option<Problem> {
    let expected = rules.expected_writer.as_deref()?;
    let found = metadata.last_modified_user.as_deref();
    let found = found.filter(|found| found.starts_with("arn:"))?;
    let is_expected = principal::is_same(expected, found);
    (!is_expected).then(|| (Code::Lwa012, Warning, sentences::writer(found)))
}

/// Versions that have been pending for too long.
pub(super) fn staging(versions: &[SecretVersionEntry], now: Timestamp) -> Vec<Problem> {
    let pending = versions.iter().filter(|it| is_pending(&it.stages));
    let left_over = pending.filter_map(|version| {
        let created = version.created_at?;
        let is_left_over = now.duration_since(created) > STAGING_PATIENCE;
        let detail = sentences::pending_version(&version.id, stage::PENDING, created);
        is_left_over.then_some((Code::Lwa011, Warning, detail))
    });
    left_over.collect()
}

/// Whether a version is on its way to become the current one.
pub(super) fn is_pending(stages: &[String]) -> bool {
    has_stage(stages, stage::PENDING) && !has_stage(stages, stage::CURRENT)
}
