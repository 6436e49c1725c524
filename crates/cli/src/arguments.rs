//! What can be typed.

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use crate::replay::Function;

const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(Style::new());

/// Keeps integrations with Amazon's Selling Partner API alive
///
/// A client secret of Login with Amazon (LWA) dies after 180 days. The functions of this
/// project turn AWS events about it into messages a person can act on; this command runs them
/// from a terminal.
#[derive(Debug, Parser)]
#[command(name = "lwa", version, styles = STYLES, max_term_width = 80, after_help = "\
Examples:
  lwa replay events                 every sample event of the repository
  lwa replay my-event.json --json   one event, for a program to read

Exit code: 0 all is well, 1 findings or failures, 2 wrong usage.
Colour only on a terminal, and not if NO_COLOR is set.")]
pub struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(ReplayOptions),
}

impl Command {
    /// The subcommand as it is typed.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Replay(_) => "replay",
        }
    }
}

/// Run events through the functions and show what people would receive
///
/// Works in memory, without an account or a network, unless --live is given. Shows which rule
/// would hand over each event, the messages exactly as e-mail and SMS show them, and how the
/// function answers.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a person types"
)]
#[command(after_long_help = "\
A scenario is a folder with an event.json and, where they matter, a world.json
(what the vault and the services answer, the time, the functions' variables) and
an expected.json (what has to come out). Any other JSON file is an event by
itself; its functions take their variables, such as LWA_PARAMETER_PREFIX, from
the environment.

Examples:
  lwa replay events
      every sample event of the repository
  lwa replay events/parameter-store/client-secret-unchanged-150-days
      one scenario
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
    pub(crate) paths: Vec<PathBuf>,

    /// Hand every event to this function instead of the one its shape calls for
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<Function>,

    /// The time it is; else the scenario's, the event's own, or now
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    pub(crate) now: Option<Timestamp>,

    /// Match against the rules of this file, in the form of infra/event-rules.json
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    /// Look things up in the real account, read only; nothing is published
    #[arg(long)]
    pub(crate) live: bool,

    #[arg(
        long,
        help = "With --live: also publish the messages, to the topic in TOPIC_ARN",
        requires = "live"
    )]
    pub(crate) publish: bool,

    /// With --live: the profile of the AWS configuration to use
    #[arg(long, value_name = "NAME", requires = "live")]
    pub(crate) profile: Option<String>,

    /// One JSON object per event and line instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// One line per event, without the messages
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "write an instant like 2026-06-24T08:00:00Z".to_owned())
}
