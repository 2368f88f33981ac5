//! Rust text of one message.

use std::fmt::Write;

use super::schema::{Field, Kind, Schema, Struct, Versions, element};

/// The module of one message.
pub fn module(schema: &Schema) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "//! `{}` of Kafka's protocol. Written by `cargo xtask kafka-messages`.\n",
        schema.name
    );
    let body: String = schema.structs.iter().map(|s| item(schema, s)).collect();
    let parts = [
        "List",
        "Reader",
        "Unknown",
        "Uuid",
        "Wire",
        "WireError",
        "Writer",
        "absent",
        "read_optional",
        "read_tagged",
        "write_optional",
        "write_tagged",
    ];
    let used: Vec<_> = parts.into_iter().filter(|part| mentions(&body, part)).collect();
    let _ = writeln!(out, "use crate::wire::{{Message, {}}};\n", used.join(", "));
    let message = &schema.structs[0];
    out.push_str(&body);
    let _ = writeln!(
        out,
        "impl<'a> Message<'a> for {} {{\n    const KEY: i16 = {};\n    const VERSIONS: (i16, i16) = ({}, {});\n    const FLEXIBLE_FROM: i16 = {};\n}}",
        message.named(schema),
        schema.key.filter(|_| schema.is_api).unwrap_or(-1),
        schema.valid.low,
        schema.valid.high,
        flexible_from(schema),
    );
    out
}

/// `mod.rs`: all modules, and the table of APIs. The first `apis` schemas are requests and responses in turn.
pub fn index(schemas: &[Schema], apis: usize) -> String {
    let mut out = String::from(
        "//! Kafka's protocol messages and the records of its internal topics, as types. Written by `cargo xtask kafka-messages` from\n\
         //! the schemas of Apache Kafka 4.4.0.\n\nuse crate::wire::Api;\n\n",
    );
    for schema in schemas {
        let _ = writeln!(out, "pub mod {};", snake(&schema.name));
    }
    for schema in schemas {
        let _ = writeln!(out, "pub use {}::{};", snake(&schema.name), schema.name);
    }
    out.push_str("\n/// Every API that is known here, by key.\npub const APIS: &[Api] = &[\n");
    let mut requests: Vec<&Schema> = schemas[..apis].iter().step_by(2).collect();
    requests.sort_by_key(|schema| schema.key);
    for schema in requests {
        let name = schema.name.trim_end_matches("Request");
        let (low, high) = (schema.valid.low, schema.valid.high);
        let _ = writeln!(
            out,
            "Api {{ key: {}, name: \"{name}\", low: {low}, high: {high}, flexible_from: {} }},",
            schema.key.unwrap_or(-1),
            flexible_from(schema),
        );
    }
    out.push_str("];\n");
    out
}

fn flexible_from(schema: &Schema) -> String {
    if schema.flexible.is_empty() { "i16::MAX".into() } else { schema.flexible.low.to_string() }
}

impl Struct {
    /// The name with its lifetime, if it has one.
    fn named(&self, schema: &Schema) -> String {
        let lifetime = if borrows(schema, &self.name) { "<'a>" } else { "" };
        format!("{}{lifetime}", self.name)
    }
}

fn borrows(schema: &Schema, name: &str) -> bool {
    let fields = schema.structs.iter().find(|s| s.name == name).map_or(&[][..], |s| &s.fields);
    !schema.flexible.is_empty()
        || fields.iter().any(|field| match &field.kind {
            Kind::Plain(_) => false,
            Kind::Str | Kind::Bytes | Kind::List(_) => true,
            Kind::Struct(inner) => borrows(schema, inner),
        })
}

fn item(schema: &Schema, this: &Struct) -> String {
    let flexible = !schema.flexible.is_empty();
    let what = if this.name == schema.name {
        format!("The message, versions {} to {}.", schema.valid.low, schema.valid.high)
    } else {
        format!("`{}` within [`{}`].", this.name, schema.name)
    };
    let plain = this.fields.iter().all(|field| is_plain_default(schema, field));
    let derive = if plain { "Clone, Debug, Default, PartialEq" } else { "Clone, Debug, PartialEq" };
    let mut out = format!("/// {what}\n#[derive({derive})]\npub struct {} {{\n", this.named(schema));
    for field in this.ordered() {
        let _ = writeln!(
            out,
            "    /// {}\n    pub {}: {},",
            about(schema, field),
            member(field),
            rust(schema, field)
        );
    }
    if flexible {
        out.push_str("    /// Tagged fields that are not known here.\n    pub unknown: Unknown<'a>,\n");
    }
    out.push_str("}\n\n");
    if !plain {
        let name = if borrows(schema, &this.name) { format!("{}<'_>", this.name) } else { this.name.clone() };
        let _ = writeln!(
            out,
            "impl Default for {name} {{\n    fn default() -> Self {{\n        {} {{",
            this.name
        );
        for field in this.ordered() {
            let _ = writeln!(out, "            {}: {},", member(field), default(schema, field));
        }
        if flexible {
            out.push_str("            unknown: Unknown::default(),\n");
        }
        out.push_str("        }\n    }\n}\n\n");
    }
    let _ = writeln!(out, "impl<'a> Wire<'a> for {} {{", this.named(schema));
    out.push_str(&reader(schema, this));
    out.push_str(&writer(schema, this));
    out.push_str("}\n\n");
    out
}

impl Struct {
    /// Fields in their order on the wire: tagged ones last, by tag.
    fn ordered(&self) -> Vec<&Field> {
        let mut fields: Vec<&Field> = self.fields.iter().collect();
        fields.sort_by_key(|field| field.tag.map_or(-1, i64::from));
        fields
    }
}

fn reader(schema: &Schema, this: &Struct) -> String {
    let mut body = String::new();
    for field in this.ordered() {
        let name = member(field);
        let value = match (field.tag, condition(schema, field.versions)) {
            (Some(_), _) => default(schema, field),
            (None, None) => read(schema, field),
            (None, Some(c)) => {
                format!("if {c} {{ {} }} else {{ {} }}", read(schema, field), default(schema, field))
            }
        };
        let _ = writeln!(body, "            {name}: {value},");
    }
    let tagged: Vec<&Field> = this.ordered().into_iter().filter(|field| field.tag.is_some()).collect();
    let text = if schema.flexible.is_empty() {
        format!("        Ok({} {{\n{body}        }})\n", this.name)
    } else if tagged.is_empty() {
        format!(
            "        Ok({} {{\n{body}            unknown: r.tagged(|_, _| Ok(false))?,\n        }})\n",
            this.name
        )
    } else {
        let mut arms = String::new();
        for field in tagged {
            let guard = condition(schema, field.versions.and(schema.flexible))
                .filter(|_| field.versions.low > schema.flexible.low)
                .map_or(String::new(), |c| format!(" if {c}"));
            let tag = field.tag.unwrap_or(0);
            let _ = writeln!(arms, "{tag}{guard} => out.{} = {},", member(field), read(schema, field));
        }
        format!(
            "        let mut out = {} {{\n{body}            unknown: Unknown::default(),\n        }};\n        \
             out.unknown = r.tagged(|tag, r| {{\n match tag {{\n{arms} _ => return Ok(false),\n }}\n Ok(true)\n }})?;\n        Ok(out)\n",
            this.name
        )
    };
    let version = if mentions(&text, "v") { "v" } else { "_" };
    let r = if mentions(&text, "r") { "r" } else { "_" };
    format!(
        "    fn read({r}: &mut Reader<'a>, {version}: i16) -> Result<Self, WireError> {{\n{text}    }}\n\n"
    )
}

fn writer(schema: &Schema, this: &Struct) -> String {
    let mut body = String::new();
    for field in this.ordered() {
        body.push_str(&write_field(schema, this, field));
    }
    if schema.flexible.is_empty() {
        body.push_str("        Ok(())\n");
    } else {
        let tagged: Vec<&Field> = this.ordered().into_iter().filter(|field| field.tag.is_some()).collect();
        for field in &tagged {
            let is_set = differs(schema, field);
            let set = match condition(schema, field.versions) {
                None => is_set,
                Some(c) => format!("{c} && {is_set}"),
            };
            let _ = writeln!(body, "        let has_{} = {set};", member(field).trim_start_matches("r#"));
        }
        let count: Vec<_> =
            tagged.iter().map(|f| format!("u32::from(has_{})", member(f).trim_start_matches("r#"))).collect();
        let count = if count.is_empty() { "0".to_owned() } else { count.join(" + ") };
        let mutable = if tagged.is_empty() { "" } else { "let mut tags = " };
        if tagged.is_empty() {
            let _ = writeln!(body, "        w.tagged({count}, &self.unknown).finish();");
        } else {
            let _ = writeln!(body, "        {mutable}w.tagged({count}, &self.unknown);");
            for field in &tagged {
                let name = member(field);
                let _ = writeln!(
                    body,
                    "        if has_{} {{\n            tags.field({}, |w| {})?;\n        }}",
                    name.trim_start_matches("r#"),
                    field.tag.unwrap_or(0),
                    write(schema, field),
                );
            }
            body.push_str("        tags.finish();\n");
        }
        body.push_str("        Ok(())\n");
    }
    let version = if mentions(&body, "v") { "v" } else { "_" };
    let w = if mentions(&body, "w") { "w" } else { "_" };
    format!(
        "    fn write(&self, {w}: &mut Writer<'_>, {version}: i16) -> Result<(), WireError> {{\n{body}    }}\n"
    )
}

/// One field of the ordinary kind; of a tagged one, the refusal to lose it.
fn write_field(schema: &Schema, this: &Struct, field: &Field) -> String {
    let absent = |is_default: String| format!("absent({is_default}, \"{}.{}\", v)?;", this.name, field.name);
    let lost = (!field.ignorable).then(|| equals(schema, field));
    match (field.tag, condition(schema, field.versions), lost) {
        (Some(_), Some(c), Some(lost)) => format!("        {}\n", absent(format!("{c} || {lost}"))),
        (Some(_), ..) => String::new(),
        (None, None, _) => format!("        {}?;\n", write(schema, field)),
        (None, Some(c), Some(lost)) => {
            format!("        if {c} {{ {}?; }} else {{ {} }}\n", write(schema, field), absent(lost))
        }
        (None, Some(c), None) => format!("        if {c} {{ {}?; }}\n", write(schema, field)),
    }
}

fn read(schema: &Schema, field: &Field) -> String {
    let here = field.versions.and(schema.valid);
    match field.nullable.and(here) {
        _ if is_tagged_struct(field) => "read_tagged(r, v)?".into(),
        _ if field.nullable.is_empty() => "Wire::read(r, v)?".into(),
        null if null == here => "Wire::read_nullable(r, v)?".into(),
        null if null.is_empty() => "Some(Wire::read(r, v)?)".into(),
        null => format!("read_optional(r, v, {})?", condition(schema, null).unwrap_or_else(|| "true".into())),
    }
}

fn write(schema: &Schema, field: &Field) -> String {
    let name = member(field);
    if field.nullable.is_empty() {
        return format!("self.{name}.write(w, v)");
    }
    if is_tagged_struct(field) {
        return format!("write_tagged(self.{name}.as_ref(), w, v)");
    }
    let here = field.versions.and(schema.valid);
    let null = field.nullable.and(here);
    if null == here {
        return format!("Wire::write_nullable(self.{name}.as_ref(), w, v)");
    }
    let nullable = if null.is_empty() {
        "false".into()
    } else {
        condition(schema, null).unwrap_or_else(|| "true".into())
    };
    format!("write_optional(self.{name}.as_ref(), w, v, {nullable}, \"{}\")", field.name)
}

/// A struct that may be null has another form in a tagged field.
fn is_tagged_struct(field: &Field) -> bool {
    field.tag.is_some() && !field.nullable.is_empty() && matches!(field.kind, Kind::Struct(_))
}

/// The test whether a version lies in a range; `None` if every valid one does.
fn condition(schema: &Schema, versions: Versions) -> Option<String> {
    let valid = schema.valid;
    let here = versions.and(valid);
    match (here.low > valid.low, here.high < valid.high) {
        (false, false) => None,
        _ if here.is_empty() => Some("false".into()),
        (true, false) => Some(format!("v >= {}", here.low)),
        (false, true) => Some(format!("v <= {}", here.high)),
        (true, true) if here.low == here.high => Some(format!("v == {}", here.low)),
        (true, true) => Some(format!("({}..={}).contains(&v)", here.low, here.high)),
    }
}

fn rust(schema: &Schema, field: &Field) -> String {
    let text = rust_kind(schema, &field.kind);
    if field.nullable.is_empty() { text } else { format!("Option<{text}>") }
}

fn rust_kind(schema: &Schema, kind: &Kind) -> String {
    match kind {
        Kind::Plain(name) => (*name).into(),
        Kind::Str => "&'a str".into(),
        Kind::Bytes => "&'a [u8]".into(),
        Kind::Struct(name) if borrows(schema, name) => format!("{name}<'a>"),
        Kind::Struct(name) => name.clone(),
        Kind::List(inner) => format!("List<'a, {}>", rust_kind(schema, inner)),
    }
}

fn default(schema: &Schema, field: &Field) -> String {
    if field.default.as_deref() == Some("null") {
        return "None".into();
    }
    let text = field.default.as_deref().unwrap_or("");
    let value = match &field.kind {
        Kind::Plain("bool") => if text == "true" { "true" } else { "false" }.to_owned(),
        Kind::Plain("f64") => if text.is_empty() { "0.0" } else { text }.to_owned(),
        Kind::Plain("Uuid") => "Uuid::default()".into(),
        Kind::Plain(int) => number(text, int),
        Kind::Str => format!("{text:?}"),
        Kind::Bytes => "&[]".into(),
        Kind::List(_) => "List::default()".into(),
        Kind::Struct(name) if schema.structs.iter().any(|s| s.name == *name) => format!("{name}::default()"),
        Kind::Struct(name) => unreachable!("{name} has no fields"),
    };
    if field.nullable.is_empty() { value } else { format!("Some({value})") }
}

fn number(text: &str, int: &str) -> String {
    match text {
        "" => "0".into(),
        "0x7fffffff" => format!("{int}::MAX"),
        _ => text.to_owned(),
    }
}

/// Whether Rust's own default is the schema's.
fn is_plain_default(schema: &Schema, field: &Field) -> bool {
    let value = default(schema, field);
    matches!(value.as_str(), "None" | "0" | "0.0" | "false" | "\"\"" | "&[]")
        || value.ends_with("::default()")
}

fn equals(schema: &Schema, field: &Field) -> String {
    let name = member(field);
    match default(schema, field).as_str() {
        "true" => format!("self.{name}"),
        "false" => format!("!self.{name}"),
        "None" => format!("self.{name}.is_none()"),
        "\"\"" | "List::default()" | "&[]" => format!("self.{name}.is_empty()"),
        value => format!("self.{name} == {value}"),
    }
}

fn differs(schema: &Schema, field: &Field) -> String {
    let name = member(field);
    match default(schema, field).as_str() {
        "true" => format!("!self.{name}"),
        "false" => format!("self.{name}"),
        "None" => format!("self.{name}.is_some()"),
        "\"\"" | "List::default()" | "&[]" => format!("!self.{name}.is_empty()"),
        value => format!("self.{name} != {value}"),
    }
}

fn about(schema: &Schema, field: &Field) -> String {
    let kind = match element(&field.kind) {
        Kind::Plain(name) => (*name).to_owned(),
        Kind::Str => "text".into(),
        Kind::Bytes => "bytes".into(),
        Kind::Struct(name) => format!("[`{name}`]"),
        Kind::List(_) => String::new(),
    };
    let list = if matches!(field.kind, Kind::List(_)) { "list of " } else { "" };
    let here = field.versions.and(schema.valid);
    let versions = match condition(schema, field.versions) {
        None => String::new(),
        Some(_) if here.high >= schema.valid.high => format!(", from version {}", here.low),
        Some(_) if here.low == here.high => format!(", version {}", here.low),
        Some(_) => format!(", versions {} to {}", here.low, here.high),
    };
    let tag = field.tag.map_or(String::new(), |tag| format!(", tag {tag}"));
    format!("`{}`: {list}{kind}{versions}{tag}.", field.name)
}

fn member(field: &Field) -> String {
    let name = snake(&field.name);
    if ["type", "match", "ref", "use", "mod"].contains(&name.as_str()) { format!("r#{name}") } else { name }
}

/// `ProducerId` and `producerId` as `producer_id`.
pub fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        before = c;
    }
    out
}

/// Whether the word stands in the text.
fn mentions(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::super::schema::parse;
    use super::*;

    #[test]
    fn names_become_snake_case() {
        assert_eq!(snake("ThrottleTimeMs"), "throttle_time_ms");
        assert_eq!(snake("producerId"), "producer_id");
        assert_eq!(snake("ISR"), "isr");
    }

    #[test]
    fn versions_become_conditions() {
        let text = r#"{ "apiKey": 1, "type": "request", "name": "DemoRequest", "validVersions": "2-5", "flexibleVersions": "4+",
            "fields": [ { "name": "A", "type": "int32", "versions": "0+" }, { "name": "B", "type": "string", "versions": "3-4",
            "nullableVersions": "4+", "default": "null" }, { "name": "C", "type": "bool", "versions": "4+", "taggedVersions": "4+", "tag": 0 } ] }"#;
        let text = module(&parse(text).unwrap());
        assert!(text.contains("a: Wire::read(r, v)?,"), "{text}");
        assert!(
            text.contains("b: if (3..=4).contains(&v) { read_optional(r, v, v == 4)? } else { None },"),
            "{text}"
        );
        assert!(text.contains("0 => out.c = Wire::read(r, v)?,"), "{text}");
        assert!(text.contains("const FLEXIBLE_FROM: i16 = 4;"), "{text}");
    }
}
