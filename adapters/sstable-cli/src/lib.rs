//! SSTable verbs, `dolmen sstable`: Cassandra's tables, without Cassandra.
//!
//! PATH is a table's folder, whose SSTables count as one, or any component of one SSTable. Nothing is ever written.

#![forbid(unsafe_code)]

mod files;
mod inspect;
mod tour;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Subcommand, ValueEnum};
use dolmen_base::block::ReadMode;
use dolmen_bti::component::Component;
use dolmen_bti::data::{BoundKind, Event, Events, Part};
use dolmen_bti::dump::{Cassandra, Context, Lines};
use dolmen_bti::merge::{Merge, merged_header};
use dolmen_bti::slice::{Bound, Slice};
use dolmen_bti::table::Table;
use dolmen_bti::types::CqlType;
use dolmen_bti::verify::verify;
use dolmen_bti::{key, literal, metadata};
use dolmen_cli::{Out, Status, counted};
use dolmen_text::json::Writer;
use serde_json::json;

use files::{Libraries, SsTable};

/// Arguments of `dolmen sstable`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    after_help = "Examples:\n  dolmen sstable dump data/shop/orders-5a1c395e3b8c11ee84d2ab3b6ba9cd2f --cql\n  \
                  dolmen sstable get da-1-bti-Data.db 42 --from 10 --to 20 --reverse\n  \
                  dolmen sstable verify data/shop/orders-5a1c395e3b8c11ee84d2ab3b6ba9cd2f\n  \
                  dolmen sstable inspect da-1-bti-Partitions.db\n\n\
                  A data directory or a keyspace's folder works with verify, metadata and stats: all its tables.\n\
                  Exits with 1 if something is damaged, missing or not there."
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// How rows are printed.
#[derive(clap::Args)]
struct Style {
    /// Types as they are now and dropped columns, as CREATE and ALTER statements; schema.cql of the folder if it is there
    #[arg(long, value_name = "FILE.cql")]
    schema: Option<PathBuf>,
    /// Objects for partitions, rows and markers, or what Cassandra's tool prints
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// CQL text beside the bytes
    #[arg(long)]
    cql: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One object for each partition, static row, row and marker
    Jsonl,
    /// One object for each partition, as `sstabledump -l`
    Sstabledump,
}

#[derive(Subcommand)]
enum Verb {
    /// Print every partition and row
    Dump {
        /// A table's folder or a component of one SSTable
        path: PathBuf,
        #[command(flatten)]
        style: Style,
    },
    /// Print one partition, or some of its rows
    Get {
        /// A table's folder or a component of one SSTable
        path: PathBuf,
        /// The partition key as CQL text, its columns with commas between
        #[arg(required_unless_present = "key_hex", conflicts_with = "key_hex", allow_hyphen_values = true)]
        key: Option<String>,
        /// The serialized partition key
        #[arg(long, value_name = "HEX")]
        key_hex: Option<String>,
        /// Rows whose clustering columns begin with these values
        #[arg(long, value_name = "A,B,..", conflicts_with_all = ["from", "to"], allow_hyphen_values = true)]
        clustering: Option<String>,
        /// Rows from these values on
        #[arg(long, value_name = "A,B,..", allow_hyphen_values = true)]
        from: Option<String>,
        /// Rows up to these values, which are counted in
        #[arg(long, value_name = "A,B,..", allow_hyphen_values = true)]
        to: Option<String>,
        /// From the last row to the first
        #[arg(long)]
        reverse: bool,
        #[command(flatten)]
        style: Style,
    },
    /// Read every cell and print how many there are and how fast that went
    Scan {
        /// A table's folder or a component of one SSTable
        path: PathBuf,
        /// Types as they are now and dropped columns
        #[arg(long, value_name = "FILE.cql")]
        schema: Option<PathBuf>,
    },
    /// Check every byte that can be checked and say what is wrong
    Verify {
        /// A table's folder or a component of one SSTable
        path: PathBuf,
    },
    /// Print the metadata as `sstablemetadata` does
    Metadata {
        /// A table's folder or a component of one SSTable
        path: PathBuf,
    },
    /// Print the largest partitions and what the table is made of
    Stats {
        /// A table's folder or a component of one SSTable
        path: PathBuf,
        /// How many partitions
        #[arg(long, value_name = "N", default_value_t = 10)]
        top: usize,
    },
    /// Print a component as annotated bytes
    Inspect {
        /// The component's file
        file: PathBuf,
        /// The trie of Partitions.db as a picture
        #[arg(long)]
        svg: bool,
    },
}

pub use tour::tour;

/// Runs `dolmen sstable`.
///
/// # Errors
///
/// A sentence for the user: what is damaged, missing or asked for wrongly.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    run_to(args.verb, out)
}

fn run_to(verb: Verb, out: &mut Out) -> Result<Status> {
    let done = |()| Status::Success;
    match verb {
        Verb::Dump { path, style } => dump(&path, &style, out).map(done),
        Verb::Get { path, key, key_hex, clustering, from, to, reverse, style } => {
            let wanted = Wanted { key, key_hex, clustering, from, to, reverse };
            get(&path, &wanted, &style, out).map(done)
        }
        Verb::Scan { path, schema } => scan(&path, schema.as_deref(), out).map(done),
        Verb::Verify { path } => verify_all(&path, out),
        Verb::Metadata { path } => {
            for (name, sstable) in files::find_below(&path)? {
                let table = sstable.open(None)?;
                if out.is_json() {
                    writeln!(out, "{}", metadata::json(&table, &name))?;
                } else {
                    out.write_all(metadata::text(&table, &name).as_bytes())?;
                }
            }
            Ok(Status::Success)
        }
        Verb::Stats { path, top } => stats(&path, top, out).map(done),
        Verb::Inspect { file, svg } => inspect::inspect(&file, svg, out).map(done),
    }
}

/// SSTables of one table, opened.
struct Opened {
    sstables: Vec<SsTable>,
    tables: Vec<Table>,
}

impl Opened {
    fn new(path: &Path, schema: Option<&Path>) -> Result<Opened> {
        let sstables = files::find(path)?;
        let tables = sstables.iter().map(|sstable| sstable.open(schema)).collect::<Result<Vec<Table>>>()?;
        let first = &tables[0];
        let same = |table: &Table| {
            table.partitioner() == first.partitioner()
                && table.header().key_type == first.header().key_type
                && table.clustering_types() == first.clustering_types()
        };
        ensure!(tables.iter().all(same), "{} holds SSTables of several tables", path.display());
        Ok(Opened { sstables, tables })
    }

    fn pairs(&self) -> impl Iterator<Item = (&Table, &SsTable)> {
        self.tables.iter().zip(&self.sstables)
    }

    fn context(&self) -> Context<'_> {
        self.tables[0].context()
    }

    /// Merges what `events` makes of each SSTable; a single one stands as it is.
    fn each<'a>(
        &'a self,
        is_reversed: bool,
        mut sources: Vec<Box<dyn Events + 'a>>,
        body: &mut dyn FnMut(&mut dyn Events) -> Result<()>,
    ) -> Result<()> {
        if let [source] = &mut sources[..] {
            return body(&mut **source);
        }
        let headers = self.tables.iter().rev().map(Table::header);
        let header = merged_header(headers).context("no SSTable")?;
        let partitioner = self.tables[0].partitioner();
        let mut merge = Merge::new(header, partitioner, sources, is_reversed)?;
        body(&mut merge)
    }
}

/// Prints the events of a source.
fn print(events: &mut dyn Events, context: Context<'_>, style: &Style, out: &mut dyn Write) -> Result<()> {
    let lines = Lines { context, has_cql: style.cql };
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut cassandra = Cassandra::new(context, now_s);
    let mut line = String::new();
    while let Some(event) = events.next_event()? {
        let is_whole = match style.format {
            Format::Jsonl => lines.write(&event, &mut line)?,
            Format::Sstabledump => cassandra.write(&event, &mut line)?,
        };
        if is_whole {
            line.push('\n');
            out.write_all(line.as_bytes())?;
            line.clear();
        }
    }
    Ok(())
}

fn dump(path: &Path, style: &Style, out: &mut dyn Write) -> Result<()> {
    let opened = Opened::new(path, style.schema.as_deref())?;
    let walks = opened.pairs().map(|(table, sstable)| {
        Box::new(table.walk(&sstable.source, &Libraries, ReadMode::Bypass, 0)) as Box<dyn Events>
    });
    let walks = walks.collect();
    opened.each(false, walks, &mut |events| print(events, opened.context(), style, out))
}

struct Wanted {
    key: Option<String>,
    key_hex: Option<String>,
    clustering: Option<String>,
    from: Option<String>,
    to: Option<String>,
    reverse: bool,
}

impl Wanted {
    /// The serialized key.
    fn key(&self, table: &Table) -> Result<Vec<u8>> {
        if let Some(hex) = &self.key_hex {
            return literal::parse_hex(hex).context("--key-hex takes an even number of hexadecimal digits");
        }
        let text = self.key.as_deref().unwrap_or_default();
        let key_type = &table.header().key_type;
        let parts: Vec<(&CqlType, &str)> = match key_type {
            CqlType::Composite(components) => {
                let texts = literal::split_values(text);
                let types: Vec<String> = components.iter().map(ToString::to_string).collect();
                ensure!(
                    texts.len() == components.len(),
                    "the key has {} columns ({}), given {}: {text:?}",
                    components.len(),
                    types.join(", "),
                    if texts.len() == 1 { "was 1".to_owned() } else { format!("were {}", texts.len()) }
                );
                components.iter().zip(texts).collect()
            }
            one => vec![(one, text)],
        };
        let mut values = Vec::new();
        for (of, text) in parts {
            values.push(parse(of, text)?.context("a partition key has no nulls")?);
        }
        key::join(key_type, &values).map_err(|e| anyhow!("the key {text:?}: {e}"))
    }

    fn slice(&self, table: &Table) -> Result<Slice> {
        let bound = |text: &Option<String>, kind| -> Result<Option<Bound>> {
            let Some(text) = text else { return Ok(None) };
            let types = table.clustering_types();
            let texts = literal::split_values(text);
            ensure!(
                texts.len() <= types.len(),
                "{text:?} has {} values, the table has {} clustering columns",
                texts.len(),
                types.len()
            );
            let mut values = Vec::new();
            for (of, text) in types.iter().zip(texts) {
                values.push(parse(of, text)?);
            }
            let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
            Ok(Some(Bound::new(table, &values, kind)?))
        };
        Ok(Slice {
            from: bound(
                self.clustering.as_ref().map_or(&self.from, |_| &self.clustering),
                BoundKind::InclusiveStart,
            )?,
            to: bound(
                self.clustering.as_ref().map_or(&self.to, |_| &self.clustering),
                BoundKind::InclusiveEnd,
            )?,
            is_reversed: self.reverse,
        })
    }
}

/// The bytes of a value that was given as text.
fn parse(of: &CqlType, text: &str) -> Result<Option<Vec<u8>>> {
    let example = match of.to_string().as_str() {
        "blob" => "; write 0x03",
        "timestamp" => "; write 2024-01-31 or milliseconds since 1970",
        "uuid" | "timeuuid" => "; write 5a1c395e-3b8c-11ee-84d2-ab3b6ba9cd2f",
        "boolean" => "; write true or false",
        "inet" => "; write 127.0.0.1",
        _ => "",
    };
    literal::parse_value(of, text).map_err(|_| anyhow!("{text:?} as {of}: that is no {of}{example}"))
}

fn get(path: &Path, wanted: &Wanted, style: &Style, out: &mut dyn Write) -> Result<()> {
    let opened = Opened::new(path, style.schema.as_deref())?;
    let key = wanted.key(&opened.tables[0])?;
    let mut readers: Vec<Box<dyn Events>> = Vec::new();
    for (table, sstable) in opened.pairs() {
        let slice = wanted.slice(table)?;
        ensure!(
            !slice.is_empty(),
            "the slice from {} to {} is empty: the table orders --from behind --to",
            wanted.from.as_deref().unwrap_or_default(),
            wanted.to.as_deref().unwrap_or_default()
        );
        let found = table.find(&sstable.source, &Libraries, ReadMode::MayBlock, &key)?;
        if let Some(found) = found {
            let reader = table.read(&sstable.source, &Libraries, ReadMode::MayBlock, found, slice);
            readers.push(Box::new(reader));
        }
    }
    let text = metadata::key_text(&opened.tables[0].header().key_type, &key);
    ensure!(!readers.is_empty(), "no partition {text}");
    opened.each(wanted.reverse, readers, &mut |events| print(events, opened.context(), style, out))
}

/// What a scan counted.
#[derive(Default)]
struct Counts {
    partitions: u64,
    static_rows: u64,
    rows: u64,
    markers: u64,
    cells: u64,
    value_bytes: u64,
}

impl Counts {
    fn add(&mut self, event: &Event<'_>) -> Result<()> {
        match event {
            Event::Partition(_) => self.partitions += 1,
            Event::Marker(_) => self.markers += 1,
            Event::End(_) => {}
            Event::Static(row) | Event::Row(row) => {
                let mut cells = 0;
                for part in row.cells() {
                    if let Part::Cell { cell, .. } = part? {
                        cells += 1;
                        self.value_bytes += cell.value.len() as u64;
                    }
                }
                self.cells += cells;
                if !row.is_static {
                    self.rows += u64::from(cells > 0 || !row.is_empty()?);
                } else if !row.is_empty()? {
                    self.static_rows += 1;
                }
            }
        }
        Ok(())
    }
}

fn scan(path: &Path, schema: Option<&Path>, out: &mut Out) -> Result<()> {
    let opened = Opened::new(path, schema)?;
    let start = Instant::now();
    let walks = opened.pairs().map(|(table, sstable)| {
        Box::new(table.walk(&sstable.source, &Libraries, ReadMode::Bypass, 0)) as Box<dyn Events>
    });
    let mut counts = Counts::default();
    opened.each(false, walks.collect(), &mut |events| {
        while let Some(event) = events.next_event()? {
            counts.add(&event)?;
        }
        Ok(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes: u64 = opened.tables.iter().map(|table| table.data().len()).sum();
    let rate = bytes as f64 / 1e6 / seconds.max(1e-9);
    if out.is_json() {
        out.object(&json!({
            "partition_count": counts.partitions, "static_row_count": counts.static_rows, "row_count": counts.rows,
            "marker_count": counts.markers, "cell_count": counts.cells, "value_bytes": counts.value_bytes, "data_bytes": bytes,
            "seconds": seconds,
        }))?;
        return Ok(());
    }
    writeln!(
        out,
        "{} partitions, {} static rows, {} rows, {} markers, {} cells, {} bytes of values",
        counts.partitions, counts.static_rows, counts.rows, counts.markers, counts.cells, counts.value_bytes
    )?;
    writeln!(out, "{bytes} bytes of data in {:.3} ms, {rate:.0} MB/s", seconds * 1e3)?;
    Ok(())
}

fn verify_all(path: &Path, out: &mut Out) -> Result<Status> {
    let mut finding_count = 0;
    let sstables = files::find_below(path)?;
    let mut progress = out.progress("verifying", sstables.len() as u64);
    for (name, sstable) in sstables {
        progress.say(&format!("verifying {name}"));
        let digest = sstable.read(Component::Digest)?;
        let toc = sstable.read(Component::Toc)?;
        let report = verify(
            sstable.version,
            &sstable.components,
            digest.as_deref(),
            toc.as_deref(),
            &sstable.source,
            &Libraries,
        );
        let verdict = if report.findings.is_empty() { "sound" } else { "damaged" };
        finding_count += report.findings.len() as u64;
        progress.add(1);
        if out.is_json() {
            let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
            out.object(&json!({
                "sstable": name, "verdict": verdict, "findings": findings, "partition_count": report.partitions,
                "row_count": report.rows, "marker_count": report.markers, "chunk_count": report.chunks,
            }))?;
            continue;
        }
        for finding in &report.findings {
            writeln!(out, "{name}: {finding}")?;
        }
        writeln!(
            out,
            "{name}: {verdict}: {}, {}, {}, {}",
            counted(report.partitions, "partition"),
            counted(report.rows, "row"),
            counted(report.markers, "marker"),
            counted(report.chunks, "chunk")
        )?;
    }
    drop(progress);
    if finding_count == 0 {
        return Ok(Status::Success);
    }
    out.warn(format_args!("{} in {}", counted(finding_count, "finding"), path.display()));
    Ok(Status::Failure)
}

fn stats(path: &Path, top: usize, out: &mut Out) -> Result<()> {
    let sstables = files::find_below(path)?;
    let mut progress = out.progress("reading", None);
    for (name, sstable) in &sstables {
        let table = &sstable.open(None)?;
        let mut largest: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>> = BinaryHeap::new();
        let mut walk = table.walk(&sstable.source, &Libraries, ReadMode::Bypass, 0);
        let mut counts = Counts::default();
        let (mut start, mut rows_before, mut key) = (0, 0, Vec::new());
        while let Some(event) = walk.next_event()? {
            counts.add(&event)?;
            match event {
                Event::Partition(head) => {
                    (start, rows_before) = (head.position, counts.rows);
                    key.clear();
                    key.extend_from_slice(head.key);
                }
                Event::End(end) => {
                    progress.add(1);
                    largest.push(Reverse((end - start, counts.rows - rows_before, key.clone())));
                    if largest.len() > top {
                        largest.pop();
                    }
                }
                _ => {}
            }
        }
        let (stored, len) = (table.data().file_len(), table.data().len());
        if out.is_json() {
            let largest: Vec<_> = largest
                .into_sorted_vec()
                .into_iter()
                .map(|Reverse((bytes, rows, key))| {
                    json!({"key": metadata::key_text(&table.header().key_type, &key), "bytes": bytes, "row_count": rows})
                })
                .collect();
            out.object(&json!({
                "sstable": name, "partition_count": counts.partitions, "row_count": counts.rows, "cell_count": counts.cells,
                "marker_count": counts.markers, "data_bytes": len, "stored_bytes": stored, "largest": largest,
            }))?;
            continue;
        }
        writeln!(
            out,
            "{name}: {} partitions, {} rows, {} cells, {} markers; {len} bytes stored as {stored}",
            counts.partitions, counts.rows, counts.cells, counts.markers
        )?;
        writeln!(out, "bytes\trows\tkey")?;
        for Reverse((bytes, rows, key)) in largest.into_sorted_vec() {
            let text = metadata::key_text(&table.header().key_type, &key);
            let mut quoted = String::new();
            Writer::new(&mut quoted).string(&text);
            writeln!(out, "{bytes}\t{rows}\t{quoted}")?;
        }
    }
    Ok(())
}
