//! A simulated disk on which other threads run before and after every call that changes something. Reads are no such points: the block cache
//! makes others wait for a read with locks of its own.

use std::any::Any;
use std::sync::Arc;

use dolmen_base::io::{Directory, Entry, File, IoError, OpenMode};
use dolmen_sim::Disk;
use shuttle::thread::yield_now;

pub struct Steps(pub Disk);

struct StepFile(Arc<dyn File>);

/// Others run before it, and between its end and the caller's hearing of it.
fn step<R>(call: impl FnOnce() -> R) -> R {
    yield_now();
    let result = call();
    yield_now();
    result
}

impl Directory for Steps {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        let open = || self.0.open(name, mode).map(|file| Arc::new(StepFile(file)) as Arc<dyn File>);
        if mode == OpenMode::Read { open() } else { step(open) }
    }

    fn list(&self) -> Result<Vec<Entry>, IoError> {
        step(|| self.0.list())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        step(|| self.0.rename(from, to))
    }

    fn delete(&self, name: &str) -> Result<(), IoError> {
        step(|| self.0.delete(name))
    }

    fn sync(&self) -> Result<(), IoError> {
        step(|| self.0.sync())
    }

    fn link_into(&self, name: &str, target: &dyn Directory, target_name: &str) -> Result<(), IoError> {
        let target = target.as_any().downcast_ref::<Steps>().expect("a directory of the same kind");
        step(|| self.0.link_into(name, &target.0, target_name))
    }

    fn display(&self) -> String {
        self.0.display()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        self.0.lock(name)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl File for StepFile {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        self.0.read_exact_at(offset, out)
    }

    fn append(&self, bytes: &[u8]) -> Result<(), IoError> {
        step(|| self.0.append(bytes))
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        step(|| self.0.write_all_at(offset, bytes))
    }

    fn sync(&self) -> Result<(), IoError> {
        step(|| self.0.sync())
    }

    fn len(&self) -> Result<u64, IoError> {
        self.0.len()
    }

    fn truncate(&self, len: u64) -> Result<(), IoError> {
        step(|| self.0.truncate(len))
    }

    fn preallocate(&self, len: u64) -> Result<(), IoError> {
        step(|| self.0.preallocate(len))
    }
}
