//! The engine machine alone, under completions in any order and failures of every kind: what it wishes for keeps its promises.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dolmen_base::io::{FileNumber, IoError};
use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::engine::{
    Compaction, Effect, Engine, Failure, Input, Job, JobId, Options, Recovered, RequestId, Stall,
};
use dolmen_lsm::key::{FamilyId, SequenceNumber, ValueType, put_internal_key};
use dolmen_lsm::picker::CompactionOptions;
use dolmen_lsm::version::Version;

const RETRY: Duration = Duration::from_millis(500);

fn options() -> Options {
    Options {
        write_buffer_len: 100,
        compaction: CompactionOptions { level0_file_count_trigger: 2, base_len_max: 400, multiplier: 2 },
        compaction_count_max: 2,
        level0_slowdown: 6,
        level0_stop: 9,
        retry_after: RETRY,
        ..Options::default()
    }
}

/// The world around the machine: a MANIFEST, files, and jobs that somebody works at.
struct World {
    rng: Rng,
    engine: Engine,
    now: Time,
    /// The MANIFEST's view: tables by family, replayed edit by edit.
    durable: BTreeMap<FamilyId, Version>,
    /// What readers see.
    shown: BTreeMap<FamilyId, Arc<Version>>,
    log_numbers: BTreeMap<FamilyId, FileNumber>,
    log_min: FileNumber,
    logs: BTreeSet<FileNumber>,
    tables: BTreeSet<FileNumber>,
    jobs: Vec<Job>,
    rotation: Option<FileNumber>,
    sequence: u64,
    len: u64,
    asked: BTreeSet<RequestId>,
    next_request: u64,
    logged: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let families: BTreeMap<_, _> = [(FamilyId::new(0), Arc::new(Version::default()))].into();
        let recovered = Recovered {
            families: families.clone(),
            next_file: FileNumber::new(10),
            log: FileNumber::new(9),
            ..Recovered::default()
        };
        World {
            rng: Rng::new(seed),
            engine: Engine::new(options(), recovered),
            now: Time::ZERO,
            durable: [(FamilyId::new(0), Version::default())].into(),
            shown: families,
            log_numbers: [(FamilyId::new(0), FileNumber::new(9))].into(),
            log_min: FileNumber::new(0),
            logs: [FileNumber::new(9)].into(),
            tables: BTreeSet::new(),
            jobs: Vec::new(),
            rotation: None,
            sequence: 0,
            len: 0,
            asked: BTreeSet::new(),
            next_request: 0,
            logged: 0,
        }
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(self.now, input);
    }

    fn ask(&mut self, input: impl FnOnce(RequestId) -> Input) {
        self.next_request += 1;
        let request = RequestId::new(self.next_request);
        self.asked.insert(request);
        self.handle(input(request));
    }

    fn random_key(&mut self) -> Vec<u8> {
        vec![b'a' + self.rng.below(20) as u8]
    }

    /// A table within the bounds, as a job would make it.
    fn table(&mut self, begin: &[u8], end: &[u8], len: u64) -> NewFile {
        let number = self.engine.take_file();
        assert!(self.tables.insert(number), "file number {number} was given twice");
        let mut file = NewFile { number, len, ..NewFile::default() };
        let sequence = SequenceNumber::new(self.sequence);
        put_internal_key(&mut file.smallest, begin, sequence, ValueType::Value);
        put_internal_key(&mut file.largest, end, sequence, ValueType::Value);
        file
    }

    /// Carries out wishes in their order.
    fn pump(&mut self, failing: bool) {
        while let Some(effect) = self.engine.poll() {
            match effect {
                Effect::Log(edits) => {
                    self.check_state();
                    let fails = failing && self.rng.one_in(20);
                    if !fails {
                        edits.iter().for_each(|edit| self.log(edit));
                    }
                    let result = if fails { Err(IoError::Os(5)) } else { Ok(()) };
                    self.handle(Input::Logged(result));
                }
                Effect::Install { versions, .. } => {
                    for (family, version) in versions {
                        assert_eq!(self.durable.get(&family), Some(&*version), "shown before it was durable");
                        self.shown.insert(family, version);
                    }
                }
                Effect::Retire { tables, logs } => {
                    for table in tables {
                        let is_named =
                            self.durable.values().flat_map(Version::files).any(|f| f.number == table);
                        assert!(!is_named, "table {table} is retired and named");
                        assert!(self.tables.remove(&table), "table {table} is retired twice");
                    }
                    for log in logs {
                        let is_needed = self.log_numbers.values().any(|&n| n <= log) && self.log_min <= log;
                        assert!(!is_needed, "log {log} is needed");
                        assert!(self.logs.remove(&log), "log {log} is retired twice");
                    }
                }
                Effect::Created { request, family } => {
                    assert!(self.asked.remove(&request));
                    self.shown.insert(family, Arc::default());
                }
                Effect::Dropped { family } => drop(self.shown.remove(&family)),
                Effect::Answer { request, .. } => assert!(self.asked.remove(&request), "{request} twice"),
            }
        }
    }

    /// What a new MANIFEST would begin with is what the present one says.
    fn check_state(&self) {
        let state = self.engine.state(|id| Some(id.to_string())).expect("no log is of an earlier life");
        let versions = state.families.iter().map(|(&id, family)| (id, Version::clone(&family.version)));
        assert!(versions.eq(self.durable.iter().map(|(&id, version)| (id, version.clone()))));
        for (id, family) in &state.families {
            assert_eq!(family.log_number, self.log_numbers[id].max(self.log_min), "the log that {id} needs");
        }
        assert!(state.sequence.get() <= self.sequence);
    }

    fn log(&mut self, edit: &VersionEdit) {
        self.logged += 1;
        if edit.family_drop {
            self.durable.remove(&edit.family);
            self.log_numbers.remove(&edit.family);
            return;
        }
        let before = self.durable.entry(edit.family).or_default();
        *before = before.apply(edit).expect("an edit fits the version before it");
        let next_file = edit.next_file_number.expect("every edit has it");
        assert!(edit.new_files.iter().all(|f| f.number < next_file));
        self.log_min = self.log_min.max(edit.min_log_number_to_keep.unwrap_or_default());
        if let Some(number) = edit.log_number {
            let before = self.log_numbers.insert(edit.family, number);
            assert!(before.is_none_or(|before| before <= number), "a log number went back");
        }
    }

    fn rotate(&mut self, fails: bool) {
        let Some(to) = self.rotation.take() else { return };
        let sequence = SequenceNumber::new(self.sequence);
        if !fails {
            self.logs.insert(to);
            self.len = 0;
        }
        let result = if fails { Err(IoError::NoSpace) } else { Ok(()) };
        self.handle(Input::Rotated { sequence, result });
    }

    /// Ends a job that is under way, in any order.
    fn finish_job(&mut self, fails: bool) {
        if self.jobs.is_empty() {
            return;
        }
        let at = self.rng.below(self.jobs.len() as u64) as usize;
        let (job, result) = match self.jobs.swap_remove(at) {
            Job::Flush { id, .. } if fails => (id, Err(Failure::Io(IoError::NoSpace))),
            Job::Compact { id, compaction } if fails && self.rng.one_in(8) => {
                let table = compaction.inputs().next().map(|f| f.number);
                (id, Err(Failure::Damaged { table: table.filter(|_| self.rng.one_in(2)) }))
            }
            Job::Compact { id, .. } if fails => (id, Err(Failure::Io(IoError::NoSpace))),
            Job::Flush { id, .. } => (id, Ok(self.flushed())),
            Job::Compact { id, compaction } => (id, Ok(self.compacted(&compaction))),
        };
        self.handle(Input::Done { job, result });
    }

    fn flushed(&mut self) -> Vec<(FamilyId, NewFile)> {
        let families: Vec<FamilyId> = self.shown.keys().copied().collect();
        let mut out = Vec::new();
        for family in families {
            if !self.rng.one_in(3) {
                let (a, b) = (self.random_key(), self.random_key());
                let file = self.table(a.as_slice().min(&b), a.as_slice().max(&b), 100);
                out.push((family, file));
            }
        }
        out
    }

    /// One table over the whole range of the inputs.
    fn compacted(&mut self, compaction: &Compaction) -> Vec<(FamilyId, NewFile)> {
        let begin = compaction.inputs().map(|f| f.smallest[..1].to_vec()).min().unwrap();
        let end = compaction.inputs().map(|f| f.largest[..1].to_vec()).max().unwrap();
        let len = compaction.inputs().map(|f| f.len).sum::<u64>();
        vec![(compaction.family, self.table(&begin, &end, len))]
    }

    fn step(&mut self, failing: bool) {
        let fails = failing && self.rng.one_in(6);
        match self.rng.below(16) {
            0..4 if self.engine.stall() != Stall::Stop => {
                self.sequence += 1;
                self.len += self.rng.below(60);
                self.handle(Input::Grown { len: self.len });
            }
            4..7 => self.rotation = self.rotation.or_else(|| self.engine.take_rotation()),
            7 | 8 => self.rotate(fails),
            9 | 10 => self.jobs.extend(self.engine.poll_job()),
            11 | 12 => self.finish_job(fails),
            13 => {
                self.now = self.now + Duration::from_millis(200);
                self.handle(Input::Tick);
            }
            14 => self.pump(failing),
            _ => self.request(),
        }
        self.check_jobs();
    }

    fn request(&mut self) {
        let family = *self.shown.keys().nth(self.rng.below(self.shown.len() as u64) as usize).unwrap();
        match self.rng.below(8) {
            0 => self.ask(Input::Flush),
            1 => {
                let oldest = SequenceNumber::new(self.rng.below(self.sequence + 2));
                self.ask(|request| Input::CompactRange { request, family, begin: None, end: None, oldest })
            }
            2 if self.shown.len() < 4 => {
                self.ask(|request| Input::CreateFamily { request, name: "more".into() })
            }
            3 if family.get() != 0 && self.rng.one_in(4) => {
                self.ask(|request| Input::DropFamily { request, family })
            }
            _ => {}
        }
    }

    /// No table is in two jobs.
    fn check_jobs(&self) {
        let mut seen = BTreeSet::new();
        let mut ids: BTreeSet<JobId> = BTreeSet::new();
        for job in &self.jobs {
            match job {
                Job::Flush { id, .. } => assert!(ids.insert(*id)),
                Job::Compact { id, compaction } => {
                    assert!(ids.insert(*id));
                    assert!(compaction.inputs().all(|f| seen.insert(f.number)), "a table is in two jobs");
                }
            }
        }
    }

    /// Lets everything come to rest without failures.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            self.now = self.now + RETRY;
            self.handle(Input::Tick);
            self.pump(false);
            self.rotation = self.rotation.or_else(|| self.engine.take_rotation());
            self.rotate(false);
            self.jobs.extend(self.engine.poll_job());
            self.finish_job(false);
            self.pump(false);
            if self.engine.is_idle() && self.jobs.is_empty() && self.asked.is_empty() {
                return;
            }
        }
        panic!(
            "the engine does not come to rest: asked {:?}, {} jobs, {:?}",
            self.asked,
            self.jobs.len(),
            self.engine
        );
    }
}

#[test]
fn completions_in_any_order_keep_every_promise() {
    let mut poisoned = 0;
    for seed in 0..300 {
        let mut world = World::new(seed);
        let failing = seed % 3 == 0;
        for _ in 0..1_500 {
            world.step(failing);
        }
        world.pump(false);
        if world.engine.poisoned().is_some() {
            poisoned += 1;
            assert!(world.engine.poll_job().is_none(), "no job begins behind a poisoned MANIFEST");
            continue;
        }
        world.settle();
        assert!(world.logged > 20, "seed {seed}: {} edits", world.logged);
        let durable = world.durable.iter().map(|(&family, version)| (family, version.clone()));
        assert!(durable.eq(world.shown.iter().map(|(&f, v)| (f, Version::clone(v)))), "seed {seed}");
        let named: BTreeSet<_> = world.durable.values().flat_map(Version::files).map(|f| f.number).collect();
        assert_eq!(world.tables, named, "seed {seed}: files that nothing names");
    }
    assert!(poisoned > 10, "{poisoned}");
}

#[test]
fn writers_stop_while_flushes_fall_behind_and_go_on_after() {
    let mut world = World::new(1);
    for _ in 0..2 {
        world.handle(Input::Grown { len: 100 });
        world.rotation = world.engine.take_rotation();
        world.rotate(false);
    }
    assert_eq!(world.engine.stall(), Stall::None);
    world.handle(Input::Grown { len: 100 });
    assert_eq!(world.engine.stall(), Stall::Stop);
    assert_eq!(world.engine.take_rotation(), None);
    world.jobs.extend(world.engine.poll_job());
    world.finish_job(true);
    assert_eq!(world.engine.failed(), Some(Failure::Io(IoError::NoSpace)));
    assert!(world.engine.poll_job().is_none(), "a failed job is not tried again at once");
    world.now = world.now + RETRY;
    world.handle(Input::Tick);
    world.jobs.extend(world.engine.poll_job());
    world.finish_job(false);
    world.pump(false);
    assert_eq!((world.engine.stall(), world.engine.failed()), (Stall::None, None));
    assert!(world.engine.wants_rotation());
}

/// A table that cannot be read holds up compactions of its own family, until the time of the next try, and nothing else: not flushes, not other
/// families. Whoever asks for that compaction hears of it, and nobody else.
#[test]
fn one_unreadable_table_holds_up_its_family_s_compactions_only() {
    let mut world = World::new(2);
    world.ask(|request| Input::CreateFamily { request, name: "other".into() });
    world.pump(false);
    let other = *world.shown.keys().next_back().unwrap();
    // Two tables of level 0 in each family: both are to be compacted.
    for _ in 0..2 {
        world.sequence += 1;
        world.handle(Input::Grown { len: 100 });
        world.rotation = world.engine.take_rotation();
        world.rotate(false);
        let Some(Job::Flush { id, .. }) = world.engine.poll_flush() else { panic!("a flush is due") };
        let tables = [FamilyId::new(0), other].map(|family| (family, world.table(b"a", b"z", 100)));
        world.handle(Input::Done { job: id, result: Ok(tables.into()) });
        world.pump(false);
    }
    let Some(Job::Compact { id, compaction }) = world.engine.poll_job() else {
        panic!("a compaction is due")
    };
    let failed = compaction.family;
    world.handle(Input::Done { job: id, result: Err(Failure::Io(IoError::Os(5))) });
    world.pump(false);
    assert_eq!(world.engine.failed_compaction(failed), Some(Failure::Io(IoError::Os(5))));
    assert_eq!(world.engine.failed(), None, "flushes have not failed");
    // At the same moment: the other family's compaction, and a flush with somebody who waits for it.
    let Some(Job::Compact { compaction, .. }) = world.engine.poll_job() else {
        panic!("the other one is due")
    };
    assert_ne!(compaction.family, failed);
    world.handle(Input::Grown { len: 100 });
    world.ask(Input::Flush);
    world.rotation = world.engine.take_rotation();
    world.rotate(false);
    let Some(Job::Flush { id, .. }) = world.engine.poll_job() else { panic!("a flush is due at once") };
    world.handle(Input::Done { job: id, result: Ok(Vec::new()) });
    world.pump(false);
    assert!(world.asked.is_empty(), "the flush is answered");
    assert!(world.engine.poll_job().is_none());
    world.now = world.now + RETRY;
    world.handle(Input::Tick);
    assert!(
        matches!(world.engine.poll_job(), Some(Job::Compact { compaction, .. }) if compaction.family == failed)
    );
}

/// A flush takes every generation that waits, as one job with one change of the MANIFEST: the one that ran before holds up none of them any longer
/// than itself.
#[test]
fn all_generations_that_wait_are_one_flush() {
    let recovered = Recovered {
        families: [(FamilyId::new(0), Arc::new(Version::default()))].into(),
        next_file: FileNumber::new(10),
        log: FileNumber::new(9),
        ..Recovered::default()
    };
    let mut world = World::new(3);
    world.engine = Engine::new(Options { generation_count_max: 8, ..options() }, recovered);
    let switch = |world: &mut World| {
        world.handle(Input::Grown { len: 100 });
        world.rotation = world.engine.take_rotation();
        world.rotate(false);
    };
    switch(&mut world);
    let Some(Job::Flush { id: first, log }) = world.engine.poll_job() else { panic!("a flush is due") };
    assert_eq!(log, FileNumber::new(9));
    // While that one runs six more come, and no second flush beside it.
    let logs: Vec<_> = (0..6)
        .map(|_| {
            let log = world.engine.log();
            switch(&mut world);
            assert!(world.engine.poll_job().is_none());
            log
        })
        .collect();
    let table = world.table(b"a", b"z", 100);
    world.handle(Input::Done { job: first, result: Ok([(FamilyId::new(0), table)].into()) });
    world.pump(false);
    let logged = world.logged;
    let Some(Job::Flush { id, log }) = world.engine.poll_job() else { panic!("a flush is due") };
    assert_eq!(Some(&log), logs.last(), "up to the newest");
    let table = world.table(b"a", b"z", 600);
    world.handle(Input::Done { job: id, result: Ok([(FamilyId::new(0), table)].into()) });
    world.pump(false);
    assert_eq!((world.logged - logged, world.engine.counts().flushes), (1, 2));
    assert!(logs.iter().all(|log| !world.logs.contains(log)), "their logs have gone");
    assert!(world.engine.poll_flush().is_none());
}
