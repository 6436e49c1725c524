//! The estate as the auditor sees it: metadata in pages, and never a value.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::ports::{CallError, ParameterMetadata};
use crate::vault::SecretVersion;

/// The label of the version that is in use,
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>.
pub const CURRENT: &str = "AWSCURRENT";

/// Whether staging labels are those of the version that is in use.
pub fn is_current(stages: &[String]) -> bool {
    stages.iter().any(|stage| stage == CURRENT)
}

/// Most names that one [`ParameterEstate::find`] may ask for: the values that one filter takes,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>.
pub const FIND_LIMIT: usize = 50;

/// Some of the parameters below a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterPage {
    /// The parameters, in no particular order; there may be none although more follow.
    pub parameters: Vec<ParameterMetadata>,
    /// What to ask for next; none at the end.
    pub next: Option<String>,
}

/// Parameter Store, its values left alone.
pub trait ParameterEstate: Send + Sync {
    /// One page of everything below a root path, at any depth (`DescribeParameters`).
    fn page(
        &self,
        prefix: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<ParameterPage, CallError>> + Send;

    /// Those of at most [`FIND_LIMIT`] parameters that exist (`DescribeParameters`).
    fn find(
        &self,
        names: &[String],
    ) -> impl Future<Output = Result<Vec<ParameterMetadata>, CallError>> + Send;

    /// All tags of one parameter (`ListTagsForResource`). A parameter that does not exist is
    /// [`NotFound`](crate::ports::CallFailure::NotFound).
    fn tags(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;
}

/// What Secrets Manager lists about a secret,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretListEntry.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretMetadata {
    /// Its name.
    pub name: String,
    /// Its key; none for the AWS-managed one.
    pub key_id: Option<String>,
    /// Its tags, which the listing brings along.
    pub tags: BTreeMap<String, String>,
    /// The staging labels of each labelled version, by version id.
    pub stages: BTreeMap<String, Vec<String>>,
}

impl SecretMetadata {
    /// The version that is in use.
    pub fn current_version(&self) -> Option<SecretVersion> {
        let mut versions = self.stages.iter();
        let (id, _) = versions.find(|(_, stages)| is_current(stages))?;
        Some(SecretVersion::new(id.clone()))
    }
}

/// Some of the secrets below a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretPage {
    /// The secrets, in no particular order; there may be none although more follow.
    pub secrets: Vec<SecretMetadata>,
    /// What to ask for next; none at the end.
    pub next: Option<String>,
}

/// One labelled version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledVersion {
    /// Its id.
    pub id: String,
    /// When it was created; unlike the secret's own dates, editing tags does not move it.
    pub created_at: Option<Timestamp>,
    /// Its staging labels.
    pub stages: Vec<String>,
}

/// Secrets Manager, its values left alone.
pub trait SecretEstate: Send + Sync {
    /// One page of the secrets whose name starts with `name_prefix` (`ListSecrets`).
    fn page(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<SecretPage, CallError>> + Send;

    /// The labelled versions of one secret (`ListSecretVersionIds`).
    fn versions(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Vec<LabelledVersion>, CallError>> + Send;
}
