//! Encoding with one thread, ours and fastokens in turns: `dolmen-peers-tokenizer VOCABULARY TEXT ROUNDS`.
//!
//! The text is cut into a slice for each round, and each slice into documents of at most 4 KB, so that no document comes twice. Both contenders take each slice
//! one after the other; ids are compared. MB/s of the thread's CPU time; the first round warms both up and is not counted.
//!
//! `dolmen-peers-tokenizer VOCABULARY < TEXT` only reads the vocabulary and prints how many ids the text has with ours, for `cold.py`.

use std::path::Path;

use dolmen_tokenizer::{Scratch, Specials, Tokenizer, load};
use fastokens::tiktoken::TiktokenConfig;

/// CPU time of this thread in seconds; Linux says it in nanoseconds.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1e-9
}

/// Pieces of at most so many bytes, cut between characters.
fn pieces(mut text: &str, len: usize) -> Vec<&str> {
    let mut all = Vec::new();
    while !text.is_empty() {
        let (piece, rest) = text.split_at(text.floor_char_boundary(len.min(text.len())));
        all.push(piece);
        text = rest;
    }
    all
}

fn timed(documents: &[&str], mut encode: impl FnMut(&str, &mut Vec<u32>)) -> (f64, Vec<u32>) {
    let (begin, mut ids) = (cpu_s(), Vec::new());
    for document in documents {
        encode(document, &mut ids);
    }
    (cpu_s() - begin, ids)
}

/// From the vocabulary's usual file to ids, once.
fn count_ids(path: &Path) {
    let text = std::io::read_to_string(std::io::stdin()).expect("a text");
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    let definition = load::load(stem, &std::fs::read(path).expect("a vocabulary")).expect("a vocabulary");
    let tokenizer = Tokenizer::new(&definition).expect("a vocabulary");
    let mut ids = Vec::new();
    tokenizer.encode(&mut Scratch::default(), &text, Specials::Text, &mut ids).expect("text");
    println!("{}", ids.len());
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, vocabulary] = &args[..] {
        return count_ids(Path::new(vocabulary));
    }
    let [_, vocabulary, text, rounds] = &args[..] else { panic!("expected a vocabulary, a text and rounds") };
    let (path, rounds) = (Path::new(vocabulary), rounds.parse::<usize>().expect("a number of rounds"));
    let text = std::fs::read_to_string(text).expect("a text");
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    let (theirs, specials) = match stem {
        "cl100k_base" => {
            (fastokens::Tokenizer::from_tiktoken_file(path, TiktokenConfig::cl100k_base()), Specials::Text)
        }
        "o200k_base" => {
            (fastokens::Tokenizer::from_tiktoken_file(path, TiktokenConfig::o200k_base()), Specials::Text)
        }
        _ => (fastokens::Tokenizer::from_file(path), Specials::Tokens),
    };
    let theirs = theirs.expect("a vocabulary for fastokens");
    let definition = load::load(stem, &std::fs::read(path).expect("a vocabulary")).expect("a vocabulary");
    let ours = Tokenizer::new(&definition).expect("a vocabulary");
    let (mut scratch, mut speeds) = (Scratch::default(), [Vec::new(), Vec::new()]);
    for (round, slice) in pieces(&text, text.len().div_ceil(rounds + 1)).into_iter().enumerate() {
        let documents = pieces(slice, 4096);
        let (our_s, our_ids) = timed(&documents, |text, ids| {
            ours.encode(&mut scratch, text, specials, ids).expect("text");
        });
        let (their_s, their_ids) = timed(&documents, |text, ids| {
            ids.extend(match specials {
                Specials::Text => theirs.encode_ordinary(text).expect("text"),
                Specials::Tokens => theirs.encode(text).expect("text"),
            });
        });
        assert!(our_ids == their_ids, "other ids in round {round}");
        if round > 0 {
            speeds[0].push(slice.len() as f64 / our_s / 1e6);
            speeds[1].push(slice.len() as f64 / their_s / 1e6);
        }
    }
    for (name, mut speeds) in ["ours", "fastokens"].into_iter().zip(speeds) {
        speeds.sort_by(f64::total_cmp);
        let median = speeds[speeds.len() / 2];
        println!("{stem} {name}: {median:.0} MB/s ({:.0} to {:.0})", speeds[0], speeds[speeds.len() - 1]);
    }
}
