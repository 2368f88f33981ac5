//! Verbs that write.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use dolmen_cli::{Out, Progress, Status, counted};
use dolmen_store::{Damaged, Db, Options, Repaired, WriteBatch, WriteOptions};
use serde_json::{Value, json};

use crate::{Args, Text, Verb, open};

/// Records per batch of an import.
const IMPORT_BATCH_RECORDS: u32 = 1000;

/// Runs one of them.
pub fn run(path: &Path, args: &Args, out: &mut Out) -> Result<()> {
    if matches!(args.verb, Verb::Merge { .. }) && args.operator.is_none() {
        bail!("merge needs --merge uint64add, stringappend or max");
    }
    let text = Text::of(args, out);
    if let Verb::DeleteRange { from, to } = &args.verb {
        ensure!(
            text.parse(from)? < text.parse(to)?,
            "the range from {from} to {to} is empty: FROM must sort before TO, which is left out"
        );
    }
    let options = open::options(path, args)?;
    // Whoever asks for a compaction waits for it: this thread does the work.
    let background_threads =
        if matches!(args.verb, Verb::Compact { .. }) { 0 } else { options.background_threads };
    let creates = matches!(args.verb, Verb::Set { .. } | Verb::Import { .. });
    let db = open::for_writing(path, Options { background_threads, ..options }, creates)?;
    open::warn_losses(&db, out);
    write(&db, args, text, out).map_err(|error| match error.downcast() {
        Ok(error) => open::explain(path, error),
        Err(error) => error,
    })?;
    db.close().map_err(|error| anyhow!(error))
}

fn write(db: &Db, args: &Args, text: Text, out: &mut Out) -> Result<()> {
    let mut batch = WriteBatch::new();
    let id = || open::family(db, args).map(|family| family.id);
    match &args.verb {
        Verb::Set { key, value } => batch.put(id()?, &text.parse(key)?, &text.parse(value)?),
        Verb::Delete { key } => batch.delete(id()?, &text.parse(key)?),
        Verb::DeleteRange { from, to } => batch.delete_range(id()?, &text.parse(from)?, &text.parse(to)?),
        Verb::Import { file } => return import(db, file, out),
        Verb::Merge { key, value } => batch.merge(id()?, &text.parse(key)?, &text.parse(value)?),
        Verb::Checkpoint { dir2 } => {
            ensure!(
                !dir2.exists(),
                "{} is there already; a checkpoint makes its directory itself",
                dir2.display()
            );
            let _progress = out.progress("copying", None).alive();
            return Ok(db.checkpoint(dir2)?);
        }
        Verb::Backup { dir2 } => {
            let progress = out.progress("copying", None).alive();
            let number = db.backup(dir2)?;
            drop(progress);
            out.note(format_args!("backup {number} in {}", dir2.display()));
            return Ok(());
        }
        Verb::CreateFamily { name } => {
            ensure!(db.family(name).is_none(), "the column family {name} is there already");
            return Ok(db.create_family(name).map(drop)?);
        }
        Verb::DropFamily { name } => {
            ensure!(name != "default", "the column family default cannot be dropped");
            let family = db.family(name).with_context(|| format!("there is no column family {name}"))?;
            return Ok(db.drop_family(&family)?);
        }
        Verb::Compact { from, to } => {
            let (from, to) = (text.parse_bound(from)?, text.parse_bound(to)?);
            let _progress = out.progress("compacting", None).alive();
            return Ok(db.compact(&open::family(db, args)?, from.as_deref(), to.as_deref())?);
        }
        _ => {
            let _progress = out.progress("writing tables", None).alive();
            return Ok(db.flush()?);
        }
    }
    db.write(batch, WriteOptions::default())?;
    Ok(())
}

/// Makes a database from the newest backup.
pub fn restore(path: &Path, from: &Path, out: &mut Out) -> Result<()> {
    let progress = out.progress("copying", None).alive();
    let restored = Db::restore(from, path);
    drop(progress);
    let number = restored.map_err(|error| anyhow!("{error}"))?;
    out.note(format_args!("{} is backup {number} of {}", path.display(), from.display()));
    Ok(())
}

/// Makes a database openable again, and says what is lost.
pub fn repair(path: &Path, args: &Args, out: &mut Out) -> Result<Status> {
    let options = open::options(path, args)?;
    let progress = out.progress("reading every table", None).alive();
    let repaired = Db::repair(path, &options);
    drop(progress);
    let Repaired { table_count, entry_count, left_over_count, damaged, report, .. } =
        repaired.map_err(|error| open::explain(path, error))?;
    let losses: Vec<String> = report.losses.iter().map(ToString::to_string).collect();
    if out.is_json() {
        let damaged: Vec<Value> = damaged
            .iter()
            .map(|d| json!({"file": d.file, "error": d.error, "damaged_block_count": d.block_count, "kept_entry_count": d.kept_entry_count}))
            .collect();
        out.object(&json!({
            "table_count": table_count, "table_entry_count": entry_count, "left_over_count": left_over_count,
            "log_count": report.log_count, "log_batch_count": report.batch_count, "damaged": damaged, "losses": losses,
        }))?;
    } else {
        out.line(format_args!(
            "{} with {}, {} from {}",
            counted(table_count, "table"),
            counted(entry_count, "entry"),
            counted(report.batch_count, "batch"),
            counted(report.log_count, "log")
        ))?;
        for Damaged { file, error, kept_entry_count, .. } in &damaged {
            let kept = counted(*kept_entry_count, "entry");
            out.line(format_args!("damaged: {error}; {kept} of it kept, the file is {file}.lost now"))?;
        }
        losses.iter().try_for_each(|loss| out.line(format_args!("left out: {loss}")))?;
    }
    Ok(if damaged.is_empty() && losses.is_empty() { Status::Success } else { Status::Failure })
}

/// Lines `NAME<TAB>KEYHEX<TAB>VALUEHEX`; families are created as needed, lines that begin with `#` are comments.
fn import(db: &Db, file: &Path, out: &mut Out) -> Result<()> {
    let (source, len): (Box<dyn Read>, Option<u64>) = if file == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file_ = fs::File::open(file).with_context(|| file.display().to_string())?;
        let len = file_.metadata().ok().filter(|meta| meta.is_file()).map(|meta| meta.len());
        (Box::new(file_), len)
    };
    let mut progress = out.progress("importing", len).in_bytes();
    let mut written = 0;
    let result = import_lines(db, source, file, &mut progress, &mut written);
    drop(progress);
    // What was written before a mistake stays: the import can be corrected and run again.
    result
        .with_context(|| format!("{} of the lines before are in the database", counted(written, "record")))?;
    out.note(format_args!("{} imported", counted(written, "record")));
    Ok(())
}

fn import_lines(
    db: &Db,
    source: Box<dyn Read>,
    file: &Path,
    progress: &mut Progress,
    written: &mut u64,
) -> Result<()> {
    let mut batch = WriteBatch::new();
    let mut lines = io::BufReader::new(source);
    let (mut line, mut number) = (String::new(), 0u64);
    loop {
        line.clear();
        let at = |number: u64| format!("{}, line {number}", file.display());
        number += 1;
        let len = lines.read_line(&mut line).with_context(|| at(number))?;
        if len == 0 {
            break;
        }
        progress.add(len as u64);
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = line.split('\t');
        let (Some(name), Some(key), Some(value), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            bail!("{}: expected NAME<TAB>KEYHEX<TAB>VALUEHEX", at(number));
        };
        let bytes =
            |text: &str| dolmen_cli::value::hex(text).map_err(|error| anyhow!("{}: {error}", at(number)));
        let family = db.family(name).map_or_else(|| db.create_family(name), Ok)?;
        batch.put(family.id, &bytes(key)?, &bytes(value)?);
        if batch.count() >= IMPORT_BATCH_RECORDS {
            let count = u64::from(batch.count());
            db.write(std::mem::take(&mut batch), WriteOptions::default())?;
            *written += count;
        }
    }
    let count = u64::from(batch.count());
    db.write(batch, WriteOptions::default())?;
    *written += count;
    Ok(())
}
