//! Filters, tests, methods and functions, as Jinja and Python have them.

use alloc::string::String;
use alloc::vec::Vec;

use super::value::Value;
use crate::limits::TEMPLATE_OUTPUT_MAX;

/// Why an operation cannot be done; the machine knows where.
#[derive(Debug)]
pub(super) enum Fail {
    Value(&'static str),
    Unsupported(&'static str),
    Limit,
    Raised(String),
}

/// Functions that can be called by name.
pub(super) const FUNCTIONS: [&str; 5] = ["namespace", "range", "raise_exception", "strftime_now", "dict"];

type Named<'a> = &'a [(String, Value)];

fn argument<'a>(nth: usize, name: &str, by_place: &'a [Value], named: Named<'a>) -> Option<&'a Value> {
    by_place.get(nth).or_else(|| named.iter().find(|(known, _)| known == name).map(|(_, value)| value))
}

fn text_of(value: &Value) -> String {
    let mut text = String::new();
    value.print(&mut text);
    text
}

fn list(values: Vec<Value>) -> Result<Value, Fail> {
    Value::list(values).ok_or(Fail::Limit)
}

fn elements(value: &Value) -> Result<Vec<Value>, Fail> {
    value.elements().ok_or(Fail::Value("a list"))
}

pub(super) fn function(name: &str, by_place: &[Value], named: Named<'_>, now: i64) -> Result<Value, Fail> {
    match name {
        "range" => {
            let numbers: Option<Vec<i64>> = by_place.iter().map(Value::as_int).collect();
            let numbers = numbers.ok_or(Fail::Value("whole numbers"))?;
            let (begin, end, step) = match numbers[..] {
                [end] => (0, end, 1),
                [begin, end] => (begin, end, 1),
                [begin, end, step] if step != 0 => (begin, end, step),
                _ => return Err(Fail::Value("one to three whole numbers")),
            };
            let count = if step > 0 { end.saturating_sub(begin) } else { begin.saturating_sub(end) };
            if count / step.saturating_abs() > 1 << 16 {
                return Err(Fail::Limit);
            }
            let (mut at, mut values) = (begin, Vec::new());
            while if step > 0 { at < end } else { at > end } {
                values.push(Value::Int(at));
                at = at.saturating_add(step);
            }
            list(values)
        }
        "raise_exception" => Err(Fail::Raised(by_place.first().map(text_of).unwrap_or_default())),
        "strftime_now" => {
            let format = by_place.first().and_then(Value::as_text).ok_or(Fail::Value("a text"))?;
            Ok(Value::text(&date(format, now)))
        }
        _ => {
            let members = named.iter().map(|(name, value)| (Value::text(name), value.clone())).collect();
            Value::dictionary(members).ok_or(Fail::Limit)
        }
    }
}

/// The date as Python's `strftime` writes it; by Howard Hinnant's `civil_from_days`.
fn date(format: &str, now: i64) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let (days, second) = (now.div_euclid(86_400), now.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let name = |all: &[&'static str], at: i64| all[at.rem_euclid(all.len() as i64) as usize];
        match characters.next() {
            Some('Y') => out.push_str(&alloc::format!("{year:04}")),
            Some('y') => out.push_str(&alloc::format!("{:02}", year % 100)),
            Some('m') => out.push_str(&alloc::format!("{month:02}")),
            Some('d') => out.push_str(&alloc::format!("{day:02}")),
            Some('B') => out.push_str(name(&MONTHS, month - 1)),
            Some('b') => out.push_str(&name(&MONTHS, month - 1)[..3]),
            Some('A') => out.push_str(name(&DAYS, days)),
            Some('a') => out.push_str(&name(&DAYS, days)[..3]),
            Some('H') => out.push_str(&alloc::format!("{:02}", second / 3600)),
            Some('M') => out.push_str(&alloc::format!("{:02}", second / 60 % 60)),
            Some('S') => out.push_str(&alloc::format!("{:02}", second % 60)),
            Some('%') => out.push('%'),
            Some(other) => {
                out.push('%');
                out.push(other);
            }
            None => out.push('%'),
        }
    }
    out
}

pub(super) fn contains(whole: &Value, part: &Value) -> Result<bool, Fail> {
    match (whole, part) {
        (Value::Text(whole), Value::Text(part)) => Ok(whole.contains(&**part)),
        (Value::Text(_), _) => Err(Fail::Value("a text to look for in a text")),
        (Value::Undefined, _) => Ok(false),
        _ => Ok(elements(whole)?.iter().any(|element| element.equals(part))),
    }
}

pub(super) fn test(name: &str, value: &Value, arguments: &[Value]) -> Result<bool, Fail> {
    let other = || arguments.first().ok_or(Fail::Value("an argument of the test"));
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined),
        "undefined" => matches!(value, Value::Undefined),
        "none" => matches!(value, Value::None),
        "string" => matches!(value, Value::Text(_)),
        "mapping" => matches!(value, Value::Dictionary(..)),
        "sequence" => matches!(value, Value::List(..) | Value::Text(_) | Value::Dictionary(..)),
        "iterable" => {
            matches!(value, Value::List(..) | Value::Text(_) | Value::Dictionary(..) | Value::Undefined)
        }
        "number" => matches!(value, Value::Int(_) | Value::Float(_)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "callable" => matches!(value, Value::Macro(_) | Value::Function(_)),
        "odd" => value.as_int().ok_or(Fail::Value("a whole number"))?.rem_euclid(2) == 1,
        "even" => value.as_int().ok_or(Fail::Value("a whole number"))?.rem_euclid(2) == 0,
        "equalto" | "eq" => value.equals(other()?),
        "ne" => !value.equals(other()?),
        "in" => contains(other()?, value)?,
        "startswith" => text_of(value).starts_with(&text_of(other()?)),
        _ => return Err(Fail::Unsupported("this test")),
    })
}

pub(super) fn filter(name: &str, value: &Value, by_place: &[Value], named: Named<'_>) -> Result<Value, Fail> {
    let argument = |nth: usize, name: &str| argument(nth, name, by_place, named);
    let text = || text_of(value);
    match name {
        "trim" | "strip" => method(&Value::text(&text()), "strip", by_place, named),
        "upper" | "lower" | "title" | "capitalize" | "replace" => {
            method(&Value::text(&text()), name, by_place, named)
        }
        "safe" | "e" | "escape" | "string" => Ok(Value::text(&text())),
        "length" | "count" => match value {
            Value::Text(text) => Ok(Value::Int(text.chars().count() as i64)),
            value => Ok(Value::Int(elements(value)?.len() as i64)),
        },
        "tojson" => {
            let indent = argument(0, "indent").and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
            let mut out = String::new();
            value.to_json(indent.map(|n| n.min(16)), 0, &mut out);
            if out.len() > TEMPLATE_OUTPUT_MAX { Err(Fail::Limit) } else { Ok(Value::text(&out)) }
        }
        "default" | "d" => {
            let falsy = argument(1, "boolean").is_some_and(Value::is_true) && !value.is_true();
            if matches!(value, Value::Undefined) || falsy {
                return Ok(argument(0, "default_value").cloned().unwrap_or_else(|| Value::text("")));
            }
            Ok(value.clone())
        }
        "join" => {
            let between = argument(0, "d").map(text_of).unwrap_or_default();
            let attribute = argument(1, "attribute");
            let parts: Vec<String> = elements(value)?
                .iter()
                .map(|element| text_of(&attribute.map_or_else(|| element.clone(), |name| element.get(name))))
                .collect();
            Ok(Value::text(&parts.join(&between)))
        }
        "first" => Ok(elements(value)?.into_iter().next().unwrap_or(Value::Undefined)),
        "last" => Ok(elements(value)?.pop().unwrap_or(Value::Undefined)),
        "list" => list(elements(value)?),
        "items" | "dictsort" => {
            let mut items = pairs(value)?;
            if name == "dictsort" {
                items.sort_by(|a, b| a.0.compare(&b.0).unwrap_or(core::cmp::Ordering::Equal));
            }
            list(
                items
                    .into_iter()
                    .map(|(key, value)| list(Vec::from([key, value])))
                    .collect::<Result<_, _>>()?,
            )
        }
        "reverse" => {
            let mut all = elements(value)?;
            all.reverse();
            if matches!(value, Value::Text(_)) {
                Ok(Value::text(&all.iter().map(text_of).collect::<String>()))
            } else {
                list(all)
            }
        }
        "sort" => {
            let mut all = elements(value)?;
            all.sort_by(|a, b| a.compare(b).unwrap_or(core::cmp::Ordering::Equal));
            list(all)
        }
        "unique" => {
            let mut kept: Vec<Value> = Vec::new();
            for element in elements(value)? {
                if !kept.iter().any(|known| known.equals(&element)) {
                    kept.push(element);
                }
            }
            list(kept)
        }
        "int" => Ok(Value::Int(match value {
            Value::Text(text) => text.trim().parse().unwrap_or(0),
            value => value.as_int().or(value.as_number().map(|x| x as i64)).unwrap_or(0),
        })),
        "float" => Ok(Value::Float(match value {
            Value::Text(text) => text.trim().parse().unwrap_or(0.0),
            value => value.as_number().unwrap_or(0.0),
        })),
        "abs" => match value {
            Value::Int(n) => Ok(Value::Int(n.wrapping_abs())),
            Value::Float(x) => Ok(Value::Float(x.abs())),
            _ => Err(Fail::Value("a number")),
        },
        "indent" => {
            let width = argument(0, "width").and_then(Value::as_int).unwrap_or(4).clamp(0, 256) as usize;
            let first = argument(1, "first").is_some_and(Value::is_true);
            let blank = argument(2, "blank").is_some_and(Value::is_true);
            let mut out = String::new();
            for (nth, line) in text().split('\n').enumerate() {
                out.push_str(if nth > 0 { "\n" } else { "" });
                if (nth > 0 || first) && (blank || !line.is_empty()) {
                    out.extend(core::iter::repeat_n(' ', width));
                }
                out.push_str(line);
            }
            if out.len() > TEMPLATE_OUTPUT_MAX { Err(Fail::Limit) } else { Ok(Value::text(&out)) }
        }
        "map" | "select" | "reject" | "selectattr" | "rejectattr" => each(name, value, by_place, named),
        _ => Err(Fail::Unsupported("this filter")),
    }
}

/// Filters that do something to each element.
fn each(name: &str, value: &Value, by_place: &[Value], named: Named<'_>) -> Result<Value, Fail> {
    let mut out = Vec::new();
    let inner = by_place.first().and_then(Value::as_text);
    for element in elements(value)? {
        if name == "map" {
            let attribute = named.iter().find(|(known, _)| known == "attribute").map(|(_, value)| value);
            out.push(match (attribute, inner) {
                (Some(attribute), _) => element.get(attribute),
                (None, Some("map" | "select" | "reject" | "selectattr" | "rejectattr") | None) => {
                    return Err(Fail::Unsupported("a filter of filters"));
                }
                (None, Some(inner)) => filter(inner, &element, &by_place[1..], named)?,
            });
            continue;
        }
        let (tested, rest) = if name.ends_with("attr") {
            let attribute = by_place.first().ok_or(Fail::Value("an attribute"))?;
            (element.get(attribute), &by_place[1..])
        } else {
            (element.clone(), by_place)
        };
        let holds = match rest.split_first() {
            Some((name, arguments)) => {
                test(name.as_text().ok_or(Fail::Value("a test"))?, &tested, arguments)?
            }
            None => tested.is_true(),
        };
        if holds == name.starts_with("select") {
            out.push(element);
        }
    }
    list(out)
}

fn pairs(value: &Value) -> Result<Vec<(Value, Value)>, Fail> {
    match value {
        Value::Dictionary(members, _) => Ok(members.to_vec()),
        Value::Undefined => Ok(Vec::new()),
        _ => Err(Fail::Value("a dictionary")),
    }
}

pub(super) fn method(
    object: &Value,
    name: &str,
    by_place: &[Value],
    named: Named<'_>,
) -> Result<Value, Fail> {
    let argument = |nth: usize, name: &str| argument(nth, name, by_place, named);
    match object {
        Value::Text(text) => of_text(text, name, by_place),
        Value::Dictionary(..) | Value::Namespace(_) => match name {
            "get" => {
                let key = argument(0, "key").ok_or(Fail::Value("a key"))?;
                let found = object.get(key);
                let missing = matches!(found, Value::Undefined);
                Ok(if missing { argument(1, "default").cloned().unwrap_or(Value::None) } else { found })
            }
            "items" => filter("items", object, &[], &[]),
            "keys" => list(pairs(object)?.into_iter().map(|(key, _)| key).collect()),
            "values" => list(pairs(object)?.into_iter().map(|(_, value)| value).collect()),
            _ => Err(Fail::Unsupported("this method of dictionaries")),
        },
        Value::List(..) if name == "index" || name == "count" => {
            let wanted = argument(0, "value").ok_or(Fail::Value("a value"))?;
            let all = elements(object)?;
            if name == "count" {
                return Ok(Value::Int(all.iter().filter(|element| element.equals(wanted)).count() as i64));
            }
            let at = all.iter().position(|element| element.equals(wanted));
            at.map(|at| Value::Int(at as i64)).ok_or(Fail::Value("a value that is in the list"))
        }
        _ => Err(Fail::Unsupported("this method")),
    }
}

fn of_text(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Fail> {
    let first = arguments.first().and_then(Value::as_text);
    let strips = |character: char| match first {
        Some(set) => set.contains(character),
        None => character.is_whitespace(),
    };
    let fits = |check: fn(&str, &str) -> bool| match arguments.first() {
        Some(Value::Text(part)) => Ok(Value::Bool(check(text, part))),
        Some(Value::List(parts, _)) => {
            Ok(Value::Bool(parts.iter().filter_map(Value::as_text).any(|part| check(text, part))))
        }
        _ => Err(Fail::Value("a text")),
    };
    match name {
        "strip" => Ok(Value::text(text.trim_matches(strips))),
        "lstrip" => Ok(Value::text(text.trim_start_matches(strips))),
        "rstrip" => Ok(Value::text(text.trim_end_matches(strips))),
        "startswith" => fits(|text, part| text.starts_with(part)),
        "endswith" => fits(|text, part| text.ends_with(part)),
        "upper" => Ok(Value::text(&text.to_uppercase())),
        "lower" => Ok(Value::text(&text.to_lowercase())),
        "capitalize" | "title" => {
            let (mut out, mut begins) = (String::new(), true);
            for character in text.chars() {
                if begins && character.is_alphabetic() {
                    out.extend(character.to_uppercase());
                } else {
                    out.extend(character.to_lowercase());
                }
                begins = name == "title" && !character.is_alphabetic();
            }
            Ok(Value::text(&out))
        }
        "replace" => {
            let (Some(from), Some(to)) = (first, arguments.get(1).and_then(Value::as_text)) else {
                return Err(Fail::Value("two texts"));
            };
            let count = arguments.get(2).and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
            let grows = text.len().saturating_add(1).saturating_mul(to.len().max(1));
            if grows > TEMPLATE_OUTPUT_MAX && to.len() > from.len() {
                return Err(Fail::Limit);
            }
            Ok(Value::text(&text.replacen(from, to, count.unwrap_or(usize::MAX))))
        }
        "split" | "rsplit" => {
            let most = arguments.get(1).and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
            let parts: Vec<&str> = match (first, most) {
                (None, _) => text.split_whitespace().collect(),
                (Some(""), _) => return Err(Fail::Value("a separator that is not empty")),
                (Some(by), None) => text.split(by).collect(),
                (Some(by), Some(most)) if name == "split" => text.splitn(most + 1, by).collect(),
                (Some(by), Some(most)) => {
                    let mut parts: Vec<&str> = text.rsplitn(most + 1, by).collect();
                    parts.reverse();
                    parts
                }
            };
            list(parts.into_iter().map(Value::text).collect())
        }
        "splitlines" => list(text.lines().map(Value::text).collect()),
        "find" => {
            let part = first.ok_or(Fail::Value("a text"))?;
            let at = text.find(part).map_or(-1, |at| text[..at].chars().count() as i64);
            Ok(Value::Int(at))
        }
        "count" => Ok(Value::Int(text.matches(first.ok_or(Fail::Value("a text"))?).count() as i64)),
        "join" => {
            let parts: Vec<String> =
                elements(arguments.first().unwrap_or(&Value::Undefined))?.iter().map(text_of).collect();
            Ok(Value::text(&parts.join(text)))
        }
        "isdigit" => Ok(Value::Bool(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))),
        "isspace" => Ok(Value::Bool(!text.is_empty() && text.chars().all(char::is_whitespace))),
        "removeprefix" => Ok(Value::text(text.strip_prefix(first.unwrap_or_default()).unwrap_or(text))),
        "removesuffix" => Ok(Value::text(text.strip_suffix(first.unwrap_or_default()).unwrap_or(text))),
        "format" => Err(Fail::Unsupported("formatting of texts")),
        _ => Err(Fail::Unsupported("this method of texts")),
    }
}
