//! The first steps of README.md, as it shows them, typed into a terminal: from an empty emulator
//! to a token and a rendered reminder.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::Method;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_tests::emulator::{self, Emulator, VaultClients as _};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::{binary, leak, terminal};
use serde_json::json;

const TOKEN_PATH: &str = "/auth/o2/token";
const CLIENT_ID: &str = "amzn1.application-oa2-client.0123";
const SECRET: &str = "amzn1.oa2-cs.v1.planted-secret";
const REFRESH: &str = "Atzr|planted-refresh-token";
const ACCESS: &str = "Atza|planted-access-token";

/// A region that no other test is in: the README's application has one name for all.
const REGION: &str = "ap-southeast-2";

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_emulator_to_a_token_and_a_rendered_reminder() {
    // ministack cannot be read back once a parameter has policies, as stored ones do.
    let emulator = emulator::moto();
    let amazon = amazon();
    let variables = variables(&emulator, &amazon);
    empty(&variables).await;

    let mut seen = Vec::new();
    for line in first_steps() {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (program, arguments) = arguments.split_first().unwrap();
        assert_eq!(program, "lwa");
        let answers: &[(&str, &str)] = match arguments[0].as_str() {
            "store" => &[
                ("Client id of my-erp (not shown", CLIENT_ID),
                ("Client secret of my-erp (not shown", SECRET),
                ("Refresh token of my-erp (not shown", REFRESH),
                ("Write this?", "y"),
            ],
            _ => &[],
        };
        let (typed, variables) = (arguments.to_vec(), variables.clone());
        let (text, is_good) = tokio::task::spawn_blocking(move || {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
            terminal::run(&binary::path("lwa"), &typed, root, &variables, answers)
        })
        .await
        .unwrap();
        // Nothing is deployed, which is what the doctor is there to say.
        assert_eq!(is_good, arguments[0] != "doctor", "{line}:\n{text}");
        let planted = [("secret", SECRET), ("refresh", REFRESH), ("token", ACCESS)];
        leak::assert_none(&text, &planted);
        seen.push((arguments[0].clone(), text));
    }

    for (command, expected) in [
        (
            "store",
            "Stored.\nCheck it: lwa token --application my-erp --check",
        ),
        ("token", "SP-API  ok"),
        ("audit", "LWA010  /my-erp/lwa/clientsecret"),
        ("explain", "LWA010"),
        (
            "replay",
            "Subject: [INFO] Client secret of my-erp stops working on ",
        ),
        ("doctor", "no function of the stack lwa is deployed"),
        ("doctor", "my-erp: SP-API accepts the token"),
    ] {
        let shown = seen
            .iter()
            .any(|(name, text)| name == command && plain(text).contains(expected));
        assert!(shown, "{command} does not show {expected:?}: {seen:#?}");
    }
}

/// The lines after the marker in README.md, without prompts and comments.
fn first_steps() -> Vec<String> {
    let readme = include_str!("../../../README.md");
    let (_, after) = readme.split_once("<!-- first steps:").unwrap();
    let (_, block) = after.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
    commands
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

fn amazon() -> HttpStub {
    let stub = HttpStub::start();
    let token = json!({"access_token": ACCESS, "token_type": "bearer", "expires_in": 3600});
    stub.script(&Method::POST, TOKEN_PATH, [Answer::json(200, &token)]);
    for path in [
        "/sellers/v1/marketplaceParticipations",
        "/notifications/v1/destinations",
    ] {
        let answer = Answer::json(200, &json!({"payload": []}));
        stub.script(&Method::GET, path, [answer]);
    }
    stub
}

fn variables(emulator: &Emulator, amazon: &HttpStub) -> BTreeMap<String, String> {
    let mut variables = emulator.variables();
    for (name, value) in [
        ("AWS_REGION", REGION.to_owned()),
        ("LWA_TOKEN_URL", format!("{}{TOKEN_PATH}", amazon.url())),
        ("SP_API_ENDPOINT", amazon.url()),
        ("TERM", "xterm".to_owned()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    variables
}

/// Takes away what an earlier run left in the region.
async fn empty(variables: &BTreeMap<String, String>) {
    let timeouts = Timeouts {
        attempt: Duration::from_secs(20),
        operation: Duration::from_secs(30),
    };
    let aws = Aws::from_environment(|name| variables.get(name).cloned(), timeouts).unwrap();
    loop {
        let found = aws.ssm().describe_parameters().send().await.unwrap();
        let names = found.parameters().iter().filter_map(|one| one.name.clone());
        let names: Vec<String> = names.collect();
        if names.is_empty() {
            return;
        }
        let delete = aws.ssm().delete_parameters().set_names(Some(names));
        delete.send().await.unwrap();
    }
}

/// A text without colours.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.split_once(|c: char| c.is_ascii_alphabetic());
        plain.push_str(rest.map_or("", |(_, rest)| rest));
    }
    plain
}
