//! OpenAI's rank files: `base64 rank` a line. How text is split and which control tokens there are follows from the file's name.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::{Config, Decoder, Merges, Model, Pretokenizer, Special, Unknown};
use crate::definition::{Added, Definition, Tokens, kind};
use crate::error::{LoadError, limit};
use crate::limits::{FILE_LEN_MAX, TOKEN_LEN_MAX, TOKENS_MAX};
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
    line.len() < 4096 && take_line(line, 0, &mut Vec::new()).is_some()
}

/// The rank of the line at `at`, and where the next line begins. The bytes of its token are appended.
fn take_line(bytes: &[u8], mut at: usize, out: &mut Vec<u8>) -> Option<(u32, usize)> {
    let from = at;
    while *bytes.get(at)? != b' ' {
        let four = bytes.get(at..at + 4)?;
        let values = [0, 1, 2, 3].map(|i| BASE64[usize::from(four[i])]);
        if values.iter().fold(0, |a, b| a | b) <= 63 {
            let word = values.iter().fold(0, |word, value| word << 6 | u32::from(*value));
            out.extend_from_slice(&word.to_be_bytes()[1..]);
        } else {
            // Padding, which only the last four may have.
            decode_base64(four, out)?;
            if bytes.get(at + 4) != Some(&b' ') {
                return None;
            }
        }
        at += 4;
    }
    let (mut rank, digits) = (0u32, at + 1);
    if at == from {
        return None;
    }
    at = digits;
    while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        if at - digits == 9 {
            return None;
        }
        rank = rank * 10 + u32::from(digit - b'0');
        at += 1;
    }
    let next = match &bytes[at..] {
        [] => at,
        [b'\n', ..] | [b'\r'] => at + 1,
        [b'\r', b'\n', ..] => at + 2,
        _ => return None,
    };
    (at > digits).then_some((rank, next))
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

/// The lines of a rank file.
struct Ranks {
    ranks: Vec<u32>,
    /// Where the bytes of each line's token begin in `text`; one more at the end.
    offsets: Vec<u32>,
    text: Vec<u8>,
}

impl Ranks {
    fn read(bytes: &[u8]) -> Result<Ranks, LoadError> {
        limit("bytes of a vocabulary file", bytes.len(), FILE_LEN_MAX)?;
        // A line has about sixteen bytes.
        let mut read = Ranks {
            ranks: Vec::with_capacity(bytes.len() / 16),
            offsets: Vec::with_capacity(bytes.len() / 16),
            text: Vec::with_capacity(bytes.len() / 2),
        };
        read.offsets.push(0);
        let (mut at, mut number) = (0, 0);
        while at < bytes.len() {
            number += 1;
            let empty = match &bytes[at..] {
                [b'\n', ..] | [b'\r'] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => 0,
            };
            if empty > 0 {
                at += empty;
                continue;
            }
            limit("tokens", read.ranks.len() + 1, TOKENS_MAX)?;
            let from = read.text.len();
            let (rank, next) = take_line(bytes, at, &mut read.text)
                .filter(|&(rank, _)| (rank as usize) < TOKENS_MAX && read.text.len() > from)
                .ok_or(LoadError::Invalid {
                    what: "base64, a blank and a rank in a line of a tiktoken file",
                    at: number,
                })?;
            limit("bytes of a token", read.text.len() - from, TOKEN_LEN_MAX)?;
            at = next;
            read.ranks.push(rank);
            read.offsets.push(read.text.len() as u32);
        }
        Ok(read)
    }
}

/// Reads a rank file.
///
/// # Errors
/// [`LoadError`]; places count lines from 1.
pub fn load(stem: &str, bytes: &[u8]) -> Result<Definition, LoadError> {
    let named = NAMED.iter().find(|n| n.names.contains(&stem)).ok_or(LoadError::UnknownName)?;
    let Ranks { ranks, offsets, text } = Ranks::read(bytes)?;
    let largest = ranks.iter().copied().max().ok_or(LoadError::Missing { what: "ranks" })?;
    let specials: Vec<_> =
        named.specials.iter().filter(|(_, id)| *id > largest || !ranks.contains(id)).collect();
    // A small file with the name of a large one has no room for its control tokens.
    let room = |id: u32| id as usize <= ranks.len() * 2;
    let specials: Vec<_> = specials.into_iter().filter(|(_, id)| room(*id)).collect();
    let end = specials.iter().map(|(_, id)| *id).max().unwrap_or(0).max(largest) as usize + 1;
    let special = |id: usize| specials.iter().find(|(_, special)| *special as usize == id);
    let tokens = if ranks.iter().enumerate().all(|(id, &rank)| rank as usize == id) {
        // The usual case: what was read stands as it is.
        let mut tokens = Tokens { offsets, bytes: text, kinds: alloc::vec![0; ranks.len()] };
        for id in ranks.len()..end {
            match special(id) {
                Some((text, _)) => tokens.push(text.as_bytes(), kind::SPECIAL | kind::APART)?,
                None => tokens.push(&[], kind::HOLE | kind::APART)?,
            }
        }
        tokens
    } else {
        let places = ranks.iter().zip(offsets.windows(2));
        let ranked = places.map(|(&rank, place)| (rank, &text[place[0] as usize..place[1] as usize], 0));
        let control = specials.iter().map(|(text, id)| (*id, text.as_bytes(), kind::SPECIAL | kind::APART));
        Tokens::new(end, ranked.chain(control))?
    };
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
