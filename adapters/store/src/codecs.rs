//! The block compressions of a database.

use dolmen_lsm::codecs::Codecs;

/// Every compression that is plugged in: LZ4, Snappy, raw Deflate, Zstandard.
pub fn codecs() -> Codecs {
    Codecs::of(dolmen_blocks::Libraries)
}
