//! The auditor function: wiring only.

use std::time::Duration;

use auditor::{Auditor, AuditorError, Settings};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::environment;
use lwa_aws::logging::{self, Format};
use lwa_aws::metrics::MetricsWriter;
use lwa_core::ports::Metrics;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::parameter_store_estate::ParameterStoreEstate;
use lwa_aws::secrets_manager_estate::SecretsManagerEstate;
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
async fn main() -> Result<(), lambda_runtime::Error> {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let lookup = environment::lookup();
    let settings = Settings::from_lookup(&lookup)?;
    let aws = Aws::from_environment(environment::variable, PATIENT)?;
    let publishing = Aws::from_sdk_config(aws.sdk_config(), aws.http().clone(), PROMPT);
    let metrics = MetricsWriter::stdout();
    let auditor = Auditor::new(
        settings,
        ParameterStoreEstate::from_aws(&aws),
        SecretsManagerEstate::from_aws(&aws),
        SnsTopic::new(publishing.sns(), lookup.topic_arn()?),
        SystemClock,
        Box::new(move |set, at| metrics.record(set, at)),
    );
    let auditor = &auditor;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let remaining = remaining(event.context.deadline);
        auditor
            .handle(event.payload, remaining)
            .await
            .map_err(|error| diagnostic(&error))
    }))
    .await
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
