//! What shells and `man` get from the command, through the real binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn lwa(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lwa"));
    command.args(arguments).env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// Every subcommand that `lwa --help` lists.
fn subcommands() -> Vec<String> {
    let help = lwa(&["--help"]);
    let names: Vec<String> = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(names.iter().any(|name| name == "replay"), "{names:?}");
    names
}

#[test]
fn every_shell_gets_a_script_that_knows_every_subcommand() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = lwa(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(output.stderr.is_empty(), "{shell}");
        let script = text(&output.stdout);
        for name in subcommands() {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        assert!(script.contains("force-refresh"), "{shell}");
    }
}

#[test]
fn bash_completes_a_subcommand_and_its_options() {
    let script = lwa(&["completions", "bash"]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lwa.bash");
    fs::write(&file, script).unwrap();
    let check = |words: &str, expected: &str| {
        let last = words.split(' ').count() - 1;
        let program = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={last}; \
             _lwa lwa \"${{COMP_WORDS[{last}]}}\" lwa; echo \"${{COMPREPLY[*]}}\"",
            file.display()
        );
        let output = Command::new("bash")
            .args(["-c", &program])
            .output()
            .unwrap();
        assert_eq!(text(&output.stdout).trim(), expected, "{words}: {output:?}");
    };
    check("lwa repl", "replay");
    check("lwa replay --publ", "--publish");
    check("lwa nothing-like", "");
}

#[test]
fn every_subcommand_has_a_manual_page_with_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("share/man1");
    let output = lwa(&["man", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("lwa.1").contains(".SH NAME\nlwa \\- Keeps integrations"));
    let names = subcommands();
    for name in &names {
        let page = page(&format!("lwa-{name}.1"));
        assert!(
            page.contains(&format!(".SH NAME\nlwa\\-{name} \\- ")),
            "{name}"
        );
        assert!(page.contains(&format!("Examples:\n  lwa {name}")), "{name}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), names.len() + 1);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml/man");
    let output = lwa(&["man", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(
        complaint.contains("Cargo.toml/man cannot be created"),
        "{complaint}"
    );
}
