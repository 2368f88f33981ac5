//! `C = alpha · A · B + beta · C`: packed, and blocked for registers and caches.
//!
//! ```text
//! for 1,024 columns of B                           a block of B packed into strips of a tile's width      (L3)
//!   for 256 of k
//!     for 144 rows of A                            a block of A packed into strips of a tile's height     (L2)
//!       for each strip of B, each strip of A       a tile of C in registers: 256 outer products           (L1)
//! ```
//!
//! | level | tile | registers of sums |
//! |---|---|---|
//! | AVX-512 | 12 × 32 | 24 of 32 |
//! | AVX2 | 6 × 16 | 12 of 16 |
//! | SSE4 | 2 × 16 | 8 of 16 |
//! | NEON | 4 × 16 | 16 of 32 |
//!
//! A and B have any two strides, so that either may be transposed ([`View::transposed`]); C has rows. With `beta` 0 what C held does not
//! matter, with `alpha` 0 or without k neither A nor B (as in the reference BLAS).
//!
//! **Threads** are the caller's: any rows and columns of C are a product of their own, so it hands out tiles of C, each with a
//! scratch of its own. An element of C is summed in the order of k, in blocks of 256, whatever the tiles: results do not depend on
//! how the work is cut, and AVX2, AVX-512 and NEON give the same bits. Error: `3e-7 · √k · Σ|a·b|` is not exceeded in tests; the
//! guaranteed bound is `(k/2²⁴) · Σ|a·b|`.
//!
//! A matrix that is multiplied many times (weights) can be packed once ([`pack`], [`gemm_packed`]).
//!
//! Source: Goto, van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008); Van Zee, van de Geijn, BLIS (2015).

use crate::level::Level;
use crate::transpose::turn;
use crate::wide::{Kernel, LANES, Wide};

/// A matrix to read: element (i, j) stands at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows one after another, `stride` elements apart.
    ///
    /// # Panics
    ///
    /// `data` does not hold them.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> View<'a> {
        check(data.len(), rows, columns, stride);
        View { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> View<'a> {
        View {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from (row, column) on.
    #[inline(always)]
    fn from(&self, row: usize, column: usize) -> &'a [f32] {
        &self.data[row * self.row_stride + column * self.column_stride..]
    }
}

/// A matrix to write: rows `stride` elements apart.
#[derive(Debug)]
pub struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<'a> ViewMut<'a> {
    /// Rows one after another, `stride` elements apart.
    ///
    /// # Panics
    ///
    /// `data` does not hold them, or they overlap.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> ViewMut<'a> {
        check(data.len(), rows, columns, stride);
        assert!(stride >= columns || rows <= 1, "rows of {columns} elements overlap at a stride of {stride}");
        ViewMut { data, rows, columns, stride }
    }
}

fn check(len: usize, rows: usize, columns: usize, stride: usize) {
    if rows == 0 || columns == 0 {
        return;
    }
    let end = (rows - 1).checked_mul(stride).and_then(|begin| begin.checked_add(columns));
    assert!(
        end.is_some_and(|end| end <= len),
        "{rows} rows of {columns} elements at a stride of {stride} are beyond the {len} given"
    );
}

/// Elements of scratch that [`gemm`] takes for a C of `rows` × `columns` and this k, at any level.
pub fn scratch_len(rows: usize, columns: usize, k: usize) -> usize {
    let depth = k.min(DEPTH);
    depth
        * (rows.min(ROWS).next_multiple_of(TILE_ROWS_MAX)
            + columns.min(COLUMNS).next_multiple_of(TILE_COLUMNS_MAX))
}

/// Elements of scratch that [`gemm_packed`] takes.
pub fn packed_scratch_len(rows: usize, k: usize) -> usize {
    k.min(DEPTH) * rows.min(ROWS).next_multiple_of(TILE_ROWS_MAX)
}

/// `c = alpha · a · b + beta · c`.
///
/// # Panics
///
/// The shapes do not fit, or the scratch is shorter than [`scratch_len`].
pub fn gemm(
    level: Level,
    alpha: f32,
    a: View<'_>,
    b: View<'_>,
    beta: f32,
    c: ViewMut<'_>,
    scratch: &mut [f32],
) {
    fits(&a, (b.rows, b.columns), &c);
    let wanted = scratch_len(c.rows, c.columns, a.columns);
    assert!(scratch.len() >= wanted, "a scratch of {wanted} elements, not {}", scratch.len());
    level.run_floats(Gemm { alpha, a, b: Right::View(b), beta, c, scratch });
}

/// Elements that [`pack`] writes of a B of k × `columns`.
pub fn packed_len(k: usize, columns: usize) -> usize {
    k * columns.next_multiple_of(TILE_COLUMNS_MAX)
}

/// A B that was packed once, for one level.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    data: &'a [f32],
    k: usize,
    columns: usize,
    level: Level,
}

/// Packs a B for [`gemm_packed`] at this level.
///
/// # Panics
///
/// `to` is shorter than [`packed_len`].
pub fn pack<'a>(level: Level, b: View<'_>, to: &'a mut [f32]) -> Packed<'a> {
    let wanted = packed_len(b.rows, b.columns);
    assert!(to.len() >= wanted, "{wanted} elements to pack into, not {}", to.len());
    let (k, columns) = (b.rows, b.columns);
    level.run_floats(Pack { b, to: &mut to[..wanted] });
    Packed { data: to, k, columns, level }
}

/// `c = alpha · a · b + beta · c`, with the same bits as [`gemm`].
///
/// # Panics
///
/// The shapes do not fit, `b` was packed for another level, or the scratch is shorter than [`packed_scratch_len`].
pub fn gemm_packed(
    level: Level,
    alpha: f32,
    a: View<'_>,
    b: Packed<'_>,
    beta: f32,
    c: ViewMut<'_>,
    scratch: &mut [f32],
) {
    fits(&a, (b.k, b.columns), &c);
    assert!(b.level == level, "packed for level {}, not {level}", b.level);
    let wanted = packed_scratch_len(c.rows, a.columns);
    assert!(scratch.len() >= wanted, "a scratch of {wanted} elements, not {}", scratch.len());
    level.run_floats(Gemm { alpha, a, b: Right::Packed(b), beta, c, scratch });
}

fn fits(a: &View<'_>, b: (usize, usize), c: &ViewMut<'_>) {
    assert!(
        a.columns == b.0 && a.rows == c.rows && b.1 == c.columns,
        "{} x {} times {} x {} is not {} x {}",
        a.rows,
        a.columns,
        b.0,
        b.1,
        c.rows,
        c.columns
    );
}

enum Right<'a> {
    View(View<'a>),
    Packed(Packed<'a>),
}

struct Gemm<'a> {
    alpha: f32,
    a: View<'a>,
    b: Right<'a>,
    beta: f32,
    c: ViewMut<'a>,
    scratch: &'a mut [f32],
}

impl Kernel for Gemm<'_> {
    type Out = ();

    fn scalar(self) {
        let Gemm { alpha, a, b, beta, mut c, .. } = self;
        scale(&mut c, beta);
        if alpha == 0.0 {
            return;
        }
        let b = match b {
            Right::View(b) => b,
            // The scalar level packs nothing.
            Right::Packed(b) => {
                View { data: b.data, rows: b.k, columns: b.columns, row_stride: b.columns, column_stride: 1 }
            }
        };
        for row in 0..c.rows {
            for column in 0..c.columns {
                let to = &mut c.data[row * c.stride + column];
                for begin in (0..a.columns).step_by(DEPTH) {
                    let mut sum = 0.0;
                    for k in begin..a.columns.min(begin + DEPTH) {
                        sum += a.from(row, k)[0] * b.from(k, column)[0];
                    }
                    *to += alpha * sum;
                }
            }
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let Gemm { alpha, a, b, beta, mut c, scratch } = self;
        let k = a.columns;
        if k == 0 || alpha == 0.0 || c.rows == 0 || c.columns == 0 {
            scale(&mut c, beta);
            return;
        }
        let height = packed_scratch_len(c.rows, k);
        let (a_strips, b_strips) = scratch.split_at_mut(height);
        let width = if matches!(b, Right::View(_)) { COLUMNS } else { c.columns };
        for column in (0..c.columns).step_by(width) {
            let broad = width.min(c.columns - column);
            for begin in (0..k).step_by(DEPTH) {
                let depth = DEPTH.min(k - begin);
                let strips = match &b {
                    Right::View(b) => {
                        pack_b::<W>(w, b, begin..begin + depth, column..column + broad, b_strips);
                        &*b_strips
                    }
                    Right::Packed(b) => {
                        &b.data[begin * b.columns.next_multiple_of(<W::Tile as Shape>::COLUMNS)..]
                    }
                };
                let beta = if begin == 0 { beta } else { 1.0 };
                for row in (0..c.rows).step_by(ROWS) {
                    let high = ROWS.min(c.rows - row);
                    pack_a::<W>(w, &a, row..row + high, begin..begin + depth, a_strips);
                    let block = Block { depth, row, high, column, broad, alpha, beta };
                    block.multiply(w, a_strips, strips, &mut c);
                }
            }
        }
    }
}

struct Pack<'a> {
    b: View<'a>,
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Out = ();

    fn scalar(self) {
        for k in 0..self.b.rows {
            for column in 0..self.b.columns {
                self.to[k * self.b.columns + column] = self.b.from(k, column)[0];
            }
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let Pack { b, to } = self;
        let columns = b.columns.next_multiple_of(<W::Tile as Shape>::COLUMNS);
        for begin in (0..b.rows).step_by(DEPTH) {
            let depth = DEPTH.min(b.rows - begin);
            pack_b::<W>(
                w,
                &b,
                begin..begin + depth,
                0..b.columns,
                &mut to[begin * columns..][..depth * columns],
            );
        }
    }
}

fn scale(c: &mut ViewMut<'_>, beta: f32) {
    if beta == 1.0 || c.columns == 0 {
        return;
    }
    for row in 0..c.rows {
        let row = &mut c.data[row * c.stride..][..c.columns];
        if beta == 0.0 {
            row.fill(0.0);
        } else {
            row.iter_mut().for_each(|x| *x *= beta);
        }
    }
}

type Range = core::ops::Range<usize>;

/// Strips of a tile's height: for each of k, the elements of its rows; rows that are not there are zeros.
#[inline(always)]
fn pack_a<W: Wide>(w: W, a: &View<'_>, rows: Range, ks: Range, to: &mut [f32]) {
    let height = <W::Tile as Shape>::ROWS;
    strips::<W>(w, &a.transposed(), ks, rows, height, to);
}

/// Strips of a tile's width: for each of k, the elements of its columns.
#[inline(always)]
fn pack_b<W: Wide>(w: W, b: &View<'_>, ks: Range, columns: Range, to: &mut [f32]) {
    strips::<W>(w, b, ks, columns, <W::Tile as Shape>::COLUMNS, to);
}

#[inline(always)]
fn strips<W: Wide>(w: W, from: &View<'_>, ks: Range, columns: Range, width: usize, to: &mut [f32]) {
    let depth = ks.len();
    let strips = to.chunks_exact_mut(depth * width);
    for (strip, begin) in strips.zip(columns.clone().step_by(width)) {
        let broad = width.min(columns.end - begin);
        if broad < width {
            strip.fill(0.0);
        }
        if from.column_stride == 1 {
            for (k, to) in ks.clone().zip(strip.chunks_exact_mut(width)) {
                let from = from.from(k, begin);
                // A length that is known becomes a few registers, any other a call for each row.
                if broad == width {
                    to[..width].copy_from_slice(&from[..width]);
                } else {
                    to[..broad].copy_from_slice(&from[..broad]);
                }
            }
        } else if from.row_stride == 1 {
            turned_strip(w, from, ks.clone(), begin..begin + broad, width, strip);
        } else {
            for (k, to) in ks.clone().zip(strip.chunks_exact_mut(width)) {
                for (at, to) in to[..broad].iter_mut().enumerate() {
                    *to = from.from(k, begin + at)[0];
                }
            }
        }
    }
}

/// A strip of columns whose elements stand side by side: sixteen of k and sixteen columns at a time.
#[inline(always)]
fn turned_strip<W: Wide>(w: W, from: &View<'_>, ks: Range, columns: Range, width: usize, strip: &mut [f32]) {
    for k in ks.clone().step_by(LANES) {
        let deep = LANES.min(ks.end - k);
        for begin in columns.clone().step_by(LANES) {
            let broad = LANES.min(columns.end - begin);
            let mut block = [[0.0; LANES]; LANES];
            for (at, block) in block.iter_mut().take(broad).enumerate() {
                let column = from.from(k, begin + at);
                match column.first_chunk::<LANES>() {
                    Some(whole) if deep == LANES => *block = *whole,
                    _ => block[..deep].copy_from_slice(&column[..deep]),
                }
            }
            let block = turn(w, &block);
            for (at, block) in block.iter().take(deep).enumerate() {
                let to = &mut strip[(k - ks.start + at) * width + begin - columns.start..];
                match to.first_chunk_mut::<LANES>() {
                    // What is beyond a narrow strip are zeros, or the next of k, which is written later.
                    Some(whole) => *whole = *block,
                    None => to[..broad].copy_from_slice(&block[..broad]),
                }
            }
        }
    }
}

/// A packed block of A times one of B, and where it goes.
struct Block {
    depth: usize,
    row: usize,
    high: usize,
    column: usize,
    broad: usize,
    alpha: f32,
    beta: f32,
}

impl Block {
    #[inline(always)]
    fn multiply<W: Wide>(&self, w: W, a: &[f32], b: &[f32], c: &mut ViewMut<'_>) {
        let (rows, columns) = (<W::Tile as Shape>::ROWS, <W::Tile as Shape>::COLUMNS);
        let b_strips = b.chunks_exact(self.depth * columns);
        for (at_column, b) in (0..self.broad).step_by(columns).zip(b_strips) {
            let broad = columns.min(self.broad - at_column);
            let a_strips = a.chunks_exact(self.depth * rows);
            for (at_row, a) in (0..self.high).step_by(rows).zip(a_strips) {
                let high = rows.min(self.high - at_row);
                let begin = (self.row + at_row) * c.stride + self.column + at_column;
                let c_tile = Tile { data: &mut c.data[begin..], stride: c.stride, high, broad };
                <W::Tile as Shape>::multiply(w, a, b, self.alpha, self.beta, c_tile);
            }
        }
    }
}

/// A tile of C, from its first element on.
pub(crate) struct Tile<'a> {
    data: &'a mut [f32],
    stride: usize,
    high: usize,
    broad: usize,
}

/// The shape of a tile in registers.
pub(crate) trait Shape {
    const ROWS: usize;
    const COLUMNS: usize;

    /// A strip of A times one of B.
    fn multiply<W: Wide>(w: W, a: &[f32], b: &[f32], alpha: f32, beta: f32, c: Tile<'_>);
}

/// `ROWS` rows of `WIDE` times sixteen columns.
pub(crate) struct Registers<const ROWS: usize, const WIDE: usize>;

impl<const ROWS: usize, const WIDE: usize> Shape for Registers<ROWS, WIDE> {
    const ROWS: usize = ROWS;
    const COLUMNS: usize = WIDE * LANES;

    #[inline(always)]
    fn multiply<W: Wide>(w: W, a: &[f32], b: &[f32], alpha: f32, beta: f32, c: Tile<'_>) {
        let mut sums = [[w.splat(0.0); WIDE]; ROWS];
        let (a, _) = a.as_chunks::<ROWS>();
        let (b, _) = b.as_chunks::<LANES>().0.as_chunks::<WIDE>();
        for (a, b) in a.iter().zip(b) {
            let mut columns = [w.splat(0.0); WIDE];
            for at in 0..WIDE {
                columns[at] = w.load(&b[at]);
            }
            for row in 0..ROWS {
                let a = w.splat(a[row]);
                for at in 0..WIDE {
                    sums[row][at] = w.fma(a, columns[at], sums[row][at]);
                }
            }
        }
        let (alpha, scale) = (w.splat(alpha), w.splat(beta));
        for (row, sums) in sums.iter().enumerate().take(c.high) {
            let to = &mut c.data[row * c.stride..][..c.broad];
            for (sum, to) in sums.iter().zip(to.chunks_mut(LANES)) {
                let scaled = w.mul(*sum, alpha);
                match to.as_chunks_mut::<LANES>() {
                    ([whole], _) if beta == 0.0 => w.store(scaled, whole),
                    ([whole], _) => w.store(w.fma(w.load(whole), scale, scaled), whole),
                    (_, part) if beta == 0.0 => w.store_part(scaled, part),
                    (_, part) => w.store_part(w.fma(w.load_part(part), scale, scaled), part),
                }
            }
        }
    }
}

/// Of k in one block.
const DEPTH: usize = 256;
/// Rows of A in one block: a multiple of every tile's.
const ROWS: usize = 144;
/// Columns of B in one block: a multiple of every tile's.
const COLUMNS: usize = 1024;
const TILE_ROWS_MAX: usize = 12;
const TILE_COLUMNS_MAX: usize = 32;
