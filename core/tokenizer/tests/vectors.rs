//! Every vector of the shared data: GGUF (llama.cpp's), kitoken's, and our own ones made with the real libraries.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{committed, encode, numbers, read, testdata, texts, tokenizer};
use dolmen_text::json::{Document, Value};
use dolmen_tokenizer::{Scratch, Specials, Tokenizer};

#[test]
fn llama_cpp_vocabularies() {
    let Some(data) = testdata("tokenizers") else { return };
    let mut sets = 0;
    let mut names: Vec<_> =
        std::fs::read_dir(data.join("gguf")).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let mut wrong = Vec::new();
    for path in names.iter().filter(|p| p.extension().is_some_and(|e| e == "gz")) {
        let base = path.with_extension("");
        let tokenizer = tokenizer(path);
        let input = String::from_utf8(read(&base.with_extension("gguf.inp"))).unwrap();
        let output = String::from_utf8(read(&base.with_extension("gguf.out"))).unwrap();
        let texts: Vec<_> = input.split("\n__ggml_vocab_test__\n").collect();
        let mut scratch = Scratch::default();
        let mut count = 0;
        for (text, line) in texts.iter().zip(output.lines()) {
            let wanted: Vec<u32> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
            let found = encode(&tokenizer, &mut scratch, text, Specials::Text);
            if found != wanted {
                wrong.push(format!("{}: {text:?}\n  found {found:?}\n wanted {wanted:?}", base.display()));
            }
            count += 1;
        }
        println!("{}: {count} texts", base.display());
        assert!(count >= 46);
        sets += 1;
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert_eq!(sets, 10);
}

fn unescape(line: &str) -> String {
    line.replace("\\n", "\n").replace("\\s", " ").replace("\\x", "")
}

/// Compares one vocabulary with the three inputs of kitoken. The third is one text.
fn kitoken(
    data: &Path,
    library: &str,
    name: &str,
    tokenizer: &Tokenizer,
    specials: Specials,
    out: bool,
) -> usize {
    let dir = data.join("kitoken");
    let mut scratch = Scratch::default();
    let mut compared = 0;
    for input in ["small", "mixed", "utf8"] {
        let text = String::from_utf8(read(&dir.join(format!("{input}_input.txt")))).unwrap();
        let tokens = read(&dir.join(library).join(format!("{input}_tokens_{name}.txt")));
        let tokens = String::from_utf8(tokens).unwrap();
        let ids = |line: &str| line.split(',').map(|n| n.trim().parse().unwrap()).collect::<Vec<u32>>();
        let lines = tokens.lines().filter(|l| !l.is_empty());
        let outputs = dir.join(library).join(format!("{input}_output_{name}.txt"));
        let outputs = outputs.is_file().then(|| String::from_utf8(read(&outputs)).unwrap());
        if input == "utf8" {
            let wanted: Vec<u32> = lines.flat_map(ids).collect();
            let found = encode(tokenizer, &mut scratch, &text, specials);
            same(&fit(name, &found), &unpad(name, wanted.clone()), &text, name);
            compared += wanted.len();
            if out {
                let decoded = tokenizer.decode(&found, false).unwrap();
                assert_eq!(decoded, *outputs.as_ref().unwrap_or(&text), "{name}");
            }
            continue;
        }
        let texts: Vec<_> = text.lines().filter(|l| !l.is_empty()).map(unescape).collect();
        let lines: Vec<_> = lines.collect();
        assert_eq!(texts.len(), lines.len(), "{name} {input}");
        let outputs: Option<Vec<_>> =
            outputs.as_ref().map(|o| o.lines().filter(|l| !l.is_empty()).map(unescape).collect());
        for (i, (text, line)) in texts.iter().zip(lines).enumerate() {
            let found = encode(tokenizer, &mut scratch, text, specials);
            same(&fit(name, &found), &unpad(name, ids(line)), text, name);
            compared += found.len();
            if out {
                let decoded = tokenizer.decode(&found, false).unwrap();
                let wanted = outputs.as_ref().map_or(text, |o| &o[i]);
                assert_eq!(decoded, *wanted, "{name} {input} line {i}");
            }
        }
    }
    println!("{library} {name}: {compared} ids");
    compared
}

/// The file of gte asks for exactly 512 ids: what is beyond is cut off, the rest is padding.
fn fit(name: &str, found: &[u32]) -> Vec<u32> {
    found.iter().copied().take(if name == "gte" { 512 } else { usize::MAX }).collect()
}

fn unpad(name: &str, mut wanted: Vec<u32>) -> Vec<u32> {
    while name == "gte" && wanted.last() == Some(&0) {
        wanted.pop();
    }
    wanted
}

fn same(found: &[u32], wanted: &[u32], text: &str, name: &str) {
    if found != wanted {
        let at = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
        let near = |ids: &[u32]| ids[at.saturating_sub(3)..(at + 6).min(ids.len())].to_vec();
        panic!(
            "{name}: {:?}…\n at {at}: found {:?}, wanted {:?}",
            &text.chars().take(200).collect::<String>(),
            near(found),
            near(wanted)
        );
    }
}

#[test]
fn kitoken_with_tiktoken() {
    let Some(data) = testdata("tokenizers") else { return };
    for name in ["cl100k_base", "o200k_base", "p50k_base"] {
        let tokenizer = tokenizer(&data.join(format!("tiktoken/{name}.tiktoken.gz")));
        kitoken(&data, "tiktoken", name, &tokenizer, Specials::Tokens, true);
    }
}

#[test]
fn kitoken_with_sentencepiece() {
    let Some(data) = testdata("tokenizers") else { return };
    for (name, file) in
        [("llama2", "llama2"), ("mistral03", "mistral03"), ("xlnet_base_cased", "xlnet_base_cased")]
    {
        let tokenizer = tokenizer(&data.join(format!("kitoken/models/{file}.model.gz")));
        kitoken(&data, "sentencepiece", name, &tokenizer, Specials::Tokens, true);
    }
}

#[test]
fn kitoken_with_hugging_face() {
    let Some(data) = testdata("tokenizers") else { return };
    for (name, out) in [
        ("bert_base_cased", true),
        ("clip_base", true),
        ("gpt_neox", true),
        ("modernbert", true),
        ("gte", false),
        ("mistral03", true),
    ] {
        let tokenizer = tokenizer(&data.join(format!("kitoken/models/{name}.json.gz")));
        kitoken(&data, "tokenizers", name, &tokenizer, Specials::Tokens, out);
    }
    // The same vocabularies in other files.
    let gguf = |name: &str| tokenizer(&data.join(format!("gguf/ggml-vocab-{name}.gguf.gz")));
    kitoken(&data, "tokenizers", "gpt2", &gguf("gpt-2"), Specials::Tokens, false);
    kitoken(&data, "tokenizers", "llama2", &gguf("llama-spm"), Specials::Tokens, false);
    kitoken(&data, "tokenizers", "llama32", &gguf("llama-bpe"), Specials::Tokens, false);
}

#[test]
fn our_own() {
    let Some(data) = testdata("tokenizers") else { return };
    let texts = texts(&read(&data.join("own/texts.json")));
    let expected = read(&data.join("own/expected.json.gz"));
    let document = Document::read(&expected).unwrap();
    let sets = own_sets(&texts, document.root().get("ids").unwrap(), |library, name| match library {
        "tiktoken" => data.join(format!("tiktoken/{name}.tiktoken.gz")),
        l if l.starts_with("sentencepiece") => data.join(format!("own/{name}.model")),
        _ => data.join(format!("own/hf_{name}.json")),
    });
    assert_eq!(sets, 20);
}

/// The part that is committed.
#[test]
fn our_own_committed() {
    let data = read(&committed().join("own.json.gz"));
    let document = Document::read(&data).unwrap();
    let texts: Vec<String> =
        document.root().get("texts").unwrap().items().map(|t| t.as_str().unwrap().into_owned()).collect();
    let sets = own_sets(&texts, document.root().get("ids").unwrap(), |library, name| {
        committed().join(match library {
            l if l.starts_with("sentencepiece") => format!("{name}.model.gz"),
            _ => format!("hf_{name}.json.gz"),
        })
    });
    assert_eq!((texts.len(), sets), (407, 17));
}

fn own_sets(texts: &[String], ids: Value<'_>, path: impl Fn(&str, &str) -> PathBuf) -> usize {
    let all: BTreeMap<String, Value<'_>> = ids.members().map(|(k, v)| (k.into_owned(), v)).collect();
    let mut scratch = Scratch::default();
    for (set, lists) in &all {
        let (library, name) = set.split_once('/').unwrap();
        let tokenizer = tokenizer(&path(library, name));
        let mut compared = 0;
        for (i, wanted) in lists.items().enumerate() {
            let text = &texts[i];
            let specials = if library == "tiktoken" { Specials::Text } else { Specials::Tokens };
            match library {
                "tiktoken" | "sentencepiece" | "tokenizers" => {
                    let mut wanted = numbers(wanted);
                    if name == "bert" {
                        // [CLS] and [SEP] are no part of the text.
                        wanted = wanted[1..wanted.len() - 1].to_vec();
                    }
                    same(&encode(&tokenizer, &mut scratch, text, specials), &wanted, text, set);
                }
                "tokenizers_offsets" => offsets(&tokenizer, &mut scratch, text, wanted, set),
                _ => {
                    let ids = encode(&tokenizer, &mut scratch, text, specials);
                    let decoded = tokenizer.decode(&ids, true).unwrap();
                    assert_eq!(decoded, wanted.as_str().unwrap(), "{set} {i}: {text:?}");
                }
            }
            compared += 1;
        }
        println!("{set}: {compared} texts");
    }
    all.len()
}

/// Places in characters, as Python counts.
fn offsets(tokenizer: &Tokenizer, scratch: &mut Scratch, text: &str, wanted: Value<'_>, set: &str) {
    let mut spans = Vec::new();
    tokenizer.encode_spans(scratch, text, Specials::Tokens, &mut spans).unwrap();
    let chars = |at: u32| text[..at as usize].chars().count() as u32;
    let found: Vec<_> = spans.iter().map(|s| vec![chars(s.start), chars(s.end)]).collect();
    let mut wanted: Vec<_> = wanted.items().map(numbers).collect();
    if set.ends_with("bert") {
        wanted = wanted[1..wanted.len() - 1].to_vec();
    }
    assert_eq!(found, wanted, "{set}: {text:?}");
}

/// What differential fuzzing found, with the ids of sentencepiece 0.2.3 and tokenizers 0.23.2: sums in 32 bits with the scores of the file, and
/// scores as Hugging Face's JSON reader rounds them. Ties hang on the last bit.
#[test]
fn ties_between_ways() {
    let check = |tokenizer: &Tokenizer, text: &str, wanted: &[u32]| {
        same(&encode(tokenizer, &mut Scratch::default(), text, Specials::Tokens), wanted, text, "ties");
    };
    let unigram = tokenizer(&committed().join("hf_unigram.json.gz"));
    let text = "\u{fa8c}\u{fa73}\u{fa8c}'\"\u{2167}'LL\u{1d656}\u{1d5e8}\u{1d706}\u{1d6fc}pAVS\u{5f9}\t\u{383}\u{3d6}MT\u{3028}";
    let wanted = [
        1, 2472, 0, 2472, 153, 185, 403, 500, 203, 153, 265, 265, 11, 218, 0, 1414, 45, 142, 403, 222, 0,
        318, 159, 0,
    ];
    check(&unigram, text, &wanted);
    let Some(data) = testdata("tokenizers") else { return };
    let xlnet = tokenizer(&data.join("kitoken/models/xlnet_base_cased.model.gz"));
    let text = "\u{ac00}\u{20a7}\u{207e}\u{fb01}'reabababababababababababababababab\u{ac00}'";
    let wanted = [
        17, 0, 11, 2265, 26, 88, 8754, 18000, 8754, 18000, 8754, 1642, 18000, 8754, 18000, 8754, 18000, 0, 26,
    ];
    check(&xlnet, text, &wanted);
    let text = "\u{3098}\u{3075}-\u{bd}abababababababababababababababab\u{300}\u{301}\u{305d}";
    let wanted = [17, 0, 13, 23018, 8754, 18000, 8754, 18000, 8754, 18000, 8754, 1642, 18000, 8754, 18000, 0];
    check(&xlnet, text, &wanted);
}
