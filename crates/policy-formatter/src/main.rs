//! The policy-formatter function: wiring only.

use std::io::Stdout;
use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::logging::{self, Format};
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::parameter_directory::SsmDirectory;
use lwa_aws::{environment, init_error};
use lwa_core::config::ConfigError;
use policy_formatter::{FormatterError, LOOKUP_TIMEOUT, PolicyFormatter, Settings};
use serde_json::Value;

/// A publish may take as long as the look-ups, with its retries.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(3),
    operation: LOOKUP_TIMEOUT,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let formatter = match wire() {
        Ok(formatter) => formatter,
        Err(error) => return init_error::report(&error).await,
    };
    let formatter = &formatter;
    let handler = service_fn(move |event: LambdaEvent<Value>| async move {
        formatter
            .handle(event.payload)
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

type Wired = PolicyFormatter<SsmDirectory, SnsTopic, SystemClock, MetricsWriter<Stdout>>;

fn wire() -> Result<Wired, ConfigError> {
    let lookup = environment::lookup();
    let settings = Settings::from_lookup(&lookup)?;
    let aws = Aws::from_environment(environment::variable, TIMEOUTS)?;
    let topic = SnsTopic::new(aws.sns(), lookup.topic_arn()?);
    Ok(PolicyFormatter::new(
        settings,
        SsmDirectory::new(aws.ssm()),
        topic,
        SystemClock,
        MetricsWriter::stdout(),
    ))
}

fn diagnostic(error: &FormatterError) -> Diagnostic {
    tracing::error!(error.r#type = error.error_type(), "{error}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: error.to_string(),
    }
}
