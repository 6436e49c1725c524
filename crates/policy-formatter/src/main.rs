//! The policy-formatter function: wiring only.

use std::process::ExitCode;
use std::time::Duration;

use lwa_aws::account::Account;
use lwa_aws::clients::Timeouts;
use lwa_aws::clock::SystemClock;
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_core::vault::VaultKind;
use lwa_lambda::{function, run};
use policy_formatter::{LOOKUP_TIMEOUT, PolicyFormatter, Settings, event};

/// A publish may take as long as the look-ups, with its retries.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(3),
    operation: LOOKUP_TIMEOUT,
};

fn main() -> ExitCode {
    run(function(
        TIMEOUTS,
        |variables, aws| {
            Ok(PolicyFormatter::new(
                Settings::from_lookup(variables)?,
                Account::new(aws).with_client_of(VaultKind::ParameterStore),
                SnsTopic::new(aws.sns(), variables.topic_arn()?),
                SystemClock,
                MetricsWriter::stdout(),
            ))
        },
        |formatter, invocation| async move { formatter.handle(event(&invocation.payload)).await },
    ))
}
