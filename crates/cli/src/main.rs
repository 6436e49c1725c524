//! The `lwa` command; what it does is in the library, where tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    lwa_cli::main()
}
