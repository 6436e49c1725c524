//! The calls to the vaults, made to the account in memory.

use std::time::Duration;

use lwa_core::SecretString;
use lwa_core::ports::CallError;
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::QueueMessage;
use lwa_core::vault::ports::{
    NewTag, Page, ParameterFilter, ParameterMetadata, ParameterValue, ParameterWrite, ReadMetadata,
    ReadValues, SecretMetadata, SecretValue, SecretValueWrite, SecretVersionEntry, Tags,
    VersionSelector, WriteTags, WriteValues,
};

use crate::world::World;
use crate::{parameter_store, secrets_manager};

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
        self.service_call("DescribeParameters", &target, |state| {
            parameter_store::describe(state, filter, token)
        })
        .await
    }

    async fn list_parameter_tags(&self, name: &str) -> Result<Tags, CallError> {
        self.service_call("ListTagsForResource", name, |state| {
            parameter_store::tags(state, name).map(|tags| tags.clone())
        })
        .await
    }

    async fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        self.service_call("ListSecrets", &from(name_prefix, token), |state| {
            Ok(secrets_manager::list(state, name_prefix, token))
        })
        .await
    }

    async fn describe_secret(&self, name: &str) -> Result<SecretMetadata, CallError> {
        self.service_call("DescribeSecret", name, |state| {
            secrets_manager::describe(state, name)
        })
        .await
    }

    async fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        self.service_call("ListSecretVersionIds", &from(name, token), |state| {
            secrets_manager::version_ids(state, name, include_deprecated, token)
        })
        .await
    }
}

impl ReadValues for World {
    async fn get_parameters(&self, names: &[String]) -> Result<Vec<ParameterValue>, CallError> {
        self.service_call("GetParameters", &names.join(" "), |state| {
            parameter_store::get(state, names)
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
        self.service_call("GetSecretValue", &target, |state| {
            secrets_manager::value(state, name, version)
        })
        .await
    }
}

impl WriteTags for World {
    async fn add_parameter_tags(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        self.service_call("AddTagsToResource", name, |state| {
            let stored = parameter_store::tags(state, name)?;
            parameter_store::add_tags(stored, tags)
        })
        .await
    }

    async fn remove_parameter_tags(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        self.service_call("RemoveTagsFromResource", name, |state| {
            let stored = parameter_store::tags(state, name)?;
            stored.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        })
        .await
    }

    async fn tag_secret(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        self.service_call("TagResource", name, |state| {
            secrets_manager::change(state, name, |secret| {
                parameter_store::add_tags(&mut secret.tags, tags)
            })
        })
        .await
    }

    async fn untag_secret(&self, name: &str, keys: &[&'static str]) -> Result<(), CallError> {
        self.service_call("UntagResource", name, |state| {
            secrets_manager::change(state, name, |secret| {
                secret.tags.retain(|key, _| !keys.contains(&key.as_str()));
                Ok(())
            })
        })
        .await
    }
}

impl WriteValues for World {
    async fn put_parameter(&self, write: &ParameterWrite) -> Result<i64, CallError> {
        let principal = self.principal();
        self.service_call("PutParameter", &write.name, |state| {
            parameter_store::put(state, write, principal)
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
        self.service_call("CreateSecret", name, |state| {
            secrets_manager::create(state, name, document, key, tags)
        })
        .await
    }

    async fn put_secret_value(&self, write: &SecretValueWrite) -> Result<(), CallError> {
        self.service_call("PutSecretValue", &write.name, |state| {
            secrets_manager::put(state, write)
        })
        .await
    }

    async fn update_secret_key(&self, name: &str, key: &str) -> Result<(), CallError> {
        self.service_call("UpdateSecret", name, |state| {
            secrets_manager::change(state, name, |secret| {
                secret.key_id = Some(key.to_owned());
                Ok(())
            })
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
        self.service_call("UpdateSecretVersionStage", name, |state| {
            secrets_manager::change(state, name, |secret| {
                secrets_manager::move_from(secret, label, from, to)
            })
        })
        .await
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
    match token {
        Some(token) => format!("{target} from {token}"),
        None => target.to_owned(),
    }
}
