//! The settings of the token-exchanger.

use lwa_core::application::{Layout, Role};
use lwa_core::config::{ConfigError, Lookup};
use lwa_core::consumers::Consumers;
use lwa_core::exchange::TokenKey;
use lwa_core::vault::VaultKind;

/// What the environment sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How credentials are named, and which applications there are.
    pub layout: Layout,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The LWA token endpoint.
    pub token_url: String,
    /// The base URL of SP-API.
    pub sp_api_endpoint: String,
    /// Which service may have what; none where everyone may have all.
    pub consumers: Option<Consumers>,
    /// How long a client secret lives, in days.
    pub secret_lifetime_days: u32,
    /// Where CloudWatch shows the metrics.
    pub metrics_namespace: String,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        let layout = lookup.layout()?;
        Ok(Self {
            consumers: Consumers::from_lookup(lookup, &layout)?,
            layout,
            vault: VaultKind::from_lookup(lookup)?,
            token_url: lookup.token_url()?,
            sp_api_endpoint: lookup.sp_api_endpoint()?,
            secret_lifetime_days: lookup.secret_lifetime_days()?,
            metrics_namespace: lookup.metrics_namespace()?,
        })
    }

    /// Where a credential of an application is stored.
    pub(crate) fn place(&self, key: &TokenKey, role: &Role) -> String {
        self.vault.place(&self.layout, &key.application, role)
    }
}
