//! Credentials out of the world's parameters or secrets.

use jiff::Timestamp;
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::vault::{
    CredentialVault, Credentials, KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_REFRESH_TOKEN, KEY_SELLERS,
    RefreshTokenOf, SecretVersion, StoredSecret, VaultError, VaultKind,
};
use lwa_core::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::world::{self, State, World};

/// The world's vault of one kind.
#[derive(Clone)]
pub struct LocalVault {
    world: World,
    kind: VaultKind,
    layout: Layout,
}

impl LocalVault {
    /// A view on a world.
    pub const fn new(world: World, kind: VaultKind, layout: Layout) -> Self {
        Self {
            world,
            kind,
            layout,
        }
    }

    /// The operation that faults name, and that calls are recorded as.
    const fn operation(&self) -> &'static str {
        match self.kind {
            VaultKind::ParameterStore => "GetParameters",
            VaultKind::SecretsManager => "GetSecretValue",
        }
    }

    fn place(&self, application: &ApplicationName, role: &Role) -> String {
        self.kind.place(&self.layout, application, role)
    }

    fn value(
        &self,
        state: &State,
        application: &ApplicationName,
        role: &Role,
    ) -> Option<SecretString> {
        let text = match self.kind {
            VaultKind::ParameterStore => {
                let parameter = state
                    .parameters
                    .get(&self.layout.parameter(application, role))?;
                parameter.versions.last()?.value.expose_secret().to_owned()
            }
            VaultKind::SecretsManager => {
                let secret = state.secrets.get(application.as_str())?;
                in_document(labelled(secret, "AWSCURRENT")?, role)?
            }
        };
        Some(text.trim().into()).filter(|text: &SecretString| !text.expose_secret().is_empty())
    }

    /// All versions of the client secret, newest first.
    fn history<'a>(
        &self,
        state: &'a State,
        application: &ApplicationName,
    ) -> Box<dyn Iterator<Item = StoredSecret> + 'a> {
        match self.kind {
            VaultKind::ParameterStore => Box::new(
                state
                    .parameters
                    .get(&self.layout.parameter(application, &Role::ClientSecret))
                    .into_iter()
                    .flat_map(|parameter| parameter.versions.iter().rev())
                    .map(|version| StoredSecret {
                        value: version.value.expose_secret().trim().into(),
                        version: SecretVersion::new(version.version.to_string()),
                        written_at: Some(version.written_at),
                    }),
            ),
            VaultKind::SecretsManager => Box::new(
                state
                    .secrets
                    .get(application.as_str())
                    .into_iter()
                    .flat_map(|secret| secret.versions.iter().rev())
                    .filter_map(|version| {
                        Some(StoredSecret {
                            value: in_document(version, &Role::ClientSecret)?.trim().into(),
                            version: SecretVersion::new(version.id.clone()),
                            written_at: Some(version.created_at),
                        })
                    }),
            ),
        }
    }
}

impl CredentialVault for LocalVault {
    async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> Result<Credentials, VaultError> {
        let read = |state: &mut State| {
            let mut missing = Vec::new();
            let mut get = |role: &Role| {
                let value = self.value(state, application, role);
                if value.is_none() {
                    missing.push(self.place(application, role));
                }
                value
            };
            let (id, secret) = (get(&Role::ClientId), get(&Role::ClientSecret));
            let token = refresh_token.role().and_then(|role| get(&role));
            let current = match self.kind {
                VaultKind::ParameterStore => self.history(state, application).next(),
                VaultKind::SecretsManager => {
                    let current = state
                        .secrets
                        .get(application.as_str())
                        .and_then(|secret| labelled(secret, "AWSCURRENT"))
                        .map(|version| version.id.clone());
                    self.history(state, application)
                        .find(|secret| Some(secret.version.as_str()) == current.as_deref())
                }
            };
            Ok(match (id, secret, current) {
                (Some(id), Some(_), Some(client_secret)) if missing.is_empty() => Ok(Credentials {
                    client_id: id.expose_secret().to_owned(),
                    client_secret,
                    refresh_token: token,
                }),
                _ => Err(VaultError::Missing { names: missing }),
            })
        };
        self.world
            .call(self.operation(), application.as_str(), read)
            .await?
    }

    async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let read = |state: &mut State| {
            let mut history = self.history(state, application);
            Ok(history.find(|secret| secret.version == *version))
        };
        let target = format!("{application} {version}");
        Ok(self.world.call(self.operation(), &target, read).await?)
    }

    async fn in_place_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<Timestamp>, VaultError> {
        let read = |state: &mut State| {
            Ok(self
                .history(state, application)
                .skip_while(|secret| secret.version != current.version)
                .take_while(|secret| secret.has_same_value(current))
                .last()
                .and_then(|secret| secret.written_at))
        };
        let target = format!("{application} before {}", current.version);
        Ok(self.world.call(self.operation(), &target, read).await?)
    }

    async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let read = |state: &mut State| {
            Ok(self
                .history(state, application)
                .skip_while(|secret| secret.version != current.version)
                .skip(1)
                .take(5)
                .find(|secret| !secret.has_same_value(current)))
        };
        let target = format!("{application} before {}", current.version);
        Ok(self.world.call(self.operation(), &target, read).await?)
    }
}

fn labelled<'a>(secret: &'a world::Secret, label: &str) -> Option<&'a world::SecretVersion> {
    secret
        .versions
        .iter()
        .find(|version| version.stages.iter().any(|stage| stage == label))
}

fn in_document(version: &world::SecretVersion, role: &Role) -> Option<String> {
    let document: Value = serde_json::from_str(version.value.expose_secret()).ok()?;
    let value = match role {
        Role::ClientId => document.get(KEY_CLIENT_ID),
        Role::ClientSecret => document.get(KEY_CLIENT_SECRET),
        Role::RefreshToken { seller: None } => document.get(KEY_REFRESH_TOKEN),
        Role::RefreshToken {
            seller: Some(seller),
        } => document.get(KEY_SELLERS)?.get(seller.as_str()),
    };
    value?.as_str().map(str::to_owned)
}
