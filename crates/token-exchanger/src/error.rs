//! Why there is no token, and what to do about it.

use lwa_core::application::{ApplicationName, Role};
use lwa_core::consumers::NotAllowed;
use lwa_core::error::FunctionError;
use lwa_core::exchange::{Refused, Shape, Subject, TokenKey, misplaced};
use lwa_core::lwa::{LwaError, LwaFailure};
use lwa_core::payload::UnreadableEvent;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::sp_api::SpApiError;
use lwa_core::vault::{Credentials, VaultError};
use lwa_core::{ExposeSecret, SecretString};

use crate::settings::Settings;

/// A request that was not fulfilled. The text names the application or parameter and what to
/// do; it never contains a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExchangerError {
    /// Tells callers what kind of error it is.
    pub kind: ErrorKind,
    /// Whether the same request may succeed later without any change.
    pub is_transient: bool,
    /// How the call to the vault failed, if that was the cause.
    pub vault_failure: Option<CallFailure>,
    /// Whether it failed only because the invocation ran out of time.
    pub(crate) ran_out_of_time: bool,
    message: String,
}

/// The stable names of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller must ask for something else.
    InvalidRequest,
    /// A credential is missing or unusable and must be stored.
    CredentialMissing,
    /// LWA refuses the client id and secret.
    CredentialRejected,
    /// The seller must authorise the application again.
    AuthorizationRevoked,
    /// The vault cannot be read.
    VaultUnavailable,
    /// LWA cannot be reached, fails or throttles.
    LwaUnavailable,
    /// SP-API cannot be reached, fails or throttles.
    SpApiUnavailable,
}

impl ErrorKind {
    /// The `errorType` of the function's error response.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequest",
            Self::CredentialMissing => "CredentialMissing",
            Self::CredentialRejected => "CredentialRejected",
            Self::AuthorizationRevoked => "AuthorizationRevoked",
            Self::VaultUnavailable => "VaultUnavailable",
            Self::LwaUnavailable => "LwaUnavailable",
            Self::SpApiUnavailable => "SpApiUnavailable",
        }
    }
}

impl FunctionError for ExchangerError {
    fn error_type(&self) -> &'static str {
        self.kind.as_str()
    }
}

impl From<UnreadableEvent> for ExchangerError {
    fn from(error: UnreadableEvent) -> Self {
        Self::lasting(ErrorKind::InvalidRequest, error.to_string())
    }
}

impl From<NotAllowed> for ExchangerError {
    fn from(error: NotAllowed) -> Self {
        Self::lasting(ErrorKind::InvalidRequest, error.to_string())
    }
}

impl ExchangerError {
    /// An error that lasts until its cause is removed.
    pub(crate) fn lasting(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            is_transient: false,
            vault_failure: None,
            ran_out_of_time: false,
            message: message.into(),
        }
    }

    fn transient(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            is_transient: true,
            ..Self::lasting(kind, message)
        }
    }

    /// The vault gave no credentials.
    pub(crate) fn of_vault(application: &ApplicationName, error: &VaultError) -> Self {
        match error {
            VaultError::Missing { .. } => Self::lasting(
                ErrorKind::CredentialMissing,
                format!(
                    "application `{application}` is incomplete, {error}; store what is missing \
                     with `lwa store`, or correct `application` or `seller` in the request"
                ),
            ),
            VaultError::Malformed { .. } => Self::lasting(
                ErrorKind::CredentialMissing,
                format!(
                    "application `{application}` cannot be used: {error}; store it again with \
                     `lwa store`"
                ),
            ),
            VaultError::Call(call) => Self {
                is_transient: call.failure.is_transient(),
                vault_failure: Some(call.failure),
                ..Self::lasting(
                    ErrorKind::VaultUnavailable,
                    format!(
                        "the credentials of application `{application}` could not be read: \
                         {call}{}",
                        vault_advice(call)
                    ),
                )
            },
        }
    }

    /// LWA gave no token for these credentials. `refused` has the refused client secrets, in the
    /// order in which they were tried.
    pub(crate) fn of_lwa(
        settings: &Settings,
        key: &TokenKey,
        credentials: &Credentials,
        refused: &[Refused],
        error: &LwaError,
    ) -> Self {
        let application = &key.application;
        let place = |role: &Role| settings.place(key, role);
        let hints = hints(settings, key, credentials);
        let (kind, advice) = match (error.failure, &key.subject) {
            (LwaFailure::ClientRefused, _) => {
                let versions: Vec<&str> = refused
                    .iter()
                    .map(|refused| refused.secret.version.as_str())
                    .collect();
                let advice = format!(
                    "tried version {} of the secret; compare {} and {} with the developer \
                     console, and if the secret is older than {} days rotate it there and \
                     store the new one",
                    versions.join(" and version "),
                    place(&Role::ClientId),
                    place(&Role::ClientSecret),
                    settings.secret_lifetime_days
                );
                (ErrorKind::CredentialRejected, advice)
            }
            (LwaFailure::GrantRefused | LwaFailure::AccessDenied, subject)
                if let Some(role) = subject.refresh_token() =>
            {
                let advice = format!(
                    "authorise the application again and store the new refresh token in {}; \
                     rotating the client secret does not help",
                    place(&role)
                );
                (ErrorKind::AuthorizationRevoked, advice)
            }
            (LwaFailure::AccessDenied | LwaFailure::GrantRefused, _) => (
                ErrorKind::InvalidRequest,
                "the application needs the role for this scope in the developer console".to_owned(),
            ),
            (LwaFailure::RequestRefused, Subject::Grantless(scope)) => (
                ErrorKind::InvalidRequest,
                format!(
                    "asked for `{scope}`; see in the developer console whether the application \
                     has the role for it"
                ),
            ),
            (LwaFailure::RequestRefused, _) => (
                ErrorKind::InvalidRequest,
                "ask for another grant, or check the stored refresh token".to_owned(),
            ),
            (LwaFailure::NotLwa, _) => (
                ErrorKind::LwaUnavailable,
                "check LWA_TOKEN_URL, and any proxy on the way".to_owned(),
            ),
            // All other failures are transient.
            _ => (ErrorKind::LwaUnavailable, "try again later".to_owned()),
        };
        Self {
            is_transient: error.is_transient(),
            // Transient failures are retried until the time runs out.
            ran_out_of_time: error.is_transient(),
            ..Self::lasting(
                kind,
                format!("application `{application}`: {error}; {advice}{hints}"),
            )
        }
    }

    /// SP-API could not be asked.
    pub(crate) fn of_sp_api(application: &ApplicationName, error: &SpApiError) -> Self {
        Self::transient(
            ErrorKind::SpApiUnavailable,
            format!("application `{application}`: {error}; try again later"),
        )
    }

    /// The invocation has no time left.
    pub(crate) fn out_of_time(kind: ErrorKind, application: &ApplicationName) -> Self {
        Self {
            ran_out_of_time: true,
            ..Self::transient(
                kind,
                format!(
                    "application `{application}`: no time is left in this invocation; raise the \
                     function's timeout if that happens often"
                ),
            )
        }
    }
}

fn vault_advice(error: &CallError) -> &'static str {
    match (error.failure, error.operation) {
        (CallFailure::Denied, "GetParameters") => {
            "; the function's role needs ssm:GetParameters on the parameters and kms:Decrypt on \
             their key"
        }
        (CallFailure::Denied, _) => {
            "; the function's role needs secretsmanager:GetSecretValue on the secret and \
             kms:Decrypt on its key"
        }
        (failure, _) if failure.is_transient() => "; try again later",
        _ => "",
    }
}

/// Stored values that look like another kind of credential. These are hints only: the values
/// were sent as they are stored.
fn hints(settings: &Settings, key: &TokenKey, credentials: &Credentials) -> String {
    let shape = |secret: &SecretString| Shape::of(secret.expose_secret());
    let mut found = vec![
        (Role::ClientId, Shape::of(&credentials.client_id)),
        (Role::ClientSecret, shape(&credentials.client_secret.value)),
    ];
    if let (Some(role), Some(token)) = (key.subject.refresh_token(), &credentials.refresh_token) {
        found.push((role, shape(token)));
    }
    found
        .into_iter()
        .filter_map(|(role, shape)| misplaced(&settings.place(key, &role), &role, shape))
        .fold(String::new(), |hints, hint| hints + ". Hint: " + &hint)
}
