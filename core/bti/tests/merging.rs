//! Several SSTables as one: by hand-made rows, and by a table that Cassandra compacted.

mod common;

use std::collections::BTreeMap;

use dolmen_base::block::ReadMode;
use dolmen_base::rng::Rng;
use dolmen_bti::comparable::put_value;
use dolmen_bti::component::{Component, Version};
use dolmen_bti::counter;
use dolmen_bti::data::{
    BoundKind, Data, Event, Events, Liveness, Part, Prefix, RowBuilder, Walk, put_prefix,
};
use dolmen_bti::deletion::{DeletionTime, NO_DELETION_TIME};
use dolmen_bti::dump::Lines;
use dolmen_bti::error::{Damage, ReadError};
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::merge::{Merge, ON_STACK, merge_rows, merged_header, newer};
use dolmen_bti::owned::{OwnedCell, OwnedColumn, OwnedRow};
use dolmen_bti::partitioner::Partitioner;
use dolmen_bti::statistics::{ClusteringColumn, Column, Header};
use dolmen_bti::types::CqlType;
use dolmen_bti::vint::{put_uvint, put_uvint32};

use common::table::{AllCodecs, all_tables, files, open, open_files};

fn cell(timestamp: i64, value: &[u8]) -> OwnedCell {
    let value = value.to_vec();
    OwnedCell {
        timestamp,
        ttl: 0,
        local_deletion_time: NO_DELETION_TIME,
        path: None,
        value,
        is_tombstone: false,
    }
}

fn row(index: usize, cell: OwnedCell) -> OwnedRow {
    let column = OwnedColumn { deletion: DeletionTime::LIVE, cells: BTreeMap::from([(Vec::new(), cell)]) };
    OwnedRow { columns: BTreeMap::from([(index, column)]), ..OwnedRow::default() }
}

fn merged(rows: &[OwnedRow]) -> OwnedRow {
    merge_rows(rows.to_vec(), DeletionTime::LIVE, &[])
}

/// The rule for each kind of tie, in both orders (`Cells.resolveRegular`).
#[test]
fn of_two_cells_the_right_one_wins() {
    let plain = |timestamp, value: &[u8]| cell(timestamp, value);
    let dead = |timestamp, local| OwnedCell {
        is_tombstone: true,
        local_deletion_time: local,
        ..cell(timestamp, b"")
    };
    let mortal =
        |timestamp, ttl, local| OwnedCell { ttl, local_deletion_time: local, ..cell(timestamp, b"m") };
    let pairs = [
        (plain(2, b"a"), plain(1, b"b")),
        (plain(2, b"a"), dead(1, 9)),
        (dead(1, 1), plain(1, b"z")),
        (mortal(1, 5, 9), plain(1, b"z")),
        (dead(1, 1), mortal(1, 5, 9)),
        (dead(1, 2), dead(1, 1)),
        (mortal(1, 5, 10), mortal(1, 5, 9)),
        (mortal(1, 4, 9), mortal(1, 5, 9)),
        (plain(1, b"b"), plain(1, b"a")),
        (plain(1, b"aa"), plain(1, b"a")),
    ];
    for (winner, loser) in pairs {
        let (a, b) = (row(0, winner), row(0, loser));
        assert_eq!(merged(&[a.clone(), b.clone()]), a);
        assert_eq!(merged(&[b, a.clone()]), a);
    }
}

#[test]
fn deletions_cover_what_is_not_newer() {
    let deletion = DeletionTime { marked_at: 5, local: 1 };
    let deleted = OwnedRow { deletion, ..OwnedRow::default() };
    assert_eq!(merged(&[deleted.clone(), row(0, cell(5, b"x"))]), deleted);
    let newer = row(0, cell(6, b"x"));
    assert_eq!(merged(&[deleted.clone(), newer.clone()]), OwnedRow { deletion, ..newer.clone() });
    // A deletion from outside, of the partition or a range, takes the row's own older one with it.
    let outside = DeletionTime { marked_at: 6, local: 1 };
    assert!(merge_rows(vec![deleted, newer], outside, &[]).is_empty());
    // A shadowable deletion goes before a newer row.
    let shadowable = OwnedRow { deletion, is_shadowable: true, ..OwnedRow::default() };
    let liveness = Some(Liveness { timestamp: 6, ttl: 0, expires: NO_DELETION_TIME });
    let live = OwnedRow { liveness, ..OwnedRow::default() };
    assert_eq!(merged(&[shadowable, live.clone()]), live);
}

#[test]
fn counters_merge_by_shard() {
    let value = |shards: &[(u8, i64, i64)]| {
        let mut out = (shards.len() as i16).to_be_bytes().to_vec();
        (0..shards.len()).for_each(|i| out.extend((0x8000 + i as u16).to_be_bytes()));
        for (id, clock, count) in shards {
            out.extend([*id; 16]);
            out.extend(clock.to_be_bytes());
            out.extend(count.to_be_bytes());
        }
        out
    };
    let (a, b) = (value(&[(1, 10, 100), (2, 5, 7)]), value(&[(1, 11, 90), (3, 1, 1)]));
    let wanted = value(&[(1, 11, 90), (2, 5, 7), (3, 1, 1)]);
    assert_eq!(counter::merge(&a, &b), Some(wanted.clone()));
    assert_eq!(counter::merge(&b, &a), Some(wanted.clone()));
    assert_eq!(counter::total(&wanted), Some(98));
}

/// The lines of events; positions are those of other files.
fn lines(
    printer: Lines<'_>,
    mut next: impl FnMut(&mut dyn FnMut(Event<'_>)) -> Result<bool, ReadError>,
) -> Vec<String> {
    let mut out = Vec::new();
    let mut take = |event: Event<'_>| {
        let mut line = String::new();
        if printer.write(&event, &mut line).unwrap() {
            let cut = line.find(",\"position\":").map(|at| {
                let digits = line[at + 12..].find(|c: char| !c.is_ascii_digit()).unwrap();
                (at, at + 12 + digits)
            });
            if let Some((start, end)) = cut {
                line.replace_range(start..end, "");
            }
            out.push(line);
        }
    };
    while next(&mut take).unwrap() {}
    out
}

/// A table merged with itself is itself, but for what its own deletions cover.
#[test]
fn a_table_merged_with_itself_is_itself() {
    let mut tables = 0;
    for folder in all_tables() {
        let (table, files) = open(&folder);
        if table.data().len() > 300_000 {
            continue;
        }
        let walk = || table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        let printer = Lines { context: table.context(), has_cql: false };
        let mut once = walk();
        let wanted = lines(printer, |take| Ok(once.next_event()?.map(take).is_some()));
        let headers = [table.header(), table.header()];
        let header = merged_header(headers).unwrap();
        let mut merge = Merge::new(header, table.partitioner(), [walk(), walk()], false).unwrap();
        let found = lines(printer, |take| Ok(merge.next_event()?.map(take).is_some()));
        assert_eq!(found, wanted, "{}", folder.display());
        tables += 1;
    }
    assert!(tables > 5);
}

/// LivenessInfo.supersedes: at one timestamp a liveness that is expired already (what a materialized view writes to delete a row's key) wins over one
/// that expires.
#[test]
fn an_expired_liveness_wins_over_one_that_expires() {
    let dead = Liveness { timestamp: 5, ttl: Liveness::EXPIRED_TTL, expires: 1_700_000_000 };
    let expiring = Liveness { timestamp: 5, ttl: 86_400, expires: 1_700_050_000 };
    let live = Liveness { timestamp: 5, ttl: 0, expires: NO_DELETION_TIME };
    let later = Liveness { timestamp: 6, ..live };
    for (winner, loser) in [(dead, expiring), (dead, live), (expiring, live), (later, dead)] {
        let row = |l| OwnedRow { liveness: Some(l), ..OwnedRow::default() };
        for rows in [vec![row(winner), row(loser)], vec![row(loser), row(winner)]] {
            assert_eq!(merged(&rows).liveness, Some(winner));
            assert_eq!(cursor_merged(&rows, DeletionTime::LIVE).unwrap().liveness, Some(winner));
        }
    }
}

/// Rows of one clustering through the merge of cursors; `None`: nothing is left.
fn cursor_merged(rows: &[OwnedRow], partition: DeletionTime) -> Option<OwnedRow> {
    let layout = layout(&[true; COLUMNS.len()]);
    let sources: Vec<Generation> = rows
        .iter()
        .map(|row| {
            let rows = BTreeMap::from([(0, row.clone())]);
            Generation { header: layout.clone(), partition, statics: None, ranges: Vec::new(), rows }
        })
        .collect();
    let mut found = merge_generations(&sources, false);
    found.rows.remove(&0)
}

const COLUMNS: [(&str, &str); 7] = [
    ("count", "CounterColumnType"),
    ("number", "Int32Type"),
    ("text", "UTF8Type"),
    ("fields", "UserType(ks,61,62:Int32Type,63:UTF8Type)"),
    ("items", "ListType(Int32Type)"),
    ("map", "MapType(DecimalType,UTF8Type)"),
    ("set", "SetType(UTF8Type)"),
];

/// A layout that has some of the columns.
fn layout(has: &[bool]) -> Header {
    let of = |class: &str| CqlType::parse(class).unwrap();
    let some = COLUMNS.iter().zip(has).filter(|(_, has)| **has);
    let columns: Vec<Column> = some.map(|((name, class), _)| Column::new(*name, of(class))).collect();
    let int = of("Int32Type");
    Header {
        version: Version::Da,
        min_timestamp: 0,
        min_local_deletion_time: 0,
        min_ttl: 0,
        key_type: of("BytesType"),
        clustering: vec![ClusteringColumn { fixed_len: int.fixed_len(), cql_type: int }],
        statics: columns.clone(),
        regulars: columns,
    }
}

/// A table of one partition.
struct Generation {
    header: Header,
    partition: DeletionTime,
    statics: Option<OwnedRow>,
    /// From a clustering on, before another, deleted.
    ranges: Vec<(i32, i32, DeletionTime)>,
    rows: BTreeMap<i32, OwnedRow>,
}

fn put_deletion(time: DeletionTime, header: &Header, out: &mut Vec<u8>) {
    put_uvint(out, time.marked_at.wrapping_sub(header.min_timestamp) as u64);
    put_uvint32(out, time.local.wrapping_sub(header.min_local_deletion_time) as i32);
}

impl Generation {
    fn data(&self) -> Vec<u8> {
        let mut out = vec![0, 1, b'k'];
        self.partition.put(&mut out).unwrap();
        if !self.header.statics.is_empty() {
            let none = OwnedRow::default();
            self.statics.as_ref().unwrap_or(&none).put(None, &self.header, &self.header.statics, &mut out);
        }
        for ck in 0..=CLUSTERINGS {
            let ends = self.ranges.iter().find(|range| range.1 == ck).map(|range| range.2);
            let starts = self.ranges.iter().find(|range| range.0 == ck).map(|range| range.2);
            let kind = match (ends, starts) {
                (None, None) => None,
                (Some(_), Some(_)) => Some(BoundKind::ExclusiveEndInclusiveStart),
                (Some(_), None) => Some(BoundKind::ExclusiveEnd),
                (None, Some(_)) => Some(BoundKind::InclusiveStart),
            };
            if let Some(kind) = kind {
                let mut body = vec![0];
                ends.into_iter().chain(starts).for_each(|d| put_deletion(d, &self.header, &mut body));
                out.extend([2, kind as u8, 0, 1]);
                put_prefix(&[Some(&ck.to_be_bytes())], &self.header.clustering, &mut out);
                put_uvint(&mut out, body.len() as u64);
                out.extend(body);
            }
            if let Some(row) = self.rows.get(&ck) {
                let values = ck.to_be_bytes();
                row.put(Some(&[Some(&values)]), &self.header, &self.header.regulars, &mut out);
            }
        }
        out.push(1);
        out
    }
}

/// What a merge shows of the one partition.
#[derive(Debug, Default, PartialEq)]
struct Found {
    partition: DeletionTime,
    statics: OwnedRow,
    /// What ranges delete at each clustering.
    ranges: BTreeMap<i32, DeletionTime>,
    rows: BTreeMap<i32, OwnedRow>,
}

/// Merges, reads what comes out, and checks that markers open and close in turn.
fn merge_generations(generations: &[Generation], is_reversed: bool) -> Found {
    let header = merged_header(generations.iter().map(|generation| &generation.header)).unwrap();
    let files: Vec<MemoryFiles> =
        generations.iter().map(|g| MemoryFiles(vec![(Component::Data, g.data())])).collect();
    let data: Vec<Data> = files.iter().map(|files| Data::raw(None, files.0[0].1.len() as u64)).collect();
    let walks = generations.iter().zip(&files).zip(&data).map(|((generation, files), data)| {
        let walk = Walk::new(data, &generation.header, files, AllCodecs, ReadMode::MayBlock, 0);
        if is_reversed { Flow::Backwards(Backwards::of(walk)) } else { Flow::Forwards(walk) }
    });
    let mut merge = Merge::new(header.clone(), Partitioner::ByteOrdered, walks, is_reversed).unwrap();
    let mut found = Found::default();
    let (mut open, mut from) = (None, 0);
    while let Some(event) = merge.next_event().unwrap() {
        match event {
            Event::Partition(head) => found.partition = head.deletion,
            Event::Static(row) => found.statics = OwnedRow::of(&row, &header.statics).unwrap(),
            Event::Row(row) => {
                let row_of = OwnedRow::of(&row, &header.regulars).unwrap();
                assert!(found.rows.insert(ck_of(&row.clustering), row_of).is_none());
            }
            Event::Marker(marker) => {
                let (closes, opens) = if is_reversed {
                    (marker.opens(), marker.closes())
                } else {
                    (marker.closes(), marker.opens())
                };
                assert_eq!(closes, open, "what closes was open");
                let at = ck_of(&marker.clustering) + i32::from(marker.kind.is_after());
                if let Some(deletion) = open {
                    let covered = if is_reversed { at..from } else { from..at };
                    found.ranges.extend(covered.map(|ck| (ck, deletion)));
                }
                (open, from) = (opens, at);
            }
            Event::End(_) => assert_eq!(open, None),
        }
    }
    found
}

fn ck_of(prefix: &Prefix<'_>) -> i32 {
    i32::from_be_bytes(prefix.values().next().unwrap().bytes().unwrap().try_into().unwrap())
}

/// A walk, or its rows and markers from the last to the first.
enum Flow<'t> {
    Forwards(Walk<'t, &'t MemoryFiles, AllCodecs>),
    Backwards(Backwards<'t>),
}

/// Positions of events, in the order in which they are shown.
struct Backwards<'t> {
    walk: Walk<'t, &'t MemoryFiles, AllCodecs>,
    head: Vec<u64>,
    rows: Vec<u64>,
    shown: usize,
}

impl<'t> Backwards<'t> {
    fn of(mut walk: Walk<'t, &'t MemoryFiles, AllCodecs>) -> Self {
        let (mut head, mut rows) = (Vec::new(), Vec::new());
        loop {
            let position = walk.position();
            match walk.next_event().unwrap() {
                Some(Event::Row(_) | Event::Marker(_)) => rows.push(position),
                Some(Event::End(_)) => break,
                _ => head.push(position),
            }
        }
        rows.push(walk.position() - 1);
        let end = rows.pop().unwrap();
        rows.reverse();
        rows.push(end);
        walk.seek_partition(0);
        Backwards { walk, head, rows, shown: 0 }
    }
}

impl Events for Flow<'_> {
    fn advance(&mut self) -> Result<bool, ReadError> {
        match self {
            Flow::Forwards(walk) => walk.advance(),
            Flow::Backwards(flow) => {
                if let Some(at) = flow.shown.checked_sub(flow.head.len()) {
                    let Some(position) = flow.rows.get(at) else { return Ok(false) };
                    flow.walk.seek_row(*position);
                }
                flow.shown += 1;
                flow.walk.advance()
            }
        }
    }

    fn current(&self) -> Option<Event<'_>> {
        match self {
            Flow::Forwards(walk) => walk.current(),
            Flow::Backwards(flow) => flow.walk.current(),
        }
    }

    fn header(&self) -> &Header {
        match self {
            Flow::Forwards(walk) => walk.header(),
            Flow::Backwards(flow) => flow.walk.header(),
        }
    }
}

/// Clusterings are 0 and up to below this.
const CLUSTERINGS: i32 = 8;

fn draw_deletion(rng: &mut Rng, chance: u64) -> DeletionTime {
    match rng.below(chance) {
        0 => DeletionTime { marked_at: rng.below(12) as i64, local: 1000 + rng.below(3) as u32 },
        _ => DeletionTime::LIVE,
    }
}

fn draw_counter(rng: &mut Rng) -> Vec<u8> {
    let ids: Vec<u8> = (0..5).filter(|_| rng.below(2) == 0).collect();
    let mut out = (ids.len() as i16).to_be_bytes().to_vec();
    (0..ids.len()).for_each(|i| out.extend((0x8000 | i as u16).to_be_bytes()));
    for id in ids {
        out.extend([id; 16]);
        out.extend(rng.below(5).to_be_bytes());
        out.extend(rng.below(100).to_be_bytes());
    }
    out
}

fn draw_cell(rng: &mut Rng, column: &Column, path: Option<Vec<u8>>) -> OwnedCell {
    let is_counter = column.cql_type.is_counter();
    let word = |rng: &mut Rng| (0..rng.below(4)).map(|_| b'a' + rng.below(3) as u8).collect::<Vec<u8>>();
    let value = match &*column.name {
        "count" => draw_counter(rng),
        "number" | "items" => (rng.below(3) as i32).to_be_bytes().to_vec(),
        "set" => Vec::new(),
        _ => word(rng),
    };
    let base = OwnedCell { path, ..cell(rng.below(12) as i64, &value) };
    match rng.below(if is_counter { 2 } else { 4 }) {
        0 if rng.below(2) == 0 => OwnedCell {
            is_tombstone: true,
            local_deletion_time: 1000 + rng.below(3) as u32,
            value: Vec::new(),
            ..base
        },
        3 => OwnedCell {
            ttl: 1 + rng.below(3) as u32,
            local_deletion_time: 2000 + rng.below(3) as u32,
            ..base
        },
        _ => base,
    }
}

fn draw_path(rng: &mut Rng, name: &str) -> Vec<u8> {
    match name {
        "fields" => vec![0, rng.below(2) as u8],
        "items" => (0..15).map(|_| 0x10).chain([rng.next_u64() as u8]).collect(),
        // 1 and 1.0 are one key, written in two ways.
        "map" => {
            let (scale, number) = [(0, 1), (1, 10), (0, 2), (2, 205)][rng.below(4) as usize];
            let mut out = i32::to_be_bytes(scale).to_vec();
            out.extend(i16::to_be_bytes(number));
            out
        }
        _ => vec![b'a' + rng.below(4) as u8; 1 + rng.below(2) as usize],
    }
}

fn draw_row(rng: &mut Rng, columns: &[Column], is_static: bool) -> OwnedRow {
    let mut row = OwnedRow::default();
    if !is_static && rng.below(2) == 0 {
        let timestamp = rng.below(12) as i64;
        row.liveness = Some(match rng.below(4) {
            0 => Liveness { timestamp, ttl: Liveness::EXPIRED_TTL, expires: 1000 },
            1 => Liveness { timestamp, ttl: 1 + rng.below(2) as u32, expires: 2000 + rng.below(2) as u32 },
            _ => Liveness { timestamp, ttl: 0, expires: NO_DELETION_TIME },
        });
    }
    if !is_static {
        row.deletion = draw_deletion(rng, 4);
        row.is_shadowable = !row.deletion.is_live() && rng.below(2) == 0;
    }
    for (index, column) in columns.iter().enumerate() {
        if rng.below(2) == 0 {
            continue;
        }
        let mut data = OwnedColumn { deletion: DeletionTime::LIVE, cells: BTreeMap::new() };
        if column.is_multi_cell {
            data.deletion = draw_deletion(rng, 3);
            for _ in 0..rng.below(5) {
                let path = draw_path(rng, &column.name);
                let mut form = Vec::new();
                let key = match column.cql_type.base() {
                    CqlType::Map(key, _) => Some((**key).clone()),
                    CqlType::Set(key) => Some((**key).clone()),
                    CqlType::List(_) => Some(CqlType::parse("TimeUUIDType").unwrap()),
                    _ => None,
                };
                match key {
                    Some(key) => put_value(&key, &path, &mut form).unwrap(),
                    None => form.clone_from(&path),
                }
                data.cells.insert(form, draw_cell(rng, column, Some(path)));
            }
            if data.cells.is_empty() && data.deletion.is_live() {
                continue;
            }
        } else {
            data.cells.insert(Vec::new(), draw_cell(rng, column, None));
        }
        row.columns.insert(index, data);
    }
    row
}

fn draw_generation(rng: &mut Rng) -> Generation {
    let has: Vec<bool> = COLUMNS.iter().map(|_| rng.below(4) > 0).collect();
    let mut header = layout(&has);
    header.min_timestamp = rng.below(3) as i64 - 1;
    header.min_local_deletion_time = rng.below(1000) as u32;
    let mut ranges = Vec::new();
    let mut ck = 0;
    while ck < CLUSTERINGS {
        let end = rng.range(ck as u64 + 1, CLUSTERINGS as u64) as i32;
        let deletion = draw_deletion(rng, 3);
        if !deletion.is_live() {
            ranges.push((ck, end, deletion));
        }
        ck = end;
    }
    let rows = (0..CLUSTERINGS).filter(|_| rng.below(2) == 0).collect::<Vec<i32>>();
    let rows = rows.into_iter().map(|ck| (ck, draw_row(rng, &header.regulars, false)));
    let rows: BTreeMap<i32, OwnedRow> = rows.filter(|(_, row)| !row.is_empty()).collect();
    let statics = Some(draw_row(rng, &header.statics, true));
    Generation { partition: draw_deletion(rng, 4), statics, ranges, rows, header }
}

/// The same by maps.
fn model(generations: &[Generation]) -> Found {
    let header = merged_header(generations.iter().map(|generation| &generation.header)).unwrap();
    let moved = |row: &OwnedRow, of: &Header| {
        let place = |name: &str| header.regulars.iter().position(|column| &*column.name == name).unwrap();
        let columns = row.columns.iter().map(|(i, data)| (place(&of.regulars[*i].name), data.clone()));
        OwnedRow { columns: columns.collect(), ..row.clone() }
    };
    let partition = generations.iter().map(|g| g.partition).reduce(newer).unwrap();
    let statics = generations.iter().filter_map(|g| g.statics.as_ref().map(|row| moved(row, &g.header)));
    let statics = merge_rows(statics.collect(), partition, &header.statics);
    let mut found = Found { partition, statics, ..Found::default() };
    for ck in 0..CLUSTERINGS {
        let covers =
            generations.iter().flat_map(|g| &g.ranges).filter(|range| (range.0..range.1).contains(&ck));
        let range = covers.map(|range| range.2).fold(DeletionTime::LIVE, newer);
        let active = newer(partition, range);
        if active != partition {
            found.ranges.insert(ck, range);
        }
        let rows: Vec<OwnedRow> =
            generations.iter().filter_map(|g| g.rows.get(&ck).map(|row| moved(row, &g.header))).collect();
        // A row that one table alone has and nothing covers stays as it is.
        let row = if rows.len() == 1 && active.is_live() {
            rows[0].clone()
        } else {
            merge_rows(rows, active, &header.regulars)
        };
        if !row.is_empty() {
            found.rows.insert(ck, row);
        }
    }
    found
}

/// A row's own deletion covers what it says itself only once it is merged: a file holds no such row, so that the model must not either.
fn settle(generations: &mut [Generation]) {
    for generation in generations {
        for row in generation.rows.values_mut() {
            *row = merge_rows(vec![row.clone()], DeletionTime::LIVE, &generation.header.regulars);
        }
        generation.rows.retain(|_, row| !row.is_empty());
        let statics = generation.statics.take();
        generation.statics =
            statics.map(|row| merge_rows(vec![row], DeletionTime::LIVE, &generation.header.statics));
    }
}

/// Tables of every shape, of different columns and minima, more of them than cursors stand on the stack: cursors and maps agree, forwards and
/// backwards.
#[test]
fn merging_agrees_with_maps() {
    let mut rng = Rng::new(11);
    let rounds = if std::env::var_os("DOLMEN_SOAK").is_some() { 100_000 } else { 3000 };
    for round in 0..rounds {
        let count = rng.range(1, 2 + ON_STACK as u64);
        let mut generations: Vec<Generation> = (0..count).map(|_| draw_generation(&mut rng)).collect();
        settle(&mut generations);
        let wanted = model(&generations);
        for is_reversed in [false, true] {
            assert_eq!(merge_generations(&generations, is_reversed), wanted, "{round} {is_reversed}");
        }
    }
}

/// Tables that do not fit one another are refused, not guessed at.
#[test]
fn columns_that_do_not_fit_are_refused() {
    let (mut simple, mut other) = (layout(&[true; 7]), layout(&[true; 7]));
    let refused = |ours: &Header, theirs: &Header| {
        let data = Data::raw(None, 0);
        let files = MemoryFiles::default();
        let walk = |header| Walk::new(&data, header, &files, AllCodecs, ReadMode::MayBlock, 0);
        let merged = merged_header([ours, theirs]).unwrap();
        Merge::new(merged, Partitioner::ByteOrdered, [walk(ours), walk(theirs)], false).map(drop)
    };
    assert_eq!(refused(&simple, &other), Ok(()));
    other.regulars.swap(1, 2);
    let what = Err(ReadError::corrupt(Component::Statistics, 0, Damage::Columns));
    assert_eq!(refused(&simple, &other), what, "another order");
    other.regulars.swap(1, 2);
    simple.regulars[2] = Column::new("text", CqlType::parse("SetType(Int32Type)").unwrap());
    assert_eq!(refused(&simple, &other), what, "a set in one, a text in the other");
    simple.regulars.clear();
    let text = CqlType::parse("UTF8Type").unwrap();
    other.clustering[0] = ClusteringColumn { fixed_len: None, cql_type: text };
    assert_eq!(refused(&simple, &other), what, "other clusterings");
}

/// Every row of every table comes back from the builder byte for byte as Cassandra wrote it.
#[test]
fn rows_are_written_as_cassandra_writes_them() {
    let mut rows = 0;
    for folder in all_tables() {
        let (version, files) = files(&folder);
        if !version.has_unsigned_deletion_time() {
            continue;
        }
        let table = open_files(version, &files).unwrap();
        let mut data = Vec::new();
        for index in 0..table.data().chunk_count() {
            let chunk = table.data().chunk(&files, &AllCodecs, index, ReadMode::MayBlock).unwrap();
            data.extend_from_slice(&chunk);
        }
        let header = table.header();
        let (mut walk, mut builder) =
            (table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0), RowBuilder::default());
        while let Some(event) = walk.next_event().unwrap() {
            let (Event::Row(row) | Event::Static(row)) = event else { continue };
            let columns = if row.is_static { &header.statics } else { &header.regulars };
            builder.clear(row.liveness);
            for part in row.cells() {
                let part = part.unwrap();
                let index = columns.iter().position(|column| column.name == part.column().name).unwrap();
                match part {
                    Part::Complex { column, deletion, .. } => builder.column(index, column, deletion),
                    Part::Cell { column, cell } => {
                        if !column.is_multi_cell {
                            builder.column(index, column, DeletionTime::LIVE);
                        }
                        builder.cell(column, &cell, header);
                    }
                }
            }
            let clustering = (!row.is_static).then_some(row.clustering.encoded());
            builder.finish(clustering, row.deletion, row.is_shadowable, header);
            let mut found = Vec::new();
            builder.put(row.previous_len, &mut found);
            let wanted = &data[row.position as usize..][..found.len()];
            assert_eq!(common::hex(&found), common::hex(wanted), "{} at {}", folder.display(), row.position);
            rows += 1;
        }
    }
    println!("{rows} rows");
    assert!(rows > 200, "{rows} rows");
}
