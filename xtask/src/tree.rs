//! The files of the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the workspace: this crate's folder is right below it.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// All files below `folder`, sorted, without what is built, downloaded or Git's own.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("{} cannot be read", folder.display()))?;
            let kind = entry
                .file_type()
                .with_context(|| format!("{} cannot be read", entry.path().display()))?;
            // In a linked worktree `.git` is a file.
            if is_not_ours(&entry.file_name().to_string_lossy()) {
                continue;
            }
            if kind.is_file() {
                found.push(entry.path());
            } else if kind.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_not_ours(name: &str) -> bool {
    matches!(
        name,
        ".git" | "target" | "node_modules" | "cdk.out" | "__pycache__"
    )
}
