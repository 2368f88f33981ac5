//! cl100k's expression and its kin. A letter run may take any character before it but a line end, a digit or another letter.

use super::{
    BLANK, Contractions, DIGIT, LETTER, OTHER, Style, blank_run, blanks, contraction, digits, kind, run,
};
use crate::unicode::{L, M, decode};

#[inline]
pub fn next(style: Style, text: &[u8], at: usize) -> usize {
    let first = text[at];
    if first == b'\'' && style.contractions != Contractions::None {
        let len = contraction(text, at, style.contractions);
        if len > 0 {
            return at + len;
        }
    }
    let (found, len) = kind(text, at);
    if found == LETTER {
        return letters(style, text, at + len);
    }
    if found == DIGIT {
        return digits(text, at, style.digits);
    }
    if style.marks {
        return with_marks(style, text, at, found, len);
    }
    let (after, after_len) = kind(text, at + len);
    if after == LETTER && !matches!(first, b'\r' | b'\n') {
        return letters(style, text, at + len + after_len);
    }
    if found == OTHER {
        return punctuation(style, text, at + len);
    }
    if first == b' ' && after == OTHER {
        return punctuation(style, text, at + 1 + after_len);
    }
    blank(style, text, at)
}

/// Where marks are letters: what follows a first character that is no letter and no digit.
fn with_marks(style: Style, text: &[u8], at: usize, found: u8, len: usize) -> usize {
    let letter = |at: usize| L.or(M).has(decode(text, at).0);
    if !matches!(text[at], b'\r' | b'\n') && letter(at + len) {
        return letters(style, text, at + len);
    }
    if letter(at) {
        return letters(style, text, at + len);
    }
    let start = at + usize::from(text[at] == b' ');
    let mut end = start;
    loop {
        let (kind, len) = kind(text, end);
        if kind != OTHER || letter(end) {
            break;
        }
        end += len;
    }
    if end > start {
        return line_ends(style, text, end);
    }
    debug_assert_eq!(found, BLANK, "letters, marks, digits and the rest are done with");
    blank(style, text, at)
}

#[inline]
fn letters(style: Style, text: &[u8], mut at: usize) -> usize {
    loop {
        at = run(text, at, LETTER);
        if !style.marks || text.get(at).is_none_or(u8::is_ascii) {
            return at;
        }
        let (code, len) = decode(text, at);
        if !M.has(code) {
            return at;
        }
        at += len;
    }
}

/// The rest of a run of punctuation, and the line ends behind it.
#[inline]
pub fn punctuation(style: Style, text: &[u8], at: usize) -> usize {
    line_ends(style, text, run(text, at, OTHER))
}

#[inline]
fn line_ends(style: Style, text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        if !(matches!(byte, b'\r' | b'\n') || style.slash && *byte == b'/') {
            break;
        }
        at += 1;
    }
    at
}

/// Blanks: up to the last line end among them, else all but the last before a word.
pub fn blank(style: Style, text: &[u8], at: usize) -> usize {
    let (end, line, last) = blanks(text, at);
    if style.blank_end && end == text.len() {
        return end;
    }
    if line > 0 { line } else { blank_run(text, at, end, last) }
}
