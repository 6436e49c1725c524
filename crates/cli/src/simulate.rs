//! `lwa simulate`: hundreds of days of the whole system under a virtual clock.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use lwa_core::vault::VaultKind;
use lwa_simulation::{
    Faults, Outcome, Settings, picture, report, shrink, simulate, simulate_with_story,
};

use crate::failure::Failure;
use crate::terminal::{BAD, GOOD, Progress};

/// Simulate hundreds of days of the whole system and check that nothing breaks
///
/// Runs the functions' own handlers in memory, under a virtual clock, with a model of Amazon and
/// AWS in which calls fail, messages are lost, invocations die and people change things by hand.
/// Checks after every step what must always hold. The same seed always gives the same story.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa simulate
      50 applications for 400 days
  lwa simulate --seed 8 --auto-rotate off --picture year.html
      a year in which people rotate, as a picture
  lwa simulate --applications 1 --days 200 --faults none --story
      what happens to one application when nothing goes wrong

Exit code: 0 every invariant held, 1 one did not, 2 wrong usage.")]
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

    /// Random seed
    #[arg(long, default_value_t = 7, value_name = "NUMBER")]
    seed: u64,

    /// Where the credentials live
    #[arg(long, value_enum, default_value_t = SimulatedVault::ParameterStore)]
    vault: SimulatedVault,

    /// Faults to inject: all, none, or a comma-separated list of kinds
    #[arg(long, default_value = "all", value_name = "KINDS", value_parser = Faults::parse)]
    faults: Faults,

    /// Whether the system rotates automatically, or leaves it to people
    #[arg(long, value_enum, default_value_t = Switch::On)]
    auto_rotate: Switch,

    /// Print everything that happens, one line each
    #[arg(long)]
    story: bool,

    /// Draw the days as an HTML page
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,

    /// Print one JSON object instead of text
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
    progress.show("simulating the days");
    let outcome = if options.story || options.picture.is_some() {
        simulate_with_story(&settings)
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
        writeln!(stdout, "{}", report::to_json(&outcome))?;
    } else {
        show(&outcome, options.story)?;
    }
    Ok(outcome.violation.is_none())
}

fn show(outcome: &Outcome, story: bool) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    if story {
        writeln!(stdout, "{}", outcome.story.text())?;
    }
    write!(stdout, "{}", report::summary(outcome))?;
    let Some(violation) = &outcome.violation else {
        writeln!(stdout, "{GOOD}Every invariant held at every step.{GOOD:#}")?;
        return Ok(());
    };
    writeln!(stdout, "{BAD}{violation}{BAD:#}")?;
    drop(stdout);
    let mut progress = Progress::new();
    progress.show("searching for a shorter simulation that fails like this");
    let shortest = shrink::shrink(&outcome.settings, violation);
    progress.clear();
    let explanation = shrink::explain(&shortest).unwrap_or_default();
    write!(anstream::stdout().lock(), "\n{explanation}")?;
    Ok(())
}
