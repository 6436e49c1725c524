//! What the numbers should be: ratios within one run, because times are those of one machine.

use serde::Serialize;

use crate::cases::{AUDITOR, FLOOR, OVER_TLS, PYTHON, TOKEN_EXCHANGER};
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

/// All targets whose numbers the report has.
pub(crate) fn targets(report: &Report) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |what: String, found: Option<f64>, bound| {
        if let Some(found) = found {
            targets.push(Target {
                what,
                found,
                bound,
                is_met: bound.is_met_by(found),
            });
        }
    };
    let ratio = |case: &str, to: &str, of: fn(&CaseReport) -> f64| {
        Some(of(report.cases.get(case)?) / of(report.cases.get(to)?))
    };
    let cpu = |case: &CaseReport| case.first_response_cpu_ms.median;
    let peak = |case: &CaseReport| case.peak_mib.median;
    let zipped = |case: &str| report.cases.get(case)?.zipped_mib;
    let name = TOKEN_EXCHANGER;

    let what = format!("{name}: CPU to first response, × floor");
    add(what, ratio(name, FLOOR, cpu), Bound::AtMost(2.0));
    let what = format!("{name}: CPU to first response, × Python sample");
    add(what, ratio(name, PYTHON, cpu), Bound::AtMost(1.0 / 80.0));
    let what = format!("{name}: peak memory, × floor");
    add(what, ratio(name, FLOOR, peak), Bound::AtMost(2.0));
    let what = format!("{name}: peak memory, × Python sample");
    add(what, ratio(name, PYTHON, peak), Bound::AtMost(1.0 / 9.0));
    let both = ratio(name, FLOOR, |case| case.init_and_cold_ms.median);
    add(
        format!("{name}: init and cold, × floor"),
        both,
        Bound::AtMost(2.5),
    );
    let p50 = ratio(name, FLOOR, |case| case.warm_p50_us.median);
    add(
        format!("{name}: warm p50, × floor"),
        p50,
        Bound::AtMost(1.5),
    );
    let p99 = ratio(name, FLOOR, |case| case.warm_p99_us.median);
    add(
        format!("{name}: warm p99, × floor"),
        p99,
        Bound::AtMost(3.0),
    );
    add(
        format!("{name}: zipped, MiB"),
        zipped(name),
        Bound::AtMost(2.0),
    );
    for (service, service_name) in [("ssm ", "vault"), ("lwa ", "LWA")] {
        let cold = report.cases.get(name).map(|case| {
            let calls = case.cold_calls.iter();
            let calls = calls.filter(|(call, _)| call.starts_with(service));
            calls
                .map(|(_, count)| crate::measure::to_float(*count))
                .sum()
        });
        let what = format!("{name}: {service_name} calls, cold");
        add(what, cold, Bound::Exactly(1.0));
    }
    let warm = report.cases.get(name);
    let warm = warm.map(|case| case.warm_calls.values().fold(0.0, |sum, count| sum + count));
    add(format!("{name}: calls, warm"), warm, Bound::Exactly(0.0));
    let what = format!("{OVER_TLS}: CPU to first response, × plain");
    add(what, ratio(OVER_TLS, name, cpu), Bound::AtMost(2.0));

    for (name, limit) in [
        ("policy-formatter", 2.5),
        ("rotation-requester", 2.5),
        ("secret-receiver", 2.5),
        (AUDITOR, 3.0),
    ] {
        let what = format!("{name}: CPU to first response, × floor");
        add(what, ratio(name, FLOOR, cpu), Bound::AtMost(limit));
        add(
            format!("{name}: zipped, MiB"),
            zipped(name),
            Bound::AtMost(2.2),
        );
    }

    let rate = |pollers| {
        let mut rates = report.throughput.iter();
        rates.find(|rate| rate.case == TOKEN_EXCHANGER && rate.pollers == pollers)
    };
    let gain = rate(1).zip(rate(8));
    let gain = gain.map(|(one, eight)| eight.per_second.median / one.per_second.median);
    let what = format!("{name}: throughput of eight pollers, × one");
    add(what, gain, Bound::AtLeast(2.5));

    if let (Some(small), Some(large)) = (report.audits.first(), report.audits.last())
        && large.parameters > small.parameters
    {
        let growth = large.parameters / small.parameters;
        let time = large.seconds.median / small.seconds.median;
        let what = format!("{AUDITOR}: time for {growth} × the parameters, ×");
        #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
        add(what, Some(time), Bound::AtMost(growth as f64));
        let memory = large.peak_mib.median / small.peak_mib.median;
        let what = format!("{AUDITOR}: memory for {growth} × the parameters, ×");
        add(what, Some(memory), Bound::AtMost(1.5));
    }
    targets
}

/// Prints the targets, and says whether all are met.
pub(crate) fn print(targets: &[Target]) -> bool {
    println!("\nTargets");
    for target in targets {
        let mark = if target.is_met { '✓' } else { '✗' };
        let limit = match target.bound {
            Bound::AtMost(limit) => format!("≤ {limit:.4}"),
            Bound::AtLeast(limit) => format!("≥ {limit:.4}"),
            Bound::Exactly(limit) => format!("= {limit:.4}"),
        };
        let limit = limit.trim_end_matches('0').trim_end_matches('.');
        println!("{mark} {:<58} {:>8.3} {limit}", target.what, target.found);
    }
    targets.iter().all(|target| target.is_met)
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
