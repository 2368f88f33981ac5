//! GGUF files: models converted, quantised, damaged.

mod common;

use common::{DECODERS, close, floats, folder, ids, logits, read};
use dolmen_base::Serial;
use dolmen_llm::check::{check_config, check_gguf};
use dolmen_llm::convert::Conversion;
use dolmen_llm::element::Element;
use dolmen_llm::gguf::{Gguf, Head, NewValue, Spec};
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::{Config, LoadError, Model, Options, Shape};
use dolmen_simd::level::Level;
use dolmen_simd::quant;
use dolmen_testkit::{cuts, flips, replay};

fn written(conversion: &Conversion<'_>) -> Vec<u8> {
    let (mut file, mut tensor) = (conversion.head().to_vec(), Vec::new());
    for nth in 0..conversion.len() {
        let (.., offset) = conversion.describe(nth);
        assert_eq!(file.len() as u64, conversion.head().len() as u64 + offset);
        conversion.tensor(nth, &Serial, &mut tensor).unwrap();
        file.extend_from_slice(&tensor);
    }
    assert_eq!(file.len() as u64, conversion.file_len());
    file
}

fn converted(name: &str, element: Element) -> Option<Vec<u8>> {
    let folder = folder(name)?;
    let (config, weights) = (read(&folder.join("config.json")), read(&folder.join("model.safetensors")));
    let files = [SafeTensors::parse(&weights).unwrap()];
    let config = Config::from_json(&config).unwrap();
    let conversion = Conversion::from_safetensors(&config, &files, element, |head| {
        head.key("general.name", NewValue::Text(name));
    });
    Some(written(&conversion.unwrap()))
}

#[test]
fn converted_models_give_the_same_logits() {
    for name in DECODERS {
        let Some(file) = converted(name, Element::F32) else { return };
        let gguf = Gguf::parse(&file).unwrap();
        let model = Model::from_gguf(&gguf).unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected = read(&folder(name).unwrap().join("expected.safetensors"));
        let expected = SafeTensors::parse(&expected).unwrap();
        let (text, wanted) = (&ids(&expected, "input_ids")[0], floats(&expected, "logits"));
        let found = logits(&model, text, Options::default(), text.len(), Level::best());
        close(&found, &wanted[..found.len()], name);
        assert_eq!(gguf.metadata().text("general.name"), Some(name));
        check_gguf(&file);
    }
}

#[test]
fn half_floats_are_near_and_blocks_not_far() {
    let all = ["F16", "BF16", "Q8_0", "Q4_0", "Q5_0", "Q4_K", "Q5_K", "Q6_K"];
    for name in ["llama-tiny-gqa", "gpt2-tiny", "qwen3-tiny"] {
        let Some(file) = converted(name, Element::F32) else { return };
        let gguf = Gguf::parse(&file).unwrap();
        let expected = read(&folder(name).unwrap().join("expected.safetensors"));
        let expected = SafeTensors::parse(&expected).unwrap();
        let (text, wanted) = (&ids(&expected, "input_ids")[0], floats(&expected, "logits"));
        for element in all {
            let element = Element::by_name(element).unwrap();
            let file = written(&Conversion::from_gguf(&gguf, element).unwrap());
            let gguf = Gguf::parse(&file).unwrap();
            let model = Model::from_gguf(&gguf).unwrap();
            for step in [text.len(), 1] {
                let found = logits(&model, text, Options::default(), step, Level::best());
                let apart: f64 = found.iter().zip(&wanted).map(|(a, b)| f64::from(a - b).powi(2)).sum();
                let size: f64 = wanted[..found.len()].iter().map(|x| f64::from(*x).powi(2)).sum();
                let bound = if element.name().contains("16") { 0.02 } else { 0.35 };
                assert!((apart / size).sqrt() < bound, "{name} {element}: {}", (apart / size).sqrt());
            }
        }
    }
}

#[test]
fn rows_of_whole_blocks_get_what_was_asked_for_with_ggmls_bytes() {
    let x: Vec<f32> = (0..4 * 512).map(|n| ((n * n) as f32 * 0.013).sin()).collect();
    let bytes: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    let shape = |columns| Shape::new(&[2048 / columns, columns]).unwrap();
    let specs = [
        Spec { name: "blk.0.ffn_up.weight", element: Element::F32, shape: shape(512) },
        Spec { name: "blk.0.ffn_down.weight", element: Element::F32, shape: shape(32) },
        Spec { name: "blk.0.attn_norm.weight", element: Element::F32, shape: Shape::new(&[2048]).unwrap() },
        Spec { name: "blk.0.attn_q.weight", element: Element::F32, shape: shape(8) },
    ];
    let mut head = Head::new();
    head.key("general.architecture", NewValue::Text("llama"));
    let (mut file, _) = head.finish(&specs).unwrap();
    for _ in 0..specs.len() {
        file.extend_from_slice(&bytes);
    }
    let gguf = Gguf::parse(&file).unwrap();
    for (wanted, fallback) in [("Q4_K", "Q5_0"), ("Q5_K", "Q8_0"), ("Q6_K", "Q8_0"), ("Q4_0", "Q4_0")] {
        let new = written(&Conversion::from_gguf(&gguf, Element::by_name(wanted).unwrap()).unwrap());
        let new = Gguf::parse(&new).unwrap();
        let found: Vec<_> = new.tensors().iter().map(|tensor| tensor.element.name()).collect();
        assert_eq!(found, [wanted, fallback, "F32", "F16"]);
        for tensor in &new.tensors()[..2] {
            let format = tensor.element.format().unwrap();
            let mut bytes = vec![0; format.row_bytes(x.len()).unwrap()];
            quant::quantise(format, &x, &mut bytes);
            assert!(tensor.bytes == bytes, "{wanted}");
        }
    }
    let refused = Conversion::from_gguf(&gguf, Element::by_name("Q2_K").unwrap());
    assert!(matches!(refused, Err(LoadError::Unsupported { .. })));
}

fn small() -> Vec<u8> {
    let mut head = Head::new();
    head.key("general.architecture", NewValue::Text("llama"))
        .key("a", NewValue::U64(7))
        .key("b", NewValue::Texts(&[b"x", b"yz"]))
        .key("c", NewValue::I32s(&[1, -2]))
        .key("d", NewValue::F32s(&[0.5]))
        .key("e", NewValue::Bool(true));
    let shape = Shape::new(&[2, 32]).unwrap();
    let specs = [
        Spec { name: "one", element: Element::by_name("Q8_0").unwrap(), shape },
        Spec { name: "two", element: Element::F16, shape },
    ];
    let (mut file, offsets) = head.finish(&specs).unwrap();
    file.resize(file.len() + offsets[1] as usize + 128, 1);
    file
}

#[test]
fn no_bit_and_no_cut_makes_a_file_panic() {
    let file = small();
    Gguf::parse(&file).unwrap();
    check_gguf(&file);
    flips(&file, |_, damaged| check_gguf(damaged));
    for cut in cuts(&file) {
        assert!(Gguf::parse(cut).is_err(), "{}", cut.len());
    }
}

/// llm-01: nothing is made room for that a number in the file alone claims.
#[test]
fn huge_counts_are_refused_at_once() {
    let refused = |file: &[u8]| {
        let counted = allocation_counter::measure(|| assert!(Gguf::parse(file).is_err()));
        assert!(counted.bytes_max < 4096, "{} bytes for a file of {}", counted.bytes_max, file.len());
    };
    let head = |tensors: u64, keys: u64| {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend_from_slice(&tensors.to_le_bytes());
        file.extend_from_slice(&keys.to_le_bytes());
        file
    };
    for (tensors, keys) in [(1 << 62, 0), (0, 1 << 62), (u64::MAX, u64::MAX), (1, 0)] {
        refused(&head(tensors, keys));
    }
    let key = |kind: u32, value: &[u8]| {
        let mut file = head(0, 1);
        file.extend_from_slice(&1u64.to_le_bytes());
        file.push(b'k');
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend_from_slice(value);
        file
    };
    let list = |kind: u32, count: u64| [&kind.to_le_bytes()[..], &count.to_le_bytes(), &[0; 40]].concat();
    for file in [
        key(8, &(1u64 << 63).to_le_bytes()),
        key(9, &list(4, 1 << 60)),
        key(9, &list(8, 1 << 60)),
        key(9, &list(9, 3)),
    ] {
        refused(&file);
    }
    let mut long_name = head(0, 1);
    long_name.extend_from_slice(&(1u64 << 63).to_le_bytes());
    long_name.extend_from_slice(&[0; 64]);
    refused(&long_name);
}

#[test]
fn what_a_config_asks_for_and_is_not_known_is_refused() {
    let base = r#""model_type":"llama","hidden_size":48,"num_attention_heads":6,"num_hidden_layers":1,"intermediate_size":8,"vocab_size":9"#;
    Config::from_json(format!("{{{base}}}").as_bytes()).unwrap();
    let unsupported = [
        r#""hidden_act":"relu2""#,
        r#""rope_scaling":{"type":"yarn","factor":2.0}"#,
        r#""partial_rotary_factor":0.5"#,
        r#""use_sliding_window":true"#,
    ];
    for more in unsupported {
        let error = Config::from_json(format!("{{{base},{more}}}").as_bytes()).unwrap_err();
        assert!(matches!(error, LoadError::Unsupported { .. }), "{more}: {error}");
    }
    let wrong = [
        r#""num_attention_heads":0"#,
        r#""num_attention_heads":7"#,
        r#""num_key_value_heads":4"#,
        r#""hidden_size":1e3"#,
        r#""vocab_size":18446744073709551615"#,
        r#""num_hidden_layers":4294967296"#,
        r#""rope_theta":-1"#,
        r#""rms_norm_eps":"x""#,
    ];
    for more in wrong {
        assert!(Config::from_json(format!("{{{base},{more}}}").as_bytes()).is_err(), "{more}");
    }
    let unknown = br#"{"model_type":"mamba"}"#;
    assert!(matches!(Config::from_json(unknown), Err(LoadError::Unsupported { .. })));
    assert!(matches!(Config::from_json(b"{}"), Err(LoadError::Missing { .. })));
}

#[test]
fn seeds_replay() {
    replay("llm_gguf", check_gguf);
    replay("llm_config", check_config);
}
