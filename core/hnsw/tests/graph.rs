//! Graphs of every form: recall, churn, determinism.
#![allow(missing_docs)]

mod common;

use common::{build, clustered, recall};
use dolmen_base::rng::Rng;
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::search::Filter;

#[test]
fn every_form_reaches_its_recall() {
    let mut rng = Rng::new(1);
    let rows = clustered(&mut rng, 1200, 48, 12);
    let queries = clustered(&mut rng, 60, 48, 12);
    for metric in [Metric::L2, Metric::Ip, Metric::Cosine] {
        for form in [
            Form::F32,
            Form::F16,
            Form::Bf16,
            Form::Sq8,
            Form::Sq7,
            Form::Sq4,
            Form::Qg,
            Form::Qg8,
            Form::Qg4,
        ] {
            let options = Options { ef_construction: 80, ..Options::new(48, metric, form) };
            let mut index = build(options, &rows);
            index.repair().unwrap();
            let found = recall(&index, &queries, 10, 60, Filter::All);
            println!("{metric} {form}: {found}");
            assert_eq!(index.view().unreachable().unwrap().0, Vec::<u32>::new(), "{metric} {form}");
            let least = if metric == Metric::Ip { 0.85 } else { 0.93 };
            assert!(found >= least, "{metric} {form}: {found}");
        }
    }
}

#[test]
fn churn_costs_no_recall() {
    let dim = 32;
    let mut rng = Rng::new(2);
    let queries = clustered(&mut rng, 200, dim, 20);
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let options = Options { ef_construction: 60, ..Options::new(dim, Metric::L2, form) };
        let mut rows = clustered(&mut rng, 2000, dim, 20);
        let mut index = build(options, &rows);
        let mut labels: Vec<u64> = (0..rows.len() as u64).collect();
        let mut next = rows.len() as u64;
        for _ in 0..15 {
            let fresh = clustered(&mut rng, rows.len() / 5, dim, 20);
            for row in fresh {
                let at = rng.below(labels.len() as u64) as usize;
                index.delete(labels[at]).unwrap();
                index.insert(next, Vector::F32(&row)).unwrap();
                (labels[at], rows[at]) = (next, row);
                next += 1;
            }
        }
        let churned = recall(&index, &queries, 10, 32, Filter::All);
        let afresh = recall(&build(options, &rows), &queries, 10, 32, Filter::All);
        println!("{form}: churned {churned} afresh {afresh} slots {}", index.view().slots());
        assert!(churned >= afresh - 0.005, "{form}: churned {churned}, afresh {afresh}");
    }
}
