//! The workspace's verbs, the same on a laptop and in CI: `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on its standard output and standard error"
)]

mod advisories;
mod bench;
mod build;
mod cargo;
#[cfg(test)]
mod cycles;
mod dependencies;
mod emulators;
mod fuzz;
mod infra;
mod python;
mod screenshot;
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
    /// Formatting, lints, documentation without warnings, dependencies, their licences and advisories
    Lint,
    /// What is known to be wrong with the dependencies, in Rust, npm and Python; needs the network
    Advisories,
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
    /// Build the functions as they are deployed: target/lambda/FUNCTION/bootstrap
    #[command(after_help = "Examples:
  cargo xtask build                 for x86-64
  cargo xtask build --arch arm64    for Graviton
  cargo xtask build --twice         also that a second build gives the same bytes; takes long")]
    Build {
        /// The architecture of the functions
        #[arg(long, value_name = "ARCHITECTURE", default_value = "x86_64")]
        arch: build::Architecture,
        /// Record the sizes in tests/bench/sizes.toml
        #[arg(long)]
        record: bool,
        /// Build everything a second time, and fail unless that gives the same bytes
        #[arg(long)]
        twice: bool,
    },
    /// Measure start-up, latency, memory and calls of the functions, on loopback
    #[command(after_help = "Examples:
  cargo xtask bench                         everything; takes minutes
  cargo xtask bench --quick                 a first look
  cargo xtask bench --only token-exchanger  one function, and the floor
  cargo xtask bench --document              everything; rewrites docs/performance.md")]
    Bench(bench::Options),
    /// Run the AWS emulators until Ctrl-C, for `cargo test -p lwa-tests` in another terminal
    #[command(after_help = "Example:
  cargo xtask emulators             prints the `export` lines to paste elsewhere")]
    Emulators,
    /// Simulate many years, each with and without automatic rotation
    #[command(after_help = "Example:
  cargo xtask simulate --seeds 500 --from 1000
                                    about 54,000 application-years")]
    Simulate {
        /// How many seeds
        #[arg(long, default_value_t = 100)]
        seeds: u64,
        /// The first seed; one that is not used by the tests unless given
        #[arg(long, default_value_t = 1_000)]
        from: u64,
    },
    /// Fuzz the parsers with libFuzzer, for a bounded time
    #[command(after_help = "Examples:
  cargo xtask fuzz                  every target for a minute
  cargo xtask fuzz --seconds 600 queue
                                    one target for ten")]
    Fuzz(fuzz::Options),
    /// Draw the pictures in docs/ again, from what `lwa` prints
    Screenshot,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Check => verbs::check(),
        Verb::Lint => verbs::lint(),
        Verb::Advisories => advisories::advisories(),
        Verb::Test { quick, filter } => verbs::test(quick, filter.as_deref()),
        Verb::Build {
            arch,
            record,
            twice,
        } => build::build(arch, record, twice),
        Verb::Bench(options) => bench::bench(&options),
        Verb::Emulators => verbs::emulators(),
        Verb::Simulate { seeds, from } => verbs::simulate(from, seeds),
        Verb::Fuzz(options) => fuzz::fuzz(&options),
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
