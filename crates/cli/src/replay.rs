//! `lwa replay`: sample events through the same handlers as the Lambda functions.

mod arrival;
mod changes;
mod expectation;
mod function;
mod input;
mod live;
mod outcome;
mod reading;
mod report;
mod run;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use lwa_aws::clock::SystemClock;
use lwa_core::Timestamp;
use lwa_core::error::chain;
use lwa_core::ports::Clock;

pub use crate::event_rule::{Mismatch, RuleSet};
pub use crate::function::Function;
pub use arrival::Arrival;
pub use expectation::Expectation;
pub use input::{Input, find};
pub use live::Live;
pub use outcome::{Failed, Outcome, Verdict};
pub use run::{Environment, Options, replay};

use crate::account::AwsOptions;
use crate::clock::instant;
use crate::failure::Failure;
use crate::runtime::{block_on, boxed};
use crate::settings::{self, SettingsOptions};
use crate::terminal::{PATIENCE, Progress};

/// Run events through the functions and show what people would receive
///
/// Works in memory, without an account or a network, unless --live is given. Shows which rule
/// matches each event, the messages exactly as e-mail and SMS show them, and the function's
/// response.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A scenario is a folder with an event.json and, where they matter, a world.json
(what the vault and the services answer, the time, the functions' variables) and
an expected.json (what has to come out). A story is a folder with a world.json
and a folder for each event, which happen to one world in the order of their
names. Any other JSON file is an event by itself; its functions take their
variables, such as LWA_PARAMETER_PREFIX, from the settings.

Examples:
  lwa replay events
      every sample event of the repository
  lwa replay events/parameter-store/client-secret-unchanged-150-days
      one scenario
  lwa replay events/sp-api/rotation/from-notice-to-new-secret
      a story: a client secret is rotated while services ask for tokens
  lwa replay my-event.json --now 2026-06-24T08:00:00Z
      an event of your own, as if it arrived then
  aws sqs receive-message … | jq … | lwa replay - --function secret-receiver
      an event from standard input
  lwa replay my-event.json --rules infra/event-rules.json
      would rules that are not deployed yet match?
  lwa replay my-event.json --live --profile production
      what people would receive about your real parameters
  lwa replay events --json | jq -r '.notifications[].sms'
      one JSON object per event and line

Exit code: 0 all as expected, 1 not, 2 wrong usage. An event without an
expected.json is as expected if its function succeeds and, where it comes from
EventBridge, a rule matches.")]
pub(crate) struct ReplayOptions {
    /// Event files, scenario folders, or folders of them; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// Hand every event to this function instead of the one its shape calls for
    #[arg(long, value_name = "NAME")]
    function: Option<Function>,

    /// The time to replay at; by default the scenario's, else the event's, else now; with --live now
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    now: Option<Timestamp>,

    /// Match against the rules of this file, in the form of infra/event-rules.json
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Look things up in the real account; read only, and nothing is published
    #[arg(long)]
    live: bool,

    #[arg(
        long,
        help = "With --live: also publish the messages, marked TEST, to the topic in TOPIC_ARN",
        requires = "live"
    )]
    publish: bool,

    /// With --live: the profile of the AWS configuration to use
    #[arg(long, value_name = "NAME", requires = "live")]
    profile: Option<String>,

    /// With --live: the region to call instead of the configured one
    #[arg(long, value_name = "NAME", requires = "live")]
    region: Option<String>,

    /// With --live: the URL to call instead of AWS's, such as an emulator's
    #[arg(long, value_name = "URL", requires = "live")]
    endpoint_url: Option<String>,

    /// Print one JSON object per event and line instead of text
    #[arg(long)]
    json: bool,

    /// Print one line per event, without the messages
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,

    #[command(flatten)]
    settings: SettingsOptions,
}

/// Runs the subcommand; whether every event came out as expected.
pub(crate) fn main(options: &ReplayOptions) -> Result<bool, Failure> {
    options.settings.load()?;
    let inputs = find(&options.paths).map_err(|error| {
        Failure::Usage(format!(
            "{}\n\n  tip: give a JSON file, a folder such as `events`, or `-` for standard input",
            chain(error.as_ref())
        ))
    })?;
    let rules = options.rules.as_deref().map(read_rules).transpose()?;
    block_on(async {
        let live = if options.live {
            let aws = AwsOptions {
                profile: options.profile.clone(),
                region: options.region.clone(),
                endpoint_url: options.endpoint_url.clone(),
            };
            Some(Live::connect(&aws, options.publish).await?)
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
fn read_rules(file: &Path) -> Result<String, Failure> {
    let usage = |error: anyhow::Error| {
        let (file, problem) = (file.display(), chain(error.as_ref()));
        Failure::Usage(format!(
            "`{file}`: {problem}\n\n  tip: `--rules` takes a list in the form of \
             infra/event-rules.json"
        ))
    };
    let text = std::fs::read_to_string(file).map_err(|error| usage(error.into()))?;
    let layout = settings::lookup().layout().map_err(Failure::usage)?;
    RuleSet::parse(&text, &layout).map_err(usage)?;
    Ok(text)
}

async fn replay_all(
    options: &ReplayOptions,
    replay_options: &Options,
    inputs: &[Input],
) -> Result<bool, Failure> {
    let mut out = std::io::BufWriter::new(anstream::stdout());
    let is_followed = std::io::stdout().is_terminal();
    let mut progress = Progress::new();
    let start = SystemClock.now();
    let mut verdicts = Vec::new();
    for (number, input) in (1..).zip(inputs) {
        if !is_followed && SystemClock.now().duration_since(start).unsigned_abs() > PATIENCE {
            progress.show(&format!("Replaying {number} of {}", inputs.len()));
        }
        let replayed = boxed(replay(input, replay_options, settings::variable));
        let waiting = format!("Waiting for {}", input.name);
        let outcome = progress.over(&waiting, replayed).await;
        if options.json {
            writeln!(out, "{}", outcome.to_json())?;
            report::verdict_of_json(&outcome);
        } else if options.quiet {
            report::line(&mut out, &outcome)?;
        } else {
            report::event(&mut out, &outcome)?;
        }
        if is_followed {
            out.flush()?;
        }
        verdicts.push(outcome.verdict);
    }
    if !options.json {
        report::summary(&mut out, &verdicts)?;
    }
    out.flush()?;
    Ok(verdicts.iter().all(Verdict::is_good))
}
