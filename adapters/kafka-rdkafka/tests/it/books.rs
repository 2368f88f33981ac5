//! A sink's books: the place and the names are written with what they tell of.

use dolmen_kafka_rdkafka::Outgoing;
use dolmen_kafka_rdkafka::sink::{Books, Options};
use dolmen_store::{Db, ReadOptions};

fn record(key: &str, value: &str, name: Option<&str>) -> Outgoing {
    let headers = name.map(|name| ("id".to_owned(), Some(name.as_bytes().to_vec())));
    Outgoing {
        key: Some(key.into()),
        value: Some(value.into()),
        headers: headers.into_iter().collect(),
        ..Outgoing::default()
    }
}

fn open(db: &Db, names_max: u64) -> Books {
    let options = Options { name_header: Some("id".into()), names_max, ..Options::default() };
    Books::open(db.clone(), db.default_family(), options).unwrap()
}

#[test]
fn effects_and_the_place_are_one_write() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), dolmen_store::Options::default()).unwrap();
    let get = |key: &str| db.get(&db.default_family(), key.as_bytes(), &ReadOptions::default()).unwrap();
    let mut books = open(&db, 10);
    books.put(&record("a", "1", None)).unwrap();
    books.set_place("t", 3, 7);
    // Not committed: neither is there.
    let mut books = open(&db, 10);
    assert_eq!((get("a"), books.place("t", 3).unwrap()), (None, None));
    books.put(&record("a", "1", None)).unwrap();
    books.set_place("t", 3, 7);
    books.commit().unwrap();
    // Nobody knew how it ended: the same again changes nothing.
    books.commit().unwrap();
    assert_eq!((get("a"), books.place("t", 3).unwrap()), (Some(b"1".to_vec()), Some(7)));
    assert_eq!(books.place("t", 4).unwrap(), None);
    books.begin().unwrap();
    books.put(&Outgoing { key: Some(b"a".to_vec()), ..Outgoing::default() }).unwrap();
    books.commit().unwrap();
    assert_eq!(get("a"), None);
}

#[test]
fn a_name_is_taken_once_for_as_long_as_it_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), dolmen_store::Options::default()).unwrap();
    let mut books = open(&db, 2);
    assert!(books.put(&record("k", "1", Some("x"))).unwrap());
    assert!(!books.put(&record("k", "2", Some("x"))).unwrap(), "within one write");
    books.commit().unwrap();
    let mut books = open(&db, 2);
    assert!(!books.put(&record("k", "2", Some("x"))).unwrap(), "after a restart");
    assert!(books.put(&record("k", "3", Some("y"))).unwrap());
    // An aborted write's names are not taken.
    books.begin().unwrap();
    assert!(books.put(&record("k", "3", Some("y"))).unwrap());
    assert!(books.put(&record("k", "4", Some("z"))).unwrap());
    books.commit().unwrap();
    // Two are remembered, and x is not one of them.
    books.begin().unwrap();
    assert!(!books.put(&record("k", "5", Some("z"))).unwrap());
    assert!(books.put(&record("k", "5", Some("x"))).unwrap());
    assert!(books.put(&record("k", "6", None)).unwrap(), "who has no name is not asked for one");
    books.commit().unwrap();
    // Nothing is left behind of what was forgotten: two names, two numbers, the window, the key.
    let mut iter = db.iter(&db.default_family(), ReadOptions::default()).unwrap();
    iter.seek_to_first().unwrap();
    let mut count = 0;
    while iter.valid() {
        count += 1;
        iter.next().unwrap();
    }
    assert_eq!(count, 6);
}
