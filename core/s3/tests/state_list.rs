//! Listings against a twin that looks at every key: random buckets, prefixes, delimiters, page sizes, walked to the end.

use std::cell::Cell;
use std::collections::BTreeMap;

use dolmen_base::rng::Rng;
use dolmen_s3::ETag;
use dolmen_s3::state::condition::{DeleteCondition, WriteCondition};
use dolmen_s3::state::list::{self, Item, Query, Start, What};
use dolmen_s3::state::multipart::{self, NewUpload};
use dolmen_s3::state::object::{self, NewObject};
use dolmen_s3::state::{
    Attributes, BucketRecord, Cursor, Env, Source, StateError, Tx, Unavailable, Versioning, bucket,
};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

struct Store {
    map: Map,
    bucket: BucketRecord,
    step: u64,
}

impl Store {
    fn new(versioning: Versioning) -> Store {
        let mut map = Map::new();
        let env = Env { now_ms: 1, caller: "o", fresh: [9; 16] };
        let mut tx = Tx::new(&map);
        let mut bucket = bucket::create(&mut tx, &env, "b", bucket::NewBucket::default()).unwrap();
        bucket.versioning = versioning;
        bucket::save(&mut tx, "b", &bucket);
        let batch = tx.into_batch();
        map.extend(batch.writes.into_iter().map(|(key, value)| (key, value.unwrap())));
        Store { map, bucket, step: 0 }
    }

    fn run<T>(
        &mut self,
        operation: impl FnOnce(&mut Tx<'_>, &Env<'_>, &BucketRecord) -> Result<T, StateError>,
    ) -> T {
        self.step += 1;
        let mut fresh = [0; 16];
        fresh[8..].copy_from_slice(&self.step.to_be_bytes());
        let env = Env { now_ms: self.step, caller: "o", fresh };
        let mut tx = Tx::new(&self.map);
        let answer = operation(&mut tx, &env, &self.bucket).unwrap();
        for (key, value) in tx.into_batch().writes {
            match value {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
        answer
    }

    fn put(&mut self, key: &[u8]) {
        self.run(|tx, env, bucket| {
            let new = NewObject {
                attributes: Attributes::default(),
                owner: "o".into(),
                size: 0,
                etag: ETag::Whole([0; 16]),
                checksum: None,
                parts: Vec::new(),
                body: Vec::new(),
            };
            object::put(tx, env, bucket, key, &WriteCondition::default(), new)
        });
    }

    fn delete(&mut self, key: &[u8]) {
        self.run(|tx, env, bucket| {
            object::delete(tx, env, bucket, key, None, &DeleteCondition::default(), false)
        });
    }

    /// All pages, one after the other.
    fn walk(&self, query: &Query) -> Vec<Item> {
        let mut query = query.clone();
        let mut found = Vec::new();
        loop {
            let page = list::list(&self.map, self.bucket.id, &query).unwrap();
            assert!(page.items.len() <= query.max);
            assert!(
                page.next.is_none() || page.items.len() == query.max,
                "only a full page is followed by another"
            );
            found.extend(page.items);
            let Some(next) = page.next else { return found };
            // What goes over the wire is enough to go on.
            query.start = if query.what == What::Objects {
                list::start_of_token(&list::token(&next)).unwrap()
            } else {
                next
            };
        }
    }
}

fn query(what: What, prefix: &str, delimiter: &str, max: usize) -> Query {
    Query { what, prefix: prefix.into(), delimiter: delimiter.into(), start: Start::First, max }
}

fn random_key(rng: &mut Rng) -> Vec<u8> {
    let len = 1 + rng.below(6);
    (0..len).map(|_| [b'a', b'b', b'/', b'-', 0, 0xff][rng.below(6) as usize]).collect()
}

/// What a listing is, said in another way: names in order, each common prefix once.
fn twin(keys: &[Vec<u8>], prefix: &[u8], delimiter: &[u8], after: Option<&[u8]>) -> Vec<(Vec<u8>, bool)> {
    let mut found: Vec<(Vec<u8>, bool)> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| &key[..] > after))
    {
        let rest = &key[prefix.len()..];
        let at = (0..rest.len()).find(|&at| !delimiter.is_empty() && rest[at..].starts_with(delimiter));
        let item = match at {
            Some(at) => (key[..prefix.len() + at + delimiter.len()].to_vec(), true),
            None => (key.clone(), false),
        };
        if found.last() != Some(&item) {
            found.push(item);
        }
    }
    found
}

fn names(items: &[Item]) -> Vec<(Vec<u8>, bool)> {
    items.iter().map(|item| (item.name().to_vec(), matches!(item, Item::Prefix(_)))).collect()
}

#[test]
fn objects_and_versions_are_listed_as_the_twin_lists_them() {
    let mut rng = Rng::new(3);
    for round in 0..60 {
        let versioning = [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended][round % 3];
        let mut store = Store::new(versioning);
        let mut all: BTreeMap<Vec<u8>, (usize, bool)> = BTreeMap::new();
        for _ in 0..60 {
            let key = random_key(&mut rng);
            let entry = all.entry(key.clone()).or_default();
            let kept = versioning == Versioning::Enabled;
            if rng.one_in(4) {
                store.delete(&key);
                *entry = match versioning {
                    Versioning::Unversioned => (0, false),
                    _ => (if kept { entry.0 + 1 } else { 1 }, false),
                };
            } else {
                store.put(&key);
                *entry = (if kept { entry.0 + 1 } else { 1 }, true);
            }
        }
        let live: Vec<Vec<u8>> = all.iter().filter(|(_, e)| e.1).map(|(key, _)| key.clone()).collect();
        let versions: Vec<Vec<u8>> =
            all.iter().flat_map(|(key, e)| std::iter::repeat_n(key.clone(), e.0)).collect();
        for _ in 0..20 {
            let prefix = if rng.one_in(2) { Vec::new() } else { random_key(&mut rng)[..1].to_vec() };
            let delimiter: &[u8] = [&b""[..], b"/", b"b", b"/-", b"\0"][rng.below(5) as usize];
            let max = 1 + rng.below(9) as usize;
            let mut query =
                Query { what: What::Objects, prefix, delimiter: delimiter.into(), start: Start::First, max };
            assert_eq!(names(&store.walk(&query)), twin(&live, &query.prefix, delimiter, None));
            let after = random_key(&mut rng);
            query.start = Start::Key(after.clone());
            let expected = twin(&live, &query.prefix, delimiter, Some(&after));
            assert_eq!(names(&store.walk(&query)), expected);
            query.what = What::Versions;
            query.start = Start::First;
            let found = store.walk(&query);
            let expected = twin_versions(&versions, &query.prefix, delimiter);
            assert_eq!(names(&found), expected);
            check_order_of_versions(&found);
        }
    }
}

/// As [`twin`], but the same key may come several times.
fn twin_versions(keys: &[Vec<u8>], prefix: &[u8], delimiter: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let mut found: Vec<(Vec<u8>, bool)> = Vec::new();
    for key in keys {
        for item in twin(std::slice::from_ref(key), prefix, delimiter, None) {
            if !(item.1 && found.last() == Some(&item)) {
                found.push(item);
            }
        }
    }
    found
}

fn check_order_of_versions(items: &[Item]) {
    let mut before: Option<(&[u8], u64)> = None;
    for item in items {
        let Item::Object { key, order, latest, .. } = item else { continue };
        match before {
            Some((other, newer)) if other == &key[..] => assert!(order.0 < newer && !latest),
            _ => assert!(latest),
        }
        before = Some((key, order.0));
    }
}

#[test]
fn uploads_are_listed_by_key_and_then_by_age() {
    let mut store = Store::new(Versioning::Unversioned);
    let mut expected = Vec::new();
    for key in [&b"b"[..], b"a", b"a/1", b"a", b"a/2", b"c"] {
        let id = store.run(|tx, env, bucket| multipart::create(tx, env, bucket, key, NewUpload::default()));
        expected.push((key.to_vec(), id.to_string()));
    }
    expected.sort();
    for max in 1..8 {
        let found: Vec<(Vec<u8>, String)> = store
            .walk(&query(What::Uploads, "", "", max))
            .into_iter()
            .map(|item| match item {
                Item::Upload { key, id, .. } => (key, id.to_string()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found, expected);
        let rolled = names(&store.walk(&query(What::Uploads, "", "/", max)));
        let wanted = [("a", false), ("a", false), ("a/", true), ("b", false), ("c", false)];
        assert_eq!(rolled, wanted.map(|(name, rolled)| (name.as_bytes().to_vec(), rolled)));
    }
}

#[test]
fn s3_06_a_folder_name_twice_and_pages_of_one_key() {
    let mut store = Store::new(Versioning::Unversioned);
    store.put(b"d/d/f1");
    store.put(b"d/e/f2");
    let found = names(&store.walk(&query(What::Objects, "d/", "/", 1000)));
    assert_eq!(found, [(b"d/d/".to_vec(), true), (b"d/e/".to_vec(), true)]);
    let page = list::list(&store.map, store.bucket.id, &query(What::Objects, "", "", 1)).unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (1, true));
    let mut store = Store::new(Versioning::Unversioned);
    let mut keys: Vec<Vec<u8>> = (0..12_000).map(|n| format!("deep/er/{}/{n}", n % 7).into_bytes()).collect();
    keys.iter().for_each(|key| store.put(key));
    keys.sort();
    let found: Vec<Vec<u8>> =
        names(&store.walk(&query(What::Objects, "", "", 1))).into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, keys);
}

#[test]
fn s3_14_keys_are_sorted_by_their_bytes() {
    let mut store = Store::new(Versioning::Unversioned);
    for key in ["\u{ff5e}", "\u{1f600}", "a", "Z", "é"] {
        store.put(key.as_bytes());
    }
    let found = names(&store.walk(&query(What::Objects, "", "", 2)));
    let wanted = ["Z", "a", "é", "\u{ff5e}", "\u{1f600}"].map(|key| (key.as_bytes().to_vec(), false));
    assert_eq!(found, wanted);
}

#[test]
fn a_marker_that_is_a_common_prefix_stands_for_all_below_it() {
    let mut store = Store::new(Versioning::Unversioned);
    for key in ["a/1", "a/2", "b/1", "c"] {
        store.put(key.as_bytes());
    }
    let listed = |marker: &[u8]| {
        let start = list::start_at_marker(marker, b"", b"/");
        let query = Query { start, ..query(What::Objects, "", "/", 10) };
        names(&store.walk(&query))
            .into_iter()
            .map(|(name, _)| String::from_utf8(name).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(b""), ["a/", "b/", "c"]);
    assert_eq!(listed(b"a/"), ["b/", "c"]);
    assert_eq!(listed(b"a/1"), ["a/", "b/", "c"]);
    assert_eq!(listed(b"b"), ["b/", "c"]);
}

#[test]
fn a_page_without_room_is_empty_and_the_last() {
    let mut store = Store::new(Versioning::Unversioned);
    store.put(b"a");
    let page = list::list(&store.map, store.bucket.id, &query(What::Objects, "", "", 0)).unwrap();
    assert_eq!(page, list::Page { items: Vec::new(), next: None });
}

#[test]
fn tokens_of_others_are_refused() {
    assert_eq!(list::start_of_token(""), Ok(Start::First));
    for token in ["a", "zz", "00", "0000000001", "000000000161", &"f".repeat(2050), "é"] {
        assert!(list::start_of_token(token).is_err(), "{token}");
    }
}

/// A source that counts seeks and fails after so many steps.
struct Counted<'m> {
    map: &'m Map,
    seeks: Cell<u64>,
    steps: Cell<u64>,
    fail_after: u64,
}

struct CountedCursor<'c> {
    source: &'c Counted<'c>,
    inner: Box<dyn Cursor + 'c>,
}

impl Source for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unavailable> {
        Source::get(self.map, key)
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(CountedCursor { source: self, inner: self.map.cursor() })
    }
}

impl Cursor for CountedCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<(), Unavailable> {
        self.source.seeks.set(self.source.seeks.get() + 1);
        self.inner.seek(key)
    }

    fn next(&mut self) -> Result<(), Unavailable> {
        self.source.steps.set(self.source.steps.get() + 1);
        if self.source.steps.get() > self.source.fail_after { Err(Unavailable) } else { self.inner.next() }
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        self.inner.entry()
    }
}

#[test]
fn a_common_prefix_costs_one_seek_whatever_is_below_it() {
    let mut store = Store::new(Versioning::Unversioned);
    for n in 0..300 {
        store.put(format!("{}/{n}", n % 3).as_bytes());
    }
    let source = Counted { map: &store.map, seeks: Cell::new(0), steps: Cell::new(0), fail_after: u64::MAX };
    let page = list::list(&source, store.bucket.id, &query(What::Objects, "", "/", 100)).unwrap();
    assert_eq!(page.items.len(), 3);
    assert_eq!((source.seeks.get(), source.steps.get()), (4, 0));
}

#[test]
fn a_store_that_fails_is_no_end() {
    let mut store = Store::new(Versioning::Unversioned);
    for n in 0..30 {
        store.put(format!("{n}").as_bytes());
    }
    let source = Counted { map: &store.map, seeks: Cell::new(0), steps: Cell::new(0), fail_after: 20 };
    let page = list::list(&source, store.bucket.id, &query(What::Objects, "", "", 100));
    assert_eq!(page, Err(StateError::Storage(Unavailable)));
}
