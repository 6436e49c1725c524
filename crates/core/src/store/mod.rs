//! Putting credentials into a vault by hand.
//!
//! What was typed becomes [`Credentials`] ([`input`]); what is stored is looked at ([`Found`]);
//! both together make a [`plan`], which says every write before the first one is made; LWA tries
//! the credentials ([`verification`]); and [`carry_out`] makes the writes one by one and says
//! what became of each. Whatever is interrupted, the same command with the same values goes on
//! from what is stored by then.

pub mod carry_out;
pub mod document;
pub mod input;
pub mod plan;
pub mod policies;
pub mod verification;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::application::{ApplicationName, Layout, Role};
use crate::ports::{CallError, ParameterMetadata};
use crate::vault::{SecretVersion, VaultError, VaultKind};

/// Values to be stored, by what they are for.
pub type Credentials = BTreeMap<Role, SecretString>;

/// A new client secret is being stored whose dates are not written yet: when that began, when
/// the secret was issued, and when it stops working; RFC 3339 in UTC, spaces between them.
///
/// A value and its tags cannot be written in one call. Without this, a run that stops between
/// them would leave a new secret with the dates of the old one, and the next run could not tell
/// that from a value that was merely written again.
pub const STORE_PENDING: &str = "lwa:store-pending";

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
    /// When the client secret stops working, if somebody knows.
    pub expires_at: Option<Timestamp>,
    /// How long a client secret lives, in days.
    pub lifetime_days: u32,
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
    pub tags: BTreeMap<String, String>,
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
    pub tags: BTreeMap<String, String>,
    /// Whether it is scheduled for deletion.
    pub is_deleted: bool,
}

/// One write.
#[derive(Debug, Clone)]
pub enum Write {
    /// `PutParameter`.
    Parameter(ParameterWrite),
    /// `AddTagsToResource`.
    TagParameter {
        /// The parameter.
        name: String,
        /// The tags; others stay.
        tags: Vec<(&'static str, String)>,
    },
    /// `RemoveTagsFromResource`.
    UntagParameter {
        /// The parameter.
        name: String,
        /// The tags' names.
        keys: Vec<&'static str>,
    },
    /// `CreateSecret`.
    CreateSecret {
        /// The secret.
        name: String,
        /// Its value.
        document: SecretString,
        /// Its key.
        key: String,
        /// Its tags.
        tags: Vec<(&'static str, String)>,
    },
    /// `PutSecretValue`, current at once.
    PutSecretValue {
        /// The secret.
        name: String,
        /// Its new value.
        document: SecretString,
    },
    /// `UpdateSecret`, for the key alone.
    SecretKey {
        /// The secret.
        name: String,
        /// Its key from now on.
        key: String,
    },
    /// `TagResource`.
    TagSecret {
        /// The secret.
        name: String,
        /// The tags; others stay.
        tags: Vec<(&'static str, String)>,
    },
    /// `UntagResource`.
    UntagSecret {
        /// The secret.
        name: String,
        /// The tags' names.
        keys: Vec<&'static str>,
    },
}

/// One `PutParameter`.
#[derive(Debug, Clone)]
pub struct ParameterWrite {
    /// The full name.
    pub name: String,
    /// The value.
    pub value: SecretString,
    /// The key; always given, because a write without one moves a parameter to the account's
    /// default key.
    pub key: String,
    /// The tier.
    pub tier: Tier,
    /// All its policies, a JSON array as a string; none leaves them as they are.
    pub policies: Option<String>,
    /// Whether it exists. If not, creating it fails should somebody else have done so.
    pub overwrite: bool,
    /// Tags of a new parameter; Parameter Store takes none with an overwrite.
    pub tags: Vec<(&'static str, String)>,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Up to 4096 bytes, no policies.
    Standard,
    /// Up to 8192 bytes.
    Advanced,
    /// Whichever it takes; only ever kept, never chosen.
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

    /// Reads what Parameter Store says; whatever is new is taken for the best there is, because
    /// a tier is never lowered.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            None | Some("Standard") => Self::Standard,
            Some("Intelligent-Tiering") => Self::IntelligentTiering,
            Some(_) => Self::Advanced,
        }
    }
}

impl Write {
    /// The API operation, as its service names it.
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Parameter(_) => "PutParameter",
            Self::TagParameter { .. } => "AddTagsToResource",
            Self::UntagParameter { .. } => "RemoveTagsFromResource",
            Self::CreateSecret { .. } => "CreateSecret",
            Self::PutSecretValue { .. } => "PutSecretValue",
            Self::SecretKey { .. } => "UpdateSecret",
            Self::TagSecret { .. } => "TagResource",
            Self::UntagSecret { .. } => "UntagResource",
        }
    }

    /// The parameter or secret.
    pub fn target(&self) -> &str {
        match self {
            Self::Parameter(ParameterWrite { name, .. })
            | Self::TagParameter { name, .. }
            | Self::UntagParameter { name, .. }
            | Self::CreateSecret { name, .. }
            | Self::PutSecretValue { name, .. }
            | Self::SecretKey { name, .. }
            | Self::TagSecret { name, .. }
            | Self::UntagSecret { name, .. } => name,
        }
    }
}

/// A vault that is written to by hand.
pub trait CredentialStore: Send + Sync {
    /// What is stored of an application: everything for [`Extent::Application`], otherwise the
    /// credentials in it. The client id and the client secret are always looked at.
    fn look(
        &self,
        application: &ApplicationName,
        extent: &Extent,
    ) -> impl Future<Output = Result<Found, VaultError>> + Send;

    /// Makes one write.
    fn write(&self, write: &Write) -> impl Future<Output = Result<(), CallError>> + Send;
}
