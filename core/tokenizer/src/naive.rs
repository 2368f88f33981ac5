//! The plain twins: BPE by looking at all neighbours again after each merge, and pieces by the expression that a scanner stands for.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::config::{Merges, Model};
use crate::definition::{Definition, kind};
use crate::pattern::{Matcher, Pattern};

/// Encodes one piece with a byte-level vocabulary; takes quadratic time and more.
pub fn encode_piece(definition: &Definition, piece: &[u8]) -> Vec<u32> {
    let Model::Bpe { merges, whole, .. } = &definition.config.model else { return Vec::new() };
    let mut by_text: BTreeMap<&[u8], u32> = BTreeMap::new();
    for id in 0..definition.tokens.len() as u32 {
        if definition.tokens.kinds[id as usize] & kind::APART == 0 {
            by_text.entry(definition.tokens.get(id)).or_insert(id);
        }
    }
    if *whole && let Some(&id) = by_text.get(piece) {
        return Vec::from([id]);
    }
    let mut by_pair: BTreeMap<(u32, u32), (u32, u32)> = BTreeMap::new();
    for (rank, merge) in definition.merges.iter().enumerate() {
        by_pair.entry((merge[0], merge[1])).or_insert((rank as u32, merge[2]));
    }
    let mut ids: Vec<u32> =
        piece.iter().filter_map(|b| by_text.get(core::slice::from_ref(b)).copied()).collect();
    loop {
        let merge = |pair: &[u32]| match merges {
            Merges::ByPair => by_pair.get(&(pair[0], pair[1])).copied(),
            Merges::ByText => {
                let text = [definition.tokens.get(pair[0]), definition.tokens.get(pair[1])].concat();
                let id = by_text.get(&text[..]).copied()?;
                Some((definition.ranks.get(id as usize).copied().unwrap_or(id), id))
            }
        };
        let best = ids.windows(2).enumerate().filter_map(|(at, pair)| Some((merge(pair)?, at)));
        let Some(((_, id), at)) = best.min_by_key(|((rank, _), at)| (*rank, *at)) else { return ids };
        ids[at] = id;
        ids.remove(at + 1);
    }
}

/// The ends of the pieces that an expression makes of a text: its matches, and what is between them.
pub fn pieces(pattern: &str, text: &str) -> Option<Vec<usize>> {
    let pattern = Pattern::new(pattern).ok()?;
    let mut matcher = Matcher::default();
    let (mut ends, mut at, mut open) = (Vec::new(), 0, 0);
    matcher.begin(text.len());
    while at < text.len() {
        match pattern.match_at(&mut matcher, text.as_bytes(), at).ok()? {
            Some(end) if end > at => {
                if open < at {
                    ends.push(at);
                }
                ends.push(end);
                (at, open) = (end, end);
            }
            _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    if open < text.len() {
        ends.push(text.len());
    }
    Some(ends)
}
