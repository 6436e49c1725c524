//! The calls to the vaults, made to the account in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::SecretString;
use lwa_core::ports::CallError;
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::QueueMessage;
use lwa_core::text::after;
use lwa_core::vault::ports::{
    GET_PARAMETERS_LIMIT, NAMES_LIMIT, NewTag, Page, ParameterFilter, ParameterMetadata,
    ParameterValue, ParameterWrite, ReadMetadata, ReadValues, SecretMetadata, SecretValue,
    SecretValueWrite, SecretVersionEntry, Tags, VersionSelector, WriteTags, WriteValues,
};

use crate::parameter_store::{Parameter, add_tags, put};
use crate::refusal::{NOT_FOUND, Refusal, VALIDATION, refused};
use crate::secrets_manager::Secret;
use crate::world::{State, World};

/// Parameters in one page of `DescribeParameters`.
const PARAMETERS_PAGE: usize = 50;

/// Secrets, or versions, in one page.
const SECRETS_PAGE: usize = 100;

impl ReadMetadata for World {
    async fn describe_parameters(
        &self,
        filter: ParameterFilter<'_>,
        token: Option<&str>,
    ) -> Result<Page<ParameterMetadata>, CallError> {
        let target = match filter {
            ParameterFilter::Below(text)
            | ParameterFilter::NameContains(text)
            | ParameterFilter::NameBeginsWith(text) => text.to_owned(),
            ParameterFilter::Named(names) => names.join(" "),
        };
        let target = from(&target, token);
        self.call("DescribeParameters", &target, |state| {
            if matches!(filter, ParameterFilter::Named(names) if names.len() > NAMES_LIMIT) {
                return Err(VALIDATION);
            }
            let found = state.parameters.iter().filter(|(name, _)| match filter {
                ParameterFilter::Below(path) => name
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.starts_with('/')),
                ParameterFilter::Named(names) => names.contains(name),
                ParameterFilter::NameContains(part) => name.contains(part),
                ParameterFilter::NameBeginsWith(start) => name.starts_with(start),
            });
            let listing = &state.listing;
            Ok(listing.page(found, token, PARAMETERS_PAGE, |name, found| {
                found.metadata(name)
            }))
        })
        .await
    }

    async fn list_parameter_tags(&self, name: &str) -> Result<Tags, CallError> {
        self.call("ListTagsForResource", name, |state| {
            Ok(state.parameter(name)?.tags.clone())
        })
        .await
    }

    async fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        self.call("ListSecrets", &from(name_prefix, token), |state| {
            let (listing, now) = (&state.listing, state.now);
            let secrets = state.secrets.iter();
            let named = secrets.filter(|(name, _)| name.starts_with(name_prefix));
            let found = named.filter_map(|(name, secret)| {
                let shown = listing.look(name, now, || secret.metadata(name))?;
                shown.deleted_at.is_none().then_some((name, shown))
            });
            Ok(listing.page(found, token, SECRETS_PAGE, |_, shown| shown))
        })
        .await
    }

    async fn describe_secret(&self, name: &str) -> Result<SecretMetadata, CallError> {
        self.call("DescribeSecret", name, |state| {
            Ok(state.secret(name)?.metadata(name))
        })
        .await
    }

    async fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        self.call("ListSecretVersionIds", &from(name, token), |state| {
            let versions = state.secret(name)?.versions.iter();
            let listed = versions.filter(|v| include_deprecated || !v.stages.is_empty());
            let by_id: BTreeMap<_, _> = listed.map(|version| (&version.id, version)).collect();
            let (found, listing) = (by_id.into_iter(), &state.listing);
            Ok(listing.page(found, token, SECRETS_PAGE, |_, version| version.entry()))
        })
        .await
    }
}

impl ReadValues for World {
    async fn get_parameters(&self, names: &[String]) -> Result<Vec<ParameterValue>, CallError> {
        self.call("GetParameters", &names.join(" "), |state| {
            if names.is_empty() || names.len() > GET_PARAMETERS_LIMIT {
                return Err(VALIDATION);
            }
            let mut found = BTreeMap::new();
            for wanted in names {
                let (name, number) = match wanted.split_once(':') {
                    Some((name, number)) => (name, Some(number)),
                    None => (wanted.as_str(), None),
                };
                let parameter = state.parameters.get(name);
                if let Some(value) = parameter.and_then(|found| found.value(name, number)) {
                    found.insert((name, value.version), value);
                }
            }
            Ok(found.into_values().collect())
        })
        .await
    }

    async fn get_secret_value(
        &self,
        name: &str,
        version: VersionSelector<'_>,
    ) -> Result<SecretValue, CallError> {
        let (VersionSelector::Stage(which) | VersionSelector::Id(which)) = version;
        let target = format!("{name} {which}");
        self.call("GetSecretValue", &target, |state| {
            state.secret(name)?.value(version)
        })
        .await
    }
}

impl WriteTags for World {
    async fn add_parameter_tags(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        self.call("AddTagsToResource", name, |state| {
            add_tags(&mut state.parameter(name)?.tags, tags)
        })
        .await
    }

    async fn remove_parameter_tags(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        self.call("RemoveTagsFromResource", name, |state| {
            let stored = &mut state.parameter(name)?.tags;
            stored.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        })
        .await
    }

    async fn tag_secret(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        self.change_secret("TagResource", name, |secret, _| {
            add_tags(&mut secret.tags, tags)
        })
        .await
    }

    async fn untag_secret(&self, name: &str, keys: &[&'static str]) -> Result<(), CallError> {
        self.change_secret("UntagResource", name, |secret, _| {
            secret.tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        })
        .await
    }
}

impl WriteValues for World {
    async fn put_parameter(&self, write: &ParameterWrite) -> Result<i64, CallError> {
        let by = self.principal;
        self.call("PutParameter", &write.name, |state| {
            put(&mut state.parameters, write, state.now, by)
        })
        .await
    }

    async fn create_secret(
        &self,
        name: &str,
        document: &SecretString,
        key: &str,
        tags: &[NewTag],
    ) -> Result<(), CallError> {
        self.call("CreateSecret", name, |state| {
            let secret = Secret::create(name, document, key, tags, state.now)?;
            if state.secrets.contains_key(name) {
                return Err(refused("ResourceExistsException"));
            }
            state.secrets.insert(name.to_owned(), secret);
            state.listing.remember(name, state.now, || None);
            Ok(())
        })
        .await
    }

    async fn put_secret_value(&self, write: &SecretValueWrite) -> Result<(), CallError> {
        self.change_secret("PutSecretValue", &write.name, |secret, now| {
            secret.put(write, now)
        })
        .await
    }

    async fn update_secret_key(&self, name: &str, key: &str) -> Result<(), CallError> {
        self.change_secret("UpdateSecret", name, |secret, _| {
            secret.key_id = Some(key.to_owned());
            Ok(())
        })
        .await
    }

    async fn update_secret_version_stage(
        &self,
        name: &str,
        label: &str,
        from: &str,
        to: &str,
    ) -> Result<(), CallError> {
        self.change_secret("UpdateSecretVersionStage", name, |secret, _| {
            secret.move_from(label, from, to)
        })
        .await
    }
}

impl World {
    /// Changes a secret that exists and is not marked for deletion.
    async fn change_secret(
        &self,
        operation: &'static str,
        name: &str,
        change: impl FnOnce(&mut Secret, Timestamp) -> Result<(), Refusal> + Send,
    ) -> Result<(), CallError> {
        self.call(operation, name, |state| {
            let now = state.now;
            let secret = state.secrets.get_mut(name).ok_or(NOT_FOUND)?;
            secret.check_in_use()?;
            let before = || Some(secret.metadata(name));
            state.listing.remember(name, now, before);
            change(secret, now)
        })
        .await
    }
}

impl State {
    fn parameter(&mut self, name: &str) -> Result<&mut Parameter, Refusal> {
        self.parameters.get_mut(name).ok_or(NOT_FOUND)
    }

    fn secret(&self, name: &str) -> Result<&Secret, Refusal> {
        self.secrets.get(name).ok_or(NOT_FOUND)
    }
}

impl MessageQueue for World {
    /// Recorded with the message and the seconds, for the harness that plays the queue.
    async fn set_visibility(
        &self,
        message: &QueueMessage,
        timeout: Duration,
    ) -> Result<(), CallError> {
        let target = format!("{} {}", message.message_id, timeout.as_secs());
        self.call("ChangeMessageVisibility", &target, |_| Ok(()))
            .await
    }
}

/// The target of a listing that goes on.
fn from(target: &str, token: Option<&str>) -> String {
    format!("{target}{}", after(" from ", token))
}
