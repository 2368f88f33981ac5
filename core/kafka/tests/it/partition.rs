//! The rules of a partition's leader, one by one.

use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, Builder, Meta, attribute};
use dolmen_kafka::control::{Marker, MarkerMeta, Outcome, put_marker};
use dolmen_kafka::partition::producers::{Verdict, WINDOW};
use dolmen_kafka::partition::{Partition, unverified};
use dolmen_kafka::record::Record;

const ID: i64 = 5;

#[derive(Clone, Copy)]
struct Sent {
    epoch: i16,
    sequence: i32,
    count: i32,
    transactional: bool,
}

fn bytes(partition: &Partition, sent: Sent) -> Vec<u8> {
    let mut out = Vec::new();
    let meta = Meta {
        base_offset: partition.log_end(),
        producer_id: ID,
        producer_epoch: sent.epoch,
        base_sequence: sent.sequence,
        attributes: if sent.transactional { attribute::TRANSACTIONAL } else { 0 },
        ..Meta::default()
    };
    let mut builder = Builder::new(&mut out, meta);
    for _ in 0..sent.count {
        builder.push(1000, Record { value: Some(b"v"), ..Record::default() });
    }
    builder.finish(None);
    out
}

/// Sends a batch; what is allowed is appended.
fn send(partition: &mut Partition, sent: Sent) -> Verdict {
    let bytes = bytes(partition, sent);
    let (batch, _) = Batch::split(&bytes, 0).unwrap();
    let verdict = partition.judge(&batch, true);
    if verdict == Verdict::Append {
        partition.appended(&batch);
        partition.durable_until(partition.log_end());
    }
    verdict
}

fn plain(sequence: i32, count: i32) -> Sent {
    Sent { epoch: 0, sequence, count, transactional: false }
}

fn part(epoch: i16, sequence: i32) -> Sent {
    Sent { epoch, sequence, count: 1, transactional: true }
}

fn mark(partition: &mut Partition, id: i64, epoch: i16, outcome: Outcome) {
    let mut out = Vec::new();
    let meta = MarkerMeta {
        producer_id: id,
        producer_epoch: epoch,
        base_offset: partition.log_end(),
        leader_epoch: 0,
        timestamp_ms: 2000,
    };
    put_marker(&mut out, meta, Marker { outcome, coordinator_epoch: 3 });
    let (batch, _) = Batch::split(&out, 0).unwrap();
    partition.appended(&batch);
}

const ORDER: Verdict = Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
const OLD: Verdict = Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
const STATE: Verdict = Verdict::Refuse(ErrorCode::INVALID_TXN_STATE);

#[test]
fn a_repeated_batch_gets_its_first_answer() {
    let mut partition = Partition::new(0);
    assert_eq!(send(&mut partition, plain(0, 3)), Verdict::Append);
    assert_eq!(send(&mut partition, plain(3, 2)), Verdict::Append);
    assert_eq!(send(&mut partition, plain(0, 3)), Verdict::Duplicate { base_offset: 0, timestamp_ms: 1000 });
    assert_eq!(send(&mut partition, plain(3, 2)), Verdict::Duplicate { base_offset: 3, timestamp_ms: 1000 });
    assert_eq!(send(&mut partition, plain(3, 1)), ORDER, "a part of a batch is no repetition");
    assert_eq!(partition.log_end(), 5);
}

#[test]
fn repetitions_are_known_within_the_window() {
    let mut partition = Partition::new(0);
    for i in 0..=WINDOW as i32 {
        assert_eq!(send(&mut partition, plain(i, 1)), Verdict::Append);
    }
    assert_eq!(send(&mut partition, plain(0, 1)), ORDER);
    assert!(matches!(send(&mut partition, plain(1, 1)), Verdict::Duplicate { base_offset: 1, .. }));
}

#[test]
fn sequences_follow_each_other_and_wrap() {
    let mut partition = Partition::new(0);
    assert_eq!(
        send(&mut partition, plain(i32::MAX - 1, 3)),
        Verdict::Append,
        "of an unknown producer any is taken"
    );
    assert_eq!(send(&mut partition, plain(0, 1)), ORDER);
    assert_eq!(send(&mut partition, plain(2, 1)), ORDER);
    assert_eq!(send(&mut partition, plain(1, 1)), Verdict::Append);
}

#[test]
fn a_new_epoch_begins_at_zero_and_an_old_one_is_over() {
    let mut partition = Partition::new(0);
    let at = |epoch, sequence| Sent { epoch, ..plain(sequence, 1) };
    assert_eq!(send(&mut partition, at(4, 9)), Verdict::Append);
    assert_eq!(send(&mut partition, at(5, 10)), ORDER);
    assert_eq!(send(&mut partition, at(5, 0)), Verdict::Append);
    assert_eq!(send(&mut partition, at(4, 10)), OLD);
    assert_eq!(send(&mut partition, at(4, 9)), OLD, "a repetition of an old epoch as well");
}

#[test]
fn the_last_stable_offset_waits_for_the_first_open_transaction_and_for_its_end_to_be_durable() {
    let mut partition = Partition::new(10);
    send(&mut partition, plain(0, 2));
    assert_eq!(partition.last_stable_offset(), 12);
    let open = bytes(&partition, Sent { sequence: 2, ..part(0, 0) });
    partition.appended(&Batch::split(&open, 0).unwrap().0);
    partition.durable_until(13);
    assert_eq!(partition.last_stable_offset(), 12);
    mark(&mut partition, ID, 0, Outcome::Commit);
    assert_eq!(partition.last_stable_offset(), 12, "the marker is not durable");
    partition.durable_until(14);
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (14, 14));
    partition.durable_until(99);
    assert_eq!(partition.high_watermark(), 14, "nothing beyond the log's end is durable");
}

#[test]
fn an_open_transaction_takes_only_its_own_kind() {
    let mut partition = Partition::new(0);
    assert_eq!(send(&mut partition, part(1, 0)), Verdict::Append);
    assert_eq!(send(&mut partition, Sent { transactional: false, ..part(1, 1) }), STATE);
    assert_eq!(send(&mut partition, part(2, 0)), OLD, "a higher epoch without a marker between");
    mark(&mut partition, ID, 1, Outcome::Commit);
    assert_eq!(send(&mut partition, Sent { transactional: false, ..part(1, 1) }), Verdict::Append);
}

#[test]
fn what_the_coordinator_does_not_know_opens_no_transaction() {
    let partition = Partition::new(0);
    let bytes = bytes(&partition, part(0, 0));
    let (batch, _) = Batch::split(&bytes, 0).unwrap();
    assert_eq!(partition.judge(&batch, false), STATE);
    assert_eq!(partition.judge(&batch, true), Verdict::Append);
}

/// The coordinator is asked first: what is repeated after its transaction has ended is refused, not answered as of then.
#[test]
fn a_repetition_behind_the_end_of_its_transaction_is_refused() {
    let mut partition = Partition::new(0);
    let bytes = bytes(&partition, part(0, 0));
    assert_eq!(send(&mut partition, part(0, 0)), Verdict::Append);
    mark(&mut partition, ID, 0, Outcome::Commit);
    let (batch, _) = Batch::split(&bytes, 0).unwrap();
    assert_eq!(partition.judge(&batch, false), STATE);
    assert!(matches!(partition.judge(&batch, true), Verdict::Duplicate { base_offset: 0, .. }));
}

#[test]
fn what_a_produce_is_told_of_its_transaction_depends_on_its_version() {
    use ErrorCode as Code;
    for version in 3..=13 {
        let told = |code| unverified(code, version);
        assert_eq!(told(Code::PRODUCER_FENCED), Code::INVALID_PRODUCER_EPOCH, "never 90 of a partition");
        let unknown = if version < 11 { Code::INVALID_TXN_STATE } else { Code::TRANSACTION_ABORTABLE };
        assert_eq!(told(Code::TRANSACTION_ABORTABLE), unknown);
        for busy in [
            Code::CONCURRENT_TRANSACTIONS,
            Code::COORDINATOR_NOT_AVAILABLE,
            Code::COORDINATOR_LOAD_IN_PROGRESS,
        ] {
            assert_eq!(told(busy), if version < 12 { Code::NOT_ENOUGH_REPLICAS } else { busy });
        }
        assert_eq!(told(Code::INVALID_PRODUCER_ID_MAPPING), Code::INVALID_PRODUCER_ID_MAPPING);
    }
}

/// A marker for a producer that has nothing open here: nothing is listed, but its epoch counts from now on.
#[test]
fn a_marker_of_nothing_shuts_out_all_the_same() {
    let mut partition = Partition::new(0);
    assert_eq!(send(&mut partition, plain(0, 1)), Verdict::Append);
    mark(&mut partition, ID, 0, Outcome::Commit);
    assert_eq!(send(&mut partition, plain(1, 1)), Verdict::Append, "an equal epoch forgets no sequence");
    mark(&mut partition, ID, 2, Outcome::Abort);
    assert_eq!(partition.aborted(), []);
    assert_eq!(send(&mut partition, plain(2, 1)), OLD);
    assert_eq!(send(&mut partition, Sent { epoch: 2, ..plain(2, 1) }), ORDER, "its sequences begin anew");
    assert_eq!(send(&mut partition, Sent { epoch: 2, ..plain(0, 1) }), Verdict::Append);
}

#[test]
fn a_marker_with_a_raised_epoch_shuts_the_producer_out_and_forgets_its_sequences() {
    let mut partition = Partition::new(0);
    send(&mut partition, part(3, 0));
    mark(&mut partition, ID, 4, Outcome::Abort);
    assert_eq!(send(&mut partition, part(3, 1)), OLD);
    assert_eq!(send(&mut partition, part(4, 0)), Verdict::Append);
}

#[test]
fn markers_are_judged_by_epoch_and_coordinator() {
    let mut partition = Partition::new(0);
    assert_eq!(partition.judge_marker(ID, 0, 0, true), Ok(()), "of a producer that never wrote");
    send(&mut partition, part(3, 0));
    let old = Err(ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(partition.judge_marker(ID, 2, 9, false), old);
    assert_eq!(partition.judge_marker(ID, 3, 9, false), Ok(()));
    assert_eq!(partition.judge_marker(ID, 3, 9, true), old);
    assert_eq!(partition.judge_marker(ID, 4, 0, true), Ok(()), "no coordinator has spoken yet");
    mark(&mut partition, ID, 4, Outcome::Commit);
    assert_eq!(partition.judge_marker(ID, 4, 3, true), Ok(()), "again, when it is closed");
    assert_eq!(partition.judge_marker(ID, 4, 2, false), Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED));
}

#[test]
fn aborted_transactions_are_listed_by_their_markers_where_they_touch_what_is_read() {
    let mut partition = Partition::new(0);
    let other = |partition: &mut Partition, id: i64| {
        let mut out = bytes(partition, part(0, 0));
        let meta = Meta {
            base_offset: partition.log_end(),
            producer_id: id,
            producer_epoch: 0,
            base_sequence: 0,
            attributes: attribute::TRANSACTIONAL,
            ..Meta::default()
        };
        out.clear();
        let mut builder = Builder::new(&mut out, meta);
        builder.push(1, Record::default());
        builder.finish(None);
        partition.appended(&Batch::split(&out, 0).unwrap().0);
    };
    other(&mut partition, 1); // 0
    other(&mut partition, 2); // 1
    mark(&mut partition, 2, 0, Outcome::Abort); // 2
    other(&mut partition, 3); // 3
    mark(&mut partition, 3, 0, Outcome::Commit); // 4
    mark(&mut partition, 1, 0, Outcome::Abort); // 5
    partition.durable_until(6);
    let list = |from, until| {
        partition.aborted_between(from, until).map(|a| (a.producer_id, a.first_offset)).collect::<Vec<_>>()
    };
    assert_eq!(list(0, 6), [(2, 1), (1, 0)]);
    assert_eq!(list(3, 6), [(1, 0)]);
    assert_eq!(list(0, 1), [(1, 0)]);
    assert_eq!(partition.aborted()[0].last_stable_offset, 0);
    assert_eq!(partition.aborted()[1].last_stable_offset, 6);
    partition.delete_until(3);
    assert_eq!(partition.aborted().len(), 1);
    assert_eq!(partition.log_start(), 3);
}

#[test]
fn deleting_into_an_open_transaction_moves_the_last_stable_offset() {
    let mut partition = Partition::new(0);
    send(&mut partition, part(0, 0));
    send(&mut partition, part(0, 1));
    partition.delete_until(1);
    assert_eq!(partition.last_stable_offset(), 1);
    mark(&mut partition, ID, 1, Outcome::Abort);
    let list: Vec<i64> = partition.aborted_between(1, 3).map(|aborted| aborted.first_offset).collect();
    assert_eq!(list, [0], "where it began, though that is gone");
}

#[test]
fn idle_producers_are_forgotten_but_never_with_a_transaction_open() {
    let mut partition = Partition::new(0);
    send(&mut partition, part(0, 0));
    partition.expire_producers(i64::MAX);
    assert!(partition.producers().get(ID).is_some());
    mark(&mut partition, ID, 0, Outcome::Commit);
    partition.expire_producers(2000);
    assert!(partition.producers().get(ID).is_some());
    partition.expire_producers(2001);
    assert!(partition.producers().get(ID).is_none());
}
