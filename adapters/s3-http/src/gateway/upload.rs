//! Bytes on their way up: digests are taken, pieces are gathered, and the object is made once everything is checked.

use bytes::Bytes;
use dolmen_s3::auth::Verified;
use dolmen_s3::checksum::Hasher;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::md5::Md5;
use hyper::body::Incoming;
use object_store::path::Path;
use object_store::{
    Attributes, MultipartUpload, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};
use sha2::{Digest as _, Sha256};

use super::Gateway;
use super::fault;
use crate::answer::Refusal;
use crate::body::{Told, Unframed};
use crate::call::Call;
use crate::intake::{Stored, Wanted};

/// Bytes of a piece. Objects up to this length go up in one request, with its conditions.
pub(super) const PIECE_LEN: usize = 8 << 20;
/// Pieces of an upload in memory: one on its way, one that is gathered.
const PIECES: u64 = 2;

/// Digests of bytes that go by.
struct Digests {
    len: u64,
    md5: Md5,
    sha256: Option<Sha256>,
    hashers: Vec<Hasher>,
}

impl Digests {
    fn new(wanted: &Wanted) -> Digests {
        Digests {
            len: 0,
            md5: Md5::new(),
            sha256: wanted.sha256.then(Sha256::new),
            hashers: wanted.algorithms.iter().map(|&algorithm| Hasher::new(algorithm)).collect(),
        }
    }

    fn update(&mut self, data: &[u8]) {
        self.len += data.len() as u64;
        self.md5.update(data);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(data);
        }
        self.hashers.iter_mut().for_each(|hasher| hasher.update(data));
    }

    fn finish(self) -> Stored {
        Stored {
            len: self.len,
            md5: self.md5.finish(),
            sha256: self.sha256.map(|sha256| sha256.finalize().into()),
            checksums: self.hashers.into_iter().map(Hasher::finish).collect(),
            body: Vec::new(),
            written: Default::default(),
        }
    }
}

/// Takes a body in and up; what comes back is checked, and the object is not made yet.
pub(super) async fn receive(
    call: &Call<'_>,
    incoming: &mut Incoming,
    verified: &Verified,
    told: &Told,
    upload: &mut Upload<'_>,
) -> Result<Stored, Refusal> {
    let mut digests = Digests::new(&told.wanted(None));
    let mut data = Unframed::new(incoming, verified, told)?;
    while let Some(piece) = data.next().await? {
        digests.update(&piece);
        upload.push(piece).await?;
    }
    let stored = digests.finish();
    told.check(&stored, data.trailer())?;
    call.server.numbers.received.fetch_add(stored.len, std::sync::atomic::Ordering::Relaxed);
    Ok(stored)
}

/// What is said of a condition on an object that takes more than one request.
pub(super) fn conditional() -> Refusal {
    let text = "The gateway puts objects of more than 8 MiB without conditions only.";
    Refusal::says(ErrorCode::NotImplemented, text)
}

/// How much memory an upload of this length holds.
pub(super) fn memory(len: Option<u64>) -> u64 {
    len.unwrap_or(u64::MAX).min(PIECES * PIECE_LEN as u64)
}

/// An object that is being put. Dropped unfinished, it is given up there too.
pub(super) struct Upload<'g> {
    gateway: &'g Gateway,
    path: Path,
    attributes: Attributes,
    mode: PutMode,
    gathered: Vec<Bytes>,
    gathered_len: usize,
    parts: Option<Box<dyn MultipartUpload>>,
    flying: Option<UploadPart>,
}

impl<'g> Upload<'g> {
    pub fn new(gateway: &'g Gateway, path: Path, attributes: Attributes, mode: PutMode) -> Upload<'g> {
        Upload {
            gateway,
            path,
            attributes,
            mode,
            gathered: Vec::new(),
            gathered_len: 0,
            parts: None,
            flying: None,
        }
    }

    pub async fn push(&mut self, mut data: Bytes) -> Result<(), Refusal> {
        while self.gathered_len + data.len() > PIECE_LEN {
            let now = data.split_to(PIECE_LEN - self.gathered_len);
            self.gather(now);
            self.send().await?;
        }
        self.gather(data);
        Ok(())
    }

    fn gather(&mut self, data: Bytes) {
        self.gathered_len += data.len();
        // Small pieces hold the buffers that they were cut from: a copy is smaller.
        let data = if data.len() < 16 << 10 { Bytes::copy_from_slice(&data) } else { data };
        self.gathered.push(data);
    }

    fn payload(&mut self) -> PutPayload {
        self.gathered_len = 0;
        std::mem::take(&mut self.gathered).into_iter().collect()
    }

    /// Sends what is gathered, after the piece before has arrived.
    async fn send(&mut self) -> Result<(), Refusal> {
        self.landed().await?;
        if self.parts.is_none() {
            if self.mode != PutMode::Overwrite {
                return Err(conditional());
            }
            let attributes = std::mem::take(&mut self.attributes);
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let begun = self.gateway.store.put_multipart_opts(&self.path, options);
            self.parts = Some(self.gateway.timed(begun).await?);
        }
        let payload = self.payload();
        self.flying = self.parts.as_mut().map(|parts| parts.put_part(payload));
        Ok(())
    }

    async fn landed(&mut self) -> Result<(), Refusal> {
        match self.flying.take() {
            Some(flying) => self.gateway.timed(flying).await,
            None => Ok(()),
        }
    }

    /// Makes the object.
    pub async fn finish(mut self) -> Result<PutResult, Refusal> {
        if self.parts.is_none() {
            let options = PutOptions {
                mode: std::mem::take(&mut self.mode),
                attributes: std::mem::take(&mut self.attributes),
                ..PutOptions::default()
            };
            let payload = self.payload();
            return self.gateway.timed(self.gateway.store.put_opts(&self.path, payload, options)).await;
        }
        self.send().await?;
        self.landed().await?;
        let Some(mut parts) = self.parts.take() else { return Err(Refusal::new(ErrorCode::InternalError)) };
        let completed = self.gateway.joined(parts.complete()).await;
        if completed.is_err() {
            self.parts = Some(parts);
        }
        completed
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        self.flying = None;
        tokio::spawn(async move {
            let given_up = tokio::time::timeout(std::time::Duration::from_secs(30), parts.abort()).await;
            if let Ok(Err(error)) = given_up {
                let code = fault::refusal(&error).code.name();
                tracing::warn!(target: "s3", "an upload that failed is left behind the gateway: {code}");
            }
        });
    }
}
