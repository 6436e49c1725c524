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
use lwa_core::ports::Clock;
use serde::{Deserialize, Serialize};

/// The function's variables, from the process environment.
pub type Variables = Lookup<fn(&str) -> Option<String>>;

/// One event and the time there is for it.
#[derive(Debug, Clone)]
pub struct Invocation<A> {
    /// The event.
    pub event: A,
    /// When the platform ends the invocation.
    pub ends_at: Timestamp,
}

impl<A> Invocation<A> {
    /// The time until the platform ends the invocation.
    pub fn remaining(&self) -> Duration {
        let left = self.ends_at.duration_since(SystemClock.now());
        Duration::try_from(left).unwrap_or_default()
    }
}

/// Runs a function, one invocation after the other, until the platform ends the process.
///
/// `wire` makes the function from its variables and from AWS, whose calls may take as long as
/// `timeouts` says; `handle` answers one invocation.
///
/// # Panics
///
/// If the operating system refuses what Tokio needs, or a variable of the Lambda runtime is missing.
#[tokio::main(flavor = "current_thread")]
pub async fn run<H, A, R, E, F>(
    timeouts: Timeouts,
    wire: impl FnOnce(&Variables, &Aws) -> Result<H, ConfigError>,
    handle: impl Fn(Arc<H>, Invocation<A>) -> F + Clone + Send + Sync + 'static,
) -> ExitCode
where
    H: Send + Sync + 'static,
    A: for<'de> Deserialize<'de> + Send + 'static,
    R: Serialize + Send + 'static,
    E: FunctionError + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    match start(timeouts, wire) {
        Ok(function) => ended(lambda_runtime::run(service_fn(handler(function, handle))).await),
        Err(error) => init_error::report(&error).await,
    }
}

/// The same with several invocations at once, where the platform offers that.
///
/// # Panics
///
/// As [`run`] does.
#[tokio::main(flavor = "current_thread")]
pub async fn run_concurrent<H, A, R, E, F>(
    timeouts: Timeouts,
    wire: impl FnOnce(&Variables, &Aws) -> Result<H, ConfigError>,
    handle: impl Fn(Arc<H>, Invocation<A>) -> F + Clone + Send + Sync + 'static,
) -> ExitCode
where
    H: Send + Sync + 'static,
    A: for<'de> Deserialize<'de> + Send + 'static,
    R: Serialize + Send + 'static,
    E: FunctionError + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    match start(timeouts, wire) {
        Ok(function) => {
            let handler = service_fn(handler(function, handle));
            ended(lambda_runtime::run_concurrent(handler).await)
        }
        Err(error) => init_error::report(&error).await,
    }
}

fn start<H>(
    timeouts: Timeouts,
    wire: impl FnOnce(&Variables, &Aws) -> Result<H, ConfigError>,
) -> Result<Arc<H>, ConfigError> {
    logging::init(environment::variable, Format::Json, std::io::stdout);
    let aws = Aws::from_environment(environment::variable, timeouts)?;
    wire(&environment::lookup(), &aws).map(Arc::new)
}

fn handler<H, A, R, E, F>(
    function: Arc<H>,
    handle: impl Fn(Arc<H>, Invocation<A>) -> F + Clone + Send + 'static,
) -> impl Fn(LambdaEvent<A>) -> BoxFuture<'static, Result<R, Diagnostic>> + Clone + Send + 'static
where
    H: Send + Sync + 'static,
    E: FunctionError + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    move |event| {
        let ends_at = i64::try_from(event.context.deadline)
            .ok()
            .and_then(|deadline| Timestamp::from_millisecond(deadline).ok());
        let answer = handle(
            Arc::clone(&function),
            Invocation {
                event: event.payload,
                ends_at: ends_at.unwrap_or(Timestamp::MAX),
            },
        );
        // Boxed, because the compiler gives up on the layout of futures nested that deep.
        Box::pin(async move { answer.await.map_err(|error| diagnostic(&error)) })
    }
}

/// The error response; the same goes into the log.
fn diagnostic(error: &(impl FunctionError + 'static)) -> Diagnostic {
    let message = chain(error);
    tracing::error!(error.r#type = error.error_type(), "{message}");
    Diagnostic {
        error_type: error.error_type().into(),
        error_message: message,
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
