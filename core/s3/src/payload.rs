//! How a body is protected: the value of `x-amz-content-sha256`, and what goes with it.
//!
//! | mode | body on the wire | who answers for its bytes |
//! |---|---|---|
//! | [`PayloadMode::Sha256`] | as it is | the digest in the signed header |
//! | [`PayloadMode::Unsigned`] | as it is | nobody; checksums if there are any |
//! | [`PayloadMode::StreamingSigned`] | aws-chunked | a chain of signatures, one per chunk |
//! | [`PayloadMode::StreamingSignedTrailer`] | aws-chunked, trailers | the chain, the trailers' signature last |
//! | [`PayloadMode::StreamingUnsignedTrailer`] | aws-chunked, trailers | the checksum in the trailer |
//!
//! Source: "Signature calculations for the Authorization header" with its two pages on chunks, Amazon S3 API reference.

use alloc::string::String;
use core::fmt;

use crate::auth::AuthError;
use crate::checksum::Algorithm;
use crate::encoding::parse_hex;
use crate::error::{ErrorCode, error_codes};
use crate::request::Headers;

/// How a body is protected. Whoever decides something by it matches every mode: a mode that falls through is how other stores took unsigned
/// data for signed (CVE-2026-40344, CVE-2026-41145).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadMode {
    /// The digest of the whole body is part of what is signed.
    Sha256([u8; 32]),
    /// The body is not part of what is signed.
    Unsigned,
    /// Chunks, each with a signature that the one before is part of.
    StreamingSigned,
    /// The same, with signed trailers.
    StreamingSignedTrailer,
    /// Chunks without signatures, with trailers.
    StreamingUnsignedTrailer,
}

/// The header that names the mode.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";

impl PayloadMode {
    /// Reads the header's value.
    ///
    /// # Errors
    ///
    /// [`AuthError::Asymmetric`] for the modes of SigV4A, [`AuthError::Payload`] for anything else.
    pub fn parse(value: &str) -> Result<PayloadMode, AuthError> {
        match value {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::StreamingSigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::StreamingSignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::StreamingUnsignedTrailer),
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => Err(AuthError::Asymmetric),
            digest => {
                let lower = !digest.bytes().any(|b| b.is_ascii_uppercase());
                let digest = parse_hex(digest.as_bytes()).filter(|_| lower);
                digest.map(Self::Sha256).ok_or(AuthError::Payload)
            }
        }
    }

    /// Whether the body is framed in chunks.
    pub fn is_chunked(self) -> bool {
        match self {
            Self::Sha256(_) | Self::Unsigned => false,
            Self::StreamingSigned | Self::StreamingSignedTrailer | Self::StreamingUnsignedTrailer => true,
        }
    }

    /// Whether each chunk has a signature.
    pub fn is_chunk_signed(self) -> bool {
        match self {
            Self::Sha256(_) | Self::Unsigned | Self::StreamingUnsignedTrailer => false,
            Self::StreamingSigned | Self::StreamingSignedTrailer => true,
        }
    }

    /// Whether trailers may follow the last chunk.
    pub fn has_trailer(self) -> bool {
        match self {
            Self::Sha256(_) | Self::Unsigned | Self::StreamingSigned => false,
            Self::StreamingSignedTrailer | Self::StreamingUnsignedTrailer => true,
        }
    }
}

/// What a chunked body's header says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkedBody {
    /// Bytes without the framing: `x-amz-decoded-content-length`.
    pub decoded_len: u64,
    /// The checksum that will follow: `x-amz-trailer`.
    pub trailer: Option<Algorithm>,
}

/// Why a chunked body's header cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkedBodyError {
    /// No `x-amz-decoded-content-length`.
    LenMissing,
    /// It is no number.
    Len,
    /// `x-amz-trailer` names something else than one checksum, or comes without a mode that has trailers.
    Trailer,
}

impl ChunkedBodyError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::LenMissing => ErrorCode::MissingContentLength,
            Self::Len => ErrorCode::InvalidArgument,
            Self::Trailer => ErrorCode::MalformedTrailerError,
        }
    }
}

impl fmt::Display for ChunkedBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LenMissing => "x-amz-decoded-content-length is missing",
            Self::Len => "x-amz-decoded-content-length is no number",
            Self::Trailer => "x-amz-trailer does not name one checksum",
        })
    }
}

error_codes!(ChunkedBodyError);

impl ChunkedBody {
    /// Reads the header of a request in a chunked mode.
    ///
    /// # Errors
    ///
    /// [`ChunkedBodyError`].
    pub fn read(mode: PayloadMode, headers: Headers<'_>) -> Result<ChunkedBody, ChunkedBodyError> {
        let len = headers.get("x-amz-decoded-content-length").ok_or(ChunkedBodyError::LenMissing)?;
        let decoded_len = parse_len(len).ok_or(ChunkedBodyError::Len)?;
        let mut names = headers.all("x-amz-trailer");
        let trailer = match (names.next(), names.next()) {
            (None, _) => None,
            (Some(name), None) if mode.has_trailer() => {
                let name = core::str::from_utf8(name).map_err(|_| ChunkedBodyError::Trailer)?;
                let name = name.trim().to_ascii_lowercase();
                Some(Algorithm::from_header(&name).ok_or(ChunkedBodyError::Trailer)?)
            }
            _ => return Err(ChunkedBodyError::Trailer),
        };
        Ok(ChunkedBody { decoded_len, trailer })
    }
}

/// A length: nothing but digits, no overflow.
pub fn parse_len(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// What is kept of `Content-Encoding`: everything but `aws-chunked`, which is of the wire.
pub fn stored_content_encoding(value: &str) -> Option<String> {
    let mut kept = String::new();
    for coding in value.split(',').map(str::trim) {
        if !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked") {
            if !kept.is_empty() {
                kept.push(',');
            }
            kept.push_str(coding);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(matches!(PayloadMode::parse(digest), Ok(PayloadMode::Sha256(d)) if d[0] == 0xe3));
        assert_eq!(PayloadMode::parse("UNSIGNED-PAYLOAD"), Ok(PayloadMode::Unsigned));
        for value in
            ["STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"]
        {
            assert_eq!(PayloadMode::parse(value), Err(AuthError::Asymmetric));
        }
        for value in
            ["", "unsigned-payload", "STREAMING-UNSIGNED-PAYLOAD", &digest[1..], &digest.to_ascii_uppercase()]
        {
            assert_eq!(PayloadMode::parse(value), Err(AuthError::Payload), "{value}");
        }
    }

    #[test]
    fn chunked_headers() {
        let read = |mode, headers: &[(&str, &[u8])]| ChunkedBody::read(mode, Headers(headers));
        let len: (&str, &[u8]) = ("x-amz-decoded-content-length", b"5");
        let crc: (&str, &[u8]) = ("x-amz-trailer", b"X-Amz-Checksum-Crc32");
        let mode = PayloadMode::StreamingUnsignedTrailer;
        assert_eq!(
            read(mode, &[len, crc]),
            Ok(ChunkedBody { decoded_len: 5, trailer: Some(Algorithm::Crc32) })
        );
        assert_eq!(read(mode, &[len]), Ok(ChunkedBody { decoded_len: 5, trailer: None }));
        assert_eq!(read(mode, &[crc]), Err(ChunkedBodyError::LenMissing));
        assert_eq!(read(mode, &[("x-amz-decoded-content-length", b"-5")]), Err(ChunkedBodyError::Len));
        assert_eq!(
            read(mode, &[("x-amz-decoded-content-length", b"18446744073709551616")]),
            Err(ChunkedBodyError::Len)
        );
        assert_eq!(read(mode, &[len, ("x-amz-trailer", b"content-type")]), Err(ChunkedBodyError::Trailer));
        assert_eq!(read(mode, &[len, crc, crc]), Err(ChunkedBodyError::Trailer));
        assert_eq!(read(PayloadMode::StreamingSigned, &[len, crc]), Err(ChunkedBodyError::Trailer));
    }

    #[test]
    fn the_coding_of_the_wire_is_not_stored() {
        assert_eq!(stored_content_encoding("aws-chunked"), None);
        assert_eq!(stored_content_encoding("gzip, AWS-Chunked").as_deref(), Some("gzip"));
        assert_eq!(stored_content_encoding("aws-chunked,gzip,br").as_deref(), Some("gzip,br"));
        assert_eq!(stored_content_encoding("").as_deref(), None);
    }
}
