//! Putting credentials into a vault by hand.
//!
//! What was typed becomes [`CredentialValues`](crate::vault::CredentialValues) ([`input`]);
//! what is stored is looked at ([`look`]);
//! its versions tell whether the client secret is a new one ([`history`]);
//! all together make a [`plan`], which says every write before the first one is made; LWA tries
//! the credentials ([`verification`]); and [`carry_out`] makes the writes one by one and says
//! what became of each. After an interruption, the same command with the same values goes on
//! from what is stored by then.

pub mod carry_out;
pub mod history;
pub mod input;
pub mod look;
pub mod plan;
pub mod policies;
pub mod verification;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::application::{ApplicationName, Layout, Role};
use crate::vault::ports::{NewTag, ParameterMetadata, ParameterWrite, SecretValueWrite, Tags};
use crate::vault::{SecretVersion, VaultKind};

/// The key that the deployment makes for credentials.
pub const DEFAULT_KEY: &str = "alias/lwa/credentials";

/// What is asked for, besides the values.
#[derive(Debug, Clone)]
pub struct Order {
    /// The application.
    pub application: ApplicationName,
    /// The vault.
    pub vault: VaultKind,
    /// How parameters are named.
    pub layout: Layout,
    /// Which credentials may be written.
    pub extent: Extent,
    /// The KMS key that was asked for: id, ARN or alias.
    pub key: Option<String>,
    /// When the client secret stops working, if that is known.
    pub expires_at: Option<Timestamp>,
    /// When the client secret that is given was first stored, if it was; see [`history`].
    pub first_stored: Option<Timestamp>,
    /// How long a client secret lives, in days.
    pub lifetime_days: u32,
}

impl Order {
    /// Which of client id and client secret are missing, and where they should be.
    fn missing(&self, article: &str, has: impl Fn(&Role) -> bool) -> Vec<String> {
        let missing = [Role::ClientId, Role::ClientSecret].into_iter();
        let missing = missing.filter(|role| !has(role)).map(|role| {
            let place = self.vault.place(&self.layout, &self.application, &role);
            format!("{article} {role} ({place})")
        });
        missing.collect()
    }
}

/// Which credentials of an application may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All: those without a new value are brought up to standard.
    Application,
    /// These, and no others.
    Only(BTreeSet<Role>),
}

impl Extent {
    /// Whether a credential may be written.
    pub fn includes(&self, role: &Role) -> bool {
        match self {
            Self::Application => true,
            Self::Only(roles) => roles.contains(role),
        }
    }
}

/// What is stored.
#[derive(Debug, Clone)]
pub enum Found {
    /// In Parameter Store.
    Parameters(BTreeMap<Role, FoundParameter>),
    /// In Secrets Manager; none when there is no such secret.
    Secret(Option<FoundSecret>),
}

/// A parameter that exists.
#[derive(Debug, Clone)]
pub struct FoundParameter {
    /// All about it but its value.
    pub metadata: ParameterMetadata,
    /// Its value, where it is needed.
    pub value: Option<SecretString>,
    /// Its tags; only looked up for a client secret.
    pub tags: Tags,
}

/// A secret that exists.
#[derive(Debug, Clone, Default)]
pub struct FoundSecret {
    /// Its current value; none when it has never had one.
    pub document: Option<SecretString>,
    /// Which version that is.
    pub version: Option<SecretVersion>,
    /// When that was written.
    pub written_at: Option<Timestamp>,
    /// Its key; none for the AWS-managed one.
    pub key_id: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Whether it is scheduled for deletion.
    pub is_deleted: bool,
}

/// One write.
#[derive(Debug, Clone)]
pub enum Write {
    /// `PutParameter`.
    Parameter(ParameterWrite),
    /// `CreateSecret`.
    CreateSecret {
        /// The secret.
        name: String,
        /// Its value.
        document: SecretString,
        /// Its key.
        key: String,
        /// Its tags.
        tags: Vec<NewTag>,
    },
    /// `PutSecretValue`.
    SecretValue(SecretValueWrite),
    /// `UpdateSecret`, for the key alone.
    SecretKey {
        /// The secret.
        name: String,
        /// Its key from now on.
        key: String,
    },
    /// `AddTagsToResource` for a parameter, `TagResource` for a secret.
    Tag {
        /// Where it is.
        vault: VaultKind,
        /// The parameter or secret.
        name: String,
        /// The tags; others stay.
        tags: Vec<NewTag>,
    },
    /// `RemoveTagsFromResource` for a parameter, `UntagResource` for a secret.
    Untag {
        /// Where it is.
        vault: VaultKind,
        /// The parameter or secret.
        name: String,
        /// The tags' names.
        keys: Vec<&'static str>,
    },
}

impl Write {
    /// The API operation, as its service names it.
    pub const fn operation(&self) -> &'static str {
        use VaultKind::{ParameterStore, SecretsManager};
        match self {
            Self::Parameter(_) => "PutParameter",
            Self::CreateSecret { .. } => "CreateSecret",
            Self::SecretValue(_) => "PutSecretValue",
            Self::SecretKey { .. } => "UpdateSecret",
            Self::Tag { vault, .. } => match vault {
                ParameterStore => "AddTagsToResource",
                SecretsManager => "TagResource",
            },
            Self::Untag { vault, .. } => match vault {
                ParameterStore => "RemoveTagsFromResource",
                SecretsManager => "UntagResource",
            },
        }
    }

    /// The parameter or secret.
    pub fn target(&self) -> &str {
        match self {
            Self::Parameter(ParameterWrite { name, .. })
            | Self::CreateSecret { name, .. }
            | Self::SecretValue(SecretValueWrite { name, .. })
            | Self::SecretKey { name, .. }
            | Self::Tag { name, .. }
            | Self::Untag { name, .. } => name,
        }
    }
}
