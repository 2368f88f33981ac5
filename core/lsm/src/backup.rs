//! Backups in RocksDB's form (`utilities/backup/backup_engine.cc`): several of a database in one directory, tables shared between them.
//!
//! ```text
//! meta/1                                   "1795974978\n"  seconds since 1970
//!                                          "3\n"           last sequence number
//!                                          "metadata 6869\n"   the caller's, in hex; may be missing
//!                                          "4\n"           how many files follow
//!                                          "shared_checksum/000025_3610733195_980.sst crc32 3610733195\n"
//!                                          "private/1/MANIFEST-000027 crc32 838004144\n"  …
//! private/1/CURRENT, MANIFEST-000027, …    what belongs to this backup alone
//! shared_checksum/000025_3610733195_980.sst   number, checksum (or `s` and a session's id), length
//! ```
//! `crc32` is a CRC-32C in decimal. A backup exists once its file in `meta` does.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dolmen_base::io::FileNumber;

use crate::filename::FileName;
use crate::limits::BACKUP_FILE_COUNT_MAX;

/// The directory of tables that backups share.
pub const SHARED: &str = "shared_checksum";
/// The directory of what belongs to one backup.
pub const PRIVATE: &str = "private";
/// The directory of the lists.
pub const META: &str = "meta";

/// What one backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// When it was made, in seconds since 1970.
    pub timestamp: i64,
    /// The database's last sequence number.
    pub sequence: u64,
    /// Its files.
    pub files: Vec<Kept>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is, below the backup directory.
    pub path: String,
    /// What it is in the database.
    pub name: FileName,
    /// CRC-32C of its bytes; `None` where the backup does not say.
    pub crc32c: Option<u32>,
}

/// Why the list of a backup cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackupError {
    /// A line is missing, or is not what it must be.
    Line {
        /// Which, from 1.
        line: u32,
    },
    /// It is no text, or does not end with the end of a line.
    Text,
    /// It promises more files than a backup may have.
    Limit {
        /// How many.
        found: u64,
    },
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::Line { line } => write!(f, "line {line} is not what a backup's list has there"),
            BackupError::Text => f.write_str("the list of the backup is no text, or is cut off"),
            BackupError::Limit { found } => {
                write!(f, "the list promises {found} files; at most {BACKUP_FILE_COUNT_MAX} are read")
            }
        }
    }
}

impl core::error::Error for BackupError {}

impl Meta {
    /// The text of the list.
    pub fn encode(&self) -> String {
        let mut out = format!("{}\n{}\n{}\n", self.timestamp, self.sequence, self.files.len());
        for file in &self.files {
            out.push_str(&file.path);
            if let Some(crc) = file.crc32c {
                out.push_str(&format!(" crc32 {crc}"));
            }
            out.push('\n');
        }
        out
    }

    /// Reads a list. A path that leads anywhere but to a database's file below the backup directory is refused.
    ///
    /// # Errors
    /// The line that is not as it must be.
    pub fn parse(text: &[u8]) -> Result<Meta, BackupError> {
        let text = core::str::from_utf8(text).map_err(|_| BackupError::Text)?;
        // A last line without its end may be half of one.
        let text = text.strip_suffix('\n').ok_or(BackupError::Text)?;
        let mut lines = text.lines().zip(1u32..).peekable();
        let (timestamp, _) = number(lines.next(), 1)?;
        let (sequence, mut at) = number(lines.next(), 2)?;
        if lines.peek().is_some_and(|(line, _)| line.starts_with("metadata ")) {
            lines.next();
            at += 1;
        }
        let (count, at) = number(lines.next(), at + 1)?;
        let found = u64::try_from(count).map_err(|_| BackupError::Line { line: at })?;
        if found > BACKUP_FILE_COUNT_MAX {
            return Err(BackupError::Limit { found });
        }
        let mut files = Vec::new();
        for n in 0..found {
            let line = at + 1 + n as u32;
            let kept = lines.next().and_then(|(text, _)| kept(text)).ok_or(BackupError::Line { line })?;
            files.push(kept);
        }
        let sequence = u64::try_from(sequence).map_err(|_| BackupError::Line { line: 2 })?;
        Ok(Meta { timestamp, sequence, files })
    }
}

/// The number of a line of its own.
fn number(line: Option<(&str, u32)>, at: u32) -> Result<(i64, u32), BackupError> {
    let text = line.map(|(text, _)| text).unwrap_or_default();
    text.parse().map(|n| (n, at)).map_err(|_| BackupError::Line { line: at })
}

fn kept(line: &str) -> Option<Kept> {
    let mut words = line.split(' ');
    let path = words.next()?;
    let crc32c = match (words.next(), words.next()) {
        (Some("crc32"), Some(crc)) => Some(crc.parse().ok()?),
        (None, _) => None,
        _ => return None,
    };
    Some(Kept { path: path.into(), name: restored(path)?, crc32c })
}

/// The file of the database that a file of a backup becomes: `shared_checksum/000025_3610733195_980.sst` → `000025.sst`.
fn restored(path: &str) -> Option<FileName> {
    let (folder, file) = path.rsplit_once('/')?;
    let name = match folder.split_once('/') {
        None if folder == SHARED => {
            let (number, rest) = file.split_once('_')?;
            let (tells, suffix) = rest.rsplit_once('.')?;
            // A checksum or a session's name, and a length.
            let is_plain = tells.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            is_plain.then_some(())?;
            FileName::parse(&format!("{number}.{suffix}"))
        }
        None if folder == "shared" => FileName::parse(file),
        Some((PRIVATE, id)) if id.bytes().all(|b| b.is_ascii_digit()) && !id.is_empty() => {
            FileName::parse(file)
        }
        _ => None,
    };
    name.filter(|name| !matches!(name, FileName::Lock | FileName::Temp(_)))
}

/// Where a table lies, for all backups that have it.
pub fn shared_path(table: FileNumber, crc32c: u32, len: u64) -> String {
    format!("{SHARED}/{:06}_{crc32c}_{len}.sst", table.get())
}

/// Where a file of one backup alone lies.
pub fn private_path(backup: u32, file: FileName) -> String {
    format!("{PRIVATE}/{backup}/{file}")
}

/// The list of a backup.
pub fn meta_path(backup: u32) -> String {
    format!("{META}/{backup}")
}

/// The number of a backup, by the name of its list.
pub fn backup_number(name: &str) -> Option<u32> {
    name.parse().ok().filter(|number: &u32| number.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As RocksDB 7.8.3 writes it.
    const REAL: &str = "1795974978\n3\n5\nshared_checksum/000025_s6EMIJHB0TDNG653O5MYO_980.sst crc32 3610733195\n\
        shared_checksum/000018_sNZJ7M81KV7924VQHAHSO_1010.sst crc32 28023752\nprivate/1/MANIFEST-000027 crc32 838004144\n\
        private/1/CURRENT crc32 4132812863\nprivate/1/OPTIONS-000029 crc32 3679531975\n";

    #[test]
    fn a_real_list_is_read_and_written_again() {
        let meta = Meta::parse(REAL.as_bytes()).unwrap();
        assert_eq!((meta.timestamp, meta.sequence, meta.files.len()), (1_795_974_978, 3, 5));
        let names: Vec<String> = meta.files.iter().map(|file| file.name.to_string()).collect();
        assert_eq!(names, ["000025.sst", "000018.sst", "MANIFEST-000027", "CURRENT", "OPTIONS-000029"]);
        assert_eq!(meta.encode(), REAL);
        let with = REAL.replacen("\n5\n", "\nmetadata 6869\n5\n", 1);
        assert_eq!(Meta::parse(with.as_bytes()).unwrap(), meta);
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "../CURRENT",
            "private/../CURRENT",
            "private/1/../../x",
            "private/1/evil",
            "private//CURRENT",
            "/private/1/CURRENT",
            "shared_checksum/000025.sst",
            "shared_checksum/../1_2_3.sst",
            "shared_checksum/000025_..3_980.sst",
            "shared_checksum/000025_3\0_980.sst",
            "private/1/LOCK",
        ] {
            assert_eq!(restored(path), None, "{path}");
        }
        assert_eq!(
            restored(&shared_path(FileNumber::new(7), 1, 2)),
            Some(FileName::Table(FileNumber::new(7)))
        );
    }

    #[test]
    fn what_is_cut_or_promises_too_much_is_refused() {
        for len in 0..REAL.len() {
            let cut = Meta::parse(&REAL.as_bytes()[..len]);
            assert!(cut.is_err(), "{len}");
        }
        let huge = Meta::parse(b"1\n1\n99999999999\n");
        assert_eq!(huge, Err(BackupError::Limit { found: 99_999_999_999 }));
    }
}
