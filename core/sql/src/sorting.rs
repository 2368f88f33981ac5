//! PostgreSQL's sort, step for step: where several entries are equal, what comes first follows from its swaps, and
//! libpg_query's normalised text shows it.
//!
//! Source: `src/include/lib/sort_template.h` (Bentley and McIlroy, "Engineering a sort function", 1993).

use alloc::vec;
use core::cmp::Ordering;

/// Most partitions of one part in another; behind them a merge sort takes over, so that no order of entries costs a
/// quadratic time.
const LEVELS_MAX: u32 = 96;

/// Sorts as `qsort` of PostgreSQL's port does.
pub(crate) fn sort_by<T: Copy>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut parts = vec![(0, items.len(), 0)];
    while let Some((start, end, level)) = parts.pop() {
        let part = &mut items[start..end];
        if part.len() < 7 {
            insert(part, &compare);
        } else if level > LEVELS_MAX {
            part.sort_by(&compare);
        } else if !part.is_sorted_by(|a, b| compare(a, b) != Ordering::Greater) {
            let (less, greater) = partition(part, &compare);
            parts.push((start, start + less, level + 1));
            parts.push((end - greater, end, level + 1));
        }
    }
}

fn insert<T: Copy>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for from in 1..items.len() {
        let mut at = from;
        while at > 0 && compare(&items[at - 1], &items[at]) == Ordering::Greater {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Moves what is less than a chosen entry to the front and what is greater to the end: how many those are.
fn partition<T: Copy>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = items.len();
    let median = |items: &[T], a: usize, b: usize, c: usize| {
        let [ab, bc, ac] = [(a, b), (b, c), (a, c)].map(|(x, y)| compare(&items[x], &items[y]));
        match (ab == Ordering::Less, bc == Ordering::Less, bc == Ordering::Greater, ac == Ordering::Less) {
            (true, true, _, _) | (false, _, true, _) => b,
            (true, false, _, true) | (false, _, false, false) => c,
            _ => a,
        }
    };
    let (mut low, mut middle, mut high) = (0, len / 2, len - 1);
    if len > 7 {
        if len > 40 {
            let step = len / 8;
            low = median(items, low, low + step, low + 2 * step);
            middle = median(items, middle - step, middle, middle + step);
            high = median(items, high - 2 * step, high - step, high);
        }
        middle = median(items, low, middle, high);
    }
    items.swap(0, middle);
    // Equal ones gather at both ends: a.. before `pa`, and behind `pd`.
    let (mut pa, mut pb, mut pc, mut pd) = (1, 1, len - 1, len - 1);
    loop {
        while pb <= pc {
            match compare(&items[pb], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(pa, pb);
                    pa += 1;
                }
                Ordering::Less => {}
            }
            pb += 1;
        }
        while pb <= pc {
            match compare(&items[pc], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    items.swap(pc, pd);
                    pd -= 1;
                }
                Ordering::Greater => {}
            }
            pc -= 1;
        }
        if pb > pc {
            break;
        }
        items.swap(pb, pc);
        pb += 1;
        pc -= 1;
    }
    let front = pa.min(pb - pa);
    (0..front).for_each(|i| items.swap(i, pb - front + i));
    let back = (pd - pc).min(len - pd - 1);
    (0..back).for_each(|i| items.swap(pb + i, len - back + i));
    (pb - pa, pd - pc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn any_order_is_sorted() {
        let mut state = 1_u64;
        for len in 0..200_usize {
            let mut items: Vec<(u64, usize)> = Vec::new();
            for index in 0..len {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                items.push(((state >> 33) % (len as u64 / 3 + 1), index));
            }
            sort_by(&mut items, |a, b| a.0.cmp(&b.0));
            assert!(items.is_sorted_by_key(|item| item.0), "{items:?}");
            let mut places: Vec<usize> = items.iter().map(|item| item.1).collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..len));
        }
    }
}
