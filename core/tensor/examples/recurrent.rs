//! Lesson 4: a network with a memory.
//!
//! A sequence of zeros and ones, then the question: was the number of ones odd? Whoever sees one element at a time must remember, and flip what he
//! remembers. A plain recurrent network (h = tanh(Wx + Vh)) can; an LSTM has gates that say what to keep, and finds it more easily over
//! longer ways, because its cell is added to rather than multiplied.

use dolmen_base::rng::Rng;
use dolmen_tensor::layers::{Cell, Recurrent};
use dolmen_tensor::op::{CrossEntropyOptions, Weights};
use dolmen_tensor::optim::{Adam, Group, Method, Optimiser, Update, clip, grad_norm};
use dolmen_tensor::{Context, Goal, Id, Memory, Plan, Tape, TapeError};

const BATCH: usize = 64;
const TIME: usize = 8;
const STATE: usize = 24;

/// Bits in, parity after each of them out.
struct Task {
    plan: Plan,
    bits: Id,
    parity: Id,
}

fn task(cell: Cell) -> Result<Task, TapeError> {
    let mut tape = Tape::new();
    let (bits, parity) = (tape.input(&[BATCH, TIME, 1])?, tape.numbers(&[BATCH * TIME])?);
    let gates = cell.gates() * STATE;
    let of = Recurrent {
        cell,
        of_input: tape.param(&[gates, 1])?,
        of_state: tape.param(&[gates, STATE])?,
        input_bias: tape.param(&[gates])?,
        state_bias: tape.param(&[gates])?,
    };
    let states = tape.recurrent(bits, of, false)?.out;
    let (w, b) = (tape.param(&[2, STATE])?, tape.param(&[2])?);
    let scores = tape.linear(states, w, Some(b), Weights::OutIn)?;
    let scores = tape.reshape(scores, &[BATCH * TIME, 2])?;
    let loss = tape.cross_entropy(scores, parity, CrossEntropyOptions::PLAIN)?;
    Ok(Task { plan: Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() })?, bits, parity })
}

/// Steps until the loss is below a twentieth of what guessing costs; `None`: not in so many.
fn learn(task: &Task, steps: usize) -> Option<usize> {
    let (plan, len, mut rng) = (&task.plan, task.plan.params_len(), Rng::new(3));
    let wide = 1.0 / (STATE as f64).sqrt();
    let mut params: Vec<f32> = (0..len).map(|_| (wide * (2.0 * rng.unit_f64() - 1.0)) as f32).collect();
    let method = Method::Adam(Adam::USUAL);
    let (mut optimiser, mut state) = (Optimiser::new(method), vec![0.0; method.slots() * len]);
    let (mut grads, mut arena) = (vec![0.0; len], vec![0.0; plan.arena_len()]);
    let (context, groups) = (Context::new(), [Group { range: 0..len, weight_decay: 0.0, rate: 1.0 }]);
    for step in 0..steps {
        let (mut bits, mut parity) = (Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let mut odd = 0;
            for _ in 0..TIME {
                let bit = rng.below(2) as u32;
                odd ^= bit;
                bits.push(bit as f32 * 2.0 - 1.0);
                parity.push(odd);
            }
        }
        plan.set(&mut arena, task.bits, &bits).expect("a batch");
        plan.set_numbers(&mut arena, task.parity, &parity).expect("a batch");
        grads.fill(0.0);
        let mut memory = Memory { params: &params, frozen: &[], grads: &mut grads, arena: &mut arena };
        plan.forward(&context, &mut memory).expect("planned memory");
        plan.backward(&context, &mut memory).expect("planned memory");
        // A gradient that went through many steps can be huge: it is shortened, its direction kept.
        let scale = clip(grad_norm(&context, &grads), 1.0);
        let update = Update { params: &mut params, grads: &grads, state: &mut state, scale };
        optimiser.step(&context, 1e-2, &groups, update);
        let loss = plan.loss(&arena).expect("kept");
        if step % 100 == 0 {
            println!("  step {step:>4}: loss {loss:.4}");
        }
        if loss < std::f32::consts::LN_2 / 20.0 {
            return Some(step);
        }
    }
    None
}

/// Trains each kind of cell on the same task.
pub fn main() {
    for (name, cell) in [("plain", Cell::Tanh), ("GRU", Cell::Gru), ("LSTM", Cell::Lstm)] {
        let task = task(cell).expect("the layers fit");
        println!("{name}: {} weights, arena of {} floats", task.plan.params_len(), task.plan.arena_len());
        match learn(&task, 1500) {
            Some(step) => println!("{name}: knows after {step} steps"),
            None => println!("{name}: does not know after 1,500 steps"),
        }
    }
    let lstm = task(Cell::Lstm).expect("the layers fit");
    assert!(learn(&lstm, 1500).is_some(), "an LSTM learns parity of {TIME} bits");
}
