//! Directories and files of the operating system behind the file traits of `dolmen_base::io`.
//!
//! Each call is one system call or a loop over one; nothing is decided here. Durability: [`Dir::sync`](Directory::sync) makes creations,
//! renames and deletions durable, [`File::sync`] is fdatasync. Reserving space keeps the file's length, so that no large page-cache
//! folios of zeros arise behind a log's end. For the same reason a file that is opened to be written over begins with its cached pages
//! dropped: a small write into a large cached folio makes the next sync store the whole folio.
//!
//! [`Driver`] carries out the file effects of any machine on any [`Directory`]; [`SharedLog`] lets many threads append to one log.
#![deny(unsafe_code)]

mod driver;
mod lock;
mod log;
#[expect(unsafe_code, reason = "a map is memory that the kernel fills")]
mod map;

pub use driver::Driver;
pub use log::{AppendError, SharedLog};
pub use map::Map;

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};

/// One directory of the operating system.
#[derive(Debug)]
pub struct Dir {
    path: PathBuf,
}

impl Dir {
    /// An existing directory.
    ///
    /// # Errors
    ///
    /// If it is not there, is no directory, or may not be looked at.
    pub fn open(path: &Path) -> Result<Dir, IoError> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(Dir { path: path.to_owned() }),
            Ok(_) => Err(IoError::Os(rustix::io::Errno::NOTDIR.raw_os_error())),
            Err(error) => Err(reason(&error)),
        }
    }

    /// A directory that is created, parents included, if it is missing; readable by its owner only. Each level that is made is durable in the
    /// one above before the next is made.
    ///
    /// # Errors
    /// A parent that is no directory, or that may not be written or synced.
    pub fn create(path: &Path) -> Result<Dir, IoError> {
        make_levels(path, &mut sync_parent)?;
        Dir::open(path)
    }

    /// Gives a directory, whole and synced, the name `to`, which must not be in use, and makes that durable.
    ///
    /// # Errors
    /// A name that is in use, and calls that fail.
    pub fn rename_to(&self, to: &Path) -> Result<Dir, IoError> {
        fs::rename(&self.path, to).map_err(|e| reason(&e))?;
        sync_parent(to)?;
        Dir::open(to)
    }

    /// Deletes a directory with all that is in it.
    ///
    /// # Errors
    /// Calls that fail.
    pub fn remove(path: &Path) -> Result<(), IoError> {
        fs::remove_dir_all(path).map_err(|e| reason(&e))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Dir {
    /// The process that holds the directory's lock file `name`, as it wrote down; for messages.
    pub fn lock_holder(&self, name: &str) -> Option<u32> {
        lock::holder(&self.file(name))
    }
}

/// Makes the levels of a path that are missing, outermost first; `sync` is called with each before the next is made.
fn make_levels(path: &Path, sync: &mut dyn FnMut(&Path) -> Result<(), IoError>) -> Result<(), IoError> {
    use std::os::unix::fs::DirBuilderExt;
    let missing: Vec<&Path> =
        path.ancestors().take_while(|level| !level.as_os_str().is_empty() && !level.exists()).collect();
    for level in missing.into_iter().rev() {
        match fs::DirBuilder::new().mode(0o700).create(level) {
            // Somebody else was faster, and may not have synced it yet.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(reason(&error)),
            Ok(()) | Err(_) => sync(level)?,
        }
    }
    Ok(())
}

/// Makes the entry of a path durable in the directory that it is in.
fn sync_parent(path: &Path) -> Result<(), IoError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(|e| reason(&e))
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
        if mode == OpenMode::Write {
            drop_cached_pages(&file);
        }
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
        fs::File::open(&self.path).and_then(|dir| dir.sync_all()).map_err(|e| reason(&e))
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
        lock::lock(&self.file(name))
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
        // Without the detour through the C library: this is the one call that every put makes.
        let (mut rest, mut at) = (bytes, offset);
        while !rest.is_empty() {
            match rustix::io::pwrite(&self.file, rest, at) {
                Ok(0) => return Err(IoError::NoSpace),
                Ok(n) => (rest, at) = (&rest[n..], at + n as u64),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(reason(&errno.into())),
            }
        }
        Ok(())
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

    #[cfg(not(target_vendor = "apple"))]
    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        match rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, len) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(errno) => Err(reason(&errno.into())),
        }
    }

    #[cfg(target_vendor = "apple")]
    fn preallocate(&self, _: u64) -> Result<(), IoError> {
        Ok(())
    }
}

/// Forgets the clean pages of a file. Advice: that it could not be taken is no error.
#[cfg(not(target_vendor = "apple"))]
fn drop_cached_pages(file: &fs::File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(target_vendor = "apple")]
fn drop_cached_pages(_: &fs::File) {}

/// The shared name of an operating system's error.
fn reason(error: &io::Error) -> IoError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => IoError::NotFound,
        Kind::AlreadyExists => IoError::AlreadyExists,
        Kind::StorageFull | Kind::QuotaExceeded | Kind::WriteZero => IoError::NoSpace,
        Kind::PermissionDenied => IoError::Denied,
        Kind::ReadOnlyFilesystem => IoError::ReadOnly,
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

    /// A file system that was mounted for reading is not a lack of rights.
    #[test]
    fn errors_keep_their_names() {
        use rustix::io::Errno;
        for (errno, expected) in [
            (Errno::ROFS, IoError::ReadOnly),
            (Errno::ACCESS, IoError::Denied),
            (Errno::PERM, IoError::Denied),
            (Errno::NOSPC, IoError::NoSpace),
            (Errno::DQUOT, IoError::NoSpace),
            (Errno::IO, IoError::Os(5)),
            (Errno::MFILE, IoError::Os(24)),
        ] {
            assert_eq!(reason(&errno.into()), expected, "{errno:?}");
        }
        assert!(IoError::ReadOnly.to_string().to_lowercase().contains("read-only file system"));
    }

    /// Each level that is made is made durable where it stands before the next; one that cannot be is the end.
    #[test]
    fn every_level_of_a_new_directory_is_synced_in_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let path = |rest: &str| root.path().join(rest);
        fs::create_dir(path("there")).unwrap();
        let mut synced = Vec::new();
        make_levels(&path("there/a/b/c"), &mut |level| {
            assert!(level.is_dir());
            assert_eq!(fs::read_dir(level).unwrap().count(), 0, "the next level was made before");
            synced.push(level.to_owned());
            sync_parent(level)
        })
        .unwrap();
        assert_eq!(synced, [path("there/a"), path("there/a/b"), path("there/a/b/c")]);
        make_levels(&path("there/a/b/c"), &mut |_| panic!("nothing was made")).unwrap();
        let failed = make_levels(&path("x/y"), &mut |_| Err(IoError::Os(5)));
        assert_eq!((failed, path("x/y").exists()), (Err(IoError::Os(5)), false));
        // The name that a whole directory gets is made durable, too; a parent that is not there is an error.
        let made = Dir::open(&path("there/a")).unwrap();
        assert_eq!(made.rename_to(&path("there/z")).unwrap().list().unwrap(), []);
        assert!(Dir::open(&path("there/z/b/c")).unwrap().rename_to(&path("nowhere/z")).is_err());
    }

    #[test]
    fn a_lock_has_one_holder() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::open(root.path()).unwrap();
        let held = dir.lock("LOCK").unwrap();
        assert_eq!(dir.lock("LOCK").err(), Some(IoError::Locked));
        assert_eq!(dir.lock_holder("LOCK"), Some(std::process::id()));
        drop(held);
        assert!(dir.lock("LOCK").is_ok());
    }
}
