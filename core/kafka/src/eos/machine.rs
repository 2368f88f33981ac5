//! The machine: one effect at a time, each answered before the next.
//!
//! 1. [`Machine::poll`] gives the next effect, or nothing while one is being carried out, while a pause lasts ([`Machine::next_deadline`]), or at the end.
//! 2. [`Machine::handle`] takes its answer. Records stay with the caller, who keeps those of the current batch by their index: the order in which
//!    [`Input::Read`] named them since the last [`Effect::Rewind`] or answered [`Effect::Commit`].
//! 3. After [`Effect::Stopped`] nothing comes any more.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use dolmen_base::Time;
use dolmen_base::time::Duration;

use super::decide::{Fault, Phase, Reaction, Standing, react};

dolmen_base::id_type! {
    /// A partition that is read, numbered by the caller.
    pub struct PartitionId(u32);
}

/// How it works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A transaction is committed after so many records.
    pub records_max: u32,
    /// And after so many bytes.
    pub bytes_max: u64,
    /// And so long after its first record was read.
    pub linger: Duration,
    /// How often a record is tried.
    pub attempts_max: u32,
    /// Whether there is a place for what cannot be transformed.
    pub has_dead_letters: bool,
    /// After how long the broker ends a transaction by itself.
    pub transaction_timeout: Duration,
    /// The pause after a first failure; it doubles with each further one.
    pub pause_first: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How long nothing may work before it stops.
    pub patience: Duration,
    /// Stop when nothing was read for so long of partitions that are owned.
    pub idle_exit: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            records_max: 500,
            bytes_max: 8 << 20,
            linger: Duration::from_millis(200),
            attempts_max: 3,
            has_dead_letters: false,
            transaction_timeout: Duration::from_secs(60),
            pause_first: Duration::from_millis(20),
            pause_max: Duration::from_secs(2),
            patience: Duration::from_secs(300),
            idle_exit: None,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a producer under the transactional id; an older one of the same id is shut out, and its transaction ended. Any open producer is given up.
    Open,
    /// Become a member of the group; any membership is given up.
    Join,
    /// Tell what the group has committed of these partitions, with no transaction pending.
    Committed(Vec<PartitionId>),
    /// Forget what was read, and read these partitions from here; `None`: where a group begins that has committed nothing.
    Rewind(Vec<(PartitionId, Option<i64>)>),
    /// Read: at most so many records, waiting at most so long for the first.
    Read {
        /// Records.
        count_max: u32,
        /// How long.
        wait: Duration,
    },
    /// Transform a record of the batch.
    Transform {
        /// Its index.
        index: u32,
        /// How often it was tried before.
        tries: u32,
    },
    /// The record becomes a dead letter.
    Bury {
        /// Its index.
        index: u32,
        /// How often it was tried.
        tries: u32,
    },
    /// Begin a transaction.
    Begin,
    /// Write what the batch's records became, and wait until all of it is acknowledged.
    Send,
    /// Add these offsets to the transaction.
    Offsets(Vec<(PartitionId, i64)>),
    /// Commit the transaction.
    Commit,
    /// Abort the transaction.
    Abort,
    /// Leave the group, close the producer.
    Leave,
    /// It has stopped: as asked, or why.
    Stopped(Option<Why>),
}

/// Why it stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another producer has the transactional id.
    Fenced(Fault),
    /// People must change something.
    Refused(Phase, Fault),
    /// Nothing has worked for too long.
    Exhausted(Phase, Fault),
    /// This record of the batch cannot be transformed, and there is no place for it.
    Poison(u32),
    /// The broker refuses this record, and refuses it as a dead letter too, or there is no place for it.
    Unwritable(u32, Fault),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What the member owns now, if that has changed.
    pub owned: Option<Vec<PartitionId>>,
    /// Records, in the order in which they are to be handled.
    pub records: Vec<Arrived>,
}

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its partition.
    pub partition: PartitionId,
    /// Its offset.
    pub offset: i64,
    /// Its bytes.
    pub len: u64,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The answer to an effect that tells nothing more.
    Done(Result<(), Fault>),
    /// The answer to [`Effect::Read`].
    Read(Result<Reading, Fault>),
    /// The answer to [`Effect::Committed`]: the next offset to read; `None` where nothing is committed.
    Committed(Result<Vec<(PartitionId, Option<i64>)>, Fault>),
    /// The answer to [`Effect::Transform`]: how many records it became; `None` if it was refused.
    Transformed(Option<u32>),
    /// It is to stop: what is read is finished.
    Stop,
    /// Time has passed.
    Tick,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Records read, of committed transactions.
    pub read: u64,
    /// Records written, of committed transactions; dead letters not counted.
    pub written: u64,
    /// Records that became nothing.
    pub left_out: u64,
    /// Records that became dead letters.
    pub dead_letters: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Transactions that were aborted.
    pub aborts: u64,
    /// Changes of what is owned.
    pub rebalances: u64,
    /// Producers opened after the first.
    pub reopens: u64,
    /// Errors.
    pub faults: u64,
    /// Records that came again though they were committed, and were dropped.
    pub repeated: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking(Phase),
    Transforming,
    Burying,
    Stopping,
    Stopped,
}

/// What a record becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Not yet known.
    Open,
    /// It was read before.
    Repeated,
    Became(u32),
    Buried,
}

#[derive(Clone, Debug, Default)]
struct Batch {
    records: Vec<(Arrived, Fate)>,
    /// The first record whose fate is open.
    next: usize,
    tries: u32,
    bytes: u64,
    since: Time,
    /// The next offset of each partition that new records came from.
    ahead: BTreeMap<PartitionId, i64>,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine {
    settings: Settings,
    now: Time,
    state: State,
    /// Whether an effect has no answer yet.
    is_out: bool,
    pause_until: Option<Time>,
    pause: Duration,
    tries: u32,
    is_member: bool,
    is_open: bool,
    /// Whether the end of a transaction is not known for certain.
    is_indefinite: bool,
    is_asked_to_stop: bool,
    begun_at: Time,
    owned: BTreeSet<PartitionId>,
    positions: BTreeMap<PartitionId, i64>,
    committed: Vec<(PartitionId, Option<i64>)>,
    batch: Batch,
    /// So many records go one by one.
    sifting: u32,
    /// The record that was refused when it was alone; it is buried when it comes again.
    unwritable: Option<(PartitionId, i64, Fault)>,
    failing: Option<(Time, Time)>,
    last_read_at: Time,
    why: Option<Why>,
    metrics: Metrics,
}

impl Machine {
    /// A machine that begins now.
    pub fn new(settings: Settings, now: Time) -> Machine {
        let pause = settings.pause_first;
        Machine {
            settings,
            now,
            state: State::Asking(Phase::Open),
            is_out: false,
            pause_until: None,
            pause,
            tries: 0,
            is_member: false,
            is_open: false,
            is_indefinite: false,
            is_asked_to_stop: false,
            begun_at: now,
            owned: BTreeSet::new(),
            positions: BTreeMap::new(),
            committed: Vec::new(),
            batch: Batch::default(),
            sifting: 0,
            unwritable: None,
            failing: None,
            last_read_at: now,
            why: None,
            metrics: Metrics::default(),
        }
    }

    /// What was done so far.
    pub fn metrics(&self) -> Metrics {
        self.metrics
    }

    /// Until when it waits; `None` if it does not.
    pub fn next_deadline(&self) -> Option<Time> {
        self.pause_until.filter(|_| !self.is_out)
    }

    /// The next effect.
    pub fn poll(&mut self) -> Option<Effect> {
        if self.is_out || self.pause_until.is_some() {
            return None;
        }
        let effect = match self.state {
            State::Asking(phase) => self.ask(phase),
            State::Transforming => self.transform(),
            State::Burying => Effect::Bury { index: self.index(), tries: self.batch.tries },
            State::Stopping => {
                self.state = State::Stopped;
                Effect::Stopped(self.why)
            }
            State::Stopped => return None,
        };
        self.is_out = self.state != State::Stopped;
        Some(effect)
    }

    fn ask(&mut self, phase: Phase) -> Effect {
        match phase {
            Phase::Open => Effect::Open,
            Phase::Join => Effect::Join,
            Phase::Committed => Effect::Committed(self.owned.iter().copied().collect()),
            Phase::Rewind => Effect::Rewind(self.committed.clone()),
            Phase::Read => self.read(),
            Phase::Begin => {
                self.begun_at = self.now;
                Effect::Begin
            }
            Phase::Send => Effect::Send,
            Phase::Offsets => Effect::Offsets(self.batch.ahead.iter().map(|(id, at)| (*id, *at)).collect()),
            Phase::Commit => Effect::Commit,
            Phase::Abort => Effect::Abort,
            Phase::Leave => Effect::Leave,
        }
    }

    fn read(&self) -> Effect {
        let len = u32::try_from(self.batch.records.len()).unwrap_or(u32::MAX);
        let count_max =
            if self.sifting > 0 { 1 } else { self.settings.records_max.saturating_sub(len).max(1) };
        let wait = match len {
            0 => READ_WAIT,
            _ => self.settings.linger.saturating_sub(self.now.since(self.batch.since)).min(READ_WAIT),
        };
        Effect::Read { count_max, wait }
    }

    fn transform(&self) -> Effect {
        Effect::Transform { index: self.index(), tries: self.batch.tries }
    }

    fn index(&self) -> u32 {
        u32::try_from(self.batch.next).unwrap_or(u32::MAX)
    }

    /// Takes what has happened.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        if self.pause_until.is_some_and(|until| until <= self.now) {
            self.pause_until = None;
        }
        match input {
            Input::Tick => {}
            Input::Stop => self.is_asked_to_stop = true,
            // Nothing was asked.
            _ if !self.is_out => {}
            answer => {
                self.is_out = false;
                self.answered(answer);
            }
        }
        self.stop_if_asked();
    }

    /// Between two batches, and in any pause, it can stop at once.
    fn stop_if_asked(&mut self) {
        let is_idle = matches!(self.state, State::Asking(Phase::Read)) && self.batch.records.is_empty();
        let is_failing = self.pause_until.is_some();
        let is_running =
            !matches!(self.state, State::Asking(Phase::Leave) | State::Stopping | State::Stopped);
        if self.is_asked_to_stop && is_running && !self.is_out && (is_idle || is_failing) {
            self.leave(None);
        }
    }

    fn leave(&mut self, why: Option<Why>) {
        self.why = self.why.or(why);
        self.pause_until = None;
        self.to(Phase::Leave);
    }

    fn to(&mut self, phase: Phase) {
        self.state = State::Asking(phase);
        self.tries = 0;
    }

    fn answered(&mut self, answer: Input) {
        match (self.state, answer) {
            (State::Asking(phase), Input::Done(Err(fault)))
            | (State::Asking(phase), Input::Read(Err(fault)))
            | (State::Asking(phase), Input::Committed(Err(fault))) => self.failed(phase, fault),
            (State::Asking(Phase::Read), Input::Read(Ok(reading))) => self.arrived(reading),
            (State::Asking(Phase::Committed), Input::Committed(Ok(committed))) => self.known(committed),
            (State::Asking(phase), Input::Done(Ok(()))) => self.succeeded(phase),
            (State::Transforming, Input::Transformed(Some(count))) => self.settle(Fate::Became(count)),
            (State::Transforming, Input::Transformed(None)) => self.refused(),
            (State::Burying, Input::Done(Ok(()))) => self.settle(Fate::Buried),
            (State::Burying, _) => self.leave(Some(Why::Poison(self.index()))),
            // An answer to something else: it is asked again.
            _ => {}
        }
    }

    fn succeeded(&mut self, phase: Phase) {
        match phase {
            Phase::Open => {
                self.metrics.reopens += u64::from(self.is_open);
                self.is_open = true;
                self.is_indefinite = false;
                self.to(if self.is_member { Phase::Committed } else { Phase::Join });
            }
            Phase::Join => {
                self.is_member = true;
                self.owned.clear();
                self.to(Phase::Committed);
            }
            Phase::Rewind => {
                self.batch = Batch::default();
                self.positions = self.committed.drain(..).filter_map(|(id, at)| Some((id, at?))).collect();
                self.last_read_at = self.now;
                self.to(Phase::Read);
            }
            Phase::Begin => self.to(Phase::Send),
            Phase::Send => self.to(Phase::Offsets),
            Phase::Offsets => self.to(Phase::Commit),
            Phase::Commit => self.committed(),
            Phase::Abort => {
                self.metrics.aborts += 1;
                self.to(if self.is_indefinite { Phase::Open } else { Phase::Committed });
            }
            Phase::Leave => self.state = State::Stopping,
            // These tell more.
            Phase::Read | Phase::Committed => {}
        }
    }

    fn committed(&mut self) {
        for (_, fate) in &self.batch.records {
            match fate {
                Fate::Became(0) => self.metrics.left_out += 1,
                Fate::Became(count) => self.metrics.written += u64::from(*count),
                Fate::Buried => self.metrics.dead_letters += 1,
                Fate::Open | Fate::Repeated => continue,
            }
            self.metrics.read += 1;
        }
        self.metrics.commits += 1;
        self.sifting =
            self.sifting.saturating_sub(u32::try_from(self.batch.records.len()).unwrap_or(u32::MAX));
        self.positions.append(&mut self.batch.ahead);
        self.batch = Batch::default();
        self.unwritable = None;
        self.failing = None;
        self.pause = self.settings.pause_first;
        self.to(if self.is_indefinite { Phase::Open } else { Phase::Read });
    }

    /// What the group has committed: of each partition that is owned, whatever else was named.
    fn known(&mut self, committed: Vec<(PartitionId, Option<i64>)>) {
        let told: BTreeMap<PartitionId, Option<i64>> = committed.into_iter().collect();
        if self.owned.iter().any(|id| !told.contains_key(id)) {
            return self.failed(Phase::Committed, Fault::Retriable);
        }
        self.committed = self.owned.iter().map(|id| (*id, told[id])).collect();
        self.to(Phase::Rewind);
    }

    fn arrived(&mut self, reading: Reading) {
        if let Some(owned) = reading.owned {
            self.metrics.rebalances += 1;
            self.owned = owned.into_iter().collect();
            // Whoever owns the rest reads it from where the group has committed.
            return self.to(Phase::Committed);
        }
        if !reading.records.is_empty() {
            self.last_read_at = self.now;
        }
        if self.batch.records.is_empty() {
            self.batch.since = self.now;
        }
        for record in reading.records {
            let at = self.batch.ahead.get(&record.partition);
            let from = at.or_else(|| self.positions.get(&record.partition));
            let is_new = self.owned.contains(&record.partition) && from.is_none_or(|at| record.offset >= *at);
            if is_new {
                self.batch.ahead.insert(record.partition, record.offset.saturating_add(1));
                self.batch.bytes = self.batch.bytes.saturating_add(record.len);
            }
            self.metrics.repeated += u64::from(!is_new);
            self.batch.records.push((record, if is_new { Fate::Open } else { Fate::Repeated }));
        }
        self.next_record();
    }

    /// The next record whose fate is open; or what comes when there is none.
    fn next_record(&mut self) {
        self.batch.tries = 0;
        let open = self.batch.records.iter().skip(self.batch.next).position(|(_, fate)| *fate == Fate::Open);
        self.batch.next = open.map_or(self.batch.records.len(), |at| self.batch.next + at);
        let Some((record, _)) = self.batch.records.get(self.batch.next) else {
            return self.fill_or_write();
        };
        self.state = match self.unwritable {
            Some((partition, offset, _)) if (partition, offset) == (record.partition, record.offset) => {
                State::Burying
            }
            _ => State::Transforming,
        };
    }

    fn fill_or_write(&mut self) {
        let len = self.batch.records.len();
        let settings = &self.settings;
        let is_full = len >= settings.records_max as usize
            || self.batch.bytes >= settings.bytes_max
            || self.now.since(self.batch.since) >= settings.linger
            || self.sifting > 0
            || self.is_asked_to_stop;
        if len > 0 && is_full {
            if self.batch.ahead.is_empty() {
                // All of it was read before: there is nothing to commit.
                self.committed = self.positions_owned();
                return self.to(Phase::Rewind);
            }
            return self.to(Phase::Begin);
        }
        let idle = settings.idle_exit.is_some_and(|limit| self.now.since(self.last_read_at) >= limit);
        // Who owns nothing waits for others to leave, or to be found dead.
        if len == 0 && idle && !self.owned.is_empty() {
            return self.leave(None);
        }
        self.to(Phase::Read);
    }

    fn positions_owned(&self) -> Vec<(PartitionId, Option<i64>)> {
        self.owned.iter().map(|id| (*id, self.positions.get(id).copied())).collect()
    }

    fn settle(&mut self, fate: Fate) {
        if let Some((_, open)) = self.batch.records.get_mut(self.batch.next) {
            *open = fate;
        }
        self.next_record();
    }

    fn refused(&mut self) {
        self.batch.tries += 1;
        if self.batch.tries < self.settings.attempts_max.max(1) {
            let doubled = self.settings.pause_first.saturating_mul(1 << self.batch.tries.min(8));
            self.pause_until = Some(self.now + doubled.min(self.settings.pause_max));
        } else if self.settings.has_dead_letters {
            self.state = State::Burying;
        } else {
            self.leave(Some(Why::Poison(self.index())));
        }
    }

    fn failed(&mut self, phase: Phase, fault: Fault) {
        self.metrics.faults += 1;
        if phase == Phase::Leave {
            // Nothing depends on it: the group and the transaction end by themselves.
            self.state = State::Stopping;
            return;
        }
        self.is_indefinite |= phase == Phase::Commit && fault != Fault::MustAbort;
        let is_overdue = self.now.since(self.begun_at) >= self.settings.transaction_timeout;
        let reaction = react(phase, fault, Standing { tries: self.tries, is_overdue });
        if !matches!(reaction, Reaction::StopFenced | Reaction::StopRefused) && self.is_exhausted() {
            return self.leave(Some(Why::Exhausted(phase, fault)));
        }
        self.pause_until = Some(self.now + self.pause);
        self.pause = self.pause.saturating_mul(2).min(self.settings.pause_max);
        match reaction {
            Reaction::Again => self.tries += 1,
            Reaction::Abort => self.to(Phase::Abort),
            Reaction::Sift => self.sift(fault),
            Reaction::Reopen => self.to(Phase::Open),
            Reaction::Rejoin => {
                self.is_member = false;
                self.to(Phase::Join);
            }
            Reaction::StopFenced => self.leave(Some(Why::Fenced(fault))),
            Reaction::StopRefused => self.leave(Some(Why::Refused(phase, fault))),
        }
    }

    /// The broker refuses what is in the batch: one by one, until the one that is refused is alone.
    fn sift(&mut self, fault: Fault) {
        let mut written =
            self.batch.records.iter().enumerate().filter(|(_, (_, fate))| *fate != Fate::Repeated);
        let first = written.next().map(|(index, (record, fate))| (index, *record, *fate));
        let others = written.count();
        match first {
            Some((index, record, fate)) if others == 0 => {
                if fate == Fate::Buried || !self.settings.has_dead_letters {
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    return self.leave(Some(Why::Unwritable(index, fault)));
                }
                self.unwritable = Some((record.partition, record.offset, fault));
                self.sifting = self.sifting.max(1);
            }
            _ => self.sifting = u32::try_from(self.batch.records.len()).unwrap_or(u32::MAX),
        }
        self.to(Phase::Abort);
    }

    /// Whether nothing has worked for too long. A failure long after the last one begins a new count.
    fn is_exhausted(&mut self) -> bool {
        let calm = self.settings.patience / 4 + self.settings.pause_max * 2;
        let since = match self.failing {
            Some((since, last)) if self.now.since(last) < calm => since,
            _ => self.now,
        };
        self.failing = Some((since, self.now));
        self.now.since(since) >= self.settings.patience
    }
}

/// How long a read waits where nothing presses: so long may a stop take.
const READ_WAIT: Duration = Duration::from_millis(100);
