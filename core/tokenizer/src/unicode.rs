//! General categories and white space of Unicode 16.0.0, the version that tiktoken's and Hugging Face's regular expressions use.
//!
//! `classes.bin` is a two-stage table: 4,352 bytes, each the number of a block of 256 code points, then the blocks, a category a byte, and two
//! bits beside it for what is newer than Unicode 8.0 and 9.0.
//! `tests/unicode.rs` compares every code point with the tables of the `regex-syntax` crate and can write the file anew.

static TABLE: &[u8] = include_bytes!("unicode/classes.bin");

/// Code points of a block.
const BLOCK: usize = 256;
/// Blocks of the whole range.
const BLOCKS: usize = 0x11_0000 / BLOCK;

/// The categories in the order of their numbers. `Cc` that are white space have a number of their own behind the others.
pub const CATEGORIES: [&str; 30] = [
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs",
];
/// A control character that is white space: U+0009 to U+000D and U+0085.
pub const SPACE_CONTROL: u8 = 30;

/// A set of categories, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Categories(pub u32);

/// `\p{L}`
pub const L: Categories = Categories(0b11_1110);
/// `\p{M}`
pub const M: Categories = Categories(0b111 << 6);
/// `\p{N}`
pub const N: Categories = Categories(0b111 << 9);
/// `\p{P}`
pub const P: Categories = Categories(0b111_1111 << 12);
/// `\p{S}`
pub const S: Categories = Categories(0b1111 << 19);
/// `\p{Z}`
pub const Z: Categories = Categories(0b111 << 23);
/// `\p{C}`
pub const C: Categories = Categories(1 | 0b1111 << 26 | 1 << SPACE_CONTROL);
/// `\s`: White_Space
pub const SPACE: Categories = Categories(Z.0 | 1 << SPACE_CONTROL);
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
pub const UPPERISH: Categories = Categories(1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | M.0);
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
pub const LOWERISH: Categories = Categories(1 << 2 | 1 << 4 | 1 << 5 | M.0);

impl Categories {
    /// The set of one name: `L`, `Lu`, `N` and so on.
    pub fn by_name(name: &str) -> Option<Categories> {
        let group = |first: char| {
            let bits = CATEGORIES.iter().enumerate().filter(|(_, n)| n.starts_with(first));
            bits.fold(0u32, |set, (i, _)| set | 1 << i)
        };
        let long = match name {
            "Letter" => "L",
            "Mark" => "M",
            "Number" => "N",
            "Punctuation" => "P",
            "Symbol" => "S",
            other => other,
        };
        let bits = match CATEGORIES.iter().position(|n| *n == long) {
            Some(i) => 1 << i,
            None if matches!(long, "L" | "M" | "N" | "P" | "S" | "Z" | "C") => group(long.chars().next()?),
            None => return None,
        };
        let control = CATEGORIES.iter().position(|n| *n == "Cc").map_or(0, |i| bits >> i & 1);
        Some(Categories(bits | control << SPACE_CONTROL))
    }

    /// Both.
    pub const fn or(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    /// Whether a code point is in it.
    #[inline]
    pub fn has(self, code: u32) -> bool {
        self.0 >> category(code) & 1 != 0
    }
}

/// Marks code points that were assigned after Unicode 8.0, the version of the categories in Hugging Face's BERT steps.
const RECENT: u8 = 0x20;
/// Marks code points that were assigned after Unicode 9.0, the version of Hugging Face's normalisation forms.
const AFTER_9: u8 = 0x40;

/// The number of a code point's category; beyond Unicode that of an unassigned one.
#[inline]
pub fn category(code: u32) -> u8 {
    entry(code) & (RECENT - 1)
}

/// Whether a code point was assigned after Unicode 8.0.
pub fn is_recent(code: u32) -> bool {
    entry(code) & RECENT != 0
}

/// Whether a code point was not assigned in Unicode 9.0.
pub fn is_after_9(code: u32) -> bool {
    entry(code) & AFTER_9 != 0 || category(code) == 0
}

/// Old categories, for BERT: control, format or private.
pub fn bert_is_control(code: u32) -> bool {
    Categories(C.0 & !1).has(code) && !is_recent(code)
}

/// Old categories, for BERT: non-spacing marks. Three code points have been given another category since.
pub fn bert_is_nonspacing(code: u32) -> bool {
    let old = Categories(1 << 6).has(code) && !is_recent(code) && code != 0x1_11c9;
    old || matches!(code, 0x1734 | 0x1_171e)
}

/// Old categories, for BERT: punctuation, or a symbol of ASCII. Two code points have been given another category since.
pub fn bert_is_punctuation(code: u32) -> bool {
    let ascii = u8::try_from(code).is_ok_and(|b| b.is_ascii_punctuation());
    ascii || P.has(code) && !is_recent(code) || matches!(code, 0x166d | 0x1_11c9)
}

#[inline]
fn entry(code: u32) -> u8 {
    let block = TABLE.get(code as usize / BLOCK).filter(|_| code < 0x11_0000);
    let at = block.map(|&b| BLOCKS + usize::from(b) * BLOCK + code as usize % BLOCK);
    at.and_then(|at| TABLE.get(at)).copied().unwrap_or(0)
}

/// `\w`: Alphabetic, marks, decimal digits, connector punctuation and the two joiners.
pub fn is_word(code: u32) -> bool {
    let plain = L.or(M).or(Categories(1 << 9 | 1 << 10 | 1 << 12)).has(code);
    plain
        || matches!(code, 0x200c | 0x200d | 0x24b6..=0x24e9 | 0x1f130..=0x1f149 | 0x1f150..=0x1f169 | 0x1f170..=0x1f189)
}

/// The code point at a place of UTF-8 and its length. Broken bytes count as one unassigned code point each.
#[inline]
pub fn decode(bytes: &[u8], at: usize) -> (u32, usize) {
    let Some(&first) = bytes.get(at) else { return (u32::MAX, 0) };
    if first < 0x80 {
        return (u32::from(first), 1);
    }
    let tail = |i: usize| bytes.get(at + i).map_or(0, |b| u32::from(b & 0x3f));
    let first = u32::from(first);
    match first {
        0xc0..=0xdf if at + 1 < bytes.len() => ((first & 0x1f) << 6 | tail(1), 2),
        0xe0..=0xef if at + 2 < bytes.len() => ((first & 0xf) << 12 | tail(1) << 6 | tail(2), 3),
        0xf0..=0xf7 if at + 3 < bytes.len() => {
            ((first & 7) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
        }
        _ => (u32::MAX, 1),
    }
}

/// The start of the character that ends before `end`.
pub fn previous(bytes: &[u8], end: usize) -> usize {
    let mut at = end.saturating_sub(1);
    while at > 0 && bytes.get(at).is_some_and(|b| b & 0xc0 == 0x80) && end - at < 4 {
        at -= 1;
    }
    at
}
