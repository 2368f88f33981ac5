//! Eight bytes at a time in a machine word.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Behind the ASCII letters that begin at a place, or some characters before that at the end of the text.
#[inline]
pub fn letters(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = text.get(at..at + 8) {
        let word = word(eight);
        let others = not_in(word | (0x20 * ONES), b'a', b'z') | word & HIGH;
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at
}

/// Behind the lower-case ASCII letters.
#[inline]
pub fn lower(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = text.get(at..at + 8) {
        let word = word(eight);
        let others = not_in(word, b'a', b'z') | word & HIGH;
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(u8::is_ascii_lowercase) {
        at += 1;
    }
    at
}

#[inline]
fn word(eight: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(eight);
    u64::from_le_bytes(bytes)
}

/// The high bit of each byte below 128 that lies outside `low..=high`. Bytes above are not judged.
#[inline]
const fn not_in(word: u64, low: u8, high: u8) -> u64 {
    let word = word & !HIGH;
    // No carry passes from one byte to the next: both sums stay below 256.
    let at_least = word + (0x80 - low as u64) * ONES;
    let above = word + (0x7f - high as u64) * ONES;
    (!at_least | above) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255u8 {
            for at in 0..8 {
                let mut text = *b"aZzAbcdeXYZabcde";
                text[at] = byte;
                let wanted = if byte.is_ascii_alphabetic() { 16 } else { at };
                assert_eq!(letters(&text, 0), wanted, "{byte} at {at}");
                let mut text = *b"azzabcdexyz";
                text[at] = byte;
                let wanted = if byte.is_ascii_lowercase() { 11 } else { at };
                assert_eq!(lower(&text, 0), wanted, "{byte} at {at}");
            }
        }
    }
}
