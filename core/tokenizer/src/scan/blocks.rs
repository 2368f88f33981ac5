//! Pieces of 64 bytes at a time: what a byte is becomes a bit, and where pieces begin is computed for all bits at once.
//!
//! A block begins where a piece does, so nothing before it matters. Masks over the bits of ASCII (`L` letters, `D` digits, `B` blanks, `N` line ends, `O` the
//! rest) tell the beginnings:
//! 1. a run of letters, digits or others begins a piece, unless a blank or (before letters) a single other character is its prefix;
//! 2. line ends right behind a run of others belong to it: an addition carries through them;
//! 3. a run of blanks begins a piece; so does what follows its last line end, and its last blank, which leaves the run to what follows;
//! 4. contractions, which are few, are looked at one by one.
//!
//! Only beginnings that nothing behind the known bytes can change are taken: a run of blanks at the end stays whole. What is left, and all that is not ASCII, goes to
//! the scanner that takes a piece at a time; it is also the judge.

use alloc::vec::Vec;

use dolmen_simd::ascii::{self, BLOCK, Classes};
use dolmen_simd::level::Level;

use super::{Contractions, Digits, Scanner, Style, contraction};

/// Most pieces that are found before they are looked up.
const PIECES_MAX: usize = 192;
/// Fewer bytes than these are not worth a block.
const LEN_MIN: usize = 8;
/// Ends that are written together.
const STEP: usize = 8;

/// Where pieces end.
#[derive(Debug, Default)]
pub struct Ends {
    all: Vec<u32>,
    count: usize,
}

impl Ends {
    /// The ends that were found.
    pub fn found(&self) -> &[u32] {
        self.all.get(..self.count).unwrap_or(&[])
    }

    fn push(&mut self, end: usize) {
        if let Some(slot) = self.all.get_mut(self.count) {
            *slot = end as u32;
            self.count += 1;
        }
    }

    /// The place of each bit. Eight are written at a time, whether there are as many or not, so that nothing is to be guessed.
    fn push_bits(&mut self, at: usize, mut bits: u64) {
        let count = self.count + bits.count_ones() as usize;
        while bits != 0 {
            let Some(slots) = self.all.get_mut(self.count..self.count + STEP) else { break };
            for slot in slots {
                *slot = at as u32 + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
            self.count += STEP;
        }
        self.count = count;
    }

    /// Finds the ends of the next pieces from a place where one begins, of some at least; gives the last of them.
    pub fn fill(&mut self, scanner: Scanner, level: Level, text: &[u8], mut at: usize) -> usize {
        self.all.resize(PIECES_MAX + BLOCK + STEP, 0);
        self.count = 0;
        while at < text.len() && self.count <= PIECES_MAX {
            let rest = &text[at..];
            if rest[0] >= 0x80 || rest.len() < LEN_MIN {
                at = scanner.next(text, at);
                self.push(at);
                continue;
            }
            let mut end_block = [0; BLOCK];
            let block = match rest.first_chunk() {
                Some(block) => block,
                None => {
                    end_block[..rest.len()].copy_from_slice(rest);
                    &end_block
                }
            };
            let classes = ascii::classes(level, block);
            let known = rest.len().min(classes.wide.trailing_zeros() as usize);
            let begins = Masks::new(&classes, known).begins(scanner, text, at) & !1;
            if begins != 0 {
                self.push_bits(at, begins);
                at += begins.ilog2() as usize;
            }
            if begins == 0 || known < BLOCK {
                at = scanner.next(text, at);
                self.push(at);
            }
        }
        at
    }
}

/// The classes of the bytes that are known.
struct Masks {
    /// How many bytes are known, all of them ASCII; the bits of others are clear.
    known: usize,
    lower: u64,
    upper: u64,
    letter: u64,
    digit: u64,
    blank: u64,
    space: u64,
    line: u64,
    quote: u64,
    slash: u64,
    other: u64,
}

/// The first bit of each run.
const fn firsts(mask: u64) -> u64 {
    mask & !(mask << 1)
}

/// Bits below a place.
const fn below(place: usize) -> u64 {
    if place < BLOCK { (1 << place) - 1 } else { u64::MAX }
}

impl Masks {
    fn new(classes: &Classes, known: usize) -> Masks {
        let all = below(known);
        let letter = (classes.lower | classes.upper) & all;
        let (digit, blank) = (classes.digit & all, classes.blank & all);
        Masks {
            known,
            lower: classes.lower & all,
            upper: classes.upper & all,
            letter,
            digit,
            blank,
            space: classes.space & all,
            line: classes.line & all,
            quote: classes.quote & all,
            slash: classes.slash & all,
            other: all & !(letter | digit | blank),
        }
    }

    /// Where pieces begin for sure, the first byte aside.
    #[inline]
    fn begins(&self, scanner: Scanner, text: &[u8], at: usize) -> u64 {
        match scanner {
            Scanner::Gpt2 => self.gpt2(text, at),
            Scanner::Modern(style) => self.modern(style, text, at),
            Scanner::Cased(style) => self.cased(style, text, at),
        }
    }

    fn gpt2(&self, text: &[u8], at: usize) -> u64 {
        let runs = firsts(self.letter) | firsts(self.digit) | firsts(self.other);
        let last = self.blank & !(self.blank >> 1);
        let mut begins = runs & !(self.space << 1) | firsts(self.blank) | last;
        begins &= self.certain(self.blank);
        for place in bits(self.single(self.other) & self.quote) {
            let len = contraction(text, at + place, Contractions::None);
            if len > 0 {
                begins = self.cut(begins, place + 1, place + len);
            }
        }
        begins
    }

    fn modern(&self, style: Style, text: &[u8], at: usize) -> u64 {
        let attached = self.attached(self.line);
        let blank = self.blank & !attached;
        let single = self.single(self.other);
        let open = self.digit | self.line | self.other & !single;
        let mut begins = firsts(self.letter) & open << 1
            | firsts(self.other) & !(self.space << 1)
            | self.digits(style.digits)
            | self.blanks(blank);
        begins &= self.certain(blank);
        if style.contractions != Contractions::None {
            for place in bits(single & self.quote) {
                let len = contraction(text, at + place, style.contractions);
                if len > 0 {
                    begins = self.cut(begins, place + 1, place + len);
                }
            }
        }
        begins
    }

    fn cased(&self, style: Style, text: &[u8], at: usize) -> u64 {
        let attached = self.attached(if style.slash { self.line | self.slash } else { self.line });
        let (blank, other) = (self.blank & !attached, self.other & !attached);
        let single = self.single(other);
        let open = self.digit | self.line | attached | other & !single;
        let mut begins = firsts(self.letter) & open << 1
            | self.upper & self.lower << 1
            | firsts(other) & !(self.space << 1)
            | self.digits(style.digits)
            | self.blanks(blank);
        begins &= self.certain(blank);
        if style.contractions != Contractions::None {
            // A word takes one contraction; an apostrophe behind that begins a new piece.
            let mut behind = 0;
            for place in bits(other & self.quote & self.letter << 1) {
                let len = if place == behind { 0 } else { contraction(text, at + place, style.contractions) };
                if len > 0 {
                    behind = place + len;
                    begins = self.cut(begins, place, behind);
                }
            }
        }
        begins
    }

    /// Other characters that stand alone and begin a match, a letter behind them.
    fn single(&self, other: u64) -> u64 {
        firsts(other) & !(self.space << 1) & self.letter >> 1
    }

    /// Line ends (and slashes) right behind others.
    fn attached(&self, follow: u64) -> u64 {
        let first = self.line & self.other << 1;
        follow & !follow.wrapping_add(first) | first
    }

    fn digits(&self, digits: Digits) -> u64 {
        let mut all = match digits {
            Digits::One => return self.digit,
            Digits::Three | Digits::All => firsts(self.digit),
        };
        if digits == Digits::Three {
            let four = self.digit & self.digit << 1 & self.digit << 2 & self.digit << 3;
            let mut new = all;
            while new != 0 {
                new = new << 3 & four;
                all |= new;
            }
        }
        all
    }

    /// Beginnings within runs of blanks.
    fn blanks(&self, blank: u64) -> u64 {
        let plain = blank & !self.line;
        let last = plain & !(blank >> 1);
        let mut behind_line = firsts(plain) & (blank & self.line) << 1;
        // The place behind each; where another line end stands there, it takes the blanks.
        let taken = plain.wrapping_add(behind_line) & !plain & self.line;
        for end in bits(taken) {
            let first = BLOCK - (!plain & below(end)).leading_zeros() as usize;
            behind_line &= !(1 << first);
        }
        firsts(blank) | last | behind_line
    }

    /// All bits up to the beginning of a run of blanks whose end is not known.
    fn certain(&self, blank: u64) -> u64 {
        let all = below(self.known);
        let first = BLOCK - (!blank & all).leading_zeros() as usize;
        if first < self.known { (2u64 << first).wrapping_sub(1) } else { all }
    }

    /// No piece begins from one place to another, where one does.
    fn cut(&self, begins: u64, from: usize, to: usize) -> u64 {
        let begins = begins & (below(from) | !below(to));
        if to < self.known { begins | 1 << to } else { begins }
    }
}

/// The places of bits.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (place < BLOCK).then_some(place)
    })
}
