//! Lives of a server on a simulated disk: several connections, batches that come late, fail or tear, reads that would wait, sweeps,
//! crashes. Judge: a plain map that runs the same commands (`dolmen_resp::naive::Memory`).

mod disk;
mod world;

use world::World;

/// Lives in `cargo test`; `DOLMEN_SOAK` multiplies.
const LIVES: u64 = 400;

#[expect(clippy::disallowed_methods, reason = "the length of a soak is the caller's to say")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn acknowledged_is_there_every_request_is_answered_and_no_reply_tells_of_what_never_was() {
    let (soak, from) = (setting("DOLMEN_SOAK").unwrap_or(1), setting("DOLMEN_SEED").unwrap_or(0));
    let mut total = world::Seen::default();
    for seed in from..from + LIVES * soak {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.live();
            world.crash();
        }
        total.add(&world.seen);
    }
    println!("{total:?}");
    if from == 0 {
        total.check_that_everything_happened();
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.live();
        world.crash();
        world.live();
        (world.seen, world.digest)
    };
    assert_eq!(run(77), run(77));
    assert_ne!(run(77).1, run(78).1);
}
