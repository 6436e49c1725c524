//! Why there is no token, and what to do about it.

use std::fmt;

use lwa_core::application::{ApplicationName, Role};
use lwa_core::error::FunctionError;
use lwa_core::exchange::{Shape, Subject, TokenKey, misplaced};
use lwa_core::lwa::{LwaError, LwaFailure, Scope};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::sp_api::SpApiError;
use lwa_core::vault::{Credentials, SecretVersion, VaultError};
use lwa_core::{ExposeSecret, SecretString};

use crate::Settings;

/// A request that was not fulfilled. The text names the application or parameter and what to
/// do; it never contains a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangerError {
    /// What callers tell errors apart by.
    pub kind: ErrorKind,
    /// Whether the same request may succeed later without anybody doing anything.
    pub is_transient: bool,
    /// How the call to the vault failed, where one did.
    pub vault_failure: Option<CallFailure>,
    /// Whether it ended only because the invocation's time did.
    pub(crate) ran_out_of_time: bool,
    message: String,
}

/// The stable names of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller must ask for something else.
    InvalidRequest,
    /// Whoever stores the credentials must store what is missing or unusable.
    CredentialMissing,
    /// LWA refuses the client id and secret.
    CredentialRejected,
    /// The seller must authorise the application again.
    AuthorizationRevoked,
    /// The vault cannot be read.
    VaultUnavailable,
    /// LWA cannot be reached, is broken or has too much to do.
    LwaUnavailable,
    /// SP-API cannot be reached, is broken or has too much to do.
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

impl fmt::Display for ExchangerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExchangerError {}

impl FunctionError for ExchangerError {
    fn error_type(&self) -> &'static str {
        self.kind.as_str()
    }
}

impl ExchangerError {
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::lasting(ErrorKind::InvalidRequest, message)
    }

    pub(crate) fn lasting(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            is_transient: false,
            vault_failure: None,
            ran_out_of_time: false,
            message: message.into(),
        }
    }

    pub(crate) fn transient(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            is_transient: true,
            vault_failure: None,
            ran_out_of_time: false,
            message: message.into(),
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
                kind: ErrorKind::VaultUnavailable,
                is_transient: call.failure.is_transient(),
                vault_failure: Some(call.failure),
                ran_out_of_time: false,
                message: format!(
                    "the credentials of application `{application}` could not be read: {call}{}",
                    vault_advice(call)
                ),
            },
        }
    }

    /// LWA gave no token for these credentials. `tried` are the versions of the client secret
    /// that were refused, in that order.
    pub(crate) fn of_lwa(
        settings: &Settings,
        key: &TokenKey,
        credentials: &Credentials,
        tried: &[SecretVersion],
        error: &LwaError,
    ) -> Self {
        let application = &key.application;
        let layout = &settings.deployment.layout;
        let place = |role: &Role| settings.vault.place(layout, application, role);
        let hints = hints(settings, key, credentials);
        let (kind, advice) = match (error.failure, &key.subject) {
            (LwaFailure::ClientRefused, _) => {
                let versions: Vec<&str> = tried.iter().map(SecretVersion::as_str).collect();
                let advice = format!(
                    "tried version {} of the secret; compare {} and {} with the developer \
                     console, and if the secret is older than {} days rotate it there and \
                     store the new one",
                    versions.join(" and version "),
                    place(&Role::ClientId),
                    place(&Role::ClientSecret),
                    settings.deployment.secret_lifetime_days
                );
                (ErrorKind::CredentialRejected, advice)
            }
            (LwaFailure::GrantRefused | LwaFailure::AccessDenied, subject)
                if let Some(role) = subject.refresh_token().role() =>
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
            (LwaFailure::RequestRefused, Subject::Grantless(scope)) => {
                (ErrorKind::InvalidRequest, scope_advice(scope))
            }
            (LwaFailure::RequestRefused, _) => (
                ErrorKind::InvalidRequest,
                "ask for another grant, or check the stored refresh token".to_owned(),
            ),
            (LwaFailure::NotLwa, _) => (
                ErrorKind::LwaUnavailable,
                "check LWA_TOKEN_URL, and any proxy on the way".to_owned(),
            ),
            (
                LwaFailure::Throttled
                | LwaFailure::Unavailable
                | LwaFailure::TimedOut
                | LwaFailure::Unreachable
                | LwaFailure::Unintelligible,
                _,
            ) => (ErrorKind::LwaUnavailable, "try again later".to_owned()),
        };
        Self {
            kind,
            is_transient: error.is_transient(),
            vault_failure: None,
            // What is transient is tried again for as long as there is time.
            ran_out_of_time: error.is_transient(),
            message: format!("application `{application}`: {error}; {advice}{hints}"),
        }
    }

    /// SP-API could not be asked.
    pub(crate) fn of_sp_api(application: &ApplicationName, error: &SpApiError) -> Self {
        Self::transient(
            ErrorKind::SpApiUnavailable,
            format!("application `{application}`: {error}; try again later"),
        )
    }

    /// Nothing is left of the invocation's time.
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

fn scope_advice(scope: &Scope) -> String {
    let known = Scope::KNOWN.map(|scope| format!("`{scope}`")).join(", ");
    // Widely copied with a plural that does not exist.
    if scope.as_str().contains("client_credentials:") {
        format!("`client_credential` is singular in {known}")
    } else {
        format!("asked for `{scope}`; Amazon documents {known}")
    }
}

/// What looks as if it were pasted into the wrong place. Only a hint: the stored values were
/// sent as they are, and LWA had the last word.
fn hints(settings: &Settings, key: &TokenKey, credentials: &Credentials) -> String {
    let shape = |secret: &SecretString| Shape::of(secret.expose_secret());
    let mut found = vec![
        (Role::ClientId, Shape::of(&credentials.client_id)),
        (Role::ClientSecret, shape(&credentials.client_secret.value)),
    ];
    if let (Some(role), Some(token)) = (
        key.subject.refresh_token().role(),
        &credentials.refresh_token,
    ) {
        found.push((role, shape(token)));
    }
    let mut hints = String::new();
    for (role, shape) in found {
        let place = settings
            .vault
            .place(&settings.deployment.layout, &key.application, &role);
        if let Some(hint) = misplaced(&place, &role, shape) {
            hints.push_str(". Hint: ");
            hints.push_str(&hint);
        }
    }
    hints
}
