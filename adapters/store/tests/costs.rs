//! What writers do not pay for: syncs that nobody asked for, memory of what was written long ago.

use std::any::Any;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use dolmen_sim::Disk;
use dolmen_store::{Db, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

/// What a test here measures is the whole process's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether logs may be synced now, and how many syncs wait for that.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn close(&self) {
        self.state.lock().unwrap().0 = true;
    }

    fn open(&self) {
        self.state.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 -= 1;
    }

    /// Waits until a sync stands before the closed gate.
    fn wait_for_one(&self) {
        let state = self.state.lock().unwrap();
        let patience = Duration::from_secs(30);
        let (state, _) = self.changed.wait_timeout_while(state, patience, |state| state.1 == 0).unwrap();
        assert!(state.1 > 0, "no log is synced");
    }
}

/// A disk on which a sync of a log takes as long as the gate is closed.
struct Slow(Disk, Arc<Gate>);

struct SlowFile(Arc<dyn File>, Option<Arc<Gate>>);

impl Directory for Slow {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        let gate = name.ends_with(".log").then(|| self.1.clone());
        self.0.open(name, mode).map(|file| Arc::new(SlowFile(file, gate)) as Arc<dyn File>)
    }

    fn list(&self) -> Result<Vec<Entry>, IoError> {
        self.0.list()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.0.rename(from, to)
    }

    fn delete(&self, name: &str) -> Result<(), IoError> {
        self.0.delete(name)
    }

    fn sync(&self) -> Result<(), IoError> {
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

impl File for SlowFile {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        self.0.read_exact_at(offset, out)
    }

    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        self.0.append(bytes)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.0.write_all_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), IoError> {
        self.1.iter().for_each(|gate| gate.pass());
        self.0.sync()
    }

    fn len(&self) -> Result<u64, IoError> {
        self.0.len()
    }

    fn truncate(&self, len: u64) -> Result<(), IoError> {
        self.0.truncate(len)
    }

    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        self.0.preallocate(len)
    }
}

fn put(db: &Db, n: u32) {
    db.put(&db.default_family(), &n.to_be_bytes(), &[n as u8; 1000]).unwrap();
}

fn all(db: &Db) -> u32 {
    let mut iter = db.iter(&db.default_family(), ReadOptions::default()).unwrap();
    let mut count = 0;
    iter.seek_to_first().unwrap();
    while iter.valid() {
        count += 1;
        iter.next().unwrap();
    }
    count
}

/// Writes without a sync go on while the disk syncs what nobody waits for: the log before a rotation, and the log when its interval is over.
#[test]
fn writers_do_not_wait_for_syncs_that_nobody_asked_for() {
    let _alone = alone();
    for sync in [SyncPolicy::Never, SyncPolicy::Interval(Duration::from_millis(5))] {
        let (disk, gate) = (Disk::new(), Arc::new(Gate::default()));
        let options = || Options { sync, write_buffer_bytes: 256 << 10, ..Options::default() };
        let db = Db::open_in(Arc::new(Slow(disk.clone(), gate.clone())), options()).unwrap();
        gate.close();
        let (writer, (sender, receiver)) = (db.clone(), mpsc::channel());
        let begun = gate.clone();
        std::thread::spawn(move || {
            // Over the border of one memtable, and not near that of the next.
            (0..300).for_each(|n| put(&writer, n));
            begun.wait_for_one();
            (300..400).for_each(|n| put(&writer, n));
            sender.send(()).unwrap();
        });
        let answer = receiver.recv_timeout(Duration::from_secs(60));
        gate.open();
        answer.unwrap_or_else(|_| panic!("{sync:?}: a put waits for a sync of the log"));
        assert_eq!(all(&db), 400);
        db.flush().unwrap();
        put(&db, 400);
        db.sync_wal().unwrap();
        let crashed = disk.crash(1);
        drop(db);
        assert_eq!(all(&Db::open_in(Arc::new(crashed), options()).unwrap()), 401, "{sync:?}");
    }
}

/// Bytes of this process in memory; nothing where the kernel does not say.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kib.split_whitespace().next()?.parse::<usize>().ok()? << 10)
}

/// What a large batch needed is given back, however it came. Its bytes are for the log alone, so that no memtable blurs the picture.
#[test]
fn a_large_batch_is_not_kept() {
    let _alone = alone();
    const LARGE: usize = 128 << 20;
    for submits in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), Options { sync: SyncPolicy::Never, ..Options::default() }).unwrap();
        put(&db, 0);
        let Some(before) = resident() else {
            println!("skipped: no data");
            return;
        };
        let mut batch = WriteBatch::with_capacity(LARGE + 100);
        batch.put_log_data(&vec![5; LARGE]);
        batch.put(db.default_family().id, b"k", b"v");
        if submits {
            let (sender, receiver) = mpsc::channel();
            let done = move |outcome: Result<_, _>| drop(sender.send(outcome));
            db.submit(batch, WriteOptions::default(), Box::new(done));
            receiver.recv().unwrap().unwrap();
        } else {
            db.write(batch, WriteOptions::default()).unwrap();
        }
        put(&db, 1);
        let kept = resident().unwrap_or(before).saturating_sub(before);
        assert!(kept < LARGE / 2, "submitted {submits}: {kept} bytes are kept");
    }
}
