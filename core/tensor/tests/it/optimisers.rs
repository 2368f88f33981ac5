//! Optimisers and schedules against PyTorch's: the parameter after each of twelve steps, the rate of each of 29.

use crate::common::{difference, folder, read};
use dolmen_tensor::Context;
use dolmen_tensor::optim::{Adam, Group, Method, Optimiser, Update, clip, grad_norm};
use dolmen_tensor::schedule::Schedule;
use dolmen_text::json::Document;

/// Each with the rate and the decay of the script that made the vectors.
fn methods() -> [(&'static str, Method, f64, f32); 12] {
    let plain = Method::Sgd { momentum: 0.0, dampening: 0.0, nesterov: false };
    let usual = Adam::USUAL;
    [
        ("sgd", plain, 0.05, 0.0),
        ("sgd_momentum", Method::Sgd { momentum: 0.9, dampening: 0.1, nesterov: false }, 0.05, 0.01),
        ("sgd_nesterov", Method::Sgd { momentum: 0.9, dampening: 0.0, nesterov: true }, 0.05, 0.0),
        ("adam", Method::Adam(usual), 0.01, 0.1),
        ("adam_amsgrad", Method::Adam(Adam { amsgrad: true, ..usual }), 0.01, 0.0),
        ("adamw", Method::AdamW(usual), 0.01, 0.1),
        ("rmsprop", Method::RmsProp { alpha: 0.99, epsilon: 1e-8, momentum: 0.9, centered: true }, 0.01, 0.0),
        ("adagrad", Method::Adagrad { epsilon: 1e-10, decay: 0.0 }, 0.1, 0.0),
        ("adadelta", Method::Adadelta { rho: 0.9, epsilon: 1e-6 }, 1.0, 0.0),
        ("nadam", Method::NAdam { adam: usual, decay: 4e-3 }, 0.01, 0.0),
        ("radam", Method::RAdam(usual), 0.01, 0.0),
        ("adamax", Method::Adamax(usual), 0.01, 0.0),
    ]
}

#[test]
fn twelve_steps_are_those_of_pytorch() {
    let Some(folder) = folder("optimisers") else { return };
    let file = read(&folder.join("optimisers.safetensors"));
    let (start, target) = (&file["p0"].floats, &file["A"].floats);
    for (name, method, rate, weight_decay) in methods() {
        let mut params = start.clone();
        let mut state = vec![0.0; method.slots() * params.len()];
        let mut optimiser = Optimiser::new(method);
        let groups = [Group { range: 0..params.len(), weight_decay, rate: 1.0 }];
        for (step, wanted) in file[name].floats.chunks(start.len()).enumerate() {
            let grads: Vec<f32> =
                params.iter().zip(target).map(|(p, a)| 2.0 * (p - a) + 0.4 * p * p * p).collect();
            let update = Update { params: &mut params, grads: &grads, state: &mut state, scale: 1.0 };
            optimiser.step(&Context::new(), rate, &groups, update);
            let error = difference(&params, wanted);
            assert!(error < 2e-6, "{name}, step {step}: differs by {error}");
            // What a later step depends on can be written down.
            optimiser = Optimiser::resumed(method, optimiser.steps(), optimiser.product());
        }
    }
}

#[test]
fn rates_are_those_of_pytorch_and_hugging_face() {
    let Some(folder) = folder("schedules") else { return };
    let text = std::fs::read(folder.join("schedules.json")).unwrap();
    let document = Document::read(&text).unwrap();
    let schedules = [
        ("step", Schedule::Step { every: 5, factor: 0.5 }),
        ("exponential", Schedule::Exponential { factor: 0.9 }),
        ("cosine", Schedule::Cosine { steps: 20, rate_min: 1e-3 }),
        ("cosine_restarts", Schedule::CosineRestarts { steps: 7, factor: 2 }),
        ("onecycle", Schedule::OneCycle { rate_max: 1.0, steps: 30 }),
        ("linear", Schedule::Linear { from: 0.1, to: 1.0, steps: 10 }),
        ("polynomial", Schedule::Polynomial { steps: 20, power: 2.0 }),
        ("hf_linear", Schedule::WarmupLinear { warmup: 5, steps: 30 }),
        ("hf_cosine", Schedule::WarmupCosine { warmup: 5, steps: 30 }),
        ("hf_wsd", Schedule::WarmupStableDecay { warmup: 5, stable: 12, decay: 8 }),
    ];
    let curves = document.root().get("curves").unwrap();
    assert_eq!(curves.members().count(), schedules.len());
    for (name, schedule) in schedules {
        let wanted =
            curves.get(name).unwrap().items().map(|rate| rate.as_number().unwrap().as_f64().unwrap());
        for (step, wanted) in wanted.enumerate() {
            let found = schedule.rate(0.1, step as u64);
            assert!((found - wanted).abs() < 1e-12, "{name}, step {step}: {found}, not {wanted}");
        }
    }
}

#[test]
fn parameters_in_no_group_stay() {
    let (mut params, mut state) = ([1.0; 4], [0.0; 8]);
    let groups = [Group { range: 1..3, weight_decay: 0.0, rate: 1.0 }];
    let update = Update { params: &mut params, grads: &[1.0; 4], state: &mut state, scale: 1.0 };
    Optimiser::new(Method::AdamW(Adam::USUAL)).step(&Context::new(), 0.5, &groups, update);
    assert_eq!((params[0], params[3]), (1.0, 1.0));
    assert!((params[1] - 0.5).abs() < 1e-6 && (params[2] - 0.5).abs() < 1e-6, "{params:?}");
}

#[test]
fn clipping_shortens_and_never_lengthens() {
    let norm = grad_norm(&Context::new(), &[3.0, 4.0]);
    assert!((norm - 5.0).abs() < 1e-9);
    assert!((clip(norm, 1.0) - 0.2).abs() < 1e-6);
    assert_eq!(clip(norm, 10.0), 1.0);
}
