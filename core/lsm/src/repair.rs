//! A database whose MANIFEST is lost or damaged, made again from its tables.
//!
//! 1. Every table is read whole and says what it holds, and what of it cannot be read: [`survey`].
//! 2. What can still be read of the old MANIFEST says which families there are, from which log on each needs them, and which tables were given
//!    up ([`Rebuild::believe`]): a table that a compaction has replaced must not bring back what was deleted since.
//! 3. All tables go to level 0, newest data first ([`Rebuild::finish`]). A point read stops at the newest table that knows the key, and tables of
//!    several levels have no such order: the caller compacts each family before anybody reads. A compaction merges by sequence number and needs
//!    no order of tables.
//!
//! The same steps as RocksDB's `RepairDB`, but for the second one and for the readable blocks of a damaged table, which stay.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_base::io::FileNumber;

use crate::edit::{NewFile, VersionEdit};
use crate::error::{Damage, Part, ReadError};
use crate::filename::FileName;
use crate::iter::InternalIterator;
use crate::key::{self, FamilyId, InternalKey, SEQUENCE_MAX, SequenceNumber, ValueType};
use crate::properties::name;
use crate::recovery::{Family, State, after_all};
use crate::table::Table;
use crate::version::{Version, VersionBuilder, VersionError};

/// What a table holds, as its own bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// What a version edit says of it; bounds and sequence numbers are those of what can be read.
    pub file: NewFile,
    /// The family that it belongs to; `default` where it does not say.
    pub family: FamilyId,
    /// The family's name, if it says.
    pub family_name: Option<String>,
    /// Entries that can be read, range tombstones included.
    pub entry_count: u64,
    /// The first damage among its blocks, and in how many of them there is some.
    pub damage: Option<(ReadError, u64)>,
}

/// Reads every entry of a table, past the cache; `visit` gets each entry that can be read, in order.
pub fn survey<S: BlockSource<ReadError>>(
    table: &Table,
    source: S,
    visit: &mut dyn FnMut(&[u8], &[u8]),
) -> Survey {
    let properties = table.properties();
    let id = properties.number(name::FAMILY_ID).and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    let mut found = Survey {
        file: NewFile {
            number: table.file(),
            len: table.file_len(),
            smallest_sequence: SEQUENCE_MAX,
            ..NewFile::default()
        },
        family: FamilyId::new(id),
        family_name: properties.text(name::FAMILY_NAME).map(String::from),
        entry_count: 0,
        damage: None,
    };
    for tombstone in table.range_tombstones() {
        let (mut begin, mut end) = (Vec::new(), Vec::new());
        key::put_internal_key(&mut begin, &tombstone.begin, tombstone.sequence, ValueType::RangeDeletion);
        key::put_internal_key(&mut end, &tombstone.end, SEQUENCE_MAX, ValueType::RangeDeletion);
        found.widen(&begin, &end, tombstone.sequence);
    }
    let mut iter = table.iter(source, ReadMode::Bypass);
    let mut moved = iter.seek_to_first();
    let mut last: Vec<u8> = Vec::new();
    loop {
        match moved {
            Ok(()) if !iter.valid() => break,
            Ok(()) => match found.take(&last, iter.key()) {
                Ok(()) => {
                    visit(iter.key(), iter.value());
                    last.clear();
                    last.extend_from_slice(iter.key());
                    moved = iter.next();
                }
                Err(error) => moved = Err(error),
            },
            Err(error) => {
                found.damage = Some(found.damage.map_or((error, 1), |(first, count)| (first, count + 1)));
                moved = iter.skip_block();
            }
        }
    }
    if found.entry_count == 0 {
        found.file.smallest_sequence = SequenceNumber::new(0);
    }
    found
}

impl Survey {
    /// Takes over an entry that must stand behind `last`.
    fn take(&mut self, last: &[u8], internal: &[u8]) -> Result<(), ReadError> {
        let entry = InternalKey::parse(internal).map_err(|error| error.in_file(self.file.number, 0))?;
        if !last.is_empty() && key::compare(last, internal).is_ge() {
            return Err(ReadError::corrupt(Part::DataBlock, 0, Damage::Order).in_file(self.file.number, 0));
        }
        self.widen(internal, internal, entry.sequence);
        Ok(())
    }

    fn widen(&mut self, smallest: &[u8], largest: &[u8], sequence: SequenceNumber) {
        let file = &mut self.file;
        if self.entry_count == 0 || key::compare(smallest, &file.smallest).is_lt() {
            file.smallest = smallest.to_vec();
        }
        if self.entry_count == 0 || key::compare(largest, &file.largest).is_gt() {
            file.largest = largest.to_vec();
        }
        file.smallest_sequence = file.smallest_sequence.min(sequence);
        file.largest_sequence = file.largest_sequence.max(sequence);
        self.entry_count += 1;
    }
}

/// A state while tables are found.
#[derive(Clone, Debug, Default)]
pub struct Rebuild {
    state: State,
    given_up: BTreeSet<FileNumber>,
    dropped: BTreeSet<FamilyId>,
    tables: BTreeMap<FamilyId, Vec<NewFile>>,
    /// Whether a table cannot be read whole: then no sequence number says what is in tables.
    is_lossy: bool,
}

impl Rebuild {
    /// Begins with the names in the directory.
    pub fn new(files: &[FileName]) -> Self {
        let mut state = State::default();
        state.next_file = after_all(files, state.next_file);
        Rebuild { state, ..Rebuild::default() }
    }

    /// Takes over what edits of the old MANIFEST say of families, logs and tables that were given up, in their order.
    pub fn believe(&mut self, edits: &[VersionEdit]) {
        for edit in edits {
            let state = &mut self.state;
            state.sequence = edit.last_sequence.map_or(state.sequence, |s| s.max(state.sequence));
            state.family_max =
                edit.family_max.map_or(state.family_max, |f| f.max(state.family_max)).max(edit.family);
            if let Some(name) = &edit.family_add {
                state.families.insert(edit.family, Family { name: name.clone(), ..Family::default() });
            }
            if edit.family_drop {
                state.families.remove(&edit.family);
                self.dropped.insert(edit.family);
            }
            if let Some((family, log)) = state.families.get_mut(&edit.family).zip(edit.log_number) {
                family.log_number = family.log_number.max(log);
            }
            self.given_up.extend(edit.deleted_files.iter().map(|(_, file)| *file));
            // A table that only moves to another level is deleted and added by one edit.
            for file in &edit.new_files {
                self.given_up.remove(&file.number);
            }
        }
    }

    /// A family of which a log or a table knows; nothing happens if it was dropped.
    pub fn add_family(&mut self, id: FamilyId, name: String) {
        if self.dropped.contains(&id) {
            return;
        }
        self.state.family_max = self.state.family_max.max(id);
        self.state.families.entry(id).or_insert_with(|| Family { name, ..Family::default() });
    }

    /// Whether the old MANIFEST has given this table up.
    pub fn is_given_up(&self, file: FileNumber) -> bool {
        self.given_up.contains(&file)
    }

    /// A number for a new file.
    pub fn take_number(&mut self) -> FileNumber {
        self.state.take_number()
    }

    /// A table cannot be read whole. What logs say of the time before is wanted then, though it may stand in other tables too.
    pub fn lose_table(&mut self) {
        self.is_lossy = true;
    }

    /// Takes over a table. Nothing happens with one that is empty or whose family was dropped.
    pub fn add(&mut self, table: Survey) {
        if table.entry_count == 0 || self.dropped.contains(&table.family) {
            return;
        }
        let name = table.family_name.unwrap_or_else(|| alloc::format!("family-{}", table.family));
        self.add_family(table.family, name);
        self.state.sequence = self.state.sequence.max(table.file.largest_sequence);
        self.tables.entry(table.family).or_default().push(table.file);
    }

    /// The database as its tables have it.
    ///
    /// # Errors
    /// Bounds of a table that [`survey`] did not make.
    pub fn finish(mut self) -> Result<State, VersionError> {
        for (id, mut files) in self.tables {
            files.sort_by_key(|file| (file.largest_sequence, file.number));
            for file in &mut files {
                self.state.epoch += 1;
                file.epoch_number = self.state.epoch;
            }
            // A flush takes all of a family's memory: what is older than the newest entry in its tables is in them.
            let newest = files.last().map_or(SequenceNumber::new(0), |file| file.largest_sequence);
            let mut version = VersionBuilder::new(Version::default());
            version.apply(&VersionEdit { new_files: files, ..VersionEdit::default() })?;
            if let Some(family) = self.state.families.get_mut(&id) {
                family.version = Arc::new(version.finish()?);
                family.in_tables = if self.is_lossy { SequenceNumber::new(0) } else { newest };
            }
        }
        Ok(self.state)
    }
}
