//! The vault that somebody stores credentials in by hand.

use lwa_core::application::{ApplicationName, Layout};
use lwa_core::ports::CallError;
use lwa_core::store::{CredentialStore, Extent, Found, Write};
use lwa_core::vault::{VaultError, VaultKind};

use crate::clients::Aws;
use crate::parameter_store_store::ParameterStoreStore;
use crate::secrets_manager_store::SecretsManagerStore;

/// One of the vaults.
#[derive(Debug, Clone)]
pub enum Store {
    /// SSM Parameter Store.
    ParameterStore(ParameterStoreStore),
    /// Secrets Manager.
    SecretsManager(SecretsManagerStore),
}

impl Store {
    /// The vault of a kind, over the clients of an account.
    pub fn new(kind: VaultKind, aws: &Aws, layout: Layout) -> Self {
        match kind {
            VaultKind::ParameterStore => {
                Self::ParameterStore(ParameterStoreStore::new(aws.ssm(), layout))
            }
            VaultKind::SecretsManager => {
                Self::SecretsManager(SecretsManagerStore::new(aws.secrets_manager()))
            }
        }
    }
}

impl CredentialStore for Store {
    async fn look(
        &self,
        application: &ApplicationName,
        extent: &Extent,
    ) -> Result<Found, VaultError> {
        match self {
            Self::ParameterStore(store) => store.look(application, extent).await,
            Self::SecretsManager(store) => store.look(application, extent).await,
        }
    }

    async fn write(&self, write: &Write) -> Result<(), CallError> {
        match self {
            Self::ParameterStore(store) => store.write(write).await,
            Self::SecretsManager(store) => store.write(write).await,
        }
    }
}
