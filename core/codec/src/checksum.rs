//! Checksums of the storage formats. The portable level is the `crc` crate's 16-table code, built in a `const`.

use crc::{Crc, Table};

const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISCSI);

/// CRC-32C (Castagnoli) of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes)
}

/// CRC-32C of a text in several parts: `crc32c_extend(crc32c(a), b) == crc32c(a ++ b)`.
pub fn crc32c_extend(crc: u32, bytes: &[u8]) -> u32 {
    let mut digest = CRC32C.digest_with_initial(crc.reverse_bits() ^ u32::MAX);
    digest.update(bytes);
    digest.finalize()
}

/// LevelDB's and RocksDB's mask, so that a checksum of data that holds checksums stays useful.
pub const fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The inverse of [`mask`].
pub const fn unmask(masked: u32) -> u32 {
    masked.wrapping_sub(0xa282_ead8).rotate_left(15)
}

/// Final XXH3, 64 bits, seed 0. Block checksums use this; filters do not (they use XXPH3).
pub fn xxh3_64(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c_extend(crc32c(b"1234"), b"56789"), 0xe306_9283);
        assert_eq!(unmask(mask(0xe306_9283)), 0xe306_9283);
    }
}
