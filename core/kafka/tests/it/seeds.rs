//! The committed seeds of the fuzz targets, and damage to each.

use dolmen_kafka::{check, group};
use dolmen_testkit::{cuts, flips, replay};

/// A body holds for a seed, for every beginning of it and for every flipped bit.
fn hostile(body: impl Fn(&[u8])) -> impl Fn(&[u8]) {
    move |seed: &[u8]| {
        body(seed);
        let short = &seed[..seed.len().min(400)];
        cuts(short).for_each(&body);
        flips(short, |_, damaged| body(damaged));
    }
}

#[test]
fn seeds_and_their_damage_keep_to_the_rules() {
    replay("kafka_batch", hostile(check::check_batch));
    replay("kafka_produced", hostile(check::check_produced));
    replay("kafka_segment", hostile(check::check_segment));
    replay("kafka_files", hostile(check::check_files));
    replay("kafka_metadata", hostile(check::check_metadata));
    replay("kafka_request", hostile(check::check_request));
    replay("kafka_group_record", hostile(group::check::check_record));
    replay("kafka_group_request", hostile(group::check::check_request));
}
