//! MD5 of many uploads at once.
//!
//! The ETag makes MD5 the dearest part of an upload, and one stream of it cannot be hurried. Sixteen in the lanes of one register take hardly
//! longer than one ([`dolmen_simd::md5`]); so a server that hashes for several uploads hands their pieces to [`update_many`].
//!
//! ```
//! use dolmen_s3::md5::{Md5, update_many};
//!
//! let (mut first, mut second) = (Md5::new(), Md5::new());
//! update_many(&mut [(&mut first, b"abc"), (&mut second, b"")]);
//! assert_eq!(first.finish()[..4], [0x90, 0x01, 0x50, 0x98]);
//! assert_eq!(second.finish()[..4], [0xd4, 0x1d, 0x8c, 0xd9]);
//! ```

use alloc::vec::Vec;
use core::fmt;

use dolmen_simd::level::Level;
use dolmen_simd::md5::{BLOCK_LEN, START, State, Stream, compress};

/// An MD5 that grows with the bytes of one stream.
#[derive(Clone)]
pub struct Md5 {
    state: State,
    /// Bytes of a block that is not whole yet.
    tail: [u8; BLOCK_LEN],
    tail_len: usize,
    len: u64,
}

impl Default for Md5 {
    fn default() -> Self {
        Md5 { state: START, tail: [0; BLOCK_LEN], tail_len: 0, len: 0 }
    }
}

impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Md5 of {} bytes", self.len)
    }
}

impl Md5 {
    /// Of no bytes yet.
    pub fn new() -> Md5 {
        Md5::default()
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let rest = self.fill(bytes);
        if self.tail_len == BLOCK_LEN {
            let tail = [self.tail];
            self.state = one(self.state, &tail);
            self.tail_len = 0;
        }
        let (blocks, rest) = rest.as_chunks();
        self.state = one(self.state, blocks);
        self.keep(rest);
    }

    /// The digest.
    pub fn finish(mut self) -> [u8; 16] {
        let bits = self.len.wrapping_mul(8).to_le_bytes();
        let mut padding = [0; 2 * BLOCK_LEN];
        padding[0] = 0x80;
        let len = if self.tail_len < BLOCK_LEN - 8 { BLOCK_LEN } else { 2 * BLOCK_LEN } - self.tail_len;
        padding[len - 8..len].copy_from_slice(&bits);
        self.update(&padding[..len]);
        let mut digest = [0; 16];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }

    /// Fills up the open block if there is one, and gives the bytes that it did not take.
    fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        self.len = self.len.wrapping_add(bytes.len() as u64);
        if self.tail_len == 0 {
            return bytes;
        }
        let (taken, rest) = bytes.split_at(bytes.len().min(BLOCK_LEN - self.tail_len));
        self.tail[self.tail_len..self.tail_len + taken.len()].copy_from_slice(taken);
        self.tail_len += taken.len();
        rest
    }

    /// Keeps what is no block; there is no open block if there is anything.
    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.tail[..rest.len()].copy_from_slice(rest);
            self.tail_len = rest.len();
        }
    }
}

fn one(state: State, blocks: &[[u8; BLOCK_LEN]]) -> State {
    let mut streams = [Stream { state, blocks }];
    compress(Level::SCALAR, &mut streams);
    let [stream] = streams;
    stream.state
}

/// Takes more bytes for each of many streams, sixteen of them at a time. Pieces of similar length and of some kilobytes are best.
pub fn update_many(pieces: &mut [(&mut Md5, &[u8])]) {
    let level = Level::best();
    for (md5, bytes) in pieces.iter_mut() {
        *bytes = md5.fill(bytes);
    }
    // Open blocks that have become whole come first.
    let tails: Vec<_> = pieces.iter().map(|(md5, _)| [md5.tail]).collect();
    let whole = |md5: &Md5| usize::from(md5.tail_len == BLOCK_LEN);
    let streams = pieces
        .iter()
        .zip(&tails)
        .map(|((md5, _), tail)| Stream { state: md5.state, blocks: &tail[..whole(md5)] });
    let mut streams: Vec<_> = streams.collect();
    compress(level, &mut streams);
    for (stream, (md5, bytes)) in streams.iter_mut().zip(pieces.iter_mut()) {
        md5.tail_len %= BLOCK_LEN;
        stream.blocks = bytes.as_chunks().0;
    }
    compress(level, &mut streams);
    for (stream, (md5, bytes)) in streams.iter().zip(pieces.iter_mut()) {
        md5.state = stream.state;
        md5.keep(bytes.as_chunks::<BLOCK_LEN>().1);
        *bytes = &[];
    }
}

#[cfg(test)]
mod tests {
    use ::md5::Digest as _;
    use dolmen_base::Rng;

    use super::*;

    fn judge(bytes: &[u8]) -> [u8; 16] {
        ::md5::Md5::digest(bytes).into()
    }

    #[test]
    fn every_length_and_every_cut() {
        let bytes: Vec<u8> = (0..400u32).map(|i| (i * 7) as u8).collect();
        for len in 0..=bytes.len() {
            for cut in [0, 1, 55, 56, 63, 64, 65, 128, len].into_iter().filter(|&cut| cut <= len) {
                let mut md5 = Md5::new();
                md5.update(&bytes[..cut]);
                md5.update(&bytes[cut..len]);
                assert_eq!(md5.finish(), judge(&bytes[..len]), "{len} bytes cut at {cut}");
            }
        }
    }

    #[test]
    fn many_streams_in_pieces_of_any_length() {
        let mut rng = Rng::new(7);
        let mut bytes = alloc::vec![0; 1 << 16];
        rng.fill(&mut bytes);
        for count in [0, 1, 2, 3, 7, 16, 17, 40] {
            let mut streams: Vec<(Md5, Vec<u8>)> = (0..count).map(|_| Default::default()).collect();
            for _ in 0..20 {
                let mut pieces = Vec::new();
                for (md5, whole) in &mut streams {
                    let len = if rng.one_in(3) { rng.below(70) } else { rng.below(5000) } as usize;
                    let from = rng.below((bytes.len() - len) as u64) as usize;
                    whole.extend_from_slice(&bytes[from..from + len]);
                    pieces.push((md5, &bytes[from..from + len]));
                }
                update_many(&mut pieces);
            }
            for (md5, whole) in streams {
                assert_eq!(md5.finish(), judge(&whole), "one of {count}");
            }
        }
    }
}
