//! Bodies shared by tests, seed replay and fuzz targets.

use alloc::string::String;

use crate::json::{Document, Kind, Value, Writer};

/// A text that reads can be asked everything, and writing it gives a text that reads as the same values and is written the same.
pub fn check_json(data: &[u8]) {
    let document = match Document::read(data) {
        Ok(document) => document,
        Err(error) => {
            assert!(error.at() <= data.len(), "{error}");
            return;
        }
    };
    let written = write(document.root());
    let again = Document::read(written.as_bytes()).expect("what the writer writes is JSON");
    assert_eq!(write(again.root()), written);
    assert_same(document.root(), again.root());
}

fn write(value: Value<'_>) -> String {
    let mut out = String::new();
    let mut writer = Writer::new(&mut out);
    writer.value(value);
    writer.finish();
    out
}

/// Recursion is safe here: the reader has bounded the depth.
fn assert_same(a: Value<'_>, b: Value<'_>) {
    assert_eq!(a.kind(), b.kind());
    assert_eq!(a.as_bool(), b.as_bool());
    assert_eq!(a.as_number(), b.as_number());
    assert_eq!(a.as_str(), b.as_str());
    if a.kind() == Kind::Array {
        assert_eq!(a.items().count(), b.items().count());
    }
    assert_eq!(a.members().count(), b.members().count());
    a.items().zip(b.items()).for_each(|(a, b)| assert_same(a, b));
    for ((name, a), (other_name, b)) in a.members().zip(b.members()) {
        assert_eq!(name, other_name);
        assert_same(a, b);
    }
}
