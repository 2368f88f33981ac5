//! What each of 64 bytes is, as masks of 64 bits: what scanners of text work on instead of on bytes.

use crate::level::Level;
use crate::wide::{Kernel, Wide};

/// Bytes that are looked at together.
pub const BLOCK: usize = 64;

/// Bit `i` of a mask says that byte `i` of the block is of its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// `a` to `z`.
    pub lower: u64,
    /// `A` to `Z`.
    pub upper: u64,
    /// `0` to `9`.
    pub digit: u64,
    /// White space: the blank and 9 to 13.
    pub blank: u64,
    /// The blank alone.
    pub space: u64,
    /// Line feed and carriage return.
    pub line: u64,
    /// The apostrophe.
    pub quote: u64,
    /// The slash.
    pub slash: u64,
    /// Bytes from 128: parts of characters beyond ASCII.
    pub wide: u64,
}

/// The classes of 64 bytes.
#[inline]
pub fn classes(level: Level, block: &[u8; BLOCK]) -> Classes {
    level.run(Block(block))
}

/// The first place of a byte in a text.
pub fn find(level: Level, text: &[u8], byte: u8) -> Option<usize> {
    level.run(Find(text, byte))
}

struct Block<'a>(&'a [u8; BLOCK]);

impl Kernel for Block<'_> {
    type Out = Classes;

    fn scalar(self) -> Classes {
        let mut all = Classes::default();
        for (i, &byte) in self.0.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << i;
            all.lower |= bit(byte.is_ascii_lowercase());
            all.upper |= bit(byte.is_ascii_uppercase());
            all.digit |= bit(byte.is_ascii_digit());
            all.blank |= bit(matches!(byte, b' ' | 9..=13));
            all.space |= bit(byte == b' ');
            all.line |= bit(matches!(byte, b'\n' | b'\r'));
            all.quote |= bit(byte == b'\'');
            all.slash |= bit(byte == b'/');
            all.wide |= bit(!byte.is_ascii());
        }
        all
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> Classes {
        let x = w.load_bytes(self.0);
        let space = w.eq_u8_mask(x, w.splat_u8(b' '));
        Classes {
            lower: within(w, x, b'a', b'z'),
            upper: within(w, x, b'A', b'Z'),
            digit: within(w, x, b'0', b'9'),
            blank: space | within(w, x, 9, 13),
            space,
            line: w.eq_u8_mask(x, w.splat_u8(b'\n')) | w.eq_u8_mask(x, w.splat_u8(b'\r')),
            quote: w.eq_u8_mask(x, w.splat_u8(b'\'')),
            slash: w.eq_u8_mask(x, w.splat_u8(b'/')),
            wide: w.le_u8_mask(w.splat_u8(0x80), x),
        }
    }
}

#[inline(always)]
fn within<W: Wide>(w: W, x: W::I, first: u8, last: u8) -> u64 {
    w.le_u8_mask(w.sub_u8(x, w.splat_u8(first)), w.splat_u8(last - first))
}

struct Find<'a>(&'a [u8], u8);

impl Kernel for Find<'_> {
    type Out = Option<usize>;

    fn scalar(self) -> Option<usize> {
        self.0.iter().position(|&byte| byte == self.1)
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> Option<usize> {
        let (blocks, tail) = self.0.as_chunks::<BLOCK>();
        let wanted = w.splat_u8(self.1);
        for (nth, block) in blocks.iter().enumerate() {
            let found = w.eq_u8_mask(w.load_bytes(block), wanted);
            if found != 0 {
                return Some(BLOCK * nth + found.trailing_zeros() as usize);
            }
        }
        let at = tail.iter().position(|&byte| byte == self.1)?;
        Some(BLOCK * blocks.len() + at)
    }
}
