//! Types as class strings and as CQL. Recursion is bounded by the depth of a type.

use alloc::string::String;
use core::fmt::Write;

use super::{CqlType, UserType};

/// The package of every type's class.
pub(super) const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

/// Text into memory cannot fail.
const INFALLIBLE: &str = "writing to a string cannot fail";

pub(super) fn class(of: &CqlType) -> String {
    let mut out = String::new();
    write_class(of, &mut out).expect(INFALLIBLE);
    out
}

pub(super) fn cql(of: &CqlType) -> String {
    let mut out = String::new();
    write_cql(of, false, &mut out).expect(INFALLIBLE);
    out
}

fn write_class(of: &CqlType, out: &mut String) -> core::fmt::Result {
    out.write_str(PACKAGE)?;
    match of {
        CqlType::Native(native) => out.write_str(native.row().1),
        CqlType::List(inner) => write_call("ListType", [&**inner], out),
        CqlType::Set(inner) => write_call("SetType", [&**inner], out),
        CqlType::Map(key, value) => write_call("MapType", [&**key, &**value], out),
        CqlType::Tuple(fields) => write_call("TupleType", fields, out),
        CqlType::Frozen(inner) => write_call("FrozenType", [&**inner], out),
        CqlType::Reversed(inner) => write_call("ReversedType", [&**inner], out),
        CqlType::Composite(components) => write_call("CompositeType", components, out),
        CqlType::Vector(element, count) => {
            out.write_str("VectorType(")?;
            write_class(element, out)?;
            write!(out, " , {count})")
        }
        CqlType::User(user) => write_user(user, out),
        CqlType::Dynamic(aliases) => {
            out.write_str("DynamicCompositeType(")?;
            for (i, (alias, of)) in aliases.iter().enumerate() {
                write!(out, "{}{}=>", if i == 0 { "" } else { "," }, char::from(*alias))?;
                write_class(of, out)?;
            }
            out.write_char(')')
        }
        CqlType::PartitionerOrder(partitioner, inner) => {
            write!(out, "PartitionerDefinedOrder({partitioner}")?;
            if let Some(inner) = inner {
                out.write_char(':')?;
                write_class(inner, out)?;
            }
            out.write_char(')')
        }
    }
}

fn write_call<'t>(
    name: &str,
    arguments: impl IntoIterator<Item = &'t CqlType>,
    out: &mut String,
) -> core::fmt::Result {
    write!(out, "{name}(")?;
    for (i, argument) in arguments.into_iter().enumerate() {
        out.write_str(if i == 0 { "" } else { "," })?;
        write_class(argument, out)?;
    }
    out.write_char(')')
}

fn write_hex(text: &str, out: &mut String) -> core::fmt::Result {
    text.bytes().try_for_each(|byte| write!(out, "{byte:02x}"))
}

fn write_user(user: &UserType, out: &mut String) -> core::fmt::Result {
    write!(out, "UserType({},", user.keyspace)?;
    write_hex(&user.name, out)?;
    for (name, of) in &user.fields {
        out.write_char(',')?;
        write_hex(name, out)?;
        out.write_char(':')?;
        write_class(of, out)?;
    }
    out.write_char(')')
}

/// `frozen`: inside something frozen, where a collection or user type is frozen without saying so.
fn write_cql(of: &CqlType, frozen: bool, out: &mut String) -> core::fmt::Result {
    match of {
        CqlType::Frozen(inner) => return write_cql(inner, true, out),
        CqlType::Reversed(inner) => return write_cql(inner, frozen, out),
        CqlType::Native(native) => {
            if let Some(name) = native.row().2 {
                return out.write_str(name);
            }
        }
        CqlType::Vector(element, count) => {
            out.write_str("vector<")?;
            write_cql(element, true, out)?;
            return write!(out, ", {count}>");
        }
        CqlType::List(inner) => return write_generic("list", [&**inner], frozen, out),
        CqlType::Set(inner) => return write_generic("set", [&**inner], frozen, out),
        CqlType::Map(key, value) => return write_generic("map", [&**key, &**value], frozen, out),
        CqlType::Tuple(fields) => return write_generic("tuple", fields, true, out),
        CqlType::User(user) => {
            let (open, close) = if frozen { ("frozen<", ">") } else { ("", "") };
            out.write_str(open)?;
            write_name(&user.name, out)?;
            return out.write_str(close);
        }
        CqlType::Composite(_) | CqlType::Dynamic(_) | CqlType::PartitionerOrder(..) => {}
    }
    out.write_char('\'')?;
    write_class(of, out)?;
    out.write_char('\'')
}

fn write_generic<'t>(
    name: &str,
    arguments: impl IntoIterator<Item = &'t CqlType>,
    frozen: bool,
    out: &mut String,
) -> core::fmt::Result {
    write!(out, "{}{name}<", if frozen { "frozen<" } else { "" })?;
    for (i, argument) in arguments.into_iter().enumerate() {
        out.write_str(if i == 0 { "" } else { ", " })?;
        write_cql(argument, frozen, out)?;
    }
    out.write_str(if frozen { ">>" } else { ">" })
}

/// A name that is no lower-case word is quoted.
fn write_name(name: &str, out: &mut String) -> core::fmt::Result {
    let word = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    if word { out.write_str(name) } else { write!(out, "\"{}\"", name.replace('"', "\"\"")) }
}
