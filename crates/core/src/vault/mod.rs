//! Credentials where they live.
//!
//! [`ports`] has one method for each call to AWS. What takes more than one call is a procedure of
//! [`Vault`], written once for each service ([`parameter_store`], [`secrets_manager`]) over those
//! ports: the functions, the command, replay, the simulation and the tests all run it.

mod credentials;
pub mod document;
mod error;
mod kind;
pub mod parameter_store;
pub mod ports;
pub mod secrets_manager;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::application::{ApplicationName, Layout, Role};
use crate::ports::CallError;

pub(crate) use credentials::is_stored;
pub use credentials::{
    CredentialValues, Credentials, SecretVersion, StoredApplication, StoredSecret, is_same_secret,
};
pub use error::{StoreError, VaultError};
pub(crate) use kind::key;
pub use kind::{KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_REFRESH_TOKEN, KEY_SELLERS, VaultKind};
use parameter_store::ParameterStore;
use ports::{NewTag, ReadMetadata, ReadValues, Tags, WriteTags, WriteValues};
use secrets_manager::SecretsManager;

/// The credentials of an account in the vault that the configuration chooses.
#[derive(Debug, Clone)]
pub struct Vault<A> {
    account: A,
    kind: VaultKind,
    layout: Layout,
}

impl<A> Vault<A> {
    /// The vault of a kind in an account, with credentials named as in `layout`.
    pub const fn new(account: A, kind: VaultKind, layout: Layout) -> Self {
        Self {
            account,
            kind,
            layout,
        }
    }

    /// Which service it is.
    pub const fn kind(&self) -> VaultKind {
        self.kind
    }

    /// The name of what carries the tags of an application's client secret.
    fn tagged(&self, application: &ApplicationName) -> String {
        match self.kind {
            VaultKind::ParameterStore => self.layout.parameter(application, &Role::ClientSecret),
            VaultKind::SecretsManager => application.to_string(),
        }
    }
}

/// Runs a procedure in the service that the vault is.
macro_rules! in_service {
    ($vault:ident.$procedure:ident($($argument:expr),*)) => {{
        let (account, layout) = (&$vault.account, &$vault.layout);
        match $vault.kind {
            VaultKind::ParameterStore => {
                ParameterStore { account, layout }.$procedure($($argument),*).await
            }
            VaultKind::SecretsManager => {
                SecretsManager { account, layout }.$procedure($($argument),*).await
            }
        }
    }};
}

impl<A: ReadMetadata + ReadValues> Vault<A> {
    /// The current credentials of an application, in one call. Which refresh token is read along
    /// is given by its role; what is not needed is not decrypted.
    pub async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: Option<&Role>,
    ) -> Result<Credentials, VaultError> {
        in_service!(self.read(application, refresh_token))
    }

    /// The client secret of a version; none where that is not kept any more.
    pub async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        in_service!(self.read_version(application, version))
    }

    /// Since when the value of `current` is stored, however often it was written again; none
    /// where the versions that are kept do not tell.
    pub async fn value_unchanged_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<Timestamp>, VaultError> {
        Ok(in_service!(self.look_back(application, current))?.unchanged_since)
    }

    /// The client secret that was stored before `current`, if a version before it is kept whose
    /// value differs.
    pub async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        Ok(in_service!(self.look_back(application, current))?.other)
    }

    /// Every application below the configured prefixes, in the order of their names. Client ids
    /// are decrypted for it; client secrets only where they share a document with them.
    pub async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        in_service!(self.applications())
    }

    /// All tags of an application's client secret, as they are now.
    pub async fn tags(&self, application: &ApplicationName) -> Result<Tags, CallError> {
        let name = self.tagged(application);
        match self.kind {
            VaultKind::ParameterStore => self.account.list_parameter_tags(&name).await,
            VaultKind::SecretsManager => Ok(self.account.describe_secret(&name).await?.tags),
        }
    }
}

impl<A: WriteTags> Vault<A> {
    /// Adds tags to an application's client secret, or gives them other values; others stay.
    pub async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[NewTag],
    ) -> Result<(), CallError> {
        let name = self.tagged(application);
        match self.kind {
            VaultKind::ParameterStore => self.account.add_parameter_tags(&name, tags).await,
            VaultKind::SecretsManager => self.account.tag_secret(&name, tags).await,
        }
    }

    /// Removes tags from an application's client secret. A tag that is not there does not matter.
    pub async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        let name = self.tagged(application);
        match self.kind {
            VaultKind::ParameterStore => self.account.remove_parameter_tags(&name, keys).await,
            VaultKind::SecretsManager => self.account.untag_secret(&name, keys).await,
        }
    }
}

impl<A: ReadMetadata + ReadValues + WriteValues> Vault<A> {
    /// Makes `secret` the current client secret of an application and returns its version.
    /// Everything else that is stored stays as it is. Doing it again with the same
    /// `notification` is idempotent.
    pub async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        in_service!(self.store(application, secret, notification))
    }
}
