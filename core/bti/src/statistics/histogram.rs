//! Histograms of sizes and of deletion times (`EstimatedHistogram.java`, `TombstoneHistogram.java`).
//!
//! ```text
//! sizes        i32 n, n × (i64 offset, i64 count)     entries 0 and 1 carry the first offset; the last counts the overflow
//! tombstones   i32 max bins, i32 n, n × (i64 point, i32 count)      nb: n × (f64 point, i64 count)
//! ```

use alloc::vec::Vec;

use super::{PartCursor, corrupt};
use crate::error::{Damage, ReadError};

/// Counts of values by size: bucket `i` holds those above offset `i - 1` and up to offset `i`; one more bucket holds what is larger.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Upper ends of the buckets.
    pub offsets: Vec<i64>,
    /// A count for each, and the overflow.
    pub counts: Vec<i64>,
}

impl Histogram {
    pub(super) fn parse(part: &mut PartCursor<'_>) -> Result<Histogram, ReadError> {
        let at = part.at();
        let count = part.count(16)?;
        if count == 0 {
            return Err(corrupt(at, Damage::Mismatch { expected: 1, found: 0 }));
        }
        let mut histogram = Histogram::default();
        for i in 0..count {
            let entry_at = part.at();
            let (offset, count) = (part.i64()?, part.i64()?);
            match (i, histogram.offsets.last()) {
                (1, Some(&first)) if offset != first => {
                    let what = Damage::Mismatch { expected: first as u64, found: offset as u64 };
                    return Err(corrupt(entry_at, what));
                }
                (1, _) => {}
                (_, Some(&last)) if offset <= last => return Err(corrupt(entry_at, Damage::Order)),
                _ => histogram.offsets.push(offset),
            }
            histogram.counts.push(count);
        }
        Ok(histogram)
    }

    /// How many values it counts.
    pub fn total(&self) -> i64 {
        self.counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The mean, each value taken as its bucket's upper end; rounded up. 0 without values.
    pub fn mean(&self) -> i64 {
        let pairs = self.offsets.iter().zip(&self.counts);
        let (sum, count) = pairs.fold((0i128, 0i128), |(sum, total), (&offset, &count)| {
            (sum + i128::from(offset) * i128::from(count), total + i128::from(count))
        });
        if count <= 0 { 0 } else { i64::try_from((sum + count - 1) / count).unwrap_or(i64::MAX) }
    }

    /// The upper end of the bucket that holds the value at `fraction` (0.0 to 1.0) of all; `None` if that lies in the overflow.
    pub fn percentile(&self, fraction: f64) -> Option<i64> {
        let wanted = self.total() as f64 * fraction;
        // Cassandra counts whole values: the smallest rank that is at least this.
        let mut wanted_rank = wanted as i64;
        if (wanted_rank as f64) < wanted {
            wanted_rank += 1;
        }
        let mut seen = 0i64;
        if wanted_rank == 0 {
            return Some(0);
        }
        for (offset, count) in self.offsets.iter().zip(&self.counts) {
            seen = seen.saturating_add(*count);
            if seen >= wanted_rank {
                return Some(*offset);
            }
        }
        None
    }

    /// The smallest value possible: one above the bucket before the first that counts something.
    pub fn min(&self) -> i64 {
        match self.counts.iter().position(|&count| count > 0) {
            None | Some(0) => 0,
            Some(i) => self.offsets.get(i - 1).map_or(0, |offset| offset + 1),
        }
    }

    /// The largest value possible; `None` if there is overflow.
    pub fn max(&self) -> Option<i64> {
        if self.counts.last().is_some_and(|&overflow| overflow > 0) && self.counts.len() > self.offsets.len()
        {
            return None;
        }
        let last = self.counts.iter().rposition(|&count| count > 0);
        Some(last.and_then(|i| self.offsets.get(i)).copied().unwrap_or(0))
    }
}

/// Counts of deletions by their local deletion time, in seconds rounded up to minutes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TombstoneHistogram {
    /// Most bins it may have.
    pub bins_max: u32,
    /// Time and count, ascending.
    pub bins: Vec<(i64, i64)>,
}

impl TombstoneHistogram {
    pub(super) fn parse(part: &mut PartCursor<'_>, unsigned: bool) -> Result<TombstoneHistogram, ReadError> {
        let bins_max = part.u32()?;
        let count = part.count(if unsigned { 12 } else { 16 })?;
        let mut bins: Vec<(i64, i64)> = Vec::new();
        for _ in 0..count {
            let at = part.at();
            let bin = if unsigned {
                (part.i64()?, i64::from(part.i32()?))
            } else {
                (part.f64()? as i64, part.i64()?)
            };
            if bins.last().is_some_and(|last| last.0 >= bin.0) {
                return Err(corrupt(at, Damage::Order));
            }
            bins.push(bin);
        }
        Ok(TombstoneHistogram { bins_max, bins })
    }

    /// How many deletions it counts up to and including a time. Between two bins Cassandra interpolates; here a bin counts as soon as its
    /// time has come.
    pub fn count_until(&self, time: i64) -> i64 {
        self.bins.iter().filter(|bin| bin.0 <= time).fold(0, |sum, bin| sum.saturating_add(bin.1))
    }
}
