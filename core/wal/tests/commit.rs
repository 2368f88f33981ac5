//! Group commit against a judge that sees every wish and every answer: random submissions, answers in any order, faults.

use std::collections::{BTreeMap, VecDeque};

use dolmen_base::io::{BufferId, EffectId, FileDone, FileEffect, FileNumber, FileOp, IoError};
use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_wal::commit::{
    Commit, CommitError, Effect, Input, Options, Policy, Refused, Rotation, Submission, Write,
};
use dolmen_wal::record::{self, encoded_len};

const EIO: IoError = IoError::Os(5);

/// What is in flight.
#[derive(Debug)]
enum Flight {
    /// The members, the file and the end of what is written.
    Write(Vec<BufferId>, Write),
    /// Which file, and how long it was when the sync began.
    Sync(FileNumber, u64),
    Other,
}

struct Judge {
    commit: Commit,
    options: Options,
    rng: Rng,
    now: Time,
    /// Submitted and not settled: does it wait for a sync?
    waiting: BTreeMap<BufferId, bool>,
    order: VecDeque<BufferId>,
    lens: BTreeMap<BufferId, u64>,
    flying: BTreeMap<EffectId, Flight>,
    /// Where a member's bytes end.
    ends: BTreeMap<BufferId, (FileNumber, u64)>,
    /// By file: length of the good bytes, and of those synced.
    files: BTreeMap<FileNumber, (u64, u64)>,
    poisoned: bool,
    cutting: bool,
    next: u64,
    sealed: u64,
    settled: u64,
    groups: u64,
}

impl Judge {
    fn new(seed: u64) -> Judge {
        let mut rng = Rng::new(seed);
        let options = Options {
            policy: match rng.below(3) {
                0 => Policy::Never,
                1 => Policy::Interval(Duration::from_millis(5)),
                _ => Policy::Always,
            },
            recyclable: rng.one_in(2),
            queue_len_max: rng.range(4, 40) as usize,
            group_len_max: rng.range(100, 5000),
            preallocate_len: rng.below(2) * 4096,
            fill_len_max: rng.below(2) * 10_000,
            header_len: rng.one_in(2).then_some(26),
            record_len_max: rng.range(600, 2000),
            joined_header_len: rng.one_in(2).then_some(12),
            rotate_syncs_later: rng.one_in(2),
        };
        let file = FileNumber::new(1);
        Judge {
            commit: Commit::new(options, file, 40),
            options,
            rng,
            now: Time::ZERO,
            waiting: BTreeMap::new(),
            order: VecDeque::new(),
            lens: BTreeMap::new(),
            flying: BTreeMap::new(),
            ends: BTreeMap::new(),
            files: [(file, (40, 40))].into(),
            poisoned: false,
            cutting: false,
            next: 1,
            sealed: 0,
            settled: 0,
            groups: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.below(20) {
            0..=7 => self.submit(),
            8 if self.rng.one_in(2) => self.rotate(),
            8 => self.seal(),
            9 => {
                self.now = self.now + Duration::from_millis(self.rng.below(9));
                self.commit.handle(self.now, Input::Tick).unwrap();
            }
            _ => self.answer(),
        }
        let most = self.rng.below(6);
        self.take_wishes(most);
    }

    fn submit(&mut self) {
        let buffer = BufferId::new(self.next);
        let (sync, len) = ([None, Some(true), Some(false)][self.rng.below(3) as usize], self.rng.below(900));
        let input = if self.rng.one_in(9) {
            Input::Sync { buffer }
        } else {
            Input::Submit(Submission { buffer, len, sync })
        };
        match self.commit.handle(self.now, input) {
            Ok(()) => {
                self.next += 1;
                assert!(!self.poisoned);
                self.order.push_back(buffer);
                let barrier = matches!(input, Input::Sync { .. });
                let waits = barrier || sync.unwrap_or(self.options.policy == Policy::Always);
                self.waiting.insert(buffer, waits);
                if !barrier {
                    self.lens.insert(buffer, len);
                }
            }
            Err(Refused::Full { len }) => assert_eq!(len, self.options.queue_len_max),
            Err(Refused::Poisoned(_)) => assert!(self.poisoned),
            Err(Refused::TooLarge { len, max }) => assert!(len > max && max == self.options.record_len_max),
            Err(refused) => panic!("{refused:?}"),
        }
    }

    fn seal(&mut self) {
        let buffer = BufferId::new(self.next);
        if self.commit.seal(buffer) {
            self.next += 1;
            let (len, synced) = self.files[&self.commit.file()];
            assert!(len == synced && self.commit.synced_len() == len, "a witness of what is so");
            self.waiting.insert(buffer, false);
            self.lens.insert(buffer, 0);
            self.sealed += 1;
        }
    }

    fn rotate(&mut self) {
        let to = FileNumber::new(1 + self.next);
        self.next += 1;
        let recycle = self.rng.one_in(3).then_some(FileNumber::new(0));
        let _ = self.commit.handle(self.now, Input::Rotate(Rotation { to, recycle }));
    }

    /// Takes up to `most` wishes.
    fn take_wishes(&mut self, most: u64) {
        for _ in 0..most {
            let Some(effect) = self.commit.poll() else { return };
            match effect {
                Effect::Write(write) => self.begin_write(write),
                Effect::File(effect) => {
                    assert!(!self.poisoned, "nothing is done after a failed sync");
                    let flight = match effect.op {
                        FileOp::Sync { name } => Flight::Sync(name.number, self.len_of(name.number)),
                        FileOp::Truncate { name, len } => {
                            assert_eq!(self.len_of(name.number), len, "cut back to the last good byte");
                            Flight::Other
                        }
                        FileOp::Zero { name, offset, len } => {
                            assert_eq!(
                                self.len_of(name.number),
                                offset,
                                "zeros stand behind the last good byte"
                            );
                            assert!(len > 0 && len <= self.options.fill_len_max);
                            Flight::Other
                        }
                        _ => Flight::Other,
                    };
                    self.flying.insert(effect.id, flight);
                }
                Effect::Settle { buffer, result } => self.judge(buffer, result),
                Effect::Rotated { .. } => {}
            }
        }
    }

    /// Length of a file's good bytes.
    fn len_of(&self, file: FileNumber) -> u64 {
        self.files.get(&file).map_or(0, |f| f.0)
    }

    fn begin_write(&mut self, write: Write) {
        assert!(!self.poisoned && !self.cutting, "a write behind a failed one that is not cut yet");
        assert!(!self.flying.values().any(|f| matches!(f, Flight::Write(..))), "two writes in flight");
        let members: Vec<_> = self.commit.group().collect();
        let framing = self.commit.framing(write.name.number);
        let mut end = write.offset;
        if write.offset == 0 && self.options.header_len.is_some() {
            assert!(members.is_empty());
            end += encoded_len(26, 0, framing) as u64;
        } else {
            assert_eq!(write.offset, self.len_of(write.name.number), "at the end of the good bytes");
            let before = write.name.number;
            let old = self.files.range(..before).next_back();
            let is_synced = old.is_none_or(|(_, (len, synced))| len == synced);
            assert!(is_synced || self.options.rotate_syncs_later, "the file before is synced");
            assert!(is_synced || !self.commit.logs_before_synced(), "it is said to be");
        }
        if let (Some(header), false) = (self.options.joined_header_len, members.is_empty()) {
            let sum: u64 = members.iter().map(|buffer| self.lens[buffer]).sum();
            assert!(sum <= self.options.record_len_max, "a joined record within the limit");
            end += encoded_len((header + sum) as usize, end, framing) as u64;
            self.ends.extend(members.iter().map(|&buffer| (buffer, (write.name.number, end))));
        } else {
            for &buffer in &members {
                end += encoded_len(self.lens[&buffer] as usize, end, framing) as u64;
                self.ends.insert(buffer, (write.name.number, end));
            }
        }
        assert_eq!(write.len, end - write.offset, "the length of the frames");
        assert!(write.zeros == 0 || write.zeros == record::end_mark_len(end));
        self.groups += u64::from(!members.is_empty());
        self.flying.insert(write.id, Flight::Write(members, write));
    }

    /// Answers something that is in flight, in any order.
    fn answer(&mut self) {
        let Some(&id) = self.flying.keys().nth(self.rng.below(self.flying.len() as u64) as usize) else {
            return;
        };
        let flight = self.flying.remove(&id).unwrap();
        let fails = self.rng.one_in(if matches!(flight, Flight::Write(..)) { 12 } else { 60 });
        match &flight {
            Flight::Write(_, write) if !fails => {
                let file = self.files.entry(write.name.number).or_default();
                file.0 = write.offset + write.len;
            }
            Flight::Write(members, _) => self.cutting = !members.is_empty() && !self.poisoned,
            Flight::Sync(file, len) if !fails => {
                let file = self.files.entry(*file).or_default();
                file.1 = file.1.max(*len);
                self.cutting &= self.commit.poisoned().is_some();
            }
            Flight::Sync(..) => self.poisoned = true,
            Flight::Other => {}
        }
        let result =
            if fails { Err(if self.rng.one_in(2) { EIO } else { IoError::NoSpace }) } else { Ok(()) };
        self.commit.handle(self.now, Input::Done(FileDone { id, result })).unwrap();
        self.poisoned |= self.commit.poisoned().is_some();
    }

    fn judge(&mut self, buffer: BufferId, result: Result<(), CommitError>) {
        let waits = self.waiting.remove(&buffer).expect("settled once, and only if it was taken");
        self.settled += 1;
        match (result, self.ends.get(&buffer)) {
            (Ok(()), Some((file, end))) => {
                let (len, synced) = self.files[file];
                assert!(*end <= len, "{buffer} is settled and not written");
                let all = *end <= synced && self.files.range(..file).all(|(_, (len, synced))| len == synced);
                assert!(!waits || all, "{buffer} waits for a sync and is settled without");
            }
            (Ok(()), None) => {
                let file = self.commit.file();
                let is_synced = self.files.range(..=file).all(|(_, (len, synced))| len == synced);
                assert!(is_synced, "a sync was asked for");
            }
            (Err(CommitError::Poisoned(_)), _) => assert!(self.poisoned),
            (Err(_), end) => {
                assert!(end.is_some_and(|(file, end)| *end > self.len_of(*file)), "refused and kept")
            }
        }
    }

    fn finish(mut self) -> (u64, u64, u64) {
        for _ in 0..10_000 {
            self.take_wishes(u64::MAX);
            if self.flying.is_empty() {
                break;
            }
            self.answer();
        }
        assert!(self.flying.is_empty() && self.waiting.is_empty(), "something hangs: {:?}", self.waiting);
        assert!(self.commit.is_idle());
        (self.settled, self.groups, self.sealed)
    }
}

#[test]
fn every_submission_is_settled_once_and_only_when_it_is_safe() {
    let (mut settled, mut groups, mut sealed) = (0, 0, 0);
    for seed in 0..3000 {
        let mut judge = Judge::new(seed);
        for _ in 0..120 {
            judge.step();
        }
        let (s, g, w) = judge.finish();
        (settled, groups, sealed) = (settled + s, groups + g, sealed + w);
    }
    assert!(groups > 1000 && settled > 2 * groups, "{settled} submissions in {groups} groups");
    assert!(sealed > 100, "{sealed}");
}

#[test]
fn an_interval_syncs_what_nobody_waits_for() {
    let policy = Policy::Interval(Duration::from_millis(10));
    let mut commit = Commit::new(Options { policy, ..Options::default() }, FileNumber::new(1), 0);
    let submission = Submission { buffer: BufferId::new(1), len: 10, sync: None };
    commit.handle(Time::ZERO, Input::Submit(submission)).unwrap();
    let Some(Effect::Write(write)) = commit.poll() else { panic!("a write is due") };
    let written = Time::from_millis(3);
    commit.handle(written, Input::Done(FileDone { id: write.id, result: Ok(()) })).unwrap();
    assert!(matches!(commit.poll(), Some(Effect::Settle { result: Ok(()), .. })));
    assert_eq!(commit.next_deadline(), Some(Time::from_millis(13)));
    commit.handle(Time::from_millis(12), Input::Tick).unwrap();
    assert_eq!(commit.poll(), None);
    commit.handle(Time::from_millis(13), Input::Tick).unwrap();
    let Some(Effect::File(sync)) = commit.poll() else { panic!("a sync is due") };
    assert!(matches!(sync.op, FileOp::Sync { .. }) && commit.next_deadline().is_none());
    commit.handle(Time::from_millis(14), Input::Done(FileDone { id: sync.id, result: Ok(()) })).unwrap();
    assert_eq!((commit.synced_len(), commit.next_deadline()), (commit.len(), None));
}

/// A file system tells the failure of a sync once: a sync that begins behind one that failed succeeds. So nobody is told of a sync while one by
/// the clock has no answer.
#[test]
fn a_sync_says_nothing_while_one_by_the_clock_is_under_way() {
    for clocks in [Ok(()), Err(IoError::NoSpace)] {
        let policy = Policy::Interval(Duration::from_millis(10));
        let mut commit = Commit::new(Options { policy, ..Options::default() }, FileNumber::new(1), 0);
        let submit = |commit: &mut Commit, number, sync| {
            let submission = Submission { buffer: BufferId::new(number), len: 10, sync };
            commit.handle(Time::ZERO, Input::Submit(submission)).unwrap();
            let Some(Effect::Write(write)) = commit.poll() else { panic!("a write is due") };
            commit.handle(Time::ZERO, Input::Done(FileDone { id: write.id, result: Ok(()) })).unwrap();
        };
        let sync = |commit: &mut Commit| match commit.poll() {
            Some(Effect::File(FileEffect { id, op: FileOp::Sync { .. } })) => id,
            other => panic!("a sync is due, not {other:?}"),
        };
        submit(&mut commit, 1, None);
        assert!(matches!(commit.poll(), Some(Effect::Settle { result: Ok(()), .. })));
        commit.handle(Time::from_millis(10), Input::Tick).unwrap();
        let by_the_clock = sync(&mut commit);
        submit(&mut commit, 2, Some(true));
        let asked_for = sync(&mut commit);
        commit
            .handle(Time::from_millis(11), Input::Done(FileDone { id: asked_for, result: Ok(()) }))
            .unwrap();
        assert_eq!(commit.poll(), None);
        commit
            .handle(Time::from_millis(12), Input::Done(FileDone { id: by_the_clock, result: clocks }))
            .unwrap();
        let expected = clocks.map_err(CommitError::Poisoned);
        assert_eq!(commit.poll(), Some(Effect::Settle { buffer: BufferId::new(2), result: expected }));
    }
}
