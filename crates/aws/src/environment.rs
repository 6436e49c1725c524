//! The process environment: the only place that reads it.
//!
//! In a Lambda function everything the AWS SDK must know is in variables, so they are read by
//! hand. `aws-config` would do it too, but it asks profile files and the instance metadata
//! service as well and takes longer than the function's work.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use lwa_core::config::{AWS_REGION, ConfigError, Lookup};
use lwa_core::text::quotable;

/// The value of one environment variable; none when it is not set or not Unicode.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Our own variables, from the process environment.
pub const fn lookup() -> Lookup<fn(&str) -> Option<String>> {
    Lookup::new(variable)
}

/// The PEM file that `AWS_CA_BUNDLE` names.
pub fn ca_bundle(get: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    Reader(get).get("AWS_CA_BUNDLE").map(PathBuf::from)
}

/// What AWS's variables say, as every AWS SDK understands them,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>: region,
/// credentials, endpoints and retries. Profiles, files and metadata services are not asked.
/// Without credentials this succeeds, and the first call says what is missing.
pub fn sdk_config(get: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, ConfigError> {
    let region = region(&get)?;
    let read = Reader(get);
    let mut config = SdkConfig::builder()
        .region(Region::new(region))
        .credentials_provider(read.credentials())
        .retry_config(read.retry()?);
    config.set_use_fips(read.flag("AWS_USE_FIPS_ENDPOINT")?);
    config.set_use_dual_stack(read.flag("AWS_USE_DUALSTACK_ENDPOINT")?);
    if read.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")? != Some(true) {
        config.set_endpoint_url(read.endpoint("AWS_ENDPOINT_URL")?);
        let mut endpoints = Vec::new();
        for (service_id, variable) in SERVICES {
            if let Some(url) = read.endpoint(variable)? {
                endpoints.push((service_id, url));
            }
        }
        config.set_service_config(Some(ServiceEndpoints(endpoints)));
    }
    Ok(config.build())
}

fn region(get: impl Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    let lookup = Lookup::new(get);
    match lookup.aws_region()? {
        Some(region) => Ok(region),
        None => lookup.required(AWS_REGION, AWS_REGION.meaning),
    }
}

/// The services that the functions call, by the id that the SDK asks with.
const SERVICES: [(&str, &str); 4] = [
    ("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ("SNS", "AWS_ENDPOINT_URL_SNS"),
    ("SQS", "AWS_ENDPOINT_URL_SQS"),
    ("SSM", "AWS_ENDPOINT_URL_SSM"),
];

/// Reads AWS's own variables; an empty one counts as not set.
struct Reader<F>(F);

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(ConfigError::Invalid {
                name,
                found: quotable(&text),
                allowed: allowed.to_owned(),
            }),
        }
    }

    fn credentials(&self) -> SharedCredentialsProvider {
        match (
            self.get("AWS_ACCESS_KEY_ID"),
            self.get("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(id), Some(secret)) => SharedCredentialsProvider::new(Credentials::new(
                id,
                secret,
                self.get("AWS_SESSION_TOKEN"),
                None,
                "environment",
            )),
            (None, _) => SharedCredentialsProvider::new(NoCredentials("AWS_ACCESS_KEY_ID")),
            (_, None) => SharedCredentialsProvider::new(NoCredentials("AWS_SECRET_ACCESS_KEY")),
        }
    }

    fn retry(&self) -> Result<RetryConfig, ConfigError> {
        let mode = self.parsed("AWS_RETRY_MODE", "standard or adaptive", |text| {
            match text.to_ascii_lowercase().as_str() {
                // What `legacy` means elsewhere, the SDK for Rust never had.
                "standard" | "legacy" => Some(RetryConfig::standard()),
                "adaptive" => Some(RetryConfig::adaptive()),
                _ => None,
            }
        })?;
        let retry = mode.unwrap_or_else(RetryConfig::standard);
        let attempts = self.parsed("AWS_MAX_ATTEMPTS", "a whole number from 1", |text| {
            text.parse().ok().filter(|attempts| *attempts > 0)
        })?;
        Ok(match attempts {
            Some(attempts) => retry.with_max_attempts(attempts),
            None => retry,
        })
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        self.parsed(name, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            }
        })
    }

    fn endpoint(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        self.parsed(name, "an https:// or http:// URL", |text| {
            let url: http::Uri = text.parse().ok()?;
            let usable = matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
            usable.then(|| text.to_owned())
        })
    }
}

#[derive(Debug)]
struct ServiceEndpoints(Vec<(&'static str, String)>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != "AWS_ENDPOINT_URL" {
            return None;
        }
        let (_, url) = self.0.iter().find(|(id, _)| *id == key.service_id())?;
        Some(url.clone())
    }
}

/// Names the variable that is missing, when credentials are first needed.
#[derive(Debug)]
struct NoCredentials(&'static str);

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(format!(
            "{} is not set; the platform sets it in a Lambda function",
            self.0
        ))))
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::retry::RetryMode;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<SdkConfig, ConfigError> {
        sdk_config(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn complaint(pairs: &[(&str, &str)]) -> String {
        read(pairs).unwrap_err().to_string()
    }

    #[test]
    fn the_region_comes_from_either_variable_and_its_absence_is_named() {
        let region = |pairs: &[(&str, &str)]| read(pairs).unwrap().region().unwrap().to_string();
        assert_eq!(region(&[("AWS_DEFAULT_REGION", "eu-west-1")]), "eu-west-1");
        assert_eq!(
            region(&[("AWS_REGION", "cn-north-1"), ("AWS_DEFAULT_REGION", "x")]),
            "cn-north-1"
        );
        assert_eq!(
            complaint(&[("AWS_REGION", " ")]),
            "AWS_REGION is not set; it must be the name of an AWS region such as eu-west-1"
        );
        assert_eq!(
            complaint(&[("AWS_REGION", "evil.example/")]),
            "AWS_REGION is `evil.example/`; allowed: the name of an AWS region such as eu-west-1"
        );
    }

    #[tokio::test]
    async fn credentials_are_those_of_the_variables_or_a_clear_error_when_first_needed() {
        let provider = |pairs: &[(&str, &str)]| {
            let mut all = vec![("AWS_REGION", "eu-west-1")];
            all.extend(pairs);
            read(&all).unwrap().credentials_provider().unwrap()
        };
        let credentials = provider(&[
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "token"),
        ])
        .provide_credentials()
        .await
        .unwrap();
        assert_eq!(credentials.access_key_id(), "id");
        assert_eq!(credentials.secret_access_key(), "hush");
        assert_eq!(credentials.session_token(), Some("token"));
        assert!(!format!("{credentials:?}").contains("hush"));

        let error = provider(&[("AWS_ACCESS_KEY_ID", "id")])
            .provide_credentials()
            .await
            .unwrap_err();
        let text = lwa_core::error::chain(&error);
        assert!(text.contains("AWS_SECRET_ACCESS_KEY is not set"), "{text}");
    }

    #[test]
    fn an_endpoint_of_one_service_beats_the_one_for_all() {
        let url = |pairs: &[(&str, &str)], service: &str| {
            let mut all = vec![("AWS_REGION", "eu-west-1")];
            all.extend(pairs);
            let config = read(&all).unwrap();
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .unwrap();
            config
                .service_config()
                .and_then(|services| services.load_config(key))
                .or_else(|| config.endpoint_url().map(str::to_owned))
        };
        let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        let one = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:2");
        let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        assert_eq!(
            url(&[all, one], "Secrets Manager").unwrap(),
            "http://127.0.0.1:2"
        );
        assert_eq!(url(&[all, one], "SSM").unwrap(), "http://127.0.0.1:1");
        assert_eq!(url(&[one], "SSM"), None);
        assert_eq!(url(&[all, one, ignored], "Secrets Manager"), None);
        assert_eq!(
            complaint(&[("AWS_REGION", "x"), ("AWS_ENDPOINT_URL_SSM", "localhost:1")]),
            "AWS_ENDPOINT_URL_SSM is `localhost:1`; allowed: an https:// or http:// URL"
        );
    }

    #[test]
    fn retries_and_endpoint_variants_follow_their_variables() {
        let config = read(&[
            ("AWS_REGION", "us-gov-west-1"),
            ("AWS_RETRY_MODE", "adaptive"),
            ("AWS_MAX_ATTEMPTS", "5"),
            ("AWS_USE_FIPS_ENDPOINT", "True"),
            ("AWS_USE_DUALSTACK_ENDPOINT", "false"),
        ])
        .unwrap();
        let retry = config.retry_config().unwrap();
        assert_eq!(retry.mode(), RetryMode::Adaptive);
        assert_eq!(retry.max_attempts(), 5);
        assert_eq!(config.use_fips(), Some(true));
        assert_eq!(config.use_dual_stack(), Some(false));

        let config = read(&[("AWS_REGION", "eu-west-1")]).unwrap();
        let retry = config.retry_config().unwrap();
        assert_eq!(
            (retry.mode(), retry.max_attempts()),
            (RetryMode::Standard, 3)
        );
        assert_eq!(
            complaint(&[("AWS_REGION", "x"), ("AWS_MAX_ATTEMPTS", "0")]),
            "AWS_MAX_ATTEMPTS is `0`; allowed: a whole number from 1"
        );
    }
}
