//! The unigram model: of all ways to cut a text into tokens the one with the greatest sum of scores, found from left to right.
//!
//! Each place keeps the best sum that ends there, the start and the id of its last token. A later way must be better, not equal. Scores add
//! up in 64 bits as in Hugging Face's code; SentencePiece keeps each sum in 32.

use alloc::vec::Vec;

use crate::config::Unknown;
use crate::definition::kind;
use crate::error::EncodeError;
use crate::image::View;
use crate::sink::Sink;
use crate::trie::NONE;
use crate::unicode::decode;

/// The best way to a place.
#[derive(Clone, Copy, Debug)]
struct Best {
    score: f64,
    /// [`NONE`] if no way is known.
    start: u32,
    /// [`NONE`] for the unknown.
    id: u32,
}

/// Memory, kept between pieces.
#[derive(Debug, Default)]
pub struct Lattice {
    best: Vec<Best>,
    path: Vec<(u32, u32)>,
}

/// A vocabulary's tables and switches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unigram<'a> {
    pub view: View<'a>,
    pub unknown: Unknown,
    pub unknown_score: f64,
    pub single: bool,
    pub user_score: f64,
}

impl Unigram<'_> {
    /// Encodes `text[from..to]`.
    pub fn encode(
        &self,
        lattice: &mut Lattice,
        text: &[u8],
        from: usize,
        to: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        let piece = &text[from..to];
        self.forward(lattice, piece);
        let mut end = piece.len();
        lattice.path.clear();
        while end > 0 {
            let best = lattice.best[end];
            lattice.path.push((best.id, end as u32));
            end = best.start as usize;
        }
        let mut start = from;
        while let Some((id, end)) = lattice.path.pop() {
            let end = from + end as usize;
            if id == NONE {
                self.emit_unknown(text, start, end, sink)?;
            } else {
                sink.token(id, start, end);
            }
            start = end;
        }
        Ok(())
    }

    fn forward(&self, lattice: &mut Lattice, piece: &[u8]) {
        let none = Best { score: 0.0, start: NONE, id: NONE };
        lattice.best.clear();
        lattice.best.resize(piece.len() + 1, none);
        let mut at = 0;
        while at < piece.len() {
            let here = lattice.best[at].score;
            let char_len = decode(piece, at).1;
            let (mut node, mut end, mut covered) = (0, at, false);
            while let Some(next) = piece.get(end).and_then(|&byte| self.view.trie.child(node, byte)) {
                node = next;
                end += 1;
                let id = self.view.trie.value(node);
                if id == NONE || self.view.kind(id) & kind::UNUSED != 0 {
                    continue;
                }
                covered |= end - at == char_len;
                self.offer(&mut lattice.best[end], self.score(id, end - at) + here, at, id);
            }
            if !covered {
                let end = (at + char_len).min(piece.len());
                self.offer(&mut lattice.best[end], self.unknown_score + here, at, NONE);
            }
            at += char_len;
        }
    }

    fn score(&self, id: u32, len: usize) -> f64 {
        // llama.cpp gives user-defined tokens a score of their own; SentencePiece 0.2.3 takes the one in the file.
        if !self.single && self.view.kind(id) & kind::USER != 0 {
            return len as f64 * self.user_score - 0.1;
        }
        self.view.scores.get(id as usize).copied().unwrap_or(0.0)
    }

    #[inline]
    fn offer(&self, best: &mut Best, score: f64, start: usize, id: u32) {
        // What SentencePiece 0.2.3 does, though not what the source of 0.2.1 says: it compares in 32 bits as well.
        let score = if self.single { f64::from(score as f32) } else { score };
        if best.start == NONE || score > best.score {
            *best = Best { score, start: start as u32, id };
        }
    }

    fn emit_unknown(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        let byte = |b: u8| self.view.byte_ids.get(usize::from(b)).copied().filter(|&id| id != NONE);
        if self.unknown.bytes && text[start..end].iter().all(|&b| byte(b).is_some()) {
            for (i, &b) in text[start..end].iter().enumerate() {
                sink.token(byte(b).unwrap_or(NONE), start + i, start + i + 1);
            }
            return Ok(());
        }
        let id = self.unknown.id.ok_or(EncodeError::NoUnknownToken { at: start })?;
        sink.unknown(id, start, end, self.unknown.fuse);
        Ok(())
    }
}
