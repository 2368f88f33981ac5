//! The escape of byte strings: see the parent's picture.

use alloc::vec::Vec;

const ESCAPE: u8 = 0;
const ZERO_AGAIN: u8 = 0xfe;
const ZERO_DONE: u8 = 0xff;

/// Appends the escaped form of `bytes`.
pub fn put_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    // Most have no zero byte.
    if bytes.contains(&ESCAPE) {
        out.reserve(bytes.len() + 1);
        return out.extend(escaped(bytes));
    }
    out.extend_from_slice(bytes);
    out.push(ESCAPE);
}

/// The escaped form, a byte at a time.
pub fn escaped(bytes: &[u8]) -> Escaped<'_> {
    Escaped { rest: bytes, zero: false, ended: false }
}

/// Bytes of an escaped form.
#[derive(Clone, Debug)]
pub struct Escaped<'a> {
    rest: &'a [u8],
    /// Inside a run of zero bytes, of which the first is out.
    zero: bool,
    ended: bool,
}

impl Iterator for Escaped<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let (first, tail) = match self.rest.split_first() {
            Some((&first, tail)) => (Some(first), tail),
            None => (None, self.rest),
        };
        match (self.zero, first) {
            (false, Some(byte)) => {
                self.zero = byte == 0;
                self.rest = tail;
                Some(byte)
            }
            (true, Some(0)) => {
                self.rest = tail;
                Some(ZERO_AGAIN)
            }
            (true, Some(_)) => {
                self.zero = false;
                Some(ZERO_DONE)
            }
            (_, None) if self.ended => None,
            (zero, None) => {
                self.ended = true;
                Some(if zero { ZERO_AGAIN } else { ESCAPE })
            }
        }
    }
}

/// Reads an escaped form off `input` and appends what it stands for.
pub(super) fn get_escaped(input: &mut super::decode::Input<'_>, out: &mut Vec<u8>) -> Option<()> {
    loop {
        let byte = input.next()?;
        if byte != ESCAPE {
            out.push(byte);
            continue;
        }
        // The end, if no mark that a run goes on or is over follows.
        let mut ended = true;
        loop {
            match input.peek() {
                Some(ZERO_AGAIN) => out.push(0),
                Some(ZERO_DONE) => {
                    out.push(0);
                    ended = false;
                }
                _ => break,
            }
            input.next();
            if !ended {
                break;
            }
        }
        if ended {
            return Some(());
        }
    }
}
