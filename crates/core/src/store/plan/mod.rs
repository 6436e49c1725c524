//! What is going to be written, decided before anything is.

mod dates;
mod keys;
mod parameters;
mod secret;
mod steps;

use jiff::Timestamp;

use super::{Found, Order, input};
use crate::deadline::days;
use crate::tags::whole_seconds;
use crate::vault::CredentialValues;

pub use keys::is_key;
pub use steps::{Plan, Refusal, Step};

/// Decides what to write so that `given` is stored and, as far as the extent goes, everything
/// is up to standard.
pub fn plan(
    order: &Order,
    given: &CredentialValues,
    found: &Found,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let now = whole_seconds(now);
    check_deadline(order, now)?;
    let mut plan = match found {
        Found::Parameters(found) => parameters::plan(order, given, found, now)?,
        Found::Secret(found) => secret::plan(order, given, found.as_ref(), now)?,
    };
    plan.notes.extend(input::oddities(given));
    Ok(plan)
}

fn check_deadline(order: &Order, now: Timestamp) -> Result<(), Refusal> {
    let Some(at) = order.expires_at else {
        return Ok(());
    };
    let refuse = |problem: String| Err(Refusal::Deadline { at, problem });
    if at <= now {
        return refuse("that is past; make a new secret in the developer console".to_owned());
    }
    let furthest = now.saturating_add(days(i64::from(order.lifetime_days) + 1));
    if furthest.is_ok_and(|furthest| at > furthest) {
        return refuse(format!(
            "a secret lives {} days at most; check the year",
            order.lifetime_days
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::application::{ApplicationName, Role, SellerId};
    use crate::config::Lookup;
    use crate::deadline::Basis;
    use crate::store::policies::REMIND_AFTER_DAYS;
    use crate::store::{Extent, FoundParameter, FoundSecret, Write};
    use crate::tags::{
        ROTATION_REQUESTED_AT, SECRET_EXPIRES_AT, SECRET_ISSUED_AT, SECRET_VERSION, STORE_PENDING,
    };
    use crate::vault::VaultKind;
    use crate::vault::ports::{InlinePolicy, ParameterMetadata, Tier};

    const NOW: &str = "2026-11-23T06:00:00.5Z";
    const WRITTEN: &str = "2026-09-01T00:00:00Z";
    const OLD: &str = "amzn1.oa2-cs.v1.planted-old";
    const NEW: &str = "amzn1.oa2-cs.v1.planted-new";
    const REPORTED: (&str, &str) = (SECRET_EXPIRES_AT, "2027-02-01T00:00:00Z");

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn order() -> Order {
        Order {
            application: ApplicationName::parse("my-erp").unwrap(),
            vault: VaultKind::ParameterStore,
            layout: Lookup::new(|_| None).layout().unwrap(),
            extent: Extent::Application,
            key: None,
            expires_at: None,
            first_stored: None,
            lifetime_days: 180,
        }
    }

    fn given(pairs: &[(Role, &str)]) -> CredentialValues {
        pairs
            .iter()
            .map(|(role, value)| (role.clone(), (*value).into()))
            .collect()
    }

    fn of_seller(id: &str) -> Role {
        Role::RefreshToken {
            seller: Some(SellerId::parse(id).unwrap()),
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn parameter(value: &str, tier: &str) -> FoundParameter {
        FoundParameter {
            metadata: ParameterMetadata {
                parameter_type: "SecureString".to_owned(),
                key_id: Some("alias/own".to_owned()),
                last_modified: Some(at(WRITTEN)),
                tier: Some(tier.to_owned()),
                ..ParameterMetadata::default()
            },
            value: Some(value.into()),
            tags: BTreeMap::new(),
        }
    }

    /// Up to standard, and without a date.
    fn stored() -> BTreeMap<Role, FoundParameter> {
        let mut secret = parameter(OLD, "Advanced");
        secret.metadata.policies = REMIND_AFTER_DAYS
            .map(|days| InlinePolicy {
                text: format!(
                    "{{\"Type\":\"NoChangeNotification\",\"Version\":\"1.0\",\"Attributes\":\
                     {{\"After\":\"{days}\",\"Unit\":\"Days\"}}}}"
                ),
                policy_type: "NoChangeNotification".to_owned(),
                status: "Pending".to_owned(),
            })
            .to_vec();
        BTreeMap::from([
            (Role::ClientId, parameter("id", "Standard")),
            (Role::ClientSecret, secret),
        ])
    }

    fn planned(
        order: &Order,
        values: &[(Role, &str)],
        found: BTreeMap<Role, FoundParameter>,
    ) -> Plan {
        let plan = plan(order, &given(values), &Found::Parameters(found), at(NOW)).unwrap();
        for step in &plan.steps {
            if let Write::Parameter(write) = &step.write {
                assert!(write.tags.is_empty() || !write.overwrite, "{step:?}");
                assert!(write.policies.is_none() || write.tier == Tier::Advanced);
            }
        }
        assert!(!format!("{plan:?}").contains("planted"), "{plan:?}");
        plan
    }

    fn shown(plan: &Plan) -> Vec<String> {
        let show =
            |step: &Step| format!("{} {}: {}", step.write.operation(), step.place, step.what);
        plan.steps.iter().map(show).collect()
    }

    fn refusal(order: &Order, values: &[(Role, &str)]) -> String {
        let found = Found::Parameters(BTreeMap::new());
        let refusal = plan(order, &given(values), &found, at(NOW)).unwrap_err();
        let text = refusal.to_string();
        assert!(!text.contains("planted"), "{text}");
        text
    }

    #[test]
    fn a_new_application_gets_its_client_secret_last_and_its_date_with_it() {
        let mut order = order();
        order.expires_at = Some(at("2027-05-20T00:00:00Z"));
        let values = [
            (Role::ClientId, "id"),
            (Role::ClientSecret, NEW),
            (Role::RefreshToken { seller: None }, "own"),
            (of_seller("A1"), "one"),
        ];
        let plan = planned(&order, &values, BTreeMap::new());
        let new = "new: SecureString, key alias/lwa/credentials";
        assert_eq!(
            shown(&plan),
            [
                format!("PutParameter /my-erp/lwa/clientidentifier: {new}, Standard tier"),
                format!("PutParameter /my-erp/refreshToken: {new}, Standard tier"),
                format!("PutParameter /my-erp/sellers/A1/refreshToken: {new}, Standard tier"),
                format!(
                    "PutParameter /my-erp/lwa/clientsecret: {new}, Advanced tier, reminders \
                     after 90, 150, 165 and 173 days without a change, \
                     tag lwa:secret-issued-at 2026-11-21T00:00:00Z, \
                     tag lwa:secret-expires-at 2027-05-20T00:00:00Z"
                ),
            ]
        );
        assert_eq!(plan.deadline.unwrap().basis, Basis::Reported);
        order.expires_at = None;
        let plan = planned(&order, &values, BTreeMap::new());
        assert_eq!(plan.deadline.unwrap().basis, Basis::Estimated);
        assert!(plan.notes[0].contains("--expires-at"), "{:?}", plan.notes);
    }

    #[test]
    fn a_new_secret_gets_its_dates_and_ends_the_request_for_a_rotation() {
        let mut found = stored();
        let secret = found.get_mut(&Role::ClientSecret).unwrap();
        let requested = (ROTATION_REQUESTED_AT, "2026-11-23T05:00:00Z");
        secret.tags = tags(&[REPORTED, requested, ("owner", "erp")]);
        let plan = planned(&order(), &[(Role::ClientSecret, NEW)], found);
        let place = "/my-erp/lwa/clientsecret";
        assert_eq!(
            shown(&plan),
            [
                format!("AddTagsToResource {place}: tag lwa:store-pending, until all is written"),
                format!("PutParameter {place}: a new value"),
                format!(
                    "AddTagsToResource {place}: tag lwa:secret-issued-at 2026-11-23T06:00:00Z, \
                     tag lwa:secret-expires-at 2027-05-22T06:00:00Z"
                ),
                format!(
                    "RemoveTagsFromResource {place}: remove tag lwa:store-pending, \
                     lwa:rotation-requested-at"
                ),
            ]
        );
        let Write::Parameter(write) = &plan.steps[1].write else {
            panic!("{:?}", plan.steps)
        };
        // Left out, they are kept; a write without a key would move to the default one.
        assert_eq!(write.policies, None);
        assert_eq!(write.key.as_deref(), Some("alias/own"));
        assert_eq!(plan.unchanged, ["/my-erp/lwa/clientidentifier"]);
    }

    #[test]
    fn the_same_value_again_moves_no_deadline() {
        for dates in [&[][..], &[REPORTED]] {
            let mut found = stored();
            found.get_mut(&Role::ClientSecret).unwrap().tags = tags(dates);
            let before = planned(&order(), &[], found.clone()).deadline;
            let same = format!(" {OLD}\n");
            let plan = planned(&order(), &[(Role::ClientSecret, &same)], found.clone());
            assert!(plan.steps.is_empty(), "{:?}", shown(&plan));
            assert_eq!(plan.deadline, before);

            // Even where it has to be written again.
            let secret = found.get_mut(&Role::ClientSecret).unwrap();
            secret.metadata.tier = Some("Standard".to_owned());
            secret.metadata.policies.clear();
            for values in [&[(Role::ClientSecret, OLD)][..], &[]] {
                let plan = planned(&order(), values, found.clone());
                let steps = shown(&plan);
                let last = steps.last().unwrap();
                assert!(last.starts_with("PutParameter"), "{steps:?}");
                assert_eq!(
                    steps.len(),
                    if dates.is_empty() { 2 } else { 1 },
                    "{steps:?}"
                );
                if dates.is_empty() {
                    let tag = format!("tag lwa:secret-issued-at {WRITTEN}");
                    assert!(steps[0].ends_with(&tag), "{steps:?}");
                }
                assert_eq!(plan.deadline.unwrap().at, before.unwrap().at);
            }
        }
    }

    #[test]
    fn an_interrupted_run_is_finished_and_a_stale_mark_is_not_believed() {
        let begun = "2026-11-23T05:00:00Z";
        let mark = format!("{begun} 2026-11-23T04:00:00Z 2027-05-22T04:00:00Z");
        let pending = (STORE_PENDING, mark.as_str());
        let steps = |written: &str, dates: &[(&str, &str)], values: &[(Role, &str)]| {
            let mut found = stored();
            let secret = found.get_mut(&Role::ClientSecret).unwrap();
            secret.metadata.last_modified = Some(at(written));
            secret.tags = tags(dates);
            shown(&planned(&order(), values, found))
        };
        let same = [(Role::ClientSecret, OLD)];
        let finished = steps("2026-11-23T05:00:01Z", &[pending, REPORTED], &same);
        assert_eq!(finished.len(), 2, "{finished:?}");
        assert!(finished[0].contains("expires-at 2027-05-22T04:00:00Z"));
        assert!(finished[1].contains("remove tag lwa:store-pending"));
        // The value was never written, or a later deadline was reported since.
        let later = (SECRET_EXPIRES_AT, "2027-05-23T00:00:00Z");
        for (written, dates) in [
            (WRITTEN, [pending, REPORTED]),
            ("2026-11-23T05:30:00Z", [pending, later]),
        ] {
            let steps = steps(written, &dates, &same);
            assert_eq!(steps.len(), 1, "{steps:?}");
            assert!(steps[0].contains("remove tag"), "{steps:?}");
        }
        assert!(steps("2026-11-23T05:00:01Z", &[pending], &[]).is_empty());
    }

    #[test]
    fn what_is_stored_is_brought_up_to_standard_and_no_tier_is_lowered() {
        let mut found = stored();
        let id = found.get_mut(&Role::ClientId).unwrap();
        id.metadata.parameter_type = "String".to_owned();
        id.metadata.key_id = None;
        id.metadata.tier = Some("Intelligent-Tiering".to_owned());
        let secret = found.get_mut(&Role::ClientSecret).unwrap();
        secret.metadata.key_id = Some("alias/aws/ssm".to_owned());
        secret.metadata.tier = Some("Intelligent-Tiering".to_owned());
        secret.metadata.policies.clear();
        secret.tags = tags(&[REPORTED]);
        let mut token = parameter("token", "Advanced");
        token.metadata.key_id = Some("arn:aws:kms:eu-west-1:111122223333:alias/aws/ssm".into());
        found.insert(of_seller("A1"), token);
        let plan = planned(&order(), &[], found);
        assert_eq!(
            shown(&plan),
            [
                "PutParameter /my-erp/lwa/clientidentifier: SecureString instead of String, key \
                 alias/lwa/credentials",
                "PutParameter /my-erp/sellers/A1/refreshToken: key alias/lwa/credentials",
                "PutParameter /my-erp/lwa/clientsecret: key alias/lwa/credentials, Advanced tier, \
                 reminders after 90, 150, 165 and 173 days without a change",
            ]
        );
        assert_eq!(plan.notes.len(), 2, "{:?}", plan.notes);
    }

    #[test]
    fn a_date_reported_for_what_was_there_before_is_confirmed_by_giving_it_again() {
        let known = "1 2026-08-05T00:00:00Z 2027-02-01T00:00:00Z";
        let mut found = stored();
        let secret = found.get_mut(&Role::ClientSecret).unwrap();
        secret.metadata.version = Some(2);
        secret.tags = tags(&[
            REPORTED,
            (SECRET_ISSUED_AT, "2026-08-05T00:00:00Z"),
            (SECRET_VERSION, known),
        ]);
        let mut order = order();
        let kept = planned(&order, &[], found.clone());
        assert_eq!(kept.deadline.unwrap().basis, Basis::Doubtful);
        order.expires_at = Some(at(REPORTED.1));
        let confirmed = planned(&order, &[], found.clone());
        let confirmation =
            "RemoveTagsFromResource /my-erp/lwa/clientsecret: remove tag lwa:secret-version";
        assert_eq!(shown(&confirmed), [confirmation]);
        assert_eq!(confirmed.deadline.unwrap().basis, Basis::Reported);
        // It is not doubted while the version is the one that was looked at.
        found.get_mut(&Role::ClientSecret).unwrap().metadata.version = Some(1);
        assert!(planned(&order, &[], found).steps.is_empty());
    }

    #[test]
    fn a_key_that_is_asked_for_goes_before_the_one_in_use_however_it_is_written() {
        let mut order = order();
        for (key, is_written) in [
            ("alias/own", false),
            ("arn:aws:kms:eu-west-1:111122223333:alias/own", false),
            ("alias/other", true),
        ] {
            order.key = Some(key.to_owned());
            let plan = planned(&order, &[], stored());
            assert_eq!(!plan.steps.is_empty(), is_written, "{key}");
        }
        order.key = None;
        order.extent = Extent::Only([of_seller("A1")].into());
        let plan = planned(&order, &[(of_seller("A1"), "one")], stored());
        assert!(
            shown(&plan)[0].contains("key alias/own"),
            "{:?}",
            shown(&plan)
        );
        assert_eq!(plan.steps.len(), 1);
    }

    #[test]
    fn what_aws_would_refuse_is_refused_before_anything_is_written() {
        let both = |secret: &'static str| [(Role::ClientId, "id"), (Role::ClientSecret, secret)];
        let long: &'static str = "x".repeat(8193).leak();
        assert!(refusal(&order(), &both("planted{{x")).contains("{{"));
        assert!(refusal(&order(), &both(long)).contains("8193 bytes"));
        let named = |name: &str| {
            let mut order = order();
            order.application = ApplicationName::parse(name).unwrap();
            refusal(&order, &both(NEW))
        };
        assert!(named("awsome/erp").contains("begins with `aws`"));
        assert!(named("SSM-erp").contains("begins with `aws` or `ssm`"));
        assert!(named(&["a"; 14].join("/")).contains("15 levels"));
        assert!(named(&"x".repeat(940)).contains("longer than 956"));
        assert!(refusal(&order(), &both(NEW)[1..]).contains("the client id (/my-erp/lwa/client"));
        let mut order = order();
        for (end, words) in [
            ("2026-11-22T00:00:00Z", "past"),
            ("2028-05-20T00:00:00Z", "180 days at most"),
        ] {
            order.expires_at = Some(at(end));
            assert!(refusal(&order, &both(NEW)).contains(words));
        }
    }

    #[test]
    fn a_long_token_takes_the_advanced_tier() {
        let long = "x".repeat(5000);
        let mut order = order();
        order.extent = Extent::Only([of_seller("A1")].into());
        let plan = planned(&order, &[(of_seller("A1"), &long)], stored());
        assert!(shown(&plan)[0].contains("Advanced tier"));
    }

    fn secret_planned(order: &Order, values: &[(Role, &str)], found: &FoundSecret) -> Plan {
        let found = Found::Secret(Some(found.clone()));
        plan(order, &given(values), &found, at(NOW)).unwrap()
    }

    #[test]
    fn a_secret_is_written_only_where_it_changes() {
        let mut order = order();
        order.vault = VaultKind::SecretsManager;
        let document = format!(r#"{{"AppClientId":"id","AppClientSecret":"{OLD}","note":1}}"#);
        let found = FoundSecret {
            document: Some(document.as_str().into()),
            written_at: Some(at(WRITTEN)),
            key_id: Some("alias/own".to_owned()),
            ..FoundSecret::default()
        };
        let same = [(Role::ClientId, "id"), (Role::ClientSecret, OLD)];
        let plan = secret_planned(&order, &same, &found);
        assert!(plan.steps.is_empty(), "{:?}", shown(&plan));
        let plan = secret_planned(&order, &[(of_seller("A1"), "one")], &found);
        assert_eq!(
            shown(&plan),
            [
                "TagResource secret my-erp: tag lwa:secret-issued-at 2026-09-01T00:00:00Z",
                "PutSecretValue secret my-erp: a new value: refresh token of seller A1",
            ]
        );
        let plan = secret_planned(&order, &[(Role::ClientSecret, NEW)], &found);
        let operations: Vec<_> = plan
            .steps
            .iter()
            .map(|step| step.write.operation())
            .collect();
        assert_eq!(
            operations,
            [
                "TagResource",
                "PutSecretValue",
                "TagResource",
                "UntagResource"
            ]
        );
        let managed = FoundSecret {
            key_id: None,
            ..found.clone()
        };
        let plan = secret_planned(&order, &[], &managed);
        assert_eq!(
            shown(&plan),
            ["UpdateSecret secret my-erp: key alias/lwa/credentials"]
        );
        let deleted = FoundSecret {
            is_deleted: true,
            ..found
        };
        let found = Found::Secret(Some(deleted));
        let refusal = super::plan(&order, &given(&same), &found, at(NOW)).unwrap_err();
        assert!(refusal.to_string().contains("restore-secret"), "{refusal}");
    }

    #[test]
    fn keys_are_ids_arns_and_aliases_of_customers() {
        for key in [
            "alias/lwa/credentials",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-1:111122223333:alias/lwa",
        ] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "",
            "alias/",
            "alias/aws/ssm",
            "my key",
            "arn:aws:s3:::bucket",
            "a/b",
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
