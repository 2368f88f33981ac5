//! Guesses of what follows, from what came before: the last few ids are searched for, and what stood behind them then is guessed to come again.
//!
//! A guess costs little, since a step reads the weights once however many rows it has; a wrong one changes nothing, since each id is
//! chosen from the model's own logits. Source: Saxena, "Prompt Lookup Decoding", 2023.

use crate::limits::DRAFT_MAX;

/// How many of the last ids must have come before.
const MATCH_LENS: [usize; 3] = [4, 3, 2];
/// How far back is looked.
const REACH: usize = 4096;

/// The ids that followed the latest place where the last ids stood before, at most `max` of them.
pub fn guess(history: &[u32], max: usize) -> &[u32] {
    let recent = &history[history.len().saturating_sub(REACH)..];
    for len in MATCH_LENS {
        let Some(begin) = recent.len().checked_sub(len) else { continue };
        let (before, last) = (&recent[..recent.len() - 1], &recent[begin..]);
        if let Some(at) = before.windows(len).rposition(|window| window == last) {
            let after = &recent[at + len..];
            return &after[..after.len().min(max).min(DRAFT_MAX)];
        }
    }
    &[]
}

/// Whether guesses have been worth their price lately.
#[derive(Clone, Copy, Debug)]
pub struct Luck {
    /// Of sixteen guessed ids how many came true, on average.
    score: u32,
    pause: u32,
}

impl Default for Luck {
    fn default() -> Self {
        Luck { score: 8, pause: 0 }
    }
}

impl Luck {
    /// How many ids may be guessed now.
    pub fn allows(&mut self) -> usize {
        if self.pause > 0 {
            self.pause -= 1;
            return 0;
        }
        DRAFT_MAX
    }

    /// What became of a guess.
    pub fn learn(&mut self, guessed: usize, came_true: usize) {
        let Some(part) = (16 * came_true).checked_div(guessed) else { return };
        self.score = (3 * self.score + part as u32) / 4;
        if self.score < 4 {
            (self.score, self.pause) = (6, 16);
        }
    }
}
