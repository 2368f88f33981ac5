//! Every call ends with an answer, whatever is damaged, closed, dropped, full or panics in a callback.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::picker::CompactionOptions;
use dolmen_sim::Disk;
use dolmen_store::{
    Db, Event, FamilyId, FamilyOptions, Listener, Options, ReadMode, ReadOptions, StoreError, SyncPolicy,
    WriteBatch, WriteError, WriteOptions,
};

/// What `call` answers; it must do so in time.
fn answered<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || drop(sender.send(call())));
    receiver.recv_timeout(Duration::from_secs(30)).expect("the call has no answer")
}

fn small() -> Options {
    Options {
        sync: SyncPolicy::Never,
        write_buffer_bytes: 64 << 10,
        target_file_bytes: 64 << 10,
        compaction: CompactionOptions {
            level0_file_count_trigger: 4,
            base_len_max: 256 << 10,
            multiplier: 10,
        },
        level0_slowdown: 8,
        level0_stop: 12,
        ..Options::default()
    }
}

fn put(db: &Db, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
    db.put(&db.default_family(), key, value).map(drop)
}

/// Flips a bit in the first table of a closed database; its name comes back.
fn damage_a_table(dir: &Path) -> String {
    let all = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut tables: Vec<_> = all.filter(|p| p.extension().is_some_and(|x| x == "sst")).collect();
    tables.sort();
    let mut bytes = std::fs::read(&tables[0]).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&tables[0], bytes).unwrap();
    tables[0].file_name().unwrap().to_string_lossy().into_owned()
}

/// A database with one damaged table of level 0, open.
fn damaged(dir: &Path, options: Options) -> (Db, String) {
    let db = Db::open(dir, Options { auto_compaction: false, ..small() }).unwrap();
    db.create_family("other").unwrap();
    for i in 0..200u32 {
        put(&db, &i.to_be_bytes(), &[i as u8; 200]).unwrap();
    }
    db.flush().unwrap();
    db.close().unwrap();
    drop(db);
    let table = damage_a_table(dir);
    (Db::open(dir, options).unwrap(), table)
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn event(&self, event: &Event<'_>) {
        if let Event::BackgroundError(error) = event {
            self.0.lock().unwrap().push(error.to_string());
        }
    }
}

/// Writers to a family whose level 0 holds a damaged table hear of it by name once there is no room; other families, reads and flushes go on,
/// and so do the writers when the family has gone.
#[test]
fn a_damaged_table_is_told_and_stops_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let (db, table) = damaged(dir.path(), Options { listener: Some(heard.clone()), ..small() });
    let writer = db.clone();
    let error = answered(move || {
        (0..100_000u64).find_map(|i| put(&writer, &(i * 7919).to_be_bytes(), &[i as u8; 200]).err())
    });
    let error = error.expect("writers hear of it");
    assert!(matches!(error, WriteError::Background(_)) && error.to_string().contains(&table), "{error}");
    let stands = db.stats().background_error.expect("it stands");
    assert!(stands.to_string().contains(&table), "{stands}");
    assert!(db.stats().trouble().is_some_and(|trouble| trouble.contains(&table)));
    assert!(heard.0.lock().unwrap().iter().any(|text| text.contains(&table)));
    let other = db.family("other").unwrap();
    let also = db.clone();
    answered(move || {
        for i in 0..2_000u32 {
            also.put(&other, &i.to_be_bytes(), &[1; 200]).unwrap();
        }
        also.flush().unwrap();
        assert_eq!(
            also.get(&other, &7u32.to_be_bytes(), &ReadOptions::default()).unwrap().unwrap(),
            [1; 200]
        );
    });
    assert!(db.stats().background_error.is_some(), "a flush that went well takes nothing back");
    answered(move || db.close().unwrap());
}

/// The same where the writer's thread does all the work.
#[test]
fn a_damaged_table_is_told_without_background_threads() {
    let dir = tempfile::tempdir().unwrap();
    let (db, table) = damaged(dir.path(), Options { background_threads: 0, ..small() });
    let error = answered(move || {
        (0..100_000u64).find_map(|i| put(&db, &(i * 7919).to_be_bytes(), &[i as u8; 200]).err())
    });
    let error = error.expect("writers hear of it").to_string();
    assert!(error.contains(&table), "{error}");
}

/// A compaction over damage fails each time that it is asked for.
#[test]
fn compact_over_damage_errs_each_time() {
    for auto_compaction in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (db, table) = damaged(dir.path(), Options { auto_compaction, ..small() });
        for round in 0..3 {
            let asking = db.clone();
            let result = answered(move || asking.compact(&asking.default_family(), None, None));
            let error = result.expect_err("it is damaged").to_string();
            assert!(error.contains(&table), "round {round}: {error}");
        }
        // The other family's requests have nothing to do with it.
        let other = db.family("other").unwrap();
        db.put(&other, b"k", b"v").unwrap();
        answered(move || {
            db.flush().unwrap();
            db.compact(&other, None, None).unwrap();
            db.resume().unwrap();
            db.close().unwrap();
        });
    }
}

/// Flushes and compactions beside a close are answered.
#[test]
fn requests_beside_a_close_are_answered() {
    for round in 0..200u64 {
        let disk = Disk::new();
        let db = Db::open_in(Arc::new(disk), small()).unwrap();
        put(&db, b"a", &[1; 1000]).unwrap();
        let (one, two) = (db.clone(), db.clone());
        let flusher = std::thread::spawn(move || drop(one.flush()));
        let compacter = std::thread::spawn(move || drop(two.compact(&two.default_family(), None, None)));
        answered(move || {
            std::thread::sleep(Duration::from_micros(round % 97));
            db.close().unwrap();
            flusher.join().unwrap();
            compacter.join().unwrap();
            assert_eq!(put(&db, b"b", b""), Err(WriteError::Closed));
            assert_eq!(db.flush(), Err(StoreError::Write(WriteError::Closed)));
        });
    }
}

/// A completion that panics, waits for its own database, or drops the last handle ends nobody's service.
#[test]
fn completions_that_misbehave() {
    for background_threads in [0, 2] {
        for sync in [SyncPolicy::Always, SyncPolicy::Never] {
            let options = || Options { background_threads, sync, ..small() };
            let db = Db::open_in(Arc::new(Disk::new()), options()).unwrap();
            let batch = |key: &[u8]| {
                let mut batch = WriteBatch::new();
                batch.put(FamilyId::new(0), key, b"v");
                batch
            };
            let (panicking, first) = (db.clone(), batch(b"a"));
            answered(move || {
                panicking.submit(first, WriteOptions::default(), Box::new(|_| panic!("a caller's panic")));
                put(&panicking, b"b", b"v").unwrap();
            });
            let (waiting, (sender, receiver)) = (db.clone(), sync_channel(1));
            let inner = db.clone();
            let second = batch(b"c");
            answered(move || {
                let done = move |outcome: Result<_, WriteError>| {
                    outcome.unwrap();
                    let nested = put(&inner, b"d", b"v");
                    let flushed = inner.flush();
                    sender.send((nested, flushed)).unwrap();
                };
                waiting.submit(second, WriteOptions::default(), Box::new(done));
                let (nested, flushed) = receiver.recv().unwrap();
                assert_eq!(nested, Err(WriteError::Reentrant));
                assert_eq!(flushed, Err(StoreError::Write(WriteError::Reentrant)));
                put(&waiting, b"e", b"v").unwrap();
            });
            let last = batch(b"f");
            answered(move || {
                let (sender, receiver) = sync_channel(1);
                let held = db.clone();
                let done = move |_| {
                    drop(held);
                    sender.send(()).unwrap();
                };
                db.submit(last, WriteOptions::default(), Box::new(done));
                drop(db);
                receiver.recv().unwrap();
            });
        }
    }
}

struct Panics(AtomicUsize);

impl MergeOperator for Panics {
    fn name(&self) -> &str {
        "panics"
    }
    fn full_merge(&self, _: &[u8], _: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 3, "a merge operator's panic");
        Some(operands.concat())
    }
}

/// A merge operator that panics refuses; nothing is lost, and once it works again the values are there.
#[test]
fn a_merge_operator_that_panics() {
    let merge_operator: Option<Arc<dyn MergeOperator>> = Some(Arc::new(Panics(AtomicUsize::new(0))));
    let default_family = FamilyOptions { merge_operator, ..FamilyOptions::default() };
    let db = Db::open_in(Arc::new(Disk::new()), Options { default_family, ..small() }).unwrap();
    let family = db.default_family();
    answered(move || {
        put(&db, b"k", b"a").unwrap();
        db.merge(&family, b"k", b"b").unwrap();
        db.get(&family, b"k", &ReadOptions::default()).unwrap_err();
        db.flush().unwrap();
        db.compact(&family, None, None).unwrap();
        for i in 0..20_000u32 {
            put(&db, &i.to_be_bytes(), &[1; 100]).unwrap();
        }
        while db.get(&family, b"k", &ReadOptions::default()).is_err() {}
        assert_eq!(db.get(&family, b"k", &ReadOptions::default()).unwrap().unwrap(), b"b");
        db.close().unwrap();
    });
}

/// Options that no database can work with are refused by name.
#[test]
fn options_are_checked() {
    let family = |compression| FamilyOptions { compression, ..FamilyOptions::default() };
    let wrong = [
        ("write_buffer_bytes", Options { write_buffer_bytes: 0, ..Options::default() }),
        ("target_file_bytes", Options { target_file_bytes: 0, ..Options::default() }),
        ("compression", Options { default_family: family(99), ..Options::default() }),
        ("compression", Options { families: vec![("x".into(), family(3))], ..Options::default() }),
        ("level0_stop", Options { level0_stop: 1, ..Options::default() }),
        ("interval", Options { sync: SyncPolicy::Interval(Duration::ZERO), ..Options::default() }),
    ];
    for (name, options) in wrong {
        let disk = Disk::new();
        let error = Db::open_in(Arc::new(disk.clone()), options).err().expect(name).to_string();
        assert!(error.contains(name), "{error}");
        assert_eq!(disk.used(), 0, "nothing is made by an open that fails");
    }
    let (plain, default) = (FamilyOptions::default(), Options::default().default_family);
    assert_eq!(
        (plain.compression, plain.bloom_bits_per_key),
        (default.compression, default.bloom_bits_per_key)
    );
}

/// A family that was dropped is an error to every reader and writer.
#[test]
fn a_dropped_family_is_an_error() {
    let db = Db::open_in(Arc::new(Disk::new()), small()).unwrap();
    let family = db.create_family("gone").unwrap();
    db.put(&family, b"k", b"v").unwrap();
    db.drop_family(&family).unwrap();
    let read = ReadOptions::default();
    let gone = StoreError::NoSuchFamily("gone".into());
    assert_eq!(db.get(&family, b"k", &read), Err(gone.clone()));
    assert_eq!(db.contains(&family, b"k", &read), Err(gone.clone()));
    assert_eq!(db.iter(&family, read).err(), Some(gone));
    assert_eq!(db.put(&family, b"k", b"v"), Err(WriteError::NoSuchFamily(family.id)));
}

/// A range that begins behind its end is refused with both ends; an empty one deletes nothing.
#[test]
fn an_inverted_range_is_refused() {
    let db = Db::open_in(Arc::new(Disk::new()), small()).unwrap();
    let family = db.default_family();
    let delete = |begin: &[u8], end: &[u8]| {
        let mut batch = WriteBatch::new();
        batch.delete_range(family.id, begin, end);
        db.write(batch, WriteOptions::default())
    };
    let error = delete(b"z", b"a").unwrap_err().to_string();
    assert!(error.contains("\"z\"") && error.contains("\"a\""), "{error}");
    delete(b"a", b"a").unwrap();
}

/// Once closed, the directory is free for the next one, whoever still holds a handle; and that one reads on.
#[test]
fn a_closed_database_lets_go_of_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = Db::open(dir.path(), small()).unwrap();
    put(&first, b"k", b"v").unwrap();
    first.close().unwrap();
    first.close().unwrap();
    let second = Db::open(dir.path(), small()).unwrap();
    for db in [&first, &second] {
        assert_eq!(db.get(&db.default_family(), b"k", &ReadOptions::default()).unwrap().unwrap(), b"v");
    }
}

/// Opening makes tables of what the logs hold and leaves compactions to the threads.
#[test]
fn open_does_not_wait_for_compactions() {
    let disk = Disk::new();
    let lazy = || Options { auto_compaction: false, background_threads: 0, ..small() };
    let db = Db::open_in(Arc::new(disk.clone()), lazy()).unwrap();
    for i in 0..10u32 {
        for j in 0..50u32 {
            put(&db, &(j * 16 + i).to_be_bytes(), &[i as u8; 100]).unwrap();
        }
        db.flush().unwrap();
    }
    put(&db, b"last", b"one").unwrap();
    db.close().unwrap();
    drop(db);
    // Without threads nothing runs behind the open: what it did is what the counts say.
    let db = Db::open_in(Arc::new(disk), Options { background_threads: 0, ..small() }).unwrap();
    let stats = db.stats();
    assert_eq!((stats.flushes, stats.compactions), (1, 0));
    assert_eq!(stats.levels, [("default".to_owned(), 0, 11, stats.levels[0].3)]);
}

/// Reads that may not wait say so where a file would have to be read, and find what is in memory.
#[test]
fn reads_that_may_not_block() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), small()).unwrap();
    let family = db.default_family();
    let cached = ReadOptions { mode: ReadMode::CacheOnly, ..ReadOptions::default() };
    put(&db, b"a", b"1").unwrap();
    assert_eq!(db.get(&family, b"a", &cached).unwrap().unwrap(), b"1");
    db.flush().unwrap();
    assert_eq!(db.get(&family, b"a", &cached), Err(StoreError::WouldBlock));
    assert_eq!(db.contains(&family, b"a", &cached), Err(StoreError::WouldBlock));
    assert_eq!(db.multi_get(&family, &[b"a"], &cached), Err(StoreError::WouldBlock));
    let mut iter = db.iter(&family, cached.clone()).unwrap();
    assert_eq!(iter.seek_to_first(), Err(StoreError::WouldBlock));
    assert!(!iter.valid());
    let pinned = db.get_pinned(&family, b"a", &ReadOptions::default()).unwrap().unwrap();
    assert_eq!(&*pinned, b"1");
    assert!(db.contains(&family, b"a", &cached).unwrap());
    iter.seek_to_first().unwrap();
    assert_eq!((iter.key(), iter.value()), (&b"a"[..], &b"1"[..]));
    let several = db.multi_get(&family, &[b"a", b"b"], &cached).unwrap();
    assert_eq!(several, [Some(pinned), None]);
}

/// A pinned value outlives what made it: its memtable's flush, its table's compaction, the database.
#[test]
fn pinned_values_stay() {
    let db = Db::open_in(Arc::new(Disk::new()), small()).unwrap();
    let (family, read) = (db.default_family(), ReadOptions::default());
    put(&db, b"k", b"first").unwrap();
    let first = db.get_pinned(&family, b"k", &read).unwrap().unwrap();
    put(&db, b"k", b"second").unwrap();
    db.flush().unwrap();
    let second = db.get_pinned(&family, b"k", &read).unwrap().unwrap();
    let snapshot = Arc::new(db.snapshot());
    db.delete(&family, b"k").unwrap();
    assert!(!db.contains(&family, b"k", &read).unwrap());
    let at = ReadOptions { prefix: Some(b"k".to_vec()), ..ReadOptions::at(&snapshot) };
    let mut iter = db.iter(&family, at.clone()).unwrap();
    drop(snapshot);
    db.compact(&family, None, None).unwrap();
    iter.seek_to_first().unwrap();
    assert_eq!(iter.value(), b"second", "the iterator holds its snapshot");
    drop((iter, at));
    db.close().unwrap();
    drop(db);
    assert_eq!((&*first, &*second), (&b"first"[..], &b"second"[..]));
}

/// What a snapshot kept is given back once it has gone.
#[test]
fn space_under_a_released_snapshot_comes_back() {
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap();
    let family = db.default_family();
    for i in 0..5_000u32 {
        let mut value = [0; 200];
        value[..4].copy_from_slice(&i.wrapping_mul(0x9e37_79b9).to_le_bytes());
        put(&db, &i.to_be_bytes(), &value).unwrap();
    }
    let snapshot = db.snapshot();
    let mut batch = WriteBatch::new();
    batch.delete_range(family.id, b"", &[0xff; 5]);
    db.write(batch, WriteOptions::default()).unwrap();
    db.compact(&family, None, None).unwrap();
    let tables = |db: &Db| db.stats().levels.iter().map(|l| l.3).sum::<u64>();
    let held = tables(&db);
    assert!(held > 20_000, "{held}");
    drop(snapshot);
    db.compact(&family, None, None).unwrap();
    assert_eq!(tables(&db), 0, "{:?}", db.stats().levels);
    assert!(common::all(&db).is_empty());
}

/// A key that was overwritten very often costs a step backwards, or a reader of the past, a seek and no walk over all of its entries.
#[test]
fn a_hot_key_is_passed_by_a_seek() {
    const OVERWRITES: u32 = 100_000;
    let options = Options { write_buffer_bytes: 256 << 20, ..small() };
    let db = Db::open_in(Arc::new(Disk::new()), options).unwrap();
    let family = db.default_family();
    put(&db, b"a", b"1").unwrap();
    put(&db, b"hot", b"first").unwrap();
    let snapshot = Arc::new(db.snapshot());
    put(&db, b"z", b"1").unwrap();
    for i in 0..OVERWRITES {
        put(&db, b"hot", &i.to_le_bytes()).unwrap();
    }
    let last = (OVERWRITES - 1).to_le_bytes();
    let walk = |read: &ReadOptions, value: &[u8], count: usize| {
        let mut iter = db.iter(&family, read.clone()).unwrap();
        let began = std::time::Instant::now();
        for _ in 0..200 {
            let (mut forward, mut backward) = (Vec::new(), Vec::new());
            iter.seek_to_first().unwrap();
            while iter.valid() {
                forward.push((iter.key().to_vec(), iter.value().to_vec()));
                iter.next().unwrap();
            }
            iter.seek_to_last().unwrap();
            while iter.valid() {
                backward.push((iter.key().to_vec(), iter.value().to_vec()));
                iter.prev().unwrap();
            }
            backward.reverse();
            assert_eq!(forward, backward);
            assert_eq!((forward.len(), &*forward[1].1), (count, value));
        }
        // 200 walks over 100,000 entries would take minutes; by seeks they take milliseconds.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    };
    walk(&ReadOptions::default(), &last, 3);
    walk(&ReadOptions::at(&snapshot), b"first", 2);
}

/// A checkpoint is there whole or not at all, and a try that failed is no obstacle.
#[test]
fn a_checkpoint_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("db"), small()).unwrap();
    put(&db, b"k", b"v").unwrap();
    let target = dir.path().join("deep/er/copy");
    std::fs::create_dir_all(dir.path().join("deep/er/copy.partial")).unwrap();
    std::fs::write(dir.path().join("deep/er/copy.partial/left"), b"over").unwrap();
    db.checkpoint(&target).unwrap();
    assert!(!dir.path().join("deep/er/copy.partial").exists());
    let copy = Db::open(&target, small()).unwrap();
    assert_eq!(copy.get(&copy.default_family(), b"k", &ReadOptions::default()).unwrap().unwrap(), b"v");
    let error = db.checkpoint(&target).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    assert!(db.checkpoint(Path::new("/proc/nowhere/copy")).is_err());
}

/// Whether a large value is there is told without its block, overwritten, deleted or not; small neighbours are found as ever.
#[test]
fn a_large_value_is_not_read_to_say_that_it_exists() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { background_threads: 0, auto_compaction: false, ..small() };
    let db = Db::open(dir.path(), Options { write_buffer_bytes: 64 << 20, ..options }).unwrap();
    let family = db.default_family();
    let large = vec![7; 4 << 20];
    for key in [b"b", b"d", b"f"] {
        put(&db, key, &large).unwrap();
    }
    for key in [b"a", b"c", b"e", b"g"] {
        put(&db, key, b"small").unwrap();
    }
    db.flush().unwrap();
    db.delete(&family, b"d").unwrap();
    db.flush().unwrap();
    let cached = ReadOptions { mode: ReadMode::CacheOnly, ..ReadOptions::default() };
    for (key, there) in [(&b"b"[..], true), (b"f", true)] {
        assert_eq!(db.contains(&family, key, &cached), Ok(there));
        assert_eq!(db.get(&family, key, &cached), Err(StoreError::WouldBlock));
    }
    let read = ReadOptions::default();
    for (key, there) in [(&b"a"[..], true), (b"d", false), (b"dx", false), (b"e", true), (b"h", false)] {
        assert_eq!(db.contains(&family, key, &read), Ok(there));
        assert_eq!(db.get_pinned(&family, key, &read).unwrap().is_some(), there);
    }
    assert_eq!(&*db.get_pinned(&family, b"b", &read).unwrap().unwrap(), &large[..]);
    db.compact(&family, None, None).unwrap();
    let keys: Vec<_> = common::all(&db).into_keys().collect();
    assert_eq!(keys, [b"a", b"b", b"c", b"e", b"f", b"g"]);
}

/// What was written under an interval is synced by the clock, and witnessed, though nobody writes any more.
#[test]
fn an_interval_ends_without_another_write() {
    let dir = tempfile::tempdir().unwrap();
    for background_threads in [0, 2] {
        let sync = SyncPolicy::Interval(Duration::from_millis(20));
        let path = dir.path().join(background_threads.to_string());
        let db = Db::open(&path, Options { sync, background_threads, ..small() }).unwrap();
        for round in 1..=3 {
            put(&db, b"a", b"1").unwrap();
            let synced = db.clone();
            answered(move || {
                while synced.stats().wal_syncs < round {
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
    }
}
