//! Clever ways against plain ones: merges, scanners, streams, places.

mod common;

use common::{committed, read, testdata, tokenizer};
use dolmen_base::Rng;
use dolmen_tokenizer::config::{Merges, Model};
use dolmen_tokenizer::load::load;
use dolmen_tokenizer::{Definition, Scratch, Specials, Tokenizer, check, naive};

fn rounds(few: usize) -> usize {
    if std::env::var_os("DOLMEN_SOAK").is_some() { few * 100 } else { few }
}

fn definition() -> Definition {
    load("x", &read(&committed().join("hf_bytelevel_bpe.json.gz"))).unwrap()
}

/// The same vocabulary as tiktoken would have it: the text of a token is its rank.
fn by_text(mut definition: Definition) -> Definition {
    definition.merges.clear();
    if let Model::Bpe { merges, .. } = &mut definition.config.model {
        *merges = Merges::ByText;
    }
    definition
}

/// Without any cutting, so that the whole text is one piece.
fn uncut(mut definition: Definition) -> Definition {
    definition.config.pretokenizers.clear();
    definition.added.clear();
    definition
}

/// Flat array, heap and runs all give what the plain way gives.
#[test]
fn merges_as_the_plain_way() {
    for definition in [uncut(definition()), by_text(uncut(definition()))] {
        let tokenizer = Tokenizer::new(&definition).unwrap();
        let mut scratch = Scratch::default();
        let mut rng = Rng::new(3);
        let alphabets = ["ab", "aaaaab", "the and of", "0 1", "\u{3042}\u{3044}\u{3046}", "etaoin shrdlu\n"];
        for round in 0..rounds(300) {
            let letters: Vec<char> = alphabets[round % alphabets.len()].chars().collect();
            let len = [5, 30, 60, 200][rng.below(4) as usize];
            let mut text = String::new();
            while text.len() < len {
                let c = letters[rng.below(letters.len() as u64) as usize];
                let times = if rng.below(8) == 0 { rng.range(1, 90) } else { 1 };
                (0..times).for_each(|_| text.push(c));
            }
            let mut ids = Vec::new();
            tokenizer.encode(&mut scratch, &text, Specials::Text, &mut ids).unwrap();
            assert_eq!(ids, naive::encode_piece(&definition, text.as_bytes()), "{text:?}");
        }
        for n in (1..400).step_by(7) {
            for unit in [" ", "a", "\n", "-"] {
                let text = format!("x{}", unit.repeat(n));
                let mut ids = Vec::new();
                tokenizer.encode(&mut scratch, &text, Specials::Text, &mut ids).unwrap();
                assert_eq!(ids, naive::encode_piece(&definition, text.as_bytes()), "{text:?}");
            }
        }
    }
}

const PIECES: [&str; 34] = [
    "'s",
    "'LL",
    "'re",
    "'",
    "''",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "\u{3000}",
    "\u{a0}",
    "\u{85}",
    "123",
    "4567890",
    "...",
    "//",
    "/",
    "don't",
    "HTTPServer",
    "camelCase",
    "A",
    "\u{200d}",
    "e\u{301}",
    "\u{301}",
    "\u{1e9e}",
    "\u{130}",
    "\u{1c5}",
    "\u{b2}",
    "\u{2167}",
    "'\u{17f}",
    "\u{2b0}",
    "\u{e31}",
    "\u{fffd}",
];

#[test]
fn scanners_as_their_expressions() {
    let mut rng = Rng::new(5);
    for round in 0..rounds(600) {
        let mut text = String::new();
        // Longer ones fill blocks of 64 bytes.
        for _ in 0..rng.range(1, if round % 8 == 0 { 60 } else { 14 }) {
            if rng.below(3) > 0 {
                text.push_str(PIECES[rng.below(PIECES.len() as u64) as usize]);
            } else {
                let base =
                    [0x20, 0x61, 0xc0, 0x300, 0x400, 0x600, 0x900, 0x2000, 0x2150, 0x3040, 0x4e00, 0x1d400]
                        [rng.below(12) as usize];
                text.extend(char::from_u32(base + rng.below(96) as u32));
            }
        }
        check::check_scanners(text.as_bytes());
    }
}

/// Whatever stands at the end of a block of 64 bytes.
#[test]
fn scanners_over_the_edges_of_blocks() {
    for piece in
        PIECES.iter().chain(&["  \n  x", "x'll's", "\n\n/;//\n/a", "AB\u{301}", " (a", "\ta", " 1", "a1b"])
    {
        for before in ["x", " ", "/", "7", "\n"] {
            for at in 56..=64 {
                check::check_scanners(
                    format!("{}{piece}{piece} end of it, 8 bytes", before.repeat(at)).as_bytes(),
                );
            }
        }
    }
}

/// The run of blanks gives its last one to the next word (llm-06).
#[test]
fn two_blanks_before_a_word() {
    let pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    let pieces = |text: &str| {
        let ends = naive::pieces(pattern, text).unwrap();
        let mut at = 0;
        ends.into_iter().map(|end| text[std::mem::replace(&mut at, end)..end].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pieces("a  b"), ["a", " ", " b"]);
    assert_eq!(pieces("x \n\n  y"), ["x", " \n\n ", " y"]);
    assert_eq!(pieces("z         "), ["z", "         "]);
    for text in ["a  b", "    if x:\n        return", "x \n\n  y", "z         "] {
        check::check_scanners(text.as_bytes());
    }
}

/// One token at a time: no U+FFFD for good text, and the parts are the whole (llm-10).
#[test]
fn characters_that_span_tokens() {
    for name in ["hf_bytelevel_bpe.json.gz", "sp_bpe_identity.model.gz", "sp_unigram_identity.model.gz"] {
        let tokenizer = tokenizer(&committed().join(name));
        let text = "\u{1f600}\u{1f468}\u{200d}\u{1f469} \u{9f98}\u{10ffff} end";
        let mut ids = Vec::new();
        tokenizer.encode(&mut Scratch::default(), text, Specials::Text, &mut ids).unwrap();
        let mut stream = tokenizer.decoder(false);
        let mut out = String::new();
        for &id in &ids {
            stream.push(id, &mut out).unwrap();
            assert!(!out.contains('\u{fffd}') && text.starts_with(&out), "{name}: {out:?}");
        }
        stream.finish(&mut out);
        assert_eq!(out, text, "{name}");
        // Cut in the middle of a character: replaced once at the end at most, never an error.
        let mut stream = tokenizer.decoder(false);
        let mut cut = String::new();
        stream.push(ids[0], &mut cut).unwrap();
        stream.push(ids[1], &mut cut).unwrap();
        stream.finish(&mut cut);
        assert!(stream.push(u32::MAX, &mut cut).is_err());
    }
}

/// Bytes that can be no character do not stall the stream.
#[test]
fn lone_bad_bytes_go_on() {
    let tokenizer = tokenizer(&committed().join("hf_bytelevel_bpe.json.gz"));
    let byte = |b: u8| tokenizer.id(&[b]).unwrap();
    let mut stream = tokenizer.decoder(false);
    let mut out = String::new();
    for (b, wanted) in
        [(0xff, "\u{fffd}"), (b'a', "\u{fffd}a"), (0xe3, "\u{fffd}a"), (b'b', "\u{fffd}a\u{fffd}b")]
    {
        stream.push(byte(b), &mut out).unwrap();
        assert_eq!(out, wanted);
    }
}

/// Scratch memory that served one vocabulary serves another without mixing them up.
#[test]
fn scratch_is_shared() {
    let (a, b) = (Tokenizer::new(&definition()).unwrap(), tokenizer(&committed().join("hf_bert.json.gz")));
    let mut scratch = Scratch::default();
    let ids = |t: &Tokenizer, scratch: &mut Scratch| {
        let mut ids = Vec::new();
        t.encode(scratch, "the same words", Specials::Text, &mut ids).unwrap();
        ids
    };
    let (fresh_a, fresh_b) = (ids(&a, &mut Scratch::default()), ids(&b, &mut Scratch::default()));
    for _ in 0..3 {
        assert_eq!((ids(&a, &mut scratch), ids(&b, &mut scratch)), (fresh_a.clone(), fresh_b.clone()));
    }
}

/// Byte tokens of real vocabularies: every byte can be said.
#[test]
fn every_byte_of_tiktoken() {
    let Some(data) = testdata("tokenizers") else { return };
    let tokenizer = tokenizer(&data.join("tiktoken/cl100k_base.tiktoken.gz"));
    assert!((0..=255u8).all(|b| tokenizer.id(&[b]).is_some()));
    assert_eq!(tokenizer.id(b"<|endoftext|>"), Some(100257));
    assert_eq!(tokenizer.vocabulary_len(), 100277);
    assert!(tokenizer.token(100261).is_none(), "a hole");
}
