//! The world: clients, the engine, the store, time; and the judge beside them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_kv::env::Run;
use dolmen_kv::info::Facts;
use dolmen_kv::layout::{self, Counts, DATABASE_COUNT};
use dolmen_kv::{Connection, Effect, Engine, Env, Gate, GenerationId, Input, Place, State, sweep};
use dolmen_resp::client::Row;
use dolmen_resp::keyspace::{Entry, Host, KillFilter, Lengths, Pause};
use dolmen_resp::naive::Memory;
use dolmen_resp::reply::Out;
use dolmen_resp::request::{Request, Words};
use dolmen_resp::scan::Cursors;
use dolmen_resp::session::{Access, After, Session};
use dolmen_sim::{Disk, EIO, Fault, Op, Scheduler};

use super::disk::{Map, SimStore, View};

const CLIENTS: usize = 5;
const START_MS: i64 = 1_700_000_000_000;
const SWEEPER: usize = CLIENTS;
const LENGTHS: Lengths = Lengths { key_max: 6, value_max: 70_000 };

type Keys = BTreeMap<(u8, Vec<u8>), Entry<Vec<u8>>>;

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    commands: u64,
    written: u64,
    failed: u64,
    denied: u64,
    absent: u64,
    unreadable: u64,
    swept: u64,
    crashes_in_flight: u64,
    kept_in_flight: u64,
    poisoned: u64,
    aborted_execs: u64,
    walks_behind_changes: u64,
}

impl Seen {
    fn parts(&mut self) -> [&mut u64; 12] {
        [
            &mut self.commands,
            &mut self.written,
            &mut self.failed,
            &mut self.denied,
            &mut self.absent,
            &mut self.unreadable,
            &mut self.swept,
            &mut self.crashes_in_flight,
            &mut self.kept_in_flight,
            &mut self.poisoned,
            &mut self.aborted_execs,
            &mut self.walks_behind_changes,
        ]
    }

    pub fn add(&mut self, other: &Seen) {
        let mut other = *other;
        self.parts().into_iter().zip(other.parts()).for_each(|(mine, its)| *mine += *its);
    }

    pub fn check_that_everything_happened(mut self) {
        assert!(self.parts().iter().all(|count| **count > 50), "{self:?}");
    }
}

enum Event {
    /// A client sends something.
    Send(usize),
    /// A client's next turn.
    Turn(usize),
    /// The store has done its work; the answer comes later.
    Store(GenerationId),
    Written(GenerationId, Result<(), String>),
    Tick,
}

/// What was asked in a turn, for the judge.
struct Asked {
    words: Vec<Vec<u8>>,
    db: u8,
    now: i64,
    /// The right reply.
    reply: Vec<u8>,
    /// What was written then.
    written: Arc<Keys>,
}

struct Client {
    connection: Connection,
    /// Requests that were sent and are not run yet.
    sent: VecDeque<Vec<Vec<u8>>>,
    twin: Session,
    /// Of the last turn, while its replies are held back.
    asked: Vec<Asked>,
    waits: bool,
    waits_for_room: bool,
    may_wait: bool,
    turns: bool,
    in_multi: bool,
    to_send: u64,
}

pub struct SimEnv {
    now_us: u64,
    cursors: Cursors,
    seed: u64,
}

pub struct World {
    rng: Rng,
    seed: u64,
    schedule: Scheduler<Event>,
    store: SimStore,
    engine: Engine<usize>,
    published: (State, View),
    env: SimEnv,
    clients: Vec<Client>,
    in_flight: Option<Arc<dolmen_kv::Generation>>,
    /// Keys with everything that was changed, and what is written.
    memory: Memory,
    written: Keys,
    /// What the keys were at the end of the generation that is in flight.
    flying: Option<Keys>,
    read_rng: Rc<RefCell<Rng>>,
    sweeping: bool,
    pub seen: Seen,
    pub digest: u64,
}

struct SimGate<'a> {
    engine: &'a mut Engine<usize>,
    published: &'a (State, View),
    newest: View,
    env: &'a mut SimEnv,
    locked: bool,
    view: View,
}

impl Gate for SimGate<'_> {
    type Ticket = usize;
    type Store = View;
    type Env = SimEnv;

    fn env(&mut self) -> &mut SimEnv {
        self.env
    }

    fn read(&mut self) -> (&State, &View, &mut SimEnv) {
        (&self.published.0, &self.view, self.env)
    }

    fn write(&mut self) -> (&mut Engine<usize>, &View, &mut SimEnv) {
        self.locked = true;
        (self.engine, &self.newest, self.env)
    }

    fn is_locked(&self) -> bool {
        self.locked
    }
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let read_rng = Rc::new(RefCell::new(Rng::new(rng.next_u64())));
        let store = SimStore::open(Disk::new());
        let view = View { map: store.map.clone(), absent: 0, unreadable: 0, rng: read_rng.clone() };
        let mut world = World {
            schedule: Scheduler::new(rng.next_u64()),
            engine: Engine::new(State::default(), LENGTHS, rng.next_u64()),
            published: (State::default(), view),
            env: SimEnv { now_us: 0, cursors: Cursors::new(1), seed: 0 },
            clients: Vec::new(),
            in_flight: None,
            memory: memory(Keys::new()),
            written: Keys::new(),
            flying: None,
            sweeping: false,
            seen: Seen::default(),
            digest: 0,
            rng,
            seed,
            store,
            read_rng,
        };
        world.start();
        world
    }

    /// Opens the store and takes connections.
    fn start(&mut self) {
        let view = self.view(0, 0);
        let state = layout::load(&view, self.store.sequence).unwrap();
        self.check_store(&state);
        self.published = (state, view);
        self.engine = Engine::new(state, LENGTHS, self.rng.next_u64());
        self.env = SimEnv { now_us: 0, cursors: Cursors::new(1), seed: 0 };
        self.written = keys_of(&self.store.map, &state);
        self.memory = memory(self.written.clone());
        (self.in_flight, self.flying, self.sweeping) = (None, None, false);
        self.schedule = Scheduler::new(self.rng.next_u64());
        self.clients = (0..CLIENTS)
            .map(|id| Client {
                connection: Connection::new(id as u64, true),
                sent: VecDeque::new(),
                twin: Session::new(id as u64, true),
                asked: Vec::new(),
                waits: false,
                waits_for_room: false,
                may_wait: false,
                turns: false,
                in_multi: false,
                to_send: self.rng.range(1, 12),
            })
            .collect();
        for id in 0..CLIENTS {
            let at = self.rng.below(20);
            self.after(at, Event::Send(id));
        }
        self.after(0, Event::Tick);
    }

    fn view(&self, absent: u64, unreadable: u64) -> View {
        View { map: self.store.map.clone(), absent, unreadable, rng: self.read_rng.clone() }
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.schedule.after(Duration::from_millis(ms), event);
    }

    fn now_ms(&self) -> i64 {
        START_MS + (self.schedule.now().since(Time::ZERO).as_millis() as i64)
    }

    /// Lets everything happen, with faults on the way; then all must be answered. One life in three ends before that.
    pub fn live(&mut self) {
        for _ in 0..self.rng.below(4) {
            let op = [Op::Write, Op::Write, Op::Sync, Op::Truncate][self.rng.below(4) as usize];
            let fault = if self.rng.one_in(2) { Fault::Short } else { Fault::Error(EIO) };
            self.store.disk.fail_nth(op, self.rng.range(1, 12), fault);
        }
        let mut left = if self.rng.one_in(3) { self.rng.below(60) } else { u64::MAX };
        while left > 0
            && let Some(event) = self.schedule.step()
        {
            left = left.saturating_sub(1);
            self.env.now_us = self.now_ms() as u64 * 1000;
            self.happen(event);
            self.poll();
        }
        if left > 0 {
            self.check_all_answered();
        }
    }

    fn check_all_answered(&self) {
        for (id, client) in self.clients.iter().enumerate() {
            assert!(
                client.sent.is_empty() && client.to_send == 0,
                "seed {}: client {id} waits for replies",
                self.seed
            );
            assert!(
                !client.waits && !client.waits_for_room && !client.connection.is_held(),
                "seed {}",
                self.seed
            );
        }
        assert!(!self.engine.has_pending() && !self.sweeping, "seed {}", self.seed);
        assert_eq!(self.engine.pending_len(), 0);
        assert_eq!(self.engine.visible(), self.engine.newest());
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Send(id) => self.send(id),
            Event::Turn(id) => self.turn(id),
            Event::Store(id) => {
                let generation = self.in_flight.clone().unwrap();
                let mut record = self.store.record();
                layout::encode(&generation, self.store.sequence, &mut record);
                let result = self.store.write(record);
                self.seen.poisoned += u64::from(self.store.is_poisoned());
                let late = self.rng.below(6);
                self.after(late, Event::Written(id, result));
            }
            Event::Written(id, result) => {
                self.in_flight = None;
                match &result {
                    Ok(()) => self.written = self.flying.take().unwrap(),
                    // What collects was built on it.
                    Err(_) => self.memory.keys = self.written.clone(),
                }
                *(if result.is_ok() { &mut self.seen.written } else { &mut self.seen.failed }) += 1;
                let result = result.map_err(|reason| reason.as_str().into());
                self.engine.handle(self.now_ms(), Input::Written { id, result });
                self.published = (*self.engine.visible(), self.view(0, 0));
                self.flying = None;
            }
            Event::Tick => {
                self.engine.handle(self.now_ms(), Input::Tick);
                let busy = self.clients.iter().any(|c| c.to_send > 0 || !c.sent.is_empty());
                let due = self.engine.next_deadline().map(|at| (at - self.now_ms()).max(1) as u64);
                if busy || due.is_some() || self.engine.has_pending() {
                    let wait = due.unwrap_or(20).min(20);
                    self.after(wait, Event::Tick);
                }
            }
        }
    }

    fn poll(&mut self) {
        while let Some(effect) = self.engine.poll() {
            match effect {
                Effect::Write(generation) => {
                    assert!(self.in_flight.is_none(), "two generations in flight");
                    self.flying = Some(self.memory.keys.clone());
                    let id = generation.id();
                    self.in_flight = Some(generation);
                    let late = self.rng.below(8);
                    self.after(late, Event::Store(id));
                }
                Effect::Answer { ticket: SWEEPER, .. } => {
                    self.sweeping = false;
                    let (view, newest) = (self.published.1.clone(), self.view(0, 0));
                    let (published, env) = (&self.published, &mut self.env);
                    let mut gate =
                        SimGate { engine: &mut self.engine, published, newest, env, locked: false, view };
                    let next = sweep::next(&mut gate).unwrap();
                    let now = self.now_ms();
                    self.engine.handle(now, Input::Swept { next });
                }
                Effect::Answer { ticket, result } => {
                    self.answer(ticket, result.as_ref().map(|_| ()).map_err(|r| &**r))
                }
                Effect::Sweep { slots } => self.sweep(slots),
            }
        }
    }

    fn sweep(&mut self, slots: u16) {
        assert!(!self.sweeping);
        let now = self.now_ms();
        let mut swept = 0;
        for slot in (0..DATABASE_COUNT as u8).filter(|slot| slots >> slot & 1 == 1) {
            let (view, newest) = (self.published.1.clone(), self.view(0, 0));
            let env = &mut self.env;
            let published = &self.published;
            let mut gate = SimGate { engine: &mut self.engine, published, newest, env, locked: false, view };
            let keys = sweep::find(&mut gate, slot, now).unwrap();
            if keys.is_empty() {
                continue;
            }
            swept += sweep::delete(&mut gate, slot, now, &keys);
            let db = (0..16).find(|db| self.engine.newest().slots.of(*db) == slot).unwrap();
            self.memory.keys.retain(|(of, key), entry| {
                *of != db || !keys.contains(key) || entry.expires_at.is_none_or(|at| now <= at)
            });
        }
        self.seen.swept += swept as u64;
        self.sweeping = true;
        self.engine.handle(now, Input::Finish(SWEEPER));
    }

    fn send(&mut self, id: usize) {
        let rng = &mut self.rng;
        let client = &mut self.clients[id];
        if client.to_send == 0 {
            return;
        }
        client.to_send -= 1;
        for _ in 0..rng.range(1, 6) {
            let request = request(rng, &mut client.in_multi);
            let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
            for word in &request {
                bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                bytes.extend_from_slice(word);
                bytes.extend_from_slice(b"\r\n");
            }
            client.connection.parser.buffer().extend_from_slice(&bytes);
            // Whatever the parser wants of it must be taken out before the next bytes come.
            client.sent.push_back(request);
        }
        if !client.turns && !client.waits && !client.waits_for_room {
            client.turns = true;
            self.after(0, Event::Turn(id));
        }
        let next = self.rng.below(15);
        self.after(next, Event::Send(id));
    }

    fn turn(&mut self, id: usize) {
        let now = self.now_ms();
        // A store that fails may do so only where the judge can tell what did not happen.
        let plain = self.clients[id].sent.iter().all(|request| !matches!(&*request[0], b"EXEC" | b"MULTI"))
            && self.clients[id].twin.queued() < 0;
        let unreadable = if plain && self.rng.one_in(4) { 30 } else { 0 };
        let absent = if self.clients[id].may_wait { 0 } else { 12 };
        let mut view = self.published.1.clone();
        (view.absent, view.unreadable) = (absent, unreadable);
        let newest = View { absent, unreadable, ..self.view(0, 0) };
        let random = self.rng.next_u64();
        self.env.seed = random;
        self.memory.seed = random;
        self.memory.now = now;
        let (published, env) = (&self.published, &mut self.env);
        let mut gate = SimGate { engine: &mut self.engine, published, newest, env, locked: false, view };
        let turned = self.clients[id].connection.turn(&mut gate);
        let locked = gate.locked;
        let client = &mut self.clients[id];
        client.turns = false;
        client.may_wait = turned.is_absent;
        self.seen.absent += u64::from(turned.is_absent);
        self.seen.walks_behind_changes += u64::from(locked && turned.more && turned.after.is_none());
        if turned.waits {
            client.waits = true;
        }
        if turned.is_full {
            client.waits_for_room = true;
        }
        self.judge(id, turned.ran, now);
        if turned.waits {
            self.engine.handle(now, Input::Finish(id));
        } else if turned.is_full {
            self.engine.handle(now, Input::AwaitRoom(id));
        } else {
            self.deliver(id);
        }
        if turned.is_absent {
            let client = &mut self.clients[id];
            client.connection.warm(&self.published.0, &self.published.1);
        }
        assert!(turned.after.is_none_or(|after| after == After::Continue), "{:?}", turned.after);
    }

    /// Runs the same commands on the plain map.
    fn judge(&mut self, id: usize, ran: usize, now: i64) {
        let client = &mut self.clients[id];
        let got = split(&client.connection.out.to_vec());
        let mut locked = false;
        let written = Arc::new(self.written.clone());
        for at in 0..ran {
            let words = client.sent.pop_front().unwrap();
            let request = Request::new(words.iter().map(Vec::as_slice));
            let looked = client.twin.look_up(&request.words());
            locked |= client.twin.access(&looked) == Access::Write;
            let db = client.twin.db;
            self.seen.commands += 1;
            let reply = if got[at].starts_with(b"-ERR the database cannot be read") {
                self.seen.unreadable += 1;
                got[at].clone()
            } else {
                let pending =
                    (!locked).then(|| core::mem::replace(&mut self.memory.keys, self.written.clone()));
                let mut out = Out::default();
                client.twin.handle(&request.words(), &mut self.memory, &mut out);
                let drawn = got[at]
                    .split(|b| *b == b'\n')
                    .nth(1)
                    .and_then(|key| key.strip_suffix(b"\r"))
                    .map(|key| (db, key.to_vec()));
                let live = drawn.and_then(|key| self.memory.keys.get(&key));
                let live = live.is_some_and(|entry| entry.expires_at.is_none_or(|at| now <= at));
                if let Some(pending) = pending {
                    self.memory.keys = pending;
                }
                // A draw that failed before has moved the numbers on.
                if &*words[0] == b"RANDOMKEY" && live { got[at].clone() } else { out.to_vec() }
            };
            self.seen.aborted_execs += u64::from(&*words[0] == b"EXEC" && reply == b"*-1\r\n");
            let shown = || {
                words
                    .iter()
                    .map(|w| String::from_utf8_lossy(&w[..w.len().min(40)]))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert_eq!(
                String::from_utf8_lossy(&got[at][..got[at].len().min(300)]),
                String::from_utf8_lossy(&reply[..reply.len().min(300)]),
                "seed {}: client {id}: {} (locked: {locked})",
                self.seed,
                shown()
            );
            assert!(got[at] == reply);
            client.asked.push(Asked { words, db, now, reply, written: written.clone() });
        }
        assert_eq!(got.len(), ran);
        let newest = self.engine.newest();
        for db in 0..3 {
            let keys = self.memory.keys.range((db, Vec::new())..(db + 1, Vec::new()));
            let expires = keys.clone().filter(|(_, entry)| entry.expires_at.is_some()).count() as u64;
            assert_eq!(
                newest.of(db),
                Counts { keys: keys.count() as u64, expires },
                "seed {}: db {db}",
                self.seed
            );
        }
    }

    /// The turn's replies rest on nothing that is pending, or that is decided now.
    fn answer(&mut self, id: usize, result: Result<(), &str>) {
        let client = &mut self.clients[id];
        if core::mem::take(&mut client.waits_for_room) {
            client.turns = true;
            return self.after(0, Event::Turn(id));
        }
        assert!(core::mem::take(&mut client.waits), "seed {}: client {id} was answered twice", self.seed);
        client.connection.answered(result);
        if result.is_err() {
            self.check_denied(id);
            let client = &mut self.clients[id];
            client.asked.clear();
            client.connection.out.clear();
        }
        self.deliver(id);
    }

    /// What a client is told although the batch failed must be true of what was written when it asked.
    fn check_denied(&mut self, id: usize) {
        let got = split(&self.clients[id].connection.out.to_vec());
        let asked = core::mem::take(&mut self.clients[id].asked);
        assert_eq!(got.len(), asked.len());
        for (got, asked) in got.iter().zip(asked) {
            if got.starts_with(b"-MISCONF") {
                self.seen.denied += 1;
                continue;
            }
            assert!(*got == asked.reply);
            let request = Request::new(asked.words.iter().map(Vec::as_slice));
            let mut session = Session::new(id as u64, true);
            session.db = asked.db;
            let queued = asked.reply == b"+QUEUED\r\n" || asked.reply.starts_with(b"-ERR the d");
            if queued || session.access(&session.look_up(&request.words())) == Access::Free {
                continue;
            }
            let mut memory = memory((*asked.written).clone());
            memory.now = asked.now;
            let mut out = Out::default();
            session.handle(&request.words(), &mut memory, &mut out);
            let name = String::from_utf8_lossy(&asked.words[0]);
            let same = out.to_vec() == *got || matches!(&*name, "WATCH" | "SCAN" | "RANDOMKEY");
            assert!(same, "seed {}: {name} was told of what never was", self.seed);
            assert!(memory.keys == *asked.written, "seed {}: {name} was acknowledged", self.seed);
        }
    }

    /// Replies leave.
    fn deliver(&mut self, id: usize) {
        let client = &mut self.clients[id];
        let wanted: Vec<u8> = client.asked.drain(..).flat_map(|asked| asked.reply).collect();
        let got = client.connection.out.to_vec();
        assert!(got == wanted, "seed {}: client {id}", self.seed);
        self.digest = got.iter().fold(self.digest, |d, b| d.wrapping_mul(31).wrapping_add(u64::from(*b)));
        client.connection.out.clear();
        if !client.sent.is_empty() && !client.turns {
            client.turns = true;
            self.after(0, Event::Turn(id));
        }
    }

    /// Power is lost, whatever goes on; and comes back.
    pub fn crash(&mut self) {
        let disk = self.store.disk.crash(self.rng.next_u64());
        let before = self.written.clone();
        let flying = self.flying.take();
        self.seen.crashes_in_flight += u64::from(flying.is_some());
        self.store = SimStore::open(disk);
        let view = self.view(0, 0);
        let state = layout::load(&view, self.store.sequence).unwrap();
        let found = keys_of(&self.store.map, &state);
        // After a failed sync only the disk knows.
        if found != before {
            assert!(
                flying.as_ref() == Some(&found) || self.seen.poisoned > 0,
                "seed {}: written keys are gone",
                self.seed
            );
            self.seen.kept_in_flight += 1;
        }
        self.start();
    }

    /// Whether the records about keys fit the keys.
    fn check_store(&self, state: &State) {
        let map = &self.store.map;
        let mut wanted = [Counts::default(); DATABASE_COUNT];
        for (place, key) in map.keys() {
            match (place, key.first()) {
                (Place::Slot(slot), _) => wanted[usize::from(*slot)].keys += 1,
                (Place::Expires, Some(b'k')) => {
                    wanted[usize::from(key[1])].expires += 1;
                    assert!(
                        map.contains_key(&(Place::Slot(key[1]), key[2..].to_vec())),
                        "an expiry without its key"
                    );
                }
                (Place::Expires, Some(b't')) => {
                    let (at, of) = layout::split_time_key(key).unwrap();
                    let record = map.get(&(Place::Expires, layout::expiry_key(key[1], of)));
                    assert_eq!(
                        record.and_then(|r| layout::decode_expiry(r)),
                        Some(at),
                        "a time without its expiry"
                    );
                }
                _ => {}
            }
        }
        assert_eq!(state.counts, wanted, "seed {}", self.seed);
        let times =
            map.keys().filter(|(place, key)| *place == Place::Expires && key[0] == b't').count() as u64;
        assert_eq!(times, wanted.iter().map(|c| c.expires).sum::<u64>(), "an expiry without its time");
    }
}

/// A judge over these keys.
fn memory(keys: Keys) -> Memory {
    let mut memory = Memory::default();
    (memory.keys, memory.lengths) = (keys, LENGTHS);
    memory
}

/// Keys as the judge holds them.
fn keys_of(map: &Map, state: &State) -> Keys {
    let mut keys = Keys::new();
    for ((place, key), value) in map {
        let Place::Slot(slot) = place else { continue };
        let db = (0..16).find(|db| state.slots.of(*db) == *slot).unwrap();
        let expiry = map.get(&(Place::Expires, layout::expiry_key(*slot, key)));
        let expires_at = expiry.and_then(|record| layout::decode_expiry(record));
        keys.insert((db, key.clone()), Entry { value: value.clone(), expires_at });
    }
    keys
}

/// Cuts replies of RESP2 apart.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut out, mut start) = (Vec::new(), 0);
    while start < bytes.len() {
        let end = end_of(bytes, start);
        out.push(bytes[start..end].to_vec());
        start = end;
    }
    out
}

fn end_of(bytes: &[u8], start: usize) -> usize {
    let line = start + bytes[start..].windows(2).position(|w| w == b"\r\n").unwrap();
    let number = || std::str::from_utf8(&bytes[start + 1..line]).unwrap().parse::<i64>().unwrap();
    match bytes[start] {
        b'$' if number() >= 0 => line + 4 + number() as usize,
        b'*' => (0..number()).fold(line + 2, |at, _| end_of(bytes, at)),
        _ => line + 2,
    }
}

fn request(rng: &mut Rng, in_multi: &mut bool) -> Vec<Vec<u8>> {
    let pick = |rng: &mut Rng, from: &[&str]| from[rng.below(from.len() as u64) as usize].to_string();
    let key = |rng: &mut Rng| pick(rng, &["a", "b", "c", "d", "e", "ff", "ggg", "longer"]);
    let value = |rng: &mut Rng| match rng.below(12) {
        0 => "v".repeat(65_600),
        1 => "w".repeat(70_001),
        2..6 => rng.below(100).to_string(),
        _ => format!("v{}", rng.next_u32()),
    };
    let ms = |rng: &mut Rng| rng.range(1, 60).to_string();
    let (k, l, v) = (key(rng), key(rng), value(rng));
    let line: Vec<String> = match rng.below(46) {
        0..8 => vec!["SET".into(), k, v],
        8..10 => vec!["SET".into(), k, v, "PX".into(), ms(rng)],
        10 => vec!["SET".into(), k, v, pick(rng, &["NX", "XX", "GET", "KEEPTTL"])],
        11..15 => vec!["GET".into(), k],
        15 => vec!["MGET".into(), k, l],
        16 => vec!["MSET".into(), k, v, l, value(rng)],
        17 => vec!["MSETNX".into(), k, v, "toolong".into(), "1".into()],
        18 => vec!["MSETNX".into(), k, v, l, "1".into()],
        19 => vec!["SETNX".into(), k, v],
        20 => vec!["GETDEL".into(), k],
        21 => vec!["GETEX".into(), k, "PX".into(), ms(rng)],
        22 => vec!["APPEND".into(), k, pick(rng, &["x", "", "1"])],
        23 => vec!["SETRANGE".into(), k, rng.below(9).to_string(), pick(rng, &["y", ""])],
        24..26 => vec!["INCR".into(), k],
        26..28 => vec!["DEL".into(), k, l],
        28 => vec!["EXISTS".into(), k, l],
        29..31 => vec!["PEXPIRE".into(), k, ms(rng)],
        31 => vec!["PERSIST".into(), k],
        32 => vec!["PTTL".into(), k],
        33 => vec![pick(rng, &["RENAME", "RENAMENX"]), k, pick(rng, &["a", "b", "toolong"])],
        34 => vec!["COPY".into(), k, l, "DB".into(), rng.below(3).to_string()],
        35 => vec!["MOVE".into(), k, rng.below(3).to_string()],
        36 => vec!["DBSIZE".into()],
        37 => vec!["KEYS".into(), pick(rng, &["*", "[a-c]", "g*"])],
        38 if !*in_multi => vec!["SCAN".into(), pick(rng, &["0", "1", "2"]), "COUNT".into(), "2".into()],
        39 => vec!["RANDOMKEY".into()],
        40 => vec!["SELECT".into(), rng.below(3).to_string()],
        41 if rng.one_in(3) => vec![pick(rng, &["FLUSHDB", "FLUSHALL"])],
        42 if rng.one_in(2) => vec!["SWAPDB".into(), rng.below(3).to_string(), rng.below(3).to_string()],
        43 if !*in_multi => vec!["WATCH".into(), k, l],
        44 if !*in_multi => {
            *in_multi = true;
            vec!["MULTI".into()]
        }
        _ if *in_multi && rng.one_in(2) => {
            *in_multi = false;
            vec![pick(rng, &["EXEC", "EXEC", "EXEC", "DISCARD"])]
        }
        _ => vec!["ECHO".into(), k],
    };
    line.into_iter().map(String::into_bytes).collect()
}

impl Env for SimEnv {
    fn clock_us(&self) -> u64 {
        self.now_us
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_us * 1000
    }

    fn random(&mut self) -> u64 {
        // The judge's own.
        let mut memory = memory(Keys::new());
        memory.seed = self.seed;
        let random = Host::random(&mut memory);
        self.seed = memory.seed;
        random
    }

    fn has_password(&self) -> bool {
        false
    }

    fn check_password(&self, _password: &[u8]) -> bool {
        false
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn reset_stats(&mut self) {}

    fn ran(&mut self, _run: &Run, _took_ns: u64) {}

    fn clients(&self, _asking: &Session) -> Vec<Row> {
        Vec::new()
    }

    fn kill(&mut self, _filter: &KillFilter) -> usize {
        0
    }

    fn pause(&mut self, _duration_ms: u64, _what: Pause) {}

    fn unpause(&mut self) {}

    fn paused(&self) -> Option<Pause> {
        None
    }

    fn configure(&mut self, _name: &'static str, _value: u64) {}

    fn out_of_memory(&self, _pending: u64) -> bool {
        false
    }

    fn replies_are_durable(&self) -> bool {
        true
    }

    fn last_save(&self) -> u64 {
        0
    }

    fn can_shut_down(&self) -> bool {
        false
    }

    fn with_cursors<R>(&mut self, with: impl FnOnce(&mut Cursors) -> R) -> R {
        with(&mut self.cursors)
    }

    fn is_monitored(&self) -> bool {
        false
    }

    fn show(&mut self, _db: u8, _words: &Words<'_>) {}
}
