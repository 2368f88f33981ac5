//! Deletion times (`DeletionTime.java`): what was written at or before `marked_at` is deleted.
//!
//! ```text
//! da, oa:          80                                             live
//!                  i64 marked_at (top bit 0) | u32 local          deleted
//! nb and older:    i32 local | i64 marked_at                      the other way round; live = 7FFFFFFF, i64::MIN
//! ```

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::error::{Damage, ValueError};

/// A local deletion time that means none.
pub const NO_DELETION_TIME: u32 = u32::MAX;
/// The largest local deletion time that is one: 2106-02-07 06:28:13 UTC.
pub const DELETION_TIME_MAX: u32 = u32::MAX - 2;
/// "No deletion time" where versions before `oa` write an `i32`.
pub const NO_DELETION_TIME_I32: i32 = i32::MAX;

const LIVE_FLAG: u8 = 0x80;

/// When something was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeletionTime {
    /// Timestamp of the deletion in microseconds of the writer's clock; `i64::MIN` deletes nothing.
    pub marked_at: i64,
    /// Seconds since 1970 of the server's clock, from which the grace period counts; [`NO_DELETION_TIME`] if nothing is deleted.
    pub local: u32,
}

impl Default for DeletionTime {
    fn default() -> Self {
        DeletionTime::LIVE
    }
}

impl DeletionTime {
    /// Nothing is deleted.
    pub const LIVE: DeletionTime = DeletionTime { marked_at: i64::MIN, local: NO_DELETION_TIME };

    /// Whether nothing is deleted. Only the timestamp counts: a live one among the complex deletions of a row comes with any local time.
    pub const fn is_live(&self) -> bool {
        self.marked_at == i64::MIN
    }

    /// Whether a write at `timestamp` is deleted.
    pub const fn deletes(&self, timestamp: i64) -> bool {
        timestamp <= self.marked_at && !self.is_live()
    }

    /// Reads the form of `da` and `oa`, 1 or 12 bytes.
    ///
    /// # Errors
    /// Bytes that end early; a timestamp below 0.
    pub fn get(cursor: &mut Cursor<'_>) -> Result<DeletionTime, Damage> {
        let first = cursor.rest().first().copied().unwrap_or(0);
        if first == LIVE_FLAG {
            cursor.get_u8().map_err(Damage::Decode)?;
            return Ok(DeletionTime::LIVE);
        }
        if first & LIVE_FLAG != 0 {
            return Err(Damage::NegativeDeletionTime);
        }
        let marked_at = cursor.get_u64_be().map_err(Damage::Decode)? as i64;
        let local = cursor.get_u32_be().map_err(Damage::Decode)?;
        Ok(DeletionTime { marked_at, local })
    }

    /// Appends the form of `da` and `oa`; a timestamp below 0 that is not that of [`DeletionTime::LIVE`] has none.
    ///
    /// # Errors
    /// A timestamp below 0.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.is_live() {
            out.push(LIVE_FLAG);
            return Ok(());
        }
        if self.marked_at < 0 {
            return Err(ValueError::NegativeDeletionTime { marked_at: self.marked_at });
        }
        out.extend_from_slice(&self.marked_at.to_be_bytes());
        out.extend_from_slice(&self.local.to_be_bytes());
        Ok(())
    }

    /// Reads the 12 bytes of `nb` and older.
    ///
    /// # Errors
    /// Bytes that end early.
    pub fn get_nb(cursor: &mut Cursor<'_>) -> Result<DeletionTime, Damage> {
        let local = cursor.get_u32_be().map_err(Damage::Decode)? as i32;
        let marked_at = cursor.get_u64_be().map_err(Damage::Decode)? as i64;
        Ok(DeletionTime { marked_at, local: local_from_i32(local) })
    }
}

/// A local deletion time of versions before `oa`.
pub const fn local_from_i32(local: i32) -> u32 {
    if local == NO_DELETION_TIME_I32 { NO_DELETION_TIME } else { local as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn one_byte_or_twelve() {
        let deleted = DeletionTime { marked_at: 1_500_000_000_000_000, local: 1_700_000_015 };
        for time in [DeletionTime::LIVE, deleted, DeletionTime { marked_at: 0, local: DELETION_TIME_MAX }] {
            let mut out = Vec::new();
            time.put(&mut out).unwrap();
            assert_eq!(out.len(), if time.is_live() { 1 } else { 12 });
            assert_eq!(DeletionTime::get(&mut Cursor::new(&out)), Ok(time));
        }
        assert!(DeletionTime::get(&mut Cursor::new(&[0; 11])).is_err());
        assert!(DeletionTime::get(&mut Cursor::new(&[])).is_err());
    }

    #[test]
    fn timestamps_below_zero_have_no_form() {
        let time = DeletionTime { marked_at: -5, local: 1 };
        let refused = ValueError::NegativeDeletionTime { marked_at: -5 };
        assert_eq!(time.put(&mut Vec::new()), Err(refused));
        // What Cassandra writes for it.
        let mut bytes = (-5i64).to_be_bytes().to_vec();
        bytes.extend([0; 4]);
        assert_eq!(DeletionTime::get(&mut Cursor::new(&bytes)), Err(Damage::NegativeDeletionTime));
    }

    #[test]
    fn the_older_form_is_the_other_way_round() {
        let mut bytes = vec![0x7f, 0xff, 0xff, 0xff];
        bytes.extend(i64::MIN.to_be_bytes());
        assert_eq!(DeletionTime::get_nb(&mut Cursor::new(&bytes)), Ok(DeletionTime::LIVE));
        let mut bytes = vec![0, 0, 0, 9];
        bytes.extend(7i64.to_be_bytes());
        assert_eq!(
            DeletionTime::get_nb(&mut Cursor::new(&bytes)),
            Ok(DeletionTime { marked_at: 7, local: 9 })
        );
    }

    #[test]
    fn live_deletes_nothing() {
        assert!(!DeletionTime::LIVE.deletes(i64::MIN));
        assert!(DeletionTime { marked_at: 5, local: 0 }.deletes(5));
        assert!(!DeletionTime { marked_at: 5, local: 0 }.deletes(6));
    }
}
