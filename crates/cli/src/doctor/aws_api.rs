//! Signed calls to services for which no SDK client is built.
//!
//! The doctor makes eight read-only calls to five services. Their SDK crates would take longer to
//! compile than the rest of the workspace, and two of them change the features of every other
//! SDK crate. Signing, credentials and the HTTP stack are the SDK's and `lwa-aws`'s own.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use http::{Method, Request};
use lwa_aws::call_error::classify;
use lwa_aws::clients::Aws;
use lwa_aws::clock::SystemClock;
use lwa_aws::http::{HttpError, Limits};
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::text::{elide_end, printable};
use serde_json::{Map, Value};

/// A page of log events is the longest answer, at most 1 MB.
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(10),
    max_body_bytes: 4 * 1024 * 1024,
};

/// Longest text of a service's error that is shown, in characters.
const MAX_DETAIL: usize = 300;

/// A service, as its endpoint, its signature and the variables of the SDK name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// In the host's name, and for the signature.
    name: &'static str,
    /// In `AWS_ENDPOINT_URL_…`.
    id: &'static str,
    /// Before the operation in `X-Amz-Target`; none for a service that speaks REST.
    target: Option<&'static str>,
}

pub(super) const EVENTS: Service = Service {
    name: "events",
    id: "EventBridge",
    target: Some("AWSEvents"),
};
pub(super) const KMS: Service = Service {
    name: "kms",
    id: "KMS",
    target: Some("TrentService"),
};
pub(super) const LOGS: Service = Service {
    name: "logs",
    id: "CloudWatch Logs",
    target: Some("Logs_20140328"),
};
pub(super) const LAMBDA: Service = Service {
    name: "lambda",
    id: "Lambda",
    target: None,
};
pub(super) const SCHEDULER: Service = Service {
    name: "scheduler",
    id: "Scheduler",
    target: None,
};

/// Calls with the credentials and endpoints of one account.
#[derive(Debug)]
pub(super) struct AwsApi<'a> {
    aws: &'a Aws,
    /// What `--endpoint-url` says; it beats everything.
    endpoint: Option<&'a str>,
}

impl<'a> AwsApi<'a> {
    pub(super) const fn new(aws: &'a Aws, endpoint: Option<&'a str>) -> Self {
        Self { aws, endpoint }
    }

    /// An operation of a service that takes and gives JSON.
    pub(super) async fn json(
        &self,
        service: Service,
        operation: &'static str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/", self.endpoint(service)))
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("{}.{operation}", service.target.unwrap_or_default()),
            )
            .body(Bytes::from(input.to_string()));
        self.send(service, operation, request).await
    }

    /// A `GET` of a service that speaks REST. `path` begins with a slash and is encoded already.
    pub(super) async fn get(
        &self,
        service: Service,
        operation: &'static str,
        path: &str,
    ) -> Result<Value, CallError> {
        let request = Request::builder()
            .uri(format!("{}{path}", self.endpoint(service)))
            .body(Bytes::new());
        self.send(service, operation, request).await
    }

    async fn send(
        &self,
        service: Service,
        operation: &'static str,
        request: http::Result<Request<Bytes>>,
    ) -> Result<Value, CallError> {
        let failed = |failure, detail: String| CallError {
            operation,
            failure,
            detail: elide_end(&printable(&detail), MAX_DETAIL),
        };
        let mut request =
            request.map_err(|error| failed(CallFailure::Refused, error.to_string()))?;
        self.sign(service, &mut request)
            .await
            .map_err(|problem| failed(CallFailure::Denied, problem))?;
        let answer = self.aws.http().send(request, LIMITS).await;
        let answer = answer.map_err(|error| {
            let failure = match error {
                HttpError::TimedOut { .. } => CallFailure::TimedOut,
                _ => CallFailure::Unavailable,
            };
            failed(failure, error.to_string())
        })?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(body);
        }
        let header = answer.headers.get("x-amzn-errortype");
        let code = header
            .and_then(|value| value.to_str().ok())
            .or_else(|| body.get("__type").and_then(Value::as_str))
            .map(error_code);
        let message = ["message", "Message"]
            .iter()
            .find_map(|key| body.get(*key)?.as_str());
        let status = answer.status.as_u16();
        let detail = match (code, message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => format!("HTTP {status}"),
        };
        Err(failed(classify(code, status), detail))
    }

    async fn sign(&self, service: Service, request: &mut Request<Bytes>) -> Result<(), String> {
        let config = self.aws.sdk_config();
        let provider = config
            .credentials_provider()
            .ok_or("no AWS credentials are configured")?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| error.to_string())?;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.aws.region().unwrap_or_default())
            .name(service.name)
            .time(SystemTime::from(SystemClock.now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let uri = request.uri().to_string();
        let headers = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)
            .map_err(|error| error.to_string())?;
        let (instructions, _) = sign(signable, &parameters)
            .map_err(|error| error.to_string())?
            .into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    /// The option, then the service's own variable, then the one for all, then AWS's.
    fn endpoint(&self, service: Service) -> String {
        let config = self.aws.sdk_config();
        let own = || {
            let key = ServiceConfigKey::builder()
                .service_id(service.id)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .ok()?;
            config.service_config()?.load_config(key)
        };
        let url = self
            .endpoint
            .map(str::to_owned)
            .or_else(own)
            .or_else(|| config.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| regional(service.name, self.aws.region().unwrap_or_default()));
        url.trim_end_matches('/').to_owned()
    }
}

/// The endpoint of a service in a region,
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>.
fn regional(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://{service}.{region}.{domain}")
}

/// The name of an error without the namespace before it and the link behind it.
fn error_code(text: &str) -> &str {
    let text = text.split(':').next().unwrap_or(text);
    text.rsplit('#').next().unwrap_or(text)
}

/// The string at a key; empty where there is none.
pub(super) fn string(object: &Value, key: &str) -> String {
    object
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The objects of a list at a key.
pub(super) fn objects<'v>(object: &'v Value, key: &str) -> Vec<&'v Map<String, Value>> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .collect()
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
