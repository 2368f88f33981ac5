//! What commands run on: keys with values and expiry times, and the facts about the server. Adapters implement these;
//! nothing here waits.

use alloc::string::String;
use alloc::vec::Vec;

use crate::fault::Fault;
use crate::scan::Cursors;

/// A live value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// When it expires, Unix milliseconds.
    pub expires_at: Option<i64>,
}

/// Ordered databases of strings. Keys whose time is over are missing for every method. Changes are seen at once by later
/// calls of the same unit of execution.
pub trait Keyspace {
    /// The time of this command (one reading per command, one per transaction), Unix milliseconds.
    fn now(&self) -> i64;

    /// The value of a key.
    fn get(&mut self, db: u8, key: &[u8]) -> Result<Option<Entry>, Fault>;

    /// `None`: no such key; `Some(expiry)` without reading more than needed.
    fn expiry(&mut self, db: u8, key: &[u8]) -> Result<Option<Option<i64>>, Fault>;

    /// Sets value and expiry.
    fn put(&mut self, db: u8, key: &[u8], value: &[u8], expires_at: Option<i64>) -> Result<(), Fault>;

    /// Changes the expiry of a key that is there.
    fn set_expiry(&mut self, db: u8, key: &[u8], expires_at: Option<i64>) -> Result<(), Fault>;

    /// Deletes a key; whether it was there.
    fn delete(&mut self, db: u8, key: &[u8]) -> Result<bool, Fault>;

    /// Deletes all keys of a database.
    fn flush(&mut self, db: u8) -> Result<(), Fault>;

    /// Lets two databases change places, watchers of keys that are in either being told.
    fn swap(&mut self, a: u8, b: u8) -> Result<(), Fault>;

    /// Number of live keys.
    fn len(&mut self, db: u8) -> Result<u64, Fault>;

    /// Calls `visit` with the keys from `from` on (exclusive if `after`), in order, until it returns `false`.
    fn walk(
        &mut self,
        db: u8,
        from: &[u8],
        after: bool,
        visit: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Fault>;

    /// The last key of `from..before` (`None`: to the end).
    fn last(&mut self, db: u8, from: &[u8], before: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault>;

    /// Begins to count changes of a key; the present count. Every call is paired with one of [`Keyspace::unwatch`].
    fn watch(&mut self, db: u8, key: &[u8]) -> u64;

    /// Changes of a watched key so far.
    fn version(&self, db: u8, key: &[u8]) -> u64;

    /// Ends one [`Keyspace::watch`].
    fn unwatch(&mut self, db: u8, key: &[u8]);
}

/// One row of CLIENT LIST.
#[derive(Clone, Debug, Default)]
pub struct ClientRow {
    /// Its id.
    pub id: u64,
    /// Its address.
    pub addr: String,
    /// The line.
    pub line: String,
}

/// Which clients CLIENT KILL ends; all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KillFilter {
    /// The id.
    pub id: Option<u64>,
    /// The peer's address.
    pub addr: Option<String>,
    /// The local address.
    pub local_addr: Option<String>,
    /// Normal clients (the only kind there is).
    pub normal: Option<bool>,
    /// The user's name.
    pub user: Option<String>,
    /// Not this one.
    pub except: Option<u64>,
}

/// Which commands CLIENT PAUSE holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// Those that change keys.
    Write,
    /// All.
    All,
}

/// The server around the keys.
pub trait Host: Keyspace {
    /// Microseconds of the Unix clock, for TIME.
    fn clock_us(&self) -> u64;

    /// A random number.
    fn random(&mut self) -> u64;

    /// Whether a password is set.
    fn has_password(&self) -> bool;

    /// Whether this password of the default user is right; compares in constant time.
    fn check_password(&self, password: &[u8]) -> bool;

    /// The text of INFO; no section = the default ones.
    fn info(&mut self, sections: &[String]) -> String;

    /// Settings as CONFIG GET shows them.
    fn config(&self) -> Vec<(&'static str, String)>;

    /// CONFIG RESETSTAT.
    fn reset_stats(&mut self);

    /// The clients, by id. The asking one is brought up to date first.
    fn clients(&mut self, asking: &crate::session::Session) -> Vec<ClientRow>;

    /// Closes clients; how many.
    fn kill(&mut self, filter: &KillFilter) -> usize;

    /// Holds commands of all clients back until then; a pause that goes on is only ever widened.
    fn pause(&mut self, until_ms: i64, what: Pause);

    /// Ends the pause.
    fn unpause(&mut self);

    /// Changes one of the settings of `server::SETTABLE`, for this run.
    fn configure(&mut self, name: &'static str, value: u64);

    /// Whether commands that may need memory are refused now.
    fn out_of_memory(&self) -> bool;

    /// Whether a reply is only sent when what was written before is on disk.
    fn replies_are_durable(&self) -> bool;

    /// The cursors that SCAN remembers.
    fn cursors(&mut self) -> &mut Cursors;
}
