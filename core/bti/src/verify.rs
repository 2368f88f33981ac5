//! Every byte of an SSTable that can be checked, checked.
//!
//! 1. Statistics.db, CompressionInfo.db, CRC.db, Filter.db, Summary.db, Digest.crc32 and TOC.txt decode; TOC.txt and the folder name the same.
//! 2. Every chunk has its checksum and expands; the digest is that of all bytes of Data.db.
//! 3. The data decodes to the last cell; keys and clusterings are in order; every row knows how long the one before is.
//! 4. The partition index has these keys in this order at these places, with these hash bytes; the row indexes have blocks at row starts, separators
//!    between the rows beside them, and the deletions that are open there.
//! 5. The filter has exactly the bits of the keys.
//!
//! A damaged byte that none of this sees changes nothing that a read gives: padding, a separator that still separates, an option's value.

use alloc::vec::Vec;
use core::cell::Cell;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_base::trace::NoTrace;
use dolmen_codec::checksum::crc32_extend;
use dolmen_codec::compress::Codecs;

use crate::big::BigEntry;
use crate::bloom::{Bloom, FilterBits};
use crate::comparable::{ClusteringKind, TERMINATOR, put_clustering, put_partition_key};
use crate::component::{Component, Version, toc};
use crate::crc::digest;
use crate::data::{Event, Marker, PartitionHead, Prefix};
use crate::deletion::DeletionTime;
use crate::error::{Damage, ReadError};
use crate::limits::FINDINGS_MAX;
use crate::partitioner::KeyHash;
use crate::partitions::{Partitions, Place};
use crate::rows::{Block, Blocks, RowIndex};
use crate::table::{Components, Index, Table};
use crate::trie::{Edge, Pages};

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is wrong, at most [`FINDINGS_MAX`].
    pub findings: Vec<ReadError>,
    /// Partitions read.
    pub partitions: u64,
    /// Rows read, static ones left out.
    pub rows: u64,
    /// Range tombstone markers read.
    pub markers: u64,
    /// Chunks read.
    pub chunks: u64,
}

impl Report {
    fn add(&mut self, result: Result<(), ReadError>) {
        if let Err(error) = result
            && self.findings.len() < FINDINGS_MAX
            && !self.findings.contains(&error)
        {
            self.findings.push(error);
        }
    }
}

/// Verifies a table. `digest_bytes` and `toc_bytes` are Digest.crc32 and TOC.txt, if they are there.
pub fn verify<S: BlockSource<ReadError>>(
    version: Version,
    components: &Components,
    digest_bytes: Option<&[u8]>,
    toc_bytes: Option<&[u8]>,
    source: &S,
    codecs: &impl Codecs,
) -> Report {
    let mut report = Report::default();
    if let Some(bytes) = toc_bytes {
        report.add(check_toc(bytes, components));
    }
    let table = match Table::open(version, components, source) {
        Ok(table) => table,
        Err(error) => {
            report.add(Err(error));
            return report;
        }
    };
    check_chunks(&table, digest_bytes, source, codecs, &mut report);
    let scan = Scan::new(&table, source);
    let checked = scan.and_then(|mut scan| scan.run(source, codecs, &mut report));
    report.add(checked);
    report
}

/// The list and the folder name the same components.
fn check_toc(bytes: &[u8], components: &Components) -> Result<(), ReadError> {
    let listed = toc(bytes)?;
    let present = |wanted| components.lens.iter().any(|(component, _)| *component == wanted);
    for component in Component::ALL {
        if listed.contains(&component) != (present(component) || component == Component::Toc) {
            if !present(component) {
                return Err(ReadError::Missing { component });
            }
            let what = Damage::Tag(component.file().get());
            return Err(ReadError::corrupt(Component::Toc, 0, what));
        }
    }
    Ok(())
}

fn check_chunks(
    table: &Table,
    digest_bytes: Option<&[u8]>,
    source: &impl BlockSource<ReadError>,
    codecs: &impl Codecs,
    report: &mut Report,
) {
    let data = &table.data;
    let crc = Cell::new(0);
    for index in 0..data.chunk_count() {
        report.chunks += 1;
        let read = data.block_id(index).and_then(|id| {
            source.block(id, ReadMode::Bypass, &|stored| {
                crc.set(crc32_extend(crc.get(), &stored));
                data.decode(index, stored, codecs)
            })
        });
        report.add(read.map(drop));
    }
    let Some(bytes) = digest_bytes else { return };
    report.add(digest(bytes).and_then(|expected| {
        let found = crc.get();
        if expected == found {
            return Ok(());
        }
        Err(ReadError::corrupt(Component::Digest, 0, Damage::Checksum { chunk: 0, expected, found }))
    }));
}

/// The index beside the walk.
enum Beside<S> {
    Bti { pages: Pages<S, NoTrace>, entries: Partitions },
    Big { pages: Pages<S, NoTrace>, entry: BigEntry, sampled: usize },
}

/// A walk over the data with the indexes beside it.
struct Scan<'t, S> {
    table: &'t Table,
    beside: Option<Beside<&'t S>>,
    rows: Pages<&'t S, NoTrace>,
    blocks: Option<(Blocks, Option<Block>, u32, u32)>,
    last_key: Option<Vec<u8>>,
    first_key: Option<Vec<u8>>,
    last_raw: Vec<u8>,
    bits: Option<FilterBits>,
    partition_at: u64,
    previous_at: u64,
    last_form: Vec<u8>,
    form: Vec<u8>,
    open: Option<DeletionTime>,
}

impl<'t, S: BlockSource<ReadError>> Scan<'t, S> {
    fn new(table: &'t Table, source: &'t S) -> Result<Self, ReadError> {
        let mode = ReadMode::Bypass;
        let beside = match &table.index {
            Index::Bti { partitions, .. } => {
                let mut pages = table.pages(source, Component::Partitions, mode);
                let entries = partitions.iter(&mut pages, Edge::First)?;
                Beside::Bti { pages, entries }
            }
            Index::Big(_) => Beside::Big {
                pages: table.pages(source, Component::Index, mode),
                entry: BigEntry::default(),
                sampled: 0,
            },
        };
        let filter = table.filter.as_deref().map(Bloom::parse).transpose()?;
        Ok(Scan {
            table,
            beside: Some(beside),
            rows: table.pages(source, Component::Rows, mode),
            blocks: None,
            last_key: None,
            first_key: None,
            last_raw: Vec::new(),
            bits: filter.map(|bloom| FilterBits::like(&bloom)),
            partition_at: 0,
            previous_at: 0,
            last_form: Vec::new(),
            form: Vec::new(),
            open: None,
        })
    }

    fn run(&mut self, source: &S, codecs: &impl Codecs, report: &mut Report) -> Result<(), ReadError> {
        let mut walk = self.table.walk(source, codecs, ReadMode::Bypass, 0);
        while let Some(event) = walk.next_event()? {
            match &event {
                Event::Partition(head) => {
                    report.partitions += 1;
                    self.partition(head)?;
                    // An index that is damaged ends what can be said of it, not of the data.
                    if let Err(error) = self.index_entry(head) {
                        report.add(Err(error));
                        (self.beside, self.blocks) = (None, None);
                    }
                }
                Event::Static(row) => {
                    self.previous(row.position, row.previous_len, true)?;
                    row.cells().try_for_each(|part| part.map(drop))?;
                }
                Event::Row(row) => {
                    report.rows += 1;
                    self.previous(row.position, row.previous_len, false)?;
                    row.cells().try_for_each(|part| part.map(drop))?;
                    self.clustering(&row.clustering, ClusteringKind::Row, row.position)?;
                    let checked = self.block(row.position);
                    self.settle(checked, report);
                }
                Event::Marker(marker) => {
                    report.markers += 1;
                    self.previous(marker.position, marker.previous_len, false)?;
                    let kind = marker.kind.clustering_kind();
                    self.clustering(&marker.clustering, kind, marker.position)?;
                    let checked = self.block(marker.position);
                    self.settle(checked, report);
                    self.pass(marker)?;
                }
                Event::End(end) => {
                    if self.open.is_some() {
                        return Err(ReadError::corrupt(Component::Data, end - 1, Damage::Order));
                    }
                    let checked = self.last_block(end - 1);
                    self.settle(checked, report);
                }
            }
        }
        self.finish(report)
    }

    /// Notes what a row index lacks and looks at this partition's no further.
    fn settle(&mut self, checked: Result<(), ReadError>, report: &mut Report) {
        if checked.is_err() {
            self.blocks = None;
            report.add(checked);
        }
    }

    fn partition(&mut self, head: &PartitionHead<'_>) -> Result<(), ReadError> {
        (self.partition_at, self.previous_at) = (head.position, head.position);
        self.last_form.clear();
        self.open = None;
        let damaged = |what| ReadError::corrupt(Component::Data, head.position, what);
        let mut form = Vec::new();
        let key_type = &self.table.statistics.header.key_type;
        put_partition_key(self.table.partitioner, key_type, head.key, TERMINATOR, &mut form)
            .map_err(|_| damaged(Damage::Text))?;
        if self.last_key.as_ref().is_some_and(|last| *last >= form) {
            return Err(damaged(Damage::Order));
        }
        self.first_key.get_or_insert_with(|| head.key.to_vec());
        self.last_raw.clear();
        self.last_raw.extend_from_slice(head.key);
        if let Some(bits) = &mut self.bits {
            bits.add(KeyHash::of(head.key));
        }
        self.last_key = Some(form);
        Ok(())
    }

    /// The next entry of the index is this partition's.
    fn index_entry(&mut self, head: &PartitionHead<'_>) -> Result<(), ReadError> {
        self.blocks = None;
        let mismatch = |component, at, expected, found| {
            Err(ReadError::corrupt(component, at, Damage::Mismatch { expected, found }))
        };
        match &mut self.beside {
            None => Ok(()),
            Some(Beside::Big { pages, entry, sampled }) => {
                let at = entry.end;
                entry.read(pages, at)?;
                if let Index::Big(index) = &self.table.index
                    && let Some((form, position)) = index.sample.get(*sampled)
                    && *position <= at
                {
                    *sampled += 1;
                    if *position != at || Some(form) != self.last_key.as_ref() {
                        return mismatch(Component::Summary, 0, at, *position);
                    }
                }
                if entry.key != head.key {
                    return Err(ReadError::corrupt(Component::Index, at, Damage::Order));
                }
                if entry.data_position != head.position {
                    return mismatch(Component::Index, at, head.position, entry.data_position);
                }
                Ok(())
            }
            Some(Beside::Bti { pages, entries }) => {
                let missing = ReadError::corrupt(Component::Partitions, 0, Damage::Order);
                let entry = entries.next(pages)?.ok_or(missing)?;
                let form = self.last_key.as_deref().unwrap_or_default();
                if !form.starts_with(entries.prefix()) {
                    return Err(ReadError::corrupt(Component::Partitions, entry.node, Damage::Order));
                }
                let byte = KeyHash::of(head.key).filter_byte();
                if entry.hash.is_some_and(|stored| stored != byte) {
                    let found = u64::from(entry.hash.unwrap_or(0));
                    return mismatch(Component::Partitions, entry.node, u64::from(byte), found);
                }
                match entry.place {
                    Place::Data(at) if at == head.position => Ok(()),
                    Place::Data(at) => mismatch(Component::Partitions, entry.node, head.position, at),
                    Place::Rows(at) => self.row_index(at, head),
                }
            }
        }
    }

    fn row_index(&mut self, at: u64, head: &PartitionHead<'_>) -> Result<(), ReadError> {
        let mut key = Vec::new();
        let rows = RowIndex::open(&mut self.rows, at, &mut key)?;
        let damaged = |what| Err(ReadError::corrupt(Component::Rows, at, what));
        if key != head.key {
            return damaged(Damage::Order);
        }
        if rows.data_position != head.position {
            return damaged(Damage::Mismatch { expected: head.position, found: rows.data_position });
        }
        if rows.deletion != head.deletion {
            let (expected, found) = (head.deletion.marked_at as u64, rows.deletion.marked_at as u64);
            return damaged(Damage::Mismatch { expected, found });
        }
        let mut blocks = rows.iter(&mut self.rows, Edge::First)?;
        let first = blocks.next(&mut self.rows)?;
        self.blocks = Some((blocks, first, rows.block_count, 0));
        Ok(())
    }

    fn previous(&mut self, at: u64, previous_len: u64, is_static: bool) -> Result<(), ReadError> {
        let expected = if is_static { 0 } else { at - self.previous_at };
        if previous_len != expected {
            let what = Damage::Mismatch { expected, found: previous_len };
            return Err(ReadError::corrupt(Component::Data, at, what));
        }
        if !is_static {
            self.previous_at = at;
        }
        Ok(())
    }

    fn clustering(&mut self, prefix: &Prefix<'_>, kind: ClusteringKind, at: u64) -> Result<(), ReadError> {
        let damaged = |what| ReadError::corrupt(Component::Data, at, what);
        self.form.clear();
        let values = prefix.values().map(|value| value.bytes());
        put_clustering(self.table.clustering_types(), values, kind, &mut self.form)
            .map_err(|_| damaged(Damage::Text))?;
        if !self.last_form.is_empty() && self.form <= self.last_form {
            return Err(damaged(Damage::Order));
        }
        Ok(())
    }

    /// Ranges open and end in turn.
    fn pass(&mut self, marker: &Marker<'_>) -> Result<(), ReadError> {
        let damaged = ReadError::corrupt(Component::Data, marker.position, Damage::Order);
        let ends = marker.kind.is_end().then_some(marker.deletion);
        if ends != self.open {
            return Err(damaged);
        }
        self.open = match marker.start_deletion {
            Some(start) => Some(start),
            None => marker.kind.is_start().then_some(marker.deletion),
        };
        Ok(())
    }

    /// A row or marker is the start of the next block, or lies before it.
    fn block(&mut self, position: u64) -> Result<(), ReadError> {
        let at = position - self.partition_at;
        if let Some((blocks, Some(next), _, seen)) = &mut self.blocks {
            let damaged = |what| Err(ReadError::corrupt(Component::Rows, next.node, what));
            if next.offset < at {
                return damaged(Damage::Mismatch { expected: at, found: next.offset });
            }
            if next.offset == at {
                let separator = blocks.separator();
                let is_between =
                    *separator <= self.form[..] && (*seen == 0 || *separator > self.last_form[..]);
                if !is_between || (*seen == 0) != separator.is_empty() {
                    return damaged(Damage::Order);
                }
                if next.open != self.open {
                    let time = |open: Option<DeletionTime>| open.map_or(0, |open| open.marked_at as u64);
                    let what = Damage::Mismatch { expected: time(self.open), found: time(next.open) };
                    return damaged(what);
                }
                *seen += 1;
                let following = blocks.next(&mut self.rows)?;
                if let Some((_, next, ..)) = &mut self.blocks {
                    *next = following;
                }
            }
        }
        core::mem::swap(&mut self.form, &mut self.last_form);
        Ok(())
    }

    /// Behind the last row the index has its last entry.
    fn last_block(&mut self, end: u64) -> Result<(), ReadError> {
        let Some((mut blocks, next, count, seen)) = self.blocks.take() else { return Ok(()) };
        let expected = end - self.partition_at;
        let Some(next) = next else {
            return Err(ReadError::corrupt(Component::Rows, 0, Damage::Order));
        };
        let damaged = |what| Err(ReadError::corrupt(Component::Rows, next.node, what));
        if next.offset != expected {
            return damaged(Damage::Mismatch { expected, found: next.offset });
        }
        if *blocks.separator() <= self.last_form[..] || next.open.is_some() {
            return damaged(Damage::Order);
        }
        if count != seen || blocks.next(&mut self.rows)?.is_some() {
            return damaged(Damage::Mismatch { expected: u64::from(seen), found: u64::from(count) });
        }
        Ok(())
    }

    /// What is known only at the end.
    fn finish(&mut self, report: &mut Report) -> Result<(), ReadError> {
        if let (Some(bits), Some(filter)) = (&self.bits, &self.table.filter) {
            report.add(bits.check(&Bloom::parse(filter)?));
        }
        let first = self.first_key.as_deref().unwrap_or_default();
        let stats = &self.table.statistics.stats;
        for (stored, found) in [(&stats.first_key, first), (&stats.last_key, &self.last_raw[..])] {
            if stored.as_deref().is_some_and(|stored| stored != found) {
                report.add(Err(ReadError::corrupt(Component::Statistics, 0, Damage::Order)));
            }
        }
        match (&mut self.beside, &self.table.index) {
            (Some(Beside::Bti { pages, entries }), Index::Bti { partitions, .. }) => {
                let at = partitions.first_position;
                let damaged = |what| Err(ReadError::corrupt(Component::Partitions, at, what));
                if entries.next(pages)?.is_some() {
                    return damaged(Damage::Order);
                }
                if partitions.key_count != report.partitions {
                    let (expected, found) = (report.partitions, partitions.key_count);
                    return damaged(Damage::Mismatch { expected, found });
                }
                if partitions.first_key != first || partitions.last_key != self.last_raw {
                    return damaged(Damage::Order);
                }
            }
            (Some(Beside::Big { pages, entry, sampled }), Index::Big(index)) => {
                if entry.end != pages.file_len() {
                    return Err(ReadError::corrupt(Component::Index, entry.end, Damage::Order));
                }
                let ends = index.ends.as_ref();
                let ends_fit = ends.is_none_or(|ends| ends.0 == first && ends.1 == self.last_raw);
                if *sampled != index.sample.len() || !ends_fit {
                    return Err(ReadError::corrupt(Component::Summary, 0, Damage::Order));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
