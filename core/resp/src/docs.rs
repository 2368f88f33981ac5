//! COMMAND DOCS: what redis-cli shows as hints while a command is typed, and by `help`.
//!
//! The arguments stand in a small notation of one line:
//!
//! ```text
//! key                      an argument          COUNT count       one behind a token
//! [a|b]                    one of them or none  [COUNT count]     may be left out
//! key...                   one or more          (key value)...    one or more groups
//! ```

use alloc::vec::Vec;

use crate::command::{CommandSpec, flag};
use crate::reply::Reply;

/// Command, first version of Redis that had it, arguments, summary.
type Row = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
static ROWS: &[Row] = &[
    ("acl", "6.0.0", "", "WHOAMI: the name of the user, who is always the default one"),
    ("append", "2.0.0", "key value", "Puts a text at the end of a value"),
    ("auth", "1.0.0", "[username] password", "Gives the password"),
    ("bgsave", "1.0.0", "[SCHEDULE]", "Begins to write all keys into tables"),
    ("client", "2.4.0", "", "Shows and changes connections"),
    ("command", "2.8.13", "", "Describes the commands"),
    ("config", "2.0.0", "", "Shows and changes settings"),
    ("copy", "6.2.0", "source destination [DB destination-db] [REPLACE]", "Copies a key with its expiry"),
    ("dbsize", "1.0.0", "", "Counts the keys"),
    ("decr", "1.0.0", "key", "Subtracts one"),
    ("decrby", "1.0.0", "key decrement", "Subtracts a number"),
    ("del", "1.0.0", "key...", "Deletes keys"),
    ("discard", "2.0.0", "", "Forgets the transaction"),
    ("echo", "1.0.0", "message", "Answers the message"),
    ("exec", "1.2.0", "", "Runs the transaction"),
    ("exists", "1.0.0", "key...", "Counts which of the keys are there"),
    ("expire", "1.0.0", "key seconds [NX|XX|GT|LT]", "Lets a key live for some seconds"),
    ("expireat", "1.2.0", "key unix-time-seconds [NX|XX|GT|LT]", "Lets a key live until a second"),
    ("expiretime", "7.0.0", "key", "The second at which a key expires"),
    ("flushall", "1.0.0", "[ASYNC|SYNC]", "Deletes all keys of all databases"),
    ("flushdb", "1.0.0", "[ASYNC|SYNC]", "Deletes all keys of this database"),
    ("function", "7.0.0", "", "FLUSH alone: there are no functions"),
    ("get", "1.0.0", "key", "The value of a key"),
    ("getdel", "6.2.0", "key", "The value of a key, which is deleted"),
    ("getex", "6.2.0", "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]", "The value of a key, whose expiry may be changed"),
    ("getrange", "2.4.0", "key start end", "A part of a value"),
    ("getset", "1.0.0", "key value", "Sets a value and answers the old one"),
    ("hello", "6.0.0", "[protover] [AUTH username password] [SETNAME clientname]", "Chooses the protocol and introduces the server"),
    ("incr", "1.0.0", "key", "Adds one"),
    ("incrby", "1.0.0", "key increment", "Adds a number"),
    ("incrbyfloat", "2.6.0", "key increment", "Adds a number with decimals"),
    ("info", "1.0.0", "[section...]", "Facts about the server"),
    ("keys", "1.0.0", "pattern", "The keys that match; walks all that begin as it does"),
    ("lastsave", "1.0.0", "", "When all keys were last written into tables"),
    ("latency", "2.8.13", "", "Latency events: none are kept"),
    ("memory", "4.0.0", "", "USAGE: bytes of a key and its value"),
    ("mget", "1.0.0", "key...", "The values of keys"),
    ("monitor", "1.0.0", "", "Shows every command that the server runs"),
    ("move", "1.0.0", "key db", "Moves a key to another database"),
    ("mset", "1.0.1", "(key value)...", "Sets several values at once"),
    ("msetnx", "1.0.1", "(key value)...", "Sets several values if none of the keys is there"),
    ("multi", "1.2.0", "", "Begins a transaction"),
    ("object", "2.2.3", "", "How a value is held"),
    ("persist", "2.2.0", "key", "Lets a key live for ever"),
    ("pexpire", "2.6.0", "key milliseconds [NX|XX|GT|LT]", "Lets a key live for some milliseconds"),
    ("pexpireat", "2.6.0", "key unix-time-milliseconds [NX|XX|GT|LT]", "Lets a key live until a millisecond"),
    ("pexpiretime", "7.0.0", "key", "The millisecond at which a key expires"),
    ("ping", "1.0.0", "[message]", "Answers PONG, or the message"),
    ("psetex", "2.6.0", "key milliseconds value", "Sets a value that lives for some milliseconds"),
    ("pttl", "2.6.0", "key", "Milliseconds that a key has left"),
    ("quit", "1.0.0", "", "Closes the connection"),
    ("randomkey", "1.0.0", "", "Some key"),
    ("rename", "1.0.0", "key newkey", "Gives a key another name"),
    ("renamenx", "1.0.0", "key newkey", "Gives a key another name if that is free"),
    ("reset", "6.2.0", "", "Makes the connection as new"),
    ("role", "2.8.12", "", "The part this server plays: master without replicas"),
    ("save", "1.0.0", "", "Writes all keys into tables, and answers when that is done"),
    ("scan", "2.8.0", "cursor [MATCH pattern] [COUNT count] [TYPE type]", "Walks the keys page by page"),
    ("select", "1.0.0", "index", "Chooses the database"),
    ("set", "1.0.0", "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]", "Sets a value"),
    ("setex", "2.0.0", "key seconds value", "Sets a value that lives for some seconds"),
    ("setnx", "1.0.0", "key value", "Sets a value if the key is not there"),
    ("setrange", "2.2.0", "key offset value", "Writes over a part of a value"),
    ("shutdown", "1.0.0", "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]", "Answers what was asked before, writes, syncs and stops"),
    ("slowlog", "2.2.12", "", "Slow commands: none are kept"),
    ("strlen", "2.2.0", "key", "Bytes of a value"),
    ("substr", "1.0.0", "key start end", "A part of a value, by GETRANGE's old name"),
    ("swapdb", "4.0.0", "index1 index2", "Lets two databases change places"),
    ("time", "2.6.0", "", "The server's clock: seconds and microseconds"),
    ("touch", "3.2.1", "key...", "Counts which of the keys are there"),
    ("ttl", "1.0.0", "key", "Seconds that a key has left"),
    ("type", "1.0.0", "key", "Whether a key holds a string"),
    ("unlink", "4.0.0", "key...", "Deletes keys"),
    ("unwatch", "2.2.0", "", "Forgets the watched keys"),
    ("wait", "3.0.0", "numreplicas timeout", "Waits for replicas: there are none"),
    ("waitaof", "7.2.0", "numlocal numreplicas timeout", "Waits until earlier writes are on disk"),
    ("watch", "2.2.0", "key...", "Lets the transaction fail if a key is changed before it"),
];

/// Writes the entry of a command: its name, and a map.
pub(crate) fn entry(spec: &CommandSpec, reply: &mut Reply<'_>) {
    reply.bulk(spec.name.as_bytes());
    let Ok(at) = ROWS.binary_search_by(|row| row.0.cmp(spec.name)) else { return reply.map(0) };
    let (_, since, notation, summary) = ROWS[at];
    let arguments = parse(notation);
    reply.map(3 + usize::from(!arguments.is_empty()));
    pair("summary", summary, reply);
    pair("since", since, reply);
    pair("group", group(spec), reply);
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        write(&arguments, reply);
    }
}

fn group(spec: &CommandSpec) -> &'static str {
    let groups = [
        (flag::STRING, "string"),
        (flag::TRANSACTION, "transactions"),
        (flag::CONTAINER, "server"),
        (flag::CONNECTION, "connection"),
        (flag::KEYSPACE | flag::BLOCKING, "generic"),
    ];
    groups.iter().find(|(bits, _)| spec.has(*bits)).map_or("server", |(_, name)| name)
}

/// One argument, or several that stand together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Argument<'a> {
    name: &'a str,
    token: Option<&'a str>,
    optional: bool,
    multiple: bool,
    /// Whether the parts exclude each other.
    one_of: bool,
    parts: Vec<Argument<'a>>,
}

/// Reads the notation; brackets do not nest.
fn parse(mut rest: &str) -> Vec<Argument<'_>> {
    let mut out = Vec::new();
    loop {
        rest = rest.trim_start();
        let close = if rest.starts_with('[') { ']' } else { ')' };
        if !rest.starts_with(['[', '(']) {
            let end = rest.find(['[', '(']).unwrap_or(rest.len());
            out.extend(sequence(&rest[..end]));
            if end == rest.len() {
                return out;
            }
            rest = &rest[end..];
            continue;
        }
        let (inner, behind) = rest[1..].split_once(close).unwrap_or((&rest[1..], ""));
        let mut alternatives: Vec<Argument<'_>> =
            inner.split('|').map(|text| together(sequence(text))).collect();
        let mut argument = match alternatives.len() {
            1 => alternatives.remove(0),
            _ => Argument { name: "option", one_of: true, parts: alternatives, ..Argument::default() },
        };
        argument.optional = close == ']';
        rest = behind;
        if let Some(behind) = behind.strip_prefix("...") {
            argument.multiple = true;
            rest = behind;
        }
        out.push(argument);
    }
}

/// Words in a row: a token in capitals takes the next word as its argument.
fn sequence(text: &str) -> Vec<Argument<'_>> {
    let mut words = text.split_whitespace().peekable();
    let mut out = Vec::new();
    while let Some(word) = words.next() {
        let is_token = |word: &str| word.bytes().all(|b| b.is_ascii_uppercase());
        let token = is_token(word).then_some(word);
        let named = if token.is_some() { words.next_if(|next| !is_token(next)) } else { Some(word) };
        let name = named.unwrap_or("");
        let multiple = name.ends_with("...");
        out.push(Argument { name: name.trim_end_matches('.'), token, multiple, ..Argument::default() });
    }
    out
}

fn together(mut parts: Vec<Argument<'_>>) -> Argument<'_> {
    match parts.len() {
        1 => parts.remove(0),
        _ => Argument { name: "group", parts, ..Argument::default() },
    }
}

fn write(arguments: &[Argument<'_>], reply: &mut Reply<'_>) {
    reply.array(arguments.len());
    for argument in arguments {
        let flags = [(argument.optional, "optional"), (argument.multiple, "multiple")];
        let flags: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        let (has_token, has_parts) = (argument.token.is_some(), !argument.parts.is_empty());
        reply.map(2 + usize::from(has_token) + usize::from(!flags.is_empty()) + usize::from(has_parts));
        let token = argument.token.unwrap_or("");
        pair("name", if argument.name.is_empty() { token } else { argument.name }, reply);
        let kind = match argument.name {
            _ if argument.one_of => "oneof",
            _ if has_parts => "block",
            "" => "pure-token",
            "key" | "newkey" | "source" | "destination" => "key",
            "pattern" => "pattern",
            _ => "string",
        };
        pair("type", kind, reply);
        if has_token {
            pair("token", token, reply);
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            reply.set(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if has_parts {
            reply.bulk(b"arguments");
            write(&argument.parts, reply);
        }
    }
}

fn pair(name: &str, value: &str, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    /// The notation again, as redis-cli writes it.
    fn print(arguments: &[Argument<'_>], between: &str) -> String {
        let one = |a: &Argument<'_>| {
            let inner = print(&a.parts, if a.one_of { "|" } else { " " });
            let words = [a.token.unwrap_or(""), if a.parts.is_empty() { a.name } else { &inner }];
            let text = words.iter().filter(|w| !w.is_empty()).copied().collect::<Vec<_>>().join(" ");
            let text = if a.multiple { std::format!("{text} [{text} ...]") } else { text };
            if a.optional { std::format!("[{text}]") } else { text }
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(between)
    }

    #[test]
    fn every_command_is_described_and_the_notation_reads_back() {
        let names = crate::command::COMMANDS.iter().filter(|c| c.is_public()).map(|c| c.name);
        assert!(names.eq(ROWS.iter().map(|row| row.0)));
        for (name, _, notation, _) in ROWS {
            let printed = print(&parse(notation), " ");
            match *name {
                "mset" | "msetnx" => assert_eq!(printed, "key value [key value ...]"),
                "info" => assert_eq!(printed, "[section [section ...]]"),
                _ => assert_eq!(printed, notation.replace("key...", "key [key ...]")),
            }
        }
    }
}
