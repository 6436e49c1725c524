//! The rotation-requester function: wiring only.

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use lwa_aws::account::Account;
use lwa_aws::clients::Timeouts;
use lwa_aws::clock::SystemClock;
use lwa_aws::lwa_client::{LWA_TIMEOUT, LwaClient};
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::sp_api_client::SpApiClient;
use lwa_core::vault::Vault;
use lwa_lambda::{function, run};
use rotation_requester::{Ports, RotationRequester, Settings};
use zeroizing_alloc::ZeroAlloc;

/// One invocation makes a handful of calls within its minute.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(3),
    operation: Duration::from_secs(8),
};

/// The request for a rotation must not be given up early: it cannot be repeated.
const SP_API_TIMEOUT: Duration = Duration::from_secs(20);

/// What held a secret is wiped when it is freed, by libraries too.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    run(function(
        TIMEOUTS,
        |variables, aws| {
            let settings = Settings::from_lookup(variables)?;
            let (http, layout) = (aws.http(), &settings.deployment.layout);
            let account = Account::new(aws).with_client_of(settings.vault);
            let ports = Ports {
                vault: Vault::new(account, settings.vault, layout.clone()),
                lwa: LwaClient::new(http.clone(), &settings.token_url, LWA_TIMEOUT)?,
                sp_api: SpApiClient::new(http.clone(), &settings.sp_api_endpoint, SP_API_TIMEOUT),
                notifier: SnsTopic::from_aws(aws, variables.topic_arn()?),
                clock: SystemClock,
                metrics: MetricsWriter::stdout(),
            };
            Ok(RotationRequester::new(settings, ports))
        },
        |requester, invocation| async move {
            let answer = requester.handle(invocation.payload).await;
            answer.map(|report| report.to_json())
        },
    ))
}
