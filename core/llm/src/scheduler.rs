//! Several requests at a time over the slots of one engine.
//!
//! 1. A request waits in a bounded queue for a slot. It gets the free one whose ids begin most like its prompt, or a copy of the beginning of
//!    another one's: what was computed before is not computed again.
//! 2. A step has one row for each answer that is being made, and ids that are guessed to follow ([`crate::lookup`]); the room that is left takes parts of
//!    prompts.
//! 3. Each answer gets its next ids; text goes out as soon as it is certain, up to a stop string or an id that ends.
//!
//! It is a machine: [`Scheduler::submit`] and [`Scheduler::cancel`] take facts in, [`Scheduler::step`] gives events out. Nothing waits.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::Jobs;
use dolmen_tokenizer::decode::Stream;

use crate::engine::{Engine, Row};
use crate::error::StepError;
use crate::lookup::{self, Luck};
use crate::sample::{SampleError, Sampler, likeliest, log_sum};
use crate::stop::Stops;

/// What limits which id may come next: a grammar.
pub trait Constraint {
    /// Whether the answer is complete and nothing may follow.
    fn is_final(&self) -> bool;

    /// Whether an id may come next, when so many may still come with it. An id that ends may come when the answer is complete.
    fn allows(&self, id: u32, eos: &[u32], left: usize) -> bool;

    /// Sets the logits of ids that may not come next to minus infinity.
    fn mask(&self, logits: &mut [f32], eos: &[u32], left: usize);

    /// An id came.
    fn accept(&mut self, id: u32);
}

/// What a client wants.
pub struct Request<'r> {
    /// How it is called in events; unique among those that are not finished.
    pub id: u64,
    /// The ids to continue.
    pub prompt: Vec<u32>,
    /// Ids that are generated at most.
    pub len_max: usize,
    /// How they are chosen.
    pub sampler: Sampler,
    /// Where text ends.
    pub stops: Stops,
    /// Ids that end the answer.
    pub eos: Vec<u32>,
    /// Makes text of ids; `None`: only ids are wanted.
    pub decoder: Option<Stream<'r>>,
    /// How many of the likeliest ids are told with each; `None`: no probabilities at all.
    pub logprobs: Option<usize>,
    /// What limits the answer.
    pub constraint: Option<Box<dyn Constraint + 'r>>,
    /// Whether ids may be guessed.
    pub guess: bool,
}

impl core::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "request {} of {} ids", self.id, self.prompt.len())
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finish {
    /// By an id that ends, or a stop string.
    Stop,
    /// By its length, or because the context is full.
    Length,
    /// Because no id could be chosen.
    Failed(SampleError),
    /// Because the model could not take a step.
    Broken(StepError),
}

/// How likely an id was, and which others were likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprobs {
    /// The natural logarithm of the id's own probability.
    pub own: f32,
    /// The likeliest ids with theirs.
    pub top: Vec<(u32, f32)>,
}

/// What a step gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An id, and the text that is certain with it, which may be empty.
    Token {
        /// The request.
        request: u64,
        /// The id.
        id: u32,
        /// More text.
        text: String,
        /// Probabilities, if they were wanted.
        logprobs: Option<Logprobs>,
    },
    /// The answer has ended.
    Done {
        /// The request.
        request: u64,
        /// The last of the text.
        text: String,
        /// Why.
        finish: Finish,
        /// Ids of the prompt.
        prompt_len: usize,
        /// Ids of the prompt that had been computed before.
        cached_len: usize,
        /// Ids of the answer.
        answer_len: usize,
    },
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many as may wait do wait.
    Full {
        /// How many.
        max: usize,
    },
    /// There is no prompt.
    Empty,
    /// The prompt is longer than the context.
    Context {
        /// Ids.
        len: usize,
        /// Positions.
        max: usize,
    },
    /// An id is beyond the vocabulary.
    UnknownId {
        /// The id.
        id: u32,
        /// Ids that there are.
        vocabulary: usize,
    },
}

impl core::fmt::Display for SubmitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SubmitError::Full { max } => write!(f, "{max} requests are waiting already, the most that may"),
            SubmitError::Empty => f.write_str("the prompt is empty"),
            SubmitError::Context { len, max } => {
                write!(f, "the prompt has {len} tokens, beyond the context of {max}")
            }
            SubmitError::UnknownId { id, vocabulary } => {
                write!(f, "id {id} is not below {vocabulary}, the size of the vocabulary")
            }
        }
    }
}

impl core::error::Error for SubmitError {}

/// A request at work.
struct Answer<'r> {
    request: Request<'r>,
    /// Ids of the prompt that had been computed before.
    cached: usize,
    generated: usize,
    luck: Luck,
}

#[derive(Default)]
struct Slot<'r> {
    /// What the slot holds or is about to hold: the prompt, and what was generated.
    ids: Vec<u32>,
    answer: Option<Answer<'r>>,
    /// When it was used last.
    used: u64,
}

/// The rows of one slot in a step.
#[derive(Clone, Copy)]
struct Part {
    slot: usize,
    /// Where its logits begin, in rows that have any.
    logits: usize,
    /// How many rows have logits: 0 for a part of a prompt that goes on.
    wanted: usize,
}

/// Requests over an engine.
pub struct Scheduler<'r, 'e, 'a> {
    engine: Engine<'e, 'a>,
    slots: Vec<Slot<'r>>,
    queue: VecDeque<Request<'r>>,
    queue_max: usize,
    clock: u64,
    rows: Vec<Row>,
    parts: Vec<Part>,
    /// Rows of answers, which come first, and how many of them have logits.
    answering: (usize, usize),
    logits: Vec<f32>,
    computed: u64,
    reused: u64,
}

impl<'r, 'e, 'a> Scheduler<'r, 'e, 'a> {
    /// A scheduler over the first `slots` slots of an engine, in which at most `queue_max` requests wait.
    pub fn new(engine: Engine<'e, 'a>, slots: usize, queue_max: usize) -> Self {
        let slots = (0..slots.clamp(1, engine.plan().slots())).map(|_| Slot::default()).collect();
        Scheduler {
            engine,
            slots,
            queue: VecDeque::new(),
            queue_max,
            clock: 0,
            rows: Vec::new(),
            parts: Vec::new(),
            answering: (0, 0),
            logits: Vec::new(),
            computed: 0,
            reused: 0,
        }
    }

    /// The engine, for what is no answer: embeddings. Only slots behind those of the scheduler may be used.
    pub fn engine(&mut self) -> &mut Engine<'e, 'a> {
        &mut self.engine
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.slots.iter().all(|slot| slot.answer.is_none())
    }

    /// Requests that wait, and requests at work.
    pub fn load(&self) -> (usize, usize) {
        (self.queue.len(), self.slots.iter().filter(|slot| slot.answer.is_some()).count())
    }

    /// Rows that were computed, and ids of prompts that did not have to be.
    pub fn totals(&self) -> (u64, u64) {
        (self.computed, self.reused)
    }

    /// Takes a request.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub fn submit(&mut self, request: Request<'r>) -> Result<(), SubmitError> {
        let (context, vocabulary) = (self.engine.plan().context(), self.engine.model().config().vocabulary);
        if self.queue.len() >= self.queue_max {
            return Err(SubmitError::Full { max: self.queue_max });
        }
        if request.prompt.is_empty() {
            return Err(SubmitError::Empty);
        }
        if request.prompt.len() > context {
            return Err(SubmitError::Context { len: request.prompt.len(), max: context });
        }
        if let Some(&id) = request.prompt.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(SubmitError::UnknownId { id, vocabulary });
        }
        self.queue.push_back(request);
        Ok(())
    }

    /// Forgets a request; there are no more events of it.
    pub fn cancel(&mut self, request: u64) {
        self.queue.retain(|waiting| waiting.id != request);
        for slot in &mut self.slots {
            if slot.answer.as_ref().is_some_and(|answer| answer.request.id == request) {
                slot.answer = None;
            }
        }
    }

    /// Gives waiting requests free slots.
    fn admit(&mut self, events: &mut Vec<Event>) {
        while let Some(request) = self.queue.front() {
            let free = |slot: &Slot<'_>| slot.answer.is_none();
            let common = |slot: &Slot<'_>, filled: u32| {
                let same = slot.ids.iter().zip(&request.prompt).take_while(|(a, b)| a == b).count();
                // The last id is computed again: its logits are wanted.
                same.min(filled as usize).min(request.prompt.len() - 1)
            };
            let lens: Vec<usize> = self
                .slots
                .iter()
                .enumerate()
                .map(|(nth, slot)| common(slot, self.engine.filled(nth as u32)))
                .collect();
            let candidates = (0..self.slots.len()).filter(|&nth| free(&self.slots[nth]));
            let Some(mut chosen) =
                candidates.clone().max_by_key(|&nth| (lens[nth], core::cmp::Reverse(self.slots[nth].used)))
            else {
                return;
            };
            let donor = (0..lens.len()).max_by_key(|&nth| lens[nth]).unwrap_or(chosen);
            let mut cached = lens[chosen];
            // A copy costs little beside what it saves, but not the beginning of someone else's text.
            if lens[donor] > cached && lens[donor] >= COPY_MIN {
                let oldest = candidates.min_by_key(|&nth| self.slots[nth].used);
                chosen = oldest.unwrap_or(chosen);
                if self.engine.copy_slot(donor as u32, chosen as u32, lens[donor] as u32).is_ok() {
                    cached = lens[donor];
                }
            }
            let request = self.queue.pop_front().expect("the front was looked at");
            self.clock += 1;
            self.reused += cached as u64;
            self.engine.truncate(chosen as u32, cached as u32);
            let slot = &mut self.slots[chosen];
            slot.used = self.clock;
            slot.ids.clear();
            slot.ids.extend_from_slice(&request.prompt);
            let mut answer = Answer { request, cached, generated: 0, luck: Luck::default() };
            let (vocabulary, context) =
                (self.engine.model().config().vocabulary, self.engine.plan().context());
            answer.request.sampler.reserve(vocabulary, context);
            if answer.request.len_max == 0 {
                events.push(done(&mut answer, slot.ids.len(), String::new(), Finish::Length));
            } else {
                slot.answer = Some(answer);
            }
        }
    }

    /// The rows of the next step.
    fn plan_step(&mut self) {
        self.rows.clear();
        self.parts.clear();
        let mut room = self.engine.plan().batch();
        let context = self.engine.plan().context();
        let mut logits = 0;
        // Answers first: each waits for one row. A prompt may wait a little.
        for decoding in [true, false] {
            for (nth, slot) in self.slots.iter_mut().enumerate() {
                let Some(answer) = &mut slot.answer else { continue };
                let filled = self.engine.filled(nth as u32) as usize;
                let left = slot.ids.len() - filled;
                if (left == 1) != decoding || room == 0 {
                    continue;
                }
                let take = left.min(room);
                let first_row = self.rows.len();
                let row = |at: usize, id: u32| Row::new(id, nth as u32, at as u32);
                self.rows.extend((filled..filled + take).map(|at| row(at, slot.ids[at])));
                room -= take;
                let mut wanted = 0;
                if take == left {
                    let last = self.rows.last_mut().expect("a part has a row");
                    last.logits = true;
                    wanted = 1;
                    // What is guessed must fit the step, the context and the answer.
                    let may = room
                        .min(context - slot.ids.len())
                        .min(answer.request.len_max.saturating_sub(answer.generated + 1));
                    if decoding && answer.request.guess && may > 0 && answer.request.logprobs.is_none() {
                        let allowed = answer.luck.allows().min(may);
                        let guessed = lookup::guess(&slot.ids, allowed);
                        let begin = slot.ids.len();
                        self.rows.extend(
                            guessed.iter().enumerate().map(|(at, &id)| row(begin + at, id).with_logits()),
                        );
                        room -= guessed.len();
                        wanted += guessed.len();
                    }
                }
                debug_assert!(self.rows.len() > first_row);
                self.parts.push(Part { slot: nth, logits, wanted });
                logits += wanted;
            }
            if decoding {
                self.answering = (self.rows.len(), logits);
            }
        }
        let vocabulary = self.engine.model().config().vocabulary;
        self.logits.resize(logits * vocabulary, 0.0);
    }

    /// Takes one step for all requests, and appends what came of it. `false`: there was nothing to do.
    pub fn step(&mut self, jobs: &dyn Jobs, events: &mut Vec<Event>) -> bool {
        self.admit(events);
        self.plan_step();
        if self.rows.is_empty() {
            return !events.is_empty();
        }
        if let Err(error) = self.take_rows(jobs) {
            for slot in &mut self.slots {
                if let Some(mut answer) = slot.answer.take() {
                    events.push(done(&mut answer, slot.ids.len(), String::new(), Finish::Broken(error)));
                }
            }
            return true;
        }
        self.computed += self.rows.len() as u64;
        let parts = core::mem::take(&mut self.parts);
        for part in &parts {
            self.answer(part, events);
        }
        self.parts = parts;
        true
    }

    /// Rows of answers go through the model by themselves, so that no prompt beside them changes the order of their sums.
    fn take_rows(&mut self, jobs: &dyn Jobs) -> Result<(), StepError> {
        let (rows, with_logits) = self.answering;
        let (answers, prompts) = self.rows.split_at(rows);
        let (first, second) = self.logits.split_at_mut(with_logits * self.engine.model().config().vocabulary);
        for (rows, logits) in [(answers, first), (prompts, second)] {
            if !rows.is_empty() {
                self.engine.step(jobs, rows, logits)?;
            }
        }
        Ok(())
    }

    /// The ids that a slot's logits give: one, and one more for each guess that comes true.
    fn answer(&mut self, part: &Part, events: &mut Vec<Event>) {
        if part.wanted == 0 {
            return;
        }
        let vocabulary = self.engine.model().config().vocabulary;
        let context = self.engine.plan().context();
        let slot = &mut self.slots[part.slot];
        let Some(mut answer) = slot.answer.take() else { return };
        let guesses: Vec<u32> = {
            let mine = self.rows.iter().filter(|row| row.slot as usize == part.slot);
            mine.filter(|row| row.position as usize >= slot.ids.len()).map(|row| row.id).collect()
        };
        let mut came_true = 0;
        let mut finish = None;
        for nth in 0..part.wanted {
            let logits = &mut self.logits[(part.logits + nth) * vocabulary..][..vocabulary];
            match next(&mut answer, logits, &slot.ids) {
                Err(ended) => finish = Some(ended),
                Ok((id, logprobs)) => {
                    slot.ids.push(id);
                    answer.generated += 1;
                    finish = emit(&mut answer, id, logprobs, events);
                    if finish.is_none()
                        && (answer.generated >= answer.request.len_max || slot.ids.len() >= context)
                    {
                        finish = Some((Finish::Length, true));
                    }
                    let hit = guesses.get(nth) == Some(&id);
                    came_true += usize::from(hit);
                    if finish.is_none() && hit {
                        continue;
                    }
                }
            }
            break;
        }
        answer.luck.learn(guesses.len(), came_true);
        // The keys of guesses that did not come true are of no use.
        self.engine.truncate(part.slot as u32, slot.ids.len().saturating_sub(1) as u32);
        match finish {
            None => slot.answer = Some(answer),
            Some((finish, flush)) => {
                let mut text = String::new();
                if flush {
                    let mut last = String::new();
                    if let Some(mut decoder) = answer.request.decoder.take() {
                        decoder.finish(&mut last);
                    }
                    if !answer.request.stops.push(&last, &mut text) {
                        answer.request.stops.finish(&mut text);
                    }
                }
                events.push(done(&mut answer, slot.ids.len(), text, finish));
            }
        }
    }
}

/// A beginning that is worth copying from another slot.
const COPY_MIN: usize = 16;

/// Why an answer ended, and whether text that is held back belongs to it.
type Ended = (Finish, bool);

fn next(answer: &mut Answer<'_>, logits: &mut [f32], ids: &[u32]) -> Result<(u32, Option<Logprobs>), Ended> {
    let request = &mut answer.request;
    let before = request.logprobs.map(|count| (log_sum(logits), likeliest(logits, count)));
    let is_copied = before.is_some() || request.constraint.is_some();
    let own: Vec<f32> = if is_copied { logits.to_vec() } else { Vec::new() };
    let left = request.len_max - answer.generated;
    if request.constraint.as_ref().is_some_and(|constraint| constraint.is_final()) {
        return Err((Finish::Stop, true));
    }
    let failed = |error| (Finish::Failed(error), true);
    let mut id = request.sampler.choose(logits, ids, answer.generated).map_err(failed)?;
    if let Some(constraint) = &mut request.constraint {
        if !constraint.allows(id, &request.eos, left) {
            logits.copy_from_slice(&own);
            constraint.mask(logits, &request.eos, left);
            id = request.sampler.choose(logits, ids, answer.generated).map_err(failed)?;
        }
        constraint.accept(id);
    }
    if request.eos.contains(&id) {
        return Err((Finish::Stop, true));
    }
    let logprobs = before.map(|(sum, top)| Logprobs { own: (f64::from(own[id as usize]) - sum) as f32, top });
    Ok((id, logprobs))
}

/// Tells an id; the answer may end with it.
fn emit(
    answer: &mut Answer<'_>,
    id: u32,
    logprobs: Option<Logprobs>,
    events: &mut Vec<Event>,
) -> Option<Ended> {
    let request = &mut answer.request;
    let (mut decoded, mut text) = (String::new(), String::new());
    if let Some(decoder) = &mut request.decoder {
        // A vocabulary smaller than the model's has no text for some ids.
        let _ = decoder.push(id, &mut decoded);
    }
    let stopped = request.stops.push(&decoded, &mut text);
    events.push(Event::Token { request: request.id, id, text, logprobs });
    stopped.then_some((Finish::Stop, false))
}

fn done(answer: &mut Answer<'_>, len: usize, text: String, finish: Finish) -> Event {
    Event::Done {
        request: answer.request.id,
        text,
        finish,
        prompt_len: len - answer.generated,
        cached_len: answer.cached,
        answer_len: answer.generated,
    }
}
