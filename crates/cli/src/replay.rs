//! `lwa replay`: sample events through the same handlers as the Lambda functions.

mod arrival;
mod changes;
mod event_rule;
mod expectation;
mod function;
mod input;
mod live;
mod outcome;
mod report;
mod setting;

use std::io::{IsTerminal, Write};
use std::path::Path;

use lwa_aws::clock::SystemClock;
use lwa_core::ports::Clock;

pub use arrival::Arrival;
pub use event_rule::{Mismatch, RuleSet};
pub use expectation::Expectation;
pub use function::Function;
pub use input::{Input, find};
pub use live::Live;
pub use outcome::{Failed, Outcome, Verdict};
pub use setting::{Environment, Options, replay};

use crate::arguments::ReplayOptions;
use crate::terminal::{PATIENCE, Progress, patiently};
use crate::{Failure, runtime, settings};

/// Runs the subcommand; whether every event came out as expected.
pub(crate) fn main(options: &ReplayOptions) -> Result<bool, Failure> {
    let inputs = find(&options.paths).map_err(|problem| Failure::Usage(problem.to_string()))?;
    let rules = options
        .rules
        .as_deref()
        .map(read_rules)
        .transpose()
        .map_err(Failure::Usage)?;
    runtime()?.block_on(async {
        let live = if options.live {
            Some(Live::connect(&options.aws(), options.publish).await?)
        } else {
            None
        };
        let replay_options = Options {
            function: options.function,
            now: options.now,
            rules,
            live,
        };
        replay_all(options, &replay_options, &inputs).await
    })
}

/// The text of a list of rules that can be used.
fn read_rules(file: &Path) -> Result<String, String> {
    let problem = |problem: &dyn std::fmt::Display| {
        format!(
            "`{}`: {problem}\n\n  tip: `--rules` takes a list in the form of \
             infra/event-rules.json",
            file.display()
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| problem(&error))?;
    let layout = settings::lookup()
        .layout()
        .map_err(|error| error.to_string())?;
    RuleSet::parse(&text, &layout).map_err(|error| problem(&error))?;
    Ok(text)
}

async fn replay_all(
    options: &ReplayOptions,
    replay_options: &Options,
    inputs: &[Input],
) -> Result<bool, Failure> {
    let mut out = std::io::BufWriter::new(anstream::stdout());
    let follows_on_screen = std::io::stdout().is_terminal();
    let mut progress = Progress::new();
    let start = SystemClock.now();
    let mut verdicts = Vec::new();
    for (number, input) in (1..).zip(inputs) {
        if !follows_on_screen && SystemClock.now().duration_since(start).unsigned_abs() > PATIENCE {
            progress.show(&format!("Replaying {number} of {}", inputs.len()));
        }
        let replayed = replay(input, replay_options, settings::variable);
        let waiting = format!("Waiting for {}", input.name);
        let outcome = patiently(replayed, &mut progress, &waiting).await;
        progress.clear();
        if options.json {
            writeln!(out, "{}", outcome.to_json())?;
            report::verdict_of_json(&outcome);
        } else if options.quiet {
            report::line(&mut out, &outcome)?;
        } else {
            report::event(&mut out, &outcome)?;
        }
        if follows_on_screen {
            out.flush()?;
        }
        verdicts.push(outcome.verdict);
    }
    let good = verdicts.iter().filter(|verdict| verdict.is_good()).count();
    if !options.json {
        report::summary(&mut out, &verdicts)?;
    }
    out.flush()?;
    Ok(good == verdicts.len())
}
