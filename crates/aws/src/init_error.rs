//! A function that cannot start says why, where Lambda shows it.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use lwa_core::config::ConfigError;
use serde_json::json;

use crate::environment;
use crate::http::{Client, Limits};

/// The `errorType` of a function whose configuration is wrong; stable.
pub const INVALID_CONFIGURATION: &str = "InvalidConfiguration";

/// Reports a wrong configuration to the log and to Lambda, and gives the exit code to end with,
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>.
///
/// Without the report an invocation shows only that the process ended.
pub async fn report(error: &ConfigError) -> ExitCode {
    tracing::error!(
        error.r#type = INVALID_CONFIGURATION,
        "the function cannot start: {error}"
    );
    if let Some(api) = environment::variable("AWS_LAMBDA_RUNTIME_API") {
        let body = json!({
            "errorType": INVALID_CONFIGURATION,
            "errorMessage": error.to_string(),
            "stackTrace": [],
        });
        let request = http::Request::post(format!("http://{api}/2018-06-01/runtime/init/error"))
            .header("lambda-runtime-function-error-type", INVALID_CONFIGURATION)
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()));
        let limits = Limits {
            timeout: Duration::from_secs(2),
            max_body_bytes: 4096,
        };
        let sent = match request {
            Ok(request) => Client::new(None)
                .send(request, limits)
                .await
                .map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = sent {
            tracing::error!("Lambda could not be told so: {reason}");
        }
    }
    ExitCode::FAILURE
}
