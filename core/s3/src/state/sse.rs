//! Encryption at rest: AES-256-GCM per chunk, so that a range is read without the rest.
//!
//! ```text
//! plain      │ 64 KiB │ 64 KiB │ … │ rest │
//! blob       │ 64 KiB + tag │ 64 KiB + tag │ … │ rest + tag │
//! chunk i    nonce = i (12 bytes, big-endian)   associated data = 1 for the last chunk, else 0
//! blob key   HMAC-SHA-256(object key, blob id)
//! object key SSE-S3: 32 random bytes, kept wrapped: nonce │ AES-256-GCM(server key, object key) │ tag
//!            SSE-KMS: the same, wrapped by HMAC-SHA-256(server key, name of the key)
//!            SSE-C:  the client's key; kept is HMAC-SHA-256(client's key, salt), which tells whether it is the right one
//! ```
//!
//! A blob's key is its own, so a nonce never comes twice under one key, and extents of one body may be shared. The last chunk is
//! marked, so that a blob that lost its end does not open. Offsets of extents count plain bytes.

use alloc::vec::Vec;

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce, Tag};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::record::{BlobId, Encryption};

/// Plain bytes of a chunk.
pub const CHUNK_LEN: u64 = 64 << 10;
/// Bytes that a chunk is longer when it is sealed.
pub const TAG_LEN: u64 = 16;

/// Sealed bytes are not what they were, or the key is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsealed;

impl core::fmt::Display for Unsealed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("encrypted bytes are damaged, or the key is another")
    }
}

impl core::error::Error for Unsealed {}

/// A key of 32 bytes; it has no `Debug`.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// From its bytes.
    pub const fn new(bytes: [u8; 32]) -> SecretKey {
        SecretKey(bytes)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&self.0))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The server's key of that name, for SSE-KMS.
    pub fn named(&self, key_id: &str) -> SecretKey {
        SecretKey(self.mac(&[b"dolmen s3 named key", key_id.as_bytes()]))
    }

    /// The key of a blob of an object that has this key.
    pub fn of_blob(&self, blob: BlobId) -> BlobKey {
        BlobKey(SecretKey(self.mac(&[b"dolmen s3 blob", &blob.bytes()])).cipher())
    }

    /// Wraps the key of an object; `nonce` must be fresh.
    pub fn wrap(&self, object: &SecretKey, nonce: [u8; 12]) -> Vec<u8> {
        let mut wrapped = nonce.to_vec();
        let mut key = object.0;
        let tag = self.cipher().encrypt_in_place_detached(Nonce::from_slice(&nonce), WRAP, &mut key);
        wrapped.extend_from_slice(&key);
        wrapped.extend_from_slice(&tag.expect("32 bytes are not too long"));
        wrapped
    }

    /// The key of an object that [`SecretKey::wrap`] wrapped.
    ///
    /// # Errors
    /// [`Unsealed`].
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<SecretKey, Unsealed> {
        let (nonce, rest) = wrapped.split_first_chunk::<12>().ok_or(Unsealed)?;
        let (key, tag) = rest.split_first_chunk::<32>().ok_or(Unsealed)?;
        let tag = <[u8; 16]>::try_from(tag).map_err(|_| Unsealed)?;
        let mut key = *key;
        let opened = self.cipher().decrypt_in_place_detached(
            Nonce::from_slice(nonce),
            WRAP,
            &mut key,
            Tag::from_slice(&tag),
        );
        opened.map(|()| SecretKey(key)).map_err(|_| Unsealed)
    }

    /// What is kept of a client's key.
    pub fn customer(&self, salt: [u8; 16], key_md5: [u8; 16]) -> Encryption {
        Encryption::Customer { check: self.mac(&[b"dolmen s3 check", &salt]), salt, key_md5 }
    }

    /// Whether this is the client's key that `encryption` was made with; takes the same time whatever differs.
    pub fn is_customer(&self, encryption: &Encryption) -> bool {
        let Encryption::Customer { check, salt, .. } = encryption else { return false };
        let own = self.mac(&[b"dolmen s3 check", salt]);
        own.iter().zip(check).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

const WRAP: &[u8] = b"dolmen s3 object key";

/// The key of one blob.
pub struct BlobKey(Aes256Gcm);

impl BlobKey {
    /// Seals a chunk in place: its bytes are encrypted, and the tag follows them.
    pub fn seal(&self, index: u64, last: bool, chunk: &mut Vec<u8>) {
        let tag = self.0.encrypt_in_place_detached(&nonce(index), &[u8::from(last)], chunk);
        chunk.extend_from_slice(&tag.expect("a chunk is not too long"));
    }

    /// Opens a chunk in place: its bytes are decrypted, and the tag is cut off.
    ///
    /// # Errors
    /// [`Unsealed`]; the bytes must not be used then.
    pub fn open(&self, index: u64, last: bool, chunk: &mut Vec<u8>) -> Result<(), Unsealed> {
        let at = chunk.len().checked_sub(16).ok_or(Unsealed)?;
        let tag = *chunk.last_chunk::<16>().ok_or(Unsealed)?;
        chunk.truncate(at);
        let opened =
            self.0.decrypt_in_place_detached(&nonce(index), &[u8::from(last)], chunk, Tag::from_slice(&tag));
        if opened.is_err() {
            chunk.clear();
        }
        opened.map_err(|_| Unsealed)
    }
}

fn nonce(index: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&index.to_be_bytes());
    nonce.into()
}

/// Chunks of a blob of so many plain bytes: at least one, so that an empty blob is sealed too.
pub const fn chunk_count(plain_len: u64) -> u64 {
    let chunks = plain_len.div_ceil(CHUNK_LEN);
    if chunks == 0 { 1 } else { chunks }
}

/// Sealed bytes of a blob of so many plain bytes.
pub const fn sealed_len(plain_len: u64) -> u64 {
    plain_len.saturating_add(chunk_count(plain_len).saturating_mul(TAG_LEN))
}

/// Plain bytes of a blob of so many sealed bytes; `None` for a length that no blob has.
pub const fn plain_len(sealed_len: u64) -> Option<u64> {
    let chunks = sealed_len.div_ceil(CHUNK_LEN + TAG_LEN);
    match sealed_len.checked_sub(chunks * TAG_LEN) {
        Some(plain) if chunks > 0 && self::sealed_len(plain) == sealed_len => Some(plain),
        _ => None,
    }
}

/// Which sealed bytes must be read for a range of plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first chunk.
    pub first: u64,
    /// How many chunks.
    pub count: u64,
    /// Where they begin in the blob.
    pub offset: u64,
    /// How many sealed bytes they have.
    pub len: u64,
    /// Plain bytes to leave out at the start.
    pub skip: u64,
}

/// The window of a range within a blob of `total` plain bytes; the range must lie within it.
pub fn window(total: u64, offset: u64, len: u64) -> Option<Window> {
    let end = offset.checked_add(len).filter(|&end| end <= total)?;
    let chunks = chunk_count(total);
    let first = (offset / CHUNK_LEN).min(chunks - 1);
    let behind = end.div_ceil(CHUNK_LEN).max(first + 1);
    let sealed = CHUNK_LEN + TAG_LEN;
    let at = first * sealed;
    let stop = if behind == chunks { sealed_len(total) } else { behind * sealed };
    Some(Window {
        first,
        count: behind - first,
        offset: at,
        len: stop - at,
        skip: offset - first * CHUNK_LEN,
    })
}
