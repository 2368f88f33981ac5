//! The flags of rows, markers and cells, for their readers and their writer alike.

/// Flags of a row or marker (`UnfilteredSerializer.java`).
pub(crate) mod row {
    pub const END_OF_PARTITION: u8 = 0x01;
    pub const IS_MARKER: u8 = 0x02;
    pub const HAS_TIMESTAMP: u8 = 0x04;
    pub const HAS_TTL: u8 = 0x08;
    pub const HAS_DELETION: u8 = 0x10;
    pub const HAS_ALL_COLUMNS: u8 = 0x20;
    pub const HAS_COMPLEX_DELETION: u8 = 0x40;
    /// A byte of [`extended`](super::extended) flags follows.
    pub const EXTENSION: u8 = 0x80;
}

/// Further flags of a row.
pub(crate) mod extended {
    pub const IS_STATIC: u8 = 0x01;
    pub const HAS_SHADOWABLE_DELETION: u8 = 0x02;
    pub const ALL: u8 = IS_STATIC | HAS_SHADOWABLE_DELETION;
}

/// Flags of a cell (`Cell.java`).
pub(crate) mod cell {
    pub const IS_DELETED: u8 = 0x01;
    pub const IS_EXPIRING: u8 = 0x02;
    pub const HAS_EMPTY_VALUE: u8 = 0x04;
    pub const USE_ROW_TIMESTAMP: u8 = 0x08;
    pub const USE_ROW_TTL: u8 = 0x10;
    pub const ALL: u8 = 0x1f;
}
