//! A step of generation allocates nothing: neither the model nor the choice of the next id.
#![allow(unsafe_code, reason = "an allocator that counts")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use common::{DECODERS, memory, with_model};
use dolmen_base::Serial;
use dolmen_llm::sample::{Sampler, Sampling};
use dolmen_llm::{Engine, Options, Plan, Row};
use dolmen_simd::level::Level;

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the allocator's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: likewise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
            let before = COUNT.load(Ordering::Relaxed);
            for position in 0..32 {
                let id = *history.last().unwrap();
                engine.step(&Serial, &[Row::new(id, 0, position).with_logits()], &mut logits).unwrap();
                history.push(sampler.choose(&mut logits, &history, position as usize).unwrap());
            }
            let rows: [Row; 8] = core::array::from_fn(|at| Row::new(history[at], 0, at as u32));
            engine.step(&Serial, &rows, &mut []).unwrap();
            assert_eq!(COUNT.load(Ordering::Relaxed), before, "{name}");
        });
    }
}
