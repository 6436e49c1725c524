//! The test message, as people read it, and how little its sender can make it say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use lwa_core::config::Lookup;
use lwa_core::event::{Event, test_event};
use lwa_core::message::Message;
use lwa_core::policy_notice::{self, Context, Lookups};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::vault::ports::ParameterMetadata;
use serde_json::{Value, json};

use crate::legal::check;

mod legal;

const PARAMETER: &str = "/my-erp/lwa/clientsecret";

/// As EventBridge delivers it.
fn delivered(detail: &Value) -> Value {
    let mut event = test_event(None);
    event["detail"] = detail.clone();
    event["id"] = json!("4251c9fa-f9a6-57aa-860e-7efe37d63da5");
    event["account"] = json!("111122223333");
    event["region"] = json!("us-east-2");
    event["time"] = json!("2026-06-01T06:12:09Z");
    event
}

fn found(reported: Option<&str>) -> Lookups {
    let tags = reported.map(|at| ("lwa:secret-expires-at".to_owned(), at.to_owned()));
    let metadata = ParameterMetadata {
        last_modified: Some("2026-01-02T06:12:09Z".parse().unwrap()),
        ..ParameterMetadata::default()
    };
    Lookups {
        metadata: Ok(Some(metadata)),
        tags: Ok(tags.into_iter().collect()),
    }
}

/// A look-up that AWS refused in words that quote the name.
fn denied(name: &str) -> Lookups {
    let error = |operation| CallError {
        operation,
        failure: CallFailure::Denied,
        code: None,
        detail: format!("not authorized on {name}"),
    };
    Lookups {
        metadata: Err(error("DescribeParameters")),
        tags: Err(error("ListTagsForResource")),
    }
}

fn render(event: &Value, lookups: Option<&Lookups>) -> Message {
    let layout = Lookup::new(|_| None).layout().unwrap();
    let context = Context {
        layout: &layout,
        policy: lwa_core::rotation::policy::Policy::default(),
        system_writer: None,
        runbook_url: Some("https://wiki.example/rotate"),
        now: "2026-06-01T06:12:10Z".parse().unwrap(),
    };
    let message = policy_notice::notice(&Event::parse(event), lookups, context).render();
    check(&message);
    message
}

#[test]
fn every_test_message_reads_as_it_was_reviewed() {
    let named = delivered(&json!({ "parameter-name": PARAMETER }));
    let reported = found(Some("2026-06-30T12:00:00Z"));
    let texts: Vec<String> = [
        ("a reported deadline", &named, Some(&reported)),
        ("an estimated deadline", &named, Some(&found(None))),
        ("a look-up that failed", &named, Some(&denied(PARAMETER))),
        ("no client secret named", &delivered(&json!({})), None),
    ]
    .into_iter()
    .map(|(what, event, lookups)| {
        let message = render(event, lookups);
        format!(
            "=== {what}\nSubject: {}\nSMS: {}\n\n{}",
            message.subject, message.sms, message.email
        )
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn the_sender_of_a_test_message_decides_on_no_word_of_it() {
    let silent = render(&delivered(&json!({})), None);
    let gone = Lookups {
        metadata: Ok(None),
        tags: Ok(BTreeMap::new()),
    };
    for name in [
        "/my-erp/call-555-0100-at-once/lwa/clientsecret",
        "/my-erp/lwa/clientidentifier",
        "/other/lwa/clientsecret",
        "Your account is suspended",
    ] {
        let mut event = delivered(&json!({
            "parameter-name": name,
            "policy-type": "planted",
            "action-reason": "planted",
            "description": "planted",
        }));
        event["resources"] = json!(["arn:aws:ssm:us-east-2:111122223333:parameter/planted"]);
        assert_eq!(render(&event, Some(&gone)), silent, "{name}");

        let message = render(&event, Some(&denied(name)));
        for words in [name, "planted", "555"] {
            assert!(!format!("{message:?}").contains(words), "{message:#?}");
        }
    }
}

#[test]
fn a_test_message_is_about_what_its_event_names_and_nothing_else_is_looked_up() {
    let layout = Lookup::new(|_| None).layout().unwrap();
    for (name, looked_up) in [
        (PARAMETER, Some(PARAMETER)),
        ("/my-erp/refreshToken", None),
        ("/other/lwa/clientsecret", None),
    ] {
        let event = Event::parse(&test_event(Some(name)));
        assert_eq!(policy_notice::parameter_name(&event, &layout), looked_up);
    }
}

#[test]
fn every_part_of_a_test_message_says_that_it_is_one() {
    let event = delivered(&json!({ "parameter-name": PARAMETER }));
    let message = render(&event, Some(&found(None)));
    assert!(message.subject.starts_with("[TEST] Alerts reach you"));
    assert!(message.sms.starts_with("LWA TEST: Alerts reach you"));
    assert!(message.email.starts_with("TEST: Alerts reach you"));
    assert!(message.https.contains("[TEST] Alerts reach you"));
    assert_eq!(message.attributes.kind, "test");
    assert_eq!(message.attributes.severity.as_str(), "info");
    for text in [&message.sms, &message.email] {
        assert!(text.contains("2026-07-01, 30 days left"), "{text}");
    }
}
