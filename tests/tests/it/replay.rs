//! `lwa replay` through the real binary, piped.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use lwa_tests::emulator;
use serde_json::{Value, json};

use crate::cli::{lwa, run, shown, text};

const FLAGSHIP: &str = "events/parameter-store/client-secret-unchanged-150-days";

fn flagship_event() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join(FLAGSHIP).join("event.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_first_command_of_a_newcomer_shows_every_sample_event_readably() {
    let output = run(&["replay", "events"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let shown = text(&output.stdout);
    for line in shown.lines() {
        let fits = line.chars().count() <= 80 || line.contains("https://");
        assert!(fits, "{line}");
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        assert_eq!(line.trim_end(), line, "white space at the end");
    }
    assert!(!shown.contains("planted"), "a secret was shown");
    let summary = shown.lines().last().unwrap();
    let (events, rest) = summary.split_once(" events: ").unwrap();
    assert_eq!(rest, format!("{events} as expected"));
}

#[test]
fn one_scenario_is_shown_as_reviewed() {
    for (name, scenario) in [
        ("replay_flagship", FLAGSHIP),
        (
            "replay_without_rule",
            "events/parameter-store/outside-the-prefix",
        ),
        ("replay_error", "events/parameter-store/publish-fails"),
        ("replay_not_json", "events/hostile/not-json"),
        ("replay_array", "events/hostile/array"),
        ("replay_queue", "events/sp-api/client-new-secret"),
        ("replay_schedule", "events/scheduler/daily-audit"),
        ("replay_invocation", "events/token-request/seller"),
    ] {
        insta::assert_snapshot!(name, shown(&run(&["replay", scenario])));
    }
}

#[test]
fn quiet_takes_one_line_per_event() {
    let output = run(&["replay", "events/hostile", "--quiet"]);
    insta::assert_snapshot!("replay_quiet", shown(&output));
}

#[test]
fn json_is_one_object_per_event_and_line_with_exactly_these_keys() {
    let output = run(&["replay", "events", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(lines.len() > 70);
    let keys =
        |object: &Value| -> Vec<String> { object.as_object().unwrap().keys().cloned().collect() };
    let mut notifications = 0;
    for line in lines {
        let object: Value = serde_json::from_str(line).unwrap();
        let expected = [
            "error",
            "event",
            "function",
            "notifications",
            "response",
            "rules",
        ];
        assert_eq!(keys(&object), expected);
        assert!(object["response"].is_null() != object["error"].is_null());
        for notification in object["notifications"].as_array().unwrap() {
            notifications += 1;
            let expected = ["attributes", "default", "email", "https", "sms", "subject"];
            assert_eq!(keys(notification), expected);
            assert!(notification["attributes"]["severity"].is_string());
            let chat: Value =
                serde_json::from_str(notification["https"].as_str().unwrap()).unwrap();
            assert_eq!(chat["source"], "custom");
        }
    }
    assert!(notifications > 50);
    let one = run(&["replay", FLAGSHIP, "--json"]);
    let object: Value = serde_json::from_slice(&one.stdout).unwrap();
    insta::assert_snapshot!("replay_json", format!("{object:#}"));
}

#[test]
fn an_outcome_that_differs_from_its_expectation_is_a_failure_that_says_how() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("event.json"),
        flagship_event().to_string(),
    )
    .unwrap();
    let expected = json!({
        "description": "Wrong on purpose.",
        "function": "auditor",
        "rules": [],
        "error": "PublishFailed",
        "notifications": [{"attributes": {"severity": "info"}}],
    });
    fs::write(folder.path().join("expected.json"), expected.to_string()).unwrap();
    let output = lwa(&["replay", "."])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    let (_, verdict) = shown.split_once("  Not as expected:\n").unwrap();
    insta::assert_snapshot!("replay_unexpected", verdict);

    let output = lwa(&["replay", ".", "--json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stderr);
    assert!(
        shown.contains(r#"error: expected "PublishFailed", found null"#),
        "{shown}"
    );
}

#[test]
fn a_mistake_in_a_scenario_is_located() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let complaint = || {
        let output = lwa(&["replay", "."])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stdout).to_owned()
    };
    write("event.json", "{\n  \"source\": aws.ssm\n}");
    let shown = complaint();
    assert!(
        shown.contains("./event.json:2:13: this is not JSON: expected value"),
        "{shown}"
    );
    write("event.json", "{}");
    write("world.json", "{\n  \"paramters\": {}\n}");
    let shown = complaint();
    assert!(
        shown.contains("./world.json:2:13: unknown field `paramters`"),
        "{shown}"
    );
    write("world.json", "{}");
    write("expected.json", "{\"rules\": []}");
    let shown = complaint();
    assert!(shown.contains("missing field `description`"), "{shown}");
}

#[test]
fn a_rule_with_a_glob_in_a_plain_string_is_told_what_to_write_instead() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    let rules = json!({"rules": [{
        "name": "reminders",
        "description": "As in a sample that is in circulation.",
        "function": "policy-formatter",
        "vault": "parameter-store",
        "pattern": {
            "source": ["aws.ssm"],
            "detail-type": ["Parameter Store Policy Action"],
            "detail": {"parameter-name": ["/my-erp/*"]},
        },
    }]});
    fs::write(&file, rules.to_string()).unwrap();
    let output = run(&["replay", FLAGSHIP, "--rules", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let shown: Vec<&str> = text(&output.stdout).lines().take(12).collect();
    insta::assert_snapshot!("replay_glob", shown.join("\n"));
}

#[test]
fn a_story_happens_to_one_world_and_each_step_can_be_replayed_alone() {
    let story = "events/sp-api/rotation/from-notice-to-new-secret";
    let versions = |path: &str| -> Vec<Value> {
        let output = run(&["replay", path, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let objects = text(&output.stdout).lines().map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            object["response"]["secret_version"].clone()
        });
        objects.filter(|version| !version.is_null()).collect()
    };
    assert_eq!(versions(story), ["3", "3", "4"]);
    let last = format!("{story}/6-token-by-the-new-secret");
    assert_eq!(versions(&last), ["4"]);
    assert_eq!(versions(&format!("{last}/event.json")), ["4"]);
    let output = run(&["replay", &format!("{story}/5-new-secret-again")]);
    insta::assert_snapshot!("replay_step", shown(&output));
}

#[test]
fn an_event_of_ones_own_takes_its_time_prefix_and_function_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let mut event = flagship_event();
    event["detail"]["parameter-name"] = json!("/acme/lwa/clientsecret");
    fs::write(folder.path().join("mine.json"), event.to_string()).unwrap();
    let replay = |arguments: &[&str], prefix: &str| {
        let all = [&["replay", "mine.json", "--json"], arguments].concat();
        let output = lwa(&all)
            .current_dir(folder.path())
            .env("LWA_PARAMETER_PREFIX", prefix)
            .output()
            .unwrap();
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), object)
    };
    let (code, object) = replay(&[], "/acme");
    assert_eq!(
        (code, &object["rules"][0]),
        (0, &json!("parameter-policy-actions"))
    );
    let subject = |object: &Value| object["notifications"][0]["subject"].clone();
    assert_eq!(
        subject(&object),
        "[WARNING] Client secret of acme stops working on 2026-07-01: 30 days left"
    );
    let (code, object) = replay(&["--now", "2026-06-29T00:00:00Z"], "/acme");
    assert_eq!(code, 0);
    assert_eq!(
        subject(&object),
        "[CRITICAL] Client secret of acme stops working on 2026-07-01: 2 days left"
    );
    let (code, object) = replay(&[], "/my-erp");
    assert_eq!((code, &object["rules"]), (1, &json!([])));
    let (_, object) = replay(&["--function", "auditor"], "/acme");
    assert_eq!(object["function"], "auditor");
}

#[test]
fn an_event_can_come_from_standard_input() {
    let mut child = lwa(&["replay", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(flagship_event().to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["event"], "standard input");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = lwa(&["replay", "events"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn colour_comes_only_where_it_is_wanted() {
    let forced = lwa(&["replay", FLAGSHIP])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(text(&forced.stdout).contains("\x1b["));
    let refused = lwa(&["replay", FLAGSHIP])
        .envs([("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])
        .output()
        .unwrap();
    assert!(!text(&refused.stdout).contains('\x1b'));
}

#[tokio::test]
async fn live_reads_the_real_parameter_and_publishes_only_when_told_to() {
    for emulator in emulator::both() {
        let name = format!("{}/lwa/clientsecret", emulator.prefix);
        let ssm = emulator.ssm();
        ssm.put_parameter()
            .name(&name)
            .value("planted-client-secret")
            .r#type(aws_sdk_ssm::types::ParameterType::SecureString)
            .send()
            .await
            .unwrap();
        let sns = emulator.aws().sns();
        let topic = sns
            .create_topic()
            .name(emulator.prefix.trim_start_matches('/'))
            .send()
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut event = flagship_event();
        event["detail"]["parameter-name"] = json!(name);
        fs::write(folder.path().join("mine.json"), event.to_string()).unwrap();
        let replay = |arguments: &[&str], topic: &str| {
            let all = [&["replay", "mine.json", "--live", "--json"], arguments].concat();
            let output = lwa(&all)
                .current_dir(folder.path())
                .envs(emulator.variables())
                .env("LWA_PARAMETER_PREFIX", &emulator.prefix)
                .env("TOPIC_ARN", topic)
                .output()
                .unwrap();
            let stderr = text(&output.stderr).to_owned();
            let object: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
            (output.status.code().unwrap(), object, stderr)
        };

        let (code, object, stderr) = replay(&[], "");
        assert_eq!((code, stderr.as_str()), (0, ""), "{emulator:?} {object}");
        assert_eq!(object["response"]["message_id"], "not published");
        assert_eq!(object["response"]["missing"], json!([]));
        let email = object["notifications"][0]["email"].as_str().unwrap();
        assert!(email.contains("version 1"), "{email}");
        assert!(!email.contains("planted"), "{email}");
        let subject = object["notifications"][0]["subject"].as_str().unwrap();
        assert!(!subject.contains("TEST"), "{subject}");

        let (code, object, _) = replay(&["--publish"], topic.topic_arn().unwrap());
        assert_eq!(code, 0, "{object}");
        assert_ne!(object["response"]["message_id"], "not published");
        let message = &object["notifications"][0];
        for (text, opening) in [
            ("subject", "[TEST] Client secret of "),
            ("sms", "LWA TEST: Client secret of "),
            (
                "email",
                "TEST: lwa replay made this message from a sample event",
            ),
            (
                "default",
                "TEST: lwa replay made this message from a sample event",
            ),
        ] {
            let text = message[text].as_str().unwrap();
            assert!(text.starts_with(opening), "{text}");
        }
        assert_eq!(message["attributes"]["kind"], "test");

        let (code, _, stderr) = replay(&["--publish"], "");
        assert_eq!(code, 1);
        assert!(stderr.contains("TOPIC_ARN is not set"), "{stderr}");
    }
}

#[test]
fn live_without_a_region_says_what_to_set() {
    let output = lwa(&["replay", FLAGSHIP, "--live"])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nowhere")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("set AWS_REGION"));
}
