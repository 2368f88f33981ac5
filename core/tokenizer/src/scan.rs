//! Hand-made scanners for the regular expressions that split text before BPE.
//!
//! | scanner | expression |
//! |---|---|
//! | [`Scanner::Gpt2`] | `'(?:[sdmt]\|ll\|ve\|re)\| ?\p{L}+\| ?\p{N}+\| ?[^\s\p{L}\p{N}]+\|\s+(?!\S)\|\s+` |
//! | [`Scanner::Modern`] | `(?i:'s\|'t\|'re\|'ve\|'m\|'ll\|'d)\|[^\r\n\p{L}\p{N}]?\p{L}+\|\p{N}{1,3}\| ?[^\s\p{L}\p{N}]+[\r\n]*\|\s*[\r\n]+\|\s+(?!\S)\|\s+` and its kin |
//! | [`Scanner::Cased`] | o200k: words by case, `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s\|…)?\|…` and its kin |
//!
//! A scanner says where the piece that begins at a place ends; pieces cover the text. [`by_pattern`] knows an expression by its text.

mod blocks;
mod cased;
mod gpt2;
mod modern;
mod swar;

pub use blocks::Ends;

use crate::unicode::{self, L, N, SPACE, decode};

/// How many digits make a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// `\p{N}`
    One,
    /// `\p{N}{1,3}`
    Three,
    /// `\p{N}+`
    All,
}

/// Which contractions are pieces of their own, or ends of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contractions {
    /// None.
    None,
    /// Both cases of ASCII: `'[sS]|'[tT]|…`, as GGUF files have it.
    Ascii,
    /// `(?i:…)`: `ſ` is an s as well.
    Folded,
}

/// What [`Scanner::Modern`] and [`Scanner::Cased`] vary in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Contractions.
    pub contractions: Contractions,
    /// Digits.
    pub digits: Digits,
    /// Marks count as letters: `[\p{L}\p{M}]+`.
    pub marks: bool,
    /// Slashes stay with the punctuation before them: `[\r\n/]*`.
    pub slash: bool,
    /// `\s++$` comes before line ends: blanks at the end of the text are one piece even if they hold a line end.
    pub blank_end: bool,
}

/// A scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanner {
    /// GPT-2, r50k, p50k.
    Gpt2,
    /// cl100k, Llama 3, Qwen.
    Modern(Style),
    /// o200k, Llama 4, Tekken.
    Cased(Style),
}

/// cl100k.
pub const CL100K: Scanner = Scanner::Modern(Style {
    contractions: Contractions::Folded,
    digits: Digits::Three,
    marks: false,
    slash: false,
    blank_end: true,
});
/// Llama 3, from its `tokenizer.json`.
pub const LLAMA3: Scanner = Scanner::Modern(Style {
    contractions: Contractions::Folded,
    digits: Digits::Three,
    marks: false,
    slash: false,
    blank_end: false,
});
/// o200k.
pub const O200K: Scanner = Scanner::Cased(Style {
    contractions: Contractions::Folded,
    digits: Digits::Three,
    marks: false,
    slash: true,
    blank_end: false,
});

impl Scanner {
    /// Where the piece that begins at `at`, a place within the text, ends.
    #[inline]
    pub fn next(self, text: &[u8], at: usize) -> usize {
        match self {
            Scanner::Gpt2 => gpt2::next(text, at),
            Scanner::Modern(style) => modern::next(style, text, at),
            Scanner::Cased(style) => cased::next(style, text, at),
        }
    }
}

/// What a byte below 128 is.
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const BLANK: u8 = 3;
const OTHER: u8 = 4;
const WIDE: u8 = 5;

/// The kinds of all first bytes.
static KINDS: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut i = 0;
    while i < 256 {
        kinds[i] = match i as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b' ' | 9..=13 => BLANK,
            0x80.. => WIDE,
            _ => OTHER,
        };
        i += 1;
    }
    kinds
};

/// The kind of the character at a place and its length; at the end of the text 0 and 0.
#[inline]
fn kind(text: &[u8], at: usize) -> (u8, usize) {
    match text.get(at) {
        None => (0, 0),
        Some(&byte) => match KINDS[usize::from(byte)] {
            WIDE => wide_kind(text, at),
            kind => (kind, 1),
        },
    }
}

fn wide_kind(text: &[u8], at: usize) -> (u8, usize) {
    let (code, len) = decode(text, at);
    let kind = match unicode::category(code) {
        c if L.0 >> c & 1 != 0 => LETTER,
        c if N.0 >> c & 1 != 0 => DIGIT,
        c if SPACE.0 >> c & 1 != 0 => BLANK,
        _ => OTHER,
    };
    (kind, len)
}

/// Behind all characters of a kind.
#[inline]
fn run(text: &[u8], mut at: usize, wanted: u8) -> usize {
    loop {
        if wanted == LETTER {
            at = swar::letters(text, at);
        }
        let (kind, len) = kind(text, at);
        if kind != wanted {
            return at;
        }
        at += len;
    }
}

/// Behind up to so many digits.
fn digits(text: &[u8], mut at: usize, digits: Digits) -> usize {
    let most = match digits {
        Digits::One => 1,
        Digits::Three => 3,
        Digits::All => return run(text, at, DIGIT),
    };
    for _ in 0..most {
        let (kind, len) = kind(text, at);
        if kind != DIGIT {
            break;
        }
        at += len;
    }
    at
}

/// A run of blanks: its end, the place behind its last line end (or 0), and the start of its last character.
fn blanks(text: &[u8], at: usize) -> (usize, usize, usize) {
    let (mut end, mut line, mut last) = (at, 0, at);
    loop {
        let (kind, len) = kind(text, end);
        if kind != BLANK {
            return (end, line, last);
        }
        last = end;
        end += len;
        if matches!(text[last], b'\r' | b'\n') {
            line = end;
        }
    }
}

/// `\s+(?!\S)|\s+` over a run of blanks.
fn blank_run(text: &[u8], at: usize, end: usize, last: usize) -> usize {
    if end == text.len() || last == at { end } else { last }
}

/// The length of the contraction at an apostrophe: `'s`, `'ll` and so on; 0 if there is none.
#[inline]
fn contraction(text: &[u8], at: usize, style: Contractions) -> usize {
    let lower =
        |i: usize| text.get(at + i).map_or(0, |b| if style == Contractions::None { *b } else { b | 0x20 });
    match (lower(1), lower(2)) {
        (b's' | b't' | b'm' | b'd', _) => 2,
        (b'l', b'l') | (b'v' | b'r', b'e') => 3,
        _ if style == Contractions::Folded && text.get(at + 1..at + 3) == Some(&[0xc5, 0xbf]) => 3,
        _ => 0,
    }
}

/// The expressions that have a scanner, as files spell them.
static KNOWN: [(&str, Scanner); 17] = [
    (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Scanner::Gpt2),
    (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s", Scanner::Gpt2),
    (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Scanner::Gpt2),
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        CL100K,
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        LLAMA3,
    ),
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        LLAMA3,
    ),
    (
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::Ascii, Digits::Three, false),
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::Folded, Digits::One, false),
    ),
    (
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::Ascii, Digits::One, false),
    ),
    (
        r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::None, Digits::One, false),
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::Folded, Digits::One, true),
    ),
    (
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::Ascii, Digits::One, true),
    ),
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        O200K,
    ),
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        cased(Contractions::Ascii, Digits::Three),
    ),
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        cased(Contractions::None, Digits::One),
    ),
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        cased(Contractions::None, Digits::Three),
    ),
    (
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        modern(Contractions::Ascii, Digits::All, false),
    ),
];

const fn modern(contractions: Contractions, digits: Digits, marks: bool) -> Scanner {
    Scanner::Modern(Style { contractions, digits, marks, slash: false, blank_end: false })
}

const fn cased(contractions: Contractions, digits: Digits) -> Scanner {
    Scanner::Cased(Style { contractions, digits, marks: false, slash: true, blank_end: false })
}

/// The scanner of an expression, if it has one.
pub fn by_pattern(pattern: &str) -> Option<Scanner> {
    KNOWN.iter().find(|(known, _)| *known == pattern).map(|(_, scanner)| *scanner)
}

/// All expressions with a scanner.
#[doc(hidden)]
pub fn known() -> impl Iterator<Item = (&'static str, Scanner)> {
    KNOWN.iter().copied()
}
