//! The policies of a client secret's parameter.

use serde_json::{Value, json};

use crate::vault::ports::InlinePolicy;

/// After how many days without a change Parameter Store reminds.
pub const REMIND_AFTER_DAYS: [u32; 4] = [90, 150, 165, 173];

/// Most policies of one parameter, and the longest text of all together, in characters,
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html>,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
const MAX_POLICIES: usize = 10;
const MAX_TEXT: usize = 4096;

const NO_CHANGE: &str = "NoChangeNotification";

/// How the policies of a parameter have to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// All policies from now on, a JSON array as a string.
    pub text: String,
    /// What has to be said about those that go.
    pub notes: Vec<String>,
}

/// The policies of a new client secret, a JSON array as a string.
pub fn standard() -> String {
    Value::from(REMIND_AFTER_DAYS.map(reminder).to_vec()).to_string()
}

/// What has to change about a parameter's policies; none when nothing has.
///
/// New policies replace all old ones, so further reminders are taken along as far as there is
/// room. An `Expiration` is not, because it deletes the credential.
pub fn change(found: &[InlinePolicy]) -> Option<Change> {
    let read: Vec<Option<Value>> = found.iter().map(read).collect();
    let is_standing = |days: &u32| {
        let mut all = found.iter().zip(&read);
        all.any(|(found, policy)| {
            found.status != "Failed" && policy.as_ref().is_some_and(|it| reminds_after(it, *days))
        })
    };
    let deletes = |found: &InlinePolicy| found.policy_type.starts_with("Expiration");
    if REMIND_AFTER_DAYS.iter().all(is_standing) && !found.iter().any(deletes) {
        return None;
    }
    let mut policies = REMIND_AFTER_DAYS.map(reminder).to_vec();
    let mut notes = Vec::new();
    let mut unread = 0;
    let mut no_room = 0;
    for policy in read {
        let Some(policy) = policy else {
            unread += 1;
            continue;
        };
        let mut standard = REMIND_AFTER_DAYS.into_iter();
        let is_standard = standard.any(|days| reminds_after(&policy, days));
        if policy["Type"] != NO_CHANGE || is_standard || policies.contains(&policy) {
            continue;
        }
        policies.push(policy);
        if policies.len() > MAX_POLICIES
            || Value::from(policies.clone()).to_string().len() > MAX_TEXT
        {
            policies.pop();
            no_room += 1;
        }
    }
    if found.iter().any(|found| found.policy_type == "Expiration") {
        notes.push(
            "Its Expiration policy would delete the client secret at a fixed instant, and goes."
                .to_owned(),
        );
    }
    if unread > 0 {
        notes.push(format!(
            "{unread} of its policies cannot be read; the standard ones replace them."
        ));
    }
    if no_room > 0 {
        notes.push(format!(
            "{no_room} of its further reminders find no room among the {MAX_POLICIES} policies \
             that a parameter may have, and go."
        ));
    }
    let text = Value::from(policies).to_string();
    Some(Change { text, notes })
}

fn reminder(days: u32) -> Value {
    json!({
        "Type": NO_CHANGE,
        "Version": "1.0",
        "Attributes": {"After": days.to_string(), "Unit": "Days"},
    })
}

/// The content of a policy; none where that cannot be read.
fn read(found: &InlinePolicy) -> Option<Value> {
    let policy: Value = serde_json::from_str(&found.text).ok()?;
    policy["Type"].is_string().then_some(policy)
}

fn reminds_after(policy: &Value, days: u32) -> bool {
    let attribute = |name: &str| match policy.get("Attributes")?.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()),
        other => Some(other.to_string()),
    };
    policy["Type"] == NO_CHANGE
        && attribute("After").is_some_and(|after| after == days.to_string())
        && attribute("Unit").is_some_and(|unit| unit.eq_ignore_ascii_case("days"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(kind: &str, text: &str) -> InlinePolicy {
        InlinePolicy {
            text: text.to_owned(),
            policy_type: kind.to_owned(),
            status: "Pending".to_owned(),
        }
    }

    fn after(days: u32) -> InlinePolicy {
        policy(NO_CHANGE, &reminder(days).to_string())
    }

    fn days(change: &Change) -> Vec<String> {
        let policies: Vec<Value> = serde_json::from_str(&change.text).unwrap();
        policies
            .iter()
            .map(|policy| {
                assert_eq!(policy["Version"], "1.0");
                policy["Attributes"]["After"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn the_four_reminders_are_one_json_array_whose_numbers_are_strings() {
        let standard: Value = serde_json::from_str(&standard()).unwrap();
        assert_eq!(standard.as_array().unwrap().len(), 4);
        assert_eq!(
            standard[0],
            json!({"Type": "NoChangeNotification", "Version": "1.0",
                "Attributes": {"After": "90", "Unit": "Days"}})
        );
    }

    #[test]
    fn what_is_up_to_standard_in_any_order_or_spelling_stays() {
        let mut found = [173, 165, 150, 90].map(after).to_vec();
        found.push(after(30));
        found[0].text = found[0].text.replace("\"173\"", "173");
        assert_eq!(change(&found), None);
    }

    #[test]
    fn what_is_missing_or_failed_is_set_and_further_reminders_are_taken_along() {
        assert_eq!(days(&change(&[]).unwrap()), ["90", "150", "165", "173"]);
        let mut found = [90, 150, 165, 173, 30].map(after).to_vec();
        found[1].status = "Failed".to_owned();
        let change = change(&found).unwrap();
        assert_eq!(days(&change), ["90", "150", "165", "173", "30"]);
        assert!(change.notes.is_empty());
    }

    #[test]
    fn an_expiration_goes_with_its_notifications_and_that_is_said() {
        let mut found = [90, 150, 165, 173].map(after).to_vec();
        found.push(policy("Expiration", r#"{"Type":"Expiration"}"#));
        found.push(policy(
            "ExpirationNotification",
            r#"{"Type":"ExpirationNotification"}"#,
        ));
        let change = change(&found).unwrap();
        assert_eq!(days(&change), ["90", "150", "165", "173"]);
        assert_eq!(change.notes.len(), 1);
        assert!(change.notes[0].contains("Expiration"), "{change:?}");
    }

    #[test]
    fn there_are_never_more_than_ten_and_what_cannot_be_read_is_said_to_go() {
        let mut found: Vec<_> = (1..=10).map(after).collect();
        found.push(policy(NO_CHANGE, "{'Type': 'NoChangeNotification'}"));
        let change = change(&found).unwrap();
        assert_eq!(days(&change).len(), MAX_POLICIES);
        assert_eq!(change.notes.len(), 2, "{change:?}");
        assert!(change.text.len() <= MAX_TEXT);
    }
}
