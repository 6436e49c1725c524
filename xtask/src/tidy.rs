//! House rules, as ordinary tests.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::tree;

/// What no file may contain: paths of one machine, and package registries other than the public ones.
const NOT_IN_ANY_FILE: &[&str] = &[
    "/root/",
    "/home/",
    "/Users/",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--trusted-host",
];

/// What no Rust file may contain, with what to write instead.
const NOT_IN_RUST: &[(&str, &str)] = &[
    ("todo!(", "do it, or leave it out"),
    ("unimplemented!(", "do it, or leave it out"),
    ("#[ignore", "a test runs, or is deleted"),
    ("#[allow(", "`#[expect(…, reason = \"…\")]`"),
    ("#![allow(", "`#![expect(…, reason = \"…\")]`"),
];

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

#[test]
fn every_member_inherits_its_metadata_lints_and_dependencies() {
    let members = members();
    assert!(members.len() >= 7, "members were overlooked: {members:?}");
    let problems: Vec<String> = members
        .iter()
        .flat_map(|manifest| {
            let text = read(manifest);
            let parsed: Table = text
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
            problems_of_manifest(&parsed)
                .into_iter()
                .map(|problem| format!("{}: {problem}", manifest.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_manifest_that_inherits_nothing_is_noticed_in_every_part() {
    let manifest = r#"
        [package]
        name = "example"
        edition = "2021"
        [dependencies]
        serde = "1"
        tokio = { workspace = true, features = ["rt"] }
        [target.'cfg(unix)'.dev-dependencies]
        libc = { version = "0.2" }
    "#;
    let mut expected: Vec<String> = INHERITED
        .iter()
        .map(|key| format!("`{key}.workspace = true` is missing"))
        .collect();
    expected.extend([
        "`[lints] workspace = true` is missing".to_owned(),
        "`description` is missing".to_owned(),
        "serde must be `serde.workspace = true`".to_owned(),
        "libc must be `libc.workspace = true`".to_owned(),
    ]);
    assert_eq!(problems_of_manifest(&manifest.parse().unwrap()), expected);
}

#[test]
fn no_file_names_a_machine_or_a_private_registry() {
    // Wherever this checkout is, its files do not say so.
    let checkout = tree::root().to_string_lossy().into_owned();
    let found = find(|file, line| {
        // The lists above, and the lock file, are the places that must.
        let exempt = file.ends_with("tidy.rs") || file.ends_with("Cargo.lock");
        let word = NOT_IN_ANY_FILE
            .iter()
            .copied()
            .chain([&*checkout])
            .find(|word| line.contains(word))?;
        (!exempt && !inside_address(line, word))
            .then(|| format!("`{word}` is not for the repository"))
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn no_rust_file_has_unfinished_or_silenced_code() {
    let found = find(|file, line| {
        let rust = file.extension().is_some_and(|extension| extension == "rs");
        let (word, instead) = NOT_IN_RUST.iter().find(|(word, _)| line.contains(word))?;
        (rust && !file.ends_with("tidy.rs")).then(|| format!("`{word}` is not allowed: {instead}"))
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn text_files_end_their_lines_plainly() {
    let found = find(|file, line| {
        // Two spaces at the end of a snapshot's or an event's line may be what is tested.
        let ours = ["rs", "toml", "py", "md", "ts"];
        let checked = file
            .extension()
            .is_some_and(|extension| ours.iter().any(|one| extension == *one));
        (checked && line.ends_with([' ', '\t', '\r'])).then(|| "white space at the end".to_owned())
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn links_in_markdown_lead_to_files_of_the_repository() {
    let found: Vec<String> = files()
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "md"))
        .flat_map(|file| {
            local_links(&read(file))
                .into_iter()
                .filter(|link| !leads_into_repository(file, link))
                .map(|link| format!("{}: `{link}` leads nowhere", file.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn links_are_found_outside_code_and_without_their_anchors() {
    let text = "[a](b.md#c) ![d](e/f.svg) [g](https://example.com) [h](#i) `[j](k)`\n\
                ```\n[l](m)\n```\n[n]: o.md\n[p](<q r.md> \"title\")\n";
    assert_eq!(local_links(text), ["b.md", "e/f.svg", "o.md", "q r.md"]);
    let readme = tree::root().join("README.md");
    assert!(leads_into_repository(&readme, "xtask/src/tidy.rs"));
    assert!(!leads_into_repository(&readme, "xtask/src/none.rs"));
    assert!(
        !leads_into_repository(&readme, "../"),
        "a link must stay in the repository"
    );
}

#[test]
fn the_files_that_the_architecture_names_exist_and_a_secret_passes_few_of_them() {
    let text = read(&tree::root().join("ARCHITECTURE.md"));
    let is_path = |word: &&str| {
        let top = ["crates/", "events/", "infra/", "tests/", "xtask/"];
        top.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '<', ' '])
    };
    let named = |text: &str| -> Vec<String> {
        let quoted = text.split('`').skip(1).step_by(2);
        quoted.filter(is_path).map(str::to_owned).collect()
    };
    let gone = named(&text)
        .into_iter()
        .filter(|path| !tree::root().join(path).exists());
    assert_eq!(gone.collect::<Vec<_>>(), Vec::<String>::new());
    let (_, way) = text.split_once("## The way of a secret").unwrap();
    let (way, _) = way.split_once("\n## ").unwrap();
    let way = named(way);
    assert!((10..=15).contains(&way.len()), "{way:?}");
}

#[test]
fn every_threat_is_numbered_once_and_names_tests_that_exist() {
    let text = read(&tree::root().join("docs/threat-model.md"));
    let (threats, proofs) = text.split_once("\n## Proof\n").unwrap();
    let threats: Vec<String> = numbered_rows(threats)
        .into_iter()
        .map(|mut row| row.swap_remove(0))
        .collect();
    let consecutive: Vec<String> = (1..=threats.len()).map(|n| format!("T{n}")).collect();
    assert_eq!(threats, consecutive);

    let proofs = numbered_rows(proofs);
    let gone: Vec<_> = proofs
        .iter()
        .filter(|row| {
            let [_, place, name] = &row[..] else {
                return true;
            };
            let path = tree::root().join(place.trim_matches('`'));
            !path.is_file() || !has_test(&read(&path), name.trim_matches('`'))
        })
        .collect();
    assert_eq!(gone, Vec::<&Vec<String>>::new());

    let proven = |threat: &&String| proofs.iter().any(|row| row[0] == **threat);
    let unproven: Vec<_> = threats.iter().filter(|threat| !proven(threat)).collect();
    assert_eq!(unproven, Vec::<&String>::new());
}

#[test]
fn a_test_is_found_by_its_name_and_no_other_function_is_one() {
    let rust = "#[test]\nfn one() {}\n\nfn two() {}\n\n#[tokio::test]\nasync fn three() {}\n";
    assert!(has_test(rust, "one") && has_test(rust, "three"));
    assert!(!has_test(rust, "two") && !has_test(rust, "on"));
    let script = "  test(\"a key's owner\", () => {\n  test.each([1])(\"%s is\", (one) => {\n";
    assert!(has_test(script, "a key's owner") && has_test(script, "%s is"));
    assert!(!has_test(script, "a key"));
    let table = "| T1 | a | b |\n| # | c |\n| The | c |\n|---|---|\n| T2 | `d` |\n";
    assert_eq!(
        numbered_rows(table),
        [vec!["T1", "a", "b"], vec!["T2", "`d`"]]
    );
}

#[test]
fn each_call_to_a_vault_is_issued_from_one_place_and_each_label_is_written_once() {
    let product: Vec<(PathBuf, String)> = files()
        .into_iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "rs"))
        .filter(|file| {
            let path = file.strip_prefix(tree::root()).unwrap();
            let parts: Vec<_> = path.iter().collect();
            parts[0] == "crates" && parts[2] == "src"
        })
        .map(|file| {
            let text = read(&file);
            let code = text.split("#[cfg(test)]\nmod").next().unwrap().to_owned();
            (file, code)
        })
        .collect();
    for code in [
        ".describe_parameters()",
        ".get_parameters()",
        ".put_parameter()",
        ".list_secrets()",
        ".get_secret_value()",
        ".put_secret_value()",
        ".update_secret_version_stage()",
        "\"AWSCURRENT\"",
        "\"AWSPENDING\"",
        "\"AWSPREVIOUS\"",
    ] {
        let places: Vec<_> = product
            .iter()
            .filter(|(_, text)| text.contains(code))
            .map(|(file, text)| (file, text.matches(code).count()))
            .collect();
        assert!(matches!(places[..], [(_, 1)]), "{code}: {places:?}");
    }
}

/// The manifests that are no workspace's root: those of the workspace itself, and of the fuzz
/// targets, which must be one of their own.
fn members() -> Vec<PathBuf> {
    files()
        .into_iter()
        .filter(|file| file.file_name().is_some_and(|name| name == "Cargo.toml"))
        .filter(|file| !read(file).lines().any(|line| line == "[workspace]"))
        .collect()
}

fn problems_of_manifest(manifest: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    let package = manifest.get("package").and_then(Value::as_table);
    for key in INHERITED {
        if !package
            .and_then(|package| package.get(*key))
            .is_some_and(inherits)
        {
            problems.push(format!("`{key}.workspace = true` is missing"));
        }
    }
    if !manifest.get("lints").is_some_and(inherits) {
        problems.push("`[lints] workspace = true` is missing".to_owned());
    }
    if package.is_none_or(|package| !package.contains_key("description")) {
        problems.push("`description` is missing".to_owned());
    }
    for (name, value) in dependencies(manifest) {
        if !inherits(value) {
            problems.push(format!("{name} must be `{name}.workspace = true`"));
        }
    }
    problems
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// Those of all kinds, and for all targets.
fn dependencies(manifest: &Table) -> Vec<(&String, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = std::iter::once(manifest).chain(
        targets
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table),
    );
    tables
        .flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"]
                .into_iter()
                .filter_map(|kind| table.get(kind).and_then(Value::as_table))
                .flatten()
        })
        .collect()
}

/// The cells of all rows of Markdown tables whose first cell is a threat's number.
fn numbered_rows(markdown: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let row = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
        let number = cells[0].strip_prefix('T')?;
        number.parse::<u32>().is_ok().then_some(cells)
    };
    markdown.lines().filter_map(cells).collect()
}

/// Whether the text of a file has a test of this name: a function in Rust, a sentence in TypeScript.
fn has_test(text: &str, name: &str) -> bool {
    let in_rust = text
        .split_once(&format!("fn {name}("))
        .and_then(|(before, _)| before.rsplit("\n\n").next())
        .is_some_and(|above| above.contains("#[test]") || above.contains("#[tokio::test"));
    in_rust || text.contains(&format!("(\"{name}\","))
}

/// Whether `word` is part of an address on the web, whose path is not one of this machine.
fn inside_address(line: &str, word: &str) -> bool {
    line.split_whitespace()
        .filter(|part| part.contains(word))
        .all(|part| part.contains("://"))
}

/// The problems of all lines of all text files, with their places.
fn find(problem: impl Fn(&Path, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files() {
        let bytes = std::fs::read(&file).unwrap();
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        for (index, line) in text.split('\n').enumerate() {
            if let Some(problem) = problem(&file, line) {
                found.push(format!("{}:{}: {problem}", file.display(), index + 1));
            }
        }
    }
    found
}

fn files() -> Vec<PathBuf> {
    tree::files(&tree::root()).unwrap()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The targets of links that are not addresses on the web, without their anchors.
fn local_links(markdown: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second part is between back quotes.
        let prose: String = line.split('`').step_by(2).collect();
        let definition = prose
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        links.extend(definition.map(|(_, target)| target.to_owned()));
        links.extend(
            prose
                .split("](")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())),
        );
    }
    links
        .iter()
        .map(|target| {
            match target
                .strip_prefix('<')
                .and_then(|rest| rest.split_once('>'))
            {
                Some((target, _)) => target,
                None => target.split(' ').next().unwrap_or_default(),
            }
        })
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .filter(|target| !target.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

fn leads_into_repository(from: &Path, link: &str) -> bool {
    let Ok(root) = tree::root().canonicalize() else {
        return false;
    };
    let target = from.parent().unwrap_or(from).join(link);
    target
        .canonicalize()
        .is_ok_and(|target| target.starts_with(root))
}
