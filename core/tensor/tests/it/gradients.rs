//! Every operation's gradient against differences of the plain twin's results in f64.

use dolmen_base::jobs::{Jobs, Serial};
use dolmen_base::rng::Rng;
use dolmen_tensor::check::Backwards;
use dolmen_tensor::layers::{Cell, Lora, Recurrent, rotary_table, sinusoidal_positions};
use dolmen_tensor::naive::Values;
use dolmen_tensor::op::{
    AttentionOptions, Binary, CrossEntropyOptions, Pairs, Pool, Reduce, Stride, Unary, Weights,
};
use dolmen_tensor::{Context, Goal, Id, Level, Memory, Plan, Tape, TapeError};

/// Of variables, and of two constants: four numbers, and a table `[3, 4]`.
type Build = fn(&mut Tape, &[Id], [Id; 2]) -> Result<Id, TapeError>;

/// An operation of some variables, and of the numbers 0, 2, 1, 1.
struct Case {
    name: &'static str,
    shapes: &'static [&'static [usize]],
    build: Build,
}

const fn case(name: &'static str, shapes: &'static [&'static [usize]], build: Build) -> Case {
    Case { name, shapes, build }
}

const NUMBERS: [u32; 4] = [0, 2, 1, 1];
/// Of the differences; what f64 loses there is far below what f32 loses.
const STEP: f64 = 1e-5;

fn drawn(rng: &mut Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| (2.0 * rng.unit_f64() - 1.0) as f32).collect()
}

fn check(case: &Case, level: Level, jobs: &dyn Jobs) {
    let (mut tape, mut rng) = (Tape::new(), Rng::new(case.name.len() as u64));
    let ids: Vec<Id> = case.shapes.iter().map(|shape| tape.variable(shape).unwrap()).collect();
    let numbers = tape.numbers(&[4]).unwrap();
    let table = tape.input(&[3, 4]).unwrap();
    let out =
        (case.build)(&mut tape, &ids, [numbers, table]).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let shape = tape.shape(out).unwrap();
    let upstream = tape.input(shape.dims()).unwrap();
    let product = tape.mul(out, upstream).unwrap();
    let loss = tape.reduce_all(Reduce::Sum, product).unwrap();
    let shown = tape.dense(out).unwrap();
    let mut floats: Vec<(Id, Vec<f32>)> = Vec::new();
    for id in ids.iter().chain([&upstream, &table]) {
        let len = tape.shape(*id).unwrap().elements();
        floats.push((*id, drawn(&mut rng, len)));
    }
    let mut values = Values::new(&tape, 9);
    values.set(numbers, NUMBERS.map(f64::from));
    for (id, list) in &floats {
        values.set(*id, list.iter().map(|&x| f64::from(x)));
    }
    let plan = Plan::new(tape.clone(), Goal { loss: Some(loss), keep: &[shown], workers: 3 }).unwrap();
    let mut arena = vec![f32::NAN; plan.arena_len()];
    for (id, list) in &floats {
        plan.set(&mut arena, *id, list).unwrap();
    }
    plan.set_numbers(&mut arena, numbers, &NUMBERS).unwrap();
    let context = Context { level, jobs, seed: 9 };
    let mut memory = Memory { params: &[], frozen: &[], grads: &mut [], arena: &mut arena };
    plan.forward(&context, &mut memory).unwrap();
    plan.backward(&context, &mut memory).unwrap();
    values.run();
    near(case.name, "result", plan.value(&arena, shown).unwrap(), &values.get(shown));
    for id in ids {
        let mut slopes = Vec::new();
        for at in 0..tape.shape(id).unwrap().elements() {
            let mut at_distance = |by: f64| {
                values.leaf(id)[at] += by;
                values.run();
                values.leaf(id)[at] -= by;
                values.get(loss)[0]
            };
            slopes.push((at_distance(STEP) - at_distance(-STEP)) / (2.0 * STEP));
        }
        near(case.name, &format!("gradient of {id}"), plan.grad(&arena, id).unwrap(), &slopes);
    }
}

fn near(name: &str, what: &str, found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{name}: {what}");
    let greatest = wanted.iter().fold(1e-3f64, |kept, x| kept.max(x.abs()));
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let apart = (f64::from(*found) - wanted).abs();
        assert!(apart < 5e-6 * greatest, "{name}: {what}, element {at}: {found}, not {wanted}");
    }
}

macro_rules! unary {
    ($($name:literal $function:expr;)*) => {
        [$(case($name, &[&[3, 17]], |t, x, _| {
            let x = t.scale(x[0], 3.0)?;
            t.unary($function, x)
        }),)*]
    };
}

fn functions() -> Vec<Case> {
    let mut cases: Vec<Case> = unary! {
        "relu" Unary::Relu; "gelu" Unary::Gelu; "gelu_tanh" Unary::GeluTanh; "silu" Unary::Silu;
        "sigmoid" Unary::Sigmoid; "tanh" Unary::Tanh; "softplus" Unary::Softplus; "mish" Unary::Mish;
        "elu" Unary::Elu { alpha: 0.7 }; "leaky" Unary::LeakyRelu { slope: 0.1 };
        "hardswish" Unary::Hardswish; "exp" Unary::Exp; "square" Unary::Square;
        "affine" Unary::Affine { scale: -2.0, shift: 0.5 }; "huber" Unary::Huber { delta: 0.6 };
    }
    .into();
    cases.extend([
        case("log, sqrt", &[&[5]], |t, x, _| {
            let x = t.unary(Unary::Affine { scale: 1.0, shift: 1.5 }, x[0])?;
            let (a, b) = (t.unary(Unary::Log, x)?, t.unary(Unary::Sqrt, x)?);
            t.add(a, b)
        }),
        case("add, sub, mul broadcast", &[&[2, 3, 4], &[3, 1], &[4]], |t, x, _| {
            let sum = t.add(x[0], x[1])?;
            let product = t.mul(sum, x[2])?;
            t.sub(product, x[1])
        }),
        case("div broadcast", &[&[2, 3], &[3]], |t, x, _| {
            let below = t.unary(Unary::Affine { scale: 1.0, shift: 2.0 }, x[1])?;
            t.binary(Binary::Div, x[0], below)
        }),
        case("dropout", &[&[9, 70]], |t, x, _| t.dropout(x[0], 0.4)),
        case("swiglu", &[&[4, 9], &[4, 9]], |t, x, _| t.swiglu(x[0], x[1])),
        case("the same twice", &[&[2, 3]], |t, x, _| t.mul(x[0], x[0])),
        case("views", &[&[4, 3, 5]], |t, x, _| {
            let part = t.narrow(x[0], 2, 1, 3)?;
            let turned = t.permute(part, &[1, 2, 0])?;
            let flat = t.reshape(turned, &[9, 4])?;
            let all = t.expand(flat, &[2, 9, 4])?;
            t.concat(&[all, all], 1)
        }),
    ]);
    cases
}

fn products() -> Vec<Case> {
    vec![
        case("matmul", &[&[2, 1, 3, 4], &[3, 4, 5]], |t, x, _| t.matmul(x[0], x[1])),
        case("matmul turned", &[&[2, 4, 3], &[5, 4]], |t, x, _| {
            let (a, b) = (t.transpose(x[0], 1, 2)?, t.transpose(x[1], 0, 1)?);
            t.matmul(a, b)
        }),
        case("linear", &[&[3, 5, 7], &[4, 7], &[4]], |t, x, _| {
            t.linear(x[0], x[1], Some(x[2]), Weights::OutIn)
        }),
        case("linear turned", &[&[5, 7], &[7, 4]], |t, x, _| t.linear(x[0], x[1], None, Weights::InOut)),
        case("lora", &[&[5, 7], &[4, 7], &[2, 7], &[4, 2]], |t, x, _| {
            let lora = Lora { down: x[2], up: x[3], scale: 0.5 };
            t.linear_lora(x[0], (x[1], None, Weights::OutIn), lora)
        }),
        case("embedding", &[&[3, 5]], |t, x, [ids, _]| t.embedding(x[0], ids)),
        case("gather", &[&[4, 3]], |t, x, [ids, _]| {
            let ids = t.reshape(ids, &[4, 1])?;
            t.gather(x[0], ids)
        }),
        case("rotate", &[&[2, 3, 2, 4]], |t, x, [_, table]| {
            let halves = t.rotate(x[0], table, Pairs::Halves)?;
            t.rotate(halves, table, Pairs::Neighbours)
        }),
    ]
}

fn attention() -> Vec<Case> {
    vec![
        case("attention causal", &[&[2, 7, 3, 4], &[2, 7, 3, 4], &[2, 7, 3, 4]], |t, x, _| {
            t.attention([x[0], x[1], x[2]], None, AttentionOptions::CAUSAL)
        }),
        case(
            "attention grouped, over blocks",
            &[&[1, 66, 2, 2], &[1, 66, 1, 2], &[1, 66, 1, 2]],
            |t, x, _| {
                let options =
                    AttentionOptions { window: Some(40), scale: Some(0.9), ..AttentionOptions::CAUSAL };
                t.attention([x[0], x[1], x[2]], None, options)
            },
        ),
        case("attention of fewer queries", &[&[2, 2, 2, 3], &[2, 5, 1, 3], &[2, 5, 1, 3]], |t, x, _| {
            t.attention([x[0], x[1], x[2]], None, AttentionOptions::CAUSAL)
        }),
        case("attention over padding", &[&[2, 3, 2, 4]], |t, x, [ids, _]| {
            // Keys 0 and 1 of the first sequence, none of the second.
            let ranges = t.reshape(ids, &[2, 2])?;
            t.attention([x[0]; 3], Some(ranges), AttentionOptions::FULL)
        }),
        case("attention of one storage", &[&[2, 5, 18]], |t, x, _| {
            let parts = t.split_heads(x[0], 2)?;
            t.attention(parts, None, AttentionOptions::CAUSAL)
        }),
    ]
}

fn rows() -> Vec<Case> {
    vec![
        case("layer norm", &[&[4, 37], &[37], &[37]], |t, x, _| t.layer_norm(x[0], Some((x[1], x[2])), 1e-5)),
        case("layer norm, bare", &[&[4, 37]], |t, x, _| t.layer_norm(x[0], None, 1e-5)),
        case("rms norm", &[&[4, 37], &[37]], |t, x, _| t.rms_norm(x[0], x[1], 1e-6)),
        case("batch norm", &[&[5, 3, 2, 2], &[3], &[3]], |t, x, _| {
            Ok(t.batch_norm(x[0], x[1], x[2], 1e-5)?.out)
        }),
        case("group norm", &[&[2, 4, 3], &[4], &[4]], |t, x, _| t.group_norm(x[0], 2, x[1], x[2], 1e-5)),
        case("softmax", &[&[3, 19]], |t, x, _| t.softmax(x[0])),
        case("log softmax", &[&[3, 19]], |t, x, _| t.log_softmax(x[0])),
        case("sum", &[&[3, 19]], |t, x, _| t.reduce(Reduce::Sum, x[0])),
        case("mean", &[&[3, 19]], |t, x, _| t.reduce(Reduce::Mean, x[0])),
        case("max", &[&[3, 19]], |t, x, _| t.reduce(Reduce::Max, x[0])),
        case("prod", &[&[3, 5]], |t, x, _| t.reduce(Reduce::Prod, x[0])),
        case("logsumexp", &[&[3, 19]], |t, x, _| t.reduce(Reduce::LogSumExp, x[0])),
        case("variance", &[&[3, 19]], |t, x, _| t.variance(x[0])),
        case("cumsum", &[&[3, 19]], |t, x, _| t.cumsum(x[0])),
        case("cross entropy", &[&[4, 5]], |t, x, [ids, _]| {
            t.cross_entropy(x[0], ids, CrossEntropyOptions { ignore: Some(2), smoothing: 0.2 })
        }),
        case("losses", &[&[3, 4], &[3, 4]], |t, x, _| {
            let mut sum = t.mean_square_error(x[0], x[1])?;
            let (log_q, p) = (t.log_softmax(x[0])?, t.softmax(x[1])?);
            for loss in [
                t.huber_loss(x[0], x[1], 0.5)?,
                t.smooth_l1_loss(x[0], x[1], 0.7)?,
                t.binary_cross_entropy(x[0], p)?,
                t.kl_divergence(log_q, p)?,
            ] {
                sum = t.add(sum, loss)?;
            }
            Ok(sum)
        }),
    ]
}

fn pictures() -> Vec<Case> {
    const PAIR: Stride = Stride { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 };
    vec![
        case("conv", &[&[2, 4, 6, 5], &[6, 2, 3, 2], &[6]], |t, x, _| t.conv2d(x[0], x[1], Some(x[2]), PAIR)),
        case("conv transposed", &[&[2, 4, 3, 4], &[4, 3, 3, 2], &[6]], |t, x, _| {
            t.conv_transpose2d(x[0], x[1], Some(x[2]), PAIR, [1, 0])
        }),
        case("max pool", &[&[2, 3, 7, 6]], |t, x, _| {
            t.max_pool2d(x[0], Pool { size: [3, 2], stride: [2, 2], padding: [1, 1] })
        }),
        case("average pool", &[&[2, 3, 7, 6]], |t, x, _| {
            t.average_pool2d(x[0], Pool { size: [3, 2], stride: [2, 1], padding: [1, 1] })
        }),
        case("adaptive pool", &[&[2, 3, 7, 6]], |t, x, _| t.adaptive_average_pool2d(x[0], [3, 4])),
    ]
}

fn recurrent() -> Vec<Case> {
    fn layer(t: &mut Tape, x: &[Id], cell: Cell) -> Result<Id, TapeError> {
        let [of_input, of_state, input_bias, state_bias] = [x[1], x[2], x[3], x[4]];
        let of = Recurrent { cell, of_input, of_state, input_bias, state_bias };
        Ok(t.recurrent(x[0], of, true)?.out)
    }
    vec![
        case("rnn", &[&[2, 4, 3], &[5, 3], &[5, 5], &[5], &[5]], |t, x, _| layer(t, x, Cell::Tanh)),
        case("gru", &[&[2, 4, 3], &[15, 3], &[15, 5], &[15], &[15]], |t, x, _| layer(t, x, Cell::Gru)),
        case("lstm", &[&[2, 4, 3], &[20, 3], &[20, 5], &[20], &[20]], |t, x, _| layer(t, x, Cell::Lstm)),
    ]
}

#[test]
fn gradients_are_differences() {
    let all = [functions(), products(), attention(), rows(), pictures(), recurrent()];
    for case in all.iter().flatten() {
        check(case, Level::best(), &Serial);
        check(case, Level::SCALAR, &Backwards);
    }
}

/// Results and gradients of a loss that is the sum of what is built.
fn sum_of(shapes: &[&[usize]], values: &[&[f32]], build: Build) -> (f32, Vec<Vec<f32>>) {
    let mut tape = Tape::new();
    let ids: Vec<Id> = shapes.iter().map(|shape| tape.variable(shape).unwrap()).collect();
    let numbers = tape.numbers(&[4]).unwrap();
    let out = build(&mut tape, &ids, [numbers; 2]).unwrap();
    let loss = tape.reduce_all(Reduce::Sum, out).unwrap();
    let plan = Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() }).unwrap();
    let mut arena = vec![0.0; plan.arena_len()];
    for (id, values) in ids.iter().zip(values) {
        plan.set(&mut arena, *id, values).unwrap();
    }
    let mut memory = Memory { params: &[], frozen: &[], grads: &mut [], arena: &mut arena };
    plan.forward(&Context::new(), &mut memory).unwrap();
    plan.backward(&Context::new(), &mut memory).unwrap();
    let grads = ids.iter().map(|id| plan.grad(&arena, *id).unwrap().to_vec());
    (plan.loss(&arena).unwrap(), grads.collect())
}

/// llm-13: gradients have the shape of their inputs, whatever was broadcast.
#[test]
fn gradients_through_broadcasting() {
    let squares: Build = |t, x, _| {
        let product = t.matmul(x[0], x[1])?;
        let shifted = t.add(product, x[2])?;
        let d = t.sub(shifted, x[3])?;
        t.unary(Unary::Square, d)
    };
    check(
        &Case {
            name: "x · w + b - y, squared",
            shapes: &[&[2, 3], &[3, 1], &[1, 3], &[2, 1]],
            build: squares,
        },
        Level::best(),
        &Serial,
    );
    let (_, grads) = sum_of(&[&[4]], &[&[1.0, 2.0, 3.0, 4.0]], |t, x, _| {
        let mean = t.reduce(Reduce::Mean, x[0])?;
        t.sub(x[0], mean)
    });
    assert_eq!(grads[0], [0.0; 4], "of x - mean(x)");
    let (sum, grads) = sum_of(&[&[]], &[&[0.5]], |t, x, _| t.expand(x[0], &[1000]));
    assert_eq!((sum, &grads[0][..]), (500.0, &[1000.0][..]), "of a scalar repeated");
}

#[test]
fn positions_are_those_of_the_paper() {
    let table = sinusoidal_positions(3, 4).unwrap();
    let wanted = [0.0, 1.0, 0.0, 1.0, 1f64.sin(), 1f64.cos(), 0.01f64.sin(), 0.01f64.cos()];
    for (found, wanted) in table.iter().zip(wanted) {
        assert!((f64::from(*found) - wanted).abs() < 1e-7, "{found}, not {wanted}");
    }
    let turns = rotary_table(&[3], &[0.5]).unwrap();
    assert!(
        (f64::from(turns[0]) - 1.5f64.cos()).abs() < 1e-7
            && (f64::from(turns[1]) - 1.5f64.sin()).abs() < 1e-7
    );
}
