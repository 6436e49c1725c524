//! `lwa simulate`: its options, and what it prints.

use std::io::Write;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::{Args, ValueEnum};
use lwa_core::vault::VaultKind;

use crate::outcome::Outcome;
use crate::settings::{Faults, Settings};
use crate::{picture, report, shrink, simulate, simulate_with_story};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

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
pub struct SimulateOptions {
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
    #[arg(long, default_value_t = 7, value_name = "NUMBER", value_parser = seed)]
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

/// Reads a seed.
fn seed(text: &str) -> Result<u64, String> {
    let allowed = format!("it is not a whole number from 0 to {}, such as 7", u64::MAX);
    text.parse().map_err(|_| allowed)
}

impl SimulateOptions {
    /// Runs the simulation and writes its result to `out`; whether every invariant held.
    /// `waiting` gets what is being done while it takes long, and nothing once it is done.
    pub fn run(
        &self,
        out: &mut impl Write,
        mut waiting: impl FnMut(Option<&str>),
    ) -> anyhow::Result<bool> {
        waiting(Some("simulating the days"));
        let outcome = if self.story || self.picture.is_some() {
            simulate_with_story(&self.settings())
        } else {
            simulate(&self.settings())
        };
        waiting(None);
        if let Some(path) = &self.picture {
            std::fs::write(path, picture::page(&outcome))
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        if self.json {
            writeln!(out, "{}", report::to_json(&outcome))?;
        } else {
            self.show(out, waiting, &outcome)?;
        }
        Ok(outcome.violation.is_none())
    }

    fn settings(&self) -> Settings {
        Settings {
            days: self.days,
            applications: usize::from(self.applications),
            sellers: usize::from(self.sellers),
            seed: self.seed,
            vault: match self.vault {
                SimulatedVault::ParameterStore => VaultKind::ParameterStore,
                SimulatedVault::SecretsManager => VaultKind::SecretsManager,
            },
            faults: self.faults,
            auto_rotate: matches!(self.auto_rotate, Switch::On),
            breakage: None,
        }
    }

    fn show(
        &self,
        out: &mut impl Write,
        mut waiting: impl FnMut(Option<&str>),
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        if self.story {
            writeln!(out, "{}", outcome.story.text())?;
        }
        write!(out, "{}", report::summary(outcome))?;
        let Some(violation) = &outcome.violation else {
            writeln!(out, "{GOOD}Every invariant held at every step.{GOOD:#}")?;
            return Ok(());
        };
        writeln!(out, "{BAD}{violation}{BAD:#}")?;
        out.flush()?;
        waiting(Some(
            "searching for a shorter simulation that fails like this",
        ));
        let shortest = shrink::shrink(&outcome.settings, violation);
        waiting(None);
        let explanation = shrink::explain(&shortest).unwrap_or_default();
        write!(out, "\n{explanation}")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_is_no_number_is_answered_with_what_is_allowed() {
        assert_eq!(seed("8"), Ok(8));
        let problem = seed("x").unwrap_err();
        assert!(
            problem.ends_with("0 to 18446744073709551615, such as 7"),
            "{problem}"
        );
    }
}
