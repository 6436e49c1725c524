//! Calls of AWS services for which no SDK client is built here. They are not signed: emulators
//! that do not enforce IAM take the account from the access key and ask for nothing more.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use lwa_aws::http::{Client, Limits};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::emulator::{Emulator, REGION};

/// Larger than anything that an emulator answers with.
const LIMITS: Limits = Limits {
    timeout: Duration::from_mins(1),
    max_body_bytes: 16 * 1024 * 1024,
};

/// An operation of a service that speaks JSON, such as `AWSEvents.PutRule` of `events`.
pub async fn json(emulator: &Emulator, service: &str, target: &str, input: &Value) -> Value {
    let request = request(emulator, service, &Method::POST, "/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target);
    let answer = send(request, input.to_string()).await;
    parse(target, &succeeded(target, answer))
}

/// An operation of a service that takes forms and answers in XML.
pub async fn query(emulator: &Emulator, service: &str, fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let request = request(emulator, service, &Method::POST, "/")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = send(request, form.join("&")).await;
    let what = fields.first().map_or("", |(_, action)| *action);
    String::from_utf8_lossy(&succeeded(what, answer)).into_owned()
}

/// An operation of a service that speaks REST.
pub async fn rest(
    emulator: &Emulator,
    service: &str,
    method: &Method,
    path: &str,
    input: &Value,
) -> Value {
    let request =
        request(emulator, service, method, path).header("content-type", "application/json");
    let body = if method == Method::GET {
        String::new()
    } else {
        input.to_string()
    };
    let answer = send(request, body).await;
    parse(path, &succeeded(path, answer))
}

/// A text to an address of an emulator's own.
pub async fn post(url: &str, text: &str) {
    let request = Request::builder().method(Method::POST).uri(url);
    succeeded(url, send(request, text.to_owned()).await);
}

/// Send any request and read the answer, whatever its status.
pub(crate) async fn send(
    request: http::request::Builder,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let request = request
        .body(body.into())
        .expect("a test should make valid requests");
    let answer = Client::new(None)
        .send(request, LIMITS)
        .await
        .unwrap_or_else(|error| panic!("the emulator did not answer: {error}"));
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn request(
    emulator: &Emulator,
    service: &str,
    method: &Method,
    path: &str,
) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("{}{path}", emulator.url))
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0",
                emulator.account
            ),
        )
}

fn succeeded(what: &str, answer: Response<Bytes>) -> Bytes {
    let (head, body) = answer.into_parts();
    assert!(
        head.status.is_success(),
        "{what} was answered with {}: {}",
        head.status,
        String::from_utf8_lossy(&body)
    );
    body
}

fn parse(what: &str, body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body)
        .unwrap_or_else(|error| panic!("the answer to {what} is not JSON: {error}"))
}
