//! Added tokens: searched for before anything else, at each place the longest; those that are `normalized` in the normalised text.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use dolmen_simd::ascii;
use dolmen_simd::level::Level;

use super::{Specials, Tokenizer};
use crate::error::EncodeError;
use crate::image::added::{LSTRIP, RSTRIP, SINGLE_WORD, SPECIAL};
use crate::pretokenize::is_word_char;
use crate::trie::{NONE, Trie};
use crate::unicode::previous;

/// Most second bytes that are told apart.
const SECONDS_MAX: usize = 3;
/// Most pairs that are looked for.
const PAIRS_MAX: usize = 12;

/// Which tokens are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Those that are not `normalized`.
    Raw,
    /// Those that are.
    Normal,
}

/// A part of the text.
#[derive(Clone, Debug)]
pub enum Part {
    /// An added token and where it stands.
    Token(u32, Range<usize>),
    /// Text between two of them.
    Text(Range<usize>),
}

/// The bytes that added tokens begin with.
#[derive(Clone, Debug)]
pub struct Starts {
    raw: First,
    normal: First,
}

#[derive(Clone, Debug)]
enum First {
    None,
    One(u8),
    Pairs(Vec<Pair>),
    Many(Box<[bool; 256]>),
}

/// Two bytes that tokens begin with; where there are many second ones, any.
#[derive(Clone, Copy, Debug)]
struct Pair {
    first: u8,
    second: u8,
    /// The bits of the second byte that count: all or none.
    mask: u8,
}

impl Pair {
    #[inline]
    fn is(self, first: u8, second: u8) -> bool {
        (first == self.first) & ((second ^ self.second) & self.mask == 0)
    }
}

impl First {
    fn new(trie: Trie<'_>) -> First {
        let mut many = [false; 256];
        (0..=255u8).for_each(|byte| many[usize::from(byte)] = trie.child(0, byte).is_some());
        let mut bytes = (0..=255u8).filter(|&byte| many[usize::from(byte)]);
        match (bytes.next(), bytes.next()) {
            (None, _) => First::None,
            (Some(byte), None) => First::One(byte),
            _ => First::pairs(trie).unwrap_or_else(|| First::Many(Box::new(many))),
        }
    }

    /// The pairs, if there are few.
    fn pairs(trie: Trie<'_>) -> Option<First> {
        let mut pairs = Vec::new();
        for first in 0..=255u8 {
            let Some(node) = trie.child(0, first) else { continue };
            let seconds = || (0..=255u8).filter(|&second| trie.child(node, second).is_some());
            if trie.value(node) != NONE || seconds().count() > SECONDS_MAX {
                pairs.push(Pair { first, second: 0, mask: 0 });
            } else {
                pairs.extend(seconds().map(|second| Pair { first, second, mask: u8::MAX }));
            }
        }
        (pairs.len() <= PAIRS_MAX).then_some(First::Pairs(pairs))
    }

    /// The next place where a token may begin.
    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        match self {
            First::None => None,
            First::One(byte) => ascii::find(Level::best(), text.get(from..)?, *byte).map(|at| from + at),
            First::Pairs(pairs) => next_pair(pairs, text, from),
            First::Many(many) => {
                let rest = text.get(from..)?;
                rest.iter().position(|&byte| many[usize::from(byte)]).map(|at| from + at)
            }
        }
    }
}

/// The next place where one of the pairs stands. Blocks are looked at as a whole first, in a way that compilers turn into vectors.
fn next_pair(pairs: &[Pair], text: &[u8], mut at: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    let is = |first: u8, second: u8| pairs.iter().any(|pair| pair.is(first, second));
    while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + 1 }>()) {
        let mut found = [false; BLOCK];
        for pair in pairs {
            for (i, found) in found.iter_mut().enumerate() {
                *found |= pair.is(bytes[i], bytes[i + 1]);
            }
        }
        if found.iter().fold(false, |any, &found| any | found) {
            return found.iter().position(|&found| found).map(|i| at + i);
        }
        at += BLOCK;
    }
    let second = |i: usize| text.get(i + 1).copied();
    (at..text.len()).find(|&i| match second(i) {
        Some(second) => is(text[i], second),
        None => pairs.iter().any(|pair| pair.first == text[i] && pair.mask == 0),
    })
}

impl Starts {
    pub fn new(raw: Trie<'_>, normal: Trie<'_>) -> Starts {
        Starts { raw: First::new(raw), normal: First::new(normal) }
    }
}

/// Calls `take` for the parts of a text in order. Empty parts are left out.
pub fn each<B: AsRef<[u8]>>(
    tokenizer: &Tokenizer<B>,
    text: &str,
    from: usize,
    specials: Specials,
    pass: Pass,
    mut take: impl FnMut(Part) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let view = tokenizer.view();
    let (first, trie) = match pass {
        Pass::Raw => (&tokenizer.starts.raw, view.added_raw),
        Pass::Normal => (&tokenizer.starts.normal, view.added_normal),
    };
    let bytes = text.as_bytes();
    let (mut at, mut open) = (from, from);
    while let Some(start) = first.next(bytes, at) {
        let Some((len, id)) = trie.longest(0, &bytes[start..]) else {
            at = start + 1;
            continue;
        };
        let mut range = start..start + len;
        at = range.end;
        let flags = view.added(id);
        let hidden = specials == Specials::Text && flags & SPECIAL != 0;
        if hidden || flags & SINGLE_WORD != 0 && touches_word(bytes, &range) {
            continue;
        }
        if flags & LSTRIP != 0 {
            range.start = text[..range.start].trim_end().len().max(open);
        }
        if flags & RSTRIP != 0 {
            let rest = &text[range.end..];
            range.end += rest.len() - rest.trim_start().len();
        }
        if open < range.start {
            take(Part::Text(open..range.start))?;
        }
        open = range.end;
        at = at.max(open);
        take(Part::Token(id, range))?;
    }
    if open < text.len() { take(Part::Text(open..text.len())) } else { Ok(()) }
}

fn touches_word(text: &[u8], range: &Range<usize>) -> bool {
    let before = range.start > 0 && is_word_char(text, previous(text, range.start));
    before || range.end < text.len() && is_word_char(text, range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trie::build;

    /// Every way of looking for beginnings finds all places where a token stands, and the first one first.
    #[test]
    fn beginnings_are_found() {
        let sets: [&[&str]; 5] = [
            &["<s>"],
            &["  ", "   ", "||x", "<|a|>", "[A", "[B", "[C", "[D"],
            &["<", "ab"],
            &["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "st", "uv", "wx", "yz"],
            &[],
        ];
        let text = "a <s> b  [D]   |x||x ab".repeat(5) + "ef <| wx <";
        for set in sets {
            let built = build(set.iter().enumerate().map(|(i, s)| (s.as_bytes(), i as u32)));
            let trie = Trie::new(&built.first, &built.labels, &built.values);
            let first = First::new(trie);
            for from in 0..=text.len() {
                let stands = |at: &usize| trie.longest(0, &text.as_bytes()[*at..]).is_some();
                let wanted = (from..text.len()).find(stands);
                let mut found = first.next(text.as_bytes(), from);
                while let Some(at) = found.filter(|at| !stands(at)) {
                    found = first.next(text.as_bytes(), at + 1);
                }
                assert_eq!(found, wanted, "{set:?} from {from}");
            }
        }
    }
}
