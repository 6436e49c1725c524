//! `lwa audit` through the real binary, over both emulators.

use std::process::Output;

use aws_sdk_ssm::types::{ParameterType, Tag};
use http::Method;
use lwa_tests::emulator::{self, Emulator, VaultClients as _};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use serde_json::{Value, json};

use crate::cli::{lwa, run, shown, text};

const PLANTED: &str = "amzn1.oa2-cs.v1.planted";

/// What the estates of these tests are audited at.
const NOW: &str = "2026-06-01T06:12:09Z";

async fn put(emulator: &Emulator, leaf: &str, kind: ParameterType, tags: &[(&str, &str)]) {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
    emulator
        .aws()
        .ssm()
        .put_parameter()
        .name(format!("{}/{leaf}", emulator.prefix))
        .value(PLANTED)
        .r#type(kind)
        .key_id("alias/lwa-credentials")
        .set_tags(Some(tags.iter().map(tag).collect()))
        .send()
        .await
        .unwrap();
}

/// Nothing is wrong with it but its policies, which no emulator keeps.
async fn healthy(emulator: &Emulator) {
    let kind = ParameterType::SecureString;
    put(emulator, "lwa/clientidentifier", kind.clone(), &[]).await;
    let dates = [
        ("lwa:secret-issued-at", "2026-05-01T00:00:00Z"),
        ("lwa:secret-expires-at", "2026-10-28T00:00:00Z"),
        ("owner", "Warehouse"),
    ];
    put(emulator, "lwa/clientsecret", kind, &dates).await;
}

/// A second application, in plain text and a month from its deadline.
async fn neglected(emulator: &Emulator) {
    let kind = ParameterType::String;
    let dates = [("lwa:secret-expires-at", "2026-06-05T00:00:00Z")];
    put(emulator, "eu/lwa/clientsecret", kind, &dates).await;
}

async fn audit(emulator: &Emulator, arguments: &[&str]) -> Output {
    let mut command = lwa(&["audit", "--now", NOW]);
    command
        .args(arguments)
        .args(["--prefix", &emulator.prefix])
        .envs(emulator.variables());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Exit code and outputs, with what differs from run to run replaced; no value is in them.
fn stable(emulator: &Emulator, output: &Output) -> String {
    let text = shown(output);
    leak::assert_none(&text, &[("a value", PLANTED)]);
    text.replace(emulator.prefix.trim_start_matches('/'), "t12345678")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_shows_who_is_next_and_what_is_wrong() {
    for emulator in emulator::both() {
        healthy(&emulator).await;
        neglected(&emulator).await;
        let output = audit(&emulator, &[]).await;
        assert_eq!(output.status.code(), Some(1));
        let table = stable(&emulator, &output);
        for line in table.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert_eq!(line.trim_end(), line);
        }
        for wanted in [
            "critical  LWA002  /t12345678/eu/lwa/clientsecret",
            "critical  LWA003  /t12345678/eu/lwa/clientsecret",
            "critical  LWA007  /t12345678/eu/lwa/clientsecret",
            "Warehouse",
            "2 applications, 3 credentials: 3 critical, 0 warnings",
        ] {
            assert!(table.contains(wanted), "{wanted} in\n{table}");
        }
        let first = table.find("t12345678/eu ").unwrap();
        assert!(
            first < table.find(" t12345678 ").unwrap(),
            "sorted by deadline"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_severity_that_fails_can_be_chosen() {
    let emulator = emulator::moto();
    healthy(&emulator).await;
    let check = async |fail_on: &[&str], expected: i32| {
        let output = audit(&emulator, fail_on).await;
        assert_eq!(output.status.code(), Some(expected), "{fail_on:?}");
        assert_eq!(text(&output.stderr), "");
    };
    // The healthy estate has no policies here, which is worth a mention and no more.
    check(&[], 0).await;
    check(&["--fail-on", "info"], 1).await;
    check(&["--fail-on", "warning"], 0).await;
    neglected(&emulator).await;
    check(&[], 1).await;
    check(&["--fail-on", "critical"], 1).await;
    check(&["--fail-on", "never"], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_holds_every_finding() {
    let emulator = emulator::ministack();
    healthy(&emulator).await;
    neglected(&emulator).await;

    let output = audit(&emulator, &["--json"]).await;
    stable(&emulator, &output);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = object["findings"].as_array().unwrap();
    assert_eq!(object["counts"]["critical"], 3);
    assert_eq!(object["summary"]["applications"], 2);
    assert_eq!(object["next_deadlines"][0]["days_left"], 4);
    assert_eq!(object["partial"], false);
    assert!(object.get("digest").is_none(), "nothing is published");
    let same = audit(&emulator, &["--format", "json"]).await;
    let same: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!(same["findings"], object["findings"]);

    let output = audit(&emulator, &["--format", "csv"]).await;
    stable(&emulator, &output);
    let lines = text(&output.stdout).lines().count();
    assert_eq!(lines, 1 + findings.len());

    let output = audit(&emulator, &["--format", "html"]).await;
    stable(&emulator, &output);
    let page = text(&output.stdout);
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"));
    for finding in findings {
        assert!(page.contains(finding["code"].as_str().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_in_the_format_that_its_name_tells() {
    let emulator = emulator::moto();
    healthy(&emulator).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, beginning) in [
        ("report.html", "<!doctype html>"),
        ("report.csv", "vault,application"),
        ("report.json", "{"),
        ("report.txt", "audit of parameter store"),
    ] {
        let file = folder.path().join(name);
        let output = audit(&emulator, &["--output", file.to_str().unwrap()]).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
        let said = text(&output.stderr);
        assert!(
            said.starts_with(&format!("Wrote {}: 1 application", file.display())),
            "{said}"
        );
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(
            written.to_lowercase().starts_with(beginning),
            "{name}: {written}"
        );
        assert!(!written.contains('\x1b'), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_vaults_and_several_prefixes_are_one_audit() {
    let emulator = emulator::moto();
    healthy(&emulator).await;
    let other = format!("{}-other", emulator.prefix);
    let secrets = emulator.secrets_manager();
    secrets
        .create_secret()
        .name(&other[1..])
        .secret_string(json!({"AppClientId": "x", "AppClientSecret": PLANTED}).to_string())
        .send()
        .await
        .unwrap();
    let output = audit(
        &emulator,
        &["--vault", "both", "--prefix", &other, "--json"],
    )
    .await;
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["summary"]["applications"], 2, "{object:#}");
    assert_eq!(object["partial"], false);
    stable(&emulator, &output);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_seen_is_said_loudly_and_fails() {
    let mut emulator = emulator::moto();
    let aws = HttpStub::start();
    let denied = json!({"__type": "AccessDeniedException", "message": "not authorized"});
    aws.script(&Method::POST, "/", [Answer::json(400, &denied)]);
    emulator.url = aws.url();
    emulator.prefix = "/t12345678".to_owned();
    for arguments in [&[][..], &["--json", "--fail-on", "never"]] {
        let output = audit(&emulator, arguments).await;
        assert_eq!(output.status.code(), Some(1));
        let stderr = text(&output.stderr);
        assert!(stderr.contains("the audit is INCOMPLETE"), "{stderr}");
        assert!(stderr.contains("AccessDeniedException"), "{stderr}");
    }
    insta::assert_snapshot!(
        "audit_partial",
        stable(&emulator, &audit(&emulator, &[]).await)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_nothing_is_no_good_news() {
    let mut emulator = emulator::ministack();
    emulator.prefix = "/t12345678".to_owned();
    let output = audit(&emulator, &[]).await;
    insta::assert_snapshot!("audit_nothing", stable(&emulator, &output));
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["--prefix", "a b"][..],
        &["--format", "pdf"],
        &["--json", "--format", "csv"],
        &["--fail-on", "high"],
        &["--now", "tomorrow"],
        &["--vault", "s3"],
        &["--output", "no/such/folder/report.html"],
        &["--output", "."],
    ] {
        let output = run(&[&["audit"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
