//! What is counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dolmen_host::Metrics;
use dolmen_host::metrics::Histogram;
use dolmen_kafka::messages::APIS;
use parking_lot::Mutex;

use crate::broker::State;

/// Counts of the broker.
pub struct Counters {
    /// Connections now.
    pub connected: AtomicU64,
    /// Connections so far.
    pub accepted: AtomicU64,
    /// Connections now by address.
    pub places: Mutex<HashMap<IpAddr, u64>>,
    /// Connections over a limit.
    pub refused: AtomicU64,
    /// Bytes of requests that are held now.
    pub received: AtomicU64,
    /// Bytes of requests.
    pub bytes_in: AtomicU64,
    /// Bytes of answers.
    pub bytes_out: AtomicU64,
    /// Records that were appended by clients.
    pub records: AtomicU64,
    /// Bytes that were appended by clients.
    pub appended: AtomicU64,
    /// Bytes that were fetched.
    pub fetched: AtomicU64,
    /// Requests by API, in the order of [`APIS`].
    pub requests: Vec<AtomicU64>,
    /// From a Produce to its answer.
    pub produce_durations: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Counters {
            connected: zero(),
            accepted: zero(),
            places: Mutex::default(),
            refused: zero(),
            received: zero(),
            bytes_in: zero(),
            bytes_out: zero(),
            records: zero(),
            appended: zero(),
            fetched: zero(),
            requests: APIS.iter().map(|_| zero()).collect(),
            produce_durations: Histogram::of_durations(),
        }
    }
}

impl Counters {
    /// Counts a request.
    pub fn request(&self, key: i16) {
        if let Some(at) = APIS.iter().position(|api| api.key == key) {
            self.requests[at].fetch_add(1, Relaxed);
        }
    }
}

/// Appends the broker's metrics.
pub fn write(state: &State, out: &mut Metrics) {
    let counters = &state.counters;
    out.counter("dolmen_kafka_requests_total", "Requests by API.");
    for (api, count) in APIS.iter().zip(&counters.requests) {
        let count = count.load(Relaxed);
        if count > 0 {
            out.sample(&[("api", api.name)], count);
        }
    }
    for (name, help, value) in [
        ("dolmen_kafka_connections_total", "Connections accepted.", &counters.accepted),
        ("dolmen_kafka_connections_refused_total", "Connections over the limit.", &counters.refused),
        ("dolmen_kafka_received_bytes_total", "Bytes of requests.", &counters.bytes_in),
        ("dolmen_kafka_sent_bytes_total", "Bytes of answers.", &counters.bytes_out),
        ("dolmen_kafka_appended_records_total", "Records that clients appended.", &counters.records),
        ("dolmen_kafka_appended_bytes_total", "Bytes that clients appended.", &counters.appended),
        ("dolmen_kafka_fetched_bytes_total", "Bytes that clients fetched.", &counters.fetched),
    ] {
        out.counter(name, help).sample(&[], value.load(Relaxed));
    }
    out.gauge("dolmen_kafka_connections", "Connections now.").sample(&[], counters.connected.load(Relaxed));
    out.histogram(
        "dolmen_kafka_produce_duration_seconds",
        "Time from a Produce to its answer, with the sync.",
    )
    .buckets(&[], &counters.produce_durations);
    let (mut bytes, mut open) = (0, 0);
    let logs = state.catalog.logs();
    for log in &logs {
        let inner = log.lock();
        bytes += inner.len();
        open += inner.rules.producers().open().count();
    }
    out.gauge("dolmen_kafka_partitions", "Partitions.").sample(&[], logs.len());
    out.gauge("dolmen_kafka_log_bytes", "Bytes of all segments.").sample(&[], bytes);
    out.gauge("dolmen_kafka_open_transactions", "Open transactions, by partition.").sample(&[], open);
}
