//! A step of generation allocates nothing: neither the model nor the choice of the next id.

mod common;

use common::{DECODERS, memory, with_model};
use dolmen_base::Serial;
use dolmen_llm::sample::{Sampler, Sampling};
use dolmen_llm::{Engine, Options, Plan, Row};
use dolmen_simd::level::Level;

#[test]
fn a_step_allocates_nothing() {
    for name in DECODERS {
        with_model(name, |model, _| {
            let plan = Plan::new(model, Options { slots: 1, batch: 8, context: 40, parts: 2 }).unwrap();
            let mut memory = memory(&plan);
            let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
            let settings =
                Sampling { temperature: 0.8, top_k: 40, top_p: 0.9, repetition: 1.1, ..Sampling::default() };
            let mut sampler = Sampler::new(settings, 1).unwrap();
            sampler.reserve(model.config().vocabulary, 40);
            let mut logits = vec![0.0; model.config().vocabulary];
            let mut history = Vec::with_capacity(40);
            history.push(1);
            let counted = allocation_counter::measure(|| {
                for position in 0..32 {
                    let id = *history.last().unwrap();
                    let row = Row::new(id, 0, position).with_logits();
                    engine.step(&Serial, &[row], &mut logits).unwrap();
                    history.push(sampler.choose(&mut logits, &history, position as usize).unwrap());
                }
                let rows: [Row; 8] = core::array::from_fn(|at| Row::new(history[at], 0, at as u32));
                engine.step(&Serial, &rows, &mut []).unwrap();
            });
            assert_eq!(counted.count_total, 0, "{name}");
        });
    }
}
