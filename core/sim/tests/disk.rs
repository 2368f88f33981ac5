//! The disk keeps its promises over thousands of crashes.

use dolmen_base::Rng;
use dolmen_base::io::{Directory, IoError, OpenMode};
use dolmen_sim::{Disk, EIO, Fault, Op};

fn bytes(disk: &Disk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(name, OpenMode::Read).ok()?;
    let mut out = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(0, &mut out).unwrap();
    Some(out)
}

#[test]
fn synced_bytes_survive_and_unsynced_sectors_are_old_or_new() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..2000 {
        let disk = Disk::new();
        let file = disk.open("f", OpenMode::CreateNew).unwrap();
        file.append(&[1; 2048]).unwrap();
        file.sync().unwrap();
        Directory::sync(&disk).unwrap();
        file.write_all_at(0, &[2; 2048]).unwrap();
        file.append(&[3; 512]).unwrap();
        let found = bytes(&disk.crash(seed), "f").expect("a synced name is there");
        for (i, sector) in found.chunks(512).enumerate() {
            assert!(sector.iter().all(|b| b == &sector[0]), "a sector is a mixture");
            assert!(if i < 4 { [1, 2].contains(&sector[0]) } else { [0, 3].contains(&sector[0]) });
        }
        assert!(found.len() >= 2048, "synced length is lost");
        lost += usize::from(found[..2048].contains(&1));
        kept += usize::from(found[..2048].contains(&2));
    }
    assert!(lost > 500 && kept > 500, "crashes neither always lose nor always keep: {lost}, {kept}");
}

#[test]
fn a_rename_happens_or_does_not() {
    let mut happened = 0;
    for seed in 0..2000 {
        let disk = Disk::new();
        for (name, text) in [("CURRENT", b"old"), ("temp", b"new")] {
            let file = disk.open(name, OpenMode::CreateNew).unwrap();
            file.append(text).unwrap();
            file.sync().unwrap();
        }
        Directory::sync(&disk).unwrap();
        disk.rename("temp", "CURRENT").unwrap();
        let after = disk.crash(seed);
        match (bytes(&after, "CURRENT").as_deref(), bytes(&after, "temp").as_deref()) {
            (Some(b"new"), None) => happened += 1,
            (Some(b"old"), Some(b"new")) => {}
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!((200..1800).contains(&happened), "{happened} of 2000");
}

#[test]
fn the_same_seed_gives_the_same_disk() {
    let disk = Disk::new();
    let mut rng = Rng::new(1);
    for i in 0..20 {
        let file = disk.open(&format!("{i}"), OpenMode::CreateNew).unwrap();
        let mut text = vec![0; rng.below(3000) as usize];
        rng.fill(&mut text);
        file.append(&text).unwrap();
        if rng.one_in(2) {
            file.sync().unwrap();
        }
    }
    for seed in 0..200 {
        let all = |disk: &Disk| (0..20).map(|i| bytes(disk, &format!("{i}"))).collect::<Vec<_>>();
        assert_eq!(all(&disk.crash(seed)), all(&disk.crash(seed)));
    }
}

#[test]
fn a_full_disk_and_faults_at_the_nth_operation() {
    let disk = Disk::new();
    let file = disk.open("f", OpenMode::CreateNew).unwrap();
    disk.set_capacity(1000);
    file.append(&[1; 900]).unwrap();
    assert_eq!(file.append(&[2; 200]), Err(IoError::NoSpace));
    disk.set_capacity(10_000);
    file.append(&[3; 200]).unwrap();
    disk.fail_nth(Op::Sync, 2, Fault::Error(EIO));
    assert_eq!([file.sync(), file.sync()], [Ok(()), Err(EIO)]);
    let before = bytes(&disk, "f").unwrap();
    disk.flip_bit("f", 5, 3).unwrap();
    let after = bytes(&disk, "f").unwrap();
    assert_eq!(after[5], before[5] ^ 8);
    assert_eq!(after.iter().zip(&before).filter(|(a, b)| a != b).count(), 1);
}
