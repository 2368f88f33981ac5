//! The log against a model, on a disk that crashes, fills up and fails: after every crash the log opens without an error, holds every
//! record that was acknowledged as synced, and is a prefix of what was written, in order.

#[path = "../common/mod.rs"]
mod common;
mod life;

use common::soak;
use dolmen_base::Rng;
use dolmen_sim::Disk;
use life::Life;

/// Lives of logs, each ended by a crash at any place between two calls to the disk.
const CRASHES: u64 = 1500;
/// Crashes that one disk goes through.
const LIVES: u64 = 5;

#[test]
fn what_was_synced_survives_every_crash() {
    let mut records = 0;
    for seed in 0..CRASHES * soak() / LIVES {
        let mut rng = Rng::new(seed);
        let mut disk = Disk::new();
        let mut known = life::Known::default();
        for life in 0..LIVES {
            if rng.one_in(3) {
                life::open_in_vain(&disk, &mut rng);
                disk = disk.crash(rng.next_u64());
            }
            let mut open = Life::open(&disk, &mut rng, known, &format!("seed {seed}, life {life}"));
            let steps = rng.below(60);
            open.run(&mut rng, steps);
            known = open.end();
            records += known.submitted;
            disk = disk.crash(rng.next_u64());
        }
        Life::open(&disk, &mut rng, known, &format!("seed {seed}, the end"));
    }
    assert!(records > CRASHES, "only {records} records");
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let world = |seed| {
        let (mut rng, disk) = (Rng::new(seed), Disk::new());
        let mut life = Life::open(&disk, &mut rng, life::Known::default(), "determinism");
        life.run(&mut rng, 200);
        life.end();
        common::image(&disk.crash(seed))
    };
    for seed in 0..20 {
        assert_eq!(world(seed), world(seed), "seed {seed}");
    }
    assert_ne!(world(0), world(1));
}
