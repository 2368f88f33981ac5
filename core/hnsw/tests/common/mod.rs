//! Data and judges that the tests share.
#![allow(dead_code, missing_docs)]

use dolmen_base::rng::Rng;
use dolmen_hnsw::Level;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::Serial;
use dolmen_hnsw::metric::{Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Request};

/// Clustered vectors, each cluster with a few directions of its own: harder than noise, and nearer to what embeddings are.
pub fn clustered(rng: &mut Rng, count: usize, dim: usize, clusters: usize) -> Vec<Vec<f32>> {
    let mut shape = Rng::new(42);
    let normal = |rng: &mut Rng| (0..12).map(|_| rng.unit_f64() as f32).sum::<f32>() - 6.0;
    let directions = 12;
    let centres: Vec<Vec<f32>> =
        (0..clusters).map(|_| (0..dim).map(|_| 2.0 * normal(&mut shape)).collect()).collect();
    let spans: Vec<Vec<f32>> =
        (0..clusters * directions).map(|_| (0..dim).map(|_| normal(&mut shape)).collect()).collect();
    (0..count)
        .map(|_| {
            let c = rng.below(clusters as u64) as usize;
            let mut vector = centres[c].clone();
            for span in &spans[c * directions..(c + 1) * directions] {
                let along = normal(rng);
                vector.iter_mut().zip(span).for_each(|(v, s)| *v += along * s);
            }
            vector.iter_mut().for_each(|v| *v += 0.3 * normal(rng));
            vector
        })
        .collect()
}

pub fn build(options: Options, rows: &[Vec<f32>]) -> Index {
    let mut index = Index::new(Level::best(), options).unwrap();
    let items: Vec<(u64, Vector<'_>)> =
        rows.iter().enumerate().map(|(i, row)| (i as u64, Vector::F32(row))).collect();
    index.insert_batch(&Serial, &items).unwrap();
    index
}

/// Share of the true nearest that searches find.
pub fn recall(index: &Index, queries: &[Vec<f32>], k: usize, ef: usize, filter: Filter<'_>) -> f64 {
    recall_of(index, queries, &Request { filter, ..Request::new(k, ef) })
}

/// The same, however the request says.
pub fn recall_of(index: &Index, queries: &[Vec<f32>], request: &Request<'_>) -> f64 {
    let view = index.view();
    let mut scratch = Scratch::new();
    let mut hits = 0;
    let mut wanted = 0;
    for query in queries {
        let (mut found, mut exact) = (Vec::new(), Vec::new());
        view.search(Vector::F32(query), request, &mut scratch, &mut found).unwrap();
        view.exact(Vector::F32(query), request.k, &request.filter, &mut scratch, &mut exact).unwrap();
        assert_eq!(found.len(), exact.len());
        hits += found.iter().filter(|f| exact.iter().any(|e| e.label == f.label)).count();
        wanted += exact.len();
    }
    hits as f64 / wanted as f64
}
