//! What rotation does in the vault that the configuration chooses.

use std::collections::BTreeMap;

use lwa_core::SecretString;
use lwa_core::application::{ApplicationName, Layout};
use lwa_core::ports::CallError;
use lwa_core::rotation::ports::{RotationLedger, SecretStore, StoreError, StoredApplication};
use lwa_core::vault::{SecretVersion, VaultError, VaultKind};

use crate::clients::Aws;
use crate::parameter_store_rotation::ParameterStoreRotation;
use crate::secrets_manager_rotation::SecretsManagerRotation;

/// One of the vaults.
#[derive(Debug, Clone)]
pub enum RotationVault {
    /// SSM Parameter Store.
    ParameterStore(ParameterStoreRotation),
    /// Secrets Manager.
    SecretsManager(SecretsManagerRotation),
}

impl RotationVault {
    /// The vault of a kind, over the clients of an account. Only that vault's client is made.
    pub fn new(kind: VaultKind, aws: &Aws, layout: Layout) -> Self {
        match kind {
            VaultKind::ParameterStore => {
                Self::ParameterStore(ParameterStoreRotation::new(aws.ssm(), layout))
            }
            VaultKind::SecretsManager => {
                Self::SecretsManager(SecretsManagerRotation::new(aws.secrets_manager(), layout))
            }
        }
    }
}

impl RotationLedger for RotationVault {
    async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        match self {
            Self::ParameterStore(vault) => vault.applications().await,
            Self::SecretsManager(vault) => vault.applications().await,
        }
    }

    async fn tags(
        &self,
        application: &ApplicationName,
    ) -> Result<BTreeMap<String, String>, CallError> {
        match self {
            Self::ParameterStore(vault) => vault.tags(application).await,
            Self::SecretsManager(vault) => vault.tags(application).await,
        }
    }

    async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[(&'static str, String)],
    ) -> Result<(), CallError> {
        match self {
            Self::ParameterStore(vault) => vault.write_tags(application, tags).await,
            Self::SecretsManager(vault) => vault.write_tags(application, tags).await,
        }
    }

    async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        match self {
            Self::ParameterStore(vault) => vault.remove_tags(application, keys).await,
            Self::SecretsManager(vault) => vault.remove_tags(application, keys).await,
        }
    }
}

impl SecretStore for RotationVault {
    async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        match self {
            Self::ParameterStore(vault) => vault.store(application, secret, notification).await,
            Self::SecretsManager(vault) => vault.store(application, secret, notification).await,
        }
    }
}
