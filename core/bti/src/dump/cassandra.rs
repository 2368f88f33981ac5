//! One object for each partition, as `JsonTransformer.java` writes it.
//!
//! The positions are those of Cassandra's scanner when it comes to a partition or row: behind what it handed out before.

use alloc::string::{String, ToString};

use dolmen_text::json::Writer;

use super::{Context, MALFORMED, cell_types, field_name};
use crate::data::{Cell, Event, Liveness, Marker, Part, PartitionHead, Prefix, Row};
use crate::deletion::DeletionTime;
use crate::error::ReadError;
use crate::key;
use crate::partitioner::Partitioner;
use crate::statistics::Column;
use crate::types::CqlType;
use crate::value::time::Instant;
use crate::value::{Style, write_name, write_value};

/// Prints events.
#[derive(Clone, Debug)]
pub struct Cassandra<'t> {
    context: Context<'t>,
    /// The second at which things have expired or not.
    now_s: u64,
    /// The partition whose position is not known yet: the JSON of its key, its deletion, the JSON of its static row behind the position.
    head: Option<(String, DeletionTime, Option<String>)>,
    /// Whether something stands in the partition's rows.
    has_rows: bool,
    /// Behind what was printed last.
    position: u64,
    /// Whether the event before this one was printed, so that the position moves on to this one.
    moves: bool,
}

impl<'t> Cassandra<'t> {
    /// Of a table, at a second.
    pub fn new(context: Context<'t>, now_s: u64) -> Self {
        Cassandra { context, now_s, head: None, has_rows: false, position: 0, moves: false }
    }

    /// Appends what an event adds to the line of its partition. True: the line is whole.
    ///
    /// # Errors
    /// A row whose cells are damaged.
    pub fn write(&mut self, event: &Event<'_>, out: &mut String) -> Result<bool, ReadError> {
        match event {
            Event::Partition(head) => {
                self.head = Some((self.key(head), head.deletion, None));
                (self.has_rows, self.moves) = (false, true);
            }
            Event::Static(row) => {
                if !row.is_empty()? {
                    let text = self.row(row)?;
                    self.head.iter_mut().for_each(|head| head.2 = Some(text.clone()));
                }
            }
            Event::Row(row) => {
                self.arrive(row.position, out);
                self.moves = !row.is_empty()?;
                if self.moves {
                    let text = self.row(row)?;
                    self.put_row("row", &text, out);
                }
            }
            Event::Marker(marker) => {
                self.arrive(marker.position, out);
                self.moves = true;
                self.separate(out);
                self.marker(marker, out);
            }
            Event::End(position) => {
                self.arrive(position.saturating_sub(1), out);
                out.push_str("]}");
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An event begins at a position: what waited for it is written.
    fn arrive(&mut self, position: u64, out: &mut String) {
        if self.moves {
            self.position = position;
        }
        let Some((key, marked, static_row)) = self.head.take() else { return };
        // The tables that hold secondary indexes are of the local partitioner.
        let kind = if self.context.partitioner == Partitioner::Local { "INDEX" } else { "REGULAR" };
        let mut json = Writer::new(out);
        json.object().key("table kind").string(kind);
        json.key("partition").object().key("key").raw(&key).key("position").u64(self.position);
        deletion(&mut json, marked);
        json.end().end();
        out.truncate(out.len() - 1);
        out.push_str(",\"rows\":[");
        if let Some(text) = static_row {
            self.put_row("static_block", &text, out);
        }
    }

    fn separate(&mut self, out: &mut String) {
        if self.has_rows {
            out.push(',');
        }
        self.has_rows = true;
    }

    /// A row from the JSON object of what stands behind its position.
    fn put_row(&mut self, kind: &str, text: &str, out: &mut String) {
        self.separate(out);
        Writer::new(out).object().key("type").string(kind).key("position").u64(self.position);
        out.push(',');
        out.push_str(&text[1..]);
    }

    fn key(&self, head: &PartitionHead<'_>) -> String {
        let mut out = String::new();
        let mut json = Writer::new(&mut out);
        json.array();
        for (of, value) in key::split(self.context.key_type, head.key).unwrap_or_default() {
            json.string(&text(of, value, Style::Plain));
        }
        json.finish();
        out
    }

    fn clustering(&self, json: &mut Writer<'_>, prefix: &Prefix<'_>) {
        if prefix.is_empty() {
            return;
        }
        json.key("clustering").array();
        let mut values = prefix.values();
        for of in self.context.clustering_types {
            match values.next() {
                Some(value) => match value.bytes() {
                    Some(bytes) => json.raw(&text(of, bytes, Style::Json)),
                    None => json.null(),
                },
                None => json.string("*"),
            };
        }
        json.end();
    }

    fn row(&self, row: &Row<'_>) -> Result<String, ReadError> {
        let mut out = String::new();
        let mut json = Writer::new(&mut out);
        json.object();
        self.clustering(&mut json, &row.clustering);
        if let Some(liveness) = row.liveness {
            json.key("liveness_info").object();
            json.key("tstamp").string(&micros(liveness.timestamp));
            if liveness.ttl != 0 {
                self.expiry(&mut json, liveness.ttl, liveness.expires);
            }
            json.end();
        }
        deletion(&mut json, row.deletion);
        json.key("cells").array();
        for part in row.cells() {
            match part? {
                Part::Complex { deletion: marked, .. } if marked.is_live() => {}
                Part::Complex { column, deletion: marked, .. } => {
                    json.object().key("name").string(&name(column));
                    deletion(&mut json, marked);
                    json.end();
                }
                Part::Cell { column, cell } => self.cell(&mut json, column, &cell, row.liveness),
            }
        }
        json.finish();
        Ok(out)
    }

    fn cell(&self, json: &mut Writer<'_>, column: &Column, cell: &Cell<'_>, row: Option<Liveness>) {
        let (path_type, value_type) = cell_types(column, cell.path);
        json.object().key("name").string(&name(column));
        if let Some(path) = cell.path {
            let path = match (path_type, field_name(column, cell.path)) {
                (Some(of), _) => text(of, path, Style::Plain),
                (None, field) => field.unwrap_or(MALFORMED).to_string(),
            };
            json.key("path").array().string(&path).end();
        }
        if cell.is_tombstone {
            json.key("deletion_info").object();
            json.key("local_delete_time").string(&seconds(cell.local_deletion_time)).end();
        } else {
            json.key("value").raw(&text(value_type, cell.value, Style::Json));
        }
        if row.is_none_or(|row| row.timestamp != cell.timestamp) {
            json.key("tstamp").string(&micros(cell.timestamp));
        }
        if cell.ttl != 0 && row.is_none_or(|row| row.ttl != cell.ttl) {
            self.expiry(json, cell.ttl, cell.local_deletion_time);
        }
        json.end();
    }

    fn expiry(&self, json: &mut Writer<'_>, ttl: u32, expires: u32) {
        json.key("ttl").u64(u64::from(ttl));
        json.key("expires_at").string(&seconds(expires));
        json.key("expired").bool(u64::from(expires) <= self.now_s);
    }

    fn marker(&self, marker: &Marker<'_>, out: &mut String) {
        let mut json = Writer::new(out);
        json.object().key("type");
        if let (Some(start), Some((end_kind, start_kind))) = (marker.start_deletion, marker.kind.halves()) {
            json.string("range_tombstone_boundary");
            self.bound(&mut json, start_kind.is_after(), true, &marker.clustering, start);
            self.bound(&mut json, !end_kind.is_after(), false, &marker.clustering, marker.deletion);
        } else {
            json.string("range_tombstone_bound");
            let is_start = marker.kind.is_start();
            let is_exclusive = marker.kind.is_after() == is_start;
            self.bound(&mut json, is_exclusive, is_start, &marker.clustering, marker.deletion);
        }
        json.finish();
    }

    fn bound(
        &self,
        json: &mut Writer<'_>,
        is_exclusive: bool,
        is_start: bool,
        clustering: &Prefix<'_>,
        marked: DeletionTime,
    ) {
        json.key(if is_start { "start" } else { "end" }).object();
        json.key("type").string(if is_exclusive { "exclusive" } else { "inclusive" });
        self.clustering(json, clustering);
        deletion(json, marked);
        json.end();
    }
}

fn deletion(json: &mut Writer<'_>, time: DeletionTime) {
    if !time.is_live() {
        json.key("deletion_info").object().key("marked_deleted").string(&micros(time.marked_at));
        json.key("local_delete_time").string(&seconds(time.local)).end();
    }
}

fn micros(time: i64) -> String {
    Instant::of_micros(time).to_string()
}

fn seconds(time: u32) -> String {
    Instant { seconds: i64::from(time), ns: 0 }.to_string()
}

fn name(column: &Column) -> String {
    let mut out = String::new();
    write_name(&mut out, &column.name);
    out
}

fn text(of: &CqlType, value: &[u8], style: Style) -> String {
    let mut out = String::new();
    if write_value(&mut out, of, Some(value), style).is_err() {
        out.clear();
        match style {
            Style::Json => crate::value::write_json_string(&mut out, MALFORMED),
            _ => out.push_str(MALFORMED),
        }
    }
    out
}
