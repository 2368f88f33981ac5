//! A training: its memory, a step, an evaluation, a sample, a checkpoint.

use alloc::vec;
use alloc::vec::Vec;

use dolmen_base::rng::Rng;
use dolmen_codec::checksum::xxh3_64;
use dolmen_simd::nn;
use dolmen_tensor::optim::{Group, Method, Optimiser, Update, clip, grad_norm};
use dolmen_tensor::{Context, Goal, Memory, Plan};

use crate::config::Config;
use crate::safetensors::SafeTensors;
use crate::train::checkpoint::{self, Checkpoint, Loss};
use crate::train::data::{Batches, split};
use crate::train::error::TrainError;
use crate::train::network::{IGNORE, Network, Shape};
use crate::train::settings::Settings;

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped {
    /// The mean loss of its batches, before the step.
    pub loss: f32,
    /// The length of all gradients together, before clipping.
    pub norm: f64,
    /// The rate.
    pub rate: f64,
}

/// A network with a plan of its memory.
#[derive(Debug)]
struct Laid {
    network: Network,
    plan: Plan,
}

impl Laid {
    fn new(config: &Config, shape: Shape, backwards: bool, width: usize) -> Result<Laid, TrainError> {
        let network = Network::new(config, shape)?;
        let loss = network.loss.ok_or(TrainError::Unsupported { what: "an encoder" })?;
        let keep = if backwards { [loss, loss] } else { [loss, network.logits] };
        let goal = Goal { loss: backwards.then_some(loss), keep: &keep, workers: width };
        let plan = Plan::new(network.tape.clone(), goal)?;
        Ok(Laid { network, plan })
    }

    /// Sets the inputs of a step.
    fn set(&self, arena: &mut [f32], tokens: &[u32], targets: &[u32]) -> Result<(), TrainError> {
        self.network.set_constants(&self.plan, arena)?;
        self.plan.set_numbers(arena, self.network.tokens, tokens)?;
        Ok(self.plan.set_numbers(arena, self.network.targets, targets)?)
    }
}

/// A training.
#[derive(Debug)]
pub struct Trainer {
    config: Config,
    settings: Settings,
    steps: u64,
    training: Laid,
    evaluation: Laid,
    optimiser: Optimiser,
    groups: Vec<Group>,
    params: Vec<f32>,
    frozen: Vec<f32>,
    grads: Vec<f32>,
    state: Vec<f32>,
    arena: Vec<f32>,
    tokens: Vec<u32>,
    targets: Vec<u32>,
    losses: Vec<Loss>,
}

impl Trainer {
    /// Before its first step of `steps`, with weights drawn from the seed.
    ///
    /// # Errors
    ///
    /// A setting makes no sense, or the model is none that is trained here.
    pub fn new(config: Config, settings: Settings, steps: u64, width: usize) -> Result<Trainer, TrainError> {
        settings.check()?;
        let shape = settings.shape();
        let training = Laid::new(&config, shape, true, width)?;
        let evaluation = Laid::new(&config, Shape { dropout: 0.0, ..shape }, false, width)?;
        let network = &training.network;
        let mut params = vec![0.0; training.plan.params_len()];
        let mut frozen = vec![0.0; training.plan.frozen_len()];
        network.draw(&config, settings.seed, &mut params, &mut frozen);
        let trained = network.parameters.iter().filter(|parameter| !parameter.frozen);
        let groups = trained.map(|parameter| {
            let weight_decay = if parameter.dims.len() > 1 { settings.weight_decay } else { 0.0 };
            Group { range: network.range(parameter), weight_decay, rate: 1.0 }
        });
        let method = Method::AdamW(settings.adam());
        let batch = settings.batch_size * settings.block_size;
        Ok(Trainer {
            groups: groups.collect(),
            optimiser: Optimiser::new(method),
            grads: vec![0.0; params.len()],
            state: vec![0.0; method.slots() * params.len()],
            arena: vec![0.0; training.plan.arena_len().max(evaluation.plan.arena_len())],
            tokens: vec![0; batch],
            targets: vec![0; batch],
            losses: Vec::new(),
            params,
            frozen,
            config,
            settings,
            steps,
            training,
            evaluation,
        })
    }

    /// Takes the weights of a file.
    ///
    /// # Errors
    ///
    /// The file is of another model.
    pub fn load(&mut self, file: &SafeTensors<'_>) -> Result<(), TrainError> {
        self.training.network.load(file, &mut self.params, &mut self.frozen)
    }

    /// The model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The network on its tape.
    pub fn network(&self) -> &Network {
        &self.training.network
    }

    /// Trained and frozen parameters, flat.
    pub fn parameters(&self) -> (&[f32], &[f32]) {
        (&self.params, &self.frozen)
    }

    /// All steps, which the rate's way down is made for.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Steps done.
    pub fn done(&self) -> u64 {
        self.optimiser.steps()
    }

    /// The losses so far.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Bytes of all memory that the training takes.
    pub fn memory_bytes(&self) -> usize {
        let floats = [&self.params, &self.frozen, &self.grads, &self.state, &self.arena];
        4 * (floats.iter().map(|part| part.len()).sum::<usize>() + 2 * self.tokens.len())
    }

    /// One step on the text's first nine tenths.
    ///
    /// # Errors
    ///
    /// The text is too short, or a token is beyond the vocabulary.
    pub fn step(&mut self, context: &Context<'_>, text: &[u32]) -> Result<Stepped, TrainError> {
        let settings = &self.settings;
        let batches = Batches::new(&text[..split(text.len())], settings.block_size, settings.seed)?;
        let (step, parts) = (self.optimiser.steps(), settings.gradient_accumulation_steps as u64);
        self.grads.fill(0.0);
        let mut loss = 0.0;
        for part in 0..parts {
            let nth = step * parts + part;
            batches.draw(nth, &mut self.tokens, &mut self.targets);
            self.training.set(&mut self.arena, &self.tokens, &self.targets)?;
            let context = Context { seed: settings.seed.wrapping_add(nth), ..*context };
            let (params, frozen) = (&self.params[..], &self.frozen[..]);
            let mut memory = Memory { params, frozen, grads: &mut self.grads, arena: &mut self.arena };
            self.training.plan.forward(&context, &mut memory)?;
            self.training.plan.backward(&context, &mut memory)?;
            loss += self.training.plan.loss(&self.arena)? / parts as f32;
        }
        let mean = 1.0 / parts as f32;
        let norm = grad_norm(context, &self.grads) * f64::from(mean);
        let clipped = if settings.grad_clip > 0.0 { clip(norm, settings.grad_clip) } else { 1.0 };
        let rate = settings.rate(step, self.steps);
        let update = Update {
            params: &mut self.params,
            grads: &self.grads,
            state: &mut self.state,
            scale: mean * clipped,
        };
        self.optimiser.step(context, rate, &self.groups, update);
        self.losses.push(Loss { step: step + 1, train: loss, validation: f32::NAN });
        Ok(Stepped { loss, norm, rate })
    }

    /// The mean loss over all of the text's last tenth, in sequences one after another.
    ///
    /// # Errors
    ///
    /// That tenth has less than two tokens, or a token is beyond the vocabulary.
    pub fn evaluate(&mut self, context: &Context<'_>, text: &[u32]) -> Result<f64, TrainError> {
        let text = &text[split(text.len())..];
        if text.len() < 2 {
            return Err(TrainError::Text { found: text.len(), wanted: 2 });
        }
        let loss_id = self.evaluation.network.loss.ok_or(TrainError::Unsupported { what: "an encoder" })?;
        let (mut sum, mut at) = (0.0, 0);
        while at + 1 < text.len() {
            let count = self.tokens.len().min(text.len() - 1 - at);
            self.tokens.fill(0);
            self.targets.fill(IGNORE);
            self.tokens[..count].copy_from_slice(&text[at..][..count]);
            self.targets[..count].copy_from_slice(&text[at + 1..][..count]);
            self.evaluation.set(&mut self.arena, &self.tokens, &self.targets)?;
            let (params, frozen) = (&self.params[..], &self.frozen[..]);
            let mut memory = Memory { params, frozen, grads: &mut [], arena: &mut self.arena };
            self.evaluation.plan.forward(context, &mut memory)?;
            sum += f64::from(self.evaluation.plan.value(&self.arena, loss_id)?[0]) * count as f64;
            at += count;
        }
        let loss = sum / (text.len() - 1) as f64;
        if let Some(last) = self.losses.last_mut() {
            last.validation = loss as f32;
        }
        Ok(loss)
    }

    /// Tokens that follow `prompt`, which is not empty, drawn at a temperature.
    ///
    /// # Errors
    ///
    /// A token is beyond the vocabulary.
    pub fn sample(
        &self,
        context: &Context<'_>,
        prompt: &[u32],
        (count, temperature, seed): (usize, f32, u64),
    ) -> Result<Vec<u32>, TrainError> {
        let time = self.settings.block_size;
        let shape = Shape { batch: 1, dropout: 0.0, ..self.settings.shape() };
        let laid = Laid::new(&self.config, shape, false, context.jobs.width())?;
        let mut arena = vec![0.0; laid.plan.arena_len()];
        let (mut rng, mut text) = (Rng::new(seed), prompt.to_vec());
        let (mut tokens, targets) = (vec![0; time], vec![IGNORE; time]);
        for _ in 0..count {
            let seen = &text[text.len().saturating_sub(time)..];
            tokens[..seen.len()].copy_from_slice(seen);
            laid.set(&mut arena, &tokens, &targets)?;
            let (params, frozen) = (&self.params[..], &self.frozen[..]);
            let mut memory = Memory { params, frozen, grads: &mut [], arena: &mut arena };
            laid.plan.forward(context, &mut memory)?;
            let logits = laid.plan.value(&arena, laid.network.logits)?;
            let row = &logits[(seen.len().max(1) - 1) * self.config.vocabulary..][..self.config.vocabulary];
            let mut row: Vec<f32> = row.iter().map(|x| x / temperature.max(1e-3)).collect();
            nn::softmax(context.level, &mut row);
            text.push(draw(&row, rng.unit_f64() as f32));
        }
        Ok(text.split_off(prompt.len()))
    }

    /// Appends a checkpoint.
    pub fn append_checkpoint(&self, text: &[u32], out: &mut Vec<u8>) {
        let parts = [&self.params[..], &self.frozen, &self.state];
        checkpoint::append(self.identity(text), self.done(), &self.losses, parts, out);
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    ///
    /// It is damaged, or of a training with other settings or another text.
    pub fn resume(&mut self, text: &[u32], bytes: &[u8]) -> Result<(), TrainError> {
        let checkpoint = Checkpoint::parse(bytes)?;
        let found = self.identity(text);
        let lens = [&self.params, &self.frozen, &self.state].map(|part| 4 * part.len());
        if checkpoint.identity != found || checkpoint.parts.map(<[u8]>::len) != lens {
            return Err(TrainError::Settings { expected: checkpoint.identity, found });
        }
        let parts = [&mut self.params, &mut self.frozen, &mut self.state];
        for (nth, part) in parts.into_iter().enumerate() {
            part.iter_mut().zip(checkpoint.floats(nth)).for_each(|(to, x)| *to = x);
        }
        self.optimiser = Optimiser::resumed(self.optimiser.method(), checkpoint.step, 1.0);
        self.losses = checkpoint.losses;
        Ok(())
    }

    /// What every later step depends on besides the state: settings, the number of steps, the text.
    fn identity(&self, text: &[u32]) -> u64 {
        let said = alloc::format!("{:?} {:?} {}", self.config, self.settings, self.steps);
        let texts = text.chunks(1 << 12).fold(xxh3_64(said.as_bytes()), |sum, chunk| {
            let mut bytes = Vec::with_capacity(8 + 4 * chunk.len());
            bytes.extend_from_slice(&sum.to_le_bytes());
            chunk.iter().for_each(|token| bytes.extend_from_slice(&token.to_le_bytes()));
            xxh3_64(&bytes)
        });
        texts ^ text.len() as u64
    }
}

/// The number of the element at which the sum of probabilities passes `at`.
fn draw(probabilities: &[f32], at: f32) -> u32 {
    let mut sum = 0.0;
    let passed = probabilities.iter().position(|p| {
        sum += p;
        sum > at
    });
    passed.unwrap_or(probabilities.len() - 1) as u32
}
