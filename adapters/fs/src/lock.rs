//! Lock files, held against every process that might open the directory.
//!
//! Two locks on one file: `flock`, which a file description holds, and the record lock of POSIX, which RocksDB and LevelDB take, so that
//! they refuse a directory that is open here and the other way round. The second belongs to the process: it is lost as soon as any
//! descriptor of the file is closed. So files that this process holds are kept in a list and never opened twice.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dolmen_base::io::IoError;
use rustix::fs::FlockOperation;

use crate::reason;

/// Device and inode.
type FileId = (u64, u64);

static HELD: Mutex<BTreeSet<FileId>> = Mutex::new(BTreeSet::new());

/// Takes the lock until the guard is dropped. The file is created if it is missing, and gets the process id as its text.
pub(crate) fn lock(path: &Path) -> Result<Box<dyn Send + Sync>, IoError> {
    let mut held = held();
    if id(fs::metadata(path)).is_some_and(|id| held.contains(&id)) {
        return Err(IoError::Locked);
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(path);
    let mut file = file.map_err(|e| reason(&e))?;
    for take in [rustix::fs::flock::<&File>, rustix::fs::fcntl_lock::<&File>] {
        take(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
            rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::ACCESS => IoError::Locked,
            errno => reason(&errno.into()),
        })?;
    }
    // For the message of whoever is refused; the locks themselves are the kernel's, and need no space on the disk.
    let _ = file.set_len(0).and_then(|()| write!(file, "{}", process::id()));
    let id = id(file.metadata()).ok_or(IoError::NotFound)?;
    held.insert(id);
    Ok(Box::new(Guard { id, _file: file }))
}

/// The process that holds the lock, as it wrote down.
pub(crate) fn holder(path: &Path) -> Option<u32> {
    if id(fs::metadata(path)).is_some_and(|id| held().contains(&id)) {
        return Some(process::id());
    }
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

struct Guard {
    id: FileId,
    _file: File,
}

impl Drop for Guard {
    fn drop(&mut self) {
        held().remove(&self.id);
    }
}

fn held() -> MutexGuard<'static, BTreeSet<FileId>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id(metadata: io::Result<fs::Metadata>) -> Option<FileId> {
    metadata.ok().map(|m| (m.dev(), m.ino()))
}
