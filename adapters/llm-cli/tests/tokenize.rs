//! The verb `tokenize`, through its arguments.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use dolmen_cli::Out;
use dolmen_llm_cli::{Args, run};
use dolmen_llm_cpu::vocabulary;
use dolmen_tokenizer::scan::Scanner;
use dolmen_tokenizer::train::{Options, Trainer, write_json};

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

fn vocab(dir: &Path) -> String {
    let mut trainer = Trainer::new(Scanner::Gpt2);
    trainer.feed("hello hello hello world world");
    let options = Options { tokens_max: 300, count_min: 2, specials: &["<end>"] };
    let path = dir.join("tokenizer.json");
    fs::write(&path, write_json(&trainer.train(options).unwrap()).unwrap()).unwrap();
    path.display().to_string()
}

fn tokenize(args: &[&str], json: bool) -> Result<String, String> {
    let cli = Cli::try_parse_from(["llm", "tokenize"].iter().chain(args)).map_err(|e| e.to_string())?;
    let printed = Printed::default();
    let mut out = Out::to(printed.clone(), json);
    let result = run(cli.args, &mut out).map_err(|e| format!("{e:#}"));
    let _ = out.flush();
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    result.map(|_| text)
}

#[test]
fn ids_tables_objects_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let vocab = vocab(dir.path());
    let with = |args: &[&str], json| tokenize(&[&["--vocab", &vocab], args].concat(), json);
    let ids = with(&["--ids", "hello world<end>"], false).unwrap();
    assert!(ids.starts_with('[') && ids.ends_with(",0]\n"), "{ids}");
    assert_eq!(with(&["--decode", ids.trim()], false).unwrap(), "\"hello world<end>\"\n");
    let two = with(&["--ids", "--lines", "\"hello\"\n\"wor\\u006cd\\n\"\n"], false).unwrap();
    assert_eq!(two.lines().count(), 2);
    let back = with(&["--decode", two.trim()], false).unwrap();
    assert_eq!(back, "\"hello\"\n\"world\\n\"\n");
    let table = with(&["hello world"], false).unwrap();
    assert!(table.lines().all(|l| l.contains("..")) && table.contains("\"hello\""), "{table}");
    let object = with(&["hello"], true).unwrap();
    assert!(object.starts_with("{\"ids\":[") && object.contains("\"spans\":[[0,5]]"), "{object}");
    assert_eq!(with(&["--decode", ids.trim()], true).unwrap(), "{\"text\":\"hello world<end>\"}\n");
    let text = with(&["--ids", "--specials", "text", "<end>"], false).unwrap();
    assert!(!text.contains("[0]"), "{text}");
    assert_eq!(with(&["--ids", ""], false).unwrap(), "[]\n");
    assert_eq!(with(&["--decode", "1 2, 3"], false).unwrap(), with(&["--decode", "[1,2,3]"], false).unwrap());
}

#[test]
fn what_is_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let vocab = vocab(dir.path());
    let with = |args: &[&str]| tokenize(&[&["--vocab", &vocab], args].concat(), false).unwrap_err();
    assert_eq!(with(&["--decode", "[1, 999999]"]), "line 1: id 999999, number 1 of the list, is no token");
    assert_eq!(
        with(&["--decode", "1\nx"]),
        "line 2: expected a list of ids such as [1, 2, 3], found \"x\" in it"
    );
    assert!(with(&["--lines", "hello"]).starts_with("line 1: expected a JSON string: "));
    assert!(with(&["--ids", "--decode", "1"]).contains("cannot be used with"));
    let other = dir.path().join("other.tiktoken");
    fs::write(&other, "YQ== 0\n").unwrap();
    let error = tokenize(&["--vocab", &other.display().to_string(), "a"], false).unwrap_err();
    assert!(error.contains("other.tiktoken: a tiktoken file does not say"), "{error}");
    assert!(tokenize(&["--vocab", "nowhere", "a"], false).unwrap_err().starts_with("nowhere: "));
}

#[test]
fn the_prebuilt_form_is_used_and_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let vocab = vocab(dir.path());
    let cache = dir.path().join("cache");
    let open = || vocabulary::open_in(Path::new(&vocab), Some(&cache)).unwrap().tokenizer.as_bytes().to_vec();
    let first = open();
    let form = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read(&form).unwrap(), first);
    assert_eq!(open(), first);
    fs::write(&form, &first[..first.len() / 2]).unwrap();
    assert_eq!(open(), first, "a damaged form is built again");
    assert_eq!(fs::read(&form).unwrap(), first);
    let prebuilt = vocabulary::open_in(&form, None).unwrap();
    assert_eq!(prebuilt.tokenizer.as_bytes(), first, "and is a vocabulary file itself");
    assert!(vocabulary::open_in(dir.path(), None).is_err());
}
