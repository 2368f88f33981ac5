//! Bodies that tests, the replay of seeds and fuzzing share.

use alloc::vec;
use alloc::vec::Vec;

use dolmen_base::jobs::{Jobs, Serial};
use dolmen_base::rng::Rng;
use dolmen_simd::level::Level;

use crate::naive::Values;
use crate::op::{AttentionOptions, Binary, CrossEntropyOptions, Pool, Reduce, Stride, Unary, Weights};
use crate::{Context, Goal, Id, Memory, Plan, Tape, TapeError, idx};

/// Jobs that are cut as for three threads, the last first.
#[derive(Clone, Copy, Debug)]
pub struct Backwards;

impl Jobs for Backwards {
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..count).rev().for_each(job);
    }

    fn width(&self) -> usize {
        3
    }
}

/// Whatever the bytes are, they are a file or an error; what is one has as many values as it says.
///
/// # Panics
///
/// If not.
pub fn check_idx(data: &[u8]) {
    if let Ok(file) = idx::Idx::parse(data) {
        assert_eq!(file.dims().iter().product::<usize>(), file.bytes().len());
    }
}

/// Builds a tape as the bytes say, and runs it: no panic, the same bits however the work is cut, results near the plain twin's.
///
/// # Panics
///
/// If not.
pub fn check_tape(data: &[u8]) {
    let mut tape = Tape::new();
    let mut made = leaves(&mut tape).expect("the first tensors fit");
    let ids = made.ids;
    for code in data.chunks_exact(4).take(24) {
        // What does not fit is refused; what is too large to be worth it is not kept.
        if let Ok(id) = operation(&mut tape, &made.list, ids, code)
            && tape.shape(id).is_ok_and(|shape| shape.elements() <= 1 << 10)
        {
            made.list.push(id);
        }
    }
    let last = made.list[made.list.len() - 1];
    let shown = tape.dense(last).expect("there is room for a copy");
    let loss = tape.reduce_all(Reduce::Mean, shown).expect("there is room for a sum");
    let mut values = Values::new(&tape, 0);
    let mut rng =
        Rng::new(data.iter().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte))));
    let mut floats = Vec::new();
    for id in made.floats {
        let len = tape.shape(id).map_or(0, |shape| shape.elements());
        let drawn: Vec<f32> = (0..len).map(|_| (rng.unit_f64() * 2.0 - 1.0) as f32).collect();
        values.set(id, drawn.iter().map(|&x| f64::from(x)));
        floats.push((id, drawn));
    }
    let numbers = [0, 2, 1, 1];
    values.set(ids, numbers.map(f64::from));
    let plan =
        Plan::new(tape.clone(), Goal { loss: Some(loss), keep: &[shown], workers: 3 }).expect("it is small");
    let run = |jobs: &dyn Jobs| {
        let mut arena = vec![f32::NAN; plan.arena_len()];
        for (id, values) in &floats {
            plan.set(&mut arena, *id, values).expect("it is an input");
        }
        plan.set_numbers(&mut arena, ids, &numbers).expect("they are numbers");
        let context = Context { level: Level::best(), jobs, seed: 0 };
        let mut memory = Memory { params: &[], frozen: &[], grads: &mut [], arena: &mut arena };
        let ran = plan.forward(&context, &mut memory).and_then(|()| plan.backward(&context, &mut memory));
        ran.ok().map(|()| arena)
    };
    // Numbers beyond their table are an error.
    let Some(arena) = run(&Serial) else { return };
    values.run();
    let (wanted, greatest) = (values.get(shown), values.greatest());
    let found = plan.value(&arena, shown).expect("it was kept");
    let other = run(&Backwards).expect("the same was well before");
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(found), bits(plan.value(&other, shown).expect("it was kept")), "cut for three");
    for (id, _) in &floats {
        let grads = [&arena, &other].map(|arena| plan.grad(arena, *id).ok().map(bits));
        assert_eq!(grads[0], grads[1], "gradient cut for three");
    }
    if greatest.is_finite() && greatest < 1e3 {
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((f64::from(*found) - wanted).abs() < 1e-3 * (1.0 + greatest), "{found}, not {wanted}");
        }
    }
}

struct Made {
    /// What an operation can take.
    list: Vec<Id>,
    floats: Vec<Id>,
    /// Four numbers below three.
    ids: Id,
}

fn leaves(tape: &mut Tape) -> Result<Made, TapeError> {
    let shapes: [&[usize]; 7] = [&[4, 3], &[3], &[3, 3], &[1, 4, 2, 3], &[2, 4, 3, 3], &[], &[1]];
    let mut floats = Vec::new();
    for shape in shapes {
        floats.push(tape.variable(shape)?);
    }
    Ok(Made { list: floats.clone(), floats, ids: tape.numbers(&[4])? })
}

/// One operation: its kind, two inputs, an option.
fn operation(tape: &mut Tape, list: &[Id], ids: Id, code: &[u8]) -> Result<Id, TapeError> {
    let [kind, one, two, option] = [code[0], code[1], code[2], code[3]];
    let pick = |byte: u8| list[usize::from(byte) % list.len()];
    let (x, y, option) = (pick(one), pick(two), usize::from(option));
    let functions = [
        Unary::Relu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Silu,
        Unary::Sigmoid,
        Unary::Tanh,
        Unary::Softplus,
        Unary::Elu { alpha: 0.5 },
        Unary::LeakyRelu { slope: 0.1 },
        Unary::Mish,
        Unary::Hardswish,
        Unary::Square,
        Unary::Affine { scale: -0.5, shift: 0.25 },
        Unary::Huber { delta: 0.5 },
    ];
    let reduces = [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Prod, Reduce::LogSumExp];
    let (small, axis) = (option % 3 + 1, option % 4);
    let pool = Pool { size: [small; 2], stride: [option % 2 + 1; 2], padding: [option / 4 % 2; 2] };
    let groups = if option & 8 == 0 { 1 } else { 2 };
    let stride = Stride { stride: [small; 2], padding: [option % 2; 2], dilation: [1, small], groups };
    match kind % 26 {
        0 => tape.unary(functions[option % functions.len()], x),
        1 => tape.binary([Binary::Add, Binary::Sub, Binary::Mul][option % 3], x, y),
        2 => tape.matmul(x, y),
        3 => tape.linear(x, y, None, if option % 2 == 0 { Weights::OutIn } else { Weights::InOut }),
        4 => tape.softmax(x),
        5 => tape.log_softmax(x),
        6 => tape.reduce(reduces[option % reduces.len()], x),
        7 => tape.cumsum(x),
        8 => tape.transpose(x, axis, option / 4 % 4),
        9 => tape.narrow(x, axis, option / 4 % 3, option / 16 % 3 + 1),
        10 => tape.concat(&[x, y, x], axis),
        11 => tape.rms_norm(x, y, 1e-2),
        12 => tape.layer_norm(x, (option % 2 == 0).then_some((y, y)), 1e-2),
        13 => tape.dropout(x, 0.25),
        14 => tape.embedding(x, ids),
        15 => tape.cross_entropy(x, ids, CrossEntropyOptions { ignore: Some(1), smoothing: 0.1 }),
        16 => {
            let options = if option % 2 == 0 { AttentionOptions::CAUSAL } else { AttentionOptions::FULL };
            tape.attention([x, y, y], None, AttentionOptions { window: Some(option / 2 % 4 + 1), ..options })
        }
        17 => tape.conv2d(x, y, None, stride),
        18 => tape.conv_transpose2d(x, y, None, stride, [0; 2]),
        19 => tape.max_pool2d(x, pool),
        20 => tape.average_pool2d(x, pool),
        21 => tape.adaptive_average_pool2d(x, [small, option % 4 + 1]),
        22 => {
            let elements = tape.shape(x)?.elements();
            tape.reshape(x, &[small, elements / small])
        }
        23 => tape.expand(x, &[small, 4, 3]),
        24 => tape.attention([x, x, x], None, AttentionOptions::CAUSAL),
        _ => tape.group_norm(x, small, y, y, 1e-2),
    }
}
