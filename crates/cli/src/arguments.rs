//! What can be typed.

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use lwa_core::ApplicationName;
use lwa_core::audit::findings::Code;

use crate::replay::Function;
use crate::simulate::SimulateOptions;

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
  lwa replay events               every sample event of the repository
  lwa audit --prefix /my-erp      what is wrong with the stored credentials
  lwa token --application my-erp  whether they give an access token

Settings, such as LWA_PARAMETER_PREFIX, are variables of the environment, or
lines of ~/.config/lwa.toml or of the file that --config or LWA_CONFIG names:
  LWA_PARAMETER_PREFIX = \"/my-erp\"
An option goes before the environment, which goes before the file, which goes
before the default.

Exit code: 0 all is well, 1 findings or failures, 2 wrong usage.
Colour only on a terminal, and not if NO_COLOR is set.")]
pub struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
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

impl Command {
    /// Which settings it runs with; none where there is nothing to set.
    pub(crate) const fn settings(&self) -> Option<&SettingsOptions> {
        match self {
            Self::Replay(options) => Some(&options.settings),
            Self::Audit(options) => Some(&options.settings),
            Self::Token(options) => Some(&options.settings),
            Self::Rotate(options) => Some(&options.settings),
            Self::Store(options) => Some(&options.settings),
            Self::Doctor(options) => Some(&options.settings),
            Self::Explain(_) | Self::Simulate(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }

    /// The subcommand as it is typed.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Replay(_) => "replay",
            Self::Audit(_) => "audit",
            Self::Explain(_) => "explain",
            Self::Token(_) => "token",
            Self::Rotate(_) => "rotate",
            Self::Simulate(_) => "simulate",
            Self::Store(_) => "store",
            Self::Doctor(_) => "doctor",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
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
    pub(crate) paths: Vec<PathBuf>,

    /// Hand every event to this function instead of the one its shape calls for
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<Function>,

    /// The time it is; else the scenario's, the event's own, or now (with --live always now)
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

    /// With --live: the region to call instead of the configured one
    #[arg(long, value_name = "NAME", requires = "live")]
    pub(crate) region: Option<String>,

    /// With --live: the URL to call instead of AWS's, such as an emulator's
    #[arg(long, value_name = "URL", requires = "live")]
    pub(crate) endpoint_url: Option<String>,

    /// One JSON object per event and line instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// One line per event, without the messages
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
}

impl ReplayOptions {
    /// The account of `--live`.
    pub(crate) fn aws(&self) -> AwsOptions {
        AwsOptions {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
        }
    }
}

/// Judge the stored credentials of every application, without decrypting any
///
/// The auditor function's work, from a terminal: it reads names, dates, keys, policies and tags,
/// never a value, and publishes nothing.
#[derive(Debug, Args)]
#[command(after_long_help = "\
What the findings mean: lwa explain. How they are found is set by the variables
of the auditor function, such as SECRET_LIFETIME_DAYS and EXPECTED_WRITER_ARN.

Examples:
  lwa audit
      the applications of LWA_PARAMETER_PREFIX, /my-erp unless it is set
  lwa audit --prefix /my-erp --prefix /other --vault both
      two prefixes, in Parameter Store and in Secrets Manager
  lwa audit --output report.html --profile production --region eu-west-1
      a page to look at, to sort and to print
  lwa audit --fail-on critical --format csv > findings.csv
      one line per finding; exit code 1 only for critical ones
  lwa audit --json | jq -r '.next_deadlines[0].deadline'
      for a program to read

Exit code: 0 no finding at or above --fail-on, 1 there is one, or something
could not be looked at, or there was nothing to look at, 2 wrong usage.")]
pub(crate) struct AuditOptions {
    #[arg(
        long,
        value_name = "PATH",
        value_parser = application,
        help = "A root path to look below, may be repeated; LWA_PARAMETER_PREFIX unless given"
    )]
    pub(crate) prefix: Vec<ApplicationName>,

    #[arg(
        long,
        value_name = "NAME",
        help = "Where to look; LWA_VAULT unless given"
    )]
    pub(crate) vault: Option<AuditedVault>,

    /// How to write it; told by FILE's ending unless given, and a table without one
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<ReportFormat>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,

    /// Write it into FILE instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// From which severity on a finding makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    pub(crate) fail_on: Threshold,

    /// The time it is; now unless given
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    pub(crate) now: Option<Timestamp>,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

/// Where an audit looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditedVault {
    ParameterStore,
    SecretsManager,
    Both,
}

/// How an audit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a person at a terminal
    Table,
    /// One object, for a program
    Json,
    /// One line per finding, for a spreadsheet
    Csv,
    /// One page with everything in it, for a browser
    Html,
}

/// What makes the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Threshold {
    Info,
    Warning,
    Critical,
    /// No finding does
    Never,
}

/// Say what a finding means, why it matters and how to fix it
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa explain LWA005
      one finding
  lwa explain
      all of them
  lwa explain LWA005 --json | jq -r .remedy
      for a program to read")]
pub(crate) struct ExplainOptions {
    /// The finding's code; every finding unless given
    pub(crate) code: Option<Code>,

    /// A JSON object, or without CODE an array of them
    #[arg(long)]
    pub(crate) json: bool,
}

/// Exchange the stored credentials for an access token, and show all about it but itself
///
/// Runs the token-exchanger function on this machine: the same vault, the same exchange at Login
/// with Amazon (LWA), the same errors. Nothing is kept, so every run asks LWA.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a person types"
)]
#[command(after_long_help = "\
Examples:
  lwa token --application my-erp
      does the application still get tokens?
  lwa token --application my-erp --check
      and does the Selling Partner API take them?
  lwa token --application my-erp --seller A2EXAMPLE
      a token for one seller's account
  lwa token --scope sellingpartnerapi::notifications
      a grantless token
  lwa token --show | sed 's/^/x-amz-access-token: /' | curl -H @- …
      the token itself, for a call by hand that no process list shows
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 LWA_TOKEN_URL=http://127.0.0.1:8080/ \\
      lwa token
      against emulators

Exit code: 0 there is a token, or the check went well, 1 not, 2 wrong usage.")]
pub(crate) struct TokenOptions {
    /// The application; the only configured one unless given
    #[arg(long, short, value_name = "NAME")]
    pub(crate) application: Option<String>,

    /// The seller whose account the token is for; the application's own unless given
    #[arg(long, value_name = "ID", conflicts_with = "scope")]
    pub(crate) seller: Option<String>,

    /// The OAuth grant; told by the other options unless given
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant: Option<GrantType>,

    /// What a grantless token may be used for
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,

    /// Ask for a token that was not handed out before, as a caller of the function can
    #[arg(long)]
    pub(crate) force_refresh: bool,

    /// Call the Selling Partner API with it, once and harmlessly, and say what came of it
    #[arg(long)]
    pub(crate) check: bool,

    /// Print the token, and nothing else
    #[arg(long, conflicts_with_all = ["check", "json"])]
    pub(crate) show: bool,

    /// A JSON object instead of text, without the token
    #[arg(long)]
    pub(crate) json: bool,

    #[arg(
        long,
        value_name = "NAME",
        help = "Where the credentials are; LWA_VAULT unless given"
    )]
    pub(crate) vault: Option<CredentialsVault>,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

/// The grants of OAuth 2.0 that LWA knows, as it spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrantType {
    #[value(name = "refresh_token")]
    RefreshToken,
    #[value(name = "client_credentials")]
    ClientCredentials,
}

/// Where credentials are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CredentialsVault {
    ParameterStore,
    SecretsManager,
}

/// Ask Amazon for a new client secret now, after showing what will happen
///
/// Does what the rotation-requester function does when a deadline is near, whatever the
/// deadline. The new secret comes by the queue that is registered in the developer console, and
/// secret-receiver stores it; this command waits until it has.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Nothing is asked for if a rotation was requested within the last 24 hours: run
again, this command then goes on waiting for the answer. Waiting can be
interrupted at any time; the rotation goes on without it.

Examples:
  lwa rotate --application my-erp --dry-run
      what would happen
  lwa rotate --application my-erp
      shows that, asks for confirmation, and waits for the new secret
  lwa rotate --application my-erp --yes --no-wait
      from a script

Exit code: 0 the new secret is stored, or with --no-wait asked for, 1 not,
2 wrong usage.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a person types"
)]
pub(crate) struct RotateOptions {
    /// The application; the only configured one unless given
    #[arg(long, short, value_name = "NAME")]
    pub(crate) application: Option<String>,

    /// Show what would happen, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Do not wait for the new secret
    #[arg(long)]
    pub(crate) no_wait: bool,

    /// How long to wait for the new secret
    #[arg(long, value_name = "MINUTES", default_value_t = 30, conflicts_with = "no_wait",
        value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) timeout: u32,

    /// A JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    #[arg(
        long,
        value_name = "NAME",
        help = "Where the credentials are; LWA_VAULT unless given"
    )]
    pub(crate) vault: Option<CredentialsVault>,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

/// Check a deployed system end to end, and say what to do about each fault
///
/// Looks at who asks, the functions and their last errors, credentials and their keys, rules,
/// schedules, the topic, queues, Login with Amazon (LWA) and the Selling Partner API. It changes
/// nothing: every call only reads, and the one access token that it asks for is thrown away.
#[derive(Debug, Args)]
#[command(after_long_help = "\
What to look for is taken from the deployed functions' variables; settings of
this command, such as LWA_PARAMETER_PREFIX, come first. A check that needs a
permission which is missing says which, and the others go on.

Examples:
  lwa doctor
      the stack lwa, in the configured account and region
  lwa doctor --stack lwa-eu --profile production --region eu-west-1
      another one
  lwa doctor --json | jq -r '.checks[] | select(.mark == \"bad\") | .found'
      for a program to read

Exit code: 0 nothing is broken, 1 something is, 2 wrong usage.")]
pub(crate) struct DoctorOptions {
    /// The name of the deployed stack, with which the names of its parts begin
    #[arg(long, value_name = "NAME", default_value = "lwa", value_parser = stack_name)]
    pub(crate) stack: String,

    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

/// Print the script with which a shell completes this command's words
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa completions bash > ~/.local/share/bash-completion/completions/lwa
      for bash, in every new shell
  lwa completions zsh > \"${fpath[1]}/_lwa\"
      for zsh
  lwa completions fish > ~/.config/fish/completions/lwa.fish
      for fish")]
pub(crate) struct CompletionsOptions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual pages of this command and its subcommands
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa man ~/.local/share/man/man1
      man lwa and man lwa-replay work from then on
  lwa man . && man -l lwa-audit.1
      a look at one")]
pub(crate) struct ManOptions {
    /// The folder to write them into; made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Put an application's credentials into the vault, the right way
///
/// Encrypted under a customer key, the client secret with reminders and with its dates as tags;
/// in Secrets Manager as one JSON document. Shows what it is going to write, and asks LWA for a
/// token first, so that a mistyped value is not stored.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Values are typed when asked for (nothing is shown), or come from standard input
or a file; never from the command line, where every process could read them.
All at once they are a JSON document with the keys of Amazon's own sample:
  {\"AppClientId\": …, \"AppClientSecret\": …, \"refreshToken\": …,
   \"sellers\": {\"A2EXAMPLE\": …}}
What is not given stays; what is stored is brought up to standard with it.
Where a run was interrupted, the same one again goes on from there.

Examples:
  lwa store --application my-erp
      a new application: asks for its values
  lwa store --application my-erp --only client-secret
      a new secret, after a rotation by hand
  lwa store --application my-erp --seller A2EXAMPLE
      the refresh token of one more seller
  lwa store --application my-erp --keep --key alias/lwa/credentials
      no new values: key, type, tier, reminders and tags as they should be
  lwa store --application my-erp --keep --expires-at 2027-05-20
      the day on which the stored secret stops working, if you know it
  lwa store --application my-erp --from credentials.json --dry-run
      what would be written
  pass show my-erp | lwa store --application my-erp --only client-secret --yes
      from a password manager

Exit code: 0 everything is stored, 1 not, 2 wrong usage.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a person types"
)]
pub(crate) struct StoreOptions {
    /// The application; the only configured one unless given
    #[arg(long, short, value_name = "NAME")]
    pub(crate) application: Option<String>,

    /// Store this one value, given as plain text
    #[arg(long, value_name = "VALUE", conflicts_with = "keep")]
    pub(crate) only: Option<OneValue>,

    /// Store the refresh token of this seller, given as plain text
    #[arg(long, value_name = "ID", conflicts_with = "keep")]
    pub(crate) seller: Option<String>,

    /// Take no new values; bring what is stored up to standard
    #[arg(long)]
    pub(crate) keep: bool,

    /// Read values from FILE; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "keep")]
    pub(crate) from: Option<PathBuf>,

    /// When the client secret stops working; a new one after 180 days unless given
    #[arg(long, value_name = "DATE", value_parser = day_or_instant)]
    pub(crate) expires_at: Option<Timestamp>,

    /// The KMS key to encrypt with; the one in use, or alias/lwa/credentials, unless given
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Do not ask LWA for a token first
    #[arg(long)]
    pub(crate) no_verify: bool,

    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// A JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    #[arg(
        long,
        value_name = "NAME",
        help = "Where the credentials are; LWA_VAULT unless given"
    )]
    pub(crate) vault: Option<CredentialsVault>,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

/// One value out of an application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OneValue {
    ClientId,
    ClientSecret,
    RefreshToken,
}

impl OneValue {
    /// As it is typed.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "client-id",
            Self::ClientSecret => "client-secret",
            Self::RefreshToken => "refresh-token",
        }
    }
}

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsOptions {
    #[arg(
        long,
        value_name = "FILE",
        help = "The settings file; LWA_CONFIG or ~/.config/lwa.toml unless given"
    )]
    pub(crate) config: Option<PathBuf>,
}

/// The options that every AWS tool has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsOptions {
    /// The profile of the AWS configuration to use
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The region to call instead of the configured one
    #[arg(long, value_name = "NAME")]
    pub(crate) region: Option<String>,

    /// The URL to call instead of AWS's, such as an emulator's
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

impl AuditedVault {
    /// As `LWA_VAULT` spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ParameterStore => "parameter-store",
            Self::SecretsManager => "secrets-manager",
            Self::Both => "both",
        }
    }
}

impl CredentialsVault {
    /// As `LWA_VAULT` spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ParameterStore => "parameter-store",
            Self::SecretsManager => "secrets-manager",
        }
    }
}

impl GrantType {
    /// As LWA spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

fn application(text: &str) -> Result<ApplicationName, String> {
    ApplicationName::parse(text.trim_end_matches('/')).map_err(|error| error.to_string())
}

/// What `CloudFormation` allows; nothing else belongs into the path of a request.
fn stack_name(text: &str) -> Result<String, &'static str> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("a stack's name has letters, digits and hyphens, and begins with a letter")
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "write an instant like 2026-06-24T08:00:00Z".to_owned())
}

/// A day means its first instant, so that nobody relies on a secret for longer than it works.
fn day_or_instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .map_err(|_| "write a day like 2027-05-20, or an instant like 2027-05-20T08:00:00Z".into())
}
