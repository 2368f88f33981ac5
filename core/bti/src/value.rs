//! Values as text, in the three forms that Cassandra's tools print.
//!
//! | form | text `a'b` | blob | timestamp | list of two texts | made by |
//! |---|---|---|---|---|---|
//! | CQL | `'a''b'` | `0x00` | `'1970-01-01T00:00:00.000Z'` | `['a', 'b']` | `AbstractType.toCQLString` |
//! | JSON | `"a'b"` | `"0x00"` | `"1970-01-01 00:00:00.000Z"` | `["a", "b"]` | `AbstractType.toJSONString` |
//! | plain | `a'b` | `00` | `1970-01-01T00:00:00.000Z` | hexadecimal | `AbstractType.getString` |
//!
//! Recursion is bounded by the depth of the type.

pub mod number;
pub mod time;

use alloc::string::String;
use core::fmt::Write;

use dolmen_codec::Cursor;

use crate::error::ValueError;
use crate::types::{CqlType, Native, UserType};
use crate::vint::{get_svint, get_vint_bytes};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A CQL literal.
    Cql,
    /// A JSON value.
    Json,
    /// Without quotes: keys and paths of `sstabledump`.
    Plain,
}

/// Appends the text of a serialized value; `None` is null.
///
/// # Errors
/// The bytes are no value of the type; what was appended by then stays.
pub fn write_value(
    out: &mut String,
    of: &CqlType,
    value: Option<&[u8]>,
    style: Style,
) -> Result<(), ValueError> {
    let Some(value) = value else {
        out.push_str("null");
        return Ok(());
    };
    match of {
        CqlType::Frozen(inner) | CqlType::Reversed(inner) => write_value(out, inner, Some(value), style),
        CqlType::Native(native) => write_native(out, *native, value, style),
        CqlType::PartitionerOrder(_, inner) => match (style, inner) {
            (Style::Json, Some(inner)) => write_value(out, inner, Some(value), style),
            _ => write_native(out, Native::Blob, value, style),
        },
        CqlType::Composite(_) | CqlType::Dynamic(_) => write_native(out, Native::Blob, value, style),
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Vector(..)
            if style == Style::Plain =>
        {
            write_hex(out, value);
            Ok(())
        }
        CqlType::List(element) => write_elements(out, element, value, style, ("[", "]")),
        CqlType::Set(element) => {
            let brackets = if style == Style::Json { ("[", "]") } else { ("{", "}") };
            write_elements(out, element, value, style, brackets)
        }
        CqlType::Map(key, element) => write_map(out, key, element, value, style),
        CqlType::Tuple(fields) => write_tuple(out, fields, value, style),
        CqlType::User(user) => write_user(out, user, value, style),
        CqlType::Vector(element, count) => write_vector(out, element, *count, value, style),
    }
}

/// The CQL literal of a value as `expected.jsonl` has it: `<empty>` for no bytes where a type has a fixed length.
///
/// # Errors
/// Bytes that are no value of the type.
pub fn cql_text(of: &CqlType, value: &[u8]) -> Result<String, ValueError> {
    if value.is_empty() && of.base().fixed_len().is_some() {
        return Ok("<empty>".into());
    }
    let mut out = String::new();
    write_value(&mut out, of, Some(value), Style::Cql)?;
    Ok(out)
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], ValueError> {
    let wrong = ValueError::Length { found: value.len() as u64, expected: N as u64 };
    value.try_into().map_err(|_| wrong)
}

fn print(out: &mut String, text: core::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

/// Appends the hexadecimal digits of bytes.
pub fn write_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
}

/// Hexadecimal digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    write_hex(&mut out, bytes);
    out
}

/// Text in the quotes of a form.
fn write_text(out: &mut String, text: &str, style: Style) {
    match style {
        Style::Plain => out.push_str(text),
        Style::Json => write_json_string(out, text),
        Style::Cql => {
            out.push('\'');
            for (i, piece) in text.split('\'').enumerate() {
                out.push_str(if i == 0 { "" } else { "''" });
                out.push_str(piece);
            }
            out.push('\'');
        }
    }
}

/// A JSON string with its quotes.
pub fn write_json_string(out: &mut String, text: &str) {
    dolmen_text::json::Writer::new(out).string(text);
}

/// Text that only JSON quotes.
fn write_word(out: &mut String, style: Style, word: core::fmt::Arguments<'_>) {
    let quote = if style == Style::Json { "\"" } else { "" };
    print(out, format_args!("{quote}{word}{quote}"));
}

/// Text that CQL and JSON quote and that holds no quotes.
fn write_quoted(out: &mut String, style: Style, word: core::fmt::Arguments<'_>) {
    let quote = match style {
        Style::Json => "\"",
        Style::Cql => "'",
        Style::Plain => "",
    };
    print(out, format_args!("{quote}{word}{quote}"));
}

fn write_empty(out: &mut String, style: Style) {
    out.push_str(match style {
        Style::Json => "\"\"",
        Style::Cql => "null",
        Style::Plain => "",
    });
}

fn write_native(out: &mut String, native: Native, value: &[u8], style: Style) -> Result<(), ValueError> {
    match native {
        Native::Ascii | Native::Text => {
            let text = core::str::from_utf8(value).map_err(|_| ValueError::Malformed)?;
            if native == Native::Ascii && !text.is_ascii() {
                return Err(ValueError::Malformed);
            }
            write_text(out, text, style);
            return Ok(());
        }
        Native::Blob => {
            let (quote, head) = match style {
                Style::Json => ("\"", "0x"),
                Style::Cql => ("", "0x"),
                Style::Plain => ("", ""),
            };
            out.push_str(quote);
            out.push_str(head);
            write_hex(out, value);
            out.push_str(quote);
            return Ok(());
        }
        Native::Duration | Native::Empty if value.is_empty() && style == Style::Cql => return Ok(()),
        _ if value.is_empty() => {
            write_empty(out, style);
            return Ok(());
        }
        _ => {}
    }
    match native {
        Native::Boolean => out.push_str(if fixed::<1>(value)? == [0] { "false" } else { "true" }),
        Native::Tinyint => print(out, format_args!("{}", i8::from_be_bytes(fixed(value)?))),
        Native::Smallint => print(out, format_args!("{}", i16::from_be_bytes(fixed(value)?))),
        Native::Int => print(out, format_args!("{}", i32::from_be_bytes(fixed(value)?))),
        Native::Bigint => print(out, format_args!("{}", i64::from_be_bytes(fixed(value)?))),
        // `sstabledump` reads the first eight bytes of a counter's shards as its value.
        Native::Counter if style == Style::Json => {
            let head = value.get(..8).ok_or(ValueError::Malformed)?;
            print(out, format_args!("{}", i64::from_be_bytes(fixed(head)?)));
        }
        Native::Counter => {
            let total = crate::counter::total(value).ok_or(ValueError::Malformed)?;
            print(out, format_args!("{total}"));
        }
        Native::Varint => number::write_varint(out, value)?,
        Native::Decimal => number::write_decimal(out, value)?,
        Native::Float => number::write_float(out, f32::from_be_bytes(fixed(value)?), style == Style::Json),
        Native::Double => number::write_double(out, f64::from_be_bytes(fixed(value)?), style == Style::Json),
        Native::Uuid | Native::TimeUuid | Native::LegacyTimeUuid | Native::LexicalUuid => {
            write_word(out, style, format_args!("{}", Uuid(fixed(value)?)));
        }
        Native::Timestamp | Native::LegacyTimestamp => {
            let ms = i64::from_be_bytes(fixed(value)?);
            let separator = if style == Style::Json { ' ' } else { 'T' };
            write_quoted(out, style, format_args!("{}", time::Timestamp { ms, separator }));
        }
        Native::Date => {
            let days = i64::from(u32::from_be_bytes(fixed(value)?)) - (1 << 31);
            write_quoted(out, style, format_args!("{}", time::Date { days }));
        }
        Native::Time => {
            let ns = i64::from_be_bytes(fixed(value)?);
            write_quoted(out, style, format_args!("{}", time::TimeOfDay { ns }));
        }
        Native::Inet => {
            let address = Inet::parse(value).ok_or(ValueError::Malformed)?;
            write_quoted(out, style, format_args!("{address}"));
        }
        Native::Duration => {
            let mut cursor = Cursor::new(value);
            let mut part = || get_svint(&mut cursor).map_err(|_| ValueError::Malformed);
            let duration = time::Duration { months: part()?, days: part()?, ns: part()? };
            write_word(out, style, format_args!("{duration}"));
        }
        Native::Ascii | Native::Text | Native::Blob | Native::Empty => return Err(ValueError::Malformed),
    }
    Ok(())
}

/// Prints a UUID.
#[derive(Clone, Copy, Debug)]
pub struct Uuid(pub [u8; 16]);

impl core::fmt::Display for Uuid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_char('-')?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// An address as Java prints it: no group is left out, and what IPv6 maps from IPv4 comes as IPv4.
enum Inet<'v> {
    V4(&'v [u8]),
    V6(&'v [u8]),
}

impl Inet<'_> {
    fn parse(value: &[u8]) -> Option<Inet<'_>> {
        const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        match value.len() {
            4 => Some(Inet::V4(value)),
            16 => Some(value.strip_prefix(&MAPPED).map_or(Inet::V6(value), Inet::V4)),
            _ => None,
        }
    }
}

impl core::fmt::Display for Inet<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Inet::V4(bytes) => bytes.iter().enumerate().try_for_each(|(i, byte)| {
                f.write_str(if i == 0 { "" } else { "." })?;
                write!(f, "{byte}")
            }),
            Inet::V6(bytes) => bytes.as_chunks::<2>().0.iter().enumerate().try_for_each(|(i, group)| {
                f.write_str(if i == 0 { "" } else { ":" })?;
                write!(f, "{:x}", u16::from_be_bytes(*group))
            }),
        }
    }
}

/// Bytes behind a 32-bit length; a negative one is null.
fn get_element<'v>(cursor: &mut Cursor<'v>) -> Result<Option<&'v [u8]>, ValueError> {
    let len = cursor.get_u32_be().map_err(|_| ValueError::Malformed)? as i32;
    match usize::try_from(len) {
        Ok(len) => cursor.get_bytes(len).map(Some).map_err(|_| ValueError::Malformed),
        Err(_) => Ok(None),
    }
}

/// A count of elements that take at least four bytes each.
fn get_count(cursor: &mut Cursor<'_>) -> Result<usize, ValueError> {
    let count = cursor.get_u32_be().map_err(|_| ValueError::Malformed)? as usize;
    if count > cursor.rest().len() / 4 { Err(ValueError::Malformed) } else { Ok(count) }
}

fn finish(cursor: Cursor<'_>) -> Result<(), ValueError> {
    cursor.finish().map_err(|_| ValueError::Malformed)
}

fn write_elements(
    out: &mut String,
    element: &CqlType,
    value: &[u8],
    style: Style,
    brackets: (&str, &str),
) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    let count = get_count(&mut cursor)?;
    out.push_str(brackets.0);
    for i in 0..count {
        out.push_str(if i == 0 { "" } else { ", " });
        write_value(out, element, get_element(&mut cursor)?, style)?;
    }
    out.push_str(brackets.1);
    finish(cursor)
}

fn write_map(
    out: &mut String,
    key: &CqlType,
    element: &CqlType,
    value: &[u8],
    style: Style,
) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    let count = get_count(&mut cursor)?;
    out.push('{');
    for i in 0..count {
        out.push_str(if i == 0 { "" } else { ", " });
        let name = get_element(&mut cursor)?;
        if style == Style::Json {
            let mut text = String::new();
            write_value(&mut text, key, name, style)?;
            // Names of JSON members are strings.
            if text.starts_with('"') { out.push_str(&text) } else { write_json_string(out, &text) }
        } else {
            write_value(out, key, name, style)?;
        }
        out.push_str(": ");
        write_value(out, element, get_element(&mut cursor)?, style)?;
    }
    out.push('}');
    finish(cursor)
}

fn write_tuple(out: &mut String, fields: &[CqlType], value: &[u8], style: Style) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    let (open, close, separator) = match style {
        Style::Cql => ("(", ")", ", "),
        Style::Json => ("[", "]", ", "),
        Style::Plain => ("", "", ":"),
    };
    out.push_str(open);
    for (i, field) in fields.iter().enumerate() {
        // A value may have fewer fields than its type.
        if cursor.is_empty() {
            break;
        }
        out.push_str(if i == 0 { "" } else { separator });
        write_field(out, field, get_element(&mut cursor)?, style)?;
    }
    out.push_str(close);
    finish(cursor)
}

fn write_field(
    out: &mut String,
    field: &CqlType,
    value: Option<&[u8]>,
    style: Style,
) -> Result<(), ValueError> {
    if style != Style::Plain {
        return write_value(out, field, value, style);
    }
    if value.is_none() {
        out.push('@');
        return Ok(());
    }
    let mut text = String::new();
    write_value(&mut text, field, value, style)?;
    for c in text.chars() {
        if matches!(c, ':' | '@') {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(())
}

fn write_user(out: &mut String, user: &UserType, value: &[u8], style: Style) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    out.push_str(if style == Style::Plain { "" } else { "{" });
    for (i, (name, field)) in user.fields.iter().enumerate() {
        // A value may have fewer fields than its type; JSON shows them as null.
        if cursor.is_empty() && style != Style::Json {
            break;
        }
        let separator = if style == Style::Plain { ":" } else { ", " };
        out.push_str(if i == 0 { "" } else { separator });
        match style {
            Style::Cql => write_name(out, name),
            Style::Json if name.chars().any(char::is_uppercase) => {
                let mut quoted = String::with_capacity(name.len() + 2);
                print(&mut quoted, format_args!("\"{name}\""));
                write_json_string(out, &quoted);
            }
            Style::Json => write_json_string(out, name),
            Style::Plain => {}
        }
        out.push_str(if style == Style::Plain { "" } else { ": " });
        let value = if cursor.is_empty() { None } else { get_element(&mut cursor)? };
        write_field(out, field, value, style)?;
    }
    out.push_str(if style == Style::Plain { "" } else { "}" });
    finish(cursor)
}

fn write_vector(
    out: &mut String,
    element: &CqlType,
    count: u32,
    value: &[u8],
    style: Style,
) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    out.push('[');
    for i in 0..count {
        out.push_str(if i == 0 { "" } else { ", " });
        let bytes = match element.fixed_len() {
            Some(len) => cursor.get_bytes(len as usize),
            None => get_vint_bytes(&mut cursor),
        };
        write_value(out, element, Some(bytes.map_err(|_| ValueError::Malformed)?), style)?;
    }
    out.push(']');
    finish(cursor)
}

/// A name as CQL has it: in quotes unless it is a word in lower case that is not reserved.
pub fn write_name(out: &mut String, name: &str) {
    let is_word = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !RESERVED.contains(&name);
    if is_word {
        out.push_str(name);
        return;
    }
    out.push('"');
    for c in name.chars() {
        out.push_str(if c == '"' { "\"" } else { "" });
        out.push(c);
    }
    out.push('"');
}

/// Words that are no names without quotes (`reserved_keywords.txt` of Cassandra 5.0).
const RESERVED: [&str; 62] = [
    "add",
    "allow",
    "alter",
    "and",
    "apply",
    "asc",
    "authorize",
    "batch",
    "begin",
    "by",
    "columnfamily",
    "create",
    "default",
    "delete",
    "desc",
    "describe",
    "drop",
    "entries",
    "execute",
    "from",
    "full",
    "grant",
    "if",
    "in",
    "index",
    "infinity",
    "insert",
    "into",
    "is",
    "keyspace",
    "limit",
    "materialized",
    "mbean",
    "mbeans",
    "modify",
    "nan",
    "norecursive",
    "not",
    "null",
    "of",
    "on",
    "or",
    "order",
    "primary",
    "rename",
    "replace",
    "revoke",
    "schema",
    "select",
    "set",
    "table",
    "to",
    "token",
    "truncate",
    "unlogged",
    "unset",
    "update",
    "use",
    "using",
    "view",
    "where",
    "with",
];
