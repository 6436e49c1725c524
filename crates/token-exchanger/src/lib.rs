//! token-exchanger: access tokens for stored credentials, across rotations of the client secret.
//!
//! The handler is a shell. What to try after a refusal, how long to pause and how long a token
//! is kept is decided in [`lwa_core::exchange`]; what is read, asked and waited for is here.
//!
//! A token is kept until a minute before it expires. Whoever asks for one that is not kept
//! leads an exchange, and whoever asks for the same one meanwhile waits for it. Each exchange
//! reads the vault, so that a stored rotation is noticed with the next one; what was read last
//! only stands in for a vault that does not answer.

mod cache;
mod error;
mod request;
mod response;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::application::{Layout, Role};
use lwa_core::config::{ConfigError, Deployment, Lookup};
use lwa_core::exchange::{
    Recovery, Refused, SHORTEST_ATTEMPT, Subject, TokenKey, after_refusal, expires_at, left, pause,
};
use lwa_core::lwa::{AccessToken, Grant, LwaError, LwaFailure, TokenEndpoint, TokenRequest};
use lwa_core::metrics::{Metric, MetricSet, Unit};
use lwa_core::ports::{CallError, CallFailure, Clock, Metrics};
use lwa_core::sp_api::{Refusal, SellingPartnerApi, SpApiError};
use lwa_core::vault::ports::{ReadMetadata, ReadValues};
use lwa_core::vault::{Credentials, SecretVersion, StoredSecret, Vault, VaultError, VaultKind};
use serde_json::Value;

use crate::cache::{Cache, Ending, KeptToken, Turn};
use crate::request::{Action, Request};

pub use crate::error::{ErrorKind, ExchangerError};
pub use crate::request::FIELDS;
pub use crate::response::{CheckResponse, Response, TokenResponse, Verdict};

/// What is kept back of an invocation's time for answering.
const RESERVE: Duration = Duration::from_millis(250);

/// Longest wait for one answer of LWA or SP-API, unless less time is left. The clients have
/// limits of their own.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(10);

/// What the exchanger is told by its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The LWA token endpoint.
    pub token_url: String,
    /// The base URL of SP-API.
    pub sp_api_endpoint: String,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        Ok(Self {
            deployment: Deployment::from_lookup(lookup)?,
            vault: VaultKind::from_lookup(lookup)?,
            token_url: lookup.token_url()?,
            sp_api_endpoint: lookup.sp_api_endpoint()?,
        })
    }
}

/// Whether a request makes sense, so that a caller can find out before it connects to anything.
pub fn validate(request: &Value, layout: &Layout) -> Result<(), ExchangerError> {
    Request::parse(request, layout).map(drop)
}

/// The outside, as far as the exchanger needs it.
#[derive(Debug, Clone)]
pub struct Ports<A, L, S, C, M> {
    /// Where credentials are read.
    pub vault: Vault<A>,
    /// LWA.
    pub lwa: L,
    /// SP-API, for checks.
    pub sp_api: S,
    /// The time.
    pub clock: C,
    /// Where numbers go.
    pub metrics: M,
}

/// The function over its ports. One of them serves any number of invocations at once.
pub struct TokenExchanger<A, L, S, C, M> {
    settings: Settings,
    ports: Ports<A, L, S, C, M>,
    cache: Cache,
}

/// What one invocation has at its disposal, and what it did.
struct Invocation {
    give_up_at: Timestamp,
    exchanges: usize,
    cache_hits: usize,
    previous_secret_used: bool,
    retries: usize,
    lwa_latency: Option<SignedDuration>,
}

impl<A, L, S, C, M> TokenExchanger<A, L, S, C, M>
where
    A: ReadMetadata + ReadValues,
    L: TokenEndpoint,
    S: SellingPartnerApi,
    C: Clock,
    M: Metrics,
{
    /// An exchanger that keeps no token yet.
    pub fn new(settings: Settings, ports: Ports<A, L, S, C, M>) -> Self {
        Self {
            settings,
            ports,
            cache: Cache::default(),
        }
    }

    /// Answers one request within `remaining`, the time until the platform ends the invocation.
    pub async fn handle(
        &self,
        event: Value,
        remaining: Duration,
    ) -> Result<Response, ExchangerError> {
        let request = Request::parse(&event, &self.settings.deployment.layout)?;
        let now = self.ports.clock.now();
        let usable = SignedDuration::try_from(remaining.saturating_sub(RESERVE))
            .unwrap_or(SignedDuration::MAX);
        let mut invocation = Invocation {
            give_up_at: now.checked_add(usable).unwrap_or(Timestamp::MAX),
            exchanges: 0,
            cache_hits: 0,
            previous_secret_used: false,
            retries: 0,
            lwa_latency: None,
        };
        let key = &request.key;
        let result = match request.action {
            Action::Token => self
                .token(key, request.force_refresh, &mut invocation)
                .await
                .map(Response::Token),
            Action::Check => self.check(key, &mut invocation).await.map(Response::Check),
        };
        self.ports.metrics.record(
            &MetricSet {
                namespace: self.settings.deployment.metrics_namespace.clone(),
                dimensions: Vec::new(),
                metrics: invocation.metrics(&result),
            },
            self.ports.clock.now(),
        );
        result
    }

    async fn token(
        &self,
        key: &TokenKey,
        force: bool,
        invocation: &mut Invocation,
    ) -> Result<TokenResponse, ExchangerError> {
        let (kept, cached) = self.obtain(key, force, invocation).await?;
        invocation.cache_hits += usize::from(cached);
        tracing::debug!(
            application = key.application.as_str(),
            secret.version = kept.secret_version.as_str(),
            cached,
            "answered with a token"
        );
        Ok(TokenResponse::new(
            &key.application,
            kept,
            cached,
            self.ports.clock.now(),
        ))
    }

    /// A token for a key, and whether somebody else obtained it.
    async fn obtain(
        &self,
        key: &TokenKey,
        force: bool,
        invocation: &mut Invocation,
    ) -> Result<(KeptToken, bool), ExchangerError> {
        loop {
            let now = self.ports.clock.now();
            match self.cache.turn(key, force, now) {
                Turn::Take(kept) => return Ok((kept, true)),
                Turn::Lead(flight) => {
                    let ending = self.exchange(key, invocation).await;
                    flight.end(&ending);
                    return ending.map(|kept| (kept, false));
                }
                Turn::Wait(mut flight) => {
                    let time_left = left(invocation.give_up_at, now);
                    let ending: Option<Ending> = tokio::select! {
                        biased;
                        ending = flight.wait_for(Option::is_some) => {
                            ending.ok().and_then(|ending| ending.clone())
                        }
                        () = self.ports.clock.sleep(time_left) => {
                            let kind = ErrorKind::LwaUnavailable;
                            return Err(ExchangerError::out_of_time(kind, &key.application));
                        }
                    };
                    match ending {
                        Some(Ok(kept)) => return Ok((kept, true)),
                        // Its leader had less time than is left here.
                        Some(Err(error))
                            if error.ran_out_of_time
                                && left(invocation.give_up_at, self.ports.clock.now())
                                    >= SHORTEST_ATTEMPT => {}
                        Some(Err(error)) => return Err(error),
                        // Its leader was given up.
                        None => {}
                    }
                }
            }
        }
    }

    /// Reads the vault and asks LWA, with another secret where that is worth a try.
    async fn exchange(&self, key: &TokenKey, invocation: &mut Invocation) -> Ending {
        let application = &key.application;
        let mut credentials = self.read_or_remember(key, invocation).await?;
        let mut secret = credentials.client_secret.clone();
        let mut refused: Vec<Refused> = Vec::new();
        let mut has_read_again = false;
        let mut is_previous = false;
        let (token, requested_at) = loop {
            let error = match self.ask_lwa(key, &credentials, &secret, invocation).await {
                Ok(answer) => break answer,
                Err(error) => error,
            };
            let rejected = |credentials: &Credentials, refused: &[Refused]| {
                let tried: Vec<SecretVersion> = refused
                    .iter()
                    .map(|refused| refused.secret.version.clone())
                    .collect();
                ExchangerError::of_lwa(&self.settings, key, credentials, &tried, &error)
            };
            if error.failure != LwaFailure::ClientRefused {
                return Err(rejected(&credentials, &refused));
            }
            tracing::warn!(
                application = application.as_str(),
                secret.version = secret.version.as_str(),
                "LWA refuses version {} of the client secret of application {application}",
                secret.version
            );
            refused.push(Refused {
                client_id: credentials.client_id.clone(),
                secret,
            });
            if !has_read_again {
                has_read_again = true;
                self.cache.drop_credentials(key);
                credentials = self.read(key, invocation).await?;
            }
            let recovery = if is_previous {
                Recovery::GiveUp
            } else {
                after_refusal(&refused, &credentials, self.ports.clock.now())
            };
            secret = match recovery {
                Recovery::UseCurrent => credentials.client_secret.clone(),
                Recovery::UsePrevious => {
                    is_previous = true;
                    self.previous_secret(key, &credentials, invocation)
                        .await?
                        .filter(|previous| {
                            !refused
                                .iter()
                                .any(|one| one.is(&credentials.client_id, previous))
                        })
                        .ok_or_else(|| rejected(&credentials, &refused))?
                }
                Recovery::GiveUp => return Err(rejected(&credentials, &refused)),
            };
        };
        if is_previous {
            invocation.previous_secret_used = true;
            tracing::warn!(
                application = application.as_str(),
                secret.version = secret.version.as_str(),
                "LWA does not know the newest client secret of application {application} yet: \
                 used version {}, which works for seven days after a rotation",
                secret.version
            );
        }
        invocation.exchanges += 1;
        let kept = KeptToken {
            expires_at: expires_at(requested_at, token.expires_in),
            token,
            secret_version: secret.version,
            vault_version: credentials.client_secret.version.clone(),
        };
        self.cache.keep_credentials(key, credentials);
        Ok(kept)
    }

    /// The credentials as the vault holds them, or, when it does not answer, as it last did.
    async fn read_or_remember(
        &self,
        key: &TokenKey,
        invocation: &Invocation,
    ) -> Result<Credentials, ExchangerError> {
        match self.read(key, invocation).await {
            Err(error) if error.is_transient => match self.cache.credentials(key) {
                Some(credentials) => {
                    let application = key.application.as_str();
                    tracing::warn!(application, "the last known credentials are used: {error}");
                    Ok(credentials)
                }
                None => Err(error),
            },
            result => result,
        }
    }

    async fn read(
        &self,
        key: &TokenKey,
        invocation: &Invocation,
    ) -> Result<Credentials, ExchangerError> {
        let reading = self.cache.begin_reading();
        let token = key.subject.refresh_token();
        let read = self.ports.vault.read(&key.application, &token);
        let credentials = self
            .in_time(invocation, read)
            .await
            .map_err(|error| ExchangerError::of_vault(&key.application, &error))?;
        self.cache.note_version(
            &key.application,
            reading,
            &credentials.client_secret.version,
        );
        Ok(credentials)
    }

    /// The secret before the current one. One that cannot be read for good counts as if there
    /// were none, because it does not change what LWA has said. One that cannot be read for the
    /// moment may well work: the caller has to try again rather than to look for a new secret.
    async fn previous_secret(
        &self,
        key: &TokenKey,
        credentials: &Credentials,
        invocation: &Invocation,
    ) -> Result<Option<StoredSecret>, ExchangerError> {
        let current = &credentials.client_secret;
        let read = self
            .ports
            .vault
            .read_previous_secret(&key.application, current);
        match self.in_time(invocation, read).await {
            Ok(previous) => Ok(previous),
            Err(error) if error.is_transient() => {
                Err(ExchangerError::of_vault(&key.application, &error))
            }
            Err(error) => {
                tracing::warn!(
                    application = key.application.as_str(),
                    "the previous client secret could not be read: {error}"
                );
                Ok(None)
            }
        }
    }

    /// The vault's answer, within the invocation's time.
    async fn in_time<T>(
        &self,
        invocation: &Invocation,
        answer: impl Future<Output = Result<T, VaultError>>,
    ) -> Result<T, VaultError> {
        let time_left = left(invocation.give_up_at, self.ports.clock.now());
        tokio::select! {
            biased;
            answer = answer => answer,
            () = self.ports.clock.sleep(time_left) => Err(VaultError::Call(CallError {
                operation: match self.settings.vault {
                    VaultKind::ParameterStore => "GetParameters",
                    VaultKind::SecretsManager => "GetSecretValue",
                },
                failure: CallFailure::TimedOut,
                detail: "no answer within the invocation's time".into(),
            })),
        }
    }

    /// One exchange, tried again while it fails for a passing reason and time is left. Gives
    /// the token and when it was asked for.
    async fn ask_lwa(
        &self,
        key: &TokenKey,
        credentials: &Credentials,
        secret: &StoredSecret,
        invocation: &mut Invocation,
    ) -> Result<(AccessToken, Timestamp), LwaError> {
        let grant = match (&key.subject, &credentials.refresh_token) {
            (Subject::Grantless(scope), _) => Grant::ClientCredentials(scope.clone()),
            (_, Some(token)) => Grant::RefreshToken(token.clone()),
            (_, None) => {
                // A vault that was asked for a refresh token gives one or an error.
                let problem = "the vault gave no refresh token";
                return Err(LwaError::without_answer(
                    LwaFailure::RequestRefused,
                    problem,
                ));
            }
        };
        let request = TokenRequest {
            client_id: credentials.client_id.clone(),
            client_secret: secret.value.clone(),
            grant,
        };
        let mut attempts = 0;
        loop {
            let requested_at = self.ports.clock.now();
            let time_left = left(invocation.give_up_at, requested_at).min(LONGEST_ATTEMPT);
            let result = self.ports.lwa.exchange(&request, time_left).await;
            let now = self.ports.clock.now();
            attempts += 1;
            let error = match result {
                Ok(token) => {
                    invocation.lwa_latency = Some(now.duration_since(requested_at));
                    return Ok((token, requested_at));
                }
                Err(error) => error,
            };
            let time_left = left(invocation.give_up_at, now);
            let pause = pause(attempts, fastrand::f64(), error.retry_after, time_left)
                .filter(|_| error.is_transient());
            let Some(pause) = pause else {
                return Err(error);
            };
            tracing::warn!(
                application = key.application.as_str(),
                attempts,
                pause_ms = pause.as_millis(),
                "an exchange failed and is tried again: {error}"
            );
            invocation.retries += 1;
            self.ports.clock.sleep(pause).await;
        }
    }

    /// Tries the credentials on LWA and the token on SP-API, because each may still accept what
    /// the other already refuses.
    async fn check(
        &self,
        key: &TokenKey,
        invocation: &mut Invocation,
    ) -> Result<CheckResponse, ExchangerError> {
        let answer = |lwa, sp_api, detail: String| CheckResponse {
            application: key.application.clone(),
            lwa,
            sp_api,
            detail,
        };
        let kept = match self.obtain(key, true, invocation).await {
            Ok((kept, _)) => kept,
            Err(error) => {
                let verdict = match error.kind {
                    ErrorKind::CredentialRejected => Verdict::CredentialRejected,
                    ErrorKind::AuthorizationRevoked => Verdict::AuthorizationRevoked,
                    ErrorKind::InvalidRequest => Verdict::Refused,
                    // What could not be found out is no finding.
                    ErrorKind::CredentialMissing
                    | ErrorKind::VaultUnavailable
                    | ErrorKind::LwaUnavailable
                    | ErrorKind::SpApiUnavailable => return Err(error),
                };
                return Ok(answer(verdict, Verdict::NotChecked, error.to_string()));
            }
        };
        match self.ask_sp_api(key, &kept.token, invocation).await {
            Ok(()) => {
                let detail = format!(
                    "version {} of the client secret works at LWA and SP-API",
                    kept.secret_version
                );
                Ok(answer(Verdict::Ok, Verdict::Ok, detail))
            }
            Err(error) => match error.refusal() {
                None => Err(ExchangerError::of_sp_api(&key.application, &error)),
                Some(refusal) => {
                    if refusal == Refusal::SecretExpired {
                        // Nobody should get this token, or another one for this secret.
                        self.cache.drop_credentials(key);
                    }
                    let (verdict, advice) = self.judge(key, &kept, refusal);
                    Ok(answer(Verdict::Ok, verdict, format!("{error}; {advice}")))
                }
            },
        }
    }

    async fn ask_sp_api(
        &self,
        key: &TokenKey,
        token: &AccessToken,
        invocation: &mut Invocation,
    ) -> Result<(), SpApiError> {
        let mut attempts = 0;
        loop {
            let now = self.ports.clock.now();
            let time_left = left(invocation.give_up_at, now).min(LONGEST_ATTEMPT);
            let result = match key.subject {
                Subject::Grantless(_) => {
                    self.ports
                        .sp_api
                        .notification_destinations(token, time_left)
                        .await
                }
                Subject::OwnAccount | Subject::Seller(_) => {
                    self.ports
                        .sp_api
                        .marketplace_participations(token, time_left)
                        .await
                }
            };
            attempts += 1;
            let Err(error) = result else { return Ok(()) };
            let time_left = left(invocation.give_up_at, self.ports.clock.now());
            let pause =
                pause(attempts, fastrand::f64(), None, time_left).filter(|_| error.is_transient());
            let Some(pause) = pause else {
                return Err(error);
            };
            tracing::warn!(
                application = key.application.as_str(),
                attempts,
                pause_ms = pause.as_millis(),
                "a call failed and is tried again: {error}"
            );
            invocation.retries += 1;
            self.ports.clock.sleep(pause).await;
        }
    }

    /// What a refusal by SP-API means, and what to do about it.
    fn judge(&self, key: &TokenKey, kept: &KeptToken, refusal: Refusal) -> (Verdict, String) {
        let place = |role: &Role| {
            self.settings
                .vault
                .place(&self.settings.deployment.layout, &key.application, role)
        };
        match (refusal, key.subject.refresh_token().role()) {
            (Refusal::SecretExpired, _) => (
                Verdict::CredentialRejected,
                format!(
                    "version {} of the client secret has expired, although LWA still issues \
                     tokens for it; rotate it in the developer console and store the new one \
                     in {}. If it was rotated within the last hour, SP-API may not know the new \
                     one yet. The sellers need not authorise again",
                    kept.secret_version,
                    place(&Role::ClientSecret)
                ),
            ),
            (Refusal::AccessDenied, Some(role)) => (
                Verdict::AuthorizationRevoked,
                format!(
                    "the seller has withdrawn the authorisation, or the application lacks the \
                     role for this call; authorise it again and store the new refresh token \
                     in {}. The client secret works",
                    place(&role)
                ),
            ),
            (Refusal::AccessDenied, None) => (
                Verdict::AccessDenied,
                "the application may not use notifications; give it the role in the developer \
                 console"
                    .to_owned(),
            ),
            (Refusal::TokenMissing, _) => (
                Verdict::Refused,
                "a proxy on the way drops the header x-amz-access-token".to_owned(),
            ),
            (Refusal::TokenExpired | Refusal::Other, _) => (
                Verdict::Refused,
                "a token just issued was refused for a reason that is not known here; Amazon's \
                 support asks for the request id"
                    .to_owned(),
            ),
        }
    }
}

impl Invocation {
    fn metrics(&self, result: &Result<Response, ExchangerError>) -> Vec<Metric> {
        let mut metrics = vec![
            Metric::count("TokenExchanges", self.exchanges),
            Metric::count("CacheHits", self.cache_hits),
            Metric::count("PreviousSecretUsed", usize::from(self.previous_secret_used)),
            Metric::count("Retries", self.retries),
        ];
        if let Some(latency) = self.lwa_latency {
            metrics.push(Metric {
                name: "LwaLatencyMs",
                unit: Unit::Milliseconds,
                value: latency.as_secs_f64() * 1000.0,
            });
        }
        if let Ok(Response::Check(check)) = result {
            metrics.push(Metric::count("CheckFailures", usize::from(!check.is_ok())));
        }
        metrics
    }
}
