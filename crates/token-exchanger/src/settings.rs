//! The settings of the token-exchanger.

use lwa_core::application::Role;
use lwa_core::config::{ConfigError, Deployment, Lookup};
use lwa_core::exchange::TokenKey;
use lwa_core::vault::VaultKind;

/// What the environment sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The LWA token endpoint.
    pub token_url: String,
    /// The base URL of SP-API.
    pub sp_api_endpoint: String,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        Ok(Self {
            deployment: Deployment::from_lookup(lookup)?,
            vault: VaultKind::from_lookup(lookup)?,
            token_url: lookup.token_url()?,
            sp_api_endpoint: lookup.sp_api_endpoint()?,
        })
    }

    /// Where a credential of an application is stored.
    pub(crate) fn place(&self, key: &TokenKey, role: &Role) -> String {
        let layout = &self.deployment.layout;
        self.vault.place(layout, &key.application, role)
    }
}
