//! What rotation needs from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::queue::QueueMessage;
use crate::application::ApplicationName;
use crate::ports::CallError;
use crate::vault::{SecretVersion, VaultError};

/// An application that a vault holds a client secret of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApplication {
    /// Its name.
    pub name: ApplicationName,
    /// Its client id, not a secret, without white space around it; none when it is missing.
    pub client_id: Option<String>,
    /// Which version of the client secret is stored; none where that is not known.
    pub version: Option<SecretVersion>,
    /// When it was written. Rewriting the same value counts too.
    pub written_at: Option<Timestamp>,
}

/// The applications of the estate and the tags of their client secrets.
pub trait RotationLedger: Send + Sync {
    /// Every application below the configured prefixes, in the order of their names. The client
    /// ids are decrypted for it, the client secrets are not wanted.
    fn applications(
        &self,
    ) -> impl Future<Output = Result<Vec<StoredApplication>, VaultError>> + Send;

    /// All tags of an application's client secret, as they are now.
    fn tags(
        &self,
        application: &ApplicationName,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;

    /// Adds tags, or gives them other values; others stay.
    fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[(&'static str, String)],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Removes tags; those that are not there do not matter.
    fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Why a secret was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// This vault can never hold this value as it is stored now.
    #[error("{name} cannot hold the new secret: {problem}")]
    Unstorable {
        /// The parameter or secret.
        name: String,
        /// Why; never quotes the value.
        problem: String,
    },
    /// What is there cannot be built on.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        Self::Vault(error.into())
    }
}

/// Where new client secrets are stored.
pub trait SecretStore: Send + Sync {
    /// Makes `secret` the current client secret of an application and returns its version.
    /// Everything else that is stored stays as it is. Doing it again with the same
    /// `notification` is no harm.
    fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> impl Future<Output = Result<SecretVersion, StoreError>> + Send;
}

/// The queue that messages come from.
pub trait MessageQueue: Send + Sync {
    /// Makes a message that was received come back after `delay` (`ChangeMessageVisibility`).
    fn come_back(
        &self,
        message: &QueueMessage,
        delay: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}
