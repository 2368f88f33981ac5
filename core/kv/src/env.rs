//! What the engine is told about the server around it.

use alloc::vec::Vec;

use dolmen_resp::client::Row;
use dolmen_resp::command::CommandSpec;
use dolmen_resp::keyspace::{KillFilter, Pause};
use dolmen_resp::request::Words;
use dolmen_resp::scan::Cursors;
use dolmen_resp::session::Session;

use crate::info::Facts;

/// Commands of one name in a row on one connection: they enter the counters together, with their mean duration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// The command, if it exists.
    pub spec: Option<&'static CommandSpec>,
    /// Commands that ran.
    pub calls: u64,
    /// Commands that were refused before they ran.
    pub rejected: u64,
    /// Of those that ran: how many answered an error.
    pub failed: u64,
}

/// The server. Nothing here waits; one value serves one unit on one thread.
pub trait Env {
    /// Microseconds of the Unix clock.
    fn clock_us(&self) -> u64;

    /// Nanoseconds of a clock that never goes back.
    fn monotonic_ns(&self) -> u64;

    /// A random number.
    fn random(&mut self) -> u64;

    /// Whether a password is set.
    fn has_password(&self) -> bool;

    /// Whether this password of the default user is right; compares in constant time.
    fn check_password(&self, password: &[u8]) -> bool;

    /// Numbers for INFO, settings for CONFIG GET.
    fn facts(&self) -> Facts;

    /// CONFIG RESETSTAT.
    fn reset_stats(&mut self);

    /// Adds to the counters of a command.
    fn ran(&mut self, run: &Run, took_ns: u64);

    /// The clients by id, the asking one as it is now.
    fn clients(&self, asking: &Session) -> Vec<Row>;

    /// Closes clients; how many.
    fn kill(&mut self, filter: &KillFilter) -> usize;

    /// CLIENT PAUSE; see [`crate::pause`].
    fn pause(&mut self, duration_ms: u64, what: Pause);

    /// CLIENT UNPAUSE.
    fn unpause(&mut self);

    /// What is held back now.
    fn paused(&self) -> Option<Pause>;

    /// CONFIG SET of one of `server::SETTABLE`.
    fn configure(&mut self, name: &'static str, value: u64);

    /// Whether commands that may need memory are refused now; `pending` bytes are held by changes that are not written yet.
    fn out_of_memory(&self, pending: u64) -> bool;

    /// Whether a reply is only sent when what was written before is on disk.
    fn replies_are_durable(&self) -> bool;

    /// When everything was last written into tables, Unix seconds.
    fn last_save(&self) -> u64;

    /// Whether SHUTDOWN can stop this server.
    fn can_shut_down(&self) -> bool;

    /// Calls `with` on the cursors that SCAN remembers.
    fn with_cursors<R>(&mut self, with: impl FnOnce(&mut Cursors) -> R) -> R;

    /// Whether anyone is shown every command.
    fn is_monitored(&self) -> bool;

    /// Shows a command, about to run in database `db`, to whoever wants to see.
    fn show(&mut self, db: u8, words: &Words<'_>);
}
