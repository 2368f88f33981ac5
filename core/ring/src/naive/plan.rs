//! The rebalance plan as a diary: every question is answered by reading the whole list of what has happened.

use alloc::vec::Vec;

use crate::analysis::MovedArc;
use crate::plan::{ATTEMPTS_MAX, Effect, Input, Pace, StepId};

enum Event {
    Moved(usize),
    Told(Input),
    GaveUp(usize),
}

/// A plan over steps that were cut elsewhere.
pub struct Diary {
    steps: Vec<MovedArc>,
    pace: Pace,
    done_before: Vec<bool>,
    events: Vec<Event>,
}

impl Diary {
    /// Nothing has happened, but for what was done before.
    pub fn new(steps: Vec<MovedArc>, pace: Pace, done_before: Vec<bool>) -> Self {
        Diary { steps, pace, done_before, events: Vec::new() }
    }

    /// Notes an outcome of a step that is under way.
    pub fn handle(&mut self, input: Input) {
        let (Input::Done(id) | Input::Failed(id)) = input;
        if self.is_moving(id.get() as usize) {
            self.events.push(Event::Told(input));
        }
    }

    /// A step given up is said first; else the step that has waited longest of those for which there is room.
    pub fn poll(&mut self) -> Option<Effect> {
        let unsaid = |&step: &usize| !self.events.iter().any(|e| matches!(e, Event::GaveUp(s) if *s == step));
        let mut lost: Vec<usize> =
            (0..self.steps.len()).filter(|&s| self.is_lost(s)).filter(unsaid).collect();
        lost.sort_by_key(|&s| self.last_told(s));
        if let Some(&step) = lost.first() {
            self.events.push(Event::GaveUp(step));
            return Some(Effect::GaveUp { id: StepId::new(step as u32) });
        }
        let mut waiting: Vec<usize> = (0..self.steps.len()).filter(|&s| self.is_waiting(s)).collect();
        waiting.sort_by_key(|&s| (self.last_told(s), s));
        let step = waiting.into_iter().find(|&s| self.has_room(s))?;
        self.events.push(Event::Moved(step));
        Some(Effect::Move { id: StepId::new(step as u32), range: self.steps[step] })
    }

    /// Which steps are done.
    pub fn done(&self) -> Vec<bool> {
        (0..self.steps.len()).map(|s| self.is_done(s)).collect()
    }

    fn outcomes(&self, step: usize) -> impl Iterator<Item = Input> {
        let of_step = move |input: &Input| {
            let (Input::Done(id) | Input::Failed(id)) = *input;
            id.get() as usize == step
        };
        let told = |e: &Event| if let Event::Told(input) = e { Some(*input) } else { None };
        self.events.iter().filter_map(told).filter(of_step)
    }

    /// When its last outcome came; 0 for none, so that fresh steps go first.
    fn last_told(&self, step: usize) -> usize {
        let is_told = |e: &Event| matches!(e, Event::Told(Input::Done(id) | Input::Failed(id)) if id.get() as usize == step);
        self.events.iter().rposition(is_told).map_or(0, |at| at + 1)
    }

    fn is_moving(&self, step: usize) -> bool {
        let begun = self.events.iter().filter(|e| matches!(e, Event::Moved(s) if *s == step)).count();
        begun > self.outcomes(step).count()
    }

    fn is_done(&self, step: usize) -> bool {
        self.done_before[step] || self.outcomes(step).any(|o| matches!(o, Input::Done(_)))
    }

    fn is_lost(&self, step: usize) -> bool {
        self.outcomes(step).filter(|o| matches!(o, Input::Failed(_))).count() >= usize::from(ATTEMPTS_MAX)
    }

    fn is_waiting(&self, step: usize) -> bool {
        !self.is_done(step) && !self.is_lost(step) && !self.is_moving(step)
    }

    fn has_room(&self, step: usize) -> bool {
        let moving: Vec<MovedArc> =
            (0..self.steps.len()).filter(|&s| self.is_moving(s)).map(|s| self.steps[s]).collect();
        let most = self.pace.moves_per_node_max;
        moving.len() < self.pace.moves_max
            && moving.iter().filter(|m| m.from == self.steps[step].from).count() < most
            && moving.iter().filter(|m| m.to == self.steps[step].to).count() < most
    }
}
