//! FastScan: estimated distances to 32 neighbours at once, from codes of one bit a dimension and tables of 16 bytes.
//!
//! ```text
//! a code          P bits, the first dimension in the top bit of the first byte; a nibble is a group of 4 dimensions
//! a packed batch  of 32 codes, 4·P bytes: for each byte of a code (8 dimensions) 32 bytes,
//!                 bytes 0..16 the codes' high nibbles, bytes 16..32 their low ones;
//!                 byte j of a half: neighbour perm[j] in its low 4 bits, neighbour perm[j] + 16 in its high 4 bits,
//!                 perm = 0 8 1 9 2 10 3 11 4 12 5 13 6 14 7 15
//! a table         of a query, 4·P bytes: for each group 16 bytes, entry m the quantised sum of the query's
//!                 elements whose bit is set in m; the group's first dimension has the bit of value 8
//! ```
//!
//! 1. [`encode`] makes a neighbour's code, relative to the node that holds it, and what its two factors are made of.
//! 2. [`pack`] or [`set_lane`] lays codes out.
//! 3. [`prepare`] makes a query's table, once a query.
//! 4. [`sums`] adds, for each neighbour, the table's entries at its nibbles: one byte shuffle looks 16 entries up. [`estimates`] goes on
//!    to the distances.
//!
//! Sums of 16 bits hold 255 · 256 groups, no more: every 1,024 dimensions they are emptied into 32 bits. Sums are equal at all levels;
//! so are tables and estimates, in which every operation rounds by itself.
//!
//! Sources: André, Kermarrec, Le Scouarnec, "Cache locality is not enough" (VLDB 2015); Gao and Long, RaBitQ (arXiv 2405.12497) and
//! SymphonyQG (arXiv 2411.12229), whose layout this is.

use crate::level::Level;
use crate::wide::{BYTES, Kernel, LANES, Wide};

/// Codes of one batch.
pub const BATCH: usize = 32;

/// Bytes of a packed batch, or of a table, of codes of this many dimensions, a multiple of 8.
pub const fn packed_len(dims: usize) -> usize {
    dims / 8 * BATCH
}

/// Lays 32 codes out, which stand one after another.
///
/// # Panics
///
/// The lengths differ.
pub fn pack(codes: &[u8], packed: &mut [u8]) {
    assert!(
        codes.len() == packed.len() && codes.len().is_multiple_of(BATCH),
        "32 codes of {} bytes in all do not fill a batch of {}",
        codes.len(),
        packed.len()
    );
    let code_len = codes.len() / BATCH;
    for (at, unit) in packed.as_chunks_mut::<BATCH>().0.iter_mut().enumerate() {
        let (high, low) = unit.split_at_mut(16);
        for ((high, low), &first) in high.iter_mut().zip(low).zip(&PERMUTATION) {
            let (a, b) = (codes[first * code_len + at], codes[(first + 16) * code_len + at]);
            *high = a >> 4 | b & 0xf0;
            *low = a & 0x0f | b << 4;
        }
    }
}

/// Overwrites the code of one lane of a packed batch.
///
/// # Panics
///
/// The lane is not below [`BATCH`], or the code is not as long as those of the batch.
pub fn set_lane(packed: &mut [u8], lane: usize, code: &[u8]) {
    let (place, upper) = place(packed.len(), lane, code.len());
    for (unit, &byte) in packed.as_chunks_mut::<BATCH>().0.iter_mut().zip(code) {
        for (half, nibble) in [(place, byte >> 4), (place + 16, byte & 0x0f)] {
            unit[half] = if upper { unit[half] & 0x0f | nibble << 4 } else { unit[half] & 0xf0 | nibble };
        }
    }
}

/// Copies the code of one lane of a packed batch out.
///
/// # Panics
///
/// As [`set_lane`].
pub fn lane(packed: &[u8], lane: usize, code: &mut [u8]) {
    let (place, upper) = place(packed.len(), lane, code.len());
    for (unit, byte) in packed.as_chunks::<BATCH>().0.iter().zip(code) {
        let shift = if upper { 4 } else { 0 };
        *byte = (unit[place] >> shift & 0x0f) << 4 | unit[place + 16] >> shift & 0x0f;
    }
}

/// Where a lane's nibbles are: the byte of each half, and whether its upper four bits.
fn place(packed: usize, lane: usize, code: usize) -> (usize, bool) {
    assert!(lane < BATCH, "a batch has 32 lanes, not {lane}");
    assert!(packed == code * BATCH, "a code of {code} bytes is not of a batch of {packed}");
    let within = lane % 16;
    (if within < 8 { 2 * within } else { 2 * (within - 8) + 1 }, lane >= 16)
}

/// What the factors of a neighbour's estimate are made of; r is the neighbour minus the node, x its code with +½ and -½ for bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Encoded {
    /// Σ rⱼ², the squared distance.
    pub norm2: f32,
    /// ⟨r, x⟩, half the sum of |rⱼ|.
    pub along: f32,
    /// ⟨node, x⟩.
    pub node: f32,
}

/// A neighbour's code as seen from a node, both rotated: bit j is set where neighbour minus node is above zero.
///
/// # Panics
///
/// The vectors differ in length, or the code has not as many bits as they have elements.
pub fn encode(level: Level, node: &[f32], neighbour: &[f32], code: &mut [u8]) -> Encoded {
    assert!(
        node.len() == neighbour.len() && node.len() == code.len() * 8,
        "{} and {} elements do not make a code of {} bytes",
        node.len(),
        neighbour.len(),
        code.len()
    );
    level.run_floats(Encode { node, neighbour, code })
}

/// What estimates need of a query besides its table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Query {
    /// What one step of a table's bytes is worth.
    pub step: f32,
    /// (P/4)·lowest entry - ½ Σ qⱼ.
    pub offset: f32,
}

/// A rotated query's table: all sums of four elements, in 255 steps from the lowest to the highest.
///
/// # Panics
///
/// The table is not [`packed_len`] of the query's length.
pub fn prepare(query: &[f32], table: &mut [u8]) -> Query {
    assert!(
        query.len().is_multiple_of(8) && table.len() == packed_len(query.len()),
        "a query of {} elements does not make a table of {} bytes",
        query.len(),
        table.len()
    );
    let (groups, _) = query.as_chunks::<4>();
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for group in groups {
        for entry in entries(group) {
            (low, high) = (low.min(entry), high.max(entry));
        }
    }
    if groups.is_empty() {
        return Query::default();
    }
    let range = high - low;
    let steps = if range > 0.0 { 255.0 / range } else { 0.0 };
    for (group, table) in groups.iter().zip(table.as_chunks_mut::<16>().0) {
        for (entry, to) in entries(group).into_iter().zip(table) {
            // The cast saturates, and takes what is not a number for zero.
            *to = ((entry - low) * steps + 0.5) as u8;
        }
    }
    let sum: f32 = query.iter().sum();
    Query { step: range / 255.0, offset: groups.len() as f32 * low - 0.5 * sum }
}

/// Entry m is the sum of the elements whose bit is set in m.
#[inline(always)]
fn entries(group: &[f32; 4]) -> [f32; 16] {
    let mut sums = [0.0; 16];
    for (m, bit) in [(1, 3), (2, 2), (4, 1), (8, 0)] {
        for below in 0..m {
            sums[m + below] = sums[below] + group[bit];
        }
    }
    sums
}

/// Σ over all groups of the table's entry at the neighbour's nibble, for each of the 32 neighbours.
///
/// # Panics
///
/// The batch and the table differ in length, or it is not a multiple of 32.
pub fn sums(level: Level, packed: &[u8], table: &[u8], out: &mut [u32; BATCH]) {
    check(packed, table);
    *out = level.run_floats(Sums { packed, table });
}

/// The two factors of each neighbour of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'a> {
    /// f_add.
    pub add: &'a [f32; BATCH],
    /// f_rescale.
    pub rescale: &'a [f32; BATCH],
}

/// The estimated distance of each neighbour: `(f_add + distance) + f_rescale · (step · sum + offset)`, where `distance` is the exact one
/// from the query to the node that holds the batch.
///
/// # Panics
///
/// As [`sums`].
pub fn estimates(
    level: Level,
    packed: &[u8],
    table: &[u8],
    query: Query,
    factors: Factors<'_>,
    distance: f32,
    out: &mut [f32; BATCH],
) {
    check(packed, table);
    level.run_floats(Estimates { sums: Sums { packed, table }, query, factors, distance, out });
}

fn check(packed: &[u8], table: &[u8]) {
    assert!(
        packed.len() == table.len() && packed.len().is_multiple_of(BATCH),
        "a batch of {} bytes does not go with a table of {}",
        packed.len(),
        table.len()
    );
}

struct Encode<'a> {
    node: &'a [f32],
    neighbour: &'a [f32],
    code: &'a mut [u8],
}

impl Kernel for Encode<'_> {
    type Out = Encoded;

    fn scalar(self) -> Encoded {
        let (mut norm2, mut along, mut node) = (0.0f64, 0.0f64, 0.0f64);
        self.code.fill(0);
        for (at, (&c, &o)) in self.node.iter().zip(self.neighbour).enumerate() {
            let r = o - c;
            let x = if r > 0.0 { 0.5 } else { -0.5 };
            if r > 0.0 {
                self.code[at / 8] |= 0x80 >> (at % 8);
            }
            let r = f64::from(r);
            norm2 += r * r;
            along += r * x;
            node += f64::from(c) * x;
        }
        Encoded { norm2: norm2 as f32, along: along as f32, node: node as f32 }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> Encoded {
        let zero = w.splat(0.0);
        let [mut norm2, mut along, mut node] = [zero; 3];
        let ((cs, c_rest), (os, o_rest)) =
            (self.node.as_chunks::<LANES>(), self.neighbour.as_chunks::<LANES>());
        let (codes, code_rest) = self.code.as_chunks_mut::<2>();
        let mut step = |c: W::F, o: W::F| {
            let r = w.sub(o, c);
            let x = w.select_lt(zero, r, w.splat(0.5), w.splat(-0.5));
            norm2 = w.fma(r, r, norm2);
            along = w.fma(r, x, along);
            node = w.fma(c, x, node);
            w.lt_mask(zero, r).reverse_bits().to_be_bytes()
        };
        for ((c, o), code) in cs.iter().zip(os).zip(codes) {
            *code = step(w.load(c), w.load(o));
        }
        if let Some(code) = code_rest.first_mut() {
            // Padding has r = 0 and c = 0, and adds nothing.
            *code = step(w.load_part(c_rest), w.load_part(o_rest))[0];
        }
        Encoded { norm2: w.sum(norm2), along: w.sum(along), node: w.sum(node) }
    }
}

struct Sums<'a> {
    packed: &'a [u8],
    table: &'a [u8],
}

impl Kernel for Sums<'_> {
    type Out = [u32; BATCH];

    fn scalar(self) -> [u32; BATCH] {
        let mut sums = [0; BATCH];
        for (codes, table) in self.packed.as_chunks::<16>().0.iter().zip(self.table.as_chunks::<16>().0) {
            for (&code, &first) in codes.iter().zip(&PERMUTATION) {
                sums[first] += u32::from(table[usize::from(code & 15)]);
                sums[first + 16] += u32::from(table[usize::from(code >> 4)]);
            }
        }
        sums
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> [u32; BATCH] {
        let mut sums = [0; BATCH];
        let low = w.splat_u8(15);
        for (codes, table) in self.packed.chunks(EMPTIED).zip(self.table.chunks(EMPTIED)) {
            // Of the bytes of a u16: both in `a`, without the carries that leave it; the upper ones in `b`.
            let [mut low_a, mut low_b, mut high_a, mut high_b] = [w.zero(); 4];
            let mut step = |codes: W::I, table: W::I| {
                let found = w.lookup(table, w.and(codes, low));
                (low_a, low_b) = (w.add_u16(low_a, found), w.add_u16(low_b, w.shr_u16::<8>(found)));
                let found = w.lookup(table, w.and(w.shr_u16::<4>(codes), low));
                (high_a, high_b) = (w.add_u16(high_a, found), w.add_u16(high_b, w.shr_u16::<8>(found)));
            };
            let ((codes, codes_rest), (table, table_rest)) =
                (codes.as_chunks::<BYTES>(), table.as_chunks::<BYTES>());
            for (codes, table) in codes.iter().zip(table) {
                step(w.load_bytes(codes), w.load_bytes(table));
            }
            if !codes_rest.is_empty() {
                step(w.load_bytes_part(codes_rest), w.load_bytes_part(table_rest));
            }
            low_a = w.sub_u16(low_a, w.shl_u16::<8>(low_b));
            high_a = w.sub_u16(high_a, w.shl_u16::<8>(high_b));
            let (eights, _) = sums.as_chunks_mut::<8>();
            for (sums, part) in eights.iter_mut().zip([low_a, low_b, high_a, high_b]) {
                for (sum, part) in sums.iter_mut().zip(w.fold_u16(part)) {
                    *sum += u32::from(part);
                }
            }
        }
        sums
    }
}

struct Estimates<'a> {
    sums: Sums<'a>,
    query: Query,
    factors: Factors<'a>,
    distance: f32,
    out: &'a mut [f32; BATCH],
}

impl Kernel for Estimates<'_> {
    type Out = ();

    fn scalar(self) {
        let Query { step, offset } = self.query;
        let sums = self.sums.scalar();
        for (((out, sum), add), rescale) in
            self.out.iter_mut().zip(sums).zip(self.factors.add).zip(self.factors.rescale)
        {
            *out = (add + self.distance) + rescale * (step * sum as f32 + offset);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let sums = self.sums.wide(w).map(|sum| sum as f32);
        let (step, offset, distance) =
            (w.splat(self.query.step), w.splat(self.query.offset), w.splat(self.distance));
        let halves = |x: &[f32; BATCH]| {
            let (halves, _) = x.as_chunks::<LANES>();
            [w.load(&halves[0]), w.load(&halves[1])]
        };
        let (sums, add, rescale) = (halves(&sums), halves(self.factors.add), halves(self.factors.rescale));
        for (nth, out) in self.out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let inner = w.add(w.mul(step, sums[nth]), offset);
            w.store(w.add(w.add(add[nth], distance), w.mul(rescale[nth], inner)), out);
        }
    }
}

const PERMUTATION: [usize; 16] = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15];
/// Bytes of a batch after which sums of 16 bits are emptied: 255 · 256 groups of 16 bytes is below 2¹⁶.
const EMPTIED: usize = 256 * 16;
