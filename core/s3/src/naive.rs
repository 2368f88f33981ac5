//! Plain twins: they look at everything at once, and judge what takes it in pieces.

use alloc::vec::Vec;

use crate::checksum::{Algorithm, Checksum};

/// The data of an unsigned chunked body; `None` for anything that is no whole one.
pub fn chunked(
    wire: &[u8],
    decoded_len: u64,
    trailer: Option<Algorithm>,
) -> Option<(Vec<u8>, Option<Checksum>)> {
    let mut data = Vec::new();
    let mut rest = wire;
    loop {
        let (line, behind) = line(rest)?;
        let digits =
            core::str::from_utf8(line).ok().filter(|text| !text.starts_with('+') && text.len() <= 16)?;
        let size = u64::from_str_radix(digits, 16).ok()?;
        if size > decoded_len - data.len() as u64 {
            return None;
        }
        rest = behind;
        if size == 0 {
            break;
        }
        let (chunk, behind) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        data.extend_from_slice(chunk);
        rest = behind.strip_prefix(b"\r\n")?;
    }
    let mut checksum = None;
    loop {
        let (line, behind) = line(rest)?;
        rest = behind;
        if line.is_empty() {
            break;
        }
        let line = core::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).ok()?;
        let (name, value) = line.split_once(':')?;
        let algorithm = trailer.filter(|a| name.eq_ignore_ascii_case(a.header()) && checksum.is_none())?;
        checksum = Some(Checksum::parse(algorithm, value.trim_matches([' ', '\t'])).ok()?);
    }
    let whole =
        rest.is_empty() && data.len() as u64 == decoded_len && trailer.is_some() == checksum.is_some();
    whole.then_some((data, checksum))
}

/// A line of at most 159 bytes, as many as the other remembers, and what follows.
fn line(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = wire.windows(2).position(|pair| pair == b"\r\n").filter(|&at| at < 160)?;
    Some((&wire[..at], &wire[at + 2..]))
}

/// What stands in front of the first delimiter.
pub fn until<'a>(text: &'a [u8], delimiter: &[u8]) -> Option<&'a [u8]> {
    text.windows(delimiter.len()).position(|window| window == delimiter).map(|at| &text[..at])
}
