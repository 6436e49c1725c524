//! `lwa man`: the manual pages, made from the same words as `--help`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::failure::Failure;

/// Write the manual pages of this command and its subcommands
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa man ~/.local/share/man/man1
      man lwa and man lwa-replay work from then on
  lwa man . && man -l lwa-audit.1
      a look at one")]
pub(crate) struct ManOptions {
    /// The folder to write them into, created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs the subcommand.
pub(crate) fn main(options: &ManOptions, lwa: clap::Command) -> Result<bool, Failure> {
    let folder = options.folder.display();
    fs::create_dir_all(&options.folder)
        .with_context(|| format!("the folder {folder} cannot be created"))?;
    clap_mangen::generate_to(lwa, &options.folder)
        .with_context(|| format!("no manual page could be written into {folder}"))?;
    writeln!(
        anstream::stdout(),
        "The manual pages are in {folder}; read one with: man -l {folder}/lwa.1"
    )?;
    Ok(true)
}
