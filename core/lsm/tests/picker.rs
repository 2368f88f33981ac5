//! The picker: fixed trees, and random trees driven until nothing is left to do.

use dolmen_base::Rng;
use dolmen_base::io::FileNumber;
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::key::{SequenceNumber, ValueType, put_internal_key, user_key};
use dolmen_lsm::picker::{Choice, CompactionOptions, State, choose, targets};
use dolmen_lsm::version::Version;

const OPTIONS: CompactionOptions =
    CompactionOptions { level0_file_count_trigger: 4, base_len_max: 1000, multiplier: 10 };

fn file(level: u32, number: u64, begin: &str, end: &str, len: u64) -> NewFile {
    let number = FileNumber::new(number);
    let mut f = NewFile { level, number, epoch_number: number.get(), len, ..NewFile::default() };
    put_internal_key(&mut f.smallest, begin.as_bytes(), SequenceNumber::new(1), ValueType::Value);
    put_internal_key(&mut f.largest, end.as_bytes(), SequenceNumber::new(1), ValueType::Value);
    f
}

fn tree(files: &[NewFile]) -> Version {
    Version::default().apply(&VersionEdit { new_files: files.to_vec(), ..VersionEdit::default() }).unwrap()
}

#[test]
fn level_0_goes_to_the_base_level() {
    let four: Vec<_> = (1..=4).map(|n| file(0, n, "a", "z", 10)).collect();
    let numbers = |n: &[u64]| n.iter().map(|&n| FileNumber::new(n)).collect::<Vec<_>>();
    assert_eq!(choose(&tree(&four[..3]), &OPTIONS, &State::default()), Choice::Nothing);
    let all = Choice::Compact { from: 0, upper: numbers(&[4, 3, 2, 1]), to: 6, lower: vec![] };
    assert_eq!(choose(&tree(&four), &OPTIONS, &State::default()), all);
    let busy = State { busy: [FileNumber::new(2)].into(), outputs: vec![] };
    assert_eq!(choose(&tree(&four), &OPTIONS, &busy), Choice::Nothing);
    // A bottom level of 50,000 bytes wants 5,000 above it and a base of 500 there above.
    let deep = tree(&[file(6, 9, "a", "z", 50_000)]);
    assert_eq!(targets(&deep, &OPTIONS).base, 4);
    assert_eq!(targets(&deep, &OPTIONS).len_max[4..], [1000, 5000, 50_000]);
}

/// Every tree comes to rest, no edit breaks an invariant, and equal input gives an equal choice.
#[test]
fn random_trees_come_to_rest() {
    let mut rng = Rng::new(5);
    for _ in 0..200 {
        let mut version = Version::default();
        let mut next = 1;
        for _ in 0..40 {
            let (a, b) = (rng.below(900), rng.below(100));
            let new = file(0, next, &format!("{a:04}"), &format!("{:04}", a + b), 1 + rng.below(400));
            next += 1;
            version = version.apply(&VersionEdit { new_files: vec![new], ..VersionEdit::default() }).unwrap();
            for step in 0.. {
                assert!(step < 200, "no progress");
                let choice = choose(&version, &OPTIONS, &State::default());
                assert_eq!(choice, choose(&version, &OPTIONS, &State::default()));
                let Some(edit) = carry_out(&version, &choice, &mut next) else { break };
                version = version.apply(&edit).unwrap();
            }
            assert!(version.level(0).len() < 4);
        }
    }
}

/// The edit of a compaction that writes one table with all the bytes.
fn carry_out(version: &Version, choice: &Choice, next: &mut u64) -> Option<VersionEdit> {
    let (from, to, upper, lower) = match choice {
        Choice::Nothing => return None,
        Choice::Move { file, from, to } => (*from, *to, vec![*file], vec![]),
        Choice::Compact { from, upper, to, lower } => (*from, *to, upper.clone(), lower.clone()),
    };
    let find = |level: usize, n: &FileNumber| {
        version
            .level(level)
            .iter()
            .find(|f| f.number == *n)
            .expect("the picker names files that exist")
            .clone()
    };
    let inputs: Vec<_> =
        upper.iter().map(|n| find(from, n)).chain(lower.iter().map(|n| find(to, n))).collect();
    let text = |key: &[u8]| String::from_utf8(user_key(key).to_vec()).unwrap();
    let begin = inputs.iter().map(|f| text(&f.smallest)).min()?;
    let end = inputs.iter().map(|f| text(&f.largest)).max()?;
    let len = inputs.iter().map(|f| f.len).sum();
    *next += 1;
    let deleted =
        upper.iter().map(|&n| (from as u32, n)).chain(lower.iter().map(|&n| (to as u32, n))).collect();
    Some(VersionEdit {
        deleted_files: deleted,
        new_files: vec![file(to as u32, *next - 1, &begin, &end, len)],
        ..VersionEdit::default()
    })
}
