//! Secrets Manager in memory, by the rules of its reference,
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html> and
//! its neighbours.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::vault::document::MAX_DOCUMENT;
use lwa_core::vault::ports::{
    NewTag, Page, SecretMetadata, SecretValue, SecretValueWrite, SecretVersionEntry, Tags,
    VersionSelector, has_stage, stage,
};
use lwa_core::{ExposeSecret, SecretString};

use crate::parameter_store::add_tags;
use crate::refusal::{NOT_FOUND, Refusal, VALIDATION, refused};
use crate::world::State;

/// Secrets, or versions, in one page.
const PAGE: usize = 100;

/// Versions that are kept; deprecated ones beyond them are dropped once they are a day old.
const MAX_VERSIONS: usize = 100;

/// Most staging labels of one version.
const MAX_STAGES: usize = 20;

/// Shortest and longest `ClientRequestToken`.
const REQUEST_TOKEN: std::ops::RangeInclusive<usize> = 32..=64;

/// One secret.
#[derive(Clone, Default)]
pub struct Secret {
    /// Its ARN.
    pub arn: String,
    /// Its key; none for the AWS-managed one.
    pub key_id: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its versions, oldest first.
    pub versions: Vec<SecretVersion>,
    /// When it was marked for deletion, if it is.
    pub deleted_at: Option<Timestamp>,
}

/// One version of a secret.
#[derive(Clone)]
pub struct SecretVersion {
    /// Its id.
    pub id: String,
    /// Its value, a JSON document.
    pub value: SecretString,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its staging labels; none once it is deprecated.
    pub stages: Vec<String>,
}

impl Secret {
    /// The version with a staging label.
    pub fn labelled(&self, label: &str) -> Option<&SecretVersion> {
        self.versions
            .iter()
            .find(|version| has_stage(&version.stages, label))
    }

    /// Adds a version, which is the current one from now on.
    pub fn push_current(&mut self, id: String, document: &SecretString, now: Timestamp) {
        self.push(id.clone(), document, now);
        self.make_current(&id);
    }

    fn push(&mut self, id: String, document: &SecretString, now: Timestamp) {
        let is_old = |version: &SecretVersion| {
            version.stages.is_empty() && now.duration_since(version.created_at).as_hours() >= 24
        };
        if self.versions.len() >= MAX_VERSIONS
            && let Some(oldest) = self.versions.iter().position(is_old)
        {
            self.versions.remove(oldest);
        }
        self.versions.push(SecretVersion {
            id,
            value: document.clone(),
            created_at: now,
            stages: Vec::new(),
        });
    }

    fn make_current(&mut self, id: &str) {
        let before = self.labelled(stage::CURRENT).map(|found| found.id.clone());
        self.move_label(stage::CURRENT, id);
        if let Some(before) = before.filter(|before| before != id) {
            self.move_label(stage::PREVIOUS, &before);
        }
    }

    fn move_label(&mut self, label: &str, to: &str) {
        for version in &mut self.versions {
            version.stages.retain(|stage| stage != label);
            if version.id == to {
                version.stages.push(label.to_owned());
            }
        }
    }

    fn metadata(&self, name: &str) -> SecretMetadata {
        let labelled = self
            .versions
            .iter()
            .filter(|version| !version.stages.is_empty());
        SecretMetadata {
            name: name.to_owned(),
            key_id: self.key_id.clone(),
            tags: self.tags.clone(),
            stages: labelled
                .map(|version| (version.id.clone(), version.stages.clone()))
                .collect(),
            deleted_at: self.deleted_at,
        }
    }
}

pub(crate) fn list(state: &State, name_prefix: &str, token: Option<&str>) -> Page<SecretMetadata> {
    let at = state.now.saturating_sub(state.listing.secrets_lag);
    let at = at.unwrap_or(Timestamp::MIN);
    let found = state.secrets.iter().filter_map(|(name, secret)| {
        let is_wanted = name.starts_with(name_prefix);
        let past = state.past_secrets.get(name);
        let past = past.and_then(|past| past.iter().find(|(until, _)| at < *until));
        let shown = match past {
            Some((_, shown)) => shown.clone()?,
            None => secret.metadata(name),
        };
        (is_wanted && shown.deleted_at.is_none()).then(|| (name.clone(), shown))
    });
    state.listing.page(found, token, PAGE)
}

pub(crate) fn describe(state: &State, name: &str) -> Result<SecretMetadata, Refusal> {
    let secret = state.secrets.get(name).ok_or(NOT_FOUND)?;
    Ok(secret.metadata(name))
}

pub(crate) fn version_ids(
    state: &State,
    name: &str,
    include_deprecated: bool,
    token: Option<&str>,
) -> Result<Page<SecretVersionEntry>, Refusal> {
    let secret = state.secrets.get(name).ok_or(NOT_FOUND)?;
    let versions: BTreeMap<String, SecretVersionEntry> = secret
        .versions
        .iter()
        .filter(|version| include_deprecated || !version.stages.is_empty())
        .map(|version| {
            let entry = SecretVersionEntry {
                id: version.id.clone(),
                created_at: Some(version.created_at),
                stages: version.stages.clone(),
            };
            (version.id.clone(), entry)
        })
        .collect();
    Ok(state.listing.page(versions.into_iter(), token, PAGE))
}

pub(crate) fn value(
    state: &State,
    name: &str,
    version: VersionSelector<'_>,
) -> Result<SecretValue, Refusal> {
    let secret = state.secrets.get(name).ok_or(NOT_FOUND)?;
    if secret.deleted_at.is_some() {
        return Err(refused("InvalidRequestException"));
    }
    let found = match version {
        VersionSelector::Stage(label) => secret.labelled(label),
        VersionSelector::Id(id) => secret.versions.iter().find(|version| version.id == id),
    };
    let found = found.ok_or(NOT_FOUND)?;
    Ok(SecretValue {
        version: found.id.clone(),
        document: Some(found.value.clone()),
        created_at: Some(found.created_at),
    })
}

pub(crate) fn create(
    state: &mut State,
    name: &str,
    document: &SecretString,
    key: &str,
    tags: &[NewTag],
) -> Result<(), Refusal> {
    check_document(document)?;
    let now = state.now;
    if state.secrets.contains_key(name) {
        return Err(refused("ResourceExistsException"));
    }
    let mut secret = Secret {
        arn: format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}-AbCdEf"),
        key_id: Some(key.to_owned()),
        ..Secret::default()
    };
    if !tags.is_empty() {
        add_tags(&mut secret.tags, tags)?;
    }
    secret.push_current("version-1".to_owned(), document, now);
    state.secrets.insert(name.to_owned(), secret);
    remember(state, name, None);
    Ok(())
}

/// Changes a secret that exists and is not marked for deletion.
pub(crate) fn change<T>(
    state: &mut State,
    name: &str,
    change: impl FnOnce(&mut Secret) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let secret = state.secrets.get(name).ok_or(NOT_FOUND)?;
    if secret.deleted_at.is_some() {
        return Err(refused("InvalidRequestException"));
    }
    if !state.listing.secrets_lag.is_zero() {
        let shown = secret.metadata(name);
        remember(state, name, Some(shown));
    }
    let secret = state.secrets.get_mut(name).ok_or(NOT_FOUND)?;
    change(secret)
}

/// Keeps what `ListSecrets` shows until it catches up.
fn remember(state: &mut State, name: &str, shown: Option<SecretMetadata>) {
    let (now, lag) = (state.now, state.listing.secrets_lag);
    if lag.is_zero() {
        return;
    }
    let past = state.past_secrets.entry(name.to_owned()).or_default();
    past.retain(|(until, _)| now.duration_since(*until) <= lag);
    past.push((now, shown));
}

pub(crate) fn put(state: &mut State, write: &SecretValueWrite) -> Result<(), Refusal> {
    check_document(&write.document)?;
    let now = state.now;
    change(state, &write.name, |secret| {
        let id = match &write.request_token {
            Some(token) if !REQUEST_TOKEN.contains(&token.len()) => {
                return Err(refused("InvalidParameterException"));
            }
            Some(token) => token.clone(),
            None => format!("version-{}", secret.versions.len() + 1),
        };
        let known = secret.versions.iter().find(|version| version.id == id);
        match known {
            Some(known) if known.value.expose_secret() != write.document.expose_secret() => {
                return Err(refused("ResourceExistsException"));
            }
            // The same again: nothing happens.
            Some(_) => return Ok(()),
            None => secret.push(id.clone(), &write.document, now),
        }
        match write.stage {
            None => secret.make_current(&id),
            Some(label) => secret.move_label(label, &id),
        }
        Ok(())
    })
}

pub(crate) fn move_from(
    secret: &mut Secret,
    label: &str,
    from: &str,
    to: &str,
) -> Result<(), Refusal> {
    let target = secret.versions.iter().find(|version| version.id == to);
    if target.ok_or(NOT_FOUND)?.stages.len() >= MAX_STAGES {
        return Err(refused("LimitExceededException"));
    }
    if secret.labelled(label).is_none_or(|found| found.id != from) {
        return Err(refused("InvalidParameterException"));
    }
    if label == stage::CURRENT {
        secret.make_current(to);
    } else {
        secret.move_label(label, to);
    }
    Ok(())
}

fn check_document(document: &SecretString) -> Result<(), Refusal> {
    if document.expose_secret().len() > MAX_DOCUMENT {
        return Err(VALIDATION);
    }
    Ok(())
}
