//! How each function is called, on a world in memory or on a real account.

use std::time::Duration;

use auditor::Auditor;
use lwa_aws::account::Account;
use lwa_aws::clients::Aws;
use lwa_core::config::{AWS_REGION, Lookup};
use lwa_core::error::FunctionError;
use lwa_core::rotation::queue::Payload;
use lwa_core::vault::Vault;
use lwa_local::World;
use lwa_local::world::RECEIVER;
use policy_formatter::PolicyFormatter;
use rotation_requester::RotationRequester;
use secret_receiver::SecretReceiver;
use serde_json::Value;
use token_exchanger::{Response, TokenExchanger, TokenResponse};

use super::outcome::Failed;
use crate::account::{self, EXCHANGER_TIMEOUT, NoMetrics};
use crate::clock::ShiftedClock;
use crate::function::Function;
use crate::notifier::RecordingNotifier;
use crate::runtime::boxed;

/// How long an invocation of the auditor may take on AWS.
const AUDITOR_TIMEOUT: Duration = Duration::from_mins(5);

/// What a handler answers, or its error as replay shows it.
async fn answer<T, E: FunctionError + 'static>(
    invocation: impl Future<Output = Result<T, E>>,
) -> Result<T, Failed> {
    let answer = boxed(invocation).await;
    answer.map_err(|error| Failed::of(error.error_type(), &error))
}

/// Invokes a function on a world in memory, as its `main` would on AWS.
pub(super) async fn in_memory(
    function: Function,
    event: Value,
    world: &World,
    lookup: &Lookup<impl Fn(&str) -> Option<String>>,
) -> Result<Value, Failed> {
    let copy = || world.clone();
    match function {
        Function::PolicyFormatter => {
            let settings = policy_formatter::Settings::from_lookup(lookup)?;
            let formatter = PolicyFormatter::new(settings, copy(), copy(), copy(), copy());
            let response = answer(formatter.handle(event)).await?;
            Ok(serde_json::to_value(response)?)
        }
        Function::TokenExchanger => {
            let settings = token_exchanger::Settings::from_lookup(lookup)?;
            let ports = token_exchanger::Ports {
                vault: Vault::new(copy(), settings.vault, settings.layout.clone()),
                lwa: copy(),
                sp_api: copy(),
                clock: copy(),
                metrics: copy(),
            };
            let exchanger = TokenExchanger::new(settings, ports);
            let response = answer(exchanger.handle(event, EXCHANGER_TIMEOUT)).await?;
            Ok(without_token(response))
        }
        Function::Auditor => {
            let settings = auditor::Settings::from_lookup(lookup)?;
            let auditor = Auditor::new(settings, copy(), copy(), copy(), copy());
            let response = answer(auditor.handle(event, AUDITOR_TIMEOUT)).await?;
            Ok(serde_json::to_value(response)?)
        }
        Function::RotationRequester => {
            let settings = rotation_requester::Settings::from_lookup(lookup)?;
            let (vault, layout) = (settings.vault, settings.deployment.layout.clone());
            let ports = rotation_requester::Ports {
                vault: Vault::new(copy(), vault, layout),
                lwa: copy(),
                sp_api: copy(),
                notifier: copy(),
                clock: copy(),
                metrics: copy(),
            };
            let requester = RotationRequester::new(settings, ports);
            let payload = Payload::new(event.to_string());
            let report = answer(requester.handle(payload)).await?;
            Ok(report.to_json())
        }
        Function::SecretReceiver => {
            let settings = secret_receiver::Settings::from_lookup(lookup)?;
            let (vault, layout) = (settings.vault, settings.deployment.layout.clone());
            let ports = secret_receiver::Ports {
                vault: Vault::new(world.acting_as(RECEIVER), vault, layout),
                lwa: copy(),
                queue: copy(),
                notifier: copy(),
                clock: copy(),
                metrics: copy(),
            };
            let receiver = SecretReceiver::new(settings, ports);
            let payload = Payload::new(event.to_string());
            let report = answer(receiver.handle(payload, None)).await?;
            Ok(report.to_json())
        }
    }
}

/// Invokes a function on a real account. Nothing is published but by `notifier`.
pub(super) async fn live(
    function: Function,
    event: Value,
    aws: &Aws,
    notifier: RecordingNotifier,
    clock: ShiftedClock,
    lookup: &Lookup<impl Fn(&str) -> Option<String>>,
) -> Result<Value, Failed> {
    match function {
        Function::PolicyFormatter => {
            let settings = policy_formatter::Settings::from_lookup(lookup)?;
            let account = Account::new(aws);
            let formatter = PolicyFormatter::new(settings, account, notifier, clock, NoMetrics);
            let response = answer(formatter.handle(event)).await?;
            Ok(serde_json::to_value(response)?)
        }
        Function::TokenExchanger => {
            let settings = token_exchanger::Settings::from_lookup(lookup)?;
            let exchanger = account::token_exchanger(aws, settings, NoMetrics)?;
            let response = answer(exchanger.handle(event, EXCHANGER_TIMEOUT)).await?;
            Ok(without_token(response))
        }
        Function::Auditor => {
            let region = aws.region().map(str::to_owned);
            let settings = auditor::Settings::from_lookup(&lookup.with(AWS_REGION, region))?;
            let auditor = Auditor::new(settings, Account::patient(aws), notifier, clock, NoMetrics);
            let response = answer(auditor.handle(event, AUDITOR_TIMEOUT)).await?;
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
