//! What a request is about: bucket, key and query, decoded once.
//!
//! 1. The target is cut at the first `?`. The path stays as it came for the signature ([`Target::raw_path`]).
//! 2. Path style: the first segment is the bucket, everything behind the slash after it is the key: `//`, `.` and `..` included, nothing is
//!    ever normalised. Virtual-host style: the bucket stands before the domain in `Host`, and the whole path is the key.
//! 3. The key is percent-decoded once; a plus is a plus. It must be UTF-8.
//! 4. The query is cut at `&` and the first `=` of each piece, and each side decoded once; a plus is a space.
//!
//! Source: "Virtual hosting of general purpose buckets" and "Object key naming", Amazon S3 user guide.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::encoding::{unpercent, unpercent_text};
use crate::error::{ErrorCode, error_codes};
use crate::limits::{QUERY_PAIRS_MAX, TARGET_LEN_MAX};
use crate::name::{BucketName, Key, NameError};

/// Why a target cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// It is longer than any may be.
    TooLong {
        /// Its bytes.
        len: usize,
    },
    /// It does not begin with a slash, or has a control character or a fragment.
    Form,
    /// A percent sign without two digits, or bytes that are no UTF-8.
    Encoding,
    /// More pairs in the query than any may have.
    Pairs,
    /// The name of the bucket or the key is none.
    Name(NameError),
    /// A source of a copy that is no `bucket/key`.
    Source,
}

impl TargetError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::TooLong { .. } | Self::Form | Self::Encoding | Self::Pairs => ErrorCode::InvalidURI,
            Self::Name(name) => name.code(),
            Self::Source => ErrorCode::InvalidArgument,
        }
    }
}

impl From<NameError> for TargetError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len } => write!(f, "a target of {len} bytes, the longest has {TARGET_LEN_MAX}"),
            Self::Form => f.write_str("no target of a request"),
            Self::Encoding => f.write_str("a target that is not percent-encoded UTF-8"),
            Self::Pairs => f.write_str("too many pairs in the query"),
            Self::Name(name) => name.fmt(f),
            Self::Source => {
                f.write_str("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
            }
        }
    }
}

error_codes!(TargetError);

/// The pairs of a query in their order, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
}

impl<'a> Query<'a> {
    /// Reads what stands behind the question mark.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if a side of a pair cannot be decoded, or there are too many.
    pub fn parse(raw: &'a [u8]) -> Result<Query<'a>, TargetError> {
        let mut pairs = Vec::new();
        for piece in raw.split(|&b| b == b'&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == QUERY_PAIRS_MAX {
                return Err(TargetError::Pairs);
            }
            let at = piece.iter().position(|&b| b == b'=');
            let name = side(&piece[..at.unwrap_or(piece.len())])?;
            let value = at.map(|at| side(&piece[at + 1..])).transpose()?;
            pairs.push((name, value));
        }
        Ok(Query { pairs })
    }

    /// The first value of a name; empty if it has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_deref().unwrap_or(""))
    }

    /// Whether the name is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The pairs; a value of `None` had no equals sign.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, Option<&str>)> + Clone {
        self.pairs.iter().map(|(name, value)| (name.as_ref(), value.as_deref()))
    }
}

/// One side of a pair: a plus is a space there.
fn side(raw: &[u8]) -> Result<Cow<'_, str>, TargetError> {
    if !raw.contains(&b'+') {
        return unpercent_text(raw).ok_or(TargetError::Encoding);
    }
    let spaced: Vec<u8> = raw.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let bytes = unpercent(&spaced).ok_or(TargetError::Encoding)?.into_owned();
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| TargetError::Encoding)
}

/// What a request is about.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    raw_path: &'a [u8],
    bucket: Option<BucketName>,
    key: Option<Key>,
    query: Query<'a>,
}

impl<'a> Target<'a> {
    /// Reads a target as it came, and the value of `Host`. `domains` are those under which buckets stand as `bucket.domain`; any other
    /// host means path style.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub fn parse(target: &'a [u8], host: Option<&str>, domains: &[&str]) -> Result<Target<'a>, TargetError> {
        if target.len() > TARGET_LEN_MAX {
            return Err(TargetError::TooLong { len: target.len() });
        }
        let target = origin_form(target)?;
        let at = target.iter().position(|&b| b == b'?').unwrap_or(target.len());
        let (raw_path, raw_query) = (&target[..at], target.get(at + 1..).unwrap_or(&[]));
        let (bucket, raw_key) = match host.and_then(|host| bucket_of_host(host, domains)) {
            Some(bucket) => (Some(Cow::Borrowed(bucket)), &raw_path[1..]),
            None if raw_path == b"/WriteGetObjectResponse" => (None, &raw_path[..0]),
            None => split_path(raw_path)?,
        };
        let bucket = bucket.map(|bucket| BucketName::parse(&bucket)).transpose()?;
        let key = match raw_key {
            [] => None,
            raw => Some(Key::parse(&unpercent_text(raw).ok_or(TargetError::Encoding)?)?),
        };
        Ok(Target { raw_path, bucket, key, query: Query::parse(raw_query)? })
    }

    /// The path as it came.
    pub fn raw_path(&self) -> &'a [u8] {
        self.raw_path
    }

    /// The bucket, if it is about one.
    pub fn bucket(&self) -> Option<&BucketName> {
        self.bucket.as_ref()
    }

    /// The key, if it is about an object; there is a bucket then.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// The query.
    pub fn query(&self) -> &Query<'a> {
        &self.query
    }
}

/// The target without `http://host`, checked for characters that cannot stand in one.
fn origin_form(target: &[u8]) -> Result<&[u8], TargetError> {
    let mut rest = target;
    for scheme in [&b"http://"[..], b"https://"] {
        if let Some(behind) = target.strip_prefix(scheme) {
            let slash = behind.iter().position(|&b| b == b'/').ok_or(TargetError::Form)?;
            rest = &behind[slash..];
        }
    }
    let clean = rest.iter().all(|&b| b >= b' ' && b != 0x7f && b != b'#');
    if clean && rest.first() == Some(&b'/') { Ok(rest) } else { Err(TargetError::Form) }
}

/// Bucket and raw key of a path.
fn split_path(raw_path: &[u8]) -> Result<(Option<Cow<'_, str>>, &[u8]), TargetError> {
    let path = &raw_path[1..];
    if path.is_empty() {
        return Ok((None, path));
    }
    let at = path.iter().position(|&b| b == b'/').unwrap_or(path.len());
    let bucket = unpercent_text(&path[..at]).ok_or(TargetError::Encoding)?;
    Ok((Some(bucket), path.get(at + 1..).unwrap_or(&[])))
}

/// The bucket before one of the domains, the longest that fits.
pub fn bucket_of_host<'h>(host: &'h str, domains: &[&str]) -> Option<&'h str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let before = |domain: &&str| {
        let cut = name.len().checked_sub(domain.len() + 1)?;
        let (bucket, rest) = name.split_at_checked(cut)?;
        let fits = rest.as_bytes()[0] == b'.' && rest[1..].eq_ignore_ascii_case(domain) && !bucket.is_empty();
        fits.then_some(bucket)
    };
    if domains.iter().any(|domain| domain.eq_ignore_ascii_case(name)) {
        return None;
    }
    domains.iter().filter_map(before).min_by_key(|bucket| bucket.len())
}

/// The object that a copy or a rename reads: the value of `x-amz-copy-source` or `x-amz-rename-source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: Key,
    /// Its version, if one is named.
    pub version_id: Option<String>,
}

impl CopySource {
    /// Reads `[/]bucket/key[?versionId=id]`, percent-encoded as a whole and decoded once.
    ///
    /// # Errors
    ///
    /// [`TargetError::Source`] if it is no such thing, [`TargetError::Name`] if bucket or key are none.
    pub fn parse(value: &[u8]) -> Result<CopySource, TargetError> {
        if value.len() > TARGET_LEN_MAX {
            return Err(TargetError::TooLong { len: value.len() });
        }
        let at = value.iter().position(|&b| b == b'?').unwrap_or(value.len());
        let path = unpercent_text(&value[..at]).ok_or(TargetError::Encoding)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) =
            path.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or(TargetError::Source)?;
        let query = Query::parse(value.get(at + 1..).unwrap_or(&[]))?;
        let version_id = query.get("versionId").filter(|id| !id.is_empty()).map(String::from);
        if at < value.len() && version_id.is_none() {
            return Err(TargetError::Source);
        }
        Ok(CopySource { bucket: BucketName::parse(bucket)?, key: Key::parse(key)?, version_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, host: &str, bucket: &str, key: &str) {
        let read = Target::parse(target.as_bytes(), Some(host), &["s3.test", "test"]).expect(target);
        assert_eq!(read.bucket().map_or("", BucketName::as_str), bucket, "{target}");
        assert_eq!(read.key().map_or("", Key::as_str), key, "{target}");
    }

    #[test]
    fn both_styles() {
        check("/", "localhost:9000", "", "");
        check("/bucket", "localhost", "bucket", "");
        check("/bucket/", "127.0.0.1:9000", "bucket", "");
        check("/bucket/a/b", "s3.test", "bucket", "a/b");
        check("/a/b", "bucket.s3.test:9000", "bucket", "a/b");
        check("/a/b", "my.bucket.S3.Test", "my.bucket", "a/b");
        check("/", "bucket.test", "bucket", "");
        check("http://bucket.test/bucket/k", "localhost", "bucket", "k");
    }

    /// One decode, no normalising: every odd key is itself.
    #[test]
    fn keys_are_decoded_once() {
        for (raw, key) in [
            ("../x", "../x"),
            ("a//b", "a//b"),
            ("./a", "./a"),
            ("a/", "a/"),
            ("/a", "/a"),
            ("%2e%2e%2fx", "../x"),
            ("a%2Fb", "a/b"),
            ("%252F", "%2F"),
            ("r+1.txt", "r+1.txt"),
            ("r%201.txt", "r 1.txt"),
            ("r%2B1.txt", "r+1.txt"),
            ("a\\b", "a\\b"),
            ("%5C", "\\"),
            ("%F0%9F%98%80", "\u{1f600}"),
        ] {
            check(&alloc::format!("/bucket/{raw}?x=1"), "localhost", "bucket", key);
        }
    }

    #[test]
    fn what_is_refused() {
        let error = |target: &str| Target::parse(target.as_bytes(), None, &[]).expect_err(target);
        assert_eq!(error("/bucket/a%00b"), TargetError::Name(NameError::KeyNul));
        assert_eq!(error("/bucket/%"), TargetError::Encoding);
        assert_eq!(error("/bucket/%ff"), TargetError::Encoding);
        assert_eq!(error("/bucket/a?b=%f"), TargetError::Encoding);
        assert_eq!(error("//key"), TargetError::Name(NameError::Bucket));
        assert_eq!(error("/../etc/passwd"), TargetError::Name(NameError::Bucket));
        assert_eq!(error("/a%2Fb/c"), TargetError::Name(NameError::Bucket));
        for target in ["", "*", "bucket", "/a b#c", "/bucket/\r\n", "http://host"] {
            assert_eq!(error(target), TargetError::Form, "{target:?}");
        }
        let long = alloc::format!("/bucket/{}", "a".repeat(1025));
        assert_eq!(error(&long).code(), ErrorCode::KeyTooLongError);
        assert_eq!(error(&alloc::format!("/?{}", "a&".repeat(300))), TargetError::Pairs);
        assert!(matches!(error(&"/a".repeat(TARGET_LEN_MAX)), TargetError::TooLong { .. }));
    }

    #[test]
    fn queries_keep_order_and_tell_no_value_from_an_empty_one() {
        let query = Query::parse(b"uploads&prefix=a+b%2Bc&&x==&prefix=2&=").expect("a query");
        let pairs: Vec<_> = query.pairs().collect();
        assert_eq!(
            pairs,
            [
                ("uploads", None),
                ("prefix", Some("a b+c")),
                ("x", Some("=")),
                ("prefix", Some("2")),
                ("", Some(""))
            ]
        );
        assert_eq!(query.get("prefix"), Some("a b+c"));
        assert_eq!(query.get("uploads"), Some(""));
        assert_eq!(query.get("none"), None);
    }

    #[test]
    fn sources_of_copies() {
        let read = |text: &str| CopySource::parse(text.as_bytes());
        let source = read("/bucket/a%20b%3Fc/+?versionId=v1").expect("a source");
        assert_eq!((source.bucket.as_str(), source.key.as_str()), ("bucket", "a b?c/+"));
        assert_eq!(source.version_id.as_deref(), Some("v1"));
        assert_eq!(read("bucket/k").expect("a source").version_id, None);
        for text in
            ["", "/", "bucket", "bucket/", "/bucket/", "bucket/k?", "bucket/k?versionId=", "bucket/k?x=1"]
        {
            assert_eq!(read(text), Err(TargetError::Source), "{text:?}");
        }
        assert_eq!(read("Bad/k"), Err(TargetError::Name(NameError::Bucket)));
    }
}
