//! Many simulations, on all processors: `cargo xtask simulate`.
//!
//! Arguments: the first seed, how many seeds, and at least how many application-years these must
//! be. Each seed is simulated twice, with and without automatic rotation, and every fourth with
//! Secrets Manager.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on its standard output and standard error"
)]

use std::process::ExitCode;

use lwa_core::vault::VaultKind;
use lwa_simulation::{Settings, shrink, simulate_many};

fn main() -> ExitCode {
    let numbers: Vec<Option<u64>> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().ok())
        .collect();
    let (from, count, least) = match numbers[..] {
        [Some(from), Some(count)] => (from, count, 0),
        [Some(from), Some(count), Some(least)] => (from, count, least),
        _ => {
            eprintln!("error: give the first seed and how many, as in: 1 100");
            return ExitCode::from(2);
        }
    };
    let all: Vec<Settings> = (from..from.saturating_add(count))
        .flat_map(|seed| {
            [true, false].map(|auto_rotate| Settings {
                seed,
                auto_rotate,
                // Every fourth seed in the other vault.
                vault: if seed % 4 == 3 {
                    VaultKind::SecretsManager
                } else {
                    VaultKind::ParameterStore
                },
                ..Settings::default()
            })
        })
        .collect();
    match simulate_many(&all) {
        Ok(counts) if counts.application_days / 365 < least => {
            let years = counts.application_days / 365;
            eprintln!("error: that was {years} application-years, not {least}");
            ExitCode::FAILURE
        }
        Ok(counts) => {
            println!(
                "{} application-years, {} calls, {} of them failed; {} rotations, {} reminders: \
                 every invariant held",
                counts.application_days / 365,
                counts.calls,
                counts.faults,
                counts.rotations + counts.console_rotations,
                counts.reminders
            );
            ExitCode::SUCCESS
        }
        Err(outcome) => {
            if let Some(violation) = &outcome.violation {
                eprintln!("{violation}");
                eprintln!("lwa simulate {}", outcome.settings);
                eprintln!("searching for a shorter simulation that fails like this");
                let shortest = shrink::shrink(&outcome.settings, violation);
                println!("{}", shrink::explain(&shortest).unwrap_or_default());
            }
            ExitCode::FAILURE
        }
    }
}
