//! rotation-requester and secret-receiver: their vaults and their queue through real SDK
//! clients, and the real binaries.
//!
//! Neither emulator knows `StartMessageMoveTask`. What the command of the operations guide does
//! is imitated with the calls that SQS makes for it: receive from the dead-letter queue, send to
//! the queue, delete.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use aws_sdk_ssm::types::{ParameterTier, ParameterType, Tag};
use http::Method;
use lwa_aws::account::Account;
use lwa_aws::message_queue::SqsQueue;
use lwa_core::ExposeSecret;
use lwa_core::application::{ApplicationName, Layout};
use lwa_core::config::Lookup;
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::{Payload, QueueMessage, Trigger};
use lwa_core::tags;
use lwa_core::vault::{StoreError, Vault, VaultKind, parameter_store};
use lwa_tests::emulator::VaultClients as _;
use lwa_tests::emulator::{self, Emulator, REGION};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use lwa_tests::runtime_api::Function;
use serde_json::{Value, json};

use crate::deployed::in_days;

const TOKEN_PATH: &str = "/auth/o2/token";
const ROTATE_PATH: &str = "/applications/2023-11-30/clientSecret";
const CLIENT_ID: &str = "amzn1.application-oa2-client.0123";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old-secret";
const NEW: &str = "amzn1.oa2-cs.v1.planted-\"new\"\\secret\u{1f511}";
const ACCESS_TOKEN: &str = "Atc|planted-access-token";
const EXPIRES: &str = "2199-07-09T02:15:10.045Z";
const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const KINDS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

fn planted() -> [(&'static str, &'static str); 3] {
    [
        ("old secret", OLD),
        ("new secret", NEW),
        ("access token", ACCESS_TOKEN),
    ]
}

/// An application of one test in an emulator.
struct Estate {
    emulator: Emulator,
    kind: VaultKind,
}

impl Estate {
    async fn new(emulator: Emulator, kind: VaultKind) -> Self {
        let estate = Self { emulator, kind };
        estate.add("", CLIENT_ID).await;
        estate
    }

    /// Stores an application below the prefix.
    async fn add(&self, below: &str, client_id: &str) {
        let aws = self.emulator.aws();
        let root = format!("{}{below}", self.emulator.prefix);
        match self.kind {
            VaultKind::ParameterStore => {
                for (leaf, value) in [("clientidentifier", client_id), ("clientsecret", OLD)] {
                    let put = aws
                        .ssm()
                        .put_parameter()
                        .name(format!("{root}/lwa/{leaf}"))
                        .value(value)
                        .r#type(ParameterType::SecureString)
                        .key_id("alias/lwa-credentials")
                        .tier(ParameterTier::Advanced)
                        .tags(Tag::builder().key("owner").value("erp").build().unwrap());
                    put.send().await.unwrap();
                }
            }
            VaultKind::SecretsManager => {
                let owner = aws_sdk_secretsmanager::types::Tag::builder();
                let create = aws
                    .secrets_manager()
                    .create_secret()
                    .name(&root[1..])
                    .secret_string(format!(
                        "{{ \"AppClientId\": \"{client_id}\", \"AppClientSecret\": \"{OLD}\",\n \
                         \"note\": 1.50 }}"
                    ))
                    .tags(owner.key("owner").value("erp").build());
                create.send().await.unwrap();
            }
        }
    }

    fn layout(&self) -> Layout {
        let prefix = self.emulator.prefix.clone();
        let lookup =
            Lookup::new(move |name| (name == "LWA_PARAMETER_PREFIX").then(|| prefix.clone()));
        lookup.layout().unwrap()
    }

    fn application(&self) -> ApplicationName {
        ApplicationName::parse(&self.emulator.prefix).unwrap()
    }

    fn vault(&self) -> Vault<Account> {
        Vault::new(Account::new(&self.emulator.aws()), self.kind, self.layout())
    }

    async fn secret(&self) -> String {
        let vault = self.vault();
        let read = vault.read(&self.application(), None).await;
        read.unwrap().client_secret.value.expose_secret().to_owned()
    }

    async fn version(&self) -> String {
        let vault = self.vault();
        let read = vault.read(&self.application(), None).await;
        read.unwrap().client_secret.version.to_string()
    }

    async fn tags(&self) -> BTreeMap<String, String> {
        self.vault().tags(&self.application()).await.unwrap()
    }

    /// What a deployed function has in its environment.
    async fn variables(&self, stub: &HttpStub) -> BTreeMap<String, String> {
        let name = self.emulator.prefix.trim_start_matches('/');
        let topic = self
            .emulator
            .aws()
            .sns()
            .create_topic()
            .name(name)
            .send()
            .await
            .unwrap();
        let mut variables = self.emulator.variables();
        variables.extend(
            [
                ("LWA_PARAMETER_PREFIX", self.emulator.prefix.clone()),
                (
                    "LWA_VAULT",
                    match self.kind {
                        VaultKind::ParameterStore => "parameter-store".to_owned(),
                        VaultKind::SecretsManager => "secrets-manager".to_owned(),
                    },
                ),
                ("LWA_TOKEN_URL", format!("{}{TOKEN_PATH}", stub.url())),
                ("SP_API_ENDPOINT", stub.url()),
                ("TOPIC_ARN", topic.topic_arn().unwrap().to_owned()),
                ("AWS_LAMBDA_LOG_LEVEL", "TRACE".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        variables
    }
}

fn estates() -> Vec<(Emulator, VaultKind)> {
    KINDS
        .into_iter()
        .flat_map(|kind| emulator::both().map(|emulator| (emulator, kind)))
        .collect()
}

fn token() -> Answer {
    let body = json!({"access_token": ACCESS_TOKEN, "token_type": "bearer", "expires_in": 3600});
    Answer::json(200, &body)
}

fn refusal() -> Answer {
    let body =
        json!({"error": "invalid_client", "error_description": "Client authentication failed"});
    Answer::json(401, &body)
}

fn new_secret(client_id: &str, secret: &str) -> String {
    json!({
        "notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
        "eventTime": "2199-01-10T02:15:10.045Z",
        "payload": {"applicationOAuthClientNewSecret": {
            "clientId": client_id, "newClientSecret": secret,
            "newClientSecretExpiryTime": EXPIRES,
            "oldClientSecretExpiryTime": "2199-01-17T02:15:10.045Z"}},
        "notificationMetadata": {"notificationId": ID},
    })
    .to_string()
}

fn batch(messages: &[(&str, &str)]) -> Value {
    let records: Vec<_> = messages
        .iter()
        .map(|(id, body)| {
            json!({"messageId": id, "receiptHandle": "r", "body": body,
                   "attributes": {"ApproximateReceiveCount": "1",
                                  "SentTimestamp": "7227368112000"},
                   "eventSource": "aws:sqs"})
        })
        .collect();
    json!({ "Records": records })
}

/// The kinds of the messages that a function says it has published.
fn told(function: &Function) -> Vec<String> {
    let lines = function.json_lines();
    lines
        .iter()
        .filter(|line| line["message"] == "notification published")
        .map(|line| line["message.kind"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn applications_are_found_with_their_client_ids_in_both_vaults() {
    for (emulator, kind) in estates() {
        let estate = Estate::new(emulator, kind).await;
        for number in 0..12 {
            estate
                .add(&format!("/{number:02}"), &format!("id-{number}"))
                .await;
        }
        let found = estate.vault().applications().await.unwrap();
        assert_eq!(found.len(), 13, "{kind:?} {:?}", estate.emulator.kind);
        assert_eq!(found[0].name, estate.application());
        assert_eq!(found[0].client_id.as_deref(), Some(CLIENT_ID));
        assert_eq!(found[12].client_id.as_deref(), Some("id-11"));
        assert!(found.iter().all(|found| found.written_at.is_some()));
    }
}

#[tokio::test]
async fn tags_are_written_and_removed_and_others_stay() {
    for (emulator, kind) in estates() {
        let estate = Estate::new(emulator, kind).await;
        let (rotation, name) = (estate.vault(), estate.application());
        for value in ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00.5Z"] {
            let tags = [
                (tags::SECRET_EXPIRES_AT, value.to_owned()),
                (tags::NEW_SECRET_PENDING, format!("{value} {ID}")),
            ];
            rotation.write_tags(&name, &tags).await.unwrap();
        }
        let keys = [tags::NEW_SECRET_PENDING, tags::ROTATION_REQUESTED_AT];
        rotation.remove_tags(&name, &keys).await.unwrap();
        let expected = [
            (tags::SECRET_EXPIRES_AT, "2026-02-01T00:00:00.5Z"),
            ("owner", "erp"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(estate.tags().await, BTreeMap::from(expected), "{kind:?}");
    }
}

#[tokio::test]
async fn values_of_every_kind_come_back_byte_for_byte_and_nothing_else_moves() {
    for (emulator, kind) in estates() {
        let estate = Estate::new(emulator, kind).await;
        let (rotation, name) = (estate.vault(), estate.application());
        let long = "\u{4e2d}".repeat(1365);
        for (number, secret) in [NEW, "q'`\\\\e\u{202e}\u{1f511}", &long]
            .into_iter()
            .enumerate()
        {
            let id = format!("{ID}-{number}");
            rotation.store(&name, &secret.into(), &id).await.unwrap();
            assert_eq!(estate.secret().await, secret, "{kind:?}");
            assert_eq!(estate.tags().await["owner"], "erp");
        }
        let aws = estate.emulator.aws();
        match kind {
            VaultKind::ParameterStore => {
                let refused = rotation.store(&name, &"a{{b}}".into(), ID).await;
                assert!(matches!(refused, Err(StoreError::Unstorable { .. })));
                assert_eq!(estate.secret().await, long);
                let account = Account::new(&aws);
                let parameter = format!("{}/lwa/clientsecret", estate.emulator.prefix);
                let found = parameter_store::describe(&account, &parameter);
                let found = found.await.unwrap().unwrap();
                assert_eq!(found.parameter_type, "SecureString");
                assert_eq!(found.tier.as_deref(), Some("Advanced"));
                assert_eq!(found.version, Some(4));
            }
            VaultKind::SecretsManager => {
                // Once more with the same notification, as after a crash.
                rotation
                    .store(&name, &long.as_str().into(), &format!("{ID}-2"))
                    .await
                    .unwrap();
                let client = aws.secrets_manager();
                let get = |stage| {
                    client
                        .get_secret_value()
                        .secret_id(name.as_str())
                        .version_stage(stage)
                        .send()
                };
                let current = get("AWSCURRENT").await.unwrap();
                let document = current.secret_string().unwrap();
                assert!(
                    document.starts_with("{ \"AppClientId\": \"amzn1."),
                    "{document}"
                );
                assert!(document.ends_with(",\n \"note\": 1.50 }"), "{document}");
                assert_eq!(current.version_id(), Some(&*format!("{ID}-2")));
                let previous = get("AWSPREVIOUS").await.unwrap();
                assert_eq!(previous.version_id(), Some(&*format!("{ID}-1")));
            }
        }
    }
}

/// A queue with a dead-letter queue behind it.
struct Queues {
    client: aws_sdk_sqs::Client,
    url: String,
    arn: String,
    dead_letters: String,
}

impl Queues {
    async fn new(emulator: &Emulator, max_receive_count: u32) -> Self {
        let client = emulator.aws().sqs();
        let name = emulator.prefix.trim_start_matches('/').to_owned();
        let create = client
            .create_queue()
            .queue_name(format!("{name}-dead-letters"));
        let dead_letters = create.send().await.unwrap().queue_url.unwrap();
        let account = &emulator.account;
        let arn = |name: &str| format!("arn:aws:sqs:{REGION}:{account}:{name}");
        let redrive = json!({
            "deadLetterTargetArn": arn(&format!("{name}-dead-letters")),
            "maxReceiveCount": max_receive_count.to_string(),
        });
        let create = client
            .create_queue()
            .queue_name(&name)
            .attributes(QueueAttributeName::VisibilityTimeout, "900")
            .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
        let url = create.send().await.unwrap().queue_url.unwrap();
        Self {
            url,
            arn: arn(&name),
            dead_letters,
            client,
        }
    }

    async fn send(&self, body: &str) {
        let send = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body);
        send.send().await.unwrap();
    }

    /// What Lambda would hand to the function, if there is a message.
    async fn receive(&self, url: &str) -> Option<Value> {
        let receive = self
            .client
            .receive_message()
            .queue_url(url)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let message = receive.send().await.unwrap().messages?.into_iter().next()?;
        let attributes: BTreeMap<_, _> = message
            .attributes()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
            .collect();
        Some(json!({"Records": [{
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": attributes,
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
        }]}))
    }

    async fn delete(&self, url: &str, event: &Value) {
        let handle = event["Records"][0]["receiptHandle"].as_str().unwrap();
        let delete = self
            .client
            .delete_message()
            .queue_url(url)
            .receipt_handle(handle);
        delete.send().await.unwrap();
    }

    /// Lambda's poller: acknowledges what the function does not give back.
    async fn poll(&self, function: &Function) -> usize {
        let mut rounds = 0;
        while let Some(event) = self.receive(&self.url).await {
            let answer = function.invoke(&event).await.unwrap();
            if answer["batchItemFailures"] == json!([]) {
                self.delete(&self.url, &event).await;
            }
            rounds += 1;
        }
        rounds
    }
}

fn message(event: &Value) -> QueueMessage {
    let Ok(Trigger::Messages(mut messages)) = Payload::new(event.to_string()).parse() else {
        panic!("the emulator's message is no batch")
    };
    messages.remove(0)
}

#[tokio::test]
async fn a_message_comes_back_when_it_is_told_to() {
    for emulator in emulator::both() {
        let queues = Queues::new(&emulator, 5).await;
        queues.send("hello").await;
        let first = queues.receive(&queues.url).await.unwrap();
        assert!(queues.receive(&queues.url).await.is_none());
        let queue = SqsQueue::new(emulator.aws().sqs());
        queue
            .set_visibility(&message(&first), Duration::ZERO)
            .await
            .unwrap();
        let second = message(&queues.receive(&queues.url).await.unwrap());
        assert_eq!(second.receive_count(), 2, "{:?}", emulator.kind);
        assert!(second.sent_at().is_some());
    }
}

#[tokio::test]
async fn the_receiver_stores_what_lwa_accepts_and_says_nothing_of_it() {
    for (emulator, kind) in estates() {
        let estate = Estate::new(emulator, kind).await;
        let requested = [(
            tags::ROTATION_REQUESTED_AT,
            "2026-01-01T00:00:00Z".to_owned(),
        )];
        estate
            .vault()
            .write_tags(&estate.application(), &requested)
            .await
            .unwrap();
        let stub = HttpStub::start();
        // It has not spread at first, and one answer is broken.
        stub.script(
            &Method::POST,
            TOKEN_PATH,
            [refusal(), Answer::bytes(503, "<html>"), token()],
        );
        let function = Function::start("secret-receiver", estate.variables(&stub).await);
        let body = new_secret(CLIENT_ID, NEW);
        let event = batch(&[("m-1", &body), ("m-2", "planted-poison")]);
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(function.invoke(&event).await.unwrap());
        }
        let (one, both) = (
            json!({"batchItemFailures": [{"itemIdentifier": "m-2"}]}),
            json!({"batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-1"}]}),
        );
        assert_eq!(answers, [both.clone(), both, one.clone(), one], "{kind:?}");
        assert_eq!(estate.secret().await, NEW);
        let expected = [
            (tags::SECRET_ISSUED_AT, "2199-01-10T02:15:10.045Z"),
            (tags::SECRET_EXPIRES_AT, EXPIRES),
            ("owner", "erp"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut tags = estate.tags().await;
        let looked_at = tags.remove(tags::SECRET_VERSION).unwrap();
        assert!(looked_at.ends_with(EXPIRES), "{looked_at}");
        assert_eq!(tags, BTreeMap::from(expected));
        assert_eq!(told(&function), ["message-unusable", "secret-stored"]);
        let form = stub.requests()[0].form();
        assert_eq!(form["client_secret"], NEW);
        assert_eq!(
            form["scope"],
            "sellingpartnerapi::client_credential:rotation"
        );
        let metrics = function.json_lines();
        assert!(metrics.iter().any(|line| line["SecretsStored"] == 1.0));
        let output = function.stop().await;
        leak::assert_none(&output, &planted());
        assert!(!output.contains("planted-poison"));
    }
}

#[tokio::test]
async fn a_hopeless_message_is_moved_by_the_queue_and_can_be_brought_back() {
    for emulator in emulator::both() {
        let estate = Estate::new(emulator, VaultKind::ParameterStore).await;
        let queues = Queues::new(&estate.emulator, 20).await;
        let stub = HttpStub::start();
        stub.script(&Method::POST, TOKEN_PATH, [token()]);
        let function = Function::start("secret-receiver", estate.variables(&stub).await);
        let body = new_secret("amzn1.application-oa2-client.forgotten", NEW);
        queues.send(&body).await;
        assert_eq!(
            queues.poll(&function).await,
            20,
            "{:?}",
            estate.emulator.kind
        );
        assert_eq!(told(&function), ["client-id-unknown"]);
        let dead = queues.receive(&queues.dead_letters).await.unwrap();
        assert_eq!(dead["Records"][0]["body"], body.as_str());

        // The operator stores the application, and moves the message back.
        estate
            .add("/forgotten", "amzn1.application-oa2-client.forgotten")
            .await;
        queues
            .send(dead["Records"][0]["body"].as_str().unwrap())
            .await;
        queues.delete(&queues.dead_letters, &dead).await;
        drop(function);
        let function = Function::start("secret-receiver", estate.variables(&stub).await);
        assert_eq!(queues.poll(&function).await, 1);
        assert_eq!(told(&function), ["secret-stored"]);
        let vault = Vault::new(
            Account::new(&estate.emulator.aws()),
            estate.kind,
            estate.layout(),
        );
        let name = format!("{}/forgotten", estate.emulator.prefix);
        let name = ApplicationName::parse(&name).unwrap();
        let read = vault.read(&name, None).await.unwrap();
        assert_eq!(read.client_secret.value.expose_secret(), NEW);
        leak::assert_none(&function.stop().await, &planted());
    }
}

#[tokio::test]
async fn the_requester_keeps_the_deadline_and_asks_once() {
    for (emulator, kind) in estates() {
        let estate = Estate::new(emulator, kind).await;
        let stub = HttpStub::start();
        stub.script(&Method::POST, TOKEN_PATH, [token()]);
        stub.script(&Method::POST, ROTATE_PATH, [Answer::bytes(204, "")]);
        let function = Function::start("rotation-requester", estate.variables(&stub).await);
        // A notice that is older than what is stored would be about the secret before it.
        let expires = in_days(20);
        let notice = json!({
            "notificationType": "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
            "eventTime": "2199-01-10T02:15:10.045Z",
            "payload": {"applicationOAuthClientSecretExpiry": {
                "clientId": CLIENT_ID, "clientSecretExpiryTime": expires,
                "clientSecretExpiryReason": "PERIODIC_ROTATION"}},
        })
        .to_string();
        let event = batch(&[
            ("m-1", &notice),
            ("m-2", &notice),
            ("m-3", "planted-poison"),
        ]);
        let answer = function.invoke(&event).await.unwrap();
        assert_eq!(
            answer,
            json!({"batchItemFailures": [{"itemIdentifier": "m-3"}]})
        );
        let scheduled = function.invoke(&json!({})).await.unwrap();
        assert_eq!(
            scheduled["applications"][0]["decision"],
            "already-requested"
        );
        let calls = stub.requests();
        let asked: Vec<_> = calls
            .iter()
            .filter(|call| call.path == ROTATE_PATH)
            .collect();
        assert_eq!(asked.len(), 1, "{kind:?}");
        assert_eq!(asked[0].headers["x-amz-access-token"], ACCESS_TOKEN);
        let tags = estate.tags().await;
        assert_eq!(tags[tags::SECRET_EXPIRES_AT], expires);
        assert!(tags.contains_key(tags::ROTATION_REQUESTED_AT));
        assert_eq!(told(&function), ["message-unusable"]);
        let output = function.stop().await;
        leak::assert_none(&output, &planted());
        assert!(!output.contains("planted-poison"));
    }
}

#[tokio::test]
async fn the_requester_removes_the_dates_of_a_secret_that_somebody_replaced_by_hand() {
    for (emulator, kind) in estates() {
        let estate = Estate::new(emulator, kind).await;
        let (rotation, name) = (estate.vault(), estate.application());
        let stub = HttpStub::start();
        let function = Function::start("rotation-requester", estate.variables(&stub).await);
        let long_ago = "2025-07-05T00:01:00Z";
        let looked_at = format!("{} {long_ago} 2026-01-01T00:00:00Z", estate.version().await);
        let tags = [
            (tags::SECRET_ISSUED_AT, "2025-07-05T00:00:00Z".to_owned()),
            (tags::SECRET_EXPIRES_AT, "2026-01-01T00:00:00Z".to_owned()),
            (tags::SECRET_VERSION, looked_at),
        ];
        rotation.write_tags(&name, &tags).await.unwrap();
        rotation.store(&name, &NEW.into(), ID).await.unwrap();
        for _ in 0..2 {
            let answer = function.invoke(&json!({})).await.unwrap();
            assert_eq!(answer["applications"][0]["decision"], "not-due", "{kind:?}");
        }
        let mut tags = estate.tags().await;
        let looked_at = tags.remove(tags::SECRET_VERSION).unwrap();
        let version = format!("{} 20", estate.version().await);
        assert!(looked_at.starts_with(&version), "{looked_at}");
        assert_eq!(tags, BTreeMap::from([("owner".into(), "erp".into())]));
        assert!(stub.requests().is_empty(), "{kind:?}");
        leak::assert_none(&function.stop().await, &planted());
    }
}

#[tokio::test]
async fn a_refusal_because_no_queue_is_registered_is_told_with_the_link() {
    let estate = Estate::new(emulator::moto(), VaultKind::ParameterStore).await;
    let expires = [(tags::SECRET_EXPIRES_AT, "2026-02-01T00:00:00Z".to_owned())];
    estate
        .vault()
        .write_tags(&estate.application(), &expires)
        .await
        .unwrap();
    let stub = HttpStub::start();
    stub.script(&Method::POST, TOKEN_PATH, [token()]);
    let body = json!({"errors": [{"code": "InvalidInput", "message":
        "The application is not enrolled for rotation notification."}]});
    stub.script(&Method::POST, ROTATE_PATH, [Answer::json(400, &body)]);
    let function = Function::start("rotation-requester", estate.variables(&stub).await);
    let dry = function.invoke(&json!({"dry_run": true})).await.unwrap();
    assert_eq!(dry["applications"][0]["outcome"], "dry-run");
    assert!(stub.requests().is_empty());
    let answer = function
        .invoke(&json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"}))
        .await
        .unwrap();
    assert_eq!(answer["applications"][0]["outcome"], "refused");
    assert!(
        answer["applications"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("not enrolled")
    );
    assert!(
        !estate
            .tags()
            .await
            .contains_key(tags::ROTATION_REQUESTED_AT)
    );
    assert_eq!(told(&function), ["rotation-refused"]);
}

#[tokio::test]
async fn a_payload_of_the_wrong_kind_is_an_error_that_quotes_nothing() {
    let estate = Estate::new(emulator::moto(), VaultKind::ParameterStore).await;
    let stub = HttpStub::start();
    for name in ["secret-receiver", "rotation-requester"] {
        let function = Function::start(name, estate.variables(&stub).await);
        for event in [
            json!("planted-poison"),
            json!({"Records": ["planted-poison"]}),
            json!({"key1": "planted-poison"}),
            json!({"DRY_RUN": true}),
            json!({"dry_run": "planted-poison"}),
            json!({"dry_run": true, "x": "planted-poison"}),
            json!({"Payload": {"dry_run": true}}),
            json!({"body": "{\"dry_run\":true}"}),
        ] {
            let error = function.invoke(&event).await.unwrap_err();
            assert_eq!(error.error_type, "InvalidRequest", "{name}");
            assert!(!error.error_message.contains("planted"), "{name}");
            let allowed = "a batch of an SQS queue";
            let of_records = "are not those of an SQS queue";
            let message = error.error_message;
            assert!(
                message.contains(allowed) || message.contains(of_records),
                "{message}"
            );
        }
        assert!(stub.requests().is_empty(), "{name}");
        assert!(!function.stop().await.contains("planted-poison"), "{name}");
    }
}
