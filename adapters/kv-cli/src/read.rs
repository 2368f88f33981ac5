//! Verbs that read: `get`, `scan`, `dump`, `export`, `families`, `verify`, `stats`.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use dolmen_cli::{Out, Status, counted, show_size};
use dolmen_store::{Db, Family, ReadOptions, StoreError, Verified};
use serde_json::{Map, Value, json};

use crate::inspect::{Logs, logs};
use crate::{Args, Text, Verb, hex, open};

/// Runs one of them.
pub fn run(path: &Path, args: &Args, out: &mut Out) -> Result<Status> {
    let db = open::for_reading(path, open::options(path, args)?)?;
    open::warn_losses(&db, out);
    let text = Text::of(args, out);
    let explain = |error| open::explain(path, error);
    match &args.verb {
        Verb::Get { keys } => get(&db, &open::family(&db, args)?, keys, text, out),
        Verb::Scan { from, to, prefix, limit, reverse, no_value } => {
            let walk = Walk { reverse: *reverse, limit: limit.unwrap_or(usize::MAX) };
            let options = bounds(text, from, to, prefix)?;
            walk.over(&db, &open::family(&db, args)?, options, &mut |key, value| {
                print_entry(key, (!no_value).then_some(value), text, out)
            })
            .map_err(|error| hint_operator(error, args))?;
            Ok(Status::Success)
        }
        Verb::Count { from, to, prefix } => {
            let options = bounds(text, from, to, prefix)?;
            count(&db, &open::family(&db, args)?, options, out)
                .map_err(|error| hint_operator(error, args))?;
            Ok(Status::Success)
        }
        Verb::Families => families(&db, out),
        Verb::Verify => verify(path, &db, out),
        Verb::Stats => stats(path, &db, out),
        _ => dump(&db, args, out).map_err(|error| match error.downcast::<StoreError>() {
            Ok(error) => hint_operator(explain(error), args),
            Err(error) => error,
        }),
    }
}

/// The entries that are asked for.
fn bounds(
    text: Text,
    from: &Option<String>,
    to: &Option<String>,
    prefix: &Option<String>,
) -> Result<ReadOptions> {
    let (mut lower_bound, mut upper_bound) = (text.parse_bound(from)?, text.parse_bound(to)?);
    if let Some(prefix) = text.parse_bound(prefix)? {
        upper_bound = behind(&prefix);
        lower_bound = Some(prefix);
    }
    Ok(ReadOptions { lower_bound, upper_bound, ..ReadOptions::default() })
}

fn families(db: &Db, out: &mut Out) -> Result<Status> {
    let levels = db.stats().levels;
    for family in db.families() {
        let own = levels.iter().filter(|(name, ..)| **name == *family.name);
        let (tables, bytes) = own.fold((0, 0), |(n, b), (.., tables, bytes)| (n + tables, b + bytes));
        if out.is_json() {
            let (family, id) = (&*family.name, family.id.get());
            out.object(&json!({"family": family, "id": id, "table_count": tables, "table_bytes": bytes}))?;
        } else {
            out.line(&family.name)?;
        }
    }
    Ok(Status::Success)
}

/// The first key behind all that begin with `prefix`; none if there is no such key.
fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// RocksDB's own tools read the operator from the OPTIONS file; without one it has to be named.
fn hint_operator(error: anyhow::Error, args: &Args) -> anyhow::Error {
    if args.operator.is_none() && format!("{error:#}").contains("merge operator") {
        return error.context("name one with --merge uint64add, stringappend or max");
    }
    error
}

fn get(db: &Db, family: &Family, keys: &[String], text: Text, out: &mut Out) -> Result<Status> {
    let mut status = Status::Success;
    for key in keys {
        let bytes = text.parse(key)?;
        match db.get(family, &bytes, &ReadOptions::default())? {
            Some(value) if keys.len() > 1 || out.is_json() => print_entry(&bytes, Some(&value), text, out)?,
            Some(value) => {
                out.bytes(&text.show(&value))?;
                out.bytes(b"\n")?;
            }
            None if keys.len() > 1 => {
                out.warn(format_args!("there is no key {key}"));
                status = Status::Failure;
            }
            None => bail!("there is no key {key}"),
        }
    }
    Ok(status)
}

fn print_entry(key: &[u8], value: Option<&[u8]>, text: Text, out: &mut Out) -> Result<()> {
    if out.is_json() {
        let mut object = Map::new();
        put(&mut object, "key", key, text);
        if let Some(value) = value {
            put(&mut object, "value", value, text);
        }
        return Ok(out.object(&object)?);
    }
    out.bytes(&text.show(key))?;
    if let Some(value) = value {
        out.bytes(b"\t")?;
        out.bytes(&text.show(value))?;
    }
    Ok(out.bytes(b"\n")?)
}

/// Text as `name`; bytes that are no text, or all bytes with --hex, as `name_hex`.
fn put(object: &mut Map<String, Value>, name: &str, bytes: &[u8], text: Text) {
    match std::str::from_utf8(bytes) {
        Ok(plain) if !text.is_hex => object.insert(name.to_owned(), plain.into()),
        _ => object.insert(format!("{name}_hex"), hex(bytes).into()),
    };
}

/// Which way, and how far.
#[derive(Clone, Copy)]
struct Walk {
    reverse: bool,
    limit: usize,
}

/// Takes a key and its value.
type Entry<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

impl Walk {
    /// Calls `entry` for each key and value of a family.
    fn over(self, db: &Db, family: &Family, options: ReadOptions, entry: &mut Entry<'_>) -> Result<()> {
        let mut iter = db.iter(family, options)?;
        if self.reverse {
            iter.seek_to_last()?
        } else {
            iter.seek_to_first()?
        }
        let mut left = self.limit;
        while iter.valid() && left > 0 {
            entry(iter.key(), iter.value())?;
            left -= 1;
            if self.reverse { iter.prev()? } else { iter.next()? }
        }
        Ok(())
    }
}

fn count(db: &Db, family: &Family, options: ReadOptions, out: &mut Out) -> Result<()> {
    let walk = Walk { reverse: false, limit: usize::MAX };
    let (mut entries, mut key_bytes, mut value_bytes) = (0u64, 0u64, 0u64);
    let mut progress = out.progress("counting", None);
    walk.over(db, family, options, &mut |key, value| {
        entries += 1;
        key_bytes += key.len() as u64;
        value_bytes += value.len() as u64;
        progress.add(1);
        Ok(())
    })?;
    drop(progress);
    if out.is_json() {
        out.object(&json!({"entry_count": entries, "key_bytes": key_bytes, "value_bytes": value_bytes}))?;
    } else {
        out.line(format_args!(
            "{}, {} of keys, {} of values",
            counted(entries, "entry"),
            show_size(key_bytes),
            show_size(value_bytes)
        ))?;
    }
    Ok(())
}

fn dump(db: &Db, args: &Args, out: &mut Out) -> Result<Status> {
    let families = if args.cf.is_some() { vec![open::family(db, args)?] } else { db.families() };
    for family in families {
        let walk = Walk { reverse: false, limit: usize::MAX };
        walk.over(db, &family, ReadOptions::default(), &mut |key, value| {
            if out.is_json() {
                let object = json!({"family": &*family.name, "key_hex": hex(key), "value_hex": hex(value)});
                return Ok(out.object(&object)?);
            }
            Ok(writeln!(out, "{}\t{}\t{}", family.name, hex(key), hex(value))?)
        })?;
    }
    Ok(Status::Success)
}

/// Tables were read to open the database; here every block of them is, and every record of every log was.
fn verify(path: &Path, db: &Db, out: &mut Out) -> Result<Status> {
    let progress = out.progress("reading every block", None).alive();
    let families = db.verify().map_err(|error| open::explain(path, error))?;
    drop(progress);
    let (entries, tables) = families.iter().fold((0, 0), |(n, t), f| (n + f.entry_count, t + f.table_count));
    let Logs { count, batches, records, damaged } = logs(path)?;
    if out.is_json() {
        let family = |f: &Verified| json!({"family": &*f.family.name, "table_entry_count": f.entry_count, "table_count": f.table_count});
        let families: Vec<Value> = families.iter().map(family).collect();
        out.object(&json!({
            "ok": damaged.is_empty(), "table_entry_count": entries, "table_count": tables, "families": families,
            "log_record_count": records, "log_batch_count": batches, "log_count": count, "damaged": damaged,
            "lost_files": db.stats().lost_files,
        }))?;
    } else {
        let verdict = if damaged.is_empty() { "ok" } else { "damaged" };
        let (tables, logs) = (counted(tables, "table"), counted(count, "log"));
        out.line(format_args!(
            "{verdict}: {} in {tables}, {} in {logs}",
            counted(entries, "entry"),
            counted(records, "record")
        ))?;
        for Verified { family, entry_count, table_count, .. } in
            families.iter().filter(|_| families.len() > 1)
        {
            let (entries, tables) = (counted(*entry_count, "entry"), counted(*table_count, "table"));
            out.line(format_args!("  {}: {entries} in {tables}", family.name))?;
        }
        for damage in &damaged {
            out.line(damage)?;
        }
        lost_files(&db.stats().lost_files, out)?;
    }
    Ok(if damaged.is_empty() { Status::Success } else { Status::Failure })
}

/// Names what earlier recoveries left out and kept.
fn lost_files(files: &[String], out: &mut Out) -> Result<()> {
    if !files.is_empty() {
        out.line(format_args!(
            "left out by recovery, to be deleted when of no more use: {}",
            files.join(", ")
        ))?;
    }
    Ok(())
}

/// What lies in the directory. Counters since the open would all be zero here: `dolmen up` shows them under /metrics.
fn stats(path: &Path, db: &Db, out: &mut Out) -> Result<Status> {
    let stats = db.stats();
    let Logs { count, batches, records, .. } = logs(path)?;
    let (tables, table_bytes) =
        stats.levels.iter().fold((0, 0), |(n, b), (.., tables, bytes)| (n + tables, b + bytes));
    if out.is_json() {
        let levels: Vec<Value> = stats
            .levels
            .iter()
            .map(|(family, level, tables, bytes)| {
                json!({"family": family, "level": level, "table_count": tables, "bytes": bytes})
            })
            .collect();
        out.object(&json!({
            "levels": levels, "table_count": tables, "table_bytes": table_bytes, "log_count": count, "log_batch_count": batches,
            "log_record_count": records, "memtable_bytes": stats.memtable_bytes, "family_count": db.families().len(),
            "compaction_pending_bytes": stats.compaction_pending_bytes, "lost_files": stats.lost_files,
        }))?;
        return Ok(Status::Success);
    }
    for (family, level, tables, bytes) in &stats.levels {
        writeln!(
            out,
            "column family {family}, level {level}: {}, {bytes} bytes ({})",
            counted(*tables, "table"),
            show_size(*bytes)
        )?;
    }
    writeln!(out, "column families: {}", db.families().len())?;
    writeln!(out, "tables: {tables}, {table_bytes} bytes ({})", show_size(table_bytes))?;
    writeln!(out, "logs: {count}, with {} in {}", counted(records, "record"), counted(batches, "batch"))?;
    writeln!(
        out,
        "bytes in memtables when opened: {} ({})",
        stats.memtable_bytes,
        show_size(stats.memtable_bytes)
    )?;
    writeln!(
        out,
        "bytes that wait for a compaction: {} ({})",
        stats.compaction_pending_bytes,
        show_size(stats.compaction_pending_bytes)
    )?;
    lost_files(&stats.lost_files, out)?;
    if let Some(error) = &stats.background_error {
        return Err(anyhow!("the last flush or compaction failed: {error}"));
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn what_follows_a_prefix_is_found() {
        assert_eq!(behind(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(behind(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(behind(b"\xff\xff"), None);
    }
}
