//! What is known about one credential and wrong with it, from its metadata alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::application::{ApplicationName, Place, Role};
use crate::audit::checks::{self, Known, Problem};
use crate::audit::exemption::TAG_LIMIT;
use crate::audit::findings::{Exemption, Finding};
use crate::audit::{Rules, sentences};
use crate::deadline::{Deadline, utc_date};
use crate::outlook::Outlook;
use crate::secret::SecretRecord;
use crate::severity::Severity;
use crate::tags::SecretTags;
use crate::text::elide_end;
use crate::vault::VaultKind;
use crate::vault::ports::{
    ParameterMetadata, SecretMetadata, SecretVersionEntry, has_stage, stage,
};

/// What is known about one client secret, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Its application.
    pub application: ApplicationDeadline,
    /// What is wrong, muted findings included.
    pub findings: Vec<Finding>,
    /// The exemption that ended yesterday; what it muted comes back with a message.
    pub ended_exemption: Option<Exemption>,
    /// Whether people are reminded of the deadline today.
    pub reminder_due: bool,
    /// Tags that could not be used, one sentence each.
    pub notes: Vec<String>,
}

/// One application with its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationDeadline {
    /// The application.
    pub application: ApplicationName,
    /// Where its client secret lives.
    pub vault: VaultKind,
    /// The parameter's or the secret's name.
    pub credential: String,
    /// Who is responsible.
    pub owner: Option<String>,
    /// When its client secret stops working; none where nothing tells.
    pub deadline: Option<Deadline>,
    /// Calendar days to the deadline.
    pub days_left: Option<i64>,
    /// The worst of its client secret's findings that are not muted.
    pub severity: Option<Severity>,
    /// What happens next; none where nothing is known of it.
    pub outlook: Option<Outlook>,
    /// The exemption that holds today.
    pub exemption: Option<Exemption>,
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
    let record = SecretRecord {
        application: place.application.clone(),
        version: metadata.secret_version(),
        written_at: metadata.last_modified,
        tags: tags.map(SecretTags::from_map).unwrap_or_default(),
    };
    let known = Known::new(record, tags.is_some(), tags.is_some(), rules, now);
    let mut problems = checks::deadline(&known, rules, now);
    let (role, deadline) = (&place.role, known.deadline);
    problems.extend(checks::parameter(role, metadata, deadline, rules, now));
    let vault = VaultKind::ParameterStore;
    let parameter = ApplicationDeadline::new(&place.application, vault, &metadata.name);
    assess(parameter, Some(role), tags, &known, problems, rules, now)
}

/// Judges a client id or a refresh token in Parameter Store. Their tags are not read, so they
/// have neither owner nor exemption.
pub fn other_parameter(
    place: &Place,
    metadata: &ParameterMetadata,
    rules: &Rules,
    now: Timestamp,
) -> Vec<Finding> {
    let problems = checks::parameter(&place.role, metadata, None, rules, now).into_iter();
    let vault = VaultKind::ParameterStore;
    let parameter = ApplicationDeadline::new(&place.application, vault, &metadata.name);
    let finding = |problem| parameter.finding(Some(&place.role), problem);
    problems.map(finding).collect()
}

/// Judges a secret in Secrets Manager. `versions` is none where they were not needed
/// ([`needs_versions`]) or could not be read.
pub fn secret(
    application: &ApplicationName,
    metadata: &SecretMetadata,
    versions: Option<&[SecretVersionEntry]>,
    rules: &Rules,
    now: Timestamp,
) -> Assessment {
    let is_complete = versions.is_some() || !needs_versions(metadata);
    let versions = versions.unwrap_or_default();
    let mut all = versions.iter();
    let current = all.find(|version| has_stage(&version.stages, stage::CURRENT));
    let record = SecretRecord {
        application: application.clone(),
        version: metadata.current_version(),
        written_at: current.and_then(|version| version.created_at),
        tags: SecretTags::from_map(&metadata.tags),
    };
    let known = Known::new(record, true, is_complete, rules, now);
    let tags = Some(&metadata.tags);
    let mut problems = checks::deadline(&known, rules, now);
    problems.extend(checks::secret_key(metadata.key_id.as_deref()));
    problems.extend(checks::staging(versions, now));
    let secret = ApplicationDeadline::new(application, VaultKind::SecretsManager, &metadata.name);
    assess(secret, None, tags, &known, problems, rules, now)
}

/// Whether the versions of a secret have to be looked up: when its deadline has to be
/// estimated, or when a pending version is there whose age decides.
pub fn needs_versions(metadata: &SecretMetadata) -> bool {
    let is_dated = SecretTags::from_map(&metadata.tags).date().is_some();
    let mut stages = metadata.stages.values();
    !is_dated || stages.any(|stages| checks::is_pending(stages))
}

impl ApplicationDeadline {
    /// A credential of which nothing is known but where it is.
    pub(super) fn new(application: &ApplicationName, vault: VaultKind, name: &str) -> Self {
        Self {
            application: application.clone(),
            vault,
            credential: name.to_owned(),
            owner: None,
            deadline: None,
            days_left: None,
            severity: None,
            outlook: None,
            exemption: None,
        }
    }

    /// A problem of its credential, with what is known of that.
    pub(super) fn finding(&self, role: Option<&Role>, problem: Problem) -> Finding {
        let (code, severity, detail) = problem;
        Finding {
            code,
            severity,
            application: self.application.clone(),
            vault: self.vault,
            credential: self.credential.clone(),
            role: role.cloned(),
            owner: self.owner.clone(),
            detail,
            days_left: self.days_left,
            exemption: self.exemption.clone(),
        }
    }
}

/// Puts together what was found about a client secret with what its tags say.
fn assess(
    mut secret: ApplicationDeadline,
    role: Option<&Role>,
    tags: Option<&BTreeMap<String, String>>,
    known: &Known,
    problems: Vec<Problem>,
    rules: &Rules,
    now: Timestamp,
) -> Assessment {
    let name = secret.credential.as_str();
    let unreadable = known.record.tags.unreadable.iter();
    let notes = unreadable.map(|tag| sentences::unreadable_tag(tag, name));
    let exemption = tags.map_or(Ok(None), Exemption::from_tags);
    let unusable = exemption.as_ref().err();
    let unusable = unusable.map(|problem| sentences::unusable_exemption(name, problem));
    let notes = notes.chain(unusable).collect();
    let exemption = exemption.ok().flatten();
    let today = utc_date(now);
    secret.exemption = exemption.clone().filter(|it| today <= it.until);
    let has_ended = |it: &Exemption| it.until.tomorrow().ok() == Some(today);
    let ended_exemption = exemption.filter(|it| has_ended(it) && !problems.is_empty());
    let owner = known.record.tags.owner.as_deref();
    secret.owner = owner.map(|owner| elide_end(owner.trim(), TAG_LIMIT));
    secret.deadline = known.deadline;
    secret.days_left = known.deadline.map(|deadline| deadline.days_left(now));
    if secret.exemption.is_none() {
        secret.severity = problems.iter().map(|(_, severity, _)| *severity).max();
    }
    secret.outlook = Some(known.outlook);
    let reminded = known.record.tags.reminded.as_ref();
    let need = known.outlook.need();
    let is_due = need.is_some_and(|need| need.is_due(reminded, &rules.reminder_days, now));
    let problems = problems.into_iter();
    Assessment {
        findings: problems.map(|it| secret.finding(role, it)).collect(),
        ended_exemption,
        reminder_due: is_due && secret.exemption.is_none(),
        notes,
        application: secret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::Layout;
    use crate::rotation::policy::Policy;
    use crate::tags;
    use crate::vault::ports::InlinePolicy;
    use crate::vault::ports::stage::CURRENT;

    const NOW: &str = "2026-06-01T06:00:00Z";
    const SECRET: &str = "/my-erp/lwa/clientsecret";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rules() -> Rules {
        Rules {
            policy: Policy {
                auto_rotate: false,
                ..Policy::default()
            },
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

    const REPORTED: &[(&str, &str)] = &[(tags::SECRET_EXPIRES_AT, "2026-10-28T06:00:00Z")];

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
    fn where_the_system_rotates_a_deadline_is_a_finding_only_when_it_is_late() {
        let found_at = |days_left: i64| {
            let now = at("2026-10-28T06:00:00Z");
            let now = now.checked_sub(crate::deadline::days(days_left)).unwrap();
            let mut rules = rules();
            rules.policy.auto_rotate = true;
            let tags = tags(REPORTED);
            let found_now = client_secret(&place(SECRET), &well_kept(), Some(&tags), &rules, now);
            (found(&found_now.findings), found_now.reminder_due)
        };
        assert_eq!(found_at(90), (vec![], false));
        assert_eq!(found_at(57), (vec![], false));
        assert_eq!(found_at(56), (vec!["LWA002 warning".into()], true));
        assert_eq!(found_at(6), (vec!["LWA002 critical".into()], true));
    }

    #[test]
    fn rewriting_the_value_does_not_move_a_reported_deadline() {
        let mut metadata = well_kept();
        metadata.last_modified = Some(at("2026-05-31T06:00:00Z"));
        let assessment = assess(&metadata, REPORTED, NOW);
        assert_eq!(
            assessment.application.deadline.unwrap().at,
            at("2026-10-28T06:00:00Z")
        );
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
            "The deadline was not reported; 2026-10-28 is an estimate of 180 days from its last \
             write."
        );
        let issued = assess(
            &well_kept(),
            &[(tags::SECRET_ISSUED_AT, "2026-04-01T00:00:00Z")],
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
        assert_eq!(assessment.application.days_left, None);
    }

    #[test]
    fn where_tags_could_not_be_read_nothing_is_claimed_about_them() {
        let now = at("2026-10-20T06:00:00Z");
        let assessment = client_secret(&place(SECRET), &well_kept(), None, &rules(), now);
        assert_eq!(found(&assessment.findings), ["LWA002 warning"]);
        assert!(
            assessment.findings[0]
                .detail
                .contains("because its tags could not be read. ")
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
            let pairs = [REPORTED[0], (tags::ROTATION_REQUESTED_AT, requested)];
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
        // Emulators, and parameters older than the field, name no writer.
        check(role, "N/A", &[]);
    }

    #[test]
    fn an_exemption_mutes_through_its_last_day_and_comes_back_the_day_after() {
        let pairs = |until| {
            [
                (tags::EXEMPT_UNTIL, until),
                (tags::EXEMPT_REASON, "retired in July"),
                (tags::OWNER, " team-a "),
            ]
        };
        let muted = assess(&well_kept(), &pairs("2026-06-01"), "2026-06-01T23:59:59Z");
        let exemption = muted.findings[0].exemption.as_ref().unwrap();
        assert_eq!(exemption.reason, "retired in July");
        assert_eq!(muted.application.owner.as_deref(), Some("team-a"));
        assert_eq!(muted.ended_exemption, None);
        let back = assess(&well_kept(), &pairs("2026-06-01"), "2026-06-02T00:00:00Z");
        assert_eq!(back.findings[0].exemption, None);
        assert!(back.ended_exemption.is_some());
        let later = assess(&well_kept(), &pairs("2026-06-01"), "2026-06-03T00:00:00Z");
        assert_eq!(later.ended_exemption, None);
        let instant = assess(&well_kept(), &pairs("2026-06-01T12:00:00Z"), NOW);
        assert!(instant.application.exemption.is_some());
    }

    #[test]
    fn an_exemption_on_a_reminder_day_mutes_the_reminder_too() {
        let pairs = [
            (tags::EXEMPT_UNTIL, "2026-08-01"),
            (tags::EXEMPT_REASON, "x"),
        ];
        assert!(assess(&well_kept(), &[], "2026-07-30T06:00:00Z").reminder_due);
        assert!(!assess(&well_kept(), &pairs, "2026-07-30T06:00:00Z").reminder_due);
    }

    #[test]
    fn an_exemption_without_a_date_or_a_reason_mutes_nothing_and_says_so() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            let assessment = assess(&well_kept(), pairs, NOW);
            assert_eq!(assessment.application.exemption, None);
            assert!(
                assessment.notes[0].contains(expected),
                "{:?}",
                assessment.notes
            );
        };
        check(
            &[(tags::EXEMPT_UNTIL, "summer"), (tags::EXEMPT_REASON, "x")],
            "`summer` is not a date such as 2026-06-30",
        );
        check(
            &[(tags::EXEMPT_UNTIL, "2026-07-01")],
            "it needs a lwa:exempt-reason as well",
        );
    }

    fn versions(pending_since: &str) -> Vec<SecretVersionEntry> {
        let version = |id: &str, at: &str, stage: &str| SecretVersionEntry {
            id: id.into(),
            created_at: Some(at.parse().unwrap()),
            stages: vec![stage.into()],
        };
        vec![
            version("one", "2026-05-01T06:00:00Z", CURRENT),
            version("two", pending_since, "AWSPENDING"),
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
            secret(&application, &metadata, Some(&versions), &rules(), at(NOW))
        };
        let left_over = assess("2026-06-01T04:59:59Z");
        assert_eq!(
            found(&left_over.findings),
            ["LWA010 info", "LWA004 warning", "LWA011 warning"]
        );
        assert_eq!(
            left_over.application.deadline.unwrap().at,
            at("2026-10-28T06:00:00Z")
        );
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
        metadata
            .stages
            .insert("two".into(), vec!["AWSPENDING".into()]);
        assert!(needs_versions(&metadata));
        metadata
            .stages
            .insert("two".into(), vec!["AWSPENDING".into(), CURRENT.into()]);
        assert!(!needs_versions(&metadata));
    }
}
