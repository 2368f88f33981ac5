//! All groups of one broker as a machine: facts in, effects out.
//!
//! 1. A request is decided against what is remembered. What changes the log is logged first ([`Effect::Append`]); its answer waits for
//!    [`Input::Appended`].
//! 2. A newer group has one change under way at a time; requests of its members wait for it. A classic group goes on while its leader's assignment is
//!    being logged: what comes of it then depends on whether the generation still is the group's. Offsets are committed side by side.
//! 3. A commit in a transaction is logged under its producer, pending, and decided by the marker in the same partition ([`Input::Ended`]).
//! 4. [`Input::Tick`], at [`Groups::next_deadline`], puts out members that are silent, ends rebalances and forgets old offsets.
//!
//! The adapter appends effects of one partition in the order in which it takes them, and tells facts of one partition in the order of its log. Every
//! request is answered once. After [`AppendError::Unknown`] everything is refused: the log must be read again.

mod admin;
mod load;
mod offsets;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use dolmen_base::{Rng, Time};

use crate::ErrorCode;
use crate::control::Outcome;
use crate::limits::{GROUPS_MAX, WAITING_MAX};
use crate::topics::Topics;
use crate::txn::Producer;
use crate::txn::machine::{RequestId, Ticket};
use crate::wire::Uuid;

use super::ask::{
    Answer, Ask, Beat, Beaten, Client, Described, DescribedConsumers, FetchGroup, FetchedGroup, Joined,
    Synced, TopicName,
};
use super::classic::{self, Classic, Turn};
use super::consumer::{self, Change, Consumers, Decision, MemberState};
use super::offsets::{Committed, Offsets};
use super::partition_of;
use super::records::{self, Record};

pub use load::LoadError;

/// Settings, named as Kafka names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of classic groups.
    pub classic: classic::Settings,
    /// Of newer groups.
    pub consumer: consumer::Settings,
    /// `offsets.topic.num.partitions`, as the topic has them.
    pub partition_count: i32,
    /// `offset.metadata.max.bytes`.
    pub metadata_len_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_ms: i64,
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Settings {
            classic: classic::Settings::default(),
            consumer: consumer::Settings::default(),
            partition_count: 50,
            metadata_len_max: 4096,
            retention_ms: 10_080 * 60_000,
            retention_check_ms: 600_000,
        }
    }
}

/// How an append failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The partition refuses it, as it does batches of a producer that is shut out; the client is told this.
    Refused(ErrorCode),
    /// The records are not in the log and never will be.
    NotWritten,
    /// Whether they are in the log cannot be told, as after a failed sync.
    Unknown,
}

/// A fact. Each is made, handed over and gone: its size is that of the largest request.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "it is moved once, and most are requests")]
pub enum Input {
    /// A client asks.
    Request {
        /// The name of the request.
        request: RequestId,
        /// Who asks.
        client: Client,
        /// What it asks.
        ask: Ask,
    },
    /// Records are durable, the first at this offset of the partition's log, or are not.
    Appended {
        /// Which.
        ticket: Ticket,
        /// How it went.
        result: Result<i64, AppendError>,
    },
    /// A marker is durable in a partition of `__consumer_offsets`.
    Ended {
        /// The partition.
        partition: i32,
        /// Whose transaction.
        producer_id: i64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A topic is deleted on record.
    TopicDeleted {
        /// Its name.
        topic: String,
    },
    /// Time passes.
    Tick,
}

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append one batch to a partition of `__consumer_offsets` ([`records::put_batch`]) and sync it; answer with [`Input::Appended`]. A batch with a producer
    /// is judged by its epoch and by whether its transaction is open and has this partition, not by its sequence.
    Append {
        /// Its name.
        ticket: Ticket,
        /// The partition.
        partition: i32,
        /// In whose transaction.
        producer: Option<Producer>,
        /// The records.
        records: Vec<Record>,
    },
    /// Answer a request.
    Answer {
        /// Which.
        request: RequestId,
        /// What.
        answer: Answer,
    },
}

/// A group's protocol. One that only has offsets is a classic group without members.
#[derive(Debug)]
enum Kind {
    Classic(Classic),
    Consumers(Consumers),
}

/// One group.
#[derive(Debug)]
struct Slot {
    kind: Kind,
    offsets: Offsets,
    /// The change that is being logged: of a newer group, of a group's protocol, or its end.
    changing: Option<Ticket>,
    /// What waits for the change.
    waiting: VecDeque<(Caller, Client, Ask)>,
    /// Appends of offsets under way.
    commits: usize,
    /// Of a newer group: until when each member must speak, and until when it must have given up its partitions of an epoch.
    sessions: BTreeMap<String, i64>,
    revocations: BTreeMap<String, (i32, i64)>,
    deadline_ms: Option<i64>,
}

impl Slot {
    fn new(kind: Kind) -> Slot {
        Slot {
            kind,
            offsets: Offsets::default(),
            changing: None,
            waiting: VecDeque::new(),
            commits: 0,
            sessions: BTreeMap::new(),
            revocations: BTreeMap::new(),
            deadline_ms: None,
        }
    }

    /// Whether nothing would be lost with it.
    fn is_idle(&self) -> bool {
        let is_unused = match &self.kind {
            Kind::Classic(group) => group.is_unused() && group.generation == 0,
            Kind::Consumers(_) => false,
        };
        is_unused
            && self.changing.is_none()
            && self.waiting.is_empty()
            && self.commits == 0
            && self.offsets.is_empty()
    }

    fn next_deadline_ms(&self) -> Option<i64> {
        match &self.kind {
            Kind::Classic(group) => group.next_deadline_ms(),
            // Looked at again when the change has been logged.
            Kind::Consumers(_) if self.changing.is_some() => None,
            Kind::Consumers(_) => {
                let revocations = self.revocations.values().map(|(_, until_ms)| *until_ms);
                self.sessions.values().copied().chain(revocations).min()
            }
        }
    }
}

/// Who gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// A request.
    Request(RequestId),
    /// One group of a request that deletes several.
    Part { request: RequestId, index: usize },
}

/// A request that deletes several groups.
#[derive(Debug)]
struct Deleting {
    left: usize,
    results: Vec<(String, ErrorCode)>,
}

/// What an append is for.
#[derive(Debug)]
enum Purpose {
    Commit {
        request: RequestId,
        entries: Vec<(String, i32, Committed)>,
        producer_id: Option<i64>,
        answer: CommitAnswer,
    },
    Assigned {
        generation: i32,
    },
    Emptied,
    Replaced {
        request: RequestId,
        member: String,
        is_leader: bool,
        may_skip: bool,
    },
    Change {
        caller: Option<Caller>,
        change: Box<Consumers>,
        answer: Option<Beaten>,
        gone: Vec<String>,
    },
    /// The group's protocol is given up, for the one of what waits.
    Cleared,
    Forgotten {
        caller: Option<Caller>,
        keys: Vec<(String, i32)>,
    },
    OffsetsForgotten {
        answer: Option<(RequestId, Answer)>,
        keys: Vec<(String, i32)>,
    },
}

type CommitAnswer = Vec<(TopicName, Vec<(i32, ErrorCode)>)>;

/// The groups of one broker.
#[derive(Debug)]
pub struct Groups {
    settings: Settings,
    slots: BTreeMap<String, Slot>,
    /// Groups with pending offsets, by partition and producer.
    open: BTreeMap<(i32, i64), BTreeSet<String>>,
    timers: BTreeSet<(i64, String)>,
    tickets: BTreeMap<Ticket, (String, Purpose)>,
    deleting: BTreeMap<RequestId, Deleting>,
    next_ticket: u64,
    next_expiry_ms: i64,
    rng: Rng,
    is_poisoned: bool,
    effects: VecDeque<Effect>,
}

impl Groups {
    /// No group. Batches of the log are given to [`Groups::load`], then [`Groups::start`] is called. `seed` is where members' ids come from.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Groups {
            settings,
            slots: BTreeMap::new(),
            open: BTreeMap::new(),
            timers: BTreeSet::new(),
            tickets: BTreeMap::new(),
            deleting: BTreeMap::new(),
            next_ticket: 0,
            next_expiry_ms: 0,
            rng: Rng::new(seed),
            is_poisoned: false,
            effects: VecDeque::new(),
        }
    }

    fn slot(&mut self, group: &str) -> &mut Slot {
        if !self.slots.contains_key(group) {
            self.slots.insert(group.into(), Slot::new(Kind::Classic(Classic::default())));
        }
        self.slots.get_mut(group).expect("it was just made")
    }

    /// Begins: every member has a whole session before it.
    pub fn start(&mut self, now: Time, topics: &Topics) {
        let now_ms = millis(now);
        let settings = self.settings.consumer;
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            if let Some(slot) = self.slots.get_mut(&name) {
                match &mut slot.kind {
                    Kind::Classic(group) => group.start(now_ms),
                    Kind::Consumers(group) => {
                        let session_ms = settings.of_group(topics, &name).session_timeout_ms;
                        let until_ms = now_ms + i64::from(session_ms);
                        slot.sessions = group.members.keys().map(|id| (id.clone(), until_ms)).collect();
                        for member in group.members.values() {
                            if member.state == MemberState::UnrevokedPartitions {
                                let until_ms = now_ms + i64::from(member.rebalance_timeout_ms.max(0));
                                slot.revocations.insert(member.id.clone(), (member.epoch, until_ms));
                            }
                        }
                    }
                }
            }
            self.touch(&name);
        }
        self.next_expiry_ms = now_ms.saturating_add(self.settings.retention_check_ms);
    }

    /// The partition of `__consumer_offsets` that a group belongs to.
    pub fn partition_of(&self, group: &str) -> i32 {
        partition_of(group, self.settings.partition_count)
    }

    /// Names of all groups.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.keys().map(String::as_str)
    }

    /// The offsets of a group.
    pub fn offsets(&self, group: &str) -> Option<&Offsets> {
        self.slots.get(group).map(|slot| &slot.offsets)
    }

    /// A classic group.
    pub fn classic(&self, group: &str) -> Option<&Classic> {
        match &self.slots.get(group)?.kind {
            Kind::Classic(group) => Some(group),
            Kind::Consumers(_) => None,
        }
    }

    /// A newer group.
    pub fn consumer(&self, group: &str) -> Option<&Consumers> {
        match &self.slots.get(group)?.kind {
            Kind::Consumers(group) => Some(group),
            Kind::Classic(_) => None,
        }
    }

    /// When [`Input::Tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Time> {
        let timer = self.timers.first().map(|(at_ms, _)| *at_ms);
        let at_ms = timer.map_or(self.next_expiry_ms, |at_ms| at_ms.min(self.next_expiry_ms));
        (!self.is_poisoned).then(|| Time::from_millis(u64::try_from(at_ms).unwrap_or(0)))
    }

    /// Whether the log must be read again before anything else can be done.
    pub const fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// Takes a wish.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Takes a fact. `now` is the wall clock; `topics` are those that are there.
    pub fn handle(&mut self, now: Time, topics: &Topics, input: Input) {
        let at = At { now_ms: millis(now), topics };
        match input {
            Input::Request { request, client, ask } => {
                self.request(at, Caller::Request(request), client, ask)
            }
            Input::Appended { ticket, result } => self.appended(at, ticket, result),
            Input::Ended { partition, producer_id, outcome } => self.ended(partition, producer_id, outcome),
            Input::TopicDeleted { topic } => self.topic_deleted(&topic),
            Input::Tick => self.tick(at),
        }
    }

    fn answer(&mut self, caller: Caller, answer: Answer) {
        match (caller, answer) {
            (Caller::Request(request), answer) => self.effects.push_back(Effect::Answer { request, answer }),
            (Caller::Part { request, index }, Answer::Delete(results)) => {
                let Some(deleting) = self.deleting.get_mut(&request) else { return };
                if let (Some(slot), Some((_, code))) = (deleting.results.get_mut(index), results.first()) {
                    slot.1 = *code;
                }
                deleting.left -= 1;
                if deleting.left == 0 {
                    let results =
                        self.deleting.remove(&request).map(|deleting| deleting.results).unwrap_or_default();
                    self.effects.push_back(Effect::Answer { request, answer: Answer::Delete(results) });
                }
            }
            (Caller::Part { .. }, _) => {}
        }
    }

    fn request(&mut self, at: At<'_>, caller: Caller, client: Client, ask: Ask) {
        if self.is_poisoned {
            return self.answer(caller, refusal(&ask, ErrorCode::COORDINATOR_NOT_AVAILABLE));
        }
        if let Some(code) = self.refuses(&ask) {
            return self.answer(caller, refusal(&ask, code));
        }
        if let (Some(group), Caller::Request(_)) = (changes(&ask), caller)
            && let Some(slot) = self.slots.get_mut(group).filter(|slot| slot.changing.is_some())
        {
            if slot.waiting.len() < WAITING_MAX {
                slot.waiting.push_back((caller, client, ask));
                return;
            }
            return self.answer(caller, refusal(&ask, ErrorCode::COORDINATOR_NOT_AVAILABLE));
        }
        self.decide(at, caller, client, ask);
    }

    /// What is wrong with a request whatever the group is.
    fn refuses(&self, ask: &Ask) -> Option<ErrorCode> {
        let classic = &self.settings.classic;
        let name = match ask {
            Ask::Join(ask) => &ask.group,
            Ask::Sync(ask) => &ask.group,
            Ask::Heartbeat(ask) => &ask.group,
            Ask::Leave(ask) => &ask.group,
            Ask::Commit(ask) => &ask.group,
            Ask::DeleteOffsets(ask) => &ask.group,
            Ask::Beat(ask) => return consumer::check(ask).err(),
            _ => return None,
        };
        if name.is_empty() {
            return Some(ErrorCode::INVALID_GROUP_ID);
        }
        match ask {
            Ask::Join(ask)
                if !(classic.session_timeout_ms_min..=classic.session_timeout_ms_max)
                    .contains(&ask.session_timeout_ms) =>
            {
                Some(ErrorCode::INVALID_SESSION_TIMEOUT)
            }
            Ask::Join(_) | Ask::Commit(_) if self.is_full(name) => Some(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            _ => None,
        }
    }

    fn is_full(&self, group: &str) -> bool {
        self.slots.len() >= GROUPS_MAX && !self.slots.contains_key(group)
    }

    fn decide(&mut self, at: At<'_>, caller: Caller, client: Client, ask: Ask) {
        let Caller::Request(request) = caller else {
            if let Ask::Delete(groups) = &ask {
                self.delete_one(caller, groups.first().map_or("", String::as_str));
            }
            return;
        };
        match ask {
            Ask::Join(_) | Ask::Sync(_) | Ask::Heartbeat(_) | Ask::Leave(_) => {
                self.ask_classic(at, request, client, ask);
            }
            Ask::Beat(ask) => self.beat(at, request, client, ask),
            Ask::Commit(ask) => self.commit(at, request, ask),
            Ask::Fetch(ask) => {
                let answer = self.fetch(at, &ask);
                self.answer(caller, answer);
            }
            Ask::Describe { version, groups } => {
                let groups = groups.iter().map(|group| self.describe(group, version)).collect();
                self.answer(caller, Answer::Describe(groups));
            }
            Ask::DescribeConsumers(groups) => {
                let groups = groups.iter().map(|group| self.describe_consumers(at, group)).collect();
                self.answer(caller, Answer::DescribeConsumers(groups));
            }
            Ask::List { states, types } => {
                let answer = self.list(&states, &types);
                self.answer(caller, answer);
            }
            Ask::Delete(groups) => self.delete(request, groups),
            Ask::DeleteOffsets(ask) => self.delete_offsets(at, request, ask),
        }
    }

    // ---- the classic protocol

    fn ask_classic(&mut self, at: At<'_>, request: RequestId, client: Client, ask: Ask) {
        let caller = Caller::Request(request);
        let name = String::from(changes(&ask).unwrap_or_default());
        let is_join = matches!(ask, Ask::Join(_));
        let makes = matches!(&ask, Ask::Join(join) if join.member.is_empty());
        if makes && !self.slots.contains_key(&name) {
            self.slot(&name);
        }
        let settings = self.settings.classic;
        let facts = classic::Facts { now_ms: at.now_ms, settings: &settings };
        let fresh = if is_join { uuid_text(self.fresh()) } else { String::new() };
        let Some(slot) = self.slots.get_mut(&name) else {
            return self.answer(caller, refusal(&ask, ErrorCode::UNKNOWN_MEMBER_ID));
        };
        let group = match &mut slot.kind {
            Kind::Classic(group) => group,
            Kind::Consumers(group) if is_join && group.members.is_empty() => {
                return self.clear(&name, (caller, client, ask));
            }
            // Groups do not change their protocol while they have members.
            Kind::Consumers(_) => {
                let code = if is_join {
                    ErrorCode::INCONSISTENT_GROUP_PROTOCOL
                } else {
                    ErrorCode::UNKNOWN_MEMBER_ID
                };
                return self.answer(caller, refusal(&ask, code));
            }
        };
        let turn = match &ask {
            Ask::Join(ask) => group.join(request, client, ask, &fresh, facts),
            Ask::Sync(ask) => group.sync(request, ask, facts),
            Ask::Leave(ask) => group.leave(request, ask, facts),
            Ask::Heartbeat(ask) => {
                let code = group.heartbeat(ask, at.now_ms).err().unwrap_or(ErrorCode::NONE);
                Turn { answers: [(request, Answer::Heartbeat(code))].into(), log: None }
            }
            _ => Turn::default(),
        };
        self.turn(&name, turn);
        self.touch(&name);
        self.drop_idle(&name);
    }

    /// What comes of a step of a classic group.
    fn turn(&mut self, name: &str, turn: Turn) {
        for (request, answer) in turn.answers {
            self.answer(Caller::Request(request), answer);
        }
        let Some(log) = turn.log else { return };
        let Some(Slot { kind: Kind::Classic(group), .. }) = self.slots.get(name) else { return };
        let generation = group.generation;
        let record = records::classic(name, Some(group));
        let purpose = match log {
            classic::Log::Assigned => Purpose::Assigned { generation },
            classic::Log::Emptied => Purpose::Emptied,
            classic::Log::Replaced { request, member, is_leader, may_skip } => {
                Purpose::Replaced { request, member, is_leader, may_skip }
            }
        };
        // Every text in it came in a request, with a length that fits.
        let records = record.map(|record| [record].into()).unwrap_or_default();
        self.append(name, None, records, purpose);
    }

    /// An empty newer group gives up its protocol; what wants the classic one waits for that.
    fn clear(&mut self, name: &str, waiting: (Caller, Client, Ask)) {
        let records = consumer::forget(name).map(Vec::from).unwrap_or_default();
        let ticket = self.append(name, None, records, Purpose::Cleared);
        if let Some(slot) = self.slots.get_mut(name) {
            slot.changing = Some(ticket);
            slot.waiting.push_back(waiting);
        }
    }

    // ---- the newer protocol

    fn beat(&mut self, at: At<'_>, request: RequestId, client: Client, ask: Beat) {
        let caller = Caller::Request(request);
        let refuse = |code| Answer::Beat(Beaten::refused(code));
        let name = ask.group.clone();
        if ask.epoch == 0 && self.is_full(&name) {
            return self.answer(caller, refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        }
        let fresh = self.fresh();
        let settings = self.settings.consumer.of_group(at.topics, &name);
        let facts = consumer::Facts { now_ms: at.now_ms, settings: &settings, topics: at.topics };
        let none = Consumers::default();
        let mut is_upgrade = false;
        let group = match self.slots.get(&name).map(|slot| &slot.kind) {
            Some(Kind::Consumers(group)) => group,
            Some(Kind::Classic(group)) if ask.epoch == 0 && group.is_unused() => {
                is_upgrade = group.generation > 0;
                &none
            }
            None if ask.epoch == 0 => &none,
            // Groups do not change their protocol while they have members.
            _ => return self.answer(caller, refuse(ErrorCode::GROUP_ID_NOT_FOUND)),
        };
        match consumer::beat(group, &ask, &client, fresh, facts) {
            Decision::Refuse(code) => self.answer(caller, refuse(code)),
            Decision::Answer(answer) => {
                self.spoke(at, &name, &answer);
                self.answer(caller, Answer::Beat(answer));
                self.touch(&name);
            }
            Decision::Become(change) => {
                let mut change = *change;
                if is_upgrade && let Ok(record) = records::classic(&name, None) {
                    change.records.insert(0, record);
                }
                self.change(at, &name, Some(caller), change, Vec::new());
            }
        }
    }

    /// Logs a change of a newer group; one without records is remembered at once.
    fn change(&mut self, at: At<'_>, name: &str, caller: Option<Caller>, change: Change, gone: Vec<String>) {
        let Change { next, records, answer } = change;
        let gone = match &answer {
            Some(answer) if answer.epoch == -1 => answer.member.iter().cloned().collect(),
            _ => gone,
        };
        if records.is_empty() {
            self.changed(at, name, caller, next, answer, &gone);
            return self.touch(name);
        }
        let purpose = Purpose::Change { caller, change: Box::new(next), answer, gone };
        let ticket = self.append(name, None, records, purpose);
        let slot = self.slot(name);
        slot.changing = Some(ticket);
        self.touch(name);
    }

    fn changed(
        &mut self,
        at: At<'_>,
        name: &str,
        caller: Option<Caller>,
        next: Consumers,
        answer: Option<Beaten>,
        gone: &[String],
    ) {
        let slot = self.slot(name);
        let until_ms =
            |member: &consumer::ConsumerMember| at.now_ms + i64::from(member.rebalance_timeout_ms.max(0));
        slot.revocations.retain(|id, (epoch, _)| {
            let member = next.members.get(id);
            member.is_some_and(|m| m.state == MemberState::UnrevokedPartitions && m.epoch == *epoch)
        });
        for member in next.members.values().filter(|m| m.state == MemberState::UnrevokedPartitions) {
            slot.revocations.entry(member.id.clone()).or_insert_with(|| (member.epoch, until_ms(member)));
        }
        slot.sessions.retain(|id, _| next.members.contains_key(id));
        slot.kind = Kind::Consumers(next);
        for id in gone {
            slot.sessions.remove(id);
        }
        if let Some(answer) = answer {
            self.spoke(at, name, &answer);
            if let Some(caller) = caller {
                self.answer(caller, Answer::Beat(answer));
            }
        }
    }

    /// A member has spoken: its session begins anew.
    fn spoke(&mut self, at: At<'_>, name: &str, answer: &Beaten) {
        let session_ms = self.settings.consumer.of_group(at.topics, name).session_timeout_ms;
        let until_ms = at.now_ms + i64::from(session_ms);
        let (Some(slot), Some(id)) = (self.slots.get_mut(name), &answer.member) else { return };
        let is_member = matches!(&slot.kind, Kind::Consumers(group) if group.members.contains_key(id));
        if is_member {
            slot.sessions.insert(id.clone(), until_ms);
        }
    }

    // ---- the log

    fn append(
        &mut self,
        name: &str,
        producer: Option<Producer>,
        records: Vec<Record>,
        purpose: Purpose,
    ) -> Ticket {
        let ticket = Ticket::new(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, (name.into(), purpose));
        let partition = self.partition_of(name);
        self.effects.push_back(Effect::Append { ticket, partition, producer, records });
        ticket
    }

    fn appended(&mut self, at: At<'_>, ticket: Ticket, result: Result<i64, AppendError>) {
        let Some((name, purpose)) = self.tickets.remove(&ticket) else { return };
        if result == Err(AppendError::Unknown) {
            self.tickets.insert(ticket, (name, purpose));
            return self.poison();
        }
        match purpose {
            Purpose::Commit { request, entries, producer_id, answer } => {
                self.committed(&name, request, entries, producer_id, answer, result);
            }
            Purpose::Change { caller, change, answer, gone } => {
                if let Some(slot) = self.slots.get_mut(&name) {
                    slot.changing = None;
                }
                match (result, caller) {
                    (Ok(_), _) => self.changed(at, &name, caller, *change, answer, &gone),
                    (Err(_), Some(caller)) => {
                        let refused = Beaten::refused(ErrorCode::COORDINATOR_NOT_AVAILABLE);
                        self.answer(caller, Answer::Beat(refused));
                    }
                    (Err(_), None) => self.tried_in_vain(&name, &gone, at.now_ms),
                }
            }
            Purpose::Cleared => {
                if let Some(slot) = self.slots.get_mut(&name) {
                    slot.changing = None;
                    if result.is_ok() {
                        slot.kind = Kind::Classic(Classic::default());
                    } else if let Some((caller, _, ask)) = slot.waiting.pop_front() {
                        // What it was for would ask for it again and again.
                        self.answer(caller, refusal(&ask, ErrorCode::COORDINATOR_NOT_AVAILABLE));
                    }
                }
            }
            Purpose::Forgotten { caller, keys } => self.forgotten(&name, caller, &keys, result.is_ok()),
            Purpose::OffsetsForgotten { answer, keys } => {
                self.slot(&name).commits -= 1;
                if result.is_ok() {
                    self.forget_offsets(&name, &keys);
                }
                if let Some((request, answer)) = answer {
                    let refused = Answer::DeleteOffsets {
                        error: ErrorCode::COORDINATOR_NOT_AVAILABLE,
                        topics: Vec::new(),
                    };
                    self.answer(Caller::Request(request), if result.is_ok() { answer } else { refused });
                }
            }
            Purpose::Emptied => {}
            Purpose::Assigned { .. } | Purpose::Replaced { .. } => {
                self.appended_classic(at, &name, purpose, result.is_ok());
            }
        }
        self.touch(&name);
        self.drain(at, &name);
        self.drop_idle(&name);
    }

    fn appended_classic(&mut self, at: At<'_>, name: &str, purpose: Purpose, is_durable: bool) {
        let settings = self.settings.classic;
        let facts = classic::Facts { now_ms: at.now_ms, settings: &settings };
        let group = self.slots.get_mut(name).and_then(|slot| match &mut slot.kind {
            Kind::Classic(group) => Some(group),
            Kind::Consumers(_) => None,
        });
        let turn = match (purpose, group) {
            (Purpose::Assigned { generation }, Some(group)) => group.assigned(generation, is_durable, facts),
            (Purpose::Replaced { request, member, is_leader, may_skip }, Some(group)) => {
                group.replaced(request, &member, (is_leader, may_skip), is_durable, facts)
            }
            (Purpose::Replaced { request, member, .. }, None) => Turn {
                answers: [(request, Answer::Join(Joined::refused(ErrorCode::UNKNOWN_MEMBER_ID, member)))]
                    .into(),
                log: None,
            },
            _ => Turn::default(),
        };
        self.turn(name, turn);
    }

    fn forgotten(&mut self, name: &str, caller: Option<Caller>, keys: &[(String, i32)], is_durable: bool) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.changing = None;
            if is_durable {
                slot.kind = Kind::Classic(Classic::default());
                slot.sessions.clear();
                slot.revocations.clear();
            }
        }
        if is_durable {
            self.forget_offsets(name, keys);
        }
        let code = if is_durable { ErrorCode::NONE } else { ErrorCode::COORDINATOR_NOT_AVAILABLE };
        if let Some(caller) = caller {
            self.answer(caller, Answer::Delete([(name.into(), code)].into()));
        }
    }

    /// Members could not be put out: it is tried again soon.
    fn tried_in_vain(&mut self, name: &str, ids: &[String], now_ms: i64) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        for id in ids {
            slot.sessions.insert(id.clone(), now_ms + RETRY_MS);
            if let Some((_, until_ms)) = slot.revocations.get_mut(id) {
                *until_ms = now_ms + RETRY_MS;
            }
        }
    }

    /// What has waited for a change.
    fn drain(&mut self, at: At<'_>, name: &str) {
        loop {
            let Some(slot) = self.slots.get_mut(name).filter(|slot| slot.changing.is_none()) else { return };
            let Some((caller, client, ask)) = slot.waiting.pop_front() else { return };
            self.decide(at, caller, client, ask);
        }
    }

    /// Nothing can be told of the log any more: every request is answered, and refused from now on.
    fn poison(&mut self) {
        self.is_poisoned = true;
        let refused = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        for (name, purpose) in core::mem::take(&mut self.tickets).into_values() {
            match purpose {
                Purpose::Commit { request, mut answer, .. } => {
                    for (_, result) in answer.iter_mut().flat_map(|(_, results)| results) {
                        *result = refused;
                    }
                    self.answer(Caller::Request(request), Answer::Commit(answer));
                }
                Purpose::Replaced { request, member, .. } => {
                    self.answer(Caller::Request(request), Answer::Join(Joined::refused(refused, member)));
                }
                Purpose::Change { caller: Some(caller), .. } => {
                    self.answer(caller, Answer::Beat(Beaten::refused(refused)));
                }
                Purpose::Forgotten { caller: Some(caller), .. } => {
                    self.answer(caller, Answer::Delete([(name, refused)].into()));
                }
                Purpose::OffsetsForgotten { answer: Some((request, _)), .. } => {
                    let answer = Answer::DeleteOffsets { error: refused, topics: Vec::new() };
                    self.answer(Caller::Request(request), answer);
                }
                _ => {}
            }
        }
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            let Some(slot) = self.slots.get_mut(&name) else { continue };
            let waiting = core::mem::take(&mut slot.waiting);
            let turn = match &mut slot.kind {
                Kind::Classic(group) => group.give_up(),
                Kind::Consumers(_) => Turn::default(),
            };
            for (request, answer) in turn.answers {
                self.answer(Caller::Request(request), answer);
            }
            for (caller, _, ask) in waiting {
                self.answer(caller, refusal(&ask, refused));
            }
        }
        self.timers.clear();
    }

    // ---- time

    /// Keeps the time at which a group wants to be looked at.
    fn touch(&mut self, name: &str) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let next = slot.next_deadline_ms();
        if next == slot.deadline_ms {
            return;
        }
        if let Some(before) = slot.deadline_ms.take() {
            self.timers.remove(&(before, name.into()));
        }
        if let Some(at_ms) = next {
            slot.deadline_ms = next;
            self.timers.insert((at_ms, name.into()));
        }
    }

    /// A group that nothing is known of is none.
    fn drop_idle(&mut self, name: &str) {
        let Some(slot) = self.slots.get(name).filter(|slot| slot.is_idle()) else { return };
        if let Some(at_ms) = slot.deadline_ms {
            self.timers.remove(&(at_ms, name.into()));
        }
        self.slots.remove(name);
    }

    fn tick(&mut self, at: At<'_>) {
        if self.is_poisoned {
            return;
        }
        let due: Vec<String> = self
            .timers
            .iter()
            .take_while(|(at_ms, _)| *at_ms <= at.now_ms)
            .map(|(_, name)| name.clone())
            .collect();
        for name in due {
            self.tick_group(at, &name);
        }
        if at.now_ms >= self.next_expiry_ms {
            self.next_expiry_ms = at.now_ms.saturating_add(self.settings.retention_check_ms);
            self.expire(at);
        }
    }

    fn tick_group(&mut self, at: At<'_>, name: &str) {
        let settings = self.settings;
        let Some(slot) = self.slots.get_mut(name) else { return };
        match &mut slot.kind {
            Kind::Classic(group) => {
                let turn = group.tick(classic::Facts { now_ms: at.now_ms, settings: &settings.classic });
                self.turn(name, turn);
            }
            Kind::Consumers(group) => {
                let silent =
                    slot.sessions.iter().filter(|(_, until_ms)| **until_ms <= at.now_ms).map(|(id, _)| id);
                let slow = slot.revocations.iter().filter(|(_, (_, until_ms))| *until_ms <= at.now_ms);
                let mut gone: Vec<String> = silent.chain(slow.map(|(id, _)| id)).cloned().collect();
                gone.sort();
                gone.dedup();
                gone.retain(|id| group.members.contains_key(id));
                let settings = settings.consumer.of_group(at.topics, name);
                let facts = consumer::Facts { now_ms: at.now_ms, settings: &settings, topics: at.topics };
                if gone.is_empty() {
                    let members = &group.members;
                    slot.sessions.retain(|id, _| members.contains_key(id));
                    slot.revocations.retain(|id, _| members.contains_key(id));
                } else if let Some(change) = consumer::remove(group, name, &gone, facts) {
                    self.change(at, name, None, change, gone);
                }
            }
        }
        self.touch(name);
        self.drop_idle(name);
    }

    fn fresh(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        // Version 4, of the usual variant.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Uuid(bytes)
    }
}

/// When, and with which topics.
#[derive(Clone, Copy)]
struct At<'a> {
    now_ms: i64,
    topics: &'a Topics,
}

fn millis(now: Time) -> i64 {
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// The group whose state a request may change, where it must wait for a change under way.
fn changes(ask: &Ask) -> Option<&str> {
    match ask {
        Ask::Join(ask) => Some(&ask.group),
        Ask::Sync(ask) => Some(&ask.group),
        Ask::Heartbeat(ask) => Some(&ask.group),
        Ask::Leave(ask) => Some(&ask.group),
        Ask::Beat(ask) => Some(&ask.group),
        _ => None,
    }
}

/// The answer that refuses all of a request.
fn refusal(ask: &Ask, code: ErrorCode) -> Answer {
    match ask {
        Ask::Join(ask) => Answer::Join(Joined::refused(code, ask.member.clone())),
        Ask::Sync(_) => Answer::Sync(Synced::refused(code)),
        Ask::Heartbeat(_) => Answer::Heartbeat(code),
        Ask::Leave(_) => Answer::Leave { error: code, members: Vec::new() },
        Ask::Describe { groups, .. } => {
            let one = |group: &String| Described::refused(group.clone(), code);
            Answer::Describe(groups.iter().map(one).collect())
        }
        Ask::List { .. } => Answer::List { error: code, groups: Vec::new() },
        Ask::Delete(groups) => Answer::Delete(groups.iter().map(|group| (group.clone(), code)).collect()),
        Ask::Beat(_) => Answer::Beat(Beaten::refused(code)),
        Ask::DescribeConsumers(groups) => {
            let one = |group: &String| DescribedConsumers::refused(group.clone(), code);
            Answer::DescribeConsumers(groups.iter().map(one).collect())
        }
        Ask::Commit(ask) => {
            let all = |partitions: &[super::ask::CommitPartition]| {
                partitions.iter().map(|wanted| (wanted.partition, code)).collect()
            };
            Answer::Commit(ask.topics.iter().map(|(topic, parts)| (topic.clone(), all(parts))).collect())
        }
        Ask::Fetch(ask) => {
            let one = |group: &FetchGroup| FetchedGroup {
                group: group.group.clone(),
                error: code,
                topics: Vec::new(),
            };
            Answer::Fetch(ask.groups.iter().map(one).collect())
        }
        Ask::DeleteOffsets(_) => Answer::DeleteOffsets { error: code, topics: Vec::new() },
    }
}

/// An id as Java prints it.
fn uuid_text(id: Uuid) -> String {
    let mut out = String::new();
    for (at, byte) in id.0.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// How long it takes to try again to put out members, in milliseconds.
const RETRY_MS: i64 = 1_000;
