//! What the records of a log say: one entry per record.
//!
//! ```text
//! entry   = u8 kind | fixed64 LSN | fixed32 synced | body                      13 bytes before the body
//! synced  = length of this file that a sync had covered when the entry was written
//! kind      1 data      body = the caller's bytes
//!           2 begin     none; the LSN is the transaction's id
//!           3 write     fixed64 transaction | the caller's bytes
//!           4 commit    fixed64 transaction
//!           5 abort     fixed64 transaction
//!           6 segment   "DWAL" | u8 version 1 | fixed64 low LSN                 the first entry of every segment
//!           7 low       fixed64 low LSN                                         the log was truncated below it
//! ```
//! Kinds 1 to 5 take the next LSN; the others carry the LSN that comes next and take none. `synced` is what tells damage from a torn
//! write: bytes below the `synced` of a later entry were on the disk once, so if they are bad now they were damaged.

use alloc::vec::Vec;
use core::fmt;

use dolmen_codec::{Cursor, DecodeError};

dolmen_base::id_type! {
    /// Log sequence number: the place of an entry in the log, counted from 1 without gaps.
    pub struct Lsn(u64);
}
dolmen_base::id_type! {
    /// A transaction: the LSN of the entry that began it.
    pub struct TransactionId(u64);
}

/// Bytes before an entry's body.
pub const HEADER_LEN: usize = 13;
/// Length of the first entry of a segment.
pub const SEGMENT_LEN: usize = HEADER_LEN + MAGIC.len() + 1 + 8;

const MAGIC: &[u8; 4] = b"DWAL";
const VERSION: u8 = 1;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// The caller's bytes.
    Data(&'a [u8]),
    /// A transaction begins; its id is the entry's LSN.
    Begin,
    /// A write that counts if its transaction commits.
    Write {
        /// The transaction.
        transaction: TransactionId,
        /// The caller's bytes.
        bytes: &'a [u8],
    },
    /// The transaction's writes count from here on.
    Commit(TransactionId),
    /// The transaction's writes never count.
    Abort(TransactionId),
    /// A segment begins.
    Segment {
        /// The log was truncated below this.
        low: Lsn,
    },
    /// The log was truncated below this.
    Low(Lsn),
}

impl Body<'_> {
    /// Whether an entry of this kind takes an LSN.
    pub const fn takes_lsn(&self) -> bool {
        !matches!(self, Body::Segment { .. } | Body::Low(_))
    }

    /// Length of an entry with this body.
    pub const fn encoded_len(&self) -> usize {
        HEADER_LEN
            + match self {
                Body::Data(bytes) => bytes.len(),
                Body::Write { bytes, .. } => 8 + bytes.len(),
                Body::Commit(_) | Body::Abort(_) | Body::Low(_) => 8,
                Body::Segment { .. } => SEGMENT_LEN - HEADER_LEN,
                Body::Begin => 0,
            }
    }
}

/// One entry of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its place in the log, or the next one's if it takes none.
    pub lsn: Lsn,
    /// Length of its file that was synced when it was written.
    pub synced_len: u32,
    /// What it says.
    pub body: Body<'a>,
}

/// Why a record is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryError {
    /// It ends early or has bytes left over; offsets count from the start of the record's payload.
    Decode(DecodeError),
    /// Of a kind that is not read here: another program's log, or a newer version's.
    Kind(u8),
    /// A segment of a version that is not read here.
    Version(u8),
    /// A segment's first entry without its magic bytes.
    Magic([u8; 4]),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryError::Decode(error) => error.fmt(f),
            EntryError::Kind(kind) => write!(f, "found an entry of the unknown kind {kind}"),
            EntryError::Version(version) => write!(f, "found segment version {version}, expected {VERSION}"),
            EntryError::Magic(found) => write!(f, "expected {MAGIC:02x?}, found {found:02x?}"),
        }
    }
}

impl core::error::Error for EntryError {}

impl From<DecodeError> for EntryError {
    fn from(error: DecodeError) -> Self {
        EntryError::Decode(error)
    }
}

impl<'a> Entry<'a> {
    /// Appends the entry to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.body.encoded_len());
        let (kind, number) = match self.body {
            Body::Data(_) => (1, None),
            Body::Begin => (2, None),
            Body::Write { transaction, .. } => (3, Some(transaction.get())),
            Body::Commit(transaction) => (4, Some(transaction.get())),
            Body::Abort(transaction) => (5, Some(transaction.get())),
            Body::Segment { low } => (6, Some(low.get())),
            Body::Low(low) => (7, Some(low.get())),
        };
        out.push(kind);
        out.extend_from_slice(&self.lsn.get().to_le_bytes());
        out.extend_from_slice(&self.synced_len.to_le_bytes());
        if let Body::Segment { .. } = self.body {
            out.extend_from_slice(MAGIC);
            out.push(VERSION);
        }
        out.extend(number.into_iter().flat_map(u64::to_le_bytes));
        if let Body::Data(bytes) | Body::Write { bytes, .. } = self.body {
            out.extend_from_slice(bytes);
        }
    }

    /// Reads an entry from a record's payload.
    ///
    /// # Errors
    /// A payload that is too short, or of a kind that this log does not have.
    pub fn parse(payload: &'a [u8]) -> Result<Entry<'a>, EntryError> {
        let mut cursor = Cursor::new(payload);
        let kind = cursor.get_u8()?;
        let lsn = Lsn::new(cursor.get_u64_le()?);
        let synced_len = cursor.get_u32_le()?;
        let body = match kind {
            1 => Body::Data(cursor.get_bytes(cursor.rest().len())?),
            2 => Body::Begin,
            3 => {
                let transaction = TransactionId::new(cursor.get_u64_le()?);
                Body::Write { transaction, bytes: cursor.get_bytes(cursor.rest().len())? }
            }
            4 => Body::Commit(TransactionId::new(cursor.get_u64_le()?)),
            5 => Body::Abort(TransactionId::new(cursor.get_u64_le()?)),
            6 => {
                let magic = cursor.get_array()?;
                if magic != *MAGIC {
                    return Err(EntryError::Magic(magic));
                }
                let version = cursor.get_u8()?;
                if version != VERSION {
                    return Err(EntryError::Version(version));
                }
                Body::Segment { low: Lsn::new(cursor.get_u64_le()?) }
            }
            7 => Body::Low(Lsn::new(cursor.get_u64_le()?)),
            kind => return Err(EntryError::Kind(kind)),
        };
        cursor.finish()?;
        Ok(Entry { lsn, synced_len, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_go_both_ways_and_every_cut_is_refused() {
        let transaction = TransactionId::new(0x0102_0304_0506_0708);
        let bodies = [
            Body::Data(b"bytes"),
            Body::Begin,
            Body::Write { transaction, bytes: b"more" },
            Body::Commit(transaction),
            Body::Abort(transaction),
            Body::Segment { low: Lsn::new(3) },
            Body::Low(Lsn::new(4)),
        ];
        for body in bodies {
            let entry = Entry { lsn: Lsn::new(9), synced_len: 77, body };
            let mut out = Vec::new();
            entry.encode(&mut out);
            assert_eq!(out.len(), body.encoded_len());
            assert_eq!(Entry::parse(&out), Ok(entry));
            let shortest = match body {
                Body::Data(_) => HEADER_LEN,
                Body::Write { .. } => HEADER_LEN + 8,
                _ => out.len(),
            };
            for len in 0..shortest {
                assert!(
                    matches!(Entry::parse(&out[..len]), Err(EntryError::Decode(_))),
                    "{body:?} cut to {len}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_entry_is_refused_by_name() {
        let mut out = Vec::new();
        Entry { lsn: Lsn::new(1), synced_len: 0, body: Body::Segment { low: Lsn::new(1) } }.encode(&mut out);
        let mut magic = out.clone();
        magic[HEADER_LEN] = b'X';
        assert_eq!(Entry::parse(&magic), Err(EntryError::Magic(*b"XWAL")));
        out[HEADER_LEN + 4] = 2;
        assert_eq!(Entry::parse(&out), Err(EntryError::Version(2)));
        out[0] = 9;
        assert_eq!(Entry::parse(&out), Err(EntryError::Kind(9)));
    }
}
