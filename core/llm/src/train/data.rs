//! Text as tokens, and batches of it.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::rng::Rng;
use dolmen_text::json::Writer;

use crate::train::error::TrainError;

/// The distinct characters of a text, sorted: each is a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Characters {
    list: Vec<char>,
}

impl Characters {
    /// Those of a text.
    pub fn of(text: &str) -> Characters {
        let mut list: Vec<char> = Vec::new();
        for c in text.chars() {
            if let Err(at) = list.binary_search(&c) {
                list.insert(at, c);
            }
        }
        Characters { list }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The token of a character; `None` if the text did not have it.
    pub fn token(&self, c: char) -> Option<u32> {
        self.list.binary_search(&c).ok().map(|at| at as u32)
    }

    /// The tokens of a text; characters that are not known are left out.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        text.chars().filter_map(|c| self.token(c)).collect()
    }

    /// The text of tokens; those that are none are left out.
    pub fn decode(&self, tokens: &[u32]) -> String {
        tokens.iter().filter_map(|&token| self.list.get(token as usize)).collect()
    }

    /// A `tokenizer.json`: byte pair encoding whose vocabulary is the characters, and which merges nothing.
    pub fn tokenizer_json(&self) -> String {
        let mut text = String::new();
        let mut json = Writer::new(&mut text);
        json.object().key("version").string("1.0");
        for name in ["truncation", "padding", "normalizer", "pre_tokenizer", "post_processor"] {
            json.key(name).null();
        }
        json.key("added_tokens").array().end();
        json.key("decoder").object().key("type").string("Fuse").end();
        json.key("model").object().key("type").string("BPE");
        for name in ["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"] {
            json.key(name).null();
        }
        json.key("fuse_unk").bool(false).key("byte_fallback").bool(false).key("vocab").object();
        let mut name = [0; 4];
        for (at, c) in self.list.iter().enumerate() {
            json.key(c.encode_utf8(&mut name)).u64(at as u64);
        }
        json.end().key("merges").array().end().end();
        json.end();
        json.finish();
        text
    }
}

/// Where the text for training ends: nine tenths.
pub fn split(len: usize) -> usize {
    len / 10 * 9 + len % 10 * 9 / 10
}

/// Batches of a text: of each sequence the tokens, and those that follow them.
#[derive(Clone, Copy, Debug)]
pub struct Batches<'t> {
    tokens: &'t [u32],
    time: usize,
    seed: u64,
}

impl<'t> Batches<'t> {
    /// Sequences of `time` tokens of this text.
    ///
    /// # Errors
    ///
    /// The text is shorter than one sequence and the token after it.
    pub fn new(tokens: &'t [u32], time: usize, seed: u64) -> Result<Batches<'t>, TrainError> {
        if tokens.len() <= time {
            return Err(TrainError::Text { found: tokens.len(), wanted: time.saturating_add(1) });
        }
        Ok(Batches { tokens, time, seed })
    }

    /// Fills the nth batch with sequences from anywhere: the same for the same seed and number.
    ///
    /// # Panics
    ///
    /// The slices differ in length, or are not of whole sequences.
    pub fn draw(&self, nth: u64, tokens: &mut [u32], targets: &mut [u32]) {
        let mut rng = Rng::new(self.seed ^ nth.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let starts = (self.tokens.len() - self.time) as u64;
        let sequences = tokens.chunks_exact_mut(self.time).zip(targets.chunks_exact_mut(self.time));
        for (tokens, targets) in sequences {
            let start = rng.below(starts) as usize;
            tokens.copy_from_slice(&self.tokens[start..][..self.time]);
            targets.copy_from_slice(&self.tokens[start + 1..][..self.time]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_sorted_and_come_back() {
        let characters = Characters::of("to be,\nor not");
        assert_eq!(characters.len(), 9);
        assert_eq!(characters.token('\n'), Some(0));
        assert_eq!(characters.decode(&characters.encode("not\nto be")), "not\nto be");
        assert_eq!(characters.encode("zebra"), characters.encode("ebr"));
    }

    #[test]
    fn nine_tenths_are_for_training() {
        for (len, wanted) in [(0, 0), (9, 8), (10, 9), (1_115_394, 1_003_854)] {
            assert_eq!(split(len), wanted);
        }
    }

    #[test]
    fn a_batch_follows_from_seed_and_number() {
        let text: Vec<u32> = (0..100).collect();
        let batches = Batches::new(&text, 8, 7).unwrap();
        let draw = |nth| {
            let (mut tokens, mut targets) = ([0; 24], [0; 24]);
            batches.draw(nth, &mut tokens, &mut targets);
            (tokens, targets)
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5).0, draw(6).0);
        let (tokens, targets) = draw(5);
        assert!(tokens.iter().zip(targets).all(|(token, target)| token + 1 == target));
        assert_eq!(Batches::new(&text[..8], 8, 7).unwrap_err(), TrainError::Text { found: 8, wanted: 9 });
    }
}
