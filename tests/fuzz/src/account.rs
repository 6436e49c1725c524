//! The account that the functions run on: one application, in both vaults, and nothing goes
//! wrong but what was sent.

use std::collections::BTreeMap;

use lwa_core::config::Lookup;
use lwa_core::vault::VaultKind;
use lwa_core::{ExposeSecret, Layout, Timestamp};
use lwa_local::SecretVersion;
use lwa_local::{Secret, World};
use serde_json::json;

use crate::assertions;

pub(crate) const CLIENT_ID: &str = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef";
pub(crate) const CLIENT_SECRET: &str = "amzn1.oa2-cs.v1.kept-in-the-vault";
pub(crate) const OWN_TOKEN: &str = "Atzr|kept-for-the-application";
pub(crate) const SELLER_TOKEN: &str = "Atzr|kept-for-the-seller";

/// What must not get out of the vault.
pub(crate) const PLANTED: [&str; 3] = [CLIENT_SECRET, OWN_TOKEN, SELLER_TOKEN];

/// A day in the year of the sample events.
pub(crate) fn now() -> Timestamp {
    Timestamp::constant(1_780_272_000, 0)
}

/// The functions' variables.
pub(crate) fn lookup(vault: VaultKind) -> Lookup<impl Fn(&str) -> Option<String>> {
    Lookup::new(move |name| {
        let value = match (name, vault) {
            ("LWA_VAULT", VaultKind::ParameterStore) => "parameter-store",
            ("LWA_VAULT", VaultKind::SecretsManager) => "secrets-manager",
            ("TOPIC_ARN", _) => "arn:aws:sns:us-east-1:111122223333:lwa-reminders",
            ("RUNBOOK_URL", _) => "https://wiki.example/lwa",
            ("AWS_REGION", _) => "us-east-1",
            _ => return None,
        };
        Some(value.to_owned())
    })
}

/// How parameters are named unless set.
pub(crate) fn layout() -> Layout {
    let layout = Lookup::new(|_| None).layout();
    layout.expect("the defaults are a layout")
}

/// One application in both vaults, its secret issued five months ago.
pub(crate) fn world() -> World {
    let world = World::new(now());
    let written = Timestamp::constant(1_767_312_000, 0);
    for (name, value) in [
        ("/my-erp/lwa/clientidentifier", CLIENT_ID),
        ("/my-erp/lwa/clientsecret", CLIENT_SECRET),
        ("/my-erp/refreshToken", OWN_TOKEN),
        ("/my-erp/sellers/A2EXAMPLE/refreshToken", SELLER_TOKEN),
    ] {
        world.seed_parameter(name, value, written);
    }
    let document = json!({
        "AppClientId": CLIENT_ID,
        "AppClientSecret": CLIENT_SECRET,
        "refreshToken": OWN_TOKEN,
        "sellers": {"A2EXAMPLE": SELLER_TOKEN},
    });
    let secret = Secret {
        deleted_at: None,
        arn: "arn:aws:secretsmanager:us-east-1:111122223333:secret:my-erp-Ab1Cd2".to_owned(),
        key_id: Some("alias/lwa-credentials".to_owned()),
        tags: BTreeMap::new(),
        versions: vec![SecretVersion {
            id: "f4b70ee1-8d76-559a-a04f-496120436582".to_owned(),
            value: document.to_string().into(),
            created_at: written,
            stages: vec!["AWSCURRENT".to_owned()],
        }],
    };
    world.state().secrets.insert("my-erp".to_owned(), secret);
    world
}

/// What holds after any invocation: every message is legal and keeps what is secret, and no
/// credential but the client secret has changed.
pub(crate) fn assert_in_order(world: &World, sent: &str) {
    let state = world.state();
    for message in &state.published {
        assertions::assert_within_limits(message);
        assertions::assert_not_leaked(&PLANTED, sent, &format!("{message:?}"));
    }
    for (name, value) in [
        ("/my-erp/lwa/clientidentifier", CLIENT_ID),
        ("/my-erp/refreshToken", OWN_TOKEN),
        ("/my-erp/sellers/A2EXAMPLE/refreshToken", SELLER_TOKEN),
    ] {
        let stored = state.parameters.get(name).map(|found| &found.versions[..]);
        assert!(
            matches!(stored, Some([only]) if only.value.expose_secret() == value),
            "{name} was written"
        );
    }
}
