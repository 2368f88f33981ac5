//! A database whose MANIFEST is lost, cut or damaged, or of which a table is, repaired: what was there is there, or is reported and kept beside.

mod common;

use std::sync::Arc;

use common::{Model, Writer, contents, options};
use dolmen_base::Rng;
use dolmen_base::io::{Directory, OpenMode};
use dolmen_sim::Disk;
use dolmen_store::{Db, Options, ReadOptions, StoreError, WriteOptions};

fn small() -> Options {
    Options { background_threads: 0, ..options("stringappend") }
}

/// A closed database with tables on several levels and logs, and what it holds.
fn make(seed: u64) -> (Disk, Writer, Model) {
    let (disk, writer, mut rng) = (Disk::new(), Writer::default(), Rng::new(seed));
    let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap();
    writer.create_families(&db);
    let mut model = writer.empty_model();
    for round in 0..rng.range(100, 900) {
        let (batch, after) = writer.batch(&mut rng, &db, &model);
        db.write(batch, WriteOptions::default()).unwrap();
        model = after;
        if round % 300 == 299 {
            db.compact(&db.default_family(), None, None).unwrap();
        }
    }
    db.close().unwrap();
    (disk, writer, model)
}

fn files(disk: &Disk, begin: &str, end: &str) -> Vec<String> {
    let all = disk.list().unwrap().into_iter().map(|entry| entry.name);
    all.filter(|name| name.starts_with(begin) && name.ends_with(end)).collect()
}

fn len(disk: &Disk, name: &str) -> u64 {
    disk.open(name, OpenMode::Read).unwrap().len().unwrap()
}

/// Walks and point reads say the same as the model.
fn check_contents(disk: &Disk, writer: &Writer, model: &Model, at: &str) {
    let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(&writer.read(&db), model, "{at}");
    for (name, map) in model {
        let family = db.family(name).unwrap();
        for n in 0..writer.key_count {
            let key = format!("key{n:03}").into_bytes();
            let found = db.get(&family, &key, &ReadOptions::default()).unwrap();
            assert_eq!(found.as_ref(), map.get(&key), "{at}: {name}/key{n:03}");
        }
    }
    db.close().unwrap();
}

#[test]
fn without_a_manifest_everything_comes_back() {
    for seed in 0..12 {
        let (disk, writer, model) = make(seed);
        for name in files(&disk, "MANIFEST-", "") {
            disk.delete(&name).unwrap();
        }
        if seed % 2 == 0 {
            disk.delete("CURRENT").unwrap();
        }
        assert!(Db::open_in(Arc::new(disk.clone()), small()).is_err());
        let repaired = Db::repair_in(Arc::new(disk.clone()), &small()).unwrap();
        assert!(repaired.damaged.is_empty() && repaired.report.losses.is_empty(), "{repaired:?}");
        // A family without an entry is known to the MANIFEST alone, and one without a table has its name from there.
        let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap();
        for (name, map) in &model {
            let id = writer.names.iter().position(|n| n == name).unwrap();
            let family = db.family(name).or_else(|| db.family(&format!("family-{id}")));
            let found = family.map(|f| contents(&db, &f, &ReadOptions::default())).unwrap_or_default();
            assert_eq!(&found, map, "seed {seed}: {name}");
        }
        db.close().unwrap();
    }
}

#[test]
fn a_cut_or_damaged_manifest_loses_nothing() {
    for seed in 20..32 {
        let (disk, writer, model) = make(seed);
        let manifest = files(&disk, "MANIFEST-", "").remove(0);
        let mut rng = Rng::new(seed);
        let at = rng.range(len(&disk, &manifest) / 2, len(&disk, &manifest));
        if seed % 2 == 0 {
            disk.flip_bit(&manifest, at, 3).unwrap();
        } else {
            disk.open(&manifest, OpenMode::Write).unwrap().truncate(at).unwrap();
        }
        Db::repair_in(Arc::new(disk.clone()), &small()).unwrap();
        check_contents(&disk, &writer, &model, &format!("seed {seed}"));
    }
}

#[test]
fn of_a_damaged_table_the_readable_blocks_stay() {
    let mut salvaged = 0;
    for seed in 40..52 {
        let (disk, writer, _) = make(seed);
        let table = files(&disk, "", ".sst").remove(0);
        disk.flip_bit(&table, len(&disk, &table) / 4, 5).unwrap();
        let repaired = Db::repair_in(Arc::new(disk.clone()), &small()).unwrap();
        let [damaged] = &repaired.damaged[..] else { panic!("seed {seed}: {:?}", repaired.damaged) };
        assert_eq!(damaged.file, table);
        assert_eq!(files(&disk, "", ".lost"), [format!("{table}.lost")]);
        salvaged += damaged.kept_entry_count;
        let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap();
        db.verify().unwrap();
        writer.read(&db);
        db.close().unwrap();
        // A second repair finds nothing to do.
        assert!(Db::repair_in(Arc::new(disk.clone()), &small()).unwrap().damaged.is_empty());
    }
    assert!(salvaged > 0);
}

#[test]
fn what_is_not_there_or_open_elsewhere_is_refused() {
    let empty = Disk::new();
    let refused = Db::repair_in(Arc::new(empty), &small()).err();
    assert!(matches!(refused, Some(StoreError::NoDatabase { orphans: 0, .. })), "{refused:?}");
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), small()).unwrap();
    let refused = Db::repair_in(Arc::new(disk.clone()), &small()).err();
    assert!(matches!(refused, Some(StoreError::Locked { .. })), "{refused:?}");
    db.close().unwrap();
}
