//! When the policies of a parameter act,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html>.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::vault::ports::InlinePolicy;

/// Whether a policy deletes its parameter.
pub(super) fn deletes(policy: &InlinePolicy) -> bool {
    policy.policy_type == "Expiration"
}

/// Whether a policy reminds of a value that stays.
pub(super) fn is_reminder(policy: &InlinePolicy) -> bool {
    ["NoChangeNotification", "ExpirationNotification"].contains(&policy.policy_type.as_str())
}

/// When a policy that [`deletes`] its parameter does so; none where that cannot be read.
pub(super) fn deletion(policy: &InlinePolicy) -> Option<Timestamp> {
    let attributes = attributes(policy)?;
    attributes["Timestamp"].as_str()?.trim().parse().ok()
}

/// When the first reminder of a parameter fires, or fired, that was last written at `written`;
/// none where that of a single one cannot be read, which may be early enough.
pub(super) fn first_reminder(policies: &[InlinePolicy], written: Timestamp) -> Option<Timestamp> {
    let expiration = policies.iter().filter(|it| deletes(it)).find_map(deletion);
    let fires = |policy: &InlinePolicy| {
        let attributes = attributes(policy)?;
        match policy.policy_type.as_str() {
            "NoChangeNotification" => written.checked_add(span(&attributes, "After")?).ok(),
            _ => expiration?.checked_sub(span(&attributes, "Before")?).ok(),
        }
    };
    let reminders = policies.iter().filter(|policy| is_reminder(policy));
    let all: Option<Vec<_>> = reminders.map(fires).collect();
    all?.into_iter().min()
}

fn span(attributes: &Value, name: &str) -> Option<SignedDuration> {
    let amount = match &attributes[name] {
        Value::String(text) => text.trim().parse::<i64>().ok()?,
        number => number.as_i64()?,
    };
    let hours = match attributes["Unit"].as_str()? {
        "Days" => amount.checked_mul(24)?,
        "Hours" => amount,
        _ => return None,
    };
    // More than the calendar holds is no reminder.
    let is_possible = (0..=24 * 366 * 1000).contains(&hours);
    is_possible.then(|| SignedDuration::from_hours(hours))
}

fn attributes(policy: &InlinePolicy) -> Option<Value> {
    let mut policy: Value = serde_json::from_str(&policy.text).ok()?;
    policy.get_mut("Attributes").map(Value::take)
}
