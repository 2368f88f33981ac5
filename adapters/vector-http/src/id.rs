//! Ids of points: numbers or UUIDs, as Qdrant's.

use serde_json::Value;

use crate::fail::Failure;

/// The id of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointId {
    /// A number.
    Number(u64),
    /// A UUID.
    Uuid(u128),
}

impl PointId {
    /// From JSON: an unsigned number, or a UUID with or without hyphens.
    pub fn parse(value: &Value) -> Result<Self, Failure> {
        if let Some(number) = value.as_u64() {
            return Ok(PointId::Number(number));
        }
        let text = value.as_str().unwrap_or("");
        PointId::parse_text(text).ok_or_else(|| {
            Failure::bad(format!("{value} is no id of a point: expected an unsigned number or a UUID"))
        })
    }

    /// From the part of a path.
    pub fn parse_text(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse() {
            return Some(PointId::Number(number));
        }
        let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(PointId::Uuid)
    }

    /// To JSON.
    pub fn json(self) -> Value {
        match self {
            PointId::Number(number) => Value::from(number),
            PointId::Uuid(uuid) => {
                let hex = format!("{uuid:032x}");
                Value::from(format!(
                    "{}-{}-{}-{}-{}",
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..]
                ))
            }
        }
    }

    /// As the end of a key: a tag and the number, biggest byte first.
    pub fn encode(self, key: &mut Vec<u8>) {
        match self {
            PointId::Number(number) => {
                key.push(0);
                key.extend_from_slice(&number.to_be_bytes());
            }
            PointId::Uuid(uuid) => {
                key.push(1);
                key.extend_from_slice(&uuid.to_be_bytes());
            }
        }
    }

    /// From the end of a key.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, rest) => Some(PointId::Number(u64::from_be_bytes(rest.try_into().ok()?))),
            (1, rest) => Some(PointId::Uuid(u128::from_be_bytes(rest.try_into().ok()?))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_json_and_keys() {
        for value in
            [Value::from(0), Value::from(u64::MAX), Value::from("936da01f-9abd-4d9d-80c7-02af85c822a8")]
        {
            let id = PointId::parse(&value).unwrap();
            assert_eq!(id.json(), value);
            let mut key = Vec::new();
            id.encode(&mut key);
            assert_eq!(PointId::decode(&key), Some(id));
        }
        for value in [Value::from(-1), Value::from(1.5), Value::from("x"), Value::Null] {
            assert_eq!(PointId::parse(&value).unwrap_err().status, 400, "{value}");
        }
        assert_eq!(PointId::decode(&[0, 1]), None);
    }
}
