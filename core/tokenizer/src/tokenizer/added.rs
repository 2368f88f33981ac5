//! Added tokens: searched for before anything else, at each place the longest; those that are `normalized` in the normalised text.

use alloc::boxed::Box;
use core::ops::Range;

use dolmen_simd::ascii;
use dolmen_simd::level::Level;

use super::{Specials, Tokenizer};
use crate::error::EncodeError;
use crate::image::added::{LSTRIP, RSTRIP, SINGLE_WORD, SPECIAL};
use crate::pretokenize::is_word_char;
use crate::trie::Trie;
use crate::unicode::previous;

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
    Many(Box<[bool; 256]>),
}

impl First {
    fn new(trie: Trie<'_>) -> First {
        let mut many = [false; 256];
        (0..=255u8).for_each(|byte| many[usize::from(byte)] = trie.child(0, byte).is_some());
        let mut bytes = (0..=255u8).filter(|&byte| many[usize::from(byte)]);
        match (bytes.next(), bytes.next()) {
            (None, _) => First::None,
            (Some(byte), None) => First::One(byte),
            _ => First::Many(Box::new(many)),
        }
    }

    /// The next place where a token may begin.
    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        match self {
            First::None => None,
            First::One(byte) => ascii::find(Level::best(), text.get(from..)?, *byte).map(|at| from + at),
            First::Many(many) => {
                let rest = text.get(from..)?;
                rest.iter().position(|&byte| many[usize::from(byte)]).map(|at| from + at)
            }
        }
    }
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
