//! What a command answers when it cannot do what it was asked: the texts of Redis 7.

use alloc::string::String;
use core::fmt;

/// An error reply without the leading `-` and the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A fixed text.
    Fixed(&'static str),
    /// A text with a part of the request in it.
    Text(String),
    /// The store could not be read.
    Unreadable,
    /// A part of the store that is needed lies on disk only, and the caller asked not to wait: no reply, the request is run again where
    /// it may wait.
    Absent,
    /// Writes are refused; the reason.
    Unwritable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Fixed(text) => f.write_str(text),
            Fault::Text(text) => f.write_str(text),
            Fault::Absent => f.write_str("ERR the answer waits for the disk"),
            Fault::Unreadable => f.write_str("ERR the database cannot be read; see the server's log"),
            Fault::Unwritable(reason) => write!(f, "MISCONF Errors writing to the AOF file: {reason}"),
        }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Fault = Fault::Fixed($text);)*
    };
}

texts! {
    /// Options that do not fit together.
    SYNTAX = "ERR syntax error";
    /// A number that is not a strict 64-bit integer.
    NOT_INTEGER = "ERR value is not an integer or out of range";
    /// A number that `strtold` does not take.
    NOT_FLOAT = "ERR value is not a valid float";
    /// A sum outside the finite numbers.
    NAN_OR_INFINITY = "ERR increment would produce NaN or Infinity";
    /// A counter that would leave 64 bits.
    OVERFLOW = "ERR increment or decrement would overflow";
    /// DECRBY of the smallest integer.
    DECREMENT_OVERFLOW = "ERR decrement would overflow";
    /// RENAME of nothing.
    NO_SUCH_KEY = "ERR no such key";
    /// A cursor that is no number, or one that is remembered no longer.
    INVALID_CURSOR = "ERR invalid cursor";
    /// SETRANGE before the start.
    OFFSET_RANGE = "ERR offset is out of range";
    /// A value over `proto-max-bulk-len`.
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// SELECT of a database that is not there.
    DB_RANGE = "ERR DB index is out of range";
    /// Not authenticated.
    NO_AUTH = "NOAUTH Authentication required.";
    /// HELLO without authentication.
    NO_AUTH_HELLO = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    /// A wrong name or password.
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    /// AUTH where no password is set.
    NO_PASSWORD = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    /// HELLO 4.
    NO_PROTO = "NOPROTO unsupported protocol version";
    /// HELLO x.
    PROTO_NOT_INTEGER = "ERR Protocol version is not an integer or out of range";
    /// A client name with blanks in it.
    CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    /// MULTI inside MULTI.
    MULTI_NESTED = "ERR MULTI calls can not be nested";
    /// WATCH inside MULTI.
    WATCH_INSIDE = "ERR WATCH inside MULTI is not allowed";
    /// EXEC alone.
    EXEC_WITHOUT = "ERR EXEC without MULTI";
    /// DISCARD alone.
    DISCARD_WITHOUT = "ERR DISCARD without MULTI";
    /// EXEC after a command that was refused.
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    /// A transaction over its limit.
    QUEUE_FULL = "ERR the transaction is larger than the server allows";
    /// NX with XX, GT or LT.
    NX_COMPATIBLE = "ERR NX and XX, GT or LT options at the same time are not compatible";
    /// GT with LT.
    GT_LT_COMPATIBLE = "ERR GT and LT options at the same time are not compatible";
    /// MOVE or COPY onto itself.
    SAME_OBJECT = "ERR source and destination objects are the same";
    /// A command that needs memory while too much is in use.
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    /// CLIENT PAUSE of something else.
    PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    /// A timeout that is no number.
    TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range";
    /// A pattern over its limit.
    PATTERN_TOO_LONG = "ERR the pattern is longer than this server allows (131072 bytes)";
    /// A command that cannot be queued.
    NOT_IN_MULTI = "ERR Command not allowed inside a transaction";
    /// MONITOR inside EXEC.
    MONITOR_IN_MULTI = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    /// SHUTDOWN where nobody can stop the process.
    NO_SHUTDOWN = "ERR Errors trying to SHUTDOWN. This server is stopped by the program that holds it";
    /// SHUTDOWN ABORT.
    NO_SHUTDOWN_IN_PROGRESS = "ERR No shutdown in progress";
    /// A timeout below 0.
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
}

/// The error of a wrong argument count; `name` in lower case, a subcommand as `client|list`.
pub fn arity(name: &str) -> Fault {
    Fault::Text(alloc::format!("ERR wrong number of arguments for '{name}' command"))
}

/// The error of an expiry time that cannot be.
pub fn invalid_expire(name: &str) -> Fault {
    Fault::Text(alloc::format!("ERR invalid expire time in '{name}' command"))
}

/// The error of a key or value over the server's own limit.
pub fn too_long(what: &str, max: usize) -> Fault {
    Fault::Text(alloc::format!("ERR the {what} is longer than this server allows ({max} bytes)"))
}

/// Bytes of a request as they may stand in an error: `max` at most, up to a NUL; line ends become blanks in the writer.
/// Bytes over 127 are kept one to one as U+0080–U+00FF; the writer turns them back.
pub fn quote(bytes: &[u8], max: usize) -> String {
    bytes.iter().take(max).take_while(|&&b| b != 0).map(|&b| char::from(b)).collect()
}
