//! Why a rotation, or a message about one, got stuck.

use jiff::Timestamp;

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
    /// A deadline that cannot be that of the stored secret: it is later than the stored one.
    DoubtfulDate {
        /// The applications with the client id.
        applications: &'a [ApplicationName],
        /// The deadline of the message.
        reported: Timestamp,
        /// The stored deadline.
        stored: Timestamp,
    },
    /// The vault cannot hold this secret.
    Unstorable(&'a [ApplicationName], &'a str),
}

impl<'a> Rejection<'a> {
    /// The applications that the message is known to be about.
    pub(super) const fn applications(&self) -> &'a [ApplicationName] {
        match self {
            Self::Unstorable(applications, _) | Self::DoubtfulDate { applications, .. } => {
                applications
            }
            _ => &[],
        }
    }

    /// A message that may hold the only copy of a live secret is critical, and most messages of
    /// the queue for secrets may.
    pub(super) const fn severity(&self, is_secret_queue: bool) -> Severity {
        match self {
            Self::ExpiryInWrongQueue(_) | Self::DoubtfulDate { .. } => Severity::Warning,
            Self::NewSecretInWrongQueue(_) => Severity::Critical,
            _ if is_secret_queue => Severity::Critical,
            _ => Severity::Warning,
        }
    }
}
