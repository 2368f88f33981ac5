//! Kafka's step of the tour.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_cli::Report;
use dolmen_kafka::batch::{Batch, Builder, Meta, attribute};
use dolmen_kafka::control::{Marker, MarkerMeta, Outcome, put_marker};
use dolmen_kafka::partition::Partition;
use dolmen_kafka::record::Record;

/// The input: this very page.
const SOURCE: &str = include_str!("lib.rs");
/// Lines of one transaction.
const LINES: usize = 8;

/// Every eight lines as a transaction, each third of them aborted; read as a reader of committed data does.
///
/// # Errors
///
/// If the log gives back anything else than the committed lines.
pub fn tour(_scratch: &Path) -> Result<Report> {
    let mut partition = Partition::new(0);
    let mut log = Vec::new();
    let lines: Vec<&str> = SOURCE.lines().collect();
    let mut committed = Vec::new();
    for (number, part) in lines.chunks(LINES).enumerate() {
        let outcome = if number % 3 == 2 { Outcome::Abort } else { Outcome::Commit };
        append(&mut partition, &mut log, part, outcome)?;
        if outcome == Outcome::Commit {
            committed.extend_from_slice(part);
        }
    }
    partition.durable_until(partition.log_end());
    let aborted: Vec<_> = partition.aborted_between(0, partition.last_stable_offset()).collect();
    let mut read = Vec::new();
    let mut rest = &log[..];
    while !rest.is_empty() {
        let (batch, behind) = Batch::split(rest, 0)?;
        rest = behind;
        let is_aborted =
            aborted.iter().any(|a| (a.first_offset..a.last_offset).contains(&batch.base_offset()));
        if !batch.is_control() && !is_aborted {
            read.extend(batch.records(&[])?.filter_map(|record| record.value.map(<[u8]>::to_vec)));
        }
    }
    ensure!(
        read.iter().map(Vec::as_slice).eq(committed.iter().map(|line| line.as_bytes())),
        "other lines came back"
    );
    let did = format!(
        "{} lines in {} transactions, {} of them aborted; readers of committed data see {}",
        lines.len(),
        lines.len().div_ceil(LINES),
        aborted.len(),
        read.len()
    );
    Ok(Report { system: "kafka", did, page: "core/kafka/README.md" })
}

/// One transaction: its lines, then its marker.
fn append(partition: &mut Partition, log: &mut Vec<u8>, lines: &[&str], outcome: Outcome) -> Result<()> {
    let start = log.len();
    let meta = Meta {
        base_offset: partition.log_end(),
        producer_id: 1,
        producer_epoch: 0,
        attributes: attribute::TRANSACTIONAL,
        ..Meta::default()
    };
    let mut builder = Builder::new(log, meta);
    for line in lines {
        ensure!(
            builder.push(0, Record { value: Some(line.as_bytes()), ..Record::default() }),
            "a batch is full"
        );
    }
    builder.finish(None);
    let base_offset = partition.log_end() + lines.len() as i64;
    let marker =
        MarkerMeta { producer_id: 1, producer_epoch: 0, base_offset, leader_epoch: 0, timestamp_ms: 0 };
    put_marker(log, marker, Marker { outcome, coordinator_epoch: 0 });
    let mut rest = &log[start..];
    while !rest.is_empty() {
        let (batch, behind) = Batch::split(rest, 0)?;
        partition.appended(&batch);
        rest = behind;
    }
    Ok(())
}
