//! `lwa audit`: the auditor's work, from a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use auditor::scan::Observation;
use auditor::state::State;
use auditor::{Response, Settings};
use jiff::SignedDuration;
use lwa_aws::account::Account;
use lwa_aws::clients::Timeouts;
use lwa_aws::clock::SystemClock;
use lwa_core::config::{LWA_PARAMETER_PREFIX, LWA_VAULT, Lookup};
use lwa_core::ports::Clock;
use lwa_core::{ApplicationName, Severity, Timestamp, wording};
use lwa_report::table::Look;
use lwa_report::{Report, csv, html, table};

use crate::arguments::{AuditOptions, ReportFormat, Threshold};
use crate::terminal::{COLUMNS, PATIENCE, Progress};
use crate::{Failure, account, boxed, runtime, settings, terminal};

/// One page or look-up, with all its retries while the service throttles.
const PATIENT: Timeouts = Timeouts {
    attempt: Duration::from_secs(10),
    operation: Duration::from_secs(90),
};

/// How often the progress is shown anew.
const TICK: Duration = Duration::from_millis(250);

/// Runs the subcommand; whether everything was seen and nothing is as bad as `--fail-on` says.
pub(crate) fn main(options: &AuditOptions) -> Result<bool, Failure> {
    let format = format(options);
    if let Some(file) = &options.output {
        check_writable(file)?;
    }
    let settings = settings(options)?;
    runtime()?.block_on(async {
        let aws = account::connect(&options.aws, PATIENT).await?;
        let region = aws.region().unwrap_or_default();
        let vaults = Account::patient(&aws);
        let clock = ShiftedClock::showing(options.now);
        let watch = Watch::default();
        let observer = |observation: Observation<'_>| watch.observe(&observation);
        let survey = auditor::survey(&settings, &vaults, &clock, &observer);
        let survey = boxed(survey);
        let state = watch.over(survey).await;
        let text = render(format, &settings, region, &state, options.output.is_some())?;
        if let Some(file) = &options.output {
            std::fs::write(file, text)
                .with_context(|| format!("`{}` cannot be written", file.display()))?;
            say(&format!("Wrote {}: {}", file.display(), summary(&state)));
        } else {
            let mut out = anstream::stdout();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(verdict(options.fail_on, &settings, region, &state))
    })
}

fn format(options: &AuditOptions) -> ReportFormat {
    let by_ending = || {
        let ending = options.output.as_ref()?.extension()?.to_str()?;
        match ending.to_ascii_lowercase().as_str() {
            "json" => Some(ReportFormat::Json),
            "csv" => Some(ReportFormat::Csv),
            "html" | "htm" => Some(ReportFormat::Html),
            _ => None,
        }
    };
    if options.json {
        return ReportFormat::Json;
    }
    options
        .format
        .or_else(by_ending)
        .unwrap_or(ReportFormat::Table)
}

/// Finds out before a long audit what would spoil its end.
fn check_writable(file: &Path) -> Result<(), Failure> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let problem = if file.is_dir() {
        "it is a folder"
    } else if folder.is_dir() {
        return Ok(());
    } else {
        "its folder does not exist"
    };
    Err(Failure::Usage(format!(
        "`{}` cannot be written: {problem}\n\n  tip: `--output` takes the name of a file, such as \
         report.html",
        file.display()
    )))
}

fn settings(options: &AuditOptions) -> Result<Settings, Failure> {
    let prefixes: Vec<String> = options.prefix.iter().map(ApplicationName::root).collect();
    let lookup = Lookup::new(|name: &str| match options.vault {
        _ if name == LWA_PARAMETER_PREFIX.name && !prefixes.is_empty() => Some(prefixes.join(",")),
        Some(vault) if name == LWA_VAULT.name => Some(vault.as_str().to_owned()),
        _ => settings::variable(name),
    });
    Ok(Settings::from_lookup(&lookup)?)
}

fn render(
    format: ReportFormat,
    settings: &Settings,
    region: &str,
    state: &State,
    into_file: bool,
) -> anyhow::Result<String> {
    let scope = settings.scope();
    let report = Report {
        tally: &state.tally,
        now: state.started_at,
        region,
        scope: &scope,
    };
    Ok(match format {
        ReportFormat::Table => {
            let look = Look {
                width: width(into_file),
                // Taken out again where there is no terminal.
                color: !into_file,
            };
            let origin = format!(
                "Audit of {scope}, {region}, {}",
                wording::minute(state.started_at)
            );
            let table = table::render(&report, look);
            format!("{origin}\n\n{}", table.trim_start_matches('\n'))
        }
        ReportFormat::Json => {
            let response = serde_json::to_value(Response::report(state))?;
            format!("{response:#}\n")
        }
        ReportFormat::Csv => csv::render(&report)?,
        ReportFormat::Html => html::render(&report)?,
    })
}

fn width(into_file: bool) -> usize {
    if into_file || !std::io::stdout().is_terminal() {
        return COLUMNS;
    }
    terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| usize::from(width.0))
}

/// Says on standard error what the report may hide, and judges.
fn verdict(fail_on: Threshold, settings: &Settings, region: &str, state: &State) -> bool {
    let tally = &state.tally;
    let mut is_good = true;
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
        is_good = false;
    } else if tally.credentials == 0 {
        terminal::error(&anyhow::anyhow!(
            "nothing was audited: there is no credential in {}, region {region}; check --prefix, \
             --vault, --region and --profile",
            settings.scope()
        ));
        is_good = false;
    }
    let threshold = match fail_on {
        Threshold::Info => Severity::Info,
        Threshold::Warning => Severity::Warning,
        Threshold::Critical => Severity::Critical,
        Threshold::Never => return is_good,
    };
    is_good && tally.worst().is_none_or(|worst| worst < threshold)
}

fn summary(state: &State) -> String {
    let tally = &state.tally;
    format!(
        "{} applications, {} credentials: {} critical, {} warnings, {} info, {} exempt",
        tally.applications,
        tally.credentials,
        tally.count(Severity::Critical),
        tally.count(Severity::Warning),
        tally.count(Severity::Info),
        tally.exempt.total()
    )
}

fn say(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(anstream::stderr(), "{}", lwa_core::text::printable(text));
}

/// Shows how far an audit is.
#[derive(Default)]
struct Watch {
    place: Mutex<String>,
}

impl Watch {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::Page {
            vault,
            prefix,
            credentials,
        } = observation
        {
            let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            *place = format!(
                "{credentials} credentials seen, {} below {prefix}",
                vault.name()
            );
        }
    }

    /// Waits for the audit.
    async fn over(&self, survey: impl Future<Output = State>) -> State {
        let mut survey = std::pin::pin!(survey);
        let mut progress = Progress::new();
        let mut wait = PATIENCE;
        loop {
            tokio::select! {
                biased;
                state = &mut survey => {
                    progress.clear();
                    return state;
                }
                () = tokio::time::sleep(wait) => {}
            }
            wait = TICK;
            let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            let text = if place.is_empty() {
                "Auditing"
            } else {
                place.as_str()
            };
            progress.show(text);
        }
    }
}

/// The clock, put forward or back.
struct ShiftedClock(SignedDuration);

impl ShiftedClock {
    /// The clock that shows `now` at this moment.
    fn showing(now: Option<Timestamp>) -> Self {
        Self(now.map_or(SignedDuration::ZERO, |now| {
            now.duration_since(SystemClock.now())
        }))
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        now.checked_add(self.0).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}
