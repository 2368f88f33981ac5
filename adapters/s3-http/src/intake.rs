//! Bytes on their way in: digests are taken, small ones stay in memory and go into the store, larger ones go to a file as they come.

use std::sync::Arc;

use bytes::Bytes;
use dolmen_s3::checksum::{Algorithm, Checksum, Hasher};
use dolmen_s3::state::{BlobId, Extent};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::blobs::{BlobFault, Writer};
use crate::engine::Engine;

/// Objects up to this length stand in the store, and share its syncs.
pub(crate) const INLINE_MAX: usize = 64 << 10;

enum Place {
    Memory(Vec<u8>),
    File(Writer),
}

/// Which digests are wanted besides MD5.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// SHA-256: only where the signature has it.
    pub sha256: bool,
    /// Checksums that the client announced, or that the object is to have.
    pub algorithms: Vec<Algorithm>,
    /// Length of the data, where it was announced.
    pub announced: Option<u64>,
}

/// Bytes that come in.
pub(crate) struct Intake {
    engine: Arc<Engine>,
    place: Place,
    announced: Option<u64>,
    len: u64,
    md5: Md5,
    sha256: Option<Sha256>,
    hashers: Vec<Hasher>,
}

/// Bytes that are kept, once a batch names them.
pub(crate) struct Stored {
    pub len: u64,
    pub md5: [u8; 16],
    pub sha256: Option<[u8; 32]>,
    pub checksums: Vec<Checksum>,
    pub body: Vec<Extent>,
    /// Small bytes, which the batch holds.
    pub inline: Option<(BlobId, Arc<Vec<u8>>)>,
    /// The file, synced.
    pub writer: Option<Writer>,
}

impl Intake {
    pub fn new(engine: Arc<Engine>, wanted: &Wanted) -> Intake {
        Intake {
            engine,
            place: Place::Memory(Vec::new()),
            announced: wanted.announced,
            len: 0,
            md5: Md5::new(),
            sha256: wanted.sha256.then(Sha256::new),
            hashers: wanted.algorithms.iter().map(|&algorithm| Hasher::new(algorithm)).collect(),
        }
    }

    /// Takes bytes. May write to a file.
    pub fn write(&mut self, data: &[u8]) -> Result<(), BlobFault> {
        self.md5.update(data);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(data);
        }
        self.hashers.iter_mut().for_each(|hasher| hasher.update(data));
        self.len += data.len() as u64;
        if let Place::Memory(bytes) = &mut self.place {
            if bytes.len() + data.len() <= INLINE_MAX {
                bytes.extend_from_slice(data);
                return Ok(());
            }
            let mut writer = self.engine.blobs.create(BlobId::file(self.engine.fresh()), self.announced)?;
            writer.write(bytes)?;
            self.place = Place::File(writer);
        }
        match &mut self.place {
            Place::File(writer) => writer.write(data),
            Place::Memory(_) => Ok(()),
        }
    }

    /// Whether [`Intake::write`] of so many bytes more touches no file.
    pub fn is_quick(&self, more: usize) -> bool {
        matches!(&self.place, Place::Memory(bytes) if bytes.len() + more <= INLINE_MAX)
    }

    /// Syncs what is in a file. May take long if there is one.
    pub fn finish(mut self) -> Result<Stored, BlobFault> {
        let blob = match &mut self.place {
            Place::Memory(_) => BlobId::inline(self.engine.fresh()),
            Place::File(writer) => {
                writer.sync()?;
                writer.id()
            }
        };
        let body = if self.len == 0 { Vec::new() } else { vec![Extent { blob, offset: 0, len: self.len }] };
        let (inline, writer) = match self.place {
            Place::Memory(bytes) if bytes.is_empty() => (None, None),
            Place::Memory(bytes) => (Some((blob, Arc::new(bytes))), None),
            Place::File(writer) => (None, Some(writer)),
        };
        Ok(Stored {
            len: self.len,
            md5: self.md5.finalize().into(),
            sha256: self.sha256.map(|sha256| sha256.finalize().into()),
            checksums: self.hashers.into_iter().map(Hasher::finish).collect(),
            body,
            inline,
            writer,
        })
    }
}

/// Pieces that are gathered before a thread that may wait is asked to take them.
pub(crate) const PIECE_LEN: usize = 128 << 10;

/// An intake that is fed without waiting: while one piece is hashed and written, the next is gathered.
pub(crate) struct Feed {
    intake: Option<Intake>,
    working: Option<tokio::task::JoinHandle<Result<Intake, BlobFault>>>,
    gathered: Vec<Bytes>,
    gathered_len: usize,
}

impl Feed {
    pub fn new(intake: Intake) -> Feed {
        Feed { intake: Some(intake), working: None, gathered: Vec::new(), gathered_len: 0 }
    }

    /// Takes bytes; waits if the piece before is still being written.
    pub async fn push(&mut self, data: Bytes) -> Result<(), BlobFault> {
        if let Some(intake) = self.intake.as_mut().filter(|intake| intake.is_quick(data.len())) {
            return intake.write(&data);
        }
        self.gathered_len += data.len();
        self.gathered.push(data);
        if self.gathered_len >= PIECE_LEN { self.hand_over().await } else { Ok(()) }
    }

    async fn hand_over(&mut self) -> Result<(), BlobFault> {
        let mut intake = self.idle().await?;
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_len = 0;
        self.working = Some(tokio::task::spawn_blocking(move || {
            pieces.iter().try_for_each(|piece| intake.write(piece))?;
            Ok(intake)
        }));
        Ok(())
    }

    /// The intake, once it has nothing to do.
    async fn idle(&mut self) -> Result<Intake, BlobFault> {
        match (self.intake.take(), self.working.take()) {
            (Some(intake), _) => Ok(intake),
            (None, Some(working)) => working.await.expect("an intake does not panic"),
            (None, None) => unreachable!("an intake is idle or working"),
        }
    }

    /// The end of the bytes.
    pub async fn finish(mut self) -> Result<Stored, BlobFault> {
        let pieces = std::mem::take(&mut self.gathered);
        let mut intake = self.idle().await?;
        if pieces.is_empty() && intake.is_quick(0) {
            return intake.finish();
        }
        let finished = tokio::task::spawn_blocking(move || {
            pieces.iter().try_for_each(|piece| intake.write(piece))?;
            intake.finish()
        });
        finished.await.expect("an intake does not panic")
    }
}
