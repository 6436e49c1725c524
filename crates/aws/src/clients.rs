//! The SDK clients, all from one configuration and over one HTTP stack.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::sdk_config::SharedHttpClient;
use lwa_core::config::ConfigError;

use crate::environment;
use crate::http::{self, CONNECT_TIMEOUT};

/// Where the clients come from. Making it, and making clients, opens no connection, reads no
/// file and calls no service; the first request does.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    http: http::Client,
}

/// How long one call may take. Connecting has its own limit, [`CONNECT_TIMEOUT`].
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// One attempt, from the name look-up to the last byte of the answer.
    pub attempt: Duration,
    /// The whole call with its retries and the pauses between them.
    pub operation: Duration,
}

/// A client that is made with its first use. Making one parses a table of AWS's partitions, a
/// fifth of all that a function does up to its first response.
pub(crate) type Lazy<C> = Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>;

/// Makes a client later, if at all.
pub(crate) fn lazy<C>(make: impl FnOnce() -> C + Send + 'static) -> Lazy<C> {
    Arc::new(LazyLock::new(Box::new(make)))
}

impl Aws {
    /// For a Lambda function: everything from the environment variables that `get` finds.
    pub fn from_environment(
        get: impl Fn(&str) -> Option<String>,
        timeouts: Timeouts,
    ) -> Result<Self, ConfigError> {
        let http = http::Client::new(environment::ca_bundle(&get));
        let config = environment::sdk_config(get)?;
        Ok(Self::assemble(config, http, timeouts))
    }

    /// For the command line: the configuration of `aws-config`, with its profiles and single
    /// sign-on, but over this crate's HTTP stack and with these time-outs.
    pub fn from_sdk_config(config: &SdkConfig, http: http::Client, timeouts: Timeouts) -> Self {
        Self::assemble(config.clone(), http, timeouts)
    }

    fn assemble(config: SdkConfig, http: http::Client, timeouts: Timeouts) -> Self {
        let mut config = config.into_builder();
        config.set_behavior_version(Some(BehaviorVersion::latest()));
        config.set_http_client(Some(SharedHttpClient::new(http.clone())));
        config.set_sleep_impl(Some(SharedAsyncSleep::new(TokioSleep::new())));
        config.set_timeout_config(Some(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(timeouts.attempt)
                .operation_timeout(timeouts.operation)
                .build(),
        ));
        let config = config.time_source(SystemTimeSource::new()).build();
        Self { config, http }
    }

    /// The HTTP stack, for calls outside AWS.
    pub const fn http(&self) -> &http::Client {
        &self.http
    }

    /// The region that calls go to.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// The configuration itself, for clients that are not made here.
    pub const fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    /// Simple Notification Service.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// Simple Queue Service.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }
}
