//! The MANIFEST: version edits as records of a log, framed by [`dolmen_wal::record`].
//!
//! Damage with a valid record behind it is an error: to leave out an edit in the middle is to open another database. At the end
//! three cases stay apart, and the caller decides about the third: the file is whole; it ends inside a record, as a crash
//! leaves it; its last record fails its checksum, which a crash can leave where sectors are written out of order, and so can damage.

use alloc::vec::Vec;

use dolmen_base::io::FileNumber;
use dolmen_wal::{Framing, RecoveryMode, WalError, record};

use crate::edit::VersionEdit;
use crate::error::{Damage, Part, ReadError};

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
///
/// # Errors
/// Damage with a valid edit behind it, and an edit that cannot be read.
pub fn read(bytes: &[u8], file: FileNumber) -> Result<Manifest, ReadError> {
    let (mut edits, mut failed) = (Vec::new(), None);
    // Edits of one group are written together: of them a crash can keep a later one and lose an earlier one.
    let proves = |_, fragment: &[u8]| {
        VersionEdit::decode(fragment).map_or(true, |edit| edit.atomic_group_remaining.is_none())
    };
    let mode = RecoveryMode::TornTail;
    let report = dolmen_wal::recover_with(bytes, None, mode, &proves, &mut |at, record| {
        match VersionEdit::decode(record) {
            // What stands behind an edit that cannot be read belongs to another database.
            _ if failed.is_some() => {}
            Ok(edit) => edits.push(edit),
            Err(error) => failed = Some(error.in_file(file, at)),
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let corrupt = |at, what| ReadError::corrupt(Part::VersionEdit, at, what).in_file(file, 0);
    let report = report.map_err(|error| match error {
        WalError::Corrupt { at, damage, .. } => corrupt(at, damage_of(damage)),
        WalError::Unsupported { at, kind } => corrupt(at, Damage::Tag(u64::from(kind))),
        // Only absolute recovery refuses a torn tail.
        _ => corrupt(0, Damage::Range { found: bytes.len() as u64, max: 0 }),
    })?;
    let tail = match report.tail {
        dolmen_wal::Tail::Whole => Tail::Whole,
        dolmen_wal::Tail::Torn { .. } => Tail::Torn,
        dolmen_wal::Tail::Damaged { at, damage } | dolmen_wal::Tail::Stopped { at, damage, .. } => {
            Tail::Damaged(corrupt(at, damage_of(damage)))
        }
    };
    Ok(Manifest { edits, whole_len: report.whole_len, tail })
}

/// The edits before the first damage of a MANIFEST that [`read`] refuses.
pub fn salvage(bytes: &[u8]) -> Vec<VersionEdit> {
    let (mut edits, mut is_over) = (Vec::new(), false);
    // Where it stops is where the edits end; why is what `read` says.
    let _ =
        dolmen_wal::recover_with(bytes, None, RecoveryMode::PointInTime, &|_, _| false, &mut |_, record| {
            match VersionEdit::decode(record) {
                Ok(edit) if !is_over => edits.push(edit),
                _ => is_over = true,
            }
        });
    edits
}

/// Appends an edit to a MANIFEST that is `manifest_len` bytes long; `out` gets the bytes to append to the file.
pub fn append(edit: &VersionEdit, manifest_len: u64, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    edit.encode(&mut payload);
    record::append(&payload, manifest_len, Framing::Plain, out);
}

/// The log's word for what is wrong, in this crate's terms.
fn damage_of(damage: dolmen_wal::Damage) -> Damage {
    match damage {
        dolmen_wal::Damage::Checksum { expected, found } => Damage::Checksum { expected, found },
        dolmen_wal::Damage::Length { found, max } => Damage::Range { found, max },
        dolmen_wal::Damage::Kind(kind) | dolmen_wal::Damage::Fragment(kind) => Damage::Tag(u64::from(kind)),
        // A MANIFEST is never recycled, and no number is looked for.
        _ => Damage::Tag(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use dolmen_wal::BLOCK_LEN;

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
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            check_flip(&bytes, at, bit, last);
        }
    }

    #[test]
    fn a_damaged_header_of_a_fragment_is_told() {
        let (edits, bytes) = manifest(&[10, 40_000]);
        let first = manifest(&[10]).1.len();
        // The second fragment begins with the second block.
        for (at, bit) in (BLOCK_LEN..BLOCK_LEN + 7).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            check_flip(&bytes, at, bit, first);
        }
        assert_eq!(read(&bytes, FILE).unwrap().edits, edits);
    }

    /// One bit of a MANIFEST whose last edit starts at `last`.
    fn check_flip(bytes: &[u8], at: usize, bit: u32, last: usize) {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << bit;
        match read(&bytes, FILE) {
            Err(ReadError::Corrupt { file: FILE, .. }) => assert!(at < last),
            Ok(m) => {
                assert!(at >= last && matches!(m.tail, Tail::Damaged(_)), "bit {bit} of byte {at}: {m:?}")
            }
            Err(e) => panic!("{e:?}"),
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
