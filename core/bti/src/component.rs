//! The files of one SSTable: `<version>-<id>-<format>-<Component>` (Cassandra 5.0, `Component.java`, `Descriptor.java`).

use core::fmt;

use dolmen_base::io::FileNumber;

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
