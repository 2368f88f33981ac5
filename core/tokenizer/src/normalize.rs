//! Normalisation: steps over a text that remembers where each of its bytes came from.
//!
//! The rules of where a new character came from are Hugging Face's: a replaced character keeps its place, an inserted one has that of the
//! character before, a composed one that of its first part.

mod charsmap;
mod forms;
mod sentencepiece;

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::{Needle, Normalizer};
use crate::definition::Definition;
use crate::error::{EncodeError, LoadError};
use crate::pattern::{Matcher, Pattern};
use crate::trie::Trie;
use crate::unicode;

pub use charsmap::Charsmap;

/// A text and, if asked for, the original place of each byte.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The text.
    pub text: String,
    /// For each byte the start and end of the characters that it came from.
    pub places: Option<Vec<(u32, u32)>>,
}

impl Text {
    /// A text that has not been changed; `base` is where it begins in the whole, if places are wanted.
    pub fn new(text: &str, base: Option<usize>) -> Text {
        let places = base.map(|base| {
            let mut places = Vec::with_capacity(text.len());
            for (at, c) in text.char_indices() {
                let from = (base + at) as u32;
                places.extend(core::iter::repeat_n((from, from + c.len_utf8() as u32), c.len_utf8()));
            }
            places
        });
        Text { text: String::from(text), places }
    }
}

/// A new text on its way, and the place in the old one.
pub(crate) struct Rebuild<'a> {
    old: &'a Text,
    at: usize,
    new: Text,
}

impl<'a> Rebuild<'a> {
    pub fn new(old: &'a Text) -> Self {
        let places = old.places.as_ref().map(|p| Vec::with_capacity(p.len()));
        Rebuild { old, at: 0, new: Text { text: String::with_capacity(old.text.len() + 8), places } }
    }

    pub fn finish(self) -> Text {
        self.new
    }

    fn place(&mut self, place: impl FnOnce(&[(u32, u32)], usize) -> (u32, u32), len: usize) {
        if let (Some(old), Some(new)) = (&self.old.places, &mut self.new.places) {
            let place = place(old, self.at);
            new.extend(core::iter::repeat_n(place, len));
        }
    }

    /// A character in the place of the next one.
    pub fn replace(&mut self, c: char) {
        self.change(c, 0);
    }

    /// A character that was not there.
    pub fn insert(&mut self, c: char) {
        self.change(c, 1);
    }

    /// A character: 1 for a new one, 0 in the place of the next one, −n also in that of the n behind it.
    pub fn change(&mut self, c: char, change: i32) {
        if change > 0 {
            self.place(
                |old, at| match at.checked_sub(1).and_then(|i| old.get(i)) {
                    Some(&before) => before,
                    None => old.first().map_or((0, 0), |first| (first.0, first.0)),
                },
                c.len_utf8(),
            );
        } else {
            self.place(|old, at| old.get(at).copied().unwrap_or((0, 0)), c.len_utf8());
            (change..=0).for_each(|_| self.skip());
        }
        self.new.text.push(c);
    }

    /// Leaves the next character out.
    pub fn skip(&mut self) {
        self.at += self.old.text[self.at..].chars().next().map_or(0, char::len_utf8);
    }

    /// Copies up to a place of the old text.
    pub fn copy_to(&mut self, to: usize) {
        self.new.text.push_str(&self.old.text[self.at..to]);
        if let (Some(old), Some(new)) = (&self.old.places, &mut self.new.places) {
            new.extend_from_slice(&old[self.at..to]);
        }
        self.at = to;
    }

    /// Goes on at a place of the old text.
    pub fn skip_to(&mut self, to: usize) {
        self.at = to;
    }

    /// Where it is in the old text.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Where it is in the new text.
    pub fn len(&self) -> usize {
        self.new.text.len()
    }
}

/// The compiled steps of a vocabulary.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: Vec<Normalizer>,
    /// For each step its expression, if it has one.
    patterns: Vec<Option<Pattern>>,
}

/// What steps need of the vocabulary.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tables<'a> {
    pub charsmap: Charsmap<'a>,
    pub user: Trie<'a>,
}

impl Steps {
    pub fn new(steps: &[Normalizer]) -> Result<Steps, LoadError> {
        let compile = |step: &Normalizer| match step {
            Normalizer::Replace { from: Needle::Pattern(text), .. } => Pattern::new(text).map(Some),
            _ => Ok(None),
        };
        let patterns = steps.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Steps { steps: steps.to_vec(), patterns })
    }

    /// Whether no step can change this text.
    pub fn leave(&self, text: &str) -> bool {
        self.steps.iter().all(|step| match step {
            Normalizer::Form { composed, compatible } => forms::is_in(text, *composed, *compatible),
            Normalizer::StripAccents => text.is_ascii(),
            _ => false,
        })
    }

    /// All steps.
    pub fn run(
        &self,
        tables: Tables<'_>,
        matcher: &mut Matcher,
        mut text: Text,
    ) -> Result<Text, EncodeError> {
        for (step, pattern) in self.steps.iter().zip(&self.patterns) {
            text = match step {
                Normalizer::Form { composed, compatible } => forms::normalize(text, *composed, *compatible),
                Normalizer::Lowercase => lowercase(text),
                Normalizer::StripAccents => filter(text, |c| !unicode::M.has(u32::from(c))),
                Normalizer::Strip { left, right } => strip(text, *left, *right),
                Normalizer::Prepend(prefix) => prepend(text, prefix),
                Normalizer::Replace { from: Needle::Literal(from), to } => replace(text, from, to),
                Normalizer::Replace { to, .. } => match pattern {
                    Some(pattern) => replace_pattern(text, pattern, matcher, to)?,
                    None => text,
                },
                Normalizer::Bert { clean, chinese, strip_accents, lowercase } => {
                    bert(text, *clean, *chinese, *strip_accents, *lowercase)
                }
                Normalizer::SentencePiece { dummy_prefix, remove_extra, escape, suffix } => {
                    let style = sentencepiece::Style {
                        dummy_prefix: *dummy_prefix,
                        remove_extra: *remove_extra,
                        escape: *escape,
                        suffix: *suffix,
                    };
                    sentencepiece::normalize(style, tables, &text)
                }
                Normalizer::Charsmap => charsmap::normalize(tables.charsmap, text),
                Normalizer::Nmt => nmt(text),
            };
        }
        Ok(text)
    }
}

/// The text of an added token as the steps of its vocabulary make it.
pub(crate) fn plain(definition: &Definition, text: &str) -> Result<String, LoadError> {
    let steps = Steps::new(&definition.config.normalizers)?;
    let tables = Tables { charsmap: Charsmap::new(&definition.charsmap), user: Trie::default() };
    let mut matcher = Matcher::default();
    let wrong = LoadError::Unsupported { what: "an expression that takes too many steps", at: 0 };
    steps.run(tables, &mut matcher, Text::new(text, None)).map(|t| t.text).map_err(|_| wrong)
}

fn filter(text: Text, keep: impl Fn(char) -> bool) -> Text {
    if text.text.chars().all(&keep) {
        return text;
    }
    let mut new = Rebuild::new(&text);
    for c in text.text.chars() {
        if keep(c) { new.replace(c) } else { new.skip() }
    }
    new.finish()
}

fn map(text: Text, to: impl Fn(char) -> char) -> Text {
    let mut new = Rebuild::new(&text);
    text.text.chars().for_each(|c| new.replace(to(c)));
    new.finish()
}

fn lowercase(mut text: Text) -> Text {
    if text.text.is_ascii() {
        text.text.make_ascii_lowercase();
        return text;
    }
    let mut new = Rebuild::new(&text);
    for c in text.text.chars() {
        for (i, lower) in c.to_lowercase().enumerate() {
            new.change(lower, i32::from(i > 0));
        }
    }
    new.finish()
}

fn strip(text: Text, left: bool, right: bool) -> Text {
    let end = if right { text.text.trim_end().len() } else { text.text.len() };
    let start = if left { end - text.text[..end].trim_start().len() } else { 0 };
    let mut new = Rebuild::new(&text);
    new.skip_to(start);
    new.copy_to(end.max(start));
    new.finish()
}

/// The prefix has the place of the first character.
pub(crate) fn prepend(text: Text, prefix: &str) -> Text {
    let Some(first) = text.text.chars().next() else { return text };
    let mut new = Rebuild::new(&text);
    for (i, c) in prefix.chars().enumerate() {
        if i == 0 { new.replace(c) } else { new.insert(c) }
    }
    if prefix.is_empty() {
        return text;
    }
    new.insert(first);
    new.copy_to(text.text.len());
    new.finish()
}

/// Every match of a literal.
pub(crate) fn replace(text: Text, from: &str, to: &str) -> Text {
    if from.is_empty() || !text.text.contains(from) {
        return text;
    }
    if text.places.is_none() {
        return Text { text: text.text.replace(from, to), places: None };
    }
    let mut new = Rebuild::new(&text);
    for (at, found) in text.text.match_indices(from) {
        new.copy_to(at);
        new.skip_to(at + found.len());
        to.chars().for_each(|c| new.insert(c));
    }
    new.copy_to(text.text.len());
    new.finish()
}

fn replace_pattern(
    text: Text,
    pattern: &Pattern,
    matcher: &mut Matcher,
    to: &str,
) -> Result<Text, EncodeError> {
    let bytes = text.text.as_bytes();
    let mut new = Rebuild::new(&text);
    let mut at = 0;
    matcher.begin(bytes.len());
    while at < bytes.len() {
        match pattern.match_at(matcher, bytes, at)?.filter(|end| *end > at) {
            Some(end) => {
                new.copy_to(at);
                new.skip_to(end);
                to.chars().for_each(|c| new.insert(c));
                at = end;
            }
            None => at += unicode::decode(bytes, at).1,
        }
    }
    new.copy_to(bytes.len());
    Ok(new.finish())
}

/// CJK ideographs as BERT sees them: one range begins at another place than Unicode's, as in the original code.
pub(crate) const fn is_chinese(c: char) -> bool {
    matches!(c as u32,
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x2_0000..=0x2_a6df | 0x2_a700..=0x2_b73f | 0x2_b740..=0x2_b81f
        | 0x2_b920..=0x2_ceaf | 0xf900..=0xfaff | 0x2_f800..=0x2_fa1f)
}

fn is_control(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r') && unicode::bert_is_control(u32::from(c))
}

fn bert(text: Text, clean: bool, chinese: bool, strip_accents: bool, lower: bool) -> Text {
    let mut text = text;
    if clean && text.text.bytes().any(|b| b != b' ' && !b.is_ascii_graphic()) {
        text = filter(text, |c| c != '\0' && c != '\u{fffd}' && !is_control(c));
        text = map(text, |c| if c.is_whitespace() { ' ' } else { c });
    }
    if chinese && text.text.chars().any(is_chinese) {
        let mut new = Rebuild::new(&text);
        for c in text.text.chars() {
            if is_chinese(c) {
                new.replace(' ');
                new.insert(c);
                new.insert(' ');
            } else {
                new.replace(c);
            }
        }
        text = new.finish();
    }
    if strip_accents && !text.text.is_ascii() {
        text = forms::normalize(text, false, false);
        text = filter(text, |c| !unicode::bert_is_nonspacing(u32::from(c)));
    }
    if lower { lowercase(text) } else { text }
}

fn nmt(text: Text) -> Text {
    let text = filter(text, |c| !matches!(u32::from(c), 0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f | 0x8f | 0x9f));
    map(text, |c| match u32::from(c) {
        0x9 | 0xa | 0xc | 0xd | 0x1680 | 0x200b..=0x200f | 0x2028 | 0x2029 | 0x2581 | 0xfeff | 0xfffd => ' ',
        _ => c,
    })
}
