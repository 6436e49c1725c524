//! A real AWS account, and Amazon behind it, as the subcommands reach them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use lwa_aws::account::Account;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::lwa_client::{LWA_TIMEOUT, LwaClient};
use lwa_aws::notifier::SnsTopic;
use lwa_aws::sp_api_client::{SP_API_TIMEOUT, SpApiClient};
use lwa_aws::{environment, http};
use lwa_core::config::ConfigError;
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, Metrics, Notifier};
use lwa_core::vault::Vault;
use lwa_core::{ApplicationName, Layout, Timestamp};
use token_exchanger::{Ports, Settings, TokenExchanger};

use crate::arguments::AwsOptions;
use crate::settings;

/// As long as a person likes to wait for one call.
pub(crate) const PROMPT: Timeouts = Timeouts {
    attempt: Duration::from_secs(5),
    operation: Duration::from_secs(15),
};

/// Finds region and credentials as every AWS tool does: environment, profiles, single sign-on.
/// What is given as an option beats all of them, and what is in the settings file all but the
/// environment.
pub(crate) async fn connect(options: &AwsOptions, timeouts: Timeouts) -> anyhow::Result<Aws> {
    let client = http::Client::new(environment::ca_bundle(environment::variable));
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(client.clone());
    if let Some(profile) = options.profile.clone().or_else(settings::profile) {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = options.region.clone().or_else(settings::region) {
        loader = loader.region(Region::new(region));
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let mut config = loader.load().await;
    if options.endpoint_url.is_none()
        && let Some(url) = settings::endpoint_url()
    {
        // Now, because it would beat the variables of single services in the loader.
        config = config.into_builder().endpoint_url(url).build();
    }
    anyhow::ensure!(
        config.region().is_some(),
        "no AWS region is configured; set AWS_REGION, or name a profile that has one"
    );
    Ok(Aws::from_sdk_config(&config, client, timeouts))
}

/// The exchanger of the Lambda function, over a real account and Amazon.
pub(crate) type Exchanger<M> = TokenExchanger<Account, LwaClient, SpApiClient, SystemClock, M>;

/// Wires it as the function's `main` does.
pub(crate) fn token_exchanger<M: Metrics>(
    aws: &Aws,
    settings: Settings,
    metrics: M,
) -> Result<Exchanger<M>, ConfigError> {
    let lwa = lwa_client(aws, &settings.token_url)?;
    let ports = Ports {
        vault: Vault::new(
            Account::new(aws),
            settings.vault,
            settings.deployment.layout.clone(),
        ),
        lwa,
        sp_api: SpApiClient::new(
            aws.http().clone(),
            &settings.sp_api_endpoint,
            SP_API_TIMEOUT,
        ),
        clock: SystemClock,
        metrics,
    };
    Ok(TokenExchanger::new(settings, ports))
}

/// LWA at a URL out of the configuration.
pub(crate) fn lwa_client(aws: &Aws, token_url: &str) -> Result<LwaClient, ConfigError> {
    LwaClient::new(aws.http().clone(), token_url, LWA_TIMEOUT)
}

/// Where no prefix is configured, the application that somebody names is one: the default is
/// an example, and nobody should have to set a variable to ask about one application.
pub(crate) fn with_application(
    mut layout: Layout,
    application: Option<&ApplicationName>,
) -> Layout {
    let is_configured = settings::lookup()
        .get(lwa_core::config::LWA_PARAMETER_PREFIX)
        .is_some();
    if let Some(application) = application
        && !is_configured
        && !layout.contains(&application.root())
    {
        layout.prefixes = vec![application.root()];
    }
    layout
}

/// Messages that were sent, or would have been.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<Message>>>);

impl Sent {
    /// All of them, oldest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Keeps every message, and passes it on if there is a topic.
pub(crate) struct Recorder {
    topic: Option<SnsTopic>,
    sent: Sent,
}

impl Recorder {
    /// Keeps them in `sent`.
    pub(crate) fn new(topic: Option<SnsTopic>, sent: &Sent) -> Self {
        Self {
            topic,
            sent: sent.clone(),
        }
    }
}

impl Notifier for Recorder {
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        let id = match &self.topic {
            Some(topic) => topic.publish(message).await?,
            None => "not published".to_owned(),
        };
        let mut sent = self.sent.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(message.clone());
        Ok(id)
    }
}

/// Nothing is measured: a terminal is not the deployed function.
pub(crate) struct NoMetrics;

impl Metrics for NoMetrics {
    fn record(&self, _: &MetricSet, _: Timestamp) {}
}
