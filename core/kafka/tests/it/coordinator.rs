//! Every cell of the coordinator's tables, as Kafka 4.4.0 (transaction.version 2) and 3.9.2 answer them.

use dolmen_kafka::ErrorCode;
use dolmen_kafka::control::Outcome::{self, Abort, Commit};
use dolmen_kafka::txn::decide::{self, Decision, Facts};
use dolmen_kafka::txn::state::{EPOCH_LAST, NO_EPOCH, NO_ID, Partitions};
use dolmen_kafka::txn::{Entry, Producer, Status, TransactionVersion};

const ID: i64 = 7;
const SPARE: i64 = 1000;

fn facts() -> Facts {
    Facts { now_ms: 5000, spare_id: Some(SPARE), is_pending: false, feature: TransactionVersion::Tv2 }
}

fn before_raising() -> Facts {
    Facts { feature: TransactionVersion::Tv1, ..facts() }
}

fn producer(epoch: i16) -> Producer {
    Producer { id: ID, epoch }
}

fn partitions(indexes: &[i32]) -> Partitions {
    Partitions::from([("t".to_owned(), indexes.iter().copied().collect())])
}

fn entry(status: Status, epoch: i16) -> Entry {
    let open = !status.is_idle();
    Entry {
        producer: producer(epoch),
        status,
        partitions: if open { partitions(&[0]) } else { Partitions::new() },
        start_ms: if open { 100 } else { -1 },
        ..Entry::new(ID, 60_000, 100)
    }
}

/// An entry whose last transaction raised the epoch from `epoch - 1`.
fn raised(status: Status, epoch: i16) -> Entry {
    Entry { last_epoch: epoch - 1, client_version: TransactionVersion::Tv2, ..entry(status, epoch) }
}

/// What became of it: state and producer, or the code, or the answer.
#[derive(Debug, PartialEq)]
enum Short {
    Code(ErrorCode),
    Same(Producer),
    New(Status, Producer),
}

fn short(decision: Decision) -> Short {
    match decision {
        Decision::Refuse(code) => Short::Code(code),
        Decision::Answer(producer) => Short::Same(producer),
        Decision::Become(entry) => Short::New(entry.status, entry.producer),
    }
}

const CONC: Short = Short::Code(ErrorCode::CONCURRENT_TRANSACTIONS);
const STATE: Short = Short::Code(ErrorCode::INVALID_TXN_STATE);
const FENCED: Short = Short::Code(ErrorCode::PRODUCER_FENCED);
const MAPPING: Short = Short::Code(ErrorCode::INVALID_PRODUCER_ID_MAPPING);

#[test]
fn end_before_version_5_in_every_state() {
    use Status::*;
    let cells = [
        (Ongoing, Short::New(PrepareCommit, producer(3)), Short::New(PrepareAbort, producer(3))),
        (PrepareCommit, CONC, STATE),
        (PrepareAbort, STATE, CONC),
        (CompleteCommit, Short::Same(producer(3)), STATE),
        (CompleteAbort, STATE, Short::Same(producer(3))),
        (Empty, STATE, STATE),
    ];
    for (status, commit, abort) in cells {
        let end = |outcome| short(decide::end(&entry(status, 3), producer(3), outcome, facts()));
        assert_eq!((end(Commit), end(Abort)), (commit, abort), "{status:?}");
    }
}

#[test]
fn end_before_version_5_checks_the_producer_then_what_is_pending() {
    let open = entry(Status::Ongoing, 3);
    let pending = Facts { is_pending: true, ..facts() };
    let end = |producer, facts| short(decide::end(&open, producer, Commit, facts));
    assert_eq!(end(Producer { id: 8, epoch: 3 }, pending), MAPPING);
    assert_eq!(end(producer(2), pending), FENCED);
    assert_eq!(end(producer(4), pending), FENCED);
    assert_eq!(end(producer(3), pending), CONC);
}

/// Where Kafka answers 90 to the owner that goes on before all markers are written (`Prepare*` with the epoch of the answer), this says 51.
#[test]
fn end_from_version_5_on_in_every_state() {
    use Status::*;
    let bumped = Short::New(PrepareAbort, producer(5));
    // (state, epoch of the request, commit, abort); the stored epoch is 4, raised from 3.
    let cells = [
        (Ongoing, 4, Short::New(PrepareCommit, producer(5)), Short::New(PrepareAbort, producer(5))),
        (Ongoing, 3, FENCED, FENCED),
        (Empty, 4, STATE, Short::New(PrepareAbort, producer(5))),
        (Empty, 3, FENCED, FENCED),
        (PrepareCommit, 3, CONC, STATE),
        (PrepareCommit, 4, CONC, CONC),
        (PrepareAbort, 3, STATE, CONC),
        (PrepareAbort, 4, CONC, CONC),
        (CompleteCommit, 3, Short::Same(producer(4)), STATE),
        (CompleteCommit, 4, STATE, Short::New(PrepareAbort, producer(5))),
        (CompleteCommit, 2, FENCED, FENCED),
        (CompleteAbort, 3, STATE, Short::Same(producer(4))),
        (CompleteAbort, 4, STATE, bumped),
        (CompleteAbort, 5, FENCED, FENCED),
    ];
    for (status, epoch, commit, abort) in cells {
        let end =
            |outcome| short(decide::end_and_raise(&raised(status, 4), producer(epoch), outcome, facts()));
        assert_eq!((end(Commit), end(Abort)), (commit, abort), "{status:?} {epoch}");
    }
}

#[test]
fn an_abort_of_nothing_needs_no_marker() {
    let Decision::Become(next) = decide::end_and_raise(&entry(Status::Empty, 0), producer(0), Abort, facts())
    else {
        panic!("refused");
    };
    assert!(next.partitions.is_empty());
    let done = decide::complete(&next, 6000);
    assert_eq!((done.status, done.producer), (Status::CompleteAbort, producer(1)));
}

#[test]
fn the_producer_id_rotates_when_an_end_finds_the_last_epoch() {
    let open = entry(Status::Ongoing, EPOCH_LAST);
    let Decision::Become(next) = decide::end_and_raise(&open, producer(EPOCH_LAST), Abort, facts()) else {
        panic!("refused");
    };
    // Markers name the old id with the epoch that is kept for fencing; the client is told the new id.
    assert_eq!(next.producer, producer(i16::MAX));
    let fresh = Producer { id: SPARE, epoch: 0 };
    assert_eq!(next.next_producer(), fresh);
    let done = decide::complete(&next, 6000);
    assert_eq!((done.producer, done.previous_id, done.next_id), (fresh, ID, NO_ID));
    // Whoever repeats it is told the same, but not that it committed.
    let again =
        |outcome: Outcome| short(decide::end_and_raise(&done, producer(EPOCH_LAST), outcome, facts()));
    assert_eq!((again(Abort), again(Commit)), (Short::Same(fresh), STATE));
    // And a producer that starts again with what it had is told the new id.
    let init = short(decide::init(&done, producer(EPOCH_LAST), 1, facts()));
    assert_eq!(init, Short::New(Status::Empty, fresh));
}

#[test]
fn a_rotation_without_a_spare_id_is_to_be_tried_again() {
    let none = Facts { spare_id: None, ..facts() };
    let loading = Short::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    let open = entry(Status::Ongoing, EPOCH_LAST);
    assert_eq!(short(decide::end_and_raise(&open, producer(EPOCH_LAST), Commit, none)), loading);
    let idle = entry(Status::CompleteCommit, EPOCH_LAST);
    assert_eq!(short(decide::init(&idle, Producer::NONE, 1, none)), loading);
}

#[test]
fn init_raises_the_epoch_of_an_idle_id() {
    for status in [Status::Empty, Status::CompleteCommit, Status::CompleteAbort] {
        let first = decide::init(&entry(status, 3), Producer::NONE, 9, facts());
        let Decision::Become(next) = first else { panic!("{first:?}") };
        assert_eq!((next.producer, next.last_epoch, next.timeout_ms), (producer(4), NO_EPOCH, 9));
        assert_eq!((next.status, next.start_ms), (Status::Empty, -1));
    }
}

#[test]
fn init_by_the_owner_may_be_repeated() {
    let Decision::Become(next) = decide::init(&entry(Status::CompleteAbort, 3), producer(3), 9, facts())
    else {
        panic!("refused");
    };
    assert_eq!((next.producer, next.last_epoch), (producer(4), 3));
    assert_eq!(short(decide::init(&next, producer(3), 9, facts())), Short::New(Status::Empty, producer(4)));
    assert_eq!(short(decide::init(&next, producer(2), 9, facts())), FENCED);
    assert_eq!(short(decide::init(&next, Producer { id: 8, epoch: 4 }, 9, facts())), FENCED);
}

#[test]
fn init_of_an_unknown_id_takes_any_producer() {
    let new = Entry::new(SPARE, 9, 0);
    let first = Producer { id: SPARE, epoch: 0 };
    assert_eq!(short(decide::init(&new, producer(12), 9, facts())), Short::New(Status::Empty, first));
    assert_eq!(short(decide::init(&new, Producer::NONE, 9, facts())), Short::New(Status::Empty, first));
}

#[test]
fn init_rotates_after_the_last_epoch() {
    let idle = entry(Status::CompleteCommit, EPOCH_LAST);
    let fresh = Producer { id: SPARE, epoch: 0 };
    let Decision::Become(next) = decide::init(&idle, producer(EPOCH_LAST), 9, facts()) else {
        panic!("refused")
    };
    assert_eq!((next.producer, next.previous_id, next.last_epoch), (fresh, ID, EPOCH_LAST));
    assert_eq!(
        short(decide::init(&next, producer(EPOCH_LAST), 9, facts())),
        Short::New(Status::Empty, fresh)
    );
    let Decision::Become(next) = decide::init(&idle, Producer::NONE, 9, facts()) else { panic!("refused") };
    assert_eq!(short(decide::init(&next, producer(EPOCH_LAST), 9, facts())), FENCED);
    // One before the last is not the last.
    let almost = entry(Status::CompleteCommit, EPOCH_LAST - 1);
    assert_eq!(
        short(decide::init(&almost, Producer::NONE, 9, facts())),
        Short::New(Status::Empty, producer(EPOCH_LAST))
    );
}

#[test]
fn init_waits_for_what_is_pending_or_prepared() {
    let pending = Facts { is_pending: true, ..facts() };
    assert_eq!(short(decide::init(&entry(Status::Empty, 3), Producer { id: 8, epoch: 1 }, 9, pending)), CONC);
    for status in [Status::PrepareCommit, Status::PrepareAbort] {
        assert_eq!(short(decide::init(&entry(status, 3), Producer::NONE, 9, facts())), CONC);
    }
}

#[test]
fn init_fences_the_owner_of_an_open_transaction_and_asks_the_client_to_return() {
    for facts in [facts(), before_raising()] {
        let fenced = decide::init(&entry(Status::Ongoing, 0), Producer::NONE, 9, facts);
        let Decision::Become(next) = fenced else { panic!("{fenced:?}") };
        assert_eq!((next.status, next.producer), (Status::PrepareAbort, producer(1)));
        let done = decide::complete(&next, 6000);
        // The second bump, when the client returns.
        assert_eq!(
            short(decide::init(&done, Producer::NONE, 9, facts)),
            Short::New(Status::Empty, producer(2))
        );
        // The owner itself is told the fence's epoch where transactions raise epochs, else it is shut out.
        let owner = short(decide::init(&done, producer(0), 9, facts));
        let raises = facts.feature == TransactionVersion::Tv2;
        assert_eq!(owner, if raises { Short::New(Status::Empty, producer(1)) } else { FENCED });
    }
}

#[test]
fn a_fence_at_the_last_epoch_rotates_now_or_at_the_next_init() {
    let open = entry(Status::Ongoing, EPOCH_LAST);
    let Decision::Become(next) = decide::fence(&open, facts()) else { panic!("refused") };
    assert_eq!(next.producer, producer(i16::MAX));
    let done = decide::complete(&next, 6000);
    assert_eq!(
        short(decide::init(&done, Producer::NONE, 9, facts())),
        Short::New(Status::Empty, Producer { id: SPARE, epoch: 1 })
    );
    let Decision::Become(next) = decide::fence(&open, before_raising()) else { panic!("refused") };
    let done = decide::complete(&next, 6000);
    assert_eq!(done.producer, producer(i16::MAX));
    let rotated = Short::New(Status::Empty, Producer { id: SPARE, epoch: 0 });
    assert_eq!(short(decide::init(&done, Producer::NONE, 9, before_raising())), rotated);
}

#[test]
fn an_abort_at_the_epoch_kept_for_fencing_goes_through_without_a_bump() {
    for facts in [facts(), before_raising()] {
        let Decision::Become(next) = decide::fence(&entry(Status::Ongoing, i16::MAX), facts) else {
            panic!("refused");
        };
        assert_eq!((next.status, next.producer), (Status::PrepareAbort, producer(i16::MAX)));
    }
}

#[test]
fn add_in_every_state() {
    use Status::*;
    let open = Short::New(Ongoing, producer(3));
    for (status, expected) in [
        (Empty, &open),
        (CompleteCommit, &open),
        (CompleteAbort, &open),
        (PrepareCommit, &CONC),
        (PrepareAbort, &CONC),
    ] {
        let add =
            decide::add(&entry(status, 3), producer(3), &partitions(&[1]), TransactionVersion::Tv0, facts());
        assert_eq!(&short(add), expected, "{status:?}");
    }
    let ongoing = entry(Ongoing, 3);
    let add = |indexes: &[i32], facts| {
        decide::add(&ongoing, producer(3), &partitions(indexes), TransactionVersion::Tv0, facts)
    };
    assert_eq!(short(add(&[0], facts())), Short::Same(producer(3)));
    let Decision::Become(next) = add(&[1, 2], facts()) else { panic!("refused") };
    assert_eq!((next.partitions, next.start_ms), (partitions(&[0, 1, 2]), 100));
    assert_eq!(short(add(&[0], Facts { is_pending: true, ..facts() })), CONC);
}

#[test]
fn add_checks_the_producer_first() {
    let idle = entry(Status::Empty, 3);
    let pending = Facts { is_pending: true, ..facts() };
    let add =
        |producer| short(decide::add(&idle, producer, &partitions(&[0]), TransactionVersion::Tv0, pending));
    assert_eq!(add(Producer { id: 8, epoch: 3 }), MAPPING);
    assert_eq!(add(producer(2)), FENCED);
    assert_eq!(add(producer(3)), CONC);
}

/// Where Kafka refuses the epoch of its own answer to an EndTxn for good, until all markers are written.
#[test]
fn an_owner_that_goes_on_before_all_markers_are_written_waits() {
    let rotated = Entry { next_id: SPARE, ..raised(Status::PrepareCommit, i16::MAX) };
    let cases = [
        (raised(Status::PrepareCommit, 4), producer(4)),
        (raised(Status::PrepareAbort, 4), producer(4)),
        (rotated, Producer { id: SPARE, epoch: 0 }),
    ];
    for (prepared, owner) in cases {
        let add = decide::add(&prepared, owner, &partitions(&[0]), TransactionVersion::Tv2, facts());
        assert_eq!(short(add), CONC);
        let verified = decide::verify(&prepared, owner, &partitions(&[0]), facts());
        assert_eq!(verified, Err(ErrorCode::CONCURRENT_TRANSACTIONS));
        for outcome in [Commit, Abort] {
            assert_eq!(short(decide::end_and_raise(&prepared, owner, outcome, facts())), CONC);
        }
        // Once they are, an abort of nothing is one.
        let done = decide::complete(&prepared, 6000);
        let ended = short(decide::end_and_raise(&done, owner, Abort, facts()));
        assert_eq!(ended, Short::New(Status::PrepareAbort, Producer { epoch: owner.epoch + 1, ..owner }));
    }
}

#[test]
fn verification_asks_for_an_open_transaction_with_the_partition() {
    let verify = |status, indexes: &[i32]| {
        decide::verify(&entry(status, 3), producer(3), &partitions(indexes), facts())
    };
    assert_eq!(verify(Status::Ongoing, &[0]), Ok(()));
    assert_eq!(verify(Status::Ongoing, &[1]), Err(ErrorCode::TRANSACTION_ABORTABLE));
    assert_eq!(verify(Status::CompleteCommit, &[0]), Err(ErrorCode::TRANSACTION_ABORTABLE));
    assert_eq!(verify(Status::PrepareAbort, &[0]), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
}

#[test]
fn only_open_transactions_run_out_of_time_and_only_idle_ids_expire() {
    for status in [Status::Empty, Status::PrepareCommit, Status::PrepareAbort, Status::CompleteCommit] {
        assert!(!decide::is_timed_out(&entry(status, 0), i64::MAX));
    }
    let open = entry(Status::Ongoing, 0);
    assert!(!decide::is_timed_out(&open, 100 + 60_000) && decide::is_timed_out(&open, 101 + 60_000));
    for (status, expires) in [(Status::Ongoing, false), (Status::PrepareCommit, false), (Status::Empty, true)]
    {
        assert_eq!(decide::is_expired(&entry(status, 0), 100 + 1001, 1000), expires);
    }
    assert!(!decide::is_expired(&entry(Status::Empty, 0), 1100, 1000));
}

#[test]
fn old_clients_are_told_of_an_old_epoch_instead_of_a_fence() {
    let code = ErrorCode::PRODUCER_FENCED;
    assert_eq!(decide::downgraded(code, 3, 4), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(decide::downgraded(code, 4, 4), code);
    assert_eq!(decide::downgraded(ErrorCode::INVALID_TXN_STATE, 0, 4), ErrorCode::INVALID_TXN_STATE);
}

#[test]
fn what_is_logged_is_read_again() {
    for status in [Status::Empty, Status::Ongoing, Status::PrepareAbort, Status::CompleteCommit] {
        let written = if status > Status::Ongoing { raised(status, 4) } else { entry(status, 4) };
        let mut value = Vec::new();
        written.encode_value(true, &mut value).unwrap();
        assert_eq!(value[..2], [0, 1]);
        assert_eq!(Entry::decode_value(&value[2..], 1).unwrap(), written);
    }
    let rotated = decide::complete(&Entry { next_id: SPARE, ..raised(Status::PrepareCommit, i16::MAX) }, 9);
    let mut value = Vec::new();
    rotated.encode_value(true, &mut value).unwrap();
    assert_eq!(Entry::decode_value(&value[2..], 1).unwrap(), rotated);
}

/// What a client may take itself for: what is stored, what was before, what comes, and nobody.
fn guises(entry: &Entry) -> Vec<Producer> {
    let stored = entry.producer;
    let before = Producer { epoch: stored.epoch.saturating_sub(1), ..stored };
    vec![
        Producer::NONE,
        stored,
        before,
        Producer { epoch: EPOCH_LAST, ..stored },
        Producer { id: entry.previous_id, epoch: EPOCH_LAST },
        entry.next_producer(),
    ]
}

/// Everything that can happen to an id in a state: requests of both protocols by whoever, a fence, the end of its markers.
fn successors(entry: &Entry, facts: Facts) -> Vec<Entry> {
    let mut decisions = vec![];
    for producer in guises(entry) {
        decisions.push(decide::init(entry, producer, 60_000, facts));
        for version in [TransactionVersion::Tv0, TransactionVersion::Tv2] {
            decisions.push(decide::add(entry, producer, &partitions(&[0]), version, facts));
        }
        for outcome in [Commit, Abort] {
            decisions.push(decide::end(entry, producer, outcome, facts));
            decisions.push(decide::end_and_raise(entry, producer, outcome, facts));
        }
    }
    if decide::is_timed_out(entry, i64::MAX) {
        decisions.push(decide::fence(entry, facts));
    }
    let mut next: Vec<Entry> = decisions
        .into_iter()
        .filter_map(|decision| match decision {
            Decision::Become(next) => Some(next),
            _ => None,
        })
        .collect();
    if entry.status.is_prepared() {
        next.push(decide::complete(entry, 0));
    }
    next
}

/// A new client comes: what the id becomes until it is told who it is.
fn taken_over(mut entry: Entry, facts: Facts) -> Result<Entry, Entry> {
    for _ in 0..6 {
        if entry.status.is_prepared() {
            entry = decide::complete(&entry, 0);
        }
        match decide::init(&entry, Producer::NONE, 60_000, facts) {
            Decision::Become(next) if next.status == Status::Empty => return Ok(next),
            Decision::Become(next) => entry = next,
            _ => return Err(entry),
        }
    }
    Err(entry)
}

/// Every state that an id can reach in so many steps from its last epochs on, whatever clients do: a new client is always let in, and can write.
#[test]
fn from_every_reachable_state_a_new_client_gets_the_id() {
    for feature in [TransactionVersion::Tv0, TransactionVersion::Tv1, TransactionVersion::Tv2] {
        let first = Entry { producer: producer(EPOCH_LAST - 2), ..Entry::new(ID, 60_000, 0) };
        let mut seen = std::collections::BTreeSet::new();
        let mut edge = vec![first];
        for _ in 0..12 {
            let mut next = vec![];
            for entry in edge {
                // A fresh id for each rotation, as the coordinator gives them.
                let spare = entry.producer.id.max(entry.next_id).max(entry.previous_id) + 1;
                let facts = Facts { now_ms: 0, spare_id: Some(spare), is_pending: false, feature };
                if !seen.insert(format!("{entry:?}")) {
                    continue;
                }
                let owned = taken_over(entry.clone(), facts)
                    .unwrap_or_else(|stuck| panic!("{entry:?} is stuck at {stuck:?}"));
                let add =
                    decide::add(&owned, owned.producer, &partitions(&[1]), TransactionVersion::Tv0, facts);
                assert!(matches!(add, Decision::Become(_)), "{owned:?} cannot write: {add:?}");
                next.extend(successors(&entry, facts).into_iter().filter(|next| next.producer.id < ID + 3));
            }
            edge = next;
        }
        assert!(seen.len() > 200, "{} states", seen.len());
        println!("{feature:?}: {} states", seen.len());
    }
}
