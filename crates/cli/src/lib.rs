//! The `lwa` command, for developers at a desk and operators in a terminal.
//!
//! It calls the same entry functions as the Lambda functions do, over other adapters.
//! Results go to standard output, everything else to standard error. The exit code is 0 when
//! all is well, 1 for findings and failures, and 2 for wrong usage.

mod arguments;
pub mod replay;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use arguments::Arguments;
use arguments::Command;

/// Parses the process's arguments and runs the command they name.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Replay(options) => replay::main(options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILURES),
        Err(Failure::Usage(problem)) => terminal::usage_error(&arguments.command, &problem),
        Err(Failure::Other(error)) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) => {
            terminal::error(&error);
            ExitCode::from(FAILURES)
        }
    }
}

/// Exit code for findings and failures.
const FAILURES: u8 = 1;

/// Why a command could not do its work.
enum Failure {
    /// It was asked for something that cannot be: exit code 2.
    Usage(String),
    /// It failed: exit code 1.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

/// The clap command of a subcommand, for its usage line.
fn clap_command(name: &str) -> clap::Command {
    let mut lwa = Arguments::command();
    lwa.build();
    lwa.find_subcommand(name).cloned().unwrap_or(lwa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
