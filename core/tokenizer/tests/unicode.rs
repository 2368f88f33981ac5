//! The table of categories against the tables of `regex-syntax`, which is what tiktoken matches with.
#![allow(clippy::disallowed_methods, reason = "a test writes and reads its tables")]

use std::collections::BTreeMap;

use dolmen_tokenizer::unicode::{
    CATEGORIES, Categories, SPACE, SPACE_CONTROL, category, is_after_9, is_recent, is_word,
};
use regex_syntax::hir::{Class, HirKind};

/// The ranges of a pattern that is one class.
fn ranges(pattern: &str) -> Vec<(u32, u32)> {
    let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()
        }
        HirKind::Literal(one) => {
            let c = std::str::from_utf8(&one.0).unwrap().chars().next().unwrap();
            vec![(u32::from(c), u32::from(c))]
        }
        other => panic!("{pattern}: {other:?}"),
    }
}

/// The category of every code point, by the judge.
fn judged() -> Vec<u8> {
    let mut all = vec![0u8; 0x11_0000];
    for (number, name) in CATEGORIES.iter().enumerate().filter(|(_, name)| **name != "Cs") {
        for (low, high) in ranges(&format!("\\p{{{name}}}")) {
            all[low as usize..=high as usize].fill(number as u8);
        }
    }
    all[0xd800..0xe000].fill(29);
    let control = CATEGORIES.iter().position(|n| *n == "Cc").unwrap() as u8;
    for (low, high) in ranges("\\s") {
        for code in low..=high {
            if all[code as usize] == control {
                all[code as usize] = SPACE_CONTROL;
            }
        }
    }
    for (version, bit) in [("8.0", 0x20), ("9.0", 0x40)] {
        for (low, high) in ranges(&format!("[\\p{{assigned}}&&\\P{{age={version}}}]")) {
            all[low as usize..=high as usize].iter_mut().for_each(|c| *c |= bit);
        }
    }
    all
}

/// With `DOLMEN_WRITE_TABLES` set, writes the table from the judge's before it compares.
#[test]
fn every_code_point() {
    let judged = judged();
    if std::env::var_os("DOLMEN_WRITE_TABLES").is_some() {
        let (mut first, mut blocks, mut known) = (Vec::new(), Vec::new(), BTreeMap::new());
        for block in judged.chunks(256) {
            let next = known.len();
            let number = *known.entry(block.to_vec()).or_insert_with(|| {
                blocks.extend_from_slice(block);
                next
            });
            first.push(u8::try_from(number).unwrap());
        }
        first.extend(blocks);
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/unicode/classes.bin"), first).unwrap();
        return;
    }
    for (code, &wanted) in judged.iter().enumerate() {
        assert_eq!(is_recent(code as u32), wanted & 32 != 0, "U+{code:04X}");
        assert_eq!(is_after_9(code as u32), wanted & 64 != 0 || wanted & 31 == 0, "U+{code:04X}");
        assert_eq!(category(code as u32), wanted & 31, "U+{code:04X}");
    }
    assert_eq!(category(0x11_0000), 0);
}

#[test]
fn sets_by_name_and_word_characters() {
    for (name, pattern) in [
        ("L", "\\p{L}"),
        ("M", "\\p{M}"),
        ("N", "\\p{N}"),
        ("P", "\\p{P}"),
        ("S", "\\p{S}"),
        ("Lu", "\\p{Lu}"),
    ] {
        let set = Categories::by_name(name).unwrap();
        let mut wanted = vec![false; 0x11_0000];
        ranges(pattern).iter().for_each(|&(l, h)| wanted[l as usize..=h as usize].fill(true));
        assert!((0..0x11_0000).all(|code| set.has(code) == wanted[code as usize]), "{name}");
    }
    let mut space = vec![false; 0x11_0000];
    ranges("\\s").iter().for_each(|&(l, h)| space[l as usize..=h as usize].fill(true));
    assert!((0..0x11_0000).all(|code| SPACE.has(code) == space[code as usize]));
    let mut word = vec![false; 0x11_0000];
    ranges("\\w").iter().for_each(|&(l, h)| word[l as usize..=h as usize].fill(true));
    let differs: Vec<_> = (0..0x11_0000).filter(|&code| is_word(code) != word[code as usize]).collect();
    assert!(differs.is_empty(), "{differs:x?}");
    assert_eq!(Categories::by_name("Greek"), None);
}
