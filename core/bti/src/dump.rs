//! Events of a walk as JSON: one object for each, or one for each partition as Cassandra's `sstabledump -l` prints it.
//!
//! The first form names bytes in hexadecimal beside, on wish, their CQL text:
//! `{"kind":"row","clustering":["00000001"],"timestamp":…,"columns":[{"name":"v","timestamp":…,"value":"00000002"}]}`.

mod cassandra;
mod lines;

pub use cassandra::Cassandra;
pub use lines::Lines;

use crate::partitioner::Partitioner;
use crate::statistics::Column;
use crate::types::{CqlType, Native};

/// What is needed of a table to print its events.
#[derive(Clone, Copy, Debug)]
pub struct Context<'t> {
    /// Type of its partition key.
    pub key_type: &'t CqlType,
    /// Its partitioner.
    pub partitioner: Partitioner,
    /// Types of its clustering columns.
    pub clustering_types: &'t [CqlType],
}

/// What the text of damaged values is.
const MALFORMED: &str = "<malformed>";

/// The type of a cell's path and of its value. `field` of a user type comes from the path.
fn cell_types<'c>(column: &'c Column, path: Option<&[u8]>) -> (Option<&'c CqlType>, &'c CqlType) {
    const BLOB: CqlType = CqlType::Native(Native::Blob);
    const TIMEUUID: CqlType = CqlType::Native(Native::TimeUuid);
    const EMPTY: CqlType = CqlType::Native(Native::Empty);
    let of = column.cql_type.base();
    if !column.is_multi_cell {
        return (None, of);
    }
    match of {
        CqlType::List(element) => (Some(&TIMEUUID), element),
        CqlType::Set(element) => (Some(element), &EMPTY),
        CqlType::Map(key, value) => (Some(key), value),
        CqlType::User(user) => {
            let field = field_index(path).and_then(|i| user.fields.get(i));
            (None, field.map_or(&BLOB, |field| &field.1))
        }
        other => (None, other),
    }
}

/// Which field of a user type a path names.
fn field_index(path: Option<&[u8]>) -> Option<usize> {
    let bytes: [u8; 2] = path?.try_into().ok()?;
    usize::try_from(i16::from_be_bytes(bytes)).ok()
}

/// The name of the field that a path names.
fn field_name<'c>(column: &'c Column, path: Option<&[u8]>) -> Option<&'c str> {
    let CqlType::User(user) = column.cql_type.base() else { return None };
    field_index(path).and_then(|i| user.fields.get(i)).map(|field| &field.0[..])
}
