//! `lwa simulate`: hundreds of days of the whole system, under a virtual clock.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use lwa_core::vault::VaultKind;
use lwa_simulation::{Faults, Outcome, Settings, picture, shrink, simulate, simulate_and_tell};
use serde_json::json;

use crate::failure::Failure;
use crate::terminal::{BAD, GOOD, Progress};

/// Live through hundreds of days of the whole system and see whether anything breaks
///
/// Runs the functions' own handlers in memory, under a virtual clock, with a model of Amazon and
/// AWS in which calls fail, messages are lost, invocations die and people do as they like. What
/// must always hold is checked at every step. The same seed always gives the same story.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa simulate
      50 applications for 400 days
  lwa simulate --seed 8 --auto-rotate off --picture year.html
      a year in which rotating is left to people, as a picture
  lwa simulate --applications 1 --days 200 --faults none --story
      what happens to one application when nothing goes wrong

Exit code: 0 everything held, 1 something did not, 2 wrong usage.")]
pub(crate) struct SimulateOptions {
    /// How many days
    #[arg(long, default_value_t = 400, value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// How many applications
    #[arg(long, default_value_t = 50, value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    applications: u16,

    /// How many sellers each application serves
    #[arg(long, default_value_t = 3, value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(0..=50))]
    sellers: u16,

    /// Where chance begins
    #[arg(long, default_value_t = 7, value_name = "NUMBER")]
    seed: u64,

    /// Where the credentials live
    #[arg(long, value_enum, default_value_t = SimulatedVault::ParameterStore)]
    vault: SimulatedVault,

    /// What may go wrong: all, none, or kinds with commas between them
    #[arg(long, default_value = "all", value_name = "KINDS", value_parser = Faults::parse)]
    faults: Faults,

    /// Whether the system rotates by itself, or leaves it to people
    #[arg(long, value_enum, default_value_t = Switch::On)]
    auto_rotate: Switch,

    /// Tell everything that happens, one line each
    #[arg(long)]
    story: bool,

    /// Draw the days as an HTML page
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,

    /// One JSON object instead of text
    #[arg(long, conflicts_with = "story")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SimulatedVault {
    ParameterStore,
    SecretsManager,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Runs the subcommand.
pub(crate) fn main(options: &SimulateOptions) -> Result<bool, Failure> {
    let settings = Settings {
        days: options.days,
        applications: usize::from(options.applications),
        sellers: usize::from(options.sellers),
        seed: options.seed,
        vault: match options.vault {
            SimulatedVault::ParameterStore => VaultKind::ParameterStore,
            SimulatedVault::SecretsManager => VaultKind::SecretsManager,
        },
        faults: options.faults,
        auto_rotate: matches!(options.auto_rotate, Switch::On),
        breakage: None,
    };
    let mut progress = Progress::new();
    progress.show("living through the days");
    let outcome = if options.story || options.picture.is_some() {
        simulate_and_tell(&settings)
    } else {
        simulate(&settings)
    };
    progress.clear();
    if let Some(path) = &options.picture {
        std::fs::write(path, picture::page(&outcome))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if options.json {
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{}", to_json(&outcome))?;
    } else {
        show(&outcome, options.story)?;
    }
    Ok(outcome.violation.is_none())
}

fn show(outcome: &Outcome, story: bool) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    if story {
        write!(stdout, "{}", outcome.story.text())?;
        writeln!(stdout)?;
    }
    let counts = &outcome.counts;
    writeln!(
        stdout,
        "{} applications, {} days lived through, seed {}",
        outcome.settings.applications,
        counts.application_days / outcome.settings.applications.max(1) as u64,
        outcome.settings.seed
    )?;
    for (number, words) in [
        (counts.rotations, "secrets made for the system"),
        (counts.console_rotations, "secrets made for people"),
        (counts.tokens, "tokens asked for by services"),
        (counts.reminders, "reminders that were due and came"),
        (counts.messages, "messages to people"),
        (counts.invocations, "invocations"),
        (counts.deaths, "of them died or failed"),
        (counts.calls, "calls"),
        (counts.faults, "of them went wrong"),
        (counts.dead_letters, "dead letters"),
    ] {
        writeln!(stdout, "{number:>10}  {words}")?;
    }
    match &outcome.violation {
        None => writeln!(
            stdout,
            "{GOOD}Everything that must hold held at every step.{GOOD:#}"
        )?,
        Some(violation) => {
            writeln!(stdout, "{BAD}{violation}{BAD:#}")?;
            drop(stdout);
            let mut progress = Progress::new();
            progress.show("looking for a shorter story that ends like this");
            let shortest = shrink::shrink(&outcome.settings, violation);
            progress.clear();
            let explanation = shrink::explain(&shortest).unwrap_or_default();
            write!(anstream::stdout().lock(), "\n{explanation}")?;
        }
    }
    Ok(())
}

fn to_json(outcome: &Outcome) -> serde_json::Value {
    let counts = &outcome.counts;
    json!({
        "seed": outcome.settings.seed,
        "settings": outcome.settings.to_string(),
        "application_days": counts.application_days,
        "rotations": counts.rotations,
        "console_rotations": counts.console_rotations,
        "tokens": counts.tokens,
        "reminders": counts.reminders,
        "messages": counts.messages,
        "invocations": counts.invocations,
        "deaths": counts.deaths,
        "calls": counts.calls,
        "faults": counts.faults,
        "dead_letters": counts.dead_letters,
        "violation": outcome.violation.as_ref().map(|violation| json!({
            "invariant": violation.invariant.as_str(),
            "at": violation.at.to_string(),
            "application": violation.application,
            "detail": violation.detail,
        })),
    })
}
