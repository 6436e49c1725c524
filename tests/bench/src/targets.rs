//! What the numbers should be: ratios within one run, because times are those of one machine.

use std::fmt;

use serde::Serialize;

use crate::cases::{
    AUDITOR, DAILY_CHECK, EXCHANGES, FLOOR, OVER_TLS, POLLERS, PYTHON, TOKEN_EXCHANGER,
};
use crate::measure::to_float;
use crate::report::{CaseReport, Report};

/// One number and what it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    /// What is compared.
    pub(crate) what: String,
    /// What was measured.
    pub(crate) found: f64,
    /// How it should compare with the limit.
    pub(crate) bound: Bound,
    /// Whether it does.
    pub(crate) is_met: bool,
}

/// A limit.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Exactly this.
    Exactly(f64),
}

/// One of the numbers of a case.
type Number = fn(&CaseReport) -> f64;

/// All targets whose numbers the report has.
pub(crate) fn targets(report: &Report) -> Vec<Target> {
    let mut targets = Vec::new();
    exchanger(report, &mut targets);
    for (name, limit) in [
        ("policy-formatter", 2.5),
        ("rotation-requester", 2.5),
        ("secret-receiver", 2.5),
        (AUDITOR, 3.0),
    ] {
        let cpu = ratio(report, name, FLOOR, cpu);
        let what = format!("{name}: CPU to first response, × floor");
        add(&mut targets, what, cpu, Bound::AtMost(limit));
        let what = format!("{name}: zipped, MiB");
        add(&mut targets, what, zipped(report, name), Bound::AtMost(2.2));
    }
    let daily = ratio(report, DAILY_CHECK, FLOOR, cpu);
    let what = format!("{DAILY_CHECK}: CPU to first response, × floor");
    add(&mut targets, what, daily, Bound::AtMost(2.5));
    throughput(report, &mut targets);
    audits(report, &mut targets);
    targets
}

fn exchanger(report: &Report, targets: &mut Vec<Target>) {
    let name = TOKEN_EXCHANGER;
    let peak = |case: &CaseReport| case.peak_mib.median;
    let both = |case: &CaseReport| case.init_and_cold_ms.median;
    let p50 = |case: &CaseReport| case.warm_p50_us.median;
    let p99 = |case: &CaseReport| case.warm_p99_us.median;
    let ratios: [(&str, &str, Number, f64); 7] = [
        ("CPU to first response", FLOOR, cpu, 2.0),
        ("CPU to first response", PYTHON, cpu, 1.0 / 80.0),
        ("peak memory", FLOOR, peak, 2.0),
        ("peak memory", PYTHON, peak, 1.0 / 9.0),
        ("init and cold", FLOOR, both, 2.5),
        ("warm p50", FLOOR, p50, 1.5),
        ("warm p99", FLOOR, p99, 3.0),
    ];
    for (number, to, of, limit) in ratios {
        let what = format!("{name}: {number}, × {to}");
        let found = ratio(report, name, to, of);
        add(targets, what, found, Bound::AtMost(limit));
    }
    let what = format!("{name}: zipped, MiB");
    add(targets, what, zipped(report, name), Bound::AtMost(2.0));

    if let Some(case) = report.cases.get(name) {
        for service in ["ssm", "lwa"] {
            let calls = case.cold_calls.iter();
            let count = calls
                .filter(|(call, _)| call.starts_with(service))
                .fold(0.0, |sum, (_, count)| sum + count);
            let what = format!("{name}: calls of {service}, cold");
            add(targets, what, Some(count), Bound::Exactly(1.0));
        }
        let count = case.warm_calls.values().fold(0.0, |sum, count| sum + count);
        let what = format!("{name}: calls, warm");
        add(targets, what, Some(count), Bound::Exactly(0.0));
    }
    let what = format!("{OVER_TLS}: CPU to first response, × plain");
    let found = ratio(report, OVER_TLS, name, cpu);
    add(targets, what, found, Bound::AtMost(2.0));
}

fn throughput(report: &Report, targets: &mut Vec<Target>) {
    let rate = |case: &str, pollers| {
        let mut rates = report.throughput.iter();
        let rate = rates.find(|rate| rate.case == case && rate.pollers == pollers)?;
        Some(rate.per_second.median)
    };
    for case in [TOKEN_EXCHANGER, EXCHANGES] {
        let gain = rate(case, 1)
            .zip(rate(case, POLLERS))
            .map(|(one, many)| many / one);
        let what = format!("{case}: throughput of eight pollers, × one");
        add(targets, what, gain, Bound::AtLeast(2.5));
    }
}

fn audits(report: &Report, targets: &mut Vec<Target>) {
    let (Some(small), Some(large)) = (report.audits.first(), report.audits.last()) else {
        return;
    };
    let growth = to_float((large.parameters / small.parameters) as u64);
    let time = large.seconds.median / small.seconds.median;
    let what = format!("{AUDITOR}: time for {growth} × the parameters, ×");
    add(targets, what, Some(time), Bound::AtMost(growth));
    // The larger one lasts for seconds, in which a machine has other things to do as well.
    let cpu = large.cpu_seconds.median / small.cpu_seconds.median;
    let what = format!("{AUDITOR}: CPU for {growth} × the parameters, ×");
    add(targets, what, Some(cpu), Bound::AtMost(growth));
    let memory = large.peak_mib.median / small.peak_mib.median;
    let what = format!("{AUDITOR}: memory for {growth} × the parameters, ×");
    add(targets, what, Some(memory), Bound::AtMost(1.5));
}

fn cpu(case: &CaseReport) -> f64 {
    case.first_response_cpu_ms.median
}

fn zipped(report: &Report, case: &str) -> Option<f64> {
    report.cases.get(case)?.zipped_mib
}

fn ratio(report: &Report, case: &str, to: &str, of: Number) -> Option<f64> {
    Some(of(report.cases.get(case)?) / of(report.cases.get(to)?))
}

/// Adds a target, if its number was measured.
fn add(targets: &mut Vec<Target>, what: String, found: Option<f64>, bound: Bound) {
    targets.extend(found.map(|found| Target {
        what,
        found,
        bound,
        is_met: bound.is_met_by(found),
    }));
}

/// Prints the targets, and says whether all are met.
pub(crate) fn print(targets: &[Target]) -> bool {
    println!("\nTargets");
    for target in targets {
        let mark = if target.is_met { '✓' } else { '✗' };
        println!(
            "{mark} {:<64} {:>8.3} {}",
            target.what, target.found, target.bound
        );
    }
    targets.iter().all(|target| target.is_met)
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, limit) = match self {
            Self::AtMost(limit) => ('≤', limit),
            Self::AtLeast(limit) => ('≥', limit),
            Self::Exactly(limit) => ('=', limit),
        };
        let limit = format!("{limit:.4}");
        let limit = limit.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{sign} {limit}")
    }
}

impl Bound {
    fn is_met_by(self, found: f64) -> bool {
        match self {
            Self::AtMost(limit) => found <= limit,
            Self::AtLeast(limit) => found >= limit,
            Self::Exactly(limit) => (found - limit).abs() < 1e-9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_up_to_its_limit_and_not_beyond() {
        assert!(Bound::AtMost(2.0).is_met_by(2.0) && !Bound::AtMost(2.0).is_met_by(2.1));
        assert!(Bound::AtLeast(2.5).is_met_by(2.5) && !Bound::AtLeast(2.5).is_met_by(2.4));
        assert!(Bound::Exactly(0.0).is_met_by(0.0) && !Bound::Exactly(0.0).is_met_by(0.5));
        assert!(!Bound::AtMost(2.0).is_met_by(f64::NAN));
    }
}
