//! Training against PyTorch's: logits, states, every gradient, thirty steps; and that it is the same for any number of threads, and after it was
//! stopped.

mod common;

use common::{DECODERS, close, floats, folder, ids, read};
use dolmen_base::{Jobs, Serial};
use dolmen_llm::Config;
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::train::network::{IGNORE, Shape};
use dolmen_llm::train::{Network, Settings, TrainError, Trainer, data, export};
use dolmen_simd::level::Level;
use dolmen_tensor::op::{Reduce, Unary};
use dolmen_tensor::optim::{Adam, Group, Method, Optimiser, Update, clip, grad_norm};
use dolmen_tensor::{Context, Goal, Id, Memory, Plan};

/// Jobs on real threads.
struct Threads(usize);

impl Jobs for Threads {
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for nth in 0..count {
                scope.spawn(move || job(nth));
            }
        });
    }
    fn width(&self) -> usize {
        self.0
    }
}

/// The greatest difference, as a part of the greatest value. (Gradients of key biases are zeros but for rounding.)
fn difference(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len(), "number of elements");
    let greatest = wanted.iter().fold(1e-4f32, |kept, x| kept.max(x.abs()));
    let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs());
    worst.fold(0.0f32, |kept, d| if d.is_nan() { f32::INFINITY } else { kept.max(d) }) / greatest
}

/// A model of the shared data, ready for steps.
struct Model {
    network: Network,
    plan: Plan,
    params: Vec<f32>,
    grads: Vec<f32>,
    arena: Vec<f32>,
}

impl Model {
    fn new(name: &str, shape: Shape, width: usize, loss: impl FnOnce(&mut Network) -> Id) -> Option<Model> {
        let folder = folder(name)?;
        let config = Config::from_json(&read(&folder.join("config.json"))).unwrap();
        let weights = read(&folder.join("model.safetensors"));
        let mut network = Network::new(&config, shape).unwrap();
        let loss = loss(&mut network);
        let keep = [&network.states[..], &[network.logits]].concat();
        let plan =
            Plan::new(network.tape.clone(), Goal { loss: Some(loss), keep: &keep, workers: width }).unwrap();
        let mut params = vec![0.0; plan.params_len()];
        network.load(&SafeTensors::parse(&weights).unwrap(), &mut params, &mut []).unwrap();
        let (grads, arena) = (vec![0.0; params.len()], vec![f32::NAN; plan.arena_len()]);
        Some(Model { network, plan, params, grads, arena })
    }

    /// Sets tokens; each is to be followed by the next.
    fn set(&mut self, texts: &[Vec<u32>]) {
        let shifted = |text: &Vec<u32>| text[1..].iter().copied().chain([IGNORE]).collect::<Vec<u32>>();
        let targets: Vec<u32> = texts.iter().flat_map(shifted).collect();
        self.network.set_constants(&self.plan, &mut self.arena).unwrap();
        self.plan.set_numbers(&mut self.arena, self.network.tokens, &texts.concat()).unwrap();
        self.plan.set_numbers(&mut self.arena, self.network.targets, &targets).unwrap();
    }

    fn run(&mut self, context: &Context<'_>) {
        self.grads.fill(0.0);
        let (params, grads) = (&self.params[..], &mut self.grads);
        let mut memory = Memory { params, frozen: &[], grads, arena: &mut self.arena };
        self.plan.forward(context, &mut memory).unwrap();
        self.plan.backward(context, &mut memory).unwrap();
    }

    fn compare(&self, expected: &SafeTensors<'_>, what: &str) {
        for (nth, state) in self.network.states.iter().enumerate() {
            let found = self.plan.value(&self.arena, *state).unwrap();
            close(found, &floats(expected, &format!("hidden.{nth}")), what);
        }
        for parameter in &self.network.parameters {
            // The gradient of what the loss does not depend on is not there.
            let name = format!("grad.{}", parameter.name);
            let found = &self.grads[self.network.range(parameter)];
            if expected.get(&name).is_none() {
                assert!(found.iter().all(|x| *x == 0.0), "{what}: {name}");
                continue;
            }
            let error = difference(found, &floats(expected, &name));
            assert!(error < 1e-4, "{what}: {name} differs by {error}");
        }
    }
}

#[test]
fn logits_states_and_gradients_are_those_of_transformers() {
    for name in DECODERS {
        let Some(folder) = folder(name) else { return };
        let bytes = read(&folder.join("expected.safetensors"));
        let expected = SafeTensors::parse(&bytes).unwrap();
        let texts = ids(&expected, "input_ids");
        let shape = Shape::plain(texts.len(), texts[0].len());
        for (level, jobs) in [(Level::best(), &Serial as &dyn Jobs), (Level::SCALAR, &Threads(2))] {
            let mut model = Model::new(name, shape, 2, |network| network.loss.unwrap()).unwrap();
            model.set(&texts);
            model.run(&Context { level, jobs, seed: 0 });
            let logits = model.plan.value(&model.arena, model.network.logits).unwrap();
            close(logits, &floats(&expected, "logits"), name);
            close(&[model.plan.loss(&model.arena).unwrap()], &floats(&expected, "loss"), name);
            model.compare(&expected, &format!("{name}, {level}"));
        }
    }
}

#[test]
fn an_encoder_learns_from_its_sentences() {
    let Some(folder) = folder("bert-tiny") else { return };
    let bytes = read(&folder.join("expected.safetensors"));
    let expected = SafeTensors::parse(&bytes).unwrap();
    let [texts, masks, types] =
        ["input_ids", "attention_mask", "token_type_ids"].map(|name| ids(&expected, name));
    let (batch, time, width) = (texts.len(), texts[0].len(), 48);
    let shape = Shape { bare: true, ..Shape::plain(batch, time) };
    let (mut mask, mut mean, mut embedding) = (None, None, None);
    // The sum of all cosines of mean-pooled states.
    let mut model = Model::new("bert-tiny", shape, 1, |network| {
        let tape = &mut network.tape;
        let of = tape.input(&[batch, 1, time]).unwrap();
        let sums = tape.matmul(of, *network.states.last().unwrap()).unwrap();
        let sums = tape.reshape(sums, &[batch, width]).unwrap();
        let squares = tape.unary(Unary::Square, sums).unwrap();
        let squares = tape.reduce(Reduce::Sum, squares).unwrap();
        let length = tape.unary(Unary::Sqrt, squares).unwrap();
        let length = tape.reshape(length, &[batch, 1]).unwrap();
        let normal = tape.div(sums, length).unwrap();
        let turned = tape.transpose(normal, 0, 1).unwrap();
        let cosines = tape.matmul(normal, turned).unwrap();
        (mask, mean, embedding) = (Some(of), Some(sums), Some(normal));
        network.states.extend([sums, normal]);
        tape.reduce_all(Reduce::Sum, cosines).unwrap()
    })
    .unwrap();
    model.set(&texts);
    let arena = &mut model.arena;
    let counts: Vec<u32> = masks.iter().map(|mask| mask.iter().sum()).collect();
    let weights = masks.iter().zip(&counts);
    let weights: Vec<f32> =
        weights.flat_map(|(mask, count)| mask.iter().map(move |&one| one as f32 / *count as f32)).collect();
    let ranges: Vec<u32> = counts.iter().flat_map(|&count| [0, count]).collect();
    model.plan.set(arena, mask.unwrap(), &weights).unwrap();
    model.plan.set_numbers(arena, model.network.types.unwrap(), &types.concat()).unwrap();
    model.plan.set_numbers(arena, model.network.ranges.unwrap(), &ranges).unwrap();
    model.run(&Context::new());
    for (id, name) in [(mean.unwrap(), "mean_pooled"), (embedding.unwrap(), "sentence_embedding")] {
        close(model.plan.value(&model.arena, id).unwrap(), &floats(&expected, name), name);
    }
    close(
        model.plan.value(&model.arena, model.network.logits).unwrap(),
        &floats(&expected, "pooler"),
        "pooler",
    );
    model.network.states.truncate(4);
    model.compare(&expected, "bert-tiny");
}

/// One line of `training.json`.
struct Line {
    rate: f64,
    loss: f64,
    norm: f64,
}

fn curve(folder: &std::path::Path) -> Vec<Line> {
    let text = read(&folder.join("training.json"));
    let document = dolmen_text::json::Document::read(&text).unwrap();
    let lines = document.root().get("curve").unwrap().items().map(|line| {
        let number = |name| line.get(name).unwrap().as_number().unwrap().as_f64().unwrap();
        Line { rate: number("lr"), loss: number("loss"), norm: number("grad_norm") }
    });
    lines.collect()
}

#[test]
fn thirty_steps_follow_the_curve_of_pytorch() {
    for name in DECODERS {
        let Some(folder) = folder(name) else { return };
        let bytes = read(&folder.join("expected.safetensors"));
        let texts = ids(&SafeTensors::parse(&bytes).unwrap(), "input_ids");
        let (batch, time) = (texts.len(), texts[0].len());
        let mut model =
            Model::new(name, Shape::plain(batch, time), 1, |network| network.loss.unwrap()).unwrap();
        let parameters = model.network.parameters.iter();
        let groups: Vec<Group> = parameters
            .map(|parameter| Group {
                range: model.network.range(parameter),
                weight_decay: if parameter.dims.len() > 1 { 0.1 } else { 0.0 },
                rate: 1.0,
            })
            .collect();
        let method = Method::AdamW(Adam { betas: [0.9, 0.95], ..Adam::USUAL });
        let mut state = vec![0.0; method.slots() * model.params.len()];
        let (mut optimiser, context) = (Optimiser::new(method), Context::new());
        for (step, line) in curve(&folder).iter().enumerate() {
            let token = |at: usize| (at * 7919 % 97 % 211) as u32;
            let text = |row| (0..time).map(|at| token((step * batch + row) * time + at)).collect();
            model.set(&(0..batch).map(text).collect::<Vec<_>>());
            model.run(&context);
            let loss = f64::from(model.plan.loss(&model.arena).unwrap());
            assert!((loss - line.loss).abs() < 1e-3, "{name}, step {step}: {loss}, not {}", line.loss);
            let norm = grad_norm(&context, &model.grads);
            assert!((norm - line.norm).abs() < 1e-3 * line.norm, "{name}, step {step}: norm {norm}");
            let (params, grads) = (&mut model.params[..], &model.grads[..]);
            let update = Update { params, grads, state: &mut state, scale: clip(norm, 1.0) };
            optimiser.step(&context, line.rate, &groups, update);
        }
        model.set(&texts);
        model.run(&context);
        let after = read(&folder.join("after_training.safetensors"));
        let wanted = floats(&SafeTensors::parse(&after).unwrap(), "logits");
        let found = model.plan.value(&model.arena, model.network.logits).unwrap();
        let error = difference(found, &wanted);
        assert!(error < 1e-3, "{name}: logits after training differ by {error}");
    }
}

/// This file, as characters.
fn text() -> (data::Characters, Vec<u32>) {
    let text = include_str!("training.rs");
    let characters = data::Characters::of(text);
    let tokens = characters.encode(text);
    (characters, tokens)
}

fn small() -> Settings {
    Settings {
        n_layer: 2,
        n_embd: 32,
        block_size: 32,
        batch_size: 4,
        dropout: 0.1,
        gradient_accumulation_steps: 2,
        warmup_iters: 4,
        ..Settings::GPT_CHAR
    }
}

fn trainer(settings: &Settings, vocabulary: usize, steps: u64) -> Trainer {
    Trainer::new(settings.config(vocabulary), settings.clone(), steps, 4).unwrap()
}

#[test]
fn one_two_and_four_threads_give_the_same_bits() {
    let (characters, tokens) = text();
    let run = |jobs: &dyn Jobs| {
        let mut trainer = trainer(&small(), characters.len(), 6);
        let context = Context { level: Level::best(), jobs, seed: 0 };
        (0..6).for_each(|_| {
            trainer.step(&context, &tokens).unwrap();
        });
        let loss = trainer.evaluate(&context, &tokens).unwrap();
        let sample = trainer.sample(&context, &tokens[..5], (20, 0.8, 1)).unwrap();
        (trainer.parameters().0.to_vec(), loss.to_bits(), sample)
    };
    let one = run(&Serial);
    for threads in [2, 4] {
        assert!(one == run(&Threads(threads)), "{threads} threads");
    }
}

#[test]
fn a_training_that_was_stopped_goes_on_bit_for_bit() {
    let (characters, tokens) = text();
    let context = Context::new();
    let finish = |trainer: &mut Trainer| {
        while trainer.done() < 9 {
            trainer.step(&context, &tokens).unwrap();
        }
        let mut bytes = Vec::new();
        trainer.append_checkpoint(&tokens, &mut bytes);
        bytes
    };
    let mut first = trainer(&small(), characters.len(), 9);
    (0..4).for_each(|_| {
        first.step(&context, &tokens).unwrap();
    });
    let mut stopped = Vec::new();
    first.append_checkpoint(&tokens, &mut stopped);
    let uninterrupted = finish(&mut first);
    let mut second = trainer(&small(), characters.len(), 9);
    second.resume(&tokens, &stopped).unwrap();
    assert!(finish(&mut second) == uninterrupted);
    // Neither with other settings, nor another text, nor damaged.
    let mut other = trainer(&Settings { learning_rate: 1e-3, ..small() }, characters.len(), 9);
    assert!(matches!(other.resume(&tokens, &stopped), Err(TrainError::Settings { .. })));
    assert!(matches!(second.resume(&tokens[1..], &stopped), Err(TrainError::Settings { .. })));
    *stopped.last_mut().unwrap() ^= 1;
    assert!(matches!(second.resume(&tokens, &stopped), Err(TrainError::Checksum { .. })));
}

#[test]
fn a_small_model_learns_this_file() {
    let (characters, tokens) = text();
    let settings = Settings { dropout: 0.0, gradient_accumulation_steps: 1, ..small() };
    let mut trainer = trainer(&settings, characters.len(), 150);
    let context = Context::new();
    let first = trainer.step(&context, &tokens).unwrap().loss;
    assert!((first - (characters.len() as f32).ln()).abs() < 0.1, "{first} before anything is learned");
    while trainer.done() < 150 {
        trainer.step(&context, &tokens).unwrap();
    }
    let loss = trainer.evaluate(&context, &tokens).unwrap();
    assert!(loss < 3.0, "{loss} after 150 steps");
}

#[test]
fn low_rank_additions_learn_and_are_added_up() {
    let (characters, tokens) = text();
    let base = trainer(&small(), characters.len(), 20);
    let folder = export::safetensors(&base).unwrap();
    let mut tuned = trainer(&Settings { lora_rank: 4, dropout: 0.0, ..small() }, characters.len(), 20);
    tuned.load(&SafeTensors::parse(&folder).unwrap()).unwrap();
    let (before, frozen) = (tuned.parameters().0.len(), tuned.parameters().1.to_vec());
    assert!(before * 10 < frozen.len(), "{before} of {} are trained", frozen.len());
    let context = Context::new();
    let first = tuned.evaluate(&context, &tokens).unwrap();
    (0..20).for_each(|_| {
        tuned.step(&context, &tokens).unwrap();
    });
    assert_eq!(tuned.parameters().1, frozen);
    let last = tuned.evaluate(&context, &tokens).unwrap();
    assert!(last < first, "{last} after, {first} before");
    // The sum is a model without additions that says the same.
    let merged = export::safetensors(&tuned).unwrap();
    let mut whole = trainer(&small(), characters.len(), 20);
    whole.load(&SafeTensors::parse(&merged).unwrap()).unwrap();
    let same = whole.evaluate(&context, &tokens).unwrap();
    assert!((same - last).abs() < 1e-5, "{same} added up, {last} as additions");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let wrong = [
        Settings { n_head: 3, ..small() },
        Settings { block_size: 0, ..small() },
        Settings { learning_rate: f64::NAN, ..small() },
        Settings { dropout: 1.0, ..small() },
    ];
    for settings in wrong {
        let config = small().config(10);
        assert!(matches!(Trainer::new(config, settings, 1, 1), Err(TrainError::Setting { .. })));
    }
    let (_, tokens) = text();
    let mut trainer = trainer(&small(), 3, 1);
    assert!(matches!(trainer.step(&Context::new(), &tokens), Err(TrainError::Run(_))), "a token beyond");
    let short = TrainError::Text { found: 9, wanted: 33 };
    assert_eq!(trainer.step(&Context::new(), &tokens[..10]).unwrap_err(), short);
}
