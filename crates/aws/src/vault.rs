//! The vault that the configuration chooses.

use lwa_core::Timestamp;
use lwa_core::application::{ApplicationName, Layout};
use lwa_core::vault::{
    CredentialVault, Credentials, RefreshTokenOf, SecretVersion, StoredSecret, VaultError,
    VaultKind,
};

use crate::clients::Aws;
use crate::parameter_store_vault::ParameterStoreVault;
use crate::secrets_manager_vault::SecretsManagerVault;

/// One of the vaults.
#[derive(Debug, Clone)]
pub enum Vault {
    /// SSM Parameter Store.
    ParameterStore(ParameterStoreVault),
    /// Secrets Manager.
    SecretsManager(SecretsManagerVault),
}

impl Vault {
    /// The vault of a kind, over the clients of an account. Only that vault's client is made.
    pub fn new(kind: VaultKind, aws: &Aws, layout: Layout) -> Self {
        match kind {
            VaultKind::ParameterStore => {
                Self::ParameterStore(ParameterStoreVault::new(aws.ssm(), layout))
            }
            VaultKind::SecretsManager => {
                Self::SecretsManager(SecretsManagerVault::new(aws.secrets_manager(), layout))
            }
        }
    }
}

impl CredentialVault for Vault {
    async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> Result<Credentials, VaultError> {
        match self {
            Self::ParameterStore(vault) => vault.read(application, refresh_token).await,
            Self::SecretsManager(vault) => vault.read(application, refresh_token).await,
        }
    }

    async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        match self {
            Self::ParameterStore(vault) => vault.read_version(application, version).await,
            Self::SecretsManager(vault) => vault.read_version(application, version).await,
        }
    }

    async fn in_place_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<Timestamp>, VaultError> {
        match self {
            Self::ParameterStore(vault) => vault.in_place_since(application, current).await,
            Self::SecretsManager(vault) => vault.in_place_since(application, current).await,
        }
    }

    async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        match self {
            Self::ParameterStore(vault) => vault.read_previous_secret(application, current).await,
            Self::SecretsManager(vault) => vault.read_previous_secret(application, current).await,
        }
    }
}
