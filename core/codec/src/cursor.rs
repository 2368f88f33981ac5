//! A cursor over `&[u8]`: every read says where it failed and how much was missing.

use core::fmt;

use crate::varint;

/// Why bytes could not be decoded; `at` counts from the start of the cursor's slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The input ends early.
    Truncated {
        /// Where the read began.
        at: usize,
        /// Bytes it needed.
        wanted: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// A varint is cut off or does not fit its type.
    Varint {
        /// Where it begins.
        at: usize,
    },
    /// Bytes are left where the end was expected.
    Trailing {
        /// Where they begin.
        at: usize,
        /// How many.
        left: usize,
    },
}

impl DecodeError {
    /// Where it happened, in bytes from the start of the slice.
    pub const fn at(&self) -> usize {
        match *self {
            DecodeError::Truncated { at, .. }
            | DecodeError::Varint { at }
            | DecodeError::Trailing { at, .. } => at,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Truncated { at, wanted, left } => {
                write!(f, "expected {wanted} bytes at offset {at}, found {left}")
            }
            DecodeError::Varint { at } => {
                write!(f, "expected a varint at offset {at}, found one that is cut off or too large")
            }
            DecodeError::Trailing { at, left } => {
                write!(f, "expected the end at offset {at}, found {left} more bytes")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// A position in a slice.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// Bytes consumed so far.
    #[inline]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// What is left.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Whether nothing is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer are left.
    #[inline]
    pub fn get_bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        match rest.get(..len) {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { at: self.at, wanted: len, left: rest.len() }),
        }
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer are left.
    #[inline]
    pub fn get_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.get_bytes(N)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: none is left.
    #[inline]
    pub fn get_u8(&mut self) -> Result<u8, DecodeError> {
        self.get_array::<1>().map(|[b]| b)
    }

    /// A little-endian 16-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer bytes are left.
    #[inline]
    pub fn get_u16_le(&mut self) -> Result<u16, DecodeError> {
        self.get_array().map(u16::from_le_bytes)
    }

    /// A little-endian 32-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer bytes are left.
    #[inline]
    pub fn get_u32_le(&mut self) -> Result<u32, DecodeError> {
        self.get_array().map(u32::from_le_bytes)
    }

    /// A little-endian 64-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer bytes are left.
    #[inline]
    pub fn get_u64_le(&mut self) -> Result<u64, DecodeError> {
        self.get_array().map(u64::from_le_bytes)
    }

    /// A big-endian 16-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer bytes are left.
    #[inline]
    pub fn get_u16_be(&mut self) -> Result<u16, DecodeError> {
        self.get_array().map(u16::from_be_bytes)
    }

    /// A big-endian 32-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer bytes are left.
    #[inline]
    pub fn get_u32_be(&mut self) -> Result<u32, DecodeError> {
        self.get_array().map(u32::from_be_bytes)
    }

    /// A big-endian 64-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: fewer bytes are left.
    #[inline]
    pub fn get_u64_be(&mut self) -> Result<u64, DecodeError> {
        self.get_array().map(u64::from_be_bytes)
    }

    /// A LEB128 varint of at most 64 bits.
    ///
    /// # Errors
    /// [`DecodeError::Varint`]: it is cut off or does not fit.
    #[inline]
    pub fn get_varint_u64(&mut self) -> Result<u64, DecodeError> {
        let (value, len) = varint::get_u64(self.rest()).ok_or(DecodeError::Varint { at: self.at })?;
        self.at += len;
        Ok(value)
    }

    /// A LEB128 varint of at most 32 bits.
    ///
    /// # Errors
    /// [`DecodeError::Varint`]: it is cut off or does not fit.
    #[inline]
    pub fn get_varint_u32(&mut self) -> Result<u32, DecodeError> {
        let (value, len) = varint::get_u32(self.rest()).ok_or(DecodeError::Varint { at: self.at })?;
        self.at += len;
        Ok(value)
    }

    /// Bytes behind their length as a 32-bit varint.
    ///
    /// # Errors
    /// [`DecodeError::Varint`] or [`DecodeError::Truncated`]; the cursor stays where it was.
    pub fn get_varint_slice(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = *self;
        let len = self.get_varint_u32()?;
        match self.get_bytes(len as usize) {
            Ok(bytes) => Ok(bytes),
            Err(e) => {
                *self = start;
                Err(e)
            }
        }
    }

    /// The end, or [`DecodeError::Trailing`].
    ///
    /// # Errors
    /// [`DecodeError::Trailing`]: bytes are left.
    #[inline]
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Trailing { at: self.at, left: self.rest().len() })
        }
    }
}
