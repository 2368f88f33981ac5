//! The order of the coordinator's steps: on which connection an end counts, and what completes a transaction after a restart.

use std::collections::BTreeMap;

use dolmen_base::Time;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::control::Outcome::{self, Commit};
use dolmen_kafka::txn::machine::{Ask, Connection, Coordinator, Effect, Failure, Input, RequestId, Settings};
use dolmen_kafka::txn::state::Partitions;
use dolmen_kafka::txn::{Entry, Producer, Status, TransactionVersion};

const NAME: &str = "x";

/// A coordinator whose wishes all come true at once.
struct Desk {
    coordinator: Coordinator,
    next: u64,
    answers: BTreeMap<RequestId, Result<Producer, ErrorCode>>,
    append: Result<(), Failure>,
}

impl Desk {
    fn new() -> Desk {
        let settings = Settings { feature: TransactionVersion::Tv1, ..Settings::default() };
        let mut desk = Desk {
            coordinator: Coordinator::new(settings),
            next: 0,
            answers: BTreeMap::new(),
            append: Ok(()),
        };
        desk.coordinator.start();
        desk.carry_out();
        desk
    }

    fn carry_out(&mut self) {
        let now = Time::from_millis(5000);
        while let Some(effect) = self.coordinator.poll() {
            let inputs = match effect {
                Effect::Append { ticket, .. } => vec![Input::Appended { ticket, result: self.append }],
                Effect::ReserveIds { count } => vec![Input::IdsReserved { first: 1000, count }],
                Effect::Answer { request, result } => {
                    self.answers.insert(request, result);
                    Vec::new()
                }
                Effect::WriteMarkers { transactional_id, producer, partitions, .. } => {
                    let each = |(topic, indexes): (String, std::collections::BTreeSet<i32>)| {
                        let transactional_id = transactional_id.clone();
                        indexes.into_iter().map(move |partition| Input::MarkerWritten {
                            transactional_id: transactional_id.clone(),
                            producer,
                            topic: topic.clone(),
                            partition,
                        })
                    };
                    partitions.into_iter().flat_map(each).collect()
                }
            };
            inputs.into_iter().for_each(|input| self.coordinator.handle(now, input));
        }
    }

    fn ask(&mut self, connection: u64, ask: Ask) -> Result<Producer, ErrorCode> {
        let request = RequestId::new(self.next);
        self.next += 1;
        let connection = Connection::new(connection);
        let input = Input::Request { request, connection, transactional_id: NAME.into(), ask };
        self.coordinator.handle(Time::from_millis(5000), input);
        self.carry_out();
        self.answers[&request]
    }

    fn init(&mut self, connection: u64) -> Result<Producer, ErrorCode> {
        self.ask(connection, Ask::Init { timeout_ms: 60_000, expected: Producer::NONE })
    }

    fn add(&mut self, connection: u64, producer: Producer, partition: i32) -> Result<Producer, ErrorCode> {
        let partitions = Partitions::from([("t".to_owned(), [partition].into())]);
        self.ask(connection, Ask::Add { producer, partitions, client: TransactionVersion::Tv1 })
    }

    fn end(&mut self, connection: u64, producer: Producer, outcome: Outcome) -> Result<Producer, ErrorCode> {
        self.ask(connection, Ask::End { producer, outcome, client: TransactionVersion::Tv1 })
    }

    fn status(&self) -> Status {
        self.coordinator.entry(NAME).expect("it was made").status
    }
}

const BUSY: Result<Producer, ErrorCode> = Err(ErrorCode::CONCURRENT_TRANSACTIONS);

#[test]
fn an_end_that_its_connection_outlived_does_not_end_the_next_transaction() {
    let mut desk = Desk::new();
    let producer = desk.init(1).unwrap();
    desk.add(1, producer, 0).unwrap();
    // The end on connection 1 is on its way for long; the client asks again on 2, and begins anew.
    desk.end(2, producer, Commit).unwrap();
    desk.add(2, producer, 0).unwrap();
    assert_eq!(desk.end(1, producer, Commit), BUSY);
    assert_eq!(desk.status(), Status::Ongoing);
    desk.end(2, producer, Commit).unwrap();
}

#[test]
fn a_delayed_request_on_an_old_connection_does_not_make_its_ends_count_again() {
    let mut desk = Desk::new();
    let producer = desk.init(1).unwrap();
    desk.add(2, producer, 0).unwrap();
    desk.add(1, producer, 1).unwrap();
    assert_eq!(desk.end(1, producer, Commit), BUSY);
    desk.end(2, producer, Commit).unwrap();
}

#[test]
fn a_new_owner_may_come_on_an_older_connection() {
    let mut desk = Desk::new();
    desk.init(2).unwrap();
    let producer = desk.init(1).unwrap();
    desk.add(1, producer, 0).unwrap();
    desk.end(1, producer, Commit).unwrap();
    assert_eq!(desk.status(), Status::CompleteCommit);
}

#[test]
fn an_init_that_was_never_written_changes_nothing() {
    let mut desk = Desk::new();
    let producer = desk.init(1).unwrap();
    desk.add(2, producer, 0).unwrap();
    desk.append = Err(Failure::NotWritten);
    assert!(desk.init(1).is_err());
    desk.append = Ok(());
    assert_eq!(desk.end(1, producer, Commit), BUSY, "the epoch is as before");
    desk.end(2, producer, Commit).unwrap();
}

#[test]
fn a_fence_that_was_never_written_raises_no_epoch() {
    let mut desk = Desk::new();
    let producer = desk.init(1).unwrap();
    desk.add(1, producer, 0).unwrap();
    desk.append = Err(Failure::NotWritten);
    for _ in 0..3 {
        assert!(desk.init(2).is_err());
    }
    desk.append = Ok(());
    assert_eq!(desk.init(2), BUSY);
    assert_eq!(
        desk.coordinator.entry(NAME).unwrap().producer.epoch,
        producer.epoch + 1,
        "once, not once a try"
    );
}

#[test]
fn init_refuses_what_contradicts_itself() {
    let mut desk = Desk::new();
    let mut init =
        |timeout_ms, id, epoch| desk.ask(1, Ask::Init { timeout_ms, expected: Producer { id, epoch } }).err();
    for (id, epoch) in [(5, -1), (-1, 5)] {
        assert_eq!(init(1000, id, epoch), Some(ErrorCode::INVALID_REQUEST));
    }
    for timeout_ms in [0, -1, 900_001] {
        assert_eq!(init(timeout_ms, -1, -1), Some(ErrorCode::INVALID_TRANSACTION_TIMEOUT));
    }
    assert_eq!(init(900_000, -1, -1), None);
}

/// Hard case 16: real Kafka 4.4.0 takes a partition without a leader for a deleted one right after a restart, and completes without its marker.
#[test]
fn a_restart_in_the_middle_of_a_commit_completes_nothing_before_its_marker() {
    let now = Time::from_millis(5000);
    let partitions = Partitions::from([("t".to_owned(), [0].into())]);
    let producer = Producer { id: 7, epoch: 0 };
    let entry = Entry { status: Status::PrepareCommit, producer, partitions, ..Entry::new(7, 60_000, 100) };
    let (mut key, mut value) = (Vec::new(), Vec::new());
    Entry::encode_key(NAME, &mut key).unwrap();
    entry.encode_value(true, &mut value).unwrap();
    let mut coordinator = Coordinator::new(Settings::default());
    coordinator.load(&key, Some(&value)).unwrap();
    coordinator.start();
    let asked = |coordinator: &mut Coordinator| {
        let mut asked = 0;
        while let Some(effect) = coordinator.poll() {
            asked += u32::from(matches!(effect, Effect::WriteMarkers { outcome: Commit, .. }));
            assert!(!matches!(effect, Effect::Append { .. }), "nothing is completed");
        }
        asked
    };
    assert_eq!(asked(&mut coordinator), 1);
    for _ in 0..3 {
        // No leader yet.
        let delayed = Input::MarkerDelayed { transactional_id: NAME.into(), topic: "t".into(), partition: 0 };
        coordinator.handle(now, delayed);
        assert_eq!(asked(&mut coordinator), 0);
        coordinator.handle(now, Input::Tick);
        assert_eq!(asked(&mut coordinator), 1, "the marker is wished for again");
        assert_eq!(coordinator.entry(NAME).unwrap().status, Status::PrepareCommit);
    }
    let written =
        Input::MarkerWritten { transactional_id: NAME.into(), producer, topic: "t".into(), partition: 0 };
    coordinator.handle(now, written);
    let Some(Effect::Append { ticket, .. }) = coordinator.poll() else { panic!("the end is logged") };
    coordinator.handle(now, Input::Appended { ticket, result: Ok(()) });
    assert_eq!(coordinator.entry(NAME).unwrap().status, Status::CompleteCommit);
}
