//! Writes the numbers into `docs/performance.md`, between two marks.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::report::{Report, list, mib};
use crate::targets::Target;

const BEGIN: &str = "<!-- measured: written by `cargo xtask bench --document` -->\n";
const END: &str = "<!-- measured: end -->\n";

/// Writes what was measured into a document, over what stood there before.
pub(crate) fn write(file: &Path, report: &Report, targets: &[Target]) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let text = replaced(&text, &markdown(report, targets, &machine()))
        .with_context(|| format!("{} lacks a mark", file.display()))?;
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// The document with other text between its marks; none without marks.
fn replaced(document: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{text}\n{END}{after}"))
}

fn markdown(report: &Report, targets: &[Target], machine: &str) -> String {
    let mut text = format!(
        "{machine}. Medians of {} starts, each with {} warm invocations, on one processor.\n\n",
        report.rounds, report.warm_invocations
    );
    cases(&mut text, report);
    calls(&mut text, report);
    throughput(&mut text, report);
    audits(&mut text, report);
    text.push_str("\n| target | measured | limit | |\n|---|---:|---:|---|\n");
    for target in targets {
        let outcome = if target.is_met {
            "reached"
        } else {
            "**missed**"
        };
        line(
            &mut text,
            format_args!(
                "| {} | {:.3} | {} | {outcome} |",
                target.what, target.found, target.bound
            ),
        );
    }
    text.pop();
    text
}

fn cases(text: &mut String, report: &Report) {
    text.push_str(
        "| case | init ms | cold ms | both ms | × | CPU to 1st response ms | × | warm p50 µs | \
         warm p99 µs | warm CPU µs | peak MiB | × | binary MiB | zipped MiB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for name in &report.order {
        let Some(case) = report.cases.get(name) else {
            continue;
        };
        let ratio = |of| report.times_floor(case, of);
        line(
            text,
            format_args!(
                "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | \
                 {:.2} | {:.2} | {} | {} |",
                case.init_ms.median,
                case.cold_ms.median,
                case.init_and_cold_ms.median,
                ratio(|case| case.init_and_cold_ms),
                case.first_response_cpu_ms.median,
                ratio(|case| case.first_response_cpu_ms),
                case.warm_p50_us.median,
                case.warm_p99_us.median,
                case.warm_cpu_us.median,
                case.peak_mib.median,
                ratio(|case| case.peak_mib),
                mib(case.binary_mib),
                mib(case.zipped_mib),
            ),
        );
    }
}

fn calls(text: &mut String, report: &Report) {
    text.push_str("\n| case | calls for the first event | for each later one |\n|---|---|---|\n");
    for name in &report.order {
        if let Some(case) = report.cases.get(name) {
            let (cold, warm) = (list(&case.cold_calls), list(&case.warm_calls));
            line(text, format_args!("| {name} | {cold} | {warm} |"));
        }
    }
}

fn throughput(text: &mut String, report: &Report) {
    text.push_str(
        "\n| throughput | events at once | invocations per second | processor: function | \
         processor: benchmark |\n|---|---:|---:|---:|---:|\n",
    );
    for rate in &report.throughput {
        line(
            text,
            format_args!(
                "| {} | {} | {:.0} | {:.0} % | {:.0} % |",
                rate.case,
                rate.pollers,
                rate.per_second.median,
                100.0 * rate.function_share,
                100.0 * rate.bench_share,
            ),
        );
    }
}

fn audits(text: &mut String, report: &Report) {
    text.push_str(
        "\n| audit of | seconds | CPU seconds | peak MiB | calls | invocations |\n\
         |---|---:|---:|---:|---:|---:|\n",
    );
    for audit in &report.audits {
        line(
            text,
            format_args!(
                "| {} parameters | {:.3} | {:.3} | {:.1} | {} | {} |",
                audit.parameters,
                audit.seconds.median,
                audit.cpu_seconds.median,
                audit.peak_mib.median,
                audit.calls,
                audit.invocations,
            ),
        );
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}

/// Processor, how many of them, and kernel.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let information = read("/proc/cpuinfo");
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unknown processor", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    // Not how many there are for this thread, which the measurements have bound to one.
    let count = information
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let kernel = read("/proc/sys/kernel/osrelease");
    let version = kernel.trim().split('-').next().unwrap_or_default();
    format!("{count} × {model}, Linux {version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_replaces_what_was_measured_before_and_nothing_else() {
        let document = format!("above\n\n{BEGIN}\nold\n\n{END}\nbelow\n");
        let written = replaced(&document, "new\n").unwrap();
        assert_eq!(written, format!("above\n\n{BEGIN}\nnew\n\n{END}\nbelow\n"));
        assert_eq!(replaced(&written, "new\n").unwrap(), written);
        assert_eq!(replaced("no marks", "new"), None);
    }

    #[test]
    fn the_document_has_the_marks() {
        let document = include_str!("../../../docs/performance.md");
        assert!(replaced(document, "").is_some());
    }
}
