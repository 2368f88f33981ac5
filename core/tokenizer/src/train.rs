//! Training of byte-level BPE: count words, then merge the most frequent pair of neighbours again and again.
//!
//! 1. The scanner cuts text into words; equal words are counted, not kept.
//! 2. Every word becomes its bytes, and every pair of neighbours knows how often it is there and in which words.
//! 3. The pair with the greatest count becomes a token; of equal counts that with the least left id, then the least right id. A heap gives it: an
//!    entry whose count is out of date goes back with the right one.
//! 4. Only words that hold the pair change, and with them the counts of its neighbours.
//!
//! Ids: control tokens, then the 256 bytes in the order of GPT-2's letters, then merges. All that, ties included, is as Hugging Face's `BpeTrainer`
//! has it, and gives the same merges.

use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use dolmen_text::json::Writer;

use crate::config::{Config, Decoder, Merges, Model, Pretokenizer, Special, Unknown};
use crate::definition::{Added, Definition, Tokens, kind};
use crate::error::{LoadError, limit};
use crate::limits::TRAIN_TOKENS_MAX;
use crate::load::ALPHABET;
use crate::scan::Scanner;

/// Counts words, then makes a vocabulary of them.
#[derive(Clone, Debug)]
pub struct Trainer {
    scanner: Scanner,
    words: BTreeMap<Vec<u8>, u64>,
}

/// How large the vocabulary becomes, and what it begins with.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Ids in all.
    pub tokens_max: usize,
    /// A pair that is there less often is not merged.
    pub count_min: u64,
    /// Control tokens.
    pub specials: &'a [&'a str],
}

type Pair = (u32, u32);

#[derive(Default)]
struct Pairs {
    /// How often a pair is there, and the words that may hold it.
    known: BTreeMap<Pair, (i64, BTreeSet<u32>)>,
    heap: BinaryHeap<(i64, Reverse<Pair>)>,
}

impl Trainer {
    /// A trainer that cuts text with a scanner.
    pub fn new(scanner: Scanner) -> Self {
        Trainer { scanner, words: BTreeMap::new() }
    }

    /// Counts the words of a text.
    pub fn feed(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = self.scanner.next(bytes, at);
            match self.words.get_mut(&bytes[at..end]) {
                Some(count) => *count += 1,
                None => drop(self.words.insert(bytes[at..end].to_vec(), 1)),
            }
            at = end;
        }
    }

    /// Makes the vocabulary.
    ///
    /// # Errors
    /// [`LoadError::Limit`] if it is to be larger than [`TRAIN_TOKENS_MAX`], or smaller than what it begins with.
    pub fn train(&self, options: Options<'_>) -> Result<Definition, LoadError> {
        limit("tokens", options.tokens_max, TRAIN_TOKENS_MAX)?;
        let first_byte = options.specials.len();
        limit("control tokens and bytes", first_byte + 256, options.tokens_max)?;
        let mut tokens = Tokens::default();
        for special in options.specials {
            tokens.push(special.as_bytes(), kind::SPECIAL | kind::APART)?;
        }
        let mut byte_ids = [0u32; 256];
        for (i, byte) in ALPHABET.order().into_iter().enumerate() {
            byte_ids[usize::from(byte)] = (first_byte + i) as u32;
            tokens.push(&[byte], 0)?;
        }
        let mut words: Vec<(Vec<u32>, u64)> = self
            .words
            .iter()
            .map(|(word, count)| (word.iter().map(|&b| byte_ids[usize::from(b)]).collect(), *count))
            .collect();
        let merges = merge(&mut words, &mut tokens, options)?;
        Ok(definition(self.scanner, tokens, merges, options.specials))
    }
}

fn merge(
    words: &mut [(Vec<u32>, u64)],
    tokens: &mut Tokens,
    options: Options<'_>,
) -> Result<Vec<[u32; 3]>, LoadError> {
    let mut pairs = Pairs::default();
    for (i, (word, count)) in words.iter().enumerate() {
        word.windows(2).for_each(|w| pairs.add((w[0], w[1]), *count as i64, i as u32));
    }
    pairs.heap = pairs.known.iter().map(|(pair, (count, _))| (*count, Reverse(*pair))).collect();
    let mut merges = Vec::new();
    let mut made: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    while tokens.len() < options.tokens_max {
        let Some(pair) = pairs.next(options.count_min.max(1) as i64) else { break };
        let text = [tokens.get(pair.0), tokens.get(pair.1)].concat();
        let id = match made.get(&text) {
            Some(&id) => id,
            None => {
                tokens.push(&text, 0)?;
                let id = tokens.len() as u32 - 1;
                made.insert(text, id);
                id
            }
        };
        merges.push([pair.0, pair.1, id]);
        let holders = pairs.known.remove(&pair).map(|(_, words)| words).unwrap_or_default();
        let mut grown = BTreeSet::new();
        for at in holders {
            if let Some((word, count)) = words.get_mut(at as usize) {
                merge_word(word, pair, id, |pair, change| {
                    pairs.add(pair, change * *count as i64, at);
                    if change > 0 {
                        grown.insert(pair);
                    }
                });
            }
        }
        for pair in grown {
            let count = pairs.known.get(&pair).map_or(0, |(count, _)| *count);
            if count > 0 {
                pairs.heap.push((count, Reverse(pair)));
            }
        }
    }
    Ok(merges)
}

/// Merges a pair wherever a word has it, and tells how the counts of its neighbours change.
fn merge_word(word: &mut Vec<u32>, pair: Pair, id: u32, mut change: impl FnMut(Pair, i64)) {
    let mut at = 0;
    while at + 1 < word.len() {
        if (word[at], word[at + 1]) == pair {
            if at > 0 {
                change((word[at - 1], pair.0), -1);
                change((word[at - 1], id), 1);
            }
            if let Some(&behind) = word.get(at + 2) {
                change((pair.1, behind), -1);
                change((id, behind), 1);
            }
            word[at] = id;
            word.remove(at + 1);
        }
        at += 1;
    }
}

impl Pairs {
    fn add(&mut self, pair: Pair, change: i64, word: u32) {
        let entry = self.known.entry(pair).or_default();
        entry.0 += change;
        if change > 0 {
            entry.1.insert(word);
        }
    }

    /// The most frequent pair.
    fn next(&mut self, least: i64) -> Option<Pair> {
        while let Some((count, Reverse(pair))) = self.heap.pop() {
            let now = self.known.get(&pair).map_or(0, |(count, _)| *count);
            if now == count && count >= least {
                return Some(pair);
            }
            if now < count && now >= least {
                self.heap.push((now, Reverse(pair)));
            }
        }
        None
    }
}

fn definition(scanner: Scanner, tokens: Tokens, merges: Vec<[u32; 3]>, specials: &[&str]) -> Definition {
    let added = specials.iter().enumerate().map(|(id, content)| Added {
        id: id as u32,
        content: String::from(*content),
        special: true,
        normalized: false,
        lstrip: false,
        rstrip: false,
        single_word: false,
    });
    Definition {
        config: Config {
            normalizers: Vec::new(),
            pretokenizers: Vec::from([Pretokenizer::Scan(scanner)]),
            model: Model::Bpe {
                merges: Merges::ByPair,
                byte_level: true,
                whole: false,
                words: false,
                prefix: String::new(),
                suffix: String::new(),
                unknown: Unknown { id: None, fuse: false, bytes: false },
            },
            decoders: Vec::from([Decoder::Bytes]),
            trim_offsets: false,
            special: Special::default(),
        },
        tokens,
        ranks: Vec::new(),
        scores: Vec::new(),
        merges,
        added: added.collect(),
        charsmap: Vec::new(),
    }
}

/// A trained vocabulary as `tokenizer.json`; `None` for one that is not byte-level BPE behind one scanner.
pub fn write_json(definition: &Definition) -> Option<String> {
    let byte_level = matches!(definition.config.model, Model::Bpe { byte_level: true, .. });
    let [Pretokenizer::Scan(scanner)] = &definition.config.pretokenizers[..] else { return None };
    let pattern = crate::scan::known().find(|(_, known)| known == scanner)?.0;
    if !byte_level
        || definition.merges.is_empty() && definition.ranks.is_empty() && definition.tokens.is_empty()
    {
        return None;
    }
    let letters = |id: u32| ALPHABET.encode(definition.tokens.get(id));
    let mut out = String::new();
    let mut w = Writer::new(&mut out);
    w.object().key("version").string("1.0").key("added_tokens").array();
    for added in &definition.added {
        w.object().key("id").u64(u64::from(added.id)).key("content").string(&added.content);
        for (name, flag) in [
            ("single_word", added.single_word),
            ("lstrip", added.lstrip),
            ("rstrip", added.rstrip),
            ("normalized", added.normalized),
            ("special", added.special),
        ] {
            w.key(name).bool(flag);
        }
        w.end();
    }
    w.end().key("pre_tokenizer").object();
    w.key("type").string("Sequence").key("pretokenizers").array();
    w.object().key("type").string("Split").key("pattern").object();
    w.key("Regex").string(pattern).end();
    w.key("behavior").string("Isolated").key("invert").bool(false).end();
    byte_level_step(&mut w);
    w.end().end().key("decoder");
    byte_level_step(&mut w);
    w.key("model").object().key("type").string("BPE").key("vocab").object();
    for id in 0..definition.tokens.len() as u32 {
        if definition.tokens.kinds[id as usize] & kind::APART == 0 {
            w.key(&letters(id)).u64(u64::from(id));
        } else if let Some(added) = definition.added.iter().find(|a| a.id == id) {
            w.key(&added.content).u64(u64::from(id));
        }
    }
    w.end().key("merges").array();
    for merge in &definition.merges {
        w.array().string(&letters(merge[0])).string(&letters(merge[1])).end();
    }
    w.end().end().end();
    w.finish();
    Some(out)
}

fn byte_level_step(w: &mut Writer<'_>) {
    w.object().key("type").string("ByteLevel").key("add_prefix_space").bool(false);
    w.key("trim_offsets").bool(true).key("use_regex").bool(false).end();
}
