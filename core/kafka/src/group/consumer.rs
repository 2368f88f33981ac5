//! A group of the newer protocol: the broker assigns, and moves each member towards its target by its heartbeats.
//!
//! ```text
//!   group epoch     rises when a member comes, goes or reads something else, or the topics have changed
//!   target epoch    of the assignment that follows
//!   member epoch    of the assignment that the member has reached
//!
//!                    must give up                    has given up
//!   Stable ───────────────────────▶ UnrevokedPartitions ─────────┐
//!     ▲   target has others' partitions                          ▼
//!     └───────────────────────── UnreleasedPartitions ◀── next epoch
//! ```
//! A partition is given to its new owner when the earlier one no longer has it: at no time do two members own one.
//!
//! [`beat`] and [`remove`] are functions of the group and a request; they give the group as it will be and the records that say so.
//!
//! Source: KIP-848, Kafka 4.4.0 (`GroupMetadataManager`, `CurrentAssignmentBuilder`).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use regex::bytes::{Regex, RegexBuilder};

use crate::ErrorCode;
use crate::limits::{MEMBERS_MAX, PATTERN_LEN_MAX};
use crate::topics::{Topic, Topics, id_text};
use crate::wire::Uuid;

use super::ask::{
    Beat, Beaten, Client, Commit, DescribedConsumer, DescribedConsumers, NamedPartitions, TopicPartitions,
};
use super::assignor::{self, Subscriber};
use super::records::{self, Record};

/// Partitions that a member owns, each with the epoch in which it got them.
pub type Owned = BTreeMap<Uuid, BTreeMap<i32, i32>>;
/// Partitions that a member is to own.
pub type Targets = BTreeMap<Uuid, BTreeSet<i32>>;

/// Settings, named as Kafka names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `group.consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.min.heartbeat.interval.ms` and its `max`: bounds of what groups may have of their own.
    pub heartbeat_interval_ms_bounds: (i32, i32),
    /// `group.consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.consumer.min.session.timeout.ms` and its `max`.
    pub session_timeout_ms_bounds: (i32, i32),
    /// `group.consumer.max.size`.
    pub size_max: usize,
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Settings {
            heartbeat_interval_ms: 5_000,
            heartbeat_interval_ms_bounds: (5_000, 15_000),
            session_timeout_ms: 45_000,
            session_timeout_ms_bounds: (45_000, 60_000),
            size_max: MEMBERS_MAX,
        }
    }
}

impl Settings {
    /// Those of a group: its own come first, within the broker's bounds, which may have changed since.
    #[must_use]
    pub fn of_group(self, topics: &Topics, group: &str) -> Settings {
        let Some(own) = topics.group_configs(group) else { return self };
        let given = |name: &str, (low, high): (i32, i32), else_ms| {
            let own = own.get(name).and_then(|value| value.parse::<i32>().ok());
            own.map_or(else_ms, |ms| ms.min(high).max(low))
        };
        Settings {
            heartbeat_interval_ms: given(
                "consumer.heartbeat.interval.ms",
                self.heartbeat_interval_ms_bounds,
                self.heartbeat_interval_ms,
            ),
            session_timeout_ms: given(
                "consumer.session.timeout.ms",
                self.session_timeout_ms_bounds,
                self.session_timeout_ms,
            ),
            ..self
        }
    }
}

/// Where a member stands. The numbers are those of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i8)]
pub enum MemberState {
    /// It owns what it is to own, as far as is known.
    #[default]
    Stable = 0,
    /// It must give up partitions before anything else.
    UnrevokedPartitions = 1,
    /// It waits for partitions that others have not given up.
    UnreleasedPartitions = 2,
    /// Written by a newer broker.
    Unknown = 127,
}

impl MemberState {
    /// By its number.
    pub const fn from_code(code: i8) -> MemberState {
        match code {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its id.
    pub id: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// Its rack.
    pub rack: Option<String>,
    /// Its client.
    pub client: Client,
    /// Topics by name.
    pub topics: BTreeSet<String>,
    /// Topics by a regular expression.
    pub regex: Option<String>,
    /// How long it may take to give up partitions, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it would like.
    pub assignor: Option<String>,
    /// Its epoch; −2 while it is away and its name keeps its place.
    pub epoch: i32,
    /// The epoch before, for a member that missed an answer.
    pub previous_epoch: i32,
    /// Its state.
    pub state: MemberState,
    /// What it owns.
    pub assigned: Owned,
    /// What it must give up, and still owns.
    pub revoking: Owned,
}

impl ConsumerMember {
    fn says_the_same(&self, other: &ConsumerMember) -> bool {
        self.instance == other.instance
            && self.rack == other.rack
            && self.client == other.client
            && self.reads_the_same(other)
            && self.rebalance_timeout_ms == other.rebalance_timeout_ms
            && self.assignor == other.assignor
    }

    fn reads_the_same(&self, other: &ConsumerMember) -> bool {
        self.topics == other.topics && self.regex == other.regex
    }

    fn stands_the_same(&self, other: &ConsumerMember) -> bool {
        self.epoch == other.epoch
            && self.previous_epoch == other.previous_epoch
            && self.state == other.state
            && self.assigned == other.assigned
            && self.revoking == other.revoking
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumers {
    /// Its epoch.
    pub epoch: i32,
    /// A hash of the topics that it reads, to see when they change.
    pub hash: i64,
    /// Members by id.
    pub members: BTreeMap<String, ConsumerMember>,
    /// The epoch of the target.
    pub target_epoch: i32,
    /// What each member is to own.
    pub target: BTreeMap<String, Targets>,
    /// [`Topics::version`] when the hash was compared last.
    topics_seen: Option<u64>,
}

impl Default for Consumers {
    fn default() -> Self {
        Consumers {
            epoch: EPOCH_FIRST,
            hash: 0,
            members: BTreeMap::new(),
            target_epoch: EPOCH_FIRST,
            target: BTreeMap::new(),
            topics_seen: None,
        }
    }
}

/// What a step may depend on besides the group and the request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The wall clock, in milliseconds.
    pub now_ms: i64,
    /// The group's settings.
    pub settings: &'a Settings,
    /// The topics that are there.
    pub topics: &'a Topics,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request is refused.
    Refuse(ErrorCode),
    /// Nothing changes; the member is told this.
    Answer(Beaten),
    /// This is to be logged, then remembered, then told.
    Become(Box<Change>),
}

/// A change of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The group as it will be.
    pub next: Consumers,
    /// What says so.
    pub records: Vec<Record>,
    /// What the member is told.
    pub answer: Option<Beaten>,
}

/// Whether a heartbeat is one at all: what must be there is there.
///
/// # Errors
/// [`ErrorCode::INVALID_REQUEST`], [`ErrorCode::UNSUPPORTED_ASSIGNOR`], [`ErrorCode::INVALID_REGULAR_EXPRESSION`].
pub fn check(ask: &Beat) -> Result<(), ErrorCode> {
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    let needs_id = ask.epoch != 0 || ask.version >= 1;
    let joins_badly = ask.epoch == JOINS
        && (ask.rebalance_timeout_ms == -1
            || ask.owned.as_ref().is_none_or(|owned| !owned.is_empty())
            || (ask.topics.is_none() && ask.regex.is_none()));
    let is_wrong = ask.group.trim().is_empty()
        || is_blank(&ask.instance)
        || is_blank(&ask.rack)
        || (needs_id && ask.member.trim().is_empty())
        || ask.epoch < LEAVES_FOR_A_WHILE
        || (ask.epoch == LEAVES_FOR_A_WHILE && ask.instance.is_none())
        || joins_badly;
    if is_wrong {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if ask.assignor.as_ref().is_some_and(|name| !assignor::NAMES.contains(&name.as_str())) {
        return Err(ErrorCode::UNSUPPORTED_ASSIGNOR);
    }
    match ask.regex.as_deref().filter(|regex| !regex.is_empty()).map(compile) {
        Some(None) => Err(ErrorCode::INVALID_REGULAR_EXPRESSION),
        _ => Ok(()),
    }
}

/// ConsumerGroupHeartbeat, after [`check`]. `fresh` is an id that nobody has, for a member that does not choose its own.
pub fn beat(group: &Consumers, ask: &Beat, client: &Client, fresh: Uuid, facts: Facts<'_>) -> Decision {
    let id = if ask.member.is_empty() { id_text(fresh) } else { ask.member.clone() };
    match ask.epoch {
        LEAVES | LEAVES_FOR_A_WHILE => leave(group, ask, &id, facts),
        _ => match place_of(group, ask, &id, facts.settings) {
            Err(code) => Decision::Refuse(code),
            Ok(place) => go_on(group, ask, client, &id, place, facts),
        },
    }
}

/// The member that a heartbeat speaks for.
enum Place<'a> {
    New,
    Known(&'a ConsumerMember),
    /// A static member came back under another id.
    Of(&'a ConsumerMember),
}

fn place_of<'a>(
    group: &'a Consumers,
    ask: &Beat,
    id: &str,
    settings: &Settings,
) -> Result<Place<'a>, ErrorCode> {
    let known = group.members.get(id);
    let by_name = ask.instance.as_ref().and_then(|name| group.by_instance(name));
    if ask.epoch == JOINS && known.is_none() && by_name.is_none() && group.members.len() >= settings.size_max
    {
        return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
    }
    let member = match (&ask.instance, by_name, known) {
        (None, _, Some(member)) | (Some(_), None, Some(member)) => member,
        (None, _, None) | (Some(_), None, None) if ask.epoch == JOINS => return Ok(Place::New),
        (None, _, None) | (Some(_), None, None) => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
        (Some(_), Some(member), _) if member.id == id => member,
        (Some(_), Some(member), _) if ask.epoch == JOINS => {
            let is_away = member.epoch == LEAVES_FOR_A_WHILE;
            return if is_away { Ok(Place::Of(member)) } else { Err(ErrorCode::UNRELEASED_INSTANCE_ID) };
        }
        (Some(_), Some(_), _) => return Err(ErrorCode::FENCED_INSTANCE_ID),
    };
    // A member that joins again has lost what it knew: it is taken up where it stands.
    if ask.epoch == JOINS || ask.epoch == member.epoch {
        return Ok(Place::Known(member));
    }
    let missed_an_answer = ask.epoch == member.previous_epoch
        && ask.owned.as_ref().is_some_and(|owned| is_within(owned, &member.assigned));
    if missed_an_answer { Ok(Place::Known(member)) } else { Err(ErrorCode::FENCED_MEMBER_EPOCH) }
}

fn is_within(owned: &TopicPartitions, assigned: &Owned) -> bool {
    owned.iter().all(|(topic, partitions)| {
        let known = assigned.get(topic);
        partitions.iter().all(|partition| known.is_some_and(|known| known.contains_key(partition)))
    })
}

fn go_on(
    group: &Consumers,
    ask: &Beat,
    client: &Client,
    id: &str,
    place: Place<'_>,
    facts: Facts<'_>,
) -> Decision {
    let before = match &place {
        Place::New => None,
        Place::Known(member) | Place::Of(member) => Some(*member),
    };
    let member = said(before, ask, client, id);
    let is_quiet = matches!(place, Place::Known(known) if known.says_the_same(&member)
        && known.state == MemberState::Stable && known.epoch == group.target_epoch)
        && group.epoch == group.target_epoch
        && group.topics_seen == Some(facts.topics.version());
    if is_quiet {
        return Decision::Answer(told(&member, before, ask, facts.settings));
    }
    let name = &ask.group;
    let mut change = Change { next: group.clone(), records: Vec::new(), answer: None };
    if before.is_some_and(|before| before.client.principal != member.client.principal) {
        // Somebody else may be told of other topics.
        change.next.forget_topics();
    }
    match change.fill(name, place, member, ask, facts) {
        Err(_) => Decision::Refuse(ErrorCode::INVALID_REQUEST),
        Ok(()) => {
            let member = change.next.members.get(id);
            change.answer = member.map(|member| told(member, before, ask, facts.settings));
            Decision::Become(Box::new(change))
        }
    }
}

/// The member with what the heartbeat says of it.
fn said(before: Option<&ConsumerMember>, ask: &Beat, client: &Client, id: &str) -> ConsumerMember {
    let mut member = before.cloned().unwrap_or_default();
    member.id = id.into();
    member.client.clone_from(client);
    if ask.instance.is_some() {
        member.instance.clone_from(&ask.instance);
    }
    if ask.rack.is_some() {
        member.rack.clone_from(&ask.rack);
    }
    if ask.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = ask.rebalance_timeout_ms;
    }
    if let Some(topics) = &ask.topics {
        member.topics = topics.iter().cloned().collect();
    }
    if let Some(regex) = &ask.regex {
        member.regex = Some(regex.clone()).filter(|regex| !regex.is_empty());
    }
    if ask.assignor.is_some() {
        member.assignor.clone_from(&ask.assignor);
    }
    member
}

fn told(member: &ConsumerMember, before: Option<&ConsumerMember>, ask: &Beat, settings: &Settings) -> Beaten {
    let is_full = ask.epoch == JOINS
        || (ask.rebalance_timeout_ms != -1
            && (ask.topics.is_some() || ask.regex.is_some())
            && ask.owned.is_some());
    let is_moved = before.is_none_or(|before| !same_partitions(&before.assigned, &member.assigned));
    let missed_an_answer = ask.epoch != JOINS && before.is_some_and(|before| before.epoch != ask.epoch);
    let assignment =
        || member.assigned.iter().map(|(topic, owned)| (*topic, owned.keys().copied().collect())).collect();
    Beaten {
        error: ErrorCode::NONE,
        member: Some(member.id.clone()),
        epoch: member.epoch,
        interval_ms: settings.heartbeat_interval_ms,
        assignment: (is_full || is_moved || missed_an_answer).then(assignment),
    }
}

fn same_partitions(a: &Owned, b: &Owned) -> bool {
    let keys = |owned: &Owned| -> Vec<(Uuid, Vec<i32>)> {
        owned.iter().map(|(topic, owned)| (*topic, owned.keys().copied().collect())).collect()
    };
    keys(a) == keys(b)
}

fn leave(group: &Consumers, ask: &Beat, id: &str, facts: Facts<'_>) -> Decision {
    let member = match &ask.instance {
        None => group.members.get(id),
        Some(name) => match group.by_instance(name) {
            Some(member) if member.id != id => return Decision::Refuse(ErrorCode::FENCED_INSTANCE_ID),
            member => member,
        },
    };
    let Some(member) = member else { return Decision::Refuse(ErrorCode::UNKNOWN_MEMBER_ID) };
    let answer = Beaten {
        error: ErrorCode::NONE,
        member: Some(member.id.clone()),
        epoch: ask.epoch,
        interval_ms: facts.settings.heartbeat_interval_ms,
        assignment: None,
    };
    let changed = if ask.epoch == LEAVES {
        remove(group, &ask.group, core::slice::from_ref(&member.id), facts)
    } else {
        let mut next = group.clone();
        let away = ConsumerMember {
            epoch: LEAVES_FOR_A_WHILE,
            previous_epoch: member.epoch,
            revoking: Owned::new(),
            state: MemberState::Stable,
            ..member.clone()
        };
        let record = records::current(&ask.group, &away.id, Some(&away));
        next.members.insert(away.id.clone(), away);
        record.map(|record| Change { next, records: [record].into(), answer: None }).ok()
    };
    match changed {
        None => Decision::Refuse(ErrorCode::INVALID_REQUEST),
        Some(change) => Decision::Become(Box::new(Change { answer: Some(answer), ..change })),
    }
}

/// Members are gone: what they owned is free, and the group's epoch rises. `None` for text that cannot be logged.
pub fn remove(group: &Consumers, name: &str, ids: &[String], facts: Facts<'_>) -> Option<Change> {
    let mut change = Change { next: group.clone(), records: Vec::new(), answer: None };
    for id in ids {
        change.next.members.remove(id);
        change.next.target.remove(id);
        for record in [
            records::current(name, id, None),
            records::target(name, id, None),
            records::member(name, id, None),
        ] {
            change.records.push(record.ok()?);
        }
    }
    let next = &mut change.next;
    next.epoch = next.epoch.saturating_add(1);
    next.hash = next.hash_of(facts.topics);
    change.records.push(records::epoch(name, Some((next.epoch, next.hash))).ok()?);
    if next.members.is_empty() {
        next.target_epoch = next.epoch;
        change.records.push(records::target_epoch(name, Some((next.epoch, 0))).ok()?);
    }
    Some(change)
}

/// The records that forget a group without members.
///
/// # Errors
/// [`crate::WireError::TooLong`] for a name that no string can hold.
pub fn forget(name: &str) -> Result<[Record; 2], crate::WireError> {
    Ok([records::target_epoch(name, None)?, records::epoch(name, None)?])
}

impl Change {
    fn fill(
        &mut self,
        name: &str,
        place: Place<'_>,
        member: ConsumerMember,
        ask: &Beat,
        facts: Facts<'_>,
    ) -> Result<(), crate::WireError> {
        let id = member.id.clone();
        let mut is_newer = false;
        match place {
            Place::New => {
                is_newer = true;
                self.records.push(records::member(name, &id, Some(&member))?);
            }
            Place::Known(before) => {
                is_newer |= !before.reads_the_same(&member);
                if !before.says_the_same(&member) {
                    self.records.push(records::member(name, &id, Some(&member))?);
                }
            }
            Place::Of(before) => {
                is_newer |= !before.reads_the_same(&member);
                self.move_member(name, before, &member)?;
            }
        }
        let before = member.clone();
        self.next.members.insert(id.clone(), member);
        self.raise(name, is_newer, facts)?;
        self.aim(name, facts)?;
        self.next.reconcile(&id, ask);
        if let Some(member) = self.next.members.get(&id).filter(|member| !member.stands_the_same(&before)) {
            self.records.push(records::current(name, &id, Some(member))?);
        }
        Ok(())
    }

    /// A static member's place goes to its new id.
    fn move_member(
        &mut self,
        name: &str,
        before: &ConsumerMember,
        member: &ConsumerMember,
    ) -> Result<(), crate::WireError> {
        self.next.members.remove(&before.id);
        let target = self.next.target.remove(&before.id).unwrap_or_default();
        self.records.push(records::current(name, &before.id, None)?);
        self.records.push(records::target(name, &before.id, None)?);
        self.records.push(records::member(name, &before.id, None)?);
        self.records.push(records::member(name, &member.id, Some(member))?);
        self.records.push(records::target(name, &member.id, Some(&target))?);
        self.records.push(records::current(name, &member.id, Some(member))?);
        self.next.target.insert(member.id.clone(), target);
        Ok(())
    }

    /// The group's epoch rises if somebody reads something else, or what is read has changed.
    fn raise(&mut self, name: &str, is_newer: bool, facts: Facts<'_>) -> Result<(), crate::WireError> {
        let next = &mut self.next;
        let version = facts.topics.version();
        if !is_newer && next.topics_seen == Some(version) {
            return Ok(());
        }
        next.topics_seen = Some(version);
        let hash = next.hash_of(facts.topics);
        if is_newer || hash != next.hash {
            next.epoch = next.epoch.saturating_add(1);
            next.hash = hash;
            self.records.push(records::epoch(name, Some((next.epoch, hash)))?);
        }
        Ok(())
    }

    /// A target for the group's epoch.
    fn aim(&mut self, name: &str, facts: Facts<'_>) -> Result<(), crate::WireError> {
        let next = &mut self.next;
        if next.epoch <= next.target_epoch {
            return Ok(());
        }
        let target = next.compute(facts.topics);
        for (id, targets) in &target {
            if next.target.get(id) != Some(targets) {
                self.records.push(records::target(name, id, Some(targets))?);
            }
        }
        next.target = target;
        next.target_epoch = next.epoch;
        self.records.push(records::target_epoch(name, Some((next.epoch, facts.now_ms)))?);
        Ok(())
    }
}

impl Consumers {
    /// Nothing was compared with the topics yet.
    pub fn forget_topics(&mut self) {
        self.topics_seen = None;
    }

    fn by_instance(&self, name: &str) -> Option<&ConsumerMember> {
        self.members.values().find(|member| member.instance.as_deref() == Some(name))
    }

    /// Topics that a member reads and that are there.
    fn read_by<'t>(&self, member: &ConsumerMember, topics: &'t Topics) -> Vec<&'t Topic> {
        let mut found: BTreeMap<&str, &Topic> = member
            .topics
            .iter()
            .filter_map(|name| topics.topic(name))
            .map(|t| (t.name.as_str(), t))
            .collect();
        let matching =
            matching(member, topics).filter(|topic| topics.may_describe(&member.client, &topic.name));
        found.extend(matching.map(|topic| (topic.name.as_str(), topic)));
        found.into_values().collect()
    }

    /// A hash of every topic that is read, with its id and its partitions; 0 for none.
    fn hash_of(&self, topics: &Topics) -> i64 {
        let mut read: BTreeMap<&str, &Topic> = BTreeMap::new();
        for member in self.members.values() {
            read.extend(self.read_by(member, topics).into_iter().map(|topic| (topic.name.as_str(), topic)));
        }
        if read.is_empty() {
            return 0;
        }
        let mut bytes = Vec::new();
        // What is kept from a member is part of what the members read.
        for member in self.members.values() {
            for topic in
                matching(member, topics).filter(|topic| !topics.may_describe(&member.client, &topic.name))
            {
                bytes.extend_from_slice(&(member.id.len() as u64).to_be_bytes());
                bytes.extend_from_slice(member.id.as_bytes());
                bytes.extend_from_slice(&topic.id.0);
            }
        }
        for (name, topic) in read {
            bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&topic.id.0);
            bytes.extend_from_slice(&topic.partition_count.to_be_bytes());
        }
        xxhash_rust::xxh3::xxh3_64(&bytes).cast_signed()
    }

    /// The assignor that most members ask for.
    fn assignor(&self) -> &'static str {
        let votes = |name: &str| {
            self.members.values().filter(|member| member.assignor.as_deref() == Some(name)).count()
        };
        // The first of those with the most votes.
        assignor::NAMES.iter().rev().copied().max_by_key(|name| votes(name)).unwrap_or(assignor::NAMES[0])
    }

    fn compute(&self, topics: &Topics) -> BTreeMap<String, Targets> {
        let mut counts = BTreeMap::new();
        let subscribers: Vec<Subscriber> = self
            .members
            .values()
            .map(|member| {
                let read = self.read_by(member, topics);
                counts.extend(read.iter().map(|topic| (topic.id, topic.partition_count)));
                Subscriber {
                    id: member.id.clone(),
                    order: member.instance.clone().unwrap_or_else(|| member.id.clone()),
                    topics: read.iter().map(|topic| topic.id).collect(),
                }
            })
            .collect();
        assignor::assign(self.assignor(), &subscribers, &counts, &self.target)
    }

    /// Moves a member towards its target, as far as others let it.
    fn reconcile(&mut self, id: &str, ask: &Beat) {
        let Some(member) = self.members.get(id) else { return };
        let target_epoch = self.target_epoch;
        let owned = ask.owned.as_ref();
        let moves = match member.state {
            MemberState::Stable => member.epoch != target_epoch,
            MemberState::UnrevokedPartitions => !still_owns(owned, &member.revoking),
            MemberState::UnreleasedPartitions | MemberState::Unknown => true,
        };
        if !moves {
            return;
        }
        let empty = Targets::new();
        let target = self.target.get(id).unwrap_or(&empty);
        let (mut kept, mut revoking) = (Owned::new(), Owned::new());
        for (topic, partitions) in &member.assigned {
            for (partition, epoch) in partitions {
                let stays = target.get(topic).is_some_and(|wanted| wanted.contains(partition));
                let side = if stays { &mut kept } else { &mut revoking };
                side.entry(*topic).or_default().insert(*partition, *epoch);
            }
        }
        let mut moved = member.clone();
        if !revoking.is_empty() && still_owns(owned, &revoking) {
            (moved.assigned, moved.revoking) = (kept, revoking);
            moved.state = MemberState::UnrevokedPartitions;
        } else {
            let waits = self.take_free(id, target, &mut kept);
            (moved.assigned, moved.revoking) = (kept, Owned::new());
            moved.state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
            if moved.epoch != target_epoch {
                moved.previous_epoch = moved.epoch;
                moved.epoch = target_epoch;
            }
        }
        self.members.insert(id.into(), moved);
    }

    /// Partitions of the target that nobody has become the member's; whether others still have some.
    fn take_free(&self, id: &str, target: &Targets, kept: &mut Owned) -> bool {
        let mut waits = false;
        let others = || self.members.values().filter(|member| member.id != id);
        for (topic, partitions) in target {
            let has = |owned: &Owned| owned.get(topic).cloned().unwrap_or_default().into_keys();
            let taken: BTreeSet<i32> =
                others().flat_map(|other| has(&other.assigned).chain(has(&other.revoking))).collect();
            for partition in partitions {
                let is_kept = kept.get(topic).is_some_and(|kept| kept.contains_key(partition));
                if is_kept {
                    continue;
                }
                if taken.contains(partition) {
                    waits = true;
                } else {
                    kept.entry(*topic).or_default().insert(*partition, self.target_epoch);
                }
            }
        }
        waits
    }

    /// Whether a commit is a member's, or anybody's where nobody is a member; partition by partition with [`Consumers::may_commit`].
    ///
    /// # Errors
    /// The code for every partition.
    pub fn check_commit(&self, ask: &Commit) -> Result<(), ErrorCode> {
        let is_transactional = ask.producer.is_some();
        if ask.generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        let is_nobody = ask.generation == -1 && ask.member.is_empty() && ask.instance.is_none();
        if is_transactional && is_nobody {
            return Ok(());
        }
        if !self.members.contains_key(&ask.member) {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !is_transactional && ask.version < 9 {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        Ok(())
    }

    /// Whether a member with this epoch may commit a partition: it has the epoch, or had the partition by then.
    ///
    /// # Errors
    /// [`ErrorCode::STALE_MEMBER_EPOCH`]; in a transaction [`ErrorCode::ILLEGAL_GENERATION`].
    pub fn may_commit(&self, ask: &Commit, topic: Uuid, partition: i32) -> Result<(), ErrorCode> {
        let Some(member) = self.members.get(&ask.member) else { return Ok(()) };
        let owned = |owned: &Owned| owned.get(&topic).and_then(|owned| owned.get(&partition)).copied();
        let since = owned(&member.assigned).or_else(|| owned(&member.revoking));
        let is_right = ask.generation == member.epoch
            || (ask.generation < member.epoch && since.is_some_and(|since| since <= ask.generation));
        match (is_right, ask.producer) {
            (true, _) => Ok(()),
            (false, None) => Err(ErrorCode::STALE_MEMBER_EPOCH),
            (false, Some(_)) => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// Whether a member may read offsets.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_MEMBER_ID`], [`ErrorCode::STALE_MEMBER_EPOCH`].
    pub fn check_fetch(&self, member: &str, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < 0 && member.is_empty() {
            return Ok(());
        }
        match self.members.get(member) {
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some(member) if member.epoch != epoch => Err(ErrorCode::STALE_MEMBER_EPOCH),
            Some(_) => Ok(()),
        }
    }

    /// Whether a member reads a topic.
    pub fn reads(&self, topic: &str) -> bool {
        let matches = |member: &ConsumerMember| {
            member.topics.contains(topic)
                || member
                    .regex
                    .as_deref()
                    .and_then(compile)
                    .is_some_and(|regex| regex.is_match(topic.as_bytes()))
        };
        self.members.values().any(matches)
    }

    /// Kafka's name of the group's state.
    pub fn state(&self) -> &'static str {
        let is_there = |member: &ConsumerMember| {
            member.state == MemberState::Stable
                && (member.epoch == self.target_epoch || member.epoch == LEAVES_FOR_A_WHILE)
        };
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members.values().all(is_there) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// As ConsumerGroupDescribe tells it.
    pub fn describe(&self, group: &str, topics: &Topics) -> DescribedConsumers {
        let named = |partitions: &Targets| -> NamedPartitions {
            let one = |(id, partitions): (&Uuid, &BTreeSet<i32>)| {
                let name = topics.topic_by_id(*id).map(|topic| topic.name.clone())?;
                Some((*id, name, partitions.iter().copied().collect()))
            };
            partitions.iter().filter_map(one).collect()
        };
        let of = |member: &ConsumerMember| DescribedConsumer {
            member: member.id.clone(),
            instance: member.instance.clone(),
            rack: member.rack.clone(),
            epoch: member.epoch,
            client: member.client.clone(),
            topics: member.topics.iter().cloned().collect(),
            regex: member.regex.clone(),
            assignment: named(&records::without_epochs(&member.assigned)),
            target: self.target.get(&member.id).map(named).unwrap_or_default(),
        };
        DescribedConsumers {
            error: ErrorCode::NONE,
            group: group.into(),
            state: self.state(),
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            assignor: self.assignor(),
            members: self.members.values().map(of).collect(),
            operations: None,
        }
    }
}

/// Topics whose names a member's regular expression matches.
fn matching<'t>(member: &ConsumerMember, topics: &'t Topics) -> impl Iterator<Item = &'t Topic> {
    let regex = member.regex.as_deref().and_then(compile);
    let all = regex.is_some().then(|| topics.iter()).into_iter().flatten();
    all.filter(move |topic| regex.as_ref().is_some_and(|regex| regex.is_match(topic.name.as_bytes())))
}

/// Whether a member owns any of these. One that does not say still does.
fn still_owns(owned: Option<&TopicPartitions>, partitions: &Owned) -> bool {
    let Some(owned) = owned else { return !partitions.is_empty() };
    owned.iter().any(|(topic, mine)| {
        let gone = partitions.get(topic);
        mine.iter().any(|partition| gone.is_some_and(|gone| gone.contains_key(partition)))
    })
}

/// A regular expression that matches whole names, byte by byte; `None` if it is none, or too large.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    if pattern.len() > PATTERN_LEN_MAX {
        return None;
    }
    let mut whole = String::from("^(?:");
    whole.push_str(pattern);
    whole.push_str(")$");
    RegexBuilder::new(&whole).unicode(false).size_limit(REGEX_LEN_MAX).build().ok()
}

/// Of a heartbeat: the member joins.
const JOINS: i32 = 0;
/// Of a heartbeat: the member leaves.
const LEAVES: i32 = -1;
/// Of a heartbeat: the member leaves, and its name keeps its place. Also its epoch while it is away.
const LEAVES_FOR_A_WHILE: i32 = -2;
/// The epoch of a group before its first member.
const EPOCH_FIRST: i32 = 1;
/// Bytes that a compiled expression may take.
const REGEX_LEN_MAX: usize = 1 << 18;
