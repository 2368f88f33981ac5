//! IDX files, as MNIST's: a header, then bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 2 | zeros |
//! | 1 | type: 8, unsigned bytes |
//! | 1 | number of dimensions |
//! | 4 each | dimensions, big-endian |
//! | the rest | values, the last dimension fastest |
//!
//! Source: LeCun, Cortes, Burges, "The MNIST database", "the IDX file format".

use core::fmt;

use crate::limits::RANK_MAX;

/// Why bytes are no IDX file of unsigned bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdxError {
    /// The first bytes are others.
    Kind,
    /// Values of another type than unsigned bytes.
    Unsupported {
        /// The type.
        kind: u8,
    },
    /// No dimensions, or too many.
    Rank {
        /// How many.
        rank: u8,
    },
    /// There are more or less values than the dimensions say.
    Length {
        /// Values that are there.
        found: usize,
        /// Values that the dimensions say; `None`: more than there can be.
        wanted: Option<usize>,
    },
}

impl fmt::Display for IdxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdxError::Kind => f.write_str("no IDX file"),
            IdxError::Unsupported { kind } => write!(f, "values of type {kind:#04x}, only 0x08 is read"),
            IdxError::Rank { rank } => write!(f, "{rank} dimensions, the most is {RANK_MAX}"),
            IdxError::Length { found, wanted: Some(wanted) } => {
                write!(f, "{found} values, expected {wanted}")
            }
            IdxError::Length { found, wanted: None } => {
                write!(f, "{found} values, expected more than there can be")
            }
        }
    }
}

impl core::error::Error for IdxError {}

/// A file of unsigned bytes.
#[derive(Clone, Copy, Debug)]
pub struct Idx<'a> {
    dims: [usize; RANK_MAX],
    rank: usize,
    bytes: &'a [u8],
}

impl<'a> Idx<'a> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// It is none, of another type, or the values are not as many as it says.
    pub fn parse(file: &'a [u8]) -> Result<Idx<'a>, IdxError> {
        let Some((&[0, 0, kind, rank], rest)) = file.split_first_chunk::<4>() else {
            return Err(IdxError::Kind);
        };
        if kind != 8 {
            return Err(IdxError::Unsupported { kind });
        }
        let count = usize::from(rank);
        if count == 0 || count > RANK_MAX {
            return Err(IdxError::Rank { rank });
        }
        let (header, bytes) = rest.split_at_checked(4 * count).ok_or(IdxError::Kind)?;
        let mut dims = [1; RANK_MAX];
        for (dim, bytes) in dims.iter_mut().zip(header.as_chunks::<4>().0) {
            *dim = u32::from_be_bytes(*bytes) as usize;
        }
        let wanted = dims[..count].iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        if wanted != Some(bytes.len()) {
            return Err(IdxError::Length { found: bytes.len(), wanted });
        }
        Ok(Idx { dims, rank: count, bytes })
    }

    /// The dimensions.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// The values.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_checked() {
        let file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        let idx = Idx::parse(&file).unwrap();
        assert_eq!((idx.dims(), idx.bytes()), (&[2, 3][..], &[1, 2, 3, 4, 5, 6][..]));
        for len in 0..12 {
            assert_eq!(Idx::parse(&file[..len]).unwrap_err(), IdxError::Kind, "{len}");
        }
        let short = IdxError::Length { found: 5, wanted: Some(6) };
        assert_eq!(Idx::parse(&file[..17]).unwrap_err(), short);
        let kind = IdxError::Unsupported { kind: 0x0d };
        assert_eq!(Idx::parse(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).unwrap_err(), kind);
        assert_eq!(Idx::parse(&[0, 0, 8, 0]).unwrap_err(), IdxError::Rank { rank: 0 });
        let mut huge = [0xff; 28];
        huge[..4].copy_from_slice(&[0, 0, 8, 6]);
        assert_eq!(Idx::parse(&huge).unwrap_err(), IdxError::Length { found: 0, wanted: None });
    }
}
