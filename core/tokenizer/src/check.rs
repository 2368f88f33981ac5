//! Bodies of tests that `cargo test` and the fuzz targets share.

use alloc::string::String;
use alloc::vec::Vec;

use crate::definition::Definition;
use crate::image::{self, Aligned};
use crate::load::{gguf, gguf_vocab, hf, sentencepiece, tiktoken};
use crate::naive;
use crate::scan::{self, Ends};
use crate::tokenizer::{Scratch, Specials, Tokenizer};
use dolmen_simd::level::Level;

/// Texts for any vocabulary that can be read.
const TEXTS: [&str; 6] = [
    "Hello, world! It's 12345 o'clock.\n\n  \tlet x = y;",
    "",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa   ",
    "e\u{301}\u{fb01}\u{1f600}\u{200d} \u{3042}\u{4e2d}\u{ac00}\u{e9}\u{2581}x <s>[UNK]<|endoftext|>",
    "\u{a0}\u{2028}\r\n'Ll 'S\u{17f} \u{130}",
    "\0\u{7f}\u{fffd}\u{10ffff}",
];

/// What holds for every vocabulary: encoding ends, ids are tokens, places lie in the text, a stream is the whole, and the prebuilt form is the same.
pub fn check_definition(definition: &Definition) {
    let Ok(tokenizer) = Tokenizer::new(definition) else { return };
    let copy = Aligned::copy(tokenizer.as_bytes());
    let again = Tokenizer::open(copy).expect("what was built can be opened");
    assert_eq!(again.config(), &definition.config);
    let (mut scratch, mut other) = (Scratch::default(), Scratch::default());
    for text in TEXTS {
        for specials in [Specials::Tokens, Specials::Text] {
            check_text(&tokenizer, &again, &mut scratch, &mut other, text, specials);
        }
    }
}

fn check_text(
    tokenizer: &Tokenizer,
    again: &Tokenizer,
    scratch: &mut Scratch,
    other: &mut Scratch,
    text: &str,
    specials: Specials,
) {
    let (mut ids, mut same, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    let first = tokenizer.encode(scratch, text, specials, &mut ids);
    assert_eq!(again.encode(other, text, specials, &mut same), first);
    assert_eq!(ids, same);
    if first.is_err() || tokenizer.encode_spans(scratch, text, specials, &mut spans).is_err() {
        return;
    }
    for span in &spans {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(start <= end && text.get(start..end).is_some(), "{start}..{end} of {text:?}");
    }
    assert!(spans.iter().map(|s| s.id).eq(ids.iter().copied()), "{text:?}");
    let whole = tokenizer.decode(&ids, false).expect("ids are tokens");
    let mut stream = tokenizer.decoder(false);
    let mut parts = String::new();
    ids.iter().for_each(|&id| stream.push(id, &mut parts).expect("ids are tokens"));
    stream.finish(&mut parts);
    assert_eq!(parts, whole);
}

/// A `tokenizer.json`.
pub fn check_json(data: &[u8]) {
    if let Ok(definition) = hf::load(data) {
        check_definition(&definition);
    }
}

/// A tiktoken rank file.
pub fn check_tiktoken(data: &[u8]) {
    let name = ["cl100k_base", "o200k_base", "r50k_base"][data.len() % 3];
    if let Ok(definition) = tiktoken::load(name, data) {
        check_definition(&definition);
    }
}

/// A SentencePiece model.
pub fn check_sentencepiece(data: &[u8]) {
    if let Ok(definition) = sentencepiece::load(data) {
        check_definition(&definition);
    }
}

/// A GGUF file.
pub fn check_gguf(data: &[u8]) {
    if let Ok(metadata) = gguf::Metadata::read(data) {
        for value in metadata.iter().map(|key| key.value) {
            if let gguf::Value::Array(array) = value {
                assert!(array.texts().count() <= array.len() && array.numbers().count() <= array.len());
            }
        }
    }
    if let Ok(definition) = gguf_vocab::load(data) {
        check_definition(&definition);
    }
}

/// A prebuilt vocabulary: what opens can be used, whatever its bytes are. Length and sum are put right first, so that the rest is judged.
pub fn check_prebuilt(data: &[u8]) {
    let mut sealed = data.to_vec();
    image::seal(&mut sealed);
    let Ok(tokenizer) = Tokenizer::open(Aligned::copy(&sealed)) else { return };
    let mut scratch = Scratch::default();
    for text in TEXTS {
        let mut ids = Vec::new();
        if tokenizer.encode(&mut scratch, text, Specials::Tokens, &mut ids).is_ok() {
            let _text = tokenizer.decode(&ids, true);
        }
        let _spans = tokenizer.encode_spans(&mut scratch, text, Specials::Text, &mut Vec::new());
    }
}

/// Every scanner against its expression, and in blocks against itself piece by piece.
pub fn check_scanners(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut blocks = Ends::default();
    for (pattern, scanner) in scan::known() {
        let mut ends = Vec::new();
        let mut at = 0;
        while at < text.len() {
            at = scanner.next(text.as_bytes(), at);
            ends.push(at);
        }
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            at = blocks.fill(scanner, Level::best(), text.as_bytes(), at);
            found.extend(blocks.found().iter().map(|&end| end as usize));
        }
        assert_eq!(found, ends, "{pattern}\n{text:?}");
        assert_eq!(Some(ends), naive::pieces(pattern, &text), "{pattern}\n{text:?}");
    }
}
