//! Bytes on their way in: digests are taken, small ones stay in memory and go into the store, larger ones go to a file as they come.

use std::sync::Arc;

use bytes::Bytes;
use dolmen_base::io::IoError;
use dolmen_s3::checksum::{Algorithm, Checksum, Hasher};
use dolmen_s3::md5::Md5;
use dolmen_s3::state::sse::{self, BlobKey, SecretKey};
use dolmen_s3::state::{BlobId, Extent};
use sha2::{Digest, Sha256};

use crate::blobs::{BlobFault, Writer};
use crate::engine::{Engine, Written};

/// Objects up to this length stand in the store, and share its syncs.
pub(crate) const INLINE_MAX: usize = 64 << 10;

/// Shorter pieces are not worth the way to other threads.
const SHARED_MIN: usize = 4 << 10;

#[expect(clippy::large_enum_variant, reason = "one an upload, never moved on a hot way")]
enum Place {
    Memory(Vec<u8>),
    File(Sink),
}

/// A file, and what seals its bytes.
struct Sink {
    writer: Writer,
    sealer: Option<Sealer>,
}

impl Sink {
    fn write(&mut self, data: &[u8]) -> Result<(), BlobFault> {
        match &mut self.sealer {
            None => self.writer.write(data),
            Some(sealer) => sealer.write(data, &mut self.writer),
        }
    }

    fn sync(&mut self) -> Result<(), BlobFault> {
        if let Some(sealer) = &mut self.sealer {
            sealer.finish(&mut self.writer)?;
        }
        self.writer.sync()
    }
}

/// Seals a stream chunk by chunk; the last chunk is held back until it is known to be the last.
struct Sealer {
    key: BlobKey,
    chunk: Vec<u8>,
    index: u64,
}

impl Sealer {
    fn new(key: &SecretKey, blob: BlobId) -> Sealer {
        let capacity = (sse::CHUNK_LEN + sse::TAG_LEN) as usize;
        Sealer { key: key.of_blob(blob), chunk: Vec::with_capacity(capacity), index: 0 }
    }

    fn write(&mut self, mut data: &[u8], to: &mut Writer) -> Result<(), BlobFault> {
        while !data.is_empty() {
            if self.chunk.len() == sse::CHUNK_LEN as usize {
                self.seal(false, to)?;
            }
            let room = sse::CHUNK_LEN as usize - self.chunk.len();
            let (now, later) = data.split_at(room.min(data.len()));
            self.chunk.extend_from_slice(now);
            data = later;
        }
        Ok(())
    }

    fn seal(&mut self, last: bool, to: &mut Writer) -> Result<(), BlobFault> {
        self.key.seal(self.index, last, &mut self.chunk);
        to.write(&self.chunk)?;
        self.chunk.clear();
        self.index += 1;
        Ok(())
    }

    fn finish(&mut self, to: &mut Writer) -> Result<(), BlobFault> {
        self.seal(true, to)
    }
}

/// Which digests are wanted besides MD5.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    /// SHA-256: only where the signature has it.
    pub sha256: bool,
    /// Checksums that the client announced, or that the object is to have.
    pub algorithms: Vec<Algorithm>,
    /// Length of the data, where it was announced.
    pub announced: Option<u64>,
    /// What seals the bytes, if they are to be sealed.
    pub key: Option<SecretKey>,
}

/// Bytes that come in.
pub(crate) struct Intake {
    engine: Arc<Engine>,
    place: Place,
    announced: Option<u64>,
    key: Option<SecretKey>,
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
    /// Where they are.
    pub written: Written,
}

impl Intake {
    pub fn new(engine: Arc<Engine>, wanted: &Wanted) -> Intake {
        Intake {
            engine,
            place: Place::Memory(Vec::new()),
            announced: wanted.announced,
            key: wanted.key.clone(),
            len: 0,
            md5: Md5::new(),
            sha256: wanted.sha256.then(Sha256::new),
            hashers: wanted.algorithms.iter().map(|&algorithm| Hasher::new(algorithm)).collect(),
        }
    }

    /// Takes bytes. May write to a file.
    pub fn write(&mut self, data: &[u8]) -> Result<(), BlobFault> {
        self.md5.update(data);
        self.keep(data)
    }

    /// As [`Intake::write`], hashed together with what comes to other tasks.
    pub async fn write_soon(&mut self, data: Bytes) -> Result<(), BlobFault> {
        if data.len() < SHARED_MIN {
            return self.write(&data);
        }
        self.md5 = self.engine.hashes.update_soon(std::mem::take(&mut self.md5), data.clone()).await;
        self.keep(&data)
    }

    /// Takes pieces. May write to a file, and wait for other uploads to be hashed with.
    pub fn write_all(&mut self, pieces: &[Bytes]) -> Result<(), BlobFault> {
        pieces.iter().try_for_each(|piece| {
            if piece.len() < SHARED_MIN {
                return self.write(piece);
            }
            self.md5 = self.engine.hashes.update(std::mem::take(&mut self.md5), piece.clone());
            self.keep(piece)
        })
    }

    /// Everything that is done with bytes but their MD5.
    fn keep(&mut self, data: &[u8]) -> Result<(), BlobFault> {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(data);
        }
        self.hashers.iter_mut().for_each(|hasher| hasher.update(data));
        self.len += data.len() as u64;
        if let Place::Memory(bytes) = &mut self.place {
            if bytes.len() + data.len() <= INLINE_MAX {
                // At once for all that was announced, if it stays here.
                let announced = usize::try_from(self.announced.unwrap_or(0)).unwrap_or(usize::MAX);
                if bytes.capacity() == 0 && announced <= INLINE_MAX {
                    bytes.reserve_exact(announced);
                }
                bytes.extend_from_slice(data);
                return Ok(());
            }
            let blob = BlobId::file(self.engine.fresh());
            let announced = match &self.key {
                Some(_) => self.announced.map(sse::sealed_len),
                None => self.announced,
            };
            let writer = self.engine.blobs.create(blob, announced)?;
            let mut sink = Sink { writer, sealer: self.key.as_ref().map(|key| Sealer::new(key, blob)) };
            sink.write(bytes)?;
            self.place = Place::File(sink);
        }
        match &mut self.place {
            Place::File(sink) => sink.write(data),
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
            Place::Memory(bytes) => {
                let blob = BlobId::inline(self.engine.fresh());
                if let Some(key) = self.key.as_ref().filter(|_| !bytes.is_empty()) {
                    key.of_blob(blob).seal(0, true, bytes);
                }
                blob
            }
            Place::File(sink) => {
                sink.sync()?;
                sink.writer.id()
            }
        };
        let body = if self.len == 0 { Vec::new() } else { vec![Extent { blob, offset: 0, len: self.len }] };
        let written = match self.place {
            Place::Memory(bytes) if bytes.is_empty() => Written::default(),
            Place::Memory(bytes) => Written { small: Some((blob, bytes)), file: None },
            Place::File(sink) => Written { small: None, file: Some(sink.writer) },
        };
        Ok(Stored {
            len: self.len,
            md5: self.md5.finish(),
            sha256: self.sha256.map(|sha256| sha256.finalize().into()),
            checksums: self.hashers.into_iter().map(Hasher::finish).collect(),
            body,
            written,
        })
    }
}

/// Pieces that are gathered before a thread that may wait is asked to take them.
pub(crate) const PIECE_LEN: usize = 64 << 10;

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
        // What was gathered before comes first.
        let is_first = self.gathered.is_empty();
        if let Some(intake) = self.intake.as_mut().filter(|intake| is_first && intake.is_quick(data.len())) {
            return intake.write_soon(data).await;
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
            intake.write_all(&pieces)?;
            Ok(intake)
        }));
        Ok(())
    }

    /// The intake, once it has nothing to do.
    async fn idle(&mut self) -> Result<Intake, BlobFault> {
        match (self.intake.take(), self.working.take()) {
            (Some(intake), _) => Ok(intake),
            (None, Some(working)) => working.await.expect("an intake does not panic"),
            // The piece before could not be written, and whoever feeds goes on.
            (None, None) => Err(BlobFault::Io { blob: BlobId::file([0; 16]), error: IoError::Os(5) }),
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
            intake.write_all(&pieces)?;
            intake.finish()
        });
        finished.await.expect("an intake does not panic")
    }
}
