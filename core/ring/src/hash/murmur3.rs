//! MurmurHash3 x64 128 (Austin Appleby, public domain), in its standard form and as Cassandra computes it.
//!
//! Cassandra reads the tail bytes as signed Java bytes, so a tail byte of 0x80 and above sets every bit to its left. The
//! 16-byte blocks are masked and stay standard. Source: `MurmurHash.hash3_x64_128` of Apache Cassandra, checked by the vectors
//! of its Python driver.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// Both halves of the standard 128-bit hash.
pub fn murmur3_x64_128(bytes: &[u8], seed: u64) -> (u64, u64) {
    hash(bytes, seed, u64::from)
}

/// The two halves as Cassandra computes them, tail bytes sign-extended, seed 0.
pub fn murmur3_cassandra(bytes: &[u8]) -> (u64, u64) {
    hash(bytes, 0, |byte| byte as i8 as u64)
}

/// The token of Murmur3Partitioner: the first half, where the smallest `i64` is moved to the largest because it is reserved
/// as the ring's minimum. The empty key is that minimum itself.
pub fn cassandra_token(key: &[u8]) -> i64 {
    if key.is_empty() {
        return i64::MIN;
    }
    match murmur3_cassandra(key).0 as i64 {
        i64::MIN => i64::MAX,
        token => token,
    }
}

fn mix_k1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix_k2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn avalanche(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

fn hash(bytes: &[u8], seed: u64, widen: impl Fn(u8) -> u64) -> (u64, u64) {
    let (mut h1, mut h2) = (seed, seed);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let word = u128::from_le_bytes(*block);
        h1 = (h1 ^ mix_k1(word as u64)).rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix_k2((word >> 64) as u64)).rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = tail.split_at(tail.len().min(8));
    let gather = |part: &[u8]| part.iter().enumerate().fold(0, |k, (i, &b)| k ^ (widen(b) << (8 * i)));
    h2 ^= mix_k2(gather(high));
    h1 ^= mix_k1(gather(low));
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = avalanche(h1);
    h2 = avalanche(h2);
    h1 = h1.wrapping_add(h2);
    (h1, h2.wrapping_add(h1))
}
