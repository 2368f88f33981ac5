//! Write batches are byte for byte those of librocksdb (`tests/data/write_batch.txt`), and come back as the same operations.

mod common;

use common::{committed, hex, unhex};
use dolmen_lsm::batch::{BatchView, Record, WriteBatch};
use dolmen_lsm::key::FamilyId;

fn apply(batch: &mut WriteBatch, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    if let ["log", blob] = words[..] {
        return batch.put_log_data(&unhex(blob));
    }
    let (family, key) = (FamilyId::new(words[1].parse().unwrap()), unhex(words[2]));
    let value = || unhex(words[3]);
    match words[0] {
        "put" => batch.put(family, &key, &value()),
        "merge" => batch.merge(family, &key, &value()),
        "delete" => batch.delete(family, &key),
        "single" => batch.single_delete(family, &key),
        "range" => batch.delete_range(family, &key, &value()),
        other => panic!("{other}"),
    }
}

fn text(record: Record<'_>) -> String {
    let hex = |bytes: &[u8]| if bytes.is_empty() { "-".to_string() } else { hex(bytes) };
    match record {
        Record::Put { family, key, value } => format!("put {family} {} {}", hex(key), hex(value)),
        Record::Merge { family, key, operand } => format!("merge {family} {} {}", hex(key), hex(operand)),
        Record::Delete { family, key } => format!("delete {family} {}", hex(key)),
        Record::SingleDelete { family, key } => format!("single {family} {}", hex(key)),
        Record::DeleteRange { family, begin, end } => format!("range {family} {} {}", hex(begin), hex(end)),
        Record::LogData(blob) => format!("log {}", hex(blob)),
    }
}

#[test]
#[allow(clippy::disallowed_methods)]
fn batches_have_librocksdbs_bytes() {
    let golden = std::fs::read_to_string(committed().join("write_batch.txt")).unwrap();
    let (mut batch, mut operations, mut count) = (WriteBatch::new(), Vec::new(), 0);
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let Some(expected) = line.strip_prefix("= ") else {
            apply(&mut batch, line);
            operations.push(line);
            continue;
        };
        assert_eq!(hex(batch.as_bytes()), expected, "{operations:?}");
        let bytes = unhex(expected);
        let view = BatchView::parse(&bytes).unwrap();
        assert_eq!(view.records().map(text).collect::<Vec<_>>(), operations);
        batch.clear();
        operations.clear();
        count += 1;
    }
    assert_eq!(count, 32);
}
