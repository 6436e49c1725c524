//! The clients of LWA and SP-API against a local server: every answer in Amazon's tables, and
//! those that no table has.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use lwa_aws::http::Client;
use lwa_aws::lwa_client::LwaClient;
use lwa_aws::sp_api_client::SpApiClient;
use lwa_core::ExposeSecret;
use lwa_core::lwa::{AccessToken, Grant, LwaError, LwaFailure, Scope, TokenEndpoint, TokenRequest};
use lwa_core::rotation::request;
use lwa_core::sp_api::{Operation, Refusal, SellingPartnerApi, SpApiError, SpApiFailure};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const PATH: &str = "/auth/o2/token";
const SECRET: &str = "amzn1.oa2-cs.v1.planted+secret/=";
const REFRESH_TOKEN: &str = "Atzr|IwEBIA-planted+refresh/token=";
const ACCESS_TOKEN: &str = "Atza|IwEBIA-planted-access-token";

/// Long enough for a loopback answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Too short for an answer that takes a minute, and all that a test waits.
const HASTE: Duration = Duration::from_millis(60);

const A_MINUTE: Duration = Duration::from_mins(1);

fn planted() -> [(&'static str, &'static str); 3] {
    [
        ("client secret", SECRET),
        ("refresh token", REFRESH_TOKEN),
        ("access token", ACCESS_TOKEN),
    ]
}

fn by_refresh_token() -> TokenRequest {
    TokenRequest {
        client_id: "amzn1.application-oa2-client.0123".into(),
        client_secret: SECRET.into(),
        grant: Grant::RefreshToken(REFRESH_TOKEN.into()),
    }
}

fn for_scope(scope: Scope) -> TokenRequest {
    TokenRequest {
        grant: Grant::ClientCredentials(scope),
        ..by_refresh_token()
    }
}

fn lwa(url: &str, timeout: Duration) -> LwaClient {
    LwaClient::new(Client::new(None), &format!("{url}{PATH}"), timeout).unwrap()
}

async fn exchange(answer: Answer, timeout: Duration) -> Result<AccessToken, LwaError> {
    let stub = HttpStub::start();
    stub.script(&Method::POST, PATH, [answer]);
    let result = lwa(&stub.url(), PATIENCE)
        .exchange(&by_refresh_token(), timeout)
        .await;
    assert_eq!(stub.requests().len(), 1, "the client tried again by itself");
    result
}

async fn refused(answer: Answer) -> LwaError {
    let error = exchange(answer, PATIENCE).await.unwrap_err();
    leak::assert_none(&format!("{error} {error:?}"), &planted());
    error
}

fn success(expires_in: &Value) -> Answer {
    let body = json!({"access_token": ACCESS_TOKEN, "token_type": "bearer",
        "expires_in": expires_in, "refresh_token": REFRESH_TOKEN});
    Answer::json(200, &body).header("cache-control", "no-store")
}

#[tokio::test]
async fn both_grants_are_sent_as_forms_with_every_value_encoded() {
    let stub = HttpStub::start();
    stub.script(&Method::POST, PATH, [success(&json!(3600))]);
    let client = lwa(&stub.url(), PATIENCE);
    let mut requests = vec![(
        by_refresh_token(),
        ("refresh_token", "refresh_token", REFRESH_TOKEN.to_owned()),
    )];
    for scope in Scope::KNOWN {
        let expected = ("client_credentials", "scope", scope.to_string());
        requests.push((for_scope(scope), expected));
    }
    for (request, (grant_type, name, value)) in requests {
        client.exchange(&request, PATIENCE).await.unwrap();
        let sent = stub.requests().pop().unwrap();
        let expected = BTreeMap::from(
            [
                ("grant_type", grant_type),
                ("client_id", "amzn1.application-oa2-client.0123"),
                ("client_secret", SECRET),
                (name, value.as_str()),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(sent.form(), expected);
        assert_eq!(
            sent.headers["content-type"],
            "application/x-www-form-urlencoded;charset=UTF-8"
        );
        assert_eq!(sent.query, "", "nothing belongs into a URL");
        let body = String::from_utf8(sent.body.to_vec()).unwrap();
        assert!(!body.contains('|') && !body.contains("::"), "not encoded");
    }
}

#[tokio::test]
async fn the_lifetime_of_a_token_is_what_lwa_says() {
    for (given, seconds) in [(json!(3600), 3600), (json!(1), 1), (json!("900"), 900)] {
        let token = exchange(success(&given), PATIENCE).await.unwrap();
        assert_eq!(token.value.expose_secret(), ACCESS_TOKEN);
        assert_eq!(token.token_type, "bearer");
        assert_eq!(token.expires_in, Duration::from_secs(seconds));
        leak::assert_none(&format!("{token:?}"), &planted());
    }
    for given in [json!(null), json!(0), json!(-1), json!("soon"), json!([])] {
        let error = refused(success(&given)).await;
        assert_eq!(error.failure, LwaFailure::Unintelligible, "{given}");
    }
}

#[tokio::test]
async fn every_refusal_in_the_table_is_understood() {
    let grant = "The request has an invalid grant parameter : refresh_token";
    let revoked = format!("{grant}. User may have revoked or didn't grant the permission.");
    for (status, code, description, failure, is_transient) in [
        (
            401,
            "invalid_client",
            "Client authentication failed",
            LwaFailure::ClientRefused,
            false,
        ),
        (400, "invalid_grant", grant, LwaFailure::GrantRefused, false),
        (
            400,
            "invalid_grant",
            &revoked,
            LwaFailure::GrantRefused,
            false,
        ),
        (
            400,
            "unsupported_grant_type",
            "",
            LwaFailure::RequestRefused,
            false,
        ),
        (
            400,
            "invalid_request",
            "missing: refresh_token",
            LwaFailure::RequestRefused,
            false,
        ),
        (
            400,
            "unauthorized_client",
            "",
            LwaFailure::AccessDenied,
            false,
        ),
        (400, "invalid_scope", "", LwaFailure::RequestRefused, false),
        (403, "access_denied", "", LwaFailure::AccessDenied, false),
        (500, "server_error", "", LwaFailure::Unavailable, true),
        (
            503,
            "temporarily_unavailable",
            "",
            LwaFailure::Unavailable,
            true,
        ),
        (429, "slow_down", "", LwaFailure::Throttled, true),
    ] {
        // Amazon does not keep to an order of keys.
        let body = format!("{{\"error_description\":\"{description}\",\"error\":\"{code}\"}}");
        let error = refused(Answer::bytes(status, body)).await;
        assert_eq!(error.failure, failure, "{status} {code}");
        assert_eq!(error.is_transient(), is_transient, "{status} {code}");
        assert_eq!(error.status, Some(status));
        assert_eq!(error.code.as_deref(), Some(code));
        let said = error.description.unwrap_or_default();
        assert_eq!(said, description);
    }
}

#[tokio::test]
async fn answers_that_are_not_lwas_are_understood_by_their_status_and_never_shown() {
    let html = "<html>planted page</html>";
    for (status, body, failure) in [
        (503, html, LwaFailure::Unavailable),
        (502, "", LwaFailure::Unavailable),
        (500, "{\"error\":", LwaFailure::Unavailable),
        (429, "", LwaFailure::Throttled),
        (403, html, LwaFailure::NotLwa),
        (404, "", LwaFailure::NotLwa),
        (302, "", LwaFailure::NotLwa),
        (401, html, LwaFailure::ClientRefused),
        (200, html, LwaFailure::Unintelligible),
        (200, "", LwaFailure::Unintelligible),
        (200, "[]", LwaFailure::Unintelligible),
        (
            200,
            "{\"access_token\":\"\",\"expires_in\":3600}",
            LwaFailure::Unintelligible,
        ),
        (
            200,
            "{\"access_token\":7,\"expires_in\":3600}",
            LwaFailure::Unintelligible,
        ),
    ] {
        let error = refused(Answer::bytes(status, body)).await;
        assert_eq!(error.failure, failure, "{status} {body}");
        assert!(!error.to_string().contains("planted"), "{error}");
    }
}

#[tokio::test]
async fn lwa_may_say_how_long_to_wait() {
    let error = refused(Answer::bytes(429, "").header("retry-after", "7")).await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let error = refused(Answer::bytes(429, "").header("retry-after", "tomorrow")).await;
    assert_eq!(error.retry_after, None);
}

#[tokio::test]
async fn bodies_that_are_too_large_or_too_slow_or_cut_short_are_passing_failures() {
    let body = success(&json!(3600));
    for (answer, timeout, failure) in [
        (
            Answer::oversized(200, 1 << 20),
            PATIENCE,
            LwaFailure::Unintelligible,
        ),
        (body.clone().after(A_MINUTE), HASTE, LwaFailure::TimedOut),
        (
            body.clone().in_chunks(10, A_MINUTE),
            HASTE,
            LwaFailure::TimedOut,
        ),
        (
            body.clone().cut_after(20),
            PATIENCE,
            LwaFailure::Unreachable,
        ),
        (Answer::hang_up(), PATIENCE, LwaFailure::Unreachable),
    ] {
        let shown = format!("{answer:?}");
        let error = exchange(answer, timeout).await.unwrap_err();
        assert_eq!(error.failure, failure, "{shown}");
        assert!(error.is_transient());
        leak::assert_none(&format!("{error} {error:?}"), &planted());
    }
    // The client's own limit holds however much time there is.
    let stub = HttpStub::start();
    stub.script(&Method::POST, PATH, [body.after(A_MINUTE)]);
    let error = lwa(&stub.url(), HASTE)
        .exchange(&by_refresh_token(), A_MINUTE)
        .await
        .unwrap_err();
    assert_eq!(error.failure, LwaFailure::TimedOut);
}

#[tokio::test]
async fn nobody_listening_is_a_passing_failure() {
    let url = HttpStub::start().url();
    let error = lwa(&url, PATIENCE)
        .exchange(&by_refresh_token(), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.failure, LwaFailure::Unreachable);
    assert!(
        error.to_string().contains("no connection to 127.0.0.1"),
        "{error}"
    );
}

#[tokio::test]
async fn credentials_that_an_answer_repeats_are_not_repeated() {
    // As they are, and as the form has them that was sent.
    let encoded = |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    for value in [SECRET, REFRESH_TOKEN] {
        for echo in [value.to_owned(), encoded(value)] {
            for status in [400, 401, 500] {
                let body = json!({"error": echo, "error_description": format!("bad: {echo}!")});
                refused(Answer::json(status, &body)).await;
                refused(Answer::bytes(status, echo.clone())).await;
            }
        }
    }
}

fn token() -> AccessToken {
    AccessToken {
        value: ACCESS_TOKEN.into(),
        token_type: "bearer".into(),
        expires_in: Duration::from_hours(1),
    }
}

const CALLS: [(Operation, Method, &str); 3] = [
    (
        Operation::GetMarketplaceParticipations,
        Method::GET,
        "/sellers/v1/marketplaceParticipations",
    ),
    (
        Operation::GetDestinations,
        Method::GET,
        "/notifications/v1/destinations",
    ),
    (
        Operation::RotateApplicationClientSecret,
        Method::POST,
        "/applications/2023-11-30/clientSecret",
    ),
];

async fn call(operation: Operation, url: &str, timeout: Duration) -> Result<(), SpApiError> {
    // Whether the endpoint is given with a slash at its end or without makes no difference.
    let client = SpApiClient::new(Client::new(None), &format!("{url}/"), PATIENCE);
    let result = client.perform(operation, &token(), timeout).await;
    if let Err(error) = &result {
        leak::assert_none(&format!("{error} {error:?}"), &planted());
    }
    result
}

async fn answered(which: Operation, answer: Answer, timeout: Duration) -> Result<(), SpApiError> {
    let stub = HttpStub::start();
    for (_, method, path) in CALLS {
        stub.script(&method, path, [answer.clone()]);
    }
    let result = call(which, &stub.url(), timeout).await;
    assert_eq!(stub.requests().len(), 1, "the client tried again by itself");
    result
}

#[tokio::test]
async fn each_call_has_the_headers_that_sp_api_requires() {
    let stub = HttpStub::start();
    for (which, method, path) in CALLS {
        let answer = match which {
            Operation::RotateApplicationClientSecret => Answer::bytes(204, ""),
            Operation::GetMarketplaceParticipations | Operation::GetDestinations => {
                Answer::json(200, &json!({"payload": []}))
            }
        };
        stub.script(&method, path, [answer]);
        call(which, &stub.url(), PATIENCE).await.unwrap();
        let sent = stub.requests().pop().unwrap();
        assert_eq!(
            (&sent.method, sent.path.as_str(), sent.query.as_str()),
            (&method, path, "")
        );
        assert_eq!(sent.headers["x-amz-access-token"], ACCESS_TOKEN);
        assert!(!sent.headers.contains_key("authorization"));
        let date = sent.headers["x-amz-date"].to_str().unwrap();
        assert_eq!(
            (date.len(), &date[8..9], &date[15..]),
            (16, "T", "Z"),
            "{date}"
        );
        let agent = sent.headers["user-agent"].to_str().unwrap();
        assert!(
            agent.starts_with("lwa-rotation/0.1.0 (Language=Rust; Platform="),
            "{agent}"
        );
        assert!(sent.headers.contains_key("host"));
        assert!(sent.body.is_empty());
        if method == Method::POST {
            assert_eq!(sent.headers["content-length"], "0");
        }
    }
}

#[tokio::test]
async fn refusals_by_sp_api_are_told_apart_by_their_words() {
    let denied = "Access to requested resource is denied.";
    for (status, code, message, details, refusal) in [
        (
            403,
            "Unauthorized",
            denied,
            "The LWA secret token you provided has expired.",
            Some(Refusal::SecretExpired),
        ),
        (
            401,
            "Unauthorized",
            denied,
            "THE LWA SECRET TOKEN YOU PROVIDED HAS EXPIRED.",
            Some(Refusal::SecretExpired),
        ),
        (
            403,
            "Unauthorized",
            denied,
            "The access token you provided has expired.",
            Some(Refusal::TokenExpired),
        ),
        (
            403,
            "Unauthorized",
            denied,
            "Access token is missing in the request header.",
            Some(Refusal::TokenMissing),
        ),
        (403, "Unauthorized", denied, "", Some(Refusal::AccessDenied)),
        (
            400,
            "InvalidInput",
            "not enrolled for rotation notification",
            "",
            Some(Refusal::Other),
        ),
        (404, "NotFound", "", "", Some(Refusal::Other)),
        (415, "UnsupportedMediaType", "", "", Some(Refusal::Other)),
        (429, "QuotaExceeded", "You exceeded your quota", "", None),
        (500, "InternalFailure", "", "", None),
        (503, "ServiceUnavailable", "", "", None),
    ] {
        let body = json!({"errors": [{"code": code, "message": message, "details": details}]});
        let answer = Answer::json(status, &body).header("x-amzn-requestid", "6b3c-request");
        for (which, _, _) in CALLS {
            let error = answered(which, answer.clone(), PATIENCE).await.unwrap_err();
            assert_eq!(error.refusal(), refusal, "{error}");
            assert_eq!(error.failure, SpApiFailure::of_status(status));
            assert_eq!(error.code.as_deref(), Some(code));
            assert_eq!(error.request_id.as_deref(), Some("6b3c-request"));
            assert!(
                error.to_string().contains("request id 6b3c-request"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn answers_that_are_not_sp_apis_are_never_taken_for_a_success() {
    let html = Answer::bytes(200, "<html>planted login page</html>");
    for which in [
        Operation::GetMarketplaceParticipations,
        Operation::GetDestinations,
    ] {
        for answer in [
            html.clone(),
            Answer::bytes(200, ""),
            Answer::json(200, &json!([])),
        ] {
            let error = answered(which, answer, PATIENCE).await.unwrap_err();
            assert_eq!(error.failure, SpApiFailure::Unavailable);
            assert!(!error.to_string().contains("planted"));
        }
    }
    let gateway = Answer::json(403, &json!({"message": "Forbidden"}));
    let error = answered(Operation::GetMarketplaceParticipations, gateway, PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.message.as_deref(), Some("Forbidden"));
    assert_eq!(error.refusal(), Some(Refusal::AccessDenied));
}

#[tokio::test]
async fn a_rotation_that_may_have_been_done_has_an_unclear_answer() {
    let is_unclear = |error| request::Answer::of(&Err(error)) == request::Answer::Unclear;
    for (answer, timeout, maybe_done) in [
        (Answer::bytes(204, "").after(A_MINUTE), HASTE, true),
        (Answer::hang_up(), PATIENCE, true),
        (Answer::bytes(500, ""), PATIENCE, true),
        (Answer::bytes(302, ""), PATIENCE, true),
        (Answer::oversized(200, 2 << 20), PATIENCE, true),
        (Answer::bytes(429, ""), PATIENCE, false),
        (Answer::bytes(403, ""), PATIENCE, false),
    ] {
        let shown = format!("{answer:?}");
        let error = answered(Operation::RotateApplicationClientSecret, answer, timeout)
            .await
            .unwrap_err();
        assert_eq!(is_unclear(error), maybe_done, "{shown}");
    }
    let nobody = HttpStub::start().url();
    let error = call(Operation::RotateApplicationClientSecret, &nobody, PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.failure, SpApiFailure::Unreachable);
    assert!(!is_unclear(error));
}

#[tokio::test]
async fn a_token_that_sp_api_repeats_is_not_repeated() {
    for which in [
        Operation::GetMarketplaceParticipations,
        Operation::RotateApplicationClientSecret,
    ] {
        let details = format!("the token {ACCESS_TOKEN} is bad");
        let body = json!({"errors": [{"code": ACCESS_TOKEN, "details": details}]});
        assert!(
            answered(which, Answer::json(403, &body), PATIENCE)
                .await
                .is_err()
        );
    }
}
