//! The auditor over the real SDK clients: what is called, and how often.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod made_up_aws;

use made_up_aws::{Aws, Order};
use serde_json::Value;

/// The actions of the auditor's role that are its own vaults', from the list that the role is
/// made from.
fn allowed() -> Vec<String> {
    let list: Value =
        serde_json::from_str(include_str!("../../../infra/permissions.json")).unwrap();
    let permissions = list["auditor"].as_array().unwrap();
    let mut actions: Vec<String> = permissions
        .iter()
        .map(|permission| permission["action"].as_str().unwrap().to_owned())
        .filter(|action| action.starts_with("ssm:") || action.starts_with("secretsmanager:"))
        .collect();
    actions.sort();
    actions
}

#[tokio::test]
async fn what_is_called_is_exactly_what_the_role_allows_and_returns_no_value() {
    let aws = Aws::new(100, Order::Name);
    aws.audit("both").await;
    let mut called: Vec<String> = aws
        .calls()
        .into_keys()
        .map(|operation| {
            operation
                .replace("AmazonSSM.", "ssm:")
                .replace("manager.", "manager:")
        })
        .collect();
    called.sort();
    // Nobody is reminded here, so nothing is noted.
    let mut expected = allowed();
    expected.retain(|action| {
        !action.ends_with(":AddTagsToResource") && !action.ends_with(":TagResource")
    });
    assert_eq!(called, expected);
    for action in called {
        let operation = action.split(':').nth(1).unwrap();
        assert!(!operation.starts_with("Get"), "{action}");
    }
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let aws = Aws::new(100, Order::Name);
    aws.throttle(2);
    let response = aws.audit("parameter-store").await;
    assert_eq!(
        (response.partial, response.summary.credentials),
        (false, 100)
    );
}

#[tokio::test]
async fn calls_are_the_pages_and_one_per_application_in_any_order() {
    for order in [Order::Name, Order::RoleByRole, Order::Scattered] {
        let aws = Aws::new(10_000, order);
        let response = aws.audit("parameter-store").await;
        assert!(response.complete && !response.partial);
        assert_eq!(
            (response.summary.applications, response.summary.credentials),
            (500, 10_000)
        );
        assert_eq!(response.findings, [] as [Value; 0], "{order:?}");
        let calls: usize = aws.calls().values().sum();
        assert_eq!(calls, 10_000 / 50 + 500, "{order:?}");
    }
}

#[tokio::test]
async fn an_order_that_keeps_all_applications_waiting_costs_few_look_ups_when_handed_over() {
    for order in [Order::Name, Order::RoleByRole, Order::Scattered] {
        let aws = Aws::new(10_000, order);
        let (response, invocations) = aws.audit_in_parts().await;
        assert!(invocations > 3, "{invocations}");
        assert!(!response.partial);
        assert_eq!(
            (response.summary.applications, response.summary.credentials),
            (500, 10_000)
        );
        assert_eq!(response.findings, [] as [Value; 0], "{order:?}");
        let calls: usize = aws.calls().values().sum();
        let at_worst = 10_000 / 50 + 500 + 500 / 25;
        assert!(calls <= at_worst, "{order:?}: {calls}");
    }
}
