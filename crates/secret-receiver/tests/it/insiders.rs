//! What an insider can do who may write below another path, or send to the queue: nothing.

use lwa_core::ExposeSecret;
use lwa_core::ports::CallFailure;
use lwa_core::vault::VaultKind;
use lwa_local::Fault;

use crate::stage::{
    CLIENT_ID, EXPIRES, Ending, NEW, OLD, OLD_EXPIRES, Queue, Stage, Story, at, new_secret, payload,
};

const VAULTS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];
const LOOK_ALIKE: &str = "my-erp/copy";
const FORGED: &str = "amzn1.oa2-cs.v1.planted-forged";

fn parameter(root: &str) -> String {
    format!("/{root}/lwa/clientsecret")
}

/// A stage on which an insider copied the client id.
fn with_look_alike(story: Story, vault: VaultKind, secret: &str) -> Stage {
    let stage = Stage::new(story, vault);
    stage.add_application(LOOK_ALIKE, CLIENT_ID, secret);
    stage
}

#[tokio::test(start_paused = true)]
async fn a_place_that_only_copied_the_client_id_gets_no_secret_and_people_hear_of_it() {
    for vault in VAULTS {
        for story in [Story::Plain, Story::TwoRoots, Story::LatePropagation] {
            let stage = with_look_alike(story, vault, FORGED);
            let mut queue = stage.queue();
            assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
            assert!(stage.is_stored(), "{vault:?} {story:?}");
            assert_eq!(stage.stored(LOOK_ALIKE), FORGED);
            let last = stage.world.published().pop().unwrap();
            assert_eq!(last.attributes.kind, "secret-stored");
            let email = last.email.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                email.contains("Not stored where only the client id"),
                "{email}"
            );
            assert!(email.contains(LOOK_ALIKE), "{email}");
            stage.assert_nothing_leaked("look-alike");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_alike_that_is_blank_keeps_the_new_secret_from_nobody_else() {
    let stage = with_look_alike(Story::Plain, VaultKind::ParameterStore, " ");
    let mut queue = stage.queue();
    assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
    assert!(stage.is_stored());
    assert_eq!(stage.stored(LOOK_ALIKE), " ");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_still_holds_the_secret_before_gets_the_new_one() {
    // The last rotation reached one of two places only.
    for vault in VAULTS {
        let stage = Stage::new(Story::Plain, vault);
        stage.store_by_hand(FORGED, false);
        stage.add_application("my-erp/eu", CLIENT_ID, OLD);
        {
            // LWA refuses what `my-erp/eu` holds by now, and accepts what `my-erp` holds.
            let mut world = stage.world.state();
            let client = world.lwa.applications.get_mut(CLIENT_ID).unwrap();
            client.secrets[0].works_until = Some(at("2026-01-10T00:00:00Z"));
        }
        stage.world.set_now(at("2026-01-10T03:00:00Z"));
        let mut queue = Queue::new(at("2026-01-10T03:00:00Z"));
        let mut body = new_secret(CLIENT_ID, NEW, "2026-07-09T03:10:00Z", "n-1");
        body["eventTime"] = "2026-01-10T03:10:00Z".into();
        stage.world.set_now(at("2026-01-10T03:10:00Z"));
        queue.send("m-1", &body.to_string());
        assert_eq!(queue.run(&stage).await, Ending::Acknowledged, "{vault:?}");
        assert_eq!(stage.stored("my-erp"), NEW, "{vault:?}");
        assert_eq!(stage.stored("my-erp/eu"), NEW, "{vault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_place_is_proven_the_secret_waits_and_people_are_asked() {
    for vault in VAULTS {
        let stage = with_look_alike(Story::Plain, vault, FORGED);
        {
            let mut world = stage.world.state();
            let client = world.lwa.applications.get_mut(CLIENT_ID).unwrap();
            client
                .secrets
                .retain(|known| known.value.expose_secret() == NEW);
        }
        let mut queue = stage.queue();
        assert_eq!(queue.run(&stage).await, Ending::DeadLetters);
        assert_eq!(stage.stored("my-erp"), OLD);
        assert_eq!(stage.stored(LOOK_ALIKE), FORGED);
        let email = stage.world.published()[0]
            .email
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(email.contains("have the same client id"), "{email}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_to_a_plain_string_or_under_the_aws_managed_key() {
    for what in ["String", "alias/aws/ssm"] {
        let stage = Stage::new(Story::TwoRoots, VaultKind::ParameterStore);
        {
            let mut world = stage.world.state();
            let place = world.parameters.get_mut(&parameter("my-erp/eu")).unwrap();
            if what == "String" {
                place.parameter_type = what.into();
            } else {
                place.key_id = Some(what.into());
            }
        }
        let mut queue = stage.queue();
        assert_eq!(queue.run(&stage).await, Ending::DeadLetters, "{what}");
        assert_eq!(stage.stored("my-erp"), NEW, "the other place: {what}");
        assert_eq!(stage.stored("my-erp/eu"), OLD, "{what}");
        let published = stage.world.published();
        let told = published
            .iter()
            .find(|message| message.attributes.kind == "secret-not-stored");
        let email = told
            .unwrap()
            .email
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(email.contains("--application my-erp/eu --keep"), "{email}");
        // Once that is done, the redriven message finds its place.
        {
            let mut world = stage.world.state();
            let place = world.parameters.get_mut(&parameter("my-erp/eu")).unwrap();
            place.parameter_type = "SecureString".into();
            place.key_id = Some("alias/own".into());
        }
        let mut again = stage.queue();
        assert_eq!(again.run(&stage).await, Ending::Acknowledged, "{what}");
        assert!(stage.is_stored(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn seven_forged_secrets_replace_nothing_that_works() {
    for vault in VAULTS {
        let stage = Stage::new(Story::Plain, vault);
        stage.world.set_now(at("2026-01-11T00:00:00Z"));
        let mut queue = Queue::new(at("2026-01-11T00:00:00Z"));
        for number in 0..7 {
            let secret = format!("{FORGED}-{number}");
            let id = format!("n-{number}");
            let mut body = new_secret(CLIENT_ID, &secret, EXPIRES, &id);
            body["eventTime"] = "2026-01-03T00:00:00Z".into();
            // The old one is said to be dead.
            body["payload"]["applicationOAuthClientNewSecret"]["oldClientSecretExpiryTime"] =
                "2026-01-10T00:00:00Z".into();
            queue.send(&format!("m-{number}"), &body.to_string());
        }
        {
            let mut world = stage.world.state();
            let client = world.lwa.applications.get_mut(CLIENT_ID).unwrap();
            client.secrets[0].works_until = None;
        }
        assert_eq!(queue.run(&stage).await, Ending::DeadLetters);
        assert_eq!(stage.stored("my-erp"), OLD, "{vault:?}");
        assert_eq!(stage.writes(), 0, "{vault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_secret_with_a_forged_date_does_not_come_back() {
    for vault in VAULTS {
        let stage = Stage::new(Story::Plain, vault);
        let mut queue = stage.queue();
        assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
        let before = stage.tags("my-erp");
        // The stored one is dead, and LWA goes on accepting the old one; the message says that it
        // is new. It was stored before it was made, so the message is false.
        stage.world.set_now(at("2026-07-20T00:00:00Z"));
        {
            let mut world = stage.world.state();
            let client = world.lwa.applications.get_mut(CLIENT_ID).unwrap();
            client.secrets[0].works_until = None;
            client.secrets[1].works_until = Some(at(EXPIRES));
        }
        let mut queue = Queue::new(at("2026-07-20T00:00:00Z"));
        let mut body = new_secret(CLIENT_ID, OLD, "2027-01-16T00:00:00Z", "n-2");
        body["eventTime"] = "2026-07-20T00:00:00Z".into();
        queue.send("m-2", &body.to_string());
        assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
        assert_eq!(stage.stored("my-erp"), NEW, "{vault:?}");
        let after = stage.tags("my-erp");
        for key in ["lwa:secret-expires-at", "lwa:secret-issued-at"] {
            assert_eq!(after[key], before[key], "{vault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_lwa_does_not_answer_nothing_is_stored_unverified() {
    let stage = Stage::new(Story::Plain, VaultKind::ParameterStore);
    stage.world.set_now(at(OLD_EXPIRES));
    stage.fail(
        "ExchangeToken",
        "",
        Fault::Before(CallFailure::Unavailable),
        Some(3),
    );
    let mut queue = stage.queue();
    assert_eq!(queue.run(&stage).await, Ending::Acknowledged);
    assert_eq!(stage.count("secret-stored-unverified"), 0);
    assert!(stage.is_stored());
}

#[tokio::test(start_paused = true)]
async fn three_hundred_junk_messages_are_one_notification_an_hour_with_their_number() {
    let stage = Stage::new(Story::Plain, VaultKind::ParameterStore);
    let receiver = stage.receiver();
    let mut queue = Queue::new(stage.world.state().now);
    for number in 0..300 {
        queue.send(&format!("m-{number}"), "junk");
    }
    for batch in queue.waiting.chunks(10) {
        receiver.handle(payload(batch), None).await.unwrap();
    }
    assert_eq!(stage.kinds(), ["message-unusable"]);
    stage.world.set_now(at("2026-01-10T03:15:12Z"));
    let one_more = payload(&queue.waiting[..1]);
    receiver.handle(one_more, None).await.unwrap();
    let published = stage.world.published();
    assert_eq!(published.len(), 2);
    let email = published[1]
        .email
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(email.contains("291 messages"), "{email}");
}
