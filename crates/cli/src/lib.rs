//! The `lwa` command, for developers at a desk and operators in a terminal.
//!
//! It calls the same entry functions as the Lambda functions do, over other adapters.
//! Results go to standard output, everything else to standard error. The exit code is 0 when
//! all is well, 1 for findings and failures, and 2 for wrong usage.

mod account;
mod arguments;
mod audit;
mod completions;
mod doctor;
mod explain;
mod man;
pub mod replay;
mod rotate;
mod settings;
mod simulate;
mod store;
mod terminal;
mod token;

use std::pin::Pin;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use lwa_core::config::ConfigError;
use tokio::runtime::Runtime;

pub use arguments::Arguments;
use arguments::Command;
pub use doctor::Fault;

/// Parses the process's arguments and runs the command they name.
pub fn main() -> ExitCode {
    let arguments = match store::parse_arguments() {
        Ok(arguments) => arguments,
        Err(exit_code) => return exit_code,
    };
    match run(&arguments.command) {
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

fn run(command: &Command) -> Result<bool, Failure> {
    if let Some(options) = command.settings() {
        settings::load(options.config.as_deref())?;
    }
    match command {
        Command::Replay(options) => replay::main(options),
        Command::Audit(options) => audit::main(options),
        Command::Explain(options) => explain::main(options),
        Command::Token(options) => token::main(options),
        Command::Rotate(options) => rotate::main(options),
        Command::Simulate(options) => simulate::main(options),
        Command::Store(options) => store::main(options),
        Command::Doctor(options) => doctor::main(options),
        Command::Completions(options) => completions::main(options),
        Command::Man(options) => man::main(options),
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

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Other(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

/// Where a subcommand's asynchronous work runs.
fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime did not start")
}

/// The future behind a pointer, because the compiler gives up on the layout of futures that
/// are nested as deep as the handlers' over real clients.
fn boxed<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
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
