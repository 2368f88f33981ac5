//! Files that hnswlib, faiss and usearch wrote, with their own answers (`tests/data/README.md`).
#![allow(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::path::{Path, PathBuf};

use dolmen_hnsw::Level;
use dolmen_hnsw::foreign::{faiss, hnswlib, usearch};
use dolmen_hnsw::index::Index;
use dolmen_hnsw::metric::{Metric, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Request};
use serde_json::Value;

struct Case {
    name: String,
    lib: String,
    metric: Metric,
    dim: usize,
    k: usize,
    queries: usize,
    live: usize,
    count: usize,
    query_type: String,
    form: String,
    efs: Vec<usize>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn file(case: &Case, part: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{}.{part}", case.name))).unwrap()
}

fn cases() -> Vec<Case> {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder().join("manifest.json")).unwrap()).unwrap();
    let number = |case: &Value, key: &str| case[key].as_u64().unwrap() as usize;
    let text = |case: &Value, key: &str| case[key].as_str().unwrap().to_string();
    let all = manifest["cases"].as_array().unwrap().iter();
    all.map(|case| Case {
        name: text(case, "name"),
        lib: text(case, "lib"),
        metric: Metric::by_name(case["metric"].as_str().unwrap()).unwrap(),
        dim: number(case, "dim"),
        k: number(case, "k"),
        queries: number(case, "queries"),
        live: number(case, "live"),
        count: number(case, "n"),
        query_type: text(case, "query_type"),
        form: text(case, "form"),
        efs: case["efs"].as_array().unwrap().iter().map(|ef| ef.as_u64().unwrap() as usize).collect(),
    })
    .collect()
}

fn read(case: &Case, bytes: &[u8]) -> Index {
    match case.lib.as_str() {
        "hnswlib" => hnswlib::read(Level::best(), bytes, case.metric),
        "faiss" => faiss::read(Level::best(), bytes),
        _ => usearch::read(Level::best(), bytes),
    }
    .unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

fn i64s(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Runs the recorded queries at one ef: ids and distances, -1 and infinity where there are fewer.
fn answers(case: &Case, index: &Index, ef: usize) -> (Vec<i64>, Vec<f32>) {
    let raw = file(case, &format!("queries.{}", case.query_type));
    let size = raw.len() / case.queries;
    let (mut ids, mut distances, mut scratch) = (Vec::new(), Vec::new(), Scratch::new());
    for query in raw.chunks_exact(size) {
        let floats = f32s(query);
        let vector = match case.query_type.as_str() {
            "f32" => Vector::F32(&floats),
            "i8" => Vector::I8(bytemuck::cast_slice(query)),
            _ => Vector::Bits(query),
        };
        let mut found = Vec::new();
        index.view().search(vector, &Request::new(case.k, ef), &mut scratch, &mut found).unwrap();
        assert_eq!(found.len(), case.k.min(case.live), "{}", case.name);
        ids.extend((0..case.k).map(|i| found.get(i).map_or(-1, |f| f.label as i64)));
        distances.extend((0..case.k).map(|i| found.get(i).map_or(f32::INFINITY, |f| f.distance)));
    }
    (ids, distances)
}

fn near(a: f32, b: f32) -> bool {
    a == b || (a - b).abs() <= 1e-5 + 1e-5 * b.abs()
}

#[test]
fn every_file_answers_as_its_library() {
    let cases = cases();
    assert_eq!(cases.len(), 40);
    for case in &cases {
        let index = read(case, &file(case, "index"));
        assert_eq!(
            (index.len(), index.options().dim, index.options().metric),
            (case.live, case.dim, case.metric),
            "{}",
            case.name
        );
        assert_eq!(index.view().meta().dead as usize, case.count - case.live, "{}", case.name);
        let (all_ids, all_distances) = (i64s(&file(case, "ids.i64")), f32s(&file(case, "dist.f32")));
        let each = case.queries * case.k;
        for (at, ef) in case.efs.iter().enumerate() {
            let (ids, distances) = answers(case, &index, *ef);
            let (wanted, wanted_distances) =
                (&all_ids[at * each..(at + 1) * each], &all_distances[at * each..(at + 1) * each]);
            let same = ids.iter().zip(wanted).filter(|(a, b)| a == b).count() as f64 / each as f64;
            let close = distances.iter().zip(wanted_distances).filter(|(a, b)| near(**a, **b)).count() as f64
                / each as f64;
            println!("{} ef {ef}: ids {same:.4} distances {close:.4}", case.name);
            let ties = case.form != "f32";
            if at + 1 == case.efs.len() {
                assert!(ties || same == 1.0, "{} ef {ef}: {same}", case.name);
                assert!(close == 1.0, "{} ef {ef}: {close}", case.name);
            } else if case.form == "b1" {
                // Half of the distances are equal to others, and which of equals are walked differs.
                let total = |distances: &[f32]| distances.iter().sum::<f32>();
                assert!(total(&distances) < 1.02 * total(wanted_distances), "{} ef {ef}", case.name);
            } else {
                assert!(close > 0.93, "{} ef {ef}: {close}", case.name);
            }
        }
    }
}

#[test]
fn exact_scans_equal_brute_force() {
    for case in cases().iter().filter(|case| case.form == "f32") {
        let index = read(case, &file(case, "index"));
        let raw = f32s(&file(case, "queries.f32"));
        let mut scratch = Scratch::new();
        let wanted = i64s(&file(case, "exact.i64"));
        for (query, wanted) in raw.chunks_exact(case.dim).zip(wanted.chunks_exact(case.k)) {
            let mut found = Vec::new();
            index.view().exact(Vector::F32(query), case.k, &Filter::All, &mut scratch, &mut found).unwrap();
            let ids: Vec<i64> = (0..case.k).map(|i| found.get(i).map_or(-1, |f| f.label as i64)).collect();
            assert_eq!(ids, wanted, "{}", case.name);
        }
    }
}

#[test]
fn an_unmodified_hnswlib_file_is_written_back_byte_for_byte() {
    for case in cases().iter().filter(|case| case.lib == "hnswlib") {
        let bytes = file(case, "index");
        let again = hnswlib::write(&read(case, &bytes)).unwrap();
        assert!(
            again == bytes,
            "{}: first difference at {:?}",
            case.name,
            again.iter().zip(&bytes).position(|(a, b)| a != b)
        );
    }
}

/// What is written as another library's file and read again answers the same.
#[test]
fn every_format_carries_every_graph() {
    for case in cases() {
        let index = read(&case, &file(&case, "index"));
        let ef = *case.efs.last().unwrap();
        let (ids, distances) = answers(&case, &index, ef);
        let mut copies =
            vec![("usearch", usearch::read(Level::best(), &usearch::write(&index).unwrap()).unwrap())];
        if index.options().form.takes_f32() {
            copies.push((
                "hnswlib",
                hnswlib::read(Level::best(), &hnswlib::write(&index).unwrap(), case.metric).unwrap(),
            ));
            let copy = faiss::read(Level::best(), &faiss::write(&index).unwrap()).unwrap();
            if case.metric != Metric::Cosine {
                copies.push(("faiss", copy));
            }
        }
        for (name, copy) in copies {
            let (again, again_distances) = answers(&case, &copy, ef);
            assert!(
                distances.iter().zip(&again_distances).all(|(a, b)| near(*a, *b)),
                "{} as {name}",
                case.name
            );
            if case.form == "f32" {
                assert_eq!(ids, again, "{} as {name}", case.name);
            }
        }
    }
}
