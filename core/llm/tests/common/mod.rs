//! Models of the shared data, and engines for them.
#![allow(dead_code, clippy::disallowed_methods, reason = "each test uses a part; tests read files")]

use std::path::{Path, PathBuf};

use dolmen_base::Serial;
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::{Engine, Model, Options, Plan, Row};
use dolmen_simd::level::Level;
use dolmen_simd::row64::Row64;

pub const DECODERS: [&str; 6] = [
    "gpt2-tiny",
    "llama-tiny-gqa",
    "llama3-tiny-ropescaled",
    "qwen2-tiny",
    "qwen3-tiny",
    "mistral-tiny-window",
];

/// A model's folder.
pub fn folder(name: &str) -> Option<PathBuf> {
    let folder = dolmen_testkit::testdata("llm").map(|data| data.join(name)).filter(|path| path.is_dir());
    if folder.is_none() {
        dolmen_testkit::skip(name);
    }
    folder
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A model with what is expected of it.
pub fn with_model(name: &str, body: impl FnOnce(&Model<'_>, &SafeTensors<'_>)) {
    let Some(folder) = folder(name) else { return };
    let (config, weights) = (read(&folder.join("config.json")), read(&folder.join("model.safetensors")));
    let expected = read(&folder.join("expected.safetensors"));
    let files = [SafeTensors::parse(&weights).unwrap()];
    let model = Model::from_safetensors(&config, &files).unwrap_or_else(|e| panic!("{name}: {e}"));
    body(&model, &SafeTensors::parse(&expected).unwrap());
}

pub fn memory(plan: &Plan) -> Vec<Row64> {
    // What is there before must not matter.
    vec![Row64([f32::NAN; 16]); plan.blocks()]
}

/// Logits of a whole text in one slot, `step` rows at a time.
pub fn logits(model: &Model<'_>, ids: &[u32], options: Options, step: usize, level: Level) -> Vec<f32> {
    let plan = Plan::new(model, options).unwrap();
    let mut memory = memory(&plan);
    let mut engine = Engine::new(model, &plan, level, &mut memory).unwrap();
    let mut out = vec![0.0; ids.len() * model.config().vocabulary];
    let rows = rows(ids, 0);
    for (rows, out) in rows.chunks(step).zip(out.chunks_mut(step * model.config().vocabulary)) {
        engine.step(&Serial, rows, out).unwrap();
    }
    out
}

/// All ids of a text with logits.
pub fn rows(ids: &[u32], slot: u32) -> Vec<Row> {
    let row = |(position, &id): (usize, &u32)| Row::new(id, slot, position as u32).with_logits();
    ids.iter().enumerate().map(row).collect()
}

/// The floats of a tensor.
pub fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let tensor = file.get(name).unwrap_or_else(|| panic!("no {name}"));
    let mut out = vec![0.0; tensor.shape.elements().unwrap() as usize];
    tensor.to_f32(&mut out).unwrap();
    out
}

/// The ids of a tensor, row by row.
pub fn ids(file: &SafeTensors<'_>, name: &str) -> Vec<Vec<u32>> {
    let tensor = file.get(name).unwrap_or_else(|| panic!("no {name}"));
    let (_, columns) = tensor.shape.rows().unwrap();
    let all: Vec<u32> = tensor.integers().map(|id| id as u32).collect();
    all.chunks(columns).map(<[u32]>::to_vec).collect()
}

/// The README's tolerance: 1e-4 absolute and 1e-4 relative.
#[track_caller]
pub fn close(found: &[f32], wanted: &[f32], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (nth, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let apart = (found - wanted).abs();
        assert!(apart <= 1e-4 + 1e-4 * wanted.abs(), "{what}: element {nth} is {found}, not {wanted}");
    }
}
