//! One connection: authentication, database, protocol, transaction, watched keys.
//!
//! Order for every request: HTTP words close → does the command exist, do its words fit → authentication → inside MULTI:
//! queue → run.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::{self, Checked, CommandSpec, Verb, flag};
use crate::connection;
use crate::fault::{self, Fault};
use crate::glob::Pattern;
use crate::keys;
use crate::keyspace::{Host, Pause};
use crate::limits::{KEYS_VISITS_MAX, QUEUED_BYTES_MAX};
use crate::reply::{Out, Proto, Reply};
use crate::request::{Request, Words};
use crate::scan::Page;
use crate::server;
use crate::strings;

/// What the adapter does after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Go on with the next one.
    Continue,
    /// Nothing was answered yet: let others have a turn, then call [`Session::go_on`].
    Again,
    /// Send what there is and close.
    Close,
    /// Close and send nothing more.
    Drop,
    /// Commit and sync what this connection wrote, then answer with [`Session::waited`]; wait for replicas (there are
    /// none) until the timeout.
    WaitSync {
        /// Whether more replicas are wanted than there are, so that only the timeout ends the wait.
        replicas: bool,
        /// Milliseconds; 0 = for ever.
        timeout_ms: u64,
        /// Whether the reply counts this server's log (WAITAOF) or only replicas (WAIT).
        local: bool,
    },
    /// Write everything into tables, then answer with [`Session::saved`]; in the background that answer comes first.
    Save {
        /// Whether the reply does not wait.
        background: bool,
    },
    /// Stop the server; there is no reply.
    Shutdown,
    /// The reply is given; from now on the connection is shown every command ([`crate::monitor`]).
    Monitor,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub struct Handled {
    /// The command, if it exists.
    pub spec: Option<&'static CommandSpec>,
    /// What to do now.
    pub after: After,
    /// Whether it was refused before it ran.
    pub rejected: bool,
    /// Whether it ran and answered an error.
    pub failed: bool,
    /// Whether it could not run without waiting for the disk ([`Fault::Absent`]): nothing was answered, the session is as before. What it
    /// changed is to be taken back, and the request to be handled again where it may wait.
    pub absent: bool,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing of the keys.
    Free,
    /// Only completed data.
    Read,
    /// Only completed data, and much of it: not to be run under a lock.
    Walk,
    /// The lock under which changes are made.
    Write,
}

/// A request whose command was looked up, once for all questions about it.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    /// The command, if it exists.
    pub spec: Option<&'static CommandSpec>,
    is_http: bool,
}

/// What a watched key was.
#[derive(Clone, Copy, Debug)]
struct Watched {
    version: u64,
    expires_at: Option<i64>,
}

/// KEYS on its way.
#[derive(Debug)]
struct Walk {
    spec: &'static CommandSpec,
    pattern: Pattern,
    page: Page,
    silent: bool,
}

/// A transaction being queued.
#[derive(Debug, Default)]
struct Multi {
    queue: Vec<(Checked, Request)>,
    bytes: usize,
    writes: bool,
    grows: bool,
    walks: bool,
    aborted: bool,
}

/// What CLIENT REPLY says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    #[default]
    On,
    Off,
}

/// State of one connection.
#[derive(Debug, Default)]
pub struct Session {
    /// Number of the connection.
    pub id: u64,
    /// Selected database.
    pub db: u8,
    /// Protocol version.
    pub proto: Proto,
    /// Whether it may do everything.
    pub authenticated: bool,
    /// CLIENT SETNAME.
    pub name: String,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: String,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: String,
    /// Name of the last command, `client|list` for subcommands.
    pub last: (&'static str, &'static str),
    /// Whether it is shown every command.
    pub monitors: bool,
    pub(crate) reply_mode: ReplyMode,
    pub(crate) skip_next: bool,
    multi: Option<Multi>,
    watched: BTreeMap<(u8, Vec<u8>), Watched>,
    walk: Option<Box<Walk>>,
}

impl Session {
    /// A new connection.
    pub fn new(id: u64, authenticated: bool) -> Session {
        Session { id, authenticated, ..Session::default() }
    }

    /// Commands queued by MULTI, or -1.
    pub fn queued(&self) -> i64 {
        self.multi.as_ref().map_or(-1, |m| m.queue.len() as i64)
    }

    /// Bytes that MULTI queued.
    pub fn queued_bytes(&self) -> usize {
        self.multi.as_ref().map_or(0, |m| m.bytes)
    }

    /// Calls `visit` with the keys that a request, or the transaction that it ends, names: what to have in memory before it runs.
    pub fn keys_of(&self, looked: &Looked, words: &Words<'_>, visit: &mut dyn FnMut(u8, &[u8])) {
        let Some(spec) = looked.spec else { return };
        spec.keys_of(words).into_iter().for_each(|key| visit(self.db, key));
        let queue =
            self.multi.as_ref().filter(|_| spec.verb == Verb::Exec).map_or(&[][..], |multi| &multi.queue);
        for (checked, request) in queue {
            checked.spec.keys_of(&request.words()).into_iter().for_each(|key| visit(self.db, key));
        }
    }

    /// Looks the command of a request up.
    pub fn look_up(&self, words: &Words<'_>) -> Looked {
        let spec = words.get(0).and_then(command::find);
        Looked { spec, is_http: is_http(spec, words) }
    }

    /// What the request will need, to be asked before [`Session::handle`].
    pub fn access(&self, looked: &Looked) -> Access {
        let Some(spec) = looked.spec else { return Access::Free };
        let of = |write: bool| if write { Access::Write } else { Access::Free };
        match (spec.verb, &self.multi) {
            // The walks inside are bounded by nobody: the transaction is one moment.
            (Verb::Exec, Some(multi)) if multi.writes || !self.watched.is_empty() => Access::Write,
            (Verb::Exec, Some(multi)) if multi.walks => Access::Walk,
            (Verb::Exec, Some(_)) => Access::Read,
            (Verb::Reset | Verb::Discard | Verb::Unwatch, _) => of(!self.watched.is_empty()),
            (Verb::Watch, None) => Access::Write,
            (_, Some(_)) => Access::Free,
            (_, None) if spec.has(flag::WRITE) => Access::Write,
            (verb, None) if is_walk(verb) => Access::Walk,
            (_, None) => {
                if spec.has(flag::READONLY) {
                    Access::Read
                } else {
                    Access::Free
                }
            }
        }
    }

    /// Whether a request must wait while CLIENT PAUSE holds `what` back. A transaction waits whole, at its first change or
    /// at EXEC. CLIENT UNPAUSE never waits: it is the way out.
    pub fn waits_for(&self, looked: &Looked, words: &Words<'_>, what: Pause) -> bool {
        let verb = looked.spec.map(|spec| spec.verb);
        if verb == Some(Verb::Client) && words.get(1).is_some_and(|w| w.eq_ignore_ascii_case(b"unpause")) {
            return false;
        }
        let writes = |spec: &CommandSpec| match spec.verb {
            Verb::Exec => self.multi.as_ref().is_some_and(|m| m.writes),
            _ => spec.has(flag::WRITE),
        };
        what == Pause::All || looked.spec.is_some_and(writes)
    }

    /// Looks a request up and runs it.
    pub fn handle(&mut self, words: &Words<'_>, host: &mut impl Host, out: &mut Out) -> Handled {
        self.run_looked_up(&self.look_up(words), words, host, out)
    }

    /// Runs a request; its reply is appended to `out`.
    pub fn run_looked_up(
        &mut self,
        looked: &Looked,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Out,
    ) -> Handled {
        let start = out.mark();
        let skip = core::mem::take(&mut self.skip_next);
        let silent_before = self.reply_mode == ReplyMode::Off;
        let mut handled = self.dispatch(looked, words, host, out);
        if handled.absent {
            out.truncate(start);
            self.skip_next = skip;
            return handled;
        }
        handled.failed = !handled.rejected && out.bytes().get(start) == Some(&b'-');
        let is_exec = handled.spec.is_some_and(|s| s.verb == Verb::Exec);
        let silent = if is_exec { silent_before } else { self.reply_mode == ReplyMode::Off };
        if skip || silent {
            out.truncate(start);
            if let Some(walk) = &mut self.walk {
                walk.silent = true;
            }
        }
        handled
    }

    fn dispatch(
        &mut self,
        looked: &Looked,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Out,
    ) -> Handled {
        let spec = looked.spec;
        let mut handled =
            Handled { spec: None, after: After::Continue, rejected: true, failed: false, absent: false };
        if looked.is_http {
            handled.after = After::Drop;
            return handled;
        }
        handled.spec = spec;
        let checked =
            spec.ok_or_else(|| command::unknown(words)).and_then(|s| command::check_words(s, words));
        let checked = match checked {
            Ok(checked) => checked,
            Err(fault) => {
                self.refuse(spec, fault, out);
                return handled;
            }
        };
        self.last = (checked.spec.name, checked.sub);
        if !self.authenticated && !checked.spec.has(flag::NO_AUTH) {
            self.refuse(spec, fault::NO_AUTH, out);
            return handled;
        }
        if self.grows(checked.spec) && host.out_of_memory() {
            self.refuse(spec, fault::OUT_OF_MEMORY, out);
            return handled;
        }
        handled.rejected = false;
        if self.multi.is_some() && !runs_inside_multi(checked.spec.verb) {
            match self.queue(checked, words) {
                Ok(()) => Reply { out, proto: self.proto }.simple("QUEUED"),
                Err(fault) => self.refuse(spec, fault, out),
            }
            return handled;
        }
        match self.run(checked, words, host, out) {
            Ok(after) => handled.after = after,
            Err(Absent) => handled.absent = true,
        }
        handled
    }

    fn grows(&self, spec: &CommandSpec) -> bool {
        let queued = self.multi.as_ref().is_some_and(|m| m.grows);
        spec.has(flag::DENYOOM) || spec.verb == Verb::Exec && queued
    }

    /// Answers an error that came before running; a transaction will not survive it.
    fn refuse(&mut self, spec: Option<&CommandSpec>, fault: Fault, out: &mut Out) {
        let mut reply = Reply { out, proto: self.proto };
        if spec.is_some_and(|s| s.verb == Verb::Exec) {
            self.multi = None;
            let text = alloc::string::ToString::to_string(&fault);
            let text = text.strip_prefix("ERR ").unwrap_or(&text);
            let text = alloc::format!("EXECABORT Transaction discarded because of: {text}");
            return reply.error(&Fault::Text(text));
        }
        if let Some(multi) = &mut self.multi {
            multi.aborted = true;
        }
        reply.error(&fault);
    }

    fn queue(&mut self, checked: Checked, words: &Words<'_>) -> Result<(), Fault> {
        if matches!(checked.spec.verb, Verb::Save | Verb::BgSave | Verb::Shutdown) {
            return Err(fault::NOT_IN_MULTI);
        }
        let multi = self.multi.as_mut().ok_or(fault::EXEC_WITHOUT)?;
        let request = Request::of(words);
        multi.bytes += request.weight() + size_of::<(Checked, Request)>();
        if multi.bytes > QUEUED_BYTES_MAX {
            multi.queue = Vec::new();
            return Err(fault::QUEUE_FULL);
        }
        multi.writes |= checked.spec.has(flag::WRITE);
        multi.grows |= checked.spec.has(flag::DENYOOM);
        multi.walks |= is_walk(checked.spec.verb);
        multi.queue.push((checked, request));
        Ok(())
    }

    fn run(
        &mut self,
        checked: Checked,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Out,
    ) -> Result<After, Absent> {
        let result = match checked.spec.verb {
            Verb::Multi => self.begin(),
            Verb::Exec => return self.exec(host, out),
            Verb::Discard => self.discard(host),
            Verb::Watch => self.watch(words, host),
            Verb::Unwatch => {
                self.unwatch(host);
                Ok(())
            }
            Verb::Quit => {
                Reply { out, proto: self.proto }.simple("OK");
                return Ok(After::Close);
            }
            Verb::Reset => {
                self.reset(host);
                Reply { out, proto: self.proto }.simple("RESET");
                return Ok(After::Continue);
            }
            Verb::Monitor => {
                self.monitors = true;
                Reply { out, proto: self.proto }.simple("OK");
                return Ok(After::Monitor);
            }
            Verb::Wait | Verb::WaitAof | Verb::Save | Verb::BgSave | Verb::Shutdown => {
                return Ok(self.wait(checked, words, host, out));
            }
            Verb::Keys => return self.keys(checked.spec, words, host, out),
            _ => return self.execute(checked, words, host, out).map(|()| After::Continue),
        };
        match result {
            Ok(()) => Reply { out, proto: self.proto }.simple("OK"),
            Err(Fault::Absent) => return Err(Absent),
            Err(fault) => Reply { out, proto: self.proto }.error(&fault),
        }
        Ok(After::Continue)
    }

    /// A command that is not about the transaction itself.
    fn execute(
        &mut self,
        checked: Checked,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Out,
    ) -> Result<(), Absent> {
        let start = out.mark();
        let before = host.savepoint();
        let mut reply = Reply { out, proto: self.proto };
        let spec = checked.spec;
        let result = if spec.has(flag::STRING) {
            strings::run(spec, words, self.db, host, &mut reply)
        } else if spec.has(flag::KEYSPACE) && !spec.has(flag::CONTAINER) {
            keys::run(spec, words, (self.db, self.id), host, &mut reply)
        } else if spec.has(flag::CONNECTION) && spec.verb != Verb::Command {
            connection::run(self, checked, words, host, &mut reply)
        } else {
            server::run(self, checked, words, host, &mut reply)
        };
        match result {
            Ok(()) => Ok(()),
            Err(Fault::Absent) => {
                host.roll_back(before);
                Err(Absent)
            }
            Err(fault) => {
                host.roll_back(before);
                out.truncate(start);
                Reply { out, proto: self.proto }.error(&fault);
                Ok(())
            }
        }
    }

    /// KEYS outside a transaction: in steps, between which others have their turn.
    fn keys(
        &mut self,
        spec: &'static CommandSpec,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Out,
    ) -> Result<After, Absent> {
        match Pattern::bounded(&words[1]) {
            Ok(pattern) => {
                self.step(Box::new(Walk { spec, pattern, page: Page::default(), silent: false }), host, out)
            }
            Err(fault) => {
                Reply { out, proto: self.proto }.error(&fault);
                Ok(After::Continue)
            }
        }
    }

    /// Goes on with what answered [`After::Again`].
    pub fn go_on(&mut self, host: &mut impl Host, out: &mut Out) -> Handled {
        let mut handled =
            Handled { spec: None, after: After::Continue, rejected: false, failed: false, absent: false };
        let Some(walk) = self.walk.take() else { return handled };
        let (start, silent) = (out.mark(), walk.silent);
        handled.spec = Some(walk.spec);
        match self.step(walk, host, out) {
            Ok(after) => handled.after = after,
            Err(Absent) => handled.absent = true,
        }
        handled.failed = out.bytes().get(start) == Some(&b'-');
        if silent {
            out.truncate(start);
        }
        handled
    }

    /// Whether [`Session::go_on`] is to be called before any other request.
    pub fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    fn step(&mut self, mut walk: Box<Walk>, host: &mut impl Host, out: &mut Out) -> Result<After, Absent> {
        let behind = walk.page.next.clone();
        let found = (walk.page.bulks.len(), walk.page.count);
        let mut reply = Reply { out, proto: self.proto };
        match walk.page.go_on(host, self.db, Some(&walk.pattern), KEYS_VISITS_MAX) {
            Ok(()) if walk.page.next.is_some() => {
                self.walk = Some(walk);
                return Ok(After::Again);
            }
            Ok(()) => {
                reply.array(walk.page.count);
                reply.raw(&walk.page.bulks);
            }
            Err(Fault::Absent) if behind.is_none() => return Err(Absent),
            Err(Fault::Absent) => {
                walk.page.next = behind;
                walk.page.bulks.truncate(found.0);
                walk.page.count = found.1;
                self.walk = Some(walk);
                return Err(Absent);
            }
            Err(fault) => reply.error(&fault),
        }
        Ok(After::Continue)
    }

    fn begin(&mut self) -> Result<(), Fault> {
        if self.multi.is_some() {
            return Err(fault::MULTI_NESTED);
        }
        self.multi = Some(Multi::default());
        Ok(())
    }

    fn discard(&mut self, host: &mut impl Host) -> Result<(), Fault> {
        self.multi.take().ok_or(fault::DISCARD_WITHOUT)?;
        self.unwatch(host);
        Ok(())
    }

    fn watch(&mut self, words: &Words<'_>, host: &mut impl Host) -> Result<(), Fault> {
        if self.multi.is_some() {
            return Err(fault::WATCH_INSIDE);
        }
        let db = self.db;
        let mut new = BTreeMap::new();
        for key in words.from(1).iter() {
            let place = (db, key.to_vec());
            if !self.watched.contains_key(&place) && !new.contains_key(&place) {
                new.insert(place, host.expiry(db, key)?.flatten());
            }
        }
        for ((db, key), expires_at) in new {
            let version = host.watch(db, &key);
            self.watched.insert((db, key), Watched { version, expires_at });
        }
        Ok(())
    }

    fn unwatch(&mut self, host: &mut impl Host) {
        for (db, key) in core::mem::take(&mut self.watched).into_keys() {
            host.unwatch(db, &key);
        }
    }

    /// Gives back what the connection holds; to be called when it ends.
    pub fn close(&mut self, host: &mut impl Host) {
        self.multi = None;
        self.walk = None;
        self.unwatch(host);
    }

    fn reset(&mut self, host: &mut impl Host) {
        self.close(host);
        self.db = 0;
        self.proto = Proto::Resp2;
        self.name.clear();
        self.monitors = false;
        self.reply_mode = ReplyMode::On;
        self.authenticated = !host.has_password();
    }

    fn exec(&mut self, host: &mut impl Host, out: &mut Out) -> Result<After, Absent> {
        let mut reply = Reply { out, proto: self.proto };
        let Some(multi) = self.multi.take() else {
            reply.error(&fault::EXEC_WITHOUT);
            return Ok(After::Continue);
        };
        let now = host.now();
        let touched = self.watched.iter().any(|((db, key), w)| {
            host.version(*db, key) != w.version || w.expires_at.is_some_and(|at| now > at)
        });
        if multi.aborted {
            reply.error(&fault::EXEC_ABORT);
        } else if touched {
            reply.null_array();
        } else if let Err(Absent) = self.run_all(&multi, host, out) {
            self.multi = Some(multi);
            return Err(Absent);
        }
        self.unwatch(host);
        Ok(After::Continue)
    }

    /// Runs what was queued. Where that cannot be done without waiting, the session is as it was before.
    fn run_all(&mut self, multi: &Multi, host: &mut impl Host, out: &mut Out) -> Result<(), Absent> {
        let (before, changes) = (self.settings(), host.savepoint());
        Reply { out, proto: self.proto }.array(multi.queue.len());
        for (checked, request) in &multi.queue {
            let start = out.mark();
            let skip = core::mem::take(&mut self.skip_next);
            if let Err(Absent) = self.run_queued(*checked, &request.words(), host, out) {
                host.roll_back(changes);
                *self = Session {
                    multi: self.multi.take(),
                    watched: core::mem::take(&mut self.watched),
                    ..before
                };
                return Err(Absent);
            }
            if skip || self.reply_mode == ReplyMode::Off {
                out.truncate(start);
            }
        }
        Ok(())
    }

    /// All that commands inside a transaction may change.
    fn settings(&self) -> Session {
        Session {
            name: self.name.clone(),
            lib_name: self.lib_name.clone(),
            lib_ver: self.lib_ver.clone(),
            multi: None,
            watched: BTreeMap::new(),
            walk: None,
            ..*self
        }
    }

    fn run_queued(
        &mut self,
        checked: Checked,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Out,
    ) -> Result<(), Absent> {
        match checked.spec.verb {
            // Nothing blocks inside; where replies wait for the disk, what was queued before is on it by then.
            Verb::Wait | Verb::WaitAof => {
                if let After::WaitSync { local, .. } = self.wait(checked, words, host, out) {
                    self.waited(local, host.replies_are_durable(), out);
                }
            }
            // Forgotten with the end of EXEC.
            Verb::Unwatch => Reply { out, proto: self.proto }.simple("OK"),
            Verb::Monitor => Reply { out, proto: self.proto }.error(&fault::MONITOR_IN_MULTI),
            _ => return self.execute(checked, words, host, out),
        }
        Ok(())
    }

    /// A command whose answer waits for something else than keys.
    fn wait(&mut self, checked: Checked, words: &Words<'_>, host: &impl Host, out: &mut Out) -> After {
        let after = match checked.spec.verb {
            Verb::Save => Ok(After::Save { background: false }),
            Verb::BgSave => server::bgsave(words),
            Verb::Shutdown => server::shutdown(words, host),
            verb => server::wait(verb, words),
        };
        after.unwrap_or_else(|fault| {
            Reply { out, proto: self.proto }.error(&fault);
            After::Continue
        })
    }

    /// The answer to WAIT and WAITAOF once [`After::WaitSync`] was done; whether this server's log was `synced`.
    pub fn waited(&self, local: bool, synced: bool, out: &mut Out) {
        let mut reply = Reply { out, proto: self.proto };
        if local {
            reply.array(2);
            reply.int(i64::from(synced));
        }
        reply.int(0);
    }

    /// The answer to SAVE and BGSAVE; the reason if it could not be done.
    pub fn saved(&self, background: bool, result: Result<(), String>, out: &mut Out) {
        let mut reply = Reply { out, proto: self.proto };
        match result {
            Ok(()) if background => reply.simple("Background saving started"),
            Ok(()) => reply.simple("OK"),
            Err(reason) => reply.error(&Fault::Unwritable(reason)),
        }
    }
}

/// See [`Fault::Absent`].
struct Absent;

/// Commands that look at many keys.
fn is_walk(verb: Verb) -> bool {
    matches!(verb, Verb::Keys | Verb::Scan | Verb::RandomKey)
}

/// Commands that run at once although a transaction is open.
fn runs_inside_multi(verb: Verb) -> bool {
    matches!(verb, Verb::Multi | Verb::Exec | Verb::Discard | Verb::Watch | Verb::Quit | Verb::Reset)
}

/// A web page or proxy that talks to the wrong port: the words of Redis, and request lines of HTTP.
fn is_http(spec: Option<&CommandSpec>, words: &Words<'_>) -> bool {
    if spec.is_some_and(|spec| spec.verb == Verb::Http) {
        return true;
    }
    if words.len() != 3 || !words[2].starts_with(b"HTTP/") {
        return false;
    }
    ["GET", "PUT", "HEAD", "OPTIONS", "DELETE"]
        .iter()
        .any(|method| words[0].eq_ignore_ascii_case(method.as_bytes()))
}
