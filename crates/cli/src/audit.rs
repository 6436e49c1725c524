//! `lwa audit`: the auditor's work, from a terminal.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use auditor::scan::Observation;
use auditor::{Response, Settings};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use lwa_aws::account::Account;
use lwa_aws::clients::Timeouts;
use lwa_core::config::{LWA_PARAMETER_PREFIX, LWA_VAULT};
use lwa_core::{ApplicationName, Severity, Timestamp, wording};
use lwa_report::{Report, csv, html, table};

use crate::account::{self, AwsOptions};
use crate::clock::{ShiftedClock, instant};
use crate::failure::Failure;
use crate::runtime::{block_on, boxed};
use crate::settings::{self, SettingsOptions};
use crate::terminal::{self, COLUMNS, Progress, say};

/// Judge the stored credentials of every application, without decrypting any
///
/// Does the auditor function's work from a terminal: reads names, dates, keys, policies and tags,
/// never a value, and publishes nothing.
#[derive(Debug, Args)]
#[command(after_long_help = "\
To see what the findings mean: lwa explain. The variables of the auditor
function, such as SECRET_LIFETIME_DAYS and EXPECTED_WRITER_ARN, apply here too.

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
        help = "A root path to look below, may be repeated; LWA_PARAMETER_PREFIX by default"
    )]
    prefix: Vec<ApplicationName>,

    #[arg(
        long,
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(["parameter-store", "secrets-manager", "both"]),
        help = "Where to look; LWA_VAULT by default"
    )]
    vault: Option<String>,

    /// The report's format; by default the one that FILE's ending names, else a table
    #[arg(long, value_name = "FORMAT")]
    format: Option<ReportFormat>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Write the report to FILE instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The lowest severity of a finding that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    fail_on: Threshold,

    /// The time to judge for; now by default
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    now: Option<Timestamp>,

    #[command(flatten)]
    settings: SettingsOptions,

    #[command(flatten)]
    aws: AwsOptions,
}

/// How an audit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
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
enum Threshold {
    Info,
    Warning,
    Critical,
    /// No finding does
    Never,
}

fn application(text: &str) -> Result<ApplicationName, String> {
    ApplicationName::parse(text.trim_end_matches('/')).map_err(|error| error.to_string())
}

/// One page or look-up, with all its retries while the service throttles.
const PATIENT: Timeouts = Timeouts {
    attempt: Duration::from_secs(10),
    operation: Duration::from_secs(90),
};

/// Runs the subcommand; whether everything was seen and nothing is as bad as `--fail-on` says.
pub(crate) fn main(options: &AuditOptions) -> Result<bool, Failure> {
    options.settings.load()?;
    let format = format(options);
    if let Some(file) = &options.output {
        check_writable(file)?;
    }
    let settings = settings(options)?;
    block_on(async {
        let aws = account::connect(&options.aws, PATIENT).await?;
        let region = aws.region().unwrap_or_default();
        let vaults = Account::patient(&aws);
        let clock = ShiftedClock::showing(options.now);
        let position = Mutex::new("Auditing".to_owned());
        let position = || position.lock().unwrap_or_else(PoisonError::into_inner);
        let observer = |observation: Observation<'_>| {
            if let Observation::Page {
                vault,
                prefix,
                credentials,
            } = observation
            {
                let vault = vault.name();
                *position() = format!("{credentials} credentials seen, {vault} below {prefix}");
            }
        };
        let survey = auditor::survey(&settings, &vaults, &clock, &observer);
        let waiting = || position().clone();
        let state = Progress::new().watch(waiting, boxed(survey)).await;
        let scope = settings.scope();
        let report = Report {
            tally: &state.tally,
            now: state.started_at,
            region,
            scope: &scope,
        };
        let text = match format {
            ReportFormat::Table => table(&report, options.output.is_some()),
            ReportFormat::Json => {
                let response = serde_json::to_value(Response::report(&state));
                format!("{:#}\n", response?)
            }
            ReportFormat::Csv => csv::render(&report)?,
            ReportFormat::Html => html::render(&report)?,
        };
        if let Some(file) = &options.output {
            let name = file.display();
            std::fs::write(file, text).with_context(|| format!("`{name}` cannot be written"))?;
            say(&format!("Wrote {name}: {}", report.summary()));
        } else {
            let mut out = anstream::stdout();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(is_good(options.fail_on, &report))
    })
}

fn format(options: &AuditOptions) -> ReportFormat {
    if options.json {
        return ReportFormat::Json;
    }
    let by_ending = || match options.output.as_ref()?.extension()?.to_str()? {
        htm if htm.eq_ignore_ascii_case("htm") => Some(ReportFormat::Html),
        ending => ReportFormat::from_str(ending, true).ok(),
    };
    let format = options.format.or_else(by_ending);
    format.unwrap_or(ReportFormat::Table)
}

/// Finds out before a long audit whether its result can be written.
fn check_writable(file: &Path) -> Result<(), Failure> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let problem = if file.is_dir() {
        "it is a folder"
    } else if folder.is_some_and(|folder| !folder.is_dir()) {
        "its folder does not exist"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(format!(
        "`{}` cannot be written: {problem}\n\n  tip: `--output` takes the name of a file, such as \
         report.html",
        file.display()
    )))
}

fn settings(options: &AuditOptions) -> Result<Settings, Failure> {
    let prefixes: Vec<String> = options.prefix.iter().map(ApplicationName::root).collect();
    let prefixes = (!prefixes.is_empty()).then(|| prefixes.join(","));
    let lookup = settings::lookup();
    let lookup = lookup.with(LWA_PARAMETER_PREFIX, prefixes);
    let lookup = lookup.with(LWA_VAULT, options.vault.clone());
    Ok(Settings::from_lookup(&lookup)?)
}

fn table(report: &Report<'_>, into_file: bool) -> String {
    let width = match terminal_size::terminal_size() {
        Some((width, _)) if !into_file && std::io::stdout().is_terminal() => usize::from(width.0),
        _ => COLUMNS,
    };
    let table = table::render(report, width);
    let text = format!(
        "Audit of {}, {}, {}\n\n{}",
        report.scope,
        report.region,
        wording::minute(report.now),
        table.trim_start_matches('\n')
    );
    if into_file {
        return anstream::adapter::strip_str(&text).to_string();
    }
    text
}

/// Judges the audit, and says on standard error what the report may hide.
fn is_good(fail_on: Threshold, report: &Report<'_>) -> bool {
    let tally = report.tally;
    if let Some(first) = tally.not_seen.items().first() {
        let more = match tally.not_seen.total() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more, see the report)"),
        };
        terminal::error(&anyhow::anyhow!(
            "the audit is INCOMPLETE, so what it does not show may still be wrong; not seen: \
             {}: {}{more}",
            first.what,
            first.why
        ));
        return false;
    }
    if tally.credentials == 0 {
        terminal::error(&anyhow::anyhow!(
            "nothing was audited: there is no credential in {}, region {}; check --prefix, \
             --vault, --region and --profile",
            report.scope,
            report.region
        ));
        return false;
    }
    let threshold = match fail_on {
        Threshold::Info => Severity::Info,
        Threshold::Warning => Severity::Warning,
        Threshold::Critical => Severity::Critical,
        Threshold::Never => return true,
    };
    tally.worst().is_none_or(|worst| worst < threshold)
}
