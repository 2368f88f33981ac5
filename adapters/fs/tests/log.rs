//! A log on real files and many threads.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use dolmen_base::io::{Directory, IoError};
use dolmen_fs::{AppendError, Dir, SharedLog};
use dolmen_sim::{Disk, EIO, Fault, Op};
use dolmen_wal::commit::{self, CommitError, Policy};
use dolmen_wal::entry::Lsn;
use dolmen_wal::log::{Options, Refused};
use dolmen_wal::scan::{ScanOptions, read};

fn texts(dir: &dyn Directory) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    read(dir, ScanOptions::default(), &mut |r| texts.push(r.bytes.to_vec())).unwrap();
    texts
}

#[test]
fn threads_share_a_log() {
    const THREADS: u64 = 8;
    const RECORDS: u64 = 100;
    let root = tempfile::tempdir().unwrap();
    for policy in [Policy::Always, Policy::Interval(Duration::from_millis(2)), Policy::Never] {
        let path = root.path().join(format!("{policy:?}"));
        let options = Options { policy, segment_len: 16 << 10, ..Options::default() };
        let (log, _) = SharedLog::open(Arc::new(Dir::create(&path).unwrap()), options).unwrap();
        let mut lsns = BTreeSet::new();
        thread::scope(|scope| {
            let log = &log;
            let write = |t: u64| {
                move || {
                    let transaction = log.begin().unwrap();
                    let mut lsns = vec![];
                    for i in 0..RECORDS {
                        lsns.push(log.append(format!("{t} {i}").as_bytes(), None).unwrap());
                        lsns.push(log.write(transaction, format!("{t} {i} tx").as_bytes()).unwrap());
                    }
                    log.commit(transaction).unwrap();
                    assert!(lsns.is_sorted(), "one thread's records are in its order");
                    lsns
                }
            };
            let threads: Vec<_> = (0..THREADS).map(|t| scope.spawn(write(t))).collect();
            threads.into_iter().for_each(|t| lsns.extend(t.join().unwrap()));
        });
        log.sync().unwrap();
        assert_eq!(lsns.len() as u64, 2 * THREADS * RECORDS, "every record has its own LSN");
        let read = texts(&Dir::open(&path).unwrap());
        assert_eq!(read.len() as u64, 2 * THREADS * RECORDS);
        for t in 0..THREADS {
            let of_t = |r: &&Vec<u8>| r.starts_with(format!("{t} ").as_bytes()) && !r.ends_with(b"tx");
            let expected = (0..RECORDS).map(|i| format!("{t} {i}").into_bytes());
            assert!(read.iter().filter(of_t).cloned().eq(expected), "thread {t}");
        }
    }
}

/// A full disk fails writes with the reason; they go on when space returns. A failed sync ends writing.
#[test]
fn a_full_disk_and_a_failed_sync() {
    let disk = Disk::new();
    let options = Options { preallocate: false, ..Options::default() };
    let (log, _) = SharedLog::open(Arc::new(disk.clone()), options).unwrap();
    log.append(b"kept", None).unwrap();
    disk.set_capacity(disk.used() + 10);
    let full = log.append(b"too much", None);
    assert_eq!(full, Err(AppendError::Failed(CommitError::Write(IoError::NoSpace))));
    assert_eq!(texts(&disk), [b"kept"], "reads go on");
    disk.set_capacity(1 << 20);
    assert_eq!(log.append(b"resumed", None), Ok(Lsn::new(2)), "no hole in the LSNs");
    disk.fail_nth(Op::Sync, 1, Fault::Error(EIO));
    assert_eq!(log.append(b"perhaps", None), Err(AppendError::Failed(CommitError::Poisoned(EIO))));
    let refused = Refused::Commit(commit::Refused::Poisoned(EIO));
    assert_eq!(log.append(b"never", None), Err(AppendError::Refused(refused)));
    drop(log);
    assert_eq!(texts(&disk.crash(1))[..2], [&b"kept"[..], b"resumed"]);
}

/// What comes while a group is written and synced shares the next write and sync.
#[test]
fn a_group_is_written_and_synced_once() {
    const THREADS: usize = 16;
    let disk = Disk::new();
    let (log, _) = SharedLog::open(Arc::new(disk.clone()), Options::default()).unwrap();
    let start = Barrier::new(THREADS);
    let (writes, syncs) = (disk.count(Op::Write), disk.count(Op::Sync));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..500 {
                    log.append(b"x", None).unwrap();
                }
            });
        }
    });
    assert_eq!(texts(&disk).len(), 500 * THREADS);
    let (writes, syncs) = (disk.count(Op::Write) - writes, disk.count(Op::Sync) - syncs);
    assert!(writes <= 500 * THREADS as u64 && syncs == writes, "{writes} writes, {syncs} syncs");
}
