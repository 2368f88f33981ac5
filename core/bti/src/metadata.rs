//! Statistics.db as text, field by field as Cassandra's `sstablemetadata` names them, and as JSON.
//!
//! The bars and percentiles of that tool are left out, and so are the two lines that depend on the day: what stands is what the file says.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use dolmen_text::json::Writer;

use crate::data::BoundKind;
use crate::deletion::NO_DELETION_TIME;
use crate::key;
use crate::statistics::{Column, Histogram, SliceBound};
use crate::table::Table;
use crate::types::CqlType;
use crate::value::number::write_double;
use crate::value::time::civil;
use crate::value::{Style, Uuid, write_value};

/// Names and values in the order of the tool.
pub fn fields(table: &Table) -> Vec<(&'static str, String)> {
    let statistics = &table.statistics;
    let (stats, header) = (&statistics.stats, &statistics.header);
    let mut out = Vec::from([
        ("Partitioner", statistics.partitioner.clone()),
        ("Bloom Filter FP chance", double(statistics.bloom_fp_chance)),
        ("Minimum timestamp", micros(stats.min_timestamp)),
        ("Maximum timestamp", micros(stats.max_timestamp)),
        ("SSTable min local deletion time", local(stats.min_local_deletion_time)),
        ("SSTable max local deletion time", local(stats.max_local_deletion_time)),
    ]);
    match &table.data.compression {
        Some(info) => {
            let class = format!("org.apache.cassandra.io.compress.{}", info.compressor.name());
            out.push(("Compressor", class));
            out.push(("Compression ratio", double(stats.compression_ratio)));
        }
        None => out.push(("Compressor", "-".into())),
    }
    out.push(("TTL min", ttl(stats.min_ttl)));
    out.push(("TTL max", ttl(stats.max_ttl)));
    for (name, key) in [("First token", &stats.first_key), ("Last token", &stats.last_key)] {
        if let Some(key) = key {
            out.push((name, format!("{} ({})", table.token_text(key), key_text(&header.key_type, key))));
        }
    }
    out.push(("Covered clusterings", covered(table)));
    out.push(("SSTable Level", stats.level.to_string()));
    out.push(("Repaired at", repaired(stats.repaired_at)));
    if let Some(id) = stats.host_id {
        out.push(("Originating host id", Uuid(id).to_string()));
    }
    let pending = stats.pending_repair.map_or("--".into(), |id| Uuid(id).to_string());
    out.push(("Pending repair", pending));
    out.push(("Replay positions covered", commit_log(table)));
    out.push(("totalColumnsSet", stats.columns_set.to_string()));
    out.push(("totalRows", stats.rows.to_string()));
    if let Some(coverage) = stats.token_space_coverage {
        out.push(("Local token space coverage", double(coverage)));
    }
    out.push(("Estimated cardinality", statistics.cardinality.estimate().to_string()));
    out.push(("EncodingStats minTTL", ttl(header.min_ttl as i32)));
    out.push(("EncodingStats minLocalDeletionTime", local(header.min_local_deletion_time)));
    out.push(("EncodingStats minTimestamp", micros(header.min_timestamp)));
    out.push(("KeyType", header.key_type.class()));
    let types: Vec<String> = header.clustering.iter().map(|column| column.cql_type.class()).collect();
    out.push(("ClusteringTypes", format!("[{}]", types.join(", "))));
    out.push(("StaticColumns", columns(&header.statics)));
    out.push(("RegularColumns", columns(&header.regulars)));
    out.push(("IsTransient", stats.is_transient.to_string()));
    out
}

/// The whole text: the fields, then the histograms.
pub fn text(table: &Table, name: &str) -> String {
    let mut out = format!("SSTable: {name}\n");
    for (name, value) in fields(table) {
        line(&mut out, format_args!("{name}: {value}"));
    }
    let stats = &table.statistics.stats;
    out.push_str("Estimated tombstone drop times:\n");
    for (time, count) in &stats.tombstones.bins {
        line(&mut out, format_args!("   {} | {count}", moment(*time)));
    }
    let histograms =
        [("Partition Size", &stats.partition_sizes), ("Column Count", &stats.cells_per_partition)];
    for (title, histogram) in histograms {
        line(&mut out, format_args!("{title}:"));
        for (offset, count) in pairs(histogram) {
            line(&mut out, format_args!("   {offset} | {count}"));
        }
        for percent in [50u8, 75, 95, 98, 99] {
            let value = histogram.percentile(f64::from(percent) / 100.0);
            let value = value.map_or("overflow".into(), |value| value.to_string());
            line(&mut out, format_args!("   {percent}th      {value}"));
        }
        line(&mut out, format_args!("   Min       {}", histogram.min()));
        let max = histogram.max().map_or("overflow".into(), |max| max.to_string());
        line(&mut out, format_args!("   Max       {max}"));
    }
    out
}

/// One JSON object of the same for programs: names in snake case with their units, numbers as numbers, `null` for what is not there; histograms as
/// pairs of upper end and count.
pub fn json(table: &Table, name: &str) -> String {
    let statistics = &table.statistics;
    let (stats, header) = (&statistics.stats, &statistics.header);
    let mut out = String::new();
    let mut json = Writer::new(&mut out);
    json.object().key("sstable").string(name).key("version").string(table.version.name());
    json.key("partitioner").string(&statistics.partitioner);
    json.key("bloom_filter_fp_chance").f64(statistics.bloom_fp_chance);
    json.key("min_timestamp_us").i64(stats.min_timestamp).key("max_timestamp_us").i64(stats.max_timestamp);
    put_local(&mut json, "min_local_deletion_time_s", stats.min_local_deletion_time);
    put_local(&mut json, "max_local_deletion_time_s", stats.max_local_deletion_time);
    json.key("min_ttl_s").i64(stats.min_ttl.into()).key("max_ttl_s").i64(stats.max_ttl.into());
    match &table.data.compression {
        Some(info) => {
            json.key("compressor").string(info.compressor.name());
            json.key("chunk_bytes").u64(info.chunk_len.into());
            json.key("compression_ratio").f64(stats.compression_ratio);
        }
        None => {
            json.key("compressor").null();
        }
    }
    json.key("data_bytes").u64(table.data.len()).key("stored_bytes").u64(table.data.file_len);
    for (side, key) in [("first", &stats.first_key), ("last", &stats.last_key)] {
        if let Some(key) = key {
            json.key(&format!("{side}_key")).string(&key_text(&header.key_type, key));
            json.key(&format!("{side}_token")).string(&table.token_text(key));
        }
    }
    json.key("covered_clusterings").string(&covered(table));
    json.key("level").i64(stats.level.into());
    match stats.repaired_at {
        0 => json.key("repaired_at_ms").null(),
        at => json.key("repaired_at_ms").i64(at),
    };
    for (name, id) in [("host_id", stats.host_id), ("pending_repair", stats.pending_repair)] {
        match id {
            Some(id) => json.key(name).string(&Uuid(id).to_string()),
            None => json.key(name).null(),
        };
    }
    json.key("is_transient").bool(stats.is_transient);
    json.key("cells").i64(stats.columns_set).key("rows").i64(stats.rows);
    json.key("estimated_partitions").u64(statistics.cardinality.estimate());
    match stats.token_space_coverage.filter(|coverage| coverage.is_finite()) {
        Some(coverage) => json.key("token_space_coverage").f64(coverage),
        None => json.key("token_space_coverage").null(),
    };
    put_layout(&mut json, table);
    put_histograms(&mut json, table);
    json.finish();
    out
}

fn put_local(json: &mut Writer<'_>, name: &str, time: u32) {
    match time {
        NO_DELETION_TIME => json.key(name).null(),
        time => json.key(name).u64(time.into()),
    };
}

fn put_layout(json: &mut Writer<'_>, table: &Table) {
    let header = &table.statistics.header;
    json.key("encoding_min_timestamp_us").i64(header.min_timestamp);
    put_local(json, "encoding_min_local_deletion_time_s", header.min_local_deletion_time);
    json.key("encoding_min_ttl_s").u64(header.min_ttl.into());
    json.key("key_type").string(&header.key_type.cql()).key("clustering_types").array();
    for column in &header.clustering {
        json.string(&column.cql_type.cql());
    }
    json.end();
    for (kind, columns) in [("static_columns", &header.statics), ("regular_columns", &header.regulars)] {
        json.key(kind).array();
        for column in columns {
            json.object().key("name").string(&column.name);
            json.key("type").string(&column.cql_type.cql()).end();
        }
        json.end();
    }
}

fn put_histograms(json: &mut Writer<'_>, table: &Table) {
    let stats = &table.statistics.stats;
    let mut list = |name: &str, pairs: Vec<(i64, i64)>| {
        json.key(name).array();
        for (at, count) in pairs {
            json.array().i64(at).i64(count).end();
        }
        json.end();
    };
    list("tombstone_drop_times_s", stats.tombstones.bins.clone());
    list("partition_bytes", pairs(&stats.partition_sizes).collect());
    list("cells_per_partition", pairs(&stats.cells_per_partition).collect());
}

fn line(out: &mut String, text: core::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

/// The buckets that count something.
fn pairs(histogram: &Histogram) -> impl Iterator<Item = (i64, i64)> {
    let pairs = histogram.offsets.iter().copied().zip(histogram.counts.iter().copied());
    pairs.filter(|(_, count)| *count > 0)
}

fn double(value: f64) -> String {
    let mut out = String::new();
    write_double(&mut out, value, false);
    out
}

/// `MM/dd/yyyy HH:mm:ss` of a second.
fn clock(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{month:02}/{day:02}/{year:04} {hour:02}:{minute:02}:{second:02}")
}

fn moment(seconds: i64) -> String {
    format!("{seconds} ({})", clock(seconds))
}

fn micros(time: i64) -> String {
    format!("{} ({time})", clock(time.div_euclid(1_000_000)))
}

fn local(time: u32) -> String {
    if time == NO_DELETION_TIME {
        return format!("no tombstones ({})", i64::MAX);
    }
    format!("{} ({time})", clock(i64::from(time)))
}

fn repaired(ms: i64) -> String {
    if ms == 0 { "0".into() } else { format!("{} ({ms})", clock(ms.div_euclid(1000))) }
}

/// Seconds, and in words.
fn ttl(seconds: i32) -> String {
    if seconds <= 0 {
        return seconds.to_string();
    }
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let mut left = seconds;
    let counts = units.map(|(len, unit)| {
        let count = left / len;
        left %= len;
        (count, unit)
    });
    // Zeros go at both ends, not within.
    let first = counts.iter().position(|(count, _)| *count > 0).unwrap_or(0);
    let last = counts.iter().rposition(|(count, _)| *count > 0).unwrap_or(0);
    let words: Vec<String> = counts[first..=last]
        .iter()
        .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    format!("{seconds} ({})", words.join(" "))
}

/// A key's columns in plain text, with colons between.
pub fn key_text(key_type: &CqlType, key: &[u8]) -> String {
    let parts = key::split(key_type, key).unwrap_or_default();
    let texts: Vec<String> = parts.iter().map(|(of, value)| plain(of, Some(value))).collect();
    texts.join(":")
}

fn plain(of: &CqlType, value: Option<&[u8]>) -> String {
    let mut out = String::new();
    if write_value(&mut out, of, value, Style::Plain).is_err() {
        out.clear();
        crate::value::write_hex(&mut out, value.unwrap_or_default());
    }
    out
}

fn covered(table: &Table) -> String {
    let covered = &table.statistics.stats.covered;
    let types = table.clustering_types();
    // `nb` has no bounds, only values.
    let has_values = !covered.start.values.is_empty() || !covered.end.values.is_empty();
    if !has_values && !table.version.has_unsigned_deletion_time() {
        return "ALL".into();
    }
    let side = |bound: &SliceBound| {
        let texts = bound.values.iter().zip(types).map(|(value, of)| plain(of, value.as_deref()));
        texts.collect::<Vec<String>>().join(":")
    };
    let open = if covered.start.kind == BoundKind::ExclusiveStart { '(' } else { '[' };
    let close = if covered.end.kind == BoundKind::ExclusiveEnd { ')' } else { ']' };
    format!("{open}{}, {}{close}", side(&covered.start), side(&covered.end))
}

fn commit_log(table: &Table) -> String {
    let intervals = table.statistics.stats.commit_log.iter().map(|(from, to)| {
        let position = |at: &crate::statistics::CommitLogPosition| {
            format!("CommitLogPosition(segmentId={}, position={})", at.segment, at.position)
        };
        format!("{}={}", position(from), position(to))
    });
    format!("{{{}}}", intervals.collect::<Vec<String>>().join(", "))
}

fn columns(columns: &[Column]) -> String {
    let texts = columns.iter().map(|column| format!("{}:{}", column.name, column.cql_type.class()));
    texts.collect::<Vec<String>>().join(", ")
}
