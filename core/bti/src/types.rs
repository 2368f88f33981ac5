//! CQL types as the header of Statistics.db names them: Java class names with parameters (`TypeParser.java`, `AbstractType.java`).
//!
//! ```text
//! Int32Type                       ListType(T)  SetType(T)  MapType(K,V)  TupleType(T,..)       bare: multi-cell (but for tuples)
//! FrozenType(ListType(T))         inside it nothing is multi-cell and inner FrozenTypes are left out
//! UserType(ks,hexname,hexfield:T,..)          VectorType(T , 3)          ReversedType(T): a column clustered DESC
//! CompositeType(T,..)  DynamicCompositeType(a=>T,..)  PartitionerDefinedOrder(partitioner:T)
//! ```
//! each name with the prefix `org.apache.cassandra.db.marshal.`, which a reader may find left out. A type keeps its wrappers as they stand,
//! so that printing gives the parsed string back.

mod parse;
mod print;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::partitioner::Partitioner;

/// A type of one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CqlType {
    /// A type without parameters.
    Native(Native),
    /// An ordered list.
    List(Box<CqlType>),
    /// A set.
    Set(Box<CqlType>),
    /// A map from the first to the second.
    Map(Box<CqlType>, Box<CqlType>),
    /// A tuple; never multi-cell.
    Tuple(Vec<CqlType>),
    /// A user-defined type.
    User(Box<UserType>),
    /// A vector of so many elements; never multi-cell.
    Vector(Box<CqlType>, u32),
    /// Written as one value: neither it nor anything in it is multi-cell.
    Frozen(Box<CqlType>),
    /// Ordered the other way round.
    Reversed(Box<CqlType>),
    /// Components with static lengths: partition keys of several columns, and clusterings of compact tables.
    Composite(Vec<CqlType>),
    /// Components that name their own types, by an alias or in full.
    Dynamic(Vec<(u8, CqlType)>),
    /// Ordered as partition keys of a partitioner are: the base table's key in a hidden index table.
    PartitionerOrder(Partitioner, Option<Box<CqlType>>),
}

/// A user-defined type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserType {
    /// Its keyspace.
    pub keyspace: String,
    /// Its name.
    pub name: String,
    /// Names and types of its fields.
    pub fields: Vec<(String, CqlType)>,
}

/// A type without parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of CQL")]
pub enum Native {
    Ascii,
    Bigint,
    Blob,
    Boolean,
    Counter,
    Date,
    Decimal,
    Double,
    Duration,
    /// The type of compact tables' missing values.
    Empty,
    Float,
    Inet,
    Int,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimeUuid,
    Tinyint,
    Uuid,
    Varint,
    /// `DateType`: timestamps of old tables, ordered as unsigned numbers.
    LegacyTimestamp,
    /// `LegacyTimeUUIDType`.
    LegacyTimeUuid,
    /// `LexicalUUIDType`.
    LexicalUuid,
}

/// Class name without package, CQL name (or none), length of every value (or none).
type NativeRow = (Native, &'static str, Option<&'static str>, Option<u32>);

const NATIVES: [NativeRow; 24] = [
    (Native::Ascii, "AsciiType", Some("ascii"), None),
    (Native::Bigint, "LongType", Some("bigint"), Some(8)),
    (Native::Blob, "BytesType", Some("blob"), None),
    (Native::Boolean, "BooleanType", Some("boolean"), Some(1)),
    (Native::Counter, "CounterColumnType", Some("counter"), None),
    (Native::Date, "SimpleDateType", Some("date"), None),
    (Native::Decimal, "DecimalType", Some("decimal"), None),
    (Native::Double, "DoubleType", Some("double"), Some(8)),
    (Native::Duration, "DurationType", Some("duration"), None),
    (Native::Empty, "EmptyType", Some("empty"), Some(0)),
    (Native::Float, "FloatType", Some("float"), Some(4)),
    (Native::Inet, "InetAddressType", Some("inet"), None),
    (Native::Int, "Int32Type", Some("int"), Some(4)),
    (Native::Smallint, "ShortType", Some("smallint"), None),
    (Native::Text, "UTF8Type", Some("text"), None),
    (Native::Time, "TimeType", Some("time"), None),
    (Native::Timestamp, "TimestampType", Some("timestamp"), Some(8)),
    (Native::TimeUuid, "TimeUUIDType", Some("timeuuid"), Some(16)),
    (Native::Tinyint, "ByteType", Some("tinyint"), None),
    (Native::Uuid, "UUIDType", Some("uuid"), Some(16)),
    (Native::Varint, "IntegerType", Some("varint"), None),
    (Native::LegacyTimestamp, "DateType", None, Some(8)),
    (Native::LegacyTimeUuid, "LegacyTimeUUIDType", None, Some(16)),
    (Native::LexicalUuid, "LexicalUUIDType", None, Some(16)),
];

impl Native {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Native> {
        NATIVES.iter().map(|row| row.0)
    }

    fn row(self) -> &'static NativeRow {
        // The table is in the order of the enum; a test says so.
        &NATIVES[self as usize]
    }

    fn by_class(simple_name: &str) -> Option<Native> {
        NATIVES.iter().find(|row| row.1 == simple_name).map(|row| row.0)
    }

    /// The type of a CQL name in lower case.
    pub fn by_cql(name: &str) -> Option<Native> {
        let name = if name == "varchar" { "text" } else { name };
        NATIVES.iter().find(|row| row.2 == Some(name)).map(|row| row.0)
    }
}

/// Why a class string is no type. Offsets are bytes in the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeError {
    /// The class at this offset is unknown.
    Unknown {
        /// Where its name begins.
        at: usize,
    },
    /// Something else was expected at this offset.
    Syntax {
        /// Where.
        at: usize,
    },
    /// Nested deeper than `limits::TYPE_DEPTH_MAX`.
    Depth {
        /// Where.
        at: usize,
    },
    /// Longer than `limits::TYPE_LEN_MAX`.
    Length {
        /// Bytes of the string.
        found: usize,
    },
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeError::Unknown { at } => write!(f, "the class at byte {at} of the type is unknown"),
            TypeError::Syntax { at } => write!(f, "the type is malformed at byte {at}"),
            TypeError::Depth { at } => write!(f, "the type is nested too deep at byte {at}"),
            TypeError::Length { found } => write!(f, "the type's text of {found} bytes is too long"),
        }
    }
}

impl core::error::Error for TypeError {}

impl CqlType {
    /// Parses a Java class string. The whole of it must be one type.
    ///
    /// # Errors
    /// Where the text is no class, an unknown class, or nesting over the limit.
    pub fn parse(class: &str) -> Result<CqlType, TypeError> {
        parse::parse(class)
    }

    /// Prints the Java class string.
    pub fn class(&self) -> String {
        print::class(self)
    }

    /// Prints the type as CQL, without `Reversed`. Types that CQL has no name for come as their quoted class string.
    pub fn cql(&self) -> String {
        print::cql(self)
    }

    /// The type without an outermost `Reversed` and `Frozen`: what a value is read by.
    pub fn base(&self) -> &CqlType {
        match self {
            CqlType::Reversed(inner) | CqlType::Frozen(inner) => inner.base(),
            other => other,
        }
    }

    /// Whether a clustering column of the type is ordered DESC.
    pub fn is_reversed(&self) -> bool {
        matches!(self, CqlType::Reversed(_))
    }

    /// The length of every value, where cells hold values without a length before them. Some types of constant size have none: they are written
    /// with a length.
    pub fn fixed_len(&self) -> Option<u32> {
        match self {
            CqlType::Native(native) => native.row().3,
            CqlType::Vector(element, count) => element.fixed_len()?.checked_mul(*count),
            CqlType::Reversed(inner) => inner.fixed_len(),
            _ => None,
        }
    }

    /// Whether a column of the type has a cell for each element: a collection or user type that is not frozen.
    pub fn is_multi_cell(&self) -> bool {
        matches!(self, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::User(_))
    }

    /// Whether a column of the type is a counter.
    pub fn is_counter(&self) -> bool {
        matches!(self.base(), CqlType::Native(Native::Counter))
    }
}

impl fmt::Display for CqlType {
    /// As CQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cql())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for native in Native::all() {
            assert_eq!(native.row().0, native);
        }
    }
}
