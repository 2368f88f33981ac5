//! Cutting a normalised text into pieces, step by step. Pieces are ranges; a step that changes text makes a new one with its ranges.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::config::{Behavior, Needle, Prepend, Pretokenizer};
use crate::error::{EncodeError, LoadError};
use crate::normalize::{Rebuild, Text};
use crate::pattern::{Matcher, Pattern};
use crate::unicode::{self, N, SPACE, bert_is_punctuation, decode, is_word};

/// The steps with their expressions compiled.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: Vec<Pretokenizer>,
    patterns: Vec<Option<Pattern>>,
}

/// A text and its pieces.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub text: Text,
    pub ranges: Vec<Range<usize>>,
}

/// A piece between two places, and whether a split has found it.
type Found = (Range<usize>, bool);

impl Steps {
    pub fn new(steps: &[Pretokenizer]) -> Result<Steps, LoadError> {
        let compile = |step: &Pretokenizer| match step {
            Pretokenizer::Split { needle: Needle::Pattern(text), .. } => Pattern::new(text).map(Some),
            _ => Ok(None),
        };
        let patterns = steps.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Steps { steps: steps.to_vec(), patterns })
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The one step, if there is only one.
    pub fn only(&self) -> Option<&Pretokenizer> {
        if let [only] = &self.steps[..] { Some(only) } else { None }
    }

    /// All steps over one piece; `first` says that it begins the whole text.
    pub fn run(&self, matcher: &mut Matcher, text: Text, first: bool) -> Result<Pieces, EncodeError> {
        let whole = 0..text.text.len();
        let mut pieces = Pieces { text, ranges: Vec::from([whole]) };
        for (step, pattern) in self.steps.iter().zip(&self.patterns) {
            match step {
                Pretokenizer::PrefixSpace => prefix_space(&mut pieces),
                Pretokenizer::Metaspace { replacement, prepend, split } => {
                    metaspace(&mut pieces, *replacement, *prepend, first);
                    if *split {
                        let mark = String::from(*replacement);
                        cut(&mut pieces, Behavior::MergedWithNext, |text, found| {
                            literal(text, &mark, found);
                            Ok(())
                        })?;
                    }
                }
                other => {
                    let behavior = behavior(other);
                    cut(&mut pieces, behavior, |text, found| find(other, pattern, matcher, text, found))?;
                }
            }
        }
        Ok(pieces)
    }
}

fn behavior(step: &Pretokenizer) -> Behavior {
    match step {
        Pretokenizer::Split { behavior, .. } | Pretokenizer::Punctuation(behavior) => *behavior,
        Pretokenizer::WhitespaceSplit | Pretokenizer::Delimiter(_) => Behavior::Removed,
        Pretokenizer::Digits { individual: false } => Behavior::Contiguous,
        _ => Behavior::Isolated,
    }
}

/// What a step finds in one piece; places count from its start, and together they cover it.
fn find(
    step: &Pretokenizer,
    pattern: &Option<Pattern>,
    matcher: &mut Matcher,
    text: &str,
    found: &mut Vec<Found>,
) -> Result<(), EncodeError> {
    let bytes = text.as_bytes();
    match step {
        Pretokenizer::Scan(scanner) => {
            let mut at = 0;
            while at < bytes.len() {
                let end = scanner.next(bytes, at);
                found.push((at..end, true));
                at = end;
            }
        }
        Pretokenizer::Split { needle, invert, .. } => {
            match (needle, pattern) {
                (Needle::Literal(needle), _) => literal(text, needle, found),
                (Needle::Pattern(_), Some(pattern)) => matches(pattern, matcher, bytes, found)?,
                (Needle::Pattern(_), None) => found.push((0..bytes.len(), false)),
            }
            if *invert {
                found.iter_mut().for_each(|f| f.1 = !f.1);
            }
        }
        Pretokenizer::Digits { .. } => chars(text, found, |c| N.has(c)),
        Pretokenizer::WhitespaceSplit => chars(text, found, |c| SPACE.has(c)),
        Pretokenizer::Punctuation(_) => chars(text, found, bert_is_punctuation),
        Pretokenizer::Delimiter(delimiter) => chars(text, found, |c| c == u32::from(*delimiter)),
        Pretokenizer::Whitespace => classes(text, found, |c| match c {
            c if is_word(c) => Some(0),
            c if SPACE.has(c) => None,
            _ => Some(1),
        }),
        Pretokenizer::Bert => bert(text, found),
        Pretokenizer::PrefixSpace | Pretokenizer::Metaspace { .. } => found.push((0..bytes.len(), false)),
    }
    Ok(())
}

/// Matches of a literal and what is between them.
fn literal(text: &str, needle: &str, found: &mut Vec<Found>) {
    let mut last = 0;
    if !needle.is_empty() {
        for (at, hit) in text.match_indices(needle) {
            found.push((last..at, false));
            last = at + hit.len();
            found.push((at..last, true));
        }
    }
    found.push((last..text.len(), false));
}

/// Matches of an expression and what is between them.
fn matches(
    pattern: &Pattern,
    matcher: &mut Matcher,
    bytes: &[u8],
    found: &mut Vec<Found>,
) -> Result<(), EncodeError> {
    matcher.begin(bytes.len());
    let (mut at, mut last) = (0, 0);
    while at < bytes.len() {
        match pattern.match_at(matcher, bytes, at)?.filter(|end| *end > at) {
            Some(end) => {
                found.push((last..at, false));
                found.push((at..end, true));
                (at, last) = (end, end);
            }
            None => at += decode(bytes, at).1,
        }
    }
    found.push((last..bytes.len(), false));
    Ok(())
}

/// Single characters.
fn chars(text: &str, found: &mut Vec<Found>, is: impl Fn(u32) -> bool) {
    let mut last = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is(u32::from(*c))) {
        found.push((last..at, false));
        last = at + c.len_utf8();
        found.push((at..last, true));
    }
    found.push((last..text.len(), false));
}

/// Runs of one class; what has none is left out.
fn classes(text: &str, found: &mut Vec<Found>, class: impl Fn(u32) -> Option<u8>) {
    let mut open: Option<(usize, u8)> = None;
    for (at, c) in text.char_indices() {
        let here = class(u32::from(c));
        if let Some((start, class)) = open
            && here != Some(class)
        {
            found.push((start..at, true));
            open = None;
        }
        if let Some(class) = here
            && open.is_none()
        {
            open = Some((at, class));
        }
    }
    if let Some((start, _)) = open {
        found.push((start..text.len(), true));
    }
}

fn bert(text: &str, found: &mut Vec<Found>) {
    const WORD: u8 = 0;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let kind = match KINDS.get(c as usize) {
            Some(kind) => *kind,
            None if SPACE.has(u32::from(c)) => 1,
            None if bert_is_punctuation(u32::from(c)) => 2,
            None => WORD,
        };
        if kind == WORD {
            continue;
        }
        if start < at {
            found.push((start..at, true));
        }
        start = at + c.len_utf8();
        if kind == 2 {
            found.push((at..start, true));
        }
    }
    found.push((start..text.len(), true));
}

/// For ASCII: 0 part of a word, 1 white space, 2 punctuation.
static KINDS: [u8; 128] = {
    let mut kinds = [0; 128];
    let mut i = 0;
    while i < 128 {
        let byte = i as u8;
        if byte == b' ' || (byte >= 9 && byte <= 13) {
            kinds[i] = 1;
        } else if byte.is_ascii_punctuation() {
            kinds[i] = 2;
        }
        i += 1;
    }
    kinds
};

/// Applies what was found in every piece.
fn cut(
    pieces: &mut Pieces,
    behavior: Behavior,
    mut find: impl FnMut(&str, &mut Vec<Found>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let mut found = Vec::new();
    let mut ranges = Vec::with_capacity(pieces.ranges.len());
    for range in &pieces.ranges {
        found.clear();
        find(&pieces.text.text[range.clone()], &mut found)?;
        let first = ranges.len();
        join(&found, behavior, &mut ranges);
        for new in &mut ranges[first..] {
            *new = new.start + range.start..new.end + range.start;
        }
    }
    pieces.ranges = ranges;
    Ok(())
}

fn join(found: &[Found], behavior: Behavior, out: &mut Vec<Range<usize>>) {
    let first = out.len();
    let mut last_found = false;
    for (i, (range, hit)) in found.iter().filter(|(r, _)| !r.is_empty()).enumerate() {
        let merge = i > 0
            && match behavior {
                Behavior::Removed | Behavior::Isolated => false,
                Behavior::Contiguous => *hit == last_found,
                Behavior::MergedWithPrevious => *hit && !last_found,
                Behavior::MergedWithNext => !*hit && last_found,
            };
        match out[first..].last_mut() {
            Some(last) if merge => last.end = range.end,
            _ if behavior == Behavior::Removed && *hit => {}
            _ => out.push(range.clone()),
        }
        last_found = *hit;
    }
}

fn prefix_space(pieces: &mut Pieces) {
    rewrite(pieces, |text| if text.starts_with(' ') { None } else { Some(' ') }, |c| c);
}

fn metaspace(pieces: &mut Pieces, replacement: char, prepend: Prepend, first: bool) {
    let mut at_start = first;
    let prefix = |text: &str| {
        let begins = text.starts_with(' ') || text.starts_with(replacement);
        let wanted = match prepend {
            Prepend::Always => true,
            Prepend::First => core::mem::take(&mut at_start),
            Prepend::Never => false,
        };
        (wanted && !begins).then_some(replacement)
    };
    rewrite(pieces, prefix, |c| if c == ' ' { replacement } else { c });
}

/// Puts a character in front of pieces that want one and maps the others.
fn rewrite(pieces: &mut Pieces, mut prefix: impl FnMut(&str) -> Option<char>, map: impl Fn(char) -> char) {
    let mut new = Rebuild::new(&pieces.text);
    let mut ranges = Vec::with_capacity(pieces.ranges.len());
    for range in &pieces.ranges {
        let text = &pieces.text.text[range.clone()];
        let start = new.len();
        new.skip_to(range.start);
        let mut chars = text.chars();
        if let Some(first) = text.chars().next()
            && let Some(before) = prefix(text)
        {
            new.replace(before);
            new.insert(map(first));
            chars.next();
        }
        chars.for_each(|c| new.replace(map(c)));
        ranges.push(start..new.len());
    }
    let text = new.finish();
    *pieces = Pieces { text, ranges };
}

/// Where text can be cut before SentencePiece's BPE: in front of each run of `▁` that follows something else. Gives the end of the piece at `at`.
pub(crate) fn word_end(text: &[u8], at: usize) -> usize {
    const MARK: &[u8] = "\u{2581}".as_bytes();
    let mut end = at;
    while text[end..].starts_with(MARK) {
        end += MARK.len();
    }
    while end < text.len() && !(text[end] == MARK[0] && text[end..].starts_with(MARK)) {
        end += 1;
    }
    end
}

/// Whether two neighbouring characters count as one word for added tokens that want to stand alone.
pub(crate) fn is_word_char(text: &[u8], at: usize) -> bool {
    is_word(unicode::decode(text, at).0)
}
