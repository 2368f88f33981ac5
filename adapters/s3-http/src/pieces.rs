//! Bytes on their way out: a range of an object, extent after extent, each piece checked as it is read.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use dolmen_s3::blob::BlobError;
use dolmen_s3::state::sse::{self, SecretKey};
use dolmen_s3::state::{BlobId, Extent, keys};
use dolmen_store::ReadMode;

use crate::blobs::{BlobFault, Reader};
use crate::engine::Engine;
use crate::reply::{Pieces, Reply, Stream};
use dolmen_base::io::IoError;

/// Extents that are read one after the other.
pub(crate) struct Body {
    engine: Arc<Engine>,
    /// What is left, and the file of the first one once it is open.
    left: VecDeque<Extent>,
    open: Option<Reader>,
    key: Option<SecretKey>,
}

impl Body {
    /// Opens the first file, so that it stays readable whatever happens to the object.
    pub fn open(engine: &Arc<Engine>, extents: Vec<Extent>, key: Option<SecretKey>) -> Result<Body, BlobFault> {
        let mut body = Body { engine: engine.clone(), left: extents.into(), open: None, key };
        body.open_first()?;
        Ok(body)
    }

    fn open_first(&mut self) -> Result<(), BlobFault> {
        while self.left.front().is_some_and(|extent| extent.len == 0) {
            self.left.pop_front();
        }
        self.open = match self.left.front() {
            Some(extent) if !extent.blob.is_inline() => Some(self.engine.blobs.open(extent.blob)?),
            _ => None,
        };
        Ok(())
    }

    /// Bytes that are kept as they are.
    fn plain(&self, extent: Extent) -> Result<Vec<Bytes>, BlobFault> {
        match &self.open {
            Some(reader) => reader.read(extent.offset, extent.offset.saturating_add(extent.len)),
            None => {
                let bytes = self.inline(extent.blob)?;
                Ok(vec![cut(&bytes, extent.blob, extent.offset, extent.len)?])
            }
        }
    }

    /// Bytes that are kept sealed: a few chunks at a time.
    fn unsealed(&self, key: &SecretKey, extent: Extent) -> Result<Bytes, BlobFault> {
        let blob = extent.blob;
        let damaged = || BlobFault::Damaged { blob, error: BlobError::Corrupt { index: 0 } };
        let small = if self.open.is_none() { Some(self.inline(blob)?) } else { None };
        let sealed_len = match (&self.open, &small) {
            (Some(reader), _) => reader.data_len(),
            (None, small) => small.as_ref().map_or(0, |bytes| bytes.len() as u64),
        };
        let total = sse::plain_len(sealed_len).ok_or_else(damaged)?;
        let most = UNSEALED_CHUNKS * sse::CHUNK_LEN - extent.offset % sse::CHUNK_LEN;
        let len = extent.len.min(most);
        let window = sse::window(total, extent.offset, len).ok_or_else(damaged)?;
        let mut sealed = Vec::with_capacity(window.len as usize);
        match (&self.open, &small) {
            (Some(reader), _) => {
                let end = window.offset + window.len;
                while (sealed.len() as u64) < window.len {
                    let pieces = reader.read(window.offset + sealed.len() as u64, end)?;
                    pieces.iter().for_each(|piece| sealed.extend_from_slice(piece));
                }
            }
            (None, Some(bytes)) => sealed.extend_from_slice(&cut(bytes, blob, window.offset, window.len)?),
            (None, None) => {}
        }
        let (blob_key, chunks) = (key.of_blob(blob), sse::chunk_count(total));
        let mut out = Vec::with_capacity(sealed.len());
        for (index, chunk) in (window.first..).zip(sealed.chunks((sse::CHUNK_LEN + sse::TAG_LEN) as usize)) {
            let mut chunk = chunk.to_vec();
            blob_key.open(index, index + 1 == chunks, &mut chunk).map_err(|_| damaged())?;
            out.extend_from_slice(&chunk);
        }
        cut(&out.into(), blob, window.skip, len)
    }

    fn inline(&self, blob: BlobId) -> Result<Bytes, BlobFault> {
        use dolmen_s3::state::Source;
        let view = self.engine.meta.view(ReadMode::MayBlock);
        match view.get(&keys::inline(blob)) {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(BlobFault::Io { blob, error: IoError::NotFound }),
            Err(_) => Err(BlobFault::Io { blob, error: IoError::Os(5) }),
        }
    }
}

/// Chunks that are opened at a time.
const UNSEALED_CHUNKS: u64 = 4;

/// A part of bytes that should be there.
fn cut(bytes: &Bytes, blob: BlobId, offset: u64, len: u64) -> Result<Bytes, BlobFault> {
    let end = offset.saturating_add(len);
    if (bytes.len() as u64) < end {
        let error = BlobError::Length { wanted: end, found: bytes.len() as u64 };
        return Err(BlobFault::Damaged { blob, error });
    }
    Ok(bytes.slice(offset as usize..end as usize))
}

impl Pieces for Body {
    fn next(&mut self) -> Result<Vec<Bytes>, BlobFault> {
        let Some(extent) = self.left.front().copied() else { return Ok(Vec::new()) };
        let pieces = match &self.key {
            None => self.plain(extent)?,
            Some(key) => vec![self.unsealed(key, extent)?],
        };
        let len = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if let Some(first) = self.left.front_mut() {
            first.offset += len;
            first.len -= len.min(first.len);
        }
        if self.left.front().is_none_or(|extent| extent.len == 0) {
            self.open_first()?;
        }
        Ok(pieces)
    }
}

/// A body of those extents: whole if it is small, else with its first piece read already. `None`: a file is gone, because the object was
/// overwritten since its record was read.
pub(crate) async fn reply(
    engine: &Arc<Engine>,
    extents: Vec<Extent>,
    key: Option<SecretKey>,
) -> Result<Option<Reply>, BlobFault> {
    let len: u64 = extents.iter().map(|extent| extent.len).sum();
    if len == 0 {
        return Ok(Some(Reply::Empty));
    }
    let small = match extents.as_slice() {
        [only] if only.blob.is_inline() && key.is_none() => Some(*only),
        _ => None,
    };
    if let Some(extent) = small {
        use dolmen_s3::state::Source;
        let key = keys::inline(extent.blob);
        let found = engine.meta.read(|source: &dyn Source| source.get(&key));
        let Ok(Some(bytes)) = found else { return Ok(None) };
        return Ok(Some(Reply::Bytes(cut(&bytes.into(), extent.blob, extent.offset, extent.len)?)));
    }
    let engine = engine.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let mut body = Body::open(&engine, extents, key)?;
        let first = body.next()?;
        Ok((body, first))
    });
    match opened.await {
        Ok(Ok((body, first))) => Ok(Some(Reply::Stream(Stream::new(first, Box::new(body), len)))),
        Ok(Err(BlobFault::Io { error: IoError::NotFound, .. })) | Err(_) => Ok(None),
        Ok(Err(fault)) => Err(fault),
    }
}
