//! A log on a disk that loses what was not synced: what was acknowledged is found again, and what is known of it is what a reading of its batches
//! gives.

use std::sync::Arc;
use std::sync::mpsc;

use dolmen_base::Rng;
use dolmen_base::io::Directory;
use dolmen_kafka::batch::{Batch, Builder, Meta, attribute};
use dolmen_kafka::control::{Marker, MarkerMeta, Outcome, put_marker};
use dolmen_kafka::log::LogSettings;
use dolmen_kafka::partition::Partition;
use dolmen_kafka::record::Record;
use dolmen_sim::Disk;

use super::log::{Shared, Want};
use super::open::{Opening, open};
use super::{Checkpoints, Flusher, PartitionLog};

const NOW: i64 = 1_700_000_000_000;

fn settings() -> LogSettings {
    LogSettings { segment_len_max: 1500, index_interval_len: 200, ..LogSettings::default() }
}

/// The folder, and the log directory with its checkpoints.
struct Disks {
    folder: Disk,
    root: Disk,
}

impl Disks {
    fn open(&self, is_clean: bool) -> Arc<PartitionLog> {
        let root: Arc<dyn Directory> = Arc::new(self.root.clone());
        let shared = Arc::new(Shared {
            flusher: Flusher::start().unwrap(),
            checkpoints: Checkpoints::read(root.clone()),
        });
        let opening = Opening { place: ("t".into(), 0), settings: settings(), is_clean, now_ms: NOW };
        open(Arc::new(self.folder.clone()), root, shared, opening).unwrap().0
    }

    fn crash(&self, seed: u64) -> Disks {
        // The checkpoints first: they are never newer than what they speak of.
        let root = self.root.crash(seed + 1);
        Disks { folder: self.folder.crash(seed), root }
    }
}

fn record_batch(producer: i64, epoch: i16, sequence: i32, is_transactional: bool, count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let attributes = if is_transactional { attribute::TRANSACTIONAL } else { 0 };
    let meta = Meta {
        producer_id: producer,
        producer_epoch: epoch,
        base_sequence: sequence,
        attributes,
        ..Meta::default()
    };
    let mut builder = Builder::new(&mut out, meta);
    for _ in 0..count {
        builder.push(NOW, Record { value: Some(&[b'x'; 40]), ..Record::default() });
    }
    builder.finish(None);
    out
}

fn marker(producer: i64, outcome: Outcome) -> Vec<u8> {
    let mut out = Vec::new();
    let meta = MarkerMeta {
        producer_id: producer,
        producer_epoch: 0,
        base_offset: 0,
        leader_epoch: 0,
        timestamp_ms: NOW,
    };
    put_marker(&mut out, meta, Marker { outcome, coordinator_epoch: 0 });
    out
}

/// A writer of random batches, idempotent and transactional ones among them.
struct Writer {
    rng: Rng,
    sequences: [i32; 4],
    open: [bool; 4],
}

impl Writer {
    fn next(&mut self) -> Vec<u8> {
        let producer = self.rng.below(4);
        let at = usize::try_from(producer).unwrap();
        let id = i64::try_from(producer).unwrap() + 10;
        if self.open[at] && self.rng.below(3) == 0 {
            self.open[at] = false;
            let outcome = if self.rng.below(2) == 0 { Outcome::Abort } else { Outcome::Commit };
            return marker(id, outcome);
        }
        let count = 1 + usize::try_from(self.rng.below(3)).unwrap();
        let is_transactional = at < 3;
        self.open[at] |= is_transactional;
        let sequence = self.sequences[at];
        self.sequences[at] += i32::try_from(count).unwrap();
        record_batch(id, 0, sequence, is_transactional, count)
    }
}

/// What a reading of all batches gives: their bytes, and the rules.
fn twin(log: &PartitionLog) -> (Vec<Vec<u8>>, Partition) {
    let (mut all, mut rules) = (Vec::new(), Partition::new(0));
    log.walk(|batch| {
        all.push(batch.bytes().to_vec());
        rules.appended(batch);
        true
    })
    .unwrap();
    (all, rules)
}

fn check(log: &PartitionLog, acknowledged: &[Vec<u8>]) {
    let (all, mut rules) = twin(log);
    assert!(all.len() >= acknowledged.len(), "{} of {} acknowledged batches", all.len(), acknowledged.len());
    assert_eq!(&all[..acknowledged.len()], acknowledged);
    let inner = log.lock();
    rules.durable_until(rules.log_end());
    assert_eq!(inner.rules.log_end(), rules.log_end());
    assert_eq!(inner.rules.last_stable_offset(), rules.last_stable_offset());
    assert_eq!(inner.rules.aborted(), rules.aborted());
    for (id, known) in rules.producers().iter() {
        let found = inner.rules.producers().get(id).unwrap();
        assert_eq!((found.epoch, found.open_since), (known.epoch, known.open_since), "producer {id}");
        assert_eq!(found.batches.back(), known.batches.back(), "producer {id}");
    }
}

/// Every record can be reached by its offset.
fn check_reads(log: &PartitionLog) {
    let end = log.lock().rules.log_end();
    for offset in 0..end {
        let read = log.read(Want { offset, is_committed: false, len_max: 1, at_least_one: true }).unwrap();
        let (batch, _) = Batch::split(&read.bytes, 0).unwrap();
        assert!((batch.base_offset()..=batch.last_offset()).contains(&offset));
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_failure() {
    for seed in 0..dolmen_testkit::soak(60) {
        let mut disks = Disks { folder: Disk::new(), root: Disk::new() };
        let mut writer = Writer { rng: Rng::new(seed), sequences: [0; 4], open: [false; 4] };
        let mut acknowledged: Vec<Vec<u8>> = Vec::new();
        for life in 0..4 {
            let is_clean = life > 0 && writer.rng.below(4) == 0;
            if is_clean {
                let log = disks.open(false);
                let end = log.close().unwrap();
                log.shared.checkpoints.set_recovery_points([(log.place.clone(), end)].into_iter()).unwrap();
                disks.folder.sync().unwrap();
            }
            let log = disks.open(is_clean);
            check(&log, &acknowledged);
            check_reads(&log);
            // What came back unacknowledged is part of the log now.
            (acknowledged, _) = twin(&log);
            let known = log.lock().rules.clone();
            for at in 0..4usize {
                let found = known.producers().get(i64::try_from(at).unwrap() + 10);
                writer.open[at] = found.is_some_and(|found| found.open_since.is_some());
                let last = found.and_then(|found| found.batches.back().map(|batch| batch.last_sequence + 1));
                writer.sequences[at] = last.unwrap_or(0);
            }
            let (sender, receiver) = mpsc::channel();
            let count = 10 + writer.rng.below(30);
            for number in 0..count {
                let bytes = writer.next();
                let sender = sender.clone();
                let done = Box::new(move |result: Result<(), _>| {
                    sender.send((number, result.is_ok())).unwrap_or_default()
                });
                log.append_then(log.lock(), &bytes, NOW, done).unwrap();
            }
            let waited = writer.rng.below(count + 1);
            let told = (0..waited).filter(|_| receiver.recv().unwrap().1).count();
            // The disk as it is at this moment: threads go on syncing the old one.
            let crashed = disks.crash(seed * 100 + life);
            let (all, _) = twin(&log);
            let before = acknowledged.len();
            acknowledged.extend_from_slice(&all[before..before + told]);
            disks = crashed;
        }
    }
}

#[test]
fn a_failed_sync_is_told_and_ends_the_log() {
    let disks = Disks { folder: Disk::new(), root: Disk::new() };
    let log = disks.open(true);
    disks.folder.fail_nth(dolmen_sim::Op::Sync, 1, dolmen_sim::Fault::Error(dolmen_base::io::IoError::Os(5)));
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result: Result<(), _>| sender.send(result.is_ok()).unwrap_or_default());
    log.append_then(log.lock(), &record_batch(-1, -1, -1, false, 1), NOW, done).unwrap();
    assert!(!receiver.recv().unwrap());
    assert!(log.append(&mut log.lock(), &record_batch(-1, -1, -1, false, 1), NOW).is_err());
    assert!(log.failure().is_some());
    assert_eq!(log.lock().rules.high_watermark(), 0, "nothing of it is shown");
}

/// Where a log does not sync before it answers, whoever appends tells who waits: at once, in the order of the appends whoever made them, and what a
/// waiter appends in its turn as well.
#[test]
fn waiters_are_told_in_the_order_of_the_appends_by_who_appends() {
    let disks = Disks { folder: Disk::new(), root: Disk::new() };
    let log = disks.open(true);
    log.lock().settings.flush_messages = u64::MAX;
    let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let append = |log: &Arc<PartitionLog>,
                  then: Option<Arc<PartitionLog>>,
                  told: &Arc<parking_lot::Mutex<Vec<i64>>>| {
        let inner = log.lock();
        let (at, mine) = (inner.rules.log_end(), told.clone());
        let done = Box::new(move |result: Result<(), _>| {
            assert!(result.is_ok());
            if at % 100 == 50 {
                // Whoever appended later gets the time to overtake.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            mine.lock().push(at);
            if let Some(log) = then {
                let (inner, mine) = (log.lock(), mine.clone());
                let at = inner.rules.log_end();
                let done = Box::new(move |_| mine.lock().push(at));
                log.append_then(inner, &record_batch(-1, -1, -1, false, 1), NOW, done).unwrap();
            }
        });
        log.append_then(inner, &record_batch(-1, -1, -1, false, 1), NOW, done).unwrap();
    };
    append(&log, Some(log.clone()), &told);
    assert_eq!(*told.lock(), [0, 1], "when the call returns");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| append(&log, None, &told)));
        }
    });
    while told.lock().len() < 802 {
        std::thread::yield_now();
    }
    assert!(told.lock().is_sorted());
}

#[test]
fn a_torn_tail_is_kept_beside() {
    let disks = Disks { folder: Disk::new(), root: Disk::new() };
    let log = disks.open(true);
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |_| sender.send(()).unwrap_or_default());
    log.append_then(log.lock(), &record_batch(-1, -1, -1, false, 2), NOW, done).unwrap();
    receiver.recv().unwrap();
    drop(log);
    let name = "00000000000000000000.log";
    let file = disks.folder.open(name, dolmen_base::io::OpenMode::Write).unwrap();
    let len = file.len().unwrap();
    file.append(&record_batch(-1, -1, -1, false, 1)[..30]).unwrap();
    let log = disks.open(false);
    assert_eq!((log.lock().rules.log_end(), file.len().unwrap()), (2, len));
    let kept = disks.folder.list().unwrap().into_iter().find(|entry| entry.name.ends_with(".cut")).unwrap();
    assert_eq!(kept.len, 30);
}

#[test]
fn a_compacted_log_says_the_same_in_less() {
    let disks = Disks { folder: Disk::new(), root: Disk::new() };
    let log = disks.open(true);
    log.lock().settings.compacts = true;
    let (sender, receiver) = mpsc::channel();
    for n in 0..200 {
        let mut bytes = Vec::new();
        let mut builder = Builder::new(&mut bytes, Meta::default());
        let key = [b'a' + (n % 5) as u8];
        builder.push(
            NOW,
            Record { key: Some(&key), value: Some(&[b'0' + (n % 10) as u8; 30]), ..Record::default() },
        );
        builder.finish(None);
        let sender = sender.clone();
        let done = Box::new(move |_| sender.send(()).unwrap_or_default());
        log.append_then(log.lock(), &bytes, NOW, done).unwrap();
    }
    (0..200).for_each(|_| receiver.recv().unwrap());
    let values = |log: &PartitionLog| {
        let mut values = std::collections::BTreeMap::new();
        log.walk(|batch| {
            for record in batch.records(&[]).unwrap() {
                values.insert(
                    record.key.unwrap().to_vec(),
                    (batch.offset_of(&record), record.value.unwrap().to_vec()),
                );
            }
            true
        })
        .unwrap();
        values
    };
    let (before, len) = (values(&log), log.lock().len());
    log.clean(&log.shared.checkpoints, NOW).unwrap();
    assert_eq!(values(&log), before);
    assert!(log.lock().len() * 4 < len, "{} of {len} bytes", log.lock().len());
    let end = log.lock().rules.log_end();
    drop(log);
    let again = disks.open(false);
    assert_eq!((values(&again), again.lock().rules.log_end()), (before, end));
}

#[test]
fn a_log_that_is_synced_by_the_clock_is_synced_when_its_time_has_come() {
    let disks = Disks { folder: Disk::new(), root: Disk::new() };
    let log = disks.open(true);
    {
        let mut inner = log.lock();
        (inner.settings.flush_messages, inner.settings.flush_ms) = (u64::MAX, 200);
    }
    let append = |now_ms| {
        log.append(&mut log.lock(), &record_batch(-1, -1, -1, false, 1), now_ms).unwrap();
    };
    let syncs = || disks.folder.count(dolmen_sim::Op::Sync);
    append(NOW);
    append(NOW + 150);
    let before = syncs();
    log.flush(NOW + 199);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(syncs(), before, "not before its time");
    log.flush(NOW + 200);
    while syncs() == before {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let before = syncs();
    log.flush(NOW + 5000);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(syncs(), before, "nothing is left to sync");
}
