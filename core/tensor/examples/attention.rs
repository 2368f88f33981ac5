//! Lesson 5: looking back by content.
//!
//! A recurrent network carries the past along; attention looks it up. Each position asks a question (query), each offers an answer (value)
//! under a heading (key); answers are mixed by how well headings fit the question. First three positions by hand, then a task that only
//! looking back solves: of a row of letters, say the one that stood after the last one the first time.

use dolmen_base::rng::Rng;
use dolmen_tensor::op::{AttentionOptions, CrossEntropyOptions, Weights};
use dolmen_tensor::optim::{Adam, Group, Method, Optimiser, Update};
use dolmen_tensor::{Context, Goal, Id, Memory, Plan, Tape, TapeError};

const LETTERS: usize = 8;
const TIME: usize = 12;
const BATCH: usize = 32;
const WIDTH: usize = 32;

/// One question to three headings, with numbers small enough to follow.
fn by_hand() {
    let (query, keys, values) = ([1.0f64, 0.0], [[3.0, 0.0], [0.0, 3.0], [1.0, 1.0]], [10.0, 20.0, 30.0]);
    let fits: Vec<f64> =
        keys.iter().map(|key| (query[0] * key[0] + query[1] * key[1]) / 2f64.sqrt()).collect();
    let sum: f64 = fits.iter().map(|fit| fit.exp()).sum();
    let weights: Vec<f64> = fits.iter().map(|fit| fit.exp() / sum).collect();
    let answer: f64 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
    println!("fits {fits:.2?}, weights {weights:.2?}, answer {answer:.2}: mostly the first value");
    assert!(weights[0] > 0.7 && answer < 18.0);
}

/// Letters in, scores for what comes at the end out: two layers, each `x + attention(x)`.
fn network(tape: &mut Tape, letters: Id) -> Result<Id, TapeError> {
    let (table, positions) = (tape.param(&[LETTERS, WIDTH])?, tape.param(&[TIME, WIDTH])?);
    let x = tape.embedding(table, letters)?;
    let mut x = tape.add(x, positions)?;
    for _ in 0..2 {
        let w = tape.param(&[3 * WIDTH, WIDTH])?;
        let all = tape.linear(x, w, None, Weights::OutIn)?;
        let parts = tape.split_heads(all, 2)?;
        let seen = tape.attention(parts, None, AttentionOptions::CAUSAL)?;
        let seen = tape.reshape(seen, &[BATCH, TIME, WIDTH])?;
        let w = tape.param(&[WIDTH, WIDTH])?;
        let seen = tape.linear(seen, w, None, Weights::OutIn)?;
        x = tape.add(x, seen)?;
    }
    let last = tape.narrow(x, 1, TIME - 1, 1)?;
    let last = tape.reshape(last, &[BATCH, WIDTH])?;
    let head = tape.param(&[LETTERS, WIDTH])?;
    tape.linear(last, head, None, Weights::OutIn)
}

/// A row whose last letter stood somewhere before: what followed it then is the answer.
fn example(rng: &mut Rng) -> (Vec<u32>, u32) {
    let mut row: Vec<u32> = (0..TIME as u32 - 1).map(|_| 1 + rng.below(LETTERS as u64 - 1) as u32).collect();
    // The letter 0 is only where we put it.
    let at = rng.below(TIME as u64 - 3) as usize;
    row[at] = 0;
    let answer = row[at + 1];
    row.push(0);
    (row, answer)
}

/// By hand, then by learning.
pub fn main() {
    by_hand();
    let mut tape = Tape::new();
    let letters = tape.numbers(&[BATCH, TIME]).expect("a batch");
    let answers = tape.numbers(&[BATCH]).expect("a batch");
    let scores = network(&mut tape, letters).expect("the layers fit");
    let loss = tape.cross_entropy(scores, answers, CrossEntropyOptions::PLAIN).expect("a score for each");
    let plan = Plan::new(tape, Goal { loss: Some(loss), keep: &[scores], workers: 1 }).expect("a loss");
    let (len, mut rng) = (plan.params_len(), Rng::new(5));
    let mut params: Vec<f32> = (0..len).map(|_| (0.3 * (2.0 * rng.unit_f64() - 1.0)) as f32).collect();
    let method = Method::AdamW(Adam::USUAL);
    let (mut optimiser, mut state) = (Optimiser::new(method), vec![0.0; method.slots() * len]);
    let (mut grads, mut arena) = (vec![0.0; len], vec![0.0; plan.arena_len()]);
    let (context, groups) = (Context::new(), [Group { range: 0..len, weight_decay: 0.0, rate: 1.0 }]);
    let mut mean = (LETTERS as f32).ln();
    for step in 0..2000 {
        let rows: Vec<(Vec<u32>, u32)> = (0..BATCH).map(|_| example(&mut rng)).collect();
        let all: Vec<u32> = rows.iter().flat_map(|(row, _)| row.clone()).collect();
        plan.set_numbers(&mut arena, letters, &all).expect("a batch");
        let wanted: Vec<u32> = rows.iter().map(|(_, answer)| *answer).collect();
        plan.set_numbers(&mut arena, answers, &wanted).expect("a batch");
        grads.fill(0.0);
        let mut memory = Memory { params: &params, frozen: &[], grads: &mut grads, arena: &mut arena };
        plan.forward(&context, &mut memory).expect("planned memory");
        plan.backward(&context, &mut memory).expect("planned memory");
        let update = Update { params: &mut params, grads: &grads, state: &mut state, scale: 1.0 };
        optimiser.step(&context, 3e-3, &groups, update);
        mean = 0.95 * mean + 0.05 * plan.loss(&arena).expect("kept");
        if step % 200 == 0 {
            println!("step {step:>4}: loss {mean:.3}");
        }
        if mean < 0.1 {
            println!("step {step:>4}: loss {mean:.3}: it looks the answer up");
            return;
        }
    }
    panic!("two layers of attention learn to look up, but the loss is {mean}");
}
