//! Checksums of the storage formats.
//!
//! | function | polynomial | who writes it |
//! |---|---|---|
//! | [`crc32c`] | 0x1EDC6F41 | RocksDB, LevelDB, Kafka, S3 |
//! | [`crc32`] | 0x04C11DB7 | gzip, zip, Cassandra, S3 |
//! | [`crc64_nvme`] | 0xAD93D23594C93659 | S3 (its default) |
//! | [`xxh3_64`] | none | RocksDB since 6.27 |
//!
//! All three CRCs are reflected, with initial state and final xor of all ones. They and XXH3 of long input run at the CPU's fastest level
//! ([`dolmen_simd`]).

use dolmen_simd::xxh3;

/// CRC-32C (Castagnoli) of `bytes`. Source: RFC 3720, appendix B.4.
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_extend(0, bytes)
}

/// CRC-32C of a text in several parts: `crc32c_extend(crc32c(a), b) == crc32c(a ++ b)`.
#[inline]
pub fn crc32c_extend(crc: u32, bytes: &[u8]) -> u32 {
    dolmen_simd::crc32c::extend(crc, bytes)
}

/// CRC-32 (ISO-HDLC) of `bytes`. Source: RFC 1952, section 8.
#[inline]
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_extend(0, bytes)
}

/// CRC-32 of a text in several parts, as [`crc32c_extend`].
#[inline]
pub fn crc32_extend(crc: u32, bytes: &[u8]) -> u32 {
    dolmen_simd::crc32::extend(crc, bytes)
}

/// CRC-64/NVME of `bytes`. Source: the catalogue of parametrised CRC algorithms (reveng.sourceforge.io).
#[inline]
pub fn crc64_nvme(bytes: &[u8]) -> u64 {
    crc64_nvme_extend(0, bytes)
}

/// CRC-64/NVME of a text in several parts, as [`crc32c_extend`].
#[inline]
pub fn crc64_nvme_extend(crc: u64, bytes: &[u8]) -> u64 {
    dolmen_simd::crc64_nvme::extend(crc, bytes)
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
    let level = xxh3::Level::best();
    // The library's own vectors are better than our portable level.
    if bytes.len() <= xxh3::SHORT_LEN_MAX || level.is_portable() {
        return xxhash_rust::xxh3::xxh3_64(bytes);
    }
    level.hash_long(bytes)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use crc::{Crc, NoTable};
    use dolmen_base::Rng;

    use super::*;

    /// The check values of the catalogue of parametrised CRC algorithms.
    #[test]
    fn known_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc64_nvme(b"123456789"), 0xae8b_1486_0a79_9888);
        assert_eq!(crc32c(b""), 0);
        assert_eq!(unmask(mask(0xe306_9283)), 0xe306_9283);
    }

    /// The judge is the `crc` crate's bit by bit code.
    #[test]
    fn agrees_with_bit_by_bit_code_at_every_length() {
        let naive_32c = Crc::<u32, NoTable>::new(&crc::CRC_32_ISCSI);
        let naive_32 = Crc::<u32, NoTable>::new(&crc::CRC_32_ISO_HDLC);
        let naive_64 = Crc::<u64, NoTable>::new(&crc::CRC_64_NVME);
        let mut bytes = vec![0; 4201];
        Rng::new(1).fill(&mut bytes);
        let (mut of_32c, mut of_32, mut of_64) = (naive_32c.digest(), naive_32.digest(), naive_64.digest());
        for len in 0..=4200 {
            let whole = &bytes[..len];
            assert_eq!(crc32c(whole), of_32c.clone().finalize(), "crc32c of {len} bytes");
            assert_eq!(crc32(whole), of_32.clone().finalize(), "crc32 of {len} bytes");
            assert_eq!(crc64_nvme(whole), of_64.clone().finalize(), "crc64 of {len} bytes");
            let (head, tail) = whole.split_at(len * 2 / 3);
            assert_eq!(crc32c_extend(crc32c(head), tail), crc32c(whole), "two parts of {len} bytes");
            assert_eq!(crc32_extend(crc32(head), tail), crc32(whole), "two parts of {len} bytes");
            assert_eq!(
                crc64_nvme_extend(crc64_nvme(head), tail),
                crc64_nvme(whole),
                "two parts of {len} bytes"
            );
            let next = &bytes[len..=len];
            of_32c.update(next);
            of_32.update(next);
            of_64.update(next);
        }
    }
}
