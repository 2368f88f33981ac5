//! A JSON schema as a grammar.
//!
//! Every text of the grammar is valid by the schema; not every valid text is of the grammar: properties stand in the order of the schema, and others only
//! where `additionalProperties` says what they are. A keyword that would be violated by leaving it out is refused by its place. Annotations
//! (`title`, `description`, `default`, `format` …) say nothing here.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dolmen_text::json::{Document, Kind, ReadError, Value, Writer};

use crate::grammar::{Grammar, GrammarError};
use crate::limits::{GRAMMAR_LEN_MAX, SCHEMA_DEPTH_MAX};

/// Why a schema cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is no JSON.
    Json(ReadError),
    /// Something is not as schemas have it.
    Invalid {
        /// Where, in bytes.
        at: usize,
    },
    /// A keyword that is not known here.
    Unsupported {
        /// Where its value stands, in bytes.
        at: usize,
    },
    /// Nested deeper than [`SCHEMA_DEPTH_MAX`].
    TooDeep {
        /// Where, in bytes.
        at: usize,
    },
    /// The grammar that it becomes cannot be used.
    Grammar(GrammarError),
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaError::Json(error) => write!(f, "the schema is no sound JSON: {error}"),
            SchemaError::Invalid { at } => write!(f, "what stands at byte {at} of the schema is no schema"),
            SchemaError::Unsupported { at } => {
                write!(f, "what byte {at} of the schema asks for is not known here")
            }
            SchemaError::TooDeep { at } => {
                write!(f, "the schema is nested deeper than {SCHEMA_DEPTH_MAX} at byte {at}")
            }
            SchemaError::Grammar(error) => write!(f, "the schema's grammar: {error}"),
        }
    }
}

impl core::error::Error for SchemaError {}

/// Rules that every schema may use. White space is short, so that no model stays in it.
const COMMON: &str = r#"space ::= | " " | "\n" [ ]{0,8}
char ::= [^"\\\x7f\x00-\x1f] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4})
string ::= "\"" char* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
null ::= "null"
object ::= "{" space (string ":" space value ("," space string ":" space value)*)? space "}"
array ::= "[" space (value ("," space value)*)? space "]"
value ::= object | array | string | number | boolean | null
"#;

/// Any JSON object.
///
/// # Panics
///
/// Never: the grammar is a constant.
pub fn any_object() -> Grammar {
    Grammar::parse(&format!("root ::= object\n{COMMON}")).expect("the constant grammar is sound")
}

/// The grammar of a schema.
///
/// # Errors
///
/// [`SchemaError`].
pub fn grammar(schema: &[u8]) -> Result<Grammar, SchemaError> {
    Grammar::parse(&text(schema)?).map_err(SchemaError::Grammar)
}

/// The same as a text in llama.cpp's form.
///
/// # Errors
///
/// As [`grammar`].
pub fn text(schema: &[u8]) -> Result<String, SchemaError> {
    let document = Document::read(schema).map_err(SchemaError::Json)?;
    let mut maker = Maker {
        root: document.root(),
        rules: String::new(),
        references: BTreeMap::new(),
        waiting: Vec::new(),
    };
    let body = maker.schema(document.root(), 0)?;
    let mut text = format!("root ::= {body}\n");
    // References make rules, which may hold further ones.
    while let Some((name, at)) = maker.waiting.pop() {
        let target = maker.find(&at.0).ok_or(SchemaError::Invalid { at: at.1 })?;
        let body = maker.schema(target, 0)?;
        maker.rules.push_str(&format!("{name} ::= {body}\n"));
        maker.check_len()?;
    }
    text.push_str(&maker.rules);
    text.push_str(COMMON);
    Ok(text)
}

struct Maker<'d> {
    root: Value<'d>,
    rules: String,
    /// Rules of references by their text.
    references: BTreeMap<String, String>,
    waiting: Vec<(String, (String, usize))>,
}

/// Keywords that say something about values and are not known here.
const REFUSED: [&str; 22] = [
    "pattern",
    "multipleOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "contains",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "maximum",
    "exclusiveMaximum",
    "minContains",
];

/// A text as a literal of a grammar.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A value as JSON, as a literal of a grammar.
fn constant(value: Value<'_>) -> String {
    let mut json = String::new();
    let mut writer = Writer::new(&mut json);
    writer.value(value);
    writer.finish();
    literal(&json)
}

fn quoted(text: &str) -> String {
    let mut json = String::new();
    let mut writer = Writer::new(&mut json);
    writer.string(text);
    writer.finish();
    literal(&json)
}

impl<'d> Maker<'d> {
    fn check_len(&self) -> Result<(), SchemaError> {
        let limit = GrammarError::Limit { what: "bytes of a grammar", max: GRAMMAR_LEN_MAX };
        if self.rules.len() > GRAMMAR_LEN_MAX { Err(SchemaError::Grammar(limit)) } else { Ok(()) }
    }

    /// What `#/$defs/name` points to.
    fn find(&self, pointer: &str) -> Option<Value<'d>> {
        let path = pointer.strip_prefix('#')?;
        let mut at = self.root;
        for part in path.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            at = match at.kind() {
                Kind::Array => at.items().nth(part.parse().ok()?)?,
                _ => at.get(&part)?,
            };
        }
        Some(at)
    }

    /// The right side of a rule.
    fn schema(&mut self, schema: Value<'d>, depth: usize) -> Result<String, SchemaError> {
        let at = schema.offset();
        if depth > SCHEMA_DEPTH_MAX {
            return Err(SchemaError::TooDeep { at });
        }
        match schema.as_bool() {
            Some(true) => return Ok(String::from("value")),
            Some(false) => return Err(SchemaError::Unsupported { at }),
            None => {}
        }
        if schema.kind() != Kind::Object {
            return Err(SchemaError::Invalid { at });
        }
        if let Some(refused) = REFUSED.iter().find_map(|name| schema.get(name)) {
            return Err(SchemaError::Unsupported { at: refused.offset() });
        }
        if let Some(reference) = schema.get("$ref") {
            return self.reference(reference);
        }
        if let Some(value) = schema.get("const") {
            return Ok(constant(value));
        }
        if let Some(values) = schema.get("enum") {
            let all: Vec<String> = values.items().map(constant).collect();
            return self.any(&all, values.offset());
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(options) = schema.get(name) {
                let all: Result<Vec<String>, _> =
                    options.items().map(|option| self.schema(option, depth + 1)).collect();
                return self.any(&all?, options.offset());
            }
        }
        let Some(kinds) = schema.get("type") else {
            return match (schema.get("properties"), schema.get("items")) {
                (Some(_), _) => self.object(schema, depth),
                (None, Some(_)) => self.array(schema, depth),
                (None, None) => Ok(String::from("value")),
            };
        };
        if kinds.kind() == Kind::Array {
            let all: Result<Vec<String>, _> =
                kinds.items().map(|kind| self.typed(schema, kind, depth)).collect();
            return self.any(&all?, kinds.offset());
        }
        self.typed(schema, kinds, depth)
    }

    fn any(&self, all: &[String], at: usize) -> Result<String, SchemaError> {
        if all.is_empty() {
            return Err(SchemaError::Invalid { at });
        }
        Ok(format!("({})", all.join(" | ")))
    }

    fn reference(&mut self, reference: Value<'d>) -> Result<String, SchemaError> {
        let at = reference.offset();
        let pointer = reference.as_str().ok_or(SchemaError::Invalid { at })?;
        if !pointer.starts_with('#') {
            return Err(SchemaError::Unsupported { at });
        }
        if let Some(name) = self.references.get(&*pointer) {
            return Ok(name.clone());
        }
        let name = format!("ref{}", self.references.len());
        self.references.insert(pointer.to_string(), name.clone());
        self.waiting.push((name.clone(), (pointer.into_owned(), at)));
        Ok(name)
    }

    fn typed(&mut self, schema: Value<'d>, kind: Value<'d>, depth: usize) -> Result<String, SchemaError> {
        let name: Cow<'_, str> = kind.as_str().ok_or(SchemaError::Invalid { at: kind.offset() })?;
        match &*name {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => match count(schema, "minLength", "maxLength")? {
                (0, None) => Ok(String::from("string")),
                bounds => Ok(format!("\"\\\"\" char{} \"\\\"\"", times(bounds))),
            },
            "integer" | "number" => number(schema, &name),
            "boolean" | "null" => Ok(name.into_owned()),
            _ => Err(SchemaError::Invalid { at: kind.offset() }),
        }
    }

    /// Properties in their order; each but the required ones may be missing. `rest` is what stands behind the ones so far, with a comma before it.
    fn object(&mut self, schema: Value<'d>, depth: usize) -> Result<String, SchemaError> {
        let required: Vec<Cow<'_, str>> =
            schema.get("required").into_iter().flat_map(Value::items).filter_map(Value::as_str).collect();
        let mut parts = Vec::new();
        for (name, property) in schema.get("properties").into_iter().flat_map(Value::members) {
            let value = self.schema(property, depth + 1)?;
            let part = format!("{} \":\" space ({value})", quoted(&name));
            parts.push((part, required.contains(&name)));
        }
        let known = |name: &str| schema.get("properties").is_some_and(|all| all.get(name).is_some());
        let more = match schema.get("additionalProperties") {
            Some(more) if more.as_bool() == Some(false) => None,
            Some(more) => Some(self.schema(more, depth + 1)?),
            None if parts.is_empty() => Some(String::from("value")),
            None => None,
        };
        for name in required.iter().filter(|name| !known(name)) {
            // One that is nowhere described can be anything, if anything may be there.
            if schema.get("additionalProperties").and_then(Value::as_bool) == Some(false) {
                return Err(SchemaError::Invalid { at: schema.offset() });
            }
            parts.push((format!("{} \":\" space value", quoted(name)), true));
        }
        let more = more.map(|more| format!("string \":\" space ({more})"));
        if parts.is_empty() {
            let Some(more) = more else { return Ok(String::from("\"{\" space \"}\"")) };
            return Ok(format!("\"{{\" space ({more} (\",\" space {more})*)? space \"}}\""));
        }
        // From the last property to the first: with a property before it, and without one.
        let (mut after, mut first) = match &more {
            Some(more) => (format!("(\",\" space {more})*"), format!("({more} (\",\" space {more})*)?")),
            None => (String::new(), String::new()),
        };
        for (part, is_required) in parts.iter().rev() {
            let begun = format!("{part} {after}");
            if *is_required {
                first.clone_from(&begun);
                after = self.named(&format!("\",\" space {begun}"))?;
            } else {
                first = if first.is_empty() { format!("({begun})?") } else { format!("({begun} | {first})") };
                let with = format!("\",\" space {begun}");
                after = if after.is_empty() {
                    self.named(&format!("({with})?"))?
                } else {
                    self.named(&format!("({with} | {after})"))?
                };
            }
        }
        Ok(format!("\"{{\" space {first} space \"}}\""))
    }

    /// A rule for what is used more than once.
    fn named(&mut self, body: &str) -> Result<String, SchemaError> {
        let name = format!("part{}", self.rules.bytes().filter(|&byte| byte == b'\n').count());
        self.rules.push_str(&format!("{name} ::= {body}\n"));
        self.check_len()?;
        Ok(name)
    }

    fn array(&mut self, schema: Value<'d>, depth: usize) -> Result<String, SchemaError> {
        if let Some(items) = schema.get("prefixItems") {
            let all: Result<Vec<String>, _> =
                items.items().map(|item| self.schema(item, depth + 1)).collect();
            let all: Vec<String> = all?.into_iter().map(|item| format!("({item})")).collect();
            return Ok(format!("\"[\" space {} space \"]\"", all.join(" \",\" space ")));
        }
        let item = match schema.get("items") {
            Some(items) => self.schema(items, depth + 1)?,
            None => String::from("value"),
        };
        let (least, most) = count(schema, "minItems", "maxItems")?;
        if most == Some(0) {
            return Ok(String::from("\"[\" space \"]\""));
        }
        let item = self.named(&item)?;
        let more = times((least.saturating_sub(1), most.map(|most| most - 1)));
        let list = format!("{item} (\",\" space {item}){more}");
        let list = if least == 0 { format!("({list})?") } else { list };
        Ok(format!("\"[\" space {list} space \"]\""))
    }
}

fn times((least, most): (u64, Option<u64>)) -> String {
    match most {
        Some(most) => format!("{{{least},{most}}}"),
        None => format!("{{{least},}}"),
    }
}

fn count(schema: Value<'_>, least: &str, most: &str) -> Result<(u64, Option<u64>), SchemaError> {
    let number = |name: &str| match schema.get(name) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_number().and_then(|number| number.as_u64());
            number.map(Some).ok_or(SchemaError::Invalid { at: value.offset() })
        }
    };
    Ok((number(least)?.unwrap_or(0), number(most)?))
}

/// A number; of bounds only "not below zero" and "above zero" are known.
fn number(schema: Value<'_>, name: &str) -> Result<String, SchemaError> {
    let bound = |name: &str| {
        schema.get(name).map(|value| (value.offset(), value.as_number().and_then(|n| n.as_f64())))
    };
    match (bound("minimum"), bound("exclusiveMinimum"), name) {
        (None, None, _) => Ok(name.to_string()),
        (Some((_, Some(0.0))), None, "integer") => Ok(String::from("(\"0\" | [1-9] [0-9]{0,15})")),
        (Some((_, Some(1.0))), None, "integer") | (None, Some((_, Some(0.0))), "integer") => {
            Ok(String::from("[1-9] [0-9]{0,15}"))
        }
        (Some((_, Some(0.0))), None, _) => {
            Ok(String::from("(\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]{1,16})?"))
        }
        (Some((at, _)), ..) | (_, Some((at, _)), _) => Err(SchemaError::Unsupported { at }),
    }
}
