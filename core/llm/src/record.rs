//! One record: its length as a LEB128 varint, then its bytes.

use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use crate::error::RecordError;
use crate::limits::RECORD_LEN_MAX;

/// A view onto one record and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the start of `input`.
    ///
    /// # Errors
    ///
    /// [`RecordError::Corrupt`] if it is cut off or its length is no varint, [`RecordError::Limit`] if it is too long.
    pub fn parse(input: &'a [u8]) -> Result<Record<'a>, RecordError> {
        let mut cursor = Cursor::new(input);
        let len = cursor.get_varint_u32()?;
        if len as usize > RECORD_LEN_MAX {
            return Err(RecordError::Limit { len: len.into(), max: RECORD_LEN_MAX as u64 });
        }
        let bytes = cursor.get_bytes(len as usize)?;
        Ok(Record { bytes, rest: cursor.rest() })
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows it.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Bytes that [`append`] adds for a record of `len` bytes.
pub fn encoded_len(len: usize) -> usize {
    let bits = (usize::BITS - len.leading_zeros()).max(1) as usize;
    bits.div_ceil(7) + len
}

/// Appends a record to `out`.
///
/// # Errors
///
/// [`RecordError::Limit`] if it is too long; `out` is as before then.
pub fn append(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
    if bytes.len() > RECORD_LEN_MAX {
        return Err(RecordError::Limit { len: bytes.len() as u64, max: RECORD_LEN_MAX as u64 });
    }
    varint::put_slice(out, bytes);
    Ok(())
}
