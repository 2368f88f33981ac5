//! A group of the classic protocol: its members agree on an assignor, one of them assigns.
//!
//! ```text
//!             first join                 all joined, or time is up           leader's sync is durable
//!   Empty ──────────────▶ PreparingRebalance ──────────▶ CompletingRebalance ──────────▶ Stable
//!     ▲                    ▲   │ nobody is left              │ join, leave, time-out         │
//!     └────────────────────┼───┘                             │                               │
//!                          └─────────────────────────────────┴───────────────────────────────┘
//! ```
//! A join waits for the others and is answered when the next generation begins; a sync waits for the leader's and is answered when that is durable. Every
//! such request is answered: with what it asked for, or when its member is put out, replaced or asks again.
//!
//! Methods take the time and give a [`Turn`]: answers, and what is to be logged. Source: KIP-62, KIP-345, KIP-394, KIP-814, Kafka 4.4.0.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use crate::ErrorCode;
use crate::limits::MEMBERS_MAX;
use crate::messages::ConsumerProtocolSubscription;
use crate::txn::machine::RequestId;
use crate::wire::Message;

use super::ask::{
    Answer, Client, Commit, Described, DescribedMember, Heartbeat, Join, Joined, JoinedMember, Leave, Sync,
    Synced,
};

/// Settings, named as Kafka names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_ms_max: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_delay_ms: i32,
    /// `group.max.size`.
    pub size_max: usize,
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Settings {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            initial_delay_ms: 3_000,
            size_max: MEMBERS_MAX,
        }
    }
}

/// Where a group stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody is there.
    #[default]
    Empty,
    /// Members join.
    PreparingRebalance,
    /// The leader assigns.
    CompletingRebalance,
    /// Everybody has what it gets.
    Stable,
}

impl State {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// Its client.
    pub client: Client,
    /// How long others wait for it, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// After how long it is put out when it is silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// Assignors by preference, each with what it needs to know.
    pub protocols: Vec<(String, Vec<u8>)>,
    /// What it got last.
    pub assignment: Vec<u8>,
    pub(super) joining: Option<RequestId>,
    pub(super) syncing: Option<RequestId>,
    /// When it is put out.
    pub(super) deadline_ms: i64,
    pub(super) is_new: bool,
}

impl Member {
    /// What an assignor needs to know of it.
    pub fn metadata(&self, protocol: &str) -> &[u8] {
        let known = self.protocols.iter().find(|(name, _)| name == protocol);
        known.map_or(&[], |(_, metadata)| metadata)
    }

    fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }
}

/// How long a rebalance waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// For more members of a group that was empty.
    ForMore { until_ms: i64, left_ms: i64, is_grown: bool },
    /// For members that are known.
    ForAll { until_ms: i64 },
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classic {
    /// Where it stands.
    pub state: State,
    /// Its generation.
    pub generation: i32,
    /// What kind of group.
    pub protocol_type: Option<String>,
    /// The chosen assignor.
    pub protocol: Option<String>,
    /// The leader's id.
    pub leader: Option<String>,
    /// Since when it stands there, in milliseconds.
    pub state_ms: i64,
    /// Members by id.
    pub members: BTreeMap<String, Member>,
    instances: BTreeMap<String, String>,
    /// Ids that were given out and not used yet, with the end of their time.
    expected: BTreeMap<String, i64>,
    waits: Option<Waits>,
    /// Members of this generation that have not synced, and until when they must.
    unsynced: BTreeSet<String>,
    sync_until_ms: i64,
    /// The generation whose assignment is being logged.
    logging: Option<i32>,
}

/// What comes of a step.
#[derive(Debug, Default)]
pub struct Turn {
    /// Requests that are answered.
    pub answers: Vec<(RequestId, Answer)>,
    /// What is to be logged.
    pub log: Option<Log>,
}

/// Why the group's record is to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// The leader has assigned: [`Classic::assigned`] follows.
    Assigned,
    /// Nobody is left; nothing follows.
    Emptied,
    /// A member has taken the place of an earlier one of its name: [`Classic::replaced`] follows.
    Replaced {
        /// The join that waits.
        request: RequestId,
        /// The member.
        member: String,
        /// Whether it leads.
        is_leader: bool,
        /// Whether the leader may be told to keep the assignment (version 9).
        may_skip: bool,
    },
}

impl Turn {
    fn answer(&mut self, request: RequestId, answer: Answer) {
        self.answers.push((request, answer));
    }

    fn refuse_join(&mut self, request: RequestId, error: ErrorCode, member: &str) {
        self.answer(request, Answer::Join(Joined::refused(error, member.into())));
    }

    fn refuse_sync(&mut self, request: RequestId, error: ErrorCode) {
        self.answer(request, Answer::Sync(Synced::refused(error)));
    }
}

/// What a step may depend on besides the group and the request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The wall clock, in milliseconds.
    pub now_ms: i64,
    /// The broker's settings.
    pub settings: &'a Settings,
}

impl Classic {
    /// A group as its record says; sessions begin with [`Classic::start`].
    pub fn restored(
        protocol_type: &str,
        generation: i32,
        protocol: Option<&str>,
        leader: Option<&str>,
        state_ms: i64,
        members: Vec<Member>,
    ) -> Classic {
        let instances = members.iter().filter_map(|m| Some((m.instance.clone()?, m.id.clone())));
        Classic {
            state: if members.is_empty() { State::Empty } else { State::Stable },
            generation,
            protocol_type: (!protocol_type.is_empty()).then(|| protocol_type.into()),
            protocol: protocol.map(String::from),
            leader: leader.map(String::from),
            state_ms,
            instances: instances.collect(),
            members: members.into_iter().map(|member| (member.id.clone(), member)).collect(),
            ..Classic::default()
        }
    }

    /// Every member has its session before it from now on: after a restart nobody is put out for the broker's silence.
    pub fn start(&mut self, now_ms: i64) {
        for member in self.members.values_mut() {
            member.deadline_ms = now_ms + i64::from(member.session_timeout_ms);
        }
    }

    /// Whether a request waits for an answer.
    pub fn has_waiting(&self) -> bool {
        self.members.values().any(|member| member.joining.is_some() || member.syncing.is_some())
    }

    /// Whether nobody is there or about to come.
    pub fn is_unused(&self) -> bool {
        self.state == State::Empty && self.members.is_empty() && self.expected.is_empty()
    }

    /// When [`Classic::tick`] has something to do next.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let waits = self.waits.map(|waits| match waits {
            Waits::ForMore { until_ms, .. } | Waits::ForAll { until_ms } => until_ms,
        });
        let sync = (!self.unsynced.is_empty()).then_some(self.sync_until_ms);
        let members = self.members.values().map(|member| member.deadline_ms);
        members
            .chain(self.expected.values().copied())
            .chain(waits)
            .chain(sync)
            .min()
            .filter(|at| *at != i64::MAX)
    }

    /// JoinGroup. `fresh` is an id that nobody has: a new member's is the client's or the instance's name with it.
    pub fn join(
        &mut self,
        request: RequestId,
        client: Client,
        ask: &Join,
        fresh: &str,
        facts: Facts<'_>,
    ) -> Turn {
        let mut turn = Turn::default();
        if let Err(code) = self.admits(ask, facts.settings) {
            turn.refuse_join(request, code, &ask.member);
            return turn;
        }
        match (ask.member.is_empty(), &ask.instance) {
            (true, Some(instance)) => {
                let id = named(instance, fresh);
                match self.instances.get(instance).cloned() {
                    Some(old) => self.replace(&mut turn, request, client, ask, (&old, &id), facts),
                    None => self.add(&mut turn, request, client, ask, id, facts),
                }
            }
            (true, None) => {
                let id = named(&client.id, fresh);
                if ask.version >= 4 {
                    self.expected.insert(id.clone(), facts.now_ms + i64::from(ask.session_timeout_ms));
                    turn.refuse_join(request, ErrorCode::MEMBER_ID_REQUIRED, &id);
                } else {
                    self.add(&mut turn, request, client, ask, id, facts);
                }
            }
            (false, _) => self.rejoin(&mut turn, request, client, ask, facts),
        }
        turn
    }

    fn admits(&self, ask: &Join, settings: &Settings) -> Result<(), ErrorCode> {
        let known = self.members.get(&ask.member);
        let size = match self.state {
            State::Empty => 0,
            State::PreparingRebalance => self.members.values().filter(|m| m.joining.is_some()).count(),
            State::CompletingRebalance | State::Stable => self.members.len(),
        };
        let is_full = size >= settings.size_max || self.expected.len() >= MEMBERS_MAX;
        let is_in = known.is_some_and(|m| self.state != State::PreparingRebalance || m.joining.is_some());
        if is_full && !is_in {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let fits = if self.members.is_empty() {
            !ask.protocol_type.is_empty() && !ask.protocols.is_empty()
        } else {
            let shared = |name: &String| self.members.values().all(|member| member.supports(name));
            self.protocol_type.as_ref() == Some(&ask.protocol_type)
                && ask.protocols.iter().any(|(name, _)| shared(name))
        };
        if fits { Ok(()) } else { Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) }
    }

    fn add(
        &mut self,
        turn: &mut Turn,
        request: RequestId,
        client: Client,
        ask: &Join,
        id: String,
        facts: Facts<'_>,
    ) {
        if self.members.is_empty() {
            self.protocol_type = Some(ask.protocol_type.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        if let Some(instance) = &ask.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        let member = Member {
            id: id.clone(),
            instance: ask.instance.clone(),
            client,
            rebalance_timeout_ms: ask.rebalance_timeout_ms,
            session_timeout_ms: ask.session_timeout_ms,
            protocols: ask.protocols.clone(),
            assignment: Vec::new(),
            joining: Some(request),
            syncing: None,
            deadline_ms: facts.now_ms + NEW_MEMBER_WAIT_MS,
            is_new: true,
        };
        self.members.insert(id, member);
        if let Some(Waits::ForMore { is_grown, .. }) = &mut self.waits {
            *is_grown = true;
        }
        self.rebalance_or_go_on(turn, facts);
    }

    /// A static member comes back under a new id: it takes its earlier one's place.
    fn replace(
        &mut self,
        turn: &mut Turn,
        request: RequestId,
        client: Client,
        ask: &Join,
        (old, new): (&str, &str),
        facts: Facts<'_>,
    ) {
        let Some(mut member) = self.members.remove(old) else { return };
        let ended = ErrorCode::FENCED_INSTANCE_ID;
        if let Some(request) = member.joining.take() {
            turn.refuse_join(request, ended, old);
        }
        if let Some(request) = member.syncing.take() {
            turn.refuse_sync(request, ended);
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(new.into());
        }
        let was_leader = self.leader.as_deref() == Some(old);
        if was_leader {
            self.leader = Some(new.into());
        }
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), new.into());
        }
        let before = self.protocol.clone();
        member.id = new.into();
        member.client = client;
        self.members.insert(new.into(), member);
        self.update(turn, request, ask, new);
        let keeps = self.state == State::Stable && self.choose() == before;
        if !keeps {
            return self.rebalance_or_go_on(turn, facts);
        }
        if let Some(member) = self.members.get_mut(new) {
            member.joining = None;
            member.deadline_ms = facts.now_ms + i64::from(member.session_timeout_ms);
        }
        let may_skip = ask.version >= 9;
        turn.log = Some(Log::Replaced { request, member: new.into(), is_leader: was_leader, may_skip });
    }

    /// The replacement of a static member is durable, or is not: then the group begins anew.
    pub fn replaced(
        &mut self,
        request: RequestId,
        id: &str,
        (is_leader, may_skip): (bool, bool),
        is_durable: bool,
        facts: Facts<'_>,
    ) -> Turn {
        let mut turn = Turn::default();
        if !is_durable {
            turn.refuse_join(request, ErrorCode::COORDINATOR_NOT_AVAILABLE, id);
            if self.state == State::Stable {
                self.begin(&mut turn, facts);
            }
            return turn;
        }
        if self.state != State::Stable || !self.members.contains_key(id) {
            turn.refuse_join(request, ErrorCode::REBALANCE_IN_PROGRESS, id);
            return turn;
        }
        let mut joined = self.joined(id);
        if is_leader && !may_skip {
            // An older client must not assign anew: it is shown another leader.
            joined.leader = String::new();
            joined.members = Vec::new();
        }
        joined.skips_assignment = is_leader && may_skip;
        turn.answer(request, Answer::Join(joined));
        turn
    }

    fn rejoin(&mut self, turn: &mut Turn, request: RequestId, client: Client, ask: &Join, facts: Facts<'_>) {
        let id = &ask.member;
        if self.expected.remove(id).is_some() {
            return self.add(turn, request, client, ask, id.clone(), facts);
        }
        if let Err(code) = self.check_member(id, ask.instance.as_deref()) {
            return turn.refuse_join(request, code, id);
        }
        let is_same = self.members.get(id).is_some_and(|member| member.protocols == ask.protocols);
        let is_leader = self.leader.as_ref() == Some(id);
        match self.state {
            State::Empty => turn.refuse_join(request, ErrorCode::UNKNOWN_MEMBER_ID, id),
            // Its answer was lost: it is given again.
            State::CompletingRebalance if is_same => turn.answer(request, Answer::Join(self.joined(id))),
            State::Stable if is_same && !is_leader => {
                self.refresh(id, facts.now_ms);
                turn.answer(request, Answer::Join(self.joined(id)));
            }
            _ => {
                self.update(turn, request, ask, id);
                self.rebalance_or_go_on(turn, facts);
            }
        }
    }

    /// A member joins again, with what it says now.
    fn update(&mut self, turn: &mut Turn, request: RequestId, ask: &Join, id: &str) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.protocols.clone_from(&ask.protocols);
        member.rebalance_timeout_ms = ask.rebalance_timeout_ms;
        member.session_timeout_ms = ask.session_timeout_ms;
        if !member.is_new {
            member.deadline_ms = i64::MAX;
        }
        if let Some(before) = member.joining.replace(request) {
            turn.refuse_join(before, ErrorCode::REBALANCE_IN_PROGRESS, id);
        }
    }

    fn check_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        match instance.map(|instance| self.instances.get(instance)) {
            Some(None) => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some(Some(known)) if known != id => return Err(ErrorCode::FENCED_INSTANCE_ID),
            _ => {}
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    fn check_generation(&self, id: &str, instance: Option<&str>, generation: i32) -> Result<(), ErrorCode> {
        self.check_member(id, instance)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    fn refresh(&mut self, id: &str, now_ms: i64) {
        if let Some(member) = self.members.get_mut(id).filter(|m| m.joining.is_none() && m.syncing.is_none())
        {
            member.deadline_ms = now_ms + i64::from(member.session_timeout_ms);
        }
    }

    fn rebalance_or_go_on(&mut self, turn: &mut Turn, facts: Facts<'_>) {
        if self.state == State::PreparingRebalance {
            self.complete_if_all(turn, facts);
        } else {
            self.begin(turn, facts);
        }
    }

    /// A rebalance begins.
    fn begin(&mut self, turn: &mut Turn, facts: Facts<'_>) {
        let timeout_ms = self.rebalance_timeout_ms();
        for member in self.members.values_mut() {
            if let Some(request) = member.syncing.take() {
                member.deadline_ms = facts.now_ms + i64::from(member.session_timeout_ms);
                turn.refuse_sync(request, ErrorCode::REBALANCE_IN_PROGRESS);
            }
            if self.state == State::CompletingRebalance {
                member.assignment.clear();
            }
        }
        self.unsynced.clear();
        self.logging = None;
        self.waits = Some(if self.state == State::Empty {
            let delay_ms = i64::from(facts.settings.initial_delay_ms).min(timeout_ms);
            Waits::ForMore {
                until_ms: facts.now_ms + delay_ms,
                left_ms: timeout_ms - delay_ms,
                is_grown: false,
            }
        } else {
            Waits::ForAll { until_ms: facts.now_ms + timeout_ms }
        });
        self.become_state(State::PreparingRebalance, facts.now_ms);
        self.complete_if_all(turn, facts);
    }

    fn become_state(&mut self, state: State, now_ms: i64) {
        self.state = state;
        self.state_ms = now_ms;
    }

    fn rebalance_timeout_ms(&self) -> i64 {
        self.members.values().map(|member| i64::from(member.rebalance_timeout_ms.max(0))).max().unwrap_or(0)
    }

    fn complete_if_all(&mut self, turn: &mut Turn, facts: Facts<'_>) {
        match self.waits {
            Some(Waits::ForMore { .. }) => self.go_on(turn, facts),
            Some(Waits::ForAll { .. }) => {
                let all = self.members.values().all(|member| member.joining.is_some());
                if all && self.expected.is_empty() {
                    self.complete(turn, facts);
                }
            }
            None => {}
        }
    }

    /// The end of the wait for more members: it is longer while more come.
    fn go_on(&mut self, turn: &mut Turn, facts: Facts<'_>) {
        let Some(Waits::ForMore { until_ms, left_ms, is_grown }) = self.waits else { return };
        if facts.now_ms < until_ms {
            return;
        }
        if is_grown && left_ms > 0 && facts.settings.initial_delay_ms > 0 {
            let delay_ms = i64::from(facts.settings.initial_delay_ms).min(left_ms);
            self.waits = Some(Waits::ForMore {
                until_ms: facts.now_ms + delay_ms,
                left_ms: left_ms - delay_ms,
                is_grown: false,
            });
            return;
        }
        self.complete(turn, facts);
    }

    /// The wait is over: who has not joined is put out, unless it has a name that may come back.
    fn complete(&mut self, turn: &mut Turn, facts: Facts<'_>) {
        let is_late = |member: &Member| member.joining.is_none() && member.instance.is_none();
        let late: Vec<String> = self.members.values().filter(|m| is_late(m)).map(|m| m.id.clone()).collect();
        for id in late {
            self.forget(turn, &id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !self.members.is_empty() && !self.elects_joined() {
            self.waits = Some(Waits::ForAll { until_ms: facts.now_ms + self.rebalance_timeout_ms().max(1) });
            return;
        }
        self.waits = None;
        self.generation = if self.generation == i32::MAX { 1 } else { self.generation + 1 };
        if self.members.is_empty() {
            self.protocol = None;
            self.leader = None;
            self.become_state(State::Empty, facts.now_ms);
            turn.log = Some(Log::Emptied);
            return;
        }
        self.protocol = self.choose();
        self.become_state(State::CompletingRebalance, facts.now_ms);
        self.unsynced = self.members.keys().cloned().collect();
        self.sync_until_ms = facts.now_ms + self.rebalance_timeout_ms().max(1);
        let waiting: Vec<(String, RequestId)> =
            self.members.values().filter_map(|member| Some((member.id.clone(), member.joining?))).collect();
        for (id, request) in waiting {
            turn.answer(request, Answer::Join(self.joined(&id)));
            if let Some(member) = self.members.get_mut(&id) {
                member.joining = None;
                member.is_new = false;
                member.deadline_ms = facts.now_ms + i64::from(member.session_timeout_ms);
            }
        }
    }

    /// Whether the leader has joined; if it has not, another one who has becomes the leader.
    fn elects_joined(&mut self) -> bool {
        let has_joined = |id: &String| self.members.get(id).is_some_and(|member| member.joining.is_some());
        if self.leader.as_ref().is_some_and(has_joined) {
            return true;
        }
        let other = self.members.values().find(|member| member.joining.is_some());
        match other.map(|member| member.id.clone()) {
            Some(id) => {
                self.leader = Some(id);
                true
            }
            None => false,
        }
    }

    /// The assignor that most members like best, of those that all know.
    fn choose(&self) -> Option<String> {
        let is_known = |name: &&String| self.members.values().all(|member| member.supports(name));
        let mut votes: BTreeMap<&String, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(name) = member.protocols.iter().map(|(name, _)| name).find(is_known) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    /// What a member is told of the generation.
    fn joined(&self, id: &str) -> Joined {
        let is_leader = self.leader.as_deref() == Some(id);
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let of = |member: &Member| JoinedMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(protocol).into(),
        };
        Joined {
            error: ErrorCode::NONE,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skips_assignment: false,
            member: id.into(),
            members: if is_leader { self.members.values().map(of).collect() } else { Vec::new() },
        }
    }

    /// SyncGroup.
    pub fn sync(&mut self, request: RequestId, ask: &Sync, facts: Facts<'_>) -> Turn {
        let mut turn = Turn::default();
        if let Err(code) = self.check_sync(ask) {
            turn.refuse_sync(request, code);
            return turn;
        }
        match self.state {
            State::Empty => turn.refuse_sync(request, ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => turn.refuse_sync(request, ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance => {
                self.unsynced.remove(&ask.member);
                if let Some(member) = self.members.get_mut(&ask.member) {
                    member.deadline_ms = i64::MAX;
                    if let Some(before) = member.syncing.replace(request) {
                        turn.refuse_sync(before, ErrorCode::REBALANCE_IN_PROGRESS);
                    }
                }
                if self.leader.as_ref() == Some(&ask.member) && self.logging.is_none() {
                    let mut given: BTreeMap<&String, &Vec<u8>> =
                        ask.assignments.iter().map(|(member, assignment)| (member, assignment)).collect();
                    for member in self.members.values_mut() {
                        member.assignment = given.remove(&member.id).cloned().unwrap_or_default();
                    }
                    self.logging = Some(self.generation);
                    turn.log = Some(Log::Assigned);
                }
            }
            State::Stable => {
                self.unsynced.remove(&ask.member);
                self.refresh(&ask.member, facts.now_ms);
                turn.answer(request, Answer::Sync(self.synced(&ask.member)));
            }
        }
        turn
    }

    fn check_sync(&self, ask: &Sync) -> Result<(), ErrorCode> {
        self.check_generation(&ask.member, ask.instance.as_deref(), ask.generation)?;
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if differs(&ask.protocol_type, &self.protocol_type) || differs(&ask.protocol, &self.protocol) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(())
    }

    fn synced(&self, id: &str) -> Synced {
        Synced {
            error: ErrorCode::NONE,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    /// The assignment of a generation is durable, or is not. One that the group has left behind changes nothing.
    pub fn assigned(&mut self, generation: i32, is_durable: bool, facts: Facts<'_>) -> Turn {
        let mut turn = Turn::default();
        if self.logging != Some(generation) || self.state != State::CompletingRebalance {
            return turn;
        }
        self.logging = None;
        if is_durable {
            self.become_state(State::Stable, facts.now_ms);
        }
        let waiting: Vec<(String, RequestId)> = self
            .members
            .values_mut()
            .filter_map(|member| {
                let request = member.syncing.take()?;
                member.deadline_ms = facts.now_ms + i64::from(member.session_timeout_ms);
                Some((member.id.clone(), request))
            })
            .collect();
        for (id, request) in waiting {
            if is_durable {
                turn.answer(request, Answer::Sync(self.synced(&id)));
            } else {
                turn.refuse_sync(request, ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
        }
        if !is_durable {
            self.begin(&mut turn, facts);
        }
        turn
    }

    /// Heartbeat.
    ///
    /// # Errors
    /// The code for the client.
    pub fn heartbeat(&mut self, ask: &Heartbeat, now_ms: i64) -> Result<(), ErrorCode> {
        self.check_generation(&ask.member, ask.instance.as_deref(), ask.generation)?;
        self.refresh(&ask.member, now_ms);
        match self.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// LeaveGroup. The answer is the last of the turn.
    pub fn leave(&mut self, request: RequestId, ask: &Leave, facts: Facts<'_>) -> Turn {
        let mut turn = Turn::default();
        let mut members = Vec::new();
        let mut is_changed = false;
        for (id, instance) in &ask.members {
            let left = self.leaving(id, instance.as_deref());
            if let Ok(found) = &left {
                is_changed = true;
                self.forget(&mut turn, found, ErrorCode::UNKNOWN_MEMBER_ID);
            }
            members.push((id.clone(), instance.clone(), left.err().unwrap_or(ErrorCode::NONE)));
        }
        if is_changed {
            self.after_removal(&mut turn, facts);
        }
        turn.answer(request, Answer::Leave { error: ErrorCode::NONE, members });
        turn
    }

    /// Who leaves: an id that is a member's or was given out.
    fn leaving(&self, id: &str, instance: Option<&str>) -> Result<String, ErrorCode> {
        if instance.is_none() && self.expected.contains_key(id) {
            return Ok(id.into());
        }
        match instance {
            Some(instance) if id.is_empty() => {
                self.instances.get(instance).cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
            }
            _ => self.check_member(id, instance).map(|()| id.into()),
        }
    }

    /// A member is gone; its requests are answered.
    fn forget(&mut self, turn: &mut Turn, id: &str, code: ErrorCode) {
        self.expected.remove(id);
        self.unsynced.remove(id);
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        if let Some(request) = member.joining {
            turn.refuse_join(request, code, id);
        }
        if let Some(request) = member.syncing {
            turn.refuse_sync(request, code);
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    fn after_removal(&mut self, turn: &mut Turn, facts: Facts<'_>) {
        match self.state {
            State::Stable | State::CompletingRebalance => self.begin(turn, facts),
            State::PreparingRebalance => self.complete_if_all(turn, facts),
            State::Empty => {}
        }
    }

    /// Time passes.
    pub fn tick(&mut self, facts: Facts<'_>) -> Turn {
        let mut turn = Turn::default();
        let now_ms = facts.now_ms;
        let before = self.members.len() + self.expected.len();
        self.expected.retain(|_, until_ms| *until_ms > now_ms);
        let silent: Vec<String> =
            self.members.values().filter(|m| m.deadline_ms <= now_ms).map(|m| m.id.clone()).collect();
        for id in silent {
            self.forget(&mut turn, &id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let is_over = !self.unsynced.is_empty() && self.sync_until_ms <= now_ms;
        if is_over {
            for id in mem::take(&mut self.unsynced) {
                self.forget(&mut turn, &id, ErrorCode::UNKNOWN_MEMBER_ID);
            }
        }
        if before != self.members.len() + self.expected.len() || is_over {
            self.after_removal(&mut turn, facts);
        }
        match self.waits {
            Some(Waits::ForMore { .. }) => self.go_on(&mut turn, facts),
            Some(Waits::ForAll { until_ms }) if until_ms <= now_ms => self.complete(&mut turn, facts),
            _ => {}
        }
        turn
    }

    /// Whether a commit is a member's, or anybody's where nobody is a member. A member's session is refreshed.
    ///
    /// # Errors
    /// The code for every partition.
    pub fn check_commit(&mut self, ask: &Commit, now_ms: i64) -> Result<(), ErrorCode> {
        let is_transactional = ask.producer.is_some();
        if ask.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if ask.generation >= 0 || !ask.member.is_empty() || ask.instance.is_some() {
            self.check_generation(&ask.member, ask.instance.as_deref(), ask.generation)?;
            self.refresh(&ask.member, now_ms);
        } else if !is_transactional && self.state != State::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !is_transactional && self.state == State::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// Topics that members read, where the group's kind tells them: of kind `consumer`, with an assignor chosen.
    pub fn subscribed(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some("consumer") {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let protocol = self.protocol.as_deref();
            let names =
                member.protocols.iter().filter(|(name, _)| protocol.is_none_or(|chosen| chosen == name));
            for (_, metadata) in names {
                topics.extend(subscription(metadata)?);
            }
        }
        Some(topics)
    }

    /// As DescribeGroups tells it.
    pub fn describe(&self, group: &str) -> Described {
        let is_stable = self.state == State::Stable;
        let protocol = self.protocol.as_deref().filter(|_| is_stable).unwrap_or_default();
        let of = |member: &Member| DescribedMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client: member.client.clone(),
            metadata: member.metadata(protocol).into(),
            assignment: if is_stable { member.assignment.clone() } else { Vec::new() },
        };
        Described {
            error: ErrorCode::NONE,
            group: group.into(),
            state: self.state.name(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.into(),
            members: self.members.values().map(of).collect(),
            operations: None,
        }
    }

    /// Every request that waits is refused: the broker cannot go on.
    pub fn give_up(&mut self) -> Turn {
        let mut turn = Turn::default();
        for member in self.members.values_mut() {
            if let Some(request) = member.joining.take() {
                turn.refuse_join(request, ErrorCode::COORDINATOR_NOT_AVAILABLE, &member.id);
            }
            if let Some(request) = member.syncing.take() {
                turn.refuse_sync(request, ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
        }
        turn
    }
}

/// A member's id from the name of its client or instance.
fn named(name: &str, fresh: &str) -> String {
    let mut id = String::from(name);
    id.push('-');
    id.push_str(fresh);
    id
}

/// Topics in a consumer's subscription: a version, then its body.
fn subscription(bytes: &[u8]) -> Option<Vec<String>> {
    let (version, body) = bytes.split_first_chunk::<2>()?;
    // A newer version begins as the newest known one.
    let version = i16::from_be_bytes(*version).clamp(0, ConsumerProtocolSubscription::VERSIONS.1);
    let subscription = ConsumerProtocolSubscription::decode(body, version).ok()?;
    Some(subscription.topics.iter().map(String::from).collect())
}

/// How long a member that was never answered is kept while it waits, in milliseconds.
const NEW_MEMBER_WAIT_MS: i64 = 300_000;
