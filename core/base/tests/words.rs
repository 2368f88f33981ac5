//! Ids, time, errors and whole-file reads at their borders.
#![allow(clippy::disallowed_types)]

use std::any::Any;
use std::sync::Arc;

use dolmen_base::io::{Directory, Entry, File, FileNumber, IoError, OpenMode, read_file};
use dolmen_base::time::Duration;
use dolmen_base::trace::Step;
use dolmen_base::{NoTrace, Time, Trace};

#[test]
fn ids_order_print_and_stop_at_the_end() {
    assert!(FileNumber::new(9) < FileNumber::new(10));
    assert_eq!(FileNumber::new(7).to_string(), "7");
    assert_eq!(format!("{:>4}", FileNumber::new(7)), "   7");
    assert_eq!(FileNumber::new(u64::MAX).next(), FileNumber::new(u64::MAX));
}

#[test]
fn time_saturates_at_both_ends() {
    let second = Duration::from_secs(1);
    assert_eq!(Time::MAX + second, Time::MAX);
    assert_eq!(Time::ZERO - second, Time::ZERO);
    assert_eq!(Time::ZERO + Duration::MAX, Time::MAX);
    assert_eq!(Time::from_millis(u64::MAX), Time::MAX);
    assert_eq!(Time::from_nanos(1_999_999).as_millis(), 1);
    assert_eq!(Time::from_millis(3).since(Time::from_millis(1)), Duration::from_millis(2));
    assert_eq!(Time::from_millis(1).since(Time::from_millis(3)), Duration::ZERO);
}

#[test]
fn errors_speak_as_the_operating_system_does() {
    assert_eq!(IoError::NoSpace.to_string(), "No space left on device");
    assert_eq!(IoError::Os(5).to_string(), "Input/output error");
    assert_eq!(IoError::Os(71).to_string(), "operating system error 71");
    let short = IoError::UnexpectedEnd { wanted: 9, got: 4 };
    assert_eq!(short.to_string(), "the file ends after 4 of the 9 bytes that were expected");
}

#[test]
fn a_vector_listens_and_no_trace_does_not() {
    const { assert!(!NoTrace::ENABLED && <Vec<Step> as Trace>::ENABLED) };
    let mut steps = Vec::new();
    steps.step(Step::Memtable { immutable: None, hit: true });
    NoTrace.step(Step::Memtable { immutable: None, hit: true });
    assert_eq!(steps, [Step::Memtable { immutable: None, hit: true }]);
}

/// One file of fixed bytes under the name `f`; writes are refused.
struct Fixed(&'static [u8]);

impl File for Fixed {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        let from = &self.0[offset as usize..];
        let short = IoError::UnexpectedEnd { wanted: out.len() as u64, got: from.len() as u64 };
        out.copy_from_slice(from.get(..out.len()).ok_or(short)?);
        Ok(())
    }
    fn append(&self, _: &[u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn write_all_at(&self, _: u64, _: &[u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn sync(&self) -> Result<(), IoError> {
        Ok(())
    }
    fn len(&self) -> Result<u64, IoError> {
        Ok(self.0.len() as u64)
    }
    fn truncate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn preallocate(&self, _: u64) -> Result<(), IoError> {
        Ok(())
    }
}

impl Directory for Fixed {
    fn open(&self, name: &str, mode: OpenMode) -> Result<Arc<dyn File>, IoError> {
        match (name, mode) {
            ("f", OpenMode::Read) => Ok(Arc::new(Fixed(self.0))),
            ("f", _) => Err(IoError::Denied),
            _ => Err(IoError::NotFound),
        }
    }
    fn list(&self) -> Result<Vec<Entry>, IoError> {
        Ok(vec![Entry { name: "f".into(), len: self.0.len() as u64 }])
    }
    fn rename(&self, _: &str, _: &str) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn delete(&self, _: &str) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn sync(&self) -> Result<(), IoError> {
        Ok(())
    }
    fn link_into(&self, _: &str, _: &dyn Directory, _: &str) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn display(&self) -> String {
        String::new()
    }
    fn lock(&self, _: &str) -> Result<Box<dyn Send + Sync>, IoError> {
        Ok(Box::new(()))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn a_whole_file_is_read_up_to_its_limit() {
    let dir = Fixed(b"stone");
    assert_eq!(read_file(&dir, "f", 5).unwrap(), b"stone");
    assert_eq!(read_file(&dir, "f", 4), Err(IoError::UnexpectedEnd { wanted: 5, got: 4 }));
    assert_eq!(read_file(&dir, "g", 5), Err(IoError::NotFound));
    assert!(File::is_empty(&Fixed(b"")).unwrap() && !File::is_empty(&dir).unwrap());
}
