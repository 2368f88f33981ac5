//! Every single byte of a small database changed: what is read is right, or the error names a file. Never another answer.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Model, Writer, options};
use dolmen_base::Rng;
use dolmen_base::io::{Directory, Entry, OpenMode};
use dolmen_sim::Disk;
use dolmen_store::{Db, FamilyOptions, Options, ReadOptions, StoreError, SyncPolicy, WriteOptions};

fn small() -> Options {
    let set = options("stringappend");
    let default_family =
        FamilyOptions { compression: 0, bloom_bits_per_key: 10, ..set.default_family.clone() };
    Options {
        background_threads: 0,
        auto_compaction: false,
        sync: SyncPolicy::Always,
        write_buffer_bytes: 1 << 20,
        default_family,
        ..set
    }
}

/// A database in memory: tables on two levels, a MANIFEST, an unflushed log; and every state that it went through.
fn make(writer: &Writer) -> (Disk, Model, Model) {
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap();
    writer.create_families(&db);
    let (mut rng, mut model) = (Rng::new(11), writer.empty_model());
    let mut before_last = model.clone();
    for round in 0..60 {
        let (batch, after) = writer.batch(&mut rng, &db, &model);
        db.write(batch, WriteOptions::default()).unwrap();
        before_last = std::mem::replace(&mut model, after);
        match round {
            20 => db.compact(&db.default_family(), None, None).unwrap(),
            40 => db.flush().unwrap(),
            _ => {}
        }
    }
    (disk, model, before_last)
}

/// Everything that can be read, or the first error.
fn read(db: &Db, writer: &Writer) -> Result<Model, StoreError> {
    let mut model = Model::new();
    for name in &writer.names {
        let Some(family) = db.family(name) else {
            return Err(StoreError::Invalid(format!("the family {name} is gone")));
        };
        let mut map = BTreeMap::new();
        let mut iter = db.iter(&family, ReadOptions::default())?;
        iter.seek_to_first()?;
        while iter.valid() {
            map.insert(iter.key().to_vec(), iter.value().to_vec());
            iter.next()?;
        }
        for number in 0..writer.key_count {
            let key = format!("key{number:03}").into_bytes();
            let found = db.get(&family, &key, &ReadOptions::default())?;
            assert_eq!(found.as_ref(), map.get(&key), "{name}: a lookup and the walk differ");
        }
        model.insert((*name).to_owned(), map);
    }
    Ok(model)
}

/// The files of a disk, by name.
fn files(disk: &Disk) -> Vec<(String, Vec<u8>)> {
    let bytes = |entry: &Entry| {
        let mut bytes = vec![0; entry.len as usize];
        disk.open(&entry.name, OpenMode::Read).unwrap().read_exact_at(0, &mut bytes).unwrap();
        bytes
    };
    disk.list().unwrap().iter().map(|entry| (entry.name.clone(), bytes(entry))).collect()
}

fn with_change(files: &[(String, Vec<u8>)], name: &str, at: usize) -> Disk {
    let disk = Disk::new();
    for (of, bytes) in files {
        let file = disk.open(of, OpenMode::CreateNew).unwrap();
        file.append(bytes).unwrap();
        if of == name {
            file.write_all_at(at as u64, &[bytes[at] ^ (1 << (at % 8))]).unwrap();
        }
    }
    disk
}

#[test]
fn every_changed_byte_is_harmless_or_named() {
    let writer = Writer { key_count: 30, value_len_max: 30, ..Writer::default() };
    let (disk, model, before_last) = make(&writer);
    let (mut harmless, mut named, mut torn) = (0, 0, 0);
    let files = files(&disk);
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            let copy = with_change(&files, name, at);
            let place = format!("byte {at} of {name}");
            match Db::open_in(Arc::new(copy), small()).and_then(|db| read(&db, &writer)) {
                Ok(found) if found == model => harmless += 1,
                // Damage in the last record of the log cannot be told from a write that a crash tore.
                Ok(found) if found == before_last && name.ends_with(".log") => torn += 1,
                Ok(_) => panic!("{place}: another answer"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(['.', '-']) || text.contains("CURRENT"), "{place}: {text}");
                    named += 1;
                }
            }
        }
    }
    println!("{} files: {harmless} harmless, {named} named, {torn} torn tails", files.len());
    assert!(named > 5 * harmless, "{named} named, {harmless} harmless");
    assert!(files.len() > 4);
}
