//! One connection: authentication, database, protocol, transaction, watched keys.
//!
//! Order for every request: HTTP words close → does the command exist, do its words fit → authentication → inside MULTI:
//! queue → run.

use alloc::string::String;
use alloc::vec::Vec;

use crate::command::{self, Checked, CommandSpec, Verb, flag};
use crate::connection;
use crate::fault::{self, Fault};
use crate::keys;
use crate::keyspace::{Host, Pause};
use crate::limits::QUEUED_BYTES_MAX;
use crate::reply::{Proto, Reply};
use crate::request::{Request, Words};
use crate::server;
use crate::strings;

/// What the adapter does after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Go on with the next one.
    Continue,
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
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Only completed data, if any.
    Read,
    /// The lock under which changes are made.
    Write,
}

/// A watched key.
#[derive(Clone, Debug)]
struct Watched {
    db: u8,
    key: Vec<u8>,
    version: u64,
    expires_at: Option<i64>,
}

/// A transaction being queued.
#[derive(Debug, Default)]
struct Multi {
    queue: Vec<(Checked, Request)>,
    bytes: usize,
    writes: bool,
    grows: bool,
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
    pub(crate) reply_mode: ReplyMode,
    pub(crate) skip_next: bool,
    multi: Option<Multi>,
    watched: Vec<Watched>,
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

    /// What the request will need, to be asked before [`Session::handle`].
    pub fn access(&self, words: &Words<'_>) -> Access {
        let Some(spec) = words.get(0).and_then(command::find) else { return Access::Read };
        let write = match (spec.verb, &self.multi) {
            (Verb::Exec, Some(multi)) => multi.writes || !self.watched.is_empty(),
            (Verb::Reset | Verb::Discard | Verb::Unwatch, _) => !self.watched.is_empty(),
            (Verb::Watch, None) => true,
            (_, Some(_)) => false,
            (_, None) => spec.has(flag::WRITE),
        };
        if write { Access::Write } else { Access::Read }
    }

    /// Whether a request must wait while CLIENT PAUSE holds `what` back. A transaction waits whole, at its first change or
    /// at EXEC.
    pub fn waits_for(&self, words: &Words<'_>, what: Pause) -> bool {
        let writes = |spec: &CommandSpec| match spec.verb {
            Verb::Exec => self.multi.as_ref().is_some_and(|m| m.writes),
            _ => spec.has(flag::WRITE),
        };
        what == Pause::All || words.get(0).and_then(command::find).is_some_and(writes)
    }

    /// Runs a request; its reply is appended to `out`.
    pub fn handle(&mut self, words: &Words<'_>, host: &mut impl Host, out: &mut Vec<u8>) -> Handled {
        let start = out.len();
        let skip = core::mem::take(&mut self.skip_next);
        let silent_before = self.reply_mode == ReplyMode::Off;
        let mut handled = self.dispatch(words, host, out);
        handled.failed = !handled.rejected && out.get(start) == Some(&b'-');
        let is_exec = handled.spec.is_some_and(|s| s.verb == Verb::Exec);
        let silent = if is_exec { silent_before } else { self.reply_mode == ReplyMode::Off };
        if skip || silent {
            out.truncate(start);
        }
        handled
    }

    fn dispatch(&mut self, words: &Words<'_>, host: &mut impl Host, out: &mut Vec<u8>) -> Handled {
        let mut handled = Handled { spec: None, after: After::Continue, rejected: true, failed: false };
        if is_http(words) {
            handled.after = After::Drop;
            return handled;
        }
        let checked = match command::check(words) {
            Ok(checked) => checked,
            Err(fault) => {
                let spec = words.get(0).and_then(command::find);
                self.refuse(spec, fault, out);
                return Handled { spec, ..handled };
            }
        };
        handled.spec = Some(checked.spec);
        self.last = (checked.spec.name, checked.sub);
        if !self.authenticated && !checked.spec.has(flag::NO_AUTH) {
            self.refuse(handled.spec, fault::NO_AUTH, out);
            return handled;
        }
        if host.out_of_memory() && self.grows(checked.spec) {
            self.refuse(handled.spec, fault::OUT_OF_MEMORY, out);
            return handled;
        }
        handled.rejected = false;
        if self.multi.is_some() && !runs_inside_multi(checked.spec.verb) {
            match self.queue(checked, words) {
                Ok(()) => Reply { out, proto: self.proto }.simple("QUEUED"),
                Err(fault) => self.refuse(handled.spec, fault, out),
            }
            return handled;
        }
        handled.after = self.run(checked, words, host, out);
        handled
    }

    fn grows(&self, spec: &CommandSpec) -> bool {
        let queued = self.multi.as_ref().is_some_and(|m| m.grows);
        spec.has(flag::DENYOOM) || spec.verb == Verb::Exec && queued
    }

    /// Answers an error that came before running; a transaction will not survive it.
    fn refuse(&mut self, spec: Option<&CommandSpec>, fault: Fault, out: &mut Vec<u8>) {
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
        let request = Request::new(words.iter());
        let multi = self.multi.as_mut().ok_or(fault::EXEC_WITHOUT)?;
        multi.bytes += request.weight();
        if multi.bytes > QUEUED_BYTES_MAX {
            multi.queue.clear();
            return Err(fault::QUEUE_FULL);
        }
        multi.writes |= checked.spec.has(flag::WRITE);
        multi.grows |= checked.spec.has(flag::DENYOOM);
        multi.queue.push((checked, request));
        Ok(())
    }

    fn run(&mut self, checked: Checked, words: &Words<'_>, host: &mut impl Host, out: &mut Vec<u8>) -> After {
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
                return After::Close;
            }
            Verb::Reset => {
                self.reset(host);
                Reply { out, proto: self.proto }.simple("RESET");
                return After::Continue;
            }
            Verb::Wait | Verb::WaitAof => return self.wait(checked, words, out),
            _ => return self.execute(checked, words, host, out),
        };
        let mut reply = Reply { out, proto: self.proto };
        match result {
            Ok(()) => reply.simple("OK"),
            Err(fault) => reply.error(&fault),
        }
        After::Continue
    }

    /// A command that is not about the transaction itself.
    fn execute(
        &mut self,
        checked: Checked,
        words: &Words<'_>,
        host: &mut impl Host,
        out: &mut Vec<u8>,
    ) -> After {
        let start = out.len();
        let mut reply = Reply { out, proto: self.proto };
        let spec = checked.spec;
        let result = if spec.has(flag::STRING) {
            strings::run(spec, words, self.db, host, &mut reply)
        } else if spec.has(flag::KEYSPACE) && !spec.has(flag::CONTAINER) {
            keys::run(spec, words, self.db, host, &mut reply)
        } else if spec.has(flag::CONNECTION) && spec.verb != Verb::Command {
            connection::run(self, checked, words, host, &mut reply)
        } else {
            server::run(self, checked, words, host, &mut reply)
        };
        if let Err(fault) = result {
            out.truncate(start);
            Reply { out, proto: self.proto }.error(&fault);
        }
        After::Continue
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
        for key in words.from(1).iter() {
            if self.watched.iter().any(|w| w.db == self.db && w.key == key) {
                continue;
            }
            let expires_at = host.expiry(self.db, key)?.flatten();
            let version = host.watch(self.db, key);
            self.watched.push(Watched { db: self.db, key: key.to_vec(), version, expires_at });
        }
        Ok(())
    }

    fn unwatch(&mut self, host: &mut impl Host) {
        for watched in self.watched.drain(..) {
            host.unwatch(watched.db, &watched.key);
        }
    }

    /// Gives back what the connection holds; to be called when it ends.
    pub fn close(&mut self, host: &mut impl Host) {
        self.multi = None;
        self.unwatch(host);
    }

    fn reset(&mut self, host: &mut impl Host) {
        self.close(host);
        self.db = 0;
        self.proto = Proto::Resp2;
        self.name.clear();
        self.reply_mode = ReplyMode::On;
        self.authenticated = !host.has_password();
    }

    fn exec(&mut self, host: &mut impl Host, out: &mut Vec<u8>) -> After {
        let mut reply = Reply { out, proto: self.proto };
        let Some(multi) = self.multi.take() else {
            reply.error(&fault::EXEC_WITHOUT);
            return After::Continue;
        };
        let now = host.now();
        let touched = self
            .watched
            .iter()
            .any(|w| host.version(w.db, &w.key) != w.version || w.expires_at.is_some_and(|at| now > at));
        self.unwatch(host);
        if multi.aborted {
            reply.error(&fault::EXEC_ABORT);
        } else if touched {
            reply.null_array();
        } else {
            reply.array(multi.queue.len());
            for (checked, request) in &multi.queue {
                let start = out.len();
                let skip = core::mem::take(&mut self.skip_next);
                self.run_queued(*checked, &request.words(), host, out);
                if skip || self.reply_mode == ReplyMode::Off {
                    out.truncate(start);
                }
            }
        }
        After::Continue
    }

    fn run_queued(&mut self, checked: Checked, words: &Words<'_>, host: &mut impl Host, out: &mut Vec<u8>) {
        match checked.spec.verb {
            // Nothing blocks inside; where replies wait for the disk, what was queued before is on it by then.
            Verb::Wait | Verb::WaitAof => {
                if let After::WaitSync { local, .. } = self.wait(checked, words, out) {
                    self.waited(local, host.replies_are_durable(), out);
                }
            }
            // Forgotten already: the watched keys went when EXEC began.
            Verb::Unwatch => Reply { out, proto: self.proto }.simple("OK"),
            _ => {
                self.execute(checked, words, host, out);
            }
        }
    }

    fn wait(&mut self, checked: Checked, words: &Words<'_>, out: &mut Vec<u8>) -> After {
        match server::wait(checked.spec.verb, words) {
            Ok(after) => after,
            Err(fault) => {
                Reply { out, proto: self.proto }.error(&fault);
                After::Continue
            }
        }
    }

    /// The answer to WAIT and WAITAOF once [`After::WaitSync`] was done; whether this server's log was `synced`.
    pub fn waited(&self, local: bool, synced: bool, out: &mut Vec<u8>) {
        let mut reply = Reply { out, proto: self.proto };
        if local {
            reply.array(2);
            reply.int(i64::from(synced));
        }
        reply.int(0);
    }
}

/// Commands that run at once although a transaction is open.
fn runs_inside_multi(verb: Verb) -> bool {
    matches!(verb, Verb::Multi | Verb::Exec | Verb::Discard | Verb::Watch | Verb::Quit | Verb::Reset)
}

/// A web page or proxy that talks to the wrong port: the words of Redis, and request lines of HTTP.
fn is_http(words: &Words<'_>) -> bool {
    let Some(name) = words.get(0) else { return false };
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if is("POST") || is("HOST:") {
        return true;
    }
    let method = is("GET") || is("PUT") || is("HEAD") || is("OPTIONS") || is("DELETE");
    method && words.len() == 3 && words[2].starts_with(b"HTTP/")
}
