//! Redis's glob patterns, without its slow cases.
//!
//! `*` any run, `?` one byte, `[...]` a class (`^` negates, `a-z` either way round, `\c` a literal), `\c` a literal.
//! Oddities kept: an unclosed class ends with the pattern, a range in it may swallow the closing bracket, a backslash at the very end is
//! itself.
//!
//! 1. A pattern is read once, into elements of one byte of text each (a literal, a class of 256 bits, any), cut at its stars into segments.
//! 2. What stands before the first star must begin the text, what stands behind the last one must end it: two comparisons.
//! 3. Each segment between stars is looked for from where the one before ended; the leftmost place is always right, for a star takes
//!    whatever is left. Short segments are tried place by place. Long ones of literals alone are found by their failure table (Knuth, Morris,
//!    Pratt), long ones with classes by a bit per element (shift-and, Baeza-Yates and Gonnet), 64 elements a step.
//!
//! So a match costs about `pattern + text`; at the worst `text × elements / 64`, and never a power of the number of stars.
//!
//! ```
//! use dolmen_resp::glob::Pattern;
//!
//! let pattern = Pattern::new(b"user:[0-9]*");
//! assert!(pattern.matches(b"user:42") && !pattern.matches(b"user:x"));
//! assert_eq!(pattern.prefix(), b"user:");
//! ```

use alloc::vec::Vec;

use crate::fault::{self, Fault};
use crate::limits::PATTERN_LEN_MAX;

/// Elements of a segment that is still tried place by place.
const SHORT_LEN: usize = 32;

/// A set of bytes.
type Class = [u64; 4];

/// What one byte of text is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    /// Index of the class.
    Class(u32),
    Any,
}

/// How a segment is looked for.
#[derive(Clone, Debug)]
enum Search {
    Short,
    /// For each place in the segment: how much of it is still right after a byte that does not fit there.
    Literal(Vec<u32>),
    /// For each byte: the elements that it fits, 64 a word.
    Bits(Vec<u64>),
}

#[derive(Clone, Debug)]
struct Segment {
    elements: Vec<Element>,
    search: Search,
}

/// A pattern, read.
#[derive(Clone, Debug)]
pub struct Pattern {
    classes: Vec<Class>,
    /// One more than there are stars; runs of stars count once.
    segments: Vec<Segment>,
    prefix: Vec<u8>,
    ignore_case: bool,
}

impl Pattern {
    /// Reads a pattern of any length. One from outside is bounded first: [`Pattern::bounded`].
    pub fn new(pattern: &[u8]) -> Pattern {
        Pattern::read(pattern, false)
    }

    /// The same, without regard to the case of ASCII letters.
    pub fn ignoring_case(pattern: &[u8]) -> Pattern {
        Pattern::read(pattern, true)
    }

    /// Reads a pattern of a request.
    ///
    /// # Errors
    /// A fault if it is longer than [`PATTERN_LEN_MAX`]: a pattern that was read takes many times its length.
    pub fn bounded(pattern: &[u8]) -> Result<Pattern, Fault> {
        if pattern.len() > PATTERN_LEN_MAX { Err(fault::PATTERN_TOO_LONG) } else { Ok(Pattern::new(pattern)) }
    }

    fn read(pattern: &[u8], ignore_case: bool) -> Pattern {
        let fold = |byte: u8| if ignore_case { byte.to_ascii_lowercase() } else { byte };
        let mut classes = Vec::new();
        let mut segments = alloc::vec![Vec::new()];
        let mut p = 0;
        while let Some(&c) = pattern.get(p) {
            p += 1;
            let element = match c {
                b'*' => {
                    segments.push(Vec::new());
                    continue;
                }
                b'?' => Element::Any,
                b'[' => {
                    let (class, next) = class(pattern, p, fold);
                    p = next;
                    classes.push(class);
                    Element::Class(classes.len() as u32 - 1)
                }
                b'\\' if p < pattern.len() => {
                    p += 1;
                    Element::Byte(fold(pattern[p - 1]))
                }
                c => Element::Byte(fold(c)),
            };
            segments.last_mut().expect("there is one from the start").push(element);
        }
        // An empty segment between two stars says nothing.
        let last = segments.len() - 1;
        let kept = segments.into_iter().enumerate().filter(|(i, s)| *i == 0 || *i == last || !s.is_empty());
        let segments: Vec<_> = kept.map(|(_, elements)| Segment::new(elements, &classes)).collect();
        let literal = |e: &Element| if let Element::Byte(byte) = e { Some(*byte) } else { None };
        let first = segments.first().filter(|_| !ignore_case);
        let prefix = first.map_or_else(Vec::new, |s| s.elements.iter().map_while(literal).collect());
        Pattern { classes, segments, prefix, ignore_case }
    }

    /// The bytes with which every match begins; empty where case is ignored.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether it matches the whole of `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        let [head, inner @ .., tail] = self.segments.as_slice() else {
            let whole = &self.segments[0];
            return whole.elements.len() == text.len() && self.fits(whole, text);
        };
        let Some(end) = text.len().checked_sub(tail.elements.len()) else { return false };
        let mut at = head.elements.len();
        if at > end || !self.fits(head, text) || !self.fits(tail, &text[end..]) {
            return false;
        }
        for segment in inner {
            match self.find(segment, &text[at..end]) {
                Some(found) => at += found + segment.elements.len(),
                None => return false,
            }
        }
        true
    }

    /// Whether a segment fits the beginning of `text`, which is long enough.
    fn fits(&self, segment: &Segment, text: &[u8]) -> bool {
        segment.elements.iter().zip(text).all(|(element, &byte)| self.one(*element, byte))
    }

    /// The first place of `text` that a segment fits.
    fn find(&self, segment: &Segment, text: &[u8]) -> Option<usize> {
        let len = segment.elements.len();
        let places = (text.len() + 1).checked_sub(len)?;
        match &segment.search {
            Search::Short => (0..places).find(|&at| self.fits(segment, &text[at..])),
            Search::Literal(failure) => {
                let mut right = 0;
                let end = text.iter().position(|&byte| {
                    while right > 0 && !self.one(segment.elements[right], byte) {
                        right = failure[right] as usize;
                    }
                    right += usize::from(self.one(segment.elements[right], byte));
                    right == len
                })?;
                Some(end + 1 - len)
            }
            Search::Bits(masks) => {
                let words = len.div_ceil(64);
                let mut state = alloc::vec![0u64; words];
                let end = text.iter().position(|&byte| {
                    let mask = usize::from(self.folded(byte)) * words;
                    let mut carry = 1;
                    for (word, mask) in state.iter_mut().zip(&masks[mask..mask + words]) {
                        let next = *word >> 63;
                        *word = (*word << 1 | carry) & mask;
                        carry = next;
                    }
                    state[words - 1] >> ((len - 1) % 64) & 1 == 1
                })?;
                Some(end + 1 - len)
            }
        }
    }

    fn folded(&self, byte: u8) -> u8 {
        if self.ignore_case { byte.to_ascii_lowercase() } else { byte }
    }

    fn one(&self, element: Element, byte: u8) -> bool {
        one(element, self.folded(byte), &self.classes)
    }
}

impl Segment {
    fn new(elements: Vec<Element>, classes: &[Class]) -> Segment {
        let len = elements.len();
        let search = if len <= SHORT_LEN {
            Search::Short
        } else if elements.iter().all(|e| matches!(e, Element::Byte(_))) {
            let mut failure = alloc::vec![0; len];
            let mut right = 0;
            for at in 1..len {
                failure[at] = right as u32;
                while right > 0 && elements[at] != elements[right] {
                    right = failure[right] as usize;
                }
                right += usize::from(elements[at] == elements[right]);
            }
            Search::Literal(failure)
        } else {
            let words = len.div_ceil(64);
            let mut masks = alloc::vec![0u64; 256 * words];
            for (at, element) in elements.iter().enumerate() {
                for byte in (0..=u8::MAX).filter(|&byte| one(*element, byte, classes)) {
                    masks[usize::from(byte) * words + at / 64] |= 1 << (at % 64);
                }
            }
            Search::Bits(masks)
        };
        Segment { elements, search }
    }
}

fn one(element: Element, byte: u8, classes: &[Class]) -> bool {
    match element {
        Element::Byte(wanted) => wanted == byte,
        Element::Class(index) => classes[index as usize][usize::from(byte >> 6)] >> (byte & 63) & 1 == 1,
        Element::Any => true,
    }
}

/// Reads the class whose first byte is at `p`: its members, and the place behind it.
fn class(pattern: &[u8], mut p: usize, fold: impl Fn(u8) -> u8) -> (Class, usize) {
    let negate = pattern.get(p) == Some(&b'^');
    p += usize::from(negate);
    let mut class = Class::default();
    let mut add = |byte: u8| class[usize::from(byte >> 6)] |= 1 << (byte & 63);
    while let Some(&c) = pattern.get(p) {
        if c == b'\\' && p + 1 < pattern.len() {
            add(fold(pattern[p + 1]));
            p += 2;
        } else if c == b']' {
            p += 1;
            break;
        } else if pattern.get(p + 1) == Some(&b'-') && p + 2 < pattern.len() {
            let (a, b) = (fold(c), fold(pattern[p + 2]));
            (a.min(b)..=a.max(b)).for_each(&mut add);
            p += 3;
        } else {
            add(fold(c));
            p += 1;
        }
    }
    (if negate { class.map(|bits| !bits) } else { class }, p)
}

/// Whether `pattern` matches the whole of `text`. Whoever asks twice reads the pattern once: [`Pattern`].
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    Pattern::new(pattern).matches(text)
}

/// As [`matches()`], without regard to the case of ASCII letters.
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    Pattern::ignoring_case(pattern).matches(text)
}
