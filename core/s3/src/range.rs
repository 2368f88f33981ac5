//! Ranges of bytes.
//!
//! A reader's range is a wish: what is not in its form, or names several ranges, is as if it were not there, as Amazon does. The range of a
//! part that is copied is a demand. Source: RFC 9110, section 14.1.2; "GetObject" and "UploadPartCopy", Amazon S3 API reference.

use core::fmt;
use core::ops::Range as Span;

use crate::error::{ErrorCode, error_codes};

/// A range that a reader wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From a byte on, to another one if it is named (and includes that).
    From {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: Option<u64>,
    },
    /// So many bytes at the end.
    Last(u64),
}

/// Why there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeError {
    /// The object has no byte of it.
    Unsatisfiable {
        /// Bytes that the object has.
        size: u64,
    },
    /// The range of a copy is not `bytes=first-last`.
    Form,
    /// The range of a copy goes beyond its source.
    Beyond {
        /// Bytes that the source has.
        size: u64,
    },
}

impl RangeError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Unsatisfiable { .. } | Self::Beyond { .. } => ErrorCode::InvalidRange,
            Self::Form => ErrorCode::InvalidArgument,
        }
    }
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsatisfiable { .. } => f.write_str("The requested range is not satisfiable"),
            Self::Form => {
                f.write_str("The x-amz-copy-source-range value must be of the form bytes=first-last")
            }
            Self::Beyond { size } => {
                write!(f, "Range specified is not valid for source object of size: {size}")
            }
        }
    }
}

error_codes!(RangeError);

impl ByteRange {
    /// Reads the value of `Range`; `None` if the whole object is meant.
    pub fn parse(value: &str) -> Option<ByteRange> {
        let (unit, range) = value.split_once('=')?;
        let (first, last) = range.trim().split_once('-')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        match (number(first.trim_end()), number(last.trim_start())) {
            (Number::Some(first), Number::None) => Some(Self::From { first, last: None }),
            (Number::Some(first), Number::Some(last)) if first <= last => {
                Some(Self::From { first, last: Some(last) })
            }
            (Number::None, Number::Some(len)) => Some(Self::Last(len)),
            _ => None,
        }
    }

    /// The bytes of an object of `size` bytes that are meant: at least one.
    ///
    /// # Errors
    ///
    /// [`RangeError::Unsatisfiable`] if there are none.
    pub fn resolve(self, size: u64) -> Result<Span<u64>, RangeError> {
        let span = match self {
            Self::From { first, last } => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
            Self::Last(len) => size.saturating_sub(len)..size,
        };
        if span.start < span.end { Ok(span) } else { Err(RangeError::Unsatisfiable { size }) }
    }
}

/// The value of `Content-Range`.
pub fn content_range(span: &Span<u64>, size: u64) -> impl fmt::Display {
    ContentRange { first: span.start, end: span.end, size }
}

struct ContentRange {
    first: u64,
    end: u64,
    size: u64,
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {}-{}/{}", self.first, self.end.saturating_sub(1), self.size)
    }
}

/// The bytes of its source that a part copies: the value of `x-amz-copy-source-range`, and the source's size.
///
/// # Errors
///
/// [`RangeError::Form`], or [`RangeError::Beyond`].
pub fn copy_source_range(value: &str, size: u64) -> Result<Span<u64>, RangeError> {
    let range =
        value.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or(RangeError::Form)?;
    match (number(range.0), number(range.1)) {
        (Number::Some(first), Number::Some(last)) if first <= last => {
            if last < size {
                Ok(first..last + 1)
            } else {
                Err(RangeError::Beyond { size })
            }
        }
        _ => Err(RangeError::Form),
    }
}

enum Number {
    /// No digit.
    None,
    Some(u64),
    /// Something else than digits.
    Bad,
}

/// A number; one that is too large for 64 bits is the largest, which is beyond every object.
fn number(text: &str) -> Number {
    if text.is_empty() {
        return Number::None;
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Number::Bad;
    }
    Number::Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn resolve(value: &str, size: u64) -> Option<Result<Span<u64>, ErrorCode>> {
        ByteRange::parse(value).map(|range| range.resolve(size).map_err(RangeError::code))
    }

    #[test]
    fn what_is_meant() {
        let none = Some(Err(ErrorCode::InvalidRange));
        for (value, size, meant) in [
            ("bytes=0-4", 10, Some(Ok(0..5))),
            ("bytes=9-9", 10, Some(Ok(9..10))),
            ("bytes=5-", 10, Some(Ok(5..10))),
            ("bytes=5-100", 10, Some(Ok(5..10))),
            ("bytes=-3", 10, Some(Ok(7..10))),
            ("bytes=-30", 10, Some(Ok(0..10))),
            ("Bytes = 1 - 2", 10, Some(Ok(1..3))),
            ("bytes=0-18446744073709551615", 10, Some(Ok(0..10))),
            ("bytes=0-99999999999999999999999", 10, Some(Ok(0..10))),
            ("bytes=10-", 10, none.clone()),
            ("bytes=-0", 10, none.clone()),
            ("bytes=0-", 0, none.clone()),
            ("bytes=-1", 0, none.clone()),
            ("bytes=18446744073709551615-", 10, none.clone()),
            ("bytes=99999999999999999999999-", u64::MAX, none),
            // As if it were not there.
            ("bytes=5-4", 10, None),
            ("bytes=0-1,3-4", 10, None),
            ("bytes=-", 10, None),
            ("bytes=a-b", 10, None),
            ("bytes=+1-2", 10, None),
            ("bytes=1--2", 10, None),
            ("bytes", 10, None),
            ("lines=0-1", 10, None),
            ("", 10, None),
        ] {
            assert_eq!(resolve(value, size), meant, "{value} of {size}");
        }
        assert_eq!(content_range(&(7..10), 10).to_string(), "bytes 7-9/10");
    }

    #[test]
    fn parts_that_are_copied() {
        assert_eq!(copy_source_range("bytes=0-4", 5), Ok(0..5));
        assert_eq!(copy_source_range("bytes=0-5", 5), Err(RangeError::Beyond { size: 5 }));
        assert_eq!(
            copy_source_range("bytes=0-18446744073709551615", u64::MAX),
            Err(RangeError::Beyond { size: u64::MAX })
        );
        for value in [
            "0-4",
            "bytes=0",
            "bytes=hello-world",
            "bytes=0-bar",
            "bytes=hello-",
            "bytes=0-2,3-5",
            "bytes=-3",
            "bytes=3-",
            "bytes=4-3",
        ] {
            assert_eq!(copy_source_range(value, 100), Err(RangeError::Form), "{value}");
        }
    }
}
