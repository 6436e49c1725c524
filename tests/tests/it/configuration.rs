//! What every function says of a variable that it cannot use, through the real binaries. None of
//! them gets as far as a call.

use std::collections::BTreeMap;

use lwa_core::config::{VARIABLES, Variable};
use lwa_tests::leak;
use lwa_tests::runtime_api::Function;

use crate::functions;

const TOKEN: &str = "Atzr|planted-refresh-token";
const BARE: &str = "b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7";

/// The message with which a function does not start, and everything that it wrote.
async fn refused(function: &str, variables: &[(&str, &str)]) -> (String, String) {
    let mut all = BTreeMap::from([("TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:lwa")]);
    all.extend(variables.iter().copied());
    let process = Function::start(function, all);
    let error = process.init_error().await;
    assert_eq!(error.error_type, "InvalidConfiguration", "{error:?}");
    process.exit().await;
    (error.error_message, process.output())
}

/// Every variable with the functions that use it, as the README's table has it.
fn used() -> Vec<(Variable, Vec<&'static str>)> {
    let all = VARIABLES.iter();
    all.map(|variable| {
        let uses = |name: &&str| variable.used_by == "all" || variable.used_by.contains(name);
        (*variable, functions().into_iter().filter(uses).collect())
    })
    .collect()
}

#[tokio::test]
async fn a_misspelt_value_stops_each_function_that_uses_the_variable() {
    for (variable, functions) in used() {
        let name = variable.name;
        assert!(!functions.is_empty(), "{name}");
        for function in functions {
            let (message, _) = refused(function, &[(name, "not allowed!")]).await;
            let expected = format!("{name} is `not allowed!`; allowed: ");
            assert!(message.starts_with(&expected), "{function}: {message}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_was_pasted_into_a_variable_is_quoted_nowhere() {
    for (variable, functions) in used() {
        for secret in [TOKEN, BARE] {
            let value = format!("https://{secret}@lwa.example/!{secret}!");
            let (message, output) = refused(functions[0], &[(variable.name, &value)]).await;
            let planted = [("token", TOKEN), ("bare secret", BARE)];
            leak::assert_none(&format!("{message}\n{output}"), &planted);
            assert!(message.contains(variable.name), "{message}");
            assert!(message.contains("[redacted]"), "{message}");
        }
    }
}

#[tokio::test]
async fn no_function_takes_two_leaves_of_one_name() {
    for function in functions() {
        let same = [
            ("LWA_CLIENT_ID_LEAF", "a/b"),
            ("LWA_CLIENT_SECRET_LEAF", "a/b"),
        ];
        let (message, _) = refused(function, &same).await;
        assert_eq!(
            message,
            "LWA_CLIENT_ID_LEAF is `a/b`; allowed: a name that does not end with \
             LWA_CLIENT_SECRET_LEAF"
        );
    }
}

#[tokio::test]
async fn an_address_that_only_begins_like_this_machine_is_refused_before_anything_is_sent() {
    for (name, function) in [
        ("LWA_TOKEN_URL", "token-exchanger"),
        ("LWA_TOKEN_URL", "secret-receiver"),
        ("SP_API_ENDPOINT", "rotation-requester"),
        ("RUNBOOK_URL", "policy-formatter"),
        ("AWS_ENDPOINT_URL", "auditor"),
        ("AWS_ENDPOINT_URL_SSM", "token-exchanger"),
    ] {
        let hostile = "http://127.0.0.1:80@evil.example/";
        let (message, _) = refused(function, &[(name, hostile)]).await;
        let expected = format!("{name} is `http://[redacted]@evil.example/`; allowed: an https://");
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.contains("without a user name"), "{message}");
    }
}
