//! `lwa rotate` through the real binary, over an emulator and a scripted Amazon.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use lwa_aws::clock::SystemClock;
use lwa_core::Timestamp;
use lwa_core::ports::Clock;
use lwa_tests::emulator;
use lwa_tests::http_stub::Answer;
use serde_json::{Value, json};

use crate::cli::{lwa, run, text};
use crate::token_command::Estate;

const ROTATION: &str = "/applications/2023-11-30/clientSecret";
const REQUESTED_AT: &str = "lwa:rotation-requested-at";

/// An application whose deadline is known.
async fn estate() -> Estate {
    let estate = Estate::new(emulator::moto()).await;
    let deadline = in_days(20).to_string();
    tag(&estate, &[("lwa:secret-expires-at", &deadline)]).await;
    estate
        .amazon
        .script(&Method::POST, ROTATION, [Answer::bytes(204, "")]);
    estate
}

/// So many days from now, and a little.
fn in_days(days: i64) -> Timestamp {
    let ahead = SignedDuration::from_hours(24 * days) + SignedDuration::from_mins(5);
    SystemClock.now().checked_add(ahead).unwrap()
}

fn secret(estate: &Estate) -> String {
    format!("{}/lwa/clientsecret", estate.emulator.prefix)
}

async fn tag(estate: &Estate, tags: &[(&str, &str)]) {
    let mut add = estate
        .emulator
        .ssm()
        .add_tags_to_resource()
        .resource_type(aws_sdk_ssm::types::ResourceTypeForTagging::Parameter)
        .resource_id(secret(estate));
    for (key, value) in tags {
        let tag = aws_sdk_ssm::types::Tag::builder().key(*key).value(*value);
        add = add.tags(tag.build().unwrap());
    }
    add.send().await.unwrap();
}

async fn tags(estate: &Estate) -> Vec<String> {
    let list = estate.emulator.ssm().list_tags_for_resource();
    let list = list
        .resource_type(aws_sdk_ssm::types::ResourceTypeForTagging::Parameter)
        .resource_id(secret(estate));
    let tags = list.send().await.unwrap().tag_list.unwrap_or_default();
    tags.into_iter().map(|tag| tag.key).collect()
}

fn rotations(estate: &Estate) -> usize {
    let requests = estate.amazon.requests();
    requests
        .iter()
        .filter(|request| request.path == ROTATION)
        .count()
}

/// Without dates and times, which differ from run to run.
fn stable(text: &str) -> String {
    let mut stable = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is = |pattern: &str| {
            rest.len() >= pattern.len()
                && rest
                    .bytes()
                    .zip(pattern.bytes())
                    .all(|(found, wanted)| match wanted {
                        b'0' => found.is_ascii_digit(),
                        _ => found == wanted,
                    })
        };
        let patterns = [
            ("0000-00-00", "YYYY-MM-DD"),
            ("00:00:00", "HH:MM:SS"),
            ("00:00", "HH:MM"),
        ];
        let (taken, shown) = match patterns.iter().find(|(pattern, _)| is(pattern)) {
            Some((pattern, shown)) => (pattern.len(), (*shown).to_owned()),
            None => (c.len_utf8(), c.to_string()),
        };
        stable.push_str(&shown);
        rest = &rest[taken..];
    }
    stable
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_what_would_happen_and_does_nothing() {
    let estate = estate().await;
    let output = estate.lwa(&["rotate", "--dry-run"]).await;
    insta::assert_snapshot!("rotate_dry_run", stable(&estate.shown(&output)));
    assert!(estate.amazon.requests().is_empty());
    assert_eq!(tags(&estate).await, ["lwa:secret-expires-at"]);
    let output = estate.lwa(&["rotate", "--dry-run", "--json"]).await;
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["decision"], "request");
    assert_eq!(object["outcome"], "dry-run");
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_unless_it_is_confirmed() {
    let estate = estate().await;
    let output = estate.lwa(&["rotate"]).await;
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("`--yes` confirms it"), "{stderr}");

    let mut child = lwa(&["rotate"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may be gone already.
    let _ = child.stdin.take().unwrap().write_all(b"my-erp\n");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(2));
    assert!(estate.amazon.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_requested_and_its_new_secret_waited_for() {
    let estate = estate().await;
    let waiting = async { estate.lwa(&["rotate", "--yes", "--timeout", "2"]).await };
    // What secret-receiver does once the new secret has come.
    let receiving = async {
        while !tags(&estate).await.iter().any(|tag| tag == REQUESTED_AT) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (issued, expires) = (in_days(0).to_string(), in_days(180).to_string());
        let dates = [
            ("lwa:secret-issued-at", issued.as_str()),
            ("lwa:secret-expires-at", &expires),
        ];
        tag(&estate, &dates).await;
        let remove = estate.emulator.ssm().remove_tags_from_resource();
        remove
            .resource_type(aws_sdk_ssm::types::ResourceTypeForTagging::Parameter)
            .resource_id(secret(&estate))
            .tag_keys(REQUESTED_AT)
            .send()
            .await
            .unwrap();
    };
    let (output, ()) = tokio::join!(waiting, receiving);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!("rotate", stable(&estate.shown(&output)));
    assert_eq!(rotations(&estate), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_within_a_day_asks_for_nothing() {
    let estate = estate().await;
    let output = estate.lwa(&["rotate", "--yes", "--no-wait"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = estate
        .lwa(&["rotate", "--yes", "--no-wait", "--json"])
        .await;
    assert_eq!(output.status.code(), Some(0));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["decision"], "already-requested");
    assert_eq!(object["outcome"], "nothing");
    assert_eq!(rotations(&estate), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_do() {
    let estate = estate().await;
    let body = json!({"errors": [{"code": "InvalidInput", "message": "No queue."}]});
    estate
        .amazon
        .script(&Method::POST, ROTATION, [Answer::json(400, &body)]);
    let output = estate.lwa(&["rotate", "--yes"]).await;
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("rotate_refused", stable(&estate.shown(&output)));
    assert_eq!(
        tags(&estate).await,
        ["lwa:secret-expires-at", "lwa:reminded"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_not_stored_is_named_with_those_that_are() {
    let estate = estate().await;
    let output = tokio::task::spawn_blocking({
        let mut command = lwa(&["rotate", "--dry-run", "--application"]);
        command
            .arg(format!("{}/eu", estate.application()))
            .envs(estate.emulator.variables())
            .env("LWA_PARAMETER_PREFIX", &estate.emulator.prefix);
        move || command.output().unwrap()
    })
    .await
    .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    let expected = format!("stored are: {}", estate.application());
    assert!(stderr.contains(&expected), "{stderr}");
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["--timeout", "0", "--yes"][..],
        &["--timeout", "5", "--no-wait", "--yes"],
        &["--application", "amzn1.oa2-cs.v1.planted", "--yes"],
        &["--vault", "both"],
    ] {
        let output = run(&[&["rotate"], arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("planted"), "{stderr}");
    }
}
