//! Backups in RocksDB's form: what is restored is what was there, nothing is copied twice, and damage is found on the way back.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Model, Writer, options};
use dolmen_base::Rng;
use dolmen_store::{Db, Options, StoreError, WriteOptions};

fn small() -> Options {
    Options { background_threads: 0, ..options("stringappend") }
}

fn grow(db: &Db, writer: &Writer, model: &mut Model, rng: &mut Rng, rounds: u32) {
    for _ in 0..rounds {
        let (batch, after) = writer.batch(rng, db, model);
        db.write(batch, WriteOptions::default()).unwrap();
        *model = after;
    }
}

fn restored(backups: &Path, to: &Path, writer: &Writer) -> Model {
    Db::restore(backups, to).unwrap();
    let db = Db::open(to, small()).unwrap();
    let found = writer.read(&db);
    db.close().unwrap();
    found
}

fn tables(backups: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        fs::read_dir(backups.join("shared_checksum")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn what_is_restored_is_what_was_there_and_damage_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let [path, backups] = ["db", "backups"].map(|name| scratch.path().join(name));
    let (writer, mut rng) = (Writer::default(), Rng::new(5));
    let db = Db::open(&path, Options { create_if_missing: true, ..small() }).unwrap();
    writer.create_families(&db);
    let mut model = writer.empty_model();
    grow(&db, &writer, &mut model, &mut rng, 400);
    assert_eq!(db.backup(&backups).unwrap(), 1);
    let first = tables(&backups);
    assert_eq!(restored(&backups, &scratch.path().join("one"), &writer), model);
    // Nothing new: the tables are shared.
    assert_eq!(db.backup(&backups).unwrap(), 2);
    assert_eq!(tables(&backups), first);
    grow(&db, &writer, &mut model, &mut rng, 400);
    assert_eq!(db.backup(&backups).unwrap(), 3);
    assert_eq!(restored(&backups, &scratch.path().join("three"), &writer), model);
    db.close().unwrap();
    // A directory that holds something is left alone.
    let refused = Db::restore(&backups, &path).err();
    assert!(matches!(refused, Some(StoreError::Invalid(_))), "{refused:?}");
    let list = fs::read_to_string(backups.join("meta/3")).unwrap();
    let used = tables(&backups).into_iter().find(|t| list.contains(t.file_name().unwrap().to_str().unwrap()));
    let used = used.unwrap();
    let mut bytes = fs::read(&used).unwrap();
    bytes[7] ^= 1;
    fs::write(&used, bytes).unwrap();
    let damaged = Db::restore(&backups, &scratch.path().join("four")).err();
    assert!(matches!(damaged, Some(StoreError::BackupChecksum { .. })), "{damaged:?}");
    assert!(!scratch.path().join("four").exists());
}

#[test]
fn a_directory_without_backups_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(Db::restore(scratch.path(), &scratch.path().join("x")).is_err());
    fs::create_dir(scratch.path().join("meta")).unwrap();
    let refused = Db::restore(scratch.path(), &scratch.path().join("x")).err();
    assert!(matches!(refused, Some(StoreError::Invalid(_))), "{refused:?}");
}
