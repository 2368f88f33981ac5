//! The parser of class strings: an explicit stack of open parentheses, so that nesting in the input costs no stack of ours.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::print::PACKAGE;
use super::{CqlType, Native, TypeError, UserType};
use crate::limits::{TYPE_DEPTH_MAX, TYPE_LEN_MAX};
use crate::partitioner::Partitioner;

/// A constructor whose arguments are being read.
struct Open {
    constructor: Constructor,
    /// Where its name begins.
    at: usize,
    types: Vec<CqlType>,
}

enum Constructor {
    List,
    Set,
    Map,
    Tuple,
    Vector,
    Frozen,
    Reversed,
    Composite,
    User { keyspace: String, name: String, fields: Vec<String> },
    Dynamic { aliases: Vec<u8> },
    PartitionerOrder(Partitioner),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
}

pub(super) fn parse(text: &str) -> Result<CqlType, TypeError> {
    if text.len() > TYPE_LEN_MAX {
        return Err(TypeError::Length { found: text.len() });
    }
    let mut parser = Parser { text, at: 0, open: Vec::new() };
    loop {
        let Some(mut complete) = parser.start()? else { continue };
        loop {
            let Some(mut top) = parser.open.pop() else {
                return if parser.at == text.len() { Ok(complete) } else { Err(parser.syntax()) };
            };
            top.types.push(complete);
            if parser.another(&mut top)? {
                parser.open.push(top);
                break;
            }
            complete = top.close()?;
        }
    }
}

impl Parser<'_> {
    fn syntax(&self) -> TypeError {
        TypeError::Syntax { at: self.at }
    }

    /// Takes the longest run of bytes that `wanted` accepts; there must be one.
    fn word(&mut self, wanted: impl Fn(u8) -> bool) -> Result<&str, TypeError> {
        let rest = &self.text[self.at..];
        let len = rest.bytes().position(|b| !wanted(b)).unwrap_or(rest.len());
        if len == 0 {
            return Err(self.syntax());
        }
        self.at += len;
        Ok(&rest[..len])
    }

    fn spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    /// Takes `wanted`, with spaces around it, if it comes next.
    fn take(&mut self, wanted: &str) -> bool {
        self.spaces();
        let found = self.text[self.at..].starts_with(wanted);
        if found {
            self.at += wanted.len();
            self.spaces();
        }
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), TypeError> {
        if self.take(wanted) { Ok(()) } else { Err(self.syntax()) }
    }

    fn identifier(&mut self) -> Result<&str, TypeError> {
        // Keyspaces are words; a class name may have dots, and `$` for nested classes.
        self.word(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b'-' | b'+'))
    }

    /// Text in hexadecimal.
    fn hex(&mut self) -> Result<String, TypeError> {
        let at = self.at;
        let digits = self.word(|b| b.is_ascii_hexdigit())?;
        let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
        let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect();
        if !odd.is_empty() {
            return Err(TypeError::Syntax { at });
        }
        String::from_utf8(bytes).map_err(|_| TypeError::Syntax { at })
    }

    /// A whole type, or the opening of one.
    fn start(&mut self) -> Result<Option<CqlType>, TypeError> {
        self.spaces();
        let at = self.at;
        let class = self.identifier()?;
        let name = class.strip_prefix(PACKAGE).unwrap_or(class);
        if let Some(native) = Native::by_class(name) {
            self.spaces();
            return Ok(Some(CqlType::Native(native)));
        }
        let constructor = match name {
            "ListType" => Constructor::List,
            "SetType" => Constructor::Set,
            "MapType" => Constructor::Map,
            "TupleType" => Constructor::Tuple,
            "VectorType" => Constructor::Vector,
            "FrozenType" => Constructor::Frozen,
            "ReversedType" => Constructor::Reversed,
            "CompositeType" => Constructor::Composite,
            "UserType" => {
                Constructor::User { keyspace: String::new(), name: String::new(), fields: Vec::new() }
            }
            "DynamicCompositeType" => Constructor::Dynamic { aliases: Vec::new() },
            "PartitionerDefinedOrder" => Constructor::PartitionerOrder(Partitioner::Murmur3),
            _ => return Err(TypeError::Unknown { at }),
        };
        if self.open.len() == TYPE_DEPTH_MAX {
            return Err(TypeError::Depth { at });
        }
        self.expect("(")?;
        let mut open = Open { constructor, at, types: Vec::new() };
        match &mut open.constructor {
            Constructor::User { keyspace, name, .. } => {
                *keyspace = self.identifier()?.into();
                self.expect(",")?;
                *name = self.hex()?;
                self.expect(",")?;
            }
            Constructor::PartitionerOrder(partitioner) => {
                let at = self.at;
                *partitioner = Partitioner::parse(self.identifier()?).ok_or(TypeError::Unknown { at })?;
                if self.take(")") {
                    return Ok(Some(CqlType::PartitionerOrder(*partitioner, None)));
                }
                self.expect(":")?;
            }
            _ => {}
        }
        self.name_of_argument(&mut open.constructor)?;
        self.open.push(open);
        Ok(None)
    }

    /// What stands before an argument's type.
    fn name_of_argument(&mut self, constructor: &mut Constructor) -> Result<(), TypeError> {
        match constructor {
            Constructor::User { fields, .. } => {
                fields.push(self.hex()?);
                self.expect(":")
            }
            Constructor::Dynamic { aliases } => {
                let alias = self.word(|b| b.is_ascii_alphanumeric())?;
                let &[alias] = alias.as_bytes() else { return Err(self.syntax()) };
                aliases.push(alias);
                self.expect("=>")
            }
            _ => Ok(()),
        }
    }

    /// After an argument: whether another follows. If not, the closing parenthesis is taken.
    fn another(&mut self, top: &mut Open) -> Result<bool, TypeError> {
        if self.take(")") {
            return if matches!(top.constructor, Constructor::Vector) {
                Err(self.syntax())
            } else {
                Ok(false)
            };
        }
        self.expect(",")?;
        if let Constructor::Vector = top.constructor {
            let at = self.at;
            let count = self.word(|b| b.is_ascii_digit())?.parse().map_err(|_| TypeError::Syntax { at })?;
            if count == 0 {
                return Err(TypeError::Syntax { at });
            }
            self.expect(")")?;
            let element = top.types.pop().ok_or(TypeError::Syntax { at })?;
            top.types.push(CqlType::Vector(Box::new(element), count));
            return Ok(false);
        }
        self.name_of_argument(&mut top.constructor)?;
        Ok(true)
    }
}

impl Open {
    fn close(self) -> Result<CqlType, TypeError> {
        let wrong = Err(TypeError::Syntax { at: self.at });
        let mut types = self.types;
        let closed = match self.constructor {
            Constructor::Tuple => CqlType::Tuple(types),
            Constructor::Composite => CqlType::Composite(types),
            Constructor::User { keyspace, name, fields } => {
                let fields = fields.into_iter().zip(types).collect();
                CqlType::User(Box::new(UserType { keyspace, name, fields }))
            }
            Constructor::Dynamic { aliases } => CqlType::Dynamic(aliases.into_iter().zip(types).collect()),
            Constructor::Map => {
                let (Some(value), Some(key), true) = (types.pop(), types.pop(), types.is_empty()) else {
                    return wrong;
                };
                CqlType::Map(Box::new(key), Box::new(value))
            }
            one => {
                let (Some(inner), true) = (types.pop(), types.is_empty()) else { return wrong };
                match one {
                    Constructor::List => CqlType::List(Box::new(inner)),
                    Constructor::Set => CqlType::Set(Box::new(inner)),
                    Constructor::Frozen => CqlType::Frozen(Box::new(inner)),
                    Constructor::Reversed => CqlType::Reversed(Box::new(inner)),
                    Constructor::PartitionerOrder(p) => CqlType::PartitionerOrder(p, Some(Box::new(inner))),
                    // A vector was made when its dimension was read.
                    _ => inner,
                }
            }
        };
        Ok(closed)
    }
}
