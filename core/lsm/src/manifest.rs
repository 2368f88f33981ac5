//! The MANIFEST: version edits as records of a log (`db/log_format.h`).
//!
//! ```text
//! file   = blocks of 32,768 bytes
//! record = fixed32 masked CRC-32C of type and payload | u16 length | u8 type: 1 full, 2 first, 3 middle, 4 last | payload
//! ```
//! Damage with a valid record behind it is an error: to leave out an edit in the middle is to open another database. At the end
//! three cases stay apart, and the caller decides about the third: the file is whole; it ends inside a record, as a crash
//! leaves it; its last record fails its checksum, which a crash can leave where sectors are written out of order, and so can damage.

use alloc::vec::Vec;

use dolmen_codec::checksum;

use crate::edit::VersionEdit;
use crate::error::{Damage, Part, ReadError};
use dolmen_base::io::FileNumber;

/// Bytes of a block of the log.
const BLOCK_LEN: usize = 32 << 10;
/// Bytes before a record's payload.
const HEADER_LEN: usize = 7;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// How a MANIFEST ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole record, or zeros.
    Whole,
    /// Inside a record that was never completed; it holds nothing that was synced.
    Torn,
    /// With a record that fails its checksum, nothing valid behind it.
    Damaged(ReadError),
}

/// What a MANIFEST holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The edits in order.
    pub edits: Vec<VersionEdit>,
    /// Length of the file up to the end of the last whole edit.
    pub whole_len: u64,
    /// What stands behind that.
    pub tail: Tail,
}

/// Reads a MANIFEST. Offsets in errors count from the start of the file.
pub fn read(bytes: &[u8], file: FileNumber) -> Result<Manifest, ReadError> {
    let mut out = Manifest { edits: Vec::new(), whole_len: 0, tail: Tail::Whole };
    let (mut at, mut record, mut record_at) = (0, Vec::new(), None);
    loop {
        match next_fragment(bytes, at) {
            Fragment::End => {
                if record_at.is_some() {
                    out.tail = Tail::Torn;
                }
                return Ok(out);
            }
            Fragment::Torn if !valid_behind(bytes, at) => {
                out.tail = Tail::Torn;
                return Ok(out);
            }
            Fragment::Torn => {
                let what = Damage::Range { found: at as u64, max: bytes.len() as u64 };
                return Err(ReadError::corrupt(Part::VersionEdit, at as u64, what).in_file(file, 0));
            }
            Fragment::Bad(what) => {
                let error = ReadError::corrupt(Part::VersionEdit, at as u64, what).in_file(file, 0);
                if valid_behind(bytes, at) {
                    return Err(error);
                }
                out.tail = Tail::Damaged(error);
                return Ok(out);
            }
            Fragment::Record { kind, payload, end, start } => {
                if matches!(kind, FULL | FIRST) != record_at.is_none() {
                    let what = Damage::Tag(u64::from(kind));
                    return Err(ReadError::corrupt(Part::VersionEdit, start as u64, what).in_file(file, 0));
                }
                let begun = *record_at.get_or_insert(start);
                record.extend_from_slice(payload);
                at = end;
                if matches!(kind, FULL | LAST) {
                    let edit = VersionEdit::decode(&record).map_err(|e| e.in_file(file, begun as u64))?;
                    out.edits.push(edit);
                    out.whole_len = end as u64;
                    record.clear();
                    record_at = None;
                }
            }
        }
    }
}

/// Appends an edit to a MANIFEST that is `manifest_len` bytes long; `out` gets the bytes to append to the file.
pub fn append(edit: &VersionEdit, manifest_len: u64, out: &mut Vec<u8>) {
    let mut record = Vec::new();
    edit.encode(&mut record);
    let mut in_block = (manifest_len % BLOCK_LEN as u64) as usize;
    let (mut rest, mut first) = (record.as_slice(), true);
    loop {
        if BLOCK_LEN - in_block < HEADER_LEN {
            out.resize(out.len() + BLOCK_LEN - in_block, 0);
            in_block = 0;
        }
        let (payload, behind) = rest.split_at(rest.len().min(BLOCK_LEN - in_block - HEADER_LEN));
        let kind = match (first, behind.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        out.extend_from_slice(&crc(kind, payload).to_le_bytes());
        out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
        out.push(kind);
        out.extend_from_slice(payload);
        in_block += HEADER_LEN + payload.len();
        (rest, first) = (behind, false);
        if rest.is_empty() {
            return;
        }
    }
}

/// What stands at an offset.
enum Fragment<'a> {
    /// Nothing more.
    End,
    /// A record that the file cuts off.
    Torn,
    /// Bytes that are no record.
    Bad(Damage),
    Record {
        kind: u8,
        payload: &'a [u8],
        start: usize,
        end: usize,
    },
}

fn next_fragment(bytes: &[u8], mut at: usize) -> Fragment<'_> {
    let in_block = at % BLOCK_LEN;
    if BLOCK_LEN - in_block < HEADER_LEN {
        at += BLOCK_LEN - in_block;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let header = &rest[..rest.len().min(HEADER_LEN)];
    if header.iter().all(|&b| b == 0) && rest.iter().all(|&b| b == 0) {
        return Fragment::End;
    }
    let Some((&[c0, c1, c2, c3, l0, l1, kind], behind)) = rest.split_first_chunk::<HEADER_LEN>() else {
        return Fragment::Torn;
    };
    if !matches!(kind, FULL..=LAST) {
        return Fragment::Bad(Damage::Tag(u64::from(kind)));
    }
    let (stored, len) = (u32::from_le_bytes([c0, c1, c2, c3]), usize::from(u16::from_le_bytes([l0, l1])));
    let room = BLOCK_LEN - at % BLOCK_LEN - HEADER_LEN;
    if len > room {
        return Fragment::Bad(Damage::Range { found: len as u64, max: room as u64 });
    }
    let Some(payload) = behind.get(..len) else {
        // All bytes of the record are there if only its length is wrong, which the checksum does not cover.
        let whole = stored == crc(kind, behind);
        let what = Damage::Range { found: len as u64, max: behind.len() as u64 };
        return if whole { Fragment::Bad(what) } else { Fragment::Torn };
    };
    let found = crc(kind, payload);
    if stored != found {
        return Fragment::Bad(Damage::Checksum { expected: stored, found });
    }
    Fragment::Record { kind, payload, start: at, end: at + HEADER_LEN + len }
}

/// Whether a valid record stands anywhere behind the bad one at `at`: its length may be what is wrong, so every place in the block is
/// tried, and the start of every later block.
fn valid_behind(bytes: &[u8], at: usize) -> bool {
    let is_record = |at| matches!(next_fragment(bytes, at), Fragment::Record { start, .. } if start == at);
    let next_block = (at - at % BLOCK_LEN + BLOCK_LEN).min(bytes.len());
    (at + 1..next_block).any(is_record) || (next_block..bytes.len()).step_by(BLOCK_LEN).any(is_record)
}

fn crc(kind: u8, payload: &[u8]) -> u32 {
    checksum::mask(checksum::crc32c_extend(checksum::crc32c(&[kind]), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    const FILE: FileNumber = FileNumber::new(5);

    fn edit(n: u64, name_len: usize) -> VersionEdit {
        VersionEdit {
            next_file_number: Some(FileNumber::new(n)),
            family_add: Some(String::from_utf8(alloc::vec![b'n'; name_len]).unwrap()),
            ..VersionEdit::default()
        }
    }

    fn manifest(lens: &[usize]) -> (Vec<VersionEdit>, Vec<u8>) {
        let edits: Vec<_> = lens.iter().enumerate().map(|(i, &len)| edit(i as u64, len)).collect();
        let mut bytes = Vec::new();
        for edit in &edits {
            let len = bytes.len() as u64;
            append(edit, len, &mut bytes);
        }
        (edits, bytes)
    }

    #[test]
    fn what_is_appended_is_read_over_every_block_border() {
        for first in BLOCK_LEN - 40..BLOCK_LEN + 10 {
            let (edits, bytes) = manifest(&[first, 3, 100_000, 0]);
            let read = read(&bytes, FILE).unwrap();
            assert_eq!((read.edits, read.tail, read.whole_len), (edits, Tail::Whole, bytes.len() as u64));
        }
    }

    #[test]
    fn a_cut_at_the_end_is_torn_and_loses_only_the_last_edit() {
        let (edits, bytes) = manifest(&[10, 40_000, 10]);
        let starts = [1, 2].map(|n| manifest(&[10, 40_000, 10][..n]).1.len());
        for len in (0..bytes.len()).rev().step_by(7) {
            let found = read(&bytes[..len], FILE).unwrap();
            let whole = starts.iter().filter(|&&s| s <= len).count();
            assert_eq!(found.edits, edits[..whole]);
            let at_border = len == 0 || starts.contains(&len);
            assert!(at_border || found.tail != Tail::Whole, "cut at {len}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_an_error_and_at_the_end_is_told() {
        let (_, bytes) = manifest(&[10, 10, 10]);
        let last = manifest(&[10, 10]).1.len();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            match read(&bytes, FILE) {
                Err(ReadError::Corrupt { file: FILE, .. }) => assert!(at < last),
                Ok(m) => assert!(at >= last && matches!(m.tail, Tail::Damaged(_)), "byte {at}: {m:?}"),
                Err(e) => panic!("{e:?}"),
            }
        }
    }

    #[test]
    fn zeros_behind_are_an_end() {
        let (edits, mut bytes) = manifest(&[10]);
        let len = bytes.len() as u64;
        bytes.extend_from_slice(&[0; 50_000]);
        assert_eq!(read(&bytes, FILE), Ok(Manifest { edits, whole_len: len, tail: Tail::Whole }));
    }
}
