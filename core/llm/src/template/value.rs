//! Values of templates.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use dolmen_text::json::{self, Kind, Writer};
use spin::mutex::SpinMutex;

use crate::limits::TEMPLATE_DEPTH_MAX;

/// A value. Lists and dictionaries know how deep they are, so that none becomes too deep to be walked.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Undefined,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    List(Arc<[Value]>, u8),
    Dictionary(Arc<[(Value, Value)]>, u8),
    Namespace(Arc<SpinMutex<Vec<(String, Value)>>>),
    Macro(usize),
    /// A function of the machine's own.
    Function(&'static str),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(Arc::from(text))
    }

    fn depth(&self) -> u8 {
        match self {
            Value::List(_, depth) | Value::Dictionary(_, depth) => *depth,
            _ => 0,
        }
    }

    /// A list; `None` if it is too deep.
    pub fn list(values: Vec<Value>) -> Option<Value> {
        let depth = values.iter().map(Value::depth).max().unwrap_or(0) + 1;
        (usize::from(depth) <= 2 * TEMPLATE_DEPTH_MAX).then(|| Value::List(values.into(), depth))
    }

    /// A dictionary; `None` if it is too deep. Of several members with one key the last counts.
    pub fn dictionary(members: Vec<(Value, Value)>) -> Option<Value> {
        let mut kept: Vec<(Value, Value)> = Vec::with_capacity(members.len());
        for (key, value) in members {
            match kept.iter_mut().find(|(known, _)| known.equals(&key)) {
                Some((_, old)) => *old = value,
                None => kept.push((key, value)),
            }
        }
        let depth = kept.iter().map(|(_, value)| value.depth()).max().unwrap_or(0) + 1;
        (usize::from(depth) <= 2 * TEMPLATE_DEPTH_MAX).then(|| Value::Dictionary(kept.into(), depth))
    }

    /// A value of JSON, children before their parents.
    pub fn from_json(value: json::Value<'_>) -> Option<Value> {
        // What is open: its values so far, its keys, and what is still to come.
        struct Open<'d> {
            is_list: bool,
            values: Vec<Value>,
            keys: Vec<Value>,
            left: alloc::vec::IntoIter<json::Value<'d>>,
        }
        fn begin(value: json::Value<'_>) -> Open<'_> {
            let is_list = value.kind() == Kind::Array;
            let (keys, left): (Vec<Value>, Vec<_>) = if is_list {
                (Vec::new(), value.items().collect())
            } else {
                value.members().map(|(key, value)| (Value::text(&key), value)).unzip()
            };
            Open { is_list, values: Vec::new(), keys, left: left.into_iter() }
        }
        let plain = |value: json::Value<'_>| match value.kind() {
            Kind::Null | Kind::Key => Some(Value::None),
            Kind::Bool => Some(Value::Bool(value.as_bool() == Some(true))),
            Kind::String => value.as_str().map(|text| Value::text(&text)),
            Kind::Number => {
                let number = value.as_number()?;
                number.as_i64().map(Value::Int).or_else(|| number.as_f64().map(Value::Float))
            }
            Kind::Array | Kind::Object => None,
        };
        if let Some(plain) = plain(value) {
            return Some(plain);
        }
        let mut stack = Vec::from([begin(value)]);
        loop {
            let top = stack.last_mut()?;
            match top.left.next() {
                Some(inner) => match plain(inner) {
                    Some(plain) => top.values.push(plain),
                    None if matches!(inner.kind(), Kind::Array | Kind::Object) => stack.push(begin(inner)),
                    None => return None,
                },
                None => {
                    let done = stack.pop()?;
                    let value = if done.is_list {
                        Value::list(done.values)?
                    } else {
                        Value::dictionary(done.keys.into_iter().zip(done.values).collect())?
                    };
                    match stack.last_mut() {
                        Some(outer) => outer.values.push(value),
                        None => return Some(value),
                    }
                }
            }
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Undefined | Value::None => false,
            Value::Bool(flag) => *flag,
            Value::Int(n) => *n != 0,
            Value::Float(x) => *x != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(list, _) => !list.is_empty(),
            Value::Dictionary(members, _) => !members.is_empty(),
            Value::Namespace(_) | Value::Macro(_) | Value::Function(_) => true,
        }
    }

    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// Equality of Python: numbers by value, lists element by element. Depth is bounded.
    pub fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Undefined, Value::Undefined) | (Value::None, Value::None) => true,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a, _), Value::List(b, _)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(b))
            }
            (Value::Dictionary(a, _), Value::Dictionary(b, _)) => {
                let has = |(key, value): &(Value, Value)| {
                    b.iter().any(|(other, found)| other.equals(key) && found.equals(value))
                };
                a.len() == b.len() && a.iter().all(has)
            }
            _ => match (self.as_number(), other.as_number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }

    /// The order of numbers and of texts; `None` of others.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            _ => self.as_number()?.partial_cmp(&other.as_number()?),
        }
    }

    /// The member of a dictionary or namespace; undefined if there is none.
    pub fn get(&self, key: &Value) -> Value {
        match self {
            Value::Dictionary(members, _) => {
                let found = members.iter().find(|(known, _)| known.equals(key));
                found.map_or(Value::Undefined, |(_, value)| value.clone())
            }
            Value::Namespace(members) => {
                let members = members.lock();
                let found = key.as_text().and_then(|key| members.iter().find(|(known, _)| known == key));
                found.map_or(Value::Undefined, |(_, value)| value.clone())
            }
            Value::List(list, _) => match key.as_int() {
                Some(at) => place(at, list.len()).map_or(Value::Undefined, |at| list[at].clone()),
                None => Value::Undefined,
            },
            Value::Text(text) => match key.as_int() {
                Some(at) => {
                    let at = place(at, text.chars().count());
                    let found = at.and_then(|at| text.chars().nth(at));
                    found.map_or(Value::Undefined, |c| Value::text(c.encode_utf8(&mut [0; 4])))
                }
                None => Value::Undefined,
            },
            _ => Value::Undefined,
        }
    }

    /// As `{{ }}` prints it.
    pub fn print(&self, out: &mut String) {
        match self {
            Value::Undefined => {}
            Value::Text(text) => out.push_str(text),
            _ => self.represent(out),
        }
    }

    /// Python's `repr`. Depth is bounded.
    fn represent(&self, out: &mut String) {
        match self {
            Value::Undefined => {}
            Value::None => out.push_str("None"),
            Value::Bool(flag) => out.push_str(if *flag { "True" } else { "False" }),
            Value::Int(n) => out.push_str(&n.to_string()),
            Value::Float(x) => out.push_str(&alloc::format!("{x:?}")),
            Value::Text(text) => {
                let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
                out.push(quote);
                for character in text.chars() {
                    match character {
                        '\n' => out.push_str("\\n"),
                        '\t' => out.push_str("\\t"),
                        '\r' => out.push_str("\\r"),
                        '\\' => out.push_str("\\\\"),
                        c if c == quote => {
                            out.push('\\');
                            out.push(c);
                        }
                        c => out.push(c),
                    }
                }
                out.push(quote);
            }
            Value::List(list, _) => {
                out.push('[');
                for (nth, value) in list.iter().enumerate() {
                    out.push_str(if nth > 0 { ", " } else { "" });
                    value.represent(out);
                }
                out.push(']');
            }
            Value::Dictionary(members, _) => {
                out.push('{');
                for (nth, (key, value)) in members.iter().enumerate() {
                    out.push_str(if nth > 0 { ", " } else { "" });
                    key.represent(out);
                    out.push_str(": ");
                    value.represent(out);
                }
                out.push('}');
            }
            Value::Namespace(_) => out.push_str("<namespace>"),
            Value::Macro(_) | Value::Function(_) => out.push_str("<function>"),
        }
    }

    /// Python's `json.dumps`, with every character as it is; with an indent each element on a line of its own.
    pub fn to_json(&self, indent: Option<usize>, depth: usize, out: &mut String) {
        let line = |depth: usize, out: &mut String| {
            if let Some(indent) = indent {
                out.push('\n');
                out.extend(core::iter::repeat_n(' ', indent * depth));
            }
        };
        let comma = if indent.is_some() { "," } else { ", " };
        match self {
            Value::Undefined | Value::None | Value::Namespace(_) | Value::Macro(_) | Value::Function(_) => {
                out.push_str("null");
            }
            Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(_) | Value::Float(_) => self.represent(out),
            Value::Text(text) => {
                let mut writer = Writer::new(out);
                writer.string(text);
                writer.finish();
            }
            Value::List(list, _) if list.is_empty() => out.push_str("[]"),
            Value::Dictionary(members, _) if members.is_empty() => out.push_str("{}"),
            Value::List(list, _) => {
                out.push('[');
                for (nth, value) in list.iter().enumerate() {
                    out.push_str(if nth > 0 { comma } else { "" });
                    line(depth + 1, out);
                    value.to_json(indent, depth + 1, out);
                }
                line(depth, out);
                out.push(']');
            }
            Value::Dictionary(members, _) => {
                out.push('{');
                for (nth, (key, value)) in members.iter().enumerate() {
                    out.push_str(if nth > 0 { comma } else { "" });
                    line(depth + 1, out);
                    let mut name = String::new();
                    key.print(&mut name);
                    Value::text(&name).to_json(indent, depth + 1, out);
                    out.push_str(": ");
                    value.to_json(indent, depth + 1, out);
                }
                line(depth, out);
                out.push('}');
            }
        }
    }

    /// What a loop goes over; `None` for what cannot be gone over.
    pub fn elements(&self) -> Option<Vec<Value>> {
        match self {
            Value::List(list, _) => Some(list.to_vec()),
            Value::Dictionary(members, _) => Some(members.iter().map(|(key, _)| key.clone()).collect()),
            Value::Text(text) => {
                Some(text.chars().map(|c| Value::text(c.encode_utf8(&mut [0; 4]))).collect())
            }
            Value::Undefined => Some(Vec::new()),
            _ => None,
        }
    }
}

/// A place from the front, or from the end if it is negative.
pub(super) fn place(at: i64, len: usize) -> Option<usize> {
    let at = if at < 0 { at.checked_add(len as i64)? } else { at };
    usize::try_from(at).ok().filter(|&at| at < len)
}
