//! The committed seeds of the fuzz targets, and small files of our own, through the bodies of the targets.
#![allow(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

mod common;

use common::build;
use dolmen_hnsw::check;
use dolmen_hnsw::file::to_bytes;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};

fn replay(target: &str, body: fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        body(&bytes);
        for end in 0..bytes.len().min(300) {
            body(&bytes[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn seeds_pass() {
    replay("hnsw_hnswlib", check::check_hnswlib);
    replay("hnsw_faiss", check::check_faiss);
    replay("hnsw_usearch", check::check_usearch);
    replay("hnsw_vectors", check::check_vectors);
    replay("hnsw_file", check::check_file);
    replay("hnsw_changes", check::check_changes);
}

/// Seeds of our own formats stand for what is written today: if these change, the format has changed.
#[test]
fn seeds_of_our_formats_are_current() {
    let rows: Vec<Vec<f32>> = (0..3).map(|i| vec![i as f32, 1.0, 0.5, -1.0]).collect();
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let options =
            Options { m: 2, m0: if form.is_qg() { 32 } else { 4 }, ..Options::new(4, Metric::L2, form) };
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let file = to_bytes(&build(options, &rows).view()).unwrap();
        let mut index = Index::new(dolmen_hnsw::Level::best(), options).unwrap();
        index.keep_journal();
        (0u64..).zip(&rows).for_each(|(label, row)| index.insert(label, Vector::F32(row)).unwrap());
        let seeds = [("hnsw_file", file), ("hnsw_changes", index.take_journal())];
        for (target, bytes) in seeds {
            let path = folder.join(target).join(form.name());
            if std::env::var_os("DOLMEN_BLESS").is_some() {
                std::fs::write(&path, &bytes).unwrap();
            }
            assert!(std::fs::read(&path).unwrap() == bytes, "{}", path.display());
        }
    }
}
