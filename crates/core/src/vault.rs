//! Reading credentials where they live.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::application::{ApplicationName, Layout, Role, SellerId};
use crate::config::{ConfigError, LWA_VAULT, Lookup};
use crate::ports::CallError;

/// One stored version of a client secret: a number in Parameter Store, a version id in Secrets
/// Manager.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretVersion(String);

impl SecretVersion {
    /// Wraps what the vault calls the version.
    pub fn new(version: impl Into<String>) -> Self {
        Self(version.into())
    }

    /// The version as the vault spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A client secret as stored.
#[derive(Debug, Clone)]
pub struct StoredSecret {
    /// The secret.
    pub value: SecretString,
    /// Which version it is.
    pub version: SecretVersion,
    /// When this version was written.
    pub written_at: Option<Timestamp>,
}

impl StoredSecret {
    /// Whether both are the same secret, whatever their versions: writing a value once more
    /// makes a new version of the same secret.
    pub fn has_same_value(&self, other: &Self) -> bool {
        // The one place where secrets are looked at without being sent.
        self.value.expose_secret() == other.value.expose_secret()
    }
}

/// Which service keeps the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultKind {
    /// SSM Parameter Store.
    ParameterStore,
    /// Secrets Manager.
    SecretsManager,
}

impl VaultKind {
    /// Both, in the order in which they are audited.
    pub const ALL: [Self; 2] = [Self::ParameterStore, Self::SecretsManager];

    /// The vault as `LWA_VAULT` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParameterStore => "parameter-store",
            Self::SecretsManager => "secrets-manager",
        }
    }

    /// The vault's name in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ParameterStore => "Parameter Store",
            Self::SecretsManager => "Secrets Manager",
        }
    }

    /// The vault that [`Self::as_str`] spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vault| vault.as_str() == text)
    }

    /// Reads `LWA_VAULT` where only one vault makes sense.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        let allowed = "parameter-store or secrets-manager";
        lookup.parsed(LWA_VAULT, allowed, Self::parse)
    }

    /// Where one credential is stored, as an operator looks for it: a full parameter name, or a
    /// secret and the key of its document.
    pub fn place(self, layout: &Layout, application: &ApplicationName, role: &Role) -> String {
        match (self, role) {
            (Self::ParameterStore, role) => layout.parameter(application, role),
            (Self::SecretsManager, Role::ClientId) => document_key(application, KEY_CLIENT_ID),
            (Self::SecretsManager, Role::ClientSecret) => {
                document_key(application, KEY_CLIENT_SECRET)
            }
            (Self::SecretsManager, Role::RefreshToken { seller: None }) => {
                document_key(application, KEY_REFRESH_TOKEN)
            }
            (
                Self::SecretsManager,
                Role::RefreshToken {
                    seller: Some(seller),
                },
            ) => document_key(application, &format!("{KEY_SELLERS}.{seller}")),
        }
    }
}

/// Key of the client id in a secret's document; Amazon's own sample calls it so.
pub const KEY_CLIENT_ID: &str = "AppClientId";
/// Key of the client secret in a secret's document; Amazon's own sample calls it so.
pub const KEY_CLIENT_SECRET: &str = "AppClientSecret";
/// Key of the application's own refresh token in a secret's document.
pub const KEY_REFRESH_TOKEN: &str = "refreshToken";
/// Key of the object of sellers' refresh tokens, by seller id, in a secret's document.
pub const KEY_SELLERS: &str = "sellers";

fn document_key(application: &ApplicationName, key: &str) -> String {
    format!("secret {application}, key {key}")
}

/// What one exchange needs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client id; not a secret.
    pub client_id: String,
    /// The current client secret.
    pub client_secret: StoredSecret,
    /// The refresh token that was asked for.
    pub refresh_token: Option<SecretString>,
}

/// Whose refresh token to read along.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RefreshTokenOf {
    /// None: a `client_credentials` grant needs none, and what is not needed is not decrypted.
    Nobody,
    /// The application's own account.
    Application,
    /// One seller.
    Seller(SellerId),
}

impl RefreshTokenOf {
    /// The role of the refresh token; none when none is read.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Nobody => None,
            Self::Application => Some(Role::RefreshToken { seller: None }),
            Self::Seller(seller) => Some(Role::RefreshToken {
                seller: Some(seller.clone()),
            }),
        }
    }
}

/// Why credentials could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Parameters, secrets or keys of a secret's document that do not exist; all of them, so
    /// that one reading shows everything there is to add.
    #[error("not in the vault: {}", names.join(", "))]
    Missing {
        /// Full parameter names, or `secret my-erp, key AppClientId`.
        names: Vec<String>,
    },
    /// What is stored cannot be used.
    #[error("{name} {problem}")]
    Malformed {
        /// The parameter or secret.
        name: String,
        /// What is wrong with it; never quotes the value.
        problem: String,
    },
    /// The vault did not answer as it should.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Credentials, decrypted.
pub trait CredentialVault: Send + Sync {
    /// The current credentials of an application, in one call.
    fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> impl Future<Output = Result<Credentials, VaultError>> + Send;

    /// The client secret of a version; none where that is not kept any more.
    fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> impl Future<Output = Result<Option<StoredSecret>, VaultError>> + Send;

    /// Since when the value of `current` is stored, however often it was rewritten since; none
    /// where what is kept does not tell.
    fn in_place_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> impl Future<Output = Result<Option<Timestamp>, VaultError>> + Send;

    /// The client secret that was stored before `current`, if any version before it is kept
    /// whose value differs.
    fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> impl Future<Output = Result<Option<StoredSecret>, VaultError>> + Send;
}
