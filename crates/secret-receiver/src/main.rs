//! The secret-receiver function: wiring only.

use std::io::Stdout;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::logging::{self, Format};
use lwa_aws::lwa_client::LwaClient;
use lwa_aws::message_queue::SqsQueue;
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::rotation_vault::RotationVault;
use lwa_aws::vault::Vault;
use lwa_aws::{environment, init_error};
use lwa_core::Timestamp;
use lwa_core::config::{ConfigError, LWA_TOKEN_URL};
use lwa_core::rotation::queue::Payload;
use secret_receiver::{Ports, ReceiverError, SecretReceiver, Settings};
use serde_json::Value;

/// A message takes some ten calls within its 25 seconds.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(5),
};

/// Nobody waits for the answer, so it may take time.
const LWA_TIMEOUT: Duration = Duration::from_secs(10);

type Receiver = SecretReceiver<
    RotationVault,
    Vault,
    LwaClient,
    SqsQueue,
    SnsTopic,
    SystemClock,
    MetricsWriter<Stdout>,
>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let receiver = match wire() {
        Ok(receiver) => Arc::new(receiver),
        Err(error) => return init_error::report(&error).await,
    };
    let handler = service_fn(move |event: LambdaEvent<Payload>| {
        let receiver = Arc::clone(&receiver);
        // Boxed, because the compiler gives up on the layout of futures nested that deep.
        Box::pin(async move {
            let until = deadline(&event.context);
            match receiver.handle(event.payload, until).await {
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

fn wire() -> Result<Receiver, ConfigError> {
    let lookup = environment::lookup();
    let mut settings = Settings::from_lookup(&lookup)?;
    let aws = Aws::from_environment(environment::variable, TIMEOUTS)?;
    settings.region = aws.region().map(str::to_owned);
    let lwa = LwaClient::new(aws.http().clone(), &settings.token_url, LWA_TIMEOUT)
        .map_err(|error| ConfigError::invalid(LWA_TOKEN_URL, &settings.token_url, error))?;
    let ports = Ports {
        rotation: RotationVault::new(settings.vault, &aws, settings.layout.clone()),
        vault: Vault::new(settings.vault, &aws, settings.layout.clone()),
        lwa,
        queue: SqsQueue::from_aws(&aws),
        notifier: SnsTopic::from_aws(&aws, lookup.topic_arn()?),
        clock: SystemClock,
        metrics: MetricsWriter::stdout(),
    };
    Ok(SecretReceiver::new(settings, ports))
}

/// When the platform ends the invocation.
fn deadline(context: &Context) -> Option<Timestamp> {
    let deadline = context.deadline().duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_millisecond(i64::try_from(deadline.as_millis()).ok()?).ok()
}

fn diagnostic(error: &ReceiverError) -> Diagnostic {
    tracing::error!(error.r#type = error.error_type(), "{error}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: error.to_string(),
    }
}
