//! Files of the log directory that speak of all partitions, and how a file is replaced.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_base::io::{Directory, IoError, OpenMode, read_file};
use dolmen_kafka::files::{parse_checkpoint, put_checkpoint};
use parking_lot::Mutex;

/// Topic and partition.
pub type Place = (String, i32);

/// The longest checkpoint that is read.
const CHECKPOINT_LEN_MAX: u64 = 256 << 20;

/// One checkpoint file: an offset for each partition.
struct Checkpoint {
    name: &'static str,
    offsets: Mutex<BTreeMap<Place, i64>>,
}

impl Checkpoint {
    fn read(dir: &dyn Directory, name: &'static str) -> Checkpoint {
        // One that cannot be read says nothing: everything is scanned then.
        let text = read_file(dir, name, CHECKPOINT_LEN_MAX).unwrap_or_default();
        let offsets = String::from_utf8(text).ok().and_then(|text| parse_checkpoint(&text));
        Checkpoint { name, offsets: Mutex::new(offsets.unwrap_or_default().into_iter().collect()) }
    }

    fn get(&self, place: &Place) -> Option<i64> {
        self.offsets.lock().get(place).copied()
    }

    fn set(
        &self,
        dir: &dyn Directory,
        change: impl FnOnce(&mut BTreeMap<Place, i64>),
    ) -> Result<(), IoError> {
        let mut offsets = self.offsets.lock();
        change(&mut offsets);
        let text = put_checkpoint(
            offsets.iter().map(|((topic, partition), offset)| (topic.as_str(), *partition, *offset)),
        );
        replace(dir, self.name, text.as_bytes())
    }
}

/// The checkpoints of a log directory.
pub struct Checkpoints {
    dir: Arc<dyn Directory>,
    recovery: Checkpoint,
    start: Checkpoint,
    cleaned: Checkpoint,
}

impl Checkpoints {
    /// Those that lie in the log directory.
    pub fn read(dir: Arc<dyn Directory>) -> Checkpoints {
        Checkpoints {
            recovery: Checkpoint::read(&*dir, "recovery-point-offset-checkpoint"),
            start: Checkpoint::read(&*dir, "log-start-offset-checkpoint"),
            cleaned: Checkpoint::read(&*dir, "cleaner-offset-checkpoint"),
            dir,
        }
    }

    /// Up to where a partition's log is known to be on the disk.
    pub fn recovery_point(&self, place: &Place) -> i64 {
        self.recovery.get(place).unwrap_or(0)
    }

    /// Where a partition's log begins by DeleteRecords.
    pub fn log_start(&self, place: &Place) -> i64 {
        self.start.get(place).unwrap_or(0)
    }

    /// Up to where a compacted log is clean.
    pub fn cleaned_until(&self, place: &Place) -> i64 {
        self.cleaned.get(place).unwrap_or(0)
    }

    /// # Errors
    /// The file cannot be replaced.
    pub fn set_recovery_points(&self, points: impl Iterator<Item = (Place, i64)>) -> Result<(), IoError> {
        self.recovery.set(&*self.dir, |offsets| offsets.extend(points))
    }

    /// # Errors
    /// The file cannot be replaced.
    pub fn set_log_start(&self, place: &Place, offset: i64) -> Result<(), IoError> {
        self.start.set(&*self.dir, |offsets| {
            offsets.insert(place.clone(), offset);
        })
    }

    /// # Errors
    /// The file cannot be replaced.
    pub fn set_cleaned_until(&self, place: &Place, offset: i64) -> Result<(), IoError> {
        self.cleaned.set(&*self.dir, |offsets| {
            offsets.insert(place.clone(), offset);
        })
    }

    /// Forgets a partition that is deleted.
    ///
    /// # Errors
    /// A file cannot be replaced.
    pub fn forget(&self, place: &Place) -> Result<(), IoError> {
        for checkpoint in [&self.recovery, &self.start, &self.cleaned] {
            if checkpoint.get(place).is_some() {
                checkpoint.set(&*self.dir, |offsets| {
                    offsets.remove(place);
                })?;
            }
        }
        Ok(())
    }
}

/// Writes a file whole beside the old one and puts it in its place: a crash leaves one of the two.
///
/// # Errors
/// A call of the file system that failed.
pub fn replace(dir: &dyn Directory, name: &str, bytes: &[u8]) -> Result<(), IoError> {
    let beside = format!("{name}.tmp");
    match dir.delete(&beside) {
        Ok(()) | Err(IoError::NotFound) => {}
        Err(error) => return Err(error),
    }
    let file = dir.open(&beside, OpenMode::CreateNew)?;
    file.write_all_at(0, bytes)?;
    file.sync()?;
    dir.rename(&beside, name)?;
    dir.sync()
}
