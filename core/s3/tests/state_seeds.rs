//! Seeds of the fuzz targets of the state, replayed.

use std::cell::RefCell;

use dolmen_base::rng::Rng;
use dolmen_testkit::{replay, soak};

use dolmen_s3::state::admin::UserRecord;
use dolmen_s3::state::check::{check_lifecycle, check_meta, check_policy};
use dolmen_s3::state::{BucketRecord, Corrupt, ObjectRecord, PartRecord, keys};

/// A seed of `s3_meta`.
fn seed(name: &str) -> Vec<u8> {
    let bytes: &[u8] = match name {
        "object" => include_bytes!("../../../fuzz/corpus/s3_meta/object"),
        "part" => include_bytes!("../../../fuzz/corpus/s3_meta/part"),
        "bucket" => include_bytes!("../../../fuzz/corpus/s3_meta/bucket"),
        "user" => include_bytes!("../../../fuzz/corpus/s3_meta/user"),
        "key" => include_bytes!("../../../fuzz/corpus/s3_meta/key"),
        other => panic!("no seed {other}"),
    };
    bytes.to_vec()
}

#[test]
fn policies() {
    replay("s3_policy", check_policy);
}

#[test]
fn records() {
    replay("s3_meta", check_meta);
    assert!(ObjectRecord::decode(&seed("object")).is_ok());
    assert!(PartRecord::decode(&seed("part")).is_ok());
    assert!(BucketRecord::decode(&seed("bucket")).is_ok());
    assert!(UserRecord::decode(&seed("user")).is_ok());
    assert!(keys::parse_object(&seed("key")).is_some());
}

#[test]
fn damaged_records_are_refused() {
    let seed = seed("object");
    for len in 0..seed.len() {
        assert!(ObjectRecord::decode(&seed[..len]).is_err(), "{len}");
    }
    let longer = [&seed[..], &[0]].concat();
    assert!(ObjectRecord::decode(&longer).is_err());
    let newer = [&[2], &seed[1..]].concat();
    assert_eq!(ObjectRecord::decode(&newer), Err(Corrupt::Version { version: 2 }));
}

#[test]
fn lifecycles() {
    replay("s3_lifecycle", check_lifecycle);
}

/// Seeds with bytes changed, taken out, doubled and put together: what a fuzzer does first.
#[test]
fn mutated_seeds() {
    let mut rng = Rng::new(17);
    for (target, check) in
        [("s3_policy", check_policy as fn(&[u8])), ("s3_meta", check_meta), ("s3_lifecycle", check_lifecycle)]
    {
        let seeds = RefCell::new(Vec::new());
        replay(target, |seed| seeds.borrow_mut().push(seed.to_vec()));
        let seeds = seeds.into_inner();
        for _ in 0..soak(20_000) {
            let mut bytes = seeds[rng.below(seeds.len() as u64) as usize].clone();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(bytes.len() as u64 + 1) as usize;
                let end = (at + rng.below(12) as usize).min(bytes.len());
                match rng.below(5) {
                    0 if at < bytes.len() => bytes[at] = rng.next_u32() as u8,
                    1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
                    2 => drop(bytes.drain(at..end)),
                    3 => {
                        let copy = bytes[at..end].to_vec();
                        bytes.splice(at..at, copy);
                    }
                    _ => {
                        let other = &seeds[rng.below(seeds.len() as u64) as usize];
                        let from = rng.below(other.len() as u64) as usize;
                        bytes.splice(at.., other[from..].iter().copied());
                    }
                }
            }
            check(&bytes);
        }
    }
}
