//! The seek that passes over entries against the one that compares every key, on blocks of awkward keys.

use dolmen_base::Rng;
use dolmen_lsm::block::{BlockBuilder, BlockCursor, Layout};
use dolmen_lsm::error::Part;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};

/// A user key of few letters, so that keys are prefixes of each other, and trailers look like more key.
fn user_key(rng: &mut Rng) -> Vec<u8> {
    const LETTERS: [u8; 4] = [0, 1, b'a', 0xff];
    (0..rng.below(7)).map(|_| LETTERS[rng.below(4) as usize]).collect()
}

fn internal_key(rng: &mut Rng) -> Vec<u8> {
    let (mut out, user) = (Vec::new(), user_key(rng));
    let sequence = [0, 1, 1 << 40, rng.below(1 << 56)][rng.below(4) as usize];
    let kind = if rng.below(2) == 0 { ValueType::Value } else { ValueType::Deletion };
    key::put_internal_key(&mut out, &user, SequenceNumber::new(sequence), kind);
    out
}

fn block(rng: &mut Rng) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut keys: Vec<_> = (0..rng.below(60)).map(|_| internal_key(rng)).collect();
    keys.sort_by(|a, b| key::compare(a, b));
    keys.dedup();
    let mut builder = BlockBuilder::new(1 + rng.below(20) as u32);
    keys.iter().enumerate().for_each(|(i, key)| builder.add(key, &i.to_le_bytes()[..(i % 5)]));
    (keys, builder.finish().to_vec())
}

#[test]
fn both_seeks_stand_on_the_same_entry() {
    let mut rng = Rng::new(5);
    for _ in 0..2000 {
        let (keys, bytes) = block(&mut rng);
        let layout = Layout::parse(&bytes, Part::DataBlock).unwrap();
        let mut cursor = BlockCursor::new(layout, Part::DataBlock);
        for turn in 0..40 {
            let target = match keys.get(turn) {
                Some(key) => key.clone(),
                None => internal_key(&mut rng),
            };
            cursor.seek_internal(&bytes, &target).unwrap();
            // What follows too: the key is rebuilt from what stands before it.
            for wanted in keys.iter().filter(|k| key::compare(k, &target).is_ge()) {
                assert_eq!(cursor.key(), wanted, "{target:?} in {keys:?}");
                cursor.next(&bytes).unwrap();
            }
            assert!(!cursor.valid());
        }
    }
}

#[test]
fn damaged_blocks_give_an_entry_at_or_behind_the_target_or_an_error() {
    let mut rng = Rng::new(6);
    for _ in 0..5000 {
        let (_, mut bytes) = block(&mut rng);
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.below(256) as u8;
        }
        let Ok(layout) = Layout::parse(&bytes, Part::DataBlock) else { continue };
        let (mut cursor, target) = (BlockCursor::new(layout, Part::DataBlock), internal_key(&mut rng));
        if cursor.seek_internal(&bytes, &target).is_ok() && cursor.valid() {
            assert!(key::compare(cursor.key(), &target).is_ge());
        }
    }
}
