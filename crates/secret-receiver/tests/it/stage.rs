//! Amazon, a queue and a vault in memory for the receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::config::Lookup;
use lwa_core::rotation::queue::Payload;
use lwa_core::tags;
use lwa_core::tags::Provenance;
use lwa_core::vault::ports::{has_stage, stage};
use lwa_core::vault::{Vault, VaultKind};
use lwa_core::{ExposeSecret, Timestamp};
use lwa_local::log::Log;
use lwa_local::lwa::{ClientSecret, OAuthClient};
use lwa_local::{Fault, Secret, World};
use lwa_local::{ScriptedFault, SecretVersion};
use secret_receiver::{Ports, Report, SecretReceiver, Settings};
use serde_json::{Value, json};

pub(crate) const CLIENT_ID: &str = "amzn1.application-oa2-client.0123456789abcdef";
pub(crate) const OLD: &str = "amzn1.oa2-cs.v1.planted-old";
pub(crate) const NEW: &str = "amzn1.oa2-cs.v1.planted-\"new\"\\\u{1f511}";
pub(crate) const ISSUED: &str = "2026-01-10T02:15:10.045Z";
pub(crate) const EXPIRES: &str = "2026-07-09T02:15:10.045Z";
pub(crate) const OLD_EXPIRES: &str = "2026-01-17T02:15:10.045Z";
const SENT: &str = "2026-01-10T02:15:12Z";
const KEPT: [(&str, &str); 1] = [("owner", "integrations")];

/// What Amazon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// LWA knows the new secret at once.
    Plain,
    /// LWA knows it after 40 minutes.
    LatePropagation,
    /// LWA never knows it.
    NeverAccepted,
    /// LWA never knows it, and the message was brought back when the old one has 26 hours left.
    Dying,
    /// Two roots share the client id.
    TwoRoots,
}

impl Story {
    /// What people hear when the secret is stored.
    pub(crate) fn final_kind(self) -> &'static str {
        match self {
            Self::NeverAccepted | Self::Dying => "secret-stored-unverified",
            _ => "secret-stored",
        }
    }

    /// How many places the secret belongs to.
    pub(crate) fn places(self) -> usize {
        self.roots().len()
    }

    fn roots(self) -> &'static [&'static str] {
        match self {
            Self::TwoRoots => &["my-erp", "my-erp/eu"],
            _ => &["my-erp"],
        }
    }
}

pub(crate) type Receiver = SecretReceiver<World, World, World, World, World, World>;

/// A world in which a new secret was just made.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) story: Story,
    pub(crate) vault: VaultKind,
    pub(crate) layout: Layout,
    log: Log,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Stage {
    pub(crate) fn new(story: Story, vault: VaultKind) -> Self {
        let world = World::new(at(match story {
            Story::Dying => "2026-01-16T00:15:00Z",
            _ => SENT,
        }));
        let stage = Self {
            world: world.clone(),
            story,
            vault,
            layout: Lookup::new(|_| None).layout().unwrap(),
            log: Log::new(),
        };
        for root in story.roots() {
            stage.add_application(root, CLIENT_ID, OLD);
        }
        let spread = match story {
            Story::Plain | Story::TwoRoots => ISSUED,
            Story::LatePropagation => "2026-01-10T02:55:00Z",
            Story::NeverAccepted | Story::Dying => "2027-01-01T00:00:00Z",
        };
        let mut client = OAuthClient {
            secrets: vec![ClientSecret::new(OLD, at("2025-07-20T00:00:00Z"))],
            ..OAuthClient::default()
        };
        client.rotate(NEW, at(ISSUED), at(spread));
        world
            .state()
            .lwa
            .applications
            .insert(CLIENT_ID.into(), client);
        stage
    }

    /// Stores an application with the tags of one whose rotation was requested.
    pub(crate) fn add_application(&self, root: &str, client_id: &str, secret: &str) {
        let written = at("2025-07-20T00:00:00Z");
        let tags: BTreeMap<String, String> = [
            (tags::SECRET_EXPIRES_AT, "2026-01-20T00:00:00Z"),
            (tags::ROTATION_REQUESTED_AT, "2026-01-10T02:15:09Z"),
            KEPT[0],
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        match self.vault {
            VaultKind::ParameterStore => {
                let name = ApplicationName::parse(root).unwrap();
                let id = self.layout.parameter(&name, &Role::ClientId);
                let secret_name = self.layout.parameter(&name, &Role::ClientSecret);
                self.world.seed_parameter(&id, client_id, written);
                self.world.seed_parameter(&secret_name, secret, written);
                let mut state = self.world.state();
                state.parameters.get_mut(&secret_name).unwrap().tags = tags;
            }
            VaultKind::SecretsManager => {
                let document = format!(
                    "{{\"AppClientId\": {}, \"AppClientSecret\": {}, \"more\": [1.50, null]}}",
                    json!(client_id),
                    json!(secret)
                );
                let secret = Secret {
                    deleted_at: None,
                    arn: format!("arn:aws:secretsmanager:eu-west-1:1:secret:{root}-AbCdEf"),
                    key_id: None,
                    tags,
                    versions: vec![SecretVersion {
                        id: "v1".into(),
                        value: document.into(),
                        created_at: written,
                        stages: vec!["AWSCURRENT".into()],
                    }],
                };
                self.world.state().secrets.insert(root.into(), secret);
            }
        }
    }

    /// Moves the time at which the client secret of a root was written.
    pub(crate) fn written_at(&self, root: &str, at: Timestamp) {
        let mut world = self.world.state();
        match self.vault {
            VaultKind::ParameterStore => {
                let name = format!("/{root}/lwa/clientsecret");
                let versions = &mut world.parameters.get_mut(&name).unwrap().versions;
                versions.last_mut().unwrap().written_at = at;
            }
            VaultKind::SecretsManager => {
                world.secrets.get_mut(root).unwrap().versions[0].created_at = at;
            }
        }
    }

    /// Somebody stores a value without dates, which Amazon made before or after the new one.
    pub(crate) fn store_by_hand(&self, value: &str, is_newer: bool) {
        let now = at("2026-01-10T03:00:00Z");
        let mut state = self.world.state();
        let client = state.lwa.applications.get_mut(CLIENT_ID).unwrap();
        if is_newer {
            client.rotate(value, now, now);
        } else {
            let mut older = ClientSecret::new(value, at("2026-01-09T00:00:00Z"));
            older.works_until = Some(at(OLD_EXPIRES));
            client.secrets.insert(1, older);
        }
        match self.vault {
            VaultKind::ParameterStore => {
                let name = ApplicationName::parse("my-erp").unwrap();
                let name = self.layout.parameter(&name, &Role::ClientSecret);
                drop(state);
                self.world.seed_parameter(&name, value, now);
            }
            VaultKind::SecretsManager => {
                let versions = &mut state.secrets.get_mut("my-erp").unwrap().versions;
                let document = json!({"AppClientId": CLIENT_ID, "AppClientSecret": value});
                versions[0].stages = vec!["AWSPREVIOUS".into()];
                versions.push(SecretVersion {
                    id: "v2".into(),
                    value: document.to_string().into(),
                    created_at: now,
                    stages: vec!["AWSCURRENT".into()],
                });
            }
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        let lookup = Lookup::new(|name| (name == "AWS_REGION").then(|| "eu-west-1".to_owned()));
        let mut settings = Settings::from_lookup(&lookup).unwrap();
        settings.vault = self.vault;
        settings
    }

    pub(crate) fn receiver(&self) -> Receiver {
        let world = || self.world.clone();
        let ports = Ports {
            vault: Vault::new(world(), self.vault, self.layout.clone()),
            lwa: world(),
            queue: world(),
            notifier: world(),
            clock: world(),
            metrics: world(),
        };
        SecretReceiver::new(self.settings(), ports)
    }

    /// A queue with Amazon's message in it.
    pub(crate) fn queue(&self) -> Queue {
        let mut queue = Queue::new(self.world.state().now);
        queue.send(
            "m-1",
            &new_secret(CLIENT_ID, NEW, EXPIRES, "n-1").to_string(),
        );
        queue
    }

    pub(crate) fn fail(&self, operation: &str, target: &str, fault: Fault, times: Option<u32>) {
        self.world.state().faults.push(ScriptedFault {
            operation: operation.into(),
            target: target.into(),
            fault,
            times,
        });
    }

    pub(crate) fn has_struck(&self) -> bool {
        self.world
            .state()
            .faults
            .iter()
            .all(|fault| fault.times == Some(0))
    }

    /// The kinds of the messages that people got.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let published = self.world.published();
        published
            .iter()
            .map(|message| message.attributes.kind)
            .collect()
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|found| **found == kind).count()
    }

    /// How often a secret was stored.
    pub(crate) fn writes(&self) -> usize {
        let state = self.world.state();
        let versions = |count: usize| count - 1;
        match self.vault {
            VaultKind::ParameterStore => state
                .parameters
                .iter()
                .filter(|(name, _)| name.ends_with("clientsecret"))
                .map(|(_, parameter)| versions(parameter.versions.len()))
                .sum(),
            VaultKind::SecretsManager => state
                .secrets
                .values()
                .map(|secret| versions(secret.versions.len()))
                .sum(),
        }
    }

    /// What is stored as the client secret of a root.
    pub(crate) fn stored(&self, root: &str) -> String {
        let state = self.world.state();
        match self.vault {
            VaultKind::ParameterStore => {
                let name = ApplicationName::parse(root).unwrap();
                let name = self.layout.parameter(&name, &Role::ClientSecret);
                let current = state.parameters[&name].versions.last().unwrap();
                current.value.expose_secret().to_owned()
            }
            VaultKind::SecretsManager => {
                let document = current(&state.secrets[root]);
                let document: Value = serde_json::from_str(&document).unwrap();
                document["AppClientSecret"].as_str().unwrap().to_owned()
            }
        }
    }

    /// The version that is stored.
    fn version(&self, root: &str) -> lwa_core::vault::SecretVersion {
        let state = self.world.state();
        lwa_core::vault::SecretVersion::new(match self.vault {
            VaultKind::ParameterStore => {
                let name = ApplicationName::parse(root).unwrap();
                let name = self.layout.parameter(&name, &Role::ClientSecret);
                let current = state.parameters[&name].versions.last().unwrap();
                current.version.to_string()
            }
            VaultKind::SecretsManager => {
                let mut versions = state.secrets[root].versions.iter();
                let current = versions.find(|version| has_stage(&version.stages, stage::CURRENT));
                current.unwrap().id.clone()
            }
        })
    }

    pub(crate) fn tags(&self, root: &str) -> BTreeMap<String, String> {
        let state = self.world.state();
        match self.vault {
            VaultKind::ParameterStore => {
                let name = ApplicationName::parse(root).unwrap();
                let name = self.layout.parameter(&name, &Role::ClientSecret);
                state.parameters[&name].tags.clone()
            }
            VaultKind::SecretsManager => state.secrets[root].tags.clone(),
        }
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.story
            .roots()
            .iter()
            .all(|root| self.stored(root) == NEW)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let elapsed = self.world.state().now.duration_since(at(SENT));
        Duration::try_from(elapsed).unwrap()
    }

    /// The secret is stored everywhere, dated, told about and acknowledged; nothing else moved.
    pub(crate) fn assert_ended_well(&self, queue: &Queue, what: &str) {
        assert!(queue.waiting.is_empty(), "still in the queue: {what}");
        assert!(queue.dead.is_empty(), "among the dead letters: {what}");
        for root in self.story.roots() {
            assert_eq!(self.stored(root), NEW, "{what}");
            let expected: BTreeMap<String, String> = [
                (tags::SECRET_ISSUED_AT, ISSUED),
                (tags::SECRET_EXPIRES_AT, EXPIRES),
                KEPT[0],
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
            let mut tags = self.tags(root);
            let known = tags.remove(tags::SECRET_VERSION).unwrap();
            assert!(known.ends_with(EXPIRES), "{known}: {what}");
            let known = Provenance::parse(&known).unwrap();
            assert!(known.is_of(&self.version(root)), "{known:?}: {what}");
            // Removing a tag without permission is tried once and left: see `finish`.
            let left = [tags::ROTATION_REQUESTED_AT, tags::NEW_SECRET_PENDING];
            if what.contains("After(Denied)") || what.contains("Before(Denied)") {
                tags.retain(|key, _| !left.contains(&key.as_str()));
            }
            assert_eq!(tags, expected, "{what}");
        }
        let state = self.world.state();
        for (name, parameter) in &state.parameters {
            assert_eq!(parameter.policies.len(), 4, "{what}");
            assert_eq!(parameter.tier, "Advanced");
            if name.ends_with("clientidentifier") {
                assert_eq!(parameter.versions.len(), 1, "{what}");
            }
        }
        for secret in state.secrets.values() {
            let document = current(secret);
            assert!(document.contains("\"more\": [1.50, null]}"), "{what}");
            let previous = secret
                .versions
                .iter()
                .find(|version| version.stages.iter().any(|stage| stage == "AWSPREVIOUS"));
            assert_eq!(
                previous.map(|version| version.id.as_str()),
                Some("v1"),
                "{what}"
            );
        }
        drop(state);
        self.assert_nothing_leaked(what);
    }

    /// No message, log line, metric or tag has a secret in it.
    pub(crate) fn assert_nothing_leaked(&self, what: &str) {
        let world = self.world.state();
        let parameters = world.parameters.values().map(|found| &found.tags);
        let secrets = world.secrets.values().map(|found| &found.tags);
        let all = format!(
            "{} {:?} {:?} {:?} {:?}",
            self.log.text(),
            world.published,
            world.metrics,
            world.calls,
            parameters.chain(secrets).collect::<Vec<_>>(),
        );
        assert!(!all.contains("planted"), "leaked: {what}");
    }
}

fn current(secret: &Secret) -> String {
    let is_current =
        |version: &&SecretVersion| version.stages.iter().any(|stage| stage == "AWSCURRENT");
    let current: Vec<_> = secret.versions.iter().filter(is_current).collect();
    assert_eq!(current.len(), 1);
    current[0].value.expose_secret().to_owned()
}

/// Amazon's notification.
pub(crate) fn new_secret(client_id: &str, secret: &str, expires: &str, id: &str) -> Value {
    json!({
        "notificationVersion": "1.0",
        "notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
        "payloadVersion": "2023-11-30",
        "eventTime": ISSUED,
        "payload": {"applicationOAuthClientNewSecret": {
            "clientId": client_id,
            "newClientSecret": secret,
            "newClientSecretExpiryTime": expires,
            "oldClientSecretExpiryTime": OLD_EXPIRES,
        }},
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.0",
            "subscriptionId": "7d1a1f3e-0b7a-4f6e-9f2c-5a3b2c1d0e9f",
            "publishTime": "2026-01-10T02:15:11.295Z",
            "notificationId": id,
        },
    })
}

/// An SQS queue with a dead-letter queue, and the platform that polls it.
pub(crate) struct Queue {
    pub(crate) waiting: Vec<Message>,
    pub(crate) dead: Vec<Message>,
    pub(crate) fresh_each_time: bool,
    now: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) receive_count: u32,
    sent_at: Timestamp,
    visible_at: Timestamp,
}

/// Where the message of a story ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Acknowledged,
    DeadLetters,
}

/// As deployed.
const VISIBILITY: Duration = Duration::from_mins(15);
const MAX_RECEIVE_COUNT: u32 = 700;

impl Queue {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            waiting: Vec::new(),
            dead: Vec::new(),
            fresh_each_time: false,
            now,
        }
    }

    pub(crate) fn send(&mut self, id: &str, body: &str) {
        self.waiting.push(Message {
            id: id.into(),
            body: body.into(),
            receive_count: 0,
            sent_at: self.now,
            visible_at: self.now,
        });
    }

    /// As standard queues sometimes do: in the same batch, or later.
    pub(crate) fn deliver_again(&mut self, apart: bool) {
        let mut again = self.waiting[0].clone();
        if apart {
            again.visible_at = again
                .visible_at
                .checked_add(Duration::from_hours(1))
                .unwrap();
        } else {
            again.id = "m-2".into();
        }
        self.waiting.push(again);
    }

    /// Polls until the queue is empty. An invocation that does not end is killed, and with it
    /// everything that the execution environment knew.
    pub(crate) async fn run(&mut self, stage: &Stage) -> Ending {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer({
                let log = stage.log.clone();
                move || log.clone()
            })
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let mut receiver = stage.receiver();
        while let Some(next) = self.waiting.iter().map(|message| message.visible_at).min() {
            self.now = self.now.max(next).max(stage.world.state().now);
            stage.world.set_now(self.now);
            let batch = self.receive();
            if batch.is_empty() {
                continue;
            }
            if self.fresh_each_time {
                receiver = stage.receiver();
            }
            let calls = stage.world.calls().len();
            let invocation = receiver.handle(payload(&batch), None);
            let answer = tokio::time::timeout(Duration::from_mins(1), invocation).await;
            match answer {
                Ok(report) => self.settle(&report.unwrap(), &batch),
                Err(_) => receiver = stage.receiver(),
            }
            self.apply_visibility(&stage.world.calls()[calls..], &batch);
        }
        if self.dead.is_empty() {
            Ending::Acknowledged
        } else {
            Ending::DeadLetters
        }
    }

    fn receive(&mut self) -> Vec<Message> {
        let now = self.now;
        let mut batch: Vec<Message> = Vec::new();
        let mut index = 0;
        while index < self.waiting.len() {
            let message = &mut self.waiting[index];
            if message.visible_at > now || batch.len() == 10 {
                index += 1;
                continue;
            }
            if message.receive_count >= MAX_RECEIVE_COUNT {
                self.dead.push(self.waiting.remove(index));
                continue;
            }
            message.receive_count += 1;
            message.visible_at = now.checked_add(VISIBILITY).unwrap();
            batch.push(message.clone());
            index += 1;
        }
        batch
    }

    fn settle(&mut self, report: &Report, batch: &[Message]) {
        let answer = report.to_json();
        let failures: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|failure| failure["itemIdentifier"].as_str().unwrap())
            .collect();
        for message in batch {
            if !failures.contains(&message.id.as_str()) {
                let index = self.waiting.iter().position(|other| other.id == message.id);
                self.waiting.remove(index.unwrap());
            }
        }
    }

    fn apply_visibility(&mut self, calls: &[String], batch: &[Message]) {
        for call in calls {
            let Some(rest) = call.strip_prefix("ChangeMessageVisibility ") else {
                continue;
            };
            let (id, seconds) = rest.split_once(' ').unwrap();
            assert!(batch.iter().any(|message| message.id == id));
            let delay = Duration::from_secs(seconds.parse().unwrap());
            if let Some(message) = self.waiting.iter_mut().find(|message| message.id == id) {
                message.visible_at = self.now.checked_add(delay).unwrap();
            }
        }
    }
}

/// The batch as Lambda hands it over.
pub(crate) fn payload(batch: &[Message]) -> Payload {
    Payload::new(event(batch).to_string())
}

/// The batch, as JSON.
pub(crate) fn event(batch: &[Message]) -> Value {
    let records: Vec<_> = batch
        .iter()
        .map(|message| {
            json!({
                "messageId": message.id,
                "receiptHandle": format!("handle-of-{}", message.id),
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": message.receive_count.to_string(),
                    "SentTimestamp": message.sent_at.as_millisecond().to_string(),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:lwa-new-secret",
                "awsRegion": "eu-west-1",
            })
        })
        .collect();
    json!({ "Records": records })
}
