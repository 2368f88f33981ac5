//! The coordinator in a hostile world: two producers fight for one transactional id over a network that delays, reorders and
//! breaks, appends and markers finish in any order, and the broker crashes between any two of them.
//!
//! After every life: what was acknowledged as committed is committed everywhere, nothing else is, every part of a transaction
//! shares its fate, no partition has an open transaction, and every id can be used.

use std::collections::BTreeMap;

use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::control::Outcome;
use dolmen_kafka::txn::machine::{Ask, Connection, Failure, RequestId};
use dolmen_kafka::txn::state::Partitions;
use dolmen_kafka::txn::{Coordinator, Effect, Input, Producer, Settings, TransactionVersion};
use dolmen_sim::{Event, LinkId, Network, NodeId, Scheduler, Weather};

const BROKER: NodeId = NodeId::new(0);
const NAME: &str = "payments";
const TOPIC: &str = "t";
const PARTITIONS: i32 = 3;
const TIMEOUT_MS: i32 = 4_000;

/// A message: a request and its number at the client, or the answer.
#[derive(Clone, Debug)]
enum Message {
    Ask(u64, Ask),
    Produce(u64, Write),
    Answer(u64, Result<Producer, ErrorCode>),
}

#[derive(Clone, Copy, Debug)]
struct Write {
    producer: Producer,
    partition: i32,
    sequence: u32,
    transaction: u32,
}

/// One partition, as plain as can be.
#[derive(Default)]
struct Partition {
    epochs: BTreeMap<i64, i16>,
    /// The last sequence of a producer, with the epoch that it counts within.
    sequences: BTreeMap<i64, (i16, u32)>,
    open: BTreeMap<i64, Vec<u32>>,
    /// How each transaction's records ended.
    fates: BTreeMap<u32, Vec<Outcome>>,
}

impl Partition {
    fn write(&mut self, write: Write) -> Result<(), ErrorCode> {
        let Producer { id, epoch } = write.producer;
        let known = self.epochs.get(&id).copied().unwrap_or(-1);
        if epoch < known {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        let next = match self.sequences.get(&id) {
            Some((at, last)) if *at == epoch => last + 1,
            _ => 0,
        };
        if write.sequence != next {
            return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
        self.epochs.insert(id, epoch);
        self.sequences.insert(id, (epoch, write.sequence));
        self.open.entry(id).or_default().push(write.transaction);
        Ok(())
    }

    fn mark(&mut self, producer: Producer, outcome: Outcome) {
        let known = self.epochs.entry(producer.id).or_insert(producer.epoch);
        assert!(producer.epoch >= *known, "a marker of an older epoch");
        *known = producer.epoch;
        for transaction in self.open.remove(&producer.id).unwrap_or_default() {
            self.fates.entry(transaction).or_default().push(outcome);
        }
    }
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Init,
    Add,
    Produce(i32),
    End(Outcome),
}

struct Client {
    node: NodeId,
    version: TransactionVersion,
    link: Option<LinkId>,
    producer: Producer,
    step: Step,
    /// The request that waits for its answer, and until when.
    waiting: Option<(u64, Time)>,
    sequences: [u32; PARTITIONS as usize],
    transaction: u32,
}

/// What clients know of a transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    asked_commit: bool,
    committed: bool,
    aborted: bool,
    writes: u32,
}

enum Job {
    Append(dolmen_kafka::txn::machine::Ticket, Vec<u8>, Option<Vec<u8>>),
    Marker(Producer, Outcome, i32),
    Ids(u32),
    Tick,
}

struct World {
    rng: Rng,
    now: Time,
    net: Network<Message>,
    jobs: Scheduler<Job>,
    coordinator: Coordinator,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    partitions: Vec<Partition>,
    next_id: i64,
    clients: Vec<Client>,
    requests: BTreeMap<RequestId, (LinkId, u64)>,
    next_request: u64,
    known: Vec<Known>,
    job_ms_max: u64,
    is_calm: bool,
    crashes: u32,
}

fn settings(feature: TransactionVersion) -> Settings {
    Settings { feature, id_block_len: 2, expiration_ms: 60_000, ..Settings::default() }
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let feature = if rng.one_in(3) { TransactionVersion::Tv1 } else { TransactionVersion::Tv2 };
        let client = |node: u32, rng: &mut Rng| Client {
            node: NodeId::new(node),
            version: if rng.one_in(2) { TransactionVersion::Tv0 } else { TransactionVersion::Tv2 },
            link: None,
            producer: Producer::NONE,
            step: Step::Init,
            waiting: None,
            sequences: [0; PARTITIONS as usize],
            transaction: 0,
        };
        let clients = vec![client(1, &mut rng), client(2, &mut rng)];
        let mut coordinator = Coordinator::new(settings(feature));
        coordinator.start();
        let mut jobs = Scheduler::new(rng.next_u64());
        jobs.after(Duration::from_millis(500), Job::Tick);
        // From a network that is faster than the disk to one that is slower than any client's patience.
        let delay_ns_max = [2_000_000, 50_000_000, 1_000_000_000][rng.below(3) as usize];
        let weather = Weather { broken_per_mille: 30, delay_ns_max, ..Weather::HOSTILE };
        World {
            net: Network::new(rng.next_u64(), weather),
            job_ms_max: [3, 50, 900][rng.below(3) as usize],
            jobs,
            coordinator,
            rng,
            now: Time::from_millis(1),
            log: Vec::new(),
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            next_id: 100,
            clients,
            requests: BTreeMap::new(),
            next_request: 0,
            known: Vec::new(),
            is_calm: false,
            crashes: 0,
        }
    }

    /// One step: whatever comes first.
    fn step(&mut self, feature: TransactionVersion) {
        self.carry_out();
        let wake = self.clients.iter().filter_map(|c| c.waiting.map(|(_, until)| until)).min();
        let free = self.clients.iter().position(|c| c.waiting.is_none());
        if let Some(at) = free.filter(|_| wake.is_none() || self.rng.one_in(2)) {
            return self.act(at);
        }
        let next_job = self.jobs_next();
        let next = [self.net.next_at(), wake, next_job].into_iter().flatten().min();
        self.now = self.now.max(next.unwrap_or(self.now));
        if let Some(event) = self.net.poll(self.now) {
            return self.event(event);
        }
        if let Some(at) =
            self.clients.iter().position(|c| c.waiting.is_some_and(|(_, until)| until <= self.now))
        {
            return self.lost(at);
        }
        if !self.is_calm && self.rng.one_in(40) {
            return self.crash(feature);
        }
        if let Some(job) = self.jobs.step() {
            self.now = self.now.max(self.jobs.now());
            self.done(job, feature);
        }
    }

    /// When the next job ends: the scheduler keeps its own time, which never runs ahead of ours by more than one job.
    fn jobs_next(&self) -> Option<Time> {
        self.jobs.next_at()
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.coordinator.poll() {
            match effect {
                Effect::Answer { request, result } => {
                    if let Some((link, number)) = self.requests.remove(&request) {
                        self.net.send(self.now, link, BROKER, Message::Answer(number, result));
                    }
                }
                Effect::Append { ticket, key, value, .. } => self.later(Job::Append(ticket, key, value)),
                Effect::ReserveIds { count } => self.later(Job::Ids(count)),
                Effect::WriteMarkers { producer, outcome, partitions, .. } => {
                    for partition in partitions.get(TOPIC).into_iter().flatten() {
                        self.later(Job::Marker(producer, outcome, *partition));
                    }
                }
            }
        }
    }

    fn later(&mut self, job: Job) {
        let delay = Duration::from_millis(self.rng.below(if self.is_calm { 5 } else { self.job_ms_max }));
        let at = self.now + delay;
        self.jobs.at(at, job);
    }

    fn done(&mut self, job: Job, feature: TransactionVersion) {
        let fails = !self.is_calm && self.rng.one_in(40);
        match job {
            Job::Append(ticket, key, value) => {
                if fails && self.rng.one_in(4) {
                    if self.rng.one_in(2) {
                        self.log.push((key, value));
                    }
                    let result = Err(Failure::Unknown);
                    self.coordinator.handle(self.now, Input::Appended { ticket, result });
                    self.carry_out();
                    return self.crash(feature);
                }
                let result = if fails { Err(Failure::NotWritten) } else { Ok(()) };
                if !fails {
                    self.log.push((key, value));
                }
                self.coordinator.handle(self.now, Input::Appended { ticket, result });
            }
            Job::Marker(_, _, partition) if fails => {
                let (transactional_id, topic) = (NAME.into(), TOPIC.into());
                let input = Input::MarkerDelayed { transactional_id, topic, partition };
                self.coordinator.handle(self.now, input);
            }
            Job::Marker(producer, outcome, partition) => {
                self.mark(producer, outcome, partition);
                let (transactional_id, topic) = (NAME.into(), TOPIC.into());
                let input = Input::MarkerWritten { transactional_id, producer, topic, partition };
                self.coordinator.handle(self.now, input);
            }
            Job::Ids(_) if fails => self.coordinator.handle(self.now, Input::IdsDelayed),
            Job::Ids(count) => {
                let first = self.next_id;
                self.next_id += i64::from(count);
                self.coordinator.handle(self.now, Input::IdsReserved { first, count });
            }
            Job::Tick => {
                self.coordinator.handle(self.now, Input::Tick);
                self.jobs.at(self.now + Duration::from_millis(500), Job::Tick);
            }
        }
    }

    /// A marker that was asked for before a crash may come after a later one of the same producer: partitions refuse it.
    fn mark(&mut self, producer: Producer, outcome: Outcome, partition: i32) {
        let partition = &mut self.partitions[partition as usize];
        let known = partition.epochs.get(&producer.id).copied().unwrap_or(-1);
        if producer.epoch >= known {
            partition.mark(producer, outcome);
        }
    }

    /// The power fails: each job under way has its effect or has none, and everything in memory is gone.
    fn crash(&mut self, feature: TransactionVersion) {
        self.crashes += 1;
        while let Some(job) = self.jobs.step() {
            if self.rng.one_in(2) {
                continue;
            }
            match job {
                Job::Append(_, key, value) => self.log.push((key, value)),
                Job::Marker(producer, outcome, partition) => self.mark(producer, outcome, partition),
                Job::Ids(count) => self.next_id += i64::from(count),
                Job::Tick => {}
            }
        }
        self.jobs = Scheduler::new(self.rng.next_u64());
        self.jobs.at(self.now + Duration::from_millis(100), Job::Tick);
        self.requests.clear();
        self.net.crash(self.now, BROKER);
        self.coordinator = Coordinator::new(settings(feature));
        for (key, value) in &self.log {
            self.coordinator.load(key, value.as_deref()).unwrap();
        }
        self.coordinator.start();
    }

    /// Sends a client's next request.
    fn act(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let link = match client.link {
            Some(link) => link,
            None => match self.net.connect(self.now, client.node, BROKER) {
                Some(link) => link,
                None => return,
            },
        };
        client.link = Some(link);
        self.next_request += 1;
        let number = self.next_request;
        let message = match client.step {
            Step::Init => {
                Message::Ask(number, Ask::Init { timeout_ms: TIMEOUT_MS, expected: Producer::NONE })
            }
            Step::Add => {
                client.transaction = self.known.len() as u32;
                self.known.push(Known::default());
                client.step = Step::Add;
                let partitions = Partitions::from([(TOPIC.into(), (0..PARTITIONS).collect())]);
                Message::Ask(
                    number,
                    Ask::Add { producer: client.producer, partitions, client: client.version },
                )
            }
            Step::Produce(partition) => Message::Produce(
                number,
                Write {
                    producer: client.producer,
                    partition,
                    sequence: client.sequences[partition as usize],
                    transaction: client.transaction,
                },
            ),
            Step::End(outcome) => {
                self.known[client.transaction as usize].asked_commit |= outcome == Outcome::Commit;
                Message::Ask(number, Ask::End { producer: client.producer, outcome, client: client.version })
            }
        };
        let patience = Duration::from_millis(500 + self.rng.below(2500));
        client.waiting = Some((number, self.now + patience));
        if !self.net.send(self.now, link, client.node, message) {
            client.link = None;
        }
    }

    fn event(&mut self, event: Event<Message>) {
        match event {
            Event::Message { link, to: BROKER, message } => self.serve(link, message),
            Event::Message { to, message: Message::Answer(number, result), .. } => {
                let at = to.get() as usize - 1;
                if self.clients[at].waiting.is_some_and(|(waiting, _)| waiting == number) {
                    self.clients[at].waiting = None;
                    self.answered(at, result);
                }
            }
            Event::Closed { link, to } if to != BROKER => {
                let client = &mut self.clients[to.get() as usize - 1];
                if client.link == Some(link) {
                    client.link = None;
                }
            }
            _ => {}
        }
    }

    fn serve(&mut self, link: LinkId, message: Message) {
        match message {
            Message::Ask(number, ask) => {
                self.next_request += 1;
                let request = RequestId::new(self.next_request);
                self.requests.insert(request, (link, number));
                let connection = Connection::new(link.get());
                let input = Input::Request { request, connection, transactional_id: NAME.into(), ask };
                self.coordinator.handle(self.now, input);
            }
            Message::Produce(number, write) => {
                let partitions = Partitions::from([(TOPIC.into(), [write.partition].into())]);
                let verified = self.coordinator.verify(NAME, write.producer, &partitions);
                let result = verified.and_then(|()| self.partitions[write.partition as usize].write(write));
                if result.is_ok() {
                    self.known[write.transaction as usize].writes += 1;
                }
                self.net.send(
                    self.now,
                    link,
                    BROKER,
                    Message::Answer(number, result.map(|()| write.producer)),
                );
            }
            Message::Answer(..) => unreachable!("clients ask"),
        }
    }

    /// An answer: the next step, or again, or from the start.
    fn answered(&mut self, at: usize, result: Result<Producer, ErrorCode>) {
        let outcome = if self.rng.one_in(3) { Outcome::Abort } else { Outcome::Commit };
        let more = self.rng.one_in(3);
        let client = &mut self.clients[at];
        let again = [ErrorCode::CONCURRENT_TRANSACTIONS, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS];
        match (client.step, result) {
            (step, Err(code))
                if again.contains(&code) && matches!(step, Step::Init | Step::Add | Step::End(_)) => {}
            (_, Err(_)) => client.step = Step::Init,
            (Step::Init, Ok(producer)) => {
                client.producer = producer;
                client.sequences = [0; PARTITIONS as usize];
                client.step = Step::Add;
            }
            (Step::Add, Ok(_)) => client.step = Step::Produce(0),
            (Step::Produce(partition), Ok(_)) => {
                client.sequences[partition as usize] += 1;
                let last = partition + 1 == PARTITIONS || more;
                client.step = if last { Step::End(outcome) } else { Step::Produce(partition + 1) };
            }
            (Step::End(outcome), Ok(producer)) => {
                let known = &mut self.known[client.transaction as usize];
                known.committed |= outcome == Outcome::Commit;
                known.aborted |= outcome == Outcome::Abort;
                if producer != client.producer {
                    client.producer = producer;
                    client.sequences = [0; PARTITIONS as usize];
                }
                client.step = Step::Add;
            }
        }
    }

    /// No answer: an end is asked for again on a new connection, anything else begins anew.
    fn lost(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.waiting = None;
        client.link = None;
        if !matches!(client.step, Step::End(_)) {
            client.step = Step::Init;
        }
    }

    /// Calm weather: everything must come to its end, and the id must be usable.
    fn settle(&mut self, feature: TransactionVersion, seed: u64) {
        self.is_calm = true;
        self.net.set_weather(Weather::FAIR);
        self.clients.clear();
        let mut asked = false;
        for round in 0.. {
            assert!(round < 2000, "seed {seed}: {:?}", self.coordinator.entry(NAME));
            self.carry_out_calmly(&mut asked);
            if let Some(job) = self.jobs.step() {
                self.now = self.now.max(self.jobs.now());
                self.done(job, feature);
            }
            let is_idle = self.coordinator.entry(NAME).is_none_or(|entry| entry.status.is_idle());
            if asked && is_idle {
                break;
            }
            if round % 20 == 19 && !asked {
                self.next_request += 1;
                let request = RequestId::new(self.next_request);
                let ask = Ask::Init { timeout_ms: TIMEOUT_MS, expected: Producer::NONE };
                let connection = Connection::new(u64::MAX);
                let input = Input::Request { request, connection, transactional_id: NAME.into(), ask };
                self.coordinator.handle(self.now, input);
            }
        }
    }

    fn carry_out_calmly(&mut self, asked: &mut bool) {
        while let Some(effect) = self.coordinator.poll() {
            match effect {
                Effect::Answer { result, .. } => *asked |= result.is_ok(),
                Effect::Append { ticket, key, value, .. } => self.later(Job::Append(ticket, key, value)),
                Effect::ReserveIds { count } => self.later(Job::Ids(count)),
                Effect::WriteMarkers { producer, outcome, partitions, .. } => {
                    for partition in partitions.get(TOPIC).into_iter().flatten() {
                        self.later(Job::Marker(producer, outcome, *partition));
                    }
                }
            }
        }
    }

    /// The questions at the end of a life.
    fn judge(&self, seed: u64) {
        for (index, partition) in self.partitions.iter().enumerate() {
            assert!(partition.open.is_empty(), "seed {seed}: partition {index} has an open transaction");
        }
        for (transaction, known) in self.known.iter().enumerate() {
            let fates = self.partitions.iter().filter_map(|p| p.fates.get(&(transaction as u32)));
            let fates: Vec<Outcome> = fates.flatten().copied().collect();
            assert_eq!(
                fates.len() as u32,
                known.writes,
                "seed {seed}: transaction {transaction} has lost writes"
            );
            let all = |outcome| fates.iter().all(|fate| *fate == outcome);
            assert!(
                all(Outcome::Commit) || all(Outcome::Abort),
                "seed {seed}: {transaction} is torn: {fates:?}"
            );
            assert!(!known.committed || all(Outcome::Commit), "seed {seed}: {transaction} was acknowledged");
            assert!(!known.aborted || all(Outcome::Abort), "seed {seed}: {transaction} was aborted");
            let is_asked = known.asked_commit || fates.is_empty();
            assert!(is_asked || all(Outcome::Abort), "seed {seed}: {transaction} was never to be committed");
        }
    }
}

fn life(seed: u64) -> World {
    let mut world = World::new(seed);
    let feature = if Rng::new(seed).one_in(3) { TransactionVersion::Tv1 } else { TransactionVersion::Tv2 };
    for _ in 0..200 {
        world.step(feature);
    }
    world.settle(feature, seed);
    world.judge(seed);
    world
}

#[test]
fn no_transaction_is_torn_lost_or_stuck_in_a_hostile_world() {
    let soak = std::env::var("DOLMEN_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(1u64);
    let (mut committed, mut aborted, mut crashes) = (0, 0, 0);
    let lives = 100_000 * soak;
    for seed in 0..lives {
        let world = life(seed);
        committed += world.known.iter().filter(|k| k.committed && k.writes > 0).count();
        aborted += world.known.iter().filter(|k| k.aborted && k.writes > 0).count();
        crashes += world.crashes;
    }
    println!("{lives} lives: {committed} commits, {aborted} aborts acknowledged, {crashes} crashes");
    assert!(committed as u64 > lives / 4 && aborted as u64 > lives / 10 && u64::from(crashes) > lives / 4);
}
