//! A step: records forwards, then backwards.

use crate::context::Context;
use crate::error::RunError;
use crate::kernels::attention::{self, Known};
use crate::kernels::elementwise::{self, Dropout, Joined};
use crate::kernels::pool::{Kind, Pooling};
use crate::kernels::table::numbers;
use crate::kernels::{Source, Target, add_columns, conv, linear, loss, norm, rows, table};
use crate::memory::{Memory, Region};
use crate::op::{Binary, Op, Unary};
use crate::plan::{Plan, Slot};
use crate::shape::View;
use crate::tape::{Id, Record};

impl Plan {
    /// Computes what the plan keeps.
    ///
    /// # Errors
    ///
    /// A part of the memory is too short, there are more workers than planned, or a number points beyond its table.
    pub fn forward(&self, context: &Context<'_>, memory: &mut Memory<'_>) -> Result<(), RunError> {
        self.ready(context, memory, false)?;
        for &(number, _) in &self.order {
            let step = Step { plan: self, context, record: &self.tape.records[number as usize], number };
            step.check_numbers(memory)?;
            step.forward(memory);
        }
        Ok(())
    }

    /// Computes the gradients of the loss after [`Plan::forward`], and adds those of parameters to what `memory.grads` holds: the
    /// caller fills them with zeros before the first of the steps that belong together.
    ///
    /// # Errors
    ///
    /// As [`Plan::forward`], and if there is no loss.
    pub fn backward(&self, context: &Context<'_>, memory: &mut Memory<'_>) -> Result<(), RunError> {
        self.ready(context, memory, true)?;
        let loss = self.loss.ok_or(RunError::NoLoss)?;
        let view = self.tape.nodes[loss.0 as usize];
        let region = self.grads[view.storage as usize];
        if region.len == 0 {
            return Ok(());
        }
        let ([], [seed]) = memory.carve([], [region]);
        seed.fill(0.0);
        seed[view.offset] = 1.0;
        for &(number, backwards) in self.order.iter().rev() {
            if backwards {
                let step = Step { plan: self, context, record: &self.tape.records[number as usize], number };
                step.check_numbers(memory)?;
                step.zero(memory);
                step.backward(memory);
            }
        }
        Ok(())
    }

    fn ready(&self, context: &Context<'_>, memory: &Memory<'_>, backwards: bool) -> Result<(), RunError> {
        let found = context.jobs.width();
        if found > self.workers {
            return Err(RunError::Workers { found, planned: self.workers });
        }
        self.check(memory, backwards)
    }
}

/// One record on its way.
struct Step<'p, 'c> {
    plan: &'p Plan,
    context: &'c Context<'c>,
    record: &'p Record,
    number: u32,
}

// What it works on.
impl<'p> Step<'p, '_> {
    fn input(&self, at: usize) -> Id {
        self.plan.tape.inputs(self.record)[at]
    }

    fn has(&self, at: usize) -> bool {
        at < self.record.count as usize
    }

    fn view(&self, at: usize) -> &'p View {
        &self.plan.tape.nodes[self.input(at).0 as usize]
    }

    fn out_view(&self) -> &'p View {
        &self.plan.tape.nodes[self.record.out.0 as usize]
    }

    /// The whole storage of an input; nothing where there is none.
    fn storage(&self, at: usize) -> Region {
        if self.has(at) { self.plan.values[self.view(at).storage as usize] } else { Region::NONE }
    }

    /// The elements of an input that stand side by side; nothing where there is none.
    fn dense(&self, at: usize) -> Region {
        if !self.has(at) {
            return Region::NONE;
        }
        self.storage(at).part(self.view(at).offset, self.view(at).shape.elements())
    }

    fn out(&self) -> Region {
        self.plan.values[self.out_view().storage as usize]
    }

    fn out_grad(&self) -> Region {
        self.plan.grads[self.out_view().storage as usize]
    }

    fn beside(&self) -> Region {
        self.plan.besides[self.number as usize]
    }

    fn slot(&self, at: usize) -> Slot {
        if self.has(at) { self.plan.slots[self.record.first as usize + at] } else { Slot::None }
    }

    fn grad(&self, at: usize) -> Region {
        self.plan.grads[self.view(at).storage as usize]
    }

    /// The part of an input's gradient that belongs to its elements, which stand side by side.
    fn dense_grad(&self, at: usize) -> Region {
        self.grad(at).part(self.view(at).offset, self.view(at).shape.elements())
    }

    /// The last dimension of the first input.
    fn width(&self) -> usize {
        self.view(0).shape.last()
    }

    fn check_numbers(&self, memory: &mut Memory<'_>) -> Result<(), RunError> {
        let (rows, ignore) = match self.record.op {
            Op::Embedding => (self.view(0).shape.dims()[0], None),
            Op::Gather => (self.width(), None),
            Op::CrossEntropy(options) => (self.width(), options.ignore),
            _ => return Ok(()),
        };
        let ([ids], []) = memory.carve([self.dense(1)], []);
        let wrong = |&id: &u32| id as usize >= rows && ignore != Some(id);
        match numbers(ids).iter().position(wrong) {
            None => Ok(()),
            Some(at) => Err(RunError::Index { id: self.input(1), at, index: numbers(ids)[at], rows }),
        }
    }

    /// Writes zeros where this record is the first to add.
    fn zero(&self, memory: &mut Memory<'_>) {
        for at in (0..self.record.count as usize).filter(|&at| self.slot(at) == Slot::Zero) {
            let ([], [grad]) = memory.carve([], [self.grad(at)]);
            grad.fill(0.0);
        }
    }
}

// Forwards.
impl Step<'_, '_> {
    fn forward(&self, memory: &mut Memory<'_>) {
        match self.record.op {
            Op::Copy | Op::Unary(_) | Op::Binary(_) | Op::Concat { .. } | Op::Dropout { .. } => {
                self.elementwise(memory);
            }
            Op::MatMul | Op::Linear(_) | Op::Attention { .. } => self.product(memory),
            Op::LayerNorm { .. } | Op::RmsNorm { .. } => self.norm(memory),
            Op::Softmax | Op::LogSoftmax | Op::Reduce(_) | Op::CumSum => self.over_rows(memory),
            Op::Gather | Op::Embedding | Op::CrossEntropy(_) | Op::Rotate(_) => self.by_number(memory),
            Op::Conv(_) | Op::ConvTranspose { .. } => self.conv(memory),
            Op::MaxPool(_) | Op::AveragePool(_) | Op::AdaptiveAveragePool => {
                let ([x], [out]) = memory.carve([self.dense(0)], [self.out()]);
                self.pooling().forward(self.context, x, out);
            }
        }
    }

    fn elementwise(&self, memory: &mut Memory<'_>) {
        if let Op::Concat { axis } = self.record.op {
            for at in 0..self.record.count as usize {
                let ([part], [out]) = memory.carve([self.storage(at)], [self.out()]);
                elementwise::join(Source { data: part, view: self.view(at) }, self.joined(axis, at), out);
            }
            return;
        }
        let ([a, b], [out]) = memory.carve([self.storage(0), self.storage(1)], [self.out()]);
        let x = Source { data: a, view: self.view(0) };
        match self.record.op {
            Op::Unary(function) => elementwise::unary(self.context, function, x, out),
            Op::Binary(function) => {
                elementwise::binary(self.context, function, x, Source { data: b, view: self.view(1) }, out);
            }
            Op::Dropout { .. } => elementwise::dropout(self.context, self.dropout(), x, out),
            _ => elementwise::copy(self.context, x, out),
        }
    }

    fn product(&self, memory: &mut Memory<'_>) {
        let (context, scratch) = (self.context, self.plan.scratch);
        match self.record.op {
            Op::Linear(weights) => {
                let reads = [self.dense(0), self.dense(1), self.dense(2)];
                let (inputs, [out, scratch]) = memory.carve(reads, [self.out(), scratch]);
                linear::forward(context, self.plan.layer(self.record, weights), inputs, out, scratch);
            }
            Op::Attention { .. } => {
                let reads = [self.storage(0), self.storage(1), self.storage(2), self.dense(3)];
                let writes = [self.out(), self.beside(), scratch];
                let ([q, k, v, ranges], [out, beside, scratch]) = memory.carve(reads, writes);
                let inputs = self.sources([q, k, v]);
                let of = self.plan.heads(self.record);
                attention::forward(context, of, (inputs, numbers(ranges)), [out, beside], scratch);
            }
            _ => {
                let reads = [self.storage(0), self.storage(1)];
                let ([a, b], [out, scratch]) = memory.carve(reads, [self.out(), scratch]);
                let a = Source { data: a, view: self.view(0) };
                linear::matmul(context, [a, Source { data: b, view: self.view(1) }], out, scratch);
            }
        }
    }

    fn sources<'a>(&'a self, data: [&'a [f32]; 3]) -> [Source<'a>; 3] {
        [0, 1, 2].map(|at| Source { data: data[at], view: self.view(at) })
    }

    fn norm(&self, memory: &mut Memory<'_>) {
        let reads = [self.dense(0), self.dense(1), self.dense(2)];
        let ([x, weight, bias], outs) = memory.carve(reads, [self.out(), self.beside()]);
        match self.record.op {
            Op::RmsNorm { epsilon } => norm::rms_norm(self.context, [x, weight], epsilon, outs),
            Op::LayerNorm { epsilon } => {
                norm::layer_norm(self.context, [x, weight, bias], epsilon, outs, self.width());
            }
            _ => unreachable!("a norm"),
        }
    }

    fn over_rows(&self, memory: &mut Memory<'_>) {
        let (context, width) = (self.context, self.width());
        let ([x], [out]) = memory.carve([self.dense(0)], [self.out()]);
        match self.record.op {
            Op::Softmax => rows::softmax(context, x, out, width),
            Op::LogSoftmax => rows::log_softmax(context, x, out, width),
            Op::Reduce(reduce) => rows::reduce(context, reduce, x, out, width),
            _ => rows::cumsum(context, x, out, width),
        }
    }

    fn by_number(&self, memory: &mut Memory<'_>) {
        let context = self.context;
        let reads = [self.dense(1), self.dense(0), self.storage(0)];
        match self.record.op {
            Op::Embedding => {
                let ([ids, x, _], [out]) = memory.carve(reads, [self.out()]);
                table::embedding(context, x, numbers(ids), out);
            }
            Op::Gather => {
                let ([ids, x, _], [out]) = memory.carve(reads, [self.out()]);
                table::gather(x, numbers(ids), out, self.width(), self.out_view().shape.last());
            }
            Op::CrossEntropy(options) => {
                let ([ids, x, _], [out, beside]) = memory.carve(reads, [self.out(), self.beside()]);
                out[0] = loss::cross_entropy(context, options, (x, numbers(ids)), beside);
            }
            Op::Rotate(pairs) => {
                let reads = [self.dense(1), self.storage(0)];
                let ([angles, x], [out]) = memory.carve(reads, [self.out()]);
                table::rotate(context, pairs, Source { data: x, view: self.view(0) }, angles, out);
            }
            _ => unreachable!("by number"),
        }
    }

    fn conv(&self, memory: &mut Memory<'_>) {
        let (context, of) = (self.context, self.plan.windows(self.record));
        let reads = [self.dense(0), self.dense(1), self.dense(2)];
        let ([x, w, bias], [out, scratch]) = memory.carve(reads, [self.out(), self.plan.scratch]);
        if matches!(self.record.op, Op::Conv(_)) {
            conv::windows_product(context, of, [w, x, bias], (out, false), scratch);
            return;
        }
        out.fill(0.0);
        conv::spread_product(context, of, [w, x], out, scratch);
        if !bias.is_empty() {
            conv::add_bias(context, bias, of.picture[0] * of.picture[1], out);
        }
    }

    fn pooling(&self) -> Pooling {
        let (x, y) = (self.view(0).shape, self.out_view().shape);
        let kind = match self.record.op {
            Op::MaxPool(pool) => Kind::Max(pool),
            Op::AveragePool(pool) => Kind::Average(pool),
            _ => Kind::Adaptive,
        };
        let side = |dims: &[usize]| [dims[2], dims[3]];
        Pooling { kind, picture: side(x.dims()), places: side(y.dims()) }
    }

    fn dropout(&self) -> Dropout {
        let Op::Dropout { rate, nth } = self.record.op else {
            unreachable!("asked of dropout alone");
        };
        Dropout { rate, seed: self.context.seed.wrapping_add(nth.wrapping_mul(0xd134_2543_de82_ef95)) }
    }

    fn joined(&self, axis: usize, at: usize) -> Joined {
        let inner = |view: &View| view.shape.dims()[axis..].iter().product::<usize>();
        let offset = (0..at).map(|before| inner(self.view(before))).sum();
        Joined { len: inner(self.view(at)), offset, total: inner(self.out_view()) }
    }
}

// Backwards.
impl Step<'_, '_> {
    fn backward(&self, memory: &mut Memory<'_>) {
        match self.record.op {
            Op::Copy | Op::Unary(_) | Op::Binary(_) | Op::Concat { .. } | Op::Dropout { .. } => {
                for at in (0..self.record.count as usize).filter(|&at| self.slot(at) != Slot::None) {
                    self.elementwise_back(memory, at);
                }
            }
            Op::MatMul => self.matmul_back(memory),
            Op::Linear(_) => self.linear_back(memory),
            Op::Attention { .. } => self.attention_back(memory),
            Op::LayerNorm { .. } | Op::RmsNorm { .. } => self.norm_back(memory),
            Op::Softmax | Op::LogSoftmax | Op::Reduce(_) | Op::CumSum => self.over_rows_back(memory),
            Op::Gather | Op::Embedding | Op::CrossEntropy(_) | Op::Rotate(_) => self.by_number_back(memory),
            Op::Conv(_) | Op::ConvTranspose { .. } => self.conv_back(memory),
            Op::MaxPool(_) | Op::AveragePool(_) | Op::AdaptiveAveragePool => {
                if self.slot(0) != Slot::None {
                    let x =
                        if matches!(self.record.op, Op::MaxPool(_)) { self.dense(0) } else { Region::NONE };
                    let ([x, dy], [dx]) = memory.carve([x, self.out_grad()], [self.dense_grad(0)]);
                    self.pooling().backward(self.context, [x, dy], dx);
                }
            }
        }
    }

    fn elementwise_back(&self, memory: &mut Memory<'_>, at: usize) {
        let needs = self.record.op.needs();
        let read = |nth: usize| if needs.inputs >> nth & 1 == 1 { self.storage(nth) } else { Region::NONE };
        let known = if needs.out { self.out() } else { read(0) };
        let reads = [known, read(1), self.out_grad()];
        let ([known, other, dy], [dx]) = memory.carve(reads, [self.grad(at)]);
        let target = Target { data: dx, view: self.view(at), add: self.slot(at) != Slot::Write };
        let context = self.context;
        match self.record.op {
            Op::Unary(Unary::Affine { scale, .. }) => elementwise::affine_back(context, scale, dy, target),
            Op::Unary(function) => {
                let view = if needs.out { self.out_view() } else { self.view(0) };
                elementwise::unary_back(context, function, Source { data: known, view }, dy, target);
            }
            Op::Binary(Binary::Add) => elementwise::copy_back(context, dy, target),
            Op::Binary(function) => {
                let a = Source { data: known, view: self.view(0) };
                let b = Source { data: other, view: self.view(1) };
                elementwise::binary_back(context, (function, at == 0), [a, b], dy, target);
            }
            Op::Concat { axis } => elementwise::join_back(context, self.joined(axis, at), dy, target),
            Op::Dropout { .. } => elementwise::dropout_back(context, self.dropout(), dy, target),
            _ => elementwise::copy_back(context, dy, target),
        }
    }

    fn matmul_back(&self, memory: &mut Memory<'_>) {
        for at in (0..2).filter(|&at| self.slot(at) != Slot::None) {
            let other = 1 - at;
            let reads = [self.storage(other), self.out_grad()];
            let ([known, dy], [dx, scratch]) = memory.carve(reads, [self.grad(at), self.plan.scratch]);
            let known = Source { data: known, view: self.view(other) };
            let target = Target { data: dx, view: self.view(at), add: true };
            linear::matmul_back(self.context, at == 0, known, (dy, self.out_view()), target, scratch);
        }
    }

    fn linear_back(&self, memory: &mut Memory<'_>) {
        let Op::Linear(weights) = self.record.op else {
            unreachable!("a linear layer");
        };
        let (context, layer) = (self.context, self.plan.layer(self.record, weights));
        let scratch = self.plan.scratch;
        if self.slot(0) != Slot::None {
            let reads = [self.dense(1), self.out_grad()];
            let ([w, dy], [dx, scratch]) = memory.carve(reads, [self.dense_grad(0), scratch]);
            linear::back_x(context, layer, (w, dy), (dx, self.slot(0) != Slot::Write), scratch);
        }
        if self.slot(1) != Slot::None {
            let reads = [self.dense(0), self.out_grad()];
            let ([x, dy], [dw, scratch]) = memory.carve(reads, [self.dense_grad(1), scratch]);
            linear::back_w(context, layer, (x, dy), dw, scratch);
        }
        if self.slot(2) != Slot::None {
            let ([dy], [db]) = memory.carve([self.out_grad()], [self.dense_grad(2)]);
            linear::back_bias(context, dy, db);
        }
    }

    fn attention_back(&self, memory: &mut Memory<'_>) {
        let reads = [
            self.storage(0),
            self.storage(1),
            self.storage(2),
            self.dense(3),
            self.out(),
            self.out_grad(),
            self.beside(),
        ];
        // Inputs that are views onto one storage have one gradient.
        let mut storages: heapless::Vec<(u32, Region), 3> = heapless::Vec::new();
        let mut of_input = [None; 3];
        for at in (0..3).filter(|&at| self.slot(at) != Slot::None) {
            let storage = self.view(at).storage;
            let place = storages.iter().position(|(known, _)| *known == storage);
            of_input[at] = Some(place.unwrap_or(storages.len()));
            if place.is_none() {
                let pushed = storages.push((storage, self.grad(at)));
                assert!(pushed.is_ok(), "three inputs have three storages at most");
            }
        }
        let of = self.plan.heads(self.record);
        let views = [0, 1, 2].map(|at| self.view(at));
        let writes: [Region; 4] =
            core::array::from_fn(|at| storages.get(at).map_or(Region::NONE, |(_, region)| *region));
        let writes = [writes[0], writes[1], writes[2], self.plan.scratch];
        let ([q, k, v, ranges, out, dy, beside], [a, b, c, scratch]) = memory.carve(reads, writes);
        let known = Known { inputs: self.sources([q, k, v]), ranges: numbers(ranges), out, dy, beside };
        match storages.len() {
            1 => attention::backward(self.context, of, known, ([a], of_input, views), scratch),
            2 => attention::backward(self.context, of, known, ([a, b], of_input, views), scratch),
            _ => attention::backward(self.context, of, known, ([a, b, c], of_input, views), scratch),
        }
    }

    fn norm_back(&self, memory: &mut Memory<'_>) {
        let (context, width) = (self.context, self.width());
        let layer = matches!(self.record.op, Op::LayerNorm { .. });
        if self.slot(0) != Slot::None {
            let reads = [self.dense(0), self.dense(1), self.out_grad(), self.beside()];
            let (known, [dx]) = memory.carve(reads, [self.dense_grad(0)]);
            let target = (dx, self.slot(0) != Slot::Write);
            if layer {
                norm::layer_norm_back_x(context, known, target, width);
            } else {
                norm::rms_norm_back_x(context, known, target);
            }
        }
        if self.slot(1) != Slot::None {
            let reads = [self.dense(0), self.out_grad(), self.beside()];
            let (known, [dw]) = memory.carve(reads, [self.dense_grad(1)]);
            if layer {
                norm::layer_norm_back_w(context, known, dw);
            } else {
                norm::rms_norm_back_w(context, known, dw);
            }
        }
        if self.slot(2) != Slot::None {
            let ([dy], [db]) = memory.carve([self.out_grad()], [self.dense_grad(2)]);
            add_columns(context, dy, db);
        }
    }

    fn over_rows_back(&self, memory: &mut Memory<'_>) {
        if self.slot(0) == Slot::None {
            return;
        }
        let (context, width, needs) = (self.context, self.width(), self.record.op.needs());
        let x = if needs.inputs & 1 == 1 { self.dense(0) } else { Region::NONE };
        let y = if needs.out { self.out() } else { Region::NONE };
        if let Op::Reduce(reduce) = self.record.op {
            let ([x, y, dy], [dx]) = memory.carve([x, y, self.out_grad()], [self.grad(0)]);
            let target = Target { data: dx, view: self.view(0), add: true };
            rows::reduce_back(context, reduce, [x, y, dy], target);
            return;
        }
        let ([y, dy], [dx]) = memory.carve([y, self.out_grad()], [self.dense_grad(0)]);
        match self.record.op {
            Op::Softmax => rows::softmax_back(context, [y, dy], dx, width),
            Op::LogSoftmax => rows::log_softmax_back(context, [y, dy], dx, width),
            _ => rows::cumsum_back(context, dy, dx, width),
        }
    }

    fn by_number_back(&self, memory: &mut Memory<'_>) {
        if self.slot(0) == Slot::None {
            return;
        }
        let (context, add) = (self.context, self.slot(0) != Slot::Write);
        match self.record.op {
            Op::Embedding => {
                let ([ids, dy], [dx]) = memory.carve([self.dense(1), self.out_grad()], [self.dense_grad(0)]);
                table::embedding_back(context, numbers(ids), dy, dx);
            }
            Op::Gather => {
                let ([ids, dy], [dx]) = memory.carve([self.dense(1), self.out_grad()], [self.dense_grad(0)]);
                table::gather_back(numbers(ids), dy, dx, self.width(), self.out_view().shape.last());
            }
            Op::CrossEntropy(options) => {
                let reads = [self.dense(0), self.dense(1), self.beside(), self.out_grad()];
                let ([x, ids, beside, dy], [dx]) = memory.carve(reads, [self.dense_grad(0)]);
                loss::cross_entropy_back(context, options, (x, numbers(ids), beside), dy[0], (dx, add));
            }
            Op::Rotate(pairs) => {
                let ([angles, dy], [dx]) = memory.carve([self.dense(1), self.out_grad()], [self.grad(0)]);
                let target = Target { data: dx, view: self.view(0), add };
                table::rotate_back(context, pairs, angles, dy, target);
            }
            _ => unreachable!("by number"),
        }
    }

    fn conv_back(&self, memory: &mut Memory<'_>) {
        let (context, of, scratch) = (self.context, self.plan.windows(self.record), self.plan.scratch);
        let plain = matches!(self.record.op, Op::Conv(_));
        if self.slot(0) != Slot::None {
            let reads = [self.dense(1), self.out_grad()];
            let ([w, dy], [dx, scratch]) = memory.carve(reads, [self.dense_grad(0), scratch]);
            if plain {
                conv::spread_product(context, of, [w, dy], dx, scratch);
            } else {
                conv::windows_product(context, of, [w, dy, &[]], (dx, true), scratch);
            }
        }
        if self.slot(1) != Slot::None {
            let reads = [self.dense(0), self.out_grad()];
            let ([x, dy], [dw, scratch]) = memory.carve(reads, [self.dense_grad(1), scratch]);
            let (y, pictures) = if plain { (dy, x) } else { (x, dy) };
            conv::weights_product(context, of, [y, pictures], dw, scratch);
        }
        if self.slot(2) != Slot::None {
            let dims = self.out_view().shape;
            let ([dy], [db]) = memory.carve([self.out_grad()], [self.dense_grad(2)]);
            conv::bias_back(context, dy, dims.dims()[2] * dims.dims()[3], db);
        }
    }
}
