//! `CLUSTER SLOTS` as redis-cli prints it: the numbered form of a terminal (`1) 1) (integer) 0`), or the bare lines of a pipe.
//!
//! Both become the same stream of values: two numbers begin a range; then come nodes of host, port and id (40 hexadecimal
//! digits), each possibly followed by metadata such as `hostname` and its value.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::RingError;
use crate::members::{Members, Node, NodeId};
use crate::slots::{SLOT_COUNT, SlotMap};

/// Reads who serves which slots.
///
/// # Errors
/// [`RingError::Line`] for text that is no answer to `CLUSTER SLOTS`.
pub fn read_cluster_slots(text: &str) -> Result<(Members, SlotMap), RingError> {
    let values: Vec<(usize, &str)> =
        text.lines().zip(1..).filter_map(|(l, n)| Some((n, value(l)?))).collect();
    let mut members = Members::new();
    let mut slots = SlotMap::empty();
    let mut at = 0;
    while let Some(&(line, first)) = values.get(at) {
        let error = |expected| RingError::Line { line, expected };
        let slot = |text: &str| text.parse::<u16>().ok().filter(|&s| s < SLOT_COUNT);
        let first = slot(first).ok_or(error("the first slot of a range"))?;
        let last = values.get(at + 1).and_then(|v| slot(v.1)).filter(|&l| l >= first);
        let last = last.ok_or(error("the last slot of a range"))?;
        at += 2;
        let mut nodes: Vec<NodeId> = Vec::new();
        while let Some(name) = node_at(&values, &mut at) {
            let node = Node::new(&name).map_err(|_| error("a host and a port"))?;
            nodes.push(match members.find(&name) {
                Some(id) => id,
                None => members.insert(node)?,
            });
        }
        let (&master, replicas) = nodes.split_first().ok_or(error("a master of the range"))?;
        slots.assign(first..=last, master);
        slots.set_replicas(first..=last, replicas.to_vec());
    }
    if members.is_empty() {
        return Err(RingError::Line { line: 1, expected: "a range of slots" });
    }
    Ok((members, slots))
}

/// `host:port` of the node that begins at `at`, which then moves behind it and its metadata.
fn node_at(values: &[(usize, &str)], at: &mut usize) -> Option<String> {
    let [host, port, id] = [0, 1, 2].map(|i| values.get(*at + i).map_or("", |v| v.1));
    let is_id = |id: &str| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_id(id) || port.parse::<u16>().is_err() {
        return None;
    }
    *at += 3;
    while matches!(values.get(*at), Some((_, "hostname" | "ip"))) {
        *at += 2;
    }
    Some(format!("{host}:{port}"))
}

/// The value of a line without its numbering; `None` for an empty line or an empty list.
fn value(line: &str) -> Option<&str> {
    let mut rest = line.trim();
    while let Some((number, behind)) = rest.split_once(')') {
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        rest = behind.trim_start();
    }
    let rest = rest.strip_prefix("(integer)").map_or(rest, str::trim_start);
    let rest = rest.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(rest);
    (!rest.is_empty() && rest != "(empty array)").then_some(rest)
}
