//! Functions from a key to one of `n` numbered places, by writing out whole sequences.

use alloc::vec::Vec;

use crate::hash::mix64;

/// Every place that jump consistent hashing gives a key while the count grows to `count`, in whole numbers: the next place is
/// ⌊(b + 1) · 2³¹ / r⌋, r the upper 31 bits of the generator plus one.
pub fn jump(key: u64, count: u32) -> u32 {
    let mut places = alloc::vec![0u128];
    let mut state = u128::from(key);
    while places[places.len() - 1] < u128::from(count) {
        state = (state * 2_862_933_555_777_941_757 + 1) % (1 << 64);
        let r = state / (1 << 33) + 1;
        places.push((places[places.len() - 1] + 1) * (1 << 31) / r);
    }
    places[places.len() - 2] as u32
}

/// JumpBackHash level by level, from the highest: level i holds the places 2^i to 2^(i+1) − 1 that the key visits, written out
/// as the paper's backward walk finds them; the answer is the first below `count`.
pub fn jump_back(key: u64, count: u32) -> u32 {
    let draw = |n: u64| mix64(key.wrapping_add(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(n)));
    let (high, low) = (draw(1) >> 32, draw(1) % (1 << 32));
    for level in (0..32).rev().filter(|level| ((high ^ low) >> level) % 2 == 1) {
        let size = 1u64 << level;
        if size >= u64::from(count) {
            continue;
        }
        // An even number of levels from here down takes the lower half's bits, an odd number the upper half's.
        let levels = (0..=level).filter(|l| ((high ^ low) >> l) % 2 == 1).count();
        let mut walk = alloc::vec![size + [low, high][levels % 2] % size];
        'walk: for n in 2.. {
            for half in [draw(n) % (1 << 32), draw(n) >> 32] {
                let place = half % (2 * size);
                if place < size {
                    break 'walk;
                }
                walk.push(place);
            }
        }
        if let Some(&place) = walk.iter().find(|&&place| place < u64::from(count)) {
            return place as u32;
        }
    }
    0
}

/// FlipHash by halves: within a power of two a key stands in the upper half or where it stands in the lower; beyond `count` it
/// draws again within the power of two, and a draw in the lower half takes it to its place there.
pub fn flip(key: u64, count: u64) -> u64 {
    let size = count.next_power_of_two();
    let mut places: Vec<u64> = alloc::vec![flip_within(key, size)];
    for attempt in 1..=64 {
        let place = flip_draw(key, u64::from(size.ilog2().max(1)) - 1, attempt) % size;
        if place < size / 2 {
            break;
        }
        places.push(place);
    }
    places.into_iter().find(|&place| place < count).unwrap_or_else(|| flip_within(key, size / 2))
}

/// The place among a power of two of places.
fn flip_within(key: u64, size: u64) -> u64 {
    if size <= 1 {
        return 0;
    }
    let (half, place) = (size / 2, flip_draw(key, 0, 0) % size);
    if place < half {
        return flip_within(key, half);
    }
    half + ((place - half) ^ (flip_draw(key, u64::from(half.ilog2()), 0) % half))
}

/// The mixing of DataDog's `fliphash` for seed 0.
fn flip_draw(key: u64, level: u64, attempt: u64) -> u64 {
    let (a, b) = (0x3c79_ac49_2ba7_b653, 0x1c69_b3f7_4ac4_ae35);
    let folded = |x: u64, shift: u32| x ^ (x >> shift);
    let first = folded(key.wrapping_mul(2 * level + 1), 27).wrapping_mul(a);
    let second = folded(first.wrapping_mul(2 * attempt + 1), 33).wrapping_mul(b);
    folded(second, 27)
}
