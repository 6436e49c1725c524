//! The Runtime API of the harness, held against the real runtime client.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lwa_aws::http::{Client, Limits};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::runtime_api::{Function, Invocation};
use serde_json::{Value, json};

fn start(variables: &[(&str, &str)]) -> Function {
    let binary = Path::new(env!("CARGO_BIN_EXE_echo-function"));
    Function::start_at(binary, variables.iter().copied())
}

#[tokio::test]
async fn events_and_answers_pass_one_after_the_other() {
    let function = start(&[]);
    for number in 0..3 {
        let invocation = Invocation::of(&json!({"answer": number}));
        let request_id = invocation.request_id.clone();
        let answer = function.invoke_with(invocation).await.unwrap();
        assert_eq!(answer["value"], number);
        assert_eq!(answer["request_id"], request_id);
        assert!(
            answer["deadline"].as_u64().unwrap() > 1_700_000_000_000,
            "{answer}"
        );
        assert!(
            answer["function"]
                .as_str()
                .unwrap()
                .ends_with(":function:echo-function")
        );
    }
}

#[tokio::test]
async fn an_error_keeps_its_type_and_message_and_the_function_lives_on() {
    let function = start(&[]);
    let error = function
        .invoke(&json!({"fail": ["VaultUnavailable", "try again"]}))
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (&*error.error_type, &*error.error_message),
        ("VaultUnavailable", "try again")
    );
    assert!(function.invoke(&json!({"answer": 1})).await.is_ok());
}

#[tokio::test]
async fn an_event_that_is_not_json_is_the_functions_own_error() {
    let function = start(&[]);
    let error = function
        .invoke_with(Invocation::of_bytes("not JSON"))
        .await
        .unwrap_err();
    assert!(error.error_message.contains("expected"), "{error:?}");
}

#[tokio::test]
async fn two_events_are_in_hand_at_once_only_if_the_function_asks_for_two() {
    let meet = json!("meet");
    let function = start(&[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]);
    let (one, other) = tokio::join!(function.invoke(&meet), function.invoke(&meet));
    assert_eq!((one, other), (Ok(Value::Null), Ok(Value::Null)));

    let function = start(&[]);
    let alone = || Invocation::of(&meet).within(Duration::from_millis(500));
    let (one, other) = tokio::join!(function.invoke_with(alone()), function.invoke_with(alone()));
    assert!(one.is_err() && other.is_err(), "{one:?} {other:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_by_the_function_and_never_by_the_runtime() {
    let sns = HttpStub::start();
    let published = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
        <PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";
    sns.script(
        &Method::POST,
        "/",
        [Answer::bytes(200, published).header("content-type", "text/xml")],
    );
    let variables = [
        ("TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:lwa"),
        ("AWS_ENDPOINT_URL", &sns.url()),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
    ];
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let events = [
        r#"{"a":"planted \ud800"}"#.to_owned(),
        r#""planted \udc00""#.to_owned(),
        deep,
        "planted".to_owned(),
    ];
    for name in crate::functions() {
        let function = Function::start(name, variables);
        for event in &events {
            let answer = function
                .invoke_with(Invocation::of_bytes(event.clone()))
                .await;
            if name == "policy-formatter" {
                assert_eq!(answer.unwrap()["message_id"], "m-1");
                continue;
            }
            let error = answer.unwrap_err();
            assert_eq!(error.error_type, "InvalidRequest", "{name} {event}");
            assert!(!error.error_message.contains("planted"), "{error:?}");
            assert!(error.error_message.contains("allowed"), "{error:?}");
        }
        let output = function.stop().await;
        assert!(!output.contains("planted"), "{name}: {output}");
    }
    // A reminder that cannot be read is told all the same.
    let messages = sns.requests();
    assert_eq!(messages.len(), events.len());
    for message in messages {
        let sent = message.form();
        assert!(sent["Subject"].contains("unreadable event"), "{sent:?}");
        assert!(!sent["Message"].contains("planted"), "{sent:?}");
    }
}

#[tokio::test]
async fn both_output_streams_are_captured() {
    let function = start(&[]);
    function
        .invoke(&json!({"write": "{\"_aws\":{}}"}))
        .await
        .unwrap();
    assert_eq!(function.stop().await.matches("{\"_aws\":{}}\n").count(), 2);
}

#[tokio::test]
async fn a_process_that_ends_fails_its_invocation_as_in_lambda() {
    let function = start(&[]);
    let error = function.invoke(&json!({"exit": 3})).await.unwrap_err();
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert_eq!(function.exit().await.code(), Some(3));
}

#[tokio::test]
async fn a_process_that_takes_too_long_is_killed_as_in_lambda() {
    let function = start(&[]);
    let slow = Invocation::of(&json!({"wait": 60_000})).within(Duration::from_millis(300));
    let error = function.invoke_with(slow).await.unwrap_err();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    assert_eq!(
        error.error_message.split_once("Error: ").unwrap().1,
        "Task timed out after 0.30 seconds"
    );
    assert_eq!(function.exit().await.code(), None, "killed by a signal");
}

#[tokio::test]
async fn what_a_function_says_before_its_first_event_is_an_init_error() {
    let function = start(&[]);
    let url = format!(
        "http://{}/2018-06-01/runtime/init/error",
        function.runtime_api()
    );
    let body = json!({"errorType": "InvalidConfiguration", "errorMessage": "TOPIC_ARN is not set"});
    let request = http::Request::post(url)
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let limits = Limits {
        timeout: Duration::from_secs(5),
        max_body_bytes: 1_000,
    };
    let response = Client::new(None).send(request, limits).await.unwrap();
    assert_eq!(response.status, 202);
    assert_eq!(
        function.init_error().await.error_type,
        "InvalidConfiguration"
    );
}

#[tokio::test]
async fn a_variable_of_the_test_replaces_the_one_that_lambda_sets() {
    let function = start(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "not a number")]);
    assert!(!function.exit().await.success());
    assert!(
        function
            .output()
            .contains("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        "{}",
        function.output()
    );
}
