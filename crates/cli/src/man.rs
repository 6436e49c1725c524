//! `lwa man`: the manual pages, made from the same words as `--help`.

use std::fs;
use std::io::Write;

use anyhow::Context;
use clap::CommandFactory;

use crate::Failure;
use crate::arguments::{Arguments, ManOptions};

/// Runs the subcommand.
pub(crate) fn main(options: &ManOptions) -> Result<bool, Failure> {
    let folder = &options.folder;
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .with_context(|| format!("no manual page could be written into {}", folder.display()))?;
    writeln!(
        anstream::stdout(),
        "The manual pages are in {0}; read one with: man -l {0}/lwa.1",
        folder.display()
    )?;
    Ok(true)
}
