//! Applications, tags and new secrets in the world, call by call as in AWS.

use std::collections::BTreeMap;
use std::time::Duration;

use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::rotation::document::{DocumentError, with_client_secret};
use lwa_core::rotation::ports::{
    MessageQueue, RotationLedger, SecretStore, StoreError, StoredApplication,
};
use lwa_core::rotation::queue::QueueMessage;
use lwa_core::rotation::receive::{
    is_same_secret, parameter_problem, request_token, request_token_after,
};
use lwa_core::vault::{KEY_CLIENT_ID, KEY_CLIENT_SECRET, SecretVersion, VaultError, VaultKind};
use lwa_core::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::world::{self, State, World};

/// Who stores new secrets in a world.
const RECEIVER: &str = "arn:aws:sts::111122223333:assumed-role/lwa-secret-receiver/receiver";

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The world's vault of one kind, as rotation sees it.
#[derive(Clone)]
pub struct LocalRotation {
    world: World,
    kind: VaultKind,
    layout: Layout,
}

impl LocalRotation {
    /// A view on a world.
    pub const fn new(world: World, kind: VaultKind, layout: Layout) -> Self {
        Self {
            world,
            kind,
            layout,
        }
    }

    fn secret_name(&self, application: &ApplicationName) -> String {
        match self.kind {
            VaultKind::ParameterStore => self.layout.parameter(application, &Role::ClientSecret),
            VaultKind::SecretsManager => application.to_string(),
        }
    }

    /// The operation of this vault out of the two that do the same.
    const fn either(
        &self,
        parameter_store: &'static str,
        secrets_manager: &'static str,
    ) -> &'static str {
        match self.kind {
            VaultKind::ParameterStore => parameter_store,
            VaultKind::SecretsManager => secrets_manager,
        }
    }

    fn tags_of<'a>(
        &self,
        state: &'a mut State,
        name: &str,
    ) -> Option<&'a mut BTreeMap<String, String>> {
        match self.kind {
            VaultKind::ParameterStore => Some(&mut state.parameters.get_mut(name)?.tags),
            VaultKind::SecretsManager => Some(&mut state.secrets.get_mut(name)?.tags),
        }
    }

    async fn parameter_applications(&self) -> Result<Vec<StoredApplication>, CallError> {
        let names = self
            .world
            .call("DescribeParameters", "", |state| {
                let places = state
                    .parameters
                    .iter()
                    // Most are something else, and a look at the end of a name is quick.
                    .filter(|(name, _)| name.ends_with(&self.layout.client_secret_leaf))
                    .filter_map(|(name, parameter)| {
                        let place = self.layout.locate(name)?;
                        let last = parameter.versions.last();
                        let last = last.map(|last| (last.version, last.written_at));
                        (place.role == Role::ClientSecret).then_some((place.application, last))
                    });
                Ok(places.collect::<BTreeMap<_, _>>())
            })
            .await?;
        let names: Vec<_> = names.into_iter().collect();
        let mut applications = Vec::new();
        for batch in names.chunks(10) {
            let read = |state: &mut State| {
                let found = batch.iter().map(|(name, last)| {
                    let id = self.layout.parameter(name, &Role::ClientId);
                    let value = state.parameters.get(&id).and_then(|id| id.versions.last());
                    StoredApplication {
                        name: name.clone(),
                        client_id: value
                            .map(|version| version.value.expose_secret().trim().to_owned())
                            .filter(|id| !id.is_empty()),
                        version: last.map(|(version, _)| SecretVersion::new(version.to_string())),
                        written_at: last.map(|(_, written_at)| written_at),
                    }
                });
                Ok(found.collect::<Vec<_>>())
            };
            applications.extend(self.world.call("GetParameters", "client ids", read).await?);
        }
        Ok(applications)
    }

    async fn secret_applications(&self) -> Result<Vec<StoredApplication>, CallError> {
        let names = self
            .world
            .call("ListSecrets", "", |state| {
                let names = state.secrets.keys();
                Ok(names
                    .filter(|name| self.layout.contains(name))
                    .filter_map(|name| ApplicationName::parse(name).ok())
                    .collect::<Vec<_>>())
            })
            .await?;
        let mut applications = Vec::new();
        for name in names {
            let Some(current) = self.version(&name, CURRENT, "client id").await? else {
                continue;
            };
            let document: Map<String, Value> =
                serde_json::from_str(current.value.expose_secret()).unwrap_or_default();
            if document.contains_key(KEY_CLIENT_ID) || document.contains_key(KEY_CLIENT_SECRET) {
                let id = document.get(KEY_CLIENT_ID).and_then(Value::as_str);
                applications.push(StoredApplication {
                    name,
                    client_id: id
                        .map(|id| id.trim().to_owned())
                        .filter(|id| !id.is_empty()),
                    version: Some(SecretVersion::new(current.id)),
                    written_at: Some(current.created_at),
                });
            }
        }
        Ok(applications)
    }

    /// A version of a secret by its label. `target` tells faults this call from others.
    async fn version(
        &self,
        application: &ApplicationName,
        label: &str,
        target: &str,
    ) -> Result<Option<world::SecretVersion>, CallError> {
        self.world
            .call("GetSecretValue", target, |state| {
                Ok(state
                    .secrets
                    .get(application.as_str())
                    .and_then(|secret| labelled(secret, label))
                    .cloned())
            })
            .await
    }

    async fn store_parameter(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
    ) -> Result<SecretVersion, StoreError> {
        let name = self.secret_name(application);
        let tier = self
            .world
            .call("DescribeParameters", &name, |state| {
                Ok(state.parameters.get(&name).map(|found| found.tier.clone()))
            })
            .await?;
        let Some(tier) = tier else {
            return Err(VaultError::Missing { names: vec![name] }.into());
        };
        if let Some(problem) = parameter_problem(secret, &tier) {
            return Err(StoreError::Unstorable { name, problem });
        }
        let version = self
            .world
            .call("PutParameter", &name, |state| {
                let now = state.now;
                let parameter = state
                    .parameters
                    .get_mut(&name)
                    .ok_or_else(|| refused("PutParameter", CallFailure::NotFound))?;
                Ok(parameter.push_version(secret.clone(), now, RECEIVER))
            })
            .await?;
        Ok(SecretVersion::new(version.to_string()))
    }

    async fn store_secret(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        let name = format!("secret {application}");
        let target = format!("document of {application}");
        let Some(current) = self.version(application, CURRENT, &target).await? else {
            return Err(VaultError::Missing { names: vec![name] }.into());
        };
        let document = with_client_secret(&current.value, secret).map_err(|error| match error {
            DocumentError::TooLong(_) => StoreError::Unstorable {
                name: name.clone(),
                problem: format!("its document {error}"),
            },
            DocumentError::Shape { .. } => StoreError::Vault(VaultError::Malformed {
                name: name.clone(),
                problem: error.to_string(),
            }),
        })?;
        if is_same_secret(&document, &current.value) {
            return Ok(SecretVersion::new(current.id));
        }
        let mut token = request_token(notification);
        if let Err(error) = self.put(application, &document, &token).await {
            if error.failure != CallFailure::Refused {
                return Err(error.into());
            }
            token = request_token_after(notification, &current.id);
            self.put(application, &document, &token).await?;
        }
        self.promote(application, &current.id, &token).await?;
        Ok(SecretVersion::new(token))
    }

    async fn put(
        &self,
        application: &ApplicationName,
        document: &SecretString,
        token: &str,
    ) -> Result<(), CallError> {
        let operation = "PutSecretValue";
        self.world
            .call(operation, application.as_str(), |state| {
                let now = state.now;
                let secret = state
                    .secrets
                    .get_mut(application.as_str())
                    .ok_or_else(|| refused(operation, CallFailure::NotFound))?;
                match secret.versions.iter().find(|version| version.id == token) {
                    Some(known) if known.value.expose_secret() != document.expose_secret() => {
                        return Err(refused(operation, CallFailure::Refused));
                    }
                    Some(_) => {}
                    None => secret.versions.push(world::SecretVersion {
                        id: token.to_owned(),
                        value: document.clone(),
                        created_at: now,
                        stages: Vec::new(),
                    }),
                }
                move_label(secret, PENDING, token);
                Ok(())
            })
            .await
    }

    async fn promote(
        &self,
        application: &ApplicationName,
        from: &str,
        to: &str,
    ) -> Result<(), CallError> {
        let operation = "UpdateSecretVersionStage";
        self.world
            .call(operation, application.as_str(), |state| {
                let secret = state
                    .secrets
                    .get_mut(application.as_str())
                    .ok_or_else(|| refused(operation, CallFailure::NotFound))?;
                if labelled(secret, CURRENT).is_none_or(|current| current.id != from) {
                    return Err(refused(operation, CallFailure::Refused));
                }
                move_label(secret, CURRENT, to);
                move_label(secret, PREVIOUS, from);
                Ok(())
            })
            .await
    }
}

impl RotationLedger for LocalRotation {
    async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        Ok(match self.kind {
            VaultKind::ParameterStore => self.parameter_applications().await?,
            VaultKind::SecretsManager => self.secret_applications().await?,
        })
    }

    async fn tags(
        &self,
        application: &ApplicationName,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let operation = self.either("ListTagsForResource", "DescribeSecret");
        let name = self.secret_name(application);
        self.world
            .call(operation, &name, |state| {
                self.tags_of(state, &name)
                    .map(|tags| tags.clone())
                    .ok_or_else(|| refused(operation, CallFailure::NotFound))
            })
            .await
    }

    async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[(&'static str, String)],
    ) -> Result<(), CallError> {
        let operation = self.either("AddTagsToResource", "TagResource");
        let name = self.secret_name(application);
        self.world
            .call(operation, &name, |state| {
                let stored = self
                    .tags_of(state, &name)
                    .ok_or_else(|| refused(operation, CallFailure::NotFound))?;
                let tags = tags.iter().cloned();
                stored.extend(tags.map(|(key, value)| (key.to_owned(), value)));
                Ok(())
            })
            .await
    }

    async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        let operation = self.either("RemoveTagsFromResource", "UntagResource");
        let name = self.secret_name(application);
        self.world
            .call(operation, &name, |state| {
                let stored = self
                    .tags_of(state, &name)
                    .ok_or_else(|| refused(operation, CallFailure::NotFound))?;
                stored.retain(|key, _| !keys.contains(&key.as_str()));
                Ok(())
            })
            .await
    }
}

impl SecretStore for LocalRotation {
    async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        match self.kind {
            VaultKind::ParameterStore => self.store_parameter(application, secret).await,
            VaultKind::SecretsManager => self.store_secret(application, secret, notification).await,
        }
    }
}

impl MessageQueue for World {
    /// Recorded with the message and the seconds, for whoever plays the queue.
    async fn come_back(&self, message: &QueueMessage, delay: Duration) -> Result<(), CallError> {
        let target = format!("{} {}", message.message_id, delay.as_secs());
        self.call("ChangeMessageVisibility", &target, |_| Ok(()))
            .await
    }
}

fn labelled<'a>(secret: &'a world::Secret, label: &str) -> Option<&'a world::SecretVersion> {
    secret
        .versions
        .iter()
        .find(|version| version.stages.iter().any(|stage| stage == label))
}

fn move_label(secret: &mut world::Secret, label: &str, to: &str) {
    for version in &mut secret.versions {
        version.stages.retain(|stage| stage != label);
        if version.id == to {
            version.stages.push(label.to_owned());
        }
    }
}

fn refused(operation: &'static str, failure: CallFailure) -> CallError {
    CallError {
        operation,
        failure,
        detail: "as the service would".into(),
    }
}
