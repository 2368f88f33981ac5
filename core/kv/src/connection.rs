//! One connection: takes bytes, runs what is complete in turns, keeps replies back until what they rest on is written.
//!
//! ```text
//!           ┌─────────────── turn ───────────────┐
//! bytes ─▶ parser ─▶ command ─▶ unit ─▶ replies  │ waits? ─▶ Answer{ok} ─▶ replies leave
//!                       │                        │           Answer{reason} ─▶ replies that rest on it become -MISCONF
//!                       └─ Absent: the same again, where it may wait
//! ```
//! 1. A turn runs complete requests until none is left, its bounds are reached, or something has to come between.
//! 2. Commands that change something take the lock ([`Gate::write`]) and the turn keeps it; so later ones of the same turn see the changes.
//! 3. Every reply about keys that was given under the lock while anything was pending is uncertain until that is written. The turn then
//!    ends with [`crate::Input::Finish`], and the owner sends nothing before the answer.
//! 4. A walk never runs under the lock: the turn ends before it, what stands before it is written, and it runs on what readers see, in
//!    steps.

use alloc::vec::Vec;
use core::ops::Range;

use dolmen_resp::command::{CommandSpec, Verb, flag};
use dolmen_resp::fault::Fault;
use dolmen_resp::reply::{Out, Proto, Reply};
use dolmen_resp::request::Parser;
use dolmen_resp::session::{Access, After, Handled, Looked, Session};

use crate::engine::Engine;
use crate::env::{Env, Run};
use crate::layout::{Place, State, expiry_key};
use crate::limits::{CLOCK_COMMANDS, TURN_COMMANDS_MAX, TURN_NS_MAX, TURN_OUTPUT_MAX};
use crate::store::Store;
use crate::unit::{Lookups, Unit};

/// The ways to the keys, for one turn on one thread.
pub trait Gate {
    /// What the engine answers by.
    type Ticket;
    /// Views of the store.
    type Store: Store;
    /// The server.
    type Env: Env;

    /// The server.
    fn env(&mut self) -> &mut Self::Env;

    /// What has been written: a state, and a view of its very moment.
    fn read(&mut self) -> (&State, &Self::Store, &mut Self::Env);

    /// Takes the lock, if it is not taken yet, and keeps it until the gate is dropped.
    fn write(&mut self) -> (&mut Engine<Self::Ticket>, &Self::Store, &mut Self::Env);

    /// Whether the lock is taken.
    fn is_locked(&self) -> bool;
}

/// What a turn leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// What to do behind the replies.
    pub after: Option<After>,
    /// Whether replies wait for what is pending: hand the engine [`crate::Input::Finish`] while the lock is still held.
    pub waits: bool,
    /// Whether the next request waits for room: hand the engine [`crate::Input::AwaitRoom`].
    pub is_full: bool,
    /// Whether the next request is held back by CLIENT PAUSE.
    pub is_paused: bool,
    /// Whether the next request needs a part of the store that lies on disk only: the next turn's gate has to wait for it.
    pub is_absent: bool,
    /// Whether the turn ended because it took long: others have theirs before the next.
    pub is_long: bool,
    /// Whether complete requests may be left.
    pub more: bool,
    /// Commands that ran.
    pub ran: usize,
}

/// See the [module](self).
pub struct Connection {
    /// The session.
    pub session: Session,
    /// The bytes that arrived.
    pub parser: Parser,
    /// The replies.
    pub out: Out,
    /// What look-ups found since the owner last took it.
    pub lookups: Lookups,
    /// Replies that must not be believed if what they rest on is not written.
    uncertain: Vec<Range<usize>>,
    /// Whether the parser's last request is still to be run.
    is_held: bool,
}

/// Whether to go on with the turn.
enum Step {
    Ran(Handled),
    End,
}

impl Connection {
    /// A connection with that number.
    pub fn new(id: u64, authenticated: bool) -> Connection {
        Connection {
            session: Session::new(id, authenticated),
            parser: Parser::default(),
            out: Out::default(),
            lookups: Lookups::default(),
            uncertain: Vec::new(),
            is_held: false,
        }
    }

    /// Whether a request waits to be run again.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// Runs the requests that are complete. Never waits.
    pub fn turn<G: Gate>(&mut self, gate: &mut G) -> Turned {
        let mut turned = Turned::default();
        let mut run = Run::default();
        let begun = gate.env().monotonic_ns();
        let mut since = begun;
        let mut now = 0;
        loop {
            if turned.ran == TURN_COMMANDS_MAX || self.out.len() >= TURN_OUTPUT_MAX {
                turned.more = true;
                break;
            }
            if turned.ran.is_multiple_of(CLOCK_COMMANDS) {
                now = (gate.env().clock_us() / 1000) as i64;
            }
            let Step::Ran(handled) = self.step(now, gate, &mut turned) else { break };
            turned.ran += 1;
            if run.spec.map(|spec| spec.index) != handled.spec.map(|spec| spec.index) {
                let at = gate.env().monotonic_ns();
                gate.env().ran(&run, at - since);
                (since, run) = (at, Run { spec: handled.spec, ..Run::default() });
            }
            run.rejected += u64::from(handled.rejected);
            run.calls += u64::from(!handled.rejected);
            run.failed += u64::from(handled.failed);
            if handled.after != After::Continue {
                turned.after = Some(handled.after);
                turned.more |= !matches!(handled.after, After::Close | After::Drop);
                break;
            }
            let is_looked_at = turned.ran.is_multiple_of(CLOCK_COMMANDS) || self.may_take_long(&handled);
            if is_looked_at && gate.env().monotonic_ns() - begun >= TURN_NS_MAX {
                (turned.is_long, turned.more) = (true, true);
                break;
            }
        }
        if turned.ran > 0 {
            let at = gate.env().monotonic_ns();
            gate.env().ran(&run, at - since);
        }
        if !self.is_held {
            self.parser.compact();
        }
        turned.waits = !self.uncertain.is_empty();
        turned
    }

    /// Whether the last request may have taken much longer than others.
    fn may_take_long(&self, handled: &Handled) -> bool {
        let verb = handled.spec.map(|spec| spec.verb);
        let is_long =
            matches!(verb, Some(Verb::Scan | Verb::RandomKey | Verb::Exec | Verb::Append | Verb::SetRange));
        is_long || self.parser.words().len() > CLOCK_COMMANDS
    }

    /// The next request, if there is one and nothing comes between.
    fn step<G: Gate>(&mut self, now: i64, gate: &mut G, turned: &mut Turned) -> Step {
        if self.session.is_walking() {
            return self.walk(now, gate, turned);
        }
        if !core::mem::take(&mut self.is_held) {
            match self.parser.parse(self.session.authenticated) {
                Ok(true) => {}
                Ok(false) => return Step::End,
                Err(error) => {
                    let fault = Fault::Text(alloc::string::ToString::to_string(&error));
                    Reply { out: &mut self.out, proto: self.session.proto }.error(&fault);
                    turned.after = Some(After::Close);
                    return Step::End;
                }
            }
        }
        let words = self.parser.words();
        let looked = self.session.look_up(&words);
        self.is_held = true;
        if gate.env().paused().is_some_and(|what| self.session.waits_for(&looked, &words, what)) {
            turned.is_paused = true;
            return Step::End;
        }
        let access = self.session.access(&looked);
        if access == Access::Walk && gate.is_locked() {
            turned.more = true;
            return Step::End;
        }
        if access == Access::Write {
            let (engine, ..) = gate.write();
            if engine.is_full() {
                // With uncertain replies the turn waits for the same generation anyway.
                (turned.is_full, turned.more) = (self.uncertain.is_empty(), true);
                return Step::End;
            }
        }
        if gate.env().is_monitored() && looked.spec.is_some() {
            let db = self.session.db;
            gate.env().show(db, &words);
        }
        let handled = self.run(&looked, access, now, gate);
        if handled.absent {
            turned.is_absent = true;
            return Step::End;
        }
        self.is_held = false;
        Step::Ran(handled)
    }

    /// Runs the parser's last request.
    fn run<G: Gate>(&mut self, looked: &Looked, access: Access, now: i64, gate: &mut G) -> Handled {
        let words = self.parser.words();
        let (session, out, lookups) = (&mut self.session, &mut self.out, &mut self.lookups);
        let start = out.mark();
        if access != Access::Write && !gate.is_locked() {
            let (state, store, env) = gate.read();
            let mut unit = Unit::<G::Ticket, _, _>::reading(state, store, env, now, lookups);
            return session.run_looked_up(looked, &words, &mut unit, out);
        }
        let (engine, store, env) = gate.write();
        let mut unit = Unit::writing(engine, store, env, now, lookups);
        let handled = session.run_looked_up(looked, &words, &mut unit, out);
        unit.end();
        // What was queued has looked at nothing yet.
        let ran = !handled.absent && session.queued() < 0;
        if ran && handled.spec.is_some_and(is_about_keys) && engine.has_pending() {
            self.uncertain.push(start..out.mark());
        }
        handled
    }

    /// A step of a walk that goes on.
    fn walk<G: Gate>(&mut self, now: i64, gate: &mut G, turned: &mut Turned) -> Step {
        if gate.is_locked() {
            turned.more = true;
            return Step::End;
        }
        let (state, store, env) = gate.read();
        let mut unit = Unit::<G::Ticket, _, _>::reading(state, store, env, now, &mut self.lookups);
        let handled = self.session.go_on(&mut unit, &mut self.out);
        if handled.absent {
            turned.is_absent = true;
            return Step::End;
        }
        Step::Ran(handled)
    }

    /// Whether the held request needs the lock.
    pub fn takes_lock(&self) -> bool {
        let looked = self.session.look_up(&self.parser.words());
        !self.session.is_walking() && self.session.access(&looked) == Access::Write
    }

    /// Brings what the held request will look up into memory, by a view that may wait; without the lock. What cannot be read is left for
    /// the request itself to answer.
    pub fn warm(&self, state: &State, store: &impl Store) {
        let words = self.parser.words();
        let looked = self.session.look_up(&words);
        self.session.keys_of(&looked, &words, &mut |db, key| {
            let slot = state.slots.of(db);
            let _ = store.contains(Place::Slot(slot), key);
            if looked.spec.is_some_and(reads_values) {
                let _ = store.get(Place::Slot(slot), key);
            }
            if state.expires(slot) {
                let _ = store.get(Place::Expires, &expiry_key(slot, key));
            }
        });
    }

    /// What the replies of the last turn rest on was written, or never will be.
    pub fn answered(&mut self, result: Result<(), &str>) {
        if let Err(reason) = result {
            self.out.replace(&self.uncertain, &Fault::Unwritable(reason.into()));
        }
        self.uncertain.clear();
    }

    /// Gives back what the connection holds; to be called when it ends.
    pub fn close<G: Gate>(&mut self, gate: &mut G) {
        let (engine, store, env) = gate.write();
        let mut unit = Unit::writing(engine, store, env, 0, &mut self.lookups);
        self.session.close(&mut unit);
        unit.end();
    }

    /// The version of the protocol, for replies that the owner writes.
    pub fn proto(&self) -> Proto {
        self.session.proto
    }
}

/// Whether a reply of the command may rest on keys.
fn is_about_keys(spec: &CommandSpec) -> bool {
    spec.has(flag::WRITE | flag::READONLY) || spec.verb == Verb::Exec
}

/// Whether a command that changes keys looks at their values.
fn reads_values(spec: &CommandSpec) -> bool {
    !matches!(
        spec.verb,
        Verb::Del
            | Verb::Set
            | Verb::SetNx
            | Verb::SetEx
            | Verb::PSetEx
            | Verb::MSet
            | Verb::MSetNx
            | Verb::Persist
            | Verb::Expire
            | Verb::PExpire
            | Verb::ExpireAt
            | Verb::PExpireAt
            | Verb::Watch
    )
}
