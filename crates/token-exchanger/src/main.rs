//! The token-exchanger function: wiring only.

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use lwa_aws::account::Account;
use lwa_aws::clients::Timeouts;
use lwa_aws::clock::SystemClock;
use lwa_aws::lwa_client::{LWA_TIMEOUT, LwaClient};
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::sp_api_client::{SP_API_TIMEOUT, SpApiClient};
use lwa_core::consumers::Caller;
use lwa_core::vault::Vault;
use lwa_lambda::{Invocation, function, run_concurrent};
use token_exchanger::{Ports, Settings, TokenExchanger};
use zeroizing_alloc::ZeroAlloc;

/// The vault answers within milliseconds or not at all.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(6),
};

/// What held a secret is wiped when it is freed, by libraries too.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    run_concurrent(function(
        TIMEOUTS,
        |variables, aws| {
            let settings = Settings::from_lookup(variables)?;
            let (http, layout) = (aws.http(), settings.layout.clone());
            let account = Account::new(aws).with_client_of(settings.vault);
            let ports = Ports {
                vault: Vault::new(account, settings.vault, layout),
                lwa: LwaClient::new(http.clone(), &settings.token_url, LWA_TIMEOUT)?,
                sp_api: SpApiClient::new(http.clone(), &settings.sp_api_endpoint, SP_API_TIMEOUT),
                clock: SystemClock,
                metrics: MetricsWriter::stdout(),
            };
            Ok(TokenExchanger::new(settings, ports))
        },
        |exchanger, invocation: Invocation| async move {
            let remaining = invocation.remaining();
            let event = invocation.payload.json()?;
            let caller = Caller::of_arn(&invocation.function_arn);
            let answer = exchanger.handle_from(caller, event, remaining).await;
            answer.map(|response| response.to_json())
        },
    ))
}
