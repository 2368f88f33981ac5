//! Codes in the node: the row, the code of a neighbour seen from a node, the tables of a query and the estimate.
//!
//! ```text
//! row     own vector | batch of 32 neighbours, repeated | ids, u32 each | two factors (8 and 4 bit) | zeros up to 64 bytes
//! own     f32 × P, or P codes of 8 bits, or P / 2 bytes of two codes each
//! batch   packed nibbles, 4 P bytes | f_add, f32 × 32 | f_rescale, f32 × 32
//! ```
//!
//! P is the dimension rounded up to 32. Every vector is rotated, so the own vector is too. An empty lane has f_add +∞, f_rescale 0 and the
//! node's own id: its estimate enters no pool. Source: SymphonyQG (arXiv 2411.12229), RaBitQ (arXiv 2405.12497).

use alloc::vec::Vec;

use crate::kernel::{self, Level};
use crate::metric::Form;

/// Neighbours of a batch.
pub const LANES: usize = 32;

/// Which neighbour's nibble stands where: byte j of a half holds neighbour `PERM[j]` below and `PERM[j] + 16` above.
pub const PERM: [usize; 16] = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15];

/// Where the parts of a row stand, in words of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Values of a rotated vector.
    pub padded: usize,
    /// Neighbours of a node.
    pub degree: usize,
    form: Form,
    own: usize,
}

impl Layout {
    /// Of rows for vectors of `padded` values and `degree` neighbours, a multiple of 32.
    pub const fn new(form: Form, padded: usize, degree: usize) -> Self {
        let own = match form {
            Form::Qg8 => padded / 4,
            Form::Qg4 => padded / 8,
            _ => padded,
        };
        Layout { padded, degree, form, own }
    }

    /// Batches of a row.
    pub const fn batches(self) -> usize {
        self.degree / LANES
    }

    const fn batch_words(self) -> usize {
        self.padded + 2 * LANES
    }

    const fn ids_at(self) -> usize {
        self.own + self.batches() * self.batch_words()
    }

    /// Words of a row, with its padding.
    pub const fn words(self) -> usize {
        let factors = if matches!(self.form, Form::Qg) { 0 } else { 2 };
        (self.ids_at() + self.degree + factors).next_multiple_of(16)
    }

    /// The words that hold the own vector.
    pub fn own<'a>(&self, row: &'a [f32]) -> &'a [f32] {
        &row[..self.own]
    }

    /// Scale and squared norm of a coded own vector.
    fn factors(self, row: &[f32]) -> (f32, f32) {
        let at = self.ids_at() + self.degree;
        (row[at], row[at + 1])
    }

    /// The neighbours' ids; an empty lane has the node's own.
    pub fn ids<'a>(&self, row: &'a [f32]) -> &'a [u32] {
        bytemuck::cast_slice(&row[self.ids_at()..self.ids_at() + self.degree])
    }

    /// Codes, `f_add` and `f_rescale` of a batch.
    #[inline]
    pub fn batch<'a>(&self, row: &'a [f32], batch: usize) -> (&'a [u8], &'a [f32], &'a [f32]) {
        let at = self.own + batch * self.batch_words();
        let part = &row[at..at + self.batch_words()];
        let (codes, factors) = part.split_at(self.padded);
        let (add, rescale) = factors.split_at(LANES);
        (bytemuck::cast_slice(codes), add, rescale)
    }

    /// Writes the own vector of a fresh row and empties its lanes.
    pub fn write_own(&self, row: &mut [f32], rotated: &[f32], slot: u32) {
        row.fill(0.0);
        let at = self.ids_at() + self.degree;
        match self.form {
            Form::Qg8 => {
                let (step, norm2) = code_own(rotated, 255.0, bytemuck::cast_slice_mut(&mut row[..self.own]));
                (row[at], row[at + 1]) = (step, norm2);
            }
            Form::Qg4 => {
                let mut codes = alloc::vec![0u8; rotated.len()];
                let (step, norm2) = code_own(rotated, 15.0, &mut codes);
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut row[..self.own]);
                for (byte, pair) in bytes.iter_mut().zip(codes.chunks_exact(2)) {
                    *byte = pair[0] | pair[1] << 4;
                }
                (row[at], row[at + 1]) = (step, norm2);
            }
            _ => row[..self.own].copy_from_slice(rotated),
        }
        for lane in 0..self.degree {
            self.clear_lane(row, lane, slot);
        }
    }

    /// The own vector, decoded where it is coded.
    pub fn read_own(&self, row: &[f32], out: &mut Vec<f32>) {
        out.clear();
        let middle = self.middle();
        match self.form {
            Form::Qg8 => {
                let step = self.factors(row).0;
                let codes: &[u8] = bytemuck::cast_slice(self.own(row));
                out.extend(codes.iter().map(|code| step * (f32::from(*code) - middle)));
            }
            Form::Qg4 => {
                let step = self.factors(row).0;
                let codes: &[u8] = bytemuck::cast_slice(self.own(row));
                out.extend(codes.iter().flat_map(|byte| [byte & 15, byte >> 4]).map(|code| step * (f32::from(code) - middle)));
            }
            _ => out.extend_from_slice(self.own(row)),
        }
    }

    fn middle(self) -> f32 {
        if matches!(self.form, Form::Qg8) { 127.5 } else { 7.5 }
    }

    /// Dot product of a rotated vector with the own vector of a row, and that vector's squared norm (0 for f32 rows, whose distance needs none).
    #[inline]
    pub fn dot_own(&self, level: Level, query: &[f32], query_sum: f32, row: &[f32]) -> (f32, f32) {
        match self.form {
            Form::Qg8 => {
                let (step, norm2) = self.factors(row);
                let dot = kernel::dot_f32_u8(level, query, bytemuck::cast_slice(self.own(row)));
                (step * (dot - 127.5 * query_sum), norm2)
            }
            Form::Qg4 => {
                let (step, norm2) = self.factors(row);
                let codes: &[u8] = bytemuck::cast_slice(self.own(row));
                let mut sum = 0.0;
                let mut wide = [0u8; 64];
                for (query, codes) in query.chunks(64).zip(codes.chunks(32)) {
                    for (pair, byte) in wide.chunks_exact_mut(2).zip(codes) {
                        (pair[0], pair[1]) = (byte & 15, byte >> 4);
                    }
                    sum += kernel::dot_f32_u8(level, query, &wide[..query.len()]);
                }
                (step * (sum - 7.5 * query_sum), norm2)
            }
            _ => (kernel::dot_f32(level, query, self.own(row)), 0.0),
        }
    }

    /// Empties a lane.
    pub fn clear_lane(&self, row: &mut [f32], lane: usize, own_slot: u32) {
        let at = self.own + lane / LANES * self.batch_words() + self.padded;
        row[at + lane % LANES] = f32::INFINITY;
        row[at + LANES + lane % LANES] = 0.0;
        let ids: &mut [u32] = bytemuck::cast_slice_mut(&mut row[self.ids_at()..]);
        ids[lane] = own_slot;
    }

    /// Fills a lane.
    pub fn write_lane(&self, row: &mut [f32], lane: usize, slot: u32, edge: &Edge) {
        let start = self.own + lane / LANES * self.batch_words();
        let at = start + self.padded;
        let v = lane % LANES;
        row[at + v] = f32::INFINITY;
        let codes: &mut [u8] = bytemuck::cast_slice_mut(&mut row[start..start + self.padded]);
        let (j, shift) = place(v);
        let keep = 0xf0u8 >> shift;
        for (block, code) in codes.chunks_exact_mut(LANES).zip(&edge.code) {
            for (byte, nibble) in [(j, code >> 4), (16 + j, code & 15)] {
                block[byte] = block[byte] & keep | nibble << shift;
            }
        }
        let ids: &mut [u32] = bytemuck::cast_slice_mut(&mut row[self.ids_at()..]);
        ids[lane] = slot;
        row[at + LANES + v] = edge.f_rescale;
        row[at + v] = edge.f_add;
    }
}

/// Byte of a half and shift of a neighbour's nibble.
fn place(v: usize) -> (usize, u32) {
    let j = PERM.iter().position(|p| *p == v % 16).unwrap_or(0);
    (j, if v < 16 { 0 } else { 4 })
}

/// Codes `rotated` into `codes` of 0 to `most`; gives the step that fits best and the squared norm of what the codes decode to.
fn code_own(rotated: &[f32], most: f32, codes: &mut [u8]) -> (f32, f32) {
    let largest = rotated.iter().fold(0f32, |max, value| max.max(value.abs()));
    let middle = most / 2.0;
    if largest == 0.0 {
        codes.fill((most as u8).div_ceil(2));
        return (0.0, 0.0);
    }
    let clips: &[f32] = if most > 100.0 { &[1.0] } else { &[1.0, 0.9, 0.8, 0.7, 0.6, 0.5] };
    let mut chosen = (f32::INFINITY, 0.0, 0.0, 1.0);
    for clip in clips {
        let inverse = middle / (largest * clip);
        let (mut xc, mut cc, mut xx) = (0f64, 0f64, 0f64);
        for value in rotated {
            let c = f64::from(libm::rintf(value * inverse + middle).clamp(0.0, most) - middle);
            let x = f64::from(*value);
            xc += x * c;
            cc += c * c;
            xx += x * x;
        }
        let step = xc / cc.max(f64::MIN_POSITIVE);
        let loss = (xx - step * xc) as f32;
        if loss < chosen.0 {
            chosen = (loss, step as f32, (step * step * cc) as f32, inverse);
        }
    }
    for (code, value) in codes.iter_mut().zip(rotated) {
        *code = libm::rintf(value * chosen.3 + middle).clamp(0.0, most) as u8;
    }
    (chosen.1, chosen.2)
}

/// The code of a neighbour o seen from a node c.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// P / 8 bytes, first dimension in the top bit: the signs of o − c.
    pub code: Vec<u8>,
    /// What is added to the exact distance of the node.
    pub f_add: f32,
    /// What the dot product with the code is multiplied with.
    pub f_rescale: f32,
}

/// The edge from `c` to `o`, both rotated. `l2`: for squared distances, else for 1 − dot.
pub fn edge(l2: bool, c: &[f32], o: &[f32]) -> Edge {
    let mut code = Vec::with_capacity(c.len() / 8);
    let (mut norm2, mut norm1, mut signed, mut product) = ([0f32; 8], [0f32; 8], [0f32; 8], [0f32; 8]);
    for (c, o) in c.chunks_exact(8).zip(o.chunks_exact(8)) {
        let mut byte = 0u8;
        for i in 0..8 {
            let r = o[i] - c[i];
            let bit = r > 0.0;
            byte |= u8::from(bit) << (7 - i);
            norm2[i] += r * r;
            norm1[i] += r.abs();
            signed[i] += if bit { c[i] } else { -c[i] };
            product[i] += r * c[i];
        }
        code.push(byte);
    }
    let sum = |lanes: [f32; 8]| lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>();
    let (n2, a, e, rc) = (sum(norm2), sum(norm1) / 2.0, sum(signed) / 2.0, sum(product));
    if a == 0.0 {
        let f_add = if l2 { 0.0 } else { -rc as f32 };
        return Edge { code, f_add, f_rescale: 0.0 };
    }
    let (f_add, f_rescale) =
        if l2 { (n2 + 2.0 * n2 * e / a, -2.0 * n2 / a) } else { (-rc + n2 * e / a, -n2 / a) };
    Edge { code, f_add: f_add as f32, f_rescale: f_rescale as f32 }
}

/// The tables of a query.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// For each group of four dimensions 16 bytes.
    bytes: Vec<u8>,
    floats: Vec<f32>,
    step: f32,
    /// (P / 4) lo − ½ Σ q′.
    base: f32,
}

impl Tables {
    /// Of a rotated query.
    pub fn prepare(&mut self, rotated: &[f32]) {
        self.floats.clear();
        let (mut lo, mut hi) = (f32::INFINITY, f32::NEG_INFINITY);
        for q in rotated.chunks_exact(4) {
            let mut table = [0f32; 16];
            for m in 0..16usize {
                table[m] = (if m & 8 != 0 { q[0] } else { 0.0 } + if m & 4 != 0 { q[1] } else { 0.0 })
                    + (if m & 2 != 0 { q[2] } else { 0.0 } + if m & 1 != 0 { q[3] } else { 0.0 });
            }
            for value in table {
                lo = lo.min(value);
                hi = hi.max(value);
            }
            self.floats.extend_from_slice(&table);
        }
        self.step = ((hi - lo) / 255.0).max(f32::MIN_POSITIVE);
        let inverse = 1.0 / self.step;
        self.bytes.clear();
        self.bytes.extend(self.floats.iter().map(|value| ((value - lo) * inverse + 0.5) as u8));
        let sum: f32 = rotated.iter().sum();
        self.base = (rotated.len() / 4) as f32 * lo - 0.5 * sum;
    }

    /// Estimates of a batch's distances, `g_add` being the exact distance of the node.
    #[inline]
    pub fn estimate(&self, level: Level, batch: (&[u8], &[f32], &[f32]), g_add: f32, out: &mut [f32; LANES]) {
        let (codes, add, rescale) = batch;
        let mut sums = [0u32; LANES];
        kernel::fastscan_sums(level, codes, &self.bytes, &mut sums);
        for v in 0..LANES {
            out[v] = add[v] + g_add + rescale[v] * (self.step * sums[v] as f32 + self.base);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotate::Rotation;
    use dolmen_base::rng::Rng;

    fn normal(rng: &mut Rng) -> f32 {
        (0..12).map(|_| rng.unit_f64() as f32).sum::<f32>() - 6.0
    }

    /// RaBitQ's bound, about two standard deviations.
    fn error_bound(l2: bool, query: &[f32], c: &[f32], o: &[f32]) -> f64 {
        let r: Vec<f64> = c.iter().zip(o).map(|(c, o)| f64::from(o - c)).collect();
        let n2: f64 = r.iter().map(|r| r * r).sum();
        let a = r.iter().map(|r| r.abs()).sum::<f64>() / 2.0;
        let away: f64 = query.iter().zip(c).map(|(q, c)| f64::from(q - c) * f64::from(q - c)).sum();
        let p = r.len() as f64;
        let wide = (n2 * away).sqrt() * 1.9 * ((n2 * p / 4.0 / (a * a) - 1.0) / (p - 1.0)).sqrt();
        if l2 { 2.0 * wide } else { wide }
    }

    /// The checks of the specification: unbiased estimates whose spread falls with the dimension.
    #[test]
    fn estimates_are_unbiased_and_as_sharp_as_published() {
        for (dim, l2, spread_max) in [(100, true, 0.075), (128, true, 0.075), (784, true, 0.03), (1536, true, 0.022), (384, false, 0.045)] {
            let mut rng = Rng::new(dim as u64);
            let rotation = Rotation::new(dim, 3);
            let turn = |rng: &mut Rng| {
                let plain: Vec<f32> = (0..dim).map(|_| normal(rng)).collect();
                let mut out = alloc::vec![0.0; rotation.padded()];
                rotation.apply(&plain, &mut out);
                out
            };
            let layout = Layout::new(Form::Qg, rotation.padded(), 32);
            let mut row = alloc::vec![0f32; layout.words()];
            let (mut mean, mut square, mut count, mut met) = (0f64, 0f64, 0f64, 0f64);
            let mut tables = Tables::default();
            for _ in 0..40 {
                let centre = turn(&mut rng);
                layout.write_own(&mut row, &centre, 5);
                let near = |noise: Vec<f32>| noise.iter().zip(&centre).map(|(n, c)| c + 0.7 * n).collect::<Vec<f32>>();
                let others: Vec<Vec<f32>> = (0..32).map(|_| near(turn(&mut rng))).collect();
                for (lane, other) in others.iter().enumerate() {
                    layout.write_lane(&mut row, lane, 10 + lane as u32, &edge(l2, &centre, other));
                }
                assert_eq!(layout.ids(&row), (10..42).collect::<Vec<u32>>());
                for _ in 0..5 {
                    let query = turn(&mut rng);
                    tables.prepare(&query);
                    let exact = |o: &[f32]| {
                        if l2 { kernel::l2_f32(Level::best(), &query, o) } else { 1.0 - kernel::dot_f32(Level::best(), &query, o) }
                    };
                    let mut out = [0f32; LANES];
                    tables.estimate(Level::best(), layout.batch(&row, 0), exact(&centre), &mut out);
                    for (estimate, other) in out.iter().zip(&others) {
                        let truth = f64::from(exact(other));
                        let error = (f64::from(*estimate) - truth) / if l2 { truth } else { dim as f64 };
                        mean += error;
                        let bound = error_bound(l2, &query, &centre, other);
                        met += f64::from(u8::from((f64::from(*estimate) - truth).abs() <= bound));
                        square += error * error;
                        count += 1.0;
                    }
                }
            }
            let (mean, spread) = (mean / count, (square / count).sqrt());
            assert!(mean.abs() < 4e-3, "{dim}: mean {mean}");
            assert!(spread < spread_max, "{dim}: spread {spread}");
            let met = met / count;
            assert!((0.9..0.985).contains(&met), "{dim}: the bound of about two deviations was met by {met}");
        }
    }

    #[test]
    fn packed_sums_equal_the_plain_double_loop_at_extremes() {
        for padded in [32, 64, 1024, 1056, 1536] {
            let layout = Layout::new(Form::Qg, padded, 32);
            let mut row = alloc::vec![0f32; layout.words()];
            layout.write_own(&mut row, &alloc::vec![0.0; padded], 0);
            let mut rng = Rng::new(9);
            let codes: Vec<Vec<u8>> = (0..32)
                .map(|v| (0..padded / 8).map(|_| if v == 31 { 255 } else { rng.next_u32() as u8 }).collect())
                .collect();
            for (lane, code) in codes.iter().enumerate() {
                layout.write_lane(&mut row, lane, 1, &Edge { code: code.clone(), f_add: 0.0, f_rescale: 1.0 });
            }
            let tables: Vec<u8> = (0..4 * padded).map(|i| if i % 16 == 15 { 255 } else { rng.next_u32() as u8 }).collect();
            let mut sums = [0u32; 32];
            kernel::fastscan_sums(Level::best(), layout.batch(&row, 0).0, &tables, &mut sums);
            for (v, code) in codes.iter().enumerate() {
                let nibbles = code.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                let plain: u32 =
                    nibbles.enumerate().map(|(g, nibble)| u32::from(tables[16 * g + usize::from(nibble)])).sum();
                assert_eq!(sums[v], plain, "{padded} {v}");
            }
        }
    }

    #[test]
    fn rows_have_the_published_sizes() {
        let bytes = |form, dim: usize| 4 * Layout::new(form, crate::rotate::padded(dim), 32).words();
        assert!(bytes(Form::Qg, 128) <= 1408);
        assert!(bytes(Form::Qg, 384) <= 3456);
        assert!(bytes(Form::Qg, 784) <= 6784, "{}", bytes(Form::Qg, 784));
        assert!(bytes(Form::Qg8, 384) <= 2312 + 56);
    }
}
