//! The auditor function: wiring only.

use std::io::Stdout;
use std::process::ExitCode;
use std::time::Duration;

use auditor::{Auditor, AuditorError, Settings};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::environment;
use lwa_aws::init_error;
use lwa_aws::logging::{self, Format};
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::parameter_store_estate::ParameterStoreEstate;
use lwa_aws::secrets_manager_estate::SecretsManagerEstate;
use lwa_core::config::ConfigError;
use lwa_core::ports::Clock;
use serde_json::Value;

/// One page or look-up, with all its retries while the service throttles.
const PATIENT: Timeouts = Timeouts {
    attempt: Duration::from_secs(10),
    operation: Duration::from_secs(90),
};

/// The publish at the end, for which the scan leaves this much time.
const PROMPT: Timeouts = Timeouts {
    attempt: Duration::from_secs(5),
    operation: Duration::from_secs(20),
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let auditor = match wire() {
        Ok(auditor) => auditor,
        Err(error) => return init_error::report(&error).await,
    };
    let auditor = &auditor;
    let handler = service_fn(move |event: LambdaEvent<Value>| async move {
        let remaining = remaining(event.context.deadline);
        auditor
            .handle(event.payload, remaining)
            .await
            .map_err(|error| diagnostic(&error))
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}

type Wired = Auditor<
    ParameterStoreEstate,
    SecretsManagerEstate,
    SnsTopic,
    SystemClock,
    MetricsWriter<Stdout>,
>;

fn wire() -> Result<Wired, ConfigError> {
    let lookup = environment::lookup();
    let settings = Settings::from_lookup(&lookup)?;
    let aws = Aws::from_environment(environment::variable, PATIENT)?;
    let prompt = Aws::from_sdk_config(aws.sdk_config(), aws.http().clone(), PROMPT);
    Ok(Auditor::new(
        settings,
        ParameterStoreEstate::from_aws(&aws),
        SecretsManagerEstate::from_aws(&aws),
        SnsTopic::from_aws(&prompt, lookup.topic_arn()?),
        SystemClock,
        MetricsWriter::stdout(),
    ))
}

/// How long this invocation has left; Lambda tells its end in milliseconds since 1970.
fn remaining(deadline_ms: u64) -> Duration {
    let now_ms = u64::try_from(SystemClock.now().as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline_ms.saturating_sub(now_ms))
}

fn diagnostic(error: &AuditorError) -> Diagnostic {
    tracing::error!(error.r#type = error.error_type(), "{error}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: error.to_string(),
    }
}
