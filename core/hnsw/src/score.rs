//! Distances between a target (a query or a node) and rows.

use alloc::vec::Vec;

use dolmen_simd::level::Level;
use dolmen_simd::{half, rows, vector};

use crate::error::{Error, Field, Invalid};
use crate::limits;
use crate::metric::{Form, Metric, Options, Vector};
use crate::qg::{Split, Tables};
use crate::view::{Scale, View};

/// What rows are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// f32 values as long as a row, or rotated.
    F32(&'a [f32]),
    /// Rotated, beside own vectors that are coded.
    Split(Split<'a>),
    /// Halves, whichever kind.
    Half(&'a [u16]),
    /// Signed bytes: i8 rows or signed codes.
    Signed(&'a [i8]),
    /// Bits, or unsigned codes.
    Bytes(&'a [u8]),
}

/// A vector that was checked and brought into the forms that an index compares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// As it came, normalised for cosine, padded to whole words of a row.
    pub exact: Vec<f32>,
    /// Rotated, where the form rotates.
    pub rotated: Vec<f32>,
    pub halves: Vec<u16>,
    pub bytes: Vec<u8>,
    pub tables: Tables,
    step: f32,
    sum: f32,
    norm2: f32,
}

/// Refuses what is not finite or overflows.
pub(crate) fn check_values(values: &[f32]) -> Result<(), Error> {
    // What is not a number is not below either.
    let within = values.iter().fold(true, |within, value| within & (value.abs() <= limits::VALUE_MAX));
    if within {
        return Ok(());
    }
    for (position, value) in values.iter().enumerate() {
        let position = position as u64;
        if !value.is_finite() {
            return Err(Invalid::NotFinite { position }.into());
        }
        if value.abs() > limits::VALUE_MAX {
            return Err(Invalid::TooLarge { position }.into());
        }
    }
    Ok(())
}

/// To unit length; a zero vector stays one.
pub(crate) fn normalise(values: &mut [f32]) {
    let norm = libm::sqrt(values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>());
    if norm > 0.0 {
        for value in values.iter_mut() {
            *value = (f64::from(*value) / norm) as f32;
        }
    }
}

impl Query {
    /// Checks a vector and prepares it.
    pub fn prepare(&mut self, view: &View<'_>, vector: Vector<'_>) -> Result<(), Error> {
        let options = view.options();
        let values = check_vector(options, vector)?;
        self.exact.clear();
        match values {
            Values::F32(values) => {
                self.exact.extend_from_slice(values);
                if options.metric == Metric::Cosine {
                    normalise(&mut self.exact);
                }
                self.encode(view);
            }
            Values::Bytes(bytes) => {
                self.bytes.clear();
                self.bytes.extend_from_slice(bytes);
                self.bytes.resize(4 * view.stride, 0);
            }
        }
        Ok(())
    }

    /// The other forms of `exact`.
    fn encode(&mut self, view: &View<'_>) {
        let (options, dim) = (view.options(), self.exact.len());
        match options.form {
            Form::F32 => self.exact.resize(view.stride, 0.0),
            Form::F16 | Form::Bf16 => {
                let code = if options.form == Form::F16 { half::f32_to_f16 } else { half::f32_to_bf16 };
                self.halves.clear();
                self.halves.extend(self.exact.iter().map(|value| code(*value)));
                self.halves.resize(2 * view.stride, 0);
            }
            _ => {
                if let Some(rotation) = view.rotation {
                    self.rotated.resize(rotation.padded(), 0.0);
                    rotation.apply(view.level, &self.exact, &mut self.rotated);
                }
                if options.form.is_sq() {
                    encode_sq(options, view.meta.scale, &self.rotated, &mut self.bytes);
                    self.bytes.resize((4 * view.stride).max(self.bytes.len()), 0);
                    self.exact.resize(view.raw_stride.max(dim), 0.0);
                }
                if options.form.is_qg() {
                    self.prepare_rotated(view.level, options.form);
                }
            }
        }
    }

    /// What walks compare with rows.
    pub fn target<'q>(&'q self, options: &Options) -> Target<'q> {
        match options.form {
            Form::F32 => Target::F32(&self.exact),
            Form::F16 | Form::Bf16 => Target::Half(&self.halves),
            Form::I8 => Target::Signed(bytemuck::cast_slice(&self.bytes)),
            Form::Binary => Target::Bytes(&self.bytes),
            Form::Sq8 | Form::Sq7 | Form::Sq4 if options.metric == Metric::Ip => {
                Target::Signed(bytemuck::cast_slice(&self.bytes))
            }
            Form::Sq8 | Form::Sq7 | Form::Sq4 => Target::Bytes(&self.bytes),
            Form::Qg => Target::F32(&self.rotated),
            Form::Qg8 | Form::Qg4 => {
                let (high, low) = bytemuck::cast_slice(&self.bytes).split_at(self.rotated.len());
                Target::Split(Split { high, low, step: self.step, sum: self.sum, norm2: self.norm2 })
            }
        }
    }

    /// Prepares a node's own rotated vector, which `rotated` holds, for a walk over codes in the node.
    pub fn prepare_rotated(&mut self, level: Level, form: Form) {
        self.tables.prepare(level, &self.rotated);
        if form != Form::Qg {
            let split = Split::new(&self.rotated, &mut self.bytes);
            (self.step, self.sum, self.norm2) = (split.step, split.sum, split.norm2);
        }
    }
}

/// A checked vector.
pub(crate) enum Values<'a> {
    F32(&'a [f32]),
    Bytes(&'a [u8]),
}

/// Type, dimension and values of what a caller gave.
pub(crate) fn check_vector<'a>(options: &Options, vector: Vector<'a>) -> Result<Values<'a>, Error> {
    let dimension = |found: usize, expected: usize| {
        let invalid = Invalid::Dimension { expected: expected as u64, found: found as u64 };
        if found == expected { Ok(()) } else { Err(Error::Invalid(invalid)) }
    };
    match (options.form, vector) {
        (form, Vector::F32(values)) if form.takes_f32() => {
            dimension(values.len(), options.dim)?;
            check_values(values)?;
            Ok(Values::F32(values))
        }
        (Form::I8, Vector::I8(values)) => {
            dimension(values.len(), options.dim)?;
            Ok(Values::Bytes(bytemuck::cast_slice(values)))
        }
        (Form::Binary, Vector::Bits(bytes)) => {
            dimension(8 * bytes.len(), options.dim.next_multiple_of(8))?;
            Ok(Values::Bytes(bytes))
        }
        _ => Err(Invalid::VectorType { form: options.form }.into()),
    }
}

/// Codes of one scale: 0 to 255, 127 or 15, or signed where dot products are wanted. A code is a byte here; rows hold 4-bit ones in halves.
pub(crate) fn encode_sq(options: &Options, scale: Scale, rotated: &[f32], out: &mut Vec<u8>) {
    out.clear();
    let most = sq_most(options.form);
    let inverse = if scale.step > 0.0 { 1.0 / scale.step } else { 0.0 };
    if options.metric == Metric::Ip {
        let half = libm::floorf(most / 2.0);
        out.extend(rotated.iter().map(|value| libm::rintf(value * inverse).clamp(-half, half) as i8 as u8));
    } else {
        out.extend(
            rotated.iter().map(|value| libm::rintf((value - scale.low) * inverse).clamp(0.0, most) as u8),
        );
    }
}

/// The largest code of a form.
pub(crate) fn sq_most(form: Form) -> f32 {
    match form {
        Form::Sq8 => 255.0,
        Form::Sq7 => 127.0,
        _ => 15.0,
    }
}

/// The scale that fits rotated coordinates of this mean, deviation and largest distance from the mean.
pub(crate) fn fit_scale(options: &Options, mean: f32, deviation: f32, reach: f32) -> Scale {
    let sigmas = match options.form {
        Form::Sq8 => 5.0,
        Form::Sq7 => 4.5,
        _ => 2.7,
    };
    let half = (sigmas * deviation).min(reach).max(f32::MIN_POSITIVE);
    let most = sq_most(options.form);
    if options.metric == Metric::Ip {
        let reach = mean.abs() + half;
        return Scale { low: 0.0, step: reach / libm::floorf(most / 2.0) };
    }
    Scale { low: mean - half, step: 2.0 * half / most }
}

/// Two 4-bit codes a byte.
pub(crate) fn pack_nibbles(codes: &[u8], out: &mut [u8]) {
    for (byte, pair) in out.iter_mut().zip(codes.chunks_exact(2)) {
        *byte = pair[0] & 15 | pair[1] << 4;
    }
}

impl<'a> View<'a> {
    /// What a node is compared by; `buffer` holds it where rows are coded.
    pub(crate) fn target_of<'b>(
        &self,
        slot: u32,
        buffer: &'b mut Vec<f32>,
        wide: &'b mut Vec<u8>,
    ) -> Result<Target<'b>, Error>
    where
        'a: 'b,
    {
        let options = self.options();
        let row = self.row(slot)?;
        Ok(match options.form {
            Form::F32 => Target::F32(row),
            Form::F16 | Form::Bf16 => Target::Half(bytemuck::cast_slice(row)),
            Form::I8 => Target::Signed(bytemuck::cast_slice(row)),
            Form::Binary => Target::Bytes(bytemuck::cast_slice(row)),
            Form::Sq8 | Form::Sq7 | Form::Sq4 => {
                let mut bytes: &[u8] = bytemuck::cast_slice(row);
                if options.form == Form::Sq4 {
                    widen(bytes, options.metric == Metric::Ip, wide);
                    bytes = wide;
                }
                if options.metric == Metric::Ip {
                    Target::Signed(bytemuck::cast_slice(bytes))
                } else {
                    Target::Bytes(bytes)
                }
            }
            Form::Qg => Target::F32(self.layout().own(row)),
            Form::Qg8 | Form::Qg4 => {
                self.layout().read_own(row, buffer);
                Target::Split(Split::new(buffer, wide))
            }
        })
    }

    /// Distances from `target` to rows, whose slots exist.
    #[inline]
    pub(crate) fn score(&self, target: &Target<'_>, ids: &[u32], out: &mut [f32]) -> Result<(), Error> {
        if self.guard.is_some() {
            for id in ids {
                self.touch(Field::Vectors, 4 * *id as usize * self.stride, 4 * self.stride)?;
            }
        }
        let (options, level, stride) = (self.options(), self.level, self.stride);
        let l2 = options.metric == Metric::L2;
        match target {
            Target::F32(values) => {
                let kernel = if l2 { rows::l2_f32 } else { rows::dot_f32 };
                kernel(level, values, self.main, stride, ids, out);
            }
            Target::Half(values) => {
                let kernel = match (l2, options.form) {
                    (true, Form::F16) => rows::l2_f16,
                    (false, Form::F16) => rows::dot_f16,
                    (true, _) => rows::l2_bf16,
                    (false, _) => rows::dot_bf16,
                };
                kernel(level, values, bytemuck::cast_slice(self.main), 2 * stride, ids, out);
            }
            Target::Split(split) => {
                for (id, out) in ids.iter().zip(out) {
                    *out = self.score_coded(split, self.row(*id)?);
                }
                return Ok(());
            }
            Target::Signed(_) | Target::Bytes(_) => return self.score_bytes(target, ids, out),
        }
        if !l2 {
            out.iter_mut().for_each(|d| *d = 1.0 - *d);
        }
        Ok(())
    }

    /// As [`View::score`], for rows of bytes.
    fn score_bytes(&self, target: &Target<'_>, ids: &[u32], out: &mut [f32]) -> Result<(), Error> {
        let (options, level) = (self.options(), self.level);
        if options.form == Form::Sq4 {
            for (id, out) in ids.iter().zip(out) {
                *out = self.score_sq4(target, bytemuck::cast_slice(self.row(*id)?));
            }
            return Ok(());
        }
        let mut sums = [0i64; 64];
        for (ids, out) in ids.chunks(64).zip(out.chunks_mut(64)) {
            let sums = &mut sums[..ids.len()];
            match target {
                Target::Signed(values) => {
                    let kernel = if options.metric == Metric::L2 { rows::l2_i8 } else { rows::dot_i8 };
                    kernel(level, values, bytemuck::cast_slice(self.main), 4 * self.stride, ids, sums);
                }
                Target::Bytes(values) => {
                    let kernel = match options.form {
                        Form::Binary => rows::hamming,
                        Form::Sq7 => rows::l2_u7,
                        _ => rows::l2_u8,
                    };
                    kernel(level, values, bytemuck::cast_slice(self.main), 4 * self.stride, ids, sums);
                }
                _ => return Err(Invalid::VectorType { form: options.form }.into()),
            }
            for ((id, sum), out) in ids.iter().zip(sums).zip(out) {
                *out = match (options.form, options.metric) {
                    (Form::I8, Metric::Cosine) => self.cosine_i8(target, *sum, *id)?,
                    (Form::I8, Metric::Ip) => (1 - *sum) as f32,
                    (Form::I8 | Form::Binary, _) => *sum as f32,
                    (_, Metric::Ip) => 1.0 - self.meta.scale.step * self.meta.scale.step * *sum as f32,
                    _ => self.sq_distance(*sum as u64),
                };
            }
        }
        Ok(())
    }

    fn cosine_i8(&self, target: &Target<'_>, dot: i64, id: u32) -> Result<f32, Error> {
        let Target::Signed(values) = target else { return Ok(1.0) };
        let row: &[i8] = bytemuck::cast_slice(self.row(id)?);
        let norms =
            vector::dot_i8(self.level, values, values) as f64 * vector::dot_i8(self.level, row, row) as f64;
        Ok(if norms > 0.0 { (1.0 - dot as f64 / libm::sqrt(norms)) as f32 } else { 1.0 })
    }

    /// The distance to an own vector that is coded.
    fn score_coded(&self, split: &Split<'_>, row: &[f32]) -> f32 {
        let (dot, own_norm2) = self.layout().dot_own(self.level, split, row);
        if self.options().metric == Metric::L2 {
            (split.norm2 + own_norm2 - 2.0 * dot).max(0.0)
        } else {
            1.0 - dot
        }
    }

    /// The exact distance of a query from the node whose row this is, in the forms with codes in the node.
    #[inline]
    pub(crate) fn score_own(&self, target: &Target<'_>, row: &[f32]) -> f32 {
        match target {
            Target::Split(split) => self.score_coded(split, row),
            Target::F32(values) => {
                let own = self.layout().own(row);
                match self.options().metric {
                    Metric::L2 => vector::l2_f32(self.level, values, own),
                    _ => 1.0 - vector::dot_f32(self.level, values, own),
                }
            }
            _ => f32::INFINITY,
        }
    }

    fn sq_distance(&self, squared: u64) -> f32 {
        let step = self.meta.scale.step;
        let factor = if self.options().metric == Metric::Cosine { 0.5 } else { 1.0 };
        factor * step * step * squared as f32
    }

    fn score_sq4(&self, target: &Target<'_>, row: &[u8]) -> f32 {
        let mut wide = [0u8; 128];
        let signed = self.options().metric == Metric::Ip;
        let (mut squared, mut dot) = (0u64, 0i64);
        for (i, chunk) in row.chunks(64).enumerate() {
            let wide = &mut wide[..2 * chunk.len()];
            for (pair, byte) in wide.chunks_exact_mut(2).zip(chunk) {
                (pair[0], pair[1]) = (byte & 15, byte >> 4);
            }
            match target {
                Target::Bytes(codes) => {
                    let codes = codes.get(128 * i..).unwrap_or(&[]);
                    let len = codes.len().min(wide.len());
                    squared += vector::l2_u7(self.level, &codes[..len], &wide[..len]);
                }
                Target::Signed(codes) => {
                    let codes = codes.get(128 * i..).unwrap_or(&[]);
                    for byte in wide.iter_mut().filter(|_| signed) {
                        *byte = sign_nibble(*byte);
                    }
                    let len = codes.len().min(wide.len());
                    dot += vector::dot_i8(self.level, &codes[..len], bytemuck::cast_slice(&wide[..len]));
                }
                _ => return f32::INFINITY,
            }
        }
        let step = self.meta.scale.step;
        if signed { 1.0 - step * step * dot as f32 } else { self.sq_distance(squared) }
    }

    /// The distance of a prepared query from a slot as exactly as the index knows it: raw rows rescore codes.
    pub(crate) fn score_exact(&self, query: &Query, target: &Target<'_>, slot: u32) -> Result<f32, Error> {
        let options = self.options();
        if options.form.is_sq() {
            let row = self.raw_row(slot)?;
            return Ok(match options.metric {
                Metric::L2 => vector::l2_f32(self.level, &query.exact, row),
                _ => 1.0 - vector::dot_f32(self.level, &query.exact, row),
            });
        }
        let mut out = [0f32];
        self.score(target, &[slot], &mut out)?;
        Ok(out[0])
    }
}

fn sign_nibble(nibble: u8) -> u8 {
    if nibble & 8 != 0 { nibble | 0xf0 } else { nibble }
}

/// 4-bit codes as bytes.
fn widen(row: &[u8], signed: bool, out: &mut Vec<u8>) {
    out.clear();
    out.extend(
        row.iter()
            .flat_map(|byte| [byte & 15, byte >> 4])
            .map(|code| if signed { sign_nibble(code) } else { code }),
    );
}
