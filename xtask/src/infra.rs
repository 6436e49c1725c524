//! The CDK app in `infra/`: what it needs, what it makes, and its own checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::{steps, tree};

/// The oldest version that the pinned packages support.
const OLDEST_NODE: u32 = 20;

/// Templates made from settings whose prefix is the one that the sample events are about.
const MATCHED: &[&str] = &["parameter-store", "secrets-manager", "both"];

/// Where the tests find templates and policies: made if they are missing or older than the app.
pub(crate) fn templates() -> Result<PathBuf> {
    node_modules()?;
    let infra = tree::root().join("infra");
    let folder = tree::root().join("target/infra/templates");
    // Written last, so it is there only if everything was.
    let stamp = folder.join("made");
    if let Some(made) = modified(&stamp) {
        let files = tree::files(&infra)?;
        if !files
            .iter()
            .any(|file| modified(file).is_none_or(|changed| changed >= made))
        {
            return Ok(folder);
        }
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let mut make = npm();
    make.args(["run", "--silent", "templates", "--"])
        .arg(&folder);
    steps::run(
        "templates",
        make,
        "cd infra && npm run templates -- ../target/infra/templates",
    )?;
    fs::write(&stamp, "").with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(folder)
}

/// The app's own tests, and what other tools say of its templates.
pub(crate) fn check(python: &Path, templates: &Path) -> Result<()> {
    let mut test = npm();
    test.args(["run", "--silent", "test"]);
    steps::run("infra's tests", test, "cd infra && npm test")?;

    let files = |suffix: &str| -> Result<Vec<PathBuf>> {
        let found: Vec<PathBuf> = tree::files(templates)?
            .into_iter()
            .filter(|file| file.to_string_lossy().ends_with(suffix))
            .collect();
        if found.is_empty() {
            bail!("{} has no {suffix}", templates.display());
        }
        Ok(found)
    };
    let mut matcher = Command::new(python);
    matcher
        .current_dir(tree::root())
        .args(["infra/test/match_events.py", "events"])
        .args(
            MATCHED
                .iter()
                .map(|name| templates.join(format!("{name}.template.json"))),
        );
    steps::run(
        "event patterns",
        matcher,
        "target/venv/bin/python infra/test/match_events.py events target/infra/templates/both.template.json",
    )?;

    let mut lint = Command::new(python.with_file_name("cfn-lint"));
    // W3005 is about a `DependsOn` that the CDK writes although a reference implies it.
    lint.current_dir(tree::root())
        .args(["--ignore-checks", "W3005", "--"])
        .args(files(".template.json")?);
    steps::run(
        "cfn-lint",
        lint,
        "target/venv/bin/cfn-lint --ignore-checks W3005 -- target/infra/templates/*.template.json",
    )
}

/// Install what `package-lock.json` says, if that has changed since it was last installed.
fn node_modules() -> Result<()> {
    require_node()?;
    let infra = tree::root().join("infra");
    let lock_file = infra.join("package-lock.json");
    let wanted = fs::read_to_string(&lock_file)
        .with_context(|| format!("{} cannot be read", lock_file.display()))?;

    let target = tree::root().join("target");
    fs::create_dir_all(&target).with_context(|| format!("{} cannot be made", target.display()))?;
    // Two runs at once must not install into each other. Closing the file ends the lock.
    let lock = fs::File::create(target.join("npm.lock")).context("npm.lock cannot be made")?;
    lock.lock().context("npm.lock cannot be locked")?;

    let stamp = infra.join("node_modules/installed-package-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut install = npm();
    install.args(["ci", "--no-audit", "--no-fund"]);
    steps::run("infra's packages", install, "cd infra && npm ci")?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(tree::root().join("infra"));
    command
}

fn require_node() -> Result<()> {
    let output = Command::new("node").arg("--version").output();
    let version = output.ok().and_then(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        parse_version(&text)
    });
    let has_npm = Command::new("npm")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    match version {
        Some(major) if major >= OLDEST_NODE && has_npm => Ok(()),
        Some(major) if major < OLDEST_NODE => bail!(
            "`node` is version {major} and infra/ needs {OLDEST_NODE} or newer; install it and put it first in PATH"
        ),
        _ => bail!(
            "`node` or `npm` is missing and infra/ needs both; install Node {OLDEST_NODE} or newer"
        ),
    }
}

fn parse_version(text: &str) -> Option<u32> {
    text.trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(parse_version("v20.20.2\n"), Some(20));
        assert_eq!(parse_version("20"), None);
        assert_eq!(parse_version("node: not found"), None);
    }
}
