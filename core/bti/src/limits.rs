//! Limits, each with its reason.

/// Longest serialized partition key: its length is 16 bits in every file.
pub const KEY_LEN_MAX: usize = u16::MAX as usize;
/// Deepest nesting of a type. Walks over a type and over values of it recurse, so this bounds their stack; CQL in use nests a handful.
pub const TYPE_DEPTH_MAX: usize = 32;
/// Longest class string of a type: a user type of a thousand fields with long names stays far below.
pub const TYPE_LEN_MAX: usize = 1 << 20;
/// Longest chunk of data, expanded. Cassandra's option counts KiB in an `int`; people use 4 to 64.
pub const CHUNK_LEN_MAX: u32 = 16 << 20;
/// Most options of a compressor; Cassandra's have two.
pub const COMPRESSION_OPTIONS_MAX: u32 = 16;
/// Longest compression dictionary; trained ones have 64 KiB.
pub const DICTIONARY_LEN_MAX: u32 = 16 << 20;
/// Most parts of Statistics.db; there are four kinds, each once.
pub const STATISTICS_PARTS_MAX: u32 = 4;
/// Longest row: Cassandra refuses values above 256 MiB (`max_value_size`), and mutations far below it.
pub const ROW_LEN_MAX: usize = 512 << 20;
/// Deepest trie. A partition's byte-comparable form has at most four bytes for each of its key's; clusterings in use are far shorter.
pub const TRIE_DEPTH_MAX: usize = 1 << 20;
/// Longest mantissa of a decimal that is ordered, in bytes: conversions between bases take quadratic time, and 16 KiB are 39,000 digits.
pub const DECIMAL_LEN_MAX: usize = 16 << 10;
/// Longest text of a schema: `DESCRIBE SCHEMA` of a thousand tables stays below.
pub const SCHEMA_LEN_MAX: usize = 4 << 20;
/// Most types, counted with all that they consist of, in the tables of a schema.
pub const SCHEMA_TYPE_PARTS_MAX: usize = 1 << 18;
/// Most hashes of a bloom filter: the table of sizes ends at 14, and each costs every absent lookup.
pub const FILTER_HASHES_MAX: u32 = 64;
/// Most bytes of a bloom filter's bits: 20 bits for each of 850 million keys.
pub const FILTER_LEN_MAX: u64 = 1 << 31;
/// Most findings of a verification: whoever has a thousand needs no more.
pub const FINDINGS_MAX: usize = 1000;
/// Most partitions, rows or blocks that an annotated dump shows: it is for people.
pub const INSPECT_ENTRIES_MAX: usize = 100_000;
/// Longest partition that is read to its end to see that no other one is missing behind it: a look-up that finds nothing costs no more.
pub const NEIGHBOUR_LEN_MAX: u64 = 1 << 20;
