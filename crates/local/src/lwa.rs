//! LWA as it behaves: client secrets that begin and cease to work, consent that is revoked,
//! and tokens that remember what they were issued for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::deadline::OVERLAP_DAYS;
use lwa_core::lwa::{AccessToken, Grant, LwaError, LwaFailure, Scope, TokenEndpoint, TokenRequest};
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::{ExposeSecret, SecretString};

use crate::world::{State, World};

/// The operation that faults name, and that calls are recorded as.
pub const EXCHANGE: &str = "ExchangeToken";

/// What LWA knows.
#[derive(Clone)]
pub struct Lwa {
    /// The applications, by client id. While there is none, every client id, secret and refresh
    /// token is accepted.
    pub applications: BTreeMap<String, OAuthClient>,
    /// How long a token lives.
    pub expires_in: Duration,
    /// Answers that are given before anything is looked at, each once.
    pub answers: VecDeque<LwaError>,
    tokens: BTreeMap<String, IssuedToken>,
    issued: u64,
}

/// One application, as LWA knows it.
#[derive(Clone, Default)]
pub struct OAuthClient {
    /// Its secrets, oldest first.
    pub secrets: Vec<ClientSecret>,
    /// Whether consent stands, by refresh token.
    pub refresh_tokens: BTreeMap<String, Consent>,
}

/// One client secret.
#[derive(Clone)]
pub struct ClientSecret {
    /// The secret.
    pub value: SecretString,
    /// From when LWA knows it; a new one takes time to spread.
    pub works_from: Timestamp,
    /// From when it has expired.
    pub works_until: Option<Timestamp>,
    /// Whether LWA goes on issuing tokens after that, for SP-API to refuse.
    pub lwa_looks_away: bool,
}

/// Whether a seller's consent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// It does.
    Given,
    /// LWA refuses the refresh token.
    Revoked,
    /// LWA still issues tokens, and SP-API refuses them.
    RevokedAtSpApi,
}

/// What a token was issued for.
#[derive(Clone)]
pub(crate) struct IssuedToken {
    pub(crate) client_id: String,
    /// Index of the secret it was issued for; none where any secret is accepted.
    pub(crate) secret: Option<usize>,
    pub(crate) consent: Option<Consent>,
    pub(crate) scope: Option<Scope>,
    pub(crate) expires_at: Timestamp,
}

impl Default for Lwa {
    fn default() -> Self {
        Self {
            applications: BTreeMap::new(),
            expires_in: Duration::from_hours(1),
            answers: VecDeque::new(),
            tokens: BTreeMap::new(),
            issued: 0,
        }
    }
}

impl ClientSecret {
    /// A secret that works from an instant on.
    pub fn new(value: &str, works_from: Timestamp) -> Self {
        Self {
            value: value.into(),
            works_from,
            works_until: None,
            lwa_looks_away: false,
        }
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.works_until.is_some_and(|until| now >= until)
    }
}

impl OAuthClient {
    /// What a rotation does: a new secret works from `spread_at`, and those before it expire
    /// seven days after `now`, unless they do earlier.
    pub fn rotate(&mut self, new: &str, now: Timestamp, spread_at: Timestamp) {
        let overlap = SignedDuration::from_hours(24 * i64::from(OVERLAP_DAYS));
        let ends = now.saturating_add(overlap).unwrap_or(Timestamp::MAX);
        for secret in &mut self.secrets {
            secret.works_until = Some(secret.works_until.map_or(ends, |until| until.min(ends)));
        }
        self.secrets.push(ClientSecret::new(new, spread_at));
    }
}

impl Lwa {
    /// What was issued under the value of a token.
    pub(crate) fn issued(&self, token: &AccessToken) -> Option<&IssuedToken> {
        self.tokens.get(token.value.expose_secret())
    }

    /// The client id that a token was issued for; none where it is none of LWA's.
    pub fn client_id_of(&self, token: &AccessToken) -> Option<&str> {
        Some(&self.issued(token)?.client_id)
    }

    /// Forgets the tokens that have expired by `now`, so that memory does not grow with the time
    /// that passes. From then on they are unknown rather than expired.
    pub fn forget_tokens_expired(&mut self, now: Timestamp) {
        self.tokens.retain(|_, token| token.expires_at > now);
    }

    fn issue(&mut self, request: &TokenRequest, now: Timestamp) -> Result<AccessToken, LwaError> {
        if let Some(answer) = self.answers.pop_front() {
            return Err(answer);
        }
        let mut issued = IssuedToken {
            client_id: request.client_id.clone(),
            secret: None,
            consent: None,
            scope: None,
            expires_at: now
                .saturating_add(self.expires_in)
                .unwrap_or(Timestamp::MAX),
        };
        if !self.applications.is_empty() {
            let client = self
                .applications
                .get(&request.client_id)
                .ok_or_else(invalid_client)?;
            let given = request.client_secret.expose_secret();
            let secret = client
                .secrets
                .iter()
                .rposition(|secret| secret.value.expose_secret() == given)
                .filter(|&index| {
                    let secret = &client.secrets[index];
                    now >= secret.works_from && (!secret.has_expired(now) || secret.lwa_looks_away)
                })
                .ok_or_else(invalid_client)?;
            issued.secret = Some(secret);
            if let Grant::RefreshToken(token) = &request.grant {
                match client.refresh_tokens.get(token.expose_secret()) {
                    None | Some(Consent::Revoked) => return Err(invalid_grant()),
                    Some(&consent) => issued.consent = Some(consent),
                }
            }
        }
        self.issued += 1;
        let number = self.issued;
        let value = match &request.grant {
            Grant::RefreshToken(_) => format!("Atza|local-{number:08}"),
            Grant::ClientCredentials(scope) => {
                issued.scope = Some(scope.clone());
                format!("Atc|local-{number:08}")
            }
        };
        self.tokens.insert(value.clone(), issued);
        Ok(AccessToken {
            value: value.into(),
            token_type: "bearer".into(),
            expires_in: self.expires_in,
        })
    }
}

impl TokenEndpoint for World {
    async fn exchange(
        &self,
        request: &TokenRequest,
        timeout: Duration,
    ) -> Result<AccessToken, LwaError> {
        let purpose = match &request.grant {
            Grant::RefreshToken(_) => "refresh_token".to_owned(),
            Grant::ClientCredentials(scope) => format!("client_credentials {scope}"),
        };
        let issue = |state: &mut State| {
            let now = state.now;
            Ok(state.lwa.issue(request, now))
        };
        tokio::select! {
            biased;
            answer = self.call(EXCHANGE, &purpose, issue) => {
                answer.map_err(|error| fault(&error)).flatten()
            }
            () = self.sleep(timeout) => {
                Err(LwaError::without_answer(LwaFailure::TimedOut, "no answer (scripted)"))
            }
        }
    }
}

fn fault(error: &CallError) -> LwaError {
    let answer = |status, code: Option<&str>| LwaError {
        failure: LwaFailure::of_answer(status, code),
        status: Some(status),
        code: code.map(str::to_owned),
        description: Some(error.detail.clone()),
        retry_after: None,
    };
    match error.failure {
        CallFailure::Denied => answer(401, Some("invalid_client")),
        CallFailure::Throttled => answer(429, None),
        CallFailure::TimedOut => {
            LwaError::without_answer(LwaFailure::TimedOut, error.detail.clone())
        }
        CallFailure::NotFound => answer(404, None),
        CallFailure::Refused => answer(400, Some("invalid_request")),
        CallFailure::Unavailable => answer(503, Some("temporarily_unavailable")),
    }
}

fn invalid_client() -> LwaError {
    LwaError {
        failure: LwaFailure::ClientRefused,
        status: Some(401),
        code: Some("invalid_client".into()),
        description: Some("Client authentication failed".into()),
        retry_after: None,
    }
}

fn invalid_grant() -> LwaError {
    LwaError {
        failure: LwaFailure::GrantRefused,
        status: Some(400),
        code: Some("invalid_grant".into()),
        description: Some(
            "The request has an invalid grant parameter : refresh_token. User may have revoked \
             or didn't grant the permission."
                .into(),
        ),
        retry_after: None,
    }
}
