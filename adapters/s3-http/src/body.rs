//! Bodies that come in: unframed as the signature says, checked against every digest that was announced, and bounded in length and in time.

use std::time::Duration;

use bytes::Bytes;
use dolmen_s3::auth::Verified;
use dolmen_s3::checksum::{Algorithm, Checksum, ChecksumError};
use dolmen_s3::chunked::{ChunkedError, Decoder, Event};
use dolmen_s3::encoding::unbase64;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::Operation;
use dolmen_s3::payload::{ChunkedBody, PayloadMode, parse_len};
use dolmen_s3::state::sse::SecretKey;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::answer::Refusal;
use crate::call::Call;
use crate::connection::patience;
use crate::intake::{Feed, Intake, Stored, Wanted};

/// Time that a client may take for the next bytes.
const BYTES_TIMEOUT: Duration = patience(Duration::from_secs(30));
/// Bytes of a refused request that are read, so that its client gets to read the answer.
const DRAIN_LEN_MAX: u64 = 1 << 20;
/// Time for that.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// What the header says about the body.
pub(crate) struct Told {
    mode: PayloadMode,
    chunked: Option<ChunkedBody>,
    /// Length of the data, where it is told.
    len: Option<u64>,
    len_max: u64,
    md5: Option<[u8; 16]>,
    checksum: Option<Checksum>,
    /// The algorithm that the client named, with a value now or in a trailer, or without one.
    algorithm: Option<Algorithm>,
    /// The one that is computed.
    computed: Algorithm,
}

impl Told {
    pub fn read(call: &Call<'_>, verified: &Verified, len_max: u64) -> Result<Told, Refusal> {
        let headers = call.headers;
        let mode = verified.payload;
        let chunked = if mode.is_chunked() { Some(ChunkedBody::read(mode, headers)?) } else { None };
        let len = match (&chunked, headers.get("content-length")) {
            (Some(body), _) => Some(body.decoded_len),
            (None, Some(text)) => Some(parse_len(text).ok_or(ErrorCode::InvalidArgument)?),
            (None, None) => None,
        };
        if len.is_none() && !headers.has("transfer-encoding") {
            return Err(Refusal::new(ErrorCode::MissingContentLength));
        }
        if len.is_some_and(|len| len > len_max) {
            return Err(Refusal::new(ErrorCode::EntityTooLarge));
        }
        let md5 = match headers.get("content-md5") {
            None => None,
            Some(text) => Some(digest(text).ok_or(ErrorCode::InvalidDigest)?),
        };
        let checksum = named(call)?;
        let is_list = call.operation == Operation::CompleteMultipartUpload;
        let wanted = match headers.get("x-amz-sdk-checksum-algorithm").filter(|_| !is_list) {
            None => None,
            Some(text) => Some(Algorithm::from_name(text)?),
        };
        let trailer = chunked.and_then(|body| body.trailer);
        let algorithm = checksum.map(|checksum| checksum.algorithm()).or(trailer);
        if let (Some(wanted), Some(algorithm)) = (wanted, algorithm)
            && wanted != algorithm
        {
            return Err(ChecksumError::Several.into());
        }
        if wanted.is_some() && algorithm.is_none() {
            let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.";
            return Err(Refusal::says(ErrorCode::InvalidRequest, message));
        }
        let computed = algorithm.unwrap_or(Algorithm::Crc64Nvme);
        Ok(Told { mode, chunked, len, len_max, md5, checksum, algorithm, computed })
    }

    /// What the fields of a form say.
    pub fn of_form(call: &Call<'_>) -> Result<Told, Refusal> {
        let md5 = match call.headers.get("content-md5") {
            None => None,
            Some(text) => Some(digest(text).ok_or(ErrorCode::InvalidDigest)?),
        };
        let checksum = named(call)?;
        let algorithm = checksum.map(|checksum| checksum.algorithm());
        Ok(Told {
            mode: PayloadMode::Unsigned,
            chunked: None,
            len: None,
            len_max: u64::MAX,
            md5,
            checksum,
            algorithm,
            computed: algorithm.unwrap_or(Algorithm::Crc64Nvme),
        })
    }

    /// Length of the data, where it is told.
    #[cfg(feature = "gateway")]
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether the client named a checksum.
    pub fn is_named(&self) -> bool {
        self.algorithm.is_some()
    }

    /// The upload that the part belongs to has this algorithm.
    pub fn fit(&mut self, algorithm: Algorithm) -> Result<(), Refusal> {
        if let Some(named) = self.algorithm.filter(|named| *named != algorithm) {
            let message = format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                algorithm.name().to_lowercase(),
                named.name().to_lowercase()
            );
            return Err(Refusal::says(ErrorCode::InvalidRequest, message));
        }
        self.computed = algorithm;
        Ok(())
    }

    pub fn wanted(&self, key: Option<SecretKey>) -> Wanted {
        Wanted {
            sha256: matches!(self.mode, PayloadMode::Sha256(_)),
            algorithms: vec![self.computed],
            announced: self.len,
            key,
        }
    }

    /// Whether the bytes are those that were announced.
    pub fn check(&self, stored: &Stored, trailer: Option<Checksum>) -> Result<(), Refusal> {
        if self.len.is_some_and(|len| len != stored.len) {
            return Err(Refusal::new(ErrorCode::IncompleteBody));
        }
        // Every mode is named: one that falls through is how data passes unchecked.
        match self.mode {
            PayloadMode::Sha256(wanted) => {
                if stored.sha256 != Some(wanted) {
                    return Err(Refusal::new(ErrorCode::XAmzContentSHA256Mismatch));
                }
            }
            PayloadMode::Unsigned
            | PayloadMode::StreamingSigned
            | PayloadMode::StreamingSignedTrailer
            | PayloadMode::StreamingUnsignedTrailer => {}
        }
        if self.md5.is_some_and(|md5| md5 != stored.md5) {
            return Err(Refusal::new(ErrorCode::BadDigest));
        }
        for wanted in [self.checksum, trailer].into_iter().flatten() {
            let found = stored.checksums.iter().find(|found| found.algorithm() == wanted.algorithm());
            found.ok_or(ChecksumError::Several)?.expect(&wanted)?;
        }
        Ok(())
    }
}

/// The one checksum that the header names with a value.
fn named(call: &Call<'_>) -> Result<Option<Checksum>, Refusal> {
    // There it is the object's, and not that of the list of its parts.
    if call.operation == Operation::CompleteMultipartUpload {
        return Ok(None);
    }
    let mut found = None;
    for (name, value) in call.headers.0 {
        let Some(algorithm) = Algorithm::from_header(name) else { continue };
        if found.is_some() {
            return Err(ChecksumError::Several.into());
        }
        let text = std::str::from_utf8(value).map_err(|_| ChecksumError::Value { algorithm })?;
        found = Some(Checksum::parse(algorithm, text.trim())?);
    }
    Ok(found)
}

fn digest(text: &str) -> Option<[u8; 16]> {
    unbase64(text.as_bytes())?.try_into().ok()
}

/// The next bytes of the wire; `None` at the end.
pub(crate) async fn next(incoming: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = tokio::time::timeout(BYTES_TIMEOUT, incoming.frame()).await;
        match frame.map_err(|_| ErrorCode::RequestTimeout)? {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
            Some(Err(_)) => return Err(Refusal::new(ErrorCode::IncompleteBody)),
        }
    }
}

/// Takes a body in. What comes back is kept once a batch names it, and goes otherwise.
pub(crate) async fn receive(
    call: &Call<'_>,
    incoming: &mut Incoming,
    verified: &Verified,
    told: &Told,
    key: Option<SecretKey>,
) -> Result<Stored, Refusal> {
    let mut feed = Feed::new(Intake::new(call.engine().clone(), &told.wanted(key)));
    let mut data = Unframed::new(incoming, verified, told)?;
    while let Some(piece) = data.next().await? {
        feed.push(piece).await?;
    }
    let trailer = data.trailer();
    let stored = feed.finish().await?;
    told.check(&stored, trailer)?;
    call.server.numbers.received.fetch_add(stored.len, std::sync::atomic::Ordering::Relaxed);
    Ok(stored)
}

/// A body whose framing is taken off.
pub(crate) struct Unframed<'a> {
    incoming: &'a mut Incoming,
    decoder: Option<Decoder>,
    piece: Bytes,
    len: u64,
    len_max: u64,
}

impl<'a> Unframed<'a> {
    pub fn new(
        incoming: &'a mut Incoming,
        verified: &Verified,
        told: &Told,
    ) -> Result<Unframed<'a>, Refusal> {
        let decoder = match &told.chunked {
            None => None,
            Some(body) => {
                let decoder = Decoder::new(told.mode, body, verified.seed.clone());
                Some(decoder.ok_or(ErrorCode::SignatureDoesNotMatch)?)
            }
        };
        Ok(Unframed { incoming, decoder, piece: Bytes::new(), len: 0, len_max: told.len_max })
    }

    /// The next bytes of the data; `None` once the body is whole.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some(decoder) = self.decoder.as_mut().filter(|_| !self.piece.is_empty()) {
                let mut input: &[u8] = &self.piece;
                let event = decoder.next(&mut input)?;
                let data = match event {
                    Event::Data(data) => Some(self.piece.slice_ref(data)),
                    Event::More => None,
                    Event::End if input.is_empty() => None,
                    Event::End => return Err(ChunkedError::Behind.into()),
                };
                self.piece = self.piece.slice_ref(input);
                if data.is_some() {
                    return Ok(data);
                }
                continue;
            }
            let Some(piece) = next(self.incoming).await? else {
                if let Some(decoder) = &self.decoder {
                    decoder.finish()?;
                }
                return Ok(None);
            };
            if self.decoder.is_some() {
                self.piece = piece;
                continue;
            }
            self.len += piece.len() as u64;
            if self.len > self.len_max {
                return Err(Refusal::new(ErrorCode::EntityTooLarge));
            }
            return Ok(Some(piece));
        }
    }

    /// The checksum of the trailer.
    pub fn trailer(&self) -> Option<Checksum> {
        self.decoder.as_ref().and_then(Decoder::checksum)
    }
}

/// Takes a short body whole.
pub(crate) async fn whole(
    call: &Call<'_>,
    incoming: &mut Incoming,
    verified: &Verified,
    len_max: usize,
) -> Result<Vec<u8>, Refusal> {
    if incoming.is_end_stream() && !call.headers.has("content-length") {
        return Ok(Vec::new());
    }
    let told = Told::read(call, verified, len_max as u64).map_err(|mut refusal| {
        if refusal.code == ErrorCode::EntityTooLarge {
            refusal.code = ErrorCode::MaxMessageLengthExceeded;
        }
        refusal
    })?;
    taken(incoming, verified, &told).await
}

/// Takes a body whole that is no longer than [`Told::read`] was told.
pub(crate) async fn taken(
    incoming: &mut Incoming,
    verified: &Verified,
    told: &Told,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    let mut data = Unframed::new(incoming, verified, told)?;
    while let Some(piece) = data.next().await? {
        out.extend_from_slice(&piece);
    }
    told.check(&digests(&out, told), data.trailer())?;
    Ok(out)
}

/// Puts a body that was taken where bytes are kept.
pub(crate) async fn keep(
    call: &Call<'_>,
    told: &Told,
    bytes: Vec<u8>,
    key: Option<SecretKey>,
) -> Result<Stored, Refusal> {
    let mut feed = Feed::new(Intake::new(call.engine().clone(), &told.wanted(key)));
    feed.push(bytes.into()).await?;
    Ok(feed.finish().await?)
}

/// The digests of a body that is not kept.
pub(crate) fn digests(body: &[u8], told: &Told) -> Stored {
    use md5::{Digest as _, Md5};
    use sha2::Sha256;
    Stored {
        len: body.len() as u64,
        md5: Md5::digest(body).into(),
        sha256: matches!(told.mode, PayloadMode::Sha256(_)).then(|| Sha256::digest(body).into()),
        checksums: vec![dolmen_s3::checksum::Hasher::hash(told.computed, body)],
        body: Vec::new(),
        written: Default::default(),
    }
}

/// Reads what a refused request still sends, if that is little. Whether the connection can be used again.
pub(crate) async fn drain(incoming: &mut Incoming, is_expecting: bool) -> bool {
    if incoming.is_end_stream() {
        return true;
    }
    // Who asks before it sends has its answer; to read on would be a yes.
    if is_expecting {
        return false;
    }
    if incoming.size_hint().upper().is_some_and(|len| len > DRAIN_LEN_MAX) {
        return false;
    }
    let all = async {
        let mut len = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            len += frame.data_ref().map_or(0, |data| data.len() as u64);
            if len > DRAIN_LEN_MAX {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DRAIN_TIMEOUT, all).await.unwrap_or(false)
}
