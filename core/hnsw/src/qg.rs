//! Codes in the node: the row, the code of a neighbour seen from a node, the tables of a query and the estimate.
//!
//! ```text
//! row     own vector | batch of 32 neighbours, repeated | ids, u32 each | two factors (8 and 4 bit) | zeros up to 64 bytes
//! own     f32 × P, or P codes of 8 bits, or P / 2 bytes of two codes each
//! batch   packed nibbles, 4 P bytes | f_add, f32 × 32 | f_rescale, f32 × 32
//! ```
//!
//! P is the dimension rounded up to 64. Every vector is rotated, so the own vector is too. An empty lane has f_add +∞, f_rescale 0 and the
//! node's own id: its estimate enters no pool. Source: SymphonyQG (arXiv 2411.12229), RaBitQ (arXiv 2405.12497).

use alloc::vec::Vec;

use dolmen_simd::fastscan::{self, Factors};
use dolmen_simd::vector;

use crate::Level;
use crate::metric::Form;

/// Neighbours of a batch.
pub const LANES: usize = fastscan::BATCH;

/// A batch of a row: codes, `f_add`, `f_rescale`.
pub type Batch<'a> = (&'a [u8], &'a [f32; LANES], &'a [f32; LANES]);

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
    pub fn batch<'a>(&self, row: &'a [f32], batch: usize) -> Batch<'a> {
        let at = self.own + batch * self.batch_words();
        let (codes, factors) = row[at..at + self.batch_words()].split_at(self.padded);
        let factors = factors.as_chunks::<LANES>().0;
        (bytemuck::cast_slice(codes), &factors[0], &factors[1])
    }

    /// Writes the own vector of a fresh row and empties its lanes.
    pub fn write_own(&self, row: &mut [f32], rotated: &[f32], slot: u32) {
        row.fill(0.0);
        let at = self.ids_at() + self.degree;
        match self.form {
            Form::Qg8 => {
                let (step, norm2) = code_own(rotated, 127.5, bytemuck::cast_slice_mut(&mut row[..self.own]));
                (row[at], row[at + 1]) = (step, norm2);
            }
            Form::Qg4 => {
                let mut codes = alloc::vec![0i8; rotated.len()];
                let (step, norm2) = code_own(rotated, 7.5, &mut codes);
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut row[..self.own]);
                for (byte, pair) in bytes.iter_mut().zip(codes.chunks_exact(2)) {
                    *byte = (pair[0] + 8) as u8 | ((pair[1] + 8) as u8) << 4;
                }
                (row[at], row[at + 1]) = (step, norm2);
            }
            _ => row[..self.own].copy_from_slice(rotated),
        }
        for lane in 0..self.degree {
            self.clear_lane(row, lane, slot);
        }
    }

    /// The own vector, decoded where it is coded: a code c stands for step × (c + ½).
    pub fn read_own(&self, row: &[f32], out: &mut Vec<f32>) {
        out.clear();
        if self.form == Form::Qg {
            out.extend_from_slice(self.own(row));
            return;
        }
        let step = self.factors(row).0;
        let codes: &[i8] = bytemuck::cast_slice(self.own(row));
        if self.form == Form::Qg8 {
            out.extend(codes.iter().map(|code| step * (f32::from(*code) + 0.5)));
        } else {
            let codes = codes.iter().flat_map(|byte| nibbles(*byte));
            out.extend(codes.map(|code| step * (f32::from(code) + 0.5)));
        }
    }

    /// Dot product of a rotated vector with the coded own vector of a row, and that vector's squared norm.
    #[inline]
    pub fn dot_own(&self, level: Level, query: &Split<'_>, row: &[f32]) -> (f32, f32) {
        let (step, norm2) = self.factors(row);
        let codes: &[i8] = bytemuck::cast_slice(self.own(row));
        let (mut high, mut low) = (0, 0);
        if self.form == Form::Qg8 {
            (high, low) = (vector::dot_i8(level, query.high, codes), vector::dot_i8(level, query.low, codes));
        } else {
            let mut wide = [0i8; 512];
            let parts = query.high.chunks(512).zip(query.low.chunks(512)).zip(codes.chunks(256));
            for ((query_high, query_low), codes) in parts {
                for (pair, byte) in wide.chunks_exact_mut(2).zip(codes) {
                    pair.copy_from_slice(&nibbles(*byte));
                }
                let wide = &wide[..query_high.len()];
                high += vector::dot_i8(level, query_high, wide);
                low += vector::dot_i8(level, query_low, wide);
            }
        }
        let dot = query.step * (high as f32 + low as f32 / SPLIT);
        (step * (dot + 0.5 * query.sum), norm2)
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
        fastscan::set_lane(bytemuck::cast_slice_mut(&mut row[start..start + self.padded]), v, &edge.code);
        let ids: &mut [u32] = bytemuck::cast_slice_mut(&mut row[self.ids_at()..]);
        ids[lane] = slot;
        row[at + LANES + v] = edge.f_rescale;
        row[at + v] = edge.f_add;
    }
}

/// Parts of a step in which the rest of a split query is counted.
const SPLIT: f32 = 254.0;

/// A rotated vector as two vectors of signed bytes: value = step × (high + low / 254). Dot products with signed bytes are then exact to 16 bits.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// Whole steps.
    pub high: &'a [i8],
    /// Parts of steps.
    pub low: &'a [i8],
    /// A step.
    pub step: f32,
    /// Sum of all values.
    pub sum: f32,
    /// Squared norm.
    pub norm2: f32,
}

impl<'a> Split<'a> {
    /// Splits `values` into `buffer`.
    pub fn new(values: &[f32], buffer: &'a mut Vec<u8>) -> Self {
        let largest = values.iter().fold(0f32, |max, value| max.max(value.abs()));
        let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let inverse = 1.0 / step;
        buffer.clear();
        buffer.extend(values.iter().map(|value| libm::rintf(value * inverse) as i8 as u8));
        let rest = values.iter().map(|value| {
            let steps = value * inverse;
            libm::rintf((steps - libm::rintf(steps)) * SPLIT).clamp(-127.0, 127.0) as i8 as u8
        });
        buffer.extend(rest);
        let (high, low) = bytemuck::cast_slice(buffer).split_at(values.len());
        let sum = values.iter().sum();
        let norm2 = values.iter().map(|value| value * value).sum();
        Split { high, low, step, sum, norm2 }
    }
}

fn nibbles(byte: i8) -> [i8; 2] {
    let byte = byte as u8;
    [(byte & 15) as i8 - 8, (byte >> 4) as i8 - 8]
}

/// Codes `rotated` into whole steps of −`half` − ½ to `half` − ½; gives the step that fits best and the squared norm of what the codes decode to.
fn code_own(rotated: &[f32], half: f32, codes: &mut [i8]) -> (f32, f32) {
    let largest = rotated.iter().fold(0f32, |max, value| max.max(value.abs()));
    if largest == 0.0 {
        codes.fill(0);
        return (0.0, 0.0);
    }
    let code = |value: f32, inverse: f32| libm::floorf(value * inverse).clamp(-half - 0.5, half - 0.5);
    let clips: &[f32] = if half > 100.0 { &[1.0] } else { &[1.0, 0.9, 0.8, 0.7, 0.6, 0.5] };
    let mut chosen = (f64::INFINITY, 0f64, 0f64, 1f32);
    for clip in clips {
        let inverse = half / (largest * clip);
        let (mut xc, mut cc, mut xx) = (0f64, 0f64, 0f64);
        for value in rotated {
            let c = f64::from(code(*value, inverse) + 0.5);
            let x = f64::from(*value);
            xc += x * c;
            cc += c * c;
            xx += x * x;
        }
        let step = xc / cc;
        let loss = xx - step * xc;
        if loss < chosen.0 {
            chosen = (loss, step, step * step * cc, inverse);
        }
    }
    for (to, value) in codes.iter_mut().zip(rotated) {
        *to = code(*value, chosen.3) as i8;
    }
    (chosen.1 as f32, chosen.2 as f32)
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
pub fn edge(level: Level, l2: bool, c: &[f32], o: &[f32]) -> Edge {
    let mut code = alloc::vec![0; c.len() / 8];
    let encoded = fastscan::encode(level, c, o, &mut code);
    let (n2, a, e) = (f64::from(encoded.norm2), f64::from(encoded.along), f64::from(encoded.node));
    let inner = if l2 {
        0.0
    } else {
        f64::from(vector::dot_f32(level, o, c)) - f64::from(vector::dot_f32(level, c, c))
    };
    let (f_add, f_rescale) = match (a > 0.0, l2) {
        (true, true) => (n2 + 2.0 * n2 * e / a, -2.0 * n2 / a),
        (true, false) => (-inner + n2 * e / a, -n2 / a),
        (false, _) => (0.0, 0.0),
    };
    Edge { code, f_add: f_add as f32, f_rescale: f_rescale as f32 }
}

/// The tables of a query.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    bytes: Vec<u8>,
    step: f32,
    offset: f32,
}

impl Tables {
    /// Of a rotated query.
    pub fn prepare(&mut self, level: Level, rotated: &[f32]) {
        self.bytes.resize(fastscan::packed_len(rotated.len()), 0);
        let query = fastscan::prepare(level, rotated, &mut self.bytes);
        (self.step, self.offset) = (query.step, query.offset);
    }

    /// Estimates of a batch's distances, `distance` being the exact one of the node.
    #[inline]
    pub fn estimate(
        &self,
        level: Level,
        (codes, add, rescale): Batch<'_>,
        distance: f32,
        out: &mut [f32; LANES],
    ) {
        let query = fastscan::Query { step: self.step, offset: self.offset };
        fastscan::estimates(level, codes, &self.bytes, query, Factors { add, rescale }, distance, out);
    }

    /// The same; the bits of the lanes whose estimate is below `bound`.
    #[inline]
    pub fn estimate_below(
        &self,
        level: Level,
        (codes, add, rescale): Batch<'_>,
        distance_and_bound: (f32, f32),
        out: &mut [f32; LANES],
    ) -> u32 {
        let query = fastscan::Query { step: self.step, offset: self.offset };
        let factors = Factors { add, rescale };
        fastscan::estimates_below(level, codes, &self.bytes, query, factors, distance_and_bound, out)
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
        for (dim, l2, spread_max) in [
            (100, true, 0.075),
            (128, true, 0.075),
            (784, true, 0.03),
            (1536, true, 0.022),
            (384, false, 0.045),
        ] {
            let mut rng = Rng::new(dim as u64);
            let rotation = Rotation::new(dim, 3);
            let turn = |rng: &mut Rng| {
                let plain: Vec<f32> = (0..dim).map(|_| normal(rng)).collect();
                let mut out = alloc::vec![0.0; rotation.padded()];
                rotation.apply(Level::best(), &plain, &mut out);
                out
            };
            let layout = Layout::new(Form::Qg, rotation.padded(), 32);
            let mut row = alloc::vec![0f32; layout.words()];
            let (mut mean, mut square, mut count, mut met) = (0f64, 0f64, 0f64, 0f64);
            let mut tables = Tables::default();
            for _ in 0..40 {
                let centre = turn(&mut rng);
                layout.write_own(&mut row, &centre, 5);
                let near = |noise: Vec<f32>| {
                    noise.iter().zip(&centre).map(|(n, c)| c + 0.7 * n).collect::<Vec<f32>>()
                };
                let others: Vec<Vec<f32>> = (0..32).map(|_| near(turn(&mut rng))).collect();
                for (lane, other) in others.iter().enumerate() {
                    layout.write_lane(
                        &mut row,
                        lane,
                        10 + lane as u32,
                        &edge(Level::best(), l2, &centre, other),
                    );
                }
                assert_eq!(layout.ids(&row), (10..42).collect::<Vec<u32>>());
                for _ in 0..5 {
                    let query = turn(&mut rng);
                    tables.prepare(Level::best(), &query);
                    let exact = |o: &[f32]| {
                        if l2 {
                            vector::l2_f32(Level::best(), &query, o)
                        } else {
                            1.0 - vector::dot_f32(Level::best(), &query, o)
                        }
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
        for padded in [64, 128, 1024, 1088, 1536] {
            let layout = Layout::new(Form::Qg, padded, 32);
            let mut row = alloc::vec![0f32; layout.words()];
            layout.write_own(&mut row, &alloc::vec![0.0; padded], 0);
            let mut rng = Rng::new(9);
            let codes: Vec<Vec<u8>> = (0..32)
                .map(|v| (0..padded / 8).map(|_| if v == 31 { 255 } else { rng.next_u32() as u8 }).collect())
                .collect();
            for (lane, code) in codes.iter().enumerate() {
                layout.write_lane(
                    &mut row,
                    lane,
                    1,
                    &Edge { code: code.clone(), f_add: 0.0, f_rescale: 1.0 },
                );
            }
            let tables: Vec<u8> =
                (0..4 * padded).map(|i| if i % 16 == 15 { 255 } else { rng.next_u32() as u8 }).collect();
            let mut sums = [0u32; 32];
            fastscan::sums(Level::best(), layout.batch(&row, 0).0, &tables, &mut sums);
            for (v, code) in codes.iter().enumerate() {
                let nibbles = code.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                let plain: u32 = nibbles
                    .enumerate()
                    .map(|(g, nibble)| u32::from(tables[16 * g + usize::from(nibble)]))
                    .sum();
                assert_eq!(sums[v], plain, "{padded} {v}");
            }
        }
    }

    #[test]
    fn rows_have_the_published_sizes() {
        let bytes = |form, dim: usize| 4 * Layout::new(form, crate::rotate::padded(dim), 32).words();
        assert!(bytes(Form::Qg, 128) <= 1408);
        assert!(bytes(Form::Qg, 384) <= 3456);
        // P is a multiple of 64, so 784 dimensions become 832.
        assert_eq!(bytes(Form::Qg, 784), 4 * 832 + 4 * 832 + 256 + 128);
        assert!(bytes(Form::Qg8, 384) <= 2312 + 56);
    }
}
