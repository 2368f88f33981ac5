//! A broker's groups with a log that answers at once, for tests that ask one thing after the other.

use std::collections::{BTreeMap, VecDeque};

use dolmen_base::Time;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, stamp};
use dolmen_kafka::control::Outcome;
use dolmen_kafka::group::ask::{
    Answer, Ask, Beat, Beaten, Client, Commit, CommitPartition, Fetch, FetchGroup, Heartbeat, Join, Joined,
    Leave, Sync, Synced, TopicName,
};
use dolmen_kafka::group::machine::AppendError;
use dolmen_kafka::group::{Effect, Groups, Input, Settings, records};
use dolmen_kafka::topics::{Defaults, NewTopic, Topics};
use dolmen_kafka::txn::Producer;
use dolmen_kafka::txn::machine::{RequestId, Ticket};
use dolmen_kafka::wire::Uuid;

pub struct Desk {
    pub groups: Groups,
    pub topics: Topics,
    pub settings: Settings,
    pub now_ms: u64,
    /// The log of the one partition of `__consumer_offsets`.
    pub log: Vec<Vec<u8>>,
    pub log_end: i64,
    /// What the next appends come to.
    pub fates: VecDeque<AppendError>,
    /// Appends are kept back while this is set.
    pub holds: bool,
    pub held: VecDeque<(Ticket, Option<Producer>, Vec<records::Record>)>,
    pub answers: BTreeMap<RequestId, Answer>,
    next_request: u64,
}

pub fn settings() -> Settings {
    let mut settings = Settings { partition_count: 1, ..Settings::default() };
    settings.classic.initial_delay_ms = 0;
    settings
}

impl Desk {
    pub fn new() -> Desk {
        Desk::with(settings())
    }

    pub fn with(settings: Settings) -> Desk {
        let mut groups = Groups::new(settings, 1);
        groups.start(Time::from_millis(1_000), &Topics::new());
        let mut desk = Desk {
            groups,
            topics: Topics::new(),
            settings,
            now_ms: 1_000,
            log: Vec::new(),
            log_end: 0,
            fates: VecDeque::new(),
            holds: false,
            held: VecDeque::new(),
            answers: BTreeMap::new(),
            next_request: 0,
        };
        desk.topic("t", 4);
        desk
    }

    pub fn topic(&mut self, name: &str, partition_count: i32) {
        let new = NewTopic { name, partition_count, replication_factor: 1, ..NewTopic::default() };
        let id = topic_id(name);
        let records =
            self.topics.decide_create(&new, id, Defaults { partition_count: 1, broker_id: 1 }).unwrap();
        records.iter().for_each(|record| self.topics.load(record).unwrap());
    }

    pub fn time(&self) -> Time {
        Time::from_millis(self.now_ms)
    }

    pub fn handle(&mut self, input: Input) {
        self.groups.handle(self.time(), &self.topics, input);
        self.carry_out();
    }

    /// Takes every wish; what is to be written is kept back while `holds` is set.
    fn carry_out(&mut self) {
        loop {
            while let Some(effect) = self.groups.poll() {
                match effect {
                    Effect::Answer { request, answer } => {
                        assert!(
                            self.answers.insert(request, answer).is_none(),
                            "{request} is answered twice"
                        );
                    }
                    Effect::Append { ticket, producer, records, partition } => {
                        assert_eq!(partition, 0);
                        self.held.push_back((ticket, producer, records));
                    }
                }
            }
            if self.holds || self.held.is_empty() {
                return;
            }
            self.write();
        }
    }

    /// Writes what was kept back, and all that follows.
    pub fn release(&mut self) {
        self.holds = false;
        self.carry_out();
    }

    fn write(&mut self) {
        let Some((ticket, producer, records)) = self.held.pop_front() else { return };
        let result = match self.fates.pop_front() {
            Some(fate) => Err(fate),
            None => {
                let base = self.log_end;
                let mut bytes = Vec::new();
                assert!(records::put_batch(&mut bytes, &records, producer, self.now_ms as i64));
                stamp(&mut bytes, base, 0);
                self.log_end += records.len() as i64;
                self.log.push(bytes);
                Ok(base)
            }
        };
        self.groups.handle(self.time(), &self.topics, Input::Appended { ticket, result });
    }

    /// A marker in the log.
    pub fn end(&mut self, producer_id: i64, outcome: Outcome) {
        let mut bytes = Vec::new();
        let meta = dolmen_kafka::control::MarkerMeta {
            producer_id,
            producer_epoch: 0,
            base_offset: self.log_end,
            leader_epoch: 0,
            timestamp_ms: self.now_ms as i64,
        };
        dolmen_kafka::control::put_marker(
            &mut bytes,
            meta,
            dolmen_kafka::control::Marker { outcome, coordinator_epoch: 0 },
        );
        self.log_end += 1;
        self.log.push(bytes);
        self.handle(Input::Ended { partition: 0, producer_id, outcome });
    }

    /// The broker stops and starts again: what is in the log is all that is left.
    pub fn restart(&mut self) {
        self.groups = Groups::new(self.settings, 2);
        for bytes in &self.log {
            let (batch, _) = Batch::split(bytes, 0).unwrap();
            self.groups.load(0, &batch, &[]).unwrap();
        }
        self.groups.start(self.time(), &self.topics);
        self.held.clear();
    }

    /// Time passes, looked at whenever the groups want to be.
    pub fn wait(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while let Some(next) = self.groups.next_deadline().filter(|at| at.as_millis() <= until) {
            self.now_ms = self.now_ms.max(next.as_millis());
            self.handle(Input::Tick);
        }
        self.now_ms = until;
        self.handle(Input::Tick);
    }

    pub fn send(&mut self, ask: Ask) -> RequestId {
        self.next_request += 1;
        let request = RequestId::new(self.next_request);
        let client = Client { id: "c".into(), host: "/127.0.0.1".into(), ..Client::default() };
        self.handle(Input::Request { request, client, ask });
        request
    }

    pub fn take(&mut self, request: RequestId) -> Option<Answer> {
        self.answers.remove(&request)
    }

    pub fn ask(&mut self, ask: Ask) -> Answer {
        let request = self.send(ask);
        self.take(request).expect("an answer at once")
    }

    // ---- the classic protocol

    pub fn joined(&mut self, request: RequestId) -> Joined {
        match self.take(request) {
            Some(Answer::Join(joined)) => joined,
            other => panic!("{other:?}"),
        }
    }

    pub fn join(&mut self, join: Join) -> Joined {
        let request = self.send(Ask::Join(join));
        self.joined(request)
    }

    /// A new member of version 5: its id first, then its join, which waits for the others.
    pub fn enter(&mut self, group: &str) -> (String, RequestId) {
        let first = self.join(join(group, ""));
        assert_eq!(first.error, ErrorCode::MEMBER_ID_REQUIRED);
        let request = self.send(Ask::Join(join(group, &first.member)));
        (first.member, request)
    }

    /// A group of one member that is stable.
    pub fn alone(&mut self, group: &str) -> (String, i32) {
        let (member, request) = self.enter(group);
        let joined = self.joined(request);
        assert_eq!((joined.error, &joined.leader), (ErrorCode::NONE, &member));
        let synced = self.sync(group, &member, joined.generation, &[(&member, b"all")]);
        assert_eq!((synced.error, &synced.assignment[..]), (ErrorCode::NONE, &b"all"[..]));
        (member, joined.generation)
    }

    pub fn sync(&mut self, group: &str, member: &str, generation: i32, given: &[(&str, &[u8])]) -> Synced {
        match self.ask(Ask::Sync(sync(group, member, generation, given))) {
            Answer::Sync(synced) => synced,
            other => panic!("{other:?}"),
        }
    }

    pub fn heartbeat(&mut self, group: &str, member: &str, generation: i32) -> ErrorCode {
        let ask = Heartbeat { group: group.into(), member: member.into(), instance: None, generation };
        match self.ask(Ask::Heartbeat(ask)) {
            Answer::Heartbeat(code) => code,
            other => panic!("{other:?}"),
        }
    }

    pub fn leave(&mut self, group: &str, members: &[(&str, Option<&str>)]) -> (ErrorCode, Vec<ErrorCode>) {
        let members = members.iter().map(|(id, instance)| ((*id).into(), instance.map(Into::into))).collect();
        match self.ask(Ask::Leave(Leave { group: group.into(), members })) {
            Answer::Leave { error, members } => (error, members.into_iter().map(|(.., code)| code).collect()),
            other => panic!("{other:?}"),
        }
    }

    // ---- the newer protocol

    pub fn beat(&mut self, beat: Beat) -> Beaten {
        match self.ask(Ask::Beat(beat)) {
            Answer::Beat(beaten) => beaten,
            other => panic!("{other:?}"),
        }
    }

    // ---- offsets

    pub fn commit(&mut self, commit: Commit) -> ErrorCode {
        match self.ask(Ask::Commit(commit)) {
            Answer::Commit(topics) => topics[0].1[0].1,
            other => panic!("{other:?}"),
        }
    }

    /// The committed offset of a partition of `t`, or why not.
    pub fn committed(&mut self, group: &str, partition: i32, is_stable: bool) -> Result<i64, ErrorCode> {
        let topics = Some(vec![(TopicName { name: "t".into(), ..TopicName::default() }, vec![partition])]);
        let groups = vec![FetchGroup { group: group.into(), member: None, topics }];
        match self.ask(Ask::Fetch(Fetch { is_stable, groups })) {
            Answer::Fetch(groups) => {
                let found = &groups[0].topics[0].1[0];
                if found.error == ErrorCode::NONE { Ok(found.offset) } else { Err(found.error) }
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn delete(&mut self, groups: &[&str]) -> Vec<ErrorCode> {
        match self.ask(Ask::Delete(groups.iter().map(|group| (*group).into()).collect())) {
            Answer::Delete(results) => results.into_iter().map(|(_, code)| code).collect(),
            other => panic!("{other:?}"),
        }
    }
}

pub fn topic_id(name: &str) -> Uuid {
    let mut id = [9; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    Uuid(id)
}

pub fn join(group: &str, member: &str) -> Join {
    Join {
        version: 5,
        group: group.into(),
        member: member.into(),
        instance: None,
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), b"m".to_vec())],
    }
}

pub fn sync(group: &str, member: &str, generation: i32, given: &[(&str, &[u8])]) -> Sync {
    Sync {
        group: group.into(),
        member: member.into(),
        generation,
        assignments: given.iter().map(|(member, bytes)| ((*member).into(), bytes.to_vec())).collect(),
        ..Sync::default()
    }
}

/// A commit of offset `offset` for partition 0 of `t`, by nobody in particular.
pub fn commit(group: &str, offset: i64) -> Commit {
    commit_at(group, 0, offset)
}

pub fn commit_at(group: &str, partition: i32, offset: i64) -> Commit {
    let wanted = CommitPartition { partition, offset, leader_epoch: -1, metadata: String::new() };
    Commit {
        version: 7,
        group: group.into(),
        generation: -1,
        retention_ms: -1,
        topics: vec![(TopicName { name: "t".into(), ..TopicName::default() }, vec![wanted])],
        ..Commit::default()
    }
}

pub fn by(member: &str, generation: i32, commit: Commit) -> Commit {
    Commit { member: member.into(), generation, ..commit }
}

pub fn within(producer_id: i64, commit: Commit) -> Commit {
    Commit { producer: Some(Producer { id: producer_id, epoch: 0 }), version: 3, ..commit }
}

/// The first heartbeat of a member that reads topics.
pub fn first_beat(group: &str, member: &str, topics: &[&str]) -> Beat {
    Beat {
        version: 1,
        group: group.into(),
        member: member.into(),
        epoch: 0,
        rebalance_timeout_ms: 5_000,
        topics: Some(topics.iter().map(|topic| (*topic).into()).collect()),
        owned: Some(Vec::new()),
        ..Beat::default()
    }
}

/// A later one, that says nothing new but what it owns.
pub fn next_beat(group: &str, member: &str, epoch: i32, owned: Option<&[(&str, &[i32])]>) -> Beat {
    let owned = owned.map(|all| all.iter().map(|(topic, parts)| (topic_id(topic), parts.to_vec())).collect());
    Beat {
        version: 1,
        group: group.into(),
        member: member.into(),
        epoch,
        rebalance_timeout_ms: -1,
        owned,
        ..Beat::default()
    }
}

/// Partitions of `t` in an assignment.
pub fn parts(beaten: &Beaten) -> Option<Vec<i32>> {
    let all = beaten.assignment.as_ref()?;
    Some(
        all.iter()
            .filter(|(topic, _)| *topic == topic_id("t"))
            .flat_map(|(_, parts)| parts.clone())
            .collect(),
    )
}
