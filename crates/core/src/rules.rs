//! The EventBridge rules, from the one list that is deployed from too.

use serde::Deserialize;
use serde_json::Value;

use crate::application::Layout;

/// The list as it is kept for deployment.
const EVENT_RULES: &str = include_str!("../../../infra/event-rules.json");

/// A text in patterns, and what it stands for.
type Placeholder<'a> = (&'a str, Vec<&'a str>);

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

/// All rules, with patterns for the configured prefixes and leaves.
///
/// A matcher with a placeholder is repeated for each of its values, because the elements of a
/// pattern's array are alternatives.
pub fn event_rules(layout: &Layout) -> Result<Vec<EventRule>, serde_json::Error> {
    event_rules_from(EVENT_RULES, layout)
}

/// The rules of another list in the same form, likewise with patterns for the layout.
pub fn event_rules_from(text: &str, layout: &Layout) -> Result<Vec<EventRule>, serde_json::Error> {
    let mut rules = serde_json::from_str::<EventRules>(text)?.rules;
    let placeholders = placeholders(layout);
    for rule in &mut rules {
        expand(&mut rule.pattern, &placeholders);
    }
    Ok(rules)
}

/// The name of each configured prefix, and what the name of a credential ends in.
fn placeholders(layout: &Layout) -> [Placeholder<'_>; 2] {
    let applications = layout.prefixes.iter().map(|prefix| &prefix[1..]);
    let leaves = [
        &layout.client_id_leaf,
        &layout.client_secret_leaf,
        &layout.refresh_token_leaf,
    ];
    [
        ("${application}", applications.collect()),
        ("${leaf}", leaves.map(String::as_str).into()),
    ]
}

fn expand(pattern: &mut Value, placeholders: &[Placeholder<'_>]) {
    match pattern {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| expand(field, placeholders)),
        Value::Array(matchers) => {
            let texts = matchers.iter().map(Value::to_string);
            let repeated = texts.flat_map(|text| alternatives(text, placeholders));
            *matchers = repeated
                .filter_map(|text| serde_json::from_str(&text).ok())
                .collect();
        }
        _ => {}
    }
}

fn alternatives(matcher: String, placeholders: &[Placeholder<'_>]) -> Vec<String> {
    placeholders
        .iter()
        .fold(vec![matcher], |texts, (placeholder, values)| {
            let replaced = |text: String| {
                if text.contains(placeholder) {
                    let texts = values.iter().map(|value| text.replace(placeholder, value));
                    texts.collect()
                } else {
                    vec![text]
                }
            };
            texts.into_iter().flat_map(replaced).collect()
        })
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

    #[test]
    fn each_leaf_becomes_one_alternative() {
        let get = |name: &str| (name == "LWA_CLIENT_SECRET_LEAF").then(|| "secret".to_owned());
        let rules = event_rules(&Lookup::new(get).layout().unwrap()).unwrap();
        assert_eq!(
            rules[1].pattern["resources"],
            json!([
                {"suffix": "/lwa/clientidentifier"},
                {"suffix": "/secret"},
                {"suffix": "/refreshToken"},
            ])
        );
    }
}
