//! Logs that librocksdb and LevelDB wrote, byte for byte: the same operations, framed here, give the same file.

use dolmen_wal::record::{BLOCK_LEN, append};
use dolmen_wal::{Framing, RecoveryMode, Tail, recover};

const PLAIN: &[u8] = include_bytes!("data/plain-000004.log");
const RECYCLED: &[u8] = include_bytes!("data/recycled-000012.log");
const LEVELDB: &[u8] = include_bytes!("data/leveldb-000003.log");
const LENS: [usize; 8] = [0, 1, 100, 32_200, 300, 33_000, 5, 2000];

/// The batch of one put, as `make.cc` does it: sequence, count 1, tag 1, key and value behind their lengths.
fn batch(i: usize, value_len: usize) -> Vec<u8> {
    let mut out = (i as u64 + 1).to_le_bytes().to_vec();
    out.extend_from_slice(&1u32.to_le_bytes());
    out.push(1);
    let value: Vec<u8> = (0..value_len).map(|j| (i * 31 + j) as u8).collect();
    for field in [format!("key{i:04}").as_bytes(), &value] {
        let mut len = field.len();
        while len >= 0x80 {
            out.push(len as u8 | 0x80);
            len >>= 7;
        }
        out.push(len as u8);
        out.extend_from_slice(field);
    }
    out
}

fn framed(batches: impl Iterator<Item = Vec<u8>>, framing: Framing) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        let len = out.len() as u64;
        append(&batch, len, framing, &mut out);
    }
    out
}

#[test]
fn rocksdb_s_plain_log() {
    let ours = framed(LENS.iter().enumerate().map(|(i, &len)| batch(i, len)), Framing::Plain);
    assert!(ours.len() > 2 * BLOCK_LEN);
    assert!(ours == PLAIN, "the bytes differ");
}

#[test]
fn leveldb_s_log() {
    let ours = framed(LENS[..5].iter().enumerate().map(|(i, &len)| batch(i, len)), Framing::Plain);
    assert!(ours == LEVELDB, "the bytes differ");
}

/// The file was log 10 or an earlier one before; what is left of that is an end.
#[test]
fn rocksdb_s_recycled_log() {
    let puts = || (0..35).map(|k| batch(120 + k, 900 + 10 * k));
    let ours = framed(puts(), Framing::Recyclable { log_number: 12 });
    assert!(ours.len() > BLOCK_LEN && ours.len() < RECYCLED.len(), "over a block, and older bytes behind");
    assert!(RECYCLED.starts_with(&ours), "the bytes differ");
    for mode in [RecoveryMode::TornTail, RecoveryMode::PointInTime, RecoveryMode::SkipAnyCorrupted] {
        let mut read = Vec::new();
        let report = recover(RECYCLED, Some(12), mode, &mut |_, record| read.push(record.to_vec())).unwrap();
        assert!(read.iter().cloned().eq(puts()), "{mode:?}: {} records", read.len());
        if mode != RecoveryMode::SkipAnyCorrupted {
            assert_eq!(report.whole_len, ours.len() as u64);
            assert!(!matches!(report.tail, Tail::Stopped { .. }));
        }
    }
}
