//! Directories and files of the operating system behind the file traits of `dolmen_base::io`.
//!
//! Each call is one system call or a loop over one; nothing is decided here. Durability: [`Dir::sync`](Directory::sync) makes creations,
//! renames and deletions durable, [`File::sync`] is fdatasync. Reserving space keeps the file's length, so that no large page-cache
//! folios of zeros arise behind a log's end.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use rustix::fs::{FallocateFlags, FlockOperation};

/// One directory of the operating system.
#[derive(Debug)]
pub struct Dir {
    path: PathBuf,
}

impl Dir {
    /// An existing directory.
    pub fn open(path: &Path) -> Result<Dir, IoError> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(Dir { path: path.to_owned() }),
            Ok(_) => Err(IoError::Os(rustix::io::Errno::NOTDIR.raw_os_error())),
            Err(error) => Err(reason(&error)),
        }
    }

    /// A directory that is created, parents included, if it is missing; readable by its owner only.
    pub fn create(path: &Path) -> Result<Dir, IoError> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| reason(&e))?;
        Dir::open(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Directory for Dir {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        let mut options = fs::OpenOptions::new();
        options.read(true).mode(0o644);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => drop(options.write(true)),
            OpenMode::CreateNew => drop(options.write(true).create_new(true)),
        }
        let file = options.open(self.file(name)).map_err(|e| reason(&e))?;
        Ok(Arc::new(OpenFile { file }))
    }

    fn list(&self) -> Result<Vec<Entry>, IoError> {
        let mut out = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|e| reason(&e))? {
            let entry = entry.map_err(|e| reason(&e))?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(reason(&error)),
            };
            if let (true, Some(name)) = (meta.is_file(), entry.file_name().to_str()) {
                out.push(Entry { name: name.to_owned(), len: meta.len() });
            }
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        fs::rename(self.file(from), self.file(to)).map_err(|e| reason(&e))
    }

    fn delete(&self, name: &str) -> Result<(), IoError> {
        fs::remove_file(self.file(name)).map_err(|e| reason(&e))
    }

    fn sync(&self) -> Result<(), IoError> {
        fs::File::open(&self.path).and_then(|d| d.sync_all()).map_err(|e| reason(&e))
    }

    fn link_into(&self, name: &str, target: &dyn Directory, target_name: &str) -> Result<(), IoError> {
        let unlike = IoError::Os(rustix::io::Errno::XDEV.raw_os_error());
        let target = target.as_any().downcast_ref::<Dir>().ok_or(unlike)?;
        let (from, to) = (self.file(name), target.file(target_name));
        match fs::hard_link(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                fs::copy(&from, &to).and_then(|_| fs::File::open(&to)?.sync_all()).map_err(|e| reason(&e))
            }
            result => result.map_err(|e| reason(&e)),
        }
    }

    fn display(&self) -> String {
        self.path.display().to_string()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.file(name))
            .map_err(|e| reason(&e))?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
            if errno == rustix::io::Errno::WOULDBLOCK { IoError::Locked } else { reason(&errno.into()) }
        })?;
        // The holder's process id, for the message of whoever is refused; the lock itself is the kernel's.
        let write = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        write.map_err(|e| reason(&e))?;
        Ok(Box::new(file))
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

struct OpenFile {
    file: fs::File,
}

impl File for OpenFile {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        let mut done = 0;
        while done < out.len() {
            match self.file.read_at(&mut out[done..], offset + done as u64) {
                Ok(0) => return Err(IoError::UnexpectedEnd { wanted: out.len() as u64, got: done as u64 }),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        Ok(())
    }

    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        self.write_all_at(self.len()?, bytes)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.file.write_all_at(bytes, offset).map_err(|e| reason(&e))
    }

    fn sync(&self) -> Result<(), IoError> {
        self.file.sync_data().map_err(|e| reason(&e))
    }

    fn len(&self) -> Result<u64, IoError> {
        self.file.metadata().map(|m| m.len()).map_err(|e| reason(&e))
    }

    fn truncate(&self, len: u64) -> Result<(), IoError> {
        self.file.set_len(len).map_err(|e| reason(&e))
    }

    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, len) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(errno) => Err(reason(&errno.into())),
        }
    }
}

/// The shared name of an operating system's error.
fn reason(error: &io::Error) -> IoError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => IoError::NotFound,
        Kind::AlreadyExists => IoError::AlreadyExists,
        Kind::StorageFull | Kind::QuotaExceeded | Kind::WriteZero => IoError::NoSpace,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => IoError::Denied,
        // Without an errno the error arose in the library; EIO is the nearest.
        _ => IoError::Os(error.raw_os_error().unwrap_or(5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_entries() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::create(&root.path().join("a/b")).unwrap();
        assert_eq!(dir.open("x", OpenMode::Read).err(), Some(IoError::NotFound));
        let file = dir.open("x", OpenMode::CreateNew).unwrap();
        file.append(b"hello").unwrap();
        file.append(b" world").unwrap();
        file.preallocate(1 << 16).unwrap();
        assert_eq!(file.len(), Ok(11), "reserved space is not length");
        let mut got = [0; 5];
        file.read_exact_at(6, &mut got).unwrap();
        assert_eq!(&got, b"world");
        assert_eq!(file.read_exact_at(9, &mut got), Err(IoError::UnexpectedEnd { wanted: 5, got: 2 }));
        assert_eq!(dir.open("x", OpenMode::CreateNew).err(), Some(IoError::AlreadyExists));
        dir.rename("x", "y").unwrap();
        dir.sync().unwrap();
        let other = Dir::create(&root.path().join("c")).unwrap();
        dir.link_into("y", &other, "z").unwrap();
        dir.delete("y").unwrap();
        assert_eq!(dir.list().unwrap(), []);
        assert_eq!(other.list().unwrap(), [Entry { name: "z".into(), len: 11 }]);
    }

    #[test]
    fn a_lock_has_one_holder() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::open(root.path()).unwrap();
        let held = dir.lock("LOCK").unwrap();
        assert_eq!(dir.lock("LOCK").err(), Some(IoError::Locked));
        drop(held);
        assert!(dir.lock("LOCK").is_ok());
    }
}
