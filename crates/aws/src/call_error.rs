//! Failures of the AWS SDK in the core's words.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use lwa_core::error::chain;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::text::{elide_end, printable};

use crate::http::{causes, find};

/// Longest detail, in characters.
const MAX_DETAIL: usize = 400;

/// What a failed call means. The detail has the service's code, its message and the request
/// id; values that the service quotes in a validation message are removed.
pub fn call_error<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    convert(operation, error, true)
}

/// The same for a call that carries a secret, without the service's message, because services
/// quote what they refuse.
pub fn secret_call_error<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    convert(operation, error, false)
}

fn convert<E>(
    operation: &'static str,
    error: &SdkError<E, HttpResponse>,
    with_message: bool,
) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (failure, detail) = match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let meta = context.err();
            let message = meta.message().filter(|_| with_message);
            return service_error(operation, meta.code(), status, message, error.request_id());
        }
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            let message = Some("an unreadable answer");
            return service_error(operation, None, status, message, error.request_id());
        }
        SdkError::TimeoutError(_) => (CallFailure::TimedOut, causes(error)),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (CallFailure::TimedOut, causes(error))
        }
        _ => match find::<CredentialsError>(error) {
            Some(credentials) => (CallFailure::Denied, chain(credentials)),
            None => (CallFailure::Unavailable, causes(error)),
        },
    };
    CallError {
        operation,
        failure,
        code: None,
        detail: elide_end(&printable(&detail), MAX_DETAIL),
    }
}

/// What a service answered instead of a result.
pub(crate) fn service_error(
    operation: &'static str,
    code: Option<&str>,
    status: u16,
    message: Option<&str>,
    request_id: Option<&str>,
) -> CallError {
    let mut detail = code.map_or_else(|| format!("HTTP {status}"), str::to_owned);
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        detail += ": ";
        detail += &elide_end(&without_values(message), MAX_DETAIL / 2);
    }
    if let Some(id) = request_id {
        detail += " (request ";
        detail += &elide_end(id, MAX_DETAIL / 4);
        detail += ")";
    }
    CallError {
        operation,
        failure: classify(code, status),
        code: code.map(str::to_owned),
        detail: elide_end(&printable(&detail), MAX_DETAIL),
    }
}

/// What a service's error code means, by what a caller would do about it; the status decides
/// where the code does not.
fn classify(code: Option<&str>, status: u16) -> CallFailure {
    let code = code.unwrap_or_default();
    // `KMSAccessDeniedException` and `KMSAccessDenied`, `ThrottlingException` and `Throttling`
    // are the same thing in different protocols.
    let name = code.strip_suffix("Exception").unwrap_or(code);
    match name {
        "AccessDenied"
        | "AuthorizationError"
        | "ExpiredToken"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignature"
        | "KMSAccessDenied"
        | "KMSOptInRequired"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClient" => CallFailure::Denied,
        "BandwidthLimitExceeded"
        | "PriorRequestNotComplete"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequests"
        | "TooManyUpdates" => CallFailure::Throttled,
        "AWS.SimpleQueueService.NonExistentQueue"
        | "InvalidResourceId"
        | "NotFound"
        | "ParameterNotFound"
        | "ParameterVersionNotFound"
        | "QueueDoesNotExist"
        | "ResourceNotFound" => CallFailure::NotFound,
        "RequestTimeout" => CallFailure::TimedOut,
        _ if name.contains("Throttl") => CallFailure::Throttled,
        _ => match status {
            429 => CallFailure::Throttled,
            408 | 504 => CallFailure::TimedOut,
            400..=499 => CallFailure::Refused,
            _ => CallFailure::Unavailable,
        },
    }
}

/// Validation messages read `Value '…' at 'name' failed to satisfy constraint: …`, several of
/// them in one. A value may hold anything, so everything from the first to the last goes.
fn without_values(message: &str) -> String {
    let (opening, closing) = ("Value '", "' at '");
    match (message.find(opening), message.rfind(closing)) {
        (Some(start), Some(end)) if start < end => {
            format!("{}Value left out{}", &message[..start], &message[end + 1..])
        }
        (Some(start), _) => format!("{}Value left out", &message[..start]),
        (None, _) => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_smithy_types::timeout::TimeoutConfig;

    use super::*;
    use crate::canned::{Canned, sdk_config};

    fn answer(status: u16, body: &str) -> Canned {
        Canned::answers([(status, body)])
    }

    async fn fail(canned: Canned) -> (CallError, CallError) {
        let config = sdk_config(canned)
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(Duration::from_secs(9))
                    .build(),
            )
            .build();
        let client = aws_sdk_ssm::Client::new(&config);
        let error = client
            .get_parameter()
            .name("/my-erp/x")
            .send()
            .await
            .unwrap_err();
        (
            call_error("GetParameter", &error),
            secret_call_error("GetParameter", &error),
        )
    }

    async fn check(canned: Canned, failure: CallFailure, text: &str) {
        let (error, of_secret) = fail(canned).await;
        assert_eq!(error.failure, failure, "{error}");
        assert_eq!(error.to_string(), text);
        assert_eq!(of_secret.failure, failure);
    }

    #[tokio::test]
    async fn a_service_error_keeps_code_message_and_request_id() {
        check(
            answer(
                400,
                r#"{"__type":"AccessDeniedException","Message":"User x may not ssm:GetParameter"}"#,
            ),
            CallFailure::Denied,
            "GetParameter was denied: AccessDeniedException: User x may not ssm:GetParameter \
             (request 3f2a)",
        )
        .await;
        check(
            answer(
                400,
                r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
            ),
            CallFailure::Throttled,
            "GetParameter was throttled: ThrottlingException: Rate exceeded (request 3f2a)",
        )
        .await;
        check(
            answer(400, r#"{"__type":"ParameterNotFound"}"#),
            CallFailure::NotFound,
            "GetParameter found nothing: ParameterNotFound (request 3f2a)",
        )
        .await;
        check(
            answer(500, r#"{"__type":"InternalServerError"}"#),
            CallFailure::Unavailable,
            "GetParameter failed: InternalServerError (request 3f2a)",
        )
        .await;
    }

    #[tokio::test]
    async fn an_answer_that_is_not_the_services_shows_no_body() {
        let (error, _) = fail(answer(502, "<html>proxy says no</html>")).await;
        assert_eq!(error.failure, CallFailure::Unavailable, "{error}");
        assert!(!error.to_string().contains("proxy"), "{error}");
        let (error, _) = fail(answer(200, "<html>a login page</html>")).await;
        assert_eq!(error.failure, CallFailure::Unavailable, "{error}");
        assert!(!error.to_string().contains("login"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_a_time_out_and_a_broken_line_is_not() {
        let (error, _) = fail(Canned::Silence).await;
        assert_eq!(error.failure, CallFailure::TimedOut, "{error}");
        assert!(error.detail.contains("9s"), "{error}");
        check(
            Canned::Broken,
            CallFailure::Unavailable,
            "GetParameter failed: io error: connection reset",
        )
        .await;
    }

    #[tokio::test]
    async fn missing_credentials_are_a_denial_that_names_the_variable() {
        let sdk = crate::environment::sdk_config(|name| {
            (name == "AWS_REGION").then(|| "eu-west-1".to_owned())
        })
        .unwrap();
        let config = sdk_config(Canned::Broken)
            .credentials_provider(sdk.credentials_provider().unwrap())
            .build();
        let client = aws_sdk_ssm::Client::new(&config);
        let error = client.describe_parameters().send().await.unwrap_err();
        let error = call_error("DescribeParameters", &error);
        assert_eq!(error.failure, CallFailure::Denied, "{error}");
        assert!(
            error.detail.contains("AWS_ACCESS_KEY_ID is not set"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_value_that_the_service_quotes_back_is_left_out() {
        let body = r#"{"__type":"ValidationException","message":"2 validation errors detected: Value 'hush' at 'it's' at 'name' failed; Value 'hush' at 'value' failed to satisfy constraint: x"}"#;
        let (error, of_secret) = fail(answer(400, body)).await;
        assert_eq!(
            error.to_string(),
            "GetParameter was refused: ValidationException: 2 validation errors detected: \
             Value left out at 'value' failed to satisfy constraint: x (request 3f2a)"
        );
        assert_eq!(
            of_secret.to_string(),
            "GetParameter was refused: ValidationException (request 3f2a)"
        );
    }

    #[test]
    fn codes_of_every_protocol_are_understood() {
        for (code, status, failure) in [
            ("AuthorizationError", 403, CallFailure::Denied),
            ("KMSAccessDenied", 400, CallFailure::Denied),
            ("KMSAccessDeniedException", 400, CallFailure::Denied),
            ("KMSThrottling", 400, CallFailure::Throttled),
            ("KMSThrottlingException", 400, CallFailure::Throttled),
            ("KMSDisabled", 400, CallFailure::Refused),
            ("KMSNotFound", 400, CallFailure::Refused),
            ("Throttled", 429, CallFailure::Throttled),
            ("TooManyRequestsException", 429, CallFailure::Throttled),
            ("TooManyUpdates", 400, CallFailure::Throttled),
            ("ResourceNotFoundException", 400, CallFailure::NotFound),
            ("NotFound", 404, CallFailure::NotFound),
            ("InvalidResourceId", 400, CallFailure::NotFound),
            ("QueueDoesNotExist", 400, CallFailure::NotFound),
            ("InvalidParameter", 400, CallFailure::Refused),
            ("InternalError", 500, CallFailure::Unavailable),
            ("ExpiredTokenException", 400, CallFailure::Denied),
            ("", 403, CallFailure::Refused),
        ] {
            assert_eq!(classify(Some(code), status), failure, "{code}");
        }
    }
}
