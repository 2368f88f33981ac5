//! Names of the files in a RocksDB directory, and the text of CURRENT (`file/filename.cc`).
//!
//! ```text
//! CURRENT = "MANIFEST-000005\n"   000007.sst   000004.log   000009.blob   000006.dbtmp   OPTIONS-000007   IDENTITY   LOCK   LOG
//! ```
//! Numbers have at least six digits. LevelDB's older `.ldb` names a table too.

use alloc::format;
use alloc::string::String;
use core::fmt;

use dolmen_base::io::FileNumber;

use crate::error::{Damage, Part, ReadError};

/// The name of one file of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileName {
    /// Names the MANIFEST that is in force.
    Current,
    /// The history of versions.
    Manifest(FileNumber),
    /// A sorted table.
    Table(FileNumber),
    /// A sorted table under LevelDB's newer suffix.
    LevelDbTable(FileNumber),
    /// A write-ahead log.
    Log(FileNumber),
    /// Values kept apart from their keys.
    Blob(FileNumber),
    /// A file on its way to become another one; left over ones may be deleted.
    Temp(FileNumber),
    /// The options that the database was last opened with.
    Options(FileNumber),
    /// The database's id.
    Identity,
    /// Held locked while a process has the database open.
    Lock,
    /// Messages for people, and their older generations.
    InfoLog,
}

impl FileName {
    /// The file that a name stands for; `None` for one that a database does not use.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("MANIFEST-") {
            return number_from(number).map(FileName::Manifest);
        }
        if let Some(number) = name.strip_prefix("OPTIONS-") {
            return number_from(number).map(FileName::Options);
        }
        match name {
            "CURRENT" => return Some(FileName::Current),
            "IDENTITY" => return Some(FileName::Identity),
            "LOCK" => return Some(FileName::Lock),
            "LOG" => return Some(FileName::InfoLog),
            _ if name.starts_with("LOG.old") => return Some(FileName::InfoLog),
            _ => {}
        }
        let (number, suffix) = name.split_once('.')?;
        let number = number_from(number)?;
        Some(match suffix {
            "sst" => FileName::Table(number),
            "ldb" => FileName::LevelDbTable(number),
            "log" => FileName::Log(number),
            "blob" => FileName::Blob(number),
            "dbtmp" => FileName::Temp(number),
            _ => return None,
        })
    }

    /// The number in the name.
    pub const fn number(self) -> Option<FileNumber> {
        match self {
            FileName::Manifest(n)
            | FileName::Table(n)
            | FileName::LevelDbTable(n)
            | FileName::Log(n)
            | FileName::Blob(n)
            | FileName::Temp(n)
            | FileName::Options(n) => Some(n),
            FileName::Current | FileName::Identity | FileName::Lock | FileName::InfoLog => None,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Current => f.write_str("CURRENT"),
            FileName::Manifest(n) => write!(f, "MANIFEST-{:06}", n.get()),
            FileName::Table(n) => write!(f, "{:06}.sst", n.get()),
            FileName::LevelDbTable(n) => write!(f, "{:06}.ldb", n.get()),
            FileName::Log(n) => write!(f, "{:06}.log", n.get()),
            FileName::Blob(n) => write!(f, "{:06}.blob", n.get()),
            FileName::Temp(n) => write!(f, "{:06}.dbtmp", n.get()),
            FileName::Options(n) => write!(f, "OPTIONS-{:06}", n.get()),
            FileName::Identity => f.write_str("IDENTITY"),
            FileName::Lock => f.write_str("LOCK"),
            FileName::InfoLog => f.write_str("LOG"),
        }
    }
}

/// The text of a CURRENT file that names this MANIFEST.
pub fn current_text(manifest: FileNumber) -> String {
    format!("{}\n", FileName::Manifest(manifest))
}

/// The MANIFEST that a CURRENT file names. The line feed at the end is required, as RocksDB requires it: without it the
/// file may be half written.
///
/// # Errors
/// A text that names no MANIFEST, or whose line does not end.
pub fn parse_current(text: &[u8]) -> Result<FileNumber, ReadError> {
    let damaged = ReadError::corrupt(Part::Current, 0, Damage::Text);
    let line = core::str::from_utf8(text).ok().and_then(|t| t.strip_suffix('\n')).ok_or(damaged)?;
    match FileName::parse(line) {
        Some(FileName::Manifest(number)) => Ok(number),
        _ => Err(damaged),
    }
}

/// Decimal digits only; a sign, a blank or an overflow is not a number.
fn number_from(digits: &str) -> Option<FileNumber> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok().map(FileNumber::new) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_go_both_ways() {
        for name in [
            "CURRENT",
            "MANIFEST-000005",
            "000007.sst",
            "000008.ldb",
            "1234567.log",
            "000009.blob",
            "000006.dbtmp",
            "OPTIONS-000007",
            "IDENTITY",
            "LOCK",
            "LOG",
        ] {
            assert_eq!(FileName::parse(name).expect(name).to_string(), name);
        }
        for name in [
            "",
            "MANIFEST-",
            "MANIFEST-x",
            "7.sst.bak",
            "+7.sst",
            "a.sst",
            ".sst",
            "99999999999999999999.log",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
        assert_eq!(FileName::parse("LOG.old.1700000000"), Some(FileName::InfoLog));
    }

    #[test]
    fn current_needs_its_line_feed() {
        assert_eq!(current_text(FileNumber::new(5)), "MANIFEST-000005\n");
        assert_eq!(parse_current(b"MANIFEST-000005\n"), Ok(FileNumber::new(5)));
        for bad in
            [&b""[..], b"\n", b"MANIFEST-000005", b"MANIFEST-000005\n\n", b"000005.sst\n", b"MANIFEST-\xff\n"]
        {
            assert!(parse_current(bad).is_err(), "{bad:?}");
        }
    }
}
