//! Secrets Manager in memory, by the rules of its reference,
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html> and
//! its neighbours.

use jiff::Timestamp;
use lwa_core::vault::document::MAX_DOCUMENT;
use lwa_core::vault::ports::{
    NewTag, SecretMetadata, SecretValue, SecretValueWrite, SecretVersionEntry, Tags,
    VersionSelector, has_stage, stage,
};
use lwa_core::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::parameter_store::add_tags;
use crate::refusal::{NOT_FOUND, Refusal, VALIDATION, refused};

/// Versions that are kept; deprecated ones beyond them are dropped once they are a day old.
const MAX_VERSIONS: usize = 100;

/// Most staging labels of one version.
const MAX_STAGES: usize = 20;

/// Shortest and longest `ClientRequestToken`.
const REQUEST_TOKEN: std::ops::RangeInclusive<usize> = 32..=64;

/// One secret.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its ARN.
    pub arn: String,
    /// Its key; none for the AWS-managed one.
    pub key_id: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its versions, oldest first.
    pub versions: Vec<SecretVersion>,
    /// When it was marked for deletion, if it is.
    #[serde(skip)]
    pub deleted_at: Option<Timestamp>,
}

/// One version of a secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVersion {
    /// Its id.
    pub id: String,
    /// Its value, a JSON document. A scenario gives it as JSON, or as text.
    #[serde(deserialize_with = "document")]
    pub value: SecretString,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its staging labels; none once it is deprecated.
    #[serde(default)]
    pub stages: Vec<String>,
}

impl SecretVersion {
    pub(crate) fn entry(&self) -> SecretVersionEntry {
        SecretVersionEntry {
            id: self.id.clone(),
            created_at: Some(self.created_at),
            stages: self.stages.clone(),
        }
    }
}

fn document<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text.into(),
        document => document.to_string().into(),
    })
}

impl Secret {
    /// What `CreateSecret` makes.
    pub(crate) fn create(
        name: &str,
        document: &SecretString,
        key: &str,
        tags: &[NewTag],
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        check_document(document)?;
        let mut secret = Self {
            arn: format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}-AbCdEf"),
            key_id: Some(key.to_owned()),
            ..Self::default()
        };
        if !tags.is_empty() {
            add_tags(&mut secret.tags, tags)?;
        }
        secret.push_current("version-1", document, now);
        Ok(secret)
    }

    /// Refuses a secret that is marked for deletion, which can be neither read nor changed.
    pub(crate) fn check_in_use(&self) -> Result<(), Refusal> {
        match self.deleted_at {
            Some(_) => Err(refused("InvalidRequestException")),
            None => Ok(()),
        }
    }

    /// `GetSecretValue`.
    pub(crate) fn value(&self, version: VersionSelector<'_>) -> Result<SecretValue, Refusal> {
        self.check_in_use()?;
        let found = match version {
            VersionSelector::Stage(label) => self.labelled(label),
            VersionSelector::Id(id) => self.version(id),
        };
        let found = found.ok_or(NOT_FOUND)?;
        Ok(SecretValue {
            version: found.id.clone(),
            document: Some(found.value.clone()),
            created_at: Some(found.created_at),
        })
    }

    /// `PutSecretValue`.
    pub(crate) fn put(&mut self, write: &SecretValueWrite, now: Timestamp) -> Result<(), Refusal> {
        check_document(&write.document)?;
        let id = match &write.request_token {
            Some(token) if !REQUEST_TOKEN.contains(&token.len()) => {
                return Err(refused("InvalidParameterException"));
            }
            Some(token) => token.clone(),
            None => format!("version-{}", self.versions.len() + 1),
        };
        match self.version(&id) {
            Some(known) if known.value.expose_secret() != write.document.expose_secret() => {
                return Err(refused("ResourceExistsException"));
            }
            // The same again: nothing happens.
            Some(_) => return Ok(()),
            None => self.push(&id, &write.document, now),
        }
        match write.stage {
            None => self.make_current(&id),
            Some(label) => self.move_label(label, &id),
        }
        Ok(())
    }

    /// `UpdateSecretVersionStage`.
    pub(crate) fn move_from(&mut self, label: &str, from: &str, to: &str) -> Result<(), Refusal> {
        if self.version(to).ok_or(NOT_FOUND)?.stages.len() >= MAX_STAGES {
            return Err(refused("LimitExceededException"));
        }
        if self.labelled(label).is_none_or(|found| found.id != from) {
            return Err(refused("InvalidParameterException"));
        }
        if label == stage::CURRENT {
            self.make_current(to);
        } else {
            self.move_label(label, to);
        }
        Ok(())
    }

    /// The version with a staging label.
    pub fn labelled(&self, label: &str) -> Option<&SecretVersion> {
        self.versions
            .iter()
            .find(|version| has_stage(&version.stages, label))
    }

    fn version(&self, id: &str) -> Option<&SecretVersion> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// Adds a version, which is the current one from now on.
    pub fn push_current(&mut self, id: &str, document: &SecretString, now: Timestamp) {
        self.push(id, document, now);
        self.make_current(id);
    }

    fn push(&mut self, id: &str, document: &SecretString, now: Timestamp) {
        let is_old = |version: &SecretVersion| {
            version.stages.is_empty() && now.duration_since(version.created_at).as_hours() >= 24
        };
        if self.versions.len() >= MAX_VERSIONS
            && let Some(oldest) = self.versions.iter().position(is_old)
        {
            self.versions.remove(oldest);
        }
        self.versions.push(SecretVersion {
            id: id.to_owned(),
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

    pub(crate) fn metadata(&self, name: &str) -> SecretMetadata {
        let labelled = self.versions.iter().filter(|it| !it.stages.is_empty());
        let stages = labelled.map(|version| (version.id.clone(), version.stages.clone()));
        SecretMetadata {
            name: name.to_owned(),
            key_id: self.key_id.clone(),
            tags: self.tags.clone(),
            stages: stages.collect(),
            deleted_at: self.deleted_at,
        }
    }
}

fn check_document(document: &SecretString) -> Result<(), Refusal> {
    if document.expose_secret().len() > MAX_DOCUMENT {
        return Err(VALIDATION);
    }
    Ok(())
}
