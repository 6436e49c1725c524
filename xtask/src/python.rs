//! The virtual environment of the emulators, and of tools that come as Python packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{steps, tree};

/// The oldest version that the pinned packages support.
const OLDEST_PYTHON: (u32, u32) = (3, 11);

/// The Python of `target/venv`, which has exactly what `tests/requirements.txt` says: made if it is
/// missing, and again when that file changes.
pub(crate) fn virtual_environment() -> Result<PathBuf> {
    let root = tree::root();
    let requirements = root.join("tests/requirements.txt");
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;

    let target = root.join("target");
    fs::create_dir_all(&target).with_context(|| format!("{} cannot be made", target.display()))?;
    // Two runs at once must not install into each other. Closing the file ends the lock.
    let lock = fs::File::create(target.join("venv.lock")).context("venv.lock cannot be made")?;
    lock.lock().context("venv.lock cannot be locked")?;

    let folder = target.join("venv");
    let python = folder.join("bin/python");
    // Written last, so it is there and equal only if everything was installed.
    let stamp = folder.join("installed-requirements.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }

    require_python()?;
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let mut create = Command::new("python3");
    create.arg("-m").arg("venv").arg(&folder);
    steps::run("venv", create, "python3 -m venv target/venv")?;
    steps::run(
        "Python packages",
        install(&python, &requirements),
        "cargo xtask emulators",
    )?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(python)
}

fn install(python: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        // Building from source would fetch build tools that nothing pins.
        .args([
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--requirement",
        ])
        .arg(requirements);
    command
}

fn require_python() -> Result<()> {
    let (major, minor) = OLDEST_PYTHON;
    let found = ask_python("import sys; print(*sys.version_info[:2])").with_context(|| {
        format!(
            "`python3` is missing, and the AWS emulators and the checks of dependencies need it; install Python {major}.{minor} or newer"
        )
    })?;
    let version = parse_version(&found)
        .with_context(|| format!("`python3` gave its version as `{}`", found.trim()))?;
    if version < OLDEST_PYTHON {
        bail!(
            "`python3` is version {}.{} and the AWS emulators and the checks of dependencies need {major}.{minor} or newer; install it and put it first in PATH",
            version.0,
            version.1
        );
    }
    ask_python("import venv, ensurepip").context(
        "Python's `venv` module is missing; install it (on Debian and Ubuntu: `apt install python3-venv`)",
    )?;
    Ok(())
}

fn ask_python(program: &str) -> Result<String> {
    let output = Command::new("python3").arg("-c").arg(program).output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{}",
            error.trim().lines().last().unwrap_or_default().to_owned()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_PYTHON, parse_version};

    #[test]
    fn python_versions_compare_as_numbers() {
        assert!(parse_version("3 9\n").unwrap() < OLDEST_PYTHON);
        assert!(parse_version("3 11\n").unwrap() >= OLDEST_PYTHON);
        assert_eq!(parse_version("Python"), None);
    }
}
