//! Bodies that tests, the replay of seeds and fuzz targets share: whatever the bytes are, a loader answers with an index that can be searched or
//! with an error, in bounded time and memory.

use alloc::vec::Vec;

use crate::Level;
use crate::change::Change;
use crate::file::Mapped;
use crate::foreign::{faiss, hnswlib, usearch};
use crate::index::Index;
use crate::metric::{Form, Metric, Options, Vector};
use crate::pool::Scratch;
use crate::search::Request;
use crate::vectors::{Element, Layout, Matrix};

/// Searches an index that came from bytes: with zeros, whatever it holds.
fn search(index: &Index) {
    let options = index.options();
    let zeros = alloc::vec![0.5f32; options.dim];
    let bytes = alloc::vec![1i8; options.dim];
    let bits = alloc::vec![1u8; options.dim.div_ceil(8)];
    let vector = match options.form {
        Form::I8 => Vector::I8(&bytes),
        Form::Binary => Vector::Bits(&bits),
        _ => Vector::F32(&zeros),
    };
    let mut found = Vec::new();
    let result = index.view().search(vector, &Request::new(5, 20), &mut Scratch::new(), &mut found);
    assert!(result.is_ok(), "an index that was accepted must be searchable: {result:?}");
    assert_eq!(found.len(), index.len().min(5));
    assert!(found.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
}

/// hnswlib's loader.
pub fn check_hnswlib(bytes: &[u8]) {
    if let Ok(index) = hnswlib::read(Level::best(), bytes, Metric::L2) {
        search(&index);
    }
}

/// faiss' loader.
pub fn check_faiss(bytes: &[u8]) {
    if let Ok(index) = faiss::read(Level::best(), bytes) {
        search(&index);
    }
}

/// usearch's loader.
pub fn check_usearch(bytes: &[u8]) {
    if let Ok(index) = usearch::read(Level::best(), bytes) {
        search(&index);
    }
}

/// Our own file: a search gives an error or an answer, never a panic; what verifies becomes an index.
pub fn check_file(bytes: &[u8]) {
    let mut aligned = alloc::vec![0u64; bytes.len().div_ceil(8)];
    let copy: &mut [u8] = bytemuck::cast_slice_mut(&mut aligned);
    copy[..bytes.len()].copy_from_slice(bytes);
    let Ok(mapped) = Mapped::open(Level::best(), &copy[..bytes.len()]) else { return };
    let options = *mapped.view().options();
    let values = alloc::vec![0.5f32; options.dim];
    if options.form.takes_f32() {
        let _ = mapped.view().search(
            Vector::F32(&values),
            &Request::new(5, 20),
            &mut Scratch::new(),
            &mut Vec::new(),
        );
    }
    if let Ok(index) = mapped.to_index() {
        search(&index);
    }
}

/// Files of vectors, every layout.
pub fn check_vectors(bytes: &[u8]) {
    let layouts = [
        Layout::Npy,
        Layout::Vecs(Element::F32),
        Layout::Vecs(Element::U8),
        Layout::Bin(Element::F32),
        Layout::Bin(Element::I8),
        Layout::Raw(Element::F32),
    ];
    let mut row = Vec::new();
    for layout in layouts {
        let Ok(matrix) = Matrix::parse(bytes, layout, matches!(layout, Layout::Raw(_)).then_some(4)) else {
            continue;
        };
        for at in [0, matrix.rows() / 2, matrix.rows().saturating_sub(1)] {
            matrix.f32_row(at, &mut row);
            assert!(at >= matrix.rows() || row.len() == matrix.dim());
        }
    }
}

/// Logged changes: whatever they are, applying them leaves an index that can be searched.
pub fn check_changes(bytes: &[u8]) {
    let Ok(changes) = Change::decode_all(bytes) else { return };
    for form in [Form::F32, Form::Sq8, Form::Qg] {
        let Ok(mut index) = Index::new(Level::best(), Options::new(4, Metric::L2, form)) else { return };
        for change in &changes {
            let _ = index.apply(change);
        }
        let mut found = Vec::new();
        let _ = index.view().search(
            Vector::F32(&[0.5; 4]),
            &Request::new(5, 20),
            &mut Scratch::new(),
            &mut found,
        );
    }
}
