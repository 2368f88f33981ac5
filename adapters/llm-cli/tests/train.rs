//! The verb `train`, through its arguments.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use dolmen_cli::Out;
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm_cli::{Args, run};

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

const SETTINGS: &str = "n_layer = 1\nn_head = 2\nn_embd = 16\nblock_size = 16\nbatch_size = 4\ndropout = 0.1\neval_interval = 4\n";

/// Runs `dolmen llm train` in a folder with a text and settings; what it printed, or the error.
fn train(dir: &Path, args: &[&str]) -> Result<String, String> {
    fs::write(dir.join("text"), include_str!("train.rs")).unwrap();
    fs::write(dir.join("tiny.toml"), SETTINGS).unwrap();
    let path = |name: &str| dir.join(name).display().to_string();
    let fixed = [
        "llm".to_owned(),
        "train".to_owned(),
        "--data".to_owned(),
        path("text"),
        "--sample".to_owned(),
        "40".to_owned(),
    ];
    let given = args.iter().map(|arg| match arg.strip_prefix('@') {
        Some(name) => path(name),
        None => (*arg).to_owned(),
    });
    let cli = Cli::try_parse_from(fixed.into_iter().chain(given)).map_err(|e| e.to_string())?;
    let printed = Printed::default();
    let mut out = Out::to(printed.clone(), true);
    let result = run(cli.args, &mut out).map_err(|e| format!("{e:#}"));
    let _ = out.flush();
    result.map(|_| String::from_utf8(printed.0.lock().unwrap().clone()).unwrap())
}

#[test]
fn a_training_that_goes_on_ends_with_the_same_model() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, tiny) = (dir.path(), ["--model", "@tiny.toml", "--steps", "8"]);
    let printed = train(dir, &[&tiny[..], &["--out", "@whole"]].concat()).unwrap();
    let steps: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps.iter().map(|line| &line["step"]).filter(|step| step.is_u64()).count(), 2, "{printed}");
    assert_eq!(steps.last().unwrap()["steps"], 8);
    for name in
        ["config.json", "model.safetensors", "tokenizer.json", "loss.svg", "sample.txt", "train.checkpoint"]
    {
        assert!(dir.join("whole").join(name).is_file(), "{name}");
    }
    // Checkpoints on the way change nothing, and neither do threads; a folder that is done has nothing to do.
    train(dir, &[&tiny[..], &["--out", "@parts", "--checkpoint-every", "3", "--threads", "2"]].concat())
        .unwrap();
    train(dir, &[&tiny[..], &["--out", "@parts", "--resume"]].concat()).unwrap();
    let model = |folder: &str| fs::read(dir.join(folder).join("model.safetensors")).unwrap();
    assert!(model("whole") == model("parts"));
    let bytes = model("whole");
    let file = SafeTensors::parse(&bytes).unwrap();
    assert_eq!(file.get("transformer.h.0.attn.c_attn.weight").unwrap().shape.dimensions(), [16, 48]);
}

#[test]
fn what_was_trained_is_trained_on_with_few_weights() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    train(dir, &["--model", "@tiny.toml", "--steps", "4", "--out", "@base"]).unwrap();
    let from = dir.join("base").display().to_string();
    fs::write(
        dir.join("lora.toml"),
        format!("block_size = 16\nbatch_size = 2\ninit_from = {from:?}\nlora_rank = 2\n"),
    )
    .unwrap();
    train(dir, &["--model", "@lora.toml", "--steps", "4", "--out", "@tuned"]).unwrap();
    let model = |folder: &str| fs::read(dir.join(folder).join("model.safetensors")).unwrap();
    let (base, tuned) = (model("base"), model("tuned"));
    assert_eq!(base.len(), tuned.len());
    assert!(base != tuned);
    let read =
        |bytes: &[u8], name: &str| SafeTensors::parse(bytes).unwrap().get(name).unwrap().bytes.to_vec();
    assert_eq!(read(&base, "transformer.wte.weight"), read(&tuned, "transformer.wte.weight"));
}

#[test]
fn mistakes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let cases: [(&[&str], &str); 4] = [
        (&["--model", "gpt-char", "--steps", "1", "--out", "@new", "--resume"], "train.checkpoint"),
        (&["--model", "gpt-huge", "--steps", "1", "--out", "@new"], "expected gpt-char or a .toml file"),
        (&["--model", "@wrong.toml", "--steps", "1", "--out", "@new"], "n_layers"),
        (&["--model", "@odd.toml", "--steps", "1", "--out", "@new"], "n_head"),
    ];
    fs::write(dir.join("wrong.toml"), "n_layers = 3\n").unwrap();
    fs::write(dir.join("odd.toml"), "n_head = 3\n").unwrap();
    for (args, wanted) in cases {
        let error = train(dir, args).unwrap_err();
        assert!(error.contains(wanted), "{args:?}: {error}");
    }
}
