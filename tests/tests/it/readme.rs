//! What README.md says is true, and the command lines in it and in docs/ can be typed.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use lwa_cli::Arguments;
use lwa_core::audit::findings::EXPLANATIONS;
use lwa_core::config::VARIABLES;
use lwa_core::tags;
use lwa_tests::binary;

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

#[test]
fn the_tags_table_lists_every_tag_that_is_read_or_written() {
    let text = readme();
    let names = table(&text, "<!-- tags:").into_iter().map(|row| {
        let name = row
            .strip_prefix("| `")
            .and_then(|row| row.split('`').next());
        name.unwrap_or_else(|| panic!("{row}"))
    });
    assert_eq!(names.collect::<Vec<_>>(), tags::ALL);
    // A tag of ours that is written anywhere else in the documents is one of them, too.
    for named in text.split("`lwa:").skip(1) {
        let name = format!("lwa:{}", named.split('`').next().unwrap());
        assert!(tags::ALL.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_command_line_in_the_documents_is_one_that_can_be_typed() {
    let mut checked = Vec::new();
    for (file, line) in command_lines() {
        for words in commands(&line) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["cargo", "run", "--", arguments @ ..] | ["lwa", arguments @ ..] => {
                    let arguments = [&["lwa"], arguments].concat();
                    if let Err(error) = Arguments::try_parse_from(&arguments) {
                        // Asking for help is no error.
                        assert_eq!(error.exit_code(), 0, "{file}: {line}\n{error}");
                    }
                    checked.push("lwa");
                }
                ["cargo", "xtask", arguments @ ..] => {
                    let mut xtask = Command::new(binary::path("xtask"));
                    let output = xtask.args(arguments).arg("--help").output().unwrap();
                    let stderr = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{file}: {line}\n{stderr}");
                    checked.push("xtask");
                }
                _ => {}
            }
        }
    }
    for program in ["lwa", "xtask"] {
        let found = checked.iter().filter(|known| **known == program).count();
        assert!(found > 1, "only {found} command lines of {program}");
    }
}

/// Every line of a console block in README.md and docs/, with the file it is in.
fn command_lines() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        files.push(entry.unwrap().path());
    }
    let mut lines = Vec::new();
    for file in files {
        if file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap().replace("\\\n", " ");
        for block in text.split("```console\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            let name = file.file_name().unwrap().display().to_string();
            lines.extend(block.lines().map(|line| (name.clone(), line.to_owned())));
        }
    }
    lines
}

/// The commands of one line of a shell, as words: without a prompt, variables, redirections and
/// comments.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut words = words(line.trim_start_matches("$ ")).into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "#" => break,
            "<" | ">" => {
                words.next();
            }
            "|" | "&&" | ";" => commands.push(Vec::new()),
            _ => {
                let command = commands.last_mut().unwrap();
                let is_variable = command.is_empty()
                    && word.split_once('=').is_some_and(|(name, _)| {
                        name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
                    });
                if !is_variable {
                    command.push(word);
                }
            }
        }
    }
    commands
}

/// Words at spaces, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn a_line_of_a_shell_is_taken_apart_as_a_shell_does() {
    assert_eq!(
        commands("$ A=1 lwa token < in --show | sed 's/^/x: /' > out # not this"),
        [vec!["lwa", "token", "--show"], vec!["sed", "s/^/x: /"]]
    );
}
