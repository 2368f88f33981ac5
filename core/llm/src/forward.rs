//! One step through all layers.
//!
//! ```text
//! decoder   x += output(attention(norm(x)))      x += down(act(gate(norm(x))) · up(norm(x)))     norm, head
//! encoder   x = norm(x + output(attention(x)))   x = norm(x + down(act(up(x))))
//! ```

use alloc::vec;
use core::ops::Range;

use dolmen_base::Jobs;
use dolmen_simd::level::Level;
use dolmen_simd::quant::{self, Format};
use dolmen_simd::transpose::transpose;
use dolmen_simd::{arith, nn};

use crate::attention::{Attention, runs};
use crate::config::{Activation, Config, Rope};
use crate::engine::{Engine, Row, Watch, Work};
use crate::matrix::{Input, Matrix};
use crate::model::{Block, Linear, Model, Norm};
use crate::parts::{share, spread};
use crate::plan::{LOGIT_ROWS, MANY, Plan};

/// What products need besides their operands.
struct Products<'s> {
    level: Level,
    jobs: &'s dyn Jobs,
    plan: &'s Plan,
    columns: &'s mut [f32],
    q8_0: &'s mut [u8],
    q8_k: &'s mut [u8],
    parts: &'s mut [f32],
}

/// Rows of a matrix that stay together when they are shared out.
const ROWS_GROUP: usize = 16;

/// Bytes of a vector as a format has it, if a matrix wants that format; else none.
fn bytes_of(matrix: &Matrix<'_>, format: Format) -> usize {
    let wanted = matrix.activations() == Some(format);
    if wanted { format.row_bytes(matrix.columns()).expect("rows are of whole blocks") } else { 0 }
}

impl Products<'_> {
    /// Makes vectors what the matrices want them to be, once for all of them.
    fn prepare(&mut self, x: &[f32], count: usize, matrices: &[Option<&Matrix<'_>>]) {
        for format in [Format::Q8_0, Format::Q8K] {
            let len = matrices.iter().flatten().map(|matrix| bytes_of(matrix, format)).max().unwrap_or(0);
            if len == 0 {
                continue;
            }
            let to = if format == Format::Q8K { &mut *self.q8_k } else { &mut *self.q8_0 };
            let (level, share) = (self.level, share(count, self.plan.parts, 1));
            let items = x.chunks(x.len() / count * share).zip(to[..count * len].chunks_mut(share * len));
            spread(self.jobs, items, &|(x, to)| quant::quantise_activations(level, format, x, to));
        }
    }

    fn input<'s>(&'s self, matrix: &Matrix<'_>, x: &'s [f32], vectors: Range<usize>) -> Input<'s> {
        let part = |bytes: &'s [u8], format| {
            let len = bytes_of(matrix, format);
            &bytes[vectors.start * len..vectors.end * len]
        };
        Input {
            floats: &x[vectors.start * matrix.columns()..vectors.end * matrix.columns()],
            q8_0: part(self.q8_0, Format::Q8_0),
            q8_k: part(self.q8_k, Format::Q8K),
        }
    }

    /// The products of a matrix with vectors that [`Products::prepare`] has seen: `out` has them vector by vector.
    fn run(&mut self, matrix: &Matrix<'_>, x: &[f32], count: usize, out: &mut [f32]) {
        let (level, rows) = (self.level, matrix.rows());
        let share = share(rows, self.plan.parts, ROWS_GROUP);
        if count == 1 || (count < MANY && matrix.activations().is_none()) {
            for (nth, out) in out.chunks_exact_mut(rows).enumerate() {
                let input = self.input(matrix, x, nth..nth + 1);
                let items = out.chunks_mut(share).enumerate();
                spread(self.jobs, items, &|(nth, out): (usize, &mut [f32])| {
                    let begin = nth * share;
                    matrix.times_one(level, begin..begin + out.len(), input, out);
                });
            }
            return;
        }
        if matrix.is_by_vector(count) && self.plan.parts == 1 {
            let input = self.input(matrix, x, 0..count);
            return matrix.times_many(level, 0..rows, input, count, out, &mut []);
        }
        let (columns, parts) = (core::mem::take(&mut self.columns), core::mem::take(&mut self.parts));
        let (result, input) = (&mut columns[..rows * count], self.input(matrix, x, 0..count));
        let scratch =
            parts.chunks_mut(self.plan.part_len.max(1)).map(Some).chain(core::iter::repeat_with(|| None));
        let items = result.chunks_mut(share * count).zip(scratch).enumerate();
        spread(self.jobs, items, &|(nth, (to, scratch)): (usize, (&mut [f32], Option<&mut [f32]>))| {
            let begin = nth * share;
            let scratch = scratch.unwrap_or_default();
            matrix.times_many(level, begin..begin + to.len() / count, input, count, to, scratch);
        });
        if matrix.is_by_vector(count) {
            for (nth, part) in result.chunks(share * count).enumerate() {
                let len = part.len() / count;
                for (part, out) in part.chunks_exact(len).zip(out.chunks_exact_mut(rows)) {
                    out[nth * share..][..len].copy_from_slice(part);
                }
            }
        } else {
            transpose(level, result, rows, count, out);
        }
        (self.columns, self.parts) = (columns, parts);
    }

    fn linear(&mut self, linear: &Linear<'_>, x: &[f32], count: usize, out: &mut [f32]) {
        self.run(&linear.weight, x, count, out);
        if let Some(bias) = &linear.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                arith::add_assign(self.level, row, bias);
            }
        }
    }
}

impl Linear<'_> {
    /// The products with one vector, whose bytes are allocated if the matrix is of blocks: for what is done once.
    pub(crate) fn of_one(&self, level: Level, x: &[f32], out: &mut [f32]) {
        let quantised = |format| {
            let mut to = vec![0; bytes_of(&self.weight, format)];
            if !to.is_empty() {
                quant::quantise_activations(level, format, x, &mut to);
            }
            to
        };
        let (q8_0, q8_k) = (quantised(Format::Q8_0), quantised(Format::Q8K));
        let input = Input { floats: x, q8_0: &q8_0, q8_k: &q8_k };
        self.weight.times_one(level, 0..self.weight.rows(), input, out);
        if let Some(bias) = &self.bias {
            arith::add_assign(level, out, bias);
        }
    }
}

impl Norm {
    fn apply(&self, level: Level, epsilon: f32, x: &mut [f32]) {
        for row in x.chunks_exact_mut(self.weight.len()) {
            match &self.bias {
                Some(bias) => {
                    nn::layer_norm(level, row, &self.weight, bias, epsilon);
                }
                None => {
                    nn::rms_norm(level, row, &self.weight, epsilon);
                }
            }
        }
    }
}

/// Turns each head of each row by its angles: `angles` has cosines, then sines, row by row.
fn turn(x: &mut [f32], row_len: usize, head_len: usize, rope: &Rope, angles: &[f32]) {
    let half = rope.dimensions / 2;
    for (row, angles) in x.chunks_exact_mut(row_len).zip(angles.chunks_exact(rope.dimensions)) {
        let (cosines, sines) = angles.split_at(half);
        for head in row.chunks_exact_mut(head_len) {
            let head = &mut head[..rope.dimensions];
            if rope.pairs {
                for ((pair, &cos), &sin) in head.as_chunks_mut::<2>().0.iter_mut().zip(cosines).zip(sines) {
                    *pair = [pair[0] * cos - pair[1] * sin, pair[1] * cos + pair[0] * sin];
                }
            } else {
                let (first, second) = head.split_at_mut(half);
                for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                    (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                }
            }
        }
    }
}

/// The buffers of a step, cut to its rows.
struct Step<'s, 'm, 'a> {
    model: &'m Model<'a>,
    level: Level,
    plan: &'s Plan,
    rows: &'s [Row],
    products: Products<'s>,
    x: &'s mut [f32],
    normed: &'s mut [f32],
    query: &'s mut [f32],
    key: &'s mut [f32],
    value: &'s mut [f32],
    mixed: &'s mut [f32],
    merged: &'s mut [f32],
    gate: &'s mut [f32],
    up: &'s mut [f32],
    angles: &'s mut [f32],
}

impl Engine<'_, '_> {
    /// Takes checked rows through the model.
    pub(crate) fn forward<'w>(
        &mut self,
        jobs: &dyn Jobs,
        rows: &[Row],
        logits: &mut [f32],
        mut watch: Option<&'w mut (dyn Watch + 'w)>,
    ) {
        let (model, count) = (self.model, rows.len());
        let config = model.config();
        let Work {
            x,
            normed,
            query,
            key,
            value,
            mixed,
            merged,
            gate,
            up,
            angles,
            columns,
            q8_0,
            q8_k,
            parts,
        } = &mut self.work;
        let (width, query_len, kv_len, inner) =
            (config.width, config.query_len(), config.kv_len(), config.inner);
        let turned = config.rope.as_ref().map_or(0, |rope| rope.dimensions);
        let mut step = Step {
            model,
            level: self.level,
            plan: &self.plan,
            rows,
            products: Products { level: self.level, jobs, plan: &self.plan, columns, q8_0, q8_k, parts },
            x: &mut x[..count * width],
            normed: &mut normed[..count * width],
            query: &mut query[..count * query_len],
            key: &mut key[..count * kv_len],
            value: &mut value[..count * kv_len],
            mixed: &mut mixed[..count * query_len],
            merged: &mut merged[..count * query_len],
            gate: &mut gate[..count * inner],
            up: &mut up[..count * inner],
            angles: &mut angles[..count * turned],
        };
        step.embed();
        if let Some(watch) = &mut watch {
            watch.states(0, step.x);
        }
        let encoder = config.architecture.is_encoder();
        let slot_len = self.plan.context * kv_len;
        for (nth, block) in model.blocks.iter().enumerate() {
            let layer = if encoder { 0 } else { nth } * slot_len * self.plan.slots;
            let range = layer..layer + slot_len * self.plan.slots;
            let (keys, values) = (&mut self.keys[range.clone()], &mut self.values[range]);
            step.queries(block, keys, values, encoder);
            step.attend(keys, values, nth, watch.as_deref_mut());
            step.finish_attention(block, encoder);
            step.feed_forward(block, encoder);
            if let Some(watch) = watch.as_mut().filter(|_| encoder || nth + 1 < model.blocks.len()) {
                watch.states(nth + 1, step.x);
            }
        }
        if let Some(norm) = &model.norm {
            step.normed.copy_from_slice(step.x);
            norm.apply(step.level, config.epsilon, step.normed);
            if let Some(watch) = watch {
                watch.states(model.blocks.len(), step.normed);
            }
            step.logits(logits);
        }
    }
}

impl Step<'_, '_, '_> {
    fn config(&self) -> &Config {
        self.model.config()
    }

    fn embed(&mut self) {
        let (model, level) = (self.model, self.level);
        let width = model.config().width;
        for (row, x) in self.rows.iter().zip(self.x.chunks_exact_mut(width)) {
            model.embedding.row(level, row.id as usize, x);
            if let Some(positions) = &model.positions {
                let position = &mut self.normed[..width];
                positions.row(level, row.position as usize, position);
                arith::add_assign(level, x, position);
            }
            if let Some(types) = &model.types {
                let segment = &mut self.normed[..width];
                types.row(level, row.segment as usize, segment);
                arith::add_assign(level, x, segment);
            }
        }
        if let Some(norm) = &model.embedding_norm {
            norm.apply(level, model.config().epsilon, self.x);
        }
        let half = model.frequencies.len();
        if half > 0 {
            for (row, angles) in self.rows.iter().zip(self.angles.chunks_exact_mut(2 * half)) {
                let (cosines, sines) = angles.split_at_mut(half);
                for ((cos, sin), frequency) in cosines.iter_mut().zip(sines).zip(&model.frequencies) {
                    let angle = row.position as f32 * frequency;
                    (*cos, *sin) = (libm::cosf(angle), libm::sinf(angle));
                }
            }
        }
    }

    /// Queries of all rows, and their keys and values into the cache.
    fn queries(&mut self, block: &Block<'_>, keys: &mut [f32], values: &mut [f32], encoder: bool) {
        let (level, count, config) = (self.level, self.rows.len(), self.model.config());
        self.normed.copy_from_slice(self.x);
        if !encoder {
            block.attention_norm.apply(level, config.epsilon, self.normed);
        }
        let linears = [&block.query, &block.key, &block.value];
        let products = &mut self.products;
        products.prepare(self.normed, count, &linears.map(|linear| Some(&linear.weight)));
        products.linear(&block.query, self.normed, count, self.query);
        products.linear(&block.key, self.normed, count, self.key);
        products.linear(&block.value, self.normed, count, self.value);
        for (norm, x) in [(&block.query_norm, &mut *self.query), (&block.key_norm, &mut *self.key)] {
            if let Some(weight) = norm {
                for head in x.chunks_exact_mut(config.head_len) {
                    nn::rms_norm(level, head, weight, config.epsilon);
                }
            }
        }
        if let Some(rope) = &config.rope {
            turn(self.query, config.query_len(), config.head_len, rope, self.angles);
            turn(self.key, config.kv_len(), config.head_len, rope, self.angles);
        }
        for (cache, new) in [(keys, &*self.key), (values, &*self.value)] {
            self.keep(cache, new);
        }
    }

    /// Puts new keys or values where they belong.
    fn keep(&self, cache: &mut [f32], new: &[f32]) {
        let config = self.config();
        let (head_len, context) = (config.head_len, self.plan.context);
        for (row, new) in self.rows.iter().zip(new.chunks_exact(config.kv_len())) {
            for (head, new) in new.chunks_exact(head_len).enumerate() {
                let head = row.slot as usize * config.kv_heads + head;
                let at = (head * context + row.position as usize) * head_len;
                cache[at..at + head_len].copy_from_slice(new);
            }
        }
    }

    fn attend(&mut self, keys: &[f32], values: &[f32], layer: usize, watch: Option<&mut (dyn Watch + '_)>) {
        let (config, rows) = (self.model.config(), self.rows);
        let (count, head_len) = (rows.len(), config.head_len);
        let attention =
            Attention { config, plan: self.plan, level: self.level, query: self.query, keys, values };
        let share = share(config.heads, self.plan.parts, 1);
        let scratch = self.products.parts.chunks_mut(self.plan.part_len);
        let items = self.mixed.chunks_mut(share * count * head_len).zip(scratch).enumerate();
        spread(self.products.jobs, items, &|(nth, (out, scratch)): (usize, (&mut [f32], &mut [f32]))| {
            let begin = nth * share;
            attention.heads(rows, begin..(begin + share).min(config.heads), out, scratch);
        });
        if let Some(watch) = watch {
            let scratch = &mut self.products.parts[..self.plan.part_len];
            for run in runs(rows) {
                for nth in 0..run.len {
                    for head in 0..config.heads {
                        let (begin, weights) = attention.weights(&run, nth, head, scratch);
                        watch.attention(layer, head, run.row + nth, begin, weights);
                    }
                }
            }
        }
        // From head by head to row by row.
        for (head, mixed) in self.mixed.chunks_exact(count * head_len).enumerate() {
            for (row, mixed) in mixed.chunks_exact(head_len).enumerate() {
                let at = row * config.query_len() + head * head_len;
                self.merged[at..at + head_len].copy_from_slice(mixed);
            }
        }
    }

    /// What attention gave goes through its matrix and onto the state.
    fn finish_attention(&mut self, block: &Block<'_>, encoder: bool) {
        let (level, count, epsilon) = (self.level, self.rows.len(), self.config().epsilon);
        self.products.prepare(self.merged, count, &[Some(&block.output.weight)]);
        self.products.linear(&block.output, self.merged, count, self.normed);
        arith::add_assign(level, self.x, self.normed);
        if encoder {
            block.attention_norm.apply(level, epsilon, self.x);
        }
        self.normed.copy_from_slice(self.x);
        if !encoder {
            block.inner_norm.apply(level, epsilon, self.normed);
        }
    }

    fn feed_forward(&mut self, block: &Block<'_>, encoder: bool) {
        let (level, count, config) = (self.level, self.rows.len(), self.model.config());
        let products = &mut self.products;
        let gate = block.gate.as_ref();
        products.prepare(self.normed, count, &[gate.map(|gate| &gate.weight), Some(&block.up.weight)]);
        products.linear(&block.up, self.normed, count, self.up);
        if let Some(gate) = gate {
            products.linear(gate, self.normed, count, self.gate);
            nn::silu(level, self.gate);
            arith::mul_assign(level, self.up, self.gate);
        } else {
            match config.activation {
                Activation::Gelu => nn::gelu(level, self.up),
                Activation::GeluTanh => nn::gelu_tanh(level, self.up),
                Activation::Silu => nn::silu(level, self.up),
            }
        }
        products.prepare(self.up, count, &[Some(&block.down.weight)]);
        products.linear(&block.down, self.up, count, self.normed);
        arith::add_assign(level, self.x, self.normed);
        if encoder {
            block.inner_norm.apply(level, config.epsilon, self.x);
        }
    }

    /// The states of rows that want logits, side by side, a few at a time through the last matrix.
    fn logits(&mut self, logits: &mut [f32]) {
        let (model, width) = (self.model, self.model.config().width);
        let head = model.head.as_ref().unwrap_or(&model.embedding);
        let mut wanted = 0;
        for (nth, row) in self.rows.iter().enumerate() {
            if row.logits {
                let from = nth * width;
                self.x[wanted * width..][..width].copy_from_slice(&self.normed[from..from + width]);
                wanted += 1;
            }
        }
        let states = self.x[..wanted * width].chunks(LOGIT_ROWS * width);
        for (states, logits) in states.zip(logits.chunks_mut(LOGIT_ROWS * head.rows())) {
            let count = states.len() / width;
            self.products.prepare(states, count, &[Some(head)]);
            self.products.run(head, states, count, logits);
        }
    }
}
