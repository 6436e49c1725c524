//! policy-formatter in memory, through the real SDK clients, and as the real binary: the same
//! scenarios give the same messages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_ssm::types::{ParameterType, Tag};
use http::Method;
use lwa_aws::account::Account;
use lwa_aws::clients::Aws;
use lwa_aws::clock::SystemClock;
use lwa_aws::notifier::SnsTopic;
use lwa_core::ExposeSecret;
use lwa_core::Timestamp;
use lwa_core::config::Lookup;
use lwa_core::ports::{Clock, Notifier};
use lwa_core::vault::parameter_store;
use lwa_local::World;
use lwa_local::world_file::WorldFile;
use lwa_tests::emulator::{self, Emulator};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::leak;
use lwa_tests::runtime_api::Function;
use policy_formatter::{PolicyFormatter, Settings};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:reminders";

const PUBLISHED: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
    <PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>\
    </PublishResponse>";

const SECRET: &str = "amzn1.oa2-cs.v1.planted-in-the-vault";

/// A stand-in for SNS that keeps every request.
fn sns() -> HttpStub {
    let stub = HttpStub::start();
    let answer = Answer::bytes(200, PUBLISHED).header("content-type", "text/xml");
    stub.script(&Method::POST, "/", [answer]);
    stub
}

/// The variables of a function that takes the emulator for AWS and the stub for SNS.
fn variables(emulator: &Emulator, sns: &HttpStub) -> BTreeMap<String, String> {
    let mut variables = emulator.variables();
    variables.insert("AWS_ENDPOINT_URL_SNS".into(), sns.url());
    variables.insert("TOPIC_ARN".into(), TOPIC.into());
    variables
}

fn aws(variables: &BTreeMap<String, String>) -> Aws {
    let timeouts = lwa_aws::clients::Timeouts {
        attempt: Duration::from_secs(20),
        operation: Duration::from_secs(30),
    };
    Aws::from_environment(|name| variables.get(name).cloned(), timeouts).unwrap()
}

fn settings() -> Settings {
    Settings::from_lookup(&Lookup::new(|_| None)).unwrap()
}

/// The scenarios of this function in which nothing fails, by folder.
fn scenarios() -> Vec<PathBuf> {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut found = Vec::new();
    for source in ["parameter-store", "secrets-manager", "hostile"] {
        for entry in fs::read_dir(events.join(source)).unwrap() {
            let folder = entry.unwrap().path();
            let expected = read(&folder.join("expected.json")).unwrap();
            if expected["function"] == "policy-formatter" && expected["error"].is_null() {
                found.push(folder);
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Puts a scenario's parameters into the emulator, and gives a world that says of them what the
/// emulator says: its own clock stands behind every write.
async fn seed(folder: &Path, emulator: &Emulator) -> World {
    let world_file: WorldFile = fs::read(folder.join("world.json"))
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .unwrap_or_default();
    let world = world_file.build(SystemClock.now());
    let ssm = emulator.ssm();
    let account = Account::new(&emulator.aws());
    let mut parameters = world.state().parameters.clone();
    for (name, parameter) in &mut parameters {
        for version in &parameter.versions {
            ssm.put_parameter()
                .name(name)
                .value(version.value.expose_secret())
                .r#type(ParameterType::from(parameter.parameter_type.as_str()))
                .overwrite(true)
                .send()
                .await
                .unwrap();
        }
        for (key, value) in &parameter.tags {
            ssm.add_tags_to_resource()
                .resource_type(aws_sdk_ssm::types::ResourceTypeForTagging::Parameter)
                .resource_id(name)
                .tags(Tag::builder().key(key).value(value).build().unwrap())
                .send()
                .await
                .unwrap();
        }
        let seen = parameter_store::describe(&account, name)
            .await
            .unwrap()
            .unwrap();
        // The emulator chosen here cannot show policies to the SDK, so none were put.
        parameter.policies.clear();
        if let Some(current) = parameter.versions.last_mut() {
            current.written_at = seen.last_modified.unwrap();
            current.written_by = seen.last_modified_user.clone().unwrap_or_default();
            current.version = seen.version.unwrap();
        }
    }
    let seeded = World::new(SystemClock.now());
    seeded.state().parameters = parameters;
    seeded
}

/// The last request to publish: subject, attributes in any order, and the message's own JSON.
fn published(sns: &HttpStub) -> Value {
    let form = sns
        .requests()
        .last()
        .expect("something was published")
        .form();
    let mut attributes = BTreeMap::new();
    for (key, name) in &form {
        if let Some(entry) = key.strip_suffix(".Name") {
            attributes.insert(name, &form[&format!("{entry}.Value.StringValue")]);
        }
    }
    json!({
        "topic": form["TopicArn"],
        "structure": form["MessageStructure"],
        "subject": form["Subject"],
        "attributes": attributes,
        "message": serde_json::from_str::<Value>(&form["Message"]).unwrap(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_gives_the_same_message_in_memory_through_the_sdk_and_from_the_binary() {
    let scenarios = scenarios();
    assert!(
        scenarios.len() >= 40,
        "only {} scenarios found",
        scenarios.len()
    );
    for folder in scenarios {
        let Some(event) = read(&folder.join("event.json")) else {
            continue;
        };
        // Of the two emulators only ministack gives each test parameters of the same name.
        let emulator = emulator::ministack();
        let world = seed(&folder, &emulator).await;
        let sns = sns();
        let variables = variables(&emulator, &sns);
        let topic = || SnsTopic::new(aws(&variables).sns(), TOPIC);

        let memory = PolicyFormatter::new(
            settings(),
            world.clone(),
            world.clone(),
            SystemClock,
            world.clone(),
        );
        let response = memory.handle(event.clone()).await.unwrap();
        topic().publish(&world.published()[0]).await.unwrap();
        let in_memory = published(&sns);

        let account = Account::new(&aws(&variables));
        let sdk = PolicyFormatter::new(settings(), account, topic(), SystemClock, world.clone());
        sdk.handle(event.clone()).await.unwrap();
        assert_eq!(
            published(&sns),
            in_memory,
            "through the SDK: {}",
            folder.display()
        );

        let function = Function::start("policy-formatter", variables.clone());
        let answer = function.invoke(&event).await.unwrap();
        assert_eq!(
            published(&sns),
            in_memory,
            "from the binary: {}",
            folder.display()
        );
        assert_eq!(answer["subject"], json!(response.subject));
        assert_eq!(answer["missing"], json!(response.missing));
        let log = function.stop().await;
        let parameters = world.state().parameters.clone();
        let values = parameters
            .values()
            .flat_map(|parameter| &parameter.versions);
        for value in values.map(|version| version.value.expose_secret()) {
            // Some scenarios hold an ordinary word where a value does not matter.
            if value.contains("planted") {
                leak::assert_none(&log, &[("stored value", value)]);
            }
        }
    }
}

fn reminder(name: &str) -> Value {
    json!({
        "id": "4251c9fa-f9a6-57aa-860e-7efe37d63da5",
        "source": "aws.ssm",
        "detail-type": "Parameter Store Policy Action",
        "region": "eu-west-1",
        "time": "2026-06-01T06:12:09Z",
        "detail": {
            "policy-type": "NoChangeNotification",
            "parameter-name": name,
            "action-status": "SUCCESS",
        },
    })
}

/// A stand-in for SSM that always answers the same.
fn failing_ssm(answer: Answer) -> HttpStub {
    let stub = HttpStub::start();
    stub.script(&Method::POST, "/", [answer]);
    stub
}

fn error(status: u16, code: &str) -> Answer {
    Answer::json(
        status,
        &json!({"__type": code, "message": "Rate exceeded or not allowed"}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_fails_over_the_network_costs_its_lines_and_not_the_message() {
    let cases = [
        (error(400, "AccessDeniedException"), "was denied"),
        (error(400, "ThrottlingException"), "was throttled"),
        (error(500, "InternalServerError"), "failed"),
        (error(200, "x").after(Duration::from_mins(1)), "timed out"),
        (Answer::hang_up(), "failed"),
        (Answer::bytes(200, "<html>not AWS</html>"), "failed"),
    ];
    let runs = cases.map(|(answer, words)| async move {
        let emulator = emulator::moto();
        let (ssm, sns) = (failing_ssm(answer), sns());
        let mut variables = variables(&emulator, &sns);
        variables.insert("AWS_ENDPOINT_URL_SSM".into(), ssm.url());
        let function = Function::start("policy-formatter", variables);
        let answer = function
            .invoke(&reminder("/my-erp/lwa/clientsecret"))
            .await
            .unwrap();
        let missing = answer["missing"].to_string();
        assert!(
            missing.contains(&format!("DescribeParameters {words}")),
            "{missing}"
        );
        assert!(
            missing.contains(&format!("ListTagsForResource {words}")),
            "{missing}"
        );
        let email = published(&sns)["message"]["email"].clone();
        assert!(
            email
                .as_str()
                .is_some_and(|text| text.contains("Missing from this message"))
        );
    });
    for run in runs.map(tokio::spawn) {
        run.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_fails_fails_the_invocation_with_a_stable_error_type() {
    let emulator = emulator::moto();
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code>\
        <Message>not authorized</Message></Error></ErrorResponse>";
    let sns = HttpStub::start();
    sns.script(
        &Method::POST,
        "/",
        [Answer::bytes(403, denied).header("x-amzn-requestid", "r-1")],
    );
    let function = Function::start("policy-formatter", variables(&emulator, &sns));
    let failed = function
        .invoke(&reminder("/my-erp/lwa/clientsecret"))
        .await
        .unwrap_err();
    assert_eq!(failed.error_type, "PublishFailed");
    assert!(
        failed.error_message.contains("Publish was denied"),
        "{}",
        failed.error_message
    );
    assert!(
        failed.error_message.contains("r-1"),
        "{}",
        failed.error_message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_stops_the_function_at_start_with_its_name() {
    let emulator = emulator::moto();
    for (name, value) in [
        ("TOPIC_ARN", "my-topic"),
        ("SECRET_LIFETIME_DAYS", "soon"),
        ("LWA_PARAMETER_PREFIX", "/my erp"),
        ("RUNBOOK_URL", "wiki"),
        ("AWS_REGION", ""),
    ] {
        let mut variables = variables(&emulator, &sns());
        variables.insert(name.into(), value.into());
        let function = Function::start("policy-formatter", variables);
        let error = function.init_error().await;
        assert!(
            error.error_message.contains(name),
            "{name}: {}",
            error.error_message
        );
        assert_eq!(error.error_type, "InvalidConfiguration");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_never_read_by_the_formatter_and_never_logged() {
    let emulator = emulator::ministack();
    let sns = sns();
    let mut variables = variables(&emulator, &sns);
    variables.insert("AWS_LAMBDA_LOG_LEVEL".into(), "TRACE".into());
    let name = "/my-erp/lwa/clientsecret";
    let put = emulator.ssm().put_parameter();
    put.name(name)
        .value(SECRET)
        .r#type(ParameterType::SecureString)
        .send()
        .await
        .unwrap();
    let function = Function::start("policy-formatter", variables);
    function.invoke(&reminder(name)).await.unwrap();
    leak::assert_none(&function.stop().await, &[("the stored secret", SECRET)]);
    let now: Timestamp = SystemClock.now();
    let deadline = now.saturating_add(lwa_core::deadline::days(180)).unwrap();
    let sms = published(&sns)["message"]["sms"].to_string();
    assert!(
        sms.contains(&deadline.strftime("%Y-%m-%d").to_string()),
        "{sms}"
    );
}
