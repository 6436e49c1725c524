//! SP-API over HTTPS.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lwa_core::ExposeSecret;
use lwa_core::lwa::{AccessToken, safe_words};
use lwa_core::ports::Clock;
use lwa_core::sp_api::{Operation, SellingPartnerApi, SpApiError, SpApiFailure};
use serde_json::Value;

use crate::clock::SystemClock;
use crate::http::{Client, HttpError, Limits, Response};

/// How long one call may take unless there is less time.
pub const SP_API_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read, in bytes. A seller with every marketplace and many
/// destinations stays far below.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Longest `User-Agent` that SP-API takes, in characters,
/// <https://developer-docs.amazon.com/sp-api/docs/include-a-user-agent-header-in-all-requests>.
const MAX_USER_AGENT: usize = 500;

/// Calls SP-API. Requests are not signed: the access token is all that is asked for,
/// <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>.
#[derive(Debug, Clone)]
pub struct SpApiClient<C = SystemClock> {
    http: Client,
    endpoint: String,
    timeout: Duration,
    clock: C,
}

impl SpApiClient {
    /// A client of the API at `endpoint`, a base URL; no call takes longer than `timeout`.
    pub fn new(http: Client, endpoint: &str, timeout: Duration) -> Self {
        Self::with_clock(http, endpoint, timeout, SystemClock)
    }
}

impl<C: Clock> SpApiClient<C> {
    /// The same with another clock, which dates the requests.
    pub fn with_clock(http: Client, endpoint: &str, timeout: Duration, clock: C) -> Self {
        Self {
            http,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            timeout,
            clock,
        }
    }

    async fn send(
        &self,
        operation: &'static str,
        method: Method,
        path: &str,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<Response, SpApiError> {
        // The application's fault, and nothing has been sent.
        let unusable = |problem: &str| {
            SpApiError::without_answer(operation, SpApiFailure::Unreachable, problem)
        };
        let mut value = HeaderValue::from_str(token.value.expose_secret())
            .map_err(|_| unusable("the access token has a character that no header may have"))?;
        value.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("x-amz-access-token", value)
            .header("x-amz-date", amz_date(self.clock.now()))
            .header(
                header::USER_AGENT,
                user_agent("lwa-rotation", env!("CARGO_PKG_VERSION")),
            )
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            // Hyper leaves it out when there is no body, and some gateways refuse a POST
            // without it.
            .header(header::CONTENT_LENGTH, 0)
            .body(Bytes::new())
            .map_err(|error| unusable(&format!("unusable URL: {error}")))?;
        let limits = Limits {
            timeout: timeout.min(self.timeout),
            max_body_bytes: MAX_BODY_BYTES,
        };
        let response = self
            .http
            .send(request, limits)
            .await
            .map_err(|error| no_answer(operation, &error))?;
        if response.status.is_success() {
            Ok(response)
        } else {
            Err(failure(operation, &response, token))
        }
    }
}

impl<C: Clock> SellingPartnerApi for SpApiClient<C> {
    async fn perform(
        &self,
        operation: Operation,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        let (name, _) = operation.name_and_scope();
        let (method, path, has_payload) = match operation {
            Operation::GetMarketplaceParticipations => {
                (Method::GET, "/sellers/v1/marketplaceParticipations", true)
            }
            Operation::GetDestinations => (Method::GET, "/notifications/v1/destinations", true),
            Operation::RotateApplicationClientSecret => {
                (Method::POST, "/applications/2023-11-30/clientSecret", false)
            }
        };
        let response = self.send(name, method, path, token, timeout).await?;
        let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        if !has_payload || body.get("payload").is_some() {
            return Ok(());
        }
        // An answer without the payload of an operation that has one did not come from SP-API.
        let problem = "the body is not an answer of SP-API";
        Err(SpApiError {
            status: Some(response.status.as_u16()),
            request_id: request_id(&response, token),
            ..SpApiError::without_answer(name, SpApiFailure::Unavailable, problem)
        })
    }
}

fn no_answer(operation: &'static str, error: &HttpError) -> SpApiError {
    let failure = match error {
        HttpError::Connect { .. } => SpApiFailure::Unreachable,
        HttpError::TimedOut { .. } | HttpError::Broken { .. } => SpApiFailure::TimedOut,
        HttpError::BodyTooLarge { .. } => SpApiFailure::Unavailable,
    };
    SpApiError::without_answer(operation, failure, error.to_string())
}

/// Reads what SP-API says that is no success, or the gateway in front of it, whose errors are a
/// single `message`.
pub fn failure(operation: &'static str, response: &Response, token: &AccessToken) -> SpApiError {
    let status = response.status.as_u16();
    let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
    let error = body
        .get("errors")
        .and_then(|errors| errors.get(0))
        .unwrap_or(&body);
    let text = |key: &str| said(error.get(key)?.as_str()?, token);
    SpApiError {
        operation,
        failure: SpApiFailure::of_status(status),
        status: Some(status),
        code: text("code"),
        message: text("message"),
        details: text("details"),
        request_id: request_id(response, token),
    }
}

/// SP-API is not known to repeat the token, but a proxy that answers in its place might.
fn said(text: &str, token: &AccessToken) -> Option<String> {
    let text = safe_words(&text.replace(token.value.expose_secret(), "[redacted]"));
    Some(text).filter(|text| !text.is_empty())
}

fn request_id(response: &Response, token: &AccessToken) -> Option<String> {
    let id = response.headers.get("x-amzn-requestid")?.to_str().ok()?;
    Some(lwa_core::text::quotable(&said(id, token)?))
}

/// The instant as `20260102T030405Z`.
fn amz_date(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

/// `AppName/Version (Language=…; Platform=…)`, with a backslash before every character that has a
/// meaning of its own, same source as for the limit.
fn user_agent(name: &str, version: &str) -> String {
    let escape = |text: &str| -> String {
        let escaped = |c| "/(=);\\".contains(c).then_some('\\').into_iter().chain([c]);
        text.chars().flat_map(escaped).collect()
    };
    let [name, version, platform] = [name, version, std::env::consts::OS].map(escape);
    let agent = format!("{name}/{version} (Language=Rust; Platform={platform})");
    agent.chars().take(MAX_USER_AGENT).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn the_user_agent_follows_amazons_rules() {
        assert_eq!(
            user_agent("lwa", "1.0"),
            format!("lwa/1.0 (Language=Rust; Platform={})", std::env::consts::OS)
        );
        assert!(user_agent("a/b(c)", "1;2").starts_with(r"a\/b\(c\)/1\;2 ("));
        assert_eq!(user_agent(&"x".repeat(600), "1").len(), 500);
    }

    #[test]
    fn an_answer_that_repeats_the_token_is_told_without_it_headers_included() {
        let token = AccessToken {
            value: "planted".into(),
            token_type: "bearer".to_owned(),
            expires_in: Duration::from_hours(1),
        };
        let answer = |request_id: &'static str, body: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amzn-requestid", HeaderValue::from_static(request_id));
            let response = Response {
                status: StatusCode::FORBIDDEN,
                headers,
                body: Bytes::from_static(body.as_bytes()),
            };
            failure("getDestinations", &response, &token).to_string()
        };
        assert_eq!(
            answer(
                "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
                r#"{"message":"Forbidden"}"#
            ),
            "SP-API refused getDestinations (HTTP 403, Forbidden, request id \
             0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0)"
        );
        let said = answer(
            "for planted",
            r#"{"errors":[{"code":"planted","message":"planted","details":"(planted)"}]}"#,
        );
        assert!(!said.contains("planted"), "{said}");
        assert!(said.ends_with("request id for [redacted])"), "{said}");
    }

    #[test]
    fn dates_are_written_as_aws_writes_them() {
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(amz_date(now), "20260102T030405Z");
    }
}
