//! A rebalance plan as a machine: which ranges move from where to where, in bounded steps, resumable.
//!
//! [`Plan::poll`] gives moves while a node and the whole have room for them; [`Plan::handle`] takes their outcomes in any
//! order. A failed move waits its turn again and is given up after [`ATTEMPTS_MAX`] failures. [`Plan::snapshot`] is what has
//! been done; a plan made again from the same two rings resumes from it. Same inputs, same effects.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::analysis::{Arc, CIRCLE, MovedArc};
use crate::error::RingError;
use crate::members::NodeId;

dolmen_base::id_type! {
    /// A step of a plan.
    pub struct StepId(u32);
}

/// How much may move at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Longest range of one step, in positions of the circle; longer ones are cut.
    pub step_len_max: u128,
    /// Moves under way at once.
    pub moves_max: usize,
    /// Moves under way at once that one node sends or receives.
    pub moves_per_node_max: usize,
}

impl Default for Pace {
    /// A thousandth of the circle a step, 8 moves at once, 2 a node.
    fn default() -> Self {
        Pace { step_len_max: CIRCLE / 1000, moves_max: 8, moves_per_node_max: 2 }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A move is done.
    Done(StepId),
    /// A move failed and may be tried again.
    Failed(StepId),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Copy a range and switch its owner.
    Move {
        /// The step.
        id: StepId,
        /// What.
        range: MovedArc,
    },
    /// A step failed too often; its range stays where it is.
    GaveUp {
        /// The step.
        id: StepId,
    },
}

/// Where a plan stands, one mark a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Steps done.
    pub done: Vec<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Moving,
    Done,
    GivenUp,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Plan {
    steps: Vec<MovedArc>,
    state: Vec<State>,
    failures: Vec<u8>,
    waiting: VecDeque<StepId>,
    given_up: VecDeque<StepId>,
    moving: Vec<StepId>,
    pace: Pace,
}

impl Plan {
    /// Steps for these ranges.
    ///
    /// # Errors
    /// [`RingError::Option`] for a pace of zero, [`RingError::TooManyPoints`] for more than [`STEPS_MAX`] steps.
    pub fn new(ranges: &[MovedArc], pace: Pace) -> Result<Self, RingError> {
        if pace.step_len_max == 0 || pace.moves_max == 0 || pace.moves_per_node_max == 0 {
            return Err(RingError::Option { name: "pace", value: 0, min: 1, max: u64::MAX });
        }
        let count: u128 = ranges.iter().map(|r| r.arc.len().div_ceil(pace.step_len_max)).sum();
        if count > u128::from(STEPS_MAX) {
            let points = u64::try_from(count).unwrap_or(u64::MAX);
            return Err(RingError::TooManyPoints { points, max: STEPS_MAX });
        }
        let steps: Vec<MovedArc> = ranges.iter().flat_map(|&range| cut(range, pace.step_len_max)).collect();
        let count = steps.len();
        Ok(Plan {
            steps,
            state: alloc::vec![State::Waiting; count],
            failures: alloc::vec![0; count],
            waiting: (0..count as u32).map(StepId::new).collect(),
            given_up: VecDeque::new(),
            moving: Vec::new(),
            pace,
        })
    }

    /// The same plan with what was done before.
    ///
    /// # Errors
    /// [`RingError::Corrupt`] (offset 0) when the snapshot belongs to a plan of another length.
    pub fn resume(mut self, snapshot: &Snapshot) -> Result<Self, RingError> {
        if snapshot.done.len() != self.steps.len() {
            return Err(RingError::Corrupt { at: 0, expected: "a snapshot of this plan" });
        }
        for (state, _) in self.state.iter_mut().zip(&snapshot.done).filter(|(_, done)| **done) {
            *state = State::Done;
        }
        let state = &self.state;
        self.waiting.retain(|id| state[id.get() as usize] == State::Waiting);
        Ok(self)
    }

    /// Takes an outcome; one that belongs to no move under way changes nothing.
    pub fn handle(&mut self, input: Input) {
        let (Input::Done(id) | Input::Failed(id)) = input;
        let index = id.get() as usize;
        if self.state.get(index) != Some(&State::Moving) {
            return;
        }
        self.moving.retain(|&m| m != id);
        if input == Input::Done(id) {
            self.state[index] = State::Done;
            return;
        }
        self.failures[index] += 1;
        if self.failures[index] < ATTEMPTS_MAX {
            self.state[index] = State::Waiting;
            self.waiting.push_back(id);
        } else {
            self.state[index] = State::GivenUp;
            self.given_up.push_back(id);
        }
    }

    /// The next thing to do, `None` while all room is taken or nothing is left.
    pub fn poll(&mut self) -> Option<Effect> {
        if let Some(id) = self.given_up.pop_front() {
            return Some(Effect::GaveUp { id });
        }
        if self.moving.len() >= self.pace.moves_max {
            return None;
        }
        let place = self.waiting.iter().position(|&id| self.has_room(id))?;
        let id = self.waiting.remove(place)?;
        self.state[id.get() as usize] = State::Moving;
        self.moving.push(id);
        Some(Effect::Move { id, range: self.steps[id.get() as usize] })
    }

    /// Where it stands; moves under way count as not done.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { done: self.state.iter().map(|&s| s == State::Done).collect() }
    }

    /// Whether every step is done or given up.
    pub fn is_finished(&self) -> bool {
        self.state.iter().all(|s| matches!(s, State::Done | State::GivenUp))
    }

    /// The steps, in the order in which they are first tried.
    pub fn steps(&self) -> &[MovedArc] {
        &self.steps
    }

    fn has_room(&self, id: StepId) -> bool {
        let step = self.steps[id.get() as usize];
        let busy = |side: fn(&MovedArc) -> NodeId, node: NodeId| {
            self.moving.iter().filter(|m| side(&self.steps[m.get() as usize]) == node).count()
        };
        busy(|s| s.from, step.from) < self.pace.moves_per_node_max
            && busy(|s| s.to, step.to) < self.pace.moves_per_node_max
    }
}

fn cut(range: MovedArc, len_max: u128) -> impl Iterator<Item = MovedArc> {
    let parts = range.arc.len().div_ceil(len_max);
    (0..parts).map(move |part| {
        let at = |offset: u128| range.arc.after.wrapping_add(offset as u64);
        let upto = if part + 1 == parts { range.arc.upto } else { at((part + 1) * len_max) };
        MovedArc { arc: Arc { after: at(part * len_max), upto }, ..range }
    })
}

/// Failures after which a step is given up.
pub const ATTEMPTS_MAX: u8 = 3;
/// Most steps of a plan.
pub const STEPS_MAX: u64 = 1 << 22;
