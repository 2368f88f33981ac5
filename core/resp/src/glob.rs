//! Redis's glob patterns, without its exponential cases.
//!
//! `*` any run, `?` one byte, `[...]` a class (`^` negates, `a-z` either way round, `\c` a literal), `\c` a literal.
//! A star needs only the latest place to come back to (two pointers), so a match takes at most
//! `pattern length × text length` steps. Oddities kept: an unclosed class ends with the pattern, a range in it may
//! swallow the closing bracket, a backslash at the very end is itself.

/// Whether `pattern` matches the whole of `text`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_by(pattern, text, |a| a)
}

/// As [`matches()`], without regard to the case of ASCII letters.
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_by(pattern, text, |a| a.to_ascii_lowercase())
}

fn matches_by(pattern: &[u8], text: &[u8], fold: fn(u8) -> u8) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        let next = match text.get(t) {
            Some(&byte) => one(pattern, p, byte, fold),
            None if p == pattern.len() => return true,
            None => return false,
        };
        match (next, retry) {
            (Some(next), _) => (p, t) = (next, t + 1),
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                (p, t) = (star, from + 1);
            }
            (None, None) => return false,
        }
    }
}

/// The place behind the element at `p`, if that element matches `byte`.
fn one(pattern: &[u8], p: usize, byte: u8, fold: fn(u8) -> u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => {
            let (hit, next) = class(pattern, p + 1, byte, fold);
            hit.then_some(next)
        }
        b'\\' if p + 1 < pattern.len() => (fold(pattern[p + 1]) == fold(byte)).then_some(p + 2),
        c => (fold(c) == fold(byte)).then_some(p + 1),
    }
}

/// Reads the class whose first byte is at `p`: whether it holds `byte`, and the place behind it.
fn class(pattern: &[u8], mut p: usize, byte: u8, fold: fn(u8) -> u8) -> (bool, usize) {
    let negate = pattern.get(p) == Some(&b'^');
    p += usize::from(negate);
    let byte = fold(byte);
    let mut hit = false;
    while let Some(&c) = pattern.get(p) {
        if c == b'\\' && p + 1 < pattern.len() {
            hit |= fold(pattern[p + 1]) == byte;
            p += 2;
        } else if c == b']' {
            return (hit != negate, p + 1);
        } else if pattern.get(p + 1) == Some(&b'-') && p + 2 < pattern.len() {
            let (a, b) = (fold(c), fold(pattern[p + 2]));
            hit |= (a.min(b)..=a.max(b)).contains(&byte);
            p += 3;
        } else {
            hit |= fold(c) == byte;
            p += 1;
        }
    }
    (hit != negate, p)
}

/// The bytes before the first special one: every match begins with them.
pub fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let len = pattern.iter().position(|c| b"*?[\\".contains(c)).unwrap_or(pattern.len());
    &pattern[..len]
}
