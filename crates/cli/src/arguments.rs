//! The command line as a whole. What each subcommand takes stands beside the subcommand.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use lwa_simulation::command::SimulateOptions;

use crate::audit::AuditOptions;
use crate::completions::CompletionsOptions;
use crate::doctor::DoctorOptions;
use crate::explain::ExplainOptions;
use crate::man::ManOptions;
use crate::replay::ReplayOptions;
use crate::rotate::RotateOptions;
use crate::store::{StoreOptions, command_line};
use crate::terminal;
use crate::token::TokenOptions;

const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(Style::new());

/// Keeps integrations with Amazon's Selling Partner API alive
///
/// A client secret of Login with Amazon (LWA) expires after 180 days. The functions of this
/// project turn AWS events about it into messages that a person can act on; this command runs
/// them from a terminal.
#[derive(Debug, Parser)]
#[command(name = "lwa", version, styles = STYLES, max_term_width = 80, after_help = "\
Examples:
  lwa replay events               every sample event of the repository
  lwa audit --prefix /my-erp      what is wrong with the stored credentials
  lwa token --application my-erp  whether they give an access token

Settings, such as LWA_PARAMETER_PREFIX, are variables of the environment, or
lines of ~/.config/lwa.toml or of the file that --config or LWA_CONFIG names:
  LWA_PARAMETER_PREFIX = \"/my-erp\"
Options override the environment, which overrides the file, which overrides
the defaults.

Exit code: 0 all is well, 1 findings or failures, 2 wrong usage.
Colour only on a terminal, and not if NO_COLOR is set.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(ReplayOptions),
    Audit(AuditOptions),
    Explain(ExplainOptions),
    Token(TokenOptions),
    Rotate(RotateOptions),
    Simulate(SimulateOptions),
    Store(StoreOptions),
    Doctor(DoctorOptions),
    Completions(CompletionsOptions),
    Man(ManOptions),
}

/// Parses a command line into a subcommand, with clap's definition of it for usage errors. A
/// wrong command line is already reported.
pub(crate) fn parse(words: &[OsString]) -> Result<(Command, clap::Command), ExitCode> {
    let mut lwa = Arguments::command();
    lwa.build();
    let subcommand = |name: &str| lwa.find_subcommand(name).unwrap_or(&lwa).clone();
    let is_store = words.get(1).is_some_and(|name| name == "store");
    let mut store = is_store.then(|| subcommand("store"));
    if let Some(store) = &mut store
        && let Some(problem) = command_line::refusal(&words[2..])
    {
        let error = store.error(ErrorKind::UnknownArgument, problem);
        return Err(terminal::show(&error));
    }
    let parsed = Arguments::command()
        .try_get_matches_from(words)
        .and_then(|matches| {
            let usage = subcommand(matches.subcommand_name().unwrap_or_default());
            Ok((Arguments::from_arg_matches(&matches)?.command, usage))
        });
    parsed.map_err(|error| {
        if let Some(store) = &mut store
            && let Some(problem) = command_line::without_values(store, &error)
        {
            return terminal::show(&store.error(error.kind(), problem));
        }
        terminal::show(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
