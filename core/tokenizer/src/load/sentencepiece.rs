//! SentencePiece's `.model`: a Protocol Buffers message.
//!
//! ```text
//! ModelProto  1 pieces {1 text, 2 score, 3 type}   2 trainer {3 model type, 24 blank as suffix, 35 byte fallback, 40–43 ids}
//!             3 normalizer {2 charsmap, 3 dummy prefix, 4 remove blanks, 5 escape}
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::config::{Config, Decoder, Merges, Model, Normalizer, Special, Unknown};
use crate::definition::{Added, Definition, Tokens, kind};
use crate::error::{LoadError, limit};
use crate::limits::TOKENS_MAX;

const UNIGRAM: u64 = 1;
const BPE: u64 = 2;

/// A field's value.
#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Float(f32),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message: number and value.
fn fields<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u64, Field<'a>) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut from = Cursor::new(message);
    while !from.is_empty() {
        let at = from.position();
        let tag = from.get_varint_u64()?;
        let value = match tag & 7 {
            0 => Field::Number(from.get_varint_u64()?),
            1 => {
                from.get_u64_le()?;
                Field::Other
            }
            2 => Field::Bytes(from.get_varint_slice()?),
            5 => Field::Float(f32::from_bits(from.get_u32_le()?)),
            _ => return Err(LoadError::Invalid { what: "a field of a SentencePiece model", at }),
        };
        if tag >> 3 == 0 {
            return Err(LoadError::Invalid { what: "a field of a SentencePiece model", at });
        }
        take(tag >> 3, value)?;
    }
    Ok(())
}

/// A piece.
struct Piece<'a> {
    text: &'a [u8],
    score: f32,
    kind: u64,
}

struct Spec<'a> {
    model: u64,
    bytes: bool,
    suffix: bool,
    ids: [i64; 4],
    charsmap: &'a [u8],
    dummy_prefix: bool,
    remove_extra: bool,
    escape: bool,
}

/// Reads a model.
///
/// # Errors
/// [`LoadError`]; places count from the start of the message that holds them.
pub fn load(bytes: &[u8]) -> Result<Definition, LoadError> {
    let mut pieces = Vec::new();
    let mut spec = Spec {
        model: UNIGRAM,
        bytes: false,
        suffix: false,
        ids: [0, 1, 2, -1],
        charsmap: &[],
        dummy_prefix: true,
        remove_extra: true,
        escape: true,
    };
    fields(bytes, |number, value| {
        match (number, value) {
            (1, Field::Bytes(message)) => {
                limit("tokens", pieces.len() + 1, TOKENS_MAX)?;
                pieces.push(piece(message)?);
            }
            (2, Field::Bytes(message)) => trainer(message, &mut spec)?,
            (3, Field::Bytes(message)) => normalizer(message, &mut spec)?,
            _ => {}
        }
        Ok(())
    })?;
    if pieces.is_empty() {
        return Err(LoadError::Missing { what: "pieces in a SentencePiece model" });
    }
    definition(&pieces, &spec)
}

fn piece(message: &[u8]) -> Result<Piece<'_>, LoadError> {
    let mut piece = Piece { text: &[], score: 0.0, kind: 1 };
    fields(message, |number, value| {
        match (number, value) {
            (1, Field::Bytes(text)) => piece.text = text,
            (2, Field::Float(score)) => piece.score = score,
            (3, Field::Number(kind)) => piece.kind = kind,
            _ => {}
        }
        Ok(())
    })?;
    if piece.score.is_nan() {
        return Err(LoadError::Invalid { what: "a score that is a number", at: 0 });
    }
    Ok(piece)
}

fn trainer(message: &[u8], spec: &mut Spec<'_>) -> Result<(), LoadError> {
    fields(message, |number, value| {
        if let Field::Number(value) = value {
            match number {
                3 => spec.model = value,
                24 => spec.suffix = value != 0,
                35 => spec.bytes = value != 0,
                // Negative ids are written as 64 bits.
                40..=43 => spec.ids[number as usize - 40] = value as i64,
                _ => {}
            }
        }
        Ok(())
    })
}

fn normalizer<'a>(message: &'a [u8], spec: &mut Spec<'a>) -> Result<(), LoadError> {
    fields(message, |number, value| {
        match (number, value) {
            (2, Field::Bytes(map)) => spec.charsmap = map,
            (3, Field::Number(n)) => spec.dummy_prefix = n != 0,
            (4, Field::Number(n)) => spec.remove_extra = n != 0,
            (5, Field::Number(n)) => spec.escape = n != 0,
            _ => {}
        }
        Ok(())
    })
}

fn kinds(piece: &Piece<'_>) -> Result<u8, LoadError> {
    Ok(match piece.kind {
        1 => 0,
        2 => kind::UNKNOWN | kind::APART,
        3 => kind::SPECIAL | kind::APART,
        4 => kind::USER,
        5 => kind::UNUSED,
        6 => kind::BYTE | kind::APART,
        _ => return Err(LoadError::Unsupported { what: "this type of piece", at: 0 }),
    })
}

fn definition(pieces: &[Piece<'_>], spec: &Spec<'_>) -> Result<Definition, LoadError> {
    let mut tokens = Tokens::default();
    for piece in pieces {
        tokens.push(piece.text, kinds(piece)?)?;
    }
    let id = |at: usize| u32::try_from(spec.ids[at]).ok().filter(|&id| (id as usize) < pieces.len());
    let unknown = pieces.iter().position(|p| p.kind == 2).map(|id| id as u32).or(id(0));
    let unknown = Unknown { id: unknown, fuse: true, bytes: spec.bytes };
    let scores: Vec<f32> = pieces.iter().map(|p| p.score).collect();
    let model = match spec.model {
        UNIGRAM => {
            let normal = || pieces.iter().filter(|p| p.kind == 1).map(|p| p.score);
            let least = normal().fold(f32::INFINITY, f32::min);
            Model::Unigram {
                unknown,
                unknown_score: f64::from(if least.is_finite() { least } else { 0.0 } - 10.0),
                single: true,
                user_score: 0.0,
            }
        }
        BPE => Model::Bpe {
            merges: Merges::ByText,
            byte_level: false,
            whole: false,
            words: words_stand_alone(&tokens),
            prefix: String::new(),
            suffix: String::new(),
            unknown,
        },
        _ => {
            return Err(LoadError::Unsupported {
                what: "a SentencePiece model of words or characters",
                at: 0,
            });
        }
    };
    let is_unigram = spec.model == UNIGRAM;
    Ok(Definition {
        config: Config {
            normalizers: Vec::from([Normalizer::SentencePiece {
                dummy_prefix: spec.dummy_prefix,
                remove_extra: spec.remove_extra,
                escape: spec.escape,
                suffix: spec.suffix,
            }]),
            pretokenizers: Vec::new(),
            model,
            decoders: Vec::from([Decoder::SentencePiece {
                strip: spec.dummy_prefix || spec.remove_extra,
                all: spec.remove_extra,
            }]),
            trim_offsets: false,
            special: Special { bos: id(1), eos: id(2), pad: id(3), add_bos: id(1).is_some(), add_eos: false },
        },
        ranks: if is_unigram { Vec::new() } else { ranks(&scores) },
        scores: if is_unigram { scores.iter().map(|&s| f64::from(s)).collect() } else { Vec::new() },
        tokens,
        merges: Vec::new(),
        added: Vec::<Added>::new(),
        charsmap: spec.charsmap.to_vec(),
    })
}

/// The greatest score first; equal ones have one rank, so that the leftmost merges first.
pub(super) fn ranks(scores: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let score = |id: u32| scores[id as usize];
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
    let mut ranks = alloc::vec![0; scores.len()];
    let mut rank = 0;
    for (i, &id) in order.iter().enumerate() {
        if i > 0 && score(order[i - 1]) != score(id) {
            rank = i as u32;
        }
        ranks[id as usize] = rank;
    }
    ranks
}

/// Whether `▁` is a token and no token has one behind another character.
pub(super) fn words_stand_alone(tokens: &Tokens) -> bool {
    let mark = "\u{2581}".as_bytes();
    let crosses = |mut bytes: &[u8]| {
        while let Some(rest) = bytes.strip_prefix(mark) {
            bytes = rest;
        }
        bytes.windows(mark.len()).any(|w| w == mark)
    };
    let all = || (0..tokens.len() as u32).filter(|&id| tokens.kinds[id as usize] & kind::APART == 0);
    all().any(|id| tokens.get(id) == mark) && !all().any(|id| crosses(tokens.get(id)))
}
