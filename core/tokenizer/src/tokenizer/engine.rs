//! From a part of the text between added tokens to ids.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use dolmen_simd::level::Level;

use super::added::{self, Part, Pass};
use super::{Scratch, Specials, Tokenizer, spans};
use crate::bpe::Bpe;
use crate::cache::{Cache, Key, NO_KEY, SHORT_IDS_MAX, SHORT_LEN_MAX, short_key, short_slot};
use crate::config::Model;
use crate::error::EncodeError;
use crate::image::View;
use crate::normalize::Text;
use crate::pretokenize::word_end;
use crate::scan::{Ends, Scanner};
use crate::sink::{Ids, Sink};
use crate::unigram::Unigram;
use crate::wordpiece::WordPiece;

/// A model with its tables at hand.
#[derive(Clone, Copy)]
enum Engine<'a> {
    Bpe(Bpe<'a>),
    Unigram(Unigram<'a>),
    WordPiece(WordPiece<'a>),
    WordLevel { view: View<'a>, unknown: Option<u32> },
}

/// Pieces that are looked up together: first all ask for their cache lines, then all are answered.
#[derive(Debug, Default)]
pub(super) struct Batch {
    ends: Ends,
    keys: Vec<(u32, Key)>,
    ids: Vec<u32>,
}

impl Batch {
    /// Keys and places of the pieces that were found from a place on.
    fn ask(&mut self, cache: &Cache, text: &[u8], mut at: usize) {
        self.keys.clear();
        self.keys.extend(self.ends.found().iter().map(|&end| {
            let len = end as usize - at;
            let key = if len <= SHORT_LEN_MAX { short_key(text, at, len) } else { NO_KEY };
            let slot = short_slot(key);
            cache.expect_short(slot);
            at = end as usize;
            (slot as u32, key)
        }));
        self.ids.resize(SHORT_IDS_MAX * self.keys.len().max(self.ids.len() / SHORT_IDS_MAX), 0);
    }

    /// Takes the ids of known pieces from number `from` on; gives the number of the first that is not known, and how many ids there are.
    #[inline]
    fn known(&mut self, cache: &mut Cache, from: usize) -> (usize, usize) {
        let mut count = 0;
        let ids = &mut self.ids[..];
        for (nth, &(slot, key)) in self.keys.iter().enumerate().skip(from) {
            let Some(found) = cache.short(slot as usize, key) else { return (nth, count) };
            let Some(to) = ids.get_mut(count..count + SHORT_IDS_MAX) else { return (nth, count) };
            to.copy_from_slice(&[found[0] as u32, (found[0] >> 32) as u32, found[1] as u32]);
            let found = (found[1] >> 32) as usize;
            if found == 0 {
                return (nth, count);
            }
            count += found;
        }
        (self.keys.len(), count)
    }
}

/// One call.
pub(super) struct Run<'a, B> {
    tokenizer: &'a Tokenizer<B>,
    scratch: RefCell<&'a mut Scratch>,
    engine: Engine<'a>,
    view: View<'a>,
    /// Pieces are worth remembering.
    cached: bool,
    level: Level,
}

impl<'a, B: AsRef<[u8]>> Run<'a, B> {
    pub fn new(tokenizer: &'a Tokenizer<B>, scratch: &'a mut Scratch) -> Self {
        let view = tokenizer.view();
        let engine = match &tokenizer.config.model {
            Model::Bpe { merges, byte_level, whole, prefix, suffix, unknown, .. } => Engine::Bpe(Bpe {
                view,
                merges: *merges,
                byte_level: *byte_level,
                whole: *whole,
                prefix,
                suffix,
                unknown: *unknown,
                has_unused: tokenizer.has_unused,
            }),
            Model::Unigram { unknown, unknown_score, single, user_score } => Engine::Unigram(Unigram {
                view,
                unknown: *unknown,
                unknown_score: *unknown_score,
                single: *single,
                user_score: *user_score,
            }),
            Model::WordPiece { prefix, chars_max, unknown } => {
                Engine::WordPiece(WordPiece { view, prefix, chars_max: *chars_max, unknown: *unknown })
            }
            Model::WordLevel { unknown } => Engine::WordLevel { view, unknown: *unknown },
        };
        // Unknowns of neighbouring pieces may be one token, which a cache cannot know.
        let cached = match &engine {
            Engine::Bpe(bpe) => !bpe.unknown.fuse || bpe.unknown.bytes || bpe.byte_level,
            Engine::Unigram(_) => !tokenizer.pretokenizers.is_empty(),
            Engine::WordPiece(_) => true,
            Engine::WordLevel { .. } => false,
        };
        Run { tokenizer, scratch: RefCell::new(scratch), engine, view, cached, level: Level::best() }
    }

    /// The ids of a part of the original text.
    pub fn segment(
        &self,
        text: &str,
        range: Range<usize>,
        specials: Specials,
        sink: &mut Ids<'_>,
    ) -> Result<(), EncodeError> {
        let first = range.start == 0;
        let part = &text[range];
        if self.tokenizer.normalizers.leave(part) {
            return self.normalized(part, first, specials, sink);
        }
        let text = self.normalize(Text::new(part, None))?;
        self.normalized(&text.text, first, specials, sink)
    }

    fn normalize(&self, text: Text) -> Result<Text, EncodeError> {
        let mut scratch = self.scratch.borrow_mut();
        let tables = self.tokenizer.tables(&self.view);
        self.tokenizer.normalizers.run(tables, &mut scratch.matcher, text)
    }

    fn normalized(
        &self,
        text: &str,
        first: bool,
        specials: Specials,
        sink: &mut Ids<'_>,
    ) -> Result<(), EncodeError> {
        added::each(self.tokenizer, text, 0, specials, Pass::Normal, |part| match part {
            Part::Token(id, _) => {
                sink.token(id, 0, 0);
                Ok(())
            }
            Part::Text(range) => {
                let first = first && range.start == 0;
                self.pieces(&text[range], first, sink)
            }
        })
    }

    /// Cuts and encodes a text.
    fn pieces(&self, text: &str, first: bool, sink: &mut Ids<'_>) -> Result<(), EncodeError> {
        let bytes = text.as_bytes();
        if let Some(scanner) = self.tokenizer.only_scanner() {
            return self.scanned(scanner, bytes, sink);
        }
        if self.tokenizer.pretokenizers.is_empty() {
            return self.words(bytes, 0..bytes.len(), sink);
        }
        let pieces = {
            let mut scratch = self.scratch.borrow_mut();
            self.tokenizer.pretokenizers.run(
                &mut scratch.matcher,
                Text { text: text.into(), places: None },
                first,
            )?
        };
        let bytes = pieces.text.text.as_bytes();
        pieces.ranges.into_iter().try_for_each(|range| self.words(bytes, range, sink))
    }

    /// Pieces of a scanner, many at a time.
    fn scanned(&self, scanner: Scanner, text: &[u8], sink: &mut Ids<'_>) -> Result<(), EncodeError> {
        let mut scratch = self.scratch.borrow_mut();
        let mut batch = core::mem::take(&mut scratch.batch);
        sink.out.reserve((text.len() / BYTES_PER_ID).min(RESERVED_MAX));
        let mut at = 0;
        while at < text.len() {
            let end = batch.ends.fill(scanner, self.level, text, at);
            self.found(&mut scratch, &mut batch, text, at, sink)?;
            at = end;
        }
        scratch.batch = batch;
        Ok(())
    }

    /// The ids of the pieces of a batch.
    fn found(
        &self,
        scratch: &mut Scratch,
        batch: &mut Batch,
        text: &[u8],
        from: usize,
        sink: &mut Ids<'_>,
    ) -> Result<(), EncodeError> {
        let mut at = 0;
        let start = |batch: &Batch, at: usize| match at {
            0 => from,
            at => batch.ends.found()[at - 1] as usize,
        };
        if self.cached {
            batch.ask(&scratch.cache, text, from);
        }
        while at < batch.ends.found().len() {
            if self.cached {
                let (behind, count) = batch.known(&mut scratch.cache, at);
                sink.out.extend_from_slice(&batch.ids[..count]);
                at = behind;
            }
            if let Some(&end) = batch.ends.found().get(at) {
                self.piece(scratch, text, start(batch, at), end as usize, sink)?;
                at += 1;
            }
        }
        Ok(())
    }

    /// A piece, cut once more in front of blanks if the vocabulary allows that.
    fn words(&self, text: &[u8], range: Range<usize>, sink: &mut Ids<'_>) -> Result<(), EncodeError> {
        if !matches!(self.tokenizer.config.model, Model::Bpe { words: true, .. }) {
            return self.piece(&mut self.scratch.borrow_mut(), text, range.start, range.end, sink);
        }
        let text = &text[..range.end];
        let mut at = range.start;
        while at < text.len() {
            let end = word_end(text, at);
            self.piece(&mut self.scratch.borrow_mut(), text, at, end, sink)?;
            at = end;
        }
        Ok(())
    }

    #[inline]
    fn piece(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        at: usize,
        end: usize,
        sink: &mut Ids<'_>,
    ) -> Result<(), EncodeError> {
        let len = end - at;
        sink.last_unknown = usize::MAX;
        if !self.cached {
            return self.model(scratch, text, at, end, sink);
        }
        let key = if len > SHORT_LEN_MAX { NO_KEY } else { short_key(text, at, len) };
        let slot = short_slot(key);
        let found = if key == NO_KEY { Some([0, 0]) } else { scratch.cache.short(slot, key) };
        if let Some([ids, last]) = found {
            let count = (last >> 32) as usize & SHORT_IDS_MAX;
            sink.out.extend_from_slice(&[ids as u32, (ids >> 32) as u32, last as u32][..count]);
            if count > 0 || scratch.cache.long(text, at, len, sink.out) {
                return Ok(());
            }
        }
        let before = sink.out.len();
        self.model(scratch, text, at, end, sink)?;
        let ids = &sink.out[before..];
        if key != NO_KEY {
            scratch.cache.put_short(slot, key, ids);
        }
        if !(1..=SHORT_IDS_MAX).contains(&ids.len()) || key == NO_KEY {
            scratch.cache.put_long(text, at, len, ids);
        }
        Ok(())
    }

    fn model(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        at: usize,
        end: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        match &self.engine {
            Engine::Bpe(bpe) => bpe.encode(&mut scratch.symbols, text, at, end, sink),
            Engine::Unigram(unigram) => unigram.encode(&mut scratch.lattice, text, at, end, sink),
            Engine::WordPiece(wordpiece) => {
                wordpiece.encode(&mut scratch.words, text, at, end, sink);
                Ok(())
            }
            Engine::WordLevel { view, unknown } => {
                let id = view.find(text, at, end - at).or(*unknown);
                let id = id.ok_or(EncodeError::NoUnknownToken { at })?;
                sink.token(id, at, end);
                Ok(())
            }
        }
    }

    /// The ids and places of a part of the original text.
    pub fn segment_spans(
        &self,
        text: Text,
        first: bool,
        specials: Specials,
        ids: &mut Vec<u32>,
        out: &mut Vec<(u32, u32)>,
    ) -> Result<(), EncodeError> {
        let text = self.normalize(text)?;
        let places = text.places.as_deref().unwrap_or(&[]);
        added::each(self.tokenizer, &text.text, 0, specials, Pass::Normal, |part| match part {
            Part::Token(id, range) => {
                spans(ids, out, places).token(id, range.start, range.end);
                Ok(())
            }
            Part::Text(range) => {
                let places = places.get(range.clone()).unwrap_or(&[]).to_vec();
                let part = Text { text: text.text[range.clone()].into(), places: Some(places) };
                self.pieces_spans(part, first && range.start == 0, ids, out)
            }
        })
    }

    fn pieces_spans(
        &self,
        text: Text,
        first: bool,
        ids: &mut Vec<u32>,
        out: &mut Vec<(u32, u32)>,
    ) -> Result<(), EncodeError> {
        let mut scratch = self.scratch.borrow_mut();
        let pieces = self.tokenizer.pretokenizers.run(&mut scratch.matcher, text, first)?;
        let places = pieces.text.places.as_deref().unwrap_or(&[]);
        let mut sink = spans(ids, out, places);
        let bytes = pieces.text.text.as_bytes();
        for range in pieces.ranges.iter().filter(|range| !range.is_empty()) {
            sink.ids.last_unknown = usize::MAX;
            self.model(&mut scratch, bytes, range.start, range.end, &mut sink)?;
        }
        Ok(())
    }
}

/// So many bytes of text are taken to be one id when memory for ids is asked for in advance.
const BYTES_PER_ID: usize = 3;
/// Most ids that memory is asked for in advance.
const RESERVED_MAX: usize = 1 << 16;
