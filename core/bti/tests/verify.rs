//! Verification: sound tables pass; a damaged byte is named or changes nothing.

mod common;

use std::path::Path;

use dolmen_base::block::ReadMode;
use dolmen_bti::component::{Component, Version};
use dolmen_bti::dump::Lines;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::slice::Slice;
use dolmen_bti::verify::{Report, verify};

use common::table::{AllCodecs, all_tables, components, files, open_files};

fn report(version: Version, files: &MemoryFiles) -> Report {
    let (digest, toc) = (files.get(Component::Digest), files.get(Component::Toc));
    verify(version, &components(files), digest, toc, files, &AllCodecs)
}

#[test]
fn sound_tables_pass() {
    let (mut tables, mut rows) = (0, 0);
    for folder in all_tables() {
        let (version, files) = files(&folder);
        let report = report(version, &files);
        assert_eq!(report.findings, [], "{}", folder.display());
        (tables, rows) = (tables + 1, rows + report.rows);
    }
    println!("{tables} tables, {rows} rows");
    assert!(tables > 5 && rows > 500);
}

/// Everything that reads give: a scan, and each partition by its key.
fn content(version: Version, files: &MemoryFiles) -> Result<Vec<String>, String> {
    let table = open_files(version, files).map_err(|e| e.to_string())?;
    let printer = Lines { context: table.context(), has_cql: false };
    let (mut out, mut keys) = (Vec::new(), Vec::new());
    let mut walk = table.walk(files, &AllCodecs, ReadMode::MayBlock, 0);
    while let Some(event) = walk.next_event().map_err(|e| e.to_string())? {
        if let dolmen_bti::data::Event::Partition(head) = &event {
            keys.push(head.key.to_vec());
        }
        let mut line = String::new();
        if printer.write(&event, &mut line).map_err(|e| e.to_string())? {
            out.push(line);
        }
    }
    for key in keys {
        let found = table.find(files, &AllCodecs, ReadMode::MayBlock, &key).map_err(|e| e.to_string())?;
        let Some(found) = found else {
            out.push("not found".into());
            continue;
        };
        for is_reversed in [false, true] {
            let slice = Slice { is_reversed, ..Slice::default() };
            let mut reader = table.read(files, &AllCodecs, ReadMode::MayBlock, found, slice);
            while let Some(event) = reader.next_event().map_err(|e| e.to_string())? {
                let mut line = String::new();
                if printer.write(&event, &mut line).map_err(|e| e.to_string())? {
                    out.push(line);
                }
            }
        }
    }
    Ok(out)
}

/// Damages bytes one after the other; gives how many were named and how many were harmless.
fn flips(folder: &Path, step: usize) -> (usize, usize) {
    let (version, sound) = files(folder);
    let sound_content = content(version, &sound).unwrap();
    let (mut named, mut harmless) = (0, 0);
    for (index, (component, bytes)) in sound.0.iter().enumerate() {
        for at in (0..bytes.len()).step_by(step) {
            // All bits of a byte take their turn, and all together theirs.
            let mask = if at % 9 == 8 { 0xff } else { 1 << (at % 9) };
            let mut damaged = sound.clone();
            damaged.0[index].1[at] ^= mask;
            if report(version, &damaged).findings.is_empty() {
                let place = format!("{} {component} byte {at} ^ {mask:#x}", folder.display());
                assert_eq!(content(version, &damaged).as_ref(), Ok(&sound_content), "{place}");
                harmless += 1;
            } else {
                named += 1;
            }
        }
    }
    (named, harmless)
}

#[test]
fn a_damaged_byte_is_named_or_harmless() {
    let (mut named, mut harmless) = (0, 0);
    for folder in all_tables() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let small = [
            "two_keys",
            "comp_none",
            "collections",
            "statics",
            "shadowable",
            "token_collisions",
            "compacted",
        ];
        if small.contains(&&*name) {
            let len: usize = files(&folder).1.0.iter().map(|file| file.1.len()).sum();
            // Every byte of the smallest ones.
            let step = if ["two_keys", "statics"].contains(&&*name) { 1 } else { 1 + len / 3000 };
            let (n, h) = flips(&folder, step);
            println!("{}: {n} named, {h} harmless", folder.display());
            (named, harmless) = (named + n, harmless + h);
        }
    }
    println!("{named} named, {harmless} harmless");
    assert!(named > 1000 && named > 50 * harmless, "{named} named, {harmless} harmless");
}

/// The indexes have no checksums: what is beside them says what is wrong.
#[test]
fn damage_in_large_indexes_is_named() {
    let Some(folder) = all_tables().into_iter().find(|folder| folder.ends_with("da/many_wide")) else {
        return;
    };
    let (version, sound) = files(&folder);
    let (mut named, mut missed) = (0, Vec::new());
    for component in [Component::Partitions, Component::Rows] {
        let index = sound.0.iter().position(|file| file.0 == component).unwrap();
        for at in (0..sound.0[index].1.len()).step_by(13) {
            let mut damaged = sound.clone();
            damaged.0[index].1[at] ^= 1 << (at % 8);
            if report(version, &damaged).findings.is_empty() {
                missed.push(damaged);
            } else {
                named += 1;
            }
        }
    }
    println!("{named} named, {} not", missed.len());
    let content_of_sound = content(version, &sound).unwrap();
    for damaged in &missed {
        assert_eq!(content(version, damaged).as_ref(), Ok(&content_of_sound));
    }
    // What is not named is a separator that still separates.
    assert!(named > 9 * missed.len(), "{named} named, {} not", missed.len());
}
