//! Effects of machines, carried out.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use dolmen_base::io::{Directory, File, FileDone, FileEffect, FileOp, IoError, OpenMode};

/// Carries out file effects in one directory and keeps the files that it wrote open. May be used from several threads; what is done to
/// one file is the caller's to order.
pub struct Driver {
    dir: Arc<dyn Directory>,
    open: Mutex<BTreeMap<String, Arc<dyn File>>>,
}

impl Driver {
    /// For effects in `dir`.
    pub fn new(dir: Arc<dyn Directory>) -> Self {
        Driver { dir, open: Mutex::default() }
    }

    /// The directory.
    pub fn dir(&self) -> &Arc<dyn Directory> {
        &self.dir
    }

    /// Carries out one effect. `payload` holds the bytes of its buffer, if it names one.
    pub fn run<N: Display>(&self, effect: &FileEffect<N>, payload: &[u8]) -> FileDone {
        FileDone { id: effect.id, result: self.call(&effect.op, payload) }
    }

    fn call<N: Display>(&self, op: &FileOp<N>, payload: &[u8]) -> Result<(), IoError> {
        match op {
            FileOp::Create { name } => self.create(&name.to_string()),
            FileOp::Append { name, .. } => self.file(&name.to_string())?.append(payload),
            FileOp::Write { name, offset, .. } => self.write_at(&name.to_string(), *offset, payload),
            FileOp::Sync { name } => self.file(&name.to_string())?.sync(),
            FileOp::SyncDir => self.dir.sync(),
            FileOp::Rename { from, to } => self.rename(&from.to_string(), &to.to_string()),
            FileOp::Delete { name } => {
                self.forget(&name.to_string());
                self.dir.delete(&name.to_string())
            }
            FileOp::Truncate { name, len } => self.file(&name.to_string())?.truncate(*len),
            FileOp::Preallocate { name, len } => self.file(&name.to_string())?.preallocate(*len),
            FileOp::Zero { name, offset, len } => self.zero(&name.to_string(), *offset, *len),
            // A new kind of effect that this driver does not know.
            _ => Err(IoError::Os(UNSUPPORTED)),
        }
    }

    /// Writes `bytes` at `offset` of a file.
    ///
    /// # Errors
    ///
    /// If the file is not there or the file system refuses.
    pub fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.file(name)?.write_all_at(offset, bytes)
    }

    fn zero(&self, name: &str, offset: u64, len: u64) -> Result<(), IoError> {
        const ZEROS: &[u8] = &[0; 64 << 10];
        let file = self.file(name)?;
        let (mut at, end) = (offset, offset + len);
        while at < end {
            let now = usize::try_from(end - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
            file.write_all_at(at, &ZEROS[..now])?;
            at += now as u64;
        }
        Ok(())
    }

    fn create(&self, name: &str) -> Result<(), IoError> {
        let file = self.dir.open(name, OpenMode::CreateNew)?;
        self.files().insert(name.to_owned(), file);
        Ok(())
    }

    /// Both names mean other files now.
    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.forget(from);
        self.forget(to);
        self.dir.rename(from, to)
    }

    /// The file of a name, held open from then on.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn file(&self, name: &str) -> Result<Arc<dyn File>, IoError> {
        if let Some(file) = self.files().get(name) {
            return Ok(file.clone());
        }
        let file = self.dir.open(name, OpenMode::Write)?;
        self.files().insert(name.to_owned(), file.clone());
        Ok(file)
    }

    /// Lets go of a file that is renamed or deleted by somebody else.
    pub fn forget(&self, name: &str) {
        self.files().remove(name);
    }

    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<dyn File>>> {
        // Nothing is done under the lock that could leave the map half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// ENOSYS.
const UNSUPPORTED: i32 = 38;

#[cfg(test)]
mod tests {
    use super::*;
    use dolmen_base::io::{BufferId, EffectId, read_file};

    #[test]
    fn every_effect_reaches_the_directory() {
        let driver = Driver::new(Arc::new(dolmen_sim::Disk::new()));
        let run = |op, payload: &[u8]| {
            let done = driver.run(&FileEffect { id: EffectId::new(7), op }, payload);
            assert_eq!(done.id, EffectId::new(7));
            done.result
        };
        let buffer = BufferId::new(0);
        assert_eq!(run(FileOp::Sync { name: "a" }, b""), Err(IoError::NotFound));
        run(FileOp::Create { name: "a" }, b"").unwrap();
        assert_eq!(run(FileOp::Create { name: "a" }, b""), Err(IoError::AlreadyExists));
        run(FileOp::Preallocate { name: "a", len: 100 }, b"").unwrap();
        run(FileOp::Append { name: "a", buffer, len: 5 }, b"hello").unwrap();
        run(FileOp::Write { name: "a", offset: 1, buffer, len: 1 }, b"u").unwrap();
        run(FileOp::Truncate { name: "a", len: 4 }, b"").unwrap();
        run(FileOp::Sync { name: "a" }, b"").unwrap();
        run(FileOp::Rename { from: "a", to: "b" }, b"").unwrap();
        run(FileOp::Create { name: "a" }, b"").unwrap();
        run(FileOp::Append { name: "b", buffer, len: 1 }, b"!").unwrap();
        run(FileOp::Delete { name: "a" }, b"").unwrap();
        run(FileOp::SyncDir, b"").unwrap();
        assert_eq!(read_file(&**driver.dir(), "b", 9).unwrap(), b"hull!");
        assert_eq!(driver.dir().list().unwrap().len(), 1);
    }
}
