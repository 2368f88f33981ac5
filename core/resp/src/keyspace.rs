//! What commands run on: keys with values and expiry times, and the facts about the server. `dolmen-kv` implements these over a store,
//! [`crate::naive::Memory`] over a map; nothing here waits.

use alloc::string::String;
use alloc::vec::Vec;

use crate::client::Row;
use crate::fault::Fault;
use crate::scan::Cursors;
use crate::session::Session;
use crate::value::NewValue;

/// A live value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<V> {
    /// The bytes.
    pub value: V,
    /// When it expires, Unix milliseconds.
    pub expires_at: Option<i64>,
}

/// Bounds that the server's owner sets, checked before a command changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Bytes of a key.
    pub key_max: usize,
    /// Bytes of a value.
    pub value_max: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        Lengths { key_max: 64 << 10, value_max: crate::limits::BULK_LEN_MAX as usize }
    }
}

impl Lengths {
    /// Whether a key may be created.
    ///
    /// # Errors
    /// Its length is over the limit.
    pub fn key(&self, key: &[u8]) -> Result<(), Fault> {
        if key.len() > self.key_max { Err(crate::fault::too_long("key", self.key_max)) } else { Ok(()) }
    }

    /// Whether a key may be set to a value of `len` bytes.
    ///
    /// # Errors
    /// One of the lengths is over its limit.
    pub fn pair(&self, key: &[u8], len: usize) -> Result<(), Fault> {
        self.key(key)?;
        if len > self.value_max { Err(crate::fault::too_long("value", self.value_max)) } else { Ok(()) }
    }
}

/// Ordered databases of strings. Keys whose time is over are missing for every method but [`Keyspace::len`]. Changes are seen at once by
/// later calls of the same unit of execution. Errors of every method: the store could not be read, now or without waiting
/// ([`Fault::Unreadable`], [`Fault::Absent`]); changes also fail where a length is over its limit. [`Session`] takes back what a command
/// changed before it failed.
pub trait Keyspace {
    /// A value as it is read; held, where it is large, for as long as a reply needs it.
    type Value: AsRef<[u8]> + Send + Sync + 'static;

    /// The time of this command (one reading per command, one per transaction), Unix milliseconds.
    fn now(&self) -> i64;

    /// The bounds of what is set.
    fn lengths(&self) -> Lengths;

    /// The value of a key.
    ///
    /// # Errors
    /// The trait's.
    fn get(&mut self, db: u8, key: &[u8]) -> Result<Option<Entry<Self::Value>>, Fault>;

    /// `None`: no such key; `Some(expiry)` without reading the value.
    ///
    /// # Errors
    /// The trait's.
    fn expiry(&mut self, db: u8, key: &[u8]) -> Result<Option<Option<i64>>, Fault>;

    /// Sets value and expiry.
    ///
    /// # Errors
    /// The trait's.
    fn put(&mut self, db: u8, key: &[u8], value: NewValue<'_>, expires_at: Option<i64>) -> Result<(), Fault>;

    /// Changes the expiry of a key that is there, without reading the value.
    ///
    /// # Errors
    /// The trait's.
    fn set_expiry(&mut self, db: u8, key: &[u8], expires_at: Option<i64>) -> Result<(), Fault>;

    /// Deletes a key; whether it was there.
    ///
    /// # Errors
    /// The trait's.
    fn delete(&mut self, db: u8, key: &[u8]) -> Result<bool, Fault>;

    /// Deletes all keys of a database.
    ///
    /// # Errors
    /// The trait's.
    fn flush(&mut self, db: u8) -> Result<(), Fault>;

    /// Lets two databases change places, watchers of keys that are in either being told.
    ///
    /// # Errors
    /// The trait's.
    fn swap(&mut self, a: u8, b: u8) -> Result<(), Fault>;

    /// Number of keys; one whose time is over counts until it is swept, as in Redis.
    ///
    /// # Errors
    /// The trait's.
    fn len(&mut self, db: u8) -> Result<u64, Fault>;

    /// Calls `visit` with the keys from `from` on (exclusive if `after`), in order, until it returns `false`. Keys whose time is over come
    /// too, marked as not live, so that the caller can bound the work.
    ///
    /// # Errors
    /// The trait's.
    fn walk(
        &mut self,
        db: u8,
        from: &[u8],
        after: bool,
        visit: &mut dyn FnMut(&[u8], bool) -> bool,
    ) -> Result<(), Fault>;

    /// The last live key of `from..before` (`None`: to the end); one whose time is over, where more than
    /// [`crate::limits::RANDOM_OVERDUE_MAX`] of them stand in a row.
    ///
    /// # Errors
    /// The trait's.
    fn last(&mut self, db: u8, from: &[u8], before: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault>;

    /// A place in the changes of this unit to come back to; [`Keyspace::roll_back`] takes back all that was changed since.
    fn savepoint(&mut self) -> (usize, usize) {
        (0, 0)
    }

    /// Takes back what was changed since a savepoint of the same unit.
    fn roll_back(&mut self, _to: (usize, usize)) {}

    /// Begins to count changes of a key; the present count. Every call is paired with one of [`Keyspace::unwatch`].
    fn watch(&mut self, db: u8, key: &[u8]) -> u64;

    /// Changes of a watched key so far.
    fn version(&self, db: u8, key: &[u8]) -> u64;

    /// Ends one [`Keyspace::watch`].
    fn unwatch(&mut self, db: u8, key: &[u8]);
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

impl KillFilter {
    /// Whether a client is meant.
    pub fn fits(&self, id: u64, addr: &str, local_addr: &str) -> bool {
        self.id.is_none_or(|wanted| wanted == id)
            && self.addr.as_deref().is_none_or(|wanted| wanted == addr)
            && self.local_addr.as_deref().is_none_or(|wanted| wanted == local_addr)
            && self.normal.unwrap_or(true)
            && self.user.as_deref().is_none_or(|user| user == "default")
            && self.except != Some(id)
    }
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

    /// The clients, by id, the asking one as it is now.
    fn clients(&mut self, asking: &Session) -> Vec<Row>;

    /// Closes clients; how many.
    fn kill(&mut self, filter: &KillFilter) -> usize;

    /// Holds commands of all clients back for that long; a pause that goes on is only ever widened.
    fn pause(&mut self, duration_ms: u64, what: Pause);

    /// Ends the pause.
    fn unpause(&mut self);

    /// Changes one of the settings of `server::SETTABLE`, for this run.
    fn configure(&mut self, name: &'static str, value: u64);

    /// Whether commands that may need memory are refused now.
    fn out_of_memory(&self) -> bool;

    /// Whether a reply is only sent when what was written before is on disk.
    fn replies_are_durable(&self) -> bool;

    /// When everything was last written into tables, Unix seconds; for LASTSAVE.
    fn last_save(&self) -> u64;

    /// Whether SHUTDOWN can stop this server.
    fn can_shut_down(&self) -> bool;

    /// Calls `with` on the cursors that SCAN remembers.
    fn with_cursors<R>(&mut self, with: impl FnOnce(&mut Cursors) -> R) -> R;
}
