//! What every input must keep to: the bodies of fuzz targets and of tests over seeds.

use alloc::vec::Vec;

use crate::batch::Batch;

use super::machine::{Groups, Settings};
use super::{records, serve};

/// A record of `__consumer_offsets` from any bytes: it is refused, or what it says is taken over and nothing is left unanswered. The first byte says how
/// long the key is.
pub fn check_record(bytes: &[u8]) {
    let Some((key_len, rest)) = bytes.split_first() else { return };
    let (key, value) = rest.split_at(usize::from(*key_len).min(rest.len()));
    let value = (!value.is_empty()).then_some(value);
    let said = records::parse(key, value);
    let record = records::Record { key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
    let mut batch = Vec::new();
    assert!(records::put_batch(&mut batch, &[record], None, 0), "one record fits");
    let (batch, _) = Batch::split(&batch, 0).expect("it was just written");
    let mut groups = Groups::new(Settings::default(), 0);
    let loaded = groups.load(0, &batch, &[]);
    assert_eq!(loaded.is_ok(), said.is_ok(), "what parses is taken over");
    groups.start(dolmen_base::Time::ZERO, &crate::topics::Topics::new());
    assert!(groups.poll().is_none(), "a log asks for nothing");
}

/// A request of groups from any bytes: key, version, body. It parses or is refused.
pub fn check_request(bytes: &[u8]) {
    let Some((key, rest)) = bytes.split_first() else { return };
    let Some((version, body)) = rest.split_first() else { return };
    let asked = serve::read(i16::from(*key), i16::from(*version), body);
    assert!(asked.is_err() || serve::is_of_groups(i16::from(*key)), "only requests of groups are read");
}
