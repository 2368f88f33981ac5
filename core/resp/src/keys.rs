//! Commands on keys of any type, and on whole databases.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::command::{CommandSpec, Verb};
use crate::fault::{self, Fault};
use crate::glob::Pattern;
use crate::int::{parse_i64, put_u64};
use crate::keyspace::{Host, Keyspace};
use crate::limits::{DATABASES, RANDOM_OVERDUE_MAX};
use crate::options::{self, Clock};
use crate::reply::Reply;
use crate::request::Words;
use crate::scan::{self, Page};
use crate::value::NewValue;

/// Databases up to this size are walked by RANDOMKEY, so that each key is as likely as any other.
const RANDOM_WALK_MAX: u64 = 128;

/// Runs one of them in database `db`, for connection `owner`.
pub(crate) fn run(
    spec: &CommandSpec,
    words: &Words<'_>,
    (db, owner): (u8, u64),
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    match spec.verb {
        Verb::Del => {
            let mut removed = 0;
            for key in words.from(1).iter() {
                removed += i64::from(host.delete(db, key)?);
            }
            reply.int(removed);
        }
        Verb::Exists | Verb::Touch => {
            let mut found = 0;
            for key in words.from(1).iter() {
                found += i64::from(host.expiry(db, key)?.is_some());
            }
            reply.int(found);
        }
        Verb::Type => reply.simple(if host.expiry(db, &words[1])?.is_some() { "string" } else { "none" }),
        Verb::Expire => return expire(spec, Clock::Seconds, words, db, host, reply),
        Verb::PExpire => return expire(spec, Clock::Millis, words, db, host, reply),
        Verb::ExpireAt => return expire(spec, Clock::UnixSeconds, words, db, host, reply),
        Verb::PExpireAt => return expire(spec, Clock::UnixMillis, words, db, host, reply),
        Verb::Ttl | Verb::PTtl | Verb::ExpireTime | Verb::PExpireTime => {
            let present = host.expiry(db, &words[1])?;
            reply.int(remaining(spec.verb, present, host.now()));
        }
        Verb::Persist => {
            let had = host.expiry(db, &words[1])?.flatten().is_some();
            if had {
                host.set_expiry(db, &words[1], None)?;
            }
            reply.int(i64::from(had));
        }
        Verb::Rename | Verb::RenameNx => return rename(spec, words, db, host, reply),
        Verb::Copy | Verb::Move => return transfer(spec, words, db, host, reply),
        Verb::Keys => {
            let pattern = Pattern::bounded(&words[1])?;
            let mut page = Page::default();
            page.go_on(host, db, Some(&pattern), u64::MAX)?;
            reply.array(page.count);
            reply.raw(&page.bulks);
        }
        Verb::Scan => {
            let options = options::scan(words.from(1))?;
            let (cursor, page) = scan::scan(owner, host, db, &options)?;
            let mut text = Vec::new();
            put_u64(&mut text, cursor);
            reply.array(2);
            reply.bulk(&text);
            reply.array(page.count);
            reply.raw(&page.bulks);
        }
        Verb::RandomKey => return random_key(db, host, reply),
        Verb::SwapDb => {
            let (a, b) = swapped(words)?;
            host.swap(a, b)?;
            reply.simple("OK");
        }
        Verb::DbSize => reply.int(host.len(db)? as i64),
        _ => return flush(spec, words, db, host, reply),
    }
    Ok(())
}

fn remaining(verb: Verb, present: Option<Option<i64>>, now: i64) -> i64 {
    match (present, verb) {
        (None, _) => -2,
        (Some(None), _) => -1,
        (Some(Some(at)), Verb::Ttl) => ((at - now).max(0) + 500) / 1000,
        (Some(Some(at)), Verb::PTtl) => (at - now).max(0),
        (Some(Some(at)), Verb::ExpireTime) => at.saturating_add(500) / 1000,
        (Some(Some(at)), _) => at,
    }
}

fn expire(
    spec: &CommandSpec,
    clock: Clock,
    words: &Words<'_>,
    db: u8,
    host: &mut impl Host,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let condition = options::expire(words.from(3))?;
    let amount = parse_i64(&words[2]).ok_or(fault::NOT_INTEGER)?;
    let now = host.now();
    let at = clock.absolute(amount, now).ok_or_else(|| fault::invalid_expire(spec.name))?;
    let key = &words[1];
    let applies = host.expiry(db, key)?.is_some_and(|present| condition.holds(present, at));
    if applies && at <= now {
        host.delete(db, key)?;
    } else if applies {
        host.set_expiry(db, key, Some(at))?;
    }
    reply.int(i64::from(applies));
    Ok(())
}

fn rename(
    spec: &CommandSpec,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let (from, to) = (&words[1], &words[2]);
    let entry = keys.get(db, from)?.ok_or(fault::NO_SUCH_KEY)?;
    keys.lengths().key(to)?;
    let only_new = spec.verb == Verb::RenameNx;
    let done = from != to && !(only_new && keys.expiry(db, to)?.is_some());
    if done {
        keys.put(db, to, held(entry.value), entry.expires_at)?;
        keys.delete(db, from)?;
    }
    if only_new {
        reply.int(i64::from(done))
    } else {
        reply.simple("OK")
    }
    Ok(())
}

/// A value that moves to another key.
fn held<V: AsRef<[u8]> + Send + Sync + 'static>(value: V) -> NewValue<'static> {
    NewValue::Hold(Arc::new(value))
}

/// The database in `word`.
pub(crate) fn database(word: &[u8]) -> Result<u8, Fault> {
    let index = parse_i64(word).ok_or(fault::NOT_INTEGER)?;
    u8::try_from(index).ok().filter(|&db| db < DATABASES).ok_or(fault::DB_RANGE)
}

/// The databases of SWAPDB.
fn swapped(words: &Words<'_>) -> Result<(u8, u8), Fault> {
    let first = parse_i64(&words[1]).ok_or(Fault::Fixed("ERR invalid first DB index"))?;
    let second = parse_i64(&words[2]).ok_or(Fault::Fixed("ERR invalid second DB index"))?;
    let index = |n| u8::try_from(n).ok().filter(|&db| db < DATABASES).ok_or(fault::DB_RANGE);
    Ok((index(first)?, index(second)?))
}

/// MOVE key db, COPY from to [DB n] [REPLACE].
fn transfer(
    spec: &CommandSpec,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let moves = spec.verb == Verb::Move;
    let (from, mut to, mut to_db, mut replace) = (&words[1], &words[1], db, false);
    if moves {
        to_db = database(&words[2])?;
    } else {
        to = &words[2];
        let mut options = words.from(3).iter();
        while let Some(word) = options.next() {
            if word.eq_ignore_ascii_case(b"REPLACE") {
                replace = true;
            } else if word.eq_ignore_ascii_case(b"DB") {
                to_db = database(options.next().ok_or(fault::SYNTAX)?)?;
            } else {
                return Err(fault::SYNTAX);
            }
        }
    }
    if from == to && db == to_db {
        return Err(fault::SAME_OBJECT);
    }
    keys.lengths().key(to)?;
    let entry = keys.get(db, from)?;
    let free = replace || keys.expiry(to_db, to)?.is_none();
    let done = match entry {
        Some(entry) if free => {
            keys.put(to_db, to, held(entry.value), entry.expires_at)?;
            if moves {
                keys.delete(db, from)?;
            }
            true
        }
        _ => false,
    };
    reply.int(i64::from(done));
    Ok(())
}

fn random_key(db: u8, host: &mut impl Host, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let count = host.len(db)?;
    let chosen = if count <= RANDOM_WALK_MAX {
        let skip = if count > 0 { host.random() % count } else { 0 };
        walk_to(db, &[], skip, host)?
    } else {
        descend(db, host)?
    };
    reply.bulk_or_null(chosen.as_deref());
    Ok(())
}

/// The key `skip` places behind the first one from `from` on; the last one if there are fewer. Keys whose time is over do not count, unless there
/// are very many in a row.
fn walk_to(db: u8, from: &[u8], mut skip: u64, host: &mut impl Host) -> Result<Option<Vec<u8>>, Fault> {
    let (mut found, mut overdue) = (None, 0);
    host.walk(db, from, false, &mut |key, live| {
        overdue = if live { 0 } else { overdue + 1 };
        if !live && overdue <= RANDOM_OVERDUE_MAX {
            return true;
        }
        found = Some(key.to_vec());
        let more = skip > 0;
        skip = skip.saturating_sub(1);
        more
    })?;
    Ok(found)
}

/// A key by a walk down the tree of prefixes: where the keys under a prefix part, one byte between the smallest and the largest
/// that follow is drawn. Every key can come out; one in a thin part of the tree comes out more often. Costs two seeks per parting.
fn descend(db: u8, host: &mut impl Host) -> Result<Option<Vec<u8>>, Fault> {
    let (mut from, mut before) = (Vec::new(), None);
    loop {
        let Some(first) = walk_to(db, &from, 0, host)? else { return Ok(None) };
        let last = host.last(db, &from, before.as_deref())?.unwrap_or_default();
        if first >= last {
            return Ok(Some(first));
        }
        let common = first.iter().zip(&last).take_while(|(a, b)| a == b).count();
        // A key that ends here stands before all bytes.
        let low = first.get(common).map_or(-1, |&b| i64::from(b));
        let high = i64::from(last[common]);
        let drawn = low + (host.random() % (high - low + 1) as u64) as i64;
        let Ok(byte) = u8::try_from(drawn) else { return Ok(Some(first)) };
        let mut prefix = first[..common].to_vec();
        prefix.push(byte);
        // No key may go on with the byte drawn: then with the next one that some key goes on with.
        let next = walk_to(db, &prefix, 0, host)?.unwrap_or_else(|| last.clone());
        prefix[common] = next.get(common).copied().unwrap_or(byte);
        before = successor(&prefix);
        from = prefix;
    }
}

/// The first key behind all keys that begin with `prefix`; `None`: there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|&b| b < u8::MAX)?;
    let mut next = prefix[..=end].to_vec();
    next[end] += 1;
    Some(next)
}

fn flush(
    spec: &CommandSpec,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let known = |word: &[u8]| word.eq_ignore_ascii_case(b"ASYNC") || word.eq_ignore_ascii_case(b"SYNC");
    if words.len() > 2 || words.get(1).is_some_and(|word| !known(word)) {
        return Err(fault::SYNTAX);
    }
    let databases = if spec.verb == Verb::FlushAll { 0..DATABASES } else { db..db + 1 };
    for db in databases {
        keys.flush(db)?;
    }
    reply.simple("OK");
    Ok(())
}
