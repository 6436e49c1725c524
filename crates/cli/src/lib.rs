//! The `lwa` command, for developers at a desk and operators in a terminal.
//!
//! It calls the same entry functions as the Lambda functions do, over other adapters.
//! Results go to standard output, everything else to standard error. The exit code is 0 when
//! all is well, 1 for findings and failures, and 2 for wrong usage.

#![expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a person types after a subcommand"
)]

mod account;
mod arguments;
mod audit;
mod clock;
mod completions;
mod core_dump;
mod doctor;
mod event_rule;
mod explain;
mod failure;
mod function;
mod hidden;
mod man;
mod notifier;
mod permissions;
pub mod replay;
mod rotate;
mod runtime;
mod settings;
mod store;
mod target;
mod terminal;
mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;

pub use arguments::Arguments;
use arguments::Command;
pub use doctor::Fault;
use failure::Failure;
use terminal::Progress;

/// Exit code for findings and failures.
const FAILURES: u8 = 1;

/// Parses the process's arguments and runs the subcommand that they name.
pub fn main() -> ExitCode {
    core_dump::prevent();
    let words: Vec<OsString> = std::env::args_os().collect();
    let (command, usage) = match arguments::parse(&words) {
        Ok(parsed) => parsed,
        Err(exit_code) => return exit_code,
    };
    match run(&command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILURES),
        Err(Failure::Usage(problem)) => terminal::usage_error(usage, &problem),
        Err(Failure::Other(error)) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) => {
            terminal::error(&error);
            ExitCode::from(FAILURES)
        }
    }
}

fn run(command: &Command) -> Result<bool, Failure> {
    match command {
        Command::Replay(options) => replay::main(options),
        Command::Audit(options) => audit::main(options),
        Command::Explain(options) => explain::main(options),
        Command::Token(options) => token::main(options),
        Command::Rotate(options) => rotate::main(options),
        Command::Simulate(options) => {
            let mut progress = Progress::new();
            let waiting = |what: Option<&str>| match what {
                Some(what) => progress.show(what),
                None => progress.clear(),
            };
            Ok(options.run(&mut anstream::stdout().lock(), waiting)?)
        }
        Command::Store(options) => store::main(options),
        Command::Doctor(options) => doctor::main(options),
        Command::Completions(options) => completions::main(options, Arguments::command()),
        Command::Man(options) => man::main(options, Arguments::command()),
    }
}
