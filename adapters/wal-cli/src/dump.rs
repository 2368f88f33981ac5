//! A log as annotated bytes, with what each record says.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use dolmen_lsm::batch::{BatchView, Record};
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::view;
use dolmen_text::dump::Dump;
use dolmen_wal::entry::{Body, Entry};

/// Largest log that is read into memory; its text is several times as long.
const DUMP_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a key or value that are shown.
const SHOWN_MAX: usize = 64;

/// Prints a log of this program, of RocksDB or LevelDB, or a MANIFEST.
pub fn dump(file: &Path, out: &mut dyn Write) -> Result<()> {
    let name = file.display();
    let len = fs::metadata(file).with_context(|| name.to_string())?.len();
    ensure!(len <= DUMP_BYTES_MAX, "{name}: {len} bytes are more than the {DUMP_BYTES_MAX} that are read");
    let bytes = fs::read(file).with_context(|| name.to_string())?;
    let manifest = file.file_name().is_some_and(|n| n.to_string_lossy().starts_with("MANIFEST-"));
    let describe = if manifest { edit } else { entry_or_batch };
    out.write_all(dolmen_wal::view::dump_with(&bytes, &mut { describe }).as_str().as_bytes())?;
    Ok(())
}

fn edit(payload: &[u8], out: &mut Dump) {
    match VersionEdit::decode(payload) {
        Ok(edit) => {
            out.section("= version edit");
            view::edit(&edit, &mut |line| {
                out.section(line);
            });
        }
        Err(error) => {
            out.section(format_args!("= no version edit: {error}"));
        }
    }
}

fn entry_or_batch(payload: &[u8], out: &mut Dump) {
    if let Ok(entry) = Entry::parse(payload) {
        let synced = entry.synced_len;
        out.section(format_args!(
            "= LSN {}: {} (synced up to {synced} when written)",
            entry.lsn,
            said(entry.body)
        ));
    } else if let Ok(batch) = BatchView::parse(payload) {
        out.section(format_args!("= write batch, sequence {}, {} records", batch.sequence(), batch.count()));
        for one in batch.records() {
            out.section(format_args!("  {}", record(one)));
        }
    } else {
        out.section("= neither an entry of a log of this program nor a write batch");
    }
}

fn said(body: Body<'_>) -> String {
    match body {
        Body::Data(bytes) => format!("text {}", show(bytes)),
        Body::Begin => "begins a transaction".to_owned(),
        Body::Write { transaction, bytes } => format!("write in transaction {transaction}: {}", show(bytes)),
        Body::Commit(id) => format!("commits transaction {id}"),
        Body::Abort(id) => format!("aborts transaction {id}"),
        Body::Segment { low } => format!("a segment begins; the log was truncated below {low}"),
        Body::Low(low) => format!("the log was truncated below {low}"),
    }
}

fn record(record: Record<'_>) -> String {
    match record {
        Record::Put { family, key, value } => {
            format!("put in family {family}: {} = {}", show(key), show(value))
        }
        Record::Delete { family, key } => format!("delete in family {family}: {}", show(key)),
        Record::SingleDelete { family, key } => format!("single delete in family {family}: {}", show(key)),
        Record::Merge { family, key, operand } => {
            format!("merge in family {family}: {} + {}", show(key), show(operand))
        }
        Record::DeleteRange { family, begin, end } => {
            format!("delete range in family {family}: from {} to {}", show(begin), show(end))
        }
        Record::LogData(bytes) => format!("log data: {}", show(bytes)),
    }
}

fn show(bytes: &[u8]) -> String {
    let shown = view::text(&bytes[..bytes.len().min(SHOWN_MAX)]);
    if bytes.len() > SHOWN_MAX { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}
