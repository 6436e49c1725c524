//! Writes the seeds into a folder, and the names of the targets to standard output, for
//! `cargo xtask fuzz`.
//!
//! Arguments: the folder of the sample events, and the folder to write to.

#![expect(
    clippy::print_stdout,
    reason = "a command speaks on its standard output"
)]

use std::io::{Error, Result};
use std::path::Path;

use lwa_fuzz_targets::{TARGETS, seeds};

fn main() -> Result<()> {
    let folders: Vec<_> = std::env::args_os().skip(1).collect();
    let [events, folder] = &folders[..] else {
        return Err(Error::other(
            "give the folder of the events and the one to write to",
        ));
    };
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    for (number, seed) in seeds::all(Path::new(events))?.iter().enumerate() {
        std::fs::write(folder.join(number.to_string()), seed)?;
    }
    for target in TARGETS {
        println!("{}", target.name);
    }
    Ok(())
}
