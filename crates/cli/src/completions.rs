//! `lwa completions`: what a shell needs to complete the command's words.

use std::io::Write;

use clap::Args;

use crate::failure::Failure;

/// Print the script with which a shell completes this command's words
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa completions bash > ~/.local/share/bash-completion/completions/lwa
      for bash, in every new shell
  lwa completions zsh > \"${fpath[1]}/_lwa\"
      for zsh
  lwa completions fish > ~/.config/fish/completions/lwa.fish
      for fish")]
pub(crate) struct CompletionsOptions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Runs the subcommand.
pub(crate) fn main(options: &CompletionsOptions, mut lwa: clap::Command) -> Result<bool, Failure> {
    // Into memory first: the generators panic where the reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut lwa, "lwa", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(true)
}
