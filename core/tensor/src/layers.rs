//! Layers and losses made of the tape's operations.

use alloc::vec::Vec;

use crate::error::TapeError;
use crate::limits::RANK_MAX;
use crate::op::{AttentionOptions, Binary, Reduce, Unary, Weights};
use crate::shape::Shape;
use crate::tape::{Id, Tape};

type Built = Result<Id, TapeError>;

/// What a recurrent layer keeps from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// h = tanh(Wx + Vh).
    Tanh,
    /// Long short-term memory: gates in, forget, cell, out.
    Lstm,
    /// Gated recurrent unit: gates reset, update, new.
    Gru,
}

impl Cell {
    /// Rows of weights for each element of the state.
    pub const fn gates(self) -> usize {
        match self {
            Cell::Tanh => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }
}

/// The weights of one direction of a recurrent layer, as PyTorch lays them out: gates one after another.
#[derive(Clone, Copy, Debug)]
pub struct Recurrent {
    /// What it is.
    pub cell: Cell,
    /// `[gates · state, input]`
    pub of_input: Id,
    /// `[gates · state, state]`
    pub of_state: Id,
    /// `[gates · state]`
    pub input_bias: Id,
    /// `[gates · state]`
    pub state_bias: Id,
}

/// What a recurrent layer gives.
#[derive(Clone, Copy, Debug)]
pub struct Recurred {
    /// The state after each step, `[batch, time, state]`.
    pub out: Id,
    /// The last, `[batch, state]`.
    pub state: Id,
    /// The last cell of an LSTM, `[batch, state]`.
    pub cell: Option<Id>,
}

/// The weights of attention with several heads.
#[derive(Clone, Copy, Debug)]
pub struct MultiHead {
    /// Queries, keys and values, one after another: `[3 · width, width]`.
    pub of_input: Id,
    /// `[3 · width]`
    pub input_bias: Id,
    /// `[width, width]`
    pub of_heads: Id,
    /// `[width]`
    pub bias: Id,
    /// How many.
    pub heads: usize,
}

/// Batch normalisation in training.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    /// The result.
    pub out: Id,
    /// The mean of each channel over the batch; computed if it is kept.
    pub mean: Id,
    /// The variance of each channel, divided by the count; computed if it is kept.
    pub variance: Id,
}

/// A low-rank addition to frozen weights: `x·W + (x·A)·B · scale`.
///
/// Source: Hu and others, "LoRA" (2021).
#[derive(Clone, Copy, Debug)]
pub struct Lora {
    /// `[rank, input]`
    pub down: Id,
    /// `[output, rank]`, zeros at first.
    pub up: Id,
    /// alpha / rank.
    pub scale: f32,
}

/// Everything here can fail as [`Tape`]'s operations do: shapes that do not fit, ids of another tape, a full tape.
impl Tape {
    /// a + b.
    ///
    /// # Errors
    ///
    /// The shapes do not broadcast; so with the three that follow.
    pub fn add(&mut self, a: Id, b: Id) -> Built {
        self.binary(Binary::Add, a, b)
    }

    /// a - b.
    ///
    /// # Errors
    ///
    /// As [`Tape::add`].
    pub fn sub(&mut self, a: Id, b: Id) -> Built {
        self.binary(Binary::Sub, a, b)
    }

    /// a · b.
    ///
    /// # Errors
    ///
    /// As [`Tape::add`].
    pub fn mul(&mut self, a: Id, b: Id) -> Built {
        self.binary(Binary::Mul, a, b)
    }

    /// a / b.
    ///
    /// # Errors
    ///
    /// As [`Tape::add`].
    pub fn div(&mut self, a: Id, b: Id) -> Built {
        self.binary(Binary::Div, a, b)
    }

    /// by · x.
    ///
    /// # Errors
    ///
    /// The tensor holds integers.
    pub fn scale(&mut self, x: Id, by: f32) -> Built {
        self.unary(Unary::Affine { scale: by, shift: 0.0 }, x)
    }

    /// What all elements come to: a scalar.
    ///
    /// # Errors
    ///
    /// The tensor holds integers.
    pub fn reduce_all(&mut self, reduce: Reduce, x: Id) -> Built {
        let elements = self.shape(x)?.elements();
        let flat = self.reshape(x, &[elements])?;
        self.reduce(reduce, flat)
    }

    /// The variance of each row, divided by its length less one.
    ///
    /// # Errors
    ///
    /// Rows have one element, or the tensor holds integers.
    pub fn variance(&mut self, x: Id) -> Built {
        let width = self.shape(x)?.last();
        if width < 2 {
            return Err(TapeError::Option { value: width, bound: 2 });
        }
        let (_, squares) = self.moments(x)?;
        self.scale(squares, width as f32 / (width - 1) as f32)
    }

    /// SiLU of the gate times the other.
    ///
    /// # Errors
    ///
    /// The shapes do not broadcast.
    pub fn swiglu(&mut self, gate: Id, up: Id) -> Built {
        let gate = self.unary(Unary::Silu, gate)?;
        self.mul(gate, up)
    }

    /// Batch normalisation in training: channels, the second dimension, by what they are in this batch.
    ///
    /// # Errors
    ///
    /// There are less than two dimensions, or weight and bias are not as long as there are channels.
    pub fn batch_norm(&mut self, x: Id, weight: Id, bias: Id, epsilon: f32) -> Result<BatchNorm, TapeError> {
        let shape = self.shape(x)?;
        let &[batch, channels, ref rest @ ..] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        let turned = self.transpose(x, 0, 1)?;
        let rows = self.reshape(turned, &[channels, shape.elements() / channels])?;
        let normal = self.layer_norm(rows, None, epsilon)?;
        let mut dims = [1; RANK_MAX];
        (dims[0], dims[1]) = (channels, batch);
        dims[2..shape.rank()].copy_from_slice(rest);
        let normal = self.reshape(normal, &dims[..shape.rank()])?;
        let normal = self.transpose(normal, 0, 1)?;
        let out = self.by_channel(normal, weight, bias)?;
        let (mean, variance) = self.moments(rows)?;
        Ok(BatchNorm { out, mean, variance })
    }

    /// Batch normalisation by means and variances that were found in training.
    ///
    /// # Errors
    ///
    /// As [`Tape::batch_norm`].
    pub fn batch_norm_fixed(
        &mut self,
        x: Id,
        (mean, variance): (Id, Id),
        (weight, bias): (Id, Id),
        epsilon: f32,
    ) -> Built {
        let shifted = self.unary(Unary::Affine { scale: 1.0, shift: epsilon }, variance)?;
        let deviation = self.unary(Unary::Sqrt, shifted)?;
        let factor = self.div(weight, deviation)?;
        let (mean, factor) = (self.channels(x, mean)?, self.channels(x, factor)?);
        let (centred, bias) = (self.sub(x, mean)?, self.channels(x, bias)?);
        let scaled = self.mul(centred, factor)?;
        self.add(scaled, bias)
    }

    /// Groups of channels, each brought to mean 0 and variance 1, then weight and bias of each channel.
    ///
    /// # Errors
    ///
    /// The groups do not divide the channels, or weight and bias are not as long as there are channels.
    pub fn group_norm(&mut self, x: Id, groups: usize, weight: Id, bias: Id, epsilon: f32) -> Built {
        let shape = self.shape(x)?;
        let &[batch, channels, ..] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        if groups == 0 || channels % groups != 0 {
            return Err(TapeError::Option { value: groups, bound: channels });
        }
        let rows = self.reshape(x, &[batch * groups, shape.elements() / (batch * groups)])?;
        let normal = self.layer_norm(rows, None, epsilon)?;
        let normal = self.reshape(normal, shape.dims())?;
        self.by_channel(normal, weight, bias)
    }

    /// A recurrent layer over `[batch, time, input]`, from zeros; backwards in time if `reverse`.
    ///
    /// # Errors
    ///
    /// The shapes do not fit.
    pub fn recurrent(&mut self, x: Id, of: Recurrent, reverse: bool) -> Result<Recurred, TapeError> {
        let (shape, weights) = (self.shape(x)?, self.shape(of.of_state)?);
        let (&[batch, time, _], &[_, state]) = (shape.dims(), weights.dims()) else {
            return Err(TapeError::Mismatch { left: shape, right: weights });
        };
        let gates = of.cell.gates() * state;
        // Time first, so that a step is a stretch of memory.
        let turned = self.transpose(x, 0, 1)?;
        let inputs = self.linear(turned, of.of_input, Some(of.input_bias), Weights::OutIn)?;
        let (mut h, mut c, mut outs) = (None, None, Vec::with_capacity(time));
        for nth in 0..time {
            let at = if reverse { time - 1 - nth } else { nth };
            let step = self.narrow(inputs, 0, at, 1)?;
            let step = self.reshape(step, &[batch, gates])?;
            let kept = match h {
                None => self.expand(of.state_bias, &[batch, gates])?,
                Some(h) => self.linear(h, of.of_state, Some(of.state_bias), Weights::OutIn)?,
            };
            let next = match of.cell {
                Cell::Tanh => {
                    let sum = self.add(step, kept)?;
                    self.unary(Unary::Tanh, sum)?
                }
                Cell::Gru => self.gru(step, kept, h, state)?,
                Cell::Lstm => {
                    let sum = self.add(step, kept)?;
                    let (next, cell) = self.lstm(sum, c, state)?;
                    c = Some(cell);
                    next
                }
            };
            h = Some(next);
            outs.push(self.reshape(next, &[batch, 1, state])?);
        }
        if reverse {
            outs.reverse();
        }
        let state = h.ok_or(TapeError::Empty { axis: 1 })?;
        Ok(Recurred { out: self.concat(&outs, 1)?, state, cell: c })
    }

    /// Attention of `[batch, time, width]` to itself with several heads.
    ///
    /// # Errors
    ///
    /// The heads do not divide the width, or the shapes do not fit.
    pub fn multi_head(&mut self, x: Id, of: MultiHead, options: AttentionOptions) -> Built {
        let shape = self.shape(x)?;
        let &[batch, time, width] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        if of.heads == 0 || width % of.heads != 0 {
            return Err(TapeError::Option { value: of.heads, bound: width });
        }
        let all = self.linear(x, of.of_input, Some(of.input_bias), Weights::OutIn)?;
        let [q, k, v] = self.split_heads(all, of.heads)?;
        let out = self.attention([q, k, v], None, options)?;
        let out = self.reshape(out, &[batch, time, width])?;
        self.linear(out, of.of_heads, Some(of.bias), Weights::OutIn)
    }

    /// `[batch, time, 3 · width]` as queries, keys and values `[batch, time, heads, width / heads]`: views.
    ///
    /// # Errors
    ///
    /// The heads do not divide the width.
    pub fn split_heads(&mut self, all: Id, heads: usize) -> Result<[Id; 3], TapeError> {
        let shape = self.shape(all)?;
        let &[batch, time, all_width] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        let width = all_width / 3;
        if heads == 0 || !all_width.is_multiple_of(3) || width % heads != 0 {
            return Err(TapeError::Option { value: heads, bound: width });
        }
        let split = self.reshape(all, &[batch, time, 3 * heads, width / heads])?;
        let mut parts = [all; 3];
        for (nth, part) in parts.iter_mut().enumerate() {
            *part = self.narrow(split, 2, nth * heads, heads)?;
        }
        Ok(parts)
    }

    /// A linear layer of frozen weights with a low-rank addition that is trained.
    ///
    /// # Errors
    ///
    /// The shapes do not fit.
    pub fn linear_lora(&mut self, x: Id, (w, bias, weights): (Id, Option<Id>, Weights), lora: Lora) -> Built {
        let whole = self.linear(x, w, bias, weights)?;
        let low = self.linear(x, lora.down, None, Weights::OutIn)?;
        let low = self.scale(low, lora.scale)?;
        let high = self.linear(low, lora.up, None, Weights::OutIn)?;
        self.add(whole, high)
    }

    /// The mean of (a - b)².
    ///
    /// # Errors
    ///
    /// The shapes do not broadcast; so with the two that follow.
    pub fn mean_square_error(&mut self, a: Id, b: Id) -> Built {
        let d = self.sub(a, b)?;
        let d = self.unary(Unary::Square, d)?;
        self.reduce_all(Reduce::Mean, d)
    }

    /// The mean of ½d² up to delta, delta·(|d| - ½delta) beyond.
    ///
    /// # Errors
    ///
    /// As [`Tape::mean_square_error`].
    pub fn huber_loss(&mut self, a: Id, b: Id, delta: f32) -> Built {
        let d = self.sub(a, b)?;
        let d = self.unary(Unary::Huber { delta }, d)?;
        self.reduce_all(Reduce::Mean, d)
    }

    /// [`Tape::huber_loss`] divided by beta: slope 1 beyond beta.
    ///
    /// # Errors
    ///
    /// As [`Tape::mean_square_error`].
    pub fn smooth_l1_loss(&mut self, a: Id, b: Id, beta: f32) -> Built {
        let loss = self.huber_loss(a, b, beta)?;
        self.scale(loss, 1.0 / beta)
    }

    /// The mean of `-(y·ln σ(x) + (1 - y)·ln(1 - σ(x)))`.
    ///
    /// # Errors
    ///
    /// The shapes do not broadcast.
    pub fn binary_cross_entropy(&mut self, x: Id, y: Id) -> Built {
        let all = self.unary(Unary::Softplus, x)?;
        let own = self.mul(x, y)?;
        let loss = self.sub(all, own)?;
        self.reduce_all(Reduce::Mean, loss)
    }

    /// Σ p·(ln p - q) divided by the number of rows, q being logarithms: the divergence of Kullback and Leibler.
    ///
    /// # Errors
    ///
    /// The shapes differ.
    pub fn kl_divergence(&mut self, log_q: Id, p: Id) -> Built {
        let rows = self.shape(log_q)?.rows();
        let log_p = self.unary(Unary::Log, p)?;
        let d = self.sub(log_p, log_q)?;
        let d = self.mul(p, d)?;
        let sum = self.reduce_all(Reduce::Sum, d)?;
        self.scale(sum, 1.0 / rows as f32)
    }
}

// Parts of layers.
impl Tape {
    /// The mean of each row, and the mean of squares of the differences from it.
    fn moments(&mut self, x: Id) -> Result<(Id, Id), TapeError> {
        let shape = self.shape(x)?;
        let mean = self.reduce(Reduce::Mean, x)?;
        let (mut dims, rank) = ([1; RANK_MAX], shape.rank());
        dims[..rank - 1].copy_from_slice(&shape.dims()[..rank - 1]);
        let column = self.reshape(mean, &dims[..rank])?;
        let d = self.sub(x, column)?;
        let d = self.unary(Unary::Square, d)?;
        Ok((mean, self.reduce(Reduce::Mean, d)?))
    }

    fn by_channel(&mut self, x: Id, weight: Id, bias: Id) -> Built {
        let (weight, bias) = (self.channels(x, weight)?, self.channels(x, bias)?);
        let scaled = self.mul(x, weight)?;
        self.add(scaled, bias)
    }

    /// A value for each channel, so that it broadcasts over a batch.
    fn channels(&mut self, x: Id, values: Id) -> Built {
        let (shape, found) = (self.shape(x)?, self.shape(values)?);
        let &[_, channels, ref rest @ ..] = shape.dims() else {
            return Err(TapeError::Rank { rank: shape.rank() });
        };
        if found.dims() != [channels] {
            return Err(TapeError::Mismatch { left: shape, right: found });
        }
        let mut dims = [1; RANK_MAX];
        dims[0] = channels;
        self.reshape(values, &dims[..=rest.len()])
    }

    fn gate(&mut self, all: Id, nth: usize, state: usize, function: Unary) -> Built {
        let gate = self.narrow(all, 1, nth * state, state)?;
        self.unary(function, gate)
    }

    fn lstm(&mut self, all: Id, cell: Option<Id>, state: usize) -> Result<(Id, Id), TapeError> {
        let enter = self.gate(all, 0, state, Unary::Sigmoid)?;
        let new = self.gate(all, 2, state, Unary::Tanh)?;
        let leave = self.gate(all, 3, state, Unary::Sigmoid)?;
        let mut next = self.mul(enter, new)?;
        if let Some(cell) = cell {
            let forget = self.gate(all, 1, state, Unary::Sigmoid)?;
            let kept = self.mul(forget, cell)?;
            next = self.add(kept, next)?;
        }
        let shown = self.unary(Unary::Tanh, next)?;
        Ok((self.mul(leave, shown)?, next))
    }

    /// (1 - z)·n + z·h, written as n + z·(h - n).
    fn gru(&mut self, of_input: Id, of_state: Id, h: Option<Id>, state: usize) -> Built {
        let sum = self.add(of_input, of_state)?;
        let reset = self.gate(sum, 0, state, Unary::Sigmoid)?;
        let update = self.gate(sum, 1, state, Unary::Sigmoid)?;
        let (x, kept) =
            (self.narrow(of_input, 1, 2 * state, state)?, self.narrow(of_state, 1, 2 * state, state)?);
        let kept = self.mul(reset, kept)?;
        let new = self.add(x, kept)?;
        let new = self.unary(Unary::Tanh, new)?;
        let back = match h {
            Some(h) => self.sub(h, new)?,
            None => self.scale(new, -1.0)?,
        };
        let back = self.mul(update, back)?;
        self.add(new, back)
    }
}

/// Cosines, then sines, of the angles of each time, as [`Tape::rotate`] takes them: angle `position · frequency`.
///
/// # Errors
///
/// The table has no elements, or too many.
pub fn rotary_table(positions: &[u32], frequencies: &[f64]) -> Result<Vec<f32>, TapeError> {
    let len = Shape::new(&[positions.len(), 2, frequencies.len()])?.elements();
    let mut table = Vec::with_capacity(len);
    for &position in positions {
        let angles = frequencies.iter().map(|frequency| f64::from(position) * frequency);
        table.extend(angles.clone().map(|angle| libm::cos(angle) as f32));
        table.extend(angles.map(|angle| libm::sin(angle) as f32));
    }
    Ok(table)
}

/// The frequencies of rotary positions: `base` to the power of `-2i / length`.
pub fn rotary_frequencies(base: f64, len: usize) -> Vec<f64> {
    (0..len / 2).map(|at| libm::pow(base, -2.0 * at as f64 / len as f64)).collect()
}

/// Sinusoidal positions `[time, width]`: sine and cosine side by side.
///
/// Source: Vaswani and others, "Attention Is All You Need" (2017), 3.5.
///
/// # Errors
///
/// The table has no elements, or too many.
pub fn sinusoidal_positions(time: usize, width: usize) -> Result<Vec<f32>, TapeError> {
    let len = Shape::new(&[time, width])?.elements();
    let value = |index: usize| {
        let (position, at) = ((index / width) as f64, index % width);
        let angle = position * libm::pow(10_000.0, -((at / 2 * 2) as f64) / width as f64);
        (if at % 2 == 0 { libm::sin(angle) } else { libm::cos(angle) }) as f32
    };
    Ok((0..len).map(value).collect())
}
