//! Algorithms that map a key to one of `n` numbered places without a table: modulo, jump, JumpBack and FlipHash. Node k of
//! the list stands in place k, so they are minimal only for changes at the end of the list; a removal in the middle shifts
//! everybody behind it, and the movement report shows what that costs.

use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::ops::ControlFlow;

use crate::algorithm::{Algorithm, salted_walk};
use crate::error::RingError;
use crate::hash::mix64;
use crate::members::{Members, NodeId};

/// Which function chooses the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `key mod n`: the baseline that moves almost everything.
    Modulo,
    /// Jump consistent hash (Lamping and Veach, 2014).
    Jump,
    /// JumpBackHash (Ertl, 2024).
    JumpBack,
    /// FlipHash (Masson and Lee, 2024).
    Flip,
}

impl Choice {
    /// The place of `key` among `count` places.
    #[inline]
    pub fn place(self, key: u64, count: NonZeroU32) -> u32 {
        match self {
            Choice::Modulo => (key % u64::from(count.get())) as u32,
            Choice::Jump => jump(key, count),
            Choice::JumpBack => jump_back(key, count),
            Choice::Flip => flip(key, u64::from(count.get()) - 1) as u32,
        }
    }
}

/// A list of nodes and a function into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Positional {
    choice: Choice,
    live: Vec<NodeId>,
}

impl Positional {
    /// The owning nodes in the order of the list.
    ///
    /// # Errors
    /// [`RingError::WeightsDiffer`].
    pub fn new(choice: Choice, members: &Members) -> Result<Self, RingError> {
        members.check_equal_weights()?;
        Ok(Positional { choice, live: members.owning().map(|(id, _)| id).collect() })
    }

    /// The nodes in the order of their places.
    pub fn live(&self) -> &[NodeId] {
        &self.live
    }
}

impl Algorithm for Positional {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        let count = NonZeroU32::new(self.live.len() as u32)?;
        Some(self.live[self.choice.place(key, count) as usize])
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        salted_walk(self, &self.live, key, visit);
    }

    fn heap_bytes(&self) -> usize {
        self.live.capacity() * 4
    }
}

/// Jump consistent hash: the last of the places that a random walk over growing bucket counts jumps to. There is a place only
/// where there are buckets, which the type says.
#[inline]
pub fn jump(mut key: u64, buckets: NonZeroU32) -> u32 {
    let (mut b, mut j) = (0i64, 0i64);
    while j < i64::from(buckets.get()) {
        b = j;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        j = ((b + 1) as f64 * ((1u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as i64;
    }
    b as u32
}

/// JumpBackHash over the SplitMix64 sequence that starts at the key: constant expected time, no floating point. `buckets`
/// must fit 31 bits.
pub fn jump_back(key: u64, buckets: NonZeroU32) -> u32 {
    let buckets = buckets.get();
    if buckets <= 1 {
        return 0;
    }
    let mut state = key;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix64(state)
    };
    let first = next();
    let mut bits = (first ^ (first >> 32)) as u32 & (u32::MAX >> (buckets - 1).leading_zeros());
    while bits != 0 {
        let low = 1 << bits.ilog2();
        let half = if bits.count_ones().is_multiple_of(2) { first } else { first >> 32 };
        let place = low + (half as u32 & (low - 1));
        if place < buckets {
            return place;
        }
        let mask = (low << 1) - 1;
        'draw: loop {
            let draw = next();
            for place in [draw as u32 & mask, (draw >> 32) as u32 & mask] {
                if place < low {
                    break 'draw;
                }
                if place < buckets {
                    return place;
                }
            }
        }
        bits ^= low;
    }
    0
}

/// FlipHash over `0..=last` with the mixing of DataDog's `fliphash` crate, seed 0: constant time, exact for every range.
pub fn flip(key: u64, last: u64) -> u64 {
    if last == 0 {
        return 0;
    }
    let mask = u64::MAX >> last.leading_zeros();
    let hash = flip_mix(key, 0, 0);
    let place = flip_power_of_two(key, hash & mask);
    if place <= last {
        return place;
    }
    for attempt in 1..=FLIP_ATTEMPTS {
        let draw = flip_mix(key, u64::from(last.ilog2()), attempt) & mask;
        if draw <= mask >> 1 {
            break;
        }
        if draw <= last {
            return draw;
        }
    }
    flip_power_of_two(key, hash & (mask >> 1))
}

fn flip_power_of_two(key: u64, masked: u64) -> u64 {
    let Some(top) = masked.checked_ilog2() else { return 0 };
    masked ^ (flip_mix(key, u64::from(top), 0) & ((1 << top) - 1))
}

fn flip_mix(key: u64, bits: u64, attempt: u64) -> u64 {
    let mut k = key.wrapping_mul(bits * 2 + 1);
    k = (k ^ (k >> 27)).wrapping_mul(0x3c79_ac49_2ba7_b653);
    k = k.wrapping_mul(attempt * 2 + 1);
    k = (k ^ (k >> 33)).wrapping_mul(0x1c69_b3f7_4ac4_ae35);
    k ^ (k >> 27)
}

/// Beyond this many draws the chance that none has hit is 2^-64.
const FLIP_ATTEMPTS: u64 = 64;
