//! Damaged files: 20,000 in all, each refused, or answering as the whole one.
#![allow(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

mod common;

use common::{build, clustered};
use dolmen_base::rng::Rng;
use dolmen_hnsw::Level;
use dolmen_hnsw::check;
use dolmen_hnsw::error::Error;
use dolmen_hnsw::file::{Mapped, to_bytes};
use dolmen_hnsw::foreign::{faiss, hnswlib, usearch};
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Found, Request};

/// The body of a fuzz target.
type Loader = fn(&[u8]);

fn aligned(bytes: &[u8], buffer: &mut Vec<u64>) -> usize {
    buffer.clear();
    buffer.resize(bytes.len().div_ceil(8), 0);
    bytemuck::cast_slice_mut::<u64, u8>(buffer)[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
}

fn answers(mapped: &Mapped<'_>, queries: &[Vec<f32>]) -> Result<Vec<Vec<Found>>, Error> {
    let mut scratch = Scratch::new();
    let search = |query: &Vec<f32>| {
        let mut found = Vec::new();
        mapped
            .view()
            .search(Vector::F32(query), &Request::new(5, 30), &mut scratch, &mut found)
            .map(|()| found)
    };
    queries.iter().map(search).collect()
}

#[test]
fn no_damage_of_our_file_is_accepted() {
    let mut rng = Rng::new(5);
    let rows = clustered(&mut rng, 400, 20, 8);
    let queries = clustered(&mut rng, 3, 20, 8);
    let mut buffer = Vec::new();
    let soak = if std::env::var_os("DOLMEN_SOAK").is_some() { 20 } else { 1 };
    for form in [Form::F32, Form::Sq8, Form::Qg, Form::Qg8] {
        let mut index = build(Options { ef_construction: 40, ..Options::new(20, Metric::L2, form) }, &rows);
        (0..20).for_each(|label| index.delete(label).unwrap());
        let whole = to_bytes(&index.view()).unwrap();
        let len = aligned(&whole, &mut buffer);
        let mapped = Mapped::open(Level::best(), &bytemuck::cast_slice(&buffer)[..len]).unwrap();
        let expected = answers(&mapped, &queries).unwrap();
        mapped.verify(&mut |_| {}, &mut |error| panic!("{error}"));
        assert_eq!(to_bytes(&mapped.to_index().unwrap().view()).unwrap(), whole);
        for _ in 0..5_000 * soak {
            let mut bytes = whole.clone();
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(8) {
                0 => bytes.truncate(at),
                1 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                _ => bytes[at] ^= 1 << rng.below(8),
            }
            if bytes == whole {
                continue;
            }
            let len = aligned(&bytes, &mut buffer);
            let Ok(mapped) = Mapped::open(Level::best(), &bytemuck::cast_slice(&buffer)[..len]) else {
                continue;
            };
            match answers(&mapped, &queries) {
                Ok(found) => assert_eq!(found, expected, "{form}: damage at {at} changed an answer"),
                Err(error) => assert!(matches!(error, Error::Checksum { .. }), "{error}"),
            }
            let mut found = 0;
            mapped.verify(&mut |_| {}, &mut |_| found += 1);
            assert!(found > 0, "{form}: damage at {at} was not found");
        }
    }
}

/// Foreign files have no checksums: what is accepted must still be searchable.
#[test]
fn damaged_foreign_files_are_refused_or_searchable() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut rng = Rng::new(6);
    let loaders: [(&str, Loader); 3] =
        [("hnswlib", check::check_hnswlib), ("faiss", check::check_faiss), ("usearch", check::check_usearch)];
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|path| path.extension().is_some_and(|e| e == "index")) {
        let whole = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (_, loader) = loaders.iter().find(|(prefix, _)| name.starts_with(prefix)).unwrap();
        loader(&whole);
        for i in 0..40 {
            let mut bytes = whole.clone();
            let end = if i % 2 == 0 { bytes.len().min(120) } else { bytes.len() };
            let at = rng.below(end as u64) as usize;
            if rng.one_in(6) {
                bytes.truncate(at);
            } else {
                bytes[at] = rng.next_u32() as u8;
            }
            loader(&bytes);
        }
    }
}

/// vector-08: headers that promise more than there is.
#[test]
fn crafted_headers_are_named() {
    let rows = vec![vec![0.0, 1.0], vec![2.0, 3.0]];
    let index = build(Options::new(2, Metric::L2, Form::F32), &rows);
    let mut file = hnswlib::write(&index).unwrap();
    file[8] = 1;
    let error = hnswlib::read(Level::best(), &file, Metric::L2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the number of vectors at offset 16 is damaged: found 2, expected 1 (or at most that)"
    );
    let file = faiss::write(&index).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        faiss::read(Level::best(), &file).unwrap_err().to_string()
    };
    for dim in [0i32, -1, i32::MAX] {
        assert!(with(4, &dim.to_le_bytes()).starts_with("the dimension"), "{dim}");
    }
    assert!(with(8, &u64::MAX.to_le_bytes()).starts_with("the number of vectors"));
    assert!(with(8, &(1u64 << 30).to_le_bytes()).contains("damaged"));
    let mut file = usearch::write(&index).unwrap();
    file[0] = 3;
    let error = usearch::read(Level::best(), &file).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}
