//! What the versions in a vault tell about a client secret that is stored by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::{Timestamp, ToSpan};
use lwa_core::application::{ApplicationName, Role};
use lwa_core::config::Lookup;
use lwa_core::ports::CallFailure;
use lwa_core::store::history::dated;
use lwa_core::store::look::look;
use lwa_core::store::plan::{Refusal, plan};
use lwa_core::store::{Extent, Order};
use lwa_core::tags::SECRET_ISSUED_AT;
use lwa_core::vault::{CredentialValues, VaultKind};
use lwa_local::{Fault, ScriptedFault, Secret, World};
use serde_json::json;

const KINDS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

fn at(day: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    start + (24 * day).hours()
}

fn order(vault: VaultKind) -> Order {
    Order {
        application: ApplicationName::parse("my-erp").unwrap(),
        vault,
        layout: Lookup::new(|_| None).layout().unwrap(),
        extent: Extent::Application,
        key: None,
        expires_at: None,
        first_stored: None,
        lifetime_days: 180,
    }
}

/// A vault in which these client secrets were written on these days.
fn written(kind: VaultKind, now: Timestamp, values: &[(&str, i64)]) -> World {
    let world = World::new(now);
    let mut secret = Secret {
        arn: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-erp-x".to_owned(),
        key_id: Some("alias/own".to_owned()),
        ..Secret::default()
    };
    world.seed_parameter("/my-erp/lwa/clientidentifier", "id", at(0));
    for (number, (value, day)) in values.iter().enumerate() {
        world.seed_parameter("/my-erp/lwa/clientsecret", value, at(*day));
        let document = json!({"AppClientId": "id", "AppClientSecret": value}).to_string();
        let document = document.as_str().into();
        secret.push_current(&format!("v{}", number + 1), &document, at(*day));
    }
    if kind == VaultKind::SecretsManager {
        world.state().secrets.insert("my-erp".to_owned(), secret);
    }
    world
}

/// What becomes of an order for a client secret, with the words on where its date is from.
async fn ordered(
    world: &World,
    order: Order,
    value: &str,
    now: Timestamp,
) -> Result<(Order, Option<String>), Refusal> {
    let given = CredentialValues::from([(Role::ClientSecret, value.into())]);
    let found = look(world, &order).await.unwrap();
    dated(world, order, &given, &found, now).await
}

#[tokio::test]
async fn a_secret_that_was_never_stored_is_dated_today() {
    for kind in KINDS {
        let world = written(kind, at(100), &[("old", 0), ("now", 50)]);
        let (order, words) = ordered(&world, order(kind), "new", at(100)).await.unwrap();
        assert_eq!(
            (order.expires_at, order.first_stored, words),
            (None, None, None)
        );
    }
}

#[tokio::test]
async fn a_secret_that_was_stored_before_keeps_the_date_of_its_first_version() {
    for kind in KINDS {
        // What was there before it, and was put back, is no newer one.
        let values = [("older", 0), ("one", 50), (" one\n", 60), ("older", 70)];
        let world = written(kind, at(100), &values);
        let (order, words) = ordered(&world, order(kind), "one", at(100)).await.unwrap();
        assert_eq!(order.expires_at, Some(at(230)), "{kind:?}");
        assert_eq!(order.first_stored, Some(at(50)));
        let words = words.unwrap();
        assert!(words.contains("first on 2026-02-20 (version "), "{words}");
        assert!(words.contains("180 days count from then"), "{words}");

        let given = CredentialValues::from([(Role::ClientSecret, "one".into())]);
        let found = look(&world, &order).await.unwrap();
        let plan = plan(&order, &given, &found, at(100)).unwrap();
        assert_eq!(plan.deadline.unwrap().at, at(230));
        let steps: Vec<&str> = plan.steps.iter().map(|step| step.what.as_str()).collect();
        let issued = format!("tag {SECRET_ISSUED_AT} {}", at(50));
        assert!(steps.iter().any(|step| step.contains(&issued)), "{steps:?}");
    }
}

#[tokio::test]
async fn a_secret_in_the_overlap_of_a_newer_one_ends_with_the_overlap() {
    for kind in KINDS {
        let world = written(kind, at(100), &[("one", 0), ("newer", 98)]);
        let (order, words) = ordered(&world, order(kind), "one", at(100)).await.unwrap();
        assert_eq!(order.expires_at, Some(at(105)), "{kind:?}");
        assert_eq!(order.first_stored, Some(at(0)));
        let words = words.unwrap();
        assert!(
            words.contains("a newer one was stored on 2026-04-09"),
            "{words}"
        );
    }
}

#[tokio::test]
async fn where_the_versions_do_not_tell_the_day_is_asked_for() {
    for kind in KINDS {
        let values = [("one", 0), ("newer", 50)];
        let refused = |world| async move {
            let refused = ordered(&world, order(kind), "one", at(100)).await;
            let words = refused.unwrap_err().to_string();
            assert!(words.contains("--expires-at"), "{words}");
            assert!(!words.contains("one"), "{words}");
            words
        };
        // It ended with the overlap, if the newer one came out of a rotation.
        let words = refused(written(kind, at(100), &values)).await;
        assert!(words.contains("stopped working on 2026-02-27"), "{words}");

        let world = written(kind, at(100), &values);
        let (operation, target) = match kind {
            VaultKind::ParameterStore => ("GetParameters", "/my-erp/lwa/clientsecret:1"),
            VaultKind::SecretsManager => ("ListSecretVersionIds", "my-erp"),
        };
        world.state().faults.push(ScriptedFault {
            operation: operation.to_owned(),
            target: target.to_owned(),
            fault: Fault::Before(CallFailure::Refused),
            times: None,
        });
        let words = refused(world.clone()).await;
        assert!(words.contains("cannot be read"), "{words}");

        let mut given = order(kind);
        given.expires_at = Some(at(120));
        let (order, words) = ordered(&world, given, "one", at(100)).await.unwrap();
        assert_eq!((order.expires_at, words), (Some(at(120)), None));
    }
}

#[tokio::test]
async fn what_is_stored_and_was_written_again_is_as_old_as_its_first_version() {
    for kind in KINDS {
        let world = written(kind, at(100), &[("other", 0), ("one", 10), ("one", 90)]);
        let given = CredentialValues::from([(Role::ClientSecret, "one".into())]);
        let (order, words) = ordered(&world, order(kind), "one", at(100)).await.unwrap();
        assert_eq!((order.first_stored, words), (Some(at(10)), None));
        let found = look(&world, &order).await.unwrap();
        let plan = plan(&order, &given, &found, at(100)).unwrap();
        assert_eq!(plan.deadline.unwrap().at, at(190), "{kind:?}");
        assert!(
            plan.notes[0].contains("first stored on 2026-01-11"),
            "{:?}",
            plan.notes
        );
    }
}
