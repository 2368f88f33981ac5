//! The step of the tour: learn a vocabulary, use it.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_cli::Report;
use dolmen_llm_cpu::vocabulary;
use dolmen_tokenizer::scan::CL100K;
use dolmen_tokenizer::train::{Options, Trainer, write_json};
use dolmen_tokenizer::{Scratch, Specials};

/// The input: the source of the verb that makes tokens.
const SOURCE: &str = include_str!("tokenize.rs");

/// Learns a vocabulary from a page of source, writes it as a `tokenizer.json`, opens that twice (from the file and from the cache), and encodes the page.
///
/// # Errors
///
/// If the text does not come back.
pub fn tour(scratch: &Path) -> Result<Report> {
    let mut trainer = Trainer::new(CL100K);
    trainer.feed(SOURCE);
    let definition =
        trainer.train(Options { tokens_max: 800, count_min: 2, specials: &["<|endoftext|>"] })?;
    let path = scratch.join("tokenizer.json");
    std::fs::write(&path, write_json(&definition).unwrap_or_default())?;
    let cache = scratch.join("cache");
    let mut lists = Vec::new();
    for _ in 0..2 {
        let vocabulary = vocabulary::open_in(&path, Some(&cache))?;
        let mut ids = Vec::new();
        vocabulary.tokenizer.encode(&mut Scratch::default(), SOURCE, Specials::Text, &mut ids)?;
        ensure!(vocabulary.tokenizer.decode(&ids, false)? == SOURCE, "the text did not come back");
        lists.push(ids);
    }
    ensure!(lists[0] == lists[1], "the prebuilt vocabulary gave other ids");
    let each = SOURCE.len() as f64 / lists[0].len() as f64;
    let merges = definition.merges.len();
    let did = format!(
        "{merges} merges learned, {} bytes became {} tokens of {each:.1} bytes",
        SOURCE.len(),
        lists[0].len()
    );
    Ok(Report { system: "llm", did, page: "core/tokenizer/README.md" })
}
