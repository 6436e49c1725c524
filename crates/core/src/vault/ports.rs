//! The vaults' own calls, as traits that speak our types. One method is one AWS call.
//!
//! What a function may do to a vault is which of these traits it asks for: an audit reads
//! [`ReadMetadata`] and nothing else, so it cannot decrypt a value. Everything that takes more
//! than one call is a procedure of [`Vault`](super::Vault), which is the same over AWS, over the
//! account in memory, and in tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;

use super::credentials::SecretVersion;
use crate::ports::CallError;

/// The tags of a parameter or secret, by key.
pub type Tags = BTreeMap<String, String>;

/// A tag to be written.
pub type NewTag = (&'static str, String);

/// The staging labels of Secrets Manager,
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>.
pub mod stage {
    /// The version that is in use.
    pub const CURRENT: &str = "AWSCURRENT";
    /// A version that is to become current.
    pub const PENDING: &str = "AWSPENDING";
    /// The version that was current before.
    pub const PREVIOUS: &str = "AWSPREVIOUS";
}

/// Most names that one [`ReadValues::get_parameters`] takes,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>.
pub const GET_PARAMETERS_LIMIT: usize = 10;

/// Most names in one [`ParameterFilter::Named`],
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>.
pub const NAMES_LIMIT: usize = 50;

/// One page of a listing. It may be empty and still not be the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in no particular order.
    pub items: Vec<T>,
    /// The token of the next page; none at the end.
    pub next: Option<String>,
}

/// Everything in a listing, to its last page. `page` asks for the page of a token.
pub(super) async fn all_pages<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Vec<T>, CallError>
where
    F: Future<Output = Result<Page<T>, CallError>>,
{
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let Page { items, next } = page(token).await?;
        all.extend(items);
        if next.is_none() {
            return Ok(all);
        }
        token = next;
    }
}

/// Which parameters `DescribeParameters` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterFilter<'a> {
    /// Everything below a path, at any depth.
    Below(&'a str),
    /// These names, at most [`NAMES_LIMIT`]; those that do not exist are left out.
    Named(&'a [String]),
    /// Names that contain this.
    NameContains(&'a str),
    /// Names that begin with this.
    NameBeginsWith(&'a str),
}

/// What Parameter Store tells about a parameter without its value,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterMetadata.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterMetadata {
    /// The full name.
    pub name: String,
    /// `String`, `StringList`, `SecureString`, or a type that is new to this code.
    pub parameter_type: String,
    /// The key of a `SecureString`; `alias/aws/ssm` is the AWS-managed one.
    pub key_id: Option<String>,
    /// When it was last written; editing a description counts.
    pub last_modified: Option<Timestamp>,
    /// The ARN of the principal that wrote it last.
    pub last_modified_user: Option<String>,
    /// Its version, from 1.
    pub version: Option<i64>,
    /// `Standard`, `Advanced` or `Intelligent-Tiering`.
    pub tier: Option<String>,
    /// Its policies.
    pub policies: Vec<InlinePolicy>,
}

impl ParameterMetadata {
    /// Why no secret may be written to the parameter as it is: everyone in the account who may
    /// read parameters can read one that is no `SecureString` of a customer key.
    pub fn write_problem(&self) -> Option<String> {
        if self.parameter_type != SECURE_STRING {
            return Some(format!(
                "is a {}, not a {SECURE_STRING}",
                self.parameter_type
            ));
        }
        match &self.key_id {
            Some(key) if !is_aws_managed(key) => None,
            _ => Some("is not encrypted with a customer key".to_owned()),
        }
    }

    /// The version as the version of a stored secret.
    pub fn secret_version(&self) -> Option<SecretVersion> {
        self.version
            .map(|version| SecretVersion::new(version.to_string()))
    }
}

/// The type of a parameter that is encrypted.
pub const SECURE_STRING: &str = "SecureString";

/// Whether a KMS key is managed by AWS, as far as its id, alias or ARN tells.
pub fn is_aws_managed(key: &str) -> bool {
    key.rsplit(':')
        .next()
        .is_some_and(|resource| resource.starts_with("alias/aws/"))
}

/// One policy of an Advanced parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InlinePolicy {
    /// The policy as JSON.
    pub text: String,
    /// `NoChangeNotification`, `ExpirationNotification` or `Expiration`.
    pub policy_type: String,
    /// `Pending`, `InProgress`, `Finished` or `Failed`.
    pub status: String,
}

/// What Secrets Manager tells about a secret without its value,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretListEntry.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretMetadata {
    /// Its name.
    pub name: String,
    /// Its key; none for the AWS-managed one.
    pub key_id: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// The staging labels of each labelled version, by version id.
    pub stages: BTreeMap<String, Vec<String>>,
    /// When it was marked for deletion, if it is.
    pub deleted_at: Option<Timestamp>,
}

impl SecretMetadata {
    /// The version that is in use.
    pub fn current_version(&self) -> Option<SecretVersion> {
        let mut versions = self.stages.iter();
        let (id, _) = versions.find(|(_, stages)| has_stage(stages, stage::CURRENT))?;
        Some(SecretVersion::new(id.clone()))
    }
}

/// Whether a staging label is among those of a version.
pub fn has_stage(stages: &[String], label: &str) -> bool {
    stages.iter().any(|stage| stage == label)
}

/// One version of a secret, without its value,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretVersionsListEntry.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersionEntry {
    /// Its id.
    pub id: String,
    /// When it was created; unlike the secret's own dates, editing tags does not move it.
    pub created_at: Option<Timestamp>,
    /// Its staging labels; none once it is deprecated.
    pub stages: Vec<String>,
}

/// Metadata of both vaults, and never a value.
pub trait ReadMetadata: Send + Sync {
    /// `DescribeParameters`: one page of what matches. A best-effort listing.
    fn describe_parameters(
        &self,
        filter: ParameterFilter<'_>,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<ParameterMetadata>, CallError>> + Send;

    /// `ListTagsForResource`: all tags of one parameter, which is
    /// [`NotFound`](crate::ports::CallFailure::NotFound) if it does not exist.
    fn list_parameter_tags(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Tags, CallError>> + Send;

    /// `ListSecrets`: one page of the secrets whose name begins with `name_prefix`. It may lag
    /// by minutes, and leaves out what is marked for deletion.
    fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<SecretMetadata>, CallError>> + Send;

    /// `DescribeSecret`.
    fn describe_secret(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<SecretMetadata, CallError>> + Send;

    /// `ListSecretVersionIds`: one page of the labelled versions of a secret, or of all.
    fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<SecretVersionEntry>, CallError>> + Send;
}

/// A decrypted parameter.
#[derive(Debug, Clone)]
pub struct ParameterValue {
    /// The full name, without a version.
    pub name: String,
    /// The value as stored.
    pub value: SecretString,
    /// Which version it is.
    pub version: i64,
    /// When that was written.
    pub written_at: Option<Timestamp>,
}

/// Which version of a secret to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionSelector<'a> {
    /// The one with a staging label.
    Stage(&'a str),
    /// The one with this id.
    Id(&'a str),
}

/// A decrypted version of a secret.
#[derive(Debug, Clone)]
pub struct SecretValue {
    /// Which version it is.
    pub version: String,
    /// Its text; none where the secret holds bytes.
    pub document: Option<SecretString>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
}

/// Values of both vaults, decrypted.
pub trait ReadValues: Send + Sync {
    /// `GetParameters`: those of at most [`GET_PARAMETERS_LIMIT`] names that exist, in any order.
    /// `name:3` asks for version 3.
    fn get_parameters(
        &self,
        names: &[String],
    ) -> impl Future<Output = Result<Vec<ParameterValue>, CallError>> + Send;

    /// `GetSecretValue`. A secret or version that does not exist is
    /// [`NotFound`](crate::ports::CallFailure::NotFound).
    fn get_secret_value(
        &self,
        name: &str,
        version: VersionSelector<'_>,
    ) -> impl Future<Output = Result<SecretValue, CallError>> + Send;
}

/// Tags of both vaults, changed.
pub trait WriteTags: Send + Sync {
    /// `AddTagsToResource`: adds tags to a parameter, or gives them other values; others stay.
    fn add_parameter_tags(
        &self,
        name: &str,
        tags: &[NewTag],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// `RemoveTagsFromResource`. A tag that is not there does not matter.
    fn remove_parameter_tags(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// `TagResource`: adds tags to a secret, or gives them other values; others stay.
    fn tag_secret(
        &self,
        name: &str,
        tags: &[NewTag],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// `UntagResource`. A tag that is not there does not matter.
    fn untag_secret(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// How large a parameter may be, and whether it has policies,
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Up to 4096 bytes, no policies.
    Standard,
    /// Up to 8192 bytes.
    Advanced,
    /// Either, as the parameter needs; only ever kept, never chosen.
    IntelligentTiering,
}

impl Tier {
    /// As Parameter Store spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
            Self::IntelligentTiering => "Intelligent-Tiering",
        }
    }

    /// Reads what Parameter Store says. A tier that is new to this code is taken for Advanced,
    /// because a tier cannot be lowered.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            None | Some("Standard") => Self::Standard,
            Some("Intelligent-Tiering") => Self::IntelligentTiering,
            Some(_) => Self::Advanced,
        }
    }

    /// Longest value, in bytes.
    pub const fn max_value(self) -> usize {
        match self {
            Self::Standard => 4096,
            Self::Advanced | Self::IntelligentTiering => 8192,
        }
    }
}

/// One `PutParameter`.
#[derive(Debug, Clone)]
pub struct ParameterWrite {
    /// The full name.
    pub name: String,
    /// The value.
    pub value: SecretString,
    /// `SecureString`, or the type that the parameter has.
    pub parameter_type: String,
    /// The key of a `SecureString`. A write without one moves the parameter to the account's
    /// default key.
    pub key: Option<String>,
    /// The tier, which cannot be lowered.
    pub tier: Tier,
    /// All its policies, a JSON array as a string; none leaves them as they are.
    pub policies: Option<String>,
    /// Whether it exists. If not, creating it fails if another caller was first.
    pub overwrite: bool,
    /// Tags of a new parameter; Parameter Store takes none with an overwrite.
    pub tags: Vec<NewTag>,
}

/// One `PutSecretValue`.
#[derive(Debug, Clone)]
pub struct SecretValueWrite {
    /// The secret.
    pub name: String,
    /// Its new value.
    pub document: SecretString,
    /// The `ClientRequestToken`, which becomes the version's id; the client makes one up if
    /// there is none. Putting the same document under the same token again is idempotent.
    pub request_token: Option<String>,
    /// The staging label of the new version; without one it is current at once.
    pub stage: Option<&'static str>,
}

/// Values of both vaults, written.
pub trait WriteValues: Send + Sync {
    /// `PutParameter`; answers the new version.
    fn put_parameter(
        &self,
        write: &ParameterWrite,
    ) -> impl Future<Output = Result<i64, CallError>> + Send;

    /// `CreateSecret`.
    fn create_secret(
        &self,
        name: &str,
        document: &SecretString,
        key: &str,
        tags: &[NewTag],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// `PutSecretValue`.
    fn put_secret_value(
        &self,
        write: &SecretValueWrite,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// `UpdateSecret`, for the key alone.
    fn update_secret_key(
        &self,
        name: &str,
        key: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// `UpdateSecretVersionStage`: moves a staging label from one version to another, and fails
    /// if it is elsewhere by now. Moving [`stage::CURRENT`] moves [`stage::PREVIOUS`] along.
    fn update_secret_version_stage(
        &self,
        name: &str,
        label: &str,
        from: &str,
        to: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}
