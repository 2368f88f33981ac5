//! The files of one SSTable: `<version>-<id>-<format>-<Component>` (Cassandra 5.0, `Component.java`, `Descriptor.java`).
//!
//! ```text
//! da-1-bti-Data.db      oa-17-big-Index.db      da-3h5t_0cd8_5oots2f6lev77jw6ad-bti-Rows.db
//! version  id  format  component; an id is a generation in decimal or a time-ordered one in base 36
//! <table>-<32 hexadecimal digits of the table's id>     a table's folder
//! ```

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use dolmen_base::io::FileNumber;

use crate::error::{Damage, Feature, ReadError};

/// A file of an SSTable. Its number, by [`Component::file`], names it to a `BlockSource` that serves one SSTable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Partitions and rows.
    Data,
    /// The partition index of the trie format.
    Partitions,
    /// The row index of the trie format.
    Rows,
    /// The partition index of the big format.
    Index,
    /// The sample of the partition index of the big format.
    Summary,
    /// Metadata in four parts.
    Statistics,
    /// Codec and chunk offsets; there if and only if the data is compressed.
    CompressionInfo,
    /// The bloom filter.
    Filter,
    /// A checksum over the whole of Data.db.
    Digest,
    /// Checksums of the chunks of uncompressed data.
    Crc,
    /// The list of components.
    Toc,
}

impl Component {
    /// All of them, in the order of their numbers.
    pub const ALL: [Component; 11] = [
        Component::Data,
        Component::Partitions,
        Component::Rows,
        Component::Index,
        Component::Summary,
        Component::Statistics,
        Component::CompressionInfo,
        Component::Filter,
        Component::Digest,
        Component::Crc,
        Component::Toc,
    ];

    /// The end of its file name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Component::Data => "Data.db",
            Component::Partitions => "Partitions.db",
            Component::Rows => "Rows.db",
            Component::Index => "Index.db",
            Component::Summary => "Summary.db",
            Component::Statistics => "Statistics.db",
            Component::CompressionInfo => "CompressionInfo.db",
            Component::Filter => "Filter.db",
            Component::Digest => "Digest.crc32",
            Component::Crc => "CRC.db",
            Component::Toc => "TOC.txt",
        }
    }

    /// The component with this suffix; others (secondary indexes) are `None` and are to be ignored.
    pub fn parse(suffix: &str) -> Option<Component> {
        Component::ALL.into_iter().find(|c| c.suffix() == suffix)
    }

    /// The number under which a source of blocks knows the file.
    pub const fn file(self) -> FileNumber {
        FileNumber::new(self as u64 + 1)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}

/// A version of a format that is read here. Others are refused by name: what they changed is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Big format of Cassandra 4.
    Nb,
    /// Big format of Cassandra 5.
    Oa,
    /// Big format of Cassandra 6: `oa` and compression dictionaries.
    Pa,
    /// Trie format of Cassandra 5.
    Da,
    /// Trie format of Cassandra 6: `da` and compression dictionaries.
    Ea,
}

impl Version {
    /// All of them.
    pub const ALL: [Version; 5] = [Version::Nb, Version::Oa, Version::Pa, Version::Da, Version::Ea];

    /// Its two letters.
    pub const fn name(self) -> &'static str {
        match self {
            Version::Nb => "nb",
            Version::Oa => "oa",
            Version::Pa => "pa",
            Version::Da => "da",
            Version::Ea => "ea",
        }
    }

    /// The version of two letters.
    pub fn parse(name: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.name() == name)
    }

    /// Whether its indexes are tries.
    pub const fn is_bti(self) -> bool {
        matches!(self, Version::Da | Version::Ea)
    }

    /// `bti` or `big`.
    pub const fn format(self) -> &'static str {
        if self.is_bti() { "bti" } else { "big" }
    }

    /// Whether deletion times are unsigned seconds, until 2106, in one or twelve bytes.
    pub const fn has_unsigned_deletion_time(self) -> bool {
        !matches!(self, Version::Nb)
    }

    /// Whether CompressionInfo.db may end in a dictionary.
    pub const fn has_dictionary(self) -> bool {
        matches!(self, Version::Pa | Version::Ea)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parts of a component's file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor<'n> {
    /// The format's version.
    pub version: Version,
    /// The SSTable's id.
    pub id: &'n str,
}

impl<'n> Descriptor<'n> {
    /// Takes a file name apart. `None`: it belongs to no SSTable. A component that is not known here, as those of secondary indexes, is
    /// `None` beside the descriptor.
    ///
    /// # Errors
    /// A version that is not read here, by its name.
    pub fn parse(name: &'n str) -> Result<Option<(Descriptor<'n>, Option<Component>)>, ReadError> {
        let mut parts = name.splitn(4, '-');
        let (Some(version), Some(id), Some(format), Some(suffix)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Ok(None);
        };
        let &[major, minor] = version.as_bytes() else { return Ok(None) };
        let id_ok = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !major.is_ascii_lowercase() || !minor.is_ascii_lowercase() || !id_ok {
            return Ok(None);
        }
        if !matches!(format, "bti" | "big") {
            return Ok(None);
        }
        let component = Component::parse(suffix);
        match Version::parse(version).filter(|v| v.format() == format) {
            Some(version) => Ok(Some((Descriptor { version, id }, component))),
            None => Err(ReadError::Unsupported {
                component: component.unwrap_or(Component::Data),
                what: Feature::Version([major, minor]),
            }),
        }
    }

    /// Older first: generations by number, before the time-ordered ids, which sort as text of equal form.
    pub fn order(&self, other: &Descriptor<'_>) -> Ordering {
        match (self.id.parse::<u64>(), other.id.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => self.id.cmp(other.id),
        }
    }
}

impl fmt::Display for Descriptor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.version, self.id, self.version.format())
    }
}

/// The name of a table from its folder: what stands before `-` and 32 hexadecimal digits, or all of it.
pub fn table_of_folder(folder: &str) -> &str {
    match folder.rsplit_once('-') {
        Some((table, id)) if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) => table,
        _ => folder,
    }
}

/// The components that TOC.txt lists, in its order; those not known here are left out.
///
/// # Errors
/// Text that is not UTF-8.
pub fn toc(bytes: &[u8]) -> Result<Vec<Component>, ReadError> {
    let text = core::str::from_utf8(bytes)
        .map_err(|e| ReadError::corrupt(Component::Toc, e.valid_up_to() as u64, Damage::Text))?;
    Ok(text.lines().filter_map(Component::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        let parsed = |name| Descriptor::parse(name).unwrap();
        let (descriptor, component) = parsed("da-3h5t_0cd8_5oots2f6lev77jw6ad-bti-Data.db").unwrap();
        assert_eq!((descriptor.version, component), (Version::Da, Some(Component::Data)));
        assert_eq!(descriptor.id, "3h5t_0cd8_5oots2f6lev77jw6ad");
        assert_eq!(
            parsed("da-1-bti-SAI+aa+GroupMeta.db"),
            Some((Descriptor { version: Version::Da, id: "1" }, None))
        );
        for other in ["schema.cql", "snapshots", "da-1-bti", "manifest-1-2-3", "DA-1-bti-Data.db"] {
            assert_eq!(parsed(other), None, "{other}");
        }
        for (name, version) in
            [("me-1-big-Data.db", *b"me"), ("eb-1-bti-Data.db", *b"eb"), ("da-1-big-Data.db", *b"da")]
        {
            let what = Feature::Version(version);
            let refused = Err(ReadError::Unsupported { component: Component::Data, what });
            assert_eq!(Descriptor::parse(name), refused);
        }
    }

    #[test]
    fn generations_are_older_than_time_ordered_ids() {
        let of = |id| Descriptor { version: Version::Da, id };
        assert_eq!(of("9").order(&of("10")), Ordering::Less);
        assert_eq!(of("10").order(&of("3h5t_0cd8_5oots2f6lev77jw6ad")), Ordering::Less);
    }

    #[test]
    fn folders_name_tables() {
        assert_eq!(table_of_folder("users-0123456789abcdef0123456789abcdef"), "users");
        assert_eq!(table_of_folder("legacy_da_simple"), "legacy_da_simple");
    }
}
