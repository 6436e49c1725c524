//! Storing credentials in the world by hand. It refuses what AWS refuses, which emulators do
//! not.

use std::collections::BTreeMap;

use lwa_core::ExposeSecret;
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::ports::{CallError, CallFailure, InlinePolicy};
use lwa_core::store::document::MAX_DOCUMENT;
use lwa_core::store::{
    CredentialStore, Extent, Found, FoundParameter, FoundSecret, ParameterWrite, Tier, Write,
};
use lwa_core::vault::{SecretVersion, VaultError, VaultKind};
use serde_json::Value;

use crate::parameter_directory::metadata;
use crate::world::{self, Parameter, State, WRITER, World};

/// The world's vault of one kind, as somebody writes to it.
#[derive(Clone)]
pub struct LocalStore {
    world: World,
    kind: VaultKind,
    layout: Layout,
}

impl LocalStore {
    /// A view on a world.
    pub const fn new(world: World, kind: VaultKind, layout: Layout) -> Self {
        Self {
            world,
            kind,
            layout,
        }
    }

    async fn look_at_parameters(
        &self,
        application: &ApplicationName,
        extent: &Extent,
    ) -> Result<Found, CallError> {
        let is_wanted = |role: &Role| {
            matches!(role, Role::ClientId | Role::ClientSecret) || extent.includes(role)
        };
        let found = self
            .world
            .call("DescribeParameters", &application.root(), |state| {
                let found = state.parameters.iter().filter_map(|(name, parameter)| {
                    let place = self.layout.locate(name)?;
                    let is_ours = place.application == *application && is_wanted(&place.role);
                    let found = FoundParameter {
                        metadata: metadata(name, parameter),
                        value: None,
                        tags: BTreeMap::new(),
                    };
                    is_ours.then_some((place.role, found))
                });
                Ok(found.collect::<BTreeMap<_, _>>())
            })
            .await?;
        let mut found = found;
        let read = |state: &mut State| {
            for parameter in found.values_mut() {
                parameter.value = state
                    .parameters
                    .get(&parameter.metadata.name)
                    .and_then(|stored| stored.versions.last())
                    .map(|version| version.value.clone());
            }
            Ok(found)
        };
        let target = application.root();
        let mut found = self.world.call("GetParameters", &target, read).await?;
        if let Some(secret) = found.get_mut(&Role::ClientSecret) {
            let name = secret.metadata.name.clone();
            let tags = |state: &mut State| {
                let parameter = state.parameters.get(&name);
                Ok(parameter.map(|parameter| parameter.tags.clone()))
            };
            let tags = self.world.call("ListTagsForResource", &name, tags).await?;
            secret.tags = tags.unwrap_or_default();
        }
        Ok(Found::Parameters(found))
    }

    async fn look_at_secret(&self, application: &ApplicationName) -> Result<Found, CallError> {
        let name = application.as_str();
        let described = self
            .world
            .call("DescribeSecret", name, |state| {
                Ok(state.secrets.get(name).map(|secret| FoundSecret {
                    key_id: secret.key_id.clone(),
                    tags: secret.tags.clone(),
                    ..FoundSecret::default()
                }))
            })
            .await?;
        let Some(mut found) = described else {
            return Ok(Found::Secret(None));
        };
        let current = self
            .world
            .call("GetSecretValue", name, |state| {
                let current = state.secrets.get(name).and_then(current).cloned();
                Ok(current)
            })
            .await?;
        found.version = current
            .as_ref()
            .map(|version| SecretVersion::new(version.id.clone()));
        found.written_at = current.as_ref().map(|version| version.created_at);
        found.document = current.map(|version| version.value);
        Ok(Found::Secret(Some(found)))
    }
}

impl CredentialStore for LocalStore {
    async fn look(
        &self,
        application: &ApplicationName,
        extent: &Extent,
    ) -> Result<Found, VaultError> {
        Ok(match self.kind {
            VaultKind::ParameterStore => self.look_at_parameters(application, extent).await?,
            VaultKind::SecretsManager => self.look_at_secret(application).await?,
        })
    }

    async fn write(&self, write: &Write) -> Result<(), CallError> {
        let operation = write.operation();
        self.world
            .call(operation, write.target(), |state| {
                apply(state, write).map_err(|failure| refused(operation, failure))
            })
            .await
    }
}

fn apply(state: &mut State, write: &Write) -> Result<(), Refused> {
    let now = state.now;
    match write {
        Write::Parameter(write) => put_parameter(state, write)?,
        Write::TagParameter { name, tags } => {
            let parameter = state.parameters.get_mut(name).ok_or(NOT_FOUND)?;
            insert(&mut parameter.tags, tags);
        }
        Write::UntagParameter { name, keys } => {
            let parameter = state.parameters.get_mut(name).ok_or(NOT_FOUND)?;
            parameter
                .tags
                .retain(|key, _| !keys.contains(&key.as_str()));
        }
        Write::CreateSecret {
            name,
            document,
            key,
            tags,
        } => {
            check_document(document.expose_secret())?;
            if state.secrets.contains_key(name) {
                return Err((CallFailure::Refused, "ResourceExistsException"));
            }
            let mut secret = world::Secret {
                arn: format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}-AbCdEf"),
                key_id: Some(key.clone()),
                tags: BTreeMap::new(),
                versions: Vec::new(),
            };
            insert(&mut secret.tags, tags);
            push_version(&mut secret, document, now);
            state.secrets.insert(name.clone(), secret);
        }
        Write::PutSecretValue { name, document } => {
            check_document(document.expose_secret())?;
            let secret = state.secrets.get_mut(name).ok_or(NOT_FOUND)?;
            push_version(secret, document, now);
        }
        Write::SecretKey { name, key } => {
            let secret = state.secrets.get_mut(name).ok_or(NOT_FOUND)?;
            secret.key_id = Some(key.clone());
        }
        Write::TagSecret { name, tags } => {
            let secret = state.secrets.get_mut(name).ok_or(NOT_FOUND)?;
            insert(&mut secret.tags, tags);
        }
        Write::UntagSecret { name, keys } => {
            let secret = state.secrets.get_mut(name).ok_or(NOT_FOUND)?;
            secret.tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
    }
    Ok(())
}

/// What a service answers instead of doing what it was asked.
type Refused = (CallFailure, &'static str);

const NOT_FOUND: Refused = (CallFailure::NotFound, "ResourceNotFoundException");
const INVALID: Refused = (CallFailure::Refused, "ValidationException");

/// By the rules of
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
fn put_parameter(state: &mut State, write: &ParameterWrite) -> Result<(), Refused> {
    let now = state.now;
    let value = write.value.expose_secret();
    let limit = if write.tier == Tier::Standard {
        4096
    } else {
        8192
    };
    if value.is_empty() || value.contains("{{") || value.len() > limit {
        return Err(INVALID);
    }
    let policies = match &write.policies {
        None => None,
        Some(_) if write.tier == Tier::Standard => return Err(INVALID),
        Some(text) => Some(read_policies(text)?),
    };
    let found = state.parameters.get(&write.name);
    match (found, write.overwrite) {
        (Some(_), false) => return Err((CallFailure::Refused, "ParameterAlreadyExists")),
        (Some(_), true) if !write.tags.is_empty() => return Err(INVALID),
        (Some(found), true) if found.tier == "Advanced" && write.tier == Tier::Standard => {
            return Err(INVALID);
        }
        _ => {}
    }
    let parameter = state
        .parameters
        .entry(write.name.clone())
        .or_insert_with(|| Parameter {
            policies: Vec::new(),
            ..Parameter::well_kept()
        });
    "SecureString".clone_into(&mut parameter.parameter_type);
    parameter.key_id = Some(write.key.clone());
    write.tier.as_str().clone_into(&mut parameter.tier);
    if let Some(policies) = policies {
        parameter.policies = policies;
    }
    insert(&mut parameter.tags, &write.tags);
    parameter.push_version(write.value.clone(), now, WRITER);
    Ok(())
}

fn read_policies(text: &str) -> Result<Vec<InlinePolicy>, Refused> {
    let policies: Vec<Value> = serde_json::from_str(text).map_err(|_| INVALID)?;
    if policies.len() > 10 {
        return Err((CallFailure::Refused, "PoliciesLimitExceededException"));
    }
    let read = |policy: Value| {
        let kind = policy.get("Type")?.as_str()?.to_owned();
        let attributes = policy.get("Attributes")?.as_object()?;
        let is_legal = policy.get("Version")? == "1.0" && attributes.values().all(Value::is_string);
        is_legal.then(|| InlinePolicy {
            text: policy.to_string(),
            policy_type: kind,
            status: "Pending".to_owned(),
        })
    };
    policies
        .into_iter()
        .map(|policy| read(policy).ok_or((CallFailure::Refused, "InvalidPolicyAttributeException")))
        .collect()
}

fn check_document(document: &str) -> Result<(), Refused> {
    if document.len() > MAX_DOCUMENT {
        return Err(INVALID);
    }
    Ok(())
}

fn push_version(
    secret: &mut world::Secret,
    document: &lwa_core::SecretString,
    now: lwa_core::Timestamp,
) {
    for version in &mut secret.versions {
        let was_current = version.stages.iter().any(|stage| stage == "AWSCURRENT");
        version.stages.clear();
        if was_current {
            version.stages.push("AWSPREVIOUS".to_owned());
        }
    }
    secret.versions.push(world::SecretVersion {
        id: format!("version-{}", secret.versions.len() + 1),
        value: document.clone(),
        created_at: now,
        stages: vec!["AWSCURRENT".to_owned()],
    });
}

fn current(secret: &world::Secret) -> Option<&world::SecretVersion> {
    secret
        .versions
        .iter()
        .find(|version| version.stages.iter().any(|stage| stage == "AWSCURRENT"))
}

fn insert(tags: &mut BTreeMap<String, String>, more: &[(&'static str, String)]) {
    let more = more.iter().cloned();
    tags.extend(more.map(|(key, value)| (key.to_owned(), value)));
}

fn refused(operation: &'static str, (failure, detail): Refused) -> CallError {
    CallError {
        operation,
        failure,
        detail: detail.to_owned(),
    }
}
