//! What is to be done next in a training: a machine that does none of it.
//!
//! ```text
//! Step(0) ─▶ Stepped ─▶ … ─▶ Evaluate ─▶ Evaluated ─▶ Save ─▶ Saved ─▶ Step(n) ─▶ … ─▶ Finish
//! ```
//!
//! One effect is out at a time. Evaluations come before the checkpoint of the same step, so that a training that goes on from it has done
//! what the other had done. A checkpoint that fails ends the training, and so does a loss that is not a number.

use crate::train::error::TrainError;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The step of this number, the first being 0.
    Step(u64),
    /// The loss on what is not trained on, after so many steps.
    Evaluate(u64),
    /// A checkpoint after so many steps.
    Save(u64),
    /// Nothing more: so many steps are done.
    Finish(u64),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// A step's loss.
    Stepped(f32),
    /// An evaluation's loss.
    Evaluated(f64),
    /// Whether the checkpoint is kept.
    Saved(bool),
    /// Whoever runs it wants it to end: a checkpoint is written first.
    Stop,
}

/// When what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// All steps.
    pub steps: u64,
    /// Steps from one evaluation to the next; 0: only the last.
    pub evaluate_every: u64,
    /// Steps from one checkpoint to the next; 0: only the last.
    pub save_every: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Step,
    Evaluate,
    Save,
    Finish,
    Failed,
}

/// A training on its way.
#[derive(Clone, Debug)]
pub struct Machine {
    rhythm: Rhythm,
    done: u64,
    state: State,
    /// Whether the effect of the state is out.
    waits: bool,
    stops: bool,
}

impl Machine {
    /// After so many steps.
    pub fn new(rhythm: Rhythm, done: u64) -> Machine {
        let state = if done < rhythm.steps { State::Step } else { State::Finish };
        Machine { rhythm, done, state, waits: false, stops: false }
    }

    /// Steps done.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The next thing to be done; `None` while one is out.
    pub fn poll(&mut self) -> Option<Effect> {
        if self.waits {
            return None;
        }
        let effect = match self.state {
            State::Step => Effect::Step(self.done),
            State::Evaluate => Effect::Evaluate(self.done),
            State::Save => Effect::Save(self.done),
            State::Finish | State::Failed => {
                return (self.state == State::Finish).then_some(Effect::Finish(self.done));
            }
        };
        self.waits = true;
        Some(effect)
    }

    /// Takes what came of the effect that is out.
    ///
    /// # Errors
    ///
    /// The loss is not a number, or a checkpoint failed: the machine gives no more effects.
    pub fn handle(&mut self, input: Input) -> Result<(), TrainError> {
        match (input, self.state) {
            (Input::Stop, _) => {
                self.stops = true;
                if self.state == State::Step && !self.waits {
                    self.state = if self.done > 0 { State::Save } else { State::Finish };
                }
            }
            (Input::Stepped(loss), State::Step) if self.waits => {
                self.waits = false;
                if !loss.is_finite() {
                    self.state = State::Failed;
                    return Err(TrainError::Diverged { step: self.done });
                }
                self.done += 1;
                self.state =
                    if self.due(self.rhythm.evaluate_every) { State::Evaluate } else { self.after() };
            }
            (Input::Evaluated(_), State::Evaluate) if self.waits => {
                self.waits = false;
                self.state = self.after();
            }
            (Input::Saved(kept), State::Save) if self.waits => {
                self.waits = false;
                if !kept {
                    self.state = State::Failed;
                    return Err(TrainError::Save { step: self.done });
                }
                let ends = self.stops || self.done >= self.rhythm.steps;
                self.state = if ends { State::Finish } else { State::Step };
            }
            // An answer that nobody waits for changes nothing.
            _ => {}
        }
        Ok(())
    }

    fn due(&self, every: u64) -> bool {
        self.done >= self.rhythm.steps || (every > 0 && self.done.is_multiple_of(every))
    }

    /// After a step and its evaluation.
    fn after(&self) -> State {
        if self.stops || self.due(self.rhythm.save_every) { State::Save } else { State::Step }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn run(machine: &mut Machine, mut answer: impl FnMut(Effect) -> Input) -> Vec<Effect> {
        let mut seen = Vec::new();
        while let Some(effect) = machine.poll() {
            seen.push(effect);
            if matches!(effect, Effect::Finish(_)) {
                break;
            }
            assert_eq!(machine.poll(), None, "one effect at a time");
            if machine.handle(answer(effect)).is_err() {
                assert_eq!(machine.poll(), None);
                break;
            }
        }
        seen
    }

    fn fine(effect: Effect) -> Input {
        match effect {
            Effect::Step(_) => Input::Stepped(1.0),
            Effect::Evaluate(_) => Input::Evaluated(1.0),
            Effect::Save(_) | Effect::Finish(_) => Input::Saved(true),
        }
    }

    const RHYTHM: Rhythm = Rhythm { steps: 5, evaluate_every: 2, save_every: 4 };

    #[test]
    fn steps_evaluations_and_checkpoints_come_in_their_order() {
        use Effect::{Evaluate, Finish, Save, Step};
        let seen = run(&mut Machine::new(RHYTHM, 0), fine);
        let wanted = [Step(0), Step(1), Evaluate(2), Step(2), Step(3), Evaluate(4), Save(4), Step(4)];
        assert_eq!(seen[..8], wanted);
        assert_eq!(seen[8..], [Evaluate(5), Save(5), Finish(5)]);
        assert_eq!(run(&mut Machine::new(RHYTHM, 4), fine), [Step(4), Evaluate(5), Save(5), Finish(5)]);
        assert_eq!(run(&mut Machine::new(RHYTHM, 5), fine), [Finish(5)]);
    }

    #[test]
    fn failures_end_it() {
        let seen = run(&mut Machine::new(RHYTHM, 0), |effect| match effect {
            Effect::Step(1) => Input::Stepped(f32::NAN),
            other => fine(other),
        });
        assert_eq!(seen, [Effect::Step(0), Effect::Step(1)]);
        let seen = run(&mut Machine::new(RHYTHM, 3), |effect| match effect {
            Effect::Save(_) => Input::Saved(false),
            other => fine(other),
        });
        assert_eq!(seen, [Effect::Step(3), Effect::Evaluate(4), Effect::Save(4)]);
    }

    #[test]
    fn who_stops_it_gets_a_checkpoint() {
        let mut machine = Machine::new(RHYTHM, 0);
        assert_eq!(machine.poll(), Some(Effect::Step(0)));
        machine.handle(Input::Stop).unwrap();
        machine.handle(Input::Stepped(1.0)).unwrap();
        assert_eq!(run(&mut machine, fine), [Effect::Save(1), Effect::Finish(1)]);
        let mut machine = Machine::new(RHYTHM, 0);
        machine.handle(Input::Stop).unwrap();
        assert_eq!(run(&mut machine, fine), [Effect::Finish(0)]);
    }
}
