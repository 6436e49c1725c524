//! The auditor function: wiring only.

use std::process::ExitCode;
use std::time::Duration;

use auditor::{Auditor, Settings};
use lwa_aws::account::Account;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_lambda::{Invocation, function, run};

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

fn main() -> ExitCode {
    run(function(
        PATIENT,
        |variables, aws| {
            let prompt = Aws::from_sdk_config(aws.sdk_config(), aws.http().clone(), PROMPT);
            Ok(Auditor::new(
                Settings::from_lookup(variables)?,
                Account::patient(aws),
                SnsTopic::from_aws(&prompt, variables.topic_arn()?),
                SystemClock,
                MetricsWriter::stdout(),
            ))
        },
        |auditor, invocation: Invocation| async move {
            let remaining = invocation.remaining();
            auditor.handle(invocation.payload.json()?, remaining).await
        },
    ))
}
