//! What becomes of each kind of message.

use crate::stage::{
    CLIENT_ID, EXPIRES, Ending, NEW, OLD, Queue, Stage, Story, at, event, new_secret,
};
use lwa_core::error::FunctionError;
use lwa_core::ports::CallFailure;
use lwa_core::rotation::queue::Payload;
use lwa_core::tags;
use lwa_core::vault::VaultKind;
use lwa_local::Fault;
use lwa_local::lwa::{ClientSecret, OAuthClient};
use serde_json::{Value, json};

const VAULTS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

fn client_id(number: usize) -> String {
    format!("amzn1.application-oa2-client.{number}")
}

/// An application as LWA knows it, all of whose secrets work.
fn client(secrets: &[&str]) -> OAuthClient {
    let works_from = at("2026-01-01T00:00:00Z");
    OAuthClient {
        secrets: secrets
            .iter()
            .map(|secret| ClientSecret::new(secret, works_from))
            .collect(),
        ..OAuthClient::default()
    }
}

/// Ten messages at once: six good ones of six applications, one that is older than what is
/// stored, one that is stored already, one of somebody else's application, and one that is none.
fn ten(stage: &Stage) -> Queue {
    let mut queue = Queue::new(stage.world.state().now);
    for number in 0..8 {
        let root = format!("my-erp/{number}");
        let stored = if number == 7 { "planted-7" } else { OLD };
        stage.add_application(&root, &client_id(number), stored);
        if number == 7 {
            stage.written_at(&root, at("2026-01-10T02:15:11Z"));
        }
        let secret = format!("planted-{number}");
        let client = client(&[&secret]);
        stage
            .world
            .state()
            .lwa
            .applications
            .insert(client_id(number), client);
        let expires = if number == 6 {
            "2026-01-19T00:00:00Z"
        } else {
            EXPIRES
        };
        let body = new_secret(&client_id(number), &secret, expires, &format!("n-{number}"));
        queue.send(&format!("m-{number}"), &body.to_string());
    }
    let foreign = new_secret(
        "amzn1.application-oa2-client.foreign",
        "planted-x",
        EXPIRES,
        "n-8",
    );
    queue.send("m-foreign", &foreign.to_string());
    queue.send("m-poison", "{\"newClientSecret\": \"planted-y\"");
    queue
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_ten_gives_back_exactly_what_cannot_be_handled() {
    for vault in VAULTS {
        let stage = Stage::new(Story::Plain, vault);
        let queue = ten(&stage);
        let mut batch = queue.waiting.clone();
        for message in &mut batch {
            message.receive_count = 1;
        }
        let report = stage
            .receiver()
            .handle(Payload::new(event(&batch).to_string()), None)
            .await
            .unwrap();
        let mut returned: Vec<Value> = report.to_json()["batchItemFailures"]
            .as_array()
            .unwrap()
            .clone();
        returned.sort_by_key(ToString::to_string);
        assert_eq!(
            returned,
            [
                json!({"itemIdentifier": "m-foreign"}),
                json!({"itemIdentifier": "m-poison"})
            ]
        );
        for number in 0..6 {
            assert_eq!(
                stage.stored(&format!("my-erp/{number}")),
                format!("planted-{number}")
            );
        }
        assert_eq!(stage.stored("my-erp/6"), OLD);
        assert_eq!(stage.writes(), 6);
        for (kind, count) in [
            // The one that was stored by hand is dated and told about now.
            ("secret-stored", 7),
            ("secret-stale", 1),
            ("client-id-unknown", 1),
            ("message-unusable", 1),
        ] {
            assert_eq!(stage.count(kind), count, "{kind} {vault:?}");
        }
        assert_eq!(stage.kinds().len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_handled_is_among_the_dead_letters_within_minutes_and_told_once() {
    for vault in VAULTS {
        let stage = Stage::new(Story::Plain, vault);
        let mut queue = ten(&stage);
        assert_eq!(queue.run(&stage).await, Ending::DeadLetters);
        let mut dead: Vec<_> = queue
            .dead
            .iter()
            .map(|message| message.id.as_str())
            .collect();
        dead.sort_unstable();
        assert_eq!(dead, ["m-foreign", "m-poison"]);
        assert!(stage.elapsed().as_secs() < 600, "{:?}", stage.elapsed());
        assert_eq!(stage.kinds().len(), 10);
        // The estate is not read again for each of 700 receptions.
        let listings = stage.world.calls();
        let listings = listings.iter().filter(|call| {
            call.starts_with("DescribeParameters /")
                || call.as_str() == "DescribeParameters"
                || call.starts_with("ListSecrets")
        });
        assert!(listings.count() < 20);
        stage.assert_nothing_leaked("ten");
    }
}

#[tokio::test(start_paused = true)]
async fn people_hear_of_a_hopeless_message_before_it_is_moved_away() {
    let stage = Stage::new(Story::Plain, VaultKind::ParameterStore);
    stage.fail(
        "Publish",
        "",
        Fault::Before(CallFailure::Unavailable),
        Some(3),
    );
    let mut queue = Queue::new(stage.world.state().now);
    queue.send("m-1", "nonsense");
    assert_eq!(queue.run(&stage).await, Ending::DeadLetters);
    assert_eq!(stage.kinds(), ["message-unusable"]);
    assert!(stage.elapsed().as_secs() < 1_200);
}

#[tokio::test(start_paused = true)]
async fn an_expiry_notice_in_this_queue_names_the_mix_up() {
    let stage = Stage::new(Story::Plain, VaultKind::ParameterStore);
    let mut queue = Queue::new(stage.world.state().now);
    let body = json!({
        "notificationType": "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
        "payload": {"applicationOAuthClientSecretExpiry": {
            "clientId": CLIENT_ID, "clientSecretExpiryTime": EXPIRES}},
    });
    queue.send("m-1", &body.to_string());
    assert_eq!(queue.run(&stage).await, Ending::DeadLetters);
    assert_eq!(stage.kinds(), ["wrong-queue"]);
}

#[tokio::test(start_paused = true)]
async fn values_of_every_kind_survive_or_are_refused_before_anything_is_lost() {
    let long = "x".repeat(4096);
    let longer = "\u{e9}".repeat(4097);
    for vault in VAULTS {
        for secret in [
            "q\"u'o`t\\e\\\\s",
            "\u{1f511} \u{4e2d}\u{6587} \u{202e}",
            long.as_str(),
            longer.as_str(),
            "a{{b}}c",
        ] {
            let stage = Stage::new(Story::Plain, vault);
            let client = client(&[secret]);
            stage
                .world
                .state()
                .lwa
                .applications
                .insert(CLIENT_ID.into(), client);
            let mut queue = Queue::new(stage.world.state().now);
            let body = new_secret(CLIENT_ID, secret, EXPIRES, "n-1").to_string();
            queue.send("m-1", &body);
            let ending = queue.run(&stage).await;
            let is_refused = vault == VaultKind::ParameterStore
                && (secret.contains("{{") || secret.len() > 8192);
            if is_refused {
                assert_eq!(ending, Ending::DeadLetters, "{secret}");
                assert_eq!(queue.dead[0].body, body);
                assert_eq!(stage.stored("my-erp"), OLD);
                assert_eq!(stage.kinds(), ["secret-unstorable"]);
            } else {
                assert_eq!(ending, Ending::Acknowledged, "{secret}");
                assert_eq!(stage.stored("my-erp"), secret);
                assert_eq!(stage.kinds(), ["secret-stored"]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_secrets_in_one_batch_the_newer_is_stored_whatever_their_order() {
    for vault in VAULTS {
        for newer_first in [false, true] {
            let stage = Stage::new(Story::Plain, vault);
            let client = client(&["planted-older", NEW]);
            stage
                .world
                .state()
                .lwa
                .applications
                .insert(CLIENT_ID.into(), client);
            let mut queue = Queue::new(stage.world.state().now);
            let older = new_secret(CLIENT_ID, "planted-older", "2026-07-09T02:00:00Z", "n-0");
            let newer = new_secret(CLIENT_ID, NEW, EXPIRES, "n-1");
            let mut bodies = vec![("m-0", older), ("m-1", newer)];
            if newer_first {
                bodies.reverse();
            }
            for (id, body) in bodies {
                queue.send(id, &body.to_string());
            }
            assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
            assert_eq!(stage.stored("my-erp"), NEW);
            assert_eq!(stage.kinds(), ["secret-stored", "secret-stale"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_stored_since_without_dates_stays_as_long_as_it_works() {
    for vault in [VaultKind::ParameterStore, VaultKind::SecretsManager] {
        for is_newer in [true, false] {
            let stage = Stage::new(Story::Plain, vault);
            stage.store_by_hand("planted-by-hand", is_newer);
            let mut batch = stage.queue().waiting;
            batch[0].receive_count = 1;
            let try_at = async |now: &str| {
                stage.world.set_now(at(now));
                let payload = Payload::new(event(&batch).to_string());
                let report = stage.receiver().handle(payload, None).await.unwrap();
                report.to_json() == json!({"batchItemFailures": []})
            };
            for now in [
                "2026-01-10T04:00:00Z",
                "2026-01-10T05:00:00Z",
                "2026-01-11T05:00:00Z",
            ] {
                assert!(!try_at(now).await);
                assert_eq!(stage.stored("my-erp"), "planted-by-hand");
            }
            assert_eq!(stage.kinds(), ["secret-contested"; 2], "daily");
            let pending = &stage.tags("my-erp")[tags::NEW_SECRET_PENDING];
            assert!(pending.ends_with(" 2026-01-17T02:15:10.045Z"), "{pending}");
            // By now Amazon has ended the older one.
            assert_eq!(try_at("2026-01-17T02:30:00Z").await, !is_newer);
            let expected = if is_newer { "planted-by-hand" } else { NEW };
            assert_eq!(stage.stored("my-erp"), expected, "{vault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_changes_between_two_tries_keeps_the_change() {
    let stage = Stage::new(Story::Plain, VaultKind::SecretsManager);
    stage.fail(
        "UpdateSecretVersionStage",
        "my-erp",
        Fault::Before(CallFailure::Unavailable),
        Some(1),
    );
    let queue = stage.queue();
    let mut batch = queue.waiting.clone();
    batch[0].receive_count = 1;
    let receiver = stage.receiver();
    let handle = || receiver.handle(Payload::new(event(&batch).to_string()), None);
    handle().await.unwrap();
    {
        let mut world = stage.world.state();
        let now = world.now;
        let secret = world.secrets.get_mut("my-erp").unwrap();
        secret.versions[0].stages.clear();
        secret.versions.push(lwa_local::SecretVersion {
            id: "v2".into(),
            value: format!(
                "{{\"AppClientId\":\"{CLIENT_ID}\",\"AppClientSecret\":\"{OLD}\",\"added\":1}}"
            )
            .into(),
            created_at: now,
            stages: vec!["AWSCURRENT".into()],
        });
    }
    let report = handle().await.unwrap();
    assert_eq!(report.to_json(), json!({"batchItemFailures": []}));
    assert_eq!(stage.stored("my-erp"), NEW);
    let world = stage.world.state();
    let secret = &world.secrets["my-erp"];
    let current = secret
        .versions
        .iter()
        .find(|version| version.stages.contains(&"AWSCURRENT".into()));
    let current = lwa_core::ExposeSecret::expose_secret(&current.unwrap().value);
    assert!(current.contains("\"added\":1"), "{current}");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_begun_without_the_time_to_end_it() {
    let stage = Stage::new(Story::Plain, VaultKind::ParameterStore);
    let mut batch = stage.queue().waiting;
    batch[0].receive_count = 1;
    let until = at("2026-01-10T02:15:32Z");
    let report = stage
        .receiver()
        .handle(Payload::new(event(&batch).to_string()), Some(until))
        .await
        .unwrap();
    assert_eq!(
        report.to_json(),
        json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]})
    );
    assert!(stage.world.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_batch_is_refused() {
    let stage = Stage::new(Story::Plain, VaultKind::ParameterStore);
    for payload in [
        "{}",
        "null",
        "[]",
        "\"planted\"",
        "{\"Records\":\"planted\"}",
    ] {
        let error = stage
            .receiver()
            .handle(Payload::new(payload), None)
            .await
            .unwrap_err();
        assert_eq!(error.error_type(), "InvalidRequest");
        assert!(!error.to_string().contains("planted"), "{error}");
    }
    let empty = stage
        .receiver()
        .handle(Payload::new("{\"Records\":[]}"), None)
        .await
        .unwrap();
    assert_eq!(empty.to_json(), json!({"batchItemFailures": []}));
}

#[tokio::test(start_paused = true)]
async fn an_old_message_brought_back_late_does_not_push_out_what_works() {
    // No dates are stored, the secret was rotated by hand since, and LWA knows the old new one
    // no longer.
    for vault in VAULTS {
        let stage = Stage::new(Story::NeverAccepted, vault);
        stage.world.set_now(at("2026-01-20T00:00:00Z"));
        {
            let mut world = stage.world.state();
            let now = at("2026-01-19T00:00:00Z");
            let client = world.lwa.applications.get_mut(CLIENT_ID).unwrap();
            client.secrets[0].works_until = None;
            for parameter in world.parameters.values_mut() {
                parameter.tags.clear();
                if let Some(last) = parameter.versions.last_mut() {
                    last.written_at = now;
                }
            }
            for secret in world.secrets.values_mut() {
                secret.tags.clear();
                secret.versions[0].created_at = now;
            }
        }
        let mut queue = stage.queue();
        assert_eq!(queue.run(&stage).await, Ending::DeadLetters);
        assert_eq!(stage.stored("my-erp"), OLD);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_from_before_the_last_request_leaves_the_request_open() {
    // A message came a day late, and a second secret was asked for meanwhile: that one is still
    // to come, and ends the life of this one within the week.
    for vault in VAULTS {
        let stage = Stage::new(Story::Plain, vault);
        let requested = "2026-01-11T05:00:00Z";
        stage.world.set_now(at("2026-01-11T06:00:00Z"));
        {
            let mut world = stage.world.state();
            let request = || (tags::ROTATION_REQUESTED_AT.into(), requested.into());
            for parameter in world.parameters.values_mut() {
                parameter.tags.extend([request()]);
            }
            for secret in world.secrets.values_mut() {
                secret.tags.extend([request()]);
            }
        }
        let mut queue = stage.queue();
        assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
        assert_eq!(stage.stored("my-erp"), NEW);
        let tags = stage.tags("my-erp");
        assert_eq!(tags[tags::ROTATION_REQUESTED_AT], requested);
        assert_eq!(tags[tags::SECRET_EXPIRES_AT], EXPIRES);
        assert!(!tags.contains_key(tags::NEW_SECRET_PENDING));
    }
}
