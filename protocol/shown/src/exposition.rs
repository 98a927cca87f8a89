//! Families of metrics in, text out. The only room that knows the `prometheus-client` crate; knows
//! nothing of what the metrics mean.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// The two ways in which Prometheus is told metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0: asked for by Prometheus itself.
    OpenMetrics,
    /// Prometheus text 0.0.4: for people, and for `node_exporter`'s textfile collector.
    Classic,
}

impl Format {
    /// What a caller wants who sends this `Accept` header.
    pub fn wanted(accept: Option<&str>) -> Self {
        let open = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if open { Self::OpenMetrics } else { Self::Classic }
    }

    /// The `Content-Type` of the text.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// All samples of one name.
#[derive(Clone, Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    samples: Samples,
}

#[derive(Clone, Debug)]
enum Samples {
    /// A counter's name ends in `_total`.
    Counters(Vec<(Labels, f64)>),
    Gauges(Vec<(Labels, f64)>),
    /// A sum in the name's unit, how many there were, and how many up to each bound.
    Histogram {
        sum: f64,
        count: u64,
        buckets: Vec<(f64, u64)>,
    },
}

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;

impl Family {
    /// A figure that goes up and down; what is not known is not a number.
    pub fn gauge(name: &'static str, help: &'static str, value: impl Into<Figure>) -> Self {
        let samples = Samples::Gauges(vec![(Vec::new(), value.into().0)]);
        Self { name, help, samples }
    }

    /// The same for each of a few words.
    pub fn gauges<const N: usize, F: Into<Figure>>(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        values: impl IntoIterator<Item = ([String; N], F)>,
    ) -> Self {
        Self { name, help, samples: Samples::Gauges(labelled(labels, values)) }
    }

    /// A figure that only grows until the process starts anew.
    pub fn counter(name: &'static str, help: &'static str, value: impl Into<Figure>) -> Self {
        let samples = Samples::Counters(vec![(Vec::new(), value.into().0)]);
        Self { name, help, samples }
    }

    /// The same for each of a few words.
    pub fn counters<const N: usize, F: Into<Figure>>(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        values: impl IntoIterator<Item = ([String; N], F)>,
    ) -> Self {
        Self { name, help, samples: Samples::Counters(labelled(labels, values)) }
    }

    /// How long things took, in seconds: each bucket holds those above the bound before it.
    pub fn histogram(
        name: &'static str,
        help: &'static str,
        sum: f64,
        buckets: Vec<(f64, u64)>,
    ) -> Self {
        let count = buckets.iter().map(|(_, count)| count).sum();
        Self { name, help, samples: Samples::Histogram { sum, count, buckets } }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, format: Format) -> fmt::Result {
        let (name, kind) = match (&self.samples, format) {
            // `OpenMetrics` names the family without the suffix of its samples.
            (Samples::Counters(_), Format::OpenMetrics) => {
                (self.name.trim_end_matches("_total"), MetricType::Counter)
            }
            (Samples::Counters(_), Format::Classic) => (self.name, MetricType::Counter),
            (Samples::Gauges(_), _) => (self.name, MetricType::Gauge),
            (Samples::Histogram { .. }, _) => (self.name, MetricType::Histogram),
        };
        let mut metric = encoder.encode_descriptor(name, self.help, None, kind)?;
        match &self.samples {
            Samples::Counters(values) | Samples::Gauges(values) => {
                let counts = matches!(self.samples, Samples::Counters(_));
                let suffixed = counts && format == Format::OpenMetrics;
                values.iter().try_for_each(|sample| encode(&mut metric, sample, suffixed))
            }
            Samples::Histogram { sum, count, buckets } => {
                metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

/// `suffixed`: the crate puts a counter's `_total` behind the family's name.
fn encode(
    metric: &mut MetricEncoder<'_>,
    (labels, value): &(Labels, f64),
    suffixed: bool,
) -> fmt::Result {
    let one = |metric: &mut MetricEncoder<'_>| {
        if suffixed {
            return metric.encode_counter::<NoLabelSet, _, f64>(value, None);
        }
        metric.encode_gauge(value)
    };
    if labels.is_empty() { one(metric) } else { one(&mut metric.encode_family(labels)?) }
}

fn labelled<const N: usize, F: Into<Figure>>(
    labels: [&'static str; N],
    values: impl IntoIterator<Item = ([String; N], F)>,
) -> Vec<(Labels, f64)> {
    let one = |(words, value): ([String; N], F)| {
        (labels.into_iter().zip(words).collect(), value.into().0)
    };
    values.into_iter().map(one).collect()
}

/// A value of a metric, as Prometheus holds it; not a number where it is not known.
#[derive(Clone, Copy, Debug)]
pub struct Figure(pub f64);

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl From<u64> for Figure {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus holds nothing else")]
    fn from(value: u64) -> Self {
        Self(value as f64)
    }
}

impl From<bool> for Figure {
    fn from(value: bool) -> Self {
        Self(f64::from(u8::from(value)))
    }
}

impl<F: Into<Figure>> From<Option<F>> for Figure {
    fn from(value: Option<F>) -> Self {
        value.map_or(Self(f64::NAN), Into::into)
    }
}

/// The text of these families.
///
/// # Panics
/// Never: a string takes whatever is written.
pub fn text(families: Vec<Family>, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families { families, format }));
    let mut text = String::new();
    let written = match format {
        Format::OpenMetrics => prometheus_client::encoding::text::encode(&mut text, &registry),
        Format::Classic => prometheus_client::encoding::text::encode_registry(&mut text, &registry),
    };
    written.expect("a string takes whatever is written");
    text
}

#[derive(Debug)]
struct Families {
    families: Vec<Family>,
    format: Format,
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.families.iter().try_for_each(|family| family.encode(&mut encoder, self.format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        let words = |word: &str| [word.to_owned()];
        vec![
            Family::gauge("a_open", "Is it open?", true),
            Family::gauge("a_last_timestamp_seconds", "When.", None::<f64>),
            Family::counters("a_seen_total", "Seen.", ["way"], [(words("in"), 3_u64)]),
            Family::counter("a_done_total", "Done.", 2_u64),
            Family::histogram("a_seconds", "Long.", 0.5, vec![(0.1, 1), (f64::INFINITY, 2)]),
        ]
    }

    #[test]
    fn open_metrics_names_a_counter_without_its_suffix_and_says_where_it_ends() {
        let text = text(families(), Format::OpenMetrics);
        assert_eq!(
            text,
            "# HELP a_open Is it open?\n# TYPE a_open gauge\na_open 1.0\n\
             # HELP a_last_timestamp_seconds When.\n# TYPE a_last_timestamp_seconds gauge\n\
             a_last_timestamp_seconds NaN\n\
             # HELP a_seen Seen.\n# TYPE a_seen counter\na_seen_total{way=\"in\"} 3.0\n\
             # HELP a_done Done.\n# TYPE a_done counter\na_done_total 2.0\n\
             # HELP a_seconds Long.\n# TYPE a_seconds histogram\na_seconds_sum 0.5\n\
             a_seconds_count 3\na_seconds_bucket{le=\"0.1\"} 1\n\
             a_seconds_bucket{le=\"+Inf\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn the_older_text_names_a_counter_with_its_suffix_and_has_no_end_mark() {
        let text = text(families(), Format::Classic);
        let counter = "# HELP a_seen_total Seen.\n# TYPE a_seen_total counter\na_seen_total{way=\"in\"} 3.0\n";
        assert!(text.contains(counter), "{text}");
        assert!(!text.contains("EOF"), "{text}");
    }

    #[test]
    fn prometheus_gets_open_metrics_and_a_person_the_older_text() {
        let asks = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        assert_eq!(Format::wanted(Some(asks)), Format::OpenMetrics);
        assert_eq!(Format::wanted(Some("*/*")), Format::Classic);
        assert_eq!(Format::wanted(None), Format::Classic);
    }
}
