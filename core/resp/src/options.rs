//! Option words of SET, GETEX, EXPIRE and SCAN, and the arithmetic of expiry times.

use crate::fault::{self, Fault};
use crate::glob::Pattern;
use crate::int::{parse_cursor, parse_i64};
use crate::request::Words;

/// The unit and origin of a time in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// Unix seconds.
    UnixSeconds,
    /// Unix milliseconds.
    UnixMillis,
}

impl Clock {
    /// The absolute time in milliseconds; `None` if it leaves 64 bits.
    pub fn absolute(self, amount: i64, now: i64) -> Option<i64> {
        match self {
            Clock::Seconds => amount.checked_mul(1000)?.checked_add(now),
            Clock::Millis => amount.checked_add(now),
            Clock::UnixSeconds => amount.checked_mul(1000),
            Clock::UnixMillis => Some(amount),
        }
    }

    fn of(word: &[u8]) -> Option<Clock> {
        let clocks = [
            (&b"EX"[..], Clock::Seconds),
            (b"PX", Clock::Millis),
            (b"EXAT", Clock::UnixSeconds),
            (b"PXAT", Clock::UnixMillis),
        ];
        clocks.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, clock)| *clock)
    }
}

/// What becomes of the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry<'a> {
    /// Nothing was said.
    Unsaid,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Persist,
    /// A time, not yet looked at.
    At(Clock, &'a [u8]),
}

impl Expiry<'_> {
    /// The absolute time in milliseconds, if one was given.
    ///
    /// # Errors
    /// Not an integer; zero and below; one that leaves 64 bits.
    pub fn absolute(&self, now: i64, command: &str) -> Result<Option<i64>, Fault> {
        let Expiry::At(clock, text) = *self else { return Ok(None) };
        let amount = parse_i64(text).ok_or(fault::NOT_INTEGER)?;
        if amount <= 0 {
            return Err(fault::invalid_expire(command));
        }
        clock.absolute(amount, now).map(Some).ok_or_else(|| fault::invalid_expire(command))
    }
}

/// Options of SET.
#[derive(Clone, Copy, Debug)]
pub struct SetOptions<'a> {
    /// Only if missing.
    pub nx: bool,
    /// Only if there.
    pub xx: bool,
    /// Answer the old value.
    pub get: bool,
    /// The expiry.
    pub expiry: Expiry<'a>,
}

/// Reads the words behind `SET key value`. The same option twice is allowed, the last number counts.
///
/// # Errors
/// A syntax error for words that are unknown or do not fit together.
pub fn set<'a>(words: Words<'a>) -> Result<SetOptions<'a>, Fault> {
    let mut options = SetOptions { nx: false, xx: false, get: false, expiry: Expiry::Unsaid };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("NX") && !options.xx {
            options.nx = true;
        } else if is("XX") && !options.nx {
            options.xx = true;
        } else if is("GET") {
            options.get = true;
        } else if is("KEEPTTL") && matches!(options.expiry, Expiry::Unsaid | Expiry::Keep) {
            options.expiry = Expiry::Keep;
        } else {
            options.expiry = time(word, &mut words, options.expiry)?;
        }
    }
    Ok(options)
}

/// Reads the words behind `GETEX key`.
///
/// # Errors
/// A syntax error for words that are unknown or do not fit together.
pub fn getex<'a>(words: Words<'a>) -> Result<Expiry<'a>, Fault> {
    let mut expiry = Expiry::Unsaid;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let persist = word.eq_ignore_ascii_case(b"PERSIST");
        expiry = match expiry {
            Expiry::Unsaid | Expiry::Persist if persist => Expiry::Persist,
            _ => time(word, &mut words, expiry)?,
        };
    }
    Ok(expiry)
}

fn time<'a>(
    word: &[u8],
    words: &mut impl Iterator<Item = &'a [u8]>,
    before: Expiry<'a>,
) -> Result<Expiry<'a>, Fault> {
    let clock = Clock::of(word).ok_or(fault::SYNTAX)?;
    let fits = match before {
        Expiry::Unsaid => true,
        Expiry::At(other, _) => other == clock,
        Expiry::Keep | Expiry::Persist => false,
    };
    let amount = words.next().filter(|_| fits).ok_or(fault::SYNTAX)?;
    Ok(Expiry::At(clock, amount))
}

/// When EXPIRE applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpireCondition {
    /// Only if there is no expiry.
    pub nx: bool,
    /// Only if there is one.
    pub xx: bool,
    /// Only if later than the present one.
    pub gt: bool,
    /// Only if earlier than the present one.
    pub lt: bool,
}

impl ExpireCondition {
    /// Whether it holds. No expiry counts as infinitely late.
    pub fn holds(&self, present: Option<i64>, new: i64) -> bool {
        !(self.nx && present.is_some()
            || self.xx && present.is_none()
            || self.gt && present.is_none_or(|present| new <= present)
            || self.lt && present.is_some_and(|present| new >= present))
    }
}

/// Reads the words behind `EXPIRE key time`.
///
/// # Errors
/// The word that is unknown, or the conditions that exclude each other.
pub fn expire(words: Words<'_>) -> Result<ExpireCondition, Fault> {
    let mut condition = ExpireCondition::default();
    for word in words.iter() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("NX") => condition.nx = true,
            () if is("XX") => condition.xx = true,
            () if is("GT") => condition.gt = true,
            () if is("LT") => condition.lt = true,
            () => {
                let shown = fault::quote(word, 1024);
                return Err(Fault::Text(alloc::format!("ERR Unsupported option {shown}")));
            }
        }
    }
    if condition.nx && (condition.xx || condition.gt || condition.lt) {
        return Err(fault::NX_COMPATIBLE);
    }
    if condition.gt && condition.lt {
        return Err(fault::GT_LT_COMPATIBLE);
    }
    Ok(condition)
}

/// A SCAN request.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Where to go on; 0 = the start.
    pub cursor: u64,
    /// The pattern, if any.
    pub pattern: Option<Pattern>,
    /// Keys to visit.
    pub count: u64,
    /// Whether strings are wanted.
    pub strings: bool,
}

/// Reads the words behind `SCAN`: the cursor first, then the options from left to right.
///
/// # Errors
/// A cursor or count that is no number, an unknown word, a pattern over its limit.
pub fn scan(words: Words<'_>) -> Result<ScanOptions, Fault> {
    let mut words = words.iter();
    let cursor = parse_cursor(words.next().unwrap_or(&[])).ok_or(fault::INVALID_CURSOR)?;
    let mut options = ScanOptions { cursor, pattern: None, count: 10, strings: true };
    while let Some(word) = words.next() {
        let value = words.next().ok_or(fault::SYNTAX)?;
        if word.eq_ignore_ascii_case(b"COUNT") {
            let count = parse_i64(value).ok_or(fault::NOT_INTEGER)?;
            options.count = u64::try_from(count).ok().filter(|&n| n > 0).ok_or(fault::SYNTAX)?;
        } else if word.eq_ignore_ascii_case(b"MATCH") {
            options.pattern = Some(Pattern::bounded(value)?);
        } else if word.eq_ignore_ascii_case(b"TYPE") {
            options.strings = value.eq_ignore_ascii_case(b"string");
        } else {
            return Err(fault::SYNTAX);
        }
    }
    Ok(options)
}
