//! `s3://bucket/key`, or a path.

use std::path::PathBuf;

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a bucket; the key may be empty, or a prefix.
    Remote {
        bucket: String,
        key: String,
    },
    /// In the file system.
    Local(PathBuf),
}

impl Place {
    /// For clap.
    pub fn parse(text: &str) -> Result<Place, String> {
        let Some(rest) = text.strip_prefix("s3://") else { return Ok(Place::Local(text.into())) };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err("expected s3://BUCKET or s3://BUCKET/KEY".into());
        }
        Ok(Place::Remote { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// A bucket and a key, which may be empty.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub bucket: String,
    pub key: String,
}

impl Remote {
    /// For clap.
    pub fn parse(text: &str) -> Result<Remote, String> {
        match Place::parse(text)? {
            Place::Remote { bucket, key } => Ok(Remote { bucket, key }),
            Place::Local(_) => Err("expected s3://BUCKET or s3://BUCKET/KEY".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let remote = |bucket: &str, key: &str| Place::Remote { bucket: bucket.into(), key: key.into() };
        assert_eq!(Place::parse("s3://b"), Ok(remote("b", "")));
        assert_eq!(Place::parse("s3://b/a//c "), Ok(remote("b", "a//c ")));
        assert_eq!(Place::parse("./s3://b"), Ok(Place::Local("./s3://b".into())));
        assert!(Place::parse("s3://").is_err() && Remote::parse("b").is_err());
    }
}
