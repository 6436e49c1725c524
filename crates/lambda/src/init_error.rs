//! A function that cannot start tells Lambda why.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use lwa_aws::environment;
use lwa_aws::http::{Client, Limits};
use lwa_core::error::{FunctionError, chain};
use serde_json::json;

const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(2),
    max_body_bytes: 4096,
};

/// Reports why the function cannot start to the log and to Lambda, and gives the exit code,
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>.
///
/// Without the report an invocation shows only that the process ended.
pub(crate) async fn report(error: &(impl FunctionError + 'static)) -> ExitCode {
    let (error_type, message) = (error.error_type(), chain(error));
    tracing::error!(
        error.r#type = error_type,
        "the function cannot start: {message}"
    );
    if let Some(api) = environment::variable("AWS_LAMBDA_RUNTIME_API") {
        let body = json!({
            "errorType": error_type,
            "errorMessage": message,
            "stackTrace": [],
        });
        let request = http::Request::post(format!("http://{api}/2018-06-01/runtime/init/error"))
            .header("lambda-runtime-function-error-type", error_type)
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()));
        let sent = match request {
            Ok(request) => Client::new(None)
                .send(request, LIMITS)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = sent {
            tracing::error!("the report to Lambda failed: {reason}");
        }
    }
    ExitCode::FAILURE
}
