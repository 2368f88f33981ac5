//! The tables of one column family, level by level: immutable, a new one per edit.
//!
//! Invariants: level 0 is ordered newest first (epoch number, then sequence numbers, then file number, as RocksDB's
//! `NewestFirstByEpochNumber`) and may overlap; each deeper level is ordered by key and no two of its tables overlap.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use dolmen_base::io::FileNumber;

use crate::edit::{NewFile, VersionEdit};
use crate::key::{SEQUENCE_MAX, ValueType, compare, packed_trailer, user_key};

/// Levels of the tree, 0 to 6 (RocksDB's default `num_levels`).
pub const LEVEL_COUNT: usize = 7;

/// One immutable set of tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    levels: [Vec<Arc<NewFile>>; LEVEL_COUNT],
}

/// Why an edit cannot follow on a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionError {
    /// It deletes a table that is not on that level.
    Missing {
        /// The level.
        level: u32,
        /// The table.
        file: FileNumber,
    },
    /// It adds a table that is there already.
    Duplicate {
        /// The table.
        file: FileNumber,
    },
    /// It names a level that the tree does not have.
    Level(u32),
    /// A table's smallest key is behind its largest.
    Bounds {
        /// The table.
        file: FileNumber,
    },
    /// Two tables of one level below 0 overlap.
    Overlap {
        /// The level.
        level: u32,
        /// The table with the smaller keys.
        left: FileNumber,
        /// The other one.
        right: FileNumber,
    },
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionError::Missing { level, file } => {
                write!(f, "table {file} is deleted from level {level} and is not there")
            }
            VersionError::Duplicate { file } => write!(f, "table {file} is added twice"),
            VersionError::Level(level) => {
                write!(f, "level {level} does not exist in a tree of {LEVEL_COUNT} levels")
            }
            VersionError::Bounds { file } => write!(f, "table {file} has its bounds in the wrong order"),
            VersionError::Overlap { level, left, right } => {
                write!(f, "tables {left} and {right} overlap on level {level}")
            }
        }
    }
}

impl core::error::Error for VersionError {}

impl Version {
    /// The tables of a level, in order; none for a level that does not exist.
    pub fn level(&self, level: usize) -> &[Arc<NewFile>] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// All tables, level by level.
    pub fn files(&self) -> impl Iterator<Item = &Arc<NewFile>> {
        self.levels.iter().flatten()
    }

    /// Bytes of the tables of a level.
    pub fn level_len(&self, level: usize) -> u64 {
        self.level(level).iter().map(|f| f.len).sum()
    }

    /// The tables of a sorted level (1 or deeper) that hold keys within the user keys `begin..=end`.
    pub fn overlapping(&self, level: usize, begin: &[u8], end: &[u8]) -> &[Arc<NewFile>] {
        let files = self.level(level);
        let first = files.partition_point(|f| ends_before(f, begin));
        let count = files[first..].partition_point(|f| user_key(&f.smallest) <= end);
        &files[first..first + count]
    }

    /// The version after `edit`, all invariants checked.
    ///
    /// # Errors
    /// The edit does not fit this version.
    pub fn apply(&self, edit: &VersionEdit) -> Result<Version, VersionError> {
        let mut builder = VersionBuilder::new(self.clone());
        builder.apply(edit)?;
        builder.finish()
    }
}

/// Whether all keys of the table are before `user_key`. A largest key that is the open end of a range tombstone is not in it.
fn ends_before(file: &NewFile, key: &[u8]) -> bool {
    let largest = user_key(&file.largest);
    largest < key || (largest == key && is_open_end(&file.largest))
}

fn is_open_end(largest: &[u8]) -> bool {
    packed_trailer(largest) == crate::key::pack(SEQUENCE_MAX, ValueType::RangeDeletion as u8)
}

/// Applies many edits and sorts and checks once.
#[derive(Clone, Debug)]
pub struct VersionBuilder {
    version: Version,
}

impl VersionBuilder {
    /// Starts from a version.
    pub const fn new(version: Version) -> Self {
        VersionBuilder { version }
    }

    /// Takes deletions first, then additions, as RocksDB does within one edit.
    ///
    /// # Errors
    /// The edit does not fit what came before it.
    pub fn apply(&mut self, edit: &VersionEdit) -> Result<(), VersionError> {
        for &(level, file) in &edit.deleted_files {
            let files = self.files(level)?;
            let at = files.iter().position(|f| f.number == file);
            files.remove(at.ok_or(VersionError::Missing { level, file })?);
        }
        for file in &edit.new_files {
            let same = |f: &Arc<NewFile>| f.number == file.number;
            if self.version.levels.iter().flatten().any(same) {
                return Err(VersionError::Duplicate { file: file.number });
            }
            if compare(&file.smallest, &file.largest).is_gt() {
                return Err(VersionError::Bounds { file: file.number });
            }
            self.files(file.level)?.push(Arc::new(file.clone()));
        }
        Ok(())
    }

    fn files(&mut self, level: u32) -> Result<&mut Vec<Arc<NewFile>>, VersionError> {
        self.version.levels.get_mut(level as usize).ok_or(VersionError::Level(level))
    }

    /// The version, ordered and checked.
    ///
    /// # Errors
    /// Tables whose bounds are in the wrong order, or that overlap below level 0.
    pub fn finish(mut self) -> Result<Version, VersionError> {
        let (first, sorted) = self.version.levels.split_at_mut(1);
        let age = |f: &Arc<NewFile>| (f.epoch_number, f.largest_sequence, f.smallest_sequence, f.number);
        first[0].sort_by_key(|f| Reverse(age(f)));
        for (level, files) in (1..).zip(sorted) {
            files.sort_by(|a, b| compare(&a.smallest, &b.smallest));
            for pair in files.windows(2) {
                if compare(&pair[0].largest, &pair[1].smallest).is_ge() {
                    let (left, right) = (pair[0].number, pair[1].number);
                    return Err(VersionError::Overlap { level, left, right });
                }
            }
        }
        Ok(self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{SequenceNumber, put_internal_key};

    pub(crate) fn file(level: u32, number: u64, begin: &[u8], end: &[u8]) -> NewFile {
        let mut f =
            NewFile { level, number: FileNumber::new(number), epoch_number: number, ..NewFile::default() };
        put_internal_key(&mut f.smallest, begin, SequenceNumber::new(number), ValueType::Value);
        put_internal_key(&mut f.largest, end, SequenceNumber::new(number), ValueType::Value);
        f
    }

    #[test]
    fn edits_keep_the_order_and_refuse_what_breaks_it() {
        let add = |files: &[NewFile]| VersionEdit { new_files: files.to_vec(), ..VersionEdit::default() };
        let v = Version::default();
        let v =
            v.apply(&add(&[file(0, 1, b"a", b"z"), file(0, 2, b"a", b"z"), file(1, 3, b"m", b"p")])).unwrap();
        assert_eq!(v.level(0).iter().map(|f| f.number.get()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(v.overlapping(1, b"p", b"q").len(), 1);
        assert_eq!(v.overlapping(1, b"q", b"r").len(), 0);
        let (left, right) = (FileNumber::new(4), FileNumber::new(3));
        let overlap = VersionError::Overlap { level: 1, left, right };
        assert_eq!(v.apply(&add(&[file(1, 4, b"a", b"n")])), Err(overlap));
        assert_eq!(v.apply(&add(&[file(2, 3, b"a", b"n")])), Err(VersionError::Duplicate { file: right }));
        assert_eq!(
            v.apply(&add(&[file(2, 9, b"b", b"a")])),
            Err(VersionError::Bounds { file: FileNumber::new(9) })
        );
        assert_eq!(v.apply(&add(&[file(7, 9, b"a", b"b")])), Err(VersionError::Level(7)));
        let gone = VersionEdit { deleted_files: alloc::vec![(1, left)], ..VersionEdit::default() };
        assert_eq!(v.apply(&gone), Err(VersionError::Missing { level: 1, file: left }));
    }
}
