//! Framing of log records, bit for bit as RocksDB and LevelDB write it (`db/log_format.h`, `db/log_writer.cc`).
//!
//! ```text
//! file       = blocks of 32,768 bytes; the last may be short
//! record     = header payload; never crosses a block border
//! header     = fixed32 masked crc | fixed16 length | u8 type                          7 bytes
//! recyclable = fixed32 masked crc | fixed16 length | u8 type | fixed32 log number    11 bytes
//! crc        = CRC-32C over type [log number] payload
//! type       = 1 full, 2 first, 3 middle, 4 last; 5-8 the recyclable twins
//! ```
//! A payload that does not fit the rest of its block is cut into first, middle and last fragments. When fewer bytes than a header
//! are left in a block they are zeros.

use alloc::vec::Vec;

use dolmen_codec::checksum;

use crate::error::Damage;
use crate::window::Bytes;

/// Bytes of a block.
pub const BLOCK_LEN: usize = 32 << 10;
/// Bytes before the payload of a plain record.
pub const HEADER_LEN: usize = 7;
/// Bytes before the payload of a recyclable record.
pub const RECYCLABLE_HEADER_LEN: usize = 11;

pub(crate) const FULL: u8 = 1;
pub(crate) const FIRST: u8 = 2;
pub(crate) const MIDDLE: u8 = 3;
pub(crate) const LAST: u8 = 4;
/// What the types of recyclable fragments are above their plain twins.
const RECYCLABLE: u8 = 4;

/// How records are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Types 1-4; the file must not hold older bytes behind its end.
    Plain,
    /// Types 5-8 with the low half of the log's number, so that records of an earlier life of the file are told apart.
    Recyclable {
        /// Low 32 bits of the log's number.
        log_number: u32,
    },
}

impl Framing {
    /// Bytes before each fragment's payload.
    pub const fn header_len(self) -> usize {
        match self {
            Framing::Plain => HEADER_LEN,
            Framing::Recyclable { .. } => RECYCLABLE_HEADER_LEN,
        }
    }
}

/// How many bytes [`append`] adds for a payload of `payload_len` bytes to a log that is `log_len` bytes long.
pub const fn encoded_len(payload_len: usize, log_len: u64, framing: Framing) -> usize {
    let header = framing.header_len();
    let in_block = (log_len % BLOCK_LEN as u64) as usize;
    let left = BLOCK_LEN - in_block;
    let (pad, room) = if left < header { (left, BLOCK_LEN - header) } else { (0, left - header) };
    if payload_len <= room {
        return pad + header + payload_len;
    }
    let rest = payload_len - room;
    pad + header + payload_len + rest.div_ceil(BLOCK_LEN - header) * header
}

/// How many zero bytes mark the end of a log that is `log_len` bytes long in a recycled file: a whole header of them, behind the rest of
/// a block that has no room for it. The next record is written over them. Without a mark, what an earlier life of the file left
/// could not be told from a torn record.
pub const fn end_mark_len(log_len: u64) -> usize {
    let left = BLOCK_LEN - (log_len % BLOCK_LEN as u64) as usize;
    if left < RECYCLABLE_HEADER_LEN { left + RECYCLABLE_HEADER_LEN } else { RECYCLABLE_HEADER_LEN }
}

/// Appends the frames of one record to `out`, for a log that is `log_len` bytes long before them.
pub fn append(payload: &[u8], log_len: u64, framing: Framing, out: &mut Vec<u8>) {
    append_parts(&[payload], log_len, framing, out);
}

/// The same of a payload that lies in parts, which are copied once.
pub fn append_parts(parts: &[&[u8]], log_len: u64, framing: Framing, out: &mut Vec<u8>) {
    let mut rest: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(encoded_len(rest, log_len, framing));
    let header = framing.header_len();
    let mut in_block = (log_len % BLOCK_LEN as u64) as usize;
    let mut parts = Parts { parts, at: 0 };
    let mut first = true;
    loop {
        if BLOCK_LEN - in_block < header {
            out.resize(out.len() + BLOCK_LEN - in_block, 0);
            in_block = 0;
        }
        let len = rest.min(BLOCK_LEN - in_block - header);
        rest -= len;
        let kind = match (first, rest == 0) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        put_fragment(kind, len, &mut parts, framing, out);
        in_block += header + len;
        first = false;
        if rest == 0 {
            return;
        }
    }
}

/// What is left of a payload in parts.
struct Parts<'a> {
    parts: &'a [&'a [u8]],
    /// Bytes of the first part that are gone.
    at: usize,
}

impl Parts<'_> {
    /// Appends the next `len` bytes; there are as many.
    fn take(&mut self, mut len: usize, out: &mut Vec<u8>) {
        while let Some((part, behind)) = self.parts.split_first()
            && len > 0
        {
            let piece = &part[self.at..];
            let piece = &piece[..piece.len().min(len)];
            out.extend_from_slice(piece);
            len -= piece.len();
            self.at += piece.len();
            if self.at == part.len() {
                (self.parts, self.at) = (behind, 0);
            }
        }
    }
}

fn put_fragment(kind: u8, len: usize, parts: &mut Parts<'_>, framing: Framing, out: &mut Vec<u8>) {
    let (kind, number) = match framing {
        Framing::Plain => (kind, None),
        Framing::Recyclable { log_number } => (kind + RECYCLABLE, Some(log_number)),
    };
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(len as u16).to_le_bytes());
    out.push(kind);
    if let Some(number) = number {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let payload = out.len();
    parts.take(len, out);
    let crc = checksum::mask(crc(kind, number, &out[payload..]));
    out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

fn crc(kind: u8, log_number: Option<u32>, payload: &[u8]) -> u32 {
    let mut crc = checksum::crc32c(&[kind]);
    if let Some(number) = log_number {
        crc = checksum::crc32c_extend(crc, &number.to_le_bytes());
    }
    checksum::crc32c_extend(crc, payload)
}

/// What stands at an offset of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fragment<'a> {
    /// Nothing more: the end of the file, or zeros up to it.
    End { start: usize },
    /// A record of an earlier life of the file.
    Stale { start: usize, number: u32 },
    /// Zeros where a header would be, in front of what an earlier life of the file left ([`end_mark_len`]).
    Mark { start: usize },
    /// The file ends inside the fragment that starts here.
    Torn { start: usize },
    /// Bytes that are no fragment.
    Bad { start: usize, damage: Damage },
    /// A fragment of a kind that is known and not read here.
    Unsupported { start: usize, kind: u8 },
    /// A fragment of a kind that may be skipped (bit 7 of its type is set).
    Skip { end: usize },
    /// A valid fragment; `kind` is the plain twin.
    Record { kind: u8, payload: &'a [u8], start: usize, end: usize },
}

/// Looks at the fragment at `at`; a block trailer is stepped over. `log_number` is needed to tell recycled records apart.
pub(crate) fn fragment_at(bytes: &[u8], at: usize, log_number: Option<u32>) -> Fragment<'_> {
    let left = BLOCK_LEN - at % BLOCK_LEN;
    // Where only a plain header would fit, a recyclable record leaves zeros.
    let zeros = || bytes.get(at..at + left).is_some_and(|rest| rest.iter().all(|&b| b == 0));
    let pad = left < HEADER_LEN || left < RECYCLABLE_HEADER_LEN && zeros();
    let start = if pad { at + left } else { at };
    let rest = bytes.get(start..).unwrap_or_default();
    if rest.iter().take(HEADER_LEN).all(|&b| b == 0) && rest.iter().all(|&b| b == 0) {
        return Fragment::End { start };
    }
    if log_number.is_some() && rest.iter().take(RECYCLABLE_HEADER_LEN).all(|&b| b == 0) {
        return Fragment::Mark { start };
    }
    let Some((&[c0, c1, c2, c3, l0, l1, kind], behind)) = rest.split_first_chunk::<HEADER_LEN>() else {
        return Fragment::Torn { start };
    };
    let (stored, len) = (u32::from_le_bytes([c0, c1, c2, c3]), usize::from(u16::from_le_bytes([l0, l1])));
    let recyclable = (FULL + RECYCLABLE..=LAST + RECYCLABLE).contains(&kind);
    let known = (FULL..=LAST + RECYCLABLE + 3).contains(&kind) || kind & 0x80 != 0;
    if !known {
        return Fragment::Bad { start, damage: Damage::Kind(kind) };
    }
    let header = if recyclable { RECYCLABLE_HEADER_LEN } else { HEADER_LEN };
    let room = (BLOCK_LEN - start % BLOCK_LEN).saturating_sub(header);
    if len > room {
        return Fragment::Bad { start, damage: Damage::Length { found: len as u64, max: room as u64 } };
    }
    let plain = behind;
    let (number, behind) = match (recyclable, behind.split_first_chunk::<4>()) {
        (false, _) => (None, behind),
        (true, Some((number, behind))) => (Some(u32::from_le_bytes(*number)), behind),
        (true, None) if is_plain(stored, len, plain) => {
            return Fragment::Bad { start, damage: Damage::Kind(kind) };
        }
        (true, None) => return Fragment::Torn { start },
    };
    let Some(payload) = behind.get(..len) else {
        return match recyclable && is_plain(stored, len, plain) {
            true => Fragment::Bad { start, damage: Damage::Kind(kind) },
            false => cut_off(start, stored, kind, number, len, behind),
        };
    };
    let (expected, found) = (checksum::unmask(stored), crc(kind, number, payload));
    if expected != found {
        return Fragment::Bad { start, damage: Damage::Checksum { expected, found } };
    }
    if let (Some(number), Some(wanted)) = (number, log_number)
        && number != wanted
    {
        return Fragment::Stale { start, number };
    }
    let end = start + header + len;
    match kind {
        9..=11 => Fragment::Unsupported { start, kind },
        k if k & 0x80 != 0 => Fragment::Skip { end },
        k => Fragment::Record { kind: if recyclable { k - RECYCLABLE } else { k }, payload, start, end },
    }
}

/// Whether the bytes behind a header are a whole plain fragment. Under a type that asks for a longer header they would look like a torn one.
fn is_plain(stored: u32, len: usize, behind: &[u8]) -> bool {
    let fits = |payload| (FULL..=LAST).any(|kind| checksum::unmask(stored) == crc(kind, None, payload));
    behind.get(..len).is_some_and(fits)
}

/// A fragment whose payload the file cuts off. If the checksum fits all the bytes there are, only its length is wrong: the
/// checksum does not cover it.
fn cut_off<'a>(
    start: usize,
    stored: u32,
    kind: u8,
    number: Option<u32>,
    len: usize,
    behind: &[u8],
) -> Fragment<'a> {
    if checksum::unmask(stored) == crc(kind, number, behind) {
        let damage = Damage::Length { found: len as u64, max: behind.len() as u64 };
        return Fragment::Bad { start, damage };
    }
    Fragment::Torn { start }
}

/// Where another record starts behind the bad fragment at `at`, if anywhere. Middle and last fragments prove nothing: they may belong to
/// the same record, of which a crash lost another part. The length of the bad one may be what is wrong, so every offset of its block is
/// tried, and then the start of each later block; behind a valid fragment the walk goes on at its end.
pub(crate) fn valid_behind(mut bytes: &[u8], at: usize, log_number: Option<u32>) -> Option<usize> {
    let Ok(found) = record_behind(&mut bytes, at, log_number, &|_| true);
    found
}

/// As [`valid_behind`], of those records for whose first fragment's payload `proves` holds.
pub(crate) fn record_behind<B: Bytes>(
    bytes: &mut B,
    at: usize,
    log_number: Option<u32>,
    proves: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<usize>, B::Error> {
    let block_after = |place: usize| place - place % BLOCK_LEN + BLOCK_LEN;
    let next_block = block_after(at);
    let mut place = at + 1;
    while place < bytes.len() {
        let (base, window) = bytes.window(place)?;
        place = match piece_at(window, place - base, log_number) {
            Some((FULL | FIRST, payload, _)) if proves(payload) => return Ok(Some(place)),
            Some((_, _, end)) => base + end,
            None if place < next_block => place + 1,
            None => block_after(place),
        };
    }
    Ok(None)
}

/// The fragment that starts exactly at `place`: plain kind, payload and end.
fn piece_at(bytes: &[u8], place: usize, log_number: Option<u32>) -> Option<(u8, &[u8], usize)> {
    // A look at the type byte first: a walk over zeros must not cost a look at all of them each.
    if !(FULL..=LAST + RECYCLABLE).contains(bytes.get(place + HEADER_LEN - 1)?) {
        return None;
    }
    match fragment_at(bytes, place, log_number) {
        Fragment::Record { kind, payload, start, end } if start == place => Some((kind, payload, end)),
        _ => None,
    }
}
