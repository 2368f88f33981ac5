//! Damaged and made-up files: an error or a vocabulary that works, never a panic, a hang or memory for a number in the file.

#![allow(clippy::disallowed_methods, reason = "a test reads and writes its seeds")]

mod common;

use std::path::{Path, PathBuf};

use common::{committed, read};
use dolmen_base::Rng;
use dolmen_tokenizer::check;
use dolmen_tokenizer::error::{EncodeError, LoadError};
use dolmen_tokenizer::load::{gguf::Metadata, load};
use dolmen_tokenizer::scan::Scanner;
use dolmen_tokenizer::train::{Options, Trainer};
use dolmen_tokenizer::{Aligned, Scratch, Specials, Tokenizer};

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 6] = [
    ("tokenizer_json", check::check_json),
    ("tokenizer_tiktoken", check::check_tiktoken),
    ("tokenizer_sentencepiece", check::check_sentencepiece),
    ("tokenizer_gguf", check::check_gguf),
    ("tokenizer_prebuilt", check::check_prebuilt),
    ("tokenizer_scanners", check::check_scanners),
];

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// The committed seeds of a target, by name; hash-named finds of the fuzzer are passed over.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(corpus(target)).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.file_name().unwrap().len() < 40);
    paths.sort();
    paths.iter().map(|p| read(p)).collect()
}

/// Rounds for each seed: few by default, many with `DOLMEN_SOAK`.
fn rounds(few: usize) -> usize {
    if std::env::var_os("DOLMEN_SOAK").is_some() { few * 200 } else { few }
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..rng.range(1, 4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len() as u64) as usize;
        match rng.below(7) {
            0 => bytes[at] = rng.below(256) as u8,
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes.insert(at, b"{}[]\",:0129\\\xff\x00\x80"[rng.below(14) as usize]),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            5 => {
                let len = rng.below(16).min((bytes.len() - at) as u64) as usize;
                let piece = bytes[at..at + len].to_vec();
                let to = rng.below(bytes.len() as u64) as usize;
                bytes.splice(to..to, piece);
            }
            _ => {
                let other = &others[rng.below(others.len() as u64) as usize];
                let from = rng.below(other.len() as u64 + 1) as usize;
                let to = (from + rng.below(24) as usize).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
}

#[test]
fn seeds_and_mutations() {
    if std::env::var_os("DOLMEN_WRITE_SEEDS").is_some() {
        let seed = small().as_bytes().to_vec();
        std::fs::create_dir_all(corpus("tokenizer_prebuilt")).unwrap();
        std::fs::write(corpus("tokenizer_prebuilt").join("trained"), seed).unwrap();
    }
    let mut rng = Rng::new(11);
    for (target, check) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        for seed in &seeds {
            check(seed);
            for _ in 0..rounds(60) {
                let mut bytes = seed.clone();
                mutate(&mut rng, &mut bytes, &seeds);
                check(&bytes);
            }
        }
    }
}

/// The seeds are sound: the targets must not refuse them.
#[test]
fn seeds_can_be_read() {
    for (target, _) in &TARGETS[..4] {
        for seed in seeds(target) {
            let definition = load("cl100k_base", &seed).unwrap_or_else(|e| panic!("{target}: {e}"));
            Tokenizer::new(&definition).unwrap_or_else(|e| panic!("{target}: {e}"));
        }
    }
}

fn small() -> Tokenizer {
    let mut trainer = Trainer::new(Scanner::Gpt2);
    trainer.feed("the small vocabulary of the small test");
    let options = Options { tokens_max: 270, count_min: 1, specials: &["<end>"] };
    Tokenizer::new(&trainer.train(options).unwrap()).unwrap()
}

#[test]
fn every_changed_byte_of_a_prebuilt_vocabulary_is_found() {
    let good = small().as_bytes().to_vec();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(Tokenizer::open(Aligned::copy(&bytes)).is_err(), "byte {at}");
    }
    for len in (0..good.len()).step_by(37) {
        assert!(Tokenizer::open(Aligned::copy(&good[..len])).is_err(), "{len} bytes");
    }
    let mut other = good.clone();
    other[8] ^= 0x40;
    let error = Tokenizer::open(Aligned::copy(&other)).unwrap_err();
    assert!(matches!(error, LoadError::Version { .. }), "{error}");
}

/// A file that claims 2^62 tensors or keys, a string of 2^63 bytes, a list of 2^60 elements, a list of lists (llm-01).
#[test]
fn gguf_files_that_claim_too_much() {
    let head = |tensors: u64, keys: u64| {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(keys.to_le_bytes());
        bytes
    };
    let key = |kind: u32, rest: &[u8]| {
        let mut bytes = head(0, 1);
        bytes.extend(3u64.to_le_bytes());
        bytes.extend(b"abc");
        bytes.extend(kind.to_le_bytes());
        bytes.extend(rest);
        bytes
    };
    assert!(Metadata::read(&head(1 << 62, 0)).is_ok(), "tensors are no part of a vocabulary");
    assert!(matches!(Metadata::read(&head(0, 1 << 62)), Err(LoadError::Limit { .. })));
    let mut name = head(0, 1);
    name.extend((1u64 << 63).to_le_bytes());
    name.extend([0; 40]);
    assert!(matches!(Metadata::read(&name), Err(LoadError::Binary(_))));
    assert!(matches!(Metadata::read(&key(8, &(1u64 << 63).to_le_bytes())), Err(LoadError::Binary(_))));
    for inner in [0u32, 4, 8] {
        let mut list = inner.to_le_bytes().to_vec();
        list.extend((1u64 << 60).to_le_bytes());
        list.extend([0; 64]);
        assert!(matches!(Metadata::read(&key(9, &list)), Err(LoadError::Limit { .. })), "{inner}");
    }
    let mut nested = 9u32.to_le_bytes().to_vec();
    nested.extend(1u64.to_le_bytes());
    nested.extend([0; 64]);
    assert!(matches!(Metadata::read(&key(9, &nested)), Err(LoadError::Unsupported { .. })));
    assert!(matches!(Metadata::read(&key(77, &[0; 8])), Err(LoadError::Unsupported { .. })));
}

fn with_pattern(pattern: &str) -> Result<Tokenizer, LoadError> {
    let json = format!(
        r#"{{"pre_tokenizer":{{"type":"Split","pattern":{{"Regex":{pattern:?}}},"behavior":"Isolated","invert":false}},
        "model":{{"type":"WordLevel","unk_token":"?","vocab":{{"?":0,"a":1}}}}}}"#
    );
    load("x", json.as_bytes()).and_then(|d| Tokenizer::new(&d))
}

/// Backtracking without end is an error; so is a pattern that is too deep, too long or unknown.
#[test]
fn patterns_that_would_hang() {
    let tokenizer = with_pattern("(?:a|a)*b|(?:a+a+)+c").unwrap();
    let mut ids = Vec::new();
    let text = "a".repeat(10_000);
    let error = tokenizer.encode(&mut Scratch::default(), &text, Specials::Text, &mut ids).unwrap_err();
    assert!(matches!(error, EncodeError::PatternSteps { .. }), "{error}");
    for bad in [
        "(?:a*)*",
        "(?<n>a)",
        "a*?",
        r"\bx",
        "[a&&b]",
        "(a",
        "a)",
        "[a",
        "a{2,1}",
        r"\p{Greek}",
        "*",
        "a**",
        "a{99999}{99999}",
    ] {
        let error = with_pattern(bad).unwrap_err();
        assert!(matches!(error, LoadError::Unsupported { .. } | LoadError::Invalid { .. }), "{bad}: {error}");
    }
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert!(matches!(with_pattern(&deep), Err(LoadError::Limit { .. })));
    assert!(matches!(with_pattern("(?:(?:ab){999}){999}"), Err(LoadError::Limit { .. })));
}

/// A megabyte of one letter, of blanks, of digits, of two letters in turn: as many ids as the halves give, in time that grows with the text.
#[test]
fn a_megabyte_of_one_letter() {
    let tokenizer = common::tokenizer(&committed().join("hf_bytelevel_bpe.json.gz"));
    let mut scratch = Scratch::default();
    for unit in ["a", " ", "7", "ab", "\n", "\u{e9}", "\u{3042}"] {
        let text = unit.repeat(1_000_000 / unit.len());
        let mut ids = Vec::new();
        tokenizer.encode(&mut scratch, &text, Specials::Text, &mut ids).unwrap();
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), text, "{unit:?}");
    }
}

#[test]
fn errors_are_sentences() {
    let message = |bytes: &[u8], name: &str| load(name, bytes).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        message(b"\0\0\0", "x"),
        "expected a tokenizer.json, a tiktoken rank file, a SentencePiece model, a GGUF file or a prebuilt vocabulary, found something else"
    );
    assert!(message(b"YQ== 0\n", "unheard_of").contains("cl100k_base"));
    assert_eq!(
        message(b"YQ== 0\nnothing\n", "cl100k_base"),
        "expected base64, a blank and a rank in a line of a tiktoken file at 2"
    );
    assert_eq!(message(b"{\"model\": 1}", "x"), "expected a \"model\" in tokenizer.json, found none");
    assert_eq!(
        message(b"YQ== 0\nYg== 0\n", "cl100k_base"),
        "token 0 has an id or a text that another one has"
    );
    assert!(
        message(b"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", "x")
            .starts_with("merge 0 ")
    );
}
