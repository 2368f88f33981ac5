use dolmen_simd::level::Level;
use dolmen_simd::utf8::valid_up_to;

#[track_caller]
fn check(bytes: &[u8]) {
    let want = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| bytes.len());
    for level in Level::each() {
        assert_eq!(valid_up_to(level, bytes), want, "{level}, {bytes:x?}");
    }
}

/// simd-07, simdjson issue #1169, simdutf PR #381: a fault at the edge of a block, or found by one level only.
#[test]
fn every_level_says_what_the_standard_library_says() {
    let mut bytes = vec![b' '; 63];
    bytes.push(0xff);
    check(&bytes);
    for len in 1..=if cfg!(miri) { 3 } else { 200usize } {
        for at in (0..len).step_by(if cfg!(miri) { 13 } else { 1 }) {
            // A character of three bytes, cut by the end where it does not fit.
            let mut bytes = vec![b'a'; at];
            bytes.extend("€".bytes());
            bytes.resize(bytes.len().max(len), b'b');
            check(&bytes);
            bytes.truncate(len);
            check(&bytes);
        }
    }
    for (first, second) in (0..=255u8).flat_map(|first| (0..=255).map(move |second| (first, second))) {
        if cfg!(miri) && (first % 64 != 3 || second % 64 != 5) {
            continue;
        }
        let mut bytes = [b'x'; 80];
        (bytes[62], bytes[63]) = (first, second);
        check(&bytes);
        check(&bytes[..64]);
    }
    for bad in [&[0xc0, 0x80][..], &[0xed, 0xa0, 0x80], &[0xf4, 0x90, 0x80, 0x80]] {
        for before in (0..130).step_by(if cfg!(miri) { 64 } else { 1 }) {
            let mut bytes = vec![b'.'; before];
            bytes.extend(bad);
            check(&bytes);
            bytes.extend([b'.'; 70]);
            check(&bytes);
        }
    }
    // Longer than what is looked at in one go, with characters over its end.
    for before in if cfg!(miri) { 511..512 } else { 500..520 } {
        let mut bytes = vec![b'.'; before];
        bytes.extend("𝄞é€".repeat(if cfg!(miri) { 3 } else { 300 }).bytes());
        check(&bytes);
        bytes.pop();
        check(&bytes);
    }
}
