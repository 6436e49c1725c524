//! The benchmark of the real function binaries: it plays the Lambda Runtime API, Parameter Store,
//! SNS, SQS, LWA and SP-API on loopback, starts each function again and again, and compares them
//! with a function that does nothing. `cargo xtask bench` builds everything and starts this.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on its standard output and standard error"
)]

mod cases;
mod document;
mod kernel;
mod measure;
mod report;
mod services;
mod statistics;
mod targets;
mod tls;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;

use crate::cases::{AUDITOR, Case, FLOOR, POLLERS};
use crate::report::{AuditReport, CaseReport, Report, Throughput};
use crate::services::Services;
use crate::targets::Target;

/// Measure the function binaries on loopback.
#[derive(Parser)]
struct Arguments {
    /// The folder that holds FUNCTION/bootstrap
    #[arg(long)]
    functions: PathBuf,
    /// The do-nothing function
    #[arg(long)]
    floor: PathBuf,
    /// A Python that has boto3 and requests
    #[arg(long, requires = "python_sample")]
    python: Option<PathBuf>,
    /// The Runtime API's loop around the sample in Python
    #[arg(long)]
    python_sample: Option<PathBuf>,
    /// Fewer starts and invocations: for a first look, not for a comparison
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their name, besides the floor
    #[arg(long)]
    only: Option<String>,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables into this document, between its marks
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "only"])]
    document: Option<PathBuf>,
    /// Fail if a target is missed
    #[arg(long)]
    strict: bool,
}

/// How much is measured.
struct Effort {
    rounds: usize,
    warm_invocations: usize,
    throughput_rounds: usize,
    throughput: Duration,
    audits: [usize; 2],
    audit_rounds: usize,
}

const FULL: Effort = Effort {
    rounds: 12,
    warm_invocations: 500,
    throughput_rounds: 5,
    throughput: Duration::from_secs(2),
    audits: [1_000, 100_000],
    audit_rounds: 3,
};

const QUICK: Effort = Effort {
    rounds: 3,
    warm_invocations: 100,
    throughput_rounds: 2,
    throughput: Duration::from_millis(500),
    audits: [1_000, 10_000],
    audit_rounds: 1,
};

fn main() -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("Tokio does not start")
        .and_then(|runtime| runtime.block_on(run(&Arguments::parse())));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints, and says whether that is good.
async fn run(arguments: &Arguments) -> Result<bool> {
    let effort = if arguments.quick { QUICK } else { FULL };
    let (acceptor, certificate) = tls::acceptor()?;
    let mut authority = tempfile::NamedTempFile::new().context("a file cannot be made")?;
    authority.write_all(certificate.as_bytes())?;
    let authority = authority.path();
    let services = Services::start(&acceptor);

    let python = arguments.python.as_deref();
    let mut cases = cases::all(
        &arguments.functions,
        &arguments.floor,
        python.zip(arguments.python_sample.as_deref()),
    );
    let mut concurrent = cases::concurrent(&arguments.functions, &arguments.floor);
    if let Some(only) = &arguments.only {
        let wanted = |case: &Case| case.name == FLOOR || case.name.contains(only.as_str());
        cases.retain(wanted);
        concurrent.retain(wanted);
    }
    require_programs(&cases)?;

    let report = Report {
        rounds: effort.rounds,
        warm_invocations: effort.warm_invocations,
        cases: lives(&cases, &services, authority, &effort).await?,
        order: cases.iter().map(|case| case.name).collect(),
        throughput: throughput(&concurrent, &services, authority, &effort).await?,
        audits: audits(&cases, &services, authority, &effort).await?,
    };
    let targets = targets::targets(&report);
    report::print(&report);
    let all_met = targets::print(&targets);
    if let Some(file) = &arguments.json {
        write_json(file, &report, &targets)?;
    }
    if let Some(file) = &arguments.document {
        document::write(file, &report, &targets)?;
    }
    Ok(all_met || !arguments.strict)
}

async fn lives(
    cases: &[Case],
    services: &Services,
    authority: &Path,
    effort: &Effort,
) -> Result<BTreeMap<&'static str, CaseReport>> {
    let mut lives: Vec<Vec<_>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 1..=effort.rounds {
        eprintln!("round {round} of {}", effort.rounds);
        for (case, lives) in cases.iter().zip(&mut lives) {
            let life = measure::life(case, services, authority, effort.warm_invocations).await;
            lives.push(life.with_context(|| format!("{} cannot be measured", case.name))?);
        }
    }
    cases
        .iter()
        .zip(&lives)
        .map(|(case, lives)| Ok((case.name, CaseReport::of(case, lives)?)))
        .collect()
}

async fn throughput(
    cases: &[Case],
    services: &Services,
    authority: &Path,
    effort: &Effort,
) -> Result<Vec<Throughput>> {
    let mut runs: Vec<_> = cases
        .iter()
        .flat_map(|case| [(case, 1, Vec::new()), (case, POLLERS, Vec::new())])
        .collect();
    for round in 1..=effort.throughput_rounds {
        eprintln!("throughput, round {round} of {}", effort.throughput_rounds);
        for (case, pollers, rates) in &mut runs {
            let duration = effort.throughput;
            let rate = measure::throughput(case, services, authority, *pollers, duration).await;
            rates.push(rate.with_context(|| format!("{} cannot be measured", case.name))?);
        }
    }
    Ok(runs
        .iter()
        .map(|(case, pollers, rates)| Throughput::of(case.name, *pollers, rates))
        .collect())
}

async fn audits(
    cases: &[Case],
    services: &Services,
    authority: &Path,
    effort: &Effort,
) -> Result<Vec<AuditReport>> {
    let Some(auditor) = cases.iter().find(|case| case.name == AUDITOR) else {
        return Ok(Vec::new());
    };
    let mut audits: Vec<_> = effort.audits.iter().map(|_| Vec::new()).collect();
    for round in 1..=effort.audit_rounds {
        eprintln!("audits, round {round} of {}", effort.audit_rounds);
        for (parameters, audits) in effort.audits.iter().zip(&mut audits) {
            let audit = measure::audit(auditor, services, authority, *parameters).await;
            audits.push(audit.context("the audit cannot be measured")?);
        }
    }
    let sizes = effort.audits.iter().zip(&audits);
    Ok(sizes
        .map(|(parameters, audits)| AuditReport::of(*parameters, audits))
        .collect())
}

fn require_programs(cases: &[Case]) -> Result<()> {
    for case in cases {
        fs::metadata(&case.program).with_context(|| {
            format!(
                "{} of case {} is missing; `cargo xtask bench` builds it",
                case.program.display(),
                case.name
            )
        })?;
    }
    Ok(())
}

fn write_json(file: &Path, report: &Report, targets: &[Target]) -> Result<()> {
    #[derive(Serialize)]
    struct Everything<'a> {
        #[serde(flatten)]
        report: &'a Report,
        targets: &'a [Target],
    }
    let text = serde_json::to_string_pretty(&Everything { report, targets })?;
    fs::write(file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
