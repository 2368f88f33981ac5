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
    now_ms: u64,
    next: u64,
    answers: BTreeMap<RequestId, Result<Producer, ErrorCode>>,
    append: Result<(), Failure>,
}

impl Desk {
    fn new() -> Desk {
        let settings = Settings { feature: TransactionVersion::Tv1, ..Settings::default() };
        let mut desk = Desk {
            coordinator: Coordinator::new(settings),
            now_ms: 5000,
            next: 0,
            answers: BTreeMap::new(),
            append: Ok(()),
        };
        desk.coordinator.start();
        desk.carry_out();
        desk
    }

    fn carry_out(&mut self) {
        let now = Time::from_millis(self.now_ms);
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
        self.ask_of(NAME, connection, ask)
    }

    fn ask_of(&mut self, name: &str, connection: u64, ask: Ask) -> Result<Producer, ErrorCode> {
        let request = RequestId::new(self.next);
        self.next += 1;
        let connection = Connection::new(connection);
        let input = Input::Request { request, connection, transactional_id: name.into(), ask };
        self.input(input);
        self.answers[&request]
    }

    fn input(&mut self, input: Input) {
        self.coordinator.handle(Time::from_millis(self.now_ms), input);
        self.carry_out();
    }

    fn idempotent(&mut self) -> Result<Producer, ErrorCode> {
        let request = RequestId::new(self.next);
        self.next += 1;
        self.input(Input::InitIdempotent { request });
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

#[test]
fn an_id_that_nobody_opened_is_not_known_and_an_empty_one_is_none() {
    let mut desk = Desk::new();
    let (producer, client) = (Producer { id: 7, epoch: 0 }, TransactionVersion::Tv1);
    let partitions = Partitions::from([("t".to_owned(), [0].into())]);
    for ask in [
        Ask::Add { producer, partitions: partitions.clone(), client },
        Ask::Add { producer, partitions, client: TransactionVersion::Tv2 },
        Ask::End { producer, outcome: Commit, client },
        Ask::End { producer, outcome: Commit, client: TransactionVersion::Tv2 },
    ] {
        assert_eq!(desk.ask_of("nobody", 1, ask), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
    }
    let init = Ask::Init { timeout_ms: 60_000, expected: Producer::NONE };
    assert_eq!(desk.ask_of("", 1, init), Err(ErrorCode::INVALID_REQUEST));
    assert!(desk.coordinator.entry("").is_none() && desk.coordinator.entry("nobody").is_none());
}

#[test]
fn a_producer_without_an_id_gets_one_of_its_own_once_a_block_is_reserved() {
    let mut coordinator = Coordinator::new(Settings { id_block_len: 2, ..Settings::default() });
    coordinator.start();
    let ask = |coordinator: &mut Coordinator, number| {
        let request = RequestId::new(number);
        coordinator.handle(Time::from_millis(1), Input::InitIdempotent { request });
        let effects: Vec<Effect> = std::iter::from_fn(|| coordinator.poll()).collect();
        let answer = effects.iter().find_map(|effect| match effect {
            Effect::Answer { result, .. } => Some(*result),
            _ => None,
        });
        (answer, effects.iter().filter(|effect| matches!(effect, Effect::ReserveIds { count: 2 })).count())
    };
    let loading = Some(Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    assert_eq!(ask(&mut coordinator, 0), (loading, 1));
    assert_eq!(ask(&mut coordinator, 1), (loading, 0), "it is asked for once");
    coordinator.handle(Time::from_millis(1), Input::IdsReserved { first: 40, count: 2 });
    assert_eq!(ask(&mut coordinator, 2), (Some(Ok(Producer { id: 40, epoch: 0 })), 0));
    assert_eq!(ask(&mut coordinator, 3), (Some(Ok(Producer { id: 41, epoch: 0 })), 1));
    assert_eq!(ask(&mut coordinator, 4).0, loading);
}

#[test]
fn ids_of_producers_are_given_once_with_and_without_a_transactional_id() {
    let mut desk = Desk::new();
    let mut given: Vec<i64> = (0..3).map(|_| desk.idempotent().unwrap().id).collect();
    given.push(desk.init(1).unwrap().id);
    given.push(desk.idempotent().unwrap().id);
    let init = Ask::Init { timeout_ms: 60_000, expected: Producer::NONE };
    given.push(desk.ask_of("other", 1, init).unwrap().id);
    let count = given.len();
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), count);
}

#[test]
fn both_protocols_take_turns_on_one_id() {
    let mut desk = Desk::new();
    let mut producer = desk.init(1).unwrap();
    for turn in 0..4 {
        let client = if turn % 2 == 0 { TransactionVersion::Tv2 } else { TransactionVersion::Tv1 };
        let partitions = Partitions::from([("t".to_owned(), [0].into())]);
        assert_eq!(desk.ask(1, Ask::Add { producer, partitions, client }), Ok(producer));
        let ended = desk.ask(1, Ask::End { producer, outcome: Commit, client }).unwrap();
        assert_eq!(
            ended.epoch,
            producer.epoch + i16::from(turn % 2 == 0),
            "only the newer one raises the epoch"
        );
        // A late end of the newer one's transaction, in the newer or the older form, finds another epoch.
        if turn % 2 == 0 {
            let partitions = Partitions::from([("t".to_owned(), [0].into())]);
            desk.ask(1, Ask::Add { producer: ended, partitions, client }).unwrap();
            for late in [TransactionVersion::Tv1, TransactionVersion::Tv2] {
                let end = Ask::End { producer, outcome: Commit, client: late };
                assert_eq!(desk.ask(1, end), Err(ErrorCode::PRODUCER_FENCED));
            }
        }
        producer = ended;
    }
}

#[test]
fn a_transaction_whose_time_is_over_is_aborted_and_its_owner_shut_out() {
    let mut desk = Desk::new();
    let producer = desk.init(1).unwrap();
    desk.add(1, producer, 0).unwrap();
    desk.now_ms += 60_000;
    desk.input(Input::Tick);
    assert_eq!(desk.status(), Status::Ongoing, "not yet");
    desk.now_ms += 1;
    desk.input(Input::Tick);
    assert_eq!(desk.status(), Status::CompleteAbort);
    for outcome in [Commit, Outcome::Abort] {
        assert_eq!(desk.end(1, producer, outcome), Err(ErrorCode::PRODUCER_FENCED));
    }
    assert_eq!(desk.add(1, producer, 0), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(desk.init(1).map(|next| next.epoch), Ok(producer.epoch + 2), "the fence's bump and its own");
}

#[test]
fn an_idle_id_is_forgotten_on_record_and_an_open_one_never() {
    let mut desk = Desk::new();
    let producer = desk.init(1).unwrap();
    desk.add(1, producer, 0).unwrap();
    let week = Settings::default().expiration_ms.unsigned_abs();
    let eternal = Ask::Init { timeout_ms: 900_000, expected: Producer::NONE };
    desk.ask_of("idle", 1, eternal).unwrap();
    desk.now_ms += week;
    desk.input(Input::Tick);
    assert!(desk.coordinator.entry("idle").is_some(), "not yet");
    desk.now_ms += 1;
    desk.append = Err(Failure::NotWritten);
    desk.input(Input::Tick);
    assert!(desk.coordinator.entry("idle").is_some(), "only once that is on record");
    desk.append = Ok(());
    desk.input(Input::Tick);
    assert!(desk.coordinator.entry("idle").is_none());
    assert!(desk.coordinator.entry(NAME).is_some(), "it was open, and has only just been aborted");
    let (partitions, client) = (Partitions::new(), TransactionVersion::Tv1);
    let add = Ask::Add { producer, partitions, client };
    assert_eq!(desk.ask_of("idle", 1, add), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
}
