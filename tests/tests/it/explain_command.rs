//! `lwa explain` through the real binary.

use lwa_core::audit::findings::EXPLANATIONS;
use serde_json::Value;

use crate::cli::{run, shown, text};

#[test]
fn a_finding_is_explained_at_80_columns() {
    insta::assert_snapshot!("explain_one", shown(&run(&["explain", "lwa005"])));
    let all = run(&["explain"]);
    assert_eq!(all.status.code(), Some(0));
    for line in text(&all.stdout).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for explanation in EXPLANATIONS {
        let heading = format!("{}  {}\n", explanation.code, explanation.title);
        assert!(text(&all.stdout).contains(&heading), "{heading}");
    }
}

#[test]
fn json_has_every_finding_or_the_one_that_was_asked_for() {
    let all: Value = serde_json::from_slice(&run(&["explain", "--json"]).stdout).unwrap();
    assert_eq!(all.as_array().unwrap().len(), EXPLANATIONS.len());
    let one = run(&["explain", "LWA009", "--json"]);
    let one: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(one, all[8]);
    for key in ["code", "title", "severity", "meaning", "why", "remedy"] {
        assert!(
            one[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}"
        );
    }
}

#[test]
fn an_unknown_code_is_answered_with_the_known_ones() {
    let output = run(&["explain", "LWA099"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("there are LWA001, LWA002"), "{stderr}");
}
