//! Tables and MANIFESTs as text, for `dolmen kv inspect FILE`. Every function hands out one line at a time.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use dolmen_base::block::{BlockSource, ReadMode};

use crate::edit::{NewFile, VersionEdit};
use crate::error::ReadError;
use crate::footer::{BlockHandle, LEVELDB_LEN};
use crate::iter::InternalIterator;
use crate::key::{self, InternalKey, ValueType};
use crate::manifest::{Manifest, Tail};
use crate::properties::name;
use crate::table::{Table, TableIter};
use crate::version::{LEVEL_COUNT, Version};

/// How many bytes of a value are shown.
const VALUE_LEN_SHOWN: usize = 64;

/// A table: footer, properties, filter, index, range tombstones, and with `entries` every entry of the data blocks.
///
/// # Errors
/// Damage and failed reads.
pub fn table<S: BlockSource<ReadError>>(
    table: &Table,
    source: &S,
    entries: bool,
    line: &mut dyn FnMut(&str),
) -> Result<(), ReadError> {
    let form = &table.footer().form;
    let version = match form.format_version {
        0 => String::from("LevelDB"),
        n => format!("format_version {n}"),
    };
    line(&format!(
        "file {}: {} bytes, {version}, checksum {}",
        table.file(),
        table.file_len(),
        form.checksum.name()
    ));
    line(&format!("meta-index {}", handle(&table.footer().meta_index)));
    line("properties");
    for (property, value) in table.properties().iter() {
        line(&format!("  {property} = {}", property_text(property, value)));
    }
    match table.filter_block() {
        Some(block) => line(&format!("filter {}, {} bytes", table.filter_name(), block.len())),
        None => line(&format!("filter {}", table.filter_name())),
    }
    let of = if table.is_two_level() { "partitions" } else { "blocks" };
    line(&format!("index of {} {of}, {} bytes in memory", table.index().len(), table.memory_len()));
    for (i, block) in table.index().handles().iter().enumerate() {
        line(&format!("  {}, separator {}", handle(block), internal_key(table.index().key(i))));
    }
    if !table.range_tombstones().is_empty() {
        line("range tombstones");
    }
    for t in table.range_tombstones() {
        line(&format!("  {}..{} @ {}", text(&t.begin), text(&t.end), t.sequence));
    }
    if entries { self::entries(table, source, line) } else { Ok(()) }
}

/// Every entry in order: key, sequence number, type, value.
///
/// # Errors
/// Damage and failed reads.
pub fn entries<S: BlockSource<ReadError>>(
    table: &Table,
    source: &S,
    line: &mut dyn FnMut(&str),
) -> Result<(), ReadError> {
    line("entries");
    let mut iter = TableIter::new(table, source, ReadMode::Bypass);
    iter.seek_to_first()?;
    while iter.valid() {
        let value = iter.value();
        let shown = text(&value[..value.len().min(VALUE_LEN_SHOWN)]);
        let more = if value.len() > VALUE_LEN_SHOWN { "…" } else { "" };
        line(&format!("  {} = {shown}{more} ({} bytes)", internal_key(iter.key()), value.len()));
        iter.next()?;
    }
    Ok(())
}

/// A MANIFEST: every edit, then how it ends.
pub fn manifest(manifest: &Manifest, line: &mut dyn FnMut(&str)) {
    for (i, edit) in manifest.edits.iter().enumerate() {
        line(&format!("edit {i}"));
        self::edit(edit, line);
    }
    match manifest.tail {
        Tail::Whole => line(&format!("whole, {} bytes", manifest.whole_len)),
        Tail::Torn => line(&format!("torn behind {} bytes", manifest.whole_len)),
        Tail::Damaged(error) => line(&format!("{error}")),
    }
}

/// The tables of a version, level by level, in the order of the level; empty levels are left out.
pub fn version(version: &Version, line: &mut dyn FnMut(&str)) {
    for level in 0..LEVEL_COUNT {
        let files = version.level(level);
        if !files.is_empty() {
            let tables = if files.len() == 1 { "table" } else { "tables" };
            line(&format!("level {level}: {} {tables}, {} bytes", files.len(), version.level_len(level)));
        }
        for file in files {
            line(&format!("  {}", table_line(file)));
        }
    }
}

/// The fields of one edit that are set.
pub fn edit(edit: &VersionEdit, line: &mut dyn FnMut(&str)) {
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line(&format!("  {name} {value}"));
        }
    };
    let show = |n: u64| format!("{n}");
    field("db id", edit.db_id.clone());
    field("column family", (edit.family.get() != 0).then(|| format!("{}", edit.family)));
    field("add column family", edit.family_add.clone());
    field("drop column family", edit.family_drop.then(String::new));
    field("comparator", edit.comparator.clone());
    field("log number", edit.log_number.map(|n| show(n.get())));
    field("previous log number", edit.prev_log_number.map(|n| show(n.get())));
    field("next file number", edit.next_file_number.map(|n| show(n.get())));
    field("last sequence", edit.last_sequence.map(|n| show(n.get())));
    field("largest column family", edit.family_max.map(|n| show(u64::from(n.get()))));
    field("least log number to keep", edit.min_log_number_to_keep.map(|n| show(n.get())));
    field("edits to follow in the group", edit.atomic_group_remaining.map(|n| show(u64::from(n))));
    for (level, key) in &edit.compact_cursors {
        field("compaction cursor of level", Some(format!("{level}: {}", internal_key(key))));
    }
    for (level, number) in &edit.deleted_files {
        field("delete from level", Some(format!("{level}: file {number}")));
    }
    for file in &edit.new_files {
        field("add to level", Some(new_file(file)));
    }
}

fn new_file(file: &NewFile) -> String {
    format!("{}: {}, epoch {}", file.level, table_line(file), file.epoch_number)
}

fn table_line(file: &NewFile) -> String {
    format!(
        "file {}, {} bytes, {} to {}, sequence {}..={}",
        file.number,
        file.len,
        internal_key(&file.smallest),
        internal_key(&file.largest),
        file.smallest_sequence,
        file.largest_sequence,
    )
}

fn handle(handle: &BlockHandle) -> String {
    format!("block at {}, {} bytes", handle.offset, handle.len)
}

/// `user key @ sequence : type`; bytes in hex if they are no internal key.
fn internal_key(bytes: &[u8]) -> String {
    let user_key = text(key::user_key(bytes));
    match InternalKey::parse(bytes) {
        Ok(parsed) => format!("{user_key} @ {} : {}", parsed.sequence, type_name(parsed.value_type)),
        Err(_) => format!("{user_key} @ trailer {:#x}", key::packed_trailer(bytes)),
    }
}

const fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Deletion => "delete",
        ValueType::Value => "put",
        ValueType::Merge => "merge",
        ValueType::SingleDeletion => "single delete",
        ValueType::RangeDeletion => "range delete",
    }
}

/// Numbers as numbers, text as text.
fn property_text(property: &str, value: &[u8]) -> String {
    let printable = !value.is_empty() && value.iter().all(|b| (0x20..0x7f).contains(b));
    let is_number = matches!(dolmen_codec::varint::get_u64(value), Some((_, len)) if len == value.len());
    match property {
        name::INDEX_TYPE => format!("{}", value.first().copied().unwrap_or(0)),
        _ if is_number && !(printable && value.len() > 1) && !is_mark(property) => {
            format!("{}", dolmen_codec::varint::get_u64(value).map_or(0, |(n, _)| n))
        }
        _ => text(value),
    }
}

/// Properties whose value is the character `0` or `1`.
fn is_mark(property: &str) -> bool {
    property == name::WHOLE_KEY_FILTERING || property == name::PREFIX_FILTERING
}

/// Printable ASCII as it is, every other byte (and the backslash) as `\xNN`.
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' | 0..0x20 | 0x7f.. => drop(write!(out, "\\x{byte:02x}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// Whether bytes at the end of a file are a table's footer, so that `inspect` can tell a table from a MANIFEST.
pub fn is_table(file: &[u8]) -> bool {
    let magic = file.last_chunk::<8>().map(|m| u64::from_le_bytes(*m));
    let known = [crate::footer::MAGIC, crate::footer::LEVELDB_MAGIC];
    file.len() >= LEVELDB_LEN && magic.is_some_and(|m| known.contains(&m))
}

/// The lines of a rendering in one text, for tests and small files.
pub fn collect(render: impl FnOnce(&mut dyn FnMut(&str))) -> String {
    let mut lines: Vec<String> = Vec::new();
    render(&mut |line| lines.push(line.into()));
    lines.join("\n")
}
