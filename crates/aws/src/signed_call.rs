//! Signed calls to services for which no SDK client is built.
//!
//! The doctor needs eight operations of five services. Their SDK crates
//! would take longer to compile than the rest of the workspace, and two of them change the
//! features of every other SDK crate. Signing, credentials and endpoints are the SDK's.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use http::{Method, Request};
use lwa_core::ports::{CallError, CallFailure, Clock};
use serde_json::Value;

use crate::call_error::service_error;
use crate::clients::Aws;
use crate::clock::SystemClock;
use crate::http::{HttpError, Limits};

/// A page of log events is the longest answer, at most 1 MB.
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(10),
    max_body_bytes: 4 * 1024 * 1024,
};

/// A service by its name in hosts and signatures, its id in `AWS_ENDPOINT_URL_…`, and what
/// stands before the operation in `X-Amz-Target`; nothing where it speaks REST.
pub(crate) type Service = (&'static str, &'static str, &'static str);

/// The service of the event bus and its rules.
pub(crate) const EVENTS: Service = ("events", "EventBridge", "AWSEvents");

/// Makes a call: a `POST` of the input, or a `GET` where there is none.
pub(crate) async fn call(
    aws: &Aws,
    service: Service,
    operation: &'static str,
    path: &str,
    input: Option<Value>,
) -> Result<Value, CallError> {
    let failed = |failure, detail: String| CallError {
        operation,
        failure,
        code: None,
        detail,
    };
    let mut request = Request::builder().uri(format!("{}{path}", endpoint(aws, service)));
    if input.is_some() {
        request = request
            .method(Method::POST)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{}.{operation}", service.2));
    }
    let body = input.map(|input| input.to_string()).unwrap_or_default();
    let mut request = request
        .body(Bytes::from(body))
        .map_err(|error| failed(CallFailure::Refused, error.to_string()))?;
    let signed = add_signature(aws, service, &mut request).await;
    signed.map_err(|error| failed(CallFailure::Denied, error.to_string()))?;
    let answer = aws.http().send_in_the_open(request, LIMITS).await;
    let answer = answer.map_err(|error| match error {
        HttpError::TimedOut { .. } => failed(CallFailure::TimedOut, error.to_string()),
        _ => failed(CallFailure::Unavailable, error.to_string()),
    })?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        return Ok(body);
    }
    let header = answer.headers.get("x-amzn-errortype");
    let code = header
        .and_then(|value| value.to_str().ok())
        .or(body["__type"].as_str())
        .map(error_code);
    let message = body["message"].as_str().or(body["Message"].as_str());
    let status = answer.status.as_u16();
    Err(service_error(operation, code, status, message, None))
}

async fn add_signature(
    aws: &Aws,
    (name, ..): Service,
    request: &mut Request<Bytes>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let provider = aws.sdk_config().credentials_provider();
    let provider = provider.ok_or("no AWS credentials are configured")?;
    let identity = provider.provide_credentials().await?.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(aws.region().unwrap_or_default())
        .name(name)
        .time(SystemTime::from(SystemClock.now()))
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri = request.uri().to_string();
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

/// As the SDK finds it: a configured client, then the service's own variable, then the one for
/// all services, then AWS's own, <https://docs.aws.amazon.com/general/latest/gr/rande.html>.
fn endpoint(aws: &Aws, (name, id, _): Service) -> String {
    let config = aws.sdk_config();
    let is_programmatic = config.get_origin("endpoint_url").is_client_config();
    let own = || {
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        let services = config.service_config().filter(|_| !is_programmatic);
        services?.load_config(key.build().ok()?)
    };
    let url = own().or_else(|| config.endpoint_url().map(str::to_owned));
    let url = url.unwrap_or_else(|| regional(name, aws.region().unwrap_or_default()));
    url.trim_end_matches('/').to_owned()
}

fn regional(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://{service}.{region}.amazonaws.com{suffix}")
}

/// The name of an error without the namespace before it and the link behind it.
fn error_code(text: &str) -> &str {
    let text = text.split(':').next().unwrap_or(text);
    text.rsplit('#').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_named_without_its_namespace_and_link() {
        for text in [
            "ResourceNotFoundException",
            "com.amazonaws.kms#ResourceNotFoundException",
            "ResourceNotFoundException:http://internal.amazon.com/coral/",
        ] {
            assert_eq!(error_code(text), "ResourceNotFoundException");
        }
    }

    #[test]
    fn an_endpoint_is_in_its_own_partition() {
        assert_eq!(
            regional("kms", "eu-west-1"),
            "https://kms.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            regional("logs", "cn-north-1"),
            "https://logs.cn-north-1.amazonaws.com.cn"
        );
    }
}
