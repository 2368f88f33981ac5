//! Stop strings in a stream of text, whatever the borders of its parts.
//!
//! Text that could be the beginning of a stop string is held back until it is none. The answer ends before the stop that is complete first; of those
//! complete at the same character, before the one that begins first.

use alloc::string::String;
use alloc::vec::Vec;

use crate::limits::{STOP_LEN_MAX, STOPS_MAX};

/// Why stop strings cannot be used: there are too many, one is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopsError {
    /// Which one; as many as there are if there are too many.
    pub index: usize,
}

impl core::fmt::Display for StopsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "stop string {} cannot be used: at most {STOPS_MAX} of 1 to {STOP_LEN_MAX} bytes each",
            self.index
        )
    }
}

impl core::error::Error for StopsError {}

/// Watches for stop strings.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    stops: Vec<String>,
    held: String,
    stopped: bool,
}

impl Stops {
    /// Stop strings; none of them is possible too.
    ///
    /// # Errors
    ///
    /// [`StopsError`].
    pub fn new(stops: Vec<String>) -> Result<Stops, StopsError> {
        if stops.len() > STOPS_MAX {
            return Err(StopsError { index: stops.len() });
        }
        if let Some(index) = stops.iter().position(|stop| stop.is_empty() || stop.len() > STOP_LEN_MAX) {
            return Err(StopsError { index });
        }
        Ok(Stops { stops, held: String::new(), stopped: false })
    }

    /// Takes more text and appends what is certainly part of the answer. `true`: a stop string is complete, and the answer has ended.
    pub fn push(&mut self, text: &str, out: &mut String) -> bool {
        if self.stopped {
            return true;
        }
        self.held.push_str(text);
        let complete = self.stops.iter().filter_map(|stop| {
            let begin = self.held.find(stop.as_str())?;
            Some((begin + stop.len(), begin))
        });
        if let Some((_, begin)) = complete.min() {
            out.push_str(&self.held[..begin]);
            self.held.clear();
            self.stopped = true;
            return true;
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let sure = self.held.len() - keep;
        out.push_str(&self.held[..sure]);
        self.held.drain(..sure);
        false
    }

    /// Appends what was held back: the text ends here without a stop string.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
    }
}

/// Bytes at the end of a text that are the beginning of a stop string.
fn overlap(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len() - 1);
    (1..=most).rev().find(|&len| stop.is_char_boundary(len) && text.ends_with(&stop[..len])).unwrap_or(0)
}
