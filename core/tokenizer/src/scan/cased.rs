//! o200k's expression and its kin: words are split where case changes.
//!
//! With U = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]` and W = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]` a word is `U*W+`, or if there is none, `U+W*`. Behind the run of
//! U there is either a lower-case letter, which W takes, or W needs a character back from the run: the last that is in both sets.

use super::{
    BLANK, Contractions, DIGIT, LETTER, OTHER, Style, contraction, digits, kind, modern::blank,
    modern::punctuation, swar,
};
use crate::unicode::{LOWERISH, UPPERISH, decode};

#[inline]
pub fn next(style: Style, text: &[u8], at: usize) -> usize {
    let first = text[at];
    let (found, len) = kind(text, at);
    if found == LETTER {
        return word(style, text, at, at);
    }
    if found == DIGIT {
        return digits(text, at, style.digits);
    }
    // Everything but line ends may stand before a word; a mark may also be part of it.
    let begins = !matches!(first, b'\r' | b'\n') && is_word(text, at + len);
    if begins || first >= 0x80 && is_word(text, at) {
        return word(style, text, at, if begins { at + len } else { at });
    }
    if found == OTHER {
        return punctuation(style, text, at + len);
    }
    debug_assert_eq!(found, BLANK);
    let (after, after_len) = kind(text, at + len);
    if first == b' ' && after == OTHER {
        return punctuation(style, text, at + 1 + after_len);
    }
    blank(style, text, at)
}

/// A word that begins at `start`; if it has no `U*W+` there, one that begins at `at`, a mark.
fn word(style: Style, text: &[u8], at: usize, start: usize) -> usize {
    let end = lowercase(text, start)
        .or_else(|| (start > at && is_word(text, at)).then(|| lowercase(text, at)).flatten())
        .unwrap_or_else(|| upper_run(text, start).0);
    match text.get(end) {
        Some(b'\'') if style.contractions != Contractions::None => {
            end + contraction(text, end, style.contractions)
        }
        _ => end,
    }
}

/// `U*W+`
fn lowercase(text: &[u8], start: usize) -> Option<usize> {
    let (end, behind_both) = upper_run(text, start);
    let lower = lower_run(text, end);
    if lower > end { Some(lower) } else { behind_both }
}

/// The end of a run of U, and the place behind its last character that is also in W.
fn upper_run(text: &[u8], mut at: usize) -> (usize, Option<usize>) {
    let mut both = None;
    loop {
        while text.get(at).is_some_and(u8::is_ascii_uppercase) {
            at += 1;
        }
        if text.get(at).is_none_or(u8::is_ascii) {
            return (at, both);
        }
        let (code, len) = decode(text, at);
        if !UPPERISH.has(code) {
            return (at, both);
        }
        at += len;
        if LOWERISH.has(code) {
            both = Some(at);
        }
    }
}

fn lower_run(text: &[u8], mut at: usize) -> usize {
    loop {
        at = swar::lower(text, at);
        if text.get(at).is_none_or(u8::is_ascii) {
            return at;
        }
        let (code, len) = decode(text, at);
        if !LOWERISH.has(code) {
            return at;
        }
        at += len;
    }
}

#[inline]
fn is_word(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        None => false,
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphabetic(),
        Some(_) => UPPERISH.or(LOWERISH).has(decode(text, at).0),
    }
}
