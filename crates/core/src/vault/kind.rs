//! Which service keeps the credentials, and how operators find one there.

use serde::{Deserialize, Serialize};

use crate::application::{ApplicationName, Layout, Role};
use crate::config::{ConfigError, LWA_VAULT, Lookup};
use crate::text::after;

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
        match self {
            Self::ParameterStore => layout.parameter(application, role),
            Self::SecretsManager => {
                let (key, seller) = (key(role), after(".", role.seller()));
                format!("secret {application}, key {key}{seller}")
            }
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

/// The key of a secret's document that holds a credential or, for a seller's, the object with it.
pub(crate) const fn key(role: &Role) -> &'static str {
    match role {
        Role::ClientId => KEY_CLIENT_ID,
        Role::ClientSecret => KEY_CLIENT_SECRET,
        Role::RefreshToken { seller: None } => KEY_REFRESH_TOKEN,
        Role::RefreshToken { seller: Some(_) } => KEY_SELLERS,
    }
}
