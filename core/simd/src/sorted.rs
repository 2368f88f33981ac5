//! Places of newcomers in a sorted array: what keeps the pool of a graph walk in order without a branch that nothing predicts.
//!
//! An entry is the bits of an f32 key and 32 bits that go with it. A group of [`GROUP`] entries is 64 bytes; the keys of a group are compared with
//! one newcomer's at once, and the number of lesser ones is the number of bits in the mask. Of a long array, the group is searched first.

use crate::level::Level;
use crate::wide::{BYTES, Kernel, Wide};

/// The bits of a key, and what goes with it.
pub type Entry = [u32; 2];

/// Entries that are compared at once; arrays are filled up to a multiple of it with infinite keys.
pub const GROUP: usize = 8;
/// Newcomers at a time.
pub const NEWCOMERS: usize = 32;

/// What fills arrays up.
pub const INFINITE: Entry = [0x7f80_0000, 0];

/// Of each of the first `count` newcomers: how many entries of `sorted` have a lesser key, and how many of the newcomers.
///
/// # Panics
///
/// `sorted` is not a multiple of [`GROUP`] long, or `count` is above [`NEWCOMERS`].
pub fn places(
    level: Level,
    sorted: &[Entry],
    newcomers: &[Entry; NEWCOMERS],
    count: usize,
    out: &mut [[u32; 2]; NEWCOMERS],
) {
    let (groups, rest) = sorted.as_chunks::<GROUP>();
    assert!(rest.is_empty(), "{} entries are not whole groups", sorted.len());
    assert!(count <= NEWCOMERS, "{count} newcomers are more than {NEWCOMERS}");
    level.run_floats(Places { groups, newcomers, count, out });
}

struct Places<'a> {
    groups: &'a [[Entry; GROUP]],
    newcomers: &'a [Entry; NEWCOMERS],
    count: usize,
    out: &'a mut [[u32; 2]; NEWCOMERS],
}

fn key(entry: Entry) -> f32 {
    f32::from_bits(entry[0])
}

/// The groups that are compared, and how many entries stand before them.
#[inline(always)]
fn compared(groups: &[[Entry; GROUP]], key_of_newcomer: f32) -> (&[[Entry; GROUP]], u32) {
    if groups.len() <= GROUPS_COMPARED {
        return (groups, 0);
    }
    let whole = groups.partition_point(|group| key(group[GROUP - 1]) < key_of_newcomer);
    (&groups[whole..groups.len().min(whole + 1)], (whole * GROUP) as u32)
}

impl Kernel for Places<'_> {
    type Out = ();

    fn scalar(self) {
        let lesser = |entries: &[Entry], x: f32| entries.iter().filter(|entry| key(**entry) < x).count();
        let newcomers = &self.newcomers[..self.count];
        for (out, newcomer) in self.out.iter_mut().zip(newcomers) {
            let x = key(*newcomer);
            let (groups, before) = compared(self.groups, x);
            *out = [before + lesser(groups.as_flattened(), x) as u32, lesser(newcomers, x) as u32];
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let (others, _) = self.newcomers.as_chunks::<GROUP>();
        let others = &others[..self.count.div_ceil(GROUP)];
        for (out, newcomer) in self.out.iter_mut().zip(&self.newcomers[..self.count]) {
            let x = key(*newcomer);
            let (groups, before) = compared(self.groups, x);
            let x = w.splat(x);
            *out = [before + lesser(w, groups, x), lesser(w, others, x)];
        }
    }
}

#[inline(always)]
fn lesser<W: Wide>(w: W, groups: &[[Entry; GROUP]], x: W::F) -> u32 {
    let mut count = 0;
    for group in groups {
        let bytes: &[u8; BYTES] = bytemuck::cast_ref(group);
        let below = w.lt_mask(w.bits_to_f32(w.load_bytes(bytes)), x);
        count += (below & KEYS).count_ones();
    }
    count
}

/// The lanes that are keys.
const KEYS: u16 = 0x5555;
/// Groups up to which all are compared.
const GROUPS_COMPARED: usize = 32;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use dolmen_base::Rng;

    use super::*;

    #[test]
    fn places_equal_counting_at_every_level() {
        let mut rng = Rng::new(7);
        let extremes = [0.0, -0.0, f32::from_bits(1), -f32::MIN_POSITIVE, f32::MAX, f32::MIN, f32::INFINITY];
        let counts = [0usize, 1, 5, 8, 9, 31, 32];
        for len in (0..=300usize).step_by(if cfg!(miri) { 83 } else { 1 }).chain([1000]) {
            // Few different keys, so that there are equals; what goes with them is anything, also what is no number.
            let mut entry = || {
                let key = match rng.below(60) {
                    special @ 0..=6 => extremes[special as usize],
                    other => other as f32 - 33.0,
                };
                [key.to_bits(), rng.next_u32()]
            };
            let mut sorted: Vec<Entry> = (0..len).map(|_| entry()).collect();
            sorted.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
            sorted.resize(len.next_multiple_of(GROUP), INFINITE);
            for count in counts {
                let mut newcomers = [INFINITE; NEWCOMERS];
                newcomers[..count].fill_with(&mut entry);
                for level in Level::each() {
                    let mut out = [[0; 2]; NEWCOMERS];
                    places(level, &sorted, &newcomers, count, &mut out);
                    for (place, newcomer) in out[..count].iter().zip(&newcomers) {
                        let below = |entries: &[Entry]| {
                            entries.iter().filter(|entry| key(**entry) < key(*newcomer)).count() as u32
                        };
                        assert_eq!(
                            *place,
                            [below(&sorted[..len]), below(&newcomers[..count])],
                            "{level} {len} {count}"
                        );
                    }
                }
            }
        }
    }
}
