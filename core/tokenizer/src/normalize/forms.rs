//! NFC, NFD, NFKC and NFKD with places. Decomposition, composition and classes are those of the `unicode-normalization` crate, as they were in
//! Unicode 9.0: vocabularies were made with tables of that version, and what was assigned later has no class and stays as it is.

use alloc::vec::Vec;

use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_canonical, decompose_compatible,
};
use unicode_normalization::{IsNormalized, is_nfc_quick, is_nfd_quick, is_nfkc_quick, is_nfkd_quick};

use super::{Rebuild, Text};
use crate::unicode::is_after_9;

/// Whether a text is surely in a form.
pub fn is_in(text: &str, composed: bool, compatible: bool) -> bool {
    let quick = || match (composed, compatible) {
        (true, false) => is_nfc_quick(text.chars()),
        (true, true) => is_nfkc_quick(text.chars()),
        (false, false) => is_nfd_quick(text.chars()),
        (false, true) => is_nfkd_quick(text.chars()),
    };
    text.is_ascii() || quick() == IsNormalized::Yes
}

/// A decomposed character, its change (see [`Rebuild::change`]) and its class.
type Part = (char, i32, u8);

/// The text in a form.
pub fn normalize(text: Text, composed: bool, compatible: bool) -> Text {
    if is_in(&text.text, composed, compatible) {
        return text;
    }
    let mut new = Rebuild::new(&text);
    let mut parts = Vec::new();
    // A starter ends the parts that are reordered among themselves.
    let mut pending = 0;
    let mut composer = Composer { base: None, waiting: Vec::new(), class: None };
    for c in text.text.chars() {
        let mut change = 0;
        let recent = is_after_9(u32::from(c));
        let mut push = |part: char| {
            let class = if recent { 0 } else { canonical_combining_class(part) };
            if class == 0 {
                sort(&mut parts, pending);
                pending = parts.len() + 1;
            }
            parts.push((part, change, class));
            change = 1;
        };
        match (recent, compatible) {
            (true, _) => push(c),
            (false, true) => decompose_compatible(c, &mut push),
            (false, false) => decompose_canonical(c, &mut push),
        }
        // Everything before the last starter is in order.
        let ready = pending.saturating_sub(1);
        if ready > 0 {
            parts.drain(..ready).for_each(|part| composer.put(&mut new, part, composed));
            pending -= ready;
        }
    }
    sort(&mut parts, pending);
    parts.drain(..).for_each(|part| composer.put(&mut new, part, composed));
    composer.flush(&mut new);
    new.finish()
}

fn sort(parts: &mut [Part], from: usize) {
    if let Some(parts) = parts.get_mut(from..) {
        parts.sort_by_key(|part| part.2);
    }
}

/// Unicode's composition: a starter takes what is not blocked.
struct Composer {
    base: Option<(char, i32)>,
    waiting: Vec<(char, i32)>,
    /// The class of the last part that waits.
    class: Option<u8>,
}

impl Composer {
    fn put(&mut self, new: &mut Rebuild<'_>, (c, change, class): Part, composed: bool) {
        if !composed {
            return new.change(c, change);
        }
        let Some(base) = self.base else {
            if class != 0 {
                return new.change(c, change);
            }
            self.base = Some((c, change));
            return;
        };
        let blocked = self.class.is_some_and(|last| last >= class);
        if !blocked && let Some(both) = compose(base.0, c).filter(|both| !is_after_9(u32::from(*both))) {
            self.base = Some((both, base.1 + change - 1));
            return;
        }
        if class == 0 {
            self.flush(new);
            self.base = Some((c, change));
        } else {
            self.waiting.push((c, change));
            self.class = Some(class);
        }
    }

    fn flush(&mut self, new: &mut Rebuild<'_>) {
        self.base.take().into_iter().chain(self.waiting.drain(..)).for_each(|(c, n)| new.change(c, n));
        self.class = None;
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use unicode_normalization::UnicodeNormalization;

    use super::*;

    /// The crate's own iterators judge.
    #[test]
    fn as_the_crate_has_it() {
        let mut text = String::new();
        let mut state = 7u32;
        for _ in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let low =
                [0x41, 0xc0, 0x300, 0x300, 0x316, 0x1100, 0x1161, 0x11a8, 0xac00, 0xfb00, 0x1e00, 0x3040]
                    [(state >> 8) as usize % 12];
            text.extend(char::from_u32(low + (state >> 16) % 64));
        }
        let whole = |composed, compatible| normalize(Text::new(&text, None), composed, compatible).text;
        assert_eq!(whole(true, false), text.nfc().collect::<String>());
        assert_eq!(whole(false, false), text.nfd().collect::<String>());
        assert_eq!(whole(true, true), text.nfkc().collect::<String>());
        assert_eq!(whole(false, true), text.nfkd().collect::<String>());
    }

    #[test]
    fn a_composed_character_has_the_place_of_its_first_part() {
        let text = normalize(Text::new("ae\u{301}b", Some(10)), true, false);
        assert_eq!(text.text, "a\u{e9}b");
        assert_eq!(text.places.unwrap(), [(10, 11), (11, 12), (11, 12), (14, 15)]);
    }
}
