//! What a plan promises: no allocation in a step, memory that is used again, errors instead of panics, seeds of the fuzz targets.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dolmen_tensor::check::{check_idx, check_tape};
use dolmen_tensor::op::{CrossEntropyOptions, Reduce, Unary, Weights};
use dolmen_tensor::{Context, Goal, Id, Memory, Plan, Room, RunError, Tape, TapeError};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what each thread asks for.
struct Counting;

// SAFETY: every call goes to the system's allocator with the arguments it came with, so that its contract is kept by whoever keeps ours; counting
// touches a constant-initialised cell of the thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's layout, as it promised it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above with this layout, hence from the system's allocator.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A tower of layers over 64 inputs.
fn tower(layers: usize) -> (Tape, Id, Id, Id) {
    let mut tape = Tape::new();
    let x = tape.input(&[32, 64]).unwrap();
    let targets = tape.numbers(&[32]).unwrap();
    let mut state = x;
    for _ in 0..layers {
        let (w, b) = (tape.param(&[64, 64]).unwrap(), tape.param(&[64]).unwrap());
        let within = tape.linear(state, w, Some(b), Weights::OutIn).unwrap();
        let within = tape.unary(Unary::GeluTanh, within).unwrap();
        state = tape.add(state, within).unwrap();
    }
    let loss = tape.cross_entropy(state, targets, CrossEntropyOptions::PLAIN).unwrap();
    (tape, x, targets, loss)
}

#[test]
fn a_step_allocates_nothing() {
    let (tape, x, targets, loss) = tower(3);
    let plan = Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() }).unwrap();
    let (params, mut grads) = (vec![0.01; plan.params_len()], vec![0.0; plan.params_len()]);
    let mut arena = vec![0.0; plan.arena_len()];
    let (values, numbers) = (vec![0.5; 32 * 64], [7; 32]);
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..3 {
        plan.set(&mut arena, x, &values).unwrap();
        plan.set_numbers(&mut arena, targets, &numbers).unwrap();
        let mut memory = Memory { params: &params, frozen: &[], grads: &mut grads, arena: &mut arena };
        plan.forward(&Context::new(), &mut memory).unwrap();
        plan.backward(&Context::new(), &mut memory).unwrap();
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    assert!(grads.iter().any(|g| *g != 0.0));
}

#[test]
fn memory_is_used_again() {
    let forwards = |layers| {
        let (tape, _, _, loss) = tower(layers);
        Plan::new(tape, Goal { loss: None, keep: &[loss], workers: 1 }).unwrap().arena_len()
    };
    assert_eq!(forwards(4), forwards(40), "without a loss, results die one after another");
    let both = |layers| {
        let (tape, _, _, loss) = tower(layers);
        Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() }).unwrap().arena_len()
    };
    // Each layer keeps its input and what went into its function; gradients are used again.
    assert_eq!(both(40) - both(20), 20 * 2 * 32 * 64);
}

#[test]
fn what_nobody_asks_for_is_not_computed() {
    let mut tape = Tape::new();
    let x = tape.variable(&[4]).unwrap();
    let dead = tape.unary(Unary::Exp, x).unwrap();
    let loss = tape.reduce(Reduce::Sum, x).unwrap();
    let plan = Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() }).unwrap();
    let arena = vec![0.0; plan.arena_len()];
    assert_eq!(plan.value(&arena, dead).unwrap_err(), RunError::Absent { id: dead });
}

#[test]
fn wrong_shapes_are_errors() {
    let mut tape = Tape::new();
    let (a, b) = (tape.input(&[2, 3]).unwrap(), tape.input(&[4, 5]).unwrap());
    let ids = tape.numbers(&[2]).unwrap();
    assert!(matches!(tape.add(a, b), Err(TapeError::Mismatch { .. })));
    assert!(matches!(tape.matmul(a, b), Err(TapeError::Mismatch { .. })));
    assert!(matches!(tape.add(a, ids), Err(TapeError::Element { .. })));
    assert!(matches!(tape.embedding(a, b), Err(TapeError::Element { .. })));
    assert_eq!(tape.input(&[2, 0]).unwrap_err(), TapeError::Empty { axis: 1 });
    assert_eq!(tape.input(&[1; 7]).unwrap_err(), TapeError::Rank { rank: 7 });
    assert_eq!(tape.input(&[usize::MAX, 2]).unwrap_err(), TapeError::Elements);
    assert_eq!(tape.narrow(a, 1, 2, 2).unwrap_err(), TapeError::Option { value: 4, bound: 3 });
    assert_eq!(tape.transpose(a, 0, 2).unwrap_err(), TapeError::Axis { axis: 2, rank: 2 });
    assert!(matches!(
        Plan::new(tape, Goal { loss: Some(a), ..Goal::default() }),
        Err(TapeError::Loss { .. })
    ));
    let (_, _, _, foreign) = tower(1);
    assert_eq!(Tape::new().shape(foreign).unwrap_err(), TapeError::Unknown { id: foreign });
}

#[test]
fn wrong_memory_and_numbers_are_errors() {
    let (tape, x, targets, loss) = tower(1);
    let plan = Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() }).unwrap();
    let wanted = plan.arena_len();
    let (params, mut grads, mut arena) =
        (vec![0.0; plan.params_len()], vec![0.0; plan.params_len()], vec![0.0; wanted]);
    assert_eq!(plan.set(&mut arena, x, &[0.0; 3]).unwrap_err(), RunError::Length { wanted: 2048, found: 3 });
    assert_eq!(plan.set(&mut arena, loss, &[0.0]).unwrap_err(), RunError::Absent { id: loss });
    let short = plan.set(&mut arena[..wanted - 1], x, &[0.0; 2048]).unwrap_err();
    assert_eq!(short, RunError::Memory { room: Room::Arena, len: wanted - 1, wanted });
    plan.set(&mut arena, x, &[0.0; 2048]).unwrap();
    let mut numbers = [0; 32];
    numbers[5] = 64;
    plan.set_numbers(&mut arena, targets, &numbers).unwrap();
    let mut memory = Memory { params: &params, frozen: &[], grads: &mut grads, arena: &mut arena };
    let beyond = RunError::Index { id: targets, at: 5, index: 64, rows: 64 };
    assert_eq!(plan.forward(&Context::new(), &mut memory).unwrap_err(), beyond);
    memory.params = &params[1..];
    let wanted = plan.params_len();
    let short = RunError::Memory { room: Room::Params, len: wanted - 1, wanted };
    assert_eq!(plan.forward(&Context::new(), &mut memory).unwrap_err(), short);
}

#[test]
fn gradients_of_several_steps_add_up() {
    let (tape, x, targets, loss) = tower(2);
    let plan = Plan::new(tape, Goal { loss: Some(loss), ..Goal::default() }).unwrap();
    let params: Vec<f32> = (0..plan.params_len()).map(|at| (at % 13) as f32 * 0.01 - 0.06).collect();
    let mut arena = vec![0.0; plan.arena_len()];
    let mut add = |grads: &mut Vec<f32>, by: f32| {
        plan.set(&mut arena, x, &[by; 2048]).unwrap();
        plan.set_numbers(&mut arena, targets, &[3; 32]).unwrap();
        let mut memory = Memory { params: &params, frozen: &[], grads, arena: &mut arena };
        plan.forward(&Context::new(), &mut memory).unwrap();
        plan.backward(&Context::new(), &mut memory).unwrap();
    };
    let (mut one, mut other, mut both) =
        (vec![0.0; params.len()], vec![0.0; params.len()], vec![0.0; params.len()]);
    add(&mut one, 0.3);
    add(&mut other, -0.4);
    add(&mut both, 0.3);
    add(&mut both, -0.4);
    for ((one, other), both) in one.iter().zip(&other).zip(&both) {
        assert!((one + other - both).abs() < 1e-6, "{one} + {other} is not {both}");
    }
}

#[test]
fn seeds_replay() {
    dolmen_testkit::replay("tensor_tape", check_tape);
    dolmen_testkit::replay("tensor_idx", check_idx);
}

/// Programs from a generator, as the fuzzer would make them.
#[test]
fn programs_at_random_run_like_the_twin() {
    let mut rng = dolmen_base::rng::Rng::new(5);
    for _ in 0..dolmen_testkit::soak(400) {
        let mut program = vec![0; 4 * rng.below(24) as usize];
        rng.fill(&mut program);
        check_tape(&program);
    }
}
