//! JSON against RFC 8259, and against serde_json as the judge.

use dolmen_base::Rng;
use dolmen_text::check::check_json;
use dolmen_text::json::{Document, Kind, ReadError, Value, Wanted, Writer};
use dolmen_text::limits::DEPTH_MAX;

/// The fuzz target's seeds.
const SEEDS: [&[u8]; 2] = [
    include_bytes!("../../../fuzz/corpus/json/every-kind"),
    include_bytes!("../../../fuzz/corpus/json/escapes-and-depth"),
];

/// One to four bytes changed, cut out, doubled or put in; what is put in is mostly JSON's own.
fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    const FAVOURITES: &[u8] = b"{}[]\",:\\ue0123456789+-.aftn \n\x00\x1f\x80\xed";
    for _ in 0..rng.range(1, 4) {
        let at = rng.below(bytes.len() as u64) as usize;
        let byte = FAVOURITES[rng.below(FAVOURITES.len() as u64) as usize];
        match rng.below(4) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => bytes[at] ^= 1 << rng.below(8),
        }
    }
}

#[test]
fn seeds_and_mutations() {
    let mut rng = Rng::new(7);
    let (mut accepted, mut refused) = (0, 0);
    for seed in SEEDS {
        check_json(seed);
        judge(seed);
        for _ in 0..5_000 {
            let mut bytes = seed.to_vec();
            mutate(&mut rng, &mut bytes);
            check_json(&bytes);
            if judge(&bytes) { accepted += 1 } else { refused += 1 }
        }
    }
    assert!(accepted > 500 && refused > 500, "{accepted} accepted, {refused} refused");
}

/// Both accept and see the same values, or both refuse. serde_json alone refuses numbers that no double can hold.
fn judge(bytes: &[u8]) -> bool {
    let found = Document::read(bytes);
    match (&found, serde_json::from_slice::<serde_json::Value>(bytes)) {
        (Ok(document), Ok(wanted)) => assert_same(document.root(), &wanted),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(e)) if e.to_string().contains("number out of range") => {}
        (_, wanted) => panic!("{found:?}, but {wanted:?}: {}", bytes.escape_ascii()),
    }
    found.is_ok()
}

fn assert_same(found: Value<'_>, wanted: &serde_json::Value) {
    match wanted {
        serde_json::Value::Null => assert!(found.is_null()),
        serde_json::Value::Bool(b) => assert_eq!(found.as_bool(), Some(*b)),
        serde_json::Value::String(s) => assert_eq!(found.as_str().as_deref(), Some(s.as_str())),
        serde_json::Value::Number(n) => {
            let number = found.as_number().unwrap();
            if let Some(wanted) = n.as_u64() {
                assert_eq!(number.as_u64(), Some(wanted));
            } else if let Some(wanted) = n.as_i64() {
                assert_eq!(number.as_i64(), Some(wanted));
            } else {
                let wanted = n.as_f64().unwrap();
                let error = (number.as_f64().unwrap() - wanted).abs();
                // serde_json's default reader may be off by an ulp; ours is core's, which is exact.
                assert!(error <= wanted.abs() * f64::EPSILON, "{}", number.text());
            }
        }
        serde_json::Value::Array(items) => {
            assert_eq!(found.items().count(), items.len());
            found.items().zip(items).for_each(|(found, wanted)| assert_same(found, wanted));
        }
        serde_json::Value::Object(members) => {
            assert_eq!(found.kind(), Kind::Object);
            for (name, _) in found.members() {
                assert_same(found.get(&name).unwrap(), &members[name.as_ref()]);
            }
            assert!(members.keys().all(|name| found.get(name).is_some()));
        }
    }
}

#[test]
fn errors_name_the_byte_and_what_was_wanted() {
    let cases: [(&[u8], usize, Wanted); 22] = [
        (b"", 0, Wanted::Value),
        (b"  nul", 2, Wanted::Value),
        (b"[1,]", 3, Wanted::Value),
        (b"[1 2]", 3, Wanted::CommaOrClose),
        (b"[1}", 2, Wanted::CommaOrClose),
        (b"[", 1, Wanted::Value),
        (b"{", 1, Wanted::Key),
        (b"{1:2}", 1, Wanted::Key),
        (b"{\"a\" 1}", 5, Wanted::Colon),
        (b"{\"a\":1,}", 7, Wanted::Key),
        (b"1 2", 2, Wanted::End),
        (b"01", 1, Wanted::End),
        (b"-", 1, Wanted::Digit),
        (b"1.", 2, Wanted::Digit),
        (b"1e+", 3, Wanted::Digit),
        (b".5", 0, Wanted::Value),
        (b"\"a\n\"", 2, Wanted::StringCharacter),
        (b"\"a", 2, Wanted::StringCharacter),
        (b"\"\\x\"", 2, Wanted::Escape),
        (b"\"\\u12g4\"", 3, Wanted::Escape),
        (b"\"\\ud800\"", 1, Wanted::SurrogatePair),
        (b"\"a\\udc00\\ud800\"", 2, Wanted::SurrogatePair),
    ];
    for (text, at, wanted) in cases {
        let found = Document::read(text).map(|_| ());
        assert_eq!(found, Err(ReadError::Invalid { at, wanted }), "{}", text.escape_ascii());
    }
    assert_eq!(Document::read(b"\"\xff\"").map(|_| ()), Err(ReadError::Utf8 { at: 1 }));
    // A surrogate in UTF-8's clothes.
    assert_eq!(Document::read(b"\"\xed\xa0\x80\"").map(|_| ()), Err(ReadError::Utf8 { at: 1 }));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(judge(nested(DEPTH_MAX).as_bytes()));
    let too_deep = nested(DEPTH_MAX + 1);
    assert_eq!(Document::read(too_deep.as_bytes()).map(|_| ()), Err(ReadError::TooDeep { at: DEPTH_MAX }));
    assert!(!judge(too_deep.as_bytes()));
    assert!(!judge("{\"a\":".repeat(1_000_000).as_bytes()));
}

#[test]
fn every_character_survives_escaped_and_plain() {
    for c in '\0'..=char::MAX {
        let mut units = [0; 2];
        let escaped: String = c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04X}")).collect();
        let quoted = format!("\"{escaped}\"");
        let document = Document::read(quoted.as_bytes()).unwrap();
        let text = document.root().as_str().unwrap().into_owned();
        assert!(text.chars().eq([c]), "{quoted}");
        let mut written = String::new();
        Writer::new(&mut written).string(&text);
        assert_eq!(
            written,
            serde_json::to_string(&text).unwrap().replace("\\b", "\\u0008").replace("\\f", "\\u000c")
        );
    }
}

#[test]
fn numbers_are_exact() {
    let text = b"[9007199254740993, -9223372036854775808, 18446744073709551616, 1.0, 1e400, 0.1, -0]";
    let document = Document::read(text).unwrap();
    let numbers: Vec<_> = document.root().items().map(|v| v.as_number().unwrap()).collect();
    assert_eq!(numbers[0].as_u64(), Some(9_007_199_254_740_993));
    assert_eq!((numbers[1].as_i64(), numbers[1].as_u64()), (Some(i64::MIN), None));
    assert_eq!((numbers[2].as_u64(), numbers[2].text()), (None, "18446744073709551616"));
    assert_eq!((numbers[3].as_u64(), numbers[3].as_f64()), (None, Some(1.0)));
    assert_eq!((numbers[4].as_f64(), numbers[4].text()), (None, "1e400"));
    assert_eq!(numbers[5].as_f64(), Some(0.1));
    assert_eq!((numbers[6].as_i64(), numbers[6].text()), (Some(0), "-0"));
}

#[test]
fn repeated_names_are_kept_and_the_last_counts() {
    let document = Document::read(br#"{"a": 1, "\u0061": 2, "b": {"a": 3}}"#).unwrap();
    let root = document.root();
    assert_eq!(root.members().count(), 3);
    assert_eq!(root.get("a").unwrap().text(), "2");
    assert_eq!(root.get("b").unwrap().offset(), 27);
    assert!(root.get("c").is_none() && root.items().next().is_none());
}

#[test]
fn the_writer_writes_what_serde_json_reads() {
    let mut out = String::new();
    let mut writer = Writer::new(&mut out);
    writer.object().key("a").array().u64(u64::MAX).i64(-1).f64(1e300).f64(f64::NAN).end();
    writer.key("b\"").object().end().key("c").bool(true).key("d").array().array().end().null();
    writer.finish();
    assert_eq!(out, r#"{"a":[18446744073709551615,-1,1e300,null],"b\"":{},"c":true,"d":[[],null]}"#);
    assert!(judge(out.as_bytes()));
}
