//! Commands about the connection: PING, ECHO, SELECT, AUTH, HELLO, CLIENT.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::client::Row;
use crate::command::{Checked, Verb};
use crate::fault::{self, Fault};
use crate::help;
use crate::int::parse_i64;
use crate::keys;
use crate::keyspace::{Host, KillFilter, Pause};
use crate::limits::CLIENT_NAME_LEN_MAX;
use crate::reply::{Proto, Reply};
use crate::request::Words;
use crate::session::{ReplyMode, Session};

/// The version that clients are told: they switch features on it.
pub const REDIS_VERSION: &str = "7.2.0";

/// Runs one of them.
pub(crate) fn run(
    session: &mut Session,
    checked: Checked,
    words: &Words<'_>,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    match checked.spec.verb {
        Verb::Ping => match words.len() {
            1 => reply.simple("PONG"),
            2 => reply.bulk(&words[1]),
            _ => return Err(fault::arity("ping")),
        },
        Verb::Echo => reply.bulk(&words[1]),
        Verb::Select => {
            session.db = keys::database(&words[1])?;
            reply.simple("OK");
        }
        Verb::Auth => {
            auth(session, words, host)?;
            reply.simple("OK");
        }
        Verb::Hello => return hello(session, words, host, reply),
        _ => return client(session, checked.sub, words, host, reply),
    }
    Ok(())
}

fn auth(session: &mut Session, words: &Words<'_>, host: &impl Host) -> Result<(), Fault> {
    let (user, password) = match words.len() {
        2 if !host.has_password() => return Err(fault::NO_PASSWORD),
        2 => (&b"default"[..], &words[1]),
        3 => (&words[1], &words[2]),
        _ => return Err(fault::SYNTAX),
    };
    login(session, user, password, host)
}

fn login(session: &mut Session, user: &[u8], password: &[u8], host: &impl Host) -> Result<(), Fault> {
    if user != b"default" || (host.has_password() && !host.check_password(password)) {
        return Err(fault::WRONG_PASS);
    }
    session.authenticated = true;
    Ok(())
}

/// The name, if it is not too long, all its bytes are printable and none is a blank; `or` says what is wrong otherwise.
fn clean_name(name: &[u8], or: impl FnOnce() -> Fault) -> Result<String, Fault> {
    if name.len() > CLIENT_NAME_LEN_MAX {
        return Err(fault::too_long("name", CLIENT_NAME_LEN_MAX));
    }
    let clean = name.iter().all(|b| (b'!'..=b'~').contains(b));
    if clean { Ok(name.iter().map(|&b| char::from(b)).collect()) } else { Err(or()) }
}

fn hello(
    session: &mut Session,
    words: &Words<'_>,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let mut proto = session.proto;
    if let Some(version) = words.get(1) {
        proto = match parse_i64(version).ok_or(fault::PROTO_NOT_INTEGER)? {
            2 => Proto::Resp2,
            3 => Proto::Resp3,
            _ => return Err(fault::NO_PROTO),
        };
    }
    let (mut name, mut user) = (None, None);
    let mut options = words.from(2).iter();
    while let Some(word) = options.next() {
        let bad = || {
            let shown = fault::quote(word, 1024);
            Fault::Text(alloc::format!("ERR Syntax error in HELLO option '{shown}'"))
        };
        if word.eq_ignore_ascii_case(b"AUTH") {
            let found = options.next().ok_or_else(bad)?;
            user = Some((found, options.next().ok_or_else(bad)?));
        } else if word.eq_ignore_ascii_case(b"SETNAME") {
            name = Some(clean_name(options.next().ok_or_else(bad)?, || fault::CLIENT_NAME)?);
        } else {
            return Err(bad());
        }
    }
    if let Some((user, password)) = user {
        login(session, user, password, host)?;
    }
    if !session.authenticated {
        return Err(fault::NO_AUTH_HELLO);
    }
    session.name = name.unwrap_or_else(|| core::mem::take(&mut session.name));
    session.proto = proto;
    reply.proto = proto;
    introduce(session, reply);
    Ok(())
}

fn introduce(session: &Session, reply: &mut Reply<'_>) {
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(if session.proto == Proto::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(session.id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

fn client(
    session: &mut Session,
    sub: &'static str,
    words: &Words<'_>,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    match sub {
        "id" => reply.int(session.id as i64),
        "getname" => {
            let name = Some(session.name.as_bytes()).filter(|n| !n.is_empty());
            reply.bulk_or_null(name);
        }
        "setname" => {
            session.name = clean_name(&words[2], || fault::CLIENT_NAME)?;
            reply.simple("OK");
        }
        "setinfo" => {
            set_info(session, &words[2], &words[3])?;
            reply.simple("OK");
        }
        "info" => {
            let rows = host.clients(session);
            let line = rows.iter().find(|r| r.id == session.id).map_or_else(String::new, line);
            reply.verbatim(&line);
        }
        "list" => return list(session, words, host, reply),
        "kill" => return kill(session, words, host, reply),
        "no-evict" | "no-touch" => {
            on_off(&words[2])?;
            reply.simple("OK");
        }
        "reply" => return reply_mode(session, &words[2], reply),
        "tracking" if on_off(&words[2])? => {
            return Err(Fault::Fixed("ERR client tracking is not supported by this server"));
        }
        "unpause" => {
            host.unpause();
            reply.simple("OK");
        }
        "tracking" => reply.simple("OK"),
        "trackinginfo" => tracking_info(reply),
        "getredir" => reply.int(-1),
        "caching" => {
            return Err(Fault::Fixed(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
            ));
        }
        "pause" => {
            pause(words, host)?;
            reply.simple("OK");
        }
        // No command of ours blocks in a way that another client may end.
        "unblock" => {
            parse_i64(&words[2]).ok_or(fault::NOT_INTEGER)?;
            reply.int(0);
        }
        _ => help::write(Verb::Client, reply),
    }
    Ok(())
}

fn pause(words: &Words<'_>, host: &mut impl Host) -> Result<(), Fault> {
    let what = match words.get(3) {
        None => Pause::All,
        Some(word) if word.eq_ignore_ascii_case(b"ALL") => Pause::All,
        Some(word) if word.eq_ignore_ascii_case(b"WRITE") => Pause::Write,
        Some(_) => return Err(fault::PAUSE_MODE),
    };
    if words.len() > 4 {
        return Err(fault::SYNTAX);
    }
    let timeout = parse_i64(&words[2]).ok_or(fault::TIMEOUT_NOT_INTEGER)?;
    let timeout = u32::try_from(timeout.min(i64::from(u32::MAX))).map_err(|_| fault::TIMEOUT_NEGATIVE)?;
    host.pause(timeout.into(), what);
    Ok(())
}

fn line(row: &Row) -> String {
    alloc::format!("{row}\n")
}

fn on_off(word: &[u8]) -> Result<bool, Fault> {
    if word.eq_ignore_ascii_case(b"on") {
        return Ok(true);
    }
    if word.eq_ignore_ascii_case(b"off") { Ok(false) } else { Err(fault::SYNTAX) }
}

fn set_info(session: &mut Session, option: &[u8], value: &[u8]) -> Result<(), Fault> {
    let (place, shown) = match option {
        o if o.eq_ignore_ascii_case(b"LIB-NAME") => (&mut session.lib_name, "LIB-NAME"),
        o if o.eq_ignore_ascii_case(b"LIB-VER") => (&mut session.lib_ver, "LIB-VER"),
        other => {
            let shown = fault::quote(other, 128);
            return Err(Fault::Text(alloc::format!("ERR Unrecognized option '{shown}'")));
        }
    };
    *place = clean_name(value, || {
        Fault::Text(alloc::format!("ERR {shown} cannot contain spaces, newlines or special characters."))
    })?;
    Ok(())
}

fn reply_mode(session: &mut Session, word: &[u8], reply: &mut Reply<'_>) -> Result<(), Fault> {
    if word.eq_ignore_ascii_case(b"ON") {
        session.reply_mode = ReplyMode::On;
        reply.simple("OK");
    } else if word.eq_ignore_ascii_case(b"OFF") {
        session.reply_mode = ReplyMode::Off;
    } else if word.eq_ignore_ascii_case(b"SKIP") {
        session.skip_next = session.reply_mode == ReplyMode::On;
    } else {
        return Err(fault::SYNTAX);
    }
    Ok(())
}

fn tracking_info(reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.int(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
}

/// Whether `word` names the kind of client that exists; other known kinds have no members.
fn is_normal(word: &[u8]) -> Result<bool, Fault> {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if ["master", "slave", "replica", "pubsub"].into_iter().any(is) {
        return Ok(false);
    }
    if is("normal") {
        return Ok(true);
    }
    let shown = fault::quote(word, 128);
    Err(Fault::Text(alloc::format!("ERR Unknown client type '{shown}'")))
}

fn list(
    session: &Session,
    words: &Words<'_>,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let option = |name: &str| words.get(2).is_some_and(|w| w.eq_ignore_ascii_case(name.as_bytes()));
    let mut ids: Option<Vec<u64>> = None;
    if words.len() == 4 && option("TYPE") {
        if !is_normal(&words[3])? {
            ids = Some(Vec::new());
        }
    } else if words.len() > 3 && option("ID") {
        let id = |w: &[u8]| parse_i64(w).and_then(|id| u64::try_from(id).ok());
        let bad = Fault::Fixed("ERR Invalid client ID");
        ids = Some(words.from(3).iter().map(id).collect::<Option<_>>().ok_or(bad)?);
    } else if words.len() > 2 {
        return Err(fault::SYNTAX);
    }
    let rows = host.clients(session);
    let wanted = rows.iter().filter(|r| ids.as_ref().is_none_or(|ids| ids.contains(&r.id)));
    reply.verbatim(&wanted.map(line).collect::<String>());
    Ok(())
}

fn kill(
    session: &Session,
    words: &Words<'_>,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let text = |w: &[u8]| String::from_utf8_lossy(w).to_string();
    if words.len() == 3 {
        let filter = KillFilter { addr: Some(text(&words[2])), ..KillFilter::default() };
        if host.kill(&filter) == 0 {
            return Err(Fault::Fixed("ERR No such client"));
        }
        reply.simple("OK");
        return Ok(());
    }
    let mut filter = KillFilter { except: Some(session.id), ..KillFilter::default() };
    let mut options = words.from(2).iter();
    while let Some(word) = options.next() {
        let value = options.next().ok_or(fault::SYNTAX)?;
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("ID") {
            let id = parse_i64(value).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
            filter.id = Some(id.ok_or(Fault::Fixed("ERR client-id should be greater than 0"))?);
        } else if is("TYPE") {
            filter.normal = Some(is_normal(value)?);
        } else if is("ADDR") {
            filter.addr = Some(text(value));
        } else if is("LADDR") {
            filter.local_addr = Some(text(value));
        } else if is("USER") {
            filter.user = Some(text(value));
        } else if is("SKIPME") {
            let yes = value.eq_ignore_ascii_case(b"yes");
            if !yes && !value.eq_ignore_ascii_case(b"no") {
                return Err(fault::SYNTAX);
            }
            filter.except = yes.then_some(session.id);
        } else {
            return Err(fault::SYNTAX);
        }
    }
    reply.count(host.kill(&filter));
    Ok(())
}
