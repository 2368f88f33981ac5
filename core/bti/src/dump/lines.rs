//! One object for each event.

use alloc::string::String;

use dolmen_text::json::Writer;

use super::{Context, MALFORMED, cell_types, field_name};
use crate::counter;
use crate::data::{Cell, Event, Marker, Part, PartitionHead, Prefix, Row};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::ReadError;
use crate::key;
use crate::statistics::Column;
use crate::types::CqlType;
use crate::value::{cql_text, hex};

/// Text in CQL beyond this many UTF-16 units is cut off, as the bytes stand beside it whole.
const CQL_LEN_MAX: usize = 400;

/// Prints events.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'t> {
    /// The table.
    pub context: Context<'t>,
    /// Whether CQL text stands beside the bytes.
    pub has_cql: bool,
}

impl Lines<'_> {
    /// Appends the object of an event, without a line feed. False: the event has none: empty rows and ends of partitions.
    ///
    /// # Errors
    /// A row whose cells are damaged.
    pub fn write(&self, event: &Event<'_>, out: &mut String) -> Result<bool, ReadError> {
        match event {
            Event::Partition(head) => self.partition(head, out),
            Event::Static(row) | Event::Row(row) => {
                if row.is_empty()? {
                    return Ok(false);
                }
                self.row(row, out)?;
            }
            Event::Marker(marker) => self.marker(marker, out),
            Event::End(_) => return Ok(false),
        }
        Ok(true)
    }

    fn partition(&self, head: &PartitionHead<'_>, out: &mut String) {
        let mut json = Writer::new(out);
        json.object().key("kind").string("partition");
        json.key("key").string(&hex(head.key));
        let key_type = self.context.key_type;
        if self.has_cql {
            json.key("key_cql").array();
            match key::split(key_type, head.key) {
                Ok(parts) => parts.iter().for_each(|(of, value)| {
                    json.string(&cql(of, value));
                }),
                Err(_) => drop(json.string(MALFORMED)),
            }
            json.end();
        }
        json.key("token").string(&key::token_text(self.context.partitioner, key_type, head.key));
        json.key("position").u64(head.position);
        deletion(&mut json, "deletion", head.deletion);
        json.finish();
    }

    fn clustering(&self, json: &mut Writer<'_>, prefix: &Prefix<'_>) {
        json.key("clustering").array();
        for value in prefix.values() {
            match value.bytes() {
                Some(bytes) => json.string(&hex(bytes)),
                None => json.null(),
            };
        }
        json.end();
        if !self.has_cql {
            return;
        }
        json.key("clustering_cql").array();
        for (column, value) in prefix.columns().iter().zip(prefix.values()) {
            match value.bytes() {
                Some(bytes) => json.string(&cql(&column.cql_type, bytes)),
                None => json.null(),
            };
        }
        json.end();
    }

    fn row(&self, row: &Row<'_>, out: &mut String) -> Result<(), ReadError> {
        let mut json = Writer::new(out);
        json.object().key("kind").string(if row.is_static { "static" } else { "row" });
        if !row.is_static {
            self.clustering(&mut json, &row.clustering);
        }
        if let Some(liveness) = row.liveness {
            json.key("timestamp").i64(liveness.timestamp);
            if liveness.ttl != 0 {
                json.key("ttl").u64(u64::from(liveness.ttl));
                json.key("expires").u64(u64::from(liveness.expires));
            }
        }
        deletion(&mut json, "deletion", row.deletion);
        if row.is_shadowable {
            json.key("shadowable").bool(true);
        }
        json.key("columns").array();
        // A multi-cell column of which all was dropped is not shown: its head waits for a cell.
        let (mut is_open, mut waits) = (false, false);
        for part in row.cells() {
            let part = part?;
            let column = part.column();
            if !part.is_element() && is_open {
                json.end().end();
                is_open = false;
            }
            match part {
                Part::Complex { deletion, .. } => {
                    waits = deletion.is_live();
                    if !waits {
                        complex(&mut json, column, deletion);
                        is_open = true;
                    }
                }
                Part::Cell { cell, .. } => {
                    if waits && cell.path.is_some() {
                        complex(&mut json, column, DeletionTime::LIVE);
                        (is_open, waits) = (true, false);
                    }
                    json.object();
                    if cell.path.is_none() {
                        json.key("name").string(&column.name);
                    }
                    self.cell(&mut json, column, &cell);
                    json.end();
                }
            }
        }
        json.finish();
        Ok(())
    }

    fn cell(&self, json: &mut Writer<'_>, column: &Column, cell: &Cell<'_>) {
        let (path_type, value_type) = cell_types(column, cell.path);
        if let Some(path) = cell.path {
            json.key("path").string(&hex(path));
            if self.has_cql {
                match (path_type, field_name(column, cell.path)) {
                    (Some(of), _) => drop(json.key("path_cql").string(&cql(of, path))),
                    (None, Some(name)) => drop(json.key("path_cql").string(name)),
                    (None, None) => {}
                }
            }
        }
        json.key("timestamp").i64(cell.timestamp);
        if cell.ttl != 0 {
            json.key("ttl").u64(u64::from(cell.ttl));
        }
        if cell.local_deletion_time != NO_DELETION_TIME {
            json.key("ldt").u64(u64::from(cell.local_deletion_time));
        }
        if cell.is_tombstone {
            json.key("tombstone").bool(true);
            return;
        }
        json.key("value").string(&hex(cell.value));
        if column.cql_type.is_counter() {
            match counter::total(cell.value) {
                Some(total) => json.key("counter").i64(total),
                None => json.key("counter").string(MALFORMED),
            };
        } else if self.has_cql {
            json.key("cql").string(&cql(value_type, cell.value));
        }
    }

    fn marker(&self, marker: &Marker<'_>, out: &mut String) {
        let mut json = Writer::new(out);
        json.object().key("kind").string("marker").key("bound").string(marker.kind.name());
        self.clustering(&mut json, &marker.clustering);
        match marker.start_deletion {
            Some(start) => {
                deletion(&mut json, "end_deletion", marker.deletion);
                deletion(&mut json, "start_deletion", start);
            }
            None => deletion(&mut json, "deletion", marker.deletion),
        }
        json.finish();
    }
}

fn complex(json: &mut Writer<'_>, column: &Column, marked: DeletionTime) {
    json.object().key("name").string(&column.name);
    deletion(json, "deletion", marked);
    json.key("cells").array();
}

fn deletion(json: &mut Writer<'_>, name: &str, time: DeletionTime) {
    if !time.is_live() {
        json.key(name).object().key("marked_at").i64(time.marked_at);
        json.key("ldt").u64(u64::from(time.local)).end();
    }
}

fn cql(of: &CqlType, value: &[u8]) -> String {
    let Ok(mut text) = cql_text(of, value) else { return MALFORMED.into() };
    if text.len() > CQL_LEN_MAX {
        let mut units = 0;
        let cut = text.char_indices().find(|(_, c)| {
            units += c.len_utf16();
            units > CQL_LEN_MAX
        });
        if let Some((at, _)) = cut {
            text.truncate(at);
            text.push('…');
        }
    }
    text
}
