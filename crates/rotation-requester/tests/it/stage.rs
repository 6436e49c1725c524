//! An account in memory, Amazon, and the requester over them.

use std::collections::BTreeMap;

use lwa_core::Timestamp;
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::config::Lookup;
use lwa_core::rotation::queue::Payload;
use lwa_core::sp_api::{SpApiError, SpApiFailure};
use lwa_core::vault::{Vault, VaultKind};
use lwa_local::lwa::{ClientSecret, OAuthClient};
use lwa_local::{Fault, Secret, World};
use lwa_local::{ScriptedFault, SecretVersion};
use rotation_requester::{Outcome, Ports, Report, RequesterError, RotationRequester, Settings};
use serde_json::{Value, json};

pub(crate) const CLIENT_ID: &str = "amzn1.application-oa2-client.0123456789abcdef";
pub(crate) const SECRET: &str = "amzn1.oa2-cs.v1.planted-secret";
pub(crate) const NOW: &str = "2026-06-01T05:00:00Z";
pub(crate) const DUE: &str = "2026-06-20T00:00:00Z";
pub(crate) const ROTATE: &str = "rotateApplicationClientSecret";
pub(crate) const VAULTS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

pub(crate) type Requester = RotationRequester<World, World, World, World, World, World>;

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) vault: VaultKind,
    layout: Layout,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Stage {
    pub(crate) fn new(vault: VaultKind) -> Self {
        let stage = Self::empty(vault);
        stage.add("my-erp", CLIENT_ID);
        stage
    }

    pub(crate) fn empty(vault: VaultKind) -> Self {
        Self {
            world: World::new(at(NOW)),
            vault,
            layout: Lookup::new(|_| None).layout().unwrap(),
            variables: vec![("ROTATE_WITHIN_DAYS", "30")],
        }
    }

    pub(crate) fn add(&self, root: &str, client_id: &str) {
        let written = at("2026-01-01T00:00:00Z");
        let name = ApplicationName::parse(root).unwrap();
        match self.vault {
            VaultKind::ParameterStore => {
                let id = self.layout.parameter(&name, &Role::ClientId);
                let secret = self.layout.parameter(&name, &Role::ClientSecret);
                self.world.seed_parameter(&id, client_id, written);
                self.world.seed_parameter(&secret, SECRET, written);
            }
            VaultKind::SecretsManager => {
                let document = json!({"AppClientId": client_id, "AppClientSecret": SECRET});
                let secret = Secret {
                    deleted_at: None,
                    arn: "arn".into(),
                    key_id: None,
                    tags: BTreeMap::new(),
                    versions: vec![SecretVersion {
                        id: "v1".into(),
                        value: document.to_string().into(),
                        created_at: written,
                        stages: vec!["AWSCURRENT".into()],
                    }],
                };
                self.world.state().secrets.insert(root.into(), secret);
            }
        }
        let client = OAuthClient {
            secrets: vec![ClientSecret::new(SECRET, written)],
            ..OAuthClient::default()
        };
        self.world
            .state()
            .lwa
            .applications
            .insert(client_id.into(), client);
    }

    /// Somebody stores a value, and leaves the tags.
    pub(crate) fn store_by_hand(&self, root: &str, value: &str) {
        let written = self.world.state().now;
        let name = ApplicationName::parse(root).unwrap();
        match self.vault {
            VaultKind::ParameterStore => {
                let name = self.layout.parameter(&name, &Role::ClientSecret);
                self.world.seed_parameter(&name, value, written);
            }
            VaultKind::SecretsManager => {
                let mut state = self.world.state();
                let versions = &mut state.secrets.get_mut(root).unwrap().versions;
                for version in versions.iter_mut() {
                    version.stages.retain(|stage| stage == "AWSCURRENT");
                    for stage in &mut version.stages {
                        "AWSPREVIOUS".clone_into(stage);
                    }
                }
                let document = json!({"AppClientId": CLIENT_ID, "AppClientSecret": value});
                versions.push(SecretVersion {
                    id: format!("v{}", versions.len() + 1),
                    value: document.to_string().into(),
                    created_at: written,
                    stages: vec!["AWSCURRENT".into()],
                });
            }
        }
    }

    pub(crate) fn requester(&self) -> Requester {
        let variables = self.variables.clone();
        let lookup = Lookup::new(move |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .or_else(|| (name == "AWS_REGION").then(|| "eu-west-1".to_owned()))
        });
        let mut settings = Settings::from_lookup(&lookup).unwrap();
        settings.vault = self.vault;
        let world = || self.world.clone();
        let ports = Ports {
            vault: Vault::new(world(), self.vault, self.layout.clone()),
            lwa: world(),
            sp_api: world(),
            notifier: world(),
            clock: world(),
            metrics: world(),
        };
        RotationRequester::new(settings, ports)
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

    pub(crate) fn tag(&self, root: &str, key: &str, value: &str) {
        let mut state = self.world.state();
        let tags = match self.vault {
            VaultKind::ParameterStore => {
                let name = ApplicationName::parse(root).unwrap();
                let name = self.layout.parameter(&name, &Role::ClientSecret);
                &mut state.parameters.get_mut(&name).unwrap().tags
            }
            VaultKind::SecretsManager => &mut state.secrets.get_mut(root).unwrap().tags,
        };
        tags.insert(key.into(), value.into());
    }

    pub(crate) fn fail(&self, operation: &str, target: &str, fault: Fault, times: Option<u32>) {
        self.world.state().faults.push(ScriptedFault {
            operation: operation.into(),
            target: target.into(),
            fault,
            times,
        });
    }

    /// LWA accepts another secret of the application, too.
    pub(crate) fn accept(&self, secret: ClientSecret) {
        let mut world = self.world.state();
        let client = world.lwa.applications.get_mut(CLIENT_ID).unwrap();
        client.secrets.push(secret);
    }

    pub(crate) fn answer(&self, failure: SpApiFailure, status: u16) {
        let error = SpApiError {
            status: Some(status),
            ..SpApiError::without_answer(ROTATE, failure, "scripted")
        };
        self.world.state().sp_api.answers.push_back(error);
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let published = self.world.published();
        published
            .iter()
            .map(|message| message.attributes.kind)
            .collect()
    }

    pub(crate) fn calls(&self, operation: &str) -> usize {
        let calls = self.world.calls();
        calls
            .iter()
            .filter(|call| call.split(' ').next() == Some(operation))
            .count()
    }

    pub(crate) fn assert_nothing_leaked(&self, what: &str) {
        let state = self.world.state();
        let all = format!(
            "{:?} {:?} {:?}",
            state.published, state.metrics, state.calls
        );
        assert!(!all.contains("planted"), "{what}");
    }
}

pub(crate) fn expiry(client_id: &str, expires: &str, event_time: &str) -> Value {
    json!({
        "notificationVersion": "1.0",
        "notificationType": "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
        "payloadVersion": "2023-11-30",
        "eventTime": event_time,
        "payload": {"applicationOAuthClientSecretExpiry": {
            "clientId": client_id,
            "clientSecretExpiryTime": expires,
            "clientSecretExpiryReason": "PERIODIC_ROTATION",
        }},
        "notificationMetadata": {"notificationId": "n-1"},
    })
}

pub(crate) fn due() -> Value {
    expiry(CLIENT_ID, DUE, "2026-06-01T04:59:00Z")
}

pub(crate) fn batch(bodies: &[(&str, String)], receive_count: u32) -> Payload {
    let records: Vec<_> = bodies
        .iter()
        .map(|(id, body)| {
            json!({"messageId": id, "body": body, "receiptHandle": "r",
                   "attributes": {"ApproximateReceiveCount": receive_count.to_string()},
                   "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:lwa-secret-expiry"})
        })
        .collect();
    Payload::new(json!({ "Records": records }).to_string())
}

pub(crate) async fn send(
    requester: &Requester,
    body: &Value,
    receive_count: u32,
) -> (Outcome, bool) {
    let payload = batch(&[("m-1", body.to_string())], receive_count);
    let Ok(Report::Messages(reports)) = requester.handle(payload).await else {
        panic!("a batch is answered by a batch")
    };
    (reports[0].outcome, reports[0].returned)
}

pub(crate) async fn schedule(requester: &Requester) -> Result<Report, RequesterError> {
    requester.handle(Payload::new("{}")).await
}
