//! token-exchanger: its vaults through real SDK clients, and the real binary.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::types::ParameterType;
use http::Method;
use lwa_aws::account::Account;
use lwa_core::ExposeSecret;
use lwa_core::application::{ApplicationName, Layout, Role, SellerId};
use lwa_core::config::Lookup;
use lwa_core::lwa::Scope;
use lwa_core::vault::{Vault, VaultError, VaultKind};
use lwa_tests::emulator::{self, Emulator};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use lwa_tests::runtime_api::{Function, Invocation};
use serde_json::{Value, json};

const TOKEN_PATH: &str = "/auth/o2/token";
const PARTICIPATIONS: &str = "/sellers/v1/marketplaceParticipations";
const DESTINATIONS: &str = "/notifications/v1/destinations";
const CLIENT_ID: &str = "amzn1.application-oa2-client.0123";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old-secret";
const NEW: &str = "amzn1.oa2-cs.v1.planted-new-secret";
const OWN: &str = "Atzr|planted-own-refresh-token";
const OF_SELLER: &str = "Atzr|planted-seller-refresh-token";
const ACCESS_TOKEN: &str = "Atza|planted-access-token";

const KINDS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

fn planted() -> [(&'static str, &'static str); 5] {
    [
        ("old secret", OLD),
        ("new secret", NEW),
        ("own refresh token", OWN),
        ("seller's refresh token", OF_SELLER),
        ("access token", ACCESS_TOKEN),
    ]
}

/// An application of one test in an emulator.
struct Estate {
    emulator: Emulator,
    kind: VaultKind,
}

impl Estate {
    fn new(emulator: Emulator, kind: VaultKind) -> Self {
        Self { emulator, kind }
    }

    /// Stores everything, with a first secret.
    async fn stored(emulator: Emulator, kind: VaultKind) -> Self {
        let estate = Self::new(emulator, kind);
        match kind {
            VaultKind::ParameterStore => {
                estate.put("lwa/clientidentifier", CLIENT_ID).await;
                estate.put("refreshToken", OWN).await;
                estate.put("sellers/A1/refreshToken", OF_SELLER).await;
            }
            VaultKind::SecretsManager => {
                let client = estate.emulator.secrets_manager();
                let create = client.create_secret().name(estate.application().as_str());
                create
                    .secret_string(Self::document(OLD))
                    .send()
                    .await
                    .unwrap();
                return estate;
            }
        }
        estate.store(OLD).await;
        estate
    }

    /// Stores another secret.
    async fn store(&self, secret: &str) {
        match self.kind {
            VaultKind::ParameterStore => self.put("lwa/clientsecret", secret).await,
            VaultKind::SecretsManager => {
                let client = self.emulator.secrets_manager();
                let put = client
                    .put_secret_value()
                    .secret_id(self.application().as_str());
                put.secret_string(Self::document(secret))
                    .send()
                    .await
                    .unwrap();
            }
        }
    }

    async fn put(&self, leaf: &str, value: &str) {
        let put = self.emulator.ssm().put_parameter();
        put.name(format!("{}/{leaf}", self.emulator.prefix))
            .value(value)
            .r#type(ParameterType::SecureString)
            .overwrite(true)
            .send()
            .await
            .unwrap();
    }

    fn document(secret: &str) -> String {
        json!({"AppClientId": CLIENT_ID, "AppClientSecret": secret, "refreshToken": OWN,
            "sellers": {"A1": OF_SELLER}})
        .to_string()
    }

    fn application(&self) -> ApplicationName {
        ApplicationName::parse(&self.emulator.prefix).unwrap()
    }

    fn layout(&self) -> Layout {
        let prefix = self.emulator.prefix.clone();
        let get = |name: &str| (name == "LWA_PARAMETER_PREFIX").then(|| prefix.clone());
        Lookup::new(get).layout().unwrap()
    }

    fn vault(&self) -> Vault<Account> {
        Vault::new(Account::new(&self.emulator.aws()), self.kind, self.layout())
    }

    fn variables(&self, amazon: &HttpStub) -> BTreeMap<String, String> {
        let mut variables = self.emulator.variables();
        let vault = match self.kind {
            VaultKind::ParameterStore => "parameter-store",
            VaultKind::SecretsManager => "secrets-manager",
        };
        variables.extend(
            [
                ("LWA_PARAMETER_PREFIX", self.emulator.prefix.as_str()),
                ("LWA_VAULT", vault),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        variables.extend(of_amazon(amazon));
        variables
    }
}

/// Where the function finds LWA and SP-API.
fn of_amazon(stub: &HttpStub) -> BTreeMap<String, String> {
    [
        ("LWA_TOKEN_URL", format!("{}{TOKEN_PATH}", stub.url())),
        ("SP_API_ENDPOINT", stub.url()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn issued(token: &str) -> Answer {
    let body = json!({"access_token": token, "token_type": "bearer", "expires_in": 3600,
        "refresh_token": OWN});
    Answer::json(200, &body)
}

fn invalid_client() -> Answer {
    let body = json!({"error_description": "Client authentication failed",
        "error": "invalid_client"});
    Answer::json(401, &body)
}

fn invalid_grant() -> Answer {
    let body = json!({"error": "invalid_grant",
        "error_description": "The request has an invalid grant parameter : refresh_token"});
    Answer::json(400, &body)
}

/// LWA and SP-API that accept everything.
fn amazon() -> HttpStub {
    let stub = HttpStub::start();
    stub.script(&Method::POST, TOKEN_PATH, [issued(ACCESS_TOKEN)]);
    for path in [PARTICIPATIONS, DESTINATIONS] {
        stub.script(
            &Method::GET,
            path,
            [Answer::json(200, &json!({"payload": []}))],
        );
    }
    stub
}

/// Parameter Store as a server that counts what it is asked.
fn parameter_store() -> HttpStub {
    let stub = HttpStub::start();
    let parameters = [
        ("/my-erp/refreshToken", OWN),
        ("/my-erp/lwa/clientsecret", OLD),
        ("/my-erp/lwa/clientidentifier", CLIENT_ID),
    ]
    .map(|(name, value)| json!({"Name": name, "Value": value, "Version": 3}));
    let body = json!({"Parameters": parameters, "InvalidParameters": []});
    stub.script(&Method::POST, "/", [Answer::json(200, &body)]);
    stub
}

fn with_parameter_store(store: &HttpStub, amazon: &HttpStub) -> BTreeMap<String, String> {
    let mut variables = of_amazon(amazon);
    variables.extend(
        [
            ("AWS_ENDPOINT_URL", store.url()),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    variables
}

fn start(variables: BTreeMap<String, String>) -> Function {
    Function::start("token-exchanger", variables)
}

/// What all invocations so far counted under a name.
fn counted(function: &Function, name: &str) -> f64 {
    let lines = function.json_lines();
    lines
        .iter()
        .filter(|line| line.get("_aws").is_some())
        .filter_map(|line| line[name].as_f64())
        .sum()
}

#[tokio::test]
async fn each_vault_gives_what_was_stored_and_names_what_was_not() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let story = format!("{emulator:?} {kind:?}");
            let estate = Estate::stored(emulator.clone(), kind).await;
            let (vault, application) = (estate.vault(), estate.application());
            let seller = |id: &str| Role::RefreshToken {
                seller: Some(SellerId::parse(id).unwrap()),
            };
            for (whose, expected) in [
                (None, None),
                (Some(Role::RefreshToken { seller: None }), Some(OWN)),
                (Some(seller("A1")), Some(OF_SELLER)),
            ] {
                let read = vault.read(&application, whose.as_ref()).await.unwrap();
                assert_eq!(read.client_id, CLIENT_ID, "{story}");
                assert_eq!(read.client_secret.value.expose_secret(), OLD, "{story}");
                assert!(read.client_secret.written_at.is_some(), "{story}");
                let token = read.refresh_token.as_ref().map(ExposeSecret::expose_secret);
                assert_eq!(token, expected, "{story}");
                leak::assert_none(&format!("{read:?}"), &planted());
            }
            let missing = vault
                .read(&application, Some(&seller("A9")))
                .await
                .unwrap_err();
            let VaultError::Missing { names } = missing else {
                panic!("{story}: {missing}")
            };
            assert_eq!(names.len(), 1, "{story}");
            assert!(names[0].contains("A9"), "{story}: {names:?}");
            let nothing = ApplicationName::parse("nothing-here").unwrap();
            let missing = vault.read(&nothing, Some(&seller("A9"))).await.unwrap_err();
            assert!(
                matches!(missing, VaultError::Missing { .. }),
                "{story}: {missing}"
            );
        }
    }
}

#[tokio::test]
async fn each_vault_finds_the_secret_before_the_newest_even_behind_a_rewrite() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let story = format!("{emulator:?} {kind:?}");
            let estate = Estate::stored(emulator.clone(), kind).await;
            let (vault, application) = (estate.vault(), estate.application());
            let current = vault.read(&application, None).await.unwrap();
            let before = vault
                .read_previous_secret(&application, &current.client_secret)
                .await;
            assert!(before.unwrap().is_none(), "{story}");
            // ministack forgets a secret's version as soon as it has no label, which AWS does not.
            let forgets = (estate.emulator.kind, kind)
                == (emulator::Kind::Ministack, VaultKind::SecretsManager);
            for _ in 0..if forgets { 1 } else { 2 } {
                estate.store(NEW).await;
                let read = vault.read(&application, None).await.unwrap();
                assert_eq!(read.client_secret.value.expose_secret(), NEW, "{story}");
                let before = vault
                    .read_previous_secret(&application, &read.client_secret)
                    .await;
                let before = before.unwrap().unwrap_or_else(|| panic!("{story}"));
                assert_eq!(before.value.expose_secret(), OLD, "{story}");
                assert_eq!(before.version, current.client_secret.version, "{story}");
            }
        }
    }
}

#[tokio::test]
async fn a_cold_invocation_makes_two_calls_and_a_warm_one_none() {
    let (store, amazon) = (parameter_store(), amazon());
    let function = start(with_parameter_store(&store, &amazon));
    let first = function.invoke(&json!({})).await.unwrap();
    let expires_at = first["expires_at"].as_str().unwrap().to_owned();
    assert_eq!(
        first,
        json!({"access_token": ACCESS_TOKEN, "token_type": "bearer", "expires_in": 3600,
            "expires_at": expires_at, "application": "my-erp", "secret_version": "3",
            "cached": false})
    );
    let second = function.invoke(&json!({})).await.unwrap();
    assert_eq!(second["cached"], true);
    assert_eq!(second["access_token"], ACCESS_TOKEN);
    let [read] = store.requests().try_into().unwrap();
    assert_eq!(read.headers["x-amz-target"], "AmazonSSM.GetParameters");
    let [exchange] = amazon.requests().try_into().unwrap();
    assert_eq!(exchange.form()["refresh_token"], OWN);
    assert_eq!(exchange.form()["client_secret"], OLD);
}

#[tokio::test]
async fn a_hundred_invocations_at_once_cause_one_exchange_per_key() {
    let (store, amazon) = (parameter_store(), amazon());
    // Every exchange is still under way when the last of the invocations begins.
    let slow = issued(ACCESS_TOKEN).after(Duration::from_millis(100));
    amazon.script(&Method::POST, TOKEN_PATH, [slow]);
    let mut variables = with_parameter_store(&store, &amazon);
    variables.insert("AWS_LAMBDA_MAX_CONCURRENCY".into(), "100".into());
    let function = std::sync::Arc::new(start(variables));
    let (one, other) = (Scope::NOTIFICATIONS, Scope::MIGRATION);
    let all = [one.to_string(), other.to_string(), format!("{one} {other}")];
    let scopes = |count: usize| {
        let all = all.clone();
        (0..100).map(move |n| json!({"scope": all[n % count]}))
    };
    for keys in [1, 3] {
        let before = (amazon.requests().len(), store.requests().len());
        let mut tasks = Vec::new();
        for event in scopes(keys) {
            let mut event = event;
            event["force_refresh"] = (keys == 3).into();
            let function = std::sync::Arc::clone(&function);
            tasks.push(tokio::spawn(async move {
                function.invoke(&event).await.unwrap()
            }));
        }
        for task in tasks {
            assert_eq!(task.await.unwrap()["access_token"], ACCESS_TOKEN);
        }
        let exchanges = amazon.requests().len() - before.0;
        let readings = store.requests().len() - before.1;
        // Those that are forced once another has ended get its token.
        assert_eq!((exchanges, readings), (keys, keys));
    }
}

#[tokio::test]
async fn a_secret_that_lwa_does_not_know_yet_is_bridged_with_the_one_before_it() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let story = format!("{emulator:?} {kind:?}");
            let estate = Estate::stored(emulator.clone(), kind).await;
            let amazon = amazon();
            let function = start(estate.variables(&amazon));
            let before = function.invoke(&json!({"seller": "A1"})).await.unwrap();
            estate.store(NEW).await;
            amazon.script(
                &Method::POST,
                TOKEN_PATH,
                [invalid_client(), issued(ACCESS_TOKEN)],
            );
            let again = json!({"seller": "A1", "force_refresh": true});
            let bridged = function.invoke(&again).await.unwrap();
            assert_eq!(
                bridged["secret_version"], before["secret_version"],
                "{story}"
            );
            let secrets: Vec<String> = amazon
                .requests()
                .iter()
                .map(|sent| sent.form()["client_secret"].clone())
                .collect();
            assert_eq!(secrets, [OLD, NEW, OLD], "{story}");
            // Once LWA knows it, the new one is used.
            let after = function.invoke(&json!({})).await.unwrap();
            assert_ne!(after["secret_version"], before["secret_version"], "{story}");
            assert_eq!(amazon.requests()[3].form()["client_secret"], NEW, "{story}");
            let used = counted(&function, "PreviousSecretUsed");
            assert!((used - 1.0).abs() < 0.1, "{story}: {used}");
            let output = function.stop().await;
            assert!(output.contains("\"level\":\"WARN\""), "{output}");
            leak::assert_none(&output, &planted());
        }
    }
}

#[tokio::test]
async fn every_kind_of_error_has_its_own_type() {
    let (store, amazon) = (parameter_store(), amazon());
    let function = start(with_parameter_store(&store, &amazon));
    let fails = async |event: Value| {
        let error = function.invoke(&event).await.unwrap_err();
        leak::assert_none(&error.error_message, &planted());
        error
    };
    let error = fails(json!({"sellr": "A1"})).await;
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(
        error.error_message.contains("unknown field `sellr`"),
        "{error:?}"
    );

    amazon.script(&Method::POST, TOKEN_PATH, [invalid_client()]);
    assert_eq!(fails(json!({})).await.error_type, "CredentialRejected");
    amazon.script(&Method::POST, TOKEN_PATH, [invalid_grant()]);
    assert_eq!(fails(json!({})).await.error_type, "AuthorizationRevoked");
    // To wait that long no time is left, so nothing is waited for.
    let busy = Answer::bytes(503, "<html>busy</html>").header("retry-after", "3600");
    amazon.script(&Method::POST, TOKEN_PATH, [busy]);
    assert_eq!(fails(json!({})).await.error_type, "LwaUnavailable");

    let missing = json!({"Parameters": [], "InvalidParameters": ["/my-erp/lwa/clientsecret"]});
    store.script(&Method::POST, "/", [Answer::json(200, &missing)]);
    let error = fails(json!({"seller": "A1"})).await;
    assert_eq!(error.error_type, "CredentialMissing");
    for name in [
        "lwa/clientidentifier",
        "lwa/clientsecret",
        "sellers/A1/refreshToken",
    ] {
        assert!(
            error.error_message.contains(&format!("/my-erp/{name}")),
            "{error:?}"
        );
    }
    let denied = json!({"__type": "AccessDeniedException", "Message": "not authorized"});
    store.script(&Method::POST, "/", [Answer::json(400, &denied)]);
    let error = fails(json!({"seller": "A1"})).await;
    assert_eq!(error.error_type, "VaultUnavailable");
    assert!(
        error.error_message.contains("ssm:GetParameters"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_check_tells_an_expired_secret_from_a_revoked_authorisation() {
    let (store, amazon) = (parameter_store(), amazon());
    let function = start(with_parameter_store(&store, &amazon));
    let seller = json!({"action": "check", "grant": "refresh_token"});
    let verdicts = async |event: &Value| {
        let found = function.invoke(event).await.unwrap();
        assert!(found.get("access_token").is_none());
        (
            found["lwa"].as_str().unwrap().to_owned(),
            found["sp_api"].as_str().unwrap().to_owned(),
        )
    };
    let expect = |lwa: &str, sp_api: &str| (lwa.to_owned(), sp_api.to_owned());
    assert_eq!(
        verdicts(&json!({"action": "check"})).await,
        expect("ok", "ok")
    );
    assert_eq!(verdicts(&seller).await, expect("ok", "ok"));

    let expired = json!({"errors": [{"code": "Unauthorized",
        "message": "Access to requested resource is denied.",
        "details": "The LWA secret token you provided has expired."}]});
    amazon.script(&Method::GET, PARTICIPATIONS, [Answer::json(403, &expired)]);
    assert_eq!(verdicts(&seller).await, expect("ok", "credential_rejected"));

    amazon.script(&Method::POST, TOKEN_PATH, [invalid_grant()]);
    assert_eq!(
        verdicts(&seller).await,
        expect("authorization_revoked", "not_checked")
    );

    let schedule = json!({"version": "0", "id": "1", "detail-type": "Scheduled Event",
        "source": "aws.events", "detail": {}});
    amazon.script(&Method::POST, TOKEN_PATH, [issued(ACCESS_TOKEN)]);
    assert_eq!(verdicts(&schedule).await, expect("ok", "ok"));
}

#[tokio::test]
async fn a_token_is_in_its_response_and_nowhere_else_with_every_log_line_on() {
    for kind in KINDS {
        let estate = Estate::stored(emulator::moto(), kind).await;
        let amazon = amazon();
        let echo = json!({"error": "server_error", "error_description": format!("{NEW} {OWN}")});
        estate.store(NEW).await;
        amazon.script(
            &Method::POST,
            TOKEN_PATH,
            [
                Answer::json(500, &echo),
                invalid_client(),
                issued(ACCESS_TOKEN),
                invalid_grant(),
            ],
        );
        let mut variables = estate.variables(&amazon);
        for name in ["AWS_LAMBDA_LOG_LEVEL", "LOG_LEVEL", "RUST_LOG"] {
            variables.insert(name.into(), "TRACE".into());
        }
        let function = start(variables);
        let response = function.invoke(&json!({})).await.unwrap();
        assert_eq!(response["access_token"], ACCESS_TOKEN);
        let mut said = vec![function.invoke(&json!({})).await.unwrap()["cached"].to_string()];
        for event in [
            json!({"force_refresh": true}),
            json!({"action": "check"}),
            json!({"seller": OF_SELLER}),
            json!({OWN: NEW}),
            json!(OLD),
        ] {
            match function.invoke(&event).await {
                Ok(answer) => said.push(answer.to_string()),
                Err(error) => said.push(error.error_message),
            }
        }
        let output = function.stop().await;
        assert!(output.contains("answered with a token"), "{output}");
        assert!(output.contains("PreviousSecretUsed"), "{output}");
        leak::assert_none(&output, &planted());
        leak::assert_none(&said.join("\n"), &planted());
    }
}

#[tokio::test]
async fn the_alias_that_is_invoked_decides_what_a_consumer_gets() {
    let (store, amazon) = (parameter_store(), amazon());
    let mut variables = with_parameter_store(&store, &amazon);
    let consumers = json!({"shop": {"applications": ["my-erp"], "scopes": []}});
    variables.insert("CONSUMERS".into(), consumers.to_string());
    let function = start(variables);
    let invoke = |event: Value, qualifier: &str| {
        let invocation = Invocation::of(&event);
        function.invoke_with(match qualifier {
            "" => invocation,
            qualifier => invocation.by(qualifier),
        })
    };
    let scope = json!({"scope": "sellingpartnerapi::notifications"});
    let check = json!({"action": "check"});
    assert!(invoke(json!({}), "shop").await.is_ok());
    for qualifier in ["", "$LATEST", "7"] {
        assert!(invoke(check.clone(), qualifier).await.is_ok());
    }
    for (event, qualifier, message) in [
        (
            scope,
            "shop",
            "scope `sellingpartnerapi::notifications` is refused: the consumer `shop` may have \
             none of the scopes",
        ),
        (
            json!({"application": "my-erp/eu"}),
            "shop",
            "application `my-erp/eu` is refused: the consumer `shop` may have the application \
             `my-erp`",
        ),
        (json!({}), "", "without an alias this function does only"),
        (
            json!({}),
            "$LATEST",
            "without an alias this function does only",
        ),
        (check, "other", "the alias `other` belongs to no consumer"),
    ] {
        let error = invoke(event, qualifier).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidRequest");
        assert!(error.error_message.starts_with(message), "{error:?}");
    }
}

#[tokio::test]
async fn a_bare_secret_in_place_of_a_name_is_nowhere_in_the_answer_or_the_log() {
    let (store, amazon) = (parameter_store(), amazon());
    let mut variables = with_parameter_store(&store, &amazon);
    variables.insert("AWS_LAMBDA_LOG_LEVEL".into(), "TRACE".into());
    let function = start(variables);
    let secret = "b5f7f8000000000000000000000000000000000000000000000000000planted";
    for event in [
        json!({"seller": secret}),
        json!({"application": secret}),
        json!({"application": format!("my-erp/{secret}")}),
        json!({"action": secret}),
        json!({"scope": secret}),
        json!({secret: 1}),
    ] {
        let error = function.invoke(&event).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidRequest");
        assert!(!error.error_message.contains("planted"), "{error:?}");
    }
    assert!(store.requests().is_empty());
    leak::assert_none(&function.stop().await, &[("bare secret", secret)]);
}

#[tokio::test]
async fn a_wrong_configuration_is_said_before_the_first_invocation() {
    let (store, amazon) = (parameter_store(), amazon());
    for (name, value, message) in [
        (
            "SP_API_REGION",
            "us",
            "SP_API_REGION is `us`; allowed: na, eu, fe, sandbox-na, sandbox-eu, sandbox-fe",
        ),
        (
            "LWA_VAULT",
            "both",
            "LWA_VAULT is `both`; allowed: parameter-store or secrets-manager",
        ),
        (
            "CONSUMERS",
            "{\"shop\":{\"application\":[\"my-erp\"]}}",
            "CONSUMERS is `{\"shop\":{\"application\":[\"my-erp\"]}}`; allowed: a JSON object such as \
             {\"shop\": {\"applications\": [\"my-erp\"], \"sellers\": [\"A2EXAMPLE\"], \"scopes\": \
             [\"sellingpartnerapi::notifications\"]}}, in which sellers and scopes may be left out; \
             of `shop`, the field `application` is unknown; allowed are `applications`, `sellers` \
             and `scopes`",
        ),
        (
            "LWA_TOKEN_URL",
            "http://lwa.example/",
            "LWA_TOKEN_URL is `http://lwa.example/`; allowed: an https:// URL, or an http:// one \
             on localhost or 127.0.0.1; without a user name, a query or a fragment",
        ),
    ] {
        let mut variables = with_parameter_store(&store, &amazon);
        variables.insert(name.into(), value.into());
        let error = start(variables).init_error().await;
        assert_eq!(error.error_message, message);
    }
}
