//! `expected.json`: what has to come out of a scenario.

use serde::Deserialize;
use serde_json::Value;

use super::outcome::Outcome;

/// What has to come out. Of the outcome only what is written here is compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What the scenario is about, one sentence.
    pub description: String,
    /// The function that gets the event; `null` for none.
    #[serde(default, deserialize_with = "given")]
    function: Option<Value>,
    /// The names of exactly those rules that match.
    #[serde(default, deserialize_with = "given")]
    rules: Option<Value>,
    /// The type of the error; `null` for a success.
    #[serde(default, deserialize_with = "given")]
    error: Option<Value>,
    /// Parts of the response.
    #[serde(default, deserialize_with = "given")]
    response: Option<Value>,
    /// As many as are published, and parts of each.
    #[serde(default, deserialize_with = "given")]
    notifications: Option<Value>,
    /// What changed, exactly.
    #[serde(default, deserialize_with = "given")]
    changes: Option<Value>,
}

/// Tells a `null` from a key that is not there.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Expectation {
    /// How the outcome differs, one sentence for each difference.
    pub fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let mut found = outcome.to_json();
        found["error"] = outcome.error_type().into();
        found["changes"] = outcome.changes.clone().into();
        let mut differences = Vec::new();
        for (name, expected) in [
            ("function", &self.function),
            ("rules", &self.rules),
            ("error", &self.error),
            ("response", &self.response),
            ("notifications", &self.notifications),
            ("changes", &self.changes),
        ] {
            if let Some(expected) = expected {
                difference(name, expected, &found[name], &mut differences);
            }
        }
        differences
    }
}

/// Compares what is expected with what was found: objects by the keys that are expected,
/// everything else whole.
fn difference(path: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, expected) in expected {
                let found = found.get(key).unwrap_or(&Value::Null);
                difference(&format!("{path}.{key}"), expected, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                difference(&format!("{path}[{index}]"), expected, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(found)) if path == "notifications" => {
            differences.push(format!(
                "{path}: expected {}, found {}",
                expected.len(),
                found.len()
            ));
        }
        _ if expected == found => {}
        _ => differences.push(format!("{path}: expected {expected}, found {found}")),
    }
}
