//! Whether bytes are UTF-8, and up to where.
//!
//! Text is mostly ASCII: runs of 64 bytes without an upper bit are passed over in registers; what is not goes to the standard library,
//! which names the same place at every level.

use crate::level::Level;
use crate::wide::{BYTES, Kernel, Wide};

/// The length of the longest beginning that is UTF-8, as [`core::str::Utf8Error::valid_up_to`] has it; that of all bytes if they are.
pub fn valid_up_to(level: Level, bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        at += ascii_run(level, &bytes[at..]);
        // A character does not begin before `at`, for all before it is ASCII or whole characters.
        let rest = &bytes[at..];
        let part = &rest[..rest.len().min(PART)];
        match core::str::from_utf8(part) {
            Ok(_) => at += part.len(),
            // A character that the end of the part cuts off, unless it is the end of all.
            Err(error) if error.error_len().is_none() && part.len() < rest.len() => at += error.valid_up_to(),
            Err(error) => return at + error.valid_up_to(),
        }
    }
    at
}

/// Bytes at the beginning that are ASCII, in whole blocks of 64 but for the end.
fn ascii_run(level: Level, bytes: &[u8]) -> usize {
    level.run_floats(AsciiRun(bytes))
}

struct AsciiRun<'a>(&'a [u8]);

impl Kernel for AsciiRun<'_> {
    type Out = usize;

    fn scalar(self) -> usize {
        let blocks = self.0.as_chunks::<BYTES>().0;
        BYTES * blocks.iter().take_while(|block| block.is_ascii()).count()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> usize {
        let (blocks, _) = self.0.as_chunks::<BYTES>();
        let upper = w.splat_u8(0x80);
        for (nth, block) in blocks.iter().enumerate() {
            // Not all lanes are zero: so the sum of the bits, as counts, is not.
            let found = w.count_ones(w.zero(), w.and(w.load_bytes(block), upper));
            if w.sum_u64(found) != 0 {
                return BYTES * nth;
            }
        }
        BYTES * blocks.len()
    }
}

/// Bytes that the standard library looks at before runs are tried again.
const PART: usize = 512;
