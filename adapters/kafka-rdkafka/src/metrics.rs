//! What a runner has done, as Prometheus reads it.

use std::fmt::Write;

use dolmen_kafka::eos::Metrics;

/// Name, help and value of every counter.
pub fn counters(metrics: Metrics) -> [(&'static str, &'static str, u64); 10] {
    [
        ("dolmen_kafka_eos_read_total", "Records read, of committed transactions.", metrics.read),
        ("dolmen_kafka_eos_written_total", "Records written, dead letters not counted.", metrics.written),
        ("dolmen_kafka_eos_left_out_total", "Records that became nothing.", metrics.left_out),
        ("dolmen_kafka_eos_dead_letters_total", "Records that became dead letters.", metrics.dead_letters),
        ("dolmen_kafka_eos_commits_total", "Transactions committed.", metrics.commits),
        ("dolmen_kafka_eos_aborts_total", "Transactions aborted.", metrics.aborts),
        ("dolmen_kafka_eos_rebalances_total", "Changes of the partitions owned.", metrics.rebalances),
        ("dolmen_kafka_eos_reopens_total", "Producers opened after the first.", metrics.reopens),
        ("dolmen_kafka_eos_faults_total", "Errors that the runner has handled.", metrics.faults),
        ("dolmen_kafka_eos_repeated_total", "Records that came again and were dropped.", metrics.repeated),
    ]
}

/// The counters of one pipeline in Prometheus' text format.
pub fn exposition(pipeline: &str, metrics: Metrics) -> String {
    let name = pipeline.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut out = String::new();
    for (metric, help, value) in counters(metrics) {
        let _ = write!(
            out,
            "# HELP {metric} {help}\n# TYPE {metric} counter\n{metric}{{pipeline=\"{name}\"}} {value}\n"
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let text = exposition("a\"b", Metrics { read: 7, ..Metrics::default() });
        assert!(text.contains("dolmen_kafka_eos_read_total{pipeline=\"a\\\"b\"} 7\n"), "{text}");
        assert_eq!(text.lines().count(), 30);
    }
}
