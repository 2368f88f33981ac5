//! Golden tensors: a reader of safetensors for tests, and a step over a tape.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dolmen_tensor::{Context, Goal, Id, Memory, Plan, Tape};
use dolmen_text::json::Document;

/// One tensor of a file.
#[derive(Clone, Debug)]
pub struct Golden {
    pub shape: Vec<usize>,
    pub floats: Vec<f32>,
    /// Integers, of files that hold such.
    pub numbers: Vec<u32>,
}

pub type File = BTreeMap<String, Golden>;

/// The folder of the reference vectors; `None` where there is none.
pub fn folder(test: &str) -> Option<PathBuf> {
    let found = dolmen_testkit::testdata("llm");
    if found.is_none() {
        dolmen_testkit::skip(test);
    }
    found
}

/// Reads a file of F32, I64 and U8 tensors.
pub fn read(path: &std::path::Path) -> File {
    let bytes = std::fs::read(path).unwrap();
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = Document::read(&bytes[8..8 + len]).unwrap();
    let data = &bytes[8 + len..];
    let mut file = File::new();
    for (name, value) in header.root().members() {
        if name == "__metadata__" {
            continue;
        }
        let list = |name: &str| -> Vec<usize> {
            let items = value.get(name).unwrap().items();
            items.map(|item| item.as_number().unwrap().as_u64().unwrap() as usize).collect()
        };
        let (shape, at) = (list("shape"), list("data_offsets"));
        let data = &data[at[0]..at[1]];
        let kind = value.get("dtype").unwrap().as_str().unwrap().into_owned();
        let (mut floats, mut numbers) = (Vec::new(), Vec::new());
        match kind.as_str() {
            "F32" => floats = data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            "I64" => {
                numbers = data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as u32).collect();
            }
            "U8" => numbers = data.iter().map(|byte| u32::from(*byte)).collect(),
            other => panic!("{name} is of type {other}"),
        }
        file.insert(name.into_owned(), Golden { shape, floats, numbers });
    }
    file
}

/// The greatest difference, as a part of the greatest value.
pub fn difference(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len(), "number of elements");
    let greatest = wanted.iter().fold(1e-6f32, |kept, x| kept.max(x.abs()));
    let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs());
    worst.fold(0.0f32, |kept, d| if d.is_nan() { f32::INFINITY } else { kept.max(d) }) / greatest
}

/// A step over a tape of variables: what is kept, and the gradients of the variables.
pub struct Ran {
    pub plan: Plan,
    pub arena: Vec<f32>,
}

impl Ran {
    pub fn value(&self, id: Id) -> &[f32] {
        self.plan.value(&self.arena, id).unwrap()
    }

    pub fn grad(&self, id: Id) -> &[f32] {
        self.plan.grad(&self.arena, id).unwrap()
    }
}

/// Values of inputs.
type Given<'a, T> = &'a [(Id, &'a [T])];

/// Runs a tape forwards and, with a loss, backwards.
pub fn run(
    context: &Context<'_>,
    tape: Tape,
    goal: Goal<'_>,
    (floats, numbers): (Given<'_, f32>, Given<'_, u32>),
) -> Ran {
    let backwards = goal.loss.is_some();
    let plan = Plan::new(tape, goal).unwrap();
    // What was there before must not matter.
    let mut arena = vec![f32::NAN; plan.arena_len()];
    for (id, values) in floats {
        plan.set(&mut arena, *id, values).unwrap();
    }
    for (id, values) in numbers {
        plan.set_numbers(&mut arena, *id, values).unwrap();
    }
    let mut memory = Memory { params: &[], frozen: &[], grads: &mut [], arena: &mut arena };
    plan.forward(context, &mut memory).unwrap();
    if backwards {
        plan.backward(context, &mut memory).unwrap();
    }
    Ran { plan, arena }
}
