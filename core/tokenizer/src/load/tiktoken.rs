//! OpenAI's rank files: `base64 rank` a line. How text is split and which control tokens there are follows from the file's name.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::{Config, Decoder, Merges, Model, Pretokenizer, Special, Unknown};
use crate::definition::{Added, Definition, Tokens, kind};
use crate::error::{LoadError, limit};
use crate::limits::TOKENS_MAX;
use crate::scan::{CL100K, O200K, Scanner};

/// What a name says.
struct Named {
    names: &'static [&'static str],
    scanner: Scanner,
    specials: &'static [(&'static str, u32)],
}

static NAMED: [Named; 5] = [
    Named {
        names: &["r50k_base", "gpt2", "gpt-2"],
        scanner: Scanner::Gpt2,
        specials: &[("<|endoftext|>", 50256)],
    },
    Named { names: &["p50k_base"], scanner: Scanner::Gpt2, specials: &[("<|endoftext|>", 50256)] },
    Named {
        names: &["p50k_edit"],
        scanner: Scanner::Gpt2,
        specials: &[
            ("<|endoftext|>", 50256),
            ("<|fim_prefix|>", 50281),
            ("<|fim_middle|>", 50282),
            ("<|fim_suffix|>", 50283),
        ],
    },
    Named {
        names: &["cl100k_base"],
        scanner: CL100K,
        specials: &[
            ("<|endoftext|>", 100257),
            ("<|fim_prefix|>", 100258),
            ("<|fim_middle|>", 100259),
            ("<|fim_suffix|>", 100260),
            ("<|endofprompt|>", 100276),
        ],
    },
    Named {
        names: &["o200k_base", "o200k_harmony"],
        scanner: O200K,
        specials: &[("<|endoftext|>", 199999), ("<|endofprompt|>", 200018)],
    },
];

/// Whether the first line is one of a rank file.
pub fn looks_like(bytes: &[u8]) -> bool {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or(&[]);
    line.len() < 4096 && parse_line(line, &mut Vec::new()).is_some()
}

/// The rank of a line; its bytes are appended.
fn parse_line(line: &[u8], out: &mut Vec<u8>) -> Option<u32> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let space = line.iter().position(|&b| b == b' ')?;
    let (text, rank) = (&line[..space], &line[space + 1..]);
    decode_base64(text, out)?;
    if rank.is_empty() || rank.len() > 9 {
        return None;
    }
    rank.iter().try_fold(0u32, |n, &b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

static BASE64: [u8; 256] = {
    let mut table = [255u8; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[letters[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// Appends what base64 stands for.
pub(crate) fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take(2).take_while(|&&b| b == b'=').count();
    for (i, four) in text.chunks_exact(4).enumerate() {
        let last = (i + 1) * 4 == text.len();
        let skip = if last { padding } else { 0 };
        let mut word = 0u32;
        for (j, &b) in four.iter().enumerate() {
            let value = if j >= 4 - skip { 0 } else { BASE64[usize::from(b)] };
            if value > 63 {
                return None;
            }
            word = word << 6 | u32::from(value);
        }
        out.extend_from_slice(&word.to_be_bytes()[1..4 - skip]);
    }
    Some(())
}

/// Reads a rank file.
///
/// # Errors
/// [`LoadError`]; places count lines from 1.
pub fn load(stem: &str, bytes: &[u8]) -> Result<Definition, LoadError> {
    let named = NAMED.iter().find(|n| n.names.contains(&stem)).ok_or(LoadError::UnknownName)?;
    let mut text = Vec::with_capacity(bytes.len() / 2);
    // Rank, and where its bytes are.
    let mut lines: Vec<(u32, u32, u32)> = Vec::new();
    for (number, line) in bytes.split(|&b| b == b'\n').enumerate() {
        if line.is_empty() || line == b"\r" {
            continue;
        }
        limit("tokens", lines.len() + 1, TOKENS_MAX)?;
        let from = text.len();
        let rank = parse_line(line, &mut text)
            .filter(|&rank| (rank as usize) < TOKENS_MAX && text.len() > from)
            .ok_or(LoadError::Invalid {
                what: "base64, a blank and a rank in a line of a tiktoken file",
                at: number + 1,
            })?;
        lines.push((rank, from as u32, text.len() as u32));
    }
    let ranked = lines.iter().map(|&(rank, from, to)| (rank, &text[from as usize..to as usize], 0));
    let largest = lines.iter().map(|l| l.0).max().ok_or(LoadError::Missing { what: "ranks" })?;
    let taken = |id: u32| lines.iter().any(|l| l.0 == id);
    let specials: Vec<_> = named.specials.iter().filter(|(_, id)| *id > largest || !taken(*id)).collect();
    // A small file with the name of a large one has no room for its control tokens.
    let room = |id: u32| id as usize <= lines.len() * 2;
    let specials: Vec<_> = specials.into_iter().filter(|(_, id)| room(*id)).collect();
    let end = specials.iter().map(|(_, id)| *id).max().unwrap_or(0).max(largest) as usize + 1;
    let control = specials.iter().map(|(text, id)| (*id, text.as_bytes(), kind::SPECIAL | kind::APART));
    let tokens = Tokens::new(end, ranked.chain(control))?;
    let added = specials.iter().map(|(text, id)| Added {
        id: *id,
        content: String::from(*text),
        special: true,
        normalized: false,
        lstrip: false,
        rstrip: false,
        single_word: false,
    });
    Ok(Definition {
        config: config(named.scanner, specials.first().map(|s| s.1)),
        tokens,
        ranks: Vec::new(),
        scores: Vec::new(),
        merges: Vec::new(),
        added: added.collect(),
        charsmap: Vec::new(),
    })
}

fn config(scanner: Scanner, end: Option<u32>) -> Config {
    Config {
        normalizers: Vec::new(),
        pretokenizers: Vec::from([Pretokenizer::Scan(scanner)]),
        model: Model::Bpe {
            merges: Merges::ByText,
            byte_level: true,
            whole: true,
            words: false,
            prefix: String::new(),
            suffix: String::new(),
            unknown: Unknown { id: None, fuse: false, bytes: false },
        },
        decoders: Vec::from([Decoder::Bytes]),
        trim_offsets: false,
        special: Special { eos: end, ..Special::default() },
    }
}
