use dolmen_simd::ascii::{BLOCK, Classes, classes, find};
use dolmen_simd::level::Level;

use crate::support::*;

/// Each byte at each place, beside its neighbours: one bit of each class that it is in.
#[test]
fn every_byte_at_every_place() {
    for at in (0..BLOCK).step_by(if cfg!(miri) { 21 } else { 1 }) {
        for byte in 0..=255u8 {
            let mut block = [b'#'; BLOCK];
            block[at] = byte;
            let judge = classes(Level::SCALAR, &block);
            let bit = |is: bool| u64::from(is) << at;
            assert_eq!(judge.lower | judge.upper, bit(byte.is_ascii_alphabetic()));
            assert_eq!(judge.blank, bit(matches!(byte, 9..=13 | 32)));
            for level in Level::each() {
                assert_eq!(classes(level, &block), judge, "{byte} at {at}, {level}");
            }
        }
    }
    let mut all = [0; BLOCK];
    for first in (0..=192u8).step_by(64) {
        all.iter_mut().zip(first..=255).for_each(|(to, byte)| *to = byte);
        for level in Level::each() {
            let Classes { lower, wide, .. } = classes(level, &all);
            assert_eq!(lower, if first == 64 { 0x07ff_fffe_0000_0000 } else { 0 }, "{level}");
            assert_eq!(wide, if first < 128 { 0 } else { u64::MAX }, "{level}");
        }
    }
}

#[test]
fn a_byte_is_found_where_the_iterator_finds_it() {
    for len in lengths().take_while(|len| *len <= 300) {
        let text: Vec<u8> = (0..len).map(|i| if i % 3 == 0 { b'a' } else { 0xff }).collect();
        let mut text = Shifted::new(&text, len % 64);
        for level in Level::each() {
            assert_eq!(find(level, text.get(), b'<'), None, "{len}, {level}");
        }
        for at in (0..len).rev() {
            text.get_mut()[at] = b'<';
            for level in Level::each() {
                assert_eq!(find(level, text.get(), b'<'), Some(at), "{at} of {len}, {level}");
            }
        }
    }
}
