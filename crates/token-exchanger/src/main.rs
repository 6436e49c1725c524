//! The token-exchanger function: wiring only.

use std::io::Stdout;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::logging::{self, Format};
use lwa_aws::lwa_client::{LWA_TIMEOUT, LwaClient};
use lwa_aws::metrics::MetricsWriter;
use lwa_aws::sp_api_client::{SP_API_TIMEOUT, SpApiClient};
use lwa_aws::vault::Vault;
use lwa_aws::{environment, init_error};
use lwa_core::config::{ConfigError, LWA_TOKEN_URL};
use lwa_core::ports::Clock;
use serde_json::Value;
use token_exchanger::{ExchangerError, Ports, Settings, TokenExchanger};

/// The vault answers within milliseconds or not at all.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(6),
};

type Exchanger = TokenExchanger<Vault, LwaClient, SpApiClient, SystemClock, MetricsWriter<Stdout>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let exchanger = match wire() {
        Ok(exchanger) => Arc::new(exchanger),
        Err(error) => return init_error::report(&error).await,
    };
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let exchanger = Arc::clone(&exchanger);
        // Boxed, because the compiler gives up on the layout of futures nested that deep.
        Box::pin(async move {
            let remaining = remaining(&event.context);
            match exchanger.handle(event.payload, remaining).await {
                Ok(response) => Ok(response.to_json()),
                Err(error) => Err(diagnostic(&error)),
            }
        }) as Pin<Box<dyn Future<Output = Result<Value, Diagnostic>> + Send>>
    });
    // Several invocations at once where the platform offers that, one after the other elsewhere.
    match lambda_runtime::run_concurrent(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wire() -> Result<Exchanger, ConfigError> {
    let settings = Settings::from_lookup(&environment::lookup())?;
    let aws = Aws::from_environment(environment::variable, TIMEOUTS)?;
    let lwa = LwaClient::new(aws.http().clone(), &settings.token_url, LWA_TIMEOUT)
        .map_err(|error| ConfigError::invalid(LWA_TOKEN_URL, &settings.token_url, error))?;
    let sp_api = SpApiClient::new(
        aws.http().clone(),
        &settings.sp_api_endpoint,
        SP_API_TIMEOUT,
    );
    let vault = Vault::new(settings.vault, &aws, settings.layout.clone());
    let ports = Ports {
        vault,
        lwa,
        sp_api,
        clock: SystemClock,
        metrics: MetricsWriter::stdout(),
    };
    Ok(TokenExchanger::new(settings, ports))
}

/// The time until the platform ends the invocation.
fn remaining(context: &Context) -> Duration {
    let now = Duration::try_from(SystemClock.now().as_duration()).unwrap_or_default();
    let deadline = context
        .deadline()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    deadline.saturating_sub(now)
}

fn diagnostic(error: &ExchangerError) -> Diagnostic {
    tracing::error!(error.r#type = error.error_type(), "{error}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: error.to_string(),
    }
}
