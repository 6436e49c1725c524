//! The numbers, as tables and as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use crate::cases::{Case, FLOOR};
use crate::measure::{Audit, Life, Rate, to_float};
use crate::statistics::Spread;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What a zip archive of one file has besides its compressed bytes.
const ZIP_OVERHEAD: u64 = 150;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// How often each case was started.
    pub(crate) rounds: usize,
    /// How often it was invoked warm after each start.
    pub(crate) warm_invocations: usize,
    /// The cases by name.
    pub(crate) cases: BTreeMap<&'static str, CaseReport>,
    /// The order of the cases.
    #[serde(skip)]
    pub(crate) order: Vec<&'static str>,
    /// Invocations per second.
    pub(crate) throughput: Vec<Throughput>,
    /// Audits of estates of several sizes.
    pub(crate) audits: Vec<AuditReport>,
}

/// One case over all its rounds.
#[derive(Serialize)]
pub(crate) struct CaseReport {
    pub(crate) init_ms: Spread,
    pub(crate) cold_ms: Spread,
    pub(crate) init_and_cold_ms: Spread,
    pub(crate) init_cpu_ms: Spread,
    pub(crate) first_response_cpu_ms: Spread,
    pub(crate) warm_p50_us: Spread,
    pub(crate) warm_p99_us: Spread,
    pub(crate) warm_cpu_us: Spread,
    pub(crate) peak_mib: Spread,
    pub(crate) binary_mib: Option<f64>,
    pub(crate) zipped_mib: Option<f64>,
    /// Calls for the first event.
    pub(crate) cold_calls: BTreeMap<String, f64>,
    /// Calls for each later event, on average.
    pub(crate) warm_calls: BTreeMap<String, f64>,
}

/// The throughput of one case.
#[derive(Serialize)]
pub(crate) struct Throughput {
    pub(crate) case: &'static str,
    pub(crate) pollers: u32,
    pub(crate) per_second: Spread,
    /// The share of one processor that the function took, and that the benchmark took.
    pub(crate) function_share: f64,
    pub(crate) bench_share: f64,
}

/// Audits of one size.
#[derive(Serialize)]
pub(crate) struct AuditReport {
    pub(crate) parameters: usize,
    pub(crate) seconds: Spread,
    pub(crate) cpu_seconds: Spread,
    pub(crate) peak_mib: Spread,
    pub(crate) invocations: u64,
    pub(crate) calls: u64,
}

impl Report {
    /// A median of a case in medians of the floor; 0 where the floor was not measured.
    pub(crate) fn times_floor(&self, case: &CaseReport, of: fn(&CaseReport) -> Spread) -> f64 {
        let floor = self.cases.get(FLOOR);
        floor.map_or(0.0, |floor| of(case).median / of(floor).median)
    }
}

/// A size in MiB as tables show it: nothing for what is no binary.
pub(crate) fn mib(size: Option<f64>) -> String {
    size.map_or_else(String::new, |size| format!("{size:.2}"))
}

impl CaseReport {
    /// Of all the lives of a case.
    pub(crate) fn of(case: &Case, lives: &[Life]) -> Result<Self> {
        let spread = |of: fn(&Life) -> f64| Spread::of(lives.iter().map(of));
        let sizes = case.binary.as_deref().map(sizes).transpose()?;
        let last = lives.last().context("a case needs a round")?;
        let (calls, invocations) = &last.warm_calls;
        let per_invocation = 1.0 / to_float(*invocations as u64);
        Ok(Self {
            init_ms: spread(|life| life.init_ms),
            cold_ms: spread(|life| life.cold_ms),
            init_and_cold_ms: spread(|life| life.init_ms + life.cold_ms),
            init_cpu_ms: spread(|life| life.init_cpu_ms),
            first_response_cpu_ms: spread(|life| life.first_cpu_ms),
            warm_p50_us: spread(|life| life.warm_p50_us),
            warm_p99_us: spread(|life| life.warm_p99_us),
            warm_cpu_us: spread(|life| life.warm_cpu_us),
            peak_mib: spread(|life| to_float(life.peak_bytes) / MEBIBYTE),
            binary_mib: sizes.map(|(binary, _)| to_float(binary) / MEBIBYTE),
            zipped_mib: sizes.map(|(_, zipped)| to_float(zipped) / MEBIBYTE),
            cold_calls: last
                .cold_calls
                .iter()
                .map(|(name, count)| (name.clone(), to_float(*count)))
                .collect(),
            warm_calls: calls
                .iter()
                .map(|(name, count)| (name.clone(), to_float(*count) * per_invocation))
                .collect(),
        })
    }
}

impl Throughput {
    /// Of several runs.
    pub(crate) fn of(case: &'static str, pollers: u32, rates: &[Rate]) -> Self {
        let spread = |of: fn(&Rate) -> f64| Spread::of(rates.iter().map(of));
        Self {
            case,
            pollers,
            per_second: spread(|rate| rate.per_second),
            function_share: spread(|rate| rate.function_share).median,
            bench_share: spread(|rate| rate.bench_share).median,
        }
    }
}

impl AuditReport {
    /// Of several audits of one size.
    pub(crate) fn of(parameters: usize, audits: &[Audit]) -> Self {
        let spread = |of: fn(&Audit) -> f64| Spread::of(audits.iter().map(of));
        let last = audits.last();
        Self {
            parameters,
            seconds: spread(|audit| audit.seconds),
            cpu_seconds: spread(|audit| audit.cpu_seconds),
            peak_mib: spread(|audit| to_float(audit.peak_bytes) / MEBIBYTE),
            invocations: last.map_or(0, |audit| audit.invocations),
            calls: last.map_or(0, |audit| audit.calls),
        }
    }
}

/// Prints the tables.
pub(crate) fn print(report: &Report) {
    println!(
        "\nMedians of {} starts, each with {} warm invocations, all on one processor; ×: to the floor\n",
        report.rounds, report.warm_invocations
    );
    println!(
        "{:<31} {:>7} {:>7} {:>7} {:>7} {:>6} {:>8} {:>6} {:>7} {:>7} {:>7} {:>6} {:>7} {:>7}",
        "",
        "init",
        "cold",
        "both",
        "min",
        "",
        "CPU to",
        "",
        "warm",
        "warm",
        "warm",
        "peak",
        "binary",
        "zipped"
    );
    println!(
        "{:<31} {:>7} {:>7} {:>7} {:>7} {:>6} {:>8} {:>6} {:>7} {:>7} {:>7} {:>6} {:>7} {:>7}",
        "case",
        "ms",
        "ms",
        "ms",
        "ms",
        "×",
        "1st ms",
        "×",
        "p50 µs",
        "p99 µs",
        "CPU µs",
        "MiB",
        "MiB",
        "MiB"
    );
    for name in &report.order {
        let Some(case) = report.cases.get(name) else {
            continue;
        };
        let ratio = |of| report.times_floor(case, of);
        println!(
            "{name:<31} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>6.2} {:>8.2} {:>6.2} {:>7.0} {:>7.0} {:>7.0} {:>6.1} {:>7} {:>7}",
            case.init_ms.median,
            case.cold_ms.median,
            case.init_and_cold_ms.median,
            case.init_and_cold_ms.min,
            ratio(|case| case.init_and_cold_ms),
            case.first_response_cpu_ms.median,
            ratio(|case| case.first_response_cpu_ms),
            case.warm_p50_us.median,
            case.warm_p99_us.median,
            case.warm_cpu_us.median,
            case.peak_mib.median,
            mib(case.binary_mib),
            mib(case.zipped_mib),
        );
    }
    println!("\nCalls: for the first event; for each later one");
    for name in &report.order {
        if let Some(case) = report.cases.get(name) {
            let (cold, warm) = (list(&case.cold_calls), list(&case.warm_calls));
            println!("{name:<31} {cold}; {warm}");
        }
    }
    if !report.throughput.is_empty() {
        println!("\nInvocations per second, function and benchmark on a processor each");
    }
    for rate in &report.throughput {
        println!(
            "{:<31} {} at once: {:>7.0} (function {:.0} % of a processor, benchmark {:.0} %)",
            rate.case,
            rate.pollers,
            rate.per_second.median,
            100.0 * rate.function_share,
            100.0 * rate.bench_share,
        );
    }
    if !report.audits.is_empty() {
        println!("\nAudits");
    }
    for audit in &report.audits {
        println!(
            "{:>7} parameters: {:>8.3} s, {:>7.3} s of CPU, peak {:>5.1} MiB, {} calls, {} invocation(s)",
            audit.parameters,
            audit.seconds.median,
            audit.cpu_seconds.median,
            audit.peak_mib.median,
            audit.calls,
            audit.invocations,
        );
    }
}

/// The bytes of a file, as it is and in a zip archive.
pub(crate) fn sizes(file: &Path) -> Result<(u64, u64)> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(&bytes)
        .context("it cannot be compressed")?;
    let compressed = encoder.finish().context("it cannot be compressed")?;
    Ok((bytes.len() as u64, compressed.len() as u64 + ZIP_OVERHEAD))
}

/// Calls in words.
pub(crate) fn list(calls: &BTreeMap<String, f64>) -> String {
    let parts: Vec<String> = calls
        .iter()
        .filter(|(_, count)| **count > 0.0)
        .map(
            |(name, count)| match format!("{count:.2}").trim_end_matches(".00") {
                "1" => name.clone(),
                count => format!("{count} × {name}"),
            },
        )
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}
