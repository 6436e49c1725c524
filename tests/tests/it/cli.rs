//! The `lwa` command's help and its answers to wrong usage, through the real binary.

use std::path::Path;
use std::process::{Command, Output};

use lwa_tests::binary;

/// The real binary in the root of the workspace, where what it prints is piped.
pub(crate) fn lwa(arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(binary::path("lwa"));
    command.args(arguments).current_dir(root).env_clear();
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    lwa(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Exit code, then both outputs, as a snapshot shows them.
pub(crate) fn shown(output: &Output) -> String {
    let stderr = text(&output.stderr);
    let separator = if stderr.is_empty() {
        ""
    } else {
        "--- stderr\n"
    };
    format!(
        "exit code {}\n---\n{}{separator}{stderr}",
        output.status.code().unwrap(),
        text(&output.stdout)
    )
}

#[test]
fn help_is_complete_and_fits_into_80_columns() {
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_short", &["-h"]),
        ("help_replay", &["replay", "--help"]),
        ("help_replay_short", &["replay", "-h"]),
        ("help_audit", &["audit", "--help"]),
        ("help_audit_short", &["audit", "-h"]),
        ("help_explain", &["explain", "--help"]),
        ("help_token", &["token", "--help"]),
        ("help_token_short", &["token", "-h"]),
        ("help_rotate", &["rotate", "--help"]),
        ("help_rotate_short", &["rotate", "-h"]),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        insta::assert_snapshot!(name, help);
    }
}

#[test]
fn every_subcommand_has_examples() {
    let help = run(&["--help"]);
    let commands: Vec<&str> = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(commands.contains(&"replay"), "{commands:?}");
    for command in commands {
        let help = run(&[command, "--help"]);
        let examples = format!("Examples:\n  lwa {command}");
        assert!(text(&help.stdout).contains(&examples), "{command}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_a_hint() {
    for arguments in [
        &[][..],
        &["rplay"],
        &["replay"],
        &["replay", "events", "--function", "formatter"],
        &["replay", "events", "--now", "yesterday"],
        &["replay", "events", "--publish"],
        &["replay", "events", "--json", "--quiet"],
        &["replay", "no/such/file.json"],
        &["replay", "events", "--rules", "no/such/rules.json"],
        &["replay", "events", "--rules", "README.md"],
        &["replay", "crates/cli/src"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(
            ["tip:", "Usage:", "possible values", "write an instant"]
                .iter()
                .any(|hint| stderr.contains(hint)),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn a_secret_that_was_pasted_into_an_option_is_quoted_nowhere() {
    let bare = "b5f7f8".repeat(10);
    for secret in ["Atzr|planted-token", "amzn1.oa2-cs.v1.planted", &bare] {
        for arguments in [
            &["audit", "--vault", secret][..],
            &["audit", "--prefix", secret, "--format", secret],
            &["audit", "--endpoint-url", secret],
            &["audit", "--config", secret],
            &["audit", secret],
            &["explain", secret],
            &["token", "--application", secret],
            &["token", "--scope", secret, "--seller", secret],
            &["rotate", "--application", secret],
            &["replay", "--function", secret],
            &["replay", "--now", secret],
            &["simulate", "--seed", secret],
            &["doctor", "--region", secret, secret],
            &["store", "--vault", secret],
            &[secret],
        ] {
            let output = run(arguments);
            let said = shown(&output);
            assert_ne!(output.status.code(), Some(0), "{arguments:?}");
            assert!(!said.contains("planted"), "{arguments:?}: {said}");
            assert!(!said.contains(&bare), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn an_endpoint_with_a_user_name_in_it_is_refused() {
    let output = run(&[
        "audit",
        "--endpoint-url",
        "http://127.0.0.1:80@evil.example/",
    ]);
    let said = shown(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("write a URL without a user name"), "{said}");
}
