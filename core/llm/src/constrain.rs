//! Answers of a grammar: which tokens may come next.
//!
//! A chosen token is tried first; only if it does not fit all tokens are looked at, in the order of their bytes, so that what many begin with is
//! matched once. When an answer comes near its greatest length only tokens are let through that leave enough room to complete it: an answer of a
//! grammar is never cut off, unless its shortest form is too long.

use alloc::sync::Arc;
use alloc::vec::Vec;

use dolmen_tokenizer::Tokenizer;
use dolmen_tokenizer::config::Decoder;

use crate::grammar::{Grammar, State};
use crate::scheduler::Constraint;

/// The bytes of each token as they stand within a text.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    /// Where each token begins, and behind the last one.
    offsets: Vec<u32>,
    /// Tokens with text, by their bytes.
    order: Vec<u32>,
}

impl Pieces {
    /// The tokens of a vocabulary; control tokens have no text.
    pub fn new<B: AsRef<[u8]>>(tokenizer: &Tokenizer<B>) -> Pieces {
        let raw = tokenizer.config().decoders.iter().any(|step| matches!(step, Decoder::Bytes));
        let mut pieces = Pieces::default();
        for id in 0..tokenizer.vocabulary_len() as u32 {
            pieces.offsets.push(pieces.bytes.len() as u32);
            let token = tokenizer.token(id).filter(|_| !tokenizer.is_special(id)).unwrap_or_default();
            match (raw, byte_token(token)) {
                (true, _) => pieces.bytes.extend_from_slice(token),
                (false, Some(byte)) => pieces.bytes.push(byte),
                (false, None) => blanks(token, &mut pieces.bytes),
            }
        }
        pieces.offsets.push(pieces.bytes.len() as u32);
        let mut order: Vec<u32> = (0..pieces.offsets.len() as u32 - 1).collect();
        order.retain(|&id| !pieces.of(id).is_empty());
        order.sort_unstable_by(|&a, &b| pieces.of(a).cmp(pieces.of(b)));
        pieces.order = order;
        pieces
    }

    /// The bytes of a token; none for one that does not exist.
    pub fn of(&self, id: u32) -> &[u8] {
        match (self.offsets.get(id as usize), self.offsets.get(id as usize + 1)) {
            (Some(&begin), Some(&end)) => &self.bytes[begin as usize..end as usize],
            _ => &[],
        }
    }
}

/// The byte of `<0x41>`.
fn byte_token(token: &[u8]) -> Option<u8> {
    let digits = token.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    u8::from_str_radix(core::str::from_utf8(digits).ok().filter(|digits| digits.len() == 2)?, 16).ok()
}

/// `▁` is a blank.
fn blanks(token: &[u8], out: &mut Vec<u8>) {
    let mut rest = token;
    while let Some(at) = rest.windows(3).position(|bytes| bytes == "\u{2581}".as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.push(b' ');
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
}

/// A grammar over the tokens of a vocabulary.
#[derive(Debug)]
pub struct Constrained {
    grammar: Grammar,
    pieces: Arc<Pieces>,
    state: State,
}

impl Constrained {
    /// Before any text.
    pub fn new(grammar: Grammar, pieces: Arc<Pieces>) -> Constrained {
        let state = grammar.start();
        Constrained { grammar, pieces, state }
    }

    fn fits(&self, state: &State, left: usize) -> bool {
        (self.grammar.distance(state) as usize) < left
    }

    /// Sets what may not come next to minus infinity, and counts the rest. Without `left` any length will do.
    fn mask_within(&self, logits: &mut [f32], left: Option<usize>) -> usize {
        let mut allowed = alloc::vec![false; logits.len()];
        let mut count = 0;
        // States behind each byte of the last token that was looked at.
        let mut path: Vec<State> = Vec::from([self.state.clone()]);
        let mut last: &[u8] = &[];
        // How long a beginning of the last token no text goes on with.
        let mut dead = usize::MAX;
        for &id in &self.pieces.order {
            let piece = self.pieces.of(id);
            let common = piece.iter().zip(last).take_while(|(a, b)| a == b).count();
            last = piece;
            if common >= dead {
                continue;
            }
            dead = usize::MAX;
            path.truncate(common + 1);
            for (at, &byte) in piece.iter().enumerate().skip(path.len() - 1) {
                match self.grammar.take(path.last().expect("the first state stays"), byte) {
                    Some(state) => path.push(state),
                    None => {
                        dead = at + 1;
                        break;
                    }
                }
            }
            if dead != usize::MAX {
                continue;
            }
            let state = path.last().expect("the first state stays");
            if left.is_none_or(|left| self.fits(state, left))
                && let Some(allowed) = allowed.get_mut(id as usize)
            {
                *allowed = true;
                count += 1;
            }
        }
        for (logit, allowed) in logits.iter_mut().zip(allowed) {
            if !allowed {
                *logit = f32::NEG_INFINITY;
            }
        }
        count
    }
}

impl Constraint for Constrained {
    fn is_final(&self) -> bool {
        self.state.is_final()
    }

    fn allows(&self, id: u32, eos: &[u32], left: usize) -> bool {
        if eos.contains(&id) {
            return self.state.is_complete();
        }
        let piece = self.pieces.of(id);
        let next = self.grammar.take_all(&self.state, piece).filter(|_| !piece.is_empty());
        next.is_some_and(|next| self.fits(&next, left))
    }

    fn mask(&self, logits: &mut [f32], eos: &[u32], left: usize) {
        let ends: Vec<(u32, f32)> = eos
            .iter()
            .filter(|_| self.state.is_complete())
            .filter_map(|&id| Some((id, *logits.get(id as usize)?)))
            .collect();
        let before = logits.to_vec();
        if self.mask_within(logits, Some(left)) == 0 && ends.is_empty() {
            // It cannot be completed any more: then at least what is there is right.
            logits.copy_from_slice(&before);
            self.mask_within(logits, None);
        }
        for (id, logit) in ends {
            logits[id as usize] = logit;
        }
    }

    fn accept(&mut self, id: u32) {
        if let Some(next) = self.grammar.take_all(&self.state, self.pieces.of(id)) {
            self.state = next;
        }
    }
}
