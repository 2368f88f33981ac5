//! Prometheus's text format, and its younger sister OpenMetrics.
//!
//! A family begins with HELP and TYPE; then come its samples. Names carry base units and, for counters, `_total`, which
//! OpenMetrics leaves out of the two lines above. Source: prometheus.io, "Exposition formats"; OpenMetrics 1.0.0.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Writes families one after another.
pub struct Metrics {
    out: String,
    open_metrics: bool,
    name: &'static str,
}

impl Metrics {
    /// Nothing yet; in OpenMetrics if so wished.
    pub fn new(open_metrics: bool) -> Metrics {
        Metrics { out: String::new(), open_metrics, name: "" }
    }

    /// Begins a family that only rises; its name ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> &mut Metrics {
        let base = if self.open_metrics { name.strip_suffix("_total").unwrap_or(name) } else { name };
        self.family(name, base, "counter", help)
    }

    /// Begins a family that rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> &mut Metrics {
        self.family(name, name, "gauge", help)
    }

    /// Begins a family of histograms.
    pub fn histogram(&mut self, name: &'static str, help: &str) -> &mut Metrics {
        self.family(name, name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, base: &str, kind: &str, help: &str) -> &mut Metrics {
        let _ = write!(self.out, "# HELP {base} {help}\n# TYPE {base} {kind}\n");
        self.name = name;
        self
    }

    /// One sample of the family; labels as name and value.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Metrics {
        let name = self.name;
        self.line(name, "", labels, value)
    }

    /// The samples of one histogram of the family.
    pub fn buckets(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> &mut Metrics {
        let (name, mut sum) = (self.name, 0);
        for (count, bound) in histogram.counts.iter().zip(histogram.bounds.iter().map(Some).chain([None])) {
            sum += count.load(Relaxed);
            let bound = bound.map_or_else(|| "+Inf".into(), |b| (*b as f64 / histogram.scale).to_string());
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.line(name, "_bucket", &labels, sum);
        }
        let total = histogram.sum.load(Relaxed) as f64 / histogram.scale;
        self.line(name, "_sum", labels, total).line(name, "_count", labels, sum)
    }

    fn line(&mut self, name: &str, part: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Metrics {
        self.out.push_str(name);
        self.out.push_str(part);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.out, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.out, "{} {value}", if labels.is_empty() { "" } else { "}" });
        self
    }

    /// The page.
    pub fn finish(mut self) -> String {
        if self.open_metrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

/// Upper bounds of durations, microseconds.
const DURATIONS_US: &[u64] =
    &[5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];
/// Upper bounds of counts.
const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/// Counts values by size.
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than bounds: the last is without one.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
    /// Units per unit shown.
    scale: f64,
}

impl Histogram {
    fn new(bounds: &'static [u64], scale: f64) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, sum: AtomicU64::new(0), scale }
    }

    /// Of durations, shown in seconds.
    pub fn of_durations() -> Histogram {
        Histogram::new(DURATIONS_US, 1e6)
    }

    /// Of counts.
    pub fn of_counts() -> Histogram {
        Histogram::new(COUNTS, 1.0)
    }

    /// Adds `times` values of `value`.
    pub fn add(&self, value: u64, times: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(times, Relaxed);
        self.sum.fetch_add(value * times, Relaxed);
    }

    /// Adds a duration.
    pub fn record(&self, took: Duration) {
        self.add(took.as_micros() as u64, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_look_as_the_formats_say() {
        let page = |open: bool| {
            let mut m = Metrics::new(open);
            m.counter("a_total", "Things.").sample(&[], 3).sample(&[("k", "x\"\\\n")], 4);
            let counts = Histogram::of_counts();
            counts.add(1, 2);
            counts.add(5000, 1);
            m.histogram("h", "Sizes.").buckets(&[("k", "v")], &counts);
            m.finish()
        };
        let text = page(false);
        assert!(
            text.starts_with(
                "# HELP a_total Things.\n# TYPE a_total counter\na_total 3\na_total{k=\"x\\\"\\\\\\n\"} 4\n"
            ),
            "{text}"
        );
        for line in [
            "h_bucket{k=\"v\",le=\"1\"} 2",
            "h_bucket{k=\"v\",le=\"4096\"} 2",
            "h_bucket{k=\"v\",le=\"+Inf\"} 3",
            "h_sum{k=\"v\"} 5002",
            "h_count{k=\"v\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(page(true).starts_with("# HELP a Things.\n# TYPE a counter\na_total 3\n"));
        assert!(page(true).ends_with("# EOF\n"));
    }
}
