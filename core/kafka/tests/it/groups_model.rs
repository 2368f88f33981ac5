//! Groups in a hostile world: members of both protocols and transactional producers speak over a network that loses, doubles, delays and reorders,
//! appends take their time or fail, and the broker crashes between any two effects.
//!
//! At every step: what is acknowledged is in the log, what is remembered is what the log says, no partition has two owners in one generation. After
//! every life: every request was answered, and newcomers of both protocols get every partition.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, stamp};
use dolmen_kafka::control::{self, Marker, MarkerMeta, Outcome};
use dolmen_kafka::group::ask::{Answer, Ask, Beat, Client as Who, Commit, Heartbeat, Join, Leave, Sync};
use dolmen_kafka::group::machine::AppendError;
use dolmen_kafka::group::records::{self, Record, Said};
use dolmen_kafka::group::{Effect, Groups, Input, Settings};
use dolmen_kafka::topics::Topics;
use dolmen_kafka::txn::Producer;
use dolmen_kafka::txn::machine::{RequestId, Ticket};
use dolmen_sim::{Event, Network, NodeId, Weather};

use crate::desk::{Desk, by, commit_at, first_beat, join, next_beat, sync, topic_id, within};

const BROKER: NodeId = NodeId::new(0);
const CLASSIC: &str = "classic";
const NEWER: &str = "newer";
const PARTITIONS: i32 = 4;
const STEPS: usize = 250;

#[derive(Clone, Debug)]
enum Message {
    Ask(u64, Ask),
    Answer(u64, Answer),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Join,
    Sync,
    Beat,
    Commit,
    Leave,
}

/// A client of one of the protocols, or a producer that commits offsets in transactions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Classic,
    Newer,
    Producer(i64),
}

#[derive(Debug)]
struct Member {
    node: NodeId,
    role: Role,
    instance: Option<String>,
    id: String,
    /// How often it began anew.
    life: u32,
    generation: i32,
    step: Step,
    /// From the leader: who gets what.
    given: Vec<(String, Vec<u8>)>,
    owned: Vec<i32>,
    waiting: Option<u64>,
    /// When it speaks next, or gives up waiting.
    until: Time,
}

enum Job {
    Append(Ticket, Option<Producer>, Vec<Record>),
    Mark(i64, Outcome),
}

/// What the log says, as plainly as can be.
type Offsets = BTreeMap<(String, i32), (i64, i64)>;

#[derive(Default)]
struct Twin {
    offsets: Offsets,
    pending: BTreeMap<i64, Offsets>,
    /// Every value that was ever committed.
    values: BTreeSet<(String, i32, i64)>,
}

impl Twin {
    fn logged(&mut self, at: i64, said: Said, producer: Option<Producer>) {
        let Said::Offset { group, partition, committed, .. } = said else { return };
        let key = (group.clone(), partition);
        match (committed, producer) {
            (Some(committed), None) => {
                self.values.insert((group, partition, committed.offset));
                self.offsets.insert(key, (at, committed.offset));
            }
            (Some(committed), Some(producer)) => {
                self.values.insert((group, partition, committed.offset));
                self.pending.entry(producer.id).or_default().insert(key, (at, committed.offset));
            }
            (None, _) => {
                self.offsets.remove(&key);
                self.pending.values_mut().for_each(|all| {
                    all.remove(&key);
                });
            }
        }
    }

    fn ended(&mut self, producer_id: i64, outcome: Outcome) {
        for (key, value) in self.pending.remove(&producer_id).unwrap_or_default() {
            if outcome == Outcome::Commit && self.offsets.get(&key).is_none_or(|known| known.0 < value.0) {
                self.offsets.insert(key, value);
            }
        }
    }
}

struct World {
    seed: u64,
    rng: Rng,
    now: Time,
    net: Network<Message>,
    topics: Topics,
    groups: Groups,
    log: Vec<Vec<u8>>,
    log_end: i64,
    twin: Twin,
    /// Appends under way, in their order, with the time at which the first may end.
    jobs: VecDeque<Job>,
    job_at: Time,
    job_ms_max: u64,
    members: Vec<Member>,
    requests: BTreeMap<RequestId, (NodeId, u64, Ask)>,
    next_request: u64,
    next_offset: i64,
    /// Who got a partition in which generation of the classic group, and in which epoch of the newer one.
    owners: BTreeMap<(&'static str, i32, i32), String>,
    is_calm: bool,
    crashes: u32,
    commits: u32,
    assigned: u32,
}

fn settings() -> Settings {
    let mut settings = Settings { partition_count: 1, ..Settings::default() };
    settings.classic.session_timeout_ms_min = 1;
    settings.classic.initial_delay_ms = 200;
    settings.consumer.session_timeout_ms = 4_000;
    settings
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let delay_ns_max = [2_000_000, 50_000_000, 2_000_000_000][rng.below(3) as usize];
        let weather = Weather { delay_ns_max, lost_per_mille: 30, doubled_per_mille: 60, ..Weather::HOSTILE };
        let member = |node: u32, role: Role, rng: &mut Rng| Member {
            node: NodeId::new(node),
            role,
            instance: rng.one_in(3).then(|| format!("static{node}")),
            id: String::new(),
            life: 0,
            generation: 0,
            step: if matches!(role, Role::Producer(_)) { Step::Commit } else { Step::Join },
            given: Vec::new(),
            owned: Vec::new(),
            waiting: None,
            until: Time::from_millis(rng.below(2_000)),
        };
        let roles = [
            Role::Classic,
            Role::Classic,
            Role::Classic,
            Role::Newer,
            Role::Newer,
            Role::Newer,
            Role::Producer(7),
            Role::Producer(8),
        ];
        let members = roles.into_iter().zip(1..).map(|(role, node)| member(node, role, &mut rng)).collect();
        let mut groups = Groups::new(settings(), seed);
        groups.start(Time::from_millis(1), &Topics::new());
        World {
            seed,
            net: Network::new(rng.next_u64(), weather),
            job_ms_max: [2, 50, 900][rng.below(3) as usize],
            rng,
            now: Time::from_millis(1),
            topics: Desk::new().topics,
            groups,
            log: Vec::new(),
            log_end: 0,
            twin: Twin::default(),
            jobs: VecDeque::new(),
            job_at: Time::ZERO,
            members,
            requests: BTreeMap::new(),
            next_request: 0,
            next_offset: 0,
            owners: BTreeMap::new(),
            is_calm: false,
            crashes: 0,
            commits: 0,
            assigned: 0,
        }
    }

    fn soon(&mut self, ms: u64) -> Time {
        self.now + Duration::from_millis(self.rng.below(ms) + 1)
    }

    /// Whatever comes first.
    fn step(&mut self) {
        self.carry_out();
        if !self.is_calm && self.rng.one_in(60) {
            return self.crash();
        }
        let members = self.members.iter().map(|member| member.until).min();
        let job = (!self.jobs.is_empty()).then_some(self.job_at);
        let tick = self.groups.next_deadline();
        let next = [members, job, tick, self.net.next_at()].into_iter().flatten().min().unwrap_or(self.now);
        self.now = self.now.max(next);
        if let Some(event) = self.net.poll(self.now) {
            return self.event(event);
        }
        if job.is_some_and(|at| at <= self.now) {
            return self.done();
        }
        if tick.is_some_and(|at| at <= self.now) {
            self.groups.handle(self.now, &self.topics, Input::Tick);
            return self.carry_out();
        }
        if let Some(at) = self.members.iter().position(|member| member.until <= self.now) {
            self.act(at);
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.groups.poll() {
            match effect {
                Effect::Answer { request, answer } => {
                    let Some((node, number, ask)) = self.requests.remove(&request) else {
                        panic!("seed {}: {request} is answered twice", self.seed)
                    };
                    self.judge_answer(&ask, &answer);
                    self.net.post(self.now, BROKER, node, Message::Answer(number, answer));
                }
                Effect::Append { ticket, producer, records, .. } => {
                    if self.jobs.is_empty() {
                        let ms = self.job_ms_max;
                        self.job_at = self.soon(ms);
                    }
                    self.jobs.push_back(Job::Append(ticket, producer, records));
                }
            }
        }
        self.judge_state();
    }

    /// What is acknowledged is in the log.
    fn judge_answer(&mut self, ask: &Ask, answer: &Answer) {
        if let (Ask::Commit(ask), Answer::Commit(topics)) = (ask, answer) {
            for ((_, wanted), (_, results)) in ask.topics.iter().zip(topics) {
                for (wanted, (partition, code)) in wanted.iter().zip(results) {
                    let value = (ask.group.clone(), *partition, wanted.offset);
                    let is_there = self.twin.values.contains(&value);
                    assert!(
                        *code != ErrorCode::NONE || is_there,
                        "seed {}: {value:?} is not in the log",
                        self.seed
                    );
                    self.commits += u32::from(*code == ErrorCode::NONE);
                }
            }
        }
        let got = match (ask, answer) {
            (Ask::Sync(ask), Answer::Sync(synced)) if synced.error == ErrorCode::NONE => {
                let owned = synced.assignment.iter().map(|byte| i32::from(*byte)).collect();
                Some((CLASSIC, ask.generation, ask.member.clone(), owned))
            }
            (Ask::Beat(_), Answer::Beat(beaten)) => match (&beaten.member, &beaten.assignment) {
                (Some(member), Some(all)) => {
                    let owned: Vec<i32> = all
                        .iter()
                        .filter(|(t, _)| *t == topic_id("t"))
                        .flat_map(|(_, parts)| parts.clone())
                        .collect();
                    Some((NEWER, beaten.epoch, member.clone(), owned))
                }
                _ => None,
            },
            _ => None,
        };
        let Some((group, generation, member, owned)) = got else { return };
        self.assigned += 1;
        for partition in owned {
            let owner = self.owners.entry((group, generation, partition)).or_insert_with(|| member.clone());
            // A static member's place goes on to its next id.
            let name = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
            let is_same = *owner == member || (member.starts_with("static") && name(owner) == name(&member));
            assert!(is_same, "seed {}: {group} {generation}: {partition} of {owner} and {member}", self.seed);
        }
    }

    /// What is remembered is what the log says, and nobody owns what another does.
    fn judge_state(&self) {
        if self.groups.is_poisoned() {
            return;
        }
        let seed = self.seed;
        for group in [CLASSIC, NEWER] {
            for partition in 0..PARTITIONS {
                let found = self.groups.offsets(group).and_then(|o| o.get("t", partition)).map(|c| c.offset);
                let twin = self.twin.offsets.get(&(group.to_owned(), partition)).map(|(_, offset)| *offset);
                assert_eq!(found, twin, "seed {seed}: {group} {partition}");
            }
        }
        let Some(group) = self.groups.consumer(NEWER) else { return };
        let mut owned = BTreeSet::new();
        for member in group.members.values() {
            for (topic, partitions) in member.assigned.iter().chain(&member.revoking) {
                for partition in partitions.keys() {
                    assert!(owned.insert((*topic, *partition)), "seed {seed}: {partition} has two owners");
                }
            }
            assert!(member.epoch <= group.target_epoch && group.target_epoch <= group.epoch, "seed {seed}");
        }
    }

    /// The first append comes to its end.
    fn done(&mut self) {
        let Some(job) = self.jobs.pop_front() else { return };
        let ms = self.job_ms_max;
        self.job_at = self.soon(ms);
        let fails = !self.is_calm && self.rng.one_in(30);
        match job {
            Job::Mark(producer_id, outcome) => {
                self.write_marker(producer_id, outcome);
                self.groups.handle(
                    self.now,
                    &self.topics,
                    Input::Ended { partition: 0, producer_id, outcome },
                );
            }
            Job::Append(ticket, producer, records) => {
                let result = match (fails, self.rng.below(4)) {
                    (false, _) => Ok(self.write(producer, &records)),
                    (true, 0) => {
                        if self.rng.one_in(2) {
                            self.write(producer, &records);
                        }
                        Err(AppendError::Unknown)
                    }
                    (true, 1) if producer.is_some() => {
                        Err(AppendError::Refused(ErrorCode::INVALID_PRODUCER_EPOCH))
                    }
                    (true, _) => Err(AppendError::NotWritten),
                };
                self.groups.handle(self.now, &self.topics, Input::Appended { ticket, result });
                if result == Err(AppendError::Unknown) {
                    self.carry_out();
                    assert!(self.requests.is_empty(), "seed {}: the poisoned broker owes answers", self.seed);
                    return self.crash();
                }
            }
        }
        self.carry_out();
    }

    fn write(&mut self, producer: Option<Producer>, all: &[Record]) -> i64 {
        let base = self.log_end;
        let mut bytes = Vec::new();
        assert!(records::put_batch(&mut bytes, all, producer, self.now.as_millis() as i64));
        stamp(&mut bytes, base, 0);
        for (at, record) in (base..).zip(all) {
            self.twin.logged(at, records::parse(&record.key, record.value.as_deref()).unwrap(), producer);
        }
        self.log.push(bytes);
        self.log_end += all.len() as i64;
        base
    }

    fn write_marker(&mut self, producer_id: i64, outcome: Outcome) {
        let mut bytes = Vec::new();
        let meta = MarkerMeta {
            producer_id,
            producer_epoch: 0,
            base_offset: self.log_end,
            leader_epoch: 0,
            timestamp_ms: 0,
        };
        control::put_marker(&mut bytes, meta, Marker { outcome, coordinator_epoch: 0 });
        self.log.push(bytes);
        self.log_end += 1;
        self.twin.ended(producer_id, outcome);
    }

    /// The power fails: of the appends under way the first few have their effect, and everything in memory is gone.
    fn crash(&mut self) {
        self.crashes += 1;
        let written = self.rng.below(self.jobs.len() as u64 + 1);
        for at in 0..self.jobs.len() as u64 {
            match self.jobs.pop_front() {
                Some(Job::Append(_, producer, records)) if at < written => {
                    self.write(producer, &records);
                }
                // Markers are asked for again until they are written.
                Some(Job::Mark(producer_id, outcome)) => self.write_marker(producer_id, outcome),
                _ => {}
            }
        }
        self.requests.clear();
        self.net.crash(self.now, BROKER);
        self.groups = Groups::new(settings(), self.rng.next_u64());
        for bytes in &self.log {
            let (batch, _) = Batch::split(bytes, 0).unwrap();
            self.groups.load(0, &batch, &[]).unwrap();
        }
        self.groups.start(self.now, &self.topics);
        self.judge_state();
    }

    fn event(&mut self, event: Event<Message>) {
        match event {
            Event::Datagram { from, to: BROKER, message: Message::Ask(number, ask) } => {
                self.next_request += 1;
                let request = RequestId::new(self.next_request);
                self.requests.insert(request, (from, number, ask.clone()));
                let client = Who { id: "c".into(), host: "/127.0.0.1".into(), ..Who::default() };
                self.groups.handle(self.now, &self.topics, Input::Request { request, client, ask });
                self.carry_out();
            }
            Event::Datagram { to, message: Message::Answer(number, answer), .. } if to != BROKER => {
                let at = to.get() as usize - 1;
                if self.members.get(at).is_some_and(|member| member.waiting == Some(number)) {
                    self.members[at].waiting = None;
                    self.members[at].until = self.soon(300);
                    self.answered(at, answer);
                }
            }
            _ => {}
        }
    }

    /// A client's next request.
    fn act(&mut self, at: usize) {
        let patience = self.soon(if self.is_calm { 20_000 } else { 6_000 }) + Duration::from_millis(500);
        self.next_offset += 1;
        let partition = self.rng.below(PARTITIONS as u64) as i32;
        let ends = self.rng.one_in(2);
        let outcome = if self.rng.one_in(3) { Outcome::Abort } else { Outcome::Commit };
        let offset = self.next_offset;
        let member = &mut self.members[at];
        member.waiting = None;
        let ask = match member.role {
            Role::Producer(id) if ends => {
                member.until = patience;
                self.jobs.push_back(Job::Mark(id, outcome));
                return;
            }
            Role::Producer(id) => Ask::Commit(within(
                id,
                commit_at(if offset % 2 == 0 { CLASSIC } else { NEWER }, partition, offset),
            )),
            Role::Classic => member.ask_classic(partition, offset),
            Role::Newer => member.ask_newer(partition, offset),
        };
        self.next_request += 1;
        let number = self.next_request;
        member.waiting = Some(number);
        member.until = patience;
        let node = member.node;
        self.net.post(self.now, node, BROKER, Message::Ask(number, ask));
    }

    fn answered(&mut self, at: usize, answer: Answer) {
        let calm = self.is_calm;
        let next = match self.rng.below(if calm { 8 } else { 14 }) {
            0..=4 => Step::Beat,
            5..=7 => Step::Commit,
            8 | 9 => Step::Leave,
            _ => Step::Beat,
        };
        // A process that dies and comes back without its memory.
        let dies = !calm && self.rng.one_in(20);
        let silence = Duration::from_millis(self.rng.below(8_000));
        let member = &mut self.members[at];
        match member.role {
            Role::Classic => member.answered_classic(answer, next),
            Role::Newer => member.answered_newer(answer, next),
            Role::Producer(_) => {}
        }
        if dies && !matches!(member.role, Role::Producer(_)) {
            member.reset();
            member.until = self.now + silence;
        }
    }

    /// Calm weather: who is there goes silent, newcomers come, and get everything.
    fn settle(&mut self) {
        self.is_calm = true;
        self.net.set_weather(Weather::FAIR);
        self.job_ms_max = 5;
        for member in &mut self.members {
            let (role, node) = (member.role, member.node);
            member.life += 1000;
            member.reset();
            member.instance = None;
            if matches!(role, Role::Producer(_)) || node.get() % 3 == 0 {
                member.until = Time::MAX;
            }
        }
        for round in 0.. {
            assert!(
                round < 6_000,
                "seed {}: {:#?} {:#?}",
                self.seed,
                self.groups.classic(CLASSIC),
                self.groups.consumer(NEWER)
            );
            self.step();
            let owned = |role: Role| -> BTreeSet<i32> {
                self.members.iter().filter(|m| m.role == role).flat_map(|m| m.owned.clone()).collect()
            };
            let all: BTreeSet<i32> = (0..PARTITIONS).collect();
            if owned(Role::Classic) == all && owned(Role::Newer) == all && self.jobs.is_empty() {
                break;
            }
        }
        // Nobody speaks any more: what still waits is answered when time is up.
        self.members.iter_mut().for_each(|member| member.until = Time::MAX);
        for _ in 0..500 {
            if self.requests.is_empty() && self.jobs.is_empty() && self.net.next_at().is_none() {
                break;
            }
            self.step();
        }
        assert!(self.requests.is_empty(), "seed {}: never answered: {:?}", self.seed, self.requests);
    }

    /// What is remembered is what is found again.
    fn judge(&mut self) {
        let before = [CLASSIC, NEWER].map(|group| self.groups.offsets(group).cloned());
        let newer = self
            .groups
            .consumer(NEWER)
            .map(|g| (g.epoch, g.target_epoch, g.members.clone(), g.target.clone()));
        self.crash();
        let after = [CLASSIC, NEWER].map(|group| self.groups.offsets(group).cloned());
        let again = self
            .groups
            .consumer(NEWER)
            .map(|g| (g.epoch, g.target_epoch, g.members.clone(), g.target.clone()));
        assert_eq!((before, newer), (after, again), "seed {}", self.seed);
    }
}

impl Member {
    fn reset(&mut self) {
        self.life += 1;
        self.id.clear();
        self.generation = 0;
        self.step = if matches!(self.role, Role::Producer(_)) { Step::Commit } else { Step::Join };
        self.owned.clear();
        self.waiting = None;
    }

    fn ask_classic(&mut self, partition: i32, offset: i64) -> Ask {
        let (group, member, instance) = (CLASSIC.to_owned(), self.id.clone(), self.instance.clone());
        match self.step {
            Step::Join => {
                self.owned.clear();
                let version = [3, 5, 9][self.life as usize % 3];
                let ask = join(CLASSIC, &self.id);
                Ask::Join(Join {
                    version,
                    instance,
                    session_timeout_ms: 3_000,
                    rebalance_timeout_ms: 4_000,
                    ..ask
                })
            }
            Step::Sync => {
                let ask = sync(CLASSIC, &self.id, self.generation, &[]);
                Ask::Sync(Sync { instance, assignments: self.given.clone(), ..ask })
            }
            Step::Beat => Ask::Heartbeat(Heartbeat { group, member, instance, generation: self.generation }),
            Step::Commit => {
                let ask = by(&self.id, self.generation, commit_at(CLASSIC, partition, offset));
                Ask::Commit(Commit { instance, ..ask })
            }
            Step::Leave => Ask::Leave(Leave { group, members: vec![(member, instance)] }),
        }
    }

    fn answered_classic(&mut self, answer: Answer, next: Step) {
        let code = match answer {
            Answer::Join(joined) if joined.error == ErrorCode::NONE => {
                self.id.clone_from(&joined.member);
                self.generation = joined.generation;
                self.step = Step::Sync;
                let count = joined.members.len().max(1);
                let share =
                    |at: usize| (0..PARTITIONS as u8).filter(|p| usize::from(*p) % count == at).collect();
                let leads = joined.leader == joined.member && !joined.skips_assignment;
                let members = joined.members.into_iter().enumerate().filter(|_| leads);
                self.given = members.map(|(at, member)| (member.member, share(at))).collect();
                return;
            }
            Answer::Join(joined) => {
                if joined.error == ErrorCode::MEMBER_ID_REQUIRED {
                    self.id = joined.member;
                    return;
                }
                joined.error
            }
            Answer::Sync(synced) => {
                self.owned = synced.assignment.iter().map(|byte| i32::from(*byte)).collect();
                synced.error
            }
            Answer::Heartbeat(code) => code,
            Answer::Commit(topics) => topics[0].1[0].1,
            Answer::Leave { .. } => return self.reset(),
            other => panic!("{other:?}"),
        };
        match code {
            ErrorCode::NONE => self.step = next,
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.reset()
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE if self.step != Step::Sync => {}
            _ => self.step = Step::Join,
        }
    }

    fn ask_newer(&mut self, partition: i32, offset: i64) -> Ask {
        if self.id.is_empty() {
            let name = self.instance.clone().unwrap_or_else(|| format!("m{}", self.node.get()));
            self.id = format!("{name}-{}", self.life);
        }
        let instance = self.instance.clone();
        let owned: &[(&str, &[i32])] = &[("t", &self.owned)];
        let ask = match self.step {
            Step::Commit => {
                let ask = by(&self.id, self.generation, commit_at(NEWER, partition, offset));
                return Ask::Commit(Commit { version: 9, instance, ..ask });
            }
            Step::Leave => {
                let epoch = if instance.is_some() && offset % 2 == 0 { -2 } else { -1 };
                next_beat(NEWER, &self.id, epoch, None)
            }
            Step::Beat => next_beat(NEWER, &self.id, self.generation, Some(owned)),
            Step::Join | Step::Sync => {
                self.owned.clear();
                first_beat(NEWER, &self.id, &["t"])
            }
        };
        Ask::Beat(Beat { instance, ..ask })
    }

    fn answered_newer(&mut self, answer: Answer, next: Step) {
        let code = match answer {
            Answer::Beat(beaten) if beaten.error == ErrorCode::NONE => {
                if beaten.epoch < 0 {
                    return self.reset();
                }
                self.generation = beaten.epoch;
                if let Some(all) = beaten.assignment {
                    self.owned = all.into_iter().flat_map(|(_, parts)| parts).collect();
                }
                ErrorCode::NONE
            }
            Answer::Beat(beaten) => beaten.error,
            Answer::Commit(topics) => topics[0].1[0].1,
            other => panic!("{other:?}"),
        };
        match code {
            ErrorCode::NONE => self.step = next,
            ErrorCode::COORDINATOR_NOT_AVAILABLE => {}
            ErrorCode::STALE_MEMBER_EPOCH => self.step = Step::Beat,
            _ => self.reset(),
        }
    }
}

#[test]
fn no_offset_is_lost_and_no_group_is_stuck_in_a_hostile_world() {
    let soak = std::env::var("DOLMEN_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(1u64);
    let (mut commits, mut assigned, mut crashes) = (0, 0, 0);
    let lives = 10_000 * soak;
    for seed in 0..lives {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle();
        world.judge();
        commits += u64::from(world.commits);
        assigned += u64::from(world.assigned);
        crashes += u64::from(world.crashes);
    }
    println!("{lives} lives: {commits} commits, {assigned} assignments, {crashes} crashes");
    assert!(commits > lives && assigned > lives && crashes > lives);
}
