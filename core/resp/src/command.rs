//! The commands: name, arity, flags, key positions. One table drives arity checks, COMMAND and GETKEYS.

use alloc::vec::Vec;

use crate::fault::{self, Fault};
use crate::request::Words;

/// Which body runs.
#[allow(missing_docs, reason = "each is the command of its name")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Acl,
    Append,
    Auth,
    BgSave,
    Client,
    Command,
    Config,
    Copy,
    DbSize,
    Decr,
    DecrBy,
    Del,
    Discard,
    Echo,
    Exec,
    Exists,
    Expire,
    ExpireAt,
    ExpireTime,
    FlushAll,
    FlushDb,
    Function,
    Get,
    GetDel,
    GetEx,
    GetRange,
    GetSet,
    Hello,
    Http,
    Incr,
    IncrBy,
    IncrByFloat,
    Info,
    Keys,
    LastSave,
    Latency,
    MGet,
    MSet,
    MSetNx,
    Memory,
    Monitor,
    Move,
    Multi,
    Object,
    PExpire,
    PExpireAt,
    PExpireTime,
    PSetEx,
    PTtl,
    Persist,
    Ping,
    Quit,
    RandomKey,
    Rename,
    RenameNx,
    Reset,
    Role,
    Save,
    Scan,
    Select,
    Set,
    SetEx,
    SetNx,
    SetRange,
    Shutdown,
    SlowLog,
    StrLen,
    SwapDb,
    Time,
    Touch,
    Ttl,
    Type,
    Unwatch,
    Wait,
    WaitAof,
    Watch,
}

/// Properties of a command; the bits of [`CommandSpec::flags`].
pub mod flag {
    /// Changes keys.
    pub const WRITE: u16 = 1;
    /// Reads keys.
    pub const READONLY: u16 = 2;
    /// May need memory.
    pub const DENYOOM: u16 = 4;
    /// Constant time.
    pub const FAST: u16 = 8;
    /// Runs before AUTH.
    pub const NO_AUTH: u16 = 16;
    /// For operators.
    pub const ADMIN: u16 = 32;
    /// May wait.
    pub const BLOCKING: u16 = 64;
    /// About the connection.
    pub const CONNECTION: u16 = 128;
    /// On strings.
    pub const STRING: u16 = 256;
    /// On keys of any type.
    pub const KEYSPACE: u16 = 512;
    /// Part of transactions.
    pub const TRANSACTION: u16 = 1024;
    /// Takes long on much data.
    pub const DANGEROUS: u16 = 2048;
    /// Has subcommands.
    pub const CONTAINER: u16 = 4096;
}
use flag::*;

/// One command.
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case.
    pub name: &'static str,
    /// Its place in [`COMMANDS`].
    pub index: u16,
    /// Its body.
    pub verb: Verb,
    /// Words with the name; negative: at least.
    pub arity: i16,
    /// Bits of [`flag`].
    pub flags: u16,
    /// First key, last key (negative: from the end), step; zeros if there are none.
    pub keys: (i16, i16, i16),
}

/// A subcommand: container, name, arity with both names.
type Sub = (Verb, &'static str, i16);

const SUBCOMMANDS: &[Sub] = &[
    (Verb::Acl, "help", 2),
    (Verb::Acl, "whoami", 2),
    (Verb::Client, "caching", 3),
    (Verb::Client, "getname", 2),
    (Verb::Client, "getredir", 2),
    (Verb::Client, "help", 2),
    (Verb::Client, "id", 2),
    (Verb::Client, "info", 2),
    (Verb::Client, "kill", -3),
    (Verb::Client, "list", -2),
    (Verb::Client, "no-evict", 3),
    (Verb::Client, "no-touch", 3),
    (Verb::Client, "pause", -3),
    (Verb::Client, "reply", 3),
    (Verb::Client, "setinfo", 4),
    (Verb::Client, "setname", 3),
    (Verb::Client, "tracking", -3),
    (Verb::Client, "trackinginfo", 2),
    (Verb::Client, "unblock", -3),
    (Verb::Client, "unpause", 2),
    (Verb::Command, "count", 2),
    (Verb::Command, "docs", -2),
    (Verb::Command, "getkeys", -3),
    (Verb::Command, "help", 2),
    (Verb::Command, "info", -2),
    (Verb::Command, "list", -2),
    (Verb::Config, "get", -3),
    (Verb::Config, "help", 2),
    (Verb::Config, "resetstat", 2),
    (Verb::Config, "set", -4),
    (Verb::Function, "flush", -2),
    (Verb::Function, "help", 2),
    (Verb::Latency, "help", 2),
    (Verb::Latency, "latest", 2),
    (Verb::Latency, "reset", -2),
    (Verb::Memory, "help", 2),
    (Verb::Memory, "usage", -3),
    (Verb::Object, "encoding", 3),
    (Verb::Object, "freq", 3),
    (Verb::Object, "help", 2),
    (Verb::Object, "idletime", 3),
    (Verb::Object, "refcount", 3),
    (Verb::SlowLog, "get", -2),
    (Verb::SlowLog, "help", 2),
    (Verb::SlowLog, "len", 2),
    (Verb::SlowLog, "reset", 2),
];

const NONE: (i16, i16, i16) = (0, 0, 0);
const ONE: (i16, i16, i16) = (1, 1, 1);
const ALL: (i16, i16, i16) = (1, -1, 1);
const PAIRS: (i16, i16, i16) = (1, -1, 2);
const TWO: (i16, i16, i16) = (1, 2, 1);

macro_rules! commands {
    ($($name:literal $verb:ident $arity:literal $keys:ident $($flag:ident)|+;)*) => {
        /// All commands, by name.
        pub static COMMANDS: &[CommandSpec] = &numbered([$(CommandSpec {
            name: $name, index: 0, verb: Verb::$verb, arity: $arity, flags: 0 $(| $flag)+, keys: $keys,
        }),*]);
    };
}

const fn numbered<const N: usize>(mut specs: [CommandSpec; N]) -> [CommandSpec; N] {
    let mut i = 0;
    while i < N {
        specs[i].index = i as u16;
        i += 1;
    }
    specs
}

/// Places in [`TABLE`]: about three for each command.
const TABLE_LEN: usize = 256;
/// In a free place of it.
const FREE: u8 = u8::MAX;

/// Index of the command whose name hashes to a place, or to one of those before it that are taken.
static TABLE: [u8; TABLE_LEN] = {
    let mut table = [FREE; TABLE_LEN];
    let mut i = 0;
    while i < COMMANDS.len() {
        let mut place = hash(COMMANDS[i].name.as_bytes());
        while table[place] != FREE {
            place = (place + 1) % TABLE_LEN;
        }
        table[place] = i as u8;
        i += 1;
    }
    table
};

/// From length, first, middle and last byte, each in lower case; `name` is not empty.
const fn hash(name: &[u8]) -> usize {
    let len = name.len();
    let (first, middle, last) = (name[0] | 0x20, name[len / 2] | 0x20, name[len - 1] | 0x20);
    (len * 53 + first as usize * 7 + middle as usize * 31 + last as usize * 13) % TABLE_LEN
}

commands! {
    "acl" Acl -2 NONE CONTAINER | ADMIN;
    "append" Append 3 ONE WRITE | DENYOOM | FAST | STRING;
    "auth" Auth -2 NONE NO_AUTH | FAST | CONNECTION;
    "bgsave" BgSave -1 NONE ADMIN | DANGEROUS;
    "client" Client -2 NONE CONTAINER | CONNECTION;
    "command" Command -1 NONE CONTAINER | CONNECTION;
    "config" Config -2 NONE CONTAINER | ADMIN | DANGEROUS;
    "copy" Copy -3 TWO WRITE | DENYOOM | KEYSPACE;
    "dbsize" DbSize 1 NONE READONLY | FAST | KEYSPACE;
    "decr" Decr 2 ONE WRITE | DENYOOM | FAST | STRING;
    "decrby" DecrBy 3 ONE WRITE | DENYOOM | FAST | STRING;
    "del" Del -2 ALL WRITE | KEYSPACE;
    "discard" Discard 1 NONE FAST | TRANSACTION;
    "echo" Echo 2 NONE FAST | CONNECTION;
    "exec" Exec 1 NONE TRANSACTION;
    "exists" Exists -2 ALL READONLY | FAST | KEYSPACE;
    "expire" Expire -3 ONE WRITE | FAST | KEYSPACE;
    "expireat" ExpireAt -3 ONE WRITE | FAST | KEYSPACE;
    "expiretime" ExpireTime 2 ONE READONLY | FAST | KEYSPACE;
    "flushall" FlushAll -1 NONE WRITE | KEYSPACE | DANGEROUS;
    "flushdb" FlushDb -1 NONE WRITE | KEYSPACE | DANGEROUS;
    "function" Function -2 NONE CONTAINER;
    "get" Get 2 ONE READONLY | FAST | STRING;
    "getdel" GetDel 2 ONE WRITE | FAST | STRING;
    "getex" GetEx -2 ONE WRITE | FAST | STRING;
    "getrange" GetRange 4 ONE READONLY | STRING;
    "getset" GetSet 3 ONE WRITE | DENYOOM | FAST | STRING;
    "hello" Hello -1 NONE NO_AUTH | FAST | CONNECTION;
    "host:" Http -1 NONE NO_AUTH;
    "incr" Incr 2 ONE WRITE | DENYOOM | FAST | STRING;
    "incrby" IncrBy 3 ONE WRITE | DENYOOM | FAST | STRING;
    "incrbyfloat" IncrByFloat 3 ONE WRITE | DENYOOM | FAST | STRING;
    "info" Info -1 NONE DANGEROUS;
    "keys" Keys 2 NONE READONLY | KEYSPACE | DANGEROUS;
    "lastsave" LastSave 1 NONE ADMIN | DANGEROUS | FAST;
    "latency" Latency -2 NONE CONTAINER | ADMIN;
    "memory" Memory -2 NONE CONTAINER | READONLY;
    "mget" MGet -2 ALL READONLY | FAST | STRING;
    "monitor" Monitor 1 NONE ADMIN | DANGEROUS;
    "move" Move 3 ONE WRITE | FAST | KEYSPACE;
    "mset" MSet -3 PAIRS WRITE | DENYOOM | STRING;
    "msetnx" MSetNx -3 PAIRS WRITE | DENYOOM | STRING;
    "multi" Multi 1 NONE FAST | TRANSACTION;
    "object" Object -2 NONE CONTAINER | READONLY | KEYSPACE;
    "persist" Persist 2 ONE WRITE | FAST | KEYSPACE;
    "pexpire" PExpire -3 ONE WRITE | FAST | KEYSPACE;
    "pexpireat" PExpireAt -3 ONE WRITE | FAST | KEYSPACE;
    "pexpiretime" PExpireTime 2 ONE READONLY | FAST | KEYSPACE;
    "ping" Ping -1 NONE FAST | CONNECTION;
    "post" Http -1 NONE NO_AUTH;
    "psetex" PSetEx 4 ONE WRITE | DENYOOM | STRING;
    "pttl" PTtl 2 ONE READONLY | FAST | KEYSPACE;
    "quit" Quit -1 NONE NO_AUTH | FAST | CONNECTION;
    "randomkey" RandomKey 1 NONE READONLY | KEYSPACE;
    "rename" Rename 3 TWO WRITE | KEYSPACE;
    "renamenx" RenameNx 3 TWO WRITE | FAST | KEYSPACE;
    "reset" Reset 1 NONE NO_AUTH | FAST | CONNECTION;
    "role" Role 1 NONE ADMIN | DANGEROUS | FAST;
    "save" Save 1 NONE ADMIN | DANGEROUS;
    "scan" Scan -2 NONE READONLY | KEYSPACE;
    "select" Select 2 NONE FAST | CONNECTION;
    "set" Set -3 ONE WRITE | DENYOOM | STRING;
    "setex" SetEx 4 ONE WRITE | DENYOOM | STRING;
    "setnx" SetNx 3 ONE WRITE | DENYOOM | FAST | STRING;
    "setrange" SetRange 4 ONE WRITE | DENYOOM | STRING;
    "shutdown" Shutdown -1 NONE ADMIN | DANGEROUS;
    "slowlog" SlowLog -2 NONE CONTAINER | ADMIN;
    "strlen" StrLen 2 ONE READONLY | FAST | STRING;
    "substr" GetRange 4 ONE READONLY | STRING;
    "swapdb" SwapDb 3 NONE WRITE | FAST | KEYSPACE | DANGEROUS;
    "time" Time 1 NONE FAST;
    "touch" Touch -2 ALL READONLY | FAST | KEYSPACE;
    "ttl" Ttl 2 ONE READONLY | FAST | KEYSPACE;
    "type" Type 2 ONE READONLY | FAST | KEYSPACE;
    "unlink" Del -2 ALL WRITE | FAST | KEYSPACE;
    "unwatch" Unwatch 1 NONE FAST | TRANSACTION;
    "wait" Wait 3 NONE BLOCKING;
    "waitaof" WaitAof 4 NONE BLOCKING;
    "watch" Watch -2 ALL FAST | TRANSACTION;
}

impl CommandSpec {
    /// Whether a flag is set.
    pub fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// Whether clients may see it: the two HTTP words are no commands.
    pub fn is_public(&self) -> bool {
        self.verb != Verb::Http
    }

    /// Its subcommands.
    pub fn subcommands(&self) -> impl Iterator<Item = (&'static str, i16)> + use<> {
        let (verb, container) = (self.verb, self.has(CONTAINER));
        SUBCOMMANDS.iter().filter(move |s| container && s.0 == verb).map(|s| (s.1, s.2))
    }

    /// The flags by their names in COMMAND.
    pub fn flag_names(&self) -> Vec<&'static str> {
        let names = [
            (WRITE, "write"),
            (READONLY, "readonly"),
            (DENYOOM, "denyoom"),
            (ADMIN, "admin"),
            (BLOCKING, "blocking"),
            (NO_AUTH, "no_auth"),
            (FAST, "fast"),
        ];
        names.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| *name).collect()
    }

    /// The categories, each with its `@`.
    pub fn categories(&self) -> Vec<&'static str> {
        let names = [
            (WRITE, "@write"),
            (READONLY, "@read"),
            (STRING, "@string"),
            (KEYSPACE, "@keyspace"),
            (ADMIN, "@admin"),
            (CONNECTION, "@connection"),
            (TRANSACTION, "@transaction"),
            (BLOCKING, "@blocking"),
            (DANGEROUS, "@dangerous"),
        ];
        let mut out: Vec<_> = names.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| *name).collect();
        out.push(if self.has(FAST) { "@fast" } else { "@slow" });
        out
    }

    /// The keys among the words of a request.
    pub fn keys_of<'a>(&self, words: &Words<'a>) -> Vec<&'a [u8]> {
        let (first, last, step) = self.keys;
        if first == 0 {
            return Vec::new();
        }
        let last = if last < 0 { words.len() as i64 + i64::from(last) } else { i64::from(last) };
        let indexes = (i64::from(first)..=last).step_by(usize::from(step.unsigned_abs()));
        indexes.filter_map(|i| words.get(usize::try_from(i).ok()?)).collect()
    }
}

/// The command of that name, in any case.
pub fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    if name.is_empty() {
        return None;
    }
    let mut place = hash(name);
    while TABLE[place] != FREE {
        let spec = &COMMANDS[usize::from(TABLE[place])];
        if name.eq_ignore_ascii_case(spec.name.as_bytes()) {
            return Some(spec);
        }
        place = (place + 1) % TABLE_LEN;
    }
    None
}

/// A request whose command exists and whose word count fits.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// The command.
    pub spec: &'static CommandSpec,
    /// Lower-case name of the subcommand, or "".
    pub sub: &'static str,
}

/// Looks a request up and checks its word count.
///
/// # Errors
/// An unknown command or subcommand, or too few or too many words.
pub fn check(words: &Words<'_>) -> Result<Checked, Fault> {
    let spec = find(words.get(0).unwrap_or(&[])).ok_or_else(|| unknown(words))?;
    check_words(spec, words)
}

/// Checks the word count of a request whose command was found.
///
/// # Errors
/// An unknown subcommand, or too few or too many words.
pub fn check_words(spec: &'static CommandSpec, words: &Words<'_>) -> Result<Checked, Fault> {
    let fits = |arity: i16| match usize::from(arity.unsigned_abs()) {
        wanted if arity > 0 => words.len() == wanted,
        least => words.len() >= least,
    };
    let mut sub = "";
    if spec.has(CONTAINER) && words.len() > 1 {
        let found = spec.subcommands().find(|(name, _)| words[1].eq_ignore_ascii_case(name.as_bytes()));
        let Some((name, arity)) = found else {
            let shown = fault::quote(&words[1], 128);
            let upper = spec.name.to_ascii_uppercase();
            return Err(Fault::Text(alloc::format!("ERR unknown subcommand '{shown}'. Try {upper} HELP.")));
        };
        if !fits(arity) {
            return Err(fault::arity(&alloc::format!("{}|{name}", spec.name)));
        }
        sub = name;
    }
    if !fits(spec.arity) {
        return Err(fault::arity(spec.name));
    }
    Ok(Checked { spec, sub })
}

/// The error of a request whose command does not exist.
pub fn unknown(words: &Words<'_>) -> Fault {
    use crate::limits::UNKNOWN_TEXT_MAX as MAX;
    let name = fault::quote(words.get(0).unwrap_or(&[]), MAX);
    let mut text = alloc::format!("ERR unknown command '{name}', with args beginning with: ");
    let mut shown = 0;
    for word in words.from(1).iter() {
        if shown >= MAX {
            break;
        }
        let part = fault::quote(word, MAX - shown);
        shown += part.chars().count() + 3;
        text.push('\'');
        text.push_str(&part);
        text.push_str("' ");
    }
    Fault::Text(text)
}
