//! What a training is told, in the terms of nanoGPT's configuration files.

use dolmen_tensor::optim::Adam;
use dolmen_tensor::schedule::Schedule;

use crate::config::{Activation, Architecture, Config};
use crate::limits::{BATCH_MAX, CONTEXT_MAX, HEADS_MAX, LAYERS_MAX, WIDTH_MAX};
use crate::train::error::TrainError;
use crate::train::network::{LoraShape, Shape};

/// What a training is told. The names are nanoGPT's.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Layers.
    pub n_layer: usize,
    /// Heads of attention.
    pub n_head: usize,
    /// Elements of the state.
    pub n_embd: usize,
    /// Tokens of a sequence.
    pub block_size: usize,
    /// Sequences of a batch.
    pub batch_size: usize,
    /// Batches whose gradients make one step.
    pub gradient_accumulation_steps: usize,
    /// Whether linear layers and norms have biases; without, they are zeros in the file.
    pub bias: bool,
    /// The part of states that is dropped; attention itself drops nothing.
    pub dropout: f32,
    /// The greatest rate.
    pub learning_rate: f64,
    /// Whether the rate falls.
    pub decay_lr: bool,
    /// Steps until the greatest rate.
    pub warmup_iters: u64,
    /// Steps until the least; `None`: all.
    pub lr_decay_iters: Option<u64>,
    /// The least rate.
    pub min_lr: f64,
    /// How matrices decay.
    pub weight_decay: f32,
    /// Of Adam's mean.
    pub beta1: f32,
    /// Of Adam's mean of squares.
    pub beta2: f32,
    /// The greatest length of all gradients together; 0: any.
    pub grad_clip: f64,
    /// Steps from one evaluation to the next; 0: only the last.
    pub eval_interval: u64,
    /// What weights and batches are drawn from.
    pub seed: u64,
    /// Low-rank additions instead of all weights; 0: all weights.
    pub lora_rank: usize,
    /// What is divided by the rank to scale the additions.
    pub lora_alpha: f32,
}

impl Settings {
    /// nanoGPT's small configuration for one CPU: 4 layers, 4 heads, 128 wide, 12 sequences of 64 characters. The rate is three times its.
    pub const GPT_CHAR: Settings = Settings {
        n_layer: 4,
        n_head: 4,
        n_embd: 128,
        block_size: 64,
        batch_size: 12,
        gradient_accumulation_steps: 1,
        bias: true,
        dropout: 0.0,
        learning_rate: 3e-3,
        decay_lr: true,
        warmup_iters: 100,
        lr_decay_iters: None,
        min_lr: 3e-4,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        grad_clip: 1.0,
        eval_interval: 250,
        seed: 1337,
        lora_rank: 0,
        lora_alpha: 16.0,
    };

    /// Whether every number makes sense.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] with the first that does not.
    pub fn check(&self) -> Result<(), TrainError> {
        let within = |value: usize, max: usize| (1..=max).contains(&value);
        let part = |value: f32| (0.0..1.0).contains(&value);
        let checks = [
            ("n_layer", within(self.n_layer, LAYERS_MAX)),
            ("n_head", within(self.n_head, HEADS_MAX) && self.n_embd.is_multiple_of(self.n_head.max(1))),
            ("n_embd", within(self.n_embd, WIDTH_MAX)),
            ("block_size", within(self.block_size, CONTEXT_MAX)),
            ("batch_size", within(self.batch_size, BATCH_MAX)),
            ("gradient_accumulation_steps", within(self.gradient_accumulation_steps, BATCH_MAX)),
            ("dropout", part(self.dropout)),
            ("learning_rate", self.learning_rate.is_finite() && self.learning_rate > 0.0),
            ("min_lr", self.min_lr.is_finite() && self.min_lr >= 0.0),
            ("weight_decay", self.weight_decay.is_finite() && self.weight_decay >= 0.0),
            ("beta1", part(self.beta1)),
            ("beta2", part(self.beta2)),
            ("grad_clip", self.grad_clip.is_finite() && self.grad_clip >= 0.0),
            ("lora_rank", self.lora_rank <= WIDTH_MAX),
            ("lora_alpha", self.lora_alpha.is_finite()),
        ];
        match checks.iter().find(|(_, sound)| !sound) {
            None => Ok(()),
            Some((what, _)) => Err(TrainError::Setting { what }),
        }
    }

    /// The GPT-2 that these settings describe.
    pub fn config(&self, vocabulary: usize) -> Config {
        Config {
            architecture: Architecture::Gpt2,
            vocabulary,
            width: self.n_embd,
            layers: self.n_layer,
            heads: self.n_head,
            kv_heads: self.n_head,
            head_len: self.n_embd / self.n_head,
            inner: 4 * self.n_embd,
            context: self.block_size,
            epsilon: 1e-5,
            rope: None,
            window: None,
            activation: Activation::GeluTanh,
            tied: true,
            token_types: 0,
            bos: None,
            eos: alloc::vec::Vec::new(),
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        let lora = LoraShape { rank: self.lora_rank, alpha: self.lora_alpha };
        Shape {
            batch: self.batch_size,
            time: self.block_size,
            dropout: self.dropout,
            bias: self.bias,
            lora: (self.lora_rank > 0).then_some(lora),
            bare: false,
        }
    }

    /// The rate of a step of so many, the first being 0.
    pub fn rate(&self, step: u64, steps: u64) -> f64 {
        let schedule = if self.decay_lr {
            let steps = self.lr_decay_iters.unwrap_or(steps);
            Schedule::NanoGpt { warmup: self.warmup_iters.min(steps / 2), steps, rate_min: self.min_lr }
        } else {
            Schedule::Constant
        };
        schedule.rate(self.learning_rate, step)
    }

    pub(crate) fn adam(&self) -> Adam {
        Adam { betas: [self.beta1, self.beta2], ..Adam::USUAL }
    }
}
