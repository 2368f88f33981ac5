//! The prebuilt vocabulary: one block of bytes that is used as it is, from memory or from a map of a file.
//!
//! ```text
//!   0  "DOLMTOK" 1a
//!   8  version             u32; this and all numbers in the machine's byte order, so that another kind of machine sees another version
//!  12  sections            u32
//!  16  length of all       u64
//!  24  XXH3 of [32..]      u64
//!  32  seed of the texts, seed of the pairs   u64 u64
//!  48  offset, length      u64 u64 for each section
//!      sections, each at a multiple of 8
//! ```
//!
//! Opening checks the sum and the structure once: every length, every id, every trie. Then nothing can fail or leave its bounds.

use alloc::vec;
use alloc::vec::Vec;

use dolmen_codec::checksum::xxh3_64;

use crate::config::{self, Config, Merges, Model};
use crate::definition::{Definition, kind};
use crate::error::{LoadError, limit};
use crate::limits::{ADDED_MAX, CHARSMAP_LEN_MAX, FILE_LEN_MAX, MERGES_MAX, TOKENS_MAX};
use crate::table::{self, Table};
use crate::trie::{self, Trie};

/// The first eight bytes.
pub const MAGIC: [u8; 8] = *b"DOLMTOK\x1a";
/// Changes whenever the layout, a configuration or what a step means does.
pub const VERSION: u32 = 1;

const HEADER_LEN: usize = 48;
/// Where the checksum's bytes begin.
const SUMMED_FROM: usize = 32;

/// The sections in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Config,
    Offsets,
    Bytes,
    Kinds,
    TextKeys,
    TextIds,
    Ranks,
    Scores,
    PairKeys,
    PairValues,
    ByteIds,
    Trie,
    User,
    AddedRaw,
    AddedNormal,
    AddedFlags,
    Charsmap,
}

const SECTIONS: usize = 17;

/// What an added token does beside being found, as a set of bits.
pub(crate) mod added {
    pub const SPECIAL: u32 = 1;
    pub const LSTRIP: u32 = 2;
    pub const RSTRIP: u32 = 4;
    pub const SINGLE_WORD: u32 = 8;
}

/// Bytes at an address that is a multiple of 8.
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Aligned {
    /// A copy of `bytes`.
    pub fn copy(bytes: &[u8]) -> Aligned {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Aligned { words, len: bytes.len() }
    }

    /// So many zeros, for whoever reads a file into them.
    pub fn zeroed(len: usize) -> Aligned {
        Aligned { words: vec![0u64; len.div_ceil(8)], len }
    }
}

impl AsMut<[u8]> for Aligned {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

struct Writer {
    words: Vec<u64>,
    len: usize,
    places: Vec<(u64, u64)>,
}

impl Writer {
    /// A block with room for so many bytes behind its head.
    fn new(room: usize) -> Writer {
        let head_len = HEADER_LEN + 16 * SECTIONS;
        let mut words = Vec::with_capacity((head_len + room) / 8 + 2 * SECTIONS);
        words.resize(head_len / 8, 0);
        Writer { words, len: head_len, places: Vec::new() }
    }

    fn section(&mut self, bytes: &[u8]) {
        let from = self.words.len();
        self.places.push((8 * from as u64, bytes.len() as u64));
        self.words.resize(from + bytes.len().div_ceil(8), 0);
        bytemuck::cast_slice_mut::<u64, u8>(&mut self.words[from..])[..bytes.len()].copy_from_slice(bytes);
        self.len = 8 * from + bytes.len();
    }

    fn numbers<T: bytemuck::Pod>(&mut self, numbers: &[T]) {
        self.section(bytemuck::cast_slice(numbers));
    }

    /// `[nodes][first; nodes + 1][values; nodes][labels; nodes bytes]`, or nothing if the trie is empty.
    fn trie(&mut self, built: &trie::Built) {
        if built.labels.len() <= 1 {
            return self.section(&[]);
        }
        let mut bytes = (built.labels.len() as u32).to_ne_bytes().to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(&built.first));
        bytes.extend_from_slice(bytemuck::cast_slice(&built.values));
        bytes.extend_from_slice(&built.labels);
        self.section(&bytes);
    }
}

/// Builds the block.
///
/// # Errors
/// [`LoadError`] if the definition does not agree with itself or is beyond a limit.
pub fn build(definition: &Definition) -> Result<Aligned, LoadError> {
    check(definition)?;
    let tokens = &definition.tokens;
    let texts = texts(definition)?;
    let pairs = definition
        .merges
        .iter()
        .enumerate()
        .map(|(rank, m)| (pair_key(m[0], m[1]), (rank as u64) << 32 | u64::from(m[2])));
    let pairs = table::build(definition.merges.len(), pairs, |_, _| true)?;
    let tables_len = 12 * texts.keys.len() + 16 * pairs.keys.len();
    let mut w =
        Writer::new(tables_len + tokens.bytes.len() + 17 * tokens.kinds.len() + definition.charsmap.len());
    w.section(&config::write(&definition.config));
    w.numbers(&tokens.offsets);
    w.section(&tokens.bytes);
    w.section(&tokens.kinds);
    w.numbers(&texts.keys);
    w.numbers(&texts.values);
    w.numbers(&definition.ranks);
    w.numbers(&definition.scores);
    let none = definition.merges.is_empty();
    w.numbers(if none { &[] } else { &pairs.keys[..] });
    w.numbers(if none { &[] } else { &pairs.values[..] });
    w.numbers(&byte_ids(definition));
    let with_trie = matches!(definition.config.model, Model::Unigram { .. } | Model::WordPiece { .. });
    w.trie(&if with_trie { trie::build(model_tokens(definition)) } else { trie::Built::default() });
    let users = tokens.kinds.iter().enumerate().filter(|(_, k)| **k & kind::USER != 0);
    w.trie(&trie::build(users.map(|(id, _)| (tokens.get(id as u32), id as u32))));
    write_added(&mut w, definition)?;
    w.section(&definition.charsmap);
    Ok(finish(w, texts.seed, pairs.seed))
}

fn finish(w: Writer, text_seed: u64, pair_seed: u64) -> Aligned {
    let Writer { words, len, places } = w;
    let mut block = Aligned { words, len };
    let out = block.as_mut();
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC);
    put(8, &VERSION.to_ne_bytes());
    put(12, &(SECTIONS as u32).to_ne_bytes());
    put(32, &text_seed.to_ne_bytes());
    put(40, &pair_seed.to_ne_bytes());
    for (i, (at, len)) in places.into_iter().enumerate() {
        put(HEADER_LEN + 16 * i, &at.to_ne_bytes());
        put(HEADER_LEN + 16 * i + 8, &len.to_ne_bytes());
    }
    seal(out);
    block
}

/// Writes length and checksum into the head of a block.
pub(crate) fn seal(block: &mut [u8]) {
    if block.len() >= HEADER_LEN {
        let len = block.len() as u64;
        block[16..24].copy_from_slice(&len.to_ne_bytes());
        let sum = xxh3_64(&block[SUMMED_FROM..]);
        block[24..32].copy_from_slice(&sum.to_ne_bytes());
    }
}

fn check(definition: &Definition) -> Result<(), LoadError> {
    let count = definition.tokens.len();
    if count == 0 {
        return Err(LoadError::Missing { what: "tokens" });
    }
    limit("tokens", count, TOKENS_MAX)?;
    limit("merges", definition.merges.len(), MERGES_MAX)?;
    limit("added tokens", definition.added.len(), ADDED_MAX)?;
    limit("bytes of a table for normalisation", definition.charsmap.len(), CHARSMAP_LEN_MAX)?;
    for (index, merge) in definition.merges.iter().enumerate() {
        if merge.iter().any(|&id| id as usize >= count) {
            return Err(LoadError::Merge { index });
        }
    }
    for added in &definition.added {
        if added.id as usize >= count {
            return Err(LoadError::Missing { what: "a token with the id of an added one" });
        }
    }
    let unigram = matches!(definition.config.model, Model::Unigram { .. });
    if unigram && definition.scores.len() != count {
        return Err(LoadError::Missing { what: "a score for each token" });
    }
    if !definition.ranks.is_empty() && definition.ranks.len() != count {
        return Err(LoadError::Missing { what: "a rank for each token" });
    }
    Ok(())
}

fn model_tokens(definition: &Definition) -> impl Iterator<Item = (&[u8], u32)> + Clone {
    let tokens = &definition.tokens;
    let all = tokens.kinds.iter().enumerate().filter(|(_, k)| **k & kind::APART == 0);
    all.map(|(id, _)| (tokens.get(id as u32), id as u32)).filter(|(bytes, _)| !bytes.is_empty())
}

fn texts(definition: &Definition) -> Result<table::Built<u32>, LoadError> {
    let tokens = &definition.tokens;
    let entries = model_tokens(definition).map(|(bytes, id)| (table::key(bytes, 0, bytes.len()), id));
    table::build(model_tokens(definition).count(), entries, |a, b| tokens.get(a) == tokens.get(b))
}

/// For each byte the token that is that byte: by text if the model begins with bytes, else `<0x..>`.
fn byte_ids(definition: &Definition) -> Vec<u32> {
    let mut ids = vec![trie::NONE; 256];
    let byte_level = matches!(definition.config.model, Model::Bpe { byte_level: true, .. });
    for (id, kinds) in definition.tokens.kinds.iter().enumerate() {
        let bytes = definition.tokens.get(id as u32);
        let byte = match bytes {
            [byte] if byte_level && kinds & kind::APART == 0 => Some(*byte),
            _ if !byte_level && kinds & kind::BYTE != 0 => byte_of(bytes),
            _ => None,
        };
        if let Some(byte) = byte
            && ids[usize::from(byte)] == trie::NONE
        {
            ids[usize::from(byte)] = id as u32;
        }
    }
    ids
}

/// The byte of a token `<0x0A>`.
pub fn byte_of(token: &[u8]) -> Option<u8> {
    let digits = token.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let text = core::str::from_utf8(digits).ok().filter(|t| t.len() == 2 && !t.starts_with('+'))?;
    u8::from_str_radix(text, 16).ok()
}

fn write_added(w: &mut Writer, definition: &Definition) -> Result<(), LoadError> {
    let normal = |normalized: bool| {
        definition.added.iter().filter(move |a| a.normalized == normalized && !a.content.is_empty())
    };
    w.trie(&trie::build(normal(false).map(|a| (a.content.as_bytes(), a.id))));
    let mut contents = Vec::new();
    for added in normal(true) {
        contents.push((crate::normalize::plain(definition, &added.content)?, added.id));
    }
    w.trie(&trie::build(contents.iter().map(|(text, id)| (text.as_bytes(), *id))));
    let mut flags: Vec<[u32; 2]> = definition
        .added
        .iter()
        .map(|a| {
            let bit = |set: bool, bit: u32| if set { bit } else { 0 };
            let bits = bit(a.special, added::SPECIAL)
                | bit(a.lstrip, added::LSTRIP)
                | bit(a.rstrip, added::RSTRIP)
                | bit(a.single_word, added::SINGLE_WORD);
            [a.id, bits]
        })
        .collect();
    flags.sort_unstable();
    flags.dedup_by_key(|f| f[0]);
    w.numbers(&flags);
    Ok(())
}

/// The key of a pair of ids. The right one is counted from 1, since no key is 0.
#[inline]
pub(crate) const fn pair_key(left: u32, right: u32) -> u64 {
    (left as u64) << 32 | (right as u64 + 1)
}

/// The checksum in the head of a block.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let eight = bytes.get(24..32).and_then(|b| b.try_into().ok());
    eight.map_or(0, u64::from_ne_bytes)
}

/// Where the sections are, after a check of everything.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    places: [(usize, usize); SECTIONS],
    text_seed: u64,
    pair_seed: u64,
}

/// Checks a block: what is in it, and its configuration.
pub(crate) fn open(bytes: &[u8]) -> Result<(Layout, Config), LoadError> {
    limit("bytes of a prebuilt vocabulary", bytes.len(), FILE_LEN_MAX)?;
    let word = |at: usize| -> Result<u64, LoadError> {
        let eight = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
        eight.map(u64::from_ne_bytes).ok_or(LoadError::Missing { what: "the head of a prebuilt vocabulary" })
    };
    if bytes.get(..8) != Some(&MAGIC) {
        return Err(LoadError::UnknownFile);
    }
    let versions = word(8)?.to_ne_bytes();
    let version = u32::from_ne_bytes([versions[0], versions[1], versions[2], versions[3]]);
    let sections = u32::from_ne_bytes([versions[4], versions[5], versions[6], versions[7]]);
    if version != VERSION || sections as usize != SECTIONS {
        return Err(LoadError::Version { found: version, expected: VERSION });
    }
    if word(16)? != bytes.len() as u64 {
        return Err(LoadError::Invalid { what: "a prebuilt vocabulary of its full length", at: 16 });
    }
    if !(bytes.as_ptr() as usize).is_multiple_of(8) {
        return Err(LoadError::Unsupported { what: "memory that is not aligned to 8 bytes", at: 0 });
    }
    let (expected, found) = (word(24)?, xxh3_64(bytes.get(SUMMED_FROM..).unwrap_or(&[])));
    if expected != found {
        return Err(LoadError::Checksum { expected, found });
    }
    let mut places = [(0, 0); SECTIONS];
    for (i, place) in places.iter_mut().enumerate() {
        let at = HEADER_LEN + 16 * i;
        let (from, len) = (word(at)?, word(at + 8)?);
        let end = from.checked_add(len).filter(|end| *end <= bytes.len() as u64 && from % 8 == 0);
        let end = end.ok_or(LoadError::Invalid { what: "a section within the file", at })?;
        *place = (from as usize, end as usize);
    }
    let layout = Layout { places, text_seed: word(32)?, pair_seed: word(40)? };
    let config = config::read(layout.bytes(bytes, Section::Config))?;
    layout.check(bytes, &config)?;
    Ok((layout, config))
}

impl Layout {
    fn bytes<'a>(&self, all: &'a [u8], section: Section) -> &'a [u8] {
        let (from, to) = self.places[section as usize];
        all.get(from..to).unwrap_or(&[])
    }

    fn numbers<'a, T: bytemuck::Pod>(&self, all: &'a [u8], section: Section) -> &'a [T] {
        bytemuck::try_cast_slice(self.bytes(all, section)).unwrap_or(&[])
    }

    fn trie<'a>(&self, all: &'a [u8], section: Section) -> Trie<'a> {
        let bytes = self.bytes(all, section);
        let Some((head, rest)) = bytes.split_at_checked(4) else { return Trie::default() };
        let nodes = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let parts = rest.split_at_checked((nodes + 1) * 4).and_then(|(first, rest)| {
            let (values, labels) = rest.split_at_checked(nodes * 4)?;
            Some((bytemuck::try_cast_slice(first).ok()?, bytemuck::try_cast_slice(values).ok()?, labels))
        });
        let (first, values, labels) = parts.unwrap_or((&[], &[], &[]));
        Trie::new(first, labels, values)
    }

    /// The sections as slices.
    pub(crate) fn view<'a>(&self, all: &'a [u8]) -> View<'a> {
        View {
            offsets: self.numbers(all, Section::Offsets),
            bytes: self.bytes(all, Section::Bytes),
            kinds: self.bytes(all, Section::Kinds),
            texts: Table::again(
                self.numbers(all, Section::TextKeys),
                self.numbers(all, Section::TextIds),
                self.text_seed,
            ),
            ranks: self.numbers(all, Section::Ranks),
            scores: self.numbers(all, Section::Scores),
            pairs: Table::again(
                self.numbers(all, Section::PairKeys),
                self.numbers(all, Section::PairValues),
                self.pair_seed,
            ),
            byte_ids: self.numbers(all, Section::ByteIds),
            trie: self.trie(all, Section::Trie),
            user: self.trie(all, Section::User),
            added_raw: self.trie(all, Section::AddedRaw),
            added_normal: self.trie(all, Section::AddedNormal),
            added_flags: self.numbers(all, Section::AddedFlags),
            charsmap: self.bytes(all, Section::Charsmap),
        }
    }

    fn check(&self, all: &[u8], config: &Config) -> Result<(), LoadError> {
        let sound = |condition: bool, section: Section| {
            let at = self.places[section as usize].0;
            if condition { Ok(()) } else { Err(LoadError::Invalid { what: "a sound section", at }) }
        };
        let view = self.view(all);
        let count = view.kinds.len();
        sound(count > 0 && count <= TOKENS_MAX, Section::Kinds)?;
        let in_order = view.offsets.windows(2).all(|w| w[0] <= w[1]);
        let ends = view.offsets.last().is_some_and(|&end| end as usize == view.bytes.len());
        sound(view.offsets.len() == count + 1 && in_order && ends, Section::Offsets)?;
        let ids: &[u32] = self.numbers(all, Section::TextIds);
        let keys: &[u64] = self.numbers(all, Section::TextKeys);
        sound(Table::new(keys, ids, 0).is_some(), Section::TextKeys)?;
        let largest = |ids: &[u32]| ids.iter().fold(0, |a, &b| a.max(b)) as usize;
        sound(largest(ids) < count, Section::TextIds)?;
        sound(view.ranks.is_empty() || view.ranks.len() == count, Section::Ranks)?;
        let unigram = matches!(config.model, Model::Unigram { .. });
        sound(!unigram || view.scores.len() == count, Section::Scores)?;
        let values: &[u64] = self.numbers(all, Section::PairValues);
        let keys: &[u64] = self.numbers(all, Section::PairKeys);
        sound(keys.is_empty() || Table::new(keys, values, 0).is_some(), Section::PairKeys)?;
        let by_pair = matches!(config.model, Model::Bpe { merges: Merges::ByPair, .. });
        sound(by_pair || keys.is_empty(), Section::PairKeys)?;
        sound(values.iter().all(|&v| (v as u32 as usize) < count), Section::PairValues)?;
        let known = |id: &u32| *id == trie::NONE || (*id as usize) < count;
        sound(view.byte_ids.len() == 256 && view.byte_ids.iter().all(known), Section::ByteIds)?;
        for (section, trie) in [
            (Section::Trie, view.trie),
            (Section::User, view.user),
            (Section::AddedRaw, view.added_raw),
            (Section::AddedNormal, view.added_normal),
        ] {
            sound(trie.is_sound() && trie.values().iter().all(known), section)?;
        }
        sound(view.added_flags.iter().all(|f| (f[0] as usize) < count), Section::AddedFlags)?;
        sound(config.ids().all(|id| (id as usize) < count), Section::Config)?;
        sound(view.charsmap.len() <= CHARSMAP_LEN_MAX, Section::Charsmap)
    }
}

/// The sections of a block that was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub offsets: &'a [u32],
    pub bytes: &'a [u8],
    pub kinds: &'a [u8],
    pub texts: Table<'a, u32>,
    pub ranks: &'a [u32],
    pub scores: &'a [f64],
    pub pairs: Table<'a, u64>,
    pub byte_ids: &'a [u32],
    pub trie: Trie<'a>,
    pub user: Trie<'a>,
    pub added_raw: Trie<'a>,
    pub added_normal: Trie<'a>,
    pub added_flags: &'a [[u32; 2]],
    pub charsmap: &'a [u8],
}

impl<'a> View<'a> {
    /// The bytes that a token stands for; nothing for an id that does not exist.
    #[inline]
    pub fn token(&self, id: u32) -> &'a [u8] {
        let at = id as usize;
        match (self.offsets.get(at), self.offsets.get(at + 1)) {
            (Some(&from), Some(&to)) => self.bytes.get(from as usize..to as usize).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// Its set of kinds.
    #[inline]
    pub fn kind(&self, id: u32) -> u8 {
        self.kinds.get(id as usize).copied().unwrap_or(kind::HOLE)
    }

    /// The token whose text is `text[at..at + len]`.
    #[inline]
    pub fn find(&self, text: &[u8], at: usize, len: usize) -> Option<u32> {
        let key = table::key(text, at, len);
        if len <= table::EXACT_LEN_MAX {
            self.texts.find(key, |_| true)
        } else {
            let wanted = text.get(at..at + len)?;
            self.texts.find(key, |id| self.token(id) == wanted)
        }
    }

    /// When merges into a token happen.
    #[inline]
    pub fn rank(&self, id: u32) -> u32 {
        if self.ranks.is_empty() { id } else { self.ranks.get(id as usize).copied().unwrap_or(u32::MAX) }
    }

    /// What an added token does.
    pub fn added(&self, id: u32) -> u32 {
        let at = self.added_flags.binary_search_by_key(&id, |f| f[0]);
        at.ok().and_then(|at| self.added_flags.get(at)).map_or(0, |f| f[1])
    }
}
