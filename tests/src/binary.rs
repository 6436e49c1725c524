//! The workspace's own binaries, as Cargo built them.

use std::fs;
use std::path::{Path, PathBuf};

/// The binary `name` that was built with the running test: the one next to the test's own folder
/// (`target/debug/` for a test in `target/debug/deps/`), and no other.
///
/// # Panics
///
/// If it is missing, or older than a source file it was built from: then the test would prove
/// something about yesterday's program.
pub fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test should know its own executable");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("Cargo should have put the test two folders below the target folder");
    let binary = folder.join(name);
    let Some(built) = modified(&binary) else {
        panic!(
            "there is no {}; `cargo build --workspace --bins` builds it, and `cargo xtask test` does both",
            binary.display()
        );
    };
    // Cargo lists the sources of a binary, with those of the workspace's libraries it links.
    let list = fs::read_to_string(folder.join(format!("{name}.d"))).unwrap_or_default();
    for source in sources(&list) {
        assert!(
            modified(Path::new(&source)).is_none_or(|changed| changed <= built),
            "{} is older than {source}; `cargo build --workspace --bins` builds it again, and `cargo xtask test` does both",
            binary.display()
        );
    }
    binary
}

fn modified(file: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}

/// The files after the colon in a rule of Make, where a space in a name is escaped.
fn sources(list: &str) -> Vec<String> {
    let Some((_, sources)) = list.split_once(": ") else {
        return Vec::new();
    };
    sources
        .trim()
        .replace("\\ ", "\0")
        .split(' ')
        .filter(|source| !source.is_empty())
        .map(|source| source.replace('\0', " "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{path, sources};

    #[test]
    fn sources_with_spaces_in_their_names_are_read_whole() {
        assert_eq!(
            sources("/t/lwa: /a/main.rs /b\\ c/lib.rs\n"),
            ["/a/main.rs", "/b c/lib.rs"]
        );
        assert!(sources("").is_empty());
    }

    #[test]
    #[should_panic(expected = "cargo build --workspace --bins")]
    fn a_missing_binary_names_the_command_that_builds_it() {
        path("never-built");
    }
}
