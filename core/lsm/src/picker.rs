//! Which compaction comes next: leveled, with a dynamic base level (RocksDB `db/version_set.cc`, `CalculateBaseBytes` and
//! `ComputeCompactionScore`). A pure function: equal input, equal choice.
//!
//! 1. The deepest level sets the targets of those above it; level 0 goes straight to the base level, the first that is in use.
//! 2. Level 0 scores by its count of tables and its bytes, the others by bytes over target. The highest score from 1 on wins.
//! 3. Of a level the table goes that a writer marked, or else the one with the least overlap below per byte of its own.
//! 4. A table that overlaps nothing below is moved, not written again.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use dolmen_base::io::FileNumber;

use crate::edit::NewFile;
use crate::key::user_key;
use crate::version::{LEVEL_COUNT, Version};

/// The shape of the tree. Lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionOptions {
    /// Tables on level 0 that start a compaction.
    pub level0_file_count_trigger: u32,
    /// Most bytes of the base level.
    pub base_len_max: u64,
    /// How much larger each level below is.
    pub multiplier: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        CompactionOptions { level0_file_count_trigger: 4, base_len_max: 256 << 20, multiplier: 10 }
    }
}

/// What is going on already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Tables that running compactions read.
    pub busy: BTreeSet<FileNumber>,
    /// Per running compaction the level that it writes and the first and last user key.
    pub outputs: Vec<(usize, Vec<u8>, Vec<u8>)>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing that can be done now.
    Nothing,
    /// Put one table on a deeper level as it is.
    Move {
        /// The table.
        file: FileNumber,
        /// Its level.
        from: usize,
        /// Its new level.
        to: usize,
    },
    /// Merge tables into `to`.
    Compact {
        /// The upper level.
        from: usize,
        /// Tables of the upper level, in its order.
        upper: Vec<FileNumber>,
        /// The level that is written.
        to: usize,
        /// Tables of that level, in order of key.
        lower: Vec<FileNumber>,
    },
}

/// The targets of all levels in bytes, and the base level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The level that level 0 is compacted into.
    pub base: usize,
    /// Most bytes per level, from the base level on.
    pub len_max: [u64; LEVEL_COUNT],
}

/// Computes the targets from the present sizes.
pub fn targets(version: &Version, options: &CompactionOptions) -> Targets {
    let multiplier = options.multiplier.max(2);
    let mut out = Targets { base: LEVEL_COUNT - 1, len_max: [options.base_len_max; LEVEL_COUNT] };
    let lens: [u64; LEVEL_COUNT] = core::array::from_fn(|l| version.level_len(l));
    let Some(first) = (1..LEVEL_COUNT).find(|&l| lens[l] > 0) else { return out };
    let mut len = lens[1..].iter().copied().max().unwrap_or(0);
    for _ in first..LEVEL_COUNT - 1 {
        len /= multiplier;
    }
    out.base = first;
    let base_len_min = options.base_len_max / multiplier;
    if len <= base_len_min {
        len = base_len_min + 1;
    } else {
        while out.base > 1 && len > options.base_len_max {
            out.base -= 1;
            len /= multiplier;
        }
        len = len.min(options.base_len_max);
    }
    for level in out.base..LEVEL_COUNT {
        out.len_max[level] = len.max(options.base_len_max);
        len = len.saturating_mul(multiplier);
    }
    out
}

/// The next compaction of a family.
pub fn choose(version: &Version, options: &CompactionOptions, state: &State) -> Choice {
    let targets = targets(version, options);
    let mut scores: Vec<(u64, usize)> =
        (0..LEVEL_COUNT - 1).map(|l| (score(version, options, state, &targets, l), l)).collect();
    scores.retain(|&(score, level)| {
        let marked =
            version.level(level).iter().any(|f| f.marked_for_compaction && !state.busy.contains(&f.number));
        score >= ONE || marked
    });
    scores.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut choices = scores.iter().map(|&(_, level)| match level {
        0 => choose_level0(version, state, targets.base),
        _ => choose_sorted(version, state, level),
    });
    choices.find(|c| *c != Choice::Nothing).unwrap_or(Choice::Nothing)
}

/// The compaction of what `from` holds within the user keys `begin..=end` into the next level in use (RocksDB's `CompactRange`, one level at
/// a time). Tables are always written again, so that tombstones go where nothing lies below. `None`: the level holds nothing there;
/// [`Choice::Nothing`]: a running compaction is in the way.
pub fn choose_range(
    version: &Version,
    options: &CompactionOptions,
    state: &State,
    from: usize,
    begin: Option<&[u8]>,
    end: Option<&[u8]>,
) -> Option<Choice> {
    let files = version.level(from);
    let is_within = |f: &Arc<NewFile>| {
        end.is_none_or(|end| user_key(&f.smallest) <= end)
            && begin.is_none_or(|begin| begin <= user_key(&f.largest))
    };
    let first = files.iter().position(is_within)?;
    let choice = match from {
        0 => plan(version, state, 0, files, targets(version, options).base),
        _ => {
            let count = files[first..].iter().take_while(|f| is_within(f)).count();
            plan(version, state, from, clean_cut(files, first..first + count), from + 1)
        }
    };
    Some(match choice {
        Choice::Move { file, from, to } => {
            Choice::Compact { from, upper: [file].into(), to, lower: Vec::new() }
        }
        other => other,
    })
}

/// The compaction that writes the first run of these tables of a sorted level again, in place: what only readers of the past could see goes.
pub fn choose_again(version: &Version, state: &State, level: usize, files: &[FileNumber]) -> Choice {
    let all = version.level(level);
    let is_wanted = |f: &Arc<NewFile>| files.contains(&f.number);
    let Some(first) = all.iter().position(is_wanted) else { return Choice::Nothing };
    let mut len = 0u64;
    let fits = |f: &&Arc<NewFile>| {
        let is_first = len == 0;
        len = len.saturating_add(f.len.max(1));
        is_wanted(f) && (is_first || len <= REWRITE_LEN_MAX)
    };
    let count = all[first..].iter().take_while(fits).count();
    let upper = clean_cut(all, first..first + count);
    let (begin, end) = (user_key(&upper[0].smallest), user_key(&upper[upper.len() - 1].largest));
    let crosses =
        |o: &(usize, Vec<u8>, Vec<u8>)| o.0 == level && o.1.as_slice() <= end && begin <= o.2.as_slice();
    if upper.iter().any(|f| state.busy.contains(&f.number)) || state.outputs.iter().any(crosses) {
        return Choice::Nothing;
    }
    let upper = upper.iter().map(|f| f.number).collect();
    Choice::Compact { from: level, upper, to: level, lower: Vec::new() }
}

/// Bytes above the targets of all levels, and of level 0 once it is due: what must be compacted at least.
pub fn pending_len(version: &Version, options: &CompactionOptions) -> u64 {
    let targets = targets(version, options);
    let level0_due = version.level(0).len() >= options.level0_file_count_trigger as usize;
    let level0 = if level0_due { version.level_len(0) } else { 0 };
    let over = |level: usize| version.level_len(level).saturating_sub(targets.len_max[level]);
    level0 + (targets.base..LEVEL_COUNT - 1).map(over).sum::<u64>()
}

/// Bytes that one rewrite of a level takes at most, but for its first table.
const REWRITE_LEN_MAX: u64 = 1 << 30;
/// A score of 1, in thousandths.
const ONE: u64 = 1000;

/// How full a level is, in thousandths; tables that go already do not count.
fn score(
    version: &Version,
    options: &CompactionOptions,
    state: &State,
    targets: &Targets,
    level: usize,
) -> u64 {
    let idle = version.level(level).iter().filter(|f| !state.busy.contains(&f.number));
    let (count, len) = idle.fold((0u64, 0u64), |(n, sum), f| (n + 1, sum.saturating_add(f.len)));
    let by_len = len.saturating_mul(ONE) / targets.len_max[level].max(1);
    if level == 0 {
        return by_len.max(count * ONE / u64::from(options.level0_file_count_trigger.max(1)));
    }
    by_len
}

/// Level 0 goes as a whole: its tables overlap, and an older one must not stay above a newer one.
fn choose_level0(version: &Version, state: &State, base: usize) -> Choice {
    plan(version, state, 0, version.level(0), base)
}

fn choose_sorted(version: &Version, state: &State, level: usize) -> Choice {
    let files = version.level(level);
    let mut order: Vec<(bool, u64, usize)> = (0..files.len())
        .map(|i| {
            let file = &files[i];
            let below = version.overlapping(level + 1, user_key(&file.smallest), user_key(&file.largest));
            let overlap: u64 = below.iter().map(|f| f.len).sum();
            (!file.marked_for_compaction, overlap.saturating_mul(1024) / file.len.max(1), i)
        })
        .collect();
    order.sort_unstable();
    let mut plans =
        order.into_iter().map(|(_, _, i)| plan(version, state, level, clean_cut(files, i..i + 1), level + 1));
    plans.find(|c| *c != Choice::Nothing).unwrap_or(Choice::Nothing)
}

/// The tables of `range`, not empty, with those neighbours that share a user key at the border: all versions of a key move together.
fn clean_cut(files: &[Arc<NewFile>], range: Range<usize>) -> &[Arc<NewFile>] {
    let joined = |i: usize| user_key(&files[i].largest) == user_key(&files[i + 1].smallest);
    let Range { mut start, mut end } = range;
    while start > 0 && joined(start - 1) {
        start -= 1;
    }
    while end < files.len() && joined(end - 1) {
        end += 1;
    }
    &files[start..end]
}

/// The compaction of `upper` into level `to`, or nothing if a running one is in its way.
fn plan(version: &Version, state: &State, from: usize, upper: &[Arc<NewFile>], to: usize) -> Choice {
    let Some(begin) = upper.iter().map(|f| user_key(&f.smallest)).min() else { return Choice::Nothing };
    let end = upper.iter().map(|f| user_key(&f.largest)).max().unwrap_or(begin);
    let mut lower = version.overlapping(to, begin, end);
    if let (Some(first), Some(last)) = (lower.first(), lower.last()) {
        // All versions of a key at the border of the lower tables come along.
        lower =
            version.overlapping(to, begin.min(user_key(&first.smallest)), end.max(user_key(&last.largest)));
    }
    let begin = lower.first().map_or(begin, |f| begin.min(user_key(&f.smallest)));
    let end = lower.last().map_or(end, |f| end.max(user_key(&f.largest)));
    let busy = upper.iter().chain(lower).any(|f| state.busy.contains(&f.number));
    let crosses =
        |o: &(usize, Vec<u8>, Vec<u8>)| o.0 == to && o.1.as_slice() <= end && begin <= o.2.as_slice();
    if busy || state.outputs.iter().any(crosses) {
        return Choice::Nothing;
    }
    match (upper, lower) {
        ([file], []) => Choice::Move { file: file.number, from, to },
        _ => {
            let numbers = |files: &[Arc<NewFile>]| files.iter().map(|f| f.number).collect();
            Choice::Compact { from, upper: numbers(upper), to, lower: numbers(lower) }
        }
    }
}
