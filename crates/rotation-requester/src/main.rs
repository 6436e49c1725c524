//! The rotation-requester function: wiring only.

use std::io::Stdout;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::logging::{self, Format};
use lwa_aws::lwa_client::{LWA_TIMEOUT, LwaClient};
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::rotation_vault::RotationVault;
use lwa_aws::sp_api_client::SpApiClient;
use lwa_aws::vault::Vault;
use lwa_aws::{environment, init_error};
use lwa_core::config::{ConfigError, LWA_TOKEN_URL};
use lwa_core::rotation::queue::Payload;
use rotation_requester::{Ports, RequesterError, RotationRequester, Settings};
use serde_json::Value;

/// One invocation makes a handful of calls within its minute.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(3),
    operation: Duration::from_secs(8),
};

/// The request for a rotation must not be given up early: it cannot be repeated.
const SP_API_TIMEOUT: Duration = Duration::from_secs(20);

type Requester = RotationRequester<
    RotationVault,
    Vault,
    LwaClient,
    SpApiClient,
    SnsTopic,
    SystemClock,
    MetricsWriter<Stdout>,
>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let requester = match wire() {
        Ok(requester) => Arc::new(requester),
        Err(error) => return init_error::report(&error).await,
    };
    let handler = service_fn(move |event: LambdaEvent<Payload>| {
        let requester = Arc::clone(&requester);
        // Boxed, because the compiler gives up on the layout of futures nested that deep.
        Box::pin(async move {
            match requester.handle(event.payload).await {
                Ok(report) => Ok(report.to_json()),
                Err(error) => Err(diagnostic(&error)),
            }
        }) as Pin<Box<dyn Future<Output = Result<Value, Diagnostic>> + Send>>
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wire() -> Result<Requester, ConfigError> {
    let lookup = environment::lookup();
    let mut settings = Settings::from_lookup(&lookup)?;
    let aws = Aws::from_environment(environment::variable, TIMEOUTS)?;
    settings.region = aws.region().map(str::to_owned);
    let lwa = LwaClient::new(aws.http().clone(), &settings.token_url, LWA_TIMEOUT)
        .map_err(|error| ConfigError::invalid(LWA_TOKEN_URL, &settings.token_url, error))?;
    let ports = Ports {
        ledger: RotationVault::new(settings.vault, &aws, settings.layout.clone()),
        vault: Vault::new(settings.vault, &aws, settings.layout.clone()),
        lwa,
        sp_api: SpApiClient::new(
            aws.http().clone(),
            &settings.sp_api_endpoint,
            SP_API_TIMEOUT,
        ),
        notifier: SnsTopic::from_aws(&aws, lookup.topic_arn()?),
        clock: SystemClock,
        metrics: MetricsWriter::stdout(),
    };
    Ok(RotationRequester::new(settings, ports))
}

fn diagnostic(error: &RequesterError) -> Diagnostic {
    tracing::error!(error.r#type = error.error_type(), "{error}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: error.to_string(),
    }
}
