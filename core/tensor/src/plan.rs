//! Memory laid out before a step: every result, gradient and scratch gets its place in the arena, for as long as it is needed.
//!
//! 1. From the loss and from what is kept, the records that count are found; the others are never run.
//! 2. Time is counted in records, first forwards, then backwards. A result lives from its record to the last that reads it, forwards or
//!    backwards; a gradient from the first contribution to the record whose result it belongs to.
//! 3. The greatest come first; each gets the lowest place that nothing alive at the same time has.
//!
//! Who contributes first to a gradient is known too: it writes where it can, and what it cannot write is set to zeros before.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::{RunError, TapeError};
use crate::kernels::attention::Heads;
use crate::kernels::conv::Windows;
use crate::kernels::linear::{self, Layer};
use crate::limits::JOBS_MAX;
use crate::memory::{Memory, Region, Room};
use crate::op::{Op, Weights};
use crate::shape::View;
use crate::tape::{Id, Origin, Record, Tape};

/// What a plan is made for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goal<'a> {
    /// What is differentiated; `None`: nothing is.
    pub loss: Option<Id>,
    /// Tensors that can be read after a step, besides the loss.
    pub keep: &'a [Id],
    /// Jobs that can run at the same time; 0 is 1.
    pub workers: usize,
}

/// A tape with its memory laid out.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) tape: Tape,
    pub(crate) loss: Option<Id>,
    /// The records that count, in their order, and whether gradients flow back through them.
    pub(crate) order: Vec<(u32, bool)>,
    /// Of each storage.
    pub(crate) values: Vec<Region>,
    pub(crate) grads: Vec<Region>,
    kept: Vec<bool>,
    /// Of each record.
    pub(crate) besides: Vec<Region>,
    /// Of each operand.
    pub(crate) slots: Vec<Slot>,
    pub(crate) scratch: Region,
    pub(crate) workers: usize,
    arena_len: usize,
}

/// How an operand's gradient is contributed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Not at all.
    None,
    /// It is the first: zeros are written, then it is added to.
    Zero,
    /// It is the first and covers everything.
    Write,
    Add,
}

/// Something that needs a place, alive from the one time to the other, both included.
struct Life {
    len: usize,
    from: usize,
    to: usize,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Value(usize),
    Grad(usize),
    Beside(usize),
}

impl Plan {
    /// Lays out the memory of a tape.
    ///
    /// # Errors
    ///
    /// The loss has more than one element, an id is of another tape, or the arena would be too long.
    pub fn new(tape: Tape, goal: Goal<'_>) -> Result<Plan, TapeError> {
        if let Some(loss) = goal.loss {
            let shape = tape.shape(loss)?;
            if shape.elements() != 1 {
                return Err(TapeError::Loss { shape });
            }
        }
        let mut kept = vec![false; tape.storages.len()];
        for id in goal.keep.iter().chain(&goal.loss) {
            kept[tape.view(*id)?.storage as usize] = true;
        }
        let workers = goal.workers.clamp(1, JOBS_MAX);
        let mut plan = Plan {
            loss: goal.loss,
            order: Vec::new(),
            values: vec![Region::NONE; tape.storages.len()],
            grads: vec![Region::NONE; tape.storages.len()],
            kept,
            besides: vec![Region::NONE; tape.records.len()],
            slots: vec![Slot::None; tape.operands.len()],
            scratch: Region::NONE,
            workers,
            arena_len: 0,
            tape,
        };
        let lives = plan.trace()?;
        let end = plan.place(lives);
        let scratch = plan.order.iter().map(|&(record, _)| plan.scratch_len(record)).max().unwrap_or(0);
        plan.scratch = Region { room: Room::Arena, start: end, len: scratch.saturating_mul(workers) };
        plan.arena_len = end.saturating_add(plan.scratch.len);
        if plan.arena_len > isize::MAX as usize / 4 { Err(TapeError::Elements) } else { Ok(plan) }
    }

    /// Elements that the arena must have.
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// Elements of the trained parameters, and of their gradients if there is a loss.
    pub fn params_len(&self) -> usize {
        self.tape.params_len()
    }

    /// Elements of the parameters that are not trained.
    pub fn frozen_len(&self) -> usize {
        self.tape.frozen_len()
    }

    /// The tape.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Sets an input.
    ///
    /// # Errors
    ///
    /// It is none, the values are not as many, or the arena is too short.
    pub fn set(&self, arena: &mut [f32], id: Id, values: &[f32]) -> Result<(), RunError> {
        let region =
            self.leaf(arena.len(), id, |origin| matches!(origin, Origin::Input | Origin::Variable))?;
        let to = &mut arena[region.start..][..region.len];
        if to.len() != values.len() {
            return Err(RunError::Length { wanted: to.len(), found: values.len() });
        }
        to.copy_from_slice(values);
        Ok(())
    }

    /// Sets numbers.
    ///
    /// # Errors
    ///
    /// As [`Plan::set`].
    pub fn set_numbers(&self, arena: &mut [f32], id: Id, values: &[u32]) -> Result<(), RunError> {
        let region = self.leaf(arena.len(), id, |origin| origin == Origin::Numbers)?;
        let to = &mut arena[region.start..][..region.len];
        if to.len() != values.len() {
            return Err(RunError::Length { wanted: to.len(), found: values.len() });
        }
        to.copy_from_slice(bytemuck::cast_slice(values));
        Ok(())
    }

    /// A kept tensor after a step.
    ///
    /// # Errors
    ///
    /// It was not kept, its elements do not stand side by side, or the arena is too short.
    pub fn value<'a>(&self, arena: &'a [f32], id: Id) -> Result<&'a [f32], RunError> {
        let view = self.tape.view(id).map_err(|_| RunError::Absent { id })?;
        let region = self.values[view.storage as usize];
        let of_arena = region.room == Room::Arena && region.len > 0;
        if !self.kept[view.storage as usize] || !view.dense() || !of_arena {
            return Err(RunError::Absent { id });
        }
        self.long_enough(Room::Arena, arena.len(), self.arena_len)?;
        Ok(&arena[region.start..][..region.len][view.offset..][..view.shape.elements()])
    }

    /// The gradient of a variable after a step.
    ///
    /// # Errors
    ///
    /// It is none, the loss does not depend on it, or the arena is too short.
    pub fn grad<'a>(&self, arena: &'a [f32], id: Id) -> Result<&'a [f32], RunError> {
        let view = self.tape.view(id).map_err(|_| RunError::Absent { id })?;
        let region = self.grads[view.storage as usize];
        let variable = self.tape.storages[view.storage as usize].origin == Origin::Variable;
        if !variable || region.len == 0 || !view.dense() {
            return Err(RunError::Absent { id });
        }
        self.long_enough(Room::Arena, arena.len(), self.arena_len)?;
        Ok(&arena[region.start..][..region.len][view.offset..][..view.shape.elements()])
    }

    /// The loss after the forward half of a step.
    ///
    /// # Errors
    ///
    /// There is none, or the arena is too short.
    pub fn loss(&self, arena: &[f32]) -> Result<f32, RunError> {
        let id = self.loss.ok_or(RunError::NoLoss)?;
        Ok(self.value(arena, id)?[0])
    }
}

// How it is laid out.
impl Plan {
    /// Finds what counts and how long it lives.
    fn trace(&mut self) -> Result<Vec<Life>, TapeError> {
        let counts = self.counts();
        let last = self.tape.records.len();
        let (seed, end) = (last + 1, 2 * last + 2);
        // Times: 0 inputs are set; i + 1 record i forwards; last + 1 the loss's gradient; 2·last + 1 - i record i backwards.
        let storages = self.tape.storages.len();
        let (mut born, mut dies) = (vec![0; storages], vec![0; storages]);
        let mut first_grad: Vec<Option<usize>> = vec![None; storages];
        if let Some(loss) = self.loss {
            let storage = self.tape.view(loss)?.storage as usize;
            if self.tape.storages[storage].grad {
                first_grad[storage] = Some(seed);
            }
        }
        let mut lives = Vec::new();
        for (number, &counted) in counts.iter().enumerate().rev() {
            if !counted {
                continue;
            }
            let (ahead, back) = (number + 1, 2 * last + 1 - number);
            let record = self.tape.records[number];
            let out = self.tape.nodes[record.out.0 as usize].storage as usize;
            let backwards = first_grad[out].is_some();
            self.order.push((number as u32, backwards));
            let needs = record.op.needs();
            born[out] = ahead;
            dies[out] = dies[out].max(ahead);
            if backwards && needs.out {
                dies[out] = dies[out].max(back);
            }
            if record.beside > 0 {
                let to = if backwards { back } else { ahead };
                lives.push(Life { len: record.beside, from: ahead, to, what: What::Beside(number) });
            }
            for at in 0..record.count as usize {
                let operand = record.first as usize + at;
                let view = self.tape.nodes[self.tape.operands[operand].0 as usize];
                let storage = view.storage as usize;
                let read_back = backwards && needs.inputs >> at & 1 == 1;
                dies[storage] = dies[storage].max(if read_back { back } else { ahead });
                if backwards && self.tape.storages[storage].grad {
                    self.slots[operand] = self.slot(&record, at, &view, &mut first_grad[storage], back);
                }
            }
        }
        self.order.reverse();
        self.regions(&mut lives, (&born, &dies, &first_grad), end);
        Ok(lives)
    }

    /// Whether each record counts.
    fn counts(&self) -> Vec<bool> {
        let mut wanted = self.kept.clone();
        let mut counts = vec![false; self.tape.records.len()];
        for (number, record) in self.tape.records.iter().enumerate().rev() {
            let out = self.tape.nodes[record.out.0 as usize].storage as usize;
            if !wanted[out] {
                continue;
            }
            counts[number] = true;
            for input in self.tape.inputs(record) {
                wanted[self.tape.nodes[input.0 as usize].storage as usize] = true;
            }
        }
        counts
    }

    /// How an operand contributes to the gradient of its storage.
    fn slot(&self, record: &Record, at: usize, view: &View, first: &mut Option<usize>, now: usize) -> Slot {
        let storage = self.tape.storages[view.storage as usize];
        if matches!(storage.origin, Origin::Param(_)) {
            // The caller's gradients are zeros, or sums of steps before.
            first.get_or_insert(now);
            return Slot::Add;
        }
        if first.is_some() {
            return Slot::Add;
        }
        *first = Some(now);
        let whole = view.dense() && view.shape.elements() == storage.len;
        if whole && record.op.writes(at) { Slot::Write } else { Slot::Zero }
    }

    /// The places that parameters have, and the lives of the others.
    fn regions(
        &mut self,
        lives: &mut Vec<Life>,
        (born, dies, first_grad): (&[usize], &[usize], &[Option<usize>]),
        end: usize,
    ) {
        let last = self.tape.records.len();
        for (nth, storage) in self.tape.storages.iter().enumerate() {
            let len = storage.len;
            match storage.origin {
                Origin::Param(start) => {
                    self.values[nth] = Region { room: Room::Params, start, len };
                    if first_grad[nth].is_some() {
                        self.grads[nth] = Region { room: Room::Grads, start, len };
                    }
                    continue;
                }
                Origin::Frozen(start) => {
                    self.values[nth] = Region { room: Room::Frozen, start, len };
                    continue;
                }
                Origin::Record(_) if born[nth] == 0 => continue,
                Origin::Record(_) | Origin::Input | Origin::Numbers | Origin::Variable => {}
            }
            let to = if self.kept[nth] { end } else { dies[nth] };
            lives.push(Life { len, from: born[nth], to, what: What::Value(nth) });
            let Some(from) = first_grad[nth] else { continue };
            let to = match storage.origin {
                Origin::Record(number) => 2 * last + 1 - number as usize,
                _ => end,
            };
            lives.push(Life { len, from, to, what: What::Grad(nth) });
        }
    }

    /// Gives each its place; the end of all of them.
    fn place(&mut self, mut lives: Vec<Life>) -> usize {
        lives.sort_by_key(|life| (core::cmp::Reverse(life.len), life.from));
        // Placed so far by their start: start, end, from, to.
        let mut placed: Vec<(usize, usize, usize, usize)> = Vec::with_capacity(lives.len());
        let mut end = 0;
        for life in &lives {
            let len = life.len.next_multiple_of(ALIGN);
            let mut start = 0;
            for &(begin, end, from, to) in &placed {
                if from > life.to || to < life.from {
                    continue;
                }
                if begin >= start + len {
                    break;
                }
                start = start.max(end);
            }
            let at = placed.partition_point(|&(begin, ..)| begin < start);
            placed.insert(at, (start, start + len, life.from, life.to));
            end = end.max(start + len);
            let region = Region { room: Room::Arena, start, len: life.len };
            match life.what {
                What::Value(nth) => self.values[nth] = region,
                What::Grad(nth) => self.grads[nth] = region,
                What::Beside(nth) => self.besides[nth] = region,
            }
        }
        end
    }

    /// Scratch of one job of a record.
    fn scratch_len(&self, number: u32) -> usize {
        let record = &self.tape.records[number as usize];
        match record.op {
            Op::MatMul => {
                let a = self.shape_of(record, 0);
                let [.., m, k] = a else { return 0 };
                let n = self.shape_of(record, 1).last().copied().unwrap_or(1);
                linear::scratch_len(*m, n, *k)
                    .max(linear::scratch_len(*m, *k, n))
                    .max(linear::scratch_len(*k, *m, n))
                    .max(linear::scratch_len(*k, n, *m))
                    .max(linear::scratch_len(n, *k, *m))
            }
            Op::Linear(weights) => self.layer(record, weights).scratch_len(),
            Op::Attention { .. } => self.heads(record).scratch_len(),
            Op::Conv(_) | Op::ConvTranspose { .. } => self.windows(record).scratch_len(),
            _ => 0,
        }
    }

    fn shape_of(&self, record: &Record, input: usize) -> &[usize] {
        self.tape.nodes[self.tape.inputs(record)[input].0 as usize].shape.dims()
    }

    pub(crate) fn layer(&self, record: &Record, weights: Weights) -> Layer {
        let w = self.shape_of(record, 1);
        let (outs, ins) = if weights == Weights::OutIn { (w[0], w[1]) } else { (w[1], w[0]) };
        let rows = self.shape_of(record, 0).iter().product::<usize>() / ins;
        Layer { rows, ins, outs, weights }
    }

    pub(crate) fn heads(&self, record: &Record) -> Heads {
        let Op::Attention { causal, window, scale } = record.op else {
            unreachable!("asked of attention alone");
        };
        let (q, k) = (self.shape_of(record, 0), self.shape_of(record, 1));
        let (batch, time, heads, len) = (q[0], q[1], q[2], q[3]);
        Heads { batch, time, heads, len, keys: k[1], groups: k[2], causal, window, scale }
    }

    pub(crate) fn windows(&self, record: &Record) -> Windows {
        let (x, w) = (self.shape_of(record, 0), self.shape_of(record, 1));
        let out = self.tape.nodes[record.out.0 as usize].shape;
        let (by, picture, y) = match record.op {
            Op::ConvTranspose { stride, .. } => (stride, out.dims(), x),
            Op::Conv(stride) => (stride, x, out.dims()),
            _ => unreachable!("asked of convolutions alone"),
        };
        Windows {
            batch: x[0],
            channels: picture[1],
            picture: [picture[2], picture[3]],
            window: [w[2], w[3]],
            rows: y[1],
            places: [y[2], y[3]],
            by,
        }
    }

    fn leaf(&self, arena_len: usize, id: Id, fits: impl Fn(Origin) -> bool) -> Result<Region, RunError> {
        let view = self.tape.view(id).map_err(|_| RunError::Absent { id })?;
        if !fits(self.tape.storages[view.storage as usize].origin) {
            return Err(RunError::Absent { id });
        }
        self.long_enough(Room::Arena, arena_len, self.arena_len)?;
        Ok(self.values[view.storage as usize])
    }

    pub(crate) fn check(&self, memory: &Memory<'_>, backwards: bool) -> Result<(), RunError> {
        self.long_enough(Room::Params, memory.params.len(), self.params_len())?;
        self.long_enough(Room::Frozen, memory.frozen.len(), self.frozen_len())?;
        self.long_enough(Room::Arena, memory.arena.len(), self.arena_len)?;
        if backwards {
            self.long_enough(Room::Grads, memory.grads.len(), self.params_len())?;
        }
        Ok(())
    }

    fn long_enough(&self, room: Room, len: usize, wanted: usize) -> Result<(), RunError> {
        if len < wanted { Err(RunError::Memory { room, len, wanted }) } else { Ok(()) }
    }
}

/// A cache line of f32, so that rows begin where loads are quick if the arena does.
const ALIGN: usize = 16;
