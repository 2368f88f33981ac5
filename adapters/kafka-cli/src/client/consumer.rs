//! Reading: any partitions from any offsets, with or without what is not committed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use anyhow::{Context, Result};
use dolmen_blocks::Libraries;
use dolmen_kafka::batch::Batch;
use dolmen_kafka::control::{self, Outcome};
use dolmen_kafka::messages::fetch_request::{FetchPartition, FetchTopic};
use dolmen_kafka::messages::fetch_response::PartitionData;
use dolmen_kafka::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use dolmen_kafka::messages::{FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse};
use dolmen_kafka::wire::Message;
use dolmen_kafka::{compression, limits};

use super::{Cluster, To, check};

/// The first offset that is there.
pub const EARLIEST: i64 = -2;
/// The offset behind the last record.
pub const LATEST: i64 = -1;

/// A record that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Where a reader stands, partition by partition: the next offset.
pub type Positions = BTreeMap<(String, i32), i64>;

/// The offset for a time, [`EARLIEST`] or [`LATEST`].
///
/// # Errors
///
/// If the broker refuses.
pub fn offset_for(
    cluster: &mut Cluster,
    topic: &str,
    partition: i32,
    timestamp: i64,
    is_committed: bool,
) -> Result<i64> {
    let partitions =
        [ListOffsetsPartition { partition_index: partition, timestamp, ..ListOffsetsPartition::default() }];
    let topics = [ListOffsetsTopic {
        name: topic,
        partitions: (&partitions[..]).into(),
        ..ListOffsetsTopic::default()
    }];
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: i8::from(is_committed),
        topics: (&topics[..]).into(),
        ..ListOffsetsRequest::default()
    };
    super::retry(cluster, "asking for an offset", |cluster| {
        let leader = cluster.leader(topic, partition)?;
        let (body, version) = cluster.call(To::Broker(leader), &request, (2, 7))?;
        let response = ListOffsetsResponse::decode(&body, version)?;
        let found = response.topics.first().and_then(|topic| topic.partitions.first());
        let found = found.context("the broker tells nothing of the partition")?;
        check(found.error_code, format!("the offsets of {topic}-{partition}"))?;
        Ok(found.offset)
    })
}

/// Reads what comes next of some partitions and moves their positions; waits up to `wait_ms` for the first record.
///
/// # Errors
///
/// If the broker refuses, or a batch is damaged.
pub fn fetch(
    cluster: &mut Cluster,
    positions: &mut Positions,
    is_committed: bool,
    wait_ms: i32,
) -> Result<Vec<Incoming>> {
    let mut by_leader: BTreeMap<i32, BTreeMap<String, Vec<FetchPartition<'static>>>> = BTreeMap::new();
    for ((topic, partition), offset) in positions.iter() {
        let leader = cluster.leader(topic, *partition)?;
        let wanted = FetchPartition {
            partition: *partition,
            current_leader_epoch: -1,
            fetch_offset: *offset,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        };
        by_leader.entry(leader).or_default().entry(topic.clone()).or_default().push(wanted);
    }
    let mut out = Vec::new();
    for (leader, topics) in by_leader {
        let topics: Vec<FetchTopic<'_>> = topics
            .iter()
            .map(|(topic, partitions)| FetchTopic {
                topic,
                partitions: (&partitions[..]).into(),
                ..FetchTopic::default()
            })
            .collect();
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: wait_ms,
            min_bytes: 1,
            max_bytes: 50 << 20,
            isolation_level: i8::from(is_committed),
            session_id: 0,
            session_epoch: -1,
            topics: (&topics[..]).into(),
            ..FetchRequest::default()
        };
        let (body, version) = cluster.call(To::Broker(leader), &request, (4, 12))?;
        let response = FetchResponse::decode(&body, version)?;
        check(response.error_code, "Fetch")?;
        for topic in &response.responses {
            for data in &topic.partitions {
                check(data.error_code, format!("reading {}-{}", topic.topic, data.partition_index))?;
                let key = (topic.topic.to_owned(), data.partition_index);
                let Some(position) = positions.get_mut(&key) else { continue };
                read(topic.topic, &data, position, is_committed, &mut out)?;
            }
        }
    }
    Ok(out)
}

/// The records of one partition's answer that a reader at `position` gets. A batch that is cut off ends it.
fn read(
    topic: &str,
    data: &PartitionData<'_>,
    position: &mut i64,
    is_committed: bool,
    out: &mut Vec<Incoming>,
) -> Result<()> {
    let aborted = data.aborted_transactions.iter().flatten().filter(|_| is_committed);
    let mut begins: BinaryHeap<Reverse<(i64, i64)>> =
        aborted.map(|aborted| Reverse((aborted.first_offset, aborted.producer_id))).collect();
    let mut skipped = BTreeSet::new();
    let mut rest = data.records.unwrap_or_default();
    while let Ok((batch, behind)) = Batch::split(rest, 0) {
        rest = behind;
        while let Some(Reverse((first, id))) =
            begins.peek().copied().filter(|top| top.0.0 <= batch.last_offset())
        {
            begins.pop();
            let _ = first;
            skipped.insert(id);
        }
        if batch.is_control() {
            if control::marker(&batch).is_some_and(|marker| marker.outcome == Outcome::Abort) {
                skipped.remove(&batch.producer_id());
            }
        } else if !(batch.is_transactional() && skipped.contains(&batch.producer_id())) {
            let mut expanded = Vec::new();
            if batch.codec() != dolmen_kafka::batch::Codec::None {
                compression::expand(&batch, &Libraries, limits::EXPANDED_LEN_MAX, &mut expanded)?;
            }
            for record in batch.records(&expanded)? {
                let offset = batch.offset_of(&record);
                if offset < *position {
                    continue;
                }
                out.push(Incoming {
                    topic: topic.into(),
                    partition: data.partition_index,
                    offset,
                    timestamp_ms: batch.timestamp_of(&record),
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers: record
                        .headers
                        .iter()
                        .map(|(key, value)| (key.to_owned(), value.map(<[u8]>::to_vec)))
                        .collect(),
                });
            }
        }
        *position = (*position).max(batch.last_offset().saturating_add(1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use dolmen_kafka::batch::{Builder, Meta};
    use dolmen_kafka::log::cleaner::{Circumstances, Cleaner, Latest};
    use dolmen_kafka::record::Record;

    use super::*;

    fn batch(base_offset: i64, keys: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut builder = Builder::new(&mut out, Meta { base_offset, ..Meta::default() });
        for key in keys {
            let record = Record { key: Some(key.as_bytes()), value: Some(b"v"), ..Record::default() };
            assert!(builder.push(0, record));
        }
        builder.finish(None);
        out
    }

    /// kafka-10 of the known faults: a reader goes on behind what a batch covered, though its last records, or all of them, are gone.
    #[test]
    fn a_reader_goes_on_behind_what_the_cleaner_took() {
        for (keys, later, left) in
            [(["a", "b", "c"], vec!["a", "b", "c"], 0), (["a", "b", "c"], vec!["b", "c"], 1)]
        {
            let (first, later) = (batch(0, &keys), batch(3, &later));
            let mut latest = Latest::default();
            for bytes in [&first, &later] {
                assert!(latest.note(&Batch::split(bytes, 0).unwrap().0, &[]).unwrap());
            }
            let cleaner = Cleaner { latest: &latest, delete_retention_ms: 1000, now_ms: 0 };
            let about = Circumstances { is_aborted: false, is_last: true, has_data: false };
            let mut cleaned = Vec::new();
            let (whole, _) = Batch::split(&first, 0).unwrap();
            cleaner.clean(&whole, &[], about, &mut |_, _, _| false, &mut cleaned).unwrap();
            let data = PartitionData { records: Some(&cleaned), ..PartitionData::default() };
            let (mut position, mut out) = (0, Vec::new());
            read("t", &data, &mut position, true, &mut out).unwrap();
            assert_eq!((position, out.len()), (3, left));
        }
    }
}
