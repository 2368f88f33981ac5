//! How fast texts become ids, in CPU time of the thread: what `benches/record/tokenizer.md` has beside other libraries.
//!
//! ```text
//! cargo run --release -p dolmen-tokenizer --example encoding_speed -- cl100k_base.tiktoken TEXT 8     a slice for each round, documents of 4 KB
//! cargo run --release -p dolmen-tokenizer --example encoding_speed -- cl100k_base.tiktoken < TEXT     from nothing to the count of ids, once
//! ```

use std::path::Path;

use dolmen_tokenizer::{Scratch, Specials, Tokenizer, load};

/// CPU time of this thread; Linux says it in nanoseconds, and brings it up to date when the thread yields.
fn cpu_s() -> f64 {
    std::thread::yield_now();
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

/// Reads a vocabulary and encodes a text.
#[expect(clippy::disallowed_methods, reason = "a measurement is a program, which reads files")]
pub fn main() {
    let args: Vec<String> = std::env::args().collect();
    let path = Path::new(args.get(1).expect("a vocabulary file"));
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    let begin = cpu_s();
    let definition = load::load(stem, &std::fs::read(path).expect("a file")).expect("a vocabulary");
    let tokenizer = Tokenizer::new(&definition).expect("a vocabulary");
    let loaded_ms = 1e3 * (cpu_s() - begin);
    let (mut scratch, mut speeds, mut count) = (Scratch::default(), Vec::new(), 0);
    let text = match args.get(2) {
        Some(text) => std::fs::read_to_string(text).expect("a text"),
        None => std::io::read_to_string(std::io::stdin()).expect("a text"),
    };
    let rounds: usize = args.get(3).map_or(0, |rounds| rounds.parse().expect("a number of rounds"));
    for slice in pieces(&text, text.len().div_ceil(rounds + 1)) {
        let (documents, begin) = (pieces(slice, if rounds == 0 { slice.len() } else { 4096 }), cpu_s());
        for document in documents {
            let mut ids = Vec::new();
            tokenizer.encode(&mut scratch, document, Specials::Text, &mut ids).expect("text");
            count += ids.len();
        }
        speeds.push(slice.len() as f64 / (cpu_s() - begin) / 1e6);
    }
    // The first slice finds empty caches.
    let warm = &mut speeds[usize::from(rounds > 0)..];
    warm.sort_by(f64::total_cmp);
    let (low, median, high) = (warm[0], warm[warm.len() / 2], warm[warm.len() - 1]);
    println!(
        "{stem} ours: {median:.0} MB/s ({low:.0} to {high:.0}), {count} ids, loaded in {loaded_ms:.0} ms"
    );
}
