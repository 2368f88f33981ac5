//! Time that moves only when told, and events that happen in its order.

use alloc::collections::BTreeMap;

use dolmen_base::{Rng, Time, time::Duration};

/// A clock that stands still until it is advanced; it never goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    now: Time,
}

impl Clock {
    /// A clock that shows `start`.
    pub fn new(start: Time) -> Self {
        Clock { now: start }
    }

    /// The time it shows.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Moves it forward, saturating at the end of time.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
    }

    /// Moves it forward to `at`; an earlier time leaves it as it is.
    pub fn advance_to(&mut self, at: Time) {
        self.now = self.now.max(at);
    }
}

/// Events by time. Events of one time come in an order that the seed chooses, as threads would race.
#[derive(Debug)]
pub struct Scheduler<T> {
    clock: Clock,
    rng: Rng,
    next: u64,
    events: BTreeMap<(Time, u64, u64), T>,
}

impl<T> Scheduler<T> {
    /// An empty schedule at [`Time::ZERO`].
    pub fn new(seed: u64) -> Self {
        Scheduler { clock: Clock::default(), rng: Rng::new(seed), next: 0, events: BTreeMap::new() }
    }

    /// The present time.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Adds an event; one in the past happens now.
    pub fn at(&mut self, when: Time, event: T) {
        let key = (when.max(self.now()), self.rng.next_u64(), self.next);
        self.next += 1;
        self.events.insert(key, event);
    }

    /// Adds an event `delay` from now.
    pub fn after(&mut self, delay: Duration, event: T) {
        self.at(self.now() + delay, event);
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Time> {
        self.events.keys().next().map(|(when, ..)| *when)
    }

    /// Takes the next event and moves the clock to its time; `None` when nothing is left.
    pub fn step(&mut self) -> Option<T> {
        let ((when, _, _), event) = self.events.pop_first()?;
        self.clock.advance_to(when);
        Some(event)
    }
}
