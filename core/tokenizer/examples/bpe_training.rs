//! Byte pair encoding from nothing: learn merges from a text, then use them.
//!
//! Run with a text file, or without one to learn from this lesson's own source.

use std::collections::BTreeMap;

/// Two neighbouring tokens.
type Pair = (u32, u32);

/// Learns from a file, or from this one.
pub fn main() {
    let path = std::env::args().nth(1).filter(|path| std::path::Path::new(path).is_file());
    let text = match path {
        Some(path) => std::fs::read_to_string(path).expect("a text file"),
        None => include_str!("bpe_training.rs").to_owned(),
    };

    // 1. A text is bytes, and the first 256 tokens are the bytes.
    let mut ids: Vec<u32> = text.bytes().map(u32::from).collect();
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    println!("{} bytes", ids.len());

    // 2. The most frequent pair of neighbours becomes a new token, again and again.
    let mut merges: Vec<Pair> = Vec::new();
    while merges.len() < 60 {
        let Some((pair, count)) = most_frequent(&ids) else { break };
        if count < 2 {
            break;
        }
        let id = tokens.len() as u32;
        let joined = [tokens[pair.0 as usize].clone(), tokens[pair.1 as usize].clone()].concat();
        if merges.len().is_multiple_of(10) {
            println!(
                "merge {:>3}: {:?} is there {count} times",
                merges.len(),
                String::from_utf8_lossy(&joined)
            );
        }
        tokens.push(joined);
        merges.push(pair);
        replace(&mut ids, pair, id);
    }
    println!("{} tokens now, {:.2} bytes each", ids.len(), text.len() as f64 / ids.len() as f64);

    // 3. To encode a new text, the merges are applied in the order in which they were learned.
    let sample = "let merges = the text";
    let encoded = encode(sample, &merges);
    let shown: Vec<_> = encoded.iter().map(|id| String::from_utf8_lossy(&tokens[*id as usize])).collect();
    println!("{sample:?} becomes {shown:?}");

    // 4. To decode, the tokens' bytes are joined. Nothing is lost.
    let decoded: Vec<u8> = encoded.iter().flat_map(|id| tokens[*id as usize].clone()).collect();
    assert_eq!(decoded, sample.as_bytes());

    with_the_crate(&text);
}

/// The pair with the greatest count; of equals the least.
fn most_frequent(ids: &[u32]) -> Option<(Pair, usize)> {
    let mut counts: BTreeMap<Pair, usize> = BTreeMap::new();
    for pair in ids.windows(2) {
        *counts.entry((pair[0], pair[1])).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(pair, count)| (*count, std::cmp::Reverse(*pair)))
}

/// Puts `id` wherever the pair is, from left to right.
fn replace(ids: &mut Vec<u32>, pair: Pair, id: u32) {
    let mut out = Vec::with_capacity(ids.len());
    let mut at = 0;
    while at < ids.len() {
        if at + 1 < ids.len() && (ids[at], ids[at + 1]) == pair {
            out.push(id);
            at += 2;
        } else {
            out.push(ids[at]);
            at += 1;
        }
    }
    *ids = out;
}

fn encode(text: &str, merges: &[Pair]) -> Vec<u32> {
    let mut ids: Vec<u32> = text.bytes().map(u32::from).collect();
    for (rank, pair) in merges.iter().enumerate() {
        replace(&mut ids, *pair, 256 + rank as u32);
    }
    ids
}

/// The same with what real vocabularies do more: words are cut first, so that no token holds the end of one and the start of the next.
fn with_the_crate(text: &str) {
    use dolmen_tokenizer::scan::Scanner;
    use dolmen_tokenizer::train::{Options, Trainer};
    use dolmen_tokenizer::{Scratch, Specials, Tokenizer};

    let mut trainer = Trainer::new(Scanner::Gpt2);
    trainer.feed(text);
    let options = Options { tokens_max: 256 + 60, count_min: 2, specials: &[] };
    let tokenizer = Tokenizer::new(&trainer.train(options).expect("a vocabulary")).expect("a tokenizer");
    let mut ids = Vec::new();
    tokenizer.encode(&mut Scratch::default(), text, Specials::Text, &mut ids).expect("ids");
    let longest = (256..316).filter_map(|id| tokenizer.token(id)).max_by_key(|token| token.len());
    println!(
        "with words cut first: {} tokens, the longest is {:?}",
        ids.len(),
        String::from_utf8_lossy(longest.unwrap_or_default())
    );
}
