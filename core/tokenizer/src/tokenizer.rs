//! A vocabulary ready for use.

mod added;
mod engine;

use alloc::vec::Vec;

use crate::bpe::Symbols;
use crate::cache::Cache;
use crate::config::{Config, Pretokenizer};
use crate::decode;
use crate::definition::{Definition, kind};
use crate::error::{DecodeError, EncodeError, LoadError};
use crate::image::{self, Aligned, Layout, View};
use crate::limits::TEXT_LEN_MAX;
use crate::normalize::{self, Charsmap, Tables, Text};
use crate::pattern::Matcher;
use crate::pretokenize;
use crate::sink::{Ids, Sink, Spans};
use crate::unigram::Lattice;

/// What becomes of control tokens' texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Specials {
    /// They are tokens, as the libraries of `tokenizer.json` and GGUF have it.
    #[default]
    Tokens,
    /// They are text like any other, as tiktoken's `encode_ordinary` has it.
    Text,
}

/// A vocabulary over a block of bytes: memory, or a map of a prebuilt file.
#[derive(Debug)]
pub struct Tokenizer<B = Aligned> {
    bytes: B,
    layout: Layout,
    config: Config,
    normalizers: normalize::Steps,
    pretokenizers: pretokenize::Steps,
    starts: added::Starts,
    has_unused: bool,
    fingerprint: u64,
}

/// Memory for encoding, kept between calls: caches of a fixed size, and buffers as large as the longest piece was. One for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    cache: Cache,
    owner: Option<u64>,
    symbols: Symbols,
    lattice: Lattice,
    words: Vec<(u32, u32)>,
    matcher: Matcher,
    batch: engine::Batch,
    ids: Vec<u32>,
}

/// A token's id and the bytes of the original text that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The id.
    pub id: u32,
    /// The first byte.
    pub start: u32,
    /// Behind the last one.
    pub end: u32,
}

impl Tokenizer<Aligned> {
    /// A vocabulary in memory.
    ///
    /// # Errors
    /// [`LoadError`] if its parts do not agree.
    pub fn new(definition: &Definition) -> Result<Self, LoadError> {
        Tokenizer::open(image::build(definition)?)
    }
}

impl<B: AsRef<[u8]>> Tokenizer<B> {
    /// A vocabulary over a prebuilt block. Its address must be a multiple of 8, as that of any mapped file is; [`Aligned::copy`] makes it so.
    ///
    /// # Errors
    /// [`LoadError`] if the block is of another version, damaged, or not sound.
    pub fn open(bytes: B) -> Result<Self, LoadError> {
        let (layout, config) = image::open(bytes.as_ref())?;
        let normalizers = normalize::Steps::new(&config.normalizers)?;
        let pretokenizers = pretokenize::Steps::new(&config.pretokenizers)?;
        let view = layout.view(bytes.as_ref());
        let starts = added::Starts::new(view.added_raw, view.added_normal);
        let has_unused = view.kinds.iter().any(|k| k & kind::UNUSED != 0);
        let fingerprint = image::checksum(bytes.as_ref());
        Ok(Tokenizer { layout, config, normalizers, pretokenizers, starts, has_unused, fingerprint, bytes })
    }

    /// The block, for whoever writes it to a file.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// What it does with text.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many ids there are, holes included.
    pub fn vocabulary_len(&self) -> usize {
        self.view().kinds.len()
    }

    /// The bytes that a token stands for in its model, `▁` and `##` included; `None` if no token has the id.
    pub fn token(&self, id: u32) -> Option<&[u8]> {
        let view = self.view();
        (view.kind(id) & kind::HOLE == 0).then(|| view.token(id))
    }

    /// Whether an id is that of a control token.
    pub fn is_special(&self, id: u32) -> bool {
        self.view().kind(id) & kind::SPECIAL != 0
    }

    /// The id of a token by its bytes in the model, or of an added token by its text.
    pub fn id(&self, token: &[u8]) -> Option<u32> {
        let view = self.view();
        let added = view.added_raw.get(token).or_else(|| view.added_normal.get(token));
        added.or_else(|| view.find(token, 0, token.len()).filter(|_| !token.is_empty())).or_else(|| {
            let mut apart = (0..view.kinds.len() as u32).filter(|&id| view.kind(id) & kind::APART != 0);
            apart.find(|&id| view.kind(id) & kind::HOLE == 0 && view.token(id) == token)
        })
    }

    fn view(&self) -> View<'_> {
        self.layout.view(self.bytes.as_ref())
    }

    /// Appends the ids of a text: of the text alone, without anything that begins or ends a prompt.
    ///
    /// # Errors
    /// [`EncodeError`]; the ids before the place of the error have been appended.
    pub fn encode(
        &self,
        scratch: &mut Scratch,
        text: &str,
        specials: Specials,
        out: &mut Vec<u32>,
    ) -> Result<(), EncodeError> {
        self.prepare(scratch, text)?;
        let mut sink = Ids { out, last_unknown: usize::MAX };
        let run = engine::Run::new(self, scratch);
        added::each(self, text, 0, specials, added::Pass::Raw, |part| match part {
            added::Part::Token(id, _) => {
                sink.token(id, 0, 0);
                Ok(())
            }
            added::Part::Text(range) => run.segment(text, range, specials, &mut sink),
        })
    }

    /// Appends the tokens of a text with the bytes that each stands for. Tokens that split a character have all of it.
    ///
    /// # Errors
    /// As [`encode`](Tokenizer::encode).
    pub fn encode_spans(
        &self,
        scratch: &mut Scratch,
        text: &str,
        specials: Specials,
        out: &mut Vec<Span>,
    ) -> Result<(), EncodeError> {
        self.prepare(scratch, text)?;
        let (mut ids, mut places) = (Vec::new(), Vec::new());
        let run = engine::Run::new(self, scratch);
        let first = out.len();
        added::each(self, text, 0, specials, added::Pass::Raw, |part| {
            match part {
                added::Part::Token(id, range) => {
                    ids.push(id);
                    places.push((range.start as u32, range.end as u32));
                }
                added::Part::Text(range) => {
                    let part = Text::new(&text[range.clone()], Some(range.start));
                    run.segment_spans(part, range.start == 0, specials, &mut ids, &mut places)?;
                }
            }
            Ok(())
        })?;
        out.extend(ids.iter().zip(&places).map(|(&id, &(start, end))| Span { id, start, end }));
        if self.config.trim_offsets {
            let prefixed = self.config.pretokenizers.contains(&Pretokenizer::PrefixSpace);
            for (i, span) in out[first..].iter_mut().enumerate() {
                let added_blank = prefixed && (i == 0 || span.start == 0);
                trim(text, self.view().token(span.id), added_blank, span);
            }
        }
        Ok(())
    }

    /// The number of tokens of a text.
    ///
    /// # Errors
    /// As [`encode`](Tokenizer::encode).
    pub fn count(&self, scratch: &mut Scratch, text: &str, specials: Specials) -> Result<usize, EncodeError> {
        let mut ids = core::mem::take(&mut scratch.ids);
        ids.clear();
        let counted = self.encode(scratch, text, specials, &mut ids).map(|()| ids.len());
        scratch.ids = ids;
        counted
    }

    fn prepare(&self, scratch: &mut Scratch, text: &str) -> Result<(), EncodeError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(EncodeError::TooLong { len: text.len() });
        }
        if scratch.owner != Some(self.fingerprint) {
            scratch.cache.reset();
            scratch.symbols.reset();
            scratch.owner = Some(self.fingerprint);
        }
        Ok(())
    }

    fn tables<'a>(&self, view: &View<'a>) -> Tables<'a> {
        Tables { charsmap: Charsmap::new(view.charsmap), user: view.user }
    }

    /// A decoder that takes ids one by one. With `skip_specials` control tokens are left out.
    pub fn decoder(&self, skip_specials: bool) -> decode::Stream<'_> {
        decode::Stream::new(self.view(), &self.config, skip_specials)
    }

    /// The text of ids. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`DecodeError::UnknownId`].
    pub fn decode(&self, ids: &[u32], skip_specials: bool) -> Result<alloc::string::String, DecodeError> {
        let mut stream = self.decoder(skip_specials);
        let mut out = alloc::string::String::new();
        for (at, &id) in ids.iter().enumerate() {
            stream
                .push(id, &mut out)
                .map_err(|DecodeError::UnknownId { id, .. }| DecodeError::UnknownId { id, at })?;
        }
        stream.finish(&mut out);
        Ok(out)
    }

    fn only_scanner(&self) -> Option<crate::scan::Scanner> {
        match self.pretokenizers.only() {
            Some(Pretokenizer::Scan(scanner)) => Some(*scanner),
            _ => None,
        }
    }
}

/// Leaves out the token's blanks at both ends, as byte-level post-processors do: blanks alone, and not the one that was put in front. Each stands for a character of
/// the text, which may be none that is a blank.
fn trim(text: &str, token: &[u8], added_blank: bool, span: &mut Span) {
    let blank = |b: &&u8| **b == b' ';
    let mut left = token.iter().take_while(blank).count();
    let right = token.iter().rev().take_while(blank).count();
    if added_blank && left == 1 {
        left = 0;
    }
    let behind = text.get(span.start as usize..span.end as usize).unwrap_or("");
    span.start += behind.chars().take(left).map(|c| c.len_utf8() as u32).sum::<u32>();
    let before = text.get(..span.end as usize).unwrap_or("");
    if before.chars().rev().take(right).count() == right {
        let len: u32 = before.chars().rev().take(right).map(|c| c.len_utf8() as u32).sum();
        span.end = (span.end - len).max(span.start);
    }
}

/// A sink for ids and places.
pub(crate) fn spans<'a>(
    ids: &'a mut Vec<u32>,
    out: &'a mut Vec<(u32, u32)>,
    places: &'a [(u32, u32)],
) -> Spans<'a> {
    let last_unknown = usize::MAX;
    Spans { ids: Ids { out: ids, last_unknown }, out, places }
}
