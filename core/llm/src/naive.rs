//! The plain twin: it reads a record byte by byte and judges the other.

/// The record at the start of `input` and what follows it; `None` for anything that is no whole record.
pub fn parse(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0u64;
    for (i, &byte) in input.iter().enumerate().take(5) {
        len |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let len = usize::try_from(len).ok().filter(|&len| len <= crate::limits::RECORD_LEN_MAX)?;
            return input[i + 1..].split_at_checked(len);
        }
    }
    None
}
