//! Byte pair encoding of one piece.
//!
//! Of all neighbours that may merge, those with the least rank do, the leftmost first, until none may. Three ways to the same result:
//! - up to [`SCAN_SYMBOLS_MAX`] symbols the least rank is looked for in a flat array;
//! - few runs of equal symbols, as a megabyte of blanks, merge as runs: halving takes a logarithm of steps;
//! - else a heap of (rank, place) with links between symbols: n log n whatever the text is.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::config::{Merges, Unknown};
use crate::definition::kind;
use crate::error::EncodeError;
use crate::image::{View, pair_key};
use crate::limits::{MERGES_MAX, RUNS_MAX, SCAN_SYMBOLS_MAX, TOKENS_MAX};
use crate::sink::Sink;
use crate::trie::NONE;

/// Most runs at the start for the way of runs.
const RUNS_AT_START_MAX: usize = 8;
/// Most steps of the way of runs.
const RUN_STEPS_MAX: usize = 4096;

/// Memory of merges, kept between pieces.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Token of each symbol, or [`NONE`].
    ids: Vec<u32>,
    /// Where each symbol ends in the text.
    ends: Vec<u32>,
    /// Rank of the merge of a symbol with the next one; [`NONE`] if there is none.
    ranks: Vec<u32>,
    /// What that merge makes.
    made: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    heap: Vec<Reverse<u64>>,
    runs: Vec<Run>,
    /// Splits of unused tokens: token, length of the left part.
    splits: Vec<(u32, u32)>,
    text: Vec<u8>,
    /// The first symbols are bytes.
    bytes: bool,
    /// For two bytes the rank of their merge, and what it makes, plus 2: [`NONE`] is 1, and 0 is not known yet.
    pairs: Vec<[u32; 2]>,
    flat: Flat,
}

impl Symbols {
    /// Forgets a vocabulary.
    pub fn reset(&mut self) {
        self.pairs.clear();
    }
}

/// Symbols of a short piece, linked. Two places more than symbols, so that the end of the last one is there.
#[derive(Debug)]
struct Flat {
    ids: [u32; FLAT_LEN],
    starts: [u32; FLAT_LEN],
    next: [u8; FLAT_LEN],
    previous: [u8; FLAT_LEN],
    /// The rank of the merge with the next symbol, then the place, in six bits; [`NONE`] where there is no merge.
    order: [u32; FLAT_LEN],
    /// What that merge makes.
    made: [u32; FLAT_LEN],
}

impl Default for Flat {
    fn default() -> Flat {
        Flat {
            ids: [NONE; FLAT_LEN],
            starts: [0; FLAT_LEN],
            next: [0; FLAT_LEN],
            previous: [0; FLAT_LEN],
            order: [NONE; FLAT_LEN],
            made: [NONE; FLAT_LEN],
        }
    }
}

impl Flat {
    fn begin(&mut self, ids: &[u32], ends: &[u32], from: usize) -> usize {
        let count = ids.len().min(SCAN_SYMBOLS_MAX);
        self.ids[..count].copy_from_slice(&ids[..count]);
        self.starts[0] = from as u32;
        self.starts[1..=count].copy_from_slice(&ends[..count]);
        for at in 0..=count {
            self.next[at] = at as u8 + 1;
            self.previous[at] = (at as u8).wrapping_sub(1);
        }
        self.order[count - 1..count.next_multiple_of(LANES)].fill(NONE);
        count
    }

    fn put(&mut self, at: usize, rank: u32, made: u32) {
        self.order[at] = if rank == NONE { NONE } else { rank << PLACE_BITS | at as u32 };
        self.made[at] = made;
    }

    /// The place of the least rank, the first of equals.
    fn least(&self, count: usize) -> Option<usize> {
        let mut least = [NONE; LANES];
        for lanes in self.order[..count.next_multiple_of(LANES)].as_chunks::<LANES>().0 {
            for (least, &order) in least.iter_mut().zip(lanes) {
                *least = order.min(*least);
            }
        }
        let least = least.iter().fold(NONE, |a, &b| a.min(b));
        (least != NONE).then_some((least & ((1 << PLACE_BITS) - 1)) as usize)
    }

    /// The text of a symbol and the next one.
    fn span(&self, at: usize, next: usize) -> (u32, u32) {
        (self.starts[at], self.starts[usize::from(self.next[next])])
    }

    /// Joins a symbol and the next one.
    fn merge(&mut self, at: usize) {
        let right = usize::from(self.next[at]);
        let next = self.next[right];
        self.ids[at] = self.made[at];
        self.order[right] = NONE;
        self.next[at] = next;
        self.previous[usize::from(next)] = at as u8;
    }

    fn end(&self, ids: &mut Vec<u32>, ends: &mut Vec<u32>, count: usize) {
        ids.clear();
        ends.clear();
        let mut at = 0;
        while at < count {
            ids.push(self.ids[at]);
            at = usize::from(self.next[at]);
            ends.push(self.starts[at]);
        }
    }
}

/// Places of a flat array: whole lanes, and the end.
const FLAT_LEN: usize = SCAN_SYMBOLS_MAX + LANES;
/// Symbols that are compared at a time.
const LANES: usize = 8;
/// Bits of a place; ranks have the others, for there are fewer than 2²² merges or tokens.
const PLACE_BITS: u32 = 6;
const _: () = assert!(
    SCAN_SYMBOLS_MAX < 1 << PLACE_BITS
        && SCAN_SYMBOLS_MAX.is_multiple_of(LANES)
        && (MERGES_MAX << PLACE_BITS) < NONE as usize
        && (TOKENS_MAX << PLACE_BITS) < NONE as usize
);

#[derive(Clone, Copy, Debug)]
struct Run {
    id: u32,
    start: u32,
    /// Bytes of one symbol.
    len: u32,
    count: u32,
}

/// A vocabulary's tables and switches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bpe<'a> {
    pub view: View<'a>,
    pub merges: Merges,
    pub byte_level: bool,
    pub whole: bool,
    pub prefix: &'a str,
    pub suffix: &'a str,
    pub unknown: Unknown,
    /// Some token is to be cut up again.
    pub has_unused: bool,
}

impl Bpe<'_> {
    /// Encodes `text[from..to]`.
    pub fn encode(
        &self,
        s: &mut Symbols,
        text: &[u8],
        from: usize,
        to: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        if self.whole
            && let Some(id) = self.view.find(text, from, to - from)
        {
            sink.token(id, from, to);
            return Ok(());
        }
        self.begin(s, text, from, to);
        s.splits.clear();
        match s.ids.len() {
            0 | 1 => {}
            2..=SCAN_SYMBOLS_MAX => self.merge_flat(s, text, from),
            _ => {
                if !self.merge_runs(s, text, from) {
                    self.merge_heap(s, text, from);
                }
            }
        }
        self.emit(s, text, from, sink)
    }

    /// The first symbols.
    fn begin(&self, s: &mut Symbols, text: &[u8], from: usize, to: usize) {
        s.ids.clear();
        s.ends.clear();
        let plain = self.prefix.is_empty() && self.suffix.is_empty();
        s.bytes = self.byte_level && plain && self.view.byte_ids.len() == 256;
        if s.bytes {
            for (i, &byte) in text[from..to].iter().enumerate() {
                let id = self.view.byte_ids[usize::from(byte)];
                if id != NONE || self.unknown.id.is_some() || self.merges == Merges::ByText {
                    s.ids.push(if id == NONE { self.unknown.id.unwrap_or(NONE) } else { id });
                    s.ends.push((from + i + 1) as u32);
                }
            }
            return;
        }
        let mut at = from;
        while at < to {
            if let Some((len, id)) = self.view.user.longest(0, &text[at..to]) {
                s.ids.push(id);
                s.ends.push((at + len) as u32);
                at += len;
                continue;
            }
            let len = if self.byte_level { 1 } else { char_len(text[at]).min(to - at) };
            let id = if plain {
                self.view.find(text, at, len)
            } else {
                self.affixed(&mut s.text, &text[at..at + len], at == from, at + len == to)
            };
            self.first_symbol(s, text, at, len, id);
            at += len;
        }
    }

    /// The symbol with what stands before or behind it in the vocabulary.
    fn affixed(&self, buffer: &mut Vec<u8>, symbol: &[u8], first: bool, last: bool) -> Option<u32> {
        buffer.clear();
        if !first {
            buffer.extend_from_slice(self.prefix.as_bytes());
        }
        buffer.extend_from_slice(symbol);
        if last {
            buffer.extend_from_slice(self.suffix.as_bytes());
        }
        self.view.find(buffer, 0, buffer.len())
    }

    fn first_symbol(&self, s: &mut Symbols, text: &[u8], at: usize, len: usize, id: Option<u32>) {
        let end = (at + len) as u32;
        let push = |s: &mut Symbols, id, end| {
            s.ids.push(id);
            s.ends.push(end);
        };
        match id {
            Some(id) => push(s, id, end),
            // Text that no token covers may still be part of a longer token.
            None if self.merges == Merges::ByText => push(s, NONE, end),
            None if self.unknown.bytes && self.has_bytes(&text[at..at + len]) => {
                for (i, &byte) in text[at..at + len].iter().enumerate() {
                    push(s, self.view.byte_ids[usize::from(byte)], (at + i + 1) as u32);
                }
            }
            None => {
                if let Some(unknown) = self.unknown.id {
                    match s.ids.last() {
                        Some(&last) if last == unknown && self.unknown.fuse => {
                            s.ends.pop();
                            s.ends.push(end);
                        }
                        _ => push(s, unknown, end),
                    }
                }
            }
        }
    }

    fn has_bytes(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|&b| self.view.byte_ids.get(usize::from(b)).is_some_and(|&id| id != NONE))
    }

    /// Rank and result of a merge of `text[start..middle]` and `text[middle..end]`.
    #[inline]
    fn pair(&self, text: &[u8], start: u32, end: u32, left: u32, right: u32) -> (u32, u32) {
        let found = match self.merges {
            Merges::ByText => {
                let frozen = !self.view.user.is_empty() && (self.is_user(left) || self.is_user(right));
                let id = self.view.find(text, start as usize, (end - start) as usize);
                id.filter(|_| !frozen).map(|id| (self.view.rank(id), id))
            }
            Merges::ByPair => self
                .view
                .pairs
                .find(pair_key(left, right), |_| true)
                .map(|value| ((value >> 32) as u32, value as u32)),
        };
        found.unwrap_or((NONE, NONE))
    }

    fn is_user(&self, id: u32) -> bool {
        id != NONE && self.view.kind(id) & kind::USER != 0
    }

    /// Remembers how a token that is cut up again was made.
    fn note_split(&self, s: &mut Symbols, made: u32, left_len: u32) {
        if self.has_unused && made != NONE && self.view.kind(made) & kind::UNUSED != 0 {
            match s.splits.iter_mut().find(|split| split.0 == made) {
                Some(split) => split.1 = left_len,
                None => s.splits.push((made, left_len)),
            }
        }
    }

    /// Links between places of an array; what merges first is looked for among all.
    fn merge_flat(&self, s: &mut Symbols, text: &[u8], from: usize) {
        let count = s.flat.begin(&s.ids, &s.ends, from);
        for at in 0..count - 1 {
            let (start, end) = (s.flat.starts[at], s.flat.starts[at + 2]);
            let (rank, made) = self.first_pair(s, text, start, end, at);
            s.flat.put(at, rank, made);
            if made != NONE {
                self.note_split(s, made, s.flat.starts[at + 1] - start);
            }
        }
        while let Some(at) = s.flat.least(count) {
            s.flat.merge(at);
            for at in [usize::from(s.flat.previous[at]), at] {
                if at < count {
                    self.relink(s, text, at, count);
                }
            }
        }
        s.flat.end(&mut s.ids, &mut s.ends, count);
    }

    /// The merge of a symbol with the next one, of which one is new.
    fn relink(&self, s: &mut Symbols, text: &[u8], at: usize, count: usize) {
        let next = usize::from(s.flat.next[at]);
        let (mut rank, mut made) = (NONE, NONE);
        if next < count {
            let (start, end) = s.flat.span(at, next);
            (rank, made) = self.pair(text, start, end, s.flat.ids[at], s.flat.ids[next]);
            if made != NONE {
                self.note_split(s, made, s.flat.starts[next] - start);
            }
        }
        s.flat.put(at, rank, made);
    }

    /// The merge of a first symbol with the next one. Of two bytes it is remembered, in the order of bytes, so that few cache lines have them all.
    #[inline]
    fn first_pair(&self, s: &mut Symbols, text: &[u8], start: u32, end: u32, at: usize) -> (u32, u32) {
        let (left, right) = (s.flat.ids[at], s.flat.ids[at + 1]);
        if !s.bytes || end - start != 2 {
            return self.pair(text, start, end, left, right);
        }
        let place = usize::from(text[start as usize]) << 8 | usize::from(text[start as usize + 1]);
        match s.pairs.get(place) {
            Some(&[rank, made]) if made != 0 => (rank, made.wrapping_sub(2)),
            _ => {
                let (rank, made) = self.pair(text, start, end, left, right);
                if s.pairs.is_empty() {
                    s.pairs = alloc::vec![[0; 2]; 1 << 16];
                }
                s.pairs[place] = [rank, made.wrapping_add(2)];
                (rank, made)
            }
        }
    }

    fn merge_heap(&self, s: &mut Symbols, text: &[u8], from: usize) {
        let count = s.ids.len();
        s.next.clear();
        s.next.extend(1..=count as u32);
        s.previous.clear();
        s.previous.extend((0..count as u32).map(|i| i.wrapping_sub(1)));
        s.ranks.clear();
        s.ranks.resize(count, NONE);
        s.made.clear();
        s.made.resize(count, NONE);
        s.heap.clear();
        for i in 0..count - 1 {
            self.link(s, text, from, i as u32);
            if s.ranks[i] != NONE {
                s.heap.push(Reverse(u64::from(s.ranks[i]) << 32 | i as u64));
            }
        }
        let mut heap = BinaryHeap::from(core::mem::take(&mut s.heap));
        while let Some(Reverse(top)) = heap.pop() {
            let (rank, at) = ((top >> 32) as u32, top as u32 as usize);
            if s.ranks[at] != rank {
                continue;
            }
            let right = s.next[at] as usize;
            s.ids[at] = s.made[at];
            s.ends[at] = s.ends[right];
            s.ranks[right] = NONE;
            s.ids[right] = GONE;
            s.next[at] = s.next[right];
            if let Some(previous) = s.previous.get_mut(s.next[at] as usize) {
                *previous = at as u32;
            }
            for i in [s.previous[at], at as u32] {
                if i == u32::MAX {
                    continue;
                }
                self.link(s, text, from, i);
                if s.ranks[i as usize] != NONE {
                    heap.push(Reverse(u64::from(s.ranks[i as usize]) << 32 | u64::from(i)));
                }
            }
        }
        s.heap = heap.into_vec();
        let mut kept = 0;
        for i in 0..count {
            if s.ids[i] != GONE {
                (s.ids[kept], s.ends[kept]) = (s.ids[i], s.ends[i]);
                kept += 1;
            }
        }
        s.ids.truncate(kept);
        s.ends.truncate(kept);
    }

    /// The merge of a symbol with the next one.
    fn link(&self, s: &mut Symbols, text: &[u8], from: usize, at: u32) {
        let i = at as usize;
        let start = match s.previous[i] {
            u32::MAX => from as u32,
            previous => s.ends[previous as usize],
        };
        let next = s.next[i] as usize;
        let (rank, made) = match s.ids.get(next) {
            Some(&right) => self.pair(text, start, s.ends[next], s.ids[i], right),
            None => (NONE, NONE),
        };
        (s.ranks[i], s.made[i]) = (rank, made);
        if rank != NONE {
            self.note_split(s, made, s.ends[i] - start);
        }
    }

    /// Merges runs; `false`, with the symbols as they were, if that is not the same as one merge after the other.
    fn merge_runs(&self, s: &mut Symbols, text: &[u8], from: usize) -> bool {
        if self.has_unused || !collect_runs(s, from) {
            return false;
        }
        for _ in 0..RUN_STEPS_MAX {
            match self.merge_one_run(&mut s.runs, text) {
                Step::Done => {
                    expand_runs(s);
                    return true;
                }
                Step::Merged if s.runs.len() <= RUNS_MAX => {}
                _ => return false,
            }
        }
        false
    }

    fn merge_one_run(&self, runs: &mut Vec<Run>, text: &[u8]) -> Step {
        let (mut best, mut at, mut within, mut made) = (NONE, 0, false, NONE);
        let mut consider = |found: (u32, u32), i: usize, inside: bool| {
            if found.0 < best {
                (best, made, at, within) = (found.0, found.1, i, inside);
            }
        };
        for (i, run) in runs.iter().enumerate() {
            if run.count > 1 {
                consider(self.pair(text, run.start, run.start + 2 * run.len, run.id, run.id), i, true);
            }
            if let Some(next) = runs.get(i + 1) {
                let start = next.start - run.len;
                consider(self.pair(text, start, next.start + next.len, run.id, next.id), i, false);
            }
        }
        if best == NONE {
            return Step::Done;
        }
        let run = runs[at];
        if within {
            if !self.merges_alone(runs, text, at, best, made) {
                return Step::Mixed;
            }
            let both = Run { id: made, start: run.start, len: 2 * run.len, count: run.count / 2 };
            runs[at] = both;
            if run.count % 2 == 1 {
                runs.insert(at + 1, Run { start: both.start + both.len * both.count, count: 1, ..run });
            }
            return Step::Merged;
        }
        let next = runs[at + 1];
        runs[at].count -= 1;
        runs[at + 1] = Run { start: next.start + next.len, count: next.count - 1, ..next };
        runs.insert(at + 1, Run { id: made, start: next.start - run.len, len: run.len + next.len, count: 1 });
        runs.retain(|run| run.count > 0);
        Step::Merged
    }

    /// Whether merging all pairs of a run makes no neighbours that would have merged in between.
    fn merges_alone(&self, runs: &[Run], text: &[u8], at: usize, rank: u32, made: u32) -> bool {
        let run = runs[at];
        let (start, len) = (run.start, run.len);
        let end = start + len * run.count;
        let later = |found: (u32, u32)| found.0 > rank;
        let before = match at.checked_sub(1).map(|i| runs[i]) {
            Some(before) => later(self.pair(text, start - before.len, start + 2 * len, before.id, made)),
            None => true,
        };
        let behind = match runs.get(at + 1) {
            Some(next) if run.count.is_multiple_of(2) => {
                later(self.pair(text, end - 2 * len, next.start + next.len, made, next.id))
            }
            _ => true,
        };
        before
            && behind
            && (run.count < 3 || later(self.pair(text, start, start + 3 * len, made, run.id)))
            && (run.count < 4 || later(self.pair(text, start, start + 4 * len, made, made)))
    }

    /// The symbols as tokens.
    fn emit(
        &self,
        s: &mut Symbols,
        text: &[u8],
        from: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        let mut start = from;
        for i in 0..s.ids.len() {
            let (id, end) = (s.ids[i], s.ends[i] as usize);
            if id == NONE {
                self.emit_unknown(text, start, end, sink)?;
            } else if self.has_unused && self.view.kind(id) & kind::UNUSED != 0 {
                self.emit_unused(s, text, start, end, sink)?;
            } else {
                sink.token(id, start, end);
            }
            start = end;
        }
        Ok(())
    }

    fn emit_unknown(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        if self.unknown.bytes && self.has_bytes(&text[start..end]) {
            for (i, &byte) in text[start..end].iter().enumerate() {
                sink.token(self.view.byte_ids[usize::from(byte)], start + i, start + i + 1);
            }
            return Ok(());
        }
        let id = self.unknown.id.ok_or(EncodeError::NoUnknownToken { at: start })?;
        sink.unknown(id, start, end, self.unknown.fuse);
        Ok(())
    }

    /// Cuts a token up into what it was merged from, with a stack of places instead of recursion.
    fn emit_unused(
        &self,
        s: &Symbols,
        text: &[u8],
        start: usize,
        end: usize,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        let mut open = alloc::vec![(start, end)];
        while let Some((start, end)) = open.pop() {
            let id = self.view.find(text, start, end - start);
            let split = id.and_then(|id| s.splits.iter().find(|split| split.0 == id));
            match (id, split) {
                (Some(id), Some(split)) if self.view.kind(id) & kind::UNUSED != 0 => {
                    let middle = start + split.1 as usize;
                    open.push((middle, end));
                    open.push((start, middle));
                }
                (Some(id), _) => sink.token(id, start, end),
                (None, _) => self.emit_unknown(text, start, end, sink)?,
            }
        }
        Ok(())
    }
}

/// The id of a symbol that was merged into the one before.
const GONE: u32 = u32::MAX - 1;

enum Step {
    Done,
    Merged,
    /// Merges of a run would mix with others.
    Mixed,
}

/// The symbols as runs; `false` if there are many.
fn collect_runs(s: &mut Symbols, from: usize) -> bool {
    s.runs.clear();
    let mut start = from as u32;
    for (&id, &end) in s.ids.iter().zip(&s.ends) {
        let len = end - start;
        let full = s.runs.len() == RUNS_AT_START_MAX;
        match s.runs.last_mut() {
            Some(run) if run.id == id && run.len == len && id != NONE => run.count += 1,
            _ if full => return false,
            _ => s.runs.push(Run { id, start, len, count: 1 }),
        }
        start = end;
    }
    true
}

fn expand_runs(s: &mut Symbols) {
    s.ids.clear();
    s.ends.clear();
    for run in &s.runs {
        for i in 1..=run.count {
            s.ids.push(run.id);
            s.ends.push(run.start + i * run.len);
        }
    }
}

/// The length of a character by its first byte.
const fn char_len(first: u8) -> usize {
    match first {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0.. => 4,
    }
}
