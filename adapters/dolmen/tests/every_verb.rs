//! Every verb, with a reader that leaves after a line, a full disk, no input, an unknown name, and damaged files: none panics, a closed
//! pipe is no failure, and what cannot be written is an error.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const DOLMEN: &str = env!("CARGO_BIN_EXE_dolmen");

/// Verbs of the systems that have inputs here, with arguments that make each of them print; `@kv`, `@wal`, `@sst`, `@ring`, `@gpt` and
/// others are inputs, `@new` is a name that is not taken.
const VERBS: &[(&str, &str)] = &[
    ("kv", "--path @kv get b"),
    ("kv", "--path @new set a 1"),
    ("kv", "--path @kv delete nothing"),
    ("kv", "--path @kv delete-range x y"),
    ("kv", "--path @kv scan"),
    ("kv", "--path @kv dump"),
    ("kv", "--path @kv export"),
    ("kv", "--path @new import @lines"),
    ("kv", "--path @kv families"),
    ("kv", "--path @kv create-family @new"),
    ("kv", "--path @kv drop-family nobody"),
    ("kv", "--path @kv flush"),
    ("kv", "--path @kv compact"),
    ("kv", "--path @kv checkpoint @new"),
    ("kv", "--path @kv count --prefix k"),
    ("kv", "--path @kv backup @new"),
    ("kv", "--path @new restore @kv"),
    ("kv", "--path @kv repair"),
    ("kv", "--path @kv verify"),
    ("kv", "--path @new bench --n 100"),
    ("kv", "--path @kv stats"),
    ("kv", "--path @kv inspect"),
    // Behind it the database cannot be read without --merge.
    ("kv", "--path @kv --merge uint64add merge n 00000000"),
    ("wal", "--dir @wal write one two"),
    ("wal", "--dir @wal read"),
    ("wal", "--dir @wal begin"),
    ("wal", "--dir @wal put 1 k v"),
    ("wal", "--dir @wal commit 99"),
    ("wal", "--dir @wal abort 99"),
    ("wal", "--dir @wal info"),
    ("wal", "--dir @wal verify"),
    ("wal", "--dir @wal follow --count 1"),
    ("wal", "--dir @wal truncate 1"),
    ("wal", "dump @wal/000001.log"),
    ("ring", "demo"),
    ("ring", "interactive"),
    ("ring", "benchmark --max-nodes 20 --keys 1000"),
    ("ring", "owner --nodes a,b k1 k2"),
    ("ring", "hash --hash xxh3 k1 k2"),
    ("ring", "compare --nodes 5 --keys 500 --seeds 1"),
    ("ring", "scenario @scenario"),
    ("ring", "viz --nodes a,b --vnodes 4 --out @new.svg"),
    ("ring", "tui"),
    ("ring", "save --nodes a,b --out @new"),
    ("ring", "verify @ring"),
    ("sstable", "dump @sst"),
    ("sstable", "get @sst 1"),
    ("sstable", "scan @sst"),
    ("sstable", "verify @sst"),
    ("sstable", "metadata @sst"),
    ("sstable", "stats @sst"),
    ("sstable", "inspect @sst/da-1-bti-Partitions.db"),
    ("llm", "train --data @text --model @tiny.toml --steps 1 --sample 4 --out @new"),
    ("llm", "train --data @text --model @tiny.toml --steps 1 --sample 4 --out @gpt --resume"),
    ("llm", "generate --model @gpt --prompt a --max-tokens 4"),
    ("llm", "generate --model @weights.gguf --prompt-ids 1,2 --max-tokens 4 --beams 2"),
    ("llm", "chat --model @gpt --prompt a --max-tokens 4"),
    ("llm", "tokenize --vocab @gpt/tokenizer.json --ids a"),
    ("llm", "tokenize --vocab @gpt/tokenizer.json abc"),
    ("llm", "tokenize --vocab @gpt/tokenizer.json --decode 1,2"),
    ("llm", "eval --model @gpt --ids @ids"),
    ("llm", "inspect @gpt"),
    ("llm", "inspect @weights.gguf"),
    ("llm", "inspect @gpt --prompt abc --svg @new.svg"),
    ("llm", "convert @gpt @new.gguf --type f32"),
    ("llm", "quantize @weights.gguf @new.gguf --type q8_0"),
    ("llm", "bench --model @gpt --prompt-len 4 --generate-len 2 --rounds 1"),
    // It would serve until it is ended: an address that others reach is refused without a key.
    ("llm", "serve --model @gpt --listen 0.0.0.0:0"),
];

/// Forms of the binary's own verbs.
const OWN: &[&str] =
    &["tour", "up --settings", "up --write-config=-", "completions bash", "--help", "up --help"];

/// A model that is trained in no time.
const TINY: &str =
    "n_layer = 1\nn_head = 2\nn_embd = 32\nblock_size = 96\nbatch_size = 1\neval_interval = 100\n";

struct Inputs {
    root: tempfile::TempDir,
    fresh: std::cell::Cell<u32>,
}

impl Inputs {
    fn new() -> Inputs {
        let root = tempfile::tempdir().unwrap();
        let inputs = Inputs { root, fresh: std::cell::Cell::new(0) };
        let run = |args: &str| {
            let output = inputs.command(args).output().unwrap();
            assert!(output.status.success(), "{args}: {output:?}");
        };
        fs::write(inputs.path("lines"), "default\t61\t31\nusers\t62\t32\n").unwrap();
        fs::write(inputs.path("scenario"), "nodes = \"a,b\"\nkeys = 100\n[[event]]\nadd = \"c\"\n").unwrap();
        for (key, value) in [("a", "1"), ("b", "2")] {
            run(&format!("kv --path @kv set {key} {value}"));
            run("kv --path @kv flush");
        }
        fs::write(inputs.path("tiny.toml"), TINY).unwrap();
        fs::write(inputs.path("text"), "<|im_start|>user\nabc assistant<|im_end|>\n".repeat(60)).unwrap();
        fs::write(inputs.path("ids"), "[1, 2, 3]\n").unwrap();
        run("llm train --data @text --model @tiny.toml --steps 1 --sample 4 --out @gpt");
        run("llm convert @gpt @weights.gguf --type f32");
        run("kv --path @kv set c 3");
        run("wal --dir @wal write one two three");
        run("ring save --nodes a,b --out @ring");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/bti/tests/data/da/collections");
        fs::create_dir(inputs.path("sst")).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, inputs.path("sst").join(path.file_name().unwrap())).unwrap();
        }
        inputs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The words with the inputs' paths in them.
    fn words(&self, args: &str) -> Vec<String> {
        let word = |word: &str| {
            let Some(rest) = word.strip_prefix('@') else { return word.to_owned() };
            let name = match rest.strip_prefix("new") {
                Some(end) => {
                    self.fresh.set(self.fresh.get() + 1);
                    format!("new{}{end}", self.fresh.get())
                }
                None => rest.to_owned(),
            };
            self.path(&name).to_str().unwrap().to_owned()
        };
        args.split(' ').map(word).collect()
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(DOLMEN);
        command.args(self.words(args)).current_dir(self.root.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn judge(what: &str, output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("panicked"), "{what}: {errors}");
    assert!(matches!(output.status.code(), Some(0..=2)), "{what}: {:?} {errors}", output.status);
    errors
}

fn all() -> Vec<String> {
    let verbs = VERBS.iter().map(|(system, args)| format!("{system} {args}"));
    verbs.chain(OWN.iter().map(|form| (*form).to_owned())).collect()
}

#[test]
fn a_reader_that_leaves_and_no_input_are_no_failure_and_no_panic() {
    let inputs = Inputs::new();
    for args in all() {
        // The reader is gone before the first byte.
        let mut child = inputs.command(&args).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let errors = judge(&format!("{args} | true"), &output);
        assert!(!errors.contains("roken pipe"), "{args}: {errors}");
        // The reader takes one line.
        let mut child = inputs.command(&args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        judge(&format!("{args} | head -1"), &child.wait_with_output().unwrap());
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_something_is_printed() {
    let inputs = Inputs::new();
    for args in all() {
        let prints = !inputs.command(&args).output().unwrap().stdout.is_empty();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = inputs.command(&args).stdout(full).output().unwrap();
        let errors = judge(&format!("{args} >/dev/full"), &output);
        if prints && !args.contains("--help") {
            assert_eq!(output.status.code(), Some(1), "{args}: {errors}");
            assert!(errors.contains("No space left on device"), "{args}: {errors}");
        }
    }
}

/// Inputs as they stand in the forms.
const NAMES: [&str; 11] =
    ["@kv", "@wal", "@sst", "@ring", "@scenario", "@lines", "@gpt", "@weights", "@tiny", "@text", "@ids"];

#[test]
fn unknown_names_are_refused_with_a_sentence() {
    let inputs = Inputs::new();
    let mut seen = 0;
    for (system, args) in VERBS {
        for name in NAMES {
            if !args.split(' ').any(|word| word.starts_with(name)) {
                continue;
            }
            let typo = format!("{system} {}", args.replace(name, "@absent"));
            let is_made = ["write", "begin", "set ", "import", "kv --path @absent bench"]
                .iter()
                .any(|v| typo.contains(v))
                && name != "@lines";
            if is_made {
                continue;
            }
            let output = inputs.command(&typo).output().unwrap();
            let errors = judge(&typo, &output);
            assert_eq!(output.status.code(), Some(1), "{typo} succeeded");
            assert!(errors.starts_with("error: ") && errors.len() > 20, "{typo}: {errors}");
            assert!(!inputs.path("absent").exists(), "{typo} made what it was to read");
            seen += 1;
        }
    }
    assert!(seen > 25);
    for wrong in ["kv --path x fly", "nothing", "ring owner --algorithm rnig --nodes a k", "up --kv here"] {
        let output = inputs.command(wrong).output().unwrap();
        judge(wrong, &output);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

/// Changes a byte in the middle of every file below.
fn damage(path: &Path) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| damage(&entry.unwrap().path()));
        return;
    }
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x55;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn damaged_files_never_panic() {
    // A changed weight is another weight, which nobody can see.
    for name in NAMES.into_iter().filter(|name| *name != "@weights") {
        let inputs = Inputs::new();
        let name = &name[1..];
        damage(&inputs.path(if name == "tiny" { "tiny.toml" } else { name }));
        let mut refused = 0;
        for (system, args) in VERBS {
            if args.contains(&format!("@{name}")) && !args.contains("follow") {
                let what = format!("damaged: {system} {args}");
                let output = inputs.command(&format!("{system} {args}")).output().unwrap();
                judge(&what, &output);
                refused += u32::from(!output.status.success());
            }
        }
        assert!(refused > 0, "nobody saw the damage in {name}");
    }
}

#[test]
fn no_verb_is_left_out() {
    let inputs = Inputs::new();
    let names = |args: &str, heading: &str| -> Vec<String> {
        let output = inputs.command(args).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let lines = help.lines().skip_while(|line| *line != heading).skip(1);
        let lines = lines.take_while(|line| !line.is_empty());
        let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let known = |system: &str| VERBS.iter().any(|(known, _)| *known == system);
    for system in names("--help", "Commands:") {
        if known(&system) {
            for verb in names(&format!("{system} --help"), "Verbs:") {
                let words = |args: &&str| args.split(' ').any(|word| word == verb);
                let found = VERBS.iter().filter(|(s, _)| *s == system).any(|(_, args)| words(args));
                assert!(found || verb == "help", "dolmen {system} {verb} is in no test here");
            }
        }
        // Whatever there is: help without arguments, and a word that is no verb.
        let alone = if system == "up" { "up --settings".to_owned() } else { system.clone() };
        for args in [alone, format!("{system} --help"), format!("{system} no-such-verb")] {
            judge(&args, &inputs.command(&args).output().unwrap());
        }
    }
}

#[test]
fn json_lines_are_objects_with_snake_case_keys() {
    let inputs = Inputs::new();
    let reads = [
        "get",
        "scan",
        "dump",
        "export",
        "families",
        "verify",
        "stats",
        "read",
        "info",
        "demo",
        "benchmark",
        "owner",
        "hash",
        "compare",
        "scenario",
        "metadata",
        "train",
        "generate",
        "chat",
        "tokenize",
        "eval",
    ];
    for (system, args) in
        VERBS.iter().filter(|(_, args)| reads.iter().any(|verb| args.split(' ').any(|w| w == *verb)))
    {
        let command = format!("--json {system} {args}");
        let mut child = inputs.command(&command).spawn().unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        for line in text.lines() {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{command}: {e}: {line}"));
            let object = value.as_object().unwrap_or_else(|| panic!("{command}: {line}"));
            // Cassandra's own names stand in its metadata and rows.
            if *system != "sstable" {
                let is_snake = |key: &String| {
                    key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                };
                assert!(object.keys().all(is_snake), "{command}: {line}");
            }
        }
        assert!(!text.is_empty(), "{command} printed nothing");
    }
}
