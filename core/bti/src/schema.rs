//! `CREATE TYPE`, `CREATE TABLE` and `ALTER` in CQL: names of key columns, which stand in no file, types as they are now, dropped columns.
//!
//! A statement that is none of these is passed over. Types are resolved at the end, so that an `ALTER TYPE` counts for all tables.

mod lexer;
mod parser;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::statistics::Header;
use crate::types::CqlType;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// Its type; `Reversed` for a clustering column that is ordered DESC.
    pub cql_type: CqlType,
}

/// A column that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedColumn {
    /// Its name.
    pub name: String,
    /// Writes at or before this microsecond do not count.
    pub dropped_at: i64,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TableSchema {
    /// Its keyspace, if it is named.
    pub keyspace: Option<String>,
    /// Its name.
    pub name: String,
    /// Columns of the partition key.
    pub partition_key: Vec<ColumnSchema>,
    /// Clustering columns.
    pub clustering: Vec<ColumnSchema>,
    /// Static columns, as they were declared.
    pub statics: Vec<ColumnSchema>,
    /// The other columns, as they were declared.
    pub regulars: Vec<ColumnSchema>,
    /// Columns that were dropped.
    pub dropped: Vec<DroppedColumn>,
}

/// Why text is no schema. Offsets are bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaError {
    /// Something else was expected.
    Syntax {
        /// Where.
        at: usize,
    },
    /// A type that was not created.
    UnknownType {
        /// Where it is named.
        at: usize,
    },
    /// A column or table that was not created.
    UnknownName {
        /// Where it is named.
        at: usize,
    },
    /// Nested deeper, longer or of more parts than `limits` allow.
    Limit {
        /// Where.
        at: usize,
    },
    /// The table's keys or clustering columns are not those of the file.
    Mismatch,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaError::Syntax { at } => write!(f, "the schema cannot be understood at byte {at}"),
            SchemaError::UnknownType { at } => write!(f, "the schema uses an unknown type at byte {at}"),
            SchemaError::UnknownName { at } => {
                write!(f, "the schema names a table or column that it did not create at byte {at}")
            }
            SchemaError::Limit { at } => write!(f, "the schema is too long or nested too deep at byte {at}"),
            SchemaError::Mismatch => {
                f.write_str("the schema's key and clustering columns are not those of the table's files")
            }
        }
    }
}

impl core::error::Error for SchemaError {}

/// The tables that a text creates.
///
/// # Errors
/// Where the text is no schema, and what was expected there; text over the limit.
pub fn parse(text: &str) -> Result<Vec<TableSchema>, SchemaError> {
    parser::parse(text)
}

impl TableSchema {
    /// Lets a file's header say the types as they are now and which columns were dropped.
    ///
    /// # Errors
    /// [`SchemaError::Mismatch`] when keys or clustering columns differ in number or in how they are written.
    pub fn apply(&self, header: &mut Header) -> Result<(), SchemaError> {
        let key_len = match &header.key_type {
            CqlType::Composite(components) => components.len(),
            _ => 1,
        };
        let clusterings_fit = self.clustering.len() == header.clustering.len()
            && (self.clustering.iter().zip(&header.clustering)).all(|(ours, theirs)| {
                ours.cql_type.fixed_len() == theirs.fixed_len
                    && ours.cql_type.is_reversed() == theirs.cql_type.is_reversed()
            });
        if key_len != self.partition_key.len() || !clusterings_fit {
            return Err(SchemaError::Mismatch);
        }
        header.key_type = match &self.partition_key[..] {
            [one] => one.cql_type.clone(),
            several => CqlType::Composite(several.iter().map(|column| column.cql_type.clone()).collect()),
        };
        for (ours, theirs) in self.clustering.iter().zip(&mut header.clustering) {
            theirs.cql_type = ours.cql_type.clone();
        }
        let pairs = [(&self.statics, &mut header.statics), (&self.regulars, &mut header.regulars)];
        for (ours, theirs) in pairs {
            for column in theirs {
                let now = ours.iter().find(|ours| *ours.name == *column.name).map(|ours| &ours.cql_type);
                // A column that was dropped and added again may have another type: then the file's counts.
                if let Some(now) = now.filter(|now| {
                    now.fixed_len() == column.fixed_len && now.is_multi_cell() == column.is_multi_cell
                }) {
                    column.cql_type = now.clone();
                }
                let dropped = self.dropped.iter().filter(|dropped| *dropped.name == *column.name);
                column.dropped_at = dropped.map(|dropped| dropped.dropped_at).max();
            }
        }
        Ok(())
    }
}
