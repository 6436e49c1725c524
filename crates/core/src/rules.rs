//! The EventBridge rules, from the one list that is deployed from too.

use serde::Deserialize;
use serde_json::Value;

use crate::application::Layout;

/// The list as it is kept for deployment.
const EVENT_RULES: &str = include_str!("../../../infra/event-rules.json");

/// Stands in a pattern for the name of each configured application prefix.
const PLACEHOLDER: &str = "${application}";

/// One EventBridge rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The function it invokes.
    pub function: String,
    /// The vault it belongs to, as `LWA_VAULT` spells it; `both` if it belongs to either.
    pub vault: String,
    /// Its event pattern.
    pub pattern: Value,
}

impl EventRule {
    /// Whether it is deployed where a vault is watched.
    pub fn belongs_to(&self, vault: &str) -> bool {
        self.vault == "both" || self.vault == vault
    }
}

/// The list, patterns still with placeholders.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventRules {
    rules: Vec<EventRule>,
}

/// All rules, with patterns for the configured prefixes.
///
/// A matcher with a placeholder is repeated for each prefix, because the elements of a
/// pattern's array are alternatives.
pub fn event_rules(layout: &Layout) -> Result<Vec<EventRule>, serde_json::Error> {
    event_rules_from(EVENT_RULES, layout)
}

/// The rules of another list in the same form, likewise with patterns for the prefixes.
pub fn event_rules_from(text: &str, layout: &Layout) -> Result<Vec<EventRule>, serde_json::Error> {
    let mut rules = serde_json::from_str::<EventRules>(text)?.rules;
    let applications: Vec<&str> = layout.prefixes.iter().map(|prefix| &prefix[1..]).collect();
    for rule in &mut rules {
        expand(&mut rule.pattern, &applications);
    }
    Ok(rules)
}

fn expand(pattern: &mut Value, applications: &[&str]) {
    match pattern {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| expand(field, applications)),
        Value::Array(matchers) => {
            let repeated = |matcher: &Value| -> Vec<Value> {
                let text = matcher.to_string();
                if !text.contains(PLACEHOLDER) {
                    return vec![matcher.clone()];
                }
                let texts = applications
                    .iter()
                    .map(|name| text.replace(PLACEHOLDER, name));
                texts
                    .filter_map(|text| serde_json::from_str(&text).ok())
                    .collect()
            };
            *matchers = matchers.iter().flat_map(repeated).collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Lookup;

    #[test]
    fn each_prefix_becomes_one_alternative() {
        let get = |name: &str| (name == "LWA_PARAMETER_PREFIX").then(|| "/a,/b/c".to_owned());
        let rules = event_rules(&Lookup::new(get).layout().unwrap()).unwrap();
        assert_eq!(
            rules[0].pattern["detail"]["parameter-name"],
            json!([{"prefix": "/a/"}, {"prefix": "/b/c/"}])
        );
        assert_eq!(rules[0].pattern["source"], json!(["aws.ssm"]));
        assert_eq!(
            rules[2].pattern["detail"]["additionalEventData"]["SecretId"][1],
            json!({"wildcard": "arn:*:secret:b/c-*"})
        );
    }
}
