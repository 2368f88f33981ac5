//! A collection through its lives: what was acknowledged is there again, from the log, from the index file, and where that file is damaged.

use std::collections::BTreeMap;
use std::path::Path;

use dolmen_base::rng::Rng;
use dolmen_hnsw::Level;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::Serial;
use dolmen_hnsw::metric::Vector;
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter as Passing, Request};
use dolmen_store::{Db, Options};
use serde_json::{Value, json};

use crate::collection::{Collection, Point, Query, Shape};
use crate::fail::Failure;
use crate::filter::Filter;
use crate::id::PointId;

fn shape(form: &str) -> Shape {
    Shape { name: "k".into(), size: 8, distance: "Euclid".into(), form: form.into(), m: 8, ef_construct: 40 }
}

fn db(dir: &Path) -> Db {
    Db::open(&dir.join("store"), Options::default()).unwrap()
}

fn point(id: u64, rng: &mut Rng) -> Point {
    let vector = (0..8).map(|_| rng.unit_f64() as f32).collect();
    Point { id: PointId::Number(id), vector, payload: json!({"even": id.is_multiple_of(2)}) }
}

fn query(vector: Vec<f32>, filter: Value) -> Query {
    Query {
        vector,
        limit: 3,
        offset: 0,
        without: None,
        filter: Filter::parse(&filter).unwrap(),
        ef: Some(200),
        exact: false,
        threshold: None,
        with_vector: true,
    }
}

fn check(collection: &Collection, model: &BTreeMap<u64, Vec<f32>>) {
    assert_eq!(collection.len(), model.len());
    for (id, vector) in model {
        let hits = collection.search(&query(vector.clone(), Value::Null)).unwrap();
        assert!(hits[0].id == PointId::Number(*id) && hits[0].score < 1e-2, "{id}");
        let even = json!({"must": [{"key": "even", "match": {"value": true}}]});
        let hits = collection.search(&query(vector.clone(), even)).unwrap();
        assert!(hits.iter().all(|hit| matches!(hit.id, PointId::Number(id) if id.is_multiple_of(2))));
    }
}

#[test]
fn a_collection_survives_every_end() {
    for form in ["f32", "sq8", "qg"] {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = Rng::new(3);
        let mut model = BTreeMap::new();
        let store = db(dir.path());
        let mut collection = Collection::create(&store, dir.path(), 1, shape(form)).unwrap();
        for life in 0..6 {
            for _ in 0..10 {
                let points: Vec<Point> = (0..20).map(|_| point(rng.below(150), &mut rng)).collect();
                points.iter().for_each(|point| {
                    if let PointId::Number(id) = point.id {
                        model.insert(id, point.vector.clone());
                    }
                });
                collection.upsert(points).unwrap();
                let gone: Vec<u64> = (0..10).map(|_| rng.below(150)).collect();
                gone.iter().for_each(|id| drop(model.remove(id)));
                collection.delete(&gone.into_iter().map(PointId::Number).collect::<Vec<_>>()).unwrap();
            }
            check(&collection, &model);
            if life % 2 == 1 {
                collection.save().unwrap();
            }
            if life == 3 {
                let file = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
                let file =
                    file.into_iter().find(|path| path.extension().is_some_and(|e| e == "dvx")).unwrap();
                let mut bytes = std::fs::read(&file).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&file, bytes).unwrap();
            }
            collection = Collection::open(&store, dir.path(), 1, shape(form)).unwrap();
            check(&collection, &model);
        }
        collection.remove().unwrap();
        assert!(collection.upsert(vec![point(1, &mut rng)]).is_err());
        store.close().unwrap();
    }
}

#[test]
fn what_cannot_be_stored_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = db(dir.path());
    let collection = Collection::create(&store, dir.path(), 1, shape("f32")).unwrap();
    let mut rng = Rng::new(1);
    let mut bad = point(2, &mut rng);
    bad.vector.pop();
    let refused: Failure = collection.upsert(vec![point(1, &mut rng), bad]).unwrap_err();
    assert_eq!((refused.status, collection.len()), (400, 0));
    assert!(refused.text.contains("point 2") && refused.text.contains("7 dimensions"), "{}", refused.text);
    let mut bad = point(2, &mut rng);
    bad.payload = json!([1]);
    assert_eq!(collection.upsert(vec![bad]).unwrap_err().status, 400);
    assert_eq!(Shape { distance: "Manhattan".into(), ..shape("f32") }.options().unwrap_err().status, 400);
    assert_eq!(Shape { size: 0, ..shape("f32") }.options().unwrap_err().status, 400);
}

/// One id twice in a request: the last counts.
#[test]
fn the_last_of_equal_ids_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = db(dir.path());
    let collection = Collection::create(&store, dir.path(), 1, shape("f32")).unwrap();
    let mut rng = Rng::new(1);
    let last = point(7, &mut rng);
    let vector = last.vector.clone();
    collection.upsert(vec![point(7, &mut rng), last]).unwrap();
    assert_eq!((collection.len(), collection.vector(PointId::Number(7)).unwrap()), (1, vector));
}

/// A graph of codes in the node that grew by small writes, with deletions and replacements between them, finds as much as one that is built at
/// once; so does one that is built again from its vectors.
#[test]
fn what_grows_by_writes_finds_as_much_as_what_is_built_at_once() {
    let (dir, size) = (tempfile::tempdir().unwrap(), 32);
    let store = db(dir.path());
    let shape = Shape { size, m: 16, ef_construct: 80, ..shape("qg") };
    let collection = Collection::create(&store, dir.path(), 1, shape.clone()).unwrap();
    let mut rng = Rng::new(8);
    let centres: Vec<Vec<f32>> =
        (0..40).map(|_| (0..size).map(|_| rng.unit_f64() as f32 * 2.0).collect()).collect();
    let near = |rng: &mut Rng| -> Vec<f32> {
        let centre = &centres[rng.below(40) as usize];
        centre.iter().map(|value| value + rng.unit_f64() as f32).collect()
    };
    let mut model = BTreeMap::new();
    let mut next = 0;
    while model.len() < 3000 {
        let points: Vec<Point> = (0..30)
            .map(|_| {
                next += 1;
                let id = if rng.one_in(8) { 1 + rng.below(next) } else { next };
                Point { id: PointId::Number(id), vector: near(&mut rng), payload: Value::Null }
            })
            .collect();
        for point in &points {
            let PointId::Number(id) = point.id else { continue };
            model.insert(id, point.vector.clone());
        }
        collection.upsert(points).unwrap();
        let gone: Vec<u64> = (0..3).map(|_| 1 + rng.below(next)).collect();
        gone.iter().for_each(|id| drop(model.remove(id)));
        collection.delete(&gone.into_iter().map(PointId::Number).collect::<Vec<_>>()).unwrap();
    }
    let queries: Vec<Vec<f32>> = (0..200).map(|_| near(&mut rng)).collect();
    let recall = |collection: &Collection| {
        let mut hits = 0;
        for query in &queries {
            let ask = |exact: bool| {
                let query = Query {
                    limit: 10,
                    ef: Some(24),
                    exact,
                    with_vector: false,
                    ..self::query(query.clone(), Value::Null)
                };
                collection.search(&query).unwrap().into_iter().map(|hit| hit.id).collect::<Vec<_>>()
            };
            let wanted = ask(true);
            hits += ask(false).iter().filter(|id| wanted.contains(id)).count();
        }
        hits as f64 / (10 * queries.len()) as f64
    };
    let grown = recall(&collection);
    let mut index = Index::new(Level::best(), shape.options().unwrap()).unwrap();
    let items: Vec<(u64, Vector<'_>)> = model.iter().map(|(id, vector)| (*id, Vector::F32(vector))).collect();
    index.insert_batch(&Serial, &items).unwrap();
    index.finish(&Serial).unwrap();
    let mut hits = 0;
    for query in &queries {
        let (mut found, mut exact) = (Vec::new(), Vec::new());
        let request = Request::new(10, 24);
        index.view().search(Vector::F32(query), &request, &mut Scratch::new(), &mut found).unwrap();
        index.view().exact(Vector::F32(query), 10, &Passing::All, &mut Scratch::new(), &mut exact).unwrap();
        hits += found.iter().filter(|one| exact.iter().any(|other| other.label == one.label)).count();
    }
    let at_once = hits as f64 / (10 * queries.len()) as f64;
    collection.save().unwrap();
    let file = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    for file in file.filter(|path| path.extension().is_some_and(|e| e == "dvx")) {
        std::fs::write(file, b"gone").unwrap();
    }
    let again = recall(&Collection::open(&store, dir.path(), 1, shape).unwrap());
    println!("grown {grown}, at once {at_once}, built again {again}");
    assert!(
        grown >= at_once - 0.005 && again >= at_once - 0.005,
        "grown {grown}, at once {at_once}, again {again}"
    );
    store.close().unwrap();
}
