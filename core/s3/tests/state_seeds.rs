//! Seeds of the fuzz targets of the state, replayed.

use dolmen_s3::state::admin::UserRecord;
use dolmen_s3::state::check::{check_lifecycle, check_meta, check_policy};
use dolmen_s3::state::{BucketRecord, Corrupt, ObjectRecord, PartRecord, keys};

fn replay(target: &str, check: fn(&[u8])) {
    let seeds = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for seed in std::fs::read_dir(&seeds).unwrap() {
        check(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "no seeds in {seeds}");
}

#[test]
fn policies() {
    replay("s3_policy", check_policy);
}

#[test]
fn records() {
    replay("s3_meta", check_meta);
    let seed = |name: &str| {
        std::fs::read(format!("{}/../../fuzz/corpus/s3_meta/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    assert!(ObjectRecord::decode(&seed("object")).is_ok());
    assert!(PartRecord::decode(&seed("part")).is_ok());
    assert!(BucketRecord::decode(&seed("bucket")).is_ok());
    assert!(UserRecord::decode(&seed("user")).is_ok());
    assert!(keys::parse_object(&seed("key")).is_some());
}

#[test]
fn damaged_records_are_refused() {
    let seed = std::fs::read(format!("{}/../../fuzz/corpus/s3_meta/object", env!("CARGO_MANIFEST_DIR"))).unwrap();
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
