//! The verbs that run a model, through their arguments, over a small model made here.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use dolmen_base::Rng;
use dolmen_cli::Out;
use dolmen_llm::Shape;
use dolmen_llm::safetensors::{Spec, Type, append};
use dolmen_llm_cli::{Args, run};
use dolmen_tokenizer::scan::Scanner;
use dolmen_tokenizer::train::{Options, Trainer, write_json};
use serde_json::Value;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a verb prints, or its error.
fn llm(args: &[&str], json: bool) -> Result<String, String> {
    let cli = Cli::try_parse_from(["llm"].iter().chain(args)).map_err(|e| e.to_string())?;
    let printed = Printed::default();
    let mut out = Out::to(printed.clone(), json);
    let result = run(cli.args, &mut out).map_err(|e| format!("{e:#}"));
    let _ = out.flush();
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    result.map(|_| text)
}

fn object(args: &[&str]) -> Value {
    let printed = llm(args, true).unwrap_or_else(|e| panic!("{args:?}: {e}"));
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

/// A Llama of two layers with random weights and a vocabulary of bytes, in one file or in two shards.
fn model(folder: &Path, shards: bool) {
    fs::create_dir_all(folder).unwrap();
    let mut trainer = Trainer::new(Scanner::Gpt2);
    trainer.feed("stone stone river river");
    let definition =
        trainer.train(Options { tokens_max: 270, count_min: 2, specials: &["<|endoftext|>"] }).unwrap();
    fs::write(folder.join("tokenizer.json"), write_json(&definition).unwrap()).unwrap();
    let (vocabulary, width, inner) = (definition.tokens.len() as u64, 64, 96);
    let config = format!(
        r#"{{"model_type":"llama","vocab_size":{vocabulary},"hidden_size":{width},"num_attention_heads":4,"num_key_value_heads":2,
            "num_hidden_layers":2,"intermediate_size":{inner},"max_position_embeddings":256,"eos_token_id":0}}"#
    );
    fs::write(folder.join("config.json"), config).unwrap();
    let mut names = vec![
        ("model.embed_tokens.weight".to_owned(), vec![vocabulary, width]),
        ("lm_head.weight".to_owned(), vec![vocabulary, width]),
        ("model.norm.weight".to_owned(), vec![width]),
    ];
    for layer in 0..2 {
        let mut add = |name: &str, shape: &[u64]| {
            names.push((format!("model.layers.{layer}.{name}.weight"), shape.to_vec()));
        };
        add("input_layernorm", &[width]);
        add("post_attention_layernorm", &[width]);
        add("self_attn.q_proj", &[width, width]);
        add("self_attn.k_proj", &[width / 2, width]);
        add("self_attn.v_proj", &[width / 2, width]);
        add("self_attn.o_proj", &[width, width]);
        add("mlp.gate_proj", &[inner, width]);
        add("mlp.up_proj", &[inner, width]);
        add("mlp.down_proj", &[width, inner]);
    }
    let mut rng = Rng::new(7);
    let bytes: Vec<Vec<u8>> = names
        .iter()
        .map(|(_, shape)| {
            let count: u64 = shape.iter().product();
            let number = |_| if shape.len() == 1 { 1.0 } else { (rng.unit_f64() as f32 - 0.5) * 0.6 };
            (0..count).map(number).flat_map(f32::to_le_bytes).collect()
        })
        .collect();
    let tensors: Vec<(Spec<'_>, &[u8])> = names
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| {
            (Spec { name, element: Type::F32, shape: Shape::new(shape).unwrap() }, bytes.as_slice())
        })
        .collect();
    let parts = if shards { vec![&tensors[..7], &tensors[7..]] } else { vec![&tensors[..]] };
    let mut map = serde_json::Map::new();
    for (nth, part) in parts.iter().enumerate() {
        let name = if shards { format!("model-{nth}.safetensors") } else { "model.safetensors".to_owned() };
        let mut file = Vec::new();
        append(part, &[("format", "pt")], &mut file).unwrap();
        fs::write(folder.join(&name), file).unwrap();
        map.extend(part.iter().map(|(spec, _)| (spec.name.to_owned(), Value::from(name.clone()))));
    }
    if shards {
        let index = serde_json::json!({"metadata": {}, "weight_map": map}).to_string();
        fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }
}

#[test]
fn a_folder_its_shards_and_a_gguf_file_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, shards, gguf) =
        (dir.path().join("whole"), dir.path().join("shards"), dir.path().join("m.gguf"));
    model(&whole, false);
    model(&shards, true);
    let [whole, shards, gguf] = [whole, shards, gguf].map(|path| path.display().to_string());
    llm(&["convert", &whole, &gguf, "--type", "f32"], false).unwrap();
    let ids = dir.path().join("ids");
    fs::write(&ids, "[5, 6, 7, 8]\n9 10,11\n").unwrap();
    let ids = ids.display().to_string();
    let mut all = Vec::new();
    for path in [&whole, &shards, &gguf] {
        let args =
            ["generate", "--model", path, "--prompt", "stone", "--max-tokens", "20", "--temperature", "0"];
        let text = object(&args);
        let plain = llm(&args, false).unwrap();
        assert_eq!(plain.trim_end_matches('\n'), text["text"].as_str().unwrap().trim_end_matches('\n'));
        let by_ids = object(&[
            "generate",
            "--model",
            path,
            "--prompt-ids",
            "5,6,7",
            "--max-tokens",
            "9",
            "--temperature",
            "0",
        ]);
        assert_eq!(by_ids["ids"].as_array().unwrap().len(), 9, "ids run to the end");
        let loss = object(&["eval", "--model", path, "--ids", &ids]);
        assert_eq!(loss["tokens"], 5);
        let sum: f64 = loss["logprobs"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|l| l.as_array().unwrap())
            .map(|x| x.as_f64().unwrap())
            .sum();
        assert!((sum / -5.0 - loss["loss"].as_f64().unwrap()).abs() < 1e-6);
        all.push((text["text"].clone(), by_ids["ids"].clone()));
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    let seeded = |seed: &str| {
        object(&["generate", "--model", &whole, "--prompt", "river", "--seed", seed, "--max-tokens", "30"])
    };
    assert_eq!(seeded("3"), seeded("3"));
    assert_ne!(seeded("3"), seeded("4"));
}

#[test]
fn an_answer_of_a_schema_is_whole_json_at_any_length() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path(), false);
    let path = dir.path().display().to_string();
    let schema = dir.path().join("schema.json");
    let text = r#"{"type":"object","properties":{"name":{"type":"string"},"sizes":{"type":"array","items":{"type":"integer"}}},"required":["name","sizes"]}"#;
    fs::write(&schema, text).unwrap();
    let schema = schema.display().to_string();
    for length in ["24", "40", "90"] {
        for seed in ["1", "2", "3"] {
            let args = [
                "generate",
                "--model",
                &path,
                "--prompt",
                "stone",
                "--max-tokens",
                length,
                "--seed",
                seed,
                "--temperature",
                "1.5",
                "--json-schema",
                &schema,
            ];
            let answer = object(&args);
            let value: Value = serde_json::from_str(answer["text"].as_str().unwrap())
                .unwrap_or_else(|e| panic!("{e}: {answer}"));
            assert!(
                value["name"].is_string() && value["sizes"].as_array().unwrap().iter().all(Value::is_i64),
                "{value}"
            );
        }
    }
    let grammar = dir.path().join("yes.gbnf");
    fs::write(&grammar, "root ::= \"yes\" | \"no\"").unwrap();
    let answer = object(&[
        "generate",
        "--model",
        &path,
        "--prompt",
        "stone",
        "--grammar",
        &grammar.display().to_string(),
    ]);
    assert!(["yes", "no"].contains(&answer["text"].as_str().unwrap()), "{answer}");
    let chat =
        object(&["chat", "--model", &path, "--prompt", "Hello", "--max-tokens", "5", "--context", "200"]);
    assert!(chat["ids"].as_array().unwrap().len() <= 5);
}

#[test]
fn files_are_inspected_quantised_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path(), false);
    let at = |name: &str| dir.path().join(name).display().to_string();
    let folder = dir.path().display().to_string();
    llm(&["convert", &folder, &at("f32.gguf"), "--type", "f32"], false).unwrap();
    llm(&["quantize", &at("f32.gguf"), &at("q8.gguf"), "--type", "q8_0"], false).unwrap();
    let tensors = object(&["inspect", &at("q8.gguf")]);
    let elements: Vec<&str> =
        tensors["tensors"].as_array().unwrap().iter().map(|t| t["element"].as_str().unwrap()).collect();
    assert_eq!((elements.len(), elements.iter().filter(|e| **e == "Q8_0").count()), (21, 16));
    assert!(tensors["memory"]["cache_bytes"].as_u64().unwrap() > 0);
    for name in ["f32.gguf", "model.safetensors", "tokenizer.json"] {
        llm(&["inspect", &at(name)], false).unwrap();
        // Half a file is none.
        let bytes = fs::read(at(name)).unwrap();
        let cut = at(&format!("cut-{name}"));
        fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        assert!(llm(&["inspect", &cut], false).is_err(), "{name}");
    }
    llm(&["inspect", &folder], false).unwrap();
    let svg = at("attention.svg");
    let looked = object(&["inspect", &folder, "--prompt", "stone river", "--svg", &svg]);
    assert_eq!(looked["next"].as_array().unwrap().len(), 10);
    assert!(fs::read_to_string(svg).unwrap().starts_with("<svg"));
    let refused = [
        (vec!["generate", "--model", &folder, "--prompt-ids", "9999"], "vocabulary"),
        (vec!["generate", "--model", &folder, "--prompt-ids", ""], "empty"),
        (vec!["generate", "--model", "/nowhere", "--prompt", "x"], "/nowhere"),
        (vec!["eval", "--model", &folder, "--ids", "/nowhere"], "/nowhere"),
    ];
    for (args, wanted) in refused {
        let error = llm(&args, false).unwrap_err();
        assert!(error.contains(wanted), "{args:?}: {error}");
    }
    let long = vec!["1"; 300].join(",");
    let error = llm(&["generate", "--model", &folder, "--prompt-ids", &long], false).unwrap_err();
    assert!(error.contains("context"), "{error}");
    let speed =
        object(&["bench", "--model", &folder, "--prompt-len", "8", "--generate-len", "4", "--rounds", "1"]);
    assert!(speed["prompt_per_s"].as_f64().unwrap() > 0.0);
}
