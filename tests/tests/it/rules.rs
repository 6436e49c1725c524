//! The matcher that replay uses, held against another one: moto's, which agreed with AWS's own
//! engine wherever the two were compared. And the rules, held against the sample events.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use lwa_cli::replay::RuleSet;
use lwa_core::Layout;
use lwa_core::config::Lookup;
use lwa_core::rules::EventRule;
use serde_json::{Value, json};

use crate::scenarios::{name, samples};

/// Reads patterns and events, and writes for each event which patterns match it.
const MOTO: &str = "
import json, sys
from moto.events.models import EventPattern, EventPatternParser
given = json.load(sys.stdin)
patterns = [EventPattern(json.dumps(p), EventPatternParser(json.dumps(p)).parse()) for p in given['patterns']]
json.dump([[bool(p.matches_event(e)) for p in patterns] for e in given['events']], sys.stdout)
";

fn layout(prefixes: &str) -> Layout {
    let get = |name: &str| (name == "LWA_PARAMETER_PREFIX").then(|| prefixes.to_owned());
    Lookup::new(get).layout().unwrap()
}

fn rule(pattern: Value) -> EventRule {
    EventRule {
        name: pattern.to_string(),
        description: String::new(),
        function: "policy-formatter".into(),
        vault: "parameter-store".into(),
        pattern,
    }
}

/// The sample events that are JSON objects, by name.
fn events() -> Vec<(String, Value)> {
    samples()
        .iter()
        .filter_map(|input| {
            let bytes = std::fs::read(input.event.as_ref().unwrap()).unwrap();
            let event: Value = serde_json::from_slice(&bytes).ok()?;
            event.is_object().then(|| (name(input), event))
        })
        .collect()
}

fn moto(patterns: &[Value], events: &[&Value]) -> Vec<Vec<bool>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/venv/bin/python");
    assert!(
        python.exists(),
        "there is no {}; `cargo xtask test` makes it",
        python.display()
    );
    let mut child = Command::new(python)
        .args(["-c", MOTO])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"patterns": patterns, "events": events}).to_string();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(given.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn deployed(prefixes: &str) -> Vec<EventRule> {
    lwa_core::rules::event_rules(&layout(prefixes)).unwrap()
}

#[test]
fn both_matchers_agree_about_every_rule_and_every_sample_event() {
    let mut rules: Vec<EventRule> = ["/my-erp", "/my-erp,/billing", "/my-erp/eu", "/my-erp2"]
        .iter()
        .flat_map(|prefixes| deployed(prefixes))
        .collect();
    let name = |matcher: Value| json!({"detail": {"parameter-name": [matcher]}});
    rules.extend(
        [
            name(json!("/my-erp/*")),
            name(json!("/my-erp/lwa/clientsecret")),
            name(json!({"prefix": "/my-erp/"})),
            name(json!({"prefix": "/MY-ERP/"})),
            name(json!({"suffix": "/lwa/clientsecret"})),
            name(json!({"wildcard": "/my-erp/*"})),
            name(json!({"wildcard": "*/lwa/client*"})),
            name(json!({"wildcard": "/my-erp/*/lwa/clientsecret"})),
            name(json!({"anything-but": ["/my-erp/lwa/clientsecret"]})),
            name(json!({"equals-ignore-case": "/MY-ERP/LWA/CLIENTSECRET"})),
            name(json!({"exists": true})),
            name(json!({"exists": false})),
            json!({"detail": {"action-status": [{"equals-ignore-case": "success"}]}}),
            json!({"source": ["aws.ssm", "aws.secretsmanager"]}),
        ]
        .map(rule),
    );
    let events = events();
    let patterns: Vec<Value> = rules.iter().map(|rule| rule.pattern.clone()).collect();
    let plain: Vec<&Value> = events.iter().map(|(_, event)| event).collect();
    let theirs = moto(&patterns, &plain);

    let (mut matched, mut compared) = (0, 0);
    let mut differences = Vec::new();
    let matchers: Vec<RuleSet> = rules
        .iter()
        .map(|rule| RuleSet::new(vec![rule.clone()]).unwrap())
        .collect();
    for ((name, event), theirs) in events.iter().zip(&theirs) {
        for ((rule, matcher), theirs) in rules.iter().zip(&matchers).zip(theirs) {
            let ours = !matcher.matching(event).is_empty();
            compared += 1;
            matched += usize::from(ours);
            if ours != *theirs && !(ours && moto_stops_at_a_line_break(name, &rule.pattern)) {
                differences.push(format!("{name}, {}: ours {ours}", rule.pattern));
            }
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    assert!(compared > 1_500, "only {compared} comparisons");
    assert!(matched > 300, "only {matched} matches");
}

/// moto's `*` ends where a line does, because it is a regular expression of Python's; a name
/// with a line break cannot exist. Nothing else may differ.
fn moto_stops_at_a_line_break(name: &str, pattern: &Value) -> bool {
    name == "hostile/control-characters-in-name" && pattern.to_string().contains("wildcard")
}

#[test]
fn a_plain_string_with_an_asterisk_matches_no_event_at_all() {
    let glob = json!({"source": ["aws.ssm"], "detail": {"parameter-name": ["/my-erp/*"]}});
    let prefix =
        json!({"source": ["aws.ssm"], "detail": {"parameter-name": [{"prefix": "/my-erp/"}]}});
    let count = |pattern: &Value| {
        let rules = RuleSet::new(vec![rule(pattern.clone())]).unwrap();
        let events = events();
        let matched = events
            .iter()
            .filter(|(_, event)| !rules.matching(event).is_empty());
        matched.count()
    };
    assert_eq!(count(&glob), 0);
    assert!(count(&prefix) > 20, "what was meant matches many");
}

#[test]
fn policy_actions_below_the_prefix_and_changes_of_credentials_are_matched_by_exactly_one_rule() {
    let layout = layout("/my-erp");
    let rules = RuleSet::deployed(&layout).unwrap();
    let mut seen = 0;
    for (name, event) in events() {
        let (field, is_policy_action) = match event["detail-type"].as_str() {
            Some("Parameter Store Policy Action") => ("parameter-name", true),
            Some("Parameter Store Change") => ("name", false),
            _ => continue,
        };
        let Some(parameter) = event["detail"][field].as_str() else {
            continue;
        };
        let is_news = if is_policy_action {
            parameter.starts_with("/my-erp/")
        } else {
            layout.locate(parameter).is_some()
        };
        seen += 1;
        assert_eq!(rules.matching(&event).len(), usize::from(is_news), "{name}");
    }
    assert!(seen > 30, "only {seen} events");
}

#[test]
fn the_rule_of_test_messages_matches_them_alone() {
    for prefixes in ["/my-erp", "/billing"] {
        let rules = RuleSet::deployed(&layout(prefixes)).unwrap();
        let mut seen = 0;
        for (name, event) in events() {
            let matching = rules.matching(&event);
            let is_matched = matching.iter().any(|rule| rule.name == "test-messages");
            let is_test = event["source"] == "lwa" && event["detail-type"] == "LWA Test Message";
            assert_eq!(is_matched, is_test, "{name}");
            if is_test {
                seen += 1;
                assert_eq!(matching.len(), 1, "{name}");
            }
        }
        assert!(seen >= 3, "only {seen} events");
    }
    let rules = RuleSet::deployed(&layout("/my-erp")).unwrap();
    for (source, detail_type) in [("aws.ssm", "LWA Test Message"), ("lwa", "Another")] {
        let event = json!({"source": source, "detail-type": detail_type, "detail": {}});
        assert!(rules.matching(&event).is_empty(), "{event}");
    }
}

#[test]
fn a_change_is_news_if_the_name_is_that_of_a_credential_and_of_nothing_else() {
    const NAMES: [(&str, bool); 15] = [
        ("/my-erp/lwa/clientidentifier", true),
        ("/my-erp/lwa/clientsecret", true),
        ("/my-erp/refreshToken", true),
        ("/my-erp/sellers/A2EXAMPLE/refreshToken", true),
        ("/my-erp/eu/lwa/clientsecret", true),
        ("/my-erp/eu/sellers/A2EXAMPLE/refreshToken", true),
        ("/shop/eu/lwa/clientsecret", true),
        ("/my-erp/database/password", false),
        ("/my-erp/xlwa/clientsecret", false),
        ("/my-erp/lwa/clientsecret/old", false),
        ("/my-erp/lwa/clientsecret2", false),
        ("/my-erp/oldrefreshToken", false),
        ("/my-erp2/lwa/clientsecret", false),
        ("/shop/lwa/clientsecret", false),
        ("/lwa/clientsecret", false),
    ];
    let layout = layout("/my-erp,/shop/eu");
    let rules = RuleSet::deployed(&layout).unwrap();
    let events = NAMES.map(|(name, _)| change(name));
    let patterns: Vec<Value> = rules.rules().iter().map(|r| r.pattern.clone()).collect();
    let theirs = moto(&patterns, &events.each_ref());
    for (((name, is_news), event), theirs) in NAMES.iter().zip(&events).zip(theirs) {
        assert_eq!(!rules.matching(event).is_empty(), *is_news, "{name}");
        assert_eq!(theirs.contains(&true), *is_news, "moto: {name}");
        // The function would call it a credential in the same cases.
        assert_eq!(layout.locate(name).is_some(), *is_news, "{name}");
    }
}

/// A change of a parameter, as EventBridge delivers it.
fn change(name: &str) -> Value {
    json!({
        "source": "aws.ssm",
        "detail-type": "Parameter Store Change",
        "resources": [format!("arn:aws:ssm:us-east-2:111122223333:parameter{name}")],
        "detail": {"operation": "Update", "name": name, "type": "SecureString"},
    })
}

#[test]
fn every_rule_hands_over_to_a_function_that_exists_and_is_met_by_a_sample_event() {
    let rules = RuleSet::deployed(&layout("/my-erp")).unwrap();
    let events = events();
    for rule in rules.rules() {
        assert!(
            lwa_cli::replay::Function::named(&rule.function).is_some(),
            "{} names {}",
            rule.name,
            rule.function
        );
        let met = events
            .iter()
            .any(|(_, event)| rules.matching(event).contains(&rule));
        assert!(met, "no sample event for {}", rule.name);
    }
}
