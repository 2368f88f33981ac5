//! MD5 of many streams at once. One stream cannot be made faster: each of its 64 steps waits for the one before. Sixteen of them, each in a
//! lane of its own, take hardly longer than one.
//!
//! ```text
//! stream 0: block │ block │ ..      word 0 of 16 blocks ─▶ 16 lanes ─┐
//! stream 1: block │ block │ ..      word 1 of 16 blocks ─▶ 16 lanes ─┼─▶ 64 steps ─▶ 16 states
//!  ..                                ..                              ┘
//! ```
//!
//! Streams of unequal length take turns: lanes that have ended are given to others, and when few are left they go on one by one.
//! Source: RFC 1321.

use crate::level::Level;
use crate::wide::{BYTES, Kernel, LANES, Wide};

/// A hash between two blocks.
pub type State = [u32; 4];

/// Bytes of a block.
pub const BLOCK_LEN: usize = BYTES;

/// The state before the first block.
pub const START: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// A stream's state, and blocks that it is to take.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    /// The state; after [`compress`], the one behind the blocks.
    pub state: State,
    /// The blocks; after [`compress`], none.
    pub blocks: &'a [[u8; BLOCK_LEN]],
}

/// Takes every stream to the end of its blocks.
pub fn compress(level: Level, streams: &mut [Stream<'_>]) {
    if level != Level::SCALAR {
        while let Some(turn) = Turn::of(level, streams) {
            let states = level.run(turn);
            turn.end(states, streams);
        }
    }
    for stream in streams {
        stream.blocks.iter().for_each(|block| one(&mut stream.state, block));
        stream.blocks = &[];
    }
}

/// Fewer streams than this go one by one: a lane costs as much whether it is used or not.
fn lanes_min(level: Level) -> usize {
    if level.register_bits() < 256 { 4 } else { 3 }
}

/// As many blocks of up to sixteen streams as the shortest of them has. Lanes that are left do what the first does.
#[derive(Clone, Copy)]
struct Turn<'a> {
    streams: [usize; LANES],
    used: usize,
    states: [State; LANES],
    blocks: [&'a [[u8; BLOCK_LEN]]; LANES],
}

impl<'a> Turn<'a> {
    /// Of the streams that have blocks; `None` if too few have.
    fn of(level: Level, streams: &[Stream<'a>]) -> Option<Turn<'a>> {
        let mut open = streams.iter().enumerate().filter(|(_, stream)| !stream.blocks.is_empty());
        let (at, first) = open.next()?;
        let mut turn = Turn {
            streams: [at; LANES],
            used: 1,
            states: [first.state; LANES],
            blocks: [first.blocks; LANES],
        };
        for (at, stream) in open.take(LANES - 1) {
            turn.streams[turn.used] = at;
            turn.states[turn.used] = stream.state;
            turn.blocks[turn.used] = stream.blocks;
            turn.used += 1;
        }
        let len = turn.blocks.iter().map(|blocks| blocks.len()).min()?;
        turn.blocks = turn.blocks.map(|blocks| &blocks[..len]);
        (turn.used >= lanes_min(level)).then_some(turn)
    }

    fn end(&self, states: [State; LANES], streams: &mut [Stream<'a>]) {
        for (&at, state) in self.streams.iter().zip(states).take(self.used) {
            streams[at].state = state;
            streams[at].blocks = &streams[at].blocks[self.blocks[0].len()..];
        }
    }
}

impl Kernel for Turn<'_> {
    type Out = [State; LANES];

    fn scalar(mut self) -> [State; LANES] {
        for (state, blocks) in self.states.iter_mut().zip(self.blocks) {
            blocks.iter().for_each(|block| one(state, block));
        }
        self.states
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> [State; LANES] {
        // Registers are never the business of a closure, which has none of the level's instructions.
        let mut rows = [[0; BYTES]; 4];
        for (lane, state) in self.states.iter().enumerate() {
            for (row, word) in rows.iter_mut().zip(state) {
                row[4 * lane..4 * lane + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
        let mut state =
            [w.load_bytes(&rows[0]), w.load_bytes(&rows[1]), w.load_bytes(&rows[2]), w.load_bytes(&rows[3])];
        for nth in 0..self.blocks[0].len() {
            let rows = words(&self.blocks, nth);
            let mut words = [w.zero(); 16];
            for (word, row) in words.iter_mut().zip(&rows) {
                *word = w.load_bytes(row);
            }
            state = steps(Many(w), state, &words);
        }
        for (row, register) in rows.iter_mut().zip(state) {
            w.store_bytes(register, row);
        }
        let mut states = [[0; 4]; LANES];
        for (lane, state) in states.iter_mut().enumerate() {
            for (word, row) in state.iter_mut().zip(&rows) {
                *word = u32::from_le_bytes(row.as_chunks::<4>().0[lane]);
            }
        }
        states
    }
}

/// Word `i` of block `nth` of every lane stands in row `i`.
#[inline(always)]
fn words(blocks: &[&[[u8; BLOCK_LEN]]; LANES], nth: usize) -> [[u8; BYTES]; 16] {
    let mut rows = [[0; BYTES]; 16];
    for (lane, blocks) in blocks.iter().enumerate() {
        for (row, word) in rows.iter_mut().zip(blocks[nth].as_chunks::<4>().0) {
            row[4 * lane..4 * lane + 4].copy_from_slice(word);
        }
    }
    rows
}

/// Words of one stream, or of sixteen.
trait Words: Copy {
    type Word: Copy;

    fn constant(self, x: u32) -> Self::Word;
    fn add(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn and(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn or(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn xor(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// To the left by `L`, which with `R` is 32.
    fn turn<const L: i32, const R: i32>(self, a: Self::Word) -> Self::Word;

    /// Where `x` has a bit, that of `y`, else that of `z`.
    #[inline(always)]
    fn choose(self, x: Self::Word, y: Self::Word, z: Self::Word) -> Self::Word {
        self.xor(z, self.and(x, self.xor(y, z)))
    }

    // What each round adds to a sum. `x` comes last, and everything waits for it.
    #[inline(always)]
    fn first(self, sum: Self::Word, x: Self::Word, y: Self::Word, z: Self::Word) -> Self::Word {
        self.add(sum, self.choose(x, y, z))
    }
    #[inline(always)]
    fn second(self, sum: Self::Word, x: Self::Word, y: Self::Word, z: Self::Word) -> Self::Word {
        self.add(sum, self.choose(z, x, y))
    }
    #[inline(always)]
    fn third(self, sum: Self::Word, x: Self::Word, y: Self::Word, z: Self::Word) -> Self::Word {
        self.add(sum, self.xor(x, self.xor(y, z)))
    }
    #[inline(always)]
    fn fourth(self, sum: Self::Word, x: Self::Word, y: Self::Word, z: Self::Word) -> Self::Word {
        self.add(sum, self.xor(y, self.or(x, self.xor(z, self.constant(!0)))))
    }
}

#[derive(Clone, Copy)]
struct One;

impl Words for One {
    type Word = u32;

    #[inline(always)]
    fn constant(self, x: u32) -> u32 {
        x
    }
    #[inline(always)]
    fn add(self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn and(self, a: u32, b: u32) -> u32 {
        a & b
    }
    #[inline(always)]
    fn or(self, a: u32, b: u32) -> u32 {
        a | b
    }
    #[inline(always)]
    fn xor(self, a: u32, b: u32) -> u32 {
        a ^ b
    }
    #[inline(always)]
    fn turn<const L: i32, const R: i32>(self, a: u32) -> u32 {
        a.rotate_left(L as u32)
    }
    /// The two halves of the choice have no bit in common: they can be added, the one that does not wait first.
    #[inline(always)]
    fn second(self, sum: u32, x: u32, y: u32, z: u32) -> u32 {
        sum.wrapping_add(y & !z).wrapping_add(x & z)
    }
}

#[derive(Clone, Copy)]
struct Many<W>(W);

impl<W: Wide> Words for Many<W> {
    type Word = W::I;

    #[inline(always)]
    fn constant(self, x: u32) -> W::I {
        self.0.splat_i32(x as i32)
    }
    #[inline(always)]
    fn add(self, a: W::I, b: W::I) -> W::I {
        self.0.add_i32(a, b)
    }
    #[inline(always)]
    fn and(self, a: W::I, b: W::I) -> W::I {
        self.0.and(a, b)
    }
    #[inline(always)]
    fn or(self, a: W::I, b: W::I) -> W::I {
        self.0.or(a, b)
    }
    #[inline(always)]
    fn xor(self, a: W::I, b: W::I) -> W::I {
        self.0.xor(a, b)
    }
    #[inline(always)]
    fn turn<const L: i32, const R: i32>(self, a: W::I) -> W::I {
        self.0.or(self.0.shl_i32::<L>(a), self.0.shr_u32::<R>(a))
    }
}

/// Sixteen steps, four for each way that the words of the state stand. Step `i` takes the word `(mul · i + add) mod 16`.
macro_rules! round {
    ($w:ident, $state:ident, $words:ident, $constants:ident, $mix:ident, $mul:literal, $add:literal, $(($left:literal, $right:literal)),*) => {
        for quarter in 0..4 {
            let mut nth = 4 * quarter;
            $({
                let [a, b, c, d] = $state;
                let known = $w.add($words[($mul * nth + $add) % 16], $w.constant($constants[nth]));
                let sum = $w.$mix($w.add(a, known), b, c, d);
                $state = [d, $w.add(b, $w.turn::<$left, $right>(sum)), b, c];
                nth += 1;
            })*
            let _ = nth;
        }
    };
}

/// All steps of one block in every lane.
#[inline(always)]
fn steps<W: Words>(w: W, start: [W::Word; 4], words: &[W::Word; 16]) -> [W::Word; 4] {
    let [first, second, third, fourth] = CONSTANTS.as_chunks::<16>().0 else { return start };
    let mut state = start;
    round!(w, state, words, first, first, 1, 0, (7, 25), (12, 20), (17, 15), (22, 10));
    round!(w, state, words, second, second, 5, 1, (5, 27), (9, 23), (14, 18), (20, 12));
    round!(w, state, words, third, third, 3, 5, (4, 28), (11, 21), (16, 16), (23, 9));
    round!(w, state, words, fourth, fourth, 7, 0, (6, 26), (10, 22), (15, 17), (21, 11));
    let [a, b, c, d] = start;
    [w.add(a, state[0]), w.add(b, state[1]), w.add(c, state[2]), w.add(d, state[3])]
}

/// One block of one stream.
fn one(state: &mut State, block: &[u8; BLOCK_LEN]) {
    let words = core::array::from_fn(|i| u32::from_le_bytes(block.as_chunks::<4>().0[i]));
    *state = steps(One, *state, &words);
}

/// One block of one stream, as the RFC says it: the judge.
#[cfg(test)]
fn scalar(state: &mut State, block: &[u8; BLOCK_LEN]) {
    let words: [u32; 16] = core::array::from_fn(|i| u32::from_le_bytes(block.as_chunks::<4>().0[i]));
    let [mut a, mut b, mut c, mut d] = *state;
    for i in 0..64 {
        let (mixed, word) = match i / 16 {
            0 => (d ^ (b & (c ^ d)), i),
            1 => (c ^ (d & (b ^ c)), 5 * i + 1),
            2 => (b ^ c ^ d, 3 * i + 5),
            _ => (c ^ (b | !d), 7 * i),
        };
        let sum = a.wrapping_add(mixed).wrapping_add(CONSTANTS[i]).wrapping_add(words[word % 16]);
        (a, d, c) = (d, c, b);
        b = b.wrapping_add(sum.rotate_left(TURNS[i / 16][i % 4]));
    }
    for (state, new) in state.iter_mut().zip([a, b, c, d]) {
        *state = state.wrapping_add(new);
    }
}

#[cfg(test)]
const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The first 32 bits behind the point of |sin(i + 1)|.
#[rustfmt::skip]
const CONSTANTS: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

#[cfg(test)]
mod tests {
    extern crate std;

    use dolmen_base::Rng;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn padded(text: &[u8]) -> Vec<[u8; BLOCK_LEN]> {
        let mut bytes = text.to_vec();
        bytes.push(0x80);
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        if bytes.len() - text.len() < 9 {
            bytes.resize(bytes.len() + 64, 0);
        }
        let at = bytes.len() - 8;
        bytes[at..].copy_from_slice(&(8 * text.len() as u64).to_le_bytes());
        bytes.as_chunks().0.to_vec()
    }

    /// The test suite of RFC 1321, A.5, as many streams at once, at every level.
    #[test]
    fn values_of_the_rfc() {
        let suite = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ];
        let texts = suite.map(|(text, _)| padded(text.as_bytes()));
        for level in Level::each() {
            let mut streams: Vec<_> = texts.iter().map(|blocks| Stream { state: START, blocks }).collect();
            compress(level, &mut streams);
            for (stream, (text, wanted)) in streams.iter().zip(suite) {
                let bytes = stream.state.iter().flat_map(|word| word.to_le_bytes());
                let found: String = bytes.map(|byte| std::format!("{byte:02x}")).collect();
                assert_eq!(found, wanted, "{text:?} at {level}");
                assert!(stream.blocks.is_empty());
            }
        }
    }

    /// Any number of streams of any lengths: every level gives what the judge gives.
    #[test]
    fn streams_of_unequal_length() {
        let mut rng = Rng::new(5);
        let mut blocks = vec![[0u8; BLOCK_LEN]; 64];
        blocks.iter_mut().for_each(|block| rng.fill(block));
        for round in 0..if cfg!(miri) { 2 } else { 200 } {
            let streams: Vec<_> = (0..round % 40)
                .map(|_| {
                    let from = rng.below(64) as usize;
                    let len = rng.below(64 - from as u64 + 1) as usize;
                    let state = core::array::from_fn(|_| rng.next_u32());
                    Stream { state, blocks: &blocks[from..from + len] }
                })
                .collect();
            let states = |level| {
                let mut streams = streams.clone();
                compress(level, &mut streams);
                streams.iter().map(|stream| stream.state).collect::<Vec<_>>()
            };
            let judge = |stream: &Stream<'_>| {
                let mut state = stream.state;
                stream.blocks.iter().for_each(|block| scalar(&mut state, block));
                state
            };
            let wanted: Vec<State> = streams.iter().map(judge).collect();
            for level in Level::each() {
                assert_eq!(states(level), wanted, "{} streams at {level}", streams.len());
            }
        }
    }
}
