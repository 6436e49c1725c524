//! `lwa token` through the real binary, over an emulator and a scripted Amazon.

use std::process::Output;

use aws_sdk_ssm::types::ParameterType;
use http::Method;
use lwa_tests::emulator::{self, Emulator};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use serde_json::{Value, json};

use crate::cli::{lwa, run, shown, text};

const TOKEN_PATH: &str = "/auth/o2/token";
const PARTICIPATIONS: &str = "/sellers/v1/marketplaceParticipations";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old-secret";
const NEW: &str = "amzn1.oa2-cs.v1.planted-new-secret";
const REFRESH: &str = "Atzr|planted-refresh-token";
const ACCESS: &str = "Atza|planted-access-token";

/// One application in an emulator, with Amazon beside it.
pub(crate) struct Estate {
    pub(crate) emulator: Emulator,
    pub(crate) amazon: HttpStub,
}

impl Estate {
    /// Stores client id, secret and refresh token; LWA gives a token for them.
    pub(crate) async fn new(emulator: Emulator) -> Self {
        let estate = Self {
            emulator,
            amazon: HttpStub::start(),
        };
        estate
            .put("lwa/clientidentifier", "amzn1.application-oa2-client.0123")
            .await;
        estate.put("lwa/clientsecret", OLD).await;
        estate.put("refreshToken", REFRESH).await;
        estate.amazon.script(&Method::POST, TOKEN_PATH, [issued()]);
        estate
    }

    pub(crate) async fn put(&self, leaf: &str, value: &str) {
        let put = self.emulator.ssm().put_parameter();
        put.name(format!("{}/{leaf}", self.emulator.prefix))
            .value(value)
            .r#type(ParameterType::SecureString)
            .key_id("alias/lwa-credentials")
            .overwrite(true)
            .send()
            .await
            .unwrap();
    }

    pub(crate) fn application(&self) -> &str {
        self.emulator.prefix.trim_start_matches('/')
    }

    /// Runs the command for the application, on a thread that may block.
    pub(crate) async fn lwa(&self, arguments: &[&str]) -> Output {
        let mut command = lwa(arguments);
        command
            .args(["--application", self.application()])
            .envs(self.emulator.variables())
            .env(
                "LWA_TOKEN_URL",
                format!("{}{TOKEN_PATH}", self.amazon.url()),
            )
            .env("SP_API_ENDPOINT", self.amazon.url());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// What was printed, with names that change from run to run replaced.
    pub(crate) fn shown(&self, output: &Output) -> String {
        let text = shown(output);
        leak::assert_none(
            &text,
            &[
                ("old secret", OLD),
                ("new secret", NEW),
                ("refresh token", REFRESH),
            ],
        );
        text.replace(self.application(), "my-erp")
    }
}

pub(crate) fn issued() -> Answer {
    Answer::json(
        200,
        &json!({"access_token": ACCESS, "token_type": "bearer", "expires_in": 3600}),
    )
}

fn refused() -> Answer {
    Answer::json(
        401,
        &json!({"error": "invalid_client", "error_description": "Client authentication failed"}),
    )
}

fn without_times(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once("  expires         ") {
            Some((before, _)) => format!("{before}  expires         (in an hour)\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_about_the_token_is_shown_but_the_token() {
    for emulator in emulator::both() {
        let estate = Estate::new(emulator).await;
        let output = estate.lwa(&["token"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let shown = estate.shown(&output);
        leak::assert_none(&shown, &[("access token", ACCESS)]);
        insta::assert_snapshot!("token", without_times(&shown));

        let output = estate.lwa(&["token", "--json"]).await;
        leak::assert_none(&estate.shown(&output), &[("access token", ACCESS)]);
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["application"], estate.application());
        assert_eq!(object["prefix"], "Atza|");
        assert_eq!(object["length"], ACCESS.len());
        assert_eq!(object["expires_in"], 3600);
        assert_eq!(object["cached"], false);
        assert_eq!(object["previous_secret_used"], false);
        assert!(object.get("access_token").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn show_prints_the_token_and_nothing_else() {
    let estate = Estate::new(emulator::moto()).await;
    let output = estate.lwa(&["token", "--show"]).await;
    assert_eq!(text(&output.stdout), format!("{ACCESS}\n"));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_asks_sp_api_too_and_fails_where_it_refuses() {
    let estate = Estate::new(emulator::moto()).await;
    let script = |answer| {
        estate.amazon.script(&Method::GET, PARTICIPATIONS, [answer]);
    };
    let check = ["token", "--check", "--grant", "refresh_token"];
    script(Answer::json(200, &json!({"payload": []})));
    insta::assert_snapshot!("token_check", estate.shown(&estate.lwa(&check).await));

    let details = "The LWA secret token you provided has expired.";
    script(Answer::json(
        403,
        &json!({"errors": [{"code": "Unauthorized", "details": details,
            "message": "Access to requested resource is denied."}]}),
    ));
    insta::assert_snapshot!(
        "token_check_refused",
        estate.shown(&estate.lwa(&check).await)
    );
    let output = estate.lwa(&[&check[..], &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["lwa"], "ok");
    assert_eq!(object["sp_api"], "credential_rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_is_wrong_and_exit_with_1() {
    let estate = Estate::new(emulator::moto()).await;
    let output = estate.lwa(&["token", "--seller", "A1"]).await;
    insta::assert_snapshot!("token_missing", estate.shown(&output));

    estate.amazon.script(&Method::POST, TOKEN_PATH, [refused()]);
    let output = estate.lwa(&["token", "--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "");
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"]["errorType"], "CredentialRejected");
    estate.shown(&output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_by_the_previous_secret_is_said_to_be_one() {
    let estate = Estate::new(emulator::moto()).await;
    estate.put("lwa/clientsecret", NEW).await;
    estate
        .amazon
        .script(&Method::POST, TOKEN_PATH, [refused(), issued()]);
    let output = estate.lwa(&["token"]).await;
    insta::assert_snapshot!("token_previous", without_times(&estate.shown(&output)));
}

#[test]
fn wrong_usage_exits_with_2_and_quotes_no_credential() {
    for arguments in [
        &["--application", "a b"][..],
        &["--application", "Atzr|planted"],
        &["--seller", "Atzr|planted"],
        &["--scope", "amzn1.oa2-cs.v1.planted"],
        &["--scope", "sellingpartnerapi::client_credential:rotation"],
        &["--seller", "b5f7f8000000000000000000000000000planted"],
        &["--seller", "A1", "--scope", "x"],
        &["--seller", "A1", "--grant", "client_credentials"],
        &["--grant", "client_credentials"],
        &["--grant", "refresh_token", "--scope", "x"],
        &["--grant", "password"],
        &["--show", "--json"],
        &["--show", "--check"],
        &["--vault", "both"],
        &["my-erp"],
    ] {
        let output = run(&[&["token"], arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!stderr.contains("planted"), "{stderr}");
    }
    let several = lwa(&["token"])
        .env("LWA_PARAMETER_PREFIX", "/a,/b")
        .output()
        .unwrap();
    assert_eq!(several.status.code(), Some(2));
    assert!(text(&several.stderr).contains("LWA_PARAMETER_PREFIX has /a, /b"));
    let outside = lwa(&["token", "--application", "c"])
        .env("LWA_PARAMETER_PREFIX", "/a,/b")
        .output()
        .unwrap();
    assert_eq!(outside.status.code(), Some(2));
}
