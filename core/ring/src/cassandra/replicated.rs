//! Replication-aware token allocation (ReplicationAwareTokenAllocator): candidates are the midpoints of all ranges; the ones
//! that lower the variance of ownership most, of tokens and of units, are taken.
//!
//! A token's replicated ownership reaches back to the RF-th different group before it. `threshold` is the nearest place
//! from which a new token would become that start. After each choice only the best remaining candidate is evaluated again,
//! and it is good enough when it still beats the next one's old value.

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use super::arithmetic::{midpoint, size};
use super::splits::generate_splits;
use crate::members::NodeId;

/// A token of the ring or a candidate; both know where their replication span starts.
#[derive(Clone, Copy)]
struct Span {
    token: i64,
    unit: usize,
    start: i64,
    threshold: i64,
    owned: f64,
}

#[derive(Clone, Copy)]
struct Links {
    prev: usize,
    next: usize,
}

struct Unit {
    group: usize,
    owned: f64,
    tokens: f64,
}

/// One allocation's state: tokens in a circular list by index, candidates likewise; candidate c splits token `splits[c]`.
struct Allocator {
    replicas: usize,
    new_unit: usize,
    optimal: f64,
    units: Vec<Unit>,
    tokens: Vec<Span>,
    token_links: Vec<Links>,
    candidates: Vec<Span>,
    candidate_links: Vec<Links>,
    splits: Vec<usize>,
}

/// Chooses `count` tokens for `node`, which has none yet, and inserts them. `group` names a node's group.
pub(super) fn add_unit(
    ring: &mut BTreeMap<i64, NodeId>,
    node: NodeId,
    count: usize,
    replicas: usize,
    group: impl Fn(NodeId) -> usize,
    seed: u64,
) -> Vec<i64> {
    let mut units: Vec<NodeId> = ring.values().copied().collect();
    units.sort_unstable();
    units.dedup();
    let mut groups: Vec<usize> = units.iter().map(|&u| group(u)).collect();
    groups.sort_unstable();
    groups.dedup();
    if units.len() < replicas || count > ring.len() || groups.len() < replicas {
        return generate_splits(ring, node, count, seed);
    }
    let chosen = Allocator::new(ring, &units, node, count, replicas, group).choose(count);
    ring.extend(chosen.iter().map(|&token| (token, node)));
    chosen
}

impl Allocator {
    fn new(
        ring: &BTreeMap<i64, NodeId>,
        nodes: &[NodeId],
        node: NodeId,
        count: usize,
        replicas: usize,
        group: impl Fn(NodeId) -> usize,
    ) -> Self {
        let optimal = replicas as f64 / (ring.len() + count) as f64;
        let unit = |&n: &NodeId| Unit { group: group(n), owned: 0.0, tokens: 0.0 };
        let mut units: Vec<Unit> = nodes.iter().map(unit).collect();
        let new_unit = units.len();
        units.push(Unit { group: group(node), owned: count as f64 * optimal, tokens: count as f64 });
        let len = ring.len();
        let span = |token, unit| Span { token, unit, start: token, threshold: token, owned: 0.0 };
        let place = |n: &NodeId| nodes.binary_search(n).unwrap_or(new_unit);
        let tokens: Vec<Span> = ring.iter().map(|(&token, n)| span(token, place(n))).collect();
        let links: Vec<Links> =
            (0..len).map(|i| Links { prev: (i + len - 1) % len, next: (i + 1) % len }).collect();
        for token in &tokens {
            units[token.unit].tokens += 1.0;
        }
        let mut this = Allocator {
            replicas,
            new_unit,
            optimal,
            units,
            candidates: Vec::with_capacity(len),
            candidate_links: links.clone(),
            splits: (0..len).collect(),
            tokens,
            token_links: links,
        };
        for i in 0..len {
            this.refresh_token(i);
        }
        for i in 0..len {
            let before = this.tokens[this.token_links[i].prev].token;
            let token = midpoint(before, this.tokens[i].token);
            this.candidates.push(Span { owned: optimal, ..span(token, new_unit) });
            this.refresh_candidate(i);
        }
        this
    }

    fn choose(mut self, count: usize) -> Vec<i64> {
        let mut queue: BinaryHeap<Ranked> = (0..self.candidates.len())
            .map(|c| Ranked { gain: self.improvement(c, 1.0 / count as f64), candidate: Reverse(c) })
            .collect();
        let mut chosen = Vec::with_capacity(count);
        let mut best = queue.pop().map(|r| r.candidate.0);
        while let Some(candidate) = best {
            self.confirm(candidate);
            chosen.push(self.candidates[candidate].token);
            if chosen.len() == count {
                break;
            }
            best = self.next_best(&mut queue, (chosen.len() + 1) as f64 / count as f64);
        }
        chosen
    }

    fn next_best(&self, queue: &mut BinaryHeap<Ranked>, new_unit_share: f64) -> Option<usize> {
        loop {
            let Ranked { candidate, .. } = queue.pop()?;
            let gain = self.improvement(candidate.0, new_unit_share);
            if queue.peek().is_none_or(|next| gain >= next.gain) {
                return Some(candidate.0);
            }
            queue.push(Ranked { gain, candidate });
        }
    }

    /// Puts the candidate into the ring and brings what it touches up to date.
    fn confirm(&mut self, candidate: usize) {
        let Links { prev, next } = self.candidate_links[candidate];
        self.candidate_links[prev].next = next;
        self.candidate_links[next].prev = prev;
        let split = self.splits[candidate];
        let before = self.token_links[split].prev;
        let new = self.tokens.len();
        self.tokens.push(self.candidates[candidate]);
        self.token_links.push(Links { prev: before, next: split });
        self.token_links[before].next = new;
        self.token_links[split].prev = new;
        self.refresh_token(new);
        let mut seen = Vec::with_capacity(self.replicas);
        let (mut at, mut behind) = (split, candidate);
        while seen.len() < self.replicas {
            behind = self.candidate_links[behind].next;
            self.refresh_candidate(behind);
            let group = self.units[self.tokens[at].unit].group;
            if !seen.contains(&group) {
                seen.push(group);
                self.refresh_token(at);
            }
            at = self.token_links[at].next;
        }
    }

    fn refresh_token(&mut self, i: usize) {
        let (start, threshold) = self.span_start(self.tokens[i], self.token_links[i].prev);
        let token = &mut self.tokens[i];
        let owned = size(start, token.token);
        self.units[token.unit].owned += owned - token.owned;
        (token.start, token.threshold, token.owned) = (start, threshold, owned);
    }

    fn refresh_candidate(&mut self, i: usize) {
        let before = self.token_links[self.splits[i]].prev;
        let (start, threshold) = self.span_start(self.candidates[i], before);
        (self.candidates[i].start, self.candidates[i].threshold) = (start, threshold);
    }

    /// Where the replication span of a token starts, and from where a new token would become its start.
    fn span_start(&self, token: Span, before: usize) -> (i64, i64) {
        let own_group = self.units[token.unit].group;
        let new_group = self.units[self.new_unit].group;
        let mut seen: Vec<usize> = Vec::with_capacity(self.replicas);
        let (mut start, mut threshold) = (token.token, token.token);
        let mut group = own_group;
        let mut at = before;
        for _ in 0..self.tokens.len() {
            start = self.tokens[at].token;
            group = self.units[self.tokens[at].unit].group;
            at = self.token_links[at].prev;
            if seen.contains(&group) {
                continue;
            }
            seen.push(group);
            if seen.len() >= self.replicas {
                break;
            }
            threshold = start;
            if group == own_group {
                break;
            }
        }
        if new_group == own_group {
            threshold = token.token;
        } else if new_group != group && seen.contains(&new_group) {
            threshold = start;
        }
        (start, threshold)
    }

    /// By how much the variance falls when the candidate joins: of tokens, and of units, the new unit's part scaled so that
    /// its first tokens have more freedom.
    fn improvement(&self, candidate: usize, new_unit_share: f64) -> f64 {
        let span = &self.candidates[candidate];
        let mut changed: Vec<(usize, f64)> = Vec::with_capacity(self.replicas + 1);
        let mut change = self.apply(span, span.start, &mut changed);
        let mut seen = Vec::with_capacity(self.replicas);
        let mut at = self.splits[candidate];
        while seen.len() < self.replicas {
            let token = &self.tokens[at];
            let group = self.units[token.unit].group;
            if !seen.contains(&group) {
                seen.push(group);
                let start = further_start(token.threshold, span.token, token.token);
                change += self.apply(token, start, &mut changed);
            }
            at = self.token_links[at].next;
        }
        let mut units = 0.0;
        for &(unit, adjusted) in changed.iter().rev() {
            let Unit { owned, tokens, .. } = self.units[unit];
            let diff = square(adjusted / tokens - self.optimal) - square(owned / tokens - self.optimal);
            units += if unit == self.new_unit { diff * new_unit_share } else { diff };
        }
        -(change + units)
    }

    fn apply(&self, span: &Span, start: i64, changed: &mut Vec<(usize, f64)>) -> f64 {
        let owned = size(start, span.token);
        let unit = &self.units[span.unit];
        match changed.iter_mut().find(|(u, _)| *u == span.unit) {
            Some((_, adjusted)) => *adjusted += owned - span.owned,
            None => changed.push((span.unit, unit.owned + (owned - span.owned))),
        }
        (square(owned - self.optimal) - square(span.owned - self.optimal)) / square(unit.tokens)
    }
}

/// The one of two starts that makes the larger range to `towards`; equal to it counts as empty.
fn further_start(a: i64, b: i64, towards: i64) -> i64 {
    if a == towards || (b != towards && size(a, towards) <= size(b, towards)) { b } else { a }
}

fn square(x: f64) -> f64 {
    x * x
}

/// Orders by gain, then by the earlier candidate.
struct Ranked {
    gain: f64,
    candidate: Reverse<usize>,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(self.candidate.cmp(&other.candidate))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}
