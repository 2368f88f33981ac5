//! What every client needs: a request in its frame, an answer out of its, and the partition of a key.
//!
//! ```text
//! request   i32 length · i16 key · i16 version · i32 correlation · i16 length, client id · [tagged fields] · message
//! answer    i32 length · i32 correlation · [tagged fields] · message
//! ```
//!
//! Tagged fields stand where the version is flexible; answers to ApiVersions never have them (KIP-511).

use alloc::vec::Vec;

use crate::messages::ApiVersionsRequest;
use crate::wire::{Message, Reader, WireError};

/// Appends a request, with its length in front.
///
/// # Errors
/// [`WireError`] of the message; [`WireError::TooLong`] for what fits no frame.
pub fn put_request<'a, M: Message<'a>>(
    request: &M,
    version: i16,
    correlation: i32,
    client_id: &str,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&M::KEY.to_be_bytes());
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&correlation.to_be_bytes());
    let too_long = |len: usize| WireError::TooLong { len };
    let len = i16::try_from(client_id.len()).map_err(|_| too_long(client_id.len()))?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(client_id.as_bytes());
    if version >= M::FLEXIBLE_FROM {
        out.push(0);
    }
    request.encode(version, out)?;
    let len = out.len() - start - 4;
    let len = i32::try_from(len).map_err(|_| too_long(len))?;
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

/// Where the message begins in an answer to the request `M`, without the length in front; `None` if it answers another request.
///
/// # Errors
/// [`WireError`] of a header that is cut off.
pub fn answer_start<'a, M: Message<'a>>(
    answer: &[u8],
    version: i16,
    correlation: i32,
) -> Result<Option<usize>, WireError> {
    if answer.first_chunk::<4>() != Some(&correlation.to_be_bytes()) {
        return Ok(None);
    }
    if version < M::FLEXIBLE_FROM || M::KEY == ApiVersionsRequest::KEY {
        return Ok(Some(4));
    }
    let mut reader = Reader::new(&answer[4..], true);
    reader.tagged(|_, _| Ok(false))?;
    Ok(Some(4 + reader.position()))
}

/// The partition that Java's client gives a key.
pub fn partition_of(key: &[u8], partition_count: i32) -> i32 {
    let count = u32::try_from(partition_count.max(1)).unwrap_or(1);
    i32::try_from((murmur2(key) & 0x7fff_ffff) % count).unwrap_or(0)
}

/// The hash of Java's client: murmur2 with its seed.
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mix = |k: u32| {
        let k = k.wrapping_mul(M);
        (k ^ (k >> 24)).wrapping_mul(M)
    };
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_mul(M) ^ mix(u32::from_le_bytes(*word));
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{ApiVersionsRequest, MetadataRequest};

    /// What Java's client says for these keys and twelve partitions (known fault kafka-12).
    #[test]
    fn keys_go_where_java_sends_them() {
        let partition = |key: &str| partition_of(key.as_bytes(), 12);
        assert_eq!(["order-2", "foobar", "a", "abc", ""].map(partition), [3, 6, 4, 3, 9]);
    }

    #[test]
    fn frames_have_the_header_of_their_version() {
        let mut out = Vec::new();
        put_request(&MetadataRequest::default(), 9, 7, "me", &mut out).unwrap();
        let header = [0, 3, 0, 9, 0, 0, 0, 7, 0, 2, b'm', b'e', 0];
        assert_eq!(out[4..17], header);
        assert_eq!(out[..4], (out.len() as i32 - 4).to_be_bytes());
        let answer = [0, 0, 0, 7, 0, 1];
        assert_eq!(answer_start::<MetadataRequest<'_>>(&answer, 9, 7).unwrap(), Some(5));
        assert_eq!(answer_start::<MetadataRequest<'_>>(&answer, 8, 7).unwrap(), Some(4));
        assert_eq!(answer_start::<ApiVersionsRequest<'_>>(&answer, 3, 7).unwrap(), Some(4));
        assert_eq!(answer_start::<MetadataRequest<'_>>(&answer, 9, 8).unwrap(), None);
        assert_eq!(answer_start::<MetadataRequest<'_>>(&answer[..3], 9, 7).unwrap(), None);
        assert!(answer_start::<MetadataRequest<'_>>(&answer[..4], 9, 7).is_err());
    }
}
