//! Trying credentials at LWA before they are stored.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Found, Order};
use crate::application::Role;
use crate::exchange::{LONGEST_PAUSE, pause};
use crate::lwa::{Grant, LwaError, LwaFailure, Scope, TokenEndpoint, TokenRequest};
use crate::ports::Clock;
use crate::vault::document::Document;
use crate::vault::{CredentialValues, is_stored};

/// How often an exchange is tried that fails for a reason that may pass.
const ATTEMPTS: u32 = 3;

/// How long one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One exchange that has to succeed.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The refresh token that is tried; none for the client id and secret by themselves.
    pub refresh_token: Option<Role>,
    /// What LWA is asked.
    pub request: TokenRequest,
}

/// Why LWA was not, or not successfully, asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// There is nothing to ask with.
    #[error(
        "LWA cannot be asked without {}: store the application first, all of it at once, or use \
         --no-verify",
        missing.join(" and ")
    )]
    Missing {
        /// Where what is missing should be.
        missing: Vec<String>,
    },
    /// LWA did not give a token.
    #[error("{subject}: {error}. {advice}")]
    Refused {
        /// What was tried.
        subject: String,
        /// What LWA said.
        error: LwaError,
        /// What to do.
        advice: String,
    },
}

/// The values that are stored, as far as they were read.
pub fn stored(found: &Found) -> CredentialValues {
    match found {
        Found::Parameters(parameters) => parameters
            .iter()
            .filter_map(|(role, found)| Some((role.clone(), found.value.clone()?)))
            .collect(),
        Found::Secret(secret) => secret
            .as_ref()
            .and_then(|secret| Document::parse(secret.document.as_ref()?).ok())
            .map(|document| document.credentials())
            .unwrap_or_default(),
    }
}

/// What has to be tried: client id and secret, if either is given, and every given refresh
/// token that is not stored already.
pub fn trials(
    order: &Order,
    given: &CredentialValues,
    found: &Found,
) -> Result<Vec<Trial>, NotVerified> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let stored = stored(found);
    let either = |role: &Role| given.get(role).or_else(|| stored.get(role));
    let (Some(id), Some(secret)) = (either(&Role::ClientId), either(&Role::ClientSecret)) else {
        let missing = order.missing("a", |role| either(role).is_some());
        return Err(NotVerified::Missing { missing });
    };
    let trial = |refresh_token: Option<Role>, grant| Trial {
        refresh_token,
        request: TokenRequest {
            client_id: id.expose_secret().trim().to_owned(),
            client_secret: secret.expose_secret().trim().into(),
            grant,
        },
    };
    let mut trials = Vec::new();
    if given.contains_key(&Role::ClientId) || given.contains_key(&Role::ClientSecret) {
        let scope = Scope::CLIENT_SECRET_ROTATION;
        trials.push(trial(None, Grant::ClientCredentials(scope)));
    }
    for (role, value) in given {
        if matches!(role, Role::RefreshToken { .. }) && !is_stored(&stored, role, value) {
            let grant = Grant::RefreshToken(value.clone());
            trials.push(trial(Some(role.clone()), grant));
        }
    }
    Ok(trials)
}

/// Makes the exchanges, one after the other.
pub async fn verify(
    lwa: &impl TokenEndpoint,
    clock: &impl Clock,
    trials: &[Trial],
) -> Result<(), NotVerified> {
    for trial in trials {
        let mut attempts = 0;
        let tried = loop {
            attempts += 1;
            match lwa.exchange(&trial.request, TIMEOUT).await {
                Ok(_) => break Ok(()),
                Err(error) if error.is_transient() && attempts < ATTEMPTS => {
                    let wait = pause(attempts, 1.0, error.retry_after, TIMEOUT);
                    clock.sleep(wait.unwrap_or(LONGEST_PAUSE)).await;
                }
                Err(error) => break Err(error),
            }
        };
        match tried {
            Ok(()) => {}
            // LWA denies a scope only to a client that it recognises.
            Err(error) if trial.refresh_token.is_none() && is_about_scope(&error) => {}
            Err(error) => return Err(refused(trial, error)),
        }
    }
    Ok(())
}

fn is_about_scope(error: &LwaError) -> bool {
    error.failure == LwaFailure::AccessDenied || error.code.as_deref() == Some("invalid_scope")
}

fn refused(trial: &Trial, error: LwaError) -> NotVerified {
    let subject = match &trial.refresh_token {
        None => "client id and client secret".to_owned(),
        Some(role) => role.to_string(),
    };
    let advice = match error.failure {
        LwaFailure::ClientRefused => {
            "Check that both belong to one application and were copied whole. LWA may not know a \
             secret yet that was made minutes ago: try again later, or use --no-verify to store \
             it all the same."
        }
        LwaFailure::GrantRefused => {
            "The seller has to authorise the application again, or the token belongs to another \
             application."
        }
        LwaFailure::AccessDenied => {
            "The token belongs to another application, or the application may not use it: look \
             at it in the developer console."
        }
        LwaFailure::RequestRefused | LwaFailure::NotLwa => {
            "Check LWA_TOKEN_URL and any proxy in between."
        }
        _ => "Try again later, or use --no-verify to store it untried.",
    };
    NotVerified::Refused {
        subject,
        error,
        advice: advice.to_owned(),
    }
}
