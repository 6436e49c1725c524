//! What is to be said about one credential, from its metadata alone.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::application::{ApplicationName, Place, Role};
use crate::audit::estate::{LabelledVersion, SecretMetadata, is_current};
use crate::audit::findings::{Code, Exemption, Finding};
use crate::audit::{Rules, Vault, utc_date};
use crate::deadline::{Basis, Deadline, SecretTags, Stored, tag};
use crate::ports::{InlinePolicy, ParameterMetadata};
use crate::severity::Severity;
use crate::text::{elide_end, quotable};
use crate::urgency::deadline_severity;
use crate::vault::SecretVersion;
use crate::wording;

/// Hours after which a rotation request counts as unanswered.
const ROTATION_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// How long a pending version may wait to become current: a rotation takes minutes.
const STAGING_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// How long before the deadline the first reminder of a policy must fire: the overlap, and the
/// time from which a deadline is critical.
const LATEST_REMINDER: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Longest owner or reason that is taken over from a tag, in characters; Parameter Store
/// allows 256.
const TAG_LIMIT: usize = 256;

/// What is known about one client secret, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The application.
    pub application: ApplicationName,
    /// Where the client secret lives.
    pub vault: Vault,
    /// The parameter's or the secret's name.
    pub credential: String,
    /// Who is responsible.
    pub owner: Option<String>,
    /// When the client secret stops working; none where nothing tells.
    pub deadline: Option<Deadline>,
    /// Calendar days to the deadline.
    pub days_left: Option<i64>,
    /// What is wrong, muted findings included.
    pub findings: Vec<Finding>,
    /// The exemption that holds today.
    pub exemption: Option<Exemption>,
    /// The exemption that ended yesterday; what it muted comes back with a message.
    pub ended_exemption: Option<Exemption>,
    /// Whether people are reminded of the deadline today.
    pub reminder_due: bool,
    /// What about the tags could not be used, one sentence each.
    pub notes: Vec<String>,
}

/// Judges a client secret in Parameter Store. `tags` is none where they could not be read:
/// then the deadline is an estimate, and what only the tags tell is left out.
pub fn client_secret(
    place: &Place,
    metadata: &ParameterMetadata,
    tags: Option<&BTreeMap<String, String>>,
    rules: &Rules,
    now: Timestamp,
) -> Assessment {
    let mut judge = Judge::new(
        place.application.clone(),
        Vault::ParameterStore,
        &metadata.name,
        Some(place.role.clone()),
        now,
    );
    judge.read_tags(tags);
    let version = metadata.secret_version();
    judge.find_deadline(version, metadata.last_modified, rules, tags.is_some());
    judge.encryption_of_parameter(metadata);
    judge.reminder_policies(metadata);
    judge.policies(metadata);
    judge.writer(metadata.last_modified_user.as_deref(), rules);
    judge.assessment(rules)
}

/// Judges a client id or a refresh token in Parameter Store. Their tags are not read, so they
/// have neither owner nor exemption.
pub fn other_parameter(
    place: &Place,
    metadata: &ParameterMetadata,
    rules: &Rules,
    now: Timestamp,
) -> Vec<Finding> {
    let mut judge = Judge::new(
        place.application.clone(),
        Vault::ParameterStore,
        &metadata.name,
        Some(place.role.clone()),
        now,
    );
    judge.encryption_of_parameter(metadata);
    judge.policies(metadata);
    judge.writer(metadata.last_modified_user.as_deref(), rules);
    judge.findings
}

/// Judges a secret in Secrets Manager. `versions` is none where they were not needed
/// ([`needs_versions`]) or could not be read.
pub fn secret(
    application: ApplicationName,
    metadata: &SecretMetadata,
    versions: Option<&[LabelledVersion]>,
    rules: &Rules,
    now: Timestamp,
) -> Assessment {
    let mut judge = Judge::new(
        application,
        Vault::SecretsManager,
        &metadata.name,
        None,
        now,
    );
    judge.read_tags(Some(&metadata.tags));
    let current = versions
        .unwrap_or_default()
        .iter()
        .find(|version| is_current(&version.stages));
    let written = current.and_then(|version| version.created_at);
    judge.find_deadline(
        metadata.current_version(),
        written,
        rules,
        versions.is_some() || !needs_versions(metadata),
    );
    judge.encryption_of_secret(metadata);
    judge.staging(versions.unwrap_or_default());
    judge.assessment(rules)
}

/// Whether the versions of a secret have to be looked up: when its deadline has to be
/// estimated, or when a pending version is there whose age decides.
pub fn needs_versions(metadata: &SecretMetadata) -> bool {
    let tags = SecretTags::from_map(&metadata.tags);
    let dated = tags.expires_at.or(tags.issued_at).is_some();
    !dated || metadata.stages.values().any(|stages| is_pending(stages))
}

const PENDING: &str = "AWSPENDING";

fn is_pending(stages: &[String]) -> bool {
    stages.iter().any(|stage| stage == PENDING) && !is_current(stages)
}

/// One credential while it is judged.
struct Judge {
    application: ApplicationName,
    vault: Vault,
    credential: String,
    role: Option<Role>,
    now: Timestamp,
    tags: SecretTags,
    exemption: Option<Exemption>,
    notes: Vec<String>,
    version: Option<SecretVersion>,
    last_written: Option<Timestamp>,
    deadline: Option<Deadline>,
    findings: Vec<Finding>,
}

impl Judge {
    fn new(
        application: ApplicationName,
        vault: Vault,
        credential: &str,
        role: Option<Role>,
        now: Timestamp,
    ) -> Self {
        Self {
            application,
            vault,
            credential: credential.to_owned(),
            role,
            now,
            tags: SecretTags::default(),
            exemption: None,
            notes: Vec::new(),
            version: None,
            last_written: None,
            deadline: None,
            findings: Vec::new(),
        }
    }

    fn find(&mut self, code: Code, severity: Severity, detail: impl Into<String>) {
        self.findings.push(Finding {
            code,
            severity,
            application: self.application.clone(),
            vault: self.vault,
            credential: self.credential.clone(),
            role: self.role.clone(),
            owner: None,
            detail: detail.into(),
            days_left: None,
            exemption: None,
        });
    }

    fn read_tags(&mut self, tags: Option<&BTreeMap<String, String>>) {
        let Some(tags) = tags else { return };
        self.tags = SecretTags::from_map(tags);
        for name in &self.tags.unreadable {
            self.notes.push(format!(
                "tag {name} of {} is no instant such as 2026-06-30T00:00:00Z and was not used",
                self.credential
            ));
        }
        match exemption(tags) {
            Ok(exemption) => self.exemption = exemption,
            Err(problem) => self.notes.push(format!(
                "{} of {} mutes nothing: {problem}",
                tag::EXEMPT_UNTIL,
                self.credential
            )),
        }
    }

    fn find_deadline(
        &mut self,
        version: Option<SecretVersion>,
        last_written: Option<Timestamp>,
        rules: &Rules,
        all_known: bool,
    ) {
        self.version = version;
        self.last_written = last_written;
        let stored = Stored {
            version: self.version.as_ref(),
            written_at: last_written,
        };
        self.deadline = Deadline::of(&self.tags, &stored, rules.secret_lifetime_days);
        let Some(deadline) = self.deadline else {
            if all_known {
                self.find(
                    Code::Lwa010,
                    Severity::Warning,
                    "Neither a tag nor a date of writing tells when it was issued, so its \
                     deadline is unknown.",
                );
            }
            return;
        };
        let at = wording::minute(deadline.at);
        let basis = self.basis(deadline, rules, all_known);
        let severity = deadline_severity(&deadline, self.now);
        if deadline.has_passed(self.now) {
            let how_long = wording::remaining(&deadline, self.now);
            self.find(
                Code::Lwa001,
                severity,
                format!("The deadline {how_long}, at {at}, {basis}."),
            );
        } else if severity > Severity::Info {
            let left = deadline.days_left(self.now);
            let left = if left == 0 {
                "today".to_owned()
            } else {
                format!("in {}", wording::days(left))
            };
            self.find(
                Code::Lwa002,
                severity,
                format!("It stops working {left}, at {at}, {basis}."),
            );
        }
        if deadline.basis.is_estimate() && all_known {
            let date = wording::date(deadline.at);
            let problem = if deadline.basis == Basis::Doubtful {
                "The deadline is not certain"
            } else {
                "Nobody reported the deadline"
            };
            self.find(
                Code::Lwa010,
                Severity::Info,
                format!("{problem}; {date} is {basis}."),
            );
        }
        if let Some(requested) = self.tags.rotation_requested_at
            && self.now.duration_since(requested) > ROTATION_PATIENCE
        {
            let severity = severity.max(Severity::Warning);
            self.find(
                Code::Lwa009,
                severity,
                format!(
                    "A rotation was requested at {}, and no new secret has been stored since.",
                    wording::minute(requested)
                ),
            );
        }
    }

    /// How the deadline is known, as the end of a sentence.
    fn basis(&self, deadline: Deadline, rules: &Rules, all_known: bool) -> String {
        let lifetime = wording::days(i64::from(rules.secret_lifetime_days));
        match deadline.basis {
            Basis::Reported => match self.written_since_issue(deadline, rules) {
                None => "as reported".to_owned(),
                Some(written) => format!(
                    "as reported; it was written on {written}, and if that was a rotation, its \
                     tag {} is out of date",
                    tag::SECRET_EXPIRES_AT
                ),
            },
            Basis::Estimated if !all_known => {
                format!(
                    "an estimate of {lifetime} from its last write, because its tags could not be read"
                )
            }
            Basis::Doubtful => "an estimate, because another value may have been stored since \
                                that date was reported"
                .to_owned(),
            Basis::Estimated if self.tags.issued_at.is_some() => {
                format!("an estimate of {lifetime} from its issue")
            }
            Basis::Estimated if self.tags.first_stored().is_some() => {
                format!("an estimate of {lifetime} from when it was first stored")
            }
            Basis::Estimated => format!("an estimate of {lifetime} from its last write"),
        }
    }

    /// The date of a write that came clearly after the secret with this reported deadline was
    /// issued. It may have been a rotation, a rewrite of the same value or an edit, unless
    /// somebody has looked.
    fn written_since_issue(&self, deadline: Deadline, rules: &Rules) -> Option<String> {
        if let (Some(known), Some(version)) = (&self.tags.provenance, &self.version)
            && known.is_of(version)
        {
            return None;
        }
        let written = self.last_written?;
        let lifetime = SignedDuration::from_hours(24 * i64::from(rules.secret_lifetime_days));
        let issued = deadline.at.checked_sub(lifetime).ok()?;
        (written.duration_since(issued) > SignedDuration::from_hours(24 * 7))
            .then(|| wording::date(written))
    }

    fn encryption_of_parameter(&mut self, metadata: &ParameterMetadata) {
        let harmless = self.role == Some(Role::ClientId);
        if metadata.parameter_type != "SecureString" {
            let severity = if harmless {
                Severity::Info
            } else {
                Severity::Critical
            };
            let found = quotable(&metadata.parameter_type);
            self.find(
                Code::Lwa003,
                severity,
                format!("It is a {found}, so its value lies in plain text."),
            );
        } else if is_aws_managed(metadata.key_id.as_deref(), "alias/aws/ssm") {
            let severity = if harmless {
                Severity::Info
            } else {
                Severity::Warning
            };
            self.find(
                Code::Lwa004,
                severity,
                "It is encrypted under alias/aws/ssm.",
            );
        }
    }

    fn encryption_of_secret(&mut self, metadata: &SecretMetadata) {
        if is_aws_managed(metadata.key_id.as_deref(), "alias/aws/secretsmanager") {
            self.find(
                Code::Lwa004,
                Severity::Warning,
                "It is encrypted under alias/aws/secretsmanager.",
            );
        }
    }

    fn reminder_policies(&mut self, metadata: &ParameterMetadata) {
        let reminders: Vec<_> = metadata
            .policies
            .iter()
            .filter(|policy| {
                matches!(
                    policy.policy_type.as_str(),
                    "NoChangeNotification" | "ExpirationNotification"
                )
            })
            .collect();
        if reminders.is_empty() {
            self.find(
                Code::Lwa005,
                Severity::Info,
                "No policy reminds of it; only this audit does.",
            );
            return;
        }
        let (Some(deadline), Some(written)) = (self.deadline, metadata.last_modified) else {
            return;
        };
        if deadline.has_passed(self.now) {
            return;
        }
        let expiration = metadata.policies.iter().find_map(expiration_instant);
        let fires: Option<Vec<Timestamp>> = reminders
            .iter()
            .map(|policy| reminder_instant(policy, written, expiration))
            .collect();
        // A policy that cannot be read may well be early enough.
        let Some(first) = fires.and_then(|fires| fires.into_iter().min()) else {
            return;
        };
        if deadline.at.duration_since(first) < LATEST_REMINDER {
            self.find(
                Code::Lwa005,
                Severity::Warning,
                format!(
                    "Its first reminder fires at {}, {} the deadline at {}.",
                    wording::minute(first),
                    if first >= deadline.at {
                        "after"
                    } else {
                        "less than 7 days before"
                    },
                    wording::minute(deadline.at)
                ),
            );
        }
    }

    /// Failed and deleting policies, which are wrong on every credential.
    fn policies(&mut self, metadata: &ParameterMetadata) {
        let failed: Vec<_> = metadata
            .policies
            .iter()
            .filter(|policy| policy.status == "Failed")
            .map(|policy| quotable(&policy.policy_type))
            .collect();
        if !failed.is_empty() {
            self.find(
                Code::Lwa006,
                Severity::Warning,
                format!("Failed policies: {}.", failed.join(", ")),
            );
        }
        let deletes = metadata
            .policies
            .iter()
            .find(|p| p.policy_type == "Expiration");
        if let Some(policy) = deletes {
            let (severity, detail) = match expiration_instant(policy) {
                Some(at) => {
                    let deletion = Deadline {
                        at,
                        basis: Basis::Reported,
                    };
                    (
                        deadline_severity(&deletion, self.now).max(Severity::Warning),
                        format!("Parameter Store deletes it at {}.", wording::minute(at)),
                    )
                }
                None => (
                    Severity::Warning,
                    "Parameter Store deletes it at an instant that its policy does not show."
                        .to_owned(),
                ),
            };
            self.find(Code::Lwa008, severity, detail);
        }
    }

    fn writer(&mut self, found: Option<&str>, rules: &Rules) {
        let Some(expected) = rules.expected_writer.as_deref() else {
            return;
        };
        let Some(found) = found.filter(|found| found.starts_with("arn:")) else {
            return;
        };
        if !is_same_principal(expected, found) {
            let found = quotable(found);
            self.find(
                Code::Lwa012,
                Severity::Warning,
                format!("It was last changed by {found}."),
            );
        }
    }

    fn staging(&mut self, versions: &[LabelledVersion]) {
        for version in versions
            .iter()
            .filter(|version| is_pending(&version.stages))
        {
            let Some(created) = version.created_at else {
                continue;
            };
            if self.now.duration_since(created) > STAGING_PATIENCE {
                let id = quotable(&version.id);
                self.find(
                    Code::Lwa011,
                    Severity::Warning,
                    format!(
                        "Version {id} has been {PENDING} since {}.",
                        wording::minute(created)
                    ),
                );
            }
        }
    }

    fn assessment(mut self, rules: &Rules) -> Assessment {
        let today = utc_date(self.now);
        let owner = self
            .tags
            .owner
            .as_deref()
            .map(|owner| elide_end(owner.trim(), TAG_LIMIT));
        let days_left = self.deadline.map(|deadline| deadline.days_left(self.now));
        let exemption = self
            .exemption
            .clone()
            .filter(|exemption| today <= exemption.until);
        let ended_exemption = self
            .exemption
            .filter(|exemption| exemption.until.tomorrow().is_ok_and(|day| day == today))
            .filter(|_| !self.findings.is_empty());
        for finding in &mut self.findings {
            finding.owner.clone_from(&owner);
            finding.days_left = days_left;
            finding.exemption.clone_from(&exemption);
        }
        let reminder_due = exemption.is_none()
            && self
                .deadline
                .is_some_and(|deadline| is_reminder_day(&deadline, rules, self.now));
        Assessment {
            application: self.application,
            vault: self.vault,
            credential: self.credential,
            owner,
            deadline: self.deadline,
            days_left,
            findings: self.findings,
            exemption,
            ended_exemption,
            reminder_due,
            notes: self.notes,
        }
    }
}

/// Whether people are reminded of a deadline today: on the configured days before it, and on
/// every day after it.
pub fn is_reminder_day(deadline: &Deadline, rules: &Rules, now: Timestamp) -> bool {
    deadline.has_passed(now)
        || u32::try_from(deadline.days_left(now))
            .is_ok_and(|days| rules.reminder_days.contains(&days))
}

/// The exemption in a map of tags, or why there is none although a date is given.
fn exemption(tags: &BTreeMap<String, String>) -> Result<Option<Exemption>, String> {
    let value = |name| {
        tags.get(name)
            .map(|v: &String| v.trim())
            .filter(|v| !v.is_empty())
    };
    let Some(until) = value(tag::EXEMPT_UNTIL) else {
        return Ok(None);
    };
    let date = until
        .parse::<Date>()
        .or_else(|_| until.parse::<Timestamp>().map(utc_date))
        .map_err(|_| format!("`{}` is no date such as 2026-06-30", quotable(until)))?;
    let reason = value(tag::EXEMPT_REASON)
        .ok_or_else(|| format!("there is no {} with it", tag::EXEMPT_REASON))?;
    Ok(Some(Exemption {
        until: date,
        reason: elide_end(reason, TAG_LIMIT),
    }))
}

/// Whether a key is the AWS-managed one of its service: named by its alias, or by none at all.
fn is_aws_managed(key_id: Option<&str>, alias: &str) -> bool {
    key_id.is_none_or(|key| {
        key == alias
            || key
                .rsplit(':')
                .next()
                .is_some_and(|resource| resource == alias)
    })
}

/// The instant in an `Expiration` policy.
fn expiration_instant(policy: &InlinePolicy) -> Option<Timestamp> {
    if policy.policy_type != "Expiration" {
        return None;
    }
    attributes(policy)?
        .get("Timestamp")?
        .as_str()?
        .trim()
        .parse()
        .ok()
}

/// When a reminder policy fires, or fired.
fn reminder_instant(
    policy: &InlinePolicy,
    written: Timestamp,
    expiration: Option<Timestamp>,
) -> Option<Timestamp> {
    let attributes = attributes(policy)?;
    let span = |name: &str| {
        let amount = match attributes.get(name)? {
            Value::String(text) => text.trim().parse::<i64>().ok()?,
            number => number.as_i64()?,
        };
        let hours = match attributes.get("Unit")?.as_str()? {
            "Days" => amount.checked_mul(24)?,
            "Hours" => amount,
            _ => return None,
        };
        // More than the calendar holds is no reminder that anybody lives to see.
        (0..=24 * 366 * 1000)
            .contains(&hours)
            .then(|| SignedDuration::from_hours(hours))
    };
    match policy.policy_type.as_str() {
        "NoChangeNotification" => written.checked_add(span("After")?).ok(),
        _ => expiration?.checked_sub(span("Before")?).ok(),
    }
}

fn attributes(policy: &InlinePolicy) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_str(&policy.text).ok()? {
        Value::Object(mut policy) => match policy.remove("Attributes")? {
            Value::Object(attributes) => Some(attributes),
            _ => None,
        },
        _ => None,
    }
}

/// Whether two ARNs name one principal. A session of a role is the role itself, and a session's
/// ARN leaves out the role's path,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
fn is_same_principal(expected: &str, found: &str) -> bool {
    expected == found
        || match (role_of(expected), role_of(found)) {
            (Some(expected), Some(found)) => expected == found,
            _ => false,
        }
}

/// Partition, account and name of the role behind an ARN.
fn role_of(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (_, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = match service {
        "iam" => resource.strip_prefix("role/")?.rsplit('/').next()?,
        "sts" => resource.strip_prefix("assumed-role/")?.split('/').next()?,
        _ => return None,
    };
    Some((partition, account, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::Layout;
    use crate::audit::estate::CURRENT;

    const NOW: &str = "2026-06-01T06:00:00Z";
    const SECRET: &str = "/my-erp/lwa/clientsecret";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rules() -> Rules {
        Rules {
            secret_lifetime_days: 180,
            reminder_days: vec![90, 60, 30, 14, 7, 3, 1],
            heartbeat: None,
            expected_writer: None,
            digest_severity: Severity::Warning,
        }
    }

    fn policy(policy_type: &str, attributes: &str) -> InlinePolicy {
        InlinePolicy {
            text: format!(
                r#"{{"Type":"{policy_type}","Version":"1.0","Attributes":{attributes}}}"#
            ),
            policy_type: policy_type.into(),
            status: "Pending".into(),
        }
    }

    fn after_days(days: &str) -> InlinePolicy {
        policy(
            "NoChangeNotification",
            &format!(r#"{{"After":{days},"Unit":"Days"}}"#),
        )
    }

    fn well_kept() -> ParameterMetadata {
        ParameterMetadata {
            name: SECRET.into(),
            parameter_type: "SecureString".into(),
            key_id: Some("alias/lwa-credentials".into()),
            last_modified: Some(at("2026-05-01T06:00:00Z")),
            last_modified_user: Some("arn:aws:iam::111122223333:user/alice".into()),
            version: Some(1),
            tier: Some("Advanced".into()),
            policies: vec![after_days("\"90\""), after_days("\"150\"")],
        }
    }

    fn place(name: &str) -> Place {
        Layout {
            prefixes: vec!["/my-erp".into()],
            client_id_leaf: "lwa/clientidentifier".into(),
            client_secret_leaf: "lwa/clientsecret".into(),
            refresh_token_leaf: "refreshToken".into(),
        }
        .locate(name)
        .unwrap()
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    const REPORTED: &[(&str, &str)] = &[(tag::SECRET_EXPIRES_AT, "2026-10-28T06:00:00Z")];

    fn assess(metadata: &ParameterMetadata, pairs: &[(&str, &str)], now: &str) -> Assessment {
        client_secret(
            &place(SECRET),
            metadata,
            Some(&tags(pairs)),
            &rules(),
            at(now),
        )
    }

    /// Codes and severities of what is found.
    fn found(findings: &[Finding]) -> Vec<String> {
        findings
            .iter()
            .map(|f| format!("{} {}", f.code, f.severity))
            .collect()
    }

    fn check(change: impl FnOnce(&mut ParameterMetadata), expected: &[&str]) {
        let mut metadata = well_kept();
        change(&mut metadata);
        assert_eq!(found(&assess(&metadata, REPORTED, NOW).findings), expected);
    }

    #[test]
    fn a_well_kept_secret_with_a_reported_deadline_has_no_finding() {
        check(|_| {}, &[]);
    }

    #[test]
    fn the_deadline_is_a_warning_from_30_days_critical_from_7_and_passed_from_its_instant() {
        let check = |now: &str, expected: &[&str]| {
            assert_eq!(
                found(&assess(&well_kept(), REPORTED, now).findings),
                expected,
                "{now}"
            );
        };
        check("2026-09-27T23:59:59Z", &[]);
        check("2026-09-28T00:00:00Z", &["LWA002 warning"]);
        check("2026-10-20T23:59:59Z", &["LWA002 warning"]);
        check("2026-10-21T00:00:00Z", &["LWA002 critical"]);
        check("2026-10-28T05:59:59Z", &["LWA002 critical"]);
        check("2026-10-28T06:00:00Z", &["LWA001 critical"]);
        check("2027-10-28T06:00:00Z", &["LWA001 critical"]);
    }

    #[test]
    fn rewriting_the_value_does_not_move_a_reported_deadline() {
        let mut metadata = well_kept();
        metadata.last_modified = Some(at("2026-05-31T06:00:00Z"));
        let assessment = assess(&metadata, REPORTED, NOW);
        assert_eq!(assessment.deadline.unwrap().at, at("2026-10-28T06:00:00Z"));
        let late = assess(&metadata, REPORTED, "2026-10-25T06:00:00Z");
        assert!(
            late.findings[0]
                .detail
                .contains("written on 2026-05-31, and if that was a rotation"),
            "{}",
            late.findings[0].detail
        );
    }

    #[test]
    fn an_estimated_deadline_says_so_and_moves_with_a_write() {
        let assessment = assess(&well_kept(), &[], NOW);
        assert_eq!(found(&assessment.findings), ["LWA010 info"]);
        assert_eq!(
            assessment.findings[0].detail,
            "Nobody reported the deadline; 2026-10-28 is an estimate of 180 days from its last \
             write."
        );
        let issued = assess(
            &well_kept(),
            &[(tag::SECRET_ISSUED_AT, "2026-04-01T00:00:00Z")],
            NOW,
        );
        assert!(
            issued.findings[0]
                .detail
                .contains("2026-09-28 is an estimate of 180 days from its issue")
        );
    }

    #[test]
    fn without_any_date_the_deadline_is_unknown_which_is_a_warning() {
        let mut metadata = well_kept();
        metadata.last_modified = None;
        let assessment = assess(&metadata, &[], NOW);
        assert_eq!(found(&assessment.findings), ["LWA010 warning"]);
        assert_eq!(assessment.days_left, None);
    }

    #[test]
    fn where_tags_could_not_be_read_nothing_is_claimed_about_them() {
        let now = at("2026-10-20T06:00:00Z");
        let assessment = client_secret(&place(SECRET), &well_kept(), None, &rules(), now);
        assert_eq!(found(&assessment.findings), ["LWA002 warning"]);
        assert!(
            assessment.findings[0]
                .detail
                .ends_with("because its tags could not be read.")
        );
    }

    #[test]
    fn plain_text_is_critical_except_for_a_client_id() {
        check(|m| m.parameter_type = "String".into(), &["LWA003 critical"]);
        check(
            |m| m.parameter_type = "StringList".into(),
            &["LWA003 critical"],
        );
        let mut id = well_kept();
        id.name = "/my-erp/lwa/clientidentifier".into();
        id.parameter_type = "String".into();
        let findings = other_parameter(&place(&id.name), &id, &rules(), at(NOW));
        assert_eq!(found(&findings), ["LWA003 info"]);
    }

    #[test]
    fn the_aws_managed_key_is_recognised_in_every_spelling() {
        check(
            |m| m.key_id = Some("alias/aws/ssm".into()),
            &["LWA004 warning"],
        );
        check(
            |m| m.key_id = Some("arn:aws:kms:us-east-2:111122223333:alias/aws/ssm".into()),
            &["LWA004 warning"],
        );
        check(|m| m.key_id = None, &["LWA004 warning"]);
        check(
            |m| m.key_id = Some("1234abcd-12ab-34cd-56ef-1234567890ab".into()),
            &[],
        );
    }

    #[test]
    fn reminder_policies_that_are_absent_or_fire_too_late_are_found() {
        check(|m| m.policies.clear(), &["LWA005 info"]);
        check(|m| m.policies = vec![after_days("\"173\"")], &[]);
        check(
            |m| m.policies = vec![after_days("\"174\"")],
            &["LWA005 warning"],
        );
        check(
            |m| m.policies = vec![after_days("174"), after_days("30")],
            &[],
        );
        // The timer restarts with an edit, and the deadline does not move.
        check(
            |m| m.last_modified = Some(at("2026-08-01T06:00:00Z")),
            &["LWA005 warning"],
        );
        // What cannot be read may be early enough.
        check(|m| m.policies = vec![after_days("\"soon\"")], &[]);
        check(
            |m| m.policies = vec![after_days("\"9223372036854775807\"")],
            &[],
        );
        check(
            |m| m.policies[0].text = "{'Type': 'NoChangeNotification'}".into(),
            &[],
        );
    }

    #[test]
    fn failed_and_deleting_policies_are_found_on_every_credential() {
        check(
            |m| m.policies[1].status = "Failed".into(),
            &["LWA006 warning"],
        );
        let expiration = |at: &str| policy("Expiration", &format!(r#"{{"Timestamp":"{at}"}}"#));
        let soon = expiration("2026-06-08T06:00:00Z");
        check(|m| m.policies.push(soon.clone()), &["LWA008 critical"]);
        let late = expiration("2027-06-08T06:00:00.000+02:00");
        check(|m| m.policies.push(late), &["LWA008 warning"]);
        check(
            |m| m.policies.push(expiration("some day")),
            &["LWA008 warning"],
        );
        let mut token = well_kept();
        token.name = "/my-erp/sellers/A1/refreshToken".into();
        token.policies = vec![soon];
        let findings = other_parameter(&place(&token.name), &token, &rules(), at(NOW));
        assert_eq!(found(&findings), ["LWA008 critical"]);
    }

    #[test]
    fn a_rotation_unanswered_for_a_day_is_found() {
        let check = |requested: &str, expected: &[&str]| {
            let pairs = [REPORTED[0], (tag::ROTATION_REQUESTED_AT, requested)];
            assert_eq!(found(&assess(&well_kept(), &pairs, NOW).findings), expected);
        };
        check("2026-05-31T06:00:00Z", &[]);
        check("2026-05-31T05:59:59Z", &["LWA009 warning"]);
    }

    #[test]
    fn the_expected_writer_may_be_a_role_and_its_sessions() {
        let check = |expected: &str, writer: &str, codes: &[&str]| {
            let mut rules = rules();
            rules.expected_writer = Some(expected.into());
            let mut metadata = well_kept();
            metadata.last_modified_user = Some(writer.into());
            let tags = tags(REPORTED);
            let assessment = client_secret(&place(SECRET), &metadata, Some(&tags), &rules, at(NOW));
            assert_eq!(found(&assessment.findings), codes, "{expected} {writer}");
        };
        let role = "arn:aws:iam::111122223333:role/lwa/receiver";
        check(
            role,
            "arn:aws:sts::111122223333:assumed-role/receiver/session",
            &[],
        );
        check(role, role, &[]);
        check(
            role,
            "arn:aws:sts::444455556666:assumed-role/receiver/s",
            &["LWA012 warning"],
        );
        check(
            role,
            "arn:aws:iam::111122223333:user/receiver",
            &["LWA012 warning"],
        );
        // Emulators, and parameters older than the field, name nobody.
        check(role, "N/A", &[]);
    }

    #[test]
    fn an_exemption_mutes_through_its_last_day_and_comes_back_the_day_after() {
        let pairs = |until| {
            [
                (tag::EXEMPT_UNTIL, until),
                (tag::EXEMPT_REASON, "retired in July"),
                (tag::OWNER, " team-a "),
            ]
        };
        let muted = assess(&well_kept(), &pairs("2026-06-01"), "2026-06-01T23:59:59Z");
        let exemption = muted.findings[0].exemption.as_ref().unwrap();
        assert_eq!(exemption.reason, "retired in July");
        assert_eq!(muted.owner.as_deref(), Some("team-a"));
        assert_eq!(muted.ended_exemption, None);
        let back = assess(&well_kept(), &pairs("2026-06-01"), "2026-06-02T00:00:00Z");
        assert_eq!(back.findings[0].exemption, None);
        assert!(back.ended_exemption.is_some());
        let later = assess(&well_kept(), &pairs("2026-06-01"), "2026-06-03T00:00:00Z");
        assert_eq!(later.ended_exemption, None);
        let instant = assess(&well_kept(), &pairs("2026-06-01T12:00:00Z"), NOW);
        assert!(instant.exemption.is_some());
    }

    #[test]
    fn an_exemption_on_a_reminder_day_mutes_the_reminder_too() {
        let pairs = [(tag::EXEMPT_UNTIL, "2026-08-01"), (tag::EXEMPT_REASON, "x")];
        assert!(assess(&well_kept(), &[], "2026-07-30T06:00:00Z").reminder_due);
        assert!(!assess(&well_kept(), &pairs, "2026-07-30T06:00:00Z").reminder_due);
    }

    #[test]
    fn an_exemption_without_a_date_or_a_reason_mutes_nothing_and_says_so() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            let assessment = assess(&well_kept(), pairs, NOW);
            assert_eq!(assessment.exemption, None);
            assert!(
                assessment.notes[0].contains(expected),
                "{:?}",
                assessment.notes
            );
        };
        check(
            &[(tag::EXEMPT_UNTIL, "summer"), (tag::EXEMPT_REASON, "x")],
            "`summer` is no date such as 2026-06-30",
        );
        check(
            &[(tag::EXEMPT_UNTIL, "2026-07-01")],
            "there is no lwa:exempt-reason with it",
        );
    }

    fn versions(pending_since: &str) -> Vec<LabelledVersion> {
        let version = |id: &str, at: &str, stage: &str| LabelledVersion {
            id: id.into(),
            created_at: Some(at.parse().unwrap()),
            stages: vec![stage.into()],
        };
        vec![
            version("one", "2026-05-01T06:00:00Z", CURRENT),
            version("two", pending_since, PENDING),
        ]
    }

    #[test]
    fn a_secret_is_dated_by_its_current_version_and_a_pending_one_may_not_linger() {
        let metadata = SecretMetadata {
            name: "my-erp".into(),
            key_id: None,
            ..SecretMetadata::default()
        };
        assert!(needs_versions(&metadata));
        let assess = |pending_since| {
            let application = ApplicationName::parse("my-erp").unwrap();
            let versions = versions(pending_since);
            secret(application, &metadata, Some(&versions), &rules(), at(NOW))
        };
        let left_over = assess("2026-06-01T04:59:59Z");
        assert_eq!(
            found(&left_over.findings),
            ["LWA010 info", "LWA004 warning", "LWA011 warning"]
        );
        assert_eq!(left_over.deadline.unwrap().at, at("2026-10-28T06:00:00Z"));
        let in_progress = assess("2026-06-01T05:00:00Z");
        assert_eq!(
            found(&in_progress.findings),
            ["LWA010 info", "LWA004 warning"]
        );
    }

    #[test]
    fn a_dated_secret_without_a_pending_version_needs_no_look_up() {
        let mut metadata = SecretMetadata {
            tags: tags(REPORTED),
            stages: BTreeMap::from([("one".into(), vec![CURRENT.into()])]),
            ..SecretMetadata::default()
        };
        assert!(!needs_versions(&metadata));
        metadata.stages.insert("two".into(), vec![PENDING.into()]);
        assert!(needs_versions(&metadata));
        metadata
            .stages
            .insert("two".into(), vec![PENDING.into(), CURRENT.into()]);
        assert!(!needs_versions(&metadata));
    }
}
