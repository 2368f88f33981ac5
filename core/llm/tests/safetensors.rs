//! Files of the safetensors package, files of ours, and damaged ones.
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use dolmen_llm::check::check_safetensors;
use dolmen_llm::safetensors::{SafeTensors, Spec, Type, append, name_at};
use dolmen_llm::{LoadError, Shape};
use dolmen_testkit::{cuts, replay, skip, testdata};

fn file(header: &str, data_len: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + data_len, 0);
    file
}

#[test]
fn files_of_the_package_come_back_byte_for_byte() {
    let Some(data) = testdata("llm") else { return skip("files_of_the_package_come_back") };
    let folders = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in folders.filter(|path| path.is_dir()).map(|dir| dir.join("model.safetensors")) {
        let bytes = std::fs::read(&path).unwrap();
        let parsed = SafeTensors::parse(&bytes).unwrap();
        assert!(!parsed.is_empty());
        let tensors: Vec<_> = parsed
            .iter()
            .map(|(name, t)| (Spec { name, element: t.element, shape: t.shape }, t.bytes))
            .collect();
        let metadata: Vec<_> = parsed.metadata().collect();
        let mut again = Vec::new();
        append(&tensors, &metadata, &mut again).unwrap();
        assert!(again == bytes, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 7);
}

#[test]
fn elements_become_floats_and_integers() {
    let specs = [
        (
            Spec { name: "half", element: Type::F16, shape: Shape::new(&[2]).unwrap() },
            &[0, 0x3c, 0, 0xc0][..],
        ),
        (
            Spec { name: "brain", element: Type::BF16, shape: Shape::new(&[1, 2]).unwrap() },
            &[0x80, 0x3f, 0, 0xc0],
        ),
        (Spec { name: "byte", element: Type::I8, shape: Shape::new(&[2]).unwrap() }, &[0xff, 3]),
        (Spec { name: "one", element: Type::F32, shape: Shape::default() }, &[0, 0, 0x80, 0x3f]),
    ];
    let mut bytes = Vec::new();
    append(&specs, &[("format", "pt")], &mut bytes).unwrap();
    let parsed = SafeTensors::parse(&bytes).unwrap();
    let mut out = [0.0; 2];
    for name in ["half", "brain"] {
        parsed.get(name).unwrap().to_f32(&mut out).unwrap();
        assert_eq!(out, [1.0, -2.0], "{name}");
    }
    parsed.get("one").unwrap().to_f32(&mut out[..1]).unwrap();
    assert!(parsed.get("byte").unwrap().integers().eq([-1, 3]));
    assert_eq!(parsed.get("half").unwrap().integers().count(), 0);
    assert!(parsed.get("byte").unwrap().to_f32(&mut out).is_err());
    assert_eq!(parsed.metadata().collect::<Vec<_>>(), [("format", "pt")]);
    assert_eq!(parsed.get("two"), None);
}

/// llm-04
#[test]
fn ranges_that_do_not_fit_are_refused_with_the_tensors_name() {
    let cases = [
        (
            r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"big":{"dtype":"F32","shape":[1000,1000],"data_offsets":[1,5]}}"#,
            "big",
        ),
        (r#"{"turned":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, "turned"),
        (r#"{ "far":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}"#, "far"),
        (r#"{"huge":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#, "huge"),
    ];
    for (header, name) in cases {
        let file = file(header, 8);
        let Err(LoadError::Range { at, .. }) = SafeTensors::parse(&file) else { panic!("{header}") };
        assert_eq!(name_at(&file, at), Some(name), "{header}");
    }
    let mut long = file("{}", 0);
    for len in [u64::MAX, 3, 100_000_001] {
        long[..8].copy_from_slice(&len.to_le_bytes());
        assert!(matches!(SafeTensors::parse(&long), Err(LoadError::Limit { .. })), "{len}");
    }
    assert!(matches!(SafeTensors::parse(&file("[1,2]", 0)), Err(LoadError::Invalid { .. })));
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert!(matches!(SafeTensors::parse(&file(&deep, 0)), Err(LoadError::Json(_))));
}

#[test]
fn gaps_overlaps_and_twins_are_refused() {
    let tensor = |name: &str, begin: u32, end: u32| {
        format!(r#""{name}":{{"dtype":"U8","shape":[{}],"data_offsets":[{begin},{end}]}}"#, end - begin)
    };
    let cases = [
        (vec![tensor("a", 0, 2), tensor("b", 3, 4)], "a gap"),
        (vec![tensor("a", 0, 3), tensor("b", 2, 4)], "an overlap"),
        (vec![tensor("a", 0, 2), tensor("b", 2, 3)], "bytes behind"),
        (vec![tensor("a", 0, 2), tensor("a", 2, 4)], "twins"),
    ];
    for (tensors, what) in cases {
        let header = format!("{{{}}}", tensors.join(","));
        assert!(matches!(SafeTensors::parse(&file(&header, 4)), Err(LoadError::Invalid { .. })), "{what}");
    }
    let sound = file(&format!("{{{}}}", [tensor("a", 0, 2), tensor("b", 2, 4)].join(",")), 4);
    SafeTensors::parse(&sound).unwrap();
    for cut in cuts(&sound) {
        assert!(SafeTensors::parse(cut).is_err(), "{}", cut.len());
    }
}

#[test]
fn seeds_replay() {
    replay("llm_safetensors", check_safetensors);
}
