//! Matrix products: of batches with any views, and of linear layers.

use dolmen_simd::gemm::{self, View as Matrix, ViewMut as MatrixMut, gemm};

use super::{Source, Target, add_columns};
use crate::context::{Context, by_rows};
use crate::op::Weights;
use crate::shape::{Shape, View};

/// Elements of scratch of one job of a product of `rows` × `k` with `k` × `columns`.
pub(crate) fn scratch_len(rows: usize, columns: usize, k: usize) -> usize {
    gemm::scratch_len(rows, columns, k)
}

/// The last two dimensions and how many such matrices there are.
fn sizes(shape: &Shape) -> [usize; 3] {
    let dims = shape.dims();
    let (rows, columns) = (dims[dims.len() - 2], dims[dims.len() - 1]);
    [shape.elements() / (rows * columns), rows, columns]
}

/// Whether the rows of its matrices stand side by side, rather than their columns; and the stride of the others.
fn orientation(view: &View) -> (bool, usize) {
    let rank = view.shape.rank();
    let (rows, columns) = (view.shape.dims()[rank - 2], view.shape.dims()[rank - 1]);
    let (down, across) = (view.strides[rank - 2], view.strides[rank - 1]);
    if across == 1 && (down >= columns || rows == 1) { (true, down) } else { (false, across) }
}

/// The nth matrix of a batch.
fn matrix<'a>(source: Source<'a>, nth: usize) -> Matrix<'a> {
    let [_, rows, columns] = sizes(&source.view.shape);
    let data = &source.data[source.view.place(nth * rows * columns)..];
    match orientation(source.view) {
        (true, stride) => Matrix::new(data, rows, columns, stride),
        (false, stride) => Matrix::new(data, columns, rows, stride).transposed(),
    }
}

/// `out = a · b` for each matrix of the batch.
pub(crate) fn matmul(context: &Context<'_>, [a, b]: [Source<'_>; 2], out: &mut [f32], scratch: &mut [f32]) {
    let [count, m, k] = sizes(&a.view.shape);
    let n = b.view.shape.last();
    let own = scratch_len(m, n, k);
    let grain = (1 << 18) / (m * n * k).max(1);
    by_rows(context, (count, grain), [(out, m * n)], (scratch, own), &|batch, [out], scratch| {
        for (nth, out) in batch.zip(out.chunks_exact_mut(m * n)) {
            let to = MatrixMut::new(out, m, n, n);
            gemm(context.level, 1.0, matrix(a, nth), matrix(b, nth), 0.0, to, scratch);
        }
    });
}

/// The gradient of a (`first`) or of b, of which the other is `other`: `da += dy · bᵀ`, `db += aᵀ · dy`.
pub(crate) fn matmul_back(
    context: &Context<'_>,
    first: bool,
    other: Source<'_>,
    (dy, out): (&[f32], &View),
    target: Target<'_>,
    scratch: &mut [f32],
) {
    let [count, rows, columns] = sizes(&target.view.shape);
    let (plain, stride) = orientation(target.view);
    for nth in 0..count {
        let dy = matrix(Source { data: dy, view: out }, nth);
        let other = matrix(other, nth).transposed();
        let (left, right) = if first { (dy, other) } else { (other, dy) };
        let data = &mut target.data[target.view.place(nth * rows * columns)..];
        if plain {
            let to = MatrixMut::new(data, rows, columns, stride);
            gemm(context.level, 1.0, left, right, 1.0, to, scratch);
        } else {
            let to = MatrixMut::new(data, columns, rows, stride);
            gemm(context.level, 1.0, right.transposed(), left.transposed(), 1.0, to, scratch);
        }
    }
}

/// The sizes of a linear layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub rows: usize,
    pub ins: usize,
    pub outs: usize,
    pub weights: Weights,
}

impl Layer {
    /// The weights as a matrix of `ins` × `outs`.
    fn weights<'a>(&self, w: &'a [f32]) -> Matrix<'a> {
        match self.weights {
            Weights::OutIn => Matrix::new(w, self.outs, self.ins, self.ins).transposed(),
            Weights::InOut => Matrix::new(w, self.ins, self.outs, self.outs),
        }
    }

    /// Scratch of one job, forwards and backwards.
    pub fn scratch_len(&self) -> usize {
        let Layer { rows, ins, outs, .. } = *self;
        scratch_len(rows, outs, ins)
            .max(scratch_len(rows, ins, outs))
            .max(scratch_len(ins, outs, rows))
            .max(scratch_len(outs, ins, rows))
    }

    fn grain(&self) -> usize {
        (1 << 18) / (self.ins * self.outs).max(1)
    }
}

/// `out = x · W + bias`; no bias is an empty one.
pub(crate) fn forward(
    context: &Context<'_>,
    layer: Layer,
    [x, w, bias]: [&[f32]; 3],
    out: &mut [f32],
    scratch: &mut [f32],
) {
    let Layer { rows, ins, outs, .. } = layer;
    let own = scratch_len(rows, outs, ins);
    by_rows(context, (rows, layer.grain()), [(out, outs)], (scratch, own), &|rows, [out], scratch| {
        let x = Matrix::new(&x[rows.start * ins..], rows.len(), ins, ins);
        if !bias.is_empty() {
            out.chunks_exact_mut(outs).for_each(|row| row.copy_from_slice(bias));
        }
        let beta = if bias.is_empty() { 0.0 } else { 1.0 };
        let to = MatrixMut::new(out, rows.len(), outs, outs);
        gemm(context.level, 1.0, x, layer.weights(w), beta, to, scratch);
    });
}

/// `dx (+)= dy · Wᵀ`.
pub(crate) fn back_x(
    context: &Context<'_>,
    layer: Layer,
    (w, dy): (&[f32], &[f32]),
    (dx, add): (&mut [f32], bool),
    scratch: &mut [f32],
) {
    let Layer { rows, ins, outs, .. } = layer;
    let own = scratch_len(rows, ins, outs);
    by_rows(context, (rows, layer.grain()), [(dx, ins)], (scratch, own), &|rows, [dx], scratch| {
        let dy = Matrix::new(&dy[rows.start * outs..], rows.len(), outs, outs);
        let to = MatrixMut::new(dx, rows.len(), ins, ins);
        let beta = if add { 1.0 } else { 0.0 };
        gemm(context.level, 1.0, dy, layer.weights(w).transposed(), beta, to, scratch);
    });
}

/// `dW += xᵀ · dy`, in the order of the weights.
pub(crate) fn back_w(
    context: &Context<'_>,
    layer: Layer,
    (x, dy): (&[f32], &[f32]),
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    let Layer { rows, ins, outs, .. } = layer;
    let ((left, high), (right, broad)) = match layer.weights {
        Weights::OutIn => ((dy, outs), (x, ins)),
        Weights::InOut => ((x, ins), (dy, outs)),
    };
    let own = scratch_len(high, broad, rows);
    let grain = (1 << 18) / (rows * broad).max(1);
    by_rows(context, (high, grain), [(dw, broad)], (scratch, own), &|range, [dw], scratch| {
        let left = Matrix::new(&left[range.start..], rows, range.len(), high).transposed();
        let to = MatrixMut::new(dw, range.len(), broad, broad);
        gemm(context.level, 1.0, left, Matrix::new(right, rows, broad, broad), 1.0, to, scratch);
    });
}

/// `db += Σ dy` over rows.
pub(crate) fn back_bias(context: &Context<'_>, dy: &[f32], db: &mut [f32]) {
    add_columns(context, dy, db);
}
