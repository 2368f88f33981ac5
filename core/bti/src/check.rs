//! Bodies shared by tests, seed replay and fuzz targets: whatever the bytes, no panic, no endless loop, and what can be said about the
//! result holds.

mod data;

pub use data::{check_compression, check_rows, check_schema, check_statistics};

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::rng::Rng;
use dolmen_base::trace::NoTrace;

use crate::bloom::Bloom;
use crate::comparable::{clustering_values, put_value, value_of};
use crate::component::Component;
use crate::error::ReadError;
use crate::partitioner::{KeyHash, Partitioner};
use crate::partitions::{PartitionIndex, PartitionsBuilder, Place};
use crate::rows::RowIndex;
use crate::trie::{Cursor, Edge, Node, PAGE_LEN, Pages, TrieWriter};
use crate::types::{CqlType, Native};
use crate::vint;

/// A file in memory.
#[derive(Clone, Copy)]
struct Slice<'a>(&'a [u8]);

impl BlockSource<ReadError> for Slice<'_> {
    fn block(
        &self,
        id: BlockId,
        _: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        let start = id.offset as usize;
        decode(Stored::Borrowed(&self.0[start..start + id.len as usize])).map(Some)
    }
}

fn pages(component: Component, file: &[u8]) -> Pages<Slice<'_>, NoTrace> {
    Pages::new(Slice(file), component, file.len() as u64, ReadMode::MayBlock, NoTrace)
}

/// A file as Partitions.db, as Rows.db with an entry at a position that its first bytes name, and as a trie whose root they name.
pub fn check_trie(data: &[u8]) {
    let mut partitions = pages(Component::Partitions, data);
    if let Ok(index) = PartitionIndex::open(&mut partitions) {
        if let Ok(mut entries) = index.iter(&mut partitions, Edge::First) {
            while let Ok(Some(_)) = entries.next(&mut partitions) {}
        }
        if let Ok(census) = index.check_whole(&mut partitions) {
            assert_eq!(census.entries, index.key_count);
        }
        walk(data, index.root);
    }
    let Some((root, file)) = data.split_first_chunk() else { return };
    let position = u64::from(u16::from_be_bytes(*root));
    walk(file, position);
    let mut rows = pages(Component::Rows, file);
    let mut key = Vec::new();
    if let Ok(index) = RowIndex::open(&mut rows, position, &mut key) {
        assert!(index.root < position && index.end <= file.len() as u64);
        let _ = index.floor(&mut rows, &key);
        let _ = index.check_whole(&mut rows, 0, position);
        walk(file, index.root);
    }
}

/// Every walk over a trie that may be damaged. One that is sound to its end has ascending keys, and all walks agree on it.
fn walk(file: &[u8], root: u64) {
    let mut pages = pages(Component::Rows, file);
    let mut forward = Vec::new();
    let sound = collect(&mut pages, root, Edge::First, &mut forward);
    let mut backward = Vec::new();
    let sound_back = collect(&mut pages, root, Edge::Last, &mut backward);
    for (key, node) in forward.iter().take(64) {
        let found = pages.get(root, key).ok().flatten().map(|payload| payload.node);
        assert!(!sound || found == Some(*node));
        let _ = pages.floor(root, key).map(|payload| payload.map(|payload| payload.node));
        let _ = pages.ceiling(root, key).map(|payload| payload.map(|payload| payload.node));
    }
    if sound && sound_back {
        backward.reverse();
        assert_eq!(forward, backward);
    }
}

type Entries = Vec<(Vec<u8>, u64)>;

/// Whether the walk came to its end.
fn collect(pages: &mut Pages<Slice<'_>, NoTrace>, root: u64, from: Edge, found: &mut Entries) -> bool {
    let Ok(mut cursor) = Cursor::at_edge(pages, root, from) else { return false };
    loop {
        match cursor.next(pages) {
            Ok(Some(payload)) => {
                let node = payload.node;
                found.push((cursor.key().to_vec(), node));
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
        // Keys are as long as the trie is deep: a list of them is kept short.
        if found.len() > 4096 || cursor.key().len() > 4096 {
            return false;
        }
    }
}

/// A file as Filter.db.
pub fn check_bloom(data: &[u8]) {
    if let Ok(bloom) = Bloom::parse(data) {
        let _ = bloom.may_contain(KeyHash::of(data));
        assert_eq!(bloom.bits().len() + 8, data.len());
    }
}

/// Text as a type: one that parses prints as something that parses to it.
pub fn check_type(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(of) = CqlType::parse(text) else { return };
    assert_eq!(CqlType::parse(&of.class()), Ok(of.clone()));
    let _ = (of.cql(), of.fixed_len(), of.is_multi_cell(), of.is_counter());
}

/// The type that a number names, for bytes that choose one: all native ones, then some of each nesting.
pub fn type_of(number: u8) -> CqlType {
    const NESTED: [&str; 10] = [
        "FrozenType(ListType(Int32Type))",
        "FrozenType(SetType(UTF8Type))",
        "FrozenType(MapType(IntegerType,BytesType))",
        "TupleType(Int32Type,UTF8Type,DecimalType)",
        "FrozenType(UserType(ks,61,62:LongType,63:FrozenType(ListType(UTF8Type))))",
        "VectorType(FloatType , 3)",
        "VectorType(UTF8Type , 2)",
        "FrozenType(ListType(TupleType(UUIDType,IntegerType)))",
        "CompositeType(UTF8Type,Int32Type)",
        "PartitionerDefinedOrder(org.apache.cassandra.dht.Murmur3Partitioner:Int32Type)",
    ];
    let number = usize::from(number & 0x7f);
    match Native::all().nth(number) {
        Some(native) => CqlType::Native(native),
        None => CqlType::parse(NESTED[number % NESTED.len()]).expect("the names above are types"),
    }
}

/// A byte that chooses a type (its top bit: reversed), then bytes: as a byte-comparable form, and as a value. What has a form keeps
/// it on the way back and forth.
pub fn check_comparable(data: &[u8]) {
    let Some((&number, bytes)) = data.split_first() else { return };
    let mut of = type_of(number);
    if number & 0x80 != 0 {
        of = CqlType::Reversed(Box::new(of));
    }
    let _ = clustering_values(&[of.clone(), CqlType::Native(Native::Text)], bytes);
    check_value(&of, bytes);
    let mut value = Vec::new();
    if value_of(&of, bytes, &mut value).is_some() {
        check_value(&of, &value);
    }
}

fn check_value(of: &CqlType, value: &[u8]) {
    let mut form = Vec::new();
    if put_value(of, value, &mut form).is_err() {
        return;
    }
    // Empty elements at the end of a tuple are encoded as null, come back as null, and then are left out: once.
    let once = back_and_forth(of, &form);
    assert_eq!(back_and_forth(of, &once), once);
    assert!(once == form || once.len() < form.len());
}

fn back_and_forth(of: &CqlType, form: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    assert_eq!(value_of(of, form, &mut value), Some(()), "{of} {form:02x?}");
    let mut again = Vec::new();
    assert_eq!(put_value(of, &value, &mut again), Ok(()));
    again
}

/// Random tries against an ordered map: after `operations` lookups, seeks and walks nothing differed.
pub fn check_trie_operations(rng: &mut Rng, operations: usize) {
    let mut done = 0;
    while done < operations {
        let keys = random_keys(rng);
        let base = rng.below(3 * PAGE_LEN);
        let (file, root) = write(&keys, base);
        check_layout(&file, base, root, |flags| usize::from(flags & 7));
        let model: BTreeMap<&[u8], u64> =
            keys.iter().enumerate().map(|(i, key)| (key.as_slice(), i as u64)).collect();
        let rounds = (keys.len() * 4).clamp(16, 20_000).min(operations - done);
        let mut pages = pages(Component::Rows, &file);
        for _ in 0..rounds {
            let key = random_sought(rng, &keys);
            check_lookups(&mut pages, root, &model, &key);
            if rng.one_in(8) {
                check_seeks(&mut pages, root, &model, &key);
            }
        }
        done += rounds;
    }
}

/// A partition index of `count` keys in Murmur3 order, drained as it is built: its pages are respected, a walk gives the keys' places in order, and a
/// sample of keys is found.
pub fn check_partition_index(count: u64) {
    let of = CqlType::Native(Native::Bigint);
    let mut keys: Vec<[u8; 8]> = (0..count).map(u64::to_be_bytes).collect();
    keys.sort_by_cached_key(|key| KeyHash::of(key).token(key));
    let mut builder = PartitionsBuilder::new();
    let mut file = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        builder.add(Partitioner::Murmur3, &of, key, Place::Data(i as u64 * 220)).expect("keys ascend");
        builder.drain(&mut file);
    }
    builder.finish(&mut file).expect("keys are short");
    let mut pages = pages(Component::Partitions, &file);
    let index = PartitionIndex::open(&mut pages).expect("sound");
    check_layout(&file[..index.first_position as usize], 0, index.root, |flags| usize::from(flags - 7) + 1);
    let mut entries = index.iter(&mut pages, Edge::First).expect("sound");
    for i in 0..count {
        let found = entries.next(&mut pages).expect("sound").expect("as many as keys");
        assert_eq!(found.place, Place::Data(i * 220));
    }
    assert_eq!(entries.next(&mut pages), Ok(None));
    for (i, key) in keys.iter().enumerate().step_by(keys.len() / 1000 + 1) {
        let asked = pages.asked();
        let found = index.find(&mut pages, Partitioner::Murmur3, &of, key, KeyHash::of(key)).expect("sound");
        assert_eq!(found.map(|found| found.place), Some(Place::Data(i as u64 * 220)));
        assert!(pages.asked() - asked <= 3, "pages of one lookup");
    }
    // The hash byte lets one absent key in 256 through, to be refused by its whole key.
    let absent = (count..count + 10_000).map(u64::to_be_bytes).filter(|key| {
        let hash = KeyHash::of(key);
        index.find(&mut pages, Partitioner::Murmur3, &of, key, hash).expect("sound").is_some()
    });
    assert!(absent.count() < 80);
}

/// Sorted, unique keys of one of several shapes.
fn random_keys(rng: &mut Rng) -> Vec<Vec<u8>> {
    let count = [1, 2, 20, 300, 5000][rng.below(5) as usize];
    let shape = rng.below(5);
    let deep = if rng.one_in(8) { 6000 } else { 200 };
    let prefix = rng.below(deep) as usize;
    let mut keys: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let len = rng.below(9) as usize;
            match shape {
                // Prefixes of one another, and the empty key.
                0 => (0..len).map(|_| rng.below(3) as u8).collect(),
                // Hashes.
                1 => rng.next_u64().to_be_bytes().to_vec(),
                // Behind one long common prefix.
                2 => {
                    let mut key = alloc::vec![7; prefix];
                    key.extend((0..2).map(|_| rng.next_u64() as u8));
                    key
                }
                // All 256 branches on two levels.
                3 => (0..2).map(|_| rng.next_u64() as u8).collect(),
                // Chains of prefixes.
                _ => alloc::vec![(rng.below(2) * 200) as u8; rng.below(deep) as usize],
            }
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A key, or something beside one.
fn random_sought(rng: &mut Rng, keys: &[Vec<u8>]) -> Vec<u8> {
    let mut key = keys[rng.below(keys.len() as u64) as usize].clone();
    match rng.below(6) {
        0 => key.push(rng.next_u64() as u8),
        1 => key.truncate(rng.below(key.len() as u64 + 1) as usize),
        2 if !key.is_empty() => {
            let at = rng.below(key.len() as u64) as usize;
            key[at] = key[at].wrapping_add(if rng.one_in(2) { 1 } else { 255 });
        }
        3 => key = (0..rng.below(9)).map(|_| rng.next_u64() as u8).collect(),
        _ => {}
    }
    key
}

/// A file of `base` zero bytes and a trie, whose payloads are the numbers of the keys.
fn write(keys: &[Vec<u8>], base: u64) -> (Vec<u8>, u64) {
    let mut writer = TrieWriter::new(base);
    let mut file = alloc::vec![0; base as usize];
    for (i, key) in keys.iter().enumerate() {
        let len = vint::sized_int_len(i as i64);
        let mut payload = Vec::new();
        vint::put_sized_int(&mut payload, i as i64, len);
        writer.add(key, len as u8, &payload).expect("keys ascend");
        writer.drain(&mut file);
    }
    let root = writer.finish();
    writer.drain(&mut file);
    (file, root)
}

fn number(payload: crate::trie::Payload<'_>) -> u64 {
    let len = usize::from(payload.flags & 7);
    vint::sized_int(&payload.bytes[..len]).expect("a number was written") as u64
}

/// No node and no payload crosses a page, children precede parents, and the root ends the file. `payload_len`: by its flags.
fn check_layout(file: &[u8], base: u64, root: u64, payload_len: impl Fn(u8) -> usize) {
    let mut waiting = Vec::from([root]);
    while let Some(position) = waiting.pop() {
        assert!(position >= base);
        let page = position - position % PAGE_LEN;
        let end = (page + PAGE_LEN).min(file.len() as u64);
        let node = Node::parse(&file[page as usize..end as usize], position).expect("a node within its page");
        let payload = node.payload().map_or(0, |payload| payload_len(payload.flags));
        let node_end = position + (node.size() + payload) as u64;
        assert!(node_end <= end, "a payload crosses a page");
        assert!(position != root || node_end == file.len() as u64);
        for slot in 0..node.slots() {
            waiting.extend(node.child(slot).expect("a child before its parent"));
        }
    }
}

type Model<'k> = BTreeMap<&'k [u8], u64>;

fn check_lookups(pages: &mut Pages<Slice<'_>, NoTrace>, root: u64, model: &Model<'_>, key: &[u8]) {
    let sound = "the trie is sound";
    assert_eq!(pages.get(root, key).expect(sound).map(number), model.get(key).copied());
    let floor = model.range::<&[u8], _>(..=key).next_back().map(|entry| *entry.1);
    assert_eq!(pages.floor(root, key).expect(sound).map(number), floor);
    let ceiling = model.range::<&[u8], _>(key..).next().map(|entry| *entry.1);
    assert_eq!(pages.ceiling(root, key).expect(sound).map(number), ceiling);
    // The walk along the key stops where the nearest keys part from it; there a whole key may stand.
    let shared = |other: &[u8]| key.iter().zip(other).take_while(|(a, b)| a == b).count();
    let below = model.range::<&[u8], _>(..=key).next_back().map_or(0, |entry| shared(entry.0));
    let above = model.range::<&[u8], _>(key..).next().map_or(0, |entry| shared(entry.0));
    let stop = &key[..below.max(above)];
    let within =
        model.range::<&[u8], _>(stop..).take_while(|entry| entry.0.starts_with(stop)).take(2).count();
    let prefix = if stop == key || within == 1 { model.get(stop).copied() } else { None };
    assert_eq!(pages.get_prefix(root, key.iter().copied()).expect(sound).map(number), prefix);
}

fn check_seeks(pages: &mut Pages<Slice<'_>, NoTrace>, root: u64, model: &Model<'_>, key: &[u8]) {
    let sound = "the trie is sound";
    let mut cursor = Cursor::seek(pages, root, key, Edge::First, false).expect(sound);
    for (expected, value) in model.range::<&[u8], _>(key..).take(5) {
        assert_eq!(cursor.next(pages).expect(sound).map(number), Some(*value));
        assert_eq!(cursor.key(), *expected);
    }
    let mut cursor = Cursor::seek(pages, root, key, Edge::Last, false).expect(sound);
    for (expected, value) in model.range::<&[u8], _>(..=key).rev().take(5) {
        assert_eq!(cursor.next(pages).expect(sound).map(number), Some(*value));
        assert_eq!(cursor.key(), *expected);
    }
    if model.range::<&[u8], _>(..=key).nth(5).is_none() {
        assert_eq!(cursor.next(pages), Ok(None));
    }
}
