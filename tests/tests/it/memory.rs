//! What a process holds of a secret in its memory, after it was used.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::memory::{self, Copy};
use lwa_tests::runtime_api::Function;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

const TOKEN_PATH: &str = "/auth/o2/token";

/// Letters and digits only, so that a copy looks the same in a form, in JSON and by itself.
const SECRET: &str = "5ecre7PlantedForTheSearchInMemory0123456789";
const REFRESH: &str = "refre5hPlantedForTheSearchInMemory0123456789";

/// How many exchanges are made, each of which reads the vault and asks LWA.
const EXCHANGES: usize = 3;

fn parameter_store() -> Value {
    let parameters = [
        ("/my-erp/refreshToken", format!("Atzr|{REFRESH}")),
        ("/my-erp/lwa/clientsecret", SECRET.to_owned()),
        ("/my-erp/lwa/clientidentifier", "client-id".to_owned()),
    ]
    .map(|(name, value)| json!({"Name": name, "Value": value, "Version": 3}));
    json!({"Parameters": parameters, "InvalidParameters": []})
}

fn secrets_manager() -> Value {
    let document = json!({
        "AppClientId": "client-id",
        "AppClientSecret": SECRET,
        "refreshToken": format!("Atzr|{REFRESH}"),
    });
    json!({
        "Name": "my-erp",
        "VersionId": "v1",
        "SecretString": document.to_string(),
        "CreatedDate": 1_767_225_600,
    })
}

/// LWA repeats the refresh token in its answer.
fn lwa() -> Value {
    json!({
        "access_token": "Atza|token",
        "refresh_token": format!("Atzr|{REFRESH}"),
        "token_type": "bearer",
        "expires_in": 30,
    })
}

/// The copies of the client secret and of the refresh token after some exchanges.
async fn after_exchanges(vault: &str, over_tls: bool, in_pieces: bool) -> [Vec<Copy>; 2] {
    let mut variables = BTreeMap::from(
        [
            ("LWA_VAULT", vault),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let folder = tempfile::tempdir().unwrap();
    let tls = over_tls.then(|| {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let bundle = folder.path().join("ca.pem");
        std::fs::write(&bundle, cert.pem()).unwrap();
        variables.insert("AWS_CA_BUNDLE".into(), bundle.display().to_string());
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .unwrap();
        TlsAcceptor::from(std::sync::Arc::new(config))
    });
    let serve = |path: &str, body: &Value| {
        let stub = HttpStub::start_over(tls.clone());
        let mut answer = Answer::json(200, body);
        if in_pieces {
            answer = answer.in_chunks(100, Duration::from_millis(2));
        }
        stub.script(&Method::POST, path, [answer]);
        stub
    };
    let store = match vault {
        "parameter-store" => serve("/", &parameter_store()),
        _ => serve("/", &secrets_manager()),
    };
    let lwa = serve(TOKEN_PATH, &lwa());
    variables.insert("AWS_ENDPOINT_URL".into(), store.url());
    variables.insert("LWA_TOKEN_URL".into(), format!("{}{TOKEN_PATH}", lwa.url()));

    let function = Function::start("token-exchanger", variables);
    for _ in 0..EXCHANGES {
        let answer = function.invoke(&json!({"force_refresh": true})).await;
        assert_eq!(answer.unwrap()["access_token"], "Atza|token");
    }
    assert_eq!(lwa.requests().len(), EXCHANGES);
    let search = |value| memory::copies(function.process_id(), value).unwrap();
    let found = [search(SECRET), search(REFRESH)];
    function.stop().await;
    found
}

#[tokio::test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux shows a process' memory to its user as a file"
)]
async fn after_three_exchanges_a_secret_is_in_memory_once_where_it_is_kept() {
    for vault in ["parameter-store", "secrets-manager"] {
        for over_tls in [false, true] {
            for in_pieces in [false, true] {
                let [secret, refresh] = after_exchanges(vault, over_tls, in_pieces).await;
                let story = format!("{vault}, over TLS: {over_tls}, in pieces: {in_pieces}");
                assert_eq!(secret.len(), 1, "{story}: {secret:#?}");
                assert_eq!(refresh.len(), 1, "{story}: {refresh:#?}");
            }
        }
    }
}
