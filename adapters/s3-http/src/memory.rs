//! A directory of files that live in memory: with it the backend `memory` is the same server over the same store as `local`.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use parking_lot::{Mutex, RwLock};

/// Files by name.
#[derive(Default)]
pub(crate) struct MemoryDir {
    files: Mutex<BTreeMap<String, Arc<MemoryFile>>>,
    locks: Arc<Mutex<Vec<String>>>,
}

#[derive(Default)]
struct MemoryFile(RwLock<Vec<u8>>);

impl Directory for MemoryDir {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        let mut files = self.files.lock();
        match (files.get(name), mode) {
            (Some(_), OpenMode::CreateNew) => Err(IoError::AlreadyExists),
            (Some(file), _) => Ok(file.clone()),
            (None, OpenMode::CreateNew) => {
                let file = Arc::new(MemoryFile::default());
                files.insert(name.to_owned(), file.clone());
                Ok(file)
            }
            (None, _) => Err(IoError::NotFound),
        }
    }

    fn list(&self) -> Result<Vec<Entry>, IoError> {
        let files = self.files.lock();
        let entry = |(name, file): (&String, &Arc<MemoryFile>)| Entry {
            name: name.clone(),
            len: file.0.read().len() as u64,
        };
        Ok(files.iter().map(entry).collect())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        let mut files = self.files.lock();
        let file = files.remove(from).ok_or(IoError::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), IoError> {
        self.files.lock().remove(name).map(drop).ok_or(IoError::NotFound)
    }

    fn sync(&self) -> Result<(), IoError> {
        Ok(())
    }

    fn link_into(&self, name: &str, target: &dyn Directory, target_name: &str) -> Result<(), IoError> {
        let target = target.as_any().downcast_ref::<MemoryDir>().ok_or(IoError::Denied)?;
        let file = self.files.lock().get(name).cloned().ok_or(IoError::NotFound)?;
        let mut files = target.files.lock();
        if files.contains_key(target_name) {
            return Err(IoError::AlreadyExists);
        }
        files.insert(target_name.to_owned(), file);
        Ok(())
    }

    fn display(&self) -> String {
        String::new()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        let mut locks = self.locks.lock();
        if locks.iter().any(|held| held == name) {
            return Err(IoError::Locked);
        }
        locks.push(name.to_owned());
        Ok(Box::new(Held { name: name.to_owned(), locks: self.locks.clone() }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Held {
    name: String,
    locks: Arc<Mutex<Vec<String>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.lock().retain(|held| *held != self.name);
    }
}

impl File for MemoryFile {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        let bytes = self.0.read();
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let found = rest.get(..out.len());
        let short = IoError::UnexpectedEnd { wanted: out.len() as u64, got: rest.len() as u64 };
        out.copy_from_slice(found.ok_or(short)?);
        Ok(())
    }

    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        self.0.write().extend_from_slice(bytes);
        Ok(())
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let mut file = self.0.write();
        let at = usize::try_from(offset).map_err(|_| IoError::NoSpace)?;
        let end = at.checked_add(bytes.len()).ok_or(IoError::NoSpace)?;
        if file.len() < end {
            file.resize(end, 0);
        }
        file[at..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> Result<(), IoError> {
        Ok(())
    }

    fn len(&self) -> Result<u64, IoError> {
        Ok(self.0.read().len() as u64)
    }

    fn truncate(&self, len: u64) -> Result<(), IoError> {
        let len = usize::try_from(len).map_err(|_| IoError::NoSpace)?;
        self.0.write().resize(len, 0);
        Ok(())
    }

    fn preallocate(&self, _: u64) -> Result<(), IoError> {
        Ok(())
    }
}
