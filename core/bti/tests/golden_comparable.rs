//! Byte-comparable forms against what Cassandra 5.0.9 encoded, in both directions.

mod common;

use common::{bytes, each_vector, hex, string, unhex};
use dolmen_bti::comparable::{
    self, ClusteringKind, GT_BOUND, LT_BOUND, NEXT, TERMINATOR, clustering_values, partition_key_of,
    put_clustering, put_partition_key, put_token, put_value, value_of,
};
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::types::{CqlType, Native};

/// The type of a CQL name in the vectors: their user types and nestings are few.
fn of(cql: &str) -> CqlType {
    let class = match cql {
        "frozen<list<frozen<set<int>>>>" => "FrozenType(ListType(SetType(Int32Type)))",
        "frozen<list<int>>" => "FrozenType(ListType(Int32Type))",
        "frozen<map<int, frozen<list<text>>>>" => "FrozenType(MapType(Int32Type,ListType(UTF8Type)))",
        "frozen<map<text, int>>" => "FrozenType(MapType(UTF8Type,Int32Type))",
        "frozen<set<text>>" => "FrozenType(SetType(UTF8Type))",
        "frozen<tuple<int, text>>" => "TupleType(Int32Type,UTF8Type)",
        "vector<float, 2>" => "VectorType(FloatType , 2)",
        "vector<text, 2>" => "VectorType(UTF8Type , 2)",
        "frozen<pair>" | "frozen<outer>" => {
            let mut found = None;
            each_vector("types.jsonl", |line| {
                if string(line, "cql") == cql {
                    found = Some(CqlType::parse(&string(line, "java")).unwrap());
                }
            });
            return found.unwrap();
        }
        native => return CqlType::Native(Native::by_cql(native).unwrap()),
    };
    CqlType::parse(class).unwrap()
}

#[test]
fn values() {
    let count = each_vector("byte_comparable.jsonl", |line| {
        let of = of(&string(line, "type"));
        let desc = CqlType::Reversed(Box::new(of.clone()));
        let value = bytes(line, "value").unwrap();
        for (of, name, empty) in [(&of, "oss50", 0x3f), (&desc, "oss50_desc", 0x41)] {
            let mut out = Vec::new();
            let Some(expected) = bytes(line, name) else {
                // Encoded as an empty component.
                put_clustering(std::slice::from_ref(of), [Some(&value[..])], ClusteringKind::Row, &mut out)
                    .unwrap();
                assert_eq!(out, [empty, TERMINATOR]);
                continue;
            };
            put_value(of, &value, &mut out).unwrap();
            assert_eq!(hex(&out), hex(&expected), "{of} {}", hex(&value));
            let mut back = Vec::new();
            value_of(of, &out, &mut back).unwrap();
            match of.base() {
                // Equal decimals have one form, and what comes back is the shortest of them; so has a varint with redundant bytes.
                CqlType::Native(Native::Decimal | Native::Varint) => {
                    assert!(back.len() <= value.len());
                    let mut again = Vec::new();
                    put_value(of, &back, &mut again).unwrap();
                    assert_eq!(again, out);
                    if back != value {
                        assert!(string(line, "type") == "decimal", "{of} {} {}", hex(&value), hex(&back));
                    }
                }
                _ => assert_eq!(hex(&back), hex(&trimmed(of, &value)), "{of}"),
            }
        }
    });
    assert_eq!(count, 695);
}

/// Nulls at the end of a tuple do not come back, and elements without bytes come back as null.
fn trimmed(of: &CqlType, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if matches!(of.base(), CqlType::Tuple(_) | CqlType::User(_)) {
        while value.ends_with(&[0xff; 4]) {
            value.truncate(value.len() - 4);
        }
    }
    value
}

#[test]
fn clusterings() {
    let count = each_vector("clusterings.jsonl", |line| {
        let types: Vec<CqlType> = line
            .get("types")
            .unwrap()
            .items()
            .map(|name| {
                let name = name.as_str().unwrap();
                match name.strip_suffix(" desc") {
                    Some(base) => CqlType::Reversed(Box::new(of(base))),
                    None => of(&name),
                }
            })
            .collect();
        let values: Vec<Option<Vec<u8>>> =
            line.get("values").unwrap().items().map(|v| v.as_str().map(|text| unhex(&text))).collect();
        let name = string(line, "kind");
        let kind = ClusteringKind::ALL.into_iter().find(|kind| kind.name() == name).unwrap();
        let mut out = Vec::new();
        put_clustering(&types, values.iter().map(Option::as_deref), kind, &mut out).unwrap();
        assert_eq!(hex(&out), string(line, "oss50"), "{types:?} {values:?} {name}");
        assert_eq!(clustering_values(&types, &out), Some((values, kind.terminator())));
    });
    assert_eq!(count, 542);
}

#[test]
fn keys() {
    let blob = CqlType::Native(Native::Blob);
    let count = each_vector("keys.jsonl", |line| {
        let key = bytes(line, "key").unwrap();
        let partitioner = Partitioner::parse(&string(line, "partitioner")).unwrap();
        let mut out = Vec::new();
        put_partition_key(partitioner, &blob, &key, TERMINATOR, &mut out).unwrap();
        assert_eq!(hex(&out), string(line, "oss50"));
        let mut back = Vec::new();
        partition_key_of(partitioner, &blob, &out, &mut back).unwrap();
        assert_eq!(back, key);
        if partitioner == Partitioner::Murmur3 {
            assert!(comparable::murmur3_key_bytes(&key, KeyHash::of(&key)).eq(out));
        }
        for (name, end) in [("token_min_bound", LT_BOUND), ("token_max_bound", GT_BOUND)] {
            let mut bound = vec![NEXT];
            put_token(partitioner.token(&key), &blob, &mut bound).unwrap();
            bound.push(end);
            assert_eq!(hex(&bound), string(line, name));
        }
    });
    assert_eq!(count, 198);
}
