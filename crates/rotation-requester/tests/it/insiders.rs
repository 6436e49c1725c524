//! What an insider can do who may write below another path, or send to the queue: nothing.

use lwa_core::Timestamp;
use lwa_core::tags;
use lwa_core::vault::VaultKind;
use lwa_local::lwa::ClientSecret;
use rotation_requester::Outcome;

use crate::stage::{CLIENT_ID, DUE, NOW, Stage, at, due, expiry, schedule, send};

const VAULTS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];
const ROTATE: &str = "rotateApplicationClientSecret";
const LOOK_ALIKE: &str = "my-erp/copy";

/// A stage on which an insider copied the client id, and stored another secret with it.
fn with_look_alike(vault: VaultKind) -> Stage {
    let stage = Stage::new(vault);
    let works = stage.world.state().lwa.applications[CLIENT_ID].clone();
    stage.add(LOOK_ALIKE, CLIENT_ID);
    stage
        .world
        .state()
        .lwa
        .applications
        .insert(CLIENT_ID.into(), works);
    stage.store_by_hand(LOOK_ALIKE, "planted-forged");
    stage
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_a_look_alike_rotate_nothing_and_hold_no_rotation_back() {
    for vault in VAULTS {
        // A healthy secret, and a look-alike that says that it is dying.
        let stage = with_look_alike(vault);
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
        stage.tag(LOOK_ALIKE, tags::SECRET_EXPIRES_AT, "2026-06-02T00:00:00Z");
        schedule(&stage.requester()).await.unwrap();
        assert_eq!(stage.calls(ROTATE), 0, "{vault:?}");
        assert_eq!(stage.kinds(), ["look-alike"]);
        // A dying one, and a look-alike that says that a rotation is under way.
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, "2026-06-04T00:00:00Z");
        stage.tag(LOOK_ALIKE, tags::ROTATION_REQUESTED_AT, NOW);
        schedule(&stage.requester()).await.unwrap();
        assert_eq!(stage.calls(ROTATE), 1, "{vault:?}");
        assert!(!stage.tags(LOOK_ALIKE).contains_key(tags::SECRET_VERSION));
        stage.assert_nothing_leaked("look-alike");
    }
}

#[tokio::test(start_paused = true)]
async fn people_hear_once_of_a_look_alike_and_the_mark_goes_when_it_is_proven() {
    for vault in VAULTS {
        let stage = with_look_alike(vault);
        for _ in 0..2 {
            schedule(&stage.requester()).await.unwrap();
        }
        let told = stage.world.published();
        let told: Vec<_> = told
            .iter()
            .filter(|message| message.attributes.kind == "look-alike")
            .collect();
        assert_eq!(told.len(), 1, "{vault:?}");
        let email = told[0]
            .email
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            email.contains("my-erp/copy has the client id of my-erp"),
            "{email}"
        );
        let since: Timestamp = stage.tags(LOOK_ALIKE)[tags::UNPROVEN_SINCE]
            .parse()
            .unwrap();
        assert_eq!(since, at(NOW));
        // LWA accepts both secrets, as in an overlap.
        let forged = ClientSecret::new("planted-forged", at("2026-01-01T00:00:00Z"));
        stage.accept(forged);
        schedule(&stage.requester()).await.unwrap();
        assert!(!stage.tags(LOOK_ALIKE).contains_key(tags::UNPROVEN_SINCE));
    }
}

#[tokio::test(start_paused = true)]
async fn one_forged_notice_does_not_move_a_deadline_away() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        let six_days = "2026-06-07T00:00:00Z";
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, six_days);
        let forged = expiry(CLIENT_ID, "2026-11-20T00:00:00Z", NOW);
        let sent = send(&stage.requester(), &forged, 1).await;
        assert_eq!(sent, (Outcome::Rejected, true), "{vault:?}");
        assert_eq!(stage.tags("my-erp")[tags::SECRET_EXPIRES_AT], six_days);
        assert_eq!(stage.kinds(), ["date-doubtful"]);
        let email = stage.world.published()[0]
            .email
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(email.contains("2026-06-07, which stays"), "{email}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_of_2024_rotates_no_secret_of_2026() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        let old = expiry(CLIENT_ID, "2024-03-03T00:00:00Z", "2023-12-04T00:00:00Z");
        let sent = send(&stage.requester(), &old, 1).await;
        assert_eq!(sent, (Outcome::Outdated, false), "{vault:?}");
        assert_eq!(stage.calls(ROTATE), 0);
        assert!(stage.kinds().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_is_older_than_the_stored_secret_is_about_the_one_before_it() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.world.set_now(at("2026-05-30T05:00:00Z"));
        stage.store_by_hand("my-erp", "planted-by-hand");
        stage.world.set_now(at(NOW));
        let late = expiry(CLIENT_ID, "2026-06-20T00:00:00Z", "2026-05-20T00:00:00Z");
        let sent = send(&stage.requester(), &late, 1).await;
        assert_eq!(sent, (Outcome::Outdated, false), "{vault:?}");
        assert_eq!(stage.calls(ROTATE), 0);
        assert!(!stage.tags("my-erp").contains_key(tags::SECRET_EXPIRES_AT));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_requested_that_could_be_stored_nowhere() {
    let stage = Stage::new(VaultKind::ParameterStore);
    stage.tag("my-erp", tags::SECRET_EXPIRES_AT, DUE);
    {
        let mut world = stage.world.state();
        let secret = world
            .parameters
            .get_mut("/my-erp/lwa/clientsecret")
            .unwrap();
        secret.parameter_type = "String".into();
    }
    schedule(&stage.requester()).await.unwrap();
    assert_eq!(stage.calls(ROTATE), 0);
    let email = stage.world.published()[0]
        .email
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(email.contains("is a String, not a SecureString"), "{email}");
    assert!(
        email.contains("lwa store --application my-erp --keep"),
        "{email}"
    );
    let sent = send(&stage.requester(), &due(), 1).await;
    assert_eq!(sent.0, Outcome::Refused);
    assert_eq!(stage.calls(ROTATE), 0);
}
