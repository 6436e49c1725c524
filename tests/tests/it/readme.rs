//! What README.md says is true.

use std::fs;
use std::path::Path;

use lwa_core::audit::findings::EXPLANATIONS;
use lwa_core::config::VARIABLES;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The rows of the table that follows a marker, without its head.
fn table<'a>(text: &'a str, marker: &str) -> Vec<&'a str> {
    let after = text
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker}"))
        .1;
    let rows = after
        .lines()
        .skip(1)
        .skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .collect()
}

#[test]
fn the_configuration_table_lists_every_variable_as_the_code_has_it() {
    let expected: Vec<String> = VARIABLES
        .iter()
        .map(|variable| {
            let default = match variable.default {
                None => "required".to_owned(),
                Some(words @ ("none" | "from `SP_API_REGION`")) => words.to_owned(),
                Some(value) => format!("`{value}`"),
            };
            let (name, used_by) = (variable.name, variable.used_by);
            format!(
                "| `{name}` | {used_by} | {default} | {} |",
                variable.meaning.trim()
            )
        })
        .collect();
    let text = readme();
    let found = table(&text, "<!-- configuration:");
    assert_eq!(
        found,
        expected,
        "the table should be:\n{}",
        expected.join("\n")
    );
}

#[test]
fn the_findings_table_lists_every_finding_as_the_code_has_it() {
    let expected: Vec<String> = EXPLANATIONS
        .iter()
        .map(|finding| {
            format!(
                "| `{}` | {} | {} | {} | {} |",
                finding.code, finding.title, finding.severity, finding.meaning, finding.remedy
            )
        })
        .collect();
    let text = readme();
    let found = table(&text, "<!-- findings:");
    assert_eq!(
        found,
        expected,
        "the table should be:\n{}",
        expected.join("\n")
    );
}
