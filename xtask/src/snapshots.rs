//! Snapshots that no test reads any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tree;

/// Let the tests that `command` runs write down which snapshots they read, into the returned file.
/// The variable is the one `cargo insta test --unreferenced` uses:
/// <https://github.com/mitsuhiko/insta/blob/master/insta/src/env.rs>.
pub(crate) fn record(command: &mut Command) -> Result<PathBuf> {
    let folder = tree::root().join("target/xtask");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let references = folder.join(format!("snapshots-{}", std::process::id()));
    std::fs::write(&references, "")
        .with_context(|| format!("{} cannot be written", references.display()))?;
    command.env("INSTA_SNAPSHOT_REFERENCES_FILE", &references);
    Ok(references)
}

/// Fail if the repository has snapshots that are not in the file which [`record`] named, and
/// remove that file.
pub(crate) fn reject_unused(references: &Path) -> Result<()> {
    let text = std::fs::read_to_string(references)
        .with_context(|| format!("{} cannot be read", references.display()))?;
    std::fs::remove_file(references)
        .with_context(|| format!("{} cannot be removed", references.display()))?;
    let unused = unused(&text, tree::files(&tree::root())?);
    if unused.is_empty() {
        return Ok(());
    }
    bail!(
        "no test reads these snapshots; delete them:\n{}",
        unused.join("\n")
    )
}

fn unused(references: &str, files: Vec<PathBuf>) -> Vec<String> {
    let used: BTreeSet<PathBuf> = references
        .lines()
        .map(|line| std::fs::canonicalize(line).unwrap_or_else(|_| PathBuf::from(line)))
        .collect();
    files
        .into_iter()
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "snap")
        })
        .filter(|file| {
            !used.contains(&std::fs::canonicalize(file).unwrap_or_else(|_| file.clone()))
        })
        .map(|file| format!("  {}", file.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::unused;

    #[test]
    fn only_snapshots_that_no_test_read_are_unused() {
        let files = ["/a/used.snap", "/a/stale.snap", "/a/source.rs"].map(PathBuf::from);
        assert_eq!(
            unused("/a/used.snap\n/a/used.snap\n", files.into()),
            ["  /a/stale.snap"]
        );
    }
}
