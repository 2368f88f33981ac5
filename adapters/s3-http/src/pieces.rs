//! Bytes on their way out: a range of an object, extent after extent, each piece checked as it is read.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use dolmen_s3::blob::BlobError;
use dolmen_s3::state::sse::SecretKey;
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
}

impl Body {
    /// Opens the first file, so that it stays readable whatever happens to the object.
    pub fn open(engine: &Arc<Engine>, extents: Vec<Extent>, _key: Option<SecretKey>) -> Result<Body, BlobFault> {
        let mut body = Body { engine: engine.clone(), left: extents.into(), open: None };
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

impl Pieces for Body {
    fn next(&mut self) -> Result<Vec<Bytes>, BlobFault> {
        let Some(extent) = self.left.front().copied() else { return Ok(Vec::new()) };
        let pieces = match &self.open {
            Some(reader) => reader.read(extent.offset, extent.offset.saturating_add(extent.len))?,
            None => {
                let bytes = self.inline(extent.blob)?;
                let start = usize::try_from(extent.offset).unwrap_or(usize::MAX);
                let end = start.saturating_add(usize::try_from(extent.len).unwrap_or(usize::MAX));
                if bytes.len() < end {
                    let error = BlobError::Length { wanted: end as u64, found: bytes.len() as u64 };
                    return Err(BlobFault::Damaged { blob: extent.blob, error });
                }
                vec![bytes.slice(start..end)]
            }
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
        [only] if only.blob.is_inline() => Some(*only),
        _ => None,
    };
    if let Some(extent) = small {
        use dolmen_s3::state::Source;
        let key = keys::inline(extent.blob);
        let found = engine.meta.read(|source: &dyn Source| source.get(&key));
        let Ok(Some(bytes)) = found else { return Ok(None) };
        let start = usize::try_from(extent.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(extent.len).unwrap_or(usize::MAX));
        if bytes.len() < end {
            let error = BlobError::Length { wanted: end as u64, found: bytes.len() as u64 };
            return Err(BlobFault::Damaged { blob: extent.blob, error });
        }
        return Ok(Some(Reply::Bytes(Bytes::from(bytes).slice(start..end))));
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
