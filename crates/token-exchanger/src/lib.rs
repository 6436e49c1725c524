//! token-exchanger: access tokens for stored credentials, across rotations of the client secret.
//!
//! The handler reads, calls and waits. [`lwa_core::exchange`] decides what to try after a
//! refusal, how long to pause and how long a token is kept.
//!
//! A token is kept until a minute before it expires. The first request for a token that is not
//! kept leads an exchange, and requests for the same one wait for it. Each exchange reads the
//! vault, so it sees a stored rotation; remembered credentials are used only while the vault does
//! not answer. A caller can force an exchange, or check one, once a minute for each token; in
//! between it gets the token of the last one, so that no caller can make LWA throttle the others.

mod cache;
mod check;
mod error;
mod request;
mod response;
mod settings;

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::application::Layout;
use lwa_core::consumers::{Access, Caller, Consumers};
use lwa_core::exchange::{
    FORCED_AGAIN_AFTER, Recovery, Refused, SHORTEST_ATTEMPT, Subject, TokenKey, after_refusal,
    expires_at, left, pause,
};
use lwa_core::lwa::{AccessToken, Grant, LwaError, LwaFailure, TokenEndpoint, TokenRequest};
use lwa_core::metrics::{Metric, MetricSet, Unit};
use lwa_core::ports::{CallError, CallFailure, Clock, Metrics};
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::ports::{ReadMetadata, ReadValues};
use lwa_core::vault::{Credentials, StoredSecret, Vault, VaultError, VaultKind};
use serde_json::Value;

use crate::cache::{Cache, Ending, KeptToken, Turn};
use crate::request::{Action, Request};

pub use crate::error::{ErrorKind, ExchangerError};
pub use crate::request::FIELDS;
pub use crate::response::{CheckResponse, Response, TokenResponse, Verdict};
pub use crate::settings::Settings;

/// The part of an invocation's time that is reserved for the response.
const RESERVE: Duration = Duration::from_millis(250);

/// Longest wait for one answer of LWA or SP-API. The clients have limits of their own.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(10);

/// Checks a request without connecting to anything.
pub fn validate(request: &Value, layout: &Layout) -> Result<(), ExchangerError> {
    Request::parse(request, layout, Access::Full).map(drop)
}

/// The services that the exchanger uses.
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

/// The function over its ports. One instance serves any number of concurrent invocations.
pub struct TokenExchanger<A, L, S, C, M> {
    settings: Settings,
    ports: Ports<A, L, S, C, M>,
    cache: Cache,
}

/// How much time one invocation has, and what it did.
#[derive(Default)]
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

    /// Answers one request of an operator, who may have everything, within `remaining`.
    pub async fn handle(
        &self,
        event: Value,
        remaining: Duration,
    ) -> Result<Response, ExchangerError> {
        self.handle_from(Caller::Operator, event, remaining).await
    }

    /// Answers one request within `remaining`, the time until the platform ends the invocation,
    /// if `caller` may have what it asks for.
    pub async fn handle_from(
        &self,
        caller: Caller<'_>,
        event: Value,
        remaining: Duration,
    ) -> Result<Response, ExchangerError> {
        let access = Consumers::access(self.settings.consumers.as_ref(), caller)?;
        let request = Request::parse(&event, &self.settings.layout, access)?;
        let now = self.ports.clock.now();
        let usable = SignedDuration::try_from(remaining.saturating_sub(RESERVE))
            .unwrap_or(SignedDuration::MAX);
        let mut invocation = Invocation {
            give_up_at: now.checked_add(usable).unwrap_or(Timestamp::MAX),
            ..Invocation::default()
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
                namespace: self.settings.metrics_namespace.clone(),
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

    /// A token for a key, and whether another request obtained it.
    async fn obtain(
        &self,
        key: &TokenKey,
        force: bool,
        invocation: &mut Invocation,
    ) -> Result<(KeptToken, bool), ExchangerError> {
        loop {
            match self.cache.turn(key, force, self.ports.clock.now()) {
                Turn::Take(kept) => {
                    if force {
                        tracing::warn!(
                            application = key.application.as_str(),
                            "a forced refresh was answered from the cache: the token was renewed \
                             less than {} seconds ago",
                            FORCED_AGAIN_AFTER.as_secs()
                        );
                    }
                    return Ok((kept, true));
                }
                Turn::Lead(flight) => {
                    let ending = self.exchange(key, invocation).await;
                    flight.end(&ending, self.ports.clock.now());
                    return ending.map(|kept| (kept, false));
                }
                Turn::Wait(mut flight) => {
                    let time_left = invocation.time_left(&self.ports.clock);
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
                        // The leader ran out of time, but there is some left here.
                        Some(Err(error))
                            if error.ran_out_of_time
                                && invocation.time_left(&self.ports.clock) >= SHORTEST_ATTEMPT => {}
                        Some(Err(error)) => return Err(error),
                        // The leader was cancelled.
                        None => {}
                    }
                }
            }
        }
    }

    /// Reads the vault and asks LWA, with another secret if LWA refuses one.
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
                ExchangerError::of_lwa(&self.settings, key, credentials, refused, &error)
            };
            if error.failure != LwaFailure::ClientRefused {
                return Err(rejected(&credentials, &refused));
            }
            tracing::warn!(
                application = application.as_str(),
                secret.version = secret.version.as_str(),
                "LWA refused version {} of the client secret of application {application}",
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
            let next = match recovery {
                Recovery::UseCurrent => Some(credentials.client_secret.clone()),
                Recovery::UsePrevious => {
                    is_previous = true;
                    let previous = self.previous_secret(key, &credentials, invocation).await?;
                    previous.filter(|secret| {
                        let id = &credentials.client_id;
                        !refused.iter().any(|refused| refused.is(id, secret))
                    })
                }
                Recovery::GiveUp => None,
            };
            secret = next.ok_or_else(|| rejected(&credentials, &refused))?;
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

    /// The credentials in the vault, or the last known ones while it does not answer.
    async fn read_or_remember(
        &self,
        key: &TokenKey,
        invocation: &Invocation,
    ) -> Result<Credentials, ExchangerError> {
        let result = self.read(key, invocation).await;
        if let Err(error) = &result
            && error.is_transient
            && let Some(credentials) = self.cache.credentials(key)
        {
            let application = key.application.as_str();
            tracing::warn!(application, "using the last known credentials: {error}");
            return Ok(credentials);
        }
        result
    }

    async fn read(
        &self,
        key: &TokenKey,
        invocation: &Invocation,
    ) -> Result<Credentials, ExchangerError> {
        let reading = self.cache.begin_reading();
        let token = key.subject.refresh_token();
        let read = self.ports.vault.read(&key.application, token.as_ref());
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

    /// The previous secret. A permanent failure to read it counts as if there were none, because
    /// LWA's answer stands. After a transient failure the caller must try again, because the
    /// previous secret may work.
    async fn previous_secret(
        &self,
        key: &TokenKey,
        credentials: &Credentials,
        invocation: &Invocation,
    ) -> Result<Option<StoredSecret>, ExchangerError> {
        let (vault, current) = (&self.ports.vault, &credentials.client_secret);
        let read = vault.read_previous_secret(&key.application, current);
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
        let time_left = invocation.time_left(&self.ports.clock);
        tokio::select! {
            biased;
            answer = answer => answer,
            () = self.ports.clock.sleep(time_left) => Err(VaultError::Call(CallError {
                operation: match self.settings.vault {
                    VaultKind::ParameterStore => "GetParameters",
                    VaultKind::SecretsManager => "GetSecretValue",
                },
                failure: CallFailure::TimedOut,
                code: None,
                detail: "no answer within the invocation's time".into(),
            })),
        }
    }

    /// One exchange, retried after transient failures while time is left. Returns the token and
    /// when it was requested.
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
                // A vault that was asked for a refresh token returns one or an error.
                let failure = LwaFailure::RequestRefused;
                let problem = "the vault gave no refresh token";
                return Err(LwaError::without_answer(failure, problem));
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
            attempts += 1;
            match self.ports.lwa.exchange(&request, time_left).await {
                Ok(token) => {
                    let latency = self.ports.clock.now().duration_since(requested_at);
                    invocation.lwa_latency = Some(latency);
                    return Ok((token, requested_at));
                }
                Err(error) => {
                    let retry = (error.is_transient(), error.retry_after);
                    self.pause_or_fail(key, invocation, attempts, error, retry)
                        .await?;
                }
            }
        }
    }

    /// Pauses before another attempt, or returns the error if none is worthwhile.
    async fn pause_or_fail<E: fmt::Display>(
        &self,
        key: &TokenKey,
        invocation: &mut Invocation,
        attempts: u32,
        error: E,
        (is_transient, asked): (bool, Option<Duration>),
    ) -> Result<(), E> {
        let time_left = invocation.time_left(&self.ports.clock);
        let pause = pause(attempts, fastrand::f64(), asked, time_left).filter(|_| is_transient);
        let Some(pause) = pause else {
            return Err(error);
        };
        tracing::warn!(
            application = key.application.as_str(),
            attempts,
            pause_ms = pause.as_millis(),
            "a call failed and will be retried: {error}"
        );
        invocation.retries += 1;
        self.ports.clock.sleep(pause).await;
        Ok(())
    }
}

impl Invocation {
    fn time_left(&self, clock: &impl Clock) -> Duration {
        left(self.give_up_at, clock.now())
    }

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
