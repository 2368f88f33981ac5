//! Faults that other libraries had, and a model test: whatever is inserted, deleted and updated, searches agree with a plain list.
#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::{build, clustered, recall, recall_of};
use dolmen_base::rng::Rng;
use dolmen_hnsw::Level;
use dolmen_hnsw::error::{Error, Field, Invalid};
use dolmen_hnsw::file::{Mapped, to_bytes};
use dolmen_hnsw::foreign::hnswlib;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::{Serial, Workers};
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Found, PlanKind, Request};

fn index(dim: usize, form: Form) -> Index {
    Index::new(Level::best(), Options::new(dim, Metric::L2, form)).unwrap()
}

fn search(index: &Index, query: &[f32], k: usize, ef: usize, filter: Filter<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let request = Request { filter, ..Request::new(k, ef) };
    index.view().search(Vector::F32(query), &request, &mut Scratch::new(), &mut found).unwrap();
    found
}

fn pairs(found: &[Found]) -> Vec<(u64, f32)> {
    found.iter().map(|one| (one.label, one.distance)).collect()
}

#[test]
fn vector_01_a_label_comes_back_elsewhere() {
    let mut index = index(2, Form::F32);
    for (label, row) in [(10, [0.0, 0.0]), (11, [1.0, 0.0]), (12, [2.0, 0.0])] {
        index.insert(label, Vector::F32(&row)).unwrap();
    }
    index.delete(11).unwrap();
    index.insert(11, Vector::F32(&[1.5, 0.0])).unwrap();
    let expected = vec![(11, 0.0), (12, 0.25), (10, 2.25)];
    assert_eq!(pairs(&search(&index, &[1.5, 0.0], 3, 10, Filter::All)), expected);
    assert_eq!(index.len(), 3);
    let again = hnswlib::read(Level::best(), &hnswlib::write(&index).unwrap(), Metric::L2);
    // Label 11 stands twice, once as deleted: hnswlib itself writes no such file, but its reader takes it.
    assert_eq!(pairs(&search(&again.unwrap(), &[1.5, 0.0], 3, 10, Filter::All)), expected);
    let bytes = to_bytes(&index.view()).unwrap();
    let mut aligned = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut aligned)[..bytes.len()].copy_from_slice(&bytes);
    let mapped = Mapped::open(Level::best(), &bytemuck::cast_slice(&aligned)[..bytes.len()]).unwrap();
    assert_eq!(pairs(&search(&mapped.to_index().unwrap(), &[1.5, 0.0], 3, 10, Filter::All)), expected);
}

#[test]
fn vector_04_fewer_than_k() {
    let empty = index(2, Form::F32);
    assert!(search(&empty, &[0.0, 0.0], 1, 10, Filter::All).is_empty());
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let mut index = index(2, form);
        for label in 0..3 {
            index.insert(label, Vector::F32(&[label as f32, 1.0])).unwrap();
        }
        assert_eq!(search(&index, &[0.0, 0.0], 5, 10, Filter::All).len(), 3, "{form}");
        assert_eq!(
            search(&index, &[0.0, 0.0], 2, 10, Filter::Labels(&|label| label == 1)).len(),
            1,
            "{form}"
        );
        // A batch over one worker's buffers: each query has as many as there are for it.
        type Passes = fn(u64) -> bool;
        let batch: [(usize, Passes); 4] =
            [(5, |_| true), (2, |label| label == 1), (1, |_| true), (2, |_| false)];
        let counts = Serial.map(batch.len(), Scratch::new, |scratch, at| {
            let ((k, passes), mut found) = (batch[at], Vec::new());
            let request = Request { filter: Filter::Labels(&passes), ..Request::new(k, 10) };
            index.view().search(Vector::F32(&[0.0, 0.0]), &request, scratch, &mut found).unwrap();
            found.len()
        });
        assert_eq!(counts, [3, 1, 1, 0], "{form}");
        index.delete(0).unwrap();
        index.delete(1).unwrap();
        assert_eq!(search(&index, &[0.0, 0.0], 2, 10, Filter::All).len(), 1, "{form}");
    }
}

#[test]
fn vector_05_exact_search_with_every_filter() {
    let mut index = index(1, Form::F32);
    for (label, value) in [(30, 3.0), (31, 4.0), (32, 5.0)] {
        index.insert(label, Vector::F32(&[value])).unwrap();
    }
    let mut found = Vec::new();
    let filter = Filter::Labels(&|label| label != 31);
    index.view().exact(Vector::F32(&[3.0]), 2, &filter, &mut Scratch::new(), &mut found).unwrap();
    assert_eq!(pairs(&found), [(30, 0.0), (32, 4.0)]);
    let ten: Vec<Vec<f32>> = (0..10).map(|i| vec![(i * i) as f32]).collect();
    let index = build(Options::new(1, Metric::L2, Form::F32), &ten);
    for mask in 0..1024u64 {
        let mut wanted: Vec<(u64, f32)> = (0..10)
            .filter(|i| mask >> i & 1 == 1)
            .map(|i| (i, (ten[i as usize][0] - 20.0).powi(2)))
            .collect();
        wanted.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        wanted.truncate(4);
        assert_eq!(pairs(&search(&index, &[20.0], 4, 10, Filter::Slots(&[mask]))), wanted, "{mask:b}");
    }
}

#[test]
fn vector_07_what_is_not_finite_changes_nothing() {
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let mut index = index(2, form);
        let rows = [[0.0, 0.0], [f32::NAN, 1.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]];
        let items: Vec<(u64, Vector<'_>)> = (0u64..).zip(rows.iter().map(|row| Vector::F32(row))).collect();
        assert_eq!(
            index.insert_batch(&Serial, &items),
            Err(Error::Invalid(Invalid::NotFinite { position: 0 }))
        );
        assert_eq!(index.len(), 0);
        for at in [0, 2, 3, 4] {
            index.insert(at, Vector::F32(&rows[at as usize])).unwrap();
        }
        assert!(index.upsert(2, Vector::F32(&[0.0, f32::INFINITY])).is_err());
        assert_eq!(index.len(), 4);
        let mut found = Vec::new();
        let request = Request::new(1, 10);
        let result =
            index.view().search(Vector::F32(&[f32::NAN, 0.0]), &request, &mut Scratch::new(), &mut found);
        assert_eq!(result, Err(Error::Invalid(Invalid::NotFinite { position: 0 })));
        assert!(found.is_empty());
    }
}

#[test]
fn bad_arguments_are_named() {
    let mut index = index(2, Form::F32);
    index.insert(1, Vector::F32(&[0.0, 1.0])).unwrap();
    let small = |field| Err(Error::Invalid(Invalid::TooSmall { field, found: 0, min: 1 }));
    let mut scratch = Scratch::new();
    let mut search =
        |vector, k, ef| index.view().search(vector, &Request::new(k, ef), &mut scratch, &mut Vec::new());
    assert_eq!(search(Vector::F32(&[0.0, 1.0]), 0, 5), small(Field::K));
    assert_eq!(search(Vector::F32(&[0.0, 1.0]), 5, 0), small(Field::Ef));
    let dimension = Err(Error::Invalid(Invalid::Dimension { expected: 2, found: 1 }));
    assert_eq!(search(Vector::F32(&[0.0]), 1, 5), dimension);
    assert_eq!(
        search(Vector::I8(&[0, 1]), 1, 5),
        Err(Error::Invalid(Invalid::VectorType { form: Form::F32 }))
    );
    assert_eq!(index.insert(1, Vector::F32(&[0.0, 1.0])), Err(Error::Invalid(Invalid::LabelExists(1))));
    assert_eq!(index.delete(2), Err(Error::Invalid(Invalid::UnknownLabel(2))));
    assert_eq!(
        index.insert(3, Vector::F32(&[1e30, 1.0])),
        Err(Error::Invalid(Invalid::TooLarge { position: 0 }))
    );
    let options = Options { m: 0, ..Options::new(2, Metric::L2, Form::F32) };
    let m = Error::Invalid(Invalid::TooSmall { field: Field::M, found: 0, min: 2 });
    assert_eq!(Index::new(Level::best(), options).err(), Some(m));
    let options = Options::new(2, Metric::Hamming, Form::Qg);
    assert_eq!(
        Index::new(Level::best(), options).err(),
        Some(Error::Invalid(Invalid::FormMetric(Form::Qg, Metric::Hamming)))
    );
}

#[test]
fn vector_12_a_thousand_copies() {
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let mut rows = vec![vec![1.0, 1.0]; 1000];
        rows.extend((0..10).map(|i| vec![5.0, i as f32 / 2.0]));
        let mut index = build(Options { ef_construction: 60, ..Options::new(2, Metric::L2, form) }, &rows);
        index.repair().unwrap();
        assert_eq!(index.view().unreachable().unwrap().0, Vec::<u32>::new(), "{form}");
        let found = search(&index, &[5.0, 3.0], 10, 64, Filter::All);
        assert!(found.iter().all(|one| one.label >= 1000), "{form}: {found:?}");
        let found = search(&index, &[1.0, 1.0], 1000, 1010, Filter::All);
        assert!(found.len() == 1000 && found.iter().all(|one| one.label < 1000), "{form}: {}", found.len());
    }
}

/// A log that is another index's: codes have no scale where rows are walked as they are.
#[test]
fn changes_of_another_form_are_refused() {
    let mut coded = index(2, Form::Sq8);
    coded.keep_journal();
    coded.insert(1, Vector::F32(&[0.0, 1.0])).unwrap();
    let changes = dolmen_hnsw::change::Change::decode_all(&coded.take_journal()).unwrap();
    let scale =
        changes.iter().find(|change| matches!(change, dolmen_hnsw::change::Change::Scale(_))).unwrap();
    for form in [Form::F32, Form::F16, Form::Qg] {
        let mut index = index(2, form);
        index.insert(1, Vector::F32(&[0.0, 1.0])).unwrap();
        let before = search(&index, &[0.0, 0.0], 1, 10, Filter::All);
        assert_eq!(index.apply(scale), Err(Error::Invalid(Invalid::Form(form))));
        assert_eq!(search(&index, &[0.0, 0.0], 1, 10, Filter::All), before, "{form}");
    }
}

/// vector-13: down to one, to none, refilled, then anything.
#[test]
fn vector_13_model() {
    for form in [Form::F32, Form::Sq8, Form::Qg, Form::Qg8] {
        let mut rng = Rng::new(13);
        let mut index = Index::new(
            Level::best(),
            Options { m: 8, m0: if form.is_qg() { 32 } else { 16 }, ..Options::new(6, Metric::L2, form) },
        )
        .unwrap();
        let mut model: BTreeMap<u64, Vec<f32>> = BTreeMap::new();
        let vector = |rng: &mut Rng| (0..6).map(|_| rng.unit_f64() as f32).collect::<Vec<f32>>();
        let mut next = 0u64;
        let check = |index: &Index, model: &BTreeMap<u64, Vec<f32>>, query: &[f32]| {
            let found = search(index, query, 10, 400, Filter::All);
            assert_eq!((index.len(), found.len()), (model.len(), model.len().min(10)), "{form}");
            let mut wanted: Vec<f32> = model
                .values()
                .map(|row| row.iter().zip(query).map(|(a, b)| (a - b) * (a - b)).sum::<f32>())
                .collect();
            wanted.sort_by(f32::total_cmp);
            let tolerance = if form == Form::Qg8 { 0.02 } else { 1e-4 };
            for (one, wanted) in found.iter().zip(wanted) {
                assert!(model.contains_key(&one.label), "{form}: a deleted label");
                assert!((one.distance - wanted).abs() < tolerance, "{form}: {} for {wanted}", one.distance);
            }
        };
        for _ in 0..200 {
            let row = vector(&mut rng);
            index.insert(next, Vector::F32(&row)).unwrap();
            model.insert(next, row);
            next += 1;
        }
        while !model.is_empty() {
            let label = *model.keys().nth(rng.below(model.len() as u64) as usize).unwrap();
            index.delete(label).unwrap();
            model.remove(&label);
            check(&index, &model, &vector(&mut rng));
        }
        for round in 0..2000 {
            let row = vector(&mut rng);
            let some = model.keys().nth(rng.below(model.len().max(1) as u64) as usize).copied();
            match (rng.below(5), some) {
                (0 | 1, Some(label)) if model.len() > 50 => {
                    index.delete(label).unwrap();
                    model.remove(&label);
                }
                (2, Some(label)) => {
                    index.upsert(label, Vector::F32(&row)).unwrap();
                    model.insert(label, row.clone());
                }
                _ => {
                    index.insert(next, Vector::F32(&row)).unwrap();
                    model.insert(next, row.clone());
                    next += 1;
                }
            }
            if round % 20 == 0 {
                check(&index, &model, &row);
            }
        }
        let slots = index.view().slots();
        assert!(slots < 260, "{form}: {slots} slots for {} vectors", model.len());
    }
}

/// Runs jobs on several threads, in any order.
struct Threads(usize);

impl Workers for Threads {
    fn map<S, T: Send>(
        &self,
        count: usize,
        start: impl Fn() -> S + Sync,
        job: impl Fn(&mut S, usize) -> T + Sync,
    ) -> Vec<T> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let results = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    let mut state = start();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if at >= count {
                            break;
                        }
                        let result = job(&mut state, at);
                        results.lock().unwrap().push((at, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap();
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[test]
fn any_number_of_threads_builds_the_same_graph_and_a_log_repeats_it() {
    let mut rng = Rng::new(7);
    let rows = clustered(&mut rng, 1500, 16, 10);
    let items: Vec<(u64, Vector<'_>)> = (0u64..).zip(rows.iter().map(|row| Vector::F32(row))).collect();
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let options = Options { ef_construction: 40, ..Options::new(16, Metric::L2, form) };
        let file = |threads: usize| {
            let mut index = Index::new(Level::best(), options).unwrap();
            index.keep_journal();
            index.insert_batch(&Threads(threads), &items).unwrap();
            for label in 0..200 {
                index.delete(label * 7).unwrap();
            }
            let log = index.take_journal();
            (dolmen_hnsw::file::to_bytes(&index.view()).unwrap(), log)
        };
        let (one, log) = file(1);
        assert!(one == file(3).0, "{form}");
        let mut again = Index::new(Level::best(), options).unwrap();
        for change in dolmen_hnsw::change::Change::decode_all(&log).unwrap() {
            again.apply(&change).unwrap();
        }
        assert!(
            one == dolmen_hnsw::file::to_bytes(&again.view()).unwrap(),
            "{form}: the log gives another index"
        );
    }
}

#[test]
fn filters_keep_recall_at_every_selectivity() {
    let mut rng = Rng::new(8);
    let rows = clustered(&mut rng, 6000, 24, 20);
    let queries = clustered(&mut rng, 60, 24, 20);
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let index = build(Options { ef_construction: 60, ..Options::new(24, Metric::L2, form) }, &rows);
        for one_in in [2u64, 10, 100, 1000] {
            let bits: Vec<u64> = {
                let mut bits = vec![0u64; 6000usize.div_ceil(64)];
                (0..6000)
                    .filter(|_| rng.one_in(one_in))
                    .for_each(|slot: usize| bits[slot / 64] |= 1 << (slot % 64));
                bits
            };
            let found = recall(&index, &queries, 10, 64, Filter::Slots(&bits));
            println!("{form} 1/{one_in}: {found}");
            assert!(found >= 0.95, "{form} 1/{one_in}: {found}");
            // However it is done, where a walk is not all but a scan.
            for plan in [PlanKind::Walk, PlanKind::TwoHop].into_iter().filter(|_| one_in <= 10) {
                let request =
                    Request { filter: Filter::Slots(&bits), plan: Some(plan), ..Request::new(10, 64) };
                let found = recall_of(&index, &queries, &request);
                assert!(found >= 0.95, "{form} {plan:?} 1/{one_in}: {found}");
            }
            let closure = |label: u64| label.is_multiple_of(one_in);
            let found = recall(&index, &queries, 10, 64, Filter::Labels(&closure));
            assert!(found >= 0.95, "{form} closure 1/{one_in}: {found}");
        }
    }
}

#[test]
fn browsing_gives_everything_in_order_and_ranges_stop() {
    let mut rng = Rng::new(9);
    let rows = clustered(&mut rng, 800, 12, 6);
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let index = build(Options { ef_construction: 60, ..Options::new(12, Metric::L2, form) }, &rows);
        let view = index.view();
        let mut exact = Vec::new();
        view.exact(Vector::F32(&rows[5]), 800, &Filter::All, &mut Scratch::new(), &mut exact).unwrap();
        let mut browse = view.browse(Vector::F32(&rows[5]), 50, Filter::All).unwrap();
        let mut all = Vec::new();
        while let Some(found) = browse.next_found().unwrap() {
            all.push(found);
        }
        assert_eq!(all.len(), 800, "{form}");
        let hits = all[..100].iter().filter(|one| exact[..100].iter().any(|e| e.label == one.label)).count();
        assert!(hits >= 95, "{form}: {hits}");
        let radius = exact[60].distance;
        let mut within = Vec::new();
        view.range(Vector::F32(&rows[5]), radius, 50, Filter::All, &mut within).unwrap();
        assert!(within.len() >= 58 && within.len() <= 61, "{form}: {}", within.len());
    }
}

#[test]
fn tuning_reaches_its_recall_on_unseen_queries() {
    let mut rng = Rng::new(10);
    let rows = clustered(&mut rng, 4000, 32, 200);
    let (seen, unseen) = (clustered(&mut rng, 300, 32, 200), clustered(&mut rng, 300, 32, 200));
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let index = build(Options { ef_construction: 60, ..Options::new(32, Metric::L2, form) }, &rows);
        let queries: Vec<Vector<'_>> = seen.iter().map(|query| Vector::F32(query)).collect();
        let on_queries = index.view().tune(&Serial, &queries, 10, 0.95).unwrap();
        let on_own = index.view().tune_on_own(&Serial, 10, 0.95).unwrap();
        for tuning in [on_queries, on_own] {
            let rescore = tuning.tuned.rescore as usize;
            let request = Request { rescore, ..Request::new(10, tuning.tuned.ef as usize) };
            let (mut scratch, mut sum) = (Scratch::new(), 0.0);
            for query in &unseen {
                let (mut found, mut exact) = (Vec::new(), Vec::new());
                index.view().search(Vector::F32(query), &request, &mut scratch, &mut found).unwrap();
                index.view().exact(Vector::F32(query), 10, &Filter::All, &mut scratch, &mut exact).unwrap();
                sum += dolmen_hnsw::tune::recall(&found, &exact);
            }
            let reached = sum / unseen.len() as f32;
            println!("{form}: {tuning:?} unseen {reached}");
            assert!(reached >= 0.94, "{form}: {reached}");
        }
        assert!(index.view().tune(&Serial, &queries, 10, 1.5).is_err());
    }
}
