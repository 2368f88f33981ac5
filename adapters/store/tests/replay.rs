//! Logs that are longer than the write buffer: an open takes no more memory than that, and whatever happens on the way, nothing is lost and
//! nothing lies about.

mod common;

use std::any::Any;
use std::sync::{Arc, Mutex};

use common::{Model, Writer, soak};
use dolmen_base::Rng;
use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use dolmen_sim::{Disk, EIO, Fault, Op};
use dolmen_store::{Db, Options, ReadOptions, SyncPolicy};

/// The last open that a log of 64 MiB meets takes a few write buffers, and has every key.
#[test]
fn an_open_takes_a_few_write_buffers_however_long_the_logs_are() {
    const BUFFER: usize = 1 << 20;
    const KEYS: u32 = 16_384;
    let dir = tempfile::tempdir().unwrap();
    let set = |write_buffer_bytes| Options {
        sync: SyncPolicy::Never,
        write_buffer_bytes,
        auto_compaction: false,
        block_cache_bytes: 64 << 10,
        ..Options::default()
    };
    let value = |n: u32| Rng::new(n.into()).next_u64().to_be_bytes().repeat(512);
    let db = Db::open(dir.path(), set(1 << 30)).unwrap();
    for n in 0..KEYS {
        db.put(&db.default_family(), &n.to_be_bytes(), &value(n)).unwrap();
    }
    db.sync_wal().unwrap();
    drop(db);
    let logs = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap());
    let logs = logs.filter(|entry| entry.path().extension().is_some_and(|e| e == "log"));
    let len: u64 = logs.map(|entry| entry.metadata().unwrap().len()).sum();
    assert!(len > 64 << 20, "the logs hold {len} bytes");

    let mut opened = None;
    let took = allocation_counter::measure(|| opened = Some(Db::open(dir.path(), set(BUFFER)).unwrap()));
    println!("an open of {len} bytes of logs with a write buffer of {BUFFER} bytes took {}", took.bytes_max);
    assert!(took.bytes_max < 6 * BUFFER as u64, "{} bytes", took.bytes_max);
    let db = opened.unwrap();
    for n in 0..KEYS {
        let found = db.get(&db.default_family(), &n.to_be_bytes(), &ReadOptions::default()).unwrap();
        assert!(found.is_some_and(|found| found == value(n)), "key {n}");
    }
}

/// Where the process is when the power goes.
#[derive(Default)]
struct Power {
    calls: u64,
    /// Before this call.
    goes_at: u64,
    seed: u64,
    left: Option<Disk>,
}

/// A disk whose power goes before some call, which the process does not hear of.
#[derive(Clone)]
struct Failing(Disk, Arc<Mutex<Power>>);

impl Failing {
    fn call(&self) {
        let mut power = self.1.lock().unwrap();
        power.calls += 1;
        if power.calls == power.goes_at {
            power.left = Some(self.0.crash(power.seed));
        }
    }
}

struct FailingFile(Arc<dyn File>, Failing);

impl Directory for Failing {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        self.call();
        self.0.open(name, mode).map(|file| Arc::new(FailingFile(file, self.clone())) as Arc<dyn File>)
    }
    fn list(&self) -> Result<Vec<Entry>, IoError> {
        self.0.list()
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.call();
        self.0.rename(from, to)
    }
    fn delete(&self, name: &str) -> Result<(), IoError> {
        self.call();
        self.0.delete(name)
    }
    fn sync(&self) -> Result<(), IoError> {
        self.call();
        self.0.sync()
    }
    fn link_into(&self, name: &str, target: &dyn Directory, target_name: &str) -> Result<(), IoError> {
        self.0.link_into(name, target, target_name)
    }
    fn display(&self) -> String {
        self.0.display()
    }
    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        self.0.lock(name)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl File for FailingFile {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        self.0.read_exact_at(offset, out)
    }
    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        self.1.call();
        self.0.append(bytes)
    }
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.1.call();
        self.0.write_all_at(offset, bytes)
    }
    fn sync(&self) -> Result<(), IoError> {
        self.1.call();
        self.0.sync()
    }
    fn len(&self) -> Result<u64, IoError> {
        self.0.len()
    }
    fn truncate(&self, len: u64) -> Result<(), IoError> {
        self.1.call();
        self.0.truncate(len)
    }
    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        self.0.preallocate(len)
    }
}

fn options(write_buffer_bytes: usize) -> Options {
    Options {
        background_threads: 0,
        auto_compaction: false,
        write_buffer_bytes,
        ..common::options("stringappend")
    }
}

/// The buffer with which the logs are opened again.
const SMALL: usize = 4 << 10;

/// A disk whose logs hold some ten small write buffers in three families, after tables of an earlier life; and what is in it.
fn filled(seed: u64) -> (Disk, Writer, Model) {
    let writer = Writer { key_count: 40, value_len_max: 300, ..Writer::default() };
    let (disk, mut rng) = (Disk::new(), Rng::new(seed));
    let db = Db::open_in(Arc::new(disk.clone()), options(1 << 20)).unwrap();
    writer.create_families(&db);
    let mut model = writer.empty_model();
    for n in 0..200 {
        let (batch, after) = writer.batch(&mut rng, &db, &model);
        db.write(batch, Default::default()).unwrap();
        model = after;
        if n == 30 {
            db.flush().unwrap();
        }
    }
    db.sync_wal().unwrap();
    drop(db);
    (disk.crash(seed), writer, model)
}

fn open(disk: &Disk, write_buffer_bytes: usize) -> Db {
    Db::open_in(Arc::new(disk.clone()), options(write_buffer_bytes)).unwrap()
}

fn count(disk: &Disk, what: &str) -> u64 {
    disk.list().unwrap().iter().filter(|entry| entry.name.ends_with(what)).count() as u64
}

/// All is there; each table that lies there is named, and no log but the one that is written is left.
fn check(disk: &Disk, writer: &Writer, model: &Model, at: &str) {
    for buffer in [1 << 20, SMALL] {
        // An open of what is left, and one more.
        let disk = disk.crash(0);
        for _ in 0..2 {
            let db = open(&disk, buffer);
            assert!(writer.read(&db) == *model, "{at}: not what was written");
            let named: u64 = db.stats().levels.iter().map(|level| level.2).sum();
            assert_eq!(count(&disk, ".sst"), named, "{at}: tables");
            assert_eq!(count(&disk, ".log"), 1, "{at}: logs");
        }
    }
}

#[test]
fn tables_are_made_while_logs_are_replayed() {
    let (disk, writer, model) = filled(0);
    let before = count(&disk, ".sst");
    check(&disk, &writer, &model, "nothing happens");
    let db = open(&disk, SMALL);
    let made = count(&disk, ".sst") - before;
    assert!(made > 15, "{made} tables");
    db.compact(&db.default_family(), None, None).unwrap();
    assert!(writer.read(&db) == model);
}

/// The power goes before any call of such an open that changes something.
#[test]
fn a_power_loss_at_any_moment_of_a_replay() {
    for seed in 0..4 * soak() {
        let (disk, writer, model) = filled(seed);
        let mut calls = u64::MAX;
        let mut at = 1;
        while at <= calls {
            let power = Arc::new(Mutex::new(Power { goes_at: at, seed: seed + at, ..Power::default() }));
            let failing = Failing(disk.crash(0), power.clone());
            let db = Db::open_in(Arc::new(failing), options(SMALL)).unwrap();
            assert!(writer.read(&db) == model);
            let opening = power.lock().unwrap().calls;
            drop(db);
            let left = power.lock().unwrap().left.take();
            check(&left.unwrap(), &writer, &model, &format!("seed {seed}, the power goes before call {at}"));
            calls = opening;
            at += 1;
        }
        assert!(calls > 60, "{calls} calls");
    }
}

/// A call fails: the open says so or goes on, and the next has everything and leaves nothing behind.
#[test]
fn a_fault_in_a_replay() {
    let (disk, writer, model) = filled(7);
    let mut failed = 0;
    for op in [Op::Open, Op::Create, Op::Read, Op::Write, Op::Sync, Op::SyncDir, Op::Rename, Op::Delete] {
        for nth in 1..40 {
            for fault in [Fault::Short, Fault::Error(EIO), Fault::Error(IoError::NoSpace)] {
                let disk = disk.crash(0);
                disk.fail_nth(op, nth, fault);
                let opened = Db::open_in(Arc::new(disk.clone()), options(SMALL));
                disk.forget_faults();
                let at = format!("{op:?} {nth} {fault:?}");
                match opened {
                    Ok(db) => assert!(writer.read(&db) == model, "{at}"),
                    Err(_) => failed += 1,
                }
                check(&disk, &writer, &model, &at);
            }
        }
    }
    assert!(failed > 100, "{failed} opens failed");
}

/// Without room for tables all of it is read into memory, and written when there is room again.
#[test]
fn without_room_for_tables_it_opens_in_memory() {
    let (full, writer, model) = filled(3);
    for room in [2_000, 4_000, 8_000, 12_000] {
        let disk = full.crash(0);
        let before = count(&disk, ".sst");
        disk.set_capacity(disk.used() + room);
        let db = open(&disk, SMALL);
        assert!(writer.read(&db) == model, "room for {room} bytes");
        let reason = db.stats().background_error.expect("the flush of it has failed");
        assert!(reason.to_string().contains("No space left on device"), "{reason}");
        assert_eq!(count(&disk, ".sst"), before, "no table is left of the attempt");
        disk.set_capacity(1 << 30);
        db.flush().unwrap();
        assert!(writer.read(&db) == model, "room again");
        drop(db);
        check(&disk, &writer, &model, &format!("room for {room} bytes"));
    }
}

/// Who only reads changes nothing.
#[test]
fn a_read_only_open_makes_no_tables() {
    let (disk, writer, model) = filled(4);
    let before: Vec<_> = disk.list().unwrap().into_iter().map(|entry| (entry.name, entry.len)).collect();
    let db = Db::open_read_only_in(Arc::new(disk.clone()), options(SMALL)).unwrap();
    assert!(writer.read(&db) == model);
    let after: Vec<_> = disk.list().unwrap().into_iter().map(|entry| (entry.name, entry.len)).collect();
    assert_eq!(before, after);
}
