//! Names of buckets and keys of objects: what exists is valid.

use alloc::string::String;
use core::fmt;

use crate::error::{ErrorCode, error_codes};
use crate::limits::KEY_LEN_MAX;

/// The name of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(String);

/// The key of an object: 1 to 1024 bytes of UTF-8 without a NUL, ordered by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// A bucket cannot be called so.
    Bucket,
    /// A key has at least one byte.
    KeyEmpty,
    /// The key is longer than 1024 bytes.
    KeyTooLong {
        /// Its bytes.
        len: usize,
    },
    /// A key has no NUL.
    KeyNul,
}

impl NameError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Bucket => ErrorCode::InvalidBucketName,
            Self::KeyTooLong { .. } => ErrorCode::KeyTooLongError,
            Self::KeyEmpty | Self::KeyNul => ErrorCode::InvalidArgument,
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket => f.write_str("no name for a bucket"),
            Self::KeyEmpty => f.write_str("a key without a byte"),
            Self::KeyTooLong { len } => write!(f, "a key of {len} bytes, the longest has {KEY_LEN_MAX}"),
            Self::KeyNul => f.write_str("a key with a NUL"),
        }
    }
}

error_codes!(NameError);

/// Prefixes and suffixes that Amazon keeps for itself.
const RESERVED_STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

impl BucketName {
    /// A name by the rules for general purpose buckets: 3 to 63 of `a-z 0-9 - .`; each label between dots begins and ends with a letter or a
    /// digit; no IPv4 address; nothing that is reserved.
    ///
    /// # Errors
    ///
    /// [`NameError::Bucket`].
    pub fn parse(text: &str) -> Result<BucketName, NameError> {
        let label_ok = |label: &str| {
            let b = label.as_bytes();
            let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let inner = |&b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            edge(b.first()) && edge(b.last()) && b.iter().all(inner)
        };
        let address = text.split('.').count() == 4
            && text.split('.').all(|label| label.len() <= 3 && label.bytes().all(|b| b.is_ascii_digit()));
        let reserved = RESERVED_STARTS.iter().any(|start| text.starts_with(start))
            || RESERVED_ENDS.iter().any(|end| text.ends_with(end));
        let ok = (3..=63).contains(&text.len()) && text.split('.').all(label_ok) && !address && !reserved;
        if ok { Ok(BucketName(text.into())) } else { Err(NameError::Bucket) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key {
    /// A key.
    ///
    /// # Errors
    ///
    /// [`NameError`] if it is empty, longer than 1024 bytes, or has a NUL.
    pub fn parse(text: &str) -> Result<Key, NameError> {
        match text.len() {
            0 => Err(NameError::KeyEmpty),
            len if len > KEY_LEN_MAX => Err(NameError::KeyTooLong { len }),
            _ if text.bytes().any(|b| b == 0) => Err(NameError::KeyNul),
            _ => Ok(Key(text.into())),
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets() {
        for name in ["abc", "a.b", "0aa", "my-bucket-1", "a--b", "a.b.c.d", "1.2.3.4567"] {
            assert!(BucketName::parse(name).is_ok(), "{name}");
        }
        let long = "a".repeat(64);
        for name in [
            "",
            "ab",
            &long,
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            "a..b",
            ".abc",
            "abc.",
            "a-.b",
            "a.-b",
            "1.2.3.4",
            "192.168.5.4",
            "xn--abc",
            "sthree-abc",
            "abc-s3alias",
            "abc--ol-s3",
            "abc--x-s3",
            "a b",
            "a/b",
            "é12",
        ] {
            assert_eq!(BucketName::parse(name), Err(NameError::Bucket), "{name}");
        }
        assert!(BucketName::parse(&long[..63]).is_ok());
    }

    #[test]
    fn keys() {
        for key in ["../x", "a//b", "./a", "a/", "/", " ", "\u{1f600}", "+", &"é".repeat(512)] {
            assert_eq!(Key::parse(key).as_ref().map(Key::as_str), Ok(key));
        }
        assert_eq!(Key::parse(""), Err(NameError::KeyEmpty));
        assert_eq!(Key::parse("a\0b"), Err(NameError::KeyNul));
        assert_eq!(Key::parse(&"é".repeat(513)), Err(NameError::KeyTooLong { len: 1026 }));
    }
}
