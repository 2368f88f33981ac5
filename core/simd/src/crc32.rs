//! CRC-32 (ISO-HDLC; RFC 1952, section 8) at every level the CPU has: the `crc` crate's sixteen tables, or folding ([`crate::fold`]).

use crc::{Crc, Table};

use crate::fold::{Keys, Level};

static KEYS: Keys = Keys::of_32(0xedb8_8320);

/// The checksum of `before ++ bytes` at the CPU's fastest level; `crc` is that of `before` (0 if nothing came before).
#[inline]
pub fn extend(crc: u32, bytes: &[u8]) -> u32 {
    extend_at(Level::best(), crc, bytes)
}

/// [`extend`] at a level of the caller's choice.
#[inline]
pub fn extend_at(level: Level, crc: u32, bytes: &[u8]) -> u32 {
    match level.update(&KEYS, u64::from(!crc), bytes) {
        Some(state) => !(state as u32),
        None => extend_portable(crc, bytes),
    }
}

fn extend_portable(crc: u32, bytes: &[u8]) -> u32 {
    const TABLES: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISO_HDLC);
    // The crate takes its initial state unreflected and before the final xor.
    let mut digest = TABLES.digest_with_initial(crc.reverse_bits() ^ u32::MAX);
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
            assert_eq!(extend_at(level, 0, b"123456789"), 0xcbf4_3926, "{}", level.name());
        }
    }

    #[test]
    fn every_level_agrees_at_every_length_and_alignment() {
        let naive = Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
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
