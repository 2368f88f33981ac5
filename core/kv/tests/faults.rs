//! One test for each fault that the engine had when it was part of a server; each is written so that the fault cannot pass.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_kv::env::Run;
use dolmen_kv::info::Facts;
use dolmen_kv::{
    Batch, Connection, Effect, Engine, Env, Gate, Generation, Input, Place, State, Store, Turned, layout,
    sweep,
};
use dolmen_resp::client::Row;
use dolmen_resp::fault::Fault;
use dolmen_resp::keyspace::{KillFilter, Lengths, Pause};
use dolmen_resp::request::Words;
use dolmen_resp::scan::Cursors;
use dolmen_resp::session::Session;

type Map = BTreeMap<(Place, Vec<u8>), Vec<u8>>;

/// A store in memory that counts what it is asked.
#[derive(Clone, Default)]
struct Asked {
    map: Map,
    values: Arc<RefCell<Vec<Vec<u8>>>>,
    walks: Arc<RefCell<usize>>,
    /// Look-ups of times.
    times: Arc<RefCell<usize>>,
    /// Nanoseconds that walks took: a millisecond each.
    spent: Arc<RefCell<u64>>,
}

impl Store for Asked {
    type Value = Vec<u8>;

    fn get(&self, place: Place, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        if place == Place::Expires {
            *self.times.borrow_mut() += 1;
        } else {
            self.values.borrow_mut().push(key.to_vec());
        }
        Ok(self.map.get(&(place, key.to_vec())).cloned())
    }

    fn contains(&self, place: Place, key: &[u8]) -> Result<bool, Fault> {
        Ok(self.map.contains_key(&(place, key.to_vec())))
    }

    fn walk(
        &self,
        place: Place,
        from: &[u8],
        after: bool,
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        *self.walks.borrow_mut() += 1;
        *self.spent.borrow_mut() += 1_000_000;
        for (of, key) in self.map.keys() {
            let inside =
                key.as_slice() >= from && !(after && key == from) && to.is_none_or(|to| key.as_slice() < to);
            if *of == place && inside && !visit(key)? {
                break;
            }
        }
        Ok(())
    }

    fn walk_back(
        &self,
        place: Place,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        *self.walks.borrow_mut() += 1;
        *self.spent.borrow_mut() += 1_000_000;
        for (of, key) in self.map.keys().rev() {
            let inside = key.as_slice() >= from && to.is_none_or(|to| key.as_slice() < to);
            if *of == place && inside && !visit(key)? {
                break;
            }
        }
        Ok(())
    }
}

impl Batch for Asked {
    fn put(&mut self, place: Place, key: &[u8], value: &[u8]) {
        self.map.insert((place, key.to_vec()), value.to_vec());
    }

    fn delete(&mut self, place: Place, key: &[u8]) {
        self.map.remove(&(place, key.to_vec()));
    }

    fn delete_range(&mut self, place: Place, begin: &[u8], end: &[u8]) {
        self.map.retain(|(of, key), _| *of != place || key.as_slice() < begin || key.as_slice() >= end);
    }

    fn clear(&mut self, place: Place) {
        self.map.retain(|(of, _), _| *of != place);
    }

    fn count(&self) -> u64 {
        0
    }
}

struct Server {
    now_ms: i64,
    cursors: Cursors,
    spent: Arc<RefCell<u64>>,
}

/// A machine, its store, and connections by number.
struct World {
    engine: Engine<usize>,
    store: Asked,
    state: State,
    server: Server,
    connections: Vec<Connection>,
    in_flight: Option<Arc<Generation>>,
    last: Turned,
}

struct Way<'a> {
    engine: &'a mut Engine<usize>,
    store: &'a Asked,
    state: &'a State,
    server: &'a mut Server,
    locked: bool,
}

impl Gate for Way<'_> {
    type Ticket = usize;
    type Store = Asked;
    type Env = Server;

    fn env(&mut self) -> &mut Server {
        self.server
    }

    fn read(&mut self) -> (&State, &Asked, &mut Server) {
        (self.state, self.store, self.server)
    }

    fn write(&mut self) -> (&mut Engine<usize>, &Asked, &mut Server) {
        self.locked = true;
        (self.engine, self.store, self.server)
    }

    fn is_locked(&self) -> bool {
        self.locked
    }
}

impl World {
    fn new(connections: usize) -> World {
        let store = Asked::default();
        World {
            engine: Engine::new(State::default(), Lengths { key_max: 8, value_max: 64 << 20 }, 3),
            state: State::default(),
            server: Server { now_ms: 1_000_000, cursors: Cursors::new(1), spent: store.spent.clone() },
            store,
            connections: (0..connections).map(|id| Connection::new(id as u64, true)).collect(),
            in_flight: None,
            last: Turned::default(),
        }
    }

    /// A turn of a connection. What it may be told at once comes back.
    fn send(&mut self, id: usize, lines: &str) -> String {
        self.send_bytes(id, lines.replace('|', "\r\n").as_bytes())
    }

    fn send_bytes(&mut self, id: usize, bytes: &[u8]) -> String {
        self.connections[id].parser.buffer().extend_from_slice(bytes);
        loop {
            let World { engine, store, state, server, .. } = self;
            let now = server.now_ms;
            let mut way = Way { engine, store, state, server, locked: false };
            self.last = self.connections[id].turn(&mut way);
            if self.last.waits {
                self.engine.handle(now, Input::Finish(id));
            }
            if self.last.waits || self.last.is_full || !self.last.more {
                break;
            }
        }
        while let Some(effect) = self.engine.poll() {
            if let Effect::Write(generation) = effect {
                self.in_flight = Some(generation);
            }
        }
        if self.last.waits { String::new() } else { self.take(id) }
    }

    fn take(&mut self, id: usize) -> String {
        let text = String::from_utf8_lossy(&self.connections[id].out.to_vec()).replace("\r\n", "|");
        self.connections[id].out.clear();
        text
    }

    /// The generation in flight comes to its end; who is answered.
    fn written(&mut self, result: Result<(), &str>) -> Vec<usize> {
        let generation = self.in_flight.take().expect("something was to be written");
        if result.is_ok() {
            layout::encode(&generation, 0, &mut self.store);
        }
        let id = generation.id();
        self.engine.handle(self.server.now_ms, Input::Written { id, result: result.map_err(Into::into) });
        self.state = *self.engine.visible();
        let mut answered = Vec::new();
        while let Some(effect) = self.engine.poll() {
            match effect {
                Effect::Write(generation) => self.in_flight = Some(generation),
                Effect::Answer { ticket, result } => {
                    self.connections[ticket].answered(result.as_ref().copied().map_err(|reason| &**reason));
                    answered.push(ticket);
                }
                Effect::Sweep { .. } => {}
            }
        }
        answered
    }

    /// Sends, and lets everything be written.
    fn ask(&mut self, id: usize, lines: &str) -> String {
        let mut text = self.send(id, lines);
        loop {
            while self.in_flight.is_some() {
                self.written(Ok(()));
            }
            text += &self.take(id);
            if !self.last.more {
                return text;
            }
            text += &self.send(id, "");
        }
    }
}

const DISK: &str = "-MISCONF Errors writing to the AOF file: no room|";

#[test]
fn a1_a_command_is_all_or_nothing() {
    let mut world = World::new(1);
    let error = "-ERR the key is longer than this server allows (8 bytes)|";
    assert_eq!(world.ask(0, "MSET a 1 123456789 2|GET a|DBSIZE|"), format!("{error}$-1|:0|"));
    assert_eq!(world.ask(0, "MSETNX a 1 123456789 2|EXISTS a|"), format!("{error}:0|"));
    // What such a command changed inside a transaction is taken back alone.
    let queued = "+OK|+QUEUED|+QUEUED|+QUEUED|";
    assert_eq!(
        world.ask(0, "MULTI|SET b 1|MSET a 1 123456789 2|GET a|EXEC|"),
        format!("{queued}*3|+OK|{error}$-1|")
    );
    assert_eq!(world.ask(0, "RENAME b 123456789|GET b|DBSIZE|"), format!("{error}$1|1|:1|"));
}

#[test]
fn a2_value_and_expiry_are_of_one_moment() {
    let mut world = World::new(2);
    world.ask(0, "SET k A PX 2|");
    let before = (world.state, world.store.clone());
    world.server.now_ms += 10;
    world.ask(0, "SET k B|");
    assert_eq!(world.ask(1, "GET k|"), "$1|B|");
    // A reader that began before sees value and expiry of then: nothing, whatever was written since.
    (world.state, world.store) = before;
    assert_eq!(world.send(1, "GET k|EXISTS k|TTL k|"), "$-1|:0|:-2|");
}

#[test]
fn a3_a_large_batch_leaves_nothing_behind() {
    let mut world = World::new(1);
    let mut request = b"*200001\r\n$4\r\nMSET\r\n".to_vec();
    for i in 0..100_000 {
        request.extend_from_slice(format!("$6\r\nk{i:05}\r\n$1\r\nv\r\n").as_bytes());
    }
    world.send_bytes(0, &request);
    assert!(world.engine.pending_len() > 1 << 20);
    world.written(Ok(()));
    assert_eq!(world.take(0), "+OK|");
    assert_eq!(world.engine.pending_len(), 0);
    // The next generations start from nothing: no table of the large one is carried along, let alone searched.
    for _ in 0..4 {
        world.ask(0, "SET k00000 w|");
        assert!(world.engine.kept_len() < 1 << 20, "{} bytes are kept", world.engine.kept_len());
    }
}

#[test]
fn a4_presence_and_expiry_are_known_without_the_value() {
    let mut world = World::new(1);
    world.store.map.insert((Place::Slot(0), b"big".to_vec()), vec![b'v'; 1 << 20]);
    world.state.counts[0].keys = 1;
    world.engine = Engine::new(world.state, Lengths::default(), 3);
    let asked = "EXISTS big|TTL big|TYPE big|EXPIRE big 100|PERSIST big|TOUCH big|SETNX big x|PEXPIRE big 9|DEL big|SET big x|";
    assert_eq!(world.ask(0, asked), ":1|:-1|+string|:1|:1|:1|:0|:1|:1|+OK|");
    assert!(world.store.values.borrow().is_empty(), "a value was read");
}

#[test]
fn a5_what_lies_on_disk_only_is_asked_for_again_and_changes_nothing_before() {
    /// Has nothing in memory until it may wait.
    #[derive(Clone)]
    struct Cold(Asked, bool);
    impl Store for Cold {
        type Value = Vec<u8>;
        fn get(&self, place: Place, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
            if self.1 && key == b"cold" { Err(Fault::Absent) } else { self.0.get(place, key) }
        }
        fn contains(&self, place: Place, key: &[u8]) -> Result<bool, Fault> {
            if self.1 && key == b"cold" { Err(Fault::Absent) } else { self.0.contains(place, key) }
        }
        fn walk(
            &self,
            _: Place,
            _: &[u8],
            _: bool,
            _: Option<&[u8]>,
            _: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
        ) -> Result<(), Fault> {
            Err(Fault::Absent)
        }
        fn walk_back(
            &self,
            _: Place,
            _: &[u8],
            _: Option<&[u8]>,
            _: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
        ) -> Result<(), Fault> {
            Err(Fault::Absent)
        }
    }
    struct Way2<'a>(&'a mut Engine<usize>, Cold, State, Server, bool);
    impl Gate for Way2<'_> {
        type Ticket = usize;
        type Store = Cold;
        type Env = Server;
        fn env(&mut self) -> &mut Server {
            &mut self.3
        }
        fn read(&mut self) -> (&State, &Cold, &mut Server) {
            (&self.2, &self.1, &mut self.3)
        }
        fn write(&mut self) -> (&mut Engine<usize>, &Cold, &mut Server) {
            self.4 = true;
            (self.0, &self.1, &mut self.3)
        }
        fn is_locked(&self) -> bool {
            self.4
        }
    }
    let mut engine = Engine::new(State::default(), Lengths::default(), 3);
    let mut connection = Connection::new(0, true);
    for lines in ["MSET warm 1 cold 2|", "MULTI|SELECT 3|SET warm 1|GET cold|EXEC|", "GET cold|", "KEYS *|"] {
        connection.parser.buffer().extend_from_slice(lines.replace('|', "\r\n").as_bytes());
        let server = || Server { now_ms: 5, cursors: Cursors::new(1), spent: Arc::default() };
        let mut turn = |cold| {
            let mut way = Way2(&mut engine, Cold(Asked::default(), cold), State::default(), server(), false);
            (connection.turn(&mut way), connection.out.mark(), connection.session.db)
        };
        let (turned, len, db) = turn(true);
        assert!(turned.is_absent && db == 0, "{lines}");
        let answered_before =
            if lines.starts_with("MULTI") { "+OK|+QUEUED|+QUEUED|+QUEUED|".len() + 4 } else { 0 };
        assert_eq!(len, answered_before, "{lines}: something was answered");
        let (again, ..) = turn(true);
        assert!(again.is_absent && again.ran == 0);
        assert!(!engine.has_pending(), "{lines}: something was changed");
        if !lines.starts_with("KEYS") {
            let mut way = Way2(&mut engine, Cold(Asked::default(), false), State::default(), server(), false);
            assert!(!connection.turn(&mut way).is_absent);
        }
        connection.out.clear();
        connection.answered(Ok(()));
        engine = Engine::new(State::default(), Lengths::default(), 3);
        connection.session.db = 0;
    }
}

#[test]
fn a6_dbsize_takes_no_walk_and_counts_until_the_sweep() {
    let mut world = World::new(1);
    for i in 0..100 {
        world.ask(0, &format!("SET k{i} v PX 50|"));
    }
    world.server.now_ms += 60;
    *world.store.walks.borrow_mut() = 0;
    assert_eq!(world.ask(0, "DBSIZE|EXISTS k1|DBSIZE|"), ":100|:0|:100|");
    assert_eq!(*world.store.walks.borrow(), 0);
    // A write over an expired key neither counts twice nor leaves its old time behind.
    assert_eq!(world.ask(0, "SETNX k1 w|DBSIZE|"), ":1|:100|");
    assert_eq!(world.engine.next_deadline(), Some(1_000_051));
    let World { engine, store, state, server, .. } = &mut world;
    let mut way = Way { engine, store, state, server, locked: false };
    let keys = sweep::find(&mut way, 0, 1_000_060).unwrap();
    assert_eq!((keys.len(), sweep::delete(&mut way, 0, 1_000_060, &keys)), (99, 99));
    world.engine.handle(1_000_060, Input::Finish(0));
    world.ask(0, "");
    assert_eq!(world.ask(0, "DBSIZE|GET k1|"), ":1|$1|w|");
    assert!(
        world.store.map.keys().all(|(place, key)| *place != Place::Expires || matches!(key[0], b'm' | b's'))
    );
}

#[test]
fn a7_a_failed_batch_denies_every_reply_that_saw_it() {
    let mut world = World::new(6);
    world.ask(0, "SET old 1|");
    assert_eq!(world.send(0, "SET k 1|"), "", "a reply left before the disk had it");
    // Only look at what is pending: a condition that fails, a transaction of reads under WATCH, a read behind a write.
    assert_eq!(world.send(1, "SETNX k 2|PING|"), "");
    assert_eq!(world.send(2, "WATCH x|MULTI|GET k|DBSIZE|EXEC|"), "");
    assert_eq!(world.send(3, "SET other 1|GET k|ECHO hi|"), "");
    assert_eq!(world.send(4, "WATCH k|"), "+OK|");
    // Plain reads see nothing of it and wait for nothing.
    assert_eq!(world.send(5, "GET k|GET old|"), "$-1|$1|1|");
    let answered = world.written(Err("no room"));
    assert_eq!(answered.len(), 4, "{answered:?}");
    assert_eq!(world.take(0), DISK);
    assert_eq!(world.take(1), format!("{DISK}+PONG|"));
    assert_eq!(world.take(2), format!("+OK|+OK|+QUEUED|+QUEUED|{DISK}"));
    assert_eq!(world.take(3), format!("{DISK}{DISK}$2|hi|"));
    // Nothing of it is left, and the next write is tried like any other.
    assert!(world.in_flight.is_none() && !world.engine.has_pending());
    assert_eq!(world.ask(5, "EXISTS k other|SETNX k 3|GET k|DBSIZE|"), ":0|:1|$1|3|:2|");
}

#[test]
fn growth_of_one_key_is_bounded_by_the_key() {
    let mut world = World::new(1);
    let value = "v".repeat(1 << 20);
    world.send(0, &format!("*3|$3|SET|$3|log|${}|{value}|", value.len()));
    for _ in 0..200 {
        world.send(0, "APPEND log x|");
    }
    assert!(
        world.engine.pending_len() < 4 << 20,
        "{} bytes for 200 changes of one value",
        world.engine.pending_len()
    );
    while world.in_flight.is_some() {
        world.written(Ok(()));
    }
    world.take(0);
    assert_eq!(world.ask(0, "STRLEN log|"), format!(":{}|", (1 << 20) + 200));
}

#[test]
fn changes_wait_for_room_and_go_on() {
    let mut world = World::new(3);
    let value = "v".repeat(34 << 20);
    for key in ["a", "b", "c"] {
        world.send(0, &format!("*3|$3|SET|$1|{key}|${}|{value}|", value.len()));
    }
    // One is in flight, two collect: over the bound.
    assert!(world.engine.is_full());
    world.send(1, "SET d 1|");
    assert!(world.last.is_full && world.last.ran == 0);
    world.engine.handle(0, Input::AwaitRoom(1));
    assert!(world.written(Ok(())).contains(&1), "nobody told that there is room");
    world.send(1, "");
    world.written(Ok(()));
    assert!(world.in_flight.is_some());
    assert_eq!(world.written(Ok(())), [1]);
    assert_eq!(world.take(1), "+OK|");
    assert_eq!(world.ask(2, "DBSIZE|"), ":4|");
}

#[test]
fn a_flush_that_is_taken_back_leaves_all_keys() {
    let mut world = World::new(2);
    world.ask(0, "MSET a 1 b 2 c 3|PEXPIRE a 1000|");
    assert_eq!(world.send(0, "FLUSHALL|SET d 4|SWAPDB 0 1|"), "");
    assert_eq!(world.send(1, "DBSIZE|KEYS *|"), ":3|*3|$1|a|$1|b|$1|c|");
    world.written(Err("no room"));
    assert_eq!(world.take(0), DISK.repeat(3));
    assert_eq!(world.ask(1, "DBSIZE|PTTL a|GET d|SELECT 1|DBSIZE|"), ":3|:1000|$-1|+OK|:0|");
    world.connections[1].session.db = 0;
    assert_eq!(world.ask(0, "FLUSHDB|SET d 4|DBSIZE|KEYS *|"), "+OK|+OK|:1|*1|$1|d|");
    assert_eq!(world.store.map.len(), 2, "a key, and the counts: {:?}", world.store.map);
}

/// A turn ends when it has taken long, however short the requests and however small the replies: who sends a thousand walks at once does not keep
/// others out until the last.
#[test]
fn a_long_turn_ends_and_others_have_theirs() {
    let mut world = World::new(1);
    world.ask(0, "MSET a 1 b 2 c 3|");
    let one_turn = |world: &mut World, requests: &str| {
        world.connections[0].parser.buffer().extend_from_slice(requests.replace('|', "\r\n").as_bytes());
        let World { engine, store, state, server, .. } = world;
        let mut way = Way { engine, store, state, server, locked: false };
        world.connections[0].turn(&mut way)
    };
    let turned = one_turn(&mut world, &"SCAN 0 MATCH nosuch* COUNT 1|".repeat(100));
    assert!(turned.is_long && turned.more && turned.ran < 8, "{turned:?}");
    let mut turns = 1;
    while one_turn(&mut world, "").more {
        turns += 1;
        assert!(turns < 100);
    }
    assert_eq!(world.take(0).matches("*2|$1|0|*0|").count(), 100, "all are answered in the end");
    assert!(turns > 10);
    let turned = one_turn(&mut world, &"GET a|".repeat(1000));
    assert!(turned.ran == 1000 && !turned.is_long, "{turned:?}");
}

/// Keys whose time is over and that nobody has swept yet cost a walk their number only up to a bound.
#[test]
fn overdue_keys_are_not_walked_without_end() {
    let mut world = World::new(1);
    for i in (0..20_000).step_by(500) {
        let pairs: String = (i..i + 500).map(|i| format!("SET k{i:05} v PX 50|")).collect();
        world.ask(0, &pairs);
    }
    world.server.now_ms += 60;
    for (request, most) in [("DBSIZE|", 0), ("RANDOMKEY|", 3_000), ("SCAN 0 COUNT 10|", 12)] {
        *world.store.times.borrow_mut() = 0;
        world.ask(0, request);
        let times = *world.store.times.borrow();
        assert!(times <= most, "{request} looks at the times of {times} keys");
    }
    // One that lives is found among few that do not.
    let mut world = World::new(1);
    world.ask(
        0,
        &(0..150)
            .map(|i| format!("SET k{i:05} v{}|", if i % 50 == 7 { "" } else { " PX 50" }))
            .collect::<String>(),
    );
    world.server.now_ms += 60;
    for _ in 0..20 {
        let key = world.ask(0, "RANDOMKEY|");
        assert!(["k00007", "k00057", "k00107"].iter().any(|live| key.contains(live)), "{key}");
    }
}

impl Env for Server {
    fn clock_us(&self) -> u64 {
        self.now_ms as u64 * 1000
    }
    fn monotonic_ns(&self) -> u64 {
        *self.spent.borrow()
    }
    fn random(&mut self) -> u64 {
        4
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

/// What MULTI queues is bounded by the memory that it takes, records and all, however short the commands are; at the bound the transaction is given
/// up, with what it held.
#[test]
fn f4c_a_transaction_is_bounded_by_the_memory_that_it_takes() {
    let mut world = World::new(2);
    let held = |world: &World, id: usize| world.connections[id].session.queued_bytes() as u64;
    world.send(0, "MULTI|");
    let short = "PING|".repeat(10_000);
    let real = allocation_counter::measure(|| (0..20).for_each(|_| drop(world.send(0, &short))));
    let counted = held(&world, 0);
    println!("200,000 commands take {} bytes, {counted} are counted", real.bytes_current);
    // A list that doubles has room for as many again.
    assert!(counted * 10 > real.bytes_current as u64 * 6, "{} of {} bytes", counted, real.bytes_current);
    assert_eq!(world.ask(0, "DISCARD|"), "+OK|");

    world.send(1, "MULTI|");
    let value = "v".repeat(100 << 20);
    let set = format!("*3|$3|SET|$1|k|${}|{value}|", value.len()).replace('|', "\r\n");
    let mut answers = String::new();
    let real = allocation_counter::measure(|| {
        for _ in 0..6 {
            answers += &world.send_bytes(1, set.as_bytes());
        }
    });
    let refused = "-ERR the transaction is larger than the server allows|";
    assert_eq!(answers, format!("{}{refused}", "+QUEUED|".repeat(5)));
    assert!(real.bytes_max < 800 << 20, "{} bytes", real.bytes_max);
    assert!(real.bytes_current < 300 << 20, "{} bytes are kept of what was given up", real.bytes_current);
    let aborted = "-EXECABORT Transaction discarded because of previous errors.|";
    assert_eq!(world.ask(1, "PING|EXEC|EXISTS k|"), format!("{refused}{aborted}:0|"));
}
