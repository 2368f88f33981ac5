//! Commands on strings.

use alloc::vec::Vec;

use crate::command::{CommandSpec, Verb};
use crate::fault::{self, Fault};
use crate::float80::Float80;
use crate::int::{parse_i64, put_i64};
use crate::keyspace::Keyspace;
use crate::limits::BULK_LEN_MAX;
use crate::options::{self, Clock, Expiry};
use crate::reply::Reply;
use crate::request::Words;
use crate::value::NewValue;

/// Runs one of them in database `db`.
pub(crate) fn run(
    spec: &CommandSpec,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let key = &words[1];
    match spec.verb {
        Verb::Get => reply.value_or_null(keys.get(db, key)?.map(|e| e.value)),
        Verb::Set => return set(words, db, keys, reply),
        Verb::SetNx => {
            keys.lengths().pair(key, words[2].len())?;
            let missing = keys.expiry(db, key)?.is_none();
            if missing {
                keys.put(db, key, words.value(2), None)?;
            }
            reply.int(i64::from(missing));
        }
        Verb::SetEx => return setex(spec, Clock::Seconds, words, db, keys, reply),
        Verb::PSetEx => return setex(spec, Clock::Millis, words, db, keys, reply),
        Verb::GetSet => {
            keys.lengths().pair(key, words[2].len())?;
            let old = keys.get(db, key)?;
            keys.put(db, key, words.value(2), None)?;
            reply.value_or_null(old.map(|e| e.value));
        }
        Verb::GetDel => {
            let old = keys.get(db, key)?;
            if old.is_some() {
                keys.delete(db, key)?;
            }
            reply.value_or_null(old.map(|e| e.value));
        }
        Verb::GetEx => return getex(words, db, keys, reply),
        Verb::MGet => {
            reply.array(words.len() - 1);
            for key in words.from(1).iter() {
                reply.value_or_null(keys.get(db, key)?.map(|e| e.value));
            }
        }
        Verb::MSet | Verb::MSetNx => return mset(spec, words, db, keys, reply),
        Verb::Append => return append(words, db, keys, reply),
        Verb::StrLen => reply.count(keys.get(db, key)?.map_or(0, |e| e.value.as_ref().len())),
        Verb::GetRange => return getrange(words, db, keys, reply),
        Verb::SetRange => return setrange(words, db, keys, reply),
        Verb::Incr => return add(1, words, db, keys, reply),
        Verb::Decr => return add(-1, words, db, keys, reply),
        Verb::IncrBy => return add(integer(&words[2])?, words, db, keys, reply),
        Verb::DecrBy => {
            let amount = integer(&words[2])?.checked_neg().ok_or(fault::DECREMENT_OVERFLOW)?;
            return add(amount, words, db, keys, reply);
        }
        _ => return add_float(words, db, keys, reply),
    }
    Ok(())
}

fn integer(text: &[u8]) -> Result<i64, Fault> {
    parse_i64(text).ok_or(fault::NOT_INTEGER)
}

/// Stores a value with an absolute expiry; one in the past leaves nothing.
fn store(
    keys: &mut impl Keyspace,
    db: u8,
    key: &[u8],
    value: NewValue<'_>,
    at: Option<i64>,
) -> Result<(), Fault> {
    keys.put(db, key, value, at)?;
    if at.is_some_and(|at| at <= keys.now()) {
        keys.delete(db, key)?;
    }
    Ok(())
}

fn set(words: &Words<'_>, db: u8, keys: &mut impl Keyspace, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = options::set(words.from(3))?;
    let key = &words[1];
    let mut at = options.expiry.absolute(keys.now(), "set")?;
    keys.lengths().pair(key, words[2].len())?;
    let old = if options.get { keys.get(db, key)?.map(|e| e.value) } else { None };
    if options.nx || options.xx || options.expiry == Expiry::Keep {
        let present = keys.expiry(db, key)?;
        if options.nx && present.is_some() || options.xx && present.is_none() {
            reply.value_or_null(old);
            return Ok(());
        }
        if options.expiry == Expiry::Keep {
            at = present.flatten();
        }
    }
    store(keys, db, key, words.value(2), at)?;
    if options.get {
        reply.value_or_null(old);
    } else {
        reply.simple("OK");
    }
    Ok(())
}

fn setex(
    spec: &CommandSpec,
    clock: Clock,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let at = Expiry::At(clock, &words[2]).absolute(keys.now(), spec.name)?;
    keys.lengths().pair(&words[1], words[3].len())?;
    store(keys, db, &words[1], words.value(3), at)?;
    reply.simple("OK");
    Ok(())
}

fn getex(words: &Words<'_>, db: u8, keys: &mut impl Keyspace, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let expiry = options::getex(words.from(2))?;
    let key = &words[1];
    let Some(entry) = keys.get(db, key)? else {
        reply.null();
        return Ok(());
    };
    let now = keys.now();
    match expiry.absolute(now, "getex")? {
        Some(at) if at <= now => {
            keys.delete(db, key)?;
        }
        Some(at) => keys.set_expiry(db, key, Some(at))?,
        None if expiry == Expiry::Persist && entry.expires_at.is_some() => keys.set_expiry(db, key, None)?,
        None => {}
    }
    reply.value(entry.value);
    Ok(())
}

fn mset(
    spec: &CommandSpec,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    if words.len().is_multiple_of(2) {
        return Err(fault::arity(spec.name));
    }
    // All pairs before the first change.
    for i in (1..words.len()).step_by(2) {
        keys.lengths().pair(&words[i], words[i + 1].len())?;
    }
    let only_new = spec.verb == Verb::MSetNx;
    if only_new {
        for key in spec.keys_of(words) {
            if keys.expiry(db, key)?.is_some() {
                reply.int(0);
                return Ok(());
            }
        }
    }
    for i in (1..words.len()).step_by(2) {
        keys.put(db, &words[i], words.value(i + 1), None)?;
    }
    if only_new {
        reply.int(1)
    } else {
        reply.simple("OK")
    }
    Ok(())
}

fn check_len(len: u64) -> Result<(), Fault> {
    if len > BULK_LEN_MAX { Err(fault::STRING_TOO_LONG) } else { Ok(()) }
}

fn append(words: &Words<'_>, db: u8, keys: &mut impl Keyspace, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, tail) = (&words[1], &words[2]);
    let entry = keys.get(db, key)?;
    let (head, at) = entry.as_ref().map_or((&[][..], None), |e| (e.value.as_ref(), e.expires_at));
    check_len(head.len() as u64 + tail.len() as u64)?;
    keys.lengths().pair(key, head.len() + tail.len())?;
    let value = [head, tail].concat();
    reply.count(value.len());
    keys.put(db, key, computed(value), at)
}

/// A value that was put together here.
fn computed(value: Vec<u8>) -> NewValue<'static> {
    NewValue::owned(value)
}

/// The part of `len` bytes that GETRANGE means; negative ends count from the end.
fn range(len: usize, start: i64, end: i64) -> core::ops::Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let len = len as i64;
    let absolute = |i: i64| if i < 0 { i.saturating_add(len).max(0) } else { i };
    let (start, end) = (absolute(start), absolute(end).min(len - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

fn getrange(words: &Words<'_>, db: u8, keys: &mut impl Keyspace, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, end) = (integer(&words[2])?, integer(&words[3])?);
    let entry = keys.get(db, &words[1])?;
    let value = entry.as_ref().map_or(&[][..], |e| e.value.as_ref());
    reply.bulk(&value[range(value.len(), start, end)]);
    Ok(())
}

fn setrange(words: &Words<'_>, db: u8, keys: &mut impl Keyspace, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let offset = u64::try_from(integer(&words[2])?).map_err(|_| fault::OFFSET_RANGE)?;
    let (key, part) = (&words[1], &words[3]);
    let entry = keys.get(db, key)?;
    let (old, at) = entry.as_ref().map_or((&[][..], None), |e| (e.value.as_ref(), e.expires_at));
    if part.is_empty() {
        reply.count(old.len());
        return Ok(());
    }
    let end = offset.saturating_add(part.len() as u64);
    check_len(end)?;
    let (start, end) = (offset as usize, end as usize);
    let len = old.len().max(end);
    keys.lengths().pair(key, len)?;
    let mut value = Vec::with_capacity(len);
    value.extend_from_slice(old);
    value.resize(len, 0);
    value[start..end].copy_from_slice(part);
    reply.count(len);
    keys.put(db, key, computed(value), at)
}

fn add(
    amount: i64,
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let (present, at) = match keys.get(db, &words[1])? {
        Some(entry) => (integer(entry.value.as_ref())?, entry.expires_at),
        None => (0, None),
    };
    let sum = present.checked_add(amount).ok_or(fault::OVERFLOW)?;
    let mut text = Vec::with_capacity(20);
    put_i64(&mut text, sum);
    keys.put(db, &words[1], NewValue::Copy(&text), at)?;
    reply.int(sum);
    Ok(())
}

fn add_float(
    words: &Words<'_>,
    db: u8,
    keys: &mut impl Keyspace,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let entry = keys.get(db, &words[1])?;
    let present = entry.as_ref().map_or(&b"0"[..], |e| e.value.as_ref());
    let present = Float80::parse(present).ok_or(fault::NOT_FLOAT)?;
    let amount = Float80::parse(&words[2]).ok_or(fault::NOT_FLOAT)?;
    let text = present.checked_add(amount).ok_or(fault::NAN_OR_INFINITY)?.print();
    let value = NewValue::Copy(text.as_bytes());
    keys.put(db, &words[1], value, entry.and_then(|e| e.expires_at))?;
    reply.bulk(text.as_bytes());
    Ok(())
}
