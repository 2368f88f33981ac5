//! Entity tags: the MD5 of an object, or of the MD5s of its parts with their count.

use alloc::boxed::Box;
use core::fmt;

use ::md5::{Digest as _, Md5};

use crate::encoding::{hex_value, parse_hex, put_hex_into};

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ETag {
    /// Of an object that came in one piece: the MD5 of its bytes (or, if it is encrypted with a key of the client, any 16 bytes).
    Whole([u8; 16]),
    /// Of an object that came in parts: the MD5 of the parts' MD5s, and how many they are.
    Parts([u8; 16], u32),
    /// Of a store behind us that has its own way.
    Other(Box<str>),
}

/// A tag to be filled in.
impl Default for ETag {
    fn default() -> Self {
        ETag::Whole([0; 16])
    }
}

impl ETag {
    /// Reads one, with quotation marks or without. What is not in S3's form is [`ETag::Other`].
    pub fn parse(text: &str) -> ETag {
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let (digest, parts) = match bare.split_once('-') {
            None => (bare, Some(0)),
            Some((digest, parts)) => {
                let ok =
                    parts.len() <= 5 && !parts.starts_with('0') && parts.bytes().all(|b| b.is_ascii_digit());
                (digest, if ok { parts.parse().ok() } else { None })
            }
        };
        let lower = digest.bytes().all(|b| hex_value(b).is_some() && !b.is_ascii_uppercase());
        match (parse_hex::<16>(digest.as_bytes()).filter(|_| lower), parts) {
            (Some(digest), Some(0)) => ETag::Whole(digest),
            (Some(digest), Some(parts)) => ETag::Parts(digest, parts),
            _ => ETag::Other(bare.into()),
        }
    }

    /// The tag of an object put together from parts with these MD5s.
    pub fn of_parts<'a>(md5s: impl IntoIterator<Item = &'a [u8; 16]>) -> ETag {
        let mut count = 0;
        let mut hash = Md5::new();
        for md5 in md5s {
            hash.update(md5);
            count += 1;
        }
        ETag::Parts(hash.finalize().into(), count)
    }

    /// As headers and documents have it: in quotation marks.
    pub fn quoted(&self) -> impl fmt::Display + '_ {
        Quoted(self)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digest, parts) = match self {
            ETag::Whole(digest) => (digest, None),
            ETag::Parts(digest, parts) => (digest, Some(parts)),
            ETag::Other(text) => return f.write_str(text),
        };
        let mut digits = [0; 32];
        put_hex_into(&mut digits, digest);
        f.write_str(core::str::from_utf8(&digits).expect("digits are text"))?;
        parts.map_or(Ok(()), |parts| write!(f, "-{parts}"))
    }
}

struct Quoted<'a>(&'a ETag);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        self.0.fmt(f)?;
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn tags_come_back_as_they_were() {
        for text in [
            "d41d8cd98f00b204e9800998ecf8427e",
            "d41d8cd98f00b204e9800998ecf8427e-2",
            "x",
            "",
            "d41d8cd98f00b204e9800998ecf8427e-0",
            "D41D8CD98F00B204E9800998ECF8427E",
        ] {
            let tag = ETag::parse(text);
            assert_eq!(tag.to_string(), text);
            assert_eq!(ETag::parse(&tag.quoted().to_string()), tag);
        }
        assert!(matches!(ETag::parse("d41d8cd98f00b204e9800998ecf8427e-2"), ETag::Parts(_, 2)));
        assert!(matches!(ETag::parse("d41d8cd98f00b204e9800998ecf8427e-02"), ETag::Other(_)));
    }

    /// Two parts, `a` and `b`: `md5(md5("a") ++ md5("b"))`, by Python's hashlib.
    #[test]
    fn parts() {
        let md5 = |text: &[u8]| <[u8; 16]>::from(Md5::digest(text));
        let tag = ETag::of_parts(&[md5(b"a"), md5(b"b")]);
        assert_eq!(tag.to_string(), "96e024ba2074fe77e8e965ba43a704be-2");
    }
}
