//! Every compression there and back, within its room, with dictionaries, and damaged.
#![allow(clippy::disallowed_methods)]

use dolmen_base::rng::Rng;
use dolmen_blocks::Libraries;
use dolmen_codec::compress::{CodecError, Codecs, Compression, Dictionary};

const ALL: [Compression; 6] = [
    Compression::Lz4,
    Compression::Snappy,
    Compression::Deflate,
    Compression::Zlib,
    Compression::Gzip,
    Compression::Zstd,
];

/// Words drawn at random: what repeats compresses.
fn words(rng: &mut Rng, len: usize) -> Vec<u8> {
    const WORDS: [&str; 6] = ["menhir ", "dolmen ", "cairn ", "stone ", "row ", "long barrow "];
    let mut out = Vec::new();
    while out.len() < len {
        out.extend(WORDS[rng.below(6) as usize].bytes());
        out.push(rng.next_u64() as u8);
    }
    out.truncate(len);
    out
}

#[test]
fn each_comes_back_and_fits_exactly() {
    let mut rng = Rng::new(1);
    for kind in ALL {
        assert!(Libraries.has(kind));
        // The contexts are used again from one length to the next.
        for len in [0, 1, 100, 5000, 70_000, 16] {
            let input = words(&mut rng, len);
            let mut packed = b"head".to_vec();
            Libraries.compress(kind, None, None, &input, &mut packed).unwrap();
            assert_eq!(&packed[..4], b"head");
            let mut out = vec![0; len];
            assert_eq!(Libraries.expand(kind, None, &packed[4..], &mut out), Ok(len), "{kind:?} {len}");
            assert_eq!(out, input, "{kind:?}");
            let mut out = vec![0; len + 100];
            assert_eq!(Libraries.expand(kind, None, &packed[4..], &mut out), Ok(len), "{kind:?} with room");
            if len > 0 {
                let short = Libraries.expand(kind, None, &packed[4..], &mut vec![0; len - 1]);
                assert_eq!(short, Err(CodecError::Room), "{kind:?} {len}");
            }
            let mut grown = Vec::new();
            Libraries.expand_to_end(kind, None, &packed[4..], len, &mut grown).unwrap();
            assert_eq!(grown, input, "{kind:?}");
        }
    }
}

#[test]
fn damage_is_an_error_or_stays_within_its_room() {
    let mut rng = Rng::new(2);
    let input = words(&mut rng, 3000);
    for kind in ALL {
        let mut packed = Vec::new();
        Libraries.compress(kind, None, None, &input, &mut packed).unwrap();
        let mut refused = 0;
        for _ in 0..500 {
            let mut damaged = packed.clone();
            let at = rng.below(damaged.len() as u64) as usize;
            damaged[at] ^= 1 << rng.below(8);
            damaged.truncate(rng.range(1, packed.len() as u64) as usize);
            refused += usize::from(Libraries.expand(kind, None, &damaged, &mut vec![0; 3000]).is_err());
        }
        assert!(refused > 300, "{kind:?}: {refused} of 500");
        // And the contexts still work.
        assert_eq!(Libraries.expand(kind, None, &packed, &mut vec![0; 3000]), Ok(3000), "{kind:?}");
    }
}

#[test]
fn a_dictionary_is_needed_where_it_was_used() {
    let mut rng = Rng::new(3);
    let dictionaries: Vec<Dictionary> = (0..12).map(|_| Dictionary::new(&words(&mut rng, 2000))).collect();
    let mut packed = Vec::new();
    for dictionary in &dictionaries {
        let input = dictionary[500..900].to_vec();
        let mut with = Vec::new();
        Libraries.compress(Compression::Zstd, Some(19), Some(dictionary), &input, &mut with).unwrap();
        let mut without = Vec::new();
        Libraries.compress(Compression::Zstd, Some(19), None, &input, &mut without).unwrap();
        assert!(with.len() < without.len() / 4, "{} and {} bytes", with.len(), without.len());
        packed.push((input, with));
    }
    // More dictionaries than a thread keeps, twice over.
    for _ in 0..2 {
        for (dictionary, (input, with)) in dictionaries.iter().zip(&packed) {
            let mut out = vec![0; 400];
            assert_eq!(Libraries.expand(Compression::Zstd, Some(dictionary), with, &mut out), Ok(400));
            assert_eq!(&out, input);
        }
    }
    let none = Libraries.expand(Compression::Zstd, None, &packed[0].1, &mut vec![0; 400]);
    assert_eq!(none, Err(CodecError::Damaged));
    let snappy = Libraries.expand(Compression::Snappy, Some(&dictionaries[0]), b"", &mut []);
    assert_eq!(snappy, Err(CodecError::Absent));
}
