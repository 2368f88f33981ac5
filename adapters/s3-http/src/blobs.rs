//! Files of large objects: written in order while they come in, synced before the batch that names them, deleted after the batch that
//! no longer does. What stands in a file, and its name, is `dolmen_s3::blob`'s.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use dolmen_base::io::{Directory, File, IoError, OpenMode};
use dolmen_fs::Dir;
use dolmen_s3::blob::{self, BLOCK_DATA_LEN, BLOCK_LEN, BlobError, CHECK_LEN, DIRS};
use dolmen_s3::state::BlobId;
use parking_lot::{Mutex, RwLock};

use crate::memory::MemoryDir;

/// Blocks that are read with one call: of many connections each holds so many.
const READ_BLOCKS: u64 = 1;
/// Most bytes that are reserved on an announcement.
const RESERVE_MAX: u64 = 256 << 20;

/// Why the bytes of an object cannot be had or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlobFault {
    /// The file system refused.
    Io { blob: BlobId, error: IoError },
    /// The file is not what was written.
    Damaged { blob: BlobId, error: BlobError },
}

impl std::fmt::Display for BlobFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (blob, error): (_, &dyn std::fmt::Display) = match self {
            BlobFault::Io { blob, error } => (blob, error),
            BlobFault::Damaged { blob, error } => (blob, error),
        };
        let (dir, name) = blob::path(blob.bytes());
        write!(f, "{dir:02x}/{name}: {error}")
    }
}

impl std::error::Error for BlobFault {}

/// Where the directories are.
enum Root {
    Path(PathBuf),
    Memory,
    /// One for all that a test has.
    #[cfg(test)]
    One(Arc<dyn Directory>),
}

/// All files.
pub(crate) struct Blobs {
    root: Root,
    dirs: Vec<RwLock<Option<Arc<dyn Directory>>>>,
    /// Files that are being written, or are not named yet.
    writing: Mutex<HashSet<BlobId>>,
    /// Whether a test forbids files.
    #[cfg(test)]
    forbidden: std::sync::atomic::AtomicBool,
}

impl Blobs {
    /// Those under a path, which need not exist.
    pub fn local(path: PathBuf) -> Blobs {
        Blobs::new(Root::Path(path))
    }

    /// Those in memory.
    pub fn memory() -> Blobs {
        Blobs::new(Root::Memory)
    }

    /// Those in a directory that a test has.
    #[cfg(test)]
    pub fn over(dir: Arc<dyn Directory>) -> Blobs {
        Blobs::new(Root::One(dir))
    }

    fn new(root: Root) -> Blobs {
        let dirs = (0..DIRS).map(|_| RwLock::default()).collect();
        Blobs {
            root,
            dirs,
            writing: Mutex::default(),
            #[cfg(test)]
            forbidden: Default::default(),
        }
    }

    /// From here on a touch of a file ends the test.
    #[cfg(test)]
    pub fn forbid(&self, forbidden: bool) {
        self.forbidden.store(forbidden, std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(test)]
    fn check(&self) {
        assert!(!self.forbidden.load(std::sync::atomic::Ordering::SeqCst), "a file behind a closed gate");
    }

    /// The directory of that number; made, durably, if it is missing.
    fn dir(&self, at: u8) -> Result<Arc<dyn Directory>, IoError> {
        let slot = &self.dirs[usize::from(at)];
        if let Some(dir) = &*slot.read() {
            return Ok(dir.clone());
        }
        let mut slot = slot.write();
        if let Some(dir) = &*slot {
            return Ok(dir.clone());
        }
        let dir: Arc<dyn Directory> = match &self.root {
            Root::Path(path) => Arc::new(Dir::create(&path.join(format!("{at:02x}")))?),
            Root::Memory => Arc::new(MemoryDir::default()),
            #[cfg(test)]
            Root::One(dir) => dir.clone(),
        };
        *slot = Some(dir.clone());
        Ok(dir)
    }

    /// The directory of that number, if there is one.
    fn existing(&self, at: u8) -> Result<Option<Arc<dyn Directory>>, IoError> {
        if let Some(dir) = &*self.dirs[usize::from(at)].read() {
            return Ok(Some(dir.clone()));
        }
        match &self.root {
            #[cfg(test)]
            Root::One(dir) => Ok(Some(dir.clone())),
            Root::Path(path) if path.join(format!("{at:02x}")).is_dir() => self.dir(at).map(Some),
            _ => Ok(None),
        }
    }

    /// Begins a file of that number and of, as it is announced, so many bytes of data.
    pub fn create(self: &Arc<Self>, id: BlobId, announced: Option<u64>) -> Result<Writer, BlobFault> {
        #[cfg(test)]
        self.check();
        let fail = |error| BlobFault::Io { blob: id, error };
        let (dir_number, name) = blob::path(id.bytes());
        let dir = self.dir(dir_number).map_err(fail)?;
        self.writing.lock().insert(id);
        let file = match dir.open(&name, OpenMode::CreateNew) {
            Ok(file) => file,
            Err(error) => {
                self.writing.lock().remove(&id);
                return Err(fail(error));
            }
        };
        let writer = Writer {
            blobs: self.clone(),
            id,
            file,
            block: BytesMut::with_capacity(BLOCK_LEN),
            index: 0,
            len: 0,
            is_kept: false,
        };
        if let Some(len) = announced {
            writer.file.preallocate(blob::file_len(len.min(RESERVE_MAX))).map_err(fail)?;
        }
        Ok(writer)
    }

    /// Opens a file.
    pub fn open(&self, id: BlobId) -> Result<Reader, BlobFault> {
        #[cfg(test)]
        self.check();
        let fail = |error| BlobFault::Io { blob: id, error };
        let (dir, name) = blob::path(id.bytes());
        let dir = self.existing(dir).map_err(fail)?.ok_or(fail(IoError::NotFound))?;
        let file = dir.open(&name, OpenMode::Read).map_err(fail)?;
        let len = file.len().map_err(fail)?;
        let data_len = blob::data_len(len).map_err(|error| BlobFault::Damaged { blob: id, error })?;
        Ok(Reader { id, file, data_len })
    }

    /// Deletes a file that nothing names any more. That it is gone already is no fault.
    pub fn delete(&self, id: BlobId) -> Result<(), BlobFault> {
        let (dir, name) = blob::path(id.bytes());
        let deleted = match self.existing(dir) {
            Ok(Some(dir)) => dir.delete(&name),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match deleted {
            Ok(()) | Err(IoError::NotFound) => Ok(()),
            Err(error) => Err(BlobFault::Io { blob: id, error }),
        }
    }

    /// The files there are, one directory after the other: number and length. Other people's files are left out.
    pub fn list(&self, at: u8) -> Result<Vec<(BlobId, u64)>, IoError> {
        let Some(dir) = self.existing(at)? else { return Ok(Vec::new()) };
        let entries = dir.list()?;
        Ok(entries
            .iter()
            .filter_map(|entry| Some((BlobId::from_bytes(blob::parse(&entry.name)?), entry.len)))
            .collect())
    }

    /// Whether a file is still being written, or is not named yet.
    pub fn is_writing(&self, id: BlobId) -> bool {
        self.writing.lock().contains(&id)
    }

    /// Deletes every file.
    pub fn clear(&self) -> Result<(), IoError> {
        for at in 0..=u8::MAX {
            if let Some(dir) = self.existing(at)? {
                for entry in dir.list()? {
                    dir.delete(&entry.name)?;
                }
                dir.sync()?;
            }
        }
        Ok(())
    }
}

/// A file that is being written. Dropped before it is kept, it is deleted.
pub(crate) struct Writer {
    blobs: Arc<Blobs>,
    id: BlobId,
    file: Arc<dyn File>,
    block: BytesMut,
    index: u64,
    len: u64,
    is_kept: bool,
}

impl Writer {
    /// Its number.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Appends data; whole blocks go to the file.
    pub fn write(&mut self, mut data: &[u8]) -> Result<(), BlobFault> {
        while !data.is_empty() {
            let room = BLOCK_DATA_LEN - self.block.len();
            let (now, later) = data.split_at(room.min(data.len()));
            self.block.extend_from_slice(now);
            self.len += now.len() as u64;
            data = later;
            if self.block.len() == BLOCK_DATA_LEN {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BlobFault> {
        let check = blob::checksum(self.id.bytes(), self.index, &self.block);
        self.block.extend_from_slice(&check.to_le_bytes());
        let offset = self.index * BLOCK_LEN as u64;
        let written = self.file.write_all_at(offset, &self.block);
        written.map_err(|error| BlobFault::Io { blob: self.id, error })?;
        self.index += 1;
        self.block.clear();
        Ok(())
    }

    /// Writes the rest and makes data and name durable; the file stays once [`Writer::keep`] is called.
    pub fn sync(&mut self) -> Result<(), BlobFault> {
        let id = self.id;
        let fail = |error| BlobFault::Io { blob: id, error };
        if !self.block.is_empty() {
            self.flush()?;
        }
        self.file.sync().map_err(fail)?;
        self.blobs.dir(blob::path(id.bytes()).0).and_then(|dir| dir.sync()).map_err(fail)
    }

    /// A batch names it now.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = self.blobs.delete(self.id)
        {
            tracing::warn!(target: "s3", "a file of an upload that failed stays until the next start: {error}");
        }
        self.blobs.writing.lock().remove(&self.id);
    }
}

/// A file that is open for reading: it stays readable when it is deleted meanwhile.
#[derive(Clone)]
pub(crate) struct Reader {
    id: BlobId,
    file: Arc<dyn File>,
    data_len: u64,
}

impl Reader {
    /// Bytes of data in it.
    pub fn data_len(&self) -> u64 {
        self.data_len
    }

    /// Data from `start`, at most to `end`: as much as one read brings, checked. At least one byte where `start < end`.
    pub fn read(&self, start: u64, end: u64) -> Result<Vec<Bytes>, BlobFault> {
        if self.data_len < end {
            let error = BlobError::Length { wanted: end, found: self.data_len };
            return Err(BlobFault::Damaged { blob: self.id, error });
        }
        let fail = |error| match error {
            IoError::UnexpectedEnd { wanted, got } => {
                BlobFault::Damaged { blob: self.id, error: BlobError::Length { wanted, found: got } }
            }
            error => BlobFault::Io { blob: self.id, error },
        };
        let most = (READ_BLOCKS * BLOCK_DATA_LEN as u64) - start % BLOCK_DATA_LEN as u64;
        let len = end.saturating_sub(start).min(most);
        let span = blob::span(self.data_len, start, len);
        let mut buffer = BytesMut::zeroed(span.len as usize);
        self.file.read_exact_at(span.offset, &mut buffer).map_err(fail)?;
        let buffer = buffer.freeze();
        let mut out = Vec::with_capacity(span.count as usize);
        let (mut skip, mut wanted) = (span.skip, len as usize);
        for (at, index) in (0..buffer.len()).step_by(BLOCK_LEN).zip(span.block..) {
            let block = buffer.slice(at..buffer.len().min(at + BLOCK_LEN));
            blob::open(self.id.bytes(), index, &block)
                .map_err(|error| BlobFault::Damaged { blob: self.id, error })?;
            let data = block.slice(skip..block.len() - CHECK_LEN);
            let data = data.slice(..data.len().min(wanted));
            (skip, wanted) = (0, wanted - data.len());
            out.push(data);
        }
        Ok(out)
    }

    /// Reads and checks everything.
    pub fn verify(&self) -> Result<(), BlobFault> {
        let mut at = 0;
        while at < self.data_len {
            at += self.read(at, self.data_len)?.iter().map(|data| data.len() as u64).sum::<u64>();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(reader: &Reader, start: u64, end: u64) -> Vec<u8> {
        let (mut at, mut out) = (start, Vec::new());
        while at < end {
            for data in reader.read(at, end).unwrap() {
                at += data.len() as u64;
                out.extend_from_slice(&data);
            }
        }
        out
    }

    #[test]
    fn what_is_written_is_read_and_a_flip_is_found() {
        let root = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::local(root.path().join("blobs")));
        let data: Vec<u8> = (0..700_000u32).map(|i| (i * 7 % 253) as u8).collect();
        let mut writer = blobs.create(BlobId::file([7; 16]), Some(data.len() as u64)).unwrap();
        data.chunks(10_007).for_each(|piece| writer.write(piece).unwrap());
        writer.sync().unwrap();
        let id = writer.id();
        writer.keep();
        let reader = blobs.open(id).unwrap();
        reader.verify().unwrap();
        for (start, end) in [(0, 700_000), (1, 2), (131_060, 131_080), (262_135, 699_999), (5, 5)] {
            assert_eq!(collect(&reader, start, end), &data[start as usize..end as usize]);
        }
        let path = root.path().join("blobs").join("07").join(blob::path(id.bytes()).1);
        let mut bytes = std::fs::read(&path).unwrap();
        for at in [0, 131_071, 131_072, bytes.len() - 1] {
            bytes[at] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            let reader = blobs.open(id).unwrap();
            assert!(matches!(reader.verify(), Err(BlobFault::Damaged { .. })), "{at}");
            bytes[at] ^= 4;
        }
        bytes.pop();
        std::fs::write(&path, &bytes).unwrap();
        assert!(blobs.open(id).unwrap().verify().is_err());
        assert!(blobs.open(id).unwrap().read(699_998, 700_000).is_err(), "a byte is gone");
        assert_eq!(blobs.list(7).unwrap(), [(id, bytes.len() as u64)]);
        blobs.delete(id).unwrap();
        blobs.delete(id).unwrap();
        assert!(blobs.open(id).is_err());
    }

    #[test]
    fn what_is_not_kept_goes() {
        let blobs = Arc::new(Blobs::memory());
        let mut writer = blobs.create(BlobId::file([1; 16]), None).unwrap();
        writer.write(b"stone").unwrap();
        writer.sync().unwrap();
        let id = writer.id();
        assert_eq!(collect(&blobs.open(id).unwrap(), 1, 4), b"ton");
        drop(writer);
        assert_eq!(blobs.list(blob::path(id.bytes()).0).unwrap(), []);
    }
}
