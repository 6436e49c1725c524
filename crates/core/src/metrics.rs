//! CloudWatch metrics as log lines in the embedded metric format,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//!
//! A line on standard output costs no call and no permission, and cannot fail a function.

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::text::{ascii, elide_end};

/// Most metrics in one line, same source.
const MAX_METRICS: usize = 100;

/// Most dimensions of a metric, same source.
const MAX_DIMENSIONS: usize = 30;

/// Longest value of a dimension, in characters, same source.
const MAX_DIMENSION_VALUE: usize = 1024;

/// Values that share a namespace and dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSet {
    /// Where CloudWatch shows them; see [`crate::config::METRICS_NAMESPACE`].
    pub namespace: String,
    /// Names and values that identify a time series. An empty value is left out, characters that
    /// are not ASCII become `?`, and only the first 30 count. Never a credential.
    pub dimensions: Vec<(&'static str, String)>,
    /// The values.
    pub metrics: Vec<Metric>,
}

impl MetricSet {
    /// How often each of the named outcomes is among `outcomes`; none when none of them is.
    pub fn of_outcomes<O: PartialEq>(
        namespace: &str,
        names: &[(O, &'static str)],
        outcomes: &[O],
    ) -> Option<Self> {
        let metrics = names.iter().map(|(counted, name)| {
            let same = outcomes.iter().filter(|outcome| *outcome == counted);
            Metric::count(name, same.count())
        });
        let metrics: Vec<Metric> = metrics.filter(|metric| metric.value > 0.0).collect();
        (!metrics.is_empty()).then(|| Self {
            namespace: namespace.to_owned(),
            dimensions: vec![],
            metrics,
        })
    }
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// Its name, unique in its set and different from the dimensions' names.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The value; one that is not finite is left out.
    #[serde(skip)]
    pub value: f64,
}

/// Units, as CloudWatch names them,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Anything else, such as days.
    None,
}

impl Metric {
    /// A number of things.
    #[expect(
        clippy::cast_precision_loss,
        reason = "no count comes near the 2^53 from which digits are lost"
    )]
    pub const fn count(name: &'static str, count: usize) -> Self {
        Self {
            name,
            unit: Unit::Count,
            value: count as f64,
        }
    }
}

/// The set as lines of JSON without line breaks: one for every 100 metrics, none for none.
/// CloudWatch takes lines that are no older than 14 days.
pub fn emf_lines(set: &MetricSet, at: Timestamp) -> Vec<String> {
    let dimensions: Vec<(&str, String)> = set
        .dimensions
        .iter()
        .map(|(name, value)| (*name, elide_end(ascii(value).trim(), MAX_DIMENSION_VALUE)))
        .filter(|(_, value)| !value.is_empty())
        .take(MAX_DIMENSIONS)
        .collect();
    let metrics = set.metrics.iter();
    let metrics: Vec<&Metric> = metrics.filter(|it| it.value.is_finite()).collect();
    let line = |metrics| Line {
        namespace: &set.namespace,
        dimensions: &dimensions,
        metrics,
        at,
    };
    // This cannot fail: the keys are strings and the numbers finite.
    let text = |metrics| serde_json::to_string(&line(metrics)).unwrap_or_default();
    metrics.chunks(MAX_METRICS).map(text).collect()
}

/// One line. It is serialised directly, without a tree of values: building one would take most of
/// the time of an invocation that is answered from a cache.
struct Line<'a> {
    namespace: &'a str,
    dimensions: &'a [(&'a str, String)],
    metrics: &'a [&'a Metric],
    at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [Vec<&'a str>; 1],
    metrics: &'a [&'a Metric],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = Metadata {
            timestamp: self.at.as_millisecond(),
            cloud_watch_metrics: [Directive {
                namespace: self.namespace,
                dimensions: [self.dimensions.iter().map(|(name, _)| *name).collect()],
                metrics: self.metrics,
            }],
        };
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &metadata)?;
        for (name, value) in self.dimensions {
            line.serialize_entry(name, value)?;
        }
        for metric in self.metrics {
            line.serialize_entry(metric.name, &metric.value)?;
        }
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(dimensions: Vec<(&'static str, String)>, metrics: Vec<Metric>) -> MetricSet {
        MetricSet {
            namespace: "LwaRotation".into(),
            dimensions,
            metrics,
        }
    }

    fn lines(set: &MetricSet) -> Vec<Value> {
        emf_lines(set, Timestamp::UNIX_EPOCH)
            .iter()
            .inspect(|line| assert!(!line.contains('\n')))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_set_is_one_line_with_directives_dimensions_and_values() {
        let set = set(
            vec![("Application", "my-erp".into())],
            vec![
                Metric {
                    name: "DaysToDeadline",
                    unit: Unit::None,
                    value: 29.5,
                },
                Metric::count("Findings", 3),
            ],
        );
        let at = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let lines = emf_lines(&set, at);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_767_225_600_500_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "LwaRotation",
                        "Dimensions": [["Application"]],
                        "Metrics": [
                            {"Name": "DaysToDeadline", "Unit": "None"},
                            {"Name": "Findings", "Unit": "Count"},
                        ],
                    }],
                },
                "Application": "my-erp",
                "DaysToDeadline": 29.5,
                "Findings": 3.0,
            })
        );
    }

    #[test]
    fn more_than_a_hundred_metrics_take_more_than_one_line() {
        let lines = lines(&set(vec![], vec![Metric::count("N", 1); 201]));
        let counts: Vec<_> = lines
            .iter()
            .map(|line| {
                line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                    .as_array()
                    .unwrap()
                    .len()
            })
            .collect();
        assert_eq!(counts, [100, 100, 1]);
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_left_out_or_made_fit() {
        let mut dimensions = vec![
            ("Empty", " ".to_owned()),
            ("Name", "caf\u{e9}\n".repeat(900)),
        ];
        dimensions.extend((0..40).map(|_| ("More", "x".to_owned())));
        let nan = Metric {
            name: "NotANumber",
            unit: Unit::Count,
            value: f64::NAN,
        };
        let lines = lines(&set(dimensions, vec![nan, Metric::count("N", 0)]));
        let directive = &lines[0]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"][0].as_array().unwrap().len(), 30);
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), 1);
        assert_eq!(lines[0]["Name"].as_str().unwrap().len(), 1024);
        assert!(lines[0]["Name"].as_str().unwrap().starts_with("caf? caf?"));
        assert!(lines[0].get("Empty").is_none());
    }

    #[test]
    fn nothing_to_say_is_no_line() {
        assert!(lines(&set(vec![], vec![])).is_empty());
    }
}
