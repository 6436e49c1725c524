//! What the Lambda functions have in common around their handlers: the log, the report of a
//! configuration that cannot be used, the Lambda runtime, and the form of an error response.
//!
//! Only the functions' programs use this, so that the command does not link the Lambda runtime.

mod init_error;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{BoxFuture, Diagnostic, Error, LambdaEvent, service_fn};
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::environment;
use lwa_aws::logging::{self, Format};
use lwa_core::Timestamp;
use lwa_core::config::{ConfigError, Lookup};
use lwa_core::error::{FunctionError, chain};
use lwa_core::payload::Payload;
use lwa_core::ports::Clock;
use serde::Serialize;

/// What the Lambda runtime waits for.
pub type Answer<R> = BoxFuture<'static, Result<R, Diagnostic>>;

/// One event and the time there is for it.
pub struct Invocation {
    /// The event. It is read by the function, because what the runtime cannot read it answers with
    /// an error of its own.
    pub payload: Payload,
    /// The ARN that was invoked.
    pub function_arn: String,
    /// When the platform ends the invocation.
    pub ends_at: Timestamp,
}

impl Invocation {
    /// The time until the platform ends the invocation.
    pub fn remaining(&self) -> Duration {
        let left = self.ends_at.duration_since(SystemClock.now());
        Duration::try_from(left).unwrap_or_default()
    }
}

/// Starts the log, and makes a function of its variables and of AWS, whose calls may take as long
/// as `timeouts` says. `handle` answers one invocation.
pub fn function<H, R, E, F>(
    timeouts: Timeouts,
    wire: impl FnOnce(&Lookup<fn(&str) -> Option<String>>, &Aws) -> Result<H, ConfigError>,
    handle: impl Fn(Arc<H>, Invocation) -> F + Clone + Send + 'static,
) -> Result<impl Fn(LambdaEvent<Payload>) -> Answer<R> + Clone + Send + 'static, ConfigError>
where
    H: Send + Sync + 'static,
    E: FunctionError + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let aws = Aws::from_environment(environment::variable, timeouts)?;
    let wired = Arc::new(wire(&environment::lookup(), &aws)?);
    Ok(move |event: LambdaEvent<Payload>| {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let invocation = Invocation {
            payload: event.payload,
            function_arn: event.context.invoked_function_arn,
            ends_at: Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX),
        };
        let answer = handle(Arc::clone(&wired), invocation);
        // Boxed, because the compiler gives up on the layout of futures nested that deep.
        Box::pin(async move { answer.await.map_err(|error| diagnostic(&error)) }) as Answer<R>
    })
}

/// Runs a function, one invocation after the other, until the platform ends the process.
///
/// # Panics
///
/// If the operating system refuses what Tokio needs, or a variable of the Lambda runtime is missing.
#[tokio::main(flavor = "current_thread")]
pub async fn run<R: Serialize>(
    function: Result<impl Fn(LambdaEvent<Payload>) -> Answer<R>, ConfigError>,
) -> ExitCode {
    match function {
        Ok(function) => ended(lambda_runtime::run(service_fn(function)).await),
        Err(error) => init_error::report(&error).await,
    }
}

/// The same with several invocations at once, where the platform offers that.
///
/// # Panics
///
/// As [`run`] does.
#[tokio::main(flavor = "current_thread")]
pub async fn run_concurrent<R>(
    function: Result<
        impl Fn(LambdaEvent<Payload>) -> Answer<R> + Clone + Send + 'static,
        ConfigError,
    >,
) -> ExitCode
where
    R: Serialize + Send + 'static,
{
    match function {
        Ok(function) => ended(lambda_runtime::run_concurrent(service_fn(function)).await),
        Err(error) => init_error::report(&error).await,
    }
}

/// The error response; the same goes into the log.
fn diagnostic(error: &(impl FunctionError + 'static)) -> Diagnostic {
    let (error_type, error_message) = (error.error_type().to_owned(), chain(error));
    tracing::error!(error.r#type = error_type, "{error_message}");
    Diagnostic {
        error_type,
        error_message,
    }
}

fn ended(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}
