//! The verbs, as a user calls them.
#![allow(missing_docs)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Parser;
use dolmen_base::rng::Rng;
use dolmen_cli::{Out, Status};
use serde_json::Value;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: dolmen_vector_cli::Args,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `dolmen vector …`; gives how it ended and what it printed.
fn try_run(words: &str, json: bool) -> (anyhow::Result<Status>, String) {
    let kept = Kept::default();
    let mut out = Out::to(kept.clone(), json);
    let cli = Cli::try_parse_from(std::iter::once("vector").chain(words.split_whitespace())).unwrap();
    let result = dolmen_vector_cli::run(cli.args, &mut out);
    let printed = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    (result, printed)
}

fn run(words: &str) -> Value {
    let (result, printed) = try_run(words, true);
    assert_eq!(result.unwrap_or_else(|e| panic!("{words}: {e:#}")), Status::Success, "{words}: {printed}");
    printed.lines().next().map_or(Value::Null, |line| serde_json::from_str(line).unwrap())
}

fn refused(words: &str) -> String {
    format!("{:#}", try_run(words, false).0.unwrap_err())
}

fn write_floats(path: &Path, rows: usize, dim: usize, seed: u64) {
    let mut rng = Rng::new(seed);
    let bytes: Vec<u8> = (0..rows * dim).flat_map(|_| (rng.unit_f64() as f32 - 0.5).to_le_bytes()).collect();
    std::fs::write(path, bytes).unwrap();
}

fn ids(path: &Path) -> Vec<i64> {
    let bytes = std::fs::read(path).unwrap();
    bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/hnsw/tests/data").join(name)
}

#[test]
fn an_index_from_build_to_damage() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    write_floats(&dir.path().join("x.f32"), 600, 12, 1);
    write_floats(&dir.path().join("q.f32"), 20, 12, 2);
    for form in ["f32", "sq8", "sq4", "qg", "qg8"] {
        let built = run(&format!(
            "build --input {} --dim 12 --metric l2 --ef-construction 60 --form {form} --output {} --threads 2",
            at("x.f32"),
            at("i.dvx")
        ));
        assert_eq!((built["vectors"].as_u64(), built["form"].as_str()), (Some(600), Some(form)));
        let search = format!("search {} --queries {} --k 5", at("i.dvx"), at("q.f32"));
        run(&format!("{search} --ef 600 --output {} --distances {}", at("a.i64"), at("d.f32")));
        let wide = ids(&dir.path().join("a.i64"));
        assert_eq!((wide.len(), std::fs::metadata(at("d.f32")).unwrap().len()), (100, 400));
        run(&format!("{search} --ef 600 --output {}", at("a.i32")));
        let narrow = std::fs::read(at("a.i32")).unwrap();
        assert!(
            narrow
                .chunks_exact(4)
                .zip(&wide)
                .all(|(b, id)| i64::from(i32::from_le_bytes(b.try_into().unwrap())) == *id)
        );
        let tuned = run(&format!("tune {} --queries {} --k 5 --recall 0.9", at("i.dvx"), at("q.f32")));
        assert!(tuned["reached"].as_f64().unwrap() >= 0.9, "{tuned}");
        let searched = run(&format!("{search} --recall 0.9 --output {}", at("b.i64")));
        assert_eq!(searched["ef"], tuned["ef"]);
        let stats = run(&format!("stats {}", at("i.dvx")));
        assert_eq!((stats["live"].as_u64(), stats["unreachable"].as_u64()), (Some(600), Some(0)));
        run(&format!("verify {}", at("i.dvx")));
        run(&format!("inspect {} --row 7 --svg {}", at("i.dvx"), at("w.svg")));
        assert!(std::fs::read_to_string(at("w.svg")).unwrap().ends_with("</svg>\n"));
        run(&format!(
            "bench {} --queries {} --k 5 --ef 10,20 --repeat 1 --svg {}",
            at("i.dvx"),
            at("q.f32"),
            at("b.svg")
        ));

        let mut bytes = std::fs::read(at("i.dvx")).unwrap();
        bytes[2000] ^= 4;
        std::fs::write(at("bad.dvx"), &bytes).unwrap();
        let (result, printed) = try_run(&format!("verify {}", at("bad.dvx")), false);
        assert!(result.unwrap() == Status::Failure && printed.contains("damaged"), "{printed}");
        let text = refused(&format!(
            "search {} --queries {} --ef 600 --output {}",
            at("bad.dvx"),
            at("q.f32"),
            at("c.i64")
        ));
        assert!(text.contains("another checksum"), "{text}");
    }
    let text = refused(&format!(
        "search {} --queries {} --k 0 --ef 5 --output {}",
        at("i.dvx"),
        at("q.f32"),
        at("c.i64")
    ));
    assert!(text.contains("k is 0, must be at least 1"), "{text}");
    for recall in ["1.5", "0", "nan"] {
        let search = format!("search {} --queries {} --recall {recall}", at("i.dvx"), at("q.f32"));
        let text = refused(&format!("{search} --output {}", at("c.i64")));
        assert!(text.contains("recall"), "{text}");
    }
    let text = refused(&format!("build --input {} --metric l2 --output {}", at("x.f32"), at("j.dvx")));
    assert!(text.contains("give it with --dim"), "{text}");
    let text =
        refused(&format!("search {} --queries {} --ef 5 --output {}", at("i.dvx"), at("x.csv"), at("c.i64")));
    assert!(text.contains("x.csv"), "{text}");
}

#[test]
fn libraries_files_become_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let source = golden("hnswlib-l2-wide-labels.index").display().to_string();
    assert!(refused(&format!("convert {source} {} --to dolmen", at("i.dvx"))).contains("--metric"));
    let done = run(&format!("convert {source} {} --to dolmen --metric l2", at("i.dvx")));
    assert_eq!((done["from"].as_str(), done["vectors"].as_u64()), (Some("hnswlib"), Some(180)));
    for (to, file) in [("usearch", "i.us"), ("faiss", "i.faiss"), ("hnswlib", "i.bin")] {
        run(&format!("convert {} {} --to {to}", at("i.dvx"), at(file)));
        run(&format!("convert {} {} --to dolmen --metric l2", at(file), at("again.dvx")));
    }
    assert!(std::fs::read(at("i.bin")).unwrap() == std::fs::read(&source).unwrap());
    let queries = golden("hnswlib-l2-wide-labels.queries.f32").display().to_string();
    let text =
        refused(&format!("search {} --queries {queries} --ef 50 --output {}", at("i.dvx"), at("a.i32")));
    assert!(text.contains("does not fit") && !Path::new(&at("a.i32")).exists(), "{text}");
}

#[test]
fn the_tour_finds_words() {
    let dir = tempfile::tempdir().unwrap();
    let report = dolmen_vector_cli::tour(dir.path()).unwrap();
    assert_eq!(report.system, "vector");
}
