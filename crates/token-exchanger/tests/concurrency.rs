//! Many callers at once, on tokio's paused clock: waiting takes no time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::ExposeSecret;
use lwa_core::config::Lookup;
use lwa_core::lwa::{AccessToken, Grant, LwaError, LwaFailure, TokenEndpoint, TokenRequest};
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, Clock, Metrics};
use lwa_core::sp_api::{Operation, SellingPartnerApi, SpApiError};
use lwa_core::vault::Vault;
use lwa_core::vault::ports::{
    Page, ParameterFilter, ParameterMetadata, ParameterValue, ReadMetadata, ReadValues,
    SecretMetadata, SecretValue, SecretVersionEntry, Tags, VersionSelector,
};
use serde_json::{Value, json};
use token_exchanger::{
    ErrorKind, ExchangerError, Ports, Response, Settings, TokenExchanger, TokenResponse,
};
use tokio::time::Instant;

/// An outside that takes a second for each exchange.
#[derive(Clone)]
struct Outside {
    begun: Instant,
    exchanges: Arc<AtomicUsize>,
    readings: Arc<AtomicUsize>,
    /// What LWA says until which second.
    failure: Option<(LwaFailure, u64)>,
}

type Exchanger = TokenExchanger<Outside, Outside, Outside, Outside, Outside>;

impl Outside {
    fn new(failure: Option<(LwaFailure, u64)>) -> Self {
        Self {
            begun: Instant::now(),
            exchanges: Arc::default(),
            readings: Arc::default(),
            failure,
        }
    }

    fn exchanger(&self) -> Arc<Exchanger> {
        let settings = Settings::from_lookup(&Lookup::new(|_| None)).unwrap();
        let ports = Ports {
            vault: Vault::new(self.clone(), settings.vault, settings.layout.clone()),
            lwa: self.clone(),
            sp_api: self.clone(),
            clock: self.clone(),
            metrics: self.clone(),
        };
        Arc::new(TokenExchanger::new(settings, ports))
    }

    fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }

    fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }
}

impl Clock for Outside {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.begun.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Metrics for Outside {
    fn record(&self, _: &MetricSet, _: Timestamp) {}
}

/// Every parameter exists, and holds its own name.
impl ReadValues for Outside {
    async fn get_parameters(&self, names: &[String]) -> Result<Vec<ParameterValue>, CallError> {
        self.readings.fetch_add(1, Ordering::SeqCst);
        let value = |name: &String| ParameterValue {
            name: name.clone(),
            value: name.as_str().into(),
            version: 1,
            written_at: Some(Timestamp::MIN),
        };
        Ok(names.iter().map(value).collect())
    }

    async fn get_secret_value(
        &self,
        _: &str,
        _: VersionSelector<'_>,
    ) -> Result<SecretValue, CallError> {
        unreachable!("the vault is Parameter Store")
    }
}

/// An exchange reads no metadata.
impl ReadMetadata for Outside {
    async fn describe_parameters(
        &self,
        _: ParameterFilter<'_>,
        _: Option<&str>,
    ) -> Result<Page<ParameterMetadata>, CallError> {
        unreachable!()
    }

    async fn list_parameter_tags(&self, _: &str) -> Result<Tags, CallError> {
        unreachable!()
    }

    async fn list_secrets(
        &self,
        _: &str,
        _: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        unreachable!()
    }

    async fn describe_secret(&self, _: &str) -> Result<SecretMetadata, CallError> {
        unreachable!()
    }

    async fn list_secret_version_ids(
        &self,
        _: &str,
        _: bool,
        _: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        unreachable!()
    }
}

impl TokenEndpoint for Outside {
    async fn exchange(
        &self,
        request: &TokenRequest,
        timeout: Duration,
    ) -> Result<AccessToken, LwaError> {
        let number = self.exchanges.fetch_add(1, Ordering::SeqCst);
        let work = Duration::from_secs(1);
        tokio::time::sleep(work.min(timeout)).await;
        if timeout < work {
            return Err(LwaError::without_answer(LwaFailure::TimedOut, "too slow"));
        }
        if let Some((failure, until)) = self.failure
            && self.seconds() < until
        {
            return Err(LwaError::without_answer(failure, "scripted"));
        }
        let Grant::RefreshToken(token) = &request.grant else {
            panic!("not asked for here")
        };
        Ok(AccessToken {
            value: format!("{} {number}", token.expose_secret()).into(),
            token_type: "bearer".into(),
            expires_in: Duration::from_hours(1),
        })
    }
}

impl SellingPartnerApi for Outside {
    async fn perform(
        &self,
        operation: Operation,
        _: &AccessToken,
        _: Duration,
    ) -> Result<(), SpApiError> {
        assert_ne!(
            operation,
            Operation::RotateApplicationClientSecret,
            "the exchanger never rotates"
        );
        Ok(())
    }
}

type Task = tokio::task::JoinHandle<Result<TokenResponse, ExchangerError>>;

fn ask(exchanger: &Arc<Exchanger>, event: Value, seconds: u64) -> Task {
    let exchanger = Arc::clone(exchanger);
    tokio::spawn(async move {
        match exchanger
            .handle(event, Duration::from_secs(seconds))
            .await?
        {
            Response::Token(token) => Ok(token),
            Response::Check(check) => panic!("{check:?}"),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_for_one_key_cause_one_exchange() {
    let outside = Outside::new(None);
    let exchanger = outside.exchanger();
    let tasks: Vec<Task> = (0..100)
        .map(|n| ask(&exchanger, json!({"force_refresh": n % 2 == 0}), 30))
        .collect();
    let mut values = Vec::new();
    let mut fresh = 0;
    for task in tasks {
        let token = task.await.unwrap().unwrap();
        fresh += usize::from(!token.cached);
        values.push(token.access_token.expose_secret().to_owned());
    }
    values.dedup();
    assert_eq!((values.len(), fresh), (1, 1));
    assert_eq!(outside.exchanges(), 1);
    assert_eq!(outside.readings.load(Ordering::SeqCst), 1);
    assert_eq!(outside.seconds(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_for_ten_keys_cause_ten_exchanges_at_once() {
    let outside = Outside::new(None);
    let exchanger = outside.exchanger();
    let tasks: Vec<(usize, Task)> = (0..100)
        .map(|n| {
            (
                n % 10,
                ask(&exchanger, json!({"seller": format!("A{}", n % 10)}), 30),
            )
        })
        .collect();
    for (seller, task) in tasks {
        let token = task.await.unwrap().unwrap();
        let value = token.access_token.expose_secret();
        assert!(
            value.contains(&format!("/A{seller}/")),
            "{value} for {seller}"
        );
    }
    assert_eq!(outside.exchanges(), 10);
    // One after the other they would take ten seconds.
    assert_eq!(outside.seconds(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_given_up_strands_nobody() {
    let outside = Outside::new(None);
    let exchanger = outside.exchanger();
    let leader = ask(&exchanger, json!({}), 30);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waiting: Vec<Task> = (0..20).map(|_| ask(&exchanger, json!({}), 30)).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(outside.exchanges(), 1);
    leader.abort();
    for task in waiting {
        assert!(task.await.unwrap().is_ok());
    }
    assert_eq!(outside.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shared_by_all_who_waited_and_not_kept_for_those_who_come_later() {
    let outside = Outside::new(Some((LwaFailure::GrantRefused, 2)));
    let exchanger = outside.exchanger();
    let tasks: Vec<Task> = (0..100).map(|_| ask(&exchanger, json!({}), 30)).collect();
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::AuthorizationRevoked);
    }
    assert_eq!(outside.exchanges(), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ask(&exchanger, json!({}), 30).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_has_more_time_goes_on_when_the_leader_has_none_left() {
    let outside = Outside::new(Some((LwaFailure::Unavailable, 6)));
    let exchanger = outside.exchanger();
    let hasty = ask(&exchanger, json!({}), 3);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let patient: Vec<Task> = (0..50).map(|_| ask(&exchanger, json!({}), 30)).collect();
    let error = hasty.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::LwaUnavailable);
    assert!(outside.seconds() < 3);
    let before = outside.exchanges();
    for task in patient {
        assert!(task.await.unwrap().is_ok());
    }
    // Still one at a time.
    assert!(outside.exchanges() - before <= 6, "{}", outside.exchanges());
}

#[tokio::test(start_paused = true)]
async fn whoever_has_less_time_than_the_leader_gives_up_alone() {
    let outside = Outside::new(Some((LwaFailure::Unavailable, 10)));
    let exchanger = outside.exchanger();
    let patient = ask(&exchanger, json!({}), 60);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let error = ask(&exchanger, json!({}), 2).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::LwaUnavailable);
    assert!(error.to_string().contains("no time is left"), "{error}");
    assert!(outside.seconds() < 2);
    assert!(patient.await.unwrap().is_ok());
}
