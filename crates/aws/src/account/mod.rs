//! The vaults of an AWS account, one SDK call for each method of the core's ports.
//!
//! What the calls are for is decided in [`lwa_core::vault`]. Each is issued from one place, by
//! what it may see and change: `metadata`, `values`, `tags`, `writes`.

mod metadata;
mod tags;
mod values;
mod writes;

use std::sync::LazyLock;

use aws_smithy_types::retry::RetryConfig;
use lwa_core::Timestamp;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::vault::VaultKind;

use crate::clients::{Aws, Lazy, lazy};

/// How often a call of the audit is tried. Throttling is normal while thousands of pages are
/// read, and no caller waits.
const PATIENT_ATTEMPTS: u32 = 8;

/// Parameter Store and Secrets Manager of one account and region. A client is made with its
/// first call: most functions use one of the two.
#[derive(Debug, Clone)]
pub struct Account {
    ssm: Lazy<aws_sdk_ssm::Client>,
    secrets_manager: Lazy<aws_sdk_secretsmanager::Client>,
}

impl Account {
    /// Over the clients of a configuration.
    pub fn new(aws: &Aws) -> Self {
        Self::with_retries(aws, None)
    }

    /// The same, with the client of one vault made now. A function starts with more CPU time than
    /// an invocation gets, and its first invocation needs the client,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
    #[must_use]
    pub fn with_client_of(self, vault: VaultKind) -> Self {
        match vault {
            VaultKind::ParameterStore => {
                LazyLock::force(&self.ssm);
            }
            VaultKind::SecretsManager => {
                LazyLock::force(&self.secrets_manager);
            }
        }
        self
    }

    /// Over clients that bear with throttling: the SDK's adaptive mode, which also slows down
    /// before it is told to. `AWS_MAX_ATTEMPTS` may ask for more attempts.
    pub fn patient(aws: &Aws) -> Self {
        Self::with_retries(aws, Some(patient(aws)))
    }

    /// Over these clients.
    pub fn from_clients(
        ssm: aws_sdk_ssm::Client,
        secrets_manager: aws_sdk_secretsmanager::Client,
    ) -> Self {
        Self {
            ssm: lazy(|| ssm),
            secrets_manager: lazy(|| secrets_manager),
        }
    }

    fn with_retries(aws: &Aws, retries: Option<RetryConfig>) -> Self {
        let (config, same) = (aws.sdk_config().clone(), retries.clone());
        let ssm = lazy(move || {
            let mut builder = aws_sdk_ssm::config::Builder::from(&config);
            builder.set_retry_config(same);
            aws_sdk_ssm::Client::from_conf(builder.build())
        });
        let config = aws.sdk_config().clone();
        let secrets_manager = lazy(move || {
            let mut builder = aws_sdk_secretsmanager::config::Builder::from(&config);
            builder.set_retry_config(retries);
            aws_sdk_secretsmanager::Client::from_conf(builder.build())
        });
        Self {
            ssm,
            secrets_manager,
        }
    }
}

fn patient(aws: &Aws) -> RetryConfig {
    let attempts = aws
        .sdk_config()
        .retry_config()
        .map_or(0, RetryConfig::max_attempts);
    RetryConfig::adaptive().with_max_attempts(attempts.max(PATIENT_ATTEMPTS))
}

/// A request that could not even be built.
fn unbuilt(
    operation: &'static str,
) -> impl Fn(aws_smithy_types::error::operation::BuildError) -> CallError {
    move |error| CallError {
        operation,
        failure: CallFailure::Refused,
        code: None,
        detail: error.to_string(),
    }
}

/// The token of the next page; services also say with an empty one that there is none.
fn next_page(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// An instant that the service told; none when it lies outside of what can be represented.
fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_smithy_types::retry::RetryMode;
    use serde_json::Value;

    use super::*;
    use crate::canned::{Canned, sdk_config};
    use crate::clients::Timeouts;

    /// An account that answers from a list.
    pub(super) fn account(canned: &Canned) -> Account {
        let config = sdk_config(canned.clone()).build();
        Account::from_clients(
            aws_sdk_ssm::Client::new(&config),
            aws_sdk_secretsmanager::Client::new(&config),
        )
    }

    pub(super) fn requests(canned: &Canned) -> Vec<Value> {
        let json = |body: &String| serde_json::from_str(body).unwrap();
        canned.bodies().iter().map(json).collect()
    }

    #[test]
    fn an_audit_bears_with_throttling_and_the_environment_may_ask_for_more() {
        let retries = |attempts: &'static str| {
            let get = |name: &str| match name {
                "AWS_REGION" => Some("eu-west-1".to_owned()),
                "AWS_MAX_ATTEMPTS" => Some(attempts.to_owned()),
                _ => None,
            };
            let timeouts = Timeouts {
                attempt: Duration::from_secs(1),
                operation: Duration::from_secs(1),
            };
            patient(&Aws::from_environment(get, timeouts).unwrap())
        };
        assert_eq!(retries("2").max_attempts(), 8);
        assert_eq!(retries("20").max_attempts(), 20);
        assert_eq!(retries("2").mode(), RetryMode::Adaptive);
    }
}
