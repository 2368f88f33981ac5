//! The machine: what is collected, what is in flight, who waits for it.
//!
//! ```text
//! unit under the lock ─▶ collecting ──Write──▶ in flight ──Written{Ok}──▶ visible
//!        │ Finish(ticket)                          │ Written{Err}
//!        ▼                                         ▼
//!    waits with the generation               both generations are dropped, every ticket hears the reason
//! ```
//! 1. Requests come by borrow: [`crate::connection::Connection::turn`] runs commands on top of everything that is pending, and [`Input::Finish`] says who must
//!    hear what becomes of it.
//! 2. [`Engine::poll`] gives [`Effect::Write`] when something is collected and nothing is in flight. The driver encodes the generation
//!    ([`crate::layout::encode`]) without the lock, hands it to the store, and answers [`Input::Written`] once.
//! 3. A generation that is written becomes what readers see ([`Engine::visible`]); its tickets are answered.
//! 4. One that fails takes the next with it, for that was built on it: both are dropped whole, presence that was remembered is forgotten,
//!    and every ticket hears the reason. Nothing that was told of them may be believed ([`crate::connection`] replaces those replies).
//!
//! Invariants: at most one generation is in flight; every ticket that was taken is answered exactly once; tickets of one generation are
//! answered together, in the order of their coming; what is visible is always the end of some written generation.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use dolmen_resp::keyspace::Lengths;

use crate::layout::{DATABASE_COUNT, State};
use crate::limits::{GENERATION_BYTES_MAX, SWEEP_INTERVAL_MS};
use crate::pending::{Generation, GenerationId};
use crate::recent::Recent;
use crate::unit::Changes;

/// Why a generation was not written, in words for -MISCONF.
pub type Reason = Arc<str>;

/// A fact.
#[derive(Debug)]
pub enum Input<T> {
    /// The owner of this ticket has run commands whose replies rest on what is pending: answer it when that is written, or not.
    Finish(T),
    /// The owner of this ticket waits until there is room for changes.
    AwaitRoom(T),
    /// An [`Effect::Write`] came to its end.
    Written {
        /// Which.
        id: GenerationId,
        /// How it went.
        result: Result<(), Reason>,
    },
    /// Time has passed; [`Engine::next_deadline`] says when this is due.
    Tick,
    /// An [`Effect::Sweep`] came to its end.
    Swept {
        /// When the next key of those that are written will be over, Unix milliseconds; `None`: no key expires.
        next: Option<i64>,
    },
}

/// A wish.
#[derive(Debug)]
pub enum Effect<T> {
    /// Write this generation, whole or not at all, and answer [`Input::Written`].
    Write(Arc<Generation>),
    /// Tell the owner of this ticket.
    Answer {
        /// Which.
        ticket: T,
        /// Whether what it saw and changed is written now; the reason if it never will be.
        result: Result<(), Reason>,
    },
    /// Delete keys whose time is over, of these slots (a bit for each), with [`crate::sweep`]; then answer [`Input::Swept`].
    Sweep {
        /// The slots.
        slots: u16,
    },
}

/// See the [module](self).
#[derive(Debug)]
pub struct Engine<T> {
    pub(crate) lengths: Lengths,
    pub(crate) collecting: Generation,
    pub(crate) in_flight: Option<Arc<Generation>>,
    /// At the end of the last generation that was written: what readers see.
    visible: State,
    waiting: Vec<T>,
    waiting_in_flight: Vec<T>,
    waiting_for_room: Vec<T>,
    effects: VecDeque<Effect<T>>,
    /// No key is over before that, as far as is known.
    next_expiry: Option<i64>,
    /// When the last sweep began.
    last_sweep: i64,
    is_sweeping: bool,
    spare: Option<Generation>,
    pub(crate) recent: Recent,
    pub(crate) watched: HashMap<(u8, Vec<u8>), (usize, u64), Seeded>,
    /// Changes of watched keys by the present command.
    pub(crate) touched: Vec<(u8, Vec<u8>)>,
    seed: u64,
}

/// A hasher with the seed that the owner of the engine chose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeded(u64);

impl core::hash::BuildHasher for Seeded {
    type Hasher = xxhash_rust::xxh3::Xxh3;

    fn build_hasher(&self) -> Self::Hasher {
        xxhash_rust::xxh3::Xxh3::with_seed(self.0)
    }
}

impl<T> Engine<T> {
    /// An engine over a store that holds `state`. The seed decides places in tables: unpredictable where clients choose keys.
    pub fn new(state: State, lengths: Lengths, seed: u64) -> Engine<T> {
        Engine {
            lengths,
            collecting: Generation::new(GenerationId::new(1), state),
            in_flight: None,
            visible: state,
            waiting: Vec::new(),
            waiting_in_flight: Vec::new(),
            waiting_for_room: Vec::new(),
            effects: VecDeque::new(),
            next_expiry: state.counts.iter().any(|counts| counts.expires > 0).then_some(0),
            last_sweep: 0,
            is_sweeping: false,
            spare: None,
            recent: Recent::default(),
            watched: HashMap::with_hasher(Seeded(seed)),
            touched: Vec::new(),
            seed,
        }
    }

    /// Takes a fact. None is refused; a [`Input::Written`] of another generation than that in flight changes nothing.
    pub fn handle(&mut self, now_ms: i64, input: Input<T>) {
        match input {
            Input::Finish(ticket) => {
                if !self.collecting.is_empty() {
                    self.waiting.push(ticket);
                } else if self.in_flight.is_some() {
                    self.waiting_in_flight.push(ticket);
                } else {
                    self.effects.push_back(Effect::Answer { ticket, result: Ok(()) });
                }
            }
            Input::AwaitRoom(ticket) => {
                if self.is_full() {
                    self.waiting_for_room.push(ticket);
                } else {
                    self.effects.push_back(Effect::Answer { ticket, result: Ok(()) });
                }
            }
            Input::Written { id, result } => {
                if self.in_flight.as_ref().is_some_and(|generation| generation.id() == id) {
                    self.written(now_ms, result);
                }
            }
            Input::Tick => self.tick(now_ms),
            Input::Swept { next } => {
                self.is_sweeping = false;
                next.into_iter().for_each(|at| self.will_expire(at));
            }
        }
    }

    /// A key will be over behind that time.
    pub(crate) fn will_expire(&mut self, at_ms: i64) {
        self.next_expiry = Some(self.next_expiry.map_or(at_ms, |next| next.min(at_ms)));
    }

    fn written(&mut self, now_ms: i64, result: Result<(), Reason>) {
        let Some(generation) = self.in_flight.take() else { return };
        match &result {
            Ok(()) => self.visible = *generation.state(),
            Err(reason) => {
                // What collects was built on it.
                let next = self.next_id();
                let visible = self.visible;
                drop(self.replace_collecting(Generation::new(next, visible)));
                self.recent.clear();
                // Keys that were swept in vain are there again.
                self.will_expire(now_ms);
                for ticket in self.waiting_in_flight.drain(..).chain(self.waiting.drain(..)) {
                    self.effects.push_back(Effect::Answer { ticket, result: Err(reason.clone()) });
                }
            }
        }
        for ticket in self.waiting_in_flight.drain(..).chain(self.waiting_for_room.drain(..)) {
            self.effects.push_back(Effect::Answer { ticket, result: Ok(()) });
        }
        self.spare = Arc::try_unwrap(generation).ok().map(|g| g.reset(GenerationId::new(0), self.visible));
    }

    fn next_id(&self) -> GenerationId {
        GenerationId::new(self.collecting.id().get() + 1)
    }

    fn replace_collecting(&mut self, next: Generation) -> Generation {
        core::mem::replace(&mut self.collecting, next)
    }

    fn tick(&mut self, now_ms: i64) {
        if self.next_deadline().is_some_and(|at| at <= now_ms) {
            let slots = self.may_expire();
            (self.next_expiry, self.last_sweep, self.is_sweeping) = (None, now_ms, true);
            self.effects.push_back(Effect::Sweep { slots });
        }
    }

    /// The next wish if that is to sweep: for an owner whose sweep asks by itself.
    pub fn poll_sweep(&mut self) -> Option<Effect<T>> {
        let at = self.effects.iter().position(|effect| matches!(effect, Effect::Sweep { .. }))?;
        self.effects.remove(at)
    }

    /// The next wish but to write: for an owner who lets more come together first, and calls [`Engine::poll`] soon.
    pub fn poll_answers(&mut self) -> Option<Effect<T>> {
        self.effects.pop_front()
    }

    /// Whether the next [`Engine::poll`] begins to write; and how many commands have come together.
    pub fn wants_to_write(&self) -> Option<u64> {
        (self.in_flight.is_none() && !self.collecting.is_empty()).then(|| self.collecting.commands())
    }

    /// The next wish, if there is one. Begins to write what has been collected where nothing is in flight.
    pub fn poll(&mut self) -> Option<Effect<T>> {
        if let Some(effect) = self.effects.pop_front() {
            return Some(effect);
        }
        self.wants_to_write()?;
        let (id, state) = (self.next_id(), *self.collecting.state());
        let next = match self.spare.take() {
            Some(spare) => spare.reset(id, state),
            None => Generation::new(id, state),
        };
        let generation = Arc::new(self.replace_collecting(next));
        self.in_flight = Some(generation.clone());
        self.waiting_in_flight.append(&mut self.waiting);
        Some(Effect::Write(generation))
    }

    /// When [`Input::Tick`] is due, Unix milliseconds: a millisecond behind the next expiry, but not too soon after the last sweep; `None`:
    /// nothing expires, or a sweep goes on.
    pub fn next_deadline(&self) -> Option<i64> {
        let next = self.next_expiry.filter(|_| !self.is_sweeping && self.may_expire() != 0)?;
        Some(next.saturating_add(1).max(self.last_sweep + SWEEP_INTERVAL_MS))
    }

    /// What readers see.
    pub fn visible(&self) -> &State {
        &self.visible
    }

    /// The state with everything that is pending.
    pub fn newest(&self) -> &State {
        self.collecting.state()
    }

    /// Whether anything is not written yet.
    pub fn has_pending(&self) -> bool {
        self.in_flight.is_some() || !self.collecting.is_empty()
    }

    /// Whether further changes must wait: [`Input::AwaitRoom`].
    pub fn is_full(&self) -> bool {
        self.in_flight.is_some() && self.collecting.weight() > GENERATION_BYTES_MAX
    }

    /// Bytes of changes that are not written yet.
    pub fn pending_len(&self) -> usize {
        self.collecting.weight() + self.in_flight.as_ref().map_or(0, |generation| generation.weight())
    }

    /// Bytes of memory that generations hold, in use or not.
    pub fn kept_len(&self) -> usize {
        let others = self.in_flight.as_deref().into_iter().chain(&self.spare);
        core::iter::once(&self.collecting).chain(others).map(Generation::capacity).sum()
    }

    /// Bit per slot in which keys expire, written or not.
    pub fn may_expire(&self) -> u16 {
        let expires = |slot: &usize| {
            self.visible.counts[*slot].expires > 0 || self.collecting.state().counts[*slot].expires > 0
        };
        (0..DATABASE_COUNT).filter(expires).fold(0, |bits, slot| bits | 1 << slot)
    }

    /// Begins a unit: commands run on top of what is pending, see what the ones before them changed, and change it all together. Every
    /// unit in which something was changed or seen ends with [`Input::Finish`].
    pub(crate) fn changes(&mut self) -> Changes<'_, T> {
        Changes::new(self)
    }

    pub(crate) fn hash(&self, slot: u8, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed ^ u64::from(slot))
    }
}
