//! The process environment: the only place that reads it.
//!
//! In a Lambda function variables hold everything that the AWS SDK needs, so we read them
//! ourselves. `aws-config` also asks profile files and the instance metadata service, which takes
//! longer than the function's work.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use lwa_core::address::{self, PlainHttp};
use lwa_core::config::{AWS_REGION, ConfigError, Lookup, Variable};

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
    let name = Lookup::new(get).get(aws("AWS_CA_BUNDLE", None));
    name.map(PathBuf::from)
}

/// What AWS's variables say, as every AWS SDK understands them,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>: region,
/// credentials, endpoints and retries. Profiles, files and metadata services are not read.
/// Without credentials this succeeds, and the first call says what is missing.
pub fn sdk_config(get: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, ConfigError> {
    let read = Lookup::new(get);
    let region = match read.aws_region()? {
        Some(region) => region,
        None => read.required(AWS_REGION, AWS_REGION.meaning)?,
    };
    let flag = |name| read.flag(aws(name, Some("false")));
    let mut config = SdkConfig::builder()
        .region(Region::new(region))
        .credentials_provider(credentials(&read))
        .retry_config(retry(&read)?)
        .use_fips(flag("AWS_USE_FIPS_ENDPOINT")?)
        .use_dual_stack(flag("AWS_USE_DUALSTACK_ENDPOINT")?);
    if !flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")? {
        config.set_endpoint_url(endpoint(&read, "AWS_ENDPOINT_URL")?);
        let mut endpoints = Vec::new();
        for (service_id, variable) in SERVICES {
            if let Some(url) = endpoint(&read, variable)? {
                endpoints.push((service_id, url));
            }
        }
        config.set_service_config(Some(ServiceEndpoints(endpoints)));
    }
    Ok(config.build())
}

/// The services that the functions call, by the id that the SDK asks with.
const SERVICES: [(&str, &str); 4] = [
    ("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ("SNS", "AWS_ENDPOINT_URL_SNS"),
    ("SQS", "AWS_ENDPOINT_URL_SQS"),
    ("SSM", "AWS_ENDPOINT_URL_SSM"),
];

/// One of AWS's own variables.
const fn aws(name: &'static str, default: Option<&'static str>) -> Variable {
    Variable {
        name,
        default,
        ..AWS_REGION
    }
}

fn credentials<F>(read: &Lookup<F>) -> SharedCredentialsProvider
where
    F: Fn(&str) -> Option<String>,
{
    let [id, secret, session] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    .map(|name| read.get(aws(name, None)));
    // Names the missing variable when credentials are first needed.
    let missing = |name| {
        SharedCredentialsProvider::new(provide_credentials_fn(move || async move {
            let problem = format!("{name} is not set; the platform sets it in a Lambda function");
            Err(CredentialsError::not_loaded(problem))
        }))
    };
    match (id, secret) {
        (Some(id), Some(secret)) => {
            let credentials = Credentials::new(id, secret, session, None, "environment");
            SharedCredentialsProvider::new(credentials)
        }
        (None, _) => missing("AWS_ACCESS_KEY_ID"),
        (_, None) => missing("AWS_SECRET_ACCESS_KEY"),
    }
}

fn retry<F>(read: &Lookup<F>) -> Result<RetryConfig, ConfigError>
where
    F: Fn(&str) -> Option<String>,
{
    let mode = aws("AWS_RETRY_MODE", Some("standard"));
    let retry = read.parsed(mode, "standard or adaptive", |text| {
        match text.to_ascii_lowercase().as_str() {
            // The SDK for Rust has no `legacy` mode.
            "standard" | "legacy" => Some(RetryConfig::standard()),
            "adaptive" => Some(RetryConfig::adaptive()),
            _ => None,
        }
    })?;
    let attempts = aws("AWS_MAX_ATTEMPTS", Some("3"));
    let attempts = read.parsed(attempts, "a whole number from 1", |text| {
        text.parse().ok().filter(|attempts| *attempts > 0)
    })?;
    Ok(retry.with_max_attempts(attempts))
}

/// Unlike our own URLs, an endpoint may have plain HTTP on any host: emulators do.
fn endpoint<F>(read: &Lookup<F>, name: &'static str) -> Result<Option<String>, ConfigError>
where
    F: Fn(&str) -> Option<String>,
{
    let variable = aws(name, None);
    let Some(text) = read.get(variable) else {
        return Ok(None);
    };
    if address::is_service(&text, PlainHttp::Anywhere) {
        return Ok(Some(text));
    }
    let allowed = "an https:// or http:// URL, without a user name, a query or a fragment";
    Err(ConfigError::invalid(variable, &text, allowed))
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

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::ProvideCredentials;
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
        for wrong in ["localhost:1", "http://a@localhost:1"] {
            let said = complaint(&[("AWS_REGION", "x"), ("AWS_ENDPOINT_URL_SSM", wrong)]);
            let allowed = "; allowed: an https:// or http:// URL, without a user name";
            assert!(said.starts_with("AWS_ENDPOINT_URL_SSM is `"), "{said}");
            assert!(said.contains(allowed), "{said}");
        }
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
