//! Which of the rules match an event, and why none does.

use anyhow::{Context, anyhow};
use lwa_core::Layout;
use lwa_core::rules::{self, EventRule};
use lwa_core::text::quotable;
use quamina::Quamina;
use serde_json::{Map, Value, json};

/// Of a list that is not in the form of `infra/event-rules.json`.
const UNREADABLE: &str = "the rules cannot be read";

/// Rules with a matcher for their patterns.
///
/// The matcher does not know `$or`, nor `anything-but` with another operator in it; a rule that
/// uses one is refused rather than matched wrongly.
pub struct RuleSet {
    rules: Vec<EventRule>,
    matcher: Quamina<usize>,
}

impl RuleSet {
    /// The rules that are deployed for the applications of `layout`.
    pub fn deployed(layout: &Layout) -> anyhow::Result<Self> {
        Self::new(rules::event_rules(layout).context(UNREADABLE)?)
    }

    /// The rules of a list in the form of `infra/event-rules.json`.
    pub fn parse(text: &str, layout: &Layout) -> anyhow::Result<Self> {
        Self::new(rules::event_rules_from(text, layout).context(UNREADABLE)?)
    }

    /// A matcher for `rules`.
    pub fn new(rules: Vec<EventRule>) -> anyhow::Result<Self> {
        let mut matcher = Quamina::new();
        for (index, rule) in rules.iter().enumerate() {
            let added = matcher.add_pattern(index, &rule.pattern.to_string());
            added.map_err(|problem| {
                let name = &rule.name;
                anyhow!("the pattern of rule `{name}` cannot be used: {problem}")
            })?;
        }
        Ok(Self { rules, matcher })
    }

    /// All rules, in the order of the list.
    pub fn rules(&self) -> &[EventRule] {
        &self.rules
    }

    /// The rules that match `event`, in the order of the list. Anything but an object matches none.
    pub fn matching(&self, event: &Value) -> Vec<&EventRule> {
        // The matcher refuses anything but an object, as EventBridge does.
        let found = self.matcher.matches_for_event(event.to_string().as_bytes());
        let mut found = found.unwrap_or_default();
        found.sort_unstable();
        let found = found.into_iter();
        found.filter_map(|index| self.rules.get(index)).collect()
    }

    /// Why no rule matches: the rule that lacks least, and what it lacks.
    pub fn closest(&self, event: &Value) -> Option<Mismatch> {
        self.rules
            .iter()
            .map(|rule| Mismatch {
                rule: rule.name.clone(),
                fields: mismatches(&rule.pattern, event),
            })
            .min_by_key(|mismatch| mismatch.fields.len())
    }
}

/// A rule that does not match an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The rule's name.
    pub rule: String,
    /// The fields that do not match: what the event has, and what the rule asks for.
    pub fields: Vec<String>,
}

/// The fields of a pattern that `event` does not match, each judged by a pattern of its own.
fn mismatches(pattern: &Value, event: &Value) -> Vec<String> {
    let mut fields = Vec::new();
    leaves(pattern, &mut Vec::new(), &mut fields);
    let text = event.to_string();
    fields
        .into_iter()
        .filter(|(path, matchers)| !matches_alone(path, matchers, &text))
        .map(|(path, matchers)| {
            let found = match path.iter().try_fold(event, |at, key| at.get(key)) {
                Some(value) => format!("is {}", quotable(&value.to_string())),
                None => "is missing".to_owned(),
            };
            let wanted: Vec<String> = matchers.iter().map(describe).collect();
            format!(
                "{} {found}; the rule asks for {}{}",
                path.join("."),
                wanted.join(" or "),
                glob_advice(&matchers)
            )
        })
        .collect()
}

fn leaves(pattern: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Vec<Value>)>) {
    match pattern {
        Value::Object(fields) => {
            for (key, field) in fields {
                path.push(key.clone());
                leaves(field, path, found);
                path.pop();
            }
        }
        Value::Array(matchers) => found.push((path.clone(), matchers.clone())),
        _ => {}
    }
}

fn matches_alone(path: &[String], matchers: &[Value], event: &str) -> bool {
    let pattern = path
        .iter()
        .rev()
        .fold(Value::from(matchers.to_vec()), |inner, key| {
            Value::Object(Map::from_iter([(key.clone(), inner)]))
        });
    let mut matcher = Quamina::new();
    matcher.add_pattern((), &pattern.to_string()).is_ok()
        && matcher.has_matches(event.as_bytes()).unwrap_or(false)
}

fn describe(matcher: &Value) -> String {
    let operator = matcher.as_object().and_then(|object| object.iter().next());
    let Some((operator, value)) = operator else {
        return format!("exactly {matcher}");
    };
    match operator.as_str() {
        "prefix" | "suffix" | "wildcard" => format!("the {operator} {value}"),
        "anything-but" => format!("anything but {value}"),
        "equals-ignore-case" => format!("{value} in any letter case"),
        _ => matcher.to_string(),
    }
}

/// The mistake that is easiest to make: a plain string is compared character by character, so
/// that a `*` in it stands for itself,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
fn glob_advice(matchers: &[Value]) -> String {
    let mut texts = matchers.iter().filter_map(Value::as_str);
    let Some(glob) = texts.find(|text| text.contains('*')) else {
        return String::new();
    };
    let instead = match glob.strip_suffix('*') {
        Some(prefix) if !prefix.contains('*') => json!({ "prefix": prefix }),
        _ => json!({ "wildcard": glob }),
    };
    format!(
        ". A plain string is compared character by character, and `*` stands only for itself: \
         write {instead}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, pattern: Value) -> EventRule {
        EventRule {
            name: name.into(),
            description: String::new(),
            function: "policy-formatter".into(),
            vault: "parameter-store".into(),
            pattern,
        }
    }

    #[test]
    fn the_closest_rule_is_the_one_that_lacks_least() {
        let rules = RuleSet::new(vec![
            rule("far", json!({"source": ["a"], "detail": {"x": ["1"]}})),
            rule(
                "near",
                json!({"source": ["b"], "detail": {"x": [{"prefix": "2"}]}}),
            ),
        ])
        .unwrap();
        let event = json!({"source": "b", "detail": {"x": "3"}});
        assert!(rules.matching(&event).is_empty());
        let closest = rules.closest(&event).unwrap();
        assert_eq!(closest.rule, "near");
        assert_eq!(
            closest.fields,
            [r#"detail.x is "3"; the rule asks for the prefix "2""#]
        );
    }

    #[test]
    fn a_glob_in_a_plain_string_matches_nothing_and_is_explained() {
        let pattern = json!({"detail": {"parameter-name": ["/my-erp/*"]}});
        let rules = RuleSet::new(vec![rule("glob", pattern)]).unwrap();
        let event = json!({"detail": {"parameter-name": "/my-erp/lwa/clientsecret"}});
        assert!(rules.matching(&event).is_empty());
        let text = rules.closest(&event).unwrap().fields[0].clone();
        assert!(
            text.ends_with(r#"stands only for itself: write {"prefix":"/my-erp/"}"#),
            "{text}"
        );
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_by_name() {
        let error = RuleSet::new(vec![rule("bad", json!({"source": "aws.ssm"}))])
            .err()
            .unwrap();
        assert!(
            error.to_string().starts_with("the pattern of rule `bad`"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_object_matches_no_rule() {
        let rules = RuleSet::new(vec![rule("any", json!({"source": [{"exists": false}]}))]);
        for event in [json!(null), json!([1]), json!("text"), json!(1)] {
            assert!(rules.as_ref().unwrap().matching(&event).is_empty());
        }
    }
}
