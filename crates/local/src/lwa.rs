//! LWA as it behaves: client secrets that begin and cease to work, consent that is revoked,
//! and tokens that remember what they were issued for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::deadline::OVERLAP_DAYS;
use lwa_core::lwa::{AccessToken, Grant, LwaError, LwaFailure, Scope, TokenRequest};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::json;

/// What LWA knows.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lwa {
    /// The applications, by client id. While there is none, every client id, secret and refresh
    /// token is accepted.
    pub applications: BTreeMap<String, OAuthClient>,
    /// How long a token lives.
    #[serde(deserialize_with = "json::seconds")]
    pub expires_in: Duration,
    /// Answers that are given before anything is looked at, each once.
    #[serde(deserialize_with = "json::each::<_, AnswerFile, _, _>")]
    pub answers: VecDeque<LwaError>,
    #[serde(skip)]
    tokens: BTreeMap<String, IssuedToken>,
    #[serde(skip)]
    issued: u64,
}

/// One application, as LWA knows it.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClient {
    /// Its secrets, oldest first.
    pub secrets: Vec<ClientSecret>,
    /// Whether consent stands, by refresh token.
    #[serde(default)]
    pub refresh_tokens: BTreeMap<String, Consent>,
}

/// One client secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecret {
    /// The secret.
    #[serde(deserialize_with = "json::secret")]
    pub value: SecretString,
    /// From when LWA knows it; a new one takes time to spread. A scenario may leave it out.
    #[serde(default = "always")]
    pub works_from: Timestamp,
    /// From when it has expired.
    pub works_until: Option<Timestamp>,
    /// Whether LWA goes on issuing tokens after that, for SP-API to refuse.
    #[serde(default)]
    pub lwa_looks_away: bool,
}

/// Whether a seller's consent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// One refusal of a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerFile {
    status: u16,
    error: Option<String>,
    error_description: Option<String>,
    /// In seconds.
    retry_after: Option<u64>,
}

impl From<AnswerFile> for LwaError {
    fn from(file: AnswerFile) -> Self {
        Self {
            retry_after: file.retry_after.map(Duration::from_secs),
            description: file.error_description,
            ..answer(file.status, file.error.as_deref(), "")
        }
    }
}

const fn always() -> Timestamp {
    Timestamp::MIN
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

    /// Whether the client secret that a token was issued for has expired since.
    pub(crate) fn has_secret_expired(&self, issued: &IssuedToken, now: Timestamp) -> bool {
        let client = self.applications.get(&issued.client_id);
        let secret = client.and_then(|client| client.secrets.get(issued.secret?));
        secret.is_some_and(|secret| secret.has_expired(now))
    }

    /// One exchange.
    pub(crate) fn issue(
        &mut self,
        request: &TokenRequest,
        now: Timestamp,
    ) -> Result<AccessToken, LwaError> {
        if let Some(answer) = self.answers.pop_front() {
            return Err(answer);
        }
        let (secret, consent) = self.admit(request, now)?;
        let (kind, scope) = match &request.grant {
            Grant::RefreshToken(_) => ("Atza", None),
            Grant::ClientCredentials(scope) => ("Atc", Some(scope.clone())),
        };
        let issued = IssuedToken {
            client_id: request.client_id.clone(),
            secret,
            consent,
            scope,
            expires_at: now
                .saturating_add(self.expires_in)
                .unwrap_or(Timestamp::MAX),
        };
        self.issued += 1;
        let value = format!("{kind}|local-{:08}", self.issued);
        self.tokens.insert(value.clone(), issued);
        Ok(AccessToken {
            value: value.into(),
            token_type: "bearer".into(),
            expires_in: self.expires_in,
        })
    }

    /// The secret and the consent that a request is granted for; none where all are accepted.
    fn admit(
        &self,
        request: &TokenRequest,
        now: Timestamp,
    ) -> Result<(Option<usize>, Option<Consent>), LwaError> {
        if self.applications.is_empty() {
            return Ok((None, None));
        }
        let invalid_client = || {
            let said = "Client authentication failed";
            answer(401, Some("invalid_client"), said)
        };
        let client = self.applications.get(&request.client_id);
        let client = client.ok_or_else(invalid_client)?;
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
        let consent = match &request.grant {
            Grant::ClientCredentials(_) => None,
            Grant::RefreshToken(token) => match client.refresh_tokens.get(token.expose_secret()) {
                None | Some(Consent::Revoked) => {
                    let said = "The request has an invalid grant parameter : refresh_token. User \
                                may have revoked or didn't grant the permission.";
                    return Err(answer(400, Some("invalid_grant"), said));
                }
                consent => consent.copied(),
            },
        };
        Ok((Some(secret), consent))
    }
}

fn answer(status: u16, code: Option<&str>, said: &str) -> LwaError {
    LwaError {
        status: Some(status),
        code: code.map(str::to_owned),
        ..LwaError::without_answer(LwaFailure::of_answer(status, code), said)
    }
}

/// What a failed call is as an answer of LWA.
pub(crate) fn fault(error: &CallError) -> LwaError {
    let said = &*error.detail;
    match error.failure {
        CallFailure::Denied => answer(401, Some("invalid_client"), said),
        CallFailure::Throttled => answer(429, None, said),
        CallFailure::TimedOut => LwaError::without_answer(LwaFailure::TimedOut, said),
        CallFailure::NotFound => answer(404, None, said),
        CallFailure::Refused => answer(400, Some("invalid_request"), said),
        CallFailure::Unavailable => answer(503, Some("temporarily_unavailable"), said),
    }
}
