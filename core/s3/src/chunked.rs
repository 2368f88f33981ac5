//! The framing `aws-chunked`: chunks of a body with their signatures, and a checksum behind the last one.
//!
//! ```text
//! 10000;chunk-signature=ad80..c648\r\n     size in hexadecimal, signature (signed modes only)
//! (65536 bytes)\r\n
//! 0;chunk-signature=b6c6..bd9\r\n          the last chunk is empty, and signed too
//! x-amz-checksum-crc32c:sOO8/Q==\r\n       the trailer that x-amz-trailer has announced
//! x-amz-trailer-signature:63bd..843f\r\n   (signed trailers only)
//! \r\n
//! ```
//!
//! A chunk's signature is over the one before it, the first one over the request's own: nothing can be left out, changed or put elsewhere.
//! [`Decoder`] hands data out as it comes; a signature is checked when the last byte of its chunk is there, and that byte is not handed out
//! if it is wrong. So whoever stores the data commits it only after [`Event::End`]. Source: "Signature calculations for the Authorization
//! header: Transferring payload in multiple chunks" and "Including trailing headers", Amazon S3 API reference.

use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::auth::Seed;
use crate::checksum::{Algorithm, Checksum, ChecksumError};
use crate::encoding::{hex_value, hex32, parse_hex};
use crate::error::{ErrorCode, error_codes};
use crate::payload::{ChunkedBody, PayloadMode};

/// Longest line: a chunk's has 97 bytes, a trailer's 116.
const LINE_LEN_MAX: usize = 160;
const CHUNK: &str = "AWS4-HMAC-SHA256-PAYLOAD\n";
const TRAILER: &str = "AWS4-HMAC-SHA256-TRAILER\n";
const CHUNK_SIGNATURE: &[u8] = b";chunk-signature=";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";
/// The SHA-256 of nothing, and a line feed: what stands for the headers that chunks do not have.
const EMPTY_LINE: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

/// Why a body is not framed as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkedError {
    /// A line is not in its form, or too long, or a chunk does not end with a line end.
    Syntax,
    /// The chunks have more bytes than the header said.
    TooLong,
    /// The body ended before its end, or its chunks have fewer bytes than the header said.
    Short,
    /// Bytes behind the end.
    Behind,
    /// A chunk's or the trailer's signature is another one.
    Mismatch,
    /// A trailer that was not announced, comes twice or cannot come in this mode.
    Extra,
    /// The trailer that was announced, or its signature, is missing.
    Missing,
    /// The trailer's value is no checksum.
    Checksum(ChecksumError),
}

impl ChunkedError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Syntax | Self::Behind => ErrorCode::InvalidRequest,
            Self::TooLong | Self::Short => ErrorCode::IncompleteBody,
            Self::Mismatch => ErrorCode::SignatureDoesNotMatch,
            Self::Extra | Self::Missing => ErrorCode::MalformedTrailerError,
            Self::Checksum(error) => error.code(),
        }
    }
}

impl fmt::Display for ChunkedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "a chunk that is not in its form",
            Self::TooLong => "more bytes than x-amz-decoded-content-length says",
            Self::Short => "fewer bytes than x-amz-decoded-content-length says",
            Self::Behind => "bytes behind the last chunk",
            Self::Mismatch => "the signature of a chunk does not match",
            Self::Extra => "a trailer that x-amz-trailer does not name",
            Self::Missing => "the trailer that x-amz-trailer names is missing",
            Self::Checksum(error) => return error.fmt(f),
        })
    }
}

error_codes!(ChunkedError);

/// What became of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'i> {
    /// The next bytes of the body.
    Data(&'i [u8]),
    /// The input is used up.
    More,
    /// The body is whole, and every signature right. Input that is left does not belong to it.
    End,
}

/// Where the decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the line before a chunk.
    Size,
    /// In a chunk.
    Data,
    /// In the line end behind a chunk.
    DataEnd,
    /// In the lines behind the last chunk.
    Trailer,
    End,
    /// After an error.
    Failed,
}

/// Takes the framing off. Nothing is allocated.
pub struct Decoder {
    chain: Option<Chain>,
    trailer: Option<Algorithm>,
    trailers_signed: bool,
    state: State,
    line: [u8; LINE_LEN_MAX],
    line_len: usize,
    /// Bytes that the chunk still has, and that the body still has.
    chunk_left: u64,
    body_left: u64,
    /// Of the chunk, then of the trailers.
    hash: Sha256,
    signature: [u8; 32],
    signature_seen: bool,
    checksum: Option<Checksum>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({:?}, {} bytes left)", self.state, self.body_left)
    }
}

/// Each signature is over the one before it.
#[derive(Clone, Debug)]
struct Chain(Seed);

impl Chain {
    fn pieces<'p>(&'p self, kind: &'p str, previous: &'p [u8; 64], hash: &'p [u8; 64]) -> [&'p [u8]; 6] {
        let empty = if kind == CHUNK { EMPTY_LINE } else { "" };
        [kind.as_bytes(), self.0.place.as_bytes(), previous, b"\n", empty.as_bytes(), hash]
    }

    /// Checks the next signature and goes on from it.
    fn verify(&mut self, kind: &str, hash: [u8; 32], signature: &[u8; 32]) -> Result<(), ChunkedError> {
        let (previous, hash) = (hex32(&self.0.signature), hex32(&hash));
        if !self.0.key.verify(&self.pieces(kind, &previous, &hash), signature) {
            return Err(ChunkedError::Mismatch);
        }
        self.0.signature = *signature;
        Ok(())
    }

    fn sign(&mut self, kind: &str, hash: [u8; 32]) -> [u8; 64] {
        let (previous, hash) = (hex32(&self.0.signature), hex32(&hash));
        self.0.signature = self.0.key.sign(&self.pieces(kind, &previous, &hash));
        hex32(&self.0.signature)
    }
}

impl Decoder {
    /// For a body in a chunked mode; `seed` is what [`crate::auth::Verified`] has. `None` if the mode is not chunked, or a signed one has
    /// no seed: then nobody has checked who sends it.
    pub fn new(mode: PayloadMode, body: &ChunkedBody, seed: Option<Seed>) -> Option<Decoder> {
        if !mode.is_chunked() || mode.is_chunk_signed() != seed.is_some() {
            return None;
        }
        Some(Decoder {
            chain: seed.map(Chain),
            trailer: body.trailer,
            trailers_signed: mode == PayloadMode::StreamingSignedTrailer,
            state: State::Size,
            line: [0; LINE_LEN_MAX],
            line_len: 0,
            chunk_left: 0,
            body_left: body.decoded_len,
            hash: Sha256::new(),
            signature: [0; 32],
            signature_seen: false,
            checksum: None,
        })
    }

    /// Takes from the front of `input` until there is something to say.
    ///
    /// # Errors
    ///
    /// [`ChunkedError`]; the decoder is of no use then.
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Event<'i>, ChunkedError> {
        let event = self.step(input);
        if event.is_err() {
            self.state = State::Failed;
        }
        event
    }

    /// The input is over.
    ///
    /// # Errors
    ///
    /// [`ChunkedError::Short`] if the body is not whole.
    pub fn finish(&self) -> Result<(), ChunkedError> {
        if self.state == State::End { Ok(()) } else { Err(ChunkedError::Short) }
    }

    /// The checksum of the trailer, after [`Event::End`].
    pub fn checksum(&self) -> Option<Checksum> {
        self.checksum
    }

    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Event<'i>, ChunkedError> {
        loop {
            match self.state {
                State::End => return Ok(Event::End),
                State::Failed => return Err(ChunkedError::Syntax),
                _ if input.is_empty() => return Ok(Event::More),
                State::Data => return self.data(input).map(Event::Data),
                State::Size | State::DataEnd | State::Trailer => {
                    if let Some(len) = self.take_line(input)? {
                        let line = self.line;
                        self.line_len = 0;
                        self.end_line(&line[..len])?;
                    }
                }
            }
        }
    }

    /// Bytes of the open chunk. With the last of them its signature is checked.
    fn data<'i>(&mut self, input: &mut &'i [u8]) -> Result<&'i [u8], ChunkedError> {
        let len = usize::try_from(self.chunk_left).map_or(input.len(), |left| left.min(input.len()));
        let (data, rest) = input.split_at(len);
        *input = rest;
        self.chunk_left -= len as u64;
        self.body_left -= len as u64;
        if let Some(chain) = &mut self.chain {
            self.hash.update(data);
            if self.chunk_left == 0 {
                chain.verify(CHUNK, self.hash.finalize_reset().into(), &self.signature)?;
            }
        }
        if self.chunk_left == 0 {
            self.state = State::DataEnd;
        }
        Ok(data)
    }

    /// Collects a line; its length without the line end once that is there.
    fn take_line(&mut self, input: &mut &[u8]) -> Result<Option<usize>, ChunkedError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if byte == b'\n' && self.line_len > 0 && self.line[self.line_len - 1] == b'\r' {
                return Ok(Some(self.line_len - 1));
            }
            if byte == b'\n' && self.state != State::Trailer {
                return Err(ChunkedError::Syntax);
            }
            *self.line.get_mut(self.line_len).ok_or(ChunkedError::Syntax)? = byte;
            self.line_len += 1;
        }
        Ok(None)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), ChunkedError> {
        match (self.state, line) {
            (State::DataEnd, []) => self.state = State::Size,
            (State::Size, line) => self.begin_chunk(line)?,
            (State::Trailer, []) => self.end_trailers()?,
            (State::Trailer, line) => self.trailer_line(line)?,
            _ => return Err(ChunkedError::Syntax),
        }
        Ok(())
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), ChunkedError> {
        let digits = line.iter().take_while(|&&b| hex_value(b).is_some()).count();
        if digits == 0 || digits > 16 {
            return Err(ChunkedError::Syntax);
        }
        let size = line[..digits].iter().fold(0, |size, &b| size << 4 | u64::from(hex_value(b).unwrap_or(0)));
        match (&self.chain, &line[digits..]) {
            (None, []) => {}
            (Some(_), extension) => {
                let signature = extension.strip_prefix(CHUNK_SIGNATURE).and_then(parse_hex);
                self.signature = signature.ok_or(ChunkedError::Syntax)?;
            }
            (None, _) => return Err(ChunkedError::Syntax),
        }
        if size > self.body_left {
            return Err(ChunkedError::TooLong);
        }
        self.chunk_left = size;
        self.state = State::Data;
        if size == 0 {
            if self.body_left > 0 {
                return Err(ChunkedError::Short);
            }
            if let Some(chain) = &mut self.chain {
                chain.verify(CHUNK, self.hash.finalize_reset().into(), &self.signature)?;
            }
            self.state = State::Trailer;
        }
        Ok(())
    }

    /// `name:value`, once each; nothing but what was announced, and its signature last.
    fn trailer_line(&mut self, line: &[u8]) -> Result<(), ChunkedError> {
        let text = core::str::from_utf8(line).map_err(|_| ChunkedError::Syntax)?;
        // Some clients end the line with the line feed that is signed, and then with the line end.
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (name, value) = text.split_once(':').ok_or(ChunkedError::Syntax)?;
        let value = value.trim_matches([' ', '\t']);
        if self.signature_seen {
            return Err(ChunkedError::Extra);
        }
        if self.trailers_signed && name.eq_ignore_ascii_case(TRAILER_SIGNATURE) {
            self.signature = parse_hex(value.as_bytes()).ok_or(ChunkedError::Syntax)?;
            self.signature_seen = true;
            return Ok(());
        }
        let announced = self.trailer.filter(|algorithm| name.eq_ignore_ascii_case(algorithm.header()));
        let algorithm = announced.filter(|_| self.checksum.is_none()).ok_or(ChunkedError::Extra)?;
        self.checksum = Some(Checksum::parse(algorithm, value).map_err(ChunkedError::Checksum)?);
        if self.trailers_signed {
            self.hash.update(algorithm.header());
            self.hash.update(b":");
            self.hash.update(value);
            self.hash.update(b"\n");
        }
        Ok(())
    }

    fn end_trailers(&mut self) -> Result<(), ChunkedError> {
        let whole =
            self.trailer.is_some() == self.checksum.is_some() && self.trailers_signed == self.signature_seen;
        if !whole {
            return Err(ChunkedError::Missing);
        }
        if let Some(chain) = self.chain.as_mut().filter(|_| self.signature_seen) {
            chain.verify(TRAILER, self.hash.finalize_reset().into(), &self.signature)?;
        }
        self.state = State::End;
        Ok(())
    }
}

/// Puts the framing on: for our own client.
#[derive(Clone, Debug)]
pub struct Encoder {
    chain: Option<Chain>,
    trailers_signed: bool,
}

impl Encoder {
    /// For a chunked mode; `seed` is what [`crate::auth::Signed`] has. `None` if the mode is not chunked, or a signed one has no seed.
    pub fn new(mode: PayloadMode, seed: Option<Seed>) -> Option<Encoder> {
        if !mode.is_chunked() || mode.is_chunk_signed() != seed.is_some() {
            return None;
        }
        Some(Encoder { chain: seed.map(Chain), trailers_signed: mode == PayloadMode::StreamingSignedTrailer })
    }

    /// Appends a chunk. An empty one would be the last: it is left out.
    pub fn chunk(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if !data.is_empty() {
            self.head(data, out);
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the last chunk and the trailer.
    pub fn finish(&mut self, checksum: Option<&Checksum>, out: &mut Vec<u8>) {
        self.head(&[], out);
        let mut hash = Sha256::new();
        if let Some(checksum) = checksum {
            let line = alloc::format!("{}:{}", checksum.algorithm().header(), checksum.base64());
            hash.update(&line);
            hash.update(b"\n");
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(chain) = self.chain.as_mut().filter(|_| self.trailers_signed) {
            out.extend_from_slice(TRAILER_SIGNATURE.as_bytes());
            out.push(b':');
            out.extend_from_slice(&chain.sign(TRAILER, hash.finalize().into()));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn head(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(alloc::format!("{:x}", data.len()).as_bytes());
        if let Some(chain) = &mut self.chain {
            out.extend_from_slice(CHUNK_SIGNATURE);
            out.extend_from_slice(&chain.sign(CHUNK, Sha256::digest(data).into()));
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Bytes of a body of `decoded_len` bytes in chunks of `chunk_len` (the last may be shorter) with this trailer: its `Content-Length`.
    pub fn encoded_len(
        mode: PayloadMode,
        decoded_len: u64,
        chunk_len: u64,
        trailer: Option<Algorithm>,
    ) -> u64 {
        let signature = if mode.is_chunk_signed() { CHUNK_SIGNATURE.len() as u64 + 64 } else { 0 };
        let head = |len: u64| u64::from(u64::BITS - len.leading_zeros()).div_ceil(4).max(1) + signature + 2;
        let (whole, rest) = (decoded_len / chunk_len.max(1), decoded_len % chunk_len.max(1));
        let mut len = whole * (head(chunk_len) + chunk_len + 2) + head(0) + 2;
        if rest > 0 {
            len += head(rest) + rest + 2;
        }
        if let Some(algorithm) = trailer {
            len += (algorithm.header().len() + 1 + algorithm.digest_len().div_ceil(3) * 4 + 2) as u64;
        }
        if mode == PayloadMode::StreamingSignedTrailer {
            len += TRAILER_SIGNATURE.len() as u64 + 1 + 64 + 2;
        }
        len
    }
}
