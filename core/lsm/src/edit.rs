//! Version edits: one record of the MANIFEST (`db/version_edit.cc`).
//!
//! ```text
//! edit     = (varint32 tag, payload)*
//! new file = 103, level, number, length, smallest, largest, smallest sequence, largest sequence, (varint32 tag, slice)*, 1
//! ```
//! Tags from 8192 on, and custom fields of a file below 64, are skipped when they are unknown; any other unknown tag is
//! refused by its number, since a reader that skips it would see another database than the writer.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::io::FileNumber;
use dolmen_codec::{Cursor, DecodeError, varint};

use crate::error::{Damage, Feature, Part, ReadError};
use crate::key::{FamilyId, InternalKey, SequenceNumber};
use crate::limits::LEVEL_MAX;

mod tag {
    pub const COMPARATOR: u32 = 1;
    pub const LOG_NUMBER: u32 = 2;
    pub const NEXT_FILE_NUMBER: u32 = 3;
    pub const LAST_SEQUENCE: u32 = 4;
    pub const COMPACT_CURSOR: u32 = 5;
    pub const DELETED_FILE: u32 = 6;
    pub const NEW_FILE: u32 = 7;
    pub const PREV_LOG_NUMBER: u32 = 9;
    pub const MIN_LOG_NUMBER_TO_KEEP: u32 = 10;
    pub const NEW_FILE_2: u32 = 100;
    pub const NEW_FILE_3: u32 = 102;
    pub const NEW_FILE_4: u32 = 103;
    pub const FAMILY: u32 = 200;
    pub const FAMILY_ADD: u32 = 201;
    pub const FAMILY_DROP: u32 = 202;
    pub const FAMILY_MAX: u32 = 203;
    pub const ATOMIC_GROUP: u32 = 300;
    pub const BLOB_ADDITION: u32 = 400;
    pub const BLOB_GARBAGE: u32 = 401;
    pub const IGNORABLE: u32 = 1 << 13;
    pub const DB_ID: u32 = 8193;
    pub const BLOB_ADDITION_OLD: u32 = 8194;
    pub const BLOB_GARBAGE_OLD: u32 = 8195;
    pub const LOG_ADDITION_OLD: u32 = 8196;
    pub const LOG_DELETION_OLD: u32 = 8197;
    pub const FULL_HISTORY_TIMESTAMP: u32 = 8198;
}

mod custom {
    pub const END: u32 = 1;
    pub const NEED_COMPACTION: u32 = 2;
    pub const MIN_LOG_NUMBER_TO_KEEP: u32 = 3;
    pub const OLDEST_BLOB_FILE: u32 = 4;
    pub const OLDEST_ANCESTOR_TIME: u32 = 5;
    pub const CREATION_TIME: u32 = 6;
    pub const CHECKSUM: u32 = 7;
    pub const CHECKSUM_FUNCTION: u32 = 8;
    pub const TEMPERATURE: u32 = 9;
    pub const MIN_TIMESTAMP: u32 = 10;
    pub const MAX_TIMESTAMP: u32 = 11;
    pub const UNIQUE_ID: u32 = 12;
    pub const EPOCH_NUMBER: u32 = 13;
    pub const COMPENSATED_RANGE_DELETION_LEN: u32 = 14;
    pub const TAIL_LEN: u32 = 15;
    pub const MUST_KNOW: u32 = 64;
    pub const PATH_ID: u32 = 65;
}

/// A table that a version gains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewFile {
    /// Level of the tree.
    pub level: u32,
    /// The table's number.
    pub number: FileNumber,
    /// Its exact length in bytes.
    pub len: u64,
    /// Internal key at or before every entry, range tombstones included.
    pub smallest: Vec<u8>,
    /// Internal key at or behind every entry; the end of a range tombstone has the largest sequence number.
    pub largest: Vec<u8>,
    /// The smallest sequence number in it.
    pub smallest_sequence: SequenceNumber,
    /// The largest sequence number in it.
    pub largest_sequence: SequenceNumber,
    /// Whether its writer asked for a compaction.
    pub marked_for_compaction: bool,
    /// When the oldest data in it was written, in seconds since 1970; 0 unknown.
    pub oldest_ancestor_time: u64,
    /// When it was created, in seconds since 1970; 0 unknown.
    pub creation_time: u64,
    /// Order among the files of level 0, newer is larger; 0 unknown.
    pub epoch_number: u64,
    /// Checksum of the whole file, if one was made.
    pub checksum: Vec<u8>,
    /// The function that made it.
    pub checksum_function: Vec<u8>,
    /// Storage class, 0 unknown.
    pub temperature: u8,
    /// Hash of the creating session and file number, 16 bytes, if recorded.
    pub unique_id: Option<[u8; 16]>,
    /// Estimate of the bytes below that its range tombstones cover.
    pub compensated_range_deletion_len: u64,
    /// Bytes from the end of the data blocks to the end of the file; 0 unknown.
    pub tail_len: u64,
}

/// One change of the set of files, families and counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionEdit {
    /// The database's id.
    pub db_id: Option<String>,
    /// Name of the comparator of the column family.
    pub comparator: Option<String>,
    /// Logs below this one hold nothing more for the family.
    pub log_number: Option<FileNumber>,
    /// Always 0 in RocksDB; LevelDB's log under compaction.
    pub prev_log_number: Option<FileNumber>,
    /// The next file number to give out.
    pub next_file_number: Option<FileNumber>,
    /// The largest column family id ever given out.
    pub family_max: Option<FamilyId>,
    /// Logs below this one may be deleted, with two-phase commit taken into account.
    pub min_log_number_to_keep: Option<FileNumber>,
    /// The last sequence number in use.
    pub last_sequence: Option<SequenceNumber>,
    /// Where the next compaction of a level starts: level and internal key.
    pub compact_cursors: Vec<(u32, Vec<u8>)>,
    /// Tables that go: level and number.
    pub deleted_files: Vec<(u32, FileNumber)>,
    /// Tables that come.
    pub new_files: Vec<NewFile>,
    /// The column family that the edit is about.
    pub family: FamilyId,
    /// The family is created with this name.
    pub family_add: Option<String>,
    /// The family is dropped.
    pub family_drop: bool,
    /// The edit belongs to a group that takes effect as one; so many edits of it follow.
    pub atomic_group_remaining: Option<u32>,
}

impl VersionEdit {
    /// Decodes one record. Offsets in errors count from its start.
    ///
    /// # Errors
    /// Damage, and a tag that is not known and may not be passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut edit = VersionEdit::default();
        let mut reader = Reader { cursor: Cursor::new(bytes) };
        while !reader.cursor.is_empty() {
            edit.decode_field(&mut reader)?;
        }
        Ok(edit)
    }

    fn decode_field(&mut self, r: &mut Reader<'_>) -> Result<(), ReadError> {
        let tag = r.u32()?;
        match tag {
            tag::COMPARATOR => self.comparator = Some(r.text()?),
            tag::LOG_NUMBER => self.log_number = Some(r.number()?),
            tag::PREV_LOG_NUMBER => self.prev_log_number = Some(r.number()?),
            tag::NEXT_FILE_NUMBER => self.next_file_number = Some(r.number()?),
            tag::LAST_SEQUENCE => self.last_sequence = Some(r.sequence()?),
            tag::FAMILY_MAX => self.family_max = Some(FamilyId::new(r.u32()?)),
            tag::MIN_LOG_NUMBER_TO_KEEP => self.min_log_number_to_keep = Some(r.number()?),
            tag::COMPACT_CURSOR => self.compact_cursors.push((r.level()?, r.internal_key()?)),
            tag::DELETED_FILE => self.deleted_files.push((r.level()?, r.number()?)),
            tag::NEW_FILE | tag::NEW_FILE_2 | tag::NEW_FILE_3 | tag::NEW_FILE_4 => {
                let file = self.decode_new_file(tag, r)?;
                self.new_files.push(file);
            }
            tag::FAMILY => self.family = FamilyId::new(r.u32()?),
            tag::FAMILY_ADD => self.family_add = Some(r.text()?),
            tag::FAMILY_DROP => self.family_drop = true,
            tag::ATOMIC_GROUP => self.atomic_group_remaining = Some(r.u32()?),
            tag::DB_ID => self.db_id = Some(r.text()?),
            tag::BLOB_ADDITION | tag::BLOB_GARBAGE | tag::BLOB_ADDITION_OLD | tag::BLOB_GARBAGE_OLD => {
                return Err(unsupported(Feature::BlobFiles));
            }
            tag::LOG_ADDITION_OLD => r.skip_old_log_addition()?,
            tag::LOG_DELETION_OLD => drop(r.number()?),
            tag::FULL_HISTORY_TIMESTAMP => return Err(unsupported(Feature::Timestamps)),
            other if other & tag::IGNORABLE != 0 => drop(r.slice()?),
            other => return Err(unsupported(Feature::EditTag(other))),
        }
        Ok(())
    }

    fn decode_new_file(&mut self, tag: u32, r: &mut Reader<'_>) -> Result<NewFile, ReadError> {
        let mut file = NewFile { level: r.level()?, number: r.number()?, ..NewFile::default() };
        if tag == tag::NEW_FILE_3 {
            check_path_id(r.u32()?)?;
        }
        file.len = r.u64()?;
        file.smallest = r.internal_key()?;
        file.largest = r.internal_key()?;
        if tag == tag::NEW_FILE {
            file.largest_sequence = crate::key::SEQUENCE_MAX;
            return Ok(file);
        }
        file.smallest_sequence = r.sequence()?;
        file.largest_sequence = r.sequence()?;
        if tag == tag::NEW_FILE_4 {
            while self.decode_custom(&mut file, r)? {}
        }
        Ok(file)
    }

    /// One custom field of a new file; false at the end mark.
    fn decode_custom(&mut self, file: &mut NewFile, r: &mut Reader<'_>) -> Result<bool, ReadError> {
        let at = r.cursor.position() as u64;
        let tag = r.u32()?;
        if tag == custom::END {
            return Ok(false);
        }
        let field = r.slice()?;
        let bad = |e| ReadError::corrupt(Part::VersionEdit, at, Damage::Decode(e));
        let varint = || Cursor::new(field).get_varint_u64().map_err(bad);
        let byte = || match field {
            &[b] => Ok(b),
            _ => Err(ReadError::corrupt(
                Part::VersionEdit,
                at,
                Damage::Mismatch { expected: 1, found: field.len() as u64 },
            )),
        };
        match tag {
            custom::NEED_COMPACTION => file.marked_for_compaction = byte()? == 1,
            custom::MIN_LOG_NUMBER_TO_KEEP => {
                let number = Cursor::new(field).get_u64_le().map_err(bad)?;
                self.min_log_number_to_keep = Some(FileNumber::new(number));
            }
            custom::OLDEST_BLOB_FILE if varint()? != 0 => return Err(unsupported(Feature::BlobFiles)),
            custom::OLDEST_ANCESTOR_TIME => file.oldest_ancestor_time = varint()?,
            custom::CREATION_TIME => file.creation_time = varint()?,
            custom::CHECKSUM => file.checksum = field.to_vec(),
            custom::CHECKSUM_FUNCTION => file.checksum_function = field.to_vec(),
            custom::TEMPERATURE => file.temperature = byte()?,
            custom::MIN_TIMESTAMP | custom::MAX_TIMESTAMP if !field.is_empty() => {
                return Err(unsupported(Feature::Timestamps));
            }
            custom::UNIQUE_ID => file.unique_id = Some(Cursor::new(field).get_array().map_err(bad)?),
            custom::EPOCH_NUMBER => file.epoch_number = varint()?,
            custom::COMPENSATED_RANGE_DELETION_LEN => file.compensated_range_deletion_len = varint()?,
            custom::TAIL_LEN => file.tail_len = varint()?,
            custom::PATH_ID => check_path_id(u32::from(byte()?))?,
            other if other & custom::MUST_KNOW != 0 => return Err(unsupported(Feature::EditTag(other))),
            _ => {}
        }
        Ok(true)
    }

    /// Appends the record's bytes in RocksDB's order of fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_optional_text(out, tag::DB_ID, self.db_id.as_deref());
        put_optional_text(out, tag::COMPARATOR, self.comparator.as_deref());
        put_optional(out, tag::LOG_NUMBER, self.log_number.map(FileNumber::get));
        put_optional(out, tag::PREV_LOG_NUMBER, self.prev_log_number.map(FileNumber::get));
        put_optional(out, tag::NEXT_FILE_NUMBER, self.next_file_number.map(FileNumber::get));
        put_optional(out, tag::FAMILY_MAX, self.family_max.map(|f| u64::from(f.get())));
        put_optional(out, tag::MIN_LOG_NUMBER_TO_KEEP, self.min_log_number_to_keep.map(FileNumber::get));
        put_optional(out, tag::LAST_SEQUENCE, self.last_sequence.map(SequenceNumber::get));
        for (level, key) in &self.compact_cursors {
            put_optional(out, tag::COMPACT_CURSOR, Some(u64::from(*level)));
            varint::put_slice(out, key);
        }
        for (level, number) in &self.deleted_files {
            put_optional(out, tag::DELETED_FILE, Some(u64::from(*level)));
            varint::put_u64(out, number.get());
        }
        for file in &self.new_files {
            file.encode(out);
        }
        if self.family.get() != 0 {
            put_optional(out, tag::FAMILY, Some(u64::from(self.family.get())));
        }
        put_optional_text(out, tag::FAMILY_ADD, self.family_add.as_deref());
        if self.family_drop {
            varint::put_u32(out, tag::FAMILY_DROP);
        }
        put_optional(out, tag::ATOMIC_GROUP, self.atomic_group_remaining.map(u64::from));
    }
}

impl NewFile {
    fn encode(&self, out: &mut Vec<u8>) {
        put_optional(out, tag::NEW_FILE_4, Some(u64::from(self.level)));
        varint::put_u64(out, self.number.get());
        varint::put_u64(out, self.len);
        varint::put_slice(out, &self.smallest);
        varint::put_slice(out, &self.largest);
        varint::put_u64(out, self.smallest_sequence.get());
        varint::put_u64(out, self.largest_sequence.get());
        put_custom_varint(out, custom::OLDEST_ANCESTOR_TIME, self.oldest_ancestor_time);
        put_custom_varint(out, custom::CREATION_TIME, self.creation_time);
        if self.epoch_number != 0 {
            put_custom_varint(out, custom::EPOCH_NUMBER, self.epoch_number);
        }
        if !self.checksum.is_empty() || !self.checksum_function.is_empty() {
            put_custom(out, custom::CHECKSUM, &self.checksum);
            put_custom(out, custom::CHECKSUM_FUNCTION, &self.checksum_function);
        }
        if self.temperature != 0 {
            put_custom(out, custom::TEMPERATURE, &[self.temperature]);
        }
        if self.marked_for_compaction {
            put_custom(out, custom::NEED_COMPACTION, &[1]);
        }
        if let Some(id) = &self.unique_id {
            put_custom(out, custom::UNIQUE_ID, id);
        }
        if self.compensated_range_deletion_len != 0 {
            put_custom_varint(
                out,
                custom::COMPENSATED_RANGE_DELETION_LEN,
                self.compensated_range_deletion_len,
            );
        }
        if self.tail_len != 0 {
            put_custom_varint(out, custom::TAIL_LEN, self.tail_len);
        }
        varint::put_u32(out, custom::END);
    }
}

/// A cursor whose errors are those of a version edit.
struct Reader<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Reader<'a> {
    fn u32(&mut self) -> Result<u32, ReadError> {
        self.cursor.get_varint_u32().map_err(damaged)
    }

    fn u64(&mut self) -> Result<u64, ReadError> {
        self.cursor.get_varint_u64().map_err(damaged)
    }

    fn number(&mut self) -> Result<FileNumber, ReadError> {
        self.u64().map(FileNumber::new)
    }

    fn sequence(&mut self) -> Result<SequenceNumber, ReadError> {
        let at = self.cursor.position() as u64;
        let (found, max) = (self.u64()?, crate::key::SEQUENCE_MAX.get());
        if found > max {
            return Err(ReadError::corrupt(Part::VersionEdit, at, Damage::Range { found, max }));
        }
        Ok(SequenceNumber::new(found))
    }

    fn slice(&mut self) -> Result<&'a [u8], ReadError> {
        self.cursor.get_varint_slice().map_err(damaged)
    }

    fn text(&mut self) -> Result<String, ReadError> {
        let at = self.cursor.position() as u64;
        let text = core::str::from_utf8(self.slice()?);
        text.map(String::from).map_err(|_| ReadError::corrupt(Part::VersionEdit, at, Damage::Text))
    }

    fn level(&mut self) -> Result<u32, ReadError> {
        let at = self.cursor.position() as u64;
        let level = self.u32()?;
        if level > LEVEL_MAX {
            let what = Damage::Range { found: u64::from(level), max: u64::from(LEVEL_MAX) };
            return Err(ReadError::corrupt(Part::VersionEdit, at, what));
        }
        Ok(level)
    }

    fn internal_key(&mut self) -> Result<Vec<u8>, ReadError> {
        let at = self.cursor.position() as u64;
        let key = self.slice()?;
        if key.len() < crate::key::TRAILER_LEN {
            InternalKey::parse(key).map_err(|e| e.in_file(FileNumber::new(0), at))?;
        }
        Ok(key.to_vec())
    }

    /// The form of the log addition that has no length before it: number, then fields up to an end mark.
    fn skip_old_log_addition(&mut self) -> Result<(), ReadError> {
        self.u64()?;
        while self.u32()? != 1 {
            self.u64()?;
        }
        Ok(())
    }
}

fn damaged(e: DecodeError) -> ReadError {
    ReadError::corrupt(Part::VersionEdit, e.at() as u64, Damage::Decode(e))
}

fn unsupported(what: Feature) -> ReadError {
    ReadError::Unsupported { file: FileNumber::new(0), what }
}

/// Only the first path (the database's own directory) is supported.
fn check_path_id(path: u32) -> Result<(), ReadError> {
    if path == 0 { Ok(()) } else { Err(unsupported(Feature::EditTag(custom::PATH_ID))) }
}

fn put_optional(out: &mut Vec<u8>, tag: u32, value: Option<u64>) {
    if let Some(value) = value {
        varint::put_u32(out, tag);
        varint::put_u64(out, value);
    }
}

fn put_optional_text(out: &mut Vec<u8>, tag: u32, text: Option<&str>) {
    if let Some(text) = text {
        varint::put_u32(out, tag);
        varint::put_slice(out, text.as_bytes());
    }
}

fn put_custom(out: &mut Vec<u8>, tag: u32, field: &[u8]) {
    varint::put_u32(out, tag);
    varint::put_slice(out, field);
}

fn put_custom_varint(out: &mut Vec<u8>, tag: u32, value: u64) {
    varint::put_u32(out, tag);
    varint::put_u64(out, varint::len_u64(value) as u64);
    varint::put_u64(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn sample() -> VersionEdit {
        let key = b"k\x01\x05\0\0\0\0\0\0".to_vec();
        VersionEdit {
            db_id: Some("id".to_string()),
            comparator: Some("leveldb.BytewiseComparator".to_string()),
            log_number: Some(FileNumber::new(4)),
            prev_log_number: Some(FileNumber::new(0)),
            next_file_number: Some(FileNumber::new(300)),
            family_max: Some(FamilyId::new(2)),
            min_log_number_to_keep: Some(FileNumber::new(4)),
            last_sequence: Some(SequenceNumber::new(1 << 40)),
            compact_cursors: alloc::vec![(3, key.clone())],
            deleted_files: alloc::vec![(0, FileNumber::new(9)), (6, FileNumber::new(10))],
            new_files: alloc::vec![NewFile {
                level: 1,
                number: FileNumber::new(12),
                len: 4096,
                smallest: key.clone(),
                largest: key,
                smallest_sequence: SequenceNumber::new(5),
                largest_sequence: SequenceNumber::new(7),
                marked_for_compaction: true,
                oldest_ancestor_time: 1_700_000_000,
                creation_time: 1_700_000_001,
                epoch_number: 3,
                checksum: b"sum".to_vec(),
                checksum_function: b"crc".to_vec(),
                temperature: 2,
                unique_id: Some(*b"0123456789abcdef"),
                compensated_range_deletion_len: 77,
                tail_len: 900,
            }],
            family: FamilyId::new(2),
            family_add: Some("blobs é".to_string()),
            family_drop: true,
            atomic_group_remaining: Some(1),
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        for edit in [VersionEdit::default(), sample()] {
            let mut bytes = Vec::new();
            edit.encode(&mut bytes);
            assert_eq!(VersionEdit::decode(&bytes), Ok(edit));
        }
    }

    #[test]
    fn unknown_tags_are_skipped_or_named() {
        let mut bytes = Vec::new();
        put_custom(&mut bytes, 9000, b"from the future");
        assert_eq!(VersionEdit::decode(&bytes), Ok(VersionEdit::default()));
        for (tag, what) in [(8, Feature::EditTag(8)), (301, Feature::EditTag(301)), (400, Feature::BlobFiles)]
        {
            let mut bytes = Vec::new();
            put_custom(&mut bytes, tag, b"");
            assert_eq!(VersionEdit::decode(&bytes), Err(unsupported(what)));
        }
        let mut file = Vec::new();
        sample().new_files[0].encode(&mut file);
        file.pop();
        let (mut skipped, mut refused) = (file.clone(), file);
        put_custom(&mut skipped, 63, b"x");
        put_custom(&mut refused, 66, b"x");
        skipped.push(1);
        refused.push(1);
        assert_eq!(VersionEdit::decode(&skipped).unwrap().new_files, sample().new_files);
        assert_eq!(VersionEdit::decode(&refused), Err(unsupported(Feature::EditTag(66))));
    }

    #[test]
    fn no_cut_panics_and_wrong_levels_are_refused() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        for len in 0..bytes.len() {
            let _ = VersionEdit::decode(&bytes[..len]);
        }
        let mut bytes = Vec::new();
        put_optional(&mut bytes, tag::DELETED_FILE, Some(u64::from(LEVEL_MAX) + 1));
        varint::put_u64(&mut bytes, 1);
        assert!(VersionEdit::decode(&bytes).is_err());
    }
}
