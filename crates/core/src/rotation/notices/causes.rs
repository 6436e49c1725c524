//! Why a rotation, or a message about one, got stuck.

use crate::application::ApplicationName;
use crate::lwa::LwaError;
use crate::rotation::notification::{NewSecret, SecretExpiry, Unusable};
use crate::rotation::request::RefusalCause;
use crate::severity::Severity;

/// Why a rotation could not be requested.
#[derive(Debug, Clone)]
pub enum Obstacle {
    /// SP-API refused it.
    SpApi(RefusalCause, String),
    /// LWA refused the stored secret, or the application.
    Lwa(LwaError),
    /// What is stored cannot be used.
    Vault(String),
}

impl Obstacle {
    /// What was answered, or found.
    pub fn answer(&self) -> String {
        match self {
            Self::SpApi(_, answer) | Self::Vault(answer) => answer.clone(),
            Self::Lwa(error) => error.to_string(),
        }
    }
}

/// Why a message can never be processed as it is.
#[derive(Debug, Clone)]
pub enum Rejection<'a> {
    /// It is not a notification.
    Unusable(&'a Unusable),
    /// A notification of expiry in the queue for new secrets.
    ExpiryInWrongQueue(&'a SecretExpiry),
    /// A new secret in the queue for expiry notices.
    NewSecretInWrongQueue(&'a NewSecret),
    /// A client id that no stored application has.
    UnknownClientId(&'a str),
    /// The vault cannot hold this secret.
    Unstorable(&'a [ApplicationName], &'a str),
}

impl<'a> Rejection<'a> {
    /// The applications that the message is known to be about.
    pub(super) const fn applications(&self) -> &'a [ApplicationName] {
        match self {
            Self::Unstorable(applications, _) => applications,
            _ => &[],
        }
    }

    /// Whether the message may hold a live secret, given whether its queue carries secrets.
    pub(super) const fn may_hold_secret(&self, is_secret_queue: bool) -> bool {
        match self {
            Self::ExpiryInWrongQueue(_) => false,
            Self::NewSecretInWrongQueue(_) => true,
            _ => is_secret_queue,
        }
    }

    /// A message that may hold the only copy of a live secret is critical.
    pub(super) const fn severity(&self, is_secret_queue: bool) -> Severity {
        if self.may_hold_secret(is_secret_queue) {
            Severity::Critical
        } else {
            Severity::Warning
        }
    }
}
