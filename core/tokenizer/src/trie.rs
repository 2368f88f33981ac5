//! A trie of byte strings as flat arrays, in the order of breadth: a node's children stand side by side, sorted by their bytes.
//!
//! ```text
//! node i:  first[i] .. first[i + 1]  are its children;  label[c] is the byte that leads to child c;  value[i] the id of the string that ends here
//! ```

use alloc::vec::Vec;

/// No string ends here.
pub const NONE: u32 = u32::MAX;

/// The arrays as they are built.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// The first child of each node; one more at the end.
    pub first: Vec<u32>,
    /// The byte before each node; 0 for the root.
    pub labels: Vec<u8>,
    /// Ids, or [`NONE`].
    pub values: Vec<u32>,
}

/// Builds a trie of `(string, id)` pairs; of equal strings the first stays, empty ones are left out.
pub fn build<'a>(entries: impl IntoIterator<Item = (&'a [u8], u32)>) -> Built {
    let mut sorted: Vec<(&[u8], u32)> = entries.into_iter().filter(|(s, _)| !s.is_empty()).collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    sorted.dedup_by(|b, a| a.0 == b.0);
    let mut built = Built { first: Vec::new(), labels: alloc::vec![0], values: alloc::vec![NONE] };
    // Each node's strings, as a range of the sorted list, and its depth.
    let mut ranges: Vec<(u32, u32, u32)> = alloc::vec![(0, sorted.len() as u32, 0)];
    let mut node = 0;
    while let Some(&(from, to, depth)) = ranges.get(node) {
        built.first.push(built.labels.len() as u32);
        let mut at = from as usize;
        let to = to as usize;
        if at < to && sorted[at].0.len() == depth as usize {
            built.values[node] = sorted[at].1;
            at += 1;
        }
        while at < to {
            let label = sorted[at].0[depth as usize];
            let group = sorted[at..to].partition_point(|(s, _)| s[depth as usize] <= label);
            built.labels.push(label);
            built.values.push(NONE);
            ranges.push((at as u32, (at + group) as u32, depth + 1));
            at += group;
        }
        node += 1;
    }
    built.first.push(built.labels.len() as u32);
    built
}

/// The arrays as they are used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trie<'a> {
    first: &'a [u32],
    labels: &'a [u8],
    values: &'a [u32],
}

impl<'a> Trie<'a> {
    /// Arrays that [`is_sound`](Trie::is_sound) or [`build`] vouch for.
    pub fn new(first: &'a [u32], labels: &'a [u8], values: &'a [u32]) -> Self {
        Trie { first, labels, values }
    }

    /// All ids, [`NONE`] among them.
    pub fn values(&self) -> &'a [u32] {
        self.values
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.labels.len() <= 1
    }

    /// Whether children come after their parents and all lengths agree, so that every walk ends.
    pub fn is_sound(&self) -> bool {
        let nodes = self.labels.len();
        let empty = nodes == 0 && self.first.is_empty() && self.values.is_empty();
        let lengths = self.first.len() == nodes + 1 && self.values.len() == nodes;
        let ends = self.first.last().is_some_and(|&last| last as usize == nodes);
        let order = self.first.windows(2).all(|w| w[0] <= w[1]);
        let down = self.first.iter().take(nodes).enumerate().all(|(i, &first)| first as usize > i);
        empty || lengths && ends && order && down
    }

    /// The child of a node behind a byte.
    #[inline]
    pub fn child(&self, node: u32, byte: u8) -> Option<u32> {
        let (from, to) = (*self.first.get(node as usize)?, *self.first.get(node as usize + 1)?);
        let labels = self.labels.get(from as usize..to as usize)?;
        if labels.len() == 256 {
            return Some(from + u32::from(byte));
        }
        let at = if labels.len() <= 8 {
            labels.iter().position(|&l| l == byte)?
        } else {
            labels.binary_search(&byte).ok()?
        };
        Some(from + at as u32)
    }

    /// The id of the string that ends at a node, or [`NONE`].
    #[inline]
    pub fn value(&self, node: u32) -> u32 {
        self.values.get(node as usize).copied().unwrap_or(NONE)
    }

    /// The node behind all of `bytes`.
    pub fn walk(&self, from: u32, bytes: &[u8]) -> Option<u32> {
        bytes.iter().try_fold(from, |node, &byte| self.child(node, byte))
    }

    /// The id of exactly these bytes.
    pub fn get(&self, bytes: &[u8]) -> Option<u32> {
        self.walk(0, bytes).map(|node| self.value(node)).filter(|&id| id != NONE)
    }

    /// The longest string at the start of `bytes`, below a node: its length and id.
    pub fn longest(&self, from: u32, bytes: &[u8]) -> Option<(usize, u32)> {
        let (mut node, mut best) = (from, None);
        for (i, &byte) in bytes.iter().enumerate() {
            let Some(next) = self.child(node, byte) else { break };
            node = next;
            if self.value(node) != NONE {
                best = Some((i + 1, self.value(node)));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_by_prefix() {
        let built = build([(&b"a"[..], 1), (b"abc", 2), (b"ab", 3), (b"b", 4), (b"", 5), (b"ab", 6)]);
        let trie = Trie::new(&built.first, &built.labels, &built.values);
        assert!(trie.is_sound());
        assert_eq!(trie.longest(0, b"abcd"), Some((3, 2)));
        assert_eq!(trie.longest(0, b"abd"), Some((2, 3)));
        assert_eq!(trie.longest(0, b"c"), None);
        assert_eq!((trie.get(b"b"), trie.get(b"bc"), trie.get(b"")), (Some(4), None, None));
        assert!(Trie::default().is_sound() && Trie::default().is_empty());
        let loops = Trie::new(&[0, 1], &[0], &[0]);
        assert!(!loops.is_sound(), "a node that is its own child");
    }

    #[test]
    fn all_bytes_at_the_root() {
        let all: Vec<[u8; 1]> = (0..=255).map(|b| [b]).collect();
        let built = build(all.iter().map(|s| (&s[..], u32::from(s[0]))));
        let trie = Trie::new(&built.first, &built.labels, &built.values);
        assert!((0..=255u8).all(|b| trie.get(&[b]) == Some(u32::from(b))));
    }
}
