//! auditor through the real SDK clients, and as the real binary.

use std::time::Duration;

use aws_sdk_ssm::types::{ParameterType, Tag};
use http::Method;
use lwa_tests::emulator::{self, Emulator, VaultClients as _};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use lwa_tests::runtime_api::{Function, Invocation};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:reminders";
const PLANTED: &str = "amzn1.oa2-cs.v1.planted-in-the-vault";

const PUBLISHED: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
    <PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>\
    </PublishResponse>";

async fn put(emulator: &Emulator, name: &str, tags: &[(&str, &str)]) {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
    let put = emulator
        .aws()
        .ssm()
        .put_parameter()
        .name(name)
        .value(PLANTED);
    let tags = tags.iter().map(tag).collect();
    put.r#type(ParameterType::SecureString)
        .set_tags(Some(tags))
        .send()
        .await
        .unwrap();
}

async fn put_secret(emulator: &Emulator, name: &str) {
    let secrets = emulator.secrets_manager();
    let value = json!({"AppClientId": "x", "AppClientSecret": PLANTED}).to_string();
    secrets
        .create_secret()
        .name(name)
        .secret_string(value)
        .send()
        .await
        .unwrap();
}

fn sns() -> HttpStub {
    let stub = HttpStub::start();
    let answer = Answer::bytes(200, PUBLISHED).header("content-type", "text/xml");
    stub.script(&Method::POST, "/", [answer]);
    stub
}

fn findings(answer: &Value) -> Vec<String> {
    let mut found: Vec<String> = answer["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap();
            format!("{} {}", text("code"), text("credential"))
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn the_binary_audits_both_vaults_publishes_one_digest_and_leaks_nothing() {
    for emulator in emulator::both() {
        let prefix = &emulator.prefix;
        for role in ["clientsecret", "clientidentifier"] {
            put(&emulator, &format!("{prefix}/good/lwa/{role}"), &[]).await;
        }
        let late = [
            ("lwa:secret-expires-at", "2020-01-01T00:00:00Z"),
            ("owner", "team-a"),
        ];
        put(&emulator, &format!("{prefix}/late/lwa/clientsecret"), &late).await;
        put_secret(&emulator, &prefix[1..]).await;
        let sns = sns();
        let mut variables = emulator.variables();
        variables.extend(
            [
                ("AWS_ENDPOINT_URL_SNS", sns.url().as_str()),
                ("TOPIC_ARN", TOPIC),
                ("LWA_PARAMETER_PREFIX", prefix),
                ("LWA_VAULT", "both"),
                ("HEARTBEAT_DAY", "off"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let function = Function::start("auditor", variables);
        let event = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
        let answer = function.invoke(&event).await.unwrap();
        assert_eq!(
            (&answer["complete"], &answer["partial"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(answer["summary"]["applications"], 3, "{answer}");
        let secret = |root: &str| format!("{prefix}/{root}/lwa/clientsecret");
        let name = &prefix[1..];
        let mut expected = vec![
            format!("LWA001 {}", secret("late")),
            format!("LWA004 {}", secret("good")),
            format!("LWA004 {}", secret("late")),
            format!("LWA004 {prefix}/good/lwa/clientidentifier"),
            format!("LWA004 {name}"),
            format!("LWA005 {}", secret("good")),
            format!("LWA005 {}", secret("late")),
            format!("LWA007 {}", secret("late")),
            format!("LWA010 {}", secret("good")),
            format!("LWA010 {name}"),
        ];
        expected.sort();
        assert_eq!(findings(&answer), expected, "{:?}", emulator.kind);
        assert_eq!(answer["digest"]["sent"], true);
        // A duplicate of the event, to the same environment.
        let again = function.invoke(&event).await.unwrap();
        assert_eq!(again["digest"]["duplicate"], true);
        assert_eq!(sns.requests().len(), 1);
        let message: Value = serde_json::from_str(&sns.requests()[0].form()["Message"]).unwrap();
        assert!(
            message["email"]
                .as_str()
                .unwrap()
                .contains("Findings for team-a")
        );
        let output = function.stop().await;
        for metric in [
            "DaysToDeadline",
            "Findings",
            "CredentialsAudited",
            "PartialScans",
        ] {
            assert!(
                output.contains(&format!("\"Name\":\"{metric}\"")),
                "{metric} in {output}"
            );
        }
        let all = format!("{output}{answer}{message}");
        leak::assert_none(&all, &[("client secret", PLANTED)]);
    }
}

#[tokio::test]
async fn the_binary_hands_over_when_its_time_runs_low_and_the_digest_comes_once() {
    let parameter = |name: &str| {
        json!({"Name": format!("/my-erp/lwa/{name}"), "Type": "SecureString",
            "KeyId": "alias/lwa", "LastModifiedDate": 1_577_836_800, "Version": 1})
    };
    let ssm = HttpStub::start();
    let page = |parameters: Value, next: &str| {
        let answer = json!({"Parameters": parameters, "NextToken": next});
        Answer::json(200, &answer).after(Duration::from_millis(1_500))
    };
    let tags =
        json!({"TagList": [{"Key": "lwa:secret-expires-at", "Value": "2020-06-01T00:00:00Z"}]});
    ssm.script(
        &Method::POST,
        "/",
        [
            page(json!([parameter("clientidentifier")]), "2"),
            page(json!([]), "3"),
            page(json!([parameter("clientsecret")]), ""),
            Answer::json(200, &tags),
        ],
    );
    let sns = sns();
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_SSM", &ssm.url()),
        ("AWS_ENDPOINT_URL_SNS", &sns.url()),
        ("TOPIC_ARN", TOPIC),
    ];
    let mut input = json!({});
    for invocation in 1..=3 {
        // Each on an environment of its own; of three seconds, one is kept for handing over.
        let function = Function::start("auditor", variables);
        let event = Invocation::of(&input).within(Duration::from_secs(3));
        let answer = function.invoke_with(event).await.unwrap();
        let output = function.stop().await;
        if answer["complete"] == true {
            assert!(invocation > 1, "{output}");
            assert!(answer.get("continuation").is_none());
            assert_eq!(findings(&answer)[0], "LWA001 /my-erp/lwa/clientsecret");
            assert_eq!(answer["summary"]["credentials"], 2);
            assert_eq!(sns.requests().len(), 1);
            // Nothing was asked twice, and it is noted that people were reminded.
            assert_eq!(ssm.requests().len(), 5);
            return;
        }
        assert!(sns.requests().is_empty());
        input = json!({"continuation": answer["continuation"]});
    }
    panic!("the audit did not end");
}

#[tokio::test]
async fn the_binary_refuses_a_setting_that_cannot_be_used_by_its_name() {
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("TOPIC_ARN", TOPIC),
        ("REMIND_AT_DAYS", "soon"),
    ];
    let function = Function::start("auditor", variables);
    assert!(!function.exit().await.success());
    let output = function.output();
    assert!(
        output.contains("REMIND_AT_DAYS is `soon`; allowed: whole numbers"),
        "{output}"
    );
}
