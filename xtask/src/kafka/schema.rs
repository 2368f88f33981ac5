//! Kafka's message schemas: JSON with comments.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// One message.
pub struct Schema {
    /// Its name, such as `FetchRequest`.
    pub name: String,
    /// The API's key, of requests and responses.
    pub key: Option<i64>,
    /// Whether it is a request or a response.
    pub is_api: bool,
    /// Versions that exist.
    pub valid: Versions,
    /// Versions with flexible fields.
    pub flexible: Versions,
    /// The message itself first, then the structs within it.
    pub structs: Vec<Struct>,
}

/// A struct within a message.
pub struct Struct {
    /// Its name.
    pub name: String,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

/// A field of a struct.
pub struct Field {
    /// Its name in the schema.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Versions in which it stands among the fields, or among the tagged ones.
    pub versions: Versions,
    /// Versions in which it may be null.
    pub nullable: Versions,
    /// Its tag, if it is tagged.
    pub tag: Option<u32>,
    /// Whether a version without it may lose it in silence.
    pub ignorable: bool,
    /// Its default as the schema writes it.
    pub default: Option<String>,
}

/// A type.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// A Rust type without a lifetime.
    Plain(&'static str),
    /// `string`.
    Str,
    /// `bytes` and `records`.
    Bytes,
    /// A struct of this message.
    Struct(String),
    /// An array.
    List(Box<Kind>),
}

/// A range of versions; empty where `low > high`.
#[derive(Clone, Copy, PartialEq)]
pub struct Versions {
    /// The first.
    pub low: i16,
    /// The last.
    pub high: i16,
}

impl Versions {
    /// No version.
    pub const NONE: Versions = Versions { low: 0, high: -1 };

    fn parse(text: &str) -> Result<Versions> {
        let number = |text: &str| text.parse::<i16>().with_context(|| format!("{text} is no version"));
        Ok(match text.split_once('-') {
            _ if text == "none" => Versions::NONE,
            Some((low, high)) => Versions { low: number(low)?, high: number(high)? },
            None => match text.strip_suffix('+') {
                Some(low) => Versions { low: number(low)?, high: i16::MAX },
                None => Versions { low: number(text)?, high: number(text)? },
            },
        })
    }

    /// Versions in both.
    pub fn and(self, other: Versions) -> Versions {
        Versions { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.low > self.high
    }
}

/// Reads one schema.
pub fn parse(text: &str) -> Result<Schema> {
    let stripped: String = text.lines().map(|line| without_comment(line).to_owned() + "\n").collect();
    let json: Value = serde_json::from_str(&stripped)?;
    let word = |key: &str| json[key].as_str().with_context(|| format!("lacks {key}"));
    let name = word("name")?.to_owned();
    let mut structs = vec![Struct { name: name.clone(), fields: Vec::new() }];
    let fields = collect(&json["fields"], &mut structs)?;
    structs[0].fields = fields;
    for common in json["commonStructs"].as_array().into_iter().flatten() {
        let name = common["name"].as_str().context("a common struct lacks its name")?.to_owned();
        let fields = collect(&common["fields"], &mut structs)?;
        structs.push(Struct { name, fields });
    }
    Ok(Schema {
        name,
        key: json["apiKey"].as_i64(),
        is_api: matches!(word("type")?, "request" | "response"),
        valid: Versions::parse(word("validVersions")?)?,
        flexible: Versions::parse(word("flexibleVersions")?)?,
        structs,
    })
}

fn collect(fields: &Value, structs: &mut Vec<Struct>) -> Result<Vec<Field>> {
    fields.as_array().context("lacks fields")?.iter().map(|field| one(field, structs)).collect()
}

fn one(json: &Value, structs: &mut Vec<Struct>) -> Result<Field> {
    let name = json["name"].as_str().context("a field lacks its name")?.to_owned();
    let word = |key: &str| json[key].as_str();
    let kind = kind(word("type").with_context(|| format!("{name} lacks its type"))?)?;
    if json["fields"].is_array() {
        let Kind::Struct(inner) = element(&kind) else { bail!("{name} has fields and is no struct") };
        let at = structs.len();
        structs.push(Struct { name: inner.clone(), fields: Vec::new() });
        structs[at].fields = collect(&json["fields"], structs)?;
    }
    ensure!(word("flexibleVersions").is_none(), "{name}: flexible versions of its own are not generated");
    let tag = json["tag"].as_u64().map(u32::try_from).transpose()?;
    let versions = match (tag, word("taggedVersions")) {
        (Some(_), Some(tagged)) => tagged,
        (None, None) => word("versions").with_context(|| format!("{name} lacks its versions"))?,
        _ => bail!("{name}: tag and taggedVersions go together"),
    };
    let default = match &json["default"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Ok(Field {
        kind,
        versions: Versions::parse(versions)?,
        nullable: Versions::parse(word("nullableVersions").unwrap_or("none"))?,
        tag,
        ignorable: json["ignorable"].as_bool().unwrap_or(false),
        default,
        name,
    })
}

fn kind(text: &str) -> Result<Kind> {
    Ok(match text {
        "bool" => Kind::Plain("bool"),
        "int8" => Kind::Plain("i8"),
        "int16" => Kind::Plain("i16"),
        "uint16" => Kind::Plain("u16"),
        "int32" => Kind::Plain("i32"),
        "uint32" => Kind::Plain("u32"),
        "int64" => Kind::Plain("i64"),
        "float64" => Kind::Plain("f64"),
        "uuid" => Kind::Plain("Uuid"),
        "string" => Kind::Str,
        "bytes" | "records" => Kind::Bytes,
        _ => match text.strip_prefix("[]") {
            Some(inner) => Kind::List(Box::new(kind(inner)?)),
            None if text.starts_with(|c: char| c.is_ascii_uppercase()) => Kind::Struct(text.to_owned()),
            None => bail!("{text} is no type"),
        },
    })
}

/// The element of an array, however deep.
pub fn element(kind: &Kind) -> &Kind {
    match kind {
        Kind::List(inner) => element(inner),
        other => other,
    }
}

/// The line up to `//`, unless that stands inside a string.
fn without_comment(line: &str) -> &str {
    let mut inside = false;
    let bytes = line.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'"' if at == 0 || bytes[at - 1] != b'\\' => inside = !inside,
            b'/' if !inside && bytes.get(at + 1) == Some(&b'/') => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_kafka_writes_them() {
        let range = |text| Versions::parse(text).map(|v| (v.low, v.high)).unwrap();
        assert_eq!(range("3"), (3, 3));
        assert_eq!(range("0-12"), (0, 12));
        assert_eq!(range("4+"), (4, i16::MAX));
        assert!(Versions::parse("none").unwrap().is_empty());
        assert!(Versions::parse("x+").is_err());
    }

    #[test]
    fn comments_end_lines_but_not_inside_strings() {
        assert_eq!(without_comment("a // b"), "a ");
        assert_eq!(without_comment(r#""http://x" // y"#), r#""http://x" "#);
    }

    #[test]
    fn structs_within_structs_are_found() {
        let text = r#"{ "apiKey": 7, "type": "request", "name": "DemoRequest", "validVersions": "1-3", "flexibleVersions": "2+",
            "fields": [ { "name": "Topics", "type": "[]Topic", "versions": "1+", "fields": [ // an array
                { "name": "Name", "type": "string", "versions": "1+", "nullableVersions": "2+", "default": "null" },
                { "name": "Extra", "type": "int32", "versions": "2+", "taggedVersions": "2+", "tag": 4, "default": -1 } ] } ] }"#;
        let schema = parse(text).unwrap();
        let names: Vec<_> = schema.structs.iter().map(|s| (s.name.as_str(), s.fields.len())).collect();
        assert_eq!(names, [("DemoRequest", 1), ("Topic", 2)]);
        let extra = &schema.structs[1].fields[1];
        assert_eq!((extra.tag, extra.default.as_deref()), (Some(4), Some("-1")));
        assert!(schema.structs[0].fields[0].kind == Kind::List(Box::new(Kind::Struct("Topic".into()))));
    }
}
