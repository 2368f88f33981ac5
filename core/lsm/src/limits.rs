//! Every limit of this crate with its reason.

/// Longest user key that is accepted for writing: the length of an internal key must fit RocksDB's `uint32_t` with room.
pub const KEY_LEN_MAX: usize = 8 << 20;
/// Longest value that is accepted for writing (1 GiB): lengths are 32-bit varints, and a batch must fit one log record.
pub const VALUE_LEN_MAX: usize = 1 << 30;
/// Largest write batch in bytes: RocksDB's replay reads a batch into memory as one record.
pub const BATCH_LEN_MAX: usize = 1 << 31;
/// Deepest level that a version edit may name. RocksDB's default tree has levels 0 to 6; more can be configured, and a file
/// that names a level beyond this one is damaged.
pub const LEVEL_MAX: u32 = 63;
/// Largest block after decompression: one entry of the largest key and value fills a block alone. The limit keeps a hostile
/// length from allocating without bound.
pub const BLOCK_LEN_MAX: usize = VALUE_LEN_MAX + KEY_LEN_MAX + (1 << 20);
/// Largest expansion by decompression that is believed, so that a small file cannot ask for [`BLOCK_LEN_MAX`]. Deflate reaches
/// 1,032 and LZ4 255; zstd's run lengths can go higher, but not in the data of one block.
pub const BLOCK_EXPANSION_MAX: usize = 1 << 14;
/// How much larger than its block the keys of a parsed block may be (index, properties, range deletions). Every restart interval stores
/// its first key whole, so this allows intervals of 64, RocksDB writes 1; without it a few bytes per entry could ask for a long key each.
pub const KEY_EXPANSION_MAX: usize = 64;
/// Most sequence numbers in the fragments of one table's range tombstones (128 MiB). `n` tombstones that all overlap give about `n²` of them.
pub const FRAGMENT_SEQUENCE_COUNT_MAX: usize = 1 << 24;
/// Most files of one backup: RocksDB's default leaves about 64 MiB in a table, so this is some 64 TiB.
pub const BACKUP_FILE_COUNT_MAX: u64 = 1 << 20;
