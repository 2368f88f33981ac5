//! From ids to text, one id at a time. Decoding a list is the same with a loop, so that a stream's parts always join to the whole.
//!
//! A character may span tokens: its bytes wait until it is complete. Bytes that can be no character become U+FFFD as soon as that is known,
//! and what still waits at the end does too.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::{Config, Decoder};
use crate::definition::kind;
use crate::error::DecodeError;
use crate::image::{View, byte_of};

const SPACE: char = '\u{2581}';

/// A decoder of a stream of ids.
#[derive(Debug)]
pub struct Stream<'a> {
    view: View<'a>,
    steps: &'a [Decoder],
    skip_specials: bool,
    /// No token has been taken yet.
    first: bool,
    /// No text has been given yet.
    empty: bool,
    /// A blank of SentencePiece at the start has gone.
    stripped: bool,
    /// Bytes of a character that is not complete.
    pending: Vec<u8>,
    /// Characters that may still go at the start.
    left: u32,
    /// Characters at the end that may have to go, and which.
    held: u32,
    /// A blank that stands behind the last token if another one comes.
    owed: bool,
    text: String,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(view: View<'a>, config: &'a Config, skip_specials: bool) -> Self {
        let left =
            config.decoders.iter().map(|d| if let Decoder::Strip { start, .. } = d { *start } else { 0 });
        Stream {
            view,
            steps: &config.decoders,
            skip_specials,
            first: true,
            empty: true,
            stripped: false,
            pending: Vec::new(),
            left: left.max().unwrap_or(0),
            held: 0,
            owed: false,
            text: String::new(),
        }
    }

    /// Takes an id and appends what text is complete now.
    ///
    /// # Errors
    /// [`DecodeError::UnknownId`], with nothing changed; `at` is 0.
    pub fn push(&mut self, id: u32, out: &mut String) -> Result<(), DecodeError> {
        let kind = self.view.kind(id);
        if kind & kind::HOLE != 0 {
            return Err(DecodeError::UnknownId { id, at: 0 });
        }
        if self.skip_specials && kind & kind::SPECIAL != 0 {
            return Ok(());
        }
        let token = self.view.token(id);
        let mut text = core::mem::take(&mut self.text);
        text.clear();
        if !matches!(self.steps.first(), Some(Decoder::Bytes)) {
            push_lossy(token, &mut text);
        }
        let mut fused = false;
        for step in self.steps {
            match step {
                Decoder::Fuse => fused = true,
                Decoder::Strip { content, stop, .. } if fused => {
                    self.strip_stream(&mut text, *content, *stop);
                }
                step => self.step(step, token, kind, &mut text),
            }
        }
        out.push_str(&text);
        self.empty &= text.is_empty();
        self.first = false;
        self.text = text;
        Ok(())
    }

    fn step(&mut self, step: &Decoder, token: &[u8], kind: u8, text: &mut String) {
        match step {
            Decoder::Bytes => {
                text.clear();
                self.pending.extend_from_slice(token);
                drain(&mut self.pending, text, false);
            }
            Decoder::ByteFallback => match byte_of(token) {
                Some(byte) => {
                    text.clear();
                    self.pending.push(byte);
                    drain(&mut self.pending, text, true);
                }
                None => self.flush_before(text),
            },
            Decoder::SentencePiece { strip, all } => self.sentencepiece(token, kind, *strip, *all, text),
            Decoder::Metaspace { replacement, strip } => {
                let with = if self.first && *strip { "" } else { " " };
                *text = text.replace(*replacement, with);
            }
            Decoder::WordPiece { prefix, cleanup } => {
                if !self.first {
                    match text.strip_prefix(prefix.as_str()) {
                        Some(rest) => *text = String::from(rest),
                        None => text.insert(0, ' '),
                    }
                }
                if *cleanup {
                    tidy(text);
                }
            }
            Decoder::Suffix(suffix) => {
                if core::mem::take(&mut self.owed) {
                    text.insert(0, ' ');
                }
                if let Some(rest) = text.strip_suffix(suffix.as_str()) {
                    *text = String::from(rest);
                    self.owed = true;
                }
            }
            Decoder::Replace { from, to } => *text = text.replace(from.as_str(), to),
            Decoder::Strip { content, start, stop } => {
                for _ in 0..*start {
                    if text.starts_with(*content) {
                        text.remove(0);
                    }
                }
                for _ in 0..*stop {
                    if text.ends_with(*content) {
                        text.pop();
                    }
                }
            }
            Decoder::Spaces if !self.first => text.insert(0, ' '),
            Decoder::Spaces | Decoder::Fuse => {}
        }
    }

    /// What waits becomes U+FFFD, since no more bytes come.
    fn flush_before(&mut self, text: &mut String) {
        if !self.pending.is_empty() {
            let mut before = String::new();
            flush(&mut self.pending, &mut before, true);
            text.insert_str(0, &before);
        }
    }

    fn sentencepiece(&mut self, token: &[u8], kind: u8, strip: bool, all: bool, text: &mut String) {
        if kind & kind::BYTE != 0
            && let Some(byte) = byte_of(token)
        {
            text.clear();
            self.pending.push(byte);
            drain(&mut self.pending, text, true);
            return;
        }
        if kind & kind::SPECIAL != 0 {
            text.clear();
        } else if kind & kind::UNKNOWN != 0 {
            *text = String::from(" \u{2047} ");
        } else {
            let at_start = self.empty && self.pending.is_empty() && !self.stripped;
            if strip && at_start && text.starts_with(SPACE) {
                text.remove(0);
                self.stripped = !all;
            }
            *text = text.replace(SPACE, " ");
        }
        self.flush_before(text);
    }

    fn strip_stream(&mut self, text: &mut String, content: char, stop: u32) {
        while self.left > 0 && !text.is_empty() {
            if !text.starts_with(content) {
                self.left = 0;
                break;
            }
            text.remove(0);
            self.left -= 1;
        }
        if stop > 0 && !text.is_empty() {
            (0..self.held).for_each(|_| text.insert(0, content));
            self.held = 0;
            while self.held < stop && text.ends_with(content) {
                text.pop();
                self.held += 1;
            }
        }
    }

    /// Ends the stream: what is not complete becomes U+FFFD.
    pub fn finish(&mut self, out: &mut String) {
        let each = !matches!(self.steps.first(), Some(Decoder::Bytes));
        flush(&mut self.pending, out, each);
    }
}

fn push_lossy(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('\u{fffd}');
        }
    }
}

/// Moves what is decided from `pending` to `text`. With `each` every bad byte becomes a U+FFFD, else every bad sequence.
fn drain(pending: &mut Vec<u8>, text: &mut String, each: bool) {
    let mut done = 0;
    while done < pending.len() {
        let (valid, bad) = match core::str::from_utf8(&pending[done..]) {
            Ok(all) => {
                text.push_str(all);
                done = pending.len();
                break;
            }
            Err(e) => (e.valid_up_to(), e.error_len()),
        };
        push_lossy(&pending[done..done + valid], text);
        done += valid;
        let Some(len) = bad else { break };
        text.push('\u{fffd}');
        done += if each { 1 } else { len };
    }
    pending.drain(..done);
}

fn flush(pending: &mut Vec<u8>, text: &mut String, each: bool) {
    drain(pending, text, each);
    let count = if each { pending.len() } else { pending.len().min(1) };
    text.extend(core::iter::repeat_n('\u{fffd}', count));
    pending.clear();
}

/// What English wants of blanks before punctuation, as Hugging Face has it.
fn tidy(text: &mut String) {
    const FIXES: [(&str, &str); 11] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    for (from, to) in FIXES {
        if text.contains(from) {
            *text = text.replace(from, to);
        }
    }
}
