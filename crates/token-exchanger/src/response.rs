//! The responses.

use std::time::Duration;

use jiff::{Timestamp, TimestampRound, Unit};
use lwa_core::application::ApplicationName;
use lwa_core::exchange::left;
use lwa_core::vault::SecretVersion;
use lwa_core::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::cache::KeptToken;

/// The answer to a request. `Debug` redacts the token.
#[derive(Debug, Clone)]
pub enum Response {
    /// A token.
    Token(TokenResponse),
    /// The findings of a check.
    Check(CheckResponse),
}

/// A token with its expiry and origin.
#[derive(Debug, Clone)]
pub struct TokenResponse {
    /// The token.
    pub access_token: SecretString,
    /// `bearer`.
    pub token_type: String,
    /// How much longer it is valid, in whole seconds.
    pub expires_in: Duration,
    /// When it expires, to the second.
    pub expires_at: Timestamp,
    /// The application it belongs to.
    pub application: ApplicationName,
    /// The version of the client secret that it was minted with.
    pub secret_version: SecretVersion,
    /// Whether it was obtained for an earlier request.
    pub cached: bool,
}

/// The findings of a check. If a service did not answer, there is an error instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResponse {
    /// What was checked.
    pub application: ApplicationName,
    /// Whether LWA accepts the credentials.
    pub lwa: Verdict,
    /// Whether SP-API accepts the token.
    pub sp_api: Verdict,
    /// What it means and what to do.
    pub detail: String,
}

/// The answer of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// All is well.
    Ok,
    /// The client id and secret no longer work.
    CredentialRejected,
    /// The seller has withdrawn the authorisation.
    AuthorizationRevoked,
    /// The application lacks the role for the call.
    AccessDenied,
    /// The service refused for another reason.
    Refused,
    /// The service was not called.
    NotChecked,
}

impl Verdict {
    /// The stable name in responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::CredentialRejected => "credential_rejected",
            Self::AuthorizationRevoked => "authorization_revoked",
            Self::AccessDenied => "access_denied",
            Self::Refused => "refused",
            Self::NotChecked => "not_checked",
        }
    }
}

impl CheckResponse {
    /// Whether all is well.
    pub fn is_ok(&self) -> bool {
        (self.lwa, self.sp_api) == (Verdict::Ok, Verdict::Ok)
    }
}

impl TokenResponse {
    pub(crate) fn new(
        application: &ApplicationName,
        kept: KeptToken,
        cached: bool,
        now: Timestamp,
    ) -> Self {
        // Rounded up, so that a token just obtained shows what LWA said.
        let left = left(kept.expires_at, now);
        let expires_in = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let to_second = TimestampRound::new()
            .smallest(Unit::Second)
            .mode(jiff::RoundMode::Floor);
        Self {
            access_token: kept.token.value,
            token_type: kept.token.token_type,
            expires_in: Duration::from_secs(expires_in),
            expires_at: kept.expires_at.round(to_second).unwrap_or(kept.expires_at),
            application: application.clone(),
            secret_version: kept.secret_version,
            cached,
        }
    }
}

impl Response {
    /// The response of the Lambda function. No other code exposes the token.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Token(token) => json!({
                "access_token": token.access_token.expose_secret(),
                "token_type": token.token_type,
                "expires_in": token.expires_in.as_secs(),
                "expires_at": token.expires_at.to_string(),
                "application": token.application.as_str(),
                "secret_version": token.secret_version.as_str(),
                "cached": token.cached,
            }),
            Self::Check(check) => json!({
                "application": check.application.as_str(),
                "lwa": check.lwa.as_str(),
                "sp_api": check.sp_api.as_str(),
                "detail": check.detail,
            }),
        }
    }
}
