//! What `speed.py` drives, and the judge of indexes at real size. Vectors come as `.fbin` files.
//!
//! ```text
//! build  BASE METRIC FORM EF_CONSTRUCTION INDEX   CPU seconds and bytes
//! serve  INDEX QUERIES K                          for each line "EF FILE" on standard input: ids, i32, into FILE; the CPU seconds as answer
//! churn  BASE SPARE QUERIES METRIC FORM EF_CONSTRUCTION ROUNDS   each round replaces a fifth; recall beside an index that is built afresh
//! filter INDEX QUERIES [TRUTH]                    recall at selectivities of 50, 10, 1 and 0.1 %, the ef tuned for 0.95 on half of the queries,
//!                                                 beside what the index itself knows, or the index TRUTH
//! tune   INDEX QUERIES                            tuned for 0.95 on half of the queries, and on own rows; recall of the other half
//! ```

mod files;
mod judge;
mod threads;

use std::io::{BufRead, Write};
use std::time::Duration;

use dolmen_hnsw::Level;
use dolmen_hnsw::file::{self, Mapped};
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::{Serial, Workers};
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::Request;
use files::Rows;
use rustix::time::{ClockId, clock_gettime};

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["build", base, metric, form, ef, index] => build(base, options(metric, form, ef)?, index),
        ["serve", index, queries, k] => serve(index, queries, k.parse()?),
        ["churn", base, spare, queries, metric, form, ef, rounds] => {
            judge::churn(base, spare, queries, options(metric, form, ef)?, rounds.parse()?)
        }
        ["filter", index, queries] => judge::filter(index, queries, None),
        ["filter", index, queries, truth] => judge::filter(index, queries, Some(truth)),
        ["tune", index, queries] => judge::tune(index, queries),
        _ => Err("expected build, serve, churn, filter or tune with its arguments: see src/main.rs".into()),
    }
}

/// The dimension comes from the file.
fn options(metric: &str, form: &str, ef: &str) -> Outcome<Options> {
    let metric = Metric::by_name(metric).ok_or("no such metric")?;
    let form = Form::by_name(form).ok_or("no such form")?;
    Ok(Options { ef_construction: ef.parse()?, ..Options::new(1, metric, form) })
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32).as_secs_f64()
}

pub fn cpu() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

/// Built in one batch, and finished.
pub fn build_index(workers: &impl Workers, rows: &Rows, options: Options) -> Outcome<Index> {
    let mut index = Index::new(Level::best(), Options { dim: rows.dim(), ..options })?;
    let items: Vec<(u64, Vector<'_>)> = (0u64..).zip(rows.all().map(Vector::F32)).collect();
    index.insert_batch(workers, &items)?;
    index.finish(workers)?;
    Ok(index)
}

fn build(base: &str, options: Options, path: &str) -> Outcome<()> {
    let rows = Rows::read(base)?;
    let start = cpu();
    let index = build_index(&Serial, &rows, options)?;
    let spent = cpu() - start;
    let bytes = file::to_bytes(&index.view())?;
    std::fs::write(path, &bytes)?;
    println!("{spent:.2} CPU seconds, {} bytes a vector", bytes.len() / rows.len());
    Ok(())
}

fn serve(path: &str, queries: &str, k: usize) -> Outcome<()> {
    let (map, queries) = (dolmen_fs::Map::load(path.as_ref())?, Rows::read(queries)?);
    let mut mapped = Mapped::open(Level::best(), &map)?;
    mapped.check_blocks();
    let view = mapped.view();
    let mut scratch = Scratch::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (ef, to) = line.split_once(' ').ok_or("expected EF FILE")?;
        let request = Request::new(k, ef.parse()?);
        let mut ids: Vec<u8> = Vec::with_capacity(4 * k * queries.len());
        let mut found = Vec::with_capacity(k);
        let start = seconds(ClockId::ThreadCPUTime);
        for query in queries.all() {
            found.clear();
            view.search(Vector::F32(query), &request, &mut scratch, &mut found)?;
            ids.extend(found.iter().flat_map(|one| (one.label as i32).to_le_bytes()));
        }
        let spent = seconds(ClockId::ThreadCPUTime) - start;
        std::fs::write(to, &ids)?;
        println!("{spent}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
