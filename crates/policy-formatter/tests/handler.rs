//! The handler over an in-memory account.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwa_core::Timestamp;
use lwa_core::config::Lookup;
use lwa_core::error::{FunctionError, chain};
use lwa_core::event::test_event;
use lwa_core::metrics::Metric;
use lwa_core::policy_notice::Withheld;
use lwa_core::ports::CallFailure;
use lwa_local::{Fault, ScriptedFault, World};
use policy_formatter::{PolicyFormatter, Settings};
use serde_json::{Value, json};

const PARAMETER: &str = "/my-erp/lwa/clientsecret";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn world() -> World {
    let world = World::new(at("2026-05-31T12:00:00Z"));
    world.seed_parameter(
        PARAMETER,
        "amzn1.oa2-cs.v1.planted",
        at("2026-01-01T12:00:00Z"),
    );
    world
}

fn formatter(world: &World) -> PolicyFormatter<World, World, World, World> {
    let settings = Settings::from_lookup(&Lookup::new(|_| None)).unwrap();
    PolicyFormatter::new(
        settings,
        world.clone(),
        world.clone(),
        world.clone(),
        world.clone(),
    )
}

fn fault(operation: &str, fault: Fault, times: Option<u32>) -> ScriptedFault {
    ScriptedFault {
        operation: operation.into(),
        target: String::new(),
        fault,
        times,
    }
}

fn reminder(id: &str) -> Value {
    json!({
        "id": id,
        "source": "aws.ssm",
        "detail-type": "Parameter Store Policy Action",
        "account": "111122223333",
        "region": "us-east-2",
        "time": "2026-05-31T12:00:00Z",
        "detail": {
            "parameter-name": PARAMETER,
            "policy-type": "NoChangeNotification",
            "action-status": "SUCCESS",
            "policy-content": {"Attributes": {"After": "150", "Unit": "Days"}},
        },
    })
}

#[tokio::test]
async fn a_reminder_names_the_deadline_and_who_changed_the_secret_last() {
    let world = world();
    let response = formatter(&world).handle(reminder("1")).await.unwrap();
    assert_eq!(
        response.subject,
        "[WARNING] Client secret of my-erp stops working on 2026-06-30: 30 days left"
    );
    assert!(response.missing.is_empty());
    let email = &world.published()[0].email;
    let one_line = email.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        one_line.contains("by arn:aws:iam::111122223333:user/alice, version 1"),
        "{email}"
    );
    assert!(
        one_line.contains("NoChangeNotification 90, 150, 165, 173 days"),
        "{email}"
    );
    assert!(email.lines().count() <= 40, "needs scrolling:\n{email}");
}

#[tokio::test]
async fn a_look_up_that_is_denied_throttled_or_slow_costs_its_lines_and_not_the_message() {
    let modes = [
        (Fault::Before(CallFailure::Denied), "was denied"),
        (Fault::Before(CallFailure::Throttled), "was throttled"),
        (Fault::Before(CallFailure::Unavailable), "failed"),
        (Fault::Hang, "timed out"),
    ];
    for (mode, words) in modes {
        let world = world();
        world.state().faults = vec![
            fault("DescribeParameters", mode, None),
            fault("ListTagsForResource", mode, None),
        ];
        let response = formatter(&world).handle(reminder("1")).await.unwrap();
        assert_eq!(response.missing.len(), 2);
        let message = &world.published()[0];
        let email = message.email.replace("\n    ", "");
        assert!(email.contains("Missing from this message"), "{email}");
        assert!(
            email.contains(&format!("DescribeParameters {words}")),
            "{email}"
        );
        // The event alone still tells the deadline at the latest.
        assert!(
            message.sms.contains("2026-06-30: 30 days left"),
            "{}",
            message.sms
        );
    }
}

#[tokio::test]
async fn a_failed_publish_is_an_error_and_the_next_delivery_goes_out() {
    let world = world();
    let denied = Fault::Before(CallFailure::Denied);
    world.state().faults = vec![fault("Publish", denied, Some(1))];
    let formatter = formatter(&world);
    let error = formatter.handle(reminder("1")).await.unwrap_err();
    assert_eq!(error.error_type(), "PublishFailed");
    assert_eq!(
        error.to_string(),
        "the message about event 1 was not published"
    );
    assert!(
        chain(&error)
            .starts_with("the message about event 1 was not published: Publish was denied")
    );
    assert!(!formatter.handle(reminder("1")).await.unwrap().duplicate);
    assert_eq!(world.published().len(), 1);
}

#[tokio::test]
async fn one_event_delivered_twice_is_published_once_and_looked_up_once() {
    let world = world();
    let formatter = formatter(&world);
    formatter.handle(reminder("1")).await.unwrap();
    let calls = world.calls().len();
    let second = formatter.handle(reminder("1")).await.unwrap();
    assert!(second.duplicate && second.message_id.is_none());
    // The policy of another day.
    world.set_now(at("2026-06-15T12:00:00Z"));
    assert!(!formatter.handle(reminder("2")).await.unwrap().duplicate);
    assert_eq!(world.published().len(), 2);
    let counted = world.state().metrics[1].clone();
    assert!(
        counted
            .metrics
            .contains(&Metric::count("DuplicatesSuppressed", 1))
    );
    assert_eq!(world.calls().len(), calls * 2, "a duplicate makes no call");
}

/// Sets a tag of the client secret.
fn tag(world: &World, name: &str, value: &str) {
    let mut state = world.state();
    let parameter = state.parameters.get_mut(PARAMETER).unwrap();
    parameter.tags.insert(name.into(), value.into());
}

#[tokio::test]
async fn people_are_reminded_of_one_deadline_once_a_day_whichever_function_speaks_first() {
    let world = world();
    let first = formatter(&world).handle(reminder("1")).await.unwrap();
    assert_eq!(first.severity, "warning");
    // Another policy, another environment, the same day.
    let second = formatter(&world).handle(reminder("2")).await.unwrap();
    assert_eq!(second.withheld, Some(Withheld::ToldToday));
    assert_eq!(world.published().len(), 1);
    // It has become graver.
    tag(&world, "lwa:secret-expires-at", "2026-06-03T12:00:00Z");
    let third = formatter(&world).handle(reminder("3")).await.unwrap();
    assert_eq!((third.severity, third.withheld), ("critical", None));
    assert_eq!(world.published().len(), 2);
}

#[tokio::test]
async fn a_reminder_goes_out_twice_rather_than_never_when_it_cannot_be_noted() {
    let world = world();
    let denied = Fault::Before(CallFailure::Denied);
    world.state().faults = vec![fault("AddTagsToResource", denied, None)];
    for id in ["1", "2"] {
        let response = formatter(&world).handle(reminder(id)).await.unwrap();
        assert_eq!(response.withheld, None);
    }
    assert_eq!(world.published().len(), 2);
}

#[tokio::test]
async fn a_secret_that_the_system_rotates_in_time_needs_no_message_and_any_doubt_does() {
    let world = world();
    tag(&world, "lwa:secret-expires-at", "2026-09-01T12:00:00Z");
    let response = formatter(&world).handle(reminder("1")).await.unwrap();
    assert_eq!(response.withheld, Some(Withheld::OnSchedule));
    // Whether another version is stored is not known.
    let denied = Fault::Before(CallFailure::Denied);
    world.state().faults = vec![fault("DescribeParameters", denied, Some(1))];
    let response = formatter(&world).handle(reminder("0")).await.unwrap();
    assert_eq!(response.withheld, None);
    // Nothing tells that the system is on time.
    world.state().faults = vec![fault("ListTagsForResource", denied, Some(1))];
    let response = formatter(&world).handle(reminder("2")).await.unwrap();
    assert_eq!((response.withheld, response.severity), (None, "warning"));
    // The deadline is an estimate, so it is told, without anything to do.
    world
        .state()
        .parameters
        .get_mut(PARAMETER)
        .unwrap()
        .tags
        .clear();
    world.seed_parameter(
        PARAMETER,
        "amzn1.oa2-cs.v1.planted-2",
        at("2026-04-01T12:00:00Z"),
    );
    let response = formatter(&world).handle(reminder("3")).await.unwrap();
    assert_eq!((response.withheld, response.severity), (None, "info"));
    let email = world.published().pop().unwrap().email;
    assert!(email.contains("rotates by itself on 2026-07-30"), "{email}");
    assert!(!email.contains("What to do now"), "{email}");
}

#[tokio::test]
async fn what_the_system_stored_is_no_news_and_what_anybody_else_stored_is() {
    let world = world();
    let update = |id: &str| {
        json!({
            "id": id, "source": "aws.ssm", "detail-type": "Parameter Store Change",
            "detail": {"name": PARAMETER, "operation": "Update", "type": "SecureString"},
        })
    };
    let role = "arn:aws:iam::111122223333:role/lwa-secret-receiver";
    let settings = Settings::from_lookup(&Lookup::new(|name| {
        (name == "SYSTEM_WRITER_ARN").then(|| role.to_owned())
    }))
    .unwrap();
    let formatter = PolicyFormatter::new(
        settings,
        world.clone(),
        world.clone(),
        world.clone(),
        world.clone(),
    );
    let written_by = |user: &str| {
        let mut state = world.state();
        let parameter = state.parameters.get_mut(PARAMETER).unwrap();
        parameter.versions.last_mut().unwrap().written_by = user.to_owned();
    };
    written_by("arn:aws:sts::111122223333:assumed-role/lwa-secret-receiver/lwa-secret-receiver");
    let own = formatter.handle(update("1")).await.unwrap();
    assert_eq!(own.withheld, Some(Withheld::OwnWrite));
    written_by("arn:aws:iam::111122223333:user/alice");
    let other = formatter.handle(update("2")).await.unwrap();
    assert_eq!((other.withheld, other.kind), (None, "secret-updated"));
}

fn test_message(id: &str, parameter: &str) -> Value {
    let mut event = test_event(Some(parameter));
    event["id"] = json!(id);
    event
}

#[tokio::test]
async fn a_test_message_shows_the_true_deadline_and_says_test_first() {
    let world = world();
    let event = test_message("1", PARAMETER);
    let response = formatter(&world).handle(event).await.unwrap();
    assert_eq!(
        response.subject,
        "[TEST] Alerts reach you (test with my-erp)"
    );
    assert_eq!((response.kind, response.severity), ("test", "info"));
    assert_eq!(response.application.as_deref(), Some("my-erp"));
    assert_eq!(
        world.published()[0].sms,
        "LWA TEST: Alerts reach you (test with my-erp). Nothing has to be done about this test. \
         Its true deadline: 2026-06-30, 30 days left."
    );
}

#[tokio::test]
async fn a_test_message_looks_up_nothing_but_client_secrets_of_ours() {
    for name in ["/my-erp/refreshToken", "/other/lwa/clientsecret", "words"] {
        let world = world();
        let event = test_message("1", name);
        let response = formatter(&world).handle(event).await.unwrap();
        assert_eq!(response.subject, "[TEST] Alerts reach you");
        assert_eq!(world.calls().len(), 1, "{:?}", world.calls());
    }
}

#[tokio::test]
async fn people_get_one_test_message_a_minute_however_many_are_asked_for() {
    let world = world();
    let formatter = formatter(&world);
    for id in 0..100 {
        let event = test_message(&id.to_string(), PARAMETER);
        let response = formatter.handle(event).await.unwrap();
        assert_eq!(response.duplicate, id > 0);
    }
    // Reminders go out all the same.
    formatter.handle(reminder("200")).await.unwrap();
    assert_eq!(world.published().len(), 2);
    world.set_now(at("2026-05-31T12:01:00Z"));
    let later = formatter.handle(test_message("201", PARAMETER)).await;
    assert!(!later.unwrap().duplicate);
}

#[tokio::test]
async fn a_deleted_secret_is_critical_and_misses_nothing() {
    let world = World::new(at("2026-05-31T12:00:00Z"));
    let event = json!({
        "id": "1", "source": "aws.ssm", "detail-type": "Parameter Store Change",
        "detail": {"name": PARAMETER, "operation": "Delete", "type": "SecureString"},
    });
    let response = formatter(&world).handle(event).await.unwrap();
    assert_eq!(
        (response.severity, response.kind),
        ("critical", "parameter-deleted")
    );
    assert!(response.missing.is_empty());
}

#[tokio::test]
async fn anything_else_still_becomes_a_message() {
    for event in [
        json!(null),
        json!({}),
        json!([1]),
        json!("x"),
        json!({"detail": {"a": "b"}}),
    ] {
        let world = world();
        let response = formatter(&world).handle(event).await.unwrap();
        assert_eq!(response.kind, "unrecognised-event");
        assert_eq!(world.published().len(), 1);
    }
}
