//! The ten checksums of S3: values, running states, and the checksum of an object from those of its parts.
//!
//! | algorithm | bytes | of parts |
//! |---|---|---|
//! | CRC32, CRC32C | 4 | `COMPOSITE` or `FULL_OBJECT` |
//! | CRC64NVME | 8 | `FULL_OBJECT` |
//! | SHA1, SHA256, SHA512, MD5 | 20, 32, 64, 16 | `COMPOSITE` |
//! | XXHASH64, XXHASH3, XXHASH128 | 8, 8, 16 | `COMPOSITE` |
//!
//! All travel as base64 of the big-endian value. `COMPOSITE` is the checksum over the parts' checksums, written with `-N` for N parts;
//! `FULL_OBJECT` is that of the bytes themselves, and CRCs of parts combine to it without reading them again. Source: "Checking object
//! integrity", Amazon S3 user guide.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use ::md5::{Digest as _, Md5};
use dolmen_codec::checksum as crc;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::Xxh64;

use crate::encoding::{get_base64, put_base64};
use crate::error::{ErrorCode, error_codes};

/// A checksum's algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// CRC-32 (ISO-HDLC), the one of zip.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5.
    Md5,
    /// XXH64, seed 0.
    XxHash64,
    /// XXH3, 64 bits, seed 0.
    XxHash3,
    /// XXH3, 128 bits, seed 0.
    XxHash128,
}

/// How an object's checksum follows from its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumType {
    /// The checksum of the parts' checksums.
    Composite,
    /// The checksum of the object's bytes.
    FullObject,
}

/// Longest digest.
pub const DIGEST_LEN_MAX: usize = 64;

/// A checksum: the algorithm and its digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    bytes: [u8; DIGEST_LEN_MAX],
}

/// The checksum of an object as it is kept and told: with its type, and the count of its parts if it is made of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectChecksum {
    /// The digest.
    pub checksum: Checksum,
    /// How it was made.
    pub kind: ChecksumType,
    /// Parts that it was made of, 0 for an object that came in one piece.
    pub parts: u32,
}

/// Why a checksum is none, or does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChecksumError {
    /// No algorithm is called so.
    Algorithm,
    /// The value is not base64 of as many bytes as the algorithm has.
    Value {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The bytes have another checksum.
    Mismatch {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The request names two checksums, or one beside a different algorithm.
    Several,
    /// The algorithm cannot make this type from parts.
    Type {
        /// The algorithm.
        algorithm: Algorithm,
    },
}

impl ChecksumError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            // Clients that send what is no value expect the same as for a wrong one.
            Self::Mismatch { .. } | Self::Value { .. } => ErrorCode::BadDigest,
            Self::Algorithm | Self::Several | Self::Type { .. } => {
                ErrorCode::InvalidRequest
            }
        }
    }
}

impl fmt::Display for ChecksumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm => f.write_str("no such checksum algorithm"),
            Self::Value { algorithm } => {
                write!(f, "Value for x-amz-checksum-{} header is invalid.", algorithm.lower())
            }
            Self::Mismatch { algorithm } => {
                write!(f, "The {} you specified did not match the calculated checksum.", algorithm.name())
            }
            Self::Several => f.write_str("Expecting a single x-amz-checksum- header"),
            Self::Type { algorithm } => {
                write!(f, "The checksum type cannot be used with {}.", algorithm.name())
            }
        }
    }
}

error_codes!(ChecksumError);

impl Algorithm {
    /// All ten.
    pub const ALL: [Algorithm; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    /// Its name in headers' values and in XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Md5 => "MD5",
            Self::XxHash64 => "XXHASH64",
            Self::XxHash3 => "XXHASH3",
            Self::XxHash128 => "XXHASH128",
        }
    }

    /// The header that carries a value of it, in lower case.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Md5 => "x-amz-checksum-md5",
            Self::XxHash64 => "x-amz-checksum-xxhash64",
            Self::XxHash3 => "x-amz-checksum-xxhash3",
            Self::XxHash128 => "x-amz-checksum-xxhash128",
        }
    }

    fn lower(self) -> &'static str {
        &self.header()["x-amz-checksum-".len()..]
    }

    /// Bytes of its digest.
    pub fn digest_len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::XxHash64 | Self::XxHash3 => 8,
            Self::Md5 | Self::XxHash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The algorithm with this name, in any case.
    ///
    /// # Errors
    ///
    /// [`ChecksumError::Algorithm`].
    pub fn from_name(name: &str) -> Result<Algorithm, ChecksumError> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        found.ok_or(ChecksumError::Algorithm)
    }

    /// The algorithm whose value stands in a header with this name (in lower case).
    pub fn from_header(header: &str) -> Option<Algorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header() == header)
    }

    /// Whether checksums of parts can give one of this type.
    pub fn allows(self, kind: ChecksumType) -> bool {
        match (self, kind) {
            (Self::Crc32 | Self::Crc32c, _) => true,
            (Self::Crc64Nvme, kind) => kind == ChecksumType::FullObject,
            (_, kind) => kind == ChecksumType::Composite,
        }
    }

    /// The type that a multipart upload has if it does not say.
    pub fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            _ => ChecksumType::Composite,
        }
    }
}

impl ChecksumType {
    /// `COMPOSITE` or `FULL_OBJECT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<ChecksumType> {
        [Self::Composite, Self::FullObject].into_iter().find(|kind| kind.name() == name)
    }
}

impl Checksum {
    /// A digest of as many bytes as the algorithm has.
    pub fn from_digest(algorithm: Algorithm, digest: &[u8]) -> Option<Checksum> {
        let mut bytes = [0; DIGEST_LEN_MAX];
        if digest.len() != algorithm.digest_len() {
            return None;
        }
        bytes[..digest.len()].copy_from_slice(digest);
        Some(Checksum { algorithm, bytes })
    }

    /// Reads base64.
    ///
    /// # Errors
    ///
    /// [`ChecksumError::Value`].
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Checksum, ChecksumError> {
        let mut digest = [0; DIGEST_LEN_MAX + 2];
        let len = get_base64(text.as_bytes(), &mut digest);
        let read = len.and_then(|len| Self::from_digest(algorithm, &digest[..len]));
        read.ok_or(ChecksumError::Value { algorithm })
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its digest.
    pub fn digest(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_len()]
    }

    /// As headers and XML have it.
    pub fn base64(&self) -> String {
        crate::encoding::base64(self.digest())
    }

    /// Whether bytes have the checksum that the client named.
    ///
    /// # Errors
    ///
    /// [`ChecksumError::Mismatch`].
    pub fn expect(&self, named: &Checksum) -> Result<(), ChecksumError> {
        if self == named { Ok(()) } else { Err(ChecksumError::Mismatch { algorithm: self.algorithm }) }
    }

    fn crc(&self) -> u64 {
        self.digest().iter().fold(0, |crc, &byte| crc << 8 | u64::from(byte))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm.name(), self.base64())
    }
}

impl ObjectChecksum {
    /// Of an object that came in one piece.
    pub fn whole(checksum: Checksum) -> Self {
        ObjectChecksum { checksum, kind: ChecksumType::FullObject, parts: 0 }
    }

    /// As headers and XML have it: a composite one says how many parts it is of.
    pub fn text(&self) -> String {
        let mut out = String::new();
        put_base64(&mut out, self.checksum.digest());
        if self.kind == ChecksumType::Composite {
            out.push('-');
            out.push_str(&alloc::format!("{}", self.parts));
        }
        out
    }

    /// Puts the parts' checksums, with the parts' lengths, together. `None` for no parts.
    ///
    /// # Errors
    ///
    /// [`ChecksumError::Type`] if the algorithm does not have this type; [`ChecksumError::Several`] if the parts have different ones.
    pub fn of_parts(
        algorithm: Algorithm,
        kind: ChecksumType,
        parts: impl IntoIterator<Item = (Checksum, u64)>,
    ) -> Result<ObjectChecksum, ChecksumError> {
        if !algorithm.allows(kind) {
            return Err(ChecksumError::Type { algorithm });
        }
        let mut hasher = Hasher::new(algorithm);
        let (mut whole, mut count) = (Hasher::new(algorithm).finish(), 0);
        for (part, len) in parts {
            if part.algorithm != algorithm {
                return Err(ChecksumError::Several);
            }
            match kind {
                ChecksumType::Composite => hasher.update(part.digest()),
                ChecksumType::FullObject => whole = combine(whole, part, len),
            }
            count += 1;
        }
        let checksum = if kind == ChecksumType::Composite { hasher.finish() } else { whole };
        Ok(ObjectChecksum { checksum, kind, parts: count })
    }
}

/// A checksum that grows with the bytes.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Crc32(u32),
    Crc32c(u32),
    Crc64Nvme(u64),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Md5(Md5),
    XxHash64(Xxh64),
    /// 64 or 128 bits of one state.
    XxHash3(Box<Xxh3>, Algorithm),
}

impl Hasher {
    /// Of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher(match algorithm {
            Algorithm::Crc32 => State::Crc32(0),
            Algorithm::Crc32c => State::Crc32c(0),
            Algorithm::Crc64Nvme => State::Crc64Nvme(0),
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
            Algorithm::Md5 => State::Md5(Md5::new()),
            Algorithm::XxHash64 => State::XxHash64(Xxh64::new(0)),
            Algorithm::XxHash3 | Algorithm::XxHash128 => State::XxHash3(Box::new(Xxh3::new()), algorithm),
        })
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(state) => *state = crc::crc32_extend(*state, bytes),
            State::Crc32c(state) => *state = crc::crc32c_extend(*state, bytes),
            State::Crc64Nvme(state) => *state = crc::crc64_nvme_extend(*state, bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
            State::Md5(state) => state.update(bytes),
            State::XxHash64(state) => state.update(bytes),
            State::XxHash3(state, _) => state.update(bytes),
        }
    }

    /// The checksum.
    pub fn finish(self) -> Checksum {
        let make = |algorithm, digest: &[u8]| {
            Checksum::from_digest(algorithm, digest)
                .expect("a state gives as many bytes as its algorithm has")
        };
        match self.0 {
            State::Crc32(state) => make(Algorithm::Crc32, &state.to_be_bytes()),
            State::Crc32c(state) => make(Algorithm::Crc32c, &state.to_be_bytes()),
            State::Crc64Nvme(state) => make(Algorithm::Crc64Nvme, &state.to_be_bytes()),
            State::Sha1(state) => make(Algorithm::Sha1, &state.finalize()),
            State::Sha256(state) => make(Algorithm::Sha256, &state.finalize()),
            State::Sha512(state) => make(Algorithm::Sha512, &state.finalize()),
            State::Md5(state) => make(Algorithm::Md5, &state.finalize()),
            State::XxHash64(state) => make(Algorithm::XxHash64, &state.digest().to_be_bytes()),
            State::XxHash3(state, Algorithm::XxHash128) => {
                make(Algorithm::XxHash128, &state.digest128().to_be_bytes())
            }
            State::XxHash3(state, _) => make(Algorithm::XxHash3, &state.digest().to_be_bytes()),
        }
    }

    /// The checksum of these bytes.
    pub fn hash(algorithm: Algorithm, bytes: &[u8]) -> Checksum {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// The CRC of two texts in a row from the CRC of each; `second_len` is the length of the second. Only for the three CRCs, and of one kind.
fn combine(first: Checksum, second: Checksum, second_len: u64) -> Checksum {
    let algorithm = first.algorithm;
    let (bits, poly) = match algorithm {
        Algorithm::Crc32 => (32, 0xedb8_8320),
        Algorithm::Crc32c => (32, 0x82f6_3b78),
        _ => (64, 0x9a6c_9329_ac4b_c9b5),
    };
    // The first part's CRC moves on by as many zero bits as the second has; the conditioning of both cancels out.
    let crc = multiply(first.crc(), power_of_x(second_len, bits, poly), bits, poly) ^ second.crc();
    let bytes = crc.to_be_bytes();
    Checksum::from_digest(algorithm, &bytes[8 - bits as usize / 8..])
        .expect("as many bytes as the CRC has bits")
}

/// `a * b mod poly` over GF(2), reflected: the highest bit is the power 0.
fn multiply(a: u64, mut b: u64, bits: u32, poly: u64) -> u64 {
    let mut product = 0;
    for i in (0..bits).rev() {
        if a >> i & 1 == 1 {
            product ^= b;
        }
        b = b >> 1 ^ if b & 1 == 1 { poly } else { 0 };
    }
    product
}

/// `x^(8 * bytes) mod poly`, by squaring.
fn power_of_x(bytes: u64, bits: u32, poly: u64) -> u64 {
    let one = 1 << (bits - 1);
    let mut square = one >> 8;
    let mut power = one;
    let mut rest = bytes;
    while rest > 0 {
        if rest & 1 == 1 {
            power = multiply(power, square, bits, poly);
        }
        square = multiply(square, square, bits, poly);
        rest >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Values of `123456789`: the CRC catalogue, the hash functions' own references, and Python's xxhash.
    #[test]
    fn known_values() {
        let hex = |algorithm| {
            let mut out = String::new();
            crate::encoding::put_hex(&mut out, Hasher::hash(algorithm, b"123456789").digest());
            out
        };
        assert_eq!(hex(Algorithm::Crc32), "cbf43926");
        assert_eq!(hex(Algorithm::Crc32c), "e3069283");
        assert_eq!(hex(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(hex(Algorithm::Md5), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(hex(Algorithm::Sha1), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        assert_eq!(
            hex(Algorithm::Sha256),
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
        );
        assert_eq!(&hex(Algorithm::Sha512)[..32], "d9e6762dd1c8eaf6d61b3c6192fc408d");
        assert_eq!(hex(Algorithm::XxHash64), "8cb841db40e6ae83");
        assert_eq!(hex(Algorithm::XxHash3), "72dcb18b67a17dff");
        assert_eq!(hex(Algorithm::XxHash128), "33119477ede5dcd5e9716427681d5860");
    }

    #[test]
    fn crcs_combine() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| ((i * 7) ^ (i >> 3)) as u8).collect();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            for cuts in [&[0usize][..], &[1], &[5000], &[17, 17, 4096], &[1, 2, 3, 2500]] {
                let mut parts = Vec::new();
                let mut from = 0;
                for &to in cuts.iter().chain([&5000]) {
                    parts.push((Hasher::hash(algorithm, &bytes[from..to]), (to - from) as u64));
                    from = to;
                }
                let whole = ObjectChecksum::of_parts(algorithm, ChecksumType::FullObject, parts)
                    .expect("it combines");
                assert_eq!(whole.checksum, Hasher::hash(algorithm, &bytes), "{cuts:?}");
            }
        }
    }

    #[test]
    fn composites_say_how_many() {
        let parts = [b"a", b"b"].map(|part| (Hasher::hash(Algorithm::Sha256, part), 1));
        let whole =
            ObjectChecksum::of_parts(Algorithm::Sha256, ChecksumType::Composite, parts).expect("it can");
        assert_eq!(whole.text(), "5aAf7hTg7VxIcU8iGA8lrYNltT+XefedxKPX6Tlj+Uo=-2");
        let wrong = ObjectChecksum::of_parts(Algorithm::Sha256, ChecksumType::FullObject, parts);
        assert_eq!(wrong, Err(ChecksumError::Type { algorithm: Algorithm::Sha256 }));
    }

    #[test]
    fn values_are_base64_of_the_right_length() {
        let crc = Hasher::hash(Algorithm::Crc32, b"123456789");
        assert_eq!(Checksum::parse(Algorithm::Crc32, &crc.base64()), Ok(crc));
        for text in ["", "AAAA", "AAAAAAAA", "y/Q5Jg", "y/Q5Jg=!", "y/Q5Jg== "] {
            assert_eq!(
                Checksum::parse(Algorithm::Crc32, text),
                Err(ChecksumError::Value { algorithm: Algorithm::Crc32 })
            );
        }
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_header(algorithm.header()), Some(algorithm));
            assert_eq!(Algorithm::from_name(algorithm.name()), Ok(algorithm));
            assert_eq!(Hasher::hash(algorithm, b"x").digest().len(), algorithm.digest_len());
        }
    }
}
