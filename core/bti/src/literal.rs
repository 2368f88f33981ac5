//! CQL text to values: keys and clusterings that a person types.
//!
//! Texts, dates and the like may come without their quotes, as shells take quotes away. Collections, tuples and user types are read as CQL
//! literals; nesting is bounded by the depth of the type.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::ValueError;
use crate::types::{CqlType, Native};
use crate::value::time;
use crate::vint::{put_svint, put_vint_bytes};

/// The serialized value of a CQL literal; `None` is null.
///
/// # Errors
/// Text that is no literal of the type, or has more parts than it.
pub fn parse_value(of: &CqlType, text: &str) -> Result<Option<Vec<u8>>, ValueError> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    match of {
        CqlType::Frozen(inner) | CqlType::Reversed(inner) => parse_value(inner, text),
        CqlType::Native(native) => parse_native(*native, text).ok_or(ValueError::Malformed).map(Some),
        CqlType::PartitionerOrder(_, Some(inner)) => parse_value(inner, text),
        CqlType::PartitionerOrder(..) | CqlType::Composite(_) | CqlType::Dynamic(_) => {
            parse_native(Native::Blob, text).ok_or(ValueError::Malformed).map(Some)
        }
        CqlType::List(element) => parse_collection(text, ('[', ']'), &[element]).map(Some),
        CqlType::Set(element) => parse_collection(text, ('{', '}'), &[element]).map(Some),
        CqlType::Map(key, value) => parse_collection(text, ('{', '}'), &[key, value]).map(Some),
        CqlType::Vector(element, count) => parse_vector(text, element, *count).map(Some),
        CqlType::Tuple(fields) => {
            let parts = inside(text, '(', ')').map(|body| split(body, ','))?;
            let mut out = Vec::new();
            if parts.len() > fields.len() {
                return Err(count_error(parts.len(), fields.len()));
            }
            for (field, part) in fields.iter().zip(parts) {
                put_element(parse_value(field, part)?.as_deref(), &mut out)?;
            }
            Ok(Some(out))
        }
        CqlType::User(user) => {
            let parts = inside(text, '{', '}').map(|body| split(body, ','))?;
            let mut out = Vec::new();
            for (name, field) in &user.fields {
                let value = parts.iter().find_map(|part| {
                    let (key, value) = part.split_once(':')?;
                    (key.trim().trim_matches('"') == name).then_some(value)
                });
                let value = value.map(|value| parse_value(field, value)).transpose()?.flatten();
                put_element(value.as_deref(), &mut out)?;
            }
            Ok(Some(out))
        }
    }
}

/// Values separated by commas that are in no quotes and no brackets.
pub fn split_values(text: &str) -> Vec<&str> {
    split(text, ',')
}

fn count_error(found: usize, max: usize) -> ValueError {
    ValueError::Count { found: found as u64, max: max as u64 }
}

fn put_element(value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match value {
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
        Some(bytes) => {
            let too_long = ValueError::Length { found: bytes.len() as u64, expected: i32::MAX as u64 };
            let len = i32::try_from(bytes.len()).map_err(|_| too_long)?;
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
    Ok(())
}

fn inside(text: &str, open: char, close: char) -> Result<&str, ValueError> {
    text.strip_prefix(open).and_then(|text| text.strip_suffix(close)).ok_or(ValueError::Malformed)
}

/// The parts between separators on the outermost level; none of blank text.
fn split(text: &str, separator: char) -> Vec<&str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let (mut depth, mut is_quoted, mut start) = (0usize, false, 0);
    let mut out = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '\'' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                out.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(text[start..].trim());
    out
}

fn parse_collection(text: &str, brackets: (char, char), types: &[&CqlType]) -> Result<Vec<u8>, ValueError> {
    let parts = split(inside(text, brackets.0, brackets.1)?, ',');
    let mut out = (parts.len() as u32).to_be_bytes().to_vec();
    for part in parts {
        let values = if types.len() == 2 { split(part, ':') } else { vec![part] };
        if values.len() != types.len() {
            return Err(ValueError::Malformed);
        }
        for (of, value) in types.iter().zip(values) {
            put_element(parse_value(of, value)?.as_deref(), &mut out)?;
        }
    }
    Ok(out)
}

fn parse_vector(text: &str, element: &CqlType, count: u32) -> Result<Vec<u8>, ValueError> {
    let parts = split(inside(text, '[', ']')?, ',');
    if parts.len() != count as usize {
        return Err(count_error(parts.len(), count as usize));
    }
    let mut out = Vec::new();
    for part in parts {
        let value = parse_value(element, part)?.ok_or(ValueError::Malformed)?;
        match element.fixed_len() {
            Some(_) => out.extend_from_slice(&value),
            None => put_vint_bytes(&mut out, &value),
        }
    }
    Ok(out)
}

/// Text in single quotes, or as it stands.
fn unquote(text: &str) -> String {
    match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => text.into(),
    }
}

/// Bytes of hexadecimal text.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits?;
    let (pairs, odd) = digits.as_chunks::<2>();
    odd.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn parse_native(native: Native, text: &str) -> Option<Vec<u8>> {
    let plain = unquote(text);
    Some(match native {
        Native::Ascii if !plain.is_ascii() => return None,
        Native::Ascii | Native::Text => plain.into_bytes(),
        Native::Blob => parse_hex(plain.strip_prefix("0x").unwrap_or(&plain))?,
        Native::Boolean => vec![u8::from(plain.to_ascii_lowercase().parse::<bool>().ok()?)],
        Native::Tinyint => plain.parse::<i8>().ok()?.to_be_bytes().to_vec(),
        Native::Smallint => plain.parse::<i16>().ok()?.to_be_bytes().to_vec(),
        Native::Int => plain.parse::<i32>().ok()?.to_be_bytes().to_vec(),
        Native::Bigint => plain.parse::<i64>().ok()?.to_be_bytes().to_vec(),
        Native::Float => plain.parse::<f32>().ok()?.to_bits().to_be_bytes().to_vec(),
        Native::Double => plain.parse::<f64>().ok()?.to_bits().to_be_bytes().to_vec(),
        Native::Varint => parse_varint(&plain)?,
        Native::Decimal => parse_decimal(&plain)?,
        Native::Uuid | Native::TimeUuid | Native::LegacyTimeUuid | Native::LexicalUuid => {
            parse_hex(&plain.replace('-', "")).filter(|bytes| bytes.len() == 16)?
        }
        Native::Timestamp | Native::LegacyTimestamp => parse_timestamp(&plain)?.to_be_bytes().to_vec(),
        Native::Date => parse_date(&plain)?.to_be_bytes().to_vec(),
        Native::Time => parse_time(&plain)?.to_be_bytes().to_vec(),
        Native::Inet => match plain.parse::<core::net::IpAddr>().ok()? {
            core::net::IpAddr::V4(address) => address.octets().to_vec(),
            core::net::IpAddr::V6(address) => address.octets().to_vec(),
        },
        Native::Duration => parse_duration(&plain)?,
        Native::Empty if plain.is_empty() => Vec::new(),
        Native::Empty | Native::Counter => return None,
    })
}

/// A big integer in the shortest two's complement.
fn parse_varint(text: &str) -> Option<Vec<u8>> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || digits.len() > crate::limits::DECIMAL_LEN_MAX {
        return None;
    }
    // The magnitude, low byte first.
    let mut bytes = vec![0u8];
    for digit in digits.chars() {
        let mut carry = digit.to_digit(10)?;
        for byte in &mut bytes {
            let value = u32::from(*byte) * 10 + carry;
            (*byte, carry) = (value as u8, value >> 8);
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.push(0);
    if is_negative {
        let mut carry = true;
        for byte in &mut bytes {
            let (sum, overflow) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, overflow);
        }
    }
    while let [.., below, top] = bytes[..]
        && ((top == 0 && below < 0x80) || (top == 0xff && below >= 0x80))
    {
        bytes.pop();
    }
    bytes.reverse();
    Some(bytes)
}

/// Scale and unscaled value.
fn parse_decimal(text: &str) -> Option<Vec<u8>> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let scale = i32::try_from(fraction.len() as i64 - exponent).ok()?;
    let mut out = scale.to_be_bytes().to_vec();
    out.extend(parse_varint(&[whole, fraction].concat())?);
    Some(out)
}

/// Year, month, day; the year may have a sign.
fn parse_civil(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = rest.splitn(3, '-');
    let year = parts.next()?.parse::<u32>().ok()?;
    let month = parts.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let days = time::days(sign * i64::from(year), month, day);
    // What a month does not have would come back as another day.
    (time::civil(days).2 == day).then_some(days)
}

fn parse_date(text: &str) -> Option<u32> {
    match text.parse::<u32>() {
        Ok(days) => Some(days),
        Err(_) => u32::try_from(parse_civil(text)? + (1 << 31)).ok(),
    }
}

/// Nanoseconds of a day.
fn parse_time(text: &str) -> Option<i64> {
    if let Ok(ns) = text.parse::<i64>() {
        return (0..86_400_000_000_000).contains(&ns).then_some(ns);
    }
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.splitn(3, ':');
    let mut part =
        |max: i64| parts.next().map_or(Some(0), |p| p.parse().ok().filter(|n| (0..max).contains(n)));
    let seconds = part(24)? * 3600 + part(60)? * 60 + part(60)?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ns: i64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some(seconds * 1_000_000_000 + ns * 10i64.pow(9 - fraction.len() as u32))
}

/// Milliseconds; text is taken as UTC.
fn parse_timestamp(text: &str) -> Option<i64> {
    if let Ok(ms) = text.parse() {
        return Some(ms);
    }
    let text = text.strip_suffix('Z').or(text.strip_suffix("+0000")).unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let day_ms = parse_civil(date)?.checked_mul(86_400_000)?;
    day_ms.checked_add(parse_time(clock)? / 1_000_000)
}

/// Months, days, nanoseconds of `1y2mo3d4h5m6s7ms8us9ns`.
fn parse_duration(text: &str) -> Option<Vec<u8>> {
    const UNITS: [(&str, usize, i64); 10] = [
        ("mo", 0, 1),
        ("ms", 2, 1_000_000),
        ("us", 2, 1_000),
        ("ns", 2, 1),
        ("y", 0, 12),
        ("w", 1, 7),
        ("d", 1, 1),
        ("h", 2, 3_600_000_000_000),
        ("m", 2, 60_000_000_000),
        ("s", 2, 1_000_000_000),
    ];
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = [0i64; 3];
    while !rest.is_empty() {
        let len = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = rest[..len].parse().ok()?;
        rest = &rest[len..];
        let (unit, part, scale) = UNITS.iter().find(|unit| rest.starts_with(unit.0))?;
        rest = &rest[unit.len()..];
        parts[*part] = parts[*part].checked_add(count.checked_mul(*scale)?)?;
    }
    let mut out = Vec::new();
    parts.iter().for_each(|part| put_svint(&mut out, sign * part));
    Some(out)
}
