//! The LWA token endpoint over HTTPS.

use std::time::Duration;

use bytes::Bytes;
use http::uri::InvalidUri;
use http::{HeaderMap, Request, Uri, header};
use lwa_core::config::{ConfigError, LWA_TOKEN_URL};
use lwa_core::lwa::{
    AccessToken, Grant, LwaError, LwaFailure, TokenEndpoint, TokenRequest, safe_words,
};
use lwa_core::wipe::{WipedJson, Zeroizing};
use lwa_core::{ExposeSecret, SecretString};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::{Client, HttpError, Limits, Response};

/// Longest exchange: LWA answers within a second.
pub const LWA_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes. Access and refresh token have at most 2048 each,
/// <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>.
const MAX_BODY_BYTES: usize = 32 * 1024;

/// Exchanges credentials for access tokens.
#[derive(Debug, Clone)]
pub struct LwaClient {
    http: Client,
    url: Uri,
    timeout: Duration,
}

impl LwaClient {
    /// A client of the token endpoint at `url`; no exchange takes longer than `timeout`.
    pub fn new(http: Client, url: &str, timeout: Duration) -> Result<Self, ConfigError> {
        let url = url
            .parse()
            .map_err(|error: InvalidUri| ConfigError::invalid(LWA_TOKEN_URL, url, error))?;
        Ok(Self { http, url, timeout })
    }
}

impl TokenEndpoint for LwaClient {
    async fn exchange(
        &self,
        request: &TokenRequest,
        timeout: Duration,
    ) -> Result<AccessToken, LwaError> {
        let post = Request::post(self.url.clone())
            .header(
                header::CONTENT_TYPE,
                "application/x-www-form-urlencoded;charset=UTF-8",
            )
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from_owner(form(request)))
            .map_err(|error| {
                LwaError::without_answer(LwaFailure::NotLwa, format!("unusable URL: {error}"))
            })?;
        let limits = Limits {
            timeout: timeout.min(self.timeout),
            max_body_bytes: MAX_BODY_BYTES,
        };
        let response = self
            .http
            .send(post, limits)
            .await
            .map_err(|error| no_answer(&error))?;
        answer(&response, request)
    }
}

/// What an answer to a request means. A function of its own, so that fuzzing can pass it any
/// answer.
pub fn answer(response: &Response, request: &TokenRequest) -> Result<AccessToken, LwaError> {
    if response.status.is_success() {
        token(response)
    } else {
        Err(refusal(response, request))
    }
}

/// The fields that OAuth 2.0 asks for; refresh tokens contain `|`, which must be encoded. The form
/// is written into one place, which is wiped when it has been sent.
fn form(request: &TokenRequest) -> Zeroizing<Vec<u8>> {
    let (grant_type, name, value) = match &request.grant {
        Grant::RefreshToken(token) => ("refresh_token", "refresh_token", token.expose_secret()),
        Grant::ClientCredentials(scope) => ("client_credentials", "scope", scope.as_str()),
    };
    let fields = [
        ("client_id", request.client_id.as_str()),
        ("client_secret", request.client_secret.expose_secret()),
        (name, value),
    ];
    let parts = || {
        let fields = fields.iter().flat_map(|(name, value)| {
            let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC);
            ["&", *name, "="].into_iter().chain(encoded)
        });
        ["grant_type=", grant_type].into_iter().chain(fields)
    };
    let mut form = Zeroizing::new(Vec::with_capacity(parts().map(str::len).sum()));
    parts().for_each(|part| form.extend_from_slice(part.as_bytes()));
    form
}

fn encode(text: &str) -> Zeroizing<String> {
    let parts = || utf8_percent_encode(text, NON_ALPHANUMERIC);
    let mut encoded = Zeroizing::new(String::with_capacity(parts().map(str::len).sum()));
    encoded.extend(parts());
    encoded
}

fn no_answer(error: &HttpError) -> LwaError {
    let failure = match error {
        HttpError::Connect { .. } | HttpError::Broken { .. } => LwaFailure::Unreachable,
        HttpError::TimedOut { .. } => LwaFailure::TimedOut,
        HttpError::BodyTooLarge { .. } => LwaFailure::Unintelligible,
    };
    LwaError::without_answer(failure, error.to_string())
}

/// Reads the token from a success. No part of an invalid body is shown, because it may hold a
/// token.
fn token(response: &Response) -> Result<AccessToken, LwaError> {
    let unintelligible = |problem: &str| LwaError {
        status: Some(response.status.as_u16()),
        ..LwaError::without_answer(LwaFailure::Unintelligible, problem)
    };
    let body = WipedJson::parse(&response.body)
        .ok_or_else(|| unintelligible(&format!("{} is not JSON", shape(response))))?;
    let text = |key: &str| body.get(key)?.as_str().filter(|text| !text.is_empty());
    let value = text("access_token").ok_or_else(|| unintelligible("no access_token"))?;
    let seconds = body
        .get("expires_in")
        .and_then(|seconds| seconds.as_u64().or_else(|| seconds.as_str()?.parse().ok()))
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| unintelligible("no expires_in that is a number of seconds from 1 up"))?;
    Ok(AccessToken {
        value: SecretString::from(value),
        token_type: text("token_type").unwrap_or("bearer").to_owned(),
        expires_in: Duration::from_secs(seconds),
    })
}

fn refusal(response: &Response, request: &TokenRequest) -> LwaError {
    let status = response.status.as_u16();
    let body = WipedJson::parse(&response.body);
    let text = |key: &str| {
        let text = body.as_ref()?.get(key)?.as_str()?;
        Some(safe_words(&without_what_was_sent(text, request))).filter(|text| !text.is_empty())
    };
    let code = text("error");
    let description = text("error_description").or_else(|| {
        code.is_none()
            .then(|| format!("{} without an error code", shape(response)))
    });
    LwaError {
        failure: LwaFailure::of_answer(status, code.as_deref()),
        status: Some(status),
        code,
        description,
        retry_after: retry_after(&response.headers),
    }
}

/// LWA is not known to repeat the request, but a proxy that answers in its place might: the
/// values, or the encoded form.
fn without_what_was_sent(text: &str, request: &TokenRequest) -> String {
    let token = match &request.grant {
        Grant::RefreshToken(token) => token.expose_secret(),
        Grant::ClientCredentials(_) => "",
    };
    let mut text = text.to_owned();
    for secret in [request.client_secret.expose_secret(), token] {
        if !secret.is_empty() {
            text = text.replace(secret, "[redacted]");
            text = text.replace(encode(secret).as_str(), "[redacted]");
        }
    }
    text
}

/// What kind of body it is, without showing it.
fn shape(response: &Response) -> &'static str {
    let body = response.body.trim_ascii();
    if body.is_empty() {
        "an empty body"
    } else if body.starts_with(b"<") {
        "an HTML page"
    } else {
        "a body"
    }
}

/// How long the service asks to wait; only the form in seconds is understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    seconds.parse().ok().map(Duration::from_secs)
}
