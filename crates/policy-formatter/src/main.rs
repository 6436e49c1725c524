//! The policy-formatter function: wiring only.

use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::environment;
use lwa_aws::logging::{self, Format};
use lwa_aws::notifier::SnsTopic;
use lwa_aws::parameter_directory::SsmDirectory;
use policy_formatter::{FormatterError, LOOKUP_TIMEOUT, PolicyFormatter, Settings};
use serde_json::Value;

/// A publish may take as long as the look-ups, with its retries.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(3),
    operation: LOOKUP_TIMEOUT,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let lookup = environment::lookup();
    let settings = Settings::from_lookup(&lookup)?;
    let aws = Aws::from_environment(environment::variable, TIMEOUTS)?;
    let notifier = SnsTopic::new(aws.sns(), lookup.topic_arn()?);
    let formatter = PolicyFormatter::new(
        settings,
        SsmDirectory::new(aws.ssm()),
        notifier,
        SystemClock,
    );
    let formatter = &formatter;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        formatter
            .handle(event.payload)
            .await
            .map_err(|error| diagnostic(&error))
    }))
    .await
}

fn diagnostic(error: &FormatterError) -> Diagnostic {
    tracing::error!(error.r#type = error.error_type(), "{error}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: error.to_string(),
    }
}
