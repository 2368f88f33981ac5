//! CRC-64/NVME (NVM Express base specification; the catalogue of parametrised CRC algorithms) at every level the CPU has: the `crc` crate's sixteen tables, or folding ([`crate::fold`]).

use crc::{Crc, Table};

use crate::fold::{Keys, Level};

static KEYS: Keys = Keys::of_64(0x9a6c_9329_ac4b_c9b5);

/// The checksum of `before ++ bytes` at the CPU's fastest level; `crc` is that of `before` (0 if nothing came before).
#[inline]
pub fn extend(crc: u64, bytes: &[u8]) -> u64 {
    extend_at(Level::best(), crc, bytes)
}

/// [`extend`] at a level of the caller's choice.
#[inline]
pub fn extend_at(level: Level, crc: u64, bytes: &[u8]) -> u64 {
    match level.update(&KEYS, !crc, bytes) {
        Some(state) => !state,
        None => extend_portable(crc, bytes),
    }
}

fn extend_portable(crc: u64, bytes: &[u8]) -> u64 {
    const TABLES: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&crc::CRC_64_NVME);
    // The crate takes its initial state unreflected and before the final xor.
    let mut digest = TABLES.digest_with_initial(crc.reverse_bits() ^ u64::MAX);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge;

    #[test]
    fn value_of_the_catalogue() {
        for level in Level::available() {
            assert_eq!(extend_at(level, 0, b"123456789"), 0xae8b_1486_0a79_9888, "{}", level.name());
        }
    }

    #[test]
    fn every_level_agrees_at_every_length_and_alignment() {
        let naive = Crc::<u64, crc::NoTable>::new(&crc::CRC_64_NVME);
        for level in Level::available() {
            judge::every_length(
                level.name(),
                |bytes| extend_at(level, 0, bytes),
                |bytes| naive.checksum(bytes),
            );
        }
    }

    #[test]
    fn parts_extend_to_the_whole() {
        for level in Level::available() {
            judge::every_cut(level.name(), |crc, bytes| extend_at(level, crc, bytes));
        }
    }
}
