//! What `CLIENT HELP`, `CONFIG HELP` and the like answer: forms and meanings of the subcommands that this server has.

use crate::command::Verb;
use crate::reply::Reply;

/// A form, and what it does.
type Line = (&'static str, &'static str);

fn lines(verb: Verb) -> (&'static str, &'static [Line]) {
    match verb {
        Verb::Acl => ("ACL", &[("WHOAMI", "The user of this connection: there is only `default`.")]),
        Verb::Client => ("CLIENT", CLIENT),
        Verb::Command => ("COMMAND", COMMAND),
        Verb::Config => ("CONFIG", CONFIG),
        Verb::Function => ("FUNCTION", &[("FLUSH [ASYNC|SYNC]", "Accepted: this server runs no functions.")]),
        Verb::Latency => (
            "LATENCY",
            &[
                ("LATEST", "An empty list: latencies are histograms under /metrics of the HTTP port."),
                ("RESET [event ...]", "Accepted; answers how many events were reset, 0."),
            ],
        ),
        Verb::Memory => (
            "MEMORY",
            &[("USAGE key [SAMPLES count]", "Bytes of the key and its value; null without the key.")],
        ),
        Verb::Object => (
            "OBJECT",
            &[
                ("ENCODING key", "int, embstr or raw, told from the value."),
                ("FREQ key", "An error: keys are never evicted, so no frequency is kept."),
                ("IDLETIME key", "0: no access times are kept."),
                ("REFCOUNT key", "1."),
            ],
        ),
        _ => (
            "SLOWLOG",
            &[
                ("GET [count]", "An empty list: durations are histograms under /metrics of the HTTP port."),
                ("LEN", "0."),
                ("RESET", "Accepted."),
            ],
        ),
    }
}

#[rustfmt::skip]
const CLIENT: &[Line] = &[
    ("GETNAME", "The name of this connection."),
    ("GETREDIR", "-1: invalidations are not sent anywhere."),
    ("ID", "The number of this connection; numbers rise and are never used twice."),
    ("INFO", "This connection's row of LIST."),
    ("KILL addr:port", "Closes the connection from that address."),
    ("KILL [ID id] [ADDR addr:port] [LADDR addr:port] [TYPE normal] [USER name] [SKIPME yes|no]",
     "Closes the connections that all of this fits; answers how many. Not this one, unless SKIPME is no."),
    ("LIST [TYPE normal|ID id ...]", "A row for each connection."),
    ("NO-EVICT on|off, NO-TOUCH on|off", "Accepted: connections and keys are never evicted."),
    ("PAUSE milliseconds [WRITE|ALL]", "Holds commands back for that long: those that change keys, or all."),
    ("REPLY ON|OFF|SKIP", "Whether this connection gets replies; SKIP hides the next one."),
    ("SETINFO LIB-NAME|LIB-VER value", "Notes which library is used, for LIST."),
    ("SETNAME name", "Names this connection; no blanks."),
    ("TRACKING off", "Accepted; client-side caching is not supported, so `on` is refused."),
    ("TRACKINGINFO", "The state of tracking: off."),
    ("UNBLOCK id", "0: no command waits for other clients."),
    ("UNPAUSE", "Ends the pause."),
];

#[rustfmt::skip]
const COMMAND: &[Line] = &[
    ("(no subcommand)", "Arity, flags, key positions and categories of every command."),
    ("COUNT", "How many commands there are."),
    ("DOCS [name ...]", "Summary, first version, group and arguments."),
    ("GETKEYS command [arg ...]", "The keys among the words of a request."),
    ("INFO [name ...]", "What COMMAND answers, of these alone."),
    ("LIST [FILTERBY MODULE name|ACLCAT category|PATTERN pattern]", "Names."),
];

#[rustfmt::skip]
const CONFIG: &[Line] = &[
    ("GET pattern ...", "Settings whose names match."),
    ("RESETSTAT", "Sets the counters of INFO to 0."),
    ("SET name value ...", "Changes maxclients, maxmemory or timeout until the next start, all that are named or none."),
];

/// Writes the lines of a container.
pub(crate) fn write(verb: Verb, reply: &mut Reply<'_>) {
    let (name, lines) = lines(verb);
    reply.array(1 + 2 * (lines.len() + 1));
    reply.simple(&alloc::format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (form, meaning) in lines {
        reply.simple(form);
        reply.simple(&alloc::format!("    {meaning}"));
    }
    reply.simple("HELP");
    reply.simple("    This text.");
}
