//! The workspace's verbs, the same on a laptop and in CI: `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on its standard output and standard error"
)]

mod dependencies;
mod emulators;
mod infra;
mod python;
mod screenshot;
mod snapshots;
mod steps;
#[cfg(test)]
mod tidy;
mod tree;
mod verbs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The workspace's verbs.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Compile everything, tests included, without running it
    Check,
    /// Formatting, lints, documentation without warnings, dependencies and their licences
    Lint,
    /// Everything that must hold: lint, then all tests, those against the AWS emulators included
    #[command(after_help = "Examples:
  cargo xtask test                  everything, as in CI
  cargo xtask test --quick          only tests that need no emulator
  cargo xtask test runtime_api      only tests with this in their name")]
    Test {
        /// Run only the tests that need no emulator, and nothing else
        #[arg(long)]
        quick: bool,
        /// Run only the tests whose names contain this, and nothing else
        filter: Option<String>,
    },
    /// Run the AWS emulators until Ctrl-C, for `cargo test -p lwa-tests` in another terminal
    #[command(after_help = "Example:
  cargo xtask emulators             prints the two `export` lines to paste elsewhere")]
    Emulators,
    /// Draw docs/replay.svg again, from what `lwa replay` prints
    Screenshot,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Check => verbs::check(),
        Verb::Lint => verbs::lint(),
        Verb::Test { quick, filter } => verbs::test(quick, filter.as_deref()),
        Verb::Emulators => verbs::emulators(),
        Verb::Screenshot => verbs::screenshot(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
