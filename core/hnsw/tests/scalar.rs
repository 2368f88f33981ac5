//! Every form at the scalar level, from the first vector to the file and back: small enough for Miri, where it is the level that runs.
#![allow(missing_docs)]

use dolmen_base::rng::Rng;
use dolmen_hnsw::Level;
use dolmen_hnsw::change::Change;
use dolmen_hnsw::file::{Mapped, to_bytes};
use dolmen_hnsw::foreign::{faiss, hnswlib, usearch};
use dolmen_hnsw::index::Index;
use dolmen_hnsw::insert::Serial;
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Found, Request};
use dolmen_hnsw::view::View;

const DIM: usize = 20;
const COUNT: usize = if cfg!(miri) { 12 } else { 200 };

fn metrics(form: Form) -> &'static [Metric] {
    match form {
        Form::Binary => &[Metric::Hamming],
        _ if cfg!(miri) => &[Metric::L2],
        _ => &[Metric::L2, Metric::Ip, Metric::Cosine],
    }
}

/// Values of a row, which every form takes in its own way.
fn row(rng: &mut Rng) -> Vec<i8> {
    (0..DIM).map(|_| rng.next_u32() as i8).collect()
}

fn as_floats(row: &[i8]) -> Vec<f32> {
    row.iter().map(|value| f32::from(*value) / 64.0).collect()
}

fn vector<'a>(form: Form, row: &'a [i8], floats: &'a [f32]) -> Vector<'a> {
    match form {
        Form::I8 => Vector::I8(row),
        Form::Binary => Vector::Bits(bytemuck::cast_slice(&row[..DIM.div_ceil(8)])),
        _ => Vector::F32(floats),
    }
}

fn answers(view: &View<'_>, query: Vector<'_>) -> (Vec<Found>, Vec<Found>) {
    let (mut found, mut exact, mut scratch) = (Vec::new(), Vec::new(), Scratch::new());
    view.search(query, &Request::new(5, 2 * COUNT), &mut scratch, &mut found).unwrap();
    view.exact(query, 5, &Filter::All, &mut scratch, &mut exact).unwrap();
    (found, exact)
}

fn check(form: Form, metric: Metric) {
    let what = format!("{form}, {metric}");
    let mut rng = Rng::new(3);
    let options = Options { ef_construction: 16, ..Options::new(DIM, metric, form) }.links(4);
    let mut index = Index::new(Level::SCALAR, options).unwrap();
    index.keep_journal();
    let rows: Vec<Vec<i8>> = (0..COUNT).map(|_| row(&mut rng)).collect();
    let floats: Vec<Vec<f32>> = rows.iter().map(|row| as_floats(row)).collect();
    for (at, (row, floats)) in rows.iter().zip(&floats).enumerate() {
        index.insert(at as u64, vector(form, row, floats)).unwrap();
    }
    (0..COUNT as u64).step_by(3).for_each(|label| index.delete(label).unwrap());
    index.upsert(1, vector(form, &rows[0], &floats[0])).unwrap();
    index.maintain(&Serial, 5).unwrap();
    index.finish(&Serial).unwrap();
    assert_eq!(index.view().unreachable().unwrap().0, Vec::<u32>::new(), "{what}");

    let query = row(&mut rng);
    let query_floats = as_floats(&query);
    let query = vector(form, &query, &query_floats);
    let (found, exact) = answers(&index.view(), query);
    assert_eq!(found, exact, "{what}: every vector is a candidate");
    assert!(found.iter().all(|one| one.label % 3 != 0), "{what}: {found:?}");

    let mut again = Index::new(Level::SCALAR, options).unwrap();
    for change in Change::decode_all(&index.take_journal()).unwrap() {
        again.apply(&change).unwrap();
    }
    assert_eq!(answers(&again.view(), query).0, found, "{what}: from the log");

    let bytes = to_bytes(&index.view()).unwrap();
    let mut aligned = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut aligned)[..bytes.len()].copy_from_slice(&bytes);
    let mapped = Mapped::open(Level::SCALAR, &bytemuck::cast_slice(&aligned)[..bytes.len()]).unwrap();
    mapped.verify(&mut |_| {}, &mut |error| panic!("{what}: {error}"));
    assert_eq!(answers(&mapped.view(), query).0, found, "{what}: from the file");

    if form == Form::F32 {
        let file = hnswlib::write(&index).unwrap();
        assert_eq!(answers(&hnswlib::read(Level::SCALAR, &file, metric).unwrap().view(), query).0, found);
        let file = usearch::write(&index).unwrap();
        assert_eq!(answers(&usearch::read(Level::SCALAR, &file).unwrap().view(), query).0, found);
        let file = faiss::write(&index).unwrap();
        assert_eq!(answers(&faiss::read(Level::SCALAR, &file).unwrap().view(), query).0.len(), found.len());
    }
}

#[test]
fn rows_as_they_are() {
    for form in [Form::F32, Form::F16, Form::Bf16, Form::I8, Form::Binary] {
        metrics(form).iter().for_each(|metric| check(form, *metric));
    }
}

#[test]
fn walked_codes() {
    for form in [Form::Sq8, Form::Sq7, Form::Sq4] {
        metrics(form).iter().for_each(|metric| check(form, *metric));
    }
}

#[test]
fn codes_in_the_node() {
    for form in [Form::Qg, Form::Qg8, Form::Qg4] {
        metrics(form).iter().for_each(|metric| check(form, *metric));
    }
}
