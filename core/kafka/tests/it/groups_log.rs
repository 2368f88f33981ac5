//! The log of groups of a real Kafka: every record is understood and written again byte for byte, and the state that it leaves is the broker's.

use dolmen_kafka::batch::Batch;
use dolmen_kafka::control::Outcome;
use dolmen_kafka::group::machine::LoadError;
use dolmen_kafka::group::records::{self, Record, Said};
use dolmen_kafka::group::{Groups, Settings, partition_of};
use dolmen_kafka::txn::Producer;

use crate::data;

fn settings() -> Settings {
    Settings { partition_count: 1, ..Settings::default() }
}

fn log(version: &str) -> Option<Vec<u8>> {
    let folder = data::folder(version)?;
    Some(std::fs::read(folder.join("__consumer_offsets-0/00000000000000000000.log")).unwrap())
}

fn batches(bytes: &[u8]) -> Vec<Batch<'_>> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (batch, behind) = Batch::split(rest, 0).unwrap();
        out.push(batch);
        rest = behind;
    }
    out
}

fn loaded(bytes: &[u8], count: usize) -> Groups {
    let mut groups = Groups::new(settings(), 1);
    for batch in batches(bytes).iter().take(count) {
        groups.load(0, batch, &[]).unwrap();
    }
    groups
}

/// What a record says, written again.
fn again(said: &Said) -> Option<Record> {
    let record = match said {
        Said::Offset { group, topic, partition, committed } => {
            records::offset(group, topic, *partition, committed.as_ref())
        }
        Said::Classic { group, state } => records::classic(group, state.as_ref()),
        Said::Epoch { group, value } => records::epoch(group, *value),
        Said::Member { group, member, value } => records::member(group, member, value.as_ref()),
        Said::TargetEpoch { group, value } => records::target_epoch(group, *value),
        Said::Target { group, member, value } => records::target(group, member, value.as_ref()),
        Said::Current { group, member, value } => {
            let value = value.as_ref().map(|current| dolmen_kafka::group::consumer::ConsumerMember {
                epoch: current.epoch,
                previous_epoch: current.previous_epoch,
                state: current.state,
                assigned: current.assigned.clone(),
                revoking: current.revoking.clone(),
                ..Default::default()
            });
            records::current(group, member, value.as_ref())
        }
        Said::Other => return None,
    };
    Some(record.unwrap())
}

#[test]
fn every_record_is_written_again_as_it_was() {
    let mut count = 0;
    for version in data::VERSIONS {
        let Some(bytes) = log(version) else { continue };
        for batch in batches(&bytes).iter().filter(|batch| !batch.is_control()) {
            for (offset, key, value) in records::each(batch, &[]).unwrap() {
                let said = records::parse(key, value).unwrap();
                let record = again(&said).unwrap_or_else(|| panic!("{version} {offset}: not understood"));
                assert_eq!(record.key, key, "{version} {offset}");
                assert_eq!(record.value.as_deref(), value, "{version} {offset}: {said:?}");
                count += 1;
            }
        }
    }
    assert!(data::folder("4.4.0").is_none() || count > 60, "{count}");
}

#[test]
fn batches_are_those_of_the_real_coordinator() {
    let Some(bytes) = log("4.4.0") else { return };
    let (mut plain, mut transactional) = (0, 0);
    for batch in batches(&bytes).iter().filter(|batch| !batch.is_control()) {
        let all: Vec<Record> = records::each(batch, &[])
            .unwrap()
            .map(|(_, key, value)| Record { key: key.into(), value: value.map(Into::into) })
            .collect();
        // Tombstones of a deleted group stand in a batch with the transactional bit and no producer: a slip of the real one.
        let is_slip = batch.is_transactional() && batch.producer_id() < 0;
        let producer = (batch.producer_id() >= 0)
            .then(|| Producer { id: batch.producer_id(), epoch: batch.producer_epoch() });
        let mut ours = Vec::new();
        assert!(records::put_batch(&mut ours, &all, producer, batch.max_timestamp_ms()));
        dolmen_kafka::batch::stamp(&mut ours, batch.base_offset(), batch.leader_epoch());
        assert!(is_slip || ours == batch.bytes(), "{}", batch.base_offset());
        plain += usize::from(producer.is_none());
        transactional += usize::from(producer.is_some());
    }
    assert!(plain > 10 && transactional >= 3);
}

#[test]
fn the_state_is_the_brokers() {
    for version in data::VERSIONS {
        let Some(bytes) = log(version) else { continue };
        let groups = loaded(&bytes, usize::MAX);
        let offset = |group: &str, partition| {
            groups.offsets(group).and_then(|o| o.get("parts", partition)).map(|committed| committed.offset)
        };
        // Deleted; committed plainly again and again; in transactions of which the second was aborted.
        assert!(groups.offsets("group-b").is_none(), "{version}");
        assert!(offset("group-a", 0).is_some() && offset("group-a", 1).is_some());
        let of_transactions = [0, 1, 2].map(|partition| offset("group-txn", partition));
        assert_eq!(of_transactions, [Some(22), Some(20), Some(12)], "{version}");
        assert!(!groups.offsets("group-txn").unwrap().has_pending());
        let classic = groups.classic("group-classic").unwrap();
        assert_eq!((classic.generation, classic.members.len()), (2, 0), "{version}");
        assert_eq!(classic.protocol_type.as_deref(), Some("consumer"));
    }
    let Some(bytes) = log("4.4.0") else { return };
    let groups = loaded(&bytes, usize::MAX);
    let newer = groups.consumer("group-new").unwrap();
    assert_eq!((newer.epoch, newer.target_epoch, newer.members.len()), (3, 3, 0));
}

#[test]
fn a_member_of_a_newer_group_is_found_where_it_stood() {
    let Some(bytes) = log("4.4.0") else { return };
    let all = batches(&bytes);
    let count = all.iter().position(|batch| batch.base_offset() == 41).unwrap();
    let groups = loaded(&bytes, count);
    let group = groups.consumer("group-new").unwrap();
    let member = group.members.values().next().unwrap();
    let owned: Vec<i32> = member.assigned.values().flat_map(|owned| owned.keys().copied()).collect();
    assert_eq!((member.epoch, member.previous_epoch, owned), (2, 0, vec![0, 1, 2]));
    assert_eq!(group.target[&member.id].values().next().unwrap().len(), 3);
    assert_eq!(groups.offsets("group-new").unwrap().get("parts", 1).unwrap().offset, 3);
}

#[test]
fn pending_offsets_wait_for_their_marker() {
    let Some(bytes) = log("4.4.0") else { return };
    let all = batches(&bytes);
    let before_marker = all.iter().position(|batch| batch.is_control()).unwrap();
    let groups = loaded(&bytes, before_marker);
    let offsets = groups.offsets("group-txn").unwrap();
    assert!(offsets.get("parts", 0).is_none() && offsets.is_pending("parts", 0));
    let offsets_after = loaded(&bytes, before_marker + 1);
    assert_eq!(offsets_after.offsets("group-txn").unwrap().get("parts", 0).unwrap().offset, 10);
}

#[test]
fn a_damaged_record_is_named_by_its_offset() {
    let record = Record { key: vec![0, 1, 0, 9], value: Some(vec![0, 3]) };
    let mut bytes = Vec::new();
    assert!(records::put_batch(&mut bytes, &[record], None, 7));
    let (batch, _) = Batch::split(&bytes, 0).unwrap();
    let mut groups = Groups::new(settings(), 1);
    assert!(matches!(groups.load(0, &batch, &[]), Err(LoadError::Record { offset: 0, .. })));
}

#[test]
fn kinds_that_are_not_known_are_passed_over() {
    assert_eq!(records::parse(&[0, 77, 1, 2], Some(&[0, 9, 9])), Ok(Said::Other));
    assert!(records::parse(&[0], None).is_err() && records::parse(&[0, 77], Some(&[1])).is_err());
}

/// The later entry of the log wins, plain or not; an abort leaves nothing.
#[test]
fn the_larger_log_offset_wins() {
    use dolmen_kafka::group::offsets::{Committed, Offsets};
    let at = |offset, log_offset| Committed {
        offset,
        leader_epoch: -1,
        metadata: String::new(),
        commit_ms: 0,
        expire_ms: None,
        topic_id: Default::default(),
        log_offset,
    };
    let mut offsets = Offsets::default();
    offsets.logged("t", 0, at(5, 0), Some(7));
    offsets.logged("t", 0, at(7, 1), None);
    offsets.logged("t", 1, at(9, 2), Some(7));
    assert!(offsets.is_pending("t", 0));
    offsets.ended(7, Outcome::Commit);
    assert_eq!((offsets.get("t", 0).unwrap().offset, offsets.get("t", 1).unwrap().offset), (7, 9));
    offsets.logged("t", 0, at(11, 3), Some(8));
    offsets.ended(8, Outcome::Abort);
    assert_eq!(offsets.get("t", 0).unwrap().offset, 7);
    // Deleted while pending: the commit brings nothing back.
    offsets.logged("t", 1, at(20, 4), Some(9));
    offsets.forgotten("t", 1);
    offsets.ended(9, Outcome::Commit);
    assert!(offsets.get("t", 1).is_none());
}

/// Java's `"…".hashCode()`, its sign dropped.
#[test]
fn a_name_belongs_to_the_partition_that_java_says() {
    let hashes = [("", 0), ("a", 97), ("group-a", 293_427_347), ("hello", 99_162_322)];
    for (name, hash) in hashes {
        assert_eq!(partition_of(name, i32::MAX), hash, "{name}");
    }
    // The one string whose hash is the smallest number.
    assert_eq!(partition_of("polygenelubricants", 50), 0);
    assert_eq!(partition_of("é☃", 50), partition_of("é☃", 100) % 50);
}
