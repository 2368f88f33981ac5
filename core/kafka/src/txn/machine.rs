//! The coordinator as a machine: facts in, effects out.
//!
//! 1. A request is decided ([`super::decide`]) against what is remembered. A change is logged first ([`Effect::Append`]); until the
//!    log answers, other requests for the id are told to try again.
//! 2. When the record is durable it is remembered and answered. A prepared transaction has its markers written ([`Effect::WriteMarkers`])
//!    as often as it takes.
//! 3. When every partition has its marker, or its topic's deletion is itself on record, the end is logged. Nothing else ends it: not a
//!    missing leader, not a topic that has not been loaded.
//! 4. [`Input::Tick`] aborts what is over time and forgets ids that nobody uses.
//!
//! At most one record per id is under way, so effects are bounded by the number of ids. After [`Failure::Unknown`] the
//! coordinator refuses everything: the log must be read again.
//!
//! A producer of the older protocol ends its next transaction with a delayed EndTxn of the one before, since both have one epoch. Here such a
//! request is refused: it comes on a connection older than the newest on which the id was used with that epoch.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::Time;

use crate::control::Outcome;
use crate::limits::TRANSACTIONAL_IDS_MAX;
use crate::{ErrorCode, WireError};

use super::decide::{self, Decision, Facts};
use super::state::{Entry, Partitions, Producer, Status, TransactionVersion};

dolmen_base::id_type! {
    /// A request that waits for its answer.
    pub struct RequestId(u64);
}
dolmen_base::id_type! {
    /// A record that is being appended to the coordinator's log.
    pub struct Ticket(u64);
}
dolmen_base::id_type! {
    /// A client's connection; a later one has a larger number.
    pub struct Connection(u64);
}

/// Settings, named as Kafka names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `transaction.max.timeout.ms`.
    pub timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`.
    pub expiration_ms: i64,
    /// The finalized feature `transaction.version`.
    pub feature: TransactionVersion,
    /// Producer ids that are reserved at once.
    pub id_block_len: u32,
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Settings {
            timeout_ms_max: 900_000,
            expiration_ms: 604_800_000,
            feature: TransactionVersion::Tv2,
            id_block_len: 1000,
        }
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// InitProducerId.
    Init {
        /// How long a transaction may stay open, in milliseconds.
        timeout_ms: i32,
        /// What the client believes to be; [`Producer::NONE`] at first.
        expected: Producer,
    },
    /// AddPartitionsToTxn, AddOffsetsToTxn, or what is added by writing.
    Add {
        /// Who asks.
        producer: Producer,
        /// To what it writes.
        partitions: Partitions,
        /// [`TransactionVersion::Tv2`] if it is added by writing.
        client: TransactionVersion,
    },
    /// EndTxn.
    End {
        /// Who asks.
        producer: Producer,
        /// How it is to end.
        outcome: Outcome,
        /// [`TransactionVersion::Tv2`] from version 5 on.
        client: TransactionVersion,
    },
}

/// How an append failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The record is not in the log and never will be.
    NotWritten,
    /// Whether the record is in the log cannot be told, as after a failed sync.
    Unknown,
}

/// A fact.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asks.
    Request {
        /// The name of the request.
        request: RequestId,
        /// Where it came from.
        connection: Connection,
        /// The transactional id.
        transactional_id: String,
        /// What it asks.
        ask: Ask,
    },
    /// A producer without a transactional id asks for an id of its own.
    InitIdempotent {
        /// The name of the request.
        request: RequestId,
    },
    /// A record is durable, or is not.
    Appended {
        /// Which.
        ticket: Ticket,
        /// How it went.
        result: Result<(), Failure>,
    },
    /// A partition has its marker, durably, or its topic is deleted on record.
    MarkerWritten {
        /// Whose transaction.
        transactional_id: String,
        /// Which producer the marker names.
        producer: Producer,
        /// The topic.
        topic: String,
        /// The partition of it.
        partition: i32,
    },
    /// A partition's marker was not written and never will be by that wish; it is wished for again at the next tick.
    MarkerDelayed {
        /// Whose transaction.
        transactional_id: String,
        /// The topic.
        topic: String,
        /// The partition of it.
        partition: i32,
    },
    /// Producer ids are reserved durably: no other block will hold them.
    IdsReserved {
        /// The first.
        first: i64,
        /// How many.
        count: u32,
    },
    /// No producer ids could be reserved now; they are asked for again at the next tick.
    IdsDelayed,
    /// Time passes.
    Tick,
}

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append a record to the log of the coordinator and sync it; answer with [`Input::Appended`].
    Append {
        /// Its name.
        ticket: Ticket,
        /// The id that it is about: its hash chooses the partition.
        transactional_id: String,
        /// The key.
        key: Vec<u8>,
        /// The value; `None` forgets the id.
        value: Option<Vec<u8>>,
    },
    /// Append a marker to each partition; answer each with [`Input::MarkerWritten`] or [`Input::MarkerDelayed`]. A partition is not wished
    /// for again before its answer, so that no second marker can meet the next transaction.
    WriteMarkers {
        /// Whose transaction.
        transactional_id: String,
        /// The producer that the markers name.
        producer: Producer,
        /// How the transaction ends.
        outcome: Outcome,
        /// The protocol of the transaction: with [`TransactionVersion::Tv2`] the marker's epoch is above the data's.
        version: TransactionVersion,
        /// Where.
        partitions: Partitions,
    },
    /// Reserve a block of producer ids durably; answer with [`Input::IdsReserved`].
    ReserveIds {
        /// How many.
        count: u32,
    },
    /// Answer a request.
    Answer {
        /// Which.
        request: RequestId,
        /// The producer from now on, or why not.
        result: Result<Producer, ErrorCode>,
    },
}

/// One id.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// What is durable; none for an id that is being made.
    entry: Option<Entry>,
    pending: Option<Pending>,
    /// Of a prepared transaction.
    markers: Option<Markers>,
    /// The newest connection that used the id since its producer got its epoch: a client asks one thing at a time, so that an end on an older one
    /// was given up with its connection, and a delayed request must not make it older. What was sent under another epoch is refused for that, so
    /// that whoever gets a new one may come on any connection.
    connection: Connection,
}

#[derive(Clone, Debug)]
struct Pending {
    /// What the record says; none for one that forgets the id.
    next: Option<Entry>,
    reply: Option<Reply>,
}

#[derive(Clone, Debug)]
struct Reply {
    request: RequestId,
    result: Result<Producer, ErrorCode>,
    connection: Connection,
}

#[derive(Clone, Debug)]
struct Markers {
    /// Partitions that lack theirs.
    left: Partitions,
    /// Those of them for which none is under way.
    idle: Partitions,
}

/// The coordinator of all transactional ids of one broker.
#[derive(Debug)]
pub struct Coordinator {
    settings: Settings,
    slots: BTreeMap<String, Slot>,
    tickets: BTreeMap<Ticket, String>,
    next_ticket: u64,
    ids: core::ops::Range<i64>,
    is_reserving: bool,
    is_poisoned: bool,
    effects: VecDeque<Effect>,
}

impl Coordinator {
    /// One that knows no id. Records of its log are given to [`Coordinator::load`], then [`Coordinator::start`] is called.
    pub fn new(settings: Settings) -> Self {
        Coordinator {
            settings,
            slots: BTreeMap::new(),
            tickets: BTreeMap::new(),
            next_ticket: 0,
            ids: 0..0,
            is_reserving: false,
            is_poisoned: false,
            effects: VecDeque::new(),
        }
    }

    /// Takes over one record of the log; later ones of an id replace earlier ones. `key` and `value` begin with their version.
    ///
    /// # Errors
    /// [`WireError`] for a record that is damaged or of a version that is not known.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), WireError> {
        let (version, key) = versioned(key)?;
        let key = <crate::messages::TransactionLogKey<'_> as crate::wire::Message<'_>>::decode(key, version)?;
        match value {
            None => {
                self.slots.remove(key.transactional_id);
            }
            Some(value) => {
                let (version, value) = versioned(value)?;
                let entry = Entry::decode_value(value, version)?;
                self.slots
                    .insert(key.transactional_id.into(), Slot { entry: Some(entry), ..Slot::default() });
            }
        }
        Ok(())
    }

    /// Begins: producer ids are reserved, and markers of prepared transactions are written again.
    pub fn start(&mut self) {
        self.reserve_ids();
        let prepared = |slot: &Slot| slot.entry.as_ref().is_some_and(|entry| entry.status.is_prepared());
        let names: Vec<String> =
            self.slots.iter().filter(|(_, slot)| prepared(slot)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.begin_markers(&name);
        }
    }

    /// What is durable of an id.
    pub fn entry(&self, transactional_id: &str) -> Option<&Entry> {
        self.slots.get(transactional_id)?.entry.as_ref()
    }

    /// Every id with what is durable of it, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.slots.iter().filter_map(|(name, slot)| Some((name.as_str(), slot.entry.as_ref()?)))
    }

    /// The ids that a pattern, a regular expression, matches as a whole; all without one.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_REGULAR_EXPRESSION`].
    pub fn matching(&self, pattern: Option<&str>) -> Result<impl Iterator<Item = (&str, &Entry)>, ErrorCode> {
        let pattern = match pattern {
            None => None,
            Some(text) => {
                let compiled = crate::group::consumer::compile(text);
                Some(compiled.ok_or(ErrorCode::INVALID_REGULAR_EXPRESSION)?)
            }
        };
        Ok(self
            .entries()
            .filter(move |(id, _)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(id.as_bytes()))))
    }

    /// Whether a producer has an open transaction with these partitions.
    ///
    /// # Errors
    /// The code for the client.
    pub fn verify(
        &self,
        transactional_id: &str,
        producer: Producer,
        partitions: &Partitions,
    ) -> Result<(), ErrorCode> {
        let slot = self.slots.get(transactional_id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        let entry = slot.entry.as_ref().ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        decide::verify(entry, producer, partitions, self.facts(0, slot.pending.is_some()))
    }

    /// Takes a fact. `now` is the wall clock.
    pub fn handle(&mut self, now: Time, input: Input) {
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        match input {
            Input::Request { request, connection, transactional_id, ask } => {
                self.request(now_ms, request, connection, transactional_id, ask);
            }
            Input::InitIdempotent { request } => self.idempotent(request),
            Input::Appended { ticket, result } => self.appended(now_ms, ticket, result),
            Input::MarkerWritten { transactional_id, producer, topic, partition } => {
                self.marker_written(now_ms, &transactional_id, producer, &topic, partition);
            }
            Input::MarkerDelayed { transactional_id, topic, partition } => {
                self.marker_delayed(&transactional_id, topic, partition);
            }
            Input::IdsReserved { first, count } => {
                self.is_reserving = false;
                self.ids = first..first.saturating_add(i64::from(count));
            }
            Input::IdsDelayed => self.is_reserving = false,
            Input::Tick => self.tick(now_ms),
        }
    }

    /// Takes a wish.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn facts(&self, now_ms: i64, is_pending: bool) -> Facts {
        let spare_id = (!self.ids.is_empty()).then_some(self.ids.start);
        Facts { now_ms, spare_id, is_pending, feature: self.settings.feature }
    }

    fn answer(&mut self, request: RequestId, result: Result<Producer, ErrorCode>) {
        self.effects.push_back(Effect::Answer { request, result });
    }

    fn request(&mut self, now_ms: i64, request: RequestId, connection: Connection, name: String, ask: Ask) {
        match self.decide(now_ms, connection, &name, &ask) {
            Decision::Refuse(code) => self.answer(request, Err(code)),
            Decision::Answer(producer) => {
                if let Some(slot) = self.slots.get_mut(&name) {
                    slot.connection = slot.connection.max(connection);
                }
                self.answer(request, Ok(producer));
            }
            Decision::Become(next) => {
                let is_fence = matches!(ask, Ask::Init { .. }) && next.status == Status::PrepareAbort;
                let result = match ask {
                    _ if is_fence => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
                    Ask::End { client: TransactionVersion::Tv2, .. } => Ok(next.next_producer()),
                    _ => Ok(next.producer),
                };
                self.append(&name, Some(next), Some(Reply { request, result, connection }));
            }
        }
    }

    fn decide(&mut self, now_ms: i64, connection: Connection, name: &str, ask: &Ask) -> Decision {
        if self.is_poisoned {
            return Decision::Refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let slot = self.slots.get(name);
        let facts = self.facts(now_ms, slot.is_some_and(|slot| slot.pending.is_some()));
        let entry = slot.and_then(|slot| slot.entry.as_ref());
        match (ask, entry) {
            (Ask::Init { timeout_ms, expected }, _) => {
                if let Err(code) = self.check_init(name, *timeout_ms, *expected) {
                    return Decision::Refuse(code);
                }
                match (entry, facts.is_pending, facts.spare_id) {
                    (Some(entry), ..) => decide::init(entry, *expected, *timeout_ms, facts),
                    (None, true, _) => Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS),
                    (None, false, None) => Decision::Refuse(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
                    (None, false, Some(id)) => {
                        decide::init(&Entry::new(id, *timeout_ms, now_ms), *expected, *timeout_ms, facts)
                    }
                }
            }
            (_, None) => Decision::Refuse(ErrorCode::INVALID_PRODUCER_ID_MAPPING),
            (Ask::Add { producer, partitions, client }, Some(entry)) => {
                decide::add(entry, *producer, partitions, *client, facts)
            }
            (Ask::End { producer, outcome, client: TransactionVersion::Tv2 }, Some(entry)) => {
                decide::end_and_raise(entry, *producer, *outcome, facts)
            }
            (Ask::End { producer, outcome, .. }, Some(entry)) => {
                let is_late = slot.is_some_and(|slot| connection < slot.connection);
                match decide::end(entry, *producer, *outcome, facts) {
                    Decision::Become(_) if is_late => Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS),
                    decision => decision,
                }
            }
        }
    }

    fn check_init(&self, name: &str, timeout_ms: i32, expected: Producer) -> Result<(), ErrorCode> {
        let is_half = (expected.id == Producer::NONE.id) != (expected.epoch == Producer::NONE.epoch);
        if name.is_empty() || is_half {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if timeout_ms <= 0 || timeout_ms > self.settings.timeout_ms_max {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        let is_full = self.slots.len() >= TRANSACTIONAL_IDS_MAX && !self.slots.contains_key(name);
        if is_full { Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) } else { Ok(()) }
    }

    fn idempotent(&mut self, request: RequestId) {
        let result = match self.ids.next() {
            _ if self.is_poisoned => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            Some(id) => Ok(Producer { id, epoch: 0 }),
            None => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        };
        self.answer(request, result);
        self.reserve_ids();
    }

    /// Asks for a block of producer ids when the last one is used up.
    fn reserve_ids(&mut self) {
        if self.ids.is_empty() && !self.is_reserving {
            self.is_reserving = true;
            self.effects.push_back(Effect::ReserveIds { count: self.settings.id_block_len });
        }
    }

    /// Logs a change.
    fn append(&mut self, name: &str, next: Option<Entry>, reply: Option<Reply>) {
        let flexible = self.settings.feature >= TransactionVersion::Tv1;
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let encoded = Entry::encode_key(name, &mut key).and_then(|()| match &next {
            Some(next) => next.encode_value(flexible, &mut value),
            None => Ok(()),
        });
        if encoded.is_err() {
            if let Some(reply) = reply {
                self.answer(reply.request, Err(ErrorCode::INVALID_REQUEST));
            }
            return;
        }
        if let Some(next) = &next {
            for id in [next.producer.id, next.next_id] {
                if self.ids.start == id && !self.ids.is_empty() {
                    self.ids.start += 1;
                }
            }
        }
        let value = next.is_some().then_some(value);
        let ticket = Ticket::new(self.next_ticket);
        self.next_ticket += 1;
        self.slots.entry(name.into()).or_default().pending = Some(Pending { next, reply });
        self.tickets.insert(ticket, name.into());
        self.effects.push_back(Effect::Append { ticket, transactional_id: name.into(), key, value });
        self.reserve_ids();
    }

    fn appended(&mut self, now_ms: i64, ticket: Ticket, result: Result<(), Failure>) {
        let Some(name) = self.tickets.remove(&ticket) else { return };
        let Some(slot) = self.slots.get_mut(&name) else { return };
        let Some(pending) = slot.pending.take() else { return };
        if let Err(failure) = result {
            self.is_poisoned |= failure == Failure::Unknown;
            if slot.entry.is_none() {
                self.slots.remove(&name);
            }
            if let Some(reply) = pending.reply {
                self.answer(reply.request, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
            }
            return;
        }
        let Some(next) = pending.next else {
            self.slots.remove(&name);
            return;
        };
        let status = next.status;
        if let Some(reply) = &pending.reply {
            let is_same_owner = slot.entry.as_ref().is_some_and(|entry| entry.producer == next.producer);
            let before = if is_same_owner { slot.connection } else { Connection::default() };
            slot.connection = before.max(reply.connection);
        }
        slot.entry = Some(next);
        if let Some(reply) = pending.reply {
            self.answer(reply.request, reply.result);
        }
        if status.is_prepared() {
            self.begin_markers(&name);
            self.complete_if_done(now_ms, &name);
        }
    }

    fn begin_markers(&mut self, name: &str) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Some(entry) = &slot.entry else { return };
        slot.markers = Some(Markers { left: entry.partitions.clone(), idle: entry.partitions.clone() });
        self.ask_markers(name);
    }

    fn ask_markers(&mut self, name: &str) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let (Some(entry), Some(markers)) = (&slot.entry, &mut slot.markers) else { return };
        if markers.idle.is_empty() {
            return;
        }
        let outcome = if entry.status == Status::PrepareCommit { Outcome::Commit } else { Outcome::Abort };
        self.effects.push_back(Effect::WriteMarkers {
            transactional_id: name.into(),
            producer: entry.producer,
            outcome,
            version: entry.client_version,
            partitions: core::mem::take(&mut markers.idle),
        });
    }

    fn marker_delayed(&mut self, name: &str, topic: String, partition: i32) {
        let Some(markers) = self.slots.get_mut(name).and_then(|slot| slot.markers.as_mut()) else { return };
        if markers.left.get(&topic).is_some_and(|indexes| indexes.contains(&partition)) {
            markers.idle.entry(topic).or_default().insert(partition);
        }
    }

    fn marker_written(&mut self, now_ms: i64, name: &str, producer: Producer, topic: &str, partition: i32) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        // An answer that is given twice.
        if slot.entry.as_ref().is_none_or(|entry| entry.producer != producer || !entry.status.is_prepared()) {
            return;
        }
        let Some(markers) = &mut slot.markers else { return };
        if let Some(indexes) = markers.left.get_mut(topic) {
            indexes.remove(&partition);
            if indexes.is_empty() {
                markers.left.remove(topic);
            }
        }
        self.complete_if_done(now_ms, name);
    }

    fn complete_if_done(&mut self, now_ms: i64, name: &str) {
        let Some(slot) = self.slots.get(name) else { return };
        let is_done = slot.markers.as_ref().is_some_and(|markers| markers.left.is_empty());
        match &slot.entry {
            Some(entry)
                if is_done && slot.pending.is_none() && entry.status.is_prepared() && !self.is_poisoned =>
            {
                let next = decide::complete(entry, now_ms);
                self.append(name, Some(next), None);
            }
            _ => {}
        }
    }

    fn tick(&mut self, now_ms: i64) {
        if self.is_poisoned {
            return;
        }
        self.reserve_ids();
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            let Some(slot) = self.slots.get(&name) else { continue };
            let (None, Some(entry)) = (&slot.pending, &slot.entry) else { continue };
            if decide::is_timed_out(entry, now_ms) {
                if let Decision::Become(next) = decide::fence(entry, self.facts(now_ms, false)) {
                    self.append(&name, Some(next), None);
                }
            } else if decide::is_expired(entry, now_ms, self.settings.expiration_ms) {
                self.append(&name, None, None);
            } else if entry.status.is_prepared() {
                self.ask_markers(&name);
                self.complete_if_done(now_ms, &name);
            }
        }
    }
}

/// The version before a key or value, and what follows it.
fn versioned(bytes: &[u8]) -> Result<(i16, &[u8]), WireError> {
    let mut cursor = dolmen_codec::Cursor::new(bytes);
    let version = cursor.get_u16_be().map_err(WireError::Decode)?;
    Ok((version.cast_signed(), cursor.rest()))
}
