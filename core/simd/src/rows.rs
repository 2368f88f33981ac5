//! One query against many rows of a matrix, named by their numbers: the step of a graph walk.
//!
//! Row `i` begins at element `i · stride` and has as many elements as the query; a stride that is a multiple of 64 bytes in an aligned
//! matrix ([`crate::row64`]) keeps loads within cache lines. While one row is worked on, the lines of a later one are asked for:
//! the numbers are random, so the CPU cannot guess them. The level is chosen once for all rows.
//!
//! Each result has the bits that [`crate::vector`]'s function gives for that row at the same level, but that `dot_bf16` does not use
//! AVX-512's BF16.

use crate::bits::Hamming;
use crate::half::{Bf16, F16, F32, Stored};
use crate::level::Level;
use crate::prefetch;
use crate::vector::{
    BytePair, Bytes, Dot, DotI8, DotU7, DotU8, Floats, L2, L2I8, L2U7, L2U8, Pair, as_bytes, four,
};
use crate::wide::{BYTES, Kernel, Wide};

macro_rules! floats {
    ($(#[$doc:meta])* $name:ident, $element:ty, $stored:ident, $pair:ident) => {
        $(#[$doc])*
        pub fn $name(
            level: Level,
            query: &[$element],
            rows: &[$element],
            stride: usize,
            ids: &[u32],
            out: &mut [f32],
        ) {
            check(ids, out.len());
            level.run_floats(FloatRows::<$stored, $pair> { query, rows, stride, ids, out, pair: $pair });
        }
    };
}

floats! {
    /// Σ qᵢ·rᵢ of each row.
    ///
    /// # Panics
    ///
    /// A row named in `ids` is not wholly within `rows`, or `out` and `ids` differ in length; so with all functions here.
    dot_f32, f32, F32, Dot
}
floats! {
    /// Σ (qᵢ - rᵢ)² of each row.
    l2_f32, f32, F32, L2
}
floats! {
    /// Σ qᵢ·rᵢ of each row, all half floats.
    dot_f16, u16, F16, Dot
}
floats! {
    /// Σ (qᵢ - rᵢ)² of each row, all half floats.
    l2_f16, u16, F16, L2
}
floats! {
    /// Σ qᵢ·rᵢ of each row, all bf16.
    dot_bf16, u16, Bf16, Dot
}
floats! {
    /// Σ (qᵢ - rᵢ)² of each row, all bf16.
    l2_bf16, u16, Bf16, L2
}

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident, $element:ty, $pair:ident, $cast:expr) => {
        $(#[$doc])*
        pub fn $name(
            level: Level,
            query: &[$element],
            rows: &[$element],
            stride: usize,
            ids: &[u32],
            out: &mut [i64],
        ) {
            check(ids, out.len());
            level.run(ByteRows { query: $cast(query), rows: $cast(rows), stride, ids, out, pair: $pair });
        }
    };
}

bytes! {
    /// Σ qᵢ·rᵢ of each row of signed bytes.
    dot_i8, i8, DotI8, as_bytes
}
bytes! {
    /// Σ (qᵢ - rᵢ)² of each row of signed bytes.
    l2_i8, i8, L2I8, as_bytes
}
bytes! {
    /// Σ qᵢ·rᵢ of each row of unsigned bytes.
    dot_u8, u8, DotU8, core::convert::identity
}
bytes! {
    /// Σ (qᵢ - rᵢ)² of each row of unsigned bytes.
    l2_u8, u8, L2U8, core::convert::identity
}
bytes! {
    /// Σ qᵢ·rᵢ of each row of bytes below 128 ([`crate::vector::dot_u7`]).
    dot_u7, u8, DotU7, core::convert::identity
}
bytes! {
    /// Σ (qᵢ - rᵢ)² of each row of bytes below 128 ([`crate::vector::l2_u7`]).
    l2_u7, u8, L2U7, core::convert::identity
}

/// The number of differing bits of each row.
///
/// # Panics
///
/// As [`dot_f32`].
pub fn hamming(level: Level, query: &[u8], rows: &[u8], stride: usize, ids: &[u32], out: &mut [i64]) {
    check(ids, out.len());
    level.run(HammingRows { query, rows, stride, ids, out });
}

fn check(ids: &[u32], out: usize) {
    assert!(out == ids.len(), "as many results as rows, but {out} for {}", ids.len());
}

/// All else that can be wrong, once for all rows; within the kernel, so that numbers are compared sixteen at a time.
#[inline(always)]
fn check_rows(width: usize, rows: usize, stride: usize, ids: &[u32]) {
    if ids.is_empty() {
        return;
    }
    let last = ids.iter().fold(0, |last, &id| if id > last { id } else { last });
    let end = (last as usize).checked_mul(stride).and_then(|begin| begin.checked_add(width));
    assert!(
        end.is_some_and(|end| end <= rows),
        "row {last} of {width} elements at a stride of {stride} is beyond the matrix of {rows}"
    );
}

/// Asks for the lines of the row that comes [`AHEAD`] rows later.
#[inline(always)]
fn ask_ahead<T>(rows: &[T], stride: usize, width: usize, ids: &[u32], at: usize) {
    if let Some(&id) = ids.get(at + AHEAD) {
        ask(rows, stride, width, id);
    }
}

/// Asks for a row's first lines.
#[inline(always)]
fn ask<T>(rows: &[T], stride: usize, width: usize, id: u32) {
    let per_line = BYTES / size_of::<T>();
    let begin = id as usize * stride;
    for line in 0..width.div_ceil(per_line).min(LINES_MAX) {
        prefetch::read(rows, begin + line * per_line);
    }
}

struct FloatRows<'a, S: Stored, P: Pair> {
    query: &'a [S::Bits],
    rows: &'a [S::Bits],
    stride: usize,
    ids: &'a [u32],
    out: &'a mut [f32],
    pair: P,
}

impl<S: Stored, P: Pair> Kernel for FloatRows<'_, S, P> {
    type Out = ();

    fn scalar(self) {
        check_rows(self.query.len(), self.rows.len(), self.stride, self.ids);
        for (&id, out) in self.ids.iter().zip(self.out) {
            let row = &self.rows[id as usize * self.stride..][..self.query.len()];
            *out = Floats::<S, P>(self.query, row, self.pair).scalar();
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let FloatRows { query, rows, stride, ids, out, pair } = self;
        check_rows(query.len(), rows.len(), stride, ids);
        for &id in ids.iter().take(AHEAD) {
            ask(rows, stride, query.len(), id);
        }
        let mut done = 0;
        if W::MANY {
            for (ids, out) in ids.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
                for at in done..done + 4 {
                    ask_ahead(rows, stride, query.len(), self.ids, at);
                }
                let row = |nth: usize| &rows[ids[nth] as usize * stride..];
                *out = four::<S, P, W>(w, [row(0), row(1), row(2), row(3)], query);
                done += 4;
            }
        }
        for (at, (&id, out)) in ids.iter().zip(out).enumerate().skip(done) {
            ask_ahead(rows, stride, query.len(), ids, at);
            let row = &rows[id as usize * stride..][..query.len()];
            *out = Floats::<S, P>(query, row, pair).wide(w);
        }
    }
}

struct ByteRows<'a, P: BytePair> {
    query: &'a [u8],
    rows: &'a [u8],
    stride: usize,
    ids: &'a [u32],
    out: &'a mut [i64],
    pair: P,
}

impl<P: BytePair> Kernel for ByteRows<'_, P> {
    type Out = ();

    fn scalar(self) {
        check_rows(self.query.len(), self.rows.len(), self.stride, self.ids);
        for (&id, out) in self.ids.iter().zip(self.out) {
            let row = &self.rows[id as usize * self.stride..][..self.query.len()];
            *out = Bytes(self.query, row, self.pair).scalar();
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let ByteRows { query, rows, stride, ids, out, pair } = self;
        check_rows(query.len(), rows.len(), stride, ids);
        for &id in ids.iter().take(AHEAD) {
            ask(rows, stride, query.len(), id);
        }
        for (at, (&id, out)) in ids.iter().zip(out).enumerate() {
            ask_ahead(rows, stride, query.len(), ids, at);
            let row = &rows[id as usize * stride..][..query.len()];
            *out = Bytes(query, row, pair).wide(w);
        }
    }
}

struct HammingRows<'a> {
    query: &'a [u8],
    rows: &'a [u8],
    stride: usize,
    ids: &'a [u32],
    out: &'a mut [i64],
}

impl Kernel for HammingRows<'_> {
    type Out = ();

    fn scalar(self) {
        check_rows(self.query.len(), self.rows.len(), self.stride, self.ids);
        for (&id, out) in self.ids.iter().zip(self.out) {
            let row = &self.rows[id as usize * self.stride..][..self.query.len()];
            *out = Hamming(self.query, row).scalar() as i64;
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let HammingRows { query, rows, stride, ids, out } = self;
        check_rows(query.len(), rows.len(), stride, ids);
        for &id in ids.iter().take(AHEAD) {
            ask(rows, stride, query.len(), id);
        }
        for (at, (&id, out)) in ids.iter().zip(out).enumerate() {
            ask_ahead(rows, stride, query.len(), ids, at);
            let row = &rows[id as usize * stride..][..query.len()];
            *out = Hamming(query, row).wide(w) as i64;
        }
    }
}

/// Rows between the one worked on and the one asked for.
const AHEAD: usize = 4;
/// Lines asked for at most: behind them the CPU has seen the direction.
const LINES_MAX: usize = 8;
