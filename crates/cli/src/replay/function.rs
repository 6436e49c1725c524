//! How each function is called, on a world in memory or on a real account.

use std::time::Duration;

use auditor::Auditor;
use lwa_aws::clients::Aws;
use lwa_aws::parameter_directory::SsmDirectory;
use lwa_aws::parameter_store_estate::ParameterStoreEstate;
use lwa_aws::secrets_manager_estate::SecretsManagerEstate;
use lwa_core::config::{Lookup, Variable};
use lwa_core::rotation::queue::Payload;
use lwa_local::World;
use lwa_local::rotation::LocalRotation;
use lwa_local::vault::LocalVault;
use policy_formatter::PolicyFormatter;
use rotation_requester::RotationRequester;
use secret_receiver::SecretReceiver;
use serde_json::Value;
use token_exchanger::{Response, TokenExchanger, TokenResponse};

use super::outcome::Failed;
use crate::account::{self, NoMetrics};
use crate::clock::ShiftedClock;
use crate::function::Function;
use crate::notifier::RecordingNotifier;
use crate::runtime::boxed;

/// The platform sets it for every function.
pub(super) const AWS_REGION: Variable = Variable {
    name: "AWS_REGION",
    used_by: "all",
    default: None,
    meaning: "The region.",
};

/// How long an invocation of the exchanger may take on AWS.
const EXCHANGER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an invocation of the auditor may take on AWS.
const AUDITOR_TIMEOUT: Duration = Duration::from_mins(5);

/// Awaits a handler, and gives up with its error. The error types have no trait in common.
macro_rules! answer {
    ($invocation:expr) => {
        boxed($invocation)
            .await
            .map_err(|error| Failed::of(error.error_type(), &error))?
    };
}

/// Invokes a function on a world in memory, as its `main` would on AWS.
pub(super) async fn in_memory<F>(
    function: Function,
    event: Value,
    world: &World,
    lookup: &Lookup<F>,
) -> Result<Value, Failed>
where
    F: Fn(&str) -> Option<String>,
{
    let copy = || world.clone();
    match function {
        Function::PolicyFormatter => {
            let settings = policy_formatter::Settings::from_lookup(lookup)?;
            let formatter = PolicyFormatter::new(settings, copy(), copy(), copy(), copy());
            let response = answer!(formatter.handle(event));
            Ok(serde_json::to_value(response)?)
        }
        Function::TokenExchanger => {
            let settings = token_exchanger::Settings::from_lookup(lookup)?;
            let ports = token_exchanger::Ports {
                vault: LocalVault::new(copy(), settings.vault, settings.layout.clone()),
                lwa: copy(),
                sp_api: copy(),
                clock: copy(),
                metrics: copy(),
            };
            let exchanger = TokenExchanger::new(settings, ports);
            let response = answer!(exchanger.handle(event, EXCHANGER_TIMEOUT));
            Ok(without_token(response))
        }
        Function::Auditor => {
            let settings = auditor::Settings::from_lookup(lookup)?;
            let auditor = Auditor::new(settings, copy(), copy(), copy(), copy(), copy());
            let response = answer!(auditor.handle(event, AUDITOR_TIMEOUT));
            Ok(serde_json::to_value(response)?)
        }
        Function::RotationRequester => {
            let settings = rotation_requester::Settings {
                region: lookup.get(AWS_REGION),
                ..rotation_requester::Settings::from_lookup(lookup)?
            };
            let (vault, layout) = (settings.vault, settings.layout.clone());
            let ports = rotation_requester::Ports {
                ledger: LocalRotation::new(copy(), vault, layout.clone()),
                vault: LocalVault::new(copy(), vault, layout),
                lwa: copy(),
                sp_api: copy(),
                notifier: copy(),
                clock: copy(),
                metrics: copy(),
            };
            let requester = RotationRequester::new(settings, ports);
            let payload = Payload::new(event.to_string());
            let report = answer!(requester.handle(payload));
            Ok(report.to_json())
        }
        Function::SecretReceiver => {
            let settings = secret_receiver::Settings {
                region: lookup.get(AWS_REGION),
                ..secret_receiver::Settings::from_lookup(lookup)?
            };
            let (vault, layout) = (settings.vault, settings.layout.clone());
            let ports = secret_receiver::Ports {
                rotation: LocalRotation::new(copy(), vault, layout.clone()),
                vault: LocalVault::new(copy(), vault, layout),
                lwa: copy(),
                queue: copy(),
                notifier: copy(),
                clock: copy(),
                metrics: copy(),
            };
            let receiver = SecretReceiver::new(settings, ports);
            let payload = Payload::new(event.to_string());
            let report = answer!(receiver.handle(payload, None));
            Ok(report.to_json())
        }
    }
}

/// Invokes a function on a real account. Nothing is published but by `notifier`.
pub(super) async fn live<F>(
    function: Function,
    event: Value,
    aws: &Aws,
    notifier: RecordingNotifier,
    clock: ShiftedClock,
    lookup: &Lookup<F>,
) -> Result<Value, Failed>
where
    F: Fn(&str) -> Option<String>,
{
    match function {
        Function::PolicyFormatter => {
            let settings = policy_formatter::Settings::from_lookup(lookup)?;
            let directory = SsmDirectory::new(aws.ssm());
            let formatter = PolicyFormatter::new(settings, directory, notifier, clock, NoMetrics);
            let response = answer!(formatter.handle(event));
            Ok(serde_json::to_value(response)?)
        }
        Function::TokenExchanger => {
            let settings = token_exchanger::Settings::from_lookup(lookup)?;
            let exchanger = account::token_exchanger(aws, settings, NoMetrics)?;
            let response = answer!(exchanger.handle(event, EXCHANGER_TIMEOUT));
            Ok(without_token(response))
        }
        Function::Auditor => {
            let settings = auditor::Settings {
                region: aws.region().unwrap_or_default().to_owned(),
                ..auditor::Settings::from_lookup(lookup)?
            };
            let auditor = Auditor::new(
                settings,
                ParameterStoreEstate::from_aws(aws),
                SecretsManagerEstate::from_aws(aws),
                notifier,
                clock,
                NoMetrics,
            );
            let response = answer!(auditor.handle(event, AUDITOR_TIMEOUT));
            Ok(serde_json::to_value(response)?)
        }
        Function::RotationRequester | Function::SecretReceiver => Err(Failed::new(
            "FunctionNotLive",
            format!(
                "the {function} changes the vault, or asks Amazon for a new secret, so it is not \
                 replayed against a real account; leave `--live` out, or see `lwa rotate --help`"
            ),
        )),
    }
}

/// The exchanger's response with its token hidden.
fn without_token(response: Response) -> Value {
    match response {
        Response::Token(token) => Response::Token(TokenResponse {
            access_token: "(hidden)".into(),
            ..token
        })
        .to_json(),
        check @ Response::Check(_) => check.to_json(),
    }
}
