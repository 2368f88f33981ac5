//! Vector search's step of the tour.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_cli::Report;
use dolmen_hnsw::Level;
use dolmen_hnsw::file;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::Serial;
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Request};
use dolmen_hnsw::tune::recall;

use crate::input::{Opened, replace};

/// The input: this crate's own words.
const SOURCES: [&str; 4] =
    [include_str!("lib.rs"), include_str!("look.rs"), include_str!("search.rs"), include_str!("bench.rs")];
const DIM: usize = 64;

/// Counts of pairs of characters, hashed into a few dimensions.
fn embed(word: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIM];
    let bytes = word.as_bytes();
    for pair in bytes.windows(2) {
        let hash = usize::from(pair[0]) * 31 + usize::from(pair[1]);
        vector[hash % DIM] += 1.0;
    }
    vector[bytes.len() % DIM] += 0.5;
    vector
}

/// Words of this crate's source in an index with codes in the node, written, mapped, and searched.
///
/// # Errors
///
/// If the file is damaged or too few of the nearest words are found.
pub fn tour(scratch: &Path) -> Result<Report> {
    let mut words: Vec<&str> =
        SOURCES.iter().flat_map(|text| text.split_whitespace()).filter(|word| word.len() > 3).collect();
    words.sort_unstable();
    words.dedup();
    let vectors: Vec<Vec<f32>> = words.iter().map(|word| embed(word)).collect();
    let options = Options { ef_construction: 100, ..Options::new(DIM, Metric::Cosine, Form::Qg) };
    let mut index = Index::new(Level::best(), options)?;
    let items: Vec<(u64, Vector<'_>)> =
        (0u64..).zip(vectors.iter().map(|vector| Vector::F32(vector))).collect();
    index.insert_batch(&Serial, &items)?;
    let path = scratch.join("words.dvx");
    let bytes = file::to_bytes(&index.view())?;
    replace(&path, |to| Ok(to.write_all(&bytes)?))?;
    let opened = Opened::new(&path)?;
    let mapped = opened.open()?;
    let view = mapped.view();
    let (mut sum, mut count, mut scratch) = (0.0, 0, Scratch::new());
    for vector in vectors.iter().step_by(7) {
        let (mut found, mut exact) = (Vec::new(), Vec::new());
        view.search(Vector::F32(vector), &Request::new(10, 64), &mut scratch, &mut found)?;
        view.exact(Vector::F32(vector), 10, &Filter::All, &mut scratch, &mut exact)?;
        sum += recall(&found, &exact);
        count += 1;
    }
    let reached = sum / count as f32;
    ensure!(reached > 0.9, "only {reached:.3} of the nearest words were found");
    let did = format!(
        "{} words as vectors, codes in the node: recall {reached:.3} of {count} mapped searches",
        words.len()
    );
    Ok(Report { system: "vector", did, page: "core/hnsw/README.md" })
}
