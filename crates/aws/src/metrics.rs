//! Metrics as lines on standard output, where CloudWatch Logs picks them up.

use std::io::{self, Stdout, Write};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use lwa_core::metrics::{MetricSet, emf_lines};
use lwa_core::ports::Metrics;

/// Writes metrics to a sink.
#[derive(Debug)]
pub struct MetricsWriter<W>(Mutex<W>);

impl MetricsWriter<Stdout> {
    /// Writes to standard output.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> MetricsWriter<W> {
    /// Writes to `sink`.
    pub const fn new(sink: W) -> Self {
        Self(Mutex::new(sink))
    }
}

impl<W: Write + Send> Metrics for MetricsWriter<W> {
    /// Writes the set, one whole line at a time. A sink that fails costs the metrics and
    /// nothing else: it is said in the log, and the work goes on.
    fn record(&self, set: &MetricSet, at: Timestamp) {
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for mut line in emf_lines(set, at) {
            line.push('\n');
            if let Err(error) = sink.write_all(line.as_bytes()).and_then(|()| sink.flush()) {
                tracing::warn!(%error, "metrics could not be written");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::metrics::Metric;

    use super::*;

    #[test]
    fn every_line_ends_and_is_json() {
        let mut sink = Vec::new();
        MetricsWriter::new(&mut sink).record(
            &MetricSet {
                namespace: "LwaRotation".into(),
                dimensions: vec![],
                metrics: vec![Metric::count("N", 1); 101],
            },
            Timestamp::UNIX_EPOCH,
        );
        let text = String::from_utf8(sink).unwrap();
        assert!(text.ends_with('\n'));
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[test]
    fn a_sink_that_fails_stops_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        MetricsWriter::new(Full).record(
            &MetricSet {
                namespace: "LwaRotation".into(),
                dimensions: vec![],
                metrics: vec![Metric::count("N", 1)],
            },
            Timestamp::UNIX_EPOCH,
        );
    }
}
