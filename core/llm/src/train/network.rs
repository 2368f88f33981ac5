//! Models on a tape: each architecture of [`Config`], with the names that Hugging Face gives its tensors.
//!
//! ```text
//! decoder   x += output(attention(norm(x)))      x += down(act(gate(norm(x))) · up(norm(x)))     norm, head, cross entropy
//! encoder   x = norm(x + output(attention(x)))   x = norm(x + down(act(up(x))))                  pooler
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::rng::Rng;
use dolmen_tensor::layers::{Lora, rotary_table};
use dolmen_tensor::op::{AttentionOptions, CrossEntropyOptions, Pairs, Unary, Weights};
use dolmen_tensor::{Id, Plan, Tape};

use crate::config::{Activation, Architecture, Config};
use crate::error::LoadError;
use crate::names::{Names, Part, Role};
use crate::safetensors::SafeTensors;
use crate::train::error::TrainError;

/// What a network is made with, besides its [`Config`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Sequences of a batch.
    pub batch: usize,
    /// Tokens of a sequence.
    pub time: usize,
    /// The part of states that is dropped.
    pub dropout: f32,
    /// Whether biases are trained; else they stay zeros.
    pub bias: bool,
    /// Whether only low-rank additions are trained, and of which rank.
    pub lora: Option<LoraShape>,
    /// Names without the prefix that files of whole models have.
    pub bare: bool,
}

/// Low-rank additions to the projections of attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoraShape {
    /// Rows of the lower matrix.
    pub rank: usize,
    /// What is divided by the rank to scale the addition.
    pub alpha: f32,
}

impl Shape {
    /// Everything is trained, nothing dropped.
    pub fn plain(batch: usize, time: usize) -> Shape {
        Shape { batch, time, dropout: 0.0, bias: true, lora: None, bare: false }
    }
}

/// One tensor of weights.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// What a file calls it.
    pub name: String,
    /// On the tape.
    pub id: Id,
    /// Whether it stays as it is.
    pub frozen: bool,
    /// Its dimensions.
    pub dims: Vec<usize>,
    role: Role,
    part: Part,
    /// Of a low-rank addition: which of its two matrices.
    low: Option<Low>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Low {
    Down,
    Up,
}

/// A model on a tape.
#[derive(Clone, Debug)]
pub struct Network {
    /// The tape.
    pub tape: Tape,
    /// Numbers `[batch, time]`: the tokens.
    pub tokens: Id,
    /// Numbers `[batch, time]`: what should follow each token, [`IGNORE`] where that does not count. Of encoders it is not used.
    pub targets: Id,
    /// Numbers `[batch, time]`: which segment of a text a token is in; of encoders.
    pub types: Option<Id>,
    /// Numbers `[batch, 2]`: the first token of each sequence that is no padding, and the first after the last; of encoders.
    pub ranges: Option<Id>,
    /// The states after the embedding and after each layer, `[batch, time, width]`; the last after the last norm.
    pub states: Vec<Id>,
    /// The scores of all tokens, `[batch, time, vocabulary]`; of an encoder the pooled states `[batch, width]`.
    pub logits: Id,
    /// The mean cross entropy; none of an encoder.
    pub loss: Option<Id>,
    /// The weights.
    pub parameters: Vec<Parameter>,
    /// The scale of low-rank additions.
    lora_scale: f32,
    /// Inputs that are the same in every step.
    constants: Vec<(Id, Vec<f32>)>,
}

/// A target that does not count.
pub const IGNORE: u32 = u32::MAX;

impl Network {
    /// Puts a model on a tape.
    ///
    /// # Errors
    ///
    /// The sizes do not fit together, or the model has something that is not trained here.
    pub fn new(config: &Config, shape: Shape) -> Result<Network, TrainError> {
        if shape.time > config.context && config.rope.is_none() {
            return Err(TrainError::Setting { what: "block_size" });
        }
        if config.rope.as_ref().is_some_and(|rope| rope.dimensions != config.head_len) {
            return Err(TrainError::Unsupported { what: "rotary positions of a part of a head" });
        }
        let names = Names::hugging_face(config.architecture, |_| shape.bare);
        let mut tape = Tape::new();
        let tokens = tape.numbers(&[shape.batch, shape.time])?;
        let targets = tape.numbers(&[shape.batch, shape.time])?;
        let builder = Builder { config, shape, names, tape, parameters: Vec::new(), constants: Vec::new() };
        if config.architecture.is_encoder() {
            builder.encoder(tokens, targets)
        } else {
            builder.decoder(tokens, targets)
        }
    }

    /// Sets the inputs that are the same in every step.
    ///
    /// # Errors
    ///
    /// The arena is not that of the plan.
    pub fn set_constants(&self, plan: &Plan, arena: &mut [f32]) -> Result<(), TrainError> {
        for (id, values) in &self.constants {
            plan.set(arena, *id, values)?;
        }
        Ok(())
    }

    /// The elements of a parameter among those that are trained, or among the frozen.
    pub fn range(&self, parameter: &Parameter) -> core::ops::Range<usize> {
        self.tape.param_range(parameter.id).expect("parameters of the list are parameters of the tape")
    }

    /// Draws weights as GPT-2 did: normal with deviation 0.02, behind residuals less, biases 0, norms 1, low-rank additions 0.
    ///
    /// # Panics
    ///
    /// The slices are shorter than the tape's parameters.
    pub fn draw(&self, config: &Config, seed: u64, params: &mut [f32], frozen: &mut [f32]) {
        let mut rng = Rng::new(seed);
        let behind = 0.02 / libm::sqrt(2.0 * config.layers as f64);
        for parameter in &self.parameters {
            let range = self.range(parameter);
            let to = if parameter.frozen { &mut frozen[range] } else { &mut params[range] };
            let norm = parameter.dims.len() == 1 && parameter.part == Part::Weight;
            match (parameter.role, parameter.low) {
                (_, Some(Low::Up)) => to.fill(0.0),
                _ if norm => to.fill(1.0),
                _ if parameter.part == Part::Bias => to.fill(0.0),
                (Role::Output | Role::Down, None) => {
                    to.iter_mut().for_each(|x| *x = (behind * normal(&mut rng)) as f32)
                }
                _ => to.iter_mut().for_each(|x| *x = (0.02 * normal(&mut rng)) as f32),
            }
        }
    }

    /// Reads weights from a file; what it lacks and is a low-rank addition is left as it is.
    ///
    /// # Errors
    ///
    /// A tensor is missing or has another shape.
    pub fn load(
        &self,
        file: &SafeTensors<'_>,
        params: &mut [f32],
        frozen: &mut [f32],
    ) -> Result<(), TrainError> {
        for parameter in &self.parameters {
            let Some(tensor) = file.get(&parameter.name) else {
                if parameter.low.is_some() {
                    continue;
                }
                return Err(LoadError::Missing { what: parameter.role.what() }.into());
            };
            let same =
                tensor.shape.dimensions().iter().map(|&dim| dim as usize).eq(parameter.dims.iter().copied());
            if !same {
                let (rows, columns) = parameter.dims.split_at(parameter.dims.len() - 1);
                let [rows, columns] = [rows, columns].map(|dims| dims.iter().product::<usize>() as u64);
                return Err(LoadError::Shape { what: parameter.role.what(), rows, columns }.into());
            }
            let range = self.range(parameter);
            tensor.to_f32(if parameter.frozen { &mut frozen[range] } else { &mut params[range] })?;
        }
        Ok(())
    }

    /// The weights as a model without additions has them: low-rank additions are added up. Calls `each(parameter, values)` in the order of
    /// the list.
    ///
    /// # Panics
    ///
    /// The slices are shorter than the tape's parameters.
    pub fn merged<'n>(&'n self, params: &[f32], frozen: &[f32], mut each: impl FnMut(&'n Parameter, &[f32])) {
        let values = |parameter: &Parameter| {
            let range = self.range(parameter);
            if parameter.frozen { &frozen[range] } else { &params[range] }
        };
        let mut list = self.parameters.iter().peekable();
        while let Some(parameter) = list.next() {
            // The two matrices of an addition follow the weights that they are added to.
            let mut pair = [None, None];
            let of = [Low::Down, Low::Up];
            for (low, kind) in pair.iter_mut().zip(of) {
                *low = list.next_if(|next| next.low == Some(kind));
            }
            let [Some(down), Some(up)] = pair else {
                each(parameter, values(parameter));
                continue;
            };
            let mut whole = values(parameter).to_vec();
            let turned = parameter.role == Role::Fused;
            add_low(
                &mut whole,
                (values(down), values(up)),
                (down.dims[0], down.dims[1]),
                turned,
                self.lora_scale,
            );
            each(parameter, &whole);
        }
    }
}

/// `whole += scale · up · down`, whole as `[out, in]` or turned.
fn add_low(
    whole: &mut [f32],
    (down, up): (&[f32], &[f32]),
    (rank, ins): (usize, usize),
    turned: bool,
    scale: f32,
) {
    let outs = up.len() / rank;
    for (at, whole) in whole.iter_mut().enumerate() {
        let (out, into) = if turned { (at % outs, at / outs) } else { (at / ins, at % ins) };
        let sum: f32 = (0..rank).map(|row| up[out * rank + row] * down[row * ins + into]).sum();
        *whole += scale * sum;
    }
}

/// One number of a normal distribution: Box and Muller's.
fn normal(rng: &mut Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - rng.unit_f64()));
    radius * libm::cos(2.0 * core::f64::consts::PI * rng.unit_f64())
}

struct Builder<'c> {
    config: &'c Config,
    shape: Shape,
    names: Names,
    tape: Tape,
    parameters: Vec<Parameter>,
    constants: Vec<(Id, Vec<f32>)>,
}

type Built = Result<Id, TrainError>;

// Parts.
impl Builder<'_> {
    fn weight(&mut self, role: Role, layer: usize, part: Part, dims: &[usize]) -> Built {
        self.parameter((role, part, None), layer, dims)
    }

    fn parameter(
        &mut self,
        (role, part, low): (Role, Part, Option<Low>),
        layer: usize,
        dims: &[usize],
    ) -> Built {
        let mut name = String::new();
        self.names.write(role, layer, part, &mut name);
        match low {
            None => {}
            Some(Low::Down) => name.push_str(".lora_A"),
            Some(Low::Up) => name.push_str(".lora_B"),
        }
        let constant = self.shape.lora.is_some() || (part == Part::Bias && !self.shape.bias);
        let frozen = low.is_none() && constant;
        let id = if frozen { self.tape.frozen(dims)? } else { self.tape.param(dims)? };
        self.parameters.push(Parameter { name, id, frozen, dims: dims.to_vec(), role, part, low });
        Ok(id)
    }

    fn norm(&mut self, x: Id, role: Role, layer: usize, len: usize) -> Built {
        let weight = self.weight(role, layer, Part::Weight, &[len])?;
        let epsilon = self.config.epsilon;
        if !matches!(self.config.architecture, Architecture::Gpt2 | Architecture::Bert) {
            return Ok(self.tape.rms_norm(x, weight, epsilon)?);
        }
        let bias = self.weight(role, layer, Part::Bias, &[len])?;
        Ok(self.tape.layer_norm(x, Some((weight, bias)), epsilon)?)
    }

    fn linear(&mut self, x: Id, role: Role, layer: usize, [ins, outs]: [usize; 2]) -> Built {
        let architecture = self.config.architecture;
        let turned = architecture == Architecture::Gpt2;
        let (weights, dims) =
            if turned { (Weights::InOut, [ins, outs]) } else { (Weights::OutIn, [outs, ins]) };
        let w = self.weight(role, layer, Part::Weight, &dims)?;
        let lora = match self.shape.lora {
            Some(lora) if matches!(role, Role::Fused | Role::Query | Role::Value) => {
                if lora.rank == 0 {
                    return Err(TrainError::Setting { what: "lora_rank" });
                }
                let down = self.parameter((role, Part::Weight, Some(Low::Down)), layer, &[lora.rank, ins])?;
                let up = self.parameter((role, Part::Weight, Some(Low::Up)), layer, &[outs, lora.rank])?;
                Some(Lora { down, up, scale: lora.alpha / lora.rank as f32 })
            }
            _ => None,
        };
        let biased = match architecture {
            Architecture::Gpt2 | Architecture::Bert => true,
            Architecture::Qwen2 => matches!(role, Role::Query | Role::Key | Role::Value),
            _ => false,
        };
        let bias = if biased { Some(self.weight(role, layer, Part::Bias, &[outs])?) } else { None };
        Ok(match lora {
            None => self.tape.linear(x, w, bias, weights)?,
            Some(lora) => self.tape.linear_lora(x, (w, bias, weights), lora)?,
        })
    }

    fn dropout(&mut self, x: Id) -> Built {
        Ok(self.tape.dropout(x, self.shape.dropout)?)
    }

    fn activation(&mut self, x: Id) -> Built {
        let function = match self.config.activation {
            Activation::Gelu => Unary::Gelu,
            Activation::GeluTanh => Unary::GeluTanh,
            Activation::Silu => Unary::Silu,
        };
        Ok(self.tape.unary(function, x)?)
    }

    /// What is added at each position: the first rows of the table.
    fn positions(&mut self) -> Built {
        let table =
            self.weight(Role::Positions, 0, Part::Weight, &[self.config.context, self.config.width])?;
        Ok(self.tape.narrow(table, 0, 0, self.shape.time)?)
    }

    /// The heads of x: `[batch, time, heads, length]`.
    fn heads(&mut self, x: Id, heads: usize) -> Built {
        let Shape { batch, time, .. } = self.shape;
        Ok(self.tape.reshape(x, &[batch, time, heads, self.config.head_len])?)
    }

    fn separate(&mut self, x: Id, layer: usize) -> Result<[Id; 3], TrainError> {
        let config = self.config;
        let (queries, keys) = (config.query_len(), config.kv_len());
        let mut parts = [x; 3];
        let roles = [
            (Role::Query, queries, config.heads, Role::QueryNorm),
            (Role::Key, keys, config.kv_heads, Role::KeyNorm),
            (Role::Value, keys, config.kv_heads, Role::Value),
        ];
        for (part, (role, outs, heads, norm)) in parts.iter_mut().zip(roles) {
            let all = self.linear(x, role, layer, [config.width, outs])?;
            *part = self.heads(all, heads)?;
            if config.architecture == Architecture::Qwen3 && norm != Role::Value {
                *part = self.norm(*part, norm, layer, config.head_len)?;
            }
        }
        Ok(parts)
    }

    fn attention(&mut self, x: Id, layer: usize, table: Option<Id>, ranges: Option<Id>) -> Built {
        let (config, Shape { batch, time, .. }) = (self.config, self.shape);
        let mut parts = if config.architecture == Architecture::Gpt2 {
            let all = self.linear(x, Role::Fused, layer, [config.width, 3 * config.width])?;
            self.tape.split_heads(all, config.heads)?
        } else {
            self.separate(x, layer)?
        };
        if let (Some(table), Some(rope)) = (table, &config.rope) {
            let pairs = if rope.pairs { Pairs::Neighbours } else { Pairs::Halves };
            for part in &mut parts[..2] {
                *part = self.tape.rotate(*part, table, pairs)?;
            }
        }
        let causal = !config.architecture.is_encoder();
        let options = AttentionOptions { causal, window: config.window, scale: None };
        let out = self.tape.attention(parts, ranges, options)?;
        let out = self.tape.reshape(out, &[batch, time, config.query_len()])?;
        let out = self.linear(out, Role::Output, layer, [config.query_len(), config.width])?;
        self.dropout(out)
    }

    fn inner(&mut self, x: Id, layer: usize) -> Built {
        let (width, inner) = (self.config.width, self.config.inner);
        let gated = !matches!(self.config.architecture, Architecture::Gpt2 | Architecture::Bert);
        let within = if gated {
            let gate = self.linear(x, Role::Gate, layer, [width, inner])?;
            let gate = self.activation(gate)?;
            let up = self.linear(x, Role::Up, layer, [width, inner])?;
            self.tape.mul(gate, up)?
        } else {
            let up = self.linear(x, Role::Up, layer, [width, inner])?;
            self.activation(up)?
        };
        let out = self.linear(within, Role::Down, layer, [inner, width])?;
        self.dropout(out)
    }

    fn finish(self, tokens: Id, targets: Id, states: Vec<Id>, logits: Id) -> Network {
        let lora_scale = self.shape.lora.map_or(0.0, |lora| lora.alpha / lora.rank as f32);
        Network {
            tape: self.tape,
            tokens,
            targets,
            types: None,
            ranges: None,
            states,
            logits,
            loss: None,
            parameters: self.parameters,
            lora_scale,
            constants: self.constants,
        }
    }
}

// Wholes.
impl Builder<'_> {
    fn decoder(mut self, tokens: Id, targets: Id) -> Result<Network, TrainError> {
        let config = self.config;
        let table = self.weight(Role::Embedding, 0, Part::Weight, &[config.vocabulary, config.width])?;
        let mut x = self.tape.embedding(table, tokens)?;
        let mut angles = None;
        match &config.rope {
            None => {
                let positions = self.positions()?;
                x = self.tape.add(x, positions)?;
            }
            Some(rope) => {
                let frequencies: Vec<f64> = rope.frequencies().iter().map(|&f| f64::from(f)).collect();
                let places: Vec<u32> = (0..self.shape.time as u32).collect();
                let id = self.tape.input(&[self.shape.time, config.head_len])?;
                self.constants.push((id, rotary_table(&places, &frequencies)?));
                angles = Some(id);
            }
        }
        x = self.dropout(x)?;
        let mut states = alloc::vec![x];
        for layer in 0..config.layers {
            let normal = self.norm(x, Role::AttentionNorm, layer, config.width)?;
            let attended = self.attention(normal, layer, angles, None)?;
            x = self.tape.add(x, attended)?;
            let normal = self.norm(x, Role::InnerNorm, layer, config.width)?;
            let inner = self.inner(normal, layer)?;
            x = self.tape.add(x, inner)?;
            states.push(x);
        }
        x = self.norm(x, Role::Norm, 0, config.width)?;
        if let Some(last) = states.last_mut() {
            *last = x;
        }
        let head = if config.tied {
            table
        } else {
            self.weight(Role::Head, 0, Part::Weight, &[config.vocabulary, config.width])?
        };
        let logits = self.tape.linear(x, head, None, Weights::OutIn)?;
        let options = CrossEntropyOptions { ignore: Some(IGNORE), smoothing: 0.0 };
        let loss = self.tape.cross_entropy(logits, targets, options)?;
        Ok(Network { loss: Some(loss), ..self.finish(tokens, targets, states, logits) })
    }

    fn encoder(mut self, tokens: Id, targets: Id) -> Result<Network, TrainError> {
        let (config, Shape { batch, time, .. }) = (self.config, self.shape);
        let table = self.weight(Role::Embedding, 0, Part::Weight, &[config.vocabulary, config.width])?;
        let types = self.tape.numbers(&[batch, time])?;
        let ranges = self.tape.numbers(&[batch, 2])?;
        let mut x = self.tape.embedding(table, tokens)?;
        let positions = self.positions()?;
        x = self.tape.add(x, positions)?;
        let kinds = self.weight(Role::Types, 0, Part::Weight, &[config.token_types, config.width])?;
        let kinds = self.tape.embedding(kinds, types)?;
        x = self.tape.add(x, kinds)?;
        x = self.norm(x, Role::EmbeddingNorm, 0, config.width)?;
        x = self.dropout(x)?;
        let mut states = alloc::vec![x];
        for layer in 0..config.layers {
            let attended = self.attention(x, layer, None, Some(ranges))?;
            x = self.tape.add(x, attended)?;
            x = self.norm(x, Role::AttentionNorm, layer, config.width)?;
            let inner = self.inner(x, layer)?;
            x = self.tape.add(x, inner)?;
            x = self.norm(x, Role::InnerNorm, layer, config.width)?;
            states.push(x);
        }
        let first = self.tape.narrow(x, 1, 0, 1)?;
        let first = self.tape.reshape(first, &[batch, config.width])?;
        let pooled = self.linear(first, Role::Pooler, 0, [config.width, config.width])?;
        let pooled = self.tape.unary(Unary::Tanh, pooled)?;
        let network = self.finish(tokens, targets, states, pooled);
        Ok(Network { types: Some(types), ranges: Some(ranges), ..network })
    }
}
