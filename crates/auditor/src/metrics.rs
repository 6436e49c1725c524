//! The metrics of an audit.

use lwa_core::Severity;
use lwa_core::audit::tally::{ApplicationDeadline, Tally};
use lwa_core::metrics::{Metric, MetricSet, Unit};

/// `DaysToDeadline` of one application.
pub(crate) fn days_to_deadline(row: &ApplicationDeadline, namespace: &str) -> Option<MetricSet> {
    Some(MetricSet {
        namespace: namespace.to_owned(),
        dimensions: vec![("Application", row.application.to_string())],
        metrics: vec![days(row.days_left?)],
    })
}

/// The metrics of a whole audit. The nearest deadline is written once more without a
/// dimension, for an alarm that no new application escapes; muted ones do not count there.
pub(crate) fn totals(tally: &Tally, elapsed_ms: u64, namespace: &str) -> Vec<MetricSet> {
    let set = |dimensions, metrics| MetricSet {
        namespace: namespace.to_owned(),
        dimensions,
        metrics,
    };
    let count = |name, count| Metric::count(name, usize::try_from(count).unwrap_or(usize::MAX));
    let duration = Metric {
        unit: Unit::Milliseconds,
        ..count("AuditDurationMs", elapsed_ms)
    };
    let mut all = vec![
        count("CredentialsAudited", tally.credentials),
        duration,
        count("PartialScans", tally.is_partial().into()),
    ];
    all.extend(tally.nearest_days.map(days));
    let findings = Severity::ALL.map(|severity| {
        let dimensions = vec![("Severity", severity.as_str().to_owned())];
        set(dimensions, vec![count("Findings", tally.count(severity))])
    });
    [vec![set(Vec::new(), all)], findings.into()].concat()
}

fn days(days: i64) -> Metric {
    Metric {
        name: "DaysToDeadline",
        unit: Unit::None,
        // The calendar has fewer days than an `i32` holds.
        value: i32::try_from(days).map_or(f64::INFINITY, f64::from),
    }
}
