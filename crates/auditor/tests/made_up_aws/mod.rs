//! An AWS that makes its estate up page by page, so that it takes no memory of its own, and
//! knows no operation that returns a value.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditor::{Auditor, Response, Settings};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use jiff::SignedDuration;
use lwa_aws::account::Account;
use lwa_core::Timestamp;
use lwa_core::config::Lookup;
use lwa_core::ports::Clock;
use lwa_local::World;
use serde_json::{Value, json};

/// Parameters per application: client id, client secret, and refresh tokens.
pub(crate) const PER_APPLICATION: usize = 20;

/// One that counts what it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Aws(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parameters: usize,
    order: Order,
    calls: Mutex<BTreeMap<String, usize>>,
    throttled: AtomicUsize,
}

/// In which order parameters are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those of one application together.
    Name,
    /// All client secrets at the end, after all refresh tokens and client ids: the worst for
    /// a scan that waits for the second half of an application.
    RoleByRole,
    /// As if shuffled.
    Scattered,
}

impl Aws {
    /// With so many parameters, listed in this order.
    pub(crate) fn new(parameters: usize, order: Order) -> Self {
        Self(Arc::new(Inner {
            parameters,
            order,
            calls: Mutex::default(),
            throttled: AtomicUsize::new(0),
        }))
    }

    /// Calls that succeeded, by operation.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        self.0.calls.lock().unwrap().clone()
    }

    /// Throttles the next calls.
    pub(crate) fn throttle(&self, calls: usize) {
        self.0.throttled.store(calls, Ordering::Relaxed);
    }

    fn answer(&self, operation: &str, request: &Value) -> Value {
        match operation {
            "AmazonSSM.DescribeParameters" => self.describe_parameters(request),
            "AmazonSSM.ListTagsForResource" => json!({"TagList": [
                {"Key": "lwa:secret-expires-at", "Value": "2026-10-28T06:00:00Z"},
            ]}),
            "secretsmanager.ListSecrets" => json!({"SecretList": [{"Name": "my-erp/undated"}]}),
            "secretsmanager.ListSecretVersionIds" => json!({"Versions": []}),
            other => panic!("the auditor must not call {other}"),
        }
    }

    fn describe_parameters(&self, request: &Value) -> Value {
        let filter = &request["ParameterFilters"][0];
        if filter["Key"] == "Name" {
            let names = filter["Values"].as_array().unwrap();
            let found: Vec<_> = names
                .iter()
                .map(|name| metadata(name.as_str().unwrap()))
                .collect();
            return json!({"Parameters": found});
        }
        let start: usize = request["NextToken"]
            .as_str()
            .map_or(0, |token| token.parse().unwrap());
        let end = (start + 50).min(self.0.parameters);
        let parameters: Vec<_> = (start..end)
            .map(|index| metadata(&self.name(index)))
            .collect();
        let mut page = json!({"Parameters": parameters});
        if end < self.0.parameters {
            page["NextToken"] = json!(end.to_string());
        }
        page
    }

    fn name(&self, index: usize) -> String {
        let applications = self.0.parameters / PER_APPLICATION;
        let index = match self.0.order {
            Order::Name => index,
            Order::RoleByRole => {
                let role = PER_APPLICATION - 1 - index / applications;
                (index % applications) * PER_APPLICATION + role
            }
            // A step that shares no factor with the length visits everything once.
            Order::Scattered => index * 7919 % self.0.parameters,
        };
        let root = format!("/my-erp/application-{:06}", index / PER_APPLICATION);
        match index % PER_APPLICATION {
            0 => format!("{root}/lwa/clientsecret"),
            1 => format!("{root}/lwa/clientidentifier"),
            seller => format!("{root}/sellers/A{seller}/refreshToken"),
        }
    }

    fn config(&self) -> SdkConfig {
        let aws = self.clone();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-2"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "id", "secret", None, None, "test",
            )))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(http_client_fn(move |_, _| {
                SharedHttpConnector::new(aws.clone())
            }))
            .build()
    }

    /// Audits it in one invocation.
    pub(crate) async fn audit(&self, vault: &str) -> Response {
        let auditor = self.auditor(vault, TestClock::standing());
        auditor
            .handle(json!({}), Duration::from_mins(15))
            .await
            .unwrap()
    }

    /// Audits it in as many invocations as it takes, each of about 20 pages, and gives the
    /// last response and the number of invocations.
    pub(crate) async fn audit_in_parts(&self) -> (Response, u32) {
        let mut input = json!({});
        for invocation in 1.. {
            let auditor = self.auditor("parameter-store", TestClock::running());
            let response = auditor
                .handle(input, Duration::from_secs(90))
                .await
                .unwrap();
            let answer = json!(response);
            assert!(answer.to_string().len() < 256 * 1024);
            if response.complete {
                return (response, invocation);
            }
            input = json!({"continuation": answer["continuation"]});
        }
        unreachable!()
    }

    fn auditor(&self, vault: &str, clock: TestClock) -> Auditor<Account, World, TestClock, World> {
        let lookup = Lookup::new(|name: &str| (name == "LWA_VAULT").then(|| vault.to_owned()));
        let config = self.config();
        let world = World::new(clock.now());
        // As `from_aws` makes them, but without the adaptive mode's half minute of slow calls
        // after the first that is throttled.
        Auditor::new(
            Settings::from_lookup(&lookup).unwrap(),
            Account::from_clients(
                aws_sdk_ssm::Client::new(&config),
                aws_sdk_secretsmanager::Client::new(&config),
            ),
            world.clone(),
            clock,
            world,
        )
    }
}

/// A clock that moves so many seconds each time it is read.
struct TestClock {
    step: i64,
    looks: AtomicI64,
}

impl TestClock {
    fn standing() -> Self {
        Self {
            step: 0,
            looks: AtomicI64::new(0),
        }
    }

    fn running() -> Self {
        Self {
            step: 1,
            looks: AtomicI64::new(0),
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        "2026-06-02T06:00:00Z".parse::<Timestamp>().unwrap()
            + SignedDuration::from_secs(looks * self.step)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// With the policies that a well-kept client secret has, which are most of a page.
fn metadata(name: &str) -> Value {
    let policies: Vec<_> = if name.ends_with("clientsecret") {
        [90, 150, 165, 173]
            .map(|days| {
                json!({
                    "PolicyText": format!("{{\"Type\":\"NoChangeNotification\",\"Version\":\"1.0\",\"Attributes\":{{\"After\":\"{days}\",\"Unit\":\"Days\"}}}}"),
                    "PolicyType": "NoChangeNotification",
                    "PolicyStatus": "Pending",
                })
            })
            .to_vec()
    } else {
        Vec::new()
    };
    json!({
        "Name": name,
        "ARN": format!("arn:aws:ssm:us-east-2:111122223333:parameter{name}"),
        "Type": "SecureString",
        "KeyId": "alias/lwa-credentials",
        "LastModifiedDate": 1_777_615_200,
        "LastModifiedUser": "arn:aws:iam::111122223333:user/alice",
        "Version": 1,
        "Tier": "Advanced",
        "Policies": policies,
        "DataType": "text",
    })
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request
            .headers()
            .get("x-amz-target")
            .unwrap_or("none")
            .to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let throttle =
            self.0
                .throttled
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                });
        let (status, answer) = if throttle.is_ok() {
            (
                400,
                json!({"__type": "ThrottlingException", "message": "Rate exceeded"}),
            )
        } else {
            *self
                .0
                .calls
                .lock()
                .unwrap()
                .entry(operation.clone())
                .or_default() += 1;
            (200, self.answer(&operation, &body))
        };
        let response = http::Response::builder()
            .status(status)
            .body(SdkBody::from(answer.to_string()))
            .unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
    }
}
