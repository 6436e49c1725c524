//! Commands in the workspace's root.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::tree;

/// A Cargo command in the workspace's root, as if typed in a shell there.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = in_workspace(cargo);
    command.args(arguments);
    command
}

/// A program in the workspace's root, as if typed in a shell there.
pub(crate) fn in_workspace(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(tree::root());
    // Set by the Cargo that runs this program. Build scripts that watch them (`ring`) would run
    // again after each change between `cargo xtask` and `cargo`.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}
