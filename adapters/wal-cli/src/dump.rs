//! A log as annotated bytes, with what each record says.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use dolmen_cli::Out;
use dolmen_lsm::batch::{BatchView, Record};
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::view;
use dolmen_text::dump::Dump;
use dolmen_wal::entry::{Body, Entry};
use dolmen_wal::{RecoveryMode, recover};
use serde_json::json;

/// Largest log that is read into memory; its text is several times as long.
const DUMP_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a key or value that are shown.
const SHOWN_MAX: usize = 64;

/// Prints a log of this program, of RocksDB or LevelDB, or a MANIFEST. What the file is is decided once: a record of one kind may
/// look like one of another.
pub fn dump(file: &Path, out: &mut Out) -> Result<()> {
    let name = file.display();
    let meta = fs::metadata(file).with_context(|| name.to_string())?;
    ensure!(!meta.is_dir(), "{name} is a directory; name a file in it, NNNNNN.log or MANIFEST-NNNNNN");
    let len = meta.len();
    ensure!(len <= DUMP_BYTES_MAX, "{name}: {len} bytes are more than the {DUMP_BYTES_MAX} that are read");
    let bytes = fs::read(file).with_context(|| name.to_string())?;
    ensure!(!view::is_table(&bytes), "{name} is a table, not a log: use `dolmen kv inspect {name}`");
    let manifest = file.file_name().is_some_and(|n| n.to_string_lossy().starts_with("MANIFEST-"));
    let describe = match (manifest, is_ours(&bytes)) {
        (true, _) => edit,
        (false, true) => entry,
        (false, false) => batch,
    };
    if out.is_json() {
        print_objects(&bytes, describe, out)?;
    } else {
        out.bytes(dolmen_wal::view::dump_with(&bytes, &mut { describe }).as_str().as_bytes())?;
    }
    // A torn tail is what a crash leaves; anything else is damage.
    recover(&bytes, None, RecoveryMode::TornTail, &mut |_, _| {}).with_context(|| name.to_string())?;
    Ok(())
}

/// One object for each whole record: where it begins, how long it is, and what it says.
fn print_objects(bytes: &[u8], describe: fn(&[u8], &mut Dump), out: &mut Out) -> Result<()> {
    let mut printed = Ok(());
    let _ = recover(bytes, None, RecoveryMode::SkipAnyCorrupted, &mut |at, payload| {
        if printed.is_ok() {
            let mut text = Dump::new(0);
            describe(payload, &mut text);
            let says: Vec<&str> =
                text.as_str().lines().map(|line| line.trim_start_matches("= ").trim()).collect();
            printed = out.object(&json!({"offset": at, "payload_bytes": payload.len(), "says": says}));
        }
    });
    Ok(printed?)
}

/// Whether a log is one of this program's: it begins with a segment entry. If that one is damaged, every record must be an entry and
/// none a batch.
fn is_ours(bytes: &[u8]) -> bool {
    let (mut first, mut entries, mut batches, mut records) = (None, 0u64, 0u64, 0u64);
    // The dump finds its way past damage, where recovery would skip the rest of a block.
    dolmen_wal::view::dump_with(bytes, &mut |payload, _| {
        let entry = Entry::parse(payload);
        first.get_or_insert(entry.is_ok_and(|entry| matches!(entry.body, Body::Segment { .. })));
        records += 1;
        entries += u64::from(entry.is_ok());
        batches += u64::from(BatchView::parse(payload).is_ok());
    });
    first == Some(true) || (records > 0 && entries == records && batches < records)
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

fn entry(payload: &[u8], out: &mut Dump) {
    match Entry::parse(payload) {
        Ok(entry) => {
            let synced = entry.synced_len;
            out.section(format_args!(
                "= LSN {}: {} (synced up to {synced} when written)",
                entry.lsn,
                said(entry.body)
            ));
        }
        Err(error) => {
            out.section(format_args!("= no entry of a log of this program: {error}"));
        }
    }
}

fn batch(payload: &[u8], out: &mut Dump) {
    match BatchView::parse(payload) {
        Ok(batch) => {
            out.section(format_args!(
                "= write batch, sequence {}, {} records",
                batch.sequence(),
                batch.count()
            ));
            for one in batch.records() {
                out.section(format_args!("  {}", record(one)));
            }
        }
        Err(error) => {
            out.section(format_args!("= no write batch: {error}"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use dolmen_lsm::batch::WriteBatch;
    use dolmen_lsm::key::{FamilyId, SequenceNumber};
    use dolmen_wal::entry::Lsn;
    use dolmen_wal::{Framing, record};

    fn log_of(payloads: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let mut log = Vec::new();
        payloads.for_each(|payload| record::append(&payload, log.len() as u64, Framing::Plain, &mut log));
        log
    }

    #[test]
    fn rocksdb_s_logs_are_batches_whatever_their_sequences_look_like() {
        // The low byte of a sequence goes through every value, those of our own entries' kinds too.
        let batch = |sequence: u64| {
            let mut batch = WriteBatch::new();
            batch.put(FamilyId::new(0), format!("key{sequence}").as_bytes(), b"value");
            batch.set_sequence(SequenceNumber::new(sequence));
            batch.as_bytes().to_vec()
        };
        let log = log_of((1..=600).map(batch));
        assert!(!is_ours(&log));
        let shown = dolmen_wal::view::dump_with(&log, &mut super::batch);
        let text = shown.as_str();
        assert_eq!(text.matches("= write batch, sequence ").count(), 600);
        assert!(
            text.contains("= write batch, sequence 1, 1 records"),
            "the first record of a fresh database"
        );
    }

    #[test]
    fn our_logs_are_entries_even_if_the_first_one_is_damaged() {
        let entry = |lsn: u64| {
            let body = if lsn == 0 { Body::Segment { low: Lsn::new(0) } } else { Body::Data(b"hello") };
            let mut out = Vec::new();
            Entry { lsn: Lsn::new(lsn), synced_len: 0, body }.encode(&mut out);
            out
        };
        let mut log = log_of((0..5).map(entry));
        assert!(is_ours(&log));
        log[10] ^= 1;
        assert!(is_ours(&log));
    }
}
