//! Lesson 1: how a gradient is found.
//!
//! Every computation is a list of small steps. Each step knows its own slope; walking the list backwards and multiplying slopes gives how the end
//! changes with each beginning: the chain rule. Here it is in forty lines for single numbers, then the same by the crate for whole tensors.

use dolmen_tensor::op::{Reduce, Unary};
use dolmen_tensor::{Context, Goal, Memory, Plan, Tape};

/// A step of the list: what it does, and to which earlier values.
#[derive(Clone, Copy)]
enum Step {
    Given(f64),
    Add(usize, usize),
    Mul(usize, usize),
    Tanh(usize),
}

/// The list. A value is named by its place in it.
#[derive(Default)]
struct Numbers {
    steps: Vec<Step>,
    values: Vec<f64>,
}

impl Numbers {
    fn put(&mut self, step: Step) -> usize {
        let of = |at: usize| self.values[at];
        let value = match step {
            Step::Given(x) => x,
            Step::Add(a, b) => of(a) + of(b),
            Step::Mul(a, b) => of(a) * of(b),
            Step::Tanh(a) => of(a).tanh(),
        };
        self.steps.push(step);
        self.values.push(value);
        self.steps.len() - 1
    }

    /// How `end` changes with every value before it.
    fn gradients(&self, end: usize) -> Vec<f64> {
        let mut grads = vec![0.0; self.steps.len()];
        grads[end] = 1.0;
        for at in (0..=end).rev() {
            let g = grads[at];
            // A value that is used twice gets both shares: hence +=.
            match self.steps[at] {
                Step::Given(_) => {}
                Step::Add(a, b) => {
                    grads[a] += g;
                    grads[b] += g;
                }
                Step::Mul(a, b) => {
                    grads[a] += g * self.values[b];
                    grads[b] += g * self.values[a];
                }
                Step::Tanh(a) => grads[a] += g * (1.0 - self.values[at] * self.values[at]),
            }
        }
        grads
    }
}

/// tanh(w · x + x) for one w and one x, both ways.
pub fn main() {
    let (w, x) = (0.5, 1.5);
    let mut numbers = Numbers::default();
    let (w_at, x_at) = (numbers.put(Step::Given(w)), numbers.put(Step::Given(x)));
    let product = numbers.put(Step::Mul(w_at, x_at));
    let sum = numbers.put(Step::Add(product, x_at));
    let end = numbers.put(Step::Tanh(sum));
    let grads = numbers.gradients(end);
    println!("by hand:  value {:.6}, dw {:.6}, dx {:.6}", numbers.values[end], grads[w_at], grads[x_at]);

    // The judge of every gradient: move a little to both sides.
    let value = |w: f64| (w * x + x).tanh();
    let difference = (value(w + 1e-6) - value(w - 1e-6)) / 2e-6;
    assert!((difference - grads[w_at]).abs() < 1e-8);

    // The crate keeps the same list, of tensors, and lays out all memory before it computes.
    let (found, by_tape) = tape(w as f32, x as f32).expect("the shapes fit");
    println!("by tape:  value {found:.6}, dw {:.6}, dx {:.6}", by_tape[0], by_tape[1]);
    assert!((f64::from(by_tape[0]) - grads[w_at]).abs() < 1e-6);
    assert!((f64::from(by_tape[1]) - grads[x_at]).abs() < 1e-6);
}

fn tape(w: f32, x: f32) -> Result<(f32, [f32; 2]), Box<dyn std::error::Error>> {
    let mut tape = Tape::new();
    let (w_id, x_id) = (tape.variable(&[1])?, tape.variable(&[1])?);
    let product = tape.mul(w_id, x_id)?;
    let sum = tape.add(product, x_id)?;
    let end = tape.unary(Unary::Tanh, sum)?;
    let loss = tape.reduce(Reduce::Sum, end)?;
    let plan = Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() })?;
    let mut arena = vec![0.0; plan.arena_len()];
    plan.set(&mut arena, w_id, &[w])?;
    plan.set(&mut arena, x_id, &[x])?;
    let mut memory = Memory { params: &[], frozen: &[], grads: &mut [], arena: &mut arena };
    plan.forward(&Context::new(), &mut memory)?;
    plan.backward(&Context::new(), &mut memory)?;
    let grads = [plan.grad(&arena, w_id)?[0], plan.grad(&arena, x_id)?[0]];
    Ok((plan.loss(&arena)?, grads))
}
