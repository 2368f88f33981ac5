//! The byte-at-a-time hashes that the field still routes by: FNV, CRC, Jenkins' one-at-a-time, MurmurHash2 and HAProxy's.
//!
//! libmemcached and twemproxy read keys as C `char`, which is signed on x86-64: there a byte of 0x80 and above sets every bit
//! to its left. The functions of that family here do the same and say so.

use crc::{CRC_16_XMODEM, CRC_32_ISO_HDLC, Crc, Table};

const CRC16: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_XMODEM);
const CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// FNV-1a, 32 bits.
pub fn fnv1a32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV32_BASIS, |h, &b| (h ^ u32::from(b)).wrapping_mul(FNV32_PRIME))
}

/// FNV-1a, 64 bits.
pub fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV64_BASIS, |h, &b| (h ^ u64::from(b)).wrapping_mul(FNV64_PRIME))
}

/// CRC-16/XMODEM (polynomial 0x1021, initial value 0): Redis Cluster's.
pub fn crc16(bytes: &[u8]) -> u16 {
    CRC16.checksum(bytes)
}

/// CRC-32 (ISO-HDLC, the one of zlib); HAProxy's `crc32` and twemproxy's `crc32a`.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC32.checksum(bytes)
}

/// twemproxy's and libmemcached's `crc32`: 15 bits from the middle of the CRC-32.
pub fn crc32_libmemcached(bytes: &[u8]) -> u32 {
    (crc32(bytes) >> 16) & 0x7fff
}

/// twemproxy's `crc16`: XMODEM computed in 32 bits, so that what is shifted out above bit 15 stays.
pub fn crc16_twemproxy(bytes: &[u8]) -> u32 {
    let table = |index: u32| u32::from(crc16(&[index as u8]));
    bytes.iter().fold(0, |crc: u32, &b| (crc << 8) ^ table((crc >> 8) ^ u32::from(b)))
}

/// twemproxy's and libmemcached's `fnv1a_64`: only the low 32 bits are ever computed; bytes signed.
pub fn fnv1a64_libmemcached(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV64_BASIS as u32, |h, &b| (h ^ signed(b)).wrapping_mul(FNV64_PRIME as u32))
}

/// twemproxy's and libmemcached's `fnv1_64`: the low half of FNV-1; bytes signed.
pub fn fnv1_64_libmemcached(bytes: &[u8]) -> u32 {
    let hash = |h: u64, &b: &u8| h.wrapping_mul(FNV64_PRIME) ^ (b as i8 as u64);
    bytes.iter().fold(FNV64_BASIS, hash) as u32
}

/// twemproxy's and libmemcached's `fnv1_32`; bytes signed.
pub fn fnv1_32_libmemcached(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV32_BASIS, |h, &b| h.wrapping_mul(FNV32_PRIME) ^ signed(b))
}

/// twemproxy's and libmemcached's `fnv1a_32`; bytes signed.
pub fn fnv1a32_libmemcached(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV32_BASIS, |h, &b| (h ^ signed(b)).wrapping_mul(FNV32_PRIME))
}

/// Jenkins' one-at-a-time, libmemcached's default; bytes signed.
pub fn one_at_a_time(bytes: &[u8]) -> u32 {
    let mut h = bytes.iter().fold(0u32, |h, &b| {
        let h = h.wrapping_add(signed(b));
        let h = h.wrapping_add(h << 10);
        h ^ (h >> 6)
    });
    h = h.wrapping_add(h << 3);
    h ^= h >> 11;
    h.wrapping_add(h << 15)
}

/// MurmurHash2 with libmemcached's and twemproxy's seed, 0xdeadbeef times the length.
pub fn murmur2_libmemcached(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let len = bytes.len() as u32;
    let mut h = 0xdead_beef_u32.wrapping_mul(len) ^ len;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let k = u32::from_le_bytes(*word).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        h = (h ^ u32::from_le_bytes(last)).wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

/// HAProxy's `sdbm`, its default.
pub fn sdbm(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |h, &b| u32::from(b).wrapping_add(h << 6).wrapping_add(h << 16).wrapping_sub(h))
}

/// HAProxy's `djb2`.
pub fn djb2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(5381u32, |h, &b| h.wrapping_mul(33).wrapping_add(u32::from(b)))
}

/// HAProxy's `wt6`.
pub fn wt6(bytes: &[u8]) -> u32 {
    let (mut h0, mut h1, mut step0, mut step1) = (0xa53c_965a_u32, 0x5ca6_953a_u32, 6, 18);
    for &byte in bytes {
        let x = !(h0 ^ u32::from(byte));
        let y = !h1.wrapping_add(u32::from(byte));
        h0 = y.rotate_left(step0);
        h1 = x.rotate_left(step1);
        let t = ((h0 >> 16) ^ h1) & 0xffff;
        step0 = t & 0x1f;
        step1 = t >> 11;
    }
    h0 ^ h1
}

/// HAProxy's integer hash: the `avalanche` modifier of keys and the place of every server's point on the ring (after Bob
/// Jenkins, times a prime near three quarters of the range).
pub fn haproxy_avalanche(value: u32) -> u32 {
    let mut a = value;
    a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    a = (a ^ 0xc761_c23c) ^ (a >> 19);
    a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    a = (a ^ 0xb55a_4f09) ^ (a >> 16);
    a.wrapping_mul(3_221_225_473)
}

fn signed(byte: u8) -> u32 {
    byte as i8 as u32
}

const FNV32_BASIS: u32 = 0x811c_9dc5;
const FNV32_PRIME: u32 = 0x0100_0193;
const FNV64_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV64_PRIME: u64 = 0x0000_0100_0000_01b3;
