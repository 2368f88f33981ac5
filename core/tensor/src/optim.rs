//! Optimisers over flat parameters: those of PyTorch, with its numbers.
//!
//! A state is as many floats as [`Method::slots`] times the parameters: slot after slot, each laid out as they are. The caller owns it and
//! sets it to zeros before the first step. With [`Optimiser::steps`] and [`Optimiser::product`] it is all that a later step depends on.
//!
//! Sources: Kingma and Ba, "Adam" (2014); Loshchilov and Hutter, "Decoupled Weight Decay" (2017); Dozat, "NAdam" (2016); Liu and others,
//! "RAdam" (2019); Duchi and others, "Adagrad" (2011); Zeiler, "Adadelta" (2012); PyTorch 2.15, `torch/optim`, for orders and defaults.

use core::ops::Range;

use dolmen_simd::arith;

use crate::context::{Context, by_rows};
use crate::kernels::GRAIN;

/// What an optimiser does with a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// Gradient descent.
    Sgd {
        /// Of the velocity; 0 is without.
        momentum: f32,
        /// Taken off what a gradient adds to the velocity.
        dampening: f32,
        /// Whether the step looks ahead.
        nesterov: bool,
    },
    /// Adam, decay added to the gradient.
    Adam(Adam),
    /// Adam, decay taken off the parameters.
    AdamW(Adam),
    /// Divided by the root of a running mean of squares.
    RmsProp {
        /// Of the mean.
        alpha: f32,
        /// Added to the root.
        epsilon: f32,
        /// Of the velocity.
        momentum: f32,
        /// Whether the mean is taken off.
        centered: bool,
    },
    /// Divided by the root of the sum of squares.
    Adagrad {
        /// Added to the root.
        epsilon: f32,
        /// Of the rate with each step.
        decay: f64,
    },
    /// Scaled by the ratio of past steps to past gradients.
    Adadelta {
        /// Of both means.
        rho: f32,
        /// Added before roots are taken.
        epsilon: f32,
    },
    /// Adam with Nesterov's look ahead.
    NAdam {
        /// Adam's numbers.
        adam: Adam,
        /// How fast the momentum grows.
        decay: f64,
    },
    /// Adam whose first steps are plain until the variance is known.
    RAdam(Adam),
    /// Adam by the greatest gradient.
    Adamax(Adam),
}

/// The numbers of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Of the mean and of the mean of squares.
    pub betas: [f32; 2],
    /// Added to the root.
    pub epsilon: f32,
    /// Whether the greatest mean of squares counts.
    pub amsgrad: bool,
}

impl Adam {
    /// Betas 0.9 and 0.999, epsilon 1e-8.
    pub const USUAL: Adam = Adam { betas: [0.9, 0.999], epsilon: 1e-8, amsgrad: false };
}

/// Parameters that are treated alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Which.
    pub range: Range<usize>,
    /// How they decay.
    pub weight_decay: f32,
    /// What the rate is multiplied with.
    pub rate: f64,
}

/// What a step changes, and by what.
#[derive(Debug)]
pub struct Update<'a> {
    /// The parameters.
    pub params: &'a mut [f32],
    /// Their gradients.
    pub grads: &'a [f32],
    /// [`Method::slots`] times as many floats.
    pub state: &'a mut [f32],
    /// What gradients are multiplied with: clipping, the mean of several steps.
    pub scale: f32,
}

impl Method {
    /// Floats of state for each parameter.
    pub fn slots(&self) -> usize {
        match *self {
            Method::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Method::Adam(adam) | Method::AdamW(adam) => 2 + usize::from(adam.amsgrad),
            Method::RmsProp { momentum, centered, .. } => {
                1 + usize::from(centered) + usize::from(momentum != 0.0)
            }
            Method::Adagrad { .. } => 1,
            Method::Adadelta { .. } | Method::NAdam { .. } | Method::RAdam(_) | Method::Adamax(_) => 2,
        }
    }
}

/// An optimiser on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimiser {
    method: Method,
    steps: u64,
    product: f64,
}

impl Optimiser {
    /// Before its first step.
    pub fn new(method: Method) -> Optimiser {
        Optimiser { method, steps: 0, product: 1.0 }
    }

    /// As it was after `steps`, with the product it had then.
    pub fn resumed(method: Method, steps: u64, product: f64) -> Optimiser {
        Optimiser { method, steps, product }
    }

    /// What it does.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The product of NAdam's momenta; 1 of the others.
    pub fn product(&self) -> f64 {
        self.product
    }

    /// One step at this rate. Parameters in no group stay as they are.
    ///
    /// # Panics
    ///
    /// Slices differ in length, the state is not [`Method::slots`] times as long, or a group reaches beyond the parameters.
    pub fn step(&mut self, context: &Context<'_>, rate: f64, groups: &[Group], update: Update<'_>) {
        let Update { params, grads, state, scale } = update;
        let len = params.len();
        assert!(grads.len() == len, "{} gradients of {len} parameters", grads.len());
        let slots = self.method.slots();
        assert!(state.len() == slots * len, "{} floats of state, not {}", state.len(), slots * len);
        self.steps += 1;
        let time = self.steps as i32;
        let mut momenta = [0.0; 2];
        if let Method::NAdam { adam, decay } = self.method {
            let momentum = |time: f64| f64::from(adam.betas[0]) * (1.0 - 0.5 * libm::pow(0.96, time * decay));
            momenta = [momentum(f64::from(time)), momentum(f64::from(time + 1))];
            self.product *= momenta[0];
        }
        for group in groups {
            let Range { start, end } = group.range;
            let mut parts: [&mut [f32]; 3] = core::array::from_fn(|_| &mut [][..]);
            for (part, slot) in parts.iter_mut().zip(state.chunks_exact_mut(len.max(1))) {
                *part = &mut slot[start..end];
            }
            let rate = rate * group.rate;
            let rule = Rule {
                method: self.method,
                first: self.steps == 1,
                decay: group.weight_decay,
                scale,
                factors: self.factors(rate, momenta),
            };
            let grads = &grads[start..end];
            let outs = parts.map(|part| {
                let row = usize::from(!part.is_empty());
                (part, row)
            });
            let [a, b, c] = outs;
            let outs = [(&mut params[start..end], 1), a, b, c];
            by_rows(context, (end - start, GRAIN), outs, (&mut [], 0), &|rows, [p, a, b, c], _| {
                rule.apply(p, &grads[rows], [a, b, c]);
            });
        }
    }

    /// What is the same for all parameters of a step, by method.
    fn factors(&self, rate: f64, momenta: [f64; 2]) -> [f32; 4] {
        let time = self.steps as f64;
        let rest = |beta: f32| 1.0 - libm::pow(f64::from(beta), time);
        match self.method {
            Method::Sgd { .. } | Method::RmsProp { .. } | Method::Adadelta { .. } => {
                [rate as f32, 0.0, 0.0, 0.0]
            }
            Method::Adam(adam) => {
                let root = libm::sqrt(rest(adam.betas[1]));
                [(rate / rest(adam.betas[0])) as f32, root as f32, 0.0, 0.0]
            }
            Method::AdamW(adam) => {
                let root = libm::sqrt(rest(adam.betas[1]));
                [(rate / rest(adam.betas[0])) as f32, root as f32, rate as f32, 0.0]
            }
            Method::Adagrad { decay, .. } => [(rate / (1.0 + (time - 1.0) * decay)) as f32, 0.0, 0.0, 0.0],
            Method::NAdam { adam, .. } => {
                let own = rate * (1.0 - momenta[0]) / (1.0 - self.product);
                let mean = rate * momenta[1] / (1.0 - self.product * momenta[1]);
                [own as f32, mean as f32, rest(adam.betas[1]) as f32, 0.0]
            }
            Method::RAdam(adam) => {
                let (limit, second) = (2.0 / (1.0 - f64::from(adam.betas[1])) - 1.0, rest(adam.betas[1]));
                let length = limit - 2.0 * time * (1.0 - second) / second;
                let step = rate / rest(adam.betas[0]);
                if length <= 5.0 {
                    return [step as f32, 0.0, 0.0, 0.0];
                }
                let rectified =
                    (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length);
                [step as f32, libm::sqrt(rectified) as f32, libm::sqrt(second) as f32, 1.0]
            }
            Method::Adamax(adam) => [(rate / rest(adam.betas[0])) as f32, 0.0, 0.0, 0.0],
        }
    }
}

/// A step of one group.
struct Rule {
    method: Method,
    /// Whether it is the first step of all.
    first: bool,
    decay: f32,
    scale: f32,
    factors: [f32; 4],
}

impl Rule {
    fn apply(&self, p: &mut [f32], grads: &[f32], [a, b, c]: [&mut [f32]; 3]) {
        let [rate, second, third, fourth] = self.factors;
        let (scale, decay) = (self.scale, self.decay);
        let of = |g: &f32, p: &f32| g * scale + decay * p;
        match self.method {
            Method::Sgd { momentum: 0.0, .. } => {
                p.iter_mut().zip(grads).for_each(|(p, g)| *p -= rate * of(g, p));
            }
            Method::Sgd { momentum, dampening, nesterov } => {
                for ((p, g), v) in p.iter_mut().zip(grads).zip(a) {
                    let g = of(g, p);
                    *v = if self.first { g } else { momentum * *v + (1.0 - dampening) * g };
                    *p -= rate * if nesterov { g + momentum * *v } else { *v };
                }
            }
            Method::Adam(adam) => self.adam(adam, p, grads, [a, b, c]),
            Method::AdamW(adam) => {
                let keep = 1.0 - third * decay;
                if keep != 1.0 {
                    p.iter_mut().for_each(|p| *p *= keep);
                }
                let plain = Rule { decay: 0.0, ..*self };
                plain.adam(adam, p, grads, [a, b, c]);
            }
            Method::RmsProp { alpha, epsilon, momentum, centered } => {
                let (mean, velocity) = if centered { (b, c) } else { (c, b) };
                for (at, (p, g)) in p.iter_mut().zip(grads).enumerate() {
                    let g = of(g, p);
                    a[at] = alpha * a[at] + (1.0 - alpha) * g * g;
                    let mut square = a[at];
                    if centered {
                        mean[at] += (1.0 - alpha) * (g - mean[at]);
                        square -= mean[at] * mean[at];
                    }
                    let mut step = g / (libm::sqrtf(square) + epsilon);
                    if momentum != 0.0 {
                        velocity[at] = momentum * velocity[at] + step;
                        step = velocity[at];
                    }
                    *p -= rate * step;
                }
            }
            Method::Adagrad { epsilon, .. } => {
                for ((p, g), sum) in p.iter_mut().zip(grads).zip(a) {
                    let g = of(g, p);
                    *sum += g * g;
                    *p -= rate * g / (libm::sqrtf(*sum) + epsilon);
                }
            }
            Method::Adadelta { rho, epsilon } => {
                for (((p, g), squares), steps) in p.iter_mut().zip(grads).zip(a).zip(b) {
                    let g = of(g, p);
                    *squares = rho * *squares + (1.0 - rho) * g * g;
                    let step = libm::sqrtf(*steps + epsilon) / libm::sqrtf(*squares + epsilon) * g;
                    *steps = rho * *steps + (1.0 - rho) * step * step;
                    *p -= rate * step;
                }
            }
            Method::NAdam { adam, .. } => {
                moments(adam, (p, grads), [a, b], of, |p, g, m, v| {
                    let root = libm::sqrtf(v / third) + adam.epsilon;
                    *p -= rate * g / root;
                    *p -= second * m / root;
                });
            }
            Method::RAdam(adam) => {
                moments(adam, (p, grads), [a, b], of, |p, _, m, v| {
                    let by =
                        if fourth > 0.0 { second * third / (libm::sqrtf(v) + adam.epsilon) } else { 1.0 };
                    *p -= rate * m * by;
                });
            }
            Method::Adamax(adam) => {
                let [mean, greatest] = adam.betas;
                for (((p, g), m), u) in p.iter_mut().zip(grads).zip(a).zip(b) {
                    let g = of(g, p);
                    *m += (1.0 - mean) * (g - *m);
                    *u = (greatest * *u).max(g.abs() + adam.epsilon);
                    *p -= rate * *m / *u;
                }
            }
        }
    }

    fn adam(&self, adam: Adam, p: &mut [f32], grads: &[f32], [a, b, c]: [&mut [f32]; 3]) {
        let [rate, root, ..] = self.factors;
        let (scale, decay) = (self.scale, self.decay);
        let of = |g: &f32, p: &f32| g * scale + decay * p;
        if adam.amsgrad {
            let [mean, squares] = adam.betas;
            for ((((p, g), m), v), most) in p.iter_mut().zip(grads).zip(a).zip(b).zip(c) {
                let g = of(g, p);
                *m += (1.0 - mean) * (g - *m);
                *v = squares * *v + (1.0 - squares) * g * g;
                *most = most.max(*v);
                *p -= rate * (*m / (libm::sqrtf(*most) / root + adam.epsilon));
            }
            return;
        }
        moments(adam, (p, grads), [a, b], of, |p, _, m, v| {
            *p -= rate * (m / (libm::sqrtf(v) / root + adam.epsilon));
        });
    }
}

/// Adam's two means, and what `step(parameter, gradient, mean, mean of squares)` does with them.
#[inline(always)]
fn moments(
    adam: Adam,
    (p, grads): (&mut [f32], &[f32]),
    [a, b]: [&mut [f32]; 2],
    of: impl Fn(&f32, &f32) -> f32,
    step: impl Fn(&mut f32, f32, f32, f32),
) {
    let [mean, squares] = adam.betas;
    for (((p, g), m), v) in p.iter_mut().zip(grads).zip(a).zip(b) {
        let g = of(g, p);
        *m += (1.0 - mean) * (g - *m);
        *v = squares * *v + (1.0 - squares) * g * g;
        step(p, g, *m, *v);
    }
}

/// The length of all gradients together.
pub fn grad_norm(context: &Context<'_>, grads: &[f32]) -> f64 {
    let parts = grads.chunks(GRAIN).map(|part| f64::from(arith::sum_squares(context.level, part)));
    libm::sqrt(parts.sum())
}

/// What gradients of this length are multiplied with so that they are no longer than `norm_max`, as PyTorch's `clip_grad_norm_` has it.
pub fn clip(norm: f64, norm_max: f64) -> f32 {
    (norm_max / (norm + 1e-6)).min(1.0) as f32
}
