//! Decisions of the exactly-once machine, one by one.

use dolmen_base::Time;
use dolmen_base::time::Duration;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::eos::decide::{Standing, class, react};
use dolmen_kafka::eos::{
    Arrived, Class, Effect, Fault, Input, Machine, PartitionId, Phase, Reaction, Reading, Settings, Why,
};

const FRESH: Standing = Standing { tries: 0, is_overdue: false };

fn code(code: ErrorCode) -> Fault {
    Fault::Broker(code)
}

#[test]
fn classes_of_codes() {
    let cases = [
        (Phase::Open, ErrorCode::CONCURRENT_TRANSACTIONS, Class::Retry),
        (Phase::Commit, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, Class::Retry),
        (Phase::Offsets, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Class::Retry),
        (Phase::Send, ErrorCode::NOT_ENOUGH_REPLICAS, Class::Retry),
        (Phase::Send, ErrorCode::INVALID_PRODUCER_EPOCH, Class::Abort),
        (Phase::Send, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, Class::Abort),
        (Phase::Send, ErrorCode::TRANSACTION_ABORTABLE, Class::Abort),
        (Phase::Offsets, ErrorCode::ILLEGAL_GENERATION, Class::Abort),
        (Phase::Offsets, ErrorCode::UNKNOWN_MEMBER_ID, Class::Abort),
        (Phase::Offsets, ErrorCode::FENCED_INSTANCE_ID, Class::Abort),
        (Phase::Commit, ErrorCode::INVALID_PRODUCER_EPOCH, Class::Fatal),
        (Phase::Commit, ErrorCode::PRODUCER_FENCED, Class::Fatal),
        (Phase::Commit, ErrorCode::INVALID_TXN_STATE, Class::Fatal),
        (Phase::Open, ErrorCode::INVALID_TRANSACTION_TIMEOUT, Class::Fatal),
        (Phase::Send, ErrorCode(4711), Class::Fatal),
    ];
    for (phase, which, expected) in cases {
        assert_eq!(class(phase, code(which)), expected, "{phase:?} {which}");
    }
}

#[test]
fn what_is_done_about_each() {
    let late = Standing { tries: 9, is_overdue: false };
    let overdue = Standing { tries: 0, is_overdue: true };
    let cases = [
        // Nobody knows which records of a batch were written.
        (Phase::Send, Fault::Unanswered, FRESH, Reaction::Abort),
        (Phase::Send, code(ErrorCode::MESSAGE_TOO_LARGE), FRESH, Reaction::Sift),
        (Phase::Send, code(ErrorCode::INVALID_PRODUCER_EPOCH), FRESH, Reaction::Abort),
        (Phase::Offsets, Fault::Unanswered, FRESH, Reaction::Again),
        (Phase::Offsets, Fault::Unanswered, late, Reaction::Abort),
        (Phase::Offsets, code(ErrorCode::ILLEGAL_GENERATION), FRESH, Reaction::Abort),
        (Phase::Commit, Fault::Unanswered, FRESH, Reaction::Again),
        (Phase::Commit, Fault::Unanswered, late, Reaction::Reopen),
        (Phase::Commit, Fault::MustAbort, FRESH, Reaction::Abort),
        (Phase::Commit, Fault::Fenced, FRESH, Reaction::StopFenced),
        (Phase::Commit, Fault::Fenced, overdue, Reaction::Reopen),
        (Phase::Commit, code(ErrorCode::INVALID_PRODUCER_EPOCH), FRESH, Reaction::StopFenced),
        (Phase::Commit, code(ErrorCode::INVALID_TXN_STATE), FRESH, Reaction::Reopen),
        (Phase::Abort, Fault::Unanswered, FRESH, Reaction::Again),
        (Phase::Abort, Fault::MustAbort, FRESH, Reaction::Reopen),
        (Phase::Begin, Fault::Broken, FRESH, Reaction::Reopen),
        (Phase::Open, Fault::Unanswered, late, Reaction::Again),
        (Phase::Open, code(ErrorCode::REBALANCE_IN_PROGRESS), FRESH, Reaction::Again),
        (Phase::Open, Fault::Broken, late, Reaction::Again),
        (Phase::Open, code(ErrorCode::INVALID_TRANSACTION_TIMEOUT), FRESH, Reaction::StopRefused),
        (Phase::Open, Fault::Misconfigured, FRESH, Reaction::StopRefused),
        (Phase::Read, Fault::Unanswered, late, Reaction::Again),
        (Phase::Read, code(ErrorCode::UNKNOWN_MEMBER_ID), FRESH, Reaction::Rejoin),
        (Phase::Read, code(ErrorCode::TOPIC_AUTHORIZATION_FAILED), FRESH, Reaction::StopRefused),
        (Phase::Committed, code(ErrorCode::UNSTABLE_OFFSET_COMMIT), late, Reaction::Again),
        (Phase::Committed, Fault::Broken, FRESH, Reaction::Rejoin),
    ];
    for (phase, fault, standing, expected) in cases {
        assert_eq!(react(phase, fault, standing), expected, "{phase:?} {fault:?} {standing:?}");
    }
}

/// A machine and its clock; answers are given by hand.
struct Bench {
    machine: Machine,
    now: Time,
}

const P: PartitionId = PartitionId::new(0);

impl Bench {
    fn new(settings: Settings) -> Bench {
        let now = Time::from_millis(1);
        Bench { machine: Machine::new(settings, now), now }
    }

    /// The next effect, whatever pause comes first.
    fn next(&mut self) -> Effect {
        if let Some(until) = self.machine.next_deadline() {
            self.now = self.now.max(until);
            self.machine.handle(self.now, Input::Tick);
        }
        self.machine.poll().expect("it waits")
    }

    fn expect(&mut self, effect: Effect, answer: Input) {
        assert_eq!(self.next(), effect);
        self.machine.handle(self.now, answer);
    }

    fn ok(&mut self, effect: Effect) {
        self.expect(effect, Input::Done(Ok(())));
    }

    fn fails(&mut self, effect: Effect, fault: Fault) {
        self.expect(effect, Input::Done(Err(fault)));
    }

    fn reads(&mut self, reading: Reading) {
        assert!(matches!(self.next(), Effect::Read { .. }));
        self.machine.handle(self.now, Input::Read(Ok(reading)));
    }

    /// Until it owns a partition and reads it from `offset`.
    fn begin(&mut self, offset: Option<i64>) {
        self.ok(Effect::Open);
        self.ok(Effect::Join);
        self.expect(Effect::Committed(vec![]), Input::Committed(Ok(vec![])));
        self.ok(Effect::Rewind(vec![]));
        self.reads(Reading { owned: Some(vec![P]), records: vec![] });
        self.again_from(offset);
    }

    fn again_from(&mut self, offset: Option<i64>) {
        self.expect(Effect::Committed(vec![P]), Input::Committed(Ok(vec![(P, offset)])));
        self.ok(Effect::Rewind(vec![(P, offset)]));
    }

    fn arrive(&mut self, offsets: &[i64]) {
        let records =
            offsets.iter().map(|offset| Arrived { partition: P, offset: *offset, len: 1 }).collect();
        self.reads(Reading { owned: None, records });
        for index in 0..offsets.len() as u32 {
            self.expect(Effect::Transform { index, tries: 0 }, Input::Transformed(Some(1)));
        }
    }

    fn write(&mut self, next: i64) {
        self.ok(Effect::Begin);
        self.ok(Effect::Send);
        self.ok(Effect::Offsets(vec![(P, next)]));
    }
}

fn settings(records_max: u32) -> Settings {
    Settings { records_max, attempts_max: 2, ..Settings::default() }
}

#[test]
fn a_batch_is_committed_with_its_offsets() {
    let mut bench = Bench::new(settings(2));
    bench.begin(None);
    bench.arrive(&[4, 9]);
    bench.write(10);
    bench.ok(Effect::Commit);
    let metrics = bench.machine.metrics();
    assert_eq!((metrics.read, metrics.written, metrics.commits), (2, 2, 1));
    bench.machine.handle(bench.now, Input::Stop);
    bench.ok(Effect::Leave);
    assert_eq!(bench.next(), Effect::Stopped(None));
    assert_eq!(bench.machine.poll(), None);
}

#[test]
fn an_unanswered_commit_is_asked_again_and_the_producer_opened_anew() {
    let mut bench = Bench::new(settings(1));
    bench.begin(Some(5));
    bench.arrive(&[5]);
    bench.write(6);
    bench.fails(Effect::Commit, Fault::Unanswered);
    assert!(bench.machine.next_deadline().is_some());
    bench.ok(Effect::Commit);
    bench.ok(Effect::Open);
    bench.again_from(Some(6));
    bench.arrive(&[6]);
    bench.write(7);
    // This time nobody ever answers: the broker says what became of it.
    for _ in 0..6 {
        bench.fails(Effect::Commit, Fault::Unanswered);
    }
    bench.ok(Effect::Open);
    bench.again_from(Some(7));
    assert_eq!(bench.machine.metrics().commits, 1);
    // And now it is aborted instead, while the first request is still on its way.
    bench.arrive(&[7]);
    bench.write(8);
    bench.fails(Effect::Commit, Fault::Unanswered);
    bench.fails(Effect::Commit, Fault::MustAbort);
    bench.ok(Effect::Abort);
    bench.ok(Effect::Open);
    bench.again_from(Some(7));
}

#[test]
fn a_lost_partition_is_forgotten_with_its_records() {
    let mut bench = Bench::new(settings(5));
    bench.begin(None);
    bench.arrive(&[0, 1]);
    bench.reads(Reading { owned: Some(vec![PartitionId::new(3)]), records: vec![] });
    let three = PartitionId::new(3);
    bench.expect(Effect::Committed(vec![three]), Input::Committed(Ok(vec![(three, Some(8))])));
    bench.ok(Effect::Rewind(vec![(three, Some(8))]));
    // A record of the lost one, and one that was read before: neither is handled.
    let records = [(P, 2), (three, 7)].map(|(partition, offset)| Arrived { partition, offset, len: 1 });
    bench.reads(Reading { owned: None, records: records.to_vec() });
    assert!(matches!(bench.next(), Effect::Read { .. }));
    assert_eq!(bench.machine.metrics().repeated, 2);
}

#[test]
fn a_record_that_is_refused_goes_to_the_dead_letters_or_stops_it() {
    let mut bench = Bench::new(Settings { has_dead_letters: true, ..settings(1) });
    bench.begin(None);
    let read = Reading { owned: None, records: vec![Arrived { partition: P, offset: 0, len: 1 }] };
    bench.reads(read.clone());
    bench.expect(Effect::Transform { index: 0, tries: 0 }, Input::Transformed(None));
    bench.expect(Effect::Transform { index: 0, tries: 1 }, Input::Transformed(None));
    bench.ok(Effect::Bury { index: 0, tries: 2 });
    bench.write(1);
    bench.ok(Effect::Commit);
    assert_eq!((bench.machine.metrics().dead_letters, bench.machine.metrics().written), (1, 0));

    let mut bench = Bench::new(Settings { attempts_max: 0, ..settings(1) });
    bench.begin(None);
    bench.reads(read);
    bench.expect(Effect::Transform { index: 0, tries: 0 }, Input::Transformed(None));
    bench.ok(Effect::Leave);
    assert_eq!(bench.next(), Effect::Stopped(Some(Why::Poison(0))));
}

#[test]
fn the_record_that_the_broker_refuses_is_found_and_buried() {
    let too_large = code(ErrorCode::MESSAGE_TOO_LARGE);
    let mut bench = Bench::new(Settings { has_dead_letters: true, ..settings(2) });
    bench.begin(None);
    bench.arrive(&[0, 1]);
    bench.ok(Effect::Begin);
    bench.fails(Effect::Send, too_large);
    bench.ok(Effect::Abort);
    bench.again_from(None);
    bench.arrive(&[0]);
    bench.write(1);
    bench.ok(Effect::Commit);
    bench.arrive(&[1]);
    bench.ok(Effect::Begin);
    bench.fails(Effect::Send, too_large);
    bench.ok(Effect::Abort);
    bench.again_from(Some(1));
    bench.reads(Reading { owned: None, records: vec![Arrived { partition: P, offset: 1, len: 1 }] });
    bench.ok(Effect::Bury { index: 0, tries: 0 });
    bench.ok(Effect::Begin);
    // Even its dead letter is refused.
    bench.fails(Effect::Send, too_large);
    bench.ok(Effect::Leave);
    assert_eq!(bench.next(), Effect::Stopped(Some(Why::Unwritable(0, too_large))));
}

#[test]
fn nothing_that_works_for_too_long_ends_it() {
    let mut bench = Bench::new(Settings { patience: Duration::from_secs(3), ..settings(1) });
    let mut tries = 0;
    loop {
        match bench.next() {
            Effect::Open => bench.machine.handle(bench.now, Input::Done(Err(Fault::Unanswered))),
            Effect::Leave => break,
            other => panic!("{other:?}"),
        }
        // An hour's silence is not an hour of failures.
        if tries == 2 {
            bench.now = bench.now + Duration::from_secs(3600);
        }
        tries += 1;
        assert!(tries < 100);
    }
    assert!(tries > 6);
    bench.machine.handle(bench.now, Input::Done(Err(Fault::Unanswered)));
    assert_eq!(bench.next(), Effect::Stopped(Some(Why::Exhausted(Phase::Open, Fault::Unanswered))));
}

#[test]
fn it_stops_in_the_middle_of_a_pause() {
    let mut bench = Bench::new(settings(1));
    bench.fails(Effect::Open, Fault::Unanswered);
    bench.machine.handle(bench.now, Input::Stop);
    bench.ok(Effect::Leave);
    assert_eq!(bench.next(), Effect::Stopped(None));
}

#[test]
fn idle_exit_counts_while_it_owns_something() {
    let mut bench = Bench::new(Settings { idle_exit: Some(Duration::from_millis(500)), ..settings(1) });
    bench.ok(Effect::Open);
    bench.ok(Effect::Join);
    bench.expect(Effect::Committed(vec![]), Input::Committed(Ok(vec![])));
    bench.ok(Effect::Rewind(vec![]));
    bench.now = bench.now + Duration::from_secs(60);
    bench.reads(Reading::default());
    // Another member, dead perhaps, still has everything.
    bench.reads(Reading { owned: Some(vec![]), records: vec![] });
    bench.expect(Effect::Committed(vec![]), Input::Committed(Ok(vec![])));
    bench.ok(Effect::Rewind(vec![]));
    bench.now = bench.now + Duration::from_secs(60);
    bench.reads(Reading::default());
    bench.reads(Reading { owned: Some(vec![P]), records: vec![] });
    bench.again_from(None);
    bench.reads(Reading::default());
    bench.now = bench.now + Duration::from_millis(500);
    bench.reads(Reading::default());
    bench.ok(Effect::Leave);
    assert_eq!(bench.next(), Effect::Stopped(None));
}
