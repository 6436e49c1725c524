//! The world's metadata, in pages.

use std::collections::BTreeMap;

use lwa_core::audit::estate::{
    LabelledVersion, ParameterEstate, ParameterPage, SecretEstate, SecretMetadata, SecretPage,
};
use lwa_core::ports::{CallError, CallFailure, ParameterMetadata};

use crate::parameter_directory::metadata;
use crate::world::{Secret, World};

/// Parameters in one page, as in Parameter Store.
const PARAMETERS: usize = 50;

/// Secrets in one page, as in Secrets Manager.
const SECRETS: usize = 100;

impl ParameterEstate for World {
    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<ParameterPage, CallError> {
        let target = target(prefix, token);
        self.call("DescribeParameters", &target, |state| {
            let below = format!("{prefix}/");
            let names = state
                .parameters
                .keys()
                .filter(|name| name.starts_with(&below));
            let (names, next) = page(names, token, PARAMETERS);
            let parameters = names
                .iter()
                .map(|name| metadata(name, &state.parameters[name]));
            Ok(ParameterPage {
                parameters: parameters.collect(),
                next,
            })
        })
        .await
    }

    async fn find(&self, names: &[String]) -> Result<Vec<ParameterMetadata>, CallError> {
        self.call("DescribeParameters", &names.join(" "), |state| {
            let found = names
                .iter()
                .filter_map(|name| Some(metadata(name, state.parameters.get(name)?)));
            Ok(found.collect())
        })
        .await
    }

    async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        self.call("ListTagsForResource", name, |state| {
            match state.parameters.get(name) {
                Some(parameter) => Ok(parameter.tags.clone()),
                None => Err(gone("ListTagsForResource", "InvalidResourceId")),
            }
        })
        .await
    }
}

impl SecretEstate for World {
    async fn page(&self, name_prefix: &str, token: Option<&str>) -> Result<SecretPage, CallError> {
        self.call("ListSecrets", &target(name_prefix, token), |state| {
            let names = state
                .secrets
                .keys()
                .filter(|name| name.starts_with(name_prefix));
            let (names, next) = page(names, token, SECRETS);
            let secrets = names.iter().map(|name| secret(name, &state.secrets[name]));
            Ok(SecretPage {
                secrets: secrets.collect(),
                next,
            })
        })
        .await
    }

    async fn versions(&self, name: &str) -> Result<Vec<LabelledVersion>, CallError> {
        self.call("ListSecretVersionIds", name, |state| {
            let secret = state
                .secrets
                .get(name)
                .ok_or_else(|| gone("ListSecretVersionIds", "ResourceNotFoundException"))?;
            let labelled = secret
                .versions
                .iter()
                .filter(|version| !version.stages.is_empty());
            Ok(labelled
                .map(|version| LabelledVersion {
                    id: version.id.clone(),
                    created_at: Some(version.created_at),
                    stages: version.stages.clone(),
                })
                .collect())
        })
        .await
    }
}

fn gone(operation: &'static str, detail: &str) -> CallError {
    CallError {
        operation,
        failure: CallFailure::NotFound,
        detail: detail.to_owned(),
    }
}

fn target(prefix: &str, token: Option<&str>) -> String {
    match token {
        Some(token) => format!("{prefix} from {token}"),
        None => prefix.to_owned(),
    }
}

/// The names of one page, and the token of the next: the last name shown, so that a page does
/// not shift when something before it is deleted.
fn page<'a>(
    names: impl Iterator<Item = &'a String>,
    token: Option<&str>,
    size: usize,
) -> (Vec<String>, Option<String>) {
    let mut names = names.filter(|name| token.is_none_or(|token| name.as_str() > token));
    let page: Vec<String> = names.by_ref().take(size).cloned().collect();
    let next = if names.next().is_some() {
        page.last().cloned()
    } else {
        None
    };
    (page, next)
}

fn secret(name: &str, secret: &Secret) -> SecretMetadata {
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty());
    SecretMetadata {
        name: name.to_owned(),
        key_id: secret.key_id.clone(),
        tags: secret.tags.clone(),
        stages: labelled
            .map(|version| (version.id.clone(), version.stages.clone()))
            .collect(),
    }
}
