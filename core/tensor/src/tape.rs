//! The tape: tensors and operations in the order in which they were put there, in flat lists.
//!
//! A tensor is a view onto a storage. Reshaping, narrowing, permuting and broadcasting make views and no work; an operation makes a new
//! storage. Nothing is computed here: [`crate::plan::Plan`] lays out memory and computes.

use alloc::vec::Vec;
use core::fmt;

use crate::error::TapeError;
use crate::limits::{HEAD_LEN_MAX, NODES_MAX, RANK_MAX};
use crate::op::{
    AttentionOptions, Binary, CrossEntropyOptions, Op, Pairs, Pool, Reduce, Stride, Unary, Weights,
};
use crate::shape::{Shape, View};

/// The number of a tensor on its tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub(crate) u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where the elements of a storage come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Set by the caller before each step.
    Input,
    /// Likewise, but integers.
    Numbers,
    /// Set by the caller; its gradient can be read.
    Variable,
    /// From an element of the parameters on.
    Param(usize),
    /// From an element of the frozen parameters on.
    Frozen(usize),
    /// The result of a record.
    Record(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage {
    pub len: usize,
    pub origin: Origin,
    /// Whether gradients flow to it.
    pub grad: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub op: Op,
    /// Its inputs: a stretch of the tape's list of operands.
    pub first: u32,
    pub count: u32,
    pub out: Id,
    /// Elements beside the result, for the backward half.
    pub beside: usize,
}

/// A tape.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub(crate) nodes: Vec<View>,
    pub(crate) storages: Vec<Storage>,
    pub(crate) records: Vec<Record>,
    pub(crate) operands: Vec<Id>,
    params_len: usize,
    frozen_len: usize,
    dropouts: u64,
}

type Built = Result<Id, TapeError>;

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// Floats that the caller sets before each step.
    ///
    /// # Errors
    ///
    /// The shape is none, or the tape is full; so with all tensors that are not made from others.
    pub fn input(&mut self, dims: &[usize]) -> Built {
        self.leaf(dims, Origin::Input)
    }

    /// Numbers of tokens, classes or elements that the caller sets before each step.
    ///
    /// # Errors
    ///
    /// As [`Tape::input`].
    pub fn numbers(&mut self, dims: &[usize]) -> Built {
        self.leaf(dims, Origin::Numbers)
    }

    /// Floats that the caller sets before each step, whose gradient can be read after it.
    ///
    /// # Errors
    ///
    /// As [`Tape::input`].
    pub fn variable(&mut self, dims: &[usize]) -> Built {
        self.leaf(dims, Origin::Variable)
    }

    /// The next parameter that is trained: its elements follow those of the one before.
    ///
    /// # Errors
    ///
    /// As [`Tape::input`].
    pub fn param(&mut self, dims: &[usize]) -> Built {
        let id = self.leaf(dims, Origin::Param(self.params_len))?;
        self.params_len += self.shape(id)?.elements();
        Ok(id)
    }

    /// The next parameter that is not trained.
    ///
    /// # Errors
    ///
    /// As [`Tape::input`].
    pub fn frozen(&mut self, dims: &[usize]) -> Built {
        let id = self.leaf(dims, Origin::Frozen(self.frozen_len))?;
        self.frozen_len += self.shape(id)?.elements();
        Ok(id)
    }

    /// Elements of all parameters that are trained.
    pub fn params_len(&self) -> usize {
        self.params_len
    }

    /// Elements of all parameters that are not.
    pub fn frozen_len(&self) -> usize {
        self.frozen_len
    }

    /// Where a parameter's elements stand among those of its kind; `None` of other tensors.
    pub fn param_range(&self, id: Id) -> Option<core::ops::Range<usize>> {
        let view = self.nodes.get(id.0 as usize)?;
        match self.storages[view.storage as usize].origin {
            Origin::Param(start) | Origin::Frozen(start) => Some(start..start + view.shape.elements()),
            _ => None,
        }
    }

    /// The trained parameters in their order: where their elements stand, and their shapes.
    pub fn params(&self) -> impl Iterator<Item = (core::ops::Range<usize>, Shape)> {
        let mut next = 0;
        self.nodes.iter().filter_map(move |view| match self.storages[view.storage as usize].origin {
            // Later views onto a parameter begin before the next one.
            Origin::Param(start) if start == next => {
                next += view.shape.elements();
                Some((start..next, view.shape))
            }
            _ => None,
        })
    }

    /// A tensor's shape.
    ///
    /// # Errors
    ///
    /// The id is of another tape; so with every method that takes one.
    pub fn shape(&self, id: Id) -> Result<Shape, TapeError> {
        Ok(self.view(id)?.shape)
    }

    /// The same elements in another shape; copied first where they do not stand side by side.
    ///
    /// # Errors
    ///
    /// The numbers of elements differ.
    pub fn reshape(&mut self, x: Id, dims: &[usize]) -> Built {
        let x = self.dense(x)?;
        let (view, shape) = (self.view(x)?, Shape::new(dims)?);
        if view.shape.elements() != shape.elements() {
            return Err(TapeError::Mismatch { left: view.shape, right: shape });
        }
        self.node(View { offset: view.offset, ..View::whole(view.storage, shape) })
    }

    /// Dimensions in another order.
    ///
    /// # Errors
    ///
    /// `axes` does not name each dimension once.
    pub fn permute(&mut self, x: Id, axes: &[usize]) -> Built {
        let view = self.view(x)?;
        let rank = view.shape.rank();
        if axes.len() != rank {
            return Err(TapeError::Axis { axis: axes.len(), rank });
        }
        let (mut dims, mut strides, mut seen) = ([1; RANK_MAX], [0; RANK_MAX], [false; RANK_MAX]);
        for (at, &axis) in axes.iter().enumerate() {
            if axis >= rank || seen[axis] {
                return Err(TapeError::Axis { axis, rank });
            }
            seen[axis] = true;
            dims[at] = view.shape.dims()[axis];
            strides[at] = view.strides[axis];
        }
        self.node(View { shape: Shape::new(&dims[..rank])?, strides, ..view })
    }

    /// Two dimensions exchanged.
    ///
    /// # Errors
    ///
    /// The tensor lacks one of them.
    pub fn transpose(&mut self, x: Id, one: usize, other: usize) -> Built {
        let rank = self.shape(x)?.rank();
        let mut axes: [usize; RANK_MAX] = core::array::from_fn(|axis| axis);
        if let Some(&axis) = [one, other].iter().find(|&&axis| axis >= rank) {
            return Err(TapeError::Axis { axis, rank });
        }
        axes.swap(one, other);
        self.permute(x, &axes[..rank])
    }

    /// `len` elements of a dimension, from `begin` on.
    ///
    /// # Errors
    ///
    /// There are not so many.
    pub fn narrow(&mut self, x: Id, axis: usize, begin: usize, len: usize) -> Built {
        let view = self.view(x)?;
        let rank = view.shape.rank();
        let Some(&dim) = view.shape.dims().get(axis) else {
            return Err(TapeError::Axis { axis, rank });
        };
        if len == 0 {
            return Err(TapeError::Empty { axis });
        }
        if begin.checked_add(len).is_none_or(|end| end > dim) {
            return Err(TapeError::Option { value: begin.saturating_add(len), bound: dim });
        }
        let mut dims = [1; RANK_MAX];
        dims[..rank].copy_from_slice(view.shape.dims());
        dims[axis] = len;
        let offset = view.offset + begin * view.strides[axis];
        self.node(View { shape: Shape::new(&dims[..rank])?, offset, ..view })
    }

    /// Repeated to a shape, as broadcasting does.
    ///
    /// # Errors
    ///
    /// The tensor does not broadcast to it.
    pub fn expand(&mut self, x: Id, dims: &[usize]) -> Built {
        let (view, shape) = (self.view(x)?, Shape::new(dims)?);
        if view.shape == shape {
            return Ok(x);
        }
        if view.shape.broadcast(&shape)? != shape {
            return Err(TapeError::Mismatch { left: view.shape, right: shape });
        }
        let mut strides = [0; RANK_MAX];
        let shift = shape.rank() - view.shape.rank();
        for (axis, &dim) in view.shape.dims().iter().enumerate() {
            if dim != 1 {
                strides[axis + shift] = view.strides[axis];
            }
        }
        self.node(View { shape, strides, ..view })
    }

    /// The same elements side by side; a copy only where they are not.
    ///
    /// # Errors
    ///
    /// The tape is full.
    pub fn dense(&mut self, x: Id) -> Built {
        let view = self.view(x)?;
        if view.dense() { Ok(x) } else { self.record(Op::Copy, &[x], view.shape, 0) }
    }

    /// A function of each element.
    ///
    /// # Errors
    ///
    /// The tensor holds integers.
    pub fn unary(&mut self, function: Unary, x: Id) -> Built {
        let shape = self.floats(x)?.shape;
        self.record(Op::Unary(function), &[x], shape, 0)
    }

    /// A function of two elements each; shapes broadcast.
    ///
    /// # Errors
    ///
    /// The shapes do not broadcast.
    pub fn binary(&mut self, function: Binary, a: Id, b: Id) -> Built {
        let shape = self.floats(a)?.shape.broadcast(&self.floats(b)?.shape)?;
        let (a, b) = (self.expand(a, shape.dims())?, self.expand(b, shape.dims())?);
        self.record(Op::Binary(function), &[a, b], shape, 0)
    }

    /// Tensors joined along a dimension.
    ///
    /// # Errors
    ///
    /// Another dimension differs, or there are none.
    pub fn concat(&mut self, parts: &[Id], axis: usize) -> Built {
        let Some(&first) = parts.first() else {
            return Err(TapeError::Empty { axis });
        };
        let shape = self.shape(first)?;
        let (mut dims, rank, mut joined) = ([1; RANK_MAX], shape.rank(), 0usize);
        dims[..rank].copy_from_slice(shape.dims());
        for &part in parts {
            let other = self.floats(part)?.shape;
            let same = |(at, (a, b)): (usize, (&usize, &usize))| at == axis || a == b;
            if axis >= rank {
                return Err(TapeError::Axis { axis, rank });
            }
            if other.rank() != rank || !shape.dims().iter().zip(other.dims()).enumerate().all(same) {
                return Err(TapeError::Mismatch { left: shape, right: other });
            }
            joined = joined.saturating_add(other.dims()[axis]);
        }
        dims[axis] = joined;
        self.record(Op::Concat { axis }, parts, Shape::new(&dims[..rank])?, 0)
    }

    /// Zeros with the probability `rate`, the others divided by 1 - `rate`. The seed of a step says which.
    ///
    /// # Errors
    ///
    /// The tensor holds integers, or the rate is not within 0..1.
    pub fn dropout(&mut self, x: Id, rate: f32) -> Built {
        if !(0.0..1.0).contains(&rate) {
            return Err(TapeError::Option { value: rate as usize, bound: 1 });
        }
        if rate == 0.0 {
            return Ok(x);
        }
        let shape = self.floats(x)?.shape;
        self.dropouts += 1;
        self.record(Op::Dropout { rate, nth: self.dropouts }, &[x], shape, 0)
    }

    /// The product of matrices in the last two dimensions; those before broadcast.
    ///
    /// # Errors
    ///
    /// The shapes do not fit.
    pub fn matmul(&mut self, a: Id, b: Id) -> Built {
        let (left, right) = (self.floats(a)?.shape, self.floats(b)?.shape);
        let wrong = TapeError::Mismatch { left, right };
        let ([a_batch @ .., m, k], [b_batch @ .., of_k, n]) = (left.dims(), right.dims()) else {
            return Err(wrong);
        };
        if k != of_k {
            return Err(wrong);
        }
        let batch = Shape::new(a_batch)?.broadcast(&Shape::new(b_batch)?)?;
        let rank = batch.rank() + 2;
        if rank > RANK_MAX {
            return Err(TapeError::Rank { rank });
        }
        let dims = |rows: usize, columns: usize| {
            let mut dims = [1; RANK_MAX];
            dims[..rank - 2].copy_from_slice(batch.dims());
            (dims[rank - 2], dims[rank - 1]) = (rows, columns);
            dims
        };
        let (a, b) = (self.matrices(a)?, self.matrices(b)?);
        let a = self.expand(a, &dims(*m, *k)[..rank])?;
        let b = self.expand(b, &dims(*k, *n)[..rank])?;
        let out = Shape::new(&dims(*m, *n)[..rank])?;
        self.record(Op::MatMul, &[a, b], out, 0)
    }

    /// x · W (+ bias) over the last dimension.
    ///
    /// # Errors
    ///
    /// The shapes do not fit.
    pub fn linear(&mut self, x: Id, w: Id, bias: Option<Id>, weights: Weights) -> Built {
        let (left, right) = (self.floats(x)?.shape, self.floats(w)?.shape);
        let wrong = TapeError::Mismatch { left, right };
        let (&[rows, columns], false) = (right.dims(), left.rank() == 0) else {
            return Err(wrong);
        };
        let (outs, ins) = if weights == Weights::OutIn { (rows, columns) } else { (columns, rows) };
        if ins != left.last() {
            return Err(wrong);
        }
        let (x, w) = (self.dense(x)?, self.dense(w)?);
        let shape = with_last(left, outs)?;
        match bias {
            None => self.record(Op::Linear(weights), &[x, w], shape, 0),
            Some(bias) => {
                self.expect(bias, &[outs])?;
                let bias = self.dense(bias)?;
                self.record(Op::Linear(weights), &[x, w, bias], shape, 0)
            }
        }
    }

    /// Rows less their mean, divided by √(variance + epsilon), times weight, plus bias.
    ///
    /// # Errors
    ///
    /// Weight or bias have another length than a row.
    pub fn layer_norm(&mut self, x: Id, weight_and_bias: Option<(Id, Id)>, epsilon: f32) -> Built {
        let shape = self.floats(x)?.shape;
        let x = self.dense(x)?;
        let op = Op::LayerNorm { epsilon };
        let beside = 2 * shape.rows();
        match weight_and_bias {
            None => self.record(op, &[x], shape, beside),
            Some((weight, bias)) => {
                self.expect(weight, &[shape.last()])?;
                self.expect(bias, &[shape.last()])?;
                let (weight, bias) = (self.dense(weight)?, self.dense(bias)?);
                self.record(op, &[x, weight, bias], shape, beside)
            }
        }
    }

    /// Rows divided by √(mean of squares + epsilon), times weight.
    ///
    /// # Errors
    ///
    /// The weight has another length than a row.
    pub fn rms_norm(&mut self, x: Id, weight: Id, epsilon: f32) -> Built {
        let shape = self.floats(x)?.shape;
        self.expect(weight, &[shape.last()])?;
        let (x, weight) = (self.dense(x)?, self.dense(weight)?);
        self.record(Op::RmsNorm { epsilon }, &[x, weight], shape, shape.rows())
    }

    /// eˣ / Σ eˣ over the last dimension.
    ///
    /// # Errors
    ///
    /// The tensor holds integers.
    pub fn softmax(&mut self, x: Id) -> Built {
        self.over_rows(Op::Softmax, x)
    }

    /// The logarithm of [`Tape::softmax`].
    ///
    /// # Errors
    ///
    /// The tensor holds integers.
    pub fn log_softmax(&mut self, x: Id) -> Built {
        self.over_rows(Op::LogSoftmax, x)
    }

    /// Sums of each row's beginnings.
    ///
    /// # Errors
    ///
    /// The tensor holds integers.
    pub fn cumsum(&mut self, x: Id) -> Built {
        self.over_rows(Op::CumSum, x)
    }

    /// What the last dimension comes to, which is gone then.
    ///
    /// # Errors
    ///
    /// The tensor holds integers or is a scalar.
    pub fn reduce(&mut self, reduce: Reduce, x: Id) -> Built {
        let shape = self.floats(x)?.shape;
        let [dims @ .., _] = shape.dims() else {
            return Err(TapeError::Axis { axis: 0, rank: 0 });
        };
        let x = self.dense(x)?;
        self.record(Op::Reduce(reduce), &[x], Shape::new(dims)?, 0)
    }

    /// Elements of each row by their numbers.
    ///
    /// # Errors
    ///
    /// The dimensions before the last differ.
    pub fn gather(&mut self, x: Id, numbers: Id) -> Built {
        let (left, right) = (self.floats(x)?.shape, self.integers(numbers)?.shape);
        let fits = left.rank() == right.rank() && left.rank() > 0;
        if !fits || left.dims()[..left.rank() - 1] != right.dims()[..left.rank() - 1] {
            return Err(TapeError::Mismatch { left, right });
        }
        let (x, numbers) = (self.dense(x)?, self.dense(numbers)?);
        self.record(Op::Gather, &[x, numbers], right, 0)
    }

    /// Rows of a table by their numbers.
    ///
    /// # Errors
    ///
    /// The table is no matrix.
    pub fn embedding(&mut self, table: Id, numbers: Id) -> Built {
        let (left, right) = (self.floats(table)?.shape, self.integers(numbers)?.shape);
        let &[_, width] = left.dims() else {
            return Err(TapeError::Mismatch { left, right });
        };
        let (mut dims, rank) = ([1; RANK_MAX], right.rank());
        if rank == RANK_MAX {
            return Err(TapeError::Rank { rank: rank + 1 });
        }
        dims[..rank].copy_from_slice(right.dims());
        dims[rank] = width;
        let (table, numbers) = (self.dense(table)?, self.dense(numbers)?);
        self.record(Op::Embedding, &[table, numbers], Shape::new(&dims[..=rank])?, 0)
    }

    /// The mean over rows of `-ln softmax(row)[number]`: a scalar.
    ///
    /// # Errors
    ///
    /// There is not one number for each row, or the smoothing is not within 0..=1.
    pub fn cross_entropy(&mut self, scores: Id, numbers: Id, options: CrossEntropyOptions) -> Built {
        let (left, right) = (self.floats(scores)?.shape, self.integers(numbers)?.shape);
        if left.rank() == 0 || left.rows() != right.elements() {
            return Err(TapeError::Mismatch { left, right });
        }
        if !(0.0..=1.0).contains(&options.smoothing) {
            return Err(TapeError::Option { value: options.smoothing as usize, bound: 1 });
        }
        let (scores, numbers) = (self.dense(scores)?, self.dense(numbers)?);
        let beside = 2 * left.rows() + 1;
        self.record(Op::CrossEntropy(options), &[scores, numbers], Shape::new(&[])?, beside)
    }

    /// Attention of queries `[batch, time, heads, length]` to keys and values `[batch, keys' time, groups, length]`.
    ///
    /// Each group of keys serves `heads / groups` heads that stand side by side. `ranges` `[batch, 2]` are numbers: the first key of
    /// each sequence, and the first after its last; other keys are padding. A query that sees no key gets zeros.
    ///
    /// # Errors
    ///
    /// The shapes do not fit, or a head is too long.
    pub fn attention(&mut self, [q, k, v]: [Id; 3], ranges: Option<Id>, options: AttentionOptions) -> Built {
        let (left, right) = (self.floats(q)?.shape, self.floats(k)?.shape);
        let (&[batch, time, heads, len], &[of_batch, keys, groups, of_len]) = (left.dims(), right.dims())
        else {
            return Err(TapeError::Mismatch { left, right });
        };
        let fits = batch == of_batch && len == of_len && heads % groups == 0;
        if !fits || (options.causal && time > keys) {
            return Err(TapeError::Mismatch { left, right });
        }
        self.expect(v, right.dims())?;
        if len > HEAD_LEN_MAX {
            return Err(TapeError::Head { len });
        }
        let (q, k, v) = (self.sequences(q)?, self.sequences(k)?, self.sequences(v)?);
        let scale = options.scale.unwrap_or(1.0 / libm::sqrtf(len as f32));
        let window = options.window.unwrap_or(usize::MAX);
        let op = Op::Attention { causal: options.causal, window, scale };
        let beside = batch * heads * time;
        match ranges {
            None => self.record(op, &[q, k, v], left, beside),
            Some(ranges) => {
                let found = self.integers(ranges)?.shape;
                if found.dims() != [batch, 2] {
                    return Err(TapeError::Mismatch { left, right: found });
                }
                let ranges = self.dense(ranges)?;
                self.record(op, &[q, k, v, ranges], left, beside)
            }
        }
    }

    /// Pairs of elements of `[batch, time, heads, length]` turned by angles: rotary positions.
    ///
    /// `table` `[time, length]` has for each time the cosines of the `length / 2` angles, then their sines.
    ///
    /// Source: Su and others, "RoFormer" (2021).
    ///
    /// # Errors
    ///
    /// The shapes do not fit, the length is odd or too great, or the table depends on what is trained.
    pub fn rotate(&mut self, x: Id, table: Id, pairs: Pairs) -> Built {
        let shape = self.floats(x)?.shape;
        let &[_, time, _, len] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        self.expect(table, &[time, len])?;
        if len % 2 != 0 || len > HEAD_LEN_MAX {
            return Err(TapeError::Head { len });
        }
        if self.storages[self.view(table)?.storage as usize].grad {
            return Err(TapeError::Constant { id: table });
        }
        let table = self.dense(table)?;
        self.record(Op::Rotate(pairs), &[x, table], shape, 0)
    }

    /// A convolution of pictures `[batch, channels, height, width]` with weights `[outs, channels / groups, height, width]`.
    ///
    /// # Errors
    ///
    /// The shapes do not fit.
    pub fn conv2d(&mut self, x: Id, w: Id, bias: Option<Id>, stride: Stride) -> Built {
        let (left, right) = (self.floats(x)?.shape, self.floats(w)?.shape);
        let wrong = TapeError::Mismatch { left, right };
        let (&[batch, channels, ..], &[outs, ins, high, broad]) = (left.dims(), right.dims()) else {
            return Err(wrong);
        };
        let groups = stride.groups;
        let grouped = groups > 0 && ins.checked_mul(groups) == Some(channels) && outs % groups == 0;
        if left.rank() != 4 || !grouped {
            return Err(wrong);
        }
        let [down, across] =
            crate::kernels::conv::places([left.dims()[2], left.dims()[3]], [high, broad], &stride)
                .ok_or(wrong)?;
        let shape = Shape::new(&[batch, outs, down, across])?;
        self.picture(Op::Conv(stride), [x, w], bias, shape)
    }

    /// The transposed convolution: what [`Tape::conv2d`]'s gradient does, with weights `[channels, outs / groups, height, width]`.
    ///
    /// # Errors
    ///
    /// The shapes do not fit.
    pub fn conv_transpose2d(
        &mut self,
        x: Id,
        w: Id,
        bias: Option<Id>,
        stride: Stride,
        output_padding: [usize; 2],
    ) -> Built {
        let (left, right) = (self.floats(x)?.shape, self.floats(w)?.shape);
        let wrong = TapeError::Mismatch { left, right };
        let (&[batch, channels, high, broad], &[ins, outs, ..]) = (left.dims(), right.dims()) else {
            return Err(wrong);
        };
        let groups = stride.groups;
        if right.rank() != 4 || ins != channels || groups == 0 || channels % groups != 0 {
            return Err(wrong);
        }
        let mut size = [0; 2];
        for (at, from) in [high, broad].into_iter().enumerate() {
            let kernel = (right.dims()[2 + at] - 1).checked_mul(stride.dilation[at]);
            let spread = (from - 1).checked_mul(stride.stride[at]);
            let all =
                spread.zip(kernel).and_then(|(a, b)| a.checked_add(b)?.checked_add(output_padding[at] + 1));
            size[at] =
                all.and_then(|all| all.checked_sub(stride.padding[at].checked_mul(2)?)).ok_or(wrong)?;
            if stride.stride[at] == 0 || output_padding[at] >= stride.stride[at].max(stride.dilation[at]) {
                return Err(TapeError::Option { value: output_padding[at], bound: stride.stride[at] });
            }
        }
        let shape = Shape::new(&[batch, outs.checked_mul(groups).ok_or(wrong)?, size[0], size[1]])?;
        self.picture(Op::ConvTranspose { stride, output_padding }, [x, w], bias, shape)
    }

    /// The greatest of each window of pictures `[batch, channels, height, width]`.
    ///
    /// # Errors
    ///
    /// The window does not fit into the picture, or is smaller than twice the padding.
    pub fn max_pool2d(&mut self, x: Id, pool: Pool) -> Built {
        self.pool(Op::MaxPool(pool), x, pool)
    }

    /// The mean of each window, padding counted.
    ///
    /// # Errors
    ///
    /// As [`Tape::max_pool2d`].
    pub fn average_pool2d(&mut self, x: Id, pool: Pool) -> Built {
        self.pool(Op::AveragePool(pool), x, pool)
    }

    /// The mean of so many windows down and across that cover the picture.
    ///
    /// # Errors
    ///
    /// The tensor is no batch of pictures.
    pub fn adaptive_average_pool2d(&mut self, x: Id, [high, broad]: [usize; 2]) -> Built {
        let shape = self.floats(x)?.shape;
        let &[batch, channels, _, _] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        let x = self.dense(x)?;
        self.record(Op::AdaptiveAveragePool, &[x], Shape::new(&[batch, channels, high, broad])?, 0)
    }
}

// What the public half stands on.
impl Tape {
    pub(crate) fn view(&self, id: Id) -> Result<View, TapeError> {
        self.nodes.get(id.0 as usize).copied().ok_or(TapeError::Unknown { id })
    }

    pub(crate) fn inputs(&self, record: &Record) -> &[Id] {
        &self.operands[record.first as usize..][..record.count as usize]
    }

    fn integers(&self, id: Id) -> Result<View, TapeError> {
        let view = self.view(id)?;
        let of = self.storages[view.storage as usize].origin;
        if of == Origin::Numbers { Ok(view) } else { Err(TapeError::Element { id }) }
    }

    fn floats(&self, id: Id) -> Result<View, TapeError> {
        let view = self.view(id)?;
        let of = self.storages[view.storage as usize].origin;
        if of == Origin::Numbers { Err(TapeError::Element { id }) } else { Ok(view) }
    }

    /// Floats of exactly this shape.
    fn expect(&self, id: Id, dims: &[usize]) -> Result<(), TapeError> {
        let left = self.floats(id)?.shape;
        if left.dims() == dims { Ok(()) } else { Err(TapeError::Mismatch { left, right: Shape::new(dims)? }) }
    }

    fn node(&mut self, view: View) -> Built {
        if self.nodes.len() >= NODES_MAX {
            return Err(TapeError::Nodes);
        }
        let id = Id(self.nodes.len() as u32);
        self.nodes.push(view);
        Ok(id)
    }

    fn leaf(&mut self, dims: &[usize], origin: Origin) -> Built {
        let shape = Shape::new(dims)?;
        let grad = matches!(origin, Origin::Variable | Origin::Param(_));
        let id = self.node(View::whole(self.storages.len() as u32, shape))?;
        self.storages.push(Storage { len: shape.elements(), origin, grad });
        Ok(id)
    }

    fn record(&mut self, op: Op, inputs: &[Id], shape: Shape, beside: usize) -> Built {
        let mut grad = false;
        for &input in inputs {
            grad |= self.storages[self.view(input)?.storage as usize].grad;
        }
        let out = self.node(View::whole(self.storages.len() as u32, shape))?;
        let (number, first) = (self.records.len() as u32, self.operands.len());
        if first + inputs.len() > NODES_MAX {
            return Err(TapeError::Nodes);
        }
        self.storages.push(Storage { len: shape.elements(), origin: Origin::Record(number), grad });
        self.operands.extend_from_slice(inputs);
        self.records.push(Record { op, first: first as u32, count: inputs.len() as u32, out, beside });
        Ok(out)
    }

    fn over_rows(&mut self, op: Op, x: Id) -> Built {
        let shape = self.floats(x)?.shape;
        let x = self.dense(x)?;
        self.record(op, &[x], shape, 0)
    }

    /// Matrices whose rows or columns stand side by side.
    fn matrices(&mut self, x: Id) -> Built {
        let view = self.view(x)?;
        let rank = view.shape.rank();
        let (rows, columns) = (view.shape.dims()[rank - 2], view.shape.dims()[rank - 1]);
        let (down, across) = (view.strides[rank - 2], view.strides[rank - 1]);
        let plain = across == 1 && (down >= columns || rows == 1);
        let turned = down == 1 && (across >= rows || columns == 1);
        if plain || turned { Ok(x) } else { self.record(Op::Copy, &[x], view.shape, 0) }
    }

    /// Sequences whose parts of a batch lie in stretches of one length that make up the storage.
    fn sequences(&mut self, x: Id) -> Built {
        let view = self.view(x)?;
        let [batch, time, heads, len] = [0, 1, 2, 3].map(|axis| view.shape.dims()[axis]);
        let stretch = self.storages[view.storage as usize].len / batch;
        let within = view.offset
            + (time - 1) * view.strides[1]
            + (heads - 1) * view.strides[2]
            + (len - 1) * view.strides[3];
        let apart = batch == 1
            || (view.strides[0] == stretch && self.storages[view.storage as usize].len.is_multiple_of(batch));
        let rows = view.strides[3] == 1 || len == 1;
        let distinct = (time == 1 || view.strides[1] >= len) && (heads == 1 || view.strides[2] >= len);
        if apart && rows && distinct && within < stretch {
            Ok(x)
        } else {
            self.record(Op::Copy, &[x], view.shape, 0)
        }
    }

    fn picture(&mut self, op: Op, [x, w]: [Id; 2], bias: Option<Id>, shape: Shape) -> Built {
        let (x, w) = (self.dense(x)?, self.dense(w)?);
        match bias {
            None => self.record(op, &[x, w], shape, 0),
            Some(bias) => {
                self.expect(bias, &[shape.dims()[1]])?;
                let bias = self.dense(bias)?;
                self.record(op, &[x, w, bias], shape, 0)
            }
        }
    }

    fn pool(&mut self, op: Op, x: Id, pool: Pool) -> Built {
        let left = self.floats(x)?.shape;
        let &[batch, channels, high, broad] = left.dims() else {
            return Err(TapeError::Rank { rank: left.rank() });
        };
        let mut size = [0; 2];
        for (at, from) in [high, broad].into_iter().enumerate() {
            let (window, padding) = (pool.size[at], pool.padding[at]);
            if window == 0 || pool.stride[at] == 0 || padding > window / 2 {
                return Err(TapeError::Option { value: padding, bound: window / 2 });
            }
            let room = from.checked_add(2 * padding).and_then(|from| from.checked_sub(window));
            let room = room.ok_or(TapeError::Option { value: window, bound: from })?;
            size[at] = room / pool.stride[at] + 1;
        }
        let x = self.dense(x)?;
        self.record(op, &[x], Shape::new(&[batch, channels, size[0], size[1]])?, 0)
    }
}

fn with_last(shape: Shape, last: usize) -> Result<Shape, TapeError> {
    let (mut dims, rank) = ([1; RANK_MAX], shape.rank());
    dims[..rank].copy_from_slice(shape.dims());
    dims[rank - 1] = last;
    Shape::new(&dims[..rank])
}
