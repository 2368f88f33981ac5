//! Where tokens go: a list of ids, and if wanted the place of each in the original text.

use alloc::vec::Vec;

/// Takes tokens in order.
pub(crate) trait Sink {
    /// A token that stands for `text[from..to]` of the piece's text.
    fn token(&mut self, id: u32, from: usize, to: usize);
    /// The unknown; with `fuse` it joins an unknown right before it.
    fn unknown(&mut self, id: u32, from: usize, to: usize, fuse: bool);
}

/// Ids alone.
pub(crate) struct Ids<'a> {
    pub out: &'a mut Vec<u32>,
    /// How many there were when the last unknown of the piece at hand was put in.
    pub last_unknown: usize,
}

impl Sink for Ids<'_> {
    #[inline]
    fn token(&mut self, id: u32, _: usize, _: usize) {
        self.out.push(id);
    }

    fn unknown(&mut self, id: u32, _: usize, _: usize, fuse: bool) {
        if fuse && self.last_unknown == self.out.len() && self.out.last() == Some(&id) {
            return;
        }
        self.out.push(id);
        self.last_unknown = self.out.len();
    }
}

/// Ids and places.
pub(crate) struct Spans<'a> {
    pub ids: Ids<'a>,
    pub out: &'a mut Vec<(u32, u32)>,
    /// Of each byte of the text at hand.
    pub places: &'a [(u32, u32)],
}

impl Spans<'_> {
    fn place(&self, from: usize, to: usize) -> (u32, u32) {
        let first = self.places.get(from).copied().unwrap_or((0, 0));
        let last = to.checked_sub(1).and_then(|at| self.places.get(at)).copied().unwrap_or(first);
        (first.0, last.1)
    }
}

impl Sink for Spans<'_> {
    fn token(&mut self, id: u32, from: usize, to: usize) {
        self.ids.token(id, from, to);
        self.out.push(self.place(from, to));
    }

    fn unknown(&mut self, id: u32, from: usize, to: usize, fuse: bool) {
        let before = self.ids.out.len();
        self.ids.unknown(id, from, to, fuse);
        let place = self.place(from, to);
        if self.ids.out.len() > before {
            self.out.push(place);
        } else if let Some(last) = self.out.last_mut() {
            last.1 = place.1;
        }
    }
}
