//! The whole engine with its threads: writers, readers, workers and the keeper of the log run one at a time, in an order that a seed chooses, on
//! a simulated disk under faults. The crate is compiled once more into this test, with `sync.rs` here in place of its own.
//!
//! A life ends when the power goes at some step, or with a clean end. Then: what was acknowledged as durable is there; behind it all writers
//! together are at one point in time; what was refused has not come back; snapshots saw one moment of all writers; every request was
//! answered; no thread hangs (a deadlock is a failure); space and descriptors are bounded.
#![allow(dead_code, unused_imports, reason = "the crate is here as a whole, its surface is not")]

extern crate self as dolmen_store;

#[path = "../../src/api.rs"]
mod api;
#[path = "../../src/background.rs"]
mod background;
#[path = "../../src/backup.rs"]
mod backup;
#[path = "../../src/codecs.rs"]
mod codecs;
#[path = "../../src/commit.rs"]
mod commit;
#[path = "../../src/db.rs"]
mod db;
#[path = "../../src/jobs.rs"]
mod jobs;
#[path = "../../src/leading.rs"]
mod leading;
#[path = "../../src/maintenance.rs"]
mod maintenance;
#[path = "../../src/open.rs"]
mod open;
#[path = "../../src/pace.rs"]
mod pace;
#[path = "../../src/repair.rs"]
mod repair;
#[path = "../../src/snapshot.rs"]
mod snapshot;
mod sync;
#[path = "../../src/tables.rs"]
mod tables;
#[path = "../../src/view.rs"]
mod view;

#[path = "../common/mod.rs"]
mod common;
mod ledger;
mod life;
mod steps;

pub use api::{
    Completion, Event, Family, FamilyOptions, Listener, Options, ReadOptions, Shared, Stats, StoreError,
    SyncPolicy, WriteError, WriteOptions,
};
pub use codecs::codecs;
pub use db::{Db, Verified};
pub use dolmen_base::block::ReadMode;
pub use dolmen_lsm::batch::{Savepoint, WriteBatch};
pub use dolmen_lsm::key::{FamilyId, SequenceNumber};
pub use dolmen_lsm::recovery::{Cause, Loss, RecoveryError, Report};
pub use dolmen_wal::RecoveryMode;
pub use repair::{Damaged, Repaired};
pub use snapshot::Snapshot;
pub use view::{DbIter, Pinned};

use std::sync::{Arc, Mutex, PoisonError};

use life::{Met, World};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

/// Lives of one seed.
const LIVES: usize = 20;
/// What lives take is far below; more is a spin without end.
const STEPS_MAX: usize = 2_000_000;

/// Says which seed it was, where shuttle panics with numbers of its own.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again with DOLMEN_SEED={}", self.0);
        }
    }
}

/// All lives of a seed, one after the other on the same disk.
fn lives(seed: u64) -> Met {
    let _named = Named(seed);
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    let kept = Arc::new(Mutex::new(Some(World::new(seed))));
    let world = kept.clone();
    Runner::new(RandomScheduler::new_from_seed(seed, LIVES), config).run(move || {
        let take = || kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut world = take().expect("the life before has ended");
        world.life();
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(world);
    });
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    world.take().expect("the last life has ended").met
}

#[test]
fn ten_thousand_lives_with_threads() {
    let first = std::env::var("DOLMEN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let mut all = Met::default();
    for seed in first..first + 500 * common::soak() {
        all += lives(seed);
    }
    println!("{all:?}");
    assert!(
        all.crashed > 3_000
            && all.closed.min(all.closed_under_way) > 1_000
            && all.reopened > 100
            && all.crashed_opening > 1_000,
        "{all:?}"
    );
    assert!(all.refused > 100 && all.flushes > 3_000 && all.compactions > 1_000, "{all:?}");
    assert!(all.grouped > 1_000 && all.snapshots > 300 && all.checkpoints > 20 && all.spaces > 50, "{all:?}");
}

/// Locks that a thousand puts take, all and the engine's, in a database with so many families.
fn locks_of_puts(families: u32) -> (u64, u64) {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    let taken = Arc::new(Mutex::new((0, 0)));
    let of = taken.clone();
    Runner::new(RandomScheduler::new_from_seed(1, 1), config).run(move || {
        // Without threads that would still be at the families when the puts begin.
        let set = Options { sync: SyncPolicy::Never, background_threads: 0, ..Options::default() };
        let db = Db::open_in(Arc::new(dolmen_sim::Disk::new()), set).expect("it opens");
        (0..families).for_each(|n| drop(db.create_family(&format!("f{n}")).expect("it is created")));
        let family = db.default_family();
        let put = |n: u32| {
            let _ = db.put(&family, &n.to_be_bytes(), b"value").expect("it is written");
        };
        put(0);
        let before = sync::locks();
        (1..=1000).for_each(put);
        let after = sync::locks();
        *of.lock().unwrap_or_else(PoisonError::into_inner) = (after.0 - before.0, after.1 - before.1);
    });
    *taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a put does is the same however many families there are, and it asks nothing of the engine's machine, which knows all of them: the locks are
/// counted. When each put asked it how long all memtables are and whether writers must wait, it looked at every family three times.
#[test]
fn a_put_does_not_look_at_every_family() {
    let (one, many) = (locks_of_puts(0), locks_of_puts(200));
    println!("locks of a thousand puts, and those of the engine: {one:?} with one family, {many:?} with 201");
    assert_eq!(one, many);
    assert_eq!(many.1, 0);
}
