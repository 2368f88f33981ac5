//! The COMPACTION part: a HyperLogLog++ sketch (p = 13, sp = 25) over the murmur2-64 hashes of the keys (stream-lib, `HyperLogLogPlus.java`; Heule,
//! Nunkesser and Hall, "HyperLogLog in Practice", 2013).
//!
//! ```text
//! i32 −2 | LEB128 p | LEB128 sp | LEB128 format
//! format 1, sparse: LEB128 n | n × LEB128 difference of ascending hashes
//! format 0, dense:  LEB128 byte length | i32 words of six registers of five bits each, lowest bits first
//! ```

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::error::Damage;

const VERSION: i32 = -2;
const BITS_PER_REGISTER: u32 = 5;
const REGISTERS_PER_WORD: usize = 6;
/// The widest precision that is read: 2^18 registers, as wide as the paper's tables go.
const P_MAX: u32 = 18;

/// A sketch of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cardinality {
    p: u32,
    sp: u32,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Encoded hashes, ascending.
    Sparse(Vec<u32>),
    /// Registers.
    Dense(Vec<u8>),
}

impl Cardinality {
    /// Reads a sketch.
    ///
    /// # Errors
    /// Bytes that are no sketch of a known form.
    pub fn parse(bytes: &[u8]) -> Result<Cardinality, Damage> {
        let mut cursor = Cursor::new(bytes);
        let version = cursor.get_u32_be().map_err(Damage::Decode)? as i32;
        if version != VERSION {
            return Err(Damage::Tag(u64::from(version as u32)));
        }
        let p = cursor.get_varint_u32().map_err(Damage::Decode)?;
        let sp = cursor.get_varint_u32().map_err(Damage::Decode)?;
        if !(4..=P_MAX).contains(&p) || sp > 32 || (sp != 0 && sp < p) {
            return Err(Damage::Range { found: u64::from(p), max: u64::from(P_MAX) });
        }
        let form = match cursor.get_varint_u32().map_err(Damage::Decode)? {
            0 => Form::Dense(dense(&mut cursor, p)?),
            1 => Form::Sparse(sparse(&mut cursor)?),
            other => return Err(Damage::Tag(u64::from(other))),
        };
        cursor.finish().map_err(Damage::Decode)?;
        Ok(Cardinality { p, sp, form })
    }

    /// Whether it is dense.
    pub fn is_dense(&self) -> bool {
        matches!(self.form, Form::Dense(_))
    }

    /// An estimate of the count of keys. Sparse sketches and dense ones above 5 · 2^p give Cassandra's; below, stream-lib corrects a bias by a
    /// table of measurements, and linear counting, which stands here instead, differs by a percent or two.
    pub fn estimate(&self) -> u64 {
        match &self.form {
            Form::Sparse(hashes) => {
                let slots = (1u64 << self.sp) as f64;
                round(linear_counting(slots, slots - hashes.len() as f64))
            }
            Form::Dense(registers) => {
                let m = registers.len() as f64;
                let sum: f64 = registers.iter().map(|&r| libm::exp2(-f64::from(r))).sum();
                let zeros = registers.iter().filter(|&&r| r == 0).count();
                let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
                if raw <= 5.0 * m && zeros > 0 {
                    return round(linear_counting(m, zeros as f64));
                }
                round(raw)
            }
        }
    }
}

fn linear_counting(slots: f64, empty: f64) -> f64 {
    slots * libm::log(slots / empty.max(1.0))
}

fn round(value: f64) -> u64 {
    libm::floor(value + 0.5) as u64
}

fn sparse(cursor: &mut Cursor<'_>) -> Result<Vec<u32>, Damage> {
    let count = cursor.get_varint_u32().map_err(Damage::Decode)? as usize;
    // A difference takes a byte at least.
    if count > cursor.rest().len() {
        return Err(Damage::Range { found: count as u64, max: cursor.rest().len() as u64 });
    }
    let mut hashes = Vec::with_capacity(count);
    let mut hash = 0u32;
    for _ in 0..count {
        hash = hash.wrapping_add(cursor.get_varint_u32().map_err(Damage::Decode)?);
        hashes.push(hash);
    }
    Ok(hashes)
}

fn dense(cursor: &mut Cursor<'_>, p: u32) -> Result<Vec<u8>, Damage> {
    let len = cursor.get_varint_u32().map_err(Damage::Decode)? as usize;
    let registers = 1usize << p;
    let expected = registers.div_ceil(REGISTERS_PER_WORD) * 4;
    if len != expected {
        return Err(Damage::Mismatch { expected: expected as u64, found: len as u64 });
    }
    let words = cursor.get_bytes(len).map_err(Damage::Decode)?;
    let mut out = Vec::with_capacity(registers);
    for word in words.as_chunks::<4>().0 {
        let word = u32::from_be_bytes(*word);
        for i in 0..REGISTERS_PER_WORD.min(registers - out.len()) {
            out.push((word >> (BITS_PER_REGISTER * i as u32) & 31) as u8);
        }
    }
    Ok(out)
}
