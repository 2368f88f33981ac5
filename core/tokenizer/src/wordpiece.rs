//! WordPiece: the longest token that a word begins with, then the longest of those marked with the prefix, and so on. A word that cannot be
//! covered to its end is unknown as a whole.

use alloc::vec::Vec;

use crate::image::View;
use crate::sink::Sink;

/// A vocabulary's tables and switches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordPiece<'a> {
    pub view: View<'a>,
    pub prefix: &'a str,
    pub chars_max: u32,
    pub unknown: u32,
}

impl WordPiece<'_> {
    /// Encodes the word `text[from..to]`; `found` is memory that is kept between words.
    pub fn encode(
        &self,
        found: &mut Vec<(u32, u32)>,
        text: &[u8],
        from: usize,
        to: usize,
        sink: &mut impl Sink,
    ) {
        found.clear();
        let chars = text[from..to].iter().filter(|&&b| b & 0xc0 != 0x80).count();
        let inner = self.view.trie.walk(0, self.prefix.as_bytes());
        let mut at = from;
        while at < to && chars <= self.chars_max as usize {
            let node = if at == from { Some(0) } else { inner };
            let longest = node.and_then(|node| self.view.trie.longest(node, &text[at..to]));
            let Some((len, id)) = longest else { break };
            at += len;
            found.push((id, at as u32));
        }
        if at < to {
            return sink.token(self.unknown, from, to);
        }
        let mut start = from;
        for &(id, end) in found.iter() {
            sink.token(id, start, end as usize);
            start = end as usize;
        }
    }
}
