//! What is counted of requests.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dolmen_host::Metrics;
use dolmen_s3::operation::Operation;

/// Counts of one operation, by the class of its status.
#[derive(Default)]
struct Outcomes([AtomicU64; 6]);

/// All counts.
pub(crate) struct Numbers {
    operations: Vec<Outcomes>,
    pub received: AtomicU64,
    pub sent: AtomicU64,
    forwarded_wrongly: AtomicU64,
}

impl Numbers {
    pub fn new() -> Numbers {
        let operations = (0..=Operation::all().count()).map(|_| Outcomes::default()).collect();
        Numbers {
            operations,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            forwarded_wrongly: AtomicU64::new(0),
        }
    }

    /// One of our proxies said something that is no address: the first time it is logged, then only counted.
    pub fn forwarded_wrongly(&self, proxy: IpAddr) {
        if self.forwarded_wrongly.fetch_add(1, Relaxed) == 0 {
            tracing::warn!(
                target: "s3",
                "X-Forwarded-For by the proxy {proxy} holds no IP address where one is due: the proxy's own address counts in policies; more of these are counted, not logged"
            );
        }
    }

    /// A request was answered; `None`: no operation was recognised.
    pub fn answered(&self, operation: Option<Operation>, status: u16) {
        let at = operation.map_or(self.operations.len() - 1, |operation| operation as usize);
        let class = usize::from(status / 100).min(5);
        self.operations[at].0[class].fetch_add(1, Relaxed);
    }

    /// Requests that were answered.
    pub fn total(&self) -> u64 {
        self.operations.iter().flat_map(|outcomes| &outcomes.0).map(|count| count.load(Relaxed)).sum()
    }

    /// Requests that were answered with an error of the server.
    pub fn failed(&self) -> u64 {
        self.operations.iter().map(|outcomes| outcomes.0[5].load(Relaxed)).sum()
    }

    pub fn write(&self, out: &mut Metrics) {
        out.counter("dolmen_s3_requests_total", "Requests by operation and class of status.");
        let names = Operation::all().map(Operation::name).chain(["unknown"]);
        for (name, outcomes) in names.zip(&self.operations) {
            for (class, count) in outcomes.0.iter().enumerate() {
                let count = count.load(Relaxed);
                if count > 0 {
                    out.sample(&[("operation", name), ("status", &format!("{class}xx"))], count);
                }
            }
        }
        out.counter("dolmen_s3_received_bytes_total", "Bytes of objects that came in.")
            .sample(&[], self.received.load(Relaxed));
        out.counter("dolmen_s3_sent_bytes_total", "Bytes of bodies that were announced.")
            .sample(&[], self.sent.load(Relaxed));
        out.counter(
            "dolmen_s3_forwarded_malformed_total",
            "Requests of our proxies whose X-Forwarded-For could not be read.",
        )
        .sample(&[], self.forwarded_wrongly.load(Relaxed));
    }
}
