//! `lwa completions`: what a shell needs to complete the command's words.

use std::io::Write;

use clap::CommandFactory;

use crate::Failure;
use crate::arguments::{Arguments, CompletionsOptions};

/// Runs the subcommand.
pub(crate) fn main(options: &CompletionsOptions) -> Result<bool, Failure> {
    // Into memory first: the generators panic where the reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "lwa", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(true)
}
