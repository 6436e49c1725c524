//! Answers over HTTP, which may come from anything between us and Amazon.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use lwa_aws::http::Response;
use lwa_aws::{lwa_client, sp_api_client};
use lwa_core::ExposeSecret;
use lwa_core::lwa::{AccessToken, Grant, Scope, TokenRequest};

use crate::account::CLIENT_ID;
use crate::assertions;

const STATUSES: [u16; 8] = [200, 204, 302, 400, 401, 403, 429, 503];

/// What was sent, and must not come back in an error. Nothing but the whole of it tells that it
/// is secret; a prefix of Amazon's would.
pub(crate) const CLIENT_SECRET: &str = "sent-client-secret";
pub(crate) const REFRESH_TOKEN: &str = "sent-refresh-token";
pub(crate) const ACCESS_TOKEN: &str = "sent-access-token";

pub(crate) fn lwa(data: &[u8]) {
    let request = |grant| TokenRequest {
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        grant,
    };
    let of_seller = request(Grant::RefreshToken(REFRESH_TOKEN.into()));
    let grantless = request(Grant::ClientCredentials(Scope::NOTIFICATIONS));
    let requests = [
        (of_seller, &[CLIENT_SECRET, REFRESH_TOKEN][..]),
        (grantless, &[CLIENT_SECRET]),
    ];
    for (status, response) in responses(data) {
        for (request, sent) in &requests {
            match lwa_client::answer(&response, request) {
                Ok(token) => {
                    assert!((200..300).contains(&status), "a {status} is no token");
                    let value = token.value.expose_secret();
                    assert!(!value.is_empty() && !token.expires_in.is_zero());
                    // Shorter ones are found by chance.
                    if value.len() >= 16 {
                        assert!(!format!("{token:?}").contains(value));
                    }
                    assertions::assert_printable(&token.token_type);
                }
                Err(error) => {
                    let said = assertions::assert_printable(&error) + &format!("{error:?}");
                    assertions::assert_not_leaked(sent, "", &said);
                    assert_eq!(error.status, Some(status));
                }
            }
        }
    }
}

pub(crate) fn sp_api(data: &[u8]) {
    let token = AccessToken {
        value: ACCESS_TOKEN.into(),
        token_type: "bearer".to_owned(),
        expires_in: std::time::Duration::from_hours(1),
    };
    for (status, response) in responses(data) {
        let error = sp_api_client::failure("getDestinations", &response, &token);
        let said = assertions::assert_printable(&error) + &format!("{error:?}");
        assertions::assert_not_leaked(&[ACCESS_TOKEN], "", &said);
        assert_eq!(error.status, Some(status));
        assert!(
            error.refusal().is_none() || error.failure == lwa_core::sp_api::SpApiFailure::Refused
        );
    }
}

/// The bytes as the body of every kind of answer, and in the headers that are read as far as a
/// header can hold them.
fn responses(data: &[u8]) -> impl Iterator<Item = (u16, Response)> {
    let body = Bytes::copy_from_slice(data);
    let mut headers = HeaderMap::new();
    let line: Vec<u8> = data.iter().copied().filter(|byte| *byte >= b' ').collect();
    if let Ok(value) = HeaderValue::from_bytes(&line) {
        headers.insert("retry-after", value.clone());
        headers.insert("x-amzn-requestid", value);
    }
    STATUSES.into_iter().map(move |status| {
        let response = Response {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: headers.clone(),
            body: body.clone(),
        };
        (status, response)
    })
}
