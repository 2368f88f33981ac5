//! Components as annotated bytes, and the partition trie as a picture.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_codec::Cursor;
use dolmen_codec::compress::Codecs;
use dolmen_text::dump::Dump;
use dolmen_text::svg::Svg;

use crate::big::{BigEntry, summary};
use crate::component::Component;
use crate::data::Event;
use crate::dump::Lines;
use crate::error::ReadError;
use crate::limits::INSPECT_ENTRIES_MAX;
use crate::metadata::key_text;
use crate::partitions::{FOOTER_LEN, Place};
use crate::rows::RowIndex;
use crate::statistics::{Part, spans};
use crate::table::{Index, Table};
use crate::trie::Edge;
use crate::value::hex;
use crate::vint::get_short_bytes;

/// A component with what each of its bytes means. `bytes` are the whole file; of Data.db they may be left out.
///
/// # Errors
/// Damage of the component, or of an index that leads to it.
pub fn component<S: BlockSource<ReadError>>(
    table: &Table,
    component: Component,
    bytes: &[u8],
    source: &S,
    codecs: &impl Codecs,
) -> Result<String, ReadError> {
    let mut dump = Dump::new(0);
    match component {
        Component::Data => data(table, source, codecs, &mut dump)?,
        Component::Partitions => partitions(table, bytes, source, &mut dump)?,
        Component::Rows => rows(table, bytes, source, &mut dump)?,
        Component::Index => index(table, bytes, source, &mut dump)?,
        Component::Summary => {
            for (key, position) in summary(bytes)?.entries {
                let key = key_text(&table.statistics.header.key_type, key);
                dump.section(format_args!("key {key:?} stands at {position} of Index.db"));
            }
            dump.field(bytes, "the whole file");
        }
        Component::Statistics => statistics(table, bytes, &mut dump)?,
        Component::CompressionInfo => compression(table, bytes, &mut dump),
        Component::Filter => {
            let (head, bits) = bytes.split_at(bytes.len().min(8));
            dump.field(&head[..head.len().min(4)], "hashes of each key");
            dump.field(&head[head.len().min(4)..], "words of 64 bits").field(bits, "bits");
        }
        Component::Crc => {
            let (head, crcs) = bytes.split_at(bytes.len().min(4));
            dump.field(head, "chunk length");
            for (i, crc) in crcs.chunks(4).enumerate() {
                dump.field(crc, format_args!("checksum of chunk {i}"));
            }
        }
        Component::Digest => drop(dump.field(bytes, "checksum of Data.db in decimal digits")),
        Component::Toc => {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                dump.field(line, String::from_utf8_lossy(line).trim_end());
            }
        }
    }
    Ok(dump.to_string())
}

/// Expanded bytes of a range of the data.
fn read_data<S: BlockSource<ReadError>>(
    table: &Table,
    source: &S,
    codecs: &impl Codecs,
    range: core::ops::Range<u64>,
) -> Result<Vec<u8>, ReadError> {
    let chunk_len = u64::from(table.data.chunk_len());
    let (mut at, mut out) = (range.start, Vec::new());
    while at < range.end {
        let index = at / chunk_len;
        let chunk = table.data.chunk(source, codecs, index, ReadMode::MayBlock)?;
        let from = (at - index * chunk_len) as usize;
        let to = chunk.len().min((range.end - index * chunk_len) as usize);
        let Some(bytes) = chunk.get(from..to).filter(|bytes| !bytes.is_empty()) else { break };
        out.extend_from_slice(bytes);
        at += bytes.len() as u64;
    }
    Ok(out)
}

fn data<S: BlockSource<ReadError>>(
    table: &Table,
    source: &S,
    codecs: &impl Codecs,
    dump: &mut Dump,
) -> Result<(), ReadError> {
    dump.section(format_args!(
        "{} chunks of {} bytes; offsets are those of the expanded data",
        table.data.chunk_count(),
        table.data.chunk_len()
    ));
    let lines = Lines { context: table.context(), has_cql: true };
    let mut walk = table.walk(source, codecs, ReadMode::MayBlock, 0);
    for _ in 0..INSPECT_ENTRIES_MAX {
        let start = walk.position();
        let mut text = String::new();
        match walk.next_event()? {
            None => return Ok(()),
            Some(Event::End(_)) => text.push_str("end of the partition"),
            Some(event) => {
                if !lines.write(&event, &mut text)? {
                    text.push_str("an empty row");
                }
            }
        }
        let bytes = read_data(table, source, codecs, start..walk.position())?;
        dump.field(&bytes, text);
    }
    dump.section("and more");
    Ok(())
}

fn partitions<S: BlockSource<ReadError>>(
    table: &Table,
    bytes: &[u8],
    source: &S,
    dump: &mut Dump,
) -> Result<(), ReadError> {
    let Index::Bti { partitions, .. } = &table.index else { return Ok(()) };
    dump.section(format_args!("trie, root at {}", partitions.root));
    let mut pages = table.pages(source, Component::Partitions, ReadMode::MayBlock);
    let mut entries = partitions.iter(&mut pages, Edge::First)?;
    for _ in 0..INSPECT_ENTRIES_MAX {
        let Some(entry) = entries.next(&mut pages)? else { break };
        let place = match entry.place {
            Place::Rows(at) => format!("Rows.db at {at}"),
            Place::Data(at) => format!("Data.db at {at}"),
        };
        let byte = entry.hash.map_or("none".into(), |byte| format!("{byte:02x}"));
        dump.section(format_args!(
            "  {} -> {place}, hash byte {byte}, node at {}",
            hex(entries.prefix()),
            entry.node
        ));
    }
    let first = partitions.first_position as usize;
    dump.field(bytes.get(..first).unwrap_or_default(), "nodes");
    let mut tail = Cursor::new(bytes.get(first..).unwrap_or_default());
    let fields = [("first key", &partitions.first_key), ("last key", &partitions.last_key)];
    for (name, key) in fields {
        let start = tail.rest();
        let before = tail.position();
        get_short_bytes(&mut tail).map_err(|e| ReadError::decode(Component::Partitions, first as u64, e))?;
        let key = key_text(&table.statistics.header.key_type, key);
        dump.field(&start[..tail.position() - before], format_args!("{name} {key:?}"));
    }
    let footer = bytes.get(bytes.len().saturating_sub(FOOTER_LEN as usize)..).unwrap_or_default();
    let names = ["where the first key stands", "partitions", "root"];
    for (word, name) in footer.chunks(8).zip(names) {
        dump.field(word, name);
    }
    Ok(())
}

fn rows<S: BlockSource<ReadError>>(
    table: &Table,
    bytes: &[u8],
    source: &S,
    dump: &mut Dump,
) -> Result<(), ReadError> {
    let Index::Bti { partitions, .. } = &table.index else { return Ok(()) };
    if bytes.is_empty() {
        dump.section("empty: no partition is long enough to have an index of its rows");
        return Ok(());
    }
    let mut index_pages = table.pages(source, Component::Partitions, ReadMode::MayBlock);
    let mut pages = table.pages(source, Component::Rows, ReadMode::MayBlock);
    let mut entries = partitions.iter(&mut index_pages, Edge::First)?;
    let mut left = INSPECT_ENTRIES_MAX;
    while let Some(entry) = entries.next(&mut index_pages)? {
        let Place::Rows(position) = entry.place else { continue };
        let mut key = Vec::new();
        let index = RowIndex::open(&mut pages, position, &mut key)?;
        let key = key_text(&table.statistics.header.key_type, &key);
        dump.section(format_args!("partition {key:?}, root at {}, {} blocks", index.root, index.block_count));
        let mut blocks = index.iter(&mut pages, Edge::First)?;
        while let Some(block) = blocks.next(&mut pages)? {
            let open = block.open.map_or(String::new(), |open| format!(", open since {}", open.marked_at));
            let separator = hex(blocks.separator());
            dump.section(format_args!("  {separator:?} -> {}{open}, node at {}", block.offset, block.node));
            left -= 1;
            if left == 0 {
                dump.section("and more");
                return Ok(());
            }
        }
        let (start, middle, end) = (dump.offset() as usize, position as usize, index.end as usize);
        dump.field(bytes.get(start..middle).unwrap_or_default(), "nodes");
        let what = format!("key, place in Data.db {}, root, blocks, deletion", index.data_position);
        dump.field(bytes.get(middle..end).unwrap_or_default(), what);
    }
    Ok(())
}

fn index<S: BlockSource<ReadError>>(
    table: &Table,
    bytes: &[u8],
    source: &S,
    dump: &mut Dump,
) -> Result<(), ReadError> {
    let mut pages = table.pages(source, Component::Index, ReadMode::MayBlock);
    let mut entry = BigEntry::default();
    for _ in 0..INSPECT_ENTRIES_MAX {
        let at = entry.end;
        if at >= bytes.len() as u64 {
            return Ok(());
        }
        entry.read(&mut pages, at)?;
        let key = key_text(&table.statistics.header.key_type, &entry.key);
        let bytes = bytes.get(at as usize..entry.end as usize).unwrap_or_default();
        dump.field(bytes, format_args!("key {key:?} in Data.db at {}", entry.data_position));
    }
    dump.section("and more");
    Ok(())
}

fn statistics(table: &Table, bytes: &[u8], dump: &mut Dump) -> Result<(), ReadError> {
    let spans = spans(bytes)?;
    dump.field(&bytes[..4], "parts").field(&bytes[4..8], "checksum");
    for (i, span) in spans.iter().enumerate() {
        dump.field(&bytes[8 + 8 * i..16 + 8 * i], format_args!("{} at {}", span.part.name(), span.at));
    }
    let toc_end = 8 + 8 * spans.len();
    dump.field(&bytes[toc_end..toc_end + 4], "checksum");
    for span in spans {
        let (start, end) = (span.at as usize, (span.at + span.len) as usize);
        dump.section(span.part.name());
        match span.part {
            Part::Stats => stats_fields(table, &bytes[start..end], dump),
            part => drop(dump.field(&bytes[start..end], part.name())),
        }
        dump.field(&bytes[end..end + 4], "checksum");
    }
    for (name, value) in crate::metadata::fields(table) {
        dump.section(format_args!("{name}: {value}"));
    }
    Ok(())
}

/// The STATS part, field by field up to where lengths differ from version to version.
fn stats_fields(table: &Table, bytes: &[u8], dump: &mut Dump) {
    let mut rest = bytes;
    let mut field = |len: usize, name: &str| {
        let (head, tail) = rest.split_at(len.min(rest.len()));
        if !head.is_empty() {
            dump.field(head, name);
        }
        rest = tail;
    };
    let stats = &table.statistics.stats;
    // An entry has an offset and a count; of the first two entries both have the first offset.
    let histogram = |of: &crate::statistics::Histogram| 4 + 16 * of.counts.len();
    field(
        histogram(&stats.partition_sizes),
        "histogram of partition sizes: count, then upper end and count of each",
    );
    field(histogram(&stats.cells_per_partition), "histogram of cells per partition");
    field(12, "upper end of the commit log that it holds: segment, position");
    field(8, "least timestamp");
    field(8, "greatest timestamp");
    field(4, "least local deletion time");
    field(4, "greatest local deletion time");
    field(4, "least time to live");
    field(4, "greatest time to live");
    field(8, "compression ratio, as a double");
    field(
        8 + stats.tombstones.bins.len() * 12,
        "histogram of tombstones: most bins, bins, then time and count of each",
    );
    field(4, "level of leveled compaction");
    field(8, "when it was repaired, in milliseconds");
    field(
        usize::MAX,
        "clustering types, covered slice, totals, intervals of the commit log, repair, host, first and last key",
    );
}

fn compression(table: &Table, bytes: &[u8], dump: &mut Dump) {
    let Some(info) = &table.data.compression else { return };
    // Everything before the offsets has a length that follows from what was read.
    let tail = info.dictionary.as_ref().map_or(bytes.len(), |dictionary| dictionary.at as usize);
    let offsets = tail - 8 * info.offsets.len();
    let fixed = offsets - 20;
    dump.field(&bytes[..fixed], format_args!("{}, {} options", info.compressor.name(), info.options.len()));
    let fields = [
        (4, format!("chunk length {}", info.chunk_len)),
        (4, format!("raw from {} bytes on", info.compressed_len_max)),
        (8, format!("{} bytes expanded", info.data_len)),
        (4, format!("{} chunks", info.offsets.len())),
    ];
    let mut at = fixed;
    for (len, meaning) in fields {
        dump.field(&bytes[at..at + len], meaning);
        at += len;
    }
    for (i, offset) in info.offsets.iter().enumerate() {
        dump.field(&bytes[at..at + 8], format_args!("chunk {i} at {offset}"));
        at += 8;
    }
    if let Some(dictionary) = &info.dictionary {
        dump.field(&bytes[at..], format_args!("dictionary {}", dictionary.id));
    }
}

/// The prefixes of the partition trie, one line each, nested as they share bytes; the first 200, and how many more there are.
///
/// # Errors
/// Damage of the index.
pub fn partitions_svg<S: BlockSource<ReadError>>(table: &Table, source: &S) -> Result<String, ReadError> {
    const LINE: f64 = 18.0;
    const BYTE: f64 = 22.0;
    const SHOWN_MAX: usize = 200;
    let mut prefixes: Vec<(Vec<u8>, Place)> = Vec::new();
    let mut left = 0;
    let mut pages = table.pages(source, Component::Partitions, ReadMode::MayBlock);
    if let Index::Bti { partitions, .. } = &table.index {
        let mut entries = partitions.iter(&mut pages, Edge::First)?;
        while prefixes.len() < SHOWN_MAX {
            let Some(entry) = entries.next(&mut pages)? else { break };
            prefixes.push((entries.prefix().to_vec(), entry.place));
        }
        left = partitions.key_count.saturating_sub(prefixes.len() as u64);
    }
    let longest = prefixes.iter().map(|(prefix, _)| prefix.len()).max().unwrap_or(0).min(SHOWN_MAX);
    let width = 260.0 + BYTE * longest as f64;
    let height = 24.0 + LINE * (prefixes.len() + usize::from(left > 0)) as f64;
    let mut svg = Svg::new(width as u32, height as u32);
    let mut last: &[u8] = &[];
    for (line, (prefix, place)) in prefixes.iter().enumerate() {
        let y = 20.0 + LINE * line as f64;
        let shared = last.iter().zip(prefix).take_while(|(a, b)| a == b).count();
        for (i, byte) in prefix.iter().enumerate().take(SHOWN_MAX).skip(shared) {
            let x = 10.0 + BYTE * i as f64;
            svg.text((x, y), format_args!("{byte:02x}"));
            if i == shared && line > 0 {
                let from = (x - 4.0, y - LINE);
                svg.line(from, (x - 4.0, y - 4.0)).stroke("gray", 1.0);
            }
        }
        let text = match place {
            Place::Rows(at) => format!("Rows.db {at}"),
            Place::Data(at) => format!("Data.db {at}"),
        };
        let x = 30.0 + BYTE * prefix.len().min(SHOWN_MAX) as f64;
        svg.text((x, y), text).fill("teal");
        last = prefix;
    }
    if left > 0 {
        let text = format!("… and {left} more of {} keys", left + prefixes.len() as u64);
        svg.text((10.0, height - 6.0), text).class("more").fill("#d55e00");
    }
    Ok(svg.finish())
}
