//! The secret-receiver function: wiring only.

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use lwa_aws::account::Account;
use lwa_aws::clients::Timeouts;
use lwa_aws::clock::SystemClock;
use lwa_aws::lwa_client::LwaClient;
use lwa_aws::message_queue::SqsQueue;
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_core::vault::Vault;
use lwa_lambda::{function, run};
use secret_receiver::{Ports, SecretReceiver, Settings};
use zeroizing_alloc::ZeroAlloc;

/// A message takes some ten calls within its 25 seconds.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(5),
};

/// No caller waits for the answer, so it may take time.
const LWA_TIMEOUT: Duration = Duration::from_secs(10);

/// What held a secret is wiped when it is freed, by libraries too.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    run(function(
        TIMEOUTS,
        |variables, aws| {
            let settings = Settings::from_lookup(variables)?;
            let layout = &settings.deployment.layout;
            let account = Account::new(aws).with_client_of(settings.vault);
            let ports = Ports {
                vault: Vault::new(account, settings.vault, layout.clone()),
                lwa: LwaClient::new(aws.http().clone(), &settings.token_url, LWA_TIMEOUT)?,
                queue: SqsQueue::from_aws(aws),
                notifier: SnsTopic::from_aws(aws, variables.topic_arn()?),
                clock: SystemClock,
                metrics: MetricsWriter::stdout(),
            };
            Ok(SecretReceiver::new(settings, ports))
        },
        |receiver, invocation| async move {
            let ends_at = Some(invocation.ends_at);
            let answer = receiver.handle(invocation.payload, ends_at).await;
            answer.map(|report| report.to_json())
        },
    ))
}
