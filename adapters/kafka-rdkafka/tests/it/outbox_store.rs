//! An outbox in a store: numbers, order, crashes between numbering and publishing.

use std::path::Path;
use std::time::Duration;

use dolmen_kafka_rdkafka::Outgoing;
use dolmen_kafka_rdkafka::outbox::Source;
use dolmen_kafka_rdkafka::outbox::store::Outbox;
use dolmen_store::{Db, Options, ReadOptions, StoreError, WriteBatch, WriteOptions};

fn row(topic: &str, n: u32) -> Outgoing {
    Outgoing {
        topic: topic.into(),
        key: Some(b"k".to_vec()),
        value: (n != 3).then(|| n.to_string().into_bytes()),
        headers: vec![("h".into(), None), ("h".into(), Some(b"2".to_vec()))],
        timestamp_ms: 1_000 + i64::from(n),
        ..Outgoing::default()
    }
}

fn add(db: &Db, outbox: &Outbox, n: u32) {
    let mut batch = WriteBatch::new();
    batch.put(db.default_family().id, format!("order {n}").as_bytes(), b"made");
    outbox.add(&mut batch, &row("orders", n)).unwrap();
    db.write(batch, WriteOptions::default()).unwrap();
}

/// A child that another test starts holds every open file, locks included, from its fork to its exec.
fn reopened(path: &Path) -> Db {
    for _ in 0..200 {
        match Db::open(path, Options::default()) {
            Err(StoreError::Locked { .. }) => std::thread::sleep(Duration::from_millis(5)),
            other => return other.unwrap(),
        }
    }
    panic!("{} stays locked", path.display())
}

#[test]
fn rows_keep_their_numbers_through_crashes_and_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options::default()).unwrap();
    let open = |db: &Db| Outbox::open(db.clone(), db.default_family(), b"outbox/").unwrap();
    let outbox = open(&db);
    (0..5).for_each(|n| add(&db, &outbox, n));
    // A batch that is never written publishes nothing.
    outbox.add(&mut WriteBatch::new(), &row("orders", 99)).unwrap();
    let mut source = outbox.source().unwrap();
    let first = source.rows(0, 3, Duration::ZERO).unwrap();
    assert_eq!(first, (0..3).map(|n| (i64::from(n), row("orders", n))).collect::<Vec<_>>());
    // The relay dies; nothing was committed: the same rows under the same numbers, and then the others.
    db.close().unwrap();
    drop((source, outbox, db));
    let db = reopened(dir.path());
    let outbox = open(&db);
    add(&db, &outbox, 5);
    let mut source = outbox.source().unwrap();
    assert_eq!(source.rows(0, 3, Duration::ZERO).unwrap(), first);
    let rest = source.rows(3, 100, Duration::ZERO).unwrap();
    assert_eq!(rest.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(rest.iter().map(|(_, row)| row.timestamp_ms).collect::<Vec<_>>(), [1003, 1004, 1005]);
    // All is published and deleted; a relay that begins then goes on behind what was committed.
    source.release(6).unwrap();
    let mut source = outbox.source().unwrap();
    assert!(source.rows(6, 100, Duration::ZERO).unwrap().is_empty());
    add(&db, &outbox, 6);
    assert_eq!(source.rows(6, 100, Duration::ZERO).unwrap(), [(6, row("orders", 6))]);
    source.release(7).unwrap();
    let options = ReadOptions { prefix: Some(b"outbox/".to_vec()), ..ReadOptions::default() };
    let mut iter = db.iter(&db.default_family(), options).unwrap();
    iter.seek_to_first().unwrap();
    assert!(!iter.valid(), "nothing is left of it");
    let order = db.get(&db.default_family(), b"order 6", &ReadOptions::default()).unwrap();
    assert_eq!(order.as_deref(), Some(&b"made"[..]));
}
