//! The log under damage: every flipped bit, missing segments, mutations of whole logs.

mod common;

use std::sync::Arc;

use common::image;
use dolmen_base::io::{BufferId, Directory, FileEffect, FileNumber, FileOp};
use dolmen_base::{Rng, Time};
use dolmen_fs::Driver;
use dolmen_sim::Disk;
use dolmen_wal::check::check_segments;
use dolmen_wal::entry::{Body, Lsn};
use dolmen_wal::follow::Follower;
use dolmen_wal::log::{Effect, Log, Options, Record, Refused};
use dolmen_wal::scan::{LogError, Scan, ScanOptions, read};
use dolmen_wal::{LogName, RecoveryMode};

/// Carries out everything that the log wishes for; answers the last LSN that was settled.
fn drive(log: &mut Log, disk: &Disk, payload: &[u8]) -> Option<Lsn> {
    let driver = Driver::new(Arc::new(disk.clone()));
    let mut last = None;
    while let Some(effect) = log.poll() {
        let done = match effect {
            Effect::Settle { result, .. } => {
                last = Some(result.unwrap());
                continue;
            }
            Effect::Write(write) => {
                let mut bytes = Vec::new();
                log.frame(write, &|_| payload, &mut bytes);
                let (buffer, len) = (BufferId::new(0), bytes.len() as u64);
                let op = FileOp::Write { name: write.name, offset: write.offset, buffer, len };
                driver.run(&FileEffect { id: write.id, op }, &bytes)
            }
            Effect::File(effect) => driver.run(&effect, &[]),
        };
        log.done(Time::ZERO, done);
    }
    last
}

fn append(log: &mut Log, disk: &Disk, bytes: &[u8]) -> Lsn {
    log.submit(Time::ZERO, BufferId::new(1), Record::Data { len: bytes.len() as u64 }, None).unwrap();
    drive(log, disk, bytes).unwrap()
}

fn small() -> Options {
    Options { segment_len: 4096, preallocate: false, ..Options::default() }
}

/// Records of about 400 bytes, each in a group of its own, so that each proves the one before to have been synced.
fn written(options: Options, records: u8, truncate_at: Option<u8>) -> (Disk, Vec<Vec<u8>>) {
    let disk = Disk::new();
    let mut log = Log::open(&disk, options).unwrap().0;
    let mut texts = Vec::new();
    for i in 0..records {
        texts.push(vec![i; 400]);
        append(&mut log, &disk, &texts[usize::from(i)]);
        if truncate_at == Some(i) {
            log.truncate_below(Time::ZERO, BufferId::new(2), Lsn::new(u64::from(i) + 1)).unwrap();
            drive(&mut log, &disk, &[]);
        }
    }
    texts.drain(..usize::from(truncate_at.unwrap_or(0)));
    (disk, texts)
}

fn read_all(disk: &Disk, mode: RecoveryMode) -> (Vec<Vec<u8>>, Result<Scan, LogError>) {
    let mut texts = Vec::new();
    let found = read(disk, ScanOptions { mode, archived: false }, &mut |r| texts.push(r.bytes.to_vec()));
    (texts, found)
}

/// A flipped bit is an error; or it is in the last record, which is left out and reported; or nothing is lost.
fn every_flip(disk: &Disk, texts: &[Vec<u8>]) -> (u64, u64, u64) {
    let (mut errors, mut reported, mut harmless) = (0, 0, 0);
    for (name, bytes) in image(disk) {
        for at in 0..bytes.len() {
            let bit = (at % 8) as u32;
            disk.flip_bit(&name, at as u64, bit).unwrap();
            let (read, found) = read_all(disk, RecoveryMode::TornTail);
            match found {
                Err(_) => errors += 1,
                Ok(found) if read == texts => {
                    harmless += 1;
                    assert!(found.dropped.len() <= 1);
                }
                Ok(found) => {
                    reported += 1;
                    assert_eq!(read, texts[..texts.len() - 1], "{name} at {at}");
                    assert_eq!(found.dropped.len(), 1, "{name} at {at}: the loss is reported");
                }
            }
            disk.flip_bit(&name, at as u64, bit).unwrap();
        }
    }
    (errors, reported, harmless)
}

#[test]
fn every_flip_is_detected_or_in_the_last_record() {
    let (disk, texts) = written(small(), 25, None);
    let files = image(&disk);
    assert_eq!(files.len(), 3, "segments");
    let (errors, reported, harmless) = every_flip(&disk, &texts);
    // The last record: its frame's header, its entry's header, 400 bytes.
    assert_eq!((reported, harmless), (11 + 13 + 400, 0));
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(errors + reported, total as u64);
}

/// In a recycled file the bytes of its earlier life behind the end are harmless, and only they and the end mark.
#[test]
fn flips_in_a_recycled_segment() {
    let (disk, texts) = written(Options { recycle_max: 1, ..small() }, 42, Some(30));
    let active = image(&disk).pop().unwrap();
    let end = read_all(&disk, RecoveryMode::TornTail).1.unwrap().segments.last().unwrap().whole_len;
    assert!(active.1.len() as u64 > end + 11, "{} was written over", active.0);
    let (_, reported, harmless) = every_flip(&disk, &texts);
    assert_eq!(reported, 11 + 13 + 400);
    let spare: usize = image(&disk)[0].1.len();
    assert!(harmless >= active.1.len() as u64 - end, "{harmless} of {spare} and {}", active.1.len());
}

#[test]
fn missing_segments_are_missed() {
    let (disk, texts) = written(small(), 40, None);
    let names: Vec<String> = disk.list().unwrap().into_iter().map(|e| e.name).collect();
    assert!(names.len() >= 4);
    for name in &names[..names.len() - 1] {
        let (disk, _) = written(small(), 40, None);
        disk.delete(name).unwrap();
        let (_, found) = read_all(&disk, RecoveryMode::TornTail);
        assert!(matches!(found, Err(LogError::Missing { .. })), "{name}: {found:?}");
        assert!(matches!(Log::open(&disk, small()), Err(LogError::Missing { .. })));
    }
    assert_eq!(read_all(&disk, RecoveryMode::TornTail).0, texts);
}

/// However the bytes of a segment arrive, a follower delivers each record once, when it is whole.
#[test]
fn a_follower_sees_every_record_once() {
    let (disk, texts) = written(small(), 25, None);
    let files = image(&disk);
    for step in [1, 7, 100, 4096] {
        let (growing, mut follower, mut seen) = (Disk::new(), Follower::new(), Vec::new());
        for (name, bytes) in &files {
            let file = growing.open(name, dolmen_base::io::OpenMode::CreateNew).unwrap();
            for part in bytes.chunks(step) {
                file.append(part).unwrap();
                let poll = follower.poll(&growing, &mut |_, _, entry| {
                    if let Body::Data(bytes) = entry.body {
                        seen.push(bytes.to_vec());
                    }
                });
                poll.unwrap();
                let whole = read_all(&growing, RecoveryMode::TornTail).0.len();
                assert_eq!(seen.len(), whole, "as many as a reader from the start sees");
            }
        }
        assert_eq!(seen, texts);
    }
    disk.flip_bit(&files[0].0, files[0].1.len() as u64 - 1, 0).unwrap();
    let damaged = Follower::new().poll(&disk, &mut |_, _, _| {});
    assert!(
        matches!(damaged, Err(LogError::Record { name, .. }) if name.number == FileNumber::new(1)),
        "{damaged:?}"
    );
}

/// A running follower says what a fresh reader says: of damage with a record behind it the place, of a torn end nothing.
#[test]
fn a_follower_tells_damage_from_a_record_that_is_being_written() {
    let large = Options { segment_len: 1 << 20, ..small() };
    let (disk, texts) = written(large, 6, None);
    let [(name, bytes)] = &image(&disk)[..] else { panic!("one segment") };
    let ends: Vec<usize> = {
        let mut ends = Vec::new();
        Follower::new().poll(&disk, &mut |_, at, _| ends.push(at as usize)).unwrap();
        ends
    };
    let (third, fourth, fifth) = (ends[3], ends[4], ends[5]);
    let growing = Disk::new();
    let file = growing.open(name, dolmen_base::io::OpenMode::CreateNew).unwrap();
    file.append(&bytes[..third]).unwrap();
    let (mut follower, mut seen) = (Follower::new(), 0);
    let mut poll = |seen: &mut usize| {
        follower.poll(&growing, &mut |_, _, entry| *seen += usize::from(matches!(entry.body, Body::Data(_))))
    };
    poll(&mut seen).unwrap();
    assert_eq!(seen, texts.len().min(2));
    // The third one with a length that no fragment has: at the end of the file it may still become another.
    let mut broken = bytes[third..fourth].to_vec();
    broken[4..6].fill(0xff);
    file.append(&broken).unwrap();
    poll(&mut seen).unwrap();
    file.append(&bytes[fourth..fifth]).unwrap();
    let damaged = poll(&mut seen);
    let Err(LogError::Record {
        error: dolmen_wal::WalError::Corrupt { at, valid_behind: Some(behind), .. },
        ..
    }) = damaged
    else {
        panic!("{damaged:?}")
    };
    assert_eq!((at as usize, behind as usize, seen), (third, fourth, 2));
}

/// What a rotation leaves when it is cut short goes; a file that holds something else is kept.
#[test]
fn leftovers_go_and_foreign_files_stay() {
    let foreign = [b"notes of somebody, ".repeat(5), vec![0xff; 5000]];
    let leftovers = [vec![], vec![0; 9000], vec![5; 30]];
    for (bytes, kept) in foreign.iter().map(|f| (f, true)).chain(leftovers.iter().map(|l| (l, false))) {
        let (disk, texts) = written(small(), 5, None);
        let file = disk.open("000002.log", dolmen_base::io::OpenMode::CreateNew).unwrap();
        file.append(bytes).unwrap();
        assert_eq!(read_all(&disk, RecoveryMode::TornTail).0, texts);
        let mut log = Log::open(&disk, small()).unwrap().0;
        append(&mut log, &disk, b"more");
        let names: Vec<String> = disk.list().unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names.contains(&"000002.log.lost".to_owned()), kept, "{names:?}");
        assert!(!names.contains(&"000002.log".to_owned()));
        assert_eq!(read_all(&disk, RecoveryMode::TornTail).0.len(), texts.len() + 1);
    }
}

/// A torn tail is one only in the last segment; in an earlier one it is damage, and the error names both files.
#[test]
fn a_cut_in_an_earlier_segment_is_damage() {
    let (disk, texts) = written(small(), 25, None);
    let name = |n| LogName::live(FileNumber::new(n));
    let file = disk.open("000001.log", dolmen_base::io::OpenMode::Write).unwrap();
    file.truncate(file.len().unwrap() - 1).unwrap();
    let (_, found) = read_all(&disk, RecoveryMode::TornTail);
    let right =
        |e: &LogError| matches!(e, LogError::Tail { name: a, next: b, .. } if (*a, *b) == (name(1), name(2)));
    assert!(found.as_ref().is_err_and(right), "{found:?}");
    let (read, found) = read_all(&disk, RecoveryMode::PointInTime);
    assert_eq!(read, texts[..read.len()]);
    assert_eq!(found.unwrap().unread, [name(2), name(3)]);

    // Going on from there keeps what was left out under another name.
    let options = Options { mode: RecoveryMode::PointInTime, ..small() };
    let mut log = Log::open(&disk, options).unwrap().0;
    assert_eq!(append(&mut log, &disk, b"again").get(), read.len() as u64 + 1);
    let names: Vec<String> = disk.list().unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names[1..3], ["000002.log.lost", "000003.log.lost"]);
    assert_eq!(read_all(&disk, RecoveryMode::TornTail).0.len(), read.len() + 1);
}

/// Point-in-time recovery of the last segment keeps what stands behind the damage, byte for byte, however often it comes to that; a torn tail is
/// only cut.
#[test]
fn what_stands_behind_damage_in_the_last_segment_is_kept() {
    let one = Options { segment_len: 1 << 20, mode: RecoveryMode::PointInTime, ..small() };
    let (disk, texts) = written(one, 20, None);
    for aside in ["000001.log.lost", "000001.log.lost.2"] {
        let before = image(&disk).into_iter().find(|(name, _)| name == "000001.log").unwrap().1;
        disk.flip_bit("000001.log", 5 * 424 + 100, 1).unwrap();
        assert!(matches!(
            Log::open(&disk, Options { mode: RecoveryMode::TornTail, ..one }),
            Err(LogError::Record { .. })
        ));
        let (mut log, found) = Log::open(&disk, one).unwrap();
        let [dropped] = &found.dropped[..] else { panic!("{:?}", found.dropped) };
        let files = image(&disk);
        let kept = &files.iter().find(|(name, _)| name == aside).expect(aside).1;
        assert_eq!(kept.len() as u64, dropped.len);
        let at = before.len() - kept.len();
        assert_eq!(
            kept.iter().zip(&before[at..]).filter(|(a, b)| a != b).count(),
            1,
            "but for the flipped bit"
        );
        assert!(read_all(&disk, RecoveryMode::TornTail).0 == texts[..5], "what stands before is there");
        for text in &texts[5..] {
            append(&mut log, &disk, text);
        }
    }
    let file = disk.open("000001.log", dolmen_base::io::OpenMode::Write).unwrap();
    file.truncate(file.len().unwrap() - 1).unwrap();
    assert_eq!(Log::open(&disk, one).unwrap().1.dropped.len(), 1);
    assert!(image(&disk).iter().all(|(name, _)| !name.ends_with(".3")), "a torn tail is not kept");
}

/// Segments that were not read keep what an earlier loss has under their name.
#[test]
fn an_earlier_loss_is_not_written_over() {
    let options = Options { mode: RecoveryMode::PointInTime, ..small() };
    let (disk, _) = written(small(), 25, None);
    let earlier = disk.open("000003.log.lost", dolmen_base::io::OpenMode::CreateNew).unwrap();
    earlier.append(b"earlier").unwrap();
    disk.flip_bit("000001.log", 1000, 1).unwrap();
    let (_, found) = Log::open(&disk, options).unwrap();
    assert_eq!(found.unread.len(), 2);
    let files = image(&disk);
    let names: Vec<&str> =
        files.iter().map(|(name, _)| name.as_str()).filter(|n| n.contains("lost")).collect();
    assert_eq!(names, ["000001.log.lost", "000002.log.lost", "000003.log.lost", "000003.log.lost.2"]);
    assert_eq!(files.iter().find(|(name, _)| name == "000003.log.lost").unwrap().1, b"earlier");
}

#[test]
fn a_commit_waits_for_its_writes_and_queues_are_bounded() {
    let disk = Disk::new();
    let mut log = Log::open(&disk, Options { queue_len_max: 2, ..small() }).unwrap().0;
    log.submit(Time::ZERO, BufferId::new(1), Record::Begin, None).unwrap();
    drive(&mut log, &disk, &[]);
    let transaction = log.open_transactions().next().unwrap();
    log.submit(Time::ZERO, BufferId::new(2), Record::Write { transaction, len: 3 }, None).unwrap();
    let commit = |log: &mut Log| log.submit(Time::ZERO, BufferId::new(3), Record::Commit(transaction), None);
    assert_eq!(commit(&mut log), Err(Refused::Unsettled { transaction, writes: 1 }));
    drive(&mut log, &disk, b"abc");
    commit(&mut log).unwrap();
    assert_eq!(commit(&mut log), Err(Refused::NoTransaction(transaction)), "it ends already");
    log.submit(Time::ZERO, BufferId::new(4), Record::Begin, None).unwrap();
    let full = log.submit(Time::ZERO, BufferId::new(6), Record::Begin, None);
    assert!(matches!(full, Err(Refused::Commit(dolmen_wal::commit::Refused::Full { len: 2 }))), "{full:?}");
    let huge = Record::Data { len: 1 << 40 };
    let huge = log.submit(Time::ZERO, BufferId::new(7), huge, None);
    assert!(matches!(huge, Err(Refused::Commit(dolmen_wal::commit::Refused::TooLarge { .. }))), "{huge:?}");
    drive(&mut log, &disk, &[]);
    assert!(log.is_idle());
    assert_eq!(read_all(&disk, RecoveryMode::TornTail).0, [b"abc"]);
}

#[test]
fn mutations_of_logs_never_panic() {
    let mut rng = Rng::new(5);
    let mut seeds = Vec::new();
    for (records, options) in [(3, small()), (25, small()), (42, Options { recycle_max: 1, ..small() })] {
        let (disk, _) = written(options, records, (records == 42).then_some(30));
        seeds.push(image(&disk).into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>());
        seeds.extend(image(&disk).into_iter().map(|(_, bytes)| bytes));
    }
    for _ in 0..3000 * common::soak() {
        let mut bytes = seeds[rng.below(seeds.len() as u64) as usize].clone();
        for _ in 0..rng.range(1, 4) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(4) {
                0 => bytes[at] = rng.next_u32() as u8,
                1 => bytes.truncate(at.max(1)),
                2 => drop(bytes.drain(..at / 2)),
                _ => bytes.insert(at, rng.next_u32() as u8),
            }
            bytes.push(0);
        }
        check_segments(&bytes);
    }
}
