//! Credentials as they are stored.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::application::{ApplicationName, Role};

/// How many versions to look back for another value. A value may be written again a few times,
/// by a deployment for example, but a version older than that is no longer in its overlap.
pub(super) const MAX_VERSIONS_BACK: usize = 5;

/// Credentials of one application by their role.
pub type CredentialValues = BTreeMap<Role, SecretString>;

/// One stored version of a client secret: a number in Parameter Store, a version id in Secrets
/// Manager.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretVersion(String);

impl SecretVersion {
    /// Wraps what the vault calls the version.
    pub fn new(version: impl Into<String>) -> Self {
        Self(version.into())
    }

    /// The version as the vault spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A client secret as stored.
#[derive(Debug, Clone)]
pub struct StoredSecret {
    /// The secret.
    pub value: SecretString,
    /// Which version it is.
    pub version: SecretVersion,
    /// When this version was written.
    pub written_at: Option<Timestamp>,
}

impl StoredSecret {
    /// Whether both versions hold the same secret: writing a value once more makes a new version
    /// of the same secret.
    pub fn has_same_value(&self, other: &Self) -> bool {
        is_same_secret(&self.value, &other.value)
    }
}

/// Whether two stored or typed values are the same secret. White space around either does not
/// count: readers of the vault drop it.
///
/// This is the one place where secrets are compared.
pub fn is_same_secret(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret().trim() == other.expose_secret().trim()
}

/// Whether a credential is stored with this value.
pub(crate) fn is_stored(stored: &CredentialValues, role: &Role, value: &SecretString) -> bool {
    let stored = stored.get(role);
    stored.is_some_and(|stored| is_same_secret(stored, value))
}

/// An application that a vault holds a client secret of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApplication {
    /// Its name.
    pub name: ApplicationName,
    /// Its client id, not a secret, without white space around it; none when it is missing.
    pub client_id: Option<String>,
    /// Which version of the client secret is stored; none where that is not known.
    pub version: Option<SecretVersion>,
    /// When it was written. Writing the same value again counts too.
    pub written_at: Option<Timestamp>,
    /// Why no secret may be written there, as a predicate; none where one may.
    pub write_problem: Option<String>,
}

/// What one exchange needs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client id; not a secret.
    pub client_id: String,
    /// The current client secret.
    pub client_secret: StoredSecret,
    /// The refresh token that was asked for.
    pub refresh_token: Option<SecretString>,
}

/// What a look back from the current version found.
pub(super) struct LookBack {
    /// Since when the value is stored; none where the versions that are kept do not tell.
    pub(super) unchanged_since: Option<Timestamp>,
    /// The version before that, which holds another value.
    pub(super) other: Option<StoredSecret>,
}

impl LookBack {
    /// A look that begins at the current version.
    pub(super) const fn from(current: &StoredSecret) -> Self {
        Self {
            unchanged_since: current.written_at,
            other: None,
        }
    }
}
