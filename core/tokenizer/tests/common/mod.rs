//! Where test data is, and how it is read.
#![allow(dead_code, clippy::disallowed_methods, reason = "each test uses a part; tests read files")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use dolmen_text::json::{Document, Value};
use dolmen_tokenizer::load::load;
use dolmen_tokenizer::{Scratch, Specials, Tokenizer};

/// The folder of test data that is not ours to commit: `DOLMEN_TESTDATA`, else `shared/data` in a folder above.
pub fn testdata(system: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("shared/data"));
    let named = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from);
    let found = named.into_iter().chain(above).map(|dir| dir.join(system)).find(|dir| dir.is_dir());
    if found.is_none() {
        println!("skipped: no data");
    }
    found
}

/// Committed fixtures.
pub fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// A file, unpacked if it is gzipped.
pub fn read(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_some_and(|e| e == "gz") {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut out).unwrap();
        return out;
    }
    bytes
}

/// A vocabulary by its file.
pub fn tokenizer(path: &Path) -> Tokenizer {
    let name = path.file_name().unwrap().to_str().unwrap();
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let definition = load(stem, &read(path)).unwrap_or_else(|e| panic!("{name}: {e}"));
    Tokenizer::new(&definition).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The ids of a text, encoded twice so that the cache answers too, and with places, which must not change them.
pub fn encode(tokenizer: &Tokenizer, scratch: &mut Scratch, text: &str, specials: Specials) -> Vec<u32> {
    let (mut first, mut second, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    tokenizer.encode(scratch, text, specials, &mut first).unwrap();
    tokenizer.encode(scratch, text, specials, &mut second).unwrap();
    assert_eq!(first, second, "from the cache: {text:?}");
    tokenizer.encode_spans(scratch, text, specials, &mut spans).unwrap();
    let ids: Vec<u32> = spans.iter().map(|s| s.id).collect();
    assert_eq!(first, ids, "with places: {text:?}");
    for span in &spans {
        let place = span.start as usize..span.end as usize;
        assert!(text.get(place.clone()).is_some(), "{place:?} of {text:?}");
    }
    first
}

/// A JSON list of numbers.
pub fn numbers(value: Value<'_>) -> Vec<u32> {
    value.items().map(|n| n.as_number().unwrap().as_u64().unwrap() as u32).collect()
}

/// A JSON list of texts.
pub fn texts(bytes: &[u8]) -> Vec<String> {
    let document = Document::read(bytes).unwrap();
    document.root().items().map(|t| t.as_str().unwrap().into_owned()).collect()
}
