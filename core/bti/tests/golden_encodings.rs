//! The small encodings against what Cassandra 5.0.9 wrote: integers, types, keys.

mod common;

use common::{bytes, each_vector, hex, integer, string};
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::types::{CqlType, TypeError};
use dolmen_bti::vint;
use dolmen_codec::{Cursor, DecodeError};

#[test]
fn integers() {
    let count = each_vector("integers.jsonl", |line| {
        let value = integer(line, "value").unwrap();
        let check = |name: &str, put: &dyn Fn(&mut Vec<u8>), get: &dyn Fn(&mut Cursor<'_>) -> i64| {
            let Some(expected) = bytes(line, name) else { return };
            let mut out = Vec::new();
            put(&mut out);
            assert_eq!(hex(&out), hex(&expected), "{name} of {value}");
            let mut cursor = Cursor::new(&out);
            assert_eq!(get(&mut cursor), value, "{name}");
            cursor.finish().unwrap();
        };
        check("uvint", &|o| vint::put_uvint(o, value as u64), &|c| vint::get_uvint(c).unwrap() as i64);
        assert_eq!(bytes(line, "uvint").unwrap().len(), vint::uvint_len(value as u64));
        check("svint", &|o| vint::put_svint(o, value), &|c| vint::get_svint(c).unwrap());
        check("uvint32", &|o| vint::put_uvint32(o, value as i32), &|c| {
            i64::from(vint::get_uvint32(c).unwrap())
        });
        check("sized", &|o| vint::put_sized_int(o, value, vint::sized_int_len(value)), &|c| {
            vint::sized_int(c.get_bytes(c.rest().len()).unwrap()).unwrap()
        });
    });
    assert_eq!(count, 252);
}

#[test]
fn integers_that_are_cut_off_or_too_wide() {
    for len in 1..=9usize {
        let mut out = Vec::new();
        vint::put_uvint(&mut out, if len == 9 { u64::MAX } else { (1 << (7 * len)) - 1 });
        assert_eq!(out.len(), len);
        for cut in 0..len {
            assert!(vint::get_uvint(&mut Cursor::new(&out[..cut])).is_err());
        }
    }
    // A longer form than needed is read.
    assert_eq!(vint::get_uvint(&mut Cursor::new(&[0x80, 5])), Ok(5));
    let mut wide = Vec::new();
    vint::put_uvint(&mut wide, 1 << 31);
    assert_eq!(vint::get_uvint32(&mut Cursor::new(&wide)), Err(DecodeError::Varint { at: 0 }));
    assert_eq!(vint::sized_int(&[]), None);
    assert_eq!(vint::sized_int(&[0; 9]), None);
}

#[test]
fn strings() {
    // A NUL, two and three bytes, and a character above U+FFFF as two surrogates (DataOutput.writeUTF).
    let mut out = Vec::new();
    vint::put_utf(&mut out, "a\0é€𝄞").unwrap();
    assert_eq!(hex(&out), "000e61c080c3a9e282aceda0b4edb49e");
    let read = vint::get_short_bytes(&mut Cursor::new(&out)).unwrap();
    assert_eq!(vint::utf_text(read).as_deref(), Some("a\0é€𝄞"));
    for wrong in [&[0xff][..], &[0xc3], &[0xe2, 0x82], &[0xed, 0xa0, 0xb4], &[0xc3, 0x29]] {
        assert_eq!(vint::utf_text(wrong), None);
    }
    assert_eq!(vint::put_utf(&mut out, &"x".repeat(65_536)), None);
    let mut out = Vec::new();
    vint::put_vint_bytes(&mut out, &[7; 200]);
    assert_eq!(out[..2], [0x80, 200]);
    assert_eq!(vint::get_vint_bytes(&mut Cursor::new(&out)).unwrap(), [7; 200]);
    assert!(vint::get_vint_bytes(&mut Cursor::new(&out[..100])).is_err());
}

#[test]
fn types() {
    let count = each_vector("types.jsonl", |line| {
        let class = string(line, "java");
        let parsed = CqlType::parse(&class).unwrap();
        assert_eq!(parsed.class(), class);
        // Every tuple is frozen, whether the statement says so or not; what is inside something frozen is frozen.
        let cql = match string(line, "cql").as_str() {
            "tuple<int, text>" => "frozen<tuple<int, text>>".to_owned(),
            other => other.to_owned(),
        };
        assert_eq!(parsed.cql(), cql);
        let fixed = integer(line, "fixed_length").unwrap();
        assert_eq!(parsed.fixed_len().map_or(-1, i64::from), fixed, "{class}");
        assert_eq!(Some(parsed.is_multi_cell()), line.get("multi_cell").unwrap().as_bool());
        if let Some(reversed) = line.get("reversed").unwrap().as_str() {
            let reversed = CqlType::parse(&reversed).unwrap();
            assert_eq!(reversed, CqlType::Reversed(Box::new(parsed.clone())));
            assert_eq!(reversed.fixed_len(), parsed.fixed_len());
            assert!(reversed.is_reversed() && !reversed.is_multi_cell());
        }
    });
    assert_eq!(count, 42);
}

#[test]
fn legacy_types() {
    let p = "org.apache.cassandra.db.marshal.";
    for class in [
        format!("{p}CompositeType({p}UTF8Type,{p}Int32Type)"),
        format!("{p}DynamicCompositeType(a=>{p}AsciiType,b=>{p}ReversedType({p}BytesType))"),
        format!("{p}PartitionerDefinedOrder(org.apache.cassandra.dht.Murmur3Partitioner:{p}Int32Type)"),
        format!("{p}PartitionerDefinedOrder(org.apache.cassandra.dht.RandomPartitioner)"),
        format!("{p}LexicalUUIDType"),
        format!("{p}DateType"),
        format!("{p}EmptyType"),
    ] {
        assert_eq!(CqlType::parse(&class).unwrap().class(), class);
    }
    let short = CqlType::parse("MapType( Int32Type , UTF8Type )").unwrap();
    assert_eq!(short.cql(), "map<int, text>");
}

#[test]
fn types_that_are_none() {
    let deep = |n: usize| format!("{}Int32Type{}", "ListType(".repeat(n), ")".repeat(n));
    assert!(CqlType::parse(&deep(32)).is_ok());
    assert!(matches!(CqlType::parse(&deep(33)), Err(TypeError::Depth { .. })));
    assert!(matches!(CqlType::parse(&deep(100_000)), Err(TypeError::Depth { .. })));
    assert_eq!(CqlType::parse(&"(".repeat(1 << 21)), Err(TypeError::Length { found: 1 << 21 }));
    assert_eq!(CqlType::parse("ListType(Int33Type)"), Err(TypeError::Unknown { at: 9 }));
    for wrong in [
        "",
        "(",
        "ListType",
        "ListType(",
        "ListType()",
        "ListType(Int32Type",
        "ListType(Int32Type,Int32Type)",
        "Int32Type)",
        "MapType(Int32Type)",
        "VectorType(Int32Type)",
        "VectorType(Int32Type , 0)",
        "VectorType(Int32Type , 4294967296)",
        "UserType(ks,6,61:Int32Type)",
        "UserType(ks,61)",
        "UserType(ks,ff,61:Int32Type)",
        "DynamicCompositeType(ab=>Int32Type)",
        "Int32Type Int32Type",
    ] {
        assert!(CqlType::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn tokens_and_hashes() {
    let count = each_vector("keys.jsonl", |line| {
        let key = bytes(line, "key").unwrap();
        let partitioner = Partitioner::parse(&string(line, "partitioner")).unwrap();
        assert_eq!(partitioner.token(&key).to_string(), string(line, "token"));
        let hash = KeyHash::of(&key);
        assert_eq!(Some(hash.h1 as i64), integer(line, "h1"), "{}", hex(&key));
        assert_eq!(Some(hash.h2 as i64), integer(line, "h2"));
        assert_eq!(Some(i64::from(hash.filter_byte())), integer(line, "filter_hash_low_byte"));
    });
    assert_eq!(count, 198);
}

#[test]
fn partitioners_by_their_class() {
    for partitioner in Partitioner::ALL {
        assert_eq!(Partitioner::parse(&partitioner.to_string()), Some(partitioner));
    }
    assert_eq!(Partitioner::parse("org.apache.cassandra.dht.OtherPartitioner"), None);
}
