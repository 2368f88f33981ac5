//! Churn, filters and tuning, each beside the exact answer.

use std::collections::VecDeque;

use dolmen_base::rng::Rng;
use dolmen_hnsw::Level;
use dolmen_hnsw::error::Error;
use dolmen_hnsw::file::Mapped;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::Workers;
use dolmen_hnsw::metric::{Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Found, PlanKind, Request};
use dolmen_hnsw::tune::recall;
use dolmen_hnsw::view::View;

use crate::files::Rows;
use crate::threads::Threads;
use crate::{Outcome, build_index, cpu};

const K: usize = 10;
/// Candidates at which churned indexes are compared with fresh ones.
const EFS: [usize; 3] = [32, 64, 128];
const THREADS: Threads = Threads(4);
/// Vectors that leave and come at a time.
const STEP: usize = 64;

/// The mean recall of each request, by what `truth` finds exactly: the same index, or one that holds the vectors as they are.
fn recalls(
    view: &View<'_>,
    truth: Option<&View<'_>>,
    queries: &[&[f32]],
    requests: &[Request<'_>],
) -> Outcome<Vec<f64>> {
    let each = THREADS.map(queries.len(), Scratch::new, |scratch, at| {
        let (query, mut exact, mut all) = (Vector::F32(queries[at]), Vec::new(), Vec::new());
        truth.unwrap_or(view).exact(query, K, &requests[0].filter, scratch, &mut exact)?;
        for request in requests {
            let mut found = Vec::new();
            view.search(query, request, scratch, &mut found)?;
            all.push(f64::from(match truth {
                None => recall(&found, &exact),
                Some(_) => share(&found, &exact),
            }));
        }
        Ok::<_, Error>(all)
    });
    let mut sums = vec![0.0; requests.len()];
    for one in each {
        sums.iter_mut().zip(one?).for_each(|(sum, recall)| *sum += recall);
    }
    Ok(sums.into_iter().map(|sum| sum / queries.len() as f64).collect())
}

/// By labels, where distances are not those of the same vectors.
fn share(found: &[Found], exact: &[Found]) -> f32 {
    let hits = exact.iter().filter(|one| found.iter().any(|other| other.label == one.label)).count();
    hits as f32 / exact.len().max(1) as f32
}

fn shown(view: &View<'_>, queries: &[&[f32]]) -> Outcome<String> {
    let found = recalls(view, None, queries, &EFS.map(|ef| Request::new(K, ef)))?;
    Ok(found.iter().map(|recall| format!(" {recall:.4}")).collect())
}

/// Rounds in which a fifth of the vectors, taken at random, makes room for others of the same kind.
pub fn churn(base: &str, spare: &str, queries: &str, options: Options, rounds: usize) -> Outcome<()> {
    let (base, spare, queries) = (Rows::read(base)?, Rows::read(spare)?, Rows::read(queries)?);
    let queries: Vec<&[f32]> = queries.all().collect();
    let mut index = build_index(&THREADS, &base, options)?;
    let mut live: Vec<(u64, &[f32])> = (0u64..).zip(base.all()).collect();
    let mut waiting: VecDeque<&[f32]> = spare.all().collect();
    let mut next = live.len() as u64;
    let mut rng = Rng::new(15);
    println!("recall at ef {EFS:?}; before:{}", shown(&index.view(), &queries)?);
    let start = cpu();
    for _ in 0..rounds {
        for _ in 0..live.len() / 5 / STEP {
            replace(&mut index, &mut live, &mut waiting, &mut next, &mut rng)?;
        }
    }
    let spent = cpu() - start;
    let churned = shown(&index.view(), &queries)?;
    let lost = index.view().unreachable()?.0.len();
    let replaced = next - base.len() as u64;
    println!(
        "{rounds} rounds of a fifth:{churned}; {:.0} us for each of {replaced} replaced, {} slots for {}, {lost} unreachable",
        1e6 * spent / replaced as f64,
        index.view().slots(),
        index.len()
    );
    let fresh = build_index(&THREADS, &Rows::gathered(base.dim(), live.iter().map(|(_, row)| *row)), options)?;
    println!("built afresh:{}", shown(&fresh.view(), &queries)?);
    Ok(())
}

fn replace<'a>(
    index: &mut Index,
    live: &mut [(u64, &'a [f32])],
    waiting: &mut VecDeque<&'a [f32]>,
    next: &mut u64,
    rng: &mut Rng,
) -> Outcome<()> {
    let mut places = Vec::with_capacity(STEP);
    while places.len() < STEP {
        let at = rng.below(live.len() as u64) as usize;
        if !places.contains(&at) {
            places.push(at);
        }
    }
    // Deletion sweeps by itself, on one thread, once a 32nd of the slots is dead.
    if (index.view().meta().dead as usize + STEP) * 32 >= index.view().slots() {
        index.sweep(&THREADS)?;
    }
    for at in &places {
        index.delete(live[*at].0)?;
        waiting.push_back(live[*at].1);
        live[*at] = (*next, waiting.pop_front().ok_or("no spare vectors")?);
        *next += 1;
    }
    let items: Vec<(u64, Vector<'_>)> =
        places.iter().map(|at| (live[*at].0, Vector::F32(live[*at].1))).collect();
    index.insert_batch(&THREADS, &items)?;
    index.maintain(&THREADS, items.len())?;
    Ok(())
}

/// Every second query; the first or the others.
fn half(queries: &Rows, which: usize) -> Vec<&[f32]> {
    queries.all().skip(which).step_by(2).collect()
}

pub fn filter(index: &str, queries: &str, truth: Option<&str>) -> Outcome<()> {
    let (map, queries) = (dolmen_fs::Map::load(index.as_ref())?, Rows::read(queries)?);
    let mut mapped = Mapped::open(Level::best(), &map)?;
    mapped.check_blocks();
    let view = mapped.view();
    let truth_map = truth.map(|truth| dolmen_fs::Map::load(truth.as_ref())).transpose()?;
    let truth = truth_map.as_ref().map(|map| Mapped::open(Level::best(), map)).transpose()?;
    let truth = truth.as_ref().map(|truth| truth.view());
    let seen: Vec<Vector<'_>> = half(&queries, 0).into_iter().map(Vector::F32).collect();
    let tuned = view.tune(&THREADS, &seen, K, 0.95)?.tuned;
    let unseen = half(&queries, 1);
    let mut rng = Rng::new(5);
    for (one_in, percent) in [(2u64, "50"), (10, "10"), (100, "1"), (1000, "0.1")] {
        let mut bits = vec![0u64; view.slots().div_ceil(64)];
        let passing = (0..view.slots()).filter(|_| rng.one_in(one_in));
        passing.for_each(|slot| bits[slot / 64] |= 1 << (slot % 64));
        let filter = Filter::Slots(&bits);
        let request = Request { filter, rescore: tuned.rescore as usize, ..Request::new(K, tuned.ef as usize) };
        let kind = view.plan_filter(&filter, tuned.ef as usize)?.kind;
        let mut line = format!("{percent:>4} %: ef {}, {kind:?}", tuned.ef);
        let mut scratch = Scratch::new();
        for plan in [None, Some(PlanKind::Exact), Some(PlanKind::Walk), Some(PlanKind::TwoHop)] {
            // What the planner would hardly choose takes long, and is left out.
            if plan.is_some_and(|_| one_in > 10) || plan == Some(PlanKind::TwoHop) && one_in == 2 {
                continue;
            }
            let request = Request { plan, ..request };
            let start = cpu();
            for query in &unseen {
                view.search(Vector::F32(query), &request, &mut scratch, &mut Vec::new())?;
            }
            let each = 1e6 * (cpu() - start) / unseen.len() as f64;
            let found = recalls(&view, truth.as_ref(), &unseen, &[request])?[0];
            let name = plan.map_or("planned".to_owned(), |plan| format!("{plan:?}"));
            line += &format!("; {name} {found:.4} in {each:.0} us");
        }
        println!("{line}");
    }
    Ok(())
}

pub fn tune(index: &str, queries: &str) -> Outcome<()> {
    let (map, queries) = (dolmen_fs::Map::load(index.as_ref())?, Rows::read(queries)?);
    let mut mapped = Mapped::open(Level::best(), &map)?;
    mapped.check_blocks();
    let view = mapped.view();
    let seen: Vec<Vector<'_>> = half(&queries, 0).into_iter().map(Vector::F32).collect();
    let unseen = half(&queries, 1);
    for (name, tuning) in
        [("queries", view.tune(&THREADS, &seen, K, 0.95)?), ("own rows", view.tune_on_own(&THREADS, K, 0.95)?)]
    {
        let tuned = tuning.tuned;
        let request = Request { rescore: tuned.rescore as usize, ..Request::new(K, tuned.ef as usize) };
        println!(
            "tuned on {name}: ef {}, rescored {}: {:.4} there, {:.4} on {} unseen queries",
            tuned.ef,
            tuned.rescore,
            tuning.reached,
            recalls(&view, None, &unseen, &[request])?[0],
            unseen.len()
        );
    }
    Ok(())
}
