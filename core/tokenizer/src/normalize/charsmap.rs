//! SentencePiece's `precompiled_charsmap`: a double array of what is replaced, and the texts it is replaced by.
//!
//! ```text
//!  0  bytes of the array   u32
//!  4  units                u32 each:  31 value · 31..  leaf: label in 0..8, bit 8 has a value, offset in 10.. shifted by 8 if bit 9 is set
//!     texts, each ended by a zero byte; a value is the place of one
//! ```

use super::{Rebuild, Text};
use crate::unicode::{M, decode};

/// A checked view; what points outside finds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charsmap<'a> {
    units: &'a [u8],
    texts: &'a [u8],
}

impl<'a> Charsmap<'a> {
    /// A view of the bytes; an empty one if they are cut off.
    pub fn new(bytes: &'a [u8]) -> Self {
        let parts = bytes.split_at_checked(4).and_then(|(head, rest)| {
            rest.split_at_checked(u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize)
        });
        let (units, texts) = parts.unwrap_or((&[], &[]));
        Charsmap { units, texts }
    }

    fn unit(&self, at: usize) -> Option<u32> {
        let bytes = self.units.get(at.checked_mul(4)?..)?.get(..4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// What `bytes` may begin with, short before long: the length, and the text instead.
    pub fn prefixes(self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, &'a str)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut node = self.unit(0).map(offset);
        let mut at = 0;
        core::iter::from_fn(move || {
            loop {
                let byte = *bytes.get(at)?;
                let here = node? ^ usize::from(byte);
                let unit = self.unit(here)?;
                if unit & (1 << 31 | 0xff) != u32::from(byte) {
                    return None;
                }
                let next = here ^ offset(unit);
                node = Some(next);
                at += 1;
                if unit >> 8 & 1 == 1 {
                    let value = self.unit(next)? & 0x7fff_ffff;
                    return Some((at, self.text(value as usize)));
                }
            }
        })
    }

    fn text(&self, at: usize) -> &'a str {
        let rest = self.texts.get(at..).unwrap_or(&[]);
        let len = rest.iter().position(|&b| b == 0).unwrap_or(rest.len());
        core::str::from_utf8(&rest[..len]).unwrap_or("\u{fffd}")
    }

    /// The longest of [`prefixes`](Charsmap::prefixes) that ends between characters.
    pub fn longest(self, text: &'a str) -> Option<(usize, &'a str)> {
        self.prefixes(text.as_bytes()).filter(|(len, _)| text.is_char_boundary(*len)).last()
    }
}

/// Hugging Face's `Precompiled`: a character with its marks is looked up as one if it is shorter than six bytes, else each character by
/// itself; the shortest entry that fits counts.
pub fn normalize(map: Charsmap<'_>, text: Text) -> Text {
    let mut new = Rebuild::new(&text);
    let bytes = text.text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let mut end = at + decode(bytes, at).1;
        while M.has(decode(bytes, end).0) {
            end += decode(bytes, end).1;
        }
        let group = &text.text[at..end];
        let whole = (group.len() < 6).then(|| map.prefixes(group.as_bytes()).next()).flatten();
        if let Some((_, to)) = whole {
            replace(&mut new, group, to);
        } else {
            let mut buffer = [0; 4];
            for c in group.chars() {
                let c: &str = c.encode_utf8(&mut buffer);
                match map.prefixes(c.as_bytes()).next().map(|(_, to)| to) {
                    Some(to) => replace(&mut new, c, to),
                    None => c.chars().for_each(|c| new.replace(c)),
                }
            }
        }
        at = end;
    }
    new.finish()
}

fn replace(new: &mut Rebuild<'_>, from: &str, to: &str) {
    let (old, count) = (from.chars().count(), to.chars().count());
    if count == 0 {
        return (0..old).for_each(|_| new.skip());
    }
    for (i, c) in to.chars().enumerate() {
        let left = if i + 1 == count { old.saturating_sub(count) } else { 0 };
        new.change(c, if i < old { -(left as i32) } else { 1 });
    }
}
