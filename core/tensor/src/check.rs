//! Bodies that tests, the replay of seeds and fuzzing share.

use alloc::vec::Vec;

use crate::{Record, naive, record};

/// The twins agree, and what was read is what is written again.
///
/// # Panics
///
/// If they do not.
pub fn check_record(data: &[u8]) {
    let found = Record::parse(data);
    let plain = naive::parse(data);
    if let Ok(record) = found {
        assert_eq!(Some((record.bytes(), record.rest())), plain, "the twins differ");
        let mut again = Vec::new();
        record::append(record.bytes(), &mut again).expect("it was short enough to be read");
        assert_eq!(again.len(), record::encoded_len(record.bytes().len()));
        assert_eq!(Record::parse(&again).map(|r| r.bytes()), Ok(record.bytes()));
    }
}
