//! A function that cannot start tells Lambda why.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use lambda_runtime::Error;
use lwa_aws::environment;
use lwa_aws::http::{Client, Limits};
use lwa_core::error::{FunctionError, chain};
use serde_json::json;

const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(2),
    max_body_bytes: 4096,
};

/// Reports why the function cannot start to the log and to Lambda, without which an invocation
/// shows only that the process ended; gives the exit code.
pub(crate) async fn report(error: &(impl FunctionError + 'static)) -> ExitCode {
    let (error_type, message) = (error.error_type(), chain(error));
    tracing::error!(
        error.r#type = error_type,
        "the function cannot start: {message}"
    );
    if let Err(reason) = post(error_type, &message).await {
        tracing::error!("the report to Lambda failed: {reason}");
    }
    ExitCode::FAILURE
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>
async fn post(error_type: &str, message: &str) -> Result<(), Error> {
    let Some(api) = environment::variable("AWS_LAMBDA_RUNTIME_API") else {
        return Ok(());
    };
    let body = json!({"errorType": error_type, "errorMessage": message, "stackTrace": []});
    let request = http::Request::post(format!("http://{api}/2018-06-01/runtime/init/error"))
        .header("lambda-runtime-function-error-type", error_type)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))?;
    Client::new(None).send_in_the_open(request, LIMITS).await?;
    Ok(())
}
