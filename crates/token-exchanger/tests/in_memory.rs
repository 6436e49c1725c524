//! The exchanger on a world in memory, whose clock only moves when somebody waits.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_aws::logging::{Format, subscriber};
use lwa_core::ExposeSecret;
use lwa_core::config::Lookup;
use lwa_core::consumers::Caller;
use lwa_core::error::FunctionError;
use lwa_core::ports::{CallFailure, Clock};
use lwa_core::vault::{Vault, VaultKind};
use lwa_local::SecretVersion;
use lwa_local::log::Log;
use lwa_local::lwa::{ClientSecret, Consent, OAuthClient};
use lwa_local::{Fault, ScriptedFault, Secret, World};
use serde_json::{Value, json};
use token_exchanger::{
    CheckResponse, ErrorKind, ExchangerError, Ports, Response, Settings, TokenExchanger,
    TokenResponse, Verdict,
};
use tracing_subscriber::filter::LevelFilter;

type Exchanger = TokenExchanger<World, World, World, World, World>;

/// The one call that reads credentials with the application's own refresh token.
const READ: &str = "GetParameters /my-erp/lwa/clientidentifier /my-erp/lwa/clientsecret \
                    /my-erp/refreshToken";

const ID: &str = "amzn1.application-oa2-client.0123";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old";
const NEW: &str = "amzn1.oa2-cs.v1.planted-new";
const TOKEN: &str = "Atzr|planted-own";
const TOKEN_A1: &str = "Atzr|planted-a1";
const SECRET: &str = "/my-erp/lwa/clientsecret";
const SCOPE: &str = "sellingpartnerapi::notifications";
const THIRTY_SECONDS: Duration = Duration::from_secs(30);

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// An application in both vaults, with a secret that was stored in September.
fn world() -> World {
    let world = World::new(start());
    let written = "2025-12-01T00:00:00Z".parse().unwrap();
    for (name, value) in [
        ("/my-erp/lwa/clientidentifier", ID),
        (SECRET, OLD),
        ("/my-erp/refreshToken", TOKEN),
        ("/my-erp/sellers/A1/refreshToken", TOKEN_A1),
    ] {
        world.seed_parameter(name, value, written);
    }
    let mut client = OAuthClient::default();
    client.secrets.push(ClientSecret::new(OLD, Timestamp::MIN));
    for token in [TOKEN, TOKEN_A1] {
        client.refresh_tokens.insert(token.into(), Consent::Given);
    }
    {
        let mut state = world.state();
        state.lwa.applications.insert(ID.into(), client);
        state.secrets.insert(
            "my-erp".into(),
            Secret {
                deleted_at: None,
                arn: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-erp-a1b2c3".into(),
                key_id: None,
                tags: std::collections::BTreeMap::default(),
                versions: vec![SecretVersion {
                    id: "v1".into(),
                    value: document(OLD).into(),
                    created_at: written,
                    stages: vec!["AWSCURRENT".into()],
                }],
            },
        );
    }
    world
}

fn document(secret: &str) -> String {
    json!({"AppClientId": ID, "AppClientSecret": secret, "refreshToken": TOKEN,
        "sellers": {"A1": TOKEN_A1}})
    .to_string()
}

/// Stores a secret in both vaults.
fn store(world: &World, secret: &str) {
    let now = world.now();
    world.seed_parameter(SECRET, secret, now);
    let mut state = world.state();
    let versions = &mut state.secrets.get_mut("my-erp").unwrap().versions;
    for version in &mut *versions {
        version.stages = if version.stages == ["AWSCURRENT"] {
            vec!["AWSPREVIOUS".into()]
        } else {
            Vec::new()
        };
    }
    versions.push(SecretVersion {
        id: format!("v{}", versions.len() + 1),
        value: document(secret).into(),
        created_at: now,
        stages: vec!["AWSCURRENT".into()],
    });
}

fn rotate(world: &World, spread_at: Timestamp) {
    let mut state = world.state();
    let now = state.now;
    state
        .lwa
        .applications
        .get_mut(ID)
        .unwrap()
        .rotate(NEW, now, spread_at);
}

fn exchanger_over(world: &World, vault: &str) -> Exchanger {
    let lookup = Lookup::new(|name| (name == "LWA_VAULT").then(|| vault.to_owned()));
    exchanger_with(world, &lookup)
}

fn exchanger_with<F: Fn(&str) -> Option<String>>(world: &World, lookup: &Lookup<F>) -> Exchanger {
    let settings = Settings::from_lookup(lookup).unwrap();
    let kind = VaultKind::from_lookup(lookup).unwrap();
    let vault = Vault::new(world.clone(), kind, settings.layout.clone());
    let (lwa, sp_api, clock, metrics) =
        (world.clone(), world.clone(), world.clone(), world.clone());
    TokenExchanger::new(
        settings,
        Ports {
            vault,
            lwa,
            sp_api,
            clock,
            metrics,
        },
    )
}

fn exchanger(world: &World) -> Exchanger {
    exchanger_over(world, "parameter-store")
}

async fn ask(exchanger: &Exchanger, event: Value) -> Result<Response, ExchangerError> {
    exchanger.handle(event, THIRTY_SECONDS).await
}

async fn token(exchanger: &Exchanger, event: Value) -> TokenResponse {
    match ask(exchanger, event).await.unwrap() {
        Response::Token(token) => token,
        Response::Check(check) => panic!("{check:?}"),
    }
}

async fn check(exchanger: &Exchanger, event: Value) -> CheckResponse {
    match ask(exchanger, event).await.unwrap() {
        Response::Check(check) => check,
        Response::Token(token) => panic!("{token:?}"),
    }
}

async fn error(exchanger: &Exchanger, event: Value) -> ExchangerError {
    ask(exchanger, event).await.unwrap_err()
}

fn value(token: &TokenResponse) -> &str {
    token.access_token.expose_secret()
}

fn advance(world: &World, by: SignedDuration) {
    let now = world.now();
    world.set_now(now + by);
}

/// The calls since the last time, and from now on none.
fn calls(world: &World) -> Vec<String> {
    std::mem::take(&mut world.state().calls)
}

/// What all invocations together counted under a name.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are small whole numbers"
)]
fn metric(world: &World, name: &str) -> u64 {
    let state = world.state();
    let metrics = state.metrics.iter().flat_map(|set| &set.metrics);
    metrics
        .filter(|metric| metric.name == name)
        .map(|metric| metric.value as u64)
        .sum()
}

/// Sets what a refresh token is worth.
fn consent(world: &World, token: &str, consent: Consent) {
    let mut state = world.state();
    let client = state.lwa.applications.get_mut(ID).unwrap();
    client.refresh_tokens.insert(token.into(), consent);
}

fn fault(operation: &str, fault: Fault, times: Option<u32>) -> ScriptedFault {
    ScriptedFault {
        operation: operation.into(),
        target: String::new(),
        fault,
        times,
    }
}

#[tokio::test]
async fn a_cold_request_reads_once_and_exchanges_once_and_a_warm_one_does_neither() {
    for (vault, read) in [
        ("parameter-store", READ),
        ("secrets-manager", "GetSecretValue my-erp AWSCURRENT"),
    ] {
        let world = world();
        let exchanger = exchanger_over(&world, vault);
        let first = token(&exchanger, json!({})).await;
        assert_eq!(calls(&world), [read, "ExchangeToken refresh_token"]);
        assert_eq!((first.expires_in.as_secs(), first.cached), (3600, false));
        assert_eq!(first.expires_at, start() + hours(1));
        advance(&world, SignedDuration::from_mins(50));
        let second = token(&exchanger, json!({})).await;
        assert!(calls(&world).is_empty());
        assert_eq!((second.expires_in.as_secs(), second.cached), (600, true));
        assert_eq!(second.expires_at, first.expires_at);
        assert_eq!(value(&second), value(&first));
        assert_eq!(
            (
                metric(&world, "TokenExchanges"),
                metric(&world, "CacheHits")
            ),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn the_response_has_the_agreed_fields_and_no_others() {
    let world = world();
    let response = ask(&exchanger(&world), json!({})).await.unwrap();
    assert_eq!(
        response.to_json(),
        json!({"access_token": "Atza|local-00000001", "token_type": "bearer", "expires_in": 3600,
            "expires_at": "2026-03-01T01:00:00Z", "application": "my-erp", "secret_version": "1",
            "cached": false})
    );
}

#[tokio::test]
async fn a_token_is_not_handed_out_in_its_last_minute_however_long_it_lives() {
    for lifetime in [90, 600, 3600] {
        let world = world();
        world.state().lwa.expires_in = Duration::from_secs(lifetime);
        let exchanger = exchanger(&world);
        let first = token(&exchanger, json!({})).await;
        assert_eq!(first.expires_in.as_secs(), lifetime);
        let seconds = i64::try_from(lifetime).unwrap();
        world.set_now(start() + SignedDuration::from_secs(seconds - 61));
        assert!(token(&exchanger, json!({})).await.cached, "{lifetime}");
        world.set_now(start() + SignedDuration::from_secs(seconds - 60));
        assert!(!token(&exchanger, json!({})).await.cached, "{lifetime}");
    }
}

#[tokio::test]
async fn no_two_subjects_ever_share_a_token() {
    let world = world();
    let exchanger = exchanger(&world);
    let events = [
        json!({}),
        json!({"seller": "A1"}),
        json!({"scope": SCOPE}),
        json!({"scope": "sellingpartnerapi::migration"}),
        json!({"scope": "sellingpartnerapi::migration sellingpartnerapi::notifications"}),
    ];
    let mut seen = Vec::new();
    for event in &events {
        let token = token(&exchanger, event.clone()).await;
        assert!(!seen.contains(&value(&token).to_owned()), "{event}");
        seen.push(value(&token).to_owned());
    }
    for (event, seen) in events.iter().zip(&seen) {
        let token = token(&exchanger, event.clone()).await;
        assert_eq!((value(&token), token.cached), (seen.as_str(), true));
    }
}

#[tokio::test]
async fn force_refresh_passes_the_kept_token_over_and_reads_the_vault_again() {
    let world = world();
    let exchanger = exchanger(&world);
    let first = token(&exchanger, json!({})).await;
    calls(&world);
    let second = token(&exchanger, json!({"force_refresh": true})).await;
    assert_ne!(value(&first), value(&second));
    assert_eq!(calls(&world), [READ, "ExchangeToken refresh_token"]);
    assert_eq!(value(&token(&exchanger, json!({})).await), value(&second));
}

#[tokio::test]
async fn a_token_is_never_handed_out_for_longer_than_an_hour_whatever_lwa_says() {
    let world = world();
    world.state().lwa.expires_in = Duration::from_secs(1_000_000_000);
    let exchanger = exchanger(&world);
    let first = token(&exchanger, json!({})).await;
    assert_eq!(first.expires_in.as_secs(), 3600);
    assert_eq!(first.expires_at, start() + hours(1));
    world.set_now(start() + hours(1) - SignedDuration::from_secs(60));
    assert!(!token(&exchanger, json!({})).await.cached);
}

#[tokio::test]
async fn a_caller_that_forces_every_time_makes_one_exchange_a_minute_for_each_token() {
    let world = world();
    let exchanger = exchanger(&world);
    let forced = json!({"force_refresh": true});
    token(&exchanger, json!({})).await;
    calls(&world);
    let mut cached = 0;
    for second in 0..120 {
        world.set_now(start() + SignedDuration::from_secs(second));
        cached += u32::from(token(&exchanger, forced.clone()).await.cached);
    }
    assert_eq!(cached, 118);
    let exchange = [READ, "ExchangeToken refresh_token"];
    assert_eq!(calls(&world), [exchange, exchange].concat());
    let other = json!({"seller": "A1", "force_refresh": true});
    assert!(!token(&exchanger, other).await.cached);
}

#[tokio::test]
async fn a_forced_refresh_is_not_answered_with_a_token_of_a_secret_that_was_replaced() {
    let world = world();
    let exchanger = exchanger(&world);
    let forced = json!({"force_refresh": true});
    token(&exchanger, forced.clone()).await;
    rotate(&world, start());
    store(&world, NEW);
    // Another token's exchange sees the new version.
    token(&exchanger, json!({"seller": "A1"})).await;
    let renewed = token(&exchanger, forced).await;
    assert_eq!(
        (renewed.cached, renewed.secret_version.as_str()),
        (false, "2")
    );
}

#[tokio::test]
async fn a_forced_refresh_that_failed_may_be_tried_again_at_once() {
    let world = world();
    let exchanger = exchanger(&world);
    token(&exchanger, json!({})).await;
    consent(&world, TOKEN, Consent::Revoked);
    for _ in 0..2 {
        let error = error(&exchanger, json!({"force_refresh": true})).await;
        assert_eq!(error.kind, ErrorKind::AuthorizationRevoked);
    }
}

#[tokio::test]
async fn the_alias_of_the_invoked_function_decides_what_a_caller_gets() {
    let world = world();
    let lookup = Lookup::new(|name| {
        let text = r#"{"shop": {"applications": ["my-erp"], "sellers": []}}"#;
        (name == "CONSUMERS").then(|| text.to_owned())
    });
    let exchanger = exchanger_with(&world, &lookup);
    let ask = async |caller, event| exchanger.handle_from(caller, event, THIRTY_SECONDS).await;
    let shop = Caller::Alias("shop");
    assert!(ask(shop, json!({})).await.is_ok());
    assert!(ask(Caller::Operator, json!({"seller": "A1"})).await.is_ok());
    assert!(
        ask(Caller::Unqualified, json!({"action": "check"}))
            .await
            .is_ok()
    );
    calls(&world);
    for (caller, event) in [
        (shop, json!({"seller": "A1"})),
        (Caller::Unqualified, json!({})),
        (Caller::Alias("other"), json!({"action": "check"})),
    ] {
        let error = ask(caller, event).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
    }
    assert_eq!(calls(&world), [""; 0]);
}

#[tokio::test]
async fn a_rotation_is_never_seen_by_a_caller_in_whatever_order_its_parts_happen() {
    let rotated = start() + hours(24);
    for vault in ["parameter-store", "secrets-manager"] {
        for spread_after in [0, 1, 30, 150] {
            for stored_after in [0, 1, 30, 150] {
                let world = world();
                let exchanger = exchanger_over(&world, vault);
                let mut used_new = false;
                for hour in 0..24 * 12 {
                    world.set_now(start() + hours(hour) + SignedDuration::from_mins(1));
                    if hour == 24 {
                        rotate(&world, rotated + hours(spread_after));
                    }
                    if hour == 24 + stored_after {
                        store(&world, NEW);
                    }
                    for (index, event) in
                        [json!({}), json!({"seller": "A1"}), json!({"scope": SCOPE})]
                            .into_iter()
                            .enumerate()
                    {
                        let mut event = event;
                        event["force_refresh"] = (hour % 3 == i64::try_from(index).unwrap()).into();
                        let story = format!("{vault} {spread_after} {stored_after} {hour} {event}");
                        let response = ask(&exchanger, event).await;
                        let Ok(Response::Token(token)) = response else {
                            panic!("{story}: {response:?}")
                        };
                        used_new |= token.secret_version.as_str().ends_with('2');
                    }
                }
                assert!(used_new);
                let expects_previous = stored_after < spread_after;
                assert_eq!(metric(&world, "PreviousSecretUsed") > 0, expects_previous);
            }
        }
    }
}

#[tokio::test]
async fn the_previous_secret_is_found_behind_a_rewrite_of_the_newest() {
    let world = world();
    rotate(&world, start() + hours(2));
    store(&world, NEW);
    store(&world, NEW);
    let token = token(&exchanger(&world), json!({})).await;
    assert_eq!(token.secret_version.as_str(), "1");
    assert_eq!(metric(&world, "PreviousSecretUsed"), 1);
    assert_eq!(
        calls(&world),
        [
            READ,
            "ExchangeToken refresh_token",
            READ,
            "GetParameters /my-erp/lwa/clientsecret:2",
            "GetParameters /my-erp/lwa/clientsecret:1",
            "ExchangeToken refresh_token",
        ]
    );
}

#[tokio::test]
async fn a_token_of_an_older_secret_is_not_handed_out_once_the_new_one_was_seen() {
    let world = world();
    let exchanger = exchanger(&world);
    let before = token(&exchanger, json!({"seller": "A1"})).await;
    rotate(&world, start());
    store(&world, NEW);
    assert_eq!(
        value(&token(&exchanger, json!({"seller": "A1"})).await),
        value(&before)
    );
    token(&exchanger, json!({"force_refresh": true})).await;
    let after = token(&exchanger, json!({"seller": "A1"})).await;
    assert_ne!(value(&after), value(&before));
    assert_eq!(after.secret_version.as_str(), "2");
}

#[tokio::test]
async fn an_expired_secret_is_reported_after_a_second_look_at_the_vault() {
    let world = world();
    world.state().lwa.applications.get_mut(ID).unwrap().secrets[0].works_until = Some(start());
    let error = error(&exchanger(&world), json!({})).await;
    assert_eq!(error.kind, ErrorKind::CredentialRejected);
    assert_eq!(
        error.to_string(),
        "application `my-erp`: LWA refused the client id and secret (HTTP 401, invalid_client, \
         Client authentication failed); tried version 1 of the secret; compare \
         /my-erp/lwa/clientidentifier and /my-erp/lwa/clientsecret with the developer console, \
         and if the secret is older than 180 days rotate it there and store the new one"
    );
    assert_eq!(calls(&world), [READ, "ExchangeToken refresh_token", READ]);
}

#[tokio::test]
async fn a_young_secret_that_was_stored_wrongly_is_reported_with_both_versions() {
    let world = world();
    world.state().lwa.applications.get_mut(ID).unwrap().secrets[0].works_until = Some(start());
    store(&world, NEW);
    let error = error(&exchanger(&world), json!({})).await;
    assert_eq!(error.kind, ErrorKind::CredentialRejected);
    assert!(
        error
            .to_string()
            .contains("tried version 2 and version 1 of the secret"),
        "{error}"
    );
    assert_eq!(metric(&world, "PreviousSecretUsed"), 0);
}

#[tokio::test]
async fn an_unreadable_previous_secret_does_not_hide_what_lwa_said() {
    let world = world();
    rotate(&world, start() + hours(2));
    store(&world, NEW);
    let mut denied = fault("GetParameters", Fault::Before(CallFailure::Denied), None);
    denied.target = "clientsecret:".into();
    world.state().faults.push(denied);
    let error = error(&exchanger(&world), json!({})).await;
    assert_eq!(error.kind, ErrorKind::CredentialRejected);
}

#[tokio::test]
async fn a_previous_secret_that_cannot_be_read_for_the_moment_is_worth_another_try() {
    let world = world();
    rotate(&world, start() + hours(2));
    store(&world, NEW);
    let mut throttled = fault(
        "GetParameters",
        Fault::Before(CallFailure::Throttled),
        Some(1),
    );
    throttled.target = "clientsecret:".into();
    world.state().faults.push(throttled);
    let exchanger = exchanger(&world);
    let error = error(&exchanger, json!({})).await;
    assert_eq!(
        (error.kind, error.is_transient),
        (ErrorKind::VaultUnavailable, true)
    );
    assert_eq!(
        token(&exchanger, json!({})).await.secret_version.as_str(),
        "1"
    );
}

#[tokio::test]
async fn a_revoked_authorisation_is_not_taken_for_a_rejected_secret() {
    let world = world();
    let exchanger = exchanger(&world);
    consent(&world, TOKEN_A1, Consent::Revoked);
    let error = error(&exchanger, json!({"seller": "A1"})).await;
    assert_eq!(error.kind, ErrorKind::AuthorizationRevoked);
    let text = error.to_string();
    assert!(
        text.contains("store the new refresh token in /my-erp/sellers/A1/refreshToken"),
        "{text}"
    );
    assert!(
        text.contains("rotating the client secret does not help"),
        "{text}"
    );
    assert_eq!(
        calls(&world),
        [
            "GetParameters /my-erp/lwa/clientidentifier /my-erp/lwa/clientsecret \
             /my-erp/sellers/A1/refreshToken",
            "ExchangeToken refresh_token"
        ]
    );
    // The others go on.
    assert!(ask(&exchanger, json!({})).await.is_ok());
}

#[tokio::test]
async fn a_check_tells_an_expired_secret_from_a_revoked_authorisation() {
    let seller = json!({"action": "check", "seller": "A1"});
    let alone = json!({"action": "check"});

    let healthy = world();
    let exchanger_of_healthy = exchanger(&healthy);
    for event in [&seller, &alone] {
        let found = check(&exchanger_of_healthy, event.clone()).await;
        assert_eq!(
            (found.lwa, found.sp_api),
            (Verdict::Ok, Verdict::Ok),
            "{found:?}"
        );
    }
    assert_eq!(
        calls(&healthy),
        [
            "GetParameters /my-erp/lwa/clientidentifier /my-erp/lwa/clientsecret \
             /my-erp/sellers/A1/refreshToken",
            "ExchangeToken refresh_token",
            "getMarketplaceParticipations",
            "GetParameters /my-erp/lwa/clientidentifier /my-erp/lwa/clientsecret",
            "ExchangeToken client_credentials sellingpartnerapi::notifications",
            "getDestinations",
        ]
    );
    assert_eq!(metric(&healthy, "CheckFailures"), 0);

    let expired = world();
    {
        let mut state = expired.state();
        let secret = &mut state.lwa.applications.get_mut(ID).unwrap().secrets[0];
        secret.works_until = Some(start());
        secret.lwa_looks_away = true;
    }
    let exchanger_of_expired = exchanger(&expired);
    for event in [&seller, &alone] {
        let found = check(&exchanger_of_expired, event.clone()).await;
        assert_eq!(
            (found.lwa, found.sp_api),
            (Verdict::Ok, Verdict::CredentialRejected)
        );
        assert!(
            found
                .detail
                .contains("store the new one in /my-erp/lwa/clientsecret")
        );
    }
    assert_eq!(metric(&expired, "CheckFailures"), 2);
    // The token that SP-API refuses is not handed out.
    assert!(
        !token(&exchanger_of_expired, json!({"seller": "A1"}))
            .await
            .cached
    );

    for (granted, lwa, sp_api) in [
        (
            Consent::Revoked,
            Verdict::AuthorizationRevoked,
            Verdict::NotChecked,
        ),
        (
            Consent::RevokedAtSpApi,
            Verdict::Ok,
            Verdict::AuthorizationRevoked,
        ),
    ] {
        let revoked = world();
        consent(&revoked, TOKEN_A1, granted);
        let found = check(&exchanger(&revoked), seller.clone()).await;
        assert_eq!((found.lwa, found.sp_api), (lwa, sp_api));
        let found = check(&exchanger(&revoked), alone.clone()).await;
        assert!(found.is_ok(), "{found:?}");
    }

    let dead = world();
    dead.state().lwa.applications.get_mut(ID).unwrap().secrets[0].works_until = Some(start());
    let found = check(&exchanger(&dead), alone).await;
    assert_eq!(
        (found.lwa, found.sp_api),
        (Verdict::CredentialRejected, Verdict::NotChecked)
    );
    let json = Response::Check(found).to_json();
    assert_eq!(json["lwa"], "credential_rejected");
    assert_eq!(json["sp_api"], "not_checked");
}

#[tokio::test]
async fn a_check_that_could_not_be_carried_out_is_an_error_and_no_finding() {
    let unavailable = Fault::Before(CallFailure::Unavailable);
    for (operation, kind) in [
        ("GetParameters", ErrorKind::VaultUnavailable),
        ("ExchangeToken", ErrorKind::LwaUnavailable),
        ("getDestinations", ErrorKind::SpApiUnavailable),
    ] {
        let world = world();
        world
            .state()
            .faults
            .push(fault(operation, unavailable, None));
        let error = error(&exchanger(&world), json!({"action": "check"})).await;
        assert_eq!(error.kind, kind);
        assert!(error.is_transient);
    }
    let world = world();
    world
        .state()
        .faults
        .push(fault("getDestinations", unavailable, Some(3)));
    assert!(
        check(&exchanger(&world), json!({"action": "check"}))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    for failure in [
        CallFailure::Throttled,
        CallFailure::Unavailable,
        CallFailure::TimedOut,
    ] {
        let world = world();
        let mode = Fault::Before(failure);
        world
            .state()
            .faults
            .push(fault("ExchangeToken", mode, Some(3)));
        assert!(
            ask(&exchanger(&world), json!({})).await.is_ok(),
            "{failure:?}"
        );
        assert_eq!(calls(&world).len(), 5);
        assert_eq!(metric(&world, "Retries"), 3);
    }
    for (failure, kind) in [
        (CallFailure::Refused, ErrorKind::InvalidRequest),
        (CallFailure::NotFound, ErrorKind::LwaUnavailable),
    ] {
        let world = world();
        let mode = Fault::Before(failure);
        world
            .state()
            .faults
            .push(fault("ExchangeToken", mode, None));
        assert_eq!(error(&exchanger(&world), json!({})).await.kind, kind);
        assert_eq!(calls(&world).len(), 2);
    }
}

#[tokio::test]
async fn trying_again_ends_before_the_invocation_does() {
    for mode in [Fault::Before(CallFailure::Unavailable), Fault::Hang] {
        for seconds in [1_u32, 3, 30] {
            let world = world();
            world
                .state()
                .faults
                .push(fault("ExchangeToken", mode, None));
            let remaining = Duration::from_secs(seconds.into());
            let error = exchanger(&world)
                .handle(json!({}), remaining)
                .await
                .unwrap_err();
            assert_eq!(error.kind, ErrorKind::LwaUnavailable);
            let taken = world.now().duration_since(start());
            assert!(
                taken <= SignedDuration::from_secs(seconds.into()),
                "{taken:?} {seconds}"
            );
            assert!(
                taken * 10 >= SignedDuration::from_secs(seconds.into()),
                "{taken:?} {seconds}"
            );
        }
    }
    let world = world();
    world
        .state()
        .faults
        .push(fault("GetParameters", Fault::Hang, None));
    let error = error(&exchanger(&world), json!({})).await;
    assert_eq!(error.kind, ErrorKind::VaultUnavailable);
    assert!(world.now() < start() + SignedDuration::from_secs(30));
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_stood_in_for_by_what_it_last_said() {
    let world = world();
    let exchanger = exchanger(&world);
    token(&exchanger, json!({})).await;
    advance(&world, hours(2));
    let mode = Fault::Before(CallFailure::Throttled);
    world
        .state()
        .faults
        .push(fault("GetParameters", mode, None));
    assert!(!token(&exchanger, json!({})).await.cached);
    // What was never read cannot be stood in for.
    let error = error(&exchanger, json!({"seller": "A1"})).await;
    assert_eq!(error.kind, ErrorKind::VaultUnavailable);
    assert!(error.to_string().starts_with(
        "the credentials of application `my-erp` could not be read: GetParameters was throttled"
    ));
}

#[tokio::test]
async fn a_denied_vault_says_which_permission_is_missing() {
    let world = world();
    let mode = Fault::Before(CallFailure::Denied);
    world
        .state()
        .faults
        .push(fault("GetParameters", mode, None));
    let error = error(&exchanger(&world), json!({})).await;
    assert_eq!(
        (error.kind, error.is_transient),
        (ErrorKind::VaultUnavailable, false)
    );
    assert!(
        error
            .to_string()
            .contains("the function's role needs ssm:GetParameters"),
        "{error}"
    );
}

#[tokio::test]
async fn everything_that_is_missing_is_named_at_once() {
    let world = world();
    world.state().parameters.clear();
    let error = error(&exchanger(&world), json!({"seller": "A2"})).await;
    assert_eq!(error.error_type(), "CredentialMissing");
    assert_eq!(
        error.to_string(),
        "application `my-erp` is incomplete, not in the vault: /my-erp/lwa/clientidentifier, \
         /my-erp/lwa/clientsecret, /my-erp/sellers/A2/refreshToken; store what is missing with \
         `lwa store`, or correct `application` or `seller` in the request"
    );
}

#[tokio::test]
async fn what_was_stored_in_the_wrong_place_is_sent_all_the_same_and_then_hinted_at() {
    let world = world();
    world.seed_parameter(
        "/my-erp/lwa/clientidentifier",
        "amzn1.sp.solution.0123",
        start(),
    );
    world.seed_parameter(SECRET, TOKEN, "2025-12-02T00:00:00Z".parse().unwrap());
    let error = error(&exchanger(&world), json!({})).await;
    assert_eq!(error.kind, ErrorKind::CredentialRejected);
    let text = error.to_string();
    assert!(
        text.contains(
            "Hint: /my-erp/lwa/clientidentifier looks like an application id, not like a client id"
        ),
        "{text}"
    );
    assert!(
        text.contains("Hint: /my-erp/lwa/clientsecret looks like a refresh token, not like a"),
        "{text}"
    );
    assert!(calls(&world).contains(&"ExchangeToken refresh_token".to_owned()));
    assert!(!text.contains("planted"));
}

#[tokio::test]
async fn a_token_that_allows_a_rotation_is_never_asked_for() {
    let world = world();
    for scope in [
        "sellingpartnerapi::client_credential:rotation",
        "sellingpartnerapi::client_credentials:rotation",
    ] {
        let error = error(&exchanger(&world), json!({"scope": scope})).await;
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        let spelling = "`sellingpartnerapi::client_credential:rotation`, in which";
        assert!(error.to_string().contains(spelling), "{error}");
    }
    assert_eq!(calls(&world), [""; 0]);
}

#[test]
fn a_region_that_does_not_exist_is_refused_with_those_that_do() {
    let lookup = Lookup::new(|name| (name == "SP_API_REGION").then(|| "us".to_owned()));
    assert_eq!(
        Settings::from_lookup(&lookup).unwrap_err().to_string(),
        "SP_API_REGION is `us`; allowed: na, eu, fe, sandbox-na, sandbox-eu, sandbox-fe"
    );
    let lookup = Lookup::new(|name| (name == "SP_API_REGION").then(|| "sandbox-eu".to_owned()));
    assert_eq!(
        Settings::from_lookup(&lookup).unwrap().sp_api_endpoint,
        "https://sandbox.sellingpartnerapi-eu.amazon.com"
    );
    let lookup = Lookup::new(|name| (name == "LWA_VAULT").then(|| "both".to_owned()));
    assert!(Settings::from_lookup(&lookup).is_err());
}

#[tokio::test]
async fn a_token_is_in_its_response_and_nowhere_else_even_with_every_log_line_on() {
    let log = Log::new();
    let sink = log.clone();
    let guard =
        tracing::subscriber::set_default(subscriber(LevelFilter::TRACE, Format::Json, move || {
            sink.clone()
        }));
    let world = world();
    let exchanger = exchanger(&world);
    let mut said = Vec::new();
    let mut responses = 0;
    rotate(&world, start() + hours(2));
    store(&world, NEW);
    for event in [
        json!({}),
        json!({}),
        json!({"seller": "A1", "force_refresh": true}),
        json!({"scope": SCOPE}),
        json!({"action": "check"}),
        json!({"action": "check", "seller": "A1"}),
        json!({"seller": "A9"}),
        json!({"seller": TOKEN}),
        json!({TOKEN: 1}),
        json!({"application": NEW}),
        json!({"action": NEW}),
    ] {
        match ask(&exchanger, event).await {
            Ok(Response::Token(token)) => {
                responses += 1;
                said.push(format!("{token:?}"));
            }
            Ok(check) => said.push(format!("{} {check:?}", check.to_json())),
            Err(error) => said.push(format!("{error} {error:?}")),
        }
    }
    consent(&world, TOKEN, Consent::Revoked);
    said.push(
        error(&exchanger, json!({"force_refresh": true}))
            .await
            .to_string(),
    );
    world
        .state()
        .lwa
        .applications
        .get_mut(ID)
        .unwrap()
        .secrets
        .clear();
    said.push(
        error(&exchanger, json!({"force_refresh": true}))
            .await
            .to_string(),
    );
    drop(guard);
    assert_eq!(responses, 4);
    let log = log.text();
    assert!(
        log.contains("answered with a token") && log.contains("used version 1"),
        "{log}"
    );
    let metrics = format!("{:?}", world.state().metrics);
    for text in [log, said.join("\n"), metrics, world.calls().join("\n")] {
        for secret in ["planted", "local-0000"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
