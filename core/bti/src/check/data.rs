//! Rows, Statistics.db, CompressionInfo.db, CRC.db, Summary.db, schemas and literals.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::block::{ReadMode, Stored};
use dolmen_codec::checksum::{crc32, crc32_extend};
use dolmen_codec::compress::Lz4Only;

use crate::big::summary;
use crate::component::{Component, Version, toc};
use crate::compression::CompressionInfo;
use crate::crc::{ChunkCrcs, digest};
use crate::data::{Data, Event, Row, Walk};
use crate::dump::{Cassandra, Context, Lines};
use crate::literal::parse_value;
use crate::memory::MemoryFiles;
use crate::owned::{OwnedRow, owned_values};
use crate::partitioner::Partitioner;
use crate::schema;
use crate::statistics::{ClusteringColumn, Column, Header, Statistics};
use crate::types::{CqlType, Native};
use crate::value::{Style, write_value};

/// The columns that rows are read with: every layout that cells have.
fn header(version: Version, column_count: usize) -> Header {
    let of = |class: &str| CqlType::parse(class).expect("a class of this list");
    let clustering = ["Int32Type", "ReversedType(UTF8Type)", "BooleanType"];
    let statics = ["Int32Type", "MapType(Int32Type,UTF8Type)"];
    let regulars = [
        "Int32Type",
        "UTF8Type",
        "CounterColumnType",
        "DecimalType",
        "FrozenType(ListType(Int32Type))",
        "TupleType(Int32Type,UTF8Type)",
        "VectorType(FloatType , 2)",
        "ListType(DurationType)",
        "SetType(InetAddressType)",
        "UserType(ks,61,62:Int32Type,63:TimestampType)",
    ];
    let columns = |classes: &[&str], count: usize| {
        let classes = classes.iter().cycle().take(count).enumerate();
        classes.map(|(i, class)| Column::new(alloc::format!("c{i}"), of(class))).collect::<Vec<Column>>()
    };
    let clustering = clustering.map(|class| {
        let cql_type = of(class);
        ClusteringColumn { fixed_len: cql_type.fixed_len(), cql_type }
    });
    Header {
        version,
        min_timestamp: 0,
        min_local_deletion_time: 0,
        min_ttl: 0,
        key_type: of("CompositeType(Int32Type,UTF8Type)"),
        clustering: clustering.into(),
        statics: columns(&statics, statics.len()),
        regulars: columns(&regulars, column_count),
    }
}

/// The first byte chooses version and columns; the rest is Data.db. What decodes prints, and comes back from its own encoding.
pub fn check_rows(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let version = if first & 1 == 0 { Version::Da } else { Version::Nb };
    let column_count = [3, 10, 63, 70][usize::from(first >> 1 & 3)];
    let header = header(version, column_count);
    let types: Vec<CqlType> = header.clustering.iter().map(|column| column.cql_type.clone()).collect();
    let context =
        Context { key_type: &header.key_type, partitioner: Partitioner::Murmur3, clustering_types: &types };
    let file = Data::raw(None, bytes.len() as u64);
    let files = MemoryFiles([(Component::Data, bytes.to_vec())].into());
    let mut walk = Walk::new(&file, &header, &files, Lz4Only, ReadMode::MayBlock, 0);
    let lines = Lines { context, has_cql: true };
    let (mut cassandra, mut line) = (Cassandra::new(context, 0), String::new());
    while let Ok(Some(event)) = walk.next_event() {
        let mut text = String::new();
        let _ = lines.write(&event, &mut text);
        let _ = cassandra.write(&event, &mut line);
        if let Event::Row(row) | Event::Static(row) = event {
            check_encoding(&row, &header);
        }
    }
}

fn check_encoding(row: &Row<'_>, header: &Header) {
    let columns = if row.is_static { &header.statics } else { &header.regulars };
    let Ok(owned) = OwnedRow::of(row, columns) else { return };
    // Cells that contradict themselves do not come back: a tombstone that expires not, an expiry without a time to live.
    let is_sound = owned.columns.values().flat_map(|column| column.cells.values()).all(|cell| {
        (cell.is_tombstone == (cell.ttl == 0 && cell.local_deletion_time != u32::MAX))
            && (cell.ttl == 0 || cell.local_deletion_time != u32::MAX)
    });
    let expires = row.liveness.is_none_or(|l| l.ttl != 0 || l.expires == u32::MAX);
    if !is_sound || !expires {
        return;
    }
    let values = owned_values(&row.clustering);
    let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
    let plain = Header {
        version: Version::Da,
        min_timestamp: 0,
        min_local_deletion_time: 0,
        min_ttl: 0,
        ..header.clone()
    };
    let mut bytes = Vec::new();
    owned.put((!row.is_static).then_some(&values[..]), &plain, columns, &mut bytes);
    let again = Row::parse(&bytes, 0, &plain, row.is_static).expect("what was encoded decodes");
    let columns = if row.is_static { &plain.statics } else { &plain.regulars };
    assert_eq!(OwnedRow::of(&again, columns).expect("what was encoded decodes"), owned);
}

/// A file as it is, and with all its checksums made right.
pub fn check_statistics(data: &[u8]) {
    let mut file = data.to_vec();
    for version in Version::ALL {
        let _ = Statistics::parse(&file, version);
    }
    repair(&mut file);
    for version in Version::ALL {
        if let Ok(statistics) = Statistics::parse(&file, version) {
            let _ = statistics.cardinality.estimate();
            for histogram in [&statistics.stats.partition_sizes, &statistics.stats.cells_per_partition] {
                let _ = (histogram.mean(), histogram.min(), histogram.max(), histogram.percentile(0.5));
            }
        }
    }
}

/// Makes the checksums right, as far as the parts can be found.
fn repair(file: &mut [u8]) {
    let word = |file: &[u8], at: usize| {
        file.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
    };
    let put = |file: &mut [u8], at: usize, crc: u32| {
        if let Some(bytes) = file.get_mut(at..at + 4) {
            bytes.copy_from_slice(&crc.to_be_bytes());
        }
    };
    if file.len() < 44 {
        return;
    }
    let crc = crc32(&file[..4]);
    put(file, 4, crc);
    let count = word(file, 0).min(4);
    let end = 8 + 8 * count;
    let crc = crc32_extend(crc, &file[8..end]);
    put(file, end, crc);
    let starts: Vec<usize> = (0..count).map(|i| word(file, 12 + 8 * i)).collect();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(file.len());
        if start < end && end <= file.len() && end - start >= 4 {
            let crc = crc32(&file[start..end - 4]);
            put(file, end - 4, crc);
        }
    }
}

/// The small files beside the data, and a chunk under what CompressionInfo.db says.
pub fn check_compression(data: &[u8]) {
    let file_len = 1 << 20;
    for version in Version::ALL {
        let Ok(info) = CompressionInfo::parse(data, version, file_len) else { continue };
        for index in 0..(info.offsets.len() as u64).min(16) {
            let _ = info.chunk(index, file_len);
            let mut stored = data.to_vec();
            stored.extend(crc32(data).to_be_bytes());
            if let Ok(expanded) = info.expand(index, Stored::Borrowed(&stored), &Lz4Only) {
                assert_eq!(expanded.len(), info.expanded_len(index) as usize);
            }
        }
    }
    if let Ok(crcs) = ChunkCrcs::parse(data, file_len) {
        let _ = crcs.check(0, data);
    }
    let _ = (digest(data), toc(data), summary(data));
}

/// Text as a schema and as a literal of every simple type; what a literal gives prints, and what prints gives it again.
pub fn check_schema(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let _ = schema::parse(text);
    for native in Native::all() {
        let of = CqlType::Native(native);
        let Ok(Some(value)) = parse_value(&of, text) else { continue };
        let mut printed = String::new();
        write_value(&mut printed, &of, Some(&value), Style::Cql).expect("a value of its type prints");
        // Texts of floats and durations have several values; those of timestamps before year 1 lose their sign, as Cassandra's do.
        let is_exact = !matches!(
            native,
            Native::Float | Native::Double | Native::Duration | Native::Timestamp | Native::LegacyTimestamp
        );
        if is_exact && !value.is_empty() {
            assert_eq!(parse_value(&of, &printed), Ok(Some(value)), "{native:?} {text:?} {printed:?}");
        }
    }
}
