//! The merge operators that RocksDB registers by name (`utilities/merge_operators/`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::MergeOperator;

/// `UInt64AddOperator`: adds fixed64 little-endian numbers, wrapping. An operand of another length counts as 0, as there.
#[derive(Clone, Copy, Debug, Default)]
pub struct UInt64Add;

impl MergeOperator for UInt64Add {
    fn name(&self) -> &str {
        "UInt64AddOperator"
    }

    fn full_merge(&self, _: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let numbers = existing.iter().chain(operands).map(|bytes| number(bytes));
        Some(numbers.fold(0, u64::wrapping_add).to_le_bytes().to_vec())
    }

    fn partial_merge(&self, key: &[u8], left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
        self.full_merge(key, None, &[left, right])
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// `StringAppendOperator`: joins values with a delimiter. The first operand on a missing key has none before it.
#[derive(Clone, Debug)]
pub struct StringAppend {
    /// Stands between two values; RocksDB's default is one comma.
    pub delimiter: Vec<u8>,
}

impl Default for StringAppend {
    fn default() -> Self {
        StringAppend { delimiter: b",".to_vec() }
    }
}

impl MergeOperator for StringAppend {
    fn name(&self) -> &str {
        "StringAppendOperator"
    }

    fn full_merge(&self, _: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let parts: Vec<&[u8]> = existing.iter().chain(operands).copied().collect();
        Some(parts.join(self.delimiter.as_slice()))
    }

    fn partial_merge(&self, key: &[u8], left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
        self.full_merge(key, None, &[left, right])
    }
}

/// `MaxOperator`: keeps the largest value in bytewise order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Max;

impl MergeOperator for Max {
    fn name(&self) -> &str {
        "MaxOperator"
    }

    fn full_merge(&self, _: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        Some(existing.iter().chain(operands).max().map_or_else(Vec::new, |v| v.to_vec()))
    }

    fn partial_merge(&self, _: &[u8], left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
        Some(left.max(right).to_vec())
    }
}

/// The operator that RocksDB registers under this class name or nickname (`uint64add`, `stringappend`, `max`).
pub fn by_name(name: &str) -> Option<Box<dyn MergeOperator>> {
    Some(match name {
        "UInt64AddOperator" | "uint64add" => Box::new(UInt64Add),
        "StringAppendOperator" | "stringappend" => Box::new(StringAppend::default()),
        "MaxOperator" | "max" => Box::new(Max),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_give_what_rocksdb_gives() {
        let add = by_name("uint64add").unwrap();
        let (five, two) = (5u64.to_le_bytes(), 2u64.to_le_bytes());
        assert_eq!(add.full_merge(b"k", Some(&five), &[&two, &two]).unwrap(), 9u64.to_le_bytes());
        assert_eq!(add.full_merge(b"k", Some(b"short"), &[&two]).unwrap(), two);
        assert_eq!(add.partial_merge(b"k", &five, &two).unwrap(), 7u64.to_le_bytes());
        let append = by_name("StringAppendOperator").unwrap();
        assert_eq!(append.full_merge(b"k", None, &[b"a", b"b"]).unwrap(), b"a,b");
        assert_eq!(append.full_merge(b"k", Some(b""), &[b"a"]).unwrap(), b",a");
        let max = by_name("max").unwrap();
        assert_eq!(max.full_merge(b"k", Some(b"b"), &[b"a", b"bb"]).unwrap(), b"bb");
        assert!(by_name("none").is_none());
    }
}
