//! Byte-comparable forms against the plain order of values: 100,000 pairs for each type.

use std::cmp::Ordering;

use dolmen_base::rng::Rng;
use dolmen_bti::comparable::{
    ClusteringKind, TERMINATOR, clustering_values, escaped, partition_key_of, put_clustering,
    put_partition_key, put_value, value_of,
};
use dolmen_bti::partitioner::Partitioner;
use dolmen_bti::types::{CqlType, Native};
use dolmen_bti::{naive, vint};

const CASES: usize = 100_000;

/// A random integer of a random width, often at a border.
fn integer(rng: &mut Rng) -> i64 {
    let value = (rng.next_u64() >> rng.below(64)) as i64;
    match rng.below(8) {
        0 => (1i64 << rng.below(63)).wrapping_sub(rng.below(2) as i64),
        1 => -(1i64 << rng.below(63)).wrapping_sub(rng.below(2) as i64),
        2..=4 => !value,
        _ => value,
    }
}

fn blob(rng: &mut Rng) -> Vec<u8> {
    (0..rng.below(9)).map(|_| [0, 0, 1, 0xfe, 0xff, b'a'][rng.below(6) as usize]).collect()
}

fn varint(rng: &mut Rng) -> Vec<u8> {
    let mut bytes: Vec<u8> = match rng.below(4) {
        0 => {
            let len = 1 + rng.below(20) as usize;
            let fill = [0u8, 0x7f, 0x80, 0xff][rng.below(4) as usize];
            let mut bytes = vec![fill; len];
            bytes[len - 1] = rng.next_u64() as u8;
            bytes
        }
        1 => (0..1 + rng.below(300)).map(|_| rng.next_u64() as u8).collect(),
        _ => {
            let value = integer(rng);
            let mut out = Vec::new();
            vint::put_sized_int(&mut out, value, vint::sized_int_len(value));
            out
        }
    };
    // The shortest form, as Java's BigInteger gives it.
    while bytes.len() > 1 && (bytes[0] == 0 && bytes[1] < 0x80 || bytes[0] == 0xff && bytes[1] >= 0x80) {
        bytes.remove(0);
    }
    bytes
}

fn decimal(rng: &mut Rng) -> Vec<u8> {
    let scale = rng.below(19) as i32 - 9;
    let unscaled = integer(rng);
    let mut value = scale.to_be_bytes().to_vec();
    vint::put_sized_int(&mut value, unscaled, vint::sized_int_len(unscaled));
    value
}

fn native(rng: &mut Rng, of: Native) -> Vec<u8> {
    let cut = |rng: &mut Rng, len: usize| integer(rng).to_be_bytes()[8 - len..].to_vec();
    match of {
        Native::Ascii | Native::Blob | Native::Duration | Native::Inet | Native::Text => blob(rng),
        Native::Boolean => vec![rng.below(2) as u8],
        Native::Tinyint => cut(rng, 1),
        Native::Smallint => cut(rng, 2),
        Native::Int | Native::Date => cut(rng, 4),
        Native::Bigint | Native::Timestamp | Native::Time | Native::LegacyTimestamp => cut(rng, 8),
        Native::Float => {
            let value = f32::from_bits(rng.next_u32());
            (if value.is_nan() { f32::NAN } else { value }).to_be_bytes().to_vec()
        }
        Native::Double => {
            let value = f64::from_bits(rng.next_u64());
            (if value.is_nan() { f64::NAN } else { value }).to_be_bytes().to_vec()
        }
        Native::Varint => varint(rng),
        Native::Decimal => decimal(rng),
        Native::Uuid | Native::TimeUuid | Native::LegacyTimeUuid | Native::LexicalUuid => {
            let mut uuid = [0; 16];
            // Few different bytes, so that pairs differ late.
            uuid.iter_mut().for_each(|byte| *byte = [0, 1, 0x7f, 0x80, 0xff][rng.below(5) as usize]);
            if of != Native::LexicalUuid {
                uuid[6] = uuid[6] & 15 | (1 + rng.below(4) as u8 * u8::from(of == Native::Uuid)) << 4;
            }
            uuid.to_vec()
        }
        Native::Counter | Native::Empty => unreachable!("has no order"),
    }
}

fn put_element(rng: &mut Rng, of: &CqlType, nulls: bool, out: &mut Vec<u8>) {
    if nulls && rng.one_in(4) {
        return out.extend((-1i32).to_be_bytes());
    }
    let element = value(rng, of);
    out.extend((element.len() as u32).to_be_bytes());
    out.extend(element);
}

fn value(rng: &mut Rng, of: &CqlType) -> Vec<u8> {
    let mut out = Vec::new();
    match of {
        CqlType::Native(of) => return native(rng, *of),
        CqlType::Frozen(inner) | CqlType::Reversed(inner) => return value(rng, inner),
        CqlType::List(element) | CqlType::Set(element) => {
            let count = rng.below(4) as u32;
            out.extend(count.to_be_bytes());
            (0..count).for_each(|_| put_element(rng, element, false, &mut out));
        }
        CqlType::Map(key, value) => {
            let count = rng.below(4) as u32;
            out.extend(count.to_be_bytes());
            for _ in 0..count {
                put_element(rng, key, false, &mut out);
                put_element(rng, value, false, &mut out);
            }
        }
        CqlType::Tuple(fields) => fields.iter().for_each(|field| put_element(rng, field, true, &mut out)),
        CqlType::User(user) => {
            user.fields.iter().for_each(|field| put_element(rng, &field.1, true, &mut out))
        }
        CqlType::Vector(element, count) => {
            for _ in 0..*count {
                let bytes = value(rng, element);
                match element.fixed_len() {
                    Some(_) => out.extend(bytes),
                    None => vint::put_vint_bytes(&mut out, &bytes),
                }
            }
        }
        _ => unreachable!("not ordered here"),
    }
    out
}

fn form(of: &CqlType, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_value(of, value, &mut out).unwrap();
    out
}

/// Order, in both directions; no form is a prefix of another with any byte that may follow; and the value comes back.
fn check_type(of: &CqlType, cases: usize) {
    let mut rng = Rng::new(7);
    let reversed = CqlType::Reversed(Box::new(of.clone()));
    let mut last = value(&mut rng, of);
    for case in 0..cases {
        let mut next = value(&mut rng, of);
        if case % 4 == 0 {
            // A neighbour of the last one.
            next.clone_from(&last);
            if let (CqlType::Native(Native::Text | Native::Blob), true) = (of, rng.one_in(2)) {
                next.push(0);
            } else if let CqlType::Native(Native::Bigint | Native::Int | Native::Varint) = of {
                let end = next.len() - 1;
                next[end] ^= 1;
            }
        }
        let order = naive::compare(of, &last, &next).unwrap();
        let (a, b) = (form(of, &last), form(of, &next));
        assert_eq!(a.cmp(&b), order, "{of} {last:02x?} {next:02x?} {a:02x?} {b:02x?}");
        let (c, d) = (form(&reversed, &last), form(&reversed, &next));
        for (mut a, mut b, order) in [(a.clone(), b, order), (c.clone(), d, order.reverse())] {
            // What may follow a form in a clustering.
            a.push([0x20, 0x38, 0x3e, 0x40, 0x60][rng.below(5) as usize]);
            b.push([0x20, 0x38, 0x3e, 0x40, 0x60][rng.below(5) as usize]);
            if order != Ordering::Equal {
                assert_eq!(a.cmp(&b), order, "{of} with what follows: {last:02x?} {next:02x?}");
            }
        }
        for (of, form_of) in [(of, &a), (&reversed, &c)] {
            let mut back = Vec::new();
            value_of(of, form_of, &mut back).unwrap();
            let same = naive::compare(of, &back, &last).unwrap();
            assert_eq!(same, Ordering::Equal, "{of} {last:02x?} {back:02x?}");
            // Decimals come back with their shortest scale, tuples without nulls at their end.
            let class = of.class();
            if !["DecimalType", "TupleType", "UserType"].iter().any(|name| class.contains(name)) {
                assert_eq!(back, last, "{of}");
            }
        }
        last = next;
    }
}

#[test]
fn native_types() {
    for native in Native::all().filter(|native| !matches!(native, Native::Counter | Native::Empty)) {
        check_type(&CqlType::Native(native), CASES);
    }
}

#[test]
fn nested_types() {
    for class in [
        "FrozenType(ListType(Int32Type))",
        "FrozenType(SetType(BytesType))",
        "FrozenType(MapType(IntegerType,UTF8Type))",
        "TupleType(Int32Type,UTF8Type,LongType)",
        "FrozenType(UserType(ks,61,62:LongType,63:FrozenType(ListType(UTF8Type))))",
        "VectorType(FloatType , 3)",
        "VectorType(UTF8Type , 2)",
        "FrozenType(ListType(TupleType(UUIDType,IntegerType)))",
    ] {
        check_type(&CqlType::parse(class).unwrap(), CASES);
    }
}

#[test]
fn types_without_order_are_refused() {
    for native in [Native::Counter, Native::Empty] {
        assert!(put_value(&CqlType::Native(native), &[1], &mut Vec::new()).is_err());
    }
    assert!(put_value(&CqlType::Native(Native::Int), &[1, 2, 3], &mut Vec::new()).is_err());
    assert!(put_value(&CqlType::Native(Native::Varint), &[], &mut Vec::new()).is_err());
    let list = CqlType::parse("ListType(Int32Type)").unwrap();
    assert!(put_value(&list, &[0xff; 4], &mut Vec::new()).is_err());
}

/// A clustering's component: a value, empty, or null.
type Component = Option<Vec<u8>>;

fn component(rng: &mut Rng, of: &CqlType) -> Component {
    match rng.below(6) {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(value(rng, of)),
    }
}

/// The order that CQL gives components: null, then empty, then values; a DESC column turns all but null's place among them.
fn order_of(of: &CqlType, a: &Component, b: &Component) -> Ordering {
    let ordered_empty = matches!(of.base(), CqlType::Native(Native::Text));
    let rank = |value: &Component| match value {
        None => 0,
        Some(value) if value.is_empty() && !ordered_empty => 1 + 2 * u8::from(of.is_reversed()),
        Some(_) => 2,
    };
    match (a, b) {
        (Some(x), Some(y)) if rank(a) == 2 && rank(b) == 2 => naive::compare(of, x, y).unwrap(),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Descending clustering (known fault bti-01): a table clustered by `a DESC, b ASC, c`.
#[test]
fn clusterings_with_descending_nulls_and_empties() {
    let types = ["ReversedType(Int32Type)", "Int32Type", "ReversedType(UTF8Type)"]
        .map(|class| CqlType::parse(class).unwrap());
    let mut rng = Rng::new(11);
    let mut last: Option<(Vec<Component>, Vec<u8>)> = None;
    for _ in 0..CASES {
        let values: Vec<Component> = types.iter().map(|of| component(&mut rng, of)).collect();
        let mut form = Vec::new();
        let given = values.iter().map(Option::as_deref);
        put_clustering(&types, given, ClusteringKind::Row, &mut form).unwrap();
        assert_eq!(clustering_values(&types, &form), Some((values.clone(), TERMINATOR)));
        // A prefix as a bound stands before or after every clustering that it begins.
        let len = rng.below(4) as usize;
        for (kind, order) in [
            (ClusteringKind::InclusiveStart, Ordering::Less),
            (ClusteringKind::InclusiveEnd, Ordering::Greater),
        ] {
            let mut bound = Vec::new();
            put_clustering(&types, values[..len].iter().map(Option::as_deref), kind, &mut bound).unwrap();
            assert_eq!(bound.cmp(&form), order);
        }
        if let Some((other, other_form)) = &last {
            let order = types.iter().zip(other).zip(&values).map(|((of, a), b)| order_of(of, a, b));
            let order = order.fold(Ordering::Equal, Ordering::then);
            assert_eq!(other_form.cmp(&form), order, "{other:02x?} {values:02x?}");
        }
        last = Some((values, form));
    }
}

/// Slices of a DESC column by forms give what filtering gives (known fault bti-01).
#[test]
fn slices_of_a_descending_column() {
    let types = ["ReversedType(Int32Type)", "Int32Type"].map(|class| CqlType::parse(class).unwrap());
    let form = |values: &[i32], kind| {
        let bytes: Vec<[u8; 4]> = values.iter().map(|value| value.to_be_bytes()).collect();
        let mut out = Vec::new();
        put_clustering(&types, bytes.iter().map(|value| Some(&value[..])), kind, &mut out).unwrap();
        out
    };
    let rows: Vec<(i32, i32)> = (0..500).map(|i| (i / 50, i % 50)).collect();
    // 3 <= a <= 5, in the order of the table: from 5 down to 3.
    let start = form(&[5], ClusteringKind::InclusiveStart);
    let end = form(&[3], ClusteringKind::InclusiveEnd);
    let mut sliced: Vec<_> = rows
        .iter()
        .map(|&(a, b)| (form(&[a, b], ClusteringKind::Row), (a, b)))
        .filter(|(form, _)| *form > start && *form < end)
        .collect();
    sliced.sort();
    let mut expected: Vec<_> = rows.iter().copied().filter(|row| (3..=5).contains(&row.0)).collect();
    expected.sort_by_key(|&(a, b)| (-a, b));
    assert_eq!(sliced.into_iter().map(|row| row.1).collect::<Vec<_>>(), expected);
    // a > 7.
    let end = form(&[7], ClusteringKind::ExclusiveEnd);
    let above = rows.iter().filter(|&&(a, b)| form(&[a, b], ClusteringKind::Row) < end).count();
    assert_eq!(above, 100);
}

#[test]
fn partition_keys_order_by_token_then_key() {
    let mut rng = Rng::new(3);
    let int = CqlType::Native(Native::Int);
    for partitioner in Partitioner::ALL {
        let mut last: Option<(Vec<u8>, Vec<u8>)> = None;
        for _ in 0..CASES / 5 {
            let key = match partitioner {
                Partitioner::Local => integer(&mut rng).to_be_bytes()[4..].to_vec(),
                _ => blob(&mut rng),
            };
            let mut form = Vec::new();
            put_partition_key(partitioner, &int, &key, TERMINATOR, &mut form).unwrap();
            let mut back = Vec::new();
            partition_key_of(partitioner, &int, &form, &mut back).unwrap();
            assert_eq!(back, key);
            if let Some((other, other_form)) = last {
                let order = partitioner.token(&other).order(&partitioner.token(&key));
                let order = order.or_else(|| naive::compare(&int, &other, &key)).unwrap();
                assert_eq!(other_form.cmp(&form), order.then(other.cmp(&key)), "{partitioner:?}");
            }
            last = Some((key, form));
        }
    }
}

#[test]
fn escapes_keep_order_and_end() {
    let mut rng = Rng::new(9);
    for _ in 0..CASES {
        let (a, b) = (blob(&mut rng), blob(&mut rng));
        let (x, y): (Vec<u8>, Vec<u8>) = (escaped(&a).collect(), escaped(&b).collect());
        assert_eq!(x.cmp(&y), a.cmp(&b));
        assert!(x.len() <= 2 * a.len() + 1);
    }
}
