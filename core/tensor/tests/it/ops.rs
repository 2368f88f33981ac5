//! Every single operation of the reference vectors: results and gradients, at every level of this CPU.

use std::collections::BTreeMap;

use crate::common::{self, File, difference, read, run};
use dolmen_base::jobs::Serial;
use dolmen_tensor::layers::{Cell, MultiHead, Recurrent};
use dolmen_tensor::op::{AttentionOptions, CrossEntropyOptions, Pairs, Pool, Reduce, Stride, Unary, Weights};
use dolmen_tensor::{Context, Goal, Id, Level, Tape, TapeError};

/// The inputs of an operation by their names.
type Inputs<'a> = BTreeMap<&'a str, Id>;
type Build = fn(&mut Tape, &Inputs<'_>) -> Result<Id, TapeError>;

const EPSILON: f32 = 1e-5;

fn unary(tape: &mut Tape, of: &Inputs<'_>, function: Unary) -> Result<Id, TapeError> {
    let x = tape.scale(of["x"], 3.0)?;
    tape.unary(function, x)
}

fn operations() -> Vec<(&'static str, Build)> {
    let mut list = products();
    list.extend(pictures());
    list.extend(functions());
    list.extend(losses());
    list
}

fn products() -> Vec<(&'static str, Build)> {
    vec![
        ("linear", |t, i| t.linear(i["x"], i["w"], Some(i["b"]), Weights::OutIn)),
        ("matmul_broadcast", |t, i| t.matmul(i["a"], i["b"])),
        ("layer_norm_eps1e-5", |t, i| t.layer_norm(i["x"], Some((i["w"], i["b"])), EPSILON)),
        ("rms_norm_eps1e-6", |t, i| t.rms_norm(i["x"], i["w"], 1e-6)),
        ("batch_norm_train", |t, i| Ok(t.batch_norm(i["x"], i["w"], i["b"], EPSILON)?.out)),
        ("batch_norm_eval", |t, i| {
            t.batch_norm_fixed(i["x"], (i["mean"], i["variance"]), (i["w"], i["b"]), EPSILON)
        }),
        ("group_norm_2", |t, i| t.group_norm(i["x"], 2, i["w"], i["b"], EPSILON)),
        ("sdpa_causal", |t, i| {
            let mut turned = [i["q"], i["k"], i["v"]];
            for x in &mut turned {
                *x = t.transpose(*x, 1, 2)?;
            }
            let out = t.attention(turned, None, AttentionOptions::CAUSAL)?;
            t.transpose(out, 1, 2)
        }),
        ("embedding", |t, i| t.embedding(i["w"], i["i"])),
        ("gather_scatter", |t, i| t.gather(i["x"], i["i"])),
    ]
}

fn pictures() -> Vec<(&'static str, Build)> {
    vec![
        ("conv2d_s2_p1", |t, i| {
            let stride = Stride { stride: [2; 2], padding: [1; 2], ..Stride::PLAIN };
            t.conv2d(i["x"], i["w"], Some(i["b"]), stride)
        }),
        ("conv2d_dil2_groups2", |t, i| {
            let stride = Stride { padding: [2; 2], dilation: [2; 2], groups: 2, ..Stride::PLAIN };
            t.conv2d(i["x"], i["w"], Some(i["b"]), stride)
        }),
        ("conv1d", |t, i| {
            let x = t.reshape(i["x"], &[2, 3, 1, 11])?;
            let w = t.reshape(i["w"], &[5, 3, 1, 5])?;
            let stride = Stride { padding: [0, 2], ..Stride::PLAIN };
            let out = t.conv2d(x, w, Some(i["b"]), stride)?;
            t.reshape(out, &[2, 5, 11])
        }),
        ("conv_transpose2d_s2", |t, i| {
            let stride = Stride { stride: [2; 2], padding: [1; 2], ..Stride::PLAIN };
            t.conv_transpose2d(i["x"], i["w"], Some(i["b"]), stride, [1; 2])
        }),
        ("max_pool2d_3s2p1", |t, i| {
            t.max_pool2d(i["x"], Pool { size: [3; 2], stride: [2; 2], padding: [1; 2] })
        }),
        ("avg_pool2d_2", |t, i| {
            t.average_pool2d(i["x"], Pool { size: [2; 2], stride: [2; 2], padding: [0; 2] })
        }),
        ("adaptive_avg_pool2d_3", |t, i| t.adaptive_average_pool2d(i["x"], [3; 2])),
    ]
}

fn functions() -> Vec<(&'static str, Build)> {
    vec![
        ("relu", |t, i| unary(t, i, Unary::Relu)),
        ("gelu_erf", |t, i| unary(t, i, Unary::Gelu)),
        ("gelu_tanh", |t, i| unary(t, i, Unary::GeluTanh)),
        ("silu", |t, i| unary(t, i, Unary::Silu)),
        ("sigmoid", |t, i| unary(t, i, Unary::Sigmoid)),
        ("tanh", |t, i| unary(t, i, Unary::Tanh)),
        ("softplus", |t, i| unary(t, i, Unary::Softplus)),
        ("elu", |t, i| unary(t, i, Unary::Elu { alpha: 1.0 })),
        ("leaky_relu", |t, i| unary(t, i, Unary::LeakyRelu { slope: 0.01 })),
        ("mish", |t, i| unary(t, i, Unary::Mish)),
        ("hardswish", |t, i| unary(t, i, Unary::Hardswish)),
        ("softmax", |t, i| {
            let x = t.scale(i["x"], 4.0)?;
            t.softmax(x)
        }),
        ("log_softmax", |t, i| {
            let x = t.scale(i["x"], 4.0)?;
            t.log_softmax(x)
        }),
        ("swiglu", |t, i| t.swiglu(i["g"], i["u"])),
        ("logsumexp", |t, i| {
            let x = t.scale(i["x"], 5.0)?;
            t.reduce(Reduce::LogSumExp, x)
        }),
        ("var_unbiased", |t, i| t.variance(i["x"])),
        ("cumsum", |t, i| t.cumsum(i["x"])),
        ("prod", |t, i| t.reduce(Reduce::Prod, i["x"])),
        ("max_dim", |t, i| t.reduce(Reduce::Max, i["x"])),
    ]
}

fn losses() -> Vec<(&'static str, Build)> {
    vec![
        ("cross_entropy_mean_ignore", |t, i| {
            let x = t.scale(i["x"], 3.0)?;
            t.cross_entropy(x, i["y"], CrossEntropyOptions { ignore: Some(2), smoothing: 0.0 })
        }),
        ("cross_entropy_smooth01", |t, i| {
            let x = t.scale(i["x"], 3.0)?;
            t.cross_entropy(x, i["y"], CrossEntropyOptions { ignore: None, smoothing: 0.1 })
        }),
        ("bce_with_logits", |t, i| t.binary_cross_entropy(i["x"], i["target"])),
        ("mse", |t, i| t.mean_square_error(i["x"], i["y"])),
        ("smooth_l1", |t, i| t.smooth_l1_loss(i["x"], i["y"], 1.0)),
        ("huber_half", |t, i| t.huber_loss(i["x"], i["y"], 0.5)),
        ("kl_div_batchmean", |t, i| {
            let (x, y) = (t.log_softmax(i["x"])?, t.softmax(i["y"])?);
            t.kl_divergence(x, y)
        }),
    ]
}

/// What the script that made the vectors holds fixed.
fn constants(name: &str) -> Vec<(&'static str, Vec<f32>)> {
    match name {
        "batch_norm_eval" => vec![("mean", vec![0.1, -0.2, 0.3]), ("variance", vec![1.5, 0.5, 2.0])],
        "bce_with_logits" => vec![("target", (0..12).map(|i| (i % 2) as f32).collect())],
        _ => Vec::new(),
    }
}

fn check(file: &File, name: &str, build: Build, level: Level) {
    let mut tape = Tape::new();
    let prefix = format!("{name}/in.");
    let (mut inputs, mut floats, mut numbers) = (Inputs::new(), Vec::new(), Vec::new());
    for (key, golden) in file.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        let id = if golden.numbers.is_empty() {
            let id = tape.variable(&golden.shape).unwrap();
            floats.push((id, &golden.floats[..]));
            id
        } else {
            let id = tape.numbers(&golden.shape).unwrap();
            numbers.push((id, &golden.numbers[..]));
            id
        };
        inputs.insert(&key[prefix.len()..], id);
    }
    let fixed = constants(name);
    for (key, values) in &fixed {
        let shape = if name == "bce_with_logits" { vec![3, 4] } else { vec![values.len()] };
        let id = tape.input(&shape).unwrap();
        floats.push((id, values));
        inputs.insert(key, id);
    }
    let out = build(&mut tape, &inputs).unwrap();
    let gy = &file[&format!("{name}/gy0")];
    let upstream = tape.input(&gy.shape).unwrap();
    floats.push((upstream, &gy.floats));
    let product = tape.mul(out, upstream).unwrap();
    let loss = tape.reduce_all(Reduce::Sum, product).unwrap();
    let shown = tape.dense(out).unwrap();
    let context = Context { level, jobs: &Serial, seed: 0 };
    let ran = run(&context, tape, Goal { loss: Some(loss), keep: &[shown], workers: 1 }, (&floats, &numbers));
    let wanted = &file[&format!("{name}/out0")];
    let error = difference(ran.value(shown), &wanted.floats);
    assert!(error < 1e-5, "{name}, {level}: result differs by {error}");
    for (key, golden) in file.iter().filter(|(key, _)| key.starts_with(&format!("{name}/grad."))) {
        let of = key.rsplit('.').next().unwrap();
        let error = difference(ran.grad(inputs[of]), &golden.floats);
        assert!(error < 2e-5, "{key}, {level}: gradient differs by {error}");
    }
}

#[test]
fn results_and_gradients_are_those_of_pytorch() {
    let Some(folder) = common::folder("operations") else { return };
    let file = read(&folder.join("ops.safetensors"));
    let operations = operations();
    let layers = ["rnn", "lstm", "gru", "rnn_bi", "lstm_bi", "gru_bi", "mha"];
    for key in file.keys() {
        let name = key.split('/').next().unwrap();
        let known = operations.iter().any(|(known, _)| *known == name) || layers.contains(&name);
        assert!(known, "{name} is in the vectors, but not here");
    }
    for level in Level::available() {
        for (name, build) in &operations {
            check(&file, name, *build, level);
        }
    }
}

type Given<'a> = Vec<(Id, &'a [f32])>;

/// The parameters of a layer as variables, by their names.
fn parameters<'a>(tape: &mut Tape, file: &'a File, name: &str) -> (BTreeMap<&'a str, Id>, Given<'a>) {
    let prefix = format!("{name}/param.");
    let (mut ids, mut floats) = (BTreeMap::new(), Vec::new());
    for (key, golden) in file.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        let id = tape.variable(&golden.shape).unwrap();
        floats.push((id, &golden.floats[..]));
        ids.insert(&key[prefix.len()..], id);
    }
    (ids, floats)
}

#[test]
fn recurrent_layers_are_those_of_pytorch() {
    let Some(folder) = common::folder("recurrent layers") else { return };
    let file = read(&folder.join("ops.safetensors"));
    for (name, cell) in [("rnn", Cell::Tanh), ("lstm", Cell::Lstm), ("gru", Cell::Gru)] {
        for (name, layers, both) in [(name.to_owned(), 2, false), (format!("{name}_bi"), 1, true)] {
            let mut tape = Tape::new();
            let (ids, mut floats) = parameters(&mut tape, &file, &name);
            let golden = |key: &str| &file[&format!("{name}/{key}")];
            let x = tape.variable(&golden("in.x").shape).unwrap();
            floats.push((x, &golden("in.x").floats));
            let gy = tape.input(&golden("gy0").shape).unwrap();
            floats.push((gy, &golden("gy0").floats));
            let (mut out, mut states, mut cells) = (x, Vec::new(), Vec::new());
            for layer in 0..layers {
                let mut outs = Vec::new();
                for suffix in if both { &["", "_reverse"][..] } else { &[""] } {
                    let of = |kind: &str| ids[&*format!("{kind}_l{layer}{suffix}")];
                    let weights = Recurrent {
                        cell,
                        of_input: of("weight_ih"),
                        of_state: of("weight_hh"),
                        input_bias: of("bias_ih"),
                        state_bias: of("bias_hh"),
                    };
                    let ran = tape.recurrent(out, weights, !suffix.is_empty()).unwrap();
                    outs.push(ran.out);
                    states.push(ran.state);
                    cells.extend(ran.cell);
                }
                out = if both { tape.concat(&outs, 2).unwrap() } else { outs[0] };
            }
            let product = tape.mul(out, gy).unwrap();
            let loss = tape.reduce_all(Reduce::Sum, product).unwrap();
            let keep: Vec<Id> = [&[out][..], &states, &cells].concat();
            let goal = Goal { loss: Some(loss), keep: &keep, workers: 1 };
            let ran = run(&Context::new(), tape, goal, (&floats, &[]));
            let near = |found: &[f32], key: &str, bound: f32| {
                let error = difference(found, &golden(key).floats);
                assert!(error < bound, "{name}/{key} differs by {error}");
            };
            near(ran.value(out), "out0", 1e-5);
            near(ran.grad(x), "grad.x", 2e-5);
            for (key, id) in &ids {
                near(ran.grad(*id), &format!("grad.{key}"), 2e-5);
            }
            let all = |ids: &[Id]| ids.iter().flat_map(|id| ran.value(*id).to_vec()).collect::<Vec<_>>();
            near(&all(&states), "state0", 1e-5);
            if cell == Cell::Lstm {
                near(&all(&cells), "state1", 1e-5);
            }
        }
    }
}

#[test]
fn attention_with_several_heads_is_that_of_pytorch() {
    let Some(folder) = common::folder("attention") else { return };
    let file = read(&folder.join("ops.safetensors"));
    let mut tape = Tape::new();
    let (ids, mut floats) = parameters(&mut tape, &file, "mha");
    let input = &file["mha/in.x"];
    let x = tape.variable(&input.shape).unwrap();
    floats.push((x, &input.floats));
    let of = MultiHead {
        of_input: ids["in_proj_weight"],
        input_bias: ids["in_proj_bias"],
        of_heads: ids["out_proj.weight"],
        bias: ids["out_proj.bias"],
        heads: 2,
    };
    let out = tape.multi_head(x, of, AttentionOptions::CAUSAL).unwrap();
    let squares = tape.unary(Unary::Square, out).unwrap();
    let loss = tape.reduce_all(Reduce::Sum, squares).unwrap();
    let goal = Goal { loss: Some(loss), keep: &[out], workers: 1 };
    let ran = run(&Context::new(), tape, goal, (&floats, &[]));
    assert!(difference(ran.value(out), &file["mha/out0"].floats) < 1e-5);
    assert!(difference(ran.grad(x), &file["mha/grad.x"].floats) < 2e-5);
    for (key, id) in &ids {
        let error = difference(ran.grad(*id), &file[&format!("mha/grad.{key}")].floats);
        assert!(error < 2e-5, "mha/grad.{key} differs by {error}");
    }
}

#[test]
fn rotary_positions_turn_pairs() {
    let mut tape = Tape::new();
    let x = tape.variable(&[1, 2, 1, 4]).unwrap();
    let table = tape.input(&[2, 4]).unwrap();
    let out = tape.rotate(x, table, Pairs::Neighbours).unwrap();
    let halves = tape.rotate(x, table, Pairs::Halves).unwrap();
    let quarter = core::f64::consts::FRAC_PI_2;
    let values = dolmen_tensor::layers::rotary_table(&[0, 1], &[quarter, 2.0 * quarter]).unwrap();
    let floats = [(x, &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0][..]), (table, &values)];
    let goal = Goal { loss: None, keep: &[out, halves], workers: 1 };
    let ran = run(&Context::new(), tape, goal, (&floats, &[]));
    let near = |found: &[f32], wanted: [f32; 8]| {
        assert!(difference(found, &wanted) < 1e-6, "{found:?}, not {wanted:?}");
    };
    near(ran.value(out), [1.0, 2.0, 3.0, 4.0, -2.0, 1.0, -3.0, -4.0]);
    near(ran.value(halves), [1.0, 2.0, 3.0, 4.0, -3.0, -2.0, 1.0, -4.0]);
}
