//! Trees and what is made of them beside libpg_query's.

use std::collections::BTreeMap;

use dolmen_sql::format::{self, FormatError, Style};
use dolmen_sql::{Tokens, Version, Workspace, compare, fingerprint, json, normalize, scan};

use crate::Done;
use crate::corpus;
use crate::libpg;

/// `trees`.
pub fn run(paths: &[String]) -> Done {
    let texts = corpus::read(paths, Version::default())?;
    let (mut first, mut second) = (Workspace::new(), Workspace::new());
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out = String::new();
    let style = Style::default();
    for text in &texts {
        let Ok(tree) = first.parse(text) else { continue };
        let Some(wanted) = libpg::json(text) else { continue };
        let mut count = |name, hit: bool| {
            let entry = counts.entry(name).or_default();
            entry.0 += usize::from(hit);
            entry.1 += 1;
            let shown = shown.entry(name).or_default();
            if !hit && *shown < 5 {
                *shown += 1;
                println!("--- {name}: {}", text.trim());
            }
        };
        out.clear();
        json::write(tree, &mut out);
        count("trees as JSON", same_json(&out, &wanted)?);
        let print = format!("{:016x}", fingerprint::fingerprint(tree));
        count(
            "fingerprint",
            pg_query::fingerprint(
                text,
                pg_query::ParserOptions::default(),
                pg_query::FingerprintOptions::default(),
            )
            .is_ok_and(|p| p.hex == print),
        );
        count("normalize", pg_query::normalize(text).is_ok_and(|n| n == normalize::normalize(tree, false)));
        let mut tokens = Tokens::default();
        let ours = scan::scan(text, Version::default(), &mut tokens).is_ok();
        let theirs = pg_query::scan(text);
        count("scan", theirs.is_ok_and(|t| ours && same_tokens(&t.tokens, &tokens)));
        let ours: Vec<&str> = scan::split(tree).into_iter().map(|range| &text[range]).collect();
        count("split", pg_query::split_with_parser(text).is_ok_and(|t| t == ours));
        let printed = format::deparse(tree);
        count("deparse keeps the tree", second.parse(&printed).is_ok_and(|again| compare::same(tree, again)));
        match format::format(text, &style) {
            Ok(once) => {
                count("formatted", true);
                count("format again: same", format::format(&once, &style).as_ref() == Ok(&once));
            }
            Err(FormatError::Changed(_)) => count("formatted", false),
            Err(_) => {}
        }
    }
    for (name, (hits, tries)) in counts {
        println!("{name:<24} {hits} of {tries} = {:.3} %", 100.0 * hits as f64 / tries as f64);
    }
    Ok(())
}

/// Whether two trees are equal as JSON values: libpg_query escapes other characters than we do.
fn same_json(ours: &str, theirs: &str) -> Result<bool, serde_json::Error> {
    if ours == theirs {
        return Ok(true);
    }
    let read = |text| {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.disable_recursion_limit();
        serde::Deserialize::deserialize(&mut reader)
    };
    let (ours, theirs): (serde_json::Value, serde_json::Value) = (read(ours)?, read(theirs)?);
    Ok(ours == theirs)
}

fn same_tokens(theirs: &[pg_query::protobuf::ScanToken], ours: &Tokens) -> bool {
    theirs.len() == ours.len() - 1
        && theirs.iter().zip(0..).all(|(token, index)| {
            let range = ours.range(index);
            token.start as usize == range.start && token.end as usize == range.end
        })
}
