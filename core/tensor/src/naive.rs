//! The plain twin: every operation in f64, element by element, after its definition. It judges the results, and by differences of its
//! results the gradients. Numbers beyond their table give what is not a number.

use alloc::vec;
use alloc::vec::Vec;

use crate::kernels::elementwise::Dropout;
use crate::op::{Binary, CrossEntropyOptions, Op, Pairs, Pool, Reduce, Stride, Unary, Weights};
use crate::tape::{Id, Origin, Record, Tape};

/// The values of every storage of a tape.
#[derive(Clone, Debug)]
pub struct Values<'t> {
    tape: &'t Tape,
    storages: Vec<Vec<f64>>,
    seed: u64,
}

impl<'t> Values<'t> {
    /// All zeros.
    pub fn new(tape: &'t Tape, seed: u64) -> Values<'t> {
        Values { tape, storages: tape.storages.iter().map(|storage| vec![0.0; storage.len]).collect(), seed }
    }

    /// Sets an input, a variable, a parameter or numbers.
    pub fn set(&mut self, id: Id, values: impl IntoIterator<Item = f64>) {
        let storage = self.tape.nodes[id.0 as usize].storage as usize;
        self.storages[storage].iter_mut().zip(values).for_each(|(to, x)| *to = x);
    }

    /// The storage of a tensor that is not made from others, to change single elements.
    pub fn leaf(&mut self, id: Id) -> &mut [f64] {
        &mut self.storages[self.tape.nodes[id.0 as usize].storage as usize]
    }

    /// The elements of a tensor in their order.
    pub fn get(&self, id: Id) -> Vec<f64> {
        let view = &self.tape.nodes[id.0 as usize];
        let storage = &self.storages[view.storage as usize];
        (0..view.shape.elements()).map(|at| storage[view.place(at)]).collect()
    }

    /// Computes everything.
    pub fn run(&mut self) {
        for record in &self.tape.records {
            let out = self.compute(record);
            let storage = self.tape.nodes[record.out.0 as usize].storage as usize;
            debug_assert!(matches!(self.tape.storages[storage].origin, Origin::Record(_)));
            self.storages[storage] = out;
        }
    }

    /// The greatest size of anything; not a number if something is none.
    pub fn greatest(&self) -> f64 {
        let all = self.storages.iter().flatten();
        all.fold(0.0, |kept, x| if x.is_nan() || kept.is_nan() { f64::NAN } else { kept.max(x.abs()) })
    }

    fn dims(&self, id: Id) -> Vec<usize> {
        self.tape.nodes[id.0 as usize].shape.dims().to_vec()
    }

    fn compute(&self, record: &Record) -> Vec<f64> {
        let inputs = self.tape.inputs(record);
        let x = self.get(inputs[0]);
        let other = |at: usize| inputs.get(at).map(|id| self.get(*id));
        let (dims, out) = (self.dims(inputs[0]), self.dims(record.out));
        let width = dims.last().copied().unwrap_or(1);
        let rows = |f: &dyn Fn(&[f64]) -> Vec<f64>| x.chunks(width).flat_map(f).collect::<Vec<f64>>();
        match record.op {
            Op::Copy => x,
            Op::Unary(function) => x.iter().map(|x| unary(function, *x)).collect(),
            Op::Binary(function) => {
                let b = other(1).unwrap_or_default();
                x.iter().zip(&b).map(|(a, b)| binary(function, *a, *b)).collect()
            }
            Op::Concat { axis } => self.concat(inputs, axis, &out),
            Op::Dropout { rate, nth } => {
                let seed = self.seed.wrapping_add(nth.wrapping_mul(0xd134_2543_de82_ef95));
                let mut kept = vec![1.0; x.len()];
                Dropout { rate, seed }.apply(0, &mut kept);
                x.iter().zip(kept).map(|(x, kept)| x * f64::from(kept)).collect()
            }
            Op::MatMul => matmul(&x, &other(1).unwrap_or_default(), &dims, out[out.len() - 1]),
            Op::Linear(weights) => {
                linear(&x, &other(1).unwrap_or_default(), other(2), (width, out[out.len() - 1], weights))
            }
            Op::LayerNorm { epsilon } => {
                let (w, b) = (other(1), other(2));
                rows(&|row| normalised(row, true, epsilon, w.as_deref(), b.as_deref()))
            }
            Op::RmsNorm { epsilon } => {
                let w = other(1);
                rows(&|row| normalised(row, false, epsilon, w.as_deref(), None))
            }
            Op::Softmax => rows(&|row| {
                let sum = log_sum_exp(row);
                row.iter().map(|x| libm::exp(x - sum)).collect()
            }),
            Op::LogSoftmax => rows(&|row| {
                let sum = log_sum_exp(row);
                row.iter().map(|x| x - sum).collect()
            }),
            Op::Reduce(reduce) => rows(&|row| vec![reduced(reduce, row)]),
            Op::CumSum => rows(&|row| {
                let mut sum = 0.0;
                let sums = row.iter().map(|x| {
                    sum += x;
                    sum
                });
                sums.collect()
            }),
            Op::Gather => {
                let (ids, each) = (other(1).unwrap_or_default(), out[out.len() - 1]);
                let all = ids.iter().enumerate();
                all.map(
                    |(at, id)| {
                        if (*id as usize) < width { x[at / each * width + *id as usize] } else { f64::NAN }
                    },
                )
                .collect()
            }
            Op::Embedding => {
                let ids = other(1).unwrap_or_default();
                ids.iter()
                    .flat_map(|id| {
                        x.chunks(width).nth(*id as usize).map_or(vec![f64::NAN; width], <[f64]>::to_vec)
                    })
                    .collect()
            }
            Op::CrossEntropy(options) => vec![cross_entropy(&x, &other(1).unwrap_or_default(), options)],
            Op::Attention { causal, window, scale } => {
                let limits = (causal, window, f64::from(scale));
                self.attention(inputs, limits)
            }
            Op::Rotate(pairs) => rotate(&x, &other(1).unwrap_or_default(), &dims, pairs),
            Op::Conv(stride) => conv(
                (&x, &dims),
                (&other(1).unwrap_or_default(), &self.dims(inputs[1])),
                other(2),
                (stride, &out),
            ),
            Op::ConvTranspose { stride, .. } => {
                let w = (other(1).unwrap_or_default(), self.dims(inputs[1]));
                conv_transpose((&x, &dims), (&w.0, &w.1), other(2), (stride, &out))
            }
            Op::MaxPool(pool) => pooled((&x, &dims), &out, Some(pool), true),
            Op::AveragePool(pool) => pooled((&x, &dims), &out, Some(pool), false),
            Op::AdaptiveAveragePool => pooled((&x, &dims), &out, None, false),
        }
    }

    fn concat(&self, inputs: &[Id], axis: usize, out: &[usize]) -> Vec<f64> {
        let outer: usize = out[..axis].iter().product();
        let parts: Vec<Vec<f64>> = inputs.iter().map(|id| self.get(*id)).collect();
        let mut all = Vec::new();
        for nth in 0..outer {
            for part in &parts {
                let len = part.len() / outer;
                all.extend_from_slice(&part[nth * len..][..len]);
            }
        }
        all
    }

    fn attention(&self, inputs: &[Id], (causal, window, scale): (bool, usize, f64)) -> Vec<f64> {
        let [q, k, v] = [0, 1, 2].map(|at| self.get(inputs[at]));
        let (of_q, of_k) = (self.dims(inputs[0]), self.dims(inputs[1]));
        let (batch, time, heads, len) = (of_q[0], of_q[1], of_q[2], of_q[3]);
        let (keys, groups) = (of_k[1], of_k[2]);
        let ranges = inputs.get(3).map(|id| self.get(*id));
        let mut out = vec![0.0; q.len()];
        for index in 0..batch * time * heads {
            let (b, t, h) = (index / heads / time, index / heads % time, index % heads);
            let at = t + keys - time.min(keys);
            let seen = |key: usize| {
                let valid = ranges.as_ref().is_none_or(|ranges| {
                    let (begin, end) = (ranges[2 * b], ranges[2 * b + 1]);
                    (key as f64) >= begin && (key as f64) < end
                });
                valid && (!causal || key <= at) && key.saturating_add(window) > at
            };
            let row = |data: &[f64], key: usize| {
                data[((b * keys + key) * groups + h * groups / heads) * len..][..len].to_vec()
            };
            let own = &q[index * len..][..len];
            let list: Vec<usize> = (0..keys).filter(|&key| seen(key)).collect();
            let scores: Vec<f64> = list
                .iter()
                .map(|&key| scale * own.iter().zip(row(&k, key)).map(|(q, k)| q * k).sum::<f64>())
                .collect();
            let sum = log_sum_exp(&scores);
            for (score, &key) in scores.iter().zip(&list) {
                let p = libm::exp(score - sum);
                out[index * len..][..len].iter_mut().zip(row(&v, key)).for_each(|(out, v)| *out += p * v);
            }
        }
        out
    }
}

fn unary(function: Unary, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let softplus = |x: f64| if x > 20.0 { x } else { libm::log1p(libm::exp(x)) };
    match function {
        Unary::Relu => x.max(0.0),
        Unary::Gelu => 0.5 * x * (1.0 + libm::erf(x * core::f64::consts::FRAC_1_SQRT_2)),
        Unary::GeluTanh => {
            let inner = libm::sqrt(2.0 / core::f64::consts::PI) * (x + 0.044715 * x * x * x);
            0.5 * x * (1.0 + libm::tanh(inner))
        }
        Unary::Silu => x * sigmoid(x),
        Unary::Sigmoid => sigmoid(x),
        Unary::Tanh => libm::tanh(x),
        Unary::Softplus => softplus(x),
        Unary::Elu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * libm::expm1(x)
            }
        }
        Unary::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Unary::Mish => x * libm::tanh(softplus(x)),
        Unary::Hardswish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Unary::Exp => libm::exp(x),
        Unary::Log => libm::log(x),
        Unary::Sqrt => libm::sqrt(x),
        Unary::Square => x * x,
        Unary::Affine { scale, shift } => f64::from(scale) * x + f64::from(shift),
        Unary::Huber { delta } => {
            let delta = f64::from(delta);
            if x.abs() < delta { 0.5 * x * x } else { delta * (x.abs() - 0.5 * delta) }
        }
    }
}

fn binary(function: Binary, a: f64, b: f64) -> f64 {
    match function {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
    }
}

fn matmul(a: &[f64], b: &[f64], dims: &[usize], n: usize) -> Vec<f64> {
    let (m, k) = (dims[dims.len() - 2], dims[dims.len() - 1]);
    let mut out = Vec::new();
    for (a, b) in a.chunks(m * k).zip(b.chunks(k * n)) {
        for at in 0..m * n {
            out.push((0..k).map(|nth| a[at / n * k + nth] * b[nth * n + at % n]).sum());
        }
    }
    out
}

fn linear(
    x: &[f64],
    w: &[f64],
    bias: Option<Vec<f64>>,
    (ins, outs, weights): (usize, usize, Weights),
) -> Vec<f64> {
    let mut result = Vec::new();
    for row in x.chunks(ins) {
        for out in 0..outs {
            let weight =
                |at: usize| if weights == Weights::OutIn { w[out * ins + at] } else { w[at * outs + out] };
            let sum: f64 = row.iter().enumerate().map(|(at, x)| x * weight(at)).sum();
            result.push(sum + bias.as_ref().map_or(0.0, |bias| bias[out]));
        }
    }
    result
}

fn normalised(row: &[f64], centre: bool, epsilon: f32, w: Option<&[f64]>, b: Option<&[f64]>) -> Vec<f64> {
    let len = row.len() as f64;
    let mean = if centre { row.iter().sum::<f64>() / len } else { 0.0 };
    let square = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / len;
    let factor = 1.0 / libm::sqrt(square + f64::from(epsilon));
    let of = |list: Option<&[f64]>, at: usize, none: f64| list.map_or(none, |list| list[at]);
    let all = row.iter().enumerate();
    all.map(|(at, x)| (x - mean) * factor * of(w, at, 1.0) + of(b, at, 0.0)).collect()
}

fn log_sum_exp(row: &[f64]) -> f64 {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    greatest + libm::log(row.iter().map(|x| libm::exp(x - greatest)).sum())
}

fn reduced(reduce: Reduce, row: &[f64]) -> f64 {
    match reduce {
        Reduce::Sum => row.iter().sum(),
        Reduce::Mean => row.iter().sum::<f64>() / row.len() as f64,
        Reduce::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Reduce::Prod => row.iter().product(),
        Reduce::LogSumExp => log_sum_exp(row),
    }
}

fn cross_entropy(x: &[f64], ids: &[f64], options: CrossEntropyOptions) -> f64 {
    let (width, smoothing) = (x.len() / ids.len(), f64::from(options.smoothing));
    let (mut sum, mut count) = (0.0, 0.0);
    for (row, id) in x.chunks(width).zip(ids) {
        if options.ignore == Some(*id as u32) {
            continue;
        }
        let all = log_sum_exp(row);
        let spread = row.iter().map(|x| all - x).sum::<f64>() / width as f64;
        let own = row.get(*id as usize).copied().unwrap_or(f64::NAN);
        sum += (1.0 - smoothing) * (all - own) + smoothing * spread;
        count += 1.0;
    }
    sum / count
}

fn rotate(x: &[f64], table: &[f64], dims: &[usize], pairs: Pairs) -> Vec<f64> {
    let (time, heads, len) = (dims[1], dims[2], dims[3]);
    let mut out = vec![0.0; x.len()];
    for index in 0..x.len() / 2 {
        let (row, nth) = (index / (len / 2), index % (len / 2));
        let angles = &table[row / heads % time * len..][..len];
        let (c, s) = (angles[nth], angles[nth + len / 2]);
        let (a, b) = if pairs == Pairs::Halves { (nth, nth + len / 2) } else { (2 * nth, 2 * nth + 1) };
        let (a, b) = (row * len + a, row * len + b);
        (out[a], out[b]) = (x[a] * c - x[b] * s, x[b] * c + x[a] * s);
    }
    out
}

/// For each element of a window at a place: where it lies in the picture, if it does.
fn within(place: [usize; 2], element: [usize; 2], picture: [usize; 2], by: &Stride) -> Option<[usize; 2]> {
    let mut at = [0; 2];
    for side in 0..2 {
        let far = place[side] * by.stride[side] + element[side] * by.dilation[side];
        at[side] = far.checked_sub(by.padding[side]).filter(|at| *at < picture[side])?;
    }
    Some(at)
}

/// Calls `each(picture, row of Y, place, element of weights, element of the picture)` for all that meet in a convolution.
fn meet(
    (batch, channels, rows): (usize, usize, usize),
    (picture, places, window): ([usize; 2], [usize; 2], [usize; 2]),
    by: &Stride,
    mut each: impl FnMut(usize, usize, usize),
) {
    let (own, of) = (channels / by.groups, rows / by.groups);
    for index in 0..batch * rows * own {
        let (b, row, channel) = (index / (rows * own), index / own % rows, index % own);
        let picture_channel = b * channels + row / of * own + channel;
        for place in 0..places[0] * places[1] {
            for element in 0..window[0] * window[1] {
                let at = [place / places[1], place % places[1]];
                let within = within(at, [element / window[1], element % window[1]], picture, by);
                if let Some([y, x]) = within {
                    let weight = (row * own + channel) * window[0] * window[1] + element;
                    let from = (picture_channel * picture[0] + y) * picture[1] + x;
                    each((b * rows + row) * places[0] * places[1] + place, weight, from);
                }
            }
        }
    }
}

fn conv(
    (x, dims): (&[f64], &[usize]),
    (w, of_w): (&[f64], &[usize]),
    bias: Option<Vec<f64>>,
    (by, out): (Stride, &[usize]),
) -> Vec<f64> {
    let area = out[2] * out[3];
    let mut result: Vec<f64> = (0..out.iter().product())
        .map(|at: usize| bias.as_ref().map_or(0.0, |bias| bias[at / area % out[1]]))
        .collect();
    let sides = ([dims[2], dims[3]], [out[2], out[3]], [of_w[2], of_w[3]]);
    meet((dims[0], dims[1], out[1]), sides, &by, |y, weight, from| result[y] += w[weight] * x[from]);
    result
}

fn conv_transpose(
    (x, dims): (&[f64], &[usize]),
    (w, of_w): (&[f64], &[usize]),
    bias: Option<Vec<f64>>,
    (by, out): (Stride, &[usize]),
) -> Vec<f64> {
    let area = out[2] * out[3];
    let mut result: Vec<f64> = (0..out.iter().product())
        .map(|at: usize| bias.as_ref().map_or(0.0, |bias| bias[at / area % out[1]]))
        .collect();
    let sides = ([out[2], out[3]], [dims[2], dims[3]], [of_w[2], of_w[3]]);
    meet((dims[0], out[1], dims[1]), sides, &by, |y, weight, to| result[to] += w[weight] * x[y]);
    result
}

fn pooled((x, dims): (&[f64], &[usize]), out: &[usize], pool: Option<Pool>, greatest: bool) -> Vec<f64> {
    let span = |side: usize, nth: usize| match pool {
        None => {
            let (from, places) = (dims[2 + side], out[2 + side]);
            let end = ((nth + 1) * from).div_ceil(places);
            (nth * from / places) as isize..end as isize
        }
        Some(pool) => {
            let begin = (nth * pool.stride[side]) as isize - pool.padding[side] as isize;
            begin..begin + pool.size[side] as isize
        }
    };
    let mut result = Vec::new();
    for plane in x.chunks(dims[2] * dims[3]) {
        for place in 0..out[2] * out[3] {
            let (down, across) = (span(0, place / out[3]), span(1, place % out[3]));
            let count = (down.len() * across.len()) as f64;
            let inside =
                |y: isize, x: isize| (0..dims[2] as isize).contains(&y) && (0..dims[3] as isize).contains(&x);
            let all = down.flat_map(|y| across.clone().map(move |x| (y, x))).filter(|(y, x)| inside(*y, *x));
            let values = all.map(|(y, x)| plane[y as usize * dims[3] + x as usize]);
            result.push(if greatest {
                values.fold(f64::NEG_INFINITY, f64::max)
            } else {
                values.sum::<f64>() / count
            });
        }
    }
    result
}
