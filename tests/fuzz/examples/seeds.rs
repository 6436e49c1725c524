//! Writes the seeds into a folder, for `cargo xtask fuzz`.
//!
//! Arguments: the folder of the sample events, and the folder to write to.

use std::io::{Error, Result};
use std::path::Path;

fn main() -> Result<()> {
    let folders: Vec<_> = std::env::args_os().skip(1).collect();
    let [events, target] = &folders[..] else {
        return Err(Error::other(
            "give the folder of the events and the one to write to",
        ));
    };
    let target = Path::new(target);
    std::fs::create_dir_all(target)?;
    for (number, seed) in lwa_fuzz_targets::seeds::all(Path::new(events))?
        .iter()
        .enumerate()
    {
        std::fs::write(target.join(number.to_string()), seed)?;
    }
    Ok(())
}
