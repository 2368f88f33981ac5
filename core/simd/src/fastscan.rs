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
use crate::wide::{BYTES, Kernel, LANES, Wide, sum_lanes};

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
/// Of a query with what is not a number, table and offset are of no use, but nothing panics.
///
/// # Panics
///
/// The table is not [`packed_len`] of the query's length.
pub fn prepare(level: Level, query: &[f32], table: &mut [u8]) -> Query {
    assert!(
        query.len().is_multiple_of(8) && table.len() == packed_len(query.len()),
        "a query of {} elements does not make a table of {} bytes",
        query.len(),
        table.len()
    );
    level.run_floats(Prepare { query, table })
}

struct Prepare<'a> {
    query: &'a [f32],
    table: &'a mut [u8],
}

impl Prepare<'_> {
    /// The lowest entry, steps for each unit, and the result.
    fn scales(groups: usize, low: f32, high: f32, sum: f32) -> (f32, Query) {
        if groups == 0 {
            return (0.0, Query::default());
        }
        let range = high - low;
        // The quotient of a range below a normal number is infinite, and its products are what each level makes of them.
        let steps = if range > 0.0 { 255.0 / range } else { 0.0 };
        let steps = if steps > f32::MAX { f32::MAX } else { steps };
        (steps, Query { step: range / 255.0, offset: groups as f32 * low - 0.5 * sum })
    }
}

impl Kernel for Prepare<'_> {
    type Out = Query;

    fn scalar(self) -> Query {
        let (groups, _) = self.query.as_chunks::<4>();
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for group in groups {
            for entry in entries(group) {
                (low, high) =
                    (if entry < low { entry } else { low }, if entry > high { entry } else { high });
            }
        }
        let mut sums = [0.0; LANES];
        for x in self.query.chunks(LANES) {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum += x;
            }
        }
        let (steps, query) = Self::scales(groups.len(), low, high, sum_lanes(sums));
        for (group, table) in groups.iter().zip(self.table.as_chunks_mut::<16>().0) {
            for (entry, to) in entries(group).into_iter().zip(table) {
                // The cast saturates, and takes what is not a number for zero.
                *to = libm::rintf((entry - low) * steps) as u8;
            }
        }
        query
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> Query {
        let (groups, _) = self.query.as_chunks::<4>();
        let (mut low, mut high) = (w.splat(f32::INFINITY), w.splat(f32::NEG_INFINITY));
        for group in groups {
            let entries = wide_entries(w, group);
            (low, high) = (w.min(entries, low), w.max(entries, high));
        }
        let (mut lows, mut highs) = ([0.0; LANES], [0.0; LANES]);
        w.store(low, &mut lows);
        w.store(high, &mut highs);
        let low = lows.iter().fold(f32::INFINITY, |low, &x| if x < low { x } else { low });
        let high = highs.iter().fold(f32::NEG_INFINITY, |high, &x| if x > high { x } else { high });
        let mut sum = w.splat(0.0);
        let (whole, rest) = self.query.as_chunks::<LANES>();
        for x in whole {
            sum = w.add(sum, w.load(x));
        }
        sum = w.add(sum, w.load_part(rest));
        let (steps, query) = Self::scales(groups.len(), low, high, w.sum(sum));
        let (low, steps) = (w.splat(low), w.splat(steps));
        for (group, table) in groups.iter().zip(self.table.as_chunks_mut::<16>().0) {
            w.store_u8(w.mul(w.sub(wide_entries(w, group), low), steps), table);
        }
        query
    }
}

/// Entry m is the sum of the elements whose bit is set in m, the last element first.
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

/// The same, by products with 0 and 1, which are exact.
#[inline(always)]
fn wide_entries<W: Wide>(w: W, group: &[f32; 4]) -> W::F {
    let sum = w.mul(w.splat(group[3]), w.load(&BIT_LANES[0]));
    let sum = w.fma(w.splat(group[2]), w.load(&BIT_LANES[1]), sum);
    let sum = w.fma(w.splat(group[1]), w.load(&BIT_LANES[2]), sum);
    w.fma(w.splat(group[0]), w.load(&BIT_LANES[3]), sum)
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

/// As [`estimates`]; bit v of the result is set where the estimate of neighbour v is below `bound`.
///
/// # Panics
///
/// As [`sums`].
pub fn estimates_below(
    level: Level,
    packed: &[u8],
    table: &[u8],
    query: Query,
    factors: Factors<'_>,
    (distance, bound): (f32, f32),
    out: &mut [f32; BATCH],
) -> u32 {
    check(packed, table);
    let estimates = Estimates { sums: Sums { packed, table }, query, factors, distance, out };
    level.run_floats(EstimatesBelow { estimates, bound })
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
        let mut state = [w.splat(0.0); 3];
        let ((cs, c_rest), (os, o_rest)) =
            (self.node.as_chunks::<LANES>(), self.neighbour.as_chunks::<LANES>());
        let (codes, code_rest) = self.code.as_chunks_mut::<2>();
        for ((c, o), code) in cs.iter().zip(os).zip(codes) {
            *code = encode_step(w, &mut state, w.load(c), w.load(o));
        }
        if let Some(code) = code_rest.first_mut() {
            // Padding has r = 0 and c = 0, and adds nothing.
            *code = encode_step(w, &mut state, w.load_part(c_rest), w.load_part(o_rest))[0];
        }
        let [norm2, along, node] = state;
        Encoded { norm2: w.sum(norm2), along: w.sum(along), node: w.sum(node) }
    }
}

/// Sixteen bits of a code, and their parts of norm2, along and node.
#[inline(always)]
fn encode_step<W: Wide>(w: W, state: &mut [W::F; 3], c: W::F, o: W::F) -> [u8; 2] {
    let zero = w.splat(0.0);
    let r = w.sub(o, c);
    let x = w.select_lt(zero, r, w.splat(0.5), w.splat(-0.5));
    let [norm2, along, node] = *state;
    *state = [w.fma(r, r, norm2), w.fma(r, x, along), w.fma(c, x, node)];
    w.lt_mask(zero, r).reverse_bits().to_be_bytes()
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
        let mut out = [0; BATCH];
        for (sums, out) in self.lanes(w).into_iter().zip(out.as_chunks_mut::<LANES>().0) {
            w.store_bytes(sums, bytemuck::cast_mut(out));
        }
        out
    }
}

impl Sums<'_> {
    /// The sums of neighbours 0..16 and 16..32 as u32.
    #[inline(always)]
    fn lanes<W: Wide>(&self, w: W) -> [W::I; 2] {
        let mut sums = [w.zero(); 2];
        for (codes, table) in self.packed.chunks(EMPTIED).zip(self.table.chunks(EMPTIED)) {
            let mut parts = [w.zero(); 4];
            let ((codes, codes_rest), (table, table_rest)) =
                (codes.as_chunks::<BYTES>(), table.as_chunks::<BYTES>());
            for (codes, table) in codes.iter().zip(table) {
                parts = sums_step(w, parts, w.load_bytes(codes), w.load_bytes(table));
            }
            if !codes_rest.is_empty() {
                parts = sums_step(w, parts, w.load_bytes_part(codes_rest), w.load_bytes_part(table_rest));
            }
            let [low_a, low_b, high_a, high_b] = parts;
            let low = w.fold_u16(w.sub_u16(low_a, w.shl_u16::<8>(low_b)), low_b);
            let high = w.fold_u16(w.sub_u16(high_a, w.shl_u16::<8>(high_b)), high_b);
            sums = [w.add_i32(sums[0], low), w.add_i32(sums[1], high)];
        }
        sums
    }
}

/// Of the entries found for the low and for the high nibbles: as u16, without the carries that leave them, and the upper bytes alone.
#[inline(always)]
fn sums_step<W: Wide>(w: W, parts: [W::I; 4], codes: W::I, table: W::I) -> [W::I; 4] {
    let nibble = w.splat_u8(15);
    let low = w.lookup(table, w.and(codes, nibble));
    let high = w.lookup(table, w.and(w.shr_u16::<4>(codes), nibble));
    [
        w.add_u16(parts[0], low),
        w.add_u16(parts[1], w.shr_u16::<8>(low)),
        w.add_u16(parts[2], high),
        w.add_u16(parts[3], w.shr_u16::<8>(high)),
    ]
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
        let sums = self.sums.lanes(w);
        let (step, offset, distance) =
            (w.splat(self.query.step), w.splat(self.query.offset), w.splat(self.distance));
        let (add, rescale) = (halves(w, self.factors.add), halves(w, self.factors.rescale));
        for (nth, out) in self.out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let inner = w.add(w.mul(step, w.i32_to_f32(sums[nth])), offset);
            w.store(w.add(w.add(add[nth], distance), w.mul(rescale[nth], inner)), out);
        }
    }
}

struct EstimatesBelow<'a> {
    estimates: Estimates<'a>,
    bound: f32,
}

impl Kernel for EstimatesBelow<'_> {
    type Out = u32;

    fn scalar(self) -> u32 {
        let EstimatesBelow { estimates: Estimates { sums, query, factors, distance, out }, bound } = self;
        Estimates { sums, query, factors, distance, out: &mut *out }.scalar();
        out.iter().rev().fold(0, |mask, estimate| mask << 1 | u32::from(*estimate < bound))
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> u32 {
        let EstimatesBelow { estimates: Estimates { sums, query, factors, distance, out }, bound } = self;
        Estimates { sums, query, factors, distance, out: &mut *out }.wide(w);
        let bound = w.splat(bound);
        let (halves, _) = out.as_chunks::<LANES>();
        let [low, high] = [&halves[0], &halves[1]].map(|half| w.lt_mask(w.load(half), bound));
        u32::from(low) | u32::from(high) << 16
    }
}

#[inline(always)]
fn halves<W: Wide>(w: W, x: &[f32; BATCH]) -> [W::F; 2] {
    let (halves, _) = x.as_chunks::<LANES>();
    [w.load(&halves[0]), w.load(&halves[1])]
}

/// Entry m has 1 where bit `BIT` of m is set.
const fn bit_lanes(bit: usize) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    let mut m = 0;
    while m < LANES {
        lanes[m] = (m >> bit & 1) as f32;
        m += 1;
    }
    lanes
}

const BIT_LANES: [[f32; LANES]; 4] = [bit_lanes(0), bit_lanes(1), bit_lanes(2), bit_lanes(3)];
const PERMUTATION: [usize; 16] = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15];
/// Bytes of a batch after which sums of 16 bits are emptied: 255 · 256 groups of 16 bytes is below 2¹⁶.
const EMPTIED: usize = 256 * 16;
