//! A whole rotation with everything that takes part in it, in memory: while requester and
//! receiver do their work, somebody asks the exchanger for tokens all the time.

use std::time::Duration;

use lwa_core::application::Layout;
use lwa_core::config::Lookup;
use lwa_core::message::Message;
use lwa_core::rotation::queue::Payload;
use lwa_core::severity::Severity;
use lwa_core::tags;
use lwa_core::vault::{Vault, VaultKind};
use lwa_core::{ExposeSecret, Timestamp};
use lwa_local::lwa::{ClientSecret, OAuthClient};
use lwa_local::{Secret, SecretVersion, World};
use rotation_requester::RotationRequester;
use secret_receiver::SecretReceiver;
use serde_json::{Value, json};
use token_exchanger::{Response, TokenExchanger};

const CLIENT_ID: &str = "amzn1.application-oa2-client.0123";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old";
const BEGIN: &str = "2026-06-01T05:00:00Z";
const KINDS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

type Exchanger = TokenExchanger<World, World, World, World, World>;
type Requester = RotationRequester<World, World, World, World, World, World>;
type Receiver = SecretReceiver<World, World, World, World, World, World>;

struct Stage {
    world: World,
    kind: VaultKind,
    layout: Layout,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Stage {
    fn new(kind: VaultKind, propagation: Duration) -> Self {
        let world = World::new(at(BEGIN));
        let written = at("2026-01-01T00:00:00Z");
        let tags = [(
            tags::SECRET_EXPIRES_AT.to_owned(),
            "2026-06-30T00:00:00Z".to_owned(),
        )];
        match kind {
            VaultKind::ParameterStore => {
                world.seed_parameter("/my-erp/lwa/clientidentifier", CLIENT_ID, written);
                world.seed_parameter("/my-erp/lwa/clientsecret", OLD, written);
                let mut state = world.state();
                let secret = state.parameters.get_mut("/my-erp/lwa/clientsecret");
                secret.unwrap().tags = tags.into();
            }
            VaultKind::SecretsManager => {
                let document = json!({"AppClientId": CLIENT_ID, "AppClientSecret": OLD});
                let version = SecretVersion {
                    id: "v1".into(),
                    value: document.to_string().into(),
                    created_at: written,
                    stages: vec!["AWSCURRENT".into()],
                };
                let secret = Secret {
                    deleted_at: None,
                    arn: "arn".into(),
                    key_id: None,
                    tags: tags.into(),
                    versions: vec![version],
                };
                world.state().secrets.insert("my-erp".into(), secret);
            }
        }
        let client = OAuthClient {
            secrets: vec![ClientSecret::new(OLD, written)],
            ..OAuthClient::default()
        };
        let mut state = world.state();
        state.lwa.applications.insert(CLIENT_ID.into(), client);
        state.sp_api.propagation = propagation;
        drop(state);
        Self {
            world,
            kind,
            layout: Lookup::new(|_| None).layout().unwrap(),
        }
    }

    fn vault(&self) -> Vault<World> {
        Vault::new(self.world.clone(), self.kind, self.layout.clone())
    }

    fn exchanger(&self) -> Exchanger {
        let mut settings = token_exchanger::Settings::from_lookup(&Lookup::new(|_| None)).unwrap();
        settings.vault = self.kind;
        let world = || self.world.clone();
        let ports = token_exchanger::Ports {
            vault: self.vault(),
            lwa: world(),
            sp_api: world(),
            clock: world(),
            metrics: world(),
        };
        TokenExchanger::new(settings, ports)
    }

    fn requester(&self) -> Requester {
        let lookup = Lookup::new(|_| None);
        let mut settings = rotation_requester::Settings::from_lookup(&lookup).unwrap();
        settings.vault = self.kind;
        let world = || self.world.clone();
        let ports = rotation_requester::Ports {
            vault: self.vault(),
            lwa: world(),
            sp_api: world(),
            notifier: world(),
            clock: world(),
            metrics: world(),
        };
        RotationRequester::new(settings, ports)
    }

    fn receiver(&self) -> Receiver {
        let mut settings = secret_receiver::Settings::from_lookup(&Lookup::new(|_| None)).unwrap();
        settings.vault = self.kind;
        let world = || self.world.clone();
        let ports = secret_receiver::Ports {
            vault: self.vault(),
            lwa: world(),
            queue: world(),
            notifier: world(),
            clock: world(),
            metrics: world(),
        };
        SecretReceiver::new(settings, ports)
    }

    /// What Amazon puts into the queue when it has made a new secret.
    fn notification(&self) -> Option<String> {
        let state = self.world.state();
        let (client_id, secret) = state.sp_api.rotated.last()?;
        let body = json!({
            "notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
            "eventTime": BEGIN,
            "payload": {"applicationOAuthClientNewSecret": {
                "clientId": client_id, "newClientSecret": secret.expose_secret(),
                "newClientSecretExpiryTime": "2026-11-28T05:00:00Z",
                "oldClientSecretExpiryTime": "2026-06-08T05:00:00Z"}},
            "notificationMetadata": {"notificationId": "n-1"},
        });
        Some(body.to_string())
    }

    fn kinds(&self) -> Vec<&'static str> {
        let published = self.world.published();
        published
            .iter()
            .map(|message| message.attributes.kind)
            .collect()
    }
}

async fn ask(exchanger: &Exchanger, force: bool, what: &str) -> String {
    let request = json!({"application": "my-erp", "grant": "client_credentials",
        "scope": "sellingpartnerapi::notifications", "force_refresh": force});
    match exchanger.handle(request, Duration::from_secs(30)).await {
        Ok(Response::Token(token)) => Response::Token(token).to_json()["secret_version"]
            .as_str()
            .unwrap()
            .to_owned(),
        Ok(_) => panic!("a token was asked for: {what}"),
        Err(error) => panic!("a user sees {error}: {what}"),
    }
}

/// Every ten minutes for nine days: the queue is polled as SQS would have it, and two
/// exchangers, one that has run all the time and one that is new, are asked for tokens, fresh
/// and cached.
async fn live(kind: VaultKind, propagation: Duration) -> Stage {
    let stage = Stage::new(kind, propagation);
    let (veteran, receiver) = (stage.exchanger(), stage.receiver());
    ask(&veteran, false, "before").await;
    let empty = Payload::new("{}");
    stage.requester().handle(empty).await.unwrap();
    let mut message = stage.notification();
    assert!(message.is_some(), "Amazon was not asked");
    let (mut receive_count, mut visible_at) = (0, at(BEGIN));
    for step in 1..=9 * 144_u64 {
        let now = at(BEGIN)
            .checked_add(Duration::from_mins(10 * step))
            .unwrap();
        stage.world.set_now(now);
        let what = format!("{kind:?} {propagation:?} {now}");
        if let Some(body) = message.as_ref().filter(|_| visible_at <= now) {
            receive_count += 1;
            let event = json!({"Records": [{"messageId": "m-1", "body": body,
                "attributes": {"ApproximateReceiveCount": receive_count.to_string()}}]});
            let report = receiver
                .handle(Payload::new(event.to_string()), None)
                .await
                .unwrap();
            let answer: Value = report.to_json();
            visible_at = now.checked_add(Duration::from_mins(15)).unwrap();
            if answer["batchItemFailures"] == json!([]) {
                message = None;
            }
        }
        ask(&veteran, false, &what).await;
        if step % 6 == 0 {
            ask(&veteran, true, &what).await;
            ask(&stage.exchanger(), false, &what).await;
            stage.requester().handle(Payload::new("{}")).await.unwrap();
        }
    }
    assert!(message.is_none(), "the message was never acknowledged");
    assert_eq!(stage.world.state().sp_api.rotated.len(), 1);
    let current = ask(&stage.exchanger(), false, "afterwards").await;
    let expected = match kind {
        VaultKind::ParameterStore => "2",
        VaultKind::SecretsManager => "n-1-----------------------------",
    };
    assert_eq!(current, expected);
    stage
}

#[tokio::test]
async fn nobody_who_asks_for_tokens_notices_a_rotation() {
    for kind in KINDS {
        let stage = live(kind, Duration::ZERO).await;
        assert_eq!(stage.kinds(), ["secret-stored"]);
    }
}

#[tokio::test]
async fn nobody_who_asks_for_tokens_notices_that_a_secret_takes_two_days_to_spread() {
    for kind in KINDS {
        let stage = live(kind, Duration::from_hours(47)).await;
        assert_eq!(stage.kinds(), ["secret-waiting", "secret-stored"]);
    }
}

#[tokio::test]
async fn nobody_who_asks_for_tokens_notices_that_a_secret_spreads_on_the_last_day_of_the_old_one() {
    for kind in KINDS {
        // Accepted after six and a half days, and the old one dies after seven: until then it
        // works, and stays. People get a critical message when its last day begins.
        let stage = live(kind, Duration::from_hours(156)).await;
        let kinds = stage.kinds();
        assert_eq!(kinds.first(), Some(&"secret-waiting"));
        assert_eq!(kinds.last(), Some(&"secret-stored"));
        let is_critical = |message: &Message| message.attributes.severity == Severity::Critical;
        assert_eq!(
            stage
                .world
                .published()
                .iter()
                .filter(|it| is_critical(it))
                .count(),
            1
        );
    }
}
