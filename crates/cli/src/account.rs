//! A real AWS account, and Amazon behind it, as the subcommands reach them.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use clap::Args;
use lwa_aws::account::Account;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::lwa_client::{LWA_TIMEOUT, LwaClient};
use lwa_aws::sp_api_client::{SP_API_TIMEOUT, SpApiClient};
use lwa_aws::{environment, http};
use lwa_core::Timestamp;
use lwa_core::address::{self, PlainHttp};
use lwa_core::config::ConfigError;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::Metrics;
use lwa_core::vault::Vault;
use token_exchanger::{Ports, Settings, TokenExchanger};

use crate::settings::{AWS_ENDPOINT_URL, AWS_PROFILE, AWS_REGION, unless_given};

/// The options that every AWS tool has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsOptions {
    /// The profile of the AWS configuration to use
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The region to call instead of the configured one
    #[arg(long, value_name = "NAME", value_parser = region)]
    pub(crate) region: Option<String>,

    /// The URL to call instead of AWS's, such as an emulator's
    #[arg(long, value_name = "URL", value_parser = endpoint_url)]
    pub(crate) endpoint_url: Option<String>,
}

/// Reads the value of `--region`.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || !text.chars().all(is_label) {
        return Err("write a region's code, such as eu-west-1".to_owned());
    }
    Ok(text.to_owned())
}

fn endpoint_url(text: &str) -> Result<String, String> {
    if !address::is_service(text, PlainHttp::Anywhere) {
        return Err("write a URL without a user name, such as http://127.0.0.1:5000".to_owned());
    }
    Ok(text.to_owned())
}

/// How long a person is willing to wait for one call.
pub(crate) const PROMPT: Timeouts = Timeouts {
    attempt: Duration::from_secs(5),
    operation: Duration::from_secs(15),
};

/// Finds region and credentials as every AWS tool does: environment, profiles, single sign-on.
/// An option overrides all of them; the settings file overrides all but the environment.
pub(crate) async fn connect(options: &AwsOptions, timeouts: Timeouts) -> anyhow::Result<Aws> {
    let client = http::Client::new(environment::ca_bundle(environment::variable));
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(client.clone());
    let or_else = |option: &Option<String>, variables| {
        let option = option.clone();
        option.or_else(|| unless_given(variables))
    };
    if let Some(profile) = or_else(&options.profile, &[AWS_PROFILE]) {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = or_else(&options.region, &[AWS_REGION, "AWS_DEFAULT_REGION"]) {
        loader = loader.region(Region::new(region));
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let mut config = loader.load().await;
    if options.endpoint_url.is_none()
        && let Some(url) = unless_given(&[AWS_ENDPOINT_URL])
    {
        // In the loader it would override the variables of single services.
        config = config.into_builder().endpoint_url(url).build();
    }
    anyhow::ensure!(
        config.region().is_some(),
        "no AWS region is configured; set AWS_REGION, or name a profile that has one"
    );
    Ok(Aws::from_sdk_config(&config, client, timeouts))
}

/// How long an invocation of the exchanger may take on AWS.
pub(crate) const EXCHANGER_TIMEOUT: Duration = Duration::from_secs(30);

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
        vault: Vault::new(Account::new(aws), settings.vault, settings.layout.clone()),
        lwa,
        sp_api: sp_api_client(aws, &settings.sp_api_endpoint, SP_API_TIMEOUT),
        clock: SystemClock,
        metrics,
    };
    Ok(TokenExchanger::new(settings, ports))
}

/// LWA at the configured URL.
pub(crate) fn lwa_client(aws: &Aws, token_url: &str) -> Result<LwaClient, ConfigError> {
    LwaClient::new(aws.http().clone(), token_url, LWA_TIMEOUT)
}

/// SP-API at the configured URL.
pub(crate) fn sp_api_client(aws: &Aws, endpoint: &str, timeout: Duration) -> SpApiClient {
    SpApiClient::new(aws.http().clone(), endpoint, timeout)
}

/// Records nothing: a terminal is not the deployed function.
pub(crate) struct NoMetrics;

impl Metrics for NoMetrics {
    fn record(&self, _: &MetricSet, _: Timestamp) {}
}
