//! The exactly-once machine in a hostile world: every effect may fail before or after it has happened, answers are lost, commits arrive late,
//! members are put out, processes die between any two effects or go on as zombies beside their successor.
//!
//! After every life: each record's result is committed once, in the order of its key; what cannot be transformed, or written, is a dead letter, once.

use std::collections::{BTreeMap, BTreeSet};

use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::eos::{Arrived, Effect, Fault, Input, Machine, PartitionId, Reading, Settings, Why};

const PARTITIONS: u32 = 3;
const NAMES: usize = 2;
const TIMEOUT: Duration = Duration::from_secs(2);

/// A result: of which record, and whether it is a dead letter.
type Result3 = (PartitionId, i64, bool);

fn is_poison(offset: i64) -> bool {
    offset % 11 == 3
}
fn is_too_large(offset: i64) -> bool {
    offset % 13 == 5
}
fn is_left_out(offset: i64) -> bool {
    offset % 7 == 6
}
fn expected(partition: PartitionId, offset: i64) -> Option<Result3> {
    if is_poison(offset) {
        return Some((partition, offset, true));
    }
    if is_left_out(offset) {
        return None;
    }
    Some((partition, offset, is_too_large(offset)))
}

#[derive(Default)]
struct Transaction {
    results: Vec<Result3>,
    offsets: BTreeMap<PartitionId, i64>,
    since: Option<Time>,
}

/// A broker, as plain as can be: producers of the older protocol, whose epoch does not rise with each transaction.
#[derive(Default)]
struct Broker {
    epochs: [u64; NAMES],
    /// Who opened which name last.
    opened_by: [u64; NAMES],
    open: [Transaction; NAMES],
    committed: Vec<Result3>,
    offsets: BTreeMap<PartitionId, i64>,
    generation: u64,
    members: BTreeSet<u64>,
    /// EndTxn(commit) that is still on its way: the name and the epoch.
    late: Vec<(usize, u64)>,
}

impl Broker {
    fn end(&mut self, name: usize, commits: bool) {
        let transaction = std::mem::take(&mut self.open[name]);
        if !commits {
            return;
        }
        for result in transaction.results {
            assert!(!self.committed.contains(&result), "{result:?} is committed twice");
            self.committed.push(result);
        }
        for (partition, offset) in transaction.offsets {
            let before = self.offsets.insert(partition, offset).unwrap_or(0);
            assert!(before < offset, "offsets of {partition:?} go back");
        }
    }

    fn owned(&self, member: u64) -> Vec<PartitionId> {
        let place = self.members.iter().position(|id| *id == member);
        let count = self.members.len() as u32;
        (0..PARTITIONS).filter(|p| Some((p % count.max(1)) as usize) == place).map(PartitionId::new).collect()
    }

    fn put_out(&mut self, member: u64) {
        if self.members.remove(&member) {
            self.generation += 1;
        }
    }
}

/// A process.
struct Process {
    id: u64,
    name: usize,
    machine: Machine,
    epoch: u64,
    member: u64,
    generation: u64,
    owned: Vec<PartitionId>,
    positions: BTreeMap<PartitionId, i64>,
    batch: Vec<(Arrived, Option<Option<Result3>>)>,
    stopped: Option<Option<Why>>,
}

struct World {
    rng: Rng,
    now: Time,
    broker: Broker,
    processes: Vec<Process>,
    next_id: u64,
    records: i64,
    is_calm: bool,
    /// How often it was hostile: a world that never is proves nothing.
    hurt: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let records = 5 + rng.below(40) as i64;
        let mut world = World {
            rng,
            now: Time::from_millis(1),
            broker: Broker::default(),
            processes: Vec::new(),
            next_id: 1,
            records,
            is_calm: false,
            hurt: 0,
        };
        for name in 0..NAMES {
            world.start(name);
        }
        world
    }

    fn start(&mut self, name: usize) {
        let settings = Settings {
            records_max: 1 + self.rng.below(8) as u32,
            linger: Duration::from_millis(self.rng.below(60)),
            attempts_max: 2,
            has_dead_letters: true,
            transaction_timeout: TIMEOUT,
            patience: Duration::from_secs(1_000_000),
            ..Settings::default()
        };
        self.processes.push(Process {
            id: self.next_id,
            name,
            machine: Machine::new(settings, self.now),
            epoch: 0,
            member: 0,
            generation: 0,
            owned: Vec::new(),
            positions: BTreeMap::new(),
            batch: Vec::new(),
            stopped: None,
        });
        self.next_id += 1;
    }

    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(self.rng.below(20));
        self.broker_acts();
        let at = self.rng.below(self.processes.len() as u64) as usize;
        let process = &mut self.processes[at];
        process.machine.handle(self.now, Input::Tick);
        let Some(effect) = process.machine.poll() else { return };
        if let Effect::Stopped(why) = effect {
            return self.stopped(at, why);
        }
        if !self.is_calm && self.rng.one_in(70) {
            return self.dies(at, effect);
        }
        let answer = self.carry_out(at, effect);
        self.processes[at].machine.handle(self.now, answer);
    }

    /// Transactions time out, late requests arrive, members are put out.
    fn broker_acts(&mut self) {
        for name in 0..NAMES {
            let since = self.broker.open[name].since;
            if since.is_some_and(|since| self.now.since(since) >= TIMEOUT) {
                self.broker.epochs[name] += 1;
                self.broker.end(name, false);
            }
        }
        if !self.broker.late.is_empty() && self.rng.one_in(25) {
            let at = self.rng.below(self.broker.late.len() as u64) as usize;
            let (name, epoch) = self.broker.late.swap_remove(at);
            if epoch == self.broker.epochs[name] {
                self.broker.end(name, true);
            }
        }
        let lives: BTreeSet<u64> = self.processes.iter().map(|p| p.member).collect();
        let members: Vec<u64> = self.broker.members.iter().copied().collect();
        for member in members {
            let goes = if lives.contains(&member) {
                !self.is_calm && self.rng.one_in(400)
            } else {
                self.rng.one_in(30)
            };
            if goes {
                self.broker.put_out(member);
            }
        }
    }

    /// The process dies before or after the effect, and another begins; or it lives on as a zombie, and another begins.
    fn dies(&mut self, at: usize, effect: Effect) {
        self.hurt += 1;
        let name = self.processes[at].name;
        if self.rng.one_in(2) {
            let answer = self.carry_out(at, effect);
            if self.rng.one_in(3) && self.processes.len() < 5 {
                self.processes[at].machine.handle(self.now, answer);
                return self.start(name);
            }
        }
        self.processes.swap_remove(at);
        self.start(name);
    }

    fn stopped(&mut self, at: usize, why: Option<Why>) {
        let process = &self.processes[at];
        let (name, id) = (process.name, process.id);
        match why {
            Some(Why::Fenced(_)) => {
                assert_ne!(self.broker.opened_by[name], id, "nobody has shut it out");
                self.processes.swap_remove(at);
                if !self.processes.iter().any(|p| p.name == name) {
                    self.start(name);
                }
            }
            None => self.processes[at].stopped = Some(None),
            other => panic!("it stops: {other:?}"),
        }
    }

    /// Carries an effect out, or not, and answers truly, or not.
    fn carry_out(&mut self, at: usize, effect: Effect) -> Input {
        let is_local = matches!(effect, Effect::Transform { .. } | Effect::Bury { .. });
        let hostile = !self.is_calm && !is_local && self.rng.one_in(15);
        if !hostile {
            return self.happen(at, effect);
        }
        self.hurt += 1;
        if effect == Effect::Commit && self.rng.one_in(2) {
            let process = &self.processes[at];
            self.broker.late.push((process.name, process.epoch));
            return Input::Done(Err(Fault::Unanswered));
        }
        let has_happened = self.rng.one_in(2);
        let read = matches!(effect, Effect::Read { .. });
        let committed = matches!(effect, Effect::Committed(_));
        let fault = if has_happened {
            // What was read comes again.
            let before = self.processes[at].positions.clone();
            self.happen(at, effect);
            if read {
                self.processes[at].positions = before;
                return Input::Read(Err(Fault::Broker(ErrorCode::UNKNOWN_MEMBER_ID)));
            }
            Fault::Unanswered
        } else {
            let codes = [
                Fault::Unanswered,
                Fault::Retriable,
                Fault::MustAbort,
                Fault::Broken,
                Fault::Broker(ErrorCode::COORDINATOR_NOT_AVAILABLE),
                Fault::Broker(ErrorCode::CONCURRENT_TRANSACTIONS),
                Fault::Broker(ErrorCode::INVALID_TXN_STATE),
                Fault::Broker(ErrorCode::UNKNOWN_SERVER_ERROR),
                Fault::Broker(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
                Fault::Broker(ErrorCode::REBALANCE_IN_PROGRESS),
                Fault::Broker(ErrorCode::TRANSACTION_ABORTABLE),
            ];
            codes[self.rng.below(codes.len() as u64) as usize]
        };
        match (read, committed) {
            (true, _) => Input::Read(Err(fault)),
            (_, true) => Input::Committed(Err(fault)),
            _ => Input::Done(Err(fault)),
        }
    }

    fn happen(&mut self, at: usize, effect: Effect) -> Input {
        let World { processes, broker, rng, records, now, is_calm, .. } = self;
        let process = &mut processes[at];
        let name = process.name;
        let refuse = |code: ErrorCode| Input::Done(Err(Fault::Broker(code)));
        let is_current = broker.epochs[name] == process.epoch;
        match effect {
            Effect::Open => {
                broker.epochs[name] += 1;
                broker.opened_by[name] = process.id;
                process.epoch = broker.epochs[name];
                broker.end(name, false);
            }
            Effect::Join => {
                broker.put_out(process.member);
                process.member = self.next_id;
                self.next_id += 1;
                broker.members.insert(process.member);
                broker.generation += 1;
                process.generation = 0;
            }
            Effect::Committed(wanted) => {
                let is_pending = |id: &PartitionId| broker.open.iter().any(|t| t.offsets.contains_key(id));
                if wanted.iter().any(is_pending) {
                    return Input::Committed(Err(Fault::Broker(ErrorCode::UNSTABLE_OFFSET_COMMIT)));
                }
                let found = wanted.into_iter().map(|id| (id, broker.offsets.get(&id).copied()));
                return Input::Committed(Ok(found.collect()));
            }
            Effect::Rewind(positions) => {
                process.positions = positions.into_iter().map(|(id, at)| (id, at.unwrap_or(0))).collect();
                process.batch.clear();
            }
            Effect::Read { count_max, .. } => {
                return read(process, broker, rng, *records, count_max, *is_calm);
            }
            Effect::Transform { index, .. } => {
                let (record, result) = &mut process.batch[index as usize];
                if is_poison(record.offset) {
                    return Input::Transformed(None);
                }
                let is_out = is_left_out(record.offset);
                *result = Some((!is_out).then_some((record.partition, record.offset, false)));
                return Input::Transformed(Some(u32::from(!is_out)));
            }
            Effect::Bury { index, .. } => {
                let (record, result) = &mut process.batch[index as usize];
                *result = Some(Some((record.partition, record.offset, true)));
            }
            Effect::Begin => {}
            Effect::Send if !is_current => return refuse(ErrorCode::INVALID_PRODUCER_EPOCH),
            Effect::Send => {
                let results: Vec<Result3> = process.batch.iter().filter_map(|(_, r)| (*r)?).collect();
                let refused = results.iter().position(|r| is_too_large(r.1) && !r.2);
                let transaction = &mut broker.open[name];
                transaction.since.get_or_insert(*now);
                transaction.results.extend(&results[..refused.unwrap_or(results.len())]);
                if refused.is_some() {
                    return refuse(ErrorCode::MESSAGE_TOO_LARGE);
                }
            }
            Effect::Offsets(_) if !is_current => return refuse(ErrorCode::PRODUCER_FENCED),
            Effect::Offsets(offsets) => {
                if !broker.members.contains(&process.member) {
                    return refuse(ErrorCode::UNKNOWN_MEMBER_ID);
                }
                if broker.generation != process.generation {
                    return refuse(ErrorCode::ILLEGAL_GENERATION);
                }
                broker.open[name].since.get_or_insert(*now);
                broker.open[name].offsets.extend(offsets);
            }
            Effect::Commit | Effect::Abort if !is_current => return refuse(ErrorCode::PRODUCER_FENCED),
            Effect::Commit => {
                broker.end(name, true);
                process.batch.clear();
            }
            Effect::Abort => broker.end(name, false),
            Effect::Leave => broker.put_out(process.member),
            Effect::Stopped(_) => unreachable!("it has no answer"),
        }
        Input::Done(Ok(()))
    }

    /// Nothing more goes wrong, and everything is finished.
    fn calm(&mut self) {
        self.is_calm = true;
        let mut steps = 0;
        while self.broker.offsets.values().sum::<i64>() < self.records * i64::from(PARTITIONS) {
            self.step();
            steps += 1;
            assert!(steps < 200_000, "it is stuck: {:?}", self.broker.offsets);
        }
        self.processes.iter_mut().for_each(|p| p.machine.handle(self.now, Input::Stop));
        while self.processes.iter().any(|p| p.stopped.is_none()) {
            self.processes.retain(|p| p.stopped.is_none());
            self.step();
            self.processes.iter_mut().for_each(|p| p.machine.handle(self.now, Input::Stop));
            steps += 1;
            assert!(steps < 400_000, "it does not stop");
        }
    }

    fn judge(&self) {
        let mut found = self.broker.committed.clone();
        let all = (0..PARTITIONS).flat_map(|p| (0..self.records).map(move |at| (PartitionId::new(p), at)));
        let mut wanted: Vec<Result3> = all.filter_map(|(p, at)| expected(p, at)).collect();
        for partition in (0..PARTITIONS).map(PartitionId::new) {
            let offsets = found.iter().filter(|r| r.0 == partition).map(|r| r.1);
            assert!(offsets.is_sorted(), "the order of a key");
        }
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
    }
}

/// What a member gets that reads: a change of what it owns, or records from its positions, now and then some that it must not count.
fn read(
    process: &mut Process,
    broker: &Broker,
    rng: &mut Rng,
    records: i64,
    count_max: u32,
    is_calm: bool,
) -> Input {
    if !broker.members.contains(&process.member) {
        return Input::Read(Err(Fault::Broker(ErrorCode::UNKNOWN_MEMBER_ID)));
    }
    if process.generation != broker.generation {
        // Not at once: a member hears of it with its next heartbeat.
        if is_calm || rng.one_in(3) {
            process.generation = broker.generation;
            process.owned = broker.owned(process.member);
            process.positions.clear();
            let reading = Reading { owned: Some(process.owned.clone()), records: Vec::new() };
            return Input::Read(Ok(reading));
        }
    }
    let mut out = Vec::new();
    for _ in 0..count_max {
        if !is_calm && rng.one_in(40) {
            let partition = PartitionId::new(rng.below(u64::from(PARTITIONS)) as u32);
            let offset = process.positions.get(&partition).map_or(0, |at| at - 1).max(0);
            if process.positions.get(&partition).is_none_or(|at| *at > offset) {
                out.push(Arrived { partition, offset, len: 10 });
                continue;
            }
        }
        let mut ready: Vec<_> = process.positions.iter_mut().filter(|(_, at)| **at < records).collect();
        if ready.is_empty() {
            break;
        }
        let chosen = rng.below(ready.len() as u64) as usize;
        let (partition, offset) = &mut ready[chosen];
        out.push(Arrived { partition: **partition, offset: **offset, len: 10 });
        **offset += 1;
    }
    process.batch.extend(out.iter().map(|record| (*record, None)));
    Input::Read(Ok(Reading { owned: None, records: out }))
}

fn life(seed: u64) -> u64 {
    let mut world = World::new(seed);
    for _ in 0..400 + world.rng.below(3_000) {
        world.step();
    }
    world.calm();
    world.judge();
    world.hurt
}

#[test]
fn no_life_loses_or_doubles_a_record() {
    let soak: u64 = std::env::var("DOLMEN_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut hurt = 0;
    for seed in 0..3_000 * soak {
        let life = std::panic::catch_unwind(|| life(seed));
        hurt += life.unwrap_or_else(|cause| {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(cause)
        });
    }
    assert!(hurt > 100_000 * soak, "the world was kind: {hurt}");
}
