//! A log as annotated bytes: every fragment's header field by field, its payload, and what is wrong where.

use alloc::vec::Vec;

use dolmen_text::dump::Dump;

use crate::record::{BLOCK_LEN, FIRST, FULL, Fragment, HEADER_LEN, LAST, MIDDLE, fragment_at, valid_behind};

/// Dumps a log. Damage is shown as a field of its own, up to the next valid fragment. The text grows with the number of fragments.
pub fn dump(bytes: &[u8]) -> Dump {
    dump_with(bytes, &mut |_, _| {})
}

/// As [`dump`], with what `describe` adds behind the last fragment of every record; it is given the record's payload.
pub fn dump_with(bytes: &[u8], describe: &mut dyn FnMut(&[u8], &mut Dump)) -> Dump {
    let (mut out, mut record) = (Dump::new(0), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        at = match fragment_at(bytes, at, None) {
            Fragment::Record { kind, payload, start, end } => {
                pad(&mut out, bytes, at, start);
                fragment(&mut out, &bytes[start..end], kind);
                if matches!(kind, FULL | FIRST) {
                    record.clear();
                }
                record.extend_from_slice(payload);
                if matches!(kind, FULL | LAST) {
                    describe(&record, &mut out);
                }
                end
            }
            Fragment::Skip { end } => {
                field(&mut out, bytes, at, end, "a record of a kind that may be skipped")
            }
            Fragment::End { .. } => field(&mut out, bytes, at, bytes.len(), "zeros up to the end"),
            Fragment::Stale { start, number } => {
                broken(&mut out, bytes, at, start, format_args!("a record of log {number}"))
            }
            Fragment::Mark { start } => broken(&mut out, bytes, at, start, "an end mark"),
            Fragment::Torn { start } => broken(&mut out, bytes, at, start, "a record that the file cuts off"),
            Fragment::Bad { start, damage } => broken(&mut out, bytes, at, start, damage),
            Fragment::Unsupported { start, kind } => {
                broken(&mut out, bytes, at, start, format_args!("a record of type {kind}, which is not read"))
            }
        };
    }
    out
}

fn fragment(out: &mut Dump, bytes: &[u8], kind: u8) {
    let name = match kind {
        FULL => "full",
        FIRST => "first",
        MIDDLE => "middle",
        _ => "last",
    };
    let recyclable = bytes[HEADER_LEN - 1] != kind;
    out.section(format_args!("{name} fragment at {}", out.offset()));
    out.field(&bytes[..4], "masked CRC-32C of type and payload");
    out.field(&bytes[4..6], format_args!("length {}", u16::from_le_bytes([bytes[4], bytes[5]])));
    out.field(&bytes[6..HEADER_LEN], format_args!("type {}, {name}", bytes[6]));
    let mut header = HEADER_LEN;
    if recyclable {
        header += 4;
        out.field(&bytes[HEADER_LEN..header], "low half of the log's number");
    }
    out.field(&bytes[header..], "payload");
}

/// The zeros at the end of a block that has no room for a header.
fn pad(out: &mut Dump, bytes: &[u8], at: usize, start: usize) {
    if at < start {
        out.field(&bytes[at..start], "end of the block");
    }
}

fn field(out: &mut Dump, bytes: &[u8], at: usize, end: usize, meaning: impl core::fmt::Display) -> usize {
    out.field(&bytes[at..end], meaning);
    end
}

fn broken(out: &mut Dump, bytes: &[u8], at: usize, start: usize, what: impl core::fmt::Display) -> usize {
    let start = start.min(bytes.len());
    pad(out, bytes, at, start);
    let end = valid_behind(bytes, start, None).unwrap_or(bytes.len());
    out.section(format_args!("damage at {start}: {what}"));
    let block_end = start - start % BLOCK_LEN + BLOCK_LEN;
    field(
        out,
        bytes,
        start,
        end,
        if end < block_end { "up to the next valid fragment" } else { "no valid fragment in the block" },
    )
}
