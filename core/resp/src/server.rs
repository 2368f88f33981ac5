//! Commands about the server: INFO, CONFIG, COMMAND, TIME, WAIT, WAITAOF and the small ones that tools ask for.

use alloc::string::String;
use alloc::vec::Vec;

use crate::command::{self, COMMANDS, Checked, CommandSpec, Verb, flag};
use crate::docs;
use crate::fault::{self, Fault};
use crate::glob::Pattern;
use crate::help;
use crate::int::{parse_i64, put_u64};
use crate::keyspace::Host;
use crate::limits;
use crate::reply::Reply;
use crate::request::{Request, Words};
use crate::session::{After, Session};

/// Runs one of them.
pub(crate) fn run(
    session: &mut Session,
    checked: Checked,
    words: &Words<'_>,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    match (checked.spec.verb, checked.sub) {
        (Verb::Info, _) => {
            let lower = |w: &[u8]| String::from_utf8_lossy(w).to_ascii_lowercase();
            let sections: Vec<String> = words.from(1).iter().map(lower).collect();
            reply.verbatim(&host.info(&sections));
        }
        (Verb::Time, _) => {
            let now = host.clock_us();
            reply.array(2);
            for part in [now / 1_000_000, now % 1_000_000] {
                let mut text = Vec::new();
                put_u64(&mut text, part);
                reply.bulk(&text);
            }
        }
        (verb, "help") => help::write(verb, reply),
        (Verb::Acl, _) => reply.bulk(b"default"),
        (Verb::Role, _) => {
            reply.array(3);
            reply.bulk(b"master");
            reply.int(0);
            reply.array(0);
        }
        (Verb::LastSave, _) => reply.int(host.last_save() as i64),
        (Verb::Config, sub) => return config(sub, words, host, reply),
        (Verb::Command, sub) => return describe(sub, words, reply),
        (Verb::Object, sub) => return object(sub, words, session.db, host, reply),
        (Verb::Memory, _) => match host.get(session.db, &words[2])? {
            Some(entry) => reply.count(words[2].len() + entry.value.as_ref().len()),
            None => reply.null(),
        },
        (Verb::SlowLog | Verb::Latency, "get" | "latest") => reply.array(0),
        (Verb::SlowLog, "len") => reply.int(0),
        (Verb::Latency, _) => reply.int(0),
        // FUNCTION FLUSH, SLOWLOG RESET: there are none.
        _ => reply.simple("OK"),
    }
    Ok(())
}

fn object(
    sub: &str,
    words: &Words<'_>,
    db: u8,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let Some(entry) = host.get(db, &words[2])? else {
        reply.null();
        return Ok(());
    };
    match sub {
        "encoding" if parse_i64(entry.value.as_ref()).is_some() => reply.bulk(b"int"),
        "encoding" if entry.value.as_ref().len() <= 44 => reply.bulk(b"embstr"),
        "encoding" => reply.bulk(b"raw"),
        "refcount" => reply.int(1),
        "idletime" => reply.int(0),
        _ => {
            return Err(Fault::Fixed(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
    }
    Ok(())
}

fn config(sub: &str, words: &Words<'_>, host: &mut impl Host, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match sub {
        "get" => {
            let patterns: Vec<&[u8]> = words.from(2).iter().collect();
            let short = patterns.iter().filter(|p| p.len() <= limits::PATTERN_LEN_MAX);
            let read: Vec<Pattern> = short.map(|p| Pattern::ignoring_case(p)).collect();
            // An exact name comes back as it was spelled.
            let shown = |name: &str| -> Option<Vec<u8>> {
                let exact = patterns.iter().find(|p| p.eq_ignore_ascii_case(name.as_bytes()));
                let hit = || read.iter().any(|p| p.matches(name.as_bytes()));
                exact.map(|p| p.to_vec()).or_else(|| hit().then(|| name.as_bytes().to_vec()))
            };
            let settings = host.config();
            let found: Vec<_> = settings.iter().filter_map(|(n, v)| Some((shown(n)?, v))).collect();
            reply.map(found.len());
            for (name, value) in found {
                reply.bulk(&name);
                reply.bulk(value.as_bytes());
            }
        }
        "set" => {
            config_set(words, host)?;
            reply.simple("OK");
        }
        _ => {
            host.reset_stats();
            reply.simple("OK");
        }
    }
    Ok(())
}

/// Settings that CONFIG SET changes, until the next start.
pub const SETTABLE: &[&str] = &["maxclients", "maxmemory", "timeout"];

/// Changes all the settings named, or none. One that is fixed at start may be "set" to what it is.
fn config_set(words: &Words<'_>, host: &mut impl Host) -> Result<(), Fault> {
    let present = host.config();
    let mut changes = Vec::new();
    for at in (2..words.len()).step_by(2) {
        let name = &words[at];
        let known = present.iter().find(|(n, _)| name.eq_ignore_ascii_case(n.as_bytes()));
        let (Some((known, now)), Some(value)) = (known, words.get(at + 1)) else {
            let shown = fault::quote(name, 128);
            let text = alloc::format!("ERR Unknown option or number of arguments for CONFIG SET - '{shown}'");
            return Err(Fault::Text(text));
        };
        let refuse = |reason: &str| {
            let text =
                alloc::format!("ERR CONFIG SET failed (possibly related to argument '{known}') - {reason}");
            Fault::Text(text)
        };
        match SETTABLE.iter().find(|name| *name == known) {
            Some(&"maxmemory") => {
                let bytes = parse_memory(value).ok_or_else(|| refuse("argument must be a memory value"))?;
                changes.push(("maxmemory", bytes));
            }
            Some(name) => {
                let number = parse_i64(value);
                let number = number.ok_or_else(|| refuse("argument couldn't be parsed into an integer"))?;
                let least = i64::from(*name == "maxclients");
                let fits = u32::try_from(number).ok().filter(|_| number >= least);
                changes.push((
                    *name,
                    u64::from(
                        fits.ok_or_else(|| refuse("argument must be between 0 and 4294967295 inclusive"))?,
                    ),
                ));
            }
            None if value.eq_ignore_ascii_case(now.as_bytes()) => {}
            None => return Err(refuse("can't set immutable config")),
        }
    }
    changes.into_iter().for_each(|(name, value)| host.configure(name, value));
    Ok(())
}

/// Bytes, with a unit of Redis behind them: `k` and `kb` are 1,000 and 1,024, and so on.
fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    u64::try_from(parse_i64(number)?).ok()?.checked_mul(factor)
}

fn public() -> impl Iterator<Item = &'static CommandSpec> {
    COMMANDS.iter().filter(|c| c.is_public())
}

fn describe(sub: &str, words: &Words<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match sub {
        "count" => reply.count(public().count()),
        "docs" => describe_docs(words, reply),
        "info" if words.len() > 2 => {
            reply.array(words.len() - 2);
            for name in words.from(2).iter() {
                entry_by_name(name, reply);
            }
        }
        "list" => return list(words, reply),
        "getkeys" => return get_keys(words, reply),
        _ => {
            reply.array(public().count());
            public().for_each(|spec| entry(spec, reply));
        }
    }
    Ok(())
}

/// COMMAND DOCS of all, or of those named; unknown names are left out.
fn describe_docs(words: &Words<'_>, reply: &mut Reply<'_>) {
    let named = words.from(2);
    let wanted: Vec<_> = match named.len() {
        0 => public().collect(),
        _ => named.iter().filter_map(command::find).filter(|spec| spec.is_public()).collect(),
    };
    reply.map(wanted.len());
    wanted.iter().for_each(|spec| docs::entry(spec, reply));
}

fn entry_by_name(name: &[u8], reply: &mut Reply<'_>) {
    let mut parts = name.splitn(2, |&b| b == b'|');
    let spec = parts.next().and_then(command::find).filter(|spec| spec.is_public());
    match (spec, parts.next()) {
        (Some(spec), None) => entry(spec, reply),
        (Some(spec), Some(sub)) => {
            match spec.subcommands().find(|(n, _)| sub.eq_ignore_ascii_case(n.as_bytes())) {
                Some((sub, arity)) => sub_entry(spec, sub, arity, reply),
                None => reply.null(),
            }
        }
        (None, _) => reply.null(),
    }
}

/// One entry of ten: name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
fn entry(spec: &CommandSpec, reply: &mut Reply<'_>) {
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.int(i64::from(spec.arity));
    properties(spec, reply);
    if spec.keys.0 == 0 {
        reply.set(0)
    } else {
        key_specification(spec, reply)
    }
    let subcommands: Vec<_> = spec.subcommands().collect();
    reply.set(subcommands.len());
    for (sub, arity) in subcommands {
        sub_entry(spec, sub, arity, reply);
    }
}

fn sub_entry(spec: &CommandSpec, sub: &str, arity: i16, reply: &mut Reply<'_>) {
    reply.array(10);
    reply.bulk(alloc::format!("{}|{sub}", spec.name).as_bytes());
    reply.int(i64::from(arity));
    properties(spec, reply);
    reply.set(0);
    reply.set(0);
}

fn properties(spec: &CommandSpec, reply: &mut Reply<'_>) {
    let flags = spec.flag_names();
    reply.set(flags.len());
    flags.iter().for_each(|f| reply.simple(f));
    for position in [spec.keys.0, spec.keys.1, spec.keys.2] {
        reply.int(i64::from(position));
    }
    let categories = spec.categories();
    reply.set(categories.len());
    categories.iter().for_each(|c| reply.simple(c));
    reply.set(0);
}

/// `begin_search` at the first key, `find_keys` by range. The last key counts from the first here.
fn key_specification(spec: &CommandSpec, reply: &mut Reply<'_>) {
    let (first, last, step) = spec.keys;
    reply.set(1);
    reply.map(3);
    reply.bulk(b"flags");
    let names: &[&str] = if spec.has(flag::WRITE) { &["RW", "update"] } else { &["RO", "access"] };
    reply.set(names.len());
    names.iter().for_each(|n| reply.simple(n));
    reply.bulk(b"begin_search");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"index");
    reply.bulk(b"spec");
    reply.map(1);
    reply.bulk(b"index");
    reply.int(i64::from(first));
    reply.bulk(b"find_keys");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"range");
    reply.bulk(b"spec");
    reply.map(3);
    reply.bulk(b"lastkey");
    reply.int(i64::from(if last < 0 { last } else { last - first }));
    reply.bulk(b"keystep");
    reply.int(i64::from(step));
    reply.bulk(b"limit");
    reply.int(0);
}

/// COMMAND LIST [FILTERBY MODULE m | ACLCAT c | PATTERN p].
fn list(words: &Words<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let is = |i: usize, name: &str| words.get(i).is_some_and(|w| w.eq_ignore_ascii_case(name.as_bytes()));
    let wanted: Vec<_> = match words.len() {
        2 => public().collect(),
        5 if is(2, "FILTERBY") && is(3, "MODULE") => Vec::new(),
        5 if is(2, "FILTERBY") && is(3, "ACLCAT") => public()
            .filter(|c| c.categories().iter().any(|n| words[4].eq_ignore_ascii_case(&n.as_bytes()[1..])))
            .collect(),
        5 if is(2, "FILTERBY") && is(3, "PATTERN") => {
            Pattern::bounded(&words[4])?;
            let pattern = Pattern::ignoring_case(&words[4]);
            public().filter(|c| pattern.matches(c.name.as_bytes())).collect()
        }
        _ => return Err(fault::SYNTAX),
    };
    reply.array(wanted.len());
    wanted.iter().for_each(|c| reply.bulk(c.name.as_bytes()));
    Ok(())
}

fn get_keys(words: &Words<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let inner = Request::of(&words.from(2));
    let spec = command::find(&words[2]).ok_or(Fault::Fixed("ERR Invalid command specified"))?;
    if command::check(&inner.words()).is_err() {
        return Err(Fault::Fixed("ERR Invalid number of arguments specified for command"));
    }
    let keys = spec.keys_of(&inner.words());
    if keys.is_empty() {
        return Err(Fault::Fixed("ERR The command has no key arguments"));
    }
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

/// What BGSAVE asks for.
pub(crate) fn bgsave(words: &Words<'_>) -> Result<After, Fault> {
    match words.get(1) {
        None => Ok(After::Save { background: true }),
        Some(word) if words.len() == 2 && word.eq_ignore_ascii_case(b"SCHEDULE") => {
            Ok(After::Save { background: true })
        }
        Some(_) => Err(fault::SYNTAX),
    }
}

/// What SHUTDOWN asks for: everything that was acknowledged is on disk or will be when the server has stopped, whatever the words.
pub(crate) fn shutdown(words: &Words<'_>, host: &impl Host) -> Result<After, Fault> {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let options = words.from(1);
    let known = |word: &[u8]| ["NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"].iter().any(|name| is(word, name));
    let has = |name: &str| options.iter().any(|word| is(word, name));
    if !options.iter().all(known) || has("SAVE") && has("NOSAVE") || has("ABORT") && options.len() > 1 {
        return Err(fault::SYNTAX);
    }
    if has("ABORT") {
        return Err(fault::NO_SHUTDOWN_IN_PROGRESS);
    }
    if host.can_shut_down() { Ok(After::Shutdown) } else { Err(fault::NO_SHUTDOWN) }
}

/// What WAIT and WAITAOF ask for.
pub(crate) fn wait(verb: Verb, words: &Words<'_>) -> Result<After, Fault> {
    let local = verb == Verb::WaitAof;
    let replicas_at = if local { 2 } else { 1 };
    if local {
        let wanted = parse_i64(&words[1]).ok_or(fault::NOT_INTEGER)?;
        if !(0..=1).contains(&wanted) {
            return Err(Fault::Fixed("ERR value is out of range, value must between 0 and 1"));
        }
    }
    let out_of_range = Fault::Fixed("ERR value is out of range, must be positive");
    let replicas = match parse_i64(&words[replicas_at]) {
        Some(n) => n,
        None if local => return Err(out_of_range),
        None => return Err(fault::NOT_INTEGER),
    };
    if local && replicas < 0 {
        return Err(out_of_range);
    }
    let timeout = parse_i64(&words[replicas_at + 1]).ok_or(fault::TIMEOUT_NOT_INTEGER)?;
    let timeout_ms = u64::try_from(timeout).map_err(|_| fault::TIMEOUT_NEGATIVE)?;
    Ok(After::WaitSync { replicas: replicas > 0, timeout_ms, local })
}
