//! Keys of the metadata: any object key is there and back, distinct, in order; and no two operations on neighbours meet.

use std::collections::BTreeMap;

use dolmen_base::rng::Rng;
use dolmen_s3::ETag;
use dolmen_s3::state::condition::{DeleteCondition, WriteCondition};
use dolmen_s3::state::keys::{self, Order};
use dolmen_s3::state::object::{self, NewObject};
use dolmen_s3::state::record::UploadId;
use dolmen_s3::state::{Attributes, BlobId, BucketId, Code, Env, Extent, Tx, bucket};

/// Keys that other stores have mixed up, and random ones of every length.
fn odd_keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = [
        "../x",
        "a//b",
        "./a",
        "a/",
        "a",
        "a/b",
        "/",
        "//",
        "..",
        ".",
        "a/../b",
        "\\",
        "%2F",
        "%00",
        "r+1.txt",
        "r 1.txt",
        "é",
        "\u{ff5e}",
        "\u{1f600}",
        "Z",
        "a\u{1}",
        "a\u{ff}",
    ]
    .iter()
    .map(|key| key.as_bytes().to_vec())
    .collect();
    keys.extend([
        vec![0],
        vec![0, 0],
        vec![0, 1],
        vec![0, 255],
        vec![255; 1024],
        vec![0; 1024],
        b"a\0b".to_vec(),
    ]);
    let mut rng = Rng::new(7);
    for len in 1..=1024u64 {
        let mut key = vec![0; len as usize];
        rng.fill(&mut key);
        key.iter_mut().filter(|_| len % 3 == 0).for_each(|byte| *byte %= 3);
        keys.push(key);
    }
    keys
}

#[test]
fn keys_come_back_distinct_and_in_order() {
    let bucket = BucketId(0x0102_0304_0506_0708);
    let mut keys = odd_keys();
    keys.sort();
    keys.dedup();
    let encoded: Vec<Vec<u8>> = keys.iter().map(|key| keys::object(bucket, key, Order(9))).collect();
    assert!(encoded.windows(2).all(|pair| pair[0] < pair[1]), "the order of keys is kept");
    let stored = encoded.clone();
    for (key, encoded) in keys.iter().zip(&encoded) {
        assert_eq!(keys::parse_object(encoded), Some((bucket, key.clone(), Order(9))));
        let upload = keys::upload(bucket, key, UploadId([3; 16]));
        assert_eq!(keys::parse_upload(&upload), Some((bucket, key.clone(), UploadId([3; 16]))));
        let of_key = keys::of_key(keys::OBJECTS, bucket, key);
        let others = stored.iter().filter(|other| other.starts_with(&of_key)).count();
        assert_eq!(others, 1, "no key is the prefix of another");
    }
    for key in keys.iter().filter(|key| key.len() > 2) {
        let prefix = keys::prefixed(keys::OBJECTS, bucket, &key[..2]);
        assert!(keys::object(bucket, key, Order(0)).starts_with(&prefix));
    }
}

#[test]
fn newer_versions_come_first() {
    let orders = [u64::MAX, 1 << 40, 2, 1, 0].map(|order| keys::object(BucketId(1), b"k", Order(order)));
    assert!(orders.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn objects_with_odd_keys_stay_apart() {
    let mut map: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut env = Env { now_ms: 1, caller: "o", fresh: [0; 16] };
    let mut tx = Tx::new(&map);
    let bucket = bucket::create(&mut tx, &env, "bucket", bucket::NewBucket::default()).unwrap();
    let mut keys = odd_keys();
    keys.truncate(200);
    keys.sort();
    keys.dedup();
    let tag = |at: usize| {
        let mut md5 = [0; 16];
        md5[..8].copy_from_slice(&(at as u64).to_be_bytes());
        md5
    };
    for (at, key) in keys.iter().enumerate() {
        env.fresh[..8].copy_from_slice(&(at as u64).to_be_bytes());
        let new = NewObject {
            attributes: Attributes::default(),
            owner: "o".into(),
            size: 1,
            etag: ETag::Whole(tag(at)),
            checksum: None,
            parts: Vec::new(),
            body: vec![Extent { blob: BlobId::file(env.fresh), offset: 0, len: 1 }],
        };
        object::put(&mut tx, &env, &bucket, key, &WriteCondition::default(), new).unwrap();
    }
    map = tx.into_batch().writes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    for (at, key) in keys.iter().enumerate() {
        let tx = Tx::new(&map);
        assert_eq!(object::find(&tx, &bucket, key, None).unwrap().1.listed.etag, ETag::Whole(tag(at)));
    }
    for (at, key) in keys.iter().enumerate() {
        let mut tx = Tx::new(&map);
        object::delete(&mut tx, &env, &bucket, key, None, &DeleteCondition::default(), false).unwrap();
        for (key, value) in tx.into_batch().writes {
            assert_eq!(value, None);
            map.remove(&key);
        }
        let tx = Tx::new(&map);
        assert_eq!(object::find(&tx, &bucket, key, None).unwrap_err().code(), Code::NoSuchKey);
        for (other, key) in keys.iter().enumerate().skip(at + 1).step_by(17) {
            assert_eq!(object::find(&tx, &bucket, key, None).unwrap().1.listed.etag, ETag::Whole(tag(other)));
        }
    }
}
