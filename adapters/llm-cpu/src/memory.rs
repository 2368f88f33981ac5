//! The memory of a model at work: computed and told before it starts.

use std::fmt;

use crate::fault::Result;
use dolmen_llm::{Model, Options, Plan};
use dolmen_simd::row64::Row64;
use dolmen_units::show_size;

/// What a model takes.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Weights that are mapped.
    pub mapped: u64,
    /// Weights that are copied.
    pub copied: u64,
    /// Keys and values.
    pub cache: u64,
    /// All else that a step works on.
    pub work: u64,
}

/// Plans a model and tells what it takes.
///
/// # Errors
///
/// If the options ask for what the model does not have.
pub fn plan(model: &Model<'_>, options: Options) -> Result<(Plan, Needs)> {
    let plan = Plan::new(model, options)?;
    let all: usize = model.matrices().map(|matrix| matrix.bytes_len()).sum();
    let copied = model.copied_bytes();
    let needs = Needs {
        mapped: (all - copied) as u64,
        copied: copied as u64,
        cache: plan.cache_bytes() as u64,
        work: plan.work_bytes() as u64,
    };
    Ok((plan, needs))
}

/// The block that a plan asks for; its pages come as they are touched.
pub fn block(plan: &Plan) -> Vec<Row64> {
    bytemuck::zeroed_vec(plan.blocks())
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of weights mapped, {} copied, {} of keys and values, {} to work with: {} of memory besides the map",
            show_size(self.mapped),
            show_size(self.copied),
            show_size(self.cache),
            show_size(self.work),
            show_size(self.copied + self.cache + self.work)
        )
    }
}
