//! What the lessons on digits share: MNIST from a folder, digits drawn here where there is none, and the loop that learns them.

mod drawn;

use std::io::Read;
use std::path::Path;

use dolmen_base::rng::Rng;
use dolmen_tensor::idx::Idx;
use dolmen_tensor::optim::{Adam, Group, Method, Optimiser, Update};
use dolmen_tensor::schedule::Schedule;
use dolmen_tensor::{Context, Goal, Id, Memory, Plan, Tape, TapeError};

/// Pictures of 28 × 28, and which digit each is.
pub struct Digits {
    images: Vec<f32>,
    labels: Vec<u32>,
}

pub const AREA: usize = 28 * 28;
const BATCH: usize = 100;

impl Digits {
    /// MNIST's files of this kind (`train` or `t10k`) from a folder, else `count` digits drawn here.
    #[expect(clippy::disallowed_methods, reason = "a lesson is a program, which reads files")]
    pub fn load(folder: Option<&str>, kind: &str, count: usize) -> Digits {
        let Some(folder) = folder else { return drawn::digits(count, kind.len() as u64) };
        let read = |what: &str| {
            let file = std::fs::File::open(Path::new(folder).join(format!("{kind}-{what}-ubyte.gz")));
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(file.expect("MNIST's file")).read_to_end(&mut bytes).expect("gzip");
            bytes
        };
        let (images, labels) = (read("images-idx3"), read("labels-idx1"));
        let images = Idx::parse(&images).expect("pictures").bytes().to_vec();
        let labels = Idx::parse(&labels).expect("labels").bytes().to_vec();
        Digits {
            images: images.iter().map(|&grey| f32::from(grey) / 255.0).collect(),
            labels: labels.iter().map(|&digit| u32::from(digit)).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }
}

/// A network that gives ten scores for each picture, and its weights.
pub struct Learner {
    plans: [Plan; 2],
    inputs: [(Id, Id, Id); 2],
    params: Vec<f32>,
}

/// Puts the network on a tape: pictures in, scores out. `training` switches dropout on.
pub type Network = fn(&mut Tape, Id, bool) -> Result<Id, TapeError>;

impl Learner {
    pub fn new(network: Network) -> Result<Learner, TapeError> {
        let build = |training: bool| {
            let mut tape = Tape::new();
            let (x, y) = (tape.input(&[BATCH, 1, 28, 28])?, tape.numbers(&[BATCH])?);
            let scores = network(&mut tape, x, training)?;
            let loss = tape.cross_entropy(scores, y, dolmen_tensor::op::CrossEntropyOptions::PLAIN)?;
            let goal = Goal { loss: training.then_some(loss), keep: &[scores], workers: 1 };
            Ok((Plan::new(tape.clone(), goal)?, (x, y, scores), tape))
        };
        let ((train, of_train, tape), (test, of_test, _)) = (build(true)?, build(false)?);
        // Weights as wide as the root of two over what comes in (He and others, 2015), biases zero.
        let (mut rng, mut params) = (Rng::new(7), vec![0.0; tape.params_len()]);
        for (range, dims) in tape.params() {
            let ins: usize = dims.dims()[1..].iter().product();
            let wide = if dims.rank() > 1 { (6.0 / ins as f32).sqrt() } else { 0.0 };
            params[range].iter_mut().for_each(|w| *w = wide * (2.0 * rng.unit_f64() as f32 - 1.0));
        }
        Ok(Learner { plans: [train, test], inputs: [of_train, of_test], params })
    }

    /// Learns for so many rounds; the share of the test's digits that it then knows.
    pub fn learn(&mut self, train: &Digits, test: &Digits, epochs: usize) -> f64 {
        let (len, method) = (self.params.len(), Method::AdamW(Adam::USUAL));
        let (mut optimiser, mut state) = (Optimiser::new(method), vec![0.0; method.slots() * len]);
        let (mut grads, mut arena) = (vec![0.0; len], vec![0.0; self.plans[0].arena_len()]);
        let groups = [Group { range: 0..len, weight_decay: 1e-2, rate: 1.0 }];
        let (mut rng, steps) = (Rng::new(1), epochs * (train.len() / BATCH));
        let schedule = Schedule::Cosine { steps: steps as u64, rate_min: 1e-5 };
        let mut order: Vec<usize> = (0..train.len()).collect();
        let (plan, (x, y, _)) = (&self.plans[0], self.inputs[0]);
        for step in 0..steps {
            let (mut images, mut labels) = (Vec::new(), Vec::new());
            for at in step * BATCH..(step + 1) * BATCH {
                // Each round goes through all pictures once, shuffled (Fisher and Yates, a swap at a time).
                let own = at % order.len();
                let other = own + rng.below((order.len() - own) as u64) as usize;
                order.swap(own, other);
                let nth = order[own];
                images.extend_from_slice(&train.images[nth * AREA..][..AREA]);
                labels.push(train.labels[nth]);
            }
            plan.set(&mut arena, x, &images).expect("a batch");
            plan.set_numbers(&mut arena, y, &labels).expect("a batch");
            grads.fill(0.0);
            let context = Context { seed: step as u64, ..Context::new() };
            let mut memory =
                Memory { params: &self.params, frozen: &[], grads: &mut grads, arena: &mut arena };
            plan.forward(&context, &mut memory).expect("planned memory");
            plan.backward(&context, &mut memory).expect("planned memory");
            let params = &mut self.params;
            let update = Update { params, grads: &grads, state: &mut state, scale: 1.0 };
            optimiser.step(&context, schedule.rate(2e-3, step as u64), &groups, update);
            if (step + 1).is_multiple_of((steps / epochs).max(1)) {
                let loss = plan.loss(&arena).expect("kept");
                println!(
                    "epoch {}: loss {loss:.3}, {:.2} % known",
                    (step + 1) * epochs / steps,
                    100.0 * self.known(test)
                );
            }
        }
        self.known(test)
    }

    fn known(&self, test: &Digits) -> f64 {
        let (plan, (x, _, scores)) = (&self.plans[1], self.inputs[1]);
        let (mut arena, mut right) = (vec![0.0; plan.arena_len()], 0);
        for (images, labels) in test.images.chunks_exact(BATCH * AREA).zip(test.labels.chunks_exact(BATCH)) {
            plan.set(&mut arena, x, images).expect("a batch");
            let mut memory = Memory { params: &self.params, frozen: &[], grads: &mut [], arena: &mut arena };
            plan.forward(&Context::new(), &mut memory).expect("planned memory");
            let scores = plan.value(&arena, scores).expect("kept");
            let best = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("ten") as u32;
            right += scores.chunks(10).zip(labels).filter(|(row, label)| best(row) == **label).count();
        }
        right as f64 / (test.len() / BATCH * BATCH) as f64
    }
}
