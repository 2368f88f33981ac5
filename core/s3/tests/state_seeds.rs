//! Seeds of the fuzz targets of the state, replayed.

use dolmen_testkit::replay;

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
