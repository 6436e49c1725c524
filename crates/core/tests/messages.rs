//! What holds for the message about any event whatever.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use lwa_core::config::Lookup;
use lwa_core::event::Event;
use lwa_core::message::Message;
use lwa_core::policy_notice::{self, Context, Lookups};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::vault::ports::{InlinePolicy, ParameterMetadata};
use lwa_core::{Layout, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::legal::check;

mod legal;

fn layout() -> Layout {
    Lookup::new(|_| None).layout().unwrap()
}

fn render(event: &Value, lookups: Option<&Lookups>, now: Timestamp) -> Message {
    let layout = layout();
    let context = Context {
        layout: &layout,
        policy: lwa_core::rotation::policy::Policy::default(),
        system_writer: None,
        runbook_url: Some("https://wiki.example/rotate"),
        now,
    };
    policy_notice::notice(&Event::parse(event), lookups, context).render()
}

/// Any JSON at all.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A value that is often what the field should hold, and often not.
fn field(plausible: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        4 => prop::sample::select(plausible).prop_map(|text| Some(Value::from(text))),
        2 => any::<String>().prop_map(|text| Some(Value::from(text))),
        1 => any_json().prop_map(Some),
        1 => Just(None),
    ]
}

fn name() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        2 => field(&["/my-erp/lwa/clientsecret", "my-erp/lwa/clientidentifier", "/other/thing"]),
        2 => "/my-erp(/[a-zA-Z0-9_.-]{1,80}){0,5}/lwa/clientsecret"
            .prop_map(|text| Some(Value::from(text))),
        1 => "/my-erp/sellers/[A-Z0-9]{1,100}/refreshToken".prop_map(|text| Some(Value::from(text))),
        1 => "\\PC{0,400}".prop_map(|text| Some(Value::from(text))),
    ]
}

/// Something of the shape of the events that we know, with anything wrong with it.
fn likely_event() -> impl Strategy<Value = Value> {
    let envelope = (
        field(&["aws.ssm", "aws.secretsmanager"]),
        field(&[
            "Parameter Store Policy Action",
            "Parameter Store Change",
            "AWS Service Event via CloudTrail",
        ]),
        field(&["us-east-2", "us-gov-west-1", "cn-north-1"]),
        field(&[
            "2026-05-31T06:00:00Z",
            "-009999-01-02T00:00:00Z",
            "9999-12-30T22:00:00Z",
        ]),
        field(&["0f8e1a2b-0000-4000-8000-000000000001"]),
    );
    let policy = (
        field(&[
            "NoChangeNotification",
            "ExpirationNotification",
            "Expiration",
            "Empty",
        ]),
        field(&["SUCCESS", "Success", "FAILURE"]),
        field(&["The parameter has not been changed for 150 days."]),
        prop_oneof![
            Just(Some(
                json!({"Attributes": {"After": "150", "Unit": "Days"}})
            )),
            Just(Some(
                json!({"Attributes": {"After": "9223372036854775807", "Unit": "Hours"}})
            )),
            Just(Some(json!(
                "{\"Attributes\":{\"Before\":\"15\",\"Unit\":\"Days\"}}"
            ))),
            Just(Some(
                json!({"Attributes": {"Timestamp": "2026-12-31T00:00:00Z"}})
            )),
            any_json().prop_map(Some),
        ],
    );
    let change = (
        name(),
        field(&["Create", "Update", "Delete", "LabelParameterVersion"]),
    );
    let secret = (
        field(&["RotationSucceeded", "RotationFailed", "RotationAbandoned"]),
        field(&["arn:aws:secretsmanager:us-east-2:111122223333:secret:my-erp-AbCdEf"]),
        field(&["Pending secret version EXAMPLE failed"]),
    );
    (envelope, policy, change, secret).prop_map(|(envelope, policy, change, secret)| {
        let mut detail = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                detail.insert(key.into(), value);
            }
        };
        put("parameter-name", change.0.clone());
        put("name", change.0);
        put("operation", change.1);
        put("policy-type", policy.0);
        put("action-status", policy.1);
        put("action-reason", policy.2);
        put("policy-content", policy.3);
        put("eventName", secret.0);
        put(
            "additionalEventData",
            secret.1.map(|arn| json!({"SecretId": arn})),
        );
        put("errorMessage", secret.2);
        let mut event = Map::new();
        let keys = ["source", "detail-type", "region", "time", "id"];
        let values = [envelope.0, envelope.1, envelope.2, envelope.3, envelope.4];
        for (key, value) in keys.into_iter().zip(values) {
            event.extend(value.map(|value| (key.to_owned(), value)));
        }
        event.insert("detail".into(), Value::Object(detail));
        Value::Object(event)
    })
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        3 => (1_700_000_000_i64..1_900_000_000).boxed(),
        1 => (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()).boxed(),
    ]
    .prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn lookups() -> impl Strategy<Value = Option<Lookups>> {
    let error = Just(CallError {
        operation: "DescribeParameters",
        failure: CallFailure::Denied,
        code: None,
        detail: "AccessDeniedException".into(),
    });
    let metadata = (
        prop::option::of(instant()),
        prop::option::of("\\PC{0,100}"),
        any::<String>(),
    )
        .prop_map(|(last_modified, last_modified_user, text)| {
            Some(ParameterMetadata {
                last_modified,
                last_modified_user,
                version: Some(7),
                policies: vec![InlinePolicy {
                    text: text.clone(),
                    policy_type: text,
                    status: "Failed".into(),
                }],
                ..ParameterMetadata::default()
            })
        });
    let tags = prop::collection::btree_map(
        prop::sample::select(&[
            "lwa:secret-expires-at",
            "lwa:secret-issued-at",
            "lwa:rotation-requested-at",
            "owner",
        ])
        .prop_map(str::to_owned),
        prop_oneof![instant().prop_map(|at| at.to_string()), any::<String>()],
        0..4,
    );
    let metadata = prop_oneof![
        3 => metadata.prop_map(Ok),
        1 => Just(Ok(None)),
        1 => error.clone().prop_map(Err),
    ];
    let tags =
        prop_oneof![3 => tags.prop_map(Ok::<BTreeMap<_, _>, CallError>), 1 => error.prop_map(Err)];
    prop::option::of((metadata, tags).prop_map(|(metadata, tags)| Lookups { metadata, tags }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_message_about_any_json_is_legal(event in any_json(), now in instant()) {
        check(&render(&event, None, now));
    }

    #[test]
    fn the_message_about_any_likely_event_is_legal(
        event in likely_event(), lookups in lookups(), now in instant(),
    ) {
        check(&render(&event, lookups.as_ref(), now));
    }

    #[test]
    fn a_text_message_names_application_deadline_and_days_left_however_long_the_name(
        middle in "(/[a-z0-9]{1,120}){0,6}", days in 1_i64..400,
    ) {
        let parameter = format!("/my-erp{middle}/lwa/clientsecret");
        let event = json!({
            "source": "aws.ssm", "detail-type": "Parameter Store Policy Action",
            "detail": {"parameter-name": parameter, "policy-type": "NoChangeNotification",
                       "action-status": "SUCCESS"},
        });
        let deadline: Timestamp = "2026-06-30T12:00:00Z".parse().unwrap();
        let tags = [("lwa:secret-expires-at".to_owned(), deadline.to_string())];
        let lookups = Lookups { metadata: Ok(None), tags: Ok(tags.into_iter().collect()) };
        let now = deadline - lwa_core::deadline::days(days);
        let message = render(&event, Some(&lookups), now);
        check(&message);
        let left = if days == 1 { "1 day left".to_owned() } else { format!("{days} days left") };
        for text in [&message.sms, &message.subject] {
            prop_assert!(text.contains("2026-06-30") && text.contains(&left), "{text}");
        }
        let name = format!("my-erp{middle}");
        let shown = message.sms.split("secret of ").nth(1).unwrap();
        let shown = shown.split(" stops").next().unwrap();
        let (head, tail) = shown.split_once("..").unwrap_or((shown, ""));
        prop_assert!(name.starts_with(head) && name.ends_with(tail), "{name} {shown}");
        prop_assert!(shown.len() >= name.len().min(40), "{shown}");
    }
}
