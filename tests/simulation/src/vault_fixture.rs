//! The contents of the vault, as the model reads them and as people write them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::application::{ApplicationName, Layout, Role, SellerId};
use lwa_core::vault::ports::stage;
use lwa_core::vault::{
    KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_REFRESH_TOKEN, KEY_SELLERS, VaultKind,
};
use lwa_core::{ExposeSecret, SecretString};
use lwa_local::{Secret, World};
use serde_json::{Value, json};

/// The world's vault of one kind.
pub(crate) struct VaultFixture {
    world: World,
    layout: Layout,
    pub(crate) kind: VaultKind,
}

/// What a person stores for a new application.
pub(crate) struct Contents {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) refresh_token: String,
    pub(crate) sellers: Vec<(SellerId, String)>,
}

impl VaultFixture {
    pub(crate) const fn new(world: World, layout: Layout, kind: VaultKind) -> Self {
        Self {
            world,
            layout,
            kind,
        }
    }

    /// The parameter with the client secret of an application, or the secret with everything.
    pub(crate) fn name(&self, application: &ApplicationName) -> String {
        match self.kind {
            VaultKind::ParameterStore => self.layout.parameter(application, &Role::ClientSecret),
            VaultKind::SecretsManager => application.to_string(),
        }
    }

    /// Stores a new application.
    pub(crate) fn create(&self, application: &ApplicationName, contents: &Contents, at: Timestamp) {
        match self.kind {
            VaultKind::ParameterStore => {
                let put = |role: &Role, value: &str| {
                    let name = self.layout.parameter(application, role);
                    self.world.seed_parameter(&name, value, at);
                };
                put(&Role::ClientId, &contents.client_id);
                put(&Role::ClientSecret, &contents.client_secret);
                let own = Role::RefreshToken { seller: None };
                put(&own, &contents.refresh_token);
                for (seller, token) in &contents.sellers {
                    let seller = Some(seller.clone());
                    put(&Role::RefreshToken { seller }, token);
                }
            }
            VaultKind::SecretsManager => {
                let sellers: BTreeMap<&str, &str> = contents
                    .sellers
                    .iter()
                    .map(|(seller, token)| (seller.as_str(), token.as_str()))
                    .collect();
                let document = json!({
                    KEY_CLIENT_ID: contents.client_id,
                    KEY_CLIENT_SECRET: contents.client_secret,
                    KEY_REFRESH_TOKEN: contents.refresh_token,
                    KEY_SELLERS: sellers,
                });
                let name = application.to_string();
                let mut secret = Secret {
                    arn: format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}"),
                    key_id: Some("alias/lwa-credentials".into()),
                    ..Secret::default()
                };
                secret.push_current(&by_hand(0), &document.to_string().into(), at);
                self.world.state().secrets.insert(name, secret);
            }
        }
    }

    /// A person stores a client secret, and leaves everything beside it as it is.
    pub(crate) fn put(&self, application: &ApplicationName, value: &str) {
        let now = {
            let state = self.world.state();
            state.now
        };
        let name = self.name(application);
        match self.kind {
            VaultKind::ParameterStore => self.world.seed_parameter(&name, value, now),
            VaultKind::SecretsManager => {
                let mut state = self.world.state();
                let Some(secret) = state.secrets.get_mut(&name) else {
                    return;
                };
                let Some(current) = secret.labelled(stage::CURRENT) else {
                    return;
                };
                let mut document = document(&current.value);
                document[KEY_CLIENT_SECRET] = value.into();
                let id = by_hand(secret.versions.len());
                secret.push_current(&id, &document.to_string().into(), now);
            }
        }
    }

    /// The client secret that functions read, and when it was written.
    pub(crate) fn current(&self, application: &ApplicationName) -> Option<(String, Timestamp)> {
        let state = self.world.state();
        let name = self.name(application);
        match self.kind {
            VaultKind::ParameterStore => {
                let version = state.parameters.get(&name)?.versions.last()?;
                let value = version.value.expose_secret().to_owned();
                Some((value, version.written_at))
            }
            VaultKind::SecretsManager => {
                let version = state.secrets.get(&name)?.labelled(stage::CURRENT)?;
                let document = document(&version.value);
                let value = document[KEY_CLIENT_SECRET].as_str()?.to_owned();
                Some((value, version.created_at))
            }
        }
    }

    /// A client secret that was stored before the one that functions read.
    pub(crate) fn one_before(&self, application: &ApplicationName) -> Option<String> {
        let state = self.world.state();
        let name = self.name(application);
        match self.kind {
            VaultKind::ParameterStore => {
                let version = state.parameters.get(&name)?.versions.iter().nth_back(1)?;
                Some(version.value.expose_secret().to_owned())
            }
            VaultKind::SecretsManager => {
                let version = state.secrets.get(&name)?.labelled(stage::PREVIOUS)?;
                let document = document(&version.value);
                Some(document[KEY_CLIENT_SECRET].as_str()?.to_owned())
            }
        }
    }

    /// The version that functions read.
    pub(crate) fn version(&self, application: &ApplicationName) -> Option<String> {
        let state = self.world.state();
        let name = self.name(application);
        Some(match self.kind {
            VaultKind::ParameterStore => {
                let version = state.parameters.get(&name)?.versions.last()?;
                version.version.to_string()
            }
            VaultKind::SecretsManager => state
                .secrets
                .get(&name)?
                .labelled(stage::CURRENT)?
                .id
                .clone(),
        })
    }

    /// The tags that functions read; none of an application that is not there.
    pub(crate) fn tags<T>(
        &self,
        application: &ApplicationName,
        with: impl FnOnce(&mut BTreeMap<String, String>) -> T,
    ) -> Option<T> {
        let mut state = self.world.state();
        let name = self.name(application);
        let tags = match self.kind {
            VaultKind::ParameterStore => &mut state.parameters.get_mut(&name)?.tags,
            VaultKind::SecretsManager => &mut state.secrets.get_mut(&name)?.tags,
        };
        Some(with(tags))
    }
}

fn by_hand(number: usize) -> String {
    format!("by-hand-{number:024}")
}

fn document(value: &SecretString) -> Value {
    serde_json::from_str(value.expose_secret()).unwrap_or_default()
}
